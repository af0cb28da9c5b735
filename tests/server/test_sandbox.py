"""The workflow sandbox, and what goes through it as it is."""

from __future__ import annotations

from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import TemporalGraph
from tests.compile.shop_names import Order
from tests.server.conftest import Serve


async def order(ctx: StepContext[None, None, str]) -> Order:
    return Order(ctx.inputs)


async def tell(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs


def is_an_order(ctx: StepContext[None, None, Order]) -> str:
    from tests.compile import shop_names  # when it is called, in the workflow

    return str(isinstance(ctx.inputs, shop_names.Order))


_g = GraphBuilder(name="sandboxed", input_type=str, output_type=str, auto_instrument=False)
_order, _tell = _g.step(order), _g.step(tell)
_g.add(
    _g.edge_from(_g.start_node).to(_order),
    _g.edge_from(_order).transform(is_an_order).to(_tell),
    _g.edge_from(_tell).to(_g.end_node),
)
sandboxed = TemporalGraph(_g.build())


async def test_what_a_transform_imports_late_is_what_the_graph_has(serve: Serve, task_queue: str) -> None:
    async with serve(sandboxed) as client:
        assert (await sandboxed.run(client, inputs="tea", id=task_queue, task_queue=task_queue)).output == "True"


async def test_names_as_long_as_the_server_takes_them(serve: Serve, task_queue: str) -> None:
    g = GraphBuilder(name="ü" * 250, input_type=str, output_type=str, auto_instrument=False)
    step = g.step(tell, node_id="n" * 499)
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    long = TemporalGraph(g.build())
    async with serve(long) as client:
        assert (await long.run(client, inputs="tea", id=task_queue, task_queue=task_queue)).output == "tea"
