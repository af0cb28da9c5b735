"""What people do to a run beyond answering: send it elsewhere, change its state, answer together, pause, cancel."""

from __future__ import annotations

import contextlib
from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine import looking
from temporal_graph.engine.engine import EngineError
from temporal_graph.engine.events import (
    Cancel,
    CloseInterrupt,
    Ended,
    Failure,
    Finish,
    NodeAsked,
    NodeFinished,
    OpenInterrupt,
    Output,
)
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.questions import EARLY, EARLY_SIZE, Answer, Refused
from temporal_graph.engine.snapshot import dump
from temporal_graph.engine.spec import END, START, GraphSpec
from tests.engine.machine import (
    LATER,
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
    refused,
    start,
    step,
)

ONE = graph(start("q"), asking("q"), step("a", None))
TWO = graph(start("f"), fork("f", "q", "r", "a"), asking("q"), asking("r"), step("a", None))
LINE = graph(start("a"), step("a", "b"), step("b"))
BOTH = graph(
    start("f"),
    fork("f", "a", "b"),
    step("a", "j"),
    step("b", "c"),
    step("c", "j"),
    join("j", "f", "a", "b", "c", to="z"),
    step("z"),
    step("away"),
)


def begun(spec: GraphSpec, value: Any = None, functions: Any = None, **words: Any) -> Run:
    run = Run(spec, functions)
    run.start(value, **words)
    return run


def unchanged(run: Run, call: Callable[[], Any]) -> Any:
    """Why something is refused, which must change nothing."""
    before = dump(run.engine)
    error = refused(call)
    assert dump(run.engine) == before
    return error


# -- Going elsewhere --------------------------------------------------------------------------------------------------


def test_a_question_is_answered_by_going_elsewhere() -> None:
    run = begun(ONE, 3)
    accepted, commands = run.answer(goto={"node_id": "a", "data": {"x": 1}}, actor="ann", answer_id="go")
    assert (accepted.interrupt_id, accepted.value, accepted.actor) == ("q:1", None, "ann")
    assert commands == [RunTask("a:1")]
    assert (run.open, list(run.engine.tasks)) == ([], ["a:1"])
    assert read(run.engine.begin("a:1").value) == {"x": 1}
    assert run.answer(answer_id="go", goto={"node_id": "q"}) == (accepted, []), "the same answer goes nowhere again"
    assert refused(lambda: run.answer({}, "q:1")).reason == "already_answered"


def test_data_may_be_left_out() -> None:
    run = begun(ONE, 3)
    run.answer(goto={"node_id": "a"})
    assert read(run.engine.begin("a:1").value) is None


def test_a_value_that_comes_along_must_fit_the_question() -> None:
    run = begun(ONE)
    error = unchanged(run, lambda: run.goto("a", value="no object"))
    assert (error.reason, error.errors[0]["loc"]) == ("invalid", ["approved"])
    assert run.goto("a", value={"n": 1}) == [RunTask("a:1")]
    assert run.engine.questions.accepted["q:1"].value == {"n": 1}


@pytest.mark.parametrize("reloads", [False, True])
def test_a_run_that_was_joined_begins_anew(reloads: bool) -> None:
    """The join waited for the whole run, which is over when it fires; back before it, it is as if the graph began."""
    spec = graph(
        start("plan"),
        step("plan", "m"),
        mapping("m", "w"),
        step("w", "j"),
        join("j", START, "plan", "m", "w", to="act"),
        step("act", None),
    )
    run = begun(spec)
    for lap in (1, 2, 3):
        run.finish(f"plan:{lap}", ["x", "y"])
        for visit in (2 * lap - 1, 2 * lap):
            run.finish(f"w:{visit}", f"w{visit}")
        assert read(run.engine.tasks[f"act:{lap}"].value) == [f"w{2 * lap - 1}", f"w{2 * lap}"]
        run.ask(f"act:{lap}")
        if reloads:
            run.reload()
        assert run.goto("plan") == ([] if reloads else [Cancel(f"act:{lap}")]) + [RunTask(f"plan:{lap + 1}")]
        assert len([fork_id for _, fork_id, _ in run.engine.forks.all() if fork_id == START]) == 1
    run.goto("w", "alone")  # into the middle: the join gets this one
    run.finish("w:7", "w7")
    assert read(run.engine.tasks["act:4"].value) == ["w7"]


def test_what_does_not_fit_the_node_changes_nothing() -> None:
    run = begun(ONE)
    error = unchanged(run, lambda: run.goto("a", "unfit"))
    assert error.reason == "invalid"
    assert error.message == "This cannot be given to node 'a': goto.data.amount: Input should fit."
    assert error.errors == [{"loc": ["goto", "data", "amount"], "msg": "Input should fit", "type": "unfit"}]


def test_a_validator_that_breaks_down_sends_the_run_nowhere() -> None:
    functions = Toy()
    functions.arrive = raising(RuntimeError("no idea"))  # type: ignore[method-assign]
    run = begun(ONE, functions=functions)
    error = unchanged(run, lambda: run.goto("a"))
    assert error.message == "This cannot be given to node 'a': goto.data: RuntimeError: no idea."


@pytest.mark.parametrize("node_id", ["nowhere", None, 3, ["a"], START, "f", "j"])
def test_what_is_no_node_is_told_which_there_are(node_id: Any) -> None:
    run = begun(BOTH)
    error = unchanged(run, lambda: run.goto(node_id, interrupt_id="a:1"))
    message = f"There is no node {node_id!r} to go to. The nodes: 'a', 'b', 'c', 'z', 'away'."
    assert (error.reason, error.message) == ("invalid", message)
    assert error.errors == [{"loc": ["goto"], "msg": message, "type": "goto"}]


def test_a_goto_without_a_node() -> None:
    run = begun(ONE)
    assert unchanged(run, lambda: run.answer(goto={})).message.startswith("There is no node None to go to.")


def test_the_end_can_be_gone_to() -> None:
    run = begun(BOTH)
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    assert run.goto(END, "out", "a:1") == [Cancel("a:1"), Cancel("b:1"), Finish(enc("out"))]
    assert (run.output, run.engine.running, run.engine.tasks) == ("out", 0, {})


def test_an_interrupt_node_that_is_gone_to_asks_anew() -> None:
    run = begun(ONE)
    assert run.goto("q", 5) == [OpenInterrupt("q:2")]
    assert run.engine.questions.open["q:2"].value == {"shown": 5}
    run.answer({})
    assert run.goto("q", 6, "q:2") == [OpenInterrupt("q:3")], "also after its answer, while it has not begun"


def test_a_node_that_asks_nothing_and_has_not_begun_is_sent_on() -> None:
    run = begun(LINE)
    accepted, commands = run.answer(interrupt_id="a:1", goto={"node_id": "b", "data": 1}, actor="ann")
    assert (accepted.interrupt_id, accepted.answered_at, commands) == ("a:1.goto", LATER, [RunTask("b:1")])
    assert refused(lambda: run.goto("b", interrupt_id="a:1")).reason == "closed"


def test_an_answer_is_remembered_when_its_node_is_sent_elsewhere() -> None:
    run = begun(graph(start("q"), asking("q"), step("a", None)))
    run.answer({}, "q:1", answer_id="mine")
    run.goto("a", interrupt_id="q:1")
    accepted, commands = run.answer({"late": True}, "q:1", answer_id="mine")
    assert (accepted.interrupt_id, accepted.answer_id, accepted.value, commands) == ("q:1", "mine", {}, [])


def test_the_only_node_of_a_run_needs_no_name() -> None:
    run = begun(LINE)
    run.engine.begin("a:1")
    assert run.goto("b", 1) == [Cancel("a:1"), RunTask("b:1")]
    assert run.engine.running == 0


def test_of_several_nodes_it_is_said_which() -> None:
    run = begun(BOTH)
    error = unchanged(run, lambda: run.goto("z"))
    assert error.reason == "ambiguous"
    assert error.message == "2 nodes are on their way. Say which with interrupt_id: 'a:1', 'b:1'."
    run.ask("b:1")
    assert run.goto("c") == [Cancel("b:1"), RunTask("c:1")], "the only question is meant, as with any answer"


def test_the_command_of_a_node_that_has_not_been_seen_yet_is_taken_back() -> None:
    run = Run(LINE)
    run.engine.answer(Answer("a:1.0", "early"), NOW)
    assert run.start() == [RunTask("a:1")]
    assert run.goto("b") == [RunTask("b:1")]
    run.ask("b:1")
    assert run.goto("a") == [Cancel("b:1"), RunTask("a:2")]


@pytest.mark.parametrize("name", ["a:1", "a:1.0", "a", None])
def test_a_node_that_waits_at_its_line_is_cancelled(name: str | None) -> None:
    run = begun(graph(start("a"), step("a", None), step("b")))
    run.ask("a:1")
    closed = [CloseInterrupt("a:1.0")] if name == "a:1" else []  # the other names are the question's: it is answered
    assert run.goto("b", interrupt_id=name) == [*closed, Cancel("a:1"), RunTask("b:1")]
    assert run.open == []
    assert run.engine.apply(NodeFinished("a:1", Ended(enc("late")), [["set", [], 1]]), LATER) == []
    assert run.engine.state is None


def test_a_node_that_waited_before_the_snapshot_has_nothing_to_cancel() -> None:
    run = begun(graph(start("a"), step("a", None), step("b")))
    run.ask("a:1")
    run.reload()
    assert run.goto("b") == [RunTask("b:1")]


def test_the_result_of_what_was_sent_elsewhere_comes_too_late() -> None:
    run = begun(BOTH, state={"n": 0})
    run.engine.begin("a:1")
    assert run.goto("b", interrupt_id="a:1") == [Cancel("a:1"), RunTask("b:2")]
    checkpoint = run.engine.checkpoint
    for late in (NodeFinished("a:1", Output(enc(1)), [["set", ["n"], 1]]), NodeAsked("a:1", 0, None, None)):
        assert run.engine.apply(late, LATER) == []
    assert (run.engine.state, run.engine.checkpoint, run.open) == ({"n": 0}, checkpoint, [])


def test_a_run_that_has_ended_goes_nowhere() -> None:
    run = begun(LINE)
    run.goto(END, "out")
    for name in (None, "a:1", "b:1"):
        assert unchanged(run, lambda name=name: run.goto("a", interrupt_id=name)).reason == "closed"


def test_a_run_that_has_not_started_goes_nowhere() -> None:
    run = Run(LINE)
    assert unchanged(run, lambda: run.goto("a")).message == "No such question is open. No question is open."


@pytest.mark.parametrize("words", [{"goto": {"node_id": "a"}}, {"state_update": {"n": 1}}])
def test_only_a_plain_answer_is_kept_until_its_question_opens(words: Any) -> None:
    run = begun(ONE, state={"n": 0})
    error = unchanged(run, lambda: run.answer({}, "q:2", **words))
    assert error.reason == "unknown_interrupt"
    assert error.message == "'q:2' is not open yet; an answer with goto or state_update cannot wait."


def test_answers_kept_ahead_are_taken_where_the_run_was_sent() -> None:
    run = begun(TWO)
    run.answer({"n": 9}, "q:2")
    run.answer({"n": 8}, "q:3")
    assert run.goto("q", "sent", "r:1") == [RunTask("q:2")]
    assert read(run.engine.begin("q:2").value) == {"was": "sent", "n": 9}
    assert list(run.engine.questions.early) == ["q:3"]


# -- What the graph's functions may raise -----------------------------------------------------------------------------

CALLS: dict[str, Callable[[Run], Any]] = {
    "check": lambda run: run.answer({}),
    "fill": lambda run: run.answer({}),
    "arrive": lambda run: run.goto("a"),
    "edit": lambda run: run.update(n=2),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("error", [Rude("no"), SystemExit(1), CancelledError(), RecursionError()])
def test_whatever_they_raise_refuses_what_was_sent(name: str, error: BaseException) -> None:
    functions = Toy()
    run = begun(ONE, functions=functions, state={"n": 1})
    setattr(functions, name, raising(error))
    told = unchanged(run, lambda: CALLS[name](run))
    assert (told.reason, told.errors[0]["msg"].partition(":")[0]) == ("invalid", type(error).__name__)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("error", [TheRuntimes()])
def test_what_ends_the_process_is_not_taken_for_a_refusal(name: str, error: BaseException) -> None:
    functions = Toy()
    run = begun(ONE, functions=functions, state={"n": 1})
    setattr(functions, name, raising(error))
    with pytest.raises(type(error)):
        CALLS[name](run)
    assert run.open == ["q:1"]


# -- Going elsewhere inside of forks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reloads", [False, True])
@pytest.mark.parametrize("target", ["a", "b", "c"])
def test_a_join_fires_once_whatever_node_of_its_region_is_gone_to(target: str, reloads: bool) -> None:
    run = begun(BOTH)
    run.engine.begin("b:1")
    run.finish("a:1", "a")
    assert run.goto(target, "sent", "b:1")[0] == Cancel("b:1")
    fired: list[str] = []
    while run.engine.status == "running":
        if reloads:
            run.reload()
        (task_id,) = run.engine.ready
        fired += [task_id] if task_id.startswith("z") else []
        run.finish(task_id, read(run.engine.tasks[task_id].value))
    assert fired == ["z:1"]
    assert run.output == ["a", "sent"]


def test_a_join_does_not_wait_for_what_was_sent_out_of_its_region() -> None:
    run = begun(BOTH)
    run.finish("a:1", "a")
    assert run.goto("away", "sent", "b:1") == [RunTask("away:1"), RunTask("z:1")]
    assert read(run.engine.tasks["z:1"].value) == ["a"]
    assert [fork_id for _, fork_id, _ in run.engine.forks.all()] == []


def test_a_join_that_nothing_reaches_any_more_does_not_fire() -> None:
    run = begun(BOTH)
    run.goto("away", 1, "a:1")
    assert run.goto("away", 2, "b:1") == [RunTask("away:2")]
    assert list(run.engine.tasks) == ["away:1", "away:2"]
    assert run.finish("away:2", "out") == [Finish(enc("out"))]


def test_a_map_begun_ahead_fires_with_nothing_when_all_are_sent_away() -> None:
    spec = graph(
        start("m"), mapping("m", "a", ahead="j"), step("a", "j"), join("j", "m", "a", to="z"), step("z"), step("away")
    )
    run = begun(spec, [1, 2])
    run.goto("away", interrupt_id="a:1")
    assert run.goto("away", interrupt_id="a:2") == [RunTask("away:2"), RunTask("z:1")]
    assert read(run.engine.tasks["z:1"].value) == []


def test_a_loop_sent_back_to_before_the_fork_opens_a_new_run_of_it() -> None:
    spec = graph(
        start("p"),
        step("p", "f"),
        fork("f", "a", "b"),
        step("a", "j"),
        step("b", "j"),
        join("j", "f", "a", "b", to="z"),
        step("z"),
    )
    run = begun(spec)
    run.finish("p:1", 1)
    run.finish("a:1", "old")
    assert run.goto("p", 2, "b:1") == [RunTask("p:2"), RunTask("z:1")], "nothing of the first run is left"
    run.finish("p:2", 2)
    run.finish("a:2", "a")
    assert run.finish("b:2", "b") == [RunTask("z:2")]
    assert [read(run.engine.tasks[task_id].value) for task_id in ("z:1", "z:2")] == [["old"], ["a", "b"]]


def test_nested_joins_fire_once_when_one_of_many_is_sent_on() -> None:
    spec = graph(
        start("m"),
        mapping("m", "f"),
        fork("f", "a", "b"),
        step("a", "i"),
        step("b", "i"),
        join("i", "f", "a", "b", to="c"),
        step("c", "j"),
        join("j", "m", "f", "a", "b", "i", "c", to="z"),
        step("z"),
    )
    run = begun(spec, ["x", "y"])
    run.goto("c", "skipped", "b:1")  # past the inner join, which fires for its sibling too
    run.finish("a:2", "a2")
    run.finish("b:2", "b2")
    run.finish("a:1", "a1")
    run.reload()
    for task_id in list(run.engine.ready):
        run.finish(task_id, read(run.engine.tasks[task_id].value))
    assert run.engine.visits["z"] == 1
    assert read(run.engine.tasks["z:1"].value) == ["skipped", ["a2", "b2"], ["a1"]]


def test_a_node_inside_of_a_fork_cannot_be_gone_to_from_outside() -> None:
    """Its join would have no run of the fork to fire for, and the run would fail long after."""
    run = begun(graph(start("p"), step("p", "f"), *(n for n in BOTH.nodes.values() if n.id not in (START, END))))
    error = unchanged(run, lambda: run.goto("a", interrupt_id="p:1"))
    assert error.reason == "invalid"


# -- Changing the state -----------------------------------------------------------------------------------------------


def test_an_answer_changes_the_state() -> None:
    run = begun(ONE, state={"n": 1, "text": "old"})
    run.answer({}, state_update={"n": 2})
    assert run.engine.state == {"n": 2, "text": "old"}
    assert run.engine.shared.version == 1
    assert run.engine.begin("q:1").state == {"n": 2, "text": "old"}


def test_an_answer_sent_again_changes_nothing_again() -> None:
    run = begun(ONE, state={"n": 1})
    run.answer({}, state_update={"n": 2}, answer_id="click")
    run.update(n=3)
    run.answer({}, state_update={"n": 2}, answer_id="click")
    assert run.engine.state == {"n": 3}


@pytest.mark.parametrize(
    "words",
    [
        {"value": {}, "state_update": {"n": 2, "m": 1}},
        {"value": {}, "state_update": {"n": "text"}},
        {"value": "unfit", "state_update": {"n": 2}},
        {"value": None, "state_update": {"n": 2}, "goto": {"node_id": "nowhere"}},
        {"value": None, "state_update": {"n": 2}, "goto": {"node_id": "a", "data": "unfit"}},
        {"value": None, "state_update": {"m": 2}, "goto": {"node_id": "a"}},
    ],
)
def test_answer_state_and_goto_are_taken_together_or_not_at_all(words: Any) -> None:
    run = begun(ONE, state={"n": 1})
    assert unchanged(run, lambda: run.answer(**words)).reason == "invalid"
    assert unchanged(run, lambda: run.engine.check(Answer(**words))).reason == "invalid"


def test_a_run_is_answered_changed_and_sent_on_in_one_step() -> None:
    run = begun(ONE, state={"n": 1})
    checkpoint = run.engine.checkpoint
    assert run.goto("a", "data", value={"ok": True}, state_update={"n": 5}) == [RunTask("a:1")]
    work = run.engine.begin("a:1")
    assert (read(work.value), work.state) == ("data", {"n": 5})
    assert run.engine.checkpoint == checkpoint + 1


def test_what_is_wrong_with_a_change_is_told_by_field() -> None:
    run = begun(ONE, state={"n": 1})
    error = unchanged(run, lambda: run.update(m=1, n="text"))
    assert error.reason == "invalid"
    assert error.message == (
        "The state cannot take this: m: no such field, or not its type; n: no such field, or not its type."
    )
    assert [item["loc"] for item in error.errors] == [["m"], ["n"]]


def test_a_state_type_that_breaks_down_changes_nothing() -> None:
    functions = Toy()
    functions.edit = raising(RuntimeError("no idea"))  # type: ignore[method-assign]
    run = begun(ONE, functions=functions, state={"n": 1})
    assert unchanged(run, lambda: run.update(n=2)).errors == [
        {"loc": [], "msg": "RuntimeError: no idea", "type": "error"}
    ]


def test_a_person_changes_the_state_of_a_run() -> None:
    run = begun(LINE, state={"n": 1, "text": "old"})
    assert run.update(n=2) == {"n": 2, "text": "old"}
    assert (run.engine.shared.version, run.engine.checkpoint, run.engine.now) == (1, 2, LATER)
    assert run.engine.begin("a:1").state == {"n": 2, "text": "old"}


def test_two_editors_do_not_overwrite_each_other() -> None:
    run = begun(LINE, state={"n": 1})
    run.update(n=2, expected_version=0)
    error = unchanged(run, lambda: run.update(n=3, expected_version=0))
    assert error.reason == "conflict"
    assert error.message == (
        "The state has version 1 by now, not 0: somebody, or a node, has changed it since. Look at it again."
    )
    run.reload()
    assert refused(lambda: run.update(n=3, expected_version=0)).reason == "conflict"
    assert run.update(n=3, expected_version=1) == {"n": 3}


def test_a_node_changes_the_version_and_one_that_changes_nothing_does_not() -> None:
    run = begun(LINE, state={"n": 1})
    run.finish("a:1")
    assert run.engine.shared.version == 0
    run.finish("b:1", delta=[["set", ["n"], 2]], to="a")
    assert run.engine.shared.version == 1
    run.update(n=2)
    assert run.engine.shared.version == 1, "it was so already"


def test_looking_at_a_change_changes_nothing() -> None:
    run = begun(LINE, state={"n": 1})
    before = dump(run.engine)
    assert run.engine.check_update({"n": 2}, 0) == {"n": 2}
    assert dump(run.engine) == before


@pytest.mark.parametrize("status", ["new", "finished", "failed", "cancelled"])
def test_the_state_of_a_run_that_does_not_go_on_is_not_changed(status: str) -> None:
    run = Run(LINE)
    if status != "new":
        run.start(state={"n": 1})
    if status == "finished":
        run.goto(END)
    if status == "failed":
        run.fail("a:1")
    if status == "cancelled":
        run.engine.cancel(LATER)
    error = unchanged(run, lambda: run.update(n=2))
    assert (error.reason, error.message) == ("closed", f"The run is {status}; its state cannot be changed any more.")


# -- Several answers together -----------------------------------------------------------------------------------------


def test_several_answers_are_taken_together() -> None:
    run = begun(TWO)
    run.ask("a:1")
    checkpoint = run.engine.checkpoint
    accepted, commands = run.answer_all({"a:1.0": "so", "r": {"n": 2}, "q:1": {"n": 1}}, actor="ann")
    assert [(item.interrupt_id, item.actor) for item in accepted] == [("a:1.0", "ann"), ("r:1", "ann"), ("q:1", "ann")]
    assert commands == [RunTask("a:1"), RunTask("r:1"), RunTask("q:1")]
    assert run.engine.checkpoint == checkpoint + 1, "they are one step"
    assert run.open == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"q:1": {}, "r:1": "unfit"}, "invalid"),
        ({"q:1": {}, "nobody:1": {}}, "unknown_interrupt"),
        ({"q:1": {}, "q": {}}, "ambiguous"),
        ({"q:1": {}, "a:1": {}}, "closed"),
        ({"q:1": {}, "a:1.0": 0, "f": {}}, "unknown_interrupt"),
    ],
)
def test_of_several_answers_all_are_taken_or_none(values: dict[str, Any], reason: str) -> None:
    run = begun(TWO)
    run.answer({}, "r:1")
    run.finish("r:1", to="r")
    run.reload()
    values = {name.replace("r:1", "r:2"): value for name, value in values.items()}
    assert unchanged(run, lambda: run.answer_all(values)).reason == reason
    error = refused(lambda: run.engine.check_all([Answer(name, value) for name, value in values.items()]))
    assert error.reason == reason


def test_two_answers_to_one_question() -> None:
    run = begun(TWO)
    assert unchanged(run, lambda: run.answer_all({"q:1": {}, "q": {}})).message == "Two of the answers are for 'q:1'."


def test_two_answers_to_one_question_that_is_not_open_yet() -> None:
    run = begun(TWO)
    run.ask("a:1")
    answers = [Answer("a:1.1", {"n": 1}), Answer("a:1.1", {"n": 2})]
    assert unchanged(run, lambda: run.engine.answer_all(answers, LATER)).reason == "ambiguous"


def test_answers_kept_ahead_have_the_same_limits_together() -> None:
    run = begun(TWO)
    run.ask("a:1")
    many = {f"a:1.{number + 1}": {} for number in range(EARLY + 1)}
    assert unchanged(run, lambda: run.answer_all(many)).reason == "unknown_interrupt"
    large = {f"a:1.{number + 1}": {"text": "x" * (EARLY_SIZE // 2)} for number in range(3)}
    assert unchanged(run, lambda: run.answer_all(large)).reason == "unknown_interrupt"


@pytest.mark.parametrize("name", ["q:2", "a:2.0", "r:1.0"])
def test_an_answer_to_a_node_that_is_not_on_its_way_is_sent_alone(name: str) -> None:
    run = begun(TWO)
    run.answer({}, "r:1")
    run.engine.begin("r:1")
    run.finish("r:1", to="r")
    error = unchanged(run, lambda: run.answer_all({"q:1": {}, name: {}}))
    assert error.reason == ("closed" if name == "r:1.0" else "unknown_interrupt")


def test_one_answer_id_for_answers_to_several_questions() -> None:
    """Nobody should do so; whoever does must not wedge the run when the second question opens."""
    run = begun(TWO)
    with contextlib.suppress(Refused):
        run.answer_all({"q:1": {"n": 1}, "q:2": {"n": 2}}, answer_id="click")
    if "q:1" in run.open:
        run.answer({"n": 1}, "q:1", answer_id="click")
    run.finish("q:1", to="q")
    assert run.engine.tasks["q:2"].status in ("ready", "waiting")


@pytest.mark.parametrize("words", [{"goto": {"node_id": "a"}}, {"state_update": {"n": 2}}])
def test_a_change_or_a_goto_comes_alone(words: Any) -> None:
    run = begun(TWO, state={"n": 1})
    for answers in ([Answer("q:1", {}, **words), Answer("r:1", {})], [Answer("r:1", {}), Answer("q:1", {}, **words)]):
        error = unchanged(run, lambda answers=answers: run.engine.answer_all(answers, LATER))
        assert error.reason == "invalid"
        assert error.message == "Of several answers none can have goto or state_update; send such a one alone."
    run.engine.answer_all([Answer("q:1", {}, **words)], LATER)
    assert "q:1" in run.engine.questions.accepted


def test_answers_to_open_questions_and_to_later_ones_and_known_ones_together() -> None:
    run = begun(TWO)
    first, _ = run.answer({}, "r:1", answer_id="click")
    run.ask("a:1")
    answers = [Answer("r:1", {}, answer_id="click"), Answer("q:1", {}), Answer("a:1.1", {"n": 2})]
    accepted, commands = run.engine.answer_all(answers, LATER)
    assert accepted[0] == first
    assert [item.interrupt_id for item in accepted] == ["r:1", "q:1", "a:1.1"]
    assert commands == [RunTask("q:1")]
    assert list(run.engine.questions.early) == ["a:1.1"]


def test_an_answer_that_is_refused_is_nothing_that_happened() -> None:
    run = begun(TWO)
    refused(lambda: run.answer("no object", "q:1"))
    refused(lambda: run.answer_all({"q:1": {}, "r:1": "no object"}))
    assert run.engine.now == NOW


def test_answers_that_change_nothing_are_no_step() -> None:
    run = begun(TWO)
    run.answer({}, "r:1", answer_id="click")
    run.ask("a:1")
    checkpoint = run.engine.checkpoint
    run.engine.answer_all([Answer(answer_id="click"), Answer("a:1.1", {})], LATER)
    assert run.engine.answer_all([], LATER) == ([], [])
    assert run.engine.checkpoint == checkpoint


def test_an_answer_ahead_of_the_start_is_kept() -> None:
    run = Run(ONE)
    assert run.answer({"n": 1}, "q:1")[1] == []
    run.reload()
    assert run.start(3) == [RunTask("q:1")]
    assert read(run.engine.begin("q:1").value) == {"was": 3, "n": 1}


# -- Pausing ----------------------------------------------------------------------------------------------------------


def test_a_paused_run_waits_and_goes_on() -> None:
    run = begun(BOTH)
    run.engine.begin("a:1")
    run.engine.pause(True)
    assert (run.engine.standing, run.engine.is_stopped) == ("paused", False), "a still runs"
    run.finish("a:1", "a")
    assert (run.engine.standing, run.engine.is_stopped, run.engine.ready) == ("paused", True, ["b:1"])
    run.reload()
    assert (run.engine.paused, run.engine.is_stopped) == (True, True)
    run.engine.pause(False)
    assert (run.engine.standing, run.engine.is_stopped) == ("running", False)


def test_a_paused_run_takes_answers_and_changes() -> None:
    run = begun(ONE, state={"n": 1})
    run.engine.pause(True)
    run.update(n=2)
    assert run.answer({})[1] == [RunTask("q:1")]
    assert (run.engine.is_stopped, run.engine.standing) == (True, "paused")
    run.goto(END, "out")
    assert (run.engine.standing, run.output) == ("finished", "out")


def test_pausing_is_no_step() -> None:
    run = begun(LINE)
    run.engine.pause(True)
    run.engine.pause(False)
    assert run.engine.checkpoint == 1


# -- Cancelling -------------------------------------------------------------------------------------------------------


def test_a_cancelled_run_leaves_its_state() -> None:
    run = begun(TWO, state={"n": 1})
    run.ask("a:1")
    run.answer({}, "r:1")
    run.engine.begin("r:1")
    run.engine.pause(True)
    assert run.engine.cancel(LATER) == [CloseInterrupt("q:1"), Cancel("r:1"), CloseInterrupt("a:1.0"), Cancel("a:1")]
    assert (run.engine.standing, run.engine.state, run.engine.is_stopped) == ("cancelled", {"n": 1}, True)
    assert (run.open, run.engine.tasks, run.engine.running, run.engine.next_nodes) == ([], {}, 0, [])
    assert (run.engine.output, run.engine.failure) == (None, None)


@pytest.mark.parametrize("reloads", [False, True])
def test_a_cancelled_run_takes_nothing(reloads: bool) -> None:
    run = begun(ONE, state={"n": 1})
    taken, _ = run.answer({}, answer_id="click")
    run.engine.begin("q:1")
    run.engine.cancel(LATER)
    if reloads:
        run.reload()
    assert run.engine.apply(NodeFinished("q:1", Ended(enc(1)), [["set", ["n"], 2]]), LATER) == []
    assert unchanged(run, lambda: run.answer({}, "q:2")).reason == "closed"
    assert run.answer(answer_id="click") == (taken, [])
    assert run.engine.cancel(LATER) == []
    assert (run.engine.status, run.engine.checkpoint, run.engine.state) == ("cancelled", 3, {"n": 1})


def test_a_run_that_has_ended_is_not_cancelled() -> None:
    run = begun(LINE)
    run.goto(END, "out")
    checkpoint = run.engine.checkpoint
    assert run.engine.cancel(LATER) == []
    assert (run.engine.status, run.output, run.engine.checkpoint) == ("finished", "out", checkpoint)


def test_a_run_fails_for_a_reason_of_the_shell() -> None:
    run = begun(ONE)
    run.engine.fail(Failure(END, "TooLarge", "too large"))
    assert run.failure == (END, "TooLarge", "too large")
    assert (run.open, run.engine.standing, run.engine.checkpoint) == ([], "failed", 2)
    run = begun(LINE)
    run.goto(END, "out")
    run.engine.fail(Failure(END, "TooLarge", "too large"))
    assert (run.engine.output, run.engine.status) == (None, "failed")


# -- How it looks to people -------------------------------------------------------------------------------------------


def test_where_a_run_stands() -> None:
    run = begun(TWO, state={"n": 1})
    run.stop(before=["a"], after=["r", "q"])
    run.answer({}, "r:1", actor="ann", answer_id="click")
    run.update(n=2)
    seen = looking.standing(run.engine)
    assert [interrupt["interrupt_id"] for interrupt in seen.pop("interrupts")] == ["q:1", "a:1.before"]
    assert seen == {
        "status": "running",
        "problem": None,
        "values": {"n": 2},
        "version": 1,
        "next": ["q", "r", "a"],
        "breakpoints": {"before": ["a"], "after": ["r", "q"]},
        "early": [],
        "answered": [
            {
                "interrupt_id": "r:1",
                "answered_at": LATER,
                "actor": "ann",
                "answer_id": "click",
                "is_early": False,
                "via": "update",
                "missing": 0,
            }
        ],
        "rejected": [],
    }
    assert looking.nothing().keys() == looking.standing(run.engine).keys()
    assert looking.nothing()["status"] == "failed"


def test_what_a_run_has_stopped_at() -> None:
    run = begun(ONE, state={"n": 1})
    stopped = looking.stopped(run.engine)
    assert stopped.pop("interrupts") == looking.page(run.engine)["interrupts"] != []
    assert stopped == {"status": "waiting", "problem": None, "output": None, "state": {"n": 1}, "failure": None}
    run.goto(END, {"out": 1})
    assert looking.stopped(run.engine)["output"] == {"out": 1}
    run.engine.fail(Failure(END, "TooLarge", "too large", ("n",)))
    assert looking.stopped(run.engine)["failure"] == {
        "node_id": END,
        "type": "TooLarge",
        "message": "too large",
        "path": ["n"],
    }


def test_a_task_begins_once_and_goes_on_only_with_an_answer() -> None:
    run = begun(LINE)
    with pytest.raises(EngineError, match="Task 'a:1' is ready; only a task with an answer can go on"):
        run.engine.resume("a:1")
    run.engine.begin("a:1")
    with pytest.raises(EngineError, match="Task 'a:1' is running; only a ready task can begin"):
        run.engine.begin("a:1")
    run.ask("a:1")
    with pytest.raises(EngineError, match="Task 'a:1' is waiting; only a ready task can begin"):
        run.engine.begin("a:1")


def test_a_decision_after_a_goto_decides() -> None:
    spec = graph(start("a"), step("a", "d"), decision("d", "b", "c"), step("b"), step("c"))
    run = begun(spec, functions=Toy(decisions={"d": int}))
    run.goto("a", 5)
    assert run.finish("a:2", 1) == [RunTask("c:1")]
