"""SIGTERM and SIGINT."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from temporalio.client import Client

from temporal_graph import GraphRun
from tests.support.process import Process
from tests.worker.command import GRAPHS, event, events, worker
from tests.worker.graphs import Block, Fork, Wait, waiting


def stoppable(folder: Path, address: str, task_queue: str, *words: object) -> Process:
    flags: list[object] = ["--graph", f"{GRAPHS}:waiting", "--task-queue", task_queue, "--address", address]
    return worker(folder, *flags, "--log-format", "json", *words)


async def running(process: Process, client: Client, task_queue: str, node: Wait | Block) -> GraphRun[str, None]:
    """A run whose first node runs in the worker now."""
    run = await waiting.start(client, node, id=task_queue, task_queue=task_queue)
    await process.wait_for_output("node started")
    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_node_ends_and_nothing_new_begins(
    number: signal.Signals, client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    async with stoppable(tmp_path, server_address, task_queue) as process:
        run = await running(process, client, task_queue, Wait(str(tmp_path)))
        os.kill(process.pid, number)
        await process.wait_for_output('"stopping"')
        (tmp_path / "go").touch()
        assert await process.wait() == 0
    assert event(process, "stopping")["signal"] == number.name
    assert [line["event"] for line in events(process)][2:] == ["node started", "stopping", "node finished", "stopped"]
    (tmp_path / "next").mkdir()
    async with stoppable(tmp_path / "next", server_address, task_queue) as process:
        assert (await run.result()).output == "x"  # one attempt was enough
        assert [line["node"] for line in events(process) if line["event"] == "node started"] == ["Then"]


async def test_a_node_that_takes_longer_is_cancelled_and_tried_again(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    async with stoppable(tmp_path, server_address, task_queue, "--graceful-shutdown", "0") as process:
        run = await running(process, client, task_queue, Wait(str(tmp_path)))
        assert await process.stop() == 0
    assert event(process, "node cancelled")["node"] == "Wait"
    (tmp_path / "go").touch()
    (tmp_path / "next").mkdir()
    async with stoppable(tmp_path / "next", server_address, task_queue):
        assert (await run.result()).output == "xx"


async def test_a_second_signal_ends_it_at_once(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    async with stoppable(tmp_path, server_address, task_queue) as process:
        run = await running(process, client, task_queue, Wait(str(tmp_path)))
        os.kill(process.pid, signal.SIGINT)
        await process.wait_for_output('"stopping"')
        os.kill(process.pid, signal.SIGTERM)
        assert await process.wait() == 128 + signal.SIGTERM
    assert events(process)[-1]["event"] == "stopping"
    await client.get_workflow_handle(run.id).terminate()


async def test_a_second_signal_gets_through_to_a_blocked_loop(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    async with stoppable(tmp_path, server_address, task_queue) as process:
        run = await running(process, client, task_queue, Block())
        # Two of one kind at the same moment may arrive as one.
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGTERM)
        assert await process.wait() in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    await client.get_workflow_handle(run.id).terminate()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
async def test_a_signal_to_a_nodes_child_is_not_for_the_worker(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    async with stoppable(tmp_path, server_address, task_queue) as process:
        result = await waiting.run(client, Fork(), id=task_queue, task_queue=task_queue)
        assert result.output == str(-signal.SIGTERM)
        result = await waiting.run(client, Fork(), id=f"{task_queue}-again", task_queue=task_queue)
        assert result.output == str(-signal.SIGTERM)
        assert await process.stop() == 0


async def test_it_can_be_stopped_while_it_waits_for_a_server(tmp_path: Path) -> None:
    flags = ("--graph", f"{GRAPHS}:waiting", "--connect-timeout", "600", "--address", "127.0.0.1:1")
    async with worker(tmp_path, *flags, "--log-level", "debug") as process:
        await process.wait_for_output("connecting")
        assert await process.stop() == 0
    assert "stopped" in process.output()
