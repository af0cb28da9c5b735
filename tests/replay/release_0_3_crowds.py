"""More graphs of the histories of release 0.3: many questions that wait in the workflow. Never change them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from temporal_graph import Command, InterruptPolicy, NodeOptions, TemporalGraph, interrupt

_make: Any = GraphBuilder
_g = _make(name="release_3_crowd", input_type=list[float], output_type=list[str])


async def wait(ctx: StepContext[None, None, float]) -> str:
    """Waits for so many seconds; without end, where they are none."""
    if not ctx.inputs:
        return await interrupt("go on?", response_type=str)
    policy = InterruptPolicy(timeout=timedelta(seconds=ctx.inputs), on_timeout=Command(resume="nobody"))
    return await interrupt("go on?", response_type=str, policy=policy)


_wait = _g.step(wait, node_id="wait")
_all = _g.join(reduce_list_append, initial_factory=list[str], node_id="all")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="each").to(_wait),
    _g.edge_from(_wait).to(_all),
    _g.edge_from(_all).to(_g.end_node),
)
crowd: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(
    _g.build(), node_options={"wait": NodeOptions(execution="workflow")}
)
GRAPHS = (crowd,)
