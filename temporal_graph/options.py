"""How nodes are run: where, how long, how often."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from .errors import GraphDefinitionError
from .policies import InterruptPolicy

if TYPE_CHECKING:
    from temporalio.common import Priority, RetryPolicy

__all__ = ["NodeOptions"]

Execution = Literal["activity", "local", "workflow"]
_EXECUTIONS = ("activity", "local", "workflow")
_ACTIVITY_ONLY = ("task_queue", "heartbeat_timeout", "priority")
_ANYWHERE = ("execution", "policy", "on_failure")
_ON_FAILURE = ("fail", "interrupt")


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """How a node is run. What is None is taken from the graph's options, then from the defaults.

    Attributes:
        start_to_close_timeout: How long one attempt may take. Default: 10 minutes.
        schedule_to_close_timeout: How long all attempts together may take. Default: no limit.
        heartbeat_timeout: After how long without a sign of life an attempt counts as lost. Nodes give signs of life by
            themselves. Default: 30 seconds.
        retry_policy: Temporal's `RetryPolicy`. Default: five attempts, 1 second apart and doubling, and none again
            after an error of programming (`TypeError`, `NameError`, `AttributeError`, ...).
        task_queue: The task queue whose workers run the node. Default: the run's own.
        priority: Temporal's `Priority`.
        execution: `activity`: on any worker, retried, timed out. `local`: a local activity, on the worker that drives
            the run: for short nodes; faster, fewer events. `workflow`: in the driver itself: only for code that is
            deterministic and does no I/O; it has no deps, and `interrupt()` goes on from its own line.
        summary: What the Temporal UI shows for the node. Default: which node it is, and how many-th time it runs.
        policy: How questions at the node are asked that do not say so themselves: those of failures, and those of
            breakpoints, `interrupt()` and interrupt nodes without a policy of their own.
        on_failure: What happens when the node has failed for good. `fail`: the run fails. `interrupt`: it becomes a
            question, which `Retry()`, `Skip()`, `Abort()` and `Command(goto=...)` answer. Default: `fail`.
    """

    start_to_close_timeout: timedelta | None = None
    schedule_to_close_timeout: timedelta | None = None
    heartbeat_timeout: timedelta | None = None
    retry_policy: RetryPolicy | None = None
    task_queue: str | None = None
    priority: Priority | None = None
    execution: Execution | None = None
    summary: str | None = None
    policy: InterruptPolicy | None = None
    on_failure: Literal["fail", "interrupt"] | None = None

    def __post_init__(self) -> None:
        for name in ("start_to_close_timeout", "schedule_to_close_timeout", "heartbeat_timeout"):
            self._check_timeout(name, getattr(self, name))
        self._check_types()
        if self.execution is not None and self.execution not in _EXECUTIONS:
            raise GraphDefinitionError(f"execution is {self.execution!r}; it must be one of {', '.join(_EXECUTIONS)}.")
        if self.policy is not None and not isinstance(self.policy, InterruptPolicy):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise GraphDefinitionError(f"policy is {self.policy!r}; it must be an InterruptPolicy(...).")
        if self.on_failure is not None and self.on_failure not in _ON_FAILURE:
            raise GraphDefinitionError(
                f"on_failure is {self.on_failure!r}; it must be one of {', '.join(_ON_FAILURE)}."
            )
        allowed = {
            None: None,
            "activity": None,
            "local": _ACTIVITY_ONLY,
            "workflow": tuple(f.name for f in fields(self) if f.name not in _ANYWHERE),
        }[self.execution]
        conflicting = [name for name in allowed or () if getattr(self, name) is not None]
        if conflicting:
            raise GraphDefinitionError(
                f"{', '.join(conflicting)} cannot be given with execution={self.execution!r}; leave it out, or use "
                "execution='activity'."
            )

    def _check_types(self) -> None:
        for name in ("task_queue", "summary"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value):
                raise GraphDefinitionError(f"{name} is {value!r}; it must be a text.")
        # By name, because this module does not load temporalio.
        for name, type_ in (("retry_policy", "RetryPolicy"), ("priority", "Priority")):
            value = getattr(self, name)
            if value is not None and type_ not in {cls.__name__ for cls in type(value).__mro__}:
                raise GraphDefinitionError(f"{name} is {value!r}; it must be a temporalio.common.{type_}(...).")

    @staticmethod
    def _check_timeout(name: str, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, timedelta):
            raise GraphDefinitionError(f"{name} is {value!r}; it must be a timedelta, such as timedelta(minutes=5).")
        if value <= timedelta(0):
            raise GraphDefinitionError(f"{name} is {value!r}; it must be longer than nothing.")

    def over(self, below: NodeOptions) -> NodeOptions:
        """These options, with what they leave out taken from others.

        An option of the others that does not go with this `execution` is left out.
        """
        merged: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        execution = self.execution or below.execution or "activity"
        for f in fields(self):
            if merged[f.name] is None and f.name not in _EXCLUDED[execution]:
                merged[f.name] = getattr(below, f.name)
        merged["execution"] = execution
        return NodeOptions(**merged)


_EXCLUDED: dict[str, frozenset[str]] = {
    "activity": frozenset(),
    "local": frozenset(_ACTIVITY_ONLY),
    "workflow": frozenset(f.name for f in fields(NodeOptions) if f.name not in _ANYWHERE),
}
