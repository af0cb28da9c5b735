"""Graphs that ask people while they continue as new all the time: a run keeps going round until its deps say stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    JoinNode,
    StepContext,
    reduce_list_append,
)

from temporal_graph import InterruptibleGraph, InterruptNode, NodeOptions, Required, TemporalGraph, interrupt


@dataclass
class Control:
    """What a test tells the nodes; lives on its worker."""

    is_over: bool = False
    laps: int = 0


@dataclass
class Log:
    """What the nodes did."""

    lines: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Again:
    """Once more."""

    lap: int


@dataclass(frozen=True)
class Over:
    """The last lap."""

    lap: int


_g = GraphBuilder(name="busy", state_type=Log, deps_type=Control, input_type=list[str], output_type=list[str])


@_g.step
async def begin(ctx: StepContext[Log, Control, list[str]]) -> list[str]:
    """Where the lanes part."""
    return ctx.inputs


@_g.step
async def spin(ctx: StepContext[Log, Control, int]) -> Again | Over:
    """Keeps the run moving."""
    ctx.deps.laps += 1
    return Over(ctx.inputs) if ctx.deps.is_over else Again(ctx.inputs + 1)


@_g.step
async def ask(ctx: StepContext[Log, Control, str]) -> str:
    """Asks about one item, in an activity."""
    answer = await interrupt(ctx.inputs, response_type=str)
    ctx.state.lines.append(f"ask {ctx.inputs}")
    return f"{ctx.inputs}={answer}"


@_g.step(node_id="ask_here")
async def ask_here(ctx: StepContext[Log, Control, list[str]]) -> str:
    """Asks twice, in the workflow."""
    first = await interrupt("first", response_type=str)
    second = await interrupt("second", response_type=str)
    ctx.state.lines.append("ask_here")
    return f"{first}-{second}"


_answers = _g.join(reduce_list_append, initial_factory=list[str], node_id="answers")


@dataclass
class Sign(InterruptNode[Log, Control, list[str]]):
    """Waits for a name."""

    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Log, Control]) -> Annotated[JoinNode[Log, Control], _answers]:
        ctx.state.lines.append("sign")
        return _answers.as_node(f"signed {self.name}")


def first_lap(ctx: StepContext[Log, Control, list[str]]) -> int:
    return 0


def blank(ctx: StepContext[Log, Control, list[str]]) -> Sign:
    return Sign()


def next_lap(ctx: StepContext[Log, Control, Again]) -> int:
    return ctx.inputs.lap


def arrived(ctx: StepContext[Log, Control, Over]) -> str:
    return "spun"


_g.add(
    _g.node(Sign),
    _g.edge_from(_g.start_node).to(begin),
    _g.edge_from(begin).broadcast(
        lambda e: [
            e.transform(first_lap).to(spin),
            e.map(fork_id="each").to(ask),
            e.to(ask_here),
            e.transform(blank).to(Sign),
        ],
        fork_id="lanes",
    ),
    _g.edge_from(spin).to(
        _g.decision(node_id="more")
        .branch(_g.match(Again).transform(next_lap).to(spin))
        .branch(_g.match(Over).transform(arrived).to(_answers))
    ),
    _g.edge_from(ask, ask_here).to(_answers),
    _g.edge_from(_answers).to(_g.end_node),
)
busy = TemporalGraph(_g.build(), node_options={"ask_here": NodeOptions(execution="workflow")}, max_history_events=12)
"""Goes round, and asks: about each of its inputs, for a name, and two questions one after the other."""


@dataclass
class Quiz(BaseNode[Log, Control, list[str]]):
    """Asks one question after the other."""

    count: int
    answers: list[str] = field(default_factory=list[str])

    async def run(self, ctx: GraphRunContext[Log, Control]) -> Quiz | Sheet | End[list[str]]:
        number = len(self.answers)
        if number == self.count:
            return End(self.answers)
        if number % 2:
            return Sheet(self.count, self.answers)
        answer = await interrupt({"number": number}, response_type=str)
        ctx.state.lines.append(answer)
        return Quiz(self.count, [*self.answers, answer])


@dataclass
class Sheet(InterruptNode[Log, Control, list[str]]):
    """Asks every second one as an interrupt node."""

    count: int
    answers: list[str]
    answer: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Log, Control]) -> Quiz:
        assert self.answer is not None
        ctx.state.lines.append(self.answer)
        return Quiz(self.count, [*self.answers, self.answer])


quiz = InterruptibleGraph([Quiz, Sheet], name="quiz", max_history_events=10)
