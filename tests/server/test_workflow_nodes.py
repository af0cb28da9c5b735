"""Nodes with `execution="workflow"`: they run in the driver, wait at their own line, and leave no activity behind."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import AnswerRefusedError, GraphPlugin, GraphRunError, RunCancelledError
from tests.replay.serving import chain, replay, serving, until
from tests.server import option_graphs as graphs
from tests.server.conftest import Serve
from tests.server.looking import SCHEDULED, TIMER, events, is_unharmed
from tests.server.option_graphs import Compute, Tally


async def test_a_run_without_any_activity(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.talk) as client:
        run = await graphs.talk.start(client, Compute(4), state=Tally(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Talk:1.0"]
        # What a node in the workflow makes of the state is seen when the node ends, as with any other.
        assert (stop.state.count, stop.state.log) == (10, [])
        stop = await run.proceed("Ana")
        assert [question.value for question in stop.interrupts] == [{"name": "Ana"}]
        with pytest.raises(AnswerRefusedError, match="size"):
            await run.resume({"size": "large"})
        stop = await run.proceed({"size": 5})
        assert [question.interrupt_id for question in stop.interrupts] == ["Confirm:1"]
        assert stop.state.log == ["begun", "name Ana", "size 5"]  # each line once: nothing was done again
        stop = await run.proceed({"sure": True})
        assert stop.output == "Ana: True, 10, begun, name Ana, size 5"
        assert not await events(client, run.id, SCHEDULED)
        assert await is_unharmed(client, run.id)


async def test_several_wait_side_by_side(serve: Serve, task_queue: str) -> None:
    graph = graphs.side_by_side
    async with serve(graph) as client:
        run = await graph.start(client, inputs=["a", "b"], state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume(10, interrupt_id="each:2.0")
        stop = await run.wait()
        assert [question.value for question in stop.interrupts] == ["a one", "b two"]
        await run.resume(1, interrupt_id="each:1.0")
        await run.resume(2, interrupt_id="each:1.1")
        await run.resume(20, interrupt_id="each:2.1")
        result = await run.result()
        assert sorted(result.output) == ["a: 3", "b: 30"]
        assert sorted(result.state.log) == ["a asks", "a knows", "b asks", "b knows"]


async def test_sleep_is_a_durable_timer(serve: Serve, task_queue: str) -> None:
    graph = graphs.napping
    async with serve(graph) as client:
        run = await graph.start(client, inputs=["0.3", "0.2"], state=Tally(), id=task_queue, task_queue=task_queue)
        assert sorted((await run.result()).output) == ["slept 0.2", "slept 0.3"]
        assert len(await events(client, run.id, TIMER)) == 2


async def test_a_timer_outlives_its_worker(serve: Serve, task_queue: str) -> None:
    graph = graphs.napping
    async with serve(graph) as client:
        run = await graph.start(client, inputs=["1"], state=Tally(), id=task_queue, task_queue=task_queue)

        async def started() -> bool:
            return bool(await events(client, run.id, TIMER))

        await until(started)
    async with serve(graph):
        assert (await run.result()).output == ["slept 1"]


async def test_an_error_fails_the_run(serve: Serve, task_queue: str) -> None:
    graph = graphs.napping
    async with serve(graph) as client:
        run = await graph.start(client, inputs=["soon"], state=Tally(), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match="'each' failed with ValueError: could not convert string to float"):
            await run.result()
        assert await is_unharmed(client, run.id)


async def test_each_answer_finds_a_node_that_was_forgotten(server_address: str, task_queue: str) -> None:
    """A worker that keeps no run in memory brings the node to its line again, with its locals."""
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.talk)])
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        run = await graphs.talk.start(client, Compute(1), state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed("Ana")
        stop = await run.proceed({"size": 5}, interrupt_id="Talk:1.1")
        assert stop.state.log == ["begun", "name Ana", "size 5"]
        assert (await run.proceed({"sure": False})).output == "Ana: False, 1, begun, name Ana, size 5"


async def test_it_waits_while_the_run_continues_as_new(server_address: str, task_queue: str) -> None:
    """Then it runs again from its top, with the answers that there are; what it did to the state is done once."""
    graph = graphs.waiting_loop
    go: list[str] = []
    async with serving(server_address, task_queue, graph, deps=go) as client:
        run = await graph.start(client, inputs=["x"], state=Tally(), id=task_queue, task_queue=task_queue)

        async def halfway() -> bool:
            state = await run.get_state()
            return state.values.count == 11

        await until(halfway)
        await run.resume(1, interrupt_id="waits:1.0")
        go.append("go")
        await until(lambda: _spun(run))
        await run.resume(2, interrupt_id="waits:1.1")
        result = await run.result()
        assert sorted(result.output) == ["spun 24", "x: 1 2"]
        assert result.state.log == ["waits", "knows"]
        assert result.state.count == 24
        histories = await chain(client, run.id)
    assert len(histories) > 2
    await replay(histories, graph)


async def _spun(run: object) -> bool:
    state = await run.get_state()  # type: ignore[attr-defined]
    return state.values.count == 24 and state.next == ["waits"]


async def test_a_cancelled_run_leaves_its_line(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.talk) as client:
        run = await graphs.talk.start(client, Compute(1), state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await client.get_workflow_handle(run.id).cancel()
        async with asyncio.timeout(20):
            with pytest.raises(RunCancelledError):
                await run.result()
        assert await is_unharmed(client, run.id)


async def test_nobody_answers_in_time(serve: Serve, task_queue: str) -> None:
    """A node that does not wait any more goes on; its question is closed, and told to be."""
    async with serve(graphs.giving_up) as client:
        run = await graphs.giving_up.start(client, inputs="times out", id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == "nobody"
        told = [event.kind async for event in run.stream()]
        assert told == [
            "run_started",
            "node_started",
            "interrupt_opened",
            "interrupt_cancelled",
            "node_finished",
            "run_finished",
        ]
        assert [(c.kind, c.interrupts) async for c in run.history()] == [
            ("started", []),
            ("interrupt_opened", ["give_up:1.0"]),
            ("interrupt_cancelled", []),
            ("node_finished", []),
        ]
        assert await is_unharmed(client, run.id)


async def test_it_works_on_while_nothing_is_asked(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.giving_up) as client:
        run = await graphs.giving_up.start(client, inputs="works on", id=task_queue, task_queue=task_queue)
        await until(run.pending_interrupts)

        async def closed() -> bool:
            return not await run.pending_interrupts()

        await until(closed)
        assert (await run.get_state()).status == "running"
        with pytest.raises(AnswerRefusedError, match="No question is open"):
            await run.resume("late")
        assert (await run.result()).output == "nobody"
        assert await is_unharmed(client, run.id)


async def test_it_asks_something_else(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.giving_up) as client:
        run = await graphs.giving_up.start(client, inputs="asks again", id=task_queue, task_queue=task_queue)

        async def other() -> bool:
            return [question.interrupt_id for question in await run.pending_interrupts()] == ["give_up:1.1"]

        await until(other)
        with pytest.raises(AnswerRefusedError, match=r"closed: The question .give_up:1.0. is not asked any more"):
            await run.resume("late", interrupt_id="give_up:1.0")
        await run.resume("in time")
        assert (await run.result()).output == "in time"
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize(
    ("inputs", "outcome"),
    [
        ("fails", "'give_up' failed with TimeoutError"),
        ("sibling", "'give_up' failed with ValueError: the other one"),
        ("two", "'give_up' failed with InterruptError: A node with execution='workflow' asks two questions at once"),
        ("forgets", "went on, False"),
    ],
    ids=["fails", "sibling", "two", "forgets"],
)
async def test_it_ends_with_an_open_question(serve: Serve, task_queue: str, inputs: str, outcome: str) -> None:
    async with serve(graphs.giving_up) as client:
        run = await graphs.giving_up.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)
        async with asyncio.timeout(20):
            if inputs == "forgets":
                assert (await run.result()).output == outcome
            else:
                with pytest.raises(GraphRunError, match=outcome):
                    await run.result()
        assert (await run.get_state()).interrupts == []
        assert await is_unharmed(client, run.id)


async def test_an_answer_just_as_its_time_is_up(serve: Serve, task_queue: str) -> None:
    """Whichever comes first: the run ends, with the answer or without, and a late one is refused."""
    async with serve(graphs.giving_up) as client:

        async def one(number: int) -> None:
            run_id = f"{task_queue}-{number}"
            run = await graphs.giving_up.start(client, inputs="times out", id=run_id, task_queue=task_queue)
            await asyncio.sleep(0.2 + number * 0.02)
            try:
                await run.resume("just in time", interrupt_id="give_up:1.0")
            except AnswerRefusedError as refused:
                assert refused.reason in ("closed", "unknown_interrupt")  # noqa: PT017
                assert (await run.result()).output == "nobody"
            else:
                assert (await run.result()).output in ("just in time", "nobody")
            assert await is_unharmed(client, run.id)

        await asyncio.gather(*(one(number) for number in range(16)))
