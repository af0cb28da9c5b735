"""What runs in the driver: it sees the state, may change it, and has no deps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_graph import Graph, GraphBuilder, ReducerContext, StepContext

from temporal_graph import DepsError, GraphRunError, TemporalGraph
from temporal_graph.compile.contexts import NoDeps, StateCell
from temporal_graph.compile.functions import CompiledFunctions
from temporal_graph.engine.spec import DecisionSpec
from temporal_graph.engine.state import AUTO


@dataclass
class Tally:
    count: int = 0
    seen: list[int] = field(default_factory=list[int])


@dataclass
class Tools:
    name: str = "tools"


CURE = (
    "Deps live on the workers that run nodes; transforms, decisions, reducers and nodes with execution='workflow' run "
    "in the driver, which must do the same on every replay and has none. Use the deps in a step, and put what you need "
    "of them into its output or into the state."
)

Transform = Callable[[StepContext[Tally, Tools, Any]], Any]


def same(ctx: StepContext[Tally, Tools, int]) -> int:
    return ctx.inputs


def add(ctx: ReducerContext[Tally, Tools], current: int, value: int) -> int:
    return current + value


def graph(transform: Any = same, reducer: Any = add) -> Graph[Any, Any, Any, Any]:
    """A map, a transform, a reducer, the end."""
    g = GraphBuilder(
        name="driver",
        state_type=Tally,
        deps_type=Tools,
        input_type=list[int],
        output_type=int,
        auto_instrument=False,
    )

    @g.step
    async def work(ctx: StepContext[Tally, Tools, int]) -> int:
        assert ctx.deps.name == "tools"
        return ctx.inputs

    join = g.join(reducer, initial=0, node_id="total")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(work),
        g.edge_from(work).transform(transform).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return g.build()


def run(**functions: Any) -> Any:
    local = TemporalGraph(graph(**functions)).local(deps=Tools())
    return asyncio.run(local.proceed(inputs=[1, 2, 3], state=Tally()))


def failure(**functions: Any) -> GraphRunError:
    with pytest.raises(GraphRunError) as caught:
        run(**functions)
    return caught.value


# -- State ------------------------------------------------------------------------------------------------------------


def test_a_transform_and_a_reducer_see_the_state_and_may_change_it() -> None:
    def transform(ctx: StepContext[Tally, Tools, int]) -> int:
        ctx.state.seen.append(ctx.inputs)
        assert repr(ctx) == f"DriverStepContext(inputs={ctx.inputs!r})"
        return ctx.inputs * 10

    def reducer(ctx: ReducerContext[Tally, Tools], current: int, value: int) -> int:
        ctx.state.count += 1
        assert repr(ctx) == "DriverReducerContext()"
        return current + value

    stop = run(transform=transform, reducer=reducer)
    assert stop.output == 60
    assert (stop.state.count, sorted(stop.state.seen)) == (3, [1, 2, 3])


def test_a_reducer_may_cancel_its_siblings() -> None:
    def first(ctx: ReducerContext[Tally, Tools], current: int, value: int) -> int:
        ctx.cancel_sibling_tasks()
        return value

    assert run(reducer=first).output == 1


def test_the_state_is_not_read_for_those_who_do_not_ask() -> None:
    data = {"count": "never read, or this would be an error"}
    compiled = TemporalGraph(graph()).registered.compiled
    assert StateCell(data, compiled.state, AUTO).result() is data


def test_a_state_that_was_only_read_is_as_it_was() -> None:
    compiled = TemporalGraph(graph()).registered.compiled
    data = {"count": 3, "seen": []}
    cell = StateCell(data, compiled.state, AUTO)
    assert cell.value == Tally(3)
    assert cell.value is cell.value
    assert cell.result() is data
    cell.value.count = 4
    assert cell.result() == {"count": 4, "seen": []}
    assert data["count"] == 3


def test_a_graph_without_a_state() -> None:
    cell = StateCell(None, None, AUTO)
    assert (cell.value, cell.result()) == (None, None)


# -- Deps -------------------------------------------------------------------------------------------------------------


def test_a_transform_has_no_deps() -> None:
    def transform(ctx: StepContext[Tally, Tools, int]) -> int:
        return len(ctx.deps.name)

    error = failure(transform=transform)
    assert (error.node_id, error.error_type) == ("work", "DepsError")
    assert error.error_message == f"The transform on 'work' touched ctx.deps. {CURE}"


def test_a_reducer_has_no_deps() -> None:
    def reducer(ctx: ReducerContext[Tally, Tools], current: int, value: int) -> int:
        return current + len(ctx.deps.name)

    error = failure(reducer=reducer)
    assert (error.node_id, error.error_type) == ("total", "DepsError")
    assert error.error_message == f"The reducer of join 'total' touched ctx.deps. {CURE}"


def test_the_transform_of_a_decisions_branch_has_no_deps() -> None:
    g = GraphBuilder(name="choice", deps_type=Tools, input_type=int, output_type=int, auto_instrument=False)

    def transform(ctx: StepContext[None, Tools, int]) -> int:
        return len(ctx.deps.name)

    choice = g.decision(node_id="choice")
    choice = choice.branch(g.match(int, matches=lambda value: value < 0).to(g.end_node))
    choice = choice.branch(g.match(int).transform(transform).to(g.end_node))
    g.add(g.edge_from(g.start_node).to(choice))
    local = TemporalGraph(g.build()).local(deps=Tools())
    with pytest.raises(GraphRunError) as caught:
        asyncio.run(local.proceed(inputs=1))
    assert caught.value.node_id == "choice[1]"
    assert caught.value.error_message == f"The transform on 'choice[1]' touched ctx.deps. {CURE}"


USES: list[Callable[[Any], Any]] = [
    lambda deps: deps.name,
    lambda deps: setattr(deps, "name", 1),
    lambda deps: deps["name"],
    lambda deps: deps.__setitem__("name", 1),
    lambda deps: deps(),
    lambda deps: list(deps),
    lambda deps: len(deps),
    lambda deps: bool(deps),
    lambda deps: "name" in deps,
    lambda deps: deps.__enter__(),
    lambda deps: asyncio.run(entered(deps)),
    lambda deps: asyncio.run(awaited(deps)),
]


async def entered(deps: Any) -> None:
    async with deps:
        pass


async def awaited(deps: Any) -> None:
    await deps


@pytest.mark.parametrize("use", USES)
def test_deps_that_are_none_say_so_whatever_is_done_with_them(use: Callable[[Any], Any]) -> None:
    with pytest.raises(DepsError) as caught:
        use(NoDeps("Node 'a'"))
    assert str(caught.value) == f"Node 'a' touched ctx.deps. {CURE}"


# -- What fails -------------------------------------------------------------------------------------------------------


def broken(*args: Any) -> Any:
    raise LookupError("lost")


def test_a_transform_that_raises() -> None:
    error = failure(transform=broken)
    assert (error.node_id, error.error_type, error.error_message) == ("work", "LookupError", "lost")


def test_a_reducer_that_raises() -> None:
    def reducer(current: int, value: int) -> int:
        raise LookupError("lost")

    error = failure(reducer=reducer)
    assert (error.node_id, error.error_type, error.error_message) == ("total", "LookupError", "lost")


def test_a_decision_that_nothing_matches() -> None:
    g = GraphBuilder(name="choice", input_type=int, output_type=int, auto_instrument=False)
    choice = g.decision(node_id="choice").branch(g.match(int, matches=lambda value: value > 5).to(g.end_node))
    g.add(g.edge_from(g.start_node).to(choice))
    graph = TemporalGraph(g.build())
    spec = graph.registered.compiled.spec.nodes["choice"]
    assert isinstance(spec, DecisionSpec)
    with pytest.raises(GraphRunError) as caught:
        asyncio.run(graph.local().proceed(inputs=1))
    assert (caught.value.node_id, caught.value.error_type) == ("choice", "RuntimeError")
    assert caught.value.error_message == (
        "No branch of decision 'choice' matches 1. Its branches match: <class 'int'> if matches(value)."
    )


def test_something_that_cannot_be_mapped() -> None:
    g = GraphBuilder(name="items", input_type=Any, output_type=list[Any], auto_instrument=False)  # type: ignore[arg-type]

    @g.step
    async def work(ctx: StepContext[None, None, Any]) -> Any:
        return ctx.inputs

    def collect(current: list[Any], value: Any) -> list[Any]:
        return [*current, value]

    join = g.join(collect, initial_factory=list, node_id="all")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(work),
        g.edge_from(work).to(join),
        g.edge_from(join).to(g.end_node),
    )
    graph = TemporalGraph(g.build())
    assert sorted(asyncio.run(graph.local().proceed(inputs="ab")).output) == ["a", "b"]
    with pytest.raises(GraphRunError) as caught:
        asyncio.run(graph.local().proceed(inputs=5))
    assert (caught.value.node_id, caught.value.error_message) == ("each", "Cannot map non-iterable value: 5")


def test_the_engine_gets_all_that_it_asks_for() -> None:
    """Each function of the port is there under its name."""
    from temporal_graph.engine.functions import Functions

    port = {name for name in vars(Functions) if not name.startswith("_")}
    assert port <= set(vars(CompiledFunctions))
