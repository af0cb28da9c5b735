"""A graph that asks very many questions at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic_graph import End, GraphBuilder, GraphRunContext
from temporalio.common import RetryPolicy

from temporal_graph import InterruptNode, NodeOptions, Required, TemporalGraph


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
