"""Graphs whose questions look after themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic_graph import End, GraphRunContext, StepContext

from temporal_graph import (
    Command,
    Escalate,
    Every,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    Required,
    answers,
)

HOUR = timedelta(hours=1)


@dataclass
class Claim:
    amount: int = 100
    requested_by: str = "eve"
    log: list[str] = field(default_factory=list)


@dataclass
class Review(InterruptNode[Claim, None, str]):
    """72 hours: reminders every 12, two escalations, then it is declined."""

    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees="ann",
        not_by=lambda ctx: ctx.state.requested_by,
        reminders=Every(12 * HOUR),
        escalations=[Escalate(24 * HOUR, "bob"), Escalate(48 * HOUR, ["boss", "cfo"])],
        timeout=72 * HOUR,
        on_timeout=Command(resume={"approved": False}),
    )

    def validate_answer(self, ctx: StepContext[Claim, None, Review]) -> None:
        if self.approved and ctx.state.amount > 1_000:
            raise ValueError(f"{ctx.state.amount} is more than anybody may approve")

    async def run(self, ctx: GraphRunContext[Claim, None]) -> End[str]:
        [answer] = answers()
        return End(f"{'approved' if self.approved else 'declined'} via {answer.via} by {answer.actor}")


review = InterruptibleGraph([Review], name="review")


@dataclass
class Vote(InterruptNode[Claim, None, str]):
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees=["ann", "bob", "cid"], only_assignees=True, quorum=2, reject_ends={"approved": False}
    )

    async def run(self, ctx: GraphRunContext[Claim, None]) -> End[str]:
        return End(f"{self.approved}: " + ", ".join(f"{a.actor} {a.value['approved']}" for a in answers()))


vote = InterruptibleGraph([Vote], name="vote")
