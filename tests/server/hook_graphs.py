"""Graphs whose functions, of every kind that the driver calls, raise what they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, field_validator
from pydantic_graph import End, GraphBuilder, GraphRunContext, StepContext, TypeExpression, reduce_null

from temporal_graph import (
    Calendar,
    Command,
    Escalate,
    Every,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    Merge,
    NodeOptions,
    Required,
    TemporalGraph,
    interrupt,
)
from tests.server.checked_graphs import RAISES, refuse


class Berlin(Calendar):
    """A calendar that is made in a way of its own."""

    def __init__(self) -> None:
        super().__init__("Europe/Berlin", holidays=["2026-12-24"])


async def echo(ctx: StepContext[Any, None, str]) -> str:
    """Gives back what it gets."""
    return ctx.inputs


def _refuse(*args: Any) -> Any:
    return refuse(args[-1].inputs if hasattr(args[-1], "inputs") else args[-1])


def _made(name: str, build: Callable[[GraphBuilder[Any, None, str, str], Any], None], **options: Any) -> TemporalGraph:
    g: GraphBuilder[Any, None, str, str] = GraphBuilder(name=name, input_type=str, output_type=str, **options)
    build(g, g.step(echo, node_id="echo"))
    return TemporalGraph(g.build())


def _decision(g: Any, step: Any) -> None:
    which = g.decision(node_id="which").branch(g.match(TypeExpression[str], matches=_refuse).to(g.end_node))
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(which))


def _transform(g: Any, step: Any) -> None:
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).transform(_refuse).to(g.end_node))


def _first_transform(g: Any, step: Any) -> None:
    g.add(g.edge_from(g.start_node).transform(_refuse).to(step), g.edge_from(step).to(g.end_node))


def _reducer(g: Any, step: Any) -> None:
    def reduce(current: str, value: str) -> str:
        return refuse(value)

    join = g.join(reduce, initial="", node_id="join")
    start = g.edge_from(g.start_node).transform(lambda ctx: [ctx.inputs])
    g.add(start.map(fork_id="each").to(step), g.edge_from(step).to(join), g.edge_from(join).to(g.end_node))


def clash(before: str, one: str, other: str) -> str:
    """A merge function."""
    return refuse(other)


@dataclass
class Board:
    """A state with one."""

    text: Annotated[str, Merge(clash)] = ""


def _merge(g: Any, step: Any) -> None:
    async def write(ctx: StepContext[Board, None, str]) -> None:
        ctx.state.text = ctx.inputs

    async def write_too(ctx: StepContext[Board, None, str]) -> None:
        ctx.state.text = ctx.inputs

    writers = [g.step(write, node_id="write"), g.step(write_too, node_id="write_too")]
    join = g.join(reduce_null, initial=None, node_id="join")
    texts = g.edge_from(g.start_node).to(step), g.edge_from(step).to(*writers, fork_id="both")
    g.add(*texts, g.edge_from(*writers).to(join), g.edge_from(join).transform(lambda ctx: "").to(g.end_node))


def _people(name: str) -> TemporalGraph:
    async def ask(ctx: StepContext[None, None, str]) -> str:
        return await interrupt("so?", response_type=str)

    found: Any = {name: _refuse}
    g = GraphBuilder(name=f"{name}_raise", input_type=str, output_type=str)
    step = g.step(ask, node_id="ask")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    options = {"ask": NodeOptions(policy=InterruptPolicy(**found))}
    return TemporalGraph(g.build(), node_options=options)


decision = _made("decision", _decision)
transform = _made("transform", _transform)
first_transform = _made("first_transform", _first_transform)
reducer = _made("reducer", _reducer)
merge = _made("merge", _merge, state_type=Board)
assignees, not_by = _people("assignees"), _people("not_by")

FAILING = (decision, transform, first_transform, reducer, assignees, not_by)
"""Each fails its run with what it raises."""


class Late(BaseModel):
    """A state that raises what a deadline makes of it."""

    what: str = ""

    @field_validator("what")
    @classmethod
    def checked(cls, what: str) -> str:
        return refuse(what)


@dataclass
class Ask(InterruptNode[Late, None, str]):
    """Raises what it is answered."""

    answer: Annotated[str | None, Required] = None

    def validate_answer(self, ctx: GraphRunContext[Late]) -> None:
        refuse(self.answer or "")

    async def run(self, ctx: GraphRunContext[Late]) -> End[str]:
        return End(self.answer or "")


def _deadline(kind: str) -> TemporalGraph:
    @dataclass
    class Wait(InterruptNode[Late, None, str]):
        policy = InterruptPolicy(
            timeout=timedelta(seconds=0.2), on_timeout=Command({"answer": "late"}, update={"what": kind})
        )
        answer: Annotated[str | None, Required] = None

        async def run(self, ctx: GraphRunContext[Late]) -> End[str]:
            return End(self.answer or "")

    return InterruptibleGraph([Wait], name=f"deadline_{kind}")


asking = InterruptibleGraph([Ask], name="asking")
deadlines = {kind: _deadline(kind) for kind in RAISES}


@dataclass
class Office(InterruptNode[Late, None, str]):
    """Waits by a calendar of the user's."""

    policy = InterruptPolicy(
        assignees="ann",
        timeout=timedelta(days=400),
        reminders=Every(timedelta(days=30)),
        escalations=[Escalate(after=timedelta(days=300), to="bob")],
        calendar=Berlin(),
    )
    answer: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Late]) -> End[str]:
        return End(self.answer or "")


office = InterruptibleGraph([Office], name="office")
