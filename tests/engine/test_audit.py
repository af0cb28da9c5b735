"""Who was asked what, who said what, and what became of it: one entry for each thing that happens, in order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from temporal_graph.engine.audit import CARRIED, CARRIED_SIZE, LONGEST, Audit, Entry, kept
from temporal_graph.engine.events import CloseInterrupt
from temporal_graph.engine.questions import Answer
from temporal_graph.engine.snapshot import dump
from temporal_graph.engine.spec import END
from temporal_graph.views import read_audit
from tests.engine.machine import (
    HOUR,
    LATER,
    NOW,
    ONE,
    TWO,
    Make,
    RecordedRun,
    Run,
    begun,
    graph,
    hours,
    mending,
    refused,
    start,
    step,
    toy,
)

CALL = graph(start("a"), mending(step("a", "b")), step("b"))


def told(run: Run) -> list[tuple[Any, ...]]:
    """What it says, without the numbers, which have no gap."""
    assert [entry.number for entry in run.audit] == list(range(1, len(run.audit) + 1))
    assert run.engine.questions.audit.latest == len(run.audit)
    return [(e.kind, e.at, e.interrupt_id, e.actor, e.via, e.data) for e in run.audit]


def last(run: Run) -> tuple[Any, ...]:
    return told(run)[-1]


# -- What is written --------------------------------------------------------------------------------------------------


def test_a_question_that_is_asked(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann", "bob"), quorum=2, timeout=HOUR)
    asked = {"node_id": "q", "interrupt_kind": "node", "value": {"shown": 3}}
    rules = {"assignees": ["ann", "bob"], "deadline": hours(1), "quorum": 2}
    assert told(run) == [("asked", NOW, "q:1", None, None, {**asked, **rules})]


def test_a_question_with_nothing_special(new_run: Make) -> None:
    run = new_run(CALL)
    run.start()
    run.ask("a:1")
    asked = {"node_id": "a", "interrupt_kind": "call", "value": "Well?"}
    assert told(run) == [("asked", NOW, "a:1.0", None, None, asked)]


def test_an_answer(new_run: Make) -> None:
    run = begun(new_run)
    run.engine.answer(Answer("q:1", {"n": 2}, actor="ann", answer_id="x"), LATER, "signal")
    assert last(run) == ("answered", LATER, "q:1", "ann", "signal", {"answer_id": "x", "value": {"n": 2}})


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ({"state_update": {"n": 2}}, {"value": {}, "state_update": {"n": 2}}),
        (
            {"goto": {"node_id": "a", "data": 1}, "has_value": False, "value": None},
            {"goto": {"node_id": "a", "data": 1}},
        ),
    ],
)
def test_an_answer_that_does_more(new_run: Make, words: Any, data: Any) -> None:
    run = begun(new_run)
    run.answer(**{"value": {}, **words})
    assert last(run) == ("answered", LATER, "q:1", None, "update", {"answer_id": None, **data})


def test_the_answers_of_several(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    run.answer({"n": 1}, actor="ann")
    assert last(run)[3:] == ("ann", "update", {"answer_id": None, "value": {"n": 1}, "missing": 1})
    run.answer({"n": 2}, actor="bob")
    assert last(run)[3:] == ("bob", "update", {"answer_id": None, "value": {"n": 2}})


def test_what_is_said_with_an_answer(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    run.answer({"n": 1}, actor="ann", comment="fine")
    run.reload()
    run.answer({"n": 2}, actor="bob")
    entries = read_audit([entry.public() for entry in run.audit])
    assert [(entry.actor, entry.comment) for entry in entries] == [(None, None), ("ann", "fine"), ("bob", None)]
    assert entries[1].data == {"answer_id": None, "value": {"n": 1}, "missing": 1}
    assert ["comment" in entry.public() for entry in run.audit] == [False, True, False], "as earlier releases read it"


def test_what_is_said_with_answers_that_do_more(new_run: Make) -> None:
    run = new_run(CALL)
    run.start()
    run.fail("a:1")
    run.answer({"action": "retry"}, comment="once more")
    run.goto("b", 1, "a:1", comment="elsewhere", has_value=False)
    assert [entry.comment for entry in run.audit] == [None, "once more", "elsewhere"]


def test_what_is_said_ahead_is_written_when_the_question_opens(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    for actor in ("ann", "bob"):
        run.answer({"n": 2}, "q:2", actor=actor, answer_id=actor, comment=f"{actor}'s")
    run.answer({"n": 2}, "q:2", actor="ann", answer_id="ann", comment="again")
    run.answer("unfit", "q:3", actor="ann", comment="not so")
    assert [entry.comment for entry in run.audit] == [None]
    run.reload()
    for visit in (1, 2):
        for actor in ("ann", "bob") if visit == 1 else ():
            run.answer({}, "q:1", actor=actor)
        run.finish(f"q:{visit}", to="q")
    said = [(entry.kind, entry.interrupt_id, entry.comment) for entry in run.audit if entry.comment is not None]
    assert said == [("answered", "q:2", "ann's"), ("answered", "q:2", "bob's"), ("rejected", "q:3", "not so")]


def test_an_answer_that_comes_again_says_nothing_more(new_run: Make) -> None:
    run = begun(new_run)
    run.answer({}, answer_id="x", comment="fine")
    run.answer({}, answer_id="x", comment="else")
    assert [entry.comment for entry in run.audit] == [None, "fine"]


def test_what_is_said_is_cut_where_it_is_long(new_run: Make) -> None:
    run = begun(new_run, quorum=3)
    run.answer({}, actor="ann", comment="x" * LONGEST)
    run.answer({}, actor="bob", comment="x" * (LONGEST + 1))
    comments = [entry.comment for entry in run.audit[1:]]
    assert comments == ["x" * LONGEST, "x" * LONGEST + f"... ({LONGEST + 1:,} characters)"]


def test_an_answer_that_comes_again_is_written_once(new_run: Make) -> None:
    run = begun(new_run, quorum=2)
    for _ in range(3):
        run.answer({}, actor="ann", answer_id="x")
    assert [entry.kind for entry in run.audit] == ["asked", "answered"]


def test_a_node_that_is_sent_elsewhere(new_run: Make) -> None:
    run = new_run(CALL)
    run.start()
    run.goto("b", 1, "a:1", actor="ann", has_value=False)
    assert told(run) == [
        ("answered", LATER, "a:1.goto", "ann", "update", {"answer_id": None, "goto": {"node_id": "b", "data": 1}})
    ]


def test_an_early_answer_is_written_when_its_question_opens(new_run: Make) -> None:
    run = begun(new_run)
    run.engine.answer(Answer("q:2", {"n": 2}, actor="ann"), LATER, "signal")
    assert len(run.audit) == 1
    run.answer({}, "q:1")
    run.finish("q:1", to="q")
    assert [(e.kind, e.at, e.interrupt_id, e.via) for e in run.audit] == [
        ("asked", NOW, "q:1", None),
        ("answered", LATER, "q:1", "update"),
        ("asked", NOW, "q:2", None),
        ("answered", NOW, "q:2", "signal"),
    ]


def test_an_answer_that_is_refused_to_its_sender_is_not_written(new_run: Make) -> None:
    run = begun(new_run)
    refused(lambda: run.answer("unfit"))
    assert len(run.audit) == 1


def test_an_answer_that_cannot_be_refused_is(new_run: Make) -> None:
    run = begun(new_run)
    sent = {"interrupt_id": "q:1", "actor": "ann", "value": "unfit", "comment": "so there"}
    run.engine.reject(sent, refused(lambda: run.answer("unfit")), LATER)
    assert run.audit[-1].comment == "so there"
    says = "The answer does not fit 'q:1': approved: Input should fit."
    assert last(run) == (
        "rejected",
        LATER,
        "q:1",
        "ann",
        "signal",
        {"answer": sent, "reason": "invalid", "message": says},
    )


@pytest.mark.parametrize("name", [None, "q", "q:1"])
def test_a_refused_answer_is_written_with_its_question(new_run: Make, name: str | None) -> None:
    run = begun(new_run)
    run.engine.reject({"interrupt_id": name, "value": "unfit"}, refused(lambda: run.answer("unfit")), LATER)
    assert last(run)[:3] == ("rejected", LATER, "q:1")


def test_what_is_refused_and_no_answer_is_about_no_question(new_run: Make) -> None:
    run = begun(new_run)
    run.engine.reject({"values": {"n": "no number"}}, refused(lambda: run.answer("unfit")), LATER)
    assert last(run)[:3] == ("rejected", LATER, None)


@pytest.mark.parametrize("sent", [None, [1], {"interrupt_id": 5, "actor": {"a": 1}, "comment": 5}, "text"], ids=str)
def test_nonsense_that_is_refused(new_run: Make, sent: Any) -> None:
    run = begun(new_run)
    run.engine.reject(sent, refused(lambda: run.answer("unfit")), LATER)
    assert (*last(run)[:4], run.audit[-1].comment) == ("rejected", LATER, None, None, None)
    assert last(run)[5]["answer"] == sent
    run.engine.reject({"interrupt_id": "q" * 500, "actor": "a" * 500}, refused(lambda: run.answer("unfit")), LATER)
    assert [len(str(part)) < 300 for part in last(run)[2:4]] == [True, True]


def test_what_a_question_does_by_itself(new_run: Make) -> None:
    run = begun(
        new_run,
        assignees=("ann",),
        reminders=(HOUR,),
        escalations=((2 * HOUR, ("bob",)),),
        timeout=3 * HOUR,
        on_timeout={"value": {"ok": False}},
    )
    for _ in range(3):
        run.due("q:1")
    assert told(run)[1:] == [
        ("reminded", hours(1), "q:1", None, None, {"to": ["ann"]}),
        ("escalated", hours(2), "q:1", None, None, {"to": ["bob"], "level": 1}),
        ("timed_out", hours(3), "q:1", None, "timeout", {"answer_id": None, "value": {"ok": False}}),
    ]


def test_a_time_out_that_fails_the_run(new_run: Make) -> None:
    run = new_run(TWO, toy(timeout=HOUR))
    run.start(3)
    commands = run.due("q:1")
    assert told(run)[2:] == [
        ("timed_out", hours(1), "q:1", None, "timeout", {}),
        ("cancelled", hours(1), "r:1", None, None, {}),
    ]
    assert {command for command in commands if isinstance(command, CloseInterrupt)} == {
        CloseInterrupt("q:1"),
        CloseInterrupt("r:1"),
    }, "whoever listens is told that both are closed"


def test_a_time_out_whose_answer_cannot_be_taken(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR, on_timeout={"value": "unfit"})
    run.due("q:1")
    assert [entry.kind for entry in run.audit] == ["asked", "timed_out"]


def test_an_answer_is_written_with_what_was_shown(new_run: Make) -> None:
    """The entry of the question may be gone by then: a run takes only so many along."""
    run = begun(new_run, quorum=2, timeout=HOUR, on_timeout={"value": {}})
    run.engine.questions.audit.entries.clear()
    run.answer({"n": 1}, actor="ann")
    run.engine.reject({"value": "unfit"}, refused(lambda: run.answer("unfit", actor="bob")), LATER)
    run.due("q:1")
    run.reload()
    kinds = [(entry.kind, entry.shown) for entry in read_audit([entry.public() for entry in run.audit])]
    assert kinds == [(kind, {"shown": 3}) for kind in ("answered", "rejected", "timed_out")]


def test_what_was_shown_is_cut_where_it_is_long(new_run: Make) -> None:
    run = begun(new_run, value="ä" * LONGEST)
    run.answer({})
    assert list(run.audit[-1].public()["shown"]) == ["cut"]


def test_changes_of_the_state(new_run: Make) -> None:
    run = begun(new_run)
    run.engine.update({"n": 5}, None, LATER, "ann", "signal")
    assert last(run) == ("state_updated", LATER, None, "ann", "signal", {"update": {"n": 5}})
    assert refused(lambda: run.update(m=1)).reason == "invalid"
    assert len(run.audit) == 2


def test_questions_that_are_closed(new_run: Make) -> None:
    run = begun(new_run, TWO)
    run.answer({}, "q:1")
    run.finish("q:1", to=END)
    assert last(run) == ("cancelled", NOW, "r:1", None, None, {})


def test_a_run_that_is_cancelled_closes_them_at_that_time(new_run: Make) -> None:
    run = begun(new_run)
    run.engine.cancel(LATER)
    assert last(run) == ("cancelled", LATER, "q:1", None, None, {})


def test_a_failure_that_asks(new_run: Make) -> None:
    run = new_run(CALL)
    run.start()
    run.fail("a:1")
    assert (last(run)[2], last(run)[5]["interrupt_kind"]) == ("a:1.failure", "failure")
    run.answer({"action": "skip", "output": 1}, actor="ops")
    assert last(run)[5]["value"] == {"action": "skip", "output": 1}


def test_what_the_shell_notes(new_run: Make) -> None:
    run = begun(new_run)
    run.engine.note("notification_failed", "q:1", {"target": "hook", "message": "no network"}, LATER)
    data = {"target": "hook", "message": "no network"}
    assert last(run) == ("notification_failed", LATER, "q:1", None, None, data)


def test_an_entry_has_the_question_as_it_was_then() -> None:
    run = begun(Run, assignees=("ann",), escalations=((HOUR, ("bob",)),), quorum=2)
    run.due("q:1")
    run.answer({}, actor="bob")
    seen: list[Any] = []
    for entry in run.audit:
        assert entry.question is not None
        seen.append((entry.question["assignees"], entry.question["escalation_level"], len(entry.question["answers"])))
    assert seen == [(["ann"], 0, 0), (["bob"], 1, 0), (["bob"], 1, 1)]
    assert all("question" not in entry.public() for entry in run.audit)


# -- How much is kept -------------------------------------------------------------------------------------------------


def test_long_values_are_cut(new_run: Make) -> None:
    run = begun(new_run)
    run.answer({"text": "ä" * LONGEST})
    value = last(run)[5]["value"]
    assert list(value) == ["cut"]
    assert value["cut"].startswith('{"text": "')
    assert len(json.dumps(value)) < 1.2 * LONGEST + 100
    assert kept("x" * (LONGEST - 2)) == "x" * (LONGEST - 2)
    assert list(kept("x" * (LONGEST - 1))) == ["cut"]


def test_so_many_go_along() -> None:
    audit = Audit()
    for number in range(CARRIED + 10):
        audit.add("asked", NOW, f"q:{number}")
    written = audit.dump()
    assert json.loads(json.dumps(written)) == written
    assert (written["latest"], len(written["entries"])) == (CARRIED + 10, CARRIED)
    other = Audit()
    other.load(written)
    assert other.entries == audit.entries[10:]
    other.add("asked", NOW)
    assert other.entries[-1].number == CARRIED + 11


def test_so_much_of_them_goes_along() -> None:
    audit = Audit()
    for number in range(100):
        audit.add("answered", NOW, f"q:{number}", value="x" * 10_000)
    written = audit.dump()
    sizes = [len(json.dumps(item)) for item in written["entries"]]
    assert CARRIED_SIZE - max(sizes) < sum(sizes) <= CARRIED_SIZE
    assert written["entries"][-1]["number"] == 100, "the latest"


def test_what_is_new_since_then() -> None:
    audit = Audit()
    assert audit.since(0) == []
    for _ in range(5):
        audit.add("asked", NOW)
    assert [entry.number for entry in audit.since(0)] == [1, 2, 3, 4, 5]
    assert [entry.number for entry in audit.since(3)] == [4, 5]
    assert audit.since(5) == []
    carried = Audit()
    carried.load({"latest": 5, "entries": [audit.entries[-1].public()]})
    carried.add("asked", NOW)
    assert [entry.number for entry in carried.since(4)] == [5, 6]
    assert [entry.number for entry in carried.since(0)] == [5, 6], "as far as they are here"


def test_an_entry_as_json_and_back() -> None:
    entry = Entry(3, NOW, "answered", "q:1", "ann", "signal", {"value": 1}, {"interrupt_id": "q:1"})
    assert Entry(**json.loads(json.dumps(entry.public()))) == entry


def test_a_snapshot_of_an_earlier_release_has_none() -> None:
    run = begun(Run)
    written = dump(run.engine)
    del written["questions"]["audit"]
    del written["questions"]["votes"]
    other = RecordedRun(ONE, run.functions, origin=json.loads(json.dumps(written)))
    assert (other.audit, other.open) == ([], ["q:1"])
    other.answer({})
    assert [(entry.number, entry.kind) for entry in other.audit] == [(1, "answered")]


# -- Forks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("update", [None, {"n": 7}])
def test_a_fork_takes_it_along(update: Any) -> None:
    run = begun(RecordedRun, TWO)
    run.answer({}, "r:1", actor="ann")
    run.reload()
    run.engine.fork(update, hours(30))
    assert [entry.kind for entry in run.audit] == ["asked", "asked", "answered", "forked"]
    assert last(run) == ("forked", hours(30), None, None, None, {} if update is None else {"update": update})


def test_the_past_has_the_audit_of_then() -> None:
    run = begun(RecordedRun, quorum=2, every=HOUR)
    run.due("q:1")
    run.answer({}, actor="ann")
    run.answer({}, actor="bob")
    kinds = [[e.kind for e in then.questions.audit.entries] for _, then in run.engine.checkpoints()]  # type: ignore[attr-defined]
    assert kinds == [["asked"], ["asked", "reminded", "answered", "answered"]]
