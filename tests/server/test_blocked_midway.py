"""A run that a release cannot read midway, with nodes still under way, stands still and can be looked at."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from temporal_graph import RunBlockedError, TemporalGraph, interrupt
from tests.replay.serving import serving, until
from tests.server.looking import COMPLETED, events

_make: Any = GraphBuilder


@dataclasses.dataclass
class Quote:
    cents: int


@dataclasses.dataclass
class Priced:
    cents: int
    currency: str


def of_release(quote: type[Any]) -> TemporalGraph[Any, Any, Any, Any]:
    """A release of the graph: its nodes return such quotes, one of them late, and then ask."""
    g = _make(name="quotes", input_type=list[int], output_type=int)

    async def price(ctx: StepContext[None, None, int]) -> Any:
        await asyncio.sleep(ctx.inputs / 2)
        return quote(ctx.inputs)

    price.__annotations__["return"] = quote

    async def ask(ctx: StepContext[None, None, Any]) -> int:
        await interrupt("so many?")
        return len(ctx.inputs)

    ask.__annotations__["ctx"] = StepContext[None, None, list[quote]]
    first, last = g.step(price, node_id="price"), g.step(ask, node_id="ask")
    quotes = g.join(reduce_list_append, initial_factory=list[quote], node_id="quotes")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(first),
        g.edge_from(first).to(quotes),
        g.edge_from(quotes).to(last),
        g.edge_from(last).to(g.end_node),
    )
    return TemporalGraph(g.build())


before, after = of_release(Quote), of_release(Priced)


async def test_a_value_that_cannot_be_read_while_nodes_run(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, before) as client:
        run = await before.start(client, inputs=[0, 1, 2], id=task_queue, task_queue=task_queue)
        await until(lambda: events(client, run.id, COMPLETED))
        await run.wait()
    async with asyncio.timeout(60):  # the worker ends, too
        async with serving(server_address, task_queue, after) as client:
            run = after.get_run(client, task_queue)
            for _ in range(3):
                state = await run.get_state()
                assert state.status == "blocked"
                assert "currency: Field required" in (state.problem or "")
            with pytest.raises(RunBlockedError, match="currency: Field required"):
                await run.resume("yes")
            await client.get_workflow_handle(run.id).terminate()
