"""The events of a run, for all who read them in this process.

They share one long poll, an update of Temporal's `workflow_streams`. Its id says from which event on it reads, so that
it is the same update for the readers of all processes: a server lets ten of a run be under way. What there was before
they came is asked for by query, and so is what is new where the run lets nobody wait.
"""

from __future__ import annotations

import asyncio
import base64
import bisect
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import RawValue
from temporalio.contrib.workflow_streams._types import PollInput
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from ..errors import GraphError
from ..views import RunEvent
from .failures import TASK_LOST, TOTAL_UPDATES, cancellable, is_paused, raise_rpc
from .glancing import glance, is_open, raise_unanswered
from .names import AUDIT
from .payloads import from_raw
from .streaming import DRAINING, FULL, POLL, TOPIC

COOLDOWN, LONGER = 0.1, 0.2
"""Seconds between two polls: what happens meanwhile comes together, and costs a few events of history together.

It is longer where much happens, for the sake of those who make it happen; the run waits at its end for so long, and a
little more, for readers that pause (`streaming.PAUSE`).
"""
MUCH = 10
"""How many events, besides what nodes emit, must have come together for that."""
HEARD = 2
"""Seconds within which a run should know that somebody listens, before anybody is told anything."""
ASKED = (0.3, 0.6)
"""Seconds between two queries, where the run lets nobody wait."""
TRIED = 10
"""Queries until it is tried again to wait."""
KEPT, KEPT_BYTES = 2_000, 4_000_000
"""How many events, and bytes of them, are kept for readers that are behind; others ask the run."""
BEHIND = 10**12
"""A number that no entry of the audit has."""
BACK = 50
"""Histories back from the latest one, at most, in which what a run has told is looked for."""
FAILURES = 3
"""How many failures of the server, one after the other, are put up with."""
LAST = ("run_finished", "run_failed", "run_cancelled")


class Feed:
    """The events of a run, as far as they are known here; and more, when somebody waits for them.

    Attributes:
        is_over: There will be no more.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self.is_over = False
        self._client = client
        self._run = client.get_workflow_handle(run_id, result_type=RawValue)
        self._events: list[Told] = []
        self._size = 0
        self._first = 0
        self._end: int | None = None
        self._looking = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None
        self._waiting = 0
        self._not_before = 0.0
        self._attempt = 0
        self._is_heard = False
        self._came = 0

    async def end(self, position: int = 0) -> int:
        """The number of the event that comes next, as far as is known here.

        Args:
            position: From where on the events are wanted, if nothing is known yet.
        """
        if self._end is None:
            async with self._looking:
                if self._end is None:
                    self._first = position
                    end = await self._catch_up(position)
                    self._first = min(self._first, end)
                    self._end = end
        return self._end

    async def read(self, position: int) -> tuple[list[Told], int]:
        """The events from a position on; waits until there is one.

        Returns:
            The events, none if there will be no more; and the position behind them.

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        while True:
            end = await self.end(position)
            if not (self._is_heard or self.is_over):
                await self._be_heard(end)
                continue  # more may have come meanwhile
            if position < self._first:
                page = await self._look(position)
                if page.events:
                    return page.events, page.end
                position = max(page.end, self._first)
            elif position < end:
                found = self._events[bisect.bisect_left(self._events, position, key=lambda told: told.number) :]
                if found:
                    return found, end
                position = end
            elif self.is_over:
                return [], position
            else:
                await self._more()

    async def _be_heard(self, end: int) -> None:
        """Have the run know that somebody listens: what nodes emit to nobody is lost.

        Whoever is told of something should miss nothing that follows from it, and the query for what there was before
        leaves no trace in the run.
        """
        async with self._looking:
            if not self._is_heard:
                # The same update as that of the next poll. If it comes to nothing, that one will tell.
                with contextlib.suppress(WorkflowUpdateFailedError, RPCError, GraphError, TimeoutError):
                    async with asyncio.timeout(HEARD):
                        with cancellable():
                            await self._start_poll(end, WorkflowUpdateStage.ACCEPTED)
                self._is_heard = True

    async def _more(self) -> None:
        """Wait until something is new; together with all others who do."""
        polling = self._polling
        if polling is None or polling.done():
            polling = self._polling = asyncio.create_task(self._poll())
        self._waiting += 1
        try:
            await asyncio.shield(polling)
        finally:
            self._waiting -= 1
            if not self._waiting and self._polling is polling:
                self._polling = None
                polling.cancel()

    async def _poll(self) -> None:
        end, failures = self._end or 0, 0
        now = asyncio.get_running_loop().time
        await asyncio.sleep(self._not_before - now())
        while self._end == end and not self.is_over:
            try:
                await self._take_all(end, await self._wait_at(end))
                # Nothing is new: whoever waits is sent away, since the run continues as new.
                self._attempt += 1
                if self._end == end:
                    await asyncio.sleep(COOLDOWN)
            except WorkflowUpdateFailedError as error:
                cause = error.cause
                if isinstance(cause, ApplicationError) and cause.type == DRAINING and FULL not in cause.details:
                    await asyncio.sleep(COOLDOWN)
                elif not await self._has_ended(end):
                    await self._ask_for(end)
            except RPCError as error:
                failures += 1
                if is_paused(error):
                    raise_rpc(self._run.id, error)
                if await self._has_ended(end):
                    break
                if error.status == RPCStatusCode.RESOURCE_EXHAUSTED or TOTAL_UPDATES in error.message:
                    await self._ask_for(end)
                elif failures > FAILURES and error.status != RPCStatusCode.NOT_FOUND and TASK_LOST not in error.message:
                    await raise_unanswered(self._client, self._run.id, error)
                else:
                    await asyncio.sleep(COOLDOWN)
        self._attempt = 0
        self._not_before = now() + (LONGER if self._came > MUCH else COOLDOWN)

    async def _wait_at(self, end: int) -> _Page:
        try:
            poll = await self._start_poll(end, WorkflowUpdateStage.COMPLETED)
            return _page(await poll.result())
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise error.__cause__ or error from None

    async def _start_poll(self, end: int, stage: WorkflowUpdateStage) -> WorkflowUpdateHandle[RawValue]:
        run: Any = self._run
        update_id = f"{TOPIC}-from-{end}-{self._attempt}"
        asked = PollInput([TOPIC], end)
        return await run.start_update(POLL, asked, id=update_id, wait_for_stage=stage, result_type=RawValue)

    async def _ask_for(self, end: int) -> None:
        """Ask now and then, for a while."""
        for _ in range(TRIED):
            await asyncio.sleep(random.uniform(*ASKED))
            await self._take_all(end, await self._look(end))
            if self._end != end:
                return

    async def _has_ended(self, end: int) -> bool:
        """Whether the run has; then all of it is here."""
        if await is_open(self._client, self._run.id):
            return False
        await self._catch_up(end)
        self.is_over = True
        return True

    async def _catch_up(self, position: int) -> int:
        """Ask for all that there is from a position on."""
        while True:
            page = await self._look(position)
            await self._take_all(position, page)
            position = page.end
            if not page.has_more:
                return position

    async def _look(self, position: int, topics: Sequence[str] = (TOPIC,), execution: str = "") -> _Page:
        asked = PollInput(list(topics), position)
        return _page(await glance(self._client, self._run.id, POLL, asked, execution=execution))

    async def _take_all(self, position: int, page: _Page) -> None:
        """Take a page that was asked for from a position on, and what lies between.

        A run takes only the latest events along, and may continue as new several times before a busy server or machine
        lets anybody see it.
        """
        if self._end is not None and page.first > position:
            with contextlib.suppress(GraphError):  # what cannot be had is left out
                first = (await self._look(position, topics=())).first  # others may have published between
                for missed in await self._missed(position, min(first, page.first)):
                    self._take(missed)
        self._take(page)

    async def _missed(self, position: int, end: int) -> list[_Page]:
        """What the run has told between two positions in its earlier histories, as far as they have it."""
        missed: list[_Page] = []
        execution = ""
        for _ in range(BACK):
            if end <= position:
                break
            audit = await glance(self._client, self._run.id, AUDIT, BEHIND, execution=execution)
            execution = json.loads(from_raw(audit)).get("previous_run_id")
            if execution is None:
                break
            pages: list[_Page] = []
            start = position
            while start < end and not (pages and not pages[-1].has_more):
                pages.append((await self._look(start, execution=execution)).until(end))
                start = pages[-1].end
            missed[:0] = pages
            end = min(end, pages[0].first)
        return missed

    def _take(self, page: _Page) -> None:
        self._events += page.events
        self._came = page.happened
        self._size += sum(len(told.text) for told in page.events)
        if self._end is not None:
            self._end = max(self._end, page.end)
        if page.is_last:
            self.is_over = True  # who asked for more would be answered by a replay of the whole history
        if len(self._events) > KEPT or self._size > KEPT_BYTES:
            gone = max(1, len(self._events) // 2)
            self._size -= sum(len(told.text) for told in self._events[:gone])
            del self._events[:gone]
            self._first = self._events[0].number if self._events else page.end


@dataclass(frozen=True)
class Told:
    """An event, read once for all who are told of it."""

    number: int
    text: str
    kind: str
    node_id: str | None
    at: datetime
    data: dict[str, Any]
    is_flat: bool

    def event(self) -> RunEvent:
        """The event for one of them, with data of its own, which it may change."""
        data = self.data.copy() if self.is_flat else json.loads(self.text)["data"]
        return RunEvent(self.number, self.kind, self.node_id, self.at, data)


@dataclass(frozen=True)
class _Page:
    """What a run answers.

    Attributes:
        events: The events.
        first: The position from which on they are there.
        end: The position behind them.
        has_more: Whether there are more already.
        is_last: Whether the last event of the run is among them.
        happened: How many there are, without what nodes have emitted.
    """

    events: list[Told]
    first: int
    end: int
    has_more: bool
    is_last: bool
    happened: int

    def until(self, position: int) -> _Page:
        """What of it is before a position."""
        if self.end <= position:
            return self
        events = [told for told in self.events if told.number < position]
        return replace(self, events=events, end=position, has_more=False)


def _page(answer: RawValue) -> _Page:
    read: Any = json.loads(from_raw(answer))
    found = (_told(int(item["offset"]), item["data"]) for item in read["items"])
    events = [told for told in found if told is not None]
    happened = [told.kind for told in events if told.kind != "emitted"]
    is_last = any(kind in LAST for kind in happened)
    first = int(read["items"][0]["offset"]) if read["items"] else read["next_offset"]
    return _Page(events, first, read["next_offset"], read["more_ready"], is_last, len(happened))


def _told(number: int, data: str) -> Told | None:
    """An event; None for what others have published that is none."""
    try:
        text = from_raw(RawValue(Payload.FromString(base64.b64decode(data))))
        event: Any = json.loads(text)
        kind, node_id, at, told = event["kind"], event["node_id"], datetime.fromisoformat(event["at"]), event["data"]
        if isinstance(kind, str) and isinstance(told, dict) and isinstance(node_id, str | None):
            values = cast("dict[str, Any]", told)
            is_flat = not any(isinstance(value, dict | list) for value in values.values())
            return Told(number, text, kind, node_id, at, values, is_flat)
    except Exception:  # whatever others write
        pass
    return None
