"""A worker for the graphs of a test; at the end every run that it had is replayed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer, Worker

from temporal_graph import GraphPlugin, TemporalGraph

Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def serve(
    server_address: str, client: Client, task_queue: str, pytestconfig: pytest.Config
) -> AsyncIterator[Serve]:
    """`async with serve(graph, ..., deps=...) as client`: a worker on the test's task queue, and a client."""
    plugins: list[GraphPlugin] = []
    cached = 0 if pytestconfig.getoption("--no-cache") else 1000

    @contextlib.asynccontextmanager
    async def start(*graphs: TemporalGraph, deps: Any = None, **options: Any) -> AsyncGenerator[Client]:
        plugin = GraphPlugin(*graphs, deps=deps)
        plugins.append(plugin)
        connected = await Client.connect(server_address, plugins=[plugin])
        async with Worker(connected, task_queue=task_queue, max_cached_workflows=cached, **options):
            yield connected

    yield start
    if not plugins:
        return
    replayer = Replayer(workflows=[], plugins=[plugins[-1]])
    known = set(plugins[-1].names)
    async for execution in client.list_workflows(f"TaskQueue = '{task_queue}'"):
        if execution.workflow_type in known:
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            await replayer.replay_workflow(await handle.fetch_history())
