"""A worker for some graphs, and every run of a chain: what the tests about long runs and replay share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, Worker

from temporal_graph import GraphPlugin, TemporalGraph
from temporal_graph.temporal import drift

CONTINUED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW


cached_workflows = 1_000
"""How many workflows a worker keeps in memory; 0 with `--no-cache`."""


def worker_options() -> dict[str, Any]:
    """What every worker of the tests is started with."""
    return {"max_cached_workflows": cached_workflows}


def new_name(name: str) -> str:
    """A name for a task queue or a run that is not in use."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


@contextlib.asynccontextmanager
async def serving(
    address: str, task_queue: str, *graphs: TemporalGraph[Any, Any, Any, Any], deps: Any = None, **options: Any
) -> AsyncGenerator[Client]:
    """A worker with these graphs.

    Args:
        address: The server.
        task_queue: What the worker polls.
        graphs: The graphs.
        deps: Their deps.
        options: Whatever else `Worker` takes.

    Yields:
        A client that knows the graphs.
    """
    client = await Client.connect(address, plugins=[GraphPlugin(*graphs, deps=deps)])
    async with Worker(client, task_queue=task_queue, **worker_options(), **options):
        yield client


async def chain(client: Client, run_id: str) -> list[WorkflowHistory]:
    """The histories of a run, one for each time that it continued as new, first to last."""
    description = await client.get_workflow_handle(run_id).describe()
    execution = description.raw_description.workflow_execution_info.first_run_id
    histories: list[WorkflowHistory] = []
    while True:
        histories.append(await client.get_workflow_handle(run_id, run_id=execution).fetch_history())
        last = histories[-1].events[-1]
        if last.event_type != CONTINUED:
            return histories
        execution = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id


async def replay(
    histories: Sequence[WorkflowHistory], *graphs: TemporalGraph[Any, Any, Any, Any], may_be_slow: bool = False
) -> None:
    """Replay histories; a difference is raised, and so is a task of over two seconds, unless it may be slow."""
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(*graphs)], debug_mode=may_be_slow)
    for history in histories:
        await replayer.replay_workflow(history)


@contextlib.contextmanager
def drifts() -> Generator[list[str]]:
    """What is told meanwhile of runs that gave a node something else in a replay."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    drift.logger.addHandler(handler)
    try:
        yield told
    finally:
        drift.logger.removeHandler(handler)


async def until(look: Callable[[], Awaitable[Any]], *, timeout: float = 60) -> Any:
    """Look again and again, until there is something to see.

    Returns:
        What there is: the first true value.

    Raises:
        TimeoutError: There never was.
    """
    async with asyncio.timeout(timeout):
        while not (found := await look()):
            await asyncio.sleep(0.05)
    return found
