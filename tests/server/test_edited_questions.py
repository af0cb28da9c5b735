"""Open questions that read differently by now, since somebody has edited the state that they show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.client import Client

from temporal_graph import AnswerRefusedError, Command, GraphRun, InterruptPolicy, TemporalGraph, answers, interrupt
from tests.replay.serving import chain, replay, serving, until


@dataclass
class Claim:
    amount: int = 7
    note: str = ""


def paying(**given: Any) -> TemporalGraph[Any, Any, Any, Any]:
    builder: GraphBuilder[Claim, None, None, str] = GraphBuilder(state_type=Claim, output_type=str)

    @builder.step
    async def ask(ctx: StepContext[Claim, None, None]) -> str:
        said = await interrupt(f"pay {ctx.state.amount}?", response_type=bool)
        return f"{ctx.state.amount}: {said}"

    builder.add(builder.edge_from(builder.start_node).to(ask), builder.edge_from(ask).to(builder.end_node))
    return TemporalGraph(builder.build(), name="paying", **given)


pay = paying()
pay_briefly = paying(max_history_events=10)

four: GraphBuilder[Claim, None, None, str] = GraphBuilder(state_type=Claim, output_type=str)


@four.step
async def sign(ctx: StepContext[Claim, None, None]) -> str:
    who = "ann" if ctx.state.amount < 1000 else "boss"
    policy = InterruptPolicy(assignees=[who], only_assignees=True)
    said = await interrupt("Sign?", response_type=bool, policy=policy, key="sign")
    return f"{ctx.state.amount}: {said} by {[each.actor for each in answers()]}"


four.add(four.edge_from(four.start_node).to(sign), four.edge_from(sign).to(four.end_node))
signing = TemporalGraph(four.build(), name="signing")

g = GraphBuilder(state_type=Claim, input_type=list[str], output_type=list[str])


@g.step
async def ask_for(ctx: StepContext[Claim, None, str]) -> str:
    await interrupt(f"pay {ctx.state.amount} to {ctx.inputs}?", response_type=bool)
    return f"{ctx.inputs}: {ctx.state.amount}"


collect = g.join(reduce_list_append, initial_factory=list[str])
g.add(
    g.edge_from(g.start_node).map().to(ask_for),
    g.edge_from(ask_for).to(collect),
    g.edge_from(collect).to(g.end_node),
)
pay_all = TemporalGraph(g.build(), name="pay_all")


@pytest.fixture
async def client(server_address: str, task_queue: str) -> AsyncIterator[Client]:
    async with serving(server_address, task_queue, pay, pay_all, signing) as client:
        yield client


async def edited(client: Client, task_queue: str, **fields: Any) -> GraphRun[Any, Any]:
    """A run whose question is open while somebody edits the state."""
    run = await pay.start(client, id=task_queue, task_queue=task_queue, state=Claim())
    await run.wait()
    await run.update_state(fields)
    return run


@pytest.mark.parametrize("way", ["resume", "proceed"])
async def test_whoever_answers_is_told(way: str, client: Client, task_queue: str) -> None:
    run = await edited(client, task_queue, amount=1000)
    for other, amount in ((1, 1000), (2, 2000)):
        with pytest.raises(AnswerRefusedError, match=f"'ask:1.{other}'") as refused:
            await (run.resume if way == "resume" else run.proceed)(True, actor="ana")
        assert refused.value.reason == "conflict"
        state = await run.get_state()
        assert [(item.interrupt_id, item.value) for item in state.interrupts] == [(f"ask:1.{other}", f"pay {amount}?")]
        assert not state.answered
        assert [item["reason"] for item in state.rejected] == ["conflict"] * other
        if amount == 1000:
            await run.update_state({"amount": 2000})
    await run.resume(True)
    assert (await run.result()).output == "2000: True"
    audit = [entry.kind for entry in await run.audit()]
    assert (audit.count("asked"), audit.count("answered"), audit.count("rejected")) == (3, 3, 2)
    assert [item.kind async for item in run.history()][-1] == "node_finished"
    await replay(await chain(client, run.id), pay)


async def test_whoever_may_not_answer_any_more_is_told(client: Client, task_queue: str) -> None:
    run = await signing.start(client, id=task_queue, task_queue=task_queue, state=Claim())
    await run.wait()
    await run.update_state({"amount": 1000})
    with pytest.raises(AnswerRefusedError, match="Others may answer 'sign:1:sign' by now") as refused:
        await run.resume(True, actor="ann")
    assert refused.value.reason == "conflict"
    with pytest.raises(AnswerRefusedError, match="it asks 'boss'"):
        await run.resume(True, actor="ann")
    await run.resume(True, actor="boss")
    assert (await run.result()).output == "1000: True by ['boss']"
    await replay(await chain(client, run.id), signing)


async def test_what_is_not_shown_may_change(client: Client, task_queue: str) -> None:
    run = await edited(client, task_queue, note="urgent")
    assert (await run.resume(True)).interrupt_id == "ask:1.0"
    assert (await run.result()).output == "7: True"
    await replay(await chain(client, run.id), pay)


async def test_whoever_edits_with_the_answer_knows(client: Client, task_queue: str) -> None:
    run = await edited(client, task_queue, amount=1000)
    await run.resume(Command(update={"amount": 2000}, resume=True))
    assert (await run.result()).output == "2000: True"
    await replay(await chain(client, run.id), pay)


async def test_by_signal_the_question_is_asked_anew(client: Client, task_queue: str) -> None:
    run = await edited(client, task_queue, amount=1000)
    await client.get_workflow_handle(run.id).signal("resume", {"value": True})

    async def is_asked() -> bool:
        return [item.interrupt_id for item in await run.pending_interrupts()] == ["ask:1.1"]

    await until(is_asked)
    await run.resume(False)
    assert (await run.result()).output == "1000: False"
    await replay(await chain(client, run.id), pay)


async def test_it_is_known_after_the_run_has_continued_as_new(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, pay_briefly) as client:
        run = await pay_briefly.start(client, id=task_queue, task_queue=task_queue, state=Claim())
        await run.wait()
        for amount in range(20):
            await run.update_state({"amount": amount})
        assert len(await chain(client, run.id)) > 1
        with pytest.raises(AnswerRefusedError, match="asked differently by now"):
            await run.resume(True)
        await run.resume(True)
        assert (await run.result()).output == "19: True"
        await replay(await chain(client, run.id), pay_briefly)


async def test_many_answers_at_once(client: Client, task_queue: str) -> None:
    """Some are told, and some find the question asked anew: none waits for the others."""
    names = [f"n{number}" for number in range(8)]
    run = await pay_all.start(client, inputs=names, id=task_queue, task_queue=task_queue, state=Claim())
    await run.wait()
    await run.update_state({"amount": 1000})
    asked = await run.pending_interrupts()
    found = await asyncio.gather(
        *(run.resume(True, interrupt_id=item.interrupt_id) for item in asked), return_exceptions=True
    )
    told = [item for item in found if isinstance(item, AnswerRefusedError) and item.reason == "conflict"]
    assert told
    assert all(item in told or not isinstance(item, BaseException) for item in found)

    async def are_asked() -> bool:
        return {item.value for item in await run.pending_interrupts()} == {f"pay 1000 to {name}?" for name in names}

    await until(are_asked)
    await run.resume_all({item.interrupt_id: True for item in await run.pending_interrupts()})
    assert sorted((await run.result()).output) == [f"{name}: 1000" for name in names]
    await replay(await chain(client, run.id), pay_all)
