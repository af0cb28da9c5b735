"""Answers whose types JSON objects cannot hold: the schema shows a form that is taken, and values are taken, too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext

from temporal_graph import AnswerRefusedError, InterruptibleGraph, InterruptNode, Required, TemporalGraph, interrupt


class Corner(Enum):
    LEFT = (0, 1)
    RIGHT = (1, 0)


class Number(IntEnum):
    ONE = 1
    TWO = 2


class Mixed(Enum):
    ONE = 1
    NAMED = "b"


class Word(Enum):
    YES = "yes"


@dataclass(frozen=True)
class Place:
    x: int
    name: str


class Chart(BaseModel):
    prices: dict[tuple[int, int], Corner]


def asking(type_: Any) -> Any:
    g = GraphBuilder(name="asking", output_type=type_)

    async def ask(ctx: StepContext[None, None, None]) -> Any:
        return await interrupt("Well?", response_type=type_)

    step = g.step(ask, node_id="ask")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build()).local()


FORMS: list[tuple[Any, Any, Any]] = [
    (dict[tuple[int, int], str], [[[1, 2], "a"]], {(1, 2): "a"}),
    (dict[Place, int], [[{"x": 1, "name": "a"}, 2]], {Place(1, "a"): 2}),
    (dict[Number, int], [[1, 5]], {Number.ONE: 5}),
    (dict[Mixed, int], [[1, 5], ["b", 6]], {Mixed.ONE: 5, Mixed.NAMED: 6}),
    (dict[frozenset[int], int], [[[1, 2], 5]], {frozenset({1, 2}): 5}),
    (dict[int | None, str], [[None, "a"], [1, "b"]], {None: "a", 1: "b"}),
    (dict[Corner, int], {"LEFT": 1}, {Corner.LEFT: 1}),
    (dict[str, dict[tuple[int, int], Corner]], {"a": [[[1, 2], "LEFT"]]}, {"a": {(1, 2): Corner.LEFT}}),
    (Corner, "RIGHT", Corner.RIGHT),
    (list[Corner | None], ["LEFT", None], [Corner.LEFT, None]),
    (Chart, {"prices": [[[1, 2], "LEFT"]]}, Chart(prices={(1, 2): Corner.LEFT})),
    (dict[Word, int], {"yes": 1}, {Word.YES: 1}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
]


@pytest.mark.parametrize(("type_", "form", "value"), FORMS)
def test_the_form_that_the_schema_shows_is_taken(type_: Any, form: Any, value: Any) -> None:
    async def go() -> Any:
        run = asking(type_)
        [question] = (await run.proceed()).interrupts
        shape = question.response_schema
        if "$ref" not in shape:
            kinds = {dict: "object", list: "array", str: "string"}
            assert shape["type"] == kinds[type(form)]
        return await run.proceed(form)

    stop = asyncio.run(go())
    assert (stop.is_end, stop.output) == (True, value)


UNTOLD = (Chart, dict[Number, int], dict[Mixed, int], dict[int | None, str])
"""Of their values nobody knows in which form they are meant, before the node has them."""


@pytest.mark.parametrize(
    ("type_", "value"),
    [(type_, value) for type_, _, value in FORMS if type_ not in UNTOLD],
)
def test_a_value_is_taken(type_: Any, value: Any) -> None:
    async def go() -> Any:
        run = asking(type_)
        await run.proceed()
        return await run.proceed(value)

    stop = asyncio.run(go())
    assert (stop.is_end, stop.output) == (True, value)


def test_another_form_is_refused_at_once() -> None:
    async def go(answer: Any) -> None:
        run = asking(dict[Number, int])
        await run.proceed()
        await run.proceed(answer)

    for answer in ({"1": 5}, [[3, 5]], [[1]]):
        with pytest.raises(AnswerRefusedError, match="invalid"):
            asyncio.run(go(answer))


@dataclass
class Fill(InterruptNode[None, None, dict[tuple[int, int], int]]):
    """Waits for a dict of that kind."""

    cells: Annotated[dict[tuple[int, int], int] | None, Required] = None

    async def run(self, ctx: GraphRunContext[None]) -> Close:
        assert self.cells is not None
        return Close(self.cells)


@dataclass
class Close(BaseNode[None, None, dict[tuple[int, int], int]]):
    """Gives it."""

    cells: dict[tuple[int, int], int]

    async def run(self, ctx: GraphRunContext[None]) -> End[dict[tuple[int, int], int]]:
        return End(self.cells)


def test_a_field_of_a_node() -> None:
    async def go() -> None:
        for answer in ({"cells": [[[1, 2], 3]]}, {"cells": {(1, 2): 3}}):
            run = InterruptibleGraph([Fill, Close], name="filling").local()
            [question] = (await run.proceed(from_node=Fill())).interrupts
            assert question.response_schema is not None
            assert question.response_schema["properties"]["cells"]["type"] == "array"
            assert (await run.proceed(answer)).output == {(1, 2): 3}

    asyncio.run(go())
