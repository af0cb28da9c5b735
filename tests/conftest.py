"""Fixtures every test can ask for: servers, clients, names."""

import asyncio
import functools
import gc
import inspect
import os
import uuid
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.workflow import UnfinishedSignalHandlersWarning, UnfinishedUpdateHandlersWarning

from tests.replay import serving
from tests.replay.other_seed import OtherSeed
from tests.support.own_exit import pytest_sessionstart, pytest_unconfigure
from tests.support.server import DevServer, program

__all__ = ["pytest_sessionstart", "pytest_unconfigure"]  # hooks: pytest finds them here


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server-address",
        metavar="HOST:PORT",
        help="run against this Temporal server instead of starting one (see DYNAMIC_CONFIG in tests/support/server.py)",
    )
    parser.addoption(
        "--no-cache",
        action="store_true",
        help="let workers keep no workflow in memory, so that each of its tasks is replayed from the beginning",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--no-cache"):
        serving.cached_workflows = 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    usual = float(config.getini("timeout"))

    def seconds(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return float(mark.args[0]) if mark else usual

    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj, seconds(item) - 20)
    # Each process gets a part of the list: with the longest at the beginnings, none is left with one at the end.
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    by_length = sorted(items, key=seconds, reverse=True)
    long = [item for item in by_length if seconds(item) > usual]
    rest = [item for item in items if seconds(item) <= usual]
    each = -(-len(items) // processes)
    items.clear()
    for first in range(processes):
        own = long[first::processes]
        count = each - len(own)
        items += [*own, *rest[:count]]
        rest = rest[count:]
    if config.getoption("--no-cache"):
        skip = pytest.mark.skip(
            reason="a run is asked much at once, or has a long history: the SDK loses tasks, or is too late"
        )
        for item in items:
            if item.get_closest_marker("needs_cache"):
                item.add_marker(skip)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through all tests again and again: a workflow's task has two seconds."""
    gc.freeze()


def _limited(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    """A test that fails where it waits, before pytest-timeout ends its process, which tells nobody where that was."""

    @functools.wraps(test)
    async def limited(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(*args, **kwargs)

    return limited


@pytest.fixture(autouse=True)
def no_unfinished_handlers() -> Iterator[None]:
    """Fails a test in which a workflow ended before its signal and update handlers did.

    As an error, like every other warning, it would be raised in the workflow, which would retry its task until the test
    times out.
    """
    unfinished = (UnfinishedSignalHandlersWarning, UnfinishedUpdateHandlersWarning)
    with warnings.catch_warnings(record=True) as caught:
        for category in unfinished:
            warnings.simplefilter("always", category)
        yield
    left = [str(warning.message) for warning in caught if issubclass(warning.category, unfinished)]
    assert not left, f"a workflow ended while its handlers ran: {left}"


@pytest.fixture(scope="session")
def server_address(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dev server that all tests of this process share, started when the first test asks."""
    given: str | None = pytestconfig.getoption("--server-address")
    if given:
        yield given
        return
    server = DevServer(tmp_path_factory.mktemp("server"))
    # Started from this thread, with which it would die; waited for in another one, whose event loop is nobody else's.
    server.process.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, server.wait_until_healthy()).result()
        yield server.address
    finally:
        server.kill()


@pytest.fixture(autouse=True)
def steady(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lets a test fail whose runs gave a node something else in a replay, unless it is marked `drifts`."""
    with serving.drifts() as told:
        yield
    assert not told or request.node.get_closest_marker("drifts"), told


@pytest.fixture
async def client(server_address: str) -> Client:
    """A client of the shared server, without plugins."""
    return await Client.connect(server_address)


@pytest.fixture
def task_queue(request: pytest.FixtureRequest) -> str:
    """A task queue that no other test, and no earlier run of this one, uses."""
    return f"{request.node.name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def other_seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherSeed]:
    """A process with another PYTHONHASHSEED that replays what all tests of this process ran."""
    other = OtherSeed(tmp_path_factory.mktemp("other_seed"))
    yield other
    other.close()


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A dev server for this test alone, on a SQLite file: kill it, start it again."""
    async with DevServer(tmp_path, persistent=True) as server:
        yield server


@pytest.fixture
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose clock jumps ahead while a workflow only waits. Each test has its own: no clock is turned back."""
    path = str(program("temporal-test-server"))
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path) as environment:
        yield environment
