"""Durable pydantic-graph graphs on Temporal, which wait for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import GraphRun
from .commands import Abort, Command, Retry, Send, Skip, send_to
from .emitting import emit
from .errors import (
    AnswerRefusedError,
    DepsError,
    GraphDefinitionError,
    GraphError,
    GraphInputError,
    GraphRunError,
    InterruptError,
    NodeError,
    NoWorkerError,
    RefusedError,
    RunBlockedError,
    RunBusyError,
    RunCancelledError,
    RunExistsError,
    RunNotFoundError,
    RunPausedError,
    StateConflictError,
    UnavailableError,
)
from .graph import InterruptibleGraph, TemporalGraph
from .interrupts import Answered, InterruptNode, Required, answers, interrupt, once, step
from .merge import Merge
from .options import NodeOptions
from .policies import Escalate, Every, InterruptPolicy
from .views import Accepted, AuditEntry, Checkpoint, Interrupt, RunEvent, RunState, Stop

if TYPE_CHECKING:
    from .approvals import ApprovalQueue, Pending, PendingPage, register_search_attributes
    from .calendars import Calendar
    from .local import LocalRun
    from .plugin import GraphPlugin
    from .temporal.runtime import forwarding_runtime
    from .views import GraphResult

__all__ = [
    "Abort",
    "Accepted",
    "AnswerRefusedError",
    "Answered",
    "ApprovalQueue",
    "AuditEntry",
    "Calendar",
    "Checkpoint",
    "Command",
    "DepsError",
    "Escalate",
    "Every",
    "GraphDefinitionError",
    "GraphError",
    "GraphInputError",
    "GraphPlugin",
    "GraphResult",
    "GraphRun",
    "GraphRunError",
    "Interrupt",
    "InterruptError",
    "InterruptNode",
    "InterruptPolicy",
    "InterruptibleGraph",
    "LocalRun",
    "Merge",
    "NoWorkerError",
    "NodeError",
    "NodeOptions",
    "Pending",
    "PendingPage",
    "RefusedError",
    "Required",
    "Retry",
    "RunBlockedError",
    "RunBusyError",
    "RunCancelledError",
    "RunEvent",
    "RunExistsError",
    "RunNotFoundError",
    "RunPausedError",
    "RunState",
    "Send",
    "Skip",
    "StateConflictError",
    "Stop",
    "TemporalGraph",
    "UnavailableError",
    "answers",
    "emit",
    "forwarding_runtime",
    "interrupt",
    "once",
    "register_search_attributes",
    "send_to",
    "step",
]


_LATER = {
    "GraphPlugin": "plugin",
    "forwarding_runtime": "temporal.runtime",
    "GraphResult": "temporal.results",
    "ApprovalQueue": "approvals",
    "Pending": "approvals",
    "PendingPage": "approvals",
    "register_search_attributes": "approvals",
    "Calendar": "calendars",
    "LocalRun": "local",
}
"""What a module of nodes does not need, by where it is: loaded when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
