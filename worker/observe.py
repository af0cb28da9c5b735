"""What a worker says about the nodes that it runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from .logs import LOGGED, event


class LogNodes(Interceptor):
    """Logs each node that starts, finishes, asks a person, fails or is cancelled."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See base class."""
        return _LogNode(next)


class _LogNode(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        fields = _who()
        event(logging.INFO, "node started", **fields)
        begun = time.monotonic()

        def took() -> float:
            return round(time.monotonic() - begun, 3)

        try:
            result = await super().execute_activity(input)
        except (asyncio.CancelledError, CancelledError):
            event(logging.INFO, "node cancelled", **fields, seconds=took())
            raise
        except BaseException as error:
            fields |= {"final": True} if isinstance(error, ApplicationError) and error.non_retryable else {}
            event(logging.WARNING, "node failed", **fields, seconds=took(), error=error)
            with contextlib.suppress(AttributeError):  # an exception with slots is logged twice
                setattr(error, LOGGED, True)
            raise
        event(logging.INFO, "node asks" if _asks(result) else "node finished", **fields, seconds=took())
        return result


def _who() -> dict[str, Any]:
    """Which node of which run this is."""
    info = activity.info()
    graph = info.workflow_type or ""
    node = info.activity_type.removeprefix(f"{graph}.")
    fields: dict[str, object] = {"graph": graph, "node": node, "run": info.workflow_id}
    return fields if info.attempt == 1 else {**fields, "attempt": info.attempt}


def _asks(result: object) -> bool:
    """Whether a node's result is a question: it called `interrupt()` and has no answer yet."""
    return isinstance(result, RawValue) and result.payload.data.startswith(b'{"interrupt":')
