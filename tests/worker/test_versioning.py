"""`--deployment`, `--build-id` and `--versioning`: what Temporal's worker versioning needs."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.replay.serving import until
from tests.support.process import Process
from tests.support.server import DevServer, program
from tests.worker.command import GRAPHS, event, events, refused, worker
from tests.worker.graphs import talking, talking_long


def release(folder: Path, server: DevServer, task_queue: str, build_id: str, *flags: str) -> Process:
    """A worker of one release."""
    (folder / build_id).mkdir()
    words = ["--graph", f"{GRAPHS}:talking", "--graph", f"{GRAPHS}:talking_long", "--task-queue", task_queue]
    words += ["--deployment", "talks", "--build-id", build_id, "--log-format", "json", *flags]
    words += ["--address", server.address]
    return worker(folder / build_id, *words)


async def make_current(server: DevServer, build_id: str) -> None:
    """Have this release get what is new."""
    words = ["worker", "deployment", "set-current-version", "--deployment-name", "talks", "--build-id", build_id]

    async def is_current() -> bool:
        # A server hears of a worker some time after it has begun to poll.
        argv = [program("temporal"), *words, "--address", server.address, "--yes"]
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
        return done.returncode == 0

    await until(is_current)


async def asked(client: Client, run_id: str) -> list[str]:
    return [question.value for question in await talking.get_run(client, run_id).pending_interrupts()]


async def test_a_run_goes_on_with_the_next_release(own_server: DevServer, task_queue: str, tmp_path: Path) -> None:
    client = await own_server.connect()
    async with release(tmp_path, own_server, task_queue, "1") as first:
        await first.wait_for_output("worker started")
        assert event(first, "worker started")["build_id"] == "1"
        run = await talking.start(client, inputs="v", id=task_queue, task_queue=task_queue)
        await asyncio.sleep(1)
        assert "node started" not in first.output()  # no release is the current one
        await make_current(own_server, "1")
        await run.wait()
        assert await asked(client, run.id) == ["v 0"]
        async with release(tmp_path, own_server, task_queue, "2") as second:
            await make_current(own_server, "2")
            await run.resume("a")
            await run.wait()
            assert "node started" in second.output()
            assert await first.stop() == 0
            await run.proceed("b")
            assert (await run.proceed("c")).output == ["a", "b", "c"]
            assert await second.stop() == 0


async def test_a_pinned_run_stays_until_it_continues_as_new(
    own_server: DevServer, task_queue: str, tmp_path: Path
) -> None:
    client = await own_server.connect()
    async with release(tmp_path, own_server, task_queue, "1", "--versioning", "pinned") as first:
        await make_current(own_server, "1")
        short = await talking.start(client, inputs="v", id=f"{task_queue}-1", task_queue=task_queue)
        long = await talking_long.start(client, inputs="v", id=f"{task_queue}-2", task_queue=task_queue)
        await short.wait()
        await long.wait()
        async with release(tmp_path, own_server, task_queue, "2", "--versioning", "pinned") as second:
            await make_current(own_server, "2")
            for run in (short, long):
                await run.proceed("a")
                await run.proceed("b")
                assert (await run.proceed("c")).output == ["a", "b", "c"]
            # Its history had grown, and it has gone on in a new one.
            assert {line.get("run") for line in events(second) if line["event"] == "node started"} == {short.id}
            assert await first.stop() == 0
            assert await second.stop() == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--deployment", "talks"], "--deployment and --build-id go together"),
        (["--build-id", "1"], "--deployment and --build-id go together"),
        (["--versioning", "pinned"], "give --deployment, too"),
        (["--max-concurrent-workflow-tasks", "1"], "'1' is no whole number from 2 up"),
    ],
)
def test_flags_that_do_not_go_together(flags: list[str], says: str) -> None:
    assert says in refused("--graph", f"{GRAPHS}:talking", *flags)


async def test_local_nodes_need_runs_in_memory(server_address: str, task_queue: str, tmp_path: Path) -> None:
    flags = ("--task-queue", task_queue, "--address", server_address, "--log-format", "json")
    graphs = ("--graph", f"{GRAPHS}:talking_local", "--graph", f"{GRAPHS}:talking")
    async with worker(tmp_path, *graphs, *flags, "--max-cached-workflows", "0") as process:
        await process.wait_for_output("worker started")
        warned = [line for line in process.output().splitlines() if "max_cached_workflows=0" in line]
        assert len(warned) == 1
        assert "(talking_local.talk)" in warned[0]
        assert await process.stop() == 0
    (tmp_path / "next").mkdir()
    async with worker(tmp_path / "next", *graphs, *flags) as process:
        await process.wait_for_output("worker started")
        assert "max_cached_workflows" not in process.output()
        assert await process.stop() == 0
