"""Who looks at a run while its local nodes run does not change what it does: it replays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext

from temporal_graph import NodeOptions, TemporalGraph, interrupt
from tests.replay.serving import chain, replay, serving, until
from tests.server.looking import failures

ROUNDS = 15


@dataclass
class Ask(BaseNode[None, None, int]):
    """Asks a person whether to go on."""

    round: int = 0

    async def run(self, ctx: GraphRunContext[None, None]) -> Work | End[int]:
        """Runs in the workflow, so that the question is open as soon as the local node has ended."""
        goes_on = await interrupt(self.round, response_type=bool)
        return Work(self.round) if goes_on else End(self.round)


@dataclass
class Work(BaseNode[None, None, int]):
    """Is done at once, while a query is answered perhaps."""

    round: int

    async def run(self, ctx: GraphRunContext[None, None]) -> Ask:
        """Runs as a local activity."""
        return Ask(self.round + 1)


_g = GraphBuilder(name="looked_at", input_type=Ask, output_type=int)
_g.add(_g.node(Ask), _g.node(Work), _g.edge_from(_g.start_node).to(Ask))
looked_at = TemporalGraph(
    _g.build(),
    node_options={"Ask": NodeOptions(execution="workflow"), "Work": NodeOptions(execution="local")},
)


@pytest.mark.needs_cache
async def test_queries_beside_local_nodes(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, looked_at) as client:
        run = await looked_at.start(client, inputs=Ask(), id=task_queue, task_queue=task_queue)

        seen: list[list[int]] = []

        async def look() -> None:
            while True:
                seen.append([found.value for found in await run.pending_interrupts()])

        looking = [asyncio.ensure_future(look()) for _ in range(3)]
        for number in range(ROUNDS):

            async def asks(value: int = number) -> bool:
                return seen[-1:] == [[value]]

            # Not by `wait`: an update that comes meanwhile hides the difference.
            await until(asks)
            await client.get_workflow_handle(run.id).signal("resume", {"value": True})
        for task in looking:
            assert not task.done(), "a query failed"
            task.cancel()
        before = await run.audit()
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, looked_at)
    async with serving(server_address, task_queue, looked_at) as client:
        run = looked_at.get_run(client, run.id)
        assert await run.audit() == before, "a worker that has not seen the run says the same of it, with all times"
        await run.cancel()
