"""What people send to a run, done in its order, and so much of it in one workflow task that the task ends in time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from temporalio import workflow

from .names import TURNS
from .resting import SOON, Rest

T = TypeVar("T")

ENOUGH = 0.1
"""Seconds of a processor that one task has for what comes by signal; a replay of it takes as many, however slowly."""
ENOUGH_RESULTS = 0.25
"""Seconds of a processor that what nodes have returned has at once: of that there is more, and the next task is far."""
AT_MOST = 1.0
"""Seconds that pass meanwhile, at most: a task that takes 2 is given up, and tried again for ever."""


class Turns:
    """What has come and is yet to be done.

    A server gives a run all signals at once that came while no worker was there, or since a task that was lost. What
    of it is not done in its task is kept as it came, and done in the tasks that follow; what comes meanwhile waits for
    it. Where a task stops is a matter of time, so the history has a mark there, and a replay goes by these.

    Args:
        wake: Called when there is something to do.
        command: Called when the task at hand gets a command.
    """

    def __init__(self, wake: Callable[[], None], command: Callable[[], None]) -> None:
        self._wake = wake
        self._command = command
        self._waiting: deque[Callable[[], object]] = deque()
        self._done = 0
        self._task = (-1, -1)
        self._since = (0.0, 0.0)
        self._moment: tuple[object, ...] = ()
        self._began = (0.0, 0.0)
        self._results = 0
        self._rest = Rest(wake)
        self.is_late = False

    @property
    def is_any(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def come(self, do: Callable[[], object]) -> None:
        """Do what has come by signal, now or later."""
        if self._waiting:
            self._waiting.append(do)
        elif self._is_enough():
            self._waiting.append(do)
            self._wake()
        else:
            self._done += 1
            do()

    async def after(self, do: Callable[[], T]) -> T:
        """Do what has come by update, after all signals that came before it."""
        if not self._waiting:
            return do()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def do_late() -> None:
            try:
                result = do()
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._waiting.append(do_late)
        return await future

    async def finish(self) -> None:
        """Do what waits, in as many tasks as that takes."""
        while self._waiting:
            self._command()
            await workflow.sleep(SOON, summary="the rest of what was sent")
            self.is_late = True
            try:
                self._do_next()
                while self._waiting and not self._is_enough():
                    self._do_next()
            finally:
                self.is_late = False

    @property
    def is_resting(self) -> bool:
        """Whether what nodes have returned waits for the next task."""
        return self._rest.is_on

    def begin(self) -> None:
        """Note that what nodes have returned is about to be taken."""
        moment = workflow.info().get_current_history_length(), threading.get_ident(), workflow.now()
        if moment != self._moment:
            self._moment, self._began = moment, clock()

    def rests(self) -> bool:
        """Whether what nodes have returned has had enough time for now; then the driver is woken in the next task.

        One task may come to the driver many times, since its local nodes end one by one; each time counts by itself.
        """
        self._results += 1
        if not self._is_over(f"{TURNS}-results-{self._results}", self._began, ENOUGH_RESULTS):
            return False
        self._rest.begin("the rest of what has come at once")
        return True

    async def finish_handlers(self) -> None:
        """Let all handlers finish, also those whose turn has not come."""
        while self._waiting or not workflow.all_handlers_finished():
            await self.finish()
            await workflow.wait_condition(lambda: bool(self._waiting) or workflow.all_handlers_finished())

    def _do_next(self) -> None:
        self._see_task()
        self._done += 1
        self._waiting.popleft()()

    def _see_task(self) -> None:
        task = workflow.info().get_current_history_length(), threading.get_ident()
        if task != self._task:
            self._task, self._since = task, clock()

    def _is_enough(self) -> bool:
        """Whether this task has done enough."""
        self._see_task()
        return self._is_over(f"{TURNS}-{self._done}", self._since, ENOUGH)

    def _is_over(self, name: str, since: tuple[float, float], enough: float) -> bool:
        if workflow.unsafe.is_replaying():
            return workflow.patched(name)
        now = clock()
        if (now[0] - since[0] < enough and now[1] - since[1] < AT_MOST) or not workflow.patched(name):
            return False
        self._command()
        return True


def clock() -> tuple[float, float]:
    """How long this thread has worked, and the time."""
    return time.thread_time(), time.monotonic()
