"""Failures that are questions, questions that are composed first, and what is done once, whatever else happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine.audit import LONGEST
from temporal_graph.engine.events import Cancel, Fail, Failure, NodeDidOnce, NodeFailed, OpenInterrupt, SetTimer
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.policies import Policy
from temporal_graph.engine.snapshot import dump
from temporal_graph.engine.spec import END
from tests.engine.machine import (
    NOW,
    RecordedRun,
    Run,
    Toy,
    asking,
    breaks,
    composing,
    fork,
    graph,
    hours,
    join,
    mending,
    raising,
    read,
    refused,
    start,
    step,
)

HOUR = 3_600.0
LINE = graph(start("a"), mending(step("a", "b")), step("b", "c"), step("c"))
NODE = graph(start("q"), mending(asking("q")), step("a", None))
COMPOSED = graph(start("q"), mending(composing("q")), step("a", None))
BRANCHES = graph(
    start("f"), fork("f", "a", "b"), mending(step("a", "j")), mending(step("b", "j")), join("j", "f", "a", "b")
)
Make = Callable[..., Run]


def failed(make: Make, spec: Any = LINE, functions: Any = None, **words: Any) -> Run:
    run = make(spec, functions)
    run.start({"amount": 3}, {"n": 1}, **words)
    run.fail("a:1", "no network", attempts=5)
    return run


# -- A failure is a question ------------------------------------------------------------------------------------------


def test_a_node_that_failed_asks_what_is_to_become_of_it(new_run: Make) -> None:
    run = new_run(LINE)
    run.start({"amount": 3}, {"n": 1})
    assert run.fail("a:1", "no network", attempts=5) == [OpenInterrupt("a:1.failure")]
    shown = run.question("a:1.failure").public()
    assert (shown["kind"], shown["node_id"], shown["response_schema"]) == ("failure", "a", {"type": "object"})
    assert shown["value"] == {
        "error": {"type": "ValueError", "message": "no network"},
        "attempts": 5,
        "inputs": {"amount": 3},
    }
    assert (run.engine.standing, run.engine.running, run.engine.next_nodes) == ("waiting", 0, ["a"])


def test_a_node_that_says_nothing_fails_the_run(new_run: Make) -> None:
    run = new_run(graph(start("a"), step("a")))
    run.start()
    assert run.fail("a:1")[-1] == Fail(Failure("a", "ValueError", "broken"))


def test_what_it_got_is_cut_where_it_is_long(new_run: Make) -> None:
    run = new_run(LINE)
    run.start("x" * 2 * LONGEST)
    run.fail("a:1")
    inputs = run.question("a:1.failure").value["inputs"]
    assert list(inputs) == ["cut"]
    assert LONGEST < len(inputs["cut"]) < LONGEST + 100


def test_it_runs_again(new_run: Make) -> None:
    run = failed(new_run)
    assert run.answer({"action": "retry"})[1] == [RunTask("a:1")]
    work = run.engine.begin("a:1")
    assert (read(work.value), work.state) == ({"amount": 3}, {"n": 1})
    run.finish("a:1", "done")
    assert run.engine.ready == ["b:1"]


def test_it_runs_again_with_another_input(new_run: Make) -> None:
    run = failed(new_run)
    run.answer({"action": "retry", "inputs": {"amount": 4}})
    assert read(run.engine.begin("a:1").value) == {"amount": 4}


def test_null_is_the_input_that_it_had(new_run: Make) -> None:
    run = failed(new_run)
    run.answer({"action": "retry", "inputs": None})
    assert read(run.engine.begin("a:1").value) == {"amount": 3}


def test_it_runs_again_with_another_state(new_run: Make) -> None:
    run = failed(new_run)
    run.answer({"action": "retry"}, state_update={"n": 2})
    assert run.engine.begin("a:1").state == {"n": 2}


def test_it_is_skipped(new_run: Make) -> None:
    run = failed(new_run)
    assert run.answer({"action": "skip", "output": [1]})[1] == [RunTask("b:1")]
    assert read(run.engine.begin("b:1").value) == [1]


def test_the_run_fails_with_it(new_run: Make) -> None:
    run = failed(new_run)
    assert run.answer({"action": "abort"})[1] == [Fail(Failure("a", "ValueError", "no network"))]
    assert (run.engine.status, run.open) == ("failed", [])


def test_the_run_goes_elsewhere(new_run: Make) -> None:
    run = failed(new_run)
    run.goto("c", "there")
    assert (run.open, run.engine.ready, run.engine.running) == ([], ["c:1"], 0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "retry",
        {},
        {"action": None},
        {"action": "again"},
        {"action": ["retry"]},
        {"action": {"retry": 1}},
        {"action": "retry", "output": 1},
        {"action": "skip", "inputs": 1},
        {"action": "abort", "output": 1},
        {"action": "skip", "output": 1, "why": "late"},
        [{"action": "retry"}],
    ],
    ids=str,
)
def test_what_is_no_action(new_run: Make, value: Any) -> None:
    run = failed(new_run)
    before = dump(run.engine)
    error = refused(lambda: run.answer(value))
    assert (error.reason, error.errors[0]["loc"]) == ("invalid", ["action"])
    assert error.message == (
        "'a:1.failure' is about a node that failed. It takes {'action': 'retry'}, and 'inputs' with it for other ones, "
        "{'action': 'skip', 'output': ...} or {'action': 'abort'}; or a goto."
    )
    assert dump(run.engine) == before


@pytest.mark.parametrize(("action", "place"), [("retry", "inputs"), ("skip", "output")])
def test_what_it_does_not_take(new_run: Make, action: str, place: str) -> None:
    run = failed(new_run)
    error = refused(lambda: run.answer({"action": action, place: "unfit"}))
    assert error.message == f"The answer does not fit 'a:1.failure': {place}.amount: Input should fit."
    assert error.errors[0]["loc"] == [place, "amount"]
    assert run.open == ["a:1.failure"]


@pytest.mark.parametrize(("name", "answer"), [("arrive", "retry"), ("take_output", "skip")])
def test_a_type_that_breaks_down_refuses_the_answer(name: str, answer: str) -> None:
    functions = Toy()
    run = failed(Run, LINE, functions)
    setattr(functions, name, raising(RuntimeError("no idea")))
    error = refused(lambda: run.answer({"action": answer, "inputs" if answer == "retry" else "output": 1}))
    assert "RuntimeError: no idea" in error.message
    assert run.open == ["a:1.failure"]


def test_it_may_fail_several_times(new_run: Make) -> None:
    run = failed(new_run)
    names = ["a:1.failure"]
    for number in (2, 3):
        run.answer({"action": "retry"}, names[-1], answer_id=f"try {number}")
        run.fail("a:1", f"failure {number}", attempts=number)
        names.append(*run.open)
        value = run.question(names[-1]).value
        assert (value["error"]["message"], value["attempts"]) == (f"failure {number}", number)
    assert names == ["a:1.failure", "a:1.failure-2", "a:1.failure-3"]
    assert refused(lambda: run.answer({"action": "retry"}, "a:1.failure")).reason == "already_answered"
    run.answer({"action": "abort"})
    assert run.failure == ("a", "ValueError", "failure 3")


@pytest.mark.parametrize("name", ["a:1.failure", "a:1.failure-2", "b:1.failure"])
def test_it_is_not_answered_ahead(new_run: Make, name: str) -> None:
    run = new_run(LINE)
    run.start()
    assert refused(lambda: run.answer({"action": "retry"}, name)).reason == "unknown_interrupt"


def test_a_node_that_failed_and_asks_again(new_run: Make) -> None:
    """Its answers are kept over the failure."""
    run = new_run(LINE)
    run.start()
    run.ask("a:1")
    run.answer("so")
    run.fail("a:1")
    run.answer({"action": "retry"})
    assert run.engine.begin("a:1").answers == {0: "so"}
    run.ask("a:1", 1)
    assert run.open == ["a:1.1"]


@pytest.mark.parametrize("make", [Run, RecordedRun])
def test_a_node_in_the_driver_that_failed_while_it_waited(make: Make) -> None:
    run = make(LINE)
    run.start()
    run.ask("a:1")
    failure = Failure("a", "TimeoutError", "too late")
    run.engine.apply(NodeFailed("a:1", failure), NOW)
    assert run.open == ["a:1.failure"]
    assert run.answer({"action": "retry"})[1] == [RunTask("a:1")]


def test_a_conflict_of_branches_is_a_failure(new_run: Make) -> None:
    run = new_run(BRANCHES)
    run.start(None, {"n": [0]})
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    run.finish("a:1", delta=[["set", ["n", 0], 1]])
    run.finish("b:1", delta=[["set", ["n", 0], 2]])
    error = run.question("b:1.failure").value["error"]
    assert (error["type"], error["path"]) == ("StateConflictError", ["n", 0])
    assert run.engine.state == {"n": [1]}
    run.answer({"action": "retry"})
    run.finish("b:1", delta=[["set", ["n", 0], 2]])
    assert (run.engine.state, run.engine.status) == ({"n": [2]}, "finished")


def test_a_conflict_fails_the_run_as_it_would_have(new_run: Make) -> None:
    failures: list[Any] = []
    for spec in (BRANCHES, graph(*(step(n.id, "j") if n.id in "ab" else n for n in BRANCHES.nodes.values()))):
        run = new_run(spec)
        run.start(None, {"n": [0]})
        run.engine.begin("a:1")
        run.engine.begin("b:1")
        run.finish("a:1", delta=[["set", ["n", 0], 1]])
        run.finish("b:1", delta=[["set", ["n", 0], 2]])
        if run.open:
            run.answer({"action": "abort"})
        failures.append(run.engine.failure)
    assert failures[0] == failures[1]
    assert failures[0].path == ("n", 0)


def test_other_branches_go_on_meanwhile(new_run: Make) -> None:
    run = new_run(BRANCHES)
    run.start()
    run.fail("a:1")
    run.finish("b:1", "b")
    assert (run.open, run.engine.standing) == (["a:1.failure"], "waiting")
    run.answer({"action": "skip", "output": "a"})
    assert run.output == ["b", "a"]


def test_a_breakpoint_after_a_node_that_is_skipped(new_run: Make) -> None:
    run = failed(new_run, **breaks(after=["a"]))
    assert run.answer({"action": "skip", "output": "out"})[1] == [OpenInterrupt("a:1.after")]
    assert run.engine.next_nodes == ["b"]
    run.answer()
    assert read(run.engine.begin("b:1").value) == "out"


def test_a_breakpoint_before_is_not_passed_twice(new_run: Make) -> None:
    run = new_run(LINE)
    run.start(None, **breaks(["a"]))
    run.answer()
    run.fail("a:1")
    assert run.answer({"action": "retry"})[1] == [RunTask("a:1")]
    assert run.stop(["a"]) == [], "it has begun"


def test_a_policy_looks_after_it(new_run: Make) -> None:
    rules = Policy(timeout=HOUR, assignees=("ops",), on_timeout={"value": {"action": "skip", "output": 0}}).dump()
    functions = Toy(policies={"a failure": rules})
    run = new_run(LINE, functions)
    run.start()
    run.ask("a:1")
    assert run.question("a:1.0").deadline is None
    run.answer("so")
    assert run.fail("a:1") == [OpenInterrupt("a:1.failure"), SetTimer("a:1.failure")]
    assert run.question("a:1.failure").assignees == ["ops"]
    run.due("a:1.failure")
    assert run.engine.ready == ["b:1"]


@pytest.mark.parametrize("value", [{"action": "abort"}, {"approved": False}])
def test_the_time_out_of_a_failure(new_run: Make, value: Any) -> None:
    rules = Policy(timeout=HOUR, on_timeout={"value": value}).dump()
    run = failed(new_run, LINE, Toy(policies={"a": rules}))
    run.due("a:1.failure")
    assert run.failure[1] == ("ValueError" if value == {"action": "abort"} else "InterruptTimeoutError")


def test_four_eyes_for_a_failure(new_run: Make) -> None:
    rules = Policy(quorum=2, reject_ends=({"action": "abort"},)).dump()
    run = failed(new_run, LINE, Toy(policies={"a": rules}))
    run.answer({"action": "skip", "output": 1}, actor="ann")
    assert refused(lambda: run.goto("c", actor="bob")).reason == "invalid"
    run.answer({"action": "retry"}, actor="bob")
    assert run.engine.ready == ["a:1"]
    assert run.engine.begin("a:1").votes == {}
    run.engine.release("a:1")
    run.fail("a:1")
    run.answer({"action": "abort"}, actor="ann")
    assert run.engine.status == "failed"


def test_the_past_of_a_failure() -> None:
    run = failed(RecordedRun)
    run.answer({"action": "retry"})
    run.fail("a:1")
    run.answer({"action": "skip", "output": 1})
    assert [(c.kind, c.node_id, c.interrupts, c.status) for c in run.past] == [
        ("started", None, [], "running"),
        ("node_failed", "a", ["a:1.failure"], "waiting"),
        ("answered", "a", [], "running"),
        ("node_failed", "a", ["a:1.failure-2"], "waiting"),
        ("answered", "a", [], "running"),
    ]


# -- An interrupt node that failed ------------------------------------------------------------------------------------


def test_an_interrupt_node_keeps_its_answer_over_its_failure(new_run: Make) -> None:
    run = new_run(NODE)
    run.start(3)
    run.answer({"approved": True}, actor="ann")
    run.fail("q:1")
    assert run.answer({"action": "retry"})[1] == [RunTask("q:1")]
    work = run.engine.begin("q:1")
    assert read(work.value) == {"was": 3, "approved": True}
    assert [vote["actor"] for vote in work.votes[-1]] == ["ann"]


def test_an_interrupt_node_with_another_input_asks_again(new_run: Make) -> None:
    """It would run without what people must say to it."""
    run = new_run(NODE)
    run.start(3)
    run.answer({"approved": True}, answer_id="first")
    run.fail("q:1")
    assert run.answer({"action": "retry", "inputs": {"amount": 5}})[1] == [OpenInterrupt("q:1")]
    assert run.question("q:1").value == {"shown": {"amount": 5}}
    again, commands = run.answer({"approved": True}, "q:1", answer_id="first")
    assert (again.answer_id, commands, run.open) == ("first", [], ["q:1"]), "a repeated click answers it not"
    run.answer({"approved": False}, "q:1")
    assert read(run.engine.begin("q:1").value) == {"was": {"amount": 5}, "approved": False}


def test_an_interrupt_node_with_an_input_that_holds_the_answer_runs(new_run: Make) -> None:
    functions = Toy()
    functions.is_answered = lambda node_id, value: "approved" in read(value)  # type: ignore[method-assign]
    run = new_run(NODE, functions)
    run.start(3)
    run.answer({"approved": True})
    run.fail("q:1")
    assert run.answer({"action": "retry", "inputs": {"approved": False}})[1] == [RunTask("q:1")]


# -- Questions that are composed --------------------------------------------------------------------------------------


def composed(make: Make, functions: Any = None, **words: Any) -> Run:
    run = make(COMPOSED, functions)
    run.start({"amount": 3}, {"n": 1}, **words)
    return run


def test_a_node_composes_what_it_shows(new_run: Make) -> None:
    run = new_run(COMPOSED)
    assert run.start({"amount": 3}) == [RunTask("q:1")]
    assert (run.open, run.engine.next_nodes) == ([], ["q"])
    assert run.engine.begin("q:1").composes
    assert run.ask("q:1", None, value={"draft": "Dear"}) == [OpenInterrupt("q:1")]
    shown = run.question("q:1").public()
    assert (shown["kind"], shown["value"], shown["response_schema"]) == ("node", {"draft": "Dear"}, {"type": "object"})
    assert run.answer({"send": True})[1] == [RunTask("q:1")]
    work = run.engine.begin("q:1")
    assert (work.composes, read(work.value)) == (False, {"was": {"amount": 3}, "send": True})


@pytest.mark.parametrize("shown", [None, 0, "", [], {}])
def test_it_may_show_nothing(new_run: Make, shown: Any) -> None:
    run = composed(new_run)
    run.ask("q:1", None, value=shown)
    assert run.question("q:1").value == shown


def test_it_begins_again_if_it_was_given_up(new_run: Make) -> None:
    run = composed(new_run)
    run.engine.begin("q:1")
    run.engine.release("q:1")
    assert run.engine.begin("q:1").composes


def test_it_composes_behind_a_breakpoint(new_run: Make) -> None:
    run = composed(new_run, **breaks(["q"]))
    assert run.open == ["q:1.before"]
    assert run.answer()[1] == [RunTask("q:1")]
    assert run.engine.begin("q:1").composes
    run.ask("q:1", None)
    assert run.open == ["q:1"]
    run.answer({})
    assert run.engine.ready == ["q:1"], "it does not stop twice"


def test_a_breakpoint_that_is_set_before_it_composes(new_run: Make) -> None:
    run = composed(new_run)
    assert run.stop(["q"]) == [OpenInterrupt("q:1.before")]
    run.answer()
    assert run.engine.begin("q:1").composes


@pytest.mark.parametrize("when", ["before it begins", "while it composes"])
def test_an_early_answer_waits_until_it_has_composed(new_run: Make, when: str) -> None:
    run = composed(new_run)
    if when == "while it composes":
        run.engine.begin("q:1")
    accepted, commands = run.answer({"send": True}, "q:1", actor="ann")
    assert (accepted.is_early, commands) == (True, [])
    assert run.ask("q:1", None) == [RunTask("q:1")]
    assert read(run.engine.begin("q:1").value)["send"] is True
    assert run.open == []


def test_the_policy_begins_when_it_has_composed(new_run: Make) -> None:
    rules = Policy(timeout=HOUR, on_timeout={"value": {"send": False}}).dump()
    run = composed(new_run, Toy(policies={"q": rules}))
    assert run.ask("q:1", None) == [OpenInterrupt("q:1"), SetTimer("q:1")]
    run.due("q:1")
    work = run.engine.begin("q:1")
    assert (read(work.value)["send"], work.composes) == (False, False)


def test_a_failure_while_it_composes(new_run: Make) -> None:
    run = composed(new_run)
    run.fail("q:1", "no model")
    assert run.open == ["q:1.failure"]
    run.answer({"action": "retry"})
    assert run.engine.begin("q:1").composes
    run.ask("q:1", None, value="at last")
    assert run.question("q:1").value == "at last"


def test_it_composes_again_for_another_input(new_run: Make) -> None:
    run = composed(new_run)
    run.ask("q:1", None, value="about 3")
    run.answer({"send": True})
    run.fail("q:1")
    run.answer({"action": "retry", "inputs": {"amount": 5}})
    work = run.engine.begin("q:1")
    assert (work.composes, read(work.value)) == (True, {"amount": 5})
    run.ask("q:1", None, value="about 5")
    assert run.question("q:1").value == "about 5"


def test_a_failure_while_it_composes_may_fail_the_run(new_run: Make) -> None:
    run = new_run(graph(start("q"), composing("q"), step("a", None)))
    run.start()
    run.fail("q:1", "no model")
    assert run.failure == ("q", "ValueError", "no model")


def test_it_is_sent_elsewhere_while_it_composes(new_run: Make) -> None:
    run = composed(new_run)
    run.engine.begin("q:1")
    assert run.goto("a", "there", "q:1")[0] == Cancel("q:1")
    assert (run.engine.ready, run.engine.running) == (["a:1"], 0)


def test_the_next_visit_composes_anew(new_run: Make) -> None:
    run = composed(new_run)
    run.ask("q:1", None, value="first")
    run.answer({})
    run.finish("q:1", to="q")
    assert run.engine.begin("q:2").composes


def test_the_past_of_a_question_that_was_composed() -> None:
    run = composed(RecordedRun)
    run.ask("q:1", None, value="Well?")
    run.answer({})
    assert [(c.kind, c.node_id, c.interrupts) for c in run.past] == [
        ("started", None, []),
        ("interrupt_opened", "q", ["q:1"]),
        ("answered", "q", []),
    ]


# -- What is done once ------------------------------------------------------------------------------------------------


def did(run: Run, key: str, value: Any, task_id: str = "a:1") -> None:
    if run.engine.tasks[task_id].status == "ready":
        run.engine.begin(task_id)
    assert run.engine.apply(NodeDidOnce(task_id, key, value), NOW) == []


def test_what_was_done_once_is_known_when_it_runs_again(new_run: Make) -> None:
    run = new_run(LINE)
    run.start()
    did(run, "charge", "receipt 1")
    did(run, "mail", None)
    run.engine.release("a:1")
    run.reload()
    assert run.engine.begin("a:1").once == {"charge": "receipt 1", "mail": None}


def test_it_is_kept_over_questions_and_failures(new_run: Make) -> None:
    run = new_run(LINE)
    run.start()
    did(run, "charge", 1)
    run.ask("a:1", once={"charge": 1, "mail": 2})
    run.answer("so")
    assert run.engine.begin("a:1").once == {"charge": 1, "mail": 2}
    run.engine.release("a:1")
    run.fail("a:1", once={"charge": 1, "mail": 2, "log": 3})
    run.answer({"action": "retry", "inputs": 5})
    assert run.engine.begin("a:1").once == {"charge": 1, "mail": 2, "log": 3}
    run.finish("a:1")
    assert run.engine.begin("b:1").once == {}, "and forgotten with its node"


def test_it_is_kept_of_what_a_node_composes(new_run: Make) -> None:
    run = composed(new_run)
    run.ask("q:1", None, once={"draft": 1})
    run.answer({})
    assert run.engine.begin("q:1").once == {"draft": 1}


def test_a_node_that_was_sent_elsewhere_does_nothing_any_more(new_run: Make) -> None:
    run = new_run(LINE)
    run.start()
    run.engine.begin("a:1")
    run.goto("c", None, "a:1")
    before = dump(run.engine)
    assert run.engine.apply(NodeDidOnce("a:1", "charge", 1), NOW) == []
    assert dump(run.engine) == before


def test_it_is_no_checkpoint() -> None:
    run = RecordedRun(LINE)
    run.start()
    did(run, "charge", 1)
    run.finish("a:1")
    assert [checkpoint.kind for checkpoint in run.past] == ["started", "node_finished"]


def test_a_fork_knows_what_was_done_once() -> None:
    """The node that it begins with runs again, and does it not again."""
    run = RecordedRun(LINE)
    run.start()
    did(run, "charge", 1)
    run.ask("a:1")
    run.reload()
    run.engine.fork(None, hours(1))
    run.answer("so")
    assert run.engine.begin("a:1").once == {"charge": 1}
    assert run.engine.status != END
