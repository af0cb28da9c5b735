"""The callers in this process that have to do with one run: they share what they wait for, and send in turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from weakref import WeakValueDictionary

from temporalio.client import Client

from ..errors import RunNotFoundError
from .failures import no_worker
from .feed import Feed
from .glancing import SOON, WAIT, describe, glance
from .names import GET_STATE, STOP
from .payloads import from_raw

AT_ONCE = 4
"""How many updates this process has under way in one run, at most: a server lets ten be, of which readers hold some.

It begins with one, and has one more when twice as many as it has were answered without delay. For there may be other
processes, and an update beyond the ten is worse than one that waits: the SDK does not try it again for a second and
more, and the server may drop the workflow task that the run has under way, with what was to be answered in it.
"""
DELAY = 1
"""Seconds after which an update was late: the SDK has waited, or the run is busy."""


class Crowd:
    """All callers of one run, in one event loop, with one client.

    Attributes:
        feed: The events of the run.
        is_waited_for: One of the callers waits in an update for where the run stops next; perhaps one that starts it.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self.feed = Feed(client, run_id)
        self.is_waited_for = False
        self._client = client
        self._run_id = run_id
        self._turns = asyncio.Semaphore(1)
        self._turns_there = self._turns_wanted = 1
        self._in_time = 0
        self._heard = float("-inf")
        self._seeking, self._looking = asyncio.Lock(), asyncio.Lock()
        self._is_seen = False
        self._given: dict[str, str] | None = None
        self._begun = self._done = 0
        self._stop = "null"

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """The turn to send something.

        Raises:
            NoWorkerError: Nobody has been answered for so long that there can be no worker.
        """
        began = self.now()
        while True:
            until = max(began, self._heard) + WAIT
            if self.now() >= until:
                raise no_worker(self._run_id)
            try:
                async with asyncio.timeout(until - self.now()):
                    await self._turns.acquire()
                break
            except TimeoutError:
                pass  # others may have been answered meanwhile
        sent = self.now()
        try:
            yield
        finally:
            self._end_turn(is_late=self.now() - sent > DELAY)

    def _end_turn(self, *, is_late: bool) -> None:
        self._in_time = 0 if is_late else self._in_time + 1
        if is_late:
            self._turns_wanted = 1
        elif self._in_time >= 2 * self._turns_wanted < 2 * AT_ONCE:
            self._turns_wanted += 1
            self._in_time = 0
        self._turns_there -= 1
        while self._turns_there < self._turns_wanted:
            self._turns_there += 1
            self._turns.release()

    def hear(self) -> None:
        """Note that the run has answered."""
        self._heard = self.now()

    @staticmethod
    def now() -> float:
        """Seconds, as the event loop counts them."""
        return asyncio.get_running_loop().time()

    async def is_begun(self) -> bool:
        """Whether somebody here has begun the run, or goes on with it already; false if whoever asks is to begin it.

        Waits until that is known: the run may be on its way to the server.
        """
        async with self._seeking:
            while self.is_waited_for and not self._is_seen:
                with contextlib.suppress(RunNotFoundError):
                    await describe(self._client, self._run_id)
                    self._is_seen = True
                    break
                await asyncio.sleep(random.uniform(*SOON))
        return self._is_seen

    async def given(self) -> Mapping[str, str]:
        """What the run was started with; see `starting.digest`."""
        async with self._seeking:
            if self._given is None:
                found = json.loads(from_raw(await glance(self._client, self._run_id, GET_STATE)))
                self._given = found.get("given", {})
            return self._given or {}

    async def stop(self) -> Mapping[str, Any] | None:
        """Wait for where the run stops next, by its events: that takes no update of its own.

        Returns:
            The stop; None if the run has ended without one.
        """
        while True:
            seen = await self.feed.end()
            found = await self._look()
            if found is not None or self.feed.is_over:
                return found
            await self.feed.read(seen)

    async def _look(self) -> Mapping[str, Any] | None:
        """Where the run has stopped; looked up after the caller came, but for all that came meanwhile together."""
        came = self._begun
        async with self._looking:
            if self._done <= came:
                self._begun = number = self._begun + 1
                self._stop = from_raw(await glance(self._client, self._run_id, STOP))
                self._done = number
            return json.loads(self._stop)


_crowds: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, Client, str], Crowd] = WeakValueDictionary()


def crowd_of(client: Client, run_id: str) -> Crowd:
    """The one of a run; it is there as long as somebody has it."""
    key = (asyncio.get_running_loop(), client, run_id)
    crowd = _crowds.get(key)
    if crowd is None:
        crowd = _crowds[key] = Crowd(client, run_id)
    return crowd
