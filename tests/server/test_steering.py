"""Steering a run: its state, its pauses, its end, several answers; also with the SDK alone and with nonsense."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from temporal_graph import (
    AnswerRefusedError,
    GraphInputError,
    GraphRun,
    RefusedError,
    RunCancelledError,
    RunNotFoundError,
)
from tests.replay.serving import chain, until
from tests.server.conftest import Serve
from tests.server.looking import events, is_unharmed, unless_stuck
from tests.server.steering_graphs import (
    Desk,
    Draft,
    Gate,
    board,
    desk,
    held,
    line,
    short_board,
    short_desk,
    short_line,
)


async def at_review(client: Client, task_queue: str) -> GraphRun[Any, Any]:
    """A run that waits at `Review:1`."""
    run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
    await run.wait()
    return run


# -- The state ------------------------------------------------------------------------------------------------------


async def test_fields_of_the_state_are_changed(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        before = await run.get_state()
        assert before.values == Desk(["draft a"])
        changed = await run.update_state({"amount": 5, "extra": {"a": [1, None]}}, actor="ana")
        assert changed == Desk(["draft a"], 5, {"a": [1, None]})
        state = await run.get_state()
        assert state.values == changed
        assert state.version == before.version + 1
        assert (state.status, state.interrupts) == ("waiting", before.interrupts)


async def test_two_editors_do_not_overwrite_each_other(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        version = (await run.get_state()).version
        outcomes = await asyncio.gather(
            *(run.update_state({"amount": number}, expected_version=version) for number in range(1, 9)),
            return_exceptions=True,
        )
        taken = [outcome for outcome in outcomes if isinstance(outcome, Desk)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
        assert (len(taken), len(refused)) == (1, 7)
        assert {error.reason for error in refused} == {"conflict"}
        assert f"has version {version + 1} by now, not {version}" in str(refused[0])
        state = await run.get_state()
        assert (state.values, state.version) == (taken[0], version + 1)
        assert (await run.update_state({"amount": 9}, expected_version=version + 1)).amount == 9


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"amuont": 1}, "amuont"),
        ({"amount": "many"}, "amount"),
        ({"amount": 1, "lines": "x"}, "lines"),
        ({"lines": [1]}, "lines"),
        ({"": 1}, "state cannot take this"),
    ],
)
async def test_what_the_state_does_not_take(serve: Serve, task_queue: str, update: dict[str, Any], says: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        before = await run.get_state()
        with pytest.raises(RefusedError, match=says) as refused:
            await run.update_state(update)
        assert refused.value.reason == "invalid"
        assert refused.value.errors
        assert await run.get_state() == before


async def test_an_update_that_changes_nothing_is_no_change(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        version = (await run.get_state()).version
        assert (await run.update_state({})) == (await run.update_state({"amount": 0}))
        assert (await run.get_state()).version == version


async def test_a_node_that_runs_keeps_what_it_changes_itself(serve: Serve, task_queue: str) -> None:
    gate = Gate()
    async with serve(held, deps=gate) as client:
        run = await held.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await gate.begun.wait()
        await run.update_state({"lines": ["mine"], "amount": 3})
        gate.go.set()
        result = await run.result()
        assert result.state.amount == 3
        assert result.state.lines[-2:] == ["slow", "after"]


async def test_a_state_that_is_too_large_changes_nothing(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        with pytest.raises(RefusedError, match=r"What is sent with update_state is 3,000,.*2,097,152"):
            await run.update_state({"extra": "x" * 3_000_000})
        await run.update_state({"extra": "x"})
        assert (await run.get_state()).values.extra == "x"


async def test_a_run_that_has_ended_is_not_steered(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await run.result()
        calls = {
            "update_state": lambda: run.update_state({"amount": 1}),
            "set_breakpoints": lambda: run.set_breakpoints(before="*"),
            "resume_all": lambda: run.resume_all({"first:1": 1, "second:1": 1}),
            "pause": run.pause,
            "unpause": run.unpause,
        }
        for name, call in calls.items():
            with pytest.raises(RefusedError, match=r"has ended; its output is .x123 of 1") as refused:
                await call()
            assert refused.value.reason == "closed", name
        assert (await run.get_state()).status == "finished"


async def test_a_run_that_there_is_not(client: Client, task_queue: str) -> None:
    run = line.get_run(client, task_queue)
    calls: list[Any] = [
        lambda: run.update_state({"amount": 1}),
        lambda: run.set_breakpoints(before="*"),
        lambda: run.resume_all({"first:1": 1}),
        lambda: run.fork("1", id=f"{task_queue}-fork", task_queue=task_queue),
        lambda: anext(run.history()),
        lambda: anext(run.stream()),
        run.pause,
        run.unpause,
        run.cancel,
        run.get_state,
    ]
    for call in calls:
        with pytest.raises(RunNotFoundError):
            await call()


# -- Several answers ------------------------------------------------------------------------------------------------


async def test_several_answers_are_taken_together(serve: Serve, task_queue: str) -> None:
    async with serve(board) as client:
        run = await board.start(client, inputs=["a", "b", "c"], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        accepted = await run.resume_all({"item:3.0": "C", "item:1.0": "A"}, actor="ana")
        assert [(taken.interrupt_id, taken.actor) for taken in accepted] == [("item:3.0", "ana"), ("item:1.0", "ana")]
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["item:2.0"]
        await run.resume_all({"item:2.0": "B"})
        assert (await run.result()).output == ["a=A", "b=B", "c=C"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"item:1.0": "A", "item:2.0": 5}, "invalid"),
        ({"item:1.0": "A", "item:1.1": "B"}, None),
        ({"item:1.0": "A", "item:9.0": "B"}, "unknown_interrupt"),
        ({"item:1.0": "A", "nobody:1": "B"}, "unknown_interrupt"),
        ({"item:1.0": "A", "item": "B"}, "ambiguous"),
    ],
    ids=["type", "later", "elsewhere", "unknown", "ambiguous"],
)
async def test_all_of_them_or_none(serve: Serve, task_queue: str, answers: dict[str, Any], reason: str | None) -> None:
    """An answer to what a node that is on its way may still ask is kept, and no reason to refuse the others."""
    async with serve(board) as client:
        run = await board.start(client, inputs=["a", "b"], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        if reason is None:
            await run.resume_all(answers)
            stop = await run.wait()
            assert [question.interrupt_id for question in stop.interrupts] == ["item:2.0"]
            return
        with pytest.raises(GraphInputError, match="takes answers by the ids of their questions"):
            await run.resume_all({})
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume_all(answers)
        assert refused.value.reason == reason
        state = await run.get_state()
        assert [question.interrupt_id for question in state.interrupts] == ["item:1.0", "item:2.0"]
        assert state.answered == []
        await run.resume_all({"item:1.0": "A", "item:2.0": "B"})
        assert (await run.result()).output == ["a=A", "b=B"]


async def test_answers_that_were_taken_before_make_no_difference(serve: Serve, task_queue: str) -> None:
    async with serve(board) as client:
        run = await board.start(client, inputs=["a", "b"], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("A", interrupt_id="item:1.0", actor="ana")
        with pytest.raises(AnswerRefusedError, match=r"already_answered: 'item:1.0' was answered by ana at "):
            await run.resume_all({"item:1.0": "other", "item:2.0": "B"})
        handle = client.get_workflow_handle(run.id)
        sent = [{"interrupt_id": "item:2.0", "value": "B", "answer_id": "click"}]
        first = await handle.execute_update("resume_all", sent)
        assert (await run.result()).output == ["a=A", "b=B"]
        assert [taken["answer_id"] for taken in first] == ["click"]


# -- Pause ----------------------------------------------------------------------------------------------------------


async def test_a_node_that_runs_comes_to_its_end_and_no_other_starts(serve: Serve, task_queue: str) -> None:
    gate = Gate()
    async with serve(held, deps=gate) as client:
        run = await held.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await gate.begun.wait()
        await run.pause()
        assert (await run.get_state()).status == "paused"
        gate.go.set()
        stop = await run.wait()
        assert (stop.is_paused, stop.is_end, stop.interrupts, stop.state.lines) == (True, False, [], ["slow"])
        assert (await run.get_state()).next == ["after"]
        assert gate.seen == []
        await run.pause()  # twice is once
        await run.unpause()
        assert (await run.result()).output == "x!"


@pytest.mark.parametrize("graph", [desk, short_desk], ids=lambda graph: graph.name)
async def test_a_paused_run_takes_answers_and_changes(serve: Serve, task_queue: str, graph: Any) -> None:
    async with serve(graph) as client:
        run = await graph.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.pause()
        stop = await run.proceed({"verdict": "yes"})
        assert (stop.status, stop.interrupts) == ("paused", [])
        assert (await run.get_state()).next == ["Review"]
        await run.update_state({"amount": 4})
        await run.unpause()
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]
        await run.pause()
        stop = await run.wait()
        assert (stop.status, [question.interrupt_id for question in stop.interrupts]) == ("paused", ["Publish:1.0"])
        await run.resume("web")
        assert (await run.get_state()).status == "paused"
        await run.unpause()
        result = await run.result()
        assert (result.output, result.state.amount) == ("a in web", 4)


async def test_a_run_continues_as_new_while_it_is_paused(serve: Serve, task_queue: str) -> None:
    async with serve(short_line) as client:
        run = await short_line.start(
            client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_after=["first"], interrupt_before="*"
        )
        await run.wait()
        await run.proceed()
        await run.proceed()
        await run.pause()

        async def continued() -> bool:
            await run.wait()  # each is some events
            return len(await chain(client, run.id)) > 1

        await until(continued)
        state = await run.get_state()
        assert (state.status, state.values.lines) == ("paused", ["first"])
        assert (state.interrupt_before, state.interrupt_after) == (["*"], ["first"])
        await run.unpause()
        await run.proceed()
        assert (await run.proceed()).output == "x123 of 1"


async def test_a_run_that_began_paused(serve: Serve, client: Client, task_queue: str) -> None:
    """The signal comes with the start, in one task of the workflow."""
    await client.start_workflow(
        "line", {"inputs": "x"}, id=task_queue, task_queue=task_queue, start_signal="pause", start_signal_args=[]
    )
    async with serve(line) as client:
        run = line.get_run(client, task_queue)
        stop = await run.wait()
        assert stop.is_paused
        assert stop.state.lines == []
        await run.unpause()
        assert (await run.result()).output == "x123 of 1"


# -- Cancel ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_paused", [False, True], ids=["waiting", "paused"])
async def test_a_run_that_waits_is_cancelled(serve: Serve, task_queue: str, is_paused: bool) -> None:
    async with serve(board) as client:
        run = await board.start(client, inputs=["a", "quick", "b"], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        if is_paused:
            await run.pause()
            await run.resume("A", interrupt_id="item:1.0")
        await run.cancel()
        with pytest.raises(RunCancelledError, match=r"was cancelled|has no output"):
            await run.result()
        state = await run.get_state()
        assert (state.status, state.next, state.interrupts) == ("cancelled", [], [])
        assert state.values == Desk(["item quick"])
        assert await run.pending_interrupts() == []
        with pytest.raises(RunCancelledError):
            await run.wait()
        for call in (
            lambda: run.resume("A", interrupt_id="item:1.0"),
            lambda: run.resume_all({"item:1.0": "A"}),
            lambda: run.proceed("A", interrupt_id="item:1.0"),
            lambda: run.update_state({"amount": 1}),
            lambda: run.set_breakpoints(before="*"),
            run.pause,
            run.unpause,
            run.cancel,
        ):
            with pytest.raises(RefusedError) as refused:
                await call()
            assert refused.value.reason == "closed"
            assert "no output: Workflow cancelled" in str(refused.value)
        told = [(event.kind, event.data.get("interrupt_id")) async for event in run.stream()]
        asked = ["item:3.0"] if is_paused else ["item:1.0", "item:3.0"]
        assert told[-len(asked) - 1 :] == [*(("interrupt_cancelled", i) for i in asked), ("run_cancelled", None)]
        description = await client.get_workflow_handle(run.id).describe()
        assert description.status == WorkflowExecutionStatus.CANCELED
        assert await is_unharmed(client, run.id)


async def test_nodes_that_run_are_cancelled(serve: Serve, task_queue: str) -> None:
    gate = Gate()
    async with serve(held, deps=gate) as client:
        run = await held.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await gate.begun.wait()
        waiting = asyncio.create_task(run.wait())
        await run.cancel()
        with pytest.raises(RunCancelledError):
            await run.result()
        with pytest.raises(RunCancelledError):
            await waiting

        async def cancelled() -> bool:
            return gate.seen == ["cancelled"]

        await until(cancelled)
        state = await run.get_state()
        assert (state.status, state.next) == ("cancelled", [])


# -- With the SDK alone ---------------------------------------------------------------------------------------------


async def test_signals_by_the_sdk(serve: Serve, client: Client, task_queue: str) -> None:
    """As a client in any language sends them."""
    async with serve(desk):
        start = {"start_node": {"node_id": "Draft", "data": {"text": "a"}}, "interrupt_before": ["Draft"]}
        handle = await client.start_workflow("desk", start, id=task_queue, task_queue=task_queue)
        run = desk.get_run(client, task_queue)
        await run.wait()
        await handle.signal("set_breakpoints", {"before": ["Publish"], "after": None})
        await handle.signal("update_state", {"values": {"amount": 2}, "expected_version": 0, "actor": "ana"})
        await handle.signal("pause")
        await handle.signal("resume", {"value": None, "actor": "ana"})
        assert (await run.wait()).is_paused
        await handle.signal("unpause", "whatever")
        await run.wait()
        await handle.signal("resume_all", [{"interrupt_id": "Review:1", "value": {"verdict": "yes"}}])
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.before"]
        state: dict[str, Any] = await handle.query("get_state")
        assert state["rejected"] == []
        assert (state["status"], state["next"], state["values"]["amount"]) == ("waiting", ["Publish"], 2)
        assert [taken["interrupt_id"] for taken in state["answered"]] == ["Draft:1.before", "Review:1"]
        await handle.signal("resume", {"goto": {"node_id": "__end__", "data": "ended"}, "state_update": {"amount": 3}})
        assert await handle.result() == {
            "output": "ended",
            "state": {"lines": ["draft a", "review yes"], "amount": 3, "extra": None},
        }


async def test_updates_by_the_sdk(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(desk):
        start = {"start_node": {"node_id": "Draft", "data": {"text": "a"}}}
        handle = await client.start_workflow("desk", start, id=task_queue, task_queue=task_queue)
        assert (await handle.execute_update("proceed", None))["status"] == "waiting"
        changed = await handle.execute_update("update_state", {"values": {"amount": 2}})
        assert changed == {"values": {"lines": ["draft a"], "amount": 2, "extra": None}, "version": 2}
        assert await handle.execute_update("set_breakpoints", {"after": "*"}) == {"before": [], "after": ["*"]}
        assert await handle.execute_update("pause") is None
        assert (await handle.query("get_state"))["status"] == "paused"
        assert await handle.execute_update("unpause") is None
        [taken] = await handle.execute_update(
            "resume_all", [{"interrupt_id": "Review", "value": {"verdict": "yes"}, "answer_id": "click"}]
        )
        assert (taken["interrupt_id"], taken["answer_id"]) == ("Review:1", "click")
        stop = await handle.execute_update("proceed")
        assert [question["interrupt_id"] for question in stop["interrupts"]] == ["Review:1.after"]
        past = await handle.query("history")
        assert [item["number"] for item in past["checkpoints"]] == list(range(1, past["latest"] + 1))
        await handle.cancel()


# -- With nonsense --------------------------------------------------------------------------------------------------


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    """A payload as it is."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


def deep(depth: int, around: bytes = b"%s") -> RawValue:
    """Lists in lists."""
    return raw(around % (b"[" * depth + b"]" * depth))


ANYWHERE: dict[str, list[Any]] = {
    "text": ["text"],
    "number": [5],
    "true": [True],
    "two": [{"a": 1}, {"b": 2}],
    "binary": [b"\xff\x00"],
    "not json": [raw(b"{")],
    "empty": [raw(b"")],
    "not utf-8": [raw(b'{"values": "\xff"}')],
    "encrypted": [raw(b"x", b"binary/encrypted")],
    "no encoding": [RawValue(Payload(data=b"no encoding"))],
    "too deep": [deep(50_000)],
    "digits": [raw(b'{"values": ' + b"9" * 5_000 + b"}")],
    "half a character": [raw(b'{"values": {"extra": "\\ud800"}}')],
    "half a key": [raw(b'{"\\ud800": 1}')],
}
OF_EACH: dict[str, dict[str, list[Any]]] = {
    "update_state": {
        "nothing": [],
        "null": [None],
        "list": [[1]],
        "empty object": [{}],
        "null values": [{"values": None}],
        "list of values": [{"values": [["amount", 1]]}],
        "text as values": [{"values": "amount"}],
        "field": [{"valeus": {"amount": 1}}],
        "unknown": [{"values": {"amuont": 1}}],
        "type": [{"values": {"amount": []}}],
        "float": [{"values": {"amount": 1.5}}],
        "version as text": [{"values": {"amount": 1}, "expected_version": "1"}],
        "version as bool": [{"values": {"amount": 1}, "expected_version": True}],
        "version as float": [{"values": {"amount": 1}, "expected_version": 1.0}],
        "old version": [{"values": {"amount": 1}, "expected_version": -1}],
        "large version": [{"values": {"amount": 1}, "expected_version": 10**30}],
        "actor": [{"values": {"amount": 1}, "actor": ["ana"]}],
    },
    "set_breakpoints": {
        "nothing": [],
        "null": [None],
        "list": [["Draft"]],
        "number inside": [{"before": [1]}],
        "object inside": [{"after": {"Draft": True}}],
        "number instead": [{"before": 1}],
        "false": [{"before": False}],
        "field": [{"befroe": ["Draft"]}],
        "unknown": [{"before": ["Nobody"]}],
        "start": [{"before": ["__start__"]}],
        "one good": [{"before": ["Draft"], "after": ["Nobody"]}],
        "long": [{"before": ["x" * 500_000]}],
        "many": [{"before": ["Nobody"] * 50_000}],
    },
    "resume_all": {
        "nothing": [],
        "null": [None],
        "object": [{"Review:1": {"verdict": "yes"}}],
        "empty": [[]],
        "of null": [[None]],
        "of text": [["Review:1"]],
        "one good": [[{"interrupt_id": "Review:1", "value": {"verdict": "yes"}}, {"interrupt_id": "Nobody:1"}]],
        "twice": [[{"value": {"verdict": "yes"}}, {"interrupt_id": "Review:1", "value": {"verdict": "no"}}]],
        "with goto": [
            [
                {"value": {"verdict": "yes"}},
                {"interrupt_id": "Publish:1.0", "goto": {"node_id": "Draft", "data": {"text": "b"}}},
            ]
        ],
        "bad id": [[{"interrupt_id": 1, "value": {"verdict": "yes"}}]],
        "comment": [[{"interrupt_id": "Review:1", "value": {"verdict": "yes"}, "comment": 5}]],
    },
    "resume": {
        "nothing": [],
        "null": [None],
        "list": [[]],
        "goto of nothing": [{"goto": {"node_id": None}}],
        "goto deep": [deep(900, b'{"goto": {"node_id": "Draft", "data": %s}}')],
        "update deep": [deep(900, b'{"value": {"verdict": "no"}, "state_update": {"lines": %s}}')],
        "comment": [{"value": {"verdict": "yes"}, "comment": ["fine"]}],
        "comment that is true": [{"value": {"verdict": "yes"}, "comment": True}],
    },
    "no_such_request": {"nothing": [], "object": [{"value": 1}]},
}
NONSENSE = [(name, {**ANYWHERE, **kinds}) for name, kinds in OF_EACH.items()]


@pytest.mark.parametrize(("name", "kinds"), NONSENSE, ids=[name for name, _ in NONSENSE])
async def test_nonsense_by_signal_is_listed_and_does_no_harm(
    serve: Serve, task_queue: str, name: str, kinds: dict[str, list[Any]]
) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        before = await run.get_state()
        handle = client.get_workflow_handle(run.id)
        for args in kinds.values():
            await handle.signal(name, args=args)
        state = await unless_stuck(client, run.id, run.get_state())
        listed = dict(zip(kinds, state.rejected, strict=True))
        assert all(item["message"] and item["rejected_at"] for item in listed.values())
        assert {item["reason"] for item in listed.values()} <= {
            *("invalid", "conflict", "unknown_interrupt", "ambiguous"),
        }
        assert len(str(state.rejected)) < 300_000
        assert (state.values, state.version, state.interrupts) == (before.values, before.version, before.interrupts)
        assert (state.interrupt_before, state.interrupt_after) == ([], [])
        stop = await unless_stuck(client, run.id, run.proceed({"verdict": "yes"}))
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize(("name", "kinds"), NONSENSE, ids=[name for name, _ in NONSENSE])
async def test_nonsense_by_update_is_refused_and_leaves_no_trace(
    serve: Serve, task_queue: str, name: str, kinds: dict[str, list[Any]]
) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        before = await run.get_state()
        length = len(await events(client, run.id))
        handle = client.get_workflow_handle(run.id)
        for what, args in kinds.items():
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await unless_stuck(client, run.id, handle.execute_update(name, args=args))
            assert isinstance(refused.value.cause, ApplicationError), what
            assert refused.value.cause.type == "AnswerRefused", what
            assert len(str(refused.value.cause)) < 20_000, what
        assert await run.get_state() == before
        assert len(await events(client, run.id)) == length
        stop = await run.proceed({"verdict": "yes"})
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]


@pytest.mark.parametrize("depth", [50, 200, 400, 900])
@pytest.mark.parametrize("by", ["signal", "update", "answer"])
async def test_a_deep_change_of_the_state_is_taken_or_refused(
    serve: Serve, task_queue: str, depth: int, by: str
) -> None:
    """Both is well; the run goes on, and can be looked at and looked back at."""
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        handle = client.get_workflow_handle(run.id)
        if by == "answer":
            sent = deep(depth, b'{"value": {"verdict": "no"}, "state_update": {"extra": %s}}')
            await handle.signal("resume", sent)
        elif by == "signal":
            await handle.signal("update_state", deep(depth, b'{"values": {"extra": %s}}'))
        else:
            try:
                await unless_stuck(
                    client, run.id, handle.execute_update("update_state", deep(depth, b'{"values": {"extra": %s}}'))
                )
            except WorkflowUpdateFailedError as refused:
                if getattr(refused.cause, "type", None) != "AnswerRefused":
                    raise
        stop = await unless_stuck(client, run.id, run.wait() if by == "answer" else run.proceed({"verdict": "no"}))
        assert stop.is_interrupt
        assert [checkpoint.checkpoint_id async for checkpoint in run.history()]
        await unless_stuck(client, run.id, run.cancel())


@pytest.mark.parametrize("question", ["text", None, [], {}, -1, 10**30, 1.5, True, raw(b"{"), deep(50_000)])
async def test_nonsense_asked_of_the_past_does_no_harm(serve: Serve, task_queue: str, question: Any) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        handle = client.get_workflow_handle(run.id)
        for query in ("history", "snapshot", "get_state", "pending_interrupts", "is_heard"):
            with contextlib.suppress(WorkflowQueryFailedError):
                await unless_stuck(client, run.id, handle.query(query, question))
        stop = await run.proceed({"verdict": "yes"})
        assert stop.is_interrupt
        assert await is_unharmed(client, run.id)


async def test_nonsense_to_a_run_that_continues_as_new(serve: Serve, task_queue: str) -> None:
    """What was refused goes along."""
    async with serve(short_board) as client:
        run = await short_board.start(client, inputs=["a"], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        for args in ANYWHERE.values():
            await handle.signal("update_state", args=args)
        stop = await unless_stuck(client, run.id, run.proceed("A"))
        assert stop.output == ["a=A"]
        assert len((await run.get_state()).rejected) == len(ANYWHERE)
        assert len(await chain(client, run.id)) > 1


async def test_a_value_of_a_mapping_that_is_none(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, task_queue)
        with pytest.raises(GraphInputError, match="A change of the state is a mapping"):
            await run.update_state(["amount"])  # type: ignore[arg-type]
