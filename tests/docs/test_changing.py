"""What docs/changing.md has for releases side by side, and for replays before a release: done with two releases."""

from __future__ import annotations

import asyncio
import contextlib
import re
import runpy
import shlex
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext
from temporalio.client import Client

from temporal_graph import GraphPlugin, TemporalGraph, interrupt
from tests.docs.test_docs import blocks
from tests.replay.serving import until
from tests.support.process import ROOT
from tests.support.server import DevServer, program

PAGE = ROOT / "docs" / "changing.md"
[CURRENT] = [block.text for block in blocks(PAGE) if block.language == "bash"]
[SHOW] = re.findall(r"`(temporal workflow show [^`]*) > claim-17\.json`", PAGE.read_text())


def release(number: int) -> TemporalGraph[Any, Any, Any, Any]:
    """Of a graph whose node the second one has renamed."""
    builder: Any = GraphBuilder
    g = builder(name="claims", output_type=str)

    async def ask(ctx: StepContext[None, None, None]) -> str:
        return f"{await interrupt('pay?', response_type=str)}, says release {number}"

    node = g.step(ask, node_id="ask" if number == 1 else "decide")
    g.add(g.edge_from(g.start_node).to(node), g.edge_from(node).to(g.end_node))
    return TemporalGraph(g.build())


FIRST, SECOND = release(1), release(2)


async def temporal(server: DevServer, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A command of the page's."""
    argv = [program("temporal"), *shlex.split(command)[1:], *more, "--address", server.address]
    return await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)


async def make_current(server: DevServer, number: int) -> None:
    command = CURRENT.replace("--build-id 2", f"--build-id {number}")

    async def is_current() -> bool:  # a server hears of a worker some time after it has begun to poll
        return (await temporal(server, command, "--yes")).returncode == 0

    await until(is_current)


@contextlib.asynccontextmanager
async def working(page: dict[str, Any], graph: TemporalGraph[Any, Any, Any, Any], number: int) -> AsyncIterator[None]:
    """The page's worker of a release."""
    task = asyncio.create_task(page["work"](graph, str(number)))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_releases_side_by_side_and_a_check_before_them(own_server: DevServer, tmp_path: Path) -> None:
    code = "\n".join(block.text for block in blocks(PAGE) if block.language == "python")
    (tmp_path / "page.py").write_text(code.replace("localhost:7233", own_server.address))
    page = runpy.run_path(str(tmp_path / "page.py"))
    client = await Client.connect(own_server.address, plugins=[GraphPlugin(FIRST)])
    async with working(page, FIRST, 1):
        await make_current(own_server, 1)
        old = await FIRST.start(client, id="claim-17", task_queue="claims")
        await old.wait()

        exported = tmp_path / "histories"
        exported.mkdir()
        (exported / "claim-17.json").write_text((await temporal(own_server, SHOW)).stdout)
        await page["check"](FIRST, exported)
        with pytest.raises(Exception, match=r"claims\.ask.*claims\.decide"):
            await page["check"](SECOND, exported)

        async def is_listed() -> bool:
            return [each.id async for each in client.list_workflows("WorkflowType = 'claims'")] == [old.id]

        await until(is_listed)
        assert await page["check_all"](FIRST, client) == {}
        run_id = (await client.get_workflow_handle(old.id).describe()).run_id
        assert list(await page["check_all"](SECOND, client)) == [run_id]

        async with working(page, SECOND, 2):
            await make_current(own_server, 2)
            new = await SECOND.start(client, id="claim-18", task_queue="claims")
            assert [question.node_id for question in (await new.wait()).interrupts] == ["decide"]
            assert (await old.proceed("yes")).output == "yes, says release 1"
            assert (await new.proceed("yes")).output == "yes, says release 2"
