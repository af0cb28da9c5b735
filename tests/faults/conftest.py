"""Workers that are killed, and what must be true of a run's history and its journal afterwards."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from temporal_graph import GraphPlugin
from tests.faults.graphs import GRAPHS
from tests.faults.journal import Journal
from tests.replay.serving import chain, until
from tests.server.looking import failures
from tests.support.process import Process

SOON: dict[str, Any] = {"task_timeout": timedelta(seconds=2)}
"""A task of the workflow itself that died with its worker is given to another one after this; the default is 10 s."""

Key = tuple[str, str]
"""A node's visit in Temporal's history: run id and activity id."""

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
STARTED = EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
COMPLETED = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
ENDED_OTHERWISE = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
)


class Fleet:
    """The worker processes of a test, all on one task queue."""

    def __init__(self, address: str, task_queue: str, journal: Journal) -> None:
        self.address = address
        self.task_queue = task_queue
        self.journal = journal
        self.workers: list[Process] = []
        self._numbers = itertools.count(1)

    async def start(self, **env: str) -> Process:
        """Start one more worker, and wait until it works."""
        worker = self.launch(**env)
        await worker.wait_for_output("ready", timeout=60)
        return worker

    def launch(self, **env: str) -> Process:
        """Start one more worker."""
        argv = [sys.executable, "-m", "tests.faults.worker", "--address", self.address]
        argv += ["--task-queue", self.task_queue, "--folder", str(self.journal.folder)]
        log = self.journal.folder / f"worker-{next(self._numbers)}.log"
        worker = Process(argv, log=log, env=env)
        worker.start()
        self.workers.append(worker)
        return worker

    async def started(self, node: str, value: object = "") -> None:
        """Wait until a visit has started."""
        await self._noted("start", node, value)

    async def finished(self, node: str, value: object = "") -> None:
        """Wait until a visit has finished, which the server may not know yet."""
        await self._noted("finish", node, value)

    async def _noted(self, what: str, node: str, value: object) -> None:
        async def look() -> bool:
            return self.journal.has(what, node, value)

        await until(look)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """What the nodes of this test do."""
    return Journal(tmp_path)


@pytest.fixture
def fleet(server_address: str, task_queue: str, journal: Journal) -> Iterator[Fleet]:
    """Workers on the shared server; those that are left are killed in the end."""
    fleet = Fleet(server_address, task_queue, journal)
    yield fleet
    for worker in fleet.workers:
        worker.kill()


async def connect(address: str) -> Client:
    """A client that knows the graphs."""
    return await Client.connect(address, plugins=[GraphPlugin(*GRAPHS)])


@pytest.fixture
async def graphs_client(server_address: str) -> Client:
    """A client of the shared server that knows the graphs."""
    return await connect(server_address)


def run_id(history: WorkflowHistory) -> str:
    """The id of the run that this is the history of."""
    return history.events[0].workflow_execution_started_event_attributes.original_execution_run_id


def recorded(histories: Sequence[WorkflowHistory]) -> dict[Key, int]:
    """The visits that the server knows to be completed, and which attempt it was."""
    found: dict[Key, int] = {}
    for history in histories:
        events = {event.event_id: event for event in history.events}
        run = run_id(history)
        for event in history.events:
            if event.event_type == COMPLETED:
                attributes = event.activity_task_completed_event_attributes
                scheduled = events[attributes.scheduled_event_id].activity_task_scheduled_event_attributes
                started = events[attributes.started_event_id].activity_task_started_event_attributes
                key = (run, scheduled.activity_id)
                assert key not in found
                found[key] = started.attempt
    return found


def starts(journal: Journal) -> Counter[Key]:
    """How often each visit has started."""
    return Counter(line.key for line in journal.lines("start"))


class Witness:
    """Watches that what the server knows to be finished never runs again.

    A node that has finished but whose worker died before the server heard of it does run again; nobody can know.
    So what is held against the journal is the history.
    """

    def __init__(self, client: Client, run_id: str, journal: Journal) -> None:
        self.client = client
        self.run_id = run_id
        self.journal = journal
        self._finished: dict[Key, int] = {}

    async def recorded(self) -> int:
        """How many visits the server knows to be finished."""
        return len(recorded(await chain(self.client, self.run_id)))

    async def at_least(self, count: int) -> None:
        """Wait until the server knows that many."""

        async def look() -> bool:
            return await self.recorded() >= count

        await until(look)

    async def look(self) -> None:
        """Remember what is finished by now, and how often it started."""
        histories = await chain(self.client, self.run_id)
        started = starts(self.journal)
        for key in recorded(histories):
            self._finished.setdefault(key, started[key])

    async def check(self, visits: Mapping[str, int]) -> None:
        """Check a run that has ended.

        Args:
            visits: How many visits of each node the server must have.
        """
        histories = await chain(self.client, self.run_id)
        attempts = recorded(histories)
        started = starts(self.journal)
        runs = {run_id(history) for history in histories}
        lines = [line for line in self.journal.lines("start") if line.run in runs]
        kinds = Counter(event.event_type for history in histories for event in history.events)
        assert kinds[SCHEDULED] == kinds[COMPLETED] == len(attempts) == sum(visits.values())
        assert not any(kinds[kind] for kind in ENDED_OTHERWISE)
        failed = [why for history in histories for why in failures(history.events)]
        assert not failed, "the workflow did something that it may not do"
        nodes = {line.key: line.node for line in lines}
        assert nodes.keys() == attempts.keys()
        assert Counter(nodes.values()) == visits
        for key, attempt in attempts.items():
            tried = [line.attempt for line in lines if line.key == key]
            # None after the one that was recorded, and none twice.
            assert len(set(tried)) == len(tried)
            assert max(tried) == attempt
        again = {key: (before, started[key]) for key, before in self._finished.items() if started[key] != before}
        assert not again, f"finished, and then run again: {again}"
        await self.replay(histories)

    async def replay(self, histories: Sequence[WorkflowHistory]) -> None:
        """Replay the run in this process too."""
        replayer = Replayer(workflows=[], plugins=[GraphPlugin(*GRAPHS)])
        for history in histories:
            await replayer.replay_workflow(history)


def visit_ids(journal: Journal, node: str) -> dict[str, set[Key]]:
    """The visits in history of each value that a node was at."""
    found: dict[str, set[Key]] = {}
    for line in journal.lines("start", node):
        found.setdefault(line.value, set()).add(line.key)
    return found
