"""Very many open questions: whatever is done to their run, its workflow tasks come to an end, and it replays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from temporalio.client import Client

from temporal_graph import GraphRun, GraphRunError, RunCancelledError
from temporal_graph.temporal.streaming import MOST
from tests.replay.serving import chain, replay, serving
from tests.server.many_graphs import Letter, letters


async def _begun(client: Client, task_queue: str, count: int) -> GraphRun[str, None]:
    inputs = [Letter(number) for number in range(count)]
    return await letters.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)


async def _check(client: Client, run_id: str) -> None:
    await replay(await chain(client, run_id), letters)


def _ids(count: int) -> Sequence[str]:
    return [f"Letter:{number}" for number in range(1, count + 1)]


@pytest.mark.slow
async def test_events_that_nobody_has_read_are_forgotten(server_address: str, task_queue: str) -> None:
    """What is left has the numbers that it would have had; `run_started` is the first event."""
    count = MOST + 200
    async with serving(server_address, task_queue, letters) as client:
        run = await _begun(client, task_queue, count)
        await run.cancel()
        with pytest.raises(RunCancelledError):
            await run.result()
        last = [event async for event in run.stream()][-1]
        assert (last.kind, last.number) == ("run_cancelled", 2 * count + 1)
        await _check(client, run.id)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["cancel", "fail"])
async def test_thousands_of_questions(server_address: str, task_queue: str, what: str) -> None:
    count = 3_000
    async with serving(server_address, task_queue, letters) as client:
        run = await _begun(client, task_queue, count)
        (checkpoint,) = [checkpoint async for checkpoint in run.history()]
        assert checkpoint.interrupts == _ids(count)
        if what == "cancel":
            await run.cancel()
            with pytest.raises(RunCancelledError):
                await run.result()
        else:
            await run.resume({"approved": False}, interrupt_id="Letter:7")
            with pytest.raises(GraphRunError, match="6 was refused"):
                await run.result()
        await _check(client, run.id)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_thousands_are_answered_at_once(server_address: str, task_queue: str) -> None:
    count = 2_500
    async with serving(server_address, task_queue, letters) as client:
        run = await _begun(client, task_queue, count)
        accepted = await run.resume_all({name: {"approved": True} for name in _ids(count)})
        assert [item.interrupt_id for item in accepted] == list(_ids(count))
        assert "was the first" in (await run.result()).output
        await _check(client, run.id)
