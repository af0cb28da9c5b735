"""Nodes that are classes: alone, among steps, in loops, in branches."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_graph import (
    BaseNode,
    Edge,
    End,
    Graph,
    GraphBuilder,
    GraphRunContext,
    JoinNode,
    StepContext,
    StepNode,
    TypeExpression,
    reduce_list_append,
    reduce_sum,
)

from tests.conformance.case import case

T = TypeVar("T")
Context = GraphRunContext[None, None]


def only(name: str, first: Any, *others: Any, output_type: Any = str, **types: Any) -> Graph[Any, Any, Any, Any]:
    """A graph of nothing but nodes, which begins with the first."""
    g = GraphBuilder(
        name=name, input_type=first, output_type=TypeExpression[output_type], auto_instrument=False, **types
    )
    g.add(g.edge_from(g.start_node).to(first), *(g.node(node) for node in (first, *others)))
    return g.build()


# -- A loop of dataclasses


@dataclass
class Halve(BaseNode[None, None, str]):
    number: int
    steps: int = 0

    async def run(self, ctx: Context) -> Grow | End[str]:
        if self.number == 1:
            return End(f"after {self.steps}")
        return Grow(self.number // 2, self.steps + 1) if self.number % 2 == 0 else Grow(self.number, self.steps)


@dataclass
class Grow(BaseNode):
    number: int
    steps: int

    async def run(self, ctx: Context) -> Halve | Same:
        return Same(self.number * 3 + 1, self.steps) if self.number % 2 and self.number > 1 else Halve(**vars(self))


@dataclass
class Same(BaseNode):
    number: int
    steps: int

    async def run(self, ctx: Context) -> Halve:
        return Halve(self.number, self.steps)


# -- Models, with what models have


class Ask(BaseModel, BaseNode[None, None, dict[str, Any]]):
    model_config = ConfigDict(populate_by_name=True)

    full_name: str = Field(alias="fullName")
    tries: int = 0

    async def run(self, ctx: Context) -> Ask | Tell:
        if self.tries < 2:
            return Ask(full_name=self.full_name, tries=self.tries + 1)
        return Tell(name=self.full_name, on=date(2024, 2, 29), tags={"a"})


class Tell(BaseModel, BaseNode[None, None, dict[str, Any]]):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    on: date
    tags: set[str] = Field(default_factory=set[str])

    async def run(self, ctx: Context) -> End[dict[str, Any]]:
        assert type(self.on) is date
        return End({"name": self.name, "on": self.on.isoformat(), "tags": sorted(self.tags)})


# -- Nodes that take a type


@dataclass
class Wrap(BaseNode[None, None, str], Generic[T]):
    value: T

    async def run(self, ctx: Context) -> Unwrap[T]:
        return Unwrap([self.value, self.value])


@dataclass
class Unwrap(BaseNode[None, None, str], Generic[T]):
    values: list[T]

    async def run(self, ctx: Context) -> End[str]:
        return End(repr(self.values))


# -- Fields of all kinds


@dataclass
class Line:
    text: str
    size: int = 1


@dataclass
class Begin(BaseNode[None, None, list[Line]]):
    async def run(self, ctx: Context) -> Draft:
        return Draft(style="bold")


@dataclass(kw_only=True)
class Draft(BaseNode[None, None, list[Line]]):
    style: Literal["plain", "bold"] = "plain"
    lines: list[Line] = field(default_factory=lambda: [Line("first")])
    notes: dict[str, Line | None] = field(default_factory=dict[str, Line | None])
    rounds: int = field(init=False, default=0)

    async def run(self, ctx: Context) -> Draft | Print:
        if self.rounds < 2:
            self.rounds += 1
            self.lines.append(Line("more", self.rounds))
            self.notes[f"round {self.rounds}"] = self.lines[0] if self.rounds == 2 else None
            return self  # the very same node again, changed
        return Print(self.lines, (self.style, self.notes))


@dataclass(frozen=True, slots=True)
class Print(BaseNode[None, None, list[Line]]):
    lines: list[Line]
    rest: tuple[str, dict[str, Line | None]]

    async def run(self, ctx: Context) -> End[list[Line]]:
        assert self.rest == ("bold", {"round 1": None, "round 2": Line("first")})
        return End(self.lines)


# -- Ids of their own, and a hierarchy of classes


@dataclass
class Figure(BaseNode[None, None, float], abc.ABC):
    scale: float

    @abc.abstractmethod
    def area(self) -> float: ...

    async def run(self, ctx: Context) -> Measured:
        return Measured(self.area() * self.scale)


@dataclass
class Disc(Figure):
    radius: float = 1.0

    def area(self) -> float:
        return 3 * self.radius**2


@dataclass
class Tile(Figure):
    side: float = 2.0

    def area(self) -> float:
        return self.side**2


@dataclass
class Measured(BaseNode[None, None, float]):
    area: float

    @classmethod
    def get_node_id(cls) -> str:
        return "how-large"

    async def run(self, ctx: Context) -> End[float]:
        return End(self.area)


@dataclass
class PickFigure(BaseNode[None, None, float]):
    name: str

    async def run(self, ctx: Context) -> Disc | Tile:
        return Disc(2.0) if self.name == "disc" else Tile(scale=1.0)


@dataclass
class Greeting(BaseNode[None, None, str]):
    """A node and its subclasses, which are one node of the graph."""

    name: str

    @classmethod
    def get_node_id(cls) -> str:
        return "greeting"

    async def run(self, ctx: Context) -> Greeting | End[str]:
        return LoudGreeting(self.name, "!") if self.name != "quiet" else End("hush")


@dataclass
class LoudGreeting(Greeting):
    mark: str = "."

    async def run(self, ctx: Context) -> Greeting | End[str]:
        return End(self.name.upper() + self.mark)


# -- The same shape; several ends; labels


@dataclass
class Judge(BaseNode[None, None, str | int | None]):
    score: int

    async def run(
        self, ctx: Context
    ) -> Annotated[Pass, Edge(label="good")] | Annotated[Fail, Edge(label="bad")] | Annotated[End[None], Edge("tie")]:
        """Decides.

        Not by itself.
        """
        return End(None) if self.score == 5 else Pass(self.score) if self.score > 5 else Fail(self.score)


@dataclass
class Pass(BaseNode[None, None, str]):
    score: int

    async def run(self, ctx: Context) -> Annotated[End[str], Edge(label="done")]:
        return End(f"passed with {self.score}")


@dataclass
class Fail(BaseNode[None, None, int]):
    score: int

    async def run(self, ctx: Context) -> End[int]:
        return End(self.score)


# -- A node that carries the next one; deps


@dataclass
class LookUp(BaseNode[None, dict[str, int], int]):
    keys: list[str]
    then: AddUp

    async def run(self, ctx: GraphRunContext[None, dict[str, int]]) -> AddUp:
        return replace(self.then, numbers=[*self.then.numbers, *(ctx.deps[key] for key in self.keys)])


@dataclass
class AddUp(BaseNode[None, dict[str, int], int]):
    numbers: list[int]

    async def run(self, ctx: GraphRunContext[None, dict[str, int]]) -> End[int]:
        return End(sum(self.numbers) + ctx.deps["extra"])


# -- Among steps: to a step, from a step, to a join

g = GraphBuilder(name="node_to_step", input_type=int, output_type=str, auto_instrument=False)


@g.step
async def finish(ctx: StepContext[None, None, Line]) -> str:
    assert type(ctx.inputs) is Line
    return f"{ctx.inputs.text} x {ctx.inputs.size}"


@g.step
async def report_nothing(ctx: StepContext[None, None, None]) -> str:
    return "nothing"


@dataclass
class Split(BaseNode[None, None, str]):
    number: int

    async def run(self, ctx: Context) -> Finish | ReportNothing | End[str]:
        if self.number < 0:
            return End("negative")
        return Finish(self.number) if self.number else ReportNothing()


@dataclass
class Finish(BaseNode):
    number: int

    async def run(self, ctx: Context) -> Annotated[StepNode[None, None], finish]:
        return finish.as_node(Line("line", self.number))


class ReportNothing(BaseModel, BaseNode):
    async def run(self, ctx: Context) -> Annotated[StepNode[None, None], report_nothing]:
        return report_nothing.as_node()


@g.step
async def make_split(ctx: StepContext[None, None, int]) -> Split:
    return Split(ctx.inputs - 1)


g.add(
    g.edge_from(g.start_node).to(make_split),
    g.edge_from(make_split).to(Split),
    g.node(Split),
    g.node(Finish),
    g.node(ReportNothing),
    g.edge_from(finish, report_nothing).to(g.end_node),
)
node_to_step = g.build()

g = GraphBuilder(name="match_node", input_type=int, output_type=str, auto_instrument=False)


@dataclass
class Even(BaseNode[None, None, str]):
    number: int

    async def run(self, ctx: Context) -> End[str]:
        return End(f"even {self.number}")


@dataclass
class Odd(BaseNode[None, None, str]):
    number: int

    async def run(self, ctx: Context) -> Even | End[str]:
        return Even(self.number + 1) if self.number > 10 else End(f"odd {self.number}")


@g.step
async def parity(ctx: StepContext[None, None, int]) -> Even | Odd | str:
    if ctx.inputs < 0:
        return "negative"
    return Odd(ctx.inputs) if ctx.inputs % 2 else Even(ctx.inputs)


g.add(
    g.edge_from(g.start_node).to(parity),
    g.edge_from(parity).to(
        g.decision(node_id="parity_is")
        .branch(g.match_node(Even))
        .branch(g.match_node(Odd, matches=lambda value: isinstance(value, Odd)))
        .branch(g.match(str).label("negative").to(g.end_node))
    ),
    g.node(Even),
    g.node(Odd),
)
match_node = g.build()

g = GraphBuilder(name="node_to_join", input_type=int, output_type=list[Line], auto_instrument=False)
lines = g.join(reduce_list_append, initial_factory=list[Line], node_id="lines")


@dataclass
class Write(BaseNode[None, None, list[Line]]):
    number: int

    async def run(self, ctx: Context) -> Write | Written:
        return Write(self.number * 2) if self.number in (1, 3) else Written(was=self)


class Written(BaseModel, BaseNode[None, None, list[Line]]):
    was: Write

    async def run(self, ctx: Context) -> Annotated[JoinNode[None, None], lines]:
        return lines.as_node(Line("written", self.was.number))


@g.step
async def writes(ctx: StepContext[None, None, int]) -> list[Write]:
    return [Write(number) for number in range(ctx.inputs)]


@g.step
async def in_order(ctx: StepContext[None, None, list[Line]]) -> list[Line]:
    return sorted(ctx.inputs, key=lambda line: (line.size, line.text))


g.add(
    g.edge_from(g.start_node).to(writes),
    g.edge_from(writes).map(fork_id="each", downstream_join_id=lines.id).to(Write),
    g.node(Write),
    g.node(Written),
    g.edge_from(lines).to(in_order),
    g.edge_from(in_order).to(g.end_node),
)
node_to_join = g.build()

g = GraphBuilder(name="nodes_side_by_side", input_type=int, output_type=int, auto_instrument=False)
total = g.join(reduce_sum, initial=0, node_id="total")


@dataclass
class Plus(BaseNode[None, None, int]):
    number: int

    async def run(self, ctx: Context) -> Annotated[JoinNode[None, None], total]:
        return total.as_node(self.number + 1)


@dataclass
class Times(BaseNode[None, None, int]):
    number: int

    async def run(self, ctx: Context) -> Annotated[StepNode[None, None], tenfold]:
        return tenfold.as_node(self.number)


@g.step
async def tenfold(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs * 10


g.add(
    g.edge_from(g.start_node).broadcast(
        lambda edge: [
            edge.transform(lambda ctx: Plus(ctx.inputs)).to(Plus),
            edge.transform(lambda ctx: Times(ctx.inputs)).label("times").to(Times),
        ],
        fork_id="sides",
    ),
    g.node(Plus),
    g.node(Times),
    g.edge_from(tenfold).to(total),
    g.edge_from(total).to(g.end_node),
)
nodes_side_by_side = g.build()

g = GraphBuilder(name="map_of_nodes", input_type=int, output_type=str, auto_instrument=False)
sorted_words = g.join(reduce_list_append, initial_factory=list[str], node_id="sorted_words")


class Left(BaseModel, BaseNode[None, None, str]):
    at: int

    async def run(self, ctx: Context) -> Annotated[JoinNode[None, None], sorted_words]:
        return sorted_words.as_node(f"left {self.at}")


class Right(BaseModel, BaseNode[None, None, str]):
    at: int

    async def run(self, ctx: Context) -> Left | Middle:
        return Left(at=-self.at) if self.at > 2 else Middle(at=self.at)


class Middle(BaseModel, BaseNode[None, None, str]):
    at: int

    async def run(self, ctx: Context) -> Annotated[JoinNode[None, None], sorted_words]:
        return sorted_words.as_node(f"middle {self.at}")


@dataclass
class Publish(BaseNode[None, None, str]):
    words: list[str]
    title: str | None = None

    async def run(self, ctx: Context) -> End[str]:
        return End(", ".join(sorted(self.words)))


@g.step
async def lefts_and_rights(ctx: StepContext[None, None, int]) -> list[Left | Right]:
    return [Right(at=number) if number % 2 else Left(at=number) for number in range(ctx.inputs)]


g.add(
    g.edge_from(g.start_node).to(lefts_and_rights),
    g.edge_from(lefts_and_rights)
    .map(fork_id="each_side")
    .to(g.decision(node_id="side").branch(g.match_node(Left)).branch(g.match_node(Right))),
    *(g.node(node) for node in (Left, Right, Middle)),
    g.edge_from(sorted_words).transform(lambda ctx: Publish(ctx.inputs)).to(Publish),
    g.node(Publish),
)
map_of_nodes = g.build()

collatz = only("collatz", Halve, Grow, Same)
models = only("models", Ask, Tell, output_type=dict[str, Any])
generic_nodes = only("generic_nodes", Wrap[int], Unwrap)
generic_of_anything = only("generic_of_anything", Wrap, Unwrap)
drafts = only("drafts", Begin, Draft, Print, output_type=list[Line])
figures = only("figures", PickFigure, Disc, Tile, Measured, output_type=float)
greetings = only("greetings", Greeting)
judged = only("judged", Judge, Pass, Fail, output_type=str | int | None)
carried = only("carried", LookUp, AddUp, output_type=int, deps_type=dict[str, int])

CASES = [
    case("node_loop", collatz, "node loop union default", "after 4", inputs=Halve(5)),
    case("node_ends_at_once", collatz, "node end", "after 0", inputs=Halve(1)),
    case(
        "node_models",
        models,
        "node model alias frozen loop",
        {"name": "Ada", "on": "2024-02-29", "tags": ["a"]},
        inputs=Ask(fullName="Ada"),
    ),
    case("node_generic", generic_nodes, "node generic", "[3, 3]", inputs=Wrap(3)),
    case(
        "node_generic_of_anything", generic_of_anything, "node generic", "[(1, 'a'), (1, 'a')]", inputs=Wrap((1, "a"))
    ),
    case(
        "node_fields",
        drafts,
        "node kw_only slots nested literal init_false same_instance",
        [Line("first"), Line("more", 1), Line("more", 2)],
        inputs=Begin(),
    ),
    case("node_hierarchy_disc", figures, "node subclass abstract get_node_id", 6.0, inputs=PickFigure("disc")),
    case("node_hierarchy_tile", figures, "node subclass abstract get_node_id", 4.0, inputs=PickFigure("tile")),
    case("node_subclass_same_id", greetings, "node subclass get_node_id", "ADA!", inputs=Greeting("Ada")),
    case("node_subclass_as_input", greetings, "node subclass get_node_id", "BO?", inputs=LoudGreeting("Bo", "?")),
    case("node_base_of_subclass", greetings, "node subclass get_node_id", "hush", inputs=Greeting("quiet")),
    case("node_same_shape_pass", judged, "node same_shape edge_label several_ends", "passed with 7", inputs=Judge(7)),
    case("node_same_shape_fail", judged, "node same_shape edge_label several_ends", 3, inputs=Judge(3)),
    case("node_ends_with_none", judged, "node end none", None, inputs=Judge(5)),
    case(
        "node_carries_node",
        carried,
        "node nested deps",
        107,
        inputs=LookUp(["a", "b"], AddUp([1])),
        deps=lambda: {"a": 2, "b": 4, "extra": 100},
    ),
    case("node_to_step", node_to_step, "node step step_node", "line x 2", inputs=3),
    case("node_to_step_without_inputs", node_to_step, "node step step_node", "nothing", inputs=1),
    case("node_or_step_or_end", node_to_step, "node step step_node end", "negative", inputs=0),
    case("match_node_even", match_node, "match_node decision", "even 4", inputs=4),
    case("match_node_odd", match_node, "match_node decision matches", "odd 3", inputs=3),
    case("match_node_odd_then_even", match_node, "match_node decision", "even 12", inputs=11),
    case("match_node_or_value", match_node, "match_node decision", "negative", inputs=-1),
    case(
        "node_to_join",
        node_to_join,
        "node join join_node map model",
        [Line("written", 0), Line("written", 2), Line("written", 2), Line("written", 6)],
        inputs=4,
    ),
    case("node_to_join_nothing", node_to_join, "node join join_node empty_map downstream_join_id", [], inputs=0),
    case(
        "map_of_nodes",
        map_of_nodes,
        "node model map match_node same_shape join_node transform",
        "left -3, left 0, left 2, middle 1",
        inputs=4,
    ),
    case("nodes_side_by_side", nodes_side_by_side, "node broadcast join_node step_node reduce_sum", 34, inputs=3),
]
