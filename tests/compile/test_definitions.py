"""What a graph must be is checked where it is wrapped; the error quotes what was written, and names the cure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from pydantic_graph import BaseNode, End, Graph, GraphBuilder, GraphRunContext, StepContext
from typing_extensions import TypeAliasType

from temporal_graph import (
    GraphDefinitionError,
    GraphError,
    GraphPlugin,
    InterruptibleGraph,
    InterruptNode,
    Required,
    TemporalGraph,
)


class Handle:
    """Neither a dataclass nor a BaseModel."""


@dataclass
class HasHandle:
    handle: Handle


def refused(make: Callable[[], Any]) -> str:
    """The message with which a graph is refused."""
    with pytest.raises(GraphDefinitionError) as caught:
        make()
    assert isinstance(caught.value, GraphError)
    assert isinstance(caught.value, TypeError)
    return str(caught.value)


def one_step(call: Any, name: str | None = "one", **types: Any) -> Graph[Any, Any, Any, Any]:
    """A graph of one step."""
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name=name, auto_instrument=False, **types)
    step = g.step(call, node_id="only")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return g.build()


async def echo(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


# -- Steps ------------------------------------------------------------------------------------------------------------


def test_a_step_that_says_nothing_about_what_it_returns() -> None:
    async def call(ctx: StepContext[None, None, int]):  # type: ignore[no-untyped-def]
        return 1

    assert refused(lambda: TemporalGraph(one_step(call, input_type=int))) == (
        "Nothing says what step 'only' of graph 'one' returns. "
        "Annotate it: async def only(ctx: StepContext[...]) -> ..."
    )


@pytest.mark.parametrize("context", [StepContext, None], ids=["without parameters", "without annotation"])
def test_a_step_that_says_nothing_about_what_it_gets(context: Any) -> None:
    async def first(ctx: StepContext[None, None, None]) -> Any:
        return 1

    async def second(ctx) -> int:  # type: ignore[no-untyped-def]
        return 1

    if context is not None:
        second.__annotations__["ctx"] = context
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="two", auto_instrument=False)
    a, b = g.step(first, node_id="a"), g.step(second, node_id="b")
    g.add(
        g.edge_from(g.start_node).to(a),
        g.edge_from(a).transform(lambda ctx: ctx.inputs).to(b),
        g.edge_from(b).to(g.end_node),
    )
    assert refused(lambda: TemporalGraph(g.build())) == (
        "Nothing says what step 'b' of graph 'two' gets. Annotate its parameter: ctx: StepContext[State, Deps, Inputs]."
    )


def hidden() -> Graph[Any, Any, Any, Any]:
    """A graph made where a class can be seen that nobody else can see."""

    @dataclass
    class Unseen:
        n: int

    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="hidden", input_type=Unseen, auto_instrument=False)

    @g.step
    async def look(ctx: StepContext[None, None, Unseen]) -> int:
        return 1

    g.add(g.edge_from(g.start_node).to(look), g.edge_from(look).to(g.end_node))
    return g.build()


def test_an_annotation_that_cannot_be_resolved() -> None:
    assert refused(lambda: TemporalGraph(hidden())) == (
        "The annotations of step 'look' name 'Unseen', which cannot be found from where it is defined. "
        "Define it at the top level of the module, or leave out 'from __future__ import annotations' there."
    )


def test_a_local_class_that_is_seen_where_the_graph_is_wrapped() -> None:
    @dataclass
    class Local:
        n: int

    g = GraphBuilder(name="local", input_type=Local, output_type=Local, auto_instrument=False)

    @g.step
    async def add(ctx: StepContext[None, None, Local]) -> Local:
        return Local(ctx.inputs.n + 1)

    g.add(g.edge_from(g.start_node).to(add), g.edge_from(add).to(g.end_node))
    graph = TemporalGraph(g.build())
    assert asyncio.run(graph.local().proceed(inputs=Local(1))).output == Local(2)


@pytest.mark.parametrize(
    ("inputs", "output", "what", "why"),
    [
        (Handle, int, "the graph's inputs", "Handle"),
        (int, Handle, "the graph's output", "Handle"),
        (HasHandle, int, "the graph's inputs", "HasHandle"),
        (list[Handle], int, "the graph's inputs", r"list\[Handle\]"),
    ],
)
def test_types_that_cannot_cross(inputs: Any, output: Any, what: str, why: str) -> None:
    async def call(ctx: StepContext[None, None, int]) -> int:
        return 1

    message = refused(lambda: TemporalGraph(one_step(call, input_type=inputs, output_type=output)))
    assert re.match(f"In graph 'one', {what} cannot cross between processes: {why}: ", message)
    assert "make classes dataclasses or BaseModels" in message


def test_what_a_step_takes_and_returns() -> None:
    async def takes(ctx: StepContext[None, None, Handle]) -> int:
        return 1

    async def returns(ctx: StepContext[None, None, int]) -> Handle:
        return Handle()

    assert refused(lambda: TemporalGraph(one_step(takes))).startswith("In graph 'one', ")
    message = refused(lambda: TemporalGraph(one_step(takes, input_type=int)))
    assert message.startswith("In graph 'one', what step 'only' takes (ctx.inputs) cannot cross between processes: ")
    message = refused(lambda: TemporalGraph(one_step(returns, input_type=int)))
    assert "what step 'only' returns cannot cross between processes: Handle: " in message or "output" in message


# -- State ------------------------------------------------------------------------------------------------------------


def test_a_state_that_cannot_cross() -> None:
    message = refused(lambda: TemporalGraph(one_step(echo, input_type=int, state_type=Handle)))
    assert message.startswith("In graph 'one', the state cannot cross between processes: Handle: ")


@dataclass
class One:
    n: int = 0


@dataclass
class Other:
    n: int = 0


def test_steps_that_declare_several_states() -> None:
    async def first(ctx: StepContext[One, None, None]) -> None: ...

    async def second(ctx: StepContext[Other, None, None]) -> None: ...

    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="states", auto_instrument=False)
    a, b = g.step(first, node_id="a"), g.step(second, node_id="b")
    g.add(g.edge_from(g.start_node).to(a), g.edge_from(a).to(b), g.edge_from(b).to(g.end_node))
    assert refused(lambda: TemporalGraph(g.build())) == (
        f"Graph 'states' has no state_type, and its steps declare several: {One!r}, {Other!r}. Say which it is with "
        "GraphBuilder(state_type=...)."
    )


# -- Joins and transforms ---------------------------------------------------------------------------------------------


def collect(current, value):  # type: ignore[no-untyped-def]
    return [*current, value]


def test_a_join_of_which_nobody_says_what_it_gives() -> None:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="joined", input_type=list[int], auto_instrument=False)
    step = g.step(echo, node_id="echo")
    join = g.join(collect, initial=[], node_id="join")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    assert refused(lambda: TemporalGraph(g.build())) == (
        "Nothing says what join 'join' of graph 'joined' gives. Annotate what its reducer returns, or the step behind "
        "it, or give initial_factory=list[int] (with your own type)."
    )


def reducer_of_unseen() -> Callable[..., Any]:
    class Unseen(BaseModel):
        n: int

    def reduce(current: list[Unseen], value: Unseen) -> list[Unseen]:
        return [*current, value]

    return reduce


def test_a_reducer_whose_annotation_cannot_be_resolved() -> None:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="joined", input_type=list[int], auto_instrument=False)
    join = g.join(reducer_of_unseen(), initial_factory=list, node_id="join")
    g.add(g.edge_from(g.start_node).map(fork_id="each").to(join), g.edge_from(join).to(g.end_node))
    assert refused(lambda: TemporalGraph(g.build())).startswith(
        "The annotations of the reducer of join 'join' name 'Unseen', which cannot be found"
    )


def test_what_a_join_gives_that_cannot_cross() -> None:
    def reduce(current: Handle, value: int) -> Handle:
        return current

    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="joined", input_type=list[int], auto_instrument=False)
    join = g.join(reduce, initial_factory=Handle, node_id="join")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(join),
        g.edge_from(join).transform(lambda ctx: 1).to(g.end_node),
    )
    assert "what join 'join' gives cannot cross between processes: Handle: " in refused(
        lambda: TemporalGraph(g.build())
    )


def transform_of_unseen() -> Callable[..., Any]:
    class Unseen(BaseModel):
        n: int

    def transform(ctx: StepContext[None, None, int]) -> Unseen:
        raise NotImplementedError

    return transform


def test_a_transform_whose_annotation_cannot_be_resolved() -> None:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="edges", input_type=int, auto_instrument=False)
    step = g.step(echo, node_id="echo")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).transform(transform_of_unseen()).to(g.end_node))
    message = refused(lambda: TemporalGraph(g.build()))
    assert message.startswith("The annotations of the transform on 'echo' name 'Unseen'")


def test_what_a_transform_returns_that_cannot_cross() -> None:
    def transform(ctx: StepContext[None, None, int]) -> Handle:
        return Handle()

    async def last(ctx: StepContext[None, None, int]) -> int:
        return 1

    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="edges", input_type=int, auto_instrument=False)
    first, second = g.step(echo, node_id="echo"), g.step(last, node_id="last")
    g.add(
        g.edge_from(g.start_node).to(first),
        g.edge_from(first).transform(transform).to(second),
        g.edge_from(second).to(g.end_node),
    )
    message = refused(lambda: TemporalGraph(g.build()))
    assert "what the transform on 'echo' returns cannot cross between processes: Handle: " in message


def test_an_item_of_a_map_that_cannot_cross() -> None:
    def reduce(current: int, value: Any) -> int:
        return current + 1

    def split(ctx: StepContext[None, None, int]) -> list[Handle]:
        return [Handle()]

    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(
        name="items", input_type=int, output_type=int, auto_instrument=False
    )
    join = g.join(reduce, initial=0, node_id="join")
    g.add(g.edge_from(g.start_node).transform(split).map(fork_id="each").to(join), g.edge_from(join).to(g.end_node))
    assert "In graph 'items', " in refused(lambda: TemporalGraph(g.build()))


def test_a_node_without_a_way_out() -> None:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="open", input_type=int, auto_instrument=False)
    first, second = g.step(echo, node_id="first"), g.step(echo, node_id="second")
    g.add(g.edge_from(g.start_node).to(first, second), g.edge_from(first).to(g.end_node))
    graph = g.build(validate_graph_structure=False)
    assert refused(lambda: TemporalGraph(graph)) == "Node 'second' of graph 'open' has no edge that leaves it."


# -- Node classes -----------------------------------------------------------------------------------------------------


class Bare(BaseNode[None, None, int]):
    """No dataclass, but without fields, so there is nothing that could get lost... except for what it sets itself."""

    def __init__(self, n: int) -> None:
        self.n = n

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(self.n)


@dataclass
class Fine(BaseNode[None, None, int]):
    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


class Modelled(BaseModel, BaseNode[None, None, int]):
    n: int

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(self.n)


@dataclass
class WithHandle(BaseNode[None, None, int]):
    handle: Handle

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@pytest.mark.parametrize("node", [Bare, WithHandle])
def test_a_node_class_that_cannot_cross(node: Any) -> None:
    message = refused(lambda: InterruptibleGraph([node], name="nodes"))
    # The inputs of such a graph are any of its nodes.
    assert message.startswith("In graph 'nodes', ")
    assert node.__name__ in message
    assert "make classes dataclasses or BaseModels" in message


def test_a_node_class_may_be_a_model() -> None:
    graph = InterruptibleGraph([Modelled], name="models")
    assert asyncio.run(graph.local().proceed(from_node=Modelled(n=3))).output == 3


@dataclass
class NoDefault(InterruptNode[None, None, int]):
    approved: Annotated[bool | None, Required]

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@dataclass
class NotOptional(InterruptNode[None, None, int]):
    approved: Annotated[bool, Required] = False

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@dataclass
class NotInterrupting(BaseNode[None, None, int]):
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@dataclass
class AnsweredByDefault(InterruptNode[None, None, int]):
    approved: Annotated[bool | None, Required] = True

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


class AnsweredModel(BaseModel, InterruptNode[None, None, int]):
    approved: Annotated[str, Required] = ""

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@pytest.mark.parametrize(
    ("node", "cure"),
    [(NotOptional, "bool | None"), (AnsweredByDefault, "T | None"), (AnsweredModel, "str | None")],
)
def test_a_required_field_that_is_not_none_while_the_run_waits(node: Any, cure: str) -> None:
    assert refused(lambda: InterruptibleGraph([node], name="required")) == (
        f"Field 'approved' of {node.__name__} is Required, so it must be None while the run waits for it: approved: "
        f"Annotated[{cure}, Required] = None."
    )


def test_only_interrupt_nodes_have_required_fields() -> None:
    assert refused(lambda: InterruptibleGraph([NotInterrupting], name="required")) == (
        "Field 'approved' of NotInterrupting is Required, which only an InterruptNode can have: class "
        "NotInterrupting(InterruptNode[...])."
    )


MaybeText = TypeAliasType("MaybeText", str | None)


@dataclass
class Loose(InterruptNode[None, None, str]):
    anything: Annotated[Any, Required] = None
    text: Annotated[MaybeText, Required] = None

    async def run(self, ctx: GraphRunContext[None]) -> End[str]:
        return End(f"{self.anything} {self.text}")


def test_other_types_that_can_be_none() -> None:
    run = InterruptibleGraph([Loose], name="loose").local()
    assert asyncio.run(run.proceed(from_node=Loose())).is_interrupt
    assert asyncio.run(run.proceed({"anything": 1, "text": "x"})).output == "1 x"


def test_a_required_field_needs_no_default() -> None:
    graph = InterruptibleGraph([NoDefault], name="required")
    assert asyncio.run(graph.local().proceed(from_node=NoDefault(None))).is_interrupt


@dataclass
class RequiredHandle(InterruptNode[None, None, int]):
    handle: Annotated[Handle | None, Required] = None

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


def test_a_required_field_that_cannot_cross() -> None:
    message = refused(lambda: InterruptibleGraph([RequiredHandle], name="required"))
    assert "Handle" in message


@dataclass
class Hinted(BaseNode[None, None, int]):
    async def run(self, ctx: GraphRunContext[None]) -> Nowhere:  # noqa: F821
        raise NotImplementedError


def test_a_node_that_returns_what_is_not_there() -> None:
    message = refused(lambda: InterruptibleGraph([Hinted], name="hints"))
    assert message.startswith("InterruptibleGraph 'hints' cannot be built: ")
    assert "Nowhere" in message


@dataclass
class Onward(BaseNode[None, None, int]):
    async def run(self, ctx: GraphRunContext[None]) -> Fine:
        return Fine()


@pytest.mark.parametrize(("others", "listed"), [([], "Onward"), ([Modelled], "Onward, Modelled")])
def test_a_node_that_leads_to_one_that_is_not_in_the_list(others: list[Any], listed: str) -> None:
    assert refused(lambda: InterruptibleGraph([Onward, *others], name="onward")) == (
        f"Onward may return Fine, which is not in the list of nodes of InterruptibleGraph 'onward'. Add it: [{listed}, "
        "Fine]."
    )


# -- What is wrapped --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [None, 5, "graph", GraphBuilder(name="unbuilt"), [Fine], Fine])
def test_what_is_no_graph(thing: Any) -> None:
    assert refused(lambda: TemporalGraph(thing)) == (
        f"TemporalGraph takes a pydantic_graph.Graph, as GraphBuilder.build() makes it, and got {thing!r}. "
        "For a list of node classes there is InterruptibleGraph(nodes=[...])."
    )


@pytest.mark.parametrize("thing", [None, 5, "First"])
def test_what_is_no_list_of_nodes(thing: Any) -> None:
    message = f"InterruptibleGraph takes a list of node classes, nodes=[First, Second], and got {thing!r}."
    assert refused(lambda: InterruptibleGraph(thing, name="none")) == message


def test_a_list_without_nodes() -> None:
    message = "InterruptibleGraph 'empty' has no nodes; give it a list of BaseNode classes."
    assert refused(lambda: InterruptibleGraph([], name="empty")) == message


@pytest.mark.parametrize("thing", [Fine(), int, "Fine", None, Handle])
def test_what_is_no_node_class(thing: Any) -> None:
    message = f"InterruptibleGraph takes BaseNode classes; {thing!r} is none."
    assert refused(lambda: InterruptibleGraph([Fine, thing], name="mixed")) == message


def test_a_graph_is_no_list_of_nodes() -> None:
    graph = one_step(echo, input_type=int)
    assert "TemporalGraph(" in refused(lambda: InterruptibleGraph(graph, name="mixed"))  # type: ignore[arg-type]


def test_one_node_is_no_list_of_nodes() -> None:
    assert "[Fine]" in refused(lambda: InterruptibleGraph(Fine, name="mixed"))  # type: ignore[arg-type]


def test_a_node_that_is_in_the_list_twice_is_one_node() -> None:
    graph = InterruptibleGraph([Fine, Modelled, Fine], name="twice")
    assert list(graph.registered.compiled.nodes) == ["Fine", "Modelled"]
    assert asyncio.run(graph.local().proceed(from_node=Fine())).output == 1


def test_two_nodes_of_one_name() -> None:
    other = dataclass(type("Fine", (BaseNode,), {"run": Fine.run, "__module__": __name__}))
    message = refused(lambda: InterruptibleGraph([Fine, other], name="namesakes"))
    assert "Fine" in message


# -- Names ------------------------------------------------------------------------------------------------------------


at_the_top = InterruptibleGraph([Fine])
annotated: InterruptibleGraph = InterruptibleGraph([Fine])


class Holder:
    in_a_class = InterruptibleGraph([Fine])


def test_an_unnamed_graph_has_the_name_of_its_variable() -> None:
    in_a_function = InterruptibleGraph([Fine])

    def enclosing() -> InterruptibleGraph:
        closed_over = InterruptibleGraph([Fine])

        def inner() -> str:
            return closed_over.name

        assert inner() == "closed_over"
        return closed_over

    enclosing()
    typed = InterruptibleGraph[None, None, int]([Fine])
    assert [graph.name for graph in (at_the_top, annotated, Holder.in_a_class, in_a_function, typed)] == [
        "at_the_top",
        "annotated",
        "in_a_class",
        "in_a_function",
        "typed",
    ]
    given = InterruptibleGraph([Fine], name="mine")
    assert given.name == "mine"


UNNAMED = (
    "The graph has no name. Give it one, such as name='refund'. It is the Temporal workflow type of its runs, and must "
    "be the same in every process and release."
)


def test_a_graph_that_goes_to_no_variable() -> None:
    def returned() -> InterruptibleGraph:
        return InterruptibleGraph([Fine])

    def in_a_list() -> Any:
        return [InterruptibleGraph([Fine])]

    def in_a_dict() -> Any:
        graphs = {"key": InterruptibleGraph([Fine])}
        return list(graphs)

    def as_an_argument() -> Any:
        text = str(InterruptibleGraph([Fine]))
        return text.upper()

    def with_two_names() -> Any:
        one = other = InterruptibleGraph([Fine])
        return one, other

    def as_an_attribute() -> Any:
        Holder.other = InterruptibleGraph([Fine])  # type: ignore[attr-defined]

    for make in (returned, in_a_list, in_a_dict, as_an_argument, with_two_names, as_an_attribute):
        assert refused(make) == UNNAMED, make.__name__


def test_a_temporal_graph_has_the_name_of_its_graph() -> None:
    assert TemporalGraph(one_step(echo, input_type=int)).name == "one"
    assert TemporalGraph(one_step(echo, input_type=int), name="other").name == "other"
    for name in (None, ""):
        assert refused(lambda name=name: TemporalGraph(one_step(echo, name=name, input_type=int))) == UNNAMED


wrapped_at_the_top = TemporalGraph(one_step(echo, name=None, input_type=int))


def test_a_temporal_graph_of_an_unnamed_graph_has_the_name_of_its_variable() -> None:
    unnamed = one_step(echo, name=None, input_type=int)
    in_a_function = TemporalGraph(unnamed)
    typed = TemporalGraph[None, None, int, int](unnamed, name=None)
    names = [graph.name for graph in (wrapped_at_the_top, in_a_function, typed)]
    assert names == ["wrapped_at_the_top", "in_a_function", "typed"]
    assert unnamed.name is None
    assert refused(lambda: GraphPlugin(TemporalGraph(unnamed))) == UNNAMED


class Named(StrEnum):
    REFUND = "refund"


def test_a_name_may_be_a_text_of_any_kind() -> None:
    plain = one_step(echo, input_type=int)
    assert [TemporalGraph(plain, name=name).name for name in ("Rück zahlung/7", Named.REFUND, "n" * 995)] == [
        "Rück zahlung/7",
        "refund",
        "n" * 995,
    ]
    assert type(TemporalGraph(plain, name=Named.REFUND).name) is str


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (5, "The graph's name is 5; it must be a text, such as name='refund'."),
        (b"refund", "The graph's name is b'refund'; it must be a text"),
        ("a\nb", r"The graph's name is 'a\nb'; it must be one line of characters that can be printed"),
        (" refund", "The graph's name is ' refund'; it must be one line"),
        ("\ud800", r"The graph's name is '\ud800'; it must be one line"),
        (
            "n" * 2000,
            f"The graph's name is '{'n' * 50}'..., of 2000 bytes. It is the Temporal workflow type of its runs",
        ),
    ],
    ids=["number", "bytes", "two lines", "space", "surrogate", "long"],
)
def test_a_name_that_runs_cannot_be_called_by(name: Any, says: str) -> None:
    assert refused(lambda: TemporalGraph(one_step(echo, input_type=int), name=name)).startswith(says)
    assert refused(lambda: TemporalGraph(one_step(echo, name=name, input_type=int))).startswith(says)
    assert refused(lambda: InterruptibleGraph([Fine], name=name)).startswith(says)


def test_a_name_that_is_too_long_with_that_of_a_node() -> None:
    assert refused(lambda: InterruptibleGraph([Fine], name="ü" * 498)) == (
        f"Node 'Fine' of graph '{'ü' * 50}'... runs as an activity named '{{graph}}.{{node}}', which takes 1000 bytes, "
        "and these are 1001. Give the graph or the node a shorter name."
    )


@pytest.mark.parametrize(
    ("node_id", "says"),
    [
        ("a\tb", r"The id of a node is 'a\tb'; it must be one line of characters that can be printed"),
        ("n" * 997, f"Node '{'n' * 50}'... of graph 'one' runs as an activity named"),
    ],
)
def test_a_node_that_no_activity_can_be_called_by(node_id: str, says: str) -> None:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="one", input_type=int, auto_instrument=False)
    step = g.step(echo, node_id=node_id)
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    assert refused(lambda: TemporalGraph(g.build())).startswith(says)


def test_a_subclass_of_our_own() -> None:
    class Mine(InterruptibleGraph):
        pass

    own = Mine([Fine])
    assert own.name == "own"


def test_two_graphs_of_one_name() -> None:
    first, second = InterruptibleGraph([Fine], name="same"), TemporalGraph(one_step(echo, input_type=int), name="same")
    message = "Two graphs are named 'same'. A run finds its graph by this name; give one another."
    assert refused(lambda: GraphPlugin(first, second)) == message
    assert GraphPlugin(first).names == ["same"]


@pytest.mark.parametrize(
    ("things", "says"),
    [
        ([one_step(echo, input_type=int)], "pydantic_graph.Graph 'one' as it is; wrap it: GraphPlugin(TemporalGraph("),
        ([[at_the_top]], "nodes=['Fine'])]; unpack the list: GraphPlugin(*graphs)."),
        ([(at_the_top,)], "unpack the tuple: GraphPlugin(*graphs)."),
        ([at_the_top, 5], "and got 5. Deps are given by name: GraphPlugin(graph, deps=...)."),
        ([Fine], "InterruptibleGraph([...]) makes them, and got <class "),
    ],
)
def test_what_a_plugin_takes(things: list[Any], says: str) -> None:
    assert says in refused(lambda: GraphPlugin(*things))


def test_a_graph_says_what_it_is() -> None:
    assert repr(at_the_top) == "InterruptibleGraph(name='at_the_top', nodes=['Fine'])"
