"""How the questions of a graph are asked: its policies, checked, and made into plain data when a question opens."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic_graph import StepContext

from ..calendars import Calendar
from ..codec import ValueCodec
from ..codec.text import compact
from ..commands import NOTHING, Command
from ..engine.policies import Policy
from ..engine.state import Json
from ..errors import GraphDefinitionError, GraphInputError
from ..interrupts import InterruptNode
from ..policies import Every, InterruptPolicy, names_of
from .targets import dump_command, to_json


def own_method(node_type: type[Any], name: str) -> Any:
    """A method of an interrupt node that says how it asks; None where it has none, or a field of that name."""
    found = inspect.getattr_static(node_type, name, None)
    return found if inspect.isfunction(found) and issubclass(node_type, InterruptNode) else None


def own_policy(node_type: type[Any]) -> InterruptPolicy | None:
    """The policy of an interrupt node.

    Raises:
        GraphDefinitionError: It has one that is none.
    """
    found = inspect.getattr_static(node_type, "policy", None)
    if found is None or not issubclass(node_type, InterruptNode) or "policy" in _fields_of(node_type):
        return None
    if not isinstance(found, InterruptPolicy):
        raise GraphDefinitionError(
            f"The policy of node {node_type.__name__!r} is {found!r}; it must be an InterruptPolicy(...)."
        )
    return found


def _fields_of(node_type: Any) -> Mapping[str, Any]:
    return getattr(node_type, "model_fields", None) or getattr(node_type, "__dataclass_fields__", {})


def check_methods(node_type: type[Any]) -> None:
    """Look whether the methods that say how a node asks can be called.

    Raises:
        GraphDefinitionError: They cannot.
    """
    name = node_type.__name__
    for method, is_async in (("prompt", True), ("validate_answer", False)):
        function = own_method(node_type, method)
        if function is None:
            continue
        if inspect.iscoroutinefunction(function) != is_async:
            raise GraphDefinitionError(
                f"{name}.{method} must be {'an async' if is_async else 'a plain'} function: "
                f"{'async def' if is_async else 'def'} {method}(self, ctx)."
                + ("" if is_async else " It runs in the driver, and must be pure; what needs I/O goes into run().")
            )
        try:
            inspect.signature(function).bind(None, None)
        except TypeError as error:
            raise GraphDefinitionError(f"{name}.{method} must take (self, ctx): {error}.") from error


class Policies:
    """How questions are asked at the nodes of a graph.

    Args:
        graph: The graph's name.
        targets: What each node takes, and the end.
        own: The policies that interrupt nodes have themselves.

    Raises:
        GraphDefinitionError: What one of them does after its time-out cannot be done.
    """

    def __init__(self, graph: str, targets: Mapping[str, ValueCodec], own: Mapping[str, InterruptPolicy]) -> None:
        self._graph = graph
        self._targets = targets
        self._own = own
        self._others: Mapping[str, InterruptPolicy] = {}
        self._fixed: dict[int, dict[str, Json]] = {}
        self._check(own)

    def follow(self, others: Mapping[str, InterruptPolicy]) -> None:
        """Note the policies for whatever else is asked at a node, by its id.

        Raises:
            GraphDefinitionError: What one of them does after its time-out cannot be done.
        """
        self._check(others)
        self._others = others

    def _check(self, policies: Mapping[str, InterruptPolicy]) -> None:
        for node_id, policy in policies.items():
            try:
                self._dump_end(policy)
            except GraphInputError as error:
                raise GraphDefinitionError(f"The policy of node {node_id!r}, on_timeout: {error}") from error

    def of(self, node_id: str, kind: str) -> InterruptPolicy | None:
        """The policy for a kind of question at a node."""
        own = self._own.get(node_id) if kind == "node" else None
        return own or self._others.get(node_id)

    def dump(self, policy: InterruptPolicy, context: StepContext[Any, Any, Any]) -> dict[str, Json]:
        """A policy as the engine's plain data: `Policy.dump`.

        Raises:
            GraphInputError: What it does after its time-out cannot be done.
            GraphDefinitionError: The people whom its functions found are none, or too few.
        """
        is_fixed = not policy.is_found_out
        if is_fixed and id(policy) in self._fixed:
            return self._fixed[id(policy)]
        assignees = names_of("assignees", policy.assignees, context)
        not_by = names_of("not_by", policy.not_by, context)
        policy.check_names(assignees, not_by)
        limit, reminders = policy.timeout, policy.reminders
        made = Policy(
            assignees=assignees,
            only_assignees=policy.only_assignees,
            timeout=limit.astimezone(UTC).isoformat() if isinstance(limit, datetime) else _seconds(limit),
            on_timeout=self._dump_end(policy),
            every=_seconds(reminders.interval) if isinstance(reminders, Every) else None,
            reminders=() if isinstance(reminders, Every) else tuple(each.total_seconds() for each in reminders),
            escalations=tuple((item.after.total_seconds(), tuple(item.to)) for item in policy.escalations),
            calendar=None if policy.calendar is None else policy.calendar.dump(),
            quorum=policy.quorum,
            reject_ends=() if policy.reject_ends is NOTHING else (to_json("reject_ends", policy.reject_ends),),
            not_by=not_by,
        ).dump()
        if is_fixed and any(policy is kept for kept in (*self._own.values(), *self._others.values())):
            self._fixed[id(policy)] = made  # which lives as long as this does, so that nothing else has its id
        return made

    def _dump_end(self, policy: InterruptPolicy) -> dict[str, Json] | None:
        if isinstance(policy.on_timeout, Command):
            return dump_command(self._graph, self._targets, policy.on_timeout)
        return None


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def after(calendar: Json, since: str, seconds: float) -> str:
    """See `temporal_graph.engine.functions.Functions.after`."""
    moment, duration = datetime.fromisoformat(since), timedelta(seconds=seconds)
    if calendar is None:
        return (moment.astimezone(UTC) + duration).isoformat()
    return _calendar(compact(calendar)).after(moment, duration).isoformat()


@lru_cache(maxsize=100)
def _calendar(text: str) -> Calendar:
    return Calendar.load(json.loads(text))
