"""More graphs of the histories of release 0.3: of what people answer and edit, and nodes count. Never change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, FutureDatetime, Json, PastDatetime
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import InterruptPolicy, Merge, NodeOptions, TemporalGraph, answers, interrupt
from tests.replay.release_0_3 import Book

_make: Any = GraphBuilder
HERE = NodeOptions(execution="workflow")

# -- Who may answer ---------------------------------------------------------------------------------------------------

_s = _make(name="release_3_signing", state_type=Book, output_type=str)


@_s.step
async def sign(ctx: StepContext[Book, None, None]) -> str:
    who = "ann" if ctx.state.edits < 1_000 else f"boss {ctx.state.edits}"
    policy = InterruptPolicy(assignees=[who], only_assignees=True)
    said = await interrupt("Sign?", response_type=bool, policy=policy, key="sign")
    return f"{said} by {[each.actor for each in answers()]}"


_s.add(_s.edge_from(_s.start_node).to(sign), _s.edge_from(sign).to(_s.end_node))
_signing = _s.build()
signing = TemporalGraph(_signing)
short_signing = TemporalGraph(_signing, name="release_3_short_signing", max_history_events=24)

# -- Answers with rules that change with the time ---------------------------------------------------------------------


def _polite(word: str) -> str:
    if word == "no":
        raise ValueError("not like that")
    return word


_c = _make(name="release_3_choosing", state_type=Book, output_type=list[str])


async def _choose(shown: str) -> str:
    begins = await interrupt(f"{shown}: until when?", response_type=FutureDatetime)
    ended = await interrupt(f"{shown}: since when?", response_type=PastDatetime)
    word = await interrupt(f"{shown}: how?", response_type=Annotated[str, AfterValidator(_polite)])
    return f"{word}, {begins.astimezone(UTC) > ended.astimezone(UTC)}"


@_c.step
async def choose(ctx: StepContext[Book, None, None]) -> str:
    return await _choose("there")


@_c.step
async def choose_here(ctx: StepContext[Book, None, str]) -> list[str]:
    return [ctx.inputs, await _choose("here")]


_c.add(
    _c.edge_from(_c.start_node).to(choose),
    _c.edge_from(choose).to(choose_here),
    _c.edge_from(choose_here).to(_c.end_node),
)
_choosing = _c.build()
_options: dict[str, Any] = {"node_options": {"choose_here": HERE}}
choosing = TemporalGraph(_choosing, **_options)
short_choosing = TemporalGraph(_choosing, name="release_3_short_choosing", max_history_events=24, **_options)

# -- States that are more than JSON -----------------------------------------------------------------------------------


@dataclass
class Dog:
    name: str
    bites: bool = False


@dataclass
class Cat:
    name: str
    bites: bool = False


@dataclass
class Zoo:
    opens: datetime
    pet: Dog | Cat
    cages: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    tags: set[str] = field(default_factory=set[str])
    data: bytes = b""


@dataclass
class Aquarium(Zoo):
    water: float = 1.5


@dataclass
class Lent:
    kind: Literal["lent"]
    days: int
    to: Dog | Cat


@dataclass
class Sold:
    kind: Literal["sold"]
    price: int


def _keeping(name: str, state: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = _make(name=name, state_type=state, output_type=str)

    async def keep(ctx: Any) -> str:
        for _ in range(2):
            await interrupt("Is all in order?", response_type=bool, key=f"{len(answers())}")
        return type(ctx.state).__name__

    keep.__annotations__ = {"ctx": StepContext[state, None, None], "return": str}
    node = g.step(keep)
    g.add(g.edge_from(g.start_node).to(node), g.edge_from(node).to(g.end_node))
    return TemporalGraph(g.build(), max_history_events=24)


keeping_zoo = _keeping("release_3_keeping_zoo", Zoo)
keeping_union = _keeping("release_3_keeping_union", Lent | Sold)

# -- Numbers wherever they are ----------------------------------------------------------------------------------------


@dataclass
class Places:
    pair: Any = (0, "a")
    items: list[int] = field(default_factory=lambda: [0])
    text: Json[dict[str, int]] = field(default_factory=lambda: {"a": 0})


def _counting(name: str, **options: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = _make(name=name, state_type=Places, input_type=list[str], output_type=int)

    @g.step
    async def count(ctx: StepContext[Places, None, str]) -> int:
        if ctx.inputs == "pair":
            ctx.state.pair = (ctx.state.pair[0] + 1, "b")
        elif ctx.inputs == "items":
            ctx.state.items = [1, 0, 7]
        else:
            ctx.state.text["a"] += 1
        return 1

    counted = g.join(_plus, initial=0, node_id="counted")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(count),
        g.edge_from(count).to(counted),
        g.edge_from(counted).to(g.end_node),
    )
    return TemporalGraph(g.build(), **options)


def _plus(one: int, other: int) -> int:
    return one + other


# -- What the workflow makes, and what a node there forgets -----------------------------------------------------------


class Until(BaseModel):
    at: FutureDatetime


def _until(ctx: Any) -> Until:
    return Until.model_construct(at=datetime.fromisoformat(ctx.inputs))


async def _make_until(ctx: StepContext[Book, None, str]) -> Until:
    return _until(ctx)


async def _hear(ctx: StepContext[Book, None, Until]) -> str:
    return await interrupt("Go on?", response_type=str)


def _until_when(name: str, *, by_node: bool) -> TemporalGraph[Any, Any, Any, Any]:
    g = _make(name=name, state_type=Book, input_type=str, output_type=str)
    hears, path = g.step(_hear, node_id="hear"), g.edge_from(g.start_node)
    if by_node:
        makes = g.step(_make_until, node_id="make")
        g.add(path.to(makes))
        path = g.edge_from(makes)
    else:
        path = path.transform(_until)
    g.add(path.to(hears), g.edge_from(hears).to(g.end_node))
    return TemporalGraph(g.build(), node_options={"make": HERE} if by_node else None)


until_by_node = _until_when("release_3_until_by_node", by_node=True)
until_by_transform = _until_when("release_3_until_by_transform", by_node=False)

_f = _make(name="release_3_forgetful", state_type=Book, output_type=str)


@_f.step
async def forget(ctx: StepContext[Book, None, None]) -> str:
    return f"said: {bool(interrupt('Sure?'))}"


_f.add(_f.edge_from(_f.start_node).to(forget), _f.edge_from(forget).to(_f.end_node))
forgetful = TemporalGraph(_f.build(), options=HERE)

careless_places = _counting("release_3_careless_places")
summed_places = _counting("release_3_summed_places", numbers=Merge.sum)

GRAPHS = (
    until_by_node,
    until_by_transform,
    forgetful,
    careless_places,
    summed_places,
    signing,
    short_signing,
    choosing,
    short_choosing,
    keeping_zoo,
    keeping_union,
)
