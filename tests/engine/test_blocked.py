"""Tasks that cannot read what another release has left for them."""

from __future__ import annotations

from temporal_graph.engine import looking
from temporal_graph.engine.events import Failure, NodeBlocked, NodeFinished, Output, Run, SetTimer
from temporal_graph.engine.questions import Answer
from tests.engine.machine import enc
from tests.engine.test_steering import LATER, LINE, begun

WHY = "this release cannot read the state: owner: Field required"


def test_a_blocked_task_is_a_question_that_stays_open_while_it_is_tried_again() -> None:
    engine = begun(LINE, state={"n": 1}).engine
    engine.begin("a:1")
    engine.apply(NodeBlocked("a:1", Failure("a", "Outdated", WHY)), LATER)
    assert (engine.standing, engine.problem, list(engine.questions.open)) == ("blocked", WHY, ["a:1.blocked"])
    assert looking.standing(engine)["status"] == "blocked"
    [due] = engine.questions.open["a:1.blocked"].due
    assert due.what == "retry"
    assert SetTimer("a:1.blocked") in engine.come_due("a:1.blocked", due.at, due)
    assert (engine.ready, engine.standing) == (["a:1"], "running")
    engine.begin("a:1")
    engine.apply(NodeBlocked("a:1", Failure("a", "Outdated", WHY)), due.at)
    assert [entry.kind for entry in engine.questions.audit.entries] == ["asked"]
    assert Run("a:1") in engine.update({"n": 2}, None, due.at)
    engine.begin("a:1")
    engine.apply(NodeFinished("a:1", Output(enc("x")), []), due.at)
    assert (list(engine.questions.open), engine.ready) == ([], ["b:1"])


def test_it_can_be_told_to_try_again_or_to_give_up_also_while_it_is_tried() -> None:
    for action, status in (("retry", "running"), ("abort", "failed")):
        for is_tried in (False, True):
            engine = begun(LINE).engine
            engine.begin("a:1")
            engine.apply(NodeBlocked("a:1", Failure("a", "Outdated", WHY)), LATER)
            if is_tried:
                engine.come_due("a:1.blocked", LATER, engine.questions.open["a:1.blocked"].due[0])
                engine.begin("a:1")
            engine.answer(Answer("a:1.blocked", {"action": action}), LATER)
            assert (engine.status, engine.running, list(engine.questions.open)) == (status, 0, [])
