"""Questions that a node asks from tasks of its own."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import GraphRunError, TemporalGraph, interrupt
from tests.server.conftest import Serve

g = GraphBuilder(name="grouped", input_type=str, output_type=list[int])


@g.step
async def ask(ctx: StepContext[None, None, str]) -> list[int]:
    async with asyncio.TaskGroup() as group:
        questions = [group.create_task(interrupt(f"{ctx.inputs} {n}?", response_type=int)) for n in range(2)]
        if ctx.inputs == "broken":
            raise ValueError("beside the questions")
    return [question.result() for question in questions]


g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
grouped = TemporalGraph(g.build())


async def test_a_task_group_asks_one_question_after_the_other(serve: Serve, task_queue: str) -> None:
    async with serve(grouped) as client:
        run = await grouped.start(client, inputs="how many", id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert [asked.value for asked in stop.interrupts] == ["how many 0?"]
        stop = await run.proceed(1)
        assert [asked.value for asked in stop.interrupts] == ["how many 1?"]
        assert (await run.proceed(2)).output == [1, 2]


async def test_in_this_process_too() -> None:
    run = grouped.local()
    assert (await run.proceed(inputs="how many")).interrupts[0].value == "how many 0?"
    await run.proceed(1)
    assert (await run.proceed(2)).output == [1, 2]


async def test_what_else_goes_wrong_in_a_task_group_is_not_lost() -> None:
    with pytest.raises(GraphRunError, match="ExceptionGroup"):
        await grouped.local().proceed(inputs="broken")
