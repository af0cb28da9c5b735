"""Graphs whose nodes do things once; the input says how, and the deps are the list of what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_graph import (
    Command,
    InterruptError,
    InterruptibleGraph,
    InterruptNode,
    NodeOptions,
    Required,
    Send,
    TemporalGraph,
    interrupt,
    once,
    send_to,
)

Done = list[str]
Context = StepContext["Tally", Done, str]

QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)


@dataclass
class Tally:
    log: list[str] = field(default_factory=list[str])


async def do(done: Done, what: str) -> int:
    """Does something, and says how often it has been done by now."""
    done.append(what)
    return done.count(what)


def do_at_once(done: Done, what: str) -> int:
    done.append(what)
    return done.count(what)


async def do_slowly(done: Done, what: str) -> int:
    """Is in the middle of it for a while."""
    done.append(what)
    await asyncio.sleep(0.2)
    return done.count(what)


def is_first(done: Done, what: str = "try") -> bool:
    done.append(what)
    return done.count(what) == 1


# -- What a node may do -----------------------------------------------------------------------------------------------


async def asks(ctx: Context) -> str:
    first = await once("first", do, ctx.deps, "first")
    one = await interrupt("one", response_type=str)
    second = await once("second", do_at_once, ctx.deps, "second")
    two = await interrupt("two", response_type=str)
    third = await once("third", partial(do, what="third"), ctx.deps)
    three = await interrupt("three", response_type=str)
    fourth = await once("fourth", lambda: ctx.deps.append("fourth"))
    return f"{first} {one} {second} {two} {third} {three} {fourth}"


async def asks_in_workflow(ctx: Context) -> str:
    return str(await once("it", do, ["nowhere"], "it"))


async def is_tried_again(ctx: Context) -> str:
    count = await once("it", do, ctx.deps, "it")
    ctx.deps.append("try")
    if ctx.deps.count("try") < 3:
        raise ConnectionError("not yet")
    return f"{count} after {ctx.deps.count('try')}"


async def fails_halfway(ctx: Context) -> str:
    """What raises is not kept."""

    async def doubtful() -> int:
        if is_first(ctx.deps):
            raise ConnectionError("lost")
        return await do(ctx.deps, "it")

    return str(await once("it", doubtful))


async def handles(ctx: Context) -> str:
    async def refused() -> int:
        ctx.deps.append("refused")
        raise ValueError("no")

    try:
        await once("it", refused)
    except ValueError as error:
        count = await once("instead", do, ctx.deps, "instead")
        return f"{error} {count} {await interrupt(response_type=str)}"
    return "never"


async def equal_keys(ctx: Context) -> str:
    counts = await asyncio.gather(*(once("it", do_slowly, ctx.deps, "it") for _ in range(5)))
    return f"{counts} {await interrupt(response_type=str)}"


async def different_keys(ctx: Context) -> str:
    counts = await asyncio.gather(*(once(f"it {i}", do_slowly, ctx.deps, f"it {i}") for i in range(5)))
    return f"{counts} {await interrupt(response_type=str)}"


async def side_by_side(ctx: Context) -> str:
    """A question comes up while something is being done."""
    async with asyncio.TaskGroup() as group:
        done = group.create_task(once("it", do_slowly, ctx.deps, "it"))
        answer = group.create_task(interrupt(response_type=str))
    return f"{done.result()} {answer.result()}"


async def gathered(ctx: Context) -> str:
    """As before, and what is being done is not even cancelled."""
    done, answer = await asyncio.gather(once("it", do_slowly, ctx.deps, "it"), interrupt(response_type=str))
    return f"{done} {answer}"


async def beside_an_error(ctx: Context) -> str:
    async def fail() -> None:
        while "it" not in ctx.deps:
            await asyncio.sleep(0)
        if is_first(ctx.deps):
            raise ConnectionError("now")

    done, _ = await asyncio.gather(once("it", do_slowly, ctx.deps, "it"), fail())
    return str(done)


async def left_behind(ctx: Context) -> str:
    """A task that the node does not wait for does one thing after the other."""

    async def several() -> None:
        for what in ("one", "two"):
            await once(what, do_slowly, ctx.deps, what)

    task = asyncio.create_task(several())
    await asyncio.sleep(0)
    answer = await interrupt(response_type=str)
    await task
    return answer


async def gives_up(ctx: Context) -> str:
    """What is cancelled by the node itself has not been done, and may be done again."""

    async def endless() -> int:
        ctx.deps.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            ctx.deps.append("cancelled")
        return 0

    try:
        async with asyncio.timeout(0.05):
            await once("it", endless)
    except TimeoutError:
        return f"gave up {await interrupt(response_type=str)}"
    return "never"


async def asks_inside(ctx: Context) -> str:
    async def asking() -> str:
        ctx.deps.append("it")
        return await interrupt(response_type=str)

    return await once("it", asking)


async def is_nested(ctx: Context) -> str:
    async def inner() -> int:
        return await once("inner", do, ctx.deps, "inner")

    async def outer() -> str:
        count = await inner()
        ctx.deps.append("outer")
        if is_first(ctx.deps):
            raise ConnectionError("now")
        return str(count)

    return await once("outer", outer)


async def in_a_circle(ctx: Context) -> str:
    async def again() -> str:
        return await once("it", again)

    return await once("it", again)


async def leaves(ctx: Context) -> str:
    def leave() -> None:
        raise SystemExit(3)

    await once("it", leave)
    return "never"


async def has_a_key_for_several(ctx: Context) -> str:
    return str([await once("mail", do, ctx.deps, f"mail {name}") for name in ("ann", "bob")])


async def has_a_key_for_several_at_once(ctx: Context) -> str:
    return str(await asyncio.gather(*(once("mail", do_slowly, ctx.deps, name) for name in ("mail ann", "mail bob"))))


async def has_a_key_for_two(ctx: Context) -> str:
    """The key was copied; the second call is reached by the run that has the answer."""
    count = await once("it", do, ctx.deps, "it")
    answer = await interrupt(response_type=str)
    return f"{count} {answer} {await once('it', do_at_once, ctx.deps, 'it')}"


async def sees_another_state(ctx: Context) -> str:
    """What it is given is new each time that the node runs, and is not compared with what was given before."""
    count = await once("it", do, ctx.deps, f"it with {len(ctx.state.log)}")
    await interrupt(response_type=str)
    again = await once("it", do, ctx.deps, f"it with {len(ctx.state.log)}")
    ctx.deps.append("try")
    if ctx.deps.count("try") < 2:
        raise ConnectionError("not yet")
    return f"{count} {again} {ctx.state.log}"


async def has_another_way(ctx: Context) -> str:
    """What has failed may be done in another way, under its key."""

    async def by_card(amount: int) -> str:
        ctx.deps.append(f"card {amount}")
        raise ValueError("declined")

    def in_cash(amount: int) -> str:
        ctx.deps.append(f"cash {amount}")
        return "cash"

    try:
        paid = await once("pay", by_card, 10)
    except ValueError:
        paid = await once("pay", in_cash, 9)
    return f"{paid} {await interrupt(response_type=str)}"


@dataclass
class Slip:
    """No function says that it returns one."""

    number: int


async def is_not_declared(ctx: Context) -> str:
    def charge(done: Done):
        done.append("it")
        return Slip(1)

    return str(await once("charge", charge, ctx.deps))


async def is_declared(ctx: Context) -> str:
    def charge() -> Slip:
        return Slip(1)

    return str(await once("charge", charge))


class Receipt(BaseModel):
    number: int
    total: Decimal


@dataclass
class Parcel:
    size: tuple[int, int]
    tags: set[str]


def receipt() -> Receipt:
    return Receipt(number=1, total=Decimal("9.90"))


def parcel() -> Parcel:
    return Parcel((2, 3), {"a"})


def price() -> Decimal:
    return Decimal("1.10")


async def pair() -> tuple[int, str]:
    return 1, "b"


def nothing() -> None:
    pass


def either() -> Parcel | Receipt:
    return receipt()


def promised() -> Awaitable[Parcel]:
    async def made() -> Parcel:
        return parcel()

    return made()


class Maker:
    def __call__(self) -> Parcel:
        return parcel()


async def is_typed(ctx: Context) -> str:
    functions: list[Callable[[], Any]] = [receipt, parcel, price, pair, nothing, either, promised, Maker(), Tally]
    found: list[Any] = [await once(str(number), function) for number, function in enumerate(functions)]
    before = await interrupt(repr(found), response_type=str)
    return f"{before == repr(found)} {found!r}"


def no_number() -> int:
    return "many"  # type: ignore[return-value]


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def what_is_odd() -> Any:
    return Odd()


async def cannot_be_written(ctx: Context) -> str:
    def noted() -> int:
        ctx.deps.append("it")
        return no_number()

    return str(await once("it", noted))


async def is_odd(ctx: Context) -> str:
    def noted() -> Any:
        ctx.deps.append("it")
        return what_is_odd()

    return str(await once("it", noted))


async def is_too_large(ctx: Context) -> str:
    def noted() -> str:
        ctx.deps.append("it")
        return "x" * 300_000

    return await once("it", noted)


async def is_far_too_large(ctx: Context) -> str:
    def noted() -> str:
        ctx.deps.append("it")
        return "x" * 5_000_000

    return await once("it", noted)


async def goes_on_without(ctx: Context) -> str:
    """The node knows better than to fail."""

    def noted() -> str:
        ctx.deps.append("it")
        return "x" * 5_000_000

    try:
        await once("it", noted)
    except InterruptError:
        return f"{await once('after', do, ctx.deps, 'after')} {await interrupt(response_type=str)}"
    return "never"


async def has_no_such_type(ctx: Context) -> str:
    def noted() -> Callable[[], None]:
        ctx.deps.append("it")
        return nothing

    return str(await once("it", noted))


async def fails_for_good(ctx: Context) -> str:
    count = await once("it", do, ctx.deps, "it")
    ctx.deps.append("try")
    if not ctx.state.log:
        raise ValueError("the log is empty")
    return f"{count} {ctx.state.log}"


async def fails_by_its_own_rules(ctx: Context) -> str:
    count = await once("it", do, ctx.deps, "it")
    if is_first(ctx.deps):
        raise ApplicationError("own", {"from": "me"}, 7, type="Own", non_retryable=True)
    return str(count)


async def cancels_itself(ctx: Context) -> str:
    count = await once("it", do, ctx.deps, "it")
    if len(ctx.state.log) == 0:
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task
    return str(count)


async def hangs(ctx: Context) -> str:
    count = await once("it", do, ctx.deps, "it")
    ctx.deps.append("try")
    if not ctx.state.log:
        await asyncio.sleep(60)
    return str(count)


async def is_late(ctx: Context) -> str:
    """Signs of life go out before and after; the last one before is held back by the SDK."""
    await asyncio.sleep(0.9)
    count = await once("it", do, ctx.deps, "it")
    if is_first(ctx.deps):
        raise ConnectionError("right after it")
    return str(count)


async def lives_on(ctx: Context) -> str:
    """Stays alive after it, until the worker is stopped."""
    count = await once("it", do, ctx.deps, "it")
    await asyncio.sleep(0 if "go" in ctx.deps else 60)
    return str(count)


SCENARIOS: dict[str, Callable[[Context], Awaitable[str]]] = {
    function.__name__: function
    for function in (
        asks,
        asks_in_workflow,
        is_tried_again,
        fails_halfway,
        handles,
        equal_keys,
        different_keys,
        side_by_side,
        gathered,
        beside_an_error,
        left_behind,
        gives_up,
        asks_inside,
        is_nested,
        in_a_circle,
        leaves,
        has_a_key_for_several,
        has_a_key_for_several_at_once,
        has_a_key_for_two,
        sees_another_state,
        has_another_way,
        is_not_declared,
        is_declared,
        is_typed,
        cannot_be_written,
        is_odd,
        is_too_large,
        is_far_too_large,
        goes_on_without,
        has_no_such_type,
        fails_for_good,
        fails_by_its_own_rules,
        cancels_itself,
        hangs,
        is_late,
        lives_on,
    )
}


def graph_of(name: str, options: NodeOptions, **others: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name=name, state_type=Tally, deps_type=Done, input_type=str, output_type=str)

    @g.step
    async def work(ctx: StepContext[Tally, Done, str]) -> str:
        return await SCENARIOS[ctx.inputs](ctx)

    g.add(g.edge_from(g.start_node).to(work), g.edge_from(work).to(g.end_node))
    return TemporalGraph(g.build(), node_options={"work": options}, **others)


ASKED: dict[str, Any] = {"retry_policy": QUICK, "on_failure": "interrupt"}
activity = graph_of("once_activity", NodeOptions(**ASKED))
local = graph_of("once_local", NodeOptions(execution="local", **ASKED))
workflow = graph_of("once_workflow", NodeOptions(execution="workflow"))
short = graph_of("once_short", NodeOptions(**ASKED), max_history_events=10)
late = graph_of(
    "once_late",
    NodeOptions(
        start_to_close_timeout=timedelta(seconds=2),
        heartbeat_timeout=timedelta(seconds=1),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2),
        on_failure="interrupt",
    ),
)
hanging_local = graph_of(
    "once_hanging_local",
    NodeOptions(
        execution="local",
        start_to_close_timeout=timedelta(seconds=1),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=1),
        on_failure="interrupt",
    ),
)


# -- What a node may end with -----------------------------------------------------------------------------------------

_s = GraphBuilder(name="once_sends", state_type=Tally, deps_type=Done, input_type=list[str], output_type=list[str])


@_s.step
async def plan(ctx: StepContext[Tally, Done, list[str]]) -> list[Send]:
    count = await once("plan", do, ctx.deps, "plan")
    answer = await interrupt("really?", response_type=str)
    return [Send("item", f"{name} {count} {answer}") for name in ctx.inputs]


@_s.step
async def item(ctx: StepContext[Tally, Done, str]) -> str:
    """Each visit has keys of its own."""
    count = await once("item", do, ctx.deps, ctx.inputs)
    return f"{ctx.inputs} {count} {await interrupt(ctx.inputs, response_type=str)}"


_all = _s.join(reduce_list_append, initial_factory=list[str], node_id="all")
_s.add(
    _s.edge_from(_s.start_node).to(plan),
    _s.edge_from(plan).map(fork_id="planned").to(send_to(_s, item)),
    _s.edge_from(item).to(_all),
    _s.edge_from(_all).to(_s.end_node),
)
sends = TemporalGraph(_s.build())

_c = GraphBuilder(name="once_commands", state_type=Tally, deps_type=Done, input_type=int, output_type=str)


@_c.step
async def again(ctx: StepContext[Tally, Done, int]) -> Command[Literal["again", "ending"]]:
    """Leads back to itself: the next visit is another one."""
    count = await once("it", do, ctx.deps, "it")
    answer = await interrupt(ctx.inputs, response_type=str)
    update = {"log": [*ctx.state.log, f"{count} {answer}"]}
    if ctx.inputs:
        return Command(update=update, goto=Send("again", ctx.inputs - 1))
    return Command(update=update, goto=Send("ending", "over"))


@_c.step
async def ending(ctx: StepContext[Tally, Done, str]) -> str:
    return f"{ctx.inputs}: {', '.join(ctx.state.log)}"


_c.add(_c.edge_from(_c.start_node).to(again), _c.edge_from(ending).to(_c.end_node))
commands = TemporalGraph(_c.build(validate_graph_structure=False))


@dataclass
class Charge(BaseNode[Tally, Done, str]):
    amount: int

    async def run(self, ctx: GraphRunContext[Tally, Done]) -> Confirm | End[str]:
        count = await once("charge", do, ctx.deps, f"charge {self.amount}")
        return Confirm(count) if await interrupt("Sure?", response_type=bool) else End("declined")


@dataclass
class Confirm(InterruptNode[Tally, Done, str]):
    count: int
    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Tally, Done]) -> End[str]:
        mailed = await once("mail", do, ctx.deps, f"mail {self.name}")
        again = await interrupt("Once more?", response_type=str)
        return End(f"{self.count} {mailed} {again}")


nodes = InterruptibleGraph([Charge, Confirm], name="once_nodes")
