"""Runs that are cut into many by continue-as-new: the whole frontier goes along, and nobody outside notices."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import InterruptibleGraph, NodeOptions, TemporalGraph
from temporal_graph.temporal import driver
from tests.replay.serving import chain, replay, serving


@dataclass
class Laps:
    """How far a loop is, and a sum over all laps."""

    total: int = 0
    seen: list[int] = field(default_factory=list[int])


@dataclass
class Lap(BaseNode[Laps, None, int]):
    """Adds its number, and goes round again until none are left."""

    left: int

    async def run(self, ctx: GraphRunContext[Laps]) -> Lap | End[int]:
        ctx.state.total += self.left
        if self.left % 100 == 0:
            ctx.state.seen.append(self.left)
        return Lap(self.left - 1) if self.left > 1 else End(ctx.state.total)


loop = InterruptibleGraph([Lap], name="loop", max_history_events=200)
local_loop = InterruptibleGraph(
    [Lap], name="local_loop", options=NodeOptions(execution="local"), max_history_events=200
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("laps", [200, pytest.param(3_000, marks=pytest.mark.slow)])
async def test_a_long_loop(server_address: str, task_queue: str, laps: int) -> None:
    async with serving(server_address, task_queue, loop) as client:
        run = await loop.start(client, Lap(laps), state=Laps(), id=task_queue, task_queue=task_queue)
        assert (await run.wait()).output == sum(range(laps + 1))
        result = await run.result()
        assert result.output == sum(range(laps + 1))
        assert result.state == Laps(result.output, list(range(laps, 0, -100)))
        histories = await chain(client, run.id)
    assert len(histories) > laps * 6 // 250
    assert max(len(history.events) for history in histories) < 250
    await replay(histories[:2] + histories[-1:], loop)


async def test_a_long_loop_of_local_nodes(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, local_loop) as client:
        run = await local_loop.start(client, Lap(1_000), state=Laps(), id=task_queue, task_queue=task_queue)
        result = await run.result()
        assert result.output == sum(range(1_001))
        assert result.state == Laps(result.output, list(range(1_000, 0, -100)))
        await replay(await chain(client, run.id), local_loop)


async def test_a_long_loop_of_local_nodes_is_cut(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, local_loop) as client:
        run = await local_loop.start(client, Lap(400), state=Laps(), id=task_queue, task_queue=task_queue)
        await run.result()
        histories = await chain(client, run.id)
    assert len(histories) == 3
    await replay(histories, local_loop)


_m = GraphBuilder(name="wide", input_type=list[int], output_type=list[int])


@_m.step
async def square(ctx: StepContext[None, None, int]) -> int:
    """One of many."""
    return ctx.inputs**2


_all = _m.join(reduce_list_append, initial_factory=list[int], node_id="all")
_m.add(
    _m.edge_from(_m.start_node).map(fork_id="each").to(square),
    _m.edge_from(square).to(_all),
    _m.edge_from(_all).to(_m.end_node),
)
wide = TemporalGraph(_m.build(), max_history_events=200)


@pytest.mark.parametrize(("items", "runs"), [(500, 1), pytest.param(1_200, 2, marks=pytest.mark.slow)])
async def test_a_wide_map_into_a_join(
    server_address: str, task_queue: str, items: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,200 items 1,000 run at once; then the run continues as new, with the join half filled."""
    monkeypatch.setattr(driver, "PATIENCE", 600)  # a busy machine takes long for so many
    async with serving(server_address, task_queue, wide) as client:
        run = await wide.start(client, inputs=list(range(items)), id=task_queue, task_queue=task_queue)
        assert sorted((await run.result()).output) == [number**2 for number in range(items)]
        histories = await chain(client, run.id)
    assert len(histories) == runs
    await replay(histories, wide)
