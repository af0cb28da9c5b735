"""Asks three shops for the price of each thing on a list; the first shop to answer gets the order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pydantic_graph import GraphBuilder, ReduceFirstValue, StepContext, reduce_dict_update

from temporal_graph import NodeOptions, TemporalGraph


@dataclass
class Offer:
    """What a shop wants for a thing, in cents."""

    item: str
    shop: str
    price: int


g = GraphBuilder(name="fan_out", input_type=list[str], output_type=dict[str, Offer])


@g.step
async def items(ctx: StepContext[None, None, list[str]]) -> list[str]:
    """What is to be bought, each thing once."""
    return list(dict.fromkeys(ctx.inputs))


async def answer(item: str, shop: str, after: float) -> Offer:
    """A shop's answer, after some seconds."""
    await asyncio.sleep(after)
    return Offer(item, shop, price=100 * len(item) + len(shop))


@g.step
async def corner_shop(ctx: StepContext[None, None, str]) -> Offer:
    """Answers at once."""
    return await answer(ctx.inputs, "corner shop", after=0.01)


@g.step
async def market(ctx: StepContext[None, None, str]) -> Offer:
    """Takes an hour to answer, unless it is told that nobody waits any more."""
    return await answer(ctx.inputs, "market", after=3600)


@g.step
async def warehouse(ctx: StepContext[None, None, str]) -> Offer:
    """Takes a day."""
    return await answer(ctx.inputs, "warehouse", after=24 * 3600)


@g.step
async def order(ctx: StepContext[None, None, Offer]) -> dict[str, Offer]:
    """Take an offer."""
    return {ctx.inputs.item: ctx.inputs}


# The first offer for a thing goes on, and the other two shops are cancelled; the join belongs to the broadcast. The
# orders are collected until each thing has one; that join belongs to the map.
first = g.join(ReduceFirstValue[Offer](), initial=Offer("", "nobody", 0), node_id="first_offer", parent_fork_id="shops")
orders = g.join(reduce_dict_update, initial_factory=dict[str, Offer], node_id="orders", parent_fork_id="items_map")

g.add(
    g.edge_from(g.start_node).to(items),
    g.edge_from(items).map(fork_id="items_map").to(corner_shop, market, warehouse, fork_id="shops"),
    g.edge_from(corner_shop, market, warehouse).to(first),
    g.edge_from(first).to(order),
    g.edge_from(order).to(orders),
    g.edge_from(orders).to(g.end_node),
)

# On a server a node hears that it is cancelled with its next sign of life, three of which it gives in this time.
fan_out = TemporalGraph(g.build(), options=NodeOptions(heartbeat_timeout=timedelta(seconds=3)))
