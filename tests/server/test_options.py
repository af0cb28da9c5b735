"""Options of nodes, as they arrive at Temporal."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from temporal_graph import GraphDefinitionError, GraphPlugin, GraphRunError, InterruptibleGraph, NodeOptions
from tests.server import option_graphs as graphs
from tests.server.conftest import Serve
from tests.server.looking import MARKER, SCHEDULED, STARTED, attributes, events, is_unharmed, scheduled
from tests.server.option_graphs import First, Second, Third

MINUTE = timedelta(minutes=1)


def seconds(duration: Any) -> float:
    """A duration of a history event."""
    return duration.ToTimedelta().total_seconds()


async def test_options_reach_temporal(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.optioned) as client:
        run = await graphs.optioned.start(client, First(), id=task_queue, task_queue=task_queue)
        await run.result()
        found = await scheduled(client, run.id)
    assert list(found) == ["First", "Second", "Third"]
    # The mapping goes before the class, and that before the graph.
    assert [seconds(attributes(event).start_to_close_timeout) for event in found.values()] == [11, 33, 180]
    assert [json.loads(event.user_metadata.summary.data or "null") for event in found.values()] == [
        "of the class",
        "of the mapping",
        None,
    ]
    assert [attributes(event).priority.priority_key for event in found.values()] == [2, 0, 0]
    for event in found.values():
        said = attributes(event)
        assert seconds(said.schedule_to_close_timeout) == 240
        assert seconds(said.heartbeat_timeout) == 7
        assert said.task_queue.name == task_queue
        retry = said.retry_policy
        assert (seconds(retry.initial_interval), retry.backoff_coefficient) == (2, 3)
        assert (seconds(retry.maximum_interval), retry.maximum_attempts) == (20, 7)
        assert list(retry.non_retryable_error_types) == ["ValueError"]


async def test_what_a_node_gets_that_says_nothing(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.plain) as client:
        run = await graphs.plain.start(client, Third(), id=task_queue, task_queue=task_queue)
        await run.result()
        [event] = (await scheduled(client, run.id)).values()
    said = attributes(event)
    assert seconds(said.start_to_close_timeout) == 600
    assert seconds(said.schedule_to_close_timeout) == 0
    assert seconds(said.heartbeat_timeout) == 30
    assert said.retry_policy.maximum_attempts == 5
    assert said.task_queue.name == task_queue
    assert said.activity_type.name == "plain.Third"


async def test_local_nodes_leave_markers(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.local) as client:
        run = await graphs.local.start(client, Second(), id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == "done"
        markers = await events(client, run.id, MARKER)
        assert not await events(client, run.id, SCHEDULED)
    assert [attributes(event).marker_name for event in markers] == ["core_local_activity"] * 2
    assert [json.loads(attributes(e).details["data"].payloads[0].data)["activity_type"] for e in markers] == [
        "local.Second",
        "local.Third",
    ]


async def test_a_node_on_another_task_queue(server_address: str, client: Client, task_queue: str) -> None:
    """A worker of its own runs it, with its own deps."""
    other = f"{task_queue}-other"
    graph = graphs.elsewhere(other)

    def worker(connected: Client, queue: str) -> Worker:
        return Worker(connected, task_queue=queue)

    one = await Client.connect(server_address, plugins=[GraphPlugin(graph, deps="one")])
    two = await Client.connect(server_address, plugins=[GraphPlugin(graph, deps="two")])
    async with worker(one, task_queue), worker(two, other):
        run = await graph.start(one, inputs="text", id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == "text here: one there: two"
        queues = [attributes(event).task_queue.name for event in (await scheduled(client, run.id)).values()]
        assert queues == [task_queue, other]


# -- What Temporal would refuse in the middle of a run ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (NodeOptions(retry_policy=RetryPolicy(maximum_attempts=-1)), "attempts"),
        (NodeOptions(retry_policy=RetryPolicy(backoff_coefficient=0.5)), "[Bb]ackoff"),
        (NodeOptions(retry_policy=RetryPolicy(initial_interval=-MINUTE)), "interval"),
        (NodeOptions(retry_policy=RetryPolicy(maximum_interval=timedelta(microseconds=1))), "interval"),
        (NodeOptions(task_queue="x" * 2_000), "task_queue"),
        (NodeOptions(task_queue="/_sys/mine"), "task_queue"),
    ],
    ids=["attempts", "backoff", "interval", "maximum", "long", "reserved"],
)
def test_what_temporal_would_refuse_is_refused_at_once(options: NodeOptions, says: str) -> None:
    """It would fail the task of the workflow, and each attempt at it after that."""
    with pytest.raises(GraphDefinitionError, match=f"'Third'.*{says}"):
        InterruptibleGraph([Third], name="wrong", options=options)


# -- Attempts -------------------------------------------------------------------------------------------------------


async def test_a_node_that_fails_twice(serve: Serve, task_queue: str) -> None:
    for graph in (graphs.patient, graphs.patient_here):
        for kind in ("busy", "mistake"):  # with a policy of one's own, every error is tried again
            log: list[str] = []
            async with serve(graph, deps=log) as client:
                run_id = f"{task_queue}-{graph.name}-{kind}"
                run = await graph.start(client, inputs=kind, id=run_id, task_queue=task_queue)
                assert (await run.result()).output == "attempt 3"
                assert log == ["attempt 1", "attempt 2", "attempt 3"]


async def test_a_mistake_is_not_tried_again(serve: Serve, task_queue: str) -> None:
    log: list[str] = []
    async with serve(graphs.impatient, deps=log) as client:
        run = await graphs.impatient.start(client, inputs="mistake", id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match="'busy' failed with TypeError: mistake"):
            await run.result()
        assert log == ["attempt 1"]


async def test_an_error_is_tried_again_if_nothing_is_said(serve: Serve, task_queue: str) -> None:
    log: list[str] = []
    async with serve(graphs.impatient, deps=log) as client:
        run = await graphs.impatient.start(client, inputs="busy", id=task_queue, task_queue=task_queue)
        async with asyncio.timeout(30):
            while len(log) < 2:
                await asyncio.sleep(0.05)
        await client.get_workflow_handle(run.id).terminate()


@pytest.mark.parametrize("how", ["await", "block"])
async def test_signs_of_life(serve: Serve, task_queue: str, how: str) -> None:
    """A node that waits for long gives them by itself; one that blocks the event loop gives none, and is lost."""
    log: list[str] = []
    async with serve(graphs.sleepy, deps=log) as client:
        run = await graphs.sleepy.start(client, inputs=how, id=task_queue, task_queue=task_queue)
        output = (await run.result()).output
        [event] = await events(client, run.id, STARTED)
        if how == "await":
            assert (output, log) == ("attempt 1", ["attempt 1"])
        else:
            # On a busy machine the second attempt may be lost as well, while the first one still blocks it.
            assert output in ("attempt 2", "attempt 3")
            assert "heartbeat" in attributes(event).last_failure.message.lower()
            assert log[:2] == ["attempt 1", "attempt 2"]
        assert await is_unharmed(client, run.id)
