"""What LangGraph's interrupts can do: questions, breakpoints, commands, and runs that are looked at and changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from pydantic_graph import End, GraphBuilder, StepContext, reduce_null
from temporalio.client import Client

from temporal_graph import (
    AnswerRefusedError,
    Command,
    GraphInputError,
    RefusedError,
    RunCancelledError,
    Send,
    TemporalGraph,
    interrupt,
    send_to,
)
from tests.server.conftest import Serve

# -- interrupt(): a node that asks, and says what became of it ---------------------------------------------------------

_v = GraphBuilder(name="vote", output_type=str)


@_v.step
async def vote(ctx: StepContext[None, None, None]) -> str:
    return "approved" if await interrupt("Shall this be done?") else "rejected"


_v.add(_v.edge_from(_v.start_node).to(vote), _v.edge_from(vote).to(_v.end_node))
voting = TemporalGraph(_v.build())


@pytest.mark.parametrize(("answer", "output"), [(True, "approved"), (False, "rejected"), (None, "rejected")])
async def test_interrupt_function(serve: Serve, task_queue: str, answer: bool | None, output: str) -> None:
    async with serve(voting) as client:
        run = await voting.start(client, id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert [asked.value for asked in stop.interrupts] == ["Shall this be done?"]
        assert (await run.proceed(Command(resume=answer))).output == output


# -- Interrupt from a node ---------------------------------------------------------------------------------------------


@dataclass
class Request:
    request: str
    approved: bool = False
    response: str = ""


_r = GraphBuilder(name="requests", state_type=Request, output_type=str)


@_r.step
async def approval(ctx: StepContext[Request, None, None]) -> None:
    """Asks, with the request in the question."""
    answer = await interrupt(f"May we {ctx.state.request}? (yes/no)", response_type=Literal["yes", "no"])
    ctx.state.approved = answer == "yes"


@_r.step
async def process(ctx: StepContext[Request, None, None]) -> str:
    ctx.state.response = f"did {ctx.state.request}" if ctx.state.approved else "denied"
    return ctx.state.response


_r.add(
    _r.edge_from(_r.start_node).to(approval),
    _r.edge_from(approval).to(process),
    _r.edge_from(process).to(_r.end_node),
)
requests = TemporalGraph(_r.build())


@pytest.mark.parametrize(("answer", "output"), [("yes", "did deploy"), ("no", "denied")])
async def test_interrupt_from_a_node(serve: Serve, task_queue: str, answer: str, output: str) -> None:
    async with serve(requests) as client:
        run = await requests.start(client, state=Request("deploy"), id=task_queue, task_queue=task_queue)
        await run.wait()
        state = await run.get_state()
        assert (state.status, state.next) == ("waiting", ["approval"])
        assert [(asked.interrupt_id, asked.value) for asked in state.interrupts] == [
            ("approval:1.0", "May we deploy? (yes/no)")
        ]
        with pytest.raises(AnswerRefusedError, match="'yes' or 'no'"):
            await run.resume("Yes!")
        stop = await run.proceed(Command(resume=answer))
        assert (stop.output, stop.state) == (output, Request("deploy", answer == "yes", output))
        state = await run.get_state()
        assert (state.status, state.next, state.interrupts) == ("finished", [], [])


# -- Interrupt before a node -------------------------------------------------------------------------------------------

_s = GraphBuilder(name="set_before", state_type=Request, output_type=str)


@_s.step
async def decide(ctx: StepContext[Request, None, None]) -> None:
    """Decides by itself: only a breakpoint brings a person in."""
    ctx.state.approved = "production" not in ctx.state.request


@_s.step
async def act(ctx: StepContext[Request, None, None]) -> str:
    ctx.state.response = f"did {ctx.state.request}" if ctx.state.approved else "denied"
    return ctx.state.response


_s.add(_s.edge_from(_s.start_node).to(decide), _s.edge_from(decide).to(act), _s.edge_from(act).to(_s.end_node))
set_before = TemporalGraph(_s.build(), interrupt_before=["decide"])
set_after = TemporalGraph(set_before.graph, name="set_after", interrupt_after=["decide"])


async def test_interrupt_before(serve: Serve, task_queue: str) -> None:
    async with serve(set_before) as client:
        state = Request("delete the production database")
        run = await set_before.start(client, state=state, id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        [asked] = stop.interrupts
        assert (asked.interrupt_id, asked.kind, asked.value) == ("decide:1.before", "before", "decide")
        assert (await run.get_state()).next == ["decide"]
        changed = await run.update_state({"request": "delete the test database"})
        assert changed == Request("delete the test database")
        stop = await run.proceed()
        assert stop.output == "did delete the test database"


# -- Interrupt after a node --------------------------------------------------------------------------------------------


async def test_interrupt_after(serve: Serve, task_queue: str) -> None:
    async with serve(set_after) as client:
        state = Request("restart production")
        run = await set_after.start(client, state=state, id=task_queue, task_queue=task_queue)
        await run.wait()
        seen = await run.get_state()
        assert (seen.values.approved, seen.next) == (False, ["act"])
        assert [(asked.kind, asked.value) for asked in seen.interrupts] == [("after", "decide")]
        await run.update_state({"approved": True}, expected_version=seen.version)
        with pytest.raises(RefusedError, match=r"conflict: .*Look at it again") as refused:
            await run.update_state({"approved": False}, expected_version=seen.version)  # somebody who saw the same
        assert refused.value.reason == "conflict"
        assert (await run.proceed()).output == "did restart production"


async def test_breakpoints_of_one_run(serve: Serve, task_queue: str) -> None:
    """What is given at the start takes the place of what the graph says."""
    async with serve(set_before) as client:
        run = await set_before.start(
            client, state=Request("x"), id=task_queue, task_queue=task_queue, interrupt_before=["act"]
        )
        stop = await run.wait()
        assert [asked.interrupt_id for asked in stop.interrupts] == ["act:1.before"]
        assert (await run.get_state()).interrupt_before == ["act"]
        assert (await run.proceed("any value will do")).is_end


async def test_a_breakpoint_that_no_node_has(client: Client, task_queue: str) -> None:
    with pytest.raises(GraphInputError, match=r"no node 'decied' to stop at. Its nodes: 'decide', 'act'; or '\*'"):
        await set_before.start(
            client, state=Request("x"), id=task_queue, task_queue=task_queue, interrupt_before=["decied"]
        )


# -- Multiple interrupts in a workflow ---------------------------------------------------------------------------------


@dataclass
class Migration:
    plan: str = ""
    plan_approved: bool = False
    execution_log: list[str] = field(default_factory=list[str])
    final_approved: bool = False


_m = GraphBuilder(name="migration", state_type=Migration, output_type=bool)


@_m.step
async def plan(ctx: StepContext[Migration, None, None]) -> None:
    ctx.state.plan = "backup, alter, copy"


@_m.step
async def review(ctx: StepContext[Migration, None, None]) -> None:
    ctx.state.plan_approved = await interrupt(f"The plan: {ctx.state.plan}", response_type=bool)


@_m.step
async def execute(ctx: StepContext[Migration, None, None]) -> None:
    for step in ctx.state.plan.split(", "):
        ctx.state.execution_log.append(f"{step} done")


@_m.step
async def final(ctx: StepContext[Migration, None, None]) -> bool:
    ctx.state.final_approved = await interrupt(ctx.state.execution_log, response_type=bool)
    return ctx.state.plan_approved and ctx.state.final_approved


_m.add(
    _m.edge_from(_m.start_node).to(plan),
    _m.edge_from(plan).to(review),
    _m.edge_from(review).to(execute),
    _m.edge_from(execute).to(final),
    _m.edge_from(final).to(_m.end_node),
)
migration = TemporalGraph(_m.build())
DONE = ["backup done", "alter done", "copy done"]


async def test_multiple_interrupts(serve: Serve, task_queue: str) -> None:
    async with serve(migration) as client:
        run = await migration.start(client, state=Migration(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert (stop.interrupts[0].node_id, stop.interrupts[0].value) == ("review", "The plan: backup, alter, copy")
        stop = await run.proceed(Command(resume=True))
        assert (stop.interrupts[0].node_id, stop.interrupts[0].value) == ("final", DONE)
        stop = await run.proceed(Command(resume=True))
        assert (stop.output, stop.state) == (True, Migration("backup, alter, copy", True, DONE, True))
        steps = [(item.kind, item.node_id, item.next) async for item in run.history()]
        assert steps == [
            ("started", None, ["plan"]),
            ("node_finished", "plan", ["review"]),
            ("interrupt_opened", "review", ["review"]),
            ("answered", "review", ["review"]),
            ("node_finished", "review", ["execute"]),
            ("node_finished", "execute", ["final"]),
            ("interrupt_opened", "final", ["final"]),
            ("answered", "final", ["final"]),
            ("node_finished", "final", []),
        ]


async def test_another_future_from_a_point_in_the_past(serve: Serve, task_queue: str) -> None:
    async with serve(migration) as client:
        run = await migration.start(client, state=Migration(), id=task_queue, task_queue=task_queue)
        for _ in range(2):
            await run.wait()
            await run.resume(True)
        assert (await run.result()).output is True
        [asked] = [item async for item in run.history() if item.interrupts == ["review:1.0"]]
        other = await run.fork(
            asked.checkpoint_id, id=f"{task_queue}-other", task_queue=task_queue, update={"plan": "backup"}
        )
        stop = await other.proceed(False)
        assert (stop.interrupts[0].value, stop.state.plan_approved) == (["backup done"], False)
        assert (await other.proceed(True)).output is False
        assert (await run.get_state()).values == Migration("backup, alter, copy", True, DONE, True), "as it was"


# -- Send: parallel items, their number known only at run time ---------------------------------------------------------


class Item(BaseModel):
    item: str


@dataclass
class Items:
    items: list[str]
    results: list[str] = field(default_factory=list[str])


_p = GraphBuilder(name="each_item", state_type=Items, output_type=type(None))


@_p.step
async def fan_out(ctx: StepContext[Items, None, None]) -> list[Send]:
    return [Send("process_item", Item(item=item)) for item in ctx.state.items]


@_p.step
async def process_item(ctx: StepContext[Items, None, Item]) -> None:
    ctx.state.results.append(f"did {ctx.inputs.item}")


_done = _p.join(reduce_null, initial=None, node_id="done", parent_fork_id="sent")
_p.add(
    _p.edge_from(_p.start_node).to(fan_out),
    _p.edge_from(fan_out).map(fork_id="sent", downstream_join_id=_done.id).to(send_to(_p, process_item)),
    _p.edge_from(process_item).to(_done),
    _p.edge_from(_done).to(_p.end_node),
)
each_item = TemporalGraph(_p.build())


@pytest.mark.parametrize("given", [[], ["one"], ["one", "two", "three"]])
async def test_send(serve: Serve, task_queue: str, given: list[str]) -> None:
    async with serve(each_item) as client:
        result = await each_item.run(client, state=Items(given), id=task_queue, task_queue=task_queue)
        assert sorted(result.state.results) == sorted(f"did {item}" for item in given), "what each appended is there"


# -- Command: an answer, a change of the state, and the way on, in one step --------------------------------------------


@dataclass
class Task:
    task: str = ""
    result: str = ""


_t = GraphBuilder(name="tasks", state_type=Task, input_type=dict[str, str], output_type=str)


@_t.step
async def execute_task(ctx: StepContext[Task, None, dict[str, str]]) -> str:
    question = {"message": "With these?", "task": ctx.state.task, "params": ctx.inputs}
    confirmed = await interrupt(question, response_type=dict[str, str])
    ctx.state.result = f"{ctx.state.task} with {confirmed}"
    return ctx.state.result


@_t.step
async def give_up(ctx: StepContext[Task, None, str]) -> str:
    ctx.state.result = f"gave up: {ctx.inputs}"
    return ctx.state.result


_t.add(
    _t.edge_from(_t.start_node).to(execute_task),
    _t.edge_from(execute_task).to(_t.end_node),
    _t.edge_from(give_up).to(_t.end_node),
)
# Nothing leads to `give_up` but a command; pydantic-graph is to let that be.
tasks = TemporalGraph(_t.build(validate_graph_structure=False))
PROD = {"target": "prod"}


async def waiting_task(client: Client, task_queue: str) -> Any:
    run = await tasks.start(client, inputs=PROD, state=Task("backup"), id=task_queue, task_queue=task_queue)
    stop = await run.wait()
    assert stop.interrupts[0].value == {"message": "With these?", "task": "backup", "params": PROD}
    return run


async def test_command_with_an_answer_and_a_change_of_the_state(serve: Serve, task_queue: str) -> None:
    async with serve(tasks) as client:
        run = await waiting_task(client, task_queue)
        stop = await run.proceed(Command(resume={"target": "staging"}, update={"task": "checked backup"}))
        assert stop.output == "checked backup with {'target': 'staging'}"


async def test_a_command_does_all_of_it_or_nothing(serve: Serve, task_queue: str) -> None:
    async with serve(tasks) as client:
        run = await waiting_task(client, task_queue)
        before = await run.get_state()
        for bad in (
            Command(resume={"target": "staging"}, update={"tsak": "x"}),
            Command(resume={"target": "staging"}, update={"task": 5}),
            Command(resume={"target": 5}, update={"task": "x"}),
        ):
            with pytest.raises(AnswerRefusedError, match=r"tsak.*'task', 'result'|task: Input|target: Input") as error:
                await run.resume(bad)
            assert error.value.reason == "invalid"
        with pytest.raises(GraphInputError, match=r"no node 'nowhere' to go to. Its nodes: 'execute_task', 'give_up'"):
            await run.resume(Command(resume={"target": "staging"}, update={"task": "x"}, goto="nowhere"))
        assert await run.get_state() == before
        assert (await run.proceed(PROD)).is_end


async def test_a_command_without_an_answer_answers_nothing(serve: Serve, task_queue: str) -> None:
    async with serve(voting) as client:
        run = await voting.start(client, id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(GraphInputError, match="answers nothing, changes nothing and leads nowhere"):
            await run.resume(Command())
        async with asyncio.timeout(30):
            assert [asked.interrupt_id for asked in (await run.wait()).interrupts] == ["vote:1.0"]


async def test_command_that_sends_a_run_elsewhere(serve: Serve, task_queue: str) -> None:
    async with serve(tasks) as client:
        run = await waiting_task(client, task_queue)
        stop = await run.proceed(Command(goto=Send("give_up", "no staging"), update={"task": "none"}))
        assert (stop.output, stop.state) == ("gave up: no staging", Task("none", "gave up: no staging"))


async def test_command_that_ends_a_run(serve: Serve, task_queue: str) -> None:
    async with serve(tasks) as client:
        run = await waiting_task(client, task_queue)
        assert (await run.proceed(Command(goto=End("by hand")))).output == "by hand"
        with pytest.raises(AnswerRefusedError, match=r'closed.*its output is "by hand"'):
            await run.resume(PROD)


async def test_an_unknown_target_by_signal_lists_the_nodes(serve: Serve, client: Client, task_queue: str) -> None:
    """Not everybody who sends a command has the graph: then the run itself refuses it."""
    async with serve(tasks) as connected:
        run = await waiting_task(connected, task_queue)
        handle = client.get_workflow_handle(run.id)
        await handle.signal("resume", {"goto": {"node_id": "nowhere", "data": None}})
        [rejected] = (await run.get_state()).rejected
        assert rejected["message"] == "There is no node 'nowhere' to go to. The nodes: 'execute_task', 'give_up'."
        assert (await run.proceed(PROD)).is_end


# -- Interrupt before every node ---------------------------------------------------------------------------------------


async def test_interrupt_before_every_node(serve: Serve, task_queue: str) -> None:
    async with serve(migration) as client:
        run = await migration.start(
            client, state=Migration(), id=task_queue, task_queue=task_queue, interrupt_before="*"
        )
        stop = await run.wait()
        seen: list[str] = []
        while stop.is_interrupt:
            [asked] = stop.interrupts
            assert (await run.get_state()).next == [asked.node_id]
            seen.append(asked.interrupt_id)
            stop = await run.proceed(True if asked.kind == "call" else None)
        assert stop.output is True
        assert seen == [
            "plan:1.before",
            "review:1.before",
            "review:1.0",
            "execute:1.before",
            "final:1.before",
            "final:1.0",
        ]


async def test_every_node_both_ways_until_it_is_enough(serve: Serve, task_queue: str) -> None:
    async with serve(requests) as client:
        run = await requests.start(
            client,
            state=Request("x"),
            id=task_queue,
            task_queue=task_queue,
            interrupt_before=["*"],
            interrupt_after=["*"],
        )
        stop = await run.wait()
        assert [asked.interrupt_id for asked in stop.interrupts] == ["approval:1.before"]
        stop = await run.proceed()
        assert [asked.interrupt_id for asked in stop.interrupts] == ["approval:1.0"]
        stop = await run.proceed("yes")
        assert [asked.interrupt_id for asked in stop.interrupts] == ["approval:1.after"]
        await run.set_breakpoints(before=[], after=[])
        assert (await run.proceed()).output == "did x"
        with pytest.raises(RefusedError, match="closed"):
            await run.set_breakpoints(before="*")


# -- Looking at interrupts ---------------------------------------------------------------------------------------------


async def test_get_state_and_interrupts(serve: Serve, task_queue: str) -> None:
    async with serve(requests) as client:
        run = await requests.start(
            client, state=Request("x"), id=task_queue, task_queue=task_queue, interrupt_after=["process"]
        )
        stop = await run.wait()
        state = await requests.get_run(client, task_queue).get_state()  # by whoever knows the id
        assert state.interrupts == stop.interrupts == await run.pending_interrupts()
        assert (len(state.interrupts), state.next) == (1, ["approval"])
        stop = await run.proceed("no")
        assert [(asked.kind, asked.node_id) for asked in stop.interrupts] == [("after", "process")]
        assert (await run.get_state()).next == [], "nothing but the end comes next"
        await run.proceed()
        state = await run.get_state()
        assert (state.interrupts, state.next, state.status) == ([], [], "finished")


# -- stream(): what happens, while it happens --------------------------------------------------------------------------


async def test_stream(serve: Serve, task_queue: str) -> None:
    async with serve(requests) as client, asyncio.timeout(60):
        run = await requests.start(client, state=Request("deploy"), id=task_queue, task_queue=task_queue)
        chunks: list[Any] = []
        numbers: list[int] = []
        async for event in run.stream():
            numbers.append(event.number)
            if event.kind == "state_changed":
                chunks += [(change["path"], change["value"]) for change in event.data["changes"]]
            elif event.kind == "interrupt_opened":
                assert (await run.get_state()).next == ["approval"]
                await run.resume(Command(resume="yes"))
        first = {"request": "deploy", "approved": False, "response": ""}
        assert chunks == [([], first), (["approved"], True), (["response"], "did deploy")]
        assert numbers == sorted(set(numbers))


# -- A run that is held, and one that is given up ----------------------------------------------------------------------


async def test_pause_and_cancel(serve: Serve, task_queue: str) -> None:
    async with serve(migration) as client:
        run = await migration.start(client, state=Migration(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.pause()
        stop = await run.proceed(True)
        assert (stop.is_paused, stop.is_interrupt, stop.is_end) == (True, False, False)
        assert (await run.get_state()).next == ["review"], "answered, and not begun again"
        await run.unpause()
        stop = await run.wait()
        assert stop.interrupts[0].node_id == "final"
        await run.cancel()
        async with asyncio.timeout(30):
            with pytest.raises(RunCancelledError, match=task_queue):
                await run.result()
        state = await run.get_state()
        assert (state.status, state.interrupts, state.values.execution_log) == ("cancelled", [], DONE)
