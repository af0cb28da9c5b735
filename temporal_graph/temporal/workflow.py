"""The one workflow class: its type is the name of the graph that it runs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from ..codec.text import compact
from ..compile.shape import differs
from ..engine import looking
from ..engine.questions import Answer, Refused
from ..engine.raised import is_the_runtimes, message_of, type_of
from ..errors import GraphInputError, GraphRunError
from ..registry import RegisteredGraph
from ..starting import is_another, other_start
from . import past
from .driver import Driver
from .messages import StartError, StartMessage, check_sent, read_proceed, read_start, shown
from .names import (
    ANSWER_REFUSED,
    AUDIT,
    CONTINUED,
    FIND_GRAPH,
    GET_STATE,
    GRAPH_INPUT_ERROR,
    GRAPH_RUN_ERROR,
    HISTORY,
    IS_HEARD,
    MOST_WAIT,
    PAYLOAD_TOO_LARGE,
    PENDING_INTERRUPTS,
    PROCEED,
    REFUSED,
    RESUME,
    RUN_CANCELLED,
    SHOW,
    SNAPSHOT,
    STARTED,
    STOP,
    TOO_MANY_WAIT,
    UNREAD,
)
from .payloads import NOTHING, PayloadTooLargeError, UnreadableError, check_readable, to_raw
from .requests import request
from .streaming import PUBLISH, Events
from .together import apart
from .trials import Trial
from .visibility import carried_memo

Functions = Mapping[str, Callable[[str], RegisteredGraph | str]]


class UnknownGraphError(Exception):
    """This worker does not know the graph of a run; the task is tried again until one that does has it."""


class BlockedError(Exception):
    """This worker has a release of the graph that cannot go on with a run; the task is tried again until one can."""


@workflow.defn(dynamic=True)
class GraphWorkflow:
    """Runs the graph whose name is the workflow's type."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        # Everything is set up here: a handler may run before `run` does.
        find = cast("Functions", cast("Any", workflow).extern_functions())[FIND_GRAPH]
        graph = find(workflow.info().workflow_type)
        self._start = StartMessage()
        self._events: Events | None = None
        self._driver: Driver | None = None
        self._refusal = ""
        self._is_cancelled = False
        self._not_here: Exception | None = None
        self._waiting = 0
        if isinstance(graph, str):
            self._not_here = UnknownGraphError(graph)
            return
        try:
            self._start = read_start(args)
            self._events = _events(self._start)
            self._driver = self._begin(graph, self._events)
        except UnreadableError as error:
            self._not_here = error
        except (StartError, GraphInputError) as error:
            if self._is_blocked(graph, error):
                raise BlockedError(self._why(graph, error)) from error
            self._refusal = str(error)
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            is_another = self._start.graph not in (None, graph.compiled.shape)
            if is_another or workflow.info().continued_run_id is not None:
                # This fails the task, not the run: another release may be able to go on.
                raise BlockedError(self._why(graph, error)) from error
            if self._start.snapshot is None and not workflow.patched(REFUSED):
                raise
            what = "begin" if self._start.snapshot is None else "go on from this snapshot"
            self._refusal = f"The run cannot {what}: {type_of(error)}: {message_of(error)}"

    def _begin(self, graph: RegisteredGraph, events: Events) -> Driver:
        try:
            return Driver(graph, self._start, events)
        except GraphInputError:
            # What was refused has a marker. What has none was taken: a rule that looks at the clock has nothing to say.
            if self._start.snapshot is not None or workflow.patched(REFUSED):
                raise
            return Driver(graph, self._start, events, was_taken=True)

    def _is_blocked(self, graph: RegisteredGraph, error: Exception) -> bool:
        """Whether a run cannot go on, rather than not begin: another release of the graph has begun it."""
        return self._start.graph not in (None, graph.compiled.shape) and isinstance(error, GraphInputError)

    def _why(self, graph: RegisteredGraph, error: BaseException) -> str:
        """Why this release cannot go on with the run."""
        told = differs(self._start.graph, graph.compiled.shape)
        return str(error) if told is None else f"{told} ({error})"

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> RawValue:
        """Run the graph.

        Returns:
            `{"output": ..., "state": ...}`

        Raises:
            ApplicationError: The run failed: `GraphRunError`, with the failure as first detail, or `GraphInputError`.
        """
        if self._not_here is not None:
            # This fails the task, not the run: another worker, or the next release of this one, may know the graph.
            raise self._not_here
        if self._driver is None:
            raise ApplicationError(self._refusal, type=GRAPH_INPUT_ERROR, non_retryable=True)
        try:
            snapshot = await self._driver.run()
        except asyncio.CancelledError:
            await self._driver.turns.finish()
            self._is_cancelled = True
            self._driver.cancel()
            await self._driver.notifying.finish()
            self._driver.events.drain()
            await self._driver.turns.finish_handlers()
            raise
        if snapshot is not None:
            argument = self._driver.to_raw(snapshot, "The snapshot of the run")
            workflow.continue_as_new(
                args=[argument],
                memo=carried_memo(),
                # A run that is pinned to a release replays no old decisions from here on, and may go on with the next.
                initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
            )
        await self._driver.notifying.finish()
        with contextlib.suppress(asyncio.CancelledError):
            await self._driver.events.take_leave()
        self._driver.events.drain()
        while True:
            # The run has ended: a cancellation comes too late.
            with contextlib.suppress(asyncio.CancelledError):
                if self._driver.turns.is_any or not workflow.all_handlers_finished():
                    await self._driver.turns.finish_handlers()
                result = self._end(self._driver)
                if not await self._driver.sent.make_room(len(result.payload.data)):
                    return result

    def _end(self, driver: Driver) -> RawValue:
        failure = driver.engine.failure
        if driver.engine.output is not None:
            return driver.result()
        assert failure is not None
        message = str(GraphRunError(failure.node_id, failure.type, failure.message))
        raise ApplicationError(message, failure.dump(), type=GRAPH_RUN_ERROR, non_retryable=True)

    # -- Answers ----------------------------------------------------------------------------------------------------

    @workflow.signal(dynamic=True)
    def on_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """Take an answer; one that does not fit is kept where `get_state` shows it, and the question stays open.

        Dynamic, because only so a signal with no argument, with several or with something unreadable comes here at all:
        the SDK would drop it, or call the handler with the wrong number of arguments, which wedges the run.
        """
        if self._driver is not None:
            for one, its_args in apart(name, args):
                self._driver.turns.come(functools.partial(self._take_signal, self._driver, one, its_args))

    def _take_signal(self, driver: Driver, name: str, args: Sequence[RawValue]) -> None:
        driver.see_signal()
        if not self._is_readable(driver, args):
            return
        if name == PUBLISH:
            self._publish(driver, args)
            return
        if name == SHOW:
            driver.show()
            return
        try:
            asked = request(name)
            sent = asked.read(args)
            driver.check_signal(sent)
            asked.do(driver, sent, "signal")
        except Refused as refused:
            driver.reject(shown(args), refused)

    def _is_readable(self, driver: Driver, args: Sequence[RawValue]) -> bool:
        """Whether what came by signal counts: what was turned away once is turned away by all workers.

        Raises:
            UnreadableError: The worker that took it could read it, and this one cannot.
        """
        try:
            for arg in args:
                check_readable(arg.payload, "What came by signal")
        except UnreadableError as error:
            if not workflow.patched(driver.name_of_signal(UNREAD)):
                raise
            driver.reject(None, Refused("invalid", str(error)))
            return False
        if not workflow.unsafe.is_replaying() or not workflow.patched(driver.name_of_signal(UNREAD)):
            return True
        driver.reject(None, Refused("invalid", "The worker that took it could not read it."))
        return False

    def _publish(self, driver: Driver, args: Sequence[RawValue]) -> None:
        try:
            driver.events.publish(args)
        except ValueError as error:
            driver.reject(shown(args), Refused("invalid", f"These are no events: {error}"))

    @workflow.update(dynamic=True)
    async def on_update(self, name: str, args: Sequence[RawValue]) -> RawValue:
        """Do what is asked for.

        Returns:
            For `resume` the answer as it was accepted (a long value is cut), for `resume_all` a list of these; for
            `update_state` the new `values` and `version`; for `set_breakpoints` those of now.

        Raises:
            ApplicationError: `AnswerRefused`, with the refusal as its first detail.
        """
        try:
            asked, driver = request(name), self._open()
            done, trial = await driver.turns.after(
                lambda: (asked.do(driver, asked.read(args), "update"), driver.trials.take())
            )
            await driver.trials.hear(trial, lambda: driver.is_leaving)
            return await driver.sent.tell(_looked_at(done))
        except Refused as refused:
            raise _refuse(refused) from None  # the SDK would send both

    @on_update.validator
    def check_update(self, name: str, args: Sequence[RawValue]) -> None:
        """Refuse what cannot be done before anything is written to history."""
        try:
            asked = request(name)
            sent = asked.read(args)
            check_sent(sent)
            driver = self._open()
            if not driver.turns.is_any:  # else it is looked at when its turn comes
                asked.check(driver, sent)
        except Refused as refused:
            raise _refuse(refused) from None
        except UnreadableError as error:
            raise _refuse(Refused("invalid", str(error))) from None

    @workflow.update(name=PROCEED)
    async def proceed(self, answer: RawValue = NOTHING) -> RawValue:
        """Take an answer, if there is one, and wait for where the run stops next.

        Returns:
            `{"status", "interrupts", "output", "state", "failure"}`

        Raises:
            ApplicationError: `AnswerRefused`; or `ContinuedAsNew`, then the same update is to be sent again.
        """
        self._waiting += 1
        try:
            driver = self._open()
            sent, _ = read_proceed([answer])
            answers = [] if sent is None or self._is_start(sent) else [sent]
            trial = await driver.turns.after(lambda: _begun(driver, answers))
            await driver.trials.hear(trial, lambda: driver.is_leaving)
            driver.see_message()
            await workflow.wait_condition(lambda: driver.engine.is_stopped or driver.is_leaving or self._is_cancelled)
        except Refused as refused:
            raise _refuse(refused) from None
        finally:
            self._waiting -= 1
        if self._is_cancelled:
            raise ApplicationError("The run was cancelled.", type=RUN_CANCELLED, non_retryable=True)
        if not driver.engine.is_stopped:
            message = "The run continues as new and is still on its way; send the update again."
            raise ApplicationError(message, type=CONTINUED, non_retryable=True)
        try:
            return await driver.sent.tell(_stop(driver))
        except PayloadTooLargeError as error:
            raise ApplicationError(str(error), type=PAYLOAD_TOO_LARGE, non_retryable=True) from error

    @proceed.validator
    def check_proceed(self, answer: RawValue = NOTHING) -> None:
        """Refuse an answer before anything is written to history."""
        try:
            sent, given = read_proceed([answer])
            driver = self._open()
            if is_another(self._start.given, given):
                raise Refused(STARTED, other_start(workflow.info().workflow_id))
            check_sent(sent)
            if sent is not None and not self._is_start(sent) and not driver.turns.is_any:
                driver.engine.check(sent)
                driver.check_room([sent])
                driver.trials.check([sent])
        except Refused as refused:
            raise _refuse(refused) from None
        except UnreadableError as error:
            raise _refuse(Refused("invalid", str(error))) from None
        if self._waiting >= MOST_WAIT and (sent is not None or not driver.engine.is_stopped):
            message = (
                f"{self._waiting} wait already for where the run stops next, and must leave room for answers. Send "
                f"{RESUME!r}, and ask {STOP!r} by query."
            )
            raise ApplicationError(message, type=TOO_MANY_WAIT, non_retryable=True)

    def _is_start(self, answer: Answer) -> bool:
        """Whether an answer is the one that this very run was started with."""
        return answer.answer_id is not None and answer.answer_id == self._start.answer_id

    def _open(self) -> Driver:
        if self._driver is None:
            raise Refused("closed", f"The run cannot start: {self._refusal}")
        self._driver.see_task()  # one whose only update is refused may stay in the history
        return self._driver

    # -- Looking ----------------------------------------------------------------------------------------------------

    @property
    def _looked_into(self) -> Driver | None:
        """The run, for a query: a server whose time is skipped writes its task to the history."""
        if self._driver is not None:
            self._driver.see_task()
        return self._driver

    @workflow.query(name=PENDING_INTERRUPTS)
    def pending_interrupts(self, question: RawValue = NOTHING) -> RawValue:
        """The questions that are open, oldest first, as many as go into one answer; see `looking.page`.

        Returns:
            A list of the first; or, asked with `{"after": ...}`, a page.
        """
        driver = self._looked_into
        after = past.asked_after(question)
        page: dict[str, Any] = {"interrupts": [], "next": None}
        if driver is not None:
            page = looking.page(driver.engine, after and after[0])
        return _looked_at(page["interrupts"] if after is None else page)

    @workflow.query(name=GET_STATE)
    def get_state(self) -> RawValue:
        """Where the run stands: `values`, `next`, `interrupts`, `status`, `answered`, `rejected`, and so on."""
        found = looking.nothing() if (driver := self._looked_into) is None else looking.standing(driver.engine)
        return _looked_at({**found, "given": self._start.given})

    @workflow.query(name=STOP)
    def stop(self) -> RawValue:
        """Where the run has stopped, as `proceed` returns it; null while it is on its way."""
        driver = self._looked_into
        return _looked_at(None) if driver is None or not driver.engine.is_stopped else _stop(driver)

    @workflow.query(name=IS_HEARD)
    def is_heard(self) -> bool:
        """Whether somebody listens to what happens in the run."""
        return (driver := self._looked_into) is not None and driver.events.is_heard

    @workflow.query(name=HISTORY)
    def history(self, question: RawValue = NOTHING) -> RawValue:
        """The checkpoints since this history began; see `past.pages`."""
        return _looked_at(None if (driver := self._looked_into) is None else past.page(driver.engine, question))

    @workflow.query(name=AUDIT)
    def audit(self, question: RawValue = NOTHING) -> RawValue:
        """What happened to the questions since this history began; see `past.audit`."""
        return _looked_at(None if (driver := self._looked_into) is None else past.audit(driver.engine, question))

    @workflow.query(name=SNAPSHOT)
    def snapshot(self, question: RawValue = NOTHING) -> RawValue:
        """The whole run as it was after a checkpoint."""
        return _looked_at(None if (driver := self._looked_into) is None else past.snapshot_at(driver.engine, question))


def _events(start: StartMessage) -> Events:
    try:
        return Events(start.stream)
    except (ValueError, KeyError, TypeError) as error:
        raise StartError(f"The stream of a run cannot be {start.stream!r}: {error}") from error


def _stop(driver: Driver) -> RawValue:
    return driver.to_raw(
        compact(looking.stopped(driver.engine)), "What the run stopped at (questions, output and state)"
    )


def _begun(driver: Driver, answers: Sequence[Answer]) -> Trial:
    """Take the answers of an update; what it waits for."""
    if answers:
        driver.answer(answers, "update")
    return driver.trials.take()


def _looked_at(value: Any) -> RawValue:
    # As text of its own, in which a letter stays one; the SDK's JSON would write most of the world's as six.
    return to_raw(compact(value), "", None)


def _refuse(refused: Refused) -> ApplicationError:
    details = {"reason": refused.reason, "message": refused.message, "errors": refused.errors}
    return ApplicationError(f"{refused.reason}: {refused.message}", details, type=ANSWER_REFUSED, non_retryable=True)
