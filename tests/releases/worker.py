"""A process in which workers of one release or another work, as a test asks for them: see `Host` in `conftest`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import logging
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin
from tests.releases import changes

Workers = dict[str, contextlib.AsyncExitStack]


async def start(address: str, workers: Workers, name: str, task_queue: str, release: str) -> None:
    """Let a release work on a task queue.

    Args:
        address: The server.
        workers: Those that work, by name.
        name: By which it is stopped.
        task_queue: What it polls.
        release: A name in `changes`.
    """
    client = await Client.connect(address, plugins=[GraphPlugin(getattr(changes, release))])
    workers[name] = contextlib.AsyncExitStack()
    await workers[name].enter_async_context(
        Worker(
            client,
            task_queue=task_queue,
            # The server gives a worker's runs to another one after this; its default is 10 seconds.
            sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
        )
    )


async def serve(address: str, workers: Workers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do what a test asks for, a line of JSON each; a name alone stops a worker."""
    while line := await reader.readline():
        name, *words = json.loads(line)
        if words:
            await start(address, workers, name, *words)
        else:
            await workers.pop(name).aclose()
        writer.write(b"done\n")
    writer.close()


async def main() -> None:
    """Work until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--socket", required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    workers: Workers = {}
    async with await asyncio.start_unix_server(functools.partial(serve, args.address, workers), args.socket) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
