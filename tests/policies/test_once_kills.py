"""Workers are killed with SIGKILL at random moments: what is done with `once` is not done again when it is noted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import GraphError, GraphPlugin, GraphRun
from tests.faults.conftest import SOON
from tests.policies.kill_graphs import KEYS, PARTS, Ledger, Line, Tally, killed
from tests.replay.serving import chain, replay
from tests.server.looking import is_unharmed
from tests.support.process import Process

WORKERS = 3
RUNS = 6
"""Runs at the same time."""


class Killer:
    """Keeps some workers alive, and kills them.

    Attributes:
        killed: The processes that were.
    """

    def __init__(self, address: str, task_queue: str, ledger: Ledger) -> None:
        self.ledger = ledger
        self.killed: set[int] = set()
        self._argv = [sys.executable, "-m", "tests.policies.kill_worker", "--address", address]
        self._argv += ["--task-queue", task_queue, "--path", str(ledger.path)]
        self._numbers = itertools.count(1)
        self.workers: list[Process] = []

    def keep_alive(self) -> None:
        self.workers = [worker for worker in self.workers if worker.running]
        while len(self.workers) < WORKERS:
            worker = Process(self._argv, log=self.ledger.path.parent / f"worker-{next(self._numbers)}.log")
            worker.start()
            self.workers.append(worker)

    async def kill(self, moments: random.Random) -> None:
        """Kill one that works: at any time; or right after it has done something; or when it was just noted."""
        self.keep_alive()
        while not (ready := [worker for worker in self.workers if "ready" in worker.output()]):
            await asyncio.sleep(0.05)
        what, delay = moments.choice([("", 0.5), ("done", 0.006), ("noted", 0.05)])
        victim = (await self._next(what) if what else None) or moments.choice(ready)
        await asyncio.sleep(moments.uniform(0, delay))
        if victim.running:
            victim.kill()
            self.killed.add(victim.pid)
        self.keep_alive()

    async def _next(self, what: str) -> Process | None:
        """The worker that is the next to write such a line."""
        seen = len(self.ledger.lines())
        for _ in range(5_000):
            new = [line for line in self.ledger.lines()[seen:] if line.what == what]
            for worker in self.workers:
                if new and worker.pid == new[-1].pid:
                    return worker
            await asyncio.sleep(0.0005)
        return None


@pytest.fixture
def killer(server_address: str, task_queue: str, tmp_path: Path) -> Iterator[Killer]:
    killer = Killer(server_address, task_queue, Ledger(tmp_path / "ledger"))
    yield killer
    for worker in killer.workers:
        worker.kill()


async def answer_all(run: GraphRun[Any, Any]) -> list[str]:
    """Answer what the run asks, until it has ended; it may have no worker meanwhile."""
    while True:
        with contextlib.suppress(GraphError):
            stop = await run.wait()
            if stop.is_end:
                return stop.output
            [asked] = stop.interrupts
            await run.resume(f"answer {asked.value}", interrupt_id=asked.interrupt_id, answer_id=asked.interrupt_id)


OUTPUT = [
    *itertools.chain.from_iterable(
        (f"done {part} alone", f"done {part} left", f"done {part} right", f"answer {part}") for part in range(PARTS)
    ),
    "done close",
]


@pytest.mark.parametrize(
    "kills", [10, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1_500)])], ids=["few", "many"]
)
async def test_nothing_that_was_noted_is_done_again(
    killer: Killer, server_address: str, task_queue: str, kills: int
) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(killed)])
    numbers = itertools.count(1)
    runs: list[GraphRun[Any, Any]] = []
    is_over = False

    async def one_after_the_other() -> None:
        while not is_over:
            run_id = f"{task_queue}-{next(numbers)}"
            run = await killed.start(client, inputs=0, state=Tally(), id=run_id, task_queue=task_queue, **SOON)
            runs.append(run)
            assert await answer_all(run) == OUTPUT

    moments = random.Random(kills)
    async with asyncio.TaskGroup() as group:
        for _ in range(RUNS):
            group.create_task(one_after_the_other())
        while len(killer.killed) < kills:
            await killer.kill(moments)
        is_over = True
    lines = killer.ledger.lines()
    done, again = check([run.id for run in runs], lines, killer.killed)
    hit = {line.pid for line in lines if line.what == "done" and not is_noted(line, lines)}
    print(
        f"{len(killer.killed)} kills, {len(runs)} runs, {done} side effects, {again} of them twice; "
        f"{len(hit & killer.killed)} kills came after a side effect and before `once` had returned"
    )
    for run in runs:
        assert await is_unharmed(client, run.id)
    for run in runs[:20]:
        await replay(await chain(client, run.id), killed)


def is_noted(done: Line, lines: list[Line]) -> bool:
    """Whether `once` has returned to the attempt that did it."""
    return any(
        (line.run, line.key, line.pid, line.attempt) == (done.run, done.key, done.pid, done.attempt)
        for line in lines
        if line.what == "noted"
    )


def check(runs: list[str], lines: list[Line], kills: set[int]) -> tuple[int, int]:
    """Look whether each thing was done, and again only where a kill came before it was noted.

    Returns:
        How many things were done, and how often one was done again.
    """
    done: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        if line.what == "done":
            done[line.run, line.key].append(line)
    assert done.keys() == {(run, key) for run in runs for key in KEYS}
    again = 0
    for lines_of_one in done.values():
        *others, last = lines_of_one
        assert is_noted(last, lines) or last.pid in kills
        for line in others:
            again += 1
            assert not is_noted(line, lines), f"it was noted, and done again: {lines_of_one}"
            assert line.pid in kills, f"its worker lived, and it was done again: {lines_of_one}"
    return len(done), again
