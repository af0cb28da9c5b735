"""Durable pydantic-graph graphs on Temporal, which wait for people."""

from __future__ import annotations

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
