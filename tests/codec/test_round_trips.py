"""Every value comes back as what it was: equal, and of the same type, all the way down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from temporal_graph.codec import Codec
from tests.codec.types import ANY, HASHABLE, OTHERS, TYPES, Approve, Gift, Money, RejectForGood, is_same


def new_codec() -> Codec:
    codec = Codec()
    codec.declare(Approve, RejectForGood, Money, Gift)
    return codec


CODEC = new_codec()


@pytest.mark.parametrize(
    ("type_", "values"), [*HASHABLE, *OTHERS, *ANY], ids=lambda item: getattr(item, "__name__", "")
)
def test_a_value_comes_back_as_what_it_was(type_: Any, values: st.SearchStrategy[Any]) -> None:
    codec = CODEC.of(type_)

    @settings(deadline=None, max_examples=60)
    @given(values)
    def check(value: Any) -> None:
        written = codec.dump(value)
        assert is_same(codec.load(written), value)
        assert is_same(codec.load_python(json.loads(written)), value)

    check()


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_values_of_types_made_of_others_come_back_too(data: st.DataObject) -> None:
    type_, values = data.draw(TYPES)
    event(str(getattr(type_, "__origin__", type_)))
    codec = new_codec().of(type_)
    for _ in range(3):
        value = data.draw(values)
        written = codec.dump(value)
        read = codec.load(written)
        assert is_same(read, value)
        again = codec.dump(read)
        assert codec.dump(codec.load(again)) == again, "the same value is always written in the same way"
