"""Unions whose members are told apart by members of enums."""

from __future__ import annotations

import enum
import json
from dataclasses import make_dataclass
from datetime import date
from typing import Annotated, Any, Literal, Union

import pytest
from pydantic import Discriminator, Field, Tag, create_model

from temporal_graph.codec import Codec
from tests.codec.strictly import exactly


class Text(enum.StrEnum):
    A = "a"
    B = "b"


class OldText(str, enum.Enum):  # noqa: UP042 - it is another kind
    A = "a"
    B = "b"


class Plain(enum.Enum):
    A = "a"
    B = "b"


class Number(enum.IntEnum):
    A = 1
    B = 2


class PlainNumber(enum.Enum):
    A = 1
    B = 2


class Odd(enum.Enum):
    A = (1, 2)
    B = date(2026, 1, 1)


class Mixed(enum.Enum):
    A = 1
    B = "1"


KINDS: list[Any] = [Text, OldText, Plain, Number, PlainNumber, Odd, Mixed]


def only(member: Any) -> Any:
    literal: Any = Literal
    return literal[member]


def model(name: str, **fields: Any) -> Any:
    return create_model(name, **fields)


def told_by(field: str, *choices: Any) -> Any:
    union: Any = Union
    return Annotated[union[choices], Field(discriminator=field)]


def of_models(kind: Any) -> tuple[Any, Any]:
    first = model("First", kind=(only(kind.A), kind.A), n=(int, 0))
    third = model("Third", kind=(only(kind.B), ...))
    return first, model("Second", kind=(only(kind.B), ...), inner=(told_by("kind", first, third) | None, None))


def of_dataclasses(kind: Any) -> tuple[Any, Any]:
    first = make_dataclass("First", [("kind", only(kind.A), kind.A), ("n", int, 0)])
    return first, make_dataclass("Second", [("kind", only(kind.B)), ("inner", first | None, None)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [of_models, of_dataclasses])
def test_what_an_enum_tells_apart_comes_back(kind: Any, classes: Any) -> None:
    first, second = classes(kind)
    union = told_by("kind", first, second)
    values = [first(), first(kind=kind.A, n=1), second(kind=kind.B), second(kind=kind.B, inner=first(n=2))]
    for type_, value in [
        (list[union], values),
        (dict[str, union], {"a": values[2]}),
        (union | None, values[3]),
        (union | str, values[0]),
        (tuple[union | int, ...], tuple(values)),
    ]:
        codec = Codec().of(type_)
        assert exactly(codec.load(codec.write(value))) == exactly(value)


@pytest.mark.parametrize("kind", KINDS)
def test_one_in_another(kind: Any) -> None:
    low = model("Low", kind=(only(kind.A), ...), size=(Literal["low"], "low"))
    high = model("High", kind=(only(kind.A), ...), size=(Literal["high"], "high"))
    other = model("Other", kind=(only(kind.B), ...))
    codec = Codec().of(list[told_by("kind", told_by("size", low, high), other)])
    values = [high(kind=kind.A), other(kind=kind.B), low(kind=kind.A)]
    assert exactly(codec.load(codec.write(values))) == exactly(values)


@pytest.mark.parametrize("kind", [Text, OldText, Plain, Number, PlainNumber])
def test_a_function_may_look_at_the_value(kind: Any) -> None:
    first, second = model("First", kind=(only(kind.A), ...)), model("Second", kind=(only(kind.B), ...))

    def tag(value: Any) -> str:
        return kind(value["kind"] if isinstance(value, dict) else value.kind).name

    union: Any = Annotated[Annotated[first, Tag("A")] | Annotated[second, Tag("B")], Discriminator(tag)]
    codec = Codec().of(list[union])
    values = [second(kind=kind.B), first(kind=kind.A)]
    assert json.loads(codec.write(values)) == [{"kind": kind.B.value}, {"kind": kind.A.value}]
    assert exactly(codec.load(codec.write(values))) == exactly(values)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Literal[Text.A, "a"], [Text.A, "a"]),
        (Literal["a", Text.A], [Text.A, "a"]),
        (Literal[Number.A, 1, True], [Number.A, 1, True]),
        (Literal[Plain.A, Text.A, "b"], [Plain.A, Text.A, "b"]),
        (Literal[Mixed.A, Mixed.B, None], [Mixed.A, Mixed.B, None]),
        (Literal[Odd.A, b"x", 0, False], [Odd.A, b"x", 0, False]),
    ],
)
def test_a_literal_of_equal_values(type_: Any, values: list[Any]) -> None:
    codec = Codec().of(list[type_])
    assert exactly(codec.load(codec.write(values))) == exactly(values)
    assert exactly(Codec().of(type_ | float).load(Codec().of(type_ | float).write(values[1]))) == exactly(values[1])


def test_an_earlier_form_is_read() -> None:
    """What is in the histories of runs: the member of an enum in a literal by how Python shows it."""
    codec = Codec().of(Literal[Plain.A, Text.B])
    assert [codec.load(json.dumps(repr(value))) for value in (Plain.A, Text.B)] == [Plain.A, Text.B]
    assert [codec.load('"a"'), codec.load('"b"')] == [Plain.A, Text.B]
