"""Numbers that parallel branches change: none is lost without a word."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    Json,
    PlainSerializer,
    RootModel,
    field_serializer,
    model_serializer,
    model_validator,
)
from pydantic_graph import BaseNode, End, Graph, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.client import Client
from temporalio.worker import Replayer

from temporal_graph import (
    GraphDefinitionError,
    GraphPlugin,
    InterruptibleGraph,
    Merge,
    StateConflictError,
    TemporalGraph,
)
from temporal_graph.temporal.driver import Driver
from tests.server.conftest import Serve


@dataclass
class Count:
    n: int = 0
    flag: bool = False
    name: str = ""


def squares(name: str, state: type[Any] = Count, edit: Any = None) -> Graph[Any, Any, Any, Any]:
    """The parallel example of the first page on pydantic-graph's builder, in which each branch also counts."""
    g = GraphBuilder(name=name, state_type=state, output_type=list[int], auto_instrument=False)

    @g.step(node_id="numbers")
    async def numbers(ctx: StepContext[Any, None, None]) -> list[int]:
        return [1, 2, 3, 4, 5]

    @g.step(node_id="square")
    async def square(ctx: StepContext[Any, None, int]) -> int:
        if edit is not None:
            edit(ctx.state)
        else:
            ctx.state.n += 1
            ctx.state.flag, ctx.state.name = True, "same"
        return ctx.inputs**2

    collect = g.join(reduce_list_append, initial_factory=list[int], node_id="collect")
    g.add(
        g.edge_from(g.start_node).to(numbers),
        g.edge_from(numbers).map(fork_id="each").to(square),
        g.edge_from(square).to(collect),
        g.edge_from(collect).to(g.end_node),
    )
    return g.build()


careless = TemporalGraph(squares("careless_numbers"))
summing = TemporalGraph(squares("summing_numbers"), numbers=Merge.sum)


async def test_a_number_that_two_branches_changed_is_a_conflict(serve: Serve, task_queue: str) -> None:
    async with serve(careless) as client:
        run = await careless.start(client, state=Count(), id=task_queue, task_queue=task_queue)
        with pytest.raises(StateConflictError) as caught:
            await run.result()
        assert caught.value.path == ("n",)
        for word in ("state.n", "'square'", "Merge.sum", "Merge.last", "numbers=Merge.sum"):
            assert word in str(caught.value)
        assert [checkpoint.kind async for checkpoint in run.history()].count("node_finished") >= 2
        # It is told in a replay as it was, too.
        await Replayer(workflows=[], plugins=[GraphPlugin(careless)]).replay_workflow(
            await client.get_workflow_handle(task_queue).fetch_history()
        )


async def test_a_graph_that_says_how_its_numbers_merge(serve: Serve, task_queue: str) -> None:
    async with serve(summing) as client:
        result = await summing.run(client, state=Count(), id=task_queue, task_queue=task_queue)
    assert (sorted(result.output), result.state) == ([1, 4, 9, 16, 25], Count(5, True, "same"))


@dataclass
class Free:
    pair: Any = (0, "a")


def count_in_a_pair(state: Free) -> None:
    state.pair = (state.pair[0] + 1, "b")


careless_pairs = TemporalGraph(squares("careless_pairs", Free, count_in_a_pair))
summing_pairs = TemporalGraph(squares("summing_pairs", Free, count_in_a_pair), numbers=Merge.sum)


async def test_a_number_in_a_value_that_is_set_as_a_whole(serve: Serve, task_queue: str) -> None:
    async with serve(careless_pairs, summing_pairs) as client:
        result = await summing_pairs.run(client, state=Free(), id=f"{task_queue}-sum", task_queue=task_queue)
        assert result.state == Free((5, "b"))
        with pytest.raises(StateConflictError, match=r"numbers in state\.pair.*Merge\.sum.*Merge\.last"):
            await careless_pairs.run(client, state=Free(), id=task_queue, task_queue=task_queue)


async def test_a_run_that_took_them_for_one_change_goes_on(
    client: Client, serve: Serve, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        # As releases did that knew nothing of it: no question, and no mark.
        earlier.setattr(Driver, "_tells_numbers", lambda self: False)
        async with serve(careless) as connected:
            result = await careless.run(connected, state=Count(), id=task_queue, task_queue=task_queue)
            assert result.state.n == 1
    # `serve` replays it, with the code of today, when it ends; and so does this.
    history = await client.get_workflow_handle(task_queue).fetch_history()
    await Replayer(workflows=[], plugins=[GraphPlugin(careless)]).replay_workflow(history)


# -- Of every kind, everywhere in a state, in this process ------------------------------------------------------------


class Inner(BaseModel):
    count: int = 0
    cost: Decimal = Decimal("0.00")


class Named(NamedTuple):
    count: int = 0
    name: str = ""


def from_text(value: Any) -> Any:
    return int(value.rstrip("#")) if isinstance(value, str) else value


def from_csv(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


class Written(BaseModel):
    count: Annotated[int, BeforeValidator(from_text)] = 0

    @field_serializer("count")
    def as_text(self, value: int) -> str:
        return str(value)


class Money(BaseModel):
    """One that is written as a text."""

    amount: Decimal = Decimal(0)
    currency: str = "EUR"

    @model_serializer
    def as_text(self) -> str:
        return f"{self.amount} {self.currency}"

    @model_validator(mode="before")
    @classmethod
    def from_text(cls, value: Any) -> Any:
        return dict(zip(("amount", "currency"), value.split(), strict=True)) if isinstance(value, str) else value


@dataclass
class Kinds:
    whole: int = 0
    part: float = 0.0
    price: Decimal = Decimal("0.00")
    spent: timedelta = timedelta(0)
    maybe: int | None = None
    either: int | str = 0
    inner: Inner = field(default_factory=Inner)
    new_inner: Inner | None = None
    by_name: dict[str, int] = field(default_factory=dict[str, int])
    by_key: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float])
    counter: Counter[str] = field(default_factory=Counter[str])
    items: list[int] = field(default_factory=lambda: [0, 0])
    pair: tuple[int, Decimal] = (0, Decimal(0))
    untyped: Any = 0
    untyped_dict: dict[Any, Any] = field(default_factory=dict[Any, Any])
    untyped_price: Any = Decimal("0.00")
    untyped_inner: Any = field(default_factory=Inner)
    untyped_pair: Any = (0, Decimal(0))
    named: Named = field(default_factory=Named)
    named_by_name: dict[str, Named] = field(default_factory=dict[str, Named])
    json: Json[int] = 0
    json_dict: Json[dict[str, int]] = field(default_factory=lambda: {"a": 0})
    own_text: Annotated[int, PlainSerializer(lambda n: f"{n}#"), BeforeValidator(from_text)] = 0
    written: Written = field(default_factory=lambda: Written())
    rooted: RootModel[int] = field(default_factory=lambda: RootModel[int](0))
    prices: deque[Decimal] = field(default_factory=lambda: deque([Decimal(0)]))
    few_prices: deque[Decimal] = field(default_factory=lambda: deque([Decimal(0)], maxlen=2))
    money: Money = field(default_factory=lambda: Money())
    maybe_items: list[int] | None = None
    csv: Annotated[list[int], PlainSerializer(lambda n: ",".join(map(str, n))), BeforeValidator(from_csv)] = field(
        default_factory=lambda: [0]
    )
    last: Annotated[int, Merge.last] = 0


def setting(name: str, value: Any) -> Any:
    def edit(state: Kinds) -> None:
        setattr(state, name, value)

    return edit


def pair(state: Kinds) -> None:
    state.pair = (state.pair[0] + 1, state.pair[1] + 1)


def into_new_inner(state: Kinds) -> None:
    state.new_inner = state.new_inner or Inner()
    state.new_inner.count += 1


def adding(expression: str) -> Any:
    code = compile(f"state.{expression}", "edit", "exec")

    def edit(state: Kinds) -> None:
        exec(code, {"state": state, "Decimal": Decimal, "timedelta": timedelta})

    return edit


CHANGES: dict[str, tuple[Any, Any]] = {
    "int": (adding("whole += 1"), lambda state: (state.whole, 5)),
    "float": (adding("part += 0.5"), lambda state: (state.part, 2.5)),
    "Decimal": (adding("price += Decimal('0.10')"), lambda state: (state.price, Decimal("0.50"))),
    "timedelta": (adding("spent += timedelta(minutes=1)"), lambda state: (state.spent, timedelta(minutes=5))),
    "optional": (adding("maybe = (state.maybe or 0) + 1"), lambda state: (state.maybe, 5)),
    "a union": (adding("either += 1"), lambda state: (state.either, 5)),
    "in a model": (adding("inner.count += 1"), lambda state: (state.inner.count, 5)),
    "a Decimal in a model": (adding("inner.cost += 1"), lambda state: (state.inner.cost, Decimal("5.00"))),
    "in a new model": (into_new_inner, lambda state: (state.new_inner.count, 5)),
    "in a dict": (
        adding("by_name['a'] = state.by_name.get('a', 0) + 1"),
        lambda state: (state.by_name, {"a": 5}),
    ),
    "by a key of any type": (
        adding("by_key[1, 2] = state.by_key.get((1, 2), 0.0) + 1"),
        lambda state: (state.by_key, {(1, 2): 5.0}),
    ),
    "a counter": (adding("counter['a'] += 1"), lambda state: (state.counter, Counter(a=5))),
    "in a list": (adding("items[1] += 1"), lambda state: (state.items, [0, 5])),
    "in a tuple": (pair, lambda state: (state.pair, (5, Decimal(5)))),
    "untyped": (adding("untyped += 1"), lambda state: (state.untyped, 5)),
    "in an untyped dict": (
        adding("untyped_dict['a'] = {'b': state.untyped_dict.get('a', {'b': 0})['b'] + 1}"),
        lambda state: (state.untyped_dict, {"a": {"b": 5}}),
    ),
    "an untyped Decimal": (adding("untyped_price += Decimal('0.10')"), lambda s: (s.untyped_price, Decimal("0.50"))),
    "in an untyped model": (adding("untyped_inner.cost += 1"), lambda s: (s.untyped_inner.cost, Decimal("5.00"))),
    "in an untyped tuple": (
        adding("untyped_pair = (state.untyped_pair[0] + 1, state.untyped_pair[1] + 1)"),
        lambda state: (state.untyped_pair, (5, Decimal(5))),
    ),
    "a new untyped Decimal": (
        adding("untyped_dict.setdefault('a', Decimal(1))"),
        lambda state: (state.untyped_dict, {"a": Decimal(5)}),
    ),
    "in a named tuple": (
        adding("named = state.named._replace(count=state.named.count + 1, name='a')"),
        lambda state: (state.named, Named(5, "a")),
    ),
    "in a new named tuple": (
        adding("named_by_name['a'] = type(state.named)(1, 'a')"),
        lambda state: (state.named_by_name, {"a": Named(5, "a")}),
    ),
    "JSON in a text": (adding("json += 1"), lambda state: (state.json, 5)),
    "in JSON in a text": (adding("json_dict['a'] += 1"), lambda state: (state.json_dict, {"a": 5})),
    "a text of its own": (adding("own_text += 1"), lambda state: (state.own_text, 5)),
    "a text of a model's": (adding("written.count += 1"), lambda state: (state.written, Written(count=5))),
    "in a root model": (adding("rooted.root += 1"), lambda state: (state.rooted, RootModel[int](5))),
    "in a deque": (adding("prices[0] += 1"), lambda state: (state.prices, deque([Decimal(5)]))),
    "in a deque with a limit": (adding("few_prices[0] += 1"), lambda s: (s.few_prices, deque([Decimal(5)], maxlen=2))),
}


@pytest.mark.parametrize(("edit", "found"), CHANGES.values(), ids=CHANGES)
async def test_numbers_of_every_kind(edit: Any, found: Any) -> None:
    graph = squares("numbers_of_every_kind", Kinds, edit)
    with pytest.raises(StateConflictError, match=r"Merge\.sum.*Merge\.last"):
        await TemporalGraph(graph).local().proceed(state=Kinds())
    stop = await TemporalGraph(graph, numbers=Merge.sum).local().proceed(state=Kinds())
    actual, expected = found(stop.state)
    assert (actual, type(actual), repr(actual)) == (expected, type(expected), repr(expected))


WHOLES: dict[str, Any] = {
    "a list that has grown": adding("items = [1, 0, 7]"),
    "a list that has shrunk": adding("items = [1]"),
    "a list where there was None": adding("maybe_items = [1]"),
    "an untyped tuple that has grown": adding("untyped_pair = (*state.untyped_pair, 1)"),
    "a new untyped tuple": adding("untyped_dict['a'] = (1,)"),
    "a list where there was a number": adding("untyped = [1]"),
    "a model that is written as a text": adding("money.amount += 1"),
    "a list that is written as a text": adding("csv = [1]"),
}


@pytest.mark.parametrize("edit", WHOLES.values(), ids=WHOLES)
async def test_numbers_in_what_does_not_merge_by_its_parts(edit: Any) -> None:
    graph = squares("numbers_in_wholes", Kinds, edit)
    for numbers in (None, Merge.sum):
        with pytest.raises(StateConflictError, match=r"numbers in state\..*Merge\.sum.*Merge\.last"):
            await TemporalGraph(graph, numbers=numbers).local().proceed(state=Kinds())


EQUAL: dict[str, Any] = {
    "fewer items": adding("items = [0]"),
    "a dict with fewer keys": adding("counter.clear()"),
    "None": adding("whole = 0; state.maybe = None"),
    "names": adding("untyped = ('a', True)"),
    "a set": adding("untyped = {1, 2}"),
    "a new named tuple without numbers": adding("untyped_dict['a'] = [('a', 'b')][0]"),
}


@pytest.mark.parametrize("edit", EQUAL.values(), ids=EQUAL)
async def test_equal_changes_without_numbers_are_one_change(edit: Any) -> None:
    graph, expected = squares("numbers_none", Kinds, edit), Kinds()
    edit(expected)
    for numbers in (None, Merge.sum):
        assert (await TemporalGraph(graph, numbers=numbers).local().proceed(state=Kinds())).state == expected


@dataclass
class Deep:
    """Two branches make the same object where there was none."""

    inner: Inner | None = None


async def test_many_branches_that_make_an_object_around_a_number() -> None:
    def edit(state: Deep) -> None:
        state.inner = Inner(count=1)

    stop = await TemporalGraph(squares("numbers_deep", Deep, edit), numbers=Merge.sum).local().proceed(state=Deep())
    assert stop.state == Deep(Inner(count=5, cost=Decimal("0.00")))


class Started(BaseModel):
    """One whose numbers do not begin at 0."""

    left: int = 100
    price: Annotated[Decimal, Merge.sum] = Decimal("0.50")
    least: Annotated[int | None, Merge.sum] = None
    named: Named = Named(7, "a")
    inner: Inner = Inner(count=3)
    other: Inner = Field(default_factory=Inner)
    made: float = Field(default_factory=lambda: 0.5)
    zero: Decimal = Field(default_factory=Decimal)
    names: list[str] = ["first"]


@dataclass
class Starting:
    maybe: Started | None = None
    by_name: dict[str, Started] = field(default_factory=dict[str, Started])
    untyped: dict[Any, Any] = field(default_factory=dict[Any, Any])


STARTS = {
    "set where there was None": ("maybe = state.maybe or Started()", lambda state: state.maybe),
    "in a dict": ("by_name.setdefault('a', Started())", lambda state: state.by_name["a"]),
    "untyped": ("untyped.setdefault(1, Started())", lambda state: state.untyped[1]),
}


@pytest.mark.parametrize(("make", "found"), STARTS.values(), ids=STARTS)
async def test_many_branches_that_make_an_object_with_defaults(make: str, found: Any) -> None:
    def edit(state: Starting) -> None:
        exec(f"state.{make}", {"state": state, "Started": Started})
        it = found(state)
        it.left -= 1
        it.price += 1
        it.inner.count += 1
        it.other.count += 1
        it.zero += 1
        it.named = it.named._replace(count=it.named.count + 1)
        it.made = 0.0

    graph = squares("numbers_started", Starting, edit)
    stop = await TemporalGraph(graph, numbers=Merge.sum).local().proceed(state=Starting())
    assert found(stop.state) == Started(
        left=95,
        price=Decimal("5.50"),
        inner=Inner(count=8),
        other=Inner(count=5),
        zero=Decimal(5),
        named=Named(12, "a"),
        made=0.0,
    )


@dataclass
class Plainly:
    maybe: Inner | None = None
    by_name: dict[str, Inner] = field(default_factory=dict[str, Inner])
    untyped: dict[Any, Any] = field(default_factory=dict[Any, Any])


async def test_what_is_as_it_began_has_not_been_counted() -> None:
    def keep(state: Plainly) -> None:
        state.maybe = state.maybe or Inner()
        state.by_name.setdefault("a", Inner())
        state.untyped.setdefault(1, Inner())

    stop = await TemporalGraph(squares("numbers_kept", Plainly, keep)).local().proceed(state=Plainly())
    assert stop.state == Plainly(Inner(), {"a": Inner()}, {1: Inner()})


async def test_a_field_with_a_rule_of_its_own() -> None:
    graph = squares("numbers_own_rule", Kinds, adding("last += 1"))
    for numbers in (None, Merge.sum):
        stop = await TemporalGraph(graph, numbers=numbers).local().proceed(state=Kinds())
        assert stop.state.last == 1


@dataclass
class Spread(BaseNode[Count, None, int]):
    async def run(self, ctx: GraphRunContext[Count]) -> End[int]:
        ctx.state.n += 1
        return End(ctx.state.n)


async def test_a_graph_of_node_classes_takes_it_too() -> None:
    graph = InterruptibleGraph(nodes=[Spread], name="numbers_of_nodes", numbers=Merge.sum)
    assert (await graph.local().proceed(from_node=Spread(), state=Count())).output == 1


@pytest.mark.parametrize("numbers", [sum, "sum", 1, Merge])
def test_what_does_not_say_how_numbers_merge(numbers: Any) -> None:
    with pytest.raises(GraphDefinitionError, match=r"numbers is .*it must be Merge\.sum"):
        TemporalGraph(squares("numbers_wrong"), numbers=numbers)
