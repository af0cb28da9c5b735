"""Durable pydantic-graph graphs on Temporal, which wait for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import Accepted, GraphResult, GraphRun, Interrupt, RunState, Stop
from .errors import (
    AnswerRefusedError,
    DepsError,
    GraphDefinitionError,
    GraphError,
    GraphInputError,
    GraphRunError,
    InterruptError,
    RunCancelledError,
    RunNotFoundError,
    StateConflictError,
)
from .graph import InterruptibleGraph, TemporalGraph
from .interrupts import InterruptNode, Required, interrupt
from .local import LocalRun
from .merge import Merge
from .options import NodeOptions

if TYPE_CHECKING:
    from .plugin import GraphPlugin

__all__ = [
    "Accepted",
    "AnswerRefusedError",
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
    "Required",
    "RunCancelledError",
    "RunNotFoundError",
    "RunState",
    "StateConflictError",
    "Stop",
    "TemporalGraph",
    "interrupt",
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
