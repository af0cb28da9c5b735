"""Breakpoints: on the graph, at the start, on a run that is under way; with edits of the state."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from temporal_graph import AnswerRefusedError, Command, GraphInputError, GraphRun, RefusedError, Send, TemporalGraph
from tests.server.conftest import Serve
from tests.server.looking import is_unharmed, unless_stuck
from tests.server.steering_graphs import (
    Desk,
    Draft,
    Gate,
    board,
    desk,
    held,
    line,
    line_here,
    short_desk,
    short_line,
    stopping_line,
)


async def walk(run: GraphRun[Any, Any]) -> list[str]:
    """Go on from stop to stop, to the end; the ids of the questions."""
    found: list[str] = []
    stop = await run.wait()
    while not stop.is_end:
        [question] = stop.interrupts
        assert question.kind in ("before", "after")
        assert question.value == question.node_id
        assert question.interrupt_id == f"{question.node_id}:1.{question.kind}"
        found.append(question.interrupt_id)
        stop = await run.proceed()
    return found


@pytest.mark.parametrize("graph", [line, short_line, line_here], ids=lambda graph: graph.name)
@pytest.mark.parametrize(
    ("given", "stops"),
    [
        ({}, []),
        ({"interrupt_before": ["second"]}, ["second:1.before"]),
        ({"interrupt_after": ["third"]}, ["third:1.after"]),
        ({"interrupt_before": "second", "interrupt_after": "second"}, ["second:1.before", "second:1.after"]),
        ({"interrupt_before": "*"}, ["first:1.before", "second:1.before", "third:1.before"]),
        ({"interrupt_after": ["*"]}, ["first:1.after", "second:1.after", "third:1.after"]),
    ],
    ids=["none", "before", "after", "both", "before_all", "after_all"],
)
async def test_where_a_run_stops(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any], given: dict[str, Any], stops: list[str]
) -> None:
    async with serve(graph) as client:
        run = await graph.start(client, inputs="x", id=task_queue, task_queue=task_queue, **given)
        assert await walk(run) == stops
        result = await run.result()
        assert (result.output, result.state.lines) == ("x123 of 1", ["first", "second", "third"])
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize(
    ("given", "stops"),
    [
        ({}, ["first:1.after", "second:1.before"]),
        ({"interrupt_before": ["third"]}, ["third:1.before"]),
        ({"interrupt_before": []}, []),
        ({"interrupt_after": []}, []),
    ],
    ids=["of the graph", "of the run", "none", "none either"],
)
async def test_a_run_has_those_of_its_graph_or_its_own(
    serve: Serve, task_queue: str, given: dict[str, Any], stops: list[str]
) -> None:
    async with serve(stopping_line) as client:
        run = await stopping_line.start(client, inputs="x", id=task_queue, task_queue=task_queue, **given)
        assert await walk(run) == stops


async def test_those_of_the_graph_hold_for_a_start_by_the_sdk(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(stopping_line):
        await client.start_workflow("stopping_line", {"inputs": "x"}, id=task_queue, task_queue=task_queue)
        run = stopping_line.get_run(client, task_queue)
        assert await walk(run) == ["first:1.after", "second:1.before"]


@pytest.mark.parametrize("value", [None, True, {"any": ["thing"]}, "text"])
async def test_it_goes_on_with_any_value(serve: Serve, task_queue: str, value: Any) -> None:
    async with serve(line) as client:
        stop = await line.proceed(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before=["second"])
        [question] = stop.interrupts
        assert (question.kind, question.value, question.response_schema) == ("before", "second", None)
        assert stop.state.lines == ["first"]
        run = line.get_run(client, task_queue)
        state = await run.get_state()
        assert (state.status, state.next, state.interrupt_before, state.interrupt_after) == (
            "waiting",
            ["second"],
            ["second"],
            [],
        )
        accepted = await run.resume(value, interrupt_id=question.interrupt_id, actor="ana", answer_id="click")
        assert (accepted.interrupt_id, accepted.actor, accepted.value) == (question.interrupt_id, "ana", value)
        assert (await run.result()).output == "x123 of 1"


async def test_after_a_node_its_successor_is_next_and_its_changes_are_made(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_after=["second"])
        stop = await run.wait()
        assert stop.state == Desk(["first", "second"], 1)
        assert (await run.get_state()).next == ["third"]
        assert (await run.proceed()).is_end


@pytest.mark.parametrize("how", ["update", "command"])
async def test_the_state_is_edited_while_it_stands_there(serve: Serve, task_queue: str, how: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before=["second"])
        await run.wait()
        if how == "update":
            assert await run.update_state({"amount": 41}) == Desk(["first"], 41)
            stop = await run.proceed()
        else:
            stop = await run.proceed(Command(update={"amount": 41}))
        assert (stop.output, stop.state.amount) == ("x123 of 42", 42)


@pytest.mark.parametrize("where", ["before", "after"])
async def test_it_is_sent_elsewhere_from_there(serve: Serve, task_queue: str, where: str) -> None:
    async with serve(line) as client:
        given: Any = {f"interrupt_{where}": ["second"]}
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, **given)
        await run.wait()
        stop = await run.proceed(Command(goto=Send("third", "y")))
        assert stop.output == ("y3 of 0" if where == "before" else "y3 of 1")


@pytest.mark.parametrize("graph", [desk, short_desk], ids=lambda graph: graph.name)
async def test_all_stops_of_a_graph_that_asks_by_itself(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    """A breakpoint before an interrupt node comes before its question, and one after it behind its run."""
    async with serve(graph) as client:
        run = await graph.start(
            client,
            Draft("a"),
            state=Desk(),
            id=task_queue,
            task_queue=task_queue,
            interrupt_before="*",
            interrupt_after="*",
        )
        stop = await unless_stuck(client, run.id, run.wait())
        seen: list[str] = []
        answers: dict[str, Any] = {"Review:1": {"verdict": "no"}, "Review:2": {"verdict": "yes"}, "Publish:1.0": "web"}
        while not stop.is_end:
            [question] = stop.interrupts
            seen.append(question.interrupt_id)
            stop = await run.proceed(answers.get(question.interrupt_id), interrupt_id=question.interrupt_id)
        assert seen == [
            *("Draft:1.before", "Draft:1.after", "Review:1.before", "Review:1", "Review:1.after"),
            *("Draft:2.before", "Draft:2.after", "Review:2.before", "Review:2", "Review:2.after"),
            *("Publish:1.before", "Publish:1.0", "Publish:1.after"),
        ]
        assert stop.output == "a' in web"
        assert stop.state.lines == ["draft a", "review no", "draft a'", "review yes", "publish web"]


async def test_an_answer_for_the_node_is_kept_behind_its_breakpoint(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(
            client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue, interrupt_before=["Review"]
        )
        await run.wait()
        await run.resume({"verdict": "yes"}, interrupt_id="Review:1")
        [question] = await run.pending_interrupts()
        assert question.interrupt_id == "Review:1.before"
        stop = await run.proceed(interrupt_id="Review:1.before")
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]


async def test_branches_stop_each_for_itself(serve: Serve, task_queue: str) -> None:
    async with serve(board) as client:
        run = await board.start(
            client,
            inputs=["quick a", "quick b"],
            state=Desk(),
            id=task_queue,
            task_queue=task_queue,
            interrupt_after=["item"],
        )
        stop = await run.wait()
        assert sorted(question.interrupt_id for question in stop.interrupts) == ["item:1.after", "item:2.after"]
        with pytest.raises(AnswerRefusedError, match=r"ambiguous: 2 questions are open.*'item:1.after'"):
            await run.resume()
        stop = await run.proceed(interrupt_id="item:2.after")
        assert [question.interrupt_id for question in stop.interrupts] == ["item:1.after"]
        with pytest.raises(AnswerRefusedError, match="already_answered"):
            await run.resume(interrupt_id="item:2.after")
        assert (await run.proceed()).output == ["quick a=", "quick b="]


# -- On a run that is under way -------------------------------------------------------------------------------------


async def test_they_are_changed_on_a_run(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before=["first"])
        await run.wait()
        await run.set_breakpoints(before=["third"], after=["first"])
        stop = await run.proceed()
        assert [question.interrupt_id for question in stop.interrupts] == ["first:1.after"]
        await run.set_breakpoints(after=[])  # those before stay
        state = await run.get_state()
        assert (state.interrupt_before, state.interrupt_after) == (["third"], [])
        assert [question.interrupt_id for question in state.interrupts] == ["first:1.after"]  # it stands there still
        stop = await run.proceed()
        assert [question.interrupt_id for question in stop.interrupts] == ["third:1.before"]
        await run.set_breakpoints(before="*")
        assert (await run.proceed()).is_end


async def test_they_are_set_while_a_node_runs(serve: Serve, task_queue: str) -> None:
    gate = Gate()
    async with serve(held, deps=gate) as client:
        run = await held.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await gate.begun.wait()
        await run.set_breakpoints(before=["slow", "after"], after=["slow"])  # it is too late to stop before `slow`
        gate.go.set()
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["slow:1.after"]
        stop = await run.proceed()
        assert [question.interrupt_id for question in stop.interrupts] == ["after:1.before"]
        assert gate.seen == []
        assert (await run.proceed()).output == "x!"


async def test_they_stop_what_is_ready_on_a_paused_run(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before=["first"])
        await run.wait()
        await run.pause()
        stop = await run.proceed()
        assert (stop.is_paused, stop.interrupts) == (True, [])
        await run.set_breakpoints(before=["second"])
        await run.unpause()
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["second:1.before"]
        assert (await run.proceed()).is_end


# -- What there is not ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"interrupt_before": ["fourth"]}, r"'line' has no node 'fourth' to stop at. Its nodes: 'first', 'second'"),
        ({"interrupt_after": ["first", ""]}, "no node ''"),
        ({"interrupt_before": 5}, "interrupt_before has 5; it must be a list of node ids"),
        ({"interrupt_after": [None]}, "interrupt_after has None"),
    ],
)
async def test_a_start_with_what_is_no_breakpoint(
    client: Client, task_queue: str, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(GraphInputError, match=says):
        await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, **given)


@pytest.mark.parametrize("given", ["fourth", ["fourth"], 5, {"a": 1}, [None], [["first"]], True])
async def test_a_start_by_the_sdk_with_what_is_no_breakpoint(
    serve: Serve, client: Client, task_queue: str, given: Any
) -> None:
    async with serve(line):
        for place in ("interrupt_before", "interrupt_after"):
            run_id = f"{task_queue}-{place}"
            await client.start_workflow("line", {"inputs": "x", place: given}, id=run_id, task_queue=task_queue)
            with pytest.raises(GraphInputError, match=r"no node 'fourth'|must be a list of node ids"):
                await unless_stuck(client, run_id, line.get_run(client, run_id).result())
            assert await is_unharmed(client, run_id)


async def test_a_run_is_not_stopped_at_what_does_not_exist(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before=["first"])
        await run.wait()
        with pytest.raises(RefusedError, match=r"invalid: There is no node 'fourth' to stop at.*'first', 'second'"):
            await run.set_breakpoints(after=["third", "fourth"])
        with pytest.raises(GraphInputError, match="before has 5"):
            await run.set_breakpoints(before=5)  # type: ignore[arg-type]
        state = await run.get_state()
        assert (state.interrupt_before, state.interrupt_after) == (["first"], [])
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await client.get_workflow_handle(run.id).execute_update("set_breakpoints", {"before": [5]})
        assert "invalid" in str(refused.value.cause)
        assert (await run.proceed()).is_end
        with pytest.raises(RefusedError, match=r"closed.*x123 of 1"):
            await run.set_breakpoints(before=["first"])
