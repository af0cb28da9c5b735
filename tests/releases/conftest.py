"""Workers of one release after another, in two processes which all tests share."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.process import Process


class Host:
    """A process with the workers of any releases; what a test asks of it, it asks through a socket."""

    def __init__(self, address: str, folder: Path, name: str) -> None:
        self.socket = folder / f"{name}.socket"
        argv = [sys.executable, "-m", "tests.releases.worker", "--address", address, "--socket", str(self.socket)]
        self.process = Process(argv, log=folder / f"{name}.log")
        self.process.start()

    async def ask(self, *words: str | None) -> None:
        """Have a worker start, or stop."""
        await self.process.wait_for_output("ready", timeout=120)
        reader, writer = await asyncio.open_unix_connection(self.socket)
        writer.write(json.dumps(words).encode() + b"\n")
        done = await reader.readline()
        writer.close()
        if done != b"done\n":
            raise self.process.failure(f"could not do {words}")


class Releases:
    """The workers of a test, of one release at a time, all on one task queue; each other one in another process."""

    def __init__(self, hosts: Sequence[Host], task_queue: str) -> None:
        self.task_queue = task_queue
        self._hosts = itertools.cycle(hosts)
        self._names = itertools.count()
        self._workers: dict[str, Host] = {}

    async def deploy(self, release: str) -> Host:
        """Put a release in the place of the one before."""
        await self.stop()
        return await self.add(release)

    async def add(self, release: str) -> Host:
        """Start a worker beside those that are there."""
        host, name = next(self._hosts), f"{self.task_queue}-{next(self._names)}"
        await host.ask(name, self.task_queue, release)
        self._workers[name] = host
        return host

    async def stop(self) -> None:
        """End all workers there are."""
        while self._workers:
            name, host = self._workers.popitem()
            await host.ask(name)


@contextlib.contextmanager
def two_hosts(address: str, folder: Path) -> Generator[list[Host]]:
    """Two processes, until they are not needed any more."""
    hosts = [Host(address, folder, name) for name in ("one", "two")]
    try:
        yield hosts
    finally:
        for host in hosts:
            host.process.kill()


@pytest.fixture(scope="session")
def hosts(server_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    """The processes on the shared server."""
    with two_hosts(server_address, tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


@pytest.fixture
async def releases(hosts: list[Host], task_queue: str) -> AsyncIterator[Releases]:
    """Workers on the shared server; those that are left are stopped in the end."""
    made = Releases(hosts, task_queue)
    yield made
    await made.stop()
