"""What nodes return at once is taken in as many workflow tasks as it takes: the SDK gives one up after two seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from temporal_graph import NodeOptions, TemporalGraph
from temporal_graph.temporal import turns
from tests.replay.serving import chain, replay, serving

_make: Any = GraphBuilder


@dataclass
class Kinds:
    """What many entries are added to."""

    names: set[str] = field(default_factory=set[str])
    pairs: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])


@dataclass
class _Gate:
    left: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)


GATE = _Gate()
EACH = 600

_g = _make(name="adds", state_type=Kinds, input_type=list[int], output_type=int)


@_g.step
async def add(ctx: StepContext[Kinds, None, int]) -> int:
    """Adds entries; all of these nodes end at once."""
    GATE.left -= 1
    if not GATE.left:
        GATE.opened.set()
    await GATE.opened.wait()
    for number in range(EACH):
        ctx.state.names.add(f"item {ctx.inputs} {number}")
        ctx.state.pairs[f"item {ctx.inputs}", number] = 1
    return 1


@_g.step
async def total(ctx: StepContext[Kinds, None, list[int]]) -> int:
    """How many there are."""
    return len(ctx.state.names) + len(ctx.state.pairs)


_all = _g.join(reduce_list_append, initial_factory=list[int], node_id="all")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="each").to(add),
    _g.edge_from(add).to(_all),
    _g.edge_from(_all).to(total),
    _g.edge_from(total).to(_g.end_node),
)
adds: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(_g.build())

_h = _make(name="counts_down", input_type=int, output_type=int)


@_h.step
async def down(ctx: StepContext[None, None, int]) -> int:
    """One less."""
    return ctx.inputs - 1


def _is_any(left: int) -> bool:
    return left > 0


_h.add(
    _h.edge_from(_h.start_node).to(down),
    _h.edge_from(down).to(
        _h.decision(node_id="over")
        .branch(_h.match(int, matches=_is_any).to(down))
        .branch(_h.match(int).to(_h.end_node))
    ),
)
counts_down: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(
    _h.build(), options=NodeOptions(execution="workflow"), max_history_events=1_000
)


async def _goes_through(
    address: str, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any], output: int, **start: Any
) -> None:
    async with serving(address, task_queue, graph) as client:
        run = await graph.start(client, id=task_queue, task_queue=task_queue, **start)
        assert (await run.result()).output == output
        histories = await chain(client, run.id)
    await replay(histories, graph, may_be_slow=True)


@pytest.mark.slow
@pytest.mark.needs_cache
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK interrupts what takes too long
async def test_many_large_changes_that_come_at_once(server_address: str, task_queue: str) -> None:
    GATE.left, GATE.opened = 40, asyncio.Event()
    await _goes_through(server_address, task_queue, adds, 2 * 40 * EACH, inputs=list(range(40)), state=Kinds())


@pytest.mark.parametrize("enough", [turns.ENOUGH_RESULTS, 0.0], ids=["as it is", "one in each task"])
async def test_nodes_in_the_workflow_one_after_the_other(
    server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch, enough: float
) -> None:
    """A history says where its tasks ended, so it replays wherever a worker would end them."""
    monkeypatch.setattr(turns, "ENOUGH_RESULTS", enough)
    await _goes_through(server_address, task_queue, counts_down, 0, inputs=6 if not enough else 1_500)
