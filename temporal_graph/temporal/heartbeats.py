"""Signs of life of activities, so that a lost worker is noticed, and a cancellation arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from temporalio import activity

BEAT = 3
"""Seconds from one to the next, at most: an activity hears that it is cancelled with the answer to one."""


@contextlib.asynccontextmanager
async def heartbeats(tell: Callable[[], Any] | None = None) -> AsyncGenerator[None]:
    """Give signs of life while an activity runs that has a heartbeat timeout.

    Args:
        tell: What each has to say: one that says nothing would let the server forget what those before it said.
    """
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return

    async def beat() -> None:
        while True:
            await asyncio.sleep(min(timeout.total_seconds() / 3, BEAT))
            activity.heartbeat(*(() if tell is None else (tell(),)))

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
