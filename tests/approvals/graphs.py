"""Graphs that wait for people in each way that there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import (
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    TemporalGraph,
    interrupt,
)

HERE = NodeOptions(execution="workflow")


class Decision(BaseModel):
    """What a person says."""

    approved: bool
    reason: str = ""


class Yes(BaseModel):
    approved: Literal[True] = True
    notes: str | None = None


class No(BaseModel):
    approved: Literal[False] = False
    reason: str


class Signed(BaseModel):
    approved: bool
    signature: str


class Approval(BaseModel):
    approved: bool


class Firm(BaseModel):
    approved: bool
    reason: str


class Long(BaseModel):
    approved: bool
    reason: str = Field(min_length=3)


@dataclass
class Ask:
    """What is asked of whom."""

    value: Any = "buy?"
    assignees: list[str] = field(default_factory=list[str])
    seconds: float | None = None
    type: str = "decision"


TYPES: dict[str, Any] = {
    "decision": Decision,
    "bool": bool,
    "maybe": bool | None,
    "either": Yes | No,
    "optional": Decision | None,
    "any": Any,
    "dict": dict[str, Any],
    "str": str,
    "verdict": Literal["pay", "decline"],
    "signed": Signed,
    "approval": Approval,
    "firm": Firm,
    "long": Long,
}


async def put(ask: Ask) -> Any:
    timeout = None if ask.seconds is None else timedelta(seconds=ask.seconds)
    policy = InterruptPolicy(assignees=ask.assignees, timeout=timeout)
    return await interrupt(ask.value, response_type=TYPES[ask.type], policy=policy)


# -- One question -----------------------------------------------------------------------------------------------------

_1 = GraphBuilder(name="single", input_type=Ask, output_type=Any)


@_1.step
async def review(ctx: StepContext[None, None, Ask]) -> Any:
    answer = await put(ctx.inputs)
    return answer.model_dump() if isinstance(answer, BaseModel) else answer


_1.add(_1.edge_from(_1.start_node).to(review), _1.edge_from(review).to(_1.end_node))
_single = _1.build()
single = TemporalGraph(_single, name="single", options=HERE)
other = TemporalGraph(_single, name="o'ther", options=HERE)
quoted = TemporalGraph(_single, name='quo"ted\\', options=HERE)

# -- Several questions, one after the other ---------------------------------------------------------------------------

_s = GraphBuilder(name="series", input_type=list[Ask], output_type=int)


@_s.step
async def each(ctx: StepContext[None, None, list[Ask]]) -> int:
    for ask in ctx.inputs:
        await put(ask)
    return len(ctx.inputs)


_s.add(_s.edge_from(_s.start_node).to(each), _s.edge_from(each).to(_s.end_node))
series = TemporalGraph(_s.build())

# -- Several at once, in lanes ----------------------------------------------------------------------------------------

_l = GraphBuilder(name="lanes", input_type=list[list[Ask]], output_type=int)


@_l.step
async def split(ctx: StepContext[None, None, list[list[Ask]]]) -> list[list[Ask]]:
    return ctx.inputs


@_l.step
async def lane(ctx: StepContext[None, None, list[Ask]]) -> bool:
    for ask in ctx.inputs:
        await put(ask)
    return True


@_l.step
async def count(ctx: StepContext[None, None, list[bool]]) -> int:
    return len(ctx.inputs)


_gather = _l.join(reduce_list_append, initial_factory=list[bool], node_id="gather")
_l.add(
    _l.edge_from(_l.start_node).to(split),
    _l.edge_from(split).map().to(lane),
    _l.edge_from(lane).to(_gather),
    _l.edge_from(_gather).to(count),
    _l.edge_from(count).to(_l.end_node),
)
_lanes = _l.build()
lanes = TemporalGraph(_lanes, max_history_events=30)
several = TemporalGraph(_lanes, name="several", options=HERE)

# -- Breakpoints, nodes that ask for nothing, no questions, failures --------------------------------------------------

_b = GraphBuilder(name="plain", input_type=str, output_type=str)


@_b.step
async def work(ctx: StepContext[None, None, str]) -> str:
    if ctx.inputs == "bad":
        raise ValueError("bad")
    return ctx.inputs


_b.add(_b.edge_from(_b.start_node).to(work), _b.edge_from(work).to(_b.end_node))
_plain = _b.build()
plain = TemporalGraph(_plain, name="plain", options=HERE)
stopping = TemporalGraph(_plain, name="stopping", options=HERE, interrupt_before=["work"])
failing = TemporalGraph(_plain, name="failing", options=NodeOptions(execution="workflow", on_failure="interrupt"))


@dataclass
class Vote(InterruptNode[None, None, str]):
    """Two people decide, who say why."""

    approved: Annotated[bool | None, Required] = None
    comment: Annotated[str | None, Required] = None

    policy = InterruptPolicy(assignees=["ann", "bob", "cid"], quorum=2)

    async def run(self, ctx: GraphRunContext[None, None]) -> Wait:
        return Wait(f"{self.approved} {self.comment}")


@dataclass
class Wait(InterruptNode[None, None, str]):
    """Asks for no field."""

    said: str = ""

    async def run(self, ctx: GraphRunContext[None, None]) -> Done:
        return Done(self.said)


@dataclass
class Done(BaseNode[None, None, str]):
    said: str

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(self.said)


voting = InterruptibleGraph([Vote, Wait, Done], name="voting")


@dataclass
class Pair(InterruptNode[None, None, str]):
    """Two people decide, whose answer has no room for words."""

    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(quorum=2)

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(f"{self.approved}")


pair = InterruptibleGraph([Pair], name="pair")
