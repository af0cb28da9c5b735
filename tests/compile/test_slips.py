"""Slips of the pen: each gets an error at the earliest moment, which quotes what was written and names the cure."""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import re
import sys
import typing
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
import typing_extensions
from pydantic import BaseModel
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext
from pydantic_graph.join import reduce_list_append, reduce_sum
from temporalio.client import Client

import temporal_graph as tg
from temporal_graph import (
    ApprovalQueue,
    GraphDefinitionError,
    GraphInputError,
    GraphRunError,
    InterruptibleGraph,
    InterruptNode,
    Merge,
    TemporalGraph,
    interrupt,
)


def refused(make: Callable[[], Any]) -> str:
    with pytest.raises(GraphDefinitionError) as caught:
        make()
    return str(caught.value)


def one_step(call: Any, **types: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(name="one", **types)
    step = g.step(call, node_id="only")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build())


# -- Required ---------------------------------------------------------------------------------------------------------


class Review(InterruptNode[None, None, int]):
    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@dataclass
class TypingsMark(Review):
    ok: Annotated[bool | None, typing.Required] = None


@dataclass
class ExtensionsMark(Review):
    ok: Annotated[bool | None, typing_extensions.Required, "a note"] = None


@dataclass
class TypingsType(Review):
    ok: typing.Required[bool] = None  # type: ignore[assignment]


@dataclass
class OursAsAType(Review):
    ok: tg.Required = None  # type: ignore[assignment]


@dataclass
class OursAsADefault(Review):
    ok: bool | None = tg.Required  # type: ignore[assignment]


@dataclass
class OursInside(Review):
    ok: Annotated[bool, tg.Required] | None = None


@dataclass
class OursInAList(Review):
    ok: list[Annotated[bool | None, tg.Required]] | None = None


@dataclass
class OursInADict(Review):
    ok: Annotated[dict[str, tuple[Annotated[bool, tg.Required], ...]] | None, "a note"] = None


@dataclass
class OursInBoth(Review):
    ok: Annotated[list[Annotated[bool, tg.Required]] | None, tg.Required] = None


@dataclass
class OursAsAnItem(Review):
    ok: list[tg.Required] | None = None


class OursInAModel(BaseModel, Review):
    ok: list[Annotated[bool | None, tg.Required]] = []


class OfAModel(BaseModel, Review):
    ok: Annotated[bool | None, typing.Required] = None


@dataclass
class OursSubscripted(Review):
    ok: tg.Required[bool] = None  # type: ignore[type-arg, assignment]


@dataclass
class NoInterruptNode(BaseNode[None, None, int]):
    ok: Annotated[bool | None, typing.Required] = None

    async def run(self, ctx: GraphRunContext[None]) -> End[int]:
        return End(1)


@pytest.mark.parametrize(
    ("node", "slip"),
    [
        (TypingsMark, "typing's Required"),
        (ExtensionsMark, "typing's Required"),
        (TypingsType, "typing's Required"),
        (OfAModel, "typing's Required"),
        (NoInterruptNode, "typing's Required"),
        (OursAsAType, "Required for its type"),
        (OursAsADefault, "Required for its default"),
        *((node, "Required inside its type") for node in (OursInside, OursInAList, OursInADict, OursInBoth)),
        *((node, "Required inside its type") for node in (OursAsAnItem, OursInAModel)),
    ],
)
def test_what_only_looks_like_a_required_field(node: Any, slip: str) -> None:
    message = refused(lambda: InterruptibleGraph([node], name="review"))
    assert message.startswith(f"Field 'ok' of {node.__name__} has {slip}")
    assert message.endswith("from temporal_graph import Required, and ok: Annotated[T | None, Required] = None.")


def test_required_written_as_typings_is() -> None:
    message = refused(lambda: InterruptibleGraph([OursSubscripted], name="review"))
    assert message.endswith("name: Annotated[bool | None, Required] = None.")
    assert refused(lambda: tg.Required["bool"]) == message  # type: ignore[misc]


class Form(typing_extensions.TypedDict, total=False):
    name: typing_extensions.Required[str]


@dataclass
class Fill(Review):
    form: Annotated[Form | None, tg.Required] = None
    others: list[Form] = field(default_factory=list[Form])


async def test_keys_of_a_typed_dict_are_required_as_typing_has_it() -> None:
    stop = await InterruptibleGraph([Fill], name="fill").local().proceed(from_node=Fill())
    assert (stop.interrupts[0].response_schema or {})["required"] == ["form"]


# -- Functions that are not async -------------------------------------------------------------------------------------


@dataclass
class SyncNode(BaseNode[None, None, int]):
    def run(self, ctx: GraphRunContext[None]) -> End[int]:  # type: ignore[override]
        return End(1)


@dataclass
class SyncReview(InterruptNode[None, None, int]):
    def run(self, ctx: GraphRunContext[None]) -> End[int]:  # type: ignore[override]
        return End(1)


@pytest.mark.parametrize("node", [SyncNode, SyncReview])
def test_a_node_that_is_not_async(node: Any) -> None:
    assert refused(lambda: InterruptibleGraph([node], name="sync")) == (
        f"{node.__name__}.run of graph 'sync' is not async, and a node is awaited: async def run(self, ctx: "
        "GraphRunContext[...]) -> ...."
    )


def plain(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


async def awaited(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs + 1


@functools.wraps(awaited)
def wrapping(*args: Any) -> Any:
    return awaited(*args)


@functools.wraps(plain)
async def in_a_thread(ctx: Any) -> int:
    return await asyncio.to_thread(plain, ctx) + 1


def of_another(ctx: StepContext[None, None, int]):  # type: ignore[no-untyped-def]
    return awaited(ctx)


def of_nothing(ctx: StepContext[None, None, int]):  # type: ignore[no-untyped-def]
    return ctx.inputs


def test_a_step_that_is_not_async() -> None:
    message = refused(lambda: one_step(plain, input_type=int, output_type=int))
    assert message == (
        "Step 'only' of graph 'one' is not async, and a node is awaited: async def only(ctx: StepContext[...]) -> ...."
    )


@pytest.mark.parametrize("call", [awaited, wrapping, in_a_thread])
async def test_a_step_that_is(call: Any) -> None:
    assert (await one_step(call, input_type=int, output_type=int).local().proceed(inputs=1)).output == 2


async def test_a_step_that_does_not_say() -> None:
    """It may return what another one has made; that it does not shows when it is called."""

    async def end(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    def graph(first: Any) -> TemporalGraph[Any, Any, Any, Any]:
        g = GraphBuilder(name="two", input_type=int, output_type=int)
        one, two = g.step(first, node_id="first"), g.step(end, node_id="end")
        g.add(g.edge_from(g.start_node).to(one), g.edge_from(one).to(two), g.edge_from(two).to(g.end_node))
        return TemporalGraph(g.build())

    assert (await graph(of_another).local().proceed(inputs=1)).output == 2
    with pytest.raises(GraphRunError, match=r"TypeError: Node 'first' returned int when it was called.*async def fir"):
        await graph(of_nothing).local().proceed(inputs=1)


# -- Functions that take something else ------------------------------------------------------------------------------


async def of_none() -> int:
    return 1


async def of_two(ctx: StepContext[None, None, int], other: int) -> int:
    return other


async def of_one_by_name(*, ctx: StepContext[None, None, int]) -> int:
    return 1


async def with_more(ctx: StepContext[None, None, int], other: int = 1, *more: Any, **named: Any) -> int:
    return ctx.inputs + other


def given(function: Any) -> Any:
    @functools.wraps(function)
    async def call(ctx: Any) -> Any:
        return await function(ctx, ctx.inputs + 1)

    return call


@pytest.mark.parametrize("call", [of_none, of_two, of_one_by_name])
def test_a_step_that_takes_something_else(call: Any) -> None:
    assert re.fullmatch(
        r"Step 'only' of graph 'one' takes \(.*\) -> 'int', and gets 1 argument \(.*\): async def only\(ctx: "
        r"StepContext\[...\]\) -> \.\.\.\.",
        refused(lambda: one_step(call, input_type=int, output_type=int)),
    )


@pytest.mark.parametrize("call", [with_more, given(of_two)])
async def test_a_step_that_takes_more_than_it_must(call: Any) -> None:
    assert (await one_step(call, input_type=int, output_type=int).local().proceed(inputs=1)).output == 2


@dataclass
class NoContext(BaseNode[None, None, int]):
    async def run(self) -> End[int]:  # type: ignore[override]
        return End(1)


def test_a_node_that_does_not_take_the_context() -> None:
    assert refused(lambda: InterruptibleGraph([NoContext], name="bare")) == (
        "NoContext.run of graph 'bare' takes (self) -> 'End[int]', and gets 2 arguments (too many positional "
        "arguments): async def run(self, ctx: GraphRunContext[...]) -> ...."
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"transform": lambda: 1}, "The transform on 'first' .* gets 1 argument .* def transform"),
        ({"reducer": lambda current: current}, "The reducer of join 'total' .* gets 3 arguments .* def reducer"),
        ({"reducer": lambda a, b, c, d: a}, "The reducer of join 'total' .* gets 3 arguments .* def reducer"),
        ({"initial_factory": lambda value: 0}, "The initial_factory of join 'total' .* gets 0 arguments"),
        ({"matches": lambda ctx, value: True}, "A branch of decision 'which' .* gets 1 argument .* def matches"),
    ],
)
def test_what_runs_in_the_driver_and_takes_something_else(given: dict[str, Any], says: str) -> None:
    assert re.match(says, refused(lambda: driven_by(**given)))


@pytest.mark.parametrize("ids", list(itertools.permutations(["the_reducer", "a_transform", "initial_factory"])))
def test_what_they_are_is_not_told_by_their_names(ids: tuple[str, str, str]) -> None:
    driven_by(matches=lambda value: value > 0, ids=ids)
    says = r"gets 1 argument .*: def matches\(value\) -> bool\.$"
    assert re.search(says, refused(lambda: driven_by(matches=lambda ctx, value: True, ids=ids)))


def test_a_rule_that_says_nothing() -> None:
    @dataclass
    class Counts:
        n: Annotated[int, Merge] = 0

    Counts.__annotations__["n"] = Annotated[int, Merge]
    assert re.search(
        r"Annotated\[\.\.\., Merge\] does not say how branches merge. Give it a rule: Merge.sum",
        refused(lambda: one_step(awaited, input_type=int, output_type=int, state_type=Counts)),
    )


# -- Functions that are -----------------------------------------------------------------------------------------------


async def async_transform(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


async def async_reducer(current: int, inputs: int) -> int:
    return current + inputs


async def async_start() -> int:
    return 0


async def async_match(value: Any) -> bool:
    return False


class AsyncMatch:
    async def __call__(self, value: Any) -> bool:
        return False


def driven_by(
    transform: Any = plain,
    reducer: Any = reduce_sum,
    initial_factory: Any = int,
    matches: Any = None,
    ids: tuple[str, str, str] = ("first", "total", "which"),
) -> TemporalGraph[Any, Any, int, int]:
    g = GraphBuilder(name="driven", input_type=int, output_type=int)

    @g.step(node_id=ids[0])
    async def first(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    @g.step
    async def second(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs + 100

    total = g.join(reducer, initial_factory=initial_factory, node_id=ids[1])
    g.add(
        g.edge_from(g.start_node).to(first),
        g.edge_from(first)
        .transform(transform)
        .to(g.decision(node_id=ids[2]).branch(g.match(int, matches=matches).to(total)).branch(g.match(int).to(second))),
        g.edge_from(second).to(total),
        g.edge_from(total).to(g.end_node),
    )
    return TemporalGraph(g.build())


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("The transform on ", {"transform": async_transform}),
        ("The reducer of join 'total'", {"reducer": async_reducer}),
        ("The initial_factory of join 'total'", {"initial_factory": async_start}),
        ("A branch of decision 'which'", {"matches": async_match}),
        ("A branch of decision 'which'", {"matches": AsyncMatch()}),
        ("A branch of decision 'which'", {"matches": functools.partial(async_match)}),
    ],
)
def test_what_runs_in_the_driver_is_not_async(what: str, given: dict[str, Any]) -> None:
    message = refused(lambda: driven_by(**given))
    assert message.startswith(what)
    assert "of graph 'driven' is async, and nothing there is awaited" in message


async def test_a_branch_that_gives_what_nobody_awaits() -> None:
    run = driven_by(matches=lambda value: async_match(value)).local()  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(GraphRunError, match=r"'which' failed with TypeError: matches gave <coroutine .*nobody awaits"):
        await run.proceed(inputs=1)


async def test_a_branch_with_a_plain_wrapper_of_what_is_async() -> None:
    @functools.wraps(async_match)
    def matches(value: Any) -> bool:
        return True

    assert (await driven_by(matches=matches).local().proceed(inputs=1)).output == 1


def test_a_step_that_yields() -> None:
    async def numbers(ctx: StepContext[None, None, int]) -> AsyncIterable[int]:
        yield ctx.inputs

    assert "Make a step that yields with @g.stream." in refused(lambda: one_step(numbers, input_type=int))


def test_a_stream_that_is_not_async() -> None:
    g = GraphBuilder(name="stream", input_type=int, output_type=list[int])

    def numbers(ctx: StepContext[None, None, int]) -> AsyncIterable[int]:
        yield ctx.inputs

    step = g.stream(numbers)  # type: ignore[arg-type]
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    message = refused(lambda: TemporalGraph(g.build()))
    assert message.startswith("Step 'numbers' of graph 'stream' is a stream that yields, and is not async: async def ")


# -- A map over nothing -----------------------------------------------------------------------------------------------


def mapped(**words: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="mapped", input_type=list[int], output_type=list[int])
    step = g.step(awaited, node_id="add")
    join = g.join(reduce_list_append, initial_factory=list[int], node_id="collect")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each", **words).to(step),
        g.edge_from(step).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build())


async def test_a_map_over_nothing_without_a_join_that_is_named() -> None:
    with pytest.raises(GraphRunError) as caught:
        await mapped().local().proceed(inputs=[])
    error = caught.value
    assert (error.node_id, error.error_type) == ("each", "NoOutputError")
    assert error.error_message == (
        "Map 'each' got nothing to go over, so nothing has come to join 'collect' behind it, and the run has nothing "
        "left to do. Name the join that goes on then, with its initial value: .map(downstream_join_id='collect')."
    )
    assert (await mapped().local().proceed(inputs=[1])).output == [2]
    assert (await mapped(downstream_join_id="collect").local().proceed(inputs=[])).output == []


# -- TypedDict --------------------------------------------------------------------------------------------------------


class Old(typing.TypedDict):
    a: int


@dataclass
class Holds:
    many: list[dict[str, Old]]
    itself: Holds | None = None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there typing's says enough")
@pytest.mark.parametrize("type_", [Old, Holds, dict[str, Old | None]])
async def test_a_typed_dict_of_typing(type_: Any) -> None:
    cure = "Old is made with typing.TypedDict, which does not say enough below Python 3.12. Make it with that of"

    async def one(ctx: StepContext[Any, None, int]) -> int:
        return len(await interrupt("Well?", response_type=type_))

    assert cure in refused(lambda: one_step(awaited, input_type=type_, output_type=int))
    assert cure in refused(lambda: one_step(awaited, state_type=type_, input_type=int, output_type=int))
    with pytest.raises(GraphRunError, match=cure):
        await one_step(one, input_type=int, output_type=int).local().proceed(inputs=1)


# -- Ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "", 17, b"order-17"])
async def test_what_is_no_id(client: Client, given: Any) -> None:
    graph = one_step(awaited, input_type=int, output_type=int)
    run = graph.get_run(client, "no-such-run")
    queue = ApprovalQueue(client)
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("id", lambda: graph.start(client, inputs=1, id=given, task_queue="q")),
        ("id", lambda: graph.run(client, inputs=1, id=given, task_queue="q")),
        ("id", lambda: graph.proceed(client, inputs=1, id=given, task_queue="q")),
        ("id", lambda: graph.proceed(client, id=given)),
        ("id", lambda: graph.get_run(client, given)),
        ("id", lambda: run.fork("1", id=given, task_queue="q")),
        ("run_id", lambda: queue.questions(given)),
        ("run_id", lambda: queue.answer(given, True)),
        ("run_id", lambda: queue.approve(given)),
        ("task_queue", lambda: graph.start(client, inputs=1, id="i", task_queue=given)),
        ("task_queue", lambda: run.fork("1", id="i", task_queue=given)),
    ]
    if given is not None:
        calls.append(("task_queue", lambda: graph.proceed(client, inputs=1, id="i", task_queue=given)))
    for name, call in calls:
        with pytest.raises(GraphInputError) as caught:
            await call()
        what = "the name of the task queue of the workers that run it" if name == "task_queue" else "a run's id"
        assert str(caught.value).startswith(f"{name} is {given!r}; it must be {what}")


# -- await ------------------------------------------------------------------------------------------------------------


async def asks_and_goes_on(ctx: StepContext[None, None, int]) -> str:
    return "yes" if interrupt("Sure?") else "no"


async def gives_the_call(ctx: StepContext[None, None, int]) -> Any:
    return interrupt("Sure?", response_type=str)


async def asks_another(ctx: StepContext[None, None, int]) -> str:
    interrupt("Sure?")
    return await interrupt("Which?", response_type=str)


async def charges(ctx: StepContext[None, None, int]) -> str:
    tg.once("charge", str, 1)
    return "charged"


async def asks_in_turn(ctx: StepContext[None, None, int]) -> str:
    calls = [interrupt(f"{number}?", response_type=str) for number in range(3)]
    return " ".join([await call for call in calls])


async def asks_together(ctx: StepContext[None, None, int]) -> str:
    said = await asyncio.gather(*(interrupt(f"{number}?", response_type=str) for number in range(3)))
    return " ".join(said)


async def asks_in_tasks(ctx: StepContext[None, None, int]) -> str:
    tasks = [asyncio.create_task(interrupt(f"{number}?", response_type=str)) for number in range(3)]
    return " ".join([await task for task in tasks])


async def play(run: Any) -> str:
    stop = await run.proceed(inputs=0)
    while not stop.is_end:
        stop = await run.proceed("so", interrupt_id=stop.interrupts[0].interrupt_id)
    return stop.output


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("execution", ["activity", "workflow"])
@pytest.mark.parametrize("node", [asks_and_goes_on, gives_the_call, asks_another, charges])
async def test_a_call_without_await(node: Any, execution: Any) -> None:
    called = "once" if node is charges else "interrupt"
    graph = TemporalGraph(built(node), options=tg.NodeOptions(execution=execution))
    if node is charges and execution == "workflow":
        with pytest.raises(GraphRunError, match="once"):
            await play(graph.local())
        return
    with pytest.raises(GraphRunError, match=rf"InterruptError: {called}\(...\) was called without await.*`await "):
        await play(graph.local())


async def asks_in_a_task(ctx: StepContext[None, None, int]) -> str:
    asyncio.create_task(interrupt("ok?", response_type=str))  # noqa: RUF006
    return "done"


async def asks_in_a_future(ctx: StepContext[None, None, int]) -> str:
    asyncio.ensure_future(interrupt("ok?", response_type=str))  # noqa: RUF006
    return "done"


async def gathers(ctx: StepContext[None, None, int]) -> str:
    asyncio.gather(interrupt("ok?", response_type=str), interrupt("really?", response_type=str))
    return "done"


async def charges_in_a_task(ctx: StepContext[None, None, int]) -> str:
    asyncio.create_task(tg.once("charge", str, 1))  # noqa: RUF006
    return "done"


UNAWAITED = [asks_in_a_task, asks_in_a_future, gathers, charges_in_a_task]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("execution", ["activity", "workflow"])
@pytest.mark.parametrize("node", UNAWAITED)
async def test_a_task_that_nobody_awaits(node: Any, execution: Any) -> None:
    graph = TemporalGraph(built(node), options=tg.NodeOptions(execution=execution))
    with pytest.raises(GraphRunError, match="once" if node is charges_in_a_task else r"interrupt\(...\) was called"):
        await play(graph.local())


async def asks_in_a_helper(ctx: StepContext[None, None, int]) -> str:
    async def ask() -> None:
        await interrupt("ok?", response_type=str)

    asyncio.create_task(ask())  # noqa: RUF006
    return "done"


async def test_a_helper_in_a_task_that_nobody_awaits() -> None:
    with pytest.raises(GraphRunError, match="await the task that asks"):
        await play(TemporalGraph(built(asks_in_a_helper)).local())


async def gives_up_a_task(ctx: StepContext[None, None, int]) -> str:
    asyncio.create_task(interrupt("ok?", response_type=str)).cancel()
    return "done"


async def test_a_task_that_is_cancelled_at_once() -> None:
    assert await play(TemporalGraph(built(gives_up_a_task)).local()) == "done"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("node", [asks_in_turn, asks_together])
async def test_a_call_that_is_awaited_later(node: Any) -> None:
    assert await play(TemporalGraph(built(node)).local()) == "so so so"


def built(node: Any) -> Any:
    g = GraphBuilder(name="calls", input_type=int, output_type=str)
    step = g.step(node, node_id="ask")
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return g.build()


async def test_questions_in_tasks_beside_the_one_that_is_awaited_are_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    assert await play(TemporalGraph(built(asks_in_tasks)).local()) == "so so so"
    gc.collect()
    assert not caplog.records
