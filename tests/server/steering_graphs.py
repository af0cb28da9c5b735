"""Graphs that are stopped, steered, looked back at and listened to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic_graph import (
    BaseNode,
    End,
    GraphBuilder,
    GraphRunContext,
    ReduceFirstValue,
    StepContext,
    TypeExpression,
    reduce_list_append,
)

from temporal_graph import (
    Command,
    InterruptibleGraph,
    InterruptNode,
    NodeOptions,
    Required,
    Send,
    TemporalGraph,
    emit,
    interrupt,
    send_to,
)


@dataclass
class Desk:
    """What the nodes did, and what people may change."""

    lines: list[str] = field(default_factory=list[str])
    amount: int = 0
    extra: Any = None


@dataclass
class Gate:
    """How a test holds a node; lives on its worker."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[str] = field(default_factory=list[str])


# -- One node after the other -----------------------------------------------------------------------------------------

_l = GraphBuilder(name="line", state_type=Desk, input_type=str, output_type=str)


@_l.step
async def first(ctx: StepContext[Desk, None, str]) -> str:
    ctx.state.lines.append("first")
    return f"{ctx.inputs}1"


@_l.step
async def second(ctx: StepContext[Desk, None, str]) -> str:
    ctx.state.lines.append("second")
    ctx.state.amount += 1
    return f"{ctx.inputs}2"


@_l.step
async def third(ctx: StepContext[Desk, None, str]) -> str:
    ctx.state.lines.append("third")
    return f"{ctx.inputs}3 of {ctx.state.amount}"


_l.add(
    _l.edge_from(_l.start_node).to(first),
    _l.edge_from(first).to(second),
    _l.edge_from(second).to(third),
    _l.edge_from(third).to(_l.end_node),
)
_line = _l.build()
line = TemporalGraph(_line)
short_line = TemporalGraph(_line, name="short_line", max_history_events=10)
stopping_line = TemporalGraph(_line, name="stopping_line", interrupt_before=["second"], interrupt_after=["first"])
line_here = TemporalGraph(_line, name="line_here", options=NodeOptions(execution="workflow"))


# -- Node classes that ask --------------------------------------------------------------------------------------------


@dataclass
class Draft(BaseNode[Desk]):
    """Writes."""

    text: str

    async def run(self, ctx: GraphRunContext[Desk]) -> Review:
        ctx.state.lines.append(f"draft {self.text}")
        return Review(self.text)


@dataclass
class Review(InterruptNode[Desk]):
    """Waits for a decision."""

    text: str
    verdict: Annotated[Literal["yes", "no"] | None, Required] = None

    async def run(self, ctx: GraphRunContext[Desk]) -> Publish | Draft:
        ctx.state.lines.append(f"review {self.verdict}")
        return Publish(self.text) if self.verdict == "yes" else Draft(f"{self.text}'")


@dataclass
class Publish(BaseNode[Desk, None, str]):
    """Asks once more, in the middle of its run."""

    text: str

    async def run(self, ctx: GraphRunContext[Desk]) -> End[str]:
        where = await interrupt({"publish": self.text}, response_type=str)
        ctx.state.lines.append(f"publish {where}")
        return End(f"{self.text} in {where}")


desk = InterruptibleGraph([Draft, Review, Publish], name="desk")
short_desk = InterruptibleGraph([Draft, Review, Publish], name="short_desk", max_history_events=10)


# -- A loop of questions ----------------------------------------------------------------------------------------------


@dataclass
class Round(BaseNode[Desk, None, list[str]]):
    """Asks, and goes round."""

    left: int

    async def run(self, ctx: GraphRunContext[Desk]) -> Ask | End[list[str]]:
        return Ask(self.left) if self.left else End(ctx.state.lines)


@dataclass
class Ask(InterruptNode[Desk, None, list[str]]):
    """One question of a loop."""

    left: int
    who: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Desk]) -> Round:
        ctx.state.lines.append(str(self.who))
        return Round(self.left - 1)


rounds = InterruptibleGraph(
    [Round, Ask], name="rounds", options=NodeOptions(execution="workflow"), max_history_events=400
)


# -- Branches, some of which ask --------------------------------------------------------------------------------------

_b = GraphBuilder(name="board", state_type=Desk, input_type=list[str], output_type=list[str])


@_b.step
async def item(ctx: StepContext[Desk, None, str]) -> str:
    """Asks about its item, unless it begins with `quick`."""
    answer = "" if ctx.inputs.startswith("quick") else await interrupt(ctx.inputs, response_type=str)
    ctx.state.lines.append(f"item {ctx.inputs}")
    return f"{ctx.inputs}={answer}"


@_b.step
async def total(ctx: StepContext[Desk, None, list[str]]) -> list[str]:
    ctx.state.lines.append("total")
    return sorted(ctx.inputs)


_items = _b.join(reduce_list_append, initial_factory=list[str], node_id="items")
_b.add(
    _b.edge_from(_b.start_node).map(fork_id="each").to(item),
    _b.edge_from(item).to(_items),
    _b.edge_from(_items).to(total),
    _b.edge_from(total).to(_b.end_node),
)
_board = _b.build()
board = TemporalGraph(_board)
short_board = TemporalGraph(_board, name="short_board", max_history_events=10)


# -- A node that is held ----------------------------------------------------------------------------------------------

_h = GraphBuilder(name="held", state_type=Desk, deps_type=Gate, input_type=str, output_type=str)


@_h.step
async def slow(ctx: StepContext[Desk, Gate, str]) -> str:
    """Runs until the test lets it go."""
    ctx.deps.begun.set()
    try:
        await ctx.deps.go.wait()
    except asyncio.CancelledError:
        ctx.deps.seen.append("cancelled")
        raise
    ctx.state.lines.append("slow")
    return ctx.inputs


@_h.step
async def after(ctx: StepContext[Desk, Gate, str]) -> str:
    ctx.deps.seen.append("after")
    ctx.state.lines.append("after")
    return f"{ctx.inputs}!"


_h.add(_h.edge_from(_h.start_node).to(slow), _h.edge_from(slow).to(after), _h.edge_from(after).to(_h.end_node))
held = TemporalGraph(_h.build())


# -- Steps that send --------------------------------------------------------------------------------------------------


@dataclass
class Piece:
    """What one kind of step gets."""

    number: int


_s = GraphBuilder(name="sends", state_type=Desk, input_type=int, output_type=list[str])


@_s.step
async def divide(ctx: StepContext[Desk, None, int]) -> list[Send]:
    """Even numbers are written, odd ones checked; 13 is sent to nobody."""
    if ctx.inputs == 13:
        return [Send("nobody", 13)]
    if ctx.inputs == 14:
        return [Send("check", "no piece")]
    return [Send("check", Piece(n)) if n % 2 else Send("write", (n, "even")) for n in range(ctx.inputs)]


@_s.step
async def check(ctx: StepContext[Desk, None, Piece]) -> str:
    ctx.state.lines.append("check")
    return f"check {ctx.inputs.number}"


@_s.step
async def write(ctx: StepContext[Desk, None, tuple[int, str]]) -> str:
    ctx.state.lines.append("write")
    return f"write {ctx.inputs}"


_sent = _s.join(reduce_list_append, initial_factory=list[str], node_id="sent")
_s.add(
    _s.edge_from(_s.start_node).to(divide),
    _s.edge_from(divide).map(fork_id="parts", downstream_join_id=_sent.id).to(send_to(_s, check, write)),
    _s.edge_from(check, write).to(_sent),
    _s.edge_from(_sent).to(_s.end_node),
)
_sends = _s.build()
sends = TemporalGraph(_sends)
short_sends = TemporalGraph(_sends, name="short_sends", max_history_events=10)


# -- Steps that return commands ---------------------------------------------------------------------------------------

_c = GraphBuilder(name="routes", state_type=Desk, input_type=str, output_type=str)


@_c.step
async def route(ctx: StepContext[Desk, None, str]) -> Command[Literal["big", "small"] | End[str]] | str:
    """Goes where its input says."""
    wanted = {
        "big": Command(goto=Send("big", 7), update={"amount": 7}),
        "no data": Command(goto="big"),
        "nowhere": Command(goto="nowhere"),
        "no field": Command(goto=Send("big", 7), update={"amuont": 7}),
        "no int": Command(goto=Send("big", 7), update={"amount": "x"}),
        "end": Command(goto=End("ended")),
        "undeclared": Command(goto=Send("other", "x")),
        "answer": Command(resume=5, goto=Send("big", 7)),
        "wrong": Command(goto=Send("big", "x")),
    }
    ctx.state.lines.append("route")
    return wanted.get(ctx.inputs, "plain")


@_c.step
async def big(ctx: StepContext[Desk, None, int]) -> str:
    return f"big {ctx.inputs} of {ctx.state.amount}"


@_c.step
async def small(ctx: StepContext[Desk, None, int]) -> str:
    return f"small {ctx.inputs}"


@_c.step
async def other(ctx: StepContext[Desk, None, str]) -> str:
    return f"other {ctx.inputs}"


_c.add(
    _c.edge_from(_c.start_node).to(route),
    _c.edge_from(route).to(_c.end_node),
    _c.edge_from(big, small, other).to(_c.end_node),
)
_routes = _c.build(validate_graph_structure=False)
routes = TemporalGraph(_routes)
routes_here = TemporalGraph(_routes, name="routes_here", options=NodeOptions(execution="workflow"))
routes_local = TemporalGraph(_routes, name="routes_local", options=NodeOptions(execution="local"))


# -- Steps that return a command or a value, in graphs that declare no output -----------------------------------------

_j = GraphBuilder(name="judged", state_type=Desk, input_type=list[int])


@_j.step
async def judge(ctx: StepContext[Desk, None, int]) -> Command[Literal["mend"]] | Piece:
    """Even numbers are as they should be, others go elsewhere first."""
    if ctx.inputs % 2:
        return Command(goto=Send("mend", Piece(ctx.inputs)), update={"amount": ctx.inputs})
    return Piece(ctx.inputs)


@_j.step
async def mend(ctx: StepContext[Desk, None, Piece]) -> Piece:
    ctx.state.lines.append("mend")
    return Piece(-ctx.inputs.number)


_all_judged = _j.join(reduce_list_append, initial_factory=list, node_id="all_judged")
_j.add(
    _j.edge_from(_j.start_node).map().to(judge),
    _j.edge_from(judge, mend).to(_all_judged),
    _j.edge_from(_all_judged).to(_j.end_node),
)
_judged = _j.build(validate_graph_structure=False)
judged = TemporalGraph(_judged)
judged_here = TemporalGraph(_judged, name="judged_here", options=NodeOptions(execution="workflow"))
short_judged = TemporalGraph(_judged, name="short_judged", max_history_events=10)

_m = GraphBuilder(name="priced", state_type=Desk, input_type=str)


@_m.step
async def price(ctx: StepContext[Desk, None, str]) -> Command[Literal["haggle"] | End[tuple[str, int]]] | Piece | int:
    """Goes along its edge with a number or a piece, and elsewhere with anything else."""
    wanted = {
        "number": 5,
        "piece": Piece(5),
        "haggle": Command(goto="haggle", update={"amount": 4}),
        "none": Command(goto=End(("none", 0))),
    }
    return wanted[ctx.inputs]


@_m.step
async def haggle(ctx: StepContext[Desk, None, None]) -> Piece:
    return Piece(ctx.state.amount)


@_m.step
async def wrap_up(ctx) -> list[Piece]:  # type: ignore[no-untyped-def]
    """What it takes is what comes along its edge."""
    return [ctx.inputs, Piece(ctx.inputs.number + 1)]


_m.add(
    _m.edge_from(_m.start_node).to(price),
    _m.edge_from(price).to(
        _m.decision().branch(_m.match(int).to(_m.end_node)).branch(_m.match(TypeExpression[Piece | str]).to(wrap_up))
    ),
    _m.edge_from(haggle).to(wrap_up),
    _m.edge_from(wrap_up).to(_m.end_node),
)
_priced = _m.build(validate_graph_structure=False)
priced = TemporalGraph(_priced)
priced_local = TemporalGraph(_priced, name="priced_local", options=NodeOptions(execution="local"))


# -- Nodes that tell what they do -------------------------------------------------------------------------------------

_t = GraphBuilder(name="talk", state_type=Desk, deps_type=Gate, input_type=int, output_type=int)


@_t.step
async def ask_first(ctx: StepContext[Desk, Gate, int]) -> int:
    """So that a test can begin to listen before anything is told."""
    await interrupt("ready?")
    return ctx.inputs


@_t.step
async def tell(ctx: StepContext[Desk, Gate, int]) -> int:
    """In an activity."""
    for number in range(ctx.inputs):
        await emit({"token": number})
    return ctx.inputs


@_t.step
async def tell_here(ctx: StepContext[Desk, Gate, int]) -> int:
    """In the workflow."""
    await emit({"here": True})
    return ctx.inputs


@_t.step
async def tell_local(ctx: StepContext[Desk, Gate, int]) -> int:
    """In a local activity: nobody hears it."""
    await emit({"local": True})
    ctx.state.amount = ctx.inputs
    return ctx.inputs


_t.add(
    _t.edge_from(_t.start_node).to(ask_first),
    _t.edge_from(ask_first).to(tell),
    _t.edge_from(tell).to(tell_here),
    _t.edge_from(tell_here).to(tell_local),
    _t.edge_from(tell_local).to(_t.end_node),
)
talk = TemporalGraph(
    _t.build(),
    node_options={
        "tell_here": NodeOptions(execution="workflow"),
        "tell_local": NodeOptions(execution="local"),
    },
)


@dataclass
class Lap(BaseNode[Desk, None, int]):
    """Goes round, and tells of each lap."""

    left: int

    async def run(self, ctx: GraphRunContext[Desk]) -> Lap | End[int]:
        ctx.state.amount += 1
        await emit(self.left)
        return Lap(self.left - 1) if self.left > 1 else End(ctx.state.amount)


laps = InterruptibleGraph([Lap], name="laps", max_history_events=20)
long_laps = InterruptibleGraph([Lap], name="long_laps", options=NodeOptions(execution="workflow"))


_w = GraphBuilder(name="large", state_type=Desk, input_type=int, output_type=str)


@_w.step
async def grow(ctx: StepContext[Desk, None, int]) -> str:
    await emit("e" * ctx.inputs)
    ctx.state.lines.append("s" * ctx.inputs)
    return "o" * ctx.inputs


@_w.step
async def ask_large(ctx: StepContext[Desk, None, str]) -> str:
    await interrupt("q" * len(ctx.inputs))
    return ctx.inputs


_w.add(_w.edge_from(_w.start_node).to(grow), _w.edge_from(grow).to(ask_large), _w.edge_from(ask_large).to(_w.end_node))
large = TemporalGraph(_w.build(), node_options={"grow": NodeOptions(execution="workflow")})


# -- The first of several wins ----------------------------------------------------------------------------------------

_f = GraphBuilder(name="first_of_two", output_type=str)


@_f.step
async def at_once(ctx: StepContext[None, None, None]) -> str:
    return "at once"


@_f.step
async def asks_here(ctx: StepContext[None, None, None]) -> str:
    return await interrupt("too late?", response_type=str)


_won = _f.join(ReduceFirstValue[str](), initial="", node_id="won")


@_f.step
async def last(ctx: StepContext[None, None, str]) -> str:
    await interrupt("end?")
    return ctx.inputs


_f.add(
    _f.edge_from(_f.start_node).broadcast(lambda e: [e.to(at_once), e.to(asks_here)], fork_id="both"),
    _f.edge_from(at_once, asks_here).to(_won),
    _f.edge_from(_won).to(last),
    _f.edge_from(last).to(_f.end_node),
)
first_of_two = TemporalGraph(_f.build(), options=NodeOptions(execution="workflow"))


@dataclass
class Fails(BaseNode[Desk, None, str]):
    """Fails when it is told to."""

    async def run(self, ctx: GraphRunContext[Desk]) -> End[str]:
        await interrupt("fail?")
        raise ValueError("as it was told")


failing = InterruptibleGraph([Fails], name="failing_desk", options=NodeOptions(execution="workflow"))


# -- A node that says what it is told, when it is told ----------------------------------------------------------------


@dataclass
class Script:
    """The words of a node, one by one until there is None; lives on its worker."""

    words: asyncio.Queue[Any] = field(default_factory=asyncio.Queue[Any])
    said: list[Any] = field(default_factory=list[Any])


_p = GraphBuilder(name="speech", deps_type=Script, output_type=int)


@_p.step
async def speak(ctx: StepContext[None, Script, None]) -> int:
    while (word := await ctx.deps.words.get()) is not None:
        await emit(word)
        ctx.deps.said.append(word)
        if word == "nonsense":
            raise TypeError(word)
    return len(ctx.deps.said)


_p.add(_p.edge_from(_p.start_node).to(speak), _p.edge_from(speak).to(_p.end_node))
speech = TemporalGraph(_p.build())


_q = GraphBuilder(name="choir", deps_type=Gate, input_type=int, output_type=list[int])


@_q.step
async def voices(ctx: StepContext[None, Gate, int]) -> list[int]:
    await ctx.deps.go.wait()
    return list(range(ctx.inputs))


@_q.step
async def sing(ctx: StepContext[None, Gate, int]) -> int:
    for number in range(3):
        await emit(number)
        await asyncio.sleep(0.01)
    return ctx.inputs


_sung = _q.join(reduce_list_append, initial_factory=list[int], node_id="sung")
_q.add(
    _q.edge_from(_q.start_node).to(voices),
    _q.edge_from(voices).map(fork_id="each", downstream_join_id=_sung.id).to(sing),
    _q.edge_from(sing).to(_sung),
    _q.edge_from(_sung).to(_q.end_node),
)
choir = TemporalGraph(_q.build())


# -- Back before a join -----------------------------------------------------------------------------------------------

_v = GraphBuilder(name="plans", state_type=Desk, input_type=int, output_type=str)


@_v.step
async def plan_it(ctx: StepContext[Desk, None, int]) -> list[int]:
    """Plans some things to do."""
    return list(range(ctx.inputs))


@_v.step
async def do_it(ctx: StepContext[Desk, None, int]) -> int:
    """Does one of them."""
    return 10 * ctx.inputs


@_v.step
async def approve_it(ctx: StepContext[Desk, None, list[int]]) -> str:
    """Asks whether it is good so."""
    done = sorted(ctx.inputs)
    return f"{done} {await interrupt(done, response_type=str)}"


_done = _v.join(reduce_list_append, initial_factory=list[int], node_id="done")
_v.add(
    _v.edge_from(_v.start_node).to(plan_it),
    _v.edge_from(plan_it).map(fork_id="each").to(do_it),
    _v.edge_from(do_it).to(_done),
    _v.edge_from(_done).to(approve_it),
    _v.edge_from(approve_it).to(_v.end_node),
)
plans = TemporalGraph(_v.build())
short_plans = TemporalGraph(_v.build(), name="short_plans", max_history_events=10)


# -- A state without defaults -----------------------------------------------------------------------------------------


@dataclass
class Seat:
    """A state that nobody can make up."""

    number: int


@dataclass
class Sit(InterruptNode[Seat, None, str]):
    """Asks who sits there."""

    name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[Seat]) -> End[str]:
        return End(f"{self.name} at {ctx.state.number}")


needy = InterruptibleGraph([Sit], name="needy")
