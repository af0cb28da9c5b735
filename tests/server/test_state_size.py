"""What a node adds to history: what it changed in the state, and not the state."""

from __future__ import annotations

from temporalio.client import Client

from tests.server.conftest import Serve
from tests.server.looking import COMPLETED, attributes, events
from tests.server.payload_graphs import Story, stories, story

LONG = Story([f"message {number}: " + "x" * 985 for number in range(100)])
"""100 KB."""


async def result_sizes(client: Client, run_id: str) -> list[int]:
    """The bytes of each node's result."""
    found = await events(client, run_id, COMPLETED)
    return [sum(payload.ByteSize() for payload in attributes(event).result.payloads) for event in found]


async def test_a_change_is_all_that_travels(serve: Serve, task_queue: str) -> None:
    async with serve(story) as client:
        run = await story.start(client, inputs="x", state=LONG, id=task_queue, task_queue=task_queue)
        state = (await run.result()).state
        sizes = await result_sizes(client, run.id)
    assert len(state.messages) == 101
    assert (state.messages[50], state.messages[-1], state.title) == ("edited", "one more: x", "title x")
    assert state.notes == {"note x": "written"}
    assert len(sizes) == 4
    assert max(sizes) < 300


async def test_so_it_is_in_parallel_branches(serve: Serve, task_queue: str) -> None:
    items = [str(number) for number in range(8)]
    async with serve(stories) as client:
        run = await stories.start(client, inputs=items, state=LONG, id=task_queue, task_queue=task_queue)
        result = await run.result()
        sizes = await result_sizes(client, run.id)
    assert result.state.messages[:100] == LONG.messages
    assert sorted(result.state.messages[100:]) == [f"one more: {item}" for item in items]
    assert len(sizes) == 8
    assert max(sizes) < 300
