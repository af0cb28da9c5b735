"""Where somebody sends a run: a node or the end, and what it gets there, as JSON."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import to_jsonable_python
from pydantic_graph import BaseNode, End

from ..codec import Codec, EncodeError, ValueCodec, shown
from ..codec.given import as_form
from ..codec.text import compact
from ..codec.written import fields_of
from ..commands import NOTHING, Abort, Command, Retry, Send
from ..engine.events import listed, message_of
from ..engine.spec import END
from ..engine.state import Json
from ..errors import GraphInputError


def dump_goto(graph: str, targets: Mapping[str, ValueCodec], target: Any) -> dict[str, Json]:
    """Where a run goes on, and what that node gets.

    Args:
        graph: The graph's name, for messages.
        targets: What each node takes, and the end.
        target: As in `Command(goto=...)`.

    Raises:
        GraphInputError: There is no such node, or it does not take this.
    """
    data: Any
    if isinstance(target, End):
        return {"node_id": END, "data": _dump(targets[END], END, target.data)}  # pyright: ignore[reportUnknownMemberType]
    if isinstance(target, type) and issubclass(target, BaseNode):
        node_id, data = target.get_node_id(), NOTHING
    elif isinstance(target, BaseNode):
        node_id, data = target.get_node_id(), cast("Any", target)
    elif isinstance(target, Send):
        node_id, data = target.node, target.arg
    elif isinstance(target, str):
        node_id, data = target, NOTHING
    else:
        raise GraphInputError(
            f"goto is {target!r}; it must be a node's id, a node instance, Send(id, input) or End(output)."
        )
    if node_id not in targets:
        known = ", ".join(repr(known) for known in targets if known != END)
        raise GraphInputError(f"Graph {graph!r} has no node {node_id!r} to go to. Its nodes: {known}.")
    return {"node_id": node_id, "data": None if data is NOTHING else _dump(targets[node_id], node_id, data)}


def arriving(codec: ValueCodec, data: Json, *, is_node: bool) -> Any:
    """What a node gets to which a run is sent.

    Args:
        codec: What it takes.
        data: What is brought, None for nothing.
        is_node: Whether it is a `BaseNode`, which is made of nothing then.

    Raises:
        DecodeError: It does not take this.
    """
    return codec.load_python({} if data is None and is_node else data)


def _dump(codec: ValueCodec, node_id: str, value: Any) -> Json:
    try:
        data = codec.dump(value)
    except EncodeError as error:
        raise GraphInputError(f"{shown(value)} does not fit node {node_id!r}: {error}") from error
    if lost := codec.lost(value, data):
        raise GraphInputError(f"{shown(value)} cannot be sent to node {node_id!r}: {listed(lost)}")
    return json.loads(data)


def dump_command(
    graph: str, targets: Mapping[str, ValueCodec], state: ValueCodec | None, command: Command[Any]
) -> dict[str, Json]:
    """The fields of an answer that a command stands for: `value`, `state_update`, `goto`.

    Args:
        graph: The graph's name, for messages.
        targets: What each node takes, and the end.
        state: The type of the state; None where nobody knows.
        command: The command.

    Raises:
        GraphInputError: It leads to no node, does nothing, or something in it cannot be written as JSON.
    """
    sent: dict[str, Json] = {}
    if command.resume is not NOTHING:
        sent["value"] = answer_json(command.resume)
    if command.update is not None:
        sent["state_update"] = dump_fields(state, command.update)
    if command.goto is not None:
        sent["goto"] = dump_goto(graph, targets, command.goto)
    if not any(name in sent for name in ("value", "goto")) and not sent.get("state_update"):
        raise GraphInputError(
            f"{command!r} answers nothing, changes nothing and leads nowhere. Give it resume=... to answer the "
            "open question, update={...} or goto=..."
        )
    return sent


def dump_fields(state: ValueCodec | None, update: Any) -> dict[str, Json]:
    """Fields of the state with new values: as the state has them, or as plain JSON where they are of another type.

    Raises:
        GraphInputError: It is no mapping; or one of them cannot be written as JSON.
    """
    if not isinstance(update, Mapping):
        raise GraphInputError(f"A change of the state is a mapping from fields to new values, and not {shown(update)}.")
    return {str(name): _dump_field(state, str(name), value) for name, value in update.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _dump_field(state: ValueCodec | None, name: str, value: Any) -> Json:
    if state is not None:
        with contextlib.suppress(LookupError):
            return state.dump_field(name, value)
    return to_json(f"The new value of {name!r}", value)


def answer_json(value: Any) -> Json:
    """An answer as JSON.

    Raises:
        GraphInputError: It cannot be written as JSON; or it is an object that its own class would refuse, which another
            class of a union could take for its own.
    """
    try:
        form = as_form(value)
    except Exception:  # of a class's own code, or what is in itself: it is told below
        form = value
    sent = to_json("The answer", form, bytes_mode="base64")  # as its type reads it
    wrong = _wrong_in(value, sent)
    if wrong is not None:
        raise GraphInputError(f"The answer, {shown(value)}, is no {type(value).__name__}: {wrong}.")
    return sent


def _wrong_in(value: Any, sent: Json) -> str | None:
    """What the class of an object finds wrong in it, as it is sent."""
    with contextlib.suppress(Exception):  # of the class's own code; the node says what it thinks of the answer
        if fields_of(value) is not None:
            return listed(_codec(cast("type[Any]", type(value))).wrong(compact(sent))) or None
    return None


@functools.lru_cache(maxsize=256)
def _codec(cls: type[Any]) -> ValueCodec:
    return Codec().of(cls)


def to_json(what: str, value: Any, **how: Any) -> Json:
    """A value as JSON.

    Args:
        what: What it is, for the error.
        value: The value.
        how: See `to_jsonable_python`.

    Raises:
        GraphInputError: It cannot be written as JSON.
    """
    if isinstance(value, type):
        name = value.__name__
        raise GraphInputError(f"{what}: {name} is a class; say {name}({'' if value in (Abort, Retry) else '...'}).")
    try:
        return to_jsonable_python(value, **how)
    except Exception as error:  # of a class's own code, too
        raise GraphInputError(
            f"{what}, {shown(value)}, cannot be written as JSON: {message_of(error)}. Give what JSON has, or a "
            "dataclass or a BaseModel of such things."
        ) from error
