"""What callers send to a run, as JSON: answers, commands, changes of the state; and what they ask it for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_jsonable_python
from pydantic_graph import BaseNode, End

from .codec import EncodeError
from .commands import NOTHING, Command, Send
from .compile import CompiledGraph
from .engine.events import clipped, message_of
from .engine.spec import END
from .engine.state import Json
from .errors import GraphInputError


def answer(
    graph: CompiledGraph, value: Any, interrupt_id: str | None, actor: str | None, answer_id: str
) -> dict[str, Json]:
    """An answer, which may be a `Command`, or `NOTHING` for what takes none.

    Raises:
        GraphInputError: The command leads to no node of the graph, or gives it what it does not take; or something in
            it cannot be written as JSON.
    """
    sent: dict[str, Json] = {
        "interrupt_id": interrupt_id,
        "actor": actor,
        "answer_id": answer_id,
    }
    for name, text in sent.items():
        if not isinstance(text, str | None):
            raise GraphInputError(f"{name} is {_shown(text)}; it must be a text.")
    if isinstance(value, Command):
        command: Command[Any] = value  # pyright: ignore[reportUnknownVariableType]
        if command.resume is NOTHING and command.goto is None and not command.update:
            raise GraphInputError(
                f"{command!r} answers nothing, changes nothing and leads nowhere. Give it resume=... to answer the "
                "open question, update={...} or goto=..."
            )
        if command.resume is not NOTHING:
            sent["value"] = _json("The answer", command.resume)
        if command.update is not None:
            sent["state_update"] = fields(command.update)
        if command.goto is not None:
            sent["goto"] = goto(graph, command.goto)
    elif value is not NOTHING:
        sent["value"] = _json("The answer", value)
    return sent


def answers(graph: CompiledGraph, values: Any, actor: str | None, new_id: Callable[[], str]) -> list[dict[str, Json]]:
    """Several answers, by the ids of their questions.

    Raises:
        GraphInputError: There are none; or one of them cannot be written as JSON.
    """
    if not isinstance(values, Mapping) or not values:
        raise GraphInputError(f"resume_all() takes answers by the ids of their questions, and not {_shown(values)}.")
    return [answer(graph, value, str(name), actor, new_id()) for name, value in values.items()]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def fields(update: Any) -> dict[str, Json]:
    """Fields of the state, with their new values.

    Raises:
        GraphInputError: It is no mapping; or one of them cannot be written as JSON.
    """
    if not isinstance(update, Mapping):
        raise GraphInputError(
            f"A change of the state is a mapping from fields to new values, and not {_shown(update)}."
        )
    return {str(name): _json(f"The new value of {str(name)!r}", value) for name, value in update.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def conditions(expected_version: Any, actor: Any) -> dict[str, Json]:
    """The version of the state that a change is for, and who makes it.

    Raises:
        GraphInputError: They are none.
    """
    if not isinstance(expected_version, int | None) or isinstance(expected_version, bool):
        raise GraphInputError(f"expected_version is {_shown(expected_version)}; it takes the `version` of a state.")
    if not isinstance(actor, str | None):
        raise GraphInputError(f"actor is {_shown(actor)}; it must be a text.")
    return {"expected_version": expected_version, "actor": actor}


def goto(graph: CompiledGraph, target: Any) -> dict[str, Json]:
    """Where a run goes on, and what that node gets.

    Raises:
        GraphInputError: There is no such node, or it does not take this.
    """
    if isinstance(target, End):
        return {"node_id": END, "data": _dump(graph, END, target.data)}  # pyright: ignore[reportUnknownMemberType]
    if isinstance(target, BaseNode):
        node_id = target.get_node_id()
        return {"node_id": node_id, "data": _dump(graph, node_id, target)}
    if isinstance(target, type) and issubclass(target, BaseNode):
        return {"node_id": target.get_node_id(), "data": None}
    if isinstance(target, Send):
        return {"node_id": target.node, "data": _dump(graph, target.node, target.arg)}
    if isinstance(target, str):
        _known(graph, target)
        return {"node_id": target, "data": None}
    raise GraphInputError(
        f"goto is {target!r}; it must be a node's id, a node instance, Send(id, input) or End(output)."
    )


def checkpoint_id(given: Any) -> str:
    """The id of the checkpoint from which a caller wants a fork.

    Raises:
        GraphInputError: It is none.
    """
    if not isinstance(given, str):
        raise GraphInputError(
            f"fork() got {_shown(given)}; it takes the checkpoint_id of what history() gives, a text such as '5'."
        )
    return given


def event_number(given: Any) -> int | None:
    """The number of the event after which a caller wants to listen; -1, or None, for all that there are.

    Raises:
        GraphInputError: It is none.
    """
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and given >= -1):
        return given
    raise GraphInputError(
        f"stream(after=...) got {_shown(given)}; it takes the number of an event, after=event.number; the first is "
        "0. Leave it out for all events that there are."
    )


def _dump(graph: CompiledGraph, node_id: str, value: Any) -> Json:
    codec = graph.output if node_id == END else graph.nodes[_known(graph, node_id)].inputs
    try:
        return json.loads(codec.dump(value))
    except EncodeError as error:
        raise GraphInputError(f"{value!r} does not fit node {node_id!r}: {error}") from error


def _known(graph: CompiledGraph, node_id: str) -> str:
    if node_id != END and node_id not in graph.nodes:
        known = ", ".join(repr(known) for known in graph.nodes)
        raise GraphInputError(f"Graph {graph.name!r} has no node {node_id!r} to go to. Its nodes: {known}.")
    return node_id


def _json(what: str, value: Any) -> Json:
    try:
        return to_jsonable_python(value)
    except Exception as error:  # of a class's own code, too
        raise GraphInputError(
            f"{what}, {_shown(value)}, cannot be written as JSON: {message_of(error)}. Give what JSON has, or a "
            "dataclass or a BaseModel of such things."
        ) from error


def _shown(value: Any) -> str:
    try:
        return clipped(repr(value), 200)
    except Exception:
        return f"<{type(value).__name__}>"
