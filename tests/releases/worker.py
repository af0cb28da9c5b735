"""A worker process with one release: `python -m tests.releases.worker --address … --task-queue … --release …`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from temporal_graph import GraphPlugin
from tests.releases import changes


async def main() -> None:
    """Work until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--task-queue", required=True)
    parser.add_argument("--release", required=True, help="a name in tests/releases/changes.py")
    parser.add_argument("--build-id", help="the worker deployment's build, whose runs stay with it")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    graph = getattr(importlib.import_module(changes.__name__), args.release)
    client = await Client.connect(args.address, plugins=[GraphPlugin(graph)])
    options: dict[str, Any] = {}
    if args.build_id is not None:
        options["deployment_config"] = WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(args.task_queue, args.build_id),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.PINNED,
        )
    worker = Worker(
        client,
        task_queue=args.task_queue,
        # The server gives a dead worker's runs to another one after this; its default is 10 seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
        **options,
    )
    async with worker:
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
