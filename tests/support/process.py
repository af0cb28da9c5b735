"""Child processes that tests start, watch, stop and kill."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
"""The project's folder: children start in it and import from it."""

# A test process that is killed (by a time-out, say) runs no clean-up, so the kernel is asked to kill the child with it.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class ProcessFailed(Exception):
    """A child ended, or did not do in time what was waited for. The message ends with the last of its output."""


class Process:
    """A child process whose output goes to a file.

    Start it from a thread that lives as long as the test (the main thread, or the event loop's): on Linux the child
    dies with the thread that started it.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            argv: Program (an absolute path) and arguments.
            log: The file that stdout and stderr are appended to, also over several starts.
            env: Variables to set or replace in this process's environment.
            stdout: A file descriptor that stdout goes to instead.
            stderr: A file descriptor that stderr goes to instead.
        """
        self.argv = [str(arg) for arg in argv]
        self.log = log
        self.env = dict(env or {})
        self._stdout = stdout
        self._stderr = stderr
        self._child: subprocess.Popen[bytes] | None = None
        self._begins = 0

    def start(self) -> None:
        """Starts the child.

        Raises:
            RuntimeError: If it is running already.
        """
        if self.running:
            raise RuntimeError(f"{self.argv[0]!r} is running already, as process {self.pid}")
        argv = self.argv
        if sys.platform == "linux":
            argv = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *argv]
        python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        env = {**os.environ, "PYTHONPATH": python_path, "PYTHONUNBUFFERED": "1", **self.env}
        with self.log.open("ab") as output:
            self._begins = output.tell()
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output if self._stdout is None else self._stdout,
                stderr=output if self._stderr is None else self._stderr,
                cwd=ROOT,
                env=env,
            )

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process started last."""
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """The exit code of the process started last, negative for a signal; None while it runs."""
        return self._started().poll()

    def output(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def output_since_start(self) -> str:
        """What it has written since it was started last."""
        return self.log.read_bytes()[self._begins :].decode(errors="replace")

    def kill(self) -> None:
        """Kills it with SIGKILL, as a power cut would, and waits until it is gone. Does nothing if it has ended."""
        child = self._started()
        child.kill()
        child.wait()

    async def stop(self, *, timeout: float = 30) -> int:
        """Asks it to stop with SIGTERM and waits until it did.

        Args:
            timeout: Seconds after which it is killed.

        Returns:
            Its exit code: negative for a signal.

        Raises:
            ProcessFailed: If it had to be killed.
        """
        child = self._started()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        return await self.wait(timeout=timeout)

    async def wait(self, *, timeout: float = 30) -> int:
        """Waits until it ends by itself.

        Returns:
            Its exit code: negative for a signal.

        Raises:
            ProcessFailed: If it did not end in time; it is killed then.
        """
        child = self._started()
        deadline = time.monotonic() + timeout
        while (code := child.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
                raise self.failure(f"did not end within {timeout:g} s, so it was killed")
            await asyncio.sleep(0.02)
        return code

    async def wait_for_output(self, text: str, *, timeout: float = 30) -> None:
        """Waits until it has written `text`.

        Raises:
            ProcessFailed: If it ends before, or takes longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while text not in self.output():
            # Asked before reading once more: what it wrote just before it ended counts.
            if not self.running and text not in self.output():
                raise self.failure(f"ended with {self.returncode} before it wrote {text!r}")
            if time.monotonic() > deadline:
                raise self.failure(f"did not write {text!r} within {timeout:g} s")
            await asyncio.sleep(0.02)

    def failure(self, what: str) -> ProcessFailed:
        """An error that says what happened and shows the last of the output."""
        return ProcessFailed(f"{' '.join(self.argv)}\n{what}. Its last output:\n{self.output()[-4000:]}")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError(f"{self.argv[0]!r} was not started")
        return self._child

    async def __aenter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills it if it still runs."""
        self.kill()


@contextlib.contextmanager
def full_pipe() -> Generator[int]:
    """The end of a pipe that is full, and that nobody reads: whoever writes to it waits for ever."""
    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4_096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x")
        os.set_blocking(writer, True)  # a child has it in the same way
        yield writer
    finally:
        os.close(writer)
        os.close(reader)
