"""A worker that the model-based test kills: `python -m tests.policies.model_worker --address … --task-queue …`."""

from __future__ import annotations

import argparse
import asyncio

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin
from tests.policies.model_graphs import GRAPHS


async def main() -> None:
    """Work until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--task-queue", required=True)
    args = parser.parse_args()
    client = await Client.connect(args.address, plugins=[GraphPlugin(*GRAPHS.values())])
    async with Worker(client, task_queue=args.task_queue, max_cached_workflows=0):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
