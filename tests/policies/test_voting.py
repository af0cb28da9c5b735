"""Questions that several people must answer: votes ahead of the question, and votes that can never come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic_graph import BaseNode, End, GraphRunContext

from temporal_graph import (
    Escalate,
    GraphInputError,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    RefusedError,
    Required,
    answers,
    interrupt,
)
from temporal_graph.notify import Notification
from tests.policies.conftest import Serve
from tests.policies.test_ui import current_details, table
from tests.server.looking import unless_stuck

HOUR = timedelta(hours=1)


@dataclass
class Board:
    members: list[str] = field(default_factory=list[str])
    requested_by: str = "eve"


@dataclass
class Vote(InterruptNode[Board, None, str]):
    approved: Annotated[bool | None, Required] = None

    policy = InterruptPolicy(
        assignees=lambda ctx: ctx.state.members,
        not_by=lambda ctx: ctx.state.requested_by,
        only_assignees=True,
        quorum=2,
        escalations=[Escalate(24 * HOUR, ["cfo", "ceo"])],
    )

    async def run(self, ctx: GraphRunContext[Board, None]) -> Again | End[str]:
        said = ", ".join(f"{answer.actor} {answer.value['approved']}" for answer in answers())
        return End(said) if self.approved else Again(said)


@dataclass
class Again(BaseNode[Board, None, str]):
    said: str

    async def run(self, ctx: GraphRunContext[Board, None]) -> End[str]:
        more = await interrupt("Really?", policy=InterruptPolicy(quorum=2))
        return End(f"{self.said}; {more} {[answer.actor for answer in answers()]}")


board = InterruptibleGraph([Vote, Again], name="board")
PROBLEM = "2 people must answer 'Vote:1', but only 'ann' may: reassign it."


async def test_too_few_are_found_and_it_is_seen_wherever_one_looks(serve: Serve, task_queue: str) -> None:
    told: list[Notification] = []

    async def notify(notification: Notification) -> None:
        told.append(notification)

    async with serve(board, notify=notify) as client:
        run = await board.start(client, Vote(), state=Board(["ann", "eve"]), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert (asked.assignees, asked.problem) == (["ann"], PROBLEM)
        assert [entry.data.get("problem") for entry in await run.audit()] == [PROBLEM]
        [_, row] = table(await current_details(client, run.id))
        assert row[1] == f"ann, 0 of 2 answers. {PROBLEM}"
        with pytest.raises(RefusedError, match="2 people must answer 'Vote:1', but only 'cid' may then: ask others"):
            await run.reassign("cid")
        await run.resume({"approved": True}, actor="ann")
        mended = await run.reassign(["cid", "dan"], actor="boss")
        assert (mended.assignees, mended.problem) == (["cid", "dan"], None)
        [_, row] = table(await current_details(client, run.id))
        assert row[1] == "cid, dan, 1 of 2 answers"
        await run.resume({"approved": True}, actor="dan")
        assert (await run.result()).output == "ann True, dan True"
    [opened, answered] = told
    assert (opened.event, opened.interrupt.problem) == ("opened", PROBLEM)
    assert f"Problem: {PROBLEM}" in opened.text.splitlines()
    assert (answered.event, answered.interrupt.problem) == ("answered", None)


async def test_nobody_is_found(serve: Serve, task_queue: str) -> None:
    async with serve(board) as client:
        run = await board.start(client, Vote(), state=Board(["eve"]), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        problem = "2 people must answer 'Vote:1', but nobody may: reassign it."
        assert (asked.assignees, asked.problem) == ([], problem)
        [_, row] = table(await current_details(client, run.id))
        assert row[1] == f"nobody, 0 of 2 answers. {problem}"
        await run.cancel()


async def test_in_this_process_it_says_so_too_and_an_escalation_mends_it() -> None:
    run = board.local()
    await run.proceed(from_node=Vote(), state=Board(["ann"]))
    assert [asked.problem for asked in run.pending_interrupts()] == [PROBLEM]
    stop = await run.pass_time(24 * HOUR)
    assert [asked.problem for asked in stop.interrupts] == [None]
    assert ["problem" in entry.data for entry in run.audit()] == [True, False]


async def test_a_vote_that_is_sent_again_is_the_same_one_even_when_the_run_has_ended(
    serve: Serve, task_queue: str
) -> None:
    async with serve(board) as client:
        run = await board.start(client, Vote(), state=Board(["ann", "bob"]), id=task_queue, task_queue=task_queue)
        await run.wait()
        first = await run.resume({"approved": True}, actor="ann", answer_id="of ann")
        # Somebody else's vote would be lost.
        with pytest.raises(RefusedError, match="answer_id 'of ann' is that of the answer of ann") as caught:
            await run.resume({"approved": True}, actor="bob", answer_id="of ann")
        assert caught.value.reason == "invalid"
        assert await run.resume({"approved": True}, actor="ann", answer_id="of ann") == first
        await run.resume({"approved": True}, actor="bob", answer_id="of bob")
        assert (await run.result()).output == "ann True, bob True"
        assert await run.resume({"approved": True}, actor="ann", answer_id="of ann") == first
        with pytest.raises(RefusedError) as caught:
            await run.resume({"approved": True}, actor="bob", answer_id="of ann")
        assert caught.value.reason == "closed"


async def test_votes_ahead_of_the_questions_are_all_counted(serve: Serve, task_queue: str) -> None:
    async with serve(board) as client:
        run = await board.start(
            client, Vote(), state=Board(["ann", "bob"]), id=task_queue, task_queue=task_queue, interrupt_before="Vote"
        )
        await run.wait()
        for interrupt_id, value in (("Vote:1", {"approved": False}), ("Again:1.0", "yes")):
            for actor in ("ann", "bob"):
                accepted = await run.resume(value, interrupt_id=interrupt_id, actor=actor)
                assert accepted.is_early
            with pytest.raises(RefusedError, match=f"{interrupt_id!r} is not open yet, and was answered ahead by ann"):
                await run.resume(value, interrupt_id=interrupt_id, actor="ann")
        early = [(kept.interrupt_id, kept.actor) for kept in (await run.get_state()).early]
        assert early == [("Vote:1", "ann"), ("Vote:1", "bob"), ("Again:1.0", "ann"), ("Again:1.0", "bob")]
        await run.resume(interrupt_id="Vote:1.before")
        assert (await run.result()).output == "ann False, bob False; yes ['ann', 'bob']"


@pytest.mark.parametrize(
    "policy", [{"quorum": "2"}, {"assignees": [5]}, {"finds": ["quorum"]}], ids=["quorum", "names", "finds"]
)
async def test_a_policy_that_is_none_starts_nothing(serve: Serve, task_queue: str, policy: Any) -> None:
    """Whatever a client sends with the start of a run, no task of its workflow fails."""
    message: dict[str, Any] = {
        "start_node": {"node_id": "Vote", "data": {}},
        "state": {"members": ["ann", "bob"]},
        "policies": {"list": [policy], "own": {"Vote": 0}},
    }
    async with serve(board) as client:
        await client.start_workflow("board", message, id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphInputError, match="policies"):
            await unless_stuck(client, task_queue, board.get_run(client, task_queue).result())
