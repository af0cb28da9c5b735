"""What is sent to a server is counted in bytes: a letter of most of the world's scripts is two or three."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.api.enums.v1 import EventType

from temporal_graph import TemporalGraph
from tests.replay.serving import chain, replay, serving
from tests.server.looking import SCHEDULED, failures

LETTERS = 640_000
"""Three bytes each: a state of 1.9 MB, of which a server takes two in one message."""


@dataclass
class Novel:
    """A long text."""

    text: str = ""


_make: Any = GraphBuilder
_g = _make(name="readers", state_type=Novel, output_type=list[int])


@_g.step
async def count(ctx: StepContext[Novel, None, int]) -> int:
    """Reads all of it."""
    return len(ctx.state.text) + ctx.inputs


def four(ctx: StepContext[Novel, None, None]) -> list[int]:
    """As many readers."""
    return [0, 1, 2, 3]


_all = _g.join(reduce_list_append, initial_factory=list[int], node_id="all")
_g.add(
    _g.edge_from(_g.start_node).transform(four).map(fork_id="each").to(count),
    _g.edge_from(count).to(_all),
    _g.edge_from(_all).to(_g.end_node),
)
readers: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(_g.build())


async def test_nodes_with_a_large_state_in_chinese_start_one_after_the_other(
    server_address: str, task_queue: str
) -> None:
    async with serving(server_address, task_queue, readers) as client:
        run = await readers.start(
            client, inputs=None, state=Novel("書" * LETTERS), id=task_queue, task_queue=task_queue
        )
        assert sorted((await run.result()).output) == [LETTERS + number for number in range(4)]
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    together, most = 0, 0
    for event in (event for history in histories for event in history.events):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            together = 0
        elif event.event_type == SCHEDULED:
            together += 1
            most = max(most, together)
    assert most == 2
    await replay(histories, readers)
