"""Asks for a name, and waits for it."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic_graph import BaseNode, End, GraphRunContext

from temporal_graph import InterruptibleGraph, InterruptNode, Required


@dataclass
class MyState:
    user_name: str | None = None
    messages: list[str] = field(default_factory=list)


@dataclass
class Greet(BaseNode[MyState]):
    async def run(self, ctx: GraphRunContext[MyState]) -> "WaitForName":
        ctx.state.messages.append("Hello, what is your name?")
        return WaitForName()


@dataclass  # ↓ This is an interrupt node
class WaitForName(InterruptNode[MyState]):
    # ↓ This is a required field that must be provided to resume the graph
    user_name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[MyState]) -> "Goodbye":
        ctx.state.user_name = self.user_name
        return Goodbye(user_name=self.user_name)  # pyright: ignore[reportArgumentType] - it is set by now


@dataclass
class Goodbye(BaseNode[MyState]):
    user_name: str

    async def run(self, ctx: GraphRunContext[MyState]) -> End:  # pyright: ignore[reportIncompatibleMethodOverride] - it does not say of what
        ctx.state.messages.append(f"Goodbye, {self.user_name}!")
        return End(ctx.state)


my_graph = InterruptibleGraph(nodes=[Greet, WaitForName, Goodbye])
