"""Policies that change from one release to the next, while runs wait: each run keeps those that it began with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic_graph import End, GraphRunContext
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from temporal_graph import (
    Command,
    Escalate,
    Every,
    GraphPlugin,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
)
from tests.policies.test_time import connected

HOUR = timedelta(hours=1)
FIRST = InterruptPolicy(
    assignees=lambda ctx: "ann",
    reminders=Every(12 * HOUR),
    escalations=[Escalate(30 * HOUR, "bob")],
    timeout=72 * HOUR,
    on_timeout=Command(resume={"approved": False}),
)
CHANGES: dict[str, InterruptPolicy | None] = {
    "a shorter time-out": InterruptPolicy(timeout=10 * HOUR),
    "more reminders": InterruptPolicy(reminders=Every(HOUR), timeout=72 * HOUR),
    "an earlier escalation": InterruptPolicy(escalations=[Escalate(HOUR, "cid")], timeout=72 * HOUR),
    "nobody else": InterruptPolicy(assignees="cid", only_assignees=True, quorum=1),
    "none at all": None,
}
KEPT = [
    ("asked", 0),
    ("reminded", 12),
    ("reminded", 24),
    ("escalated", 30),
    ("reminded", 36),
    ("reminded", 48),
    ("reminded", 60),
    ("timed_out", 72),
]


def release(own: InterruptPolicy | None, others: InterruptPolicy | None = None) -> InterruptibleGraph[Any, Any, Any]:
    @dataclass
    class Review(InterruptNode[None, None, str]):
        approved: Annotated[bool | None, Required] = None

        policy = own

        async def run(self, ctx: GraphRunContext[None]) -> End[str]:
            return End(f"approved: {self.approved}")

    return InterruptibleGraph(
        [Review], name="releases", options=NodeOptions(policy=others), interrupt_before="Review" if others else ()
    )


async def live_through(
    environment: WorkflowEnvironment, queue: str, first: Any, second: Any, hours: float
) -> tuple[Any, Callable[[], Any]]:
    """A run that the first release begins, and the second one goes on with after some hours."""
    client = connected(environment, GraphPlugin(first))
    async with Worker(client, task_queue=queue, max_cached_workflows=0):
        [node] = first._compiled.nodes
        from_node = first._compiled.nodes[node].step.node_type()
        run = await first.start(client, from_node, id=queue, task_queue=queue)
        await environment.sleep(hours * HOUR)
    later = connected(environment, GraphPlugin(second))

    async def replay() -> None:
        history = await later.get_workflow_handle(queue).fetch_history()
        await Replayer(workflows=[], plugins=[GraphPlugin(second)]).replay_workflow(history)

    async with Worker(later, task_queue=queue, max_cached_workflows=0):
        await environment.sleep(80 * HOUR)
        audit = await second.get_run(later, run.id).audit()
    return audit, replay


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("hours", [1, 25, 31])
async def test_a_run_keeps_the_policy_of_its_node(
    time_skipping: WorkflowEnvironment, task_queue: str, change: str, hours: float
) -> None:
    audit, replay = await live_through(time_skipping, task_queue, release(FIRST), release(CHANGES[change]), hours)
    assert [(entry.kind, round((entry.at - audit[0].at) / HOUR, 1)) for entry in audit] == KEPT
    await replay()


async def test_a_run_keeps_the_policy_of_its_graph(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    first, second = release(None, FIRST), release(None, InterruptPolicy(timeout=2 * HOUR))
    audit, replay = await live_through(time_skipping, task_queue, first, second, 25)
    assert [entry.interrupt_id for entry in audit if entry.kind == "asked"] == ["Review:1.before", "Review:1"]
    assert [(entry.kind, round((entry.at - audit[0].at) / HOUR, 1)) for entry in audit][:8] == KEPT
    await replay()


@pytest.mark.parametrize("change", [FIRST, InterruptPolicy(timeout=HOUR)])
async def test_a_run_that_began_without_one_stays_so(
    time_skipping: WorkflowEnvironment, task_queue: str, change: InterruptPolicy
) -> None:
    audit, replay = await live_through(time_skipping, task_queue, release(None), release(change), 5)
    assert [entry.kind for entry in audit] == ["asked"]
    await replay()


async def test_a_run_that_begins_later_asks_as_the_later_release_says(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    second = release(InterruptPolicy(timeout=HOUR, on_timeout=Command(resume={"approved": True})))
    audit, _ = await live_through(time_skipping, task_queue, second, second, 5)
    assert [(entry.kind, round((entry.at - audit[0].at) / HOUR, 1)) for entry in audit] == [
        ("asked", 0),
        ("timed_out", 1),
    ]
