"""What nodes tell their listeners, on its way from the activities to the run's stream.

A run that nobody listens to gets no signal, which would be in its history. Whether somebody does only the run knows,
and only a query leaves no trace: so while its nodes tell something to nobody, it is asked a few times a second. What is
told meanwhile is kept until it has answered, so that whoever begins to listen misses nothing from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import NamedTuple
from weakref import WeakValueDictionary

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.service import RPCError

from ..engine.state import Json
from ..errors import GraphError
from .failures import reading
from .names import IS_HEARD
from .streaming import TOPIC, encoded

SOON, BATCH = 0.02, 0.12
"""Seconds in which what is told is gathered, so that it goes together: after a silence, and between two signals.

The latter is a little longer than the 100 ms of a reader between two polls: so it is there already when the next signal
comes. With signals that come faster than the polls, words would wait for both.
"""
UNHEARD, HEARD = 0.15, 5
"""Seconds after which it is asked again whether somebody listens: while nobody does, and while somebody does."""
TRUSTED = 15
"""Seconds for which it holds that somebody listens, when the run does not answer any more."""
RECENT = 1
"""Seconds for which is kept what nobody has heard: somebody who starts a run, and then listens, hears its beginning."""
MOST, MOST_BYTES = 1_000, 1_000_000
"""How much is kept; with more than that, whoever tells something waits."""
SIGNAL = 250_000
"""Bytes of words in one signal."""
WAIT, TRIED = timedelta(seconds=2), timedelta(seconds=30)
"""How long the run may take to answer, and how long it is tried to send the same signal."""


class Emitter:
    """Tells the stream of its run what a node emits, as long as somebody listens."""

    def __init__(self, node_id: str, task_id: str) -> None:
        self._node_id = node_id
        self._task_id = task_id
        self._channel: _Channel | None = None

    async def __aenter__(self) -> Emitter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._channel is not None:
            await self._channel.leave(self)

    async def emit(self, data: Json) -> None:
        """Tell something; it goes its way while the node goes on, unless there is too much of it already."""
        info = activity.info()
        if info.is_local:
            return
        if self._channel is None:
            self._channel = _channel(activity.client(), info.workflow_id or "", info.workflow_run_id or "")
        told = {"task_id": self._task_id, "data": data}
        short = {"task_id": self._task_id, "omitted": True}
        await self._channel.tell(self, encoded("emitted", self._node_id, datetime.now(UTC), told, short))


class _Channel:
    """From the nodes of a run that this worker runs at the moment to its stream.

    They share one, so that the run is asked, and gets a signal, no oftener for a hundred nodes than for one.

    What is told waits in it until the run has answered. If somebody listens, all that waits is sent. If nobody does, it
    stays for another second, but is no reason to ask again. What a node has told is sent before the node has ended, or
    never: it would come after the end.
    """

    def __init__(self, client: Client, workflow_id: str, run_id: str) -> None:
        self._run = client.get_workflow_handle(workflow_id, run_id=run_id)
        # It is flushed by `_publish`: what its own task sends, it sends unasked.
        self._stream = WorkflowStreamClient.create(client, workflow_id, max_retry_duration=TRIED)
        self._kept: deque[_Told] = deque()
        self._size = 0
        self._is_stuck = self._is_unsure = False
        self._asked = self._heard = float("-inf")
        self._next = float("-inf")
        self._lock = asyncio.Lock()
        self._sending: asyncio.Task[None] | None = None

    async def tell(self, teller: Emitter, event: Payload) -> None:
        """Send something soon, if somebody listens."""
        self._kept.append(_Told(_now(), teller, event))
        self._size += len(event.data)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_soon())
        if len(self._kept) >= MOST or self._size >= MOST_BYTES:
            await self._send()

    async def leave(self, teller: Emitter) -> None:
        """Send now what a node has told, which is about to end; also where the run does not say who listens."""
        await self._send(is_last=True)
        async with self._lock:
            self._kept = deque(told for told in self._kept if told.teller is not teller)
            self._size = sum(len(told.event.data) for told in self._kept)

    @property
    def _has_news(self) -> bool:
        # The run has not answered since it was told.
        return self._is_stuck or (bool(self._kept) and self._kept[-1].at >= self._asked)

    async def _send_soon(self) -> None:
        while self._has_news:
            await asyncio.sleep(max(SOON, self._next - _now()))
            await self._send()

    async def _send(self, *, is_last: bool = False) -> None:
        async with self._lock:
            if not self._has_news and not (is_last and self._kept and self._is_unsure):
                return
            begin = _now()
            # What is told must not harm the node that tells it, whatever becomes of it.
            with contextlib.suppress(Exception):
                if await self._is_heard(begin) or (is_last and self._is_unsure):
                    await self._publish()
                    self._next = _now() + BATCH
                    return
                self._is_stuck = False
            # A run that is slow to answer is asked less often.
            self._next = begin + max(UNHEARD, 4 * (_now() - begin))
            while len(self._kept) > MOST // 2 or self._size > MOST_BYTES // 2:
                self._take()

    async def _is_heard(self, now: float) -> bool:
        """Whether somebody listens; the run is asked if that is not known."""
        if now - self._heard <= HEARD:
            return True
        while self._kept and self._kept[0].at < min(self._asked, now - RECENT):
            self._take()
        try:
            with reading(self._run.id):
                is_heard = await self._run.query(
                    IS_HEARD, result_type=bool, rpc_timeout=WAIT, reject_condition=QueryRejectCondition.NOT_OPEN
                )
        except WorkflowQueryRejectedError:
            is_heard = False
        except (RPCError, WorkflowQueryFailedError, GraphError):
            self._is_unsure = True
            return now - self._heard <= TRUSTED
        self._is_unsure = False
        self._asked = now
        self._heard = now if is_heard else float("-inf")
        return bool(is_heard)

    async def _publish(self) -> None:
        """Send what waits; in several signals, if it is too much for one."""
        topic = self._stream.topic(TOPIC)
        size, self._is_stuck = 0, True
        try:
            await self._stream.flush()  # what was stuck
            for _ in range(len(self._kept)):
                event = self._take()
                topic.publish(event)
                size += len(event.data)
                if size >= SIGNAL:
                    await self._stream.flush()
                    size = 0
            await self._stream.flush()
        except Exception:
            self._heard = float("-inf")  # or else the run has ended
            raise
        self._is_stuck = False

    def _take(self) -> Payload:
        event = self._kept.popleft().event
        self._size -= len(event.data)
        return event


class _Told(NamedTuple):
    at: float
    teller: Emitter
    event: Payload


_channels: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], _Channel] = WeakValueDictionary()


def _channel(client: Client, workflow_id: str, run_id: str) -> _Channel:
    """The one of a run; it is there as long as a node needs it."""
    key = (asyncio.get_running_loop(), run_id)
    channel = _channels.get(key)
    if channel is None:
        channel = _channels[key] = _Channel(client, workflow_id, run_id)
    return channel


def _now() -> float:
    return asyncio.get_running_loop().time()
