"""Many questions that do something by themselves: what waits for one moment has one timer; no task sets too many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from temporal_graph import Calendar, Command, InterruptPolicy, NodeOptions, TemporalGraph, interrupt
from temporal_graph.temporal import timers
from tests.replay.serving import chain, replay, serving, until

_g = GraphBuilder(name="waiting_crowd", input_type=list[float], output_type=list[str])
OFFICE = Calendar("UTC", weekdays=range(7), hours=("00:00", "24:00"))


@_g.step
async def wait(ctx: StepContext[None, None, float]) -> str:
    """Waits for so many seconds; working time where they are negative."""
    seconds = timedelta(seconds=abs(ctx.inputs))
    calendar = OFFICE if ctx.inputs < 0 else None
    policy = InterruptPolicy(timeout=seconds, on_timeout=Command(resume="nobody"), calendar=calendar)
    return await interrupt("go on?", response_type=str, policy=policy)


_all = _g.join(reduce_list_append, initial_factory=list[str], node_id="all")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="each").to(wait),
    _g.edge_from(wait).to(_all),
    _g.edge_from(_all).to(_g.end_node),
)
crowd = TemporalGraph(_g.build(), node_options={"wait": NodeOptions(execution="workflow")})


def set_timers(history: WorkflowHistory) -> list[int]:
    """How many timers were set with each workflow task, where any was."""
    counts: dict[int, int] = {}
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            task = event.timer_started_event_attributes.workflow_task_completed_event_id
            counts[task] = counts.get(task, 0) + 1
    return list(counts.values())


async def _open(client: Client, task_queue: str, waits: Sequence[float]) -> WorkflowHistory:
    """A run that has opened all its questions, and set all its timers."""
    run = await crowd.start(client, inputs=list(waits), id=task_queue, task_queue=task_queue)

    async def are_set() -> WorkflowHistory | None:
        [history] = await chain(client, run.id)
        return history if sum(set_timers(history)) >= len(waits) else None

    history = await until(are_set)
    assert len(await run.pending_interrupts()) == len(waits)
    return history


async def test_questions_that_wait_for_one_moment_have_one_timer(server_address: str, task_queue: str) -> None:
    count = 200
    async with serving(server_address, task_queue, crowd) as client:
        run = await crowd.start(client, inputs=[3.0] * count, id=task_queue, task_queue=task_queue)
        assert (await run.wait()).status == "waiting"
        await run.resume_all({f"wait:{number}.0": "somebody" for number in range(1, 11)})
        assert (await run.result()).output == ["somebody"] * 10 + ["nobody"] * (count - 10)
        [history] = await chain(client, run.id)
        kinds = [event.event_type for event in history.events]
        assert kinds.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 0
        assert max(set_timers(history)) == 1
        await replay([history], crowd, may_be_slow=True)


async def test_the_timer_goes_with_the_last_question(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, crowd) as client:
        run = await crowd.start(client, inputs=[3_600.0] * 3, id=task_queue, task_queue=task_queue)
        await run.wait()
        for number in (2, 1, 3):
            await run.resume("yes", interrupt_id=f"wait:{number}.0")
        assert (await run.result()).output == ["yes"] * 3
        [history] = await chain(client, run.id)
        assert set_timers(history) == [1]
        await replay([history], crowd)


@pytest.mark.parametrize("sign", [1, -1], ids=["other-moments", "by-a-calendar"])
async def test_no_task_sets_too_many(
    server_address: str, task_queue: str, sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a calendar tells may be told otherwise by another release of it: each question has its own timer."""
    monkeypatch.setattr(timers, "MOST", 50)
    waits = [sign * (3_600.0 + (number if sign > 0 else 0)) for number in range(120)]
    async with serving(server_address, task_queue, crowd) as client:
        history = await _open(client, task_queue, waits)
        # Besides those of the questions, the ones that give the rest another task.
        assert sum(set_timers(history)) == len(waits) + 2
        assert max(set_timers(history)) <= 51
        await crowd.get_run(client, task_queue).cancel()
        await replay([history], crowd, may_be_slow=True)
