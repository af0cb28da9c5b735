"""What a client does with a run: it starts it, asks things of it by signal and update, and waits for where it stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, NoReturn, TypeVar, cast

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ..codec.text import compact
from ..engine.events import clipped
from ..errors import (
    GraphError,
    GraphInputError,
    GraphRunError,
    NoWorkerError,
    RefusedError,
    RunBusyError,
    RunCancelledError,
    RunExistsError,
    RunPausedError,
)
from ..starting import is_another, other_start
from .blocked import show_blocked, unless_blocked
from .crowd import Crowd, crowd_of
from .failures import (
    ANSWERS,
    TOTAL_UPDATES,
    is_busy,
    is_continued,
    is_paused,
    paused,
    raise_refusal,
    raise_rpc,
    reading,
    refusal,
)
from .glancing import WAIT, check_worker, describe, is_open
from .looking import handle_of, query, result
from .names import GET_STATE, PENDING_INTERRUPTS, PROCEED, RESUME
from .payloads import PayloadTooLargeError, limit_of, start_text, to_raw

Json = Any
T = TypeVar("T")

ATTEMPTS = 100
"""How often an update is sent to a run that continues as new just as it comes."""
LATER = 0.5
"""Seconds after which an answer is sent again to a run that has to try others first."""
PATIENCE = 60
"""Seconds for which an update is sent again and again to a run of which too much is asked."""


def start_argument(client: Client, message: Mapping[str, str | None]) -> RawValue:
    """The argument of a run: JSON texts by field.

    Raises:
        GraphInputError: It is larger than Temporal takes.
    """
    what = "What the run is started with (inputs and state)"
    try:
        return to_raw(start_text(message), what, limit_of(client.data_converter))
    except PayloadTooLargeError as error:
        raise GraphInputError(str(error)) from error


async def start(client: Client, graph: str, argument: RawValue, *, id: str, task_queue: str, **options: Any) -> None:
    """Start a run.

    Raises:
        RunExistsError: A run of this id is there already.
        GraphError: The server does not take it.
    """
    options.setdefault("id_reuse_policy", WorkflowIDReusePolicy.REJECT_DUPLICATE)  # or the old one could not be seen
    try:
        await client.start_workflow(graph, argument, id=id, task_queue=task_queue, **options)
    except WorkflowAlreadyStartedError as error:
        raise RunExistsError(
            f"A run with id {id!r} exists already, open or ended. Give the new one an id of its own; to go on with the "
            f"other, use get_run(client, {id!r}), and its resume() or proceed() to answer it."
        ) from error
    except RPCError as error:
        raise_rpc(id, error)


def argument_of(client: Client, name: str, sent: Json) -> RawValue:
    """What is sent with an update.

    Raises:
        RefusedError: It is larger than Temporal takes.
    """
    what = "The answer" if name in ANSWERS else f"What is sent with {name}"
    try:
        return to_raw(compact(sent), what, limit_of(client.data_converter))
    except PayloadTooLargeError as error:
        raise refusal(name, "invalid", str(error)) from error


async def ask(client: Client, run_id: str, name: str, sent: Json) -> Any:
    """Send an update to a run, and have it done.

    Raises:
        RefusedError: The run does not take it.
        RunNotFoundError: There is no such run.
    """
    return await _ask(client, run_id, name, sent, None)


async def resume(client: Client, run_id: str, answer: Mapping[str, Json]) -> Mapping[str, Any]:
    """Answer a question of a run.

    Raises:
        AnswerRefusedError: The answer is not taken.
        RunNotFoundError: There is no such run.
    """
    accepted = await _ask(client, run_id, RESUME, answer, answer)
    return {**accepted, "value": answer.get("value")}


async def _ask(client: Client, run_id: str, name: str, sent: Json, answer: Mapping[str, Json] | None) -> Any:
    argument = argument_of(client, name, sent)
    crowd = crowd_of(client, run_id)
    try:
        async with crowd.turn():
            return await _send(client, crowd, run_id, name, argument, answer)
    except NoWorkerError as error:
        again = "" if answer is None else f"; sent again with answer_id={answer['answer_id']!r}, it is the same answer"
        raise NoWorkerError(f"{error} One that comes later may still take what was sent{again}.") from error


async def _send(
    client: Client, crowd: Crowd, run_id: str, name: str, argument: RawValue, answer: Mapping[str, Json] | None
) -> Any:
    handle = handle_of(client, run_id)
    update_id = new_id()  # sent again, it is the same update
    attempts = 0
    until = crowd.now() + PATIENCE
    while True:
        try:
            async with asyncio.timeout(WAIT):
                accepted = await _update(handle, name, argument, update_id)
            crowd.hear()
            return accepted
        except TimeoutError as error:
            # The SDK may have tried all the while to get in, where too many are.
            await check_worker(client, run_id)
            if crowd.now() > until:
                raise RunBusyError(f"Run {run_id!r} has not taken what was sent in {PATIENCE} seconds.") from error
        except WorkflowUpdateFailedError as error:
            crowd.hear()
            if is_busy(error) and crowd.now() > until:
                raise RunBusyError(f"Run {run_id!r} has not tried what was sent in {PATIENCE} seconds.") from error
            if is_busy(error):
                await asyncio.sleep(LATER)
                continue
            if not is_continued(error) or attempts == ATTEMPTS:
                await _raise_refusal(handle, error, name)
            attempts += 1
        except RPCError as error:
            if _is_crowded(error) and crowd.now() < until:
                await check_worker(client, run_id)
                continue
            attempts += 1
            if attempts == ATTEMPTS or not await _may_retry(client, run_id, error):
                taken = await _taken_before(client, run_id, error, answer)
                if taken is not None:
                    return taken
                await raise_closed(client, run_id, error, name)


async def signal(client: Client, run_id: str, name: str) -> None:
    """Send a signal without an argument.

    Raises:
        RefusedError: The run has ended.
        RunNotFoundError: There is no such run.
    """
    try:
        await handle_of(client, run_id).signal(name)
    except RPCError as error:
        await raise_closed(client, run_id, error, name)


async def cancel(client: Client, run_id: str) -> None:
    """Ask for a run to be cancelled.

    Raises:
        RefusedError: The run has ended.
        RunNotFoundError: There is no such run.
    """
    handle = handle_of(client, run_id)
    try:
        # The server takes it without a word if the run has ended.
        if await is_open(client, run_id):
            await handle.cancel()
            return
    except RPCError as error:
        await raise_closed(client, run_id, error, "cancel")
    await raise_closed(client, run_id, None, "cancel")


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
    crowd = crowd_of(client, run_id)
    is_taken = is_taken or answer is None
    if not crowd.is_waited_for:
        crowd.is_waited_for = True
        try:
            return await _wait_alone(client, run_id, answer, given, is_taken)
        except _CrowdedError as crowded:
            is_taken = is_taken or crowded.is_taken
        finally:
            crowd.is_waited_for = False
    if given and is_another((await query(client, run_id, GET_STATE)).get("given", {}), given):
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
        found = await _patiently(lambda: query(client, run_id, PENDING_INTERRUPTS))
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


class _CrowdedError(Exception):
    """Too many wait for a run."""

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
        _CrowdedError: Too many do.
    """
    argument = _proceed_argument(client, answer, given)
    handle = handle_of(client, run_id)
    attempts = 0
    while True:
        try:
            return await _update(handle, PROCEED, argument)
        except WorkflowUpdateFailedError as error:
            if is_busy(error):
                raise _CrowdedError(is_taken) from None
            if not is_continued(error):
                await _raise_refusal(handle, error, PROCEED)
            is_taken = True
        except RPCError as error:
            if _is_crowded(error):
                raise _CrowdedError(is_taken) from None
            attempts += 1
            if is_paused(error) and answer is None:
                return _PAUSED
            if attempts == ATTEMPTS or not await _may_retry(client, run_id, error):
                is_closed = error.status == RPCStatusCode.NOT_FOUND
                if is_closed and (is_taken or await _taken_before(client, run_id, error, answer) is not None):
                    return await _end(client, run_id, given)
                await raise_closed(client, run_id, error, PROCEED)


def _is_crowded(error: RPCError) -> bool:
    """Whether a server does not take an update because there are too many."""
    is_exhausted = error.status == RPCStatusCode.RESOURCE_EXHAUSTED and CLOSING not in error.message
    return is_exhausted or TOTAL_UPDATES in error.message


def _proceed_argument(client: Client, answer: Mapping[str, Json] | None, given: Mapping[str, str] | None) -> RawValue:
    return argument_of(client, PROCEED, answer if not given else {**(answer or {}), "given": given})


async def _taken_before(
    client: Client, run_id: str, error: RPCError, answer: Mapping[str, Json] | None
) -> Mapping[str, Any] | None:
    """The acceptance of the same answer by a run that has ended since; None where there is none."""
    if answer is None or error.status != RPCStatusCode.NOT_FOUND:
        return None
    state = await _last_state(client, run_id)
    known = [*state.get("answered", ()), *state.get("votes", ())]
    same = (each for each in known if each["answer_id"] == answer["answer_id"])
    actor = answer.get("actor")
    return next((each for each in same if None in (actor, each["actor"]) or actor == each["actor"]), None)


async def _end(client: Client, run_id: str, given: Mapping[str, str] | None) -> Mapping[str, Any]:
    """The last stop of a run that has ended."""
    if given and is_another((await _last_state(client, run_id)).get("given", {}), given):
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


async def _last_state(client: Client, run_id: str) -> Mapping[str, Any]:
    """Where a run stood when it ended; nothing where nobody can tell."""
    try:
        return await query(client, run_id, GET_STATE)
    except GraphError:
        return {}


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

    Raises:
        AnswerRefusedError: The answer is not taken.
        RunExistsError: The run was started with something else.
        GraphInputError: It was started with what its graph cannot take.
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
        with _cancellable(), reading(id):
            proceeding = cast("Any", client).execute_update_with_start_workflow(
                PROCEED, _proceed_argument(client, answer, given), start_workflow_operation=operation
            )
            return await unless_blocked(handle, proceeding)
    except WorkflowUpdateFailedError as error:
        if is_continued(error):
            return await proceed(client, id, answer, given=given, is_taken=True)
        if is_busy(error):
            return await proceed(client, id, answer, given=given)
        await _raise_refusal(handle, error, PROCEED)
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
            _is_crowded(error)
            or await _may_retry(client, id, error)
            or (answer is None and error.status == RPCStatusCode.NOT_FOUND)
        ):
            return await proceed(client, id, answer, given=given)
        await raise_closed(client, id, error, PROCEED)


async def _raise_refusal(handle: WorkflowHandle[Any, Any], error: WorkflowUpdateFailedError, name: str) -> NoReturn:
    try:
        raise_refusal(error, name)
    except RefusedError as refused:
        if refused.reason == "blocked":
            await show_blocked(handle)
        raise


async def _update(
    handle: WorkflowHandle[Any, Any], name: str, argument: RawValue, update_id: str | None = None
) -> Mapping[str, Any]:
    with _cancellable(), reading(handle.id):
        return await unless_blocked(handle, cast("Any", handle).execute_update(name, argument, id=update_id))


@contextlib.contextmanager
def _cancellable() -> Generator[None]:
    """Let a cancelled caller be cancelled; the SDK makes an error of its own of it."""
    try:
        yield
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise GraphError("The Temporal server did not answer the update in time.") from error


CLOSING = "workflow is closing"
"""What a server says, after it has tried for some seconds, of a run that is just continuing as new."""
_LOST = (RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.UNAVAILABLE)
"""What a server may say to an update whose run is just continuing as new; the next run takes it."""


async def _may_retry(client: Client, run_id: str, error: RPCError) -> bool:
    """Whether an update found its run just as it continued as new, so that it may be sent again."""
    if error.status not in _LOST and not (
        error.status == RPCStatusCode.RESOURCE_EXHAUSTED and CLOSING in error.message
    ):
        return False
    try:
        if is_paused(error) or not await is_open(client, run_id):
            return False
    except GraphError:
        return False
    await asyncio.sleep(0.05)
    return True


async def raise_closed(client: Client, run_id: str, error: BaseException | None, name: str) -> NoReturn:
    """Raise that a run has ended, and how; or that it does not take anything now."""
    if isinstance(error, RPCError) and is_paused(error):
        raise refusal(name, "paused", str(paused(run_id))) from error
    if isinstance(error, RPCError) and error.status != RPCStatusCode.NOT_FOUND:
        raise_rpc(run_id, error)
    await describe(client, run_id)
    try:
        outcome = await result(handle_of(client, run_id))
        ending = f"Run {run_id!r} has ended; its output is {clipped(outcome.output)}."
    except GraphRunError as failed:
        ending = f"Run {run_id!r} has failed: {failed}"
    except (RunCancelledError, GraphInputError) as ended:
        ending = str(ended)
    raise refusal(name, "closed", ending) from error


def new_id() -> str:
    """An id for an answer."""
    return uuid.uuid4().hex
