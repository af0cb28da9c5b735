"""The beginning of a run: what the caller gives, as JSON and back, checked on both sides."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic_graph import BaseNode

from .codec import DecodeError, EncodeError, ValueCodec, shown
from .codec.text import compact, members
from .compile import CompiledGraph
from .compile.editing import slips
from .engine.breakpoints import ANY, NO_BREAKPOINTS, Breakpoints
from .engine.events import Encoded, Start, clipped, listed
from .engine.spec import StepSpec
from .engine.state import Json
from .errors import GraphDefinitionError, GraphInputError, RefusedError
from .policies import InterruptPolicy

if TYPE_CHECKING:
    from .engine.recording import RecordingEngine


def dump_start(graph: CompiledGraph, from_node: Any, inputs: Any, state: Any) -> dict[str, str | None]:
    """What a caller gives, as JSON texts by field of the start message.

    Raises:
        GraphInputError: It is not what the graph declares.
    """
    message = dump_given(graph, from_node, inputs, state)
    node = None
    if message["start_node"] is None:
        _check_given(graph, inputs)
    else:
        found = members(message["start_node"])
        node = json.loads(found["node_id"]), found["data"]
    # What would fail in the run is to fail here.
    load_start(graph, message["inputs"], message["state"], node)
    message.update(kept_with(graph))
    return message


def kept_with(graph: CompiledGraph) -> dict[str, str]:
    """What goes along with a run from its start, as JSON texts by field of the start message.

    How it asks, so that another release does not change it; and what its graph looks like, so that another release can
    tell what is different.
    """
    return {"policies": compact(graph.policies.kept()), "graph": compact(graph.shape.dump())}


def dump_given(graph: CompiledGraph, from_node: Any, inputs: Any, state: Any) -> dict[str, str | None]:
    """What a caller gives, be it enough to start a run or not, as JSON texts by field of the start message.

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
    if inputs is not None:
        message["inputs"] = _dump(graph.inputs, inputs, f"the inputs of graph {graph.name!r}")
    if state is not None:
        if graph.state is None:
            raise GraphInputError(
                f"Graph {graph.name!r} has no state_type, so it takes no state; it got {shown(state)}."
            )
        message["state"] = _dump(graph.state, state, f"the state of graph {graph.name!r}")
    return message


def digest(message: Mapping[str, str | None]) -> dict[str, str]:
    """What stands for each thing that is given to start a run, which are JSON texts: the same for the same."""
    given = {name: message.get(name) for name in ("inputs", "state", "start_node")}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in given.items() if text is not None}


def is_another(mine: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Whether a run was started with something else than a caller gives; what one of them does not say is the same."""
    return any(mine.get(name, said) != said for name, said in given.items())


def other_start(run_id: str) -> str:
    """What is said to a caller with inputs for a run that was started with other ones."""
    return (
        f"There is a run with id {run_id!r} already, and it was started with other inputs, another state, or at "
        "another node. To go on with it, leave these out, and answer its question if it has one; give a new run an id "
        "of its own."
    )


def _check_given(graph: CompiledGraph, inputs: Any) -> None:
    """Look whether inputs were left out that the graph needs."""
    if inputs is not None:
        return
    try:
        graph.inputs.load("null")
    except DecodeError as error:
        nodes = [node_id for node_id, code in graph.nodes.items() if code.output is None]
        where = f"; or from_node=..., to start at one of {', '.join(map(repr, nodes))}" if nodes else ""
        raise GraphInputError(
            f"Graph {graph.name!r} takes inputs, {graph.inputs.name}, and got none. Give it inputs=...{where}",
            error.errors,
        ) from error


def load_start(
    graph: CompiledGraph,
    inputs: str | None,
    state: str | None,
    start_node: tuple[str, str] | None,
    breakpoints: Breakpoints = NO_BREAKPOINTS,
    *,
    was_taken: bool = False,
    is_anothers: bool = False,
) -> Start:
    """The engine's first event, from JSON texts that may come from anybody.

    Args:
        graph: The graph.
        inputs: Its inputs.
        state: Its first state.
        start_node: The node to start at, and what it gets.
        breakpoints: Where the run is to stop.
        was_taken: The run began with this before, so that a rule which refuses it by now is not heard.
        is_anothers: The run began with another release of the graph, to which they did fit; what does not fit this one
            stays as it is, for the nodes to find out.

    Raises:
        GraphInputError: They do not fit the graph.
    """
    if is_anothers:
        return _load_anothers(graph, inputs, state, start_node, breakpoints)
    first_state = _load_state(graph, state, was_taken)
    check_breakpoints(graph, breakpoints)
    if start_node is None:
        value = _encoded(graph.inputs, inputs or "null", f"the inputs of graph {graph.name!r}", was_taken)
        return Start(value, first_state, breakpoints=breakpoints)
    node_id, data = start_node
    code = graph.nodes.get(node_id)
    if code is None:
        known = ", ".join(repr(known) for known in graph.nodes)
        raise GraphInputError(f"Graph {graph.name!r} has no node {node_id!r} to start at. Its nodes: {known}.")
    value = _encoded(code.inputs, data, f"node {node_id!r} of graph {graph.name!r}", was_taken)
    if code.output is None:
        _check_slips(code.inputs, data, json.loads(value.data), f"node {node_id!r}", was_taken)
    return Start(value, first_state, node_id, graph.functions.is_answered(node_id, value), breakpoints)


def _load_anothers(
    graph: CompiledGraph,
    inputs: str | None,
    state: str | None,
    start_node: tuple[str, str] | None,
    breakpoints: Breakpoints,
) -> Start:
    first_state: Json = None if graph.state is None else json.loads(state or "{}")
    with contextlib.suppress(GraphInputError):
        first_state = _load_state(graph, state, True)
    if start_node is None:
        value = Encoded(inputs or "null", graph.inputs.name)
        with contextlib.suppress(GraphInputError):
            value = _encoded(graph.inputs, inputs or "null", "", True)
        return Start(value, first_state, breakpoints=breakpoints)
    node_id, data = start_node
    code = graph.nodes.get(node_id)
    if code is None:
        return load_start(graph, inputs, state, start_node, breakpoints, was_taken=True)  # which says so
    value = Encoded(data)
    with contextlib.suppress(GraphInputError):
        value = _encoded(code.inputs, data, "", True)
    return Start(value, first_state, node_id, graph.functions.is_answered(node_id, value), breakpoints)


def read_breakpoints(before: Any, after: Any) -> Breakpoints | None:
    """Breakpoints as a caller gives them; None where nothing was given.

    Raises:
        GraphInputError: They are no lists of node ids.
    """
    if before is None and after is None:
        return None
    return Breakpoints(node_ids("interrupt_before", before), node_ids("interrupt_after", after))


def node_ids(name: str, given: Any) -> tuple[str, ...]:
    """The ids of nodes that a caller names: one, several, `"*"`, or classes of nodes.

    Raises:
        GraphInputError: It is something else.
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        side = name.removeprefix("interrupt_")
        some = next((repr(key) for key in cast("Mapping[Any, Any]", given) if isinstance(key, str)), "'node'")
        raise GraphInputError(
            f"{name} is {shown(given)}; here it takes node ids, such as [{some}], or '*' for all nodes. The policies "
            f"of breakpoints are given to the graph: TemporalGraph(..., interrupt_{side}={{{some}: "
            "InterruptPolicy(...)})."
        )
    several = not isinstance(given, str) and isinstance(given, Iterable)
    ids: list[Any] = list(cast("Iterable[Any]", given)) if several else [given]
    named: list[str] = []
    for item in ids:
        if isinstance(item, type) and issubclass(item, BaseNode):  # a node class stands for its node
            named.append(item.get_node_id())
        elif isinstance(item, str):
            named.append(item)
        else:
            raise GraphInputError(f"{name} has {shown(item)}; it must be a list of node ids, or '*' for all nodes.")
    return tuple(named)


def breakpoint_policies(name: str, given: Any) -> dict[str, InterruptPolicy]:
    """The policies that breakpoints of a graph are given, by node id; `"*"` for all of them.

    Raises:
        GraphDefinitionError: They are none.
        GraphInputError: They are not given to nodes.
    """
    found: dict[str, InterruptPolicy] = {}
    if not isinstance(given, Mapping):
        return found
    values = cast("Mapping[Any, Any]", given)
    ids = node_ids(name, list(values))
    for node_id, policy in zip(ids, values.values(), strict=True):
        if ids.count(node_id) > 1:
            raise GraphDefinitionError(
                f"{name} names {node_id!r} twice, by its class and by its id; leave one of them out."
            )
        if isinstance(policy, InterruptPolicy):
            found[node_id] = policy
        elif policy is not None:
            raise GraphDefinitionError(
                f"{name}[{node_id!r}] is {shown(policy)}; it must be an InterruptPolicy(...), or None for a breakpoint "
                "without a policy of its own."
            )
    return found


def check_breakpoints(graph: CompiledGraph, breakpoints: Breakpoints) -> None:
    """Look whether there are nodes to stop at.

    Raises:
        GraphInputError: There is no such node.
    """
    for name in (*breakpoints.before, *breakpoints.after):
        if name != ANY and name not in graph.nodes:
            known = ", ".join(repr(known) for known in graph.nodes)
            raise GraphInputError(
                f"Graph {graph.name!r} has no node {name!r} to stop at. Its nodes: {known}; or '*' for all of them."
            )


def forked(graph: CompiledGraph, data: dict[str, Any], update: Json, now: str) -> RecordingEngine:
    """A new run that begins with a snapshot, and with changes to its state.

    Args:
        graph: The graph.
        data: The snapshot, of another run.
        update: Fields of the state that are to be different; None for none.
        now: The time, ISO 8601 with time zone.

    Returns:
        An engine that has begun.

    Raises:
        GraphInputError: The other run had ended by then.
        RefusedError: The state does not take the update, or a question that was open cannot be asked anew.
    """
    # Here, because modules of nodes do without.
    from .engine.questions import Refused
    from .engine.recording import RecordingEngine

    engine = RecordingEngine(graph.spec, graph.functions, graph.plan, data)
    try:
        engine.fork(update, now)
    except Refused as refused:
        if refused.reason == "closed":
            raise GraphInputError(refused.message) from refused
        raise RefusedError(refused.reason, refused.message, refused.errors) from refused
    return engine


def no_checkpoint(checkpoint_id: str, first: int | None, latest: int) -> str:
    """What is said of a checkpoint that a run does not have.

    Args:
        checkpoint_id: What was asked for.
        first: The oldest one that is known; None where that was not looked up.
        latest: The newest one.
    """
    known = f"Its newest by now is {str(latest)!r}"
    known += "" if first is None else f", its oldest {str(first)!r}"
    return f"has no checkpoint {clipped(str(checkpoint_id), 80)!r}. {known}."


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


def waits(graph: CompiledGraph, node: Any) -> bool:
    """Whether a node is one that waits for an answer."""
    spec = graph.spec.nodes[_node_id(graph, node)]
    return isinstance(spec, StepSpec) and spec.waits


def _node_id(graph: CompiledGraph, node: Any) -> str:
    known = ", ".join(repr(node_id) for node_id in graph.nodes)
    if isinstance(node, type):
        raise GraphInputError(f"from_node is the class {node.__name__}; give an instance: {node.__name__}(...).")
    if not isinstance(node, BaseNode):
        raise GraphInputError(f"from_node is {shown(node)}; it must be an instance of a node class. Nodes: {known}.")
    node_id = node.get_node_id()
    if node_id not in graph.nodes:
        raise GraphInputError(f"Graph {graph.name!r} has no node {node_id!r} to start at. Its nodes: {known}.")
    return node_id


def _load_state(graph: CompiledGraph, state: str | None, was_taken: bool) -> Json:
    if graph.state is None:
        if state not in (None, "null"):
            raise GraphInputError(
                f"Graph {graph.name!r} has no state_type, so it takes no state; it got {state[:200]}."
            )
        return None
    try:
        # Written anew, so that what nodes compare it with has every default, and the order of the type.
        first: Json = json.loads(_anew(graph.state, state or "{}", was_taken))
        _check_slips(graph.state, state, first, "the state", was_taken)
        return first
    except DecodeError as error:
        what = "needs a state" if state is None else "cannot take this state"
        raise GraphInputError(f"Graph {graph.name!r} {what}: {error}", error.errors) from error
    except EncodeError as error:
        raise GraphInputError(f"Graph {graph.name!r} cannot take this state: {error}") from error


def _dump(codec: ValueCodec, value: Any, what: str) -> str:
    try:
        data = codec.dump(value).decode()
    except EncodeError as error:
        raise GraphInputError(f"{shown(value)} does not fit {what}: {error}") from error
    if lost := codec.lost(value, data):
        raise GraphInputError(f"{shown(value)} cannot be sent as {what}: {listed(lost)}")
    return data


def _anew(codec: ValueCodec, data: str, was_taken: bool) -> str:
    return codec.dump(codec.load_kept(data)).decode() if was_taken else codec.write(codec.load(data))


def _check_slips(codec: ValueCodec, data: str | None, made: Json, what: str, was_taken: bool) -> None:
    """Refuse names of fields that there are not: what stands in them would be lost."""
    errors = slips(codec, json.loads(data), made, what) if data is not None and not was_taken else []
    if errors:
        raise GraphInputError(f"This does not fit {what}: {listed(errors)}.", errors)


def _encoded(codec: ValueCodec, data: str, what: str, was_taken: bool) -> Encoded:
    try:
        return Encoded(_anew(codec, data, was_taken), codec.name)
    except DecodeError as error:
        raise GraphInputError(f"This does not fit {what}: {error}", error.errors) from error
    except EncodeError as error:
        raise GraphInputError(f"This does not fit {what}: {error}") from error
