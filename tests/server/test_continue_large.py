"""What a run carries is bounded in bytes: names that people send, and what it only remembers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_sum

from temporal_graph import AnswerRefusedError, GraphError, NodeOptions, TemporalGraph, interrupt
from tests.replay.serving import chain, replay, serving, until
from tests.server.looking import failures
from tests.server.waiting_graphs import Ballot, Book, short_ballot

LONG = "名" * 400
"""1,200 bytes."""


async def test_long_names_are_refused(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, short_ballot) as client:
        run = await short_ballot.start(client, Ballot(), state=Book(), id=task_queue, task_queue=task_queue)
        with pytest.raises(AnswerRefusedError, match="actor is a name of 1,200 bytes"):
            await run.resume({"approved": True}, actor=LONG)
        with pytest.raises(AnswerRefusedError, match="answer_id is a name of 1,200 bytes"):
            await run.proceed({"approved": False}, actor="ann", answer_id=LONG)
        with pytest.raises(GraphError, match="to has names of 20,900 bytes"):
            await run.reassign([f"{number:0>950}" for number in range(22)])
        with pytest.raises(GraphError, match="actor is a name"):
            await run.update_state({"edits": 1}, actor=LONG)
        bare = client.get_workflow_handle(run.id)
        await bare.signal("resume", {"value": {"approved": False}, "actor": "x" * 1_500_000})
        await bare.signal("reassign", {"to": ["y" * 1_500_000]})
        state = await run.get_state()
        assert [item["reason"] for item in state.rejected] == ["invalid", "invalid"]
        assert state.values == Book()
        assert (await run.proceed({"approved": False}, actor="the last")).is_end
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, short_ballot)


async def test_what_is_only_remembered_leaves_room(server_address: str, task_queue: str) -> None:
    """The state nearly fills what a server takes; everything that is kept is at its limit."""
    async with serving(server_address, task_queue, short_ballot) as client:
        run = await short_ballot.start(client, Ballot(), state=Book(), id=task_queue, task_queue=task_queue)
        bare = client.get_workflow_handle(run.id)
        for number in range(100):
            await bare.signal("resume", {"interrupt_id": "Nobody:1", "value": "書" * 20_000, "actor": f"a {number}"})
        await run.update_state({"note": "z" * 1_900_000})
        before = len(await chain(client, run.id))
        for number in range(40):
            await bare.signal("resume", {"interrupt_id": "Nobody:1", "value": number})
        await run.update_state({"edits": 3})

        async def has_continued() -> bool:
            return len(await chain(client, run.id)) > before

        await until(has_continued)
        entries = await run.audit()
        assert (entries[-1].kind, entries[-1].data["update"]) == ("state_updated", {"edits": 3})
        assert (await run.get_state()).values.edits == 3
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, short_ballot)


def _survey() -> TemporalGraph[None, None, list[int], int]:
    make: Any = GraphBuilder
    g = make(name="large_survey", input_type=list[int], output_type=int)

    async def ask(ctx: StepContext[None, None, int]) -> int:
        return len(await interrupt(ctx.inputs, response_type=str))

    asks = g.step(ask, node_id="ask")
    letters = g.join(reduce_sum, initial=0, node_id="letters")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(asks),
        g.edge_from(asks).to(letters),
        g.edge_from(letters).to(g.end_node),
    )
    return TemporalGraph(g.build(), max_history_events=100, options=NodeOptions(execution="workflow"))


survey = _survey()


@pytest.mark.slow
@pytest.mark.needs_cache
async def test_hundreds_of_long_answers_and_refusals(server_address: str, task_queue: str) -> None:
    """Each as long as it may be: far more together than a run can take along."""
    async with serving(server_address, task_queue, survey) as client:
        run = await survey.start(client, inputs=list(range(501)), id=task_queue, task_queue=task_queue)
        names = [item.interrupt_id for item in (await run.wait()).interrupts]
        for first in range(0, 500, 100):
            await run.resume_all(dict.fromkeys(names[first : first + 100], "x" * 19_000))
        bare = client.get_workflow_handle(run.id)
        for number in range(100):
            await bare.signal("resume", {"interrupt_id": names[-1], "value": ["書" * 20_000], "actor": f"a {number}"})
        before = len(await chain(client, run.id))

        async def has_continued() -> bool:
            await bare.signal("resume", {"interrupt_id": "Nobody:1", "value": 1})
            return len(await chain(client, run.id)) > before

        await until(has_continued)
        state = await run.get_state()
        assert [item.interrupt_id for item in state.interrupts] == names[-1:]
        assert state.rejected  # the latest of them
        assert (await run.proceed("xx")).output == 500 * 19_000 + 2
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, survey, may_be_slow=True)
