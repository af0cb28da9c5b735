"""Graphs whose nodes write what is not declared, and validators that look at a clock, or raise what they like."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, FutureDatetime, field_validator, model_validator
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy

from temporal_graph import Command, InterruptibleGraph, InterruptNode, NodeOptions, Required, TemporalGraph, interrupt

ONCE = RetryPolicy(maximum_attempts=1)
TAX = {"eu": 20, "us": 0}


class Stock(BaseModel):
    """A state with rules of every kind."""

    number: Annotated[int, Field(ge=0)] = 1
    region: str = "eu"
    name: str = "a"

    @field_validator("region")
    @classmethod
    def known(cls, region: str) -> str:
        TAX[region]
        return region

    @field_validator("name")
    @classmethod
    def lower(cls, name: str) -> str:
        if not name.islower():
            raise ValueError("a name is in lower case")
        return name

    @model_validator(mode="after")
    def fits(self) -> Stock:
        assert self.number < 100 or self.region == "us", "too many for the eu"
        return self


async def writes(ctx: StepContext[Stock, None, str]) -> str:
    """Breaks the rule that its input names, or gives back its input."""
    if ctx.inputs == "nothing":
        return None  # type: ignore[return-value]
    if ctx.inputs == "number":
        ctx.state.number = -1
    elif ctx.inputs == "region":
        ctx.state.region = "mars"
    elif ctx.inputs == "name":
        ctx.state.name = "B"
    elif ctx.inputs == "both":
        ctx.state.number = 200
    elif ctx.inputs == "type":
        ctx.state.number = "many"  # type: ignore[assignment]
    return ctx.inputs


async def commands(ctx: StepContext[Stock, None, str]) -> str | Command[Any]:
    """The same, by a command."""
    values: dict[str, Any] = {"number": {"number": -1}, "region": {"region": "mars"}, "name": {"name": "B"}}
    return Command(goto="second", update=values[ctx.inputs])


async def second(ctx: StepContext[Stock, None, Any]) -> str:
    """Reads what the first has written."""
    return f"{ctx.state.number} {ctx.inputs}"


def two(name: str, first: Any, **options: Any) -> TemporalGraph:
    """A graph of two nodes."""
    g = GraphBuilder(name=name, state_type=Stock, input_type=str, output_type=str)
    one, two = g.step(first, node_id="first"), g.step(second, node_id="second")
    g.add(g.edge_from(g.start_node).to(one), g.edge_from(one).to(two), g.edge_from(two).to(g.end_node))
    return TemporalGraph(g.build(), **options)


writing = two("writing", writes, options=NodeOptions(retry_policy=ONCE))
commanding = two("commanding", commands)
asking = two("asking", writes, options=NodeOptions(on_failure="interrupt", retry_policy=ONCE))


def _change(ctx: StepContext[Stock, None, str]) -> str:
    kind = ctx.inputs
    if kind == "number":
        ctx.state.number = -1
    elif kind == "region":
        ctx.state.region = "mars"
    elif kind == "nothing":
        return None  # type: ignore[return-value]
    return kind


def _transforming() -> TemporalGraph:
    g = GraphBuilder(name="changing", state_type=Stock, input_type=str, output_type=str)
    step = g.step(second, node_id="second")
    g.add(g.edge_from(g.start_node).transform(_change).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build())


transforming = _transforming()


def _ending() -> TemporalGraph:
    g = GraphBuilder(name="ending", input_type=int, output_type=Annotated[int, Field(ge=0)])

    async def same(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    step = g.step(same, node_id="same")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build())


ending = _ending()


@dataclass
class Pick(BaseNode[None, None, str]):
    """Makes another node of what it is told."""

    what: str

    async def run(self, ctx: GraphRunContext[None]) -> Pack | End[str]:
        return Pack(self.what) if self.what != "end" else End(None)  # type: ignore[arg-type]


@dataclass
class Pack(BaseNode[None, None, str]):
    """Takes what is not empty."""

    what: Annotated[str, Field(min_length=1)]

    async def run(self, ctx: GraphRunContext[None]) -> End[str]:
        return End(self.what)


picking = InterruptibleGraph([Pick, Pack], name="picking", options=NodeOptions(retry_policy=ONCE))


# -- At the start -----------------------------------------------------------------------------------------------------


class Loud(BaseException):
    """What no `except Exception` catches."""


RAISES: dict[str, Callable[[], BaseException]] = {
    "key": lambda: KeyError("mars"),
    "stop": lambda: StopIteration("so"),
    "exit": lambda: SystemExit("so"),
    "keyboard": lambda: KeyboardInterrupt("so"),
    "generator": lambda: GeneratorExit("so"),
    "cancelled": lambda: asyncio.CancelledError("so"),
    "recursion": lambda: RecursionError("so"),
    "loud": lambda: Loud("so"),
    "type": lambda: TypeError("so"),
}


def refuse(what: str) -> str:
    """Raises what it is told to."""
    if what in RAISES:
        raise RAISES[what]()
    return what


class Careless(BaseModel):
    """A state with a validator that raises what it likes."""

    what: str = ""

    @field_validator("what")
    @classmethod
    def checked(cls, what: str) -> str:
        return refuse(what)


@dataclass
class Order:
    """An input that raises what it likes."""

    what: str = ""

    def __post_init__(self) -> None:
        refuse(self.what)


def _starting() -> TemporalGraph:
    g = GraphBuilder(name="starting", state_type=Careless, input_type=Order, output_type=str)

    async def ask(ctx: StepContext[Careless, None, Order]) -> str:
        return (await interrupt("so?", response_type=Order)).what

    step = g.step(ask, node_id="ask")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build())


starting = _starting()


# -- Clocks -----------------------------------------------------------------------------------------------------------


@dataclass
class Clock:
    """Whether it is late."""

    is_late: bool = False

    def check(self) -> None:
        if self.is_late:
            raise ValueError("too late")


CLOCK = Clock()


@dataclass
class Offer:
    """A dataclass that refuses to be made late."""

    until: FutureDatetime
    what: str

    def __post_init__(self) -> None:
        CLOCK.check()


class Deal(BaseModel):
    """A model whose validators refuse when it is late."""

    offer: Offer
    text: str = "a"
    seen: list[str] = Field(default_factory=list[str])

    @field_validator("text")
    @classmethod
    def in_time(cls, text: str) -> str:
        CLOCK.check()
        return text

    @field_validator("seen", mode="wrap")
    @classmethod
    def also_in_time(cls, seen: Any, handler: Callable[[Any], list[str]]) -> list[str]:
        CLOCK.check()
        return handler(seen)

    @model_validator(mode="after")
    def altogether_in_time(self) -> Deal:
        CLOCK.check()
        return self

    def model_post_init(self, context: Any) -> None:
        CLOCK.check()


@dataclass
class Sign(InterruptNode[Deal, None, list[str]]):
    """Waits, with an offer in its hands."""

    offer: Offer
    by: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Deal]) -> Close:
        ctx.state.seen.append(f"signed by {self.by}")
        return Close(self.offer)


@dataclass
class Close(BaseNode[Deal, None, list[str]]):
    """Passes on what it got."""

    offer: Offer

    async def run(self, ctx: GraphRunContext[Deal]) -> End[list[str]]:
        assert isinstance(ctx.state.offer, Offer)
        assert isinstance(self.offer.until, datetime)
        ctx.state.seen.append(self.offer.what)
        return End(ctx.state.seen)


signing = InterruptibleGraph([Sign, Close], name="signing", options=NodeOptions(retry_policy=ONCE))


def _offering() -> TemporalGraph:
    g = GraphBuilder(name="offering", state_type=Deal, input_type=Offer, output_type=list[Offer])

    async def wait(ctx: StepContext[Deal, None, Offer]) -> Offer:
        await interrupt("go on?")
        return ctx.inputs

    def look(ctx: StepContext[Deal, None, Offer]) -> Offer:
        ctx.state.seen.append("looked")
        return ctx.inputs

    step = g.step(wait, node_id="wait")
    join = g.join(reduce_list_append, initial_factory=list[Offer], node_id="all")
    g.add(
        g.edge_from(g.start_node).transform(lambda ctx: [ctx.inputs, ctx.inputs]).map(fork_id="each").to(step),
        g.edge_from(step).transform(look).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build(), options=NodeOptions(retry_policy=ONCE))


offering = _offering()


@dataclass
class Signed:
    """What a node waits for, too."""

    is_open: bool = False


def being_offered(execution: Any) -> TemporalGraph:
    """A node that is given an offer by a person, and runs again when that is too late."""
    g = GraphBuilder(name=f"being_offered_{execution}", state_type=Signed, input_type=bool, output_type=Offer)

    async def wait(ctx: StepContext[Signed, None, bool]) -> Offer:
        offer = await interrupt("What do you offer?", response_type=Offer)
        if ctx.inputs and not ctx.state.is_open:
            raise ConnectionError("nobody there")
        await interrupt("go on?")
        return offer

    step = g.step(wait, node_id="wait")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    retry = None if execution == "workflow" else ONCE
    options = NodeOptions(execution=execution, retry_policy=retry, on_failure="interrupt")
    return TemporalGraph(g.build(), options=options)


being_offered_graphs = {execution: being_offered(execution) for execution in ("activity", "local", "workflow")}


@dataclass
class Old:
    """A state of an older release."""

    owner: str = ""
    numbers: list[int] = field(default_factory=list[int])


@dataclass
class New:
    """The same in a newer one."""

    owner: int
    more: int


def of_release(state: Any, output: Any) -> TemporalGraph:
    """A graph with a state and an output that another release has changed."""
    g = GraphBuilder(name="released", state_type=state, input_type=str, output_type=output)

    async def wait(ctx: StepContext[Any, None, str]) -> Any:
        await interrupt("go on?")
        return "so"

    step = g.step(wait, node_id="wait")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build())


old, new = of_release(Old, str), of_release(New, int)


def _collecting() -> TemporalGraph:
    g = GraphBuilder(name="collecting", input_type=list[int], output_type=list[str])

    async def ask(ctx: StepContext[None, None, int]) -> str:
        if ctx.inputs:
            await interrupt("go on?")
        return "so"

    def reduce(current: list[str], value: str) -> list[str]:
        return [*current, object()]  # type: ignore[list-item]

    step = g.step(ask, node_id="ask")
    join = g.join(reduce, initial_factory=list[str], node_id="all")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build(), max_history_events=10)


collecting = _collecting()


NUMBERS = [itertools.count()]


def _remembering() -> TemporalGraph:
    g = GraphBuilder(name="remembering", input_type=str, output_type=str)

    async def ask(ctx: StepContext[None, None, str]) -> str:
        return await interrupt("go on?", response_type=str)

    def is_first(value: Any) -> bool:
        return next(NUMBERS[0]) == 0  # which its code does not show

    left, right = g.step(ask, node_id="left"), g.step(ask, node_id="right")
    g.add(
        g.edge_from(g.start_node).to(
            g.decision(node_id="which").branch(g.match(str, matches=is_first).to(left)).branch(g.match(str).to(right))
        ),
        g.edge_from(left, right).to(g.end_node),
    )
    return TemporalGraph(g.build())


remembering = _remembering()


class Until(BaseModel):
    """What is valid until then."""

    at: FutureDatetime


@dataclass
class Latest:
    until: Until | None = None


def _making(who: str) -> TemporalGraph[Any, Any, Any, Any]:
    """What runs in the workflow makes something that is valid for a while, as its output or in the state."""
    g = GraphBuilder(name=f"making_{who}", state_type=Latest, input_type=str, output_type=str)

    def until(ctx: StepContext[Latest, None, str]) -> Until:
        return Until.model_construct(at=datetime.fromisoformat(ctx.inputs))

    def until_in_the_state(ctx: StepContext[Latest, None, str]) -> None:
        ctx.state.until = until(ctx)

    async def make(ctx: StepContext[Latest, None, str]) -> Until:
        return until(ctx)

    async def ask(ctx: StepContext[Latest, None, Any]) -> str:
        return await interrupt("go on?", response_type=str)

    asks = g.step(ask, node_id="ask")
    if who == "node":
        makes = g.step(make, node_id="make")
        g.add(g.edge_from(g.start_node).to(makes), g.edge_from(makes).to(asks))
    else:
        g.add(g.edge_from(g.start_node).transform(until if who == "transform" else until_in_the_state).to(asks))
    g.add(g.edge_from(asks).to(g.end_node))
    return TemporalGraph(g.build(), node_options={"make": NodeOptions(execution="workflow")} if who == "node" else None)


making_graphs = {who: _making(who) for who in ("transform", "state", "node")}


def _drifting() -> TemporalGraph:
    g = GraphBuilder(name="drifting", input_type=str, output_type=str)

    async def note(ctx: StepContext[None, None, str]) -> str:
        return ctx.inputs

    async def ask(ctx: StepContext[None, None, str]) -> str:
        return await interrupt("go on?", response_type=str)

    def number(ctx: StepContext[None, None, str]) -> str:
        return f"{ctx.inputs}{next(NUMBERS[0])}"  # which its code does not show

    first, second = g.step(note, node_id="first"), g.step(ask, node_id="second")
    g.add(
        g.edge_from(g.start_node).transform(number).to(first),
        g.edge_from(first).to(second),
        g.edge_from(second).to(g.end_node),
    )
    return TemporalGraph(g.build())


drifting = _drifting()
