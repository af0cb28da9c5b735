"""The graphs of the histories of release 0.1. Never change them: those histories must replay for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel
from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    JoinNode,
    ReduceFirstValue,
    ReducerContext,
    StepContext,
    reduce_dict_update,
    reduce_list_append,
    reduce_list_extend,
    reduce_sum,
)
from temporalio.common import RetryPolicy

from temporal_graph import InterruptibleGraph, InterruptNode, Merge, NodeOptions, Required, TemporalGraph, interrupt

# -- Forks, joins, decisions, state ---------------------------------------------------------------------------------


@dataclass
class Report:
    total: Annotated[int, Merge.sum] = 0
    words: set[str] = field(default_factory=set[str])
    by_key: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    lines: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Small:
    value: int


@dataclass(frozen=True)
class Large:
    value: int


_g = GraphBuilder(name="release_pipeline", state_type=Report, input_type=list[list[int]], output_type=dict[str, int])


@_g.step
async def look(ctx: StepContext[Report, None, list[list[int]]]) -> list[list[int]]:
    ctx.state.words |= {"looked", f"{len(ctx.inputs)} groups"}
    return ctx.inputs


@_g.step
async def weigh(ctx: StepContext[Report, None, int]) -> Small | Large:
    ctx.state.total += ctx.inputs
    ctx.state.words.add(str(ctx.inputs))
    ctx.state.by_key.setdefault("even" if ctx.inputs % 2 == 0 else "odd", []).append(ctx.inputs)
    return Small(ctx.inputs) if ctx.inputs < 10 else Large(ctx.inputs)


@_g.step
async def halve(ctx: StepContext[Report, None, Large]) -> int:
    return ctx.inputs.value // 2


def _note(ctx: ReducerContext[Report, None], current: list[int], value: list[int]) -> list[int]:
    ctx.state.lines.append(f"{len(value)} values")
    return [*current, *value]


def _value(ctx: StepContext[Report, None, Small]) -> int:
    return ctx.inputs.value


def _facts(ctx: StepContext[Report, None, list[int]]) -> dict[str, int]:
    return {"sum": sum(ctx.inputs), "groups": len(ctx.state.lines)}


def _count(ctx: StepContext[Report, None, list[list[int]]]) -> dict[str, int]:
    return {"count": sum(len(group) for group in ctx.inputs)}


_of_group = _g.join(reduce_list_append, initial_factory=list[int], node_id="of_group", parent_fork_id="values")
_of_all = _g.join(_note, initial_factory=list[int], node_id="of_all", parent_fork_id="groups")
_facts_of_all = _g.join(
    reduce_dict_update, initial_factory=dict[str, int], node_id="facts_of_all", parent_fork_id="both"
)
_g.add(
    _g.edge_from(_g.start_node).to(look),
    _g.edge_from(look).broadcast(
        lambda e: [
            e.map(fork_id="groups", downstream_join_id="of_all")
            .map(fork_id="values", downstream_join_id="of_group")
            .to(weigh),
            e.transform(_count).to(_facts_of_all),
        ],
        fork_id="both",
    ),
    _g.edge_from(weigh).to(
        _g.decision(node_id="size")
        .branch(_g.match(Small).transform(_value).to(_of_group))
        .branch(_g.match(Large).to(halve))
    ),
    _g.edge_from(halve).to(_g.decision(node_id="again").branch(_g.match(int).to(weigh))),
    _g.edge_from(_of_group).to(_of_all),
    _g.edge_from(_of_all).transform(_facts).to(_facts_of_all),
    _g.edge_from(_facts_of_all).to(_g.end_node),
)
pipeline = TemporalGraph(_g.build())
short_pipeline = TemporalGraph(pipeline.graph, name="release_short_pipeline", max_history_events=12)

# -- The first of several -------------------------------------------------------------------------------------------

_f = GraphBuilder(name="release_first", input_type=list[float], output_type=list[float])


@_f.step
async def wait_for(ctx: StepContext[None, None, float]) -> float:
    await asyncio.sleep(ctx.inputs)
    return ctx.inputs


_first = _f.join(ReduceFirstValue[float](), initial=0.0, node_id="first", parent_fork_id="racers")


def _alone(ctx: StepContext[None, None, float]) -> list[float]:
    return [ctx.inputs]


_every = _f.join(reduce_list_extend, initial_factory=list[float], node_id="every", parent_fork_id="lanes")
_f.add(
    _f.edge_from(_f.start_node).broadcast(lambda e: [e.map(fork_id="racers").to(wait_for)], fork_id="lanes"),
    _f.edge_from(wait_for).to(_first),
    _f.edge_from(_first).transform(_alone).to(_every),
    _f.edge_from(_every).to(_f.end_node),
)
first = TemporalGraph(_f.build())

# -- People ---------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    log: list[str] = field(default_factory=list[str])


class Verdict(BaseModel):
    approved: bool
    note: str = ""


_p = GraphBuilder(name="release_people", state_type=Case, input_type=list[str], output_type=list[str])
_signed = _p.join(reduce_list_append, initial_factory=list[str], node_id="signed", parent_fork_id="lanes")


@_p.step
async def begin(ctx: StepContext[Case, None, list[str]]) -> list[str]:
    ctx.state.log.append("begun")
    return ctx.inputs


@_p.step
async def judge(ctx: StepContext[Case, None, str]) -> str:
    verdict = await interrupt({"about": ctx.inputs}, response_type=Verdict)
    colour = await interrupt("colour", response_type=Literal["red", "blue"])
    ctx.state.log.append(f"judged {ctx.inputs}")
    return f"{ctx.inputs}: {verdict.approved} {colour}"


@_p.step
async def talk(ctx: StepContext[Case, None, list[str]]) -> str:
    heard = [await interrupt(f"talk {number}", response_type=str) for number in range(2)]
    ctx.state.log.append("talked")
    return " ".join(heard)


@dataclass
class Sign(InterruptNode[Case, None, list[str]]):
    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Case]) -> Annotated[JoinNode[Case, None], _signed]:
        ctx.state.log.append(f"signed by {self.name}")
        return _signed.as_node(f"signed by {self.name}")


def _blank(ctx: StepContext[Case, None, list[str]]) -> Sign:
    return Sign()


_p.add(
    _p.node(Sign),
    _p.edge_from(_p.start_node).to(begin),
    _p.edge_from(begin).broadcast(
        lambda e: [e.map(fork_id="each").to(judge), e.to(talk), e.transform(_blank).to(Sign)], fork_id="lanes"
    ),
    _p.edge_from(judge, talk).to(_signed),
    _p.edge_from(_signed).to(_p.end_node),
)
people = TemporalGraph(_p.build(), node_options={"talk": NodeOptions(execution="workflow")})
short_people = TemporalGraph(
    people.graph,
    name="release_short_people",
    node_options={"talk": NodeOptions(execution="workflow")},
    max_history_events=10,
)

# -- Node classes, loops, local nodes -------------------------------------------------------------------------------


@dataclass
class Ask(InterruptNode[Case]):
    left: int
    answer: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Case]) -> Turn | End[list[str]]:
        ctx.state.log.append(str(self.answer))
        return Turn(self.left - 1)


@dataclass
class Turn(BaseNode[Case, None, list[str]]):
    left: int

    async def run(self, ctx: GraphRunContext[Case]) -> Turn | Ask | End[list[str]]:
        if self.left <= 0:
            return End(ctx.state.log)
        return Ask(self.left) if self.left % 3 == 0 else Turn(self.left - 1)


turns = InterruptibleGraph([Turn, Ask], name="release_turns")
local_turns = InterruptibleGraph(
    [Turn, Ask], name="release_local_turns", options=NodeOptions(execution="local"), max_history_events=30
)

# -- Errors ---------------------------------------------------------------------------------------------------------

_e = GraphBuilder(name="release_errors", state_type=Case, input_type=str, output_type=str)
tries: dict[str, int] = {}


@_e.step
async def stumble(ctx: StepContext[Case, None, str]) -> str:
    tries[ctx.inputs] = tries.get(ctx.inputs, 0) + 1
    if ctx.inputs == "twice" and tries[ctx.inputs] < 3:
        raise OSError("not yet")
    if ctx.inputs == "always":
        raise ValueError("never")
    return ctx.inputs


def _check(ctx: StepContext[Case, None, str]) -> str:
    if ctx.inputs == "edge":
        raise ValueError("a transform that raises")
    return ctx.inputs


_e.add(_e.edge_from(_e.start_node).to(stumble), _e.edge_from(stumble).transform(_check).to(_e.end_node))
errors = TemporalGraph(
    _e.build(),
    options=NodeOptions(retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)),
)

# -- A loop beside a node that takes long ---------------------------------------------------------------------------

_l = GraphBuilder(name="release_patient", input_type=int, output_type=list[str])


@_l.step
async def lap(ctx: StepContext[None, None, int]) -> Small | Large:
    await asyncio.sleep(0.05)
    return Large(ctx.inputs) if ctx.inputs >= 12 else Small(ctx.inputs + 1)


@_l.step
async def take_long(ctx: StepContext[None, None, int]) -> str:
    await asyncio.sleep(13)
    return "long"


_ended = _l.join(reduce_list_append, initial_factory=list[str], node_id="ended", parent_fork_id="lanes")


def _done(ctx: StepContext[None, None, Large]) -> str:
    return f"{ctx.inputs.value} laps"


_l.add(
    _l.edge_from(_l.start_node).broadcast(lambda e: [e.to(take_long), e.to(lap)], fork_id="lanes"),
    _l.edge_from(lap).to(
        _l.decision(node_id="more")
        .branch(_l.match(Small).transform(_value).to(lap))
        .branch(_l.match(Large).transform(_done).to(_ended))
    ),
    _l.edge_from(take_long).to(_ended),
    _l.edge_from(_ended).to(_l.end_node),
)
patient = TemporalGraph(_l.build(), max_history_events=20)

_s = GraphBuilder(name="release_sum", input_type=list[int], output_type=int)
_sum = _s.join(reduce_sum, initial=0, node_id="sum")
_s.add(
    _s.edge_from(_s.start_node).map(fork_id="each", downstream_join_id="sum").to(_sum),
    _s.edge_from(_sum).to(_s.end_node),
)
no_nodes = TemporalGraph(_s.build())

GRAPHS = (
    pipeline,
    short_pipeline,
    first,
    people,
    short_people,
    turns,
    local_turns,
    errors,
    patient,
    no_nodes,
)
