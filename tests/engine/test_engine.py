"""The engine's own conversation: which events it takes, which commands it gives, in which order."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

import pytest

from temporal_graph.engine.engine import EngineError
from temporal_graph.engine.events import (
    LONGEST_MESSAGE,
    Cancel,
    CloseInterrupt,
    Fail,
    Failure,
    Finish,
    NodeFinished,
    OpenInterrupt,
    Output,
    clipped,
)
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.spec import END, START
from temporal_graph.engine.state import Plan
from tests.engine.machine import (
    NOW,
    Rude,
    Run,
    TheRuntimes,
    Toy,
    asking,
    decision,
    enc,
    fork,
    graph,
    join,
    mapping,
    raising,
    read,
    start,
    step,
)

LINE = graph(start("a"), step("a", "b"), step("b"))
SIDE_BY_SIDE = graph(start("f"), fork("f", "a", "b", "c"), step("a"), step("b"), step("c"))
EACH = graph(start("m"), mapping("m", "a"), step("a", "j"), join("j", "m", "a"))


# -- Order ------------------------------------------------------------------------------------------------------------


def test_steps_one_after_the_other() -> None:
    run = Run(LINE)
    assert run.engine.status == "new"
    assert run.start(1) == [RunTask("a:1")]
    assert run.engine.ready == ["a:1"]
    assert run.engine.begin("a:1").value == enc(1)
    assert (run.engine.ready, run.engine.running) == ([], 1)
    assert run.finish("a:1", 2) == [RunTask("b:1")]
    assert run.finish("b:1", 3) == [Finish(enc(3))]
    assert (run.engine.status, run.output, run.engine.tasks, run.engine.running) == ("finished", 3, {}, 0)


def test_branches_come_as_declared_and_items_by_index() -> None:
    run = Run(SIDE_BY_SIDE)
    assert run.start() == [RunTask("a:1"), RunTask("b:1"), RunTask("c:1")]
    run = Run(EACH)
    assert run.start(["x", "y", "z"]) == [RunTask("a:1"), RunTask("a:2"), RunTask("a:3")]
    assert [read(task.value) for task in run.engine.tasks.values()] == ["x", "y", "z"]
    assert [task.number for task in run.engine.tasks.values()] == [0, 1, 2]


def test_tokens_move_first_in_first_out() -> None:
    """What is nearer to a step does not overtake what came before it."""
    spec = graph(start("f"), fork("f", "g", "a"), fork("g", "h"), fork("h", "b"), step("a"), step("b"))
    assert Run(spec).start() == [RunTask("a:1"), RunTask("b:1")]


def test_values_are_reduced_in_the_order_in_which_they_came() -> None:
    run = Run(EACH)
    run.start([1, 2, 3])
    for task_id in ("a:3", "a:1"):
        assert run.finish(task_id, task_id) == []
    assert run.finish("a:2", "a:2") == [Finish(enc(["a:3", "a:1", "a:2"]))]


def test_visits_are_counted_by_node() -> None:
    run = Run(graph(start("a"), step("a", None), step("b", None)))
    run.start()
    assert run.finish("a:1", to="b") == [RunTask("b:1")]
    assert run.finish("b:1", to="a") == [RunTask("a:2")]
    assert run.engine.visits == {"a": 2, "b": 1}
    assert run.finish("a:2", "done", to=END) == [Finish(enc("done"))]


def test_a_decision_takes_one_path() -> None:
    spec = graph(start("d"), decision("d", "a", "b"), step("a"), step("b"))
    for value, task_id in ((0, "a:1"), (1, "b:1")):
        assert Run(spec, Toy(decisions={"d": int})).start(value) == [RunTask(task_id)]


def test_the_names_of_steps_are_in_the_order_of_the_graph() -> None:
    assert SIDE_BY_SIDE.step_ids == ("a", "b", "c")


# -- Where a run begins -----------------------------------------------------------------------------------------------


def test_a_run_may_begin_at_a_node() -> None:
    run = Run(LINE)
    assert run.start(5, node_id="b") == [RunTask("b:1")]
    assert read(run.engine.tasks["b:1"].value) == 5


def test_a_run_may_begin_at_a_node_that_waits() -> None:
    run = Run(graph(start("q"), asking("q")))
    assert run.start(5, node_id="q") == [OpenInterrupt("q:1")]
    assert run.engine.is_stopped
    run = Run(graph(start("q"), asking("q")))
    assert run.start(5, node_id="q", is_answer=True) == [RunTask("q:1")]
    assert not run.engine.is_stopped


def test_a_run_may_begin_at_a_join() -> None:
    """Of a join, that its value is an answer says nothing."""
    run = Run(graph(start("a"), step("a", "j"), join("j", START, "a")))
    assert run.start(5, node_id="j", is_answer=True) == [Finish(enc([5]))]


def test_a_run_cannot_begin_at_a_node_that_is_not_there() -> None:
    run = Run(SIDE_BY_SIDE)
    run.start(node_id="f")
    assert run.failure == (
        "start_node",
        "UnknownNodeError",
        "start_node leads to 'f', which is no node of graph 'toy'. Its nodes: 'a', 'b', 'c'.",
    )


# -- Events that cannot be, and those that say nothing any more -------------------------------------------------------


def finished(task_id: str) -> NodeFinished:
    return NodeFinished(task_id, Output(enc(None)), [])


def test_a_run_starts_once() -> None:
    run = Run(LINE)
    with pytest.raises(EngineError, match="NodeFinished came before Start"):
        run.engine.apply(finished("a:1"), NOW)
    run.start()
    with pytest.raises(EngineError, match="starts once"):
        run.start()


def test_only_what_runs_has_results() -> None:
    run = Run(graph(start("f"), fork("f", "a", "q"), step("a"), asking("q")))
    run.start()
    with pytest.raises(EngineError, match=r"NodeFinished came for task 'a:1', which is ready, not running"):
        run.engine.apply(finished("a:1"), NOW)
    with pytest.raises(EngineError, match=r"task 'q:1', which is waiting"):
        run.engine.apply(finished("q:1"), NOW)
    assert list(run.engine.tasks) == ["a:1", "q:1"]


def test_only_what_is_ready_begins() -> None:
    run = Run(LINE)
    run.start()
    run.engine.begin("a:1")
    with pytest.raises(EngineError, match="'a:1' is running; only a ready task can begin"):
        run.engine.begin("a:1")
    with pytest.raises(EngineError, match="'a:1' is running; only a task with an answer can go on"):
        run.engine.resume("a:1")
    run.ask("a:1")
    with pytest.raises(EngineError, match="'a:1' is waiting"):
        run.engine.begin("a:1")


def test_a_node_without_a_path_says_where_it_goes() -> None:
    run = Run(graph(start("a"), step("a", None)))
    run.start()
    with pytest.raises(EngineError, match="'a' has no path"):
        run.finish("a:1")


def test_results_of_tasks_that_are_gone_change_nothing() -> None:
    run = Run(LINE)
    run.start(state={"n": 0})
    late = NodeFinished("a:1", Output(enc("late")), [["set", ["n"], 9]])
    run.finish("a:1")
    assert run.engine.apply(late, NOW) == []
    assert run.engine.apply(finished("never:1"), NOW) == []
    run.finish("b:1", 3)
    assert run.engine.apply(late, NOW) == []
    assert (run.engine.state, run.output) == ({"n": 0}, 3)


def test_a_failed_run_takes_no_results() -> None:
    run = Run(SIDE_BY_SIDE)
    run.start()
    run.engine.begin("b:1")
    assert run.fail("a:1") == [Cancel("b:1"), Fail(Failure("a", "ValueError", "broken"))]
    assert run.engine.apply(finished("b:1"), NOW) == []
    assert (run.engine.status, run.engine.output, run.engine.ready) == ("failed", None, [])
    assert run.engine.is_stopped


# -- Cancelling -------------------------------------------------------------------------------------------------------


def test_the_end_cancels_what_has_begun_and_nothing_else() -> None:
    spec = graph(
        start("f"), fork("f", "a", "b", "c", "d", "q", "e"), *(step(i) for i in "abcde"), asking("q"), name="ends"
    )
    run = Run(spec)
    run.start()
    for task_id in ("b:1", "c:1"):
        run.engine.begin(task_id)
    run.ask("d:1")  # waits at the line where it asks, so there is something to be cancelled
    assert run.finish("a:1", 7) == [
        Cancel("b:1"),
        Cancel("c:1"),
        CloseInterrupt("d:1.0"),
        Cancel("d:1"),
        CloseInterrupt("q:1"),
        Finish(enc(7)),
    ]
    assert run.engine.tasks == {}
    assert (run.open, run.engine.running) == ([], 0)


def test_commands_that_came_to_nothing_are_not_given() -> None:
    """The branch before the end has made a task ready: it never runs."""
    run = Run(graph(start("f"), fork("f", "a", END), step("a")))
    assert run.start(1) == [Finish(enc(1))]


def test_the_first_value_at_the_end_is_the_output() -> None:
    run = Run(graph(start("f"), fork("f", END, END)))
    assert run.start(1) == [Finish(enc(1))]


def test_a_join_that_cancels_drops_all_that_its_fork_run_has_started() -> None:
    spec = graph(
        start("f"),
        fork("f", "m", "other"),
        mapping("m", "d"),
        decision("d", "a", "q", "h"),
        step("a", "j"),
        asking("q"),
        fork("h", "x", "y"),
        step("x", "inner"),
        step("y", "inner"),
        join("inner", "h", "x", "y", to="j"),
        join("j", "m", "d", "a", "q", "h", "x", "y", "inner", to="after"),
        step("after"),
        step("other"),
    )
    run = Run(spec, Toy(decisions={"d": int}, cancels=lambda value: value == "stop"))
    run.start([0, 0, 0, 1, 2])
    run.finish("x:1", "half")  # half of an inner join has arrived
    run.engine.begin("a:2")
    run.engine.begin("other:1")
    assert run.open == ["q:1"]
    assert run.finish("a:1", "stop") == [Cancel("a:2"), CloseInterrupt("q:1"), RunTask("after:1")]
    assert list(run.engine.tasks) == ["other:1", "after:1"]
    assert run.open == []
    assert run.finish("after:1", "out") == [Cancel("other:1"), Finish(enc("out"))]


def test_a_join_that_cancels_drops_values_on_their_way() -> None:
    """Three items reach the join in one go; the second cancels, so the third is never seen."""
    spec = graph(start("m"), mapping("m", "j"), join("j", "m", to="a"), step("a"))
    run = Run(spec, Toy(cancels=lambda value: value == 2))
    assert run.start([1, 2, 3]) == [RunTask("a:1")]
    assert read(run.engine.tasks["a:1"].value) == [1, 2]


def test_a_join_that_cancels_leaves_alone_what_is_not_below_its_fork() -> None:
    spec = graph(
        start("f"),
        fork("f", "m", "d"),
        mapping("m", "j"),
        decision("d", "a"),
        join("j", "m", to="b"),
        step("a"),
        step("b"),
    )
    run = Run(spec, Toy(decisions={"d": lambda value: 0}, cancels=lambda value: True))
    assert run.start([1, 2]) == [RunTask("a:1"), RunTask("b:1")]
    assert read(run.engine.tasks["b:1"].value) == [1]


# -- What fails a run -------------------------------------------------------------------------------------------------


def test_a_run_with_nothing_left_to_do() -> None:
    run = Run(EACH)
    run.start([])
    assert run.failure == (
        "m",
        "NoOutputError",
        "Map 'm' got nothing to go over, so nothing has come to join 'j' behind it, and the run has nothing left to "
        "do. Name the join that goes on then, with its initial value: .map(downstream_join_id='j').",
    )


def test_a_map_over_nothing_with_no_join_behind_it() -> None:
    run = Run(graph(start("m"), mapping("m", "a"), step("a", "m")))
    run.start([])
    assert run.failure[2] == (
        "Map 'm' got nothing to go over, so nothing has come to a join behind it, and the run has nothing left to do. "
        "Name the join that goes on then, with its initial value: .map(downstream_join_id='...')."
    )


def test_a_run_with_nothing_left_to_do_for_no_reason_that_is_known() -> None:
    assert Run(LINE).engine._no_output().node_id == END  # pyright: ignore[reportPrivateUsage]


def test_a_node_that_names_no_node() -> None:
    run = Run(graph(start("a"), step("a", None), step("b"), join("j", START, "a")))
    run.start()
    run.finish("a:1", to="nowhere")
    assert run.failure == (
        "a",
        "UnknownNodeError",
        "a leads to 'nowhere', which is no node of graph 'toy'. Its nodes: 'a', 'b', 'j'.",
    )


@pytest.mark.parametrize("to", [START, END + "x", "f", "d"])
def test_a_node_cannot_go_to_what_is_no_step_and_no_join(to: str) -> None:
    run = Run(graph(start("a"), step("a", None), fork("f", "a"), decision("d", "a")))
    run.start()
    run.finish("a:1", to=to)
    assert run.failure[1] == "UnknownNodeError"


def test_a_value_that_reaches_a_join_from_outside_of_its_fork() -> None:
    run = Run(graph(start("b"), step("b", None), fork("f", "a"), step("a", "j"), join("j", "f", "a")))
    run.start()
    run.finish("b:1", to="j")
    message = "A value reached join 'j' outside of any run of its parent fork 'f'."
    assert run.failure == ("j", "NoForkRunError", message)


def refusing(name: str) -> Toy:
    """Functions of which one raises."""

    def refuse(*args: Any) -> Any:
        raise RuntimeError(f"{name} does not want to")

    toy = Toy()
    setattr(toy, name, refuse)
    return toy


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("walk", "__start__->d"),
        ("choose", "d"),
        ("items", "m"),
        ("initial", "j"),
        ("reduce", "j"),
        ("joined", "j"),
        ("ask", "q"),
        ("rest", "q"),
    ],
)
def test_code_that_raises_fails_the_run_and_says_where(name: str, where: str) -> None:
    asks = where == "q"
    spec = graph(
        start("d", transforms=name == "walk"),
        decision("d", "m"),
        mapping("m", "q" if asks else "j"),
        asking("q"),
        join("j", "m"),
    )
    functions = refusing(name)
    functions.decisions = {"d": lambda value: 0}
    run = Run(spec, functions)
    commands = run.start([1])
    assert run.failure == (where, "RuntimeError", f"{name} does not want to")
    assert run.engine.failure is not None
    assert commands == [Fail(run.engine.failure)]


def test_an_output_that_cannot_be_written() -> None:
    run = Run(LINE, refusing("rest"))
    run.functions.rest = lambda node_id, value: value if node_id != END else refusing("rest").rest(node_id, value)
    run.start()
    run.finish("a:1")
    run.finish("b:1", 3)
    assert run.failure == (END, "RuntimeError", "rest does not want to")


def test_what_fails_a_run_is_short_enough_and_can_be_sent() -> None:
    failure = Failure("a", "Error" * 100, "x" * 20_000)
    assert failure.message == "x" * LONGEST_MESSAGE + "... (20,000 characters)"
    assert failure.type.endswith("... (500 characters)")
    assert clipped("half of \ud83d a pair") == "half of \\ud83d a pair"


def test_a_shell_may_let_a_run_fail() -> None:
    """Also one that has just finished: its output may turn out to be too large to be told."""
    for ends in (False, True):
        run = Run(graph(start("f"), fork("f", "a", "q"), step("a"), asking("q")))
        run.start(state={"n": 0})
        run.engine.begin("a:1")
        if ends:
            run.finish("a:1", 1)
        run.engine.fail(Failure("a", "PayloadTooLargeError", "too large"))
        assert (run.engine.status, run.engine.output, run.engine.tasks) == ("failed", None, {})
        assert run.failure == ("a", "PayloadTooLargeError", "too large")
        assert (run.open, run.engine.is_stopped, run.engine.running) == ([], True, 0)
        assert run.engine.apply(finished("a:1"), NOW) == []


# -- State ------------------------------------------------------------------------------------------------------------


def test_changes_are_merged_and_a_task_gets_the_state_of_when_it_begins() -> None:
    run = Run(graph(start("f"), fork("f", "a", "b", "c"), step("a", "d"), step("b"), step("c"), step("d")))
    state = {"n": 0, "log": []}
    run.start(state=state)
    assert run.engine.begin("b:1").state is state
    run.finish("a:1", delta=[["set", ["n"], 1], ["append", ["log"], ["a"]]])
    assert run.engine.begin("c:1").state == {"n": 1, "log": ["a"]}
    run.finish("b:1", "end", delta=[["append", ["log"], ["b"]]])
    assert run.engine.state == {"n": 1, "log": ["a", "b"]}
    assert state == {"n": 0, "log": []}, "what was is never changed in place"


def conflicting(state: Any, first: list[Any], second: list[Any], plan: Plan | None = None) -> Run:
    """A run whose branches a and b change the state side by side."""
    run = Run(graph(start("f"), fork("f", "a", "b"), step("a", "c"), step("b", "c"), step("c")), None, plan or Plan())
    run.start(state=state)
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    run.finish("a:1", delta=first)
    run.finish("b:1", delta=second)
    return run


CURE = (
    "Say how they merge, with Annotated[..., Merge.sum], Merge.last, Merge.max or Merge(function) on the field, or let "
    "each branch write to a place of its own."
)


@pytest.mark.parametrize(
    ("state", "first", "second", "path", "message"),
    [
        (
            {"n": 0},
            [["set", ["n"], 1]],
            [["set", ["n"], 2]],
            ("n",),
            "state.n differently: 'a' made it 1, 'b' made it 2; it was 0.",
        ),
        (
            {"items": [{"name": "x"}]},
            [["set", ["items", 0, "name"], "y"]],
            [["set", ["items", 0, "name"], "z"]],
            ("items", 0, "name"),
            "state.items[0].name differently: 'a' made it 'y', 'b' made it 'z'; it was 'x'.",
        ),
        (
            {"text": ""},
            [["set", ["text"], "l" * 100]],
            [["delete", ["text"]]],
            ("text",),
            f"state.text differently: 'a' made it '{'l' * 76}..., 'b' made it None; it was ''.",
        ),
        (
            {},
            [["create", ["new"], {"k": 1}]],
            [["create", ["new"], {"k": 2}]],
            ("new", "k"),
            "state.new.k differently: another branch made it 1, 'b' made it 2; it was None.",
        ),
    ],
)
def test_a_conflict_says_where_and_who(state: Any, first: Any, second: Any, path: Any, message: str) -> None:
    run = conflicting(state, first, second)
    assert run.failure == ("b", "StateConflictError", f"Parallel branches changed {message} {CURE}")
    assert run.engine.failure is not None
    assert run.engine.failure.path == path


def test_a_rule_settles_a_conflict() -> None:
    summed = Plan(fields={"n": Plan("custom", merge=lambda base, current, mine: current + mine - base)})
    assert conflicting({"n": 1}, [["set", ["n"], 2]], [["set", ["n"], 3]], summed).engine.state == {"n": 4}


@pytest.mark.parametrize(
    ("plan", "first", "second", "both"),
    [
        (Plan("set"), ["b"], ["a", "b"], ["a", "b"]),
        (Plan("pairs"), [[1, {"x": 1}]], [[1, {"y": 2}], [2, 0]], [[1, {"x": 1, "y": 2}], [2, 0]]),
        (Plan(), [1], [1], [1, 1]),
        (Plan("custom", merge=lambda base, current, mine: [base, current, mine]), 1, 1, [None, 1, 1]),
        (
            Plan(fields={"n": Plan("custom", merge=lambda base, current, mine: current + mine)}),
            {"n": 1},
            {"n": 2},
            {"n": 3},
        ),
        (Plan("atomic"), [1], [1], [1]),
    ],
)
def test_what_two_branches_create_at_one_place_is_united(plan: Plan, first: Any, second: Any, both: Any) -> None:
    run = conflicting({}, [["create", ["new"], first]], [["create", ["new"], second]], Plan(fields={"new": plan}))
    assert run.engine.state == {"new": both}


def test_only_what_is_parallel_is_in_the_way() -> None:
    """What was written below a place before a task began does not conflict with what it makes of the whole place."""
    run = Run(graph(start("f"), fork("f", "a", "b", "c"), step("a", "d"), step("b", "d"), step("c", "d"), step("d")))
    run.start(state={"deep": {"n": 0}})
    run.engine.begin("c:1")
    run.finish("a:1", delta=[["set", ["deep", "n"], 1]])
    run.finish("b:1", delta=[["set", ["deep"], 2]])
    assert run.engine.state == {"deep": 2}


def test_a_rule_that_raises_fails_the_run() -> None:
    broken = Plan(fields={"n": Plan("custom", merge=lambda base, current, mine: current / 0)})
    run = conflicting({"n": 1}, [["set", ["n"], 2]], [["set", ["n"], 3]], broken)
    assert run.failure == ("b", "ZeroDivisionError", "Merging the state: division by zero")


def test_changes_that_are_none_fail_the_run() -> None:
    run = conflicting({"n": 1}, [], [["rename", ["n"], 2]])
    assert run.failure == ("b", "ValueError", "Merging the state: ['rename', ['n'], 2] is no change of a state.")


def test_what_was_written_before_a_task_began_is_no_conflict() -> None:
    run = Run(LINE)
    run.start(state={"n": 0})
    run.finish("a:1", delta=[["set", ["n"], 1]])
    run.finish("b:1", delta=[["set", ["n"], 2]])
    assert run.engine.state == {"n": 2}


def counted(value: Any, state: Any) -> tuple[Any, Any]:
    """A transform that changes the state."""
    return value, {"n": state["n"] + 1}


def test_a_transform_may_change_the_state() -> None:
    run = Run(graph(start("a", transforms=True), step("a")), Toy(transforms={"__start__->a": counted}))
    run.start(state={"n": 0})
    assert run.engine.begin("a:1").state == {"n": 1}


def test_what_a_transform_writes_can_conflict_with_a_branch() -> None:
    spec = graph(start("f"), fork("f", "a", "b"), step("a", "c", transforms=True), step("b", "c"), step("c"))
    run = Run(spec, Toy(transforms={"a->c": counted}))
    run.start(state={"n": 0})
    run.engine.begin("b:1")
    run.finish("a:1")
    assert run.engine.state == {"n": 1}
    run.finish("b:1", delta=[["set", ["n"], 5]])
    assert "state.n differently: 'a->c' made it 1, 'b' made it 5; it was 0." in run.failure[2]


def test_what_was_written_is_forgotten_when_nobody_works_on_an_older_state() -> None:
    """Or a run of years would remember every place that was ever written to."""
    run = Run(graph(start("f"), fork("f", "a", "b", "c"), *(step(i, i) for i in "abc")))
    run.start(state={})

    def written() -> bool:
        return bool(run.engine.shared._writes._root.inside)  # pyright: ignore[reportPrivateUsage]

    for task_id in ("a:1", "b:1", "c:1"):
        run.engine.begin(task_id)
    for task_id in ("a:1", "b:1"):
        run.finish(task_id, delta=[["create", [task_id], 1]])
    assert written(), "c:1 has begun before"
    run.finish("c:1", delta=[["create", ["c"], 1]])
    assert not written()
    run.engine.begin("a:2")
    run.ask("b:2")
    run.engine.release("a:2")
    run.finish("c:2", delta=[["create", ["d"], 1]])
    assert written(), "b:2 waits at its line"


# -- Giving up, going on ----------------------------------------------------------------------------------------------


def test_a_task_that_is_given_up_begins_anew_with_the_state_of_then() -> None:
    run = Run(SIDE_BY_SIDE)
    run.start(state={"n": 0})
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    run.engine.release("a:1")
    run.engine.release("c:1")  # it does not run: nothing to give up
    assert (run.engine.ready, run.engine.running) == (["a:1", "c:1"], 1)
    assert run.finish("b:1", 1) == [Finish(enc(1))], "nothing ran any more that could be cancelled"


def test_a_task_that_was_given_up_has_no_part_in_a_conflict() -> None:
    run = Run(graph(start("f"), fork("f", "a", "b"), step("a", "c"), step("b", "c"), step("c")))
    run.start(state={"n": 0})
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    run.engine.release("b:1")
    run.finish("a:1", delta=[["set", ["n"], 1]])
    assert run.engine.begin("b:1").state == {"n": 1}
    run.finish("b:1", delta=[["set", ["n"], 2]])
    assert run.engine.state == {"n": 2}


def test_whether_anything_still_happens_by_itself() -> None:
    spec = graph(start("f"), fork("f", "q", "a"), asking("q"), step("a", "j"), join("j", START, "f", "q", "a"))
    run = Run(spec)
    assert not run.engine.is_stopped
    run.start()
    assert not run.engine.is_stopped, "a is ready"
    run.engine.begin("a:1")
    assert not run.engine.is_stopped, "a runs"
    run.finish("a:1")
    assert run.engine.is_stopped, "only q is left, and waits"
    run.answer({})
    assert not run.engine.is_stopped
    run.finish("q:1", to="j")
    assert run.engine.is_stopped


# -- Commands of what is dropped in the same event --------------------------------------------------------------------


def test_a_join_that_cancels_and_goes_to_the_end_at_once() -> None:
    run = Run(EACH, Toy(cancels=lambda value: True))
    run.start([1, 2])
    run.engine.begin("a:2")
    assert run.finish("a:1", 1) == [Cancel("a:2"), Finish(enc([1]))]


def test_a_task_that_becomes_ready_and_is_dropped_at_once() -> None:
    spec = graph(start("f"), fork("f", "a", "j"), step("a"), join("j", "f", "a", to="b"), step("b"))
    assert Run(spec, Toy(cancels=lambda value: True)).start(1) == [RunTask("b:1")]


def test_a_question_that_opens_and_is_dropped_at_once() -> None:
    spec = graph(start("f"), fork("f", "q", "j"), asking("q"), join("j", "f", "q", to="b"), step("b"))
    run = Run(spec, Toy(cancels=lambda value: True))
    run.answer({}, "q:1")
    assert run.start(1) == [RunTask("b:1")]
    assert (run.open, list(run.engine.questions.early)) == ([], ["q:1"])


# -- What the graph's functions may raise -----------------------------------------------------------------------------


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Rude("no"), "no"),
        (SystemExit(1), "1"),
        (KeyboardInterrupt("so"), "so"),
        (GeneratorExit("so"), "so"),
        (CancelledError("so"), "so"),
        (Speechless(), "(it has no message: its __str__ raised ValueError)"),
    ],
)
def test_whatever_they_raise_fails_the_run(error: BaseException, message: str) -> None:
    run = Run(graph(start("a", transforms=True), step("a")), Toy(transforms={"__start__->a": raising(error)}))
    run.start()
    assert run.failure == ("__start__->a", type(error).__name__, message)


@pytest.mark.parametrize("error", [TheRuntimes()])
def test_what_ends_the_process_is_not_taken_for_a_failure(error: BaseException) -> None:
    run = Run(graph(start("a", transforms=True), step("a")), Toy(transforms={"__start__->a": raising(error)}))
    with pytest.raises(type(error)):
        run.start()
    assert run.engine.failure is None
