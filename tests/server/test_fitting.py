"""Serializers that lose something, and those that do not fit, where a graph runs on a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, PlainSerializer
from pydantic_core import core_schema
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.worker import Replayer

from temporal_graph import GraphPlugin, GraphRunError, Merge, NodeOptions, TemporalGraph, interrupt
from tests.server.conftest import Serve

Tenth = Annotated[float, AfterValidator(lambda number: number), PlainSerializer(lambda number: round(number, 1))]


class Handle:
    """What is written of it is its id."""

    def __init__(self, id: int, note: str = "") -> None:
        self.id, self.note = id, note

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and (self.id, self.note) == (other.id, other.note)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"Handle({self.id}, {self.note!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        writer = core_schema.plain_serializer_function_ser_schema(lambda value: value.id)
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value), serialization=writer
        )


@dataclass
class Desk:
    prices: list[Tenth] = field(default_factory=list[float])
    total: Annotated[Tenth, Merge.sum] = 0
    handle: Handle = field(default_factory=lambda: Handle(1))


g = GraphBuilder(name="fitting", state_type=Desk, input_type=list[Tenth], output_type=list[Tenth])


@g.step
async def add(ctx: StepContext[Desk, None, Tenth]) -> Tenth:
    ctx.state.prices.append(ctx.inputs)
    ctx.state.total += ctx.inputs
    return ctx.inputs * 2


@g.step
async def change(ctx: StepContext[Desk, None, list[Tenth]]) -> list[Tenth]:
    ctx.state.prices.append(0.25)
    if ctx.state.total > 100:
        ctx.state.handle.note = "large"
    return ctx.inputs


@g.step
async def ask(ctx: StepContext[Desk, None, list[Tenth]]) -> list[Tenth]:
    return [*ctx.inputs, await interrupt("how much?", response_type=float)]


def doubled(ctx: StepContext[Desk, None, list[Tenth]]) -> list[Tenth]:
    return [number + 0.01 for number in ctx.inputs]


added = g.join(reduce_list_append, initial_factory=list[Tenth], node_id="added")
g.add(
    g.edge_from(g.start_node).map(fork_id="each").to(add),
    g.edge_from(add).to(added),
    g.edge_from(added).transform(doubled).to(change),
    g.edge_from(change).to(ask),
    g.edge_from(ask).to(g.end_node),
)
graph = g.build()


@pytest.mark.parametrize("execution", ["activity", "local", "workflow"])
async def test_what_is_written_comes_back_or_is_told(serve: Serve, task_queue: str, execution: Any) -> None:
    fitting = TemporalGraph(graph, node_options={"change": NodeOptions(execution=execution)})
    async with serve(fitting) as client:
        run = await fitting.start(
            client, inputs=[1.25, 2.5], state=Desk(total=0.125), id=task_queue, task_queue=task_queue
        )
        await run.proceed()
        await run.update_state({"total": 4.125})
        stop = await run.proceed(0.75)
        assert stop.output == [2.51, 5.01, 0.75]
        assert stop.state == Desk([1.25, 2.5, 0.25], 4.125)
        bad = await fitting.start(client, inputs=[101.5], state=Desk(), id=f"{task_queue}-bad", task_queue=task_queue)
        said = r"'change' failed with EncodeError: .* handle: Handle\(1, 'large'\) comes back as Handle\(1, ''\)"
        with pytest.raises(GraphRunError, match=said):
            await bad.result()
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(fitting)], debug_mode=True)
    for found in (run, bad):
        await replayer.replay_workflow(await client.get_workflow_handle(found.id).fetch_history())
