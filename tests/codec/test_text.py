"""JSON text taken apart without looking into it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_graph.codec.text import compact, elements, members

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values), st.sampled_from([None, 0, 2]))
def test_members_are_the_pieces_of_an_object(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    found = members(text)
    assert {key: json.loads(piece) for key, piece in found.items()} == value
    assert all(piece in text for piece in found.values())


@given(st.lists(values), st.sampled_from([None, 0, 2]))
def test_elements_are_the_pieces_of_an_array(value: list[Any], indent: int | None) -> None:
    found = elements(json.dumps(value, indent=indent))
    assert found is not None
    assert [json.loads(piece) for piece in found] == value


@given(values)
def test_compact_says_the_same(value: Any) -> None:
    assert json.loads(compact(value)) == value


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{", '{"a"}', '{"a":}', '{"a":1', '{"a":1,}', "{1:2}", '{"a":1} x', "nul"]
)
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        members(text)


@pytest.mark.parametrize("text", ["[1", "[1,", "[,]", "[x]"])
def test_what_is_no_array(text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        elements(text)


def test_something_else_has_no_elements() -> None:
    assert elements('{"a": [1]}') is None
    assert elements("  3") is None
