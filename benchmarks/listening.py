"""From what happens in a run to a reader of its stream: the slowest of each kind.

The time is taken where it happens: by the node that emits something or ends, by the caller who answers. A question
opens when the node before it ends, and so does the run. Only a start has no time but that of the event: when the
run's task began that let the node start.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from typing import Any

from temporalio.client import Client

from benchmarks import graphs
from benchmarks.rows import Row
from benchmarks.running import QUEUE, new_id, say, serving
from temporal_graph import GraphRun

TOLD, READERS = 12, 6
PROMISED = 300
"""Milliseconds within which an event reaches a reader, at most."""


async def events() -> list[Row]:
    """A row for each kind of event."""
    async with serving(graphs.telling) as (client, _):
        times = await _times(client)
    rows: list[Row] = []
    for what, found in sorted(times.items()):
        slowest, median = max(found) * 1_000, statistics.median(found) * 1_000
        name = f"from {what}, ms, slowest of {len(found)} (median: {median:.0f})"
        rows.append(Row(name, f"{slowest:.0f}", "", slowest, PROMISED))
    return rows


async def _times(client: Client) -> dict[str, list[float]]:
    times: dict[str, list[float]] = defaultdict(list)
    say("events: one reader from the beginning")
    run = await graphs.telling.start(client, graphs.Listen(TOLD), id=new_id(), task_queue=QUEUE)
    await run.wait()
    await _listen(run, times)
    for number in range(READERS):  # while a node speaks to nobody
        say(f"events: a reader that comes later, {number + 1} of {READERS}")
        run = await graphs.telling.start(client, graphs.Tell(70, 0.02), id=new_id(), task_queue=QUEUE)
        await asyncio.sleep(0.6 + 0.03 * number)
        came: dict[str, list[float]] = defaultdict(list)
        await _listen(run, came)
        times["emit() to a reader that has just come"] += came.pop("emit() to a reader")[:10]
        for what, found in came.items():
            times[what] += found
    return times


async def _listen(run: GraphRun[Any, Any], times: dict[str, list[float]]) -> None:
    """Read to the end of the run, answer what it asks, and note how long each event took from when it happened."""
    began, ended, answered = time.time(), 0.0, 0.0
    answers: list[asyncio.Task[Any]] = []
    async for event in run.stream():
        now = time.time()
        if event.kind == "emitted":
            what, happened = "emit() to a reader", event.data["data"]
        elif event.kind == "node_started":
            what, happened = "the start of a node to a reader", event.at.timestamp()
        elif event.kind == "node_finished" and event.node_id == "Tell":
            output: Any = event.data["output"]
            ended = output if isinstance(output, float) else output["ended"]
            what, happened = "the end of a node to a reader", ended
        elif event.kind == "interrupt_opened":
            what, happened = "a question to a reader", ended
            answered = time.time()
            answers.append(asyncio.create_task(run.resume({"value": True})))
        elif event.kind == "interrupt_answered":
            what, happened = "an answer to a reader", answered
        elif event.kind == "run_finished":
            what, happened = "the end of a run to a reader", ended
        else:
            continue
        if happened >= began:  # not what there was before
            times[what].append(now - happened)
    await asyncio.gather(*answers)
