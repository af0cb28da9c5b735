"""Questions of a call: their ids, with a key and without; and by what a node knows them when it runs again."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph.engine.events import OpenInterrupt
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.questions import name_of, parts_of
from temporal_graph.engine.snapshot import dump, load
from temporal_graph.messages import Question, dump_input, dump_result, load_input, load_result, node_input
from tests.engine.machine import Run, graph, refused, start, step

CALL = graph(start("a"), step("a", None), step("b", None))
DOUBT = [{"loc": [], "msg": "doubtful", "type": "doubt"}]


def started() -> Run:
    run = Run(CALL)
    run.start()
    return run


# -- Ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interrupt_id", "parts"),
    [
        ("a:1", ("a", 1, None)),
        ("a:1.0", ("a", 1, 0)),
        ("a:12:0", ("a", 12, "0")),
        ("a:1:delete: b.txt, 3:4.5", ("a", 1, "delete: b.txt, 3:4.5")),
        ("a:1:before", ("a", 1, "before")),
        ("a:1.before", ("a", None, None)),
        ("a:1.failure-2", ("a", None, None)),
        ("part of:a.b:2.3", ("part of:a.b", 2, 3)),
        ("a:x", ("", None, None)),
        ("a:1:", ("", None, None)),
        ("", ("", None, None)),
    ],
)
def test_the_parts_of_an_id(interrupt_id: str, parts: tuple[str, int | None, int | str | None]) -> None:
    assert parts_of(interrupt_id) == parts
    node_id, visit, position = parts
    if position is not None:
        assert name_of(f"{node_id}:{visit}", position) == interrupt_id


def test_a_question_with_a_key() -> None:
    run = started()
    assert run.ask("a:1", "b.txt: 1") == [OpenInterrupt("a:1:b.txt: 1")]
    run.answer("yes", "a:1:b.txt: 1")
    assert run.engine.begin("a:1").answers == {"b.txt: 1": "yes"}
    assert refused(lambda: run.answer("no", "a:1:b.txt: 1")).reason == "already_answered"
    # A number as a key is not the number of a question.
    assert run.ask("a:1", "0") == [OpenInterrupt("a:1:0")]
    run.answer("yes", "a:1:0")
    assert run.ask("a:1", 0) == [OpenInterrupt("a:1.0")]


def test_answers_ahead() -> None:
    run = started()
    run.answer("C", "a:1:c")
    run.answer("later", "a:2:c")
    run.answer_all({"a:1:d": "D", "a:1.0": "first"})
    assert refused(lambda: run.answer("other", "a:1:c")).reason == "already_answered"
    assert refused(lambda: run.answer_all({"a:3:c": 1, "a:1:e": 2})).reason == "unknown_interrupt"
    assert refused(lambda: run.answer(1, "q:1:c")).reason == "unknown_interrupt"
    for key in ("d", "c"):
        assert run.ask("a:1", key) == [RunTask("a:1")]
    assert run.ask("a:1", 0) == [RunTask("a:1")]
    assert run.engine.begin("a:1").answers == {"d": "D", "c": "C", 0: "first"}


def test_a_lower_number_may_still_come() -> None:
    run = started()
    run.ask("a:1", 1)
    run.answer("B", "a:1.1")
    run.answer("A", "a:1.0")
    assert run.ask("a:1", 0, mark={"shown": "x"}) == [RunTask("a:1")]


def test_a_question_that_was_withdrawn_is_not_asked_any_more() -> None:
    run = started()
    run.ask("a:1", "slow", mark={"shown": "x"})
    run.reload()
    run.answer("late", "a:1:slow")
    run.reload()
    run.engine.questions.accepted.clear()
    assert refused(lambda: run.answer("again", "a:1:slow")).reason == "closed"


# -- Marks ------------------------------------------------------------------------------------------------------------


def test_a_mark_comes_back_with_the_answer() -> None:
    run = started()
    run.ask("a:1", 0, mark={"shown": "x"})
    run.reload()
    run.answer("so")
    assert run.engine.begin("a:1").marks == {0: {"shown": "x"}}
    run.ask("a:1", "key", mark={"shown": "y"}, met=(0, 7))
    run.answer("so")
    written = dump(run.engine)
    run.reload()
    assert dump(run.engine) == written
    assert run.engine.begin("a:1").marks == {0: {"shown": "x", "met": True}, "key": {"shown": "y"}}


def test_an_answer_that_changes_the_state() -> None:
    run = Run(CALL)
    run.start(state={"n": 0})
    run.ask("a:1", 0, mark={"shown": "x"})
    run.answer("so", state_update={"n": 1})
    run.ask("a:1", 1)
    run.answer("so", state_update={"n": 2})
    assert run.engine.begin("a:1").marks == {0: {"shown": "x", "edited": True, "edits": 1}, 1: {}}


def test_a_fork_that_changes_the_state() -> None:
    for update, edited in (({"n": 1}, {"edited": True}), (None, {})):
        run = Run(CALL)
        run.start(state={"n": 0})
        run.ask("a:1", 0, mark={"shown": "x"})
        run.reload()
        run.engine.fork(update, "2030-01-02T12:00:00+00:00")
        run.answer("so")
        assert run.engine.begin("a:1").marks == {0: {"shown": "x", **edited}}


def test_no_answer_is_forgotten_when_another_question_comes() -> None:
    run = started()
    for position in (1, "key", 0):
        run.ask("a:1", position, mark={"shown": str(position)})
        run.answer(position)
    assert run.engine.begin("a:1").answers == {1: 1, "key": "key", 0: 0}
    assert run.ask("a:1", 0, errors=DOUBT, mark={"shown": "0"}) == [OpenInterrupt("a:1.0")]
    assert run.engine.tasks["a:1"].answers == {1: 1, "key": "key"}


def test_answers_that_are_known_by_number_alone() -> None:
    """Of an earlier release: what comes after a question that is asked anew is another one."""
    run = started()
    for position in (0, 1, 2):
        run.ask("a:1", position, mark={"shown": "x"} if position == 2 else None)
        run.answer(position)
    run.ask("a:1", 0)
    assert run.engine.tasks["a:1"].answers == {2: 2}


def test_a_question_crosses_to_the_driver_and_back() -> None:
    run = started()
    mark: dict[str, Any] = {"shown": "x", "place": "here"}
    text = dump_result(Question("é: 1", None, None, mark=mark, met=(0, 1)))
    event = load_result("a:1", text, {})
    run.ask("a:1", 0, mark={"shown": "y"})
    run.answer(1)
    run.engine.begin("a:1")
    run.engine.apply(event, "2030-01-01T12:00:00+00:00")
    run.answer("so")
    given = load_input(dump_input(node_input(run.engine.begin("a:1"), None)))
    assert given.answers == {0: 1, "é: 1": "so"}
    assert given.marks == {0: {"shown": "y", "met": True}, "é: 1": mark}


def test_what_an_earlier_release_wrote() -> None:
    text = '{"interrupt":{"position":0,"value":"Well?"}}'
    run = started()
    run.engine.begin("a:1")
    run.engine.apply(load_result("a:1", text, {}), "2030-01-01T12:00:00+00:00")
    run.answer("so")
    written = dump(run.engine)
    del written["tasks"][0]["marks"]
    run.engine = load(written, run.engine.spec, run.functions, run.plan)
    assert run.engine.begin("a:1").answers == {0: "so"}
    assert load_input('{"task":"a:1","answers":[[0,"so"]]}').marks == {}
