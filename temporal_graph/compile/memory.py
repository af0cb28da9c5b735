"""Code that runs in the driver, and remembers something itself: in a replay it would give another answer."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, cast

from pydantic_graph import Graph
from pydantic_graph.decision import Decision
from pydantic_graph.join import Join

from ..errors import GraphDefinitionError
from .places import codes
from .writing import Reader, called, defaults

_MOST = 50
"""Functions that are looked at for one: itself, those that it holds, as a decorator does, and those that it calls."""

_ASKS = frozenset({"is_replaying", "in_workflow"})
"""What code asks of Temporal that does something only where it runs once."""


def refuse_memory(graph: Graph[Any, Any, Any, Any], name: str, transforms: Mapping[str, Sequence[Any]]) -> None:
    """Refuse transforms, decisions and reducers that write to what outlives their call.

    Seen is what they, and functions of the same package that they hold in closures or call, assign
    (`global`, `nonlocal`), and what they write to or change in an object around them, a default value of a parameter,
    or the object that they are a method of; and an iterator that they use up. Not what other packages do, nor what is
    done to an object by a name that the code does not show.

    Raises:
        GraphDefinitionError: One does.
    """
    for each in driven(graph, transforms):
        _refuse(each.what, name, each.function, each.gets)


@dataclass(frozen=True, slots=True)
class Driven:
    """A function of a graph that runs in the driver.

    Attributes:
        what: What it is, and where.
        function: Itself.
        gets: How many arguments it gets.
        written: How such a function is written.
    """

    what: str
    function: Any
    gets: int
    written: str


def driven(graph: Graph[Any, Any, Any, Any], transforms: Mapping[str, Sequence[Any]]) -> Iterator[Driven]:
    """The functions of a graph that run in the driver."""
    for path_id, functions in transforms.items():
        for function in functions:
            yield Driven(f"The transform on {path_id!r}", function, 1, "def transform(ctx: StepContext[...]) -> ...")
    for node in graph.nodes.values():
        if isinstance(node, Join):
            gets = 2 if len(inspect.signature(node.reducer).parameters) == 2 else 3
            written = (
                "def reducer(current, inputs) -> ..., or def reducer(ctx: ReducerContext[...], current, inputs) -> ..."
            )
            yield Driven(f"The reducer of join {node.id!r}", node.reducer, gets, written)
            written = "def initial_factory() -> ..."
            yield Driven(f"The initial_factory of join {node.id!r}", node.initial_factory, 0, written)
        elif isinstance(node, Decision):
            for branch in cast("list[Any]", node.branches):
                if branch.matches is not None:
                    what = f"A branch of decision {node.id!r}"
                    yield Driven(what, branch.matches, 1, "def matches(value) -> bool")


def refuse_memory_of_node(name: str, node_id: str, function: Any, steps: Collection[Any]) -> None:
    """Refuse the same in a node that runs in the workflow.

    Args:
        name: The graph's name.
        node_id: The node.
        function: What it runs.
        steps: The functions that it calls with `step()`: those are activities.
    """
    _refuse(f"Node {node_id!r}, which has execution='workflow',", name, function, 2, steps)


def _refuse(what: str, graph: str, function: Any, gets: int, steps: Collection[Any] = ()) -> None:
    found = _memory(function, gets, steps)
    if found is not None:
        raise GraphDefinitionError(
            f"{what} of graph {graph!r} {found}, which is another one the next time. It runs again in every replay of "
            "a run, and beside other runs, and would give another answer there. What is to be remembered goes into the "
            "state, ctx.state, or into the value of a join; what is only kept so as not to compute it again, into "
            "functools.cache."
        )


def _memory(function: Any, gets: int, steps: Collection[Any]) -> str | None:
    first = called(function)
    if first is None:
        return None
    package = str(first.function.__module__).partition(".")[0]
    seen: list[tuple[FunctionType, frozenset[str]]] = []
    waiting = [replace(first, given={**defaults(first.function, gets), **first.given}, is_held=True)]
    while waiting and len(seen) < _MOST:
        call = waiting.pop(0)
        place = call.function, frozenset(call.given)
        is_own = str(call.function.__globals__.get("__name__")).partition(".")[0] == package
        if place in seen or not (call.is_held or is_own) or call.function in steps:
            continue
        seen.append(place)
        read = Reader(call)
        if (
            read.found
            and is_own
            and not any(_ASKS.intersection(code.co_names) for code in codes(call.function.__code__))
        ):
            return f"{'' if call.is_held else f'calls {_name(call.function)}(), which '}{read.found[0]}"
        waiting.extend(each for each in read.calls if is_own or each.is_held)
    return None


def _name(function: FunctionType) -> str:
    return function.__qualname__.rpartition("<locals>.")[2]
