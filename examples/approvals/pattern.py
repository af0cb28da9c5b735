"""What each pattern brings: its graph, what a run of it begins with, and how its questions are put to a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic_graph import BaseNode

from examples.terminal import ask
from temporal_graph import Stop, TemporalGraph


@dataclass(frozen=True)
class Pattern:
    """A pattern.

    Attributes:
        graph: The graph.
        answer: Asks whoever sits at the terminal what a run asks; gives the answer, or a `Command`, or one of them
            `Signed`.
        inputs: What a run begins with; or
        from_node: the node that it begins with.
        state: Its first state.
    """

    graph: TemporalGraph[Any, Any, Any, Any]
    answer: Callable[[Stop[Any, Any]], Awaitable[Any]]
    inputs: Any = None
    from_node: BaseNode[Any, Any, Any] | None = None
    state: Any = None

    @property
    def beginning(self) -> dict[str, Any]:
        """What a run is started with."""
        return {"inputs": self.inputs, "from_node": self.from_node, "state": self.state}


@dataclass(frozen=True)
class Signed:
    """An answer, and who gives it."""

    answer: Any
    actor: str


async def choose(prompt: str, *words: str) -> str:
    """Ask until one of some words, or the beginning of one, is typed."""
    while True:
        typed = (await ask(f"{prompt} [{'/'.join(words)}] ")).strip().lower()
        found = [word for word in words if typed and word.startswith(typed)]
        if len(found) == 1:
            return found[0]
        if typed:
            print(f"{typed!r} is none of them.")
