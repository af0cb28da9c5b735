"""Policies in this process: time that passes at will, people who are asked, failures and steps, the audit."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext

from temporal_graph import (
    Abort,
    Answered,
    AnswerRefusedError,
    Calendar,
    Command,
    Escalate,
    Every,
    GraphError,
    GraphInputError,
    GraphRunError,
    InterruptError,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    LocalRun,
    NodeOptions,
    RefusedError,
    Required,
    Retry,
    Skip,
    TemporalGraph,
    answers,
    interrupt,
    once,
    step,
)
from tests.policies import graphs
from tests.policies.graphs import Claim, Review, Vote

HOUR = timedelta(hours=1)


async def reviewing(**state: Any) -> LocalRun[Any, Any]:
    run = graphs.review.local()
    await run.proceed(from_node=Review(), state=Claim(**state))
    return run


def told(run: LocalRun[Any, Any]) -> list[tuple[str, int]]:
    """What happened, and after how many hours."""
    entries = run.audit()
    return [(entry.kind, round((entry.at - entries[0].at) / HOUR)) for entry in entries]


# -- Time -------------------------------------------------------------------------------------------------------------


async def test_a_chain_of_72_hours() -> None:
    run = await reviewing()
    stop = await run.pass_time(72 * HOUR)
    assert (stop.is_end, stop.output) == (True, "declined via timeout by None")
    assert told(run) == [
        ("asked", 0),
        ("reminded", 12),
        ("escalated", 24),
        ("reminded", 36),
        ("escalated", 48),
        ("reminded", 60),
        ("timed_out", 72),
    ]
    assert [entry.data.get("to") for entry in run.audit()][1:4] == [["ann"], ["bob"], ["bob"]]
    assert [entry.number for entry in run.audit()] == list(range(1, 8))


async def test_time_passes_in_parts() -> None:
    run = await reviewing()
    seen: list[Any] = []
    for _ in range(4):
        stop = await run.pass_time(16 * HOUR)
        [interrupt] = stop.interrupts
        seen.append((interrupt.assignees, interrupt.escalation_level))
    assert seen == [(["ann"], 0), (["bob"], 1), (["boss", "cfo"], 2), (["boss", "cfo"], 2)]
    assert (await run.pass_time(16 * HOUR)).is_end
    assert (await run.pass_time(16 * HOUR)).is_end, "nothing more happens"


async def test_time_that_passes_by_itself() -> None:
    """What was due while nobody looked is done by whatever is called next."""
    run = await reviewing()
    snapshot = json.loads(json.dumps(run.snapshot()))
    [asked] = snapshot["questions"]["open"]
    for item in asked["due"]:
        item["at"] = (datetime.fromisoformat(item["at"]) - 30 * HOUR).isoformat()
    run.restore(snapshot)
    assert run.pending_interrupts()[0].assignees == ["bob"]
    assert [entry.kind for entry in run.audit()] == ["asked", "escalated"]


async def test_an_answer_after_the_time_out() -> None:
    run = await reviewing()
    await run.pass_time(73 * HOUR)
    with pytest.raises(AnswerRefusedError) as caught:
        await run.resume({"approved": True}, actor="ann")
    assert caught.value.reason == "closed"


async def test_nobody_answers_and_nothing_stands_in() -> None:
    @dataclass
    class Ask(InterruptNode[Claim, None, str]):
        policy = InterruptPolicy(timeout=HOUR)

        async def run(self, ctx: GraphRunContext[Claim]) -> End[str]:
            return End("asked")

    run = InterruptibleGraph([Ask], name="ask").local()
    await run.proceed(from_node=Ask(), state=Claim())
    with pytest.raises(GraphRunError, match="InterruptTimeoutError: Nobody answered 'Ask:1' by 20"):
        await run.pass_time(2 * HOUR)
    assert told(run) == [("asked", 0), ("timed_out", 1)]


async def test_a_time_out_and_what_it_leads_to_and_its_time_out() -> None:
    """Each counts from when it was asked, in one long time."""
    g = GraphBuilder(name="twice", output_type=list, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> list[Any]:
        policy = InterruptPolicy(timeout=3 * HOUR, on_timeout=Command(resume=1))
        return [await interrupt("first", policy=policy), await interrupt("second", policy=policy)]

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    run = TemporalGraph(g.build()).local()
    await run.proceed()
    assert (await run.pass_time(10 * HOUR)).output == [1, 1]
    assert told(run) == [("asked", 0), ("timed_out", 3), ("asked", 3), ("timed_out", 6)]


async def test_a_calendar() -> None:
    always = Calendar("UTC", weekdays=range(7), hours=None)
    seldom = Calendar("UTC", weekdays=range(7), hours=("00:00", "06:00"))
    for calendar, least, most in ((always, 18, 18), (seldom, 54, 72)):
        g = GraphBuilder(name="working", output_type=str, auto_instrument=False)

        @g.step
        async def ask(ctx: StepContext[None, None, None]) -> str:
            return await interrupt("Well?")

        g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
        policy = InterruptPolicy(timeout=18 * HOUR, calendar=calendar, on_timeout=Command(resume="late"))
        run = TemporalGraph(g.build(), options=NodeOptions(policy=policy)).local()
        await run.proceed()
        [asked] = run.pending_interrupts()
        assert asked.deadline is not None
        assert least <= (asked.deadline - asked.created_at) / HOUR <= most


async def test_a_run_that_has_not_begun() -> None:
    for call in (lambda: graphs.review.local().pass_time(HOUR), lambda: graphs.review.local().extend(HOUR)):
        with pytest.raises(GraphError, match="This run has not been started"):
            await call()
    with pytest.raises(GraphError, match="This run has not been started"):
        graphs.review.local().audit()


async def test_a_snapshot_in_between() -> None:
    run = await reviewing()
    await run.pass_time(30 * HOUR)
    other = graphs.review.local()
    other.restore(json.loads(json.dumps(run.snapshot())))
    await run.pass_time(HOUR)
    assert [i.assignees for i in other.pending_interrupts()] == [["bob"]]
    await other.pass_time(73 * HOUR)
    assert [kind for kind, _ in told(other)].count("timed_out") == 1


# -- Who, and how long ------------------------------------------------------------------------------------------------


async def test_others_are_asked_and_given_more_time() -> None:
    run = await reviewing()
    question = await run.reassign("cid", actor="ann")
    assert question.assignees == ["cid"]
    assert question.deadline is not None
    longer = await run.extend(2 * HOUR, actor="cid")
    assert longer.deadline == question.deadline + 2 * HOUR
    until = datetime(2200, 1, 1, tzinfo=UTC)
    assert (await run.extend(until=until, interrupt_id="Review:1")).deadline == until
    assert [(e.kind, e.actor, e.via) for e in run.audit()] == [
        ("asked", None, None),
        ("reassigned", "ann", "update"),
        ("extended", "cid", "update"),
        ("extended", None, "update"),
    ]
    stop = await run.pass_time(200 * HOUR)
    assert stop.interrupts[0].assignees == ["boss", "cfo"], "escalations stay where they are"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda run: run.reassign([]), None),
        (lambda run: run.reassign("eve"), "'eve' may not answer 'Review:1'; ask others."),
        (lambda run: run.reassign("cid", interrupt_id="Other:1"), "No such question is open. Open: 'Review:1'."),
        (lambda run: run.extend(HOUR, interrupt_id="Other:1"), "No such question is open. Open: 'Review:1'."),
        (lambda run: run.extend(until=datetime(2020, 1, 1, tzinfo=UTC)), "'Review:1' cannot wait until 2020-01-01T"),
        (lambda run: run.extend(timedelta.max), "'Review:1' cannot wait "),
    ],
)
async def test_what_is_refused(call: Callable[[Any], Awaitable[Any]], says: str | None) -> None:
    run = await reviewing()
    if says is None:
        await call(run)
        return
    with pytest.raises(RefusedError) as caught:
        await call(run)
    assert str(caught.value).partition(": ")[2].startswith(says)
    assert len(run.audit()) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.reassign(5),
        lambda run: run.reassign(["ann", ""]),
        lambda run: run.reassign(["ann", "ann"]),
        lambda run: run.extend(),
        lambda run: run.extend(HOUR, until=datetime.now(UTC)),
        lambda run: run.extend(-HOUR),
        lambda run: run.extend(5),
        lambda run: run.extend(until=datetime(2100, 1, 1)),
    ],
)
async def test_what_makes_no_sense(call: Callable[[Any], Awaitable[Any]]) -> None:
    run = await reviewing()
    with pytest.raises(GraphInputError):
        await call(run)


async def test_four_eyes() -> None:
    run = await reviewing()
    for actor in ("eve", None):
        with pytest.raises(AnswerRefusedError) as caught:
            await run.resume({"approved": True}, actor=actor)
        assert caught.value.reason == "not_authorized"
    await run.resume({"approved": True}, actor="ann")
    assert (await run.result()).output == "approved via update by ann"


async def test_what_the_node_itself_finds_wrong() -> None:
    run = await reviewing(amount=5_000)
    with pytest.raises(AnswerRefusedError, match="5000 is more than anybody may approve"):
        await run.proceed({"approved": True}, actor="ann")
    with pytest.raises(AnswerRefusedError, match="5000 is more than anybody may approve"):
        await run.proceed(from_node=Review(approved=True), actor="ann")
    assert (await run.proceed({"approved": False}, actor="ann")).output == "declined via update by ann"


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ([("ann", True), ("cid", True)], "True: ann True, cid True"),
        ([("ann", True), ("bob", False)], "False: ann True, bob False"),
        ([("cid", False)], "False: cid False"),
    ],
)
async def test_two_of_three(given: list[tuple[str, bool]], output: str) -> None:
    run = graphs.vote.local()
    await run.proceed(from_node=Vote(), state=Claim())
    for number, (actor, approved) in enumerate(given, start=1):
        accepted = await run.resume({"approved": approved}, actor=actor)
        assert accepted.missing == (1 if number < len(given) else 0)
        assert len(run.audit()) == 1 + number
    assert (await run.result()).output == output


async def test_the_answers_so_far_are_shown() -> None:
    run = graphs.vote.local()
    stop = await run.proceed(from_node=Vote(), state=Claim())
    assert stop.interrupts[0].quorum == 2
    stop = await run.proceed({"approved": True}, actor="ann")
    assert [answer["actor"] for answer in stop.interrupts[0].answers] == ["ann"]
    for actor, reason in (("ann", "already_answered"), ("dan", "not_authorized")):
        with pytest.raises(AnswerRefusedError) as caught:
            await run.proceed({"approved": True}, actor=actor)
        assert caught.value.reason == reason


# -- Composed ---------------------------------------------------------------------------------------------------------


@dataclass
class Letter(InterruptNode[Claim, list, str]):
    to: str = "ann"
    send: Annotated[bool | None, Required] = None

    async def prompt(self, ctx: GraphRunContext[Claim, list]) -> dict[str, Any]:
        ctx.deps.append("prompt")
        return {"draft": f"Dear {self.to}", "amount": ctx.state.amount}

    async def run(self, ctx: GraphRunContext[Claim, list]) -> End[str]:
        ctx.deps.append("run")
        return End(f"{self.to} {self.send} {ctx.state.amount}")


async def test_what_is_shown_is_composed_once() -> None:
    deps: list[str] = []
    run = InterruptibleGraph([Letter], name="letters").local(deps=lambda: deps)
    stop = await run.proceed(from_node=Letter(), state=Claim(amount=7))
    assert stop.interrupts[0].value == {"draft": "Dear ann", "amount": 7}
    await run.pass_time(1_000 * HOUR)
    stop = await run.proceed({"send": True})
    assert stop.output == "ann True 7"
    assert deps == ["prompt", "run"]


# -- Failures, once, steps --------------------------------------------------------------------------------------------

calls: list[Any] = []


async def charge(amount: int) -> str:
    calls.append(amount)
    return f"receipt {len(calls)}"


def failing(*, steps: Any = (), **words: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="failing", state_type=Claim, input_type=int, output_type=str, auto_instrument=False)

    @g.step
    async def pay(ctx: StepContext[Claim, None, int]) -> str:
        receipt = await once("charge", charge, ctx.inputs)
        if ctx.state.amount == 100:
            raise ConnectionError("no network")
        return f"{receipt} for {ctx.inputs}"

    g.add(g.edge_from(g.start_node).to(pay), g.edge_from(pay).to(g.end_node))
    return TemporalGraph(g.build(), options=NodeOptions(on_failure="interrupt", **words), steps=steps)


async def failed(**words: Any) -> LocalRun[Any, Any]:
    calls.clear()
    run = failing(**words).local()
    stop = await run.proceed(inputs=30, state=Claim())
    [failure] = stop.interrupts
    assert (failure.interrupt_id, failure.kind) == ("pay:1.failure", "failure")
    assert failure.value == {"error": {"type": "ConnectionError", "message": "no network"}, "attempts": 1, "inputs": 30}
    return run


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (Command(resume=Retry(), update={"amount": 1}), "receipt 1 for 30"),
        (Command(resume=Retry(inputs=40), update={"amount": 1}), "receipt 1 for 40"),
        (Skip("nothing"), "nothing"),
        ({"action": "skip", "output": "nothing"}, "nothing"),
        (Command(goto=End("elsewhere")), "elsewhere"),
    ],
)
async def test_a_failure_is_a_question(answer: Any, output: str) -> None:
    run = await failed()
    assert (await run.proceed(answer)).output == output
    assert calls == [30], "what was done once is not done again"


async def test_a_failure_again_and_at_last() -> None:
    run = await failed()
    stop = await run.proceed(Retry())
    assert stop.interrupts[0].interrupt_id == "pay:1.failure-2"
    with pytest.raises(GraphRunError, match="ConnectionError: no network"):
        await run.proceed(Abort())
    assert calls == [30]


@pytest.mark.parametrize(
    ("answer", "cure"),
    [
        (Retry, "Retry is a class; say Retry()."),
        (Abort, "Abort is a class; say Abort()."),
        (Skip, "Skip is a class; say Skip(...)."),
        (Command(resume=Retry, update={"amount": 1}), "Retry is a class; say Retry()."),
        (Claim, "Claim is a class; say Claim(...)."),
    ],
)
async def test_a_class_is_no_answer(answer: Any, cure: str) -> None:
    run = await failed()
    with pytest.raises(GraphInputError) as caught:
        await run.resume(answer)
    assert str(caught.value) == f"The answer: {cure}"
    assert len(run.pending_interrupts()) == 1


@pytest.mark.parametrize("answer", [Skip(5), Retry(inputs="many"), "retry", None, True])
async def test_what_a_failure_does_not_take(answer: Any) -> None:
    run = await failed()
    with pytest.raises(AnswerRefusedError) as caught:
        await run.proceed(answer)
    assert caught.value.reason == "invalid"
    assert [i.interrupt_id for i in run.pending_interrupts()] == ["pay:1.failure"]


async def test_a_failure_that_nobody_looks_after() -> None:
    policy = InterruptPolicy(timeout=5 * HOUR, reminders=Every(2 * HOUR), on_timeout=Command(resume=Skip("given up")))
    run = await failed(policy=policy)
    assert (await run.pass_time(5 * HOUR)).output == "given up"
    assert told(run) == [("asked", 0), ("reminded", 2), ("reminded", 4), ("timed_out", 5)]


async def test_a_step_that_names_the_next_node_cannot_be_skipped() -> None:
    @dataclass
    class Fails(BaseNode[Claim, None, str]):
        async def run(self, ctx: GraphRunContext[Claim]) -> End[str]:
            raise ValueError("never")

    run = InterruptibleGraph([Fails], name="fails", options=NodeOptions(on_failure="interrupt")).local()
    await run.proceed(from_node=Fails(), state=Claim())
    with pytest.raises(AnswerRefusedError, match="node 'Fails' says itself which node comes next"):
        await run.proceed(Skip("done"))
    assert (await run.proceed(Command(goto=End("done")))).output == "done"


def asking(**words: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="asking", state_type=Claim, output_type=list, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[Claim, None, None]) -> list[Any]:
        assert answers() == []
        receipts = [await step(charge, 1), await step(charge, 2)]
        first = await interrupt("first", response_type=int)
        [by] = answers()
        second = await interrupt("second", response_type=int)
        [other] = answers()
        return [*receipts, await once("third", charge, 3), first, by.actor, second, other.actor, other.value]

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    return TemporalGraph(g.build(), **words)


async def test_steps_are_done_once_and_answers_are_known() -> None:
    calls.clear()
    run = asking(steps=[charge]).local()
    await run.proceed(state=Claim())
    await run.proceed(5, actor="ann")
    stop = await run.proceed(6, actor="bob")
    assert stop.output == ["receipt 1", "receipt 2", "receipt 3", 5, "ann", 6, "bob", 6]
    assert calls == [1, 2, 3]


async def test_a_function_that_the_graph_does_not_know() -> None:
    with pytest.raises(GraphRunError, match=r"InterruptError: step\(\) got .*charge.*TemporalGraph\(..., steps="):
        await asking().local().proceed(state=Claim())


async def test_who_answered_when() -> None:
    seen: list[Answered] = []
    g = GraphBuilder(name="who", output_type=int, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> int:
        found = await interrupt("Well?", policy=InterruptPolicy(quorum=2))
        seen.extend(answers())
        return found

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    run = TemporalGraph(g.build()).local()
    await run.proceed()
    before = datetime.now(UTC)
    await run.proceed(1, actor="ann", answer_id="click")
    assert (await run.proceed(2, actor="bob")).output == 2
    assert [(a.actor, a.value, a.via) for a in seen] == [("ann", 1, "update"), ("bob", 2, "update")]
    assert seen[0].answer_id == "click"
    assert before <= seen[0].at <= seen[1].at <= datetime.now(UTC)


async def test_a_call_whose_policy_cannot_answer_it() -> None:
    g = GraphBuilder(name="wrong", output_type=str, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> str:
        return await interrupt("Well?", response_type=str)

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    policy = InterruptPolicy(timeout=HOUR, on_timeout=Command(resume={"approved": False}))
    with pytest.raises(GraphRunError) as caught:
        await TemporalGraph(g.build(), options=NodeOptions(policy=policy)).local().proceed()
    assert "The policy that 'ask:1.0' is asked with cannot answer it when its time is up" in str(caught.value)


@pytest.mark.parametrize("call", [lambda: once("key", charge, 1), lambda: step(charge, 1)])
async def test_outside_of_a_node(call: Callable[[], Awaitable[Any]]) -> None:
    with pytest.raises(InterruptError, match="outside of a node"):
        await call()
    with pytest.raises(InterruptError, match=r"answers\(\) was called outside of a node"):
        answers()


# -- Forks and checkpoints --------------------------------------------------------------------------------------------


async def test_the_past_of_a_run_with_a_time_out() -> None:
    run = await reviewing()
    await run.pass_time(72 * HOUR)
    found = [checkpoint async for checkpoint in run.history()]
    assert [checkpoint.kind for checkpoint in found] == ["started", "timed_out", "node_finished"]


async def test_a_fork_waits_anew() -> None:
    run = await reviewing()
    await run.pass_time(72 * HOUR)
    other = run.fork("1")
    [question] = other.pending_interrupts()
    assert (question.assignees, question.escalation_level) == (["ann"], 0)
    assert question.deadline == question.created_at + 72 * HOUR
    assert [entry.kind for entry in other.audit()] == ["asked", "forked"]
    assert (await other.pass_time(72 * HOUR)).output == "declined via timeout by None"


async def test_what_is_said_with_an_answer_is_in_the_audit() -> None:
    run = graphs.vote.local()
    await run.proceed(from_node=Vote(), state=Claim())
    assert (await run.resume({"approved": True}, interrupt_id="Vote:2", actor="ann", comment="ahead")).is_early
    await run.resume({"approved": True}, actor="ann", comment="fine")
    await run.proceed({"approved": False}, actor="bob", comment="too dear")
    other = graphs.vote.local()
    await other.proceed(from_node=Vote(), state=Claim())
    await other.resume_all({"Vote:1": {"approved": True}}, actor="ann", comment="with others")
    await other.proceed(from_node=Vote(approved=False), actor="bob", comment="in the node")
    said = [[entry.comment for entry in one.audit()] for one in (run, other)]
    assert said == [[None, "fine", "too dear"], [None, "with others", "in the node"]]


async def test_changes_and_the_end_are_in_the_audit() -> None:
    run = await reviewing()
    await run.update_state({"amount": 3}, actor="ann")
    await run.cancel()
    assert [(e.kind, e.actor, e.interrupt_id) for e in run.audit()] == [
        ("asked", None, "Review:1"),
        ("state_updated", "ann", None),
        ("cancelled", None, "Review:1"),
    ]
    assert all(json.loads(entry.to_json())["kind"] == entry.kind for entry in run.audit())


@dataclass
class Bob(InterruptNode[Claim, None, str]):
    policy = InterruptPolicy(
        only_assignees=True,
        assignees=["ann", "eve"],
        not_by=lambda ctx: ctx.state.requested_by,
        escalations=[Escalate(HOUR, ["eve", "bob"]), Escalate(2 * HOUR, "eve")],
    )
    log: list[str] = field(default_factory=list)

    async def run(self, ctx: GraphRunContext[Claim]) -> End[str]:
        return End(answers()[0].actor or "")


async def test_of_a_team_those_are_asked_who_may_answer() -> None:
    run = InterruptibleGraph([Bob], name="bobs").local()
    await run.proceed(from_node=Bob(), state=Claim())
    assert run.pending_interrupts()[0].assignees == ["ann"]
    assert (await run.pass_time(HOUR)).interrupts[0].assignees == ["bob"]
    assert (await run.pass_time(HOUR)).interrupts[0].assignees == []
    with pytest.raises(AnswerRefusedError, match="reassign"):
        await run.proceed(actor="ann")
    await run.reassign("cid")
    assert (await run.proceed(actor="cid")).output == "cid"


@pytest.mark.parametrize(("output_type", "is_optional"), [(str, False), (int, False), (str | None, True), (Any, True)])
async def test_the_schema_says_whether_a_node_is_skipped_without_an_output(output_type: Any, is_optional: bool) -> None:
    make: Any = GraphBuilder
    g = make(name="failing", input_type=int, output_type=output_type)

    async def fail(ctx: StepContext[None, None, int]) -> Any:
        raise ValueError(ctx.inputs)

    fail.__annotations__["return"] = output_type
    step = g.step(fail)
    g.add(g.edge_from(g.start_node).to(step), g.edge_from(step).to(g.end_node))
    run: Any = TemporalGraph(g.build(), options=NodeOptions(on_failure="interrupt")).local()
    [asked] = (await run.proceed(inputs=1)).interrupts
    [skip] = [one for one in asked.response_schema["oneOf"] if one["properties"]["action"]["const"] == "skip"]
    assert skip["required"] == (["action"] if is_optional else ["action", "output"])
    if is_optional:
        assert (await run.proceed({"action": "skip"})).output is None
    else:
        with pytest.raises(AnswerRefusedError, match="output"):
            await run.proceed({"action": "skip"})


async def test_a_node_in_the_workflow_is_told_to_use_step_also_here() -> None:
    run = failing(execution="workflow", steps=[charge]).local()
    [asked] = (await run.proceed(inputs=1, state=Claim(amount=1))).interrupts
    assert asked.value["error"]["type"] == "InterruptError"
    assert "There `await step(charge, ...)` does work" in asked.value["error"]["message"]
