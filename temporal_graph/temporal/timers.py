"""The timers of a run's questions: for each question that will do something by itself one, for what it does next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from ..engine.engine import Engine
from ..engine.policies import Due, moment
from .summaries import due_summary


class Timers:
    """Timers by question.

    A timer that has fired says that something is due, whatever the clocks of workers and their time zone data say: so a
    replay does the same, also on a worker that would have set it otherwise.

    Args:
        engine: The run.
        on_fire: Called with a question whose timer has fired, and what for.
    """

    def __init__(self, engine: Engine, on_fire: Callable[[str, Due], None]) -> None:
        self._engine = engine
        self._on_fire = on_fire
        self._set: dict[str, tuple[Due, asyncio.Task[None]]] = {}
        self._stale: dict[str, None] = dict.fromkeys(engine.questions.open)

    def look_at(self, interrupt_id: str) -> None:
        """Note that what a question does next has changed."""
        self._stale[interrupt_id] = None

    def set(self) -> bool:
        """Set the timers anew whose questions have changed; all in one place, so that they have one order.

        Returns:
            Whether one was set.
        """
        is_set = False
        stale, self._stale = self._stale, {}
        for interrupt_id in stale:
            interrupt = self._engine.questions.open.get(interrupt_id)
            due = interrupt.due[0] if interrupt is not None and interrupt.due else None
            known = self._set.pop(interrupt_id, None)
            if known is not None and known[0] == due:
                self._set[interrupt_id] = known
                continue
            if known is not None:
                known[1].cancel()
            if due is not None:
                is_set |= moment(due.at) > workflow.now()
                self._set[interrupt_id] = due, asyncio.ensure_future(self._wait(interrupt_id, due))
        return is_set

    async def _wait(self, interrupt_id: str, due: Due) -> None:
        delay = moment(due.at) - workflow.now()
        if delay > timedelta(0):
            await workflow.sleep(delay, summary=due_summary(interrupt_id, due))
        if self._set.get(interrupt_id, (None,))[0] is due:
            del self._set[interrupt_id]
            self._on_fire(interrupt_id, due)
