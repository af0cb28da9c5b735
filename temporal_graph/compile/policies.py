"""How the questions of a graph are asked: its policies, checked, and made into plain data when a question opens."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from pydantic_graph import StepContext

from ..codec import DecodeError, ValueCodec
from ..codec.exact import UNSET
from ..codec.text import compact
from ..commands import NOTHING, Abort, Command, Retry, Skip
from ..engine.actions import action_of, read_action
from ..engine.breakpoints import ANY
from ..engine.events import clipped, listed, message_of
from ..engine.functions import Functions
from ..engine.policies import Policy
from ..engine.spec import END
from ..engine.state import Json, Plan
from ..errors import GraphDefinitionError, GraphInputError
from ..interrupts import InterruptNode
from ..policies import Every, InterruptPolicy, People, names_of
from .answers import AnswerForm
from .targets import arriving, dump_command, shown, to_json

if TYPE_CHECKING:
    from ..calendars import Calendar

PEOPLE = ("assignees", "not_by")
"""The fields of a policy for which a function may find people."""
SIDES = ("before", "after")
"""Where breakpoints are, and what their questions are called."""
OWN_RULES = ("value_error", "assertion_error")
"""What the user's own validators say, which may look at other fields."""
GOES_ON = "At a breakpoint any answer lets the run go on"
FoundT = TypeVar("FoundT")


def _find(
    parts: Mapping[str, Mapping[str, FoundT]], node_id: str, kind: str
) -> tuple[tuple[str, str], FoundT] | tuple[None, None]:
    """What is nearest to a kind of question at a node, and where it is: in which part, and under which name."""
    near = {"node": [("own", node_id)], **{side: [(side, node_id), (side, ANY)] for side in SIDES}}
    for part, name in (*near.get(kind, ()), ("others", node_id), ("others", ANY)):
        found = parts[part].get(name)
        if found is not None:
            return (part, name), found
    return None, None


@lru_cache(maxsize=1_000)
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


def check_field(node_type: type[Any]) -> None:
    """Look whether what is meant to be the policy of an interrupt node has become one of its fields.

    Raises:
        GraphDefinitionError: It has.
    """
    field = _fields_of(node_type).get("policy") if issubclass(node_type, InterruptNode) else None
    if field is None:
        return
    is_dataclass = isinstance(field, dataclasses.Field)
    annotation = cast("Any", field).type if is_dataclass else field.annotation
    if isinstance(field.default, InterruptPolicy) or _names_policy(annotation):
        bare = "policy = InterruptPolicy(...), without an annotation, or " if is_dataclass else ""
        raise GraphDefinitionError(
            f"The policy of node {node_type.__name__!r} is annotated, which makes it a field of the node. Write {bare}"
            "policy: ClassVar[InterruptPolicy] = InterruptPolicy(...)."
        )


def _names_policy(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return re.search(rf"\b{InterruptPolicy.__name__}\b", annotation) is not None
    return annotation is InterruptPolicy or any(map(_names_policy, get_args(annotation)))


def _fields_of(node_type: Any) -> Mapping[str, Any]:
    """The fields of a node; not what its class has for all of them, as a `ClassVar`."""
    if dataclasses.is_dataclass(node_type):
        return {field.name: field for field in dataclasses.fields(node_type)}
    return getattr(node_type, "model_fields", None) or {}


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
        forms: What answers to interrupt nodes bring.
        state: The type of the graph's state; None where there is none.
        plan: Its fields.

    Raises:
        GraphDefinitionError: What one of them does after its time-out cannot be done, or what ends a vote never comes.
    """

    def __init__(
        self,
        graph: str,
        targets: Mapping[str, ValueCodec],
        nodes: Collection[str],
        own: Mapping[str, InterruptPolicy],
        forms: Mapping[str, AnswerForm],
        state: ValueCodec | None,
        plan: Plan,
    ) -> None:
        self._graph = graph
        self._targets = targets
        self._nodes = nodes
        self._own = own
        self._parts: dict[str, Mapping[str, InterruptPolicy]] = {"own": own, "others": {}, **{s: {} for s in SIDES}}
        self._forms = forms
        self._state = state
        self._state_fields = _known_fields(state, plan)
        self._fixed: dict[int, dict[str, Json]] = {}
        self._check(own)
        for node_id, policy in own.items():
            self._refuse_ends(policy, [node_id])

    def follow(self, others: Mapping[str, InterruptPolicy], failing: Collection[str], functions: Functions) -> None:
        """Note the policies for whatever else is asked at a node, by its id.

        Args:
            others: The policies.
            failing: The nodes whose failures are questions.
            functions: The graph's functions.

        Raises:
            GraphDefinitionError: What one of them does after its time-out cannot be done, or what ends a vote never
                comes.
        """
        self._check(others)
        for node_id in failing:
            if node_id in others:
                self._check_failure(node_id, others[node_id], functions)
        for policy in {id(policy): policy for policy in others.values()}.values():
            at = [node_id for node_id, found in others.items() if found is policy]
            # At other nodes, and to failures and breakpoints, who knows what is answered.
            if not any(node_id in failing or node_id in self._own for node_id in at):
                self._refuse_ends(policy, at)
        self._parts["others"] = others

    def stop(self, side: str, policies: Mapping[str, InterruptPolicy]) -> None:
        """Note the policies of breakpoints.

        Args:
            side: Where they are: `before` nodes, or `after` them.
            policies: The policies, by node; `*` stands for every node.

        Raises:
            GraphDefinitionError: What one of them does after its time-out cannot be done, or is no answer there; or it
                tells answers apart.
        """
        for name, policy in policies.items():
            what, end = f"The policy of interrupt_{side}[{name!r}]", policy.on_timeout
            try:
                self._dump_end(policy)
            except GraphInputError as error:
                raise GraphDefinitionError(f"{what}, on_timeout: {error}") from error
            if isinstance(end, Command) and isinstance(end.resume, Retry | Skip | Abort):
                raise GraphDefinitionError(
                    f"{what}, on_timeout: {shown(end)} answers the failure of a node. {GOES_ON}; write "
                    "Command(resume=None) for that, Command(goto=...) to lead elsewhere, or 'fail'."
                )
            if policy.reject_ends is not NOTHING:
                raise GraphDefinitionError(
                    f"{what}: reject_ends={shown(policy.reject_ends)} ends the vote, but not the run. {GOES_ON}, this "
                    "one even before the others have answered. Leave it out, or ask with an interrupt node or "
                    "interrupt(), where an answer can be a no."
                )
        self._parts[side] = policies

    def _check(self, policies: Mapping[str, InterruptPolicy]) -> None:
        for node_id, policy in policies.items():
            try:
                end = self._dump_end(policy)
            except GraphInputError as error:
                raise GraphDefinitionError(f"The policy of node {node_id!r}, on_timeout: {error}") from error
            try:
                _dump_ends(policy)
            except GraphInputError as error:
                raise GraphDefinitionError(f"The policy of node {node_id!r}: {error}") from error
            if end is not None and policies.get(node_id) is (self._own.get(node_id) or policy):
                self._check_answer(node_id, policy, end)

    def _check_answer(self, node_id: str, policy: InterruptPolicy, end: Mapping[str, Json]) -> None:
        """Look whether what is done after a time-out answers an interrupt node."""
        form = self._forms.get(node_id)
        value = end.get("value")
        if form is None or ("goto" in end and value is None):
            return
        errors: list[dict[str, Any]]
        try:
            errors = form.errors(value)
        except Exception as error:  # of a validator of the user's
            errors = [{"loc": [], "msg": f"{type(error).__name__}: {message_of(error)}"}]
        if errors:
            brings = ", ".join(f"{name!r}: ..." for name in form.fields)
            raise GraphDefinitionError(
                f"The policy of node {node_id!r}, on_timeout: {shown(policy.on_timeout)} does not answer the node: "
                f"{listed(errors)}. An answer is Command(resume={{{brings}}}); Command(goto=...) leads elsewhere."
            )

    def _check_failure(self, node_id: str, policy: InterruptPolicy, functions: Functions) -> None:
        """Look whether what is done after a time-out answers the failure of a node."""
        end = self._dump_end(policy)
        if end is None or "goto" in end:
            return
        action = action_of(end.get("value"))
        if action is None:
            wrong = "it says neither Retry nor Skip nor Abort"
        else:
            _, errors = read_action(functions, node_id, action, end["value"])
            wrong = listed(errors)
        if wrong:
            takes = [option["properties"]["action"]["const"] for option in functions.failure_schema(node_id)["oneOf"]]
            words = {"retry": "Command(resume=Retry())", "skip": "Command(resume=Skip(output))"}
            valid = [words.get(name, "Command(resume=Abort())") for name in takes]
            raise GraphDefinitionError(
                f"The policy of node {node_id!r}, on_timeout: {shown(policy.on_timeout)} does not answer the failure "
                f"of the node, which on_failure='interrupt' makes a question: {wrong}. Such an answer is "
                f"{', '.join(valid)} or Command(goto=...). What answers the node's other questions goes into policies "
                "of their own: interrupt(..., policy=InterruptPolicy(...)), or policy = InterruptPolicy(...) in an "
                "interrupt node."
            )

    def _refuse_ends(self, policy: InterruptPolicy, node_ids: Collection[str]) -> None:
        """Refuse what is to end a vote, if it certainly is no answer at any of the nodes that vote with it."""
        if policy.reject_ends is NOTHING:
            return
        [pattern] = _dump_ends(policy)
        reasons = [self._never(node_id, pattern) for node_id in node_ids]
        if reasons and all(reasons):
            raise GraphDefinitionError(
                f"The policy of node {next(iter(node_ids))!r}: reject_ends={shown(policy.reject_ends)} can match no "
                f"answer: {reasons[0]}."
            )

    def _never(self, node_id: str, pattern: Json) -> str | None:
        form = self._forms.get(node_id)
        if form is None:
            return None
        try:
            reason = never(pattern, form.errors(pattern))
        except Exception:  # of a validator of the user's
            return None
        brings = ", ".join(f"{name!r}: ..." for name in form.fields)
        return None if reason is None else f"{reason}. An answer to the node is {{{brings}}}"

    def of(self, node_id: str, kind: str) -> InterruptPolicy | None:
        """The policy for a kind of question at a node."""
        return _find(self._parts, node_id, kind)[1]

    def dump(self, policy: InterruptPolicy, context: StepContext[Any, Any, Any]) -> dict[str, Json]:
        """A policy as the engine's plain data: `Policy.dump`.

        Raises:
            GraphInputError: What it does after its time-out cannot be done.
            GraphDefinitionError: What its functions found are no names. That too few of them may answer fails nothing:
                the question says so, and somebody can mend it.
        """
        is_fixed = not policy.is_found_out
        if is_fixed and id(policy) in self._fixed:
            return self._fixed[id(policy)]
        assignees = names_of("assignees", policy.assignees, context)
        not_by = names_of("not_by", policy.not_by, context)
        limit, reminders = policy.timeout, policy.reminders
        rules = Policy(
            assignees=assignees,
            only_assignees=policy.only_assignees,
            timeout=limit.astimezone(UTC).isoformat() if isinstance(limit, datetime) else _seconds(limit),
            on_timeout=self._dump_end(policy),
            every=_seconds(reminders.interval) if isinstance(reminders, Every) else None,
            reminders=() if isinstance(reminders, Every) else tuple(each.total_seconds() for each in reminders),
            escalations=tuple((item.after.total_seconds(), tuple(item.to)) for item in policy.escalations),
            calendar=None if policy.calendar is None else policy.calendar.dump(),
            quorum=policy.quorum,
            reject_ends=_dump_ends(policy),
            not_by=not_by,
        )
        made = _without_barred(rules.dump())
        if is_fixed and any(policy is kept for kept in self._all()):
            self._fixed[id(policy)] = made  # which lives as long as this does, so that nothing else has its id
        return made

    def _all(self) -> list[InterruptPolicy]:
        return [policy for part in self._parts.values() for policy in part.values()]

    def kept(self) -> dict[str, Json]:
        """All policies as JSON, for a run to keep: whatever a later release says, it asks as it did when it began.

        Returns:
            Nothing where there are none; else the policies, as a `list`, and by node which one it is: `own` for
            interrupt nodes, `before` and `after` for breakpoints (where there are some), `others` for whatever else is
            asked there, in which `*` stands for every node. Whom functions find is not in it: `finds` says of which
            fields that is so.
        """
        kept: list[InterruptPolicy] = []
        for policy in self._all():
            if not any(policy is known for known in kept):
                kept.append(policy)
        if not kept:
            return {}

        def number(policy: InterruptPolicy) -> int:
            return next(index for index, known in enumerate(kept) if known is policy)

        parts = {
            part: {name: number(policy) for name, policy in policies.items()} for part, policies in self._parts.items()
        }
        others = parts["others"]
        if len(set(others.values())) == 1 and all(node_id in others for node_id in self._targets if node_id != END):
            parts["others"] = {ANY: next(iter(others.values()))}
        given = {part: numbers for part, numbers in parts.items() if numbers or part not in SIDES}
        return {"list": [self._dump_fixed(policy) for policy in kept], **given}

    def fixed(self, node_id: str, kind: str) -> dict[str, Json] | None:
        """The policy for a kind of question at a node, as a run keeps it."""
        policy = self.of(node_id, kind)
        return None if policy is None else self._dump_fixed(policy)

    def _dump_fixed(self, policy: InterruptPolicy) -> dict[str, Json]:
        finds = [name for name in PEOPLE if callable(getattr(policy, name))]
        fixed = replace(policy, only_assignees=False, **dict.fromkeys(finds, ())) if finds else policy
        data = self.dump(fixed, StepContext(state=None, deps=None, inputs=None))
        if not finds:
            return data
        return {**data, **({"only_assignees": True} if policy.only_assignees else {}), "finds": finds}

    def complete(
        self, kept: KeptPolicies, node_id: str, kind: str, context: Callable[[], StepContext[Any, Any, Any]]
    ) -> dict[str, Json] | None:
        """The policy that a run has kept for a kind of question at a node, with the people whom functions find.

        Raises:
            GraphDefinitionError: They are no names.
        """
        place, found = kept.find(node_id, kind)
        if place is None or found is None:
            return None
        data = {name: value for name, value in found.items() if name != "finds"}
        part, name = place
        # The one that has taken its place; where there is none any more, the one that now goes for such questions.
        now = self._parts[part].get(node_id if part == "others" else name) or self.of(node_id, kind)
        for field in found.get("finds", ()):
            people = cast("Any", getattr(now, field, ()))
            data[field] = list(names_of(field, cast("People", people), context())) if callable(people) else []
        return _without_barred(data)

    def _dump_end(self, policy: InterruptPolicy) -> dict[str, Json] | None:
        if not isinstance(policy.on_timeout, Command):
            return None
        end = dump_command(self._graph, self._targets, self._state, policy.on_timeout)
        update = end.get("state_update")
        if update and self._state is None:
            raise GraphInputError(f"Graph {self._graph!r} has no state_type, so there is no state to update.")
        unknown = [name for name in update or () if self._state_fields and name not in self._state_fields]
        if unknown:
            known = ", ".join(repr(name) for name in self._state_fields)
            names = ", ".join(repr(name) for name in unknown)
            raise GraphInputError(f"The state of graph {self._graph!r} has no field {names}; its fields: {known}.")
        self._check_values(update or {})
        self._check_arrival(end.get("goto"))
        return end

    def _check_values(self, update: Mapping[str, Json]) -> None:
        """Refuse changes of the state whose types are wrong; what a validator says may depend on the rest of it."""
        if self._state is None or not update:
            return
        try:
            self._state.load_python(update)
        except DecodeError as error:
            given = [each for each in error.errors if each["loc"] and each["loc"][0] in update]
            wrong = [each for each in given if each["type"] not in OWN_RULES]
            if wrong:
                raise GraphInputError(
                    f"The state of graph {self._graph!r} cannot take update={shown(update)}: {listed(wrong)}."
                ) from error
        except Exception:  # of a validator of the user's, which is given a part of the state
            return

    def _check_arrival(self, goto: Mapping[str, Json] | None) -> None:
        """Refuse to lead to a node that takes an input, without one."""
        if goto is None or goto["node_id"] == END or goto["data"] is not None:
            return
        node_id = str(goto["node_id"])
        codec = self._targets[node_id]
        is_node = node_id in self._nodes
        try:
            arriving(codec, None, is_node=is_node)
        except DecodeError as error:
            example = f"{node_id}(...)" if is_node else f"Send({node_id!r}, ...)"
            raise GraphInputError(
                f"goto leads to node {node_id!r}, which takes {codec.name}, and brings nothing: "
                f"{listed(error.errors)}. Give it something: goto={example}."
            ) from error


class KeptPolicies:
    """The policies that a run has kept since it began.

    Args:
        data: What `Policies.kept` wrote.

    Attributes:
        data: The same.

    Raises:
        ValueError: It is something else.
    """

    def __init__(self, data: Json) -> None:
        if not isinstance(data, dict):
            raise ValueError(f"policies is {clipped(repr(data), 200)}; it must be an object")
        found = cast("dict[str, Json]", data)
        self.data = found
        self._list: list[dict[str, Json]] = list(found.get("list", ()))
        self._parts: dict[str, dict[str, int]] = {part: dict(found.get(part, {})) for part in ("own", "others", *SIDES)}
        for item in self._list:
            _check_kept(Policy.load({name: value for name, value in item.items() if name != "finds"}))
            if not set(item.get("finds", ())) <= set(PEOPLE):
                raise ValueError(
                    f"finds in policies is {clipped(repr(item['finds']), 200)}; it may name {', '.join(PEOPLE)}"
                )
        for number in (number for numbers in self._parts.values() for number in numbers.values()):
            self._list[number]
        self._found: dict[tuple[str, str], tuple[tuple[str, str], dict[str, Json]] | tuple[None, None]] = {}

    def find(self, node_id: str, kind: str) -> tuple[tuple[str, str], dict[str, Json]] | tuple[None, None]:
        """The policy for a kind of question at a node, and where it is; looked for once, for thousands may be asked."""
        found = self._found.get((node_id, kind))
        if found is None:
            place, number = _find(self._parts, node_id, kind)
            found = (None, None) if place is None or number is None else (place, self._list[number])
            self._found[node_id, kind] = found
        return found


def _check_kept(policy: Policy) -> None:
    """Look whether a run can ask like this; what a calendar or a schedule makes of it fails the run by itself.

    Raises:
        ValueError: It cannot.
    """
    names: list[Any] = [*policy.assignees, *policy.not_by, *(name for _, to in policy.escalations for name in to)]
    end: dict[str, Json] = {} if policy.on_timeout is None else policy.on_timeout
    parts: dict[str, bool] = {
        "quorum": isinstance(policy.quorum, int) and policy.quorum >= 1,  # pyright: ignore[reportUnnecessaryIsInstance]
        "only_assignees": isinstance(policy.only_assignees, bool),  # pyright: ignore[reportUnnecessaryIsInstance]
        "a name": all(isinstance(name, str) for name in names),
        "on_timeout": isinstance(end, dict)  # pyright: ignore[reportUnnecessaryIsInstance]
        and end.keys() <= {"value", "state_update", "goto"}
        and all(isinstance(end.get(name, {}), dict) for name in ("state_update", "goto")),
    }
    wrong = [name for name, fits in parts.items() if not fits]
    if wrong:
        raise ValueError(f"{wrong[0]} in policies is not what it must be: {clipped(repr(policy), 200)}")


def _known_fields(state: ValueCodec | None, plan: Plan) -> tuple[str, ...]:
    """The fields of a state; none where it may have others, too."""
    if state is None or plan.tags or plan.each is not None:
        return ()
    config: Any = getattr(state.type, "model_config", None) or getattr(state.type, "__pydantic_config__", None) or {}
    return () if config.get("extra") == "allow" else tuple(str(name) for name in plan.fields if name != UNSET)


def _without_barred(data: dict[str, Json]) -> dict[str, Json]:
    """A policy that asks nobody who may not answer: of a whole team, the others."""
    barred = data.get("not_by", ())
    if any(name in barred for name in data.get("assignees", ())):
        return {**data, "assignees": [name for name in data["assignees"] if name not in barred]}
    return data


def never(pattern: Json, errors: list[dict[str, Any]]) -> str | None:
    """Why no answer matches a pattern; None where one may.

    Args:
        pattern: The pattern: an answer is equal, or an object that has equal fields.
        errors: What is wrong with the pattern, taken as an answer.
    """
    told = [error for error in errors if _is_certain(pattern, error["loc"], error["type"])]
    return listed(told) or None


def _is_certain(pattern: Json, loc: list[Any], kind: str) -> bool:
    """Whether something that is wrong with a pattern is wrong with every answer that matches it."""
    if kind in OWN_RULES:
        return False
    if not loc:
        return not isinstance(pattern, dict | list) or kind.endswith("_type")
    if len(loc) > 1 or not isinstance(pattern, dict) or loc[0] not in pattern:
        return False
    value = cast("dict[str, Json]", pattern)[loc[0]]
    return kind == "extra_forbidden" or value is None or isinstance(value, str | bool)


def _dump_ends(policy: InterruptPolicy) -> tuple[Json, ...]:
    return () if policy.reject_ends is NOTHING else (to_json("reject_ends", policy.reject_ends),)


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
    from ..calendars import Calendar  # see InterruptPolicy

    return Calendar.load(json.loads(text))
