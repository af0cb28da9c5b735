"""Classes in unions that say how they are read and written; enums by their values; names with a meaning."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import GraphRunError, TemporalGraph
from temporal_graph.codec import Codec
from temporal_graph.codec.errors import EncodeError, UnsupportedTypeError
from tests.codec.strictly import exactly


class Money:
    """It is made of a number."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        writer = core_schema.plain_serializer_function_ser_schema(lambda value: value.cents)
        return core_schema.no_info_after_validator_function(cls, core_schema.int_schema(), serialization=writer)


class EqualMoney(Money):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, EqualMoney) and other.cents == self.cents

    def __hash__(self) -> int:
        return self.cents


@dataclass
class Note:
    text: str


def cents(value: Any) -> Any:
    """A value with what is in its money."""
    if isinstance(value, Money):
        return type(value), value.cents
    if isinstance(value, dict):
        return {key: cents(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cents(item) for item in value]
    return type(value), value


@pytest.mark.parametrize("cls", [Money, EqualMoney])
def test_such_a_class_in_a_union(cls: Any) -> None:
    for type_, values in [
        (cls | str, [cls(5), "5", ""]),
        (str | cls, [cls(5), "5"]),
        (cls | int, [cls(5), 5]),
        (cls | Note | None, [cls(5), Note("a"), None]),
        (dict[str, cls] | list[cls], [{"a": cls(1)}, [cls(1)], [], {}]),
        (list[cls] | list[str], [[cls(1)], ["a"]]),
        (list[cls | str] | None, [[cls(1), "a"], None]),
    ]:
        codec = Codec().of(type_)
        for value in values:
            assert cents(codec.load(codec.write(value))) == cents(value)


def test_what_is_none_of_them() -> None:
    with pytest.raises(EncodeError, match="is none of"):
        Codec().of(Money | str).dump(1.5)


class Odd(enum.Enum):
    A = (1, 2)
    B = date(2026, 1, 1)


class Listed(enum.Enum):
    A = [1]  # noqa: RUF012 - it is what is tried
    B = [2]  # noqa: RUF012


class ByValue(BaseModel):
    model_config = ConfigDict(use_enum_values=True)
    odd: Odd
    more: list[Odd] = []
    other: Odd | None = None


def test_the_values_of_an_enum_in_place_of_its_members() -> None:
    codec = Codec().of(ByValue)
    value = ByValue(odd=Odd.A, more=[Odd.B, Odd.A], other=Odd.B)
    assert exactly(codec.load(codec.write(value))) == exactly(value)


def test_values_that_nothing_tells_apart() -> None:
    class ByList(BaseModel):
        model_config = ConfigDict(use_enum_values=True)
        listed: Listed

    ByList.model_rebuild(_types_namespace={"Listed": Listed})
    with pytest.raises(UnsupportedTypeError, match="use_enum_values=True"):
        Codec().of(ByList)


def test_an_extra_field_with_a_name_that_has_a_meaning() -> None:
    class Free(BaseModel):
        model_config = ConfigDict(extra="allow")
        known: int = 0

    with pytest.raises(EncodeError, match=r"'\$unset'"):
        Codec().of(Free).dump(Free(**{"$unset": 1}))  # pyright: ignore[reportArgumentType]


@dataclass
class Count:
    n: int = 0


def test_a_number_of_more_digits_than_python_reads() -> None:
    g = GraphBuilder(name="digits", state_type=Count, input_type=int, output_type=int)

    @g.step
    async def grow(ctx: StepContext[Count, None, int]) -> int:
        ctx.state.n = 10**5000
        return 1

    g.add(g.edge_from(g.start_node).to(grow), g.edge_from(grow).to(g.end_node))
    with pytest.raises(GraphRunError, match=r"EncodeError: The state"):
        asyncio.run(TemporalGraph(g.build()).local().proceed(inputs=1, state=Count()))
