"""Runs that Temporal itself has paused (`temporal workflow pause`), of which the SDK cannot even read the status."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import temporalio.api.workflowservice.v1 as api
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import (
    AnswerRefusedError,
    ApprovalQueue,
    GraphPlugin,
    RefusedError,
    RunCancelledError,
    RunPausedError,
    register_search_attributes,
)
from tests.replay.serving import until
from tests.server.graphs import Chat, Greet, greet
from tests.support.server import DYNAMIC_CONFIG, DevServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A server that can pause runs; as it comes, it cannot."""
    async with DevServer(tmp_path, dynamic_config={**DYNAMIC_CONFIG, "frontend.WorkflowPauseEnabled": True}) as server:
        yield server


async def pause(client: Client, run_id: str) -> None:
    request = api.PauseWorkflowExecutionRequest(
        namespace=client.namespace, workflow_id=run_id, identity="ops", reason="stop!", request_id=uuid.uuid4().hex
    )
    await client.workflow_service.pause_workflow_execution(request)


async def unpause(client: Client, run_id: str) -> None:
    request = api.UnpauseWorkflowExecutionRequest(
        namespace=client.namespace, workflow_id=run_id, identity="ops", request_id=uuid.uuid4().hex
    )
    await client.workflow_service.unpause_workflow_execution(request)


async def test_it_shows_as_paused_takes_no_answer_and_goes_on(server: DevServer) -> None:
    client = await server.connect(GraphPlugin(greet))
    async with Worker(client, task_queue="q"), asyncio.timeout(90):
        run = await greet.start(client, Greet(), state=Chat(), id="r", task_queue="q")
        await run.wait()
        early = asyncio.create_task(_kinds(run))
        await asyncio.sleep(1)
        await pause(client, "r")
        state = await run.get_state()
        assert (state.status, state.values, state.interrupts) == ("paused", None, [])
        for stop in (await run.wait(), await run.proceed(), await greet.proceed(client, id="r", task_queue="q")):
            assert stop.is_paused
        for answer in (
            lambda: run.resume({"user_name": "Bob"}),
            lambda: run.proceed({"user_name": "Bob"}),
            lambda: run.resume_all({"WaitForName:1": {"user_name": "Bob"}}),
            lambda: ApprovalQueue(client).answer("r", {"user_name": "Bob"}),
            lambda: ApprovalQueue(client).approve("r"),
        ):
            with pytest.raises(AnswerRefusedError, match="workflow unpause") as refused:
                await answer()
            assert refused.value.reason == "paused"
        with pytest.raises(RefusedError) as edit:
            await run.update_state({"messages": []})
        assert edit.value.reason == "paused"
        for look in (run.pending_interrupts, run.audit):
            with pytest.raises(RunPausedError, match="paused by Temporal itself"):
                await look()
        late = asyncio.create_task(_kinds(run))
        end = asyncio.create_task(run.result())
        await client.get_workflow_handle("r").signal("update_state", {"values": {"messages": ["kept"]}})
        await asyncio.sleep(2)
        assert not late.done()
        assert not end.done()
        await unpause(client, "r")
        stop = await run.wait()
        assert stop.state.messages == ["kept"]
        assert (await run.proceed({"user_name": "Bob"})).is_end
        assert (await early)[-1] == (await late)[-1] == "run_finished"
        assert (await end).output == "bye Bob"


async def _kinds(run: Any) -> list[str]:
    return [event.kind async for event in run.stream()]


async def test_a_paused_run_can_be_cancelled(server: DevServer) -> None:
    client = await server.connect(GraphPlugin(greet))
    async with Worker(client, task_queue="q"), asyncio.timeout(60):
        run = await greet.start(client, Greet(), state=Chat(), id="r", task_queue="q")
        await run.wait()
        await pause(client, "r")
        await run.cancel()
        await unpause(client, "r")
        with pytest.raises(RunCancelledError):
            await run.result()


@pytest.mark.parametrize("is_registered", [True, False])
async def test_one_of_them_spoils_no_list(
    server: DevServer, caplog: pytest.LogCaptureFixture, is_registered: bool
) -> None:
    plain = await server.connect()
    if is_registered:
        await register_search_attributes(plain)
    client = await server.connect(GraphPlugin(greet))
    queue = ApprovalQueue(client)
    async with Worker(client, task_queue="q"), asyncio.timeout(90):
        for name in ("paused", "other"):
            await (await greet.start(client, Greet(), state=Chat(), id=name, task_queue="q")).wait()

        async def both() -> bool:
            return {item.run_id async for item in queue.pending()} == {"paused", "other"}

        await until(both)
        await pause(client, "paused")

        async def marked() -> bool:
            found = {item.run_id: item.status async for item in queue.pending()}
            return found == ({"paused": "paused", "other": "waiting"} if is_registered else {"other": "waiting"})

        caplog.set_level(logging.WARNING)
        await until(marked)
        assert ("no worker said" in caplog.text) is not is_registered
        if is_registered:
            assert await queue.count() == 2
            assert len((await queue.page(order="created")).items) == 2
            await queue.refresh("greet")
