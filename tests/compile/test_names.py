"""A name in an annotation means what it means where it is written, whoever wraps the graph."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any

import pytest
from pydantic_graph import BaseNode, End, Graph, GraphBuilder, GraphRunContext, ReduceFirstValue, StepContext

from temporal_graph import GraphDefinitionError, InterruptibleGraph, InterruptNode, Required, TemporalGraph
from temporal_graph.compile.answers import required_fields
from temporal_graph.compile.hints import Namespace
from tests.compile import shop_names

T = [1]


@dataclass
class Order:
    number: int


@dataclass
class Elsewhere:
    number: int


def graph_of(call: Any, **types: Any) -> Graph[Any, Any, Any, Any]:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="names", auto_instrument=False, **types)
    step = g.step(call, node_id="only")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return g.build()


def racing(reducer: Any, call: Any, input_type: Any) -> Graph[Any, Any, Any, Any]:
    """A map over a step, and a join."""
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="racing", input_type=input_type, auto_instrument=False)
    step = g.step(call, node_id="only")
    join = g.join(reducer, initial=None, node_id="joined")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return g.build()


def output(graph: TemporalGraph, inputs: Any) -> Any:
    return asyncio.run(graph.local().proceed(inputs=inputs)).output


async def upper(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs.upper()


at_the_top = TemporalGraph(graph_of(shop_names.pack))
of_a_type_variable = TemporalGraph(racing(ReduceFirstValue[str](), upper, list[str]))


def test_another_modules_names_are_its_own() -> None:
    assert output(at_the_top, shop_names.Order("tea")) == shop_names.Order("tea in a box")

    @dataclass
    class Order:
        local: int

    in_a_function = TemporalGraph(graph_of(shop_names.pack))
    assert output(in_a_function, shop_names.Order("tea")) == shop_names.Order("tea in a box")
    reduced = TemporalGraph(racing(shop_names.longest, shop_names.pack, list[shop_names.Order]))
    orders = [shop_names.Order("tea"), shop_names.Order("coffee")]
    assert output(reduced, orders) == shop_names.Order("coffee in a box")
    assert Order(1).local == 1


def test_type_variables_are_none_of_the_callers_names() -> None:
    assert output(of_a_type_variable, ["a"]) == "A"
    T = "not a type"
    graph = TemporalGraph(racing(ReduceFirstValue[str](), upper, list[str]))
    assert output(graph, ["b"]) == "B"
    assert (T, globals()["T"]) == ("not a type", [1])


def test_another_modules_nodes() -> None:
    ended = InterruptibleGraph([shop_names.Pack], name="ended")
    assert asyncio.run(ended.local().proceed(from_node=shop_names.Pack("tea"))).output.item == "tea in a box"

    async def changed(graph: TemporalGraph) -> Any:
        run = graph.local()
        await run.proceed(from_node=shop_names.Change())
        return (await run.proceed({"order": {"item": "milk"}})).output

    asking = InterruptibleGraph([shop_names.Change], name="asking")
    assert asyncio.run(changed(asking)) == "milk"


def test_a_node_that_adds_fields_to_one_of_another_module() -> None:
    @dataclass
    class Both(shop_names.Change):
        mine: Annotated[Order | None, Required] = None

        async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
            assert self.order is not None
            assert self.mine is not None
            return End(f"{self.order.item} {self.mine.number}")

    async def answered() -> Any:
        run = InterruptibleGraph([Both], name="both").local()
        await run.proceed(from_node=Both())
        return (await run.proceed({"order": {"item": "milk"}, "mine": {"number": 1}})).output

    assert asyncio.run(answered()) == "milk 1"


def test_local_names_go_before_those_of_the_module_in_what_is_defined_beside_them() -> None:
    @dataclass
    class Order:
        local: str

    async def call(ctx: StepContext[None, None, Order]) -> Order:
        return Order(ctx.inputs.local + "!")

    assert output(TemporalGraph(graph_of(call)), Order("tea")) == Order("tea!")

    class Ask(InterruptNode[None, None, str]):
        order: Annotated[Order | None, Required] = None

    scope = "test_local_names_go_before_those_of_the_module_in_what_is_defined_beside_them"
    assert required_fields(Ask, Namespace({"Order": Order}, globals(), scope)) == {"order": Order}
    assert required_fields(Ask, Namespace({"Order": Order}, globals(), "elsewhere")) == {"order": globals()["Order"]}


def looking() -> Graph[Any, Any, Any, Any]:
    """A graph whose step names what pydantic-graph finds here, and `shop_names` has for type checkers only."""
    Elsewhere = str  # noqa: F841
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="looking", auto_instrument=False)
    step = g.step(shop_names.look, node_id="only")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return g.build()


def wrapped_at_the_top_of_a_module(source: str) -> ModuleType:
    module = ModuleType("wrapping")
    sys.modules["wrapping"] = module
    try:
        exec(compile(source, "wrapping.py", "exec"), module.__dict__)
    finally:
        del sys.modules["wrapping"]
    return module


def test_what_is_at_the_top_of_another_module_is_not_meant() -> None:
    with pytest.raises(GraphDefinitionError, match="step 'only' name 'Elsewhere', which cannot be found"):
        wrapped_at_the_top_of_a_module(
            "from temporal_graph import TemporalGraph\n"
            "from tests.compile.test_names import looking\n"
            "class Elsewhere: pass\n"
            "graph = TemporalGraph(looking())\n"
        )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="class C[T] came with Python 3.12")
def test_type_variables_of_a_class() -> None:
    module = wrapped_at_the_top_of_a_module(
        "from __future__ import annotations\n"
        "from temporal_graph import TemporalGraph\n"
        "from tests.compile.test_names import racing, upper\n"
        "class Last[S]:\n"
        "    def __call__(self, current: S, inputs: S) -> S:\n"
        "        return inputs\n"
        "graph = TemporalGraph(racing(Last(), upper, list[str]))\n"
    )
    assert output(module.graph, ["a"]) == "A"


def test_a_name_that_only_the_caller_knows() -> None:
    Elsewhere = list[str]  # noqa: F841
    graph = TemporalGraph(looking())
    assert graph.registered.compiled.inputs.type == list[str]


def test_a_node_of_this_module() -> None:
    @dataclass
    class Onward(BaseNode[None, None, Order]):
        async def run(self, ctx: GraphRunContext[None, None]) -> End[Order]:
            return End(Order(1))

    graph = InterruptibleGraph([Onward], name="onward")
    assert asyncio.run(graph.local().proceed(from_node=Onward())).output == Order(1)
