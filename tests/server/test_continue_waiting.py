"""Runs that only wait, and continue as new: nothing that people send can end them, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from temporal_graph import GraphRun
from tests.replay.serving import chain, replay, serving, until
from tests.server.looking import failures
from tests.server.waiting_graphs import Ballot, Book, Entry, ballot, entry, short_ballot, short_entry

TIMES = 40
LIMIT = 30


async def _edit(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await run.update_state({"edits": number + 1})


async def _vote(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await run.resume({"approved": True}, actor=f"voter {number}")


async def _extend(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await run.extend(timedelta(days=1))


async def _reassign(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await run.reassign([f"person {number}"])


async def _wait(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    assert (await run.wait()).is_interrupt


async def _wrong(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await bare.signal("resume", {"interrupt_id": "Nobody:1", "value": number})


async def _early(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await bare.signal("update_state", {"values": {"edits": number + 1}})


async def _stop(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await run.set_breakpoints(before="*" if number % 2 else [])


async def _pause(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await (run.unpause() if number % 2 else run.pause())


async def _publish(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    batch = {"items": [{"topic": "mine", "data": ""}], "publisher_id": "somebody", "sequence": number + 1}
    await bare.signal("__temporal_workflow_stream_publish", batch)


Send = Callable[[GraphRun[Any, Any], WorkflowHandle[Any, Any], int], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    "send",
    [_edit, _vote, _extend, _reassign, _wait, _wrong, _early, _stop, _pause, _publish],
    ids=lambda send: send.__name__,
)
async def test_a_run_that_only_waits_continues_as_new(server_address: str, task_queue: str, send: Send) -> None:
    """Its first question is open before anything else has happened."""
    async with serving(server_address, task_queue, short_ballot) as client:
        run = await short_ballot.start(client, Ballot(), state=Book(), id=task_queue, task_queue=task_queue)
        await run.wait()
        bare = client.get_workflow_handle(run.id)
        for number in range(TIMES):
            await send(run, bare, number)
        state = await run.get_state()
        assert state.values.edits == (TIMES if send in (_edit, _early) else 0)
        [question] = await run.pending_interrupts()
        assert len(question.answers) == (TIMES if send is _vote else 0)
        assert len(state.rejected) == (TIMES if send is _wrong else 0)
        assert (await run.proceed({"approved": False}, actor="the last")).is_end
        histories = await chain(client, run.id)
    lengths = [len(history.events) for history in histories]
    assert len(lengths) >= 3
    assert max(lengths) < LIMIT + 20
    assert not any(failures(history.events) for history in histories)
    await replay(histories, short_ballot)
