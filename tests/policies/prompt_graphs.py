"""Graphs whose interrupt nodes compose what they show; the deps are the file in which they count how often."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic_graph import BaseNode, End, GraphRunContext, StepContext
from temporalio.common import RetryPolicy

from temporal_graph import (
    InterruptibleGraph,
    InterruptNode,
    NodeOptions,
    Required,
    answers,
    emit,
    interrupt,
    once,
)

QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)


class Counted:
    """A file, a line for each time that something was composed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, text: str) -> int:
        with self.path.open("a") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        return self.lines().count(text)

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def hold(self) -> Path:
        """The file that, as long as it is there, keeps a prompt from ending."""
        return self.path.with_suffix(".hold")


@dataclass
class Draft:
    text: str = "draft"
    log: list[str] = field(default_factory=list[str])


class Summary(BaseModel):
    title: str
    count: int


Context = StepContext[Draft, Counted, "Review"]


async def composes(ctx: Context) -> Any:
    return {"summary": Summary(title=ctx.state.text.upper(), count=ctx.deps.add("composed")), "of": ctx.inputs.part}


async def fails_twice(ctx: Context) -> Any:
    if (count := ctx.deps.add("tried")) < 3:
        raise ConnectionError("the model is busy")
    return count


async def fails(ctx: Context) -> Any:
    ctx.deps.add("tried")
    if ctx.state.text != "edited":
        raise ConnectionError("the model is gone")
    return "at last"


async def changes(ctx: Context) -> Any:
    ctx.state.log.append("changed")
    return "never seen"


async def emits(ctx: Context) -> Any:
    for word in ("a", "b"):
        await emit(word)
    return "emitted"


async def is_large(ctx: Context) -> Any:
    return "x" * 3_000_000


async def is_long(ctx: Context) -> Any:
    return "x" * 1_000_000


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no")


async def is_no_json(ctx: Context) -> Any:
    return {"odd": Odd()}


async def is_circular(ctx: Context) -> Any:
    found: list[Any] = []
    found.append(found)
    return found


async def asks(ctx: Context) -> Any:
    return await interrupt("inside")


async def does_once(ctx: Context) -> Any:
    count = await once("model", ctx.deps.add, "model")
    if ctx.deps.add("tried") == 1:
        raise ConnectionError("after it")
    return count


async def waits(ctx: Context) -> Any:
    """As long as the test wants."""
    count = ctx.deps.add("begun")
    while ctx.deps.hold().exists():
        await asyncio.sleep(0.02)
    ctx.deps.add("ended")
    return count


PROMPTS: dict[str, Callable[[Context], Awaitable[Any]]] = {
    function.__name__: function
    for function in (
        composes,
        fails_twice,
        fails,
        changes,
        emits,
        is_large,
        is_long,
        is_no_json,
        is_circular,
        asks,
        does_once,
        waits,
    )
}


@dataclass
class Review(InterruptNode[Draft, Counted, str]):
    """Composes what it shows as it was told to, and fails as often as it was told to when it is answered."""

    part: str
    failures: int = 0
    approved: Annotated[bool | None, Required] = None

    async def prompt(self, ctx: StepContext[Draft, Counted, Review]) -> Any:
        return await PROMPTS[self.part](ctx)

    async def run(self, ctx: GraphRunContext[Draft, Counted]) -> Review | End[str]:
        [answer] = answers()
        if self.failures and ctx.deps.add("failed") <= self.failures:
            raise ConnectionError("after the answer")
        if not self.approved:
            ctx.state.log.append(f"declined by {answer.actor}")
            return Review(self.part)
        if self.part == "does_once":
            await once("model", ctx.deps.add, "model")
        sure = await interrupt("Sure?", response_type=bool)
        return End(f"{self.part} approved by {answer.actor}: {sure}")


@dataclass
class Begin(BaseNode[Draft, Counted, str]):
    part: str

    async def run(self, ctx: GraphRunContext[Draft, Counted]) -> Review:
        ctx.state.log.append("begun")
        return Review(self.part)


ASKED = NodeOptions(retry_policy=QUICK, on_failure="interrupt", heartbeat_timeout=timedelta(seconds=2))
review = InterruptibleGraph([Begin, Review], name="prompt_activity", options=ASKED)
local = InterruptibleGraph(
    [Begin, Review],
    name="prompt_local",
    options=NodeOptions(retry_policy=QUICK, on_failure="interrupt", execution="local"),
)
short = InterruptibleGraph([Begin, Review], name="prompt_short", options=ASKED, max_history_events=10)
plain = InterruptibleGraph([Begin, Review], name="prompt_plain", options=NodeOptions(retry_policy=QUICK))
