"""`--register-search-attributes`: what the approval queue needs is on the server before the worker is."""

from __future__ import annotations

import json
from pathlib import Path

import temporalio.api.operatorservice.v1 as api
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import Client

from temporal_graph import ApprovalQueue, register_search_attributes
from tests.replay.serving import until
from tests.server.graphs import Chat, Greet, greet
from tests.support.server import DevServer
from tests.worker.command import event, events, refused, worker

GREET = "tests.server.graphs:greet"
FLAG = "--register-search-attributes"
NAMES = {"GraphStatus", "GraphPendingNodes", "GraphAssignees", "GraphDeadline"}


async def is_listed(client: Client, run_id: str) -> bool:
    """Whether a run is in the queue by its attributes; without them this fails."""
    queue = ApprovalQueue(client)
    found = [execution.id async for execution in client.list_workflows("GraphPendingNodes IS NOT NULL")]
    return found == [run_id] and [item.run_id async for item in queue.pending()] == [run_id]


async def test_it_registers_and_then_works(own_server: DevServer, task_queue: str, tmp_path: Path) -> None:
    flags = ("--graph", GREET, "--task-queue", task_queue, "--address", own_server.address)
    async with worker(tmp_path, *flags, FLAG, "--log-format", "json") as process:
        await process.wait_for_output("worker started", timeout=60)
        assert set(event(process, "search attributes registered")["new"].split(",")) == NAMES
        client = await own_server.connect()
        run = await greet.start(client, Greet(), state=Chat(), id=task_queue, task_queue=task_queue)
        await run.wait()
        assert await until(lambda: is_listed(client, task_queue))
        await run.cancel()
        assert await process.stop() == 0


async def test_without_a_graph_that_is_all(own_server: DevServer, tmp_path: Path) -> None:
    flags = (FLAG, "--address", own_server.address, "--log-format", "json")
    for new in (NAMES, {""}):
        process = worker(tmp_path, *flags)
        process.log.unlink(missing_ok=True)
        async with process:
            assert await process.wait(timeout=60) == 0
        assert [line["event"] for line in events(process)] == ["search attributes registered", "stopped"]
        assert set(event(process, "search attributes registered")["new"].split(",")) == new
    assert await register_search_attributes(await own_server.connect()) == []


async def test_what_is_in_its_way_is_one_line(own_server: DevServer) -> None:
    client = await own_server.connect()
    request = api.AddSearchAttributesRequest(namespace="default")
    request.search_attributes["GraphDeadline"] = IndexedValueType.INDEXED_VALUE_TYPE_TEXT
    await client.operator_service.add_search_attributes(request)
    line = refused(FLAG, "--graph", GREET, "--address", own_server.address)
    assert "the search attributes cannot be registered" in line
    assert "'GraphDeadline' is registered as Text, and must be Datetime" in line


async def test_dev_registers_without_being_told(tmp_path: Path) -> None:
    flags: list[object] = ["--dev", "--dev-db", tmp_path / "dev.sqlite", "--dev-port", "0", "--dev-ui-port", "0"]
    async with worker(tmp_path, "--graph", GREET, *flags, "--log-format", "json") as process:
        await process.wait_for_output("worker started", timeout=60)
        client = await Client.connect(event(process, "connected")["address"])
        run = await greet.start(client, Greet(), state=Chat(), id="run", task_queue="graphs")
        await run.wait()
        assert await until(lambda: is_listed(client, "run"))
        assert json.loads(process.output().splitlines()[0])["event"] == "connected"
        await run.cancel()
        assert await process.stop() == 0


def test_dev_still_needs_a_graph() -> None:
    assert "the following arguments are required: --graph" in refused("--dev", FLAG)


async def test_a_worker_whose_runs_must_show_needs_them(own_server: DevServer, task_queue: str, tmp_path: Path) -> None:
    flags = ("--graph", GREET, "--task-queue", task_queue, "--address", own_server.address)
    line = refused(*flags, "--search-attributes")
    assert "the worker cannot start: GraphError: search_attributes=True, but the Temporal server does not have" in line
    async with worker(tmp_path, *flags, FLAG, "--no-search-attributes", "--log-format", "json") as process:
        await process.wait_for_output("worker started", timeout=60)
        client = await own_server.connect()
        run = await greet.start(client, Greet(), state=Chat(), id=task_queue, task_queue=task_queue)
        await run.wait()
        assert not await is_listed(client, task_queue)
        assert [item.run_id async for item in ApprovalQueue(client).pending()] == [task_queue]
        await run.cancel()
        assert await process.stop() == 0
