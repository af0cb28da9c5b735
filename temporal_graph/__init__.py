"""Durable pydantic-graph graphs on Temporal, which wait for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import GraphRun
from .commands import Command, Send, send_to
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
from .interrupts import InterruptNode, Required, interrupt
from .local import LocalRun
from .merge import Merge
from .options import NodeOptions
from .views import Accepted, Checkpoint, GraphResult, Interrupt, RunEvent, RunState, Stop

if TYPE_CHECKING:
    from .plugin import GraphPlugin

__all__ = [
    "Accepted",
    "AnswerRefusedError",
    "Checkpoint",
    "Command",
    "DepsError",
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
    "InterruptibleGraph",
    "LocalRun",
    "Merge",
    "NodeOptions",
    "RefusedError",
    "Required",
    "RunCancelledError",
    "RunEvent",
    "RunNotFoundError",
    "RunState",
    "Send",
    "StateConflictError",
    "Stop",
    "TemporalGraph",
    "emit",
    "interrupt",
    "send_to",
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
