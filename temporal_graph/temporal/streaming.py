"""What happens in a run, for whoever listens: a stream of numbered events in the driver's memory.

It is Temporal's own `workflow_streams`: readers wait in updates, and what nobody reads costs no history. It holds the
latest events only.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.workflow_streams import WorkflowStream, WorkflowStreamState
from temporalio.contrib.workflow_streams._types import (
    PollInput,
    PollResult,
    PublishEntry,
    PublisherState,
    PublishInput,
    _WorkflowStreamWireItem,  # pyright: ignore[reportPrivateUsage] - of what continues as new
)
from temporalio.exceptions import ApplicationError

from ..codec.text import compact
from ..engine.events import clipped
from ..engine.sizes import size_of
from ..engine.state import Json
from .names import LEAVE, MOST_WAIT
from .payloads import from_raw
from .waiting import wait_until

TOPIC = "events"
PUBLISH = "__temporal_workflow_stream_publish"
"""The signal with which nodes, and others, publish; the stream's own name for it."""
POLL = "__temporal_workflow_stream_poll"
OFFSET = "__temporal_workflow_stream_offset"
DRAINING = "StreamDraining"
"""Type of the error that tells a reader to come again: the run continues as new, or too many wait already."""
FULL = "full"
"""Detail of that error where too many wait."""

MOST, KEPT = 2_000, 1_000
"""How many events there are before the oldest are forgotten, and how many then stay."""
CARRIED, CARRIED_BYTES = 200, 50_000
"""How many events, and bytes of them, go along when a run continues as new."""
PUBLISHERS, LONGEST_NAME = 200, 200
"""Of how many publishers, and with names of how many bytes, it is known what they have published last."""
LONGEST = 20_000
"""Bytes of JSON of one event's data; what is longer can be had with `get_state` and `result`."""
PATIENCE = timedelta(seconds=10)
"""For how long a reader that has just got something counts as one that listens."""
PAUSE = timedelta(milliseconds=250)
"""Within what time a reader that has just got something comes again; it pauses for 100 ms."""


Data = Mapping[str, Json] | Callable[[], Mapping[str, Json]]
NOTHING: Data = {}


class Events:
    """The events of a run.

    They are kept as they are until somebody reads: most runs have no listeners, and must not pay for them.

    Args:
        prior: What goes along from the history before this one.

    Attributes:
        on_read: Called when somebody comes to read.
    """

    def __init__(self, prior: Json = None) -> None:
        # The stream wants to be made in a function of this name, while the workflow is.
        self._stream = WorkflowStream(_load(prior))
        handlers = cast("Any", workflow)  # their types are incomplete
        self._topic = self._stream.topic(TOPIC)
        self._first: int = 0 if prior is None else prior["offset"]
        self._next: Any = handlers.get_query_handler(OFFSET)
        self._unread: list[tuple[str, str | None, datetime, Data]] = []
        self._lost = 0
        self._readers = 0
        self._pausing: list[datetime] = []
        heard = None if prior is None else prior.get("heard")
        self._heard: datetime | None = None if heard is None else datetime.fromisoformat(heard)
        self._is_draining = False
        self.on_read: Callable[[], None] = lambda: None
        poll: Any = handlers.get_update_handler(POLL)
        look: Any = handlers.get_query_handler(POLL)

        async def on_poll(payload: PollInput) -> PollResult:
            self._flush()
            self._readers += 1
            self._heard = workflow.now()
            self.on_read()
            del self._pausing[:1]
            try:
                return await poll(payload)
            finally:
                self._readers -= 1
                if workflow.in_workflow():  # a run that has ended, or is evicted, comes here too
                    self._heard = workflow.now()
                    self._pausing = [at for at in self._pausing if self._heard - at < PAUSE] + [self._heard]

        def check(payload: Any = None) -> None:
            # What is no question would raise in the stream's own handler, and wedge the run.
            if not _is_poll(payload):
                raise ApplicationError(f"This is no question for events: {clipped(repr(payload), 200)}")
            if self._is_draining:
                raise ApplicationError("The run continues as new; read on there.", type=DRAINING)
            if self._readers >= MOST_WAIT:
                raise ApplicationError(
                    f"{MOST_WAIT} readers wait for events already, and must leave room for answers. Ask by query, or "
                    "with an update id that says from which event on you read: then you wait with those who have the "
                    "same.",
                    FULL,
                    type=DRAINING,
                )

        def on_look(payload: PollInput) -> PollResult:
            self._flush()
            return look(payload)

        handlers.set_update_handler(POLL, on_poll, validator=check)
        handlers.set_query_handler(POLL, on_look)
        # The stream's handler is called by `publish`, below: with what nobody has checked it would wedge the run.
        self._publish: Any = handlers.get_signal_handler(PUBLISH)
        handlers.set_signal_handler(PUBLISH, None)

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens."""
        return self._readers > 0 or (self._heard is not None and workflow.now() - self._heard < PATIENCE)

    def add(self, kind: str, node_id: str | None, data: Data) -> None:
        """Tell what has happened.

        Args:
            kind: What.
            node_id: To which node, if to one.
            data: What there is to know; or a function that makes it when somebody reads.
        """
        self.add_all([(kind, node_id, data)])

    def add_all(self, events: Sequence[tuple[str, str | None, Data]]) -> None:
        """Tell what has happened at once; see `add`."""
        now = workflow.now()
        self._unread.extend((kind, node_id, now, data) for kind, node_id, data in events)
        if self._readers:
            self._flush()
        elif len(self._unread) > MOST:
            # Nobody has written these down yet, and nobody will.
            self._lost += len(self._unread) - KEPT
            del self._unread[:-KEPT]

    def _flush(self) -> None:
        unread, self._unread = self._unread, []
        if self._lost:
            self._stream.truncate(self._next())
            self._stream._base_offset += self._lost  # pyright: ignore[reportPrivateUsage] - numbers that nobody gets
            self._first, self._lost = self._next(), 0
        for kind, node_id, at, data in unread:
            told = data() if callable(data) else data
            self._topic.publish(encoded(kind, node_id, at, told, {"omitted": True}))
        self._forget(MOST, KEPT)

    def publish(self, args: Sequence[RawValue]) -> None:
        """Take what a node has told.

        Raises:
            ValueError: It is no batch of events.
        """
        try:
            [sent] = [json.loads(from_raw(arg)) for arg in args]
            batch = PublishInput(
                [PublishEntry(str(item["topic"]), str(item["data"])) for item in sent["items"]],
                str(sent["publisher_id"]),
                int(sent["sequence"]),
            )
            for entry in batch.items:
                Payload.FromString(base64.b64decode(entry.data, validate=True))
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        self._flush()
        self._publish(batch)
        self._forget(MOST, KEPT)

    def _forget(self, most: int, kept: int) -> None:
        if self._next() - self._first > most:
            self._first = self._next() - kept
            self._stream.truncate(self._first)

    # -- The end ----------------------------------------------------------------------------------------------------

    async def take_leave(self) -> None:
        """Before the run ends, let the readers come that pause between two polls.

        Who comes later is answered by a replay of the whole history, which takes its time.
        """
        now = workflow.now()
        pausing = [at for at in self._pausing if now - at < PAUSE]
        if pausing and workflow.patched(LEAVE):
            last = pausing[-1]
            with contextlib.suppress(asyncio.TimeoutError):
                await wait_until(lambda: not self._pausing or self._pausing[0] > last, timeout=PAUSE)

    # -- The end of a history ---------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Let readers go; they get what there is, and come again."""
        if self._readers:
            self._flush()
        self._is_draining = True
        self._stream.detach_pollers()

    def fill(self) -> None:
        """Let readers come again, for the history goes on after all."""
        self._is_draining = False
        self._stream._detaching = False  # pyright: ignore[reportPrivateUsage] - there is no other way back

    def dump(self, share: float | None = None) -> Json:
        """What goes along when the run continues as new: as much as there is room for, or a share of that."""
        self._flush()
        state = self._stream.get_state()
        log = [[item.topic, item.data] for item in state.log[-CARRIED:]]
        while log and sum(size_of(topic) + len(data) for topic, data in log) > CARRIED_BYTES * (
            1 if share is None else share
        ):
            log = log[len(log) // 2 + 1 :]
        publishers = sorted(state.publishers.items(), key=lambda item: item[1].last_seen)
        if share is not None:
            publishers = [item for item in publishers if size_of(item[0]) <= LONGEST_NAME][-PUBLISHERS:]
        heard = workflow.now() if self._readers else self._heard
        return {
            "heard": None if heard is None else heard.isoformat(),
            "offset": state.base_offset + len(state.log) - len(log),
            "log": log,
            "publishers": [[name, p.sequence, p.last_seen.isoformat()] for name, p in publishers],
        }


def _is_poll(payload: Any) -> bool:
    if not isinstance(payload, PollInput):
        return False
    topics, offset = cast("Any", payload.topics), cast("Any", payload.from_offset)
    is_offset = isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0
    return is_offset and isinstance(topics, list) and all(isinstance(topic, str) for topic in cast("list[Any]", topics))


def _load(data: Json) -> WorkflowStreamState | None:
    if data is None:
        return None
    return WorkflowStreamState(
        [_WorkflowStreamWireItem(topic, text) for topic, text in data["log"]],
        data["offset"],
        {name: PublisherState(number, datetime.fromisoformat(seen)) for name, number, seen in data["publishers"]},
    )


def encoded(
    kind: str, node_id: str | None, at: datetime, data: Mapping[str, Json], short: Mapping[str, Json]
) -> Payload:
    """An event as readers get it.

    Args:
        kind: What has happened.
        node_id: To which node, if to one.
        at: When.
        data: What there is to know.
        short: What is told instead, if that is too long.
    """
    event = {"kind": kind, "node_id": node_id, "at": at.isoformat(), "data": data}
    text = compact(event)
    if size_of(text) > LONGEST:
        text = compact({**event, "data": short})
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode(errors="backslashreplace"))


def changes(ops: Sequence[Sequence[Json]]) -> list[dict[str, Json]]:
    """What has changed in the state, as readers get it."""
    return [dict(zip(("op", "path", "value"), op, strict=False)) for op in ops]
