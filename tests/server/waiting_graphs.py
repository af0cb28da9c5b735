"""Graphs whose runs only wait: whatever is sent to them, nothing but their history grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic_graph import End, GraphRunContext

from temporal_graph import Every, InterruptibleGraph, InterruptNode, InterruptPolicy, Required, answers


@dataclass
class Book:
    """What people write into while a question is open."""

    edits: int = 0
    note: str = ""
    names: list[str] = field(default_factory=list[str])


@dataclass
class Ballot(InterruptNode[Book, None, str]):
    """Waits for very many answers."""

    approved: Annotated[bool | None, Required] = None
    ballast: str = ""

    policy = InterruptPolicy(
        quorum=1_000_000,
        reject_ends={"approved": False},
        reminders=Every(timedelta(days=7)),
        timeout=timedelta(days=300),
    )

    async def run(self, ctx: GraphRunContext[Book, None]) -> End[str]:
        said = answers()
        return End(f"{sum(answer.value['approved'] for answer in said)} for, {ctx.state.edits} edits")


ballot = InterruptibleGraph([Ballot], name="ballot")
short_ballot = InterruptibleGraph([Ballot], name="short_ballot", max_history_events=30)


@dataclass
class Poll(InterruptNode[Book, None, str]):
    """Waits for what very many people say, at any length."""

    said: Annotated[str | None, Required] = None

    policy = InterruptPolicy(quorum=1_000_000, reject_ends={"said": "stop"}, timeout=timedelta(days=300))

    async def run(self, ctx: GraphRunContext[Book, None]) -> End[str]:
        said = [answer.value["said"] for answer in answers()]
        return End(f"{len(said)} said {sum(map(len, said))} letters")


short_poll = InterruptibleGraph([Poll], name="short_poll", max_history_events=30)


@dataclass
class Entry(InterruptNode[Book, None, str]):
    """Waits for one answer."""

    approved: Annotated[bool | None, Required] = None
    ballast: str = ""

    policy = InterruptPolicy(timeout=timedelta(days=300))

    async def run(self, ctx: GraphRunContext[Book, None]) -> End[str]:
        return End(f"{self.approved}, {ctx.state.edits} edits, {len(ctx.state.note)} letters")


short_entry = InterruptibleGraph([Entry], name="short_entry", max_history_events=30)
