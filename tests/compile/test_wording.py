"""A question that the next release puts into other words: the same one, unless another one might be meant."""

from __future__ import annotations

import json
from asyncio import sleep
from datetime import datetime
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext

import temporal_graph
from temporal_graph import TemporalGraph, interrupt
from temporal_graph.engine.events import Encoded
from temporal_graph.messages import NodeDone, NodeInput, Question

QUESTION = "pay {}?"


async def helper(what: str) -> bool:
    return await interrupt(f"pay {what}?", response_type=bool)


def wrapped(question: str) -> Any:
    """A node that a decorator of the author's goes around, and that gets its words from a factory."""

    def around(function: Any) -> Any:
        async def call(ctx: Any) -> Any:
            return await function(ctx)

        return call

    async def node(ctx: Any) -> Any:
        return await interrupt(question.format(ctx.inputs["x"]), response_type=bool)

    return around(node)


def node_of(*lines: str, **names: Any) -> Any:
    """A node with this code: where lines are others, it is that of another release."""
    known: dict[str, Any] = {"interrupt": interrupt, "helper": helper, "__name__": __name__, **names}
    exec("async def node(ctx):\n    x = ctx.inputs['x']\n" + "\n".join(f"    {line}" for line in lines), known)
    return known["node"]


def graph_of(node: Any) -> TemporalGraph[Any, Any, Any, Any]:
    builder: GraphBuilder[None, None, Any, Any] = GraphBuilder(input_type=dict, output_type=Any)
    node.__annotations__ = {"ctx": StepContext[None, None, dict[str, Any]], "return": Any}
    made: Any = builder.step(node_id="node")(node)
    builder.add(builder.edge_from(builder.start_node).to(made), builder.edge_from(made).to(builder.end_node))
    return TemporalGraph(builder.build(), name="wording")


async def again(old: Any, new: Any, before: Any = "7", after: Any = "7") -> bool:
    """Whether the answer to what the old node has asked is what the new one gets."""
    asked = await run(old, before, {}, {})
    assert isinstance(asked, Question)
    assert (asked.position, asked.response_schema) == (0, {"type": "boolean"})
    given = await run(new, after, {0: True}, {0: asked.mark or {}})
    assert isinstance(given, NodeDone) or given.position == 1
    return isinstance(given, NodeDone)


async def run(node: Any, x: Any, answers: dict[Any, Any], marks: dict[Any, Any]) -> Any:
    message = NodeInput("node:1", Encoded(json.dumps({"x": x})), None, answers=answers, marks=marks)
    return await graph_of(node).registered.compiled.runner.run("node", message, None)


PAY = 'return await interrupt(f"pay {x}?", response_type=bool)'
SHALL = 'return await interrupt(f"shall we pay {x}?", response_type=bool)'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([PAY], [SHALL]),
        ([PAY], ["# Says more.", "y = x + x", SHALL]),
        ([PAY], ['return await interrupt("pay " + x + " now?", response_type=bool)']),
        ([PAY], ['return await interrupt("please: pay %s?" % x, response_type=bool)']),
        ([PAY], ["return await interrupt(QUESTION.format(x), response_type=bool)"]),
        ([PAY], ["return await asking.interrupt(f'now pay {x}?', response_type=bool)"]),
        ([PAY], ["return await ask(f'now pay {x}?', response_type=bool)"]),
        (
            ['return await interrupt({"ask": "pay?", "what": x}, response_type=bool)'],
            ['return await interrupt({"question": "shall we pay?", "what": x}, response_type=bool)'],
        ),
        (
            ['return await interrupt(f"It is {datetime.now()}: pay {x}?", response_type=bool)'],
            ['return await interrupt(f"At {datetime.now()}: shall we pay {x}?", response_type=bool)'],
        ),
        (["await sleep(0)", PAY], ["await sleep(0)", SHALL, "# More."]),
    ],
)
async def test_it_is_the_same_question_in_other_words(old: list[str], new: list[str]) -> None:
    names = {"QUESTION": QUESTION, "asking": temporal_graph, "ask": interrupt, "datetime": datetime, "sleep": sleep}
    assert await again(node_of(*old, **names), node_of(*new, **names))
    if "now()" not in old[0]:
        assert not await again(node_of(*old, **names), node_of(*new, **names), "7", "1000")


CHOSEN = ["what = 'the draft' if x == '7' else 'the database'"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Of another type.
        ([PAY], ['return await interrupt(f"shall we pay {x}?", response_type=str)']),
        # Another one may be meant: there are two, or there were.
        ([PAY], ['await interrupt("is it urgent?", response_type=bool)', PAY.replace("pay", "please pay")]),
        ([PAY.replace("return ", ""), SHALL], [PAY.replace("pay", "please pay")]),
        ([PAY], ['await interrupt("is it urgent?", response_type=bool) if x else None', SHALL]),
        ([PAY], ["if x == '8':", f"    {SHALL}", 'return await interrupt(f"sell {x}?", response_type=bool)']),
        (["return await helper(x)"], ["await helper('urgent')", "return await helper(x)"]),
        # It stands elsewhere.
        ([PAY], ["await sleep(0)", SHALL]),
        ([PAY], ["for _ in range(2):", f"    {SHALL}".replace("return", "y =")]),
        ([PAY], ["return [await interrupt(f'shall we pay {x}?', response_type=bool) for _ in range(1)]"]),
        # It shows what is chosen elsewhere, or in the call.
        (
            [*CHOSEN, "return await interrupt(f'delete {what}?', response_type=bool)"],
            ["x = '8'", *CHOSEN, "return await interrupt(f'really delete {what}?', response_type=bool)"],
        ),
        (
            ["return await interrupt('delete the draft?' if x == '7' else 'delete the database?', response_type=bool)"],
            ["return await interrupt('drop the draft?' if x == '8' else 'drop the database?', response_type=bool)"],
        ),
    ],
)
async def test_it_might_be_another_question(old: list[str], new: list[str]) -> None:
    assert not await again(node_of(*old, sleep=sleep), node_of(*new, sleep=sleep))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1.50", "1000.50"),
        ("7", "-7"),
        ("Ann", "Bob"),
        ("DE02120300000000202051", "DE02500105170137075030"),
        ("", "7"),
        ("version 1.2", "version 1.3"),
        ("pay", "all"),
    ],
)
async def test_what_is_filled_in_has_changed_as_well(before: str, after: str) -> None:
    assert not await again(node_of(PAY), node_of(SHALL), before, after)
    assert await again(node_of(PAY), node_of(SHALL), after, after)


async def test_other_words_in_the_same_code() -> None:
    """They are what it shows, and no release's."""
    told = iter("ab")
    node = node_of("return await interrupt(f'{next(told)}{x}?', response_type=bool)", told=told)
    assert not await again(node, node)


async def test_words_from_a_factory() -> None:
    assert await again(wrapped("pay {}?"), wrapped("shall we pay {}?"))
    assert not await again(wrapped("pay {}?"), wrapped("shall we pay {}?"), "7", "8")


async def test_words_from_a_function_that_the_run_has_made() -> None:
    def asking(words: str) -> Any:
        async def ask(what: str) -> bool:
            return await interrupt(f"{words} {what}?", response_type=bool)

        return ask

    lines = ["return await asking('delete')(x)", "return await asking('pay')(x)"]
    assert not await again(*(node_of(line, asking=asking) for line in lines))
