"""The same work twice: as a graph, and as a workflow written by hand."""

from __future__ import annotations

from datetime import timedelta

from pydantic_graph import Graph, GraphBuilder, StepContext, reduce_sum
from temporalio import activity, workflow

from temporal_graph import NodeOptions, TemporalGraph

LENGTH = 20


def _chain(name: str) -> Graph[None, None, int, int]:
    g = GraphBuilder(name=name, input_type=int, output_type=int)

    async def add_one(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs + 1

    steps = [g.step(add_one, node_id=f"step_{index:02}") for index in range(LENGTH)]
    for source, target in zip([g.start_node, *steps], [*steps, g.end_node], strict=True):
        g.add(g.edge_from(source).to(target))  # pyright: ignore[reportArgumentType]
    return g.build()


def _fan() -> Graph[None, None, int, int]:
    g = GraphBuilder(name="fan", input_type=int, output_type=int)

    @g.step
    async def numbers(ctx: StepContext[None, None, int]) -> list[int]:
        return list(range(ctx.inputs))

    @g.step
    async def double(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs * 2

    total = g.join(reduce_sum, initial=0)
    g.add(
        g.edge_from(g.start_node).to(numbers),
        g.edge_from(numbers).map().to(double),
        g.edge_from(double).to(total),
        g.edge_from(total).to(g.end_node),
    )
    return g.build()


chain = TemporalGraph(_chain("chain"))
local_chain = TemporalGraph(_chain("local_chain"), options=NodeOptions(execution="local"))
fan = TemporalGraph(_fan())


@activity.defn
async def add_one_by_hand(value: int) -> int:
    return value + 1


@workflow.defn
class ChainByHand:
    """Awaits the same activities."""

    @workflow.run
    async def run(self, value: int) -> int:
        for _ in range(LENGTH):
            value = await workflow.execute_activity(
                add_one_by_hand, value, start_to_close_timeout=timedelta(minutes=10)
            )
        return value


@workflow.defn
class LocalChainByHand:
    """Awaits the same local activities."""

    @workflow.run
    async def run(self, value: int) -> int:
        for _ in range(LENGTH):
            value = await workflow.execute_local_activity(
                add_one_by_hand, value, start_to_close_timeout=timedelta(minutes=10)
            )
        return value
