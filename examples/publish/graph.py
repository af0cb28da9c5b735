"""Checks a Markdown file, drafts a release summary, and waits for a person to approve or edit it.

split -> check, for each section -> draft -> review -> write
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic_graph import GraphBuilder, StepContext, TypeExpression, reduce_list_append
from temporalio.common import RetryPolicy

from examples.publish.checks import Report, check_section
from examples.publish.files import paths, read_document, write
from examples.publish.markdown import Section
from examples.publish.summary import draft_summary
from temporal_graph import Merge, NodeOptions, TemporalGraph, interrupt


@dataclass
class Job:
    """What is to be published.

    Attributes:
        file: A Markdown file, on the worker's machine.
        output: Where the summary goes. Default: beside the file, as `README.release.md`.
    """

    file: Path
    output: Path | None = None


@dataclass
class Publication:
    """What is known so far: the state of a run.

    Attributes:
        words: Each check adds the words of its section.
    """

    file: Path = field(default_factory=Path)
    output: Path = field(default_factory=Path)
    title: str = ""
    words: Annotated[int, Merge.sum] = 0
    findings: int = 0
    draft: str = ""


@dataclass
class Proposal:
    """What a person is asked."""

    question: str
    file: Path
    findings: int
    draft: str


class Approve(BaseModel):
    """The draft is good."""

    verdict: Literal["approve"] = "approve"


class Edit(BaseModel):
    """Another text is to be published."""

    verdict: Literal["edit"] = "edit"
    text: Annotated[str, Field(min_length=1, description="the whole text, in Markdown")]


class Reject(BaseModel):
    """Nothing is to be published."""

    verdict: Literal["reject"] = "reject"
    reason: str = ""


Verdict = Annotated[Approve | Edit | Reject, Field(discriminator="verdict")]


@dataclass
class Published:
    """The end of a run whose draft was approved or edited."""

    file: Path


@dataclass
class Rejected:
    """The end of a run whose draft was rejected."""

    reason: str


g = GraphBuilder(
    name="publish",
    state_type=Publication,
    input_type=Job,
    output_type=TypeExpression[Published | Rejected],
)


@g.step
async def split(ctx: StepContext[Publication, None, Job]) -> list[Section]:
    """Take the file apart, at its headings."""
    ctx.state.file, ctx.state.output = paths(ctx.inputs.file, ctx.inputs.output)
    document = await asyncio.to_thread(read_document, ctx.state.file)
    ctx.state.title = document.title
    return document.sections


@g.step
async def check(ctx: StepContext[Publication, None, Section]) -> Report:
    """Check one section; they are all checked at once."""
    ctx.state.words += ctx.inputs.words
    return await asyncio.to_thread(check_section, ctx.inputs, ctx.state.file)


@g.step
async def draft(ctx: StepContext[Publication, None, list[Report]]) -> None:
    """Draft the summary."""
    ctx.state.findings = sum(len(report.findings) for report in ctx.inputs)
    ctx.state.draft = draft_summary(ctx.state.file, ctx.state.title, ctx.state.words, ctx.inputs)


@g.step
async def review(ctx: StepContext[Publication, None, None]) -> Approve | Edit | Reject:
    """Wait for a person, however long it takes."""
    state = ctx.state
    proposal = Proposal(f"Publish {state.output.name}?", state.file, state.findings, state.draft)
    return await interrupt(proposal, response_type=Verdict)


@g.step(node_id="write")
async def write_summary(ctx: StepContext[Publication, None, str]) -> Published:
    """Write the text."""
    text = ctx.inputs if ctx.inputs.endswith("\n") else ctx.inputs + "\n"
    await asyncio.to_thread(write, ctx.state.output, text)
    return Published(ctx.state.output)


reports = g.join(reduce_list_append, initial_factory=list[Report], node_id="reports", parent_fork_id="sections")

g.add(
    g.edge_from(g.start_node).to(split),
    g.edge_from(split).map(fork_id="sections", downstream_join_id=reports.id).to(check),
    g.edge_from(check).to(reports),
    g.edge_from(reports).to(draft),
    g.edge_from(draft).to(review),
    g.edge_from(review).to(
        g.decision(node_id="verdict")
        .branch(g.match(Approve).label("approve").transform(lambda ctx: ctx.state.draft).to(write_summary))
        .branch(g.match(Edit).label("edit").transform(lambda ctx: ctx.inputs.text).to(write_summary))
        .branch(g.match(Reject).label("reject").transform(lambda ctx: Rejected(ctx.inputs.reason)).to(g.end_node))
    ),
    g.edge_from(write_summary).to(g.end_node),
)

# A file that is not there, or is no text, is not there a second later either: the run fails at once, and says why.
no_second_try = NodeOptions(retry_policy=RetryPolicy(maximum_attempts=5, non_retryable_error_types=["DocumentError"]))

publish = TemporalGraph(g.build(), node_options={"split": no_second_try})
