"""A worker process that tests kill: `python -m tests.approvals.worker ADDRESS TASK_QUEUE`."""

from __future__ import annotations

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin
from tests.approvals.graphs import single


async def main(address: str, task_queue: str) -> None:
    """Work until killed."""
    client = await Client.connect(address, plugins=[GraphPlugin(single)])
    async with Worker(client, task_queue=task_queue):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
