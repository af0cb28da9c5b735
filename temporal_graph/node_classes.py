"""A graph made of a list of node classes, which can start at any of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic_graph import BaseNode, Graph, GraphBuilder, GraphSetupError

from .errors import GraphDefinitionError


def graph_of(
    nodes: Sequence[type[BaseNode[Any, Any, Any]]], name: str, state_type: Any, deps_type: Any, output_type: Any
) -> Graph[Any, Any, Any, Any]:
    """A graph of node classes, which begins with a decision between all of them.

    Args:
        nodes: The classes.
        name: The graph's name.
        state_type: The type of the state; None for what the nodes declare.
        deps_type: The type of the deps.
        output_type: The type of the output.

    Raises:
        GraphDefinitionError: They make no graph.
    """
    _check(nodes, name)
    types = {"state_type": state_type, "deps_type": deps_type, "output_type": output_type}
    make: Any = GraphBuilder
    builder: GraphBuilder[Any, Any, Any, Any] = make(
        name=name,
        input_type=Union[tuple(nodes)],  # noqa: UP007 - made from a list
        **{key: type_ for key, type_ in types.items() if type_ is not None},
    )
    first = builder.decision(node_id="first", note="the node that a run starts at")
    for node in nodes:
        first = first.branch(builder.match_node(node))
    try:
        builder.add(*(builder.node(node) for node in nodes), builder.edge_from(builder.start_node).to(first))
        return builder.build()
    except (NameError, GraphSetupError, ValueError) as error:
        raise GraphDefinitionError(f"InterruptibleGraph {name!r} cannot be built: {error}") from error


def _check(nodes: Any, name: str) -> None:
    if isinstance(nodes, Graph):
        raise GraphDefinitionError(
            "InterruptibleGraph takes a list of node classes; for a graph that is built already there is "
            "TemporalGraph(graph)."
        )
    if inspect.isclass(nodes):
        raise GraphDefinitionError(f"InterruptibleGraph takes a list of node classes: [{nodes.__name__}].")
    if isinstance(nodes, str) or not isinstance(nodes, Iterable):
        raise GraphDefinitionError(
            f"InterruptibleGraph takes a list of node classes, nodes=[First, Second], and got {nodes!r}."
        )
    listed = list(cast("Iterable[Any]", nodes))
    if not listed:
        raise GraphDefinitionError(f"InterruptibleGraph {name!r} has no nodes; give it a list of BaseNode classes.")
    for node in listed:
        if not inspect.isclass(node) or not issubclass(node, BaseNode):
            raise GraphDefinitionError(f"InterruptibleGraph takes BaseNode classes; {node!r} is none.")
    for node in listed:
        for other in _returned(node):
            if other not in listed:
                raise GraphDefinitionError(
                    f"{node.__name__} may return {other.__name__}, which is not in the list of nodes of "
                    f"InterruptibleGraph {name!r}. Add it: [{', '.join(n.__name__ for n in listed)}, {other.__name__}]."
                )


def _returned(node: Any) -> Iterator[Any]:
    """The node classes that a node says it may return."""
    try:
        hints = get_type_hints(node.run, include_extras=True)
    except NameError:
        return  # the builder says so
    yield from _classes(hints.get("return"))


def _classes(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Annotated:
        yield from _classes(get_args(hint)[0])
    elif inspect.isclass(get_origin(hint) or hint) and issubclass(get_origin(hint) or hint, BaseNode):
        cls = get_origin(hint) or hint
        if cls is not BaseNode and not inspect.isabstract(cls):
            yield cls
    else:
        for member in get_args(hint):
            yield from _classes(member)
