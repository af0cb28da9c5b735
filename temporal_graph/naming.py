"""What a graph may be called, and the name of one that was given none: that of a variable."""

from __future__ import annotations

import dis
from collections.abc import Iterable
from types import FrameType
from typing import Any

from .errors import GraphDefinitionError

MOST_BYTES = 1000
"""Of UTF-8, in a workflow type and in an activity type (`limit.maxIDLength`): a server retries longer ones for ever."""

RESERVED = "temporal_graph."
"""How the types of this package's own workflows and activities begin."""


def checked_name(name: Any, node_ids: Iterable[Any] = ()) -> str:
    """A graph's name, if runs and nodes can be called by it.

    Args:
        name: The name.
        node_ids: The ids of the graph's steps.

    Raises:
        GraphDefinitionError: The name, a node's id, or both together cannot be used.
    """
    name = _checked("The graph's name", name, "name='refund'")
    if name.startswith(RESERVED):
        raise GraphDefinitionError(
            f"The graph's name is {_quoted(name)}; names that begin with {RESERVED!r} are this package's own."
        )
    if _bytes(name) > MOST_BYTES:
        raise GraphDefinitionError(
            f"The graph's name is {_quoted(name)}, of {_bytes(name)} bytes. It is the Temporal workflow type of its "
            f"runs, which takes {MOST_BYTES}; give a shorter one, such as name='refund'."
        )
    for node_id in node_ids:
        full = f"{name}.{_checked('The id of a node', node_id, repr('review'))}"
        if _bytes(full) > MOST_BYTES:
            raise GraphDefinitionError(
                f"Node {_quoted(node_id)} of graph {_quoted(name)} runs as an activity named '{{graph}}.{{node}}', "
                f"which takes {MOST_BYTES} bytes, and these are {_bytes(full)}. Give the graph or the node a shorter "
                "name."
            )
    return name


def _checked(what: str, name: Any, example: str) -> str:
    if not isinstance(name, str):
        raise GraphDefinitionError(f"{what} is {name!r}; it must be a text, such as {example}.")
    if not name.isprintable() or name != name.strip():
        raise GraphDefinitionError(
            f"{what} is {_quoted(name)}; it must be one line of characters that can be printed, without space around "
            f"them, such as {example}."
        )
    return str.__str__(name)  # of an enum's member, its value


def _bytes(text: str) -> int:
    return len(text.encode())


def _quoted(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:50]!r}..."


def assigned_name(frame: FrameType) -> str | None:
    """The variable that the result of the call which a frame is in the middle of is assigned to.

    Args:
        frame: The caller's frame.

    Returns:
        Its name; None where the result goes elsewhere.
    """
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset > frame.f_lasti:
            is_assigned = instruction.opname in ("STORE_NAME", "STORE_GLOBAL", "STORE_FAST", "STORE_DEREF")
            return str(instruction.argval) if is_assigned else None
    return None
