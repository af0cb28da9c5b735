"""The timers of a run's questions: for each question that will do something by itself one, for what it does next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from ..engine.engine import Engine
from ..engine.policies import Due, moment
from .names import DUE
from .summaries import due_summary

SHORTEST = timedelta(milliseconds=1)
"""Of the timers: a server takes none of no length."""
BITS = 64
"""Of what is found at a time."""


class Timers:
    """Timers by question.

    A replay may count time by another calendar, or with other data of time zones, than the worker did that wrote the
    history, and find other moments. So no command of a run follows from them alone. Each question that will do
    something has a timer, also where its moment has passed. A timer that has fired says that one thing is due, whatever
    a clock says; where it was not just that one thing, patches say so. A timer fires when it was once set to; what the
    moments are now counts for those that are set later.

    Args:
        engine: The run.
        on_fire: Called with a question whose timer has fired, and what for.
    """

    def __init__(self, engine: Engine, on_fire: Callable[[str, Due], None]) -> None:
        self._engine = engine
        self._on_fire = on_fire
        self._set: dict[str, tuple[Due, asyncio.Task[None]]] = {}
        self._stale: dict[str, None] = dict.fromkeys(engine.questions.open)
        self._fired = 0

    def look_at(self, interrupt_id: str) -> None:
        """Note that what a question does next may have changed."""
        self._stale[interrupt_id] = None

    def set(self) -> bool:
        """Set the timers anew whose questions may have changed; all in one place, so that they have one order.

        Returns:
            Whether one was set.
        """
        is_set = False
        stale, self._stale = self._stale, {}
        for interrupt_id in stale:
            interrupt = self._engine.questions.open.get(interrupt_id)
            due = interrupt.due[0] if interrupt is not None and interrupt.due else None
            known = self._set.pop(interrupt_id, None)
            if known is not None:
                known[1].cancel()
            if due is not None:
                is_set = True
                self._set[interrupt_id] = due, asyncio.ensure_future(self._wait(interrupt_id, due))
        return is_set

    async def _wait(self, interrupt_id: str, due: Due) -> None:
        delay = max(moment(due.at) - workflow.now(), SHORTEST)
        await workflow.sleep(delay, summary=due_summary(interrupt_id, due))
        if self._set.get(interrupt_id, (None,))[0] is due:
            del self._set[interrupt_id]
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
