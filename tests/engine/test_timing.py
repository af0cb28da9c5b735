"""Questions whose time comes: they remind, are handed on and stop waiting; and people who change when, and who."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from temporal_graph.engine.events import CloseInterrupt, Fail, Failure, OpenInterrupt, SetTimer
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.policies import Due, Policy
from temporal_graph.engine.snapshot import dump
from temporal_graph.engine.spec import END
from tests.engine import machine
from tests.engine.machine import (
    HOUR,
    LATER,
    NOW,
    ONE,
    TWO,
    Make,
    RecordedRun,
    Run,
    TheRuntimes,
    Toy,
    graph,
    hours,
    raising,
    read,
    refused,
    start,
    step,
    toy,
)

CALL = graph(start("a"), step("a", None), step("b", None))
begun = functools.partial(machine.begun, value={"amount": 3}, state=None)


def done(run: Run) -> list[tuple[str, str, Any]]:
    """What the question has done by itself, when, and for whom."""
    kinds = ("reminded", "escalated", "timed_out")
    return [(entry.kind, entry.at, entry.data.get("to")) for entry in run.audit if entry.kind in kinds]


# -- How it opens -----------------------------------------------------------------------------------------------------


def test_a_question_opens_with_its_timer(new_run: Make) -> None:
    run = new_run(ONE, toy(timeout=HOUR, assignees=("ann",), every=HOUR / 2))
    assert run.start() == [OpenInterrupt("q:1"), SetTimer("q:1")]
    shown = run.question("q:1").public()
    assert (shown["deadline"], shown["assignees"], shown["escalation_level"]) == (hours(1), ["ann"], 0)
    assert [item.what for item in run.question("q:1").due] == ["remind", "expire"]


def test_a_question_without_times_sets_no_timer(new_run: Make) -> None:
    run = new_run(ONE, toy(assignees=("ann",), only_assignees=True))
    assert run.start() == [OpenInterrupt("q:1")]
    assert run.question("q:1").deadline is None


def test_a_call_is_asked_as_it_says_itself_or_else_as_its_node(new_run: Make) -> None:
    run = new_run(CALL, toy("a", timeout=HOUR))
    run.start()
    assert run.ask("a:1", 0, policy=Policy(assignees=("ann",)).dump()) == [OpenInterrupt("a:1.0")]
    assert (run.question("a:1.0").deadline, run.question("a:1.0").assignees) == (None, ["ann"])
    run.answer(1)
    assert run.ask("a:1", 1) == [OpenInterrupt("a:1.1"), SetTimer("a:1.1")]
    assert run.question("a:1.1").deadline == hours(1)


def test_a_calendar_that_breaks_down_fails_the_run() -> None:
    functions = toy(timeout=HOUR)
    functions.after = raising(ValueError("no working time"))  # type: ignore[method-assign]
    run = RecordedRun(ONE, functions)
    assert run.start()[-1] == Fail(Failure("q", "ValueError", "no working time"))
    assert run.open == []


# -- Reminders and escalations ----------------------------------------------------------------------------------------


def test_it_reminds_again_and_again(new_run: Make) -> None:
    run = begun(new_run, every=HOUR, assignees=("ann",))
    for number in (1, 2, 3):
        assert run.due("q:1") == [SetTimer("q:1")]
        assert run.question("q:1").due == [Due(hours(number + 1), "remind", number=number + 1)]
    assert done(run) == [("reminded", hours(number), ["ann"]) for number in (1, 2, 3)]
    assert run.open == ["q:1"]


def test_reminders_that_were_missed_are_one(new_run: Make) -> None:
    run = begun(new_run, every=HOUR, reminders=(0.5 * HOUR, 2.5 * HOUR))
    run.due("q:1", hours(100.25))
    assert done(run) == [("reminded", hours(100.25), [])]
    assert run.question("q:1").due == [Due(hours(101), "remind", number=101)]


def test_several_reminders_each_at_its_time(new_run: Make) -> None:
    run = begun(new_run, reminders=(HOUR, 3 * HOUR))
    assert run.due("q:1") == [SetTimer("q:1")]
    assert run.due("q:1") == [SetTimer("q:1")]
    assert done(run) == [("reminded", hours(1), []), ("reminded", hours(3), [])]
    assert run.question("q:1").due == [], "and then it waits for ever"
    before = dump(run.engine)
    assert run.engine.come_due("q:1", hours(5)) == []
    assert dump(run.engine) == before


def test_it_is_handed_on(new_run: Make) -> None:
    run = begun(
        new_run,
        assignees=("ann",),
        escalations=((2 * HOUR, ("bob",)), (4 * HOUR, ("boss", "cfo"))),
        every=1.5 * HOUR,
    )
    seen: list[Any] = []
    for _ in range(4):
        run.due("q:1")
        seen.append((run.question("q:1").assignees, run.question("q:1").escalation_level))
    assert seen == [(["ann"], 0), (["bob"], 1), (["bob"], 1), (["boss", "cfo"], 2)]
    assert done(run) == [
        ("reminded", hours(1.5), ["ann"]),
        ("escalated", hours(2), ["bob"]),
        ("reminded", hours(3), ["bob"]),
        ("escalated", hours(4), ["boss", "cfo"]),
    ]
    assert [entry.data["level"] for entry in run.audit if entry.kind == "escalated"] == [1, 2]


def test_what_was_missed_is_done_in_order(new_run: Make) -> None:
    """Only a reminder that nothing came after is of use."""
    run = begun(
        new_run,
        assignees=("ann",),
        escalations=((2 * HOUR, ("bob",)), (4 * HOUR, ("boss",))),
        reminders=(1 * HOUR, 3 * HOUR, 5 * HOUR),
        timeout=9 * HOUR,
    )
    run.due("q:1", hours(6))
    assert done(run) == [
        ("escalated", hours(6), ["bob"]),
        ("escalated", hours(6), ["boss"]),
        ("reminded", hours(6), ["boss"]),
    ]
    assert [item.what for item in run.question("q:1").due] == ["expire"]


def test_after_the_time_out_nobody_is_reminded(new_run: Make) -> None:
    run = begun(new_run, every=HOUR, escalations=((2 * HOUR, ("bob",)),), timeout=3 * HOUR, on_timeout={"value": {}})
    run.due("q:1", hours(50))
    assert [kind for kind, _, _ in done(run)] == ["escalated", "timed_out"]
    assert run.engine.ready == ["q:1"]


def test_the_first_thing_is_due_though_the_clock_says_otherwise(new_run: Make) -> None:
    """The timer of a worker has fired, which a replay on another one must follow."""
    run = begun(new_run, reminders=(HOUR,), timeout=2 * HOUR)
    run.due("q:1", NOW)
    assert done(run) == [("reminded", NOW, [])]
    assert [item.what for item in run.question("q:1").due] == ["expire"]


def test_a_question_that_is_gone_does_nothing(new_run: Make) -> None:
    run = begun(new_run, TWO, timeout=HOUR)
    run.answer({}, "q:1")
    before = dump(run.engine)
    for name in ("q:1", "q:2", "nobody:1", "r:1"):
        assert run.engine.come_due(name, hours(5)) == []
    assert dump(run.engine) == before


def test_what_is_not_due_takes_no_answers_again() -> None:
    """A shell tells of the answers that were taken with the last call, each once."""
    run = Run(ONE, toy(timeout=HOUR))
    run.answer({}, "q:1")
    run.start()
    assert [accepted.interrupt_id for accepted in run.engine.taken] == ["q:1"]
    run.engine.come_due("q:1", hours(5))
    assert run.engine.taken == ()


def test_a_timer_that_fired_for_what_has_changed_meanwhile(new_run: Make) -> None:
    """It was extended in the very moment in which its time was up."""
    run = begun(new_run, timeout=HOUR, on_timeout={"value": {}})
    fired = run.question("q:1").due[0]
    run.extend(by=HOUR)
    before = dump(run.engine)
    assert run.due("q:1", hours(1), fired) == []
    assert dump(run.engine) == before
    assert run.open == ["q:1"]
    assert run.due("q:1", hours(2), fired), "by then it is due by the clock"
    assert run.open == []


def test_a_timer_that_fired_for_what_is_still_first(new_run: Make) -> None:
    run = begun(new_run, reminders=(HOUR,), timeout=3 * HOUR)
    fired = run.question("q:1").due[0]
    run.extend(by=HOUR)
    assert run.due("q:1", NOW, fired) == [SetTimer("q:1")]
    assert done(run) == [("reminded", NOW, [])]


# -- The time-out -----------------------------------------------------------------------------------------------------


def test_an_answer_stands_in(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR, on_timeout={"value": {"approved": False}})
    commands = run.due("q:1")
    assert RunTask("q:1") in commands
    accepted = run.engine.questions.accepted["q:1"]
    assert (accepted.via, accepted.actor, accepted.answered_at) == ("timeout", None, hours(1))
    work = run.engine.begin("q:1")
    assert read(work.value) == {"was": {"amount": 3}, "approved": False}
    assert work.votes == {
        -1: [{"actor": None, "answered_at": hours(1), "answer_id": None, "via": "timeout", "fields": ["approved"]}]
    }
    assert run.engine.taken[-1:] in ((), (accepted,))


def test_a_shell_is_told_what_stood_in() -> None:
    run = begun(Run, timeout=HOUR, on_timeout={"value": {"approved": False}})
    run.due("q:1")
    assert run.engine.taken == (run.engine.questions.accepted["q:1"],)


def test_the_run_goes_elsewhere(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR, on_timeout={"goto": {"node_id": "a", "data": "late"}})
    run.due("q:1")
    assert (run.open, run.engine.ready) == ([], ["a:1"])
    assert read(run.engine.begin("a:1").value) == "late"


def test_the_state_changes_with_it(new_run: Make) -> None:
    run = begun(new_run, state={"late": False}, timeout=HOUR, on_timeout={"value": {}, "state_update": {"late": True}})
    run.due("q:1")
    assert run.engine.state == {"late": True}
    [entry] = [entry for entry in run.audit if entry.kind == "timed_out"]
    assert entry.data == {"answer_id": None, "value": {}, "state_update": {"late": True}}


def test_a_call_gets_what_stands_in(new_run: Make) -> None:
    run = begun(new_run, CALL, node_id="a", timeout=HOUR, on_timeout={"value": 7})
    run.ask("a:1", 0, {"type": "integer"})
    run.due("a:1.0")
    work = run.engine.begin("a:1")
    assert (work.answers, [vote["via"] for vote in work.votes[0]]) == ({0: 7}, ["timeout"])


def test_a_breakpoint_goes_on(new_run: Make) -> None:
    run = new_run(CALL, toy("a", timeout=HOUR, on_timeout={"value": None}))
    run.start()
    run.stop(["a"])
    assert run.open == ["a:1.before"]
    run.due("a:1.before", hours(30))
    assert run.engine.ready == ["a:1"]


def test_what_stands_in_asks_nobodys_leave(new_run: Make) -> None:
    rules: dict[str, Any] = {"only_assignees": True, "assignees": ("ann", "bob"), "quorum": 2, "not_by": ("eve",)}
    run = begun(new_run, timeout=HOUR, on_timeout={"goto": {"node_id": "a", "data": None}}, **rules)
    run.answer({}, actor="ann")
    run.due("q:1", hours(30))
    assert run.engine.ready == ["a:1"]


def test_the_run_fails_if_nothing_stands_in(new_run: Make) -> None:
    run = begun(new_run, TWO, timeout=HOUR)
    commands = run.due("q:1")
    failure = Failure("q", "InterruptTimeoutError", f"Nobody answered 'q:1' by {hours(1)}.")
    assert commands[-1] == Fail(failure)
    assert CloseInterrupt("r:1") in commands
    assert (run.engine.status, run.open) == ("failed", [])
    assert [entry.kind for entry in run.audit] == ["asked", "asked", "timed_out", "cancelled"]


@pytest.mark.parametrize(
    ("on_timeout", "says"),
    [
        ({"value": "no object"}, "The answer does not fit 'q:1': approved: Input should fit."),
        ({"state_update": {"late": True}}, "The answer does not fit 'q:1': approved: Input should fit."),
        ({"value": {}, "state_update": {"early": 1}}, "The state cannot take this: early: no such field, or not its"),
        ({"goto": {"node_id": "nowhere", "data": None}}, "There is no node 'nowhere' to go to."),
        ({"goto": {"node_id": "a", "data": "unfit"}}, "This cannot be given to node 'a'"),
        ({"value": {"refuse": True}}, "The answer does not fit 'q:1': value: not like this."),
    ],
)
def test_what_stands_in_may_be_refused_and_then_the_run_fails(new_run: Make, on_timeout: Any, says: str) -> None:
    functions = toy(timeout=HOUR, on_timeout=on_timeout)
    functions.validate_answer = lambda node, state: "not like this" if node.get("refuse") else None
    run = new_run(ONE, functions)
    run.start(None, {"late": False})
    run.due("q:1")
    node_id, kind, message = run.failure
    assert (node_id, kind) == ("q", "InterruptTimeoutError")
    start = f"Nobody answered 'q:1' by {hours(1)}. What its policy says for this case cannot be done: {says}"
    assert message.startswith(start)
    assert run.engine.state == {"late": False}
    assert "timed_out" in [entry.kind for entry in run.audit]


def test_what_another_release_cannot_do_after_the_time_out_is_tried_again(new_run: Make) -> None:
    """No release ends a run that another one has begun; and people may answer nevertheless."""
    run = begun(new_run, timeout=HOUR, on_timeout={"value": "no object"})
    run.engine.is_anothers = True
    assert run.due("q:1") == [SetTimer("q:1")]
    at = run.question("q:1").due
    assert [(item.what, item.at) for item in at] == [("expire", hours(1 + 5 / 3_600))]
    run.engine.is_anothers = False  # in a history that this release goes on with
    run.due("q:1")
    assert run.question("q:1").due[0].at == hours(1 + 10 / 3_600)
    [rejected] = run.engine.questions.rejected
    assert (rejected["reason"], rejected["answer"]) == ("invalid", "no object")
    assert [entry.kind for entry in run.audit] == ["asked", "rejected"]
    run.answer({}, "q:1")
    assert run.engine.status != "failed"


def test_a_question_of_a_run_that_is_blocked_waits_on(new_run: Make) -> None:
    """Nobody could answer it."""
    functions = toy(timeout=HOUR)
    run = new_run(ONE, functions)
    run.start()
    functions.unreadable = lambda node_id, value, state: "this release cannot read the state"
    run.due("q:1")
    assert (run.engine.status, run.open) == ("running", ["q:1"])
    functions.unreadable = lambda node_id, value, state: None
    run.due("q:1")
    assert run.failure[1] == "InterruptTimeoutError"


def test_a_time_out_that_has_failed_a_run_fails_it_in_a_replay_too(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR, on_timeout={"value": "no object"})
    verdicts = iter([False, True])  # it was refused, and nothing more
    run.engine.judge = lambda via, fits: next(verdicts)
    run.engine.is_anothers = True
    run.due("q:1")
    assert run.failure[1] == "InterruptTimeoutError"


def test_an_answer_after_the_time_out_is_late(new_run: Make) -> None:
    run = begun(new_run, TWO, timeout=HOUR, on_timeout={"value": {}})
    run.due("q:1")
    error = refused(lambda: run.answer({}, "q:1", actor="ann"))
    assert error.reason == "expired"
    assert error.message == f"Nobody had answered 'q:1' in time; it stopped waiting at {hours(1)}."


def test_an_answer_in_time_goes_before_the_time_out(new_run: Make) -> None:
    run = begun(new_run, TWO, timeout=HOUR, on_timeout={"value": {}})
    assert SetTimer("q:1") in run.answer({}, "q:1", actor="ann")[1], "its timer is not wanted any more"
    assert run.engine.come_due("q:1", hours(2)) == []
    assert run.engine.questions.accepted["q:1"].actor == "ann"


def test_each_question_has_its_own_time(new_run: Make) -> None:
    run = new_run(TWO, Toy(policies={"q": Policy(timeout=HOUR).dump(), "r": Policy(every=HOUR).dump()}))
    run.start()
    run.due("r:1")
    assert [item.what for item in run.question("q:1").due] == ["expire"]
    run.due("q:1", hours(1))
    assert run.failure[0] == "q"


def test_the_next_visit_waits_anew(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR, on_timeout={"value": {}})
    run.due("q:1")
    run.finish("q:1", to="q")
    assert run.question("q:2").deadline == hours(1), "counted from when it is asked, which is always then here"


def test_the_past_tells_of_it() -> None:
    run = RecordedRun(
        TWO,
        Toy(
            policies={
                "q": Policy(timeout=2 * HOUR, every=HOUR, on_timeout={"value": {}, "state_update": {"n": 2}}).dump(),
                "r": Policy(timeout=3 * HOUR).dump(),
            }
        ),
    )
    run.start(None, {"n": 1})
    run.due("q:1")
    run.due("q:1")
    run.due("r:1")
    assert [(c.kind, c.node_id, c.at, c.interrupts, c.status) for c in run.past] == [
        ("started", None, NOW, ["q:1", "r:1"], "waiting"),
        ("timed_out", "q", hours(2), ["r:1"], "running"),
        ("timed_out", "r", hours(3), [], "failed"),
    ]
    assert run.past[1].changes == [["set", ["n"], 2]]


# -- Answers that turn out not to fit ---------------------------------------------------------------------------------

DOUBT = [{"loc": ["n"], "msg": "too small", "type": "value_error"}]


def test_a_doubted_answer_keeps_the_deadline(new_run: Make) -> None:
    run = begun(new_run, CALL, node_id="a", timeout=9 * HOUR, every=HOUR, assignees=("ann",))
    run.ask("a:1")
    run.due("a:1.0")
    run.extend(by=HOUR)
    run.reassign("cid")
    before = run.question("a:1.0")
    run.answer(1, actor="cid")
    run.engine.begin("a:1")
    assert run.ask("a:1", 0, errors=DOUBT) == [OpenInterrupt("a:1.0"), SetTimer("a:1.0")]
    assert run.question("a:1.0") == before
    assert (before.deadline, before.assignees) == (hours(10), ["cid"])
    [rejected] = [entry for entry in run.audit if entry.kind == "rejected"]
    assert (rejected.actor, rejected.via, rejected.data["answer"]) == ("cid", "node", 1)
    assert [entry.kind for entry in run.audit].count("asked") == 1
    assert run.answer(2, actor="ann")[1] == [SetTimer("a:1.0"), RunTask("a:1")]


def test_a_doubted_answer_keeps_the_other_votes(new_run: Make) -> None:
    run = begun(new_run, CALL, node_id="a", quorum=2)
    run.ask("a:1")
    run.answer(1, actor="ann", answer_id="ann's")
    run.answer(0, actor="bob")
    run.engine.begin("a:1")
    run.ask("a:1", 0, errors=DOUBT)
    assert [vote["actor"] for vote in run.question("a:1.0").answers] == ["ann"]
    assert run.answer(5, answer_id="ann's")[0].actor == "ann"
    assert run.answer(2, actor="bob")[1] == [RunTask("a:1")]
    work = run.engine.begin("a:1")
    assert [(vote["actor"], vote["value"]) for vote in work.votes[0]] == [("ann", 1), ("bob", 2)]


def test_a_question_without_a_policy_is_asked_anew(new_run: Make) -> None:
    run = new_run(CALL)
    run.start()
    run.ask("a:1")
    run.answer(1)
    run.engine.begin("a:1")
    assert run.ask("a:1", 0, errors=DOUBT) == [OpenInterrupt("a:1.0")]
    assert [entry.kind for entry in run.audit] == ["asked", "answered", "rejected", "asked"]


def test_what_stood_in_and_is_doubted_fails_the_run(new_run: Make) -> None:
    """Asked again it would wait for ever, for its time is up."""
    run = begun(new_run, CALL, node_id="a", timeout=HOUR, on_timeout={"value": 1})
    run.ask("a:1")
    run.due("a:1.0")
    run.engine.begin("a:1")
    run.ask("a:1", 0, errors=DOUBT)
    assert run.failure == (
        "a",
        "InterruptTimeoutError",
        f"Nobody answered 'a:1.0' by {hours(1)}. What its policy says for this case cannot be done: The answer does "
        "not fit 'a:1.0': n: too small.",
    )


# -- What stands in for the answer to a call --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_timeout", "says"),
    [
        ({"value": "text"}, "value: Input should fit"),
        ({"state_update": {"n": 1}}, "it gives none"),
        ({"value": "text", "goto": {"node_id": "b", "data": None}}, "value: Input should fit"),
    ],
)
def test_what_cannot_answer_a_call_fails_the_run_at_once(new_run: Make, on_timeout: Any, says: str) -> None:
    run = begun(new_run, CALL, node_id="a", timeout=HOUR, on_timeout=on_timeout)
    run.ask("a:1", 0, {"type": "integer"})
    assert run.failure == (
        "a",
        "InterruptError",
        "The policy that 'a:1.0' is asked with cannot answer it when its time is up, as on_timeout says: "
        f"{says}. Give the call a policy of its own: interrupt(..., policy=...).",
    )
    assert (run.open, [entry.kind for entry in run.audit]) == ([], [])


@pytest.mark.parametrize(
    "on_timeout",
    [
        {"value": 3},
        {"goto": {"node_id": "b", "data": None}},
        {"goto": {"node_id": "b", "data": None}, "state_update": {"n": 2}},
        None,
    ],
)
def test_what_can_answer_a_call(new_run: Make, on_timeout: Any) -> None:
    run = begun(new_run, CALL, node_id="a", timeout=HOUR, on_timeout=on_timeout, state={"n": 1})
    run.ask("a:1", 0, {"type": "integer"})
    assert run.open == ["a:1.0"]
    run.due("a:1.0")
    assert run.engine.status == ("running" if on_timeout else "failed")


# -- Waiting longer ---------------------------------------------------------------------------------------------------


def test_it_waits_longer(new_run: Make) -> None:
    run = begun(new_run, timeout=4 * HOUR, every=3 * HOUR)
    assert run.extend(by=2 * HOUR) == ("q:1", [SetTimer("q:1")])
    assert run.question("q:1").deadline == hours(6)
    assert run.question("q:1").due == [Due(hours(3), "remind", number=1), Due(hours(6), "expire")]
    assert run.audit[-1].public() == {
        "number": 2,
        "at": NOW,
        "kind": "extended",
        "interrupt_id": "q:1",
        "actor": "boss",
        "via": "signal",
        "data": {"deadline": hours(6), "before": hours(4)},
    }


def test_it_waits_until_a_moment_which_may_be_earlier(new_run: Make) -> None:
    run = begun(new_run, timeout=4 * HOUR, reminders=(3 * HOUR,))
    run.extend(until=hours(2), interrupt_id="q")
    assert [item.what for item in run.question("q:1").due] == ["expire", "remind"]
    run.due("q:1")
    assert run.failure[2] == f"Nobody answered 'q:1' by {hours(2)}."


def test_it_is_extended_again_and_again(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR)
    for _ in range(3):
        run.extend(by=HOUR, interrupt_id="q:1")
    assert run.question("q:1").due == [Due(hours(4), "expire")]


@pytest.mark.parametrize(
    ("words", "place", "says"),
    [
        ({"until": NOW}, "until", f"'q:1' cannot wait until {NOW}: it is {NOW}."),
        ({"until": hours(-1)}, "until", f"'q:1' cannot wait until {hours(-1)}: it is {NOW}."),
        ({"by": -4 * HOUR}, "until", f"'q:1' cannot wait until {NOW}: it is {NOW}."),
        ({}, "until", f"'q:1' cannot wait until None: it is {NOW}."),
        ({"by": 1e12}, "by", "'q:1' cannot wait 1000000000000.0 seconds longer: "),
        ({"by": math.inf}, "by", "'q:1' cannot wait inf seconds longer: "),
        ({"by": math.nan}, "by", "'q:1' cannot wait nan seconds longer: "),
    ],
)
def test_times_until_which_it_cannot_wait(new_run: Make, words: Any, place: str, says: str) -> None:
    run = begun(new_run, timeout=4 * HOUR)
    before = dump(run.engine)
    error = refused(lambda: run.extend(**words))
    assert (error.reason, error.errors[0]["loc"]) == ("invalid", [place])
    assert error.message.startswith(says)
    assert dump(run.engine) == before


def test_what_waits_for_ever_is_not_extended(new_run: Make) -> None:
    run = begun(new_run, every=HOUR)
    error = refused(lambda: run.extend(by=HOUR))
    assert (error.reason, error.message) == (
        "invalid",
        "'q:1' waits for ever; only what has a time-out can be extended.",
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda run, name: run.extend(by=HOUR, interrupt_id=name), id="extend"),
        pytest.param(lambda run, name: run.reassign("cid", interrupt_id=name), id="reassign"),
    ],
)
def test_which_question_is_changed(new_run: Make, change: Callable[[Run, str | None], object]) -> None:
    run = new_run(TWO, Toy(policies={"q": Policy(timeout=HOUR).dump(), "r": Policy(timeout=HOUR).dump()}))
    run.start()
    assert refused(lambda: change(run, None)).reason == "ambiguous"
    assert refused(lambda: change(run, "a")).reason == "unknown_interrupt"
    assert refused(lambda: change(run, "nobody:1")).reason == "unknown_interrupt"
    change(run, "r")
    run.answer({}, "r:1")
    assert refused(lambda: change(run, "r:1")).reason == "unknown_interrupt"
    change(run, None)
    run.finish("r:1", "end", to=END)
    error = refused(lambda: change(run, None))
    assert (error.reason, error.message) == ("closed", "The run is finished; it asks nothing any more.")


def test_looking_extends_and_reassigns_nothing(new_run: Make) -> None:
    run = begun(new_run, timeout=HOUR, assignees=("ann",))
    before = dump(run.engine)
    assert run.engine.check_extend(None, HOUR, None, NOW) == Due(hours(2), "expire")
    assert run.engine.check_reassign(None, ["bob"]).assignees == ["ann"]
    assert dump(run.engine) == before


# -- Asking others ----------------------------------------------------------------------------------------------------


def test_others_are_asked(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann",), only_assignees=True, escalations=((HOUR, ("boss",)),))
    assert run.reassign("bob", "cid", actor="ann") == "q:1"
    assert (run.question("q:1").assignees, run.question("q:1").escalation_level) == (["bob", "cid"], 0)
    assert run.audit[-1].public() == {
        "number": 2,
        "at": LATER,
        "kind": "reassigned",
        "interrupt_id": "q:1",
        "actor": "ann",
        "via": "update",
        "data": {"to": ["bob", "cid"], "before": ["ann"]},
    }
    assert refused(lambda: run.answer({}, actor="ann")).reason == "not_authorized"
    run.due("q:1")
    assert run.question("q:1").assignees == ["boss"], "what is due stays due"


def test_nobody_in_particular_is_asked(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann",))
    run.reassign()
    assert run.question("q:1").assignees == []
    run.answer({}, actor="anybody")


def test_who_cannot_be_asked(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann", "bob"), only_assignees=True, quorum=2, not_by=("eve", "mal"))
    run.answer({}, actor="ann")
    before = dump(run.engine)
    for to, says in [
        (["ann"], "1 more person must answer 'q:1', but nobody else may then: ask others."),
        ([], "Only who is asked may answer 'q:1'; say who that is to be."),
        (["bob", "eve", "mal"], "'eve', 'mal' may not answer 'q:1'; ask others."),
    ]:
        error = refused(lambda to=to: run.reassign(*to))
        assert (error.reason, error.errors[0]["loc"], error.message) == ("invalid", ["to"], says)
    assert dump(run.engine) == before
    run.reassign("ann", "cid")
    assert RunTask("q:1") in run.answer({}, actor="cid")[1]


def test_one_name_given_twice_is_one_person() -> None:
    run = begun(Run, assignees=("ann", "bob"), only_assignees=True, quorum=2)
    error = refused(lambda: run.reassign("cid", "cid"))
    assert error.message == "2 people must answer 'q:1', but only 'cid' may then: ask others."


def test_fewer_than_must_answer_can_be_asked_where_others_may_answer_too(new_run: Make) -> None:
    run = begun(new_run, assignees=("ann", "bob"), quorum=2)
    run.reassign("cid")
    assert (run.question("q:1").assignees, run.question("q:1").problem) == (["cid"], None)


# -- Forks ------------------------------------------------------------------------------------------------------------


def test_in_a_fork_its_time_begins_anew() -> None:
    run = begun(RecordedRun, timeout=4 * HOUR, every=3 * HOUR, assignees=("ann",), escalations=((HOUR, ("bob",)),))
    run.due("q:1")
    run.extend(by=HOUR)
    run.engine.fork(None, LATER)
    question = run.question("q:1")
    assert (question.created_at, question.assignees, question.escalation_level) == (LATER, ["ann"], 0)
    assert [item.what for item in question.due] == ["escalate", "remind", "expire"]
    assert question.deadline == hours(28)
    assert run.past[-1].kind == "forked"


def test_a_fork_that_cannot_ask_anew_does_not_begin() -> None:
    run = begun(RecordedRun, timeout=HOUR)
    run.functions.after = raising(ValueError("no working time"))
    before = dump(run.engine)
    error = refused(lambda: run.engine.fork(None, LATER))
    assert (error.reason, error.message) == (
        "invalid",
        "'q:1' cannot be asked anew at 2030-01-02T12:00:00+00:00: ValueError: no working time",
    )
    assert dump(run.engine) == before
    del run.functions.after
    assert len(run.past) == 1


def test_what_ends_the_runtime_ends_a_fork() -> None:
    run = begun(RecordedRun, timeout=HOUR)
    run.functions.after = raising(TheRuntimes())
    with pytest.raises(TheRuntimes):
        run.engine.fork(None, LATER)


def test_in_a_fork_the_time_of_an_answer_that_may_not_fit_begins_anew() -> None:
    """It is asked again, if its node does not take it; the other run's time would be up by then."""
    run = RecordedRun(CALL, toy("a", timeout=HOUR, assignees=("ann",), escalations=((HOUR / 2, ("bob",)),)))
    run.start()
    run.ask("a:1")
    run.due("a:1.0")
    run.answer({"iban": "XX"})
    run.reload()
    run.engine.fork(None, LATER)
    assert run.ask("a:1", 0, errors=[{"loc": [], "msg": "no such account", "type": "iban"}]) == [
        OpenInterrupt("a:1.0"),
        SetTimer("a:1.0"),
    ]
    question = run.question("a:1.0")
    assert (question.created_at, question.deadline, question.assignees) == (LATER, hours(25), ["ann"])
    assert [(item.what, item.at) for item in question.due] == [("escalate", hours(24.5)), ("expire", hours(25))]
    assert question.escalation_level == 0


def test_in_a_fork_a_time_that_was_up_stays_so() -> None:
    run = RecordedRun(CALL, toy("a", timeout=HOUR, on_timeout={"value": 7}))
    run.start()
    run.ask("a:1")
    run.due("a:1.0")
    run.reload()
    run.engine.fork(None, LATER)
    run.ask("a:1", 0, errors=[{"loc": [], "msg": "too little", "type": "amount"}])
    assert run.failure[2].startswith(f"Nobody answered 'a:1.0' by {hours(1)}.")


# -- Other calendars --------------------------------------------------------------------------------------------------


class Moved(Toy):
    """In its calendar all is so much later."""

    def __init__(self, by: float, **words: Any) -> None:
        super().__init__(policies={"q": Policy(calendar={"zone": "toy"}, **words).dump()})
        self.by = by

    def after(self, calendar: Any, since: str, seconds: float) -> str:
        assert calendar == {"zone": "toy"}
        return super().after(calendar, since, 10 * HOUR + seconds + self.by)


RULES: list[dict[str, Any]] = [
    {"every": HOUR / 3, "timeout": 2 * HOUR},
    {"every": 3 * HOUR, "escalations": ((4 * HOUR, ("bob",)), (5 * HOUR, ("cid",))), "timeout": 12 * HOUR},
    {"reminders": (HOUR, 1.5 * HOUR, 2.75 * HOUR), "escalations": ((HOUR, ("bob",)),), "timeout": 3 * HOUR},
    {"reminders": (2 * HOUR,), "escalations": ((HOUR, ("bob",)),), "timeout": hours(11.5)},
    {"every": HOUR, "escalations": ((2 * HOUR, ("bob",)), (9 * HOUR, ("cid",)))},
]


@pytest.mark.parametrize("extended", [None, {"by": HOUR}, {"until": hours(12.5)}, {"until": hours(11)}])
@pytest.mark.parametrize("late", [0, 0.4 * HOUR, 7 * HOUR, 1_000 * HOUR])
@pytest.mark.parametrize("moved", [-HOUR, -HOUR / 2, HOUR / 7, HOUR])
@pytest.mark.parametrize("rules", RULES)
def test_what_was_found_is_done_where_moments_are_others(
    rules: dict[str, Any], moved: float, late: float, extended: dict[str, Any] | None
) -> None:
    run, other = (RecordedRun(ONE, Moved(by, **rules, on_timeout={"value": {}})) for by in (0, moved))
    for each in (run, other):
        each.start(3)
        if extended is not None and "timeout" in rules:
            each.extend(**extended)
    for _ in range(20):
        if not run.open:
            break
        first = run.question("q:1").due
        if not first:
            break
        now = (datetime.fromisoformat(first[0].at) + timedelta(seconds=late)).isoformat()
        found = run.engine.find_due("q:1", now, first[0])
        commands = run.engine.come_due("q:1", now, first[0], found)
        assert other.engine.come_due("q:1", now, other.question("q:1").due[0], found) == commands
    assert done(other) == done(run) != []
    assert other.open == run.open
    assert len(other.past) == len(run.past)


def test_nothing_unusual_is_found_as_a_rule() -> None:
    run = RecordedRun(ONE, Moved(0, **RULES[0]))
    run.start(3)
    for _ in range(5):
        first = run.question("q:1").due[0]
        assert run.engine.find_due("q:1", first.at, first) == 0
        run.due("q:1")
    assert run.engine.find_due("q:1", run.question("q:1").due[0].at) > 0, "the last reminder comes with the end"
    assert run.engine.find_due("nobody:1", LATER) == 0
