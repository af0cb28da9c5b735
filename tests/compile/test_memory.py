"""Transforms, decisions and reducers that remember something themselves are refused; others are not."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from temporal_graph import GraphDefinitionError, TemporalGraph

COUNT = 0
NUMBERS = itertools.count()
CACHE: dict[Any, Any] = {}


def counts_globally(ctx: Any) -> Any:
    """Writes to a global."""
    global COUNT
    COUNT += 1
    return ctx.inputs


def uses_up(ctx: Any) -> Any:
    """Uses an iterator of the module."""
    return next(NUMBERS)


def in_a_closure() -> Callable[..., Any]:
    """Writes to a variable around it."""
    count = 0

    def counts(ctx: Any, *more: Any) -> Any:
        nonlocal count
        count += 1
        return count

    return counts


def deeper() -> Callable[..., Any]:
    """The same, in a function of its own."""
    count = 0

    def counts(ctx: Any, *more: Any) -> Any:
        def one() -> None:
            nonlocal count
            count += 1

        one()
        return count

    return counts


def decorated() -> Callable[..., Any]:
    """The same, by a decorator."""
    inner = in_a_closure()

    @functools.wraps(inner)
    def around(*args: Any) -> Any:
        return inner(*args)

    return around


def consuming() -> Callable[..., Any]:
    """Takes from a generator around it."""
    numbers: Iterator[int] = (number for number in range(100))
    return lambda *args: next(numbers)


class Counting:
    """An object that writes to a global when it is called."""

    def __call__(self, ctx: Any, *more: Any) -> Any:
        global COUNT
        COUNT += 1
        return ctx

    def method(self, ctx: Any, *more: Any) -> Any:
        return self(ctx)


class CountingMethod(Counting):
    """The same, by a method."""

    def method(self, ctx: Any, *more: Any) -> Any:
        return Counting.__call__(self, ctx)


class Box:
    """Holds a count."""

    count = 0
    inner: Any = None


def counts_in_an_attribute(ctx: Any) -> Any:
    """Counts in a class of the module."""
    Box.count += 1
    return ctx.inputs


def counts_in_an_item(ctx: Any) -> Any:
    """Counts in a dict of the module."""
    CACHE["count"] += 1
    return ctx.inputs


def counts_deeper(ctx: Any) -> Any:
    """Counts in an object that is in another one."""
    Box.inner.counts[ctx] -= 1
    return ctx.inputs


def counting_in_a_closure() -> Callable[..., Any]:
    """Counts in a list around it."""
    count = [0]

    def counts(ctx: Any, *more: Any) -> Any:
        count[0] += 1
        return count[0]

    return counts


def counts_in_its_own(ctx: Any, *more: Any) -> Any:
    """Counts in objects of its own, and in what it is given."""
    numbers, box = [0], type("Own", (), {"count": 0})
    numbers[0] += 1
    box.count += len(CACHE) if CACHE else Box.count
    ctx.count += 1
    ctx[Box.count] += CACHE["count"]
    numbers[0 if CACHE else 1] += Box.count
    return ctx


REMEMBERS: dict[str, tuple[Callable[..., Any], str]] = {
    "global": (counts_globally, "writes to the global 'COUNT'"),
    "global_iterator": (uses_up, "uses up 'NUMBERS', an iterator"),
    "closure": (in_a_closure(), r"writes to 'count', a variable around it \(nonlocal\)"),
    "deeper": (deeper(), "writes to 'count'"),
    "decorated": (decorated(), "writes to 'count'"),
    "generator": (consuming(), "uses up 'numbers'"),
    "attribute": (counts_in_an_attribute, "counts in 'Box', an object around it"),
    "item": (counts_in_an_item, "counts in 'CACHE'"),
    "inside": (counts_deeper, "counts in 'Box'"),
    "list": (counting_in_a_closure(), "counts in 'count'"),
    "object": (Counting(), "writes to the global 'COUNT'"),
    "partial": (functools.partial(in_a_closure(), 1), "writes to 'count'"),
}


def own_variable(ctx: Any, *more: Any) -> Any:
    """Has a variable of its own that a function in it writes to."""
    count = 0

    def one() -> None:
        nonlocal count
        count += 1

    one()
    return ctx


def cached(ctx: Any, *more: Any) -> Any:
    """Keeps what it has computed."""
    return CACHE.setdefault(str(ctx), ctx)


def reading() -> Callable[..., Any]:
    """Reads what is around it, itself too."""
    factor = 2

    def double(ctx: Any, *more: Any) -> Any:
        return ctx * factor if factor else double(ctx)

    return double


COMPUTES: dict[str, Callable[..., Any]] = {
    "own_variable": own_variable,
    "own_objects": counts_in_its_own,
    "cached": cached,
    "reading": reading(),
    "method": CountingMethod().method,
    "lru_cache": functools.lru_cache(lambda *args: args[0]),
}


async def same(ctx: StepContext[None, None, Any]) -> Any:
    """Gives back what it gets."""
    return ctx.inputs


def with_transform(function: Any) -> TemporalGraph:
    """A graph with a transform."""
    g = GraphBuilder(name="memory", input_type=Any, output_type=Any)
    step = g.step(same, node_id="same")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).transform(function).to(g.end_node))
    return TemporalGraph(g.build())


def with_reducer(function: Any) -> TemporalGraph:
    """A graph with a reducer."""
    g = GraphBuilder(name="memory", input_type=list[int], output_type=Any)
    step = g.step(same, node_id="same")
    join = g.join(function, initial=0, node_id="sum")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


def with_decision(function: Any) -> TemporalGraph:
    """A graph with a decision."""
    g = GraphBuilder(name="memory", input_type=Any, output_type=Any)
    step = g.step(same, node_id="same")
    g.add(
        g.edge_from(g.start_node).to(g.decision(node_id="which").branch(g.match(Any, matches=function).to(step))),
        g.edge_from(step).to(g.end_node),
    )
    return TemporalGraph(g.build())


def with_initial(function: Any) -> TemporalGraph:
    """A graph with a join's first value."""
    g = GraphBuilder(name="memory", input_type=list[int], output_type=Any)
    step = g.step(same, node_id="same")
    join = g.join(reduce_list_append, initial_factory=function, node_id="sum")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


@pytest.mark.parametrize("kind", REMEMBERS)
def test_what_remembers_is_refused(kind: str) -> None:
    function, says = REMEMBERS[kind]
    with pytest.raises(GraphDefinitionError, match=f"The transform on 'same' of graph 'memory' {says}.*ctx.state"):
        with_transform(function)
    with pytest.raises(GraphDefinitionError, match=f"A branch of decision 'which' of graph 'memory' {says}"):
        with_decision(function)
    with pytest.raises(GraphDefinitionError, match=f"The reducer of join 'sum' of graph 'memory' {says}"):
        with_reducer(_of_two(function))
    with pytest.raises(GraphDefinitionError, match=f"The initial_factory of join 'sum' of graph 'memory' {says}"):
        with_initial(function)


def _of_two(function: Any) -> Any:
    def reduce(current: int, value: int) -> int:
        return function(current)

    return reduce


@pytest.mark.parametrize("kind", COMPUTES)
def test_what_only_computes_is_not(kind: str) -> None:
    function = COMPUTES[kind]
    with_transform(function)
    with_decision(function)
    with_reducer(_of_two(function))
