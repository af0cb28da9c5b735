"""Forks: broadcasts, maps over everything that can be iterated, and one within the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_graph import GraphBuilder, StepContext, reduce_dict_update, reduce_list_append, reduce_sum

from tests.conformance.case import case


async def same(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


async def plus_one(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs + 1


async def times_ten(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs * 10


async def negate(ctx: StepContext[None, None, int]) -> int:
    return -ctx.inputs


async def upper(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs.upper()


# -- Broadcasts ----------------------------------------------------------------------------------------------------

g = GraphBuilder(name="two_destinations", input_type=int, output_type=list[int])
up, ten = g.step(plus_one), g.step(times_ten)
both = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).label("to both").to(up, ten, fork_id="two"),
    g.edge_from(up, ten).to(both),
    g.edge_from(both).to(g.end_node),
)
two_destinations = g.build()

g = GraphBuilder(name="three_branches", input_type=int, output_type=list[int])
up, ten, minus = g.step(plus_one), g.step(times_ten), g.step(negate)
three = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [
            e.label("up").to(up),
            e.label("ten").transform(lambda ctx: ctx.inputs + 2).to(ten),
            e.to(minus),
        ],
        fork_id="three",
    ),
    g.edge_from(up, ten, minus).to(three),
    g.edge_from(three).to(g.end_node),
)
three_branches = g.build()

g = GraphBuilder(name="edges_make_a_broadcast", input_type=int, output_type=list[int])
source, up, ten = g.step(same), g.step(plus_one), g.step(times_ten)
both = g.join(reduce_list_append, initial_factory=list[int])
g.add_edge(g.start_node, source)
g.add_edge(source, up)
g.add_edge(source, ten, label="the second edge")
g.add(g.edge_from(up, ten).to(both), g.edge_from(both).to(g.end_node))
edges_make_a_broadcast = g.build()

g = GraphBuilder(name="nested_broadcast", input_type=int, output_type=list[int])
up, ten, minus = g.step(plus_one), g.step(times_ten), g.step(negate)
all_three = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [
            e.to(up),
            e.broadcast(
                lambda f: [f.transform(lambda ctx: ctx.inputs + 100).to(ten), f.to(minus)],
                fork_id="inner",
            ),
        ],
        fork_id="outer",
    ),
    g.edge_from(up, ten, minus).to(all_three),
    g.edge_from(all_three).to(g.end_node),
)
nested_broadcast = g.build()

g = GraphBuilder(name="broadcast_of_several_sources", input_type=int, output_type=list[int])
first, second = g.step(plus_one, node_id="first"), g.step(times_ten, node_id="second")
up, minus = g.step(plus_one), g.step(negate)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).to(first, second),
    g.edge_from(first).to(up, minus, fork_id="of_first"),
    g.edge_from(second).to(up, minus, fork_id="of_second"),
    g.edge_from(up, minus).to(found),
    g.edge_from(found).to(g.end_node),
)
broadcast_of_several_sources = g.build()

# Upstream gives one broadcast that several sources share its branches once for each source, so that each branch runs
# twice for each value. It is upstream's to change: the case looks only at which values come out.
g = GraphBuilder(name="sources_share_a_broadcast", input_type=int, output_type=list[int])
first, second = g.step(plus_one, node_id="first"), g.step(times_ten, node_id="second")
up, minus = g.step(plus_one), g.step(negate)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).to(first, second),
    g.edge_from(first, second).to(up, minus, fork_id="shared"),
    g.edge_from(up, minus).to(found),
    g.edge_from(found).to(g.end_node),
)
sources_share_a_broadcast = g.build()

g = GraphBuilder(name="two_ways_to_one_step", input_type=int, output_type=list[int])
up = g.step(plus_one)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).broadcast(lambda e: [e.to(up), e.transform(lambda ctx: ctx.inputs * 2).to(up)]),
    g.edge_from(up).to(found),
    g.edge_from(found).to(g.end_node),
)
two_ways_to_one_step = g.build()

# -- Maps: over what -----------------------------------------------------------------------------------------------

g = GraphBuilder(name="map_list", input_type=list[int], output_type=list[int])
ten = g.step(times_ten)
found = g.join(reduce_list_append, initial_factory=list[int], node_id="found")
g.add_mapping_edge(
    g.start_node,
    ten,
    pre_map_label="the list",
    post_map_label="each",
    fork_id="each",  # pyright: ignore[reportArgumentType]
    downstream_join_id=found.id,
)
g.add(g.edge_from(ten).to(found), g.edge_from(found).to(g.end_node))
map_list = g.build()

g = GraphBuilder(name="map_tuple", input_type=tuple[int, ...], output_type=int)
minus = g.step(negate)
total = g.join(reduce_sum, initial=0)
g.add(
    g.edge_from(g.start_node).map().to(minus),
    g.edge_from(minus).to(total),
    g.edge_from(total).to(g.end_node),
)
map_tuple = g.build()

g = GraphBuilder(name="map_dict", input_type=dict[str, int], output_type=list[str])
shout = g.step(upper)
keys = g.join(reduce_list_append, initial_factory=list[str])
g.add(
    g.edge_from(g.start_node).map(fork_id="keys").to(shout),
    g.edge_from(shout).to(keys),
    g.edge_from(keys).to(g.end_node),
)
map_dict = g.build()

g = GraphBuilder(name="map_dict_items", input_type=dict[str, int], output_type=dict[str, int])


def pairs(ctx: StepContext[None, None, dict[str, int]]) -> list[tuple[str, int]]:
    return list(ctx.inputs.items())


@g.step
async def raise_price(ctx: StepContext[None, None, tuple[str, int]]) -> dict[str, int]:
    name, price = ctx.inputs
    return {name: price + 1}


prices = g.join(reduce_dict_update, initial_factory=dict[str, int])
g.add(
    g.edge_from(g.start_node).transform(pairs).map().to(raise_price),
    g.edge_from(raise_price).to(prices),
    g.edge_from(prices).to(g.end_node),
)
map_dict_items = g.build()

g = GraphBuilder(name="map_set", input_type=list[str], output_type=list[str])


@g.step
async def distinct(ctx: StepContext[None, None, list[str]]) -> set[str]:
    return set(ctx.inputs)


shout = g.step(upper)
words = g.join(reduce_list_append, initial_factory=list[str])
g.add(
    g.edge_from(g.start_node).to(distinct),
    g.edge_from(distinct).map().to(shout),
    g.edge_from(shout).to(words),
    g.edge_from(words).to(g.end_node),
)
map_set = g.build()

g = GraphBuilder(name="map_text", input_type=str, output_type=list[str])
shout = g.step(upper)
letters = g.join(reduce_list_append, initial_factory=list[str])
g.add(
    g.edge_from(g.start_node).map(fork_id="letters").to(shout),
    g.edge_from(shout).to(letters),
    g.edge_from(letters).to(g.end_node),
)
map_text = g.build()

g = GraphBuilder(name="map_generator_of_a_transform", input_type=int, output_type=int)


def downwards(ctx: StepContext[None, None, int]) -> Iterator[int]:
    number = ctx.inputs
    while number > 0:
        yield number
        number -= 1


ten = g.step(times_ten)
total = g.join(reduce_sum, initial=0)
g.add(
    g.edge_from(g.start_node).transform(downwards).map().to(ten),
    g.edge_from(ten).to(total),
    g.edge_from(total).to(g.end_node),
)
map_generator_of_a_transform = g.build()


@dataclass(frozen=True)
class Page:
    number: int
    words: list[str]


g = GraphBuilder(name="map_stream_of_records", input_type=int, output_type=int)


@g.stream
async def pages(ctx: StepContext[None, None, int]) -> AsyncIterator[Page]:
    for number in range(1, ctx.inputs + 1):
        yield Page(number, ["word"] * number)


@g.step
async def count_words(ctx: StepContext[None, None, Page]) -> int:
    assert type(ctx.inputs) is Page
    return len(ctx.inputs.words)


total = g.join(reduce_sum, initial=0)
g.add(
    g.edge_from(g.start_node).to(pages),
    g.edge_from(pages).map(fork_id="each_page").to(count_words),
    g.edge_from(count_words).to(total),
    g.edge_from(total).to(g.end_node),
)
map_stream_of_records = g.build()

g = GraphBuilder(name="map_mixed_items", input_type=list[Any], output_type=list[str])


@g.step
async def describe(ctx: StepContext[None, None, int | str | None]) -> str:
    return f"{type(ctx.inputs).__name__} {ctx.inputs}"


described = g.join(reduce_list_append, initial_factory=list[str])
g.add(
    g.edge_from(g.start_node).map().to(describe),
    g.edge_from(describe).to(described),
    g.edge_from(described).to(g.end_node),
)
map_mixed_items = g.build()

# -- Maps of nothing -----------------------------------------------------------------------------------------------

g = GraphBuilder(name="empty_map_among_branches", input_type=list[int], output_type=list[int])
ten, minus = g.step(times_ten), g.step(negate)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [e.map(fork_id="each").to(ten), e.transform(lambda ctx: len(ctx.inputs)).to(minus)]
    ),
    g.edge_from(ten, minus).to(found),
    g.edge_from(found).to(g.end_node),
)
empty_map_among_branches = g.build()

g = GraphBuilder(name="empty_inner_maps", input_type=list[list[int]], output_type=list[int])
ten = g.step(times_ten)
row = g.join(reduce_sum, initial=0, node_id="row", parent_fork_id="cells")
rows = g.join(reduce_list_append, initial_factory=list[int], node_id="rows", parent_fork_id="rows_of")
g.add(
    g.edge_from(g.start_node)
    .map(fork_id="rows_of", downstream_join_id=rows.id)
    .map(fork_id="cells", downstream_join_id=row.id)
    .to(ten),
    g.edge_from(ten).to(row),
    g.edge_from(row).to(rows),
    g.edge_from(rows).to(g.end_node),
)
empty_inner_maps = g.build()

# -- One within the other ------------------------------------------------------------------------------------------

g = GraphBuilder(name="map_of_map", input_type=list[list[int]], output_type=list[int])
ten = g.step(times_ten)
flat = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).map(fork_id="rows").label("a row").map(fork_id="cells").to(ten),
    g.edge_from(ten).to(flat),
    g.edge_from(flat).to(g.end_node),
)
map_of_map = g.build()

g = GraphBuilder(name="map_of_what_a_mapped_step_gives", input_type=list[int], output_type=list[int])


@g.step
async def up_to(ctx: StepContext[None, None, int]) -> list[int]:
    return list(range(ctx.inputs))


minus = g.step(negate)
flat = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).map().to(up_to),
    g.edge_from(up_to).map().to(minus),
    g.edge_from(minus).to(flat),
    g.edge_from(flat).to(g.end_node),
)
map_of_what_a_mapped_step_gives = g.build()

g = GraphBuilder(name="broadcast_of_map", input_type=list[int], output_type=list[int])
up, ten, minus = g.step(plus_one), g.step(times_ten), g.step(negate)
flat = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [
            e.map(fork_id="ups").to(up),
            e.map(fork_id="tens").to(ten),
            e.transform(lambda ctx: sum(ctx.inputs)).to(minus),
        ]
    ),
    g.edge_from(up, ten, minus).to(flat),
    g.edge_from(flat).to(g.end_node),
)
broadcast_of_map = g.build()

g = GraphBuilder(name="map_of_broadcast", input_type=list[int], output_type=list[int])
up, ten = g.step(plus_one), g.step(times_ten)
flat = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node)
    .map(fork_id="each")
    .transform(lambda ctx: ctx.inputs + 1)
    .label("two ways")
    .to(up, ten, fork_id="two_ways"),
    g.edge_from(up, ten).to(flat),
    g.edge_from(flat).to(g.end_node),
)
map_of_broadcast = g.build()

g = GraphBuilder(name="wide_map", input_type=int, output_type=int)
minus = g.step(negate)
total = g.join(reduce_sum, initial=0)
g.add(
    g.edge_from(g.start_node).transform(lambda ctx: range(ctx.inputs)).map(fork_id="wide").to(minus),
    g.edge_from(minus).to(total),
    g.edge_from(total).to(g.end_node),
)
wide_map = g.build()

CASES = [
    case("two_destinations", two_destinations, "broadcast fork_id label", [6, 50], inputs=5, normalize=sorted),
    case("three_branches", three_branches, "broadcast label transform", [-5, 6, 70], inputs=5, normalize=sorted),
    case("edges_make_a_broadcast", edges_make_a_broadcast, "broadcast add_edge", [6, 50], inputs=5, normalize=sorted),
    case("nested_broadcast", nested_broadcast, "broadcast nested_fork", [-5, 6, 1050], inputs=5, normalize=sorted),
    case(
        "broadcast_of_several_sources",
        broadcast_of_several_sources,
        "broadcast several_sources",
        [-50, -6, 7, 51],
        inputs=5,
        normalize=sorted,
    ),
    case(
        "sources_share_a_broadcast",
        sources_share_a_broadcast,
        "broadcast several_sources fork_id",
        [-50, -6, 7, 51],
        inputs=5,
        normalize=lambda found: sorted(set(found)),
    ),
    case("two_ways_to_one_step", two_ways_to_one_step, "broadcast transform", [6, 11], inputs=5, normalize=sorted),
    case(
        "map_list",
        map_list,
        "map add_mapping_edge label fork_id downstream_join_id",
        [10, 20],
        inputs=[1, 2],
        normalize=sorted,
    ),
    case("map_empty_list", map_list, "map empty_map downstream_join_id", [], inputs=[]),
    case("map_tuple", map_tuple, "map tuple", -6, inputs=(1, 2, 3)),
    case("map_dict", map_dict, "map dict", ["A", "B"], inputs={"a": 1, "b": 2}, normalize=sorted),
    case("map_dict_items", map_dict_items, "map dict tuple reduce_dict_update", {"tea": 3}, inputs={"tea": 2}),
    case("map_set", map_set, "map set", ["A", "B"], inputs=["a", "b", "a"], normalize=sorted),
    case("map_text", map_text, "map str", ["A", "A", "B"], inputs="aba", normalize=sorted),
    case("map_generator_of_a_transform", map_generator_of_a_transform, "map generator transform", 60, inputs=3),
    case("map_stream_of_records", map_stream_of_records, "map stream dataclass", 6, inputs=3),
    case(
        "map_mixed_items",
        map_mixed_items,
        "map union any",
        ["NoneType None", "int 1", "str 1"],
        inputs=[1, "1", None],
        normalize=sorted,
    ),
    case(
        "full_map_among_branches",
        empty_map_among_branches,
        "broadcast map",
        [-2, 10, 20],
        inputs=[1, 2],
        normalize=sorted,
    ),
    case("empty_map_among_branches", empty_map_among_branches, "broadcast map empty_map", [0], inputs=[]),
    case(
        "empty_inner_maps",
        empty_inner_maps,
        "map nested_fork empty_map downstream_join_id parent_fork_id",
        [0, 0, 30, 40],
        inputs=[[1, 2], [], [4], []],
        normalize=sorted,
    ),
    case("empty_outer_map", empty_inner_maps, "map nested_fork empty_map downstream_join_id", [], inputs=[]),
    case("map_of_map", map_of_map, "map nested_fork label", [10, 20, 30], inputs=[[1, 2], [], [3]], normalize=sorted),
    case(
        "map_of_what_a_mapped_step_gives",
        map_of_what_a_mapped_step_gives,
        "map nested_fork",
        [-2, -1, -1, 0, 0, 0],
        inputs=[3, 1, 2, 0],
        normalize=sorted,
    ),
    case(
        "broadcast_of_map",
        broadcast_of_map,
        "broadcast map nested_fork",
        [-3, 2, 3, 10, 20],
        inputs=[1, 2],
        normalize=sorted,
    ),
    case(
        "map_of_broadcast",
        map_of_broadcast,
        "map broadcast nested_fork transform label",
        [3, 4, 20, 30],
        inputs=[1, 2],
        normalize=sorted,
    ),
    case("wide_map", wide_map, "map", -1225, inputs=50),
]
