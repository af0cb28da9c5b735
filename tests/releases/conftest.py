"""Worker processes of one release after another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Process


class Releases:
    """The workers of a test, of one release at a time, all on one task queue."""

    def __init__(self, address: str, task_queue: str, folder: Path) -> None:
        self.address = address
        self.task_queue = task_queue
        self.folder = folder
        self.workers: list[Process] = []

    async def deploy(self, release: str) -> Process:
        """Put a release in the place of the one before."""
        self.stop()
        return await self.add(release)

    async def add(self, release: str, *words: str) -> Process:
        """Start a worker beside those that are there."""
        argv = [sys.executable, "-m", "tests.releases.worker", "--address", self.address]
        argv += ["--task-queue", self.task_queue, "--release", release, *words]
        worker = Process(argv, log=self.folder / f"{len(self.workers)}-{release}.log")
        worker.start()
        self.workers.append(worker)
        await worker.wait_for_output("ready", timeout=60)
        return worker

    def stop(self) -> None:
        """End all workers there are."""
        for worker in self.workers:
            worker.kill()


@pytest.fixture
def releases(server_address: str, task_queue: str, tmp_path: Path) -> Iterator[Releases]:
    """Workers on the shared server; those that are left are killed in the end."""
    made = Releases(server_address, task_queue, tmp_path)
    yield made
    made.stop()
