"""Graphs whose nodes are run in many ways: options, deps, cancellation, in the workflow itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel
from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    ReduceFirstValue,
    ReducerContext,
    StepContext,
    reduce_list_append,
)
from temporalio import activity
from temporalio.common import Priority, RetryPolicy

from temporal_graph import InterruptibleGraph, InterruptNode, NodeOptions, Required, TemporalGraph, interrupt

SHORT = timedelta(seconds=1)
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)


# -- Options --------------------------------------------------------------------------------------------------------


@dataclass
class First(BaseNode[None, None, str]):
    """Has options of its own, as a class variable."""

    node_options: ClassVar = NodeOptions(
        start_to_close_timeout=timedelta(seconds=11), summary="of the class", priority=Priority(priority_key=2)
    )

    async def run(self, ctx: GraphRunContext[None]) -> Second:
        return Second()


@dataclass
class Second(BaseNode[None, None, str]):
    """Has them too, and the graph's mapping goes before them."""

    node_options: ClassVar = NodeOptions(start_to_close_timeout=timedelta(seconds=22), summary="not this")

    async def run(self, ctx: GraphRunContext[None]) -> Third:
        return Third()


@dataclass
class Third(BaseNode[None, None, str]):
    """Has none: the graph's are its."""

    async def run(self, ctx: GraphRunContext[None]) -> End[str]:
        return End("done")


optioned = InterruptibleGraph(
    [First, Second, Third],
    name="optioned",
    options=NodeOptions(
        start_to_close_timeout=timedelta(minutes=3),
        schedule_to_close_timeout=timedelta(minutes=4),
        heartbeat_timeout=timedelta(seconds=7),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=2),
            backoff_coefficient=3,
            maximum_interval=timedelta(seconds=20),
            maximum_attempts=7,
            non_retryable_error_types=["ValueError"],
        ),
    ),
    node_options={"Second": NodeOptions(start_to_close_timeout=timedelta(seconds=33), summary="of the mapping")},
)
plain = InterruptibleGraph([Third], name="plain")
local = InterruptibleGraph(
    [Second, Third],
    name="local",
    options=NodeOptions(execution="local", start_to_close_timeout=timedelta(seconds=44)),
)


def chain(name: str, *steps: Any, options: dict[str, NodeOptions], deps_type: Any = NoneType) -> TemporalGraph:
    """A graph of steps, one after the other; each takes and gives a string."""
    make: Any = GraphBuilder
    g = make(name=name, input_type=str, output_type=str, deps_type=deps_type)
    made = [g.step(step) for step in steps]
    for source, target in zip([g.start_node, *made], [*made, g.end_node], strict=True):
        g.add(g.edge_from(source).to(target))
    return TemporalGraph(g.build(), node_options=options)


async def here(ctx: StepContext[None, str, str]) -> str:
    """Says on which worker it ran."""
    return f"{ctx.inputs} here: {ctx.deps}"


async def there(ctx: StepContext[None, str, str]) -> str:
    """Says on which worker it ran."""
    return f"{ctx.inputs} there: {ctx.deps}"


def elsewhere(task_queue: str) -> TemporalGraph:
    """A graph one of whose nodes runs on another task queue."""
    options = {"there": NodeOptions(task_queue=task_queue)}
    return chain("elsewhere", here, there, options=options, deps_type=str)


# -- Attempts -------------------------------------------------------------------------------------------------------


class BusyError(Exception):
    """Passes."""


async def busy(ctx: StepContext[None, list[str], str]) -> str:
    """Fails until the third attempt."""
    attempt = activity.info().attempt
    ctx.deps.append(f"attempt {attempt}")
    if attempt < 3:
        raise BusyError(ctx.inputs) if ctx.inputs == "busy" else TypeError(ctx.inputs)
    return f"attempt {attempt}"


def trying(name: str, options: NodeOptions) -> TemporalGraph:
    """A graph whose only node fails twice."""
    return chain(name, busy, options={"busy": options}, deps_type=list)


patient = trying("patient", NodeOptions(retry_policy=QUICK))
impatient = trying("impatient", NodeOptions())
patient_here = trying("patient_here", NodeOptions(execution="local", retry_policy=QUICK))


async def sleep(ctx: StepContext[None, list[str], str]) -> str:
    """Takes longer than its heartbeat may be away; the event loop is free in the meantime, or is not."""
    attempt = activity.info().attempt
    ctx.deps.append(f"attempt {attempt}")
    if ctx.inputs == "await":
        await asyncio.sleep(2.2)
    elif attempt == 1:
        time.sleep(1.6)
    return f"attempt {attempt}"


sleepy = chain(
    "sleepy",
    sleep,
    options={"sleep": NodeOptions(heartbeat_timeout=SHORT, retry_policy=QUICK)},
    deps_type=list,
)


# -- Deps -----------------------------------------------------------------------------------------------------------


@dataclass
class Shop:
    """Deps: what nodes need that lives on a worker."""

    name: str = "shop"
    log: list[str] = field(default_factory=list[str])


async def visit(ctx: StepContext[None, Shop, str]) -> str:
    """Uses its deps."""
    ctx.deps.log.append(ctx.inputs)
    return f"{ctx.inputs} at {ctx.deps.name}"


visiting = chain("visiting", visit, options={}, deps_type=Shop)
visiting_too = chain("visiting_too", visit, options={}, deps_type=Shop)
visiting_here = chain("visiting_here", visit, options={"visit": NodeOptions(execution="workflow")}, deps_type=Shop)


def _touching(where: str) -> TemporalGraph:
    make: Any = GraphBuilder
    g = make(name=f"touching_{where}", input_type=str, output_type=Any, deps_type=Shop)
    step = g.step(visit, node_id="visit")

    def reduce(ctx: ReducerContext[None, Shop], current: str, value: str) -> str:
        return current + ctx.deps.name

    join = g.join(reduce, initial="", node_id="gather")
    start = g.edge_from(g.start_node)
    if where == "transform":
        g.add(start.transform(lambda ctx: ctx.deps.name).to(step), g.edge_from(step).to(g.end_node))
    else:
        g.add(
            start.transform(lambda ctx: [ctx.inputs]).map(fork_id="each").to(step),
            g.edge_from(step).to(join),
            g.edge_from(join).to(g.end_node),
        )
    return TemporalGraph(g.build())


touching_transform, touching_reducer = _touching("transform"), _touching("reducer")


# -- Cancelling -----------------------------------------------------------------------------------------------------

BRISK = NodeOptions(heartbeat_timeout=timedelta(seconds=2), retry_policy=RetryPolicy(maximum_attempts=1))
"""A cancellation reaches a node with one of its heartbeats, which the SDK holds back for most of the timeout."""


async def race(ctx: StepContext[None, list[str], str]) -> str:
    """Is quick, or waits until it is cancelled."""
    if ctx.inputs == "quick":
        while len([line for line in ctx.deps if line.startswith("began")]) < 2:
            await asyncio.sleep(0.01)
        return "quick"
    ctx.deps.append(f"began {ctx.inputs}")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ctx.deps.append(f"cancelled {ctx.inputs}")
        if ctx.inputs == "swallows":
            return "swallowed"
        if ctx.inputs == "cleans up":
            await asyncio.sleep(1)
            ctx.deps.append("cleaned up")
        raise
    return "slept"


def _stop(ctx: ReducerContext[None, list[str]], current: list[str], value: str) -> list[str]:
    ctx.cancel_sibling_tasks()
    return [*current, value]


def racing(name: str, how: Literal["first", "siblings", "end", "all"]) -> TemporalGraph:
    """Branches, of which the quick one ends the others."""
    make: Any = GraphBuilder
    g = make(name=name, input_type=list[str], output_type=Any, deps_type=list)
    step = g.step(race, node_id="race")
    g.add(g.edge_from(g.start_node).map(fork_id="each").to(step))
    if how == "end":
        g.add(g.edge_from(step).to(g.end_node))
    else:
        reducer: Any = {"first": ReduceFirstValue[str](), "siblings": _stop, "all": reduce_list_append}[how]
        join = g.join(reducer, initial_factory=str if how == "first" else list[str], node_id="winner")
        g.add(g.edge_from(step).to(join), g.edge_from(join).to(g.end_node))
    return TemporalGraph(g.build(), options=BRISK)


first_value, siblings, first_end, everybody = (
    racing("first_value", "first"),
    racing("siblings", "siblings"),
    racing("first_end", "end"),
    racing("everybody", "all"),
)


# -- Nodes in the workflow ------------------------------------------------------------------------------------------

HERE = NodeOptions(execution="workflow")


@dataclass
class Tally:
    """A state."""

    count: int = 0
    log: list[str] = field(default_factory=list[str])


class Choice(BaseModel):
    """An answer."""

    size: int


@dataclass
class Compute(BaseNode[Tally, None, str]):
    """Only computes, a few times."""

    left: int

    async def run(self, ctx: GraphRunContext[Tally]) -> Compute | Talk:
        ctx.state.count += self.left
        return Compute(self.left - 1) if self.left > 1 else Talk()


@dataclass
class Talk(BaseNode[Tally, None, str]):
    """Asks several questions, and keeps what it knows in between."""

    async def run(self, ctx: GraphRunContext[Tally]) -> Confirm:
        ctx.state.log.append("begun")
        secret = object()  # could never cross
        before = id(secret)
        name = await interrupt("name?", response_type=str)
        ctx.state.log.append(f"name {name}")
        choice = await interrupt({"name": name}, response_type=Choice)
        assert id(secret) == before
        ctx.state.log.append(f"size {choice.size}")
        return Confirm(name)


@dataclass
class Confirm(InterruptNode[Tally, None, str]):
    """An interrupt node in the workflow."""

    name: str
    sure: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[Tally]) -> End[str]:
        return End(f"{self.name}: {self.sure}, {ctx.state.count}, {', '.join(ctx.state.log)}")


talk = InterruptibleGraph([Compute, Talk, Confirm], name="talk", options=HERE)


def _several(name: str, step: Callable[..., Any], **more: Any) -> TemporalGraph:
    make: Any = GraphBuilder
    g = make(name=name, input_type=list[str], output_type=list[str], state_type=Tally)
    each = g.step(step, node_id="each")
    join = g.join(reduce_list_append, initial_factory=list[str], node_id="gather")
    g.add(
        g.edge_from(g.start_node).map(fork_id="all").to(each),
        g.edge_from(each).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build(), options=HERE, **more)


async def ask_twice(ctx: StepContext[Tally, None, str]) -> str:
    """Asks about one item, and about it again."""
    ctx.state.log.append(f"{ctx.inputs} asks")
    one = await interrupt(f"{ctx.inputs} one", response_type=int)
    two = await interrupt(f"{ctx.inputs} two", response_type=int)
    ctx.state.log.append(f"{ctx.inputs} knows")
    return f"{ctx.inputs}: {one + two}"


side_by_side = _several("side_by_side", ask_twice)


async def nap(ctx: StepContext[Tally, None, str]) -> str:
    """Sleeps: on the clock of the workflow."""
    await asyncio.sleep(float(ctx.inputs))
    return f"slept {ctx.inputs}"


napping = _several("napping", nap)


def _waiting_loop() -> TemporalGraph:
    make: Any = GraphBuilder
    g = make(name="waiting_loop", input_type=list[str], output_type=list[str], state_type=Tally, deps_type=list)

    async def wait(ctx: StepContext[Tally, list[str], str]) -> str:
        ctx.state.log.append("waits")
        one = await interrupt("one?", response_type=int)
        two = await interrupt("two?", response_type=int)
        ctx.state.log.append("knows")
        return f"{ctx.inputs}: {one} {two}"

    async def spin(ctx: StepContext[Tally, list[str], str]) -> int:
        ctx.state.count += 1
        while ctx.state.count == 12 and not ctx.deps:
            await asyncio.sleep(0.01)
        return ctx.state.count

    waits = g.step(wait, node_id="waits")
    spins = g.step(spin, node_id="spins")
    join = g.join(reduce_list_append, initial_factory=list[str], node_id="gather", parent_fork_id="both")

    def enough(value: Any) -> bool:
        return value >= 24

    g.add(
        g.edge_from(g.start_node).transform(lambda ctx: ctx.inputs[0]).to(waits, spins, fork_id="both"),
        g.edge_from(waits).to(join),
        g.edge_from(spins).to(
            g.decision(node_id="enough")
            .branch(g.match(int, matches=enough).transform(lambda ctx: f"spun {ctx.inputs}").to(join))
            .branch(g.match(int).transform(lambda ctx: "again").to(spins))
        ),
        g.edge_from(join).to(g.end_node),
    )
    return TemporalGraph(g.build(), node_options={"waits": HERE}, max_history_events=30)


waiting_loop = _waiting_loop()


async def give_up(ctx: StepContext[None, None, str]) -> str:
    """Asks, and goes on without an answer, in one of the ways that asyncio has."""
    if ctx.inputs == "fails":
        return await asyncio.wait_for(interrupt("A", response_type=str), 0.3)
    if ctx.inputs == "two":
        return "".join(await asyncio.gather(interrupt("A", response_type=str), interrupt("B", response_type=str)))
    if ctx.inputs == "sibling":

        async def fails() -> str:
            await asyncio.sleep(0.3)
            raise ValueError("the other one")

        return "".join(await asyncio.gather(interrupt("A", response_type=str), fails()))
    if ctx.inputs == "forgets":
        asking = asyncio.create_task(interrupt("A", response_type=str))
        await asyncio.sleep(0.3)
        return f"went on, {asking.done()}"
    try:
        async with asyncio.timeout(0.3):
            return await interrupt("A", response_type=str)
    except TimeoutError:
        if ctx.inputs == "asks again":
            return await interrupt("B", response_type=str)
        if ctx.inputs == "works on":
            await asyncio.sleep(1.5)
        return "nobody"


giving_up = chain("giving_up", give_up, options={"give_up": HERE})


async def wait(ctx: StepContext[None, None, str]) -> str:
    """Runs until it is told to go on, by a file, and then asks."""
    while not Path(ctx.inputs).exists():
        await asyncio.sleep(0.02)
    return await interrupt("go on?", response_type=str)


told_to = chain("told_to", wait, options={})


def _waiting_together() -> TemporalGraph[Tally, None, list[str], list[str]]:
    g = GraphBuilder(name="together", state_type=Tally, input_type=list[str], output_type=list[str])

    @g.step
    async def paths(ctx: StepContext[Tally, None, list[str]]) -> list[str]:
        return ctx.inputs

    @g.step
    async def come(ctx: StepContext[Tally, None, str]) -> str:
        """Runs until it is told to go on, by a file."""
        while not Path(ctx.inputs).exists():
            await asyncio.sleep(0.02)
        ctx.state.log.append(Path(ctx.inputs).name)
        return Path(ctx.inputs).name

    all_of_them = g.join(reduce_list_append, initial_factory=list[str])
    g.add(
        g.edge_from(g.start_node).to(paths),
        g.edge_from(paths).map().to(come),
        g.edge_from(come).to(all_of_them),
        g.edge_from(all_of_them).to(g.end_node),
    )
    return TemporalGraph(g.build())


together = _waiting_together()


async def ask(ctx: StepContext[None, None, str]) -> str:
    """Asks."""
    return await interrupt("go on?", response_type=str)


def limited(number: int) -> TemporalGraph:
    """A graph that asks, and whose histories get no longer than so many events if they need not."""
    g = GraphBuilder(name=f"limited_{number}", input_type=str, output_type=str)
    step = g.step(ask)
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    return TemporalGraph(g.build(), max_history_events=number)
