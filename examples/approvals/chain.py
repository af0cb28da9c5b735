"""A chain of approvals: two breakpoints, at each of which a person lets the run go on or sends it back to the plan.

plan -> (approved?) -> execute -> (approved?) -> close

The nodes know nothing of people. Where the run stops is said beside the graph, and can be said anew for each run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic_graph import GraphBuilder, StepContext

from examples.approvals.pattern import Pattern, choose
from examples.terminal import ask
from temporal_graph import Command, Send, Stop, TemporalGraph


@dataclass
class Change:
    """What has been done, and who agreed to it: the state of a run."""

    log: list[str] = field(default_factory=list[str])
    approved_by: list[str] = field(default_factory=list[str])


g = GraphBuilder(name="chain", state_type=Change, input_type=str, output_type=str)


@g.step
async def plan(ctx: StepContext[Change, None, str]) -> str:
    ctx.state.log.append(f"planned: {ctx.inputs}")
    return ctx.inputs


@g.step
async def execute(ctx: StepContext[Change, None, str]) -> str:
    ctx.state.log.append(f"done: {ctx.inputs}")
    return ctx.inputs


@g.step
async def close(ctx: StepContext[Change, None, str]) -> str:
    return f"{ctx.inputs}: approved by {' and '.join(ctx.state.approved_by)}"


g.add(
    g.edge_from(g.start_node).to(plan),
    g.edge_from(plan).to(execute),
    g.edge_from(execute).to(close),
    g.edge_from(close).to(g.end_node),
)
chain = TemporalGraph(g.build(), interrupt_before=["execute", "close"])


async def answer(stop: Stop[str, Change]) -> Command[str]:
    print(f"{stop.state.log[-1]} (next: {stop.interrupts[0].node_id})")
    if await choose("Go on?", "yes", "no") == "yes":
        name = (await ask("Your name? ")).strip() or "somebody"
        # An answer and a change of the state, in one step.
        return Command(resume=True, update={"approved_by": [*stop.state.approved_by, name]})
    return Command(goto=Send("plan", (await ask("What is to be done instead? ")).strip()), update={"approved_by": []})


pattern = Pattern(chain, answer, inputs="move the database")
