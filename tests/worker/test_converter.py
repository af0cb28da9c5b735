"""`--data-converter`."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import Client

from tests.replay.serving import until
from tests.worker.command import GRAPHS, events, refused, worker
from tests.worker.converters import converter
from tests.worker.graphs import talking

CONVERTERS = "tests.worker.converters"


@pytest.mark.parametrize("name", ["converter", "make_converter"])
async def test_the_worker_has_that_of_its_clients(
    name: str, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    client = await Client.connect(server_address, data_converter=converter)
    flags = ("--graph", f"{GRAPHS}:talking", "--task-queue", task_queue, "--address", server_address)
    async with worker(tmp_path, *flags, "--data-converter", f"{CONVERTERS}:{name}") as process:
        run = await talking.start(client, inputs="plain text", id=task_queue, task_queue=task_queue)
        for number in range(3):
            await run.proceed(f"plain text {number}") if number else await run.wait()
        history = await client.get_workflow_handle(task_queue).fetch_history()
        await run.cancel()
        assert await process.stop() == 0
    assert b"plain text" not in b"".join(event.SerializeToString() for event in history.events)


async def test_a_worker_without_it_says_so(server_address: str, task_queue: str, tmp_path: Path) -> None:
    client = await Client.connect(server_address, data_converter=converter)
    flags = ("--graph", f"{GRAPHS}:talking", "--task-queue", task_queue, "--address", server_address)
    async with worker(tmp_path, *flags, "--log-format", "json") as process:
        run = await talking.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await process.wait_for_output("binary/backwards", timeout=60)
        [said, *_] = [line for line in events(process) if "binary/backwards" in str(line)]
        assert said["level"] == "warning"
        assert said["run"] == task_queue
        assert "--data-converter" in said["error"]
        assert await process.stop() == 0
    (tmp_path / "next").mkdir()
    async with worker(tmp_path / "next", *flags, "--data-converter", f"{CONVERTERS}:converter") as process:

        async def asks() -> bool:
            return bool(await run.pending_interrupts())

        await until(asks)
        await run.cancel()
        assert await process.stop() == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Backwards", "is a payload codec, not a data converter; put it into one"),
        ("NO_CONVERTER", "is no data converter but a value of type 'int'"),
        ("no_keys", "failed with OSError: no keys here"),
        ("convertor", "has no 'convertor'. The data converters in 'tests.worker.converters': converter"),
    ],
)
def test_what_is_none(name: str, says: str) -> None:
    line = refused("--graph", f"{GRAPHS}:waiting", "--data-converter", f"{CONVERTERS}:{name}")
    assert f"--data-converter '{CONVERTERS}:{name}'" in line
    assert says in line
