"""Thousands of runs that wait are listed by page, without a look at any of them."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from pathlib import Path

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_graph import ApprovalQueue, GraphPlugin, register_search_attributes
from tests.approvals.graphs import Ask, single
from tests.replay.serving import until
from tests.support.server import DevServer

RUNS = 2_000
"""Ten thousand were tried: it takes minutes until a dev server has them."""
SIZE = 100
AT_ONCE = 30
LOOKS = {
    *("QueryWorkflow", "DescribeWorkflowExecution", "UpdateWorkflowExecution", "PollWorkflowExecutionUpdate"),
    *("GetWorkflowExecutionHistory", "GetWorkflowExecutionHistoryReverse"),
}
"""What would be a look at a run."""


async def requests(server: DevServer) -> dict[str, int]:
    """How many requests of each kind the server has got, as it counts them itself."""
    [address] = re.findall(r"Temporal Metrics: +(http://\S+)", server.process.output())
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(address).read().decode())
    found: dict[str, int] = {}
    for line in page.splitlines():
        if line.startswith("service_requests{") and 'service_name="frontend"' in line:
            [operation] = re.findall(r'operation="(\w+)"', line)
            found[operation] = found.get(operation, 0) + int(float(line.rsplit(" ", 1)[1]))
    return found


async def counted(server: DevServer, name: str, count: int) -> dict[str, int] | None:
    found = await requests(server)
    assert found.get(name, 0) <= count
    return found if found.get(name, 0) == count else None


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK interrupts what takes too long
async def test_thousands_of_runs(tmp_path: Path, task_queue: str) -> None:
    async with DevServer(tmp_path) as server:
        client = await server.connect(GraphPlugin(single))
        await register_search_attributes(client)
        queue = ApprovalQueue(client)
        limit = asyncio.Semaphore(AT_ONCE)

        async def start(number: int) -> None:
            async with limit:
                asked = Ask(number, ["ann" if number % 10 else "bob"], 86_400 + number * 7919 % RUNS)
                await single.start(client, inputs=asked, id=f"run-{number}", task_queue=task_queue)

        began = time.monotonic()
        # Without the sandbox, which each run would have to set up.
        runner = UnsandboxedWorkflowRunner()
        async with Worker(client, task_queue=task_queue, max_cached_workflows=200, workflow_runner=runner):
            await asyncio.gather(*(start(number) for number in range(RUNS)))

            # Now and then: to count them all is work for a server that keeps them in SQLite.
            while await queue.count(graph="single") < RUNS:
                await asyncio.sleep(2)
        print(f"started: {time.monotonic() - began:.1f} s")

        began = time.monotonic()
        seen: list[str] = []
        token, pages = None, 0
        while pages == 0 or token is not None:
            page = await queue.page(size=SIZE, token=token, graph="single")
            seen += [item.run_id for item in page.items]
            token, pages = page.token, pages + 1
        print(f"{pages} pages: {time.monotonic() - began:.2f} s")
        assert len(seen) == len({*seen}) == RUNS
        assert RUNS / SIZE <= pages <= RUNS / SIZE + 1

        # The server's numbers are a moment behind.
        calls = await until(lambda: counted(server, "ListWorkflowExecutions", pages))
        assert calls["StartWorkflowExecution"] >= RUNS
        assert not LOOKS & calls.keys()

        began = time.monotonic()
        bobs = [item async for item in queue.pending(assignee="bob", order="deadline")]
        print(f"{len(bobs)} of one person, in order: {time.monotonic() - began:.2f} s")
        assert {item.value for item in bobs} == {*range(0, RUNS, 10)}
        deadlines = [item.deadline for item in bobs if item.deadline is not None]
        assert deadlines == sorted(deadlines)
        assert len(deadlines) == RUNS / 10
        began = time.monotonic()
        first = await queue.page(size=3, order="deadline")
        print(f"all of them in order: {time.monotonic() - began:.2f} s")
        assert len(first.items) == 3
        assert await queue.count(assignee="bob") == RUNS / 10
        calls = await requests(server)
        assert not LOOKS & calls.keys()
