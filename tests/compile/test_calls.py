"""Whether two calls of `once()` are the same: where nobody can know, they are."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

from temporal_graph.compile.calls import Call


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Client:
    """Equals only itself."""

    def pay(self, amount: int) -> None: ...


@dataclass
class Order:
    number: int
    client: Client = field(default_factory=Client)

    def pay(self) -> None: ...


@dataclass
class Line:
    number: int

    def pay(self) -> None: ...


class Bill(BaseModel):
    total: Decimal
    lines: list[str] = []


class Array:
    """Compares as numpy's do."""

    def __init__(self, *items: int) -> None:
        self.items = items

    def __eq__(self, other: object) -> Any:
        return Array(*(a == b for a, b in zip(self.items, other.items, strict=True)))  # type: ignore[attr-defined]

    def __bool__(self) -> bool:
        raise ValueError("the truth of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


class Wrong:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


def charge(order: Any = None, amount: int = 1, *more: Any, note: str = "", **others: Any) -> None: ...


def refund(order: Any = None, amount: int = 1) -> None: ...


def logged(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    return wrapper


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Call:
    return Call.of(function, args, kwargs)


def defined(number: int) -> Callable[[], int]:
    return lambda: number


def bound(number: int) -> Callable[[], int]:
    return lambda number=number: number


LOOP: list[Any] = []
LOOP.append(LOOP)
LONG: list[Any] = [0] * 1_000
UTC_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (call(charge, 1), call(charge, order=1, amount=1)),
        (call(charge, 1), call(functools.partial(charge, 1))),
        (call(charge, {"a": [1, (2, 3)]}), call(charge, {"a": [1, (2, 3)]})),
        (call(charge, {1, 2}), call(charge, {2, 1})),
        (call(charge, 1), call(charge, 1.0)),
        (call(charge, float("nan")), call(charge, float("nan"))),
        (call(charge, [float("nan")]), call(charge, [float("nan")])),
        (call(charge, Order(1)), call(charge, Order(1))),
        (call(charge, Bill(total=Decimal(1))), call(charge, Bill(total=Decimal(1)))),
        (call(charge, Decimal(1)), call(charge, Decimal("1.0"))),
        (call(charge, UTC_NOON), call(charge, UTC_NOON.astimezone(timezone(timedelta(hours=2))))),
        (call(charge, Client()), call(charge, Client())),
        (call(charge, None), call(charge, Client())),
        (call(print, 1), call(print, 2)),
        (call(charge, threading.Lock()), call(charge, 5)),
        (call(charge, Array(1, 2)), call(charge, Array(1, 3))),
        (call(charge, {"x": Array(1, 2)}), call(charge, {"x": Array(1, 3)})),
        (call(charge, Wrong()), call(charge, Wrong())),
        (call(charge, LOOP), call(charge, [LOOP])),
        (call(Client().pay, 1), call(Client().pay, 1)),
        (call(defined(1)), call(defined(2))),
        (call(LONG.copy().append, 1), call(LONG.copy().append, 1)),
        (call(print, 1), call(print, 1)),
        (call(refund, 1, 2, 3), call(refund, 4, 5, 6)),
    ],
)
def test_calls_that_may_be_the_same(one: Call, other: Call) -> None:
    assert one.misfit(other) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (call(charge, 1), call(charge, 2)),
        (call(charge, 1), call(charge, 1, amount=2)),
        (call(charge, 1, 1, 2), call(charge, 1, 1, 2, 3)),
        (call(charge, note="a"), call(charge, note="b")),
        (call(charge, x="a"), call(charge, y="a")),
        (call(charge, [*LONG, 1]), call(charge, [*LONG, 2])),
        (call(charge, 1), call(charge, "1")),
        (call(charge, {"a": [1]}), call(charge, {"a": [2]})),
        (call(charge, {"a": 1}), call(charge, {"b": 1})),
        (call(charge, [1]), call(charge, 1)),
        (call(charge, {1, 2}), call(charge, {1, 3})),
        (call(charge, Line(1)), call(charge, Line(2))),
        (call(charge, Bill(total=Decimal(1))), call(charge, Bill(total=Decimal(2)))),
        (call(charge, Colour.RED), call(charge, Colour.BLUE)),
        (call(charge, datetime(2026, 1, 1)), call(charge, datetime(2026, 1, 2))),
        (call(functools.partial(charge, amount=1)), call(functools.partial(charge, amount=2))),
        (call(Line(1).pay), call(Line(2).pay)),
        (call(bound(1)), call(bound(2))),
    ],
)
def test_calls_with_other_arguments(one: Call, other: Call) -> None:
    assert one.misfit(other) == f"both of {one.name}(), with other arguments"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (call(charge, 1), call(refund, 1), "one of charge(), and one of refund()"),
        (call(logged(charge), 1), call(logged(refund), 1), "one of charge(), and one of refund()"),
        (call(Client().pay, 1), call(Order(1).pay), "one of pay(), and one of another pay()"),
        (call(lambda: 1), call(lambda: 2), "one of <lambda>(), and one of another <lambda>()"),
        (call(print, 1), call(str, 1), "one of print(), and one of str()"),
        (call(Client), call(Order, 1), "one of Client(), and one of Order()"),
    ],
)
def test_calls_of_other_functions(one: Call, other: Call, said: str) -> None:
    assert one.misfit(other) == said


def change_list(given: list[int]) -> None:
    given.append(2)


def change_dict(given: dict[str, list[int]]) -> None:
    given["a"].append(2)


def change_line(given: Line) -> None:
    given.number = 2


def change_bill(given: Bill) -> None:
    given.lines.append("b")


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ([1], change_list),
        ({"a": [1]}, change_dict),
        (Line(1), change_line),
        (Bill(total=Decimal(1), lines=["a"]), change_bill),
    ],
)
def test_what_is_changed_after_the_call_is_compared_as_it_was(given: Any, change: Callable[[Any], None]) -> None:
    before = copy.deepcopy(given)
    first = call(charge, given)
    change(given)
    assert first.misfit(call(charge, before)) is None
    assert first.misfit(call(charge, given)) is None
