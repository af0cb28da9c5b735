"""The engine: a graph, what happened so far, and an event make what happens next.

It does no I/O, has no clock and calls nothing but the graph's functions.
"""

from __future__ import annotations

from dataclasses import replace

from .audit import kept_text
from .breakpoints import ANY, Breakpoints
from .events import (
    CloseInterrupt,
    Command,
    Ended,
    Event,
    Failure,
    NodeAsked,
    NodeBlocked,
    NodeDidOnce,
    NodeFailed,
    NodeFinished,
    NodeWithdrew,
    Output,
    Position,
    RunFailedError,
    SetTimer,
    Start,
    Work,
)
from .policies import Due
from .questions import TIMEOUT, Interrupt, OpenQuestions, Refused, describe, invalid, name_of, other_reading
from .spec import START, EndSpec, ForkSpec, StepSpec
from .state import Json
from .timing import Timing, later, unanswered
from .walker import Task


class EngineError(Exception):
    """An event that cannot be in the state the engine is in: a mistake of the shell, not of the user."""


class Engine(Timing):
    """One run of a graph.

    Attributes:
        paused: Whether no new node is to start.
    """

    paused = False

    # -- What the shell calls ---------------------------------------------------------------------------------------

    def apply(self, event: Event, now: str) -> list[Command]:
        """Take an event in.

        Args:
            event: What happened. The result of a task that is gone (cancelled, or the run has ended) changes nothing.
            now: The time, ISO 8601 with time zone, for what people are shown.

        Returns:
            What is to be done, in order.

        Raises:
            EngineError: The event cannot be: `Start` twice, or the result of a task that is not running.
        """
        self._now = now
        self.taken = ()
        try:
            if isinstance(event, Start):
                self._start(event)
            elif self.status == "new":
                raise EngineError(f"{type(event).__name__} came before Start.")
            elif event.task_id not in self.tasks:
                return []
            else:
                self._take_result(self.tasks[event.task_id], event)
            self._settle()
            self._take_early()
        except RunFailedError as error:
            self._fail(error.failure)
        return self._take_commands()

    def begin(self, task_id: str) -> Work:
        """Note that a ready task runs now.

        Returns:
            What it gets.
        """
        task = self.tasks[task_id]
        if task.status != "ready":
            raise EngineError(f"Task {task_id!r} is {task.status}; only a ready task can begin.")
        task.status = "running"
        if task.base is not None:
            self.shared.give_back()
        task.base = self.shared.take()
        self._running += 1
        return self._work(task, task.base.value)

    def resume(self, task_id: str) -> Work:
        """Note that a task goes on from the line where it asked, with the state that it began with.

        Returns:
            What it got when it began, with the answers there are by now.
        """
        task = self.tasks[task_id]
        if task.status != "ready" or task.base is None:
            raise EngineError(f"Task {task_id!r} is {task.status}; only a task with an answer can go on.")
        task.status = "running"
        self._running += 1
        return self._work(task, task.base.value)

    def release(self, task_id: str) -> None:
        """Note that a running task was given up without a result, and is ready to begin again."""
        task = self.tasks[task_id]
        if task.status == "running":
            self._stop_running(task)
            task.status = "ready"

    def pause(self, paused: bool) -> None:
        """Let no new node start; or let them start again."""
        self.paused = paused

    def cancel(self, now: str) -> list[Command]:
        """End the run without an output: nodes that run are cancelled, questions are closed, the state stays."""
        if self.status == "running":
            self._now = now
            self.checkpoint += 1
            self._close()
            self.status = "cancelled"
        return self._take_commands()

    def note(self, kind: str, interrupt_id: str, data: dict[str, Json], now: str) -> None:
        """Write into the audit what has become of something that the shell does for a question."""
        self.questions.audit.add(kind, now, interrupt_id, **data)

    def fork(self, update: Json, now: str) -> None:
        """Note that this run begins here, as a copy of another one; what has a time begins anew with it.

        Args:
            update: Fields of the state that are to be different from the other's; None for none.
            now: The time, ISO 8601 with time zone.

        Raises:
            Refused: The other run had ended by then, the state does not take the update, or what was asked cannot be
                asked anew. Nothing has changed.
        """
        if self.status != "running":
            raise Refused("closed", f"At this checkpoint the run was {self.status}; nothing comes after it.")
        state = self.state if update is None else self.edited(update)
        asked = [self._anew(interrupt, now) for interrupt in self.questions.open.values()]
        # What was answered is asked again if the answer turns out not to fit; but not if its time was up.
        doubtful = {
            task.id: self._anew(task.doubtful, now)
            for task in self.tasks.values()
            if task.doubtful is not None and not self._has_timed_out(task.doubtful)
        }
        self._now = now
        self.checkpoint += 1
        self.paused = False
        self.shared.edit(state)
        self.questions.audit.add("forked", now, **({} if update is None else {"update": update}))
        self.questions.open = OpenQuestions(asked)
        if update is not None:
            # Whoever changes the state here knows what is asked, and what has been answered.
            for task in self.tasks.values():
                task.marks = {position: mark and {**mark, "edited": True} for position, mark in task.marks.items()}
        for task_id, interrupt in doubtful.items():
            self.tasks[task_id].doubtful = interrupt

    def _anew(self, interrupt: Interrupt, now: str) -> Interrupt:
        """A question as if it had been asked now, if it has times of its own."""
        if interrupt.policy is None:
            return interrupt
        anew = replace(interrupt, created_at=now, escalation_level=0)
        try:
            self._guard(interrupt.node_id, self._follow, anew, interrupt.policy)
        except RunFailedError as error:
            failure = error.failure
            message = f"{interrupt.interrupt_id!r} cannot be asked anew at {now}: {failure.type}: {failure.message}"
            raise Refused("invalid", message) from error
        return anew

    def _has_timed_out(self, interrupt: Interrupt) -> bool:
        accepted = self.questions.accepted.get(interrupt.interrupt_id)
        return accepted is not None and accepted.via == TIMEOUT

    def fail(self, failure: Failure) -> None:
        """Let the run fail, for a reason of the shell's; also one that has finished, before anybody knows."""
        self.checkpoint += 1
        self.output = None
        self._fail(failure)
        self._commands = []

    # -- Looking ----------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> list[str]:
        """The tasks that are ready to run, in order."""
        return [task.id for task in self.tasks.values() if task.status == "ready"]

    @property
    def running(self) -> int:
        """How many tasks run."""
        return self._running

    @property
    def is_stopped(self) -> bool:
        """Whether nothing happens before a person does something, or ever again."""
        if self.status == "running":
            return not self._running and all(
                t.status == "waiting" or (self.paused and t.status == "ready") for t in self.tasks.values()
            )
        return self.status != "new"

    @property
    def now(self) -> str:
        """When something last happened."""
        return self._now

    @property
    def standing(self) -> str:
        """The status as people see it: `running`, `waiting`, `blocked`, `paused`, or how it ended.

        It is blocked where it holds what the release of its graph that has it now cannot read.
        """
        if self.status != "running":
            return self.status
        if self.paused:
            return "paused"
        if not self.is_stopped:
            return "running"
        is_blocked = self.is_found_blocked or any(asked.kind == "blocked" for asked in self.questions.open.values())
        return "blocked" if is_blocked else "waiting"

    @property
    def next_nodes(self) -> list[str]:
        """Ids of the nodes that run, wait, or come next, each once, in the order of the graph."""
        found = set(self.tasks.nodes)
        if self.tasks.held:
            found = {name for task in self.tasks.values() for name in self._targets(task)}
        return [node_id for node_id in self.spec.nodes if node_id in found]

    def _targets(self, task: Task) -> list[str]:
        outcome = task.held
        if outcome is None:
            return [task.node_id]
        if isinstance(outcome, Ended):
            return []
        if not isinstance(outcome, Output):
            return [outcome.node_id]
        step = self.spec.nodes[task.node_id]
        assert isinstance(step, StepSpec)
        assert step.path is not None
        node = self.spec.nodes[step.path.to]
        if isinstance(node, EndSpec):
            return []
        return [path.to for path in node.paths] if isinstance(node, ForkSpec) else [node.id]

    # -- Results of tasks -------------------------------------------------------------------------------------------

    def _start(self, event: Start) -> None:
        if self.status != "new":
            raise EngineError("A run starts once.")
        self.status = "running"
        self.checkpoint = 1
        self.shared.load(event.state, 0)
        self.breakpoints = event.breakpoints
        runs = self.forks.open(START)
        if event.node_id is None:
            self._enter(START, event.value, runs)
        else:
            self._enter_named("start_node", event.node_id, event.value, runs, is_answered=event.is_answer)

    def _take_result(
        self, task: Task, event: NodeFinished | NodeFailed | NodeBlocked | NodeAsked | NodeDidOnce | NodeWithdrew
    ) -> None:
        if isinstance(event, NodeDidOnce):
            task.once[event.key] = event.value
            return
        if task.base is None:
            raise EngineError(f"{type(event).__name__} came for task {task.id!r}, which is {task.status}, not running.")
        if isinstance(event, NodeWithdrew):
            self._withdraw(task, event.position)
            return
        if isinstance(event, NodeBlocked):
            self._block(task, event.failure)
            return
        self._unblock(task)
        # A node in the driver that waited at its line may go on for another reason than an answer.
        self._wake(task)
        step = self.spec.nodes[task.node_id]
        assert isinstance(step, StepSpec)
        if step.path is None and isinstance(event, NodeFinished) and isinstance(event.outcome, Output):
            raise EngineError(f"Node {task.node_id!r} has no path; its outcome must be Next or Ended.")
        self.checkpoint += 1
        if isinstance(event, NodeAsked | NodeFailed) and event.once is not None:
            task.once.update(event.once)
        if isinstance(event, NodeAsked):
            self._ask(task, event)
            return
        task.attempts = event.attempts if isinstance(event, NodeFailed) else 1
        try:
            if isinstance(event, NodeFailed):
                raise RunFailedError(event.failure)
            assert task.base is not None
            self.shared.merge(task.node_id, event.delta, task.base)
        except RunFailedError as error:
            if step.asks_on_failure:
                self._ask_about(task, error.failure)
                return
            del self.tasks[task.id]
            raise
        finally:
            self._stop_running(task)
        self._end_node(task, event.outcome)

    def _withdraw(self, task: Task, position: Position) -> None:
        if name_of(task.id, position) in self.questions.open:
            self.checkpoint += 1
            self._wake(task)

    def _wake(self, task: Task) -> None:
        """Let a task run that waits, or has its answer and has not gone on yet."""
        if task.status != "running":
            self._commands.extend(CloseInterrupt(name) for name in self.questions.close(task.id, self._now))
            task.status = "running"
            self._running += 1

    def _stop_running(self, task: Task) -> None:
        self._running -= 1
        self._forget_base(task)

    # -- Questions --------------------------------------------------------------------------------------------------

    def _ask(self, task: Task, event: NodeAsked) -> None:
        if event.position is None:
            task.shown = [event.value]
            self._stop_running(task)
            self._be_ready(task)
            return
        interrupt_id = name_of(task.id, event.position)
        self._running -= 1
        before, task.marks[event.position] = task.marks.get(event.position) or {}, event.mark or {}
        if event.mark and self.edits:
            task.marks[event.position] = {**event.mark, "edits": self.edits}
        for position in event.met:
            if task.marks.get(position):
                task.marks[position] = {**task.marks[position], "met": True}
        task.status = "waiting"  # it keeps its base: a node in the driver goes on with the state that it has
        if event.errors:
            doubted = self.questions.forget(interrupt_id)
            value = doubted.value if doubted is not None else task.answers.get(event.position)
            task.votes.pop(event.position, None)
            errors = list(event.errors)
            refused = Refused("invalid", describe(interrupt_id, errors), errors)
            actor = None if doubted is None else doubted.actor
            self.questions.reject(value, refused, self._now, "node", interrupt_id, actor)
            is_default = doubted is not None and doubted.via == TIMEOUT
            is_releases = before.get("code") != (event.mark or {}).get("code")
            if is_default and task.doubtful and not self._postpone(task.doubtful, is_releases=is_releases):
                raise RunFailedError(unanswered(task.doubtful, refused))
        if not event.errors and event.position in task.answers and (event.mark or {}).get("again"):
            self._take_back(task, event.position, interrupt_id)  # others are to answer it by now
        task.answers.pop(event.position, None)
        if event.instead is not None:
            self._take_back(task, event.instead, interrupt_id)
        # Of those that are known by their number alone, this one and what comes after it are others from now on.
        for number in [n for n in task.answers if not task.marks.get(n) and _is_after(n, event.position)]:
            del task.answers[number]
        asked, task.doubtful = task.doubtful, None
        if event.errors and asked is not None and asked.interrupt_id == interrupt_id:
            if (event.mark or {}).get("code") is not None:  # earlier releases asked once more as they had asked before
                asked.value, asked.response_schema = event.value, event.response_schema
            self._reopen(asked)
            return
        interrupt = Interrupt(
            interrupt_id,
            task.node_id,
            "call",
            event.value,
            event.response_schema,
            self._now,
            task.id,
            event.position,
        )
        self._open(task, interrupt, event.policy)

    def _take_back(self, task: Task, position: Position, by: str) -> None:
        """Take no answer to a question in place of which its node asks another one."""
        name = name_of(task.id, position)
        accepted = self.questions.forget(name)
        value = task.answers.pop(position, None)
        task.votes.pop(position, None)
        if name != by:
            task.marks[position] = {**task.marks[position], "gone": True}  # its number stands for nothing else
        actor = None if accepted is None else accepted.actor
        self.questions.reject(value, other_reading(name, by), self._now, "node", name, actor)

    def _reopen(self, interrupt: Interrupt) -> None:
        """Ask once more, because the last answer does not fit after all; what is due stays due."""
        self.questions.open[interrupt.interrupt_id] = interrupt
        self._announce(interrupt)

    def _block(self, task: Task, failure: Failure) -> None:
        """Let a task wait until what it gets can be read: it is tried now and then, or when the state was edited."""
        self._stop_running(task)
        task.status = "waiting"
        name = f"{task.id}.blocked"
        interrupt = self.questions.open.get(name)
        is_new = interrupt is None
        if interrupt is None:
            self.checkpoint += 1
            schema = self._guard(task.node_id, self.functions.failure_schema, task.node_id)
            interrupt = Interrupt(name, task.node_id, "blocked", None, schema, self._now, task.id)
        interrupt.value = self._about(task, failure)
        interrupt.due = [Due(later(interrupt.created_at, self._now), "retry")]
        if is_new:
            self.questions.ask(interrupt)
            self._announce(interrupt)
        else:
            self._commands.append(SetTimer(name))

    def _unblock(self, task: Task) -> None:
        """Close the question of a task that was blocked, for it has run."""
        if f"{task.id}.blocked" in self.questions.open:
            self._commands.extend(CloseInterrupt(name) for name in self.questions.close(task.id, self._now))

    def _ask_about(self, task: Task, failure: Failure) -> None:
        """Ask what is to become of a node that has failed for good."""
        task.failures += 1
        task.failure = failure
        task.status = "waiting"
        shown = self._about(task, failure)
        name = f"{task.id}.failure" if task.failures == 1 else f"{task.id}.failure-{task.failures}"
        schema = self._guard(task.node_id, self.functions.failure_schema, task.node_id)
        self._open(task, Interrupt(name, task.node_id, "failure", shown, schema, self._now, task.id))

    @staticmethod
    def _about(task: Task, failure: Failure) -> dict[str, Json]:
        """What is shown of a node that cannot go on."""
        error: dict[str, Json] = {"type": failure.type, "message": failure.message}
        if failure.path is not None:
            error["path"] = list(failure.path)
        return {"error": error, "attempts": task.attempts, "inputs": kept_text(task.value.data)}

    # -- The state --------------------------------------------------------------------------------------------------

    def check_update(self, update: Json, expected_version: int | None, via: str | None = None) -> Json:
        """Look whether the state can be changed by a person; changes nothing.

        Args:
            update: The fields to change, with their new values.
            expected_version: The version that the person saw; None for any.
            via: Which way it came; None where it is only looked whether it would be taken.

        Returns:
            The state as it would be.

        Raises:
            Refused: It cannot.
        """
        if self.status != "running":
            raise Refused("closed", f"The run is {self.status}; its state cannot be changed any more.")
        if expected_version is not None and expected_version != self.shared.version:
            raise Refused(
                "conflict",
                f"The state has version {self.shared.version} by now, not {expected_version}: somebody, or a node, has "
                "changed it since. Look at it again.",
            )
        return self._judged(via, lambda is_taken: self.edited(update, is_taken))

    def update(
        self,
        update: Json,
        expected_version: int | None,
        now: str,
        actor: str | None = None,
        via: str = "update",
    ) -> list[Command]:
        """Change the state for a person; see `check_update`.

        Args:
            update: See `check_update`.
            expected_version: See `check_update`.
            now: The time, ISO 8601 with time zone.
            actor: Who it is.
            via: Which way it came.

        Returns:
            What is to be done.

        Raises:
            Refused: See `check_update`.
        """
        state = self.check_update(update, expected_version, via)
        self._now = now
        self.checkpoint += 1
        self.shared.edit(state)
        self.edits += 1
        self.questions.audit.add("state_updated", now, actor=actor, via=via, update=update)
        self._try_all_again()
        return self._take_commands()

    # -- Breakpoints ------------------------------------------------------------------------------------------------

    def check_breakpoints(self, breakpoints: Breakpoints, via: str | None = None) -> None:
        """Look whether there are these nodes; changes nothing.

        Args:
            breakpoints: Where the run is to stop.
            via: Which way they came; None where it is only looked whether they would be taken.

        Raises:
            Refused: There are not; or the run has ended.
        """
        if self.status != "running":
            raise Refused("closed", f"The run is {self.status}; it does not stop anywhere.")
        self._judged(via, lambda is_taken: is_taken or self._check_names(breakpoints))

    def _check_names(self, breakpoints: Breakpoints) -> None:
        for name in (*breakpoints.before, *breakpoints.after):
            if name != ANY and not isinstance(self.spec.nodes.get(name), StepSpec):
                raise invalid(
                    "breakpoints", f"There is no node {name!r} to stop at. The nodes: {self._known()}; or '*'."
                )

    def set_breakpoints(self, breakpoints: Breakpoints, now: str, via: str = "update") -> list[Command]:
        """Say where the run stops for people from now on; also before nodes that are ready and have not begun.

        Raises:
            Refused: See `check_breakpoints`.
        """
        self.check_breakpoints(breakpoints, via)
        self._now = now
        self.breakpoints = breakpoints
        try:
            for task in self.tasks.values():
                is_fresh = task.status == "ready" and task.base is None and not task.answers and not task.failures
                has_passed = f"{task.id}.before" in self.questions.accepted
                if is_fresh and not has_passed and breakpoints.stops("before", task.node_id):
                    self._break(task, "before")
        except RunFailedError as error:
            self._fail(error.failure)
        self._opened.clear()
        return self._take_commands()


def _is_after(position: Position, other: Position) -> bool:
    return isinstance(position, int) and isinstance(other, int) and position > other
