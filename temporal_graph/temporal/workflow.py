"""The one workflow class: its type is the name of the graph that it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from ..codec.text import compact
from ..engine.questions import Accepted, Answer, Refused, shortened
from ..errors import GraphInputError
from ..registry import RegisteredGraph
from .driver import Driver
from .messages import StartError, StartMessage, read_answer, read_start, shown
from .names import (
    ANSWER_REFUSED,
    CONTINUED,
    FIND_GRAPH,
    GET_STATE,
    GRAPH_INPUT_ERROR,
    GRAPH_RUN_ERROR,
    PAYLOAD_TOO_LARGE,
    PENDING_INTERRUPTS,
    PROCEED,
    RESUME,
    RUN_CANCELLED,
)
from .payloads import NOTHING, PayloadTooLargeError, to_raw

Functions = Mapping[str, Callable[[str], RegisteredGraph | str]]


class UnknownGraphError(Exception):
    """This worker does not know the graph of a run; the task is tried again until one that does has it."""


@workflow.defn(dynamic=True)
class GraphWorkflow:
    """Runs the graph whose name is the workflow's type."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        # Everything is set up here: a handler may run before `run` does.
        find = cast("Functions", cast("Any", workflow).extern_functions())[FIND_GRAPH]
        graph = find(workflow.info().workflow_type)
        self._start = StartMessage()
        self._driver: Driver | None = None
        self._refusal = ""
        self._is_cancelled = False
        self._unknown = graph if isinstance(graph, str) else None
        if isinstance(graph, str):
            return
        try:
            self._start = read_start(args)
            self._driver = Driver(graph, self._start)
        except (StartError, GraphInputError) as error:
            self._refusal = str(error)
        except Exception as error:
            if self._start.snapshot is None or workflow.info().continued_run_id is not None:
                raise  # this fails the task, not the run: another release may be able to go on
            self._refusal = f"The run cannot go on from this snapshot: {type(error).__name__}: {error}"

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> RawValue:
        """Run the graph.

        Returns:
            `{"output": ..., "state": ...}`

        Raises:
            ApplicationError: The run failed: `GraphRunError`, with the failure as first detail, or `GraphInputError`.
        """
        if self._unknown is not None:
            # This fails the task, not the run: another worker, or the next release of this one, may know the graph.
            raise UnknownGraphError(self._unknown)
        if self._driver is None:
            raise ApplicationError(self._refusal, type=GRAPH_INPUT_ERROR, non_retryable=True)
        try:
            snapshot = await self._driver.run()
        except asyncio.CancelledError:
            self._is_cancelled = True
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        if snapshot is not None:
            workflow.continue_as_new(args=[self._driver.to_raw(snapshot, "The snapshot of the run")])
        if not workflow.all_handlers_finished():
            await workflow.wait_condition(workflow.all_handlers_finished)
        return self._end(self._driver)

    def _end(self, driver: Driver) -> RawValue:
        failure = driver.engine.failure
        if driver.engine.output is not None:
            return driver.result()
        assert failure is not None
        message = f"{failure.node_id!r} failed with {failure.type}: {failure.message}"
        raise ApplicationError(message, asdict(failure), type=GRAPH_RUN_ERROR, non_retryable=True)

    # -- Answers ----------------------------------------------------------------------------------------------------

    @workflow.signal(dynamic=True)
    def on_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """Take an answer; one that does not fit is kept where `get_state` shows it, and the question stays open.

        Dynamic, because only so a signal with no argument, with several or with something unreadable comes here at all:
        the SDK would drop it, or call the handler with the wrong number of arguments, which wedges the run.
        """
        if self._driver is None:
            return
        try:
            if name != RESUME:
                raise Refused("invalid", f"There is no signal {name!r}; the signals are: {RESUME!r}.")
            answer = read_answer(args)
            if answer is None:
                raise Refused("invalid", f"The signal {RESUME!r} came without an answer.")
            self._driver.answer(answer)
        except Refused as refused:
            self._driver.engine.reject(shown(args), refused, workflow.now().isoformat())

    @workflow.update(name=RESUME)
    def resume(self, answer: RawValue = NOTHING) -> dict[str, Any]:
        """Take an answer.

        Returns:
            The answer as it was accepted; a long value is cut.

        Raises:
            ApplicationError: `AnswerRefused`, with the refusal as its first detail.
        """
        try:
            accepted = asdict(self._take(answer))
            return {**accepted, "value": shortened(accepted["value"])}
        except Refused as refused:
            raise _refuse(refused) from None  # the SDK would send both

    @resume.validator
    def check_resume(self, answer: RawValue = NOTHING) -> None:
        """Refuse an answer before anything is written to history."""
        try:
            self._check(answer, optional=False)
        except Refused as refused:
            raise _refuse(refused) from None  # the SDK would send both

    @workflow.update(name=PROCEED)
    async def proceed(self, answer: RawValue = NOTHING) -> RawValue:
        """Take an answer, if there is one, and wait for where the run stops next.

        Returns:
            `{"status", "interrupts", "output", "state", "failure"}`

        Raises:
            ApplicationError: `AnswerRefused`; or `ContinuedAsNew`, then the same update is to be sent again.
        """
        try:
            if not self._is_start(read_answer([answer])):
                self._take(answer)
        except Refused as refused:
            raise _refuse(refused) from None  # the SDK would send both
        driver = self._open()
        await workflow.wait_condition(lambda: driver.engine.is_stopped or driver.is_leaving or self._is_cancelled)
        if self._is_cancelled:
            raise ApplicationError("The run was cancelled.", type=RUN_CANCELLED, non_retryable=True)
        if not driver.engine.is_stopped:
            message = "The run continues as new and is still on its way; send the update again."
            raise ApplicationError(message, type=CONTINUED, non_retryable=True)
        try:
            return driver.to_raw(compact(_stop(driver)), "What the run stopped at (questions, output and state)")
        except PayloadTooLargeError as error:
            raise ApplicationError(str(error), type=PAYLOAD_TOO_LARGE, non_retryable=True) from error

    @proceed.validator
    def check_proceed(self, answer: RawValue = NOTHING) -> None:
        """Refuse an answer before anything is written to history."""
        try:
            self._check(answer, optional=True)
        except Refused as refused:
            raise _refuse(refused) from None  # the SDK would send both

    def _check(self, raw: RawValue, *, optional: bool) -> None:
        answer = read_answer([raw])
        driver = self._open()
        if answer is None and not optional:
            raise Refused("invalid", f"The update {RESUME!r} takes an answer.")
        if not self._is_start(answer):
            assert answer is not None
            driver.engine.check(answer)

    def _take(self, raw: RawValue) -> Accepted:
        answer = read_answer([raw])
        assert answer is not None
        return self._open().answer(answer)

    def _is_start(self, answer: Answer | None) -> bool:
        """Whether there is nothing to answer: no answer, or the one that this very run was started with."""
        return answer is None or (answer.answer_id is not None and answer.answer_id == self._start.answer_id)

    def _open(self) -> Driver:
        if self._driver is None:
            raise Refused("closed", f"The run cannot start: {self._refusal}")
        return self._driver

    # -- Looking ----------------------------------------------------------------------------------------------------

    @workflow.query(name=PENDING_INTERRUPTS)
    def pending_interrupts(self) -> RawValue:
        """The questions that are open, oldest first."""
        return _looked_at(self._interrupts())

    def _interrupts(self) -> list[dict[str, Any]]:
        if self._driver is None:
            return []
        return [interrupt.public() for interrupt in self._driver.engine.questions.open.values()]

    @workflow.query(name=GET_STATE)
    def get_state(self) -> RawValue:
        """Where the run stands: `values`, `next`, `interrupts`, `status`, `answered`, `rejected`."""
        if self._driver is None:
            nothing: dict[str, Any] = {"next": [], "interrupts": [], "answered": [], "rejected": []}
            return _looked_at({"status": "failed", "values": None, **nothing})
        engine = self._driver.engine
        is_waiting = engine.status == "running" and engine.is_stopped
        return _looked_at(
            {
                "status": "waiting" if is_waiting else engine.status,
                "values": engine.state,
                "next": [task.node_id for task in engine.tasks.values()],
                "interrupts": self._interrupts(),
                "answered": [accepted.public() for accepted in engine.questions.accepted.values()],
                "rejected": engine.questions.rejected,
            }
        )


def _looked_at(value: Any) -> RawValue:
    # As text of its own, in which a letter stays one; the SDK's JSON would write most of the world's as six.
    return to_raw(compact(value), "", None)


def _refuse(refused: Refused) -> ApplicationError:
    details = {"reason": refused.reason, "message": refused.message, "errors": refused.errors}
    return ApplicationError(f"{refused.reason}: {refused.message}", details, type=ANSWER_REFUSED, non_retryable=True)


def _stop(driver: Driver) -> dict[str, Any]:
    engine = driver.engine
    return {
        "status": "waiting" if engine.status == "running" else engine.status,
        "interrupts": [interrupt.public() for interrupt in engine.questions.open.values()],
        "output": json.loads(engine.output.data) if engine.output is not None else None,
        "state": engine.state,
        "failure": asdict(engine.failure) if engine.failure is not None else None,
    }
