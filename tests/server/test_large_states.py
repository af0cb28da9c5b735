"""A state that is too large to be sent is refused when it is made, by whoever makes it; nothing is lost by that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import AnswerRefusedError, Command, GraphError, GraphPlugin, GraphRun, GraphRunError, Send
from temporal_graph.engine.sizes import json_size
from temporal_graph.temporal.payloads import PLAIN
from tests.replay.serving import chain, replay, serving, until
from tests.server.large_graphs import Essay, Ledger, Note, asking_growth, essay, growth, ledger, letter, short_ledger
from tests.server.looking import failures

FIRST, SECOND = "書" * 400_000, "y" * 1_000_000
"""1.2 and 1 MB: each can be sent, and both together cannot."""


async def test_an_edit_that_does_not_fit_is_refused(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, ledger) as client:
        run = await ledger.start(client, Note(), state=Ledger(), id=task_queue, task_queue=task_queue)
        await run.update_state({"first": FIRST})
        with pytest.raises(GraphError, match=r"The state would be 2,200,0\d\d bytes of JSON.*2,080,768 are the most"):
            await run.update_state({"second": SECOND})
        with pytest.raises(AnswerRefusedError, match=r"The state would be 2,200,0\d\d bytes"):
            await run.resume(Command(resume={"approved": True}, update={"second": SECOND}))
        with pytest.raises(AnswerRefusedError, match="The state would be"):
            await run.proceed(Command(update={"second": SECOND}, resume={"approved": True}))
        bare = client.get_workflow_handle(run.id)
        await bare.signal("update_state", {"values": {"second": SECOND}})
        await bare.signal("resume", {"value": {"approved": True}, "state_update": {"second": SECOND}})
        await bare.signal("resume_all", [{"value": {"approved": True}, "state_update": {"second": SECOND}}])

        async def have_been_refused() -> bool:  # they are done one after the other, perhaps in several tasks
            return len((await run.get_state()).rejected) == 3

        await until(have_been_refused)
        state = await run.get_state()
        assert all("The state would be" in item["message"] for item in state.rejected)
        assert state.values == Ledger(FIRST)
        await run.update_state({"first": "short"})
        await bare.signal("update_state", {"values": {"second": SECOND}})
        assert (await run.update_state({})) == Ledger("short", SECOND)
        result = await run.proceed({"approved": True})
        assert (result.output, result.state) == ("1000005 letters", Ledger("short", SECOND))
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, ledger)


async def test_an_answer_with_which_a_node_would_get_too_much_is_refused(server_address: str, task_queue: str) -> None:
    """It would have been taken, and the run would have failed."""
    async with serving(server_address, task_queue, letter) as client:
        run = await letter.start(client, inputs=1, state=Ledger(FIRST), id=task_queue, task_queue=task_queue)
        await run.wait()
        too_much = r"What node '(write|count)' would get \(its input and the state\) is 2,200,\d+ bytes of JSON"
        for answer in (SECOND, Command(goto=Send("count", SECOND))):
            with pytest.raises(AnswerRefusedError, match=too_much):
                await run.resume(answer)
        with pytest.raises(AnswerRefusedError, match=too_much):
            await run.resume_all({"write:1.0": SECOND})
        with pytest.raises(AnswerRefusedError, match=too_much):
            await run.proceed(SECOND)
        bare = client.get_workflow_handle(run.id)
        await bare.signal("resume", {"value": SECOND})
        [rejected] = (await run.get_state()).rejected
        assert "What node 'write' would get" in rejected["message"]
        assert (await run.proceed("short")).output == 5
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, letter)


async def test_an_edit_with_which_a_node_that_is_to_run_would_get_too_much_is_refused(
    server_address: str, task_queue: str
) -> None:
    async with serving(server_address, task_queue, letter) as client:
        run = await letter.start(client, inputs=1, state=Ledger(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.pause()
        await run.resume(SECOND)
        with pytest.raises(GraphError, match="What node 'write' would get"):
            await run.update_state({"first": FIRST})
        bare = client.get_workflow_handle(run.id)
        await bare.signal("update_state", {"values": {"second": "y" * 1_100_000}})
        [rejected] = (await run.get_state()).rejected
        assert rejected["reason"] == "invalid"  # in a replay without the numbers, which are a matter of the worker
        await run.update_state({"first": "short"})
        await run.unpause()
        assert (await run.wait()).output == len(SECOND)
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, letter)


async def test_an_answer_of_several_that_would_leave_no_room_for_the_last_is_refused(
    server_address: str, task_queue: str
) -> None:
    async with serving(server_address, task_queue, letter) as client:
        run = await letter.start(client, inputs=2, state=Ledger(FIRST), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError, match="What node 'write' would get"):
            await run.resume(SECOND[:900_000], actor="ann")
        await run.resume(SECOND[:400_000], actor="ann")
        with pytest.raises(AnswerRefusedError, match="What node 'write' would get"):
            await run.resume(SECOND[:500_000], actor="bob")
        await run.resume("short", actor="bob")
        assert (await run.wait()).output == 5


async def test_a_state_that_just_fits_goes_through(server_address: str, task_queue: str) -> None:
    """What the error says can be sent can be: to the person who has changed it, and to the node."""
    room = PLAIN - json_size({"first": "", "second": "", "third": []}) - 20_000
    async with serving(server_address, task_queue, ledger) as client:
        run = await ledger.start(client, Note(), state=Ledger(), id=task_queue, task_queue=task_queue)
        await run.update_state({"first": "x" * (room // 2)})
        assert len((await run.update_state({"second": "y" * (room // 2)})).second) == room // 2
        assert (await run.proceed({"approved": True})).output == f"{room // 2 * 2} letters"
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, ledger)


HUGE = Ledger("z" * 1_900_000)


async def _many(server_address: str, task_queue: str, graph: Any, state: Any, asks: Callable[[Any], list[Any]]) -> Any:
    """Ask much of a run before there is a worker, so that all of it comes with its first workflow task.

    Returns:
        What came of it, and the histories.
    """
    client = await Client.connect(server_address, plugins=[GraphPlugin(graph)])
    run = await graph.start(client, Note(), state=state, id=task_queue, task_queue=task_queue)
    asked = [asyncio.ensure_future(item) for item in asks(run)]
    await asyncio.sleep(1)
    async with serving(server_address, task_queue, graph) as client:
        found = await asyncio.wait_for(asyncio.gather(*asked), 120)
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, graph)
    return found


async def test_many_people_are_told_a_large_state(server_address: str, task_queue: str) -> None:
    """Each is told all of it, and all of them together would be more than a server takes in one message."""
    states = await _many(
        server_address,
        task_queue,
        ledger,
        HUGE,
        lambda run: [run.update_state({"third": [str(number)]}) for number in range(6)],
    )
    assert sorted(state.third for state in states) == [[str(number)] for number in range(6)]
    assert {len(state.first) for state in states} == {1_900_000}


async def test_many_people_wait_for_a_large_state(server_address: str, task_queue: str) -> None:
    stops = await _many(server_address, task_queue, ledger, HUGE, lambda run: [run.wait() for _ in range(3)])
    assert {(len(stop.state.first), stop.is_interrupt) for stop in stops} == {(1_900_000, True)}


@pytest.mark.needs_cache
async def test_many_people_look_at_a_large_state(server_address: str, task_queue: str) -> None:
    async def look(run: GraphRun[str, Ledger]) -> list[Any]:
        await run.wait()
        return await asyncio.gather(*(run.get_state() for _ in range(6)), run.update_state({"third": ["x"]}))

    [found] = await _many(server_address, task_queue, ledger, HUGE, lambda run: [look(run)])
    assert {len(state.values.first) for state in found[:-1]} == {1_900_000}


async def test_a_large_state_at_the_end(server_address: str, task_queue: str) -> None:
    """Whoever waits is told it together with the result."""

    async def answer(run: GraphRun[str, Ledger]) -> Any:
        await asyncio.sleep(3)
        return await run.proceed({"approved": True})

    stops = await _many(
        server_address, task_queue, ledger, HUGE, lambda run: [run.result(), run.result(), run.wait(), answer(run)]
    )
    assert {len(stop.state.first) for stop in stops} == {1_900_000}


async def test_a_run_with_a_large_state_is_edited_as_it_continues(server_address: str, task_queue: str) -> None:
    async def edit(run: GraphRun[str, Ledger]) -> None:
        for number in range(8):
            await run.update_state({"third": [str(number)]})

    await _many(server_address, task_queue, short_ledger, HUGE, lambda run: [edit(run)])


@pytest.mark.parametrize("node", ["grow", "grow_here"])
async def test_a_node_that_makes_the_state_too_large_fails(server_address: str, task_queue: str, node: str) -> None:
    async with serving(server_address, task_queue, growth) as client:
        run = await growth.start(client, inputs=node, state=Ledger(FIRST), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match=rf"'{node}' failed with PayloadTooLargeError: The state would be 2,2"):
            await asyncio.wait_for(run.result(), 30)
        [*_, last] = [checkpoint async for checkpoint in run.history()]
        assert (last.kind, last.status) == ("node_finished", "failed")
        assert (await run.get_state()).values == Ledger(FIRST)
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, growth)


async def test_people_are_asked_about_a_node_that_makes_the_state_too_large(
    server_address: str, task_queue: str
) -> None:
    """Of two branches that run side by side the second one's change does not fit, and the first one's stays."""
    async with serving(server_address, task_queue, asking_growth) as client:
        items = ["first", "second"]
        run = await asking_growth.start(client, inputs=items, state=Ledger(), id=task_queue, task_queue=task_queue)
        [question] = await until(run.pending_interrupts, timeout=30)
        assert question.value["error"]["type"] == "PayloadTooLargeError"
        assert question.interrupt_id in ("grow:1.failure", "grow:2.failure")
        state = (await run.get_state()).values
        assert sorted([len(state.first), len(state.second)]) == [0, 1_200_000]
        await run.update_state({"first": "", "second": ""})
        await run.resume({"action": "retry"})
        result = await asyncio.wait_for(run.result(), 30)
        assert sorted([len(result.state.first), len(result.state.second)]) == [0, 1_200_000]
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, asking_growth)


async def test_what_people_say_to_open_questions_has_a_room(server_address: str, task_queue: str) -> None:
    """More is refused, so that the run can always continue as new; but not what closes a question."""
    async with serving(server_address, task_queue, essay) as client:
        inputs = [Essay(), Essay()]
        run = await essay.start(client, inputs=inputs, state=Ledger(), id=task_queue, task_queue=task_queue)
        bare = client.get_workflow_handle(run.id)
        first, second = "Essay:1", "Essay:2"
        for number in range(3):
            await run.resume({"text": "x" * 300_000}, interrupt_id=first, actor=f"writer {number}")
        sent = {"interrupt_id": second, "value": {"text": "x" * 300_000}}
        await bare.signal("resume", {**sent, "actor": "writer 4"})
        with pytest.raises(AnswerRefusedError, match=r"would be 1,50\d,\d+ bytes. No more than 1,250,000 are kept"):
            await run.resume({"text": "x" * 300_000}, interrupt_id=second, actor="writer 5")
        await bare.signal("resume", {**sent, "actor": "writer 5"})
        await run.resume({"text": "short"}, interrupt_id=second, actor="writer 6")
        before = len(await chain(client, run.id))
        for number in range(40):
            await bare.signal("resume", {"interrupt_id": "Nobody:1", "value": number})

        async def has_continued() -> bool:
            return len(await chain(client, run.id)) > before

        await until(has_continued)
        voters = [[answer["actor"] for answer in question.answers] for question in await run.pending_interrupts()]
        assert voters == [["writer 0", "writer 1", "writer 2"], ["writer 4", "writer 6"]]
        await run.reassign(["x" * 900 for _ in range(1)], interrupt_id=first)
        await bare.signal("resume", {**sent, "value": {"text": "the end"}, "actor": "writer 7"})
        assert (await asyncio.wait_for(run.result(), 30)).output == 300_000 + len("short") + len("the end")
        refused = [entry.data["message"] for entry in await run.audit() if entry.kind == "rejected"]
        histories = await chain(client, run.id)
    assert len([message for message in refused if message.startswith("What people have said to open")]) == 1
    assert not any(failures(history.events) for history in histories)
    await replay(histories, essay)
