"""Runs a worker: `python worker/main.py --graph examples.publish.graph:publish --task-queue graphs`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from temporal_graph import GraphPlugin


async def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graph", action="append", required=True, metavar="MODULE:ATTRIBUTE")
    parser.add_argument("--task-queue", default="graphs")
    parser.add_argument("--graceful-shutdown", type=float, default=30, metavar="SECONDS")
    arguments = parser.parse_args()
    graphs = [getattr(importlib.import_module(m), a) for m, _, a in (g.partition(":") for g in arguments.graph)]
    client = await Client.connect(**ClientConfig.load_client_connect_config(), plugins=[GraphPlugin(*graphs)])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    grace = timedelta(seconds=arguments.graceful_shutdown)
    async with Worker(client, task_queue=arguments.task_queue, graceful_shutdown_timeout=grace):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
