"""Nodes, and what they return, come to where they go as what they were: a node instance, an `End`, a step, a join."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, JoinNode, StepContext, StepNode
from pydantic_graph.join import reduce_list_append

from temporal_graph import TemporalGraph
from tests.codec.types import Approve, Reject, _approvals, _decimals, _moments, _rejections, _text, is_same

Way = Literal["end", "node", "model", "step", "join"]


@dataclass
class Load:
    """What is carried: of several shapes, one of which two classes share."""

    what: Approve | Reject
    numbers: tuple[int, ...]
    amount: Decimal
    raw: bytes
    tags: frozenset[str]
    at: datetime | None
    inner: Load | None


@dataclass
class Given:
    """A load, and the ways that it is to go, the last one first."""

    ways: list[Way]
    load: Load


make: Any = GraphBuilder
g = make(name="carriers", input_type=Given, output_type=list[Load])


def onward(ways: list[Way], load: Load) -> Any:
    """By the next way."""
    way = ways[-1]
    if way == "end":
        return End([load])
    if way == "node":
        return Carrier(ways[:-1], load)
    if way == "model":
        return Model(ways=ways[:-1], load=load)
    return ToStep(load) if way == "step" else ToJoin(load)


@g.step
async def arrive(ctx: StepContext[None, None, Load]) -> list[Load]:
    return [ctx.inputs]


loads = g.join(reduce_list_append, initial_factory=list[Load], node_id="loads")


@dataclass
class ToStep(BaseNode[None, None, list[Load]]):
    load: Load

    async def run(self, ctx: GraphRunContext) -> Annotated[StepNode[None, None], arrive]:
        return arrive.as_node(self.load)


@dataclass
class ToJoin(BaseNode[None, None, list[Load]]):
    load: Load

    async def run(self, ctx: GraphRunContext) -> Annotated[JoinNode[None, None], loads]:
        return loads.as_node(self.load)


@dataclass
class Carrier(BaseNode[None, None, list[Load]]):
    """A node that is a dataclass."""

    ways: list[Way]
    load: Load

    async def run(self, ctx: GraphRunContext) -> Carrier | Model | ToStep | ToJoin | End[list[Load]]:
        return onward(self.ways, self.load)


class Model(BaseModel, BaseNode[None, None, list[Load]]):
    """A node that is a model."""

    ways: list[Way]
    load: Load

    async def run(self, ctx: GraphRunContext) -> Carrier | Model | ToStep | ToJoin | End[list[Load]]:
        return onward(self.ways, self.load)


@g.step
async def depart(ctx: StepContext[None, None, Given]) -> Carrier:
    return Carrier(ctx.inputs.ways, ctx.inputs.load)


g.add(
    g.edge_from(g.start_node).to(depart),
    g.node(Carrier),
    g.node(Model),
    g.node(ToStep),
    g.node(ToJoin),
    g.edge_from(arrive, loads).to(g.end_node),
)
carriers = TemporalGraph(g.build())

_whats = _approvals | _rejections
_loads = st.builds(
    Load,
    _whats,
    st.lists(st.integers(), max_size=3).map(tuple),
    _decimals,
    st.binary(max_size=5),
    st.frozensets(_text, max_size=3),
    st.none() | _moments,
    st.none(),
)
_nested = st.builds(
    Load, _whats, st.just(()), st.just(Decimal(1)), st.just(b""), st.just(frozenset()), st.none(), _loads
)


@pytest.mark.parametrize("last", ["end", "step", "join"])
def test_a_load_arrives_as_what_it_was(last: Way) -> None:
    @settings(deadline=None, max_examples=60)
    @given(_loads | _nested, st.lists(st.sampled_from(["node", "model"]), max_size=3))
    def check(load: Load, ways: list[Way]) -> None:
        stop = asyncio.run(carriers.local().proceed(inputs=Given([last, *ways], load)))
        assert is_same(stop.output, [load])

    check()
