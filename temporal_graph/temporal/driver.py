"""The graph driver: the engine inside a workflow. Commands become activities, results become events."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, is_cancelled_exception

from ..codec.text import compact
from ..compile.asking import Hooks
from ..compile.contexts import NoDeps
from ..compile.step_functions import LostError, StepFunction
from ..engine import snapshot
from ..engine.audit import Entry
from ..engine.breakpoints import Breakpoints
from ..engine.events import (
    Cancel,
    CloseInterrupt,
    Command,
    Event,
    Failure,
    NodeBlocked,
    NodeDidOnce,
    NodeFailed,
    NodeWithdrew,
    OpenInterrupt,
    OutdatedError,
    Position,
    RunFailedError,
    SetTimer,
    Start,
    Work,
    failure_of,
    is_the_runtimes,
)
from ..engine.policies import Due
from ..engine.questions import Accepted, Answer, Interrupt, Refused, invalid
from ..engine.raised import is_a
from ..engine.recording import RecordingEngine
from ..engine.shortened import shorten, whole
from ..engine.sizes import json_size, size_of
from ..engine.spec import END
from ..engine.state import Json
from ..engine.voting import no_room
from ..errors import GraphInputError
from ..messages import NodeInput, Question, asked, dump_input, dump_result, load_result, node_input
from ..options import NodeOptions
from ..registry import RegisteredGraph
from ..starting import load_start
from .collecting import without_collecting
from .drift import Drift
from .failures import is_unread
from .judging import Judge, Made
from .kept import dump_error, load_error, told_by
from .local_nodes import LocalNodes
from .messages import Extension, Reassignment, StartMessage, StateUpdate, check_sent
from .names import (
    BLOCKED,
    BOUNDED,
    CONTINUES,
    FIRST_TASK,
    LARGE,
    MARK,
    NODES_JUDGE,
    NODES_REFUSE,
    NUMBERS,
    OUTDATED,
    PAYLOAD_TOO_LARGE,
    SHORT_NAMES,
    UNREAD,
    VOTES,
    WAITING,
    activity_name,
)
from .notifying import Notifying
from .payloads import PayloadTooLargeError, UnreadableError, from_raw, to_raw, too_large
from .resting import Rest
from .sent import BUDGET, Sent
from .streaming import Events
from .summaries import details, node_summary, summary
from .telling import Teller
from .timers import Timers
from .trials import Trials
from .turns import Turns
from .visibility import Showing

SUGGESTED = 4_096
"""Events after which servers, as they are set up, suggest to continue as new; they do not see one long task grow."""
HARD_EVENTS, HARD_BYTES = 40_000, 40_000_000
"""A history of this length must end: at 51,200 events, or 50 MB, the server ends the run."""
PATIENCE = 10
"""Seconds for which nodes that could start are held back, so that those that run can end, before a run continues."""
LONGEST_DELAY = 600.0
"""Seconds after which a node is given to a worker again, at most, if one could not read what it gets."""
MAX_RUNNING = 1_000
"""Nodes of one run that run at once: half of the 2,000 pending activities that a server allows a workflow."""
LONGEST_LETTER, AROUND_INPUT = 4, 2_000
"""Bytes of a letter, and around what a node gets, at most."""
AROUND_OUTPUT = 30
"""Bytes around the output and the final state, where a run returns them."""
MOST_LATE = 250
"""Of the nodes beyond these, where others wait in the workflow for people: how many begin, or go on, with one task."""
SHARES = (1, 1 / 4, 1 / 16, 1 / 64, 0)
"""How much of the room for what it only remembers (audit, answers, refusals, events) a large run takes along."""
RETRY = 500
"""Events after which a run that was too large to continue as new looks whether it is smaller by now."""

DEFAULT_RETRIES = RetryPolicy(maximum_attempts=5)
DEFAULT_TIMEOUT = timedelta(minutes=10)
DEFAULT_HEARTBEAT = timedelta(seconds=30)


class Driver:
    """Drives one run.

    Attributes:
        engine: The run.
        is_leaving: The run is about to continue as new; what waits in it must go and come again.
        turns: What has been sent to it, and has yet to be done.
        sent: What it sends to the server with the task at hand.
    """

    @without_collecting
    def __init__(self, graph: RegisteredGraph, start: StartMessage, events: Events, *, was_taken: bool = False) -> None:
        self.graph = graph
        self.events = events
        self.is_leaving = False
        self._given = start.given
        self._running: dict[str, asyncio.Future[Any]] = {}
        self._suspended: dict[str, tuple[Position, asyncio.Future[tuple[Json, list[Json]]]]] = {}
        self._arrived: list[tuple[int, str, Event | asyncio.Future[Any] | Due]] = []
        self._is_woken = False
        self._first = workflow.info().get_current_history_length()
        self._is_draining = False
        self._fulls = 0
        self._full_until = 0
        self._steps_running = 0
        self._has_moved = False
        self._has_waited = False
        self._task = self._task_before = self._commanded = 0
        self._is_replayed = self._was_replayed = False
        self._signals = 0
        self._is_signaled = False
        self._local = (0, 0)
        self._late = Rest(self._wake)
        self._begun = (0, 0)
        self._patience: asyncio.TimerHandle | None = None
        self._not_before = 0
        self._unread = 0
        self._unreadable: UnreadableError | None = None
        self._is_over = False
        self._shown = -1
        self._state_text: tuple[Json, str | None] = (None, None)
        self._measured: tuple[str, int] = ("", 0)
        compiled = graph.compiled
        is_anothers = start.graph not in (None, compiled.shape)
        self._drift = Drift(workflow.info().workflow_id, graph.name, is_quiet=is_anothers)
        origin = whole(json.loads(start.snapshot)) if start.snapshot is not None else None
        self._policies = compiled.policies.kept() if start.policies is None else start.policies.data
        self._made = Made(self._mark)
        functions = compiled.functions.keeping(start.policies, self._made)
        self.engine = RecordingEngine(compiled.spec, functions, compiled.plan, origin)
        # It always may: not all that a release changes can be seen.
        self.engine.outlives_releases = True
        self.engine.is_anothers = is_anothers
        self.engine.judge = Judge(self._mark, lambda: self.turns.is_late)
        self.engine.measure = self._measure
        self._judge = Judge(self._mark, names=(NODES_JUDGE, NODES_REFUSE))
        self._numbers: bool | None = None
        self.engine.shared.tells_numbers = self._tells_numbers
        self._large: bool | None = None
        self._edits = 0
        self.engine.shared.most = graph.payload_limit
        self.engine.shared.refuses_large = self._refuses_large
        events.on_read = self.see_message
        self._tell = Teller(self.engine, events)
        self._timers = Timers(self.engine, self._on_due, self._mark, self._wake)
        self._showing = Showing(graph.shows)
        self.trials = Trials(self.engine, compiled)
        self.sent = Sent(graph.coding, self._wake)
        self._bounded: bool | None = None
        self._locals = LocalNodes(self.sent, self._bounds_local)
        self.turns = Turns(self._wake, self._command)
        self.notifying = Notifying(graph.notifies, self._note, self._wake, start.unsent, self.sent)
        if start.slip is not None and not was_taken:
            raise GraphInputError(start.slip)
        if origin is None:
            breakpoints = graph.breakpoints if start.breakpoints is None else start.breakpoints
            event = load_start(
                compiled,
                start.inputs,
                start.state,
                start.start_node,
                breakpoints,
                was_taken=was_taken,
                is_anothers=is_anothers,
            )
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
        self._tell.audited()
        for interrupt_id, interrupt in self.engine.questions.open.items():
            # It is another run, with other timers, and nobody has been told that it asks.
            self.notifying.tell(Entry(0, _now(), "asked", interrupt_id, question=interrupt.public()))

    # -- What handlers call -----------------------------------------------------------------------------------------

    def answer(self, answers: Sequence[Answer], via: str) -> list[Accepted]:
        """Take answers; see `Engine.answer_all`."""
        full = self.engine.full(answers)
        if full is not None and self._mark(f"{VOTES}-{len(full.answers)}"):  # earlier releases took all that came
            raise no_room(full)
        self._let_in(self.engine.no_room(answers))
        self._check_size(answers[0].state_update, via)
        before, was = self.engine.state, self.engine.questions.audit.latest
        accepted, commands = self.engine.answer_all(answers, _now(), via)
        if self.engine.questions.audit.latest != was:
            self._tell.answered(accepted)
        self._tell.followed(before, commands)
        self._tell.answered(self.engine.taken)
        self._do(commands)
        self._check_end()
        if via == "update" and self.trials.begin(accepted):
            self._command()
        return accepted

    def check_room(self, answers: Sequence[Answer]) -> None:
        """Look whether there is room for answers beside those that others have given.

        Raises:
            Refused: There is none.
        """
        full = self.engine.full(answers)
        refused = self.engine.no_room(answers) if full is None else no_room(full)
        if refused is not None:
            raise refused

    def _let_in(self, refused: Refused | None) -> None:
        """Refuse that for which there is no room; earlier releases took all that came."""
        if refused is not None and self._mark(f"{VOTES}-all-{self.engine.questions.audit.latest}"):
            raise refused

    def _check_size(self, update: Json, via: str) -> None:
        """Refuse a change by signal, or one that has waited for signals, for which the state has no room.

        How much room there is, is a matter of the worker: what it has refused has a mark, and is refused in a replay.
        """
        most = self.graph.payload_limit
        if update is None or (via == "update" and not self.turns.is_late):
            return
        self._edits += 1
        refused = Refused("invalid", "The state would be larger than the worker that got this can send.")
        is_small = most is None or json_size(self.engine.state) + json_size(update) < most / 2
        if not workflow.unsafe.is_replaying():
            if is_small and not self.engine.ready:
                return
            try:
                state = self.engine.edited(update)
            except Refused:
                return  # it is refused for that
            message = self.engine.too_large(state)
            if message is None:
                return
            refused = invalid("state", message)
        if self._mark(f"{LARGE}-{self._edits}"):
            raise refused

    def reject(self, answer: Json, refused: Refused) -> None:
        """Keep what came by signal and is not taken."""
        self.engine.reject(answer, refused, _now(), "signal")
        self._has_changed()

    def reassign(self, change: Reassignment, via: str) -> Interrupt:
        """Ask others; see `Engine.reassign`."""
        self._let_in(self.engine.questions.no_room(change.to))
        name = self.engine.reassign(change.interrupt_id, change.to, change.actor, _now(), via)
        self._has_changed()
        return self.engine.questions.open[name]

    def check_extend(self, change: Extension) -> None:
        """See `Engine.check_extend`."""
        self.engine.check_extend(change.interrupt_id, change.by, change.until, _now())

    def extend(self, change: Extension, via: str) -> Interrupt:
        """Let a question wait longer; see `Engine.extend`."""
        name, commands = self.engine.extend(change.interrupt_id, change.by, change.until, change.actor, _now(), via)
        self._do(commands)
        return self.engine.questions.open[name]

    def update(self, update: StateUpdate, via: str) -> None:
        """Change the state for a person; see `Engine.update`."""
        self._check_size(update.values, via)
        before = self.engine.state
        commands = self.engine.update(update.values, update.expected_version, _now(), update.actor, via)
        self._tell.followed(before, [])
        self._do(commands)

    def _note(self, kind: str, interrupt_id: str, data: dict[str, Json]) -> None:
        self.engine.note(kind, interrupt_id, data, _now())
        self._has_changed()

    def _has_changed(self) -> None:
        """Tell what is new in the audit, and let the loop see to the rest."""
        for entry in self._tell.audited():
            # A question that had its answer before it opened was never asked of anybody.
            if entry.kind != "asked" or entry.interrupt_id in self.engine.questions.open:
                self.notifying.tell(entry)
        self._is_woken = True

    def _wake(self) -> None:
        self._is_woken = True

    def set_breakpoints(self, breakpoints: Breakpoints, via: str) -> None:
        """Say where the run stops for people; see `Engine.set_breakpoints`."""
        commands = self.engine.set_breakpoints(breakpoints, _now(), via)
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
        commands = self.engine.cancel(_now())
        self._tell.followed(self.engine.state, commands)
        self._do(commands)
        self._is_over = True
        self._tell.ended()
        self._showing.show(self.engine)
        self._show_details()

    def show(self) -> None:
        """Show once more what the run waits for, and whether it is blocked; see `Showing`."""
        self._showing.again()
        self._is_woken = True
        # What another release can read is no concern of a replay: that this one could not is in the history.
        is_replaying = workflow.unsafe.is_replaying()
        if not self.engine.is_found_blocked and (is_replaying or self.engine.problem is not None):
            task = workflow.info().get_current_history_length()
            self.engine.is_found_blocked = workflow.patched(f"{BLOCKED}-{task}")

    def to_raw(self, text: str, what: str) -> RawValue:
        """JSON text as a payload; see `payloads.to_raw`."""
        return to_raw(text, what, self.graph.payload_limit)

    # -- The loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> str | None:
        """Drive the run to its end, or to where it continues as new.

        Returns:
            The snapshot to continue from, as JSON text; None where the run has ended.
        """
        has_changed = False
        try:
            while self.engine.status == "running":
                is_draining = self._wants_to_continue()
                if is_draining and not self.engine.running and not self._steps_running:
                    snapshot_text = await self._leave()
                    if snapshot_text is not None and not await self.sent.make_room(size_of(snapshot_text)):
                        return snapshot_text
                    continue
                is_told = self.notifying.send()
                self._come_for_large()
                if is_draining:
                    self._be_patient()
                elif not self.engine.paused and not self.turns.is_resting:
                    self._start_ready()
                if self._timers.set() or is_told:
                    self._command()
                self._showing.show(self.engine)
                self._show_details()
                self._leave_a_mark(has_changed=has_changed)
                await workflow.wait_condition(
                    lambda: self._is_woken or (bool(self._arrived) and not self.turns.is_resting)
                )
                if self._unreadable is not None:
                    raise self._unreadable
                self._is_woken = False
                latest, state = self.engine.questions.audit.latest, self.engine.state
                await self.turns.finish()
                self._take_arrived()
                has_changed = self.engine.questions.audit.latest != latest or self.engine.state is not state
            self._showing.show(self.engine)
            self._show_details()
        finally:
            # A workflow that is only evicted comes here too, when nothing can be asked of the SDK any more.
            for task in self._running.values():
                task.cancel()
        return None

    def _show_details(self) -> None:
        """Let the Temporal UI say what is waited for."""
        latest = self.engine.questions.audit.latest
        if latest != self._shown:
            self._shown = latest
            workflow.set_current_details(details(self.engine))

    def _leave_a_mark(self, *, has_changed: bool) -> None:
        """Let no first task of a history be without a command, nor one that another task could be taken together with.

        A worker that has not seen the run takes a task without a command, after another one without, and one with an
        update that follows, for one: the update is handled before the results that came earlier, and on the first task
        before `run` has begun. A question that is open is not open then, an edit of the state comes too early, and the
        history is longer than it was for what came by signal. Later all of it is replayed in its order. A task that was
        only a refused update is not replayed at all: after a replay there may have been one without a command.
        """
        self.see_task()
        is_signaled, self._is_signaled = self._is_signaled, False
        is_quiet = self._commanded != self._task
        if not self._has_waited:
            self._has_waited = True
            if self._showing.is_marked:
                self._commanded = self._task
            elif all(self.graph.options[self.engine.tasks[i].node_id].execution == "workflow" for i in self._running):
                self._mark(FIRST_TASK)
        elif (has_changed or is_signaled) and (
            workflow.unsafe.is_replaying()
            or (is_quiet and (is_signaled or self._was_replayed or self._commanded != self._task_before))
        ):
            # A number that is never the same again.
            number = self.engine.checkpoint + self.engine.questions.audit.latest + self._signals
            self._mark(f"{MARK}-{number}")

    def _mark(self, name: str) -> bool:
        """Give the task at hand a command; in a replay, only where it had this one, which is returned."""
        is_marked = workflow.patched(name)
        if is_marked:
            self._commanded = self._task
        return is_marked

    def _tells_numbers(self) -> bool:
        """Whether two branches that made the same of a number are a conflict; earlier releases took it for one change.

        It is asked where there are two, and only then costs a command. When the past is told, it has been asked.
        """
        if self._numbers is None:
            self._numbers = self._mark(NUMBERS)
        return self._numbers

    def _bounds_local(self) -> bool:
        """Whether only so many local nodes run at once; it is asked where there are as many."""
        if self._bounded is None:
            self._bounded = self._mark(BOUNDED)
        return self._bounded

    def _refuses_large(self) -> bool:
        """Whether a node fails that makes the state too large; in earlier releases the next one did, likewise."""
        if self._large is None:
            self._large = self._mark(LARGE)
        return self._large

    def see_signal(self) -> None:
        """Note that something comes by signal."""
        self.see_message()
        self._signals += 1
        self._is_signaled = True

    def check_signal(self, sent: Any) -> None:
        """Look whether names in a signal are short enough; earlier releases took them all.

        Raises:
            Refused: They are not.
        """
        try:
            check_sent(sent)
        except Refused:
            if workflow.patched(f"{SHORT_NAMES}-{self._signals}"):
                self._command()
                raise

    def see_message(self) -> None:
        """Note that something has come which stays in the history, and may have made it too long."""
        self.see_task()
        # As it was for what does nothing else in the loop: an old history may have gone on.
        if self._is_long and not self._is_draining and self._may_continue_anew():
            self._is_draining = self._is_woken = True

    def name_of_signal(self, kind: str) -> str:
        """A name that stands for the signal at hand, and is never the same again."""
        return f"{kind}-{self._signals}"

    def see_task(self) -> None:
        """Note that there is another workflow task; each has a longer history than the one before."""
        length = workflow.info().get_current_history_length()
        if length != self._task:
            self._task_before, self._task = self._task, length
            self._was_replayed, self._is_replayed = self._is_replayed, workflow.unsafe.is_replaying()

    def _command(self) -> None:
        """Note that the task at hand has a command."""
        self.see_task()
        self._commanded = self._task

    def _wants_to_continue(self) -> bool:
        if not self._is_long:
            self._is_draining = False
        elif not self._is_draining:
            self._is_draining = (self._has_moved and not self._fulls) or self._may_continue_anew()
        return self._is_draining

    @property
    def _is_long(self) -> bool:
        """Whether the history is to end; never for what it began with: the next one would begin with the same."""
        info = workflow.info()
        length = self._history_length()
        if length <= self._first:
            return False
        if length >= HARD_EVENTS or info.get_current_history_size() >= HARD_BYTES:
            return True
        return length >= self._not_before and (length >= self._limit or info.is_continue_as_new_suggested())

    def _may_continue_anew(self) -> bool:
        """Whether a run continues as new that has only waited so far, or was too large for it before.

        Earlier releases let such a run go on in its history, so it has a mark where it does not.
        """
        length = self._history_length()
        if not workflow.unsafe.is_replaying() and self._fulls:
            if length < self._full_until:
                return False
            self._full_until = length + min(self._limit, RETRY)
            with contextlib.suppress(RunFailedError):  # it fails when it leaves
                if self._shorter_text(self._dump()) is None:
                    return False
        if not workflow.patched(f"{CONTINUES}-{self._fulls}-{length}"):
            return False
        self._command()
        return True

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
        await self.notifying.settle()
        # Not before: who is sent away comes again at once.
        self.is_leaving = True
        self.events.drain()
        await self.turns.finish_handlers()
        if self.engine.status != "running":
            return None
        # What is left are nodes that wait here for a person; they run again from their top, with the answers there are.
        for task_id in list(self._running):
            self._suspended.pop(task_id, None)
            self._running.pop(task_id).cancel()
        unsent = self.notifying.dump()
        try:
            found = self._dump()
        except RunFailedError as error:
            self.engine.fail(error.failure)
            self.is_leaving = False
            self._check_end()
            return None
        try:
            whole_message, message = self._message(found, None, unsent), self._message(found, 1, unsent)
            text = self._text(whole_message)
            if message != whole_message:
                with contextlib.suppress(PayloadTooLargeError):
                    return self._text(message)
            return text
        except PayloadTooLargeError as error:
            if unsent:
                await self.notifying.settle(room=0)
                return await self._leave()
            # Earlier releases took all along, or stayed; a replay need not write it down for that.
            name = f"{CONTINUES}-shorter-{self._history_length()}"
            if not workflow.unsafe.is_replaying() or workflow.patched(name):
                shorter = self._shorter_text(found)
                if shorter is not None and workflow.patched(name):
                    return shorter
            workflow.logger.warning("The run cannot continue as new and goes on in its history: %s", error)
            self._fulls += 1
            self._full_until = self._history_length() + min(self._limit, RETRY)
            self.is_leaving = self._is_draining = False
            self.events.fill()
            return None

    @without_collecting
    def _dump(self) -> dict[str, Any]:
        """The run as it is; see `snapshot.dump`."""
        return snapshot.dump(self.engine)

    def _message(self, found: dict[str, Any], share: float | None, unsent: Sequence[Any] = ()) -> dict[str, Any]:
        """What the run continues with.

        Args:
            found: Its snapshot.
            share: How much of the room for what it only remembers is used; None for as much as in earlier releases.
            unsent: Its notifications that are on their way.
        """
        message = {
            "snapshot": snapshot.sharing(found, self.engine, share),
            "stream": self.events.dump(share),
            "given": self._given,
            "policies": self._policies,
            "graph": self.graph.compiled.shape.dump(),
        }
        return {**message, "unsent": unsent} if unsent else message

    @without_collecting
    def _text(self, message: dict[str, Any]) -> str:
        """The same as text.

        Raises:
            PayloadTooLargeError: It is too large.
        """
        text = compact(message)
        self.to_raw(text, "The snapshot of the run")
        return text

    @without_collecting
    def _shorter_text(self, found: dict[str, Any]) -> str | None:
        """The same, compressed, with as much of what it remembers as there is room for; None where there is none."""
        short = shorten(found)
        for share in SHARES:
            with contextlib.suppress(PayloadTooLargeError):
                return self._text(self._message(short, share))
        return None

    def _take_arrived(self) -> None:
        """Apply what came in this activation, in the order of the tasks, whatever order it came in.

        What takes too long together is applied in the tasks that follow.
        """
        if self.turns.is_resting:
            return
        self.turns.begin()
        arrived, self._arrived = self._arrived, []
        arrived.sort(key=lambda item: item[0])
        for count, (_, name, result) in enumerate(arrived, 1):
            event = result
            if isinstance(result, Due):
                self._has_moved = True
                self._come_due(name, result)
            elif (event := self._event(name, result) if isinstance(result, asyncio.Future) else result) is not None:
                self._has_moved = True
                self._apply(event)
            if event is not None and self.engine.status == "running" and self.turns.rests():
                self._arrived[:0] = arrived[count:]
                break
        self._check_end()

    def _on_due(self, interrupt_id: str, due: Due) -> None:
        interrupt = self.engine.questions.open.get(interrupt_id)
        if interrupt is not None:  # it may have been answered in this very activation
            self._arrived.append((self.engine.tasks[interrupt.task_id].number, interrupt_id, due))

    def _come_due(self, interrupt_id: str, due: Due) -> None:
        before = self.engine.state
        commands = self.engine.come_due(interrupt_id, _now(), due, self._timers.find_due(interrupt_id, due))
        self._tell.followed(before, commands)
        self._tell.answered(self.engine.taken)
        self._do(commands)

    def _apply(self, event: Event) -> None:
        before = self.engine.state
        event = self.trials.look_at(event)
        if isinstance(event, NodeBlocked) and event.task_id in self._suspended:
            self._suspended.pop(event.task_id)
            self._running.pop(event.task_id).cancel()
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
        if not future.cancelled() and future.exception() is None and future.result() is None:
            self.engine.release(task_id)  # it was held back for a moment
            return None
        if self.graph.options[node_id].execution == "local":
            length = workflow.info().get_current_history_length()
            since, count = self._local
            self._local = (length, count + 1 if since == length else 1)
        try:
            result = future.result()
            if (later := self._locals.later(task_id, future)) is not None:
                self._running[task_id] = later
                return None
            if isinstance(result, Failure):
                return self._failed(task_id, result)
            text = from_raw(result) if isinstance(result, RawValue) else result
            self._drift.look(task_id, node_id, text)
            return load_result(task_id, text, self.graph.compiled.runner.types(node_id))
        except (ActivityError, ApplicationError) as error:  # a local node's error comes without one around it
            if is_unread(error) and workflow.patched(UNREAD):
                self._start_later(task_id, node_id, error)
                return None
            if is_cancelled_exception(error):
                # Not by the engine: the run itself is being cancelled, and the loop is about to hear of it.
                return NodeFailed(task_id, Failure(node_id, "CancelledError", "The node was cancelled."))
            return self._failed(task_id, _failure(node_id, error), error)
        except asyncio.CancelledError:
            # Nobody waits here, and the engine has not: it is the node itself that has cancelled its own task.
            return NodeFailed(task_id, Failure(node_id, "CancelledError", "The node cancelled itself."))
        except (UnreadableError, OutdatedError):
            raise  # this fails the task, not the run: another worker, or release, can read it
        except Exception as error:
            return NodeFailed(task_id, _failure(node_id, error))

    def _start_later(self, task_id: str, node_id: str, error: ActivityError | ApplicationError) -> None:
        """Let a node begin again that a worker has taken which could not read what it gets."""
        self._unread += 1
        delay = min(2.0 ** (self._unread - 1), LONGEST_DELAY)
        workflow.logger.warning(
            "Node %r was taken by a worker that could not read what it gets, and begins again in %g s: %s",
            *(node_id, delay, (error.cause or error) if isinstance(error, ActivityError) else error),
        )
        said = summary(f"{node_id} begins again: a worker could not read what it gets")
        waiting = asyncio.ensure_future(workflow.sleep(delay, summary=said))
        self._command()
        self._await(task_id, waiting)

    def _failed(self, task_id: str, failure: Failure, error: ActivityError | ApplicationError | None = None) -> Event:
        if failure.type == OUTDATED or _is_unknown(failure):
            return NodeBlocked(task_id, failure)
        if error is None:
            return NodeFailed(task_id, failure)
        attempts, once = _attempts(error, self.graph.options[failure.node_id]), None
        if (told := told_by(error)) is not None:
            attempts, once = max(attempts, told.attempt), told.once
        return NodeFailed(task_id, failure, attempts, once)

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            if type(command) is SetTimer or type(command) is CloseInterrupt:
                self._timers.look_at(command.interrupt_id)
            elif type(command) is Cancel:
                self._suspended.pop(command.task_id, None)
                self._drift.forget(command.task_id)
                task = self._running.pop(command.task_id, None)
                if task is not None:
                    task.cancel()
        self._has_changed()

    # -- Nodes ------------------------------------------------------------------------------------------------------

    def _start_ready(self) -> None:
        if len(self._running) - len(self._suspended) >= MAX_RUNNING:
            return
        for task_id in self.engine.ready:
            if self._is_full():
                return  # the next result brings us here again, or the next task
            if self.sent.is_enough(BUDGET, "nodes", is_any=bool(self._running)):
                return
            if task_id in self._suspended:
                self._continue(task_id)
            elif self._is_local(task_id) and not self._locals.may_begin():
                return
            else:
                self._start(self.engine.begin(task_id))

    def _is_full(self) -> bool:
        """Whether as many nodes run as may at once.

        Nodes that wait for people where they ask, in the workflow, do not run. Earlier releases counted them, so that
        nothing went on any more, with an answer neither, once so many waited.
        """
        if len(self._running) < MAX_RUNNING:
            return False
        if len(self._running) - len(self._suspended) >= MAX_RUNNING or self._late.is_on:
            return True
        self.see_task()
        if self._begun[0] != self._task:
            self._begun = self._task, 0
        if not self._mark(f"{WAITING}-{self._task}"):
            return True
        self._begun = self._task, self._begun[1] + 1
        if self._begun[1] > MOST_LATE:
            self._late.begin("the rest of the nodes")
        return self._late.is_on

    def _start(self, work: Work) -> None:
        message = node_input(work, self._state(work.state))
        options = self.graph.options[work.node_id]
        text = dump_input(message)
        try:
            if options.execution == "workflow":
                future: asyncio.Future[Any] = asyncio.ensure_future(self._run_here(work, message))
            else:
                argument = self.to_raw(text, f"What node {work.node_id!r} gets (its input and the state)")
                said = node_summary(work, self.graph.compiled.spec.nodes[work.node_id])
                begin = functools.partial(self._start_activity, work.node_id, argument, options, said)
                future = self._locals.begin(begin) if options.execution == "local" else begin()
                self._drift.give(work.task_id, text)
        except PayloadTooLargeError as error:
            failure = Failure(work.node_id, PAYLOAD_TOO_LARGE, str(error))
            self._arrived.append(
                (self.engine.tasks[work.task_id].number, work.task_id, NodeFailed(work.task_id, failure))
            )
            self._is_woken = True
            return
        self._await(work.task_id, future)
        self._tell.node_began(work.task_id, work.node_id)
        self.sent.add(text, is_sent=options.execution == "activity")

    def _await(self, task_id: str, future: asyncio.Future[Any]) -> None:
        self._running[task_id] = future
        number = self.engine.tasks[task_id].number
        future.add_done_callback(functools.partial(self._on_done, number, task_id))

    def _is_local(self, task_id: str) -> bool:
        return self.graph.options[self.engine.tasks[task_id].node_id].execution == "local"

    def _come_for_large(self) -> None:
        """Come for the large results of local nodes; see `LocalNodes`."""
        for task_id, future in self._locals.come_for(lambda name, one: self._running.get(name) is one):
            self._await(task_id, future)

    def _on_done(self, number: int, task_id: str, future: asyncio.Future[Any]) -> None:
        self._arrived.append((number, task_id, future))

    def _start_activity(
        self, node_id: str, argument: RawValue, options: NodeOptions, said: str | None
    ) -> asyncio.Future[Any]:
        text = options.summary or said
        common: dict[str, Any] = {
            "result_type": RawValue,
            "start_to_close_timeout": options.start_to_close_timeout or DEFAULT_TIMEOUT,
            "schedule_to_close_timeout": options.schedule_to_close_timeout,
            "retry_policy": options.retry_policy or DEFAULT_RETRIES,
            "summary": None if text is None else summary(text),
        }
        self._command()
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

    def _measure(self, work: Work, more: int) -> str | None:
        """Why what a node would get, or the end, cannot be sent; see `Engine.measure`."""
        most = self.graph.payload_limit
        if most is None or (work.node_id != END and self.graph.options[work.node_id].execution == "workflow"):
            return None
        what, sent = f"What node {work.node_id!r} would get (its input and the state)", self._state(work.state) or ""
        is_plain = not (work.answers or work.votes or work.once or work.marks)
        if is_plain and LONGEST_LETTER * (len(sent) + len(work.value.data)) + more + AROUND_INPUT < most:
            return None  # there may be thousands
        if work.node_id == END:
            what, size = "The output with the final state", size_of(work.value.data) + AROUND_OUTPUT
        else:
            size = size_of(dump_input(node_input(work, "")))
        if self._measured[0] is not sent:  # thousands of answers may be looked at beside one large state
            self._measured = sent, size_of(sent)
        size += self._measured[1] + more
        return f"{what} is {too_large(size, most)}" if size > most else None

    # -- Nodes that run here ----------------------------------------------------------------------------------------

    async def _run_here(self, work: Work, message: NodeInput) -> str | Failure:
        deps = NoDeps(f"Node {work.node_id!r}")
        emit = functools.partial(self._emit, work)
        hooks = Hooks(
            functools.partial(self._ask, work.task_id),
            functools.partial(self._remember, work.task_id),
            functools.partial(self._do_step, work.task_id),
            dump_error,
            load_error,
            is_in_workflow=True,
            judge=functools.partial(self._judge, "node"),
            is_right=self._made,
        )
        try:
            return dump_result(await self.graph.compiled.runner.run(work.node_id, message, deps, hooks, emit))
        except (UnreadableError, OutdatedError):
            raise  # this fails the task, not the run: another worker, or release, can read it
        except BaseException as error:
            if is_the_runtimes(error) or (is_a(error, asyncio.CancelledError) and _is_being_cancelled()):
                raise
            # As it may be anything, here: it would leave the event loop (sys.exit()), or not say what it is.
            return _failure(work.node_id, error)

    async def _emit(self, work: Work, data: Json) -> None:
        self._tell.emitted(work.task_id, work.node_id, data)

    async def _remember(self, task_id: str, key: str, value: Json, so_far: Mapping[str, Json]) -> None:
        if task_id in self.engine.tasks:
            self._apply(NodeDidOnce(task_id, key, value))

    async def _do_step(self, task_id: str, function: StepFunction, text: str) -> str:
        """Run a function that a node here calls, as an activity."""
        argument = self.to_raw(text, f"What node {task_id!r} gives to {function.name!r}")
        options = self.graph.options[function.name]
        said = f"{function.name} of {task_id}"
        self._steps_running += 1
        try:
            while True:
                try:
                    await self.sent.take(size_of(text))
                    return from_raw(await self._start_activity(function.name, argument, options, said))
                except ActivityError as error:
                    if not (is_unread(error) and workflow.patched(UNREAD)):
                        raise
                self._unread += 1
                await workflow.sleep(min(2.0 ** (self._unread - 1), LONGEST_DELAY))
        except UnreadableError as error:
            # Not for the node, which may catch whatever it is: it fails the task.
            self._unreadable = error
            self._is_woken = True
            await asyncio.get_running_loop().create_future()
            raise
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == LostError.__name__:
                raise LostError(error.cause.message) from error
            raise
        finally:
            self._steps_running -= 1
            self._is_woken = True

    def _ask(self, task_id: str, question: Question) -> Awaitable[tuple[Json, list[Json]]]:
        """Suspend a node at its own line until its question is answered."""
        future: asyncio.Future[tuple[Json, list[Json]]] = asyncio.get_running_loop().create_future()
        position = question.position
        assert position is not None
        self._suspended[task_id] = (position, future)
        number = self.engine.tasks[task_id].number
        self._arrived.append((number, task_id, asked(task_id, question)))

        def on_done(done: asyncio.Future[tuple[Json, list[Json]]]) -> None:
            if done.cancelled() and self._suspended.get(task_id) == (position, done):
                del self._suspended[task_id]
                self._arrived.append((number, task_id, NodeWithdrew(task_id, position)))

        future.add_done_callback(on_done)
        return future

    def _continue(self, task_id: str) -> None:
        work = self.engine.resume(task_id)
        position, future = self._suspended.pop(task_id)
        if not future.done():
            future.set_result((work.answers[position], work.votes.get(position, [])))


def _attempts(error: ActivityError | ApplicationError, options: NodeOptions) -> int:
    """How often a node was tried; 1 where nobody knows."""
    if isinstance(error, ActivityError) and error.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED:
        return (options.retry_policy or DEFAULT_RETRIES).maximum_attempts
    return 1


def _failure(node_id: str, error: BaseException) -> Failure:
    cause = error.cause if type(error) is ActivityError else None
    found = failure_of(node_id, error if cause is None else cause)
    return replace(found, error=None)  # which would keep all that it has seen


def _is_being_cancelled() -> bool:
    """Whether somebody cancels the task that runs this."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_unknown(failure: Failure) -> bool:
    """Whether a worker did not know a node: it has another release of the graph."""
    return failure.type == "NotFoundError" and failure.message.startswith("Activity function ")


def _now() -> str:
    return workflow.now().isoformat()
