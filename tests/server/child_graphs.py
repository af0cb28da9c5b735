"""A graph that other workflows run as a child, and such workflows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_graph import GraphBuilder, StepContext
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ChildWorkflowError

from temporal_graph import GraphResult, NodeOptions, TemporalGraph, interrupt

MONDAY = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


@dataclass
class Claim:
    """What is claimed."""

    amount: int
    tags: dict[str, int] = field(default_factory=dict[str, int])


@dataclass
class Paid:
    """One end."""

    by: str


@dataclass
class Refused:
    """Another, of the same shape."""

    by: str


@dataclass
class Book:
    """What is kept; plain JSON would lose the tuple, the time and the order."""

    begun: datetime = MONDAY
    steps: tuple[str, ...] = ()
    votes: dict[str, int] = field(default_factory=dict[str, int])


_g = GraphBuilder(name="claim", state_type=Book, input_type=Claim, output_type=Paid | Refused)


@_g.step
async def decide(ctx: StepContext[Book, None, Claim]) -> Paid | Refused:
    """Asks about large claims, fails on negative ones."""
    if ctx.inputs.amount < 0:
        raise ValueError(f"{ctx.inputs.amount} is no amount")
    ctx.state.votes |= ctx.inputs.tags
    ctx.state.steps += ("asked",)
    by = await interrupt(f"Pay {ctx.inputs.amount}?", response_type=str) if ctx.inputs.amount > 100 else "nobody"
    return Refused(by) if by == "eve" else Paid(by)


_g.add(_g.edge_from(_g.start_node).to(decide), _g.edge_from(decide).to(_g.end_node))
claim = TemporalGraph(_g.build(), options=NodeOptions(retry_policy=RetryPolicy(maximum_attempts=1)))

ORDERED = {"zoe": 1, "ann": 2}
"""Names that are not in the order of the alphabet."""


@workflow.defn
class Month:
    """Has a claim decided, and answers for it."""

    @workflow.run
    async def run(self, amount: int, answer: str | None, task_queue: str) -> list[Any]:
        argument = claim.start_argument(inputs=Claim(amount, ORDERED), state=Book(votes={"mia": 3}))
        child: Any = await workflow.start_child_workflow(
            "claim",
            argument,
            id=f"{workflow.info().workflow_id}-claim",
            task_queue=task_queue,
            result_type=GraphResult[Paid | Refused, Book],
        )
        if answer is not None:
            # It may not be open yet; named, it has its answer when it opens.
            await child.signal("resume", {"interrupt_id": "decide:1.0", "value": answer, "actor": answer})
        try:
            result: GraphResult[Paid | Refused, Book] = await child
        except ChildWorkflowError as error:
            return [error.cause.type, error.cause.details[0]["node_id"], error.cause.details[0]["message"]]
        assert isinstance(result, GraphResult)
        return [
            repr(result.output),
            result.state == Book(MONDAY, ("asked",), dict(result.state.votes)),
            list(result.state.votes),
        ]


@workflow.defn
class Handed:
    """Gives its own caller what the child gave, without a word about types."""

    @workflow.run
    async def run(self, amount: int, task_queue: str) -> GraphResult[Any, Any]:
        argument = claim.start_argument(inputs=Claim(amount))
        return await workflow.execute_child_workflow("claim", argument, task_queue=task_queue, result_type=GraphResult)
