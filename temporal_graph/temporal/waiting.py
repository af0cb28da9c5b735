"""Waits for a condition and no longer than some time, in the same steps with every version of Python.

A run may begin on a worker with one version and go on with another. `workflow.wait_condition(timeout=...)` takes these
steps with `asyncio.wait_for`, which goes on a turn of the event loop sooner since Python 3.12: a timer is then given up
before an update is answered, say, and a history in which it was the other way round does not replay.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow


async def wait_until(condition: Callable[[], bool], *, timeout: timedelta, summary: str | None = None) -> None:
    """Wait until a condition holds.

    Args:
        condition: The condition.
        timeout: For how long; more than nothing.
        summary: What Temporal's UI says of the timer.

    Raises:
        TimeoutError: It did not.
    """
    waiting = workflow.wait_condition(condition, timeout=timeout, timeout_summary=summary)
    if sys.version_info < (3, 12):
        await waiting
    else:
        await _as_before(waiting)


async def _as_before(waiting: Coroutine[Any, Any, None]) -> None:
    """Go through the SDK's wait in the steps of `asyncio.wait_for` of Python 3.11.

    There, what is waited for tells a second future in a turn of its own, and who waits awaits that one. When the time
    is up, or who waits is cancelled, it gives up the first and waits until that has been told as well.
    """
    holds: asyncio.Future[Any] = waiting.send(None)
    try:
        try:
            await _told_by(holds)
        except asyncio.CancelledError as cancelled:
            if not holds.done():
                told = _told_by(holds)
                holds.cancel()
                await told
                waiting.throw(cancelled)  # a TimeoutError comes out of it where the time was up
        waiting.send(None)
    except StopIteration:
        pass
    finally:
        waiting.close()


def _told_by(future: asyncio.Future[Any]) -> asyncio.Future[None]:
    """A future that is told when another one is done."""
    told = asyncio.get_running_loop().create_future()

    def tell(_: asyncio.Future[Any]) -> None:
        if not told.done():
            told.set_result(None)

    future.add_done_callback(tell)
    return told
