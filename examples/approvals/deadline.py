"""Time-out: a question that is answered for the person when nobody has answered in time.

open -> ask -> sell, or keep

The deadline is part of the question, so whoever looks at the run knows it. It is this program that keeps it: while
nothing looks after the run, the question stays open, and the next program that does finds the deadline passed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel
from pydantic_graph import GraphBuilder, StepContext

from examples.approvals.pattern import Pattern, choose
from temporal_graph import Stop, TemporalGraph, interrupt


@dataclass
class Offer:
    """An offer that does not stand for ever: the state of a run."""

    until: datetime | None = None
    status: str = ""


class Decision(BaseModel):
    """What is decided; `expired` by nobody, because it was too late."""

    verdict: Literal["accept", "decline", "expired"]


g = GraphBuilder(name="deadline", state_type=Offer, input_type=timedelta, output_type=str)


@g.step(node_id="open")
async def open_offer(ctx: StepContext[Offer, None, timedelta]) -> None:
    """Sets the deadline, once; the node that asks runs twice."""
    ctx.state.until = datetime.now(UTC) + ctx.inputs


@g.step
async def decide(ctx: StepContext[Offer, None, None]) -> str:
    decision = await interrupt({"offer": "A boat for 300", "until": ctx.state.until}, response_type=Decision)
    ctx.state.status = decision.verdict
    return {"accept": "sold", "decline": "not sold", "expired": "nobody answered in time"}[decision.verdict]


g.add(
    g.edge_from(g.start_node).to(open_offer),
    g.edge_from(open_offer).to(decide),
    g.edge_from(decide).to(g.end_node),
)
deadline = TemporalGraph(g.build())


async def answer(stop: Stop[str, Offer]) -> Decision:
    asked = stop.interrupts[0].value
    until = datetime.fromisoformat(asked["until"])
    left = until - datetime.now(UTC)
    print(f"{asked['offer']}, until {until:%H:%M:%S} UTC.")
    if left <= timedelta():
        return Decision(verdict="expired")
    try:
        async with asyncio.timeout(left.total_seconds()):
            verdict = await choose("Do you take it?", "accept", "decline")
    except TimeoutError:
        print()
        return Decision(verdict="expired")
    return Decision(verdict="accept" if verdict == "accept" else "decline")


pattern = Pattern(deadline, timedelta(seconds=30), answer)
