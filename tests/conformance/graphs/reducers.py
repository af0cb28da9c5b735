"""Reducers, shipped and custom, and state that parallel branches change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from pydantic_graph import (
    GraphBuilder,
    ReducerContext,
    StepContext,
    reduce_dict_update,
    reduce_list_append,
    reduce_list_extend,
    reduce_null,
    reduce_sum,
)
from pydantic_graph.join import ReduceFirstValue

from temporal_graph import Merge
from tests.conformance.case import case

FOREVER = 30.0
"""Seconds that no case waits for: who sleeps so long gets cancelled."""


async def same(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


async def below(ctx: StepContext[None, None, int]) -> list[int]:
    return list(range(ctx.inputs))


async def slow_if_negative(ctx: StepContext[None, None, int]) -> int:
    if ctx.inputs < 0:
        await asyncio.sleep(FOREVER)
    return ctx.inputs


# -- Shipped -------------------------------------------------------------------------------------------------------

g = GraphBuilder(name="extend", input_type=list[int], output_type=list[int])
each = g.step(below)
together = g.join(reduce_list_extend, initial_factory=list[int])
g.add(
    g.edge_from(g.start_node).map().to(each),
    g.edge_from(each).to(together),
    g.edge_from(together).to(g.end_node),
)
extend = g.build()

g = GraphBuilder(name="dict_update", input_type=str, output_type=dict[str, int | str])


@g.step
async def size(ctx: StepContext[None, None, str]) -> dict[str, int | str]:
    return {"size": len(ctx.inputs)}


@g.step
async def first_letter(ctx: StepContext[None, None, str]) -> dict[str, int | str]:
    return {"first": ctx.inputs[0]}


facts = g.join(reduce_dict_update, initial_factory=dict[str, int | str])
g.add(
    g.edge_from(g.start_node).to(size, first_letter),
    g.edge_from(size, first_letter).to(facts),
    g.edge_from(facts).to(g.end_node),
)
dict_update = g.build()

g = GraphBuilder(name="sum_from_hundred", input_type=list[int], output_type=float)


@g.step
async def half(ctx: StepContext[None, None, int]) -> float:
    return ctx.inputs / 2


total = g.join(reduce_sum, initial=100.0)
g.add(g.edge_from(g.start_node).map().to(half), g.edge_from(half).to(total), g.edge_from(total).to(g.end_node))
sum_from_hundred = g.build()


@dataclass(frozen=True)
class Money:
    cents: int = 0

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)


g = GraphBuilder(name="sum_of_records", input_type=list[int], output_type=Money)


@g.step
async def price(ctx: StepContext[None, None, int]) -> Money:
    return Money(ctx.inputs * 100)


bill = g.join(reduce_sum, initial=Money())
g.add(g.edge_from(g.start_node).map().to(price), g.edge_from(price).to(bill), g.edge_from(bill).to(g.end_node))
sum_of_records = g.build()


@dataclass
class Log:
    lines: list[str] = field(default_factory=list[str])


g = GraphBuilder(name="null", state_type=Log, input_type=list[str], output_type=int)


@g.step
async def write(ctx: StepContext[Log, None, str]) -> str:
    ctx.state.lines.append(ctx.inputs)
    return ctx.inputs


@g.step
async def count_lines(ctx: StepContext[Log, None, None]) -> int:
    assert ctx.inputs is None
    return len(ctx.state.lines)


written = g.join(reduce_null, initial=None)
g.add(
    g.edge_from(g.start_node).map().to(write),
    g.edge_from(write).to(written),
    g.edge_from(written).to(count_lines),
    g.edge_from(count_lines).to(g.end_node),
)
null = g.build()

g = GraphBuilder(name="first_value", state_type=Log, input_type=str, output_type=str)


@g.step
async def hare(ctx: StepContext[Log, None, str]) -> str:
    return f"hare {ctx.inputs}"


@g.step
async def tortoise(ctx: StepContext[Log, None, str]) -> str:
    await asyncio.sleep(FOREVER)
    ctx.state.lines.append("the tortoise arrived")
    return f"tortoise {ctx.inputs}"


@g.step
async def praise(ctx: StepContext[Log, None, str]) -> str:
    ctx.state.lines.append("praised")
    return ctx.inputs + "!"


race = g.join(ReduceFirstValue[str](), initial="nobody", node_id="race")
g.add(
    g.edge_from(g.start_node).to(tortoise, hare),
    g.edge_from(hare, tortoise).to(race),
    g.edge_from(race).to(praise),
    g.edge_from(praise).to(g.end_node),
)
first_value = g.build()

g = GraphBuilder(name="first_value_of_each", input_type=list[list[int]], output_type=list[int])
run = g.step(slow_if_negative)
heat = g.join(ReduceFirstValue[int](), initial=0, node_id="heat", parent_fork_id="runners")
winners = g.join(reduce_list_append, initial_factory=list[int], node_id="winners", parent_fork_id="heats")
g.add(
    g.edge_from(g.start_node).map(fork_id="heats").map(fork_id="runners").to(run),
    g.edge_from(run).to(heat),
    g.edge_from(heat).to(winners),
    g.edge_from(winners).to(g.end_node),
)
first_value_of_each = g.build()

# -- Custom --------------------------------------------------------------------------------------------------------


def largest(current: int, inputs: int) -> int:
    return max(current, inputs)


g = GraphBuilder(name="custom_plain", input_type=list[int], output_type=int)
step = g.step(same)
most = g.join(largest, initial=-1000)
g.add(g.edge_from(g.start_node).map().to(step), g.edge_from(step).to(most), g.edge_from(most).to(g.end_node))
custom_plain = g.build()


@dataclass
class Stats:
    count: int = 0
    total: int = 0


def gather(ctx: ReducerContext[None, None], current: Stats, inputs: int) -> Stats:
    current.count += 1
    current.total += inputs
    return current


g = GraphBuilder(name="custom_record", input_type=list[int], output_type=float)
step = g.step(same)
stats = g.join(gather, initial_factory=Stats, node_id="stats")


@g.step
async def average(ctx: StepContext[None, None, Stats]) -> float:
    return ctx.inputs.total / ctx.inputs.count


g.add(
    g.edge_from(g.start_node).map().to(step),
    g.edge_from(step).to(stats),
    g.edge_from(stats).to(average),
    g.edge_from(average).to(g.end_node),
)
custom_record = g.build()


def tally(current: dict[str, int], inputs: str) -> dict[str, int]:
    return {**current, inputs: current.get(inputs, 0) + 1}


g = GraphBuilder(name="custom_not_in_place", input_type=list[str], output_type=dict[str, int])


@g.step
async def word(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs


nothing: dict[str, int] = {}
counts = g.join(tally, initial=nothing)
g.add(g.edge_from(g.start_node).map().to(word), g.edge_from(word).to(counts), g.edge_from(counts).to(g.end_node))
custom_not_in_place = g.build()


def include(current: set[str], inputs: Iterable[str]) -> set[str]:
    current |= set(inputs)
    return current


g = GraphBuilder(name="custom_set", input_type=list[str], output_type=set[str])


@g.step
async def letters(ctx: StepContext[None, None, str]) -> tuple[str, ...]:
    return tuple(ctx.inputs)


alphabet = g.join(include, initial_factory=set[str])
g.add(
    g.edge_from(g.start_node).map().to(letters),
    g.edge_from(letters).to(alphabet),
    g.edge_from(alphabet).to(g.end_node),
)
custom_set = g.build()


@dataclass
class AtMost:
    """A reducer that is an object, with a setting."""

    limit: int

    def __call__(self, current: int, inputs: int) -> int:
        return min(self.limit, current + inputs)


g = GraphBuilder(name="custom_object", input_type=list[int], output_type=int)
step = g.step(same)
capped = g.join(AtMost(10), initial=0, node_id="capped")
g.add(g.edge_from(g.start_node).map().to(step), g.edge_from(step).to(capped), g.edge_from(capped).to(g.end_node))
custom_object = g.build()


def until_ten(ctx: ReducerContext[None, None], current: list[int], inputs: int) -> list[int]:
    current.append(inputs)
    if sum(current) >= 10:
        ctx.cancel_sibling_tasks()
    return current


g = GraphBuilder(name="custom_cancels", input_type=list[int], output_type=list[int])
step = g.step(slow_if_negative)
enough = g.join(until_ten, initial_factory=list[int])
g.add(g.edge_from(g.start_node).map().to(step), g.edge_from(step).to(enough), g.edge_from(enough).to(g.end_node))
custom_cancels = g.build()

shared: list[int] = []
g = GraphBuilder(name="mutable_initial", input_type=list[int], output_type=list[int])
step = g.step(same)
gathered = g.join(reduce_list_append, initial=shared)
g.add(g.edge_from(g.start_node).map().to(step), g.edge_from(step).to(gathered), g.edge_from(gathered).to(g.end_node))
mutable_initial = g.build()


g = GraphBuilder(name="mutable_initial_of_each", input_type=list[list[int]], output_type=list[list[int]])
step = g.step(same)
row = g.join(reduce_list_append, initial=shared, node_id="row", parent_fork_id="cells")
rows = g.join(reduce_list_append, initial_factory=list[list[int]], node_id="rows", parent_fork_id="rows_of")
g.add(
    g.edge_from(g.start_node).map(fork_id="rows_of").map(fork_id="cells").to(step),
    g.edge_from(step).to(row),
    g.edge_from(row).to(rows),
    g.edge_from(rows).to(g.end_node),
)
mutable_initial_of_each = g.build()


def refuse_seven(current: int, inputs: int) -> int:
    if inputs == 7:
        raise ValueError("seven does not add up")
    return current + inputs


g = GraphBuilder(name="reducer_raises", input_type=list[int], output_type=int)
step = g.step(same)
added = g.join(refuse_seven, initial=0)
g.add(g.edge_from(g.start_node).map().to(step), g.edge_from(step).to(added), g.edge_from(added).to(g.end_node))
reducer_raises = g.build()

# -- Reducers and the state ----------------------------------------------------------------------------------------


@dataclass
class Scale:
    weight: int = 1
    weighed: int = 0


def weigh(ctx: ReducerContext[Scale, None], current: int, inputs: int) -> int:
    return current + inputs * ctx.state.weight


g = GraphBuilder(name="reducer_reads_state", state_type=Scale, input_type=list[int], output_type=int)
step = g.step(same)


@g.step
async def make_heavy(ctx: StepContext[Scale, None, list[int]]) -> list[int]:
    ctx.state.weight = len(ctx.inputs)
    return ctx.inputs


weight = g.join(weigh, initial=0)
g.add(
    g.edge_from(g.start_node).to(make_heavy),
    g.edge_from(make_heavy).map().to(step),
    g.edge_from(step).to(weight),
    g.edge_from(weight).to(g.end_node),
)
reducer_reads_state = g.build()


def weigh_and_count(ctx: ReducerContext[Scale, None], current: int, inputs: int) -> int:
    ctx.state.weighed += 1
    return current + inputs


g = GraphBuilder(name="reducer_changes_state", state_type=Scale, input_type=list[int], output_type=str)
step = g.step(same)


@g.step
async def report(ctx: StepContext[Scale, None, int]) -> str:
    return f"{ctx.inputs} in {ctx.state.weighed}"


weight = g.join(weigh_and_count, initial=0)
g.add(
    g.edge_from(g.start_node).map().to(step),
    g.edge_from(step).to(weight),
    g.edge_from(weight).to(report),
    g.edge_from(report).to(g.end_node),
)
reducer_changes_state = g.build()


@dataclass
class Notes:
    lines: list[str] = field(default_factory=list[str])
    by_word: dict[str, int] = field(default_factory=dict[str, int])
    lengths: set[int] = field(default_factory=set[int])
    letters: Annotated[int, Merge.sum] = 0
    longest: Annotated[int, Merge.max] = 0


def in_order(notes: Notes) -> Notes:
    return Notes(sorted(notes.lines), notes.by_word, notes.lengths, notes.letters, notes.longest)


g = GraphBuilder(name="branches_change_state", state_type=Notes, input_type=list[str], output_type=int)


@g.step
async def note(ctx: StepContext[Notes, None, str]) -> int:
    length = len(ctx.inputs)
    ctx.state.lines.append(ctx.inputs)
    ctx.state.by_word[ctx.inputs] = length
    ctx.state.lengths.add(length)
    ctx.state.letters += length
    ctx.state.longest = max(ctx.state.longest, length)
    return length


noted = g.join(reduce_sum, initial=0)
g.add(g.edge_from(g.start_node).map().to(note), g.edge_from(note).to(noted), g.edge_from(noted).to(g.end_node))
branches_change_state = g.build()


@dataclass
class Door:
    is_open: bool = False
    keys: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


g = GraphBuilder(name="equal_changes_are_one", state_type=Door, input_type=list[str], output_type=None)


@g.step
async def unlock(ctx: StepContext[Door, None, str]) -> None:
    ctx.state.is_open = True
    ctx.state.keys.setdefault(ctx.inputs, []).append("turned")


unlocked = g.join(reduce_null, initial=None)
g.add(
    g.edge_from(g.start_node).map().to(unlock),
    g.edge_from(unlock).to(unlocked),
    g.edge_from(unlocked).to(g.end_node),
)
equal_changes_are_one = g.build()

CASES = [
    case("extend", extend, "map reduce_list_extend", [0, 0, 1, 1, 2], inputs=[3, 0, 2], normalize=sorted),
    case("dict_update", dict_update, "broadcast reduce_dict_update", {"size": 3, "first": "t"}, inputs="tea"),
    case("sum_from_hundred", sum_from_hundred, "map reduce_sum initial", 103.0, inputs=[1, 2, 3]),
    case("sum_of_records", sum_of_records, "map reduce_sum initial dataclass", Money(600), inputs=[1, 2, 3]),
    case(
        "null",
        null,
        "map reduce_null state",
        2,
        inputs=["a", "b"],
        state=Log,
        expected_state=Log(["a", "b"]),
        normalize_state=lambda log: Log(sorted(log.lines)),
    ),
    case(
        "first_value",
        first_value,
        "broadcast reduce_first_value cancel_sibling_tasks state",
        "hare 5!",
        inputs="5",
        state=Log,
        expected_state=Log(["praised"]),
    ),
    case(
        "first_value_of_each",
        first_value_of_each,
        "map nested_fork reduce_first_value cancel_sibling_tasks parent_fork_id",
        [1, 2, 3],
        inputs=[[-1, 1], [2, -1, -1], [3]],
        normalize=sorted,
    ),
    case("custom_plain", custom_plain, "map custom_reducer initial", 9, inputs=[4, 9, 2]),
    case("custom_record", custom_record, "map custom_reducer reducer_context initial_factory", 3.0, inputs=[1, 2, 6]),
    case("custom_not_in_place", custom_not_in_place, "map custom_reducer initial", {"a": 2, "b": 1}, inputs=[*"aba"]),
    case("custom_set", custom_set, "map custom_reducer initial_factory set", {"a", "b"}, inputs=["aa", "ab"]),
    case("custom_object", custom_object, "map custom_reducer initial", 10, inputs=[4, 4, 4]),
    case(
        "custom_cancels",
        custom_cancels,
        "map custom_reducer reducer_context cancel_sibling_tasks",
        [5, 6],
        inputs=[-1, 5, -1, 6],
        normalize=sorted,
    ),
    case(
        "mutable_initial",
        mutable_initial,
        "map initial reduce_list_append",
        [1, 2],
        inputs=[1, 2],
        normalize=sorted,
        upstream_differs="upstream hands the list in join(initial=...) itself to every run, and a run finds in it "
        "what the runs before appended",
    ),
    case(
        "mutable_initial_of_each",
        mutable_initial_of_each,
        "map nested_fork nested_join initial reduce_list_append parent_fork_id",
        [[1], [2, 3]],
        inputs=[[1], [3, 2]],
        normalize=lambda rows: sorted(sorted(row) for row in rows),
        upstream_differs="upstream hands the list in join(initial=...) itself to every run of the fork",
    ),
    case("reducer_raises", reducer_raises, "map custom_reducer error", inputs=[1, 7], error="seven does not add up"),
    case(
        "reducer_reads_state",
        reducer_reads_state,
        "map custom_reducer reducer_context state",
        18,
        inputs=[1, 2, 3],
        state=Scale,
        expected_state=Scale(3, 0),
    ),
    case(
        "reducer_changes_state",
        reducer_changes_state,
        "map custom_reducer reducer_context state",
        "6 in 3",
        inputs=[1, 2, 3],
        state=Scale,
        expected_state=Scale(1, 3),
    ),
    case(
        "branches_change_state",
        branches_change_state,
        "map state merge_list merge_dict merge_set merge_sum merge_max",
        9,
        inputs=["tea", "to", "milk"],
        state=lambda: Notes(["begin"], {"begin": 5}, {5}, 5, 1),
        expected_state=Notes(
            ["begin", "milk", "tea", "to"], {"begin": 5, "tea": 3, "to": 2, "milk": 4}, {5, 3, 2, 4}, 14, 4
        ),
        normalize_state=in_order,
    ),
    case(
        "equal_changes_are_one",
        equal_changes_are_one,
        "map state merge_dict merge_list reduce_null",
        None,
        inputs=["iron", "brass"],
        state=lambda: Door(keys={"iron": ["cut"]}),
        expected_state=Door(True, {"iron": ["cut", "turned"], "brass": ["turned"]}),
    ),
]
