"""Graphs whose nodes fail, and a person is asked what is to become of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy

from temporal_graph import (
    Abort,
    Command,
    Escalate,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    Retry,
    Skip,
    TemporalGraph,
    interrupt,
)

THRICE = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)
ENDLESS = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(milliseconds=300))
SECOND = timedelta(seconds=1)


@dataclass
class Desk:
    is_open: bool = False
    log: list[str] = field(default_factory=list[str])


def is_short(text: str) -> str:
    if len(text) > 10_000_000:
        raise ValueError("too long")
    return text


Context = StepContext[Desk, list[str], str]


async def says(ctx: Context) -> str:
    """Works where the desk is open, or the input is good."""
    ctx.deps.append(ctx.inputs)
    if not ctx.state.is_open and ctx.inputs != "good":
        raise ConnectionError(f"closed for {ctx.inputs}")
    ctx.state.log.append(ctx.inputs)
    return f"said {ctx.inputs}"


async def is_mistaken(ctx: Context) -> str:
    ctx.deps.append(ctx.inputs)
    raise TypeError("a mistake")


async def is_odd(ctx: Context) -> str:
    raise ValueError("\ud800 and " + "x" * 3_000_000)


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


async def says_nothing(ctx: Context) -> str:
    raise Odd


async def leaves(ctx: Context) -> str:
    raise SystemExit(7)


async def is_large(ctx: Context) -> str:
    return "x" * 3_000_000


async def is_no_text(ctx: Context) -> str:
    return 3  # type: ignore[return-value]


async def asks_first(ctx: Context) -> str:
    """The answer is kept, whatever fails afterwards."""
    name = await interrupt("Who?", response_type=str)
    return f"{await says(ctx)} for {name}"


async def hangs(ctx: Context) -> str:
    if not ctx.state.is_open:
        await asyncio.sleep(60)
    return "in time"


async def hangs_then_fails(ctx: Context) -> str:
    ctx.deps.append("try")
    await asyncio.sleep(0.3)
    raise ConnectionError("slow")


async def dies(ctx: Context) -> str:
    """With its whole process."""
    if not ctx.state.is_open:
        os._exit(1)
    return "alive"


SCENARIOS: dict[str, Callable[[Context], Awaitable[str]]] = {
    function.__name__: function
    for function in (
        says,
        is_mistaken,
        is_odd,
        says_nothing,
        leaves,
        is_large,
        is_no_text,
        asks_first,
        hangs,
        hangs_then_fails,
        dies,
    )
}


@dataclass
class Job:
    """What a node gets."""

    scenario: str
    text: Annotated[str, AfterValidator(is_short)] = "bad"


def graph_of(name: str, options: NodeOptions, **others: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name=name, state_type=Desk, deps_type=list[str], input_type=Job, output_type=str)

    @g.step
    async def work(ctx: StepContext[Desk, list[str], Job]) -> str:
        deps: Any = [] if options.execution == "workflow" else ctx.deps
        inner = StepContext[Desk, list[str], str](state=ctx.state, deps=deps, inputs=ctx.inputs.text)
        return await SCENARIOS[ctx.inputs.scenario](inner)

    @g.step
    async def other(ctx: StepContext[Desk, list[str], str]) -> str:
        return f"other {ctx.inputs}"

    g.add(g.edge_from(g.start_node).to(work), g.edge_from(work, other).to(g.end_node))
    graph = g.build(validate_graph_structure=False)
    return TemporalGraph(graph, node_options={"work": options}, **others)


activity = graph_of("fails_activity", NodeOptions(retry_policy=THRICE, on_failure="interrupt"))
local = graph_of("fails_local", NodeOptions(execution="local", retry_policy=THRICE, on_failure="interrupt"))
workflow = graph_of("fails_workflow", NodeOptions(execution="workflow", on_failure="interrupt"))
default = graph_of("fails_default", NodeOptions(on_failure="interrupt"))
timed = graph_of("fails_timed", NodeOptions(start_to_close_timeout=SECOND, retry_policy=THRICE, on_failure="interrupt"))
limited = graph_of(
    "fails_limited", NodeOptions(schedule_to_close_timeout=4 * SECOND, retry_policy=ENDLESS, on_failure="interrupt")
)
lost = graph_of(
    "fails_lost",
    NodeOptions(
        heartbeat_timeout=SECOND,
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2),
        on_failure="interrupt",
    ),
)


def watched(name: str, policy: InterruptPolicy) -> TemporalGraph[Any, Any, Any, Any]:
    retry = RetryPolicy(maximum_attempts=1)
    return graph_of(name, NodeOptions(retry_policy=retry, on_failure="interrupt", policy=policy))


opens_itself = watched(
    "fails_opens_itself",
    InterruptPolicy(timeout=SECOND, on_timeout=Command(resume=Retry(), update={"is_open": True})),
)
gives_up = watched("fails_gives_up", InterruptPolicy(timeout=SECOND, on_timeout=Command(resume=Abort())))
skips_itself = watched(
    "fails_skips_itself", InterruptPolicy(timeout=SECOND, on_timeout=Command(resume=Skip("nobody was there")))
)
escalates = watched(
    "fails_escalates", InterruptPolicy(assignees="ann", only_assignees=True, escalations=[Escalate(SECOND, "bob")])
)

# -- Branches ---------------------------------------------------------------------------------------------------------

_m = GraphBuilder(name="fails_in_a_map", state_type=Desk, input_type=list[int], output_type=list[int])


@_m.step
async def halve(ctx: StepContext[Desk, None, int]) -> int:
    if ctx.inputs % 2:
        raise ValueError(f"{ctx.inputs} is odd")
    ctx.state.log.append(f"halved {ctx.inputs}")
    return ctx.inputs // 2


_halves = _m.join(reduce_list_append, initial_factory=list[int], node_id="halves")
_m.add(
    _m.edge_from(_m.start_node).map(fork_id="each").to(halve),
    _m.edge_from(halve).to(_halves),
    _m.edge_from(_halves).to(_m.end_node),
)
branches = TemporalGraph(
    _m.build(),
    options=NodeOptions(retry_policy=RetryPolicy(maximum_attempts=1)),
    node_options={"halve": NodeOptions(on_failure="interrupt")},
)

_c = GraphBuilder(name="fails_with_conflicts", state_type=Desk, input_type=list[int], output_type=list[int])


@_c.step
async def set_open(ctx: StepContext[Desk, None, int]) -> int:
    ctx.state.log = [f"mine {ctx.inputs}"]
    return ctx.inputs


_set = _c.join(reduce_list_append, initial_factory=list[int], node_id="set")
_c.add(
    _c.edge_from(_c.start_node).map(fork_id="each").to(set_open),
    _c.edge_from(set_open).to(_set),
    _c.edge_from(_set).to(_c.end_node),
)
conflicts = TemporalGraph(_c.build(), node_options={"set_open": NodeOptions(on_failure="interrupt")})

# -- Classes ----------------------------------------------------------------------------------------------------------


@dataclass
class Divide(BaseNode[Desk, None, str]):
    by: int

    async def run(self, ctx: GraphRunContext[Desk, None]) -> Sign | End[str]:
        return Sign(12 // self.by)


@dataclass
class Sign(InterruptNode[Desk, None, str]):
    """Fails after it has been answered, as long as the desk is closed."""

    amount: int
    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Desk, None]) -> End[str]:
        if not ctx.state.is_open:
            raise ValueError(f"{self.name} cannot sign")
        return End(f"{self.amount} signed by {self.name}")


nodes = InterruptibleGraph(
    [Divide, Sign],
    name="fails_nodes",
    options=NodeOptions(on_failure="interrupt", retry_policy=RetryPolicy(maximum_attempts=1)),
)
