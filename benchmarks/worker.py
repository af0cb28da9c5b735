"""A worker process of its own, so that its CPU time and memory can be read."""

from __future__ import annotations

import asyncio
import os
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks import graphs
from temporal_graph import GraphPlugin, forwarding_runtime


async def main(address: str, task_queue: str) -> None:
    """Run until the parent kills this process."""
    plugin = GraphPlugin(graphs.chain, graphs.local_chain, graphs.fan, graphs.answers, graphs.telling, graphs.crowd)
    client = await Client.connect(address, plugins=[plugin], runtime=forwarding_runtime())
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[graphs.ChainByHand, graphs.LocalChainByHand, graphs.AnswersByHand],
        activities=[graphs.add_one_by_hand, graphs.act_by_hand],
    )
    async with worker:
        print(f"ready {os.getpid()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
