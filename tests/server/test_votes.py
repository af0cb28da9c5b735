"""What very many people say to one question: as much as goes along with a run, and to the node."""

from __future__ import annotations

import pytest

from temporal_graph import AnswerRefusedError
from tests.replay.serving import chain, replay, serving
from tests.server.looking import failures
from tests.server.waiting_graphs import Book, Poll, short_poll

LETTERS = 150_000
KEPT = 6


async def test_people_say_too_much(server_address: str, task_queue: str) -> None:
    """It is refused: else the run could not continue as new, and the node would get more than can be sent."""
    async with serving(server_address, task_queue, short_poll) as client:
        run = await short_poll.start(client, Poll(), state=Book(), id=task_queue, task_queue=task_queue)
        await run.wait()
        bare = client.get_workflow_handle(run.id)
        for number in range(KEPT):
            await run.resume({"said": "x" * LETTERS}, actor=f"voter {number}")
        with pytest.raises(
            AnswerRefusedError, match=r"6 people have said 90\d,\d+ bytes to 'Poll:1'\. No more than 1,000,000"
        ):
            await run.resume({"said": "x" * LETTERS}, actor="one more")
        with pytest.raises(AnswerRefusedError, match="No more than"):
            await run.resume_all({"Poll:1": {"said": "x" * LETTERS}}, actor="one more")
        with pytest.raises(AnswerRefusedError, match="No more than"):
            await run.proceed({"said": "x" * LETTERS}, actor="one more")
        for number in range(20):
            await bare.signal("resume", {"value": {"said": "x" * LETTERS}, "actor": f"by signal {number}"})
        assert (await run.resume({"said": "x"}, actor="a short one")).missing
        state = await run.get_state()
        assert {item["reason"] for item in state.rejected} == {"invalid"}
        assert len(state.rejected) == 20
        [question] = await run.pending_interrupts()
        assert len(question.answers) == KEPT + 1
        await run.resume({"said": "stop"}, actor="the last")
        assert (await run.result()).output == f"8 said {KEPT * LETTERS + 5} letters"
        histories = await chain(client, run.id)
    assert len(histories) > 1
    assert not any(failures(history.events) for history in histories)
    await replay(histories, short_poll)
