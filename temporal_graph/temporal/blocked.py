"""Runs that stand still because no worker can go on with them: how a client finds out, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar, cast

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.service import RPCError

from ..codec.text import members
from ..compile.shape import CURE, OTHERWISE
from ..engine.events import CANNOT_READ, OutdatedError, clipped
from ..errors import RunBlockedError
from .names import COMPARE, GRAPH_STATUS, SHOW
from .payloads import from_raw, to_raw

T = TypeVar("T")

FIRST_LOOK, LAST_LOOK = 0.3, 30.0
"""Seconds after which a run that does not answer is looked at, and between two looks at last."""
SLOW = 1.0
"""Seconds after which a run is slow to answer."""
PATIENCE = timedelta(seconds=1)
"""How long the workers may take to say what is different."""
REMEMBERED, MOST_REMEMBERED = 30.0, 100
"""Seconds for which, and how many of, their answers are remembered."""
TAIL = 20
"""Events at the end of a history among which its last task is."""
_OTHER_COMMANDS = "[TMPRL1100]"
"""How the SDK begins what it says of a history that it cannot replay."""
_MARKS = (_OTHER_COMMANDS, "this release")
"""What is in the message of a query that fails for the same reason as a task would."""
_DONE = (EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
_TYPES = ("BlockedError", OutdatedError.__name__)
"""The types of the errors of ours with which a task fails that another release can go on with."""


async def unless_blocked(handle: WorkflowHandle[Any, Any], call: Awaitable[T]) -> T:
    """Wait for what a run is asked, for as long as its workers can go on with it.

    Raises:
        RunBlockedError: They cannot.
    """
    calling = asyncio.ensure_future(call)
    pause, waited = FIRST_LOOK, 0.0
    try:
        while True:
            done, _ = await asyncio.wait([calling], timeout=pause)
            if done:
                return calling.result()
            waited, pause = waited + pause, min(1.5 * pause, LAST_LOOK)
            why = await why_blocked(handle, is_slow=waited > SLOW)
            if why is not None and not calling.done():
                raise RunBlockedError(why)
    finally:
        if not calling.done():
            calling.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await calling


async def why_blocked(handle: WorkflowHandle[Any, Any], said: str = "", *, is_slow: bool = False) -> str | None:
    """Why no worker can go on with a run; None where one can, or it is not known.

    A task of it was tried and has failed, and another attempt is under way or waited for; only the first one is in the
    history. A query, which is answered from the history too, fails in the same way, but leaves nothing there.

    Args:
        handle: The run.
        said: With what a query has failed.
        is_slow: It has been waited for, for some time: a worker that has the task has failed with it, though the
            history does not say so, if the task was the second attempt from the start, after a worker was lost.
    """
    client: Client = cast("Any", handle)._client
    try:
        description = await _describe(handle)
        info = description.workflow_execution_info
        failed = said
        if description.pending_workflow_task.attempt > 1:
            failed = await _last_failure(client, info.execution) or said
            if not failed and is_slow:
                failed = await _difference(client, info) or ""
        if not failed or (failed == said and not any(mark in said for mark in _MARKS)):
            return None
        if _OTHER_COMMANDS in failed:
            failed = f"{await _difference(client, info) or OTHERWISE} ({failed})"
        elif failed.startswith(CANNOT_READ):
            failed = f"{failed}. {CURE}"
        return f"Run {clipped(handle.id, 100)!r} is blocked: {failed}"
    except RPCError:
        return None


async def _describe(handle: WorkflowHandle[Any, Any]) -> DescribeWorkflowExecutionResponse:
    """As the server says it: the SDK cannot read all statuses."""
    client: Client = cast("Any", handle)._client
    execution = WorkflowExecution(workflow_id=handle.id, run_id=handle.run_id or "")
    request = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution)
    return await client.workflow_service.describe_workflow_execution(request, retry=True)


async def show_blocked(handle: WorkflowHandle[Any, Any]) -> None:
    """Have a run that has refused something, because it is blocked, say so in the list of runs, if it is in there."""
    try:
        info = (await _describe(handle)).workflow_execution_info
        shown = info.search_attributes.indexed_fields.get(GRAPH_STATUS)
        if shown is not None and shown.data != b'"blocked"':
            await handle.signal(SHOW)
    except RPCError:
        pass  # it will be shown another time


async def _last_failure(client: Client, execution: WorkflowExecution) -> str | None:
    """With what the last task of a run has failed; None where it has not."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace, execution=execution, maximum_page_size=TAIL
    )
    response = await client.workflow_service.get_workflow_execution_history_reverse(request)
    for event in response.history.events:
        if event.event_type in _DONE:
            return None
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failure = event.workflow_task_failed_event_attributes.failure
            is_ours = failure.application_failure_info.type in _TYPES
            return failure.message if is_ours or _OTHER_COMMANDS in failure.message else None
    return None


async def _difference(client: Client, info: WorkflowExecutionInfo) -> str | None:
    """How the graph of the workers that are there differs from the one that a run began with, if it is known to."""
    graph = await _graph_of(client, info.execution)
    return None if graph is None else await _compared(client, info.type.name, info.task_queue, graph)


async def _graph_of(client: Client, execution: WorkflowExecution) -> str | None:
    """What the graph looked like with which a history began, as JSON text; None where nobody said."""
    request = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=execution, maximum_page_size=1)
    response = await client.workflow_service.get_workflow_execution_history(request)
    started = response.history.events[0].workflow_execution_started_event_attributes
    try:
        [payload] = await client.data_converter.decode(started.input.payloads, [RawValue])
        return members(from_raw(payload)).get("graph")
    except Exception:  # of a codec; or it is no start message
        return None


_told: dict[tuple[str, str, str, str], tuple[float, str | None]] = {}
"""What workers have said, and when: who lists many runs asks once."""


async def _compared(client: Client, name: str, task_queue: str, graph: str) -> str | None:
    """How the graph of the workers that are there differs from an earlier one; None where nobody says."""
    key = client.namespace, task_queue, name, graph
    at, told = _told.get(key, (0.0, None))
    if told is not None and time.monotonic() - at < REMEMBERED:
        return told
    question = to_raw(f'{{"name":{json.dumps(name)},"graph":{graph}}}', "", None)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            answer: RawValue = await client.execute_workflow(
                COMPARE,
                question,
                id=f"{COMPARE}-{uuid.uuid4().hex}",
                task_queue=task_queue,
                result_type=RawValue,
                execution_timeout=PATIENCE,
            )
        told = json.loads(from_raw(answer))
    except (RPCError, WorkflowFailureError, TimeoutError, ValueError):
        return None
    while len(_told) >= MOST_REMEMBERED:
        del _told[next(iter(_told))]
    _told[key] = time.monotonic(), told
    return told
