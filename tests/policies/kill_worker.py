"""A worker process that tests kill: `python -m tests.policies.kill_worker --address … --task-queue … --path …`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin
from tests.policies.kill_graphs import Ledger, killed


async def main() -> None:
    """Work until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--task-queue", required=True)
    parser.add_argument("--path", required=True, type=Path, help="where the ledger is")
    args = parser.parse_args()
    client = await Client.connect(args.address, plugins=[GraphPlugin(killed, deps=Ledger(args.path))])
    worker = Worker(
        client,
        task_queue=args.task_queue,
        # The server gives a dead worker's runs to another one after this; its default is 10 seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
    )
    async with worker:
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
