"""Steps that return a command or a value: along their edges goes the value, so its type is what counts there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, Union

import pytest
from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    JoinNode,
    ReduceFirstValue,
    StepContext,
    StepNode,
    TypeExpression,
    reduce_dict_update,
    reduce_list_append,
    reduce_list_extend,
    reduce_sum,
)
from typing_extensions import TypeAliasType

from temporal_graph import Command, GraphDefinitionError, GraphRunError, Send, TemporalGraph

T = TypeVar("T")


@dataclass
class Piece:
    """Comes back as a dict where its type was lost on the way."""

    n: int


@dataclass
class Seen:
    """What a command changed."""

    elsewhere: int = 0


Builder = GraphBuilder[Any, Any, Any, Any]
Connect = Callable[[Builder, Any, Any], None]
OTHER = Command[Literal["other"]]


def wrapped(
    connect: Connect, returns: Any, value: Callable[[int], Any] = Piece, beside: Any = Any, **types: Any
) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph with the step `route`: what is 10 or more goes to the step `other` by a command, the rest by the edge.

    Args:
        connect: Adds the edges that leave the two.
        returns: The annotation of `route`.
        value: Makes what goes along the edges.
        beside: The annotation of `other`.
        types: Those that the graph declares.
    """
    g: Builder = GraphBuilder(name="routed", state_type=Seen, auto_instrument=False, **types)

    async def route(ctx: StepContext[Seen, None, int]):  # type: ignore[no-untyped-def]
        if ctx.inputs >= 10:
            return Command(goto=Send("other", ctx.inputs), update={"elsewhere": ctx.inputs})
        return value(ctx.inputs)

    async def other(ctx: StepContext[Seen, None, int]):  # type: ignore[no-untyped-def]
        return value(-ctx.inputs)

    route.__annotations__["return"] = returns
    other.__annotations__["return"] = beside
    connect(g, g.step(route, node_id="route"), g.step(other, node_id="other"))
    return TemporalGraph(g.build(validate_graph_structure=False))


async def ran(graph: TemporalGraph[Any, Any, Any, Any], inputs: Any) -> tuple[Any, int]:
    """The output of a run, and what a command changed in it."""
    stop = await graph.local().proceed(inputs=inputs, state=Seen())
    return stop.output, stop.state.elsewhere


# -- Ways to go on ----------------------------------------------------------------------------------------------------


async def doubled(ctx) -> Piece:  # type: ignore[no-untyped-def]
    """Does not say what it takes."""
    assert type(ctx.inputs) is Piece
    return Piece(2 * ctx.inputs.n)


async def tripled(ctx) -> Piece:  # type: ignore[no-untyped-def]
    return Piece(3 * ctx.inputs.n)


async def counted(ctx) -> int:  # type: ignore[no-untyped-def]
    return ctx.inputs + 1


async def checked(ctx: StepContext[Seen, None, OTHER | Piece]) -> Piece:
    """Says that it takes commands, as type checkers want it."""
    return Piece(2 * ctx.inputs.n)  # type: ignore[union-attr]


def number(ctx: StepContext[Seen, None, OTHER | Piece]) -> int:
    return ctx.inputs.n  # type: ignore[union-attr]


def gathered(current: list[T] | None, inputs: T) -> list[T] | None:
    return [*(current or []), inputs]


def put(current, inputs):  # type: ignore[no-untyped-def]
    return [*current, inputs]


def put_checked(current: list[T], inputs: OTHER | T) -> list[T]:
    return [*current, inputs]  # type: ignore[list-item]


def joined(reducer: Any, **initial: Any) -> Connect:
    """One of several, into a join."""

    def connect(g: Builder, route: Any, other: Any) -> None:
        join = g.join(reducer, node_id="join", **initial)
        g.add(
            g.edge_from(g.start_node).map().to(route),
            g.edge_from(route, other).to(join),
            g.edge_from(join).to(g.end_node),
        )

    return connect


def behind(lead: Callable[[Builder, Any], Any]) -> Connect:
    """On from the edge of `route` with whatever `lead` adds; `other` ends the run."""

    def connect(g: Builder, route: Any, other: Any) -> None:
        g.add(g.edge_from(g.start_node).to(route), g.edge_from(other).to(g.end_node))
        lead(g, g.edge_from(route))

    return connect


def decided(*sources: Any, call: Any = None, transform: Any = None) -> Connect:
    """To the end by a decision, after a transform, if there is one; the first branch by a step."""

    def lead(g: Builder, edge: Any) -> None:
        if transform is not None:
            edge = edge.transform(transform)
        decision: Any = g.decision()
        for number, source in enumerate(sources):
            target: Any = g.end_node
            if call is not None and number == 0:
                target = g.step(call, node_id="call")
                g.add(g.edge_from(target).to(g.end_node))
            decision = decision.branch(g.match(source).to(target))
        g.add(edge.to(decision))

    return behind(lead)


def through(*calls: Any, transform: Any = None) -> Connect:
    """To the end by a transform and steps, one after the other."""

    def lead(g: Builder, edge: Any) -> None:
        if transform is not None:
            edge = edge.transform(transform)
        for call in calls:
            step = g.step(call, node_id=call.__name__.strip("<>"))
            g.add(edge.to(step))
            edge = g.edge_from(step)
        g.add(edge.to(g.end_node))

    return behind(lead)


def mapped(g: Builder, edge: Any) -> None:
    step, join = g.step(doubled), g.join(reduce_list_append, initial_factory=list, node_id="join")
    g.add(edge.map().to(step), g.edge_from(step).to(join), g.edge_from(join).to(g.end_node))


def mapped_into_a_join(g: Builder, edge: Any) -> None:
    join = g.join(reduce_list_append, initial_factory=list, node_id="join")
    g.add(edge.map().to(join), g.edge_from(join).to(g.end_node))


def broadcast(g: Builder, edge: Any) -> None:
    steps = [g.step(doubled), g.step(tripled)]
    join = g.join(reduce_list_append, initial_factory=list, node_id="join")
    g.add(
        edge.broadcast(lambda e: [e.to(step) for step in steps]),
        g.edge_from(*steps).to(join),
        g.edge_from(join).to(g.end_node),
    )


def pieces(n: int) -> list[Piece]:
    return [Piece(n), Piece(n + 1)]


async def stream(n: int) -> AsyncIterator[Piece]:
    for piece in pieces(n):
        yield piece


def odd_piece(n: int) -> Piece | int:
    return Piece(n) if n % 2 else n


LIST = {(1, 2): [Piece(1), Piece(2)], (10, 1): [Piece(-10), Piece(1)], (10,): [Piece(-10)]}
HERE = {1: Piece(1), 10: Piece(-10)}
TWICE = {1: Piece(2), 10: Piece(-10)}
ODD = {1: Piece(1), 2: 2, 10: -10, 11: Piece(-11)}

CASES: dict[str, tuple[Connect, Any, Callable[[int], Any], dict[Any, Any]]] = {
    "list_append": (joined(reduce_list_append, initial_factory=list), Piece, Piece, LIST),
    "sum": (joined(reduce_sum, initial=0), int, int, {(1, 2): 3, (10, 1): -9, (10,): -10}),
    "list_extend": (
        joined(reduce_list_extend, initial_factory=list),
        list[Piece],
        pieces,
        {(1, 3): [*pieces(1), *pieces(3)], (10, 1): [*pieces(-10), *pieces(1)]},
    ),
    "dict_update": (
        joined(reduce_dict_update, initial_factory=dict),
        dict[str, Piece],
        lambda n: {str(n): Piece(n)},
        {(1, 2): {"1": Piece(1), "2": Piece(2)}, (10, 1): {"-10": Piece(-10), "1": Piece(1)}},
    ),
    "first": (joined(ReduceFirstValue[Any](), initial=None), Piece, Piece, {(1,): Piece(1), (10,): Piece(-10)}),
    "generic": (joined(gathered, initial=None), Piece, Piece, LIST),
    "generic of commands": (joined(put_checked, initial_factory=list), Piece, Piece, LIST),
    "undeclared": (joined(put, initial_factory=list[Piece]), Piece, Piece, LIST),
    "note": (joined(reduce_list_append, initial_factory=list), Annotated[Piece, "a note"], Piece, LIST),
    "end": (through(), Piece, Piece, HERE),
    "match": (decided(Piece), Piece, Piece, HERE),
    "match one of two": (decided(Piece, int), Piece | int, odd_piece, ODD),
    "match a union": (decided(TypeExpression[Piece | int]), Piece | int, odd_piece, ODD),
    "match a union with commands": (decided(TypeExpression[Command | Piece]), Piece, Piece, HERE),
    "match, then a step": (decided(int, Piece, call=counted), Piece | int, odd_piece, {**ODD, 2: 3}),
    "transform, match, then a step": (
        decided(TypeExpression[Command | Piece], call=doubled, transform=lambda ctx: ctx.inputs),
        Piece,
        Piece,
        TWICE,
    ),
    "map": (behind(mapped), list[Piece], pieces, {1: [Piece(2), Piece(4)], 10: pieces(-10)}),
    "map, then a join": (behind(mapped_into_a_join), list[Piece], pieces, {1: pieces(1), 10: pieces(-10)}),
    "stream": (through(), AsyncIterator[Piece], stream, {1: pieces(1), 10: pieces(-10)}),
    "stream or a number": (
        through(),
        AsyncIterator[Piece] | int,
        lambda n: stream(n) if n % 2 else n,
        {1: pieces(1), 2: 2, 10: -10},
    ),
    "transform": (through(transform=lambda ctx: ctx.inputs.n), Piece, Piece, {1: 1, 10: Piece(-10)}),
    "transform, then a step": (through(counted, transform=number), Piece, Piece, {1: 2, 10: Piece(-10)}),
    "broadcast": (behind(broadcast), Piece, Piece, {1: [Piece(2), Piece(3)], 10: Piece(-10)}),
    "step without annotation": (through(doubled), Piece, Piece, TWICE),
    "lambda": (through(lambda ctx: doubled(ctx), checked), Piece, Piece, {1: Piece(4), 10: Piece(-10)}),
    "step of commands": (through(checked), Piece, Piece, TWICE),
}
EACH = pytest.mark.parametrize(("connect", "type_", "value", "outputs"), CASES.values(), ids=list(CASES))


def inputs_of(outputs: dict[Any, Any]) -> Any:
    """The type of a graph's inputs, by those that a case has."""
    return list[int] if isinstance(next(iter(outputs)), tuple) else int


def by_number(output: Any) -> Any:
    return sorted(output, key=lambda piece: piece.n) if isinstance(output, list) else output


@EACH
async def test_a_value_or_a_command(
    connect: Connect, type_: Any, value: Callable[[int], Any], outputs: dict[Any, Any]
) -> None:
    graph = wrapped(connect, OTHER | type_, value, type_, input_type=inputs_of(outputs))
    for given, output in outputs.items():
        numbers = given if isinstance(given, tuple) else (given,)
        found, elsewhere = await ran(graph, list(given) if isinstance(given, tuple) else given)
        assert by_number(found) == by_number(output), given
        assert elsewhere == sum(number for number in numbers if number >= 10), given


def types_in(graph: TemporalGraph[Any, Any, Any, Any]) -> dict[str, Any]:
    """What each step takes and gives, and the output."""
    compiled = graph.registered.compiled
    steps = {code.id: (code.inputs.type, code.output and code.output.type) for code in compiled.nodes.values()}
    return {**steps, "output": compiled.output.type}


@EACH
def test_types_are_as_if_there_were_no_commands(
    connect: Connect, type_: Any, value: Callable[[int], Any], outputs: dict[Any, Any]
) -> None:
    inputs = inputs_of(outputs)
    with_commands = wrapped(connect, type_ | OTHER, value, type_, input_type=inputs)
    assert types_in(with_commands) == types_in(wrapped(connect, type_, value, type_, input_type=inputs))


def test_an_output_type_with_commands_as_type_checkers_want_it() -> None:
    declared = TypeExpression[Command | Piece]
    graph = wrapped(through(), OTHER | Piece, beside=Piece, input_type=int, output_type=declared)
    assert graph.registered.compiled.output.type is Piece
    assert asyncio.run(ran(graph, 1)) == (Piece(1), 0)
    assert asyncio.run(ran(graph, 10)) == (Piece(-10), 10)


@pytest.mark.parametrize("open_", [Any, T], ids=["Any", "type variable"])
async def test_besides_commands_a_step_says_nothing(open_: Any) -> None:
    """Then the step behind it says it, and where the commands lead is known nevertheless."""

    async def pair(ctx: StepContext[Seen, None, tuple[int, Piece]]) -> Piece:
        assert type(ctx.inputs) is tuple
        return ctx.inputs[1]

    def value(n: int) -> tuple[int, Piece]:
        return n, Piece(n)

    graph = wrapped(through(pair), OTHER | open_, value, tuple[int, Piece], input_type=int)
    assert graph.registered.compiled.nodes["route"].targets == ("other",)
    assert graph.registered.compiled.nodes["route"].output.type == tuple[int, Piece]
    assert await ran(graph, 1) == (Piece(1), 0)
    assert await ran(graph, 10) == ((-10, Piece(-10)), 10)
    with pytest.raises(GraphDefinitionError, match="returns a Command to 'nowhere', which is no node"):
        wrapped(through(pair), Command[Literal["nowhere"]] | open_, value, input_type=int)


# -- Ways to write it -------------------------------------------------------------------------------------------------

Routed = TypeAliasType("Routed", OTHER | Piece)
RoutedOf = TypeAliasType("RoutedOf", OTHER | T, type_params=(T,))
Way = TypeAliasType("Way", Literal["other"])

WRITTEN: dict[str, Any] = {
    "text": "Command[Literal['other']] | Piece",
    "text in a union": Union["Command[Literal['other']]", "Piece"],
    "the value first": Piece | OTHER,
    "any node": Command | Piece,
    "several commands": Command[Literal["route"]] | OTHER | Piece,
    "a command of several": Command[Literal["route"] | End[list[Piece]] | Way] | Piece,
    "name": Routed,
    "name in a union": Routed | Command[Literal["route"]],
    "name with a parameter": RoutedOf[Piece],
    "note": Annotated[OTHER | Piece, "what it gives"],
    "note of the command": Annotated[OTHER, "where it goes"] | Piece,
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
async def test_ways_to_write_it(written: Any) -> None:
    graph = wrapped(joined(reduce_list_append, initial_factory=list), written, beside=Piece, input_type=list[int])
    assert graph.registered.compiled.output.type == list[Piece]
    assert await ran(graph, [1]) == ([Piece(1)], 0)
    assert await ran(graph, [10]) == ([Piece(-10)], 10)
    targets = graph.registered.compiled.nodes["route"].targets
    assert "other" in targets or written is WRITTEN["any node"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement `type` came with Python 3.12")
async def test_names_that_are_looked_up_late() -> None:
    names = dict(globals())
    exec("type Routed = Command[Literal['other']] | Piece", names)
    graph = wrapped(decided(Piece), names["Routed"], beside=Piece, input_type=int)
    assert await ran(graph, 1) == (Piece(1), 0)
    assert await ran(graph, 10) == (Piece(-10), 10)


@pytest.mark.parametrize(
    "written", [OTHER | None, None | OTHER, Command | None, "Command[Literal['other']] | None"], ids=str
)
async def test_a_command_or_none(written: Any) -> None:
    def value(n: int) -> int | None:
        return n if n < 0 else None

    graph = wrapped(decided(NoneType), written, value, int, input_type=int)
    assert await ran(graph, 1) == (None, 0)
    assert await ran(graph, 10) == (-10, 10)
    graph = wrapped(joined(reduce_list_append, initial_factory=list), written, value, int, input_type=list[int])
    assert await ran(graph, [1, 10, 2]) == ([None, None, -10], 10)


@pytest.mark.parametrize(
    "connect",
    [through(checked), through(counted, transform=number), decided(TypeExpression[Command | Piece])],
    ids=["step", "transform", "decision"],
)
async def test_what_is_behind_says_it_and_takes_commands_too(connect: Connect) -> None:
    """As type checkers want it; it is what a step gives that does not say so itself."""

    graph = wrapped(connect, T, beside=Piece, input_type=int)
    route = graph.registered.compiled.nodes["route"]
    assert (route.output.type, route.targets) == (Piece, ())
    assert await ran(graph, 10) == (Piece(-10), 10)


# -- Nothing but commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("returns", [OTHER, Command, OTHER | Command[Literal["route"]]], ids=str)
async def test_nothing_but_commands_and_an_edge(returns: Any) -> None:
    """Along the edge goes None, and nothing else."""

    def value(n: int) -> int | None:
        return n if n < 0 or n == 2 else None

    async def told(ctx) -> str:  # type: ignore[no-untyped-def]
        return f"told {ctx.inputs}"

    graph = wrapped(through(told), returns, value, int, input_type=int)
    assert await ran(graph, 10) == (-10, 10)
    assert await ran(graph, 1) == ("told None", 0)
    with pytest.raises(GraphRunError, match="'route' failed with EncodeError: 2 is not what is declared, None"):
        await ran(graph, 2)
    graph = wrapped(joined(reduce_list_append, initial_factory=list), returns, value, int, input_type=list[int])
    assert await ran(graph, [10, 1]) == ([None, -10], 10)


async def test_nothing_but_commands_and_no_edge() -> None:
    def connect(g: Builder, route: Any, other: Any) -> None:
        g.add(g.edge_from(g.start_node).to(route), g.edge_from(other).to(g.end_node))

    graph = wrapped(connect, OTHER, beside=Piece, input_type=int)
    assert graph.registered.compiled.output.type is Piece
    assert await ran(graph, 10) == (Piece(-10), 10)
    with pytest.raises(GraphRunError, match="no edge leaves it"):
        await ran(graph, 1)


# -- Where else commands lead -----------------------------------------------------------------------------------------


@dataclass
class Last(BaseNode[Seen, None, str]):
    """Ends the run."""

    n: int

    async def run(self, ctx: GraphRunContext[Seen, None]) -> End[str]:
        return End(f"last {self.n}")


@pytest.mark.parametrize(
    ("returns", "commanded", "output"),
    [
        (Command[End[tuple[int, Piece]]] | Piece, End((10, Piece(10))), (10, Piece(10))),
        (Command[Literal["route"] | End[str]] | Command[End[tuple[int, Piece]]] | Piece, End("x"), "x"),
        (Command[End[None]] | Piece, End(None), None),
    ],
    ids=["tuple", "one of two", "none"],
)
async def test_what_a_command_ends_the_run_with_is_of_the_output(returns: Any, commanded: Any, output: Any) -> None:
    """Where the graph declares none: it need not be what comes along an edge."""

    def value(n: int) -> Any:
        return Piece(n) if n < 5 else Command(goto=commanded)

    graph = wrapped(decided(Piece), returns, value, input_type=int, beside=Piece)
    assert await ran(graph, 1) == (Piece(1), 0)
    assert await ran(graph, 5) == (output, 0)


async def test_a_command_or_a_node_or_a_value() -> None:
    g: Builder = GraphBuilder(name="mixed", state_type=Seen, input_type=int, auto_instrument=False)

    @g.step
    async def route(ctx: StepContext[Seen, None, int]) -> Command[Last | Literal["doubled"]] | Last | Piece:
        ways = {
            1: Piece(1),
            2: Last(2),
            3: Command(goto=Last(3)),
            4: Command(goto=Send("Last", Last(4))),
            5: Command(goto=Send("doubled", Piece(5))),
            6: Command(goto=behind_it.as_node(Piece(6))),
        }
        return ways[ctx.inputs]

    behind_it = g.step(doubled)
    g.add(
        g.edge_from(g.start_node).to(route),
        g.edge_from(route).to(g.decision().branch(g.match_node(Last)).branch(g.match(Piece).to(behind_it))),
        g.node(Last),
        g.edge_from(behind_it).to(g.end_node),
    )
    graph = TemporalGraph(g.build(validate_graph_structure=False))
    outputs = [(await ran(graph, way))[0] for way in range(1, 7)]
    assert outputs == [Piece(2), "last 2", "last 3", "last 4", Piece(10), Piece(12)]


G: Builder = GraphBuilder(name="into_a_join", state_type=Seen, input_type=list[int], auto_instrument=False)
FOUND = G.join(reduce_list_append, initial_factory=list[Piece], node_id="found")
DOUBLED = G.step(checked, node_id="doubled")


@dataclass
class Adds(BaseNode[Seen, None, Any]):
    """Goes into the join by itself."""

    n: int

    async def run(self, ctx: GraphRunContext[Seen, None]) -> Annotated[JoinNode[Seen, None], FOUND]:
        return FOUND.as_node(Piece(self.n))


@dataclass
class Doubles(BaseNode[Seen, None, Any]):
    """Goes to a step by itself."""

    n: int

    async def run(self, ctx: GraphRunContext[Seen, None]) -> Annotated[StepNode[Seen, None], DOUBLED]:
        return DOUBLED.as_node(Piece(self.n))


@G.step
async def route_into(
    ctx: StepContext[Seen, None, int],
) -> Command[Adds | Doubles | Literal["found", "doubled"]] | Piece:
    ways = {
        2: Command(goto=Adds(2)),
        3: Command(goto=Doubles(3)),
        4: Command(goto=FOUND.as_node(Piece(4))),
        5: Command(goto=DOUBLED.as_node(Piece(5))),
        6: Command(goto=Send("found", Piece(6))),
        7: Command(goto=Send("doubled", Piece(7))),
    }
    return ways.get(ctx.inputs, Piece(ctx.inputs))


async def test_into_a_join_by_the_edge_by_commands_and_by_nodes() -> None:
    G.add(
        G.edge_from(G.start_node).map().to(route_into),
        G.edge_from(route_into, DOUBLED).to(FOUND),
        G.edge_from(FOUND).to(G.end_node),
        G.node(Adds),
        G.node(Doubles),
    )
    graph = TemporalGraph(G.build(validate_graph_structure=False))
    found, _ = await ran(graph, [1, 2, 3, 4, 5, 6, 7])
    assert by_number(found) == [Piece(n) for n in (1, 2, 4, 6, 6, 10, 14)]
