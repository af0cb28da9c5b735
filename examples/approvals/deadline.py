"""Time-out: a question that goes on by itself when nobody has answered in time.

The question looks after itself: on a Temporal server it has a timer of the run's, and the run goes on when the time is
up, whether or not a program looks. In this process, the next call finds that the time is up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel
from pydantic_graph import GraphBuilder, StepContext

from examples.approvals.pattern import Pattern, choose
from temporal_graph import Command, InterruptPolicy, Stop, TemporalGraph, answers, interrupt


class Decision(BaseModel):
    """What a person says."""

    verdict: Literal["accept", "decline"]


g = GraphBuilder(name="deadline", input_type=timedelta, output_type=str)


@g.step
async def decide(ctx: StepContext[None, None, timedelta]) -> str:
    in_time = InterruptPolicy(timeout=ctx.inputs, on_timeout=Command(resume=Decision(verdict="decline")))
    decision = await interrupt({"offer": "A boat for 300"}, response_type=Decision, policy=in_time)
    [answer] = answers()
    if answer.via == "timeout":
        return "not sold: nobody answered in time"
    return "sold" if decision.verdict == "accept" else "not sold"


g.add(g.edge_from(g.start_node).to(decide), g.edge_from(decide).to(g.end_node))
deadline = TemporalGraph(g.build())


async def answer(stop: Stop[str, None]) -> Decision:
    [asked] = stop.interrupts
    print(f"{asked.value['offer']}, until {asked.deadline:%H:%M:%S} UTC.")
    verdict = await choose("Do you take it?", "accept", "decline")
    return Decision(verdict="accept" if verdict == "accept" else "decline")


pattern = Pattern(deadline, answer, inputs=timedelta(seconds=30))
