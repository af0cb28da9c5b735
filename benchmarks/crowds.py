"""Many who answer one run at once, while many more look on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from temporalio.client import Client

from benchmarks import graphs
from benchmarks.rows import Row, ratio
from benchmarks.running import QUEUE, new_id, say, serving
from temporal_graph import GraphRun
from tests.replay.serving import until
from tests.support.process import Process

ANSWERS, READERS, PROCESSES, ROUNDS = 100, 200, 20, 5
SLOWEST = 1_000
"""Milliseconds within which each of them is told of each event."""


async def crowds() -> list[Row]:
    """How much longer answers take beside readers, and how late the readers are told; in a run of each, in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    async with serving(graphs.crowd) as (client, _), _processes(client) as folder:
        lags: list[float] = []
        for number in range(-1, 2 * ROUNDS):
            beside = number % 2 == 0
            say(f"{ANSWERS} answers at once, {'beside readers' if beside else 'alone'}, round {number // 2 + 1}")
            run = await graphs.crowd.start(client, inputs=list(range(ANSWERS)), id=new_id(), task_queue=QUEUE)
            await until(lambda run=run: _asks(run), timeout=60)
            took = await _answer(run, lags, folder if beside else None)
            if number >= 0:  # the first one warms everything up
                times[0 if beside else 1].append(took)
        others = [json.loads(line) for file in folder.glob("*.lags") for line in file.read_text().splitlines()]
    assert len(others) == PROCESSES * ROUNDS, len(others)
    slowest = [max(lags) * 1_000, max(others) * 1_000]
    return [
        ratio(
            f"{ANSWERS} answers at once, s, beside {READERS} readers and {PROCESSES} processes, and without",
            *times,
            scale=1,
            limit=1.5,
        ),
        Row(
            "from an event to the readers beside them, ms, the slowest, here and there",
            f"{slowest[0]:.0f}",
            f"{slowest[1]:.0f}",
            max(slowest),
            SLOWEST,
        ),
    ]


async def _asks(run: GraphRun[list[bool], None]) -> bool:
    return len(await run.pending_interrupts()) == ANSWERS


async def _answer(run: GraphRun[list[bool], None], lags: list[float], folder: Path | None) -> float:
    """Answer everything at once.

    Args:
        run: What asks.
        lags: Where to note how late the readers were told, in seconds.
        folder: Where the other processes look for the run that they are to read; None for no readers.

    Returns:
        How many seconds it took until all answers were taken.
    """
    ids = [question.interrupt_id for question in await run.pending_interrupts()]
    readers: list[asyncio.Task[float]] = []
    if folder is not None:
        readers = [asyncio.create_task(read(run)) for _ in range(READERS)]
        number = _name(folder, run.id)
        await until(lambda: _all_read(folder, number), timeout=60)
        await asyncio.sleep(1)  # those of this process began long ago
    begin = time.perf_counter()
    await asyncio.gather(*(run.resume(True, interrupt_id=name) for name in ids))
    took = time.perf_counter() - begin
    await run.result()
    async with asyncio.timeout(60):
        lags += await asyncio.gather(*readers)
    return took


def _name(folder: Path, run_id: str) -> int:
    """Name the next run; returns its number."""
    number = len(list(folder.glob("run-*")))
    (folder / "next").write_text(run_id)
    (folder / "next").rename(folder / f"run-{number}")
    return number


async def _all_read(folder: Path, number: int) -> bool:
    return len([file for file in os.listdir(folder) if file.endswith(f".reads-{number}")]) == PROCESSES


async def read(run: GraphRun[list[bool], None]) -> float:
    """Read to the end of the run.

    Returns:
        Seconds after which it was told of an event, at most; of those that came while it read.
    """
    began, lag, last, count, waiting = time.time(), 0.0, "", 0, 0
    async for event in run.stream():
        at = event.at.timestamp()
        if at > began:
            lag = max(lag, time.time() - at)
        last = event.kind
        waiting += (last == "interrupt_opened") - (last == "interrupt_answered")
        assert event.number == count, "an event is missing"
        count += 1
    assert last == "run_finished", last
    assert waiting == 0, waiting
    return lag


@contextlib.asynccontextmanager
async def _processes(client: Client) -> AsyncGenerator[Path]:
    """Processes with a reader each: they read the runs that are named in a folder, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        address = client.service_client.config.target_host
        argv = [sys.executable, "-m", "benchmarks.crowds", address, name]
        processes = [Process([*argv, str(number)], log=folder / f"{number}.log") for number in range(PROCESSES)]
        try:
            for process in processes:
                process.start()
            for process in processes:
                await process.wait_for_output("ready", timeout=120)
            yield folder
        finally:
            for process in processes:
                process.kill()


async def main(address: str, folder: Path, name: str) -> None:
    """Read one run after the other, until the parent kills this process."""
    client = await Client.connect(address)
    print("ready", flush=True)
    with (folder / f"{name}.lags").open("a") as lags:
        for number in range(ROUNDS):
            await until(lambda number=number: _is_named(folder, number), timeout=600)
            run = graphs.crowd.get_run(client, (folder / f"run-{number}").read_text())
            reading = asyncio.create_task(read(run))
            await asyncio.sleep(0.5)
            (folder / f"{name}.reads-{number}").touch()
            print(await reading, file=lags, flush=True)


async def _is_named(folder: Path, number: int) -> bool:
    return (folder / f"run-{number}").exists()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
