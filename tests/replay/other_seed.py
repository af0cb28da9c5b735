"""Replays the runs of a test in a process in which the elements of sets have another order.

`python -m tests.replay.other_seed` is that other process. It reads requests and writes answers, each a line of JSON,
and ends with its input. Graphs are made anew in it, so it can only have those that are found in a module by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from temporal_graph import GraphPlugin, TemporalGraph
from tests.replay.serving import drifts
from tests.support.process import ROOT

Graph = TemporalGraph[Any, Any, Any, Any]


async def replay_runs(client: Client, task_queue: str, graphs: Sequence[Graph], other_seed: OtherSeed) -> None:
    """Replay every run of these graphs on a task queue: there, or here if it cannot be there; a difference is raised.

    Raises:
        AssertionError: The other process made other commands.
    """
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(*graphs)])
    known = {graph.name for graph in graphs}
    places = {graph.name: place for graph in graphs if (place := place_of(graph))}
    histories: list[WorkflowHistory] = []
    async for execution in client.list_workflows(f"TaskQueue = '{task_queue}'"):
        if execution.workflow_type in known:
            history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
            if execution.workflow_type in places:
                histories.append(history)
            else:
                await replayer.replay_workflow(history)
    if histories:
        other_seed.replay(histories, list(places.values()))


def place_of(graph: Graph) -> tuple[str, str] | None:
    """The module and the name by which another process finds a graph; None if a test made it for itself."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(("tests.", "examples.")):
            for name, value in list(vars(module).items()):
                if value is graph:
                    return module_name, name
    return None


class OtherSeed:
    """The other process: started when it is first needed, and again when it has ended."""

    def __init__(self, folder: Path, *, timeout: float = 60) -> None:
        """Starts nothing yet.

        Args:
            folder: For the histories, of which those that were refused stay, and for what the process logs.
            timeout: Seconds that it has for one request.
        """
        self.seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        self._folder = folder
        self._log = folder / "log"
        self._timeout = timeout
        self._child: subprocess.Popen[str] | None = None

    def replay(self, histories: Sequence[WorkflowHistory], places: Sequence[tuple[str, str]]) -> None:
        """Replay histories of the graphs at these places.

        Raises:
            AssertionError: It cannot be done, or the commands are others.
        """
        files = [self._folder / f"{history.run_id}.json" for history in histories]
        for file, history in zip(files, histories, strict=True):
            file.write_text(history.to_json())
        error = self.ask({"files": [str(file) for file in files], "graphs": places})
        if error is not None:
            log = self._log.read_text(errors="replace")[-4000:]
            raise AssertionError(f"With PYTHONHASHSEED={self.seed}: {error}\nIts log, {self._log}, ends with:\n{log}")
        for file in files:
            file.unlink()

    def ask(self, request: Any) -> str | None:
        """Have a request answered: None is good, and everything else what went wrong."""
        child = self._running()
        assert child.stdin
        assert child.stdout
        late = threading.Timer(self._timeout, child.kill)
        late.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and answers nothing
                child.stdin.write(json.dumps(request) + "\n")
                child.stdin.flush()
            answer = child.stdout.readline()
        finally:
            late.cancel()
        return json.loads(answer) if answer else f"no answer within {self._timeout} s; it ended with {child.wait()}"

    def close(self) -> None:
        """End the process; kill it if it does not."""
        if self._child:
            try:
                self._child.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.communicate()
            self._child = None

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            with self._log.open("ab") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "tests.replay.other_seed"],
                    cwd=ROOT,
                    env={**os.environ, "PYTHONHASHSEED": self.seed},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        return self._child


# -- The other process ----------------------------------------------------------------------------------------------


async def _replay(files: Sequence[str], graphs: Sequence[tuple[str, str]]) -> str | None:
    found = [getattr(importlib.import_module(module), name) for module, name in graphs]

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for file in files:
            yield WorkflowHistory.from_json(file, Path(file).read_text())

    replayer = Replayer(workflows=[], plugins=[GraphPlugin(*found)])
    with drifts() as told:
        results = await replayer.replay_workflows(histories(), raise_on_replay_failure=False)
    refused = ["".join(traceback.format_exception(error)) for error in results.replay_failures.values()]
    return "\n".join([*refused, *told]) or None


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what graphs print is no answer
    for line in sys.stdin:
        try:
            answer = asyncio.run(_replay(**json.loads(line)))
        except Exception:
            answer = traceback.format_exc()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
    os._exit(0)  # the interpreter could crash while it shuts down, after all its work is done
