"""What it costs to import the package."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile

from benchmarks.rows import Row
from benchmarks.running import say

TIMES = 6
CODE = """
import time, temporalio, pydantic, pydantic_graph
t = time.perf_counter()
import temporal_graph
print((time.perf_counter() - t) * 1000)
"""


async def package() -> list[Row]:
    """More than what it stands on."""
    say("import temporal_graph")
    with tempfile.TemporaryDirectory() as folder:
        # With compiled modules, as pip leaves them, whatever this environment says.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        argv = [sys.executable, "-c", CODE]
        times = [
            float(await asyncio.to_thread(subprocess.check_output, argv, env=env, text=True)) for _ in range(TIMES)
        ]
    best = min(times)
    return [Row("import temporal_graph, ms more than what it stands on", f"{best:.0f}", "", best, 50)]
