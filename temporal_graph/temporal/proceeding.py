"""What a client does to go on with a run: it answers or starts it, and waits for where it stops next."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ..engine.state import Json
from ..errors import NoWorkerError, RunCancelledError, RunExistsError, RunPausedError
from ..starting import is_another, other_start
from .blocked import unless_blocked
from .client import resume
from .crowd import crowd_of
from .failures import cancellable, is_busy, is_continued, is_paused, reading
from .looking import handle_of, questions, result, with_all
from .names import PROCEED
from .updating import (
    ATTEMPTS,
    argument_of,
    is_crowded,
    last_state,
    may_retry,
    raise_closed,
    raise_refused,
    send,
    taken_before,
)

T = TypeVar("T")


async def proceed(
    client: Client,
    run_id: str,
    answer: Mapping[str, Json] | None,
    *,
    given: Mapping[str, str] | None = None,
    is_taken: bool = False,
) -> Mapping[str, Any]:
    """Answer, if there is an answer, and wait for the next stop.

    Args:
        client: A Temporal client.
        run_id: The run's id.
        answer: The answer.
        given: What the caller would start a new run with; see `starting.digest`.
        is_taken: The run has taken the answer already, and only its next stop is waited for.

    Raises:
        AnswerRefusedError: The answer is not taken.
        RunExistsError: The run was started with something else.
        GraphRunError: The run has failed.
        RunNotFoundError: There is no such run.
    """
    return await with_all(client, run_id, await _proceed(client, run_id, answer, given, is_taken))


async def _proceed(
    client: Client,
    run_id: str,
    answer: Mapping[str, Json] | None,
    given: Mapping[str, str] | None,
    is_taken: bool,
) -> Mapping[str, Any]:
    crowd = crowd_of(client, run_id)
    is_taken = is_taken or answer is None
    if not crowd.is_waited_for:
        crowd.is_waited_for = True
        try:
            return await _wait_alone(client, run_id, answer, given, is_taken)
        except _OtherwiseError as otherwise:
            is_taken = is_taken or otherwise.is_taken
        finally:
            crowd.is_waited_for = False
    with contextlib.suppress(RunPausedError):  # what follows says so
        if given and is_another(await _patiently(crowd.given), given):
            raise RunExistsError(other_start(run_id))
    if answer is not None and not is_taken:
        await resume(client, run_id, answer)
    try:
        stop = await _patiently(crowd.stop)
    except RunPausedError:
        return _PAUSED
    if stop is None:
        return await _end(client, run_id, given)
    if stop["status"] == "cancelled":
        raise RunCancelledError("The run was cancelled.")
    return stop


async def waited_for(client: Client, run_id: str) -> list[tuple[str, str, str]]:
    """The questions that are open, as `proceed` without an answer looks at them: their ids, kinds and nodes."""
    try:
        found = await _patiently(lambda: questions(client, run_id))
    except RunPausedError:
        return []
    return [(item["interrupt_id"], item["kind"], item["node_id"]) for item in found]


async def _patiently(look: Callable[[], Awaitable[T]]) -> T:
    """Look, and as long as there is no worker, wait for one."""
    while True:
        with contextlib.suppress(NoWorkerError):
            return await look()
        await asyncio.sleep(1)


_PAUSED: Mapping[str, Any] = {
    "status": "paused",
    "interrupts": [],
    "output": None,
    "state": None,
    "failure": None,
    "is_known": False,
}
"""The stop of a run that Temporal itself has paused: nobody can look at it."""


class _OtherwiseError(Exception):
    """A run is there, and is to be waited for in another way than by this update.

    Attributes:
        is_taken: It has taken the answer.
    """

    def __init__(self, is_taken: bool) -> None:
        super().__init__()
        self.is_taken = is_taken


async def _wait_alone(
    client: Client,
    run_id: str,
    answer: Mapping[str, Json] | None,
    given: Mapping[str, str] | None,
    is_taken: bool,
) -> Mapping[str, Any]:
    """Answer and wait in one update of one's own.

    Raises:
        _OtherwiseError: Too many do.
    """
    argument = _proceed_argument(client, answer, given)
    handle = handle_of(client, run_id)
    attempts = 0
    while True:
        try:
            return await send(handle, PROCEED, argument)
        except WorkflowUpdateFailedError as error:
            if is_busy(error):
                raise _OtherwiseError(is_taken) from None
            if not is_continued(error):
                await raise_refused(handle, error, PROCEED)
            is_taken = True
        except RPCError as error:
            if is_crowded(error):
                raise _OtherwiseError(is_taken) from None
            attempts += 1
            if is_paused(error) and answer is None:
                return _PAUSED
            if attempts == ATTEMPTS or not await may_retry(client, run_id, error):
                is_closed = error.status == RPCStatusCode.NOT_FOUND
                if is_closed and (is_taken or await taken_before(client, run_id, error, answer) is not None):
                    return await _end(client, run_id, given)
                await raise_closed(client, run_id, error, PROCEED)


def _proceed_argument(client: Client, answer: Mapping[str, Json] | None, given: Mapping[str, str] | None) -> RawValue:
    return argument_of(client, PROCEED, answer if not given else {**(answer or {}), "given": given})


async def _end(client: Client, run_id: str, given: Mapping[str, str] | None) -> Mapping[str, Any]:
    """The last stop of a run that has ended."""
    if given and is_another((await last_state(client, run_id)).get("given", {}), given):
        raise RunExistsError(other_start(run_id))
    outcome = await result(handle_of(client, run_id))
    return {
        "status": "finished",
        "interrupts": [],
        "output": json.loads(outcome.output),
        "state": json.loads(outcome.state),
        "failure": None,
        "problem": None,
    }


async def start_or_proceed(
    client: Client,
    graph: str,
    argument: RawValue,
    answer: Mapping[str, Json] | None,
    given: Mapping[str, str] | None,
    *,
    id: str,
    task_queue: str,
    **options: Any,
) -> Mapping[str, Any]:
    """Start a run, or go on with the one of this id; wait for the next stop: one round trip.

    Of those who do so at once in this process one starts it; the others wait for where it stops as `proceed` has them.

    Raises:
        AnswerRefusedError: The answer is not taken.
        RunExistsError: The run was started with something else.
        GraphInputError: It was started with what its graph cannot take.
    """
    crowd = crowd_of(client, id)
    is_taken = False
    if not await crowd.is_begun():
        crowd.is_waited_for = True
        try:
            stop = await _start(client, graph, argument, answer, given, id=id, task_queue=task_queue, **options)
            return await with_all(client, id, stop)
        except _OtherwiseError as otherwise:
            is_taken = otherwise.is_taken
        finally:
            crowd.is_waited_for = False
    return await proceed(client, id, answer, given=given, is_taken=is_taken)


async def _start(
    client: Client,
    graph: str,
    argument: RawValue,
    answer: Mapping[str, Json] | None,
    given: Mapping[str, str] | None,
    *,
    id: str,
    task_queue: str,
    **options: Any,
) -> Mapping[str, Any]:
    """Start a run and wait for its next stop, in one update of one's own.

    Raises:
        _OtherwiseError: It is there, and too many wait, or it continues as new.
    """
    operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        graph,
        argument,
        id=id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        **options,
    )
    handle = handle_of(client, id)
    try:
        with cancellable(), reading(id):
            proceeding = cast("Any", client).execute_update_with_start_workflow(
                PROCEED, _proceed_argument(client, answer, given), start_workflow_operation=operation
            )
            return await unless_blocked(handle, proceeding)
    except WorkflowUpdateFailedError as error:
        if is_continued(error):
            raise _OtherwiseError(is_taken=True) from None
        if is_busy(error):
            raise _OtherwiseError(is_taken=False) from None
        await raise_refused(handle, error, PROCEED)
    except WorkflowAlreadyStartedError as error:
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await operation.workflow_handle()  # or asyncio complains that nobody has looked at its error
        if answer is None:
            return await _end(client, id, given)
        await raise_closed(client, id, error, PROCEED)
    except RPCError as error:
        if is_paused(error) and answer is None:
            return _PAUSED
        if (
            is_crowded(error)
            or await may_retry(client, id, error)
            or (answer is None and error.status == RPCStatusCode.NOT_FOUND)
        ):
            raise _OtherwiseError(is_taken=False) from None
        await raise_closed(client, id, error, PROCEED)
