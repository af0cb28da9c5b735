"""Conditional resume: each answer has its own way on, and one of them leads back to the question.

ask -> pay, decline, or explain -> ask
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic_graph import GraphBuilder, StepContext

from examples.approvals.pattern import Pattern, choose
from examples.terminal import ask as ask_for_line
from temporal_graph import Stop, TemporalGraph, interrupt


@dataclass
class Refund:
    """A refund that is asked for: the state of a run."""

    amount: int = 0
    explanations: list[str] = field(default_factory=list[str])


class Pay(BaseModel):
    verdict: Literal["pay"] = "pay"


class Decline(BaseModel):
    verdict: Literal["decline"] = "decline"
    reason: str = ""


class Explain(BaseModel):
    """The person wants to know more first."""

    verdict: Literal["explain"] = "explain"
    question: str


Verdict = Annotated[Pay | Decline | Explain, Field(discriminator="verdict")]

g = GraphBuilder(name="conditional", state_type=Refund, input_type=int, output_type=str)


@g.step
async def begin(ctx: StepContext[Refund, None, int]) -> None:
    ctx.state.amount = ctx.inputs


@g.step
async def ask(ctx: StepContext[Refund, None, None]) -> Pay | Decline | Explain:
    shown = {"refund": ctx.state.amount, "explanations": ctx.state.explanations}
    return await interrupt(shown, response_type=Verdict)


@g.step
async def explain(ctx: StepContext[Refund, None, Explain]) -> None:
    ctx.state.explanations.append(f"{ctx.inputs.question} It was broken.")


@g.step
async def pay(ctx: StepContext[Refund, None, Pay]) -> str:
    return f"{ctx.state.amount} paid"


@g.step
async def decline(ctx: StepContext[Refund, None, Decline]) -> str:
    return f"{ctx.state.amount} not paid{f': {ctx.inputs.reason}' if ctx.inputs.reason else ''}"


g.add(
    g.edge_from(g.start_node).to(begin),
    g.edge_from(begin, explain).to(ask),
    g.edge_from(ask).to(
        g.decision(node_id="verdict")
        .branch(g.match(Pay).to(pay))
        .branch(g.match(Decline).to(decline))
        .branch(g.match(Explain).to(explain))
    ),
    g.edge_from(pay, decline).to(g.end_node),
)
conditional = TemporalGraph(g.build())


async def answer(stop: Stop[str, Refund]) -> Pay | Decline | Explain:
    asked = stop.interrupts[0].value
    print(f"A refund of {asked['refund']}.", *asked["explanations"])
    match await choose("What is to be done?", "pay", "decline", "explain"):
        case "pay":
            return Pay()
        case "decline":
            return Decline(reason=(await ask_for_line("Why? ")).strip())
        case _:
            return Explain(question=(await ask_for_line("What do you want to know? ")).strip())


pattern = Pattern(conditional, answer, inputs=30)
