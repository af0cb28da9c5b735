"""A quick look at a run, again and again where it is busy.

The SDK waits for seconds, up to half a minute in all, before it asks a busy run once more: a server lets one query of a
run wait while a task of it is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import temporalio.api.workflowservice.v1 as api
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueType, WorkflowExecutionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.converter import WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

from ..errors import GraphError, RunBlockedError, RunBusyError
from .blocked import unless_blocked, why_blocked
from .failures import TOO_LATE, no_worker, paused, raise_rpc, unanswered
from .names import IS_HEARD

WAIT = 20
"""Seconds for which a question or an answer waits for a worker."""
AGAIN = 5
"""Seconds after which a question is asked once more: a worker that keeps few runs in memory, or none, can lose one."""
BRIEFLY = 5
"""Seconds in which a worker that is there is seen."""
TOO_SLOW = "TMPRL1101"
"""What the SDK says of a worker that took over 2 seconds for a task; on a busy machine, to replay a long history."""
SOON = (0.03, 0.1)
"""Seconds until a busy run is asked again."""

PAUSED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED
"""The status of a run that Temporal itself has paused; the SDK cannot read it."""
_OPEN = (WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING, PAUSED)
_AGAIN = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.UNAVAILABLE, RPCStatusCode.ABORTED)


async def glance(
    client: Client, run_id: str, name: str, *args: Any, wait: float = WAIT, execution: str = ""
) -> RawValue:
    """Ask a run something.

    Args:
        client: A Temporal client.
        run_id: The run.
        name: The query.
        args: Its arguments.
        wait: For how many seconds an answer is waited for.
        execution: One history of it, by Temporal's id; else the latest one.

    Raises:
        RunNotFoundError: There is no such run.
        RunBlockedError: The workers that are there cannot go on with the run.
        NoWorkerError: No worker answers.
        RunBusyError: The run has too much to do to answer.
        RunPausedError: Temporal has paused it.
    """
    context = WorkflowSerializationContext(namespace=client.namespace, workflow_id=run_id)
    converter = client.data_converter.with_context(context)
    asked = WorkflowExecution(workflow_id=run_id, run_id=execution)
    request = api.QueryWorkflowRequest(namespace=client.namespace, execution=asked)
    request.query.query_type = name
    request.query.query_args.payloads.extend(await converter.encode(args))
    handle = client.get_workflow_handle(run_id)
    now = asyncio.get_running_loop().time
    until, again = now() + wait, now() + AGAIN
    while True:
        is_first = now() < again < until
        try:
            timeout = timedelta(seconds=max(0.1, (again if is_first else until) - now()))
            asking = client.workflow_service.query_workflow(request, retry=False, timeout=timeout)
            answer = await unless_blocked(handle, asking)
            break
        except RPCError as error:
            if is_first and error.status in TOO_LATE:
                again = until
                continue
            is_slow = TOO_SLOW in error.message and now() <= until
            if error.status == RPCStatusCode.INVALID_ARGUMENT and not is_slow:
                why = await why_blocked(handle, error.message)
                if why is not None:
                    raise RunBlockedError(why) from error
                raise unanswered(run_id, name, error.message) from error
            if not is_slow and (error.status not in _AGAIN or now() > until):
                await raise_unanswered(client, run_id, error)
        await asyncio.sleep(random.uniform(*SOON))
    if answer.HasField("query_rejected"):
        raise paused(run_id)
    [found] = await converter.decode(answer.query_result.payloads, [RawValue])
    return found


async def raise_unanswered(client: Client, run_id: str, error: RPCError) -> NoReturn:
    """Raise why a run did not get what was sent to it; where it was too much, look whether a worker is there.

    Raises:
        RunBlockedError: One is there, and cannot go on with the run.
        NoWorkerError: None is.
        RunBusyError: One is.
    """
    why = await why_blocked(client.get_workflow_handle(run_id))
    if why is not None:
        raise RunBlockedError(why) from error
    if error.status == RPCStatusCode.RESOURCE_EXHAUSTED and await _last_seen(client, run_id) is None:
        raise no_worker(run_id) from error
    if error.status in TOO_LATE:
        seen = None
        with contextlib.suppress(GraphError, TimeoutError):
            async with asyncio.timeout(BRIEFLY):
                seen = await _last_seen(client, run_id)
        raise no_worker(run_id, seen) from error
    raise_rpc(run_id, error)


async def check_worker(client: Client, run_id: str) -> None:
    """Look whether a worker answers for a run.

    Raises:
        NoWorkerError: None does.
        RunBlockedError: One is there, and cannot go on with the run.
    """
    with contextlib.suppress(RunBusyError):
        await glance(client, run_id, IS_HEARD, wait=BRIEFLY)


async def describe(client: Client, id: str, run_id: str = "") -> api.DescribeWorkflowExecutionResponse:
    """What the server knows of a run, as it says it: the SDK cannot read all statuses.

    Raises:
        RunNotFoundError: There is no such run.
        UnavailableError: The server cannot be reached.
    """
    request = api.DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=id, run_id=run_id)
    )
    try:
        return await client.workflow_service.describe_workflow_execution(request, retry=True)
    except RPCError as error:
        raise_rpc(id, error)


async def is_open(client: Client, run_id: str) -> bool:
    """Whether a run has not ended yet; see `describe`."""
    return (await describe(client, run_id)).workflow_execution_info.status in _OPEN


async def _last_seen(client: Client, run_id: str) -> int | None:
    """How many seconds ago a worker began to look at the task queue of a run; None for none within the last minutes."""
    queue = (await describe(client, run_id)).workflow_execution_info.task_queue
    request = api.DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        pollers = (await client.workflow_service.describe_task_queue(request, retry=True)).pollers
    except RPCError as error:
        raise_rpc(run_id, error)
    latest = max((poller.last_access_time.ToDatetime(UTC) for poller in pollers), default=None)
    return None if latest is None else max(0, int((datetime.now(UTC) - latest).total_seconds()))
