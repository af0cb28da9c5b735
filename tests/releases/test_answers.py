"""An open question whose node takes another type of answer in a later release: refused, or taken; never both."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import AnswerRefusedError, Command, GraphRun, Send
from tests.releases import changes
from tests.releases.conftest import Releases
from tests.releases.test_blocked import graph_of
from tests.releases.test_changes import RUNS, waiting
from tests.replay.serving import chain, replay, until

NUMBER = "Input should be a valid integer"
CHANGES: list[tuple[str, str, Any, Any, str]] = [
    ("text", "number", "ten", 10, NUMBER),
    ("text_short", "number", "ten", 10, NUMBER),
    ("choice", "other_choice", "yes", "approve", "Input should be 'approve' or 'reject'"),
    ("choice_short", "other_choice", "yes", "approve", "Input should be 'approve' or 'reject'"),
    ("few", "other_few", "yes", "approve", "Input should be 'approve' or 'reject'"),
    ("text_here", "number_here", "ten", 10, "integer"),
    ("text_here_short", "number_here", "ten", 10, NUMBER),
]


async def asked(
    before: str, after: str, client: Client, releases: Releases, count: int, **given: Any
) -> list[GraphRun[Any, Any]]:
    """Runs that wait with the question of another release."""
    await releases.deploy(before)
    runs = await waiting(graph_of(before), client, releases, count, **given)
    if before.endswith("short"):
        for run in runs:

            async def has_continued(run: GraphRun[Any, Any] = run) -> bool:
                is_so = len(await chain(client, run.id)) > 1
                if not is_so and before == "reply_text_short":
                    await run.update_state({"amount": 0})
                return is_so

            await until(has_continued)
    await releases.deploy(after)
    return [graph_of(after).get_run(client, run.id) for run in runs]


async def replay_all(client: Client, run: GraphRun[Any, Any], *releases: str) -> None:
    for release in releases:
        await replay([(await chain(client, run.id))[-1]], graph_of(release))


async def refused(run: GraphRun[Any, Any], way: str, answer: Any, client: Client) -> str:
    """What is said of an answer, however it is sent."""
    if way == "signal":
        await client.get_workflow_handle(run.id).signal("resume", {"value": answer})

        async def is_rejected() -> bool:
            return bool((await run.get_state()).rejected)

        await until(is_rejected)
        return str((await run.get_state()).rejected[-1])
    with pytest.raises(AnswerRefusedError) as error:
        await (run.resume if way == "resume" else run.proceed)(answer)
    assert error.value.reason == "invalid"
    assert error.value.errors
    return str(error.value)


@pytest.mark.parametrize(("before", "after", "old", "new", "problem"), CHANGES)
async def test_an_answer_that_the_node_does_not_take_any_more_is_refused(
    before: str, after: str, old: Any, new: Any, problem: str, client: Client, releases: Releases
) -> None:
    """With what it takes now; and the question is open with the new schema."""
    count = RUNS if (before, after) in (("text", "number"), ("choice_short", "other_choice")) else 3
    runs = await asked(before, after, client, releases, count)
    for run, way in zip(runs, itertools.cycle(["resume", "proceed", "signal"]), strict=False):
        assert problem in await refused(run, way, old, client)
        state = await run.get_state()
        assert (state.status, [item.interrupt_id for item in state.interrupts]) == ("waiting", ["ask:1.0"])
        assert not state.answered
        schema = state.interrupts[0].response_schema or {}
        assert schema.get("type") == "integer" or schema.get("enum") == ["approve", "reject"]
        with pytest.raises(AnswerRefusedError):
            await run.resume(old)
        await run.resume(new)
        assert (await run.result()).output == f"paid: {new} (0)"
        await replay_all(client, run, after)


@pytest.mark.parametrize("before", ["text", "text_short"])
async def test_an_answer_that_fits_both_is_taken(before: str, client: Client, releases: Releases) -> None:
    """Nobody notices."""
    runs = await asked(before, "other_choice", client, releases, 2)
    await runs[0].resume("approve")
    assert (await runs[1].proceed("approve")).output == "paid: approve (0)"
    for run in runs:
        assert (await run.result()).output == "paid: approve (0)"
        await replay_all(client, run, "text", "other_choice")


@pytest.mark.parametrize("before", ["reply_text", "reply_text_short"])
async def test_an_interrupt_node_refuses_as_its_fields_are_now(before: str, client: Client, releases: Releases) -> None:
    runs = await asked(before, "reply_number", client, releases, 3, from_node=changes.ReplyText())
    for run, way in zip(runs, ["resume", "proceed", "signal"], strict=True):
        assert NUMBER in await refused(run, way, {"said": "ten"}, client)
        await run.resume({"said": 10})
        assert (await run.result()).output == "10"
        await replay_all(client, run, "reply_number")


async def test_a_question_in_a_loop(client: Client, releases: Releases) -> None:
    """It is the same one, though its place in the code does not tell."""
    runs = await asked("loop_text", "loop_text", client, releases, 3, inputs=2, state=changes.State())
    for run in runs:
        assert (await run.proceed("one")).interrupts[0].interrupt_id == "ask:1.1"
    await releases.deploy("loop_number")
    for run, way in zip(runs, ["resume", "proceed", "signal"], strict=True):
        assert NUMBER in await refused(run, way, "two", client)
        assert [item.interrupt_id for item in await run.pending_interrupts()] == ["ask:1.1"]
        await run.resume(2)
        assert (await run.result()).output == "one, 2"
        await replay_all(client, run, "loop_number")


@pytest.mark.parametrize("is_together", [False, True])
async def test_many_answers_at_once(is_together: bool, client: Client, releases: Releases) -> None:
    """Each by itself, or all together: refused with what is wrong with each."""
    [run] = await asked("many_text", "many_number", client, releases, 1, inputs=list(range(8)), state=changes.State())
    ids = [item.interrupt_id for item in await run.pending_interrupts()]
    assert len(ids) == 8
    if is_together:
        with pytest.raises(AnswerRefusedError) as error:
            await run.resume_all({name: "1" if name == ids[0] else "one" for name in ids})
        assert len(error.value.errors) == 7
        assert "The other answers that came with it were taken." in str(error.value)
        ids = ids[1:]
    else:
        found = await asyncio.gather(*(run.resume("one", interrupt_id=name) for name in ids), return_exceptions=True)
        assert all(isinstance(item, AnswerRefusedError) and NUMBER in str(item) for item in found), found
    state = await run.get_state()
    assert (state.status, sorted(item.interrupt_id for item in state.interrupts)) == ("waiting", sorted(ids))
    await asyncio.gather(*(run.resume(1, interrupt_id=name) for name in ids))
    assert (await run.result()).output == ", ".join("1" * 8)
    await replay_all(client, run, "many_number")


async def test_what_was_promised_is_kept(client: Client, releases: Releases) -> None:
    """While the run is paused no node can say whether it takes an answer; so it is taken as the old one would."""
    runs = await asked("text", "number", client, releases, 2)
    for run in runs:
        await run.pause()
        await run.resume("ten", actor="ana")
        await run.unpause()

        async def is_blocked(run: GraphRun[Any, Any] = run) -> bool:
            return (await run.get_state()).status == "blocked"

        await until(is_blocked)
        state = await run.get_state()
        assert "the answer of ana to 'ask:1.0'" in (state.problem or "")
        assert NUMBER in (state.problem or "")
        assert [item.interrupt_id for item in state.answered] == ["ask:1.0"]
        assert not state.rejected
    assert (await runs[0].proceed(Command(goto=Send("ask", 7)))).status == "waiting"
    await runs[0].resume(10)
    assert (await runs[0].result()).output == "paid: 10 (0)"
    await releases.deploy("text")
    assert (await runs[1].result()).output == "paid: ten (0)"
    for run in runs:
        await replay_all(client, run, "text", "number")


@pytest.mark.parametrize("before", ["text", "text_short"])
async def test_an_answer_to_what_is_asked_differently(before: str, client: Client, releases: Releases) -> None:
    """The release fills in something else; whoever answers is told, and asked anew."""
    runs = await asked(before, "other_amount", client, releases, RUNS)
    for number, run in enumerate(runs):
        ask = run.resume if number % 2 else run.proceed
        with pytest.raises(AnswerRefusedError, match=r"'ask:1\.0' is asked differently by now, as 'ask:1\.1'") as error:
            await ask("yes")
        assert error.value.reason == "conflict"
        [question] = await run.pending_interrupts()
        assert (question.interrupt_id, question.value) == ("ask:1.1", "pay 17?")
        await run.resume("yes")
        assert (await run.result()).output == "paid: yes (0)"
    for run in runs[:2]:
        await replay_all(client, run, "other_amount")


@pytest.mark.parametrize("before", ["text", "text_short"])
async def test_an_answer_to_what_others_are_to_answer(before: str, client: Client, releases: Releases) -> None:
    """Whoever answers by update is told; by signal the question is asked once more."""
    runs = await asked(before, "only_ann", client, releases, RUNS)
    for run, way in zip(runs, itertools.cycle(["resume", "proceed", "signal"]), strict=False):
        if way == "signal":
            await client.get_workflow_handle(run.id).signal("resume", {"value": "yes", "actor": "bob"})
        else:
            with pytest.raises(AnswerRefusedError) as error:
                await (run.resume if way == "resume" else run.proceed)("yes", actor="bob")
            assert error.value.reason == "conflict"

        async def is_asked_anew(run: GraphRun[Any, Any] = run) -> bool:
            return [item.interrupt_id for item in await run.pending_interrupts()] == ["ask:1.1"]

        await until(is_asked_anew)
        with pytest.raises(AnswerRefusedError, match="not_authorized"):
            await run.resume("yes", actor="bob")
        await run.resume("yes", actor="ann")
        assert (await run.result()).output == "paid: yes (0)"
    for run in runs[:3]:
        await replay_all(client, run, "only_ann")


async def test_words_that_are_a_part_of_a_constant(client: Client, releases: Releases) -> None:
    """They may be another question: whoever answers is told, and nothing is taken."""
    [run] = await asked("text_of_many", "other_text_of_many", client, releases, 1)
    with pytest.raises(AnswerRefusedError) as error:
        await run.resume("yes")
    assert error.value.reason == "conflict"
    [question] = await run.pending_interrupts()
    assert question.value == "refund 7?"
    await run.resume("yes")
    assert (await run.result()).output == "paid: yes (0)"
    await replay_all(client, run, "other_text_of_many")


async def test_a_question_with_other_words_beside_another_one(client: Client, releases: Releases) -> None:
    """Whether it is the same one cannot be seen, so it is asked once more."""
    runs = await asked("text", "beside_another", client, releases, RUNS)
    for number, run in enumerate(runs):
        await (run.resume if number % 2 else run.proceed)("yes")
        assert [item.value for item in await run.pending_interrupts()] == ["sure?"]
        assert (await run.proceed(True)).interrupts[0].value == "shall we pay 7?"
        await run.resume("no")
        assert (await run.result()).output == "paid: no (0)"
    for run in runs[:2]:
        await replay_all(client, run, "beside_another")
