"""Each case of the corpus as a graph that our runners take, and how it is run on a server."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Worker

from temporal_graph import GraphPlugin, GraphResult, GraphRunError, TemporalGraph
from tests.conformance.case import Case, check
from tests.conformance.corpus import CASES
from tests.replay.serving import chain, worker_options

AT_ONCE = 12
"""Runs on a server at once."""
EVERY_NODE = 5
"""Events of history after which a run continues as new that is to do so after every node."""
RACES = {"first_end", "cancel"}
"""What cases have in which branches race: one that is held back, so that the run can continue, would lose."""


@functools.cache
def wrapped(max_history_events: int | None = None) -> dict[str, TemporalGraph[Any, Any, Any, Any]]:
    """Every case's graph, under the case's name; cases that share a graph share it here too."""
    by_graph: dict[int, TemporalGraph[Any, Any, Any, Any]] = {}
    for case in CASES:
        if id(case.graph) not in by_graph:
            graph = TemporalGraph(case.graph, name=case.id, max_history_events=max_history_events)
            if max_history_events is not None and not case.features & RACES:
                # Fewer than a graph may have: so a run is cut after every node, and not only where it is long.
                object.__setattr__(graph.registered, "max_history_events", EVERY_NODE)
            by_graph[id(case.graph)] = graph
    return {case.id: by_graph[id(case.graph)] for case in CASES}


def plugins(cases: Sequence[Case], graphs: dict[str, TemporalGraph[Any, Any, Any, Any]]) -> list[GraphPlugin]:
    """A plugin for each kind of deps."""
    by_deps: dict[Any, dict[str, TemporalGraph[Any, Any, Any, Any]]] = {}
    for case in cases:
        graph = graphs[case.id]
        by_deps.setdefault(case.deps, {})[graph.name] = graph
    return [GraphPlugin(*named.values(), deps=deps) for deps, named in by_deps.items()]


async def run_on_server(
    address: str, task_queue: str, cases: Sequence[Case], max_history_events: int | None = None
) -> list[WorkflowHistory]:
    """Run cases on a server, a few at once, and check what came of them.

    Returns:
        The histories of all their runs.
    """
    graphs = wrapped(max_history_events)
    client = await Client.connect(address, plugins=plugins(cases, graphs))
    turn = asyncio.Semaphore(AT_ONCE)
    histories: list[WorkflowHistory] = []

    async def one(case: Case) -> None:
        async with turn:
            run_id = f"{task_queue}-{case.id}"
            state = case.state() if case.state else None
            run = await graphs[case.id].start(client, inputs=case.inputs, state=state, id=run_id, task_queue=task_queue)
            outcome: Any = (await asyncio.gather(run.result(), return_exceptions=True))[0]
            if case.error is None:
                assert isinstance(outcome, GraphResult), f"{case.id}: {outcome!r}"
                check(case, outcome.output, outcome.state)
            else:
                assert isinstance(outcome, GraphRunError), f"{case.id}: {outcome!r}"
                assert case.error in str(outcome)
            histories.extend(await chain(client, run_id))

    async with Worker(client, task_queue=task_queue, **worker_options()):
        outcomes = await asyncio.gather(*(one(case) for case in cases), return_exceptions=True)
    failed = [f"{case.id}: {outcome!r}" for case, outcome in zip(cases, outcomes, strict=True) if outcome is not None]
    assert not failed, "\n".join(failed)
    return histories


def save(histories: Sequence[WorkflowHistory], folder: Path) -> None:
    """Write histories to files, as the Temporal CLI does."""
    folder.mkdir(exist_ok=True)
    for number, history in enumerate(histories):
        (folder / f"{number}.json").write_text(history.to_json())
