"""Runs in this process: started, answered, interrupted, written down, gone on with."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append

from temporal_graph import (
    AnswerRefusedError,
    Command,
    DepsError,
    GraphError,
    GraphInputError,
    GraphResult,
    GraphRunError,
    InterruptibleGraph,
    InterruptNode,
    LocalRun,
    NodeOptions,
    RefusedError,
    Required,
    RunCancelledError,
    Send,
    StateConflictError,
    TemporalGraph,
    interrupt,
)
from temporal_graph.compile.targets import answer_json
from temporal_graph.engine.snapshot import SnapshotError

# -- The program that graphs with interrupt nodes were first written as -----------------------------------------------


@dataclass
class MyState:
    user_name: str | None = None
    messages: list[str] = field(default_factory=list[str])


@dataclass
class Greet(BaseNode[MyState]):
    async def run(self, ctx: GraphRunContext[MyState]) -> WaitForName:
        ctx.state.messages.append("Hello, what is your name?")
        return WaitForName()


@dataclass  # ↓ This is an interrupt node
class WaitForName(InterruptNode[MyState]):
    # ↓ This is a required field that must be provided to resume the graph
    user_name: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[MyState]) -> Goodbye:
        ctx.state.user_name = self.user_name
        assert self.user_name is not None
        return Goodbye(user_name=self.user_name)


@dataclass
class Goodbye(BaseNode[MyState]):
    user_name: str

    async def run(self, ctx: GraphRunContext[MyState]) -> End:
        ctx.state.messages.append(f"Goodbye, {self.user_name}!")
        return End(ctx.state)


my_graph = InterruptibleGraph(nodes=[Greet, WaitForName, Goodbye])
TALK = ["Hello, what is your name?", "Goodbye, Ann!"]


@pytest.mark.parametrize("answer", [{"value": {"user_name": "Ann"}}, {"from_node": WaitForName(user_name="Ann")}])
async def test_a_program_of_old(answer: Any) -> None:
    run = my_graph.local()
    stop = await run.proceed(from_node=Greet(), state=MyState())
    assert (stop.is_interrupt, stop.is_end, stop.output) == (True, False, None)
    assert stop.next_node == WaitForName()
    assert stop.state == MyState(messages=TALK[:1])
    stop = await run.proceed(**answer)
    assert (stop.is_interrupt, stop.is_end, stop.next_node) == (False, True, None)
    assert stop.output == stop.state == MyState("Ann", TALK)


# -- Starting and ending ----------------------------------------------------------------------------------------------


def doubling() -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="doubling", input_type=int, output_type=int, auto_instrument=False)

    @g.step
    async def double(ctx: StepContext[None, None, int]) -> int:
        return 2 * ctx.inputs

    g.add(g.edge_from(g.start_node).to(double), g.edge_from(double).to(g.end_node))
    return TemporalGraph(g.build())


async def test_a_run_from_its_inputs_to_its_end() -> None:
    run = doubling().local()
    assert isinstance(run, LocalRun)
    assert (await run.proceed(inputs=21)).output == 42
    assert await run.result() == GraphResult(42, None)
    assert (await run.proceed()).output == 42, "it goes on being at its end"
    assert run.pending_interrupts() == []


async def test_before_its_start() -> None:
    run = doubling().local()
    with pytest.raises(GraphInputError) as caught:
        await run.proceed(5)
    assert str(caught.value) == (
        "This run has not been started, so it asks nothing that 5 could answer. Start it with proceed(inputs=..., "
        "state=...) or proceed(from_node=..., state=...)."
    )
    message = r"This run has not been started; call proceed\(inputs=..., state=...\) first."
    with pytest.raises(GraphError, match=message):
        await run.result()
    with pytest.raises(GraphError, match=message):
        await run.resume(5)
    with pytest.raises(GraphError, match=message):
        run.pending_interrupts()
    with pytest.raises(GraphError, match=message):
        run.snapshot()
    assert (await run.proceed(inputs=1)).output == 2


@pytest.mark.parametrize("words", [{"inputs": 1}, {"state": MyState()}, {"inputs": 1, "from_node": Greet()}])
async def test_after_its_start(words: Any) -> None:
    run = my_graph.local()
    await run.proceed(from_node=Greet(), state=MyState())
    with pytest.raises(GraphInputError, match=r"This run has been started; inputs and state are for a new one"):
        await run.proceed(**words)
    assert (await run.proceed({"user_name": "Ann"})).is_end


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"inputs": "many"}, "'many' does not fit the inputs of graph 'doubling'"),
        ({}, "Graph 'doubling' takes inputs, int, and got none. Give it inputs=..."),
        (
            {"inputs": 1, "state": MyState()},
            "Graph 'doubling' has no state_type, so it takes no state; it got MyState(",
        ),
        ({"from_node": Greet()}, "Graph 'doubling' has no node 'Greet' to start at. Its nodes: 'double'."),
        ({"from_node": Greet}, "from_node is the class Greet; give an instance: Greet(...)."),
        ({"from_node": 5}, "from_node is 5; it must be an instance of a node class. Nodes: 'double'."),
        (
            {"from_node": Greet(), "inputs": 1},
            "A run starts at a node or with inputs; it got both from_node and inputs.",
        ),
    ],
)
async def test_what_a_run_cannot_be_started_with(words: Any, message: str) -> None:
    run = doubling().local()
    with pytest.raises(GraphInputError) as caught:
        await run.proceed(**words)
    assert message in str(caught.value)
    assert (await run.proceed(inputs=1)).output == 2, "nothing was started"


@pytest.mark.parametrize(
    "words", [{"from_node": "x" * 10_000}, {"inputs": 1, "state": "x" * 10_000}, {"value": [0] * 10_000}]
)
async def test_what_is_long_is_not_told_whole(words: Any) -> None:
    with pytest.raises(GraphInputError) as caught:
        await doubling().local().proceed(**words)
    assert len(str(caught.value)) < 500


async def test_a_state_that_is_needed() -> None:
    @dataclass
    class Needs:
        name: str

    g = GraphBuilder(name="needs", state_type=Needs, output_type=str, auto_instrument=False)

    @g.step
    async def look(ctx: StepContext[Needs, None, None]) -> str:
        return ctx.state.name

    g.add(g.edge_from(g.start_node).to(look), g.edge_from(look).to(g.end_node))
    graph = TemporalGraph(g.build())
    with pytest.raises(
        GraphInputError, match=r"Graph 'needs' needs a state: this is no .*name: Field required"
    ) as caught:
        await graph.local().proceed()
    assert [error["loc"] for error in caught.value.errors] == [["name"]]
    assert (await graph.local().proceed(state=Needs("x"))).output == "x"


async def test_a_state_made_of_nothing() -> None:
    stop = await my_graph.local().proceed(from_node=Goodbye("Bob"))
    assert stop.output == MyState(messages=["Goodbye, Bob!"])


async def test_the_callers_state_stays_as_it_is() -> None:
    state = MyState()
    await my_graph.local().proceed(from_node=Goodbye("Bob"), state=state)
    assert state == MyState()


# -- Failing ----------------------------------------------------------------------------------------------------------


@dataclass
class Fails(BaseNode[MyState, None, int]):
    message: str = "broken"

    async def run(self, ctx: GraphRunContext[MyState]) -> End[int]:
        ctx.state.messages.append("lost")
        raise LookupError(self.message)


failing = InterruptibleGraph([Fails])


async def test_a_node_that_raises_fails_the_run() -> None:
    run = failing.local()
    with pytest.raises(GraphRunError) as caught:
        await run.proceed(from_node=Fails("no such thing"))
    assert (caught.value.node_id, caught.value.error_type) == ("Fails", "LookupError")
    assert caught.value.error_message == "no such thing"
    with pytest.raises(GraphRunError, match="no such thing"):
        await run.result()
    with pytest.raises(AnswerRefusedError) as refused:
        await run.resume(1)
    assert refused.value.reason == "closed"


async def test_parallel_branches_that_do_not_get_along() -> None:
    g = GraphBuilder(name="careless", state_type=MyState, input_type=list[str], auto_instrument=False)

    @g.step
    async def claim(ctx: StepContext[MyState, None, str]) -> str:
        ctx.state.user_name = ctx.inputs
        return ctx.inputs

    join = g.join(reduce_list_append, initial_factory=list[str], node_id="all")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(claim),
        g.edge_from(claim).to(join),
        g.edge_from(join).to(g.end_node),
    )
    with pytest.raises(StateConflictError) as caught:
        await TemporalGraph(g.build()).local().proceed(inputs=["a", "b"])
    assert caught.value.path == ("user_name",)


# -- Questions --------------------------------------------------------------------------------------------------------


class Account(BaseModel):
    iban: str
    limit: int = 0


@dataclass
class Asks(BaseNode[MyState, None, list[Any]]):
    async def run(self, ctx: GraphRunContext[MyState]) -> End[list[Any]]:
        ctx.state.messages.append("ran")
        name = await interrupt("Who?", response_type=str)
        account = await interrupt({"for": name}, response_type=Account)
        anything = await interrupt()
        return End([name, account.iban, anything])


asking = InterruptibleGraph([Asks])


async def test_questions_one_after_the_other() -> None:
    run = asking.local()
    stop = await run.proceed(from_node=Asks())
    assert [(i.interrupt_id, i.kind, i.value) for i in stop.interrupts] == [("Asks:1.0", "call", "Who?")]
    assert stop.interrupts[0].response_schema == {"type": "string"}
    assert stop.interrupts == run.pending_interrupts()
    accepted = await run.resume("ann", actor="boss", answer_id="click")
    assert (accepted.interrupt_id, accepted.actor, accepted.answer_id, accepted.value) == (
        "Asks:1.0",
        "boss",
        "click",
        "ann",
    )
    assert accepted.answered_at.tzinfo is not None
    assert await run.resume("bob", answer_id="click") == accepted
    assert run.pending_interrupts() == [], "the node goes on with the next proceed"
    stop = await run.proceed()
    assert [(i.interrupt_id, i.value) for i in stop.interrupts] == [("Asks:1.1", {"for": "ann"})]
    with pytest.raises(AnswerRefusedError) as caught:
        await run.proceed({"limit": "high"})
    assert caught.value.reason == "invalid"
    assert [error["loc"] for error in caught.value.errors] == [["iban"], ["limit"]]
    with pytest.raises(GraphError, match=r"The run waits for people: 'Asks:1.1'. Answer with resume"):
        await run.result()
    await run.resume(Account(iban="DE"))
    assert (await run.proceed()).interrupts[0].interrupt_id == "Asks:1.2"
    stop = await run.proceed(None, interrupt_id="Asks:1.2")
    assert stop.output == ["ann", "DE", None]
    assert stop.state == MyState(messages=["ran"]), "what earlier attempts did to the state is forgotten"


async def test_proceed_without_an_answer_only_looks() -> None:
    run = my_graph.local()
    first = await run.proceed(from_node=Greet())
    assert await run.proceed() == first
    assert await run.proceed(from_node=WaitForName()) == first, "its field is not set, so this is no answer"


@dataclass
class Pause(InterruptNode[MyState, None, str]):
    note: str = "nothing to say"

    async def run(self, ctx: GraphRunContext[MyState]) -> End[str]:
        return End("gone on")


pausing = InterruptibleGraph([Pause])


async def test_a_node_that_waits_for_no_more_than_a_sign() -> None:
    run = pausing.local()
    stop = await run.proceed(from_node=Pause())
    assert [i.value for i in stop.interrupts] == [{"note": "nothing to say"}]
    assert (await run.proceed()).output == "gone on"
    run = pausing.local()
    await run.proceed(from_node=Pause())
    with pytest.raises(AnswerRefusedError):
        await run.resume({"note": "not asked for"})
    await run.resume()
    assert (await run.result()).output == "gone on"


async def test_an_interrupt_outside_of_a_run() -> None:
    from temporal_graph import InterruptError

    with pytest.raises(InterruptError, match="outside of a node"):
        await interrupt("Who?")


@pytest.mark.parametrize("order", list(itertools.permutations(["ask:1.0", "ask:2.0", "ask:3.0"])))
async def test_parallel_questions_are_answered_in_any_order(order: tuple[str, ...]) -> None:
    g = GraphBuilder(name="parallel", input_type=list[str], output_type=list[str], auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, str]) -> str:
        return f"{ctx.inputs}: {await interrupt(ctx.inputs, response_type=int)}"

    join = g.join(reduce_list_append, initial_factory=list[str], node_id="all")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(ask),
        g.edge_from(ask).to(join),
        g.edge_from(join).to(g.end_node),
    )
    run = TemporalGraph(g.build()).local()
    stop = await run.proceed(inputs=["a", "b", "c"])
    assert [i.interrupt_id for i in stop.interrupts] == ["ask:1.0", "ask:2.0", "ask:3.0"]
    with pytest.raises(AnswerRefusedError) as caught:
        await run.resume(1)
    assert caught.value.reason == "ambiguous"
    for number, interrupt_id in enumerate(order):
        stop = await run.proceed(number, interrupt_id=interrupt_id)
        assert [i.interrupt_id for i in stop.interrupts] == sorted(set(stop_ids(stop)) - set(order[: number + 1]))
    letters = {"ask:1.0": "a", "ask:2.0": "b", "ask:3.0": "c"}
    assert stop.output == [f"{letters[interrupt_id]}: {number}" for number, interrupt_id in enumerate(order)]


def stop_ids(stop: Any) -> list[str]:
    return [i.interrupt_id for i in stop.interrupts]


async def test_two_questions_of_one_node() -> None:
    """They are matched by their order; each answer brings the node one further."""
    g = GraphBuilder(name="gathered", output_type=list[int], auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> list[int]:
        return [await interrupt(n, response_type=int) for n in range(2)]

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    run = TemporalGraph(g.build()).local()
    await run.proceed()
    await run.proceed(10)
    assert (await run.proceed(20)).output == [10, 20]


# -- Deps -------------------------------------------------------------------------------------------------------------


@dataclass
class Tools:
    name: str


@dataclass
class UsesTools(BaseNode[None, Tools, str]):
    async def run(self, ctx: GraphRunContext[None, Tools]) -> End[str]:
        return End(ctx.deps.name)


using = InterruptibleGraph([UsesTools], deps_type=Tools)
LIFE: list[str] = []


@asynccontextmanager
async def entered() -> AsyncIterator[Tools]:
    LIFE.append("in")
    yield Tools("entered")
    LIFE.append("out")


async def awaited() -> Tools:
    return Tools("awaited")


@pytest.mark.parametrize(
    ("deps", "name"),
    [
        (Tools("value"), "value"),
        (lambda: Tools("made"), "made"),
        (awaited, "awaited"),
        (entered, "entered"),
    ],
)
async def test_deps_of_every_kind(deps: Any, name: str) -> None:
    LIFE.clear()
    assert (await using.local(deps=deps).proceed(from_node=UsesTools())).output == name
    wanted = ["in", "out"] if name == "entered" else []
    assert wanted == LIFE


async def test_deps_that_can_be_entered_again_for_each_stop() -> None:
    LIFE.clear()
    run = using.local(deps=entered)
    await run.proceed(from_node=UsesTools())
    await run.result()
    assert LIFE == ["in", "out", "in", "out"]


@pytest.mark.parametrize("deps", [None, 5, lambda: "tools"])
async def test_deps_of_the_wrong_type(deps: Any) -> None:
    with pytest.raises(DepsError, match="Graph 'using' declares deps of type Tools, and this worker has"):
        await using.local(deps=deps).proceed(from_node=UsesTools())


async def test_deps_are_let_go_when_a_run_fails() -> None:
    LIFE.clear()
    with pytest.raises(GraphRunError):
        await failing.local(deps=entered).proceed(from_node=Fails())
    assert LIFE == ["in", "out"]


# -- Snapshots --------------------------------------------------------------------------------------------------------


async def test_a_run_goes_on_in_another_process() -> None:
    run = my_graph.local()
    await run.proceed(from_node=Greet(), state=MyState())
    written = json.dumps(run.snapshot())
    other = my_graph.local()
    other.restore(json.loads(written))
    assert other.pending_interrupts() == run.pending_interrupts()
    stop = await other.proceed({"user_name": "Ann"})
    assert stop.output == MyState("Ann", TALK)
    assert run.pending_interrupts()[0].interrupt_id == "WaitForName:1", "the first one still waits"
    assert (await run.proceed({"user_name": "Bob"})).state.user_name == "Bob"


async def test_a_run_may_be_answered_in_one_process_and_go_on_in_another() -> None:
    run = asking.local()
    await run.proceed(from_node=Asks())
    await run.resume("ann")
    other = asking.local()
    other.restore(run.snapshot())
    assert (await other.proceed()).interrupts[0].value == {"for": "ann"}


async def test_a_snapshot_of_the_end() -> None:
    run = doubling().local()
    await run.proceed(inputs=1)
    other = doubling().local()
    other.restore(run.snapshot())
    assert await other.result() == GraphResult(2, None)


async def test_a_snapshot_of_another_graph() -> None:
    run = my_graph.local()
    await run.proceed(from_node=Greet())
    with pytest.raises(SnapshotError, match="is of graph 'my_graph', not of 'doubling'"):
        doubling().local().restore(run.snapshot())


@pytest.mark.parametrize("data", [None, 5, "nope", [], {}, {"version": 1}, {"version": 1, "graph": "doubling"}])
def test_what_is_no_snapshot(data: Any) -> None:
    run = doubling().local()
    with pytest.raises(GraphInputError, match="snapshot"):
        run.restore(data)
    with pytest.raises(GraphError, match="has not been started"):
        run.get_state()


async def test_a_snapshot_of_which_a_part_is_lost() -> None:
    run = doubling().local()
    await run.proceed(inputs=1)
    for name in run.snapshot():
        data = {**run.snapshot(), name: object()}
        with suppress(GraphInputError):
            doubling().local().restore(data)


@pytest.mark.parametrize("duration", [None, 5, "1h", timedelta(seconds=-1)])
async def test_time_that_cannot_pass(duration: Any) -> None:
    run = doubling().local()
    await run.proceed(inputs=1)
    with pytest.raises(GraphInputError, match="it takes a timedelta"):
        await run.pass_time(duration)


# -- A caller that is cancelled ---------------------------------------------------------------------------------------

STARTED: list[str] = []
CANCELLED: list[str] = []


@dataclass
class Slow(BaseNode[MyState, None, str]):
    async def run(self, ctx: GraphRunContext[MyState]) -> End[str]:
        ctx.state.messages.append("slow")
        STARTED.append("slow")
        if len(STARTED) > 1:
            return End("done")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(10):  # putting things away takes a while
                await asyncio.sleep(0)
            CANCELLED.append("slow")
            raise
        raise AssertionError("nobody sets it")


slowly = InterruptibleGraph([Slow])


async def test_a_caller_that_is_cancelled_can_go_on() -> None:
    STARTED.clear()
    CANCELLED.clear()
    run = slowly.local()
    caller = asyncio.create_task(run.proceed(from_node=Slow(), state=MyState()))
    while not STARTED:
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert CANCELLED == ["slow"], "nothing runs on behind the caller's back"
    stop = await run.proceed()
    assert (stop.output, stop.state) == ("done", MyState(messages=["slow"]))


async def test_a_caller_that_is_cancelled_can_go_on_elsewhere() -> None:
    STARTED.clear()
    run = slowly.local()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run.proceed(from_node=Slow()), 0.05)
    other = slowly.local()
    other.restore(run.snapshot())
    assert (await other.result()).output == "done"


async def test_the_end_cancels_what_still_runs() -> None:
    g = GraphBuilder(name="racing", output_type=str, auto_instrument=False)
    events: list[str] = []

    @asynccontextmanager
    async def deps() -> AsyncIterator[None]:
        yield
        events.append("deps are gone")

    @g.step
    async def quick(ctx: StepContext[None, None, None]) -> str:
        while "slow began" not in events:
            await asyncio.sleep(0)
        return "quick"

    @g.step
    async def slow(ctx: StepContext[None, None, None]) -> str:
        events.append("slow began")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("slow is gone")
        return "slow"

    g.add(g.edge_from(g.start_node).to(quick, slow, fork_id="both"), g.edge_from(quick, slow).to(g.end_node))
    assert (await TemporalGraph(g.build()).local(deps=deps).proceed()).output == "quick"
    assert events == ["slow began", "slow is gone", "deps are gone"]


async def test_nodes_for_the_driver_run_here_too() -> None:
    graph = InterruptibleGraph([Asks], name="here", node_options={"Asks": NodeOptions(execution="workflow")})
    run = graph.local()
    assert (await run.proceed(from_node=Asks())).interrupts[0].interrupt_id == "Asks:1.0"


async def test_two_runs_know_nothing_of_each_other() -> None:
    first, second = my_graph.local(), my_graph.local()
    await asyncio.gather(first.proceed(from_node=Greet()), second.proceed(from_node=Greet()))
    await first.proceed({"user_name": "Ann"})
    assert second.pending_interrupts()[0].interrupt_id == "WaitForName:1"


# -- Steered by people ------------------------------------------------------------------------------------------------


@dataclass
class Draft:
    text: str = ""
    edits: list[str] = field(default_factory=list[str])


async def write(ctx: StepContext[Draft, None, str]) -> str:
    ctx.state.edits.append("write")
    ctx.state.text = ctx.inputs
    return ctx.inputs


async def check(ctx: StepContext[Draft, None, str]) -> str:
    ctx.state.edits.append("check")
    return f"{ctx.inputs}?"


async def publish(ctx: StepContext[Draft, None, str]) -> str:
    ctx.state.edits.append("publish")
    return f"{ctx.inputs}: {ctx.state.text}!"


def make_drafts(**words: Any) -> TemporalGraph[str, Draft]:
    g = GraphBuilder(name="drafts", state_type=Draft, input_type=str, output_type=str, auto_instrument=False)
    first, second, third = g.step(write), g.step(check), g.step(publish)
    g.add(
        g.edge_from(g.start_node).to(first),
        g.edge_from(first).to(second),
        g.edge_from(second).to(third),
        g.edge_from(third).to(g.end_node),
    )
    return TemporalGraph(g.build(), **words)


drafts = make_drafts()


async def test_a_run_stops_where_it_is_told_to() -> None:
    run = drafts.local(interrupt_before=["check"], interrupt_after="*")
    stop = await run.proceed(inputs="hi", state=Draft())
    assert [(i.interrupt_id, i.kind, i.value) for i in stop.interrupts] == [("write:1.after", "after", "write")]
    await run.set_breakpoints(after=["publish"])
    assert run.get_state().interrupt_before == ["check"]
    stop = await run.proceed("go")
    assert [i.interrupt_id for i in stop.interrupts] == ["check:1.before"]
    assert await run.update_state({"text": "edited"}, expected_version=stop_version(run)) == Draft("edited", ["write"])
    await run.resume()
    stop = await run.proceed()
    assert (stop.interrupts[0].interrupt_id, stop.output) == ("publish:1.after", None)
    assert (await run.proceed("go")).output == "hi?: edited!"
    with pytest.raises(RefusedError) as caught:
        await run.set_breakpoints(before=["check"])
    assert caught.value.reason == "closed"


def stop_version(run: LocalRun[Any, Any]) -> int:
    return run.get_state().version


async def test_breakpoints_of_the_graph_and_of_the_run() -> None:
    graph = make_drafts(interrupt_before=["publish"])
    assert (await graph.local().proceed(inputs="hi", state=Draft())).interrupts[0].interrupt_id == "publish:1.before"
    assert (await graph.local(interrupt_before=[]).proceed(inputs="hi", state=Draft())).is_end
    with pytest.raises(GraphInputError, match="nowhere"):
        graph.local(interrupt_before=["nowhere"])
    run = graph.local()
    await run.proceed(inputs="hi", state=Draft())
    with pytest.raises(RefusedError, match=r"There is no node 'nowhere' to stop at\. The nodes: 'write', 'check'"):
        await run.set_breakpoints(after=["nowhere"])


async def test_a_run_is_answered_changed_and_sent_on_in_one_step() -> None:
    run = drafts.local(interrupt_before=["check"])
    await run.proceed(inputs="hi", state=Draft())
    with pytest.raises(GraphInputError, match="has no node 'nowhere' to go to"):
        await run.resume(Command(goto="nowhere"))
    with pytest.raises(AnswerRefusedError, match="the state has no such field"):
        await run.resume(Command(update={"title": "?"}, goto=Send("publish", "sent")))
    assert run.get_state().interrupts[0].interrupt_id == "check:1.before"
    stop = await run.proceed(Command(update={"text": "new"}, goto=Send("publish", "sent")))
    assert (stop.output, stop.state.edits) == ("sent: new!", ["write", "publish"])


async def test_a_run_is_sent_to_its_end() -> None:
    run = drafts.local(interrupt_after=["write"])
    await run.proceed(inputs="hi", state=Draft())
    assert (await run.proceed(Command(goto=End("enough")))).output == "enough"


async def test_two_editors_of_one_state() -> None:
    run = drafts.local(interrupt_before="*")
    await run.proceed(inputs="hi", state=Draft("old"))
    version = stop_version(run)
    await run.update_state({"text": "first"}, expected_version=version)
    with pytest.raises(RefusedError) as caught:
        await run.update_state({"text": "second"}, expected_version=version)
    assert caught.value.reason == "conflict"
    with pytest.raises(RefusedError) as caught:
        await run.update_state({"edits": "no list"})
    assert (caught.value.reason, caught.value.errors[0]["loc"][0]) == ("invalid", "edits")
    assert run.get_state().values == Draft("first")


async def test_a_paused_run_goes_on_when_it_may() -> None:
    run = drafts.local(interrupt_before=["check"])
    await run.proceed(inputs="hi", state=Draft())
    await run.pause()
    await run.resume()
    stop = await run.proceed()
    assert (stop.is_paused, stop.is_interrupt, stop.is_end, run.get_state().status) == (True, False, False, "paused")
    with pytest.raises(GraphError, match=r"The run is paused. Let it go on with unpause\(\) first."):
        await run.result()
    await run.unpause()
    assert (await run.result()).output == "hi?: hi!"


async def test_a_cancelled_run_leaves_a_state_that_can_be_read() -> None:
    run = drafts.local(interrupt_before=["check"])
    await run.proceed(inputs="hi", state=Draft())
    await run.cancel()
    state = run.get_state()
    assert (state.status, state.values, state.interrupts, state.next) == ("cancelled", Draft("hi", ["write"]), [], [])
    with pytest.raises(RunCancelledError):
        await run.proceed()
    with pytest.raises(AnswerRefusedError) as caught:
        await run.resume("go")
    assert caught.value.reason == "closed"


async def test_a_run_tells_its_history_and_is_forked_from_it() -> None:
    run = drafts.local(interrupt_after=["write"])
    await run.proceed(inputs="hi", state=Draft())
    await run.proceed(Command(update={"text": "edited"}))
    told = [checkpoint async for checkpoint in run.history()]
    assert [(c.checkpoint_id, c.kind, c.node_id, c.status) for c in told] == [
        ("1", "started", None, "running"),
        ("2", "node_finished", "write", "waiting"),
        ("3", "answered", "write", "running"),
        ("4", "node_finished", "check", "running"),
        ("5", "node_finished", "publish", "finished"),
    ]
    assert [c.values.text for c in told] == ["", "hi", "edited", "edited", "edited"]
    assert told[2].changes == {"text": "edited"}
    assert all(c.at is not None and c.at.tzinfo is not None for c in told)

    fork = run.fork("3", update={"text": "forked"})
    assert (await fork.result()).output == "hi?: forked!"
    assert [c.checkpoint_id async for c in fork.history()] == ["4", "5", "6"]
    first = await anext(fork.history())
    assert (first.kind, first.node_id, first.changes, first.next) == ("forked", None, {"text": "forked"}, ["check"])
    again = fork.fork("4", update={"text": "twice"})
    assert (await again.result()).output == "hi?: twice!"
    assert (await anext(again.history())).kind == "forked"
    with pytest.raises(GraphInputError, match="oldest '4'"):
        fork.fork("3")
    assert run.get_state().values.text == "edited", "the old one stays as it was"
    for missing in ("9", "0", "x"):
        with pytest.raises(
            GraphInputError, match=f"no checkpoint '{missing}'. Its newest by now is '5', its oldest '1'."
        ):
            run.fork(missing)
    with pytest.raises(GraphInputError, match="At this checkpoint the run was finished"):
        run.fork("5")
    with pytest.raises(RefusedError):
        run.fork("2", update={"title": "?"})


async def test_what_is_asked_of_a_run_that_has_not_started() -> None:
    run = drafts.local()
    with pytest.raises(GraphError, match="has not been started"):
        run.get_state()
    with pytest.raises(GraphError, match="has not been started"):
        await run.update_state({"text": "x"})


async def test_several_questions_are_answered_together_or_not_at_all() -> None:
    g = GraphBuilder(name="asks_two", input_type=int, output_type=list[str], auto_instrument=False)

    @g.step
    async def ask_one(ctx: StepContext[None, None, int]) -> str:
        return await interrupt("One?", response_type=str)

    @g.step
    async def ask_other(ctx: StepContext[None, None, int]) -> str:
        return await interrupt("Other?", response_type=str)

    both = g.join(reduce_list_append, initial_factory=list[str])
    g.add(
        g.edge_from(g.start_node).to(ask_one, ask_other),
        g.edge_from(ask_one, ask_other).to(both),
        g.edge_from(both).to(g.end_node),
    )
    run = TemporalGraph(g.build()).local()
    await run.proceed(inputs=1)
    for values, reason in (
        ({"ask_one": "a", "ask_other": 1}, "invalid"),
        ({"ask_one": "a", "nobody": "b"}, "unknown_interrupt"),
        ({"ask_one": "a", "ask_one:1.0": "b"}, "ambiguous"),
    ):
        with pytest.raises(AnswerRefusedError) as caught:
            await run.resume_all(values)
        assert caught.value.reason == reason
        assert len(run.pending_interrupts()) == 2
    accepted = await run.resume_all({"ask_other": "b", "ask_one:1.0": "a"}, actor="ann")
    assert [(item.interrupt_id, item.actor) for item in accepted] == [("ask_other:1.0", "ann"), ("ask_one:1.0", "ann")]
    assert (await run.result()).output == ["a", "b"]


async def test_an_answer_behind_which_the_run_fails_is_taken() -> None:
    g = GraphBuilder(name="breaks_behind", input_type=int, output_type=float, auto_instrument=False)

    @g.step
    async def give(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs

    def divide(ctx: StepContext[None, None, int]) -> float:
        return 1 / ctx.inputs

    g.add(g.edge_from(g.start_node).to(give), g.edge_from(give).transform(divide).to(g.end_node))
    run = TemporalGraph(g.build()).local(interrupt_after=["give"])
    await run.proceed(inputs=0)
    assert (await run.resume()).interrupt_id == "give:1.after"
    with pytest.raises(GraphRunError, match="ZeroDivisionError"):
        await run.proceed()


# -- Waiting ----------------------------------------------------------------------------------------------------------


async def test_wait_goes_on_without_an_answer() -> None:
    """To a breakpoint, where `proceed` would say that it may go on, and to the end."""
    run = make_drafts().local(interrupt_before=["check"])
    stop = await run.proceed(inputs="cats")
    assert stop_ids(stop) == ["check:1.before"]
    assert await run.wait() == stop
    assert await run.wait() == stop
    await run.resume()
    assert (await run.wait()).is_end
    assert (await run.wait()).output == (await run.result()).output


async def test_wait_after_answers() -> None:
    run = asking.local()
    await run.proceed(from_node=Asks())
    await run.resume("ann")
    assert stop_ids(await run.wait()) == ["Asks:1.1"]


async def test_wait_where_the_run_does_not_go_on() -> None:
    run = doubling().local()
    with pytest.raises(
        GraphError, match=r"This run has not been started; call proceed\(inputs=..., state=...\) first."
    ):
        await run.wait()
    run = my_graph.local()
    await run.proceed(from_node=Greet())
    await run.pause()
    stop = await run.wait()
    assert (stop.is_paused, stop_ids(stop)) == (True, ["WaitForName:1"])
    await run.cancel()
    with pytest.raises(RunCancelledError, match="The run was cancelled"):
        await run.wait()
    run = failing.local(interrupt_before=["Fails"])
    await run.proceed(from_node=Fails("no such thing"))
    await run.resume()
    with pytest.raises(GraphRunError, match="no such thing"):
        await run.wait()


# -- What cannot be sent ----------------------------------------------------------------------------------------------


class Silent:
    """Cannot even be shown."""

    def __repr__(self) -> str:
        raise LookupError("nothing to show")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "The answer, <object object at "),
        (Silent(), "The answer, <Silent>, cannot be written as JSON: Unable to serialize unknown type: <class "),
        (Command(resume={"a": object()}), "The answer, {'a': <object object at "),
        (Command(update={"messages": object()}), "The new value of 'messages', <object object at "),
        (Command(goto=Send("Asks", object())), "does not fit node 'Asks'"),
    ],
)
async def test_answers_that_are_no_json(value: Any, says: str) -> None:
    run = asking.local()
    await run.proceed(from_node=Asks())
    for call in (run.resume, run.proceed):
        with pytest.raises(GraphInputError) as caught:
            await call(value)
        assert says in str(caught.value)
    if not isinstance(value, Command):
        assert str(caught.value).endswith("Give what JSON has, or a dataclass or a BaseModel of such things.")
        with pytest.raises(GraphInputError, match=r"The answer, .*, cannot be written as JSON"):
            await run.resume_all({"Asks:1.0": value})
        with pytest.raises(GraphInputError, match=r"The new value of 'user_name', .*, cannot be written as JSON"):
            await run.update_state({"user_name": value})
        with pytest.raises(GraphInputError, match=r"The new value of 'user_name', .*, cannot be written as JSON"):
            run.fork("1", update={"user_name": value})
    assert stop_ids(await run.proceed("ann")) == ["Asks:1.1"]


@dataclass
class Plain:
    amount: Annotated[int, Field(gt=0)]
    note: str = field(init=False, default="")


class Price(BaseModel):
    """Its own code reads no more than what it writes."""

    amount: Annotated[int, Field(gt=0)]
    cents: Annotated[int, BeforeValidator(lambda text: int(text.rstrip("c"))), PlainSerializer(lambda n: f"{n}c")] = 0


class Unreadable(BaseModel):
    """It does not read what it writes."""

    amount: Annotated[int, Field(gt=0), PlainSerializer(lambda number: f"{number} EUR")]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (Plain(5), None),
        (Price(amount=5, cents="3c"), None),  # type: ignore[arg-type]
        (Unreadable(amount=5), None),
        (Plain(0), "The answer, Plain(amount=0, note=''), is no Plain: amount: Input should be greater than 0."),
        (Plain("x"), "is no Plain: amount: Input should be a valid integer"),  # type: ignore[arg-type]
        (Price.model_construct(amount=0, cents=3), "is no Price: amount: Input should be greater than 0."),
        (Unreadable.model_construct(amount=0), "is no Unreadable: amount: Input should be"),
        (Command(resume=Plain(-1)), "is no Plain: amount: Input should be greater than 0"),
    ],
)
async def test_an_object_that_its_own_class_would_refuse_is_no_answer(value: Any, wrong: str | None) -> None:
    if wrong is None:
        assert answer_json(value)["amount"] in (5, "5 EUR")
        return
    run = asking.local()
    await run.proceed(from_node=Asks())
    with pytest.raises(GraphInputError, match=re.escape(wrong)):
        await run.resume(value)
    assert stop_ids(await run.wait()) == ["Asks:1.0"]


@pytest.mark.parametrize("name", ["interrupt_id", "actor", "answer_id", "comment"])
async def test_names_that_are_no_texts(name: str) -> None:
    run = asking.local()
    await run.proceed(from_node=Asks())
    words: dict[str, Any] = {name: 5}
    with pytest.raises(GraphInputError, match=f"^{name} is 5; it must be a text.$"):
        await run.resume("ann", **words)
    assert stop_ids(await run.wait()) == ["Asks:1.0"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"expected_version": "1"}, "expected_version is '1'; it takes the `version` of a state."),
        ({"expected_version": True}, "expected_version is True; it takes the `version` of a state."),
        ({"actor": 5}, "actor is 5; it must be a text."),
    ],
)
async def test_conditions_that_are_none(given: dict[str, Any], says: str) -> None:
    run = drafts.local(interrupt_after=["write"])
    await run.proceed(inputs="hi", state=Draft())
    before = run.get_state()
    with pytest.raises(GraphInputError) as caught:
        await run.update_state({"text": "edited"}, **given)
    assert str(caught.value) == says
    assert run.get_state() == before


@pytest.mark.parametrize("given", [1, True, 1.0, None, ["1"]])
async def test_a_fork_from_what_is_no_checkpoint(given: Any) -> None:
    run = doubling().local()
    await run.proceed(inputs=1)
    with pytest.raises(GraphInputError) as caught:
        run.fork(given)
    assert str(caught.value) == (
        f"fork() got {given!r}; it takes the checkpoint_id of what history() gives, a text such as '5'."
    )


async def test_names_are_as_long_as_on_a_server() -> None:
    run = asking.local()
    await run.proceed(from_node=Asks())
    long = "名" * 400
    for refused in (
        run.resume("ann", actor=long),
        run.resume("ann", answer_id=long),
        run.proceed("ann", actor=long),
        run.resume_all({"Asks:1.0": "ann"}, actor=long),
        run.update_state({"messages": ["x"]}, actor=long),
        run.reassign(["ann", long]),
        run.reassign(["ann"], actor=long),
        run.extend(timedelta(1), actor=long),
    ):
        with pytest.raises(RefusedError, match="is a name of 1,200 bytes; a name has 1,000 at most") as caught:
            await refused
        assert caught.value.reason == "invalid"
    with pytest.raises(RefusedError, match="to has names of 20,900 bytes; together they have 20,000 at most"):
        await run.reassign([f"{number:0>950}" for number in range(22)])
    assert [entry.kind for entry in run.audit()] == ["asked"]
    assert (await run.proceed("ann", actor="名" * 333)).is_interrupt
