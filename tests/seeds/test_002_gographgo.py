"""What gographgo can do with people: nodes that halt, answers by place or by id, tool calls that a person reviews."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_graph import GraphBuilder, StepContext, TypeExpression, reduce_list_append
from temporalio.client import Client

from temporal_graph import (
    AnswerRefusedError,
    Command,
    GraphError,
    GraphInputError,
    Send,
    TemporalGraph,
    interrupt,
    send_to,
)
from tests.server.conftest import Serve

# -- NodeInterrupt -----------------------------------------------------------------------------------------------------


@dataclass
class Deletion:
    record_id: str
    steps: list[str] = field(default_factory=list[str])
    status: str = ""


_d = GraphBuilder(name="deletion", state_type=Deletion, deps_type=dict[str, str], output_type=str)


@_d.step
async def look_up(ctx: StepContext[Deletion, dict[str, str], None]) -> str:
    ctx.state.steps.append("look_up")
    return ctx.deps[ctx.state.record_id]


@_d.step
async def confirm(ctx: StepContext[Deletion, dict[str, str], str]) -> str:
    """Halts with what it is about to do, and does it only when it is told so."""
    ctx.state.steps.append("confirm")
    question = {"action": "delete", "id": ctx.state.record_id, "content": ctx.inputs}
    if await interrupt(question) != "approved":
        ctx.state.status = "cancelled"
    else:
        del ctx.deps[ctx.state.record_id]
        ctx.state.status = "deleted"
    return ctx.state.status


_d.add(
    _d.edge_from(_d.start_node).to(look_up), _d.edge_from(look_up).to(confirm), _d.edge_from(confirm).to(_d.end_node)
)
deletion = TemporalGraph(_d.build())


@pytest.mark.parametrize(
    ("answer", "output", "left"),
    [("approved", "deleted", {}), ("no", "cancelled", {"r1": "x"}), (None, "cancelled", {"r1": "x"})],
)
async def test_node_interrupt(serve: Serve, task_queue: str, answer: Any, output: str, left: dict[str, str]) -> None:
    records = {"r1": "x"}
    async with serve(deletion, deps=records) as client:
        run = await deletion.start(client, state=Deletion("r1"), id=task_queue, task_queue=task_queue)
        await run.wait()
        assert records == {"r1": "x"}
        assert (await run.proceed(answer)).output == output
    assert records == left


# -- First invocation: catching the interrupt --------------------------------------------------------------------------


async def test_first_invocation(serve: Serve, task_queue: str) -> None:
    async with serve(deletion, deps={"r1": "x"}) as client:
        stop = await deletion.proceed(client, id=task_queue, state=Deletion("r1"), task_queue=task_queue)
        [asked] = stop.interrupts  # a stop is no error
        assert asked.value == {"action": "delete", "id": "r1", "content": "x"}
        assert asked.interrupt_id == "confirm:1.0"
        assert stop.state.steps == ["look_up"], "what finished nodes wrote is there, and nothing of the one that halted"
        assert await deletion.get_run(client, task_queue).resume("no")


# -- Resuming with a positional value ----------------------------------------------------------------------------------


async def test_resuming_with_a_value(serve: Serve, task_queue: str) -> None:
    """The one answer goes to the one question; the node begins again at its top, and this time the call returns."""
    async with serve(deletion, deps={"r1": "x"}) as client:
        await deletion.start(client, state=Deletion("r1"), id=task_queue, task_queue=task_queue)
        stop = await deletion.get_run(client, task_queue).wait()
        stop = await deletion.get_run(client, task_queue).proceed("approved")
        assert stop.output == "deleted"
        assert stop.state == Deletion("r1", ["look_up", "confirm"], "deleted"), "its first attempt left nothing"


# -- Resuming with a map when multiple interrupts are pending ----------------------------------------------------------


@dataclass
class Release:
    noted: list[str] = field(default_factory=list[str])


_f = GraphBuilder(name="sign_off", state_type=Release, output_type=dict[str, str])


@_f.step
async def legal(ctx: StepContext[Release, None, None]) -> tuple[str, str]:
    return "legal", await interrupt("Is it legal?", response_type=Literal["yes", "no"])


@_f.step
async def design(ctx: StepContext[Release, None, None]) -> tuple[str, str]:
    return "design", await interrupt("Is it nice?", response_type=Literal["yes", "no"])


@_f.step
async def checks(ctx: StepContext[Release, None, None]) -> None:
    """The branch that asks nobody."""
    ctx.state.noted.append("checked")


@_f.step
async def more_checks(ctx: StepContext[Release, None, None]) -> tuple[str, str]:
    ctx.state.noted.append("checked more")
    return "checks", "yes"


@_f.step
async def verdict(ctx: StepContext[Release, None, list[tuple[str, str]]]) -> dict[str, str]:
    return dict(sorted(ctx.inputs))


_verdicts = _f.join(
    reduce_list_append, initial_factory=list[tuple[str, str]], node_id="verdicts", parent_fork_id="all_at_once"
)
_f.add(
    _f.edge_from(_f.start_node).to(legal, design, checks, fork_id="all_at_once"),
    _f.edge_from(checks).to(more_checks),
    _f.edge_from(legal, design, more_checks).to(_verdicts),
    _f.edge_from(_verdicts).to(verdict),
    _f.edge_from(verdict).to(_f.end_node),
)
sign_off = TemporalGraph(_f.build())
TWO = ["legal:1.0", "design:1.0"]


async def waiting_for_two(client: Client, task_queue: str) -> Any:
    run = await sign_off.start(client, state=Release(), id=task_queue, task_queue=task_queue)
    stop = await run.wait()
    assert sorted(asked.interrupt_id for asked in stop.interrupts) == sorted(TWO)
    assert stop.state.noted == ["checked", "checked more"], "the third branch went on meanwhile"
    return run


async def test_resuming_with_a_map(serve: Serve, task_queue: str) -> None:
    async with serve(sign_off) as client:
        run = await waiting_for_two(client, task_queue)
        taken = await run.resume_all({"legal:1.0": "yes", "design:1.0": "no"}, actor="ana")
        assert [(one.interrupt_id, one.actor) for one in taken] == [("legal:1.0", "ana"), ("design:1.0", "ana")]
        assert (await run.result()).output == {"checks": "yes", "design": "no", "legal": "yes"}


async def test_all_answers_of_a_map_or_none(serve: Serve, task_queue: str) -> None:
    async with serve(sign_off) as client:
        run = await waiting_for_two(client, task_queue)
        for values, reason, said in (
            ({"legal:1.0": "yes", "design:1.0": "perhaps"}, "invalid", "design:1.0"),
            ({"legal:1.0": "yes", "desing:1.0": "yes"}, "unknown_interrupt", "Open: '"),
            ({"legal:1.0": "yes", "legal": "no"}, "ambiguous", "legal:1.0"),
        ):
            with pytest.raises(AnswerRefusedError, match=said) as refused:
                await run.resume_all(values)
            assert refused.value.reason == reason
            assert sorted(asked.interrupt_id for asked in await run.pending_interrupts()) == sorted(TWO)
        assert (await run.get_state()).answered == []
        await run.resume_all({"legal": "no", "design": "no"})  # a node's id stands for its only question
        assert (await run.result()).output == {"checks": "yes", "design": "no", "legal": "no"}


@pytest.mark.parametrize("order", [TWO, TWO[::-1]])
async def test_one_by_one_in_any_order(serve: Serve, task_queue: str, order: list[str]) -> None:
    async with serve(sign_off) as client:
        run = await waiting_for_two(client, task_queue)
        with pytest.raises(AnswerRefusedError, match=r"2 questions are open. Say which with interrupt_id") as refused:
            await run.resume("yes")
        assert refused.value.reason == "ambiguous"
        stop = await run.proceed("yes", interrupt_id=order[0])
        assert [asked.interrupt_id for asked in stop.interrupts] == order[1:]
        assert (await run.proceed("no")).is_end, "one is left, so nobody need say which"


# -- Interrupt before / after a node -----------------------------------------------------------------------------------


@dataclass
class Table:
    rows: int = 0
    log: list[str] = field(default_factory=list[str])


_b = GraphBuilder(name="write_rows", state_type=Table, output_type=int)


@_b.step
async def write_to_db(ctx: StepContext[Table, None, None]) -> None:
    ctx.state.rows += 10
    ctx.state.log.append("write_to_db")


@_b.step
async def dangerous_node(ctx: StepContext[Table, None, None]) -> int:
    ctx.state.log.append("dangerous_node")
    return ctx.state.rows


_b.add(
    _b.edge_from(_b.start_node).to(write_to_db),
    _b.edge_from(write_to_db).to(dangerous_node),
    _b.edge_from(dangerous_node).to(_b.end_node),
)
write_rows = TemporalGraph(_b.build(), interrupt_before=["dangerous_node"], interrupt_after=["write_to_db"])


@pytest.mark.parametrize("answer", [None, "", "whatever", {"a": [1]}])
async def test_interrupt_before_and_after(serve: Serve, task_queue: str, answer: Any) -> None:
    async with serve(write_rows) as client:
        run = await write_rows.start(client, state=Table(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert [(asked.kind, asked.value) for asked in stop.interrupts] == [("after", "write_to_db")]
        assert stop.state == Table(10, ["write_to_db"])
        stop = await run.proceed(answer)
        assert [(asked.kind, asked.value) for asked in stop.interrupts] == [("before", "dangerous_node")]
        assert stop.state == Table(10, ["write_to_db"])
        stop = await run.proceed(answer)
        assert (stop.output, stop.state.log) == (10, ["write_to_db", "dangerous_node"])


# -- The command approach: a node that says where to go ----------------------------------------------------------------


@dataclass
class Proposal:
    action: str
    needs_approval: bool
    pending_action: str = ""
    status: str = ""


_c = GraphBuilder(name="routed", state_type=Proposal, output_type=str)


@_c.step
async def check(ctx: StepContext[Proposal, None, None]) -> Command[Literal["await_approval"]] | str:
    """Goes on by its edge, or elsewhere with a change of the state."""
    if ctx.state.needs_approval:
        return Command(goto="await_approval", update={"pending_action": ctx.state.action})
    return "auto-approved"


@_c.step
async def await_approval(ctx: StepContext[Proposal, None, None]) -> str:
    return "approved" if await interrupt(f"{ctx.state.pending_action}?", response_type=bool) else "refused"


@_c.step
async def close(ctx: StepContext[Proposal, None, str]) -> str:
    ctx.state.status = ctx.inputs
    return ctx.inputs


_c.add(
    _c.edge_from(_c.start_node).to(check),
    _c.edge_from(check, await_approval).to(close),
    _c.edge_from(close).to(_c.end_node),
)
# To `await_approval` leads nothing but the command; pydantic-graph is to let that be.
routed = TemporalGraph(_c.build(validate_graph_structure=False))


@pytest.mark.parametrize("needs_approval", [True, False])
async def test_command_approach(serve: Serve, task_queue: str, needs_approval: bool) -> None:
    async with serve(routed) as client:
        state = Proposal("pay", needs_approval)
        run = await routed.start(client, state=state, id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        if needs_approval:
            assert (stop.interrupts[0].value, stop.state.pending_action) == ("pay?", "pay")
            stop = await run.proceed(True)
        status = "approved" if needs_approval else "auto-approved"
        assert (stop.output, stop.state) == (status, Proposal("pay", needs_approval, "pay" * needs_approval, status))


async def test_command_approach_with_a_breakpoint(serve: Serve, task_queue: str) -> None:
    """Nothing asks in the node: the run stands before it, and the person sends it past."""
    async with serve(routed) as client:
        run = await routed.start(
            client,
            state=Proposal("pay", needs_approval=True),
            id=task_queue,
            task_queue=task_queue,
            interrupt_before=["await_approval"],
        )
        stop = await run.wait()
        assert ([asked.kind for asked in stop.interrupts], stop.state.pending_action) == (["before"], "pay")
        stop = await run.proceed(Command(goto=Send("close", "approved by hand")))
        assert stop.output == "approved by hand"


# -- Several ways at once: `Send` --------------------------------------------------------------------------------------

_o = GraphBuilder(name="sends", input_type=list[str], output_type=list[str])


@_o.step
async def hand_out(ctx: StepContext[None, None, list[str]]) -> list[Send]:
    return [Send("shout", item) if item.isalpha() else Send("add_up", [int(n) for n in item]) for item in ctx.inputs]


@_o.step
async def shout(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs.upper()


@_o.step
async def add_up(ctx: StepContext[None, None, list[int]]) -> str:
    total = sum(ctx.inputs)
    return str(total) if total < 10 else await interrupt(f"{total} is much. What now?", response_type=str)


_all = _o.join(reduce_list_append, initial_factory=list[str], node_id="all", parent_fork_id="sent")
_o.add(
    _o.edge_from(_o.start_node).to(hand_out),
    _o.edge_from(hand_out).map(fork_id="sent", downstream_join_id=_all.id).to(send_to(_o, shout, add_up)),
    _o.edge_from(shout, add_up).to(_all),
    _o.edge_from(_all).to(_o.end_node),
)
sends = TemporalGraph(_o.build())


async def test_send_to_different_nodes(serve: Serve, task_queue: str) -> None:
    async with serve(sends) as client:
        run = await sends.start(client, inputs=["ab", "12", "99", "c"], id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert [asked.value for asked in stop.interrupts] == ["18 is much. What now?"]
        assert sorted((await run.proceed("take 9")).output) == ["3", "AB", "C", "take 9"]


# -- Checking for pending interrupts without invoking ------------------------------------------------------------------


async def test_checking_for_pending_interrupts(serve: Serve, task_queue: str) -> None:
    async with serve(deletion, deps={"r1": "x"}) as client:
        run = await deletion.start(client, state=Deletion("r1"), id=task_queue, task_queue=task_queue)
        await run.wait()
        for _ in range(2):  # looking changes nothing
            seen = await deletion.get_run(client, task_queue).get_state()
            assert (seen.status, seen.next) == ("waiting", ["confirm"])
            assert [asked.value["id"] for asked in seen.interrupts] == ["r1"]
        await run.resume("no")
        await run.result()
        assert (await run.get_state()).interrupts == []


# -- An agent whose tool calls a person accepts, ignores, answers or edits ---------------------------------------------


class Call(BaseModel):
    """A tool that the agent wants to call."""

    tool: str
    args: dict[str, int]


class Accept(BaseModel):
    type: Literal["accept"] = "accept"


class Ignore(BaseModel):
    type: Literal["ignore"] = "ignore"


class Respond(BaseModel):
    """The person gives the tool's result."""

    type: Literal["respond"] = "respond"
    text: str


class Edit(BaseModel):
    type: Literal["edit"] = "edit"
    args: dict[str, int]


Response = Annotated[Accept | Ignore | Respond | Edit, Field(discriminator="type")]


class Answer(BaseModel):
    """What the agent ends with."""

    text: str


@dataclass
class Conversation:
    todo: list[Call]
    messages: list[str] = field(default_factory=list[str])


_a = GraphBuilder(name="agent", state_type=Conversation, deps_type=list[str], output_type=TypeExpression[Answer])


@_a.step
async def think(ctx: StepContext[Conversation, list[str], None]) -> Call | Answer:
    """Stands for a model: it wants what is on its list, one after the other."""
    if len(ctx.state.messages) == len(ctx.state.todo):
        return Answer(text="; ".join(ctx.state.messages))
    return ctx.state.todo[len(ctx.state.messages)]


@_a.step
async def call_tool(ctx: StepContext[Conversation, list[str], Call]) -> None:
    call = ctx.inputs
    response = await interrupt(
        {"call": call, "say": "Review this tool call before it executes"}, response_type=Response
    )
    if isinstance(response, Edit):
        call = Call(tool=call.tool, args=response.args)
    if isinstance(response, Accept | Edit):
        ctx.deps.append(call.tool)
        ctx.state.messages.append(f"{call.tool}={sum(call.args.values())}")
    else:
        ctx.state.messages.append(response.text if isinstance(response, Respond) else "ignored")


_a.add(
    _a.edge_from(_a.start_node).to(think),
    _a.edge_from(think).to(
        _a.decision(node_id="has_it_finished")
        .branch(_a.match(Call).to(call_tool))
        .branch(_a.match(Answer).to(_a.end_node))
    ),
    _a.edge_from(call_tool).to(think),
)
agent = TemporalGraph(_a.build())


async def test_react_agent_human_interrupt(serve: Serve, task_queue: str) -> None:
    calls = [Call(tool=tool, args={"a": 1, "b": 2}) for tool in ("add", "wipe", "ask", "sum")]
    called: list[str] = []
    async with serve(agent, deps=called) as client:
        run = await agent.start(client, state=Conversation(calls), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        with pytest.raises(AnswerRefusedError, match="'accept', 'edit', 'ignore', 'respond'"):
            await run.resume({"type": "perhaps"})
        for visit, response in enumerate([Accept(), Ignore(), Respond(text="42"), Edit(args={"a": 5})], 1):
            [asked] = stop.interrupts
            assert (asked.interrupt_id, asked.value["call"]["tool"]) == (f"call_tool:{visit}.0", calls[visit - 1].tool)
            stop = await run.proceed(response)
        assert stop.output == Answer(text="add=3; ignored; 42; sum=5")
    assert called == ["add", "sum"]


# -- Tips and gotchas --------------------------------------------------------------------------------------------------


async def test_state_is_restored_and_not_passed_again(serve: Serve, task_queue: str) -> None:
    """Whoever goes on with a run passes nothing but the answer; a state for it would be another run's."""
    async with serve(deletion, deps={"r1": "x", "r2": "y"}) as client:
        for _ in range(2):  # the very same may be passed again: a call that is repeated does no harm
            stop = await deletion.proceed(client, id=task_queue, state=Deletion("r1"), task_queue=task_queue)
        assert stop.state.record_id == "r1"
        with pytest.raises(GraphInputError, match="was started with other inputs, another state"):
            await deletion.proceed(client, id=task_queue, state=Deletion("r2"), task_queue=task_queue)
        with pytest.raises(GraphInputError, match=r"exists already.*to go on with the other, use get_run\(client"):
            await deletion.start(client, state=Deletion("r2"), id=task_queue, task_queue=task_queue)
        stop = await deletion.get_run(client, task_queue).proceed("approved")
        assert (stop.state.record_id, stop.output) == ("r1", "deleted")


_n = GraphBuilder(name="quiz", state_type=Table, deps_type=list[str], input_type=list[str], output_type=list[str])


@_n.step
async def ask_all(ctx: StepContext[Table, list[str], list[str]]) -> list[str]:
    """Several questions in one node, asked in a loop; with something done before each, there and in the state."""
    answers: list[str] = []
    for question in ctx.inputs:
        ctx.deps.append(f"mail: {question}")
        ctx.state.rows += 1
        try:
            answers.append(await interrupt(question, response_type=str))
        except Exception:  # noqa: BLE001, RUF100 - a question passes through it
            answers.append("swallowed")
    return answers


_n.add(_n.edge_from(_n.start_node).to(ask_all), _n.edge_from(ask_all).to(_n.end_node))
quiz = TemporalGraph(_n.build())


async def test_a_node_runs_again_from_its_top(serve: Serve, task_queue: str) -> None:
    mails: list[str] = []
    async with serve(quiz, deps=mails) as client:
        run = await quiz.start(client, inputs=["name?"], state=Table(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert (mails, stop.state.rows) == (["mail: name?"], 0)
        stop = await run.proceed("Mia")
        assert mails == ["mail: name?"] * 2, "what it did to the world before the question, it did twice"
        assert stop.state.rows == 1, "and what it did to the state, once"


async def test_several_calls_in_one_node_are_matched_by_position(serve: Serve, task_queue: str) -> None:
    questions = ["name?", "colour?", "name?"]
    async with serve(quiz, deps=[]) as client:
        run = await quiz.start(client, inputs=questions, state=Table(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        for position, answer in enumerate(["Mia", "red", "Tom"]):
            [asked] = stop.interrupts
            assert (asked.interrupt_id, asked.value) == (f"ask_all:1.{position}", questions[position])
            stop = await run.proceed(answer)
        assert (stop.output, stop.state.rows) == (["Mia", "red", "Tom"], 3)


async def test_or_by_id_also_ahead(serve: Serve, task_queue: str) -> None:
    """The second question is not open yet: its answer is kept for it."""
    async with serve(quiz, deps=[]) as client:
        run = await quiz.start(client, inputs=["one?", "two?"], state=Table(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume_all({"ask_all:1.1": "second", "ask_all:1.0": "first"})
        assert (await run.result()).output == ["first", "second"]


async def test_without_a_server_a_run_can_ask_too() -> None:
    """In this process nothing is kept: the run object is all there is."""
    records = {"r1": "x"}
    run = deletion.local(deps=records)
    stop = await run.proceed(state=Deletion("r1"))
    assert stop.interrupts[0].value["content"] == "x"
    with pytest.raises(GraphError, match=r"waits for people: 'confirm:1.0'. Answer with resume"):
        await run.result()
    fresh = deletion.local(deps=records)
    assert (await fresh.proceed(state=Deletion("r1"))).is_interrupt, "another run begins from its beginning"
    assert (await run.proceed("approved")).output == "deleted"
    assert records == {}


async def test_two_clients_answer_at_once(serve: Serve, task_queue: str) -> None:
    async with serve(deletion, deps={"r1": "x"}) as client:
        run = await deletion.start(client, state=Deletion("r1"), id=task_queue, task_queue=task_queue)
        await run.wait()
        both = await asyncio.gather(
            run.resume("no", interrupt_id="confirm:1.0", actor="ana"),
            run.resume("no", interrupt_id="confirm:1.0", actor="bob"),
            return_exceptions=True,
        )
        [won] = [one for one in both if not isinstance(one, BaseException)]
        [lost] = [one for one in both if isinstance(one, AnswerRefusedError)]
        await run.result()
        # The run may have ended before the loser came; then that is what it hears.
        assert lost.reason in ("already_answered", "closed")
        assert [taken.actor for taken in (await run.get_state()).answered] == [won.actor]
