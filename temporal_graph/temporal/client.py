"""What a client does with a run, in Temporal's terms; its errors in ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, cast

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ..codec.text import compact, members
from ..engine.events import clipped
from ..errors import (
    AnswerRefusedError,
    GraphError,
    GraphInputError,
    GraphRunError,
    RefusedError,
    RunCancelledError,
    RunNotFoundError,
)
from ..starting import no_checkpoint, other_start
from ..views import raise_run_error
from .names import (
    ANSWER_REFUSED,
    CONTINUED,
    GET_STATE,
    GRAPH_INPUT_ERROR,
    GRAPH_RUN_ERROR,
    HISTORY,
    PAYLOAD_TOO_LARGE,
    PROCEED,
    RESUME,
    RESUME_ALL,
    RUN_CANCELLED,
    SNAPSHOT,
    STARTED,
)
from .payloads import PayloadTooLargeError, from_raw, limit_of, to_raw
from .streaming import TOPIC

Json = Any

WAIT = 20
"""Seconds for which a question or an answer waits for a worker."""
ATTEMPTS = 100
"""How often an update is sent to a run that continues as new just as it comes."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; the values as JSON text."""

    output: str
    state: str


def start_argument(client: Client, message: Mapping[str, str | None]) -> RawValue:
    """The argument of a run: JSON texts by field.

    Raises:
        GraphInputError: It is larger than Temporal takes.
    """
    text = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in message.items() if value is not None) + "}"
    try:
        return to_raw(text, "What the run is started with (inputs and state)", limit_of(client.data_converter))
    except PayloadTooLargeError as error:
        raise GraphInputError(str(error)) from error


async def start(client: Client, graph: str, argument: RawValue, *, id: str, task_queue: str, **options: Any) -> None:
    """Start a run.

    Raises:
        GraphInputError: A run of this id is there already.
    """
    try:
        await client.start_workflow(graph, argument, id=id, task_queue=task_queue, **options)
    except WorkflowAlreadyStartedError as error:
        raise GraphInputError(
            f"A run with id {id!r} exists already. Give the new one an id of its own; to go on with the other, use "
            f"get_run(client, {id!r}), and its resume() or proceed() to answer it."
        ) from error


def argument_of(client: Client, name: str, sent: Json) -> RawValue:
    """What is sent with an update.

    Raises:
        RefusedError: It is larger than Temporal takes.
    """
    what = "The answer" if name in _ANSWERS else f"What is sent with {name}"
    try:
        return to_raw(compact(sent), what, limit_of(client.data_converter))
    except PayloadTooLargeError as error:
        raise _refused(name, "invalid", str(error)) from error


_ANSWERS = (RESUME, RESUME_ALL, PROCEED)


def _refused(name: str, reason: str, message: str, errors: Iterable[dict[str, Any]] = ()) -> RefusedError:
    kind = AnswerRefusedError if name in _ANSWERS else RefusedError
    return kind(reason, message, errors)


async def result(handle: WorkflowHandle[Any, Any]) -> Outcome:
    """Wait for the end of a run.

    Raises:
        GraphRunError: It failed.
        RunCancelledError: It was cancelled, terminated or timed out.
        RunNotFoundError: There is no such run.
    """
    try:
        value = await handle.result()
    except WorkflowFailureError as error:
        raise_failure(handle.id, error)
    except RPCError as error:
        raise_rpc(handle.id, error)
    fields = members(from_raw(value))
    return Outcome(fields["output"], fields["state"])


def raise_failure(run_id: str, error: WorkflowFailureError) -> NoReturn:
    """Raise what a run failed with, in our terms."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        if cause.type == GRAPH_RUN_ERROR and cause.details:
            raise_run_error(cause.details[0])
        if cause.type == GRAPH_INPUT_ERROR:
            raise GraphInputError(cause.message) from error
        raise GraphRunError("", cause.type or "Error", cause.message) from error
    raise RunCancelledError(f"Run {run_id!r} has no output: {cause}") from error


def raise_rpc(run_id: str, error: RPCError) -> NoReturn:
    """Raise what went wrong between client and server, in our terms."""
    if error.status == RPCStatusCode.NOT_FOUND:
        raise RunNotFoundError(
            f"There is no run with id {run_id!r}, or it ended so long ago that the server has forgotten it."
        ) from error
    if error.status == RPCStatusCode.UNAVAILABLE:
        raise GraphError(f"The Temporal server cannot be reached: {error.message}") from error
    # "Exhausted" is a server's queue of queries that wait for a worker.
    if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.RESOURCE_EXHAUSTED):
        raise GraphError(
            f"No worker answered for run {run_id!r}. Is one running on its task queue, with this graph?"
        ) from error
    raise error


async def query(handle: WorkflowHandle[Any, Any], name: str, *args: Any) -> Any:
    """Ask a run something.

    Raises:
        RunNotFoundError: There is no such run.
        GraphError: No worker answers.
    """
    try:
        return await handle.query(name, *args, rpc_timeout=timedelta(seconds=WAIT))
    except WorkflowQueryFailedError as error:
        raise GraphError(f"Run {handle.id!r} could not answer {name!r}: {error}") from error
    except RPCError as error:
        raise_rpc(handle.id, error)


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
    handle = handle_of(client, run_id)
    attempts = 0
    while True:
        try:
            async with asyncio.timeout(WAIT):
                return await _update(handle, name, argument)
        except TimeoutError as error:
            again = (
                "" if answer is None else f"; sent again with answer_id={answer['answer_id']!r}, it is the same answer"
            )
            raise GraphError(
                f"No worker answered for run {handle.id!r} in {WAIT} seconds. Is one running on its task queue, with "
                f"this graph? One that comes later may still take what was sent{again}."
            ) from error
        except WorkflowUpdateFailedError as error:
            if not is_continued(error) or attempts == ATTEMPTS:
                raise_refusal(error, name)
            attempts += 1
        except RPCError as error:
            attempts += 1
            if attempts == ATTEMPTS or not await _may_retry(handle, error):
                taken = await _taken_before(handle, error, answer)
                if taken is not None:
                    return taken
                await raise_closed(handle, error, name)


async def signal(handle: WorkflowHandle[Any, Any], name: str) -> None:
    """Send a signal without an argument.

    Raises:
        RefusedError: The run has ended.
        RunNotFoundError: There is no such run.
    """
    try:
        await handle.signal(name)
    except RPCError as error:
        await raise_closed(handle, error, name)


async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
    """Ask for a run to be cancelled.

    Raises:
        RefusedError: The run has ended.
        RunNotFoundError: There is no such run.
    """
    try:
        # The server takes it without a word if the run has ended.
        if (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
            await handle.cancel()
            return
    except RPCError as error:
        await raise_closed(handle, error, "cancel")
    await raise_closed(handle, None, "cancel")


async def proceed(
    client: Client,
    run_id: str,
    answer: Mapping[str, Json] | None,
    *,
    given: str | None = None,
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
        GraphInputError: The run was started with something else.
        GraphRunError: The run has failed.
        RunNotFoundError: There is no such run.
    """
    argument = _proceed_argument(client, answer, given)
    handle = handle_of(client, run_id)
    is_taken = is_taken or answer is None
    attempts = 0
    while True:
        try:
            return await _update(handle, PROCEED, argument)
        except WorkflowUpdateFailedError as error:
            if not is_continued(error):
                raise_refusal(error, PROCEED)
            is_taken = True
        except RPCError as error:
            attempts += 1
            if attempts == ATTEMPTS or not await _may_retry(handle, error):
                is_closed = error.status == RPCStatusCode.NOT_FOUND
                if is_closed and (is_taken or await _taken_before(handle, error, answer) is not None):
                    return await _end(handle, given)
                await raise_closed(handle, error, PROCEED)


def _proceed_argument(client: Client, answer: Mapping[str, Json] | None, given: str | None) -> RawValue:
    return argument_of(client, PROCEED, answer if given is None else {**(answer or {}), "given": given})


async def _taken_before(
    handle: WorkflowHandle[Any, Any], error: RPCError, answer: Mapping[str, Json] | None
) -> Mapping[str, Any] | None:
    """The acceptance of the same answer by a run that has ended since; None where there is none."""
    if answer is None or error.status != RPCStatusCode.NOT_FOUND:
        return None
    try:
        state: Mapping[str, Any] = await query(handle, GET_STATE)
    except GraphError:
        return None  # nobody can tell
    return next((taken for taken in state["answered"] if taken["answer_id"] == answer["answer_id"]), None)


async def _end(handle: WorkflowHandle[Any, Any], given: str | None) -> Mapping[str, Any]:
    """The last stop of a run that has ended."""
    if given is not None and await _given_to(handle) not in (None, given):
        raise GraphInputError(other_start(handle.id))
    outcome = await result(handle)
    return {
        "status": "finished",
        "interrupts": [],
        "output": json.loads(outcome.output),
        "state": json.loads(outcome.state),
        "failure": None,
    }


async def _given_to(handle: WorkflowHandle[Any, Any]) -> str | None:
    """What a run was started with; None where nobody can tell."""
    try:
        state: Mapping[str, Any] = await query(handle, GET_STATE)
    except GraphError:
        return None
    return state.get("given")


async def start_or_proceed(
    client: Client,
    graph: str,
    argument: RawValue,
    answer: Mapping[str, Json] | None,
    given: str | None,
    *,
    id: str,
    task_queue: str,
    **options: Any,
) -> Mapping[str, Any]:
    """Start a run, or go on with the one of this id; wait for the next stop: one round trip.

    Raises:
        AnswerRefusedError: The answer is not taken.
        GraphInputError: The run was started with something else, or with what its graph cannot take.
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
        with _cancellable():
            return await cast("Any", client).execute_update_with_start_workflow(
                PROCEED, _proceed_argument(client, answer, given), start_workflow_operation=operation
            )
    except WorkflowUpdateFailedError as error:
        if is_continued(error):
            return await proceed(client, id, answer, given=given, is_taken=True)
        raise_refusal(error, PROCEED)
    except WorkflowAlreadyStartedError as error:
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await operation.workflow_handle()  # or asyncio complains that nobody has looked at its error
        if answer is None:
            return await _end(handle, given)
        await raise_closed(handle, error, PROCEED)
    except RPCError as error:
        if await _may_retry(handle, error) or (answer is None and error.status == RPCStatusCode.NOT_FOUND):
            return await proceed(client, id, answer, given=given)
        await raise_closed(handle, error, PROCEED)


async def _update(handle: WorkflowHandle[Any, Any], name: str, argument: RawValue) -> Mapping[str, Any]:
    with _cancellable():
        return await cast("Any", handle).execute_update(name, argument)


@contextlib.contextmanager
def _cancellable() -> Generator[None]:
    """Let a cancelled caller be cancelled; the SDK makes an error of its own of it."""
    try:
        yield
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise GraphError("The Temporal server did not answer the update in time.") from error


def is_continued(error: WorkflowUpdateFailedError) -> bool:
    """Whether an update ended only because the run continued as new."""
    return isinstance(error.cause, ApplicationError) and error.cause.type in (
        CONTINUED,
        "AcceptedUpdateCompletedWorkflow",
    )


def raise_refusal(error: WorkflowUpdateFailedError, name: str) -> NoReturn:
    """Raise why an update was not taken."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == ANSWER_REFUSED and cause.details:
        details: Mapping[str, Any] = cause.details[0]
        if details["reason"] == STARTED:
            raise GraphInputError(details["message"]) from error
        raise _refused(name, details["reason"], details["message"], details["errors"]) from error
    if isinstance(cause, ApplicationError) and cause.type == RUN_CANCELLED:
        raise RunCancelledError(cause.message) from error
    if isinstance(cause, ApplicationError) and cause.type == PAYLOAD_TOO_LARGE:
        raise GraphError(f"An answer, if there was one, was taken, and the run has stopped. {cause.message}") from error
    raise GraphError(f"The run did not take the update: {cause}") from error


_LOST = (RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.UNAVAILABLE)
"""What a server may say to an update whose run is just continuing as new; the next run takes it."""


async def _may_retry(handle: WorkflowHandle[Any, Any], error: RPCError) -> bool:
    """Whether an update found its run just as it continued as new, so that it may be sent again."""
    if error.status not in _LOST:
        return False
    try:
        description = await handle.describe()
    except RPCError:
        return False
    if description.status != WorkflowExecutionStatus.RUNNING:
        return False
    await asyncio.sleep(0.05)
    return True


async def raise_closed(handle: WorkflowHandle[Any, Any], error: BaseException | None, name: str) -> NoReturn:
    """Raise that a run has ended, and how."""
    if isinstance(error, RPCError) and error.status != RPCStatusCode.NOT_FOUND:
        raise_rpc(handle.id, error)
    try:
        await handle.describe()
    except RPCError as missing:
        raise_rpc(handle.id, missing)
    try:
        outcome = await result(handle)
        ending = f"Run {handle.id!r} has ended; its output is {clipped(outcome.output)}."
    except GraphRunError as failed:
        ending = f"Run {handle.id!r} has failed: {failed}"
    except (RunCancelledError, GraphInputError) as ended:
        ending = str(ended)
    raise _refused(name, "closed", ending) from error


async def events(client: Client, id: str, first: int) -> AsyncIterator[tuple[int, Mapping[str, Any]]]:
    """The events of a run from a number on, until it has ended.

    Raises:
        RunNotFoundError: There is no such run.
        GraphError: No worker answers.
    """
    stream = WorkflowStreamClient.create(client, id)
    failures = 0
    while True:
        try:
            async for item in stream.subscribe([TOPIC], first, result_type=RawValue):
                first, failures = item.offset + 1, 0
                event = _event(item.data)
                if event is not None:
                    yield item.offset, event
            return
        except WorkflowQueryFailedError as error:
            raise GraphError(f"Run {id!r} could not tell its last events: {error}") from error
        except RPCError as error:
            # A query may be lost when a worker lets go of a run.
            failures += 1
            if failures > 3 or error.status not in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
                raise_rpc(id, error)


def _event(data: RawValue) -> Mapping[str, Any] | None:
    """An event; None for what others have published that is none."""
    try:
        event: Any = json.loads(from_raw(data))
        datetime.fromisoformat(event["at"])
        is_event = isinstance(event["kind"], str) and isinstance(event["data"], dict)
        return event if is_event and isinstance(event["node_id"], str | None) else None
    except (ValueError, TypeError, KeyError):
        return None


async def checkpoints(client: Client, id: str, run_id: str | None, after: int) -> Mapping[str, Any]:
    """A page of the past of one history; see `past.page`.

    Raises:
        RunNotFoundError: There is no such run, or the server has forgotten it.
        GraphError: No worker answers.
    """
    return await query(client.get_workflow_handle(id, run_id=run_id), HISTORY, after)


async def past(client: Client, id: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The first page of each history of a run that continued as new, oldest first, as far as the server has them.

    Raises:
        RunNotFoundError: There is no such run.
        GraphError: No worker answers.
    """
    pages: list[tuple[str, Mapping[str, Any]]] = []
    run_id: str | None = None
    while True:
        try:
            page = await checkpoints(client, id, run_id, 0)
        except RunNotFoundError:
            if not pages:
                raise
            break  # forgotten
        pages.append((page["run_id"], page))  # by now there may be a newer one
        run_id = page["previous_run_id"]
        if run_id is None:
            break
    return pages[::-1]


async def snapshot_at(client: Client, id: str, checkpoint_id: str) -> dict[str, Any]:
    """The whole run as it was after a checkpoint.

    Raises:
        GraphInputError: There is no such checkpoint.
        RunNotFoundError: There is no such run.
        GraphError: No worker answers.
    """
    is_number = checkpoint_id.isdecimal() and checkpoint_id.isascii() and len(checkpoint_id) < 16
    number = int(checkpoint_id) if is_number else 0
    run_id: str | None = None
    latest = 0
    while True:
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(id, run_id=run_id)
        found = await query(handle, SNAPSHOT, number)
        if found is not None:
            return found
        page = await checkpoints(client, id, run_id, max(0, number - 1))
        latest = latest or page["latest"]
        run_id = page["previous_run_id"]
        is_oldest = run_id is None or not await _is_kept(client, id, run_id)
        if is_oldest or number > page["origin"]:
            first = page["origin"] + 1 if is_oldest else None
            raise GraphInputError(f"Run {id!r} {no_checkpoint(checkpoint_id, first, latest)}")


async def _is_kept(client: Client, id: str, run_id: str) -> bool:
    """Whether the server still has a history."""
    try:
        await client.get_workflow_handle(id, run_id=run_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise_rpc(id, error)
    return True


def handle_of(client: Client, run_id: str) -> WorkflowHandle[Any, Any]:
    """The handle of a run; follows it when it continues as new."""
    return client.get_workflow_handle(run_id, result_type=RawValue)


def new_id() -> str:
    """An id for an answer."""
    return uuid.uuid4().hex
