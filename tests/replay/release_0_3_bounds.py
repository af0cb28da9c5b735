"""More graphs of the histories of release 0.3: of runs that meet a bound. Never change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic_graph import End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.exceptions import ApplicationError

from temporal_graph import InterruptNode, NodeOptions, Required, TemporalGraph, interrupt, once, step
from tests.replay.release_0_3 import TWICE

LOCAL, HERE = NodeOptions(execution="local"), NodeOptions(execution="workflow")


def _mapped(name: str, call: Callable[..., Any], **options: Any) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that calls a node for each of its inputs, and counts the letters that these return."""
    builder: Any = GraphBuilder
    g = builder(name=name, input_type=list[int], output_type=int)
    node = g.step(call, node_id="node")
    total = g.join(_add_letters, initial=0, node_id="total")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(node),
        g.edge_from(node).to(total),
        g.edge_from(total).to(g.end_node),
    )
    return TemporalGraph(g.build(), **options)


def _add_letters(so_far: int, text: str) -> int:
    return so_far + len(text)


async def letters(ctx: StepContext[None, None, int]) -> str:
    """As many letters."""
    return "x" * ctx.inputs


async def length(text: str) -> int:
    """How long it is."""
    return len(text)


async def of_step(ctx: StepContext[None, None, int]) -> str:
    """Gives many letters to a function."""
    return "x" * await step(length, "x" * ctx.inputs)


async def fail(ctx: StepContext[None, None, int]) -> str:
    """Does something once, and says much of why it has failed."""
    await once("noted", str, ctx.inputs)
    raise ApplicationError("f" * ctx.inputs, "d" * ctx.inputs, type="Odd")


local_letters = _mapped("release_3_local_letters", letters, node_options={"node": LOCAL})
given_letters = _mapped("release_3_given_letters", of_step, node_options={"node": HERE}, steps=[length])
few_letters = _mapped("release_3_few_letters", letters)
failing_letters = _mapped(
    "release_3_failing_letters",
    fail,
    node_options={"node": NodeOptions(execution="local", retry_policy=TWICE, on_failure="interrupt")},
)

# -- One after the other --------------------------------------------------------------------------------------------

_c = GraphBuilder(name="release_3_counting_down", input_type=int, output_type=int)


@_c.step
async def down(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs - 1


def _is_any(left: int) -> bool:
    return left > 0


_c.add(
    _c.edge_from(_c.start_node).to(down),
    _c.edge_from(down).to(
        _c.decision(node_id="over")
        .branch(_c.match(int, matches=_is_any).to(down))
        .branch(_c.match(int).to(_c.end_node))
    ),
)
counting_down = TemporalGraph(_c.build(), options=HERE)

# -- Nodes that wait for the next task, with a person who answers in the workflow beside them --------------------------

_b = GraphBuilder(name="release_3_beside", input_type=list[int], output_type=list[int])


@_b.step
async def person(ctx: StepContext[None, None, list[int]]) -> int:
    return len(await interrupt("?", response_type=str))


def _texts(ctx: StepContext[None, None, list[int]]) -> list[str]:
    return ["x" * number for number in ctx.inputs]


@_b.step
async def size(ctx: StepContext[None, None, str]) -> int:
    return len(ctx.inputs)


_sizes = _b.join(reduce_list_append, initial_factory=list[int], node_id="sizes", parent_fork_id="both")
_b.add(
    _b.edge_from(_b.start_node).broadcast(
        lambda e: [e.to(person), e.transform(_texts).map(fork_id="each").to(size)], fork_id="both"
    ),
    _b.edge_from(person, size).to(_sizes),
    _b.edge_from(_sizes).to(_b.end_node),
)
beside = TemporalGraph(_b.build(), node_options={"person": HERE})

# -- Much that is the same --------------------------------------------------------------------------------------------


@dataclass
class Letter(InterruptNode[None, None, int]):
    text: str
    number: int
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[None, None]) -> End[int]:
        return End(self.number)


_m = GraphBuilder(name="release_3_much_alike", input_type=list[Letter], output_type=int)
_m.add(_m.node(Letter), _m.edge_from(_m.start_node).map(fork_id="each").to(Letter))
much_alike = TemporalGraph(_m.build(), max_history_events=30)

GRAPHS = (local_letters, given_letters, few_letters, failing_letters, counting_down, beside, much_alike)
