"""The table of "Changing a graph", row by row: runs wait, and a worker process with a later release takes over."""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import GraphRun, RunBlockedError, TemporalGraph
from tests.releases import changes
from tests.releases.conftest import Releases
from tests.replay.serving import chain, until

RUNS = 20
WITHIN = 2.0
"""Seconds in which a caller is told."""


async def waiting(
    graph: TemporalGraph[Any, Any, Any, Any],
    client: Client,
    releases: Releases,
    count: int = RUNS,
    *,
    task_timeout: timedelta | None = None,
    **given: Any,
) -> Sequence[GraphRun[Any, Any]]:
    """Runs that wait for a person."""
    given = {**(given or {"inputs": 7, "state": changes.State(0, ["new"])}), "task_timeout": task_timeout}
    runs = await asyncio.gather(
        *(
            graph.start(client, id=f"{releases.task_queue}-{number}", task_queue=releases.task_queue, **given)
            for number in range(count)
        )
    )
    for stop in await asyncio.gather(*(run.wait() for run in runs)):
        assert stop.status == "waiting"
    return runs


def of_release(release: str, runs: Sequence[GraphRun[Any, Any]], client: Client) -> Sequence[GraphRun[Any, Any]]:
    """The same runs as a client with a later release has them."""
    graph: TemporalGraph[Any, Any, Any, Any] = getattr(changes, release)
    return [graph.get_run(client, run.id) for run in runs]


async def finish(runs: Sequence[GraphRun[Any, Any]], answer: Any, output: str) -> None:
    await asyncio.gather(*(run.resume(answer) for run in runs))
    for result in await asyncio.gather(*(run.result() for run in runs)):
        assert result.output == output


async def have_continued(client: Client, runs: Sequence[GraphRun[Any, Any]]) -> None:
    """Wait until all of them have continued as new."""
    for run in runs:

        async def has_continued(run: GraphRun[Any, Any] = run) -> bool:
            return len(await chain(client, run.id)) > 1

        await until(has_continued)


@pytest.mark.parametrize(
    ("before", "release"),
    [
        ("first", "other_code"),
        ("first", "label_added"),
        ("first", "field_with_default"),
        ("first", "field_gone"),
        ("first", "options_changed"),
        ("first", "node_after"),
        ("node_after", "first"),
        ("first", "renamed_after"),
        ("short", "renamed_before"),
        ("short", "node_before"),
        pytest.param("node_before_short", "first", marks=pytest.mark.slow),
        pytest.param("short", "made_local", marks=pytest.mark.slow),
    ],
)
async def test_what_waiting_runs_do_not_notice(before: str, release: str, client: Client, releases: Releases) -> None:
    await releases.deploy(before)
    runs = await waiting(getattr(changes, before), client, releases)
    if before.endswith("short"):
        await have_continued(client, runs)
    await releases.deploy(release)
    await finish(of_release(release, runs, client), True, "paid: True (0)")


async def test_a_node_that_waits_is_gone_though_the_run_has_continued_as_new(
    client: Client, releases: Releases
) -> None:
    await releases.deploy("short")
    runs = await waiting(changes.short, client, releases)
    await have_continued(client, runs)
    await releases.deploy("renamed_waiting")
    with pytest.raises(RunBlockedError, match="node 'ask' is gone"):
        await runs[0].resume(True)
    assert {(await run.get_state()).status for run in runs} == {"blocked"}
    await releases.deploy("first")
    for run in runs[1:]:
        await run.resume(True)
    for run in runs[1:]:
        assert (await run.result()).output == "paid: True (0)"


GONE = [
    ("renamed_waiting", "node 'ask' is gone; node 'decide' is new"),
    ("renamed_before", "node 'prepare' is gone; node 'look' is new"),
    ("node_before", "node 'check' is new"),
    ("made_local", "node 'prepare' was a step, and is a step that is local"),
]


@pytest.mark.parametrize(("release", "difference"), GONE)
async def test_what_waiting_runs_cannot_be_carried_on_with(
    release: str, difference: str, client: Client, releases: Releases
) -> None:
    """Whichever release the client has; the old one carries them on."""
    await releases.deploy("first")
    runs = await waiting(changes.first, client, releases)
    host = await releases.deploy(release)
    told = f"this release's graph differs from the one this run began with: {difference}"
    for run in (of_release(release, runs, client)[0], runs[1]):
        update = functools.partial(run.update_state, {"amount": 1})
        asked = [functools.partial(run.resume, True), run.wait, run.pending_interrupts, update]
        for ask in asked:
            began = time.monotonic()
            with pytest.raises(RunBlockedError, match=f"{re.escape(told)}.*would carry it on"):
                await ask()
            assert time.monotonic() - began < WITHIN
        state = await run.get_state()
        assert state.status == "blocked"
        assert told in (state.problem or "")
    assert f"Run {runs[0].id!r} of graph 'claim' is blocked: {told}" in host.process.output()
    await releases.deploy("first")
    # What was sent meanwhile may be taken by now, too.
    for run in runs[2:]:
        await run.resume(True)
    for run in runs[2:]:
        assert (await run.result()).output == "paid: True (0)"


async def test_it_is_said_at_once_however_often_it_was_tried(client: Client, releases: Releases) -> None:
    """A server turns updates away from the third attempt at a task on."""
    await releases.deploy("first")
    runs = await waiting(changes.first, client, releases, 1, task_timeout=timedelta(seconds=1))
    await releases.deploy("renamed_waiting")
    with pytest.raises(RunBlockedError):
        await runs[0].resume(True)

    async def was_tried_thrice() -> bool:
        description = await client.get_workflow_handle(runs[0].id).describe()
        return description.raw_description.pending_workflow_task.attempt >= 3

    await until(was_tried_thrice)
    [run] = of_release("renamed_waiting", runs, client)
    begin = functools.partial(changes.renamed_waiting.proceed, client, id=run.id)
    listen = functools.partial(anext, run.stream())
    for ask in (functools.partial(run.resume, True), functools.partial(run.reassign, "bob"), run.wait, begin, listen):
        began = time.monotonic()
        with pytest.raises(RunBlockedError, match="node 'ask' is gone; node 'decide' is new"):
            await ask()
        assert time.monotonic() - began < WITHIN
    await releases.deploy("first")

    async def is_carried_on() -> bool:
        return (await runs[0].get_state()).status == "waiting"

    await until(is_carried_on)  # with the next attempt
    await finish(runs, True, "paid: True (0)")


async def test_a_class_that_was_renamed(client: Client, releases: Releases) -> None:
    await releases.deploy("classes")
    runs = await waiting(changes.classes, client, releases, from_node=changes.Enter())
    await releases.deploy("class_renamed")
    with pytest.raises(RunBlockedError, match="node 'Confirm' is gone; node 'ConfirmNow' is new"):
        await runs[0].resume({"approved": True})
    await releases.deploy("classes")
    await finish(runs[1:], {"approved": True}, "0: True")
