"""What the Temporal UI shows of a run that asks people: summaries of activities and timers, and what waits for whom."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import pytest
from markdown_it import MarkdownIt
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from temporal_graph import (
    Command,
    Escalate,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    TemporalGraph,
    interrupt,
)
from temporal_graph.notify import Notification
from temporal_graph.temporal.summaries import LONGEST, summary
from tests.server.conftest import Serve
from tests.server.conftest import serve as serve  # a fixture
from tests.server.looking import SCHEDULED, TIMER, events, is_unharmed

HOUR = timedelta(hours=1)


@dataclass
class Names:
    assignees: list[str] = field(default_factory=list[str])


@dataclass
class Review(InterruptNode[Names, None, str]):
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees=lambda ctx: ctx.state.assignees,
        reminders=[48 * HOUR],
        escalations=[Escalate(24 * HOUR, "finance")],
        timeout=72 * HOUR,
        on_timeout=Command(resume={"approved": False}),
    )

    async def prompt(self, ctx: StepContext[Names, None, Review]) -> str:
        return "Shall I?"

    async def run(self, ctx: GraphRunContext[Names, None]) -> Pay | End[str]:
        return Pay() if self.approved else End("declined")


@dataclass
class Pay(BaseNode[Names, None, str]):
    async def run(self, ctx: GraphRunContext[Names, None]) -> End[str]:
        return End("paid")


review = InterruptibleGraph([Review, Pay], name="review_ui")
long = InterruptibleGraph([Review, Pay], name="long_ui", node_options={"Pay": NodeOptions(summary="🦆" * 1_000)})

_g = GraphBuilder(name="many_ui", input_type=list[str], output_type=list[str])


async def _ask(ctx: StepContext[None, None, str]) -> str:
    policy = InterruptPolicy(assignees=ctx.inputs)
    return await interrupt(ctx.inputs, response_type=str, policy=policy)


NAME = "*n* | `x` <b>[a](https://example.com)&amp;_" + "🦆" * 100
_person = _g.step(node_id=NAME)(_ask)
_said = _g.join(reduce_list_append, initial_factory=list[str], node_id="said")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="all").to(_person),
    _g.edge_from(_person).to(_said),
    _g.edge_from(_said).to(_g.end_node),
)
many = TemporalGraph(_g.build())


_again = GraphBuilder(name="again_ui", input_type=int, output_type=int)


@_again.step
async def count(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs - 1


_again.add(
    _again.edge_from(_again.start_node).to(count),
    _again.edge_from(count).to(
        _again.decision()
        .branch(_again.match(int, matches=lambda left: left > 0).to(count))
        .branch(_again.match(int).to(_again.end_node))
    ),
)
again = TemporalGraph(_again.build())


async def summaries(client: Client, run_id: str) -> list[str | None]:
    """Of activities and timers, in order; None for one that has none."""
    found = [event for event in await events(client, run_id) if event.event_type in (SCHEDULED, TIMER)]
    return [json.loads(event.user_metadata.summary.data or "null") for event in found]


async def current_details(client: Client, run_id: str) -> str:
    handle = client.get_workflow_handle(run_id)
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


def table(text: str) -> list[list[str]]:
    """The cells of Markdown that is one table of plain text, as they are read.

    Raises:
        AssertionError: It is something else.
    """
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    assert {token.type.rpartition("_")[0] or token.type for token in tokens} <= {
        *{"table", "thead", "tbody", "tr", "th", "td", "inline", "paragraph"},
    }
    rows: list[list[str]] = []
    is_in_table = False
    for token in tokens:
        is_in_table = token.type != "table_close" and (is_in_table or token.type == "table_open")
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and is_in_table:
            assert {child.type for child in token.children or []} <= {"text", "text_special"}, token.content
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


async def told(notification: Notification) -> None: ...


async def test_what_activities_and_timers_are_for(serve: Serve, task_queue: str) -> None:
    async with serve(review, notify=told) as client:
        run = await review.start(client, Review(), state=Names(["ann"]), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume({"approved": True}, actor="ann")
        await run.result()
        found = await summaries(client, run.id)
    assert found[:3] == ["compose Review:1", "notify: opened Review:1", "escalate Review:1 to finance"]
    # The type of an activity says which node it is.
    assert {"notify: answered Review:1", "Review:1", None} == set(found[3:])


async def test_activities_of_a_node_that_comes_again_have_numbers(serve: Serve, task_queue: str) -> None:
    async with serve(again) as client:
        run = await again.start(client, inputs=3, id=task_queue, task_queue=task_queue)
        await run.result()
        assert await summaries(client, run.id) == [None, "count:2", "count:3"]


async def test_who_is_waited_for(serve: Serve, task_queue: str) -> None:
    async with serve(review) as client:
        run = await review.start(client, Review(), state=Names(["ann", "bob"]), id=task_queue, task_queue=task_queue)
        await run.wait()
        [asked] = await run.pending_interrupts()
        head, row = table(await current_details(client, run.id))
        assert head == ["waits for", "asked of", "since", "until"]
        assert asked.deadline is not None
        assert row == [
            "Review:1",
            "ann, bob",
            f"{asked.created_at:%Y-%m-%d %H:%M} UTC",
            f"{asked.deadline:%Y-%m-%d %H:%M} UTC",
        ]
        await run.reassign("cid")
        assert table(await current_details(client, run.id))[1][1] == "cid"
        await run.resume({"approved": True}, actor="cid")
        await run.result()
        assert await current_details(client, run.id) == ""


NAMES = [
    "a | b",
    "line\nbreak\r\n\x0b\x85\u2028| x |",
    "`code`",
    "<script>alert(1)</script>",
    "<!-- ",
    "[link](https://example.com) ![image](x.png)",
    "*bold* _italic_ ~~gone~~ **",
    "\\",
    "\\|",
    "&lt;b&gt; &#124;",
    "# title",
    "\u202egnp.exe",
    "👩‍🚒" * 90,
    "x" * 1_000,
]


async def test_names_break_nothing(serve: Serve, task_queue: str) -> None:
    """Neither the table, nor the run."""
    async with serve(long, notify=told) as client:
        run = await long.start(client, Review(), state=Names(["ann"]), id=task_queue, task_queue=task_queue)
        await run.wait()
        for name in NAMES:
            await run.reassign(name)
            [_, row] = table(await current_details(client, run.id))
            assert len(row) == 4
            plain = "".join(char if char.isprintable() or char == "\u200d" else " " for char in name)
            shown = row[1].removesuffix("…")
            assert len(shown) <= LONGEST
            assert " ".join(plain.split()).startswith(shown)
        await run.reassign(NAMES)
        assert len(table(await current_details(client, run.id))) == 2
        await run.resume({"approved": True}, actor=NAMES[-2])
        assert (await run.result()).output == "paid"
        found = await summaries(client, run.id)
        assert await is_unharmed(client, run.id)
    assert [text for text in found if text is not None and text.startswith("🦆")]
    assert max(len(json.dumps(text)) for text in found) <= LONGEST


async def test_assignees_of_any_length_are_in_the_summary_of_a_timer(serve: Serve, task_queue: str) -> None:
    asked = "🦆" * 500
    graph = InterruptibleGraph(
        [Wait], name="handed_on", options=NodeOptions(policy=InterruptPolicy(escalations=[Escalate(HOUR, asked)]))
    )
    async with serve(graph) as client:
        run = await graph.start(client, Wait(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [_, timer] = await summaries(client, run.id)
        assert timer.startswith("escalate Wait:1.0 to 🦆")
        assert len(json.dumps(timer)) <= LONGEST
        await run.resume("yes")
        await run.result()


@dataclass
class Wait(BaseNode[None, None, str]):
    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(await interrupt("?", response_type=str))


async def test_of_many_questions_some_are_shown(serve: Serve, task_queue: str) -> None:
    names = [f"p{number}" for number in range(30)]
    async with serve(many) as client:
        run = await many.start(client, inputs=names, id=task_queue, task_queue=task_queue)
        await run.wait()
        text = await current_details(client, run.id)
        rows = table(text)
        asked = await run.pending_interrupts()
        assert [row[1] for row in rows[1:]] == [each.assignees[0] for each in asked[:20]]
        assert [row[0] for row in rows[1:]] == [each.interrupt_id for each in asked[:20]]
        assert text.endswith("\n\n... and 10 more.")
        await run.cancel()


@pytest.mark.parametrize("text", ["x" * 1_000, "🦆" * 500, "\ud800" * 500, '"' * 500, "\x00" * 500, "ü" * 99])
def test_a_summary_is_short(text: str) -> None:
    made: Any = summary(text)
    assert len(json.dumps(made)) <= LONGEST
    assert len(json.dumps(made)) > LONGEST // 2
    made.encode()
