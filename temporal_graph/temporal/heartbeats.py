"""Signs of life of activities, so that a lost worker is noticed, and a cancellation arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import activity

BEAT = 3
"""Seconds from one to the next, at most: an activity hears that it is cancelled with the answer to one."""


class Heartbeats:
    """Give signs of life while an activity runs that has a heartbeat timeout.

    No generator with `contextlib`, which sets the traceback of an exception that passes: some cannot be set.

    Args:
        tell: What each has to say: one that says nothing would let the server forget what those before it said.
    """

    def __init__(self, tell: Callable[[], Any] | None = None) -> None:
        self._tell = tell
        self._beating: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        timeout = activity.info().heartbeat_timeout
        if timeout is not None:
            self._beating = asyncio.create_task(self._beat(min(timeout.total_seconds() / 3, BEAT)))

    def __exit__(self, *error: object) -> None:
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self, delay: float) -> None:
        while True:
            await asyncio.sleep(delay)
            activity.heartbeat(*(() if self._tell is None else (self._tell(),)))
