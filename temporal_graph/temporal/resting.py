"""A rest: what would be too much for one workflow task waits for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow

SOON = 0.001
"""Seconds until the next task; a server takes up to one."""


class Rest:
    """A wait for the next task, in which those are woken that have waited.

    Args:
        wake: Called in that task.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._timer: asyncio.Future[None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is something that waits."""
        return self._timer is not None

    def begin(self, summary: str) -> None:
        """Let there be another task.

        Args:
            summary: What waits, for Temporal's UI.
        """
        self._timer = asyncio.ensure_future(workflow.sleep(SOON, summary=summary))
        self._timer.add_done_callback(self._end)

    def _end(self, _: asyncio.Future[None]) -> None:
        self._timer = None
        self._wake()
