"""Signals that come at once: while no worker is there, or to a run that has more to do than goes into one task."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from temporal_graph import GraphPlugin, GraphRun, RefusedError, RunCancelledError
from temporal_graph.temporal import turns
from tests.replay.serving import chain, replay, serving
from tests.server.looking import failures
from tests.server.waiting_graphs import Ballot, Book, ballot, short_ballot

KINDS = 6


def _signal(number: int) -> tuple[str, Any]:
    signals: list[tuple[str, Any]] = [
        ("resume", {"value": {"approved": True}, "actor": f"voter {number}"}),
        ("resume", {"interrupt_id": "Nobody:1", "value": number}),
        ("update_state", {"values": {"edits": number + 1}}),
        ("extend", {"by": 60, "actor": "somebody"}),
        ("reassign", {"to": [f"person {number}"], "actor": "somebody"}),
        ("nothing of this name", number),
    ]
    return signals[number % KINDS]


async def _send(bare: WorkflowHandle[Any, Any], count: int, width: int = 1) -> None:
    numbers = iter(range(count))

    async def person() -> None:
        for number in numbers:
            await bare.signal(*_signal(number))

    await asyncio.gather(*(person() for _ in range(width)))


async def _begin(address: str, task_queue: str, graph: Any = ballot) -> tuple[Client, WorkflowHandle[Any, Any]]:
    """A run that waits, and no worker any more."""
    async with serving(address, task_queue, graph) as client:
        await (await graph.start(client, Ballot(), state=Book(), id=task_queue, task_queue=task_queue)).wait()
    client = await Client.connect(address, plugins=[GraphPlugin(graph)])
    return client, client.get_workflow_handle(task_queue)


async def _check(run: GraphRun[Any, Any], client: Client, count: int, graph: Any) -> None:
    """All of it has been done, and can be replayed."""
    [question] = await run.pending_interrupts()
    assert len(question.answers) == count // KINDS
    assert (await run.proceed({"approved": False}, actor="the last")).is_end
    histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, graph, may_be_slow=count > 1_000)  # on a machine that does much else


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK interrupts what takes too long
async def test_thousands_of_signals_that_nobody_took(server_address: str, task_queue: str) -> None:
    """The SDK gives up a task of two seconds, and tries it again for ever."""
    client, bare = await _begin(server_address, task_queue)
    await _send(bare, 3_000, 20)
    async with serving(server_address, task_queue, ballot):
        run = ballot.get_run(client, task_queue)
        await run.update_state({"note": "after all of them"})
        await _check(run, client, 3_000, ballot)


async def test_a_signal_in_each_task(server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update comes after all signals that came before it, and nothing is lost where the run continues as new."""
    monkeypatch.setattr(turns, "ENOUGH", 0.0)
    client, bare = await _begin(server_address, task_queue, short_ballot)
    await _send(bare, KINDS)
    run = short_ballot.get_run(client, task_queue)
    update = asyncio.ensure_future(run.update_state({"note": "after all of them"}))
    wrong = asyncio.gather(
        run.update_state({"edits": "many"}), run.resume({"approved": "perhaps"}, actor="a"), return_exceptions=True
    )
    await asyncio.sleep(0.5)
    async with serving(server_address, task_queue, short_ballot):
        assert (await update).edits == 3
        for error in await wrong:  # nobody has looked at them before they were taken
            assert isinstance(error, RefusedError)
            assert error.reason == "invalid"
        await _check(run, client, KINDS, short_ballot)
        assert len(await chain(client, task_queue)) > 1


async def test_what_waits_when_a_run_ends(
    server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "ENOUGH", 0.0)
    client, bare = await _begin(server_address, task_queue)
    await _send(bare, KINDS)
    await bare.signal("resume", {"value": {"approved": False}, "actor": "the last"})
    await _send(bare, KINDS)
    run = ballot.get_run(client, task_queue)
    update = asyncio.ensure_future(run.update_state({"note": "before the node has begun"}))
    await asyncio.sleep(0.5)
    async with serving(server_address, task_queue, ballot):
        assert (await update).note == "before the node has begun"
        assert (await run.result()).output == "1 for, 3 edits"
        audit = await run.audit()
        assert [entry.kind for entry in audit].count("rejected") == 2 + 5
        await replay(await chain(client, task_queue), ballot)


async def test_a_run_that_is_cancelled(server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ENOUGH", 0.0)
    client, bare = await _begin(server_address, task_queue)
    await _send(bare, KINDS)
    await bare.cancel()
    async with serving(server_address, task_queue, ballot):
        run = ballot.get_run(client, task_queue)
        with pytest.raises(RunCancelledError):
            await run.result()
        assert (await run.get_state()).values.edits == 3
        await replay(await chain(client, task_queue), ballot)


async def test_a_signal_that_says_it_is_many(server_address: str, task_queue: str) -> None:
    """The name under which many are handed on is not forbidden to anybody, and does no harm."""
    client, bare = await _begin(server_address, task_queue)
    async with serving(server_address, task_queue, ballot):
        for sent in (None, 7, "x", [["resume"]], [["resume", "x"]], [["resume", 5]], [[["resume"], -1]]):
            await bare.signal("temporal_graph.together", sent)
        run = ballot.get_run(client, task_queue)
        assert len((await run.get_state()).rejected) == 7
        assert (await run.proceed({"approved": False}, actor="the last")).is_end
