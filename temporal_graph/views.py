"""What people see of a run: its questions, its answers, where it stands, where it has been, and its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, NoReturn, cast

from pydantic_graph import BaseNode
from typing_extensions import TypeVar

from .codec import DecodeError, ValueCodec
from .codec.text import compact
from .compile import CompiledGraph
from .engine.events import message_of
from .engine.state import Json, Op, Writes, apply
from .errors import GraphError, GraphRunError, NodeError, StateConflictError

__all__ = ["Accepted", "AuditEntry", "Checkpoint", "GraphResult", "Interrupt", "RunEvent", "RunState", "Stop"]

StateT = TypeVar("StateT", default=Any)
OutputT = TypeVar("OutputT", default=Any)

_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
"""What ends a line for some readers, such as `str.splitlines`, and is nothing special in JSON."""


@dataclass(frozen=True)
class Interrupt:
    """A question that waits for a person.

    Attributes:
        interrupt_id: `Review:1` (node, how many-th visit), or `Review:1.0` for the first `interrupt()` of that visit.
        node_id: The node that asks.
        kind: `node` for an interrupt node, `call` for `interrupt()`, `before`, `after` for a breakpoint, `failure` for
            a node that has failed, `blocked` for one that cannot read what another release of its graph has left it.
        value: What is shown to the person, as JSON.
        response_schema: JSON schema of an answer that fits; None where anything does.
        created_at: When it was asked, with time zone.
        deadline: Until when it can be answered; None for ever.
        assignees: Who is asked; empty for anybody.
        escalation_level: How often it was handed on for want of an answer.
        answers: What people have answered so far, where several must: `actor`, `value`, `answered_at`, `answer_id`,
            `via`.
        quorum: How many people must answer.
        problem: Why nobody can answer it as it is, or too few can, and what to do; None where all is well.
    """

    interrupt_id: str
    node_id: str
    kind: Literal["node", "call", "before", "after", "failure", "blocked"]
    value: Any
    response_schema: dict[str, Any] | None
    created_at: datetime
    deadline: datetime | None = None
    assignees: list[str] = field(default_factory=list[str])
    escalation_level: int = 0
    answers: list[Any] = field(default_factory=list[Any])
    quorum: int = 1
    problem: str | None = None


@dataclass(frozen=True)
class Accepted:
    """An answer that a run has taken.

    Attributes:
        interrupt_id: The question that it answers.
        answered_at: When it was taken, with time zone. An answer that was sent before keeps the first time.
        actor: Who answered, as the answer said.
        answer_id: The answer's own id.
        value: The answer; None in a list of answers.
        is_early: The question is not open yet, and the answer is kept for it; it is checked when the question opens.
        via: Which way it came: `signal`, `update`, or `timeout` for what stands in for an answer that nobody gave.
        missing: How many more people must answer before the question has its answer.
        comment: What was said with it, in notifications; elsewhere None, the audit has it.
    """

    interrupt_id: str
    answered_at: datetime
    actor: str | None = None
    answer_id: str | None = None
    value: Any = None
    is_early: bool = False
    via: str | None = None
    missing: int = 0
    comment: str | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One thing that happened to the questions of a run.

    Attributes:
        number: How many-th it is, from 1.
        at: When, with time zone.
        kind: `asked`, `answered`, `rejected`, `reminded`, `escalated`, `timed_out`, `reassigned`, `extended`,
            `cancelled`; besides `state_updated`, `forked`, `notification_failed`, `notification_sent`, and
            `notification_left` for what another workflow goes on with.
        interrupt_id: The question.
        actor: Who did it, as they said; None for the run itself, and for somebody who did not say.
        via: Which way it came: `signal`, `update` or `timeout`; `node` for an answer that its own type refused.
        data: What else there is to know, as JSON: the `value` of an answer, whom it was escalated `to`, and so on. A
            value of more than 20,000 bytes is cut: `{"cut": beginning}`.
        shown: What the question showed, where it was answered or rejected.
        comment: What was said with an answer besides what is in it, cut likewise; None where nothing was.
    """

    number: int
    at: datetime
    kind: str
    interrupt_id: str | None
    actor: str | None
    via: str | None
    data: dict[str, Any]
    shown: Any = None
    comment: str | None = None

    def to_json(self) -> str:
        """As one line of JSON, whatever a reader takes for the end of a line."""
        text = compact({**vars(self), "at": self.at.isoformat()}).translate(_LINE_ENDS)
        return text.encode(errors="backslashreplace").decode()  # half of a surrogate pair becomes an escape, too


@dataclass(frozen=True)
class RunState(Generic[StateT]):
    """Where a run stands.

    Attributes:
        status: `running`, `waiting` (nothing happens before a person answers), `blocked` (it holds what the release of
            its graph that has it now cannot read), `paused`, `finished`, `failed` or `cancelled`.
        values: The state as of now; None for a run that could not start. Of one that is `blocked`, the JSON of a state
            that cannot be read, or None where it cannot be looked at. Of one that Temporal itself has paused
            nothing but the status is known.
        version: How often the state has changed; for `update_state(expected_version=...)`.
        next: Ids of the nodes that run, wait or come next; empty at the end.
        interrupts: The questions that are open, oldest first.
        answered: Who answered what when, the latest 500, without the answers.
        early: Who answered questions that are not open yet, likewise.
        rejected: What came as a signal and was not taken, with `reason`, `message` and `errors`; the latest 100.
        interrupt_before: Ids of the nodes before which the run stops for people.
        interrupt_after: Ids of the nodes after which it does.
        unreadable: Why `values` is JSON as it is: it is no state of this release of the graph; else None.
        problem: Why it is `blocked`.
    """

    status: str
    values: StateT
    version: int
    next: list[str]
    interrupts: list[Interrupt]
    answered: list[Accepted]
    early: list[Accepted]
    rejected: list[dict[str, Any]]
    interrupt_before: list[str]
    interrupt_after: list[str]
    unreadable: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Checkpoint(Generic[StateT]):
    """A point in the past of a run.

    Attributes:
        checkpoint_id: Its id, a number that counts from 1, as text; for `fork`.
        kind: What happened: `started`, `forked` (the first one of a run that `fork` started), `node_finished`,
            `node_failed`, `node_blocked`, `interrupt_opened`, `interrupt_cancelled` (its node went on without an
            answer), `answered`, `timed_out`, `state_updated`, `failed` or `cancelled`.
        node_id: The node that it happened to; None for the whole run.
        at: When, with time zone.
        changes: The fields of the state that it changed, with their new values, as JSON.
        values: The state after it.
        next: Ids of the nodes that ran, waited or came next after it.
        interrupts: Ids of the questions that were open after it.
        status: The status of the run after it.
        unreadable: Why `values` is JSON as it is: it is no state of this release of the graph; else None.
    """

    checkpoint_id: str
    kind: str
    node_id: str | None
    at: datetime | None
    changes: dict[str, Any]
    values: StateT
    next: list[str]
    interrupts: list[str]
    status: str
    unreadable: str | None = None


@dataclass(frozen=True)
class RunEvent:
    """Something that happened in a run, as `GraphRun.stream` tells it.

    Attributes:
        number: Its number; events of a run count up from 0. For `stream(after=...)`.
        kind: What happened; see `GraphRun.stream`.
        node_id: The node that it happened to, if any.
        at: When, with time zone.
        data: What there is to know of it, as JSON: for `emitted` the `data` that the node gave to `emit()`; for
            `state_changed` its `changes` and the new `version`; for `node_finished` and `run_finished` the `output`;
            for an interrupt what `Interrupt` has. What is too long is left out, and `omitted` is true.
    """

    number: int
    kind: str
    node_id: str | None
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True)
class GraphResult(Generic[OutputT, StateT]):
    """What a run ended with.

    Attributes:
        output: What reached the end node, as the graph declares it.
        state: The state at the end; None for a graph without one.
        unreadable: Why `state` is JSON as it is: it is no state of this release of the graph; else None.
    """

    output: OutputT
    state: StateT
    unreadable: str | None = None


@dataclass(frozen=True)
class Stop(Generic[OutputT, StateT]):
    """Where a run stopped: at questions, or at its end, or because it is paused.

    Attributes:
        status: `waiting`, `blocked`, `paused` or `finished`.
        interrupts: The questions that are open, oldest first; empty at the end.
        state: The state as of now; None where Temporal itself has paused the run: then nobody can look at it.
        next_node: The interrupt node that waits (the first, if there are several); None at a call or at the end.
        output: The output, at the end.
        unreadable: Why `state`, or `output`, is JSON as it is, or `next_node` None although one waits: this release of
            the graph cannot read it; else None.
        problem: Why it is blocked; see `RunState`.
    """

    status: str
    interrupts: list[Interrupt]
    state: StateT
    next_node: BaseNode[Any, Any, Any] | None
    output: OutputT | None
    unreadable: str | None = None
    problem: str | None = None

    @property
    def is_interrupt(self) -> bool:
        """Whether the run waits for people."""
        return bool(self.interrupts)

    @property
    def is_end(self) -> bool:
        """Whether the run has ended."""
        return self.status == "finished"

    @property
    def is_paused(self) -> bool:
        """Whether the run waits for `unpause()`."""
        return self.status == "paused"


def read_interrupts(data: Sequence[Mapping[str, Any]]) -> list[Interrupt]:
    """Interrupts from the JSON of the wire."""
    return [Interrupt(**{**item, **_times(item, "created_at", "deadline")}) for item in data]


def read_accepted(data: Mapping[str, Any]) -> Accepted:
    """An acceptance from the JSON of the wire."""
    return Accepted(**{**data, **_times(data, "answered_at")})


def _times(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: None if item[name] is None else datetime.fromisoformat(item[name]) for name in names}


def read_stop(graph: CompiledGraph, data: Mapping[str, Any]) -> Stop[Any, Any]:
    """A stop from the JSON of the wire.

    Raises:
        GraphRunError: The run has failed.
    """
    if data["failure"] is not None:
        raise_run_error(data["failure"])
    interrupts = read_interrupts(data["interrupts"])
    output = (data["output"], None)
    if data["status"] == "finished":
        output = _read(graph.output, data["output"], "the output")
    is_known = data.get("is_known", True)
    state = _read(graph.state, data["state"], "the state") if is_known else (None, None)
    composed = data.get("next_node") or _waiting(graph, interrupts)
    node = (None, None)
    if composed is not None:
        node = _read(graph.nodes[composed["node_id"]].inputs, composed["data"], f"node {composed['node_id']!r}")
    next_node = node[0] if node[1] is None else None
    wrong = [said for said in (output[1], state[1], node[1]) if said is not None]
    return Stop(
        data["status"], interrupts, state[0], next_node, output[0], "; ".join(wrong) or None, data.get("problem")
    )


def raise_run_error(failure: Mapping[str, Any], cause: BaseException | None = None) -> NoReturn:
    """Raise the failure of a run.

    Args:
        failure: The failure.
        cause: What the graph's code raised, where this process has it; else it is told by the failure.
    """
    error = GraphRunError(failure["node_id"], failure["type"], failure["message"])
    if failure["path"] is not None:
        error = StateConflictError(failure["node_id"], failure["message"], tuple(failure["path"]))
    if cause is None:
        for item in reversed(failure.get("causes", ())):
            later, cause = cause, NodeError(item["type"], item["message"], item["stack_trace"])
            cause.__cause__ = later
    raise error from cause


def read_state(graph: CompiledGraph, data: Any) -> Any:
    """The state from the JSON of the wire; as it is, where it cannot be read."""
    return _read(graph.state, data, "the state")[0]


def _read(codec: ValueCodec | None, data: Json, what: str) -> tuple[Any, str | None]:
    """A value from the JSON of the wire; or the JSON as it is, and why it cannot be read."""
    if codec is None:
        return None, None
    try:
        return codec.load_kept(compact(data)), None
    except (DecodeError, RecursionError) as error:
        return data, f"{what} cannot be read: {message_of(error)}"


def _waiting(graph: CompiledGraph, interrupts: Sequence[Interrupt]) -> dict[str, Json] | None:
    """The interrupt node that waits, and its fields."""
    for interrupt in interrupts:
        if interrupt.kind == "node" and isinstance(interrupt.value, dict):
            asked = dict.fromkeys(graph.functions.answer_fields(interrupt.node_id))
            return {"node_id": interrupt.node_id, "data": {**asked, **cast("dict[str, Json]", interrupt.value)}}
    return None


def read_result(graph: CompiledGraph, output: str, state: str) -> GraphResult[Any, Any]:
    """What a run has ended with, from JSON texts.

    Raises:
        GraphError: This release of the graph cannot read the output.
    """
    value, wrong = _read(graph.output, json.loads(output), "the output")
    if wrong is not None:
        raise GraphError(
            f"The run has finished with another release of graph {graph.name!r}: {wrong}. wait() has it as JSON: "
            "(await run.wait()).output."
        )
    values, unreadable = _read(graph.state, json.loads(state), "the state")
    return GraphResult(value, values, unreadable)


def read_run_state(graph: CompiledGraph, data: Mapping[str, Any]) -> RunState[Any]:
    """Where a run stands, from the JSON of the wire."""
    never_began = data["status"] in ("failed", "blocked") and data["values"] is None
    is_unknown = never_began or not data.get("is_known", True)
    values, unreadable = (None, None) if is_unknown else _read(graph.state, data["values"], "the state")
    return RunState(
        data["status"],
        values,
        data["version"],
        data["next"],
        read_interrupts(data["interrupts"]),
        [read_accepted(item) for item in data["answered"]],
        [read_accepted(item) for item in data["early"]],
        data["rejected"],
        data["breakpoints"]["before"],
        data["breakpoints"]["after"],
        unreadable,
        data.get("problem"),
    )


def read_audit(items: Sequence[Mapping[str, Any]]) -> list[AuditEntry]:
    """An audit from the JSON of the wire; the entries since the first one that there is."""
    shown: dict[str | None, Any] = {}
    entries: list[AuditEntry] = []
    for item in items:
        name = item["interrupt_id"]
        if item["kind"] == "asked":
            shown[name] = item["data"].get("value")
        seen = shown.get(name) if item["kind"] in ("answered", "rejected", "timed_out") else None
        fields: dict[str, Any] = {"shown": seen, **item, **_times(item, "at")}
        entries.append(AuditEntry(**fields))
    return entries


def read_checkpoint(graph: CompiledGraph, data: Mapping[str, Any], before: Json) -> tuple[Checkpoint[Any], Json]:
    """A checkpoint from the JSON of the wire.

    Args:
        graph: The graph.
        data: The checkpoint.
        before: The state before it, as JSON.

    Returns:
        The checkpoint, and the state after it as JSON.
    """
    ops: list[Op] = data["changes"]
    after = apply(before, ops, graph.plan, writes=Writes())
    changes: dict[str, Any] = {}
    if isinstance(after, dict):
        values = cast("dict[str, Json]", after)
        for op in ops:
            names = [str(op[1][0])] if op[1] else list(values)
            changes.update({name: values.get(name) for name in names})
    at = None if data["at"] is None else datetime.fromisoformat(data["at"])
    read, unreadable = _read(graph.state, cast("Json", after), "the state")
    checkpoint: Checkpoint[Any] = Checkpoint(
        str(data["number"]),
        data["kind"],
        data["node_id"],
        at,
        changes,
        read,
        data["next"],
        data["interrupts"],
        data["status"],
        unreadable,
    )
    return checkpoint, cast("Json", after)
