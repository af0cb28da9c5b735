"""The graph driver: the engine inside a workflow. Commands become activities, results become events."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from ..codec.text import compact
from ..compile.contexts import NoDeps
from ..engine import snapshot
from ..engine.breakpoints import Breakpoints
from ..engine.events import (
    Cancel,
    Command,
    Event,
    Failure,
    NodeAsked,
    NodeFailed,
    NodeWithdrew,
    OpenInterrupt,
    Start,
    Work,
    failure_of,
    is_the_runtimes,
)
from ..engine.questions import Accepted, Answer, Refused
from ..engine.recording import RecordingEngine
from ..engine.spec import END
from ..engine.state import Json
from ..errors import GraphInputError
from ..messages import NodeInput, Question, dump_input, dump_result, load_result
from ..options import NodeOptions
from ..registry import RegisteredGraph
from ..starting import load_start
from .messages import StartMessage, StateUpdate
from .names import PAYLOAD_TOO_LARGE, activity_name
from .payloads import PayloadTooLargeError, from_raw, to_raw
from .streaming import Events
from .telling import Teller

SUGGESTED = 4_096
"""Events after which servers, as they are set up, suggest to continue as new; they do not see one long task grow."""
HARD_EVENTS, HARD_BYTES = 40_000, 40_000_000
"""A history of this length must end: at 51,200 events, or 50 MB, the server ends the run."""
PATIENCE = 10
"""Seconds for which nodes that could start are held back, so that those that run can end, before a run continues."""
FIRST_TASK = "first_task"
"""A marker in histories that begin with nothing but waiting."""
MAX_RUNNING = 1_000
"""Nodes of one run that run at once: half of the 2,000 pending activities that a server allows a workflow."""
BUDGET = 2_000_000
"""Bytes of node inputs sent to the server at once: it takes 4 MiB in one message."""

DEFAULT_RETRIES = RetryPolicy(maximum_attempts=5)
DEFAULT_TIMEOUT = timedelta(minutes=10)
DEFAULT_HEARTBEAT = timedelta(seconds=30)


class Driver:
    """Drives one run.

    Attributes:
        engine: The run.
        is_leaving: The run is about to continue as new; what waits in it must go and come again.
    """

    def __init__(self, graph: RegisteredGraph, start: StartMessage, events: Events) -> None:
        self.graph = graph
        self.events = events
        self.is_leaving = False
        self._given = start.given
        self._running: dict[str, asyncio.Future[Any]] = {}
        self._suspended: dict[str, tuple[int, asyncio.Future[Json]]] = {}
        self._arrived: list[tuple[int, str, Event | asyncio.Future[Any]]] = []
        self._is_woken = False
        self._is_full = False
        self._has_moved = False
        self._has_waited = False
        self._local = (0, 0)
        self._patience: asyncio.TimerHandle | None = None
        self._not_before = 0
        self._is_over = False
        self._state_text: tuple[Json, str | None] = (None, None)
        compiled = graph.compiled
        origin = json.loads(start.snapshot) if start.snapshot is not None else None
        self.engine = RecordingEngine(compiled.spec, compiled.functions, compiled.plan, origin)
        self._tell = Teller(self.engine, events, compiled.plan)
        if origin is None:
            breakpoints = graph.breakpoints if start.breakpoints is None else start.breakpoints
            event = load_start(compiled, start.inputs, start.state, start.start_node, breakpoints)
            self._apply(event)
        elif start.fork is not None:
            self._fork(*start.fork)

    def _fork(self, update: Json) -> None:
        before = self.engine.state
        try:
            self.engine.fork(update, _now())
        except Refused as refused:
            raise GraphInputError(refused.message) from None
        self._tell.began()
        self._tell.followed(before, [OpenInterrupt(interrupt_id) for interrupt_id in self.engine.questions.open])

    # -- What handlers call -----------------------------------------------------------------------------------------

    def answer(self, answers: Sequence[Answer]) -> list[Accepted]:
        """Take answers; see `Engine.answer_all`."""
        before, was = self.engine.state, self.engine.checkpoint
        accepted, commands = self.engine.answer_all(answers, _now())
        if self.engine.checkpoint != was:
            self._tell.answered(accepted)
        self._tell.followed(before, commands)
        self._tell.answered(self.engine.taken)
        self._do(commands)
        self._check_end()
        self._is_woken = True
        return accepted

    def update(self, update: StateUpdate) -> None:
        """Change the state for a person; see `Engine.update`."""
        before = self.engine.state
        self.engine.update(update.values, update.expected_version, _now())
        self._tell.followed(before, [])

    def set_breakpoints(self, breakpoints: Breakpoints) -> None:
        """Say where the run stops for people; see `Engine.set_breakpoints`."""
        commands = self.engine.set_breakpoints(breakpoints, _now())
        self._tell.followed(self.engine.state, commands)
        self._do(commands)

    def pause(self, paused: bool) -> None:
        """Let no new node start, or let them start again."""
        if paused != self.engine.paused:
            self._tell.paused(paused)
        self.engine.pause(paused)
        self._is_woken = True

    def cancel(self) -> None:
        """End the run without an output."""
        commands = self.engine.cancel()
        self._tell.followed(self.engine.state, commands)
        self._do(commands)
        self._is_over = True
        self._tell.ended()

    def to_raw(self, text: str, what: str) -> RawValue:
        """JSON text as a payload; see `payloads.to_raw`."""
        return to_raw(text, what, self.graph.payload_limit)

    # -- The loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> str | None:
        """Drive the run to its end, or to where it continues as new.

        Returns:
            The snapshot to continue from, as JSON text; None where the run has ended.
        """
        try:
            while self.engine.status == "running":
                is_draining = self._wants_to_continue()
                if is_draining and not self.engine.running:
                    snapshot_text = await self._leave()
                    if snapshot_text is not None:
                        return snapshot_text
                    continue
                if is_draining:
                    self._be_patient()
                elif not self.engine.paused:
                    self._start_ready()
                self._leave_a_mark()
                await workflow.wait_condition(lambda: self._is_woken or bool(self._arrived))
                self._is_woken = False
                self._take_arrived()
        finally:
            for task in self._running.values():
                task.cancel()
        return None

    def _leave_a_mark(self) -> None:
        """Let the first task of a history be never without a command.

        A worker that gets such a history with an update after it takes both tasks for one, and has the update handled
        before `run` has begun: a question that is open is not open then, and what is done comes in another order than
        when all of it is replayed later, which wedges the run.
        """
        if not self._has_waited:
            self._has_waited = True
            if all(self.graph.options[self.engine.tasks[i].node_id].execution == "workflow" for i in self._running):
                workflow.patched(FIRST_TASK)

    def _wants_to_continue(self) -> bool:
        if self._is_full or not self._has_moved:
            return False
        info = workflow.info()
        length = self._history_length()
        if length >= HARD_EVENTS or info.get_current_history_size() >= HARD_BYTES:
            return True
        return length >= self._not_before and (length >= self._limit or info.is_continue_as_new_suggested())

    @property
    def _limit(self) -> int:
        return self.graph.max_history_events or SUGGESTED

    def _be_patient(self) -> None:
        """Hold back what could start, but not for as long as the slowest node takes: a loop beside it must go on."""
        if self._patience is None and self.engine.ready:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        self._not_before = self._history_length() + self._limit
        self._is_woken = True

    def _history_length(self) -> int:
        """How many events there are, with the markers of local nodes that are written when this task ends."""
        length = workflow.info().get_current_history_length()
        since, count = self._local
        return length + count if since == length else length

    async def _leave(self) -> str | None:
        self.is_leaving = True
        self.events.drain()
        if not workflow.all_handlers_finished():
            await workflow.wait_condition(workflow.all_handlers_finished)
        if self.engine.status != "running":
            return None
        # What is left are nodes that wait here for a person; they run again from their top, with the answers there are.
        for task_id in list(self._running):
            self._suspended.pop(task_id, None)
            self._running.pop(task_id).cancel()
        text = compact({"snapshot": snapshot.dump(self.engine), "stream": self.events.dump(), "given": self._given})
        try:
            self.to_raw(text, "The snapshot of the run")
        except PayloadTooLargeError as error:
            workflow.logger.warning("The run cannot continue as new and goes on in its history: %s", error)
            self._is_full = True
            self.is_leaving = False
            self.events.fill()
            return None
        return text

    def _take_arrived(self) -> None:
        """Apply what came in this activation, in the order of the tasks, whatever order it came in."""
        arrived, self._arrived = self._arrived, []
        arrived.sort(key=lambda item: item[0])
        for _, task_id, result in arrived:
            event = result if not isinstance(result, asyncio.Future) else self._event(task_id, result)
            if event is not None:
                self._has_moved = True
                self._apply(event)
        self._check_end()

    def _apply(self, event: Event) -> None:
        before = self.engine.state
        task = None if isinstance(event, Start) else self.engine.tasks.get(event.task_id)
        commands = self.engine.apply(event, _now())
        if task is None and not isinstance(event, Start):
            return  # it was dropped with what came before
        self._tell.happened(event, task)
        self._tell.followed(before, commands, None if task is None else task.node_id)
        self._tell.answered(self.engine.taken)
        self._do(commands)

    def _check_end(self) -> None:
        """Let a run fail whose result is too large, before anybody is told that it has finished."""
        if self.engine.output is not None:
            try:
                self.result()
            except PayloadTooLargeError as error:
                self.engine.fail(Failure(END, PAYLOAD_TOO_LARGE, str(error)))
        if self.engine.status != "running" and not self._is_over:
            self._is_over = True
            self._tell.ended()

    def result(self) -> RawValue:
        """What a run that has finished returns.

        Raises:
            PayloadTooLargeError: Temporal does not take it.
        """
        assert self.engine.output is not None
        output, state = self.engine.output.data, compact(self.engine.state)
        self.to_raw(output, "The output of the graph")
        self.to_raw(state, "The final state of the graph")
        return self.to_raw(f'{{"output":{output},"state":{state}}}', "The output with the final state")

    def _event(self, task_id: str, future: asyncio.Future[Any]) -> Event | None:
        if self._running.get(task_id) is not future:
            return None  # cancelled by the engine
        del self._running[task_id]
        self._suspended.pop(task_id, None)
        node_id = self.engine.tasks[task_id].node_id
        if self.graph.options[node_id].execution == "local":
            length = workflow.info().get_current_history_length()
            since, count = self._local
            self._local = (length, count + 1 if since == length else 1)
        try:
            result = future.result()
            text = from_raw(result) if isinstance(result, RawValue) else result
            return load_result(task_id, text, self.graph.compiled.runner.types(node_id))
        except (ActivityError, ApplicationError) as error:  # a local node's error comes without one around it
            if is_cancelled_exception(error):
                # Not by the engine: the run itself is being cancelled, and the loop is about to hear of it.
                return NodeFailed(task_id, Failure(node_id, "CancelledError", "The node was cancelled."))
            return NodeFailed(task_id, _failure(node_id, error))
        except asyncio.CancelledError:
            # Nobody waits here: it is the node's own, from something that it had cancelled itself.
            return NodeFailed(task_id, Failure(node_id, "CancelledError", "Something in the node was cancelled."))
        except Exception as error:
            return NodeFailed(task_id, failure_of(node_id, error))

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Cancel):
                self._suspended.pop(command.task_id, None)
                task = self._running.pop(command.task_id, None)
                if task is not None:
                    task.cancel()

    # -- Nodes ------------------------------------------------------------------------------------------------------

    def _start_ready(self) -> None:
        budget = BUDGET
        for task_id in self.engine.ready:
            if len(self._running) >= MAX_RUNNING or (budget <= 0 and self._running):
                return  # the next result brings us here again
            if task_id in self._suspended:
                self._continue(task_id)
            else:
                budget -= self._start(self.engine.begin(task_id))

    def _start(self, work: Work) -> int:
        message = NodeInput(work.task_id, work.value, self._state(work.state), work.answers)
        options = self.graph.options[work.node_id]
        text = dump_input(message)
        try:
            if options.execution == "workflow":
                future: asyncio.Future[Any] = asyncio.ensure_future(self._run_here(work, message))
            else:
                argument = self.to_raw(text, f"What node {work.node_id!r} gets (its input and the state)")
                future = self._start_activity(work.node_id, argument, options)
        except PayloadTooLargeError as error:
            failure = Failure(work.node_id, PAYLOAD_TOO_LARGE, str(error))
            self._arrived.append(
                (self.engine.tasks[work.task_id].number, work.task_id, NodeFailed(work.task_id, failure))
            )
            self._is_woken = True
            return 0
        self._running[work.task_id] = future
        self._tell.node_began(work.task_id, work.node_id)
        number = self.engine.tasks[work.task_id].number
        future.add_done_callback(functools.partial(self._on_done, number, work.task_id))
        return len(text)

    def _on_done(self, number: int, task_id: str, future: asyncio.Future[Any]) -> None:
        self._arrived.append((number, task_id, future))

    def _start_activity(self, node_id: str, argument: RawValue, options: NodeOptions) -> asyncio.Future[Any]:
        common: dict[str, Any] = {
            "result_type": RawValue,
            "start_to_close_timeout": options.start_to_close_timeout or DEFAULT_TIMEOUT,
            "schedule_to_close_timeout": options.schedule_to_close_timeout,
            "retry_policy": options.retry_policy or DEFAULT_RETRIES,
            "summary": options.summary,
        }
        name = activity_name(self.graph.name, node_id)
        if options.execution == "local":
            return workflow.start_local_activity(name, argument, **common)
        return workflow.start_activity(
            name,
            argument,
            task_queue=options.task_queue,
            heartbeat_timeout=options.heartbeat_timeout or DEFAULT_HEARTBEAT,
            priority=options.priority or Priority.default,
            **common,
        )

    def _state(self, state: Json) -> str | None:
        if self.graph.compiled.state is None:
            return None
        if self._state_text[1] is None or self._state_text[0] is not state:
            self._state_text = (state, compact(state))
        return self._state_text[1]

    # -- Nodes that run here ----------------------------------------------------------------------------------------

    async def _run_here(self, work: Work, message: NodeInput) -> str:
        deps = NoDeps(f"Node {work.node_id!r}")
        emit = functools.partial(self._emit, work)
        ask = functools.partial(self._ask, work.task_id)
        try:
            return dump_result(await self.graph.compiled.runner.run(work.node_id, message, deps, ask, emit))
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            # It would leave the event loop, and end the worker: sys.exit(), or an exception of the user's own.
            failure = failure_of(work.node_id, error)
            raise ApplicationError(failure.message, type=failure.type, non_retryable=True) from None

    async def _emit(self, work: Work, data: Json) -> None:
        self._tell.emitted(work.task_id, work.node_id, data)

    def _ask(self, task_id: str, question: Question) -> Awaitable[Json]:
        """Suspend a node at its own line until its question is answered."""
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._suspended[task_id] = (question.position, future)
        event = NodeAsked(task_id, question.position, question.value, question.response_schema, question.errors)
        number = self.engine.tasks[task_id].number
        self._arrived.append((number, task_id, event))

        def on_done(done: asyncio.Future[Json]) -> None:
            if done.cancelled() and self._suspended.get(task_id) == (question.position, done):
                del self._suspended[task_id]
                self._arrived.append((number, task_id, NodeWithdrew(task_id, question.position)))

        future.add_done_callback(on_done)
        return future

    def _continue(self, task_id: str) -> None:
        work = self.engine.resume(task_id)
        position, future = self._suspended.pop(task_id)
        if not future.done():
            future.set_result(work.answers[position])


def _failure(node_id: str, error: ActivityError | ApplicationError) -> Failure:
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return Failure(node_id, cause.type or "Error", cause.message)
    return Failure(node_id, type(cause or error).__name__, str(cause or error))


def _now() -> str:
    return workflow.now().isoformat()
