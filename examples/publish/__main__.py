"""Publishes a Markdown file: here (`python -m examples.publish README.md`), or on a Temporal server (`--address`)."""

from __future__ import annotations

import argparse
import os
import uuid
from pathlib import Path

from examples.publish.graph import Job, Publication, Published, Rejected, publish
from examples.publish.verdicts import ask_verdict
from examples.terminal import ExampleError, connect, run, shown
from temporal_graph import Stop

Outcome = Stop[Published | Rejected, Publication]


async def here(job: Job) -> Outcome:
    work = publish.local()
    stop = await work.proceed(inputs=job)
    return await work.proceed(await show_and_ask(stop))


async def on_server(job: Job, address: str, task_queue: str, id: str) -> Outcome:
    client = await connect(address)
    # A run with this id that waits already goes on, instead of a new one.
    stop = await publish.proceed(client, id=id, inputs=job, task_queue=task_queue)
    verdict = await show_and_ask(stop)
    return await publish.get_run(client, id).proceed(verdict, interrupt_id=stop.interrupts[0].interrupt_id)


async def show_and_ask(stop: Outcome) -> object:
    print(stop.state.draft)
    return await ask_verdict(stop.state.draft)


def arguments_given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.publish", description=__doc__)
    parser.add_argument("file", help="a Markdown file")
    parser.add_argument("--output", help="where the summary goes (default: beside the file)")
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="a Temporal server; a worker must run there, on this "
        "machine: python worker/main.py --graph examples.publish.graph:publish --task-queue graphs",
    )
    parser.add_argument("--task-queue", default="graphs", help="the worker's task queue (default: %(default)s)")
    parser.add_argument("--id", default=f"publish-{uuid.uuid4().hex[:8]}", help="the run's id; an open run goes on")
    return parser.parse_args()


def job_of(arguments: argparse.Namespace) -> Job:
    """The job, with paths that mean the same in the worker's folder."""
    output = Path(os.path.abspath(arguments.output)) if arguments.output else None
    return Job(Path(os.path.abspath(arguments.file)), output)


async def main() -> int:
    arguments = arguments_given()
    job = job_of(arguments)
    if arguments.address:
        stop = await on_server(job, arguments.address, arguments.task_queue, arguments.id)
    else:
        stop = await here(job)
    match stop.output:
        case Published(file):
            print(f"Written: {shown(file)}")
        case Rejected(reason):
            print(f"Rejected, nothing is written{f': {reason}' if reason else ''}")
        case None:
            raise ExampleError("the run asks once more, which this program did not expect.")
    return 0


if __name__ == "__main__":
    run(main())
