"""The engine: a graph, what happened so far, and an event make what happens next.

It does no I/O, has no clock and calls nothing but the graph's functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .breakpoints import ANY, Breakpoints
from .events import (
    Command,
    Encoded,
    Ended,
    Event,
    Failure,
    NodeAsked,
    NodeFailed,
    NodeFinished,
    OpenInterrupt,
    Outcome,
    Output,
    Run,
    RunFailedError,
    Start,
    Work,
    is_the_runtimes,
    message_of,
)
from .forks import Runs
from .questions import Accepted, Answer, Interrupt, Refused
from .spec import END, START, EndSpec, ForkSpec, JoinSpec, StepSpec
from .state import Json
from .walker import Task, Walker


class EngineError(Exception):
    """An event that cannot be in the state the engine is in: a mistake of the shell, not of the user."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """What an answer that has been checked will do; nothing of it can fail any more.

    Attributes:
        interrupt: The question that it answers; None where a node that asks nothing is sent elsewhere.
        task: The task that goes on, or is sent elsewhere.
        value: An interrupt node with the answer's fields set.
        state: The state with the answer's changes; None for none.
        target: Where the run goes on instead, and what is given to that node.
    """

    interrupt: Interrupt | None
    task: Task
    value: Encoded | None
    state: tuple[Json] | None
    target: tuple[str, Encoded] | None


class Engine(Walker):
    """One run of a graph.

    Attributes:
        paused: Whether no new node is to start.
        checkpoint: How often something has changed what comes next.
        taken: The answers that were kept early and have been taken with the last event or answer.
    """

    paused = False
    checkpoint = 0
    taken: tuple[Accepted, ...] = ()

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
        return Work(task.id, task.node_id, task.value, task.base.value, dict(task.answers))

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
        return Work(task.id, task.node_id, task.value, task.base.value, dict(task.answers))

    def release(self, task_id: str) -> None:
        """Note that a running task was given up without a result, and is ready to begin again."""
        task = self.tasks[task_id]
        if task.status == "running":
            self._stop_running(task)
            task.status = "ready"

    def pause(self, paused: bool) -> None:
        """Let no new node start; or let them start again."""
        self.paused = paused

    def cancel(self) -> list[Command]:
        """End the run without an output: nodes that run are cancelled, questions are closed, the state stays."""
        if self.status == "running":
            self.checkpoint += 1
            self._close()
            self.status = "cancelled"
        return self._take_commands()

    def fork(self, update: Json, now: str) -> None:
        """Note that this run begins here, as a copy of another one.

        Args:
            update: Fields of the state that are to be different from the other's; None for none.
            now: The time, ISO 8601 with time zone.

        Raises:
            Refused: The other run had ended by then, or the state does not take the update.
        """
        if self.status != "running":
            raise Refused("closed", f"At this checkpoint the run was {self.status}; nothing comes after it.")
        state = self.state if update is None else self._edited(update)
        self._now = now
        self.checkpoint += 1
        self.paused = False
        if update is not None:
            self.shared.edit(state)

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
            return all(t.status == "waiting" or (self.paused and t.status == "ready") for t in self.tasks.values())
        return self.status != "new"

    @property
    def now(self) -> str:
        """When something last happened."""
        return self._now

    @property
    def standing(self) -> str:
        """The status as people see it: `running`, `waiting`, `paused`, `finished`, `failed` or `cancelled`."""
        if self.status != "running":
            return self.status
        if self.paused:
            return "paused"
        return "waiting" if self.is_stopped else "running"

    @property
    def next_nodes(self) -> list[str]:
        """Ids of the nodes that run, wait, or come next."""
        found: list[str] = []
        for task in self.tasks.values():
            found.extend([task.node_id] if task.held is None else self._targets(task, task.held))
        return found

    def _targets(self, task: Task, outcome: Outcome) -> list[str]:
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

    def _take_result(self, task: Task, event: NodeFinished | NodeFailed | NodeAsked) -> None:
        if task.status != "running":
            raise EngineError(f"{type(event).__name__} came for task {task.id!r}, which is {task.status}, not running.")
        step = self.spec.nodes[task.node_id]
        assert isinstance(step, StepSpec)
        if step.path is None and isinstance(event, NodeFinished) and isinstance(event.outcome, Output):
            raise EngineError(f"Node {task.node_id!r} has no path; its outcome must be Next or Ended.")
        self.checkpoint += 1
        if isinstance(event, NodeAsked):
            self._ask(task, event)
            return
        try:
            if isinstance(event, NodeFailed):
                raise RunFailedError(event.failure)
            assert task.base is not None
            self.shared.merge(task.node_id, event.delta, task.base)
        except RunFailedError:
            del self.tasks[task.id]
            raise
        finally:
            self._stop_running(task)
        if self.breakpoints.stops("after", task.node_id):
            task.held = event.outcome
            self._break(task, "after")
        else:
            self._end_task(task, event.outcome)

    def _end_task(self, task: Task, outcome: Outcome) -> None:
        """Let a task end, and its token go on."""
        del self.tasks[task.id]
        if isinstance(outcome, Output):
            step = self.spec.nodes[task.node_id]
            assert isinstance(step, StepSpec)
            assert step.path is not None
            self._send(step.path, outcome.value, task.runs)
        elif isinstance(outcome, Ended):
            self._enter(END, outcome.value, task.runs)
        else:
            self._enter_named(task.node_id, outcome.node_id, outcome.value, task.runs)
        self._leave(task.holds)

    def _enter_named(self, source: str, node_id: str, value: Encoded, runs: Runs, *, is_answered: bool = False) -> None:
        node = self.spec.nodes.get(node_id)
        if not isinstance(node, StepSpec | JoinSpec):
            known = ", ".join(repr(i) for i, n in self.spec.nodes.items() if isinstance(n, StepSpec | JoinSpec))
            message = (
                f"{source} leads to {node_id!r}, which is no node of graph {self.spec.name!r}. Its nodes: {known}."
            )
            raise RunFailedError(Failure(source, "UnknownNodeError", message))
        self._enter(node_id, value, runs, is_answered=is_answered)

    def _stop_running(self, task: Task) -> None:
        self._running -= 1
        self._forget_base(task)

    # -- Questions --------------------------------------------------------------------------------------------------

    def _ask(self, task: Task, event: NodeAsked) -> None:
        interrupt_id = f"{task.id}.{event.position}"
        self._running -= 1
        task.status = "waiting"  # it keeps its base: a node in the driver goes on with the state that it has
        if event.errors:
            doubted = self.questions.accepted.pop(interrupt_id, None)
            value = doubted.value if doubted is not None else task.answers.get(event.position)
            errors = list(event.errors)
            self.questions.reject(value, Refused("invalid", _describe(interrupt_id, errors), errors), self._now)
        for position in [p for p in task.answers if p >= event.position]:
            del task.answers[position]
        self._open(
            Interrupt(
                interrupt_id,
                task.node_id,
                "call",
                event.value,
                event.response_schema,
                self._now,
                task.id,
                event.position,
            )
        )

    def _take_early(self) -> None:
        """Answer what has just opened with what was kept for it."""
        while self._opened:
            interrupt = self._opened.pop(0)
            if self.questions.open.get(interrupt.interrupt_id) is not interrupt:
                continue
            kept = self.questions.early.pop(interrupt.interrupt_id, None)
            if kept is None:
                continue
            early = Answer(kept.interrupt_id, kept.value, actor=kept.actor, answer_id=kept.answer_id)
            try:
                planned = self._plan(early)
            except Refused as refused:
                self.questions.reject(early.value, refused, self._now)
                continue
            if not isinstance(planned, _Planned):
                continue  # the same answer has been taken for another question
            self._commands.remove(OpenInterrupt(interrupt.interrupt_id))
            self.taken = (*self.taken, self._accept(planned, early))
            self._carry_out(planned, early)

    # -- Answers ----------------------------------------------------------------------------------------------------

    def check(self, answer: Answer) -> None:
        """Look whether an answer would be taken; changes nothing.

        Raises:
            Refused: It would not be taken.
        """
        self._plan(answer)

    def answer(self, answer: Answer, now: str) -> tuple[Accepted, list[Command]]:
        """Take an answer.

        Returns:
            The acceptance (of the first one, where the same answer was sent before), and what is to be done.

        Raises:
            Refused: It is not taken, and nothing has changed.
        """
        [accepted], commands = self.answer_all([answer], now)
        return accepted, commands

    def check_all(self, answers: Sequence[Answer]) -> None:
        """Look whether several answers would be taken together; changes nothing.

        Raises:
            Refused: They would not.
        """
        self._plan_all(answers)

    def answer_all(self, answers: Sequence[Answer], now: str) -> tuple[list[Accepted], list[Command]]:
        """Take several answers; all of them, or none.

        Returns:
            The acceptances, and what is to be done.

        Raises:
            Refused: One of them is not taken, and nothing has changed.
        """
        planned = self._plan_all(answers)
        self._now = now
        self.taken = ()
        if any(isinstance(plan, _Planned) for plan in planned):
            self.checkpoint += 1
        accepted: list[Accepted] = []
        taken: list[tuple[_Planned, Answer]] = []
        for answer, plan in zip(answers, planned, strict=True):
            if isinstance(plan, Accepted):
                accepted.append(plan)
            elif plan is None:
                accepted.append(self._keep(answer))
            else:
                accepted.append(self._accept(plan, answer))
                taken.append((plan, answer))
        try:
            for plan, answer in taken:
                self._carry_out(plan, answer)
            self._settle_answers()
        except RunFailedError as error:
            self._fail(error.failure)
        return accepted, self._take_commands()

    def _settle_answers(self) -> None:
        if self.status == "running":
            self._settle()
            self._take_early()

    def reject(self, answer: Json, refused: Refused, now: str) -> None:
        """Keep an answer that came where it cannot be refused to its sender."""
        self.questions.reject(answer, refused, now)

    def _plan_all(self, answers: Sequence[Answer]) -> list[_Planned | Accepted | None]:
        planned = [self._plan(answer) for answer in answers]
        if len(answers) > 1:
            self._check_together(answers, planned)
        return planned

    def _check_together(self, answers: Sequence[Answer], planned: Sequence[_Planned | Accepted | None]) -> None:
        seen: dict[str, None] = {}
        answer_ids: dict[str, None] = {}
        for answer, plan in zip(answers, planned, strict=True):
            if answer.goto is not None or answer.state_update is not None:
                raise Refused(
                    "invalid", "Of several answers none can have goto or state_update; send such a one alone."
                )
            interrupt_id = answer.interrupt_id if plan is None else None
            if isinstance(plan, _Planned) and plan.interrupt is not None:
                interrupt_id = plan.interrupt.interrupt_id
            if interrupt_id is not None and interrupt_id in seen:
                raise Refused("ambiguous", f"Two of the answers are for {interrupt_id!r}.")
            if interrupt_id is not None:
                seen[interrupt_id] = None
            if answer.answer_id is not None and not isinstance(plan, Accepted):
                if answer.answer_id in answer_ids:
                    raise Refused("ambiguous", f"Two of the answers have the answer_id {answer.answer_id!r}.")
                answer_ids[answer.answer_id] = None
        self.questions.check_room([answer for answer, plan in zip(answers, planned, strict=True) if plan is None])

    def _plan(self, answer: Answer) -> _Planned | Accepted | None:
        """Look what an answer would do: None for one that will be kept until its question opens."""
        found = self._find(answer)
        if isinstance(found, Accepted):
            return found
        if found is None:
            if answer.goto is not None or answer.state_update is not None:
                message = f"{answer.interrupt_id!r} is not open yet; an answer with goto or state_update cannot wait."
                raise Refused("unknown_interrupt", message)
            return None
        interrupt, task = found
        target = None if answer.goto is None else self._plan_goto(task, answer.goto)
        state = None if answer.state_update is None else (self._edited(answer.state_update),)
        value = None
        if interrupt is not None and (target is None or answer.value is not None):
            if interrupt.kind == "call" and not answer.has_value:
                message = f"{interrupt.interrupt_id!r} takes an answer; only to change the state there is update_state."
                raise _invalid("value", message)
            value = self._plan_value(interrupt, task, answer.value)
        return _Planned(interrupt, task, value, state, target)

    def _find(self, answer: Answer) -> tuple[Interrupt | None, Task] | Accepted | None:
        if answer.goto is not None and not self.questions.closed and self.questions.known(answer) is None:
            if answer.interrupt_id in self.tasks and answer.interrupt_id not in self.questions.open:
                return None, self.tasks[answer.interrupt_id]
            if answer.interrupt_id is None and not self.questions.open and self.tasks:
                if len(self.tasks) == 1:
                    return None, next(iter(self.tasks.values()))
                ids = ", ".join(repr(task_id) for task_id in self.tasks)
                raise Refused(
                    "ambiguous", f"{len(self.tasks)} nodes are on their way. Say which with interrupt_id: {ids}."
                )
        will_ask = [task.id for task in self.tasks.values() if self._will_ask(task)]
        found = self.questions.find(answer, self.visits, self.tasks, will_ask)
        return (found, self.tasks[found.task_id]) if isinstance(found, Interrupt) else found

    def _will_ask(self, task: Task) -> bool:
        """Whether it is an interrupt node that stands at a breakpoint before its own question."""
        node = self.spec.nodes[task.node_id]
        is_asking = isinstance(node, StepSpec) and node.waits and not task.is_answered
        return is_asking and f"{task.id}.before" in self.questions.open

    def _plan_value(self, interrupt: Interrupt, task: Task, value: Json) -> Encoded | None:
        if interrupt.kind in ("before", "after"):
            return None
        try:
            errors = self.functions.check(interrupt.node_id, _schema_of(interrupt), value)
            if not errors:
                return self.functions.fill(task.node_id, task.value, value) if interrupt.kind == "node" else None
        except BaseException as error:
            # A validator of the user's, which failed: no answer may fail a run.
            if is_the_runtimes(error):
                raise
            errors = [_error(error)]
        raise Refused("invalid", _describe(interrupt.interrupt_id, errors), errors)

    def _plan_goto(self, task: Task, goto: dict[str, Json]) -> tuple[str, Encoded]:
        node_id, data = goto.get("node_id"), goto.get("data")
        node = self.spec.nodes.get(node_id) if isinstance(node_id, str) else None
        if not isinstance(node, StepSpec | EndSpec):
            raise _invalid("goto", f"There is no node {node_id!r} to go to. The nodes: {self._known()}.")
        fork_id = self.forks.lacking(node.id, task.runs)
        if fork_id is not None:
            message = (
                f"Node {node.id!r} is behind fork {fork_id!r}, of which {task.id!r} is no branch; a join waits there."
            )
            raise _invalid("goto", message)
        try:
            value, errors = self.functions.arrive(node.id, data)
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            value, errors = None, [_error(error)]
        if value is None:
            errors = [{**error, "loc": ["goto", "data", *error["loc"]]} for error in errors]
            raise Refused("invalid", f"This cannot be given to node {node.id!r}: {_listed(errors)}.", errors)
        return node.id, value

    def _keep(self, answer: Answer) -> Accepted:
        assert answer.interrupt_id is not None
        kept = Accepted(answer.interrupt_id, self._now, answer.actor, answer.answer_id, answer.value)
        self.questions.early[answer.interrupt_id] = kept
        return kept

    def _accept(self, plan: _Planned, answer: Answer) -> Accepted:
        if plan.state is not None:
            self.shared.edit(plan.state[0])
        # The task's own id would take the place of the answer to an interrupt node.
        name = plan.interrupt.interrupt_id if plan.interrupt is not None else f"{plan.task.id}.goto"
        return self.questions.accept(name, answer, self._now)

    def _carry_out(self, plan: _Planned, answer: Answer) -> None:
        task, interrupt = plan.task, plan.interrupt
        if plan.target is not None:
            self._go(task, *plan.target)
        elif interrupt is not None:
            self._go_on(task, interrupt, plan.value, answer.value)

    def _go_on(self, task: Task, interrupt: Interrupt, filled: Encoded | None, answer: Json) -> None:
        if interrupt.kind == "after":
            assert task.held is not None
            self._end_task(task, task.held)
        elif interrupt.kind == "before":
            self._be_ready(task)
        else:
            if filled is not None:
                task.value, task.is_answered = filled, True
            elif interrupt.position is not None:
                task.answers[interrupt.position] = answer
            task.status = "ready"
            self._commands.append(Run(task.id))

    def _go(self, task: Task, node_id: str, value: Encoded) -> None:
        """Send the token of a task elsewhere; what the task does is not wanted any more."""
        self._drop(task)
        self._enter(node_id, value, task.runs, is_answered=self.functions.is_answered(node_id, value))
        self._leave(task.holds)

    # -- The state --------------------------------------------------------------------------------------------------

    def check_update(self, update: Json, expected_version: int | None) -> Json:
        """Look whether the state can be changed by a person; changes nothing.

        Args:
            update: The fields to change, with their new values.
            expected_version: The version that the person saw; None for any.

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
        return self._edited(update)

    def update(self, update: Json, expected_version: int | None, now: str) -> None:
        """Change the state for a person; see `check_update`."""
        state = self.check_update(update, expected_version)
        self._now = now
        self.checkpoint += 1
        self.shared.edit(state)

    def _edited(self, update: Json) -> Json:
        try:
            state, errors = self.functions.edit(self.state, update)
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            state, errors = None, [_error(error)]
        if errors:
            raise Refused("invalid", f"The state cannot take this: {_listed(errors)}.", errors)
        return state

    # -- Breakpoints ------------------------------------------------------------------------------------------------

    def check_breakpoints(self, breakpoints: Breakpoints) -> None:
        """Look whether there are these nodes; changes nothing.

        Raises:
            Refused: There are not; or the run has ended.
        """
        if self.status != "running":
            raise Refused("closed", f"The run is {self.status}; it does not stop anywhere.")
        for name in (*breakpoints.before, *breakpoints.after):
            if name != ANY and not isinstance(self.spec.nodes.get(name), StepSpec):
                raise _invalid(
                    "breakpoints", f"There is no node {name!r} to stop at. The nodes: {self._known()}; or '*'."
                )

    def set_breakpoints(self, breakpoints: Breakpoints, now: str) -> list[Command]:
        """Say where the run stops for people from now on; also before nodes that are ready and have not begun.

        Raises:
            Refused: See `check_breakpoints`.
        """
        self.check_breakpoints(breakpoints)
        self._now = now
        self.breakpoints = breakpoints
        for task in self.tasks.values():
            is_fresh = task.status == "ready" and task.base is None and not task.answers
            has_passed = f"{task.id}.before" in self.questions.accepted
            if is_fresh and not has_passed and breakpoints.stops("before", task.node_id):
                self._break(task, "before")
        self._opened.clear()
        return self._take_commands()

    def _known(self) -> str:
        return ", ".join(repr(node_id) for node_id, node in self.spec.nodes.items() if isinstance(node, StepSpec))


def _invalid(place: str, message: str) -> Refused:
    return Refused("invalid", message, [{"loc": [place], "msg": message, "type": place}])


def _error(error: BaseException) -> dict[str, Any]:
    """What is wrong with an answer, where that was found out by an exception."""
    return {"loc": [], "msg": f"{type(error).__name__}: {message_of(error)}", "type": "error"}


def _schema_of(interrupt: Interrupt) -> dict[str, Any] | None:
    return None if interrupt.kind == "node" else (interrupt.response_schema or {})


def _describe(interrupt_id: str, errors: list[dict[str, Any]]) -> str:
    return f"The answer does not fit {interrupt_id!r}: {_listed(errors)}."


def _listed(errors: list[dict[str, Any]]) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'value'}: {e['msg']}" for e in errors)
