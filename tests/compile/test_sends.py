"""Steps that say that they return a `Send`, or several: there must be an edge on which that is done."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic_graph import (
    GraphBuilder,
    StepContext,
    reduce_list_append,
    reduce_null,
)
from typing_extensions import TypeAliasType

from temporal_graph import Command, GraphDefinitionError, Send, TemporalGraph, send_to

Builder = GraphBuilder[Any, Any, Any, Any]
Connect = Callable[[Builder, Any, Any], None]


@dataclass
class Piece:
    """Not sent, but given."""

    n: int


class Parcel(Send):
    """A kind of what is sent."""


def wrapped(connect: Connect, returns: Any = list[Send], sent: Any = None) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph of the steps `plan`, which returns what it gets from `sent`, and `work`.

    Args:
        connect: Adds the edges that leave them.
        returns: What `plan` declares.
        sent: What it returns.
    """
    g: Builder = GraphBuilder(name="parcels", output_type=Any, auto_instrument=False)

    async def plan(ctx: StepContext[None, None, None]) -> Any:
        return sent

    async def work(ctx: StepContext[None, None, Any]) -> str:
        return f"worked on {ctx.inputs}"

    plan.__annotations__["return"] = returns
    planned = g.step(plan)
    g.add(g.edge_from(g.start_node).to(planned))
    connect(g, planned, g.step(work))
    return TemporalGraph(g.build(validate_graph_structure=False))


def refused(connect: Connect, returns: Any = list[Send]) -> str:
    with pytest.raises(GraphDefinitionError) as caught:
        wrapped(connect, returns)
    return str(caught.value)


async def ran(graph: TemporalGraph[Any, Any, Any, Any]) -> Any:
    return (await graph.local().proceed()).output


# -- Edges on which nothing is sent -----------------------------------------------------------------------------------


def to_a_step(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(plan).to(work), g.edge_from(work).to(g.end_node))


def to_the_end(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(plan).to(g.end_node), g.edge_from(work).to(g.end_node))


def to_a_join(g: Builder, plan: Any, work: Any) -> None:
    join = g.join(reduce_list_append, initial_factory=list[Any])
    g.add(g.edge_from(plan).map(fork_id="each").to(join), g.edge_from(join).to(work), g.edge_from(work).to(g.end_node))


def to_a_join_of_nothing(g: Builder, plan: Any, work: Any) -> None:
    join = g.join(reduce_null, initial=None)
    g.add(g.edge_from(plan).map().to(join), g.edge_from(join).to(work), g.edge_from(work).to(g.end_node))


def to_several(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(plan).to(work, g.end_node), g.edge_from(work).to(g.end_node))


def by_a_map(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(plan).map().to(work), g.edge_from(work).to(g.end_node))


def by_a_decision(g: Builder, plan: Any, work: Any) -> None:
    decision = g.decision().branch(g.match(list).to(work)).branch(g.match(Any).to(g.end_node))
    g.add(g.edge_from(plan).to(decision), g.edge_from(work).to(g.end_node))


def by_a_decision_on_something_else(g: Builder, plan: Any, work: Any) -> None:
    sends = g.decision().branch(g.match(list).to(work)).branch(g.match(str).map().to(send_to(g, work)))
    g.add(g.edge_from(plan).to(sends), g.edge_from(work).to(g.end_node))


def without_a_map(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(plan).to(send_to(g, work)), g.edge_from(work).to(g.end_node))


def without_an_edge(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(work).to(g.end_node))


def in_a_circle(g: Builder, plan: Any, work: Any) -> None:
    again: Any = g.decision(node_id="again")
    again.branches.extend([g.match(list).map().to(again), g.match(Any).to(work)])
    g.add(g.edge_from(plan).to(again), g.edge_from(work).to(g.end_node))


PLAIN = [
    to_a_step,
    to_the_end,
    to_a_join,
    to_a_join_of_nothing,
    to_several,
    by_a_map,
    by_a_decision,
    by_a_decision_on_something_else,
    without_a_map,
    without_an_edge,
    in_a_circle,
]


@pytest.mark.parametrize("connect", PLAIN)
def test_an_edge_on_which_nothing_is_sent(connect: Connect) -> None:
    assert refused(connect) == (
        "Step 'plan' of graph 'parcels' returns list[Send], but nothing would be sent: that is done on an edge which "
        "ends in send_to(). Write g.edge_from(plan).map().to(send_to(g, ...)), with the nodes that may be sent to."
    )


Sends = TypeAliasType("Sends", list[Send])

DECLARED: dict[str, tuple[Any, str]] = {
    "tuple": (tuple[Send, ...], "tuple[Send, ...]"),
    "pair": (tuple[int, Send], "tuple[int, Send]"),
    "iterable": (Iterable[Send], "Iterable[Send]"),
    "sequence": (Sequence[Send], "Sequence[Send]"),
    "stream": (AsyncIterator[Send], "list[Send]"),
    "text": ("list[Send]", "list[Send]"),
    "list of lists": (list[list[Send]], "list[list[Send]]"),
    "list of a union": (list[Piece | Send], "list[Piece | Send]"),
    "or a value": (list[Send] | Piece, "list[Send] | Piece"),
    "or none": (list[Send] | None, "list[Send] | None"),
    "or a command": (list[Send] | Command[Literal["work"]], "list[Send]"),
    "note": (Annotated[list[Send], "what to do"], "list[Send]"),
    "name": (Sends, "Sends"),
    "kind": (list[Parcel], "list[Parcel]"),
}


@pytest.mark.parametrize(("returns", "named"), DECLARED.values(), ids=list(DECLARED))
def test_ways_to_say_it(returns: Any, named: str) -> None:
    assert refused(to_a_step, returns) == (
        f"Step 'plan' of graph 'parcels' returns {named}, but nothing would be sent: that is done on an edge which "
        "ends in send_to(). Write g.edge_from(plan).map().to(send_to(g, ...)), with the nodes that may be sent to."
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement `type` came with Python 3.12")
def test_a_name_that_is_looked_up_late() -> None:
    names = dict(globals())
    exec("type Late = list[Send] | None", names)
    assert "plan' of graph 'parcels' returns Late, but nothing" in refused(to_a_step, names["Late"])


async def test_only_one_is_sent() -> None:
    """Without a map."""
    assert refused(to_a_step, Send).endswith(
        "Write g.edge_from(plan).to(send_to(g, ...)), with the nodes that may be sent to."
    )
    assert await ran(wrapped(without_a_map, Send, Send("work", 1))) == "worked on 1"


# -- Edges on which it is ---------------------------------------------------------------------------------------------


def sent(g: Builder, plan: Any, work: Any) -> None:
    g.add(g.edge_from(plan).map().to(send_to(g, work)), g.edge_from(work).to(g.end_node))


def sent_by_hand(g: Builder, plan: Any, work: Any) -> None:
    decision = g.decision().branch(
        g.match(Send, matches=lambda send: send.node == "work").transform(lambda ctx: ctx.inputs.arg).to(work)
    )
    g.add(g.edge_from(plan).map().to(decision), g.edge_from(work).to(g.end_node))


def sent_or_not(g: Builder, plan: Any, work: Any) -> None:
    decision = g.decision().branch(g.match(list).map().to(send_to(g, work))).branch(g.match(Any).to(g.end_node))
    g.add(g.edge_from(plan).to(decision), g.edge_from(work).to(g.end_node))


def sent_and_looked_at(g: Builder, plan: Any, work: Any) -> None:
    async def look(ctx: StepContext[None, None, Any]) -> None: ...

    looked, done = g.step(look), g.join(reduce_null, initial=None)
    g.add(
        g.edge_from(plan).broadcast(lambda edge: [edge.to(looked), edge.map().to(send_to(g, work))]),
        g.edge_from(looked, work).to(done),
        g.edge_from(done).transform(lambda ctx: "worked on 1").to(g.end_node),
    )


def sent_after_a_join(g: Builder, plan: Any, work: Any) -> None:
    join = g.join(reduce_list_append, initial_factory=list)
    g.add(
        g.edge_from(plan).map().to(join), g.edge_from(join).map().to(send_to(g, work)), g.edge_from(work).to(g.end_node)
    )


def sent_by_the_next_step(g: Builder, plan: Any, work: Any) -> None:
    async def some(ctx: StepContext[None, None, list[Send]]) -> list[Send]:
        return ctx.inputs[:1]

    chosen = g.step(some)
    g.add(g.edge_from(plan).to(chosen))
    sent(g, chosen, work)


def counted(current: int, inputs: list[Send]) -> int:
    return current + len(inputs)


def taken_by_a_reducer(g: Builder, plan: Any, work: Any) -> None:
    async def same(ctx: StepContext[None, None, list[Send]]) -> list[Send]:
        return ctx.inputs

    one, join = g.step(same), g.join(counted, initial=0)
    g.add(
        g.edge_from(plan).to(one),
        g.edge_from(one).to(join),
        g.edge_from(join).to(work),
        g.edge_from(work).to(g.end_node),
    )


def transformed(g: Builder, plan: Any, work: Any) -> None:
    g.add(
        g.edge_from(plan).transform(lambda ctx: ctx.inputs[0].arg).to(work),
        g.edge_from(work).to(g.end_node),
    )


SENT = [
    sent,
    sent_by_hand,
    sent_or_not,
    sent_and_looked_at,
    sent_after_a_join,
    sent_by_the_next_step,
    taken_by_a_reducer,
    transformed,
]


@pytest.mark.parametrize("connect", SENT)
async def test_an_edge_on_which_it_is(connect: Connect) -> None:
    assert await ran(wrapped(connect, sent=[Send("work", 1)])) == "worked on 1"


@pytest.mark.parametrize("returns", [Any, list[Any], list[str], dict[str, Send], Command[Literal["work"]]], ids=str)
def test_what_says_nothing_of_it(returns: Any) -> None:
    wrapped(to_a_step, returns)


async def test_a_value_instead() -> None:
    graph = wrapped(sent_or_not, list[Send] | Piece, Piece(1))
    assert await ran(graph) == Piece(1)


async def test_a_command_sends_without_an_edge() -> None:
    graph = wrapped(to_the_end, Command[Literal["work"]] | str, Command(goto=Send("work", 1)))
    assert await ran(graph) == "worked on 1"
