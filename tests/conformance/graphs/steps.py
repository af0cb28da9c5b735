"""Steps, labels, transforms, streams."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append, reduce_sum

from tests.conformance.case import case

Ints = StepContext[None, None, int]


async def add_one(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs + 1


def _chain() -> GraphBuilder[None, None, int, int]:
    g = GraphBuilder(name="chain", input_type=int, output_type=int)
    first = g.step(add_one, node_id="first", label="the first")
    second = g.step(node_id="second")(add_one)
    g.add_edge(g.start_node, first, label="begin")
    g.add_edge(first, second)
    g.add(g.edge_from(second).label("last").to(g.end_node))
    return g


chain = _chain().build()

g = GraphBuilder(name="no_inputs", output_type=str)


@g.step
async def hello(ctx: StepContext[None, None, None]) -> str:
    assert ctx.inputs is None
    return "hello"


g.add(g.edge_from(g.start_node).to(hello), g.edge_from(hello).to(g.end_node))
no_inputs = g.build()

g = GraphBuilder(name="transforms", input_type=int, output_type=str)


def to_text(ctx: StepContext[None, None, int]) -> str:
    return f"<{ctx.inputs}>"


double = g.step(add_one, node_id="double")
g.add(
    g.edge_from(g.start_node).transform(lambda ctx: ctx.inputs * 10).to(double),
    g.edge_from(double).transform(lambda ctx: ctx.inputs * 2).label("twice").transform(to_text).to(g.end_node),
)
transforms = g.build()

g = GraphBuilder(name="straight", input_type=int, output_type=int)
g.add(g.edge_from(g.start_node).transform(lambda ctx: ctx.inputs + 5).to(g.end_node))
straight = g.build()


@dataclass
class Rate:
    factor: int = 3


g = GraphBuilder(name="transform_reads_state", state_type=Rate, input_type=int, output_type=int)


@g.step
async def faster(ctx: StepContext[Rate, None, int]) -> int:
    ctx.state.factor += 1
    return ctx.inputs


def times_factor(ctx: StepContext[Rate, None, int]) -> int:
    return ctx.inputs * ctx.state.factor


g.add(g.edge_from(g.start_node).to(faster), g.edge_from(faster).transform(times_factor).to(g.end_node))
transform_reads_state = g.build()

g = GraphBuilder(name="transform_changes_state", state_type=Rate, input_type=int, output_type=int)


def raise_factor(ctx: StepContext[Rate, None, int]) -> int:
    ctx.state.factor = 40
    return ctx.inputs


@g.step
async def use_factor(ctx: StepContext[Rate, None, int]) -> int:
    return ctx.inputs + ctx.state.factor


g.add(
    g.edge_from(g.start_node).transform(raise_factor).to(use_factor),
    g.edge_from(use_factor).to(g.end_node),
)
transform_changes_state = g.build()

g = GraphBuilder(name="stream", input_type=int, output_type=list[int])


@g.stream
async def count(ctx: StepContext[None, None, int]) -> AsyncIterator[int]:
    for number in range(ctx.inputs):
        yield number


@g.step
async def square(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs**2


squares = g.join(reduce_list_append, initial_factory=list[int], node_id="squares")
g.add(
    g.edge_from(g.start_node).to(count),
    g.edge_from(count).map(downstream_join_id=squares.id, fork_id="each").to(square),
    g.edge_from(square).to(squares),
    g.edge_from(squares).to(g.end_node),
)
stream = g.build()

g = GraphBuilder(name="stream_read_by_a_step", input_type=int, output_type=int)


@g.stream(node_id="numbers", label="numbers")
async def numbers(ctx: StepContext[None, None, int]) -> AsyncIterator[int]:
    for number in range(ctx.inputs):
        yield number


@g.step
async def add_up(ctx: StepContext[None, None, AsyncIterable[int]]) -> int:
    return sum([number async for number in ctx.inputs])


g.add(g.edge_from(g.start_node).to(numbers), g.edge_from(numbers).to(add_up), g.edge_from(add_up).to(g.end_node))
stream_read_by_a_step = g.build()

g = GraphBuilder(name="generator", input_type=int, output_type=int)


@g.step
async def lazily(ctx: StepContext[None, None, int]) -> Iterator[int]:
    return (number * 2 for number in range(ctx.inputs))


@g.step
async def same(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


total = g.join(reduce_sum, initial=0)
g.add(
    g.edge_from(g.start_node).to(lazily),
    g.edge_from(lazily).map().to(same),
    g.edge_from(same).to(total),
    g.edge_from(total).to(g.end_node),
)
generator = g.build()

g = GraphBuilder(name="range_is_iterable", input_type=int, output_type=int)


@g.step
async def as_range(ctx: StepContext[None, None, int]) -> Iterable[int]:
    return range(ctx.inputs)


@g.step
async def length(ctx: StepContext[None, None, Iterable[int]]) -> int:
    return len(list(ctx.inputs))


g.add(g.edge_from(g.start_node).to(as_range), g.edge_from(as_range).to(length), g.edge_from(length).to(g.end_node))
range_is_iterable = g.build()


@dataclass
class Shop:
    prices: dict[str, int]


g = GraphBuilder(name="deps", deps_type=Shop, input_type=str, output_type=int)


@g.step
async def price(ctx: StepContext[None, Shop, str]) -> int:
    return ctx.deps.prices[ctx.inputs]


g.add(g.edge_from(g.start_node).to(price), g.edge_from(price).to(g.end_node))
deps = g.build()

g = GraphBuilder(name="undeclared", deps_type=str)  # no input_type, no output_type: the steps say it all


@g.step
async def shout(ctx: StepContext[None, str, str]) -> str:
    return ctx.inputs.upper() + ctx.deps


g.add(g.edge_from(g.start_node).to(shout), g.edge_from(shout).to(g.end_node))
undeclared = g.build()

CASES = [
    case("chain", chain, "step node_id label add_edge", 3, inputs=1),
    case("no_inputs", no_inputs, "step", "hello"),
    case("transforms", transforms, "transform lambda label", "<22>", inputs=1),
    case("straight", straight, "transform lambda", 6, inputs=1),
    case(
        "transform_reads_state",
        transform_reads_state,
        "transform state",
        20,
        inputs=5,
        state=Rate,
        expected_state=Rate(4),
    ),
    case(
        "transform_changes_state",
        transform_changes_state,
        "transform state",
        45,
        inputs=5,
        state=Rate,
        expected_state=Rate(40),
    ),
    case("stream", stream, "stream map downstream_join_id", [0, 1, 4], inputs=3, normalize=sorted),
    case("stream_of_nothing", stream, "stream map empty_map downstream_join_id", [], inputs=0, normalize=sorted),
    case("stream_read_by_a_step", stream_read_by_a_step, "stream", 6, inputs=4),
    case("generator", generator, "map generator reduce_sum", 12, inputs=4),
    case("range_is_iterable", range_is_iterable, "generator", 4, inputs=4),
    case("deps", deps, "deps", 7, inputs="tea", deps=lambda: Shop({"tea": 7})),
    case("undeclared", undeclared, "deps undeclared", "HI!", inputs="hi", deps=lambda: "!"),
]
