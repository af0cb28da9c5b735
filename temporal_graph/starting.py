"""The beginning of a run: what the caller gives, as JSON and back, checked on both sides."""

from __future__ import annotations

import json
from typing import Any

from pydantic_graph import BaseNode

from .codec import DecodeError, EncodeError, ValueCodec
from .compile import CompiledGraph
from .engine.events import Encoded, Start
from .engine.state import Json
from .errors import GraphInputError


def dump_start(graph: CompiledGraph, from_node: Any, inputs: Any, state: Any) -> dict[str, str | None]:
    """What a caller gives, as JSON texts by field of the start message.

    Raises:
        GraphInputError: It is not what the graph declares.
    """
    if from_node is not None and inputs is not None:
        raise GraphInputError("A run starts at a node or with inputs; it got both from_node and inputs.")
    message: dict[str, str | None] = {"inputs": None, "state": None, "start_node": None}
    if from_node is not None:
        node_id = _node_id(graph, from_node)
        data = _dump(graph.nodes[node_id].inputs, from_node, f"node {node_id!r} of graph {graph.name!r}")
        message["start_node"] = f'{{"node_id":{json.dumps(node_id)},"data":{data}}}'
    else:
        message["inputs"] = _dump(graph.inputs, inputs, f"the inputs of graph {graph.name!r}")
    if state is not None:
        if graph.state is None:
            raise GraphInputError(f"Graph {graph.name!r} has no state_type, so it takes no state; it got {state!r}.")
        message["state"] = _dump(graph.state, state, f"the state of graph {graph.name!r}")
    # What would fail in the run is to fail here.
    load_start(graph, message["inputs"], message["state"], (node_id, data) if from_node is not None else None)  # pyright: ignore[reportPossiblyUnboundVariable]
    return message


def load_start(
    graph: CompiledGraph, inputs: str | None, state: str | None, start_node: tuple[str, str] | None
) -> Start:
    """The engine's first event, from JSON texts that may come from anybody.

    Raises:
        GraphInputError: They do not fit the graph.
    """
    first_state = _load_state(graph, state)
    if start_node is None:
        return Start(_encoded(graph.inputs, inputs or "null", f"the inputs of graph {graph.name!r}"), first_state)
    node_id, data = start_node
    code = graph.nodes.get(node_id)
    if code is None:
        known = ", ".join(repr(known) for known in graph.nodes)
        raise GraphInputError(f"Graph {graph.name!r} has no node {node_id!r} to start at. Its nodes: {known}.")
    value = _encoded(code.inputs, data, f"node {node_id!r} of graph {graph.name!r}")
    return Start(value, first_state, node_id, graph.functions.is_answered(node_id, value))


def answer_in(graph: CompiledGraph, node: Any) -> dict[str, Json] | None:
    """The answer that an interrupt node carries when all of its `Required` fields are set."""
    if node is None:
        return None
    node_id = _node_id(graph, node)
    data = _dump(graph.nodes[node_id].inputs, node, f"node {node_id!r} of graph {graph.name!r}")
    if not graph.functions.is_answered(node_id, Encoded(data)):
        return None
    fields = json.loads(data)
    return {"interrupt_id": node_id, "value": {name: fields[name] for name in graph.functions.answer_fields(node_id)}}


def _node_id(graph: CompiledGraph, node: Any) -> str:
    known = ", ".join(repr(node_id) for node_id in graph.nodes)
    if isinstance(node, type):
        raise GraphInputError(f"from_node is the class {node.__name__}; give an instance: {node.__name__}(...).")
    if not isinstance(node, BaseNode):
        raise GraphInputError(f"from_node is {node!r}; it must be an instance of a node class. Nodes: {known}.")
    node_id = node.get_node_id()
    if node_id not in graph.nodes:
        raise GraphInputError(f"Graph {graph.name!r} has no node {node_id!r} to start at. Its nodes: {known}.")
    return node_id


def _load_state(graph: CompiledGraph, state: str | None) -> Json:
    if graph.state is None:
        if state not in (None, "null"):
            raise GraphInputError(
                f"Graph {graph.name!r} has no state_type, so it takes no state; it got {state[:200]}."
            )
        return None
    try:
        # Written anew, so that what nodes compare it with has every default, and the order of the type.
        return json.loads(graph.state.dump(graph.state.load(state or "{}")))
    except DecodeError as error:
        what = "needs a state" if state is None else "cannot take this state"
        raise GraphInputError(f"Graph {graph.name!r} {what}: {error}", error.errors) from error
    except EncodeError as error:
        raise GraphInputError(f"Graph {graph.name!r} cannot take this state: {error}") from error


def _dump(codec: ValueCodec, value: Any, what: str) -> str:
    try:
        return codec.dump(value).decode()
    except EncodeError as error:
        raise GraphInputError(f"{value!r} does not fit {what}: {error}") from error


def _encoded(codec: ValueCodec, data: str, what: str) -> Encoded:
    try:
        return Encoded(codec.dump(codec.load(data)).decode(), codec.name)
    except DecodeError as error:
        raise GraphInputError(f"This does not fit {what}: {error}", error.errors) from error
    except EncodeError as error:
        raise GraphInputError(f"This does not fit {what}: {error}") from error
