"""`make bench`: says what it is doing, prints a table, and ends with 1 if a limit is broken or something fails."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence

from benchmarks import chains, crowds, fan, importing, large, listening, people
from benchmarks.rows import Row, table
from benchmarks.running import say

MEASURES: dict[str, Callable[[], Awaitable[list[Row]]]] = {
    "import": importing.package,
    "activities": chains.activities,
    "local": chains.local,
    "answers": people.answers,
    "proceed": people.proceed,
    "events": listening.events,
    "crowds": crowds.crowds,
    "map": fan.memory,
    "large": large.tasks,
    "tasks": large.on_a_server,
}
"""What is measured, in this order, one after the other: each has a server and a worker of its own."""

LONGEST = 600
"""Seconds that one of them may take; what takes longer hangs."""


async def main(names: Sequence[str]) -> int:
    """Measure, one thing after the other.

    Args:
        names: Which; see `MEASURES`.

    Returns:
        The exit code.
    """
    rows: list[Row] = []
    failed: list[str] = []
    for number, name in enumerate(names, 1):
        say(f"== {name} ({number} of {len(names)})")
        try:
            async with asyncio.timeout(LONGEST):
                found = await MEASURES[name]()
        except Exception:
            traceback.print_exc()
            failed.append(name)
        else:
            rows += found
            for row in found:
                say(f"{row.what}: {row.figure:.2f}, limit {row.limit:.2f}")
    if rows:
        print(table(rows))
    for name in failed:
        print(f"{name}: not measured; see above")
    return 0 if not failed and all(row.is_within for row in rows) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what is measured, of: {', '.join(MEASURES)}")
    names: list[str] = parser.parse_args().names
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        parser.error(f"{', '.join(map(repr, unknown))} is not among {', '.join(MEASURES)}")
    code = asyncio.run(main(names or list(MEASURES)))
    sys.stdout.flush()
    # temporalio can crash while the interpreter shuts down, after all its work is done.
    os._exit(code)
