"""Nodes that are not wanted any more: by their siblings, by an end elsewhere, by whoever cancels the run."""

from __future__ import annotations

import asyncio
import warnings

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.workflow import UnfinishedUpdateHandlersWarning

from temporal_graph import RunCancelledError, TemporalGraph
from tests.replay.serving import until
from tests.server import option_graphs as graphs
from tests.server.conftest import Serve
from tests.server.looking import CANCEL_REQUESTED, events, is_unharmed


async def logged(log: list[str], *lines: str) -> None:
    """Wait until something has happened on the worker."""

    async def look() -> bool:
        return all(line in log for line in lines)

    await until(look, timeout=30)


@pytest.mark.parametrize(
    ("graph", "output"),
    [(graphs.first_value, "quick"), (graphs.siblings, ["quick"]), (graphs.first_end, "quick")],
    ids=["first", "siblings", "end"],
)
async def test_running_nodes_are_cancelled(
    serve: Serve, task_queue: str, graph: TemporalGraph, output: str | list[str]
) -> None:
    log: list[str] = []
    async with serve(graph, deps=log) as client:
        run = await graph.start(client, inputs=["one", "quick", "two"], id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == output
        await logged(log, "cancelled one", "cancelled two")
        assert (await run.get_state()).next == []
        assert await is_unharmed(client, run.id)
        assert len(await events(client, run.id, CANCEL_REQUESTED)) == 2
    assert sorted(log) == ["began one", "began two", "cancelled one", "cancelled two"]


@pytest.mark.parametrize("how", ["swallows", "cleans up"])
async def test_a_node_that_does_not_let_itself_be_cancelled(serve: Serve, task_queue: str, how: str) -> None:
    """What it returns after all is nobody's; and nobody waits for it."""
    log: list[str] = []
    async with serve(graphs.first_value, deps=log) as client:
        run = await graphs.first_value.start(client, inputs=[how, "one", "quick"], id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == "quick"
        await logged(log, f"cancelled {how}", "cancelled one")
        if how == "cleans up":
            await logged(log, "cleaned up")
        assert await is_unharmed(client, run.id)
    assert log.count(f"began {how}") == 1


@pytest.mark.parametrize("how", ["one", "swallows", "cleans up"])
async def test_a_run_that_is_cancelled(serve: Serve, task_queue: str, how: str) -> None:
    log: list[str] = []
    async with serve(graphs.everybody, deps=log) as client:
        run = await graphs.everybody.start(client, inputs=[how, "two"], id=task_queue, task_queue=task_queue)
        await logged(log, f"began {how}", "began two")
        handle = client.get_workflow_handle(run.id)
        await handle.cancel()
        with pytest.raises(RunCancelledError, match="has no output"):
            await run.result()
        assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
        await logged(log, f"cancelled {how}", "cancelled two")
        assert await is_unharmed(client, run.id)


async def test_a_run_that_is_cancelled_while_somebody_waits_for_its_stop(serve: Serve, task_queue: str) -> None:
    """The update has been taken by the run when the cancellation comes."""
    log: list[str] = []
    async with serve(graphs.everybody, deps=log) as client:
        run = await graphs.everybody.start(client, inputs=["one", "two"], id=task_queue, task_queue=task_queue)
        await logged(log, "began one", "began two")
        waiting = [asyncio.create_task(run.wait()) for _ in range(3)]

        async def accepted() -> bool:
            found = await events(client, run.id)
            taken = [e for e in found if e.HasField("workflow_execution_update_accepted_event_attributes")]
            return len(taken) == 2  # one waits by itself, the others by the events of the run

        await until(accepted, timeout=30)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UnfinishedUpdateHandlersWarning)
            await client.get_workflow_handle(run.id).cancel()
            for wait in waiting:
                with pytest.raises(RunCancelledError, match="was cancelled"):
                    await wait
        assert [str(warning.message) for warning in caught] == []


async def test_a_run_that_is_cancelled_before_it_began(client: Client, serve: Serve, task_queue: str) -> None:
    run = await graphs.everybody.start(client, inputs=["one"], id=task_queue, task_queue=task_queue)
    await client.get_workflow_handle(run.id).cancel()
    log: list[str] = []
    async with serve(graphs.everybody, deps=log):
        with pytest.raises(RunCancelledError):
            await run.result()
        assert await is_unharmed(client, run.id)
    assert log == []
