"""Telling people what happens to a run's questions: each notification is an activity, which never holds the run up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from ..codec.text import compact
from ..engine.audit import Entry, kept
from ..engine.events import clipped, message_of
from ..engine.state import Json
from ..notify.errors import NotifyError
from ..notify.notification import Notification
from ..registry import Registry
from .names import DELIVER, NOTIFIES, notify_name
from .payloads import from_raw, to_raw
from .summaries import summary

EVENTS = {"asked": "opened", "reminded": "reminded", "escalated": "escalated", "timed_out": "timed_out"}
"""What is told of the entries of the audit, besides answers."""
FIRST = RetryPolicy(maximum_attempts=3)
"""Of the first tries, quickly one after the other."""
LATER = RetryPolicy(initial_interval=timedelta(minutes=1), maximum_interval=timedelta(hours=1))
LIMIT = timedelta(days=7)
"""For how long a notification is tried whose first tries have failed."""
ATTEMPT = timedelta(minutes=1)
LINGER = timedelta(seconds=5)
"""How long a run waits at its end for what is on its way, before that is left to another workflow."""


class Notifying:
    """The notifications of one run.

    Args:
        is_wanted: Whether this worker has a notifier.
        note: Writes into the run's audit how it went: `(kind, interrupt_id, data)`.
        unsent: What was on its way when the history before this one ended.
    """

    def __init__(
        self, is_wanted: bool, note: Callable[[str, str, dict[str, Json]], None], unsent: Sequence[dict[str, Any]]
    ) -> None:
        self._is_wanted = is_wanted
        self._note = note
        self._unsent: dict[str, dict[str, Any]] = {message["id"]: message for message in unsent}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def tell(self, entry: Entry) -> None:
        """Tell what has happened to a question, if it is something to tell."""
        is_final = entry.kind == "answered" and not entry.data.get("missing")
        event = "answered" if is_final else EVENTS.get(entry.kind)
        if event is None or entry.question is None or not self._is_on():
            return
        info = workflow.info()
        message: dict[str, Any] = {
            "id": f"{info.first_execution_run_id}:{entry.number}",
            "event": event,
            "at": entry.at,
            "graph": info.workflow_type,
            "run_id": info.workflow_id,
            "interrupt": {**entry.question, "value": kept(entry.question["value"])},
            "answer": None,
        }
        if is_final or (entry.kind == "timed_out" and "value" in entry.data):
            message["answer"] = {
                "interrupt_id": entry.interrupt_id,
                "answered_at": entry.at,
                "actor": entry.actor,
                "answer_id": entry.data.get("answer_id"),
                "value": entry.data.get("value"),
                "via": entry.via,
            }
        self._unsent[message["id"]] = message

    def _is_on(self) -> bool:
        return (self._is_wanted or workflow.unsafe.is_replaying()) and workflow.patched(NOTIFIES)

    def send(self) -> None:
        """Send what is not on its way yet."""
        for name, message in self._unsent.items():
            if name not in self._tasks:
                self._tasks[name] = asyncio.ensure_future(self._send(name, message))

    async def _send(self, name: str, message: dict[str, Any]) -> None:
        interrupt_id = message["interrupt"]["interrupt_id"]
        try:
            await send(message, FIRST, None)
        except ActivityError as error:
            if is_cancelled_exception(error):
                return
            self._note("notification_failed", interrupt_id, _told(message, error, is_final=_is_final(error)))
            if not _is_final(error):
                await self._send_later(interrupt_id, message)
        self._unsent.pop(name, None)

    async def _send_later(self, interrupt_id: str, message: dict[str, Any]) -> None:
        try:
            await send(message, LATER, LIMIT)
        except ActivityError as error:
            if is_cancelled_exception(error):
                return
            self._note("notification_failed", interrupt_id, _told(message, error, is_final=True))
        else:
            self._note("notification_sent", interrupt_id, {"event": message["event"], "id": message["id"]})

    def dump(self) -> list[dict[str, Any]]:
        """What is on its way, and goes along when the run continues as new."""
        return list(self._unsent.values())

    async def hand_over(self) -> None:
        """At the end of the run: wait a moment for what is on its way, and leave the rest to another workflow."""
        self.send()
        if not self._unsent:
            return
        try:
            await workflow.wait_condition(lambda: not self._unsent, timeout=LINGER)
            return
        except TimeoutError:
            pass
        info = workflow.info()
        rest = list(self._unsent.values())
        for task in self._tasks.values():
            task.cancel()
        await workflow.start_child_workflow(
            DELIVER,
            to_raw(compact(rest), "", None),
            id=f"{info.workflow_id}/notifications/{info.run_id}",
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=summary(f"what could not be told of {info.workflow_id} yet"),
        )


async def send(message: dict[str, Any], retries: RetryPolicy, limit: timedelta | None) -> None:
    """Have a notification sent by an activity."""
    told = f"{message['event']} {message['interrupt']['interrupt_id']}"
    await workflow.execute_activity(
        notify_name(message["graph"]),
        to_raw(compact(message), "", None),
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=limit,
        retry_policy=retries,
        summary=summary(f"notify: {told}"),
    )


@workflow.defn(name=DELIVER)
class Deliver:
    """Goes on with the notifications of a run that has ended."""

    @workflow.run
    async def run(self, messages: RawValue) -> None:
        """Send them; each for as long as a run would."""
        waiting = [asyncio.ensure_future(send(m, LATER, LIMIT)) for m in json.loads(from_raw(messages))]
        for sending in waiting:
            try:
                await sending
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                workflow.logger.warning("A notification could not be sent: %s", error.cause)


def notify_activity(registry: Registry, graph: str) -> Callable[[RawValue], Any]:
    """The activity that calls a worker's notifier for the runs of a graph."""

    @activity.defn(name=notify_name(graph))
    async def notify(message: RawValue) -> None:
        if registry.notifier is None:
            activity.logger.warning("This worker has no notifier; what it was to tell is dropped.")
            return
        try:
            await registry.notifier(Notification.from_json(json.loads(from_raw(message))))
        except NotifyError as error:
            raise _failure(error, is_final=not error.retry) from error
        except Exception as error:
            raise _failure(error, is_final=False) from error

    return notify


def _failure(error: Exception, *, is_final: bool) -> ApplicationError:
    return ApplicationError(clipped(message_of(error), 2_000), type=type(error).__name__, non_retryable=is_final)


def _is_final(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.non_retryable


def _told(message: dict[str, Any], error: ActivityError, *, is_final: bool) -> dict[str, Json]:
    cause = error.cause
    said = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
    return {"event": message["event"], "id": message["id"], "error": clipped(said, 500), "is_final": is_final}
