"""A run as its callers have it: they look at it, answer it, steer it, and wait for its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from . import sending
from .codec.text import compact
from .commands import NOTHING
from .compile import CompiledGraph
from .compile.targets import dump_fields
from .errors import RunBlockedError
from .starting import forked, kept_with, node_ids
from .temporal.names import (
    EXTEND,
    PAUSE,
    REASSIGN,
    RESUME_ALL,
    SET_BREAKPOINTS,
    UNPAUSE,
    UPDATE_STATE,
)
from .views import (
    Accepted,
    AuditEntry,
    Checkpoint,
    GraphResult,
    Interrupt,
    RunEvent,
    RunState,
    Stop,
    read_accepted,
    read_audit,
    read_checkpoint,
    read_interrupts,
    read_result,
    read_run_state,
    read_state,
    read_stop,
)

if TYPE_CHECKING:
    from temporalio.client import Client

__all__ = ["GraphRun"]

StateT = TypeVar("StateT", default=Any)
OutputT = TypeVar("OutputT", default=Any)


class GraphRun(Generic[OutputT, StateT]):
    """A run of a graph, wherever it runs: what `TemporalGraph.start` and `get_run` give.

    Attributes:
        id: The run's id, which is Temporal's workflow id.
    """

    def __init__(self, graph: CompiledGraph, client: Client, id: str) -> None:
        self.id = id
        self._graph = graph
        self._client = client
        # Not before there is a client: it brings most of the SDK, which a module of nodes does not need.
        from .temporal import client as calls
        from .temporal import looking as looks
        from .temporal import proceeding

        self._calls = calls
        self._looks = looks
        self._proceeding = proceeding
        self._handle = looks.handle_of(client, id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, graph={self._graph.name!r})"

    async def pending_interrupts(self) -> list[Interrupt]:
        """The questions that are open, oldest first.

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        return read_interrupts(await self._looks.questions(self._client, self.id))

    async def get_state(self) -> RunState[StateT]:
        """Where the run stands; also after its end, and where no worker that is there can go on with it (`blocked`).

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        try:
            return read_run_state(self._graph, await self._looks.standing(self._client, self.id))
        except RunBlockedError as error:
            from .engine import looking

            return read_run_state(self._graph, {**looking.nothing(), "status": "blocked", "problem": str(error)})

    # -- Answers ----------------------------------------------------------------------------------------------------

    async def resume(
        self,
        value: Any = NOTHING,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
        comment: str | None = None,
    ) -> Accepted:
        """Answer a question; returns as soon as the answer is taken.

        Args:
            value: The answer: for an interrupt node an object with its `Required` fields, for `interrupt()` whatever
                its `response_type` takes. A breakpoint takes anything, and none; a node that asks for no field takes
                none. Or a `Command`, which can also change the state and send the run elsewhere, in the same step.
            interrupt_id: The question; may be left out while exactly one is open. The id of a node stands for the one
                question that it has open.
            actor: Who answers.
            answer_id: An id of your own for the answer: sent again with the same id, it is the same answer.
            comment: What there is to say besides; `audit` has it, with the answer, and the node does not get it.

        Returns:
            The answer as it was taken.

        Raises:
            AnswerRefusedError: It was not; `reason` says why, and the run is as it was.
            GraphInputError: A command leads to no node of the graph, or gives it what it does not take.
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        return read_accepted(
            await self._calls.resume(
                self._client, self.id, self._answer(value, interrupt_id, actor, answer_id, comment)
            )
        )

    async def resume_all(
        self, values: Mapping[str, Any], *, actor: str | None = None, comment: str | None = None
    ) -> list[Accepted]:
        """Answer several questions together: all of the answers are taken, or none.

        Args:
            values: The answers by the ids of the questions.
            actor: Who answers.
            comment: What there is to say besides, with each of them; see `resume`.

        Returns:
            The answers as they were taken.

        Raises:
            AnswerRefusedError: One of them does not fit; the run is as it was.
            GraphInputError: There are none.
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        answers = sending.answers(self._graph, values, actor, self._calls.new_id, comment)
        return [read_accepted(item) for item in await self._calls.ask(self._client, self.id, RESUME_ALL, answers)]

    async def proceed(
        self,
        value: Any = NOTHING,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
        comment: str | None = None,
    ) -> Stop[OutputT, StateT]:
        """Answer a question, and wait for where the run stops next; see `resume`.

        Without a value and an `interrupt_id`, what takes no answer goes on, if it is the only question that is open (a
        breakpoint, a node without `Required` fields); other questions stay as they are, and this is `wait()`.

        Raises:
            AnswerRefusedError: The answer was not taken; the run is as it was.
            GraphRunError: The run failed.
        """
        if value is NOTHING and interrupt_id is None:
            waiting = await self._proceeding.waited_for(self._client, self.id)
            interrupt_id = sending.answerless(self._graph, waiting)
            if interrupt_id is None:
                return await self.wait()
        sent = self._answer(value, interrupt_id, actor, answer_id, comment)
        return read_stop(self._graph, await self._proceeding.proceed(self._client, self.id, sent))

    async def wait(self) -> Stop[OutputT, StateT]:
        """Wait, without an answer, for where the run stops next: at questions, or at its end.

        Raises:
            GraphRunError: The run failed.
        """
        return read_stop(self._graph, await self._proceeding.proceed(self._client, self.id, None))

    async def result(self) -> GraphResult[OutputT, StateT]:
        """Wait for the end of the run.

        Raises:
            GraphRunError: The run failed.
            RunCancelledError: It was cancelled, terminated or timed out.
            RunNotFoundError: There is no such run.
            GraphError: The run has finished, and this release of the graph cannot read what it returned.
        """
        outcome = await self._looks.result(self._handle)
        return read_result(self._graph, outcome.output, outcome.state)

    def _answer(
        self, value: Any, interrupt_id: str | None, actor: str | None, answer_id: str | None, comment: str | None
    ) -> dict[str, Any]:
        return sending.answer(self._graph, value, interrupt_id, actor, answer_id or self._calls.new_id(), comment)

    # -- Steering ---------------------------------------------------------------------------------------------------

    async def update_state(
        self, update: Mapping[str, Any], *, expected_version: int | None = None, actor: str | None = None
    ) -> StateT:
        """Change fields of the state; a node that runs meanwhile keeps what it changes itself.

        Args:
            update: The fields to change, with their new values.
            expected_version: The `version` that you saw: if the state has changed since, nothing is done.
            actor: Who you are.

        Returns:
            The new state.

        Raises:
            RefusedError: The state does not take it (`invalid`), or is another one by now (`conflict`), or the run has
                ended (`closed`). Nothing has changed.
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        sent = {"values": dump_fields(self._graph.state, update), **sending.conditions(expected_version, actor)}
        changed = await self._calls.ask(self._client, self.id, UPDATE_STATE, sent)
        return read_state(self._graph, changed["values"])

    async def reassign(
        self, to: str | Sequence[str], *, interrupt_id: str | None = None, actor: str | None = None
    ) -> Interrupt:
        """Ask others from now on; what has a time of its own (reminders, escalations, the deadline) keeps it.

        Args:
            to: Who is asked; an empty list for anybody.
            interrupt_id: The question; may be left out while exactly one is open.
            actor: Who you are; it is written into the audit.

        Returns:
            The question as it is now.

        Raises:
            GraphInputError: These are no names.
            RefusedError: There is no such question, or they are too few for its quorum, or may not answer it.
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        sent = sending.reassignment(to, interrupt_id, actor)
        return read_interrupts([await self._calls.ask(self._client, self.id, REASSIGN, sent)])[0]

    async def extend(
        self,
        by: timedelta | None = None,
        *,
        until: datetime | None = None,
        interrupt_id: str | None = None,
        actor: str | None = None,
    ) -> Interrupt:
        """Let a question that has a deadline wait longer; reminders and escalations stay where they are.

        Args:
            by: How much longer, in the working time of the policy's calendar, if it has one; or
            until: until when, with time zone; it may be earlier than before, but not in the past.
            interrupt_id: The question; may be left out while exactly one is open.
            actor: Who you are; it is written into the audit.

        Returns:
            The question as it is now.

        Raises:
            GraphInputError: It is neither, or both.
            RefusedError: There is no such question, or it waits for ever anyway, or that moment has passed.
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        sent = sending.extension(by, until, interrupt_id, actor)
        return read_interrupts([await self._calls.ask(self._client, self.id, EXTEND, sent)])[0]

    async def set_breakpoints(
        self, *, before: Sequence[str] | str | None = None, after: Sequence[str] | str | None = None
    ) -> None:
        """Say where the run stops for people from now on.

        Args:
            before: Ids of the nodes before which it stops; `"*"` for all, an empty list for none. Left out, they stay.
            after: Ids of the nodes after which it stops; likewise.

        Raises:
            GraphInputError: They are no ids; policies of breakpoints are given to the graph.
            RefusedError: There is no such node, or the run has ended.
            RunNotFoundError: There is no such run.
        """
        sent = {
            "before": None if before is None else node_ids("before", before),
            "after": None if after is None else node_ids("after", after),
        }
        await self._calls.ask(self._client, self.id, SET_BREAKPOINTS, sent)

    async def pause(self) -> None:
        """Let no new node start until `unpause()`; nodes that run come to their end.

        Raises:
            RefusedError: The run has ended.
            RunNotFoundError: There is no such run.
        """
        await self._calls.signal(self._client, self.id, PAUSE)

    async def unpause(self) -> None:
        """Let nodes start again.

        Raises:
            RefusedError: The run has ended.
            RunNotFoundError: There is no such run.
        """
        await self._calls.signal(self._client, self.id, UNPAUSE)

    async def cancel(self) -> None:
        """Ask for the run to end: nodes that run are cancelled, questions are closed; `get_state` still works.

        Raises:
            RefusedError: The run has ended already.
            RunNotFoundError: There is no such run.
        """
        await self._calls.cancel(self._client, self.id)

    # -- Listening --------------------------------------------------------------------------------------------------

    def stream(self, *, after: int | None = None) -> AsyncIterator[RunEvent]:
        """What happens in the run, as it happens, until the run has ended.

        Kinds: `run_started`, `node_started`, `node_finished`, `node_failed`, `state_changed`, `interrupt_opened`,
        `interrupt_answered`, `interrupt_cancelled` (its node was given up, or the run has ended), `interrupt_reminded`,
        `interrupt_escalated`, `interrupt_timed_out`, `interrupt_reassigned`, `interrupt_extended`, `emitted`,
        `run_paused`, `run_unpaused`, `run_finished`, `run_failed`, `run_cancelled`.
        The run keeps the latest 1,000 events at least, and 200 of them, or fewer large ones, when it continues as new.

        Args:
            after: The number of the last event that you have got; events come after it. Left out, all that there are.

        Raises:
            GraphInputError: `after` is no number of an event.
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        number = sending.event_number(after)
        return self._looks.events(self._client, self.id, 0 if number is None else number + 1)

    # -- The past ---------------------------------------------------------------------------------------------------

    async def history(self) -> AsyncIterator[Checkpoint[StateT]]:
        """Everything that happened in the run, oldest first, with the state after each step.

        It is made anew from Temporal's history, and so goes back as far as the server keeps that.

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        for run_id, page in await self._looks.past(self._client, self.id):
            state = page["state"]
            while True:
                for item in page["checkpoints"]:
                    checkpoint, state = read_checkpoint(self._graph, item, state)
                    yield checkpoint
                if not page["more"]:
                    break
                page = await self._looks.checkpoints(
                    self._client, self.id, run_id, int(page["checkpoints"][-1]["number"])
                )

    async def audit(self) -> list[AuditEntry]:
        """Who was asked what, who said what, and what happened to the questions meanwhile, in order.

        A run takes its latest 1,000 entries along, or fewer long ones, for as long as it lives; older ones are looked
        up in Temporal's history, as far back as the server keeps that. It works after the end of the run, too.

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        return read_audit(await self._looks.audit(self._client, self.id))

    async def fork(
        self,
        checkpoint_id: str,
        *,
        id: str,
        task_queue: str,
        update: Mapping[str, Any] | None = None,
        **start_options: Any,
    ) -> GraphRun[OutputT, StateT]:
        """Start a new run from a point in the past of this one, which stays as it is.

        Nodes that were running at that point run again in the new run; questions that were open are open there too.

        Args:
            checkpoint_id: The point; see `history`.
            id: The id of the new run.
            task_queue: The task queue of the workers that run it.
            update: Fields of the state that are to be different.
            start_options: Whatever else Temporal's `Client.start_workflow` takes.

        Returns:
            The new run.

        Raises:
            GraphInputError: There is no such checkpoint, or the run had ended by then.
            RunExistsError: The id is taken.
            RefusedError: The state does not take the update, or a question that was open cannot be asked anew.
            RunNotFoundError: There is no such run.
        """
        id, task_queue = sending.id_of_run(id), sending.queue_of_workers(task_queue)
        data = await self._looks.snapshot_at(self._client, self.id, sending.checkpoint_id(checkpoint_id))
        changes = None if update is None else dump_fields(self._graph.state, update)
        forked(self._graph, data, changes, datetime.now(UTC).isoformat())  # what would fail in the run is to fail here
        message = {
            "snapshot": compact(data),
            "fork": compact({"update": changes}),
            **kept_with(self._graph),
        }
        argument = self._calls.start_argument(self._client, message)
        await self._calls.start(self._client, self._graph.name, argument, id=id, task_queue=task_queue, **start_options)
        return GraphRun(self._graph, self._client, id)
