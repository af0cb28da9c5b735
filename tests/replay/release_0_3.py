"""The graphs of the histories of release 0.3. Never change them: those histories must replay for ever."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_graph import (
    Every,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    Merge,
    NodeOptions,
    Required,
    TemporalGraph,
    answers,
    interrupt,
    once,
    step,
)

TWICE = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2)
ELSEWHERE, STEPS = "recorded elsewhere", "recorded steps"
"""The task queues of nodes, and of steps, whose workers are not those of their runs."""


@dataclass
class Book:
    edits: int = 0
    note: str = ""
    is_open: bool = False
    names: dict[str, int] = field(default_factory=dict[str, int])


# -- Runs that only wait --------------------------------------------------------------------------------------------


@dataclass
class Ballot(InterruptNode[Book, None, str]):
    approved: Annotated[bool | None, Required] = None
    ballast: str = ""

    policy = InterruptPolicy(
        quorum=1_000,
        reject_ends={"approved": False},
        reminders=Every(timedelta(days=7)),
        timeout=timedelta(days=300),
    )

    async def run(self, ctx: GraphRunContext[Book, None]) -> End[str]:
        said = answers()
        return End(f"{sum(answer.value['approved'] for answer in said)} for, {ctx.state.edits} edits")


ballots = InterruptibleGraph([Ballot], name="release_3_ballots", max_history_events=30)


@dataclass
class Essay(InterruptNode[Book, None, str]):
    text: Annotated[str | None, Required] = None

    policy = InterruptPolicy(quorum=100, reject_ends={"text": "the end"})

    async def run(self, ctx: GraphRunContext[Book, None]) -> End[str]:
        return End(f"{sum(len(answer.value['text']) for answer in answers())} letters")


_w = GraphBuilder(name="release_3_essays", state_type=Book, input_type=list[Essay], output_type=str)
_w.add(_w.node(Essay), _w.edge_from(_w.start_node).map(fork_id="each").to(Essay))
essays = TemporalGraph(_w.build(), max_history_events=30)

# -- Numbers, and the order of a dict -------------------------------------------------------------------------------


def _counting(name: str, **options: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name=name, state_type=Book, input_type=list[int], output_type=list[int])

    @g.step
    async def count(ctx: StepContext[Book, None, int]) -> int:
        ctx.state.edits += 1
        return ctx.inputs

    @g.step
    async def turn(ctx: StepContext[Book, None, list[int]]) -> list[int]:
        ctx.state.names = dict(reversed(ctx.state.names.items()))
        await interrupt({"turned": ctx.state.note}, response_type=str)
        return sorted(ctx.inputs)

    counted = g.join(reduce_list_append, initial_factory=list[int], node_id="counted")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(count),
        g.edge_from(count).to(counted),
        g.edge_from(counted).to(turn),
        g.edge_from(turn).to(g.end_node),
    )
    return TemporalGraph(g.build(), **options)


careless = _counting("release_3_careless")
summing = _counting("release_3_summing", numbers=Merge.sum)
short_summing = _counting("release_3_short_summing", numbers=Merge.sum, max_history_events=60)

# -- Which answer is whose ------------------------------------------------------------------------------------------


def stamp() -> str:
    return "stamped"


def double(number: int) -> int:
    return 2 * number


_k = GraphBuilder(name="release_3_tools", state_type=Book, input_type=list[str], output_type=list[str])


def _turned(items: list[str]) -> list[str]:
    """The items, beginning with another one each time that the node runs."""
    by = len(answers()) % len(items)
    return [*items[by:], *items[:by]]


@_k.step
async def with_keys(ctx: StepContext[Book, None, list[str]]) -> list[str]:
    """Questions that read differently each time, and are asked in another order."""

    async def tool(what: str) -> str:
        return await interrupt(f"{time.time()}: delete {what}?", response_type=str, key=f"delete {what}")

    found = {what: await tool(what) for what in _turned(ctx.inputs)}
    return [f"{what} {found[what]}" for what in ctx.inputs]


@_k.step
async def in_a_loop(ctx: StepContext[Book, None, list[str]]) -> list[str]:
    """Questions that read the same each time, and are asked in another order; and one that shows the time."""
    found = {what: await interrupt(f"delete {what}?", response_type=str) for what in _turned(ctx.inputs)}
    stamped = await once("stamp", stamp)
    when = await interrupt({"at": datetime.now(UTC)}, response_type=str)
    return [*(f"{what}: {found[what]}" for what in ctx.inputs), f"{stamped} {when}"]


@_k.step
async def here(ctx: StepContext[Book, None, list[str]]) -> list[str]:
    """The same in the workflow, with a step beside it."""

    async def tool(what: str) -> str:
        return await interrupt(f"{time.time()}: keep {what}?", response_type=str, key=f"keep {what}")

    number = await step(double, len(ctx.inputs))
    found = [await tool(what) for what in ("a", "b")]
    last = await interrupt(f"{time.time()}: the last?", response_type=str)
    return [*ctx.inputs, *found, last, str(number)]


_k.add(
    _k.edge_from(_k.start_node).to(with_keys),
    _k.edge_from(with_keys).to(in_a_loop),
    _k.edge_from(in_a_loop).to(here),
    _k.edge_from(here).to(_k.end_node),
)
_tools = _k.build()
_here = {"here": NodeOptions(execution="workflow")}
tools = TemporalGraph(_tools, node_options=_here, steps=[double])
short_tools = TemporalGraph(
    _tools,
    name="release_3_short_tools",
    options=NodeOptions(execution="local"),
    node_options=_here,
    steps=[double],
    max_history_events=24,
)

# -- Two releases of a graph ----------------------------------------------------------------------------------------


@dataclass
class WithOwner:
    """The state of a later release of `claims`, which cannot read that of the earlier one."""

    owner: str
    edits: int = 0
    note: str = ""


@dataclass
class InWords:
    """The state of another release of `claims`: what one of the two takes for it, the other one refuses."""

    edits: str = ""
    note: str = ""


def _claims(name: str, state: Any, **options: Any) -> TemporalGraph[Any, Any, Any, Any]:
    builder: Any = GraphBuilder
    g = builder(name=name, state_type=state, input_type=int, output_type=str)

    async def ask(ctx: Any) -> str:
        return await interrupt(f"pay {ctx.inputs}?", response_type=str)

    async def pay(ctx: Any) -> str:
        return f"paid: {ctx.inputs} ({ctx.state.edits})"

    ask.__annotations__ = {"ctx": StepContext[state, None, int], "return": str}
    pay.__annotations__ = {"ctx": StepContext[state, None, str], "return": str}
    asks, pays = g.step(ask), g.step(pay)
    g.add(g.edge_from(g.start_node).to(asks), g.edge_from(asks).to(pays), g.edge_from(pays).to(g.end_node))
    return TemporalGraph(g.build(), **options)


claims = _claims("release_3_claims", Book)
later_claims = _claims("release_3_claims", WithOwner)
"""Another release of `claims`, which blocks its runs."""
short_claims = _claims("release_3_short_claims", Book, max_history_events=24)
later_short_claims = _claims("release_3_short_claims", WithOwner, max_history_events=24)
claims_in_words = _claims("release_3_claims", InWords)

# -- Nodes whose worker is another one ------------------------------------------------------------------------------

_e = GraphBuilder(name="release_3_elsewhere", input_type=str, output_type=str)


@_e.step
async def there(ctx: StepContext[None, None, str]) -> str:
    return f"there {ctx.inputs}"


def add(text: str) -> str:
    return f"{text} and more"


@_e.step
async def calls(ctx: StepContext[None, None, str]) -> str:
    return await step(add, ctx.inputs)


_e.add(_e.edge_from(_e.start_node).to(there), _e.edge_from(there).to(calls), _e.edge_from(calls).to(_e.end_node))
elsewhere = TemporalGraph(
    _e.build(),
    steps=[add],
    node_options={
        "there": NodeOptions(task_queue=ELSEWHERE),
        "add": NodeOptions(task_queue=STEPS),
        "calls": NodeOptions(execution="workflow"),
    },
)

# -- How a run begins -----------------------------------------------------------------------------------------------


def in_time(until: datetime) -> datetime:
    if until < datetime.now(UTC):
        raise ValueError("it is too late")
    return until


_s = GraphBuilder(name="release_3_offers", input_type=Annotated[datetime, AfterValidator(in_time)], output_type=str)


@_s.step
async def offer(ctx: StepContext[None, None, datetime]) -> str:
    return await interrupt("Do you take it?", response_type=str)


_s.add(_s.edge_from(_s.start_node).to(offer), _s.edge_from(offer).to(_s.end_node))
offers = TemporalGraph(_s.build())

# -- What is large --------------------------------------------------------------------------------------------------

_l = GraphBuilder(name="release_3_readers", state_type=Book, input_type=list[int], output_type=list[str])


@_l.step
async def read(ctx: StepContext[Book, None, int]) -> str:
    return f"{len(ctx.state.note)} {ctx.inputs}"


@_l.step
async def question(ctx: StepContext[Book, None, list[int]]) -> str:
    return await interrupt(len(ctx.inputs), response_type=str)


_read = _l.join(reduce_list_append, initial_factory=list[str], node_id="all", parent_fork_id="both")
_l.add(
    _l.edge_from(_l.start_node).broadcast(lambda e: [e.map(fork_id="each").to(read), e.to(question)], fork_id="both"),
    _l.edge_from(read, question).to(_read),
    _l.edge_from(_read).to(_l.end_node),
)
readers = TemporalGraph(_l.build(), node_options={"question": NodeOptions(execution="workflow")})

_o = GraphBuilder(name="release_3_growing", state_type=Book, input_type=list[int], output_type=int)


@_o.step
async def grow(ctx: StepContext[Book, None, list[int]]) -> list[int]:
    """Makes the state larger by so many letters."""
    ctx.state.names["g" * ctx.inputs[0]] = 1
    return ctx.inputs[1:]


@_o.step
async def grow_here(ctx: StepContext[Book, None, list[int]]) -> int:
    ctx.state.names["h" * ctx.inputs[0]] = 2
    return len(ctx.state.names)


_o.add(
    _o.edge_from(_o.start_node).to(grow),
    _o.edge_from(grow).to(grow_here),
    _o.edge_from(grow_here).to(_o.end_node),
)
growing = TemporalGraph(
    _o.build(),
    node_options={"grow": NodeOptions(on_failure="interrupt"), "grow_here": NodeOptions(execution="workflow")},
)

# -- Failures -------------------------------------------------------------------------------------------------------


def caused() -> None:
    try:
        try:
            raise KeyError("absent")
        except KeyError as error:
            raise ConnectionError("no way there") from error
    except ConnectionError as error:
        raise ValueError("no such order") from error


def temporals() -> None:
    raise ApplicationError("sold out", {"seats": 0}, type="NoSeats")


def final() -> None:
    raise ApplicationError("closed", type="Closed", non_retryable=True)


def grouped() -> None:
    raise ExceptionGroup("two", [ValueError("one"), KeyError("other")])


def cancelled() -> None:
    raise asyncio.CancelledError("by itself")


def leaves() -> None:
    raise SystemExit(3)


RAISES = {function.__name__: function for function in (caused, temporals, final, grouped, cancelled, leaves)}


@dataclass
class Raise(BaseNode[Book, None, str]):
    kind: str

    async def run(self, ctx: GraphRunContext[Book, None]) -> Raise | End[str]:
        if not ctx.state.is_open:
            RAISES[self.kind]()
        return End(f"did not raise {self.kind}")


def _raising(name: str, **options: Any) -> InterruptibleGraph[Any, Any, Any]:
    others = {"max_history_events": options.pop("max_history_events")} if "max_history_events" in options else {}
    return InterruptibleGraph([Raise], name=name, options=NodeOptions(**options), **others)


raising = _raising("release_3_raising", retry_policy=TWICE)
raising_local = _raising("release_3_raising_local", retry_policy=TWICE, execution="local")
raising_here = _raising("release_3_raising_here", execution="workflow")
asking_raising = _raising("release_3_asking_raising", retry_policy=TWICE, on_failure="interrupt", max_history_events=24)

_j = GraphBuilder(name="release_3_collecting", input_type=list[int], output_type=list[str])


@_j.step
async def collect(ctx: StepContext[None, None, int]) -> str:
    return await interrupt(ctx.inputs, response_type=str) if ctx.inputs else "nothing"


def _spoil(current: list[str], value: str) -> list[str]:
    return [*current, object()]  # type: ignore[list-item]


_collected = _j.join(_spoil, initial_factory=list[str], node_id="collected")
_j.add(
    _j.edge_from(_j.start_node).map(fork_id="each").to(collect),
    _j.edge_from(collect).to(_collected),
    _j.edge_from(_collected).to(_j.end_node),
)
collecting = TemporalGraph(_j.build(), max_history_events=10)
"""What its join has collected cannot be written where the run continues as new."""

GRAPHS = (
    ballots,
    essays,
    careless,
    summing,
    short_summing,
    tools,
    short_tools,
    claims,
    short_claims,
    elsewhere,
    offers,
    readers,
    growing,
    raising,
    raising_local,
    raising_here,
    asking_raising,
    collecting,
)
"""Without the other releases of `claims`: what these have written, the earlier ones have to replay."""
