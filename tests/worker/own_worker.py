"""A worker that somebody has written: `python -m tests.worker.own_worker ADDRESS TASK_QUEUE`."""

from __future__ import annotations

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin, forwarding_runtime
from tests.worker.graphs import waiting


async def main(address: str, task_queue: str) -> None:
    """Work until killed."""
    client = await Client.connect(address, plugins=[GraphPlugin(waiting)], runtime=forwarding_runtime())
    await Worker(client, task_queue=task_queue).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
