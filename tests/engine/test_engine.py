"""The engine's own conversation: which events it takes, which commands it gives, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph.engine.engine import EngineError
from temporal_graph.engine.events import (
    Cancel,
    Fail,
    Failure,
    Finish,
    NodeFinished,
    OpenInterrupt,
    Output,
)
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.spec import END, START
from tests.engine.machine import (
    NOW,
    Run,
    Toy,
    asking,
    decision,
    enc,
    fork,
    graph,
    join,
    mapping,
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
    assert run.finish("a:1", 7) == [Cancel("b:1"), Cancel("c:1"), Cancel("d:1"), Finish(enc(7))]
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
    assert run.finish("a:1", "stop") == [Cancel("a:2"), RunTask("after:1")]
    assert list(run.engine.tasks) == ["other:1", "after:1"]
    assert run.open == []
    assert run.finish("after:1", "out") == [Cancel("other:1"), Finish(enc("out"))]


def test_a_join_that_cancels_drops_values_on_their_way() -> None:
    """Three items reach the join in one go; the second cancels, so the third is never seen."""
    spec = graph(start("m"), mapping("m", "j"), join("j", "m", to="a"), step("a"))
    run = Run(spec, Toy(cancels=lambda value: value == 2))
    assert run.start([1, 2, 3]) == [RunTask("a:1")]
    assert read(run.engine.tasks["a:1"].value) == [1, 2]


def test_a_cancelled_task_can_be_the_last_one_of_a_run() -> None:
    run = Run(EACH, Toy(cancels=lambda value: True))
    run.start([1, 2])
    run.engine.begin("a:2")
    assert run.finish("a:1", 1) == [Cancel("a:2"), Finish(enc([1]))]


# -- What fails a run -------------------------------------------------------------------------------------------------


def test_a_run_with_nothing_left_to_do() -> None:
    run = Run(EACH)
    run.start([])
    message = "The run has nothing left to do, and no branch has reached the end node."
    assert run.failure == (END, "NoOutputError", message)


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
        ("walk", "m->a"),
        ("choose", "d"),
        ("items", "m"),
        ("initial", "j"),
        ("reduce", "j"),
        ("joined", "j"),
        ("ask", "q"),
    ],
)
def test_code_that_raises_fails_the_run_and_says_where(name: str, where: str) -> None:
    spec = graph(
        start("d"),
        decision("d", "m"),
        mapping("m", "j") if where == "j" else mapping("m", "q") if where == "q" else mapping("m", "a"),
        step("a", "j"),
        asking("q"),
        join("j", "m", "a"),
    )
    if where == "m->a":
        spec = graph(start("m", transforms=False), mapping("m", "a"), step("a"))
        spec.nodes["m"].paths[0].__class__  # noqa: B018
    functions = refusing(name)
    if name != "choose":
        functions.decisions = {"d": lambda value: 0}
    run = Run(spec, functions)
    commands = run.start([1])
    assert run.failure == (where, "RuntimeError", f"{name} does not want to")
    assert run.engine.failure is not None
    assert commands == [Fail(run.engine.failure)]
