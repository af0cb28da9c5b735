"""Whether what steps send arrives: along an edge that does not end in `send_to()`, a `Send` would be mere data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast, get_args, get_origin

from pydantic_graph.decision import Decision, DecisionBranch
from pydantic_graph.join import Join
from pydantic_graph.node import Fork
from pydantic_graph.paths import Path, TransformMarker
from pydantic_graph.step import NodeStep, Step
from pydantic_graph.util import unpack_type_expression

from ..codec.names import name_of
from ..commands import Send, SendsTo
from ..errors import GraphDefinitionError
from .gotos import members, without_commands
from .hints import UNKNOWN, is_open, item_of
from .types import Types, destination

Seen = list[tuple[str, list[Any]]]


def check_sends(types: Types) -> None:
    """Look whether each step that says that it sends has an edge on which that is done.

    Raises:
        GraphDefinitionError: One has none.
    """
    graph = types.graph
    for node in graph.nodes.values():
        if not isinstance(node, Step) or isinstance(node, NodeStep):
            continue
        declared = without_commands(types.signature(node.id).output)
        given = members(declared)
        if not _holds_sends(given) or _any_sends(types, graph.edges_by_source.get(node.id, []), given, []):
            continue
        mapped = "" if _are_sends(given) else ".map()"
        raise GraphDefinitionError(
            f"Step {node.id!r} of graph {graph.name!r} returns {name_of(declared)}, but nothing would be sent: that "
            f"is done on an edge which ends in send_to(). Write g.edge_from({node.id}){mapped}.to(send_to(g, ...)), "
            "with the nodes that may be sent to."
        )


def _any_sends(types: Types, paths: Iterable[Path], given: list[Any], seen: Seen) -> bool:
    """Whether one of some paths leads to where what is given is sent, or taken by somebody who wants just that."""
    return any(_sends(types, path, given, seen) for path in paths)


def _sends(types: Types, path: Path, given: list[Any], seen: Seen) -> bool:
    if any(isinstance(item, TransformMarker) for item in path.items):
        return True  # who knows what is made of it
    node_id = destination(path)
    if (node_id, given) in seen:
        return False
    seen.append((node_id, given))
    node: Any = types.graph.nodes[cast("Any", node_id)]
    if isinstance(node, Step):
        return _holds_sends([types.signature(node_id).inputs])
    if isinstance(node, Decision):
        return any(_branch_sends(types, branch, given, seen) for branch in node.branches)
    if isinstance(node, Join):
        if _holds_sends([types.reducer(node_id).inputs]):
            return True
        given = members(types.gives(node_id))
    elif isinstance(node, Fork) and node.is_map:
        given = _items(given)
    return _any_sends(types, types.graph.edges_by_source.get(cast("Any", node_id), []), given, seen)


def _branch_sends(types: Types, branch: DecisionBranch[Any], given: list[Any], seen: Seen) -> bool:
    if isinstance(branch.matches, SendsTo):
        return _are_sends(given)
    sources = members(unpack_type_expression(branch.source))
    matching = [type_ for type_ in given if any(_may_match(source, type_) for source in sources)]
    return bool(matching) and _sends(types, branch.path, matching, seen)


def _may_match(source: Any, type_: Any) -> bool:
    wanted, found = get_origin(source) or source, get_origin(type_) or type_
    if is_open(source) or is_open(type_) or not isinstance(wanted, type) or not isinstance(found, type):
        return True
    try:
        return issubclass(wanted, found) or issubclass(found, wanted)
    except TypeError:
        return True  # some protocols


def _are_sends(types: list[Any]) -> bool:
    """Whether values of some types may be what is sent."""
    return any(is_open(type_) or _is_send(type_) for type_ in types)


def _holds_sends(types: list[Any]) -> bool:
    """Whether values of some types are, or are made of, what is sent."""
    found = list(types)
    for type_ in found:
        for member in members(type_):
            if _is_send(member):
                return True
            item = item_of(member) if get_args(member) else UNKNOWN
            if item not in found:
                found.append(item)
    return False


def _items(types: list[Any]) -> list[Any]:
    return [member for type_ in types for member in members(item_of(type_))]


def _is_send(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Send)
