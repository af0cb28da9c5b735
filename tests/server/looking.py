"""What the server tests look for in histories."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from temporal_graph import GraphRun
from tests.replay.serving import until

T = TypeVar("T")

TASK_FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
STARTED = EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
COMPLETED = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
CANCEL_REQUESTED = EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED
MARKER = EventType.EVENT_TYPE_MARKER_RECORDED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
UPDATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
TIMER = EventType.EVENT_TYPE_TIMER_STARTED


async def events(client: Client, run_id: str, kind: EventType.ValueType | None = None) -> list[HistoryEvent]:
    """The events of a run, of one kind or all."""
    history = await client.get_workflow_handle(run_id).fetch_history()
    return [event for event in history.events if kind is None or event.event_type == kind]


async def scheduled(client: Client, run_id: str) -> dict[str, HistoryEvent]:
    """How each activity was scheduled, by its node."""
    found = await events(client, run_id, SCHEDULED)
    return {_node(event): event for event in found}


def _node(event: HistoryEvent) -> str:
    return event.activity_task_scheduled_event_attributes.activity_type.name.partition(".")[2]


HARMLESS = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
)
"""The server ends a task because too many signals wait for it, a hundred on a slow machine; or something came just as
the run was to end. The task is done again."""


def failures(found: Iterable[HistoryEvent]) -> list[str]:
    """Why tasks of the workflow failed, but for those that the server merely wants to be done again."""
    failed = [event.workflow_task_failed_event_attributes for event in found if event.event_type == TASK_FAILED]
    return [
        f"{WorkflowTaskFailedCause.Name(task.cause)}: {task.failure.message}"
        for task in failed
        if task.cause not in HARMLESS
    ]


async def is_unharmed(client: Client, run_id: str) -> bool:
    """Whether no task of the workflow failed, but for those that the server merely wants to be done again."""
    return not failures(await events(client, run_id))


async def heard(client: Client, run: GraphRun[Any, Any]) -> None:
    """Wait until the run knows that somebody listens."""

    async def look() -> bool:
        with contextlib.suppress(RPCError):  # a worker without a cache can lose a query
            return await client.get_workflow_handle(run.id).query("is_heard", rpc_timeout=timedelta(seconds=5))
        return False

    await until(look)


async def unless_stuck(client: Client, run_id: str, awaited: Awaitable[T]) -> T:
    """Wait for something of a run; a task of its workflow that fails, and would fail for ever, ends the wait."""
    task = asyncio.ensure_future(awaited)
    try:
        while not task.done():
            stuck = failures(await events(client, run_id))
            assert not stuck, f"the workflow is stuck: {stuck}"
            await asyncio.wait([task], timeout=0.1)
    finally:
        task.cancel()
    return task.result()


def attributes(event: HistoryEvent) -> Any:
    """What an event says."""
    return getattr(event, str(event.WhichOneof("attributes")))
