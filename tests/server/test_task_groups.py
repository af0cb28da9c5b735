"""Questions that a node asks from tasks of its own."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import GraphRunError, InterruptError, TemporalGraph, interrupt
from tests.server.conftest import Serve

g = GraphBuilder(name="grouped", input_type=str, output_type=list[int])


@g.step
async def ask(ctx: StepContext[None, None, str]) -> list[int]:
    async with asyncio.TaskGroup() as group:
        text = f"{datetime.now().isoformat()}?" if ctx.inputs == "when" else f"{ctx.inputs} {{}}?"
        questions = [group.create_task(interrupt(text.format(n), response_type=int)) for n in range(2)]
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


async def test_questions_are_no_errors() -> None:
    with pytest.raises(GraphRunError) as failed:
        await grouped.local().proceed(inputs="broken")
    group: Any = failed.value.__cause__
    assert type(group) is ExceptionGroup
    assert [type(each) for each in group.exceptions] == [ValueError]


async def test_a_question_in_a_task_group_that_needs_a_key() -> None:
    """The node fails with what says so, and not with the group around it."""
    run = grouped.local()
    await run.proceed(inputs="when")
    with pytest.raises(GraphRunError, match=r"InterruptError.*key='\.\.\.'") as failed:
        await run.proceed(1)
    assert isinstance(failed.value.__cause__, InterruptError)
