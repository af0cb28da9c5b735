"""What clients send to a run, read from JSON by hand: nothing that comes over the wire may fail or wedge a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, cast

from temporalio.common import RawValue

from ..codec.text import compact, members
from ..compile.policies import KeptPolicies
from ..compile.shape import Shape
from ..engine.breakpoints import Breakpoints
from ..engine.events import clipped
from ..engine.questions import Answer, Refused, check_names, to_answer
from ..engine.state import Json
from ..starting import digest
from .payloads import from_raw


class StartError(ValueError):
    """A run was started with something that is no start message."""


@dataclass(frozen=True, slots=True)
class StartMessage:
    """What a run is started with; the values as JSON text.

    Attributes:
        inputs: The inputs; None where nothing was given.
        state: The first state.
        start_node: The node to begin at, and its fields.
        snapshot: What a run that continues as new goes on from.
        answer_id: An answer with this id is this very start.
        breakpoints: Where the run is to stop for people; None for where its graph says.
        stream: The latest events, which go along when a run continues as new.
        given: What it was first started with; see `starting.digest`.
        fork: The run begins as a copy of another one, with its snapshot and with changes to its state: `(changes,)`.
        unsent: The notifications that were on their way when the run continued as new.
        policies: How it asks, whatever a later release of the graph says; None for as this worker's graph says.
        graph: What the graph looked like that it began with; None where nobody said.
        slip: What is wrong with it, and was taken in silence by earlier releases.
    """

    inputs: str | None = None
    state: str | None = None
    start_node: tuple[str, str] | None = None
    snapshot: str | None = None
    answer_id: str | None = None
    breakpoints: Breakpoints | None = None
    stream: Json = None
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    fork: tuple[Json] | None = None
    unsent: Sequence[dict[str, Json]] = ()
    policies: KeptPolicies | None = None
    graph: Shape | None = None
    slip: str | None = None


@dataclass(frozen=True, slots=True)
class Reassignment:
    """Who is to be asked instead.

    Attributes:
        to: Their names; empty for anybody.
        interrupt_id: The question; None for the only one.
        actor: Who says so.
    """

    to: list[str]
    interrupt_id: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """How much longer a question is to wait.

    Attributes:
        by: How many seconds longer, by its calendar; or
        until: until when, ISO 8601 with time zone.
        interrupt_id: The question; None for the only one.
        actor: Who says so.
    """

    by: float | None = None
    until: str | None = None
    interrupt_id: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class StateUpdate:
    """What a person changes in the state.

    Attributes:
        values: The fields, with their new values.
        expected_version: The version of the state that the person saw; None for any.
        actor: Who they are.
    """

    values: Json
    expected_version: int | None = None
    actor: str | None = None


_START_FIELDS = (
    "inputs",
    "state",
    "start_node",
    "interrupt_before",
    "interrupt_after",
    "snapshot",
    "answer_id",
    "stream",
    "fork",
    "given",
    "unsent",
    "policies",
    "graph",
)
_NOTHING_GIVEN = {"inputs": "null", "state": "null", "start_node": "null"}
LONGEST_EXTENSION = 100 * 366 * 24 * 3600
"""Seconds; with many more, a moment would be none."""
_ANSWER_FIELDS = tuple(field.name for field in fields(Answer) if field.name != "has_value")


def read_start(args: Sequence[RawValue]) -> StartMessage:
    """Read the argument of a workflow.

    Raises:
        StartError: It is not what a run is started with.
    """
    if len(args) > 1:
        raise StartError(f"A run takes one argument, an object with {_START_SHOWN}; it got {len(args)}.")
    try:
        text = from_raw(args[0]) if args else "null"
        found = {} if text.strip() == "null" else members(text)
        unknown = [name for name in found if name not in _START_FIELDS]
        if unknown:
            raise ValueError(f"{_listed(unknown)} is not among {_START_SHOWN}")
        node = _start_node(found.get("start_node", "null"))
        answer_id = json.loads(found.get("answer_id", "null"))
        policies = _policies(found.get("policies", "null"))
        fork = _fields(json.loads(found.get("fork", "{}")), ("update",), {"update": dict})
        stops = {name: json.loads(found.get(f"interrupt_{name}", "null")) for name in ("before", "after")}
        breakpoints = None
        if stops["before"] is not None or stops["after"] is not None:
            breakpoints = Breakpoints(
                tuple(_names("interrupt_before", stops["before"]) or ()),
                tuple(_names("interrupt_after", stops["after"]) or ()),
            )
    except (ValueError, RecursionError) as error:
        raise StartError(f"A run takes an object with {_START_SHOWN}, each optional: {error}.") from error
    texts = {name: None if found.get(name) == "null" else found.get(name) for name in ("inputs", "state", "snapshot")}
    is_first = texts["snapshot"] is None
    return StartMessage(
        **texts,
        given=digest({**_NOTHING_GIVEN, **found}) if is_first else _digests(json.loads(found.get("given", "null"))),
        start_node=node,
        answer_id=answer_id if isinstance(answer_id, str) else None,
        breakpoints=breakpoints,
        stream=json.loads(found.get("stream", "null")),
        fork=(fork.get("update"),) if "fork" in found else None,
        unsent=_unsent(json.loads(found.get("unsent", "null"))),
        policies=policies,
        graph=Shape.load(json.loads(found.get("graph", "null"))),
        slip=_slip(found.get("start_node", "null")),
    )


def _slip(start_node: str) -> str | None:
    unknown = [] if start_node == "null" else [name for name in members(start_node) if name not in ("node_id", "data")]
    return f"{_listed(unknown)} is not among 'node_id', 'data' of start_node." if unknown else None


def _policies(text: str) -> KeptPolicies | None:
    try:
        return None if text == "null" else KeptPolicies(json.loads(text))
    except (TypeError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"policies is {clipped(text, 200)}, which cannot be read: {error}") from error


def _unsent(data: Json) -> list[dict[str, Json]]:
    items = cast("list[Json]", data) if isinstance(data, list) else []
    return [item for item in items if isinstance(item, dict) and isinstance(cast("Any", item).get("id"), str)]


def _start_node(text: str) -> tuple[str, str] | None:
    if text == "null":
        return None
    found = members(text)
    node_id = json.loads(found.get("node_id", "null"))
    if not isinstance(node_id, str):
        raise ValueError('start_node must be {"node_id": "...", "data": {...}}')
    return node_id, found.get("data", "{}")


def read_answer(args: Sequence[RawValue]) -> Answer | None:
    """Read the argument of `resume`.

    Returns:
        The answer; None for nothing, or null.

    Raises:
        Refused: It is no answer.
    """
    try:
        data = _argument(args)
        return None if data is None else _answer(data)
    except (ValueError, RecursionError) as error:
        raise _invalid("answer", f"An answer is an object with {_listed(_ANSWER_FIELDS)}: {error}.") from error


def read_proceed(args: Sequence[RawValue]) -> tuple[Answer | None, Mapping[str, str]]:
    """Read the argument of `proceed`.

    Returns:
        The answer, if there is one; and what the sender would start a new run with, if that was sent.

    Raises:
        Refused: It is neither.
    """
    try:
        data = _argument(args)
        given: Mapping[str, str] = {}
        if isinstance(data, dict) and "given" in data:
            sent = cast("dict[str, Json]", data)
            given = _digests(sent.pop("given"))
            data = sent or None
        return None if data is None else _answer(data), given
    except (ValueError, RecursionError) as error:
        raise _invalid("answer", f"An answer is an object with {_listed(_ANSWER_FIELDS)}: {error}.") from error


def _digests(data: Json) -> dict[str, str]:
    if not isinstance(data, dict):
        return {}
    found = cast("dict[str, Json]", data)
    return {name: said for name, said in found.items() if isinstance(said, str)}


def read_answers(args: Sequence[RawValue]) -> list[Answer]:
    """Read the argument of `resume_all`.

    Raises:
        Refused: It is no list of answers, or an empty one.
    """
    try:
        data = _argument(args)
        if not isinstance(data, list) or not data:
            raise ValueError(f"it is {_shown(data)}")
        return [_answer(item) for item in cast("list[Json]", data)]
    except (ValueError, RecursionError) as error:
        message = f"resume_all takes a list of answers, each an object with {_listed(_ANSWER_FIELDS)}: {error}."
        raise _invalid("answers", message) from error


def _answer(data: Json) -> Answer:
    kinds = {"interrupt_id": str, "actor": str, "answer_id": str, "comment": str}
    kinds |= {"state_update": dict, "goto": dict}
    return to_answer(_fields(data, _ANSWER_FIELDS, kinds))


def read_update(args: Sequence[RawValue]) -> StateUpdate:
    """Read the argument of `update_state`.

    Raises:
        Refused: It is none.
    """
    names = tuple(field.name for field in fields(StateUpdate))
    try:
        sent = _fields(_argument(args), names, {"values": dict, "expected_version": int, "actor": str})
        if sent.get("values") is None:
            raise ValueError("it has no values")
        return StateUpdate(**sent)
    except (ValueError, RecursionError) as error:
        raise _invalid("update", f"A change of the state is an object with {_listed(names)}: {error}.") from error


def read_breakpoints(args: Sequence[RawValue]) -> dict[str, Sequence[str] | None]:
    """Read the argument of `set_breakpoints`.

    Raises:
        Refused: It is none.
    """
    try:
        sent = _fields(_argument(args), ("before", "after"), {})
        return {name: _names(name, sent.get(name)) for name in ("before", "after")}
    except (ValueError, RecursionError) as error:
        message = f"Breakpoints are an object with 'before' and 'after', each a list of node ids or null: {error}."
        raise _invalid("breakpoints", message) from error


def read_reassign(args: Sequence[RawValue]) -> Reassignment:
    """Read the argument of `reassign`.

    Raises:
        Refused: It is none.
    """
    names = tuple(field.name for field in fields(Reassignment))
    try:
        sent = _fields(_argument(args), names, {"interrupt_id": str, "actor": str})
        to = _names("to", sent.get("to"), "names, each once")
        if to is None or not all(to) or len(set(to)) < len(to):
            raise ValueError(f"to is {_shown(sent.get('to'))}; it must be a list of names, each once")
        return Reassignment(to, sent.get("interrupt_id"), sent.get("actor"))
    except (ValueError, RecursionError) as error:
        raise _invalid("reassign", f"reassign takes an object with {_listed(names)}: {error}.") from error


def read_extend(args: Sequence[RawValue]) -> Extension:
    """Read the argument of `extend`.

    Raises:
        Refused: It is none.
    """
    names = tuple(field.name for field in fields(Extension))
    try:
        sent = _fields(_argument(args), names, {"interrupt_id": str, "actor": str, "until": str, "by": int | float})
        by, until = sent.get("by"), sent.get("until")
        if (by is None) == (until is None):
            raise ValueError("it needs one of 'by' and 'until'")
        if by is not None and not 0 < by < LONGEST_EXTENSION:
            raise ValueError(f"by is {_shown(by)}; it must be a number of seconds, more than 0")
        if until is not None:
            at = datetime.fromisoformat(until)
            if at.utcoffset() is None:
                raise ValueError(f"until is {_shown(until)}, which has no time zone")
            sent["until"] = at.astimezone(UTC).isoformat()
        return Extension(**sent)
    except (ValueError, RecursionError, OverflowError) as error:
        raise _invalid("extend", f"extend takes an object with {_listed(names)}: {error}.") from error


def check_sent(sent: Any) -> None:
    """Look whether the names in what somebody sends are short enough to be kept.

    Raises:
        Refused: They are not.
    """
    for item in cast("list[Any]", sent) if isinstance(sent, list) else [sent]:
        names = {name: getattr(item, name, None) for name in ("actor", "answer_id", "to")}
        check_names(**{name: value for name, value in names.items() if value is not None})


def read_nothing(args: Sequence[RawValue]) -> None:
    """Read the argument of what takes none; whatever is sent does no harm."""


def _names(place: str, value: Json, what: str = "node ids") -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return [value]
    items = cast("list[Json]", value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{place} is {_shown(value)}; it must be a list of {what}")
    return items


def _argument(args: Sequence[RawValue]) -> Json:
    if not args:
        return None
    if len(args) > 1:
        raise ValueError(f"one argument is taken, and {len(args)} were sent")
    data: Json = json.loads(from_raw(args[0]))
    compact(data).encode()  # half of a surrogate pair is no text
    return data


def _fields(data: Json, names: Sequence[str], kinds: Mapping[str, Any]) -> dict[str, Json]:
    if not isinstance(data, dict):
        raise ValueError(f"it is {_shown(data)}")
    sent = cast("dict[str, Json]", data)
    unknown = [name for name in sent if name not in names]
    if unknown:
        raise ValueError(f"{_shown(unknown)} is not among its fields")
    for name, kind in kinds.items():
        value = sent.get(name)
        if value is None or type(value) is kind:
            continue  # mostly: in the sandbox of a workflow isinstance takes longer than all of this
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{name} is {_shown(value)}")
    return sent


def _invalid(type_: str, message: str) -> Refused:
    return Refused("invalid", message, [{"loc": [], "msg": message, "type": type_}])


def shown(args: Sequence[RawValue]) -> Json:
    """What was sent, as far as it can be shown."""
    try:
        texts = [from_raw(arg) for arg in args]
    except ValueError as error:
        return str(error)
    text = ", ".join(texts)
    if len(text) > 2_000:
        return text[:2_000] + "..."
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(value: Json) -> str:
    return clipped(repr(value), 200)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


_START_SHOWN = _listed(_START_FIELDS[:5])  # the others are between runs
