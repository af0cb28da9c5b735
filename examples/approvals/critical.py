"""Approve before a critical action: nothing is deleted before a person has seen what is to be deleted.

plan -> approve -> delete, or the end
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel
from pydantic_graph import GraphBuilder, StepContext

from examples.approvals.pattern import Pattern, choose
from examples.terminal import ask
from temporal_graph import Stop, TemporalGraph, interrupt

ACCOUNTS = {"mia": ["photos", "letters"], "tom": ["notes"]}


@dataclass
class Deletion:
    """What is done: the state of a run."""

    deleted: list[str] = field(default_factory=list[str])


class Plan(BaseModel):
    """What is to be deleted."""

    user: str
    files: list[str]


class Approved(BaseModel):
    """The plan may be carried out."""

    plan: Plan


class Refused(BaseModel):
    """It may not."""

    reason: str


class Decision(BaseModel):
    """What a person says."""

    approved: bool
    reason: str = ""


g = GraphBuilder(name="critical", state_type=Deletion, input_type=str, output_type=str)


@g.step
async def plan(ctx: StepContext[Deletion, None, str]) -> Plan:
    return Plan(user=ctx.inputs, files=ACCOUNTS.get(ctx.inputs, []))


@g.step
async def approve(ctx: StepContext[Deletion, None, Plan]) -> Approved | Refused:
    """Only asks. What comes before a question is done again, so the action has a node of its own."""
    decision = await interrupt({"question": "Delete all of this?", "plan": ctx.inputs}, response_type=Decision)
    return Approved(plan=ctx.inputs) if decision.approved else Refused(reason=decision.reason)


@g.step
async def delete(ctx: StepContext[Deletion, None, Approved]) -> str:
    """The critical action; here it is only noted."""
    ctx.state.deleted += ctx.inputs.plan.files
    return f"The account {ctx.inputs.plan.user} is deleted, with {len(ctx.inputs.plan.files)} files."


@g.step
async def keep(ctx: StepContext[Deletion, None, Refused]) -> str:
    return f"Nothing is deleted{f': {ctx.inputs.reason}' if ctx.inputs.reason else ''}."


g.add(
    g.edge_from(g.start_node).to(plan),
    g.edge_from(plan).to(approve),
    g.edge_from(approve).to(
        g.decision(node_id="decision").branch(g.match(Approved).to(delete)).branch(g.match(Refused).to(keep))
    ),
    g.edge_from(delete, keep).to(g.end_node),
)
critical = TemporalGraph(g.build())


async def answer(stop: Stop[str, Deletion]) -> Decision:
    asked = stop.interrupts[0].value
    print(f"{asked['plan']['user']}: {', '.join(asked['plan']['files'])}")
    if await choose(asked["question"], "yes", "no") == "yes":
        return Decision(approved=True)
    return Decision(approved=False, reason=(await ask("Why not? ")).strip())


pattern = Pattern(critical, answer, inputs="mia")
