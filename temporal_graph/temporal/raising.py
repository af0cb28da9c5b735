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
    cause_of,
    clipped,
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
        if issubclass(type(error), asyncio.CancelledError | CancelledError) and activity.is_cancelled():
            raise
        if is_the_runtimes(error):
            raise
        made = _made(error, options, None if told is None else told())
        if made is error:
            raise
    raise made  # not while the other one is on its way: it would come along


def _made(error: BaseException, options: NodeOptions, told: Mapping[str, Json] | None) -> BaseException:
    """The error itself, for whoever intercepts activities, where the SDK can send it as it is."""
    is_final = _is_final(error, options)
    if told is None and not is_final and _is_plain(error):
        return error
    made: ApplicationError | None = None
    for one in reversed(list(led(error))):
        later, made = made, _sent(one)
        made.__cause__ = later
    assert made is not None
    type_ = made.type
    if isinstance(error, PayloadTooLargeError):
        type_ = PAYLOAD_TOO_LARGE
    elif isinstance(error, OutdatedError):
        type_ = OUTDATED
    own = error if isinstance(error, ApplicationError) else None
    found = ApplicationError(
        clipped(_message(error)),
        *_details(own),
        *(() if told is None else (told,)),
        type=type_,
        non_retryable=is_final,
        next_retry_delay=None if own is None else _delay(own),
        category=_category(own),
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
    if isinstance(error, EncodeError | DecodeError | GraphError | PayloadTooLargeError | OutdatedError):
        return True
    if isinstance(error, MISTAKES):
        return options.retry_policy is None
    if isinstance(error, FailureError):
        return getattr(error, "non_retryable", False) is True
    # What is no Exception would leave the event loop, and end the worker: sys.exit(), or one of the user's own.
    return not isinstance(error, Exception | asyncio.CancelledError)


def _is_plain(error: BaseException) -> bool:
    """Whether the SDK can make a failure of an exception and of those that led to it, just as they are.

    It follows causes for ever, asks each what it says, writes all of its traceback, and takes the details of its own.
    """
    known = list(led(error))
    for one in known:
        if isinstance(one, FailureError | BaseExceptionGroup) or not isinstance(one, Exception):
            return False
        said = message_of(one)
        if clipped(said) != said or type_of(one) != type(one).__name__ or _is_unprintable(one):
            return False
        if not _is_short(one.__traceback__):
            return False
    before = [cause_of(one) for one in known]
    return before[-1] is None and all(later is one for later, one in zip(before, known[1:], strict=False))


def _is_unprintable(error: BaseException) -> bool:
    try:
        str(error)
    except BaseException as other:
        if is_the_runtimes(other):
            raise
        return True
    return False


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


def failure_size(error: Exception) -> int:
    """How many bytes an error is that can be sent."""
    failure = Failure()
    DefaultFailureConverter().to_failure(error, activity.payload_converter(), failure)
    return failure.ByteSize()


def is_last(error: Exception) -> bool:
    """Whether there is no attempt after the one that has ended with an error."""
    info = activity.info()
    policy = info.retry_policy
    if getattr(error, "non_retryable", False) is True or policy is None:
        return True
    return type_of(error) in (policy.non_retryable_error_types or ()) or 0 < policy.maximum_attempts <= info.attempt


def final(error: Exception) -> ApplicationError:
    """An error that can be sent, so that it is not tried again."""
    own = error if isinstance(error, ApplicationError) else None
    found = ApplicationError(
        message_of(error),
        *(() if own is None else own.details),
        type=type_of(error),
        non_retryable=True,
        category=_category(own),
    ).with_traceback(error.__traceback__)
    found.__cause__ = error.__cause__
    return found


def shortened(error: Exception) -> ApplicationError:
    """A short error for one that is tried again, which nobody is told."""
    own = error if isinstance(error, ApplicationError) else None
    return ApplicationError(
        clipped(message_of(error), LONGEST_CAUSE),
        type=type_of(error),
        next_retry_delay=None if own is None else _delay(own),
        category=_category(own),
    )


# -- What only Temporal's errors have ---------------------------------------------------------------------------------


def _details(error: ApplicationError | None) -> Iterable[Any]:
    """The details of an error, each as far as it can be sent."""
    if error is None:
        return ()
    room, found = MOST_DETAILS, list[Any]()
    for detail in list(error.details)[:100]:
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
    return f"({type(detail).__name__})", b""


def _as_json(detail: Any) -> Any:
    return json.loads(
        json.dumps(to_jsonable_python(detail, fallback=repr, inf_nan_mode="strings", bytes_mode="base64"))
    )


def _delay(error: ApplicationError) -> timedelta | None:
    delay = error.next_retry_delay
    return delay if isinstance(delay, timedelta) else None


def _category(error: ApplicationError | None) -> ApplicationErrorCategory:
    category = None if error is None else error.category
    return category if isinstance(category, ApplicationErrorCategory) else ApplicationErrorCategory.UNSPECIFIED
