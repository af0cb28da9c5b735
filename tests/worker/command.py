"""The worker command as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.process import ROOT, Process

MAIN = ROOT / "worker" / "main.py"
GRAPHS = "tests.worker.graphs"
TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error)\s+\S")


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without anything that says where a Temporal server is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return {**kept, **variables}


def worker(folder: Path, *words: object, module: bool = False, **variables: str) -> Process:
    """A worker that is not started yet; it writes to `worker.log` in the folder.

    Args:
        folder: Where its output goes.
        words: Its command line.
        module: Whether it is run with `python -m`.
        variables: Environment variables.
    """
    start: list[str | Path] = [sys.executable, "-m", "worker.main"] if module else [sys.executable, MAIN]
    return Process([*start, *(str(word) for word in words)], log=folder / "worker.log", env=variables)


def refused(*words: object, cwd: Path = ROOT, interpreter: str | Path = sys.executable, **variables: str) -> str:
    """The one line with which a worker that cannot start says why; checks that it is one, and the exit code."""
    done = subprocess.run(
        [interpreter, MAIN, *(str(word) for word in words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**variables),
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def events(process: Process) -> list[dict[str, Any]]:
    """What a worker with `--log-format json` has written, each line being JSON."""
    return [json.loads(line) for line in process.output().splitlines()]


def event(process: Process, what: str) -> dict[str, Any]:
    """The one event of this name."""
    [found] = [line for line in events(process) if line["event"] == what]
    return found
