"""Nobody reads what a worker writes, and its runs go on."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from pathlib import Path

from temporalio.client import Client

from tests.support.process import Process, full_pipe
from tests.worker.command import GRAPHS, MAIN, TEXT_LINE
from tests.worker.graphs import Wait, waiting
from worker import logs

LOST = 12
"""Runs of a graph that the worker does not have: of each, the SDK's core warns again and again."""


async def go_on(client: Client, task_queue: str, folder: Path) -> None:
    """Have the core warn, and runs end meanwhile."""
    (folder / "go").touch()
    lost = [
        await client.start_workflow("nobody_has_it", id=f"{task_queue}-{number}", task_queue=task_queue)
        for number in range(LOST)
    ]
    for number in range(3):
        (folder / "attempts").unlink(missing_ok=True)
        run = await waiting.start(client, Wait(str(folder)), id=f"{task_queue}-run-{number}", task_queue=task_queue)
        async with asyncio.timeout(60):
            assert (await run.result()).output == "x"
        await asyncio.sleep(1)
    for handle in lost:
        await handle.terminate()


async def test_the_command(client: Client, server_address: str, task_queue: str, tmp_path: Path) -> None:
    argv = [sys.executable, MAIN, "--graph", f"{GRAPHS}:waiting", "--task-queue", task_queue]
    with full_pipe() as pipe:
        process = Process([*argv, "--address", server_address], log=tmp_path / "log", stdout=pipe, stderr=pipe)
        async with process:
            await go_on(client, task_queue, tmp_path)
            assert await process.stop() == 0


async def test_a_worker_with_the_runtime_that_forwards(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    argv = [sys.executable, "-m", "tests.worker.own_worker", server_address, task_queue]
    with full_pipe() as pipe:
        async with Process(argv, log=tmp_path / "log", stdout=pipe) as process:
            await go_on(client, task_queue, tmp_path)
    warnings = [line for line in process.output().splitlines() if line.startswith("Failing workflow task")]
    assert len(warnings) >= LOST, process.output()
    assert "nobody_has_it" in process.output()


def test_lines_that_nobody_reads_are_dropped_and_counted() -> None:
    reader, writer = os.pipe()
    handler = logs.LineHandler(writer, most=5)
    handler.setFormatter(logs.TextFormatter())
    log = logging.Logger("test")
    log.addHandler(handler)
    with open(reader) as lines:
        log.info("x" * 1_000_000)  # more than a pipe holds
        while handler._lines:  # until the thread has taken it
            pass
        for number in range(8):
            log.info("line %s", number)
        handler.flush()  # which waits for nobody
        read: list[str] = []
        reading = threading.Thread(target=lambda: read.extend(lines), daemon=True)
        reading.start()
        while handler._lines or handler._is_writing:
            handler.flush()
        log.info("at the end")
        handler.flush()
        os.close(writer)
        reading.join(30)
    assert all(TEXT_LINE.match(line) for line in read)
    assert [line.split(None, 2)[2].rstrip() for line in read[1:]] == [
        *(f"line {number}" for number in range(5)),
        "log lines were dropped: nobody read them in time  lines=3",
        "at the end",
    ]


def test_what_cannot_be_written_is_told() -> None:
    reader, writer = os.pipe()
    handler = logs.LineHandler(writer)
    handler.setFormatter(logs.JsonFormatter())
    log = logging.Logger("test")
    log.addHandler(handler)
    log.info("%d", "no number")
    log.info("half of a pair: \ud83d")
    handler.flush()
    os.close(writer)
    with open(reader) as lines:
        first, second = lines
    assert "a log record cannot be written: TypeError" in first
    assert "half of a pair: \\ud83d" in second
