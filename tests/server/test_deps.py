"""Deps: made where a worker is, shared by its nodes, and out of reach for the driver."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import DepsError, GraphDefinitionError, GraphPlugin, GraphRunError, TemporalGraph
from tests.server import option_graphs as graphs
from tests.server.conftest import Serve
from tests.server.looking import is_unharmed
from tests.server.option_graphs import Shop


def make() -> Shop:
    """A function."""
    return Shop("a function's")


async def make_soon() -> Shop:
    """An async function."""
    return Shop("an async function's")


class Corner(Shop):
    """A class, of which one is made."""

    def __init__(self) -> None:
        super().__init__("a class's")


@contextlib.asynccontextmanager
async def opened(name: str = "a context's") -> AsyncGenerator[Shop]:
    """An async context manager."""
    yield Shop(name)


@pytest.mark.parametrize(
    ("deps", "name"),
    [
        (Shop("a value"), "a value"),
        (make, "a function's"),
        (make_soon, "an async function's"),
        (Corner, "a class's"),
        (opened, "a context's"),
        (functools.partial(opened, "a partial's"), "a partial's"),
        (lambda: opened("a lambda's"), "a lambda's"),
        (opened("an instance's"), "an instance's"),
    ],
    ids=["value", "function", "async", "class", "context", "partial", "lambda", "instance"],
)
async def test_where_deps_come_from(serve: Serve, task_queue: str, deps: Any, name: str) -> None:
    async with serve(graphs.visiting, deps=deps) as client:
        run = await graphs.visiting.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == f"x at {name}"
        # What runs in this process without a server gets them in the same way.
        assert (await graphs.visiting.local(deps=deps).proceed(inputs="x")).output == f"x at {name}"


async def test_they_are_entered_once_for_all_workers_of_a_plugin(server_address: str, task_queue: str) -> None:
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def counted() -> AsyncGenerator[Shop]:
        log.append("entered")
        yield Shop(f"shop {log.count('entered')}")
        log.append("left")

    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=counted)])

    async def visit(run_id: str, queue: str) -> str:
        run = await graphs.visiting.start(client, inputs="x", id=run_id, task_queue=queue)
        return (await run.result()).output

    assert log == []
    async with Worker(client, task_queue=task_queue):
        async with Worker(client, task_queue=f"{task_queue}-2"):
            assert await visit(f"{task_queue}-1", task_queue) == "x at shop 1"
            assert await visit(f"{task_queue}-2", f"{task_queue}-2") == "x at shop 1"
        assert log == ["entered"]
        assert await visit(f"{task_queue}-3", task_queue) == "x at shop 1"
    assert log == ["entered", "left"]
    async with Worker(client, task_queue=task_queue):  # and made anew, for a worker that starts after the last stopped
        assert await visit(f"{task_queue}-4", task_queue) == "x at shop 2"
    assert log == ["entered", "left", "entered", "left"]


def _broken() -> Shop:
    raise OSError("no route to the database")


@contextlib.asynccontextmanager
async def _broken_soon() -> AsyncGenerator[Shop]:
    if _broken():
        yield Shop()


@pytest.mark.parametrize("deps", [_broken, _broken_soon], ids=["function", "context"])
async def test_a_factory_that_raises_keeps_the_worker_from_starting(
    server_address: str, task_queue: str, deps: Any
) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=deps)])
    with pytest.raises(OSError, match="no route to the database"):
        await Worker(client, task_queue=task_queue).run()


@pytest.mark.parametrize(
    ("deps", "shown"), [("a shop", "'a shop'"), (None, "None"), (lambda: 5, "5")], ids=["text", "none", "number"]
)
async def test_deps_of_another_type(server_address: str, task_queue: str, deps: Any, shown: str) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=deps)])
    with pytest.raises(DepsError, match=f"'visiting' declares deps of type Shop, and this worker has {shown}") as wrong:
        await Worker(client, task_queue=task_queue).run()
    assert "GraphPlugin(..., deps=...)" in str(wrong.value)


# -- A worker that cannot start ---------------------------------------------------------------------------------------


async def history_of(client: Client, run_id: str) -> list[str]:
    """What has happened in a run."""
    history = await client.get_workflow_handle(run_id).fetch_history()
    return [EventType.Name(event.event_type) for event in history.events]


@pytest.mark.parametrize(
    ("deps", "error", "says"),
    [
        (_broken, OSError, "no route to the database"),
        (_broken_soon, OSError, "no route to the database"),
        ("a shop", DepsError, "declares deps of type Shop"),
    ],
    ids=["function", "context", "type"],
)
async def test_a_worker_in_a_block_that_cannot_start(
    server_address: str, task_queue: str, deps: Any, error: type[Exception], says: str
) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=deps)])
    async with asyncio.timeout(20):
        run = await graphs.visiting.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        worker = Worker(client, task_queue=task_queue)
        with pytest.raises(error, match=says):
            async with worker:
                await run.result()
    assert worker.is_shutdown
    # It did not even look for work, which it could not have done.
    assert await history_of(client, run.id) == [
        "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
        "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED",
    ]


async def _in_a_block(worker: Worker) -> None:
    async with worker:
        await asyncio.Event().wait()


@pytest.mark.parametrize("first", [True, False], ids=["the first", "the last"])
@pytest.mark.parametrize("block", [True, False], ids=["in a block", "run"])
async def test_one_of_two_plugins_that_cannot_start(
    server_address: str, task_queue: str, first: bool, block: bool
) -> None:
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def other() -> AsyncGenerator[Shop]:
        log.append("entered")
        try:
            yield Shop()
        finally:
            log.append("left")

    plugins = [GraphPlugin(graphs.visiting, deps=_broken), GraphPlugin(graphs.visiting_too, deps=other)]
    client = await Client.connect(server_address, plugins=plugins if first else plugins[::-1])
    async with asyncio.timeout(20):
        with pytest.raises(OSError, match="no route"):
            await (_in_a_block if block else Worker.run)(Worker(client, task_queue=task_queue))
    assert log == ([] if first else ["entered", "left"])


async def test_a_block_that_ended_before_its_worker_could_not_start(
    server_address: str, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    ended = asyncio.Event()

    async def broken_later() -> Shop:
        await ended.wait()
        await asyncio.sleep(0.05)
        return _broken()

    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=broken_later)])
    async with asyncio.timeout(20):
        async with Worker(client, task_queue=task_queue):
            ended.set()
        await asyncio.sleep(0)  # what comes after it is not cancelled
    [record] = [record for record in caplog.records if record.name == "temporal_graph.temporal.plugin"]
    assert record.getMessage() == "The worker could not start before it was shut down"
    assert "no route to the database" in str(record.exc_info)


async def test_a_worker_that_is_cancelled_while_its_deps_are_made(server_address: str, task_queue: str) -> None:
    started = asyncio.Event()

    async def never() -> Shop:
        started.set()
        await asyncio.Event().wait()
        return Shop()

    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=never)])
    async with asyncio.timeout(20):
        worker = Worker(client, task_queue=task_queue)
        running = asyncio.create_task(worker.run())
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await worker.shutdown()


async def test_what_does_not_fit_is_left_again(server_address: str, task_queue: str) -> None:
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def wrong() -> AsyncGenerator[str]:
        log.append("entered")
        yield "a shop"
        log.append("left")

    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=wrong)])
    with pytest.raises(DepsError):
        await Worker(client, task_queue=task_queue).run()
    assert log == ["entered", "left"]


async def test_an_instance_is_made_again_for_every_worker(server_address: str, task_queue: str) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.visiting, deps=opened("an instance's"))])
    for number in range(2):
        async with asyncio.timeout(20), Worker(client, task_queue=task_queue):
            run = await graphs.visiting.start(client, inputs="x", id=f"{task_queue}-{number}", task_queue=task_queue)
            assert (await run.result()).output == "x at an instance's"


# -- Several plugins --------------------------------------------------------------------------------------------------


async def test_a_plugin_of_the_client_that_the_worker_gets_too(server_address: str, task_queue: str) -> None:
    plugin = GraphPlugin(graphs.visiting, deps=opened)
    client = await Client.connect(server_address, plugins=[plugin])
    with pytest.warns(UserWarning, match="The same plugin type"):  # says the SDK, whatever comes of it
        worker = Worker(client, task_queue=task_queue, plugins=[plugin])
    async with worker:
        run = await graphs.visiting.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == "x at a context's"


async def test_two_plugins_with_one_graph(server_address: str, task_queue: str) -> None:
    one, other = (GraphPlugin(graphs.visiting, deps=Shop(name)) for name in ("one", "two"))
    client = await Client.connect(server_address, plugins=[one])
    says = "Two GraphPlugins of one worker have the graph 'visiting'. The plugins of its client are the worker's, too;"
    with pytest.warns(UserWarning, match="The same plugin type"), pytest.raises(GraphDefinitionError) as refused:
        Worker(client, task_queue=task_queue, plugins=[other])
    assert str(refused.value).startswith(says)
    client = await Client.connect(server_address)
    with pytest.raises(GraphDefinitionError) as refused:
        Worker(client, task_queue=task_queue, plugins=[one, other])
    assert str(refused.value).startswith(says)


async def test_two_plugins_on_one_client(server_address: str, task_queue: str) -> None:
    plugins = [
        GraphPlugin(graphs.visiting, deps=Shop("one")),
        GraphPlugin(graphs.visiting_too, deps=Shop("two")),
    ]
    client = await Client.connect(server_address, plugins=plugins)
    async with Worker(client, task_queue=task_queue):
        for graph, name in ((graphs.visiting, "one"), (graphs.visiting_too, "two")):
            run = await graph.start(client, inputs="x", id=f"{task_queue}-{name}", task_queue=task_queue)
            assert (await run.result()).output == f"x at {name}"


@pytest.mark.parametrize(
    ("graph", "node_id", "where"),
    [
        (graphs.touching_transform, None, "The transform on "),
        (graphs.touching_reducer, "gather", "The reducer of join 'gather'"),
        (graphs.visiting_here, "visit", "Node 'visit'"),
    ],
    ids=["transform", "reducer", "workflow"],
)
async def test_the_driver_has_none(
    serve: Serve, task_queue: str, graph: TemporalGraph, node_id: str | None, where: str
) -> None:
    async with serve(graph, deps=Shop()) as client:
        run = await graph.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError) as touched:
            await run.result()
        assert await is_unharmed(client, run.id)
    error = touched.value
    assert error.error_type == "DepsError"
    assert error.error_message.startswith(where)
    assert "touched ctx.deps. Deps live on the workers that run nodes" in error.error_message
    assert "Use the deps in a step" in error.error_message
    assert node_id is None or error.node_id == node_id
