"""Fork runs and joins: who waits for whom, how often a join fires, and that nothing is left behind."""

from __future__ import annotations

import pytest

from temporal_graph.engine.events import Cancel, Finish
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.forks import ForkRuns
from temporal_graph.engine.spec import START, GraphSpec
from tests.engine.machine import Run, Toy, decision, enc, fork, graph, join, mapping, read, start, step


def forks_of(run: Run) -> list[str]:
    """The forks that have runs which are alive."""
    return [fork_id for _, fork_id, _ in run.engine.forks.all()]


def inputs(run: Run) -> dict[str, object]:
    """What each task gets."""
    return {task.id: read(task.value) for task in run.engine.tasks.values()}


# -- One join ---------------------------------------------------------------------------------------------------------

BROADCAST = graph(
    start("f"),
    fork("f", "a", "b"),
    step("a", "j"),
    step("b", "j"),
    join("j", "f", "a", "b", to="z"),
    step("z"),
)


def test_a_join_fires_once_when_all_have_arrived() -> None:
    run = Run(BROADCAST)
    run.start()
    assert forks_of(run) == ["f"]
    assert run.finish("b:1", 2) == []
    assert run.finish("a:1", 1) == [RunTask("z:1")]
    assert inputs(run) == {"z:1": [2, 1]}
    assert forks_of(run) == [], "no join waits for this run any more"


def test_each_run_of_a_fork_has_a_join_of_its_own() -> None:
    spec = graph(
        start("m"),
        mapping("m", "f"),
        *(node for node_id, node in BROADCAST.nodes.items() if node_id not in (START, "__end__", "z")),
        step("z", "z"),
    )
    run = Run(spec)
    run.start(["x", "y"])
    for task_id in ("a:2", "b:1", "b:2"):
        run.finish(task_id, task_id)
    assert inputs(run) == {"a:1": "x", "z:1": ["a:2", "b:2"]}
    run.finish("a:1", "a:1")
    assert inputs(run)["z:2"] == ["b:1", "a:1"]


def test_a_branch_that_cannot_reach_the_join_is_not_waited_for() -> None:
    spec = graph(
        start("f"), fork("f", "a", "away"), step("a", "j"), step("away"), join("j", "f", "a", to="z"), step("z")
    )
    run = Run(spec)
    run.start()
    assert run.finish("a:1", 1) == [RunTask("z:1")]
    assert list(run.engine.tasks) == ["away:1", "z:1"]


def test_a_join_fires_when_what_could_have_come_goes_elsewhere() -> None:
    spec = graph(
        start("f"),
        fork("f", "a", "d"),
        step("a", "j"),
        step("b", "d"),
        decision("d", "b", "away", "j"),
        step("away"),
        join("j", "f", "a", "b", "d", to="z"),
        step("z"),
    )
    run = Run(spec, Toy(decisions={"d": lambda value: value or 0}))
    run.start()
    run.finish("a:1", "here")
    assert run.finish("b:1", 0) == [RunTask("b:2")], "it goes around, and can still come"
    assert run.finish("b:2", 1) == [RunTask("away:1"), RunTask("z:1")]
    assert inputs(run)["z:1"] == ["here"]


def test_a_join_that_nothing_reaches_does_not_fire() -> None:
    spec = graph(start("m"), mapping("m", "a"), step("a", None), step("b"), join("j", "m", "a"))
    run = Run(spec)
    run.start([1, 2])
    run.finish("a:1", 1, to="b")
    run.finish("a:2", 2, to="b")
    assert list(run.engine.tasks) == ["b:1", "b:2"]
    assert forks_of(run) == []


def test_what_leaves_a_final_join_is_outside_of_its_fork() -> None:
    spec = graph(
        start("f"),
        fork("f", "a", "b"),
        step("a", "i"),
        step("b", "j"),
        join("i", "f", "a", to="c", final=False),
        step("c", "j"),
        join("j", "f", "a", "i", "c", "b", to="z"),
        step("z"),
    )
    run = Run(spec)
    run.start()
    (number,) = run.engine.tasks["a:1"].runs
    run.finish("b:1", "b")
    assert run.finish("a:1", "a") == [RunTask("c:1")], "j waits for what comes of i"
    assert run.engine.tasks["c:1"].runs == (number,)
    assert run.finish("c:1", "c") == [RunTask("z:1")]
    assert inputs(run) == {"z:1": ["b", "c"]}


def test_a_join_waits_for_another_that_collects() -> None:
    """Nothing is on its way any more but what the inner join holds."""
    spec = graph(
        start("f"),
        fork("f", "m", "b"),
        mapping("m", "a"),
        step("a", "i"),
        join("i", "m", "a", to="j"),
        step("b", "j"),
        join("j", "f", "m", "a", "i", "b"),
    )
    run = Run(spec)
    run.start([1, 2])
    assert run.finish("a:2", 2) == []
    assert run.finish("b:1", "b") == []
    assert run.finish("a:1", 1) == [Finish(enc(["b", [2, 1]]))]


def test_the_whole_run_is_a_fork_too() -> None:
    spec = graph(start("a"), step("a", "d"), decision("d", "a", "j"), join("j", START, "a", "d"))
    run = Run(spec, Toy(decisions={"d": lambda value: int(value > 1)}))
    run.start()
    assert run.finish("a:1", 1) == [RunTask("a:2")]
    assert run.finish("a:2", 2) == [Finish(enc([2]))]


# -- Maps of nothing --------------------------------------------------------------------------------------------------


def empty(ahead: str | None) -> GraphSpec:
    return graph(start("m"), mapping("m", "a", ahead=ahead), step("a", "j"), join("j", "m", "a", to="z"), step("z"))


def test_a_map_of_nothing_fires_the_join_that_it_names() -> None:
    run = Run(empty("j"))
    assert run.start([]) == [RunTask("z:1")]
    assert inputs(run) == {"z:1": []}
    assert forks_of(run) == []


def test_a_map_of_nothing_fires_no_other_join() -> None:
    run = Run(empty(None))
    run.start([])
    assert run.failure[1] == "NoOutputError"
    assert forks_of(run) == []


def test_a_join_that_is_named_fires_once_all_the_same() -> None:
    run = Run(empty("j"))
    run.start([1, 2])
    assert run.finish("a:1", 1) == []
    assert run.finish("a:2", 2) == [RunTask("z:1")]
    assert inputs(run) == {"z:1": [1, 2]}


def test_two_maps_may_name_one_join() -> None:
    spec = graph(
        start("f"),
        fork("f", "m", "n"),
        mapping("m", "a", ahead="j"),
        mapping("n", "a", ahead="j"),
        step("a", "j"),
        join("j", "f", "m", "n", "a"),
    )
    assert Run(spec).start([]) == [Finish(enc([]))]


def test_a_map_may_name_a_join_outside_of_any_run_of_its_fork() -> None:
    spec = graph(start("m"), mapping("m", "a", ahead="j"), step("a"), fork("g", "a"), join("j", "g", "a"))
    run = Run(spec)
    run.start([])
    assert run.failure[:2] == ("j", "NoForkRunError")


def test_a_map_of_nothing_inside_another() -> None:
    """Of [[], [1]] the inner join fires for both, the outer one with what they gave."""
    spec = graph(
        start("m"),
        mapping("m", "n"),
        mapping("n", "a", ahead="i"),
        step("a", "i"),
        join("i", "n", "a", to="j"),
        join("j", "m", "n", "a", "i"),
    )
    run = Run(spec)
    assert run.start([[], [1]]) == [RunTask("a:1")]
    assert run.finish("a:1", "one") == [Finish(enc([[], ["one"]]))]


# -- Several joins of one fork, loops ---------------------------------------------------------------------------------


def test_two_joins_of_one_fork_fire_each_for_itself() -> None:
    spec = graph(
        start("f"),
        fork("f", "a", "b"),
        step("a", "i"),
        step("b", "j"),
        join("i", "f", "a", to="x"),
        join("j", "f", "b", to="y"),
        step("x", "x"),
        step("y", "y"),
    )
    run = Run(spec)
    run.start()
    assert run.finish("a:1", 1) == [RunTask("x:1")]
    assert forks_of(run) == ["f"], "the other one still waits"
    assert run.finish("b:1", 2) == [RunTask("y:1")]
    assert forks_of(run) == []
    assert inputs(run) == {"x:1": [1], "y:1": [2]}


def test_a_fork_in_a_loop_leaves_nothing_behind() -> None:
    spec = graph(
        start("f"),
        fork("f", "a", "b"),
        step("a", "j"),
        step("b", "j"),
        join("j", "f", "a", "b", to="z"),
        step("z", "f"),
    )
    run = Run(spec)
    run.start()
    for lap in range(1, 30):
        run.finish(f"a:{lap}", 1)
        run.finish(f"b:{lap}", 1)
        run.finish(f"z:{lap}", 1)
        assert len(forks_of(run)) == 1
        assert {len(task.runs) for task in run.engine.tasks.values()} == {1}


def test_only_the_innermost_run_of_a_fork_counts() -> None:
    """A branch that goes into its own fork again: the join fires for the inner run, not for the outer one."""
    spec = graph(
        start("f"),
        fork("f", "a", "b"),
        step("a", None),
        step("b", "j"),
        step("again", "f"),
        join("j", "f", "a", "b", to="z"),
        step("z", "z"),
    )
    run = Run(spec)
    run.start()
    run.finish("a:1", to="again")
    assert run.finish("b:1", "outer") == [RunTask("z:1")], "through `again` no value of the outer run can come"
    run.finish("again:1")
    assert list(run.engine.tasks) == ["z:1", "a:2", "b:2"]
    run.finish("b:2", "inner")
    run.finish("a:2", to="j")
    assert inputs(run)["z:2"] == ["inner", None]


# -- Cancelling -------------------------------------------------------------------------------------------------------


def test_what_is_cancelled_is_not_waited_for_further_out() -> None:
    """The first value of the inner fork goes on; the outer join hears of it, and of the other branch."""
    spec = graph(
        start("f"),
        fork("f", "m", "b"),
        mapping("m", "a"),
        step("a", "i"),
        join("i", "m", "a", to="j"),
        step("b", "j"),
        join("j", "f", "m", "a", "i", "b"),
    )
    run = Run(spec, Toy(cancels=lambda value: value == "first"))
    run.start([1, 2, 3])
    run.engine.begin("a:3")
    run.finish("b:1", "b")
    run.engine.begin("a:1")
    commands = run.finish("a:2", "first")
    assert commands[-1] == Finish(enc(["b", ["first"]]))
    assert run.engine.status == "finished"


def test_another_join_of_the_run_goes_on_with_what_it_has() -> None:
    spec = graph(
        start("f"),
        fork("f", "a", "b", "c"),
        step("a", "i"),
        step("b", "j"),
        step("c", "i"),
        join("i", "f", "a", "c", to="x"),
        join("j", "f", "b", to="y"),
        step("x"),
        step("y"),
    )
    run = Run(spec, Toy(cancels=lambda value: value == "stop"))
    run.start()
    run.finish("a:1", "half")
    run.engine.begin("c:1")
    assert run.finish("b:1", "stop") == [Cancel("c:1"), RunTask("x:1"), RunTask("y:1")]
    assert inputs(run) == {"x:1": ["half"], "y:1": ["stop"]}


# -- The bookkeeping --------------------------------------------------------------------------------------------------


def test_a_fork_that_no_join_waits_for_has_no_runs() -> None:
    runs = ForkRuns(graph(start("f"), fork("f", "a"), step("a")))
    assert runs.open("f") == ()
    assert runs.next_run == 0


def test_runs_are_numbered_and_forgotten() -> None:
    runs = ForkRuns(BROADCAST, next_run=7)
    (one,), (two,) = runs.open("f"), runs.open("f")
    assert (one, two, runs.next_run) == (7, 8, 9)
    holds = runs.enter("a", (one, two))
    assert [(joining.join.id, joining.run, joining.pending) for joining in holds] == [("j", 8, 1)]
    assert runs.enter("z", (one, two)) == ()
    assert runs.leave(holds) == []
    assert runs.alive((one, two)) == (one,)
    assert runs.joinings(two) == ()
    runs.forget_if_dead(two)  # a second time says nothing
    runs.forget_if_dead(one)
    assert list(runs.all()) == []


@pytest.mark.parametrize("runs", [(), (3,)])
def test_a_value_in_no_run_of_the_fork(runs: tuple[int, ...]) -> None:
    (joining,) = (node for node in BROADCAST.nodes.values() if node.id == "j")
    assert ForkRuns(BROADCAST).find(joining, runs) is None  # type: ignore[arg-type]


def test_what_leaves_a_join_is_in_the_runs_around_it() -> None:
    """Of a final join: up to its own fork's; another passes its values on inside of all of them."""
    inner, outer = join("i", "f", "m", "a", final=False), join("j", "f", "m", "a", "i")
    runs = ForkRuns(graph(start("f"), fork("f", "m"), mapping("m", "a"), step("a", "i"), inner, outer, join("k", "m")))
    stack = (*runs.open("f"), *runs.open("m"))
    found = {spec.id: runs.find(spec, stack) for spec in (inner, outer)}
    assert {node_id: pair and pair[1] for node_id, pair in found.items()} == {"i": (0, 1), "j": (0,)}
