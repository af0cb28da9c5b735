"""Types that a graph may declare, each with a strategy for its values."""

from __future__ import annotations

import enum
import operator
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import reduce
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict

T = TypeVar("T")
Typed: TypeAlias = tuple[Any, st.SearchStrategy[Any]]
"""A type, and its values."""


class Colour(enum.Enum):
    RED = "red"
    SEVEN = 7


class Word(enum.StrEnum):
    YES = "yes"
    NO = "no"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Approve:
    note: str
    at: datetime | None = None


@dataclass
class Reject:
    note: str
    at: datetime | None = None


@dataclass
class RejectForGood(Reject):
    until: date = date(2030, 1, 1)


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


@dataclass(slots=True, kw_only=True)
class Shape:
    corners: list[Point] = field(default_factory=list[Point])
    names: set[str] = field(default_factory=set[str])
    answer: Approve | Reject | None = None
    made: int = field(init=False, default=3)


class Money(BaseModel):
    amount: Decimal
    currency: Literal["EUR", "USD"] = "EUR"


class Gift(Money):
    to: str = ""


class Tree(BaseModel):
    value: Money | Point | None = None
    children: list[Tree] = []


class Aliased(BaseModel):
    model_config = ConfigDict(extra="allow")
    inner: bytes = Field(alias="theInner")
    hidden: int = Field(0, exclude=True)


class Many(RootModel[list[Point]]):
    pass


class Pair(NamedTuple):
    left: int
    right: str


class Settings(TypedDict, total=False):
    depth: int
    answer: Approve | Reject


class ModelBox(BaseModel, Generic[T]):
    content: T


@dataclass
class Box(Generic[T]):
    content: T


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_moments = st.datetimes(timezones=st.none() | _zones, min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))
_days = st.dates(min_value=date(2, 1, 1))
_durations = st.timedeltas(min_value=timedelta(days=-100_000), max_value=timedelta(days=100_000))
_decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12)
_points = st.builds(Point, st.integers(), st.integers())
_approvals = st.builds(Approve, _text, st.none() | _moments)
_rejections = st.builds(Reject, _text, st.none() | _moments) | st.builds(
    RejectForGood, _text, st.none() | _moments, _days
)
_money = st.builds(Money, amount=_decimals, currency=st.sampled_from(["EUR", "USD"])) | st.builds(
    Gift, amount=_decimals, to=_text
)
_trees = st.recursive(
    st.builds(Tree, value=st.none() | _money | _points),
    lambda inner: st.builds(Tree, value=_money, children=st.lists(inner, max_size=2)),
    max_leaves=4,
)

HASHABLE: list[Typed] = [
    (int, st.integers()),
    (bool, st.booleans()),
    (str, _text),
    (bytes, st.binary(max_size=8)),
    (date, _days),
    (timedelta, _durations),
    (Decimal, _decimals),
    (uuid.UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Word, st.sampled_from(Word)),
    (Level, st.sampled_from(Level)),
    (Point, _points),
    (Pair, st.builds(Pair, st.integers(), _text)),
    (Literal["a", 1, False], st.sampled_from(["a", 1, False])),
    (tuple[int, str], st.tuples(st.integers(), _text)),
]
"""Types whose values can be in a set, or keys."""

OTHERS: list[Typed] = [
    (float, st.floats(allow_nan=False)),
    (datetime, _moments),
    (time, st.times()),
    (IPv4Address, st.ip_addresses(v=4)),
    (PurePosixPath, st.sampled_from(["a", "/b/c", "."]).map(PurePosixPath)),
    (Approve, _approvals),
    (Reject, _rejections),
    (Money, _money),
    (Tree, _trees),
    (
        Shape,
        st.builds(
            Shape,
            corners=st.lists(_points, max_size=2),
            names=st.sets(_text, max_size=3),
            answer=st.none() | _approvals | _rejections,
        ),
    ),
    (Aliased, st.builds(Aliased, theInner=st.binary(max_size=4), hidden=st.integers(), other=_text)),
    (Many, st.builds(Many, st.lists(_points, max_size=2))),
    (
        Settings,
        st.fixed_dictionaries({}, optional={"depth": st.integers(), "answer": _approvals | _rejections}),
    ),
]
"""All the others that have no parameters."""

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text | st.just("$type"), inner, max_size=3),
    max_leaves=8,
)
ANY: list[Typed] = [
    (
        Any,
        st.recursive(
            _json | _moments | _durations | _decimals | st.binary(max_size=4) | st.uuids() | _approvals | _money,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.tuples(inner, inner)
                | st.sets(st.integers() | _text | _days, max_size=3)
                | st.dictionaries(st.integers() | _text | st.tuples(st.integers(), _text), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
]
"""Where nothing is declared; the classes among its values are declared elsewhere in the graph."""


def _containers(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    hashable = st.sampled_from(HASHABLE)
    return st.one_of(
        inner.map(lambda t: (list[t[0]], st.lists(t[1], max_size=3))),
        inner.map(lambda t: (tuple[t[0], ...], st.lists(t[1], max_size=3).map(tuple))),
        inner.map(lambda t: (t[0] | None, st.none() | t[1])),
        inner.map(lambda t: (dict[str, t[0]], st.dictionaries(_text, t[1], max_size=3))),
        inner.map(lambda t: (ModelBox[t[0]], t[1].map(lambda value: ModelBox[t[0]](content=value)))),
        inner.map(lambda t: (Box[t[0]], t[1].map(Box))),
        st.tuples(inner, inner).map(lambda p: (tuple[p[0][0], p[1][0]], st.tuples(p[0][1], p[1][1]))),
        st.tuples(hashable, inner).map(
            lambda p: (dict[p[0][0], p[1][0]], st.dictionaries(p[0][1], p[1][1], max_size=3))
        ),
        hashable.map(lambda t: (set[t[0]], st.sets(t[1], max_size=3))),
        hashable.map(lambda t: (frozenset[t[0]], st.frozensets(t[1], max_size=3))),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda ts: (reduce(operator.or_, [t[0] for t in ts]), st.one_of(*[t[1] for t in ts]))
        ),
    )


TYPES: st.SearchStrategy[Typed] = st.recursive(st.sampled_from([*HASHABLE, *OTHERS, *ANY]), _containers, max_leaves=4)
"""Any type of these, any value of it."""


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and of the same types through and through."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict):
        return one == other and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, set | frozenset):
        return one == other and {(type(item), item) for item in one} == {(type(item), item) for item in other}
    if isinstance(one, BaseModel):
        return one == other and is_same(dict(one), dict(other))
    if hasattr(one, "__dataclass_fields__"):
        return one == other and all(
            is_same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__
        )
    if isinstance(one, datetime):
        return one == other and one.utcoffset() == other.utcoffset()
    return bool(one == other)
