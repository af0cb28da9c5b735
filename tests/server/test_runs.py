"""Starting runs, looking at them, answering them: on a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy

from temporal_graph import (
    AnswerRefusedError,
    GraphError,
    GraphInputError,
    RunCancelledError,
    RunExistsError,
    RunNotFoundError,
    TemporalGraph,
)
from tests.server.conftest import Serve
from tests.server.graphs import Chat, Greet, Order, WaitForName, greet, parallel, questions
from tests.server.looking import UPDATED, events
from tests.server.steering_graphs import Desk, Draft, Review, Seat, Sit, desk, needy, short_desk


async def test_a_run_waits_for_a_person_and_ends(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), state=Chat(), id=f"{task_queue}-1", task_queue=task_queue)
        stop = await run.wait()
        assert stop.is_interrupt
        assert stop.next_node == WaitForName()
        assert stop.state.messages == ["Hello, what is your name?"]
        [pending] = await run.pending_interrupts()
        assert (pending.interrupt_id, pending.node_id, pending.kind) == ("WaitForName:1", "WaitForName", "node")
        accepted = await run.resume({"user_name": "Bob"}, interrupt_id=pending.interrupt_id, actor="ana@example.com")
        assert accepted.actor == "ana@example.com"
        result = await run.result()
        assert result.output == "bye Bob"
        assert result.state == Chat("Bob", ["Hello, what is your name?", "Goodbye, Bob!"])


async def test_the_sdk_alone_is_enough(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(greet):
        start = {"start_node": {"node_id": "Greet"}, "state": {"user_name": None, "messages": ["before"]}}
        handle = await client.start_workflow("greet", start, id=f"{task_queue}-1", task_queue=task_queue)
        await handle.execute_update("proceed")
        [pending] = await handle.query("pending_interrupts")
        assert pending["response_schema"]["required"] == ["user_name"]
        await handle.signal("resume", {"value": {"user_name": "Bob"}})
        result = await handle.result()
        assert result["output"] == "bye Bob"
        assert result["state"]["messages"][0] == "before"


async def test_proceed_starts_waits_answers_and_ends(serve: Serve, task_queue: str) -> None:
    run_id = f"{task_queue}-1"
    async with serve(greet) as client:
        for _ in range(2):  # the second time the run is there, and waits
            stop = await greet.proceed(client, id=run_id, from_node=Greet(), state=Chat(), task_queue=task_queue)
            assert stop.next_node == WaitForName()
        stop = await greet.proceed(client, id=run_id, from_node=WaitForName(user_name="Bob"))
        assert stop.is_end
        assert stop.output == "bye Bob"
        with pytest.raises(AnswerRefusedError, match=r"closed.*its output is .bye Bob"):
            await greet.proceed(client, id=run_id, from_node=WaitForName(user_name="Bob"), task_queue=task_queue)


async def test_a_run_can_start_with_the_answer(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        node = WaitForName(user_name="Bob")
        stop = await greet.proceed(client, id=f"{task_queue}-1", from_node=node, task_queue=task_queue)
        assert stop.output == "bye Bob"


async def test_bad_answers_leave_the_run_as_it_was(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=f"{task_queue}-1", task_queue=task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError) as missing:
            await run.resume({})
        assert missing.value.reason == "invalid"
        assert missing.value.errors == [{"loc": ["user_name"], "msg": "Field required", "type": "missing"}]
        with pytest.raises(AnswerRefusedError, match="valid string"):
            await run.resume({"user_name": 5})
        with pytest.raises(AnswerRefusedError, match=r"unknown_interrupt.*'Nobody:1'.*Open: 'WaitForName:1'"):
            await run.resume({"user_name": "Bob"}, interrupt_id="Nobody:1")
        handle = client.get_workflow_handle(run.id)
        for args in ([], [1, 2, 3], ["x"], [b"\xff\x00"], [{"value": 1, "surprise": 2}], [{"value": {"user_name": 5}}]):
            await handle.signal("resume", args=args)
        await handle.signal("no_such_signal", "x")
        rejected = (await run.get_state()).rejected
        assert [item["reason"] for item in rejected] == ["invalid"] * 7
        assert "no_such_signal" in rejected[-1]["message"]
        await run.resume({"user_name": "Bob"})
        assert (await run.result()).output == "bye Bob"
        with pytest.raises(AnswerRefusedError, match="closed"):
            await run.resume({"user_name": "Bob"})


async def test_the_same_answer_again_does_not_answer_the_next_question(serve: Serve, task_queue: str) -> None:
    async with serve(questions) as client:
        run = await questions.start(client, inputs=Order(amount=5), id=f"{task_queue}-1", task_queue=task_queue)
        stop = await run.wait()
        assert stop.interrupts[0].value == {"refund": 5}
        first = await run.resume({"approved": True}, answer_id="click-1")
        await run.wait()
        assert await run.resume({"approved": True}, answer_id="click-1") == first
        [pending] = await run.pending_interrupts()
        assert pending.value == "colour?"
        with pytest.raises(AnswerRefusedError, match=r"already_answered.*ask_thrice:1.0"):
            await run.resume({"approved": False}, interrupt_id="ask_thrice:1.0")
        with pytest.raises(AnswerRefusedError, match="'red' or 'blue'"):
            await run.resume("green")
        await run.proceed("red")
        stop = await run.proceed(3)  # fits the schema, and not the type
        assert [interrupt.value for interrupt in stop.interrupts] == ["even number?"]
        [rejected] = (await run.get_state()).rejected
        assert "must be even" in rejected["message"]
        stop = await run.proceed(4)
        assert stop.output == ["True", "red", "4"]


async def test_two_questions_at_once_need_an_id(serve: Serve, task_queue: str) -> None:
    async with serve(parallel) as client:
        run = await parallel.start(client, inputs=["a", "b"], id=f"{task_queue}-1", task_queue=task_queue)
        stop = await run.wait()
        assert len(stop.interrupts) == 2
        with pytest.raises(AnswerRefusedError, match=r"ambiguous: 2 questions.*'ask_one:1.0', 'ask_one:2.0'"):
            await run.resume("x")
        for interrupt in stop.interrupts:
            await run.resume(f"{interrupt.value}!", interrupt_id=interrupt.interrupt_id)
        assert sorted((await run.result()).output) == ["a=a!", "b=b!"]


async def test_an_answer_that_comes_early_is_kept(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=f"{task_queue}-1", task_queue=task_queue)
        await client.get_workflow_handle(run.id).signal(
            "resume", {"interrupt_id": "WaitForName:1", "value": {"user_name": "Bob"}}
        )
        assert (await run.result()).output == "bye Bob"


async def test_inputs_that_do_not_fit_start_nothing(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(questions):
        with pytest.raises(GraphInputError, match="questions"):
            await questions.start(client, inputs={"amount": "x"}, id=f"{task_queue}-1", task_queue=task_queue)  # type: ignore[arg-type]
        with pytest.raises(RunNotFoundError, match=f"{task_queue}-1"):
            await questions.get_run(client, f"{task_queue}-1").result()
        start = {"inputs": {"amount": "x"}}
        await client.start_workflow("questions", start, id=f"{task_queue}-2", task_queue=task_queue)
        with pytest.raises(GraphInputError, match="amount"):
            await questions.get_run(client, f"{task_queue}-2").result()


async def test_a_graph_that_a_worker_does_not_know_waits_for_one_that_does(
    serve: Serve, client: Client, task_queue: str
) -> None:
    run_id = f"{task_queue}-1"
    async with serve(questions):
        handle = await client.start_workflow(
            "greet", {"start_node": {"node_id": "Greet"}}, id=run_id, task_queue=task_queue
        )
        async with asyncio.timeout(30):
            while not (failures := [e async for e in handle.fetch_history_events() if _task_failure(e)]):
                await asyncio.sleep(0.05)
        assert "No graph is named 'greet' here. This worker runs: 'questions'." in _task_failure(failures[0])
    async with serve(greet):
        stop = await greet.get_run(client, run_id).proceed({"user_name": "Bob"}, interrupt_id="WaitForName:1")
        assert stop.is_end


async def test_an_answer_to_a_run_that_no_worker_can_go_on_with(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(questions):
        run_id = f"{task_queue}-1"
        handle = await client.start_workflow("greet", {}, id=run_id, task_queue=task_queue)
        cure = r"Does the worker on its task queue know its graph|Is one running on its task queue, with this graph"
        with pytest.raises(GraphError, match=cure):
            await greet.get_run(client, run_id).resume({"user_name": "Bob"})
        await handle.terminate()


def _task_failure(event: object) -> str:
    return event.workflow_task_failed_event_attributes.failure.message  # type: ignore[attr-defined]


@pytest.mark.parametrize("graph", [desk, short_desk], ids=["whole", "cut"])
async def test_what_would_start_another_run(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    """Inputs and state are for a new run. The same again do no harm, wherever the run stands; others are refused."""
    async with serve(graph) as client:

        async def proceed(state: Desk | None, node: Any = None, queue: str | None = task_queue) -> Any:
            given = node or Draft("a")
            return await graph.proceed(client, id=task_queue, from_node=given, state=state, task_queue=queue)

        async def others_are_refused() -> None:
            before = len(await events(client, task_queue, UPDATED))
            for queue in (task_queue, None):
                with pytest.raises(RunExistsError, match="already, and it was started with other"):
                    await proceed(Desk(amount=2), queue=queue)
            assert len(await events(client, task_queue, UPDATED)) == before, "nothing was written"

        for _ in range(2):
            assert (await proceed(Desk(amount=1))).is_interrupt
        assert (await proceed(None)).is_interrupt, "nothing was given, so nothing differs"
        await others_are_refused()
        with pytest.raises(GraphInputError, match="started with other"):
            await proceed(Desk(amount=2), Review("a", verdict="no"))
        for _ in range(3):
            stop = await proceed(Desk(amount=1), Review("a", verdict="no"))
        assert stop.state.lines[-1] == "draft a'''"
        await others_are_refused()
        await graph.get_run(client, task_queue).proceed({"verdict": "yes"})
        await graph.get_run(client, task_queue).proceed("web")
        assert (await proceed(Desk(amount=1))).is_end
        assert (await proceed(None)).is_end
        await others_are_refused()


async def test_an_id_is_used_once(serve: Serve, task_queue: str) -> None:
    """A run that has ended stays as it was; whoever wants to lose sight of it says so."""
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.cancel()
        with pytest.raises(RunCancelledError):
            await run.result()
        with pytest.raises(RunExistsError, match="exists already, open or ended"):
            await desk.start(client, Draft("b"), state=Desk(), id=task_queue, task_queue=task_queue)
        with pytest.raises(RunExistsError, match="exists already, open or ended"):
            await run.fork("1", id=task_queue, task_queue=task_queue)
        assert (await run.get_state()).status == "cancelled"
        again = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        await desk.start(client, Draft("b"), state=Desk(), id=task_queue, task_queue=task_queue, id_reuse_policy=again)
        assert (await run.wait()).state.lines == ["draft b"]
        await run.cancel()


async def test_a_node_that_would_start_another_run(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        asked = {"id": task_queue, "task_queue": task_queue}
        with pytest.raises(GraphInputError, match="takes inputs"):
            await desk.proceed(client, **asked)
        for _ in range(2):
            assert (await desk.proceed(client, from_node=Draft("a"), state=Desk(), **asked)).is_interrupt
        assert (await desk.proceed(client, **asked)).is_interrupt, "nothing to start with, and nothing to start"
        assert (await desk.proceed(client, from_node=Review("a"), **asked)).is_interrupt, "it waits there"
        with pytest.raises(GraphInputError, match="or at another node"):
            await desk.proceed(client, from_node=Draft("b"), **asked)
        assert (await desk.proceed(client, from_node=Review("a", verdict="yes"), **asked)).is_interrupt
        assert (await desk.get_run(client, task_queue).proceed("web")).is_end
        with pytest.raises(GraphInputError, match="or at another node"):
            await desk.proceed(client, from_node=Draft("b"), **asked)


async def test_an_answer_needs_no_state(serve: Serve, task_queue: str) -> None:
    """Whoever goes on with a run need not know what it was started with, whatever its graph needs to start."""
    async with serve(needy) as client:
        asked = {"id": task_queue, "task_queue": task_queue}
        stop = await needy.proceed(client, from_node=Sit(), state=Seat(7), **asked)
        assert stop.is_interrupt
        assert (await needy.proceed(client, id=task_queue, from_node=Sit())).is_interrupt
        assert (await needy.proceed(client, id=task_queue, from_node=Sit("Ana"))).output == "Ana at 7"
