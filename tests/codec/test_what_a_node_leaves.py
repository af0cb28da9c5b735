"""Whatever node code does to a state, the next node sees: looked at more strictly than by `==`."""

from __future__ import annotations

import collections
import copy
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from temporal_graph.codec import Codec
from temporal_graph.codec.plan import plan_of
from temporal_graph.engine.state import Writes, apply, diff
from tests.codec.strictly import exactly

ZONES = [None, UTC, timezone(timedelta(hours=2)), ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Cairo")]


class Note(BaseModel):
    text: str = ""
    at: datetime | None = None
    number: int | float | bool = 0
    tags: set[str] = Field(default_factory=set)


class LongNote(Note):
    pages: int = 1


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 0


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: set[str] = Field(default_factory=set)


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Puppy(Dog):
    months: int = 0


class Pair(TypedDict, total=False):
    left: int
    right: Decimal


@dataclass
class Rich:
    at: datetime = datetime(2026, 1, 1)
    part: float = 0.0
    number: int | float | bool = 0
    price: Decimal = Decimal(0)
    either: int | str | list[int] | tuple[int, ...] = 0
    notes: list[Note] = field(default_factory=list[Note])
    note: Note | None = None
    free: Free = field(default_factory=Free)
    pet: Annotated[Dog | Cat, Field(discriminator="kind")] = field(default_factory=Dog)
    by_name: dict[str, Note] = field(default_factory=dict[str, Note])
    ordered: collections.OrderedDict[str, int] = field(default_factory=collections.OrderedDict[str, int])
    by_key: dict[tuple[int, bool], float] = field(default_factory=dict[tuple[int, bool], float])
    counts: collections.Counter[str] = field(default_factory=collections.Counter[str])
    latest: collections.deque[int] = field(default_factory=lambda: collections.deque[int](maxlen=3))
    groups: collections.defaultdict[str, list[int]] = field(
        default_factory=lambda: collections.defaultdict[str, list[int]](list)
    )
    tags: set[int | str] = field(default_factory=set[int | str])
    pair: Pair = field(default_factory=Pair)
    anything: Any = None


names = st.sampled_from(["a", "b", "c", "d"])
moments = st.builds(
    lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold),
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)),
    st.sampled_from(ZONES),
    st.integers(0, 1),
)
floats = st.sampled_from([0.0, -0.0, 1.0, 1.5, float("inf"), float("nan")])
numbers = st.sampled_from([0, 1, True, False, 1.0, 0.0, -0.0, 2])
decimals = st.sampled_from([Decimal(text) for text in ("0", "-0", "1", "1.0", "1.00", "NaN", "1E+2")])
note_fields = st.fixed_dictionaries(
    {}, optional={"text": names, "at": st.none() | moments, "number": numbers, "tags": st.sets(names, max_size=2)}
)
notes = note_fields.map(lambda fields: Note(**fields)) | note_fields.map(lambda fields: LongNote(pages=2, **fields))
pets = st.sampled_from([Dog(), Dog(kind="dog"), Cat(), Cat(lives=9), Puppy(months=1), Puppy(tricks={"sit"})])
anything = st.recursive(
    st.none() | numbers | names | decimals | moments | notes,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.tuples(inner)
        | st.dictionaries(names | st.integers(0, 2), inner, max_size=3)
        | st.sets(st.integers(0, 2) | names, max_size=2)
    ),
    max_leaves=5,
)


def in_order(pair: Any) -> Any:
    """A typed dict in the order in which it comes back, that of its declaration."""
    return {key: pair[key] for key in Pair.__annotations__ if key in pair}


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "at": moments,
    "part": floats,
    "number": numbers,
    "price": decimals,
    "either": st.sampled_from([0, "0", [0, 1], (0, 1), [], ()]),
    "notes": st.lists(notes, max_size=3),
    "note": st.none() | notes,
    "free": st.dictionaries(names | st.just("known"), st.integers(0, 2), max_size=3).map(lambda items: Free(**items)),
    "pet": pets,
    "by_name": st.dictionaries(names, notes, max_size=3),
    "ordered": st.dictionaries(names, st.integers(0, 2), max_size=4).map(collections.OrderedDict),
    "by_key": st.dictionaries(st.tuples(st.integers(0, 1), st.booleans()), floats, max_size=3),
    "counts": st.lists(names, max_size=4).map(collections.Counter),
    "latest": st.builds(collections.deque, st.lists(st.integers(0, 3), max_size=4), st.sampled_from([None, 1, 3])),
    "groups": st.dictionaries(names, st.lists(st.integers(0, 2), max_size=2), max_size=3).map(
        lambda items: collections.defaultdict(list, items)
    ),
    "tags": st.sets(st.integers(0, 2) | names, max_size=3),
    "pair": st.fixed_dictionaries({}, optional={"left": st.integers(0, 2), "right": decimals}).map(in_order),
    "anything": anything,
}


@st.composite
def changed(draw: Any, value: Any) -> Any:
    """What code makes of a value: in place, or another in its place that may be equal."""
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(list(value)))
        how = draw(st.sampled_from(["to the end", "to the front", "anew", "sort", "pop"]))
        if how == "to the end":
            value[key] = value.pop(key)
        elif how == "to the front":
            first = value.pop(key)
            rest = dict(value)
            value.clear()
            value[key] = first
            value.update(rest)
        elif how == "sort":
            items = dict(sorted(value.items(), key=repr))
            value.clear()
            value.update(items)  # of pairs a Counter would count how many there are
        elif how == "pop":
            value.pop(key)
        return value
    if isinstance(value, list) and value:
        how = draw(st.sampled_from(["reverse", "append", "pop", "insert"]))
        if how == "reverse":
            value.reverse()
        elif how == "append":
            value.append(copy.deepcopy(value[0]))
        elif how == "insert":
            value.insert(0, copy.deepcopy(value[-1]))
        else:
            value.pop(0)
        return value
    if isinstance(value, Note):
        name = draw(st.sampled_from(["text", "at", "number", "tags"]))
        how = draw(st.sampled_from(["the same", "mutate", "unset", "set"]))
        if how == "the same":
            setattr(value, name, getattr(value, name))
        elif how == "mutate":
            value.tags ^= {"a"}
        elif how == "unset":
            value.__pydantic_fields_set__.discard(name)
        else:
            setattr(value, name, draw({"text": names, "at": moments, "number": numbers}.get(name, st.just({"b"}))))
        return value
    if isinstance(value, Decimal):
        return value.quantize(Decimal("0.00")) if value.is_finite() else value
    if isinstance(value, datetime):
        return value.replace(tzinfo=draw(st.sampled_from(ZONES)), fold=1 - value.fold)
    if isinstance(value, collections.deque):
        return collections.deque(value, draw(st.sampled_from([None, 2, 3])))
    return value


CODECS = Codec()
CODECS.of(list[Note | LongNote])
CODEC = CODECS.of(Rich)
PLAN = plan_of(Rich, CODECS)


def next_sees(before: Rich, after: Rich) -> Rich:
    """What the next node gets: what a node left crosses as a delta, and the state as JSON."""
    state = json.loads(CODEC.dump(before))
    delta = json.loads(json.dumps(diff(state, json.loads(CODEC.dump(after)), PLAN)))
    merged = apply(state, delta, PLAN, base=state, writes=Writes())
    return CODEC.load(json.dumps(merged))


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_next_node_sees_exactly_what_was_left(data: st.DataObject) -> None:
    fields = data.draw(st.fixed_dictionaries({}, optional=VALUES))
    before = CODEC.load(CODEC.dump(Rich(**fields)))
    assert exactly(before) == exactly(Rich(**fields))
    after = copy.deepcopy(before)
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(list(VALUES)))
        if data.draw(st.booleans()):
            setattr(after, name, data.draw(VALUES[name]))
        else:
            value = getattr(after, name)
            if name == "number":
                value = data.draw(st.sampled_from([kind(value) for kind in (bool, int, float) if kind(value) == value]))
            setattr(after, name, data.draw(changed(value)))
    after.pair = in_order(after.pair)
    assert exactly(next_sees(before, after)) == exactly(after)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("ordered", {"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("by_key", {(0, True): 0.0}, {(0, True): -0.0}),
        ("number", 1, True),
        ("number", 1.0, 1),
        ("part", 0.0, -0.0),
        ("price", Decimal("1.0"), Decimal("1.00")),
        ("either", [0, 1], (0, 1)),
        ("note", Note(), Note(text="")),
        ("note", Note(tags={"a"}), LongNote(tags={"a"})),
        ("notes", [Note()], [LongNote()]),
        ("pet", Dog(), Dog(kind="dog")),
        ("pet", Dog(), Puppy()),
        ("latest", collections.deque([1], 3), collections.deque([1], 4)),
        ("anything", {"a": 1, "b": 1}, {"b": 1, "a": 1}),
        ("anything", {1: 1, 2: 1}, {2: 1, 1: 1}),
        ("anything", {"a": (1,)}, {"a": [1]}),
        ("anything", {1}, frozenset({1})),
        ("at", datetime(2026, 7, 1, 12, tzinfo=ZONES[2]), datetime(2026, 7, 1, 12, tzinfo=ZONES[3])),
        ("free", Free(b=1, a=2), Free(a=2, b=1)),
        ("tags", {1, "1"}, {"1", 2}),
    ],
)
def test_changes_between_equal_values(name: str, before: Any, after: Any) -> None:
    if name == "ordered":
        before, after = collections.OrderedDict(before), collections.OrderedDict(after)
    seen = next_sees(Rich(**{name: before}), Rich(**{name: after}))
    assert exactly(getattr(seen, name)) == exactly(after)
    assert exactly(seen) == exactly(Rich(**{name: after}))
