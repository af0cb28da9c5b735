"""Graphs that are answered with one of several types."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import TemporalGraph, interrupt


class Approve(BaseModel):
    note: str = ""


class Reject(BaseModel):
    reason: Annotated[str, Field(min_length=3)]


class RejectForGood(Reject):
    until: int


g = GraphBuilder(name="tagged_answer", input_type=int, output_type=str)


@g.step
async def ask(ctx: StepContext[None, None, int]) -> str:
    return repr(await interrupt("ok?", response_type=Approve | Reject))


g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
graph = TemporalGraph(g.build())
