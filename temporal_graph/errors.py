"""Everything that this package raises on purpose.

GraphError
├── GraphDefinitionError     a graph, or the options given with it, cannot run on Temporal
├── GraphInputError          a run cannot be started with what was given
│   └── RunExistsError       ... because there is one of this id
├── GraphRunError            a run failed
│   └── StateConflictError   ... because parallel branches changed the same part of the state
├── NodeError                what the code of a graph raised; the `__cause__` of a GraphRunError
├── RefusedError             a run did not take what it was sent, and is as it was
│   └── AnswerRefusedError   ... which was an answer
├── RunNotFoundError         there is no run with this id
├── RunCancelledError        a run was cancelled or terminated
├── UnavailableError         it could not be done now; the Temporal server cannot be reached, or:
│   ├── NoWorkerError        ... no worker is there for the run
│   ├── RunBlockedError      ... the workers that are there cannot go on with the run
│   ├── RunBusyError         ... too much is asked of the run at once
│   └── RunPausedError       ... Temporal itself has paused the run
├── DepsError                `ctx.deps` was touched where there are none, or they are of the wrong type
├── NotifyError              a notifier could not tell somebody (`temporal_graph.notify`)
├── SignatureError           a notification has no signature that fits (`temporal_graph.notify`)
└── InterruptError           `interrupt()`, `once()` or `step()` was called where, or with what, it cannot be done
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "AnswerRefusedError",
    "DepsError",
    "GraphDefinitionError",
    "GraphError",
    "GraphInputError",
    "GraphRunError",
    "InterruptError",
    "NoWorkerError",
    "NodeError",
    "RefusedError",
    "RunBlockedError",
    "RunBusyError",
    "RunCancelledError",
    "RunExistsError",
    "RunNotFoundError",
    "RunPausedError",
    "StateConflictError",
    "UnavailableError",
]


class GraphError(Exception):
    """The base of all errors of this package."""


class GraphDefinitionError(GraphError, TypeError):
    """A graph, or the options given with it, cannot run on Temporal; raised where the graph is wrapped."""


class GraphInputError(GraphError, ValueError):
    """A run cannot be started with what was given; nothing was started.

    Attributes:
        errors: What is wrong, by field: `loc`, `msg`, `type`, as pydantic has them.
    """

    def __init__(self, message: str, errors: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class RunExistsError(GraphInputError):
    """A run cannot be started, for there is one of this id, open or ended; or it was started with something else."""


class GraphRunError(GraphError, RuntimeError):
    """A run failed.

    Its `__cause__` is what the code of the graph raised: in `local()` the exception itself, else a `NodeError`.

    Attributes:
        node_id: The node (or decision, join, path between nodes) whose code failed.
        error_type: Class name of the exception that it raised.
        error_message: The message of that exception.
    """

    def __init__(self, node_id: str, error_type: str, error_message: str) -> None:
        super().__init__(f"{node_id!r} failed with {_said(error_type, error_message)}")
        self.node_id = node_id
        self.error_type = error_type
        self.error_message = error_message


class StateConflictError(GraphRunError):
    """Parallel branches changed the same part of the state differently.

    Attributes:
        path: Where in the state: field names, keys and list indexes.
    """

    def __init__(self, node_id: str, error_message: str, path: tuple[str | int, ...]) -> None:
        super().__init__(node_id, "StateConflictError", error_message)
        self.path = path


class NodeError(GraphError):
    """What the code of a graph raised, as a run keeps it: the `__cause__` of a `GraphRunError`.

    Its own `__cause__` is what led to it, likewise.

    Attributes:
        type: Class name of the exception.
        message: Its message.
        stack_trace: Where it was raised, as text, the innermost call last; empty where nobody knows.
    """

    def __init__(self, type: str, message: str, stack_trace: str = "") -> None:
        super().__init__(_said(type, message) + (f"\n{stack_trace.rstrip()}" if stack_trace else ""))
        self.type = type
        self.message = message
        self.stack_trace = stack_trace


class RefusedError(GraphError, ValueError):
    """A run did not take what it was sent, and is as it was.

    Attributes:
        reason: `invalid`, `already_answered`, `expired`, `unknown_interrupt`, `ambiguous`, `not_authorized`, `closed`
            (the run, or the question), `conflict` (the state, or the question, is not what the sender saw), `paused`
            (by Temporal itself), or `blocked` (this release of the graph cannot go on with the run).
        errors: For `invalid`, what is wrong by field: `loc`, `msg`, `type`, as pydantic has them.
    """

    def __init__(self, reason: str, message: str, errors: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.errors = list(errors)


class AnswerRefusedError(RefusedError):
    """An answer was not taken; the run is as it was."""


class RunNotFoundError(GraphError, LookupError):
    """There is no run with this id."""


class RunCancelledError(GraphError):
    """A run was cancelled, terminated or timed out before it had an output."""


class UnavailableError(GraphError):
    """It could not be done now, and may be later: the Temporal server cannot be reached, or what a subclass says."""


class NoWorkerError(UnavailableError):
    """No worker answers for a run: none that has its graph looks at its task queue."""


class RunBlockedError(UnavailableError):
    """A run stands still: the workers that are there cannot go on with it. The message says why, as far as is known."""


class RunBusyError(UnavailableError):
    """More is asked of a run at once than the Temporal server lets be under way; nothing was done."""


class RunPausedError(UnavailableError):
    """Temporal itself has paused a run, and nobody can look at it: `temporal workflow unpause` lets it go on.

    A run that `GraphRun.pause` has paused can be looked at, and answered.
    """


class DepsError(GraphError):
    """`ctx.deps` was touched in the driver, where there are none, or a worker's deps are of the wrong type."""


class InterruptError(GraphError):
    """`interrupt()`, `once()` or `step()` was called where, or with what, it cannot be done; the message says why."""


def _said(type: str, message: str) -> str:
    return f"{type}: {message}" if message else type
