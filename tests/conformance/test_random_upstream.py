"""Upstream's own runner against the oracle, on random programs.

Upstream keeps the join rule but for one hole: it takes a join for complete when no *task* is on its way there. Values
that an intermediate join still holds are no task. So when a branch that leads elsewhere finishes meanwhile, the later
join fires without them, and then once more when they come. It does so whether parent forks are explicit or not; where
they are left to the default, most joins belong to the whole run, and more branches lead elsewhere.

`SMALLEST_BREAKAGE` shows it. `repaired` closes the hole, and then upstream and the oracle agree on everything here.
When upstream closes it, the tests that speak of breakages fail: remove them, and the words about it in the docs.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic_graph import Graph, GraphBuilder, StepContext
from pydantic_graph.decision import Decision
from pydantic_graph.graph_builder import _GraphIterator  # pyright: ignore[reportPrivateUsage]
from pydantic_graph.join import reduce_list_append, reduce_sum
from pydantic_graph.paths import DestinationMarker

from tests.conformance import random_program
from tests.conformance.random_graphs import (
    Case,
    Mode,
    Outcome,
    Program,
    State,
    Value,
    build,
    has_meaning,
    oracle,
    outcome,
    own_parents,
    programs,
    resolved_parents,
    sample,
)

MODES: tuple[Mode, ...] = ("explicit", "closest", "farthest")
SEEDS = range(150)

many = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def run_graph(graph: Any, **words: Any) -> Any:
    """Run a graph by upstream's runner; a run that hangs is an error."""
    return asyncio.run(asyncio.wait_for(graph.run(**words), timeout=30))


def run_upstream(program: Program, value: Value) -> Outcome | str:
    """What upstream's runner gives, or the error that it raises when a run comes to nothing."""
    state = State()
    try:
        output = run_graph(build(program), state=state, inputs=value)
    except RuntimeError as error:
        return str(error)
    return outcome(output, state.visits)


# -- Where upstream can break the rule -------------------------------------------------------------


def early_joins(graph: Graph[Any, Any, Any, Any]) -> dict[str, set[str]]:
    """The joins that upstream may fire too early, each with the nodes that can give the occasion.

    Such a join has an intermediate join before it, and there are nodes in its parent fork's run that lead past it.
    """
    edges: dict[str, list[str]] = {}
    for node_id, node in graph.nodes.items():
        from_node = graph.edges_by_source.get(node_id, [])
        paths = [branch.path for branch in node.branches] if isinstance(node, Decision) else from_node
        edges[node_id] = [i.destination_id for path in paths for i in path.items if isinstance(i, DestinationMarker)]

    def started_by(fork_id: str, but_after: str) -> set[str]:
        found: set[str] = set()
        to_visit = [fork_id]
        while to_visit:
            new = {n for n in edges[to_visit.pop()] if n != but_after} - found
            found |= new
            to_visit += new
        return found

    result: dict[str, set[str]] = {}
    for join_id, parent in graph.parent_forks.items():
        elsewhere = started_by(parent.fork_id, but_after=join_id) - parent.intermediate_nodes - {parent.fork_id}
        if graph.intermediate_join_nodes[join_id] and elsewhere:
            result[join_id] = elsewhere
    return result


def breakage(got: Outcome | str, rule: Outcome) -> str | None:
    """The name of what went wrong, if anything did."""
    if got == rule:
        return None
    if isinstance(got, str):
        return "the run comes to nothing"
    extra = Counter(got.visits) - Counter(rule.visits)
    if any(visit.startswith("j") for visit in extra):
        return "a join fires once too often"
    return "a join fires with too little"


@pytest.fixture
def repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the hole: a join is not complete while an intermediate join holds values of the same fork run."""
    no_task_on_its_way = _GraphIterator[Any, Any, Any]._is_fork_run_completed  # pyright: ignore[reportPrivateUsage]

    def is_completed(self: Any, tasks: Iterable[Any], join_id: Any, fork_run_id: Any) -> bool:
        for (other_id, _), held in self.active_reducers.items():
            between = other_id in self.graph.intermediate_join_nodes[join_id]
            if between and any(item.node_run_id == fork_run_id for item in held.downstream_fork_stack):
                return False
        return no_task_on_its_way(self, tasks, join_id, fork_run_id)

    monkeypatch.setattr(_GraphIterator, "_is_fork_run_completed", is_completed)


# -- Random programs -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_upstream_and_oracle_agree_where_no_join_can_fire_early(mode: Mode) -> None:
    @many
    @given(programs(mode).filter(lambda case: not early_joins(build(case[0]))))
    def agree(case: Case) -> None:
        assert run_upstream(*case) == oracle(*case)

    agree()


@pytest.mark.slow
@pytest.mark.usefixtures("repaired")
@pytest.mark.parametrize("mode", MODES)
def test_repaired_upstream_and_oracle_agree_everywhere(mode: Mode) -> None:
    @many
    @given(programs(mode))
    def agree(case: Case) -> None:
        assert run_upstream(*case) == oracle(*case)

    agree()


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_each_breakage_has_a_name_and_a_cause(mode: Mode) -> None:
    broken: Counter[str] = Counter()
    for seed in SEEDS:
        program, value = sample(seed, mode)
        name = breakage(run_upstream(program, value), oracle(program, value))
        if name is not None:
            assert early_joins(build(program)), f"{name} in seed {seed}, and nothing known explains it"
            broken[name] += 1
    print(f"{mode}: upstream breaks the rule in {broken.total()} of {len(SEEDS)} programs: {dict(broken)}")
    assert broken["a join fires once too often"], "upstream keeps the rule now: see the top of this module"


@pytest.mark.parametrize("mode", ["explicit", "closest"])
def test_joins_that_name_their_parent_get_it(mode: Mode) -> None:
    for seed in SEEDS:
        program, _ = sample(seed, mode)
        assert resolved_parents(program) == own_parents(program)


# -- The smallest graph that shows it --------------------------------------------------------------


def count(ctx: StepContext[None, None, list[int]]) -> int:
    """How many numbers there are."""
    return len(ctx.inputs)


async def elsewhere(ctx: StepContext[None, None, list[int]]) -> int:
    """A branch that leads past the join `middle`."""
    return 1000


def smallest_breakage() -> Graph[None, None, list[int], list[int]]:
    """Three branches: the sum of the numbers goes through `inner` to `middle`, their count goes to `middle`, and one
    step leads past `middle` to `last`.
    """
    g = GraphBuilder(name="smallest_breakage", input_type=list[int], output_type=list[int], auto_instrument=False)
    inner = g.join(reduce_sum, initial=0, node_id="inner", parent_fork_id="each")
    middle = g.join(reduce_sum, initial=0, node_id="middle", parent_fork_id="all")
    last = g.join(reduce_list_append, initial_factory=list[int], node_id="last", parent_fork_id="all")
    step = g.step(elsewhere, node_id="elsewhere")
    g.add(
        g.edge_from(g.start_node).broadcast(
            lambda e: [e.map(fork_id="each").to(inner), e.transform(count).to(middle), e.to(step)], fork_id="all"
        ),
        g.edge_from(inner).to(middle),
        g.edge_from(middle, step).to(last),
        g.edge_from(last).to(g.end_node),
    )
    return g.build()


SMALLEST_BREAKAGE = smallest_breakage()
SMALLEST_INPUT = [1, 2, 3]
SMALLEST_BY_RULE = [9, 1000]
"""What `last` collects by the rule, sorted: `middle` fires once, with 3 + 6."""


def smallest_program(parent: Mode) -> Program:
    """The same three branches as a program, so that the oracle can tell what they mean."""
    program = random_program
    return Program(
        "smallest",
        program.Broadcast(
            "all",
            lanes=(
                program.Map("each", 3, 3, program.Step("item", "add"), program.Join("inner", "sum", parent)),
                program.Step("count", "add"),
                program.Step("elsewhere", "add", turns=10),
            ),
            stage=program.Stage(program.Join("middle", "sum", parent), program.Step("between", "add")),
            staged=2,
            join=program.Join("last", "append", parent),
        ),
    )


def test_smallest_breakage_upstream_fires_middle_twice() -> None:
    assert sorted(run_graph(SMALLEST_BREAKAGE, inputs=SMALLEST_INPUT)) == [3, 6, 1000]


@pytest.mark.usefixtures("repaired")
def test_smallest_breakage_by_the_rule_middle_fires_once() -> None:
    assert sorted(run_graph(SMALLEST_BREAKAGE, inputs=SMALLEST_INPUT)) == SMALLEST_BY_RULE


@pytest.mark.parametrize("parent", MODES)
def test_smallest_breakage_however_the_parent_fork_is_named(parent: Mode) -> None:
    program, value = smallest_program(parent), Value(5)
    rule, got = oracle(program, value), run_upstream(program, value)
    assert rule.visits.count("middle.out") == 1
    assert isinstance(got, Outcome)
    assert got.visits.count("middle.out") == 2
    assert list(early_joins(build(program))) == ["middle"]


# -- The generator ---------------------------------------------------------------------------------


def test_samples_contain_every_kind_of_node() -> None:
    written = " ".join(repr(sample(seed, mode)[0]) for mode in MODES for seed in SEEDS)
    for kind in ("Step", "Seq", "Broadcast", "Map", "Decision", "Loop", "Leave", "Stage"):
        assert f"{kind}(" in written
    for reducer in random_program.REDUCERS:
        assert f"reducer='{reducer}'" in written
    for detail in ("by='type'", "by='parity'", "announces=None", "announces='j", "least=0", "parent='closest'"):
        assert detail in written


def test_samples_are_the_same_in_every_process() -> None:
    code = 'from tests.conformance.random_graphs import sample; print([sample(seed, "farthest") for seed in range(20)])'
    words = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert words == {f"{[sample(seed, 'farthest') for seed in range(20)]}\n"}


@pytest.mark.parametrize(("parent", "times"), [("explicit", 2), ("closest", 2), ("farthest", 1)])
def test_an_inner_join_belongs_to_its_own_fork_or_by_default_to_the_whole_run(parent: Mode, times: int) -> None:
    program = random_program
    inner = program.Broadcast(
        "both",
        lanes=(program.Step("plus_1", "add", 1), program.Step("plus_2", "add", 2)),
        join=program.Join("inner", "sum", parent),
    )
    outer = program.Join("outer", "sum", "explicit" if parent == "closest" else parent)
    case = Program("two_items", program.Map("each", 2, 2, inner, outer)), Value(10)
    assert oracle(*case).visits.count("inner.out") == times
    assert oracle(*case).output == Value(10 + 1 + 10 + 2 + 17 + 1 + 17 + 2)
    assert run_upstream(*case) == oracle(*case)


def test_a_program_that_never_ends_has_no_meaning() -> None:
    program = random_program
    nothing_joins = program.Map("m", 0, 0, program.Step("s", "add"), program.Join("j", "sum", "explicit"))
    assert not has_meaning((Program("never", nothing_joins), Value(0)))
