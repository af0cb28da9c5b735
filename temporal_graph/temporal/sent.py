"""How much is sent to the server at once: it takes 4 MiB in one message, and what is longer fails, again and again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

from ..engine.sizes import size_of
from .names import BYTES

BUDGET = 2_000_000
"""Bytes of what is sent at once; the last that still goes along may have as many by itself."""
SOON = timedelta(milliseconds=1)
"""After which there is another workflow task."""


class Sent:
    """What has been sent with the workflow task at hand.

    Earlier releases counted characters, and anew each time that they looked for what could be sent. Where that comes to
    another end, the history has a mark.
    """

    def __init__(self) -> None:
        self._task = self._characters = self._bytes = 0
        self._turn = asyncio.Lock()

    def begin(self) -> None:
        """Look anew for what can be sent, perhaps once more in the same task."""
        self._see_task()
        self._characters = 0

    def _see_task(self) -> None:
        task = workflow.info().get_current_history_length()
        if task != self._task:
            self._task, self._bytes = task, 0

    async def tell(self, reply: RawValue) -> RawValue:
        """Give somebody a reply, with a later task if it would be too much with this one.

        A server ends a run that sends more than it takes; and a large state may be told to several at once.
        """
        async with self._turn:
            await self.make_room(len(reply.payload.data))
            self._bytes += len(reply.payload.data)
        return reply

    async def make_room(self, size: int) -> bool:
        """Wait for a task with which so many bytes can be sent.

        Returns:
            Whether that is another one.
        """
        has_waited = False
        while self._is_too_much(size):
            has_waited = True
            await workflow.sleep(SOON)
        return has_waited

    def _is_too_much(self, size: int) -> bool:
        self._see_task()
        if not self._bytes or self._bytes + size <= BUDGET:
            return False
        return workflow.patched(f"{BYTES}-replies-{self._task}")

    def add(self, text: str) -> None:
        """Count a text in."""
        self._characters += len(text)
        self._bytes += size_of(text)

    @property
    def is_any(self) -> bool:
        """Whether there is anything."""
        return self._characters > 0

    def is_enough(self, most: int, what: str) -> bool:
        """Whether no more is to be sent than this, so many bytes.

        Args:
            most: How many bytes.
            what: Of what, for the mark.
        """
        if self._characters >= most or self._bytes < most:
            return self._characters >= most
        return workflow.patched(f"{BYTES}-{what}-{self._task}")
