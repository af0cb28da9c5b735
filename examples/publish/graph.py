"""Checks a Markdown file, drafts a release summary, and waits for a person to approve or edit it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from temporal_graph import TemporalGraph, interrupt


@dataclass
class Section:
    """One section of the file."""

    heading: str
    text: str


g = GraphBuilder(name="publish", input_type=str, output_type=str)


@g.step
async def split(ctx: StepContext[None, None, str]) -> list[Section]:
    """Take the file apart, at its headings."""
    sections: list[Section] = []
    for line in Path(ctx.inputs).read_text().splitlines():  # noqa: ASYNC240 - a small file
        if line.startswith("#"):
            sections.append(Section(line.lstrip("# "), ""))
        elif sections:
            sections[-1].text += line + "\n"
    return sections


@g.step
async def check(ctx: StepContext[None, None, Section]) -> str:
    """Look at one section."""
    return f"{ctx.inputs.heading}: {len(ctx.inputs.text.split())} words"


@g.step
async def approve(ctx: StepContext[None, None, list[str]]) -> str:
    """Wait for a person."""
    return await interrupt(sorted(ctx.inputs), response_type=str)


findings = g.join(reduce_list_append, initial_factory=list[str], node_id="findings")
g.add(
    g.edge_from(g.start_node).to(split),
    g.edge_from(split).map(fork_id="sections").to(check),
    g.edge_from(check).to(findings),
    g.edge_from(findings).to(approve),
    g.edge_from(approve).to(g.end_node),
)
publish = TemporalGraph(g.build())
