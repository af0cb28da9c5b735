"""Endings: the first value at the end node is the output, and whatever still runs is cancelled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append, reduce_null, reduce_sum
from pydantic_graph.join import ReduceFirstValue

from tests.conformance.case import case

FOREVER = 30.0
"""Seconds that no case waits for: who sleeps so long gets cancelled."""


async def same(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


async def plus_one(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs + 1


async def slow(ctx: StepContext[None, None, int]) -> int:
    await asyncio.sleep(FOREVER)
    return -1


async def slow_if_negative(ctx: StepContext[None, None, int]) -> int:
    if ctx.inputs < 0:
        await asyncio.sleep(FOREVER)
    return ctx.inputs


def is_large(value: Any) -> bool:
    return value >= 100


g = GraphBuilder(name="quicker_branch_ends", input_type=int, output_type=int)
up, late = g.step(plus_one), g.step(slow)
g.add(g.edge_from(g.start_node).to(late, up), g.edge_from(late, up).to(g.end_node))
quicker_branch_ends = g.build()

g = GraphBuilder(name="first_declared_branch_ends", input_type=int, output_type=str)
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [
            e.transform(lambda ctx: f"first {ctx.inputs}").to(g.end_node),
            e.transform(lambda ctx: f"second {ctx.inputs}").to(g.end_node),
        ]
    )
)
first_declared_branch_ends = g.build()

g = GraphBuilder(name="first_item_ends", input_type=list[int], output_type=int)
g.add(g.edge_from(g.start_node).map().to(g.end_node))
first_item_ends = g.build()

g = GraphBuilder(name="end_beside_a_broadcast", input_type=int, output_type=int)
late = g.step(slow)
g.add(g.edge_from(g.start_node).to(late, g.end_node), g.edge_from(late).to(g.end_node))
end_beside_a_broadcast = g.build()

g = GraphBuilder(name="search", input_type=list[int], output_type=int)
look = g.step(slow_if_negative)
rest = g.join(reduce_sum, initial=0, node_id="rest")
g.add(
    g.edge_from(g.start_node).map(fork_id="each").to(look),
    g.edge_from(look).to(
        g.decision(node_id="found").branch(g.match(int, matches=is_large).to(g.end_node)).branch(g.match(int).to(rest))
    ),
    g.edge_from(rest).to(g.end_node),
)
search = g.build()

g = GraphBuilder(name="ends_within_nested_forks", input_type=list[list[int]], output_type=int)
look = g.step(slow_if_negative)
row = g.join(reduce_sum, initial=0, node_id="row", parent_fork_id="cells")
rows = g.join(reduce_sum, initial=0, node_id="rows", parent_fork_id="rows_of")
g.add(
    g.edge_from(g.start_node).map(fork_id="rows_of").map(fork_id="cells").to(look),
    g.edge_from(look).to(
        g.decision(node_id="large").branch(g.match(int, matches=is_large).to(g.end_node)).branch(g.match(int).to(row))
    ),
    g.edge_from(row).to(rows),
    g.edge_from(rows).to(g.end_node),
)
ends_within_nested_forks = g.build()

g = GraphBuilder(name="loop_ends_beside_a_slow_branch", input_type=int, output_type=int)
up, late = g.step(plus_one), g.step(slow)
g.add(
    g.edge_from(g.start_node).to(late, up),
    g.edge_from(up).to(
        g.decision(node_id="far").branch(g.match(int, matches=is_large).to(g.end_node)).branch(g.match(int).to(up))
    ),
    g.edge_from(late).to(g.end_node),
)
loop_ends_beside_a_slow_branch = g.build()

g = GraphBuilder(name="join_ends_beside_a_slow_branch", input_type=list[int], output_type=list[int])
up, late = g.step(plus_one), g.step(slow)
found = g.join(reduce_list_append, initial_factory=list[int], node_id="found", parent_fork_id="each")
g.add(
    g.edge_from(g.start_node).broadcast(
        lambda e: [e.map(fork_id="each").to(up), e.transform(lambda ctx: len(ctx.inputs)).to(late)]
    ),
    g.edge_from(up).to(found),
    g.edge_from(found).to(g.end_node),
    g.edge_from(late).transform(lambda ctx: [ctx.inputs]).to(g.end_node),
)
join_ends_beside_a_slow_branch = g.build()

g = GraphBuilder(name="ends_while_a_join_is_half_full", input_type=int, output_type=str)
up, late, step = g.step(plus_one), g.step(slow), g.step(same)
half = g.join(reduce_sum, initial=0, node_id="half", parent_fork_id="all")
g.add(
    g.edge_from(g.start_node).to(late, up, step, fork_id="all"),
    g.edge_from(late, up).to(half),
    g.edge_from(half).transform(lambda ctx: f"half {ctx.inputs}").to(g.end_node),
    g.edge_from(step).transform(lambda ctx: f"step {ctx.inputs}").to(g.end_node),
)
ends_while_a_join_is_half_full = g.build()


@dataclass
class Diary:
    entries: list[str] = field(default_factory=list[str])


async def write_late(ctx: StepContext[Diary, None, int]) -> int:
    await asyncio.sleep(FOREVER)
    ctx.state.entries.append("late")
    return 0


g = GraphBuilder(name="state_at_the_end", state_type=Diary, input_type=int, output_type=int)


@g.step
async def write_first(ctx: StepContext[Diary, None, int]) -> int:
    ctx.state.entries.append("first")
    return ctx.inputs


@g.step
async def write_last(ctx: StepContext[Diary, None, int]) -> int:
    ctx.state.entries.append("last")
    return ctx.inputs


late = g.step(write_late)
g.add(
    g.edge_from(g.start_node).to(late, write_first),
    g.edge_from(write_first).to(write_last),
    g.edge_from(write_last).to(g.end_node),
    g.edge_from(late).to(g.end_node),
)
state_at_the_end = g.build()

g = GraphBuilder(name="side_work_that_ends_nowhere", state_type=Diary, input_type=int, output_type=int)


@g.step
async def main_work(ctx: StepContext[Diary, None, int]) -> int:
    return ctx.inputs * 2


late = g.step(write_late)
never = g.join(reduce_null, initial=None, node_id="never", parent_fork_id="both")
g.add(
    g.edge_from(g.start_node).to(late, main_work, fork_id="both"),
    g.edge_from(late).to(never),
    g.edge_from(never).transform(lambda ctx: -1).to(g.end_node),
    g.edge_from(main_work).to(g.end_node),
)
side_work_that_ends_nowhere = g.build()

g = GraphBuilder(name="output_is_none", input_type=list[int])
step = g.step(same)
done = g.join(reduce_null, initial=None, node_id="done")
g.add(g.edge_from(g.start_node).map().to(step), g.edge_from(step).to(done), g.edge_from(done).to(g.end_node))
output_is_none = g.build()

g = GraphBuilder(name="join_that_cancels_then_goes_on", input_type=int, output_type=list[int])
up, late = g.step(plus_one), g.step(slow)
finish, other = g.step(plus_one, node_id="finish"), g.step(same, node_id="other")
first = g.join(ReduceFirstValue[int](), initial=0, node_id="first", parent_fork_id="race")
found = g.join(reduce_list_append, initial_factory=list[int], node_id="found", parent_fork_id="all")
g.add(
    g.edge_from(g.start_node).broadcast(lambda e: [e.to(up, late, fork_id="race"), e.to(other)], fork_id="all"),
    g.edge_from(up, late).to(first),
    g.edge_from(first).to(finish),
    g.edge_from(finish, other).to(found),
    g.edge_from(found).to(g.end_node),
)
join_that_cancels_then_goes_on = g.build()

g = GraphBuilder(name="error_beside_a_slow_branch", input_type=int, output_type=int)


@g.step
async def stumble(ctx: StepContext[None, None, int]) -> int:
    raise ValueError(f"stumbled over {ctx.inputs}")


late = g.step(slow)
g.add(g.edge_from(g.start_node).to(late, stumble), g.edge_from(late, stumble).to(g.end_node))
error_beside_a_slow_branch = g.build()

CASES = [
    case("quicker_branch_ends", quicker_branch_ends, "broadcast first_end cancel", 6, inputs=5),
    case("first_declared_branch_ends", first_declared_branch_ends, "broadcast first_end", "first 5", inputs=5),
    case("first_item_ends", first_item_ends, "map first_end", 7, inputs=[7, 8, 9]),
    case("end_beside_a_broadcast", end_beside_a_broadcast, "broadcast first_end cancel", 5, inputs=5),
    case("search_finds", search, "map decision first_end cancel", 100, inputs=[1, -1, 100, 2, -2]),
    case("search_finds_nothing", search, "map decision", 6, inputs=[1, 2, 3]),
    case(
        "ends_within_nested_forks",
        ends_within_nested_forks,
        "map nested_fork nested_join decision first_end cancel",
        200,
        inputs=[[1, 2], [-1, 200], [3, -1]],
    ),
    case(
        "ends_after_nested_forks",
        ends_within_nested_forks,
        "map nested_fork nested_join decision",
        10,
        inputs=[[1, 2], [3], [4]],
    ),
    case(
        "loop_ends_beside_a_slow_branch",
        loop_ends_beside_a_slow_branch,
        "broadcast loop decision first_end cancel",
        100,
        inputs=95,
    ),
    case(
        "join_ends_beside_a_slow_branch",
        join_ends_beside_a_slow_branch,
        "broadcast map nested_fork first_end cancel parent_fork_id",
        [2, 3],
        inputs=[1, 2],
        normalize=sorted,
        upstream_differs="the join has everything that can reach it, and upstream still lets it wait until nothing at "
        "all runs: the slow branch ends the run",
    ),
    case(
        "ends_while_a_join_is_half_full",
        ends_while_a_join_is_half_full,
        "broadcast first_end cancel parent_fork_id",
        "step 5",
        inputs=5,
    ),
    case(
        "state_at_the_end",
        state_at_the_end,
        "broadcast first_end cancel state",
        5,
        inputs=5,
        state=Diary,
        expected_state=Diary(["first", "last"]),
    ),
    case(
        "side_work_that_ends_nowhere",
        side_work_that_ends_nowhere,
        "broadcast first_end cancel state parent_fork_id",
        10,
        inputs=5,
        state=Diary,
        expected_state=Diary([]),
    ),
    case("output_is_none", output_is_none, "map reduce_null undeclared", None, inputs=[1, 2]),
    case(
        "join_that_cancels_then_goes_on",
        join_that_cancels_then_goes_on,
        "broadcast nested_fork nested_join reduce_first_value cancel_sibling_tasks parent_fork_id",
        [5, 7],
        inputs=5,
        normalize=sorted,
        upstream_differs="`found` fires in the same moment as `first`, without what `first` gives, and ends the run",
    ),
    case(
        "error_beside_a_slow_branch",
        error_beside_a_slow_branch,
        "broadcast error cancel",
        inputs=5,
        error="stumbled over 5",
    ),
]
