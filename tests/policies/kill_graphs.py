"""A graph whose nodes do things once, and write down what they do in a file that outlives their worker."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic_graph import GraphBuilder, StepContext
from temporalio import activity
from temporalio.common import RetryPolicy

from temporal_graph import NodeOptions, TemporalGraph, interrupt, once

PARTS = 3
"""How many questions a run asks; three things are done before each."""


@dataclass(frozen=True)
class Line:
    """Something that was done, or has come back from `once`.

    Attributes:
        what: `done`: the side effect; `noted`: `once` has returned, so the server has been told.
        run: The run.
        key: What stands for it.
        pid: The process.
        attempt: Which attempt of the node.
        at: When.
    """

    what: str
    run: str
    key: str
    pid: int
    attempt: int
    at: float


class Ledger:
    """The deps: a file that the test and the workers share."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, what: str, key: str) -> None:
        """Add a line, which is on the disk when this returns; a killed process leaves whole lines or none."""
        info = activity.info()
        line = Line(what, info.workflow_id or "", key, os.getpid(), info.attempt, time.time())
        file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(file, (json.dumps(line.__dict__) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)

    def lines(self) -> list[Line]:
        text = self.path.read_text() if self.path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # one may be half-written as this is read
        return [Line(**json.loads(line)) for line in whole.splitlines()]


@dataclass
class Tally:
    answers: list[str] = field(default_factory=list[str])


async def do(ledger: Ledger, key: str) -> str:
    """Do something once, and note that `once` has returned where this very call has done it."""
    is_done_here = False

    async def act() -> str:
        nonlocal is_done_here
        is_done_here = True
        ledger.write("done", key)
        return f"done {key}"

    said = await once(key, act)
    if is_done_here:
        ledger.write("noted", key)
    return said


g = GraphBuilder(name="killed", state_type=Tally, deps_type=Ledger, input_type=int, output_type=list[str])


@g.step
async def work(ctx: StepContext[Tally, Ledger, int]) -> list[str]:
    found: list[str] = []
    for part in range(PARTS):
        found.append(await do(ctx.deps, f"{part} alone"))
        await asyncio.sleep(random.uniform(0, 0.1))
        async with asyncio.TaskGroup() as group:
            both = [group.create_task(do(ctx.deps, f"{part} {side}")) for side in ("left", "right")]
        found += [task.result() for task in both]
        await asyncio.sleep(random.uniform(0, 0.3))
        if part == 1 and activity.info().attempt == 1:
            raise ConnectionError("tried again, with what is done")
        found.append(await interrupt(part, response_type=str))
    return found


@g.step
async def close(ctx: StepContext[Tally, Ledger, list[str]]) -> list[str]:
    """Another node, in which the key is another one."""
    return [*ctx.inputs, await do(ctx.deps, "close")]


g.add(g.edge_from(g.start_node).to(work), g.edge_from(work).to(close), g.edge_from(close).to(g.end_node))
killed = TemporalGraph(
    g.build(),
    options=NodeOptions(
        heartbeat_timeout=timedelta(seconds=3),
        start_to_close_timeout=timedelta(minutes=2),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(milliseconds=50), maximum_interval=timedelta(seconds=1), maximum_attempts=500
        ),
    ),
)

KEYS = {f"{part} {what}" for part in range(PARTS) for what in ("alone", "left", "right")} | {"close"}
"""What a run does."""
