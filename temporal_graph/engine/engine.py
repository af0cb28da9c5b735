"""The engine: a graph, what happened so far, and an event make what happens next.

It does no I/O, has no clock and calls nothing but the graph's functions. Everything has one order: tokens first in,
first out; branches as declared; items of a map by index.
"""

from __future__ import annotations

from asyncio.exceptions import CancelledError
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from .events import (
    Cancel,
    Command,
    Encoded,
    Ended,
    Event,
    Fail,
    Failure,
    Finish,
    NodeAsked,
    NodeFailed,
    NodeFinished,
    OpenInterrupt,
    Output,
    Run,
    Start,
    Work,
    failure_of,
    message_of,
)
from .forks import ForkRuns, Joining, Runs
from .functions import Functions, Value
from .questions import Accepted, Answer, Interrupt, Questions, Refused
from .spec import END, START, DecisionSpec, EndSpec, ForkSpec, GraphSpec, JoinSpec, Path, StartSpec, StepSpec
from .state import AUTO, Conflict, Json, Op, Plan, Writes, apply, diff

Status = Literal["new", "running", "finished", "failed"]
TaskStatus = Literal["ready", "running", "waiting"]
T = TypeVar("T")


class EngineError(Exception):
    """An event that cannot be in the state the engine is in: a mistake of the shell, not of the user."""


@dataclass(slots=True, eq=False)
class Task:
    """A token that rests at a step.

    Attributes:
        id: `node:visit`.
        number: Its place in the order of all tasks; results that arrive together are applied in this order.
        node_id: The step.
        value: Its input.
        runs: The fork runs that it is inside of.
        holds: The joins that wait for it.
        status: `ready` to run, `running`, or `waiting` for a person.
        base: The state that it began with, while it runs, or waits where it is.
        since: How much had been written to the state by then; None while it has not begun.
        answers: What people answered to its `interrupt()` calls, by position.
    """

    id: str
    number: int
    node_id: str
    value: Encoded
    runs: Runs
    holds: tuple[Joining, ...]
    status: TaskStatus = "ready"
    base: Json = None
    since: int | None = None
    answers: dict[int, Json] = field(default_factory=dict[int, Json])


@dataclass(slots=True, eq=False)
class _Token:
    """A value on its way, at a node that the engine has yet to look at."""

    node_id: str
    value: Value
    runs: Runs
    holds: tuple[Joining, ...]
    is_dropped: bool = False


class _Stop(Exception):
    """The run fails; unwinds to `apply`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Engine:
    """One run of a graph.

    Attributes:
        status: Where the run stands.
        state: The state of the graph as of now, a JSON tree that is never changed in place.
        tasks: The tasks that have not ended, by id, in the order of their numbers.
        output: What the run ended with, once it is `finished`.
        failure: Why it failed, once it is `failed`.
        questions: What is asked of people.
    """

    def __init__(self, spec: GraphSpec, functions: Functions, plan: Plan = AUTO) -> None:
        self.spec = spec
        self.status: Status = "new"
        self.state: Json = None
        self.tasks: dict[str, Task] = {}
        self.visits: dict[str, int] = dict.fromkeys(spec.step_ids, 0)
        self.output: Encoded | None = None
        self.failure: Failure | None = None
        self.questions = Questions()
        self.forks = ForkRuns(spec)
        self.next_number = 0
        self._functions = functions
        self._plan = plan
        self._queue: deque[_Token] = deque()
        self._commands: list[Command] = []
        self._writes = Writes()
        self._begun = 0
        self._running = 0
        self._now = ""

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
        try:
            if isinstance(event, Start):
                self._start(event)
            elif self.status == "new":
                raise EngineError(f"{type(event).__name__} came before Start.")
            elif event.task_id in self.tasks:
                self._take_result(self.tasks[event.task_id], event)
            self._settle()
        except _Stop as stop:
            self._fail(stop.failure)
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
        if task.since is None:
            self._begun += 1
        task.base, task.since = self.state, self._writes.number
        self._running += 1
        return Work(task.id, task.node_id, task.value, task.base, dict(task.answers))

    def resume(self, task_id: str) -> Work:
        """Note that a task goes on from the line where it asked, with the state that it began with.

        Returns:
            What it got when it began, with the answers there are by now.
        """
        task = self.tasks[task_id]
        if task.status != "ready":
            raise EngineError(f"Task {task_id!r} is {task.status}; only a task with an answer can go on.")
        task.status = "running"
        self._running += 1
        return Work(task.id, task.node_id, task.value, task.base, dict(task.answers))

    def release(self, task_id: str) -> None:
        """Note that a running task was given up without a result, and is ready to begin again."""
        task = self.tasks[task_id]
        if task.status == "running":
            self._stop_running(task)
            task.status = "ready"

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
        """Whether nothing happens before a person answers, or ever again."""
        if self.status == "running":
            return all(task.status == "waiting" for task in self.tasks.values())
        return self.status != "new"

    def check(self, answer: Answer) -> Interrupt | Accepted | None:
        """Look whether an answer would be taken; changes nothing.

        Returns:
            The question that it answers; or the acceptance of the same answer, sent before; or None for an answer that
            will be kept until its question opens.

        Raises:
            Refused: It would not be taken.
        """
        found = self.questions.find(answer, self.visits, self.tasks)
        for name in ("state_update", "goto"):
            if getattr(answer, name) is not None:
                error = {"loc": [name], "msg": f"{name} is not supported", "type": "not_supported"}
                raise Refused("invalid", f"An answer with {name} is not supported.", [error])
        if isinstance(found, Interrupt):
            self._validate(found, answer.value)
        return found

    def _validate(self, interrupt: Interrupt, value: Json) -> None:
        try:
            errors = self._functions.check(interrupt.node_id, _schema_of(interrupt), value)
        except Exception as error:
            # A validator of the user's, which failed: no answer may fail a run.
            errors = [_error(error)]
        if errors:
            raise Refused("invalid", _describe(interrupt.interrupt_id, errors), errors)

    def answer(self, answer: Answer, now: str) -> tuple[Accepted, list[Command]]:
        """Take an answer.

        Returns:
            The acceptance (of the first one, where the same answer was sent before), and what is to be done.

        Raises:
            Refused: It is not taken, and nothing has changed.
        """
        self._now = now
        found = self.check(answer)
        if isinstance(found, Accepted):
            return found, []
        if found is None:
            assert answer.interrupt_id is not None
            kept = Accepted(answer.interrupt_id, now, answer.actor, answer.answer_id, answer.value)
            self.questions.early[answer.interrupt_id] = kept
            return kept, []
        return self._accept(found, answer), self._take_commands()

    def reject(self, answer: Json, refused: Refused, now: str) -> None:
        """Keep an answer that came where it cannot be refused to its sender."""
        self.questions.reject(answer, refused, now)

    def fail(self, failure: Failure) -> None:
        """Let the run fail, for a reason of the shell's; also one that has finished, before anybody knows."""
        self.output = None
        self._fail(failure)
        self._commands = []

    # -- Results of tasks -------------------------------------------------------------------------------------------

    def _start(self, event: Start) -> None:
        if self.status != "new":
            raise EngineError("A run starts once.")
        self.status = "running"
        self.state = event.state
        runs = self.forks.open(START)
        if event.node_id is None:
            self._enter(START, event.value, runs)
        else:
            self._enter_named("start_node", event.node_id, event.value, runs)
            if event.is_answer and isinstance(self.spec.nodes[event.node_id], StepSpec):
                self._rest(self._queue.popleft(), asks=False)

    def _take_result(self, task: Task, event: NodeFinished | NodeFailed | NodeAsked) -> None:
        if task.status != "running":
            raise EngineError(f"{type(event).__name__} came for task {task.id!r}, which is {task.status}, not running.")
        if isinstance(event, NodeAsked):
            self._ask(task, event)
            return
        try:
            if isinstance(event, NodeFailed):
                raise _Stop(event.failure)
            self._merge(task, event.delta)
        finally:
            self._stop_running(task)
            del self.tasks[task.id]
        outcome = event.outcome
        if isinstance(outcome, Output):
            step = self.spec.nodes[task.node_id]
            assert isinstance(step, StepSpec)
            if step.path is None:
                raise EngineError(f"Node {task.node_id!r} has no path; its outcome must be Next or Ended.")
            self._send(step.path, outcome.value, task.runs)
        elif isinstance(outcome, Ended):
            self._enter(END, outcome.value, task.runs)
        else:
            self._enter_named(task.node_id, outcome.node_id, outcome.value, task.runs)
        self._leave(task.holds)

    def _enter_named(self, source: str, node_id: str, value: Encoded, runs: Runs) -> None:
        node = self.spec.nodes.get(node_id)
        if not isinstance(node, StepSpec | JoinSpec):
            known = ", ".join(repr(i) for i, n in self.spec.nodes.items() if isinstance(n, StepSpec | JoinSpec))
            message = (
                f"{source} leads to {node_id!r}, which is no node of graph {self.spec.name!r}. Its nodes: {known}."
            )
            raise _Stop(Failure(source, "UnknownNodeError", message))
        self._enter(node_id, value, runs)

    def _stop_running(self, task: Task) -> None:
        self._running -= 1
        self._forget_base(task)

    def _forget_base(self, task: Task) -> None:
        if task.since is not None:
            task.base = task.since = None
            self._begun -= 1
            if not self._begun:
                self._writes.forget()

    def _merge(self, task: Task, delta: list[Op]) -> None:
        if not delta:
            return
        assert task.since is not None
        try:
            self.state = apply(self.state, delta, self._plan, base=task.base, since=task.since, writes=self._writes)
        except Conflict as conflict:
            raise _Stop(self._describe_conflict(task.node_id, conflict)) from conflict
        except (Exception, CancelledError) as error:
            # A merge function of the user's, or a delta that is none.
            message = f"Merging the state: {message_of(error)}"
            raise _Stop(Failure(task.node_id, type(error).__name__, message)) from error
        self._note(task.node_id, delta)

    def _note(self, writer: str, delta: list[Op]) -> None:
        if self._begun:
            self._writes.note(writer, delta)

    def _describe_conflict(self, node_id: str, conflict: Conflict) -> Failure:
        path = conflict.path
        other = repr(conflict.writer) if conflict.writer else "another branch"
        place = "state" + "".join(f"[{key!r}]" if isinstance(key, int) else f".{key}" for key in path)
        message = (
            f"Parallel branches changed {place} differently: {other} made it {_short(conflict.current)}, "
            f"{node_id!r} made it {_short(conflict.mine)}; it was {_short(conflict.base)}. Say how they merge, with "
            "Annotated[..., Merge.sum], Merge.last, Merge.max or Merge(function) on the field, or let each branch "
            "write to a place of its own."
        )
        return Failure(node_id, "StateConflictError", message, path)

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

    def _open(self, interrupt: Interrupt) -> None:
        self.questions.open[interrupt.interrupt_id] = interrupt
        kept = self.questions.early.pop(interrupt.interrupt_id, None)
        if kept is not None:
            early = Answer(kept.interrupt_id, kept.value, actor=kept.actor, answer_id=kept.answer_id)
            try:
                self.check(early)
                self._accept(interrupt, early)
                return
            except Refused as refused:
                self.questions.reject(early.value, refused, self._now)
        self._commands.append(OpenInterrupt(interrupt.interrupt_id))

    def _accept(self, interrupt: Interrupt, answer: Answer) -> Accepted:
        task = self.tasks[interrupt.task_id]
        if interrupt.position is None:
            try:
                task.value = self._functions.fill(task.node_id, task.value, answer.value)
            except Exception as error:
                errors = [_error(error)]
                raise Refused("invalid", _describe(interrupt.interrupt_id, errors), errors) from error
        else:
            task.answers[interrupt.position] = answer.value
        accepted = self.questions.accept(interrupt.interrupt_id, answer, self._now)
        task.status = "ready"
        self._commands.append(Run(task.id))
        return accepted

    # -- Tokens -----------------------------------------------------------------------------------------------------

    def _enter(self, node_id: str, value: Value, runs: Runs) -> None:
        runs = self.forks.alive(runs)
        self._queue.append(_Token(node_id, value, runs, self.forks.enter(node_id, runs)))

    def _leave(self, holds: tuple[Joining, ...]) -> None:
        for joining in self.forks.leave(holds):
            # Firing one can only count others up or down; it may have been fired or dropped by one before it.
            if joining.is_due:
                self._fire(joining)

    def _send(self, path: Path, value: Value, runs: Runs) -> None:
        if path.transforms:
            value, state = self._guard(path.id, self._functions.walk, path, value, self.state)
            self._commit(path.id, state)
        self._enter(path.to, value, runs)

    def _commit(self, writer: str, state: Json) -> None:
        """Take over a state that a function in the driver may have changed."""
        if state is not self.state:
            if self._begun:
                self._note(writer, diff(self.state, state, self._plan))
            self.state = state

    def _settle(self) -> None:
        """Let every token go as far as it can, in the order in which they came."""
        while self._queue and self.status == "running":
            token = self._queue.popleft()
            if not token.is_dropped:
                self._move(token)
        if self.status == "running" and not self.tasks:
            message = "The run has nothing left to do, and no branch has reached the end node."
            raise _Stop(Failure(END, "NoOutputError", message))

    def _move(self, token: _Token) -> None:
        node = self.spec.nodes[token.node_id]
        if isinstance(node, StepSpec):
            self._rest(token, asks=node.waits)
            return
        if isinstance(node, EndSpec):
            self._finish(self._guard(node.id, self._functions.rest, node.id, token.value))
            return
        if isinstance(node, JoinSpec):
            self._reduce(node, token)
        elif isinstance(node, StartSpec):
            self._send(node.path, token.value, token.runs)
        elif isinstance(node, DecisionSpec):
            index = self._guard(node.id, self._functions.choose, node.id, token.value)
            self._send(node.paths[index], token.value, token.runs)
        else:
            self._fork(node, token)
        self._leave(token.holds)

    def _rest(self, token: _Token, *, asks: bool) -> None:
        node_id = token.node_id
        value = self._guard(node_id, self._functions.rest, node_id, token.value)
        self.visits[node_id] += 1
        task = Task(f"{node_id}:{self.visits[node_id]}", self.next_number, node_id, value, token.runs, token.holds)
        self.next_number += 1
        self.tasks[task.id] = task
        if not asks:
            self._commands.append(Run(task.id))
            return
        task.status = "waiting"
        shown, schema = self._guard(node_id, self._functions.ask, node_id, value)
        self._open(Interrupt(task.id, node_id, "node", shown, schema, self._now, task.id))

    def _fork(self, node: ForkSpec, token: _Token) -> None:
        own = self.forks.open(node.id)
        runs = (*token.runs, *own)
        if node.downstream_join is not None:
            self._begin_ahead(node.downstream_join, runs)
        if node.is_map:
            (path,) = node.paths
            for item in self._guard(node.id, self._functions.items, node.id, token.value):
                self._send(path, item, runs)
        else:
            for path in node.paths:
                self._send(path, token.value, runs)
        for run in own:
            # A map of nothing: no token will ever leave, so what is due is due now.
            for joining in self.forks.joinings(run):
                if joining.is_due:
                    self._fire(joining)
            self.forks.forget_if_dead(run)

    def _begin_ahead(self, join_id: str, runs: Runs) -> None:
        """Let a join fire, with its initial value, even if nothing ever reaches it."""
        join = self.spec.nodes[join_id]
        assert isinstance(join, JoinSpec)
        joining, below = self._find_joining(join, runs)
        if not joining.collecting:
            self.forks.collect(joining, self._guard(join.id, self._functions.initial, join.id), below)

    # -- Joins ------------------------------------------------------------------------------------------------------

    def _find_joining(self, join: JoinSpec, runs: Runs) -> tuple[Joining, Runs]:
        found = self.forks.find(join, runs)
        if found is None:
            message = f"A value reached join {join.id!r} outside of any run of its parent fork {join.parent!r}."
            raise _Stop(Failure(join.id, "NoForkRunError", message))
        return found

    def _reduce(self, join: JoinSpec, token: _Token) -> None:
        joining, runs = self._find_joining(join, token.runs)
        if not joining.collecting:
            self.forks.collect(joining, self._guard(join.id, self._functions.initial, join.id), runs)
        joining.current, cancels, state = self._guard(
            join.id, self._functions.reduce, join.id, joining.current, token.value, self.state
        )
        self._commit(join.id, state)
        if cancels:
            self._cancel_siblings(joining, token)

    def _fire(self, joining: Joining) -> None:
        value = self._guard(joining.join.id, self._functions.joined, joining.join.id, joining.current)
        runs = joining.runs
        holds = self.forks.stop(joining)
        self._send(joining.join.path, value, runs)
        self._leave(holds)
        self.forks.forget_if_dead(joining.run)

    def _cancel_siblings(self, joining: Joining, arriving: _Token) -> None:
        """Drop everything that the join's fork run started, but the value that arrives."""
        holds: list[Joining] = []
        for other in list(self.forks.below(joining)):
            holds.extend(self.forks.stop(other))
        for token in self._queue:
            if joining.run in token.runs and token is not arriving:
                token.is_dropped = True
                holds.extend(token.holds)
        for task in [task for task in self.tasks.values() if joining.run in task.runs]:
            holds.extend(task.holds)
            self._drop(task)
        self._leave(tuple(holds))

    def _drop(self, task: Task) -> None:
        del self.tasks[task.id]
        asked = self.questions.close(task.id)
        self._commands = [command for command in self._commands if not _is_of(command, task.id, asked)]
        if task.since is not None:  # it runs, or waits at the line where it asks
            self._commands.append(Cancel(task.id))
        if task.status == "running":
            self._running -= 1
        self._forget_base(task)

    # -- The end ----------------------------------------------------------------------------------------------------

    def _finish(self, output: Encoded) -> None:
        self._close()
        self.status = "finished"
        self.output = output
        self._commands.append(Finish(output))

    def _fail(self, failure: Failure) -> None:
        self._close()
        self.status = "failed"
        self.failure = failure
        self._commands.append(Fail(failure))

    def _close(self) -> None:
        self._commands = [command for command in self._commands if isinstance(command, Cancel)]
        for task in list(self.tasks.values()):
            self._drop(task)
        self._queue.clear()
        self.questions.closed = True

    def _take_commands(self) -> list[Command]:
        commands, self._commands = self._commands, []
        return commands

    def _guard(self, where: str, function: Callable[..., T], *args: Any) -> T:
        """Call a function of the graph; what it raises fails the run, and says where it came from."""
        try:
            return function(*args)
        except (Exception, CancelledError) as error:
            # Cancelled: by the function itself, for it awaits nothing that somebody else could have cancelled.
            raise _Stop(failure_of(where, error)) from error


def _error(error: Exception) -> dict[str, Any]:
    """What is wrong with an answer, where that was found out by an exception."""
    return {"loc": [], "msg": f"{type(error).__name__}: {message_of(error)}", "type": "error"}


def _is_of(command: Command, task_id: str, asked: list[str]) -> bool:
    """Whether a command that nobody has seen yet is about a task that is gone."""
    if isinstance(command, Run):
        return command.task_id == task_id
    return isinstance(command, OpenInterrupt) and command.interrupt_id in asked


def _schema_of(interrupt: Interrupt) -> dict[str, Any] | None:
    return None if interrupt.kind == "node" else (interrupt.response_schema or {})


def _describe(interrupt_id: str, errors: list[dict[str, Any]]) -> str:
    fields = "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'value'}: {e['msg']}" for e in errors)
    return f"The answer does not fit {interrupt_id!r}: {fields}."


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
