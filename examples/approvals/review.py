"""Review and edit: a draft waits until a person lets it pass, as it is or changed.

write -> review -> send
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel
from pydantic_graph import GraphBuilder, StepContext

from examples.approvals.pattern import Pattern
from examples.terminal import ask
from temporal_graph import Stop, TemporalGraph, interrupt


@dataclass
class Letter:
    """A letter on its way: the state of a run."""

    draft: str = ""
    final: str = ""
    was_edited: bool = False


class Reviewed(BaseModel):
    """What a person says of the draft: another text, or nothing to let it be."""

    text: str | None = None


g = GraphBuilder(name="review", state_type=Letter, input_type=str, output_type=str)


@g.step
async def write(ctx: StepContext[Letter, None, str]) -> None:
    ctx.state.draft = f"Dear {ctx.inputs}, your parcel is on its way."


@g.step
async def review(ctx: StepContext[Letter, None, None]) -> None:
    reviewed = await interrupt({"draft": ctx.state.draft}, response_type=Reviewed)
    ctx.state.final = ctx.state.draft if reviewed.text is None else reviewed.text
    ctx.state.was_edited = ctx.state.final != ctx.state.draft


@g.step
async def send(ctx: StepContext[Letter, None, None]) -> str:
    return f"Sent: {ctx.state.final}"


g.add(
    g.edge_from(g.start_node).to(write),
    g.edge_from(write).to(review),
    g.edge_from(review).to(send),
    g.edge_from(send).to(g.end_node),
)
letters = TemporalGraph(g.build())


async def answer(stop: Stop[str, Letter]) -> Reviewed:
    print(stop.interrupts[0].value["draft"])
    text = (await ask("Another text, or Enter to send this one: ")).strip()
    return Reviewed(text=text or None)


pattern = Pattern(letters, answer, inputs="Mia")
