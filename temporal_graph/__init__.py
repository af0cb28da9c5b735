"""Durable pydantic-graph graphs on Temporal, which wait for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .approvals import ApprovalQueue, Pending, PendingPage, register_search_attributes
from .calendars import Calendar
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
    RefusedError,
    RunCancelledError,
    RunNotFoundError,
    StateConflictError,
)
from .graph import InterruptibleGraph, TemporalGraph
from .interrupts import Answered, InterruptNode, Required, answers, interrupt, once, step
from .local import LocalRun
from .merge import Merge
from .options import NodeOptions
from .policies import Escalate, Every, InterruptPolicy
from .views import Accepted, AuditEntry, Checkpoint, GraphResult, Interrupt, RunEvent, RunState, Stop

if TYPE_CHECKING:
    from .plugin import GraphPlugin

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
    "NodeOptions",
    "Pending",
    "PendingPage",
    "RefusedError",
    "Required",
    "Retry",
    "RunCancelledError",
    "RunEvent",
    "RunNotFoundError",
    "RunState",
    "Send",
    "Skip",
    "StateConflictError",
    "Stop",
    "TemporalGraph",
    "answers",
    "emit",
    "interrupt",
    "once",
    "register_search_attributes",
    "send_to",
    "step",
]


def __getattr__(name: str) -> Any:
    if name == "GraphPlugin":
        # Only where runs are worked on: a client, and a module of nodes, need none of what it brings.
        from .plugin import GraphPlugin

        globals()[name] = GraphPlugin
        return GraphPlugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
