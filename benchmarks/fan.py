"""A map of a thousand into a join: the memory of a worker."""

from __future__ import annotations

import time

from benchmarks import graphs
from benchmarks.rows import Row
from benchmarks.running import QUEUE, new_id, peak_megabytes, say, serving

ITEMS = 1_000


async def memory() -> list[Row]:
    """The most that the worker had."""
    async with serving(graphs.fan) as (client, pid):
        say(f"a map of {ITEMS:,}")
        begin = time.perf_counter()
        run = await graphs.fan.start(client, inputs=ITEMS, id=new_id(), task_queue=QUEUE)
        output = (await run.result()).output
        took = time.perf_counter() - begin
        assert output == sum(range(ITEMS)) * 2, output
        peak = peak_megabytes(pid)
    return [Row(f"map of {ITEMS:,} into a join: worker's peak memory, MB ({took:.1f} s)", f"{peak:.0f}", "", peak, 400)]
