"""What goes into the engine (events) and what comes out of it (commands): the whole of its conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .breakpoints import NO_BREAKPOINTS, Breakpoints
from .raised import LONGEST_MESSAGE as LONGEST_MESSAGE
from .raised import LONGEST_NAME, Cause, causes_of, clipped, message_of, type_of
from .raised import is_the_runtimes as is_the_runtimes
from .state import Json, Op

Position: TypeAlias = int | str
"""Which of a node's questions one is: its key, or its number where it has none."""
OWN = -1
"""The position of an interrupt node's own question."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value at rest.

    Attributes:
        data: JSON text.
        type: Name of the type that wrote it, where that is not the type its reader declares.
    """

    data: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run cannot go on.

    Attributes:
        node_id: The node, decision, join or path whose code failed.
        type: Class name of the exception.
        message: Its message.
        path: For a conflict between parallel branches, where in the state it is.
        causes: The exception, and what led to it, the nearest first; empty where there was none.
        error: The exception itself, for as long as this process has it.
    """

    node_id: str
    type: str
    message: str
    path: tuple[str | int, ...] | None = None
    causes: tuple[Cause, ...] = field(default=(), compare=False)
    error: BaseException | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        # An exception may carry anything; what fails a run must be short enough for the server, and UTF-8.
        for name, limit in (("type", LONGEST_NAME), ("message", LONGEST_MESSAGE)):
            object.__setattr__(self, name, clipped(getattr(self, name), limit))

    def public(self) -> dict[str, Json]:
        """As JSON, for those who are only told of it."""
        path = None if self.path is None else list(self.path)
        return {"node_id": self.node_id, "type": self.type, "message": self.message, "path": path}

    def dump(self) -> dict[str, Json]:
        """As JSON, with where it came from."""
        data = self.public()
        return {**data, "causes": [cause.dump() for cause in self.causes]} if self.causes else data

    @staticmethod
    def load(data: dict[str, Any]) -> Failure:
        """From JSON."""
        path = data["path"]
        causes = tuple(Cause(**cause) for cause in data.get("causes", ()))
        return Failure(
            data["node_id"], data["type"], data["message"], tuple(path) if path is not None else None, causes
        )


def listed(errors: list[dict[str, Any]]) -> str:
    """What is wrong with a value, in one line."""
    return "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'value'}: {e['msg']}" for e in errors)


def failure_of(node_id: str, error: BaseException) -> Failure:
    """Why a run cannot go on: an exception of the user's."""
    return Failure(node_id, type_of(error), message_of(error), causes=causes_of(error), error=error)


class RunFailedError(Exception):
    """A run cannot go on; `Engine.apply` makes it fail."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


CANNOT_READ = "this release cannot read"
"""How it begins what is said of such a thing."""


class OutdatedError(Exception):
    """What a run holds, written by another release of its graph, cannot be read by this one."""

    def __init__(self, what: str, error: BaseException) -> None:
        super().__init__(f"{CANNOT_READ} {what}: {message_of(error)}")


class BlamedError(Exception):
    """Something else is to blame for an error than the place where it came up.

    Attributes:
        where: What is to blame.
    """

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


# -- Outcomes: how a step ended -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Output:
    """A step returned a value; its path says where it goes."""

    value: Encoded


@dataclass(frozen=True, slots=True)
class Next:
    """A node returned another node, a `StepNode` or a `JoinNode`: the value goes to the node named."""

    node_id: str
    value: Encoded


@dataclass(frozen=True, slots=True)
class Ended:
    """A node returned `End`."""

    value: Encoded


Outcome: TypeAlias = Output | Next | Ended


# -- Events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The run begins: at the start node with inputs, or at a node with the value it gets.

    Attributes:
        value: The inputs, or what the node gets.
        state: The first state.
        node_id: The node to begin at; None for the start node.
        breakpoints: Where the run is to stop for people.
        is_answer: The value already holds what a person has to say to the node, so that it does not wait.
    """

    value: Encoded
    state: Json = None
    node_id: str | None = None
    is_answer: bool = False
    breakpoints: Breakpoints = NO_BREAKPOINTS


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """A step ended well, and changed the state by `delta`."""

    task_id: str
    outcome: Outcome
    delta: list[Op]


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A step failed for good.

    Attributes:
        task_id: The task.
        failure: Why.
        attempts: How often it was tried.
        once: What it has done once and for all before; None for nothing.
    """

    task_id: str
    failure: Failure
    attempts: int = 1
    once: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class NodeBlocked:
    """A step could not run: what it was to get, written by another release of the graph, could not be read.

    Attributes:
        task_id: The task.
        failure: What could not be read, and why.
    """

    task_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class NodeAsked:
    """A step called `interrupt()`: it wants to know something from a person before it can go on.

    Attributes:
        task_id: The task that asked.
        position: Which of its questions this is; None for an interrupt node that has composed what it shows.
        value: What is shown to the person.
        response_schema: JSON schema of an answer that fits; None where anything does.
        errors: What is wrong with the answer that the task got for this position: its own type, which may know more
            than the schema, refused it, so the question opens again. Empty for a question that is new.
        policy: How it is asked; None for how its node asks.
        once: What the task has done once and for all so far; None for nothing.
        mark: By what the task knows the question again.
        met: The questions that it has come by again for the first time.
        instead: The question whose answer it does not take, since it asks this one in the same place; None for none.
    """

    task_id: str
    position: Position | None
    value: Json
    response_schema: dict[str, Any] | None = None
    errors: tuple[dict[str, Any], ...] = ()
    policy: dict[str, Json] | None = None
    once: dict[str, Json] | None = None
    mark: dict[str, Json] | None = None
    met: tuple[Position, ...] = ()
    instead: Position | None = None


@dataclass(frozen=True, slots=True)
class NodeDidOnce:
    """A step that runs has done something that it is not to do again, and goes on.

    Attributes:
        task_id: The task.
        key: What it has done.
        value: What came of it.
    """

    task_id: str
    key: str
    value: Json


@dataclass(frozen=True, slots=True)
class NodeWithdrew:
    """A step that waited at its own line does not want an answer any more: its time was up, or a sibling failed.

    Attributes:
        task_id: The task that asked.
        position: Which of its questions.
    """

    task_id: str
    position: Position


Event: TypeAlias = Start | NodeFinished | NodeFailed | NodeBlocked | NodeAsked | NodeDidOnce | NodeWithdrew


# -- Commands -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """A task is ready to run; `Engine.begin` gives what it gets."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """A running task is not wanted any more."""

    task_id: str


@dataclass(frozen=True, slots=True)
class OpenInterrupt:
    """A question is open."""

    interrupt_id: str


@dataclass(frozen=True, slots=True)
class CloseInterrupt:
    """A question that was open is not asked any more: its task was given up, or the run has ended."""

    interrupt_id: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """What a question does next by itself, `Interrupt.due[0]`, has changed; or it does nothing more."""

    interrupt_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The run has ended with an output."""

    output: Encoded


@dataclass(frozen=True, slots=True)
class Fail:
    """The run has failed."""

    failure: Failure


Command: TypeAlias = Run | Cancel | OpenInterrupt | CloseInterrupt | SetTimer | Finish | Fail


@dataclass(frozen=True, slots=True)
class Work:
    """What a task gets when it begins to run.

    Attributes:
        task_id: The task, `node:visit`.
        node_id: Its node.
        value: Its input.
        state: The whole state as of now.
        answers: What people answered to its questions so far, by position.
        votes: Who gave these answers, by position; `OWN` stands for an interrupt node's own question.
        once: What it has done once and for all so far, by key.
        composes: It is an interrupt node, which is to compose its question.
        marks: By what it knows its questions again, by position.
    """

    task_id: str
    node_id: str
    value: Encoded
    state: Json
    answers: dict[Position, Json]
    votes: dict[Position, list[Json]] = field(default_factory=dict[Position, "list[Json]"])
    once: dict[str, Json] = field(default_factory=dict[str, "Json"])
    composes: bool = False
    marks: dict[Position, dict[str, Json]] = field(default_factory=dict[Position, "dict[str, Json]"])
