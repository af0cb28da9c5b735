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


@pytest.mark.parametrize(
    "release",
    [
        "other_code",
        "label_added",
        "field_with_default",
        "field_gone",
        "options_changed",
        "node_after",
        "renamed_after",
    ],
)
async def test_what_waiting_runs_do_not_notice(release: str, client: Client, releases: Releases) -> None:
    await releases.deploy("first")
    runs = await waiting(changes.first, client, releases)
    await releases.deploy(release)
    await finish(of_release(release, runs, client), True, "paid: True (0)")


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


async def test_a_class_that_was_renamed(client: Client, releases: Releases) -> None:
    await releases.deploy("classes")
    runs = await waiting(changes.classes, client, releases, 2, from_node=changes.Enter())
    await releases.deploy("class_renamed")
    with pytest.raises(RunBlockedError, match="node 'Confirm' is gone; node 'ConfirmNow' is new"):
        await runs[0].resume({"approved": True})
    await releases.deploy("classes")
    await runs[1].resume({"approved": True})
    assert (await runs[1].result()).output == "0: True"
