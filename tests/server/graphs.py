"""Graphs that the server tests run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel
from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    StepContext,
    reduce_list_append,
)

from temporal_graph import InterruptibleGraph, InterruptNode, Required, TemporalGraph, interrupt


@dataclass
class Chat:
    """A conversation."""

    user_name: str | None = None
    messages: list[str] = field(default_factory=list[str])


@dataclass
class Greet(BaseNode[Chat]):
    """Asks for a name."""

    async def run(self, ctx: GraphRunContext[Chat]) -> WaitForName:
        ctx.state.messages.append("Hello, what is your name?")
        return WaitForName()


@dataclass
class WaitForName(InterruptNode[Chat]):
    """Waits for it."""

    user_name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Chat]) -> Goodbye:
        assert self.user_name is not None
        ctx.state.user_name = self.user_name
        return Goodbye(self.user_name)


@dataclass
class Goodbye(BaseNode[Chat, None, str]):
    """Takes leave."""

    user_name: str

    async def run(self, ctx: GraphRunContext[Chat]) -> End[str]:
        ctx.state.messages.append(f"Goodbye, {self.user_name}!")
        return End(f"bye {self.user_name}")


greet = InterruptibleGraph([Greet, WaitForName, Goodbye], name="greet")


class Order(BaseModel):
    """What is refunded."""

    amount: int
    reason: str = ""


class Decision(BaseModel):
    """What a person decides."""

    approved: bool
    note: str = ""


def even(value: int) -> int:
    """A rule that no JSON schema knows."""
    if value % 2:
        raise ValueError("must be even")
    return value


Even = Annotated[int, AfterValidator(even)]

_g = GraphBuilder(name="questions", input_type=Order, output_type=list[str])


@_g.step
async def ask_thrice(ctx: StepContext[None, None, Order]) -> list[str]:
    """Asks three questions, of which one has a rule that only the type knows."""
    try:
        decision = await interrupt({"refund": ctx.inputs.amount}, response_type=Decision)
    except Exception as error:
        return [f"swallowed {error!r}"]
    colour = await interrupt("colour?", response_type=Literal["red", "blue"])
    number = await interrupt("even number?", response_type=Even)
    return [str(decision.approved), colour, str(number)]


_g.add(_g.edge_from(_g.start_node).to(ask_thrice), _g.edge_from(ask_thrice).to(_g.end_node))
questions = TemporalGraph(_g.build())

_p = GraphBuilder(name="parallel", input_type=list[str], output_type=list[str])


@_p.step
async def ask_one(ctx: StepContext[None, None, str]) -> str:
    """Asks about one item."""
    return f"{ctx.inputs}={await interrupt(ctx.inputs, response_type=str)}"


_answers = _p.join(reduce_list_append, initial_factory=list[str], node_id="answers")
_p.add(
    _p.edge_from(_p.start_node).map(fork_id="items").to(ask_one),
    _p.edge_from(ask_one).to(_answers),
    _p.edge_from(_answers).to(_p.end_node),
)
parallel = TemporalGraph(_p.build())
