"""Joins: which fork they belong to, how they follow each other, and what happens when some branches never come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_graph import (
    GraphBuilder,
    StepContext,
    TypeExpression,
    reduce_dict_update,
    reduce_list_append,
    reduce_list_extend,
    reduce_null,
    reduce_sum,
)

from tests.conformance.case import case


async def same(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


async def plus_one(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs + 1


async def times_ten(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs * 10


async def both_halves(ctx: StepContext[None, None, int]) -> list[int]:
    return [ctx.inputs // 2, ctx.inputs - ctx.inputs // 2]


def is_odd(value: Any) -> bool:
    return value % 2 == 1


def sorted_rows(rows: list[list[int]]) -> list[list[int]]:
    return sorted(sorted(row) for row in rows)


# -- Whose join ----------------------------------------------------------------------------------------------------

g = GraphBuilder(name="join_without_a_fork", input_type=int, output_type=list[int])
up = g.step(plus_one)
lone = g.join(reduce_list_append, initial_factory=list[int])
g.add(g.edge_from(g.start_node).to(up), g.edge_from(up).to(lone), g.edge_from(lone).to(g.end_node))
join_without_a_fork = g.build()

g = GraphBuilder(name="join_without_steps", input_type=list[int], output_type=int)
total = g.join(reduce_sum, initial=0)
g.add(g.edge_from(g.start_node).map().label("each").to(total), g.edge_from(total).to(g.end_node))
join_without_steps = g.build()

g = GraphBuilder(name="farthest", input_type=list[list[int]], output_type=list[int])
up = g.step(plus_one)
inner = g.join(reduce_sum, initial=0, node_id="inner")  # waits for the whole run, so that it fires once
outer = g.join(reduce_list_append, initial_factory=list[int], node_id="outer")
g.add(
    g.edge_from(g.start_node).map(fork_id="rows").map(fork_id="cells").to(up),
    g.edge_from(up).to(inner),
    g.edge_from(inner).to(outer),
    g.edge_from(outer).to(g.end_node),
)
farthest = g.build()

g = GraphBuilder(name="closest", input_type=list[list[int]], output_type=list[int])
up = g.step(plus_one)
inner = g.join(reduce_sum, initial=0, node_id="inner", preferred_parent_fork="closest")
outer = g.join(reduce_list_append, initial_factory=list[int], node_id="outer", preferred_parent_fork="farthest")
g.add(
    g.edge_from(g.start_node).map(fork_id="rows").map(fork_id="cells").to(up),
    g.edge_from(up).to(inner),
    g.edge_from(inner).to(outer),
    g.edge_from(outer).to(g.end_node),
)
closest = g.build()

g = GraphBuilder(name="three_levels", input_type=list[list[list[int]]], output_type=list[list[int]])
up = g.step(plus_one)
line = g.join(reduce_sum, initial=0, node_id="line", parent_fork_id="cells")
page = g.join(reduce_list_append, initial_factory=list[int], node_id="page", parent_fork_id="lines")
book = g.join(reduce_list_append, initial_factory=list[list[int]], node_id="book", parent_fork_id="pages")
g.add(
    g.edge_from(g.start_node).map(fork_id="pages").map(fork_id="lines").map(fork_id="cells").to(up),
    g.edge_from(up).to(line),
    g.edge_from(line).to(page),
    g.edge_from(page).to(book),
    g.edge_from(book).to(g.end_node),
)
three_levels = g.build()

g = GraphBuilder(name="join_skips_a_level", input_type=list[list[list[int]]], output_type=list[list[int]])
up = g.step(plus_one)
page = g.join(reduce_list_append, initial_factory=list[int], node_id="page", parent_fork_id="lines")
book = g.join(reduce_list_append, initial_factory=list[list[int]], node_id="book", parent_fork_id="pages")
g.add(
    g.edge_from(g.start_node).map(fork_id="pages").map(fork_id="lines").map(fork_id="cells").to(up),
    g.edge_from(up).to(page),
    g.edge_from(page).to(book),
    g.edge_from(book).to(g.end_node),
)
join_skips_a_level = g.build()

g = GraphBuilder(name="whole_run_named", input_type=list[list[int]], output_type=int)
up = g.step(plus_one)
everything = g.join(reduce_sum, initial=0, node_id="everything", parent_fork_id=g.start_node.id)
g.add(
    g.edge_from(g.start_node).map(fork_id="rows").map(fork_id="cells").to(up),
    g.edge_from(up).to(everything),
    g.edge_from(everything).to(g.end_node),
)
whole_run_named = g.build()

# -- One after the other -------------------------------------------------------------------------------------------

g = GraphBuilder(name="chained", input_type=list[int], output_type=str)
up = g.step(plus_one)
single = g.join(reduce_list_append, initial_factory=list[int], node_id="single")
double = g.join(reduce_list_extend, initial_factory=list[int], node_id="double")


@g.step
async def show(ctx: StepContext[None, None, str]) -> str:
    return f"<{ctx.inputs}>"


def as_text(ctx: StepContext[None, None, list[int]]) -> str:
    return " ".join(str(number) for number in sorted(ctx.inputs))


g.add(
    g.edge_from(g.start_node).map().to(up),
    g.edge_from(up).to(single),
    g.edge_from(single).label("straight on").to(double),
    g.edge_from(double).transform(as_text).label("in order").to(show),
    g.edge_from(show).to(g.end_node),
)
chained = g.build()

g = GraphBuilder(name="map_from_a_join", input_type=list[int], output_type=list[int])
up, ten = g.step(plus_one), g.step(times_ten)
before = g.join(reduce_list_append, initial_factory=list[int], node_id="before", parent_fork_id="first")
after = g.join(reduce_list_append, initial_factory=list[int], node_id="after", parent_fork_id="second")
g.add(
    g.edge_from(g.start_node).map(fork_id="first").to(up),
    g.edge_from(up).to(before),
    g.edge_from(before).map(fork_id="second").to(ten),
    g.edge_from(ten).to(after),
    g.edge_from(after).to(g.end_node),
)
map_from_a_join = g.build()

g = GraphBuilder(name="broadcast_from_a_join", input_type=list[int], output_type=list[int])
step, up, ten = g.step(same), g.step(plus_one), g.step(times_ten)
total = g.join(reduce_sum, initial=0, node_id="total")
ways = g.join(reduce_list_append, initial_factory=list[int], node_id="ways")
g.add(
    g.edge_from(g.start_node).map().to(step),
    g.edge_from(step).to(total),
    g.edge_from(total).to(up, ten),
    g.edge_from(up, ten).to(ways),
    g.edge_from(ways).to(g.end_node),
)
broadcast_from_a_join = g.build()

g = GraphBuilder(name="fork_and_join_twice", input_type=int, output_type=int)
halve, up = g.step(both_halves, node_id="halve"), g.step(plus_one, node_id="up")
again, ten = g.step(both_halves, node_id="again"), g.step(times_ten, node_id="ten")
one = g.join(reduce_sum, initial=0, node_id="one", preferred_parent_fork="closest")
two = g.join(reduce_sum, initial=0, node_id="two", preferred_parent_fork="closest")
g.add(
    g.edge_from(g.start_node).to(halve),
    g.edge_from(halve).map().to(up),
    g.edge_from(up).to(one),
    g.edge_from(one).to(again),
    g.edge_from(again).map().to(ten),
    g.edge_from(ten).to(two),
    g.edge_from(two).to(g.end_node),
)
fork_and_join_twice = g.build()

g = GraphBuilder(name="inner_broadcast_joined", input_type=list[int], output_type=list[list[int]])
step, up, ten = g.step(same), g.step(plus_one), g.step(times_ten)
pair = g.join(reduce_list_append, initial_factory=list[int], node_id="pair", parent_fork_id="ways")
rows = g.join(reduce_list_append, initial_factory=list[list[int]], node_id="rows", parent_fork_id="each")
g.add(
    g.edge_from(g.start_node).map(fork_id="each").to(step),
    g.edge_from(step).to(up, ten, fork_id="ways"),
    g.edge_from(up, ten).to(pair),
    g.edge_from(pair).to(rows),
    g.edge_from(rows).to(g.end_node),
)
inner_broadcast_joined = g.build()

# -- Several joins, several forks ----------------------------------------------------------------------------------

g = GraphBuilder(name="two_joins_of_one_fork", input_type=list[int], output_type=dict[str, int])
step = g.step(same)
odds = g.join(reduce_sum, initial=0, node_id="odds", parent_fork_id="each")
evens = g.join(reduce_sum, initial=0, node_id="evens", parent_fork_id="each")
sums = g.join(reduce_dict_update, initial_factory=dict[str, int], node_id="sums")


def named_odd(ctx: StepContext[None, None, int]) -> dict[str, int]:
    return {"odd": ctx.inputs}


def named_even(ctx: StepContext[None, None, int]) -> dict[str, int]:
    return {"even": ctx.inputs}


g.add(
    g.edge_from(g.start_node).map(fork_id="each").to(step),
    g.edge_from(step).to(
        g.decision(node_id="parity").branch(g.match(int, matches=is_odd).to(odds)).branch(g.match(int).to(evens))
    ),
    g.edge_from(odds).transform(named_odd).to(sums),
    g.edge_from(evens).transform(named_even).to(sums),
    g.edge_from(sums).to(g.end_node),
)
two_joins_of_one_fork = g.build()

g = GraphBuilder(name="join_of_several_forks", input_type=list[int], output_type=list[int])
up, ten, step = g.step(plus_one), g.step(times_ten), g.step(same)
found = g.join(reduce_list_append, initial_factory=list[int], parent_fork_id="all")
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [
            e.map(fork_id="ups").to(up),
            e.map(fork_id="tens").to(ten),
            e.transform(lambda ctx: len(ctx.inputs)).to(step),
            e.transform(lambda ctx: -sum(ctx.inputs)).to(found),
        ],
        fork_id="all",
    ),
    g.edge_from(up, ten, step).to(found),
    g.edge_from(found).to(g.end_node),
)
join_of_several_forks = g.build()

g = GraphBuilder(name="branches_of_unequal_length", input_type=int, output_type=list[int])
one, two, three = (g.step(plus_one, node_id=name) for name in ("one", "two", "three"))
short = g.step(times_ten)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).to(one, short),
    g.edge_from(one).to(two),
    g.edge_from(two).to(three),
    g.edge_from(three, short).to(found),
    g.edge_from(found).to(g.end_node),
)
branches_of_unequal_length = g.build()

# -- Some branches never come --------------------------------------------------------------------------------------


@dataclass
class Seen:
    dropped: list[int] = field(default_factory=list[int])


g = GraphBuilder(name="some_are_dropped", state_type=Seen, input_type=list[int], output_type=int)
step = g.step(same)


@g.step
async def drop(ctx: StepContext[Seen, None, int]) -> None:
    ctx.state.dropped.append(ctx.inputs)


kept = g.join(reduce_sum, initial=0, node_id="kept", parent_fork_id="each")
dropped = g.join(reduce_null, initial=None, node_id="dropped", parent_fork_id="each")
last = g.join(reduce_sum, initial=0, node_id="last")
g.add(
    g.edge_from(g.start_node).map(fork_id="each").to(step),
    g.edge_from(step).to(
        g.decision(node_id="keep").branch(g.match(int, matches=is_odd).to(kept)).branch(g.match(int).to(drop))
    ),
    g.edge_from(drop).to(dropped),
    g.edge_from(dropped).transform(lambda ctx: 1000).to(last),
    g.edge_from(kept).to(last),
    g.edge_from(last).to(g.end_node),
)
some_are_dropped = g.build()

g = GraphBuilder(name="straight_or_by_a_detour", input_type=list[int], output_type=list[int])
step, ten = g.step(same), g.step(times_ten)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).map().to(step),
    g.edge_from(step).to(
        g.decision(node_id="odd").branch(g.match(int, matches=is_odd).to(ten)).branch(g.match(int).to(found))
    ),
    g.edge_from(ten).to(found),
    g.edge_from(found).to(g.end_node),
)
straight_or_by_a_detour = g.build()

g = GraphBuilder(name="join_in_one_branch", input_type=int, output_type=str)


@g.step
async def divisors(ctx: StepContext[None, None, int]) -> list[int] | str:
    found = [number for number in range(2, ctx.inputs) if ctx.inputs % number == 0]
    return found or "prime"


up = g.step(plus_one)
total = g.join(reduce_sum, initial=0, node_id="total", parent_fork_id="each")
g.add(
    g.edge_from(g.start_node).to(divisors),
    g.edge_from(divisors).to(
        g.decision(node_id="is_prime")
        .branch(g.match(TypeExpression[list[int]], matches=lambda v: isinstance(v, list)).map(fork_id="each").to(up))
        .branch(g.match(str).to(g.end_node))
    ),
    g.edge_from(up).to(total),
    g.edge_from(total).transform(lambda ctx: f"total {ctx.inputs}").to(g.end_node),
)
join_in_one_branch = g.build()

# -- Loops ---------------------------------------------------------------------------------------------------------

g = GraphBuilder(name="join_in_a_loop", input_type=int, output_type=int)
split, up = g.step(both_halves), g.step(plus_one)
total = g.join(reduce_sum, initial=0, node_id="total", parent_fork_id="halves")
g.add(
    g.edge_from(g.start_node).to(split),
    g.edge_from(split).map(fork_id="halves").to(up),
    g.edge_from(up).to(total),
    g.edge_from(total).to(
        g.decision(node_id="enough")
        .branch(g.match(int, matches=lambda value: value < 10).label("again").to(split))
        .branch(g.match(int).to(g.end_node))
    ),
)
join_in_a_loop = g.build()

g = GraphBuilder(name="join_in_a_loop_by_default", input_type=int, output_type=int)
split, up = g.step(both_halves), g.step(plus_one)
total = g.join(reduce_sum, initial=0, node_id="total")  # a cycle goes through it, so it cannot wait for the whole run
g.add(
    g.edge_from(g.start_node).to(split),
    g.edge_from(split).map().to(up),
    g.edge_from(up).to(total),
    g.edge_from(total).to(
        g.decision()
        .branch(g.match(int, matches=lambda value: value < 10).to(split))
        .branch(g.match(int).to(g.end_node))
    ),
)
join_in_a_loop_by_default = g.build()

g = GraphBuilder(name="loop_with_a_shrinking_map", state_type=Seen, input_type=list[int], output_type=list[int])
step = g.step(same)


@g.step
async def drop_largest(ctx: StepContext[Seen, None, list[int]]) -> list[int]:
    numbers = sorted(ctx.inputs)
    if numbers:
        ctx.state.dropped.append(numbers.pop())
    return numbers


left = g.join(reduce_list_append, initial_factory=list[int], node_id="left", parent_fork_id="each")


def is_all_dropped(ctx: StepContext[Seen, None, list[int]]) -> list[int] | None:
    return ctx.inputs or None


def all_dropped(ctx: StepContext[Seen, None, None]) -> list[int]:
    return ctx.state.dropped


g.add(
    g.edge_from(g.start_node).to(drop_largest),
    g.edge_from(drop_largest).map(fork_id="each", downstream_join_id=left.id).to(step),
    g.edge_from(step).to(left),
    g.edge_from(left)
    .transform(is_all_dropped)
    .to(
        g.decision(node_id="any_left")
        .branch(g.match(type(None)).transform(all_dropped).to(g.end_node))
        .branch(g.match(list).to(drop_largest))
    ),
)
loop_with_a_shrinking_map = g.build()

g = GraphBuilder(name="loops_in_branches", input_type=list[int], output_type=list[int])
up = g.step(plus_one)
found = g.join(reduce_list_append, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).map().to(up),
    g.edge_from(up).to(
        g.decision(node_id="again")
        .branch(g.match(int, matches=lambda value: value % 5 != 0).to(up))
        .branch(g.match(int).to(found))
    ),
    g.edge_from(found).to(g.end_node),
)
loops_in_branches = g.build()

g = GraphBuilder(name="forks_in_loops_in_branches", input_type=list[int], output_type=list[int])
split, up = g.step(both_halves), g.step(plus_one)
total = g.join(reduce_sum, initial=0, node_id="total", parent_fork_id="halves")
found = g.join(reduce_list_append, initial_factory=list[int], node_id="found", parent_fork_id="each")
g.add(
    g.edge_from(g.start_node).map(fork_id="each", downstream_join_id=found.id).to(split),
    g.edge_from(split).map(fork_id="halves").to(up),
    g.edge_from(up).to(total),
    g.edge_from(total).to(
        g.decision(node_id="enough")
        .branch(g.match(int, matches=lambda value: value < 10).to(split))
        .branch(g.match(int).to(found))
    ),
    g.edge_from(found).to(g.end_node),
)
forks_in_loops_in_branches = g.build()

CASES = [
    case("join_without_a_fork", join_without_a_fork, "join_of_start reduce_list_append", [6], inputs=5),
    case("join_without_steps", join_without_steps, "map reduce_sum label", 6, inputs=[1, 2, 3]),
    case("farthest", farthest, "map nested_fork chained_join preferred_parent_fork", [9], inputs=[[1, 2], [3]]),
    case(
        "closest",
        closest,
        "map nested_fork nested_join preferred_parent_fork",
        [4, 5],
        inputs=[[1, 2], [3]],
        normalize=sorted,
    ),
    case(
        "three_levels",
        three_levels,
        "map nested_fork nested_join parent_fork_id",
        [[2, 5], [9, 30]],
        inputs=[[[1, 2], [1]], [[9, 19], [8]]],
        normalize=sorted_rows,
    ),
    case(
        "join_skips_a_level",
        join_skips_a_level,
        "map nested_fork nested_join parent_fork_id",
        [[2, 2, 3], [9, 10, 20]],
        inputs=[[[1, 2], [1]], [[9, 19], [8]]],
        normalize=sorted_rows,
    ),
    case("whole_run_named", whole_run_named, "map nested_fork join_of_start parent_fork_id", 9, inputs=[[1, 2], [3]]),
    case("chained", chained, "map chained_join transform label reduce_list_extend", "<2 3 4>", inputs=[3, 1, 2]),
    case(
        "map_from_a_join",
        map_from_a_join,
        "map map_from_join chained_join parent_fork_id",
        [20, 30],
        inputs=[1, 2],
        normalize=sorted,
    ),
    case(
        "broadcast_from_a_join",
        broadcast_from_a_join,
        "map broadcast chained_join",
        [7, 60],
        inputs=[1, 2, 3],
        normalize=sorted,
    ),
    case("fork_and_join_twice", fork_and_join_twice, "map chained_join preferred_parent_fork", 110, inputs=9),
    case(
        "inner_broadcast_joined",
        inner_broadcast_joined,
        "map broadcast nested_fork nested_join parent_fork_id",
        [[2, 10], [3, 20]],
        inputs=[1, 2],
        normalize=sorted_rows,
    ),
    case(
        "two_joins_of_one_fork",
        two_joins_of_one_fork,
        "map decision several_joins chained_join parent_fork_id transform",
        {"odd": 4, "even": 6},
        inputs=[1, 2, 3, 4],
    ),
    case(
        "one_of_two_joins_gets_nothing",
        two_joins_of_one_fork,
        "map decision several_joins chained_join join_of_nothing",
        {"even": 6},
        inputs=[2, 4],
    ),
    case(
        "join_of_several_forks",
        join_of_several_forks,
        "broadcast map nested_fork parent_fork_id transform",
        [-3, 2, 2, 3, 10, 20],
        inputs=[1, 2],
        normalize=sorted,
    ),
    case(
        "join_of_several_forks_some_empty",
        join_of_several_forks,
        "broadcast map empty_map parent_fork_id",
        [0, 0],
        inputs=[],
    ),
    case("branches_of_unequal_length", branches_of_unequal_length, "broadcast", [8, 50], inputs=5, normalize=sorted),
    case(
        "some_are_dropped",
        some_are_dropped,
        "map decision several_joins reduce_null state parent_fork_id",
        1004,
        inputs=[1, 2, 3, 4],
        state=Seen,
        expected_state=Seen([2, 4]),
        normalize_state=lambda seen: Seen(sorted(seen.dropped)),
    ),
    case(
        "none_is_dropped",
        some_are_dropped,
        "map decision several_joins join_of_nothing",
        4,
        inputs=[1, 3],
        state=Seen,
        expected_state=Seen([]),
    ),
    case(
        "straight_or_by_a_detour",
        straight_or_by_a_detour,
        "map decision",
        [2, 4, 10, 30],
        inputs=[1, 2, 3, 4],
        normalize=sorted,
    ),
    case("join_in_one_branch", join_in_one_branch, "decision map parent_fork_id transform", "total 19", inputs=12),
    case("join_in_no_branch", join_in_one_branch, "decision join_of_nothing", "prime", inputs=13),
    case("join_in_a_loop", join_in_a_loop, "loop map decision parent_fork_id", 11, inputs=3),
    case("join_in_a_loop_by_default", join_in_a_loop_by_default, "loop map decision", 11, inputs=3),
    case(
        "loop_with_a_shrinking_map",
        loop_with_a_shrinking_map,
        "loop map empty_map decision state transform downstream_join_id parent_fork_id",
        [8, 5, 3, 1],
        inputs=[3, 8, 1, 5],
        state=Seen,
        expected_state=Seen([8, 5, 3, 1]),
    ),
    case("loops_in_branches", loops_in_branches, "loop map decision", [5, 10, 10], inputs=[1, 7, 9], normalize=sorted),
    case(
        "forks_in_loops_in_branches",
        forks_in_loops_in_branches,
        "loop map nested_fork nested_join decision parent_fork_id downstream_join_id",
        [10, 11, 22],
        inputs=[2, 3, 20],
        normalize=sorted,
    ),
    case(
        "forks_in_loops_in_no_branch",
        forks_in_loops_in_branches,
        "loop map empty_map downstream_join_id",
        [],
        inputs=[],
    ),
]
