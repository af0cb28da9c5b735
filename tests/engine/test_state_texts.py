"""Values as texts: made in a quicker way where they are short, and compared as such where they are long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_graph.engine.state import diff
from temporal_graph.engine.trees import LONG, same, text_of

SCALARS: Any = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES: Any = st.recursive(SCALARS, lambda v: st.lists(v, max_size=6) | st.dictionaries(st.text(), v, max_size=3))


@given(VALUES)
def test_a_text_is_that_of_json(value: Any) -> None:
    assert text_of(value) == json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0.0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ([1, [2]], [1, [2.0]]), ("a", "b")],
)
def test_a_long_list_is_compared_as_a_short_one(one: Any, other: Any) -> None:
    def around(value: Any) -> list[Any]:
        return [[number] for number in range(LONG)] + [value]

    assert same(around(one), around(one))
    assert not same(around(one), around(other))
    assert not same(around(one), around(one)[1:])
    assert diff(around(one), around(one)) == []
    assert diff({"x": around(one)}, {"x": around(other)}) != []
