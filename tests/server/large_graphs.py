"""Graphs whose states grow to more than can be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic_graph import End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import (
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    TemporalGraph,
    answers,
    interrupt,
)


@dataclass
class Ledger:
    """Two long texts."""

    first: str = ""
    second: str = ""
    third: list[str] = field(default_factory=list[str])


@dataclass
class Note(InterruptNode[Ledger, None, str]):
    """Waits for one answer."""

    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[Ledger, None]) -> End[str]:
        return End(f"{len(ctx.state.first) + len(ctx.state.second)} letters")


ledger = InterruptibleGraph([Note], name="ledger")
short_ledger = InterruptibleGraph([Note], name="short_ledger", max_history_events=30)


def _growth() -> TemporalGraph[Ledger, None, str, str]:
    g = GraphBuilder(name="growth", state_type=Ledger, input_type=str, output_type=str)

    @g.step
    async def grow(ctx: StepContext[Ledger, None, str]) -> str:
        ctx.state.second = "y" * 1_000_000
        return ctx.inputs

    @g.step
    async def grow_here(ctx: StepContext[Ledger, None, str]) -> str:
        ctx.state.second = "y" * 1_000_000
        return ctx.inputs

    @g.step
    async def after(ctx: StepContext[Ledger, None, str]) -> str:
        return ctx.inputs

    def is_here(name: str) -> bool:
        return name == "grow_here"

    g.add(
        g.edge_from(g.start_node).to(
            g.decision().branch(g.match(str, matches=is_here).to(grow_here)).branch(g.match(str).to(grow))
        ),
        g.edge_from(grow, grow_here).to(after),
        g.edge_from(after).to(g.end_node),
    )
    return TemporalGraph(g.build(), node_options={"grow_here": NodeOptions(execution="workflow")})


growth = _growth()


def _asking_growth() -> TemporalGraph[Ledger, None, list[str], list[str]]:
    g = GraphBuilder(name="asking_growth", state_type=Ledger, input_type=list[str], output_type=list[str])

    @g.step
    async def grow(ctx: StepContext[Ledger, None, str]) -> str:
        setattr(ctx.state, ctx.inputs, "z" * 1_200_000)
        return ctx.inputs

    join = g.join(reduce_list_append, initial_factory=list[str])
    g.add(
        g.edge_from(g.start_node).map().to(grow),
        g.edge_from(grow).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build(), node_options={"grow": NodeOptions(on_failure="interrupt")})


asking_growth = _asking_growth()


@dataclass
class Essay(InterruptNode[Ledger, None, int]):
    """Waits for what many people write."""

    text: Annotated[str | None, Required] = None

    policy = InterruptPolicy(quorum=100, reject_ends={"text": "the end"})

    async def run(self, ctx: GraphRunContext[Ledger, None]) -> End[int]:
        return End(sum(len(answer.value["text"]) for answer in answers()))


def _essay() -> TemporalGraph[Ledger, None, list[Essay], int]:
    g = GraphBuilder(name="essay", state_type=Ledger, input_type=list[Essay], output_type=int)
    g.add(g.node(Essay), g.edge_from(g.start_node).map().to(Essay))
    return TemporalGraph(g.build(), max_history_events=30)


essay = _essay()


def _letter() -> TemporalGraph[Ledger, None, int, int]:
    g = GraphBuilder(name="letter", state_type=Ledger, input_type=int, output_type=int)

    @g.step
    async def write(ctx: StepContext[Ledger, None, int]) -> str:
        two = InterruptPolicy(assignees=["ann", "bob", "cid"], quorum=ctx.inputs)
        return await interrupt("What do you write?", response_type=str, policy=two)

    @g.step
    async def count(ctx: StepContext[Ledger, None, str]) -> int:
        return len(ctx.inputs)

    g.add(g.edge_from(g.start_node).to(write), g.edge_from(write).to(count), g.edge_from(count).to(g.end_node))
    return TemporalGraph(g.build())


letter = _letter()
