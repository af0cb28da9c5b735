"""What one event takes grows with what waits, not with its square: cancelling, failing, answering, looking back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine import looking, snapshot
from temporal_graph.engine.events import Encoded, Failure, NodeFailed, NodeFinished, Output, Start
from temporal_graph.engine.questions import Answer, Refused
from temporal_graph.engine.recording import RecordingEngine
from temporal_graph.engine.shortened import shorten, whole
from temporal_graph.engine.spec import GraphSpec
from tests.engine.growing import MOST, growth
from tests.engine.machine import NOW, Toy, asking, graph, join, mapping, start, step

ASKING = graph(start("m"), mapping("m", "q"), asking("q"))
WORKING = graph(start("m"), mapping("m", "w"), step("w", "all"), join("all", "m", "w"))
VOTING = graph(start("q"), asking("q"))
TIMED = {"timeout": 60.0, "on_timeout": {"value": {"approved": False}}}


def begun(spec: GraphSpec, value: Any, **functions: Any) -> RecordingEngine:
    """A run that has just begun."""
    engine = RecordingEngine(spec, Toy(**functions))
    engine.apply(Start(Encoded(json.dumps(value))), NOW)
    return engine


def many(count: int, **functions: Any) -> RecordingEngine:
    """A run with so many open questions."""
    return begun(ASKING, [{} for _ in range(count)], **functions)


def running(count: int, **functions: Any) -> RecordingEngine:
    """A run with so many nodes that run."""
    engine = begun(WORKING, list(range(count)), **functions)
    for task_id in engine.ready:
        engine.begin(task_id)
    return engine


def answers(count: int) -> list[Answer]:
    return [
        Answer(f"q:{number + 1}", {"approved": True}, actor="ann", answer_id=f"id {number}") for number in range(count)
    ]


def always(_: Any) -> bool:
    return True


def finish(engine: RecordingEngine, count: int) -> None:
    for number in range(count):
        engine.apply(NodeFinished(f"w:{number + 1}", Output(Encoded(str(number))), []), NOW)


def vote(engine: RecordingEngine, count: int) -> None:
    for number in range(count):
        answer = Answer("q:1", {"approved": True}, actor=f"voter {number}", answer_id=f"id {number}")
        engine.check(answer)
        engine.answer(answer, NOW)
        engine.questions.open["q:1"].public()


def reject(engine: RecordingEngine, count: int) -> None:
    for _ in range(count):
        with pytest.raises(Refused):
            engine.check(Answer("nobody:1", 1))
        engine.reject({"interrupt_id": "nobody:1"}, Refused("unknown_interrupt", "There is no such question."), NOW)


def time_out(engine: RecordingEngine, count: int) -> None:
    for number in range(count):
        engine.come_due(f"q:{number + 1}", "2030-01-01T12:01:00+00:00")


def _looked_back(count: int) -> Callable[[], object]:
    engine = running(count)
    finish(engine, count)
    return lambda: list(engine.checkpoints())


def _reloaded(count: int) -> Callable[[], object]:
    engine = many(count)
    data = snapshot.dump(engine)
    return lambda: (snapshot.dump(engine), snapshot.load(data, ASKING, Toy()))


def _compressed(count: int) -> Callable[[], object]:
    data = snapshot.dump(many(count))
    return lambda: whole(shorten(data))


def with_engine(
    make: Callable[[int], RecordingEngine], do: Callable[[RecordingEngine, int], object]
) -> Callable[[int], Callable[[], object]]:
    """Something that is done to a run of a size."""

    def made(count: int) -> Callable[[], object]:
        engine = make(count)
        return lambda: do(engine, count)

    return made


WORK: dict[str, Callable[[int], Callable[[], object]]] = {
    "begin with questions": lambda count: lambda: many(count),
    "cancel": with_engine(many, lambda engine, _: engine.cancel(NOW)),
    "fail": with_engine(many, lambda engine, _: engine.fail(Failure("q", "ValueError", "no"))),
    "a node fails beside others": with_engine(
        running, lambda engine, _: engine.apply(NodeFailed("w:1", Failure("w", "ValueError", "no")), NOW)
    ),
    "check all": with_engine(many, lambda engine, count: engine.check_all(answers(count))),
    "answer all": with_engine(many, lambda engine, count: engine.answer_all(answers(count), NOW)),
    "answer one by one": with_engine(many, lambda engine, count: [engine.answer(a, NOW) for a in answers(count)]),
    "vote": with_engine(lambda count: begun(VOTING, {}, policies={"q": {"quorum": count + 1}}), vote),
    "reject": with_engine(many, reject),
    "time out": with_engine(lambda count: many(count, policies={"q": TIMED}), time_out),
    "finish": with_engine(running, finish),
    "cancel siblings": with_engine(lambda count: running(count, cancels=always), lambda engine, _: finish(engine, 1)),
    "look": with_engine(many, lambda engine, _: (looking.standing(engine), looking.stopped(engine))),
    "look back": _looked_back,
    "write down and read": _reloaded,
    "compress and read": _compressed,
}


@pytest.mark.parametrize("name", WORK)
def test_the_work_grows_with_what_waits(name: str) -> None:
    assert growth(WORK[name], 250) < MOST
