"""A graph that asks very many questions at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic_graph import End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy

from temporal_graph import InterruptNode, NodeOptions, Required, TemporalGraph, interrupt


@dataclass
class Letter(InterruptNode[None, None, str]):
    """Waits for one answer; a refusal fails the whole run."""

    number: int
    text: str = ""
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        if not self.approved:
            raise ValueError(f"{self.number} was refused")
        return End(f"{self.number} was the first")


_g = GraphBuilder(name="letters", input_type=list[Letter], output_type=str)
_g.add(_g.node(Letter), _g.edge_from(_g.start_node).map(fork_id="each").to(Letter))
_letters = _g.build()
_once = {"Letter": NodeOptions(retry_policy=RetryPolicy(maximum_attempts=1))}
letters = TemporalGraph(_letters, node_options=_once)
short_letters = TemporalGraph(_letters, name="short_letters", node_options=_once, max_history_events=20)

_q = GraphBuilder(name="inquiry", input_type=list[int], output_type=list[str])


@_q.step
async def inquire(ctx: StepContext[None, None, int]) -> str:
    """Each of them asks; the run waits for all answers."""
    return await interrupt(f"question {ctx.inputs}", response_type=str)


_all = _q.join(reduce_list_append, initial_factory=list[str], node_id="all")
_q.add(
    _q.edge_from(_q.start_node).map(fork_id="each").to(inquire),
    _q.edge_from(inquire).to(_all),
    _q.edge_from(_all).to(_q.end_node),
)
inquiry = TemporalGraph(_q.build())
