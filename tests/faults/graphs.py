"""Graphs whose nodes write down when they start and when they finish."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    StepContext,
    reduce_dict_update,
    reduce_list_append,
)
from temporalio.common import RetryPolicy

from temporal_graph import (
    InterruptibleGraph,
    InterruptNode,
    NodeOptions,
    Required,
    Send,
    TemporalGraph,
    interrupt,
    send_to,
)
from tests.faults.journal import Journal

QUICK = NodeOptions(
    heartbeat_timeout=timedelta(seconds=2),
    start_to_close_timeout=timedelta(minutes=2),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=1), maximum_attempts=50
    ),
)
"""A lost worker is noticed within seconds."""


@dataclass
class Path:
    """Where a walk has been."""

    steps: list[int] = field(default_factory=list[int])
    total: int = 0


@dataclass
class Walk(BaseNode[Path, Journal, int]):
    """One step of a walk."""

    number: int
    length: int

    async def run(self, ctx: GraphRunContext[Path, Journal]) -> Walk | End[int]:
        async with ctx.deps.at("Walk", self.number):
            ctx.state.steps.append(self.number)
            ctx.state.total += self.number
            if self.number == self.length:
                return End(ctx.state.total)
            return Walk(self.number + 1, self.length)


walk = InterruptibleGraph([Walk], name="walk", options=QUICK)
short_walk = InterruptibleGraph([Walk], name="short_walk", options=QUICK, max_history_events=20)
local_walk = InterruptibleGraph(
    [Walk], name="local_walk", options=NodeOptions(execution="local", retry_policy=QUICK.retry_policy)
)


@dataclass
class Case:
    """What people said about a case."""

    notes: list[str] = field(default_factory=list[str])


@dataclass
class Prepare(BaseNode[Case, Journal]):
    """Comes before the questions."""

    subject: str

    async def run(self, ctx: GraphRunContext[Case, Journal]) -> Sign:
        async with ctx.deps.at("Prepare"):
            ctx.state.notes.append(f"prepared {self.subject}")
            return Sign()


@dataclass
class Sign(InterruptNode[Case, Journal]):
    """Waits for a signature."""

    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Case, Journal]) -> Confirm:
        async with ctx.deps.at("Sign"):
            ctx.state.notes.append(f"signed by {self.name}")
            return Confirm()


@dataclass
class Confirm(BaseNode[Case, Journal]):
    """Asks in the middle of its run."""

    async def run(self, ctx: GraphRunContext[Case, Journal]) -> Close:
        async with ctx.deps.at("Confirm"):
            answer = await interrupt({"sure?": ctx.state.notes[-1]}, response_type=bool)
            ctx.state.notes.append(f"confirmed: {answer}")
            return Close()


@dataclass
class Close(BaseNode[Case, Journal, str]):
    """Comes after them."""

    async def run(self, ctx: GraphRunContext[Case, Journal]) -> End[str]:
        async with ctx.deps.at("Close"):
            return End("; ".join(ctx.state.notes))


case = InterruptibleGraph([Prepare, Sign, Confirm, Close], name="case", options=QUICK)
short_case = InterruptibleGraph(
    [Prepare, Sign, Confirm, Close], name="short_case", options=QUICK, max_history_events=10
)


@dataclass
class Seen:
    """What parallel branches found: a list that grows, a set, a dict."""

    order: list[str] = field(default_factory=list[str])
    words: set[str] = field(default_factory=set[str])
    lengths: dict[str, int] = field(default_factory=dict[str, int])


_f = GraphBuilder(name="fan", state_type=Seen, deps_type=Journal, input_type=list[str], output_type=list[str])


@_f.step
async def work(ctx: StepContext[Seen, Journal, str]) -> str:
    """The first half of a branch."""
    async with ctx.deps.at("work", ctx.inputs):
        ctx.state.order.append(ctx.inputs)
        ctx.state.words.add(ctx.inputs)
        return ctx.inputs


@_f.step
async def polish(ctx: StepContext[Seen, Journal, str]) -> str:
    """The second half."""
    async with ctx.deps.at("polish", ctx.inputs):
        ctx.state.lengths[ctx.inputs] = len(ctx.inputs)
        return ctx.inputs.upper()


@_f.step
async def collect(ctx: StepContext[Seen, Journal, list[str]]) -> list[str]:
    """Comes after the join."""
    async with ctx.deps.at("collect"):
        return sorted(ctx.inputs)


_all = _f.join(reduce_list_append, initial_factory=list[str], node_id="all")
_f.add(
    _f.edge_from(_f.start_node).map(fork_id="each").to(work),
    _f.edge_from(work).to(polish),
    _f.edge_from(polish).to(_all),
    _f.edge_from(_all).to(collect),
    _f.edge_from(collect).to(_f.end_node),
)
fan = TemporalGraph(_f.build(), options=QUICK)
short_fan = TemporalGraph(_f.build(), name="short_fan", options=QUICK, max_history_events=20)

_m = GraphBuilder(name="mixed", state_type=Seen, deps_type=Journal, input_type=list[str], output_type=list[int])


@_m.step
async def scatter(ctx: StepContext[Seen, Journal, list[str]]) -> set[str]:
    """Gives a set, whose order is another in each process, to a map and to a step beside it."""
    async with ctx.deps.at("scatter"):
        ctx.state.words |= set(ctx.inputs)
        return set(ctx.inputs)


@_m.step
async def measure(ctx: StepContext[Seen, Journal, str]) -> dict[str, int]:
    """One word."""
    async with ctx.deps.at("measure", ctx.inputs):
        ctx.state.lengths[ctx.inputs] = len(ctx.inputs)
        ctx.state.words.add(ctx.inputs.upper())
        return {ctx.inputs: len(ctx.inputs)}


@_m.step
async def add_up(ctx: StepContext[Seen, Journal, dict[str, int]]) -> int:
    """All words."""
    async with ctx.deps.at("add_up"):
        return sum(ctx.inputs.values())


@_m.step
async def count(ctx: StepContext[Seen, Journal, set[str]]) -> int:
    """How many there are."""
    async with ctx.deps.at("count"):
        return len(ctx.inputs)


@_m.step
async def conclude(ctx: StepContext[Seen, Journal, list[int]]) -> list[int]:
    """Comes last."""
    async with ctx.deps.at("conclude"):
        return sorted(ctx.inputs)


_lengths = _m.join(
    reduce_dict_update, initial_factory=dict[str, int], node_id="lengths", preferred_parent_fork="closest"
)
_both = _m.join(reduce_list_append, initial_factory=list[int], node_id="both")
_m.add(
    _m.edge_from(_m.start_node).to(scatter),
    _m.edge_from(scatter).broadcast(lambda e: [e.map(fork_id="words").to(measure), e.to(count)], fork_id="lanes"),
    _m.edge_from(measure).to(_lengths),
    _m.edge_from(_lengths).to(add_up),
    _m.edge_from(add_up, count).to(_both),
    _m.edge_from(_both).to(conclude),
    _m.edge_from(conclude).to(_m.end_node),
)
mixed = TemporalGraph(_m.build(), options=QUICK)

_h = GraphBuilder(name="hearing", state_type=Seen, deps_type=Journal, input_type=list[str], output_type=list[str])


@_h.step
async def invite(ctx: StepContext[Seen, Journal, list[str]]) -> list[Send]:
    """Sends people to one node, and the others to another one."""
    async with ctx.deps.at("invite"):
        return [Send("hear" if name.istitle() else "note", name) for name in ctx.inputs]


@_h.step
async def hear(ctx: StepContext[Seen, Journal, str]) -> str:
    """Asks a person."""
    async with ctx.deps.at("hear", ctx.inputs):
        ctx.state.order.append(ctx.inputs)
        return f"{ctx.inputs}: {await interrupt(ctx.inputs, response_type=str)}"


@_h.step
async def note(ctx: StepContext[Seen, Journal, str]) -> str:
    """Asks nobody."""
    async with ctx.deps.at("note", ctx.inputs):
        return f"{ctx.inputs}: noted"


_heard = _h.join(reduce_list_append, initial_factory=list[str], node_id="heard")
_h.add(
    _h.edge_from(_h.start_node).to(invite),
    _h.edge_from(invite).map(fork_id="invited").to(send_to(_h, hear, note)),
    _h.edge_from(hear, note).to(_heard),
    _h.edge_from(_heard).to(_h.end_node),
)
hearing = TemporalGraph(_h.build(), options=QUICK)
short_hearing = TemporalGraph(_h.build(), name="short_hearing", options=QUICK, max_history_events=20)

GRAPHS = (walk, short_walk, local_walk, case, short_case, fan, short_fan, mixed, hearing, short_hearing)
"""What a worker serves."""
