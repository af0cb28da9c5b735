"""Replays histories of the corpus in a process of its own: `python -m tests.conformance.replay FOLDER`."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.conformance.corpus import CASES
from tests.conformance.running import plugins, wrapped


async def replay(folder: Path, max_history_events: int | None) -> None:
    """Replay every history in a folder; a difference is raised."""
    replayer = Replayer(workflows=[], plugins=plugins(CASES, wrapped(max_history_events)))
    for file in sorted(folder.iterdir()):
        await replayer.replay_workflow(WorkflowHistory.from_json(file.stem, file.read_text()))


if __name__ == "__main__":
    try:
        asyncio.run(replay(Path(sys.argv[1]), int(sys.argv[2]) or None))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # the interpreter could crash while it shuts down, after all its work is done
