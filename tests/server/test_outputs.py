"""What reaches the end is what the graph declares, whoever it comes from; or the run fails and says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic_graph import Graph, GraphBuilder, StepContext, reduce_list_append

from temporal_graph import GraphError, GraphRunError, TemporalGraph
from tests.server.conftest import Serve


@dataclass
class Found:
    number: int


@dataclass
class Report:
    number: int


def latest(current: Found | None, inputs: Found) -> Found:
    return inputs


def whatever(current: Found | None, inputs: Found) -> Any:
    return inputs


def found(ctx: StepContext[None, None, Found]) -> Found:
    return ctx.inputs


def ending(name: str, reducer: Any = latest, way: str = "join", output: Any = Report) -> Graph[Any, Any, Any, Any]:
    """A graph in which something of another type than its output's comes to the end, with the same fields."""
    g = GraphBuilder(name=name, input_type=list[int], output_type=output, auto_instrument=False)

    @g.step(node_id="find")
    async def find(ctx: StepContext[None, None, int]) -> Found:
        return Found(ctx.inputs)

    @g.step(node_id="pass_on")
    async def pass_on(ctx: StepContext[None, None, Found]) -> Found:
        return ctx.inputs

    join = g.join(reducer, initial_factory=lambda: [] if reducer is reduce_list_append else None, node_id="join")
    g.add(g.edge_from(g.start_node).map(fork_id="each").to(find), g.edge_from(find).to(join))
    if way == "step":
        g.add(g.edge_from(join).to(pass_on), g.edge_from(pass_on).to(g.end_node))
    elif way == "transform":
        g.add(g.edge_from(join).transform(found).to(g.end_node))
    else:
        g.add(g.edge_from(join).to(g.end_node))
    return g.build()


WRONG = {
    "a join": ending("wrong_join"),
    "a join that says nothing": ending("wrong_silent_join", whatever),
    "a join of a list": ending("wrong_list_join", reduce_list_append, output=list[Report]),
    "a transform": ending("wrong_transform", way="transform"),
    "a step": ending("wrong_step", way="step"),
}


@pytest.mark.parametrize("graph", WRONG.values(), ids=WRONG)
async def test_a_value_of_another_type_at_the_end(
    graph: Graph[Any, Any, Any, Any], serve: Serve, task_queue: str
) -> None:
    wrapped = TemporalGraph(graph)
    async with serve(wrapped) as client:
        with pytest.raises(GraphRunError, match=r"'__end__' failed with EncodeError.* which is declared"):
            await wrapped.run(client, inputs=[1], id=task_queue, task_queue=task_queue)
    with pytest.raises(GraphRunError, match=r"'__end__' failed with EncodeError.* which is declared"):
        await wrapped.local().proceed(inputs=[1])


async def test_what_fits_comes_to_the_end(serve: Serve, task_queue: str) -> None:
    wrapped = TemporalGraph(ending("right_join", output=Found | None))
    async with serve(wrapped) as client:
        result = await wrapped.run(client, inputs=[1], id=task_queue, task_queue=task_queue)
    assert result.output == Found(1)


async def double(ctx: StepContext[None, None, int]) -> int:
    return 2 * ctx.inputs


def doubling(output: Any) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph whose output is declared as something."""
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="doubling", input_type=int, output_type=output)
    node = g.step(double, node_id="double")
    g.add(g.edge_from(g.start_node).to(node), g.edge_from(node).transform(as_it_is).to(g.end_node))
    return TemporalGraph(g.build())


def as_it_is(ctx: StepContext[None, None, int]) -> Any:
    return ctx.inputs


async def test_an_output_that_another_release_cannot_read(serve: Serve, task_queue: str) -> None:
    graph = doubling(int)
    async with serve(graph) as client:
        run = await graph.start(client, inputs=4, id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == 8
        later = doubling(list[str]).get_run(client, run.id)
        stop = await later.wait()
        with pytest.raises(
            GraphError, match=r"^The run has finished with another release of graph 'doubling': the output"
        ) as unread:
            await later.result()
    assert type(unread.value) is GraphError
    assert stop.output == 8
    assert stop.unreadable
    assert stop.unreadable in str(unread.value)
