"""`python -m benchmarks.queue [--runs 10000]`: how long it takes to list what waits, against a bare list of runs."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from pydantic_graph import GraphBuilder, StepContext
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_graph import (
    ApprovalQueue,
    GraphPlugin,
    InterruptPolicy,
    NodeOptions,
    TemporalGraph,
    interrupt,
    register_search_attributes,
)
from tests.support.server import DevServer

ROUNDS = 5
STARTED_AT_ONCE = 30
PAGES = (100, 500)
FETCHED = 200
"""The runs that `ApprovalQueue` fetches at once where nobody says how many."""
RUNNING = "ExecutionStatus = 'Running' AND WorkflowType = 'asking'"

_g = GraphBuilder(name="asking", input_type=int, output_type=bool)


@_g.step
async def review(ctx: StepContext[None, None, int]) -> bool:
    policy = InterruptPolicy(assignees=f"person-{ctx.inputs % 10}", timeout=timedelta(days=1, seconds=ctx.inputs))
    return await interrupt({"claim": ctx.inputs, "text": "x" * 200}, response_type=bool, policy=policy)


_g.add(_g.edge_from(_g.start_node).to(review), _g.edge_from(review).to(_g.end_node))
asking = TemporalGraph(_g.build(), options=NodeOptions(execution="workflow"))


async def main(runs: int) -> None:
    """Have so many runs wait, and list them in several ways.

    Args:
        runs: How many.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with DevServer(Path(folder)) as server:
            client = await server.connect(GraphPlugin(asking))
            await register_search_attributes(client)
            queue = ApprovalQueue(client)
            began = time.perf_counter()
            await _start(client, queue, runs)
            print(f"{runs:,} runs wait, after {time.perf_counter() - began:.0f} s\n")
            # Without a worker from here on: nobody is asked anything.
            print(f"{'':32}  {'ours, ms':>9}  {'bare, ms':>9}  {'ratio':>6}")
            for size in PAGES:
                ours, bare = _by_page(queue, size), _listed(client, size)
                await _compare(f"all, by pages of {size}", ours, bare, runs)
                first, bare_first = _first(queue, size), _first_listed(client, size)
                await _compare(f"the first page of {size}", first, bare_first, min(size, runs))
            await _compare("all, by deadline", _sorted(queue), _listed(client, FETCHED), runs)
            await _compare("how many there are", queue.count, _counted(client), runs)


async def _start(client: Client, queue: ApprovalQueue, runs: int) -> None:
    limit = asyncio.Semaphore(STARTED_AT_ONCE)

    async def start(number: int) -> None:
        async with limit:
            await asking.start(client, inputs=number, id=f"run-{number}", task_queue="bench")

    # Without the sandbox, which each run would have to set up; and with few of them in memory.
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue="bench", max_cached_workflows=200, workflow_runner=runner):
        await asyncio.gather(*map(start, range(runs)))
        while await queue.count() < runs:  # noqa: ASYNC110 - nobody else knows
            await asyncio.sleep(2)


Listing = Callable[[], Awaitable[int]]


async def _compare(what: str, ours: Listing, bare: Listing, expected: int) -> None:
    """Print how long two listings take, one after the other in turns, as medians."""
    times: dict[Listing, list[float]] = {ours: [], bare: []}
    for number in range(ROUNDS + 1):
        for listing, took in times.items():
            began = time.perf_counter()
            found = await listing()
            if number:  # the first time is for warming up
                took.append((time.perf_counter() - began) * 1_000)
            assert found == expected, (what, found)
    mine, theirs = statistics.median(times[ours]), statistics.median(times[bare])
    print(f"{what:32}  {mine:>9.1f}  {theirs:>9.1f}  {mine / theirs:>6.2f}", flush=True)


def _by_page(queue: ApprovalQueue, size: int) -> Listing:
    async def listing() -> int:
        page = await queue.page(size=size)
        found = len(page.items)
        while page.token is not None:
            page = await queue.page(size=size, token=page.token)
            found += len(page.items)
        return found

    return listing


def _first(queue: ApprovalQueue, size: int) -> Listing:
    async def listing() -> int:
        return len((await queue.page(size=size)).items)

    return listing


def _sorted(queue: ApprovalQueue) -> Listing:
    async def listing() -> int:
        items = [item async for item in queue.pending(order="deadline")]
        return len(items)

    return listing


def _listed(client: Client, size: int) -> Listing:
    async def listing() -> int:
        return len([execution async for execution in client.list_workflows(RUNNING, page_size=size)])

    return listing


def _first_listed(client: Client, size: int) -> Listing:
    async def listing() -> int:
        found = client.list_workflows(RUNNING, page_size=size)
        await found.fetch_next_page()
        return len(found.current_page or ())

    return listing


def _counted(client: Client) -> Listing:
    async def listing() -> int:
        return (await client.count_workflows(RUNNING)).count

    return listing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000, help="how many wait; default: %(default)s")
    asyncio.run(main(parser.parse_args().runs))
    sys.stdout.flush()
    # temporalio can crash while the interpreter shuts down, after all its work is done.
    os._exit(0)
