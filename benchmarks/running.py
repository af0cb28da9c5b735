"""A server and a worker to measure, and how long things take there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.client import Client

from temporal_graph import GraphPlugin, TemporalGraph
from tests.support.process import Process
from tests.support.server import DevServer

QUEUE = "bench"
ROUNDS = 7

Runner = Callable[[str], Awaitable[Any]]
"""Does something once, under an id that nobody else has."""

_began = time.monotonic()


def say(what: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"[{time.monotonic() - _began:4.0f} s] {what}", file=sys.stderr, flush=True)


def new_id() -> str:
    """An id for a run."""
    return f"bench-{uuid.uuid4().hex}"


@contextlib.asynccontextmanager
async def serving(*graphs: TemporalGraph[Any, Any, Any, Any]) -> AsyncGenerator[tuple[Client, int]]:
    """A server of its own, with a worker of its own that has everything in `benchmarks.graphs`.

    Their output goes to files, never to a pipe: a pipe that nobody reads is full one day, and who writes to it waits.

    Args:
        graphs: Those that the client uses.

    Yields:
        A client, and the worker's process id.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with DevServer(Path(folder)) as server:
            argv = [sys.executable, "-m", "benchmarks.worker", server.address, QUEUE]
            worker = Process(argv, log=Path(folder, "worker.log"))
            worker.start()
            try:
                await worker.wait_for_output("ready", timeout=60)
                yield await Client.connect(server.address, plugins=[GraphPlugin(*graphs)]), worker.pid
            except BaseException as error:
                error.add_note(str(worker.failure("was the worker")))
                raise
            finally:
                worker.kill()


async def timed(run: Runner, count: int = 1) -> float:
    """Seconds that it takes to do something so many times at once."""
    begin = time.perf_counter()
    await asyncio.gather(*(run(new_id()) for _ in range(count)))
    return time.perf_counter() - begin


async def paired(
    what: str, ours: Runner, by_hand: Runner, *, count: int = 1, rounds: int = ROUNDS
) -> tuple[list[float], list[float]]:
    """Seconds that both take, in turn, so that whatever else the machine does falls on both.

    Args:
        what: What is measured, for who waits.
        ours: What we do.
        by_hand: What does the same without us.
        count: How many at once.
        rounds: How often.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for index in range(rounds):
        if rounds == ROUNDS or index % ROUNDS == 0:
            say(f"{what}, round {index + 1} of {rounds}")
        for which in (0, 1) if index % 2 else (1, 0):
            times[which].append(await timed((ours, by_hand)[which], count))
    return times


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had so far.

    Raises:
        RuntimeError: The system does not say.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("This system does not say how much memory a process had at most.")
