"""What the model-based test has found: the past of a run that went on from a snapshot can be told again and again."""

from __future__ import annotations

from typing import Any

from temporal_graph.engine.events import NodeDidOnce
from tests.engine.machine import NOW, RecordedRun, Toy, asking, graph, start, step

VOTE = Toy(policies={"q": {"quorum": 2}})


def test_a_vote_after_a_snapshot_is_one_vote_in_its_past() -> None:
    run = RecordedRun(graph(start("q"), asking("q"), step("a", None)), VOTE)
    run.start()
    run.reload()
    run.answer({}, "q:1", actor="ann", answer_id="a")
    run.answer({}, "q:1", actor="bob", answer_id="b")
    for _ in range(2):
        assert [checkpoint.kind for checkpoint in run.past] == ["answered"]


def test_what_was_done_once_after_a_snapshot_is_not_done_before_it() -> None:
    run = RecordedRun(graph(start("a"), step("a", None)))
    run.start()
    run.engine.begin("a:1")
    run.engine.apply(NodeDidOnce("a:1", "reserve", 0), NOW)
    run.ask("a:1")
    run.reload()
    run.answer("so")
    run.engine.begin("a:1")
    run.engine.apply(NodeDidOnce("a:1", "charge", 1), NOW)
    run.ask("a:1", 1)
    for _ in range(2):
        first: Any = next(iter(run.recorder.checkpoints()))[1]
        assert first.tasks["a:1"].once == {"reserve": 0}
        assert [checkpoint.kind for checkpoint in run.past] == ["answered", "interrupt_opened"]
