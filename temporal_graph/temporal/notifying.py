"""Telling people what happens to a run's questions: each notification is an activity, which never holds the run up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, cast

from temporalio import activity, workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from ..codec.text import compact
from ..engine.audit import Entry, kept
from ..engine.policies import moment
from ..engine.questions import shortened
from ..engine.raised import asked, clipped, is_a, is_the_runtimes, message_of, type_of
from ..engine.sizes import size_of
from ..engine.state import Json
from ..notify.errors import NotifyError
from ..notify.notification import Notification
from ..notify.several import call
from ..registry import Registry
from .heartbeats import Heartbeats
from .names import DELIVER, NOTIFIES, notify_name
from .payloads import NOTHING, from_raw, to_raw
from .sent import Sent
from .summaries import summary
from .waiting import wait_until

EVENTS = {"asked": "opened", "reminded": "reminded", "escalated": "escalated", "timed_out": "timed_out"}
"""What is told of the entries of the audit, besides answers."""
FIRST = RetryPolicy(maximum_attempts=3)
"""Of the first tries, quickly one after the other."""
LATER = RetryPolicy(initial_interval=timedelta(minutes=1), maximum_interval=timedelta(hours=1))
LIMIT = timedelta(days=7)
"""For how long a notification is tried, since what it tells has happened."""
LEAST = timedelta(hours=1)
"""For how long it is tried at least, whenever that begins."""
ATTEMPT = timedelta(minutes=2)
"""How long a notifier may take."""
HEARTBEAT = timedelta(seconds=30)
"""What a run has left behind must not go on for long in a worker, where it would take the place of its nodes."""
LINGER = timedelta(seconds=2)
"""How long a history waits at its end for what is on its way."""
AT_ONCE = 20
"""First tries of one run at once: each holds a slot of its worker, of which a notifier that hangs must not get all."""
MOST = 500
"""Notifications of one run that are tried at once, most of them again: a server allows 2,000 pending activities."""
BUDGET = 500_000
"""Bytes of notifications that are sent to the server at once: it takes 4 MiB in one message."""
CARRIED = 100_000
"""Bytes of notifications that go along when a run continues as new; what is more is left to another workflow."""
PEOPLE, VOTES, LONGEST_NAME = 100, 20, 200
"""How many assignees and answers, and characters of a name, are told."""

Message = dict[str, Any]
"""A notification as JSON; with `later` where its first tries have failed."""


class Notifying:
    """The notifications of one run.

    Args:
        is_wanted: Whether this worker has a notifier.
        note: Writes into the run's audit how it went: `(kind, interrupt_id, data)`.
        wake: Called when there is room for more.
        unsent: What was on its way when the history before this one ended.
        sent: What the run has sent with the task at hand.
    """

    def __init__(
        self,
        is_wanted: bool,
        note: Callable[[str, str, dict[str, Json]], None],
        wake: Callable[[], None],
        unsent: Iterable[Any],
        sent: Sent,
    ) -> None:
        self._sent = sent
        self._is_wanted = is_wanted
        self._note = note
        self._wake = wake
        self._unsent: dict[str, Message] = {message["id"]: message for message in readable(unsent)}
        self._waiting = deque(self._unsent)
        self._trying: dict[str, asyncio.Task[None]] = {}
        self._later: dict[str, None] = {}
        self._is_on = False
        self._looks = 0
        self._is_lingering = False

    def tell(self, entry: Entry) -> None:
        """Tell what has happened to a question, if it is something to tell."""
        is_final = entry.kind == "answered" and not entry.data.get("missing")
        event = "answered" if is_final else EVENTS.get(entry.kind)
        if event is None or entry.question is None or not self._look():
            return
        info = workflow.info()
        message: Message = {
            # Other than the number of the entry, it is another one where a run is reset and goes on otherwise.
            "id": str(workflow.uuid4()),
            "event": event,
            "at": entry.at,
            "graph": info.workflow_type,
            "run_id": info.workflow_id,
            "interrupt": _bounded(entry.question),
            "answer": None,
        }
        if is_final or (entry.kind == "timed_out" and "value" in entry.data):
            message["answer"] = {
                "interrupt_id": entry.interrupt_id,
                "answered_at": entry.at,
                "actor": _name(entry.actor),
                "answer_id": _name(entry.data.get("answer_id")),
                "value": entry.data.get("value"),
                "via": entry.via,
                **({} if entry.comment is None else {"comment": entry.comment}),
            }
        self._unsent[message["id"]] = message
        self._waiting.append(message["id"])

    def _look(self) -> bool:
        """Whether questions are told now.

        The worker that comes first to what has happened decides; its history has a mark where that is another decision
        than the one before. So workers may be given a notifier, or lose it, while a run waits, and a replay does the
        same on either. Each mark is looked for once: the SDK remembers what it has found.
        """
        self._looks += 1
        if workflow.unsafe.is_replaying() or self._is_wanted != self._is_on:
            self._is_on ^= workflow.patched(f"{NOTIFIES}-{self._looks}")
        return self._is_on

    # -- Sending ----------------------------------------------------------------------------------------------------

    def send(self) -> bool:
        """Send what is not on its way yet, as much of it as goes at once.

        Returns:
            Whether there was anything.
        """
        sent = self._sent
        sent.begin()
        while self._waiting and self._has_room and not sent.is_enough(BUDGET, "notifications"):
            name = self._waiting.popleft()
            message = self._unsent[name]
            sent.add(compact(message))
            if message.get("later"):
                self._later[name] = None
            self._trying[name] = asyncio.ensure_future(self._send(name, message))
        return sent.is_any

    @property
    def _has_room(self) -> bool:
        return len(self._trying) < MOST and len(self._trying) - len(self._later) < AT_ONCE

    async def _send(self, name: str, message: Message) -> None:
        try:
            if not message.get("later"):
                failed = await send(message, FIRST)
                if failed is None or name not in self._unsent:
                    return
                self._tell_failed(message, failed)
                if failed.non_retryable:
                    return
                message["later"] = True
                self._later[name] = None
                self._go_on()
            failed = await send(message, LATER)
            if name not in self._unsent:
                return
            if failed is None:
                self._note("notification_sent", _question(message), _told(message))
            else:
                self._tell_failed(message, failed, is_final=True)
        finally:
            del self._trying[name]
            self._later.pop(name, None)
            self._unsent.pop(name, None)
            # A run that has ended, or is evicted, comes here too, when nothing can be asked of the SDK any more.
            if workflow.in_workflow():
                self._go_on()

    def _go_on(self) -> None:
        if self._is_lingering:
            self.send()
        else:
            self._wake()

    def _tell_failed(self, message: Message, failed: ApplicationError, *, is_final: bool = False) -> None:
        told = {**_told(message), "error": clipped(failed.message, 500), "is_final": is_final or failed.non_retryable}
        self._note("notification_failed", _question(message), told)

    # -- The end of a history ---------------------------------------------------------------------------------------

    def dump(self) -> list[Message]:
        """What is on its way, and goes along when the run continues as new."""
        return list(self._unsent.values())

    async def settle(self, room: int = CARRIED) -> None:
        """Before the run continues as new: wait a moment for what is on its way, and keep no more than can go along.

        Args:
            room: Bytes for what goes along; what is more is left to another workflow.
        """
        await self._linger()
        while left := self._beyond(room):
            leaving = asyncio.ensure_future(self._leave(left))
            await workflow.wait_condition(leaving.done)

    def _beyond(self, room: int) -> list[Message]:
        size = 0
        left: list[Message] = []
        for message in self._unsent.values():
            size += size_of(compact(message)) + 1
            if size > room:
                left.append(message)
        return left

    async def finish(self) -> None:
        """At the end of the run: wait a moment for what is on its way, and leave the rest to another workflow."""
        ending = asyncio.ensure_future(self._finish())
        while not ending.done():
            # The run has ended: a cancellation comes too late.
            with contextlib.suppress(asyncio.CancelledError):
                await workflow.wait_condition(ending.done)

    async def _finish(self) -> None:
        await self._linger()
        while self._unsent:
            await self._leave(list(self._unsent.values()))

    async def _linger(self) -> None:
        """Wait a moment; but not beside what has failed before, for the same would become of the rest."""
        self.send()
        if not self._unsent or self._later:
            return
        self._is_lingering = True
        with contextlib.suppress(TimeoutError):
            await wait_until(
                lambda: not self._unsent or bool(self._later),
                timeout=LINGER,
                summary="wait for notifications that are on their way",
            )
        self._is_lingering = False

    async def _leave(self, messages: list[Message]) -> None:
        """Let a workflow of its own go on with some notifications, whatever becomes of this one."""
        info = workflow.info()
        for piece in _pieces(messages):
            name = f"{DELIVER}/{workflow.uuid4()}"  # without the run's own id: a history may be replayed under another
            for message in piece:
                del self._unsent[message["id"]]
            self._waiting = deque(waiting for waiting in self._waiting if waiting in self._unsent)
            try:
                await workflow.start_child_workflow(
                    DELIVER,
                    to_raw(compact(piece), "", None),
                    id=name,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    static_summary=summary(f"what could not be told of {info.workflow_id} yet"),
                )
            except FailureError as error:
                for message in piece:
                    self._tell_failed(message, ApplicationError(message_of(error)), is_final=True)
            else:
                for message in piece:
                    self._note("notification_left", _question(message), {**_told(message), "workflow_id": name})


async def send(message: Message, retries: RetryPolicy) -> ApplicationError | None:
    """Have a notification sent by an activity.

    Returns:
        Why it could not be; `non_retryable` where no other try is of use.
    """
    limit = None
    if retries is LATER:
        limit = max(moment(message["at"]) + LIMIT - workflow.now(), LEAST)
    try:
        await workflow.execute_activity(
            notify_name(message["graph"]),
            to_raw(compact({name: value for name, value in message.items() if name != "later"}), "", None),
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=HEARTBEAT,
            schedule_to_close_timeout=limit,
            retry_policy=retries,
            summary=summary(f"notify: {message['event']} {_question(message)}"),
        )
    except ActivityError as error:
        cause = error.cause
        return cause if isinstance(cause, ApplicationError) else ApplicationError(message_of(cause or error))
    return None


@workflow.defn(name=DELIVER)
class Deliver:
    """Goes on with the notifications of a run that has ended, or that has too many."""

    @workflow.run
    async def run(self, messages: RawValue = NOTHING) -> None:
        """Send them; each for as long as a run would.

        Raises:
            ApplicationError: Some could not be sent.
        """
        try:
            found = readable(json.loads(from_raw(messages)) or [])
        except (ValueError, TypeError, RecursionError) as error:
            raise ApplicationError(f"These are no notifications: {message_of(error)}", non_retryable=True) from None
        failures = await asyncio.gather(*(send(message, LATER) for message in found[:MOST]))
        failed = [failure for failure in failures if failure is not None]
        if failed:
            text = f"{len(failed)} of {len(found)} notifications could not be sent; the last one: {failed[-1].message}"
            raise ApplicationError(text, type="NotifyError", non_retryable=True)


# -- Messages ---------------------------------------------------------------------------------------------------------


def readable(data: Any) -> list[Message]:
    """The notifications among what somebody has sent."""
    found: list[Message] = []
    for item in cast("list[Any]", data) if isinstance(data, list) else []:
        try:
            Notification.from_json(item)
        except ValueError:
            continue
        found.append(item)
    return found


def _question(message: Message) -> str:
    return message["interrupt"]["interrupt_id"]


def _told(message: Message) -> dict[str, Json]:
    return {"event": message["event"], "id": message["id"]}


def _bounded(question: dict[str, Any]) -> dict[str, Json]:
    """A question of which nothing is too long to be sent: a person may have said anything."""
    votes = [
        {
            **vote,
            "actor": _name(vote["actor"]),
            "answer_id": _name(vote["answer_id"]),
            "value": shortened(vote["value"]),
        }
        for vote in question["answers"][-VOTES:]
    ]
    return {
        **question,
        "value": kept(question["value"]),
        "response_schema": kept(question["response_schema"]),
        "assignees": [_name(name) for name in question["assignees"][:PEOPLE]],
        "answers": votes,
    }


def _name(given: Any) -> Json:
    return clipped(given, LONGEST_NAME) if isinstance(given, str) else None


def _pieces(messages: list[Message]) -> Iterator[list[Message]]:
    """Lists that each go into one payload, and that one workflow can send at once."""
    piece: list[Message] = []
    size = 0
    for message in messages:
        size += size_of(compact(message))
        if piece and (size > BUDGET or len(piece) == MOST):
            yield piece
            piece, size = [], 0
        piece.append(message)
    if piece:
        yield piece


# -- The activity -----------------------------------------------------------------------------------------------------


def notify_activity(registry: Registry, graph: str) -> Callable[[RawValue], Any]:
    """The activity that calls a worker's notifier for the runs of a graph."""

    @activity.defn(name=notify_name(graph))
    async def notify(message: RawValue) -> None:
        notifier = registry.notifier
        if notifier is None:
            # Another worker may have one, now or after the next release.
            raise ApplicationError("This worker has no notifier.", type="NotifyError")
        notification = Notification.from_json(json.loads(from_raw(message)))
        limit = asyncio.timeout(ATTEMPT.total_seconds() - 1)
        try:
            with Heartbeats():
                async with limit:
                    await call(notifier, notification)
        except BaseException as error:
            if is_the_runtimes(error) or (is_a(error, asyncio.CancelledError) and activity.is_cancelled()):
                raise
            if is_a(error, TimeoutError) and limit.expired():
                error = NotifyError(f"The notifier took longer than {ATTEMPT.total_seconds():.0f} s.")
            # Without what led to it, which may be too long for a server, or not what everybody should read.
            raise _failure(error) from None

    return notify


def _failure(error: BaseException) -> ApplicationError:
    is_final = is_a(error, NotifyError) and asked(error, "retry") is False
    is_final = is_final or (is_a(error, ApplicationError) and asked(error, "non_retryable") is True)
    name = type_of(error)
    return ApplicationError(clipped(message_of(error), 2_000) or name, type=name, non_retryable=is_final)
