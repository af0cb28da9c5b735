"""What nodes did, in a file that outlives the worker; and how a test holds them where it wants them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from temporalio import activity


@dataclass(frozen=True)
class Line:
    """Something that a node did.

    Attributes:
        what: `start`, `finish`, or the name of the exception that it was left by.
        node: The node.
        value: What tells its visits apart.
        run: Temporal's run id.
        activity: The activity's id in that run.
        attempt: Which attempt it was, from 1.
    """

    what: str
    node: str
    value: str
    run: str
    activity: str
    attempt: int

    @property
    def key(self) -> tuple[str, str]:
        """What this is in Temporal's history."""
        return self.run, self.activity


class Journal:
    """The deps of the graphs: a folder that the test and the workers share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal"

    # -- The nodes' side --------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def at(self, node: str, value: object = "") -> AsyncGenerator[None]:
        """Note the start, wait as long as the test holds this visit, and note how it was left."""
        self._note("start", node, value)
        while self._hold(node, value).exists():
            await asyncio.sleep(0.02)
        try:
            yield
        except BaseException as error:
            self._note(type(error).__name__, node, value)
            raise
        self._note("finish", node, value)

    def _note(self, what: str, node: str, value: object) -> None:
        info = activity.info()
        line = Line(what, node, str(value), info.workflow_run_id or "", info.activity_id, info.attempt)
        # One write, on the disk before the node goes on: a killed process leaves whole lines or none.
        file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(file, (json.dumps(line.__dict__) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)

    # -- The test's side --------------------------------------------------------------------------------------------

    def hold(self, node: str, value: object = "") -> None:
        """Let this visit stand still after its start."""
        self._hold(node, value).touch()

    def release(self, node: str, value: object = "") -> None:
        """Let it go on."""
        self._hold(node, value).unlink()

    def lines(self, what: str | None = None, node: str | None = None) -> list[Line]:
        """What there is so far, oldest first."""
        text = self.path.read_text() if self.path.exists() else ""
        found = [Line(**json.loads(line)) for line in text.splitlines()]
        return [line for line in found if what in (None, line.what) and node in (None, line.node)]

    def has(self, what: str, node: str, value: object = "") -> bool:
        """Whether a visit has started, or finished."""
        return any(line.value == str(value) for line in self.lines(what, node))

    def _hold(self, node: str, value: object) -> Path:
        return self.folder / f"hold-{node}-{value}"
