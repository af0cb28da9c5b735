"""Whatever a function of the user's raises in the driver ends the run, or refuses the message, and holds up nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from temporal_graph import AnswerRefusedError, GraphRunError, TemporalGraph
from tests.server import hook_graphs as graphs
from tests.server.conftest import Serve
from tests.server.hook_graphs import RAISES, Ask, Board, Late, Office


async def fails(client: Client, graph: TemporalGraph, kind: str, task_queue: str, **start: Any) -> None:
    """Run a graph that raises, and see that it fails with just that."""
    run = await graph.start(client, inputs=kind, id=f"{task_queue}-{kind}", task_queue=task_queue, **start)
    with pytest.raises(GraphRunError) as failed:
        await run.result()
    raised = RAISES[kind]()
    name = type(raised).__name__
    # Of a StopIteration Python itself makes another error where a coroutine raises it.
    assert name in f"{failed.value.error_type} {failed.value.error_message}" or kind == "stop", failed.value


@pytest.mark.parametrize("graph", graphs.FAILING, ids=lambda graph: graph.name)
async def test_what_raises_between_nodes_and_when_it_is_asked(
    serve: Serve, task_queue: str, graph: TemporalGraph
) -> None:
    async with serve(graph) as client, asyncio.timeout(60):
        await asyncio.gather(*(fails(client, graph, kind, task_queue) for kind in RAISES))


async def test_a_merge_function(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.merge) as client, asyncio.timeout(60):
        await asyncio.gather(*(fails(client, graphs.merge, kind, task_queue, state=Board()) for kind in RAISES))


async def test_a_rule_for_answers(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.asking) as client, asyncio.timeout(60):
        run = await graphs.asking.start(client, Ask(), state=Late(), id=task_queue, task_queue=task_queue)
        await run.wait()
        for kind in RAISES:
            with pytest.raises(AnswerRefusedError) as refused:
                await run.resume({"answer": kind})
            assert refused.value.reason == "invalid"
            await client.get_workflow_handle(run.id).signal("resume", {"value": {"answer": kind}})
        state = await run.get_state()
        assert len(state.rejected) == len(RAISES)
        assert (await run.proceed({"answer": "yes"})).output == "yes"


async def test_what_a_deadline_does_to_the_state(serve: Serve, task_queue: str) -> None:
    """A time-out that cannot do what it says fails the run; it waits no longer."""
    async with serve(*graphs.deadlines.values()) as client, asyncio.timeout(60):

        async def expire(kind: str, graph: TemporalGraph) -> None:
            wait: Any = graph.registered.compiled.nodes["Wait"].step
            run = await graph.start(
                client, wait.node_type(), state=Late(), id=f"{task_queue}-{kind}", task_queue=task_queue
            )
            with pytest.raises(GraphRunError) as failed:
                await run.result()
            assert type(RAISES[kind]()).__name__ in str(failed.value)

        await asyncio.gather(*(expire(kind, graph) for kind, graph in graphs.deadlines.items()))


LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
TIMES: dict[str, tuple[dict[str, Any], bool]] = {
    "for ever": ({"by": timedelta.max.total_seconds()}, False),
    "centuries": ({"by": timedelta(days=2_900_000).total_seconds()}, False),
    "nothing": ({"by": 0}, False),
    "less": ({"by": -1}, False),
    "no number": ({"by": "1"}, False),
    "the last second": ({"until": LAST.isoformat()}, True),
    "after the last one": ({"until": "9999-12-31T23:59:59-12:00"}, False),
    "before the first one": ({"until": "0001-01-01T00:00:00+14:00"}, False),
    "the past": ({"until": "2001-01-01T00:00:00+00:00"}, False),
    "another zone": ({"until": "2100-01-01T00:00:00+05:45"}, True),
    "seconds": ({"until": "2100-01-01T00:00:00+00:00:01"}, True),
    "naive": ({"until": "2100-01-01T00:00:00"}, False),
    "no time": ({"until": "soon"}, False),
    "a day": ({"by": 86_400}, True),
}


async def test_times_of_every_kind(serve: Serve, task_queue: str) -> None:
    """By a calendar of the user's: each is taken or refused, and the run goes on."""
    async with serve(graphs.office) as client, asyncio.timeout(100):
        for name, (change, is_taken) in TIMES.items():
            run = await graphs.office.start(
                client, Office(), state=Late(), id=f"{task_queue}-{name}", task_queue=task_queue
            )
            [asked] = (await run.wait()).interrupts
            handle: Any = client.get_workflow_handle(run.id)
            sent = {"by": None, "until": None, "interrupt_id": None, "actor": None, **change}
            sent = {key: value for key, value in sent.items() if value is not None}
            await handle.signal("extend", sent)
            try:
                await handle.execute_update("extend", sent)
            except WorkflowUpdateFailedError:
                assert not is_taken, name
            else:
                assert is_taken, name
            state = await run.get_state()
            assert len(state.rejected) == (0 if is_taken else 1), name
            if not is_taken:
                assert state.interrupts[0].deadline == asked.deadline
            assert (await run.proceed({"answer": "yes"})).output == "yes"
