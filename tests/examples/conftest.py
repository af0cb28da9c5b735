"""Workers of the examples, as users start them."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.process import ROOT, Process

StartWorker = Callable[[str], Process]


@pytest.fixture
def start_worker(server_address: str, task_queue: str, tmp_path: Path) -> Iterator[StartWorker]:
    """`start_worker("examples.greet.graph:my_graph")`: a worker process on the test's task queue."""
    started: list[Process] = []

    def start(graph: str) -> Process:
        argv: list[str | Path] = [sys.executable, ROOT / "worker" / "main.py", "--graph", graph]
        argv += ["--task-queue", task_queue]
        env = {"TEMPORAL_ADDRESS": server_address, "TEMPORAL_CONFIG_FILE": os.devnull}
        process = Process(argv, log=tmp_path / f"worker-{len(started)}.log", env=env)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
