"""Local nodes, whose results go to the server with the workflow task at hand, as many of them as one message takes.

How much a node returns, or says when it fails, nobody knows before it ends, and then it is too late to let it wait: a
workflow task ends when its local nodes have. So what is large stays with the worker, which says only how large it is,
and the driver comes for it when there is room, by calling the node once more. A worker that does not have it any more
runs the node again, as it would if it had died before the task ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio.common import RawValue
from temporalio.exceptions import FailureError

from ..engine.sizes import size_of
from .sent import Sent

SMALL = 10_000
"""Bytes of a result that goes along at once."""
AT_ONCE = 100
"""Local nodes of one run that run at once: a worker runs as many, of all runs, unless it is told otherwise."""
KEPT = 600.0
"""Seconds for which a worker keeps a result that nobody comes for."""
LATER = b'{"later":'
"""How what stands for a large result begins."""

Place = tuple[str | None, str | None, bytes]
"""A local node: its workflow, run, and what it gets."""


class LargeResults:
    """What the local nodes of a worker have returned, or have failed with, and their runs have yet to come for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Place, tuple[float, str | Exception]] = OrderedDict()

    def put(self, place: Place, text: str) -> str:
        """What a node returns in place of its result, as JSON text."""
        size = size_of(text)
        return text if size <= SMALL else self.keep(place, text, size)

    def keep(self, place: Place, result: str | Exception, size: int) -> str:
        """What a node returns in place of its result, or error, of so many bytes."""
        now = time.monotonic()
        while self._kept and next(iter(self._kept.values()))[0] < now - KEPT:
            self._kept.popitem(last=False)
        self._kept[place] = now, result
        return f"{LATER.decode()}{size}}}"

    def take(self, place: Place) -> str | Exception | None:
        """What a node has returned, or has failed with, before."""
        found = self._kept.pop(place, None)
        return None if found is None else found[1]


class LocalNodes:
    """The local nodes of a run.

    Args:
        sent: What is sent with the task at hand.
        is_bounded: Whether so many of them are too many; earlier releases knew no bound.
    """

    def __init__(self, sent: Sent, is_bounded: Callable[[], bool]) -> None:
        self._sent = sent
        self._is_bounded = is_bounded
        self._begun = 0
        self._running = 0
        self._calls: dict[asyncio.Future[Any], Callable[[], asyncio.Future[Any]]] = {}
        self._later: deque[_Later] = deque()

    def may_begin(self) -> bool:
        """Whether one more may begin now; else the driver is woken when that is to be asked again."""
        if self._running >= AT_ONCE and self._is_bounded():
            return False
        return self._sent.has_room(SMALL, self._begun)

    def begin(self, call: Callable[[], asyncio.Future[Any]], size: int = SMALL) -> asyncio.Future[Any]:
        """Let one begin.

        Args:
            call: Begins it.
            size: Bytes of its result, at most.
        """
        self._begun += 1
        self._running += 1
        self._sent.reserve(size)
        future = call()
        self._calls[future] = call

        def end(done: asyncio.Future[Any]) -> None:
            self._running -= 1
            self._sent.settle(size, _size_of(done))
            if _size_later(done) is None:
                del self._calls[done]

        future.add_done_callback(end)
        return future

    def later(self, task_id: str, future: asyncio.Future[Any]) -> asyncio.Future[Any] | None:
        """What stands for a node that has ended, but whose result is yet to come; None where it is here."""
        size = _size_later(future)
        if size is None:
            return None
        stand_in: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._later.append(_Later(task_id, size, stand_in, self._calls.pop(future)))
        return stand_in

    def come_for(self, is_awaited: Callable[[str, asyncio.Future[Any]], bool]) -> list[tuple[str, asyncio.Future[Any]]]:
        """Come for results that are yet to come, for which there is room now.

        Args:
            is_awaited: Whether a node still is what this stands for.

        Returns:
            What stands for them from now on.
        """
        begun: list[tuple[str, asyncio.Future[Any]]] = []
        while self._later:
            later = self._later[0]
            if is_awaited(later.task_id, later.stand_in):
                if not self._sent.has_room(later.size, self._begun):
                    break
                begun.append((later.task_id, self.begin(later.call, later.size)))
            self._later.popleft()
        return begun


@dataclass(frozen=True, slots=True)
class _Later:
    task_id: str
    size: int
    stand_in: asyncio.Future[Any]
    call: Callable[[], asyncio.Future[Any]]


def _size_later(done: asyncio.Future[Any]) -> int | None:
    """How large a result is that is yet to come."""
    if done.cancelled() or done.exception() is not None or not isinstance(done.result(), RawValue):
        return None
    data: bytes = done.result().payload.data
    return int(data[len(LATER) : -1]) if data.startswith(LATER) else None


def _size_of(done: asyncio.Future[Any]) -> int:
    if done.cancelled():
        return 0
    error = done.exception()
    if error is None:
        return len(done.result().payload.data)
    return error.failure.ByteSize() if isinstance(error, FailureError) and error.failure is not None else SMALL
