"""Orders a few things here (`python -m examples.fan_out`), or on a Temporal server (`--address localhost:7233`)."""

from __future__ import annotations

import argparse
import uuid

from examples.fan_out.graph import fan_out
from examples.terminal import connect, run


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.fan_out", description=__doc__)
    parser.add_argument("items", nargs="*", default=["tea", "bread", "apples"], help="what to order")
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="a Temporal server; a worker must run there: "
        "python worker/main.py --graph examples.fan_out.graph:fan_out --task-queue graphs",
    )
    parser.add_argument("--task-queue", default="graphs", help="the worker's task queue (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.address:
        client = await connect(arguments.address)
        id = f"fan-out-{uuid.uuid4().hex[:8]}"
        result = await fan_out.run(client, inputs=arguments.items, id=id, task_queue=arguments.task_queue)
        orders = result.output
    else:
        stop = await fan_out.local().proceed(inputs=arguments.items)
        orders = stop.output or {}
    for item, offer in sorted(orders.items()):
        print(f"{item:<12} {offer.price / 100:>6.2f}   {offer.shop}")
    return 0


if __name__ == "__main__":
    run(main())
