"""What a graph is to the engine: nodes by id, the paths between them, and which joins wait for which forks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

START = "__start__"
END = "__end__"


@dataclass(frozen=True, slots=True)
class Path:
    """A way out of a node.

    Attributes:
        id: Name of the path, unique in the graph; the functions that transform values on it are found under it.
        to: Id of the node it leads to.
        transforms: Whether user functions change the value on the way.
    """

    id: str
    to: str
    transforms: bool = False


@dataclass(frozen=True, slots=True)
class StartSpec:
    """Where a run begins; also a fork, with one run and one branch."""

    id: str
    path: Path


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A node that does work outside the engine.

    Attributes:
        id: The node's id.
        path: Where its output goes; None for a `BaseNode`, whose outcome names the next node itself.
        waits: Whether a person's answer is needed before it runs (an interrupt node).
        gotos: Where it may go besides, as far as it says.
        composes: An interrupt node that composes what it shows outside the engine, before it waits.
        asks_on_failure: When it has failed for good, a person says what is to become of it.
    """

    id: str
    path: Path | None
    waits: bool = False
    gotos: tuple[str, ...] = ()
    composes: bool = False
    asks_on_failure: bool = False


@dataclass(frozen=True, slots=True)
class ForkSpec:
    """A node that starts branches: one for each path, or one for each item of the value (a map)."""

    id: str
    paths: tuple[Path, ...]
    is_map: bool = False
    downstream_join: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionSpec:
    """A node that takes one of its paths."""

    id: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class JoinSpec:
    """A node that reduces what arrives for one run of its parent fork, and fires once.

    Attributes:
        id: The node's id.
        parent: Id of the parent fork.
        region: Ids of the nodes that can still reach the join without a new run of the parent fork, the join's too.
        is_final: Whether no other join waits for this one. What leaves a final join leaves the branches below its
            parent fork; what leaves another join is still inside them.
        path: Where the joined value goes.
    """

    id: str
    parent: str
    region: frozenset[str]
    is_final: bool
    path: Path


@dataclass(frozen=True, slots=True)
class EndSpec:
    """Where a run ends."""

    id: str = END


NodeSpec: TypeAlias = StartSpec | StepSpec | ForkSpec | DecisionSpec | JoinSpec | EndSpec


def edges(node: NodeSpec) -> tuple[str, ...]:
    """The nodes to which paths lead from a node."""
    if isinstance(node, ForkSpec | DecisionSpec):
        return tuple(path.to for path in node.paths)
    path = getattr(node, "path", None)
    return () if path is None else (path.to,)


@dataclass(frozen=True)
class GraphSpec:
    """A whole graph, as plain data.

    Attributes:
        name: The graph's name.
        nodes: Every node by its id.
    """

    name: str
    nodes: Mapping[str, NodeSpec]
    joins_of: Mapping[str, tuple[JoinSpec, ...]] = field(init=False)
    """The joins by their parent fork, in the order of the graph."""

    def __post_init__(self) -> None:
        joins: dict[str, tuple[JoinSpec, ...]] = {}
        for node in self.nodes.values():
            if isinstance(node, JoinSpec):
                joins[node.parent] = (*joins.get(node.parent, ()), node)
        object.__setattr__(self, "joins_of", joins)

    @property
    def step_ids(self) -> tuple[str, ...]:
        """The nodes that do work, in the order of the graph."""
        return tuple(node.id for node in self.nodes.values() if isinstance(node, StepSpec))

    def join_behind(self, node_id: str) -> str | None:
        """The nearest join behind a node, along the paths; None for none."""
        waiting, seen = [node_id], {node_id}
        for found in waiting:
            if isinstance(self.nodes[found], JoinSpec):
                return found
            behind = [target for target in edges(self.nodes[found]) if target not in seen]
            waiting.extend(behind)
            seen.update(behind)
        return None
