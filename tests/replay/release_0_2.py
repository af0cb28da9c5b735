"""The graphs of the histories of release 0.2. Never change them: those histories must replay for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from temporal_graph import (
    Abort,
    Calendar,
    Command,
    Escalate,
    Every,
    InterruptError,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    Retry,
    Send,
    Skip,
    TemporalGraph,
    answers,
    emit,
    interrupt,
    once,
    send_to,
    step,
)

HOUR = timedelta(hours=1)
TWICE = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2)
OFFICE = Calendar(
    "Europe/Berlin", hours=[("09:00", "12:30"), ("13:30", "17:00")], holidays=["2026-12-25", "2027-01-01"]
)


@dataclass
class File:
    requested_by: str = "eve"
    is_open: bool = False
    log: list[str] = field(default_factory=list[str])


# -- Interrupt nodes: prompts, reminders, escalations, what is done once --------------------------------------------


def charge(amount: int) -> int:
    return amount + 1


@dataclass
class Claim(InterruptNode[File, None, str]):
    amount: int
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees=lambda ctx: ["ann", *ctx.state.log[:1]],
        not_by=lambda ctx: ctx.state.requested_by,
        reminders=Every(12 * HOUR),
        escalations=[Escalate(24 * HOUR, "bob"), Escalate(48 * HOUR, ["boss", "cfo"])],
        timeout=72 * HOUR,
        on_timeout=Command(resume={"approved": False}, update={"log": ["late"]}),
    )

    async def prompt(self, ctx: StepContext[File, None, Claim]) -> dict[str, Any]:
        return {"amount": self.amount, "of": ctx.state.requested_by}

    def validate_answer(self, ctx: StepContext[File, None, Claim]) -> None:
        if self.amount == 13:
            raise ValueError("nobody decides about 13")

    async def run(self, ctx: GraphRunContext[File, None]) -> Settle | End[str]:
        [answer] = answers()
        ctx.state.log.append(f"{self.approved} via {answer.via} by {answer.actor}")
        return Settle(await once("charge", charge, self.amount)) if self.approved else End(", ".join(ctx.state.log))


@dataclass
class Settle(BaseNode[File, None, str]):
    amount: int

    async def run(self, ctx: GraphRunContext[File, None]) -> End[str]:
        number = await once("charge", charge, self.amount)
        await emit({"charged": number})
        sure = await interrupt(f"Pay {number}?", response_type=str)
        again = await once("charge again", charge, number)
        if not ctx.state.is_open:
            raise ValueError(f"closed after {again}")
        return End(f"{sure} {number} {again}")


claims = InterruptibleGraph(
    [Claim, Settle],
    name="release_2_claims",
    node_options={"Settle": NodeOptions(retry_policy=TWICE, on_failure="interrupt")},
)
short_claims = InterruptibleGraph(
    [Claim, Settle],
    name="release_2_short_claims",
    options=NodeOptions(execution="local"),
    node_options={"Settle": NodeOptions(retry_policy=TWICE, on_failure="interrupt")},
    max_history_events=20,
)

# -- Calls: the ways in which time can be up, and calendars ---------------------------------------------------------

POLICIES = {
    "answer": InterruptPolicy(reminders=[HOUR, 3 * HOUR], timeout=5 * HOUR, on_timeout=Command(resume="nobody")),
    "goto": InterruptPolicy(
        timeout=5 * HOUR, on_timeout=Command(goto=Send("instead", "sent"), update={"log": ["went"]})
    ),
    "fail": InterruptPolicy(assignees="ann", timeout=5 * HOUR),
    "office": InterruptPolicy(
        assignees="ann",
        reminders=Every(3 * HOUR),
        escalations=[Escalate(4 * HOUR, "bob"), Escalate(20 * HOUR, "cid")],
        timeout=30 * HOUR,
        on_timeout=Command(resume="nobody in the office"),
        calendar=OFFICE,
    ),
    "moment": InterruptPolicy(
        reminders=[HOUR], timeout=datetime(2100, 1, 1, tzinfo=UTC), on_timeout=Command(resume="the moment")
    ),
    "seconds": InterruptPolicy(
        assignees="ann",
        reminders=Every(timedelta(seconds=1)),
        escalations=[Escalate(timedelta(seconds=2.5), "bob"), Escalate(timedelta(seconds=3.5), "cid")],
        timeout=timedelta(seconds=8),
        on_timeout=Command(resume="nobody in 8 seconds"),
    ),
    "never": InterruptPolicy(
        assignees=["ann"], only_assignees=True, escalations=[Escalate(2 * HOUR, "bob")], reminders=[5 * HOUR]
    ),
}


def polite(text: str) -> str:
    if text == "rude":
        raise ValueError("be polite")
    return text


_d = GraphBuilder(name="release_2_deadlines", state_type=File, input_type=str, output_type=str)


async def _waits(ctx: StepContext[File, None, str]) -> str:
    type_ = Annotated[str, AfterValidator(polite)]
    said: str = await interrupt({"how": ctx.inputs}, response_type=type_, policy=POLICIES[ctx.inputs])
    return f"{said} via {answers()[0].via}"


_ask = _d.step(node_id="ask")(_waits)


@_d.step
async def instead(ctx: StepContext[File, None, str]) -> str:
    return f"instead: {ctx.inputs} {ctx.state.log}"


_d.add(_d.edge_from(_d.start_node).to(_ask), _d.edge_from(_ask, instead).to(_d.end_node))
_deadlines = _d.build(validate_graph_structure=False)
deadlines = TemporalGraph(_deadlines)
deadlines_here = TemporalGraph(
    _deadlines, name="release_2_deadlines_here", node_options={"ask": NodeOptions(execution="workflow")}
)

# -- Votes ------------------------------------------------------------------------------------------------------------


@dataclass
class Prepare(BaseNode[File, None, list[str]]):
    left: int

    async def run(self, ctx: GraphRunContext[File, None]) -> Ballot:
        return Ballot(self.left)


@dataclass
class Ballot(InterruptNode[File, None, list[str]]):
    left: int
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees=["ann", "bob", "cid"],
        only_assignees=True,
        not_by=lambda ctx: ctx.state.requested_by,
        quorum=2,
        reject_ends={"approved": False},
        escalations=[Escalate(6 * HOUR, ["dan", "eve"])],
        timeout=20 * HOUR,
    )

    async def run(self, ctx: GraphRunContext[File, None]) -> Prepare | End[list[str]]:
        said = " ".join(f"{answer.actor} {answer.value['approved']}" for answer in answers())
        ctx.state.log.append(f"{self.approved}: {said}")
        return Prepare(self.left - 1) if self.left else End(ctx.state.log)


votes = InterruptibleGraph([Prepare, Ballot], name="release_2_votes")
short_votes = InterruptibleGraph([Prepare, Ballot], name="release_2_short_votes", max_history_events=50)

# -- Two questions with deadlines beside a loop, which continues as new ---------------------------------------------


@dataclass(frozen=True)
class Lap:
    number: int


_r = GraphBuilder(name="release_2_errands", state_type=File, input_type=str, output_type=list[str])
_done = _r.join(reduce_list_append, initial_factory=list[str], node_id="done", parent_fork_id="lanes")


@_r.step
async def slow(ctx: StepContext[File, None, str]) -> str:
    policy = InterruptPolicy(
        assignees="ann", reminders=Every(7 * HOUR), timeout=50 * HOUR, on_timeout=Command(resume="slow is late")
    )
    return await interrupt("slow", response_type=str, policy=policy)


@_r.step
async def quick(ctx: StepContext[File, None, str]) -> str:
    return await interrupt("quick", response_type=str)


@_r.step
async def lap(ctx: StepContext[File, None, Lap]) -> Lap | str:
    if ctx.inputs.number >= 8:
        return "8 laps"
    if ctx.inputs.number % 4 == 3:
        ctx.state.log.append(await interrupt(ctx.inputs.number, response_type=str))
    return Lap(ctx.inputs.number + 1)


def _first_lap(ctx: StepContext[File, None, str]) -> Lap:
    return Lap(0)


_r.add(
    _r.edge_from(_r.start_node).broadcast(
        lambda e: [e.to(slow), e.to(quick), e.transform(_first_lap).to(lap)], fork_id="lanes"
    ),
    _r.edge_from(slow, quick).to(_done),
    _r.edge_from(lap).to(
        _r.decision(node_id="more").branch(_r.match(Lap).to(lap)).branch(_r.match(str).to(_done)),
    ),
    _r.edge_from(_done).to(_r.end_node),
)
_errands = _r.build()
errands = TemporalGraph(
    _errands,
    max_history_events=70,
    node_options={
        "quick": NodeOptions(
            policy=InterruptPolicy(
                assignees="bob",
                escalations=[Escalate(10 * HOUR, "boss")],
                timeout=30 * HOUR,
                on_timeout=Command(resume="quick is late"),
            )
        )
    },
)
others_errands = TemporalGraph(
    _errands,
    max_history_events=70,
    options=NodeOptions(policy=InterruptPolicy(assignees="nobody else", timeout=HOUR)),
)
"""Another release of `errands`: its runs, once they have begun with the policies of `errands`, keep those."""

# -- Nodes in the workflow ------------------------------------------------------------------------------------------


def double(number: int) -> int:
    return 2 * number


async def stall() -> None:
    await asyncio.sleep(60)


def unwritten() -> int:
    return "many"  # type: ignore[return-value]


_t = GraphBuilder(name="release_2_talks", state_type=File, input_type=str, output_type=str)


@_t.step
async def talk(ctx: StepContext[File, None, str]) -> str:
    """Keeps its locals, whoever answers in whichever way."""
    found: list[str] = []
    for number in range(4):
        count = await step(double, number)
        policy = InterruptPolicy(timeout=9 * HOUR, on_timeout=Command(resume="late"))
        found.append(f"{count} {await interrupt([number, count], response_type=str, policy=policy)}")
    await emit({"found": found})
    for function in (stall, unwritten):
        try:
            await step(function)
        except ActivityError as error:
            found.append(type(error.cause).__name__)
        except InterruptError:
            found.append("lost")
    try:
        async with asyncio.timeout(HOUR.total_seconds()):
            found.append(await interrupt("within an hour", response_type=str))
    except TimeoutError:
        found.append("gave up")
    found.append(str(await asyncio.gather(*(step(double, number) for number in (5, 6)))))
    found.append(await interrupt("the last", response_type=str))
    ctx.state.log += found
    if not ctx.state.is_open:
        raise ValueError("closed")
    return ", ".join(found)


_t.add(_t.edge_from(_t.start_node).to(talk), _t.edge_from(talk).to(_t.end_node))
_talk_options = {
    "talk": NodeOptions(execution="workflow", on_failure="interrupt"),
    "stall": NodeOptions(start_to_close_timeout=timedelta(seconds=1), retry_policy=RetryPolicy(maximum_attempts=1)),
}
talks = TemporalGraph(_t.build(), steps=[double, stall, unwritten], node_options=_talk_options)
short_talks = TemporalGraph(
    talks.graph,
    name="release_2_short_talks",
    steps=[double, stall, unwritten],
    node_options=_talk_options,
    max_history_events=75,
)

_n = GraphBuilder(name="release_2_naps", input_type=str, output_type=str)


@_n.step
async def nap(ctx: StepContext[None, None, str]) -> str:
    """Does nothing but wait, and asks only then."""
    await asyncio.sleep(HOUR.total_seconds())
    return await interrupt(ctx.inputs, response_type=str)


_n.add(_n.edge_from(_n.start_node).to(nap), _n.edge_from(nap).to(_n.end_node))
naps = TemporalGraph(_n.build(), options=NodeOptions(execution="workflow"))

_o = GraphBuilder(name="release_2_odd", input_type=str, output_type=str)


@_o.step
async def is_odd(ctx: StepContext[None, None, str]) -> str:
    """Ends in a way that would end more than itself."""
    if ctx.inputs == "leaves":
        raise SystemExit(3)
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task
    return "never"


_o.add(_o.edge_from(_o.start_node).to(is_odd), _o.edge_from(is_odd).to(_o.end_node))
odd = TemporalGraph(_o.build(), options=NodeOptions(execution="workflow", on_failure="interrupt"))

# -- Failures ---------------------------------------------------------------------------------------------------------


@dataclass
class Job:
    text: str = "bad"


def _failing(name: str, options: NodeOptions) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name=name, state_type=File, input_type=Job, output_type=str)

    @g.step
    async def work(ctx: StepContext[File, None, Job]) -> str:
        if not ctx.state.is_open and ctx.inputs.text != "good":
            raise ConnectionError(f"closed for {ctx.inputs.text}")
        return f"did {ctx.inputs.text}"

    @g.step
    async def elsewhere(ctx: StepContext[File, None, str]) -> str:
        return f"elsewhere: {ctx.inputs}"

    g.add(g.edge_from(g.start_node).to(work), g.edge_from(work, elsewhere).to(g.end_node))
    return TemporalGraph(g.build(validate_graph_structure=False), node_options={"work": options})


def _asking(**others: Any) -> NodeOptions:
    return NodeOptions(on_failure="interrupt", **others)


failures = _failing("release_2_failures", _asking(retry_policy=TWICE))
local_failures = _failing("release_2_local_failures", _asking(retry_policy=TWICE, execution="local"))
failures_here = _failing("release_2_failures_here", _asking(execution="workflow"))
opening_failures = _failing(
    "release_2_opening_failures",
    _asking(
        retry_policy=TWICE,
        policy=InterruptPolicy(
            assignees="ann",
            only_assignees=True,
            escalations=[Escalate(HOUR, "bob")],
            timeout=3 * HOUR,
            on_timeout=Command(resume=Retry(), update={"is_open": True}),
        ),
    ),
)
skipping_failures = _failing(
    "release_2_skipping_failures",
    _asking(retry_policy=TWICE, policy=InterruptPolicy(timeout=HOUR, on_timeout=Command(resume=Skip("skipped")))),
)
aborting_failures = _failing(
    "release_2_aborting_failures",
    _asking(retry_policy=TWICE, policy=InterruptPolicy(timeout=HOUR, on_timeout=Command(resume=Abort()))),
)

# -- One question after the other: who is told, what is shown -------------------------------------------------------


@dataclass
class Ask(BaseNode[File, None, list[str]]):
    number: int = 1

    async def run(self, ctx: GraphRunContext[File, None]) -> Ask | End[list[str]]:
        policy = InterruptPolicy(
            assignees=["ann", f"group {self.number}"],
            reminders=Every(10 * HOUR),
            escalations=[Escalate(15 * HOUR, "boss")],
            timeout=40 * HOUR,
            on_timeout=Command(resume="nobody"),
        )
        answer = await interrupt({"number": self.number}, response_type=str, policy=policy)
        ctx.state.log.append(answer)
        if answer == "fail":
            raise TypeError("it was to fail")
        return End(ctx.state.log) if answer == "end" else Ask(self.number + 1)


asking = InterruptibleGraph([Ask], name="release_2_asking")
short_asking = InterruptibleGraph([Ask], name="release_2_short_asking", max_history_events=40)

_w = GraphBuilder(name="release_2_crowd", input_type=list[str], output_type=int)


@_w.step
async def person(ctx: StepContext[None, None, str]) -> str:
    policy = InterruptPolicy(assignees=ctx.inputs, timeout=HOUR)
    return await interrupt(ctx.inputs, response_type=str, policy=policy)


_all = _w.join(reduce_list_append, initial_factory=list[str], node_id="all")


def _count(ctx: StepContext[None, None, list[str]]) -> int:
    return len(ctx.inputs)


_w.add(
    _w.edge_from(_w.start_node).map(fork_id="each").to(person),
    _w.edge_from(person).to(_all),
    _w.edge_from(_all).transform(_count).to(_w.end_node),
)
crowd = TemporalGraph(_w.build())

# -- Breakpoints ------------------------------------------------------------------------------------------------------

_b = GraphBuilder(name="release_2_stops", state_type=File, input_type=str, output_type=str)


@_b.step
async def check(ctx: StepContext[File, None, str]) -> str:
    ctx.state.log.append("checked")
    return ctx.inputs


@_b.step
async def finish(ctx: StepContext[File, None, str]) -> str:
    return f"{ctx.inputs} {ctx.state.log}"


_b.add(_b.edge_from(_b.start_node).to(check), _b.edge_from(check).to(finish), _b.edge_from(finish).to(_b.end_node))
stops = TemporalGraph(
    _b.build(),
    interrupt_before=["check"],
    interrupt_after=["check"],
    node_options={
        "check": NodeOptions(
            policy=InterruptPolicy(assignees="ann", reminders=[HOUR], timeout=4 * HOUR, on_timeout=Command(resume=None))
        )
    },
)

# -- Commands, sends, and results that lead to nothing yet ----------------------------------------------------------

_c = GraphBuilder(name="release_2_sends", state_type=File, input_type=list[str], output_type=list[str])


@_c.step
async def plan(ctx: StepContext[File, None, list[str]]) -> list[Send]:
    return [Send("write", name) for name in ctx.inputs]


@_c.step
async def write(ctx: StepContext[File, None, str]) -> str:
    return f"wrote {ctx.inputs}"


_written = _c.join(reduce_list_append, initial_factory=list[str], node_id="written")


@_c.step
async def route(ctx: StepContext[File, None, list[str]]) -> Command[Literal["plan", "close"]]:
    if len(ctx.inputs) == 1:
        return Command(goto=Send("plan", [*ctx.inputs, "more"]))
    return Command(update={"log": [*ctx.state.log, *ctx.inputs]}, goto=Send("close", ctx.inputs))


@_c.step
async def close(ctx: StepContext[File, None, list[str]]) -> list[str]:
    return [*ctx.inputs, "closed"]


_c.add(
    _c.edge_from(_c.start_node).to(plan),
    _c.edge_from(plan).map(fork_id="planned").to(send_to(_c, write)),
    _c.edge_from(write).to(_written),
    _c.edge_from(_written).to(route),
    _c.edge_from(close).to(_c.end_node),
)
sends = TemporalGraph(_c.build(validate_graph_structure=False))

_g = GraphBuilder(name="release_2_together", state_type=File, input_type=list[float], output_type=list[float])


@_g.step
async def sleep(ctx: StepContext[File, None, float]) -> float:
    await asyncio.sleep(ctx.inputs)
    ctx.state.log = [*ctx.state.log, str(ctx.inputs)]
    return ctx.inputs


_together = _g.join(reduce_list_append, initial_factory=list[float], node_id="together")
_g.add(
    _g.edge_from(_g.start_node).map(fork_id="each").to(sleep),
    _g.edge_from(sleep).to(_together),
    _g.edge_from(_together).to(_g.end_node),
)
together = TemporalGraph(_g.build())

GRAPHS = (
    claims,
    short_claims,
    deadlines,
    deadlines_here,
    votes,
    short_votes,
    others_errands,
    talks,
    short_talks,
    naps,
    odd,
    failures,
    local_failures,
    failures_here,
    opening_failures,
    skipping_failures,
    aborting_failures,
    asking,
    short_asking,
    crowd,
    stops,
    sends,
    together,
)
"""`others_errands` stands for `errands`: a release that asks otherwise has to replay its runs."""
