"""The approval patterns of a guide to human-in-the-loop graphs, and its common mistakes, each with its cure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.client import Client

from temporal_graph import (
    AnswerRefusedError,
    Command,
    GraphInputError,
    GraphRun,
    GraphRunError,
    Interrupt,
    InterruptError,
    RefusedError,
    RunEvent,
    RunNotFoundError,
    TemporalGraph,
    emit,
    interrupt,
)
from tests.replay.serving import until
from tests.server.conftest import Serve

# -- Using interrupt_before, using interrupt_after ---------------------------------------------------------------------


@dataclass
class Fetch:
    source: str
    data: list[int] = field(default_factory=list[int])


_b = GraphBuilder(name="fetch_and_call", state_type=Fetch, output_type=int)


@_b.step
async def data_fetch(ctx: StepContext[Fetch, None, None]) -> None:
    ctx.state.data = [len(ctx.state.source), 100]


@_b.step
async def approval_node(ctx: StepContext[Fetch, None, None]) -> int:
    return sum(ctx.state.data)


_b.add(
    _b.edge_from(_b.start_node).to(data_fetch),
    _b.edge_from(data_fetch).to(approval_node),
    _b.edge_from(approval_node).to(_b.end_node),
)
before = TemporalGraph(_b.build(), name="before", interrupt_before=["approval_node"])
after = TemporalGraph(_b.build(), name="after", interrupt_after=["data_fetch"])


@pytest.mark.parametrize(("graph", "kind"), [(before, "before"), (after, "after")], ids=["before", "after"])
async def test_using_interrupt_before_and_after(serve: Serve, task_queue: str, graph: Any, kind: str) -> None:
    async with serve(graph) as client:
        run = await graph.start(client, state=Fetch("api"), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert ([asked.kind for asked in stop.interrupts], stop.state.data) == ([kind], [3, 100])
        assert (await run.get_state()).next == ["approval_node"]
        assert (await run.proceed()).output == 103


# -- Modern pattern: the interrupt() function --------------------------------------------------------------------------


class Decision(BaseModel):
    """What a person says."""

    approved: bool
    notes: str = ""
    reason: str = ""


@dataclass
class Action:
    proposed_action: str
    status: str = ""
    notes: str = ""


_m = GraphBuilder(name="modern", state_type=Action, output_type=str)


@_m.step
async def approve(ctx: StepContext[Action, None, None]) -> str:
    question = {"action": ctx.state.proposed_action, "message": "Look at this, please"}
    decision = await interrupt(question, response_type=Decision)
    ctx.state.status = "approved" if decision.approved else "rejected"
    ctx.state.notes = decision.notes if decision.approved else decision.reason
    return ctx.state.status


_m.add(_m.edge_from(_m.start_node).to(approve), _m.edge_from(approve).to(_m.end_node))
modern = TemporalGraph(_m.build())


@pytest.mark.parametrize(
    ("decision", "status", "notes"),
    [
        (Decision(approved=True, notes="fine"), "approved", "fine"),
        ({"approved": False, "reason": "too dear"}, "rejected", "too dear"),
    ],
)
async def test_interrupt_function(serve: Serve, task_queue: str, decision: Any, status: str, notes: str) -> None:
    async with serve(modern) as client:
        run = await modern.start(client, state=Action("buy"), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value == {"action": "buy", "message": "Look at this, please"}
        stop = await run.proceed(decision, actor="boss")
        assert stop.state == Action("buy", status, notes)


# -- Pattern 1: approve before a critical action -----------------------------------------------------------------------


@dataclass
class Critical:
    result: str = ""
    error: str = ""


_1 = GraphBuilder(name="critical", state_type=Critical, deps_type=list[int], input_type=int)


@_1.step
async def delete_user(ctx: StepContext[Critical, list[int], int]) -> None:
    plan = {"type": "api_call", "endpoint": "/delete_user", "params": {"user_id": ctx.inputs}}
    decision = await interrupt({"action_plan": plan, "prompt": "Delete?"}, response_type=Decision)
    if not decision.approved:
        ctx.state.error = "rejected by a person"
        return
    ctx.deps.append(ctx.inputs)
    ctx.state.result = f"deleted {ctx.inputs}"


_1.add(_1.edge_from(_1.start_node).to(delete_user), _1.edge_from(delete_user).to(_1.end_node))
critical = TemporalGraph(_1.build())


@pytest.mark.parametrize("approved", [True, False])
async def test_pattern_1_approve_before_a_critical_action(serve: Serve, task_queue: str, approved: bool) -> None:
    deleted: list[int] = []
    async with serve(critical, deps=deleted) as client:
        run = await critical.start(client, inputs=123, id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert stop.interrupts[0].value["action_plan"]["params"] == {"user_id": 123}
        assert deleted == []
        stop = await run.proceed({"approved": approved, "notes": "checked"})
    assert deleted == ([123] if approved else [])
    assert stop.state == (Critical("deleted 123") if approved else Critical(error="rejected by a person"))


# -- Pattern 2: review and edit before proceeding ----------------------------------------------------------------------


class Edited(BaseModel):
    """The text as it is to be; None leaves it as it is."""

    content: str | None = None


@dataclass
class Draft:
    draft_content: str
    final_content: str = ""
    reviewed: bool = False


_2 = GraphBuilder(name="draft_review", state_type=Draft, output_type=str)


@_2.step
async def review_draft(ctx: StepContext[Draft, None, None]) -> str:
    draft = ctx.state.draft_content
    edited = await interrupt({"draft": draft, "prompt": "Edit it, if you like"}, response_type=Edited)
    ctx.state.final_content = draft if edited.content is None else edited.content
    ctx.state.reviewed = True
    return ctx.state.final_content


_2.add(_2.edge_from(_2.start_node).to(review_draft), _2.edge_from(review_draft).to(_2.end_node))
draft_review = TemporalGraph(_2.build())


@pytest.mark.parametrize(("answer", "final"), [({}, "text"), ({"content": "better"}, "better"), ({"content": ""}, "")])
async def test_pattern_2_review_and_edit(serve: Serve, task_queue: str, answer: dict[str, str], final: str) -> None:
    async with serve(draft_review) as client:
        run = await draft_review.start(client, state=Draft("text"), id=task_queue, task_queue=task_queue)
        assert (await run.wait()).interrupts[0].value["draft"] == "text"
        assert (await run.proceed(answer)).state == Draft("text", final, reviewed=True)


# -- Pattern 3: a chain of approvals -----------------------------------------------------------------------------------


@dataclass
class Chain:
    log: list[str] = field(default_factory=list[str])
    plan_ok: bool = False


_3 = GraphBuilder(name="approval_chain", state_type=Chain, output_type=list[str])


@_3.step
async def plan(ctx: StepContext[Chain, None, None]) -> None:
    ctx.state.log.append("planned")


@_3.step
async def approve_plan(ctx: StepContext[Chain, None, None]) -> None:
    ctx.state.log.append(f"plan {'approved' if ctx.state.plan_ok else 'seen'}")


@_3.step
async def execute(ctx: StepContext[Chain, None, None]) -> None:
    ctx.state.log.append("executed")


@_3.step
async def approve_execution(ctx: StepContext[Chain, None, None]) -> list[str]:
    ctx.state.log.append("closed")
    return ctx.state.log


_3.add(
    _3.edge_from(_3.start_node).to(plan),
    _3.edge_from(plan).to(approve_plan),
    _3.edge_from(approve_plan).to(execute),
    _3.edge_from(execute).to(approve_execution),
    _3.edge_from(approve_execution).to(_3.end_node),
)
approval_chain = TemporalGraph(_3.build(), interrupt_before=["approve_plan", "approve_execution"])


async def test_pattern_3_multi_step_approval_chain(serve: Serve, task_queue: str) -> None:
    async with serve(approval_chain) as client:
        run = await approval_chain.start(client, state=Chain(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert ([asked.value for asked in stop.interrupts], stop.state.log) == (["approve_plan"], ["planned"])
        stop = await run.proceed(Command(resume=None, update={"plan_ok": True}), actor="lead")
        assert [asked.value for asked in stop.interrupts] == ["approve_execution"]
        assert stop.state.log == ["planned", "plan approved", "executed"]
        stop = await run.proceed(actor="director")
        assert stop.output == ["planned", "plan approved", "executed", "closed"]
        answered = (await run.get_state()).answered
        assert [(taken.interrupt_id, taken.actor) for taken in answered] == [
            ("approve_plan:1.before", "lead"),
            ("approve_execution:1.before", "director"),
        ]


async def test_a_chain_that_is_sent_back(serve: Serve, task_queue: str) -> None:
    """The second in the chain is not content: back to the plan, with what is to be otherwise."""
    async with serve(approval_chain) as client:
        run = await approval_chain.start(client, state=Chain(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed()
        stop = await run.proceed(Command(goto="plan", update={"log": ["once more"]}))
        assert [asked.interrupt_id for asked in stop.interrupts] == ["approve_plan:2.before"]
        assert stop.state.log == ["once more", "planned"]
        await run.proceed()
        assert (await run.proceed()).output == ["once more", "planned", "plan seen", "executed", "closed"]


# -- Updating state during an interrupt; conditional resume ------------------------------------------------------------


@dataclass
class Approval:
    action: str
    approved: bool = False
    approval_notes: str = ""
    approved_by: str = ""


_c = GraphBuilder(name="conditional", state_type=Approval, output_type=str)


@_c.step
async def ask_for_approval(ctx: StepContext[Approval, None, None]) -> Literal["execute", "notify"]:
    return "execute" if ctx.state.approved else "notify"


@_c.step
async def execute_action(ctx: StepContext[Approval, None, Any]) -> str:
    return f"did {ctx.state.action} for {ctx.state.approved_by}"


@_c.step
async def notify_rejection(ctx: StepContext[Approval, None, Any]) -> str:
    return f"no {ctx.state.action}: {ctx.state.approval_notes}"


_c.add(
    _c.edge_from(_c.start_node).to(ask_for_approval),
    _c.edge_from(ask_for_approval).to(
        _c.decision(node_id="is_it_approved")
        .branch(_c.match(Literal["execute"]).to(execute_action))  # type: ignore[arg-type]
        .branch(_c.match(Literal["notify"]).to(notify_rejection))  # type: ignore[arg-type]
    ),
    _c.edge_from(execute_action, notify_rejection).to(_c.end_node),
)
conditional = TemporalGraph(_c.build(), interrupt_before=["ask_for_approval"])


@pytest.mark.parametrize(
    ("update", "output"),
    [
        ({"approved": True, "approval_notes": "good", "approved_by": "boss@example.com"}, "did x for boss@example.com"),
        ({"approval_notes": "not now"}, "no x: not now"),
    ],
)
async def test_updating_state_and_conditional_resume(
    serve: Serve, task_queue: str, update: dict[str, Any], output: str
) -> None:
    async with serve(conditional) as client:
        run = await conditional.start(client, state=Approval("x"), id=task_queue, task_queue=task_queue)
        await run.wait()
        seen = await run.get_state()
        assert seen.values == Approval("x")
        changed = await run.update_state(update, expected_version=seen.version, actor="boss@example.com")
        assert changed == Approval("x", **update)
        assert (await run.get_state()).version == seen.version + 1
        stop = await run.proceed()
        assert (stop.output, stop.state) == (output, Approval("x", **update))


async def test_an_update_that_the_state_does_not_take(serve: Serve, task_queue: str) -> None:
    async with serve(conditional) as client:
        run = await conditional.start(client, state=Approval("x"), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(RefusedError, match="no such field; its fields: 'action', 'approved'") as unknown:
            await run.update_state({"aproved": True})
        with pytest.raises(RefusedError, match="approved: Input should be a valid boolean") as unfit:
            await run.update_state({"approved": "perhaps", "approval_notes": "n"})
        assert (unknown.value.reason, unfit.value.reason) == ("invalid", "invalid")
        assert (await run.get_state()).values == Approval("x"), "all of an update, or nothing"
        assert (await run.proceed()).is_end


# -- Time-out: the asking program speaks for a person who does not -----------------------------------------------------


class Timed(BaseModel):
    """A decision; `expired` says that nobody made it."""

    approved: bool
    expired: bool = False


@dataclass
class Offer:
    deadline: datetime
    status: str = ""


_t = GraphBuilder(name="timed", state_type=Offer, output_type=str)


@_t.step
async def decide(ctx: StepContext[Offer, None, None]) -> str:
    decision = await interrupt({"timeout_at": ctx.state.deadline}, response_type=Timed)
    ctx.state.status = "timeout" if decision.expired else "approved" if decision.approved else "rejected"
    return ctx.state.status


_t.add(_t.edge_from(_t.start_node).to(decide), _t.edge_from(decide).to(_t.end_node))
timed = TemporalGraph(_t.build())


async def answer_at_the_deadline(run: GraphRun[str, Offer], asked: Interrupt, in_time: asyncio.Event) -> None:
    """Wait for a person until the question's deadline has passed, and say then that nobody came."""
    left = datetime.fromisoformat(asked.value["timeout_at"]) - datetime.now(UTC)
    try:
        await asyncio.wait_for(in_time.wait(), timeout=max(0, left.total_seconds()))
    except TimeoutError:
        await run.resume(Timed(approved=False, expired=True), interrupt_id=asked.interrupt_id, actor="deadline")


@pytest.mark.parametrize("person", [True, False], ids=["answered", "expired"])
async def test_timeout_handling(serve: Serve, task_queue: str, person: bool) -> None:
    async with serve(timed) as client:
        deadline = datetime(2100 if person else 2001, 1, 1, tzinfo=UTC)
        run = await timed.start(client, state=Offer(deadline), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        in_time = asyncio.Event()
        watching = asyncio.create_task(answer_at_the_deadline(run, asked, in_time))
        if person:
            await run.resume({"approved": True}, actor="ana")
            in_time.set()
        await watching
        assert (await run.result()).output == ("approved" if person else "timeout")
        [taken] = (await run.get_state()).answered
        assert taken.actor == ("ana" if person else "deadline")


# -- Streaming an approval to whoever shows it -------------------------------------------------------------------------

_s = GraphBuilder(name="streamed", state_type=Draft, deps_type=asyncio.Event, output_type=str)


@_s.step
async def write(ctx: StepContext[Draft, asyncio.Event, None]) -> None:
    """Writes, and tells each word, once somebody listens."""
    await ctx.deps.wait()
    for word in ("to", "be"):
        await emit({"word": word})
        ctx.state.draft_content += f" {word}"


@_s.step
async def approve_text(ctx: StepContext[Draft, asyncio.Event, None]) -> str:
    ctx.state.reviewed = await interrupt(ctx.state.draft_content.strip(), response_type=bool)
    return "published" if ctx.state.reviewed else "kept"


_s.add(
    _s.edge_from(_s.start_node).to(write),
    _s.edge_from(write).to(approve_text),
    _s.edge_from(approve_text).to(_s.end_node),
)
streamed = TemporalGraph(_s.build())


async def test_streaming_approval_ui(serve: Serve, task_queue: str) -> None:
    has_listener = asyncio.Event()
    words: list[str] = []
    events: list[RunEvent] = []
    async with serve(streamed, deps=has_listener) as client, asyncio.timeout(60):
        run = await streamed.start(client, state=Draft(""), id=task_queue, task_queue=task_queue)
        async for event in run.stream():
            events.append(event)
            if event.kind == "node_started":
                has_listener.set()
            elif event.kind == "emitted":
                words.append(event.data["data"]["word"])
            elif event.kind == "interrupt_opened":
                assert event.data["value"] == "to be"  # what a page would show
                await run.resume(True, interrupt_id=event.data["interrupt_id"])
        assert words == ["to", "be"]
        assert [(event.kind, event.node_id) for event in events if event.kind not in ("emitted", "state_changed")] == [
            ("run_started", None),
            ("node_started", "write"),
            ("node_finished", "write"),
            ("node_started", "approve_text"),
            ("interrupt_opened", "approve_text"),
            ("interrupt_answered", "approve_text"),
            ("node_started", "approve_text"),
            ("node_finished", "approve_text"),
            ("run_finished", None),
        ]
        opened = next(event.number for event in events if event.kind == "interrupt_opened")
        # A page that was loaded again goes on where it was.
        assert [event async for event in run.stream(after=opened)] == [one for one in events if one.number > opened]


# -- Production pattern: a queue of approvals --------------------------------------------------------------------------


class ApprovalQueue:
    """Approvals by id. It keeps nothing itself: any process can make one, and sees the same."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def submit(self, action: str, id: str) -> None:
        run = await modern.start(self._client, state=Action(action), id=id, task_queue=self._task_queue)
        await run.wait()

    async def pending(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        running = f"TaskQueue = '{self._task_queue}' AND ExecutionStatus = 'Running'"
        async for execution in self._client.list_workflows(running):
            for asked in await modern.get_run(self._client, execution.id).pending_interrupts():
                found[execution.id] = asked.value["action"]
        return found

    async def answer(self, id: str, decision: Decision) -> str | None:
        return (await modern.get_run(self._client, id).proceed(decision)).output


async def until_pending(queue: ApprovalQueue, expected: dict[str, Any]) -> None:
    """A server lists a run, and that it has ended, a moment later."""

    async def look() -> bool:
        return await queue.pending() == expected

    await until(look, timeout=30)


async def test_approval_queue(serve: Serve, task_queue: str) -> None:
    async with serve(modern) as client:
        queue = ApprovalQueue(client, task_queue)
        ids = [f"{task_queue}-{n}" for n in range(3)]
        for id, action in zip(ids, ["buy", "sell", "keep"], strict=True):
            await queue.submit(action, id)
        other = ApprovalQueue(client, task_queue)
        await until_pending(other, dict(zip(ids, ["buy", "sell", "keep"], strict=True)))
        assert await other.answer(ids[0], Decision(approved=True)) == "approved"
        assert await other.answer(ids[1], Decision(approved=False, reason="no")) == "rejected"
        with pytest.raises(AnswerRefusedError, match=r"closed.*approved"):
            await queue.answer(ids[0], Decision(approved=False))
        await until_pending(queue, {ids[2]: "keep"})
        assert await queue.answer(ids[2], Decision(approved=True)) == "approved"


# -- Common mistakes ---------------------------------------------------------------------------------------------------


async def test_mistake_no_checkpointer(serve: Serve, task_queue: str) -> None:
    """There is none to forget: the worker that ran the first half is gone, and so is what it had in memory."""
    async with serve(modern) as client:
        await modern.start(client, state=Action("buy"), id=task_queue, task_queue=task_queue)
        await modern.get_run(client, task_queue).wait()
    async with serve(modern) as client:
        stop = await modern.get_run(client, task_queue).proceed({"approved": True})
        assert stop.output == "approved"


async def test_mistake_no_id(client: Client, task_queue: str) -> None:
    with pytest.raises(TypeError, match="'id'"):
        await modern.start(client, state=Action("buy"), task_queue=task_queue)  # type: ignore[call-arg]


async def test_mistake_new_input_where_an_answer_was_meant(serve: Serve, task_queue: str) -> None:
    async with serve(critical, deps=[]) as client:
        run = await critical.start(client, inputs=1, id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(
            GraphInputError, match=rf"exists already.*to go on with the other, use get_run\(client, '{run.id}"
        ):
            await critical.start(client, inputs=2, id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphInputError, match=r"other inputs.*leave these out, and answer its question"):
            await critical.proceed(client, id=task_queue, inputs=2, task_queue=task_queue)
        stop = await critical.proceed(client, id=task_queue, inputs=1, task_queue=task_queue)  # it only waits
        assert stop.interrupts[0].value["action_plan"]["params"] == {"user_id": 1}
        assert (await run.proceed({"approved": False})).is_end


async def test_mistake_new_input_in_this_process() -> None:
    run = critical.local(deps=[])
    await run.proceed(inputs=1)
    with pytest.raises(GraphInputError, match="has been started; inputs and state are for a new one"):
        await run.proceed(inputs=2)


async def test_mistake_interrupt_outside_of_a_node() -> None:
    cure = r"Call it in a step or in BaseNode.run, and run the graph with TemporalGraph.start\(\) or .local\(\)"
    with pytest.raises(InterruptError, match=cure):
        await interrupt("Does anybody hear me?")
    with pytest.raises(InterruptError, match=cure):  # pydantic-graph's own runner asks nobody either
        await modern.graph.run(state=Action("buy"))


_w = GraphBuilder(name="careless", input_type=str, output_type=str)


@_w.step
async def swallow(ctx: StepContext[None, None, str]) -> str:
    """What must not be written: the question does not get out of the node."""
    try:
        return await interrupt("Shall I?", response_type=str)
    except:  # noqa: E722 - the mistake
        return "I did not ask"


_w.add(_w.edge_from(_w.start_node).to(swallow), _w.edge_from(swallow).to(_w.end_node))
careless = TemporalGraph(_w.build())


async def test_mistake_a_question_swallowed_by_a_bare_except(serve: Serve, task_queue: str) -> None:
    async with serve(careless) as client:
        run = await careless.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        with pytest.raises(
            GraphRunError, match=r"'swallow' went on although it had asked.*Use `except Exception:`"
        ) as failed:
            await run.result()
        assert (failed.value.node_id, failed.value.error_type) == ("swallow", "InterruptError")


_q = GraphBuilder(name="pair", input_type=list[str], output_type=list[str])


@_q.step
async def ask(ctx: StepContext[None, None, str]) -> str:
    return f"{ctx.inputs}: {await interrupt(ctx.inputs, response_type=str)}"


_answers = _q.join(reduce_list_append, initial_factory=list[str], node_id="answers")
_q.add(
    _q.edge_from(_q.start_node).map(fork_id="questions").to(ask),
    _q.edge_from(ask).to(_answers),
    _q.edge_from(_answers).to(_q.end_node),
)
pair = TemporalGraph(_q.build())


async def test_mistake_no_interrupt_id_where_two_wait(serve: Serve, task_queue: str) -> None:
    async with serve(pair) as client:
        run = await pair.start(client, inputs=["one", "two"], id=task_queue, task_queue=task_queue)
        await run.wait()
        for unclear in (None, "ask"):
            with pytest.raises(AnswerRefusedError, match=r"ambiguous: 2 questions are open.*'ask:1.0', 'ask:2.0'"):
                await run.resume("yes", interrupt_id=unclear)
        await run.resume_all({asked.interrupt_id: asked.value * 2 for asked in await run.pending_interrupts()})
        assert sorted((await run.result()).output) == ["one: oneone", "two: twotwo"]


async def test_mistake_a_question_that_is_not_there(serve: Serve, task_queue: str) -> None:
    async with serve(pair) as client:
        run = await pair.start(client, inputs=["one"], id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(
            AnswerRefusedError, match=r"unknown_interrupt: There is no question 'aks:1.0'. Open: 'ask:1"
        ):
            await run.resume("yes", interrupt_id="aks:1.0")
        assert (await run.proceed("yes")).is_end


async def test_mistake_an_answer_to_a_run_that_has_ended(serve: Serve, task_queue: str) -> None:
    async with serve(modern) as client:
        run = await modern.start(client, state=Action("buy"), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed({"approved": True})
        for late in (run.resume, run.proceed):
            with pytest.raises(AnswerRefusedError, match='has ended; its output is "approved"') as refused:
                await late({"approved": False})
            assert refused.value.reason == "closed"
        for steering in (
            run.update_state({"status": "x"}),
            run.pause(),
            run.unpause(),
            run.set_breakpoints(before="*"),
        ):
            with pytest.raises(RefusedError, match='has ended; its output is "approved"'):
                await steering


async def test_mistake_to_cancel_a_run_that_has_ended(serve: Serve, task_queue: str) -> None:
    async with serve(critical, deps=[]) as client:
        run = await critical.start(client, inputs=1, id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed({"approved": False})
        with pytest.raises(RefusedError, match="has ended"):
            await run.cancel()


async def test_mistake_a_run_id_that_does_not_exist(client: Client, task_queue: str) -> None:
    run = modern.get_run(client, task_queue)
    for call in (
        run.resume({"approved": True}),
        run.resume_all({"approve:1.0": {"approved": True}}),
        run.proceed({"approved": True}),
        run.wait(),
        run.result(),
        run.get_state(),
        run.pending_interrupts(),
        run.update_state({"status": "x"}),
        run.set_breakpoints(before="*"),
        run.pause(),
        run.unpause(),
        run.cancel(),
        run.fork("1", id=f"{task_queue}-2", task_queue=task_queue),
    ):
        with pytest.raises(RunNotFoundError, match=f"There is no run with id '{task_queue}'"):
            await call
    with pytest.raises(RunNotFoundError, match=f"There is no run with id '{task_queue}'"):
        _ = [item async for item in run.history()]
