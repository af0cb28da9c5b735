"""Runs that only wait, and continue as new: nothing that people send can end them, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from temporal_graph import GraphRun, InterruptibleGraph, NoWorkerError
from tests.replay.serving import chain, replay, serving
from tests.server.looking import SIGNALED, failures
from tests.server.waiting_graphs import Ballot, Book, Entry, ballot, short_ballot, short_entry

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
    # How many of these messages came in one task, and after the one that found the history long, is a matter of speed.
    assert len(lengths) >= 2
    assert max(lengths) < 3 * LIMIT
    assert not any(failures(history.events) for history in histories)
    await replay(histories, short_ballot)


def _noise(length: int) -> str:
    """A text that nothing makes much shorter."""
    return base64.b64encode(random.Random(length).randbytes(length)).decode()[:length]


async def test_a_run_that_was_too_large_tries_again(server_address: str, task_queue: str) -> None:
    """It stays in its history while it is too large, and no longer."""
    async with serving(server_address, task_queue, short_entry) as client:
        node = Entry(ballast=_noise(450_000))
        run = await short_entry.start(client, node, state=Book(), id=task_queue, task_queue=task_queue)
        await run.update_state({"note": _noise(1_300_000)})
        bare = client.get_workflow_handle(run.id)

        async def be_wrong() -> None:
            for number in range(TIMES):
                await _wrong(run, bare, number)

        await be_wrong()
        assert (await run.wait()).is_interrupt
        assert len(await chain(client, run.id)) == 1
        await run.update_state({"note": "short"})
        await be_wrong()
        assert (await run.wait()).is_interrupt
        assert len(await chain(client, run.id)) >= 2
        assert (await run.proceed({"approved": True})).output == "True, 0 edits, 5 letters"
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, short_entry)


async def _crowd(client: Client, graph: InterruptibleGraph[Any, Any, Any], run_id: str, count: int, width: int) -> int:
    """Send everything that can be sent, by so many people at once; it all goes through, and the run is as they left it.

    Returns:
        How often the run continued as new.
    """
    run = graph.get_run(client, run_id)
    bare = client.get_workflow_handle(run_id)
    numbers = iter(range(count))
    sends = [_edit, _vote, _wrong, _extend, _early, _reassign, _wait, _vote, _wrong, _early]
    votes: list[int] = []

    async def person() -> None:
        for number in numbers:
            send = sends[number % len(sends)]
            await send(run, bare, number)
            if send is _vote:
                votes.append(number)

    await asyncio.gather(*(person() for _ in range(width)))
    await run.update_state({"edits": count})
    [question] = await run.pending_interrupts()
    assert sorted(answer["actor"] for answer in question.answers) == sorted(f"voter {number}" for number in votes)
    stop = await run.proceed({"approved": False}, actor="the last")
    assert stop.output == f"{len(votes)} for, {count} edits"
    histories = await chain(client, run_id)
    assert not any(failures(history.events) for history in histories)
    return len(histories) - 1


@pytest.mark.slow
async def test_a_crowd_while_the_run_continues_as_new(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, short_ballot) as client:
        await short_ballot.start(client, Ballot(), state=Book(), id=task_queue, task_queue=task_queue)
        assert await _crowd(client, short_ballot, task_queue, 300, 5) > 3


THINGS = int(os.environ.get("THINGS", "4000"))
"""How many things people send; more by hand."""
PEOPLE, WAVE = 10, 200


async def _vote_by_signal(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await bare.signal("resume", {"value": {"approved": True}, "actor": f"voter {number}"})


async def _extend_by_signal(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await bare.signal("extend", {"by": 1, "actor": "somebody"})


async def _reassign_by_signal(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await bare.signal("reassign", {"to": [f"person {number}"], "actor": "somebody"})


async def _be_invalid(run: GraphRun[Any, Any], bare: WorkflowHandle[Any, Any], number: int) -> None:
    await bare.signal("resume", {"value": {"approved": "perhaps"}, "actor": f"voter {number}"})


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK interrupts what takes too long
async def test_thousands_of_things(server_address: str, task_queue: str) -> None:
    """Each tenth is a vote, and each hundredth comes by update; in waves, each as fast as it can be sent."""
    by_signal = [_early, _wrong, _extend_by_signal, _reassign_by_signal, _be_invalid]
    by_update = [_edit, _wait, _extend, _reassign]

    def sending(number: int) -> Send:
        if number % 100 == 99:
            return by_update[number // 100 % len(by_update)]
        return by_signal[number % len(by_signal)] if number % 10 else _vote_by_signal

    async with serving(server_address, task_queue, ballot) as client:
        run = await ballot.start(client, Ballot(), state=Book(), id=task_queue, task_queue=task_queue)
        await run.wait()
        bare = client.get_workflow_handle(run.id)
        votes: list[str] = []

        async def person(numbers: Iterator[int]) -> None:
            for number in numbers:
                with contextlib.suppress(NoWorkerError):  # on a busy machine; what was sent is taken later
                    await sending(number)(run, bare, number)
                if sending(number) is _vote_by_signal:
                    votes.append(f"voter {number}")

        for first in range(0, THINGS, WAVE):  # each ends with updates, which wait for all that came before
            numbers = iter(range(first, first + WAVE))
            await asyncio.gather(*(person(numbers) for _ in range(PEOPLE)))
        while (await run.get_state()).values.edits != THINGS:
            with contextlib.suppress(NoWorkerError):
                await run.update_state({"edits": THINGS})
        [question] = await run.pending_interrupts()
        assert sorted(answer["actor"] for answer in question.answers) == sorted(votes)
        stop = await run.proceed({"approved": False}, actor="the last")
        assert stop.output == f"{len(votes)} for, {THINGS} edits"
        histories = await chain(client, run.id)
    signals = [event for history in histories for event in history.events if event.event_type == SIGNALED]
    assert len(signals) == THINGS * 99 // 100
    assert len(histories) > 1
