"""A module whose annotations mean its own names; another one wraps what is here, and has others of these names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic_graph import BaseNode, End, GraphRunContext, StepContext

from temporal_graph import InterruptNode, Required

if TYPE_CHECKING:
    from tests.compile.test_names import Elsewhere


@dataclass
class Order:
    item: str


async def pack(ctx: StepContext[None, None, Order]) -> Order:
    return Order(f"{ctx.inputs.item} in a box")


def longest(current: Order | None, order: Order) -> Order:
    return order if current is None or len(order.item) > len(current.item) else current


@dataclass
class Pack(BaseNode[None, None, Order]):
    order: str

    async def run(self, ctx: GraphRunContext[None, None]) -> End[Order]:
        return End(Order(f"{self.order} in a box"))


@dataclass
class Change(InterruptNode[None, None, str]):
    order: Annotated[Order | None, Required] = None

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        assert self.order is not None
        return End(self.order.item)


async def look(ctx: StepContext[None, None, Elsewhere]) -> int:
    return 1
