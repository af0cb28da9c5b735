"""Who may answer a question, and how many must; on every way that an answer can come."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine.events import Finish, OpenInterrupt, SetTimer
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.policies import Policy
from temporal_graph.engine.questions import EARLY, MEMORY, Accepted
from temporal_graph.engine.snapshot import dump
from temporal_graph.engine.spec import END
from tests.engine.machine import (
    HOUR,
    LATER,
    NOW,
    ONE,
    TWO,
    Make,
    RecordedRun,
    Run,
    Toy,
    begun,
    enc,
    graph,
    hours,
    read,
    refused,
    start,
    step,
)

CALL = graph(start("a"), step("a", None), step("b", None))


def is_refused(run: Run, reason: str, says: str, call: Callable[[], Any]) -> None:
    """It is refused, and changes nothing."""
    before = dump(run.engine)
    error = refused(call)
    assert (error.reason, error.message) == (reason, says)
    assert dump(run.engine) == before


# -- Who --------------------------------------------------------------------------------------------------------------

WHO = "'q:1' is not answered by just anybody: say who you are, with actor."


@pytest.mark.parametrize(
    "rules", [{"not_by": ("eve",)}, {"only_assignees": True, "assignees": ("ann",)}, {"quorum": 2}], ids=str
)
def test_who_answers_must_say_who_they_are(new_run: Make, rules: Any) -> None:
    run = begun(new_run, **rules)
    is_refused(run, "not_authorized", WHO, lambda: run.answer({}))
    run.answer({}, actor="ann")


def test_assignees_alone_shut_nobody_out(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann",))
    assert run.answer({})[1] == [RunTask("q:1")]


def test_not_by_whoever_asked(new_run: Make) -> None:
    run = begun(new_run, not_by=("eve", "mal"))
    for actor in ("eve", "mal"):
        says = f"{actor!r} may not answer 'q:1'; somebody else must."
        is_refused(run, "not_authorized", says, lambda actor=actor: run.answer({}, actor=actor))
    assert run.answer({}, actor="Eve")[1] == [RunTask("q:1")], "names are compared as they are"


def test_only_by_who_is_asked_at_that_time(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann", "bob"), only_assignees=True, escalations=((HOUR, ("boss",)),))
    says = "'boss' is not asked by 'q:1'; it asks 'ann', 'bob'."
    is_refused(run, "not_authorized", says, lambda: run.answer({}, actor="boss"))
    run.due("q:1")
    is_refused(
        run, "not_authorized", "'ann' is not asked by 'q:1'; it asks 'boss'.", lambda: run.answer({}, actor="ann")
    )
    assert RunTask("q:1") in run.answer({}, actor="boss")[1]


def test_a_wrong_answer_of_somebody_else_is_not_even_looked_at(new_run: Make) -> None:
    run = begun(new_run, not_by=("eve",))
    assert refused(lambda: run.answer("unfit", actor="eve")).reason == "not_authorized"
    assert refused(lambda: run.answer("unfit", actor="ann")).reason == "invalid"


@pytest.mark.parametrize("name", ["q:1", "q", None])
def test_it_cannot_be_passed_by_with_a_goto(new_run: Make, name: str | None) -> None:
    run = begun(new_run, not_by=("eve",))
    is_refused(run, "not_authorized", WHO, lambda: run.goto("a", interrupt_id=name))
    says = "'eve' may not answer 'q:1'; somebody else must."
    is_refused(run, "not_authorized", says, lambda: run.goto("a", interrupt_id=name, actor="eve"))
    run.goto("a", interrupt_id=name, actor="ann")
    assert run.engine.ready == ["a:1"]


@pytest.mark.parametrize("name", ["a:1", "a:1.0", None])
def test_nor_with_a_goto_of_the_node_that_asks(new_run: Make, name: str | None) -> None:
    """The task is named, and not its question."""
    run = begun(new_run, CALL, node_id="a", not_by=("eve",))
    run.ask("a:1")
    who = "'a:1.0' is not answered by just anybody: say who you are, with actor."
    is_refused(run, "not_authorized", who, lambda: run.goto("b", interrupt_id=name))
    says = "'eve' may not answer 'a:1.0'; somebody else must."
    is_refused(run, "not_authorized", says, lambda: run.goto("b", interrupt_id=name, actor="eve"))
    run.goto("b", interrupt_id=name, actor="ann")
    assert run.engine.ready == ["b:1"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_nor_at_a_breakpoint(new_run: Make, where: str) -> None:
    run = new_run(CALL, Toy(policies={"a": Policy(not_by=("eve",)).dump()}))
    run.start()
    run.stop(**{where: ["a"]})
    if where == "after":
        run.finish("a:1", to=END)
    for name in (f"a:1.{where}", "a:1"):
        error = refused(lambda name=name: run.goto("b", interrupt_id=name, actor="eve"))
        assert error.reason == "not_authorized"
    run.answer(interrupt_id=f"a:1.{where}", actor="ann")
    assert run.open == []


def test_a_node_that_asks_nothing_is_sent_elsewhere_by_anybody(new_run: Make) -> None:
    run = begun(new_run, CALL, node_id="a", not_by=("eve",))
    run.goto("b", interrupt_id="a:1", actor="eve")
    assert run.engine.ready == ["b:1"]


# -- How many ---------------------------------------------------------------------------------------------------------


def test_two_people_must_answer(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    accepted, commands = run.answer({"n": 1}, actor="ann", answer_id="ann's")
    assert accepted == Accepted("q:1", LATER, "ann", "ann's", {"n": 1}, via="update", missing=1)
    assert (commands, run.open, run.engine.standing) == ([], ["q:1"], "waiting")
    said = {"actor": "ann", "value": {"n": 1}, "answered_at": LATER, "answer_id": "ann's", "via": "update"}
    assert run.question("q:1").public()["answers"] == [said]
    accepted, commands = run.answer({"n": 2}, actor="bob")
    assert accepted == Accepted("q:1", LATER, "bob", None, {"n": 2}, via="update")
    assert (commands, run.open) == ([RunTask("q:1")], [])
    work = run.engine.begin("q:1")
    assert read(work.value) == {"was": 3, "n": 2}, "it gets the last answer"
    last = {"actor": "bob", "value": {"n": 2}, "answered_at": LATER, "answer_id": None, "via": "update"}
    assert work.votes == {-1: [said, last]}


def test_they_are_different_people(new_run: Make) -> None:
    run = begun(new_run, quorum=3)
    run.answer({}, actor="ann")
    says = f"'ann' answered 'q:1' at {LATER}; 2 more must, who are others."
    is_refused(run, "already_answered", says, lambda: run.answer({"n": 2}, actor="ann"))
    run.answer({}, actor="bob")
    assert run.answer({}, actor="cid")[1] == [RunTask("q:1")]


def test_each_answer_must_fit(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    run.answer({}, actor="ann")
    says = "The answer does not fit 'q:1': approved: Input should fit."
    is_refused(run, "invalid", says, lambda: run.answer("unfit", actor="bob"))


def test_an_answer_sent_again_is_the_same_answer(new_run: Make) -> None:
    run = begun(new_run, TWO, quorum=2)
    first, _ = run.answer({"n": 1}, "q:1", actor="ann", answer_id="ann's")
    assert run.answer({"n": 1}, "q:1", actor="ann", answer_id="ann's") == (first, [])
    run.answer({"n": 2}, "q:1", actor="bob", answer_id="bob's")
    assert run.open == ["r:1"]
    for interrupt_id in ("q:1", None):
        again = run.answer({"n": 1}, interrupt_id, actor="ann", answer_id="ann's")
        assert again == (first, []), "also when the others have answered: it answers no other question"
    assert run.open == ["r:1"]


@pytest.mark.parametrize("end", ["dropped", "timed out"])
def test_also_when_its_question_is_gone(new_run: Make, end: str) -> None:
    run = begun(new_run, TWO, quorum=2, timeout=HOUR, on_timeout={"value": {}})
    first, _ = run.answer({"n": 1}, "q:1", actor="ann", answer_id="ann's")
    if end == "timed out":
        run.due("q:1")
    else:
        run.answer({}, "r:1")
        run.finish("r:1", "end", to=END)
    assert run.answer({"n": 1}, actor="ann", answer_id="ann's") == (first, [])


def test_only_so_many_are_remembered() -> None:
    run = begun(Run, quorum=MEMORY + 10)
    for number in range(MEMORY + 5):
        run.answer({"n": number}, actor=f"actor {number}", answer_id=f"answer {number}")
    assert len(run.engine.questions.votes) == MEMORY
    assert run.answer({}, answer_id="answer 5")[0].actor == "actor 5"


def test_no_one_of_several_decides_alone(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    says = "2 people must answer 'q:1'; no one of them can send the run elsewhere, or change its state."
    is_refused(run, "invalid", says, lambda: run.goto("a", actor="ann"))
    is_refused(run, "invalid", says, lambda: run.answer({}, actor="ann", state_update={"n": 2}))
    run.answer({}, actor="ann")
    is_refused(run, "invalid", says, lambda: run.goto("a", actor="bob"))


def test_nor_by_naming_the_node_that_asks(new_run: Make) -> None:
    run = begun(new_run, CALL, node_id="a", quorum=2)
    run.ask("a:1")
    says = "2 people must answer 'a:1.0'; no one of them can send the run elsewhere, or change its state."
    is_refused(run, "invalid", says, lambda: run.goto("b", interrupt_id="a:1", actor="ann"))


@pytest.mark.parametrize(
    ("pattern", "value", "ends"),
    [
        ({"approved": False}, {"approved": False, "why": "too much"}, True),
        ({"approved": False}, {"approved": True}, False),
        ({"approved": False}, {"approved": 0}, False),
        ({"approved": False}, {}, False),
    ],
)
def test_an_answer_that_ends_it_by_itself(new_run: Make, pattern: Any, value: Any, ends: bool) -> None:
    run = begun(new_run, quorum=3, reject_ends=(pattern,))
    run.answer({"approved": True}, actor="ann")
    accepted, commands = run.answer(value, actor="bob")
    assert (accepted.missing, commands) == ((0, [RunTask("q:1")]) if ends else (1, []))
    if ends:
        assert [vote["value"] for vote in run.engine.begin("q:1").votes[-1]] == [{"approved": True}, value]


@pytest.mark.parametrize(("value", "ends"), [(False, True), (0, False), (None, False), (True, False)])
def test_of_a_call_too(new_run: Make, value: Any, ends: bool) -> None:
    run = begun(new_run, CALL, node_id="a", quorum=2, reject_ends=(False,))
    run.ask("a:1")
    assert bool(run.answer(value, actor="ann")[1]) is ends


def test_a_vote_is_no_checkpoint() -> None:
    """It changes nothing of what comes next."""
    run = begun(RecordedRun, quorum=2)
    run.answer({}, actor="ann")
    assert [checkpoint.kind for checkpoint in run.past] == ["started"]
    run.answer({}, actor="bob")
    assert [checkpoint.kind for checkpoint in run.past] == ["started", "answered"]
    run.finish("q:1", "x", to=END)
    assert [checkpoint.number for checkpoint in run.past] == [1, 2, 3]


def test_several_answers_together_with_votes_among_them(new_run: Make) -> None:
    run = begun(new_run, TWO, quorum=2)
    accepted, commands = run.answer_all({"q:1": {}, "r:1": {}}, actor="ann")
    assert ([item.missing for item in accepted], commands) == ([1, 0], [RunTask("r:1")])
    assert run.answer_all({"q:1": {}}, actor="bob")[1] == [RunTask("q:1")]


def test_breakpoints_have_a_quorum_too(new_run: Make) -> None:
    run = new_run(CALL, Toy(policies={"a": Policy(quorum=2).dump()}))
    run.start()
    run.stop(["a"])
    assert run.answer(actor="ann")[1] == []
    assert run.answer(actor="bob")[1] == [RunTask("a:1")]


def test_the_timer_goes_on_for_those_who_are_missing(new_run: Make) -> None:
    run = begun(new_run, quorum=2, every=HOUR, timeout=9 * HOUR, on_timeout={"value": {"approved": False}})
    run.answer({"approved": True}, actor="ann")
    run.due("q:1")
    assert [entry.kind for entry in run.audit] == ["asked", "answered", "reminded"]
    run.due("q:1", hours(9))
    votes = run.engine.begin("q:1").votes[-1]
    assert [(vote["actor"], vote["via"]) for vote in votes] == [("ann", "update"), (None, "timeout")]


# -- Questions that nobody can answer ---------------------------------------------------------------------------------

TEAM: dict[str, Any] = {"only_assignees": True, "assignees": ("ann", "bob")}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (TEAM, None),
        ({**TEAM, "quorum": 2}, None),
        ({**TEAM, "quorum": 3}, "3 people must answer 'q:1', but only 'ann', 'bob' may: reassign it."),
        ({**TEAM, "quorum": 2, "not_by": ("bob",)}, "2 people must answer 'q:1', but only 'ann' may: reassign it."),
        ({**TEAM, "quorum": 2, "not_by": ("bob", "ann")}, "2 people must answer 'q:1', but nobody may: reassign it."),
        ({"only_assignees": True}, "Nobody may answer 'q:1': reassign it."),
        ({**TEAM, "not_by": ("bob", "ann")}, "Nobody may answer 'q:1': reassign it."),
        ({"assignees": ("ann",), "quorum": 2}, None),
        ({"not_by": ("ann",)}, None),
    ],
)
def test_a_question_says_so_when_it_opens(new_run: Make, words: Any, says: str | None) -> None:
    run = begun(new_run, **words)
    assert run.question("q:1").public()["problem"] == says
    [asked] = run.audit
    assert asked.data.get("problem") == says
    assert ("problem" in asked.data) is (says is not None)


def test_it_is_not_written_into_a_snapshot() -> None:
    run = begun(Run, only_assignees=True)
    assert "problem" not in dump(run.engine)["questions"]["open"][0]


def test_it_is_told_with_the_question() -> None:
    run = begun(Run, only_assignees=True, escalations=((HOUR, ("boss",)),))
    run.due("q:1")
    told = [entry.question["problem"] for entry in run.audit if entry.question is not None]
    assert told == ["Nobody may answer 'q:1': reassign it.", None]


def test_an_escalation_to_too_few(new_run: Make) -> None:
    run = begun(new_run, **TEAM, quorum=2, not_by=("eve",), escalations=((HOUR, ("boss", "eve")), (2 * HOUR, ("eve",))))
    seen: list[Any] = [run.question("q:1").problem]
    for _ in range(2):
        run.due("q:1")
        seen.append(run.question("q:1").problem)
        assert run.audit[-1].data["problem"] == seen[-1]
    assert seen == [
        None,
        "2 people must answer 'q:1', but only 'boss' may: reassign it.",
        "2 people must answer 'q:1', but nobody may: reassign it.",
    ]
    run.reassign("cid", "dan")
    assert run.question("q:1").problem is None
    assert "problem" not in run.audit[-1].data


def test_who_has_answered_counts_and_cannot_answer_again(new_run: Make) -> None:
    run = begun(new_run, **TEAM, quorum=2, escalations=((HOUR, ("ann",)), (2 * HOUR, ("boss",))))
    run.answer({}, actor="ann")
    assert run.question("q:1").problem is None
    run.due("q:1")
    assert run.question("q:1").problem == "1 more person must answer 'q:1', but nobody else may: reassign it."
    run.due("q:1")
    assert run.question("q:1").problem is None
    assert RunTask("q:1") in run.answer({}, actor="boss")[1]


def test_a_problem_with_many_names_is_short() -> None:
    people = tuple(f"{number}{'x' * 1_000}" for number in range(100))
    run = begun(Run, only_assignees=True, assignees=people, quorum=101)
    problem = run.question("q:1").problem
    assert problem is not None
    assert len(problem) < 600
    assert problem.endswith("reassign it.")


@pytest.mark.parametrize(
    ("to", "says"),
    [
        (["cid"], "2 people must answer 'q:1', but only 'cid' may then: ask others."),
        (["cid", "cid"], "2 people must answer 'q:1', but only 'cid' may then: ask others."),
        (["eve"], "'eve' may not answer 'q:1'; ask others."),
        ([], "Only who is asked may answer 'q:1'; say who that is to be."),
    ],
)
def test_it_is_not_reassigned_to_people_who_could_never_answer_it(new_run: Make, to: list[str], says: str) -> None:
    run = begun(new_run, only_assignees=True, quorum=2, not_by=("eve",))
    is_refused(run, "invalid", says, lambda: run.reassign(*to))
    run.reassign("cid", "dan")
    run.answer({}, actor="dan")
    says = "1 more person must answer 'q:1', but nobody else may then: ask others."
    is_refused(run, "invalid", says, lambda: run.reassign("dan"))
    run.reassign("fay")
    assert RunTask("q:1") in run.answer({}, actor="fay")[1]


# -- Answers that come early ------------------------------------------------------------------------------------------


def test_an_early_answer_is_one_of_several(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(quorum=2, timeout=HOUR).dump()}))
    run.answer({"n": 1}, "q:1", actor="ann", answer_id="early")
    assert run.start() == [OpenInterrupt("q:1"), SetTimer("q:1")]
    assert [(vote["actor"], vote["answered_at"]) for vote in run.question("q:1").answers] == [("ann", NOW)]
    assert run.engine.questions.early == {}
    again, commands = run.answer({"n": 1}, actor="ann", answer_id="early")
    assert (again.missing, again.is_early, commands) == (1, False, [])
    assert RunTask("q:1") in run.answer({"n": 2}, actor="bob")[1]


def test_an_early_answer_may_end_it(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(quorum=2, reject_ends=({"ok": False},)).dump()}))
    run.answer({"ok": False}, "q:1", actor="ann")
    assert run.start() == [RunTask("q:1")]
    assert run.open == []


@pytest.mark.parametrize(
    ("actor", "says"),
    [
        (None, WHO),
        ("eve", "'eve' may not answer 'q:1'; somebody else must."),
        ("bob", "'bob' is not asked by 'q:1'; it asks 'ann'."),
    ],
)
def test_an_early_answer_of_somebody_else_is_shown_to_people(new_run: Make, actor: str | None, says: str) -> None:
    """Who may answer is not known before the question opens."""
    rules = Policy(not_by=("eve",), assignees=("ann",), only_assignees=True).dump()
    run = new_run(ONE, Toy(policies={"q": rules}))
    run.answer({"n": 1}, "q:1", actor=actor)
    assert run.start() == [OpenInterrupt("q:1")]
    [rejected] = run.engine.questions.rejected
    assert (rejected["reason"], rejected["message"], rejected["answer"]) == ("not_authorized", says, {"n": 1})
    assert [(entry.kind, entry.actor) for entry in run.audit] == [("asked", None), ("rejected", actor)]
    assert run.answer({}, actor="ann")[1] == [RunTask("q:1")]


def test_an_early_answer_goes_before_the_timer(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(timeout=HOUR).dump()}))
    run.answer({}, "q:1")
    commands = run.start()
    assert OpenInterrupt("q:1") not in commands
    assert RunTask("q:1") in commands
    assert run.engine.come_due("q:1", hours(3)) == []


TOGETHER: list[Any] = [("ann", {"n": 1}), ("bob", {"n": 2}), ("cid", {"n": 3})]


def test_several_early_answers_are_all_counted(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(quorum=3, timeout=HOUR).dump()}))
    for actor, value in TOGETHER[:2]:
        accepted, commands = run.answer(value, "q:1", actor=actor, answer_id=f"{actor}'s")
        assert (accepted.is_early, commands) == (True, [])
    run.reload()
    assert run.start() == [OpenInterrupt("q:1"), SetTimer("q:1")]
    assert [vote["actor"] for vote in run.question("q:1").answers] == ["ann", "bob"]
    again, commands = run.answer({"n": 1}, actor="ann", answer_id="ann's")
    assert (again.missing, commands) == (2, [])
    assert RunTask("q:1") in run.answer({"n": 3}, actor="cid")[1]


def test_early_answers_may_be_all_that_it_needs(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(quorum=3).dump()}))
    for actor, value in TOGETHER:
        run.answer(value, "q:1", actor=actor)
    assert run.start() == [RunTask("q:1")], "it never opens"
    work = run.engine.begin("q:1")
    assert [(vote["actor"], vote["value"]) for vote in work.votes[-1]] == TOGETHER
    assert read(work.value) == {"was": None, "n": 3}
    assert (run.engine.questions.early, run.engine.questions.rejected) == ({}, [])


def test_early_answers_are_of_different_people_and_no_more_than_it_needs(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(quorum=2).dump()}))
    run.answer({"n": 1}, "q:1", actor="ann")
    for actor in ("ann", None):
        error = refused(lambda actor=actor: run.answer({"n": 2}, "q:1", actor=actor))
        assert (error.reason, error.message) == (
            "already_answered",
            f"'q:1' is not open yet, and was answered ahead by ann at {LATER}.",
        )
    run.answer({"n": 2}, "q:1", actor="bob")
    error = refused(lambda: run.answer({"n": 3}, "q:1", actor="cid"))
    assert error.message == f"'q:1' is not open yet, and was answered ahead by ann, bob at {LATER}."


def test_somebody_who_did_not_say_who_they_are_keeps_nobody_from_voting_ahead(new_run: Make) -> None:
    run = new_run(ONE, Toy(policies={"q": Policy(quorum=2).dump()}))
    run.answer({"n": 0}, "q:1")
    for actor, value in TOGETHER[:2]:
        run.answer(value, "q:1", actor=actor)
    assert run.start() == [RunTask("q:1")]
    assert [(item["answer"], item["reason"]) for item in run.engine.questions.rejected] == [
        ({"n": 0}, "not_authorized")
    ]


def test_a_call_says_only_when_it_asks_how_many_must_answer(new_run: Make) -> None:
    """So what others say ahead is kept, and shown to people if one answer was enough."""
    rules = {0: Policy(quorum=2).dump(), 1: None}
    run = new_run(CALL)
    run.start()
    for position in rules:
        for actor, value in TOGETHER[:2]:
            run.answer(value["n"], f"a:1.{position}", actor=actor)
    run.ask("a:1", 0, policy=rules[0])
    run.ask("a:1", 1)
    work = run.engine.begin("a:1")
    assert work.answers == {0: 2, 1: 1}
    assert [vote["actor"] for vote in work.votes[0]] == ["ann", "bob"]
    [rejected] = run.engine.questions.rejected
    assert (rejected["answer"], rejected["reason"]) == (2, "already_answered")
    assert rejected["message"] == f"'a:1.1' was answered by ann at {NOW}."


def test_what_is_kept_ahead_is_limited_for_all_questions_together() -> None:
    run = Run(ONE, Toy(policies={"q": Policy(quorum=EARLY).dump()}))
    for number in range(EARLY):
        run.answer({}, f"q:{1 + number % 2}", actor=f"p{number}")
    for name in ("q:1", "q:3"):
        error = refused(lambda name=name: run.answer({}, name, actor="ann"))
        assert (error.reason, error.message) == (
            "unknown_interrupt",
            f"{name!r} is not open, and no more answers are kept ahead.",
        )


def test_a_snapshot_of_an_earlier_release_has_one_early_answer_for_each_question() -> None:
    run = Run(ONE, Toy(policies={"q": Policy(quorum=2).dump()}))
    run.answer({"n": 1}, "q:1", actor="ann")
    run.answer({"n": 1}, "q:2", actor="ann")
    written = json.loads(json.dumps(dump(run.engine)))
    assert [item["interrupt_id"] for item in written["questions"]["early"]] == ["q:1", "q:2"], "a list, as it was"
    run.reload()
    run.answer({"n": 2}, "q:1", actor="bob")
    assert run.start() == [RunTask("q:1")]


# -- What the node itself finds wrong ---------------------------------------------------------------------------------


def validating(node: Any, state: Any) -> str | None:
    if node["amount"] > state["limit"]:
        return f"{node['amount']} is more than {state['limit']}"
    return None


def with_a_limit(make: Make, **rules: Any) -> Run:
    run = make(ONE, Toy(policies={"q": Policy(**rules).dump()}, validate_answer=validating))
    run.start(3, {"limit": 10})
    return run


def test_a_node_refuses_what_fits_its_types(new_run: Make) -> None:
    run = with_a_limit(new_run)
    says = "The answer does not fit 'q:1': value: 12 is more than 10."
    is_refused(run, "invalid", says, lambda: run.answer({"amount": 12}))
    run.update(limit=12)
    assert run.answer({"amount": 12})[1] == [RunTask("q:1")]


def test_it_looks_at_the_state_that_the_answer_makes(new_run: Make) -> None:
    run = with_a_limit(new_run)
    assert run.answer({"amount": 12}, state_update={"limit": 20})[1] == [RunTask("q:1")]
    assert run.engine.state == {"limit": 20}


def test_it_refuses_the_answer_of_one_of_several(new_run: Make) -> None:
    run = with_a_limit(new_run, quorum=2)
    run.answer({"amount": 1}, actor="ann")
    says = "The answer does not fit 'q:1': value: 12 is more than 10."
    is_refused(run, "invalid", says, lambda: run.answer({"amount": 12}, actor="bob"))


def test_one_that_breaks_down_refuses_the_answer(new_run: Make) -> None:
    run = with_a_limit(new_run)
    says = "The answer does not fit 'q:1': value: KeyError: 'amount'."
    is_refused(run, "invalid", says, lambda: run.answer({"other": 1}))


def test_it_is_not_asked_where_no_field_is_set(new_run: Make) -> None:
    run = with_a_limit(new_run)
    run.goto("a")
    assert run.engine.ready == ["a:1"]


def test_a_run_with_votes_ends_like_any_other(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    run.answer({}, actor="ann")
    run.answer({}, actor="bob")
    assert run.finish("q:1", "out", to=END) == [Finish(enc("out"))]
