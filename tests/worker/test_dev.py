"""`--dev`: one command is enough."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.server.graphs import Chat, Greet, WaitForName, greet
from tests.support.process import Process
from tests.worker.command import event, events, refused, worker

GREET = "tests.server.graphs:greet"
FLAGS = ("--graph", GREET, "--dev", "--log-format", "json")


def dev(folder: Path, *words: object) -> Process:
    """A worker with a server on free ports and a database in the folder; its environment names another server."""
    flags: list[object] = [*FLAGS, "--dev-db", folder / "data" / "dev.sqlite"]
    flags += words or ["--dev-port", "0", "--dev-ui-port", "0"]
    return worker(folder, *flags, TEMPORAL_ADDRESS="localhost:1", TEMPORAL_API_KEY="another server's")


@contextlib.asynccontextmanager
async def started(process: Process) -> AsyncGenerator[Client]:
    """A client of the worker's server, once the worker runs."""
    process.log.unlink(missing_ok=True)
    async with process:
        await process.wait_for_output("worker started", timeout=60)
        yield await Client.connect(event(process, "connected")["address"])


def listens(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def gone(address: str) -> None:
    """Return when nobody listens there any more; a server that stays fails the test by its time-out."""
    while listens(address):
        await asyncio.sleep(0.02)


async def test_a_run_outlives_the_worker_and_its_server(tmp_path: Path) -> None:
    process = dev(tmp_path)
    async with started(process) as client:
        stop = await greet.proceed(client, id="chat", from_node=Greet(), state=Chat(), task_queue="graphs")
        assert stop.next_node == WaitForName()
        address, ui = event(process, "connected")["address"], event(process, "worker started")["ui"]
        with await asyncio.to_thread(urllib.request.urlopen, ui) as page:
            assert page.status == 200
        assert await process.stop() == 0
    assert events(process)[-1]["event"] == "stopped"
    assert not listens(address)
    assert not listens(ui)
    async with started(process) as client:
        stop = await greet.proceed(client, id="chat", from_node=WaitForName(user_name="Bob"))
        assert stop.output == "bye Bob"
        assert await process.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a server outlives a worker that is killed")
async def test_the_server_dies_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    process = dev(tmp_path)
    async with started(process):
        address = event(process, "connected")["address"]
        process.kill()
        await gone(address)
    async with started(process):  # nothing is in its way
        assert await process.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
async def test_a_server_that_is_lost_ends_the_worker(tmp_path: Path) -> None:
    process = dev(tmp_path)
    async with started(process):
        [server] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(server), signal.SIGKILL)
        assert await process.wait() == 1
    ours = [line["event"] for line in events(process) if line["logger"] == "temporal_graph.worker"]
    assert ours[2:] == ["the server of --dev was ended by SIGKILL", "stopped"]


async def test_a_second_signal_ends_the_server_too(tmp_path: Path) -> None:
    process = dev(tmp_path)
    async with started(process):
        address = event(process, "connected")["address"]
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGTERM)
        assert await process.wait() in (0, 128 + signal.SIGINT, 128 + signal.SIGTERM)
        await gone(address)


async def test_two_workers_cannot_have_one_database(tmp_path: Path) -> None:
    async with started(dev(tmp_path)):
        file = tmp_path / "data" / "dev.sqlite"
        line = refused(*FLAGS, "--dev-db", file, "--dev-port", "0", "--dev-ui-port", "0")
        assert "another worker's server has it" in line


@pytest.mark.parametrize("flag", ["--dev-port", "--dev-ui-port"])
def test_a_port_that_is_taken(flag: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = {"--dev-port": "0", "--dev-ui-port": "0", flag: str(port)}
        flags = [word for pair in ports.items() for word in pair]
        line = refused(*FLAGS, "--dev-db", tmp_path / "dev.sqlite", *flags)
    assert f"{flag} {port}: the port cannot be used" in line


def test_a_database_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite"
    file.write_text("This is no database, but a note of some length, and must stay as it is.\n" * 50)
    line = refused(*FLAGS, "--dev-db", file, "--dev-port", "0", "--dev-ui-port", "0")
    assert "the server of --dev ended with code" in line
    assert "is not a database" in line


def test_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refused(*FLAGS, "--dev-db", tmp_path / "file" / "dev.sqlite")
    assert "--dev cannot start its server" in line


def test_without_the_program_it_names_the_extra(tmp_path: Path) -> None:
    # An interpreter in a folder without the program, which finds the same packages.
    interpreter = tmp_path / "python"
    interpreter.symlink_to(Path(sys.executable).resolve())
    packages = os.pathsep.join(path for path in sys.path if path)
    line = refused(*FLAGS, interpreter=interpreter, PATH=str(tmp_path), PYTHONPATH=packages)
    assert "pip install 'pydantic-graph-temporal[dev-server]'" in line
