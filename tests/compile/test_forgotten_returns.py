"""Whoever has made what does not fit is named, as one who has forgotten `return`, not the node that gets it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel
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


def ending(reducer: Any) -> TemporalGraph:
    """A graph with a join before its end."""
    g = GraphBuilder(name="forgetful", input_type=int, output_type=int)
    first, join = g.step(same, node_id="first"), g.join(reducer, node_id="sum", initial=0)
    g.add(g.edge_from(g.start_node).to(first), g.edge_from(first).to(join), g.edge_from(join).to(g.end_node))
    return TemporalGraph(g.build())


async def test_a_reducer_whose_value_does_not_fit_the_end() -> None:
    def gives_text(current: str, value: int) -> str:
        return f"{value}"

    assert await failed(ending(gives_text), 1) == (
        "__end__",
        "what the reducer 'gives_text' returned: '1' is not what is declared, int: expected int (it is '1')",
    )


class Item(BaseModel):
    """What a step is to give."""

    sizes: tuple[int, int] = (0, 0)


async def work() -> Item:
    """What a step could give."""
    return Item()


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (lambda: None, r"None is not what is declared, Item: None is no Item, .* Is a return missing\?"),
        (work, r"<coroutine object work at 0x\w+> is not what is declared, Item: .* Is an await missing\?"),
        (
            lambda: Item.model_construct(sizes=(1,)),
            r"Item\(sizes=\(1,\)\) is not what is declared, Item: sizes: too few items present in tuple",
        ),
    ],
    ids=["return", "await", "items"],
)
async def test_a_step(gives: Any, says: str) -> None:
    g = GraphBuilder(name="forgetful", input_type=int, output_type=Item)

    @g.step
    async def first(ctx: StepContext[None, None, int]) -> Item:
        return gives()

    g.add(g.edge_from(g.start_node).to(first), g.edge_from(first).to(g.end_node))
    where, message = await failed(TemporalGraph(g.build()), 1)
    assert where == "first"
    assert re.fullmatch(says, message)


@dataclass
class Stock:
    """A state with a union, and something in it that pydantic has no short name for."""

    count: int | str = 0
    items: list[Item] = field(default_factory=list)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("count", None, "count.int: Input should be a valid integer (it is None); count.str: "),
        ("items", (Item(),), "items: expected list (it is (Item(sizes=(0, 0)),))"),
    ],
)
async def test_a_state(name: str, value: Any, says: str) -> None:
    g = GraphBuilder(name="forgetful", state_type=Stock, input_type=int, output_type=int)

    @g.step
    async def first(ctx: StepContext[Stock, None, int]) -> int:
        setattr(ctx.state, name, value)
        return 1

    g.add(g.edge_from(g.start_node).to(first), g.edge_from(first).to(g.end_node))
    with pytest.raises(GraphRunError) as caught:
        await TemporalGraph(g.build()).local().proceed(inputs=1, state=Stock())
    assert caught.value.node_id == "first"
    assert says in caught.value.error_message


@dataclass(frozen=True)
class SoldOut(Exception):
    """Takes nothing written to it, a traceback neither."""

    item: str


def sold_out(*args: Any) -> Any:
    """Raises it."""
    raise SoldOut("apples")


def sold_out_at_once(current: int, value: int) -> int:
    """A reducer that does."""
    return sold_out()


@pytest.mark.parametrize(
    ("graph", "inputs"),
    [(after(sold_out), 1), (joined(sold_out_at_once, initial=0), [1])],
    ids=["transform", "reducer"],
)
async def test_an_exception_that_is_frozen(graph: TemporalGraph, inputs: Any) -> None:
    with pytest.raises(GraphRunError) as caught:
        await graph.local().proceed(inputs=inputs)
    assert (caught.value.error_type, caught.value.error_message) == ("SoldOut", "apples")
    assert caught.value.__cause__ == SoldOut("apples")
