"""Nodes in the workflow that call functions as activities with `step`, and go on from their own line."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import GraphRun, GraphRunError, Retry, RunCancelledError, Skip, TemporalGraph
from tests.policies import step_graphs as graphs
from tests.policies.conftest import Serve
from tests.policies.step_graphs import Book, Task, lines
from tests.replay.serving import chain, replay, serving, until
from tests.server.looking import SCHEDULED, events, is_unharmed

Graph = TemporalGraph[Any, Any, Any, Any]
EVERYWHERE = pytest.mark.parametrize(
    "graph", [graphs.here, graphs.short, graphs.activity], ids=["workflow", "continued_as_new", "activity"]
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The file that functions write into."""
    return str(tmp_path / "lines")


async def start(client: Client, graph: Graph, scenario: str, path: str, task_queue: str) -> GraphRun[Any, Any]:
    return await graph.start(client, inputs=Task(scenario, path), state=Book(), id=task_queue, task_queue=task_queue)


async def answered(run: GraphRun[Any, Any], *answers: Any) -> str:
    """What comes out when the questions get these answers."""
    for answer in answers:
        await run.wait()
        await run.resume(answer)
    return (await run.result()).output


@EVERYWHERE
@pytest.mark.parametrize(
    ("scenario", "answers", "output", "written"),
    [
        ("keeps_locals", ["a", "b", "c"], "1 a, 1 b, 1 c", ["line 0", "line 1", "line 2"]),
        (
            "is_typed",
            [None],
            "Bill(number=4, total=Decimal('1.10')) Bill(number=7, total=Decimal('2'))",
            [],
        ),
        (
            "gathers",
            ["a"],
            "['0: 1 1', '1: 1 1', '2: 1 1'] ['name 0', 'name 1'] a",
            ["0 one", "0 two", "1 one", "1 two", "2 one", "2 two", "name 0", "name 1"],
        ),
        (
            "passes",
            ["a", "b", "c", "d"],
            "['0 two', '1 two', '2 two'] ['a', 'b', 'c', 'd']",
            ["0 one", "0 two", "1 one", "1 two", "2 one", "2 two"],
        ),
        ("goes_on_without", ["a"], "1 a", ["after", "large"]),
    ],
    ids=["keeps_locals", "is_typed", "gathers", "passes", "goes_on_without"],
)
async def test_each_step_is_done_once(
    server_address: str,
    task_queue: str,
    path: str,
    graph: Graph,
    scenario: str,
    answers: list[Any],
    output: str,
    written: list[str],
) -> None:
    async with serving(server_address, task_queue, graph) as client:
        run = await start(client, graph, scenario, path, task_queue)
        assert await answered(run, *answers) == output
        assert sorted(lines(path)) == written
        histories = await chain(client, run.id)
        assert await is_unharmed(client, run.id)
    assert (len(histories) > 1) == (graph is graphs.short)
    await replay(histories, graph)


@pytest.mark.parametrize("graph", [graphs.here, graphs.short], ids=["workflow", "continued_as_new"])
async def test_a_node_in_the_workflow_keeps_much(server_address: str, task_queue: str, path: str, graph: Graph) -> None:
    async with serving(server_address, task_queue, graph) as client:
        run = await start(client, graph, "gets_much", path, task_queue)
        assert await answered(run, "a") == "1000000 a"
        await replay(await chain(client, run.id), graph)
    assert lines(path) == ["large"]


@pytest.mark.parametrize("scenario", ["keeps_locals", "passes", "is_typed"])
async def test_in_this_process(path: str, scenario: str) -> None:
    run = graphs.here.local()
    stop = await run.proceed(inputs=Task(scenario, path), state=Book())
    while stop.is_interrupt:
        stop = await run.proceed("a")
    assert set(Counter(lines(path)).values()) <= {1}
    assert stop.is_end


async def test_workers_that_remember_nothing(server_address: str, task_queue: str, path: str) -> None:
    async with serving(server_address, task_queue, graphs.here) as client:
        run = await start(client, graphs.here, "keeps_locals", path, task_queue)
        await run.wait()
    for answer in ("a", "b", "c"):
        async with serving(server_address, task_queue, graphs.here):
            await run.proceed(answer)
    assert (await run.result()).output == "1 a, 1 b, 1 c"
    assert lines(path) == ["line 0", "line 1", "line 2"]


async def test_an_activity_has_the_name_and_the_options_of_its_function(
    serve: Serve, task_queue: str, path: str
) -> None:
    async with serve(graphs.here) as client:
        run = await start(client, graphs.here, "tries_again", path, task_queue)
        assert (await run.result()).output == "done"
        [event] = await events(client, run.id, SCHEDULED)
        attributes = event.activity_task_scheduled_event_attributes
        assert attributes.activity_type.name == "steps_here.fail"
        assert attributes.start_to_close_timeout.seconds == 17
        assert attributes.retry_policy.maximum_attempts == 4
        assert lines(path) == ["twice"] * 3


@pytest.mark.parametrize("graph", [graphs.here, graphs.short], ids=["workflow", "continued_as_new"])
async def test_an_error_can_be_caught(server_address: str, task_queue: str, path: str, graph: Graph) -> None:
    async with serving(server_address, task_queue, graph) as client:
        run = await start(client, graph, "handles", path, task_queue)
        assert await answered(run, "a") == "['Final: for good', 'ConnectionError: often 4', '1'] a"
        assert await is_unharmed(client, run.id)
        histories = await chain(client, run.id)
    # In the history that goes on with it, the node has the same errors again, and nothing has been tried again.
    assert (len(histories) > 1) == (graph is graphs.short)
    assert lines(path) == ["final", *["often"] * 4, "instead"]
    await replay(histories, graph)


async def test_what_has_failed_is_tried_again_when_a_person_says_retry(
    serve: Serve, task_queue: str, path: str
) -> None:
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, "does_not", path, task_queue)
        await run.wait()
        stop = await run.proceed(Retry())
        assert stop.interrupts[0].value["error"]["message"] == "often 8"
        assert lines(path) == ["often"] * 8


async def test_an_error_that_is_not_caught_is_the_nodes(serve: Serve, task_queue: str, path: str) -> None:
    """The node was tried once; it is its function that was tried four times."""
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, "does_not", path, task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"] == {"type": "ConnectionError", "message": "often 4"}
        assert asked.value["attempts"] == 1
        assert (await run.proceed(Skip("skipped"))).output == "skipped"


@pytest.mark.parametrize(
    ("scenario", "type_", "message"),
    [
        (
            "asks_for_the_unknown",
            "InterruptError",
            "step() got unknown(), which the graph does not know; it knows: note, note_later, hold, bill, fail",
        ),
        ("asks_for_a_partial", "InterruptError", "Call step(note, ...) with its arguments"),
        ("gives_what_does_not_fit", "TypeError", "step(note, ...): text is 3"),
        ("gives_too_many", "TypeError", "too many positional arguments"),
        ("gives_too_much", "PayloadTooLargeError", "gives to 'note' is 3,0"),
    ],
    ids=["unknown", "partial", "misfit", "too_many", "too_much"],
)
async def test_what_cannot_be_called(
    serve: Serve, task_queue: str, path: str, scenario: str, type_: str, message: str
) -> None:
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, scenario, path, task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["type"] == type_
        assert message in asked.value["error"]["message"]
        assert await is_unharmed(client, run.id)
    assert lines(path) == []


@EVERYWHERE
@pytest.mark.parametrize(("scenario", "line"), [("gets_too_much", "large"), ("gets_nothing", "unwritten")])
async def test_what_it_returned_is_lost(
    server_address: str, task_queue: str, path: str, graph: Graph, scenario: str, line: str
) -> None:
    """It was done all the same: not again with another attempt, nor when a person lets the node try again."""
    async with serving(server_address, task_queue, graph) as client:
        run = await start(client, graph, scenario, path, task_queue)
        for _ in range(3):
            [asked] = (await run.wait()).interrupts
            assert asked.value["error"]["type"] == "InterruptError"
            assert "was done, and is not done again, but what it returned is lost" in asked.value["error"]["message"]
            await run.resume(Retry())
        assert await is_unharmed(client, run.id)
        await run.wait()
        assert (await run.proceed(Skip("skipped"))).output == "skipped"
        await replay(await chain(client, run.id), graph)
    assert lines(path) == [line]


async def test_a_cancelled_run_leaves_its_step(serve: Serve, task_queue: str, path: str) -> None:
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, "holds", path, task_queue)

        async def begun() -> bool:
            return lines(path) == ["held"]

        await until(begun)
        await run.cancel()
        async with asyncio.timeout(20):
            with pytest.raises(RunCancelledError):
                await run.result()
        assert await is_unharmed(client, run.id)


async def test_a_step_that_is_given_up(serve: Serve, task_queue: str, path: str) -> None:
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, "gives_up", path, task_queue)
        assert await answered(run, "a") == "gave up a"
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize("graph", [graphs.here, graphs.short], ids=["workflow", "continued_as_new"])
async def test_a_step_goes_on_while_questions_are_asked(
    server_address: str, task_queue: str, path: str, graph: Graph
) -> None:
    """The run does not continue as new before it has ended: it would be begun again."""
    async with serving(server_address, task_queue, graph) as client:
        run = await start(client, graph, "asks_beside", path, task_queue)
        for answer in "abcd":
            await run.proceed(answer, interrupt_id=(await run.wait()).interrupts[0].interrupt_id)
        graphs.note(path, "go held")
        for answer in "efgh":
            await run.wait()
            await run.resume(answer)
        assert (await run.result()).output == "held abcdefgh"
        histories = await chain(client, run.id)
    assert lines(path) == ["held", "go held"]
    assert (len(histories) > 1) == (graph is graphs.short)
    await replay(histories, graph)


async def test_a_node_that_fails_waits_for_its_steps(serve: Serve, task_queue: str, path: str) -> None:
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, "fails_beside", path, task_queue)
        await run.wait()
        await run.update_state({"log": ["edited"]})
        assert (await run.proceed(Retry())).output == "1"
    assert lines(path) == ["beside"]


async def test_a_fork_has_what_was_done_by_then(serve: Serve, task_queue: str, path: str) -> None:
    graph = graphs.here
    async with serve(graph) as client:
        run = await start(client, graph, "keeps_locals", path, task_queue)
        assert await answered(run, "a", "b", "c") == "1 a, 1 b, 1 c"
        at = {c.interrupts[0]: c.checkpoint_id async for c in run.history() if c.interrupts}
        fork = await run.fork(at["work:1.1"], id=f"{task_queue}-fork", task_queue=task_queue)
        assert await answered(fork, "B", "C") == "1 a, 1 B, 2 C"  # the third came later, and is the fork's own
    assert lines(path) == ["line 0", "line 1", "line 2", "line 2"]


async def test_it_fails_the_run_where_nobody_is_asked(path: str) -> None:
    run = graphs.graph_of("steps_alone").local()
    with pytest.raises(GraphRunError, match="'work' failed with ConnectionError: often 1"):
        await run.proceed(inputs=Task("does_not", path), state=Book())
