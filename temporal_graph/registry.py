"""Which graphs a worker knows, by name: an object that is handed on, not a global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .compile import CompiledGraph
from .engine.breakpoints import NO_BREAKPOINTS, Breakpoints
from .engine.sizes import PLAIN, Coding
from .errors import GraphDefinitionError
from .options import NodeOptions

__all__ = ["RegisteredGraph", "Registry"]


@dataclass(frozen=True)
class RegisteredGraph:
    """A compiled graph and how it is to be run.

    Attributes:
        compiled: The graph.
        options: The options of every node, by id, with the graph's own and the defaults filled in.
        max_history_events: Length of history after which a run continues as new; None for when the server suggests it.
        breakpoints: Where its runs stop for people, unless they are started with breakpoints of their own.
        payload_limit: Bytes of JSON that go into one payload of this worker; None for any number.
        coding: What this worker's payload codec makes of payloads.
        notifies: Whether this worker has a notifier, which is told what happens to questions.
        shows: Whether runs are to set the search attributes; None if this worker could not find out whether they can.
    """

    compiled: CompiledGraph
    options: Mapping[str, NodeOptions]
    max_history_events: int | None
    breakpoints: Breakpoints = NO_BREAKPOINTS
    payload_limit: int | None = None
    coding: Coding = PLAIN
    notifies: bool = False
    shows: bool | None = None

    @property
    def name(self) -> str:
        """The graph's name."""
        return self.compiled.name


class Registry:
    """Graphs by name.

    Args:
        graphs: The graphs.
        notifier: What is called with a `Notification` when something happens to a question; None for nothing.

    Raises:
        GraphDefinitionError: Two graphs have one name.
    """

    def __init__(
        self, graphs: Iterable[RegisteredGraph], notifier: Callable[[Any], Awaitable[None]] | None = None
    ) -> None:
        self.notifier = notifier
        self._graphs: dict[str, RegisteredGraph] = {}
        for graph in graphs:
            if graph.name in self._graphs:
                raise GraphDefinitionError(
                    f"Two graphs are named {graph.name!r}. A run finds its graph by this name; give one another."
                )
            self._graphs[graph.name] = replace(graph, notifies=notifier is not None)
            # Here, because it takes a while, which no run has.
            _ = graph.compiled.shape, graph.compiled.runner.codes

    def get(self, name: str) -> RegisteredGraph | None:
        """The graph of this name, if there is one."""
        return self._graphs.get(name)

    def of_worker(self, payload_limit: int | None, coding: Coding) -> Registry:
        """The same graphs for one worker alone: another one may have another server, namespace or data converter.

        Args:
            payload_limit: How many bytes of JSON go into one payload of this worker; None for any number.
            coding: What its payload codec makes of payloads.
        """
        own = Registry(self, self.notifier)
        own.measure(payload_limit, coding)
        return own

    def measure(self, payload_limit: int | None, coding: Coding) -> None:
        """Note what a worker's codec was seen to make of payloads."""
        graphs = self._graphs.items()
        self._graphs = {n: replace(graph, payload_limit=payload_limit, coding=coding) for n, graph in graphs}

    def show(self, shows: bool | None) -> None:
        """Note whether a worker's runs are to set the search attributes; None where nobody knows whether they can."""
        self._graphs = {name: replace(graph, shows=shows) for name, graph in self._graphs.items()}

    def __getitem__(self, name: str) -> RegisteredGraph:
        return self._graphs[name]

    def __iter__(self) -> Iterator[RegisteredGraph]:
        return iter(self._graphs.values())

    @property
    def names(self) -> list[str]:
        """The names, in the order in which the graphs were given."""
        return list(self._graphs)
