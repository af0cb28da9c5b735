"""Breakpoints: where a run stops for people whatever its nodes say, and how it goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine.breakpoints import ANY, NO_BREAKPOINTS, Breakpoints
from temporal_graph.engine.engine import EngineError
from temporal_graph.engine.events import Cancel, CloseInterrupt, Encoded, Fail, Finish, OpenInterrupt, Output
from temporal_graph.engine.events import Run as RunTask
from temporal_graph.engine.snapshot import SnapshotError, dump, load
from temporal_graph.engine.spec import END, START, GraphSpec
from tests.engine.machine import (
    LATER,
    NOW,
    RecordedRun,
    Run,
    Toy,
    asking,
    breaks,
    decision,
    enc,
    fork,
    graph,
    join,
    mapping,
    raising,
    read,
    refused,
    start,
    step,
)

LINE = graph(start("a"), step("a", "b"), step("b"))
ONE = graph(start("q"), asking("q"), step("a", None))
BOTH = graph(
    start("f"), fork("f", "a", "b"), step("a", "j"), step("b", "j"), join("j", "f", "a", "b", to="z"), step("z")
)
EACH = graph(start("m"), mapping("m", "a"), step("a", "j"), join("j", "m", "a", to="z"), step("z"))


def begun(spec: GraphSpec, before: Any = (), after: Any = (), value: Any = None, **words: Any) -> Run:
    run = Run(spec, words.pop("functions", None))
    run.start(value, **breaks(before, after), **words)
    return run


# -- Before a node ----------------------------------------------------------------------------------------------------


def test_a_run_stops_before_a_node() -> None:
    run = Run(LINE)
    assert run.start(3, **breaks(before=["b"])) == [RunTask("a:1")]
    assert run.finish("a:1", 4) == [OpenInterrupt("b:1.before")]
    (question,) = run.engine.questions.open.values()
    assert question.public() == {
        "interrupt_id": "b:1.before",
        "node_id": "b",
        "kind": "before",
        "value": "b",
        "response_schema": None,
        "created_at": NOW,
        "deadline": None,
        "assignees": [],
        "escalation_level": 0,
        "answers": [],
        "quorum": 1,
        "problem": None,
    }
    assert (run.engine.ready, run.engine.is_stopped, run.engine.standing) == ([], True, "waiting")
    assert run.engine.next_nodes == ["b"]


@pytest.mark.parametrize("value", [None, "go", {"any": 1}])
@pytest.mark.parametrize("interrupt_id", [None, "a:1.before", "a"])
def test_it_goes_on_with_any_value_and_without_one(value: Any, interrupt_id: str | None) -> None:
    run = begun(LINE, before=["a"], value=3)
    accepted, commands = run.answer(value, interrupt_id, actor="ann")
    assert (accepted.interrupt_id, accepted.actor, commands) == ("a:1.before", "ann", [RunTask("a:1")])
    assert read(run.engine.begin("a:1").value) == 3, "the value is not the node's"
    assert run.engine.tasks["a:1"].answers == {}


def test_it_goes_on_once() -> None:
    run = begun(LINE, before=["a"])
    run.answer(interrupt_id="a:1.before", answer_id="click")
    assert run.answer(interrupt_id="a:1.before", answer_id="click")[1] == []
    error = refused(lambda: run.answer(interrupt_id="a:1.before"))
    assert (error.reason, error.message) == ("already_answered", f"'a:1.before' was answered at {LATER}.")


def test_an_answer_to_a_breakpoint_cannot_come_early() -> None:
    run = begun(LINE, before=["b"])
    error = refused(lambda: run.answer(interrupt_id="b:1.before"))
    assert error.reason == "unknown_interrupt"


def test_the_state_can_be_edited_while_it_stands_there() -> None:
    run = begun(LINE, before=["a"], state={"n": 1})
    run.update(n=2)
    run.answer(state_update={"n": run.engine.state["n"] + 1})
    assert run.engine.begin("a:1").state == {"n": 3}


def test_an_interrupt_node_stops_before_it_asks_and_then_asks() -> None:
    run = begun(ONE, before=["q"], value=3)
    assert run.open == ["q:1.before"]
    assert run.answer("anything")[1] == [OpenInterrupt("q:1")]
    assert run.engine.questions.open["q:1"].public()["value"] == {"shown": 3}
    assert refused(lambda: run.answer("anything")).reason == "invalid"
    assert run.answer({"n": 1})[1] == [RunTask("q:1")]
    assert read(run.engine.begin("q:1").value) == {"was": 3, "n": 1}


def test_an_answer_kept_for_its_own_question_is_taken_behind_the_breakpoint() -> None:
    run = begun(ONE, before=["q"])
    run.answer({}, "q:1.before")
    run.answer({}, "q:1")
    run.answer({"n": 2}, "q:2")
    run.finish("q:1", "again", to="q")
    assert run.open == ["q:2.before"], "an early answer answers the question, and not the breakpoint"
    assert run.answer()[1] == [RunTask("q:2")]
    assert read(run.engine.begin("q:2").value) == {"was": "again", "n": 2}


def test_an_answer_to_its_own_question_that_comes_at_the_breakpoint_is_kept() -> None:
    run = begun(ONE, before=["q"])
    run.answer({"n": 1}, "q:1")
    assert run.open == ["q:1.before"]
    assert run.answer(interrupt_id="q:1.before")[1] == [RunTask("q:1")]
    assert read(run.engine.begin("q:1").value) == {"was": None, "n": 1}


def test_a_node_that_is_started_with_its_answer_stops_and_does_not_ask() -> None:
    run = Run(ONE)
    assert run.start(3, node_id="q", is_answer=True, **breaks(before=["q"])) == [OpenInterrupt("q:1.before")]
    run.reload()
    assert run.answer()[1] == [RunTask("q:1")]


def test_every_node() -> None:
    run = begun(LINE, before=[ANY], after=[ANY])
    stops: list[str] = []
    while run.engine.status == "running":
        stops += run.open
        run.answer()
        for task_id in run.engine.ready:
            run.finish(task_id, task_id)
    assert stops == ["a:1.before", "a:1.after", "b:1.before", "b:1.after"]
    assert run.output == "b:1"


def test_several_tokens_stop_each_for_itself() -> None:
    run = begun(BOTH, before=["a", "b", "z"])
    assert run.open == ["a:1.before", "b:1.before"]
    assert refused(run.answer).message == (
        "2 questions are open. Say which with interrupt_id: 'a:1.before', 'b:1.before'."
    )
    run.answer(interrupt_id="b")
    run.finish("b:1", "b")
    run.reload()
    assert run.open == ["a:1.before"], "the join waits for what stands at a breakpoint"
    run.answer()
    assert run.finish("a:1", "a") == [OpenInterrupt("z:1.before")]
    run.answer()
    assert read(run.engine.begin("z:1").value) == ["b", "a"]


def test_each_item_of_a_map_stops() -> None:
    run = begun(EACH, before=["a"], value=["x", "y", "x"])
    assert run.open == ["a:1.before", "a:2.before", "a:3.before"]
    assert refused(lambda: run.answer(interrupt_id="a")).reason == "ambiguous"
    for number in (3, 1, 2):
        run.answer(interrupt_id=f"a:{number}.before")
        run.finish(f"a:{number}", number)
    assert read(run.engine.begin("z:1").value) == [3, 1, 2]


def test_what_is_dropped_at_a_breakpoint_is_not_asked_any_more() -> None:
    run = begun(BOTH, before=["b"], functions=Toy(cancels=lambda value: True))
    assert run.finish("a:1", "a") == [CloseInterrupt("b:1.before"), RunTask("z:1")], "nothing runs at a breakpoint"
    assert (run.open, run.engine.next_nodes) == ([], ["z"])


# -- After a node -----------------------------------------------------------------------------------------------------


def test_a_run_stops_after_a_node_with_its_changes_made() -> None:
    run = begun(LINE, after=["a"], state={"n": 1})
    assert run.finish("a:1", 4, delta=[["set", ["n"], 2]]) == [OpenInterrupt("a:1.after")]
    (question,) = run.engine.questions.open.values()
    assert (question.kind, question.value, question.response_schema) == ("after", "a", None)
    assert (run.engine.state, run.engine.running, run.engine.is_stopped) == ({"n": 2}, 0, True)
    assert run.engine.next_nodes == ["b"]
    run.update(n=3)
    assert run.answer("anything")[1] == [RunTask("b:1")]
    work = run.engine.begin("b:1")
    assert (read(work.value), work.state) == (4, {"n": 3})


OUTCOMES = graph(
    start("a"),
    step("a", None),
    step("b", None),
    step("into", "f"),
    fork("f", "a", "d", END),
    step("choose", "d"),
    decision("d", "a", "b"),
    step("close", "j"),
    join("j", START, "close"),
    step("leave"),
)


@pytest.mark.parametrize(
    ("node_id", "to", "next_nodes"),
    [
        ("a", "b", ["b"]),
        ("a", "a", ["a"]),
        ("a", "j", ["j"]),
        ("a", END, []),
        ("into", None, ["a", "d", END]),
        ("choose", None, ["d"]),
        ("close", None, ["j"]),
        ("leave", None, []),
    ],
)
def test_where_it_goes_on_after_any_outcome(node_id: str, to: str | None, next_nodes: list[str]) -> None:
    plain, stopped = (Run(OUTCOMES, Toy(decisions={"d": lambda value: 1})) for _ in range(2))
    plain.start(node_id=node_id)
    expected = plain.finish(f"{node_id}:1", 7, to=to)
    stopped.start(node_id=node_id, **breaks(after=[node_id]))
    stopped.finish(f"{node_id}:1", 7, to=to)
    assert stopped.engine.next_nodes == next_nodes
    stopped.reload()
    assert stopped.engine.next_nodes == next_nodes
    stopped.stop()
    assert stopped.answer("anything")[1] == expected
    assert dump(stopped.engine)["tasks"] == dump(plain.engine)["tasks"]
    assert stopped.engine.output == plain.engine.output


def test_a_value_that_is_held_keeps_the_name_of_its_type() -> None:
    run = begun(LINE, after=["a"])
    run.finish("a:1", 4)
    run.engine.tasks["a:1"].held = Output(Encoded("4", "Order"))
    run.reload()
    run.answer()
    assert run.engine.tasks["b:1"].value == Encoded("4", "Order")


def test_the_join_waits_for_what_is_held() -> None:
    run = begun(EACH, after=["a"], value=[1, 2, 3])
    for number in (2, 3, 1):
        run.finish(f"a:{number}", number)
    assert run.open == ["a:2.after", "a:3.after", "a:1.after"]
    run.answer(interrupt_id="a:1.after")
    run.reload()
    run.answer(interrupt_id="a:3.after")
    assert run.answer()[1] == [RunTask("z:1")]
    assert read(run.engine.begin("z:1").value) == [1, 3, 2]
    assert run.engine.visits["z"] == 1


def test_what_is_held_is_dropped_with_the_rest() -> None:
    run = begun(BOTH, after=["b"], functions=Toy(cancels=lambda value: True))
    run.finish("b:1", "b")
    assert run.finish("a:1", "a") == [CloseInterrupt("b:1.after"), RunTask("z:1")]
    assert (run.open, list(run.engine.tasks)) == ([], ["z:1"])
    assert read(run.engine.begin("z:1").value) == ["a"]


def test_what_is_held_is_dropped_when_the_run_ends() -> None:
    run = begun(graph(start("f"), fork("f", "a", "b"), step("a"), step("b")), after=["a"])
    run.finish("a:1", "held")
    assert run.finish("b:1", "first") == [CloseInterrupt("a:1.after"), Finish(enc("first"))]
    assert (run.open, run.output) == ([], "first")


def test_a_failed_node_does_not_stop_after() -> None:
    run = begun(LINE, after=["a"])
    assert [type(command) for command in run.fail("a:1")] == [Fail]
    assert run.open == []


def test_a_node_that_asks_stops_only_when_it_has_ended() -> None:
    run = begun(graph(start("a"), step("a", None)), after=["a"])
    run.ask("a:1")
    assert run.open == ["a:1.0"]
    run.answer("so")
    assert run.finish("a:1", "end", to=END) == [OpenInterrupt("a:1.after")]
    assert run.answer()[1] == [Finish(enc("end"))]


def test_a_conflict_is_found_before_it_stops() -> None:
    run = begun(BOTH, after=["b"], state={"n": 0})
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    run.finish("a:1", delta=[["set", ["n"], 1]])
    run.finish("b:1", delta=[["set", ["n"], 2]])
    assert run.failure[1] == "StateConflictError"
    assert run.open == []


# What goes wrong on the way from a breakpoint fails the run, and whoever answered is told that the answer was taken.


def held_before_a_transform() -> Run:
    spec = graph(start("a"), step("a", "b", transforms=True), step("b"))
    run = begun(spec, after=["a"], functions=Toy(transforms={"a->b": raising(RuntimeError("no idea"))}))
    run.finish("a:1")
    return run


def held_before_an_unknown_node() -> Run:
    run = begun(OUTCOMES, after=["a"])
    run.finish("a:1", to="nowhere")
    return run


def before_a_node_that_cannot_ask() -> Run:
    functions = Toy()
    run = begun(ONE, before=["q"], functions=functions)
    functions.ask = raising(RuntimeError("no idea"))  # type: ignore[method-assign]
    return run


@pytest.mark.parametrize(
    "situation", [held_before_a_transform, held_before_an_unknown_node, before_a_node_that_cannot_ask]
)
def test_what_goes_wrong_behind_a_breakpoint_fails_the_run(situation: Callable[[], Run]) -> None:
    run = situation()
    (interrupt_id,) = run.open
    accepted, commands = run.answer(actor="ann", answer_id="click")
    assert (accepted.interrupt_id, accepted.actor) == (interrupt_id, "ann")
    assert [type(command) for command in commands] == [Fail]
    assert run.engine.status == "failed"
    assert run.answer(answer_id="click") == (accepted, [])


def test_of_several_answers_each_is_told_even_if_the_first_fails_the_run() -> None:
    spec = graph(start("f"), fork("f", "a", "b"), step("a", "c", transforms=True), step("b", "c"), step("c"))
    run = begun(spec, after=[ANY], functions=Toy(transforms={"a->c": raising(RuntimeError("no idea"))}))
    run.finish("a:1")
    run.finish("b:1")
    accepted, commands = run.answer_all({"a:1.after": None, "b:1.after": None})
    assert [item.interrupt_id for item in accepted] == ["a:1.after", "b:1.after"]
    assert [type(command) for command in commands] == [Fail]


def test_an_outcome_that_the_node_cannot_have_is_the_shells_mistake_at_once() -> None:
    run = begun(OUTCOMES, after=["a"])
    with pytest.raises(EngineError, match="Node 'a' has no path; its outcome must be Next or Ended"):
        run.finish("a:1", 1)


def test_a_graph_that_lacks_where_a_held_outcome_leads() -> None:
    run = begun(OUTCOMES, after=["a"])
    run.finish("a:1", to="b")
    spec = GraphSpec("toy", {node_id: node for node_id, node in OUTCOMES.nodes.items() if node_id not in ("b", "d")})
    with pytest.raises(SnapshotError, match="The snapshot needs 'b', which"):
        load(dump(run.engine), spec, Toy())


# -- Changed while it runs --------------------------------------------------------------------------------------------


def test_a_node_that_is_ready_and_has_not_begun_stops() -> None:
    run = begun(BOTH)
    run.engine.begin("a:1")
    assert run.stop(before=["a", "b", "z"]) == [OpenInterrupt("b:1.before")]
    assert run.engine.questions.open["b:1.before"].created_at == LATER
    assert (run.engine.ready, run.engine.now) == ([], LATER)
    run.finish("a:1")
    assert run.answer()[1] == [RunTask("b:1")]
    assert run.finish("b:1") == [OpenInterrupt("z:1.before")]


def test_a_node_that_runs_stops_after() -> None:
    run = begun(LINE)
    run.engine.begin("a:1")
    assert run.stop(after=["a"]) == []
    assert run.finish("a:1") == [OpenInterrupt("a:1.after")]


def test_a_node_that_has_passed_its_breakpoint_does_not_stop_again() -> None:
    run = begun(LINE, before=["a"])
    run.answer()
    for _ in range(2):
        assert run.stop(before=[ANY]) == []
        assert run.engine.ready == ["a:1"]
        run.reload()


@pytest.mark.parametrize("reloads", [False, True])
def test_an_interrupt_node_that_has_its_answer_stops_and_does_not_ask_again(reloads: bool) -> None:
    run = begun(ONE)
    run.answer({"n": 1})
    if reloads:
        run.reload()
    assert run.stop(before=["q"]) == [OpenInterrupt("q:1.before")]
    assert run.answer()[1] == [RunTask("q:1")]


def test_a_question_that_is_open_stays_what_it_is() -> None:
    run = begun(graph(start("f"), fork("f", "q", "a"), asking("q"), step("a", None)))
    run.ask("a:1")
    assert run.stop(before=[ANY]) == []
    assert run.open == ["q:1", "a:1.0"]
    run.answer("so", "a:1.0")
    assert run.stop(before=["a", "q"]) == [], "a has begun, and goes on"
    assert run.engine.ready == ["a:1"]


def test_a_node_that_begins_again_with_its_answers_does_not_stop() -> None:
    run = begun(graph(start("a"), step("a", None)))
    run.ask("a:1")
    run.answer("so")
    run.reload()
    assert run.engine.tasks["a:1"].base is None
    assert run.stop(before=["a"]) == []


def test_breakpoints_that_are_taken_away_stop_nobody_else() -> None:
    run = begun(EACH, before=["a"], after=["a"], value=[1, 2])
    run.stop()
    assert run.engine.breakpoints == NO_BREAKPOINTS
    assert run.open == ["a:1.before", "a:2.before"], "who stands there stands there"
    run.answer(interrupt_id="a:1.before")
    assert run.finish("a:1") == []
    assert run.open == ["a:2.before"]


def test_what_does_not_exist_is_no_breakpoint() -> None:
    run = begun(BOTH, before=["a"])
    for before, after in ((["b", "nowhere"], []), ([], ["nowhere"])):
        error = refused(lambda before=before, after=after: run.stop(before, after))
        message = "There is no node 'nowhere' to stop at. The nodes: 'a', 'b', 'z'; or '*'."
        assert (error.reason, error.message) == ("invalid", message)
        assert error.errors == [{"loc": ["breakpoints"], "msg": message, "type": "breakpoints"}]
    for no_step in ("f", "j", START, END):
        assert refused(lambda no_step=no_step: run.stop([no_step])).reason == "invalid"
    assert run.engine.breakpoints == Breakpoints(("a",))
    assert (run.open, run.engine.now) == (["a:1.before"], NOW)


def test_a_run_that_has_ended_stops_nowhere() -> None:
    run = begun(LINE)
    run.engine.cancel(LATER)
    error = refused(lambda: run.stop(["a"]))
    assert (error.reason, error.message) == ("closed", "The run is cancelled; it does not stop anywhere.")


def test_breakpoints_cannot_be_set_before_the_run_starts() -> None:
    run = Run(LINE)
    assert refused(lambda: run.stop(["a"])).reason == "closed"


# -- With the rest ----------------------------------------------------------------------------------------------------


def test_a_node_that_is_gone_to_stops_before_too() -> None:
    run = begun(LINE, before=["b"])
    assert run.goto("b", 9, "a:1") == [OpenInterrupt("b:1.before")]
    assert run.answer()[1] == [RunTask("b:1")]
    assert read(run.engine.begin("b:1").value) == 9


def test_a_run_is_sent_elsewhere_from_a_breakpoint() -> None:
    run = begun(BOTH, before=["a"])
    assert run.goto("b", "sent", "a:1.before") == [RunTask("b:2")]
    run.finish("b:1", 1)
    assert run.finish("b:2", 2) == [RunTask("z:1")]


def test_what_is_held_is_not_wanted_where_the_run_is_sent_elsewhere() -> None:
    run = begun(LINE, after=["a"], state={"n": 0})
    run.finish("a:1", "held", delta=[["set", ["n"], 1]])
    assert run.goto("a", "again", "a:1.after") == [RunTask("a:2")]
    assert run.engine.state == {"n": 1}, "what it has done is done"
    assert run.finish("a:2", "new") == [OpenInterrupt("a:2.after")]
    run.answer()
    assert read(run.engine.tasks["b:1"].value) == "new"


def test_a_run_that_stands_at_breakpoints_is_cancelled() -> None:
    run = begun(BOTH, before=["a"], after=["b"])
    run.finish("b:1")
    assert run.engine.cancel(LATER) == [CloseInterrupt("a:1.before"), CloseInterrupt("b:1.after")]
    assert (run.open, run.engine.standing) == ([], "cancelled")


def test_what_was_given_up_stops_before_it_begins_again() -> None:
    run = begun(LINE)
    run.engine.begin("a:1")
    run.engine.release("a:1")
    assert run.stop(before=["a"]) == [OpenInterrupt("a:1.before")]


def test_the_past_knows_breakpoints() -> None:
    run = RecordedRun(LINE)
    run.start(**breaks(before=["a"]))
    run.answer()
    run.stop(after=["a"])
    run.finish("a:1")
    run.answer()
    assert [(c.kind, c.node_id, c.interrupts, c.next, c.status) for c in run.past] == [
        ("started", None, ["a:1.before"], ["a"], "waiting"),
        ("answered", "a", [], ["a"], "running"),
        ("node_finished", "a", ["a:1.after"], ["b"], "waiting"),
        ("answered", "a", [], ["b"], "running"),
    ]


def test_the_end_cancels_what_runs_beside_a_breakpoint() -> None:
    run = begun(graph(start("f"), fork("f", "a", "b"), step("a"), step("b")), after=["a"])
    run.engine.begin("b:1")
    run.finish("a:1", "end")
    assert run.answer()[1] == [Cancel("b:1"), Finish(enc("end"))]
