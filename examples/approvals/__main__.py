"""Shows a pattern of approval here (`python -m examples.approvals critical`), or on a Temporal server (`--address`)."""

from __future__ import annotations

import argparse
import uuid
from typing import Any

from examples.approvals import chain, conditional, critical, deadline, review
from examples.approvals.pattern import Pattern
from examples.terminal import connect, run
from temporal_graph import Stop

PATTERNS: dict[str, Pattern] = {
    "critical": critical.pattern,
    "review": review.pattern,
    "chain": chain.pattern,
    "conditional": conditional.pattern,
    "deadline": deadline.pattern,
}


async def here(pattern: Pattern) -> Stop[Any, Any]:
    work = pattern.graph.local()
    stop = await work.proceed(inputs=pattern.inputs)
    while stop.is_interrupt:
        stop = await work.proceed(await pattern.answer(stop), interrupt_id=stop.interrupts[0].interrupt_id)
    return stop


async def on_server(pattern: Pattern, address: str, task_queue: str, id: str) -> Stop[Any, Any]:
    client = await connect(address)
    # A run with this id that waits already goes on, instead of a new one.
    stop = await pattern.graph.proceed(client, id=id, inputs=pattern.inputs, task_queue=task_queue)
    work = pattern.graph.get_run(client, id)
    while stop.is_interrupt:
        stop = await work.proceed(await pattern.answer(stop), interrupt_id=stop.interrupts[0].interrupt_id)
    return stop


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.approvals", description=__doc__)
    parser.add_argument("pattern", choices=PATTERNS, help="which one")
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="a Temporal server; a worker must run there; for critical: "
        "python worker/main.py --graph examples.approvals.critical:critical --task-queue graphs",
    )
    parser.add_argument("--task-queue", default="graphs", help="the worker's task queue (default: %(default)s)")
    parser.add_argument("--id", help="the run's id; an open run goes on")
    arguments = parser.parse_args()
    pattern = PATTERNS[arguments.pattern]
    if arguments.address:
        id = arguments.id or f"{arguments.pattern}-{uuid.uuid4().hex[:8]}"
        stop = await on_server(pattern, arguments.address, arguments.task_queue, id)
    else:
        stop = await here(pattern)
    print(stop.output)
    return 0


if __name__ == "__main__":
    run(main())
