"""What people and commands set in a state is what a node would have set: looked at more strictly than by `==`."""

from __future__ import annotations

import asyncio
import collections
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import Command, RefusedError, Send, TemporalGraph, interrupt
from tests.codec.strictly import exactly


class Corner(Enum):
    LEFT = (0, 1)
    RIGHT = (1, 0)


@dataclass(frozen=True)
class Place:
    x: int
    name: str


class Base(BaseModel):
    a: int = 0


class Sub(Base):
    b: int = 0


class Patch(BaseModel):
    name: str = ""
    email: str | None = None
    hidden: str = Field("", exclude=True)


@dataclass
class Desk:
    by_pair: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    by_corner: dict[Corner, int] = field(default_factory=dict[Corner, int])
    by_place: dict[Place, set[Place]] = field(default_factory=dict[Place, set[Place]])
    corner: Corner = Corner.LEFT
    raw: bytes = b""
    pattern: re.Pattern[str] | None = None
    latest: collections.deque[int] = field(default_factory=collections.deque[int])
    base: Base | None = None
    bases: list[Base] = field(default_factory=list[Base])
    patch: Patch = field(default_factory=Patch)
    at: datetime | None = None
    some: Any = None
    text: Json[dict[str, int]] = field(default_factory=dict[str, int])


VALUES: dict[str, Any] = {
    "by_pair": {(1, 2): "a"},
    "by_corner": {Corner.RIGHT: 1},
    "by_place": {Place(1, "a"): {Place(2, "b")}},
    "corner": Corner.RIGHT,
    "raw": b"\xff\x00",
    "pattern": re.compile("a", re.IGNORECASE),
    "latest": collections.deque([1], maxlen=3),
    "base": Sub(a=1, b=2),
    "bases": [Sub(a=1, b=2), Base(a=1)],
    "patch": Patch(name="a", hidden="b"),
    "at": datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin")),
    "some": {(1, 2): {Place(1, "a")}},
    "text": {"a": 1},
}


def graph_of(state_type: Any, seen: list[Any]) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that waits, and whose nodes look at the state."""
    g = GraphBuilder(name="desk", state_type=state_type, input_type=dict[str, int], output_type=str)
    given: dict[str, Any] = {}

    async def ask(ctx: StepContext[Any, None, dict[str, int]]) -> Command[Any] | str:
        seen.append(ctx.state)
        said = await interrupt("Go on?", response_type=str)
        return Command(update=given[said], goto=Send("look", "so")) if said in given else said

    async def look(ctx: StepContext[Any, None, str]) -> str:
        seen.append(ctx.state)
        return ctx.inputs

    asking, looking = g.step(ask, node_id="ask"), g.step(look, node_id="look")
    g.add(g.edge_from(g.start_node).to(asking), g.edge_from(asking).to(looking), g.edge_from(looking).to(g.end_node))
    given.update({name: {name: value} for name, value in VALUES.items()})
    return TemporalGraph(g.build())


async def by_hand(run: Any, update: Any) -> None:
    await run.update_state(update)
    await run.proceed("")


async def with_the_answer(run: Any, update: Any) -> None:
    await run.proceed(Command(resume="", update=update))


async def of_the_node(run: Any, update: Any) -> None:
    await run.proceed(next(iter(update)))


async def in_a_fork(run: Any, update: Any) -> None:
    past = [checkpoint async for checkpoint in run.history()]
    await run.fork(past[-1].checkpoint_id, update=update).proceed("")


WAYS = [by_hand, with_the_answer, of_the_node, in_a_fork]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", VALUES)
def test_what_is_set_is_what_the_next_node_sees(way: Any, name: str) -> None:
    seen: list[Any] = []

    async def go() -> None:
        run = graph_of(Desk, seen).local()
        await run.proceed(inputs={}, state=Desk())
        await way(run, {name: VALUES[name]})

    asyncio.run(go())
    assert exactly(getattr(seen[-1], name)) == exactly(VALUES[name])


def test_what_json_says_is_taken_as_ever() -> None:
    seen: list[Any] = []

    async def go() -> None:
        run = graph_of(Desk, seen).local()
        await run.proceed(inputs={}, state=Desk())
        await run.update_state({"at": "2026-03-28T12:00:00Z", "base": {"a": "3"}, "patch": {"name": "a"}})
        with pytest.raises(RefusedError, match="base"):
            await run.update_state({"base": 3})
        with pytest.raises(RefusedError, match="no such field"):
            await run.update_state({"other": 1})
        await run.proceed("")

    asyncio.run(go())
    state = seen[-1]
    assert (state.at.isoformat(), state.base, state.patch) == ("2026-03-28T12:00:00+00:00", Base(a=3), Patch(name="a"))


class Open(BaseModel):
    at: datetime | None = None
    left: int = 0


class Urgent(Open):
    by_pair: dict[tuple[int, int], str] = {}


class Shut(BaseModel):
    at: datetime | None = None
    reason: str = ""


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")
    at: datetime | None = None


@pytest.mark.parametrize(
    ("type_", "state", "update"),
    [
        (Open, Urgent(left=3), {"at": VALUES["at"], "by_pair": {(1, 2): "a"}}),
        (Open | Shut, Shut(reason="a"), {"at": VALUES["at"]}),
        (Open | Shut, Urgent(left=3), {"at": VALUES["at"], "by_pair": {(1, 2): "a"}}),
        (Free, Free(), {"at": VALUES["at"], "more": {(1, 2): "a"}}),
        (dict[str, datetime], {"a": VALUES["at"]}, {"b": VALUES["at"]}),
    ],
)
def test_a_state_stays_of_its_type(type_: Any, state: Any, update: Any) -> None:
    for way in (by_hand, with_the_answer, in_a_fork):
        seen: list[Any] = []

        async def go(way: Any = way, seen: list[Any] = seen) -> None:
            run = graph_of(type_, seen).local()
            await run.proceed(inputs={}, state=state)
            await way(run, update)

        asyncio.run(go())
        wanted = {**state, **update} if isinstance(state, dict) else state.model_copy(update=update)
        assert exactly(seen[-1]) == exactly(wanted), way
