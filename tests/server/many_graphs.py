"""Graphs that ask very many questions at once, and one with very many entries in its state."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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

WORDS = sorted(set(re.findall(r"[a-z]{5,}", str(re.__doc__))))


def words(number: int) -> str:
    """What a question may show: some 160 letters, and other ones in each."""
    chance = random.Random(number)
    names = " ".join(chance.choice(WORDS) for _ in range(15))
    return f"Invoice {chance.randrange(10**6)}, {chance.randrange(10**5) / 100} EUR, from {names}"


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
_inquiry = _q.build()
inquiry = TemporalGraph(_inquiry)
inquiry_here = TemporalGraph(_inquiry, name="inquiry_here", node_options={"inquire": NodeOptions(execution="workflow")})
"""Without activities: a server holds no more than a hundred results for a run while it has a task, and ends that."""

ENTRIES = 50_000
DAY = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Register:
    """Large, and with keys that are no texts."""

    pairs: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])
    places: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    moments: dict[datetime, int] = field(default_factory=dict[datetime, int])
    lists: dict[int, list[int]] = field(default_factory=dict[int, list[int]])


REGISTERS: dict[str, Callable[[], Register]] = {
    "pairs": lambda: Register(pairs={(n, "") for n in range(ENTRIES)}),
    "places": lambda: Register(places={(n, 0): n for n in range(ENTRIES)}),
    "moments": lambda: Register(moments={DAY + n * timedelta(minutes=1): n for n in range(ENTRIES)}),
    "lists": lambda: Register(lists={n: [n] for n in range(ENTRIES)}),
}


def change(state: Register, first: int, step: int) -> None:
    """Change each so many-th entry."""
    chosen = range(first, ENTRIES, step)
    if state.pairs:
        state.pairs = {pair for pair in state.pairs if pair[0] % step != first} | {(n, "new") for n in chosen}
    for n in chosen:
        if state.places:
            state.places[n, 0] += 1
        if state.moments:
            state.moments[DAY + n * timedelta(minutes=1)] += 1
        if state.lists:
            state.lists[n].append(-n)


_r = GraphBuilder(name="register", state_type=Register, input_type=list[int], output_type=int)


@_r.step
async def enter(ctx: StepContext[Register, None, int]) -> int:
    """One of the branches that change the state at the same time."""
    change(ctx.state, ctx.inputs, 4)
    return ctx.inputs


@_r.step
async def close(ctx: StepContext[Register, None, list[int]]) -> int:
    """Asks, so that somebody can look."""
    await interrupt("close it?", response_type=bool)
    return len(ctx.inputs)


_entered = _r.join(reduce_list_append, initial_factory=list[int], node_id="entered")
_r.add(
    _r.edge_from(_r.start_node).map(fork_id="each").to(enter),
    _r.edge_from(enter).to(_entered),
    _r.edge_from(_entered).to(close),
    _r.edge_from(close).to(_r.end_node),
)
register = TemporalGraph(_r.build())
