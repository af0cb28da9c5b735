"""Small graphs and functions for the engine, written by hand: values are plain JSON, joins make lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from temporal_graph.engine import snapshot
from temporal_graph.engine.audit import Entry
from temporal_graph.engine.breakpoints import Breakpoints
from temporal_graph.engine.engine import Engine
from temporal_graph.engine.events import (
    Command,
    Encoded,
    Ended,
    Failure,
    Next,
    NodeAsked,
    NodeFailed,
    NodeFinished,
    Output,
    Start,
)
from temporal_graph.engine.policies import Due, Policy
from temporal_graph.engine.questions import Accepted, Answer, Interrupt, Refused
from temporal_graph.engine.recording import Checkpoint, RecordingEngine
from temporal_graph.engine.spec import (
    END,
    START,
    DecisionSpec,
    EndSpec,
    ForkSpec,
    GraphSpec,
    JoinSpec,
    NodeSpec,
    Path,
    StartSpec,
    StepSpec,
)
from temporal_graph.engine.state import AUTO, Op, Plan, Writes, apply

NOW = "2030-01-01T12:00:00+00:00"
LATER = "2030-01-02T12:00:00+00:00"


# -- Graphs -----------------------------------------------------------------------------------------------------------


def path(source: str, to: str, *, transforms: bool = False) -> Path:
    return Path(f"{source}->{to}", to, transforms)


def start(to: str, *, transforms: bool = False) -> StartSpec:
    return StartSpec(START, path(START, to, transforms=transforms))


def step(id: str, to: str | None = END, *, transforms: bool = False) -> StepSpec:
    """A step; with `to=None` a node that says itself where its value goes."""
    return StepSpec(id, None if to is None else path(id, to, transforms=transforms))


def asking(id: str) -> StepSpec:
    """A node that waits for a person before it runs."""
    return StepSpec(id, None, waits=True)


def composing(id: str) -> StepSpec:
    """A node that waits for a person before it runs, and composes what it shows them before that."""
    return StepSpec(id, None, waits=True, composes=True)


def mending(spec: StepSpec) -> StepSpec:
    """A node whose failure is a question."""
    return replace(spec, asks_on_failure=True)


def fork(id: str, *to: str) -> ForkSpec:
    return ForkSpec(id, tuple(path(id, target) for target in to))


def mapping(id: str, to: str, *, ahead: str | None = None) -> ForkSpec:
    return ForkSpec(id, (path(id, to),), is_map=True, downstream_join=ahead)


def decision(id: str, *to: str) -> DecisionSpec:
    return DecisionSpec(id, tuple(path(id, target) for target in to))


def join(id: str, parent: str, *between: str, to: str = END, final: bool = True, transforms: bool = False) -> JoinSpec:
    """A join; `between` are the nodes from which it can be reached without a new run of its parent fork."""
    return JoinSpec(id, parent, frozenset({*between, id}), final, path(id, to, transforms=transforms))


def graph(*nodes: NodeSpec, name: str = "toy") -> GraphSpec:
    return GraphSpec(name, {node.id: node for node in (*nodes, EndSpec())})


# -- Functions --------------------------------------------------------------------------------------------------------


@dataclass
class Toy:
    """See `temporal_graph.engine.functions.Functions`.

    A transform is `(value, state) -> (value, state)`, a decision `value -> index`. A join collects a list, and cancels
    its siblings when `cancels` says so. An answer to a node is an object that goes into the node's own. No node takes
    the text "unfit" from a person. The state is an object with fields that are there from the beginning; a field keeps
    its JSON type. No calendar counts. A policy is that of a node, or of one kind of question there (`"q node"`).
    """

    transforms: Mapping[str, Callable[[Any, Any], tuple[Any, Any]]] = field(default_factory=dict)
    decisions: Mapping[str, Callable[[Any], int]] = field(default_factory=dict)
    cancels: Callable[[Any], bool] = lambda value: False
    policies: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    validate_answer: Callable[[Any, Any], str | None] = lambda node, state: None

    def policy(self, node_id: str, kind: str, value: Encoded, state: Any) -> dict[str, Any] | None:
        return self.policies.get(f"{node_id} {kind}", self.policies.get(node_id))

    def most_ahead(self, node_id: str) -> int | None:
        policy = self.policies.get(f"{node_id} node", self.policies.get(node_id))
        if policy is None:
            return 1
        return None if policy.get("only_assignees") or policy.get("not_by") else policy.get("quorum", 1)

    def after(self, calendar: Any, since: str, seconds: float) -> str:
        return (datetime.fromisoformat(since) + timedelta(seconds=seconds)).isoformat()

    def validate(self, node_id: str, filled: Encoded, state: Any) -> list[dict[str, Any]]:
        wrong = self.validate_answer(read(filled), state)
        return [] if wrong is None else [{"loc": [], "msg": wrong, "type": "toy"}]

    def failure_schema(self, node_id: str) -> dict[str, Any]:
        return {"type": "object"}

    def take_output(
        self, node_id: str, data: Any, *, is_taken: bool = False
    ) -> tuple[Encoded | None, list[dict[str, Any]]]:
        return self.arrive(node_id, data, is_taken=is_taken)

    def walk(self, path: Path, value: Encoded, state: Any) -> tuple[Encoded, Any]:
        made, state = self.transforms[path.id](read(value), state)
        return enc(made), state

    def choose(self, decision_id: str, value: Encoded) -> int:
        return self.decisions[decision_id](read(value))

    def items(self, fork_id: str, value: Encoded) -> Sequence[Encoded]:
        return [enc(item) for item in read(value)]

    def rest(self, node_id: str, value: Encoded) -> Encoded:
        return value

    def initial(self, join_id: str) -> list[Any]:
        return []

    def reduce(self, join_id: str, current: list[Any], value: Encoded, state: Any) -> tuple[list[Any], bool, Any]:
        return [*current, read(value)], self.cancels(read(value)), state

    def joined(self, join_id: str, current: list[Any]) -> Encoded:
        return enc(current)

    def dump_join(self, join_id: str, current: list[Any]) -> Any:
        return current

    def load_join(self, join_id: str, data: Any) -> list[Any]:
        return list(data)

    def is_answered(self, node_id: str, value: Encoded) -> bool:
        return False

    def ask(self, node_id: str, value: Encoded) -> tuple[Any, dict[str, Any] | None]:
        return {"shown": read(value)}, {"type": "object"}

    def check(self, node_id: str, schema: dict[str, Any] | None, answer: Any) -> list[dict[str, Any]]:
        wanted = dict if schema is None else {"integer": int, "string": str}.get(str(schema.get("type")), object)
        if isinstance(answer, wanted):
            return []
        return [{"loc": ["approved"] if schema is None else [], "msg": "Input should fit", "type": "unfit"}]

    def arrive(self, node_id: str, data: Any, *, is_taken: bool = False) -> tuple[Encoded | None, list[dict[str, Any]]]:
        if data == "unfit" and not is_taken:
            return None, [{"loc": ["amount"], "msg": "Input should fit", "type": "unfit"}]
        return enc(data), []

    def edit(self, state: Any, update: Any, *, is_taken: bool = False) -> tuple[Any, list[dict[str, Any]]]:
        wrong = [name for name in update if type(state.get(name)) is not type(update[name])]
        errors = [{"loc": [name], "msg": "no such field, or not its type", "type": "state"} for name in wrong]
        return ({**state, **update}, []) if is_taken or not errors else (None, errors)

    def unreadable(self, node_id: str | None, value: Encoded | None, state: Any) -> str | None:
        return None

    def fill(self, node_id: str, value: Encoded, answer: Any, *, is_taken: bool = False) -> Encoded:
        return enc({"was": read(value), **(answer if isinstance(answer, dict) else {})})


def enc(value: Any) -> Encoded:
    return Encoded(json.dumps(value))


def read(value: Encoded) -> Any:
    return json.loads(value.data)


# -- A run ------------------------------------------------------------------------------------------------------------


class Run:
    """An engine, with short words for what a shell does."""

    def __init__(self, spec: GraphSpec, functions: Any = None, plan: Plan = AUTO) -> None:
        self.functions: Any = Toy() if functions is None else functions
        self.plan = plan
        self.engine = Engine(spec, self.functions, plan)

    def start(self, value: Any = None, state: Any = None, **words: Any) -> list[Command]:
        return self.engine.apply(Start(enc(value), state, **words), NOW)

    def finish(
        self,
        task_id: str,
        value: Any = None,
        *,
        delta: Sequence[Op] = (),
        to: str | None = None,
        begin: bool = True,
    ) -> list[Command]:
        """End a task, which begins first if it does not run: along its path, or at another node, or at the end."""
        if begin and self.engine.tasks[task_id].status == "ready":
            self.engine.begin(task_id)
        outcome = Output(enc(value)) if to is None else Ended(enc(value)) if to == END else Next(to, enc(value))
        return self.engine.apply(NodeFinished(task_id, outcome, list(delta)), NOW)

    def fail(self, task_id: str, message: str = "broken", **words: Any) -> list[Command]:
        self.engine.begin(task_id)
        node_id = self.engine.tasks[task_id].node_id
        return self.engine.apply(NodeFailed(task_id, Failure(node_id, "ValueError", message), **words), NOW)

    def ask(
        self,
        task_id: str,
        position: int | str | None = 0,
        schema: Any = None,
        errors: Sequence[Any] = (),
        value: Any = "Well?",
        **words: Any,
    ) -> list[Command]:
        if self.engine.tasks[task_id].status == "ready":
            self.engine.begin(task_id)
        return self.engine.apply(NodeAsked(task_id, position, value, schema, tuple(errors), **words), NOW)

    def due(self, interrupt_id: str, now: str | None = None, fired: Due | None = None) -> list[Command]:
        """Let a question do what is due; by default when the first thing is."""
        return self.engine.come_due(interrupt_id, now or self.question(interrupt_id).due[0].at, fired)

    def reassign(self, *to: str, interrupt_id: str | None = None, actor: str | None = None) -> str:
        return self.engine.reassign(interrupt_id, list(to), actor, LATER, "update")

    def extend(
        self, by: float | None = None, until: str | None = None, interrupt_id: str | None = None, now: str = NOW
    ) -> tuple[str, list[Command]]:
        return self.engine.extend(interrupt_id, by, until, "boss", now, "signal")

    def answer(
        self, value: Any = None, interrupt_id: str | None = None, **words: Any
    ) -> tuple[Accepted, list[Command]]:
        return self.engine.answer(Answer(interrupt_id, value, **words), LATER)

    def answer_all(self, values: Mapping[str, Any], **words: Any) -> tuple[list[Accepted], list[Command]]:
        """Answer several questions together."""
        return self.engine.answer_all([Answer(name, value, **words) for name, value in values.items()], LATER)

    def goto(self, node_id: Any, data: Any = None, interrupt_id: str | None = None, **words: Any) -> list[Command]:
        """Send the run on to another node."""
        return self.answer(interrupt_id=interrupt_id, goto={"node_id": node_id, "data": data}, **words)[1]

    def stop(self, before: Sequence[str] = (), after: Sequence[str] = ()) -> list[Command]:
        """Say where it stops for people."""
        return self.engine.set_breakpoints(Breakpoints(tuple(before), tuple(after)), LATER)

    def update(self, expected_version: int | None = None, **fields: Any) -> Any:
        """Change fields of the state, as a person does."""
        self.engine.update(fields, expected_version, LATER)
        return self.engine.state

    def reload(self) -> None:
        """Go on from a snapshot of this moment, which has been JSON text in between."""
        written = json.dumps(snapshot.dump(self.engine))
        self.engine = snapshot.load(json.loads(written), self.engine.spec, self.functions, self.plan)

    @property
    def output(self) -> Any:
        assert self.engine.output is not None, (self.engine.status, self.engine.failure)
        return read(self.engine.output)

    @property
    def failure(self) -> tuple[str, str, str]:
        failure = self.engine.failure
        assert failure is not None
        return failure.node_id, failure.type, failure.message

    @property
    def open(self) -> list[str]:
        return list(self.engine.questions.open)

    def question(self, interrupt_id: str) -> Interrupt:
        return self.engine.questions.open[interrupt_id]

    @property
    def audit(self) -> list[Entry]:
        return self.engine.questions.audit.entries


class RecordedRun(Run):
    """A run whose engine can tell its past."""

    def __init__(
        self, spec: GraphSpec, functions: Any = None, plan: Plan = AUTO, origin: dict[str, Any] | None = None
    ) -> None:
        super().__init__(spec, functions, plan)
        self.recorder = RecordingEngine(spec, self.functions, plan, origin)
        self.engine = self.recorder

    def reload(self) -> None:
        written = json.loads(json.dumps(snapshot.dump(self.engine)))
        self.recorder = RecordingEngine(self.engine.spec, self.functions, self.plan, written)
        self.engine = self.recorder

    @property
    def past(self) -> list[Checkpoint]:
        """Its checkpoints; made again, they come to where the run is."""
        return [checkpoint for checkpoint, _ in told(self.recorder, self.plan)]


def told(recorder: RecordingEngine, plan: Plan = AUTO) -> list[tuple[Checkpoint, str]]:
    """The past of a run: its checkpoints, each with the snapshot of then.

    They are numbered without a gap, each changes the state of the one before, and when they are all made again the
    engine is where the live one is.
    """
    number, state = recorder.origin
    found: list[tuple[Checkpoint, str]] = []
    engine: Engine | None = None
    for checkpoint, engine in recorder.checkpoints():
        assert checkpoint.number == number + 1
        number = checkpoint.number
        state = apply(state, checkpoint.changes, plan, writes=Writes())
        assert state == engine.state
        found.append((checkpoint, json.dumps(snapshot.dump(engine))))
    assert number == recorder.checkpoint
    if engine is not None:
        assert json.dumps(snapshot.dump(engine)) == json.dumps(snapshot.dump(recorder))
        assert engine.standing == recorder.standing
    return found


def refused(call: Callable[[], Any]) -> Refused:
    """Why something is refused."""
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def hours(number: float) -> str:
    """The moment that many hours after the beginning."""
    return (datetime.fromisoformat(NOW) + timedelta(hours=number)).isoformat()


def breaks(before: Sequence[str] = (), after: Sequence[str] = ()) -> dict[str, Any]:
    """Breakpoints to start with."""
    return {"breakpoints": Breakpoints(tuple(before), tuple(after))}


STEPS = frozenset(
    ["start", "finish", "fail", "ask", "answer", "answer_all", "goto", "stop", "update", "due", "reassign", "extend"]
)
"""What is done to a run, each of which may be the last before it is written down."""


class _Reloading(Run):
    """A run that is written down after every step, and goes on from there."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return _reloading(self, found) if name in STEPS else found


def _reloading(run: Run, step: Callable[..., Any]) -> Callable[..., Any]:
    def do(*args: Any, **words: Any) -> Any:
        done = step(*args, **words)
        if not run.engine.running:  # what runs would begin again
            written = snapshot.dump(run.engine)
            run.reload()
            assert json.dumps(snapshot.dump(run.engine)) == json.dumps(written)
            assert json.loads(json.dumps(written)) == written, "it is JSON"
        return done

    return do


class ReloadingRun(_Reloading, Run):
    """See its name."""


class RecordedReloadingRun(_Reloading, RecordedRun):
    """See its name."""


class Rude(BaseException):
    """What no code should raise, and some does."""


class TheRuntimes(BaseException):
    """How Temporal ends a workflow that it evicts, as seen by the code in it."""


TheRuntimes.__module__ = "temporalio.worker.workflow_sandbox"


def raising(error: BaseException) -> Callable[..., Any]:
    """A function that raises."""

    def function(*args: Any, **words: Any) -> Any:
        raise error

    return function


# -- Questions that look after themselves -----------------------------------------------------------------------------

HOUR = 3_600.0
ONE = graph(start("q"), asking("q"), step("a", None))
TWO = graph(start("f"), fork("f", "q", "r"), asking("q"), asking("r"), step("a", None))
Make = Callable[..., Run]


def toy(node_id: str = "q", **words: Any) -> Toy:
    """Functions with a policy for one node."""
    return Toy(policies={node_id: Policy(**words).dump()})


def begun(
    make: Make,
    spec: GraphSpec = ONE,
    *,
    node_id: str = "q",
    value: Any = 3,
    state: Any = MappingProxyType({"n": 1}),
    **words: Any,
) -> Run:
    """A run that has begun, of a graph in which one node has a policy."""
    run = make(spec, toy(node_id, **words))
    run.start(value, None if state is None else dict(state))
    return run
