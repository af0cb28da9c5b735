"""What cannot be written is told by its field, with the value and what is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pytest
from pydantic import BaseModel

from temporal_graph.codec import Codec, EncodeError

T = TypeVar("T")


@dataclass
class Line:
    qty: int = 0
    sku: str = "x" * 20


@dataclass
class Box(Generic[T]):
    held: T


@dataclass
class Basket:
    qty: str = "many"


class Size(BaseModel):
    width: int = 0
    parts: dict[str, Line] = {}


@dataclass
class State:
    lines: list[Line] = field(default_factory=lambda: [Line() for _ in range(200)])
    size: Size = field(default_factory=Size)
    counts: dict[str, int] = field(default_factory=dict[str, int])
    either: int | list[int] = 0
    maybe: Line | None = None
    box: Box[int] = field(default_factory=lambda: Box(1))
    own: Any = None


def qty(state: Any) -> None:
    state.lines[150].qty = "7"


def width(state: Any) -> None:
    state.size.width = "7"


def part(state: Any) -> None:
    state.size.parts["left"] = Line(qty="7")  # type: ignore[arg-type]


def count(state: Any) -> None:
    state.counts["left"] = "7"


def either(state: Any) -> None:
    state.either = "7"


def maybe(state: Any) -> None:
    state.maybe = 7


def basket(state: Any) -> None:
    state.maybe = Basket()


def box(state: Any) -> None:
    state.box.held = "7"


def unknown(state: Any) -> None:
    state.lines[3].sku = object


CHANGES: list[tuple[Callable[[Any], None], str]] = [
    (qty, "lines.150.qty: expected int (it is '7')"),
    (width, "size.width: expected int (it is '7')"),
    (part, "size.parts.left.qty: expected int (it is '7')"),
    (count, "counts: expected int (it is '7')"),
    (either, "either: '7' is none of int, list[int], which are declared"),
    (maybe, "maybe: 7 is no Line, which is declared"),
    (basket, "maybe: Basket(qty='many') is no Line, which is declared"),
    (box, "box: expected int (it is '7')"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_a_value_of_another_type_is_told_by_its_field(change: Callable[[Any], None], said: str) -> None:
    state = State()
    change(state)
    with pytest.raises(EncodeError) as wrong:
        Codec().of(State).dump(state)
    assert str(wrong.value).endswith(f"is not what is declared, State: {said}")


def test_what_json_has_not_is_told_by_its_field() -> None:
    state = State()
    unknown(state)
    with pytest.raises(EncodeError, match=r"State: lines\.3\.sku: "):
        Codec().of(State).dump(state)


def test_an_item_of_a_list() -> None:
    with pytest.raises(EncodeError, match=r": 1\.qty: expected int \(it is '7'\)$"):
        Codec().of(list[Line]).dump([Line(), Line(qty="7")])  # type: ignore[arg-type]


def test_another_class_with_fields_of_the_same_names_is_what_is_wrong() -> None:
    with pytest.raises(EncodeError, match=r"expected Line|is no Line"):
        Codec().of(Line).dump(Basket())


def test_a_value_that_holds_itself_has_an_end() -> None:
    @dataclass
    class Ring:
        next: Any = None

    ring = Ring()
    ring.next = [ring]
    with pytest.raises(EncodeError):
        Codec().of(Any).dump(ring)
