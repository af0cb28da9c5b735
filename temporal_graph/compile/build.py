"""`pydantic_graph.Graph` -> `GraphSpec`: the same nodes and paths, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from pydantic_graph import Graph
from pydantic_graph.decision import Decision
from pydantic_graph.join import Join
from pydantic_graph.node import EndNode, Fork, StartNode
from pydantic_graph.paths import Path as GraphPath
from pydantic_graph.paths import TransformMarker
from pydantic_graph.step import NodeStep, Step

from ..engine.spec import (
    START,
    DecisionSpec,
    EndSpec,
    ForkSpec,
    GraphSpec,
    JoinSpec,
    NodeSpec,
    Path,
    StartSpec,
    StepSpec,
    edges,
)
from ..errors import GraphDefinitionError
from ..interrupts import InterruptNode
from .policies import own_method
from .types import destination

Transforms = dict[str, tuple[Callable[..., Any], ...]]


def build(
    graph: Graph[Any, Any, Any, Any], name: str, only_commands: Callable[[str], bool]
) -> tuple[GraphSpec, Transforms]:
    """Take a graph apart.

    Args:
        graph: The graph.
        name: Its name.
        only_commands: Whether a step returns nothing but commands, so that it needs no edge.

    Returns:
        Its spec, and the transforms by the id of the path that they are on.

    Raises:
        GraphDefinitionError: A node has no way out.
    """
    transforms: Transforms = {}
    nodes: dict[str, NodeSpec] = {}
    for node_id, node in graph.nodes.items():
        nodes[node_id] = _node(graph, node, transforms, only_commands)
    return GraphSpec(name, nodes), transforms


def _node(
    graph: Graph[Any, Any, Any, Any], node: Any, transforms: Transforms, only_commands: Callable[[str], bool]
) -> NodeSpec:
    if isinstance(node, EndNode):
        return EndSpec(node.id)
    if isinstance(node, Decision):
        branches = [branch.path for branch in node.branches]
        return DecisionSpec(node.id, _paths(node.id, branches, transforms))
    if isinstance(node, NodeStep):
        node_type: type[Any] = cast("Any", node).node_type
        composes = own_method(node_type, "prompt") is not None
        return StepSpec(node.id, None, waits=issubclass(node_type, InterruptNode), composes=composes)
    paths = _paths(node.id, graph.edges_by_source.get(node.id, []), transforms)
    if not paths and isinstance(node, Step) and only_commands(node.id):
        return StepSpec(node.id, None)
    if not paths:
        raise GraphDefinitionError(f"Node {node.id!r} of graph {graph.name!r} has no edge that leaves it.")
    if isinstance(node, Fork):
        return ForkSpec(node.id, paths, node.is_map, node.downstream_join_id)
    if isinstance(node, StartNode):
        return StartSpec(node.id, paths[0])
    if isinstance(node, Step):
        return StepSpec(node.id, paths[0])
    assert isinstance(node, Join)
    parent = graph.get_parent_fork(node.id)
    region = frozenset(parent.intermediate_nodes) | {node.id}
    return JoinSpec(node.id, parent.fork_id, region, graph.is_final_join(node.id), paths[0])


def _paths(source: str, paths: list[GraphPath], transforms: Transforms) -> tuple[Path, ...]:
    made: list[Path] = []
    for index, path in enumerate(paths):
        path_id = source if len(paths) == 1 else f"{source}[{index}]"
        functions = tuple(item.transform for item in path.items if isinstance(item, TransformMarker))
        if functions:
            transforms[path_id] = functions
        made.append(Path(path_id, destination(path), bool(functions)))
    return tuple(made)


def with_gotos(spec: GraphSpec, gotos: Mapping[str, tuple[str, ...]]) -> GraphSpec:
    """The graph with the ways that commands take besides the edges: joins wait for who may still come that way."""
    if not any(gotos.values()):
        return spec
    into: dict[str, list[str]] = {}
    for node in spec.nodes.values():
        for target in (*edges(node), *gotos.get(node.id, ())):
            into.setdefault(target, []).append(node.id)
    nodes: dict[str, NodeSpec] = {}
    for node in spec.nodes.values():
        found = node
        if isinstance(node, JoinSpec):
            found = replace(node, region=_region(node, gotos, into))
        elif isinstance(node, StepSpec) and gotos.get(node.id):
            found = replace(node, gotos=gotos[node.id])
        nodes[node.id] = found
    return GraphSpec(spec.name, nodes)


def _region(join: JoinSpec, gotos: Mapping[str, tuple[str, ...]], into: Mapping[str, list[str]]) -> frozenset[str]:
    """The nodes that can reach a join, now that some can go elsewhere than along their edges."""
    region = set(join.region)
    added = [node_id for node_id, targets in gotos.items() if node_id not in region and region.intersection(targets)]
    while added:
        node_id = added.pop()
        if node_id in region or node_id in (join.parent, START):
            continue
        region.add(node_id)
        added.extend(into.get(node_id, ()))
        added.extend(source for source, targets in gotos.items() if node_id in targets)
    return frozenset(region)
