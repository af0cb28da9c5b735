"""Questions to people: what opens them, which answers are taken, what becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph.engine.events import Cancel, CloseInterrupt, Finish, OpenInterrupt
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.looking import standing
from temporal_graph.engine.policies import Policy
from temporal_graph.engine.questions import EARLY, EARLY_SIZE, LONGEST, MEMORY, REFUSALS, Accepted, Answer, Refused
from temporal_graph.engine.snapshot import dump
from temporal_graph.engine.spec import END
from tests.engine.machine import LATER, NOW, Run, Toy, asking, enc, fork, graph, read, refused, start, step

ONE = graph(start("q"), asking("q"), step("a", None))
TWO = graph(start("f"), fork("f", "q", "r"), asking("q"), asking("r"), step("a", None))
CALL = graph(start("a"), step("a", None), step("b", None))


def started(spec: Any, value: Any = None, functions: Any = None) -> Run:
    run = Run(spec, functions)
    run.start(value)
    return run


# -- A node that waits ------------------------------------------------------------------------------------------------


def test_a_node_asks_before_it_runs() -> None:
    run = Run(ONE)
    assert run.start({"amount": 3}) == [OpenInterrupt("q:1")]
    (question,) = run.engine.questions.open.values()
    assert question.public() == {
        "interrupt_id": "q:1",
        "node_id": "q",
        "kind": "node",
        "value": {"shown": {"amount": 3}},
        "response_schema": {"type": "object"},
        "created_at": NOW,
        "deadline": None,
        "assignees": [],
        "escalation_level": 0,
        "answers": [],
        "quorum": 1,
        "problem": None,
    }
    assert (run.engine.ready, run.engine.is_stopped) == ([], True)


@pytest.mark.parametrize("interrupt_id", [None, "q:1", "q"])
def test_an_answer_sets_its_fields(interrupt_id: str | None) -> None:
    run = started(ONE, 3)
    accepted, commands = run.answer({"approved": True}, interrupt_id, actor="ann", answer_id="x")
    assert accepted == Accepted("q:1", LATER, "ann", "x", {"approved": True}, via="update")
    who = {"actor": "ann", "answer_id": "x", "is_early": False, "via": "update", "missing": 0}
    assert accepted.public() == {"interrupt_id": "q:1", "answered_at": LATER, **who}
    assert commands == [RunTask("q:1")]
    assert run.open == []
    assert read(run.engine.begin("q:1").value) == {"was": 3, "approved": True}


def test_an_answer_that_does_not_fit_changes_nothing() -> None:
    run = started(ONE)
    error = refused(lambda: run.answer("yes"))
    assert (error.reason, error.message) == ("invalid", "The answer does not fit 'q:1': approved: Input should fit.")
    assert error.errors == [{"loc": ["approved"], "msg": "Input should fit", "type": "unfit"}]
    assert run.open == ["q:1"]
    assert run.engine.questions.rejected == [], "its sender was told"
    assert run.answer({})[1] == [RunTask("q:1")]


def explode(*args: Any) -> Any:
    raise RuntimeError("no idea")


@pytest.mark.parametrize("name", ["check", "fill"])
def test_a_validator_that_breaks_down_refuses_the_answer(name: str) -> None:
    functions = Toy()
    setattr(functions, name, explode)
    run = started(ONE, 3, functions)
    error = refused(lambda: run.answer({}))
    assert (error.reason, error.message) == ("invalid", "The answer does not fit 'q:1': value: RuntimeError: no idea.")
    assert (run.engine.status, run.open) == ("running", ["q:1"])
    assert read(run.engine.tasks["q:1"].value) == 3
    delattr(functions, name)
    assert run.answer({})[1] == [RunTask("q:1")]


# -- Which question ---------------------------------------------------------------------------------------------------


def test_the_question_may_be_left_out_while_one_is_open() -> None:
    run = started(TWO)
    error = refused(lambda: run.answer({}))
    assert error.reason == "ambiguous"
    assert error.message == "2 questions are open. Say which with interrupt_id: 'q:1', 'r:1'."
    run.answer({}, "r")
    assert run.answer({})[0].interrupt_id == "q:1"
    error = refused(lambda: run.answer({}))
    assert (error.reason, error.message) == ("unknown_interrupt", "No such question is open. No question is open.")


def test_a_nodes_id_stands_for_its_only_question() -> None:
    run = started(graph(start("f"), fork("f", "q", "q", "r"), asking("q"), asking("r"), step("a", None)))
    error = refused(lambda: run.answer({}, "q"))
    assert error.reason == "ambiguous"
    assert error.message == ("2 questions are open. 'q' is a node; say which of its questions you mean: 'q:1', 'q:2'.")
    error = refused(lambda: run.answer({}, "a"))
    assert error.reason == "unknown_interrupt"
    assert error.message == "No such question is open. Open: 'q:1', 'q:2', 'r:1'."
    assert run.answer({}, "r")[0].interrupt_id == "r:1"


@pytest.mark.parametrize(
    "interrupt_id",
    ["", ":", "q:", "q:x", "q:-1", "q:²", "q:1.", "q:1.x", "q:1.2.3", "q: 1", "q:9999999999", "f:1", "nobody:1", "q.1"],
)
def test_what_is_no_question_of_the_graph(interrupt_id: str) -> None:
    run = started(ONE)
    error = refused(lambda: run.answer({}, interrupt_id))
    assert error.reason == "unknown_interrupt"
    assert error.message == f"There is no question {interrupt_id!r}. Open: 'q:1'."


def test_a_question_is_answered_once() -> None:
    run = started(ONE)
    run.answer({"approved": True}, "q:1", actor="ann")
    error = refused(lambda: run.answer({"approved": False}, "q:1"))
    assert (error.reason, error.message) == ("already_answered", f"'q:1' was answered by ann at {LATER}.")
    run.finish("q:1", to="q")
    run.answer({}, "q:2")
    error = refused(lambda: run.answer({}, "q:2"))
    assert error.message == f"'q:2' was answered at {LATER}."


def test_the_same_answer_again_is_the_same_answer() -> None:
    run = started(ONE)
    first, _ = run.answer({"approved": True}, answer_id="click")
    run.finish("q:1", to="q")
    assert run.open == ["q:2"]
    for interrupt_id in (None, "q:1", "q:2", "nobody"):
        again, commands = run.answer({"approved": False}, interrupt_id, answer_id="click")
        assert (again, commands) == (first, [])
    assert run.open == ["q:2"], "a double click never answers the next question"
    run.answer({}, answer_id="another click")
    run.finish("q:2", "end", to=END)
    assert run.answer({}, answer_id="click") == (first, [])


def test_an_answer_to_what_is_over() -> None:
    run = started(graph(start("f"), fork("f", "q", "a"), asking("q"), step("a", None)))
    run.engine.begin("a:1")
    run.engine.release("a:1")
    run.finish("a:1", to="a")
    error = refused(lambda: run.answer({}, "a:1.0"))
    assert error.reason == "closed"
    assert error.message == "'a:1.0' was never asked. Open: 'q:1'."
    assert refused(lambda: run.answer({}, "a:1")).message == "'a:1' was never asked. Open: 'q:1'."
    run.finish("a:2", "end", to=END)
    for interrupt_id in (None, "q:1", "q:7", "q", "nobody"):
        error = refused(lambda interrupt_id=interrupt_id: run.answer({}, interrupt_id))
        assert (error.reason, error.message) == ("closed", "The run has ended; it asks nothing any more.")


def test_looking_changes_nothing() -> None:
    run = started(ONE)
    before = dump(run.engine)
    run.engine.check(Answer("q:1", {}))
    run.engine.check(Answer("q:2", {}))
    run.engine.check_all([Answer("q:1", {})])
    assert refused(lambda: run.engine.check(Answer("q:1", "no object"))).reason == "invalid"
    assert refused(lambda: run.engine.check(Answer("nobody:1", {}))).reason == "unknown_interrupt"
    assert dump(run.engine) == before
    assert run.engine.now == NOW
    run.answer({}, answer_id="x")
    after = dump(run.engine)
    run.engine.check(Answer(answer_id="x"))
    assert refused(lambda: run.engine.check(Answer("q:1", {}))).reason == "already_answered"
    assert dump(run.engine) == after


# -- Answers that come early ------------------------------------------------------------------------------------------


def test_an_early_answer_is_kept_for_its_question() -> None:
    run = started(ONE)
    accepted, commands = run.answer({"n": 2}, "q:2", actor="bob", answer_id="early")
    kept = Accepted("q:2", LATER, "bob", "early", {"n": 2}, is_early=True, via="update")
    assert (accepted, commands) == (kept, [])
    assert run.open == ["q:1"]
    run.answer({"n": 1}, "q:1")
    assert run.finish("q:1", "second", to="q") == [RunTask("q:2")], "it never opens"
    assert run.engine.questions.accepted["q:2"] == Accepted("q:2", NOW, "bob", "early", {"n": 2}, via="update")
    assert read(run.engine.begin("q:2").value) == {"was": "second", "n": 2}


def test_an_early_answer_that_does_not_fit_is_shown_to_people() -> None:
    run = started(ONE)
    run.answer("yes", "q:2")
    run.answer({})
    assert run.finish("q:1", to="q") == [OpenInterrupt("q:2")]
    (rejected,) = run.engine.questions.rejected
    assert (rejected["answer"], rejected["reason"], rejected["rejected_at"]) == ("yes", "invalid", NOW)
    assert run.engine.questions.early == {}
    assert run.answer({}, "q:2")[1] == [RunTask("q:2")]


def test_an_early_answer_that_cannot_be_filled_in_is_shown_too() -> None:
    functions = Toy()
    run = started(ONE, None, functions)
    run.answer({"fits": True}, "q:2")
    run.answer({})
    functions.fill = explode  # type: ignore[method-assign]
    assert run.finish("q:1", to="q") == [OpenInterrupt("q:2")]
    assert run.engine.questions.rejected[0]["message"].endswith("RuntimeError: no idea.")
    assert run.engine.tasks["q:2"].status == "waiting"


def test_an_early_answer_to_a_call_of_a_node_that_runs() -> None:
    run = started(CALL)
    run.engine.begin("a:1")
    run.answer("so", "a:1.0")
    run.answer("and so", "a:1.1")
    assert run.ask("a:1", 0) == [RunTask("a:1")]
    assert run.engine.begin("a:1").answers == {0: "so"}
    assert run.ask("a:1", 1) == [RunTask("a:1")]
    assert run.engine.begin("a:1").answers == {0: "so", 1: "and so"}
    assert run.open == []


def test_one_early_answer_to_a_question() -> None:
    run = started(ONE)
    run.answer({"n": 1}, "q:2")
    error = refused(lambda: run.answer({"n": 2}, "q:2"))
    assert error.reason == "already_answered"
    assert error.message == "'q:2' is not open yet, and was answered ahead at 2030-01-02T12:00:00+00:00."
    assert refused(lambda: run.answer({"n": 3}, "q:2", actor="ann")).reason == "already_answered"
    assert [kept.value for kept in run.engine.questions.ahead] == [{"n": 1}]


@pytest.mark.parametrize("policy", [{"not_by": ("eve",)}, {"assignees": ("ann",), "only_assignees": True}])
def test_who_may_not_answer_keeps_nobody_from_answering_ahead(policy: dict[str, Any]) -> None:
    run = Run(ONE, Toy(policies={"q": Policy(**policy).dump()}))
    run.answer({"n": 1}, "q:1", actor="eve")
    run.answer({"n": 2}, "q:1", actor="ann")
    run.answer({"n": 3}, "q:1", actor="bob")
    assert run.start() == [RunTask("q:1")]
    assert read(run.engine.begin("q:1").value) == {"was": None, "n": 2}
    assert [(item["answer"], item["reason"]) for item in run.engine.questions.rejected] == [
        ({"n": 1}, "not_authorized"),
        ({"n": 3}, "already_answered"),
    ]


def test_the_same_early_answer_again_is_the_same_answer() -> None:
    run = started(ONE)
    first = run.answer({"n": 1}, "q:2", answer_id="click")
    assert run.answer({"n": 1}, "q:2", answer_id="click") == first


def test_an_early_answer_sent_again_without_an_id_does_not_answer_another_question() -> None:
    run = started(ONE)
    run.answer({"n": 1}, "q:2", answer_id="click")
    run.answer({"n": 1}, answer_id="click")
    assert run.open == ["q:1"]


# -- A call that waits ------------------------------------------------------------------------------------------------


def test_a_call_asks_and_the_node_begins_again() -> None:
    run = started(CALL)
    schema = {"type": "integer"}
    assert run.ask("a:1", 0, schema, value={"pay": 3}) == [OpenInterrupt("a:1.0")]
    question = run.engine.questions.open["a:1.0"].public()
    assert (question["kind"], question["node_id"]) == ("call", "a")
    assert (question["value"], question["response_schema"]) == ({"pay": 3}, schema)
    assert (run.engine.ready, run.engine.running, run.engine.is_stopped) == ([], 0, True)
    error = refused(lambda: run.answer("much"))
    assert error.message == "The answer does not fit 'a:1.0': value: Input should fit."
    assert run.answer(3)[1] == [RunTask("a:1")]
    assert run.engine.begin("a:1").answers == {0: 3}
    assert run.ask("a:1", 1) == [OpenInterrupt("a:1.1")]
    run.answer(None)
    assert run.engine.begin("a:1").answers == {0: 3, 1: None}
    assert run.finish("a:1", "end", to=END) == [Finish(enc("end"))]


def test_a_call_without_a_schema_takes_anything() -> None:
    for answer in (None, 1, "x", [1], {"a": 1}):
        run = started(CALL)
        run.ask("a:1")
        assert run.answer(answer)[0].value == answer


def test_a_task_that_goes_on_from_its_line_keeps_its_state() -> None:
    spec = graph(start("f"), fork("f", "a", "b"), step("a", None), step("b", "b"))
    run = Run(spec)
    run.start(state={"n": 0})
    began = run.engine.begin("a:1")
    run.ask("a:1")
    run.finish("b:1", delta=[["set", ["n"], 1]])
    run.answer("so")
    work = run.engine.resume("a:1")
    assert work.state is began.state
    assert work.answers == {0: "so"}
    run.finish("a:1", "end", delta=[["set", ["n"], 2]], to=END)
    assert run.failure[1] == "StateConflictError", "it was parallel to b all the while"


def test_a_task_that_begins_again_sees_the_state_of_then() -> None:
    spec = graph(start("f"), fork("f", "a", "b"), step("a", None), step("b", "b"))
    run = Run(spec)
    run.start(state={"n": 0})
    run.ask("a:1")
    run.finish("b:1", delta=[["set", ["n"], 1]])
    run.answer("so")
    assert run.engine.begin("a:1").state == {"n": 1}
    run.finish("a:1", "end", delta=[["set", ["n"], 2]], to=END)
    assert run.engine.state == {"n": 2}


def test_what_waits_at_its_line_is_cancelled_with_the_rest() -> None:
    run = started(graph(start("f"), fork("f", "a", "q", "b"), step("a", None), asking("q"), step("b")))
    run.ask("a:1")
    assert run.open == ["q:1", "a:1.0"]
    assert run.finish("b:1") == [
        CloseInterrupt("a:1.0"),
        Cancel("a:1"),
        CloseInterrupt("q:1"),
        Finish(enc(None)),
    ]
    assert run.open == []


# -- Answers that the node itself doubts ------------------------------------------------------------------------------

DOUBT = [{"loc": ["iban"], "msg": "no such account", "type": "value_error"}]


def test_an_answer_that_the_node_doubts_is_asked_for_again() -> None:
    run = started(CALL)
    run.ask("a:1")
    run.answer({"iban": "XX"}, actor="ann", answer_id="click")
    assert run.ask("a:1", 0, errors=DOUBT) == [OpenInterrupt("a:1.0")]
    (rejected,) = run.engine.questions.rejected
    assert rejected == {
        "answer": {"iban": "XX"},
        "reason": "invalid",
        "message": "The answer does not fit 'a:1.0': iban: no such account.",
        "errors": DOUBT,
        "rejected_at": NOW,
    }
    assert run.engine.tasks["a:1"].answers == {}
    run.answer({"iban": "DE"}, answer_id="click")
    assert run.engine.begin("a:1").answers == {0: {"iban": "DE"}}, "the click was not taken before, so it is now"


def test_a_doubted_answer_takes_those_after_it_along() -> None:
    run = started(CALL)
    for position in (0, 1, 2):
        run.ask("a:1", position)
        run.answer(f"answer {position}")
    assert run.ask("a:1", 1, errors=DOUBT) == [OpenInterrupt("a:1.1")]
    assert run.engine.tasks["a:1"].answers == {0: "answer 0"}


def test_a_doubted_answer_that_is_not_remembered_any_more_is_shown_too() -> None:
    run = started(CALL)
    run.ask("a:1")
    run.answer("so")
    run.engine.questions.accepted.clear()
    run.ask("a:1", 0, errors=DOUBT)
    assert run.engine.questions.rejected[0]["answer"] == "so"


def test_an_early_answer_that_the_node_doubts() -> None:
    run = started(CALL)
    run.engine.begin("a:1")
    run.answer("so", "a:1.0")
    assert run.ask("a:1") == [RunTask("a:1")]
    assert run.ask("a:1", errors=DOUBT) == [OpenInterrupt("a:1.0")]


# -- Memories that have an end ----------------------------------------------------------------------------------------


def test_a_run_remembers_the_latest_answers() -> None:
    run = started(ONE)
    for number in range(1, MEMORY + 3):
        run.answer({}, answer_id=f"click {number}")
        run.finish(f"q:{number}", to="q")
    accepted = run.engine.questions.accepted
    assert len(accepted) == MEMORY
    assert next(iter(accepted)) == "q:3"
    assert refused(lambda: run.answer({}, "q:3")).reason == "already_answered"
    assert refused(lambda: run.answer({}, "q:2")).reason == "closed"
    assert run.answer({}, answer_id="click 3")[0].interrupt_id == "q:3"


def test_it_keeps_the_latest_refusals() -> None:
    run = started(ONE)
    for number in range(REFUSALS + 5):
        run.engine.reject(number, Refused("unknown_interrupt", "?"), NOW)
    rejected = run.engine.questions.rejected
    assert [item["answer"] for item in rejected] == list(range(5, REFUSALS + 5))


def test_it_keeps_so_many_early_answers_and_no_more() -> None:
    run = started(ONE)
    for number in range(EARLY):
        run.answer({}, f"q:{number + 2}")
    error = refused(lambda: run.answer({}, f"q:{EARLY + 2}"))
    assert error.reason == "unknown_interrupt"
    assert error.message == f"'q:{EARLY + 2}' is not open, and no more answers are kept ahead."
    assert len(run.engine.questions.early) == EARLY


def test_early_answers_are_not_larger_than_a_snapshot_can_be() -> None:
    run = started(ONE)
    run.answer({"text": "x" * (EARLY_SIZE - 100)}, "q:2")
    run.answer({}, "q:3")
    error = refused(lambda: run.answer({"text": "x" * 200}, "q:4"))
    assert (error.reason, list(run.engine.questions.early)) == ("unknown_interrupt", ["q:2", "q:3"])
    run.answer({}, "q:1")
    run.finish("q:1", to="q")  # the first of them is used
    run.answer({"text": "x" * 200}, "q:4")
    assert list(run.engine.questions.early) == ["q:3", "q:4"]


@pytest.mark.parametrize(("letter", "size"), [("x", 1), ("書", 3)])
def test_what_is_said_with_early_answers_counts_for_their_size(letter: str, size: int) -> None:
    """In bytes."""
    run = started(ONE)
    run.answer({}, "q:2", comment=letter * ((EARLY_SIZE - 100) // size))
    error = refused(lambda: run.answer({}, "q:3", comment="x" * 200))
    assert error.message == "'q:3' is not open, and no more answers are kept ahead."


def test_what_is_said_with_an_answer_is_not_shown_with_who_answered() -> None:
    run = started(ONE)
    run.answer({}, "q:2", comment="early")
    run.answer({}, "q:1", comment="fine")
    shown = standing(run.engine)
    assert ["comment" in item for item in (*shown["answered"], *shown["early"])] == [False, False]


def test_a_snapshot_has_what_is_said_only_where_it_is() -> None:
    """Earlier releases can read one in which nothing is."""
    run = started(ONE)
    run.answer({}, "q:2", actor="ann")
    run.answer({}, "q:3", comment="early")
    assert [kept.get("comment", "nothing") for kept in dump(run.engine)["questions"]["early"]] == ["nothing", "early"]


def test_long_answers_are_remembered_by_their_beginning() -> None:
    run = started(ONE)
    long = {"text": "x" * LONGEST}
    accepted, _ = run.answer(long)
    assert accepted.value == long
    remembered = run.engine.questions.accepted["q:1"].value
    assert remembered.startswith('{"text": "xxx')
    assert len(remembered) < LONGEST + 50
    assert read(run.engine.begin("q:1").value) == {"was": None, **long}, "the node gets all of it"


def test_refusals_are_kept_short() -> None:
    run = started(ONE)
    error = {"loc": ["x" * LONGEST], "msg": "?", "type": "?"}
    run.engine.reject(["y" * LONGEST], Refused("invalid", "z" * LONGEST * 2, [error]), NOW)
    (rejected,) = run.engine.questions.rejected
    assert rejected["answer"].startswith('["yyy')
    assert rejected["errors"][0]["loc"] == [f"{'x' * 100}... ({LONGEST:,} characters)"]
    assert rejected["message"].endswith(f"... ({LONGEST * 2:,} characters)")
    assert all(len(rejected[name]) < LONGEST + 50 for name in ("answer", "message"))
