"""How much is sent to the server at once: it takes 4 MiB in one message, and what is longer fails, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.common import RawValue

from ..engine.sizes import Coding, size_of
from .names import BYTES
from .resting import SOON, Rest

BUDGET = 2_000_000
"""Bytes of what is sent at once; the last that still goes along may have as many by itself."""
AROUND = 600
"""Bytes that go with each thing that is sent: a name, a task queue, time-outs."""


class Sent:
    """What is sent with the workflow task at hand.

    How long it is on its way is a matter of the worker's payload codec, and earlier releases counted letters, and not
    all that is sent. So the history has a mark wherever something waits for another task, or goes although earlier
    releases let it wait; a replay goes by these.

    Args:
        coding: What the worker's codec makes of what is sent.
        wake: Called when there is another task for what has waited.
    """

    def __init__(self, coding: Coding, wake: Callable[[], None]) -> None:
        self._coding = coding
        self._task = self._looks = self._steps = 0
        self._characters = self._bytes = 0
        self._size = self._reserved = 0
        self._turn = asyncio.Lock()
        self._rest = Rest(wake)
        self._rested = -1

    def begin(self) -> None:
        """Look anew for what can be sent, perhaps once more in the same task."""
        self._see_task()
        self._characters = 0
        self._looks += 1

    def _see_task(self) -> None:
        task = workflow.info().get_current_history_length()
        if task != self._task:
            self._task, self._bytes, self._size = task, 0, 0

    # -- Who can wait -----------------------------------------------------------------------------------------------

    async def tell(self, reply: RawValue) -> RawValue:
        """Give somebody a reply, with a later task if it would be too much with this one.

        A server ends a run that sends more than it takes; and a large state may be told to several at once.
        """
        await self.take(len(reply.payload.data))
        return reply

    async def take(self, size: int) -> None:
        """Wait for a task with which so many bytes can be sent, and count them in."""
        async with self._turn:
            await self.make_room(size)
            self._count_in(size)

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
        name, earlier = self._names("room", size)
        if not workflow.unsafe.is_replaying():
            return not self._fits(size, BUDGET * 3 // 4) and workflow.patched(name)
        was_too_much = bool(self._bytes) and self._bytes + size > BUDGET
        is_marked = was_too_much and workflow.patched(f"{BYTES}-replies-{self._task}")
        return is_marked or workflow.patched(name) or workflow.patched(earlier)

    def _names(self, what: str, *more: int) -> tuple[str, str]:
        """How the mark of a decision is called, and how it was in earlier releases.

        These counted the driver's looks, too, which are others in a replay: what some local nodes have returned comes
        one by one, and then together.
        """
        task, rest = f"{BYTES}-{what}-{self._task}", "".join(f"-{number}" for number in more)
        return f"{task}-after-{self._steps}{rest}", f"{task}-{self._looks + self._steps}{rest}"

    def _fits(self, size: int, beside: int) -> bool:
        """Whether so many bytes can go along; any number where there is nothing but as many reserved beside it."""
        return (not self._size and self._reserved <= beside) or (
            self._size + self._reserved + self._cost(size) <= BUDGET
        )

    def _cost(self, size: int) -> int:
        return self._coding.size(size) + AROUND

    # -- Who is asked again -----------------------------------------------------------------------------------------

    def add(self, text: str, *, is_sent: bool = True) -> None:
        """Count a text in.

        Args:
            text: The text.
            is_sent: Whether it leaves the worker; earlier releases counted it in any case.
        """
        self._characters += len(text)
        self._count_in(size_of(text), is_sent=is_sent)

    def _count_in(self, size: int, *, is_sent: bool = True) -> None:
        self._steps += 1
        self._bytes += size
        if is_sent:
            self._size += self._cost(size)

    @property
    def is_any(self) -> bool:
        """Whether there is anything."""
        return self._characters > 0

    def is_enough(self, most: int, what: str, *, is_any: bool = True) -> bool:
        """Whether no more is to be sent with this task.

        Where it is enough the driver is woken when there is another task.

        Args:
            most: How many bytes.
            what: Of what, for the mark.
            is_any: Whether something is on its way, which earlier releases waited for.
        """
        self._see_task()
        if self._rest.is_on:
            return True
        name, earlier = self._names(what)
        is_replaying = workflow.unsafe.is_replaying()
        is_too_much = (is_replaying or self._size + self._reserved >= most) and workflow.patched(name)
        if is_too_much or (is_replaying and workflow.patched(earlier)):
            self._rest.begin("more than can be sent at once")
            return True
        if not is_any:
            return False
        if self._characters >= most:
            return True
        return is_replaying and self._bytes >= most and workflow.patched(f"{BYTES}-{what}-{self._task}")

    # -- Local nodes ------------------------------------------------------------------------------------------------

    def has_room(self, size: int, number: int) -> bool:
        """Whether a local node may begin whose result, of at most so many bytes, goes with this task.

        Args:
            size: How many bytes.
            number: A number that no other begin has.
        """
        self._see_task()
        if self._rest.is_on:
            return False
        if number == self._rested:  # there has been another task for it
            return True
        has_room = not workflow.unsafe.is_replaying() and self._fits(size, 0)
        if has_room or not workflow.patched(f"{BYTES}-local-{number}"):
            return True
        self._rested = number
        self._rest.begin("more than can be sent at once")
        return False

    def reserve(self, size: int) -> None:
        """Keep room for what is yet to come of a local node."""
        self._steps += 1
        self._reserved += self._cost(size)

    def settle(self, reserved: int, size: int) -> None:
        """Count in what has come of a local node, for which there was a room."""
        self._see_task()
        self._steps += 1
        self._reserved -= self._cost(reserved)
        self._size += self._cost(size)
