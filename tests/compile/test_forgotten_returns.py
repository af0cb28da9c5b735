"""A transform or reducer that has forgotten its `return` is named, not the node that gets what it made."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, TypeExpression

from temporal_graph import GraphRunError, TemporalGraph


async def same(ctx: StepContext[None, None, Any]) -> Any:
    """Gives back what it gets."""
    return ctx.inputs


async def number(ctx: StepContext[None, None, int]) -> int:
    """Takes no None."""
    return ctx.inputs


def forgets(ctx: Any):  # type: ignore[no-untyped-def]
    """Is not annotated."""
    _ = ctx.inputs + 1


def forgets_all(ctx: Any) -> int:
    """Says that it gives a number."""
    return forgets(ctx)  # type: ignore[return-value]


def doubles(ctx: Any) -> int:
    """Takes no None."""
    return ctx.inputs * 2


def adds(current: int, value: int) -> int:  # type: ignore[return]
    """A reducer."""
    current += value


def adds_loosely(current: Any, value: Any) -> Any:
    """A reducer, of anything."""
    current += value


def plus(current: Any, value: Any) -> Any:
    """A reducer that cannot begin with None."""
    return current + value


def passes(ctx: StepContext[None, None, Any]) -> Any:
    """Gives back what it gets."""
    return ctx.inputs


def after(*transforms: Any, to: str = "number") -> TemporalGraph:
    """A graph with transforms before something that takes no None."""
    g = GraphBuilder(name="forgetful", input_type=int, output_type=int)
    first, last = g.step(same, node_id="first"), g.step(number, node_id="last")
    path: Any = g.edge_from(first)
    for transform in transforms:
        path = path.transform(transform)
    if to == "map":
        path = path.map(fork_id="each").to(last)
    elif to == "decision":
        path = path.to(g.decision(node_id="which").branch(g.match(TypeExpression[int]).to(last)))
    else:
        path = path.to(last)
    g.add(g.edge_from(g.start_node).to(first), path, g.edge_from(last).to(g.end_node))
    return TemporalGraph(g.build())


def joined(reducer: Any, **initial: Any) -> TemporalGraph:
    """A graph with a join before a node that takes no None."""
    g = GraphBuilder(name="forgetful", input_type=list[int], output_type=int)
    first, last = g.step(same, node_id="first"), g.step(number, node_id="last")
    join = g.join(reducer, node_id="sum", **initial)
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(first),
        g.edge_from(first).to(join),
        g.edge_from(join).to(last),
        g.edge_from(last).to(g.end_node),
    )
    return TemporalGraph(g.build())


async def failed(graph: TemporalGraph, inputs: Any) -> tuple[str, str]:
    """What a run fails with: whose it is, and what it says."""
    with pytest.raises(GraphRunError) as caught:
        await graph.local().proceed(inputs=inputs)
    return caught.value.node_id, caught.value.error_message


@pytest.mark.parametrize("to", ["number", "map", "decision"])
@pytest.mark.parametrize(
    "transforms", [[forgets], [forgets_all], [doubles, forgets, passes]], ids=["plain", "annotated", "several"]
)
async def test_a_transform(transforms: list[Any], to: str) -> None:
    where, message = await failed(after(*transforms, to=to), 1)
    name = next(each.__name__ for each in transforms if each is not doubles)
    assert (where, message.partition(" What")[0]) == (
        "first",
        f"the transform {name!r} returned None. Has it forgotten its return?",
    )


async def test_a_transform_between_others() -> None:
    where, message = await failed(after(forgets, doubles), 1)
    assert (where, message.startswith("the transform 'forgets' returned None.")) == ("first", True)
    assert "TypeError: unsupported operand" in message


@pytest.mark.parametrize("inputs", [[1], [1, 2]])
@pytest.mark.parametrize("reducer", [adds, adds_loosely])
async def test_a_reducer(reducer: Any, inputs: list[int]) -> None:
    where, message = await failed(joined(reducer, initial=0), inputs)
    assert (where, message.startswith(f"the reducer {reducer.__name__!r} returned None.")) == ("sum", True)


async def test_what_is_none_at_first_is_nobodys_fault() -> None:
    where, message = await failed(joined(plus, initial=None), [1])
    assert (where, message.startswith("unsupported operand")) == ("sum", True)
