"""What has been taken, or refused, stays so, whatever the release of the graph at hand says to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine.breakpoints import Breakpoints
from temporal_graph.engine.events import Failure, NodeFailed, Start
from temporal_graph.engine.questions import Answer, Refused
from temporal_graph.engine.recording import RecordingEngine
from temporal_graph.engine.spec import StepSpec
from tests.engine.machine import LATER, NOW, Toy, asking, enc, graph, path, read, start, step

SPEC = graph(start("a"), StepSpec("a", path("a", "q"), asks_on_failure=True), asking("q"), step("b", None))


def begun(*, fails: bool = False) -> RecordingEngine:
    """A run that waits for what a person says to its node's failure, or to its node."""
    engine = RecordingEngine(SPEC, Toy())
    engine.apply(Start(enc({}), {"n": 1}, "a" if fails else "q"), NOW)
    if fails:
        engine.begin("a:1")
        engine.apply(NodeFailed("a:1", Failure("a", "ValueError", "broken")), NOW)
    return engine


def answering(**words: Any) -> Callable[[RecordingEngine], object]:
    return lambda engine: engine.answer(Answer(**words), LATER, "signal")


SENT: list[tuple[bool, Callable[[RecordingEngine], object]]] = [
    (True, answering(value={"action": "retry", "inputs": "unfit"})),
    (True, answering(value={"action": "skip", "output": "unfit"})),
    (True, answering(goto={"node_id": "b", "data": "unfit"})),
    (False, answering(goto={"node_id": "b", "data": "unfit"})),
    (False, answering(state_update={"m": 2}, value={"approved": True})),
    (False, lambda engine: engine.update({"m": 2}, None, LATER, via="signal")),
    (False, lambda engine: engine.set_breakpoints(Breakpoints(("gone", "b")), LATER, "signal")),
]


@pytest.mark.parametrize(("fails", "send"), SENT)
def test_what_was_taken_is_taken(fails: bool, send: Callable[[RecordingEngine], object]) -> None:
    engine = begun(fails=fails)
    with pytest.raises(Refused):
        send(engine)
    engine.judge = lambda via, fits: True
    send(engine)
    state, next_nodes = engine.state, engine.next_nodes
    engine.judge = lambda via, fits: fits
    last = None
    for checkpoint, past in engine.checkpoints():
        last = checkpoint.number, past.state, past.next_nodes
    assert last == (engine.checkpoint, state, next_nodes)


def test_what_was_refused_is_refused() -> None:
    engine = begun()
    engine.judge = lambda via, fits: False
    for send in (
        answering(value={"approved": True}),
        lambda engine: engine.update({"n": 2}, None, LATER, via="signal"),
        lambda engine: engine.set_breakpoints(Breakpoints(("b",)), LATER, "signal"),
    ):
        with pytest.raises(Refused, match="has refused it"):
            send(engine)
    assert engine.state == {"n": 1}
    engine.check(Answer(value={"approved": True}))  # which only looks
    engine.judge = lambda via, fits: fits
    engine.answer(Answer(value={"approved": True}), LATER, "signal")
    assert read(engine.tasks["q:1"].value) == {"was": {}, "approved": True}
    assert [checkpoint.kind for checkpoint, _ in engine.checkpoints()] == ["started", "answered"]


def test_an_early_answer_is_judged_when_its_question_opens() -> None:
    asked: list[tuple[str, bool]] = []

    def judge(via: str, fits: bool) -> bool:
        asked.append((via, fits))
        return fits == (via == "update")

    for value, is_open in (({"approved": True}, True), ("unfit", False)):
        engine = RecordingEngine(SPEC, Toy())
        engine.apply(Start(enc({}), {"n": 1}, "q", breakpoints=Breakpoints(("q",))), NOW)
        engine.answer(Answer("q:1", value), LATER, "update")
        engine.judge = judge
        engine.answer(Answer("q:1.before", has_value=False), LATER, "update")
        assert ("q:1" in engine.questions.open, len(engine.questions.rejected)) == (is_open, is_open)
    assert asked == [("update", True), ("early", True), ("update", True), ("early", False)]
