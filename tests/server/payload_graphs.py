"""Graphs whose values are secret, or large."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import InterruptibleGraph, InterruptNode, NodeOptions, Required, TemporalGraph, interrupt

SECRET = "plain-text"
"""Part of every value in these graphs, and to be seen in no history."""


@dataclass
class Vault:
    """A state."""

    lines: list[str] = field(default_factory=list[str])


@dataclass
class Open(BaseNode[Vault, None, str]):
    """Begins."""

    text: str

    async def run(self, ctx: GraphRunContext[Vault]) -> Check:
        ctx.state.lines.append(f"{SECRET} opened {self.text}")
        return Check(f"{SECRET} for {self.text}")


@dataclass
class Check(InterruptNode[Vault, None, str]):
    """Asks."""

    text: str
    code: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Vault]) -> Close:
        ctx.state.lines.append(f"{SECRET} code {self.code}")
        return Close(str(self.code))


@dataclass
class Close(BaseNode[Vault, None, str]):
    """Asks once more, and ends or fails."""

    code: str

    async def run(self, ctx: GraphRunContext[Vault]) -> End[str]:
        how = await interrupt(f"{SECRET} how?", response_type=str)
        if "fail" in how:
            raise TypeError(f"{SECRET} {how}")
        return End(f"{SECRET} {self.code} {how}")


vault = InterruptibleGraph([Open, Check, Close], name="vault")
short_vault = InterruptibleGraph([Open, Check, Close], name="short_vault", max_history_events=10)
local_vault = InterruptibleGraph(
    [Open, Check, Close], name="local_vault", options=NodeOptions(execution="local", summary=f"{SECRET} summary")
)


@dataclass
class Load:
    """A state that is larger than Temporal takes."""

    blobs: list[str] = field(default_factory=list[str])


def _large() -> TemporalGraph:
    make: Any = GraphBuilder
    g = make(name="large", input_type=str, output_type=list[str], state_type=Load)

    @g.step
    async def grow(ctx: StepContext[Load, None, str]) -> str:
        """Gives, and puts into the state, as much as it gets."""
        ctx.state.blobs.append("s" * len(ctx.inputs))
        return ctx.inputs + "y"

    @g.step
    async def ask(ctx: StepContext[Load, None, str]) -> str:
        """Shows a large question, and takes a large answer."""
        return await interrupt(ctx.inputs, response_type=str)

    join = g.join(reduce_list_append, initial_factory=list[str], node_id="all")
    g.add(
        g.edge_from(g.start_node).to(grow),
        g.edge_from(grow).to(ask),
        g.edge_from(ask).transform(lambda ctx: [ctx.inputs, ctx.inputs + "z"]).map(fork_id="each").to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build(), max_history_events=10)


large = _large()


@dataclass
class Story:
    """A state of 100 KB, to which a line is added."""

    messages: list[str] = field(default_factory=list[str])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    title: str = ""


async def add_message(ctx: StepContext[Story, None, str]) -> str:
    """Appends one message."""
    ctx.state.messages.append(f"one more: {ctx.inputs}")
    return ctx.inputs


async def add_note(ctx: StepContext[Story, None, str]) -> str:
    """Adds one key."""
    ctx.state.notes[f"note {ctx.inputs}"] = "written"
    return ctx.inputs


async def set_title(ctx: StepContext[Story, None, str]) -> str:
    """Changes one field, and one item in the middle of the list."""
    ctx.state.title = f"title {ctx.inputs}"
    ctx.state.messages[50] = "edited"
    return ctx.inputs


async def only_read(ctx: StepContext[Story, None, str]) -> str:
    """Changes nothing."""
    return f"{ctx.inputs}{len(ctx.state.messages)}"


def _story() -> TemporalGraph:
    make: Any = GraphBuilder
    g = make(name="story", input_type=str, output_type=str, state_type=Story)
    steps = [g.step(step) for step in (add_message, add_note, set_title, only_read)]
    for source, target in zip([g.start_node, *steps], [*steps, g.end_node], strict=True):
        g.add(g.edge_from(source).to(target))
    return TemporalGraph(g.build())


def _stories() -> TemporalGraph:
    make: Any = GraphBuilder
    g = make(name="stories", input_type=list[str], output_type=list[str], state_type=Story)
    step = g.step(add_message)
    join = g.join(reduce_list_append, initial_factory=list[str], node_id="all")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


story, stories = _story(), _stories()
