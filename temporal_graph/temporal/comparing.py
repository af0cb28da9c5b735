"""What a worker says of its graph to a client that wants to know why a run stands still: a workflow of one task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue

from ..codec.text import compact
from ..compile.shape import Shape, differs
from ..registry import RegisteredGraph
from .names import COMPARE, FIND_GRAPH
from .payloads import from_raw, to_raw


@workflow.defn(name=COMPARE)
class Compare:
    """Says how this worker's release of a graph differs from the one that a run began with."""

    @workflow.run
    async def run(self, question: RawValue) -> RawValue:
        """Compare.

        Args:
            question: `{"name", "graph"}`: the graph's name, and what it looked like; see `compile.shape`.

        Returns:
            A text; null where there is no difference, or the worker does not know the graph.
        """
        find: Callable[[str], RegisteredGraph | str] = cast("Any", workflow).extern_functions()[FIND_GRAPH]
        asked: Any = json.loads(from_raw(question))
        told: str | None = None
        if isinstance(asked, Mapping):
            graph = find(str(cast("Mapping[str, Any]", asked).get("name")))
            if isinstance(graph, RegisteredGraph):
                told = differs(Shape.load(cast("Mapping[str, Any]", asked).get("graph")), graph.compiled.shape)
        return to_raw(compact(told), "", None)
