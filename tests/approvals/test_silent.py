"""Runs that must be asked what they wait for, and for which nobody answers, or not at once."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import ApprovalQueue, GraphPlugin
from temporal_graph.temporal import visibility_client
from tests.approvals.graphs import Ask, plain, single
from tests.approvals.test_queue import listed, waiting
from tests.approvals.test_servers import said
from tests.replay.serving import new_name, until
from tests.support.process import Process
from tests.support.server import DevServer

MISSING = "of the runs that were asked are missing"


@workflow.defn(name="foreign", sandboxed=False)
class Foreign:
    """No graph."""

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


async def start(client: Client, task_queue: str, count: int) -> list[str]:
    """Runs of which nobody may know yet; their ids, in order, once the server lists them."""
    name = new_name("run")
    names = [f"{name}-{number:02}" for number in range(count)]
    for id in names:
        await single.start(client, inputs=Ask(assignees=["ann"]), id=id, task_queue=task_queue)

    async def look() -> bool:
        return {*names} <= {found.id async for found in client.list_workflows("ExecutionStatus = 'Running'")}

    await until(look)
    return names


async def test_the_runs_of_a_worker_that_was_killed_are_in_the_queue_as_soon_as_another_works(
    own_server: DevServer, task_queue: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = await own_server.connect(GraphPlugin(single))
    queue = ApprovalQueue(client)
    worker = Process(
        [sys.executable, "-m", "tests.approvals.worker", own_server.address, task_queue], log=tmp_path / "worker.log"
    )
    async with worker:
        await worker.wait_for_output("ready", timeout=60)
        names = await start(client, task_queue, 5)
        await waiting(queue, 5)
        caplog.clear()
        worker.kill()
        async with Worker(client, task_queue=task_queue):
            # At the first look, for which the server waits for the worker that is gone.
            assert await queue.count(assignee="ann") == 5
            assert {item.run_id for item in await listed(queue)} == {*names}
    assert said(caplog, MISSING) == 0


async def test_those_that_nobody_answers_for_are_counted_and_hold_nobody_up(
    own_server: DevServer, task_queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await own_server.connect(GraphPlugin(single))
    asked: list[str] = []
    handle_of = visibility_client.handle_of

    def noted(client: Client, run_id: str) -> Any:
        asked.append(run_id)
        return handle_of(client, run_id)

    async with Worker(client, task_queue=task_queue):
        # Listed last, so asked after the others: the server has the newest first.
        [there] = await start(client, task_queue, 1)
        silent = await start(client, "nobody", 13)
        queue = ApprovalQueue(client)
        monkeypatch.setattr(visibility_client, "handle_of", noted)
        monkeypatch.setattr(visibility_client, "PATIENCE", timedelta(seconds=3))
        monkeypatch.setattr(visibility_client, "AT_ONCE", 4)
        assert [item.run_id for item in await listed(queue)] == [there]
        # Where these are silent, the others are not asked.
        assert len(asked) == 5
        assert said(caplog, f"13 {MISSING} in the queue, or some of their questions, because no worker said") == 1
        assert said(caplog, f"{', '.join(map(repr, silent[:10]))} and 3 more") == 1
        # Nor on another page of the same list.
        asked.clear()
        caplog.clear()
        monkeypatch.setattr("temporal_graph.approvals.FETCHED", 5)
        assert await queue.count() == 1
        assert len(asked) == 5
        assert said(caplog, f"13 {MISSING}") == said(caplog, MISSING) == 1
        caplog.clear()
        assert [item.run_id for item in (await queue.page(size=5)).items] == [there]
        assert said(caplog, f"13 {MISSING}") == said(caplog, MISSING) == 1


async def test_after_many_that_do_not_answer_a_listing_waits_less_for_each(
    own_server: DevServer, task_queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await own_server.connect(GraphPlugin(single))
    async with Worker(client, task_queue=task_queue):
        [there] = await start(client, task_queue, 1)
        queue = ApprovalQueue(client)
        await waiting(queue, 1)
        await start(client, "nobody", 1)
        caplog.clear()
        monkeypatch.setattr(visibility_client, "AT_ONCE", 1)
        monkeypatch.setattr(visibility_client, "PATIENCE", timedelta(seconds=3))
        monkeypatch.setattr(visibility_client, "HASTE", timedelta(0))
        assert [item.run_id for item in await listed(queue)] == [there]
        assert said(caplog, f"1 {MISSING}") == 1
        monkeypatch.setattr(visibility_client, "WAITED_FOR", 1)
        assert await listed(queue) == []
        assert said(caplog, f"2 {MISSING}") == 1


async def test_a_run_that_has_no_such_questions_is_not_missing_but_one_whose_graph_its_worker_does_not_know(
    own_server: DevServer, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await own_server.connect(GraphPlugin(single))
    async with Worker(client, task_queue=task_queue):
        [unknown] = await start(client, task_queue, 1)
        await waiting(ApprovalQueue(client), 1)
    client = await own_server.connect(GraphPlugin(plain))
    async with Worker(client, task_queue=task_queue, workflows=[Foreign]):
        await client.start_workflow("foreign", id="foreign", task_queue=task_queue)
        caplog.clear()
        assert await listed(ApprovalQueue(client)) == []
    assert said(caplog, f"1 {MISSING}") == 1
    assert said(caplog, f"wait for: {unknown!r}") == 1
