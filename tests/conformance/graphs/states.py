"""States: of every kind, edited in every way, by one node after another and by branches side by side."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, NamedTuple, NotRequired, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic_graph import (
    BaseNode,
    End,
    Graph,
    GraphBuilder,
    GraphRunContext,
    ReducerContext,
    StepContext,
    TypeExpression,
    reduce_null,
)
from typing_extensions import TypedDict

from temporal_graph import Merge
from tests.conformance.case import Case, case
from tests.conformance.graphs.values import same

Edit = Callable[[Any], None]
T = TypeVar("T")


def edits(name: str, state_type: Any, *functions: Edit) -> Graph[Any, Any, Any, Any]:
    """A chain of steps, each with one edit; each sees what the ones before it did."""
    g = GraphBuilder(name=name, state_type=TypeExpression[state_type], output_type=str, auto_instrument=False)
    before: Any = g.start_node
    for index, function in enumerate(functions):
        step = g.step(_editor(function), node_id=f"edit_{index}")
        g.add(g.edge_from(before).to(step))
        before = step
    g.add(g.edge_from(before).transform(lambda ctx: type(ctx.state).__name__).to(g.end_node))
    return g.build()


def beside(name: str, state_type: Any, *functions: Edit) -> Graph[Any, Any, Any, Any]:
    """Steps side by side, each with one edit; then a join."""
    g = GraphBuilder(name=name, state_type=TypeExpression[state_type], output_type=str, auto_instrument=False)
    done = g.join(reduce_null, initial=None, node_id="done")
    steps = [g.step(_editor(function), node_id=f"edit_{index}") for index, function in enumerate(functions)]
    g.add(
        g.edge_from(g.start_node).broadcast(lambda edge: [edge.to(step) for step in steps], fork_id="sides"),
        g.edge_from(*steps).to(done),
        g.edge_from(done).transform(lambda ctx: type(ctx.state).__name__).to(g.end_node),
    )
    return g.build()


def _editor(function: Edit) -> Any:
    async def edit(ctx: StepContext[Any, None, None]) -> None:
        function(ctx.state)

    return edit


def becomes(
    id: str, graph: Graph[Any, Any, Any, Any], before: Callable[[], Any], after: Any, features: str = "", **others: Any
) -> Case:
    """A case whose final state is this, in type too; its output is the name of the state's type."""
    normalize = others.pop("normalize_state", lambda state: state)

    def normalize_state(state: Any) -> Any:
        state = normalize(state)
        assert same(state, after), state
        return state

    return case(
        id,
        graph,
        f"state {features}",
        type(after).__name__,
        state=before,
        expected_state=after,
        normalize_state=normalize_state,
        **others,
    )


def setting(*path: Any, to: Any) -> Edit:
    """An edit that sets an attribute or an item, found along a path."""

    def edit(state: Any) -> None:
        *way, last = path
        for key in way:
            state = state[key] if isinstance(state, dict | list) else getattr(state, key)
        if isinstance(state, dict | list):
            state[last] = deepcopy(to)
        else:
            setattr(state, last, deepcopy(to))

    return edit


class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


class Spot(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Address:
    city: str
    tags: frozenset[str] = frozenset()


@dataclass
class Item:
    name: str
    amount: int = 1


@dataclass
class Special(Item):
    price: Decimal = Decimal("0.00")


@dataclass
class Circle:
    size: int


@dataclass
class Box:
    size: int


@dataclass
class Shelf:
    """Everything a dataclass may hold."""

    items: list[Item] = field(default_factory=list[Item])
    words: list[str] = field(default_factory=list[str])
    by_name: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    tags: set[str] = field(default_factory=set[str])
    spots: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    address: Address = Address("Rome")
    chosen: Item | None = None
    figure: Circle | Box | None = None
    log: list[Any] = field(init=False, default_factory=list[Any], repr=False)


def shelf(**changes: Any) -> Shelf:
    log = changes.pop("log", [])
    made = Shelf(**changes)
    made.log = log
    return made


class Profile(BaseModel):
    """Everything a model may hold."""

    model_config = ConfigDict(populate_by_name=True, validate_assignment=True)

    full_name: str = Field(alias="fullName")
    years: int = Field(default=0, validation_alias="age", serialization_alias="AGE")
    token: str = Field(default="", exclude=True)
    emails: list[str] = Field(default_factory=list[str])
    best_friend: Profile | None = Field(default=None, alias="bestFriend")
    limits: dict[str, dict[str, int]] = {}


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    known: int = 0


class Cart(TypedDict):
    items: list[str]
    coupon: NotRequired[str]
    paid: NotRequired[bool | None]


class Kinds(BaseModel):
    at: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    day: date = date(2024, 1, 1)
    wait: timedelta = timedelta(0)
    price: Decimal = Decimal("1.00")
    mood: Mood = Mood.CALM
    id: UUID = UUID(int=0)
    raw: bytes = b""
    pair: tuple[int, str] = (0, "")
    spot: Spot = Spot(0, 0)
    queue: deque[int] = deque()
    counts: Counter[str] = Counter()
    by_mood: dict[Mood, int] = {}
    by_number: dict[int, str] = {}
    by_pair: dict[tuple[int, int], str] = {}


@dataclass
class Typed(Generic[T]):
    value: T
    history: list[T] = field(default_factory=list[T])


@dataclass
class Branch:
    name: str
    below: list[Branch] = field(default_factory=list["Branch"])


@dataclass
class Tally:
    total: Annotated[int, Merge.sum] = 0
    best: Annotated[int, Merge.max] = 0
    worst: Annotated[float, Merge.min] = 100.0
    latest: Annotated[str, Merge.last] = ""
    spent: Annotated[Decimal, Merge.sum] = Decimal("0.00")
    joined: Annotated[str, Merge(lambda base, current, mine: "".join(sorted(current + mine.removeprefix(base))))] = ""
    seen: Annotated[dict[str, int], "not a rule"] = field(default_factory=dict[str, int])
    nested: dict[str, Annotated[int, Merge.sum]] = field(default_factory=dict[str, int])
    notes: list[str] = field(default_factory=list[str])
    tags: set[str] = field(default_factory=set[str])
    left: int | None = None
    right: Item | None = None


class Counted(TypedDict):
    total: NotRequired[Annotated[int, Merge.sum]]
    tags: NotRequired[set[str]]


@dataclass
class Wallet(Generic[T]):
    owner: T
    total: Annotated[int, Merge.sum] = 0
    tags: set[T] = field(default_factory=set[T])


@dataclass
class Nest:
    inner: Tally | None = None
    sets: dict[str, dict[str, set[int]]] = field(default_factory=dict[str, dict[str, set[int]]])
    rows: list[list[int]] = field(default_factory=list[list[int]])
    numbers: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    moods: dict[Mood, int] = field(default_factory=dict[Mood, int])
    figures: dict[str, Circle | Box] = field(default_factory=dict[str, Circle | Box])
    queue: deque[int] = field(default_factory=deque[int])
    kept: frozenset[str] | None = None


def more(number: int, tag: str) -> Edit:
    """What a branch adds to a total and to tags, in an object or a dict."""

    def edit(state: Any) -> None:
        if isinstance(state, dict):
            state["total"] += number
            state["tags"].add(tag)
        else:
            state.total += number
            state.tags.add(tag)

    return edit


def count(number: int) -> Edit:
    """What a branch does to a tally, whichever comes first."""

    def edit(state: Tally) -> None:
        state.total += number
        state.best = max(state.best, number)
        state.worst = min(state.worst, number / 2)
        state.spent += Decimal(number) / 4
        state.joined += str(number)
        state.nested["all"] = state.nested.get("all", 0) + number

    return edit


def meet(number: int) -> Edit:
    def edit(state: Tally) -> None:
        state.notes.append(f"note {number}")
        state.tags |= {"all", f"tag {number}"}
        state.tags.discard("old")
        state.seen[f"key {number}"] = number
        state.latest = "same"

    return edit


def sorted_notes(state: Tally) -> Tally:
    return replace(state, notes=sorted(state.notes))


def sums_into_state(ctx: ReducerContext[Tally, None], current: int, number: int) -> int:
    """A reducer that reads and changes the state."""
    ctx.state.seen[f"key {number}"] = current
    ctx.state.left = (ctx.state.left or 0) + number
    return ctx.state.left


def with_reducer() -> Graph[Tally, None, int, int]:
    g = GraphBuilder(name="state_in_reducer", state_type=Tally, input_type=int, output_type=int, auto_instrument=False)

    @g.step(node_id="numbers")
    async def numbers(ctx: StepContext[Tally, None, int]) -> list[int]:
        return [ctx.inputs]

    @g.step(node_id="number")
    async def number(ctx: StepContext[Tally, None, int]) -> int:
        ctx.state.total += ctx.inputs
        return ctx.inputs

    total = g.join(sums_into_state, initial=0, node_id="total")

    def note(ctx: StepContext[Tally, None, int]) -> int:
        ctx.state.notes.append(f"sum {ctx.inputs}")
        return ctx.inputs + ctx.state.total

    g.add(
        g.edge_from(g.start_node).to(numbers),
        g.edge_from(numbers).map(fork_id="each").to(number),
        g.edge_from(number).to(total),
        g.edge_from(total).transform(note).transform(note).to(g.end_node),
    )
    return g.build()


def with_loop() -> Graph[list[int], None, None, int]:
    g = GraphBuilder(
        name="state_in_loop", state_type=list[int], input_type=type(None), output_type=int, auto_instrument=False
    )

    @g.step(node_id="shrink")
    async def shrink(ctx: StepContext[list[int], None, None]) -> int:
        assert type(ctx.state) is list
        return ctx.state.pop(0)

    @g.step(node_id="grow")
    async def grow(ctx: StepContext[list[int], None, int]) -> None:
        ctx.state.extend([ctx.inputs - 1] * 2)

    g.add(
        g.edge_from(g.start_node).to(shrink),
        g.edge_from(shrink).to(
            g.decision(node_id="big")
            .branch(g.match(int, matches=lambda number: number > 0).to(grow))
            .branch(g.match(int).transform(lambda ctx: len(ctx.state)).to(g.end_node))
        ),
        g.edge_from(grow).to(shrink),
    )
    return g.build()


@dataclass
class Fetch(BaseNode[dict[str, list[int]], None, int]):
    key: str

    async def run(self, ctx: GraphRunContext[dict[str, list[int]]]) -> Store | End[int]:
        found = ctx.state.setdefault(self.key, [])
        return End(sum(found)) if len(found) > 2 else Store(self.key, len(found) + 1)


@dataclass
class Store(BaseNode[dict[str, list[int]], None, int]):
    key: str
    number: int

    async def run(self, ctx: GraphRunContext[dict[str, list[int]]]) -> Fetch:
        ctx.state[self.key].append(self.number)
        ctx.state.pop("gone", None)
        return Fetch(self.key)


g = GraphBuilder(
    name="state_in_nodes", state_type=dict[str, list[int]], input_type=Fetch, output_type=int, auto_instrument=False
)
g.add(g.node(Fetch), g.node(Store), g.edge_from(g.start_node).to(Fetch))
state_in_nodes = g.build()


def nothing() -> Graph[None, None, int, int]:
    g = GraphBuilder(name="state_none", input_type=int, output_type=int, auto_instrument=False)

    @g.step(node_id="look")
    async def look(ctx: StepContext[None, None, int]) -> int:
        assert ctx.state is None
        return ctx.inputs

    g.add(g.edge_from(g.start_node).to(look), g.edge_from(look).to(g.end_node))
    return g.build()


def edited(
    id: str, before: Callable[[], Any], after: Any, *functions: Edit, type_: Any = None, about: str = ""
) -> Case:
    """A case of a chain of edits."""
    return becomes(id, edits(id, type_ or type(after), *functions), before, after, about)


def parallel(id: str, before: Callable[[], Any], after: Any, *functions: Edit, **others: Any) -> Case:
    """A case of edits side by side."""
    type_ = others.pop("type_", type(after))
    return becomes(id, beside(id, type_, *functions), before, after, "broadcast join parallel merge", **others)


CASES = [
    edited(
        "state_list",
        lambda: ["a", "b", "c"],
        ["", "B", "b", "d", "é"],
        lambda s: s.append("d"),
        lambda s: s.insert(1, "x"),
        lambda s: s.remove("a"),
        lambda s: s.reverse(),
        lambda s: s.pop(),
        lambda s: s.extend(["", "é"]),
        setting(1, to="B"),
        lambda s: s.sort(),
        type_=list[str],
    ),
    edited("state_list_cleared", lambda: [1, 2], [], lambda s: s.clear(), type_=list[int]),
    edited(
        "state_dict",
        lambda: {"a": 1, "b": 2, "": 3},
        {"b": 20, "$type": 5, "a.b/0": 6, "a": 4},
        lambda s: s.pop("a"),
        setting("b", to=20),
        setting("$type", to=5),
        setting("a.b/0", to=6),
        lambda s: s.pop(""),
        setting("a", to=4),
        type_=dict[str, int],
    ),
    edited(
        "state_dict_of_any",
        lambda: {"n": None},
        {"n": [1, 2.0, True], "deep": {"x": {"y": None}}, "when": date(2024, 1, 1)},
        setting("n", to=[1, 2]),
        setting("deep", to={"x": {}}),
        setting("n", 1, to=2.0),
        setting("deep", "x", "y", to=None),
        lambda s: s["n"].append(True),
        setting("when", to=date(2024, 1, 1)),
        type_=dict[str, Any],
    ),
    edited(
        "state_typed_dict",
        lambda: {"items": ["a"], "coupon": "X"},
        {"items": ["b"], "paid": None},
        setting("items", 0, to="b"),
        setting("paid", to=True),
        lambda s: s.pop("coupon"),
        setting("paid", to=None),
        type_=Cart,
    ),
    edited(
        "state_items",
        shelf,
        shelf(items=[Special("a", 5, Decimal("9.90")), Item("c", 4)]),
        lambda s: s.items.extend([Item("a"), Item("b"), Item("c")]),
        setting("items", 2, "amount", to=4),
        lambda s: s.items.pop(1),
        setting("items", 0, to=Special("a", 5)),
        setting("items", 0, "price", to=Decimal("9.90")),
        about="dataclass nested subclass",
    ),
    edited(
        "state_sets",
        lambda: shelf(tags={"old", "kept"}),
        shelf(tags={"kept", "new"}, spots={(1, 2)}),
        lambda s: s.tags.add("new"),
        lambda s: s.tags.discard("old"),
        lambda s: s.spots.update({(1, 2), (3, 4)}),
        lambda s: s.spots.remove((3, 4)),
        about="dataclass set",
    ),
    edited(
        "state_dict_of_lists",
        shelf,
        shelf(by_name={"a": [3, 2], "c": []}),
        setting("by_name", "a", to=[1, 2]),
        setting("by_name", "b", to=[]),
        lambda s: s.by_name["a"].__setitem__(0, 3),
        lambda s: s.by_name.pop("b"),
        setting("by_name", "c", to=[]),
        about="dataclass dict list",
    ),
    edited(
        "state_optional",
        shelf,
        shelf(chosen=None, log=[1, "two", None]),
        setting("chosen", to=Item("a")),
        setting("chosen", "amount", to=3),
        lambda s: s.log.append(s.chosen.amount // 3),
        setting("chosen", to=None),
        lambda s: s.log.extend(["two", s.chosen]),
        about="dataclass optional init_false",
    ),
    edited(
        "state_frozen_inside",
        shelf,
        shelf(address=Address("Oslo", frozenset({"cold"}))),
        lambda s: setattr(s, "address", replace(s.address, city="Oslo")),
        lambda s: setattr(s, "address", replace(s.address, tags=s.address.tags | {"cold"})),
        about="dataclass frozen",
    ),
    edited(
        "state_union",
        shelf,
        shelf(figure=Circle(2), log=["Circle", "Box"]),
        setting("figure", to=Circle(1)),
        lambda s: s.log.append(type(s.figure).__name__),
        setting("figure", to=Box(1)),
        lambda s: s.log.append(type(s.figure).__name__),
        setting("figure", to=Circle(1)),
        setting("figure", "size", to=2),
        about="dataclass union same_shape",
    ),
    edited(
        "state_model",
        lambda: Profile(fullName="Ada", age=3, token="t"),
        Profile(fullName="Eve", age=4, token="u", bestFriend=Profile(fullName="Bo"), limits={"a": {"y": 2}}),
        setting("years", to=4),
        setting("full_name", to="Eve"),
        setting("token", to="u"),
        setting("best_friend", to=Profile(full_name="Al")),
        setting("best_friend", "full_name", to="Bo"),
        lambda s: s.emails.append("a@b"),
        setting("emails", to=[]),
        setting("limits", "a", to={"x": 1}),
        setting("limits", "a", "y", to=2),
        lambda s: s.limits["a"].pop("x"),
        about="model alias exclude nested",
    ),
    edited(
        "state_extra",
        lambda: Open(known=1, other=[1]),
        Open(known=2, other=[1, 2], more={"a": 1}),
        setting("known", to=2),
        lambda s: s.other.append(2),
        setting("more", to={"a": 1}),
        about="model extra",
    ),
    edited(
        "state_kinds",
        Kinds,
        Kinds(
            at=datetime(2025, 1, 1, 1, 1, 1, 1, tzinfo=UTC),
            day=date(2025, 2, 28),
            wait=timedelta(microseconds=1),
            price=Decimal("1.10"),
            mood=Mood.WILD,
            id=UUID(int=9),
            raw=b"\xff\x00",
            pair=(1, "a"),
            spot=Spot(1, 2),
        ),
        setting("at", to=datetime(2025, 1, 1, 1, 1, 1, 1, tzinfo=UTC)),
        lambda s: setattr(s, "day", s.day + timedelta(days=424)),
        lambda s: setattr(s, "wait", s.wait + timedelta(microseconds=1)),
        lambda s: setattr(s, "price", s.price + Decimal("0.10")),
        setting("mood", to=Mood.WILD),
        setting("id", to=UUID(int=9)),
        setting("raw", to=b"\xff\x00"),
        setting("pair", to=(1, "a")),
        lambda s: setattr(s, "spot", s.spot._replace(x=1, y=2)),
        about="model datetime decimal enum uuid bytes tuple",
    ),
    edited(
        "state_collections",
        Kinds,
        Kinds(
            queue=deque([2, 3]),
            counts=Counter({"a": 2}),
            by_mood={Mood.WILD: 2},
            by_number={-1: "x", 7: "y"},
            by_pair={(1, 2): "z"},
        ),
        lambda s: s.queue.extend([1, 2, 3]),
        lambda s: s.queue.popleft(),
        lambda s: s.counts.update("aab"),
        lambda s: s.counts.__delitem__("b"),
        setting("by_mood", Mood.CALM, to=1),
        setting("by_mood", Mood.WILD, to=2),
        lambda s: s.by_mood.pop(Mood.CALM),
        setting("by_number", -1, to="x"),
        setting("by_number", 7, to="y"),
        setting("by_pair", (0, 0), to="-"),
        setting("by_pair", (1, 2), to="z"),
        lambda s: s.by_pair.pop((0, 0)),
        about="model dict keys counter deque",
    ),
    edited(
        "state_generic",
        lambda: Typed(1),
        Typed(2, [1]),
        lambda s: s.history.append(s.value),
        setting("value", to=2),
        type_=Typed[int],
        about="dataclass generic",
    ),
    edited(
        "state_recursive",
        lambda: Branch("root"),
        Branch("root", [Branch("b", [Branch("c")])]),
        lambda s: s.below.append(Branch("a", [Branch("x")])),
        lambda s: s.below.insert(0, Branch("b")),
        lambda s: s.below.pop(),
        lambda s: s.below[0].below.append(Branch("c")),
        about="dataclass recursive",
    ),
    edited("state_untouched", shelf, shelf(), lambda s: None, lambda s: list(s.items), about="dataclass"),
    parallel(
        "state_merge_collections",
        lambda: Tally(tags={"old"}),
        Tally(
            latest="same",
            notes=["note 1", "note 2"],
            tags={"all", "tag 1", "tag 2"},
            seen={"key 1": 1, "key 2": 2},
        ),
        meet(1),
        meet(2),
        normalize_state=lambda state: replace(sorted_notes(state), seen=dict(sorted(state.seen.items()))),
    ),
    parallel(
        "state_merge_fields",
        lambda: Tally(right=Item("a"), notes=["x", "y"]),
        Tally(left=1, right=Item("b", 2), notes=["X", "Y"]),
        setting("left", to=1),
        setting("right", "name", to="b"),
        setting("right", "amount", to=2),
        setting("notes", 0, to="X"),
        setting("notes", 1, to="Y"),
        setting("right", "name", to="b"),
    ),
    parallel(
        "state_merge_deletions",
        lambda: {"a": [1], "b": [2], "c": [3]},
        {"c": [3, 4]},
        lambda s: s.pop("a", None),
        lambda s: (s.pop("b"), s.pop("a", None)),
        lambda s: s["c"].append(4),
        type_=dict[str, list[int]],
    ),
    parallel(
        "state_merge_inside",
        lambda: Nest(Tally(), {"a": {"x": {5}}}, [[1], [2]], {1: [1]}, {}, {"a": Circle(1), "b": Box(1)}, deque([1])),
        Nest(
            Tally(total=3, tags={"a", "b"}),
            {"a": {"x": {1, 9}, "y": {0}}},
            [[1, 5], [2, 6]],
            {1: [1, 2], 2: [3]},
            {Mood.CALM: 1, Mood.WILD: 2},
            {"a": Box(1), "c": Circle(3)},
            deque([1, 2]),
            frozenset({"k"}),
        ),
        lambda s: (more(1, "a")(s.inner), s.sets["a"]["x"].add(1), s.rows[0].append(5), s.numbers[1].append(2)),
        lambda s: (s.sets["a"]["x"].add(9), s.sets["a"].setdefault("y", set()).add(0), s.rows[1].append(6)),
        lambda s: (more(2, "b")(s.inner), s.sets["a"]["x"].discard(5), setting("numbers", 2, to=[3])(s)),
        lambda s: (setting("moods", Mood.CALM, to=1)(s), setting("figures", "a", to=Box(1))(s), s.queue.append(2)),
        lambda s: (setting("moods", Mood.WILD, to=2)(s), s.figures.pop("b"), setting("kept", to=frozenset({"k"}))(s)),
        lambda s: setting("figures", "c", to=Circle(3))(s),
        normalize_state=lambda s: replace(s, moods={mood: s.moods[mood] for mood in Mood}),
    ),
    parallel(
        "state_same_item_twice", lambda: [1], [1, 2, 2], lambda s: s.append(2), lambda s: s.append(2), type_=list[int]
    ),
    case(
        "state_in_reducer",
        with_reducer(),
        "state reducer_context transform map",
        12,
        inputs=4,
        state=Tally,
        expected_state=Tally(total=4, left=4, seen={"key 4": 0}, notes=["sum 4", "sum 8"]),
    ),
    case(
        "state_in_loop",
        with_loop(),
        "state loop decision transform",
        3,
        state=lambda: [2],
        expected_state=[0, 0, 0],
    ),
    case(
        "state_in_nodes",
        state_in_nodes,
        "state node loop",
        6,
        inputs=Fetch("a"),
        state=lambda: {"gone": [1]},
        expected_state={"a": [1, 2, 3]},
    ),
    case("state_none", nothing(), "state none", 5, inputs=5, expected_state=None),
    parallel(
        "state_merge_rules",
        lambda: Tally(total=1, joined="a"),
        Tally(total=7, best=3, worst=0.5, spent=Decimal("1.50"), joined="1a23", nested={"all": 6}),
        *(count(number) for number in (1, 2, 3)),
        normalize_state=lambda state: replace(
            state, joined="1a23" if sorted(state.joined) == [*"123a"] else state.joined
        ),
    ),
    parallel(
        "state_merge_equal_sums",
        Tally,
        Tally(total=2, tags={"a"}),
        more(1, "a"),
        more(1, "a"),
    ),
    parallel(
        "state_merge_equal_new_lists",
        dict,
        {"new": [1, 1]},
        lambda s: s.setdefault("new", []).append(1),
        lambda s: s.setdefault("new", []).append(1),
        type_=dict[str, list[int]],
    ),
    parallel(
        "state_merge_item_and_append",
        lambda: [[1]],
        [[0], [2]],
        lambda s: s[0].__setitem__(0, 0),
        lambda s: s.append([2]),
        type_=list[list[int]],
    ),
    parallel(
        "state_merge_keys",
        lambda: {Mood.CALM: 1},
        {Mood.CALM: 5, Mood.WILD: 2},
        setting(Mood.CALM, to=5),
        setting(Mood.WILD, to=2),
        type_=dict[Mood, int],
    ),
    parallel(
        "state_merge_typed_dict",
        lambda: {"total": 0, "tags": {"m"}},
        {"total": 3, "tags": {"a", "m", "z"}},
        more(1, "a"),
        more(2, "z"),
        type_=Counted,
    ),
    parallel(
        "state_merge_generic",
        lambda: Wallet("ana", tags={"m"}),
        Wallet("ana", 3, {"a", "m", "z"}),
        more(1, "a"),
        more(2, "z"),
        type_=Wallet[str],
    ),
    parallel(
        "state_merge_subclass_in_list",
        lambda: [Special("a")],
        [Special("a", 4, Decimal("2.00"))],
        setting(0, "amount", to=4),
        setting(0, "price", to=Decimal("2.00")),
        type_=list[Item],
    ),
]
