"""What clients send to a run, read from JSON by hand: nothing that comes over the wire may fail or wedge a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import cast

from temporalio.common import RawValue

from ..codec.text import compact, members
from ..engine.events import clipped
from ..engine.questions import Answer, Refused
from ..engine.state import Json
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
    """

    inputs: str | None = None
    state: str | None = None
    start_node: tuple[str, str] | None = None
    snapshot: str | None = None
    answer_id: str | None = None


_START_FIELDS = tuple(field.name for field in fields(StartMessage))
_ANSWER_FIELDS = tuple(field.name for field in fields(Answer))


def read_start(args: Sequence[RawValue]) -> StartMessage:
    """Read the argument of a workflow.

    Raises:
        StartError: It is not what a run is started with.
    """
    if len(args) > 1:
        raise StartError(f"A run takes one argument, an object with {_listed(_START_FIELDS[:3])}; it got {len(args)}.")
    try:
        text = from_raw(args[0]) if args else "null"
        found = {} if text.strip() == "null" else members(text)
        unknown = [name for name in found if name not in _START_FIELDS]
        if unknown:
            raise ValueError(f"{_listed(unknown)} is not among {_listed(_START_FIELDS[:3])}")
        node = _start_node(found.get("start_node", "null"))
        answer_id = json.loads(found.get("answer_id", "null"))
    except (ValueError, RecursionError) as error:
        raise StartError(f"A run takes an object with {_listed(_START_FIELDS[:3])}, each optional: {error}.") from error
    given = {name: None if found.get(name) == "null" else found.get(name) for name in ("inputs", "state", "snapshot")}
    return StartMessage(**given, start_node=node, answer_id=answer_id if isinstance(answer_id, str) else None)


def _start_node(text: str) -> tuple[str, str] | None:
    if text == "null":
        return None
    found = members(text)
    node_id = json.loads(found.get("node_id", "null"))
    if not isinstance(node_id, str):
        raise ValueError('start_node must be {"node_id": "...", "data": {...}}')
    return node_id, found.get("data", "{}")


def read_answer(args: Sequence[RawValue]) -> Answer | None:
    """Read the argument of `resume` or `proceed`.

    Returns:
        The answer; None for nothing, or null.

    Raises:
        Refused: It is no answer.
    """
    if not args:
        return None
    try:
        if len(args) > 1:
            raise ValueError(f"one argument is taken, and {len(args)} were sent")
        data: Json = json.loads(from_raw(args[0]))
        if data is None:
            return None
        compact(data).encode()  # half of a surrogate pair is no text
        if not isinstance(data, dict):
            raise ValueError(f"it is {_shown(data)}")
        sent = cast("dict[str, Json]", data)
        unknown = [name for name in sent if name not in _ANSWER_FIELDS]
        if unknown:
            raise ValueError(f"{_shown(unknown)} is not among its fields")
        for name, kind in (
            ("interrupt_id", str),
            ("actor", str),
            ("answer_id", str),
            ("state_update", dict),
            ("goto", dict),
        ):
            if sent.get(name) is not None and not isinstance(sent[name], kind):
                raise ValueError(f"{name} is {_shown(sent[name])}")
    except (ValueError, RecursionError) as error:
        message = f"An answer is an object with {_listed(_ANSWER_FIELDS)}: {error}."
        raise Refused("invalid", message, [{"loc": [], "msg": message, "type": "answer"}]) from error
    return Answer(**sent)


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
