"""Very many open questions, or entries: whatever is done to their run, its workflow tasks end, and it replays.

On a busy machine they may take more than 2 seconds, after which the SDK gives up, but for `debug_mode`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from temporal_graph import GraphPlugin, GraphRun, GraphRunError, RunCancelledError
from temporal_graph.engine import looking
from temporal_graph.temporal import driver
from temporal_graph.temporal.streaming import MOST
from tests.replay.serving import chain, replay, serving, until
from tests.server.many_graphs import (
    REGISTERS,
    Letter,
    change,
    inquiry,
    inquiry_here,
    letters,
    register,
    short_letters,
    words,
)


async def _begun(client: Client, task_queue: str, count: int) -> GraphRun[str, None]:
    inputs = [Letter(number) for number in range(count)]
    return await letters.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)


async def _check(client: Client, run_id: str) -> None:
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(letters, short_letters)], debug_mode=True)
    for history in await chain(client, run_id):
        await replayer.replay_workflow(history)


def _nothing(_: int) -> str:
    return ""


def _ids(count: int) -> Sequence[str]:
    return [f"Letter:{number}" for number in range(1, count + 1)]


@pytest.mark.slow
async def test_events_that_nobody_has_read_are_forgotten(server_address: str, task_queue: str) -> None:
    """What is left has the numbers that it would have had; `run_started` is the first event."""
    count = MOST + 200
    async with serving(server_address, task_queue, letters, debug_mode=True) as client:
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
    async with serving(server_address, task_queue, letters, debug_mode=True) as client:
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
@pytest.mark.needs_cache
@pytest.mark.timeout(300)
@pytest.mark.parametrize("text", [_nothing, words], ids=["alike", "different"])
async def test_ten_thousand_questions_go_along(
    server_address: str, task_queue: str, text: Callable[[int], str]
) -> None:
    """Their run continues as new, and they are open in the next history as they were in the one before."""
    inputs = [Letter(number, text(number)) for number in range(10_000)]
    async with serving(server_address, task_queue, short_letters, debug_mode=True) as client:
        run = await short_letters.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)
        handle = client.get_workflow_handle(run.id)
        before = await run.pending_interrupts()
        for number in range(20):
            await handle.signal("resume", {"interrupt_id": "Nobody:1", "value": number})

        async def has_continued() -> bool:
            return len(await chain(client, run.id)) > 1

        await until(has_continued, timeout=120)
        assert await run.pending_interrupts() == before
        assert [item.interrupt_id for item in before] == _ids(10_000)
        await run.resume({"approved": True}, interrupt_id="Letter:9999")
        assert (await run.result()).output == "9998 was the first"
        await _check(client, run.id)


def _failures(histories: Sequence[WorkflowHistory]) -> list[str]:
    """Workflow tasks that did not end as they should."""
    kinds = (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    bad = [event for history in histories for event in history.events if event.event_type in kinds]
    # That something has come meanwhile is no failure: the task is done again, with what has come.
    came = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    return [str(event) for event in bad if event.workflow_task_failed_event_attributes.cause != came]


async def test_more_wait_in_the_workflow_than_may_run(
    server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait are not counted; of the others only so many begin, or go on, with one task."""
    monkeypatch.setattr(driver, "MAX_RUNNING", 20)
    monkeypatch.setattr(driver, "MOST_LATE", 25)
    async with serving(server_address, task_queue, inquiry_here) as client:
        run = await inquiry_here.start(client, inputs=list(range(60)), id=task_queue, task_queue=task_queue)
        await until(lambda: _are_open(run, 60))
        await run.resume("first", interrupt_id="inquire:1.0")
        assert len(await run.pending_interrupts()) == 59
        await run.resume_all({f"inquire:{number}.0": "yes" for number in range(2, 61)})
        assert (await run.result()).output == ["first", *["yes"] * 59]
        await replay(await chain(client, run.id), inquiry_here)


@pytest.mark.slow
@pytest.mark.needs_cache
@pytest.mark.timeout(300)
async def test_thousands_of_answers_at_once(server_address: str, task_queue: str) -> None:
    """More of them wait in the workflow than nodes may run at once; their answers come with one update."""
    count = 2_500
    answers = {f"inquire:{number}.0": str(number) for number in range(1, count + 1)}
    async with serving(server_address, task_queue, inquiry_here, debug_mode=True) as client:
        run = await inquiry_here.start(client, inputs=list(range(count)), id=task_queue, task_queue=task_queue)
        await until(lambda: _are_open(run, count))
        taken = await run.resume_all(answers)
        assert [item.interrupt_id for item in taken] == list(answers)
        assert (await run.result()).output == list(answers.values())
        histories = await chain(client, run.id)
        assert not _failures(histories)
        await replay(histories, inquiry_here, may_be_slow=True)


async def _are_open(run: GraphRun[Any, Any], count: int) -> bool:
    return len(await run.pending_interrupts()) == count


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", REGISTERS)
async def test_a_state_with_very_many_entries(server_address: str, task_queue: str, kind: str) -> None:
    """Four branches that each change a fourth of it at the same time."""
    state = REGISTERS[kind]()
    async with serving(server_address, task_queue, register, debug_mode=True) as client:
        run = await register.start(client, inputs=list(range(4)), state=state, id=task_queue, task_queue=task_queue)
        for number in range(4):
            change(state, number, 4)
        stop = await run.wait()
        assert (stop.status, stop.state) == ("waiting", state)
        assert (await run.proceed(True)).output == 4
        histories = await chain(client, run.id)
        assert not _failures(histories)
        await replay(histories, register, may_be_slow=True)


@pytest.mark.needs_cache
async def test_more_questions_than_go_into_one_answer(server_address: str, task_queue: str) -> None:
    count = 3_000
    async with serving(server_address, task_queue, letters, debug_mode=True) as client:
        run = await _begun(client, task_queue, count)

        async def are_open() -> bool:
            return len(await run.pending_interrupts()) == count

        await until(are_open)
        assert [item.interrupt_id for item in await run.pending_interrupts()] == _ids(count)
        assert [item.interrupt_id for item in (await run.get_state()).interrupts] == _ids(count)
        assert [item.interrupt_id for item in (await run.wait()).interrupts] == _ids(count)
        bare = client.get_workflow_handle(run.id)
        first = await bare.query("pending_interrupts")
        assert [item["interrupt_id"] for item in first] == _ids(len(first)) != _ids(count)
        page = await bare.query("pending_interrupts", {"after": None})
        assert page["interrupts"] == first
        ids = {item["interrupt_id"] for item in first}
        while page["next"] is not None:
            page = await bare.query("pending_interrupts", {"after": page["next"]})
            ids.update(item["interrupt_id"] for item in page["interrupts"])
        assert ids == set(_ids(count))
        await run.cancel()


async def test_people_answer_while_somebody_looks(
    server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks gets pages, between which answers come: what nobody answers is in each list, and once."""
    monkeypatch.setattr(looking, "PAGE", 1_000)
    async with serving(server_address, task_queue, inquiry) as client:
        run = await inquiry.start(client, inputs=list(range(30)), id=task_queue, task_queue=task_queue)

        async def are_open() -> bool:
            return len(await run.pending_interrupts()) == 30

        await until(are_open)
        ids = [item.interrupt_id for item in await run.pending_interrupts()]
        left = ids[::3]

        async def answer() -> None:
            for name in (name for name in ids if name not in left):
                await run.resume("yes", interrupt_id=name)

        answering = asyncio.create_task(answer())
        lists = 0
        while not answering.done():
            for found in (await run.pending_interrupts(), (await run.get_state()).interrupts):
                seen = [item.interrupt_id for item in found]
                assert [name for name in seen if name in left] == left
                assert len(seen) == len(set(seen))
                lists += 1
        await answering
        assert lists > 2
        assert [item.interrupt_id for item in await run.pending_interrupts()] == left
        await run.resume_all(dict.fromkeys(left, "yes"))
        assert (await run.result()).output == ["yes"] * 30
