"""What a node tells its listeners, on its way from the activity to the run's stream."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowQueryFailedError
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.service import RPCError

from ..codec.text import compact
from ..engine.state import Json
from .names import IS_HEARD
from .streaming import LONGEST, TOPIC

BATCH = timedelta(milliseconds=100)
"""What is told within this time goes together."""
UNHEARD, HEARD = 1, 5
"""Seconds after which it is asked again whether somebody listens."""
WAIT = timedelta(seconds=2)


class Emitter:
    """Tells the stream of its run what a node emits, as long as somebody listens.

    A run that nobody listens to gets no signal, which would be in its history: whether somebody does is a query.
    """

    def __init__(self, node_id: str, task_id: str) -> None:
        self._node_id = node_id
        self._task_id = task_id
        self._client: WorkflowStreamClient | None = None
        self._is_heard = False
        self._asked = float("-inf")
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Emitter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is told must not harm the node that tells it.
        with contextlib.suppress(RPCError, TimeoutError):
            await self._stack.aclose()

    async def emit(self, data: Json) -> None:
        """Tell something."""
        if activity.info().is_local or not await self._somebody_listens():
            return
        if self._client is None:
            self._client = WorkflowStreamClient.from_within_activity(batch_interval=BATCH)
            await self._stack.enter_async_context(self._client)
        told: dict[str, Any] = {"task_id": self._task_id, "data": data}
        event = {"kind": "emitted", "node_id": self._node_id, "at": datetime.now(UTC).isoformat(), "data": told}
        text = compact(event)
        if len(text) > LONGEST:
            text = compact({**event, "data": {"task_id": self._task_id, "omitted": True}})
        encoded = text.encode(errors="backslashreplace")
        self._client.topic(TOPIC).publish(Payload(metadata={"encoding": b"json/plain"}, data=encoded))

    async def _somebody_listens(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._asked > (HEARD if self._is_heard else UNHEARD):
            self._asked = now
            info = activity.info()
            handle = activity.client().get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
            try:
                self._is_heard = bool(await handle.query(IS_HEARD, result_type=bool, rpc_timeout=WAIT))
            except (RPCError, WorkflowQueryFailedError):
                self._is_heard = False
        return self._is_heard
