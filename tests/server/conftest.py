"""A worker for the graphs of a test; at the end every run that it had is replayed, with another order of sets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin, TemporalGraph
from temporal_graph.notify import Notifier
from tests.replay.other_seed import OtherSeed, replay_runs

Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def serve(
    server_address: str, client: Client, task_queue: str, pytestconfig: pytest.Config, other_seed: OtherSeed
) -> AsyncIterator[Serve]:
    """`async with serve(graph, ..., deps=..., notify=...) as client`: a worker on the test's queue, and a client."""
    served: list[tuple[TemporalGraph, ...]] = []
    cached = 0 if pytestconfig.getoption("--no-cache") else 1000

    @contextlib.asynccontextmanager
    async def start(
        *graphs: TemporalGraph, deps: Any = None, notify: Notifier | None = None, **options: Any
    ) -> AsyncGenerator[Client]:
        plugin = GraphPlugin(*graphs, deps=deps, notify=notify)
        served.append(graphs)
        connected = await Client.connect(server_address, plugins=[plugin])
        options.setdefault("max_cached_workflows", cached)
        async with Worker(connected, task_queue=task_queue, **options):
            yield connected

    yield start
    if served and cached:  # without a cache, each of their tasks was a replay
        await replay_runs(client, task_queue, served[-1], other_seed)
