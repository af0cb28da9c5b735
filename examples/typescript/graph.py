"""What the TypeScript program beside this drives: an order is packed piece by piece, approved, and dispatched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic_graph import BaseNode, End, GraphRunContext
from temporalio.common import RetryPolicy

from temporal_graph import InterruptibleGraph, InterruptNode, InterruptPolicy, NodeOptions, Required, emit


@dataclass
class Order:
    packed: list[str] = field(default_factory=list[str])
    discount: int = 0


@dataclass
class Pack(BaseNode[Order, None, str]):
    left: int

    async def run(self, ctx: GraphRunContext[Order, None]) -> Pack | Approve:
        if self.left < 1:
            raise ValueError(f"{self.left} pieces cannot be packed")
        ctx.state.packed.append(f"piece {self.left}")
        await emit({"left": self.left - 1})
        return Pack(self.left - 1) if self.left > 1 else Approve()


@dataclass
class Approve(InterruptNode[Order, None, str]):
    policy = InterruptPolicy(assignees="ann", timeout=timedelta(days=2))

    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[Order, None]) -> Dispatch | End[str]:
        return Dispatch() if self.approved else End("refused")


@dataclass
class Dispatch(BaseNode[Order, None, str]):
    async def run(self, ctx: GraphRunContext[Order, None]) -> End[str]:
        return End(f"{len(ctx.state.packed)} pieces, at a discount of {ctx.state.discount}")


order = InterruptibleGraph(
    [Pack, Approve, Dispatch],
    name="order",
    options=NodeOptions(retry_policy=RetryPolicy(maximum_attempts=1)),
    # So short that the program sees it continue as new; without it, that is when the server suggests it.
    max_history_events=40,
)
