"""Runs whose first task only waits, and which another worker goes on with: it gets that task and the next together."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from temporal_graph import GraphRun, TemporalGraph
from tests.replay.serving import until
from tests.server import option_graphs
from tests.server.conftest import Serve
from tests.server.looking import MARKER, TIMER, events, is_unharmed, unless_stuck
from tests.server.option_graphs import Tally
from tests.server.steering_graphs import Desk, Review, desk, short_desk

SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
FINISHED = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def test_a_node_in_the_workflow_has_asked(serve: Serve, task_queue: str) -> None:
    """The question is open for a worker that has never seen the run."""
    graph = option_graphs.side_by_side
    async with serve(graph) as client:
        run = await graph.start(client, inputs=["a"], state=Tally(), id=task_queue, task_queue=task_queue)
        [question] = await until(run.pending_interrupts)
        assert question.interrupt_id == "each:1.0"
    async with serve(graph):
        await run.resume(1)
        await run.resume(2)
        assert (await run.result()).output == ["a: 3"]
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize("graph", [desk, short_desk], ids=["whole", "cut"])
async def test_an_answer_and_readers_that_come_together(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    """What they are told, and what is done, come in one order, whoever replays it."""
    async with serve(graph) as client:
        run = await graph.start(client, Review("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await until(run.pending_interrupts)

    async def read(after: int | None) -> list[str]:
        return [event.kind async for event in run.stream(after=after)]

    # No worker is there: all of it waits in one task.
    readings = [asyncio.create_task(read(after)) for after in (None, 10**6)]
    answering = asyncio.create_task(run.proceed({"verdict": "no"}))
    await asyncio.sleep(0.5)
    for verdict in ("no", "yes"):
        async with serve(graph):
            await unless_stuck(client, run.id, answering)
            assert not any(reading.done() for reading in readings)
        answering = asyncio.create_task(run.proceed({"verdict": verdict}))
        await asyncio.sleep(0.5)
    async with serve(graph):
        await unless_stuck(client, run.id, answering)
        assert (await unless_stuck(client, run.id, run.proceed("web"))).output == "a'' in web"
        assert [(await reading)[-1:] for reading in readings] == [["run_finished"], []]


@pytest.mark.needs_cache
async def test_there_is_a_mark_only_where_nothing_else_is(serve: Serve, task_queue: str) -> None:
    async with serve(desk, option_graphs.napping) as client:
        run = await desk.start(client, Review("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await until(run.pending_interrupts)
        assert len(await events(client, run.id, MARKER)) == 1
        await run.proceed({"verdict": "no"})
        assert len(await events(client, run.id, MARKER)) == 1
        assert (await events(client, run.id))[4].event_type == MARKER
        await run.cancel()
        other = await option_graphs.napping.start(
            client, inputs=["0.1"], state=Tally(), id=f"{task_queue}-nap", task_queue=task_queue
        )
        await other.result()
        assert await events(client, other.id, TIMER)


@pytest.mark.parametrize("noise", ["resume", "unknown", "pause"])
async def test_a_question_after_a_task_that_only_took_a_signal(
    serve: Serve, task_queue: str, noise: str, tmp_path: Path
) -> None:
    """What a worker gets that has not seen the run is its node's end and an answer: in one task, and in that order."""
    go_on = tmp_path / "go-on"
    async with serve(option_graphs.told_to, max_concurrent_activities=5) as client:
        run = await option_graphs.told_to.start(client, inputs=str(go_on), id=task_queue, task_queue=task_queue)
        handle = client.get_workflow_handle(run.id)
        await until(lambda: is_started(client, run.id))
        await handle.signal(noise, {"value": "too early"})
        if noise == "pause":
            await handle.signal("unpause")
        await until(lambda: has_taken(client, run.id, SIGNALED))
        go_on.touch()
        [question] = await until(run.pending_interrupts)
        assert question.interrupt_id == "wait:1.0"
        await until(lambda: has_taken(client, run.id, FINISHED))
    async with serve(option_graphs.told_to, max_cached_workflows=0):
        accepted = await run.resume("yes")
        assert not accepted.is_early
        assert (await run.result()).output == "yes"
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize("is_replaced", [False, True], ids=["one", "another"])
async def test_an_update_after_nodes_that_led_to_nothing_yet(
    serve: Serve, task_queue: str, tmp_path: Path, is_replaced: bool
) -> None:
    """What a worker gets that has not seen the run is the end of the second node and the update, in that order.

    Also where another worker has taken the second node's end, which has to know that the first one's led to nothing.
    """
    async with contextlib.AsyncExitStack() as working:
        client = await working.enter_async_context(serve(option_graphs.together, max_concurrent_activities=5))
        inputs = [str(tmp_path / name) for name in ("a", "b", "c")]
        run = await option_graphs.together.start(
            client, inputs=inputs, state=Tally(), id=task_queue, task_queue=task_queue
        )
        (tmp_path / "a").touch()
        await until(lambda: has_taken(client, run.id, FINISHED, 2))
        if is_replaced:
            await working.aclose()
            await working.enter_async_context(serve(option_graphs.together, max_concurrent_activities=5))
        (tmp_path / "b").touch()
        await until(lambda: has_taken(client, run.id, FINISHED, 3))
    async with serve(option_graphs.together):
        assert await run.update_state({"count": 10, "log": ["by hand"]}) == Tally(10, ["by hand"])
        assert (await run.get_state()).values == Tally(10, ["by hand"])
    async with serve(option_graphs.together):
        assert (await run.get_state()).values == Tally(10, ["by hand"])
        (tmp_path / "c").touch()
        result = await run.result()
        assert result.state == Tally(10, ["by hand", "c"])
        assert [each.kind async for each in run.history()].index("state_updated") == 4
        assert await is_unharmed(client, run.id)


async def test_a_signal_and_an_update_after_it_where_the_history_gets_too_long(serve: Serve, task_queue: str) -> None:
    """A worker that gets them together goes on to the next history where it does when the first is replayed."""
    graphs = [option_graphs.limited(number) for number in range(12, 26)]
    async with serve(*graphs, max_concurrent_activities=5) as client:
        runs = [
            await graph.start(client, inputs="", id=f"{task_queue}-{number}", task_queue=task_queue)
            for number, graph in enumerate(graphs)
        ]
        for run in runs:
            await until(run.pending_interrupts)
            for name, status in (("pause", "paused"), ("unpause", "waiting"), ("pause", "paused")):
                await client.get_workflow_handle(run.id).signal(name)
                await until(lambda run=run, status=status: is_at(run, status))
    async with serve(*graphs):
        for run in runs:
            assert (await run.wait()).status == "paused"
    # The fixture replays all of it.


async def is_at(run: GraphRun[Any, Any], status: str) -> bool:
    return (await run.get_state()).status == status


async def is_started(client: Client, run_id: str) -> bool:
    return bool((await client.get_workflow_handle(run_id).describe()).raw_description.pending_activities)


async def has_taken(client: Client, run_id: str, kind: EventType.ValueType, count: int = 1) -> bool:
    """Whether a worker has taken so many events of a kind: what a query shows may be of a task that it then lost."""
    kinds = [event.event_type for event in await events(client, run_id)]
    return kinds.count(kind) >= count and COMPLETED in kinds[::-1][: kinds[::-1].index(kind)]
