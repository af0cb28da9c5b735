"""Nodes that ask several questions, and not in the same order, or not in the same words, each time they run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import Command, InterruptPolicy, NodeOptions, TemporalGraph, answers, interrupt, once

Asked = dict[str, Any]
LAST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Runs:
    """What is about the world another time than the last."""

    count: int = 0

    def next(self) -> int:
        self.count += 1
        return self.count


@dataclass
class Payment:
    payee: str = "ann"
    log: list[str] = field(default_factory=list[str])


def graph(name: str, step: Any, options: NodeOptions | None = None) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name=name, state_type=Payment, deps_type=Runs, input_type=list[str], output_type=Asked)
    node = g.step(step)
    g.add(g.edge_from(g.start_node).to(node), g.edge_from(node).to(g.end_node))
    return TemporalGraph(g.build(), node_options=None if options is None else {step.__name__: options})


Step = StepContext[Payment, Runs, list[str]]


def turned(items: Sequence[str], by: int) -> list[str]:
    """The items, beginning with another one each time."""
    by %= len(items)
    return [*items[by:], *items[:by]]


async def side_by_side(ctx: Step) -> Asked:
    """Each time another one is quicker."""
    order = turned(ctx.inputs, ctx.deps.next() - 1)

    async def tool(what: str) -> tuple[str, str]:
        for _ in range(3 * order.index(what)):
            await asyncio.sleep(0)
        return what, await interrupt(f"delete {what}?", response_type=str)

    return dict(await asyncio.gather(*(tool(what) for what in ctx.inputs)))


async def in_a_loop(ctx: Step) -> Asked:
    """As a loop over a set goes in another process."""
    order = turned(ctx.inputs, ctx.deps.next() - 1)
    return {what: await interrupt(f"delete {what}?", response_type=str) for what in order}


async def on_condition(ctx: Step) -> Asked:
    """The first question is asked only the first time."""
    found: Asked = {}
    if ctx.deps.next() == 1:
        found["draft"] = await interrupt("delete the draft?", response_type=str)
    found["database"] = await interrupt("delete the database?", response_type=str)
    return found


async def needed_first(ctx: Step) -> Asked:
    """The question that is asked second is the one whose answer is waited for first."""
    first = asyncio.create_task(interrupt("A", response_type=str))
    second = asyncio.create_task(interrupt("B", response_type=str))
    found = {"B": await second}
    return {**found, "A": await first}


async def reads_the_clock(ctx: Step) -> Asked:
    """Every question shows the time."""
    now = datetime.now(UTC)
    until = now + timedelta(days=1)
    shown = {"ask": "Which day?", "at": now, "until": until, "left": LAST - now, "log": f"{now:%Y%m%dT%H%M%SZ}"}
    day = await interrupt(shown, response_type=str)
    seconds = (LAST - datetime.now(UTC)) // timedelta(seconds=1)
    kind = await interrupt(f"{seconds} seconds left. Which kind?", response_type=str)
    hour = await interrupt(f"It is {time.time()}. Which hour?", response_type=int)
    who = await interrupt(f"[{datetime.now(UTC):%a %d %b %Y, %I:%M:%S.%f %p}] Who?", response_type=str)
    return {"day": day, "kind": kind, "hour": hour, "who": who, "by": [item.value for item in answers()]}


async def forgets_await(ctx: Step) -> Asked:
    return {"said": bool(interrupt("Sure?"))}


async def forgets_await_here(ctx: Step) -> Asked:
    """A node of the workflow."""
    return {"said": bool(interrupt("Sure?"))}


async def forgets_a_task(ctx: Step) -> Asked:
    asyncio.create_task(interrupt("Sure?"))  # noqa: RUF006
    return {"said": True}


async def forgets_a_task_here(ctx: Step) -> Asked:
    """A node of the workflow."""
    asyncio.gather(interrupt("Sure?"))
    return {"said": True}


async def clock_in_a_loop(ctx: Step) -> Asked:
    return {what: await interrupt(f"{time.time()}: delete {what}?", response_type=str) for what in ctx.inputs}


async def clock_here(ctx: Step) -> Asked:
    """A node of the workflow, which asks in the same order each time that it begins."""
    return {what: await interrupt(f"{time.time()}: again?", response_type=str) for what in ctx.inputs}


async def clock_with_keys(ctx: Step) -> Asked:
    """The same with keys, and each time in another order."""

    async def tool(what: str) -> tuple[str, str]:
        text = f"{time.time()}: delete {what}? This is run {ctx.deps.count}."
        return what, await interrupt(text, response_type=str, key=f"delete: {what}.")

    order = turned(ctx.inputs, ctx.deps.next() - 1)
    return dict(await asyncio.gather(*(tool(what) for what in order)))


async def one_key_for_all(ctx: Step) -> Asked:
    return {what: await interrupt(f"delete {what}?", response_type=str, key="delete") for what in ctx.inputs}


async def other_words(ctx: Step) -> Asked:
    """One question, which is about something else each time."""
    what = ctx.inputs[(ctx.deps.next() - 1) % len(ctx.inputs)]
    return {what: await interrupt(f"delete {what}?", response_type=str)}


async def same_words(ctx: Step) -> Asked:
    """The same question twice, on purpose, with what must not be done twice in between."""
    first = await interrupt("Sure?", response_type=str)
    count = await once("count", ctx.deps.next)
    second = await interrupt("Sure?", response_type=str)
    return {"first": first, "second": second, "count": count}


async def other_answers(ctx: Step) -> Asked:
    """Two questions that read the same, and take other answers."""
    asks: list[Any] = [interrupt("Go?", response_type=bool), interrupt("Go?", response_type=Literal["yes", "no"])]
    if ctx.deps.next() % 2 == 0:
        asks.reverse()
    found = await asyncio.gather(*asks)
    return {"bool": next(f for f in found if isinstance(f, bool)), "text": next(f for f in found if isinstance(f, str))}


async def about_the_state(ctx: Step) -> Asked:
    """A question that shows what its answer may change."""
    said = await interrupt({"pay": ctx.state.payee}, response_type=str)
    return {"said": said, "payee": ctx.state.payee}


async def out_of_time(ctx: Step) -> Asked:
    """Two questions, of which the first is answered by nobody, and which change places."""
    policy = InterruptPolicy(timeout=timedelta(hours=1), on_timeout=Command(resume="nobody was there"))
    asks = [interrupt("A", response_type=str, policy=policy), interrupt("B", response_type=str)]
    if ctx.deps.next() > 1:
        asks.reverse()
    found = await asyncio.gather(*asks)
    return {"said": sorted(found)}


async def of_two_people(ctx: Step) -> Asked:
    order = turned(ctx.inputs, ctx.deps.next() - 1)
    found: Asked = {}
    for what in order:
        said = await interrupt(f"delete {what}?", response_type=str, policy=InterruptPolicy(quorum=2))
        found[what] = [said, *(item.actor for item in answers())]
    return found


async def fails_between(ctx: Step) -> Asked:
    """It fails when it has one answer, and goes on with the other question first."""
    order = turned(ctx.inputs, ctx.deps.next() - 1)
    found: Asked = {}
    for what in order:
        found[what] = await interrupt(f"delete {what}?", response_type=str)
        if ctx.deps.count == 2:
            raise ConnectionError("another time")
    return found


async def with_a_set(ctx: Step) -> Asked:
    return {"said": await interrupt({"files": set(ctx.inputs), "nested": [{"b", "a"}]}, response_type=str)}


side_by_side_graph = graph("side_by_side", side_by_side)
in_a_loop_graph = graph("in_a_loop", in_a_loop)
on_condition_graph = graph("on_condition", on_condition)
needed_first_graph = graph("needed_first", needed_first)
reads_the_clock_graph = graph("reads_the_clock", reads_the_clock)
clock_in_a_loop_graph = graph("clock_in_a_loop", clock_in_a_loop)
clock_here_graph = graph("clock_here", clock_here, NodeOptions(execution="workflow"))
forgets_await_graph = graph("forgets_await", forgets_await)
forgets_await_here_graph = graph("forgets_await_here", forgets_await_here, NodeOptions(execution="workflow"))
forgets_a_task_graph = graph("forgets_a_task", forgets_a_task)
forgets_a_task_here_graph = graph("forgets_a_task_here", forgets_a_task_here, NodeOptions(execution="workflow"))
clock_with_keys_graph = graph("clock_with_keys", clock_with_keys)
one_key_for_all_graph = graph("one_key_for_all", one_key_for_all)
other_words_graph = graph("other_words", other_words)
same_words_graph = graph("same_words", same_words)
other_answers_graph = graph("other_answers", other_answers)
about_the_state_graph = graph("about_the_state", about_the_state)
out_of_time_graph = graph("out_of_time", out_of_time)
of_two_people_graph = graph("of_two_people", of_two_people)
fails_between_graph = graph("fails_between", fails_between, NodeOptions(on_failure="interrupt"))
with_a_set_graph = graph("with_a_set", with_a_set)
