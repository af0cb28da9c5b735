"""Turns a program into a pydantic-graph graph: every node and fork has an explicit id, every function its types.

A fork or decision `x` starts with a step `x.in`; a join `j` is followed by a step `j.out`, and a loop `l` by `l.out`.
So each piece has one step to go in by, and steps to come out of, and pieces can be put together in any way.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from pydantic_graph import Graph, GraphBuilder, ReducerContext, StepContext
from pydantic_graph import Step as GraphStep
from pydantic_graph.id_types import JoinID, NodeID
from pydantic_graph.join import Join as GraphJoin
from pydantic_graph.join import reduce_dict_update, reduce_list_append, reduce_list_extend, reduce_null, reduce_sum
from pydantic_graph.paths import TransformFunction

from tests.conformance.random_program import (
    MODULUS,
    Broadcast,
    Decision,
    Join,
    Leave,
    Loop,
    Map,
    Node,
    Program,
    Seq,
    Stage,
    Step,
    Value,
    apply,
    digest,
    enter_loop,
    has_laps,
    is_odd,
    leave_loop,
    next_lap,
    spread,
)


@dataclass
class State:
    """Every step appends its id: parallel branches may do that in any order, so `visits` is compared sorted."""

    visits: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Odd:
    """An odd value on its way into a decision by type."""

    value: Value


@dataclass(frozen=True)
class Even:
    """An even value; the same shape as `Odd`."""

    value: Value


Context: TypeAlias = StepContext[State, None, Value]
AnyStep: TypeAlias = GraphStep[State, None, Any, Any]
AnyJoin: TypeAlias = GraphJoin[State, None, Any, Any]
Builder: TypeAlias = GraphBuilder[State, None, Value, Value]


# -- What joins take, and how they reduce ---------------------------------------------------------


def same(value: Value) -> Value:
    """What a step computes that is only there to be passed."""
    return value


def offer_value(ctx: Context) -> Value:
    """A value as it is."""
    return ctx.inputs


def offer_list(ctx: Context) -> list[Value]:
    """Two values, for a join that extends a list."""
    return [ctx.inputs, Value((ctx.inputs.n + 1) % MODULUS, ctx.inputs.laps)]


def offer_dict(ctx: Context) -> dict[str, Value]:
    """One entry whose key tells its value, so that it does not matter which of two equal keys came last."""
    return {repr(ctx.inputs): ctx.inputs}


def reduce_mix(current: Value, item: Value) -> Value:
    """A reducer of two parameters."""
    return current + Value(item.n * item.n, item.laps)


def reduce_with_context(ctx: ReducerContext[State, None], current: Value, item: Value) -> Value:
    """A reducer that writes to the state."""
    ctx.state.visits.append("reduced")
    return current + Value(3 * item.n, item.laps)


def take_item(ctx: StepContext[State, None, Odd | Even]) -> Value:
    """Unwrap a value behind a decision by type."""
    return ctx.inputs.value


def take_lap(ctx: Context) -> Value:
    """Count a lap on the edge back to a loop's body."""
    return next_lap(ctx.inputs)


OFFERS: dict[str, TransformFunction[State, None, Value, Any]] = {
    "sum": offer_value,
    "append": offer_value,
    "extend": offer_list,
    "dict": offer_dict,
    "mix": offer_value,
    "context": offer_value,
    "null": offer_value,
}
"""What a value becomes on the edge into a join, by the join's reducer."""


# -- The builder ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A part of the graph: the step to go in by, and the steps to come out of."""

    entry: AnyStep
    exits: tuple[AnyStep, ...]


@dataclass
class ProgramBuilder:
    """Adds the pieces of one program to a graph builder."""

    graph: Builder

    def value_step(self, node_id: str, function: Callable[[Value], Value], turns: int = 0) -> AnyStep:
        """A step that notes its visit, lets others run, and computes."""

        async def call(ctx: Context) -> Value:
            ctx.state.visits.append(node_id)
            for _ in range(turns):
                await asyncio.sleep(0)
            return function(ctx.inputs)

        return self.graph.step(call, node_id=node_id)

    def piece(self, node: Node) -> Piece:
        match node:
            case Step():
                step = self.value_step(node.id, lambda value: apply(node, value), node.turns)
                return Piece(step, (step,))
            case Seq(nodes):
                pieces = [self.piece(n) for n in nodes]
                for left, right in pairwise(pieces):
                    self.graph.add(self.graph.edge_from(*left.exits).to(right.entry))
                return Piece(pieces[0].entry, pieces[-1].exits)
            case Broadcast():
                return self.broadcast(node)
            case Map():
                return self.map(node)
            case Decision(by="parity"):
                return self.decision_by_parity(node)
            case Decision():
                return self.decision_by_type(node)
            case Loop():
                return self.loop(node)
            case Leave():
                return self.leave(node)

    def broadcast(self, node: Broadcast) -> Piece:
        entry = self.value_step(f"{node.id}.in", same)
        lanes = [self.piece(lane) for lane in node.lanes]
        self.graph.add(self.graph.edge_from(entry).to(*(lane.entry for lane in lanes), fork_id=node.id))
        join, out = self.join(node.join, node.id)
        stage = self.stage(node.stage, node.id, join, node.join) if node.stage else None
        for place, lane in enumerate(lanes):
            if stage and place < node.staged:
                self.into(lane.exits, *stage)
            else:
                self.into(lane.exits, join, node.join)
        return Piece(entry, (out,))

    def map(self, node: Map) -> Piece:
        async def call(ctx: Context) -> list[Value]:
            ctx.state.visits.append(f"{node.id}.in")
            return spread(node, ctx.inputs)

        entry = self.graph.step(call, node_id=f"{node.id}.in")
        body = self.piece(node.body)
        announces = None if node.announces is None else JoinID(NodeID(node.announces))
        items = self.graph.edge_from(entry).map(fork_id=node.id, downstream_join_id=announces)
        self.graph.add(items.to(body.entry))
        join, out = self.join(node.join, node.id)
        if node.stage is None:
            self.into(body.exits, join, node.join)
            return Piece(entry, (out,))
        stage_join, stage = self.stage(node.stage, node.id, join, node.join)
        route = self.graph.decision(node_id=f"{node.id}.route")
        route = route.branch(self.graph.match(Value, matches=is_odd).transform(OFFERS[stage.reducer]).to(stage_join))
        route = route.branch(self.graph.match(Value).transform(OFFERS[node.join.reducer]).to(join))
        self.graph.add(self.graph.edge_from(*body.exits).to(route))
        return Piece(entry, (out,))

    def stage(self, stage: Stage, fork_id: str, outer: AnyJoin, outer_join: Join) -> tuple[AnyJoin, Join]:
        """Add an intermediate join and all that lies between it and the fork's own join."""
        join, out = self.join(stage.join, fork_id)
        body = self.piece(stage.body)
        self.graph.add(self.graph.edge_from(out).to(body.entry))
        self.into(body.exits, outer, outer_join)
        return join, stage.join

    def into(self, sources: tuple[AnyStep, ...], join: AnyJoin, spec: Join) -> None:
        """Lead `sources` into a join, with what its reducer takes."""
        self.graph.add(self.graph.edge_from(*sources).transform(OFFERS[spec.reducer]).to(join))

    def join(self, spec: Join, fork_id: str) -> tuple[AnyJoin, AnyStep]:
        """A join, and the step after it."""
        words: dict[str, Any] = {"node_id": spec.id}
        if spec.parent == "explicit":
            words["parent_fork_id"] = fork_id
        elif spec.parent == "closest":
            words["preferred_parent_fork"] = "closest"
        out = f"{spec.id}.out"
        join: AnyJoin
        step: AnyStep
        match spec.reducer:
            case "append":
                join = self.graph.join(reduce_list_append, initial_factory=list[Value], **words)
                step = self.step_after_list(out)
            case "extend":
                join = self.graph.join(reduce_list_extend, initial_factory=list[Value], **words)
                step = self.step_after_list(out)
            case "dict":
                join = self.graph.join(reduce_dict_update, initial_factory=dict[str, Value], **words)
                step = self.step_after_dict(out)
            case "null":
                join = self.graph.join(reduce_null, initial=None, **words)
                step = self.step_after_nothing(out)
            case "sum":
                join = self.graph.join(reduce_sum, initial=Value(), **words)
                step = self.value_step(out, same)
            case "mix":
                join = self.graph.join(reduce_mix, initial_factory=Value, **words)
                step = self.value_step(out, same)
            case "context":
                join = self.graph.join(reduce_with_context, initial=Value(), **words)
                step = self.value_step(out, same)
        self.graph.add(self.graph.edge_from(join).to(step))
        return join, step

    def step_after_list(self, node_id: str) -> AnyStep:
        async def call(ctx: StepContext[State, None, list[Value]]) -> Value:
            ctx.state.visits.append(node_id)
            return digest(ctx.inputs)

        return self.graph.step(call, node_id=node_id)

    def step_after_dict(self, node_id: str) -> AnyStep:
        async def call(ctx: StepContext[State, None, dict[str, Value]]) -> Value:
            ctx.state.visits.append(node_id)
            return digest(ctx.inputs.values())

        return self.graph.step(call, node_id=node_id)

    def step_after_nothing(self, node_id: str) -> AnyStep:
        async def call(ctx: StepContext[State, None, None]) -> Value:
            ctx.state.visits.append(node_id)
            return Value(1)

        return self.graph.step(call, node_id=node_id)

    def decision_by_parity(self, node: Decision) -> Piece:
        entry = self.value_step(f"{node.id}.in", same)
        odd, even = self.piece(node.odd), self.piece(node.even)
        decision = self.graph.decision(node_id=node.id)
        decision = decision.branch(self.graph.match(Value, matches=is_odd).to(odd.entry))
        decision = decision.branch(self.graph.match(Value).to(even.entry))
        self.graph.add(self.graph.edge_from(entry).to(decision))
        return Piece(entry, odd.exits + even.exits)

    def decision_by_type(self, node: Decision) -> Piece:
        async def call(ctx: Context) -> Odd | Even:
            ctx.state.visits.append(f"{node.id}.in")
            return Odd(ctx.inputs) if is_odd(ctx.inputs) else Even(ctx.inputs)

        entry = self.graph.step(call, node_id=f"{node.id}.in")
        odd, even = self.piece(node.odd), self.piece(node.even)
        decision = self.graph.decision(node_id=node.id)
        decision = decision.branch(self.graph.match(Odd).transform(take_item).to(odd.entry))
        decision = decision.branch(self.graph.match(Even).transform(take_item).to(even.entry))
        self.graph.add(self.graph.edge_from(entry).to(decision))
        return Piece(entry, odd.exits + even.exits)

    def loop(self, node: Loop) -> Piece:
        entry = self.value_step(f"{node.id}.in", lambda value: enter_loop(node, value))
        body = self.piece(node.body)
        out = self.value_step(f"{node.id}.out", leave_loop)
        decision = self.graph.decision(node_id=node.id)
        decision = decision.branch(self.graph.match(Value, matches=has_laps).transform(take_lap).to(body.entry))
        decision = decision.branch(self.graph.match(Value).to(out))
        self.graph.add(
            self.graph.edge_from(entry).to(body.entry),
            self.graph.edge_from(*body.exits).to(decision),
        )
        return Piece(entry, (out,))

    def leave(self, node: Leave) -> Piece:
        def divides(value: Value) -> bool:
            return value.n % node.divisor == 0

        entry = self.value_step(f"{node.id}.in", same)
        out = self.value_step(f"{node.id}.out", same)
        decision = self.graph.decision(node_id=node.id)
        decision = decision.branch(self.graph.match(Value, matches=divides).to(self.graph.end_node))
        decision = decision.branch(self.graph.match(Value).to(out))
        self.graph.add(self.graph.edge_from(entry).to(decision))
        return Piece(entry, (out,))


def build(program: Program) -> Graph[State, None, Value, Value]:
    """The graph of a program."""
    graph = GraphBuilder(
        name=program.name, state_type=State, input_type=Value, output_type=Value, auto_instrument=False
    )
    body = ProgramBuilder(graph).piece(program.body)
    graph.add(
        graph.edge_from(graph.start_node).to(body.entry),
        graph.edge_from(*body.exits).to(graph.end_node),
    )
    return graph.build()
