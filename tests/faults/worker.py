"""A worker process that tests kill: `python -m tests.faults.worker --address … --task-queue … --folder …`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin
from tests.faults.graphs import GRAPHS
from tests.faults.journal import Journal


async def main() -> None:
    """Work until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--task-queue", required=True)
    parser.add_argument("--folder", required=True, type=Path, help="where the journal is")
    args = parser.parse_args()
    client = await Client.connect(args.address, plugins=[GraphPlugin(*GRAPHS, deps=Journal(args.folder))])
    worker = Worker(
        client,
        task_queue=args.task_queue,
        # The server gives a dead worker's runs to another one after this; its default is 10 seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
        # Without it the SDK sends a sign of life only when most of the heartbeat's time-out is over.
        max_heartbeat_throttle_interval=timedelta(milliseconds=300),
        default_heartbeat_throttle_interval=timedelta(milliseconds=300),
    )
    async with worker:
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
