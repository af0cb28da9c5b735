"""An engine that tells its past: what is a checkpoint, what it says, and that the past comes to where the run is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine.engine import EngineError
from temporal_graph.engine.events import Failure, NodeFinished, Output, Start
from temporal_graph.engine.questions import Answer, Refused
from temporal_graph.engine.recording import Checkpoint, RecordingEngine
from temporal_graph.engine.snapshot import dump, load
from temporal_graph.engine.spec import END
from temporal_graph.engine.state import Plan
from tests.engine.machine import (
    LATER,
    NOW,
    RecordedRun,
    Toy,
    asking,
    breaks,
    enc,
    fork,
    graph,
    join,
    read,
    refused,
    start,
    step,
    told,
)

ONE = graph(start("q"), asking("q"), step("a", None))
LINE = graph(start("a"), step("a", "b"), step("b"))
BOTH = graph(
    start("f"),
    fork("f", "a", "b", "q"),
    step("a", "j"),
    step("b", "j"),
    asking("q"),
    join("j", "f", "a", "b", "q", to="z"),
    step("z"),
)


def begun(spec: Any, value: Any = None, **words: Any) -> RecordedRun:
    run = RecordedRun(spec)
    run.start(value, **words)
    return run


def kinds(run: RecordedRun) -> list[tuple[str, str | None]]:
    return [(checkpoint.kind, checkpoint.node_id) for checkpoint in run.past]


# -- What a checkpoint says -------------------------------------------------------------------------------------------


def test_a_run_tells_what_happened() -> None:
    run = begun(ONE, 3, state={"n": 0})
    run.answer({}, state_update={"n": 1})
    run.finish("q:1", to="a", delta=[["set", ["n"], 2]])
    run.ask("a:1")
    run.update(n=3)
    run.answer("so", "a")
    run.finish("a:1", "out", to=END)
    assert run.past == [
        Checkpoint(1, "started", None, NOW, [["set", [], {"n": 0}]], ["q"], ["q:1"], "waiting"),
        Checkpoint(2, "answered", "q", LATER, [["set", ["n"], 1]], ["q"], [], "running"),
        Checkpoint(3, "node_finished", "q", NOW, [["set", ["n"], 2]], ["a"], [], "running"),
        Checkpoint(4, "interrupt_opened", "a", NOW, [], ["a"], ["a:1.0"], "waiting"),
        Checkpoint(5, "state_updated", None, LATER, [["set", ["n"], 3]], ["a"], ["a:1.0"], "waiting"),
        Checkpoint(6, "answered", "a", LATER, [], ["a"], [], "running"),
        Checkpoint(7, "node_finished", "a", NOW, [], [], [], "finished"),
    ]


def test_a_run_tells_why_it_failed_or_was_cancelled() -> None:
    run = begun(LINE)
    run.fail("a:1")
    assert kinds(run) == [("started", None), ("node_failed", "a")]
    assert run.past[-1].status == "failed"
    run = begun(LINE)
    run.engine.fail(Failure(END, "TooLarge", "too large"))
    assert kinds(run) == [("started", None), ("failed", None)]
    run = begun(ONE)
    run.engine.cancel(LATER)
    assert kinds(run) == [("started", None), ("cancelled", None)]
    assert (run.past[-1].status, run.past[-1].interrupts, run.past[-1].next) == ("cancelled", [], [])


def test_a_start_that_fails_is_told() -> None:
    run = begun(LINE, node_id="nowhere")
    assert [(checkpoint.kind, checkpoint.status) for checkpoint in run.past] == [("started", "failed")]


@pytest.mark.parametrize(
    ("end", "at"),
    [
        pytest.param(lambda run: run.engine.cancel(LATER), LATER, id="cancelled"),
        pytest.param(lambda run: run.engine.fail(Failure(END, "T", "t")), None, id="failed"),
    ],
)
def test_what_has_no_time_of_its_own_has_none(end: Callable[[RecordedRun], object], at: str | None) -> None:
    run = begun(LINE)
    end(run)
    assert [checkpoint.at for checkpoint in run.past] == [NOW, at]


def test_what_changes_nothing_is_no_checkpoint() -> None:
    run = begun(BOTH, breakpoints=breaks(before=["z"])["breakpoints"])
    run.engine.pause(True)
    run.engine.pause(False)
    run.engine.begin("a:1")
    run.engine.release("a:1")
    run.stop(before=["a"])
    run.answer({}, "q:2")  # kept ahead
    run.engine.reject("?", Refused("invalid", "?"), LATER)
    assert refused(lambda: run.answer("no object", "q:1")).reason == "invalid"
    run.engine.apply(NodeFinished("gone:1", Output(enc(1)), []), LATER)
    assert kinds(run) == [("started", None)]
    run.answer({}, "q:1", answer_id="click")
    run.answer({}, "q:1", answer_id="click")
    assert kinds(run) == [("started", None), ("answered", "q")]


def test_an_answer_kept_ahead_is_part_of_what_opened_its_question() -> None:
    run = begun(ONE)
    run.answer({"n": 2}, "q:2")
    run.answer({}, "q:1")
    run.finish("q:1", to="q")
    assert [(checkpoint.kind, checkpoint.interrupts) for checkpoint in run.past] == [
        ("started", ["q:1"]),
        ("answered", []),
        ("node_finished", []),
    ]


@pytest.mark.parametrize("name", ["a:1", None])
def test_a_node_that_asks_nothing_and_is_sent_on_is_named(name: str | None) -> None:
    run = begun(LINE)
    run.goto("b", interrupt_id=name)
    checkpoint = run.past[-1]
    assert (checkpoint.kind, checkpoint.next) == ("answered", ["b"])
    assert checkpoint.node_id == "a"


def test_several_answers_are_one_checkpoint() -> None:
    run = begun(BOTH, breakpoints=breaks(before=["a"])["breakpoints"])
    run.answer_all({"a:1.before": None, "q:1": {}})
    assert [(checkpoint.kind, checkpoint.node_id, checkpoint.interrupts) for checkpoint in run.past] == [
        ("started", None, ["a:1.before", "q:1"]),
        ("answered", "a", []),
    ]


def test_no_answers_at_all_are_no_part_of_the_past() -> None:
    run = begun(BOTH)
    assert run.answer_all({}) == ([], [])
    assert kinds(run) == [("started", None)]


def test_changes_are_told_with_the_plan_of_the_state() -> None:
    run = RecordedRun(LINE, plan=Plan(fields={"tags": Plan("set"), "pairs": Plan("pairs")}))
    run.start(state={"tags": ["x"], "pairs": [[1, 0], [2, 0]]})
    run.update(tags=["x", "y"], pairs=[[1, 5], [2, 0]])
    assert run.past[-1].changes == [["add", ["tags"], ["y"]], ["set", ["pairs", "1"], 5]]


# -- Telling it -------------------------------------------------------------------------------------------------------


def test_a_run_that_has_not_begun_has_no_past() -> None:
    run = RecordedRun(LINE)
    assert (run.past, run.recorder.origin) == ([], (0, None))
    run.answer("early", "a:1.0")
    assert run.past == []


def test_telling_it_changes_nothing_and_can_be_done_again() -> None:
    run = begun(BOTH, state={"n": 0})
    run.engine.begin("a:1")
    before = dump(run.engine)
    first = run.past
    assert run.past == first
    assert (dump(run.engine), run.engine.running) == (before, 1)
    run.finish("a:1")
    assert run.past[: len(first)] == first


def test_each_checkpoint_comes_with_the_run_of_then() -> None:
    run = begun(BOTH, state={"n": 0})
    written = [json.dumps(dump(run.engine))]
    for task_id in ("b:1", "a:1"):
        run.finish(task_id, task_id, delta=[["set", ["n"], len(written)]])
        written.append(json.dumps(dump(run.engine)))
    assert [text for _, text in told(run.recorder)] == written
    then = load(json.loads(written[1]), run.engine.spec, run.functions)
    assert (then.ready, then.state) == (["a:1"], {"n": 1})


def test_it_is_told_while_it_goes_on() -> None:
    run = begun(LINE)
    telling = run.recorder.checkpoints()
    assert next(telling)[0].kind == "started"
    run.finish("a:1", 1)
    assert next(telling)[0].kind == "node_finished"
    with pytest.raises(StopIteration):
        next(telling)


def test_a_refused_call_is_no_part_of_the_past() -> None:
    run = begun(ONE, state={"n": 0})
    for call in (
        lambda: run.answer("no object"),
        lambda: run.answer_all({"q:1": {}, "nobody:1": {}}),
        lambda: run.update(m=1),
        lambda: run.update(n=1, expected_version=9),
        lambda: run.stop(before=["nowhere"]),
        lambda: run.goto("nowhere"),
    ):
        refused(call)
    run.engine.cancel(LATER)
    assert kinds(run) == [("started", None), ("cancelled", None)]


def test_a_version_that_was_expected_is_not_asked_for_again() -> None:
    run = begun(LINE, state={"n": 0})
    run.update(n=1, expected_version=0)
    run.update(n=2, expected_version=1)
    assert [checkpoint.changes for checkpoint in run.past[1:]] == [[["set", ["n"], 1]], [["set", ["n"], 2]]]


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(lambda run: run.engine.apply(Start(enc(1)), NOW), id="starts twice"),
        pytest.param(lambda run: run.engine.begin("a:1"), id="begins twice"),
        pytest.param(lambda run: run.engine.resume("a:1"), id="goes on while it runs"),
        pytest.param(lambda run: run.engine.apply(NodeFinished("b:1", Output(enc(1)), []), NOW), id="has not begun"),
    ],
)
def test_a_mistake_of_the_shell_does_not_make_the_past_unreadable(mistake: Callable[[RecordedRun], object]) -> None:
    run = begun(BOTH)
    run.engine.begin("a:1")
    with pytest.raises(EngineError):
        mistake(run)
    run.finish("a:1")
    assert kinds(run) == [("started", None), ("node_finished", "a")]


# -- From a snapshot --------------------------------------------------------------------------------------------------


def test_the_numbers_go_on_from_a_snapshot() -> None:
    run = begun(BOTH, state={"n": 0})
    run.finish("a:1", delta=[["set", ["n"], 1]])
    run.reload()
    assert (run.recorder.origin, run.past) == ((2, {"n": 1}), [])
    run.update(n=2)
    run.finish("b:1")
    run.answer({}, "q")
    assert [(c.number, c.kind, c.changes) for c in run.past] == [
        (3, "state_updated", [["set", ["n"], 2]]),
        (4, "node_finished", []),
        (5, "answered", []),
    ]
    run.reload()
    run.finish("q:1", to="j")
    assert [checkpoint.number for checkpoint in run.past] == [6]


def test_what_is_done_first_after_a_snapshot_may_have_no_time() -> None:
    run = begun(ONE)
    run.reload()
    run.engine.fail(Failure(END, "T", "t"))
    assert [(checkpoint.number, checkpoint.at) for checkpoint in run.past] == [(2, None)]


def test_the_snapshot_of_an_earlier_release_begins_at_nought() -> None:
    run = begun(ONE, state={"n": 0})
    written = dump(run.engine)
    for name in ("checkpoint", "state_version", "paused", "breakpoints"):
        del written[name]
    for task in written["tasks"]:
        del task["answered"], task["held"]
    old = RecordedRun(ONE, origin=written)
    assert old.recorder.origin == (0, {"n": 0})
    assert (old.engine.shared.version, old.engine.paused, old.engine.breakpoints.before) == (0, False, ())
    old.answer({"n": 1})
    assert [(checkpoint.number, checkpoint.kind) for checkpoint in old.past] == [(1, "answered")]
    assert read(old.engine.begin("q:1").value) == {"was": None, "n": 1}


def test_an_answered_node_of_an_earlier_release_does_not_ask_again() -> None:
    run = begun(ONE)
    run.answer({"n": 1})
    written = dump(run.engine)
    del written["tasks"][0]["answered"]
    old = RecordedRun(ONE, origin=written)
    old.stop(before=["q"])
    old.answer(interrupt_id="q:1.before")
    assert (old.open, old.engine.ready) == ([], ["q:1"])


def test_a_snapshot_stays_what_it_is_while_the_run_goes_on() -> None:
    """Another run may have begun with it, in the same process, and tells its past from it."""
    run = begun(BOTH)
    run.answer({}, "q:1")
    run.finish("a:1", "a")
    run.engine.reject("first", Refused("invalid", "?"), NOW)
    run.ask("b:1")
    written = dump(run.engine)
    before = json.dumps(written)
    other = RecordedRun(BOTH, origin=written)
    for each in (run, other):
        each.engine.reject("second", Refused("invalid", "?"), NOW)
        each.answer("so", "b:1.0")
        each.finish("b:1", "b")
        each.finish("q:1", "q", to="j")
    assert json.dumps(written) == before
    assert [checkpoint.kind for checkpoint in other.past] == ["answered", "node_finished", "node_finished"]


def test_the_record_is_of_what_was_done_and_not_of_who_asked() -> None:
    """`answer` of the base class goes through `answer_all`: it must not be remembered twice."""
    engine = RecordingEngine(ONE, Toy())
    engine.apply(Start(enc(1)), NOW)
    engine.answer(Answer("q:1", {}), LATER)
    assert [checkpoint.kind for checkpoint, _ in told(engine)] == ["started", "answered"]
