"""A server that has the search attributes: not the one of the other tests, whose histories are as without them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio.client import Client

from temporal_graph import ApprovalQueue, register_search_attributes
from tests.server.conftest import serve
from tests.support.server import DevServer

__all__ = ["serve"]  # a fixture: pytest finds it here


async def _prepare(server: DevServer) -> None:
    await server.wait_until_healthy()
    await register_search_attributes(await server.connect())


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dev server with the attributes, which the tests of this folder share."""
    server = DevServer(tmp_path_factory.mktemp("server"))
    # Started from this thread, with which it would die; waited for in another one, whose event loop is nobody else's.
    server.process.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _prepare(server)).result()
        yield server.address
    finally:
        server.kill()


@pytest.fixture
def queue(client: Client) -> ApprovalQueue:
    """The queue of that server, by a client that knows no graph."""
    return ApprovalQueue(client)
