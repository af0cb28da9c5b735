"""Steps that return a list of `Send`: which nodes run, and with what, is known only when the graph runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic_graph import (
    BaseNode,
    GraphBuilder,
    GraphRunContext,
    JoinNode,
    StepContext,
    reduce_list_append,
    reduce_sum,
)

from temporal_graph import Send, send_to
from tests.conformance.case import case


@dataclass
class Notes:
    """What was done."""

    lines: list[str] = field(default_factory=list[str])


@dataclass
class Piece:
    """What only one of the nodes takes."""

    number: int


g = GraphBuilder(name="two_kinds", state_type=Notes, input_type=int, output_type=list[str])


@g.step
async def divide(ctx: StepContext[Notes, None, int]) -> list[Send]:
    return [Send("check", Piece(n)) if n % 2 else Send("write", (n, "even")) for n in range(ctx.inputs)]


@g.step
async def check(ctx: StepContext[Notes, None, Piece]) -> str:
    ctx.state.lines.append(f"check {ctx.inputs.number}")
    return f"check {ctx.inputs.number}"


@g.step
async def write(ctx: StepContext[Notes, None, tuple[int, str]]) -> str:
    ctx.state.lines.append(f"write {ctx.inputs[0]}")
    return f"write {ctx.inputs}"


collected = g.join(reduce_list_append, initial_factory=list[str], node_id="collected")
g.add(
    g.edge_from(g.start_node).to(divide),
    g.edge_from(divide).map(fork_id="parts", downstream_join_id="collected").to(send_to(g, check, write)),
    g.edge_from(check, write).to(collected),
    g.edge_from(collected).to(g.end_node),
)
two_kinds = g.build()


g = GraphBuilder(name="straight_to_the_join", input_type=list[int], output_type=int)


@g.step
async def split(ctx: StepContext[None, None, list[int]]) -> list[Send]:
    return [Send("double", n) if n > 2 else Send("added", n) for n in ctx.inputs]


@g.step
async def double(ctx: StepContext[None, None, int]) -> int:
    return 2 * ctx.inputs


added = g.join(reduce_sum, initial=0, node_id="added")
g.add(
    g.edge_from(g.start_node).to(split),
    g.edge_from(split).map(fork_id="numbers").to(send_to(g, double, added, node_id="where")),
    g.edge_from(double).to(added),
    g.edge_from(added).to(g.end_node),
)
straight_to_the_join = g.build()


g = GraphBuilder(name="to_a_node_class", input_type=int, output_type=list[str])
told = g.join(reduce_list_append, initial_factory=list[str], node_id="told")


@dataclass
class Tell(BaseNode[None, None, list[str]]):
    """A node class, and what it gets: an instance."""

    what: str

    async def run(self, ctx: GraphRunContext[None]) -> Annotated[JoinNode[None, None], told]:
        return told.as_node(f"told {self.what}")


@g.step
async def invite(ctx: StepContext[None, None, int]) -> list[Send]:
    return [*(Send("Tell", Tell(str(n))) for n in range(ctx.inputs)), Send("whisper", "last")]


@g.step
async def whisper(ctx: StepContext[None, None, str]) -> str:
    return f"whispered {ctx.inputs}"


g.add(
    g.node(Tell),
    g.edge_from(g.start_node).to(invite),
    g.edge_from(invite).map(fork_id="guests").to(send_to(g, Tell, whisper)),
    g.edge_from(whisper).to(told),
    g.edge_from(told).to(g.end_node),
)
to_a_node_class = g.build()


g = GraphBuilder(name="to_nobody", input_type=str, output_type=str)


@g.step
async def astray(ctx: StepContext[None, None, str]) -> list[Send]:
    return [Send(ctx.inputs, "x")]


@g.step
async def somebody(ctx: StepContext[None, None, str]) -> str:
    return f"somebody {ctx.inputs}"


g.add(
    g.edge_from(g.start_node).to(astray),
    g.edge_from(astray).map(fork_id="one").to(send_to(g, somebody)),
    g.edge_from(somebody).to(g.end_node),
)
to_nobody = g.build()


CASES = [
    case(
        "sends_of_two_kinds",
        two_kinds,
        "send map decision state dataclass tuple",
        ["check 1", "check 3", "write (0, 'even')", "write (2, 'even')"],
        inputs=4,
        state=Notes,
        normalize=sorted,
        expected_state=["check 1", "check 3", "write 0", "write 2"],
        normalize_state=lambda state: sorted(state.lines),
    ),
    case("sends_of_nothing", two_kinds, "send map empty_map downstream_join_id", [], inputs=0, state=Notes),
    case("sends_straight_to_the_join", straight_to_the_join, "send map join", 17, inputs=[1, 2, 3, 4]),
    case(
        "sends_to_a_node_class",
        to_a_node_class,
        "send map node join_node",
        ["told 0", "told 1", "whispered last"],
        inputs=2,
        normalize=sorted,
    ),
    case("sends_to_somebody", to_nobody, "send map", "somebody x", inputs="somebody"),
    case("sends_to_nobody", to_nobody, "send map error", inputs="nobody", error="nobody"),
]
