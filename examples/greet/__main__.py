"""Has the talk here (`python -m examples.greet`), or on a Temporal server (`--address localhost:7233`)."""

from __future__ import annotations

import argparse
import uuid

from examples.greet.graph import Greet, MyState, WaitForName, my_graph
from examples.terminal import ask, connect, run


async def here() -> MyState | None:
    talk = my_graph.local()
    stop = await talk.proceed(from_node=Greet(), state=MyState())
    name = await ask(f"{stop.state.messages[-1]} ")
    stop = await talk.proceed(from_node=WaitForName(user_name=name))
    return stop.output


async def on_server(address: str, task_queue: str, id: str) -> MyState | None:
    client = await connect(address)
    # If this program was stopped at the question, the run with this id still waits: it goes on, instead of a new one.
    stop = await my_graph.proceed(client, id=id, from_node=Greet(), state=MyState(), task_queue=task_queue)
    name = await ask(f"{stop.state.messages[-1]} ")
    stop = await my_graph.proceed(client, id=id, from_node=WaitForName(user_name=name))
    return stop.output


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.greet", description=__doc__)
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="a Temporal server; a worker must run there: "
        "python worker/main.py --graph examples.greet.graph:my_graph --task-queue graphs",
    )
    parser.add_argument("--task-queue", default="graphs", help="the worker's task queue (default: %(default)s)")
    parser.add_argument("--id", default=f"greet-{uuid.uuid4().hex[:8]}", help="the run's id; an open run goes on")
    arguments = parser.parse_args()
    if arguments.address:
        state = await on_server(arguments.address, arguments.task_queue, arguments.id)
    else:
        state = await here()
    if state is not None:
        print(state.messages[-1])
    return 0


if __name__ == "__main__":
    run(main())
