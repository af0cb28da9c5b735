"""More scripts of the histories of release 0.3: many questions at once, and their timers."""

from __future__ import annotations

from collections.abc import Sequence

from tests.replay import release_0_3_crowds as release
from tests.replay.serving import until
from tests.replay.stage import Run, Script, Stage, is_cancelled


async def timers_are_shared(stage: Stage) -> None:
    """Some questions wait for one moment, and another for its own; some are answered before."""
    async with stage.working() as client:
        run = await stage.start(client, release.crowd, "crowd-shares", inputs=[3.0, 3.0, 3.0, 4.0, 3.0], state=None)
        await run.wait()
        await run.resume_all({"wait:1.0": "yes", "wait:3.0": "no"})
        assert (await run.result()).output == ["yes", "no", "nobody", "nobody", "nobody"]


async def timers_are_many(stage: Stage) -> None:
    """More of them than one task sets."""
    async with stage.working() as client:
        waits = [3_600.0 + number for number in range(520)]
        run = await stage.start(client, release.crowd, "crowd-timers", inputs=waits, state=None)
        await until(lambda: are_open(run, len(waits)))
        await run.resume("yes", interrupt_id="wait:520.0")
        await is_cancelled(run)


async def many_wait_in_the_workflow(stage: Stage) -> None:
    """More than nodes may run at once; they go on in crowds of some hundred."""
    async with stage.working() as client:
        run = await stage.start(client, release.crowd, "crowd-waits", inputs=[0.0] * 1_300, state=None)
        await until(lambda: are_open(run, 1_300))
        await run.resume("first", interrupt_id="wait:1.0")
        await run.resume_all({f"wait:{number}.0": "yes" for number in range(2, 1_301)})
        assert (await run.result()).output == ["first", *["yes"] * 1_299]


async def are_open(run: Run, count: int) -> bool:
    return len(await run.pending_interrupts()) == count


PLAIN: Sequence[Script] = (timers_are_shared, timers_are_many, many_wait_in_the_workflow)
