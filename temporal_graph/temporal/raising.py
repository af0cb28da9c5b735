"""What the code of a graph raises in an activity, as an error that the SDK can send and the server takes."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python
from temporalio import activity
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError, FailureError

from ..codec import DecodeError, EncodeError
from ..engine.events import OutdatedError
from ..engine.raised import (
    LONGEST_CAUSE,
    LONGEST_TRACE,
    asked,
    clipped,
    is_a,
    is_the_runtimes,
    led,
    message_of,
    trimmed,
    type_of,
)
from ..engine.state import Json
from ..errors import GraphError
from ..options import NodeOptions
from .names import OUTDATED, PAYLOAD_TOO_LARGE
from .payloads import PayloadTooLargeError

MISTAKES = (TypeError, NameError, AttributeError, ImportError, NotImplementedError, AssertionError, SyntaxError)
"""Errors of programming, which another attempt would only repeat."""
MOST_DETAILS = 100_000
"""Bytes of the details of an error that are sent."""
ASYNC = (
    "A node called activity.raise_complete_async(); what it returns is its result, and nobody else can complete it. "
    "To wait for somebody, let it ask with interrupt()."
)

T = TypeVar("T")
Told = Callable[[], Mapping[str, Json]]
"""What an error is to say of its node besides."""


async def sendable(work: Coroutine[Any, Any, T], options: NodeOptions, told: Told | None = None) -> T:
    """What some work returns, or raises as an error that can be sent, which is tried again only where that can help."""
    try:
        return await work
    except BaseException as error:
        if is_a(error, asyncio.CancelledError, CancelledError) and activity.is_cancelled():
            raise
        if is_the_runtimes(error):
            raise
        made = _made(error, options, None if told is None else told())
    raise made  # not while the other one is on its way: it would come along


def _made(error: BaseException, options: NodeOptions, told: Mapping[str, Json] | None) -> ApplicationError:
    """An error of the SDK's for one that may be anything.

    The SDK follows causes for ever, asks each what it is and says, and for that whatever its class has made of it.
    """
    made: ApplicationError | None = None
    for one in reversed(list(led(error))):
        later, made = made, _sent(one)
        made.__cause__ = later
    assert made is not None
    type_ = made.type
    if is_a(error, PayloadTooLargeError):
        type_ = PAYLOAD_TOO_LARGE
    elif is_a(error, OutdatedError):
        type_ = OUTDATED
    found = ApplicationError(
        clipped(_message(error)),
        *_details(error),
        *(() if told is None else (told,)),
        type=type_,
        non_retryable=_is_final(error, options),
        next_retry_delay=_delay(error),
        category=_category(error),
    ).with_traceback(made.__traceback__)
    found.__cause__ = made.__cause__
    return found


def _sent(error: BaseException) -> ApplicationError:
    text = clipped(message_of(error), LONGEST_CAUSE)
    return ApplicationError(text, type=type_of(error)).with_traceback(_short_trace(error))


def _message(error: BaseException) -> str:
    return ASYNC if type_of(error) == "_CompleteAsyncError" else message_of(error)


def _is_final(error: BaseException, options: NodeOptions) -> bool:
    """Whether another attempt would only repeat an error."""
    if is_a(error, EncodeError, DecodeError, GraphError, PayloadTooLargeError, OutdatedError):
        return True
    if is_a(error, *MISTAKES):
        return options.retry_policy is None
    if is_a(error, FailureError):
        return asked(error, "non_retryable") is True
    # What is no Exception would leave the event loop, and end the worker: sys.exit(), or one of the user's own.
    return not is_a(error, Exception, asyncio.CancelledError)


def _is_short(trace: TracebackType | None) -> bool:
    frames = 0
    step = trace
    while step is not None:
        frames, step = frames + 1, step.tb_next
        if frames > 100:
            return False
    try:
        return len("".join(traceback.format_tb(trace))) < 10 * LONGEST_TRACE
    except Exception:  # of whoever has the source
        return False


def _short_trace(error: BaseException) -> TracebackType | None:
    trace = trimmed(error)
    return trace if _is_short(trace) else None


# -- Errors of local nodes, which go to the server with the workflow task ---------------------------------------------


def failure_size(error: ApplicationError) -> int:
    """How many bytes an error is that can be sent."""
    failure = Failure()
    DefaultFailureConverter().to_failure(error, activity.payload_converter(), failure)
    return failure.ByteSize()


def is_last(error: ApplicationError) -> bool:
    """Whether there is no attempt after the one that has ended with an error."""
    info = activity.info()
    policy = info.retry_policy
    if error.non_retryable or policy is None:
        return True
    return error.type in (policy.non_retryable_error_types or ()) or 0 < policy.maximum_attempts <= info.attempt


def final(error: ApplicationError) -> ApplicationError:
    """An error that can be sent, so that it is not tried again."""
    found = ApplicationError(
        error.message, *error.details, type=error.type, non_retryable=True, category=error.category
    ).with_traceback(error.__traceback__)
    found.__cause__ = error.__cause__
    return found


def shortened(error: ApplicationError) -> ApplicationError:
    """A short error for one that is tried again, which nobody is told."""
    return ApplicationError(
        clipped(error.message, LONGEST_CAUSE),
        type=error.type,
        next_retry_delay=error.next_retry_delay,
        category=error.category,
    )


# -- What only Temporal's errors have ---------------------------------------------------------------------------------


def _details(error: BaseException) -> Iterable[Any]:
    """The details of an error, each as far as it can be sent."""
    given: Any = asked(error, "details") if is_a(error, ApplicationError) else ()
    details: list[Any] = list(given) if type(given) in (tuple, list) else []
    room, found = MOST_DETAILS, list[Any]()
    for detail in details[:100]:
        sent = _detail(detail, room)
        room -= len(sent[1])
        found.append(sent[0])
    return found


def _detail(detail: Any, room: int) -> tuple[Any, bytes]:
    """Something that the data converter can write, and what it comes to."""
    for attempt in (lambda: detail, lambda: _as_json(detail), lambda: clipped(repr(detail), LONGEST_CAUSE)):
        try:
            made = attempt()
            payload = activity.payload_converter().to_payload(made)
            activity.payload_converter().from_payload(payload)  # as the run will, whose task would fail
            written = payload.SerializeToString()
        except BaseException as error:  # of a class's own code
            if is_the_runtimes(error):
                raise
            continue
        if len(written) <= room:
            return made, written
    return f"({type_of(detail)})", b""


def _as_json(detail: Any) -> Any:
    return json.loads(
        json.dumps(to_jsonable_python(detail, fallback=repr, inf_nan_mode="strings", bytes_mode="base64"))
    )


def _delay(error: BaseException) -> timedelta | None:
    delay = asked(error, "next_retry_delay") if is_a(error, ApplicationError) else None
    return delay if type(delay) is timedelta else None


def _category(error: BaseException) -> ApplicationErrorCategory:
    category = asked(error, "category") if is_a(error, ApplicationError) else None
    return category if type(category) is ApplicationErrorCategory else ApplicationErrorCategory.UNSPECIFIED
