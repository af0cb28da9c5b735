"""Runs that go on, and are replayed, where the data of time zones say otherwise than when their questions opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic_graph import End, GraphRunContext
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_graph import (
    Calendar,
    Command,
    Escalate,
    Every,
    GraphInputError,
    GraphPlugin,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    RefusedError,
)
from tests.policies.test_time import connected
from tests.replay.serving import chain, replay

HOUR = timedelta(hours=1)
MICROSECONDS = 3_600_000_000
Graph = InterruptibleGraph[Any, Any, Any]
DECLINED = Command(resume={})


def office(now: datetime) -> Calendar:
    """Where it is eight in the evening: what is asked now is due tomorrow, whenever the test runs."""
    ahead = (20 - now.hour + 12) % 24 - 12
    return Calendar(f"Etc/GMT{-ahead:+d}", weekdays=range(7), hours=("09:00", "17:00"))


def opens(now: datetime) -> datetime:
    """When the office opens, and time begins to count."""
    return now.replace(minute=0, second=0, microsecond=0) + 13 * HOUR


def far_apart(now: datetime) -> InterruptPolicy:
    return InterruptPolicy(
        reminders=Every(3 * HOUR),
        escalations=[Escalate(4 * HOUR, "bob"), Escalate(20 * HOUR, "cid")],
        timeout=30 * HOUR,
        on_timeout=DECLINED,
        calendar=office(now),
    )


def close_together(now: datetime) -> InterruptPolicy:
    return InterruptPolicy(
        reminders=[1 * HOUR, 1.5 * HOUR, 2.75 * HOUR],
        escalations=[Escalate(2 * HOUR, "bob"), Escalate(2.5 * HOUR, "cid")],
        timeout=3 * HOUR,
        on_timeout=DECLINED,
        calendar=office(now),
    )


def again_and_again(now: datetime) -> InterruptPolicy:
    return InterruptPolicy(reminders=Every(HOUR / 3), timeout=2 * HOUR, on_timeout=DECLINED, calendar=office(now))


def until_a_moment(now: datetime) -> InterruptPolicy:
    """Whatever the zone, this moment stays; what should have come after it must not come before."""
    return InterruptPolicy(
        reminders=[2 * HOUR],
        escalations=[Escalate(HOUR, "bob")],
        timeout=opens(now) + 1.5 * HOUR,
        on_timeout=DECLINED,
        calendar=office(now),
    )


POLICIES = (far_apart, close_together, again_and_again, until_a_moment)


def asking(own: InterruptPolicy) -> tuple[Graph, Any]:
    """A graph that asks so, and the node that it begins with."""

    @dataclass
    class Ask(InterruptNode[None, None, str]):
        policy = own

        async def run(self, ctx: GraphRunContext) -> End[str]:
            return End("declined")

    return InterruptibleGraph([Ask], name="zones"), Ask()


def move(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Let all zones be ahead of UTC by so much more."""
    offset: Callable[[Any, int], int] = Calendar._offset
    monkeypatch.setattr(Calendar, "_offset", lambda self, at: offset(self, at) + round(hours * MICROSECONDS))


@pytest.mark.parametrize("moved", [-1, -0.5, 0.5, 1])
@pytest.mark.parametrize("policy", POLICIES)
async def test_it_replays(
    time_skipping: WorkflowEnvironment,
    task_queue: str,
    policy: Callable[[datetime], InterruptPolicy],
    moved: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, ask = asking(policy(datetime.now(UTC)))
    client = connected(time_skipping, GraphPlugin(graph))
    async with Worker(client, task_queue=task_queue):
        run = await graph.start(client, ask, id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(100 * HOUR)
        assert (await run.result()).output == "declined"
    move(monkeypatch, moved)
    await replay(await chain(client, run.id), graph)


@pytest.mark.parametrize("moved", [-1, 1])
@pytest.mark.parametrize("policy", [far_apart, until_a_moment])
async def test_it_replays_where_somebody_has_given_it_more_time(
    time_skipping: WorkflowEnvironment,
    task_queue: str,
    policy: Callable[[datetime], InterruptPolicy],
    moved: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    graph, ask = asking(policy(now))
    client = connected(time_skipping, GraphPlugin(graph))
    async with Worker(client, task_queue=task_queue):
        run = await graph.start(client, ask, id=task_queue, task_queue=task_queue)
        await run.extend(by=HOUR)
        await time_skipping.sleep(opens(now) + 1.25 * HOUR - now)
        # For the one it waits until the very same moment as before.
        await run.extend(until=opens(now) + 2.5 * HOUR)
        await time_skipping.sleep(100 * HOUR)
        assert (await run.result()).output == "declined"
    move(monkeypatch, moved)
    await replay(await chain(client, run.id), graph)


@pytest.mark.parametrize("moved", [-1, -0.5, 0.5, 1])
@pytest.mark.parametrize("policy", POLICIES)
async def test_it_goes_on(
    time_skipping: WorkflowEnvironment,
    task_queue: str,
    policy: Callable[[datetime], InterruptPolicy],
    moved: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker has the run, from the middle of its history on, and does what the timers say."""
    graph, ask = asking(policy(datetime.now(UTC)))
    client = connected(time_skipping, GraphPlugin(graph))
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        run = await graph.start(client, ask, id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(opens(datetime.now(UTC)) + 1.25 * HOUR - datetime.now(UTC))
    move(monkeypatch, moved)
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        await time_skipping.sleep(100 * HOUR)
        assert (await run.result()).output == "declined"
        audit = await run.audit()
    assert [entry.kind for entry in audit][-1] == "timed_out"
    await replay(await chain(client, run.id), graph)


async def test_a_fork_that_cannot_count_its_time_does_not_begin(
    time_skipping: WorkflowEnvironment, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, ask = asking(far_apart(datetime.now(UTC)))
    client = connected(time_skipping, GraphPlugin(graph))
    async with Worker(client, task_queue=task_queue):
        run = await graph.start(client, ask, id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        snapshot = await client.get_workflow_handle(run.id).query("snapshot", 1)
        after = Calendar.after

        def once_only(self: Calendar, moment: datetime, duration: timedelta) -> datetime:
            if moment > asked.created_at:
                raise ValueError("it is never over")
            return after(self, moment, duration)

        monkeypatch.setattr(Calendar, "after", once_only)
        says = "'Ask:1' cannot be asked anew at .*: ValueError: it is never over"
        with pytest.raises(RefusedError, match=says):
            await run.fork("1", id=f"{task_queue}-fork", task_queue=task_queue)
        message = {"snapshot": snapshot, "fork": {}}
        await client.start_workflow(graph.name, message, id=f"{task_queue}-fork", task_queue=task_queue)
        with pytest.raises(GraphInputError, match=says):
            await graph.get_run(client, f"{task_queue}-fork").result()
