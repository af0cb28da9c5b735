"""Many who look at one run, and many who answer it: a server lets ten updates of a run be under way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.contrib.workflow_streams._types import PollInput
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_graph import (
    GraphError,
    GraphPlugin,
    GraphRun,
    NoWorkerError,
    RunBusyError,
    RunCancelledError,
    RunExistsError,
    RunNotFoundError,
    Stop,
    TemporalGraph,
    interrupt,
)
from temporal_graph.temporal import client as calls
from temporal_graph.temporal import feed, streaming
from temporal_graph.temporal.names import MOST_WAIT, TOO_MANY_WAIT
from tests.replay.serving import chain, until
from tests.server.conftest import Serve
from tests.server.looking import UPDATED, events, heard, is_unharmed
from tests.server.steering_graphs import Desk, Gate, Lap, laps
from tests.support.server import DYNAMIC_CONFIG, DevServer

pytestmark = pytest.mark.needs_cache

POLL = "__temporal_workflow_stream_poll"


def _survey() -> TemporalGraph[None, None, list[int], list[str]]:
    g = GraphBuilder(name="survey", input_type=list[int], output_type=list[str])

    @g.step
    async def ask(ctx: StepContext[None, None, int]) -> str:
        return await interrupt(f"question {ctx.inputs}", response_type=str)

    every = g.join(reduce_list_append, initial_factory=list[str], node_id="every")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(ask),
        g.edge_from(ask).to(every),
        g.edge_from(every).to(g.end_node),
    )
    return TemporalGraph(g.build())


def _slow_survey() -> TemporalGraph[None, Gate, list[int], list[int]]:
    g = GraphBuilder(name="slow_survey", deps_type=Gate, input_type=list[int], output_type=list[int])

    @g.step
    async def ask(ctx: StepContext[None, Gate, int]) -> int:
        if ctx.inputs == 0:
            await ctx.deps.go.wait()
            return 0
        return await interrupt(ctx.inputs, response_type=int)

    every = g.join(reduce_list_append, initial_factory=list[int], node_id="every")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(ask),
        g.edge_from(ask).to(every),
        g.edge_from(every).to(g.end_node),
    )
    return TemporalGraph(g.build())


survey, slow_survey = _survey(), _slow_survey()


async def asked(run: GraphRun[Any, Any], count: int) -> list[str]:
    """The ids of the questions, when so many are open."""

    async def all_of_them() -> bool:
        return len(await run.pending_interrupts()) == count

    await until(all_of_them)
    return [question.interrupt_id for question in await run.pending_interrupts()]


async def read(run: GraphRun[Any, Any]) -> list[tuple[int, str]]:
    """All events up to the end."""
    return [(event.number, event.kind) async for event in run.stream()]


async def updates(client: Client, run: GraphRun[Any, Any]) -> int:
    """How many updates the run has taken in."""
    return [event.event_type for event in await events(client, run.id)].count(UPDATED)


# -- Readers --------------------------------------------------------------------------------------------------------


async def test_answers_beside_readers_and_waiters(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0], id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.pause()  # so that nothing stops for a while
        await run.unpause()
        readers = [asyncio.create_task(read(run)) for _ in range(40)]
        await heard(client, run)
        waiters = [asyncio.create_task(run.result()) for _ in range(5)]
        await run.resume("yes")
        async with asyncio.timeout(30):
            found = await asyncio.gather(*readers)
            assert found[0][-1][1] == "run_finished"
            assert found == [found[0]] * 40
            assert [result.output for result in await asyncio.gather(*waiters)] == [["yes"]] * 5


async def test_idle_readers_cost_one_update_however_many_they_are(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0], id=task_queue, task_queue=task_queue)
        await run.wait()
        before = await updates(client, run)
        readers = [asyncio.create_task(read(run)) for _ in range(12)]
        await heard(client, run)
        other = await Client.connect(client.service_client.config.target_host, plugins=[GraphPlugin(survey)])
        readers += [asyncio.create_task(read(survey.get_run(other, run.id))) for _ in range(12)]
        await asyncio.sleep(3)
        assert await updates(client, run) == before + 1
        length = len(await events(client, run.id))
        await asyncio.sleep(3)
        assert len(await events(client, run.id)) == length
        await run.resume("yes")
        async with asyncio.timeout(30):
            assert {found[-1][1] for found in await asyncio.gather(*readers)} == {"run_finished"}


async def test_readers_that_come_and_go_leave_nothing_behind(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0], id=task_queue, task_queue=task_queue)
        await run.wait()
        before = await updates(client, run)
        for _ in range(15):
            reader = asyncio.create_task(read(run))
            await asyncio.sleep(0.2)
            reader.cancel()
            await asyncio.wait([reader])
        assert await updates(client, run) <= before + 1
        await run.resume("yes")
        assert (await read(run))[-1][1] == "run_finished"


async def test_readers_in_several_event_loops(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0], id=task_queue, task_queue=task_queue)
        await run.wait()
        found: list[list[tuple[int, str]]] = []

        async def elsewhere() -> None:
            own = await Client.connect(client.service_client.config.target_host, plugins=[GraphPlugin(survey)])
            found.extend(await asyncio.gather(*(read(survey.get_run(own, run.id)) for _ in range(3))))

        threads = [threading.Thread(target=asyncio.run, args=(elsewhere(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        reader = asyncio.create_task(read(run))
        await heard(client, run)
        await run.resume("yes")
        for thread in threads:
            await asyncio.to_thread(thread.join, 60)
        assert found == [await reader] * 9


async def test_a_run_that_continues_as_new_under_its_readers(serve: Serve, task_queue: str) -> None:
    async with serve(laps) as client:
        run = await laps.start(client, Lap(60), state=Desk(), id=task_queue, task_queue=task_queue)
        readers = [asyncio.create_task(read(run)) for _ in range(12)]
        waiters = [asyncio.create_task(run.wait()) for _ in range(12)]
        async with asyncio.timeout(60):
            found = await asyncio.gather(*readers)
            assert [stop.is_end for stop in await asyncio.gather(*waiters)] == [True] * 12
        assert found == [found[0]] * 12
        assert [number for number, _ in found[0]] == list(range(len(found[0])))
        assert found[0][-1][1] == "run_finished"


async def test_a_reader_that_is_late_misses_nothing(
    serve: Serve, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the run has not taken along is in its earlier histories."""
    monkeypatch.setattr(streaming, "CARRIED", 3)
    monkeypatch.setattr(feed, "COOLDOWN", 1)
    monkeypatch.setattr(feed, "LONGER", 1)
    async with serve(laps) as client:
        run = await laps.start(client, Lap(30), state=Desk(), id=task_queue, task_queue=task_queue)
        async with asyncio.timeout(60):
            found = await read(run)
        assert len(await chain(client, run.id)) > 2
        assert [number for number, _ in found] == list(range(len(found)))
        assert found[-1][1] == "run_finished"


async def test_readers_of_other_programs_leave_room_for_answers_and_for_ours(serve: Serve, task_queue: str) -> None:
    """Each of them has an update of its own: Temporal's own stream client, and bare updates."""
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0, 1], id=task_queue, task_queue=task_queue)
        first, second = await asked(run, 2)
        handle: Any = client.get_workflow_handle(run.id)
        end = (await handle.query(POLL, PollInput(["events"], 0)))["next_offset"]

        async def poll() -> Any:
            return await handle.execute_update(POLL, PollInput(["events"], end))

        async def subscribe() -> str:
            async for item in WorkflowStreamClient.create(client, run.id).subscribe(["events"], end):
                if item.data["kind"] == "run_finished":
                    return item.data["kind"]
            return ""

        polls = [asyncio.create_task(poll()) for _ in range(12)]
        done, held = await asyncio.wait(polls, timeout=5)
        assert len(held) == MOST_WAIT
        refusals = [task.exception() for task in done]
        causes = [error.cause for error in refusals if isinstance(error, WorkflowUpdateFailedError)]
        assert {cause.type for cause in causes if isinstance(cause, ApplicationError)} == {"StreamDraining"}
        others = [asyncio.create_task(subscribe()) for _ in range(3)]
        came = asyncio.Event()

        async def listen() -> None:
            async for event in run.stream():
                if event.kind == "interrupt_answered":
                    came.set()

        reader = asyncio.create_task(listen())
        await asyncio.sleep(1)
        async with asyncio.timeout(30):
            await run.resume("yes", interrupt_id=first)
            await came.wait()
            await run.resume("yes", interrupt_id=second)
            await reader
            assert await asyncio.gather(*others) == ["run_finished"] * 3


# -- Those who wait -------------------------------------------------------------------------------------------------


async def test_bare_updates_that_wait_leave_room_for_answers(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0, 1], id=task_queue, task_queue=task_queue)
        first, second = await asked(run, 2)
        handle: Any = client.get_workflow_handle(run.id)
        gone: Any = {"interrupt_id": first, "value": "yes", "answer_id": "a"}
        stops = [asyncio.create_task(handle.execute_update("proceed")) for _ in range(12)]
        assert {stop["status"] for stop in await asyncio.gather(*stops)} == {"waiting"}  # at once
        await handle.execute_update("proceed", gone)
        await run.pause()
        await run.resume("yes", interrupt_id=second)
        await run.unpause()
        assert (await run.result()).output == ["yes", "yes"]


@pytest.mark.parametrize("sent", [None, "answer"])
async def test_no_more_than_a_few_wait_in_a_run(serve: Serve, task_queue: str, sent: str | None) -> None:
    gate = Gate()
    async with serve(slow_survey, deps=gate) as client:
        run = await slow_survey.start(client, inputs=list(range(13)), id=task_queue, task_queue=task_queue)
        ids = await asked(run, 12)
        handle: Any = client.get_workflow_handle(run.id)

        def call(number: int) -> Awaitable[Any]:
            answer = {"interrupt_id": ids[number], "value": number}
            return handle.execute_update("proceed", None if sent is None else answer)

        waiting = [asyncio.ensure_future(call(number)) for number in range(8)]
        done, held = await asyncio.wait(waiting, timeout=8)
        assert len(held) == MOST_WAIT
        for task in done:
            error: Any = task.exception()
            assert isinstance(error, WorkflowUpdateFailedError)
            assert isinstance(error.cause, ApplicationError)
            assert error.cause.type == TOO_MANY_WAIT
        # Ours wait all the same, and answer.
        stops: list[asyncio.Task[Stop[Any, Any]]] = [asyncio.create_task(run.wait()) for _ in range(10)]
        left = [question.interrupt_id for question in await run.pending_interrupts()]
        stops += [asyncio.create_task(run.proceed(5, interrupt_id=name)) for name in left[1:]]
        last = await asked(run, 1)
        assert last == left[:1]
        assert not [stop for stop in stops if stop.done()]
        gate.go.set()
        async with asyncio.timeout(30):
            assert {stop.interrupts[0].interrupt_id for stop in await asyncio.gather(*stops)} == set(last)
            await asyncio.wait(held)
        assert (await run.proceed(5)).is_end
        assert await is_unharmed(client, run.id)


async def test_many_who_wait_for_what_is_cancelled(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=[0], id=task_queue, task_queue=task_queue)
        await run.wait()
        readers = [asyncio.create_task(read(run)) for _ in range(6)]
        await heard(client, run)
        await run.cancel()
        async with asyncio.timeout(30):
            assert {found[-1][1] for found in await asyncio.gather(*readers)} == {"run_cancelled"}
        waiters = [asyncio.create_task(run.wait()) for _ in range(6)]
        for error in await asyncio.gather(*waiters, return_exceptions=True):
            assert isinstance(error, RunCancelledError)


# -- Those who answer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["resume", "proceed"])
async def test_fifty_who_answer_at_once(serve: Serve, task_queue: str, how: str) -> None:
    async with serve(survey) as client:
        run = await survey.start(client, inputs=list(range(50)), id=task_queue, task_queue=task_queue)
        ids = await asked(run, 50)
        call: Callable[..., Awaitable[Any]] = run.resume if how == "resume" else run.proceed
        async with asyncio.timeout(60):
            await asyncio.gather(*(call("yes", interrupt_id=name, answer_id=name) for name in ids))
        assert (await run.result()).output == ["yes"] * 50


async def test_many_who_answer_from_many_programs(serve: Serve, task_queue: str) -> None:
    """Each has a client of its own, and knows nothing of the others: more come at once than a server lets in."""
    async with serve(survey) as client:
        run = await survey.start(client, inputs=list(range(60)), id=task_queue, task_queue=task_queue)
        ids = await asked(run, 60)
        address = client.service_client.config.target_host
        programs = [await Client.connect(address, plugins=[GraphPlugin(survey)]) for _ in range(12)]
        runs = [survey.get_run(program, run.id) for program in programs]
        async with asyncio.timeout(60):
            await asyncio.gather(*(runs[n % 12].resume("yes", interrupt_id=name) for n, name in enumerate(ids)))
        assert (await run.result()).output == ["yes"] * 60


@pytest.mark.parametrize("programs", [1, 6])
async def test_fifty_who_start_the_same_run(serve: Serve, task_queue: str, programs: int) -> None:
    async with serve(survey) as client:
        address = client.service_client.config.target_host
        clients = [await Client.connect(address, plugins=[GraphPlugin(survey)]) for _ in range(programs)]

        def start(number: int, inputs: list[int]) -> Awaitable[Stop[Any, Any]]:
            return survey.proceed(clients[number % programs], inputs=inputs, id=task_queue, task_queue=task_queue)

        async with asyncio.timeout(60):
            stops = await asyncio.gather(*(start(number, [0, 1]) for number in range(50)))
            assert {len(stop.interrupts) for stop in stops} == {2}
            others = await asyncio.gather(*(start(number, [2]) for number in range(20)), return_exceptions=True)
        assert {type(error) for error in others} == {RunExistsError}


async def test_fifty_who_start_runs_of_their_own(serve: Serve, task_queue: str) -> None:
    async with serve(survey) as client, asyncio.timeout(100):
        calls = [survey.proceed(client, inputs=[n], id=f"{task_queue}-{n}", task_queue=task_queue) for n in range(50)]
        assert [len(stop.interrupts) for stop in await asyncio.gather(*calls)] == [1] * 50


async def test_those_who_start_what_cannot_start_are_all_told_why(serve: Serve, task_queue: str) -> None:
    """The first one is refused by the server, and the next one takes its place."""
    async with serve(survey) as client:
        options: Any = {"id": task_queue, "task_queue": task_queue, "execution_timeout": timedelta(seconds=-1)}
        calls = [survey.proceed(client, inputs=[0], **options) for _ in range(8)]
        async with asyncio.timeout(60):
            errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in errors] == [GraphError] * 8


@pytest.mark.slow
async def test_where_nobody_is_there_all_are_told_so(client: Client, task_queue: str) -> None:
    plugged = await Client.connect(client.service_client.config.target_host, plugins=[GraphPlugin(survey)])
    run = await survey.start(plugged, inputs=[0], id=task_queue, task_queue=task_queue)
    began = time.monotonic()
    calls = [run.resume("yes", answer_id=str(number)) for number in range(30)]
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, NoWorkerError)
        assert "answer_id=" in str(error) or "No worker answered" in str(error)
    assert time.monotonic() - began < 60
    for look in (run.get_state, run.pending_interrupts, lambda: anext(run.stream())):
        with pytest.raises(NoWorkerError):
            await look()


async def test_a_run_that_is_not_there(client: Client, task_queue: str) -> None:
    plugged = await Client.connect(client.service_client.config.target_host, plugins=[GraphPlugin(survey)])
    run = survey.get_run(plugged, f"no-{task_queue}")
    with pytest.raises(RunNotFoundError):
        async for _ in run.stream():
            pass
    for call in (run.wait, run.proceed, run.get_state, lambda: run.resume("yes")):
        with pytest.raises(RunNotFoundError):
            await call()


# -- At the limits of a server --------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_run_that_others_keep_busy_says_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 5)
    config = {**DYNAMIC_CONFIG, "history.maxInFlightUpdates": 1}
    async with DevServer(tmp_path, dynamic_config=config) as server:
        client = await server.connect(GraphPlugin(survey))
        async with Worker(client, task_queue="q"):
            run = await survey.start(client, inputs=[0], id="r", task_queue="q")
            await asked(run, 1)
            reader = asyncio.create_task(read(run))
            await heard(client, run)
            with pytest.raises(RunBusyError, match="in-flight updates"):
                await run.resume("yes")
            await client.get_workflow_handle("r").signal("resume", {"value": "yes"})
            assert (await reader)[-1][1] == "run_finished"


async def test_a_history_that_takes_no_more_updates(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 3)
    config = {
        **DYNAMIC_CONFIG,
        "history.maxTotalUpdates": 5,
        "history.maxTotalUpdates.suggestContinueAsNewThreshold": 0,
    }
    async with DevServer(tmp_path, dynamic_config=config) as server:
        client = await server.connect(GraphPlugin(survey))
        async with Worker(client, task_queue="q"):
            run = await survey.start(client, inputs=list(range(8)), id="r", task_queue="q")
            ids = await asked(run, 8)
            for name in ids[:5]:
                await run.resume("yes", interrupt_id=name)
            reader = asyncio.create_task(read(run))
            stop = await run.wait()
            assert len(stop.interrupts) == 3
            with pytest.raises(RunBusyError, match="A signal is taken all the same"):
                await run.resume("yes", interrupt_id=ids[5])
            for name in ids[5:]:
                await client.get_workflow_handle("r").signal("resume", {"value": "yes", "interrupt_id": name})
            assert (await reader)[-1][1] == "run_finished"
