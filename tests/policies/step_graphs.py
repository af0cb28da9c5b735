"""Graphs whose nodes run in the workflow and call functions as activities; the functions write into a file."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_graph import GraphBuilder, StepContext
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from temporal_graph import InterruptError, NodeOptions, TemporalGraph, interrupt, step

Context = StepContext["Book", None, "Task"]


@dataclass
class Book:
    log: list[str] = field(default_factory=list[str])


@dataclass
class Task:
    """What to do, and the file in which the functions write down what they do."""

    scenario: str
    path: str


class Bill(BaseModel):
    number: int
    total: Decimal


# -- Functions --------------------------------------------------------------------------------------------------------


def lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if os.path.exists(path) else []


def note(path: str, text: str) -> int:
    """Writes a line, and says how often it is there by now."""
    with open(path, "a") as file:
        file.write(text + "\n")
    return lines(path).count(text)


async def note_later(path: str, text: str, seconds: float) -> int:
    """The line is there before the function has ended."""
    count = note(path, text)
    await asyncio.sleep(seconds)
    return count


async def hold(path: str, text: str) -> str:
    """Ends when the file says so."""
    note(path, text)
    while f"go {text}" not in lines(path):
        await asyncio.sleep(0.02)
    return text


def bill(number: int, total: Decimal, *, tags: set[str], size: tuple[int, int] = (1, 2)) -> Bill:
    return Bill(number=number + len(tags) + size[0], total=total)


async def fail(path: str, kind: str) -> None:
    count = note(path, kind)
    if kind == "twice" and count > 2:
        return
    if kind == "final":
        raise ApplicationError("for good", type="Final", non_retryable=True)
    raise ConnectionError(f"{kind} {count}")


def mistaken() -> int:
    return "many"  # type: ignore[return-value]


def large(path: str, length: int) -> str:
    note(path, "large")
    return "x" * length


def unwritten(path: str) -> int:
    note(path, "unwritten")
    return "many"  # type: ignore[return-value]


def unknown() -> None:
    raise AssertionError("it was not given to the graph")


# -- What a node may do -----------------------------------------------------------------------------------------------


async def keeps_locals(ctx: Context) -> str:
    path, found = ctx.inputs.path, list[str]()
    for number in range(3):
        count = await step(note, path, f"line {number}")
        found.append(f"{count} {await interrupt(number, response_type=str)}")
    return ", ".join(found)


async def is_typed(ctx: Context) -> str:
    before = await step(bill, 1, Decimal("1.10"), tags={"a", "b"})
    await interrupt()
    after = await step(bill, number=2, total=Decimal(2), tags=set(), size=(5, 6))
    return f"{before!r} {after!r}"


async def gathers(ctx: Context) -> str:
    """Chains that pass each other: the first ends its first step last."""
    path = ctx.inputs.path

    async def chain(number: int) -> str:
        one = await step(note_later, path, f"{number} one", 0.3 - number / 10)
        two = await step(note_later, path, f"{number} two", 0)
        return f"{number}: {one} {two}"

    counts = await asyncio.gather(*(chain(number) for number in range(3)))
    texts = [await step(name, path, f"name {number}") for number in range(2)]
    return f"{counts} {texts} {await interrupt(response_type=str)}"


async def name(path: str, text: str) -> str:
    note(path, text)
    return text


async def passes(ctx: Context) -> str:
    """As before, with texts that say whose they are."""
    path = ctx.inputs.path

    async def chain(number: int) -> str:
        await step(note_later, path, f"{number} one", 0.3 - number / 10)
        return await step(name, path, f"{number} two")

    names = await asyncio.gather(*(chain(number) for number in range(3)))
    answers = [await interrupt(names, response_type=str) for _ in range(4)]
    return f"{names} {answers}"


async def tries_again(ctx: Context) -> str:
    await step(fail, ctx.inputs.path, "twice")
    return "done"


async def handles(ctx: Context) -> str:
    path, found = ctx.inputs.path, list[str]()
    for kind in ("final", "often"):
        try:
            await step(fail, path, kind)
        except ActivityError as error:
            cause = error.cause
            assert isinstance(cause, ApplicationError)
            found.append(f"{cause.type}: {cause.message}")
    found.append(str(await step(note, path, "instead")))
    return f"{found} {await interrupt(response_type=str)}"


async def does_not(ctx: Context) -> str:
    await step(fail, ctx.inputs.path, "often")
    return "never"


async def asks_for_the_unknown(ctx: Context) -> str:
    await step(unknown)
    return "never"


async def asks_for_a_partial(ctx: Context) -> str:
    await step(functools.partial(note, ctx.inputs.path), "noted")
    return "never"


async def gives_what_does_not_fit(ctx: Context) -> str:
    await step(note, ctx.inputs.path, 3)  # type: ignore[arg-type]
    return "never"


async def gives_too_many(ctx: Context) -> str:
    await step(note, ctx.inputs.path, "a", "b")  # type: ignore[call-arg]
    return "never"


async def gives_too_much(ctx: Context) -> str:
    await step(note, ctx.inputs.path, "x" * 3_000_000)
    return "never"


async def gets_too_much(ctx: Context) -> str:
    return await step(large, ctx.inputs.path, 3_000_000)


async def gets_much(ctx: Context) -> str:
    text = await step(large, ctx.inputs.path, 1_000_000)
    return f"{len(text)} {await interrupt(response_type=str)}"


async def gets_nothing(ctx: Context) -> str:
    return str(await step(unwritten, ctx.inputs.path))


async def goes_on_without(ctx: Context) -> str:
    try:
        await step(large, ctx.inputs.path, 3_000_000)
    except InterruptError:
        return f"{await step(note, ctx.inputs.path, 'after')} {await interrupt(response_type=str)}"
    return "never"


async def holds(ctx: Context) -> str:
    return await step(hold, ctx.inputs.path, "held")


async def asks_beside(ctx: Context) -> str:
    """A step goes on while a person is asked, over and over."""
    path = ctx.inputs.path
    task = asyncio.create_task(step(hold, path, "held"))
    answers = [await interrupt(number, response_type=str) for number in range(8)]
    return f"{await task} {''.join(answers)}"


async def fails_beside(ctx: Context) -> str:
    """The node fails while a step goes on."""

    async def other() -> None:
        while not ctx.state.log:
            raise ValueError("the log is empty")

    count, _ = await asyncio.gather(step(note_later, ctx.inputs.path, "beside", 0.3), other())
    return str(count)


async def gives_up(ctx: Context) -> str:
    try:
        async with asyncio.timeout(0.5):
            await step(hold, ctx.inputs.path, "held")
    except TimeoutError:
        return f"gave up {await interrupt(response_type=str)}"
    return "never"


SCENARIOS: dict[str, Callable[[Context], Awaitable[str]]] = {
    function.__name__: function
    for function in (
        keeps_locals,
        is_typed,
        gathers,
        passes,
        tries_again,
        handles,
        does_not,
        asks_for_the_unknown,
        asks_for_a_partial,
        gives_what_does_not_fit,
        gives_too_many,
        gives_too_much,
        gets_too_much,
        gets_much,
        gets_nothing,
        goes_on_without,
        holds,
        asks_beside,
        fails_beside,
        gives_up,
    )
}
OFTEN = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=4)


def graph_of(name_: str, **others: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name=name_, state_type=Book, input_type=Task, output_type=str)

    @g.step
    async def work(ctx: StepContext[Book, None, Task]) -> str:
        return await SCENARIOS[ctx.inputs.scenario](ctx)

    g.add(g.edge_from(g.start_node).to(work), g.edge_from(work).to(g.end_node))
    return TemporalGraph(
        g.build(),
        steps=[note, note_later, hold, bill, fail, mistaken, large, unwritten, name],
        **others,
    )


HERE = NodeOptions(execution="workflow", on_failure="interrupt")
OPTIONS: dict[str, NodeOptions] = {
    "fail": NodeOptions(retry_policy=OFTEN, start_to_close_timeout=timedelta(seconds=17)),
    "hold": NodeOptions(heartbeat_timeout=timedelta(seconds=2)),
}
here = graph_of("steps_here", node_options={**OPTIONS, "work": HERE})
short = graph_of("steps_short", node_options={**OPTIONS, "work": HERE}, max_history_events=10)
activity = graph_of("steps_activity", node_options={"work": NodeOptions(retry_policy=OFTEN, on_failure="interrupt")})
