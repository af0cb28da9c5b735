"""Whatever people, workers and the clock do to a run, at random: it does what a simple model says.

On Temporal's test server, whose clock all runs share and which moves it while it sleeps, also while no worker is there:
so much can come due that one that comes back has a lot to catch up on.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
import temporalio.api.testservice.v1 as testservice
from hypothesis import HealthCheck, Phase, event, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition, UnsatisfiedAssumption
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import PollerBehaviorSimpleMaximum, Replayer, Worker

from temporal_graph import GraphPlugin, GraphRun
from temporal_graph.errors import GraphError, GraphRunError, RefusedError
from temporal_graph.temporal import client as calls
from temporal_graph.temporal.names import SHOW
from temporal_graph.views import AuditEntry, RunState
from tests.policies.model import DRAWN, NODES, Entry, Kind, Model, Sent
from tests.policies.model_graphs import GRAPHS, KINDS, Case
from tests.policies.test_time import connected
from tests.replay.serving import new_name
from tests.server.looking import failures
from tests.support.process import Process
from tests.support.server import program

T = TypeVar("T")

MINUTE = timedelta(minutes=1)
TICK = timedelta(milliseconds=2)
"""The server counts in milliseconds."""
TASK_TIMEOUT = timedelta(seconds=2)
TASK_STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
TASK_SCHEDULED = EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
SECOND = timedelta(seconds=1)

LOST = ("No worker answered", "Timeout expired")


class World:
    """A server whose time is skipped, a client, and a worker that comes and goes, in an event loop of their own."""

    def __init__(self, folder: Path, *, is_killed: bool) -> None:
        self.folder = folder
        self.is_killed = is_killed
        self.counts: Counter[str] = Counter()
        self.failures: list[Exception] = []
        self.task_queue = ""
        self.runs: list[GraphRun[list[str], Case]] = []
        self.cached = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._worker: tuple[Worker, asyncio.Task[None]] | None = None
        self._process: Process | None = None

    def __enter__(self) -> World:
        self._thread.start()
        return self

    def begin(self) -> None:
        """Begin with a server of its own: a run of another example could keep its clock from being moved."""
        self._environment = self.do(self._start())
        self.client = connected(self._environment, GraphPlugin(*GRAPHS.values()))

    def end(self) -> None:
        """End all of it."""
        self.kill()
        self.do(self._environment.shutdown())

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> WorkflowEnvironment:
        path = str(program("temporal-test-server"))
        return await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop."""
        try:
            return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, 60), self._loop).result()
        except (GraphError, RPCError, TimeoutError) as error:
            is_lost = isinstance(error, TimeoutError) or any(text in str(error) for text in LOST)
            failed = self.failed_tasks() if is_lost else ["another reason"]
            if not failed:
                self.counts["lost by the server"] += 1
                reject()  # the server has given it to a worker that was just gone, and does not do so again
            error.add_note("\n".join(failed))
            raise

    def failed_tasks(self) -> list[str]:
        """What runs could not do: then it is not the server's fault that one does not answer."""

        async def look() -> list[str]:
            return [
                text
                for run in self.runs
                for each in await histories(self.client, run.id)
                for text in failures(each.events)
            ]

        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(look(), 20), self._loop).result()

    def ask(self, look: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Look at something; again, where the server has asked a worker that was just gone."""
        return self.do(patient(look))

    def now(self) -> datetime:
        """What time it is there."""
        return self.do(self._environment.get_current_time())

    # -- The worker -------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether there is a worker."""
        return self._worker is not None or self._process is not None

    def come(self) -> None:
        """Let there be a worker."""
        self.do(self._come())

    async def _come(self) -> None:
        # Without a cache every task is replayed from the beginning. With one a worker cannot be replaced: this server
        # would wait for the old one for ever. With room for one run there, each run makes the worker forget the others.
        if self.is_killed:
            argv = [sys.executable, "-m", "tests.policies.model_worker", "--task-queue", self.task_queue]
            argv += ["--address", self.client.service_client.config.target_host]
            self._process = Process(argv, log=self.folder / f"{new_name('worker')}.log")
            self._process.start()
            await self._process.wait_for_output("ready", timeout=50)
            return
        worker = Worker(
            self.client,
            task_queue=self.task_queue,
            max_cached_workflows=self.cached,
            # What the server gives to a poll that has just ended is lost; so there are few of them.
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(2 if self.cached else 1),
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(1),
        )
        self._worker = worker, asyncio.ensure_future(worker.run())

    def kill(self) -> None:
        """Let the worker be gone: a process at once, one in this process as soon as it can."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        if self._worker is not None:
            worker, running = self._worker
            self._worker = None

            async def end() -> None:
                await worker.shutdown()
                await running

            self.do(end())

    async def has_given_away(self) -> bool:
        """Whether the server has given a task to a worker that was just gone.

        Until that is over it keeps what comes by signal, and hands it on after whatever comes later.
        """
        found = [await histories(self.client, run.id) for run in self.runs]
        return any(chain[-1].events[-1].event_type == TASK_STARTED for chain in found)

    # -- Time -------------------------------------------------------------------------------------------------------

    def sleep(self, duration: timedelta) -> None:
        """Let time pass."""
        self.do(self.sleep_here(duration))

    async def sleep_here(self, duration: timedelta) -> None:
        """Let time pass, in the event loop."""
        sleeping = asyncio.ensure_future(self._environment.sleep(duration))
        # What waits for a worker keeps the clock from being moved, each as if it had locked it once.
        # The same goes for a query that it has lost; whatever a worker does is done much sooner.
        patience = 8 if self.is_up else 0.05
        service = self.client.test_service
        unlocked, before = 0, await self._environment.get_current_time()
        while not (await asyncio.wait([sleeping], timeout=patience))[0]:
            now = await self._environment.get_current_time()
            if not sleeping.done() and now - before < timedelta(seconds=2 * patience + 1):
                await service.unlock_time_skipping(testservice.UnlockTimeSkippingRequest())
                unlocked += 1
            before = now
        await sleeping
        for _ in range(unlocked):
            await service.lock_time_skipping(testservice.LockTimeSkippingRequest())


async def patient(look: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Look at something until there is an answer."""
    for _ in range(5):
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(look(), 1.5)
    return await look()


# -- What runs are held against ---------------------------------------------------------------------------------------


class Pair:
    """A run, and what it must be like."""

    def __init__(self, model: Model, run: GraphRun[list[str], Case]) -> None:
        self.model = model
        self.run = run
        self.state: RunState[Case] | None = None
        self.late: set[datetime] = set()
        """What was due when a worker was too slow to do it within a second."""

    def __repr__(self) -> str:
        return self.run.id


def comparable(log: list[str]) -> list[str]:
    """The lines of a log; of branches that run at the same time nobody knows which comes first."""
    return sorted(re.sub(r"^talk \d+-\d+ ", f"talk {DRAWN} ", line) for line in log)


def check_state(pair: Pair, state: RunState[Case]) -> None:
    """Where a run stands."""
    model = pair.model
    assert state.status == model.standing
    assert {asked.interrupt_id for asked in state.interrupts} == set(model.open)
    for asked in state.interrupts:
        expected = model.open[asked.interrupt_id]
        if not expected.created.is_known:
            assert asked.created_at >= expected.created.at - TICK
            expected.created.at, expected.created.is_known = asked.created_at, True
        assert asked.created_at == expected.created.at, asked.interrupt_id
        assert asked.deadline == expected.deadline, asked.interrupt_id
        assert (asked.kind, asked.quorum) == (expected.kind, expected.quorum)
        assert (tuple(asked.assignees), asked.escalation_level) == (expected.assignees, expected.level)
        assert [(vote["actor"], vote["value"], vote["via"], vote["answer_id"]) for vote in asked.answers] == [
            (vote["actor"], vote["value"], vote["via"], vote["answer_id"]) for vote in expected.votes
        ]
    values = state.values
    assert comparable(values.log) == comparable(model.state["log"])
    assert {**vars(values), "log": None} == {**model.state, "log": None}
    assert {taken.interrupt_id: (taken.actor, taken.answer_id, taken.via) for taken in state.answered} == {
        taken.interrupt_id: (taken.actor, taken.answer_id, taken.via) for taken in model.taken.values()
    }
    assert [(each.interrupt_id, each.actor) for each in sorted(state.early, key=lambda each: each.interrupt_id)] == [
        (name, sent.actor) for name, kept in sorted(model.early.items()) for sent, _ in kept
    ]
    assert len(state.rejected) == len(model.rejected)
    assert (tuple(state.interrupt_before), tuple(state.interrupt_after)) == (model.before, model.after)


def check_audit(pair: Pair, audit: list[AuditEntry]) -> None:
    """Each thing that must have happened is there once, at its time; and nothing else."""
    model = pair.model
    shown = "\n".join(entry.to_json() for entry in audit)
    assert [entry.number for entry in audit] == list(range(1, len(audit) + 1)), shown
    assert all(one.at <= other.at + TICK for one, other in itertools.pairwise(audit)), shown
    left: list[tuple[int, Entry]] = list(enumerate(model.audit))
    places: list[int] = []
    for entry in audit:
        index = next((i for i, (_, e) in enumerate(left) if _is_like(e, entry)), None)
        assert index is not None, f"nobody expected {entry}, but {[e for _, e in left]}"
        place, expected = left.pop(index)
        places.append(place)
        if expected.opened is not None and not expected.opened.is_known:
            expected.opened.at, expected.opened.is_known = entry.at, True
    assert not left, f"{[entry for _, entry in left]} did not happen:\n{shown}"
    for place, entry in zip(places, audit, strict=True):
        expected = model.audit[place]
        if expected.opened is not None:
            assert entry.at == expected.opened.at
        if expected.due is not None:
            late = entry.at - expected.due()
            assert -TICK <= late <= expected.slack, f"{entry} is late by {late}"
            if late > SECOND:
                pair.late.add(expected.due())
        elif expected.since is not None:
            assert entry.at >= expected.since - TICK, (entry, expected)
        # A query may be answered with what a task of the run has yet to do.
        assert expected.until is None or entry.at <= expected.until + expected.slack, (entry, expected)
        if expected.data.get("value") is not None:
            assert entry.data["value"] == expected.data["value"]
    # They are in order, but for what different questions did at the same time.
    for number, place in enumerate(places):
        for earlier in [other for other in range(number) if places[other] > place]:
            one, other = audit[earlier], audit[number]
            assert one.interrupt_id != other.interrupt_id, (one, other)
            assert other.at - one.at <= SECOND, (one, other)
            assert {"asked", "reminded", "escalated", "timed_out"} >= {one.kind, other.kind}, (one, other)


def _is_like(expected: Entry, entry: AuditEntry) -> bool:
    own = (entry.kind, entry.interrupt_id, entry.actor, entry.via)
    if own != (expected.kind, expected.interrupt_id, expected.actor, expected.via):
        return False
    return all(entry.data.get(name) == expected.data[name] for name in expected.data if name != "value")


def check_drawn(pair: Pair, audit: list[AuditEntry], log: list[str]) -> None:
    """What a node did once it did once: whatever it asked afterwards, and wrote down, has the same."""
    drawn: dict[str, set[str]] = {}
    for entry in audit:
        name = entry.interrupt_id or ""
        if entry.kind == "asked" and name.startswith("talk") and entry.data["interrupt_kind"] == "call":
            drawn.setdefault(name.partition(".")[0], set()).add(entry.data["value"]["drawn"])
    assert all(len(found) == 1 for found in drawn.values()), drawn
    written = [line.split()[1] for line in log if line.startswith("talk ")]
    assert len(set(written)) == len(written)
    assert {value for found in drawn.values() for value in found} >= set(written)


async def histories(client: Client, run_id: str) -> list[WorkflowHistory]:
    """The histories of a run, one for each time that it continued as new, first to last."""
    found: list[WorkflowHistory] = []
    execution: str | None = None
    while True:
        found.append(await client.get_workflow_handle(run_id, run_id=execution).fetch_history())
        execution = found[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not execution:
            return found[::-1]


# -- At random --------------------------------------------------------------------------------------------------------

PEOPLE = ("ann", "bob", "cid", "mia", "boss", "cfo", "ops", "eve", None)
GOOD: Mapping[str, tuple[Any, ...]] = {
    "Intake": ({"amount": 1}, {"amount": 250}),
    "Vote": ({"approved": True}, {"approved": True}, {"approved": True}, {"approved": False}),
    "Final": ({"again": True}, {"again": False}),
    "talk.0": (1, 12),
    "talk.1": ("yes", "no"),
    "failure": (
        {"action": "retry"},
        {"action": "retry"},
        {"action": "skip", "output": "skipped by hand"},
        {"action": "skip", "output": "passed over"},
        {"action": "abort"},
    ),
    "stop": (None, "go on"),
}
BAD: tuple[Any, ...] = ("much", {}, {"amount": "much"}, {"approved": "perhaps"}, {"action": "dance"}, ["list"], None)


def kind_of(interrupt_id: str) -> str:
    """What an answer to a question looks like."""
    node, _, visit = interrupt_id.partition(":")
    _, _, rest = visit.partition(".")
    if rest in ("before", "after"):
        return "stop"
    if rest.startswith("failure"):
        return "failure"
    return f"{node}.{rest}" if rest else node


class AnyDay(RuleBasedStateMachine):
    """A run, its forks, and everything that can come their way."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[Pair] = []
        self.sent: list[tuple[Pair, Sent]] = []
        self.number = 0
        self.has_begun = False
        self.replaced = 0
        self.killed = 0

    @initialize(kind=st.sampled_from(KINDS), cached=st.sampled_from([0, 0, 0, 1, 100]))
    def begin(self, kind: Kind, cached: int) -> None:
        world = self.world
        world.begin()
        self.has_begun = True
        world.task_queue, world.cached = new_name("model"), cached
        world.come()
        before = world.now()
        run = world.do(
            GRAPHS[kind.name].start(
                world.client,
                inputs=None,
                state=Case(),
                id=f"{world.task_queue}-0",
                task_queue=world.task_queue,
                task_timeout=TASK_TIMEOUT,
            )
        )
        self.pairs, world.runs = [Pair(Model(kind, before), run)], [run]
        self.check()
        self.count(f"run {kind.name}")

    def count(self, what: str) -> None:
        self.world.counts[what] += 1
        event(what)

    # -- Looking ----------------------------------------------------------------------------------------------------

    def check(self, took: timedelta = timedelta(0), patience: float = 0) -> None:
        """Each run stands where its model does; so many seconds later at the latest."""
        until = time.monotonic() + patience
        if not self.world.is_up:
            return
        for pair in self.pairs:
            state = self.world.do(self.settled(pair))
            while time.monotonic() < until and {asked.interrupt_id for asked in state.interrupts} != set(
                pair.model.open
            ):
                time.sleep(0.05)
                state = self.world.do(self.settled(pair))
            pair.model.stamp(self.world.now(), took)
            check_state(pair, state)
            pair.state = state

    async def settled(self, pair: Pair) -> RunState[Case]:
        """Where a run stands as soon as none of its nodes runs."""
        while True:
            state = await patient(pair.run.get_state)
            if state.status == "paused":
                await pair.run.wait()
                state = await patient(pair.run.get_state)
            if state.status != "running":
                return state
            await asyncio.sleep(0.005)

    def look_closely(self, pair: Pair) -> None:
        model = pair.model
        audit = self.world.ask(pair.run.audit)
        check_audit(pair, audit)
        assert pair.state is not None
        check_drawn(pair, audit, pair.state.values.log)
        checkpoints = self.world.ask(lambda: self.past(pair))
        assert [int(each.checkpoint_id) for each in checkpoints] == list(
            range(model.checkpoint - len(checkpoints) + 1, model.checkpoint + 1)
        )
        assert Counter((each.kind, each.node_id) for each in checkpoints) == Counter(model.checkpoints)
        last = checkpoints[-1]
        if model.checkpoint in model.snapshots:
            then = model.snapshots[model.checkpoint]
            assert set(last.interrupts) == set(then.open)
            assert comparable(last.values.log) == comparable(then.state["log"])

    async def past(self, pair: Pair) -> list[Any]:
        return [each async for each in pair.run.history()]

    @precondition(lambda self: self.world.is_up)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        self.look_closely(data.draw(st.sampled_from(self.pairs)))
        self.count("look")

    # -- Time and workers -------------------------------------------------------------------------------------------

    def clear(self) -> datetime:
        """Be at a moment at which nothing is about to be due, so that it is clear what comes first."""
        while not self.world.is_up and self.world.do(self.world.has_given_away()):
            self.world.sleep(TASK_TIMEOUT + SECOND)
        while True:
            now = self.world.now()
            dues = [found[0] for pair in self.pairs if (found := pair.model.next_due())]
            close = [at for at in dues if now - MINUTE / 30 < at < now + MINUTE]
            if not close or (not self.world.is_up and all(at < now for at in dues)):
                self.part_tasks()
                for pair in self.pairs:
                    pair.model.now = now
                return now
            self.let_pass(max(close) - now + MINUTE / 6)

    def part_tasks(self) -> None:
        """Keep what comes next apart from what a run did last.

        After queries this server has tasks in the history of a run with nothing in them, which a worker without a cache
        does not see; it would take them, and what led to them, for one task with the next update, and handle that
        first. A signal, which changes nothing, parts them.
        """
        if self.world.is_up and not self.world.cached:
            for pair in self.pairs:
                self.signal(pair, SHOW, None)

    def let_pass(self, duration: timedelta) -> None:
        now = self.world.now()
        for pair in self.pairs:
            if self.world.is_up and not is_clear(pair.model, now + duration):
                reject()  # which of two questions comes first would be a matter of milliseconds
        began = time.monotonic()
        self.world.sleep(duration)
        took = timedelta(seconds=time.monotonic() - began)
        for pair in self.pairs:
            before = len(pair.model.audit)
            pair.model.advance(now + duration)
            for entry in pair.model.audit[before:]:
                self.count(f"in time: {entry.kind}")
        self.check(took)

    def pass_time(self, duration: timedelta) -> None:
        self.clear()
        self.let_pass(duration)
        self.count("time passes" if self.world.is_up else "time passes without a worker")

    @rule(tens=st.integers(2, 40))
    def pass_minutes(self, tens: int) -> None:
        self.pass_time(tens * 10 * MINUTE)

    @rule(hours=st.integers(6, 24))
    def pass_hours(self, hours: int) -> None:
        self.pass_time(hours * 60 * MINUTE)

    @rule(hours=st.integers(24, 72))
    def pass_days(self, hours: int) -> None:
        self.pass_time(hours * 60 * MINUTE)

    @precondition(lambda self: self.world.is_up)
    @rule(data=st.data())
    def answer_at_the_deadline(self, data: st.DataObject) -> None:
        """It is taken, or the time-out is: one of them, whichever was first."""
        pair = self.pair(data)
        model = pair.model
        if model.is_over or not model.open:
            return
        sent = self.draw_answer(data, model, is_right=True)
        deadline, early = model.open[sent.interrupt_id].deadline, data.draw(st.integers(-50, 50))
        if deadline is None:
            return
        # So short that no task takes longer than it may because of what is skipped then.
        close = TASK_TIMEOUT * 0.9
        self.let_pass(max(deadline - self.clear() - close, timedelta(0)))
        left = deadline - self.world.now()
        question = model.open.get(sent.interrupt_id)
        if question is None or question.deadline != deadline or not close / 9 < left < TASK_TIMEOUT:
            return  # what passed on the way has ended it, or was so slow that the moment is gone
        if any(not is_clear(each.model, deadline + MINUTE) for each in self.pairs) or model.judge(sent):
            return
        message = {"interrupt_id": sent.interrupt_id, "actor": sent.actor, "answer_id": sent.answer_id}
        skipped = left - timedelta(milliseconds=early)

        async def both() -> RefusedError | None:
            sleeping = asyncio.ensure_future(self.world.sleep_here(skipped))
            try:
                await pair.run.resume(sent.value, **message)
            except RefusedError as error:
                return error
            finally:
                await sleeping
                await self.world.sleep_here(SECOND)
            return None

        refused = self.world.do(both())
        if refused is None:
            [reasons] = model.answer([sent], "update")
            assert not reasons
        now = self.world.now()
        for each in self.pairs:
            each.model.advance(now)
        if refused is not None:
            assert refused.reason in model.judge(sent), refused
        self.count("at the deadline: " + ("answered" if refused is None else refused.reason))
        self.check()

    @precondition(lambda self: self.world.is_up and self.world.cached == 0 and self.killed < 3)
    @rule()
    def kill_the_worker(self) -> None:
        self.killed += 1
        self.clear()
        self.world.kill()
        for pair in self.pairs:
            pair.model.is_up = False
        self.count("worker killed")

    def come_back(self) -> None:
        now = self.clear()
        self.world.come()
        for pair in self.pairs:
            before = len(pair.model.audit)
            pair.model.come_back(now)
            for entry in pair.model.audit[before:]:
                self.count(f"caught up: {entry.kind}")
        self.check(patience=10)  # what is overdue is done by timers, which the server has yet to fire

    @precondition(lambda self: not self.world.is_up)
    @rule()
    def a_worker_comes(self) -> None:
        self.come_back()
        self.count("worker back")

    @precondition(lambda self: self.world.is_up and self.world.cached == 0 and self.replaced < 2)
    @rule()
    def another_worker(self) -> None:
        """As with a new release."""
        self.replaced += 1
        self.clear()
        self.world.kill()
        self.world.come()
        self.check()
        self.count("worker replaced")

    # -- Answers ----------------------------------------------------------------------------------------------------

    def pair(self, data: st.DataObject) -> Pair:
        going_on = [pair for pair in self.pairs if not pair.model.is_over]
        return data.draw(st.sampled_from(going_on or self.pairs))

    def draw_answer(self, data: st.DataObject, model: Model, *, is_right: bool) -> Sent:
        self.number += 1
        later = [f"talk:{number}.1" for number in range(1, model.visits["talk"] + 1)]
        gone = [name for name in (*model.taken, *later) if name not in model.open] or ["Intake:1"]
        open_ = list(model.open)
        names = open_ if open_ and (is_right or data.draw(st.integers(0, 3))) else gone
        name = data.draw(st.sampled_from(names))
        question = model.open.get(name)
        actors: tuple[str | None, ...] = PEOPLE
        if is_right and question is not None:
            voted = [vote["actor"] for vote in question.votes]
            actors = tuple(each for each in question.assignees if each not in voted) or ("zoe",)
        is_good = is_right or data.draw(st.integers(0, 2)) > 0
        value = data.draw(st.sampled_from(GOOD[kind_of(name)] if is_good else BAD))
        return Sent(name, value, data.draw(st.sampled_from(actors)), f"answer-{self.number}")

    def attempt(self, work: Coroutine[Any, Any, T]) -> tuple[T | None, str | None]:
        """Do something.

        Returns:
            What it gave, or why it was refused.
        """
        try:
            return self.world.do(work), None
        except RefusedError as error:
            return None, error.reason

    def expect(self, pair: Pair, sent: Sent, reasons: set[str]) -> None:
        """Send an answer, which is refused for one of these reasons; or taken."""
        message = {"interrupt_id": sent.interrupt_id, "actor": sent.actor, "answer_id": sent.answer_id}
        taken, refused = self.attempt(pair.run.resume(sent.value, **message))
        if taken is None:
            assert refused in reasons, (sent, refused)
            self.count(f"update refused: {refused}")
            return
        assert not reasons - {"again"}, (sent, reasons)
        known = pair.model.by_answer_id[sent.answer_id]
        assert (taken.interrupt_id, taken.actor, taken.via) == (known.interrupt_id, known.actor, known.via)
        self.count("update: again" if reasons else "update: early" if taken.is_early else "update: taken")
        self.sent.append((pair, sent))

    def answer_by_update(self, pair: Pair, sent: Sent) -> None:
        self.clear()
        [reasons] = pair.model.answer([sent], "update")
        self.expect(pair, sent, reasons)
        self.check()

    @precondition(lambda self: self.world.is_up)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        pair = self.pair(data)
        self.answer_by_update(pair, self.draw_answer(data, pair.model, is_right=True))

    @precondition(lambda self: self.world.is_up)
    @rule(data=st.data())
    def answer_somehow(self, data: st.DataObject) -> None:
        pair = self.pair(data)
        self.answer_by_update(pair, self.draw_answer(data, pair.model, is_right=False))

    @precondition(lambda self: self.world.is_up and self.sent)
    @rule(data=st.data())
    def answer_again(self, data: st.DataObject) -> None:
        """A click that is sent twice, without the question or with another one."""
        pair, sent = data.draw(st.sampled_from(self.sent))
        if pair.model.is_over:
            return
        self.clear()
        reasons = pair.model.judge(sent)
        assert reasons == {"again"}
        again = copy.copy(sent)
        if data.draw(st.booleans()):
            known = pair.model.by_answer_id[sent.answer_id]
            taken = self.world.do(pair.run.resume(sent.value, actor=sent.actor, answer_id=sent.answer_id))
            assert (taken.interrupt_id, taken.actor) == (known.interrupt_id, known.actor)
            self.count("update: again, without the question")
        else:
            self.expect(pair, again, reasons)
        self.check()

    def signal(self, pair: Pair, name: str, message: Any) -> bool:
        """Send a signal.

        Returns:
            Whether there is still a run.
        """
        if pair.model.is_over:
            return False
        self.world.do(pair.run._handle.signal(name, message))  # pyright: ignore[reportPrivateUsage]
        return True

    @rule(data=st.data(), is_right=st.booleans())
    def answer_by_signal(self, data: st.DataObject, is_right: bool) -> None:
        pair = self.pair(data)
        self.clear()
        sent = self.draw_answer(data, pair.model, is_right=is_right)
        message = {"interrupt_id": sent.interrupt_id, "value": sent.value, "answer_id": sent.answer_id}
        if self.signal(pair, "resume", message if sent.actor is None else {**message, "actor": sent.actor}):
            self.count("signal" if self.world.is_up else "signal without a worker")
            before = len(pair.model.audit)
            pair.model.signal_answer(sent)
            for entry in pair.model.audit[before:]:
                if entry.via == "signal":
                    self.count(f"signal: {entry.kind}")
            self.check()

    @precondition(lambda self: self.world.is_up)
    @rule(data=st.data())
    def answer_all(self, data: st.DataObject) -> None:
        pair = self.pair(data)
        if pair.model.is_over or not pair.model.open:
            return
        self.clear()
        is_right = data.draw(st.booleans())
        drawn = [self.draw_answer(data, pair.model, is_right=is_right) for _ in range(data.draw(st.integers(1, 3)))]
        actor = data.draw(st.sampled_from(PEOPLE))
        ids = {sent.interrupt_id: sent.value for sent in drawn}
        answers = [Sent(name, value, actor, f"{self.number}-{name}") for name, value in ids.items()]
        if len(answers) > 1 and any(each.value == {"action": "abort"} for each in answers):
            return
        reasons = pair.model.answer(answers, "update")
        wrong = set[str]().union(*reasons) - {"again"}
        # What `resume_all` does, with ids of our own.
        sent = [vars(answer) for answer in answers]
        taken, refused = self.attempt(calls.ask(self.world.client, pair.run.id, "resume_all", sent))
        if taken is None:
            assert refused in wrong, (answers, reasons, refused)
            self.count(f"together refused: {refused}")
        else:
            assert not wrong, (answers, reasons)
            assert [each["interrupt_id"] for each in taken] == list(ids)
            self.count("together taken" if len(ids) > 1 else "together: one")
        self.check()

    # -- Steering ---------------------------------------------------------------------------------------------------

    @rule(data=st.data(), by_signal=st.booleans(), actor=st.sampled_from(PEOPLE))
    def update_state(self, data: st.DataObject, by_signal: bool, actor: str | None) -> None:
        changes: list[dict[str, Any]] = [
            {"trouble": True},
            {"trouble": True},
            {"trouble": False},
            {"note": "by hand"},
            {"trouble": "perhaps"},
        ]
        values = data.draw(st.sampled_from(changes))
        pair = self.pair(data)
        self.clear()
        model = pair.model
        if by_signal or not self.world.is_up:
            sent = {"values": values} if actor is None else {"values": values, "actor": actor}
            if self.signal(pair, "update_state", sent):
                self.or_rejected(pair, lambda: model.update(values, actor, "signal"), None, actor)
                self.count("state by signal")
        else:
            is_stale = data.draw(st.integers(0, 3)) == 0 and pair.state is not None
            version = pair.state.version + 1 if is_stale and pair.state is not None else None
            is_fine = not is_stale and model.update(values, actor, "update")
            changed, refused = self.attempt(pair.run.update_state(values, expected_version=version, actor=actor))
            assert (changed is not None) == is_fine, refused
            self.count("state changed" if is_fine else f"state refused: {refused}")
        self.check()

    def or_rejected(self, pair: Pair, do: Any, interrupt_id: str | None, actor: str | None) -> None:
        """What came by signal is done, or kept as rejected."""

        def done() -> None:
            if not do():
                pair.model._reject(interrupt_id, actor, "signal")  # pyright: ignore[reportPrivateUsage]

        pair.model.send(done)

    @rule(data=st.data(), paused=st.booleans())
    def pause(self, data: st.DataObject, paused: bool) -> None:
        pair = self.pair(data)
        self.clear()
        model = pair.model
        if model.is_over:
            return
        self.world.do(pair.run.pause() if paused else pair.run.unpause())

        def do() -> None:
            if model.is_over:
                model._reject(None, None, "signal")  # pyright: ignore[reportPrivateUsage]
            model.paused = model.paused if model.is_over else paused

        model.send(do)
        self.count("paused" if paused else "unpaused")
        self.check()

    @rule(data=st.data(), by_signal=st.booleans(), actor=st.sampled_from(PEOPLE))
    def reassign(self, data: st.DataObject, by_signal: bool, actor: str | None) -> None:
        pair = self.pair(data)
        model = pair.model
        names = [*model.open, *list(model.taken)[-1:]]
        if model.is_over or not names:
            return
        self.clear()
        name = data.draw(st.sampled_from(names))
        people = [each for each in PEOPLE if each is not None]
        to = data.draw(st.lists(st.sampled_from(people), unique=True, max_size=3))
        if by_signal or not self.world.is_up:
            message: dict[str, Any] = {"interrupt_id": name, "to": to}
            if self.signal(pair, "reassign", message if actor is None else {**message, "actor": actor}):
                self.or_rejected(pair, lambda: model.reassign(name, to, actor, "signal"), name, actor)
                self.count("reassign by signal")
        else:
            is_fine = model.reassign(name, to, actor, "update")
            asked, refused = self.attempt(pair.run.reassign(to, interrupt_id=name, actor=actor))
            assert (asked is not None) == is_fine, refused
            assert asked is None or asked.assignees == to
            self.count("reassigned" if is_fine else f"reassign refused: {refused}")
        self.check()

    @rule(data=st.data(), by_signal=st.booleans(), actor=st.sampled_from(PEOPLE), tens=st.integers(-100, 300))
    def extend(self, data: st.DataObject, by_signal: bool, actor: str | None, tens: int) -> None:
        pair = self.pair(data)
        model = pair.model
        if model.is_over or not model.open:
            return
        now = self.clear()
        name = data.draw(st.sampled_from(list(model.open)))
        until = (now + tens * 10 * MINUTE).replace(second=30) if tens < 100 else None
        if until is not None and abs(until - now) < 2 * MINUTE:
            until = now - MINUTE
        by: timedelta | datetime = tens * MINUTE * 10 if until is None else until
        if by_signal or not self.world.is_up:
            change = {"until": until.isoformat()} if until is not None else {"by": tens * 600}
            message: dict[str, Any] = {"interrupt_id": name, **change}
            if self.signal(pair, "extend", message if actor is None else {**message, "actor": actor}):
                self.or_rejected(pair, lambda: model.extend(name, by, actor, "signal"), name, actor)
                self.count("extend by signal")
        else:
            is_fine = model.extend(name, by, actor, "update")
            longer = None if until is not None else tens * MINUTE * 10
            asked, refused = self.attempt(pair.run.extend(longer, until=until, interrupt_id=name, actor=actor))
            assert (asked is not None) == is_fine, refused
            done = "extended" if until is None else "extended until"
            self.count(done if is_fine else f"extend refused: {refused}")
        self.check()

    @rule(data=st.data(), by_signal=st.booleans())
    def set_breakpoints(self, data: st.DataObject, by_signal: bool) -> None:
        pair = self.pair(data)
        model = pair.model
        if model.is_over:
            return
        self.clear()
        nodes = st.lists(st.sampled_from(NODES), max_size=2, unique=True)
        before, after = data.draw(nodes), data.draw(nodes)
        if by_signal or not self.world.is_up:
            if self.signal(pair, "set_breakpoints", {"before": before, "after": after}):
                self.or_rejected(pair, lambda: model.set_breakpoints(before, after), None, None)
        else:
            model.set_breakpoints(before, after)
            self.world.do(pair.run.set_breakpoints(before=before, after=after))
        self.count("breakpoints")
        self.check()

    @precondition(lambda self: self.world.is_up and len(self.pairs) < 3)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(self.pairs))
        now = self.clear()
        going_on = [number for number, then in pair.model.snapshots.items() if not then.is_over]
        if not going_on:
            return
        number = data.draw(st.sampled_from(going_on))
        update = data.draw(st.sampled_from([None, {"note": "forked"}, {"trouble": True}]))
        world = self.world
        name = f"{world.task_queue}-{len(self.pairs)}"
        run = world.do(
            pair.run.fork(
                str(number),
                id=name,
                task_queue=world.task_queue,
                update=update,
                task_timeout=TASK_TIMEOUT,
            )
        )
        model = copy.deepcopy(pair.model.snapshots[number])
        model.fork(now, update)
        self.pairs.append(Pair(model, run))
        world.runs.append(run)
        self.count("forked")
        self.check()

    # -- The end ------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not self.has_begun:
            return
        error = sys.exc_info()[1]
        try:
            if self.pairs and error is None:
                self.come_to_an_end()
        except Exception as failed:
            error = failed
            raise
        finally:
            if isinstance(error, Exception) and not isinstance(error, UnsatisfiedAssumption):
                self.world.failures.append(error)
            self.world.end()

    def come_to_an_end(self) -> None:
        """Nothing was lost, and nothing was done twice: all runs come to what the model says."""
        if not self.world.is_up:
            self.come_back()
        for pair in self.pairs:
            self.finish(pair)
        for pair in self.pairs:
            self.look_closely(pair)
        self.world.do(self.replay())

    def finish(self, pair: Pair) -> None:
        model, run = pair.model, pair.run
        if not model.is_over:
            self.clear()
            model.set_breakpoints((), ())
            self.signal(pair, "set_breakpoints", {"before": [], "after": []})
            model.update({"trouble": False}, None, "update")
            self.world.do(run.update_state({"trouble": False}))
            model.pause(False)
            self.world.do(run.unpause())
            self.check()
        while not model.is_over:
            name, question = next(iter(model.open.items()))
            voted = [vote["actor"] for vote in question.votes]
            actor = next((each for each in question.assignees if each not in voted), "zoe")
            value = {"again": False} if kind_of(name) == "Final" else GOOD[kind_of(name)][0]
            self.number += 1
            self.answer_by_update(pair, Sent(name, value, actor, f"answer-{self.number}"))
        self.count(f"end: {model.status}")
        if model.status == "failed":
            with pytest.raises(GraphRunError):
                self.world.do(run.result())
            return
        result = self.world.do(run.result())
        assert result.output == model.output
        assert comparable(result.state.log) == comparable(model.state["log"])

    async def replay(self) -> None:
        replayer = Replayer(workflows=[], plugins=[GraphPlugin(*GRAPHS.values())])
        for pair in self.pairs:
            chain = await histories(self.world.client, pair.run.id)
            self.world.counts["histories"] += len(chain)
            self.world.counts["continued as new"] += len(chain) - 1
            woken = [
                each.event_time.ToDatetime(UTC)
                for history in chain
                for each in history.events
                if each.event_type == TASK_SCHEDULED
            ]
            # What was late before a fork is another run's.
            for due in [due for due in pair.late if due > woken[0]]:
                assert any(-TICK <= at - due <= SECOND for at in woken), f"nothing was to be done at {due}"
            for number, history in enumerate(chain, 1):
                assert not failures(history.events)
                file = self.world.folder / f"{pair.run.id}-{number}.json"
                try:
                    await replayer.replay_workflow(history)
                except Exception as error:
                    file.write_text(history.to_json())
                    error.add_note(f"Its history is in {file}.")
                    raise


def is_clear(model: Model, until: datetime) -> bool:
    """Whether it is clear what comes first, when time passes: no question ends as another one does something."""
    ahead = copy.deepcopy(model)
    seen: list[tuple[datetime, str, str]] = []
    while (found := ahead.next_due()) is not None and found[0] <= until + MINUTE:
        at, question = found
        due = question.first()
        assert due is not None
        seen.append((at, question.id, due[0]))
        ahead.advance(at)
    return not any(
        other[0] - one[0] < MINUTE and one[1] != other[1] and "expire" in (one[2], other[2])
        for one, other in itertools.pairwise(seen)
    )


def run_at_random(folder: Path, number: int, *, is_killed: bool, examples: int, steps: int = 20) -> Counter[str]:
    """Run about as many examples; the same number gives the same ones, as far as the server's clock lets it."""
    with World(folder, is_killed=is_killed) as world:
        for part in range(0, examples, 4):

            @seed(1000 * number + part)
            class Machine(AnyDay):
                pass

            Machine.world = world
            try:
                run_state_machine_as_test(
                    Machine,
                    settings=settings(
                        max_examples=min(4, examples - part),
                        stateful_step_count=steps,
                        deadline=None,
                        database=None,
                        # A failure is shown as it was found: to make it shorter would take longer than a test may.
                        phases=[Phase.generate],
                        suppress_health_check=[
                            HealthCheck.too_slow,
                            HealthCheck.filter_too_much,
                            HealthCheck.data_too_large,
                        ],
                    ),
                )
            except FlakyStrategyDefinition:
                # What had the same beginning went on otherwise: an answer at its deadline was taken, or was not.
                if world.failures:
                    raise world.failures[0] from None
        print(sorted(world.counts.items()))
        return world.counts


ALWAYS = (
    "update: taken",
    "in time: reminded",
    "in time: escalated",
    "in time: timed_out",
    "worker killed",
    "worker back",
    "continued as new",
    "end: finished",
)
OFTEN = (
    "update refused",
    "signal: answered",
    "signal: rejected",
    "together",
    "at the deadline",
    "worker replaced",
    "time passes without a worker",
    "caught up",
    "paused",
    "unpaused",
    "forked",
    "breakpoints",
    "state",
    "reassign",
    "extend",
    "look",
)
"""How begins what happens among the examples, or they would say too little."""


def check_seen(counts: Counter[str]) -> None:
    """Enough has happened."""
    unseen = [what for what in (*ALWAYS, *OFTEN) if not any(counts[seen] and seen.startswith(what) for seen in counts)]
    assert not set(ALWAYS) & set(unseen), unseen
    assert len(unseen) <= len(OFTEN) // 4, unseen
    assert counts["lost by the server"] <= counts["end: finished"] / 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_does_what_the_model_says(tmp_path: Path) -> None:
    check_seen(run_at_random(tmp_path, 12, is_killed=False, examples=6))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_does_what_the_model_says_while_workers_are_killed(tmp_path: Path) -> None:
    counts = run_at_random(tmp_path, 5, is_killed=True, examples=6)
    assert counts["worker killed"]
    assert counts["lost by the server"] <= 3
