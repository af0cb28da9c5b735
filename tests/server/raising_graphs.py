"""A node that raises what it is told to: errors of Temporal's own, of odd classes, with odd causes and details."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, field_validator
from pydantic_graph import StepContext
from temporalio import activity, exceptions, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_graph import NodeOptions
from tests.server.bad_graphs import of_one_step
from tests.server.tries import TRIES
from tests.support.errors import deep, grouped, in_a_ring, of_itself, without_end


class Sulky(Exception):
    """An error that answers nothing."""

    def __str__(self) -> str:
        raise SystemExit(3)


@dataclass(frozen=True)
class OutOfStock(Exception):
    """An error that nothing can be set of, nor its traceback."""

    sku: str


class Touchy(Exception):
    """An error that raises when it is shown, or told, or compared with."""

    def _no(self, *args: Any) -> Any:
        raise RuntimeError("no")

    __eq__ = __setattr__ = __delattr__ = __repr__ = __str__ = __hash__ = _no  # type: ignore[assignment]


class TouchyGroup(ExceptionGroup[Exception]):
    """A group that cannot be taken apart."""

    exceptions: Any = property(lambda self: 1 / 0)

    def derive(self, excs: Any) -> Any:
        raise RuntimeError("no")

    split = subgroup = derive  # type: ignore[assignment]


class NoSeats(ApplicationError):
    """An error of Temporal's kind, of the user's own class."""


class Loud(BaseException):
    """An error that no `except Exception` catches."""


class Circle:
    """Something that holds itself, and does not say what it is."""

    def __init__(self) -> None:
        self.own = [self]

    def __repr__(self) -> str:
        raise ValueError("no words")


class Region(BaseModel):
    """Something with a validator that looks up."""

    name: str

    @field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        return {"eu": name}[name]


@dataclass(frozen=True)
class Seat:
    """What JSON does not know."""

    row: int
    day: date


def details() -> list[Any]:
    """What an error may bring along."""
    large = "x" * 9_000_000
    ring: list[Any] = []
    ring.append(ring)
    return [
        date(2026, 1, 1),
        {Seat(1, date(2026, 1, 1)): {1, 2}},
        object(),
        Circle(),
        ring,
        b"\xff",
        "\ud800",
        large,
    ]


def not_final(type_: str, message: str, *given: Any) -> Callable[[], BaseException]:
    """An error that says itself what it is."""
    return lambda: ApplicationError(message, *given, type=type_)


def touched() -> BaseException:
    """An error that answers nothing, after another one."""
    error = ValueError("so")
    error.__cause__ = Touchy("before")
    return error


def final(type_: str | None, message: Any, *given: Any) -> Callable[[], BaseException]:
    """The same, which is not to be tried again."""
    return lambda: ApplicationError(message, *given, type=type_, non_retryable=True)


def chained() -> BaseException:
    """An error after one of Temporal's, with details that JSON does not know."""
    error = RuntimeError("the child has failed")
    error.__cause__ = ApplicationError("sold out", *details(), type="NoSeats")
    error.__cause__.__cause__ = exceptions.TerminatedError("terminated")
    return error


RAISES: dict[str, tuple[Callable[[], Any], str, str, bool]] = {
    # What raises it or makes it, what it is called, how it begins, and whether it is tried again.
    "of_itself": (of_itself, "ValueError", "no such order", True),
    "in_a_ring": (in_a_ring, "ValueError", "one", True),
    "deep": (deep, "ValueError", "99999", True),
    "grouped": (grouped, "ExceptionGroup", "outer (2 sub-exceptions)", True),
    "recursion": (without_end, "RecursionError", "maximum recursion depth exceeded", True),
    "sulky": (Sulky, "Sulky", "(it has no message: its __str__ raised SystemExit)", True),
    "huge": (lambda: ValueError("x" * 5_000_000), "ValueError", "xxx", True),
    "no_utf8": (lambda: ValueError("half a pair: \ud800"), "ValueError", "half a pair: \\ud800", True),
    "long_name": (lambda: type("Long" * 1_000_000, (Exception,), {})("so"), "LongLong", "so", True),
    "chained": (chained, "RuntimeError", "the child has failed", True),
    "loud": (lambda: Loud("so"), "Loud", "so", False),
    "exit": (lambda: SystemExit(3), "SystemExit", "3", False),
    "keyboard": (lambda: KeyboardInterrupt("so"), "KeyboardInterrupt", "so", False),
    "generator": (lambda: GeneratorExit("so"), "GeneratorExit", "so", False),
    "loud_group": (lambda: BaseExceptionGroup("so", [Loud()]), "BaseExceptionGroup", "so (1 sub-exception)", False),
    "keyboard_group": (
        lambda: BaseExceptionGroup("so", [ValueError("so"), KeyboardInterrupt("so")]),
        "BaseExceptionGroup",
        "so (2 sub-exceptions)",
        False,
    ),
    "frozen": (lambda: OutOfStock("apples"), "OutOfStock", "apples", True),
    "touchy": (lambda: Touchy("so"), "Touchy", "(it has no message: its __str__ raised RuntimeError)", True),
    "touched": (touched, "ValueError", "so", True),
    "touchy_group": (lambda: TouchyGroup("so", [ValueError("so")]), "TouchyGroup", "so (1 sub-exception)", True),
    "silent": (ValueError, "ValueError", "", True),
    "silent_assertion": (AssertionError, "AssertionError", "", True),
    "terminated": (lambda: exceptions.TerminatedError("by hand"), "TerminatedError", "by hand", True),
    "timeout": (
        lambda: exceptions.TimeoutError("too slow", type=None, last_heartbeat_details=details()),
        "TimeoutError",
        "too slow",
        True,
    ),
    "server": (lambda: exceptions.ServerError("down", non_retryable=True), "ServerError", "down", False),
    "server_again": (lambda: exceptions.ServerError("down"), "ServerError", "down", True),
    "workflow": (
        lambda: exceptions.WorkflowAlreadyStartedError("an-id", "a-type"),
        "WorkflowAlreadyStartedError",
        "Workflow execution already started",
        True,
    ),
    "child": (
        lambda: exceptions.ChildWorkflowError(
            "it failed",
            namespace="default",
            workflow_id="w",
            run_id="r",
            workflow_type="t",
            initiated_event_id=1,
            started_event_id=2,
            retry_state=None,
        ),
        "ChildWorkflowError",
        "it failed",
        True,
    ),
    "temporals_cancelled": (lambda: exceptions.CancelledError("so", *details()), "CancelledError", "so", True),
    "cancelled": (lambda: asyncio.CancelledError("so"), "CancelledError", "so", True),
    "details": (final("NoSeats", "sold out", *details()), "NoSeats", "sold out", False),
    "details_again": (not_final("NoSeats", "sold out", *details()), "NoSeats", "sold out", True),
    "many_details": (final("NoSeats", "sold out", *range(100_000)), "NoSeats", "sold out", False),
    "no_type": (final(None, "sold out"), "ApplicationError", "sold out", False),
    "no_text": (final("NoSeats", ValueError("sold out")), "NoSeats", "sold out", False),
    "own_class": (lambda: NoSeats("sold out", non_retryable=True), "NoSeats", "sold out", False),
    "later": (
        lambda: ApplicationError("so", type="Later", next_retry_delay=timedelta(milliseconds=1)),
        "Later",
        "so",
        True,
    ),
    "validator": (lambda: Region(name="mars"), "KeyError", "'mars'", True),
}
"""What can be raised anywhere."""


async def fail(ctx: StepContext[None, None, str]) -> str:
    """Raises what its input names."""
    kind, _, run = ctx.inputs.partition(":")
    if workflow.in_workflow():
        error = RAISES[kind][0]()
    else:
        TRIES[run] += 1
        if kind == "complete_async":
            activity.raise_complete_async()
        error = RAISES[kind][0]()
    raise error


TWICE = RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=1))
SOON = timedelta(seconds=3)
raising = of_one_step("raising", fail, NodeOptions(retry_policy=TWICE, heartbeat_timeout=SOON))
raising_local = of_one_step("raising_local", fail, NodeOptions(execution="local", retry_policy=TWICE))
raising_here = of_one_step("raising_here", fail, NodeOptions(execution="workflow"))
asking = of_one_step(
    "raising_asking", fail, NodeOptions(retry_policy=TWICE, on_failure="interrupt", heartbeat_timeout=SOON)
)


async def stop(ctx: StepContext[None, None, str]) -> str:
    """Leaves the workflow."""
    workflow.continue_as_new("nothing")


stopping = of_one_step("stopping", stop, NodeOptions(execution="workflow"))
