"""The TypeScript program of the examples: compiled, and run against a real server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from temporalio.worker import Worker

from examples.typescript.graph import order
from temporal_graph import GraphPlugin, register_search_attributes
from tests.replay.serving import new_name, worker_options
from tests.support.process import ROOT
from tests.support.server import DevServer

FOLDER = ROOT / "examples/typescript"
READY = FOLDER / "node_modules/.ready"
OLDEST = (20, 3)

SAID = """\
waiting; 12 packed
Approve:1 asks ann
takes approved
refused as invalid: approved: Input should be a valid boolean, unable to interpret input
rejected: invalid
refused as conflict
asks bob,cid now, for 1 days more
bob has answered; paused
waiting at Dispatch:1.before
12 pieces, at a discount of 10
heard much: answers to Approve,Dispatch; at last run_finished
it continued as new: true
started ... node_finished; edited by [["set",["discount"],10]]
  asked
  rejected ann
  state_updated bob
  reassigned ann
  extended bob
  answered bob fine with me
  asked
  answered ann
memo: Approve:1
the fork is finished: given up, with a discount of 50
Pack failed with ValueError: -1 pieces cannot be packed
"""


def _node() -> str:
    """The program `node`; without it, the test is skipped."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js with npm is not installed: apt-get install nodejs npm, or https://nodejs.org")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        pytest.skip(f"Node.js is {version.strip()}, and Temporal's client wants 20.3 or later: https://nodejs.org")
    if not READY.exists() or READY.stat().st_mtime < (FOLDER / "package.json").stat().st_mtime:
        subprocess.run([npm, "install"], cwd=FOLDER, check=True)
        READY.touch()
    return node


@pytest.fixture(scope="session")
def program() -> list[str | Path]:
    """The command that runs the program, which is compiled, and so its types are checked."""
    node = _node()
    compiler = subprocess.run([node, "node_modules/typescript/bin/tsc"], cwd=FOLDER, capture_output=True, text=True)
    assert compiler.returncode == 0, compiler.stdout
    return [node, FOLDER / "build/main.js"]


async def test_it_does_all_that_can_be_done_by_wire(
    own_server: DevServer, program: list[str | Path], tmp_path: Path
) -> None:
    await register_search_attributes(await own_server.connect())
    client = await own_server.connect(GraphPlugin(order))
    name = new_name("typescript")
    async with Worker(client, task_queue=name, **worker_options()):
        with (tmp_path / "said").open("wb") as said, (tmp_path / "complained").open("wb") as complained:
            node = await asyncio.create_subprocess_exec(
                *program,
                name,
                env={**os.environ, "TEMPORAL_ADDRESS": own_server.address, "TASK_QUEUE": name},
                stdout=said,
                stderr=complained,
            )
        try:
            await asyncio.wait_for(node.wait(), 120)
        finally:
            if node.returncode is None:
                node.kill()
    warnings = (tmp_path / "complained").read_text()
    assert node.returncode == 0, warnings
    assert (tmp_path / "said").read_text() == SAID
    assert f"proceed is sent again: {name} has continued as new" in warnings
