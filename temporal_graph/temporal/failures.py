"""What went wrong between a client and a run: Temporal's errors in, ours out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterable, Mapping
from typing import Any, NoReturn

from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.client import (
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ActivityError, ApplicationError, TemporalError
from temporalio.service import RPCError, RPCStatusCode

from ..engine.events import clipped
from ..errors import (
    AnswerRefusedError,
    GraphError,
    GraphInputError,
    GraphRunError,
    NoWorkerError,
    RefusedError,
    RunBlockedError,
    RunBusyError,
    RunCancelledError,
    RunExistsError,
    RunNotFoundError,
    RunPausedError,
    UnavailableError,
)
from ..views import raise_run_error
from .names import (
    ANSWER_REFUSED,
    CONTINUED,
    GRAPH_INPUT_ERROR,
    GRAPH_RUN_ERROR,
    PAYLOAD_TOO_LARGE,
    PROCEED,
    RESUME,
    RESUME_ALL,
    RUN_CANCELLED,
    STARTED,
    TOO_MANY_WAIT,
    UNREADABLE,
)
from .payloads import check_readable

ANSWERS = (RESUME, RESUME_ALL, PROCEED)


TOO_LATE = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
"""What is said where no answer came in time."""
ENCODED = "Encoded failure"
"""The message of a failure that the failure converter has encoded."""
TOTAL_UPDATES = "limit on the total number of distinct updates"
"""What it says, as a failed precondition, of a run that has had 2,000 updates in one history: it takes no more."""
_OF_THE_RUN = (
    ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
    ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
)
"""What is exhausted where the other runs of a server are well: ten updates are under way, or a query waits already."""
TASK_LOST = "unexpected workflow task failure"
"""What it says of an update whose task it has ended, because too many signals came; it may be sent again."""
TASK_FAILED = "Workflow Task in failed state"
"""What it says, at once, of an update to a run whose last task has failed three times."""
_NO_POLLER = "no poller seen for task queue recently"
"""What it says, as a failed precondition, where it knows that there is none."""


_NOT_DECODED = ("Failed decoding arguments", "Failed decoding heartbeat details")
"""What the SDK says, in an error without a type, where a worker's codec could not read what an activity gets."""


def is_unread(error: ActivityError | ApplicationError) -> bool:
    """Whether an activity ended only because its worker could not read what it gets, so that another one may do it.

    Raises:
        UnreadableError: This worker cannot read why it ended.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    if not isinstance(cause, ApplicationError):
        return False
    if cause.type == UNREADABLE:
        return True
    if cause.failure is not None and cause.failure.HasField("encoded_attributes"):
        check_readable(cause.failure.encoded_attributes, "Why an activity failed")
    return not cause.type and cause.message in _NOT_DECODED


def refusal(name: str, reason: str, message: str, errors: Iterable[dict[str, Any]] = ()) -> RefusedError:
    """Why what was sent with a request was not taken."""
    kind = AnswerRefusedError if name in ANSWERS else RefusedError
    return kind(reason, message, errors)


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


@contextlib.contextmanager
def reading(run_id: str) -> Generator[None]:
    """Around what the SDK brings from a run: a codec that is missing, or has other keys, raises whatever it likes.

    Raises:
        GraphError: It cannot be read here.
    """
    try:
        yield
    except (TemporalError, GraphError, TimeoutError):
        raise
    except Exception as error:
        raise GraphError(
            f"What came from run {clipped(run_id, 100)!r} cannot be read ({type(error).__name__}: "
            f"{clipped(str(error), 500)}). Does this client have the payload codec of its workers, with the same keys?"
        ) from error


@contextlib.contextmanager
def cancellable() -> Generator[None]:
    """Let a cancelled caller be cancelled; the SDK makes an error of its own of it."""
    try:
        yield
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise GraphError("The Temporal server did not answer the update in time.") from error


def raise_rpc(run_id: str, error: RPCError) -> NoReturn:
    """Raise what went wrong between client and server, in our terms."""
    run_id = clipped(run_id, 100)
    if error.status == RPCStatusCode.NOT_FOUND:
        raise RunNotFoundError(
            f"There is no run with id {run_id!r}, or it ended so long ago that the server has forgotten it."
        ) from error
    if error.status == RPCStatusCode.UNAVAILABLE:
        raise UnavailableError(f"The Temporal server cannot be reached: {error.message}") from error
    if is_paused(error):
        raise paused(run_id) from error
    if error.status in TOO_LATE or _NO_POLLER in error.message:
        raise no_worker(run_id) from error
    if error.status == RPCStatusCode.RESOURCE_EXHAUSTED and _cause(error) in _OF_THE_RUN:
        raise RunBusyError(
            f"Run {run_id!r} is asked for more at once than the Temporal server lets be under way: {error.message}"
        ) from error
    if error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
        raise UnavailableError(f"The Temporal server takes no more at the moment: {error.message}") from error
    if TOTAL_UPDATES in error.message:
        raise RunBusyError(
            f"Run {run_id!r} has had as many updates as the Temporal server takes in one history, and takes no more "
            "until it continues as new. A signal is taken all the same."
        ) from error
    if TASK_FAILED in error.message:
        raise RunBlockedError(
            f"No worker can go on with run {run_id!r}: what they have tried last failed. Does the worker on its task "
            "queue know its graph, in the release that the run needs, and have the payload codec of who started it? "
            "Its log says why, and Temporal's UI."
        ) from error
    if error.status == RPCStatusCode.FAILED_PRECONDITION and "closed before" in error.message:
        raise GraphError(
            f"Run {run_id!r} ended before a worker had begun with it, so there is nothing to see of it. How it ended, "
            "result() says."
        ) from error
    raise GraphError(f"The Temporal server refused what was asked of run {run_id!r}: {error.message}") from error


def unanswered(run_id: str, name: str, message: str) -> GraphError:
    """That a run could not answer a query."""
    # Whatever converter a client has, the SDK does not decode why a query failed.
    hint = "; its log says what. Has this client the payload codec of its workers?" if message == ENCODED else ""
    return GraphError(f"Run {run_id!r} could not answer {name!r}: {message}{hint}")


LOOKING = 70
"""Seconds after which a worker that is there has looked at its task queue anew: a server lets it wait for a minute."""


def no_worker(run_id: str, last_seen: int | None = None) -> NoWorkerError:
    """That nobody answers.

    Args:
        run_id: The run.
        last_seen: How many seconds ago a worker looked for work; None where none is known.
    """
    nobody = f"No worker answered for run {run_id!r}"
    if last_seen is None or last_seen > LOOKING:
        return NoWorkerError(f"{nobody}. Is one running on its task queue, with this graph?")
    return NoWorkerError(
        f"{nobody}, though one looked at its task queue {last_seen} seconds ago: it has too much to do, "
        "or has gone since."
    )


def _cause(error: RPCError) -> int:
    """What is exhausted, as the server says it."""
    found = ResourceExhaustedFailure()
    for detail in error.grpc_status.details:
        if detail.Unpack(found):
            return found.cause
    return 0


def is_paused(error: RPCError) -> bool:
    """Whether a server does not take an update because it has itself paused the run."""
    return error.status == RPCStatusCode.FAILED_PRECONDITION and "is paused" in error.message


def paused(run_id: str) -> RunPausedError:
    """That Temporal has paused a run."""
    return RunPausedError(
        f"Run {run_id!r} was paused by Temporal itself, and nobody can look at it. `temporal workflow unpause "
        f"--workflow-id {run_id}` lets it go on."
    )


def is_busy(error: WorkflowUpdateFailedError) -> bool:
    """Whether a run did not let an update wait, because too many do; nothing that came with it was taken."""
    return isinstance(error.cause, ApplicationError) and error.cause.type == TOO_MANY_WAIT


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
            raise RunExistsError(details["message"]) from error
        raise refusal(name, details["reason"], details["message"], details["errors"]) from error
    if isinstance(cause, ApplicationError) and cause.type == RUN_CANCELLED:
        raise RunCancelledError(cause.message) from error
    if isinstance(cause, ApplicationError) and cause.type == PAYLOAD_TOO_LARGE:
        raise GraphError(f"An answer, if there was one, was taken, and the run has stopped. {cause.message}") from error
    raise GraphError(f"The run did not take the update: {cause}") from error
