"""The demo as a whole: with no terminal, and at one."""

import fcntl
import os
import pty
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from examples.publish.graph import publish
from tests.examples.programs import run_example
from tests.support.process import ROOT


@pytest.fixture
def taken_ports() -> Iterator[None]:
    """Somebody listens where Temporal's servers listen."""
    taken: list[socket.socket] = []
    for port in (7233, 8233):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
            holder.listen()
        except OSError:
            holder.close()  # by somebody else: just as well
            continue
        taken.append(holder)
    yield
    for holder in taken:
        holder.close()


def processes(text: str) -> list[int]:
    """The server, the first worker, the second."""
    found = re.search(
        r"server +process (\d+).*worker +process (\d+).*Process \2 is killed with SIGKILL.*Process (\d+) is started",
        text,
        re.DOTALL,
    )
    assert found is not None, text
    return [int(pid) for pid in found.groups()]


def assert_gone(pids: list[int]) -> None:
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


KEPT = "select count(*) from executions_visibility where workflow_type_name = 'publish'"


def test_without_a_terminal(tmp_path: Path, taken_ports: None) -> None:
    done = run_example("examples.publish.demo", "--folder", tmp_path, env={"YES": "1"})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    text = done.stdout
    assert_gone(processes(text))
    steps = [
        "✓ split",
        "✓ check",
        "✓ draft",
        "? review",
        "is killed with SIGKILL",
        "the demo answers",
        "✓ review",
        "✓ write",
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    for node in publish.graph.nodes:
        assert re.search(rf"^  {node} +\S", text, re.MULTILINE) or node in ("__start__", "sections", "__end__")
    assert "  split    → check, for each of sections  " in text
    assert "  verdict  approve → write, edit → write, reject → end  " in text
    assert "at 127.0.0.1:7233" not in text
    output = tmp_path / "README.release.md"
    assert f"result   {output}" in text
    assert output.read_text(encoding="utf-8").startswith("# Release summary: temporal_graph\n")
    assert re.search(
        r"the run  http://localhost:\d+/namespaces/default/workflows/publish-README-\w+/[\w-]+/history", text
    )
    with sqlite3.connect(tmp_path / "temporal.sqlite") as data:
        assert data.execute(KEPT).fetchone() == (1,)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run_example("examples.publish.demo", "nowhere.md", "--folder", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: there is no file 'nowhere.md'; name a Markdown file.\n"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"\xff")
    done = run_example("examples.publish.demo", tmp_path / "x.md", "--folder", tmp_path)
    assert done.returncode == 1
    assert "✗ split" in done.stdout
    [line] = done.stderr.splitlines()
    assert re.fullmatch(r"Error: 'split' failed with DocumentError: '.*x\.md' is not UTF-8 text: byte 0 .*", line)


def test_one_demo_a_folder(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run_example("examples.publish.demo", "--folder", tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"Error: another demo, or a server that one left behind, uses {tmp_path}; stop it, or give --folder.\n"
    )


AT_ITS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C arrives
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The demo at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._file, theirs = pty.openpty()
        env = {name: value for name, value in os.environ.items() if name not in ("YES", "VISUAL", "EDITOR")}
        self._child = subprocess.Popen(
            [sys.executable, "-c", AT_ITS_TERMINAL, sys.executable, "-m", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env={**env, "TERM": "dumb", "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""
        # A demo that hangs is asked to end; then reading from it ends too.
        self._too_late = threading.Timer(150, self._child.terminate)
        self._too_late.start()

    def read_until(self, end: str) -> None:
        """Read up to a prompt."""
        while not self.text.endswith(end):
            try:
                data = os.read(self._file, 4096)
            except OSError:  # Linux says so when the program has ended
                data = b""
            assert data, f"the demo ended before it wrote {end!r}:\n{self.text}"
            self.text += data.decode(errors="replace").replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def wait(self) -> int:
        """Read to the end; give the exit code."""
        try:
            while data := os.read(self._file, 4096):
                self.text += data.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass
        return self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._too_late.cancel()
        if self._child.poll() is None:
            self._child.terminate()
            self.wait()
        os.close(self._file)


def test_at_a_terminal(tmp_path: Path) -> None:
    with Terminal("examples.publish.demo", "--folder", str(tmp_path)) as terminal:
        terminal.read_until("reject? [a/e/r] ")
        terminal.type("maybe\n")
        terminal.read_until("reject? [a/e/r] ")
        terminal.type("e\n# Mine\n.\n")
        terminal.read_until("Press Enter to stop the server. ")
        pids = processes(terminal.text)
        [page] = re.findall(r"the run  (http://\S+)", terminal.text)
        with urllib.request.urlopen(page) as response:  # the server is there, with its pages
            assert response.status == 200
        terminal.type("\n")
        assert terminal.wait() == 0
    assert "'maybe' is none of them" in terminal.text
    assert (tmp_path / "README.release.md").read_text(encoding="utf-8") == "# Mine\n"
    assert_gone(pids)


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with Terminal("examples.publish.demo", "--folder", str(tmp_path)) as terminal:
        terminal.read_until("ten seconds to come back ...\n")
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert terminal.text.endswith("\nStopped.\n")
    assert_gone(processes(terminal.text))
