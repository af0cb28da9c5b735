"""Decisions: by type, by value, by predicate; loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic_graph import GraphBuilder, StepContext, TypeExpression, reduce_list_append

from tests.conformance.case import case


async def parse(ctx: StepContext[None, None, str]) -> int | str:
    return int(ctx.inputs) if ctx.inputs.isdigit() else ctx.inputs


async def number(ctx: StepContext[None, None, int]) -> str:
    return f"number {ctx.inputs}"


async def text(ctx: StepContext[None, None, str]) -> str:
    return f"text {ctx.inputs}"


g = GraphBuilder(name="by_type", input_type=str, output_type=str)
parsed, numbered, texted = g.step(parse), g.step(number), g.step(text)
g.add(
    g.edge_from(g.start_node).to(parsed),
    g.edge_from(parsed).to(
        g.decision(note="what is it?", node_id="kind")
        .branch(g.match(int).label("int").to(numbered))
        .branch(g.match(str).to(texted))
    ),
    g.edge_from(numbered, texted).to(g.end_node),
)
by_type = g.build()

g = GraphBuilder(name="by_literal", input_type=int, output_type=str)


@g.step
async def colour(ctx: StepContext[None, None, int]) -> Literal["red", "blue", "green"]:
    return ("red", "blue", "green")[ctx.inputs]


@g.step
async def warm(ctx: StepContext[None, None, Literal["red"]]) -> str:
    return f"warm {ctx.inputs}"


@g.step
async def cold(ctx: StepContext[None, None, Literal["blue", "green"]]) -> str:
    return f"cold {ctx.inputs}"


g.add(
    g.edge_from(g.start_node).to(colour),
    g.edge_from(colour).to(
        g.decision()
        .branch(g.match(TypeExpression[Literal["red"]]).to(warm))
        .branch(g.match(TypeExpression[Literal["blue", "green"]]).to(cold))
    ),
    g.edge_from(warm, cold).to(g.end_node),
)
by_literal = g.build()

g = GraphBuilder(name="true_is_not_one", input_type=int, output_type=str)


@g.step
async def choose(ctx: StepContext[None, None, int]) -> bool | int:
    return (True, 1, False, 0)[ctx.inputs]


g.add(
    g.edge_from(g.start_node).to(choose),
    g.edge_from(choose).to(
        g.decision()
        .branch(g.match(TypeExpression[Literal[True]]).transform(lambda ctx: "true").to(g.end_node))
        .branch(g.match(TypeExpression[Literal[1]]).transform(lambda ctx: "one").to(g.end_node))
        .branch(g.match(TypeExpression[Literal[False]]).transform(lambda ctx: "false").to(g.end_node))
        .branch(g.match(TypeExpression[Literal[0]]).transform(lambda ctx: "zero").to(g.end_node))
    ),
)
true_is_not_one = g.build()

g = GraphBuilder(name="by_predicate", input_type=int, output_type=str)


@g.step
async def given(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


@g.step
async def small(ctx: StepContext[None, None, int]) -> str:
    return "small"


@g.step
async def large(ctx: StepContext[None, None, int]) -> str:
    return "large"


g.add(
    g.edge_from(g.start_node).to(given),
    g.edge_from(given).to(
        g.decision()
        .branch(g.match(TypeExpression[int], matches=lambda value: value < 10).to(small))
        .branch(g.match(TypeExpression[Any]).to(large))
    ),
    g.edge_from(small, large).to(g.end_node),
)
by_predicate = g.build()

g = GraphBuilder(name="fallback", input_type=str, output_type=str)
parsed, numbered, texted = g.step(parse), g.step(number), g.step(text, node_id="anything")
g.add(
    g.edge_from(g.start_node).to(parsed),
    g.edge_from(parsed).to(g.decision().branch(g.match(int).to(numbered)).branch(g.match(object).to(texted))),
    g.edge_from(numbered, texted).to(g.end_node),
)
fallback = g.build()


@dataclass
class Approve:
    by: str


@dataclass
class Reject:
    by: str


g = GraphBuilder(name="same_shape", input_type=bool, output_type=str)


@g.step
async def review(ctx: StepContext[None, None, bool]) -> Approve | Reject:
    return Approve("ana") if ctx.inputs else Reject("bob")


@g.step
async def pay(ctx: StepContext[None, None, Approve]) -> str:
    assert type(ctx.inputs) is Approve
    return f"paid, says {ctx.inputs.by}"


@g.step
async def refuse(ctx: StepContext[None, None, Reject]) -> str:
    assert type(ctx.inputs) is Reject
    return f"refused, says {ctx.inputs.by}"


g.add(
    g.edge_from(g.start_node).to(review),
    g.edge_from(review).to(g.decision().branch(g.match(Approve).to(pay)).branch(g.match(Reject).to(refuse))),
    g.edge_from(pay, refuse).to(g.end_node),
)
same_shape = g.build()

g = GraphBuilder(name="loop", input_type=int, output_type=int)


@g.step
async def halve(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs // 2


g.add(
    g.edge_from(g.start_node).to(halve),
    g.edge_from(halve).to(
        g.decision(node_id="done")
        .branch(g.match(TypeExpression[int], matches=lambda value: value > 3).to(halve))
        .branch(g.match(int).to(g.end_node))
    ),
)
loop = g.build()

g = GraphBuilder(name="nested", input_type=int, output_type=str)


@g.step
async def enter(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


@g.step
async def say(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs + "!"


sign = (
    g.decision(node_id="sign")
    .branch(g.match(int, matches=lambda value: value < 0).transform(lambda ctx: "negative").to(say))
    .branch(g.match(int).transform(lambda ctx: "positive").to(say))
)
g.add(
    g.edge_from(g.start_node).to(enter),
    g.edge_from(enter).to(
        g.decision(node_id="zero")
        .branch(g.match(int, matches=lambda value: value == 0).transform(lambda ctx: "zero").to(g.end_node))
        .branch(g.match(int).to(sign))
    ),
    g.edge_from(say).to(g.end_node),
)
nested = g.build()

g = GraphBuilder(name="branch_maps", input_type=int, output_type=list[str])


@g.step
async def one_or_many(ctx: StepContext[None, None, int]) -> int | list[int]:
    return list(range(ctx.inputs)) if ctx.inputs > 1 else ctx.inputs


@g.step
async def item(ctx: StepContext[None, None, int]) -> str:
    return f"item {ctx.inputs}"


@g.step
async def single(ctx: StepContext[None, None, int]) -> list[str]:
    return [f"single {ctx.inputs}"]


items = g.join(reduce_list_append, initial_factory=list[str], node_id="items")
g.add(
    g.edge_from(g.start_node).to(one_or_many),
    g.edge_from(one_or_many).to(
        g.decision().branch(g.match(list).label("many").map(fork_id="many").to(item)).branch(g.match(int).to(single))
    ),
    g.edge_from(item).to(items),
    g.edge_from(items, single).to(g.end_node),
)
branch_maps = g.build()

g = GraphBuilder(name="branch_broadcasts", input_type=int, output_type=list[str])


@g.step
async def begin(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


@g.step
async def left(ctx: StepContext[None, None, int]) -> str:
    return f"left {ctx.inputs}"


@g.step
async def right(ctx: StepContext[None, None, str]) -> str:
    return f"right {ctx.inputs}"


both = g.join(reduce_list_append, initial_factory=list[str], node_id="both")
g.add(
    g.edge_from(g.start_node).to(begin),
    g.edge_from(begin).to(
        g.decision().branch(
            g.match(int).broadcast(
                lambda branch: [branch.to(left), branch.transform(lambda ctx: str(ctx.inputs * 2)).to(right)],
                fork_id="sides",
            )
        )
    ),
    g.edge_from(left, right).to(both),
    g.edge_from(both).to(g.end_node),
)
branch_broadcasts = g.build()

g = GraphBuilder(name="matches_nothing", input_type=int, output_type=int)


@g.step
async def odd_one(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


g.add(
    g.edge_from(g.start_node).to(odd_one),
    g.edge_from(odd_one).to(
        g.decision(node_id="only_big").branch(g.match(int, matches=lambda value: value > 100).to(g.end_node))
    ),
)
matches_nothing = g.build()

CASES = [
    case("by_type_int", by_type, "decision match union label note", "number 5", inputs="5"),
    case("by_type_str", by_type, "decision match union", "text five", inputs="five"),
    case("by_literal_red", by_literal, "decision literal type_expression", "warm red", inputs=0),
    case("by_literal_green", by_literal, "decision literal type_expression", "cold green", inputs=2),
    *(
        case(f"true_is_not_one_{word}", true_is_not_one, "decision literal", word, inputs=index)
        for index, word in enumerate(["true", "one", "false", "zero"])
    ),
    case("by_predicate_small", by_predicate, "decision matches", "small", inputs=3),
    case("by_predicate_large", by_predicate, "decision matches any", "large", inputs=30),
    case("fallback_int", fallback, "decision any", "number 1", inputs="1"),
    case("fallback_object", fallback, "decision any", "text x", inputs="x"),
    case("same_shape_approve", same_shape, "decision same_shape union", "paid, says ana", inputs=True),
    case("same_shape_reject", same_shape, "decision same_shape union", "refused, says bob", inputs=False),
    case("loop", loop, "decision loop", 3, inputs=100),
    case("nested_zero", nested, "decision nested_decision transform", "zero", inputs=0),
    case("nested_negative", nested, "decision nested_decision transform", "negative!", inputs=-4),
    case("nested_positive", nested, "decision nested_decision", "positive!", inputs=4),
    case("branch_maps_many", branch_maps, "decision map", ["item 0", "item 1"], inputs=2, normalize=sorted),
    case("branch_maps_single", branch_maps, "decision map", ["single 1"], inputs=1),
    case("branch_broadcasts", branch_broadcasts, "decision broadcast", {"left 4", "right 8"}, inputs=4, normalize=set),
    case("matches_nothing", matches_nothing, "decision error", inputs=5, error="No branch"),
]
