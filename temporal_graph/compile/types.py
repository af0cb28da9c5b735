"""What type every value in a graph has, so that each can be written as JSON and come back as what it was.

A step's annotations say most of it. Where one says nothing, the other end of the edge is asked: a lambda's result has
the type that the step behind it takes, a join's the type that its reducer makes of what arrives. A `Command` that a
step may return is no part of it: none ever goes along an edge.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import NoneType
from typing import Any, TypeVar, cast, get_args

from pydantic_graph import Graph
from pydantic_graph.decision import Decision, DecisionBranch
from pydantic_graph.join import (
    Join,
    ReduceFirstValue,
    reduce_dict_update,
    reduce_list_append,
    reduce_list_extend,
    reduce_null,
    reduce_sum,
)
from pydantic_graph.node import EndNode, Fork, StartNode
from pydantic_graph.paths import DestinationMarker, Path, TransformMarker
from pydantic_graph.step import NodeStep, Step
from pydantic_graph.util import unpack_type_expression

from ..errors import GraphDefinitionError
from . import hints
from .gotos import command_ends, gives_only_commands, taken, with_commands, without_commands
from .hints import UNKNOWN, Namespace, is_open

Method = TypeVar("Method", bound=Callable[..., Any])


def _once(method: Method) -> Method:
    """Remember a method's result by node; UNKNOWN while it is being worked out, where a loop leads back to it."""

    @functools.wraps(method)
    def remembering(self: Types, node_id: str) -> Any:
        memo = self.memo.setdefault(method.__name__, {})
        if node_id not in memo:
            memo[node_id] = _PENDING
            memo[node_id] = method(self, node_id)
        return memo[node_id]

    return remembering  # pyright: ignore[reportReturnType]


_PENDING: Any = type("_Pending", (), {"__repr__": lambda self: "PENDING"})()  # pyright: ignore[reportUnknownLambdaType]


class Types:
    """The types of a graph's values, by node."""

    def __init__(self, graph: Graph[Any, Any, Any, Any], namespace: Namespace) -> None:
        self.memo: dict[str, dict[str, Any]] = {}
        self.graph = graph
        self._nodes: dict[str, Any] = {str(node_id): node for node_id, node in graph.nodes.items()}
        self._paths_from = {str(node_id): paths for node_id, paths in graph.edges_by_source.items()}
        self._namespace = namespace
        self._into: dict[str, list[tuple[str, Path]]] = {}
        for source, path in self._paths():
            self._into.setdefault(destination(path), []).append((source, path))

    def anew(self) -> Types:
        """The same with nothing worked out yet: in loops, types depend on which is asked for first.

        What is declared does not, and takes the longest to find out; they have it together.
        """
        types = Types(self.graph, self._namespace)
        types.memo["signature"] = self.memo.setdefault("signature", {})
        return types

    def _paths(self) -> Iterator[tuple[str, Path]]:
        for source, paths in self._paths_from.items():
            yield from ((source, path) for path in paths)
        for node in self._nodes.values():
            if isinstance(node, Decision):
                yield from ((node.id, branch.path) for branch in node.branches)

    # -- What is declared -------------------------------------------------------------------------------------------

    def signature(self, node_id: str) -> hints.Signature:
        """What a step's code declares."""
        memo = self.memo.setdefault("signature", {})
        if node_id not in memo:
            step: Any = self._nodes[node_id]
            node_type = getattr(step, "node_type", None)
            if node_type is not None:
                memo[node_id] = hints.of_node(node_type, self._namespace)
            else:
                memo[node_id] = hints.of_step(node_id, step.call, self._namespace)
        return memo[node_id]

    def reducer(self, join_id: str) -> hints.ReducerSignature:
        """What a join's reducer declares."""
        join = self._nodes[join_id]
        signature = hints.of_reducer(join_id, join.reducer, self._namespace)
        return replace(signature, inputs=taken(signature.inputs))

    def state(self) -> Any:
        """The type of the state: the graph's, or the one that the steps agree on; NoneType where there is none."""
        if not is_open(self.graph.state_type) and self.graph.state_type is not NoneType:
            return self.graph.state_type
        declared: list[Any] = []
        for node in self._nodes.values():
            if isinstance(node, Step):
                state = self.signature(node.id).state
                if not is_open(state) and state is not NoneType and state not in declared:
                    declared.append(state)
        if len(declared) > 1:
            names = ", ".join(repr(state) for state in declared)
            raise GraphDefinitionError(
                f"Graph {self.graph.name!r} has no state_type, and its steps declare several: {names}. Say which it is "
                "with GraphBuilder(state_type=...)."
            )
        return declared[0] if declared else NoneType

    # -- What a node takes ------------------------------------------------------------------------------------------

    @_once
    def _wanted(self, node_id: str) -> Any:
        """What a node says that it takes; UNKNOWN where it does not say."""
        node: Any = self._nodes[node_id]
        if isinstance(node, Step):
            return taken(self.signature(node_id).inputs)
        if isinstance(node, EndNode):
            return UNKNOWN if self.graph.output_type is NoneType else taken(self.graph.output_type)
        if isinstance(node, Join):
            declared = self.reducer(node_id).inputs
            return UNKNOWN if hints.has_type_vars(declared) else declared
        if isinstance(node, Decision):
            sources = [_matched(branch) for branch in node.branches if branch.matches is None]
            return hints.union(sources) if len(sources) == len(node.branches) else UNKNOWN
        if isinstance(node, Fork):
            wanted = [self._wanted_along(path) for path in self._paths_from.get(node_id, [])]
            known = [type_ for type_ in wanted if not is_open(type_)]
            if not known:
                return UNKNOWN
            return list[known[0]] if node.is_map else known[0]
        return UNKNOWN

    def _wanted_along(self, path: Path) -> Any:
        """What is taken at the beginning of a path."""
        for item in path.items:
            if isinstance(item, TransformMarker):
                return taken(hints.of_transform(destination(path), item.transform, self._namespace).inputs)
        return _settled(self._wanted(destination(path)))

    # -- What a node gives ------------------------------------------------------------------------------------------

    @_once
    def gives(self, node_id: str) -> Any:
        """The type of what leaves a node; for a step, with the commands that it returns."""
        node: Any = self._nodes[node_id]
        if isinstance(node, NodeStep):
            return UNKNOWN  # it names the next node itself
        if isinstance(node, Step):
            declared = self.signature(node_id).output
            if gives_only_commands(declared):
                return declared
            return with_commands(self._first_known(without_commands(declared), *self._behind(node_id)), declared)
        if isinstance(node, StartNode):
            declared = self.graph.input_type
            return self._first_known(UNKNOWN if declared is NoneType else declared, *self._behind(node_id), declared)
        if isinstance(node, Join):
            return self._joined(cast("Any", node))
        arriving = self._arriving(node_id)
        if isinstance(node, Fork) and node.is_map:
            return UNKNOWN if is_open(arriving) else hints.item_of(arriving)
        return arriving

    def _behind(self, node_id: str) -> Iterator[Any]:
        """What is taken behind a node; nothing where transforms stand between."""
        for path in self._paths_from.get(node_id, []):
            yield self._wanted_along(path)

    @staticmethod
    def _first_known(*types: Any) -> Any:
        for type_ in types:
            if not is_open(_settled(type_)):
                return type_
        return next((type_ for type_ in types if _settled(type_) is not UNKNOWN), UNKNOWN)

    @_once
    def _arriving(self, node_id: str) -> Any:
        """The type of what comes to a node, whichever way it comes."""
        found: list[Any] = []
        for source, path in self._into.get(node_id, []):
            type_ = self._given_along(source, path)
            if type_ is not _PENDING:
                found.append(type_)
        return hints.union(found)

    def _given_along(self, source: str, path: Path) -> Any:
        transforms = [item.transform for item in path.items if isinstance(item, TransformMarker)]
        if transforms:
            return hints.of_transform(source, transforms[-1], self._namespace).output
        given = without_commands(self.gives(source))
        node: Any = self._nodes[source]
        if isinstance(node, Decision) and _settled(given) is UNKNOWN:
            return _matched(next(branch for branch in node.branches if branch.path is path))
        return given

    @_once
    def takes(self, node_id: str) -> Any:
        """The type of what a step, a join or the end gets.

        Raises:
            GraphDefinitionError: Nobody says.
        """
        node: Any = self._nodes[node_id]
        type_ = self._first_known(self._wanted(node_id), _settled(self._arriving(node_id)))
        if isinstance(node, EndNode):
            ends = [end for n in self._nodes.values() if isinstance(n, Step) for end in self._ends(str(n.id))]
            if self.graph.output_type is NoneType:
                arriving = (
                    [self._arriving(node_id)] if self._into.get(node_id) and not self._only_nodes(node_id) else []
                )
                type_ = hints.union([*arriving, *ends])
            return Any if _settled(type_) is UNKNOWN else type_
        if type_ is UNKNOWN and isinstance(node, Join):
            return Any
        if _settled(type_) is UNKNOWN:
            raise GraphDefinitionError(
                f"Nothing says what step {node_id!r} of graph {self.graph.name!r} gets. Annotate its parameter: "
                "ctx: StepContext[State, Deps, Inputs]."
            )
        return type_

    def _ends(self, step_id: str) -> list[Any]:
        """What a step says that it ends the run with, without an edge to the end."""
        output = self.signature(step_id).output
        if isinstance(self._nodes[step_id], NodeStep):
            return [] if output is UNKNOWN else [output]
        return command_ends(output)

    def _only_nodes(self, node_id: str) -> bool:
        """Whether everything that leads to a node is a `BaseNode` or the decision between what one returns."""
        sources = [self._nodes[source] for source, _ in self._into.get(node_id, [])]
        return all(
            isinstance(source, NodeStep) or (isinstance(source, Decision) and self._only_nodes(source.id))
            for source in sources
        )

    # -- Joins ------------------------------------------------------------------------------------------------------

    def _joined(self, join: Join[Any, Any, Any, Any]) -> Any:
        signature = self.reducer(join.id)
        for declared in (signature.output, signature.current):
            if declared is not UNKNOWN and not is_open(declared):
                return declared
        factory = join.initial_factory
        if get_args(factory):
            return factory
        behind = next(self._behind(join.id), UNKNOWN)
        if not is_open(behind):
            return behind
        arriving = _settled(self._arriving(join.id))
        shipped = self._shipped(join.reducer, arriving)
        if not is_open(shipped):
            return shipped
        bound = hints.bind(signature.inputs, arriving) if signature.inputs is not UNKNOWN else {}
        solved = hints.substitute(signature.output, bound)
        if solved is not UNKNOWN and not is_open(solved):
            return solved
        initial: Any = factory()
        if initial is not None and not isinstance(initial, list | dict | set | tuple):
            return cast("type[Any]", type(initial))
        if Any in (signature.output, behind, arriving):
            return Any
        raise GraphDefinitionError(
            f"Nothing says what join {join.id!r} of graph {self.graph.name!r} gives. Annotate what its reducer "
            "returns, or the step behind it, or give initial_factory=list[int] (with your own type)."
        )

    @staticmethod
    def _shipped(reducer: Any, arriving: Any) -> Any:
        if reducer is reduce_null:
            return NoneType
        if is_open(arriving):
            return UNKNOWN
        if reducer is reduce_list_append:
            return list[arriving]
        if reducer is reduce_list_extend:
            item = hints.item_of(arriving)
            return UNKNOWN if item is UNKNOWN else list[item]
        if reducer in (reduce_dict_update, reduce_sum) or isinstance(reducer, ReduceFirstValue):
            return arriving
        return UNKNOWN


def destination(path: Path) -> str:
    """Where a path leads."""
    return next(item.destination_id for item in path.items if isinstance(item, DestinationMarker))


def _matched(branch: DecisionBranch[Any]) -> Any:
    """What a branch of a decision takes, as far as it says."""
    source: Any = unpack_type_expression(branch.source)
    return UNKNOWN if is_open(source) else taken(source)


def _settled(type_: Any) -> Any:
    return UNKNOWN if type_ is _PENDING else type_
