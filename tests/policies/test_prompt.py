"""An interrupt node composes what it shows, in an activity, once, however often anything is tried again or replayed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import Abort, AnswerRefusedError, Command, GraphRunError, Retry, Skip, TemporalGraph
from tests.faults.conftest import SOON
from tests.policies import prompt_graphs as graphs
from tests.policies.conftest import Serve
from tests.policies.prompt_graphs import Begin, Counted, Draft, Review
from tests.replay.serving import chain, replay, serving, until
from tests.server.looking import SCHEDULED, events, is_unharmed
from tests.support.process import Process

Graph = TemporalGraph[Any, Any, Any, Any]
AS_ACTIVITIES = pytest.mark.parametrize("graph", [graphs.review, graphs.local], ids=["activity", "local"])


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    """What the graphs count in."""
    return Counted(tmp_path / "counted")


@AS_ACTIVITIES
async def test_it_is_composed_from_state_and_deps(
    serve: Serve, task_queue: str, graph: Graph, counted: Counted
) -> None:
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Begin("composes"), state=Draft("hello"), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert (asked.interrupt_id, asked.kind) == ("Review:1", "node")
        assert asked.value == {"summary": {"title": "HELLO", "count": 1}, "of": "composes"}
        assert asked.response_schema is not None
        assert list(asked.response_schema["properties"]) == ["approved"]
        with pytest.raises(AnswerRefusedError):
            await run.resume({"approved": "perhaps"})
        stop = await run.proceed({"approved": False}, actor="ann")  # the next visit has a question of its own
        assert (stop.interrupts[0].interrupt_id, stop.interrupts[0].value["summary"]["count"]) == ("Review:2", 2)
        await run.proceed({"approved": True}, actor="bob")
        assert (await run.proceed(True)).output == "composes approved by bob: True"
        assert await is_unharmed(client, run.id)
    assert counted.lines() == ["composed", "composed"]


async def test_it_is_an_activity_of_its_node(serve: Serve, task_queue: str, counted: Counted) -> None:
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("composes"), state=Draft(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [event] = await events(client, run.id, SCHEDULED)
        assert event.activity_task_scheduled_event_attributes.activity_type.name == "prompt_activity.Review"
        assert event.activity_task_scheduled_event_attributes.retry_policy.maximum_attempts == 3


async def test_workers_that_remember_nothing(server_address: str, task_queue: str, counted: Counted) -> None:
    graph = graphs.review
    async with serving(server_address, task_queue, graph, deps=counted) as client:
        run = await graph.start(client, Review("composes"), state=Draft(), id=task_queue, task_queue=task_queue)
        await run.wait()
    for _ in range(3):
        async with serving(server_address, task_queue, graph, deps=counted):
            [asked] = await run.pending_interrupts()
            assert asked.value["summary"]["count"] == 1
    async with serving(server_address, task_queue, graph, deps=counted):
        await run.proceed({"approved": True}, actor="ann")
        assert (await run.proceed(True)).is_end
    await replay(await chain(client, run.id), graph)
    assert counted.lines() == ["composed"]


async def test_a_node_that_fails_after_its_answer_asks_nothing_again(
    serve: Serve, task_queue: str, counted: Counted
) -> None:
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("composes", 4), state=Draft(), id=task_queue, task_queue=task_queue)
        await run.wait()
        stop = await run.proceed({"approved": True}, actor="ann")
        assert stop.interrupts[0].interrupt_id == "Review:1.failure"
        stop = await run.proceed(Retry())
        assert stop.interrupts[0].interrupt_id == "Review:1.0"
        assert (await run.proceed(True)).output == "composes approved by ann: True"
    assert counted.lines().count("composed") == 1


async def test_while_the_run_continues_as_new(server_address: str, task_queue: str, counted: Counted) -> None:
    graph = graphs.short
    async with serving(server_address, task_queue, graph, deps=counted) as client:
        run = await graph.start(client, Begin("composes"), state=Draft(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        for number in range(1, 4):
            assert stop.interrupts[0].value["summary"]["count"] == number
            stop = await run.proceed({"approved": number == 3}, actor="ann", interrupt_id=f"Review:{number}")
        assert (await run.proceed(True)).is_end
        histories = await chain(client, run.id)
    assert len(histories) > 2
    await replay(histories, graph)
    assert counted.lines() == ["composed"] * 3


async def test_a_fork_shows_what_was_composed(serve: Serve, task_queue: str, counted: Counted) -> None:
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("composes"), state=Draft(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed({"approved": True}, actor="ann")
        at = {c.interrupts[0]: c.checkpoint_id async for c in run.history() if c.interrupts}
        fork = await run.fork(at["Review:1"], id=f"{task_queue}-fork", task_queue=task_queue)
        [asked] = (await fork.wait()).interrupts
        assert (asked.interrupt_id, asked.value["summary"]["count"]) == ("Review:1", 1)
        await fork.proceed({"approved": True}, actor="bob")
        assert (await fork.proceed(True)).output == "composes approved by bob: True"
    assert counted.lines() == ["composed"]


async def test_its_worker_is_killed(server_address: str, task_queue: str, counted: Counted, tmp_path: Path) -> None:
    """In the middle of it: it is composed again. When it has been composed: it is not."""
    graph = graphs.review
    code = (
        "import asyncio, pathlib, sys\n"
        "from tests.policies import prompt_graphs as graphs\n"
        "from tests.replay.serving import serving\n"
        "async def main():\n"
        "    deps = graphs.Counted(pathlib.Path(sys.argv[3]))\n"
        "    async with serving(sys.argv[1], sys.argv[2], graphs.review, deps=deps):\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )

    def worker(number: int) -> Process:
        argv = [sys.executable, "-c", code, server_address, task_queue, str(counted.path)]
        return Process(argv, log=tmp_path / f"worker-{number}.log")

    counted.hold().touch()
    client = await Client.connect(server_address)
    run = await graph.start(client, Review("waits"), state=Draft(), id=task_queue, task_queue=task_queue, **SOON)

    async def begun() -> bool:
        return "begun" in counted.lines()

    async with worker(1):
        await until(begun)
    counted.hold().unlink()
    async with worker(2):
        assert (await run.wait()).interrupts[0].value == 2
    async with worker(3):
        assert (await run.wait()).interrupts[0].value == 2
        await run.proceed({"approved": True}, actor="ann")
        assert (await run.proceed(True)).is_end
    assert counted.lines() == ["begun", "begun", "ended"]


@AS_ACTIVITIES
@pytest.mark.parametrize(
    ("part", "value", "lines"), [("fails_twice", 3, ["tried"] * 3), ("does_once", 1, ["model", "tried", "tried"])]
)
async def test_it_is_tried_again(
    serve: Serve, task_queue: str, graph: Graph, counted: Counted, part: str, value: int, lines: list[str]
) -> None:
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review(part), state=Draft(), id=task_queue, task_queue=task_queue)
        assert (await run.wait()).interrupts[0].value == value
        await run.proceed({"approved": True}, actor="ann")  # what the prompt has done once, the node has done
    assert counted.lines() == lines


@AS_ACTIVITIES
async def test_it_fails_for_good(serve: Serve, task_queue: str, graph: Graph, counted: Counted) -> None:
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("fails"), state=Draft(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert (asked.interrupt_id, asked.kind) == ("Review:1.failure", "failure")
        assert asked.value["error"] == {"type": "ConnectionError", "message": "the model is gone"}
        assert asked.value["attempts"] == 3
        with pytest.raises(AnswerRefusedError):
            await run.resume(Skip("x"))
        stop = await run.proceed(Command(resume=Retry(), update={"text": "edited"}))
        assert [(asked.interrupt_id, asked.value) for asked in stop.interrupts] == [("Review:1", "at last")]
        await run.proceed({"approved": True}, actor="ann")
        assert (await run.proceed(True)).output == "fails approved by ann: True"


async def test_it_fails_the_run(serve: Serve, task_queue: str, counted: Counted) -> None:
    graph = graphs.plain
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("fails"), state=Draft(), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match="'Review' failed with ConnectionError: the model is gone"):
            await run.result()


@AS_ACTIVITIES
@pytest.mark.parametrize(
    ("part", "type_", "message"),
    [
        ("changes", "InterruptError", "changed the state; it only looks at it"),
        ("is_large", "PayloadTooLargeError", "is 3,0"),
        ("is_no_json", "InterruptError", "cannot be written as JSON"),
        ("is_circular", "InterruptError", "cannot be written as JSON"),
        ("asks", "InterruptError", "interrupt() was called"),
    ],
    ids=["changes", "is_large", "is_no_json", "is_circular", "asks"],
)
async def test_it_is_no_prompt(
    serve: Serve, task_queue: str, graph: Graph, counted: Counted, part: str, type_: str, message: str
) -> None:
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review(part), state=Draft(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert (asked.value["error"]["type"], asked.value["attempts"]) == (type_, 1)
        assert message in asked.value["error"]["message"]
        assert (await run.get_state()).values == Draft()
        stop = await run.proceed(Retry(inputs=Review("composes")))
        assert stop.interrupts[0].value["of"] == "composes"
        assert await is_unharmed(client, run.id)


async def test_what_is_long_is_shown_whole(serve: Serve, task_queue: str, counted: Counted) -> None:
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("is_long"), state=Draft(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value == "x" * 1_000_000
        await run.proceed({"approved": True})
        assert await is_unharmed(client, run.id)


async def test_it_tells_who_listens(serve: Serve, task_queue: str, counted: Counted) -> None:
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(
            client,
            Review("emits"),
            state=Draft(),
            id=task_queue,
            task_queue=task_queue,
            interrupt_before=["Review"],
        )
        await run.wait()

        async def listen() -> list[Any]:
            return [event.data["data"] async for event in run.stream() if event.kind == "emitted"]

        task = asyncio.create_task(listen())
        await until(lambda: client.get_workflow_handle(run.id).query("is_heard"))
        assert (await run.proceed()).interrupts[0].value == "emitted"
        await run.proceed({"approved": True}, actor="ann")
        await run.proceed(True)
        assert await task == ["a", "b"]


async def test_before_it_a_breakpoint(serve: Serve, task_queue: str, counted: Counted) -> None:
    """Nothing is composed before the run goes on, from the state that there is by then."""
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(
            client,
            Review("composes"),
            state=Draft(),
            id=task_queue,
            task_queue=task_queue,
            interrupt_before=["Review"],
        )
        assert [asked.interrupt_id for asked in (await run.wait()).interrupts] == ["Review:1.before"]
        assert counted.lines() == []
        await run.update_state({"text": "edited"})
        stop = await run.proceed()
        assert [asked.interrupt_id for asked in stop.interrupts] == ["Review:1"]
        assert stop.interrupts[0].value["summary"]["title"] == "EDITED"
    assert counted.lines() == ["composed"]


async def test_an_answer_that_came_before_it(serve: Serve, task_queue: str, counted: Counted) -> None:
    """It is checked and taken when the question opens, which is when it has been composed."""
    graph = graphs.review
    counted.hold().touch()
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Review("waits"), state=Draft(), id=task_queue, task_queue=task_queue)

        async def begun() -> bool:
            return counted.lines() == ["begun"]

        await until(begun)
        taken = await run.resume({"approved": True}, interrupt_id="Review:1", actor="ann")
        assert taken.is_early
        assert await run.pending_interrupts() == []
        counted.hold().unlink()
        stop = await run.wait()
        assert [asked.interrupt_id for asked in stop.interrupts] == ["Review:1.0"]
        assert (await run.proceed(True)).output == "waits approved by ann: True"
        assert await is_unharmed(client, run.id)


async def test_an_answer_for_one_that_fails(serve: Serve, task_queue: str, counted: Counted) -> None:
    graph = graphs.review
    async with serve(graph, deps=counted) as client:
        run = await graph.start(client, Begin("fails"), state=Draft(), id=task_queue, task_queue=task_queue)
        await run.resume({"approved": True}, interrupt_id="Review:1", actor="ann")
        [asked] = (await run.wait()).interrupts
        assert asked.interrupt_id == "Review:1.failure"
        stop = await run.proceed(Command(resume=Retry(), update={"text": "edited"}))
        assert [asked.interrupt_id for asked in stop.interrupts] == ["Review:1.0"]
        other = await graph.start(client, Begin("fails"), state=Draft(), id=f"{task_queue}-2", task_queue=task_queue)
        await other.wait()
        with pytest.raises(GraphRunError, match="the model is gone"):
            await other.proceed(Abort())


async def test_in_this_process(counted: Counted) -> None:
    run = graphs.review.local(deps=counted)
    stop = await run.proceed(from_node=Review("composes"), state=Draft())
    assert stop.interrupts[0].value["summary"]["count"] == 1
    stop = await run.proceed({"approved": True}, actor="ann")
    assert (await run.proceed(True)).output == "composes approved by ann: True"
    assert counted.lines() == ["composed"]
