"""The callers in this process that have to do with one run: they share what they wait for, and send in turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from weakref import WeakValueDictionary

from temporalio.client import Client

from .failures import no_worker
from .feed import Feed
from .glancing import WAIT, glance
from .names import STOP
from .payloads import from_raw

AT_ONCE = 4
"""How many updates this process has under way in one run: a server lets ten be, of which readers hold up to six."""


class Crowd:
    """All callers of one run, in one event loop, with one client.

    Attributes:
        feed: The events of the run.
        is_waited_for: One of the callers waits in an update for where the run stops next.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self.feed = Feed(client, run_id)
        self.is_waited_for = False
        self._client = client
        self._run_id = run_id
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._heard = float("-inf")
        self._looking = asyncio.Lock()
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
        try:
            yield
        finally:
            self._turns.release()

    def hear(self) -> None:
        """Note that the run has answered."""
        self._heard = self.now()

    @staticmethod
    def now() -> float:
        """Seconds, as the event loop counts them."""
        return asyncio.get_running_loop().time()

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
