"""Graphs that ask people, to see who is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import (
    Command,
    Escalate,
    Every,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    Required,
    TemporalGraph,
    interrupt,
)

HOUR = timedelta(hours=1)


@dataclass
class Claim(InterruptNode[None, None, str]):
    amount: int = 100
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees="ann",
        reminders=Every(12 * HOUR),
        escalations=[Escalate(24 * HOUR, ["bob", "cfo"])],
        timeout=30 * HOUR,
        on_timeout=Command(resume={"approved": False}),
    )

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End("approved" if self.approved else "declined")


claim = InterruptibleGraph([Claim], name="claim")


@dataclass
class Patience(InterruptNode[None, None, str]):
    """Reminds each ten minutes for an hour, is handed on, then goes on without an answer."""

    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees="ann",
        reminders=Every(timedelta(minutes=10)),
        escalations=[Escalate(timedelta(minutes=25), "bob")],
        timeout=timedelta(minutes=45),
        on_timeout=Command(resume={"approved": False}),
    )

    async def run(self, ctx: GraphRunContext[None, None]) -> Second:
        return Second()


@dataclass
class Second(InterruptNode[None, None, str]):
    """Is answered by a person."""

    text: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(f"it was said: {self.text}")


patience = InterruptibleGraph([Patience, Second], name="patience")


@dataclass
class Log:
    lines: list[str] = field(default_factory=list[str])


@dataclass
class Ask(BaseNode[Log, None, list[str]]):
    """Asks again and again: `end` ends it, `fail` fails it."""

    value: Any = None

    async def run(self, ctx: GraphRunContext[Log, None]) -> Ask | End[list[str]]:
        answer = await interrupt(self.value, response_type=str)
        ctx.state.lines.append(answer)
        if answer == "fail":
            raise TypeError("it was to fail")
        return End(ctx.state.lines) if answer == "end" else Ask()


asking = InterruptibleGraph([Ask], name="asking")
short = InterruptibleGraph([Ask], name="short", max_history_events=30)

_g = GraphBuilder(name="everybody", input_type=list[str], output_type=list[str])


@_g.step
async def person(ctx: StepContext[None, None, str]) -> str:
    return await interrupt(ctx.inputs, response_type=str)


_said = _g.join(reduce_list_append, initial_factory=list[str], node_id="said")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="all").to(person),
    _g.edge_from(person).to(_said),
    _g.edge_from(_said).to(_g.end_node),
)
everybody = TemporalGraph(_g.build())
