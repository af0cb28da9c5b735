"""What one workflow task may have to do in a large run, in time of the processor: the SDK gives a task two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.rows import Row
from benchmarks.running import say
from temporal_graph.engine.state import AUTO, Json, Plan, Writes, apply, diff
from tests.engine.growing import seconds
from tests.engine.test_engine_growth import WORK

QUESTIONS, ENTRIES = 10_000, 50_000
TASKS = (
    *("begin with questions", "cancel", "fail", "check all", "answer all", "look"),
    *("write down and read", "compress and read"),
)
"""Of what is tested to grow with what waits: what is done at once."""
MOST = 500
"""Milliseconds."""


async def tasks() -> list[Row]:
    """Each with so many questions open, or with so many entries in the state."""
    rows = [await _row(f"{QUESTIONS:,} open questions: {name}, ms", WORK[name]) for name in TASKS]
    for kind, (plan, base, new) in _states().items():
        rows.append(await _row(f"{kind} of {ENTRIES:,} in the state, half of it new, ms", _merged(base, new, plan)))
    return rows


def _states() -> dict[str, tuple[Plan, Json, Json]]:
    half = ENTRIES // 2
    return {
        "a set": (Plan("set"), list(range(ENTRIES)), list(range(half, ENTRIES + half))),
        "a dict": (AUTO, {str(n): n for n in range(ENTRIES)}, {str(n): n for n in range(half, ENTRIES + half)}),
        "a list": (AUTO, list(range(ENTRIES)), list(range(half, ENTRIES + half))),
    }


def _merged(base: Json, new: Json, plan: Plan) -> Callable[[int], Callable[[], object]]:
    return lambda _: lambda: apply(base, diff(base, new, plan), plan, writes=Writes())


async def _row(what: str, make: Callable[[int], Callable[[], object]]) -> Row:
    say(what)
    took = seconds(make, QUESTIONS) * 1_000
    await asyncio.sleep(0)  # for whoever waits for the end of all this
    return Row(what, f"{took:.0f}", "", took, MOST)
