"""`GraphPlugin`: how a Temporal client and its workers get to know graphs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from typing import Any, cast

from pydantic_graph import Graph

from .errors import GraphDefinitionError
from .graph import TemporalGraph
from .notify import Notifier
from .registry import RegisteredGraph, Registry
from .temporal.plugin import Plugin

__all__ = ["GraphPlugin"]


class GraphPlugin(Plugin):
    """A Temporal plugin that brings graphs: give it to `Client.connect`, and the client's workers run them.

        client = await Client.connect(..., plugins=[GraphPlugin(graph)], runtime=forwarding_runtime())
        await Worker(client, task_queue="graphs").run()

    Args:
        graphs: The graphs.
        deps: What their nodes see as `ctx.deps`: a value; or a function or class that makes one, awaited if need be; or
            an async context manager, or a function that makes one, which is entered once when the worker starts and
            left when it stops. Graphs with other deps go into a `GraphPlugin` of their own, on the same client.
        notify: An async function that is called with a `temporal_graph.notify.Notification` when a question opens,
            reminds, is handed on, is answered, or was not answered in time: in an activity, at least once, with the
            same `id` if it is tried again. It never holds a run up. `temporal_graph.notify` has some ready-made.
        search_attributes: Whether runs set the search attributes by which `ApprovalQueue` finds them at once. None: if
            the worker finds them registered when it starts. True: always, for workers that may not list those of the
            server; a worker that finds them missing does not start, for a run that set them would hang. False: never.

    Raises:
        DepsError: The deps are a context manager that was used up.
        GraphDefinitionError: Two graphs have one name, something is no `TemporalGraph`, the notifier is no function, or
            `search_attributes` is something else.
    """

    def __init__(
        self,
        *graphs: TemporalGraph[Any, Any, Any, Any],
        deps: Any = None,
        notify: Notifier | None = None,
        search_attributes: bool | None = None,
    ) -> None:
        _check_notifier(notify)
        if not isinstance(cast("Any", search_attributes), bool | None):
            raise GraphDefinitionError(f"search_attributes is {search_attributes!r}; it takes True, False or None.")
        super().__init__(Registry((_registered(graph) for graph in graphs), notify), deps, search_attributes)


def _check_notifier(notify: Any) -> None:
    if notify is None:
        return
    right = "it must be an async function of a Notification, or such as Webhook(url, secret=...)."
    if isinstance(notify, list | tuple):
        raise GraphDefinitionError(f"notify is {notify!r}; for several notifiers make one: notify=each(one, another).")
    if isinstance(notify, type):
        raise GraphDefinitionError(f"notify is the class {notify.__name__!r} itself; {right}")
    if not callable(notify):
        raise GraphDefinitionError(f"notify is {notify!r}; {right}")
    function = notify
    while isinstance(function, functools.partial):
        function = cast("Any", function).func
    is_object = not inspect.isroutine(function)
    function = inspect.unwrap(cast("Any", function).__call__ if is_object else function)
    if inspect.iscoroutinefunction(function):
        return
    # Of what is no function, and of what says that it returns something to await, nobody knows before it is called.
    returned = getattr(function, "__annotations__", {}).get("return", ... if is_object else None)
    if inspect.isasyncgenfunction(function) or returned in (None, "None"):
        raise GraphDefinitionError(
            f"notify is {notify!r}, which is no async function. Define it with `async def`; {right}"
        )


def _registered(graph: Any) -> RegisteredGraph:
    if isinstance(graph, TemporalGraph):
        return cast("TemporalGraph[Any, Any, Any, Any]", graph).registered
    if isinstance(graph, Graph):
        named = cast("Graph[Any, Any, Any, Any]", graph).name
        raise GraphDefinitionError(
            f"GraphPlugin got the pydantic_graph.Graph {named!r} as it is; wrap it: GraphPlugin(TemporalGraph(graph))."
        )
    if isinstance(graph, Iterable):
        kind = type(cast("Any", graph)).__name__
        raise GraphDefinitionError(
            f"GraphPlugin takes graphs one by one and got {graph!r}; unpack the {kind}: GraphPlugin(*graphs)."
        )
    raise GraphDefinitionError(
        f"GraphPlugin takes graphs, as TemporalGraph(...) or InterruptibleGraph([...]) makes them, and got {graph!r}. "
        "Deps are given by name: GraphPlugin(graph, deps=...)."
    )
