"""Records the histories of a release, once: `python -m tests.replay.record 0.3`, with names of scripts for only these.

The graphs of a release (`release_0_3`) stay as they are, in a module of their own, and so do the scripts of their runs
(`scripts_0_3`); a new release gets new modules, and a new folder of histories.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import traceback
from pathlib import Path

from tests.replay.recording import writer

FOLDER = Path(__file__).parent / "histories"

if __name__ == "__main__":
    release = sys.argv[1]
    scripts = importlib.import_module(f"tests.replay.scripts_{release.replace('.', '_')}")
    target = FOLDER / release
    target.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(scripts.record(writer(target)))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # the interpreter could crash while it shuts down, after all its work is done
