"""More scripts of the histories of release 0.3: runs that meet a bound, of bytes or of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from temporal_graph import Skip
from temporal_graph.notify import Notification
from temporal_graph.temporal import turns
from tests.replay import release_0_3_bounds as release
from tests.replay.release_0_3_bounds import Letter
from tests.replay.serving import chain, until
from tests.replay.stage import Script, Stage, continues, sdk


@contextmanager
def one_result_in_a_task() -> Iterator[None]:
    """What nodes have returned is taken one by one."""
    enough, turns.ENOUGH_RESULTS = turns.ENOUGH_RESULTS, 0.0
    try:
        yield
    finally:
        turns.ENOUGH_RESULTS = enough


async def local_results_are_large(stage: Stage) -> None:
    """The driver comes for them when there is room; more than a hundred run; or what is small is too much together."""
    async with stage.working() as client:
        for name, inputs in (
            ("local-large", [1_000_000] * 3 + [10, 400_000]),
            ("local-many", [10] * 104),
            ("local-small", [9_900] * 210),
        ):
            run = await stage.start(client, release.local_letters, name, inputs=inputs, state=None)
            assert (await run.result()).output == sum(inputs)


async def local_errors_are_large(stage: Stage) -> None:
    """The driver comes for them as for results; then they are questions."""
    async with stage.working() as client:
        inputs = [90_000] * 30 + [5]
        run = await stage.start(client, release.failing_letters, "local-fails", inputs=inputs, state=None)

        async def all_ask() -> bool:
            return len(await run.pending_interrupts()) == len(inputs)

        await until(all_ask)
        for question in await run.pending_interrupts():
            await run.resume(Skip("skipped"), interrupt_id=question.interrupt_id)
        assert (await run.result()).output == 7 * len(inputs)


async def functions_are_given_much(stage: Stage) -> None:
    """By nodes in the workflow, more than goes into one message."""
    async with stage.working() as client:
        inputs = [1_000_000, 3, 1_200_000, 1_000_000]
        run = await stage.start(client, release.given_letters, "given-much", inputs=inputs, state=None)
        assert (await run.result()).output == sum(inputs)


async def nodes_are_given_much(stage: Stage) -> None:
    """Beside a person, whose questions are told; and where some are told of more than goes into one message."""

    async def notify(notification: Notification) -> None:
        pass

    async with stage.working(notify=notify) as client:
        run = await stage.start(client, release.beside, "given-nodes", inputs=[900_000] * 4, state=None)
        await run.wait()
        await run.resume("so")
        assert sorted((await run.result()).output) == [2, *[900_000] * 4]
        told = await stage.start(
            client, release.much_alike, "told-much", inputs=[Letter("t" * 15_000, n) for n in range(40)], state=None
        )
        await told.wait()
        await told.resume({"approved": True}, interrupt_id="Letter:7")
        assert (await told.result()).output == 6


async def results_take_turns(stage: Stage) -> None:
    """One in each task: of nodes beside each other, here and elsewhere, and of nodes in the workflow in a row."""
    with one_result_in_a_task():
        async with stage.working() as client:
            run = await stage.start(client, release.counting_down, "turns-of-results", inputs=5, state=None)
            assert (await run.result()).output == 0
            for graph, name in ((release.local_letters, "local"), (release.few_letters, "nodes")):
                run = await stage.start(client, graph, f"turns-of-{name}", inputs=[1, 2, 3, 4], state=None)
                assert (await run.result()).output == 10


async def much_is_alike(stage: Stage) -> None:
    """There is no room for it where the run continues as new, unless what is alike is written once."""
    async with stage.working() as client:
        letters = [Letter("t" * 500_000, 0) for _ in range(3)]
        run = await stage.start(client, release.much_alike, "alike", inputs=letters, state=None)
        handle: Any = sdk(client, run)
        await run.wait()
        for _ in range(2):
            await continues(client, run)
        assert len(await run.pending_interrupts()) == 3
        await handle.signal("resume", {"interrupt_id": "Letter:3", "value": {"approved": True}})
        assert (await run.result()).output == 0
        assert len(await chain(client, run.id)) == 3


PLAIN: Sequence[Script] = (
    local_results_are_large,
    local_errors_are_large,
    functions_are_given_much,
    nodes_are_given_much,
    results_take_turns,
    much_is_alike,
)
