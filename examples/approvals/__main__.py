"""Shows a pattern of approval here (`python -m examples.approvals critical`), or on a Temporal server (`--address`)."""

from __future__ import annotations

import argparse
import uuid
from typing import Any

from examples.approvals import chain, claims, conditional, critical, deadline, review
from examples.approvals.pattern import Pattern, Signed
from examples.terminal import connect, run
from temporal_graph import AnswerRefusedError, GraphRun, LocalRun, Stop

MODULES = (critical, review, chain, conditional, deadline, claims)
PATTERNS: dict[str, Pattern] = {module.__name__.rpartition(".")[2]: module.pattern for module in MODULES}


async def here(pattern: Pattern) -> Stop[Any, Any]:
    work = pattern.graph.local()
    return await talk(pattern, work, await work.proceed(**pattern.beginning))


async def on_server(pattern: Pattern, address: str, task_queue: str, given_id: str | None) -> Stop[Any, Any]:
    client = await connect(address)
    id = given_id or f"{pattern.graph.name}-{uuid.uuid4().hex[:8]}"
    # A run with this id that waits already goes on, instead of a new one.
    stop = await pattern.graph.proceed(client, id=id, task_queue=task_queue, **pattern.beginning)
    if given_id is None:
        print(f"The run is {id}; in another terminal, or later, it goes on with --id {id}")
    return await talk(pattern, pattern.graph.get_run(client, id), stop)


async def talk(pattern: Pattern, work: LocalRun[Any, Any] | GraphRun[Any, Any], stop: Stop[Any, Any]) -> Stop[Any, Any]:
    """Ask whoever sits at the terminal what the run asks, until it asks nothing more."""
    while stop.is_interrupt:
        answer, actor = await pattern.answer(stop), None
        if isinstance(answer, Signed):
            answer, actor = answer.answer, answer.actor
        try:
            stop = await work.proceed(answer, interrupt_id=stop.interrupts[0].interrupt_id, actor=actor)
        except AnswerRefusedError as error:  # they may not answer, or were too late
            print(f"Not taken: {error}")
            stop = await work.wait()
    return stop


async def main() -> int:
    about = [(name, (module.__doc__ or "").partition("\n")[0]) for name, module in zip(PATTERNS, MODULES, strict=True)]
    parser = argparse.ArgumentParser(
        prog="python -m examples.approvals",
        description=__doc__,
        epilog="\n".join(["patterns:", *(f"  {name:<12}{text}" for name, text in about)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pattern", choices=PATTERNS, metavar="pattern", help="which one, see below")
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
        stop = await on_server(pattern, arguments.address, arguments.task_queue, arguments.id)
    else:
        stop = await here(pattern)
    print(stop.output)
    return 0


if __name__ == "__main__":
    run(main())
