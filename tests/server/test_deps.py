"""Deps: made where a worker is, shared by its nodes, and out of reach for the driver."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import DepsError, GraphPlugin, GraphRunError, TemporalGraph
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
    ],
    ids=["value", "function", "async", "class", "context", "partial", "lambda"],
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
