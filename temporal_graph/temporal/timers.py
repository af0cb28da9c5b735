"""The timers of a run's questions: each question that will do something by itself has one, for what it does next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from ..engine.engine import Engine
from ..engine.policies import Due, moment
from .names import DUE, SHARES, TIMERS
from .resting import Rest
from .summaries import due_summary

SHORTEST = timedelta(milliseconds=1)
"""Of the timers: a server takes none of no length."""
BITS = 64
"""Of what is found at a time."""
MOST = 500
"""Timers that are set with one task: thousands would take it seconds, and more than a server takes in one message."""


class _Timer:
    """A timer, and the questions whose it is, each with what it does next."""

    def __init__(self, at: str | None) -> None:
        self.at = at
        self.questions: dict[str, Due] = {}
        self.task: asyncio.Task[None] | None = None


class Timers:
    """Timers by question.

    A replay may count time by another calendar, or with other data of time zones, than the worker did that wrote the
    history, and find other moments. So no command of a run follows from them alone. Each question that will do
    something has a timer, also where its moment has passed. A timer that has fired says that one thing is due, whatever
    a clock says; where it was not just that one thing, patches say so. A timer fires when it was once set to; what the
    moments are now counts for those that are set later.

    Questions that wait for one moment have one timer, if no calendar has told it: a server takes only a hundred timers
    that fire at once, and begins the task anew with the next. Earlier releases gave each its own.

    Args:
        engine: The run.
        on_fire: Called with a question whose timer has fired, and what for.
        mark: Gives the task at hand a mark; says in a replay whether it had it.
        wake: Called when there is another task for timers that have waited for it.
    """

    def __init__(
        self,
        engine: Engine,
        on_fire: Callable[[str, Due], None],
        mark: Callable[[str], bool],
        wake: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._on_fire = on_fire
        self._mark = mark
        self._rest = Rest(wake)
        self._of: dict[str, _Timer] = {}
        self._at: dict[str, _Timer] = {}
        self._stale: dict[str, None] = dict.fromkeys(engine.questions.open)
        self._shares: bool | None = None
        self._task = self._fresh = self._set = 0
        self._fired = 0

    def look_at(self, interrupt_id: str) -> None:
        """Note that what a question does next may have changed."""
        self._stale[interrupt_id] = None

    def set(self) -> bool:
        """Set the timers anew whose questions may have changed; all in one place, so that they have one order.

        Returns:
            Whether one was set.
        """
        before = self._set
        stale, self._stale = self._stale, {}
        for interrupt_id in stale:
            interrupt = self._engine.questions.open.get(interrupt_id)
            due = interrupt.due[0] if interrupt is not None and interrupt.due else None
            if due is not None and self._is_enough():
                self._stale[interrupt_id] = None
                continue
            self._forget(interrupt_id)
            if due is not None and interrupt is not None:
                self._let_wait(interrupt_id, due, due.at if interrupt.rules.calendar is None else None)
        return self._set != before

    def _is_enough(self) -> bool:
        """Whether the rest waits for another task."""
        task = workflow.info().get_current_history_length()
        if task != self._task:
            self._task, self._fresh = task, 0
        if self._fresh >= MOST and not self._rest.is_on:
            self._fresh = 0
            if self._mark(f"{TIMERS}-{self._set}"):  # earlier releases set them all
                self._rest.begin("the rest of the timers")
        return self._rest.is_on

    def _forget(self, interrupt_id: str) -> None:
        timer = self._of.pop(interrupt_id, None)
        if timer is None:
            return
        del timer.questions[interrupt_id]
        if not timer.questions:
            self._drop(timer)
            assert timer.task is not None
            timer.task.cancel()

    def _drop(self, timer: _Timer) -> None:
        if timer.at is not None and self._at.get(timer.at) is timer:
            del self._at[timer.at]

    def _let_wait(self, interrupt_id: str, due: Due, at: str | None) -> None:
        timer = None if at is None else self._at.get(at)
        if timer is not None and self._shares is None:
            self._shares = self._mark(SHARES)
        if timer is None or not self._shares:
            timer = _Timer(at)
            if at is not None:
                self._at[at] = timer
            timer.task = asyncio.ensure_future(self._wait(timer, due))
            self._fresh += 1
            self._set += 1
        timer.questions[interrupt_id] = due
        self._of[interrupt_id] = timer

    async def _wait(self, timer: _Timer, due: Due) -> None:
        delay = max(moment(due.at) - workflow.now(), SHORTEST)
        await workflow.sleep(delay, summary=due_summary(timer.questions))
        self._drop(timer)
        for interrupt_id, due in timer.questions.items():
            del self._of[interrupt_id]
            self._on_fire(interrupt_id, due)

    def find_due(self, interrupt_id: str, fired: Due) -> int | None:
        """What a question does now that its timer has fired: what it did then, in a replay.

        Returns:
            See `Engine.find_due`; None where that cannot be found out.
        """
        self._fired += 1
        name = f"{DUE}-{self._fired}"
        if not workflow.unsafe.is_replaying():
            try:
                found = self._engine.find_due(interrupt_id, workflow.now().isoformat(), fired)
            except Exception:
                return None  # the engine comes across it, too, and lets the run fail
            if found:
                for patch in (name, *(f"{name}-{bit}" for bit in range(BITS) if found >> bit & 1)):
                    workflow.patched(patch)
            return found
        if not workflow.patched(name):
            return 0
        return sum(1 << bit for bit in range(BITS) if workflow.patched(f"{name}-{bit}"))
