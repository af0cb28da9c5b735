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
import time
t = time.perf_counter()
import temporalio.client, temporalio.worker, pydantic, pydantic_graph
base = time.perf_counter()
import temporal_graph
print((time.perf_counter() - t) * 1000, (base - t) * 1000)
"""


async def package() -> list[Row]:
    """With what it stands on, and that by itself."""
    say("import temporal_graph")
    with tempfile.TemporaryDirectory() as folder:
        # With compiled modules, as pip leaves them, whatever this environment says.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        argv = [sys.executable, "-c", CODE]
        texts = [await asyncio.to_thread(subprocess.check_output, argv, env=env, text=True) for _ in range(TIMES)]
    [ours, base] = [min(times) for times in zip(*(map(float, text.split()) for text in texts), strict=True)]
    return [
        Row("import temporal_graph, ms (by hand: what it stands on)", f"{ours:.0f}", f"{base:.0f}", ours / base, 1.3)
    ]
