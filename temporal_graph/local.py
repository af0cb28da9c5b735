"""The same engine in this process: no server, nothing durable; for unit tests and scripts."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, cast

from pydantic_graph import BaseNode
from typing_extensions import TypeVar

from . import sending
from .codec import shown
from .codec.text import compact
from .commands import NOTHING
from .compile.asking import Hooks
from .compile.targets import dump_fields
from .deps import Deps
from .engine import snapshot
from .engine.breakpoints import Breakpoints
from .engine.events import (
    Cancel,
    Command,
    Event,
    Failure,
    NodeDidOnce,
    NodeFailed,
    clipped,
    failure_of,
    is_the_runtimes,
)
from .engine.looking import standing, stopped
from .engine.policies import moment
from .engine.questions import Refused, check_names, to_answer
from .engine.recording import RecordingEngine
from .engine.snapshot import SnapshotError
from .engine.state import Json
from .errors import AnswerRefusedError, GraphError, GraphInputError, RefusedError, RunCancelledError
from .messages import dump_input, dump_result, load_input, load_result, node_input
from .registry import RegisteredGraph, Registry
from .starting import answer_in, dump_start, forked, load_start, no_checkpoint, node_ids
from .views import (
    Accepted,
    AuditEntry,
    Checkpoint,
    GraphResult,
    Interrupt,
    RunState,
    Stop,
    raise_run_error,
    read_accepted,
    read_audit,
    read_checkpoint,
    read_interrupts,
    read_run_state,
    read_state,
    read_stop,
)

__all__ = ["LocalRun"]

StateT = TypeVar("StateT", default=Any)
OutputT = TypeVar("OutputT", default=Any)


class UnfitSnapshotError(GraphInputError, SnapshotError):
    """`restore` got what the graph cannot go on from."""


class LocalRun(Generic[OutputT, StateT]):
    """A run in this process.

    Values and state cross to the nodes as JSON, exactly as they do on Temporal. Nodes are not retried and have no
    time-outs, and every node runs again from its top after an `interrupt()`. Nobody is notified, and nothing goes on
    between two calls; the page Graphs of the docs has the whole list.
    """

    def __init__(self, graph: RegisteredGraph, deps: Any, breakpoints: Breakpoints | None = None) -> None:
        self._graph = graph.compiled
        self._registered = graph
        self._given = deps
        self._breakpoints = graph.breakpoints if breakpoints is None else breakpoints
        self._registry = Registry([graph])
        self._deps = Deps(deps)
        self._engine: RecordingEngine | None = None
        self._ahead = timedelta(0)
        self._tasks: dict[str, asyncio.Task[str | Failure]] = {}
        self._cancelled: list[asyncio.Task[str | Failure]] = []

    async def proceed(
        self,
        value: Any = NOTHING,
        *,
        from_node: BaseNode[Any, Any, Any] | None = None,
        inputs: Any = None,
        state: StateT | None = None,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
        comment: str | None = None,
    ) -> Stop[OutputT, StateT]:
        """Start the run, or answer it, and run until it stops.

        Args:
            value: The answer, for a run that waits. Left out, what takes no answer goes on (a breakpoint, a node
                without `Required` fields), and other questions stay as they are.
            from_node: The node to start at; or the interrupt node that waits, with the answer in it.
            inputs: The graph's inputs, for a run that is to be started.
            state: Its first state.
            interrupt_id: The question that is answered; may be left out while exactly one is open.
            actor: Who answers.
            answer_id: An id for the answer.
            comment: What there is to say besides; `audit` has it, with the answer.

        Returns:
            Where the run stopped.

        Raises:
            AnswerRefusedError: The answer is not taken; the run is as it was.
            GraphInputError: The run cannot be started with this.
            GraphRunError: The run failed.
        """
        if self._engine is None:
            if value is not NOTHING:
                raise GraphInputError(
                    f"This run has not been started, so it asks nothing that {shown(value)} could answer. Start it "
                    "with proceed(inputs=..., state=...) or proceed(from_node=..., state=...)."
                )
            self._start(from_node, inputs, state)
        elif inputs is not None or state is not None:
            raise GraphInputError(
                "This run has been started; inputs and state are for a new one, made with local(). An answer to its "
                "question goes into proceed(value)."
            )
        elif from_node is not None:
            found = answer_in(self._graph, from_node)
            if found is not None:
                self._answer({**found, "answer_id": answer_id, "actor": actor, **sending.said(comment)})
        elif value is not NOTHING or interrupt_id is not None or self._takes_nothing():
            self._answer(self._sent(value, interrupt_id, actor, answer_id, comment))
        async with self._deps.running(self._registry):
            await self._run()
        return self._stop()

    async def resume(
        self,
        value: Any = NOTHING,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
        comment: str | None = None,
    ) -> Accepted:
        """Answer a question; the run goes on with the next `proceed()` or `result()`.

        Raises:
            AnswerRefusedError: The answer is not taken; the run is as it was.
        """
        return self._answer(self._sent(value, interrupt_id, actor, answer_id, comment))

    async def resume_all(
        self, values: Mapping[str, Any], *, actor: str | None = None, comment: str | None = None
    ) -> list[Accepted]:
        """Answer several questions together: all of the answers are taken, or none; see `GraphRun.resume_all`.

        Raises:
            AnswerRefusedError: One of them does not fit; the run is as it was.
            GraphInputError: There are none.
        """
        return self._answer_all(sending.answers(self._graph, values, actor, _new_id, comment))

    async def wait(self) -> Stop[OutputT, StateT]:
        """Run, without an answer, until the run stops: at questions, or at its end.

        Raises:
            GraphError: The run has not been started.
            GraphRunError: The run failed.
            RunCancelledError: It was cancelled.
        """
        self._started()
        async with self._deps.running(self._registry):
            await self._run()
        return self._stop()

    async def result(self) -> GraphResult[OutputT, StateT]:
        """Run to the end.

        Raises:
            GraphError: The run waits for people, or has not been started.
            GraphRunError: The run failed.
        """
        stop = await self.wait()
        if stop.is_paused:
            raise GraphError("The run is paused. Let it go on with unpause() first.")
        if stop.is_interrupt:
            ids = ", ".join(repr(interrupt.interrupt_id) for interrupt in stop.interrupts)
            raise GraphError(f"The run waits for people: {ids}. Answer with resume() first.")
        return GraphResult(cast("OutputT", stop.output), stop.state, stop.unreadable)

    async def pass_time(self, duration: timedelta) -> Stop[OutputT, StateT]:
        """Let time pass for this run: its clock goes ahead, and what is due meanwhile is done, in order.

        So policies with days in them are tested in no time. Nothing else lets time pass but time itself: every call
        does first what has come due.

        Args:
            duration: How much time.

        Returns:
            Where the run then stands.

        Raises:
            GraphInputError: It is no duration, or a negative one.
            GraphRunError: The run failed.
        """
        if not isinstance(duration, timedelta) or duration < timedelta(0):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise GraphInputError(f"pass_time() got {duration!r}; it takes a timedelta: pass_time(timedelta(hours=3)).")
        engine = self._started()
        until = self._clock() + duration
        async with self._deps.running(self._registry):
            await self._run()
            while (due := self._next_due(until)) is not None:
                interrupt_id, at = due
                self._ahead += max(timedelta(0), at - self._clock())
                self._do(engine.come_due(interrupt_id, at.isoformat()))
                await self._run()
        self._ahead += max(timedelta(0), until - self._clock())
        return self._stop()

    def _next_due(self, until: datetime) -> tuple[str, datetime] | None:
        """The question that is the next to do something by itself, and when; None for nothing until then."""
        waiting = [i for i in self._started().questions.open.values() if i.due]
        found = [(moment(interrupt.due[0].at), interrupt.interrupt_id) for interrupt in waiting]
        at, interrupt_id = min(found, default=(None, ""))
        return None if at is None or at > until else (interrupt_id, at)

    def pending_interrupts(self) -> list[Interrupt]:
        """The questions that are open, oldest first."""
        return read_interrupts([interrupt.public() for interrupt in self._up_to_date().questions.open.values()])

    def get_state(self) -> RunState[StateT]:
        """Where the run stands."""
        return read_run_state(self._graph, standing(self._up_to_date()))

    async def update_state(
        self, update: Mapping[str, Any], *, expected_version: int | None = None, actor: str | None = None
    ) -> StateT:
        """Change fields of the state; see `GraphRun.update_state`.

        Raises:
            RefusedError: The state does not take it; nothing has changed.
        """
        engine = self._up_to_date()
        values, only_if = dump_fields(self._graph.state, update), sending.conditions(expected_version, actor)
        try:
            check_names(actor=only_if["actor"])
            engine.update(values, only_if["expected_version"], self._now(), only_if["actor"])
        except Refused as refused:
            raise RefusedError(refused.reason, refused.message, refused.errors) from refused
        return read_state(self._graph, engine.state)

    async def reassign(
        self, to: str | Sequence[str], *, interrupt_id: str | None = None, actor: str | None = None
    ) -> Interrupt:
        """Ask others from now on; see `GraphRun.reassign`.

        Raises:
            GraphInputError: These are no names.
            RefusedError: There is no such question, or they are too few.
        """
        sent, engine = sending.reassignment(to, interrupt_id, actor), self._up_to_date()
        try:
            check_names(actor=sent["actor"], to=sent["to"])
            name = engine.reassign(sent["interrupt_id"], sent["to"], sent["actor"], self._now(), "update")
        except Refused as refused:
            raise RefusedError(refused.reason, refused.message, refused.errors) from refused
        return read_interrupts([engine.questions.open[name].public()])[0]

    async def extend(
        self,
        by: timedelta | None = None,
        *,
        until: datetime | None = None,
        interrupt_id: str | None = None,
        actor: str | None = None,
    ) -> Interrupt:
        """Let a question wait longer; see `GraphRun.extend`.

        Raises:
            GraphInputError: It is no duration and no moment, or both.
            RefusedError: There is no such question, it waits for ever anyway, or until then it has waited already.
        """
        sent, engine = sending.extension(by, until, interrupt_id, actor), self._up_to_date()
        try:
            check_names(actor=sent["actor"])
            name, _ = engine.extend(
                sent["interrupt_id"], sent["by"], sent["until"], sent["actor"], self._now(), "update"
            )
        except Refused as refused:
            raise RefusedError(refused.reason, refused.message, refused.errors) from refused
        return read_interrupts([engine.questions.open[name].public()])[0]

    def audit(self) -> list[AuditEntry]:
        """Who was asked what, who said what, and what happened to the questions meanwhile, in order."""
        return read_audit([entry.public() for entry in self._up_to_date().questions.audit.entries])

    async def set_breakpoints(
        self, *, before: Sequence[str] | str | None = None, after: Sequence[str] | str | None = None
    ) -> None:
        """Say where the run stops for people from now on; see `GraphRun.set_breakpoints`.

        Raises:
            GraphInputError: They are no ids; policies of breakpoints are given to the graph.
            RefusedError: There is no such node, or the run has ended.
        """
        engine = self._up_to_date()
        now = engine.breakpoints
        breakpoints = Breakpoints(
            now.before if before is None else node_ids("before", before),
            now.after if after is None else node_ids("after", after),
        )
        try:
            self._do(engine.set_breakpoints(breakpoints, self._now()))
        except Refused as refused:
            raise RefusedError(refused.reason, refused.message, refused.errors) from refused

    async def pause(self) -> None:
        """Let no new node start until `unpause()`.

        Raises:
            RefusedError: The run has ended.
        """
        self._open().pause(True)

    async def unpause(self) -> None:
        """Let nodes start again, with the next `proceed()` or `result()`.

        Raises:
            RefusedError: The run has ended.
        """
        self._open().pause(False)

    async def cancel(self) -> None:
        """End the run without an output.

        Raises:
            RefusedError: The run has ended already.
        """
        self._do(self._open().cancel(self._now()))

    async def history(self) -> AsyncIterator[Checkpoint[StateT]]:
        """Everything that happened in the run, oldest first, with the state after each step."""
        engine = self._started()
        _, state = engine.origin
        for item, _ in engine.checkpoints():
            checkpoint, state = read_checkpoint(self._graph, asdict(item), state)
            yield checkpoint

    def fork(self, checkpoint_id: str, *, update: Mapping[str, Any] | None = None) -> LocalRun[OutputT, StateT]:
        """A new run from a point in the past of this one, which stays as it is; see `GraphRun.fork`.

        Raises:
            GraphInputError: There is no such checkpoint, or the run had ended by then.
            RefusedError: The state does not take the update, or a question that was open cannot be asked anew.
        """
        engine = self._started()
        wanted = sending.checkpoint_id(checkpoint_id)
        for checkpoint, then in engine.checkpoints():
            if str(checkpoint.number) == wanted:
                data = snapshot.dump(then)
                changes = None if update is None else dump_fields(self._graph.state, update)
                run: LocalRun[OutputT, StateT] = LocalRun(self._registered, self._given)
                run._ahead = self._ahead
                run._engine = forked(self._graph, data, changes, self._now())
                return run
        first, _ = engine.origin
        raise GraphInputError(f"The run {no_checkpoint(wanted, first + 1, engine.checkpoint)}")

    def snapshot(self) -> dict[str, Any]:
        """The whole run as JSON, between two calls of `proceed`."""
        return snapshot.dump(self._started())

    def restore(self, data: Mapping[str, Any]) -> None:
        """Go on from a snapshot.

        Raises:
            GraphInputError: The graph cannot, or it is no snapshot.
        """
        try:
            self._engine = self._new(dict(data))
        except SnapshotError as error:
            raise UnfitSnapshotError(str(error)) from error
        except Exception as error:  # whatever is missing in it, or of another kind
            raise UnfitSnapshotError(
                f"This is no snapshot ({type(error).__name__}: {error}): {shown(data)}. Give restore() what snapshot() "
                "of a run of this graph has returned."
            ) from error

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _started(self) -> RecordingEngine:
        if self._engine is None:
            raise GraphError("This run has not been started; call proceed(inputs=..., state=...) first.")
        return self._engine

    def _up_to_date(self) -> RecordingEngine:
        """The engine, when it has done what came due since the last call."""
        engine, now = self._started(), self._clock()
        while (due := self._next_due(now)) is not None:
            self._do(engine.come_due(due[0], now.isoformat()))
        return engine

    def _clock(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _now(self) -> str:
        return self._clock().isoformat()

    def _open(self) -> RecordingEngine:
        engine = self._up_to_date()
        if engine.status != "running":
            raise RefusedError("closed", f"The run is {engine.status}.")
        return engine

    def _takes_nothing(self) -> bool:
        """Whether what waits is one question that an empty answer answers."""
        waiting = self._started().questions.open.values()
        found = sending.answerless(self._graph, [(item.interrupt_id, item.kind, item.node_id) for item in waiting])
        return found is not None

    def _start(self, from_node: Any, inputs: Any, state: Any) -> None:
        message = dump_start(self._graph, from_node, inputs, state)
        node = json.loads(message["start_node"]) if message["start_node"] is not None else None
        start_node = None if node is None else (node["node_id"], compact(node["data"]))
        event = load_start(self._graph, message["inputs"], message["state"], start_node, self._breakpoints)
        self._engine = self._new(None)
        self._do(self._engine.apply(event, self._now()))

    def _new(self, origin: dict[str, Any] | None) -> RecordingEngine:
        return RecordingEngine(self._graph.spec, self._graph.functions, self._graph.plan, origin)

    def _sent(
        self, value: Any, interrupt_id: str | None, actor: str | None, answer_id: str | None, comment: str | None
    ) -> Mapping[str, Any]:
        return sending.answer(self._graph, value, interrupt_id, actor, answer_id or _new_id(), comment)

    def _answer(self, message: Mapping[str, Any]) -> Accepted:
        return self._answer_all([message])[0]

    def _answer_all(self, messages: Sequence[Mapping[str, Any]]) -> list[Accepted]:
        engine = self._up_to_date()
        try:
            for message in messages:
                check_names(actor=message["actor"], answer_id=message["answer_id"])
            accepted, commands = engine.answer_all([to_answer(message) for message in messages], self._now())
        except Refused as refused:
            output = self._started().output
            ending = f" Its output is {clipped(output.data)}." if refused.reason == "closed" and output else ""
            raise AnswerRefusedError(refused.reason, refused.message + ending, refused.errors) from refused
        self._do(commands)
        return [read_accepted(replace(item, comment=None).dump()) for item in accepted]

    async def _run(self) -> None:
        engine = self._up_to_date()
        try:
            while engine.status == "running":
                for task_id in [] if engine.paused else engine.ready:
                    work = engine.begin(task_id)
                    state = None if self._graph.state is None else compact(work.state)
                    message = dump_input(node_input(work, state))
                    self._tasks[task_id] = asyncio.create_task(self._run_node(work.node_id, message))
                if not self._tasks:
                    return
                await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                for task_id in [task_id for task_id, task in self._tasks.items() if task.done()]:
                    task = self._tasks.pop(task_id, None)
                    if task is not None:
                        self._do(engine.apply(self._event(task_id, task), self._now()))
        finally:
            await self._let_go(engine)

    async def _run_node(self, node_id: str, message: str) -> str | Failure:
        given = load_input(message)

        async def remember(key: str, value: Json, so_far: Mapping[str, Json]) -> None:
            self._do(self._started().apply(NodeDidOnce(given.task_id, key, value), self._now()))

        is_in_workflow = self._registered.options[node_id].execution == "workflow"
        hooks = Hooks(remember=remember, is_in_workflow=is_in_workflow)
        try:
            return dump_result(await self._graph.runner.run(node_id, given, self._deps.value, hooks))
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            # It would end the event loop: sys.exit(), or an exception of the user's own of that kind.
            return failure_of(node_id, error)

    def _event(self, task_id: str, task: asyncio.Task[str | Failure]) -> Event:
        node_id = self._started().tasks[task_id].node_id
        try:
            result = task.result()
            if isinstance(result, Failure):
                return NodeFailed(task_id, result)
            return load_result(task_id, result, self._graph.runner.types(node_id))
        except (Exception, asyncio.CancelledError) as error:
            return NodeFailed(task_id, failure_of(node_id, error))

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Cancel):
                task = self._tasks.pop(command.task_id, None)
                if task is not None:
                    task.cancel()
                    self._cancelled.append(task)

    async def _let_go(self, engine: RecordingEngine) -> None:
        """Let what was cancelled end, and give up what still runs when the caller is: it is ready to begin again."""
        for task_id, task in self._tasks.items():
            task.cancel()
            if task_id in engine.tasks:
                engine.release(task_id)
        await asyncio.gather(*self._tasks.values(), *self._cancelled, return_exceptions=True)
        self._tasks.clear()
        self._cancelled.clear()

    def _stop(self) -> Stop[Any, Any]:
        engine = self._started()
        if engine.failure is not None and engine.failure.error is not None:
            raise_run_error(engine.failure.dump(), engine.failure.error)
        if engine.status == "cancelled":
            raise RunCancelledError("The run was cancelled.")
        return read_stop(self._graph, stopped(engine))


def _new_id() -> str:
    return uuid.uuid4().hex
