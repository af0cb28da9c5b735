"""What the driver and a node say to each other: small JSON envelopes around values that nobody looks into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .codec.text import compact, members
from .engine.events import Encoded, Ended, Next, NodeAsked, NodeFinished, Outcome, Output, Position, Work
from .engine.state import Json, Op


@dataclass(frozen=True, slots=True)
class NodeInput:
    """What a node gets.

    Attributes:
        task_id: `node:visit`.
        inputs: Its input.
        state: The whole state as JSON text; None for a graph without one.
        answers: What people answered to its `interrupt()` calls so far, by position.
        votes: Who gave these answers, likewise.
        once: What it has done once and for all so far, by key.
        composes: It is an interrupt node, and is to compose its question.
        marks: By what it knows its questions again, by position.
    """

    task_id: str
    inputs: Encoded
    state: str | None
    answers: Mapping[Position, Json]
    votes: Mapping[Position, list[Json]] = field(default_factory=dict[Position, "list[Json]"])
    once: Mapping[str, Json] = field(default_factory=dict[str, "Json"])
    composes: bool = False
    marks: Mapping[Position, dict[str, Json]] = field(default_factory=dict[Position, "dict[str, Json]"])


@dataclass(frozen=True, slots=True)
class Question:
    """A node asks; see `NodeAsked`, which it becomes."""

    position: Position | None
    value: Json
    response_schema: dict[str, Any] | None
    errors: tuple[dict[str, Any], ...] = ()
    policy: dict[str, Json] | None = None
    once: Mapping[str, Json] | None = None
    mark: dict[str, Json] | None = None
    met: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeDone:
    """A node ended: its output as JSON text, where it goes, and what it did to the state.

    Attributes:
        data: The output.
        to: Id of the next node where the node itself named it; `__end__` for `End`; None for a step's output.
        delta: Changes to the state.
    """

    data: str
    to: str | None = None
    delta: tuple[Op, ...] = ()


NodeResult: TypeAlias = NodeDone | Question
_END = "__end__"


def node_input(work: Work, state: str | None) -> NodeInput:
    """What a task gets, with the state as text (which the caller may have at hand)."""
    return NodeInput(work.task_id, work.value, state, work.answers, work.votes, work.once, work.composes, work.marks)


def dump_input(message: NodeInput) -> str:
    """As JSON text."""
    parts = [f'"task":{json.dumps(message.task_id)}']
    if message.answers:
        parts.append(f'"answers":{_by_position(message.answers)}')
    if message.votes:
        parts.append(f'"votes":{_by_position(message.votes)}')
    if message.marks:
        parts.append(f'"marks":{_by_position(message.marks)}')
    if message.once:
        parts.append(f'"once":{compact(message.once)}')
    if message.composes:
        parts.append('"composes":true')
    if message.inputs.type is not None:
        parts.append(f'"type":{json.dumps(message.inputs.type)}')
    if message.inputs.data != "null":
        parts.append(f'"inputs":{message.inputs.data}')
    if message.state is not None:
        parts.append(f'"state":{message.state}')
    return "{" + ",".join(parts) + "}"


def _by_position(items: Mapping[Position, Any]) -> str:
    return compact([[position, item] for position, item in items.items()])


def load_input(text: str) -> NodeInput:
    """From JSON text."""
    fields = members(text)
    type_name = json.loads(fields["type"]) if "type" in fields else None
    answers = dict(json.loads(fields["answers"])) if "answers" in fields else {}
    inputs = Encoded(fields.get("inputs", "null"), type_name)
    votes = dict(json.loads(fields["votes"])) if "votes" in fields else {}
    marks = dict(json.loads(fields["marks"])) if "marks" in fields else {}
    once: dict[str, Json] = json.loads(fields["once"]) if "once" in fields else {}
    task_id, composes = json.loads(fields["task"]), "composes" in fields
    return NodeInput(task_id, inputs, fields.get("state"), answers, votes, once, composes, marks)


def dump_result(result: NodeResult) -> str:
    """As JSON text."""
    if isinstance(result, Question):
        question: dict[str, Any] = {"position": result.position, "value": result.value}
        if result.response_schema is not None:
            question["response_schema"] = result.response_schema
        if result.errors:
            question["errors"] = list(result.errors)
        if result.policy is not None:
            question["policy"] = result.policy
        if result.once:
            question["once"] = result.once
        if result.mark is not None:
            question["mark"] = result.mark
        if result.met:
            question["met"] = list(result.met)
        return compact({"interrupt": question})
    parts: list[str] = []
    if result.to is not None:
        parts.append(f'"to":{json.dumps(result.to)}')
    if result.delta:
        parts.append(f'"delta":{compact(result.delta)}')
    if result.data != "null":
        parts.append(f'"output":{result.data}')
    return "{" + ",".join(parts) + "}"


def asked(task_id: str, question: Question) -> NodeAsked:
    """The engine's event for a question."""
    once = None if question.once is None else dict(question.once)
    return NodeAsked(
        task_id,
        question.position,
        question.value,
        question.response_schema,
        question.errors,
        question.policy,
        once,
        question.mark,
        question.met,
    )


def load_result(task_id: str, text: str, types: Mapping[str | None, str | None]) -> NodeFinished | NodeAsked:
    """The engine's event for a result, from JSON text.

    Args:
        task_id: The task that ran.
        text: What `dump_result` wrote.
        types: The type that wrote the output, by where it goes (None: along the step's path).
    """
    fields = members(text)
    if "interrupt" in fields:
        question = json.loads(fields["interrupt"])
        return asked(
            task_id,
            Question(
                question["position"],
                question["value"],
                question.get("response_schema"),
                tuple(question.get("errors", ())),
                question.get("policy"),
                question.get("once"),
                question.get("mark"),
                tuple(question.get("met", ())),
            ),
        )
    to = json.loads(fields["to"]) if "to" in fields else None
    value = Encoded(fields.get("output", "null"), types.get(to))
    outcome: Outcome
    if to is None:
        outcome = Output(value)
    elif to == _END:
        outcome = Ended(value)
    else:
        outcome = Next(to, value)
    return NodeFinished(task_id, outcome, json.loads(fields["delta"]) if "delta" in fields else [])
