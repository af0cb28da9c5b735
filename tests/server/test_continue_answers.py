"""Answers that come while a run continues as new: none is lost, none is taken twice."""

from __future__ import annotations

import asyncio

import pytest

from temporal_graph import AnswerRefusedError
from tests.replay.release_0_1 import Case, Turn, local_turns
from tests.replay.serving import chain, replay, serving, until
from tests.server.continue_graphs import Control, Log, Quiz, Sheet, busy, quiz

ITEMS = [f"item {number}" for number in range(12)]


@pytest.mark.slow
async def test_answers_reach_a_run_that_continues_as_new_all_the_time(server_address: str, task_queue: str) -> None:
    control = Control()
    async with serving(server_address, task_queue, busy, deps=control) as client:
        run = await busy.start(client, inputs=ITEMS, state=Log(), id=task_queue, task_queue=task_queue)
        bare = client.get_workflow_handle(run.id)

        async def all_asked() -> bool:
            return len(await run.pending_interrupts()) == len(ITEMS) + 2

        async def answer(number: int) -> None:
            sent = {"interrupt_id": f"ask:{number + 1}.0", "value": f"answer {number}", "answer_id": f"id {number}"}
            for _ in range(3):  # a person who clicks again and again
                if number % 2:
                    await bare.signal("resume", sent)
                else:
                    await run.resume(sent["value"], interrupt_id=sent["interrupt_id"], answer_id=sent["answer_id"])

        await until(all_asked)
        assert (await run.get_state()).status == "running"
        before = control.laps
        await asyncio.gather(*(answer(number) for number in range(len(ITEMS))))
        await run.resume("one", interrupt_id="ask_here:1.0")
        await run.resume({"name": "Bob"}, interrupt_id="Sign")

        async def asked_again() -> bool:
            return [i.interrupt_id for i in await run.pending_interrupts()] == ["ask_here:1.1"]

        await until(asked_again)
        with pytest.raises(AnswerRefusedError, match="already_answered"):
            await run.resume("another", interrupt_id="ask:1.0")
        await run.resume("two", interrupt_id="ask_here:1.1")
        assert control.laps > before
        control.is_over = True
        result = await run.result()
        histories = await chain(client, run.id)
    answered = [f"{item}=answer {number}" for number, item in enumerate(ITEMS)]
    assert sorted(result.output) == sorted([*answered, "one-two", "signed Bob", "spun"])
    assert sorted(result.state.lines) == sorted([*(f"ask {item}" for item in ITEMS), "ask_here", "sign"])
    assert len(histories) > 3
    await replay(histories, busy)


@pytest.mark.needs_cache
async def test_whoever_waits_for_the_next_stop_is_not_lost(server_address: str, task_queue: str) -> None:
    """Each `proceed` waits across several runs, and each question is answered twice."""
    async with serving(server_address, task_queue, quiz, deps=Control()) as client:
        stop = await quiz.proceed(client, id=task_queue, from_node=Quiz(9), state=Log(), task_queue=task_queue)
        run = quiz.get_run(client, task_queue)
        for number in range(9):
            assert stop.is_interrupt
            [pending] = stop.interrupts
            if number % 2:
                assert isinstance(stop.next_node, Sheet)
                value: object = {"answer": str(number)}
            else:
                value = str(number)
            stops = await asyncio.gather(
                *(run.proceed(value, interrupt_id=pending.interrupt_id, answer_id=str(number)) for _ in range(2))
            )
            assert stops[0] == stops[1]
            stop = stops[0]
        assert stop.output == [str(number) for number in range(9)]
        histories = await chain(client, run.id)
    assert len(histories) > 5
    await replay(histories, quiz)


async def test_whoever_waits_is_told_the_end_however_quickly_it_comes(server_address: str, task_queue: str) -> None:
    """With local nodes a run takes an answer, continues as new and ends before whoever answered asks again."""
    async with serving(server_address, task_queue, local_turns) as client:
        for number in range(5):
            run_id = f"{task_queue}-{number}"
            stop = await local_turns.proceed(client, id=run_id, from_node=Turn(20), state=Case(), task_queue=task_queue)
            run = local_turns.get_run(client, run_id)
            while not stop.is_end:
                stop = await run.proceed({"answer": str(stop.next_node)})
            assert len(stop.output) == 6
            assert await run.wait() == stop
            assert await local_turns.proceed(client, id=run_id) == stop
            again = await local_turns.proceed(
                client, id=run_id, from_node=Turn(20), state=Case(), task_queue=task_queue
            )
            assert again == stop
