"""What a graph looks like, as far as its runs hang on it: kept with each run, so that a later release can tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from ..codec import ValueCodec
from ..codec.text import compact
from ..engine.spec import DecisionSpec, EndSpec, ForkSpec, GraphSpec, JoinSpec, NodeSpec, Path, StartSpec, StepSpec
from ..engine.state import Json
from ..options import NodeOptions
from .code import outline

CURE = "The release that it began with would carry it on."
OTHERWISE = (
    "this release, its code between nodes perhaps, does not do what this run has done before. "
    f"{CURE} Where nothing was released: a transform, decision or reducer has given another answer than before, as one "
    "does that has a memory of its own, such as a list around it, or looks at a clock, or at chance."
)
"""What is said where the graphs do not say why."""
MOST_TOLD = 5
"""Differences that are told one by one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A graph as a run began with it.

    Attributes:
        nodes: What each node is and where it leads, by id.
        types: Stands for the types of its values: the same for the same.
    """

    nodes: Mapping[str, str]
    types: str

    def dump(self) -> dict[str, Json]:
        """As JSON."""
        return {"nodes": dict(self.nodes), "types": self.types}

    @staticmethod
    def load(data: Json) -> Shape | None:
        """From JSON that may come from anybody; None where it is none."""
        found = cast("dict[str, Json]", data) if isinstance(data, dict) else {}
        nodes, types = found.get("nodes"), found.get("types")
        if not isinstance(nodes, dict) or not isinstance(types, str):
            return None
        texts = cast("dict[str, Json]", nodes)
        return Shape({name: text for name, text in texts.items() if isinstance(text, str)}, types)

    def differences(self, now: Shape) -> list[str]:
        """What is different in another release, in words."""
        gone = [name for name in self.nodes if name not in now.nodes]
        new = [name for name in now.nodes if name not in self.nodes]
        both = [name for name in self.nodes if name in now.nodes]
        found = [f"node {name!r} is gone" for name in gone] + [f"node {name!r} is new" for name in new]
        for name in both:
            before, after = self.nodes[name], now.nodes[name]
            if before != after:
                kind, to = before.partition(">")[::2]
                kind_now, to_now = after.partition(">")[::2]
                if kind != kind_now:
                    found.append(f"node {name!r} was {_a(kind)}, and is {_a(kind_now)}")
                else:
                    found.append(f"node {name!r} led to {_listed(to)}, and leads to {_listed(to_now)}")
        return found

    def told(self, now: Shape) -> str:
        """The same as a text; empty where there is no difference in it."""
        found = self.differences(now)
        more = f"; and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
        return "; ".join(found[:MOST_TOLD]) + more


def differs(before: Shape | None, now: Shape | None) -> str | None:
    """What is said of a run that this release cannot go on with; None where the graphs do not say why.

    Args:
        before: The graph that the run began with, as far as it is known.
        now: The one of this release.
    """
    told = before.told(now) if before is not None and now is not None else ""
    return f"this release's graph differs from the one this run began with: {told}. {CURE}" if told else None


def _a(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"


def _listed(ids: str) -> str:
    return ", ".join(repr(name) for name in ids.split(",")) if ids else "whatever it returns"


def shape_of(spec: GraphSpec, options: Mapping[str, NodeOptions], types: Iterable[ValueCodec | None]) -> Shape:
    """What a graph looks like.

    Args:
        spec: The graph.
        options: How its nodes are run.
        types: The types of its values.
    """
    nodes = {
        node_id: _text(node, options.get(node_id))
        for node_id, node in spec.nodes.items()
        if not isinstance(node, EndSpec)
    }
    known = [[codec.name, outline(codec.core_schema)] for codec in types if codec is not None]
    return Shape(nodes, hashlib.sha256(compact(known).encode(errors="backslashreplace")).hexdigest()[:16])


def _text(node: NodeSpec, options: NodeOptions | None) -> str:
    paths: tuple[Path, ...]
    if isinstance(node, StepSpec):
        kind = "interrupt node" if node.waits else "step" if node.path is not None else "node"
        execution = None if options is None else options.execution
        kind += (
            ""
            if execution in (None, "activity")
            else " in the workflow"
            if execution == "workflow"
            else " that is local"
        )
        paths = () if node.path is None else (node.path,)
    elif isinstance(node, JoinSpec):
        kind, paths = f"join of {node.parent!r}", (node.path,)
    elif isinstance(node, StartSpec):
        kind, paths = "start", (node.path,)
    elif isinstance(node, DecisionSpec):
        kind, paths = "decision", node.paths
    else:
        assert isinstance(node, ForkSpec)
        kind, paths = "map" if node.is_map else "fork", node.paths
    return ">".join([kind, ",".join(path.to for path in paths)]) if paths else kind
