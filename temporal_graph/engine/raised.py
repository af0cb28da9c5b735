"""What an exception says, whatever it is: told so that it can be kept and sent, in bounded time and space.

An exception may be its own cause, have a thousand of them, refuse to say what it is, or say a gigabyte.
"""

from __future__ import annotations

import dis
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, TypeGuard, TypeVar, cast

E = TypeVar("E", bound=BaseException)

LONGEST_MESSAGE = 10_000
"""Characters of an error's message that are kept: the server takes no more than 2 MiB of a failure."""
LONGEST_NAME = 200
"""Characters of the name of an exception's class that are kept."""
LONGEST_CAUSE = 1_000
"""Characters of the messages of what led to an error."""
LONGEST_TRACE = 4_000
"""Characters of a stack trace that are kept, the last ones."""
MOST_CAUSES = 5
"""Exceptions that are told of one: itself, and what led to it."""
MOST_FRAMES = 30
"""Lines of a stack trace, the last ones."""
FRAMEWORK = ("temporal_graph", "temporalio", "pydantic_graph", "asyncio", "contextlib")
"""What calls the code of a graph: a stack trace begins behind it."""
_SLIPS = ("_CompleteAsyncError", "ContinueAsNewError")
"""What the SDK raises for one who calls it, and ends nothing of itself."""
_MOST_GROUPS = 100
_END, _LONGEST_END = " characters)", 40
_RAISE = dis.opmap["RAISE_VARARGS"]


@dataclass(frozen=True, slots=True)
class Cause:
    """An exception at rest.

    Attributes:
        type: Name of its class.
        message: What it said.
        stack_trace: Where it was raised, the innermost call last; empty where nobody knows.
    """

    type: str
    message: str
    stack_trace: str = ""

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {"type": self.type, "message": self.message, "stack_trace": self.stack_trace}


def clipped(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """A text that can be sent: of a limited length, and of characters that UTF-8 has; clipped again it is the same."""
    size = str.__len__(text)  # of a class of its own, too
    short = str.__getitem__(text, slice(limit + _LONGEST_END)).encode(errors="backslashreplace").decode()
    if len(short) <= limit or (size <= limit + _LONGEST_END and short.endswith(_END)):
        return short
    return f"{short[:limit]}... ({size:,}{_END}"


def type_of(error: BaseException) -> str:
    """The name of an exception's class; what Temporal's `ApplicationError` gives for it, where it does."""
    if _is_application_error(error):
        named = asked(error, "type")
        if issubclass(type(named), str) and str.__len__(named):
            return clipped(named, LONGEST_NAME)
    names = (_of_class(cls, "__name__") for cls in type.mro(type(error)))
    return clipped(next(name for name in names if name), LONGEST_NAME)


def message_of(error: BaseException) -> str:
    """What an exception says; whatever it does when it is asked."""
    try:
        if not _is_application_error(error):
            return str(error)
        # Temporal's would begin with its type; and one that came from elsewhere makes words of none.
        sent = asked(error, "failure")
        return str(cast("Any", error).message if sent is None else sent.message)
    except BaseException as other:
        _let_pass(other)
        return f"(it has no message: its __str__ raised {type_of(other)})"


def is_a(error: BaseException, *kinds: type[E]) -> TypeGuard[E]:
    """Whether an exception is of a class; `isinstance` would ask the exception itself, too."""
    return issubclass(type(error), kinds)


def asked(error: object, name: str) -> Any:
    """An attribute of an exception, whatever its class makes of it; None where there is none."""
    try:
        return getattr(error, name, None)
    except BaseException as other:
        _let_pass(other)
        return None


def causes_of(error: BaseException) -> tuple[Cause, ...]:
    """An exception and what led to it, the nearest first."""
    return tuple(Cause(type_of(each), clipped(message_of(each), LONGEST_CAUSE), trace_of(each)) for each in led(error))


def led(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that led to it, or are in its group: the nearest first, none twice, and a few only."""
    waiting: deque[BaseException] = deque([error])
    seen: list[BaseException] = []
    while waiting and len(seen) < MOST_CAUSES:
        one = waiting.popleft()
        if any(one is known for known in seen):
            continue
        seen.append(one)
        yield one
        before = cause_of(one)
        if before is not None:
            waiting.append(before)
        waiting.extend(_members(one)[:MOST_CAUSES])


def cause_of(error: BaseException) -> BaseException | None:
    """What led to an exception, as Python shows it."""
    cause = _slot(error, "__cause__")
    return cause if cause is not None or _slot(error, "__suppress_context__") else _slot(error, "__context__")


def trace_of(error: BaseException) -> str:
    """Where an exception was raised; for one that came from another process, also where it was raised there."""
    parts: list[str] = []
    there = _trace_from_elsewhere(error)
    try:
        parts.extend(traceback.format_tb(trimmed(error, is_known_else=bool(there))))
    except Exception:  # of whoever has the source
        parts.clear()
    if there:
        parts.append(there if there.endswith("\n") else f"{there}\n")
    text = "".join(parts)
    if len(text) > LONGEST_TRACE:
        text = text[-LONGEST_TRACE:].partition("\n")[2] or text[-LONGEST_TRACE:]
    return clipped(text)


def trimmed(error: BaseException, *, is_known_else: bool = False) -> TracebackType | None:
    """The last lines of an exception's traceback, without those that have called the graph's code.

    Args:
        error: The exception.
        is_known_else: It is known otherwise where it was raised, so that lines which are not the graph's say nothing.
    """
    kept: deque[TracebackType] = deque(maxlen=MOST_FRAMES)
    ours: deque[TracebackType] = deque(maxlen=MOST_CAUSES)
    step: TracebackType | None = _slot(error, "__traceback__")
    while step is not None:
        (kept if kept or not _is_framework(step.tb_frame) else ours).append(step)
        step = step.tb_next
    if not kept and not is_known_else:
        kept = ours
    made: TracebackType | None = None
    for each in reversed(kept):
        made = TracebackType(made, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return made


def is_the_runtimes(error: BaseException) -> bool:
    """Whether an exception is not the graph's own, but ends what runs it: it must not be taken for a failure.

    Who closes a coroutine, or interrupts the process, lets the exception appear where the code happens to be; what a
    `raise` of the graph's has raised ends nothing but its node.
    """
    cls = type(error)
    if is_a(error, GeneratorExit, KeyboardInterrupt):
        return not _is_raised(error)
    if is_a(error, Exception):
        return False
    if _of_class(cls, "__module__").partition(".")[0] == "temporalio":
        return not any(_of_class(each, "__name__") in _SLIPS for each in type.mro(cls))
    return any(is_the_runtimes(each) for each in _members(error))


def _let_pass(error: BaseException) -> None:
    if is_the_runtimes(error):
        raise error


def _is_raised(error: BaseException) -> bool:
    """Whether a statement has raised an exception, or put it into a group; and not asyncio's for a signal."""
    step: TracebackType | None = _slot(error, "__traceback__")
    if step is None:
        return True
    while step.tb_next is not None:
        step = step.tb_next
    if _module(step.tb_frame) == "asyncio":
        return False
    code = step.tb_frame.f_code.co_code
    return 0 <= step.tb_lasti < len(code) and code[step.tb_lasti] == _RAISE


def _members(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, and in the groups in it; a bounded number of them."""
    found: list[BaseException] = []
    waiting: list[BaseException] = [error]
    for _ in range(_MOST_GROUPS):
        if not waiting:
            break
        group = waiting.pop()
        for each in in_group(group)[:_MOST_GROUPS]:
            (waiting if is_a(each, BaseExceptionGroup) else found).append(each)
    return found


def in_group(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions in a group, whatever its class makes of it; none in what is no group."""
    return BaseExceptionGroup.__dict__["exceptions"].__get__(error) if is_a(error, BaseExceptionGroup) else ()


def _is_application_error(error: BaseException) -> bool:
    return any(
        _of_class(cls, "__name__") == "ApplicationError" and _of_class(cls, "__module__") == "temporalio.exceptions"
        for cls in type.mro(type(error))
    )


def _trace_from_elsewhere(error: BaseException) -> str:
    if not any(_of_class(cls, "__module__") == "temporalio.exceptions" for cls in type.mro(type(error))):
        return ""
    text = asked(asked(error, "failure"), "stack_trace")
    return text if isinstance(text, str) else ""


def _slot(error: BaseException, name: str) -> Any:
    """An attribute of every exception, whatever its class makes of that name."""
    return BaseException.__dict__[name].__get__(error)


def _of_class(cls: type, name: str) -> str:
    """The name or module of a class, whatever its metaclass makes of that."""
    value = type.__dict__[name].__get__(cls)
    return value if isinstance(value, str) else ""


def _is_framework(frame: FrameType) -> bool:
    return _module(frame) in FRAMEWORK


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name.partition(".")[0] if isinstance(name, str) else ""
