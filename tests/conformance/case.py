"""One graph, one input, and what must come of it: whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_graph import Graph


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


def identity(value: Any) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True)
class Case:
    """A graph with inputs.

    Attributes:
        id: Its name, unique in the corpus.
        graph: The graph, at the top level of a module.
        features: What it is there for.
        expected: Its output, worked out by hand.
        inputs: Its inputs.
        state: Makes a fresh state.
        expected_state: The state at the end, worked out by hand.
        deps: Makes the deps.
        normalize: Makes outputs comparable whose order depends on who is quicker.
        normalize_state: The same for the state.
        error: The run ends with an error whose message contains this.
        upstream_differs: Why upstream gives something else, where it breaks its own rule.
    """

    id: str
    graph: Graph[Any, Any, Any, Any]
    features: frozenset[str]
    expected: Any = UNSET
    inputs: Any = None
    state: Callable[[], Any] | None = None
    expected_state: Any = UNSET
    deps: Callable[[], Any] | None = None
    normalize: Callable[[Any], Any] = identity
    normalize_state: Callable[[Any], Any] = identity
    error: str | None = None
    upstream_differs: str | None = None


def case(id: str, graph: Graph[Any, Any, Any, Any], features: str, expected: Any = UNSET, **others: Any) -> Case:
    """A case, its features as words."""
    return Case(id, graph, frozenset(features.split()), expected, **others)


def check(case: Case, output: Any, state: Any) -> None:
    """Assert that a run came to what it must."""
    assert case.normalize(output) == case.expected
    assert type(case.normalize(output)) is type(case.expected)
    if case.expected_state is not UNSET:
        assert case.normalize_state(state) == case.expected_state
