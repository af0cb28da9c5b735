"""How the tokens of a run move: along edges, through decisions, forks and joins, to rest at steps, or to the end.

Everything has one order: tokens first in, first out; branches as declared; items of a map by index.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from .breakpoints import Breakpoints
from .events import (
    BlamedError,
    Cancel,
    CloseInterrupt,
    Command,
    Encoded,
    Ended,
    Fail,
    Failure,
    Finish,
    OpenInterrupt,
    Outcome,
    OutdatedError,
    Output,
    Position,
    Run,
    RunFailedError,
    SetTimer,
    failure_of,
    is_the_runtimes,
    listed,
)
from .forks import ForkRuns, Joining, Runs
from .functions import Functions, Value
from .policies import schedule
from .questions import Interrupt, Questions
from .raised import is_a
from .shared import Base, SharedState
from .spec import END, DecisionSpec, EndSpec, ForkSpec, GraphSpec, JoinSpec, Path, StartSpec, StepSpec
from .state import AUTO, Json, Plan

Status = Literal["new", "running", "finished", "failed", "cancelled"]
TaskStatus = Literal["ready", "running", "waiting"]
T = TypeVar("T")


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
        answers: What people answered to its `interrupt()` calls, by position.
        is_answered: An interrupt node that has what people had to say to it.
        held: How it ended, while it waits at a breakpoint after it.
        marks: By what it knows the questions again that it has asked, by position; nothing for those of which it has
            not said.
        votes: Who gave the answers, by position; `OWN` stands for an interrupt node's own question.
        once: What it has done once and for all, by key.
        shown: What an interrupt node has composed to be shown, in a list of one.
        doubtful: The last question that was answered, while the answer may turn out not to fit.
        failures: How often it has failed for good.
        attempts: How often it was tried until it failed last.
        failure: Why it failed last, for as long as this process knows.
    """

    id: str
    number: int
    node_id: str
    value: Encoded
    runs: Runs
    holds: tuple[Joining, ...]
    status: TaskStatus = "ready"
    base: Base | None = None
    answers: dict[Position, Json] = field(default_factory=dict)
    is_answered: bool = False
    held: Outcome | None = None
    marks: dict[Position, dict[str, Json]] = field(default_factory=dict)
    votes: dict[Position, list[Json]] = field(default_factory=dict)
    once: dict[str, Json] = field(default_factory=dict)
    shown: list[Json] | None = None
    doubtful: Interrupt | None = None
    failures: int = 0
    attempts: int = 0
    failure: Failure | None = None


@dataclass(slots=True, eq=False)
class _Token:
    """A value on its way, at a node that nobody has yet looked at."""

    node_id: str
    value: Value
    runs: Runs
    holds: tuple[Joining, ...]
    is_answered: bool = False
    is_dropped: bool = False


class Tasks(dict[str, Task]):
    """Tasks by id, in the order of their numbers.

    Attributes:
        nodes: The nodes that they rest at, and how many at each.
        held: How many wait at a breakpoint after their node.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, int] = {}
        self.held = 0

    def __setitem__(self, task_id: str, task: Task) -> None:
        super().__setitem__(task_id, task)
        self.nodes[task.node_id] = self.nodes.get(task.node_id, 0) + 1
        self.held += task.held is not None

    def __delitem__(self, task_id: str) -> None:
        task = self[task_id]
        super().__delitem__(task_id)
        self.held -= task.held is not None
        self.nodes[task.node_id] -= 1
        if not self.nodes[task.node_id]:
            del self.nodes[task.node_id]


class Walker:
    """The frontier of a run: its tokens, tasks and joins.

    Attributes:
        spec: The graph.
        functions: Its functions.
        status: Where the run stands.
        shared: The state of the graph.
        tasks: The tasks that have not ended, by id, in the order of their numbers.
        visits: How often each step has been reached.
        output: What the run ended with, once it is `finished`.
        failure: Why it failed, once it is `failed`.
        questions: What is asked of people.
        breakpoints: Where the run is to stop for people.
        forks: The runs of forks.
        next_number: The number of the next task.
        outlives_releases: Whether what it holds may have been written by another release of the graph: if it cannot be
            read, `OutdatedError` is raised, and the run does not fail.
        is_anothers: Whether another release of the graph has begun what this one goes on with.
        is_found_blocked: Whether it was found that what waits cannot go on, and nothing has changed since.
        edits: How often people have changed the state.
    """

    outlives_releases = False
    is_anothers = False
    is_found_blocked = False
    edits: int = 0

    def __init__(self, spec: GraphSpec, functions: Functions, plan: Plan = AUTO) -> None:
        self.spec = spec
        self.status: Status = "new"
        self.shared = SharedState(plan)
        self.tasks = Tasks()
        self.visits: dict[str, int] = dict.fromkeys(spec.step_ids, 0)
        self.output: Encoded | None = None
        self.failure: Failure | None = None
        self.questions = Questions()
        self.breakpoints = Breakpoints()
        self.forks = ForkRuns(spec)
        self.next_number = 0
        self.functions = functions
        self._queue: deque[_Token] = deque()
        self._commands: list[Command] = []
        self._opened: deque[Interrupt] = deque()
        self._running: int = 0
        self._now = ""
        self._empty: dict[str, None] = {}

    @property
    def state(self) -> Json:
        """The state of the graph as of now, a JSON tree that is never changed in place."""
        return self.shared.value

    # -- Tokens -----------------------------------------------------------------------------------------------------

    def _enter(self, node_id: str, value: Value, runs: Runs, *, is_answered: bool = False) -> None:
        runs = self.forks.alive(runs)
        self._queue.append(_Token(node_id, value, runs, self.forks.enter(node_id, runs), is_answered))

    def _leave(self, holds: tuple[Joining, ...]) -> None:
        for joining in self.forks.leave(holds):
            # Firing one can only count others up or down; it may have been fired or dropped by one before it.
            if joining.is_due:
                self._fire(joining)

    def _send(self, path: Path, value: Value, runs: Runs) -> None:
        if path.transforms:
            value, state = self._guard(path.id, self.functions.walk, path, value, self.state)
            self.shared.commit(path.id, state)
        self._enter(path.to, value, runs)

    def _settle(self) -> None:
        """Let every token go as far as it can, in the order in which they came."""
        while self._queue and self.status == "running":
            token = self._queue.popleft()
            if not token.is_dropped:
                self._move(token)
        if self.status == "running" and not self.tasks:
            raise RunFailedError(self._no_output())

    def _no_output(self) -> Failure:
        """Why nothing is left to do, as far as is known."""
        if not self._empty:
            message = "The run has nothing left to do, and no branch has reached the end node."
            return Failure(END, "NoOutputError", message)
        map_id = next(iter(self._empty))
        join_id = self.spec.join_behind(map_id)
        behind, named = ("a join", "...") if join_id is None else (f"join {join_id!r}", join_id)
        message = (
            f"Map {map_id!r} got nothing to go over, so nothing has come to {behind} behind it, and the run has "
            "nothing left to do. Name the join that goes on then, with its initial value: "
            f".map(downstream_join_id={named!r})."
        )
        return Failure(map_id, "NoOutputError", message)

    def _move(self, token: _Token) -> None:
        node = self.spec.nodes[token.node_id]
        if type(node) is StepSpec:  # in the sandbox of a workflow isinstance takes ten times as long
            self._rest(token)
            return
        if isinstance(node, EndSpec):
            self._finish(self._guard(node.id, self.functions.rest, node.id, token.value))
            return
        if isinstance(node, JoinSpec):
            self._reduce(node, token)
        elif isinstance(node, StartSpec):
            self._send(node.path, token.value, token.runs)
        elif isinstance(node, DecisionSpec):
            index = self._guard(node.id, self.functions.choose, node.id, token.value)
            self._send(node.paths[index], token.value, token.runs)
        elif type(node) is ForkSpec:
            self._fork(node, token)
        self._leave(token.holds)

    def _rest(self, token: _Token) -> None:
        node_id = token.node_id
        value = self._guard(node_id, self.functions.rest, node_id, token.value)
        self.visits[node_id] += 1
        task = Task(f"{node_id}:{self.visits[node_id]}", self.next_number, node_id, value, token.runs, token.holds)
        task.is_answered = token.is_answered
        self.next_number += 1
        self.tasks[task.id] = task
        if self.breakpoints.stops("before", node_id):
            self._break(task, "before")
        else:
            self._be_ready(task)

    def _be_ready(self, task: Task) -> None:
        """Let a task run, unless it is an interrupt node that has yet to be answered, and has nothing to compose."""
        if self._asks(task) and not self._composes(task):
            task.status = "waiting"
            shown, schema = self._guard(task.node_id, self.functions.ask, task.node_id, task.value)
            if task.shown is not None:
                shown = task.shown[0]
            self._open(task, Interrupt(task.id, task.node_id, "node", shown, schema, self._now, task.id))
        else:
            task.status = "ready"
            self._commands.append(Run(task.id))

    def _asks(self, task: Task) -> bool:
        """Whether it is an interrupt node that has yet to be answered."""
        node = self.spec.nodes[task.node_id]
        return type(node) is StepSpec and node.waits and not task.is_answered

    def _composes(self, task: Task) -> bool:
        """Whether it is an interrupt node that has yet to compose its question."""
        node = self.spec.nodes[task.node_id]
        return type(node) is StepSpec and node.composes and self._asks(task) and task.shown is None

    def _try_again(self, interrupt: Interrupt) -> None:
        """Let a task begin once more that was blocked; its question stays open until it is known what comes of it."""
        task = self.tasks[interrupt.task_id]
        interrupt.due = []
        self._commands.append(SetTimer(interrupt.interrupt_id))
        if task.status == "waiting":
            task.status = "ready"
            self._commands.append(Run(task.id))

    def _try_all_again(self) -> None:
        """The state is another one: perhaps it can be read now."""
        self.is_found_blocked = False
        for interrupt in self.questions.open.values():
            if interrupt.kind == "blocked":
                self._try_again(interrupt)

    def _break(self, task: Task, where: Literal["before", "after"]) -> None:
        task.status = "waiting"
        name = f"{task.id}.{where}"
        self._open(task, Interrupt(name, task.node_id, where, task.node_id, None, self._now, task.id))

    def _open(self, task: Task, interrupt: Interrupt, policy: dict[str, Json] | None = None) -> None:
        """Open a question, which is asked as its policy says: its own, or that of its node."""
        if policy is None:
            policy = self._guard(
                task.node_id, self.functions.policy, task.node_id, interrupt.kind, task.value, self.state
            )
        if policy is not None:
            self._guard(task.node_id, self._follow, interrupt, policy)
            self._check_default(interrupt)
        self.questions.ask(interrupt)
        self._announce(interrupt)

    def _announce(self, interrupt: Interrupt) -> None:
        """Say that a question is open."""
        self._commands.append(OpenInterrupt(interrupt.interrupt_id))
        if interrupt.due:
            self._commands.append(SetTimer(interrupt.interrupt_id))
        self._opened.append(interrupt)

    def _follow(self, interrupt: Interrupt, policy: dict[str, Json]) -> None:
        """Ask a question as a policy says."""
        interrupt.policy = policy
        rules = interrupt.rules
        interrupt.assignees = list(rules.assignees)
        interrupt.quorum = rules.quorum
        interrupt.due = schedule(rules, interrupt.created_at, self.functions.after)
        interrupt.deadline = next((item.at for item in interrupt.due if item.what == "expire"), None)

    def _check_default(self, interrupt: Interrupt) -> None:
        """Look whether what stands in for an answer can answer a call, which no policy of a node can know before."""
        fields = interrupt.rules.on_timeout
        if interrupt.kind != "call" or fields is None or ("goto" in fields and fields.get("value") is None):
            return
        wrong = "it gives none"
        if "value" in fields:
            schema = interrupt.response_schema or {}
            errors = self._guard(interrupt.node_id, self.functions.check, interrupt.node_id, schema, fields["value"])
            wrong = listed(errors) if errors else ""
        if wrong:
            message = (
                f"The policy that {interrupt.interrupt_id!r} is asked with cannot answer it when its time is up, as "
                f"on_timeout says: {wrong}. Give the call a policy of its own: interrupt(..., policy=...)."
            )
            raise RunFailedError(Failure(interrupt.node_id, "InterruptError", message))

    def _fork(self, node: ForkSpec, token: _Token) -> None:
        own = self.forks.open(node.id)
        runs = (*token.runs, *own)
        if node.downstream_join is not None:
            self._begin_ahead(node.downstream_join, runs)
        if node.is_map:
            (path,) = node.paths
            items = self._guard(node.id, self.functions.items, node.id, token.value)
            if not items and node.downstream_join is None:
                self._empty[node.id] = None
            for item in items:
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
            self.forks.collect(joining, self._guard(join.id, self.functions.initial, join.id), below)

    def _end_node(self, task: Task, outcome: Outcome) -> None:
        """Let a node be over, unless the run stops after it."""
        if self.breakpoints.stops("after", task.node_id):
            task.held = outcome
            self.tasks.held += 1
            self._break(task, "after")
        else:
            self._end_task(task, outcome)

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

    # -- Joins ------------------------------------------------------------------------------------------------------

    def _find_joining(self, join: JoinSpec, runs: Runs) -> tuple[Joining, Runs]:
        found = self.forks.find(join, runs)
        if found is None:
            message = f"A value reached join {join.id!r} outside of any run of its parent fork {join.parent!r}."
            raise RunFailedError(Failure(join.id, "NoForkRunError", message))
        return found

    def _reduce(self, join: JoinSpec, token: _Token) -> None:
        joining, runs = self._find_joining(join, token.runs)
        if not joining.collecting:
            self.forks.collect(joining, self._guard(join.id, self.functions.initial, join.id), runs)
        joining.current, cancels, state = self._guard(
            join.id, self.functions.reduce, join.id, joining.current, token.value, self.state
        )
        self.shared.commit(join.id, state)
        if cancels:
            self._cancel_siblings(joining, token)

    def _fire(self, joining: Joining) -> None:
        value = self._guard(joining.join.id, self.functions.joined, joining.join.id, joining.current)
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
        dropped = [task for task in self.tasks.values() if joining.run in task.runs]
        self._drop(*dropped)
        for task in dropped:
            holds.extend(task.holds)
        self._leave(tuple(holds))

    def _drop(self, *tasks: Task) -> None:
        """Give tasks up, together: what nobody has seen of them yet is looked through once."""
        unseen = {command.interrupt_id for command in self._commands if type(command) is OpenInterrupt}
        gone: dict[str, list[str]] = {}
        for task in tasks:
            del self.tasks[task.id]
            gone[task.id] = self.questions.close(task.id, self._now)
        asked = {name for names in gone.values() for name in names}
        self._commands = [command for command in self._commands if not _is_of(command, gone, asked)]
        for task in tasks:
            self._commands.extend(CloseInterrupt(name) for name in gone[task.id] if name not in unseen)
            if task.base is not None:  # it runs, or waits at the line where it asks
                self._commands.append(Cancel(task.id))
            if task.status == "running":
                self._running -= 1
            self._forget_base(task)

    def _forget_base(self, task: Task) -> None:
        if task.base is not None:
            task.base = None
            self.shared.give_back()

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
        self._drop(*self.tasks.values())
        self._commands = [command for command in self._commands if type(command) in (Cancel, CloseInterrupt)]
        self._queue.clear()
        self.questions.closed = True

    def _take_commands(self) -> list[Command]:
        commands, self._commands = self._commands, []
        return commands

    def _guard(self, where: str, function: Callable[..., T], *args: Any) -> T:
        """Call a function of the graph; what it raises fails the run, and says where it came from."""
        try:
            return function(*args)
        except BaseException as error:
            # Cancelled, too: by the function itself, for it awaits nothing that somebody else could have cancelled.
            if is_the_runtimes(error) or (is_a(error, OutdatedError) and self.outlives_releases):
                raise
            cause = error.__cause__ if is_a(error, OutdatedError) and error.__cause__ is not None else error
            if is_a(error, BlamedError) and error.__cause__ is not None:
                failure = replace(failure_of(error.where, error.__cause__), message=str(error))
                raise RunFailedError(failure) from error.__cause__
            raise RunFailedError(failure_of(where, cause)) from cause


def _is_of(command: Command, gone: Container[str], asked: Container[str]) -> bool:
    """Whether a command that nobody has seen yet is about a task that is gone."""
    if type(command) is Run:
        return command.task_id in gone
    return (type(command) is OpenInterrupt or type(command) is SetTimer) and command.interrupt_id in asked
