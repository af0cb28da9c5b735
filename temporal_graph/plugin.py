"""`GraphPlugin`: how a Temporal client and its workers get to know graphs."""

from __future__ import annotations

from typing import Any

from .graph import TemporalGraph
from .registry import Registry
from .temporal.plugin import Plugin

__all__ = ["GraphPlugin"]


class GraphPlugin(Plugin):
    """A Temporal plugin that brings graphs: give it to `Client.connect`, and the client's workers run them.

    Args:
        graphs: The graphs.
        deps: What their nodes see as `ctx.deps`: a value; or a function or class that makes one, awaited if need be; or
            an async context manager, or a function that makes one, which is entered once when the worker starts and
            left when it stops. Graphs with other deps go into a `GraphPlugin` of their own, on the same client.

    Raises:
        GraphDefinitionError: Two graphs have one name.
    """

    def __init__(self, *graphs: TemporalGraph[Any, Any, Any, Any], deps: Any = None) -> None:
        super().__init__(Registry(graph.registered for graph in graphs), deps)
