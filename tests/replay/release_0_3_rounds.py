"""More graphs of the histories of release 0.3: nodes whose results say what they got. Never change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic_graph import End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import (
    Command,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    Merge,
    NodeOptions,
    Required,
    TemporalGraph,
    interrupt,
)

_make: Any = GraphBuilder


@dataclass
class Rounds:
    left: int = 3
    total: Annotated[int, Merge.sum] = 0
    said: list[str] = field(default_factory=list[str])


_r = _make(name="release_3_rounds", state_type=Rounds, input_type=list[int], output_type=int)


async def work(ctx: StepContext[Rounds, None, int]) -> int:
    """Runs in the worker that has the run."""
    ctx.state.total += ctx.inputs
    return ctx.inputs + 1


async def ask(ctx: StepContext[Rounds, None, list[int]]) -> list[int]:
    """Asks twice: the second question reads differently whenever the node runs, and is the same."""
    said = await interrupt(f"Go on with {ctx.inputs}?", response_type=str, key=f"go-on-{ctx.state.left}")
    until = await interrupt({"until": datetime.now(UTC) + timedelta(hours=1), "of": said}, response_type=str)
    ctx.state.said += [said, until]
    ctx.state.left -= 1
    return ctx.inputs


def _total(so_far: list[int], value: int) -> list[int]:
    return sorted([*so_far, value])


def _is_over(value: Any) -> bool:
    return min(value) > 2


_work = _r.step(work, node_id="work")
_ask = _r.step(ask, node_id="ask")
_all = _r.join(_total, initial_factory=list[int], node_id="all")
_r.add(
    _r.edge_from(_r.start_node).to(_ask),
    _r.edge_from(_ask).to(
        _r.decision(node_id="again")
        .branch(
            _r.match(list, matches=lambda value: min(value) > 2).transform(lambda ctx: ctx.state.total).to(_r.end_node)
        )
        .branch(_r.match(list).map(fork_id="each").to(_work))
    ),
    _r.edge_from(_work).to(_all),
    _r.edge_from(_all).to(_ask),
)
rounds = TemporalGraph(_r.build(), node_options={"work": NodeOptions(execution="local")}, max_history_events=40)


@dataclass
class Moved:
    numbers: list[int] = field(default_factory=lambda: [1, 2])


_m = _make(name="release_3_moved", state_type=Moved, input_type=list[str], output_type=list[str])


async def move(ctx: StepContext[Moved, None, str]) -> str:
    """Moves items, or changes one."""
    if ctx.inputs == "move":
        ctx.state.numbers.insert(0, 9)
    else:
        ctx.state.numbers[0] += 1
    return ctx.inputs


_move = _m.step(move, node_id="move")
_moved = _m.join(reduce_list_append, initial_factory=list[str], node_id="moved")
_m.add(
    _m.edge_from(_m.start_node).map(fork_id="each").to(_move),
    _m.edge_from(_move).to(_moved),
    _m.edge_from(_moved).to(_m.end_node),
)
moved = TemporalGraph(_m.build())


@dataclass
class Words(InterruptNode[None, None, str]):
    """Does not wait for long."""

    said: Annotated[str | None, Required] = None
    policy = InterruptPolicy(timeout=timedelta(seconds=2), on_timeout=Command(resume={"said": "nothing"}))

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(f"{self.said}")

    @classmethod
    def get_node_id(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "Reply"


@dataclass
class Number(InterruptNode[None, None, str]):
    """The same in a release that takes numbers, but not what stood for an answer in the one before."""

    said: Annotated[int | None, Required] = None
    policy = InterruptPolicy(timeout=timedelta(seconds=2), on_timeout=Command(resume={"said": 0}))

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(f"{self.said}")

    @classmethod
    def get_node_id(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "Reply"


hurried = InterruptibleGraph(nodes=[Words], name="release_3_hurried")
later_hurried = InterruptibleGraph(nodes=[Number], name="release_3_hurried")

GRAPHS = (rounds, moved, hurried)
"""Without the other release of `hurried`: what that has written, the earlier one has to replay."""
