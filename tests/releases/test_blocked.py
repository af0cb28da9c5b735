"""Runs that hold what a later release cannot read: they are blocked, say by what, and go on; they never fail."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import (
    AnswerRefusedError,
    ApprovalQueue,
    Command,
    GraphRun,
    RefusedError,
    Retry,
    RunBlockedError,
    Send,
    TemporalGraph,
    register_search_attributes,
)
from tests.faults.conftest import SOON
from tests.releases import changes
from tests.releases.conftest import Releases, two_hosts
from tests.releases.test_changes import RUNS, WITHIN, finish, have_continued, waiting
from tests.replay.serving import chain, replay, until
from tests.support.server import DevServer

OWNER = "owner: Field required"
UNREADABLE = [
    ("field_required", "this release cannot read the state: this is no WithRequired: owner: Field required"),
    ("type_changed", "this release cannot read the state: this is no OtherType: amount: "),
    ("field_forbidden", "this release cannot read the state: this is no Strict: notes: "),
    ("inputs_changed", "this release cannot read the input of node 'ask'"),
]
ROWS = [
    pytest.param(*row, before, marks=[pytest.mark.slow] if before == "short" and number else [])
    for number, row in enumerate(UNREADABLE)
    for before in ("first", "short")
]
"""Runs in the history that they began with, and such as have continued as new: of these, one kind stands for all."""


def graph_of(release: str) -> TemporalGraph[Any, Any, Any, Any]:
    return getattr(changes, release)


async def begun(
    before: str, release: str, client: Client, releases: Releases, count: int = 2, **options: Any
) -> list[GraphRun]:
    """Runs that wait, with the later release as their only worker."""
    await releases.deploy(before)
    runs = await waiting(graph_of(before), client, releases, count, **options)
    if before == "short":
        await have_continued(client, runs)
    await releases.deploy(release)
    return [graph_of(release).get_run(client, run.id) for run in runs]


@pytest.mark.parametrize(("release", "problem", "before"), ROWS)
async def test_an_answer_is_refused_that_would_have_killed_the_run(
    before: str, release: str, problem: str, client: Client, releases: Releases
) -> None:
    """The old release takes it."""
    runs = await begun(before, release, client, releases, RUNS)
    for run in runs:
        for ask in (run.resume, run.proceed):
            with pytest.raises(AnswerRefusedError) as refused:
                await ask(True)
            assert refused.value.reason == "blocked"
            assert problem in str(refused.value)
        state = await run.get_state()
        assert (state.status, [item.interrupt_id for item in state.interrupts]) == ("blocked", ["ask:1.0"])
        assert problem in (state.problem or "")
        stop = await run.wait()
        assert (stop.status, problem in (stop.problem or "")) == ("blocked", True)
    await releases.deploy("first")
    runs = [changes.first.get_run(client, run.id) for run in runs]
    assert {(await run.get_state()).status for run in runs} == {"waiting"}
    await finish(runs, True, "paid: True (0)")


@pytest.mark.parametrize(
    ("release", "update", "before"),
    [
        ("field_required", {"owner": "ana"}, "first"),
        ("field_required", {"owner": "ana"}, "short"),
        ("type_changed", {"amount": ["1"]}, "first"),
        pytest.param("type_changed", {"amount": ["1"]}, "short", marks=pytest.mark.slow),
        ("field_forbidden", {"amount": 3}, "first"),
        pytest.param("field_forbidden", {"amount": 3}, "short", marks=pytest.mark.slow),
    ],
)
async def test_the_state_is_edited(
    before: str, release: str, update: dict[str, object], client: Client, releases: Releases
) -> None:
    """By field, by update and by signal, or with the answer."""
    run, other = await begun(before, release, client, releases)
    with pytest.raises(RefusedError, match=r"ownr: (the state has no such field|Extra inputs are not permitted)"):
        await run.update_state({**update, "ownr": "ann"})
    await run.update_state(update)
    assert (await run.get_state()).status == "waiting"
    await run.resume(True)
    amount = update.get("amount", 0)
    assert (await run.result()).output == f"paid: True ({amount})"
    await other.resume(Command(update=update, resume=True))
    assert (await other.result()).output == f"paid: True ({amount})"


@pytest.mark.parametrize(("release", "problem", "before"), ROWS)
async def test_an_answer_by_signal_is_kept(
    before: str, release: str, problem: str, client: Client, releases: Releases
) -> None:
    """Its node is blocked, is tried again now and then, and goes on where it can be read."""
    run, _ = await begun(before, release, client, releases)
    handle = client.get_workflow_handle(run.id)
    await handle.signal("resume", {"value": True})

    async def is_asked() -> bool:
        return [item.kind for item in await run.pending_interrupts()] == ["blocked"]

    await until(is_asked)
    state = await run.get_state()
    assert (state.status, state.next) == ("blocked", ["ask"])
    assert problem in (state.problem or "")
    [question] = state.interrupts
    assert problem in question.value["error"]["message"]
    await releases.deploy("first")
    run = changes.first.get_run(client, run.id)
    await run.resume(Retry())
    assert (await run.result()).output == "paid: True (0)"
    kinds = [entry.kind for entry in await run.audit()]
    assert kinds.count("asked") == 2


async def test_a_blocked_node_goes_on_by_itself(client: Client, releases: Releases) -> None:
    """Once the state was edited; or once a release is there that can read it."""
    run, other = await begun("short", "field_required", client, releases)
    for each in (run, other):
        await client.get_workflow_handle(each.id).signal("resume", {"value": True})

        async def is_blocked(each: GraphRun = each) -> bool:
            return bool([item for item in await each.pending_interrupts() if item.kind == "blocked"])

        await until(is_blocked)
    await client.get_workflow_handle(run.id).signal("update_state", {"values": {"owner": "ana"}})
    assert (await run.result()).state == changes.WithRequired("ana", 0, ["new"])
    await releases.deploy("first")
    other = changes.first.get_run(client, other.id)
    assert (await other.result()).output == "paid: True (0)"


async def test_the_queue_says_so(own_server: DevServer, tmp_path: Path, task_queue: str) -> None:
    """Of a run that has refused an answer, of one whose node is blocked, and of one that cannot be replayed."""
    client = await own_server.connect()
    await register_search_attributes(client)
    queue = ApprovalQueue(client)
    with two_hosts(own_server.address, tmp_path) as hosts:
        releases = Releases(hosts, task_queue)
        run, other = await begun("first", "field_required", client, releases, **SOON)

        async def listed() -> dict[str, tuple[str, bool]]:
            found = [item async for item in queue.pending()]
            return {
                item.run_id: (item.kind, OWNER in (item.problem or "")) for item in found if item.status == "blocked"
            }

        with pytest.raises(AnswerRefusedError, match="blocked"):
            await run.resume(True)
        await client.get_workflow_handle(other.id).signal("resume", {"value": True})

        async def are_blocked() -> bool:
            return await listed() == {run.id: ("call", True), other.id: ("blocked", True)}

        await until(are_blocked)
        await run.update_state({"owner": "ana"})

        async def is_not_blocked() -> bool:
            return await listed() == {other.id: ("blocked", True)}

        await until(is_not_blocked)
        await releases.deploy("renamed_waiting")
        with pytest.raises(RunBlockedError):
            await run.resume(True)

        async def is_stuck() -> bool:
            found = [item async for item in queue.pending() if item.run_id == run.id]
            return [item.status for item in found] == ["blocked"] and "node 'ask' is gone" in (found[0].problem or "")

        await until(is_stuck)
        await replay_all(client, [run.id, other.id])


async def replay_all(client: Client, run_ids: list[str]) -> None:
    """What blocked runs have written replays with the release that they began with, and with one that reads them."""
    for run_id in run_ids:
        for history in await chain(client, run_id):
            for graph in (changes.first, changes.field_with_default):
                await replay([history], graph)


async def test_a_blocked_node_is_sent_elsewhere(client: Client, releases: Releases) -> None:
    run, _ = await begun("short", "inputs_changed", client, releases)
    await run.resume(Command(goto=Send("pay", "by hand")))
    assert (await run.result()).output == "paid: by hand (0)"


@pytest.mark.parametrize(
    ("before", "release", "what"),
    [
        (
            "moments",
            "moments_zoned",
            r"a value on its way to \S+ .*: this is no Due: at: Input should have timezone info",
        ),
        ("moments_here", "moments_here_zoned", "the state: this is no Appointment: at: Input should have"),
    ],
)
async def test_a_type_that_its_schema_does_not_show(
    before: str, release: str, what: str, client: Client, releases: Releases
) -> None:
    """Between nodes, and in a node that runs there: the run is blocked by it, and the old release carries it on."""
    await releases.deploy(before)
    runs = await waiting(graph_of(before), client, releases, inputs="2026-01-01T12:30")
    await releases.deploy(release)
    run = graph_of(release).get_run(client, runs[0].id)
    for ask in (run.resume, run.proceed):
        with pytest.raises(RunBlockedError, match=f"cannot read {what}.* would carry it on"):
            await ask(True)
    for each in runs:
        state = await graph_of(release).get_run(client, each.id).get_state()
        assert state.status == "blocked"
        assert re.search(what, state.problem or "")
    await releases.deploy(before)
    # What was sent before may be taken by now; if not, this is.
    await client.get_workflow_handle(run.id).signal("resume", {"value": True})
    assert (await graph_of(before).get_run(client, run.id).result()).output == "due 12:30"
    await finish(runs[1:], True, "due 12:30")


async def test_what_is_held_after_a_node(client: Client, releases: Releases) -> None:
    """The run does not fail by it, whichever way it goes on."""
    await releases.deploy("moments_held")
    [run] = await waiting(changes.moments_held, client, releases, 1, inputs="2026-01-01T12:30")
    await run.proceed(True)
    await releases.deploy("moments_held_zoned")
    run = changes.moments_held_zoned.get_run(client, run.id)
    handle = client.get_workflow_handle(run.id)
    await handle.signal("resume", {"value": None})
    with pytest.raises(
        RunBlockedError, match=r"a value on its way to \S+ .*: this is no Due: at: .* would carry it on"
    ):
        await run.wait()
    await releases.deploy("moments_held")
    assert (await changes.moments_held.get_run(client, run.id).result()).output == "due 12:30"


async def test_a_look_at_what_is_held_between_nodes(client: Client, releases: Releases) -> None:
    """Nodes that have not ended by then are left as they are: the worker goes on, and stops when it should."""
    await releases.deploy("prices")
    [run] = await waiting(changes.prices, client, releases, 1, inputs=[1, 2, 3])
    await releases.deploy("prices_in_euros")
    later = changes.prices_in_euros.get_run(client, run.id)
    what = "cannot read a value on its way to join 'collect': this is no Quote: currency: Field required"
    for _ in range(2):
        state = await later.get_state()
        assert state.status == "blocked"
        assert what in (state.problem or "")
        began = time.monotonic()
        with pytest.raises(RunBlockedError, match=f"{what}.* would carry it on"):
            await later.resume(True, interrupt_id="price:2.0")
        assert time.monotonic() - began < WITHIN
    await releases.stop()


@pytest.mark.slow  # its time must not be up before the later release is there
async def test_a_time_out_ends_no_run_of_another_release(client: Client, releases: Releases) -> None:
    """What would stand in for an answer does not fit any more."""
    await releases.deploy("hurried_text")
    [run] = await waiting(changes.hurried_text, client, releases, 1, from_node=changes.HurriedText())
    await releases.deploy("hurried_number")
    later = changes.hurried_number.get_run(client, run.id)

    async def is_late() -> bool:
        return bool((await later.get_state()).rejected)

    await until(is_late)
    state = await later.get_state()
    assert (state.status, [asked.interrupt_id for asked in state.interrupts]) == ("waiting", ["Reply:1"])
    assert state.rejected[0]["message"].startswith("The answer does not fit 'Reply:1': said: ")
    await later.resume({"said": 7})
    assert (await later.result()).output == "7"
    for graph in (changes.hurried_number, changes.hurried_text):
        await replay(await chain(client, run.id), graph)
