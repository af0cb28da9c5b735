"""A worker that is started as a command serves runs, and tells of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.server.graphs import Chat, Greet, WaitForName, greet, parallel
from tests.support.process import ROOT
from tests.worker.command import GRAPHS, TEXT_LINE, event, events, worker
from tests.worker.graphs import asking, failing, tooled

GREET = "tests.server.graphs:greet"


async def converse(client: Client, task_queue: str) -> None:
    """A run of `greet`, from its start to its end."""
    stop = await greet.proceed(client, id=task_queue, from_node=Greet(), state=Chat(), task_queue=task_queue)
    assert stop.next_node == WaitForName()
    stop = await greet.proceed(client, id=task_queue, from_node=WaitForName(user_name="Bob"))
    assert stop.output == "bye Bob"


async def test_a_run_is_served_and_each_node_is_a_line(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    flags = ("--graph", GREET, "--task-queue", task_queue, "--address", server_address)
    async with worker(tmp_path, *flags, TEMPORAL_ADDRESS="localhost:1") as process:  # a flag goes before a variable
        await converse(client, task_queue)
        assert await process.stop() == 0
    lines = process.output().splitlines()
    assert [line for line in lines if not TEXT_LINE.match(line)] == []
    assert [line.split(None, 2)[2].split("  ")[0] for line in lines] == [
        "connected",
        "worker started",
        *["node started", "node finished"] * 3,
        "stopping",
        "stopped",
    ]
    assert f"address={server_address} namespace=default" in lines[0]
    assert f"task_queue={task_queue}" in lines[1]
    assert f"graph=greet node=Greet run={task_queue}" in lines[2]


@pytest.mark.parametrize("how", ["variables", "profile"])
async def test_it_connects_where_temporals_configuration_says(
    how: str, client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.here]\naddress = "{server_address}"\nnamespace = "default"\n')
    flags: list[object] = ["--graph", GREET, "--task-queue", task_queue]
    if how == "variables":
        process = worker(tmp_path, *flags, module=True, TEMPORAL_ADDRESS=server_address)
    else:
        process = worker(tmp_path, *flags, "--config-file", file, "--profile", "here")
    async with process:
        await converse(client, task_queue)
        assert await process.stop() == 0


async def test_json_lines_and_what_a_node_says(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    flags: list[object] = ["--task-queue", task_queue, "--address", server_address, "--log-format", "json"]
    flags += ["--graph", GREET, "--graph", f"{ROOT / 'tests' / 'worker' / 'graphs.py'}:failing"]
    async with worker(tmp_path, *flags) as process:
        result = await failing.run(client, inputs="value", id=task_queue, task_queue=task_queue)
        assert result.output == "value"
        assert await process.stop() == 0
    assert event(process, "worker started")["graphs"] == "greet,failing"
    failed = event(process, "node failed")
    assert failed["level"] == "warning"
    assert (failed["graph"], failed["node"], failed["run"]) == ("failing", "fail_once", task_queue)
    assert failed["error"] == "OSError: first line second = 'line'"
    assert failed["at"].startswith("tests/worker/graphs.py:")
    assert "raise OSError" in failed["traceback"]
    assert event(process, "node finished")["attempt"] == 2
    said = [line for line in events(process) if line["event"] == "from the node"]
    assert [(line["run"], line["attempt"]) for line in said] == [(task_queue, 1), (task_queue, 2)]
    loggers = {line["logger"] for line in events(process)}
    assert loggers == {"temporal_graph.worker", "temporalio.activity", "a.library", "py.warnings"}


async def test_it_says_when_a_node_asks(client: Client, server_address: str, task_queue: str, tmp_path: Path) -> None:
    flags: list[object] = ["--graph", "tests.server.graphs:parallel", "--task-queue", task_queue]
    async with worker(tmp_path, *flags, "--address", server_address, "--log-format", "json") as process:
        run = await parallel.start(client, inputs=["one"], id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("1")
        assert (await run.result()).output == ["one=1"]
        assert await process.stop() == 0
    nodes = [line["event"] for line in events(process) if line["event"].startswith("node ")]
    assert nodes == ["node started", "node asks", "node started", "node finished"]


async def test_every_line_of_text_is_an_event(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    flags: list[object] = ["--graph", f"{GRAPHS}:failing", "--task-queue", task_queue, "--address", server_address]
    async with worker(tmp_path, *flags) as process:
        await failing.run(client, inputs="value", id=task_queue, task_queue=task_queue)
        assert await process.stop() == 0
    lines = process.output().splitlines()
    assert [line for line in lines if not TEXT_LINE.match(line)] == []
    [failed] = [line for line in lines if "node failed" in line]
    assert """error="OSError: first line second = 'line'\"""" in failed
    assert any(line.endswith("from a library,\\nin two lines") for line in lines)


async def test_a_level_leaves_out_what_is_below_it(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    flags: list[object] = ["--graph", f"{GRAPHS}:failing", "--task-queue", task_queue, "--address", server_address]
    async with worker(tmp_path, *flags, "--log-level", "error") as process:
        await failing.run(client, inputs="value", id=task_queue, task_queue=task_queue)
        assert await process.stop() == 0
    assert process.output() == ""


async def test_deps_are_there_while_it_runs(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    flags: list[object] = ["--graph", f"{GRAPHS}:tooled", "--deps", f"{GRAPHS}:tools"]
    flags += ["--task-queue", task_queue, "--address", server_address, "--log-format", "json"]
    async with worker(tmp_path, *flags) as process:
        assert (await tooled.run(client, id=task_queue, task_queue=task_queue)).output == "hammer"
        assert await process.stop() == 0
    order = [line["event"] for line in events(process)]
    assert order[:2] == ["tools open", "connected"]
    assert order[-3:] == ["stopping", "tools closed", "stopped"]


async def test_a_notifier_is_told(client: Client, server_address: str, task_queue: str, tmp_path: Path) -> None:
    flags: list[object] = ["--graph", f"{GRAPHS}:asking", "--notify", f"{GRAPHS}:to_file"]
    told = tmp_path / "told"
    async with worker(tmp_path, *flags, "--task-queue", task_queue, "--address", server_address) as process:
        run = await asking.start(client, inputs=str(told), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("yes")
        assert (await run.result()).output == "yes"  # it waits for what is on its way
        assert await process.stop() == 0
    assert sorted(told.read_text().splitlines()) == [f"answered {task_queue}", f"opened {task_queue}"]


async def test_a_graph_in_a_file_elsewhere_that_imports_its_neighbour(
    client: Client, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    (tmp_path / "neighbour_of_graph.py").write_text("from tests.server.graphs import greet as found\n")
    (tmp_path / "logs.py").write_text("from neighbour_of_graph import found\n")  # called like a module of the worker
    flags: list[object] = ["--graph", f"{tmp_path / 'logs.py'}:found", "--task-queue", task_queue]
    async with worker(tmp_path, *flags, "--address", server_address):
        await converse(client, task_queue)


async def test_two_workers_share_a_queue(client: Client, server_address: str, task_queue: str, tmp_path: Path) -> None:
    flags: list[object] = ["--graph", GREET, "--task-queue", task_queue, "--address", server_address]
    (tmp_path / "other").mkdir()
    async with worker(tmp_path, *flags, "--max-cached-workflows", "0") as one, worker(tmp_path / "other", *flags):
        # The other one may do all the work before this one has begun, and a worker that has not is ended by the signal.
        await one.wait_for_output("worker started", timeout=60)
        await asyncio.gather(*(converse_as(client, task_queue, number) for number in range(5)))
        assert await one.stop() == 0


async def converse_as(client: Client, task_queue: str, number: int) -> None:
    run = await greet.start(client, Greet(), state=Chat(), id=f"{task_queue}-{number}", task_queue=task_queue)
    await run.wait()
    await run.resume({"user_name": f"Bob {number}"})
    assert (await run.result()).output == f"bye Bob {number}"
