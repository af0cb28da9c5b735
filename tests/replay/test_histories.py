"""What releases have recorded is replayed: a run that they began must go on with the code of today."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from temporal_graph import GraphPlugin
from tests.replay import release_0_1, release_0_2, release_0_3
from tests.replay.recording import read
from tests.replay.scripts_0_3 import GRAPHS as GRAPHS_0_3
from tests.replay.scripts_0_3 import garbling
from tests.support.process import ROOT

HISTORIES = ROOT / "tests" / "replay" / "histories"
RELEASES = {"0.1": release_0_1.GRAPHS, "0.2": release_0_2.GRAPHS, "0.3": GRAPHS_0_3}
FILES = sorted(str(file.relative_to(HISTORIES)) for file in HISTORIES.glob("*/*"))


async def replay(file: str) -> None:
    """Replay a history of a release; a difference is raised."""
    path = HISTORIES / file
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(*RELEASES[path.parent.name])])
    await replayer.replay_workflow(WorkflowHistory.from_json(path.name, read(path)))


@pytest.mark.parametrize("file", FILES)
async def test_histories_of_releases_replay(file: str) -> None:
    await replay(file)


@pytest.mark.parametrize("seed", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_they_replay_whatever_the_order_of_sets(seed: str) -> None:
    code = "import asyncio, os; from tests.replay.test_histories import *\n"
    code += "for file in FILES: asyncio.run(replay(file))\nprint('replayed', flush=True); os._exit(0)"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert process.stdout == "replayed\n", process.stderr


def test_every_release_has_histories_of_all_its_graphs() -> None:
    assert {folder.name for folder in HISTORIES.iterdir()} == set(RELEASES)
    for release, graphs in RELEASES.items():
        texts = [read(file) for file in (HISTORIES / release).iterdir()]
        for graph in graphs:
            assert any(f'"workflowType":{{"name":"{graph.name}"}}' in text for text in texts), graph


@pytest.mark.parametrize("file", FILES)
def test_they_tell_nothing_of_a_machine(file: str) -> None:
    said = "\n".join(decoded(read(HISTORIES / file)))
    assert not re.search(r'"(stackTrace|identity|requestId)"|/home/|/root/|/work/|site-packages|\d@\w', said)


def decoded(text: str) -> Iterator[str]:
    """A text with those in it that are written in base64: payloads, and what is in them."""
    yield text
    for found in re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", text):
        with contextlib.suppress(ValueError):
            yield from decoded(base64.b64decode(found, validate=True).decode(errors="replace"))


async def test_a_changed_graph_is_noticed() -> None:
    """The replays above can fail: another graph under the same name makes other commands."""
    other = release_0_1.TemporalGraph(release_0_1.first.graph, name=release_0_1.pipeline.name)
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(other)])
    history = (HISTORIES / "0.1" / f"{release_0_1.pipeline.name}.1.json").read_text()
    with pytest.raises(Exception, match=r"Nondeterminism|TMPRL1100"):
        await replayer.replay_workflow(WorkflowHistory.from_json("other", history))


async def test_what_one_worker_could_not_read_the_next_one_turns_away_too() -> None:
    """Though it could read it: signals whose payload codec the worker that took them had not."""
    plugin, converter = GraphPlugin(*release_0_3.GRAPHS), garbling(gets=False, reads=True)
    replayer = Replayer(workflows=[], plugins=[plugin], data_converter=converter)
    path = HISTORIES / "0.3" / "unread-signal.1.json.gz"
    await replayer.replay_workflow(WorkflowHistory.from_json(path.name, read(path)))
