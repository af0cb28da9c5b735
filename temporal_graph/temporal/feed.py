"""The events of a run, for all who read them in this process.

They share one long poll, an update of Temporal's `workflow_streams`. Its id says from which event on it reads, so that
it is the same update for the readers of all processes: a server lets ten of a run be under way. What there was before
they came is asked for by query, and so is what is new where the run lets nobody wait.
"""

from __future__ import annotations

import asyncio
import base64
import bisect
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import RawValue
from temporalio.contrib.workflow_streams._types import PollInput
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from .failures import TASK_LOST, TOTAL_UPDATES, is_paused, raise_rpc
from .glancing import glance, is_open
from .payloads import from_raw
from .streaming import DRAINING, FULL, POLL, TOPIC

Text = tuple[int, str]
"""The number of an event, and its JSON."""

COOLDOWN = 0.1
"""Seconds between two polls: what happens meanwhile comes together, and costs a few events of history together."""
ASKED = (0.3, 0.6)
"""Seconds between two queries, where the run lets nobody wait."""
TRIED = 10
"""Queries until it is tried again to wait."""
KEPT, KEPT_BYTES = 2_000, 4_000_000
"""How many events, and bytes of them, are kept for readers that are behind; others ask the run."""
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
        self._events: list[Text] = []
        self._size = 0
        self._first = 0
        self._end: int | None = None
        self._looking = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None
        self._waiting = 0
        self._not_before = 0.0
        self._attempt = 0

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

    async def read(self, position: int) -> tuple[list[Text], int]:
        """The events from a position on; waits until there is one.

        Returns:
            The events, none if there will be no more; and the position behind them.

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        while True:
            end = await self.end(position)
            if position < self._first:
                page = await self._look(position)
                if page.events:
                    return page.events, page.end
                position = max(page.end, self._first)
            elif position < end:
                found = self._events[bisect.bisect_left(self._events, (position,)) :]
                if found:
                    return found, end
                position = end
            elif self.is_over:
                return [], position
            else:
                await self._more()

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
                self._take(await self._wait_at(end))
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
                    raise_rpc(self._run.id, error)
                else:
                    await asyncio.sleep(COOLDOWN)
        self._attempt = 0
        self._not_before = now() + COOLDOWN

    async def _wait_at(self, end: int) -> _Page:
        poll: Any = self._run
        try:
            update_id = f"{TOPIC}-from-{end}-{self._attempt}"
            asked = PollInput([TOPIC], end)
            return _page(await poll.execute_update(POLL, asked, id=update_id, result_type=RawValue))
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise error.__cause__ or error from None

    async def _ask_for(self, end: int) -> None:
        """Ask now and then, for a while."""
        for _ in range(TRIED):
            await asyncio.sleep(random.uniform(*ASKED))
            self._take(await self._look(end))
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
            self._take(page)
            position = page.end
            if not page.has_more:
                return position

    async def _look(self, position: int) -> _Page:
        return _page(await glance(self._client, self._run.id, POLL, PollInput([TOPIC], position)))

    def _take(self, page: _Page) -> None:
        self._events += page.events
        self._size += sum(len(text) for _, text in page.events)
        if self._end is not None:
            self._end = max(self._end, page.end)
        if page.is_last:
            self.is_over = True  # who asked for more would be answered by a replay of the whole history
        if len(self._events) > KEPT or self._size > KEPT_BYTES:
            gone = max(1, len(self._events) // 2)
            self._size -= sum(len(text) for _, text in self._events[:gone])
            del self._events[:gone]
            self._first = self._events[0][0] if self._events else page.end


@dataclass(frozen=True)
class _Page:
    """What a run answers.

    Attributes:
        events: The events.
        end: The position behind them.
        has_more: Whether there are more already.
        is_last: Whether the last event of the run is among them.
    """

    events: list[Text]
    end: int
    has_more: bool
    is_last: bool


def _page(answer: RawValue) -> _Page:
    read: Any = json.loads(from_raw(answer))
    found = [(int(item["offset"]), _event(item["data"])) for item in read["items"]]
    events = [(number, event[0]) for number, event in found if event is not None]
    is_last = any(event is not None and event[1]["kind"] in LAST for _, event in found)
    return _Page(events, read["next_offset"], read["more_ready"], is_last)


def _event(data: str) -> tuple[str, Mapping[str, Any]] | None:
    """An event, as text and read; None for what others have published that is none."""
    try:
        text = from_raw(RawValue(Payload.FromString(base64.b64decode(data))))
        event: Any = json.loads(text)
        datetime.fromisoformat(event["at"])
        is_event = isinstance(event["kind"], str) and isinstance(event["data"], dict)
        return (text, event) if is_event and isinstance(event["node_id"], str | None) else None
    except Exception:  # whatever others write
        return None
