"""Runs one case of the corpus by upstream, twice, in a process of its own: `python -m tests.conformance.upstream CASE`.

For the cases in which upstream leaves something behind in the graph.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tests.conformance.case import Case, check
from tests.conformance.corpus import CASES


async def by_upstream(case: Case) -> None:
    """Run a case by upstream, and check what comes of it."""
    state = case.state() if case.state else None
    deps: Any = case.deps() if case.deps else None
    output = await case.graph.run(inputs=case.inputs, state=state, deps=deps)
    check(case, output, state)


async def twice(case: Case) -> None:
    """Something that one run leaves behind shows in the next."""
    await by_upstream(case)
    await by_upstream(case)


if __name__ == "__main__":
    [case] = [case for case in CASES if case.id == sys.argv[1]]
    asyncio.run(asyncio.wait_for(twice(case), 5))
