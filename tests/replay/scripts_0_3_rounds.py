"""More scripts of the histories of release 0.3: runs whose nodes' results say what they got."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from temporal_graph import StateConflictError
from tests.replay import release_0_3_rounds as release
from tests.replay.release_0_3_rounds import Moved, Rounds
from tests.replay.serving import chain, until
from tests.replay.stage import Run, Script, Stage, continues


async def questions_go_along(stage: Stage) -> None:
    """One with a key, and one that shows the time, are open while the run continues as new, and are looked at."""
    async with stage.working() as client:
        run = await stage.start(client, release.rounds, "rounds", inputs=[0, 1, 2], state=Rounds())
        looking = [asyncio.ensure_future(look(run)) for _ in range(3)]
        for number in range(4):
            for word in ("said", "until"):
                stop = await run.wait()
                (question,) = stop.interrupts
                assert (isinstance(question.value, str), stop.state.left) == (word == "said", 3 - number)
                if number == 1:
                    await continues(client, run)
                await run.resume(f"{word} {number}", interrupt_id=question.interrupt_id)
                await until(lambda name=question.interrupt_id: is_gone(run, name))
        result = await run.result()
        assert (result.output, len(result.state.said)) == (18, 8)
        for task in looking:
            task.cancel()
        assert len(await chain(client, run.id)) > 2


async def look(run: Run) -> None:
    while True:
        await run.pending_interrupts()


async def is_gone(run: Run, interrupt_id: str) -> bool:
    return interrupt_id not in [question.interrupt_id for question in await run.pending_interrupts()]


async def numbers_move(stage: Stage) -> None:
    """A number in a list whose items another branch has moved: nobody knows which it was."""
    async with stage.working() as client:
        run = await stage.start(client, release.moved, "moved", inputs=["add", "move", "add"], state=Moved())
        with pytest.raises(StateConflictError):
            await run.result()


async def time_is_up_in_another_release(stage: Stage) -> None:
    """What would stand for an answer does not fit there: the question waits on."""
    async with stage.working() as client:
        run = await stage.start(client, release.hurried, "hurried", release.Words(), state=None)
        await run.wait()
    async with stage.working(release.later_hurried) as client:
        later = release.later_hurried.get_run(client, run.id)

        async def is_late() -> bool:
            return bool((await later.get_state()).rejected)

        await until(is_late)
        await later.resume({"said": 7})
        assert (await later.result()).output == "7"


PLAIN: Sequence[Script] = (questions_go_along, numbers_move, time_is_up_in_another_release)
