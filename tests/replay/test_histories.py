"""What releases have recorded is replayed: a run that they began must go on with the code of today."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from temporal_graph import GraphPlugin
from tests.replay import release_0_1
from tests.support.process import ROOT

HISTORIES = ROOT / "tests" / "replay" / "histories"
RELEASES = {"0.1": release_0_1.GRAPHS}


async def replay(release: str) -> int:
    """Replay all histories of a release; a difference is raised.

    Returns:
        How many there were.
    """
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(*RELEASES[release])])
    files = sorted((HISTORIES / release).iterdir())
    for file in files:
        await replayer.replay_workflow(WorkflowHistory.from_json(file.stem, file.read_text()))
    return len(files)


@pytest.mark.parametrize("release", RELEASES)
async def test_histories_of_releases_replay(release: str) -> None:
    assert await replay(release) >= len(RELEASES[release])


@pytest.mark.parametrize("seed", ["1", "2"])
def test_they_replay_whatever_the_order_of_sets(seed: str) -> None:
    code = "import asyncio, os; from tests.replay.test_histories import *\n"
    code += "for release in RELEASES: asyncio.run(replay(release))\nprint('replayed', flush=True); os._exit(0)"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert process.stdout == "replayed\n", process.stderr


def test_every_release_has_histories_and_they_tell_nothing_of_a_machine() -> None:
    assert {folder.name for folder in HISTORIES.iterdir()} == set(RELEASES)
    for file in HISTORIES.glob("*/*.json"):
        assert not re.search(r'"(stackTrace|identity|requestId)"|/home/|/root/|site-packages', file.read_text()), file


async def test_a_changed_graph_is_noticed() -> None:
    """The replays above can fail: another graph under the same name makes other commands."""
    other = release_0_1.TemporalGraph(release_0_1.first.graph, name=release_0_1.pipeline.name)
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(other)])
    history = (HISTORIES / "0.1" / f"{release_0_1.pipeline.name}.1.json").read_text()
    with pytest.raises(Exception, match=r"Nondeterminism|TMPRL1100"):
        await replayer.replay_workflow(WorkflowHistory.from_json("other", history))
