"""Runs whose open question is answered when a later release takes another type of answer: refused or taken, never both."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import AnswerRefusedError, Command, GraphRun, Send
from tests.releases import changes
from tests.releases.conftest import Releases
from tests.releases.test_blocked import begun, graph_of
from tests.releases.test_changes import waiting
from tests.replay.serving import chain, replay, until

CHANGES: list[tuple[str, str, Any, Any, str]] = [
    ("text", "number", "ten", 10, "Input should be a valid integer"),
    ("choice", "other_choice", "yes", "approve", "Input should be 'approve' or 'reject'"),
]


async def asked_again(before: str, after: str, client: Client, releases: Releases, count: int) -> list[GraphRun]:
    """Runs that wait with a question of another release."""
    await releases.deploy(before)
    runs = await waiting(graph_of(before), client, releases, count)
    if before.endswith("short"):
        for run in runs:

            async def has_continued(run: GraphRun[Any, Any] = run) -> bool:
                return len(await chain(client, run.id)) > 1

            await until(has_continued)
    await releases.deploy(after)
    return [graph_of(after).get_run(client, run.id) for run in runs]


async def replay_all(client: Client, run: GraphRun, *releases: str) -> None:
    for history in await chain(client, run.id):
        for release in releases:
            await replay([history], graph_of(release))


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(("before", "after", "old", "new", "problem"), CHANGES)
async def test_an_answer_that_the_node_does_not_take_any_more_is_refused(
    is_short: bool, before: str, after: str, old: Any, new: Any, problem: str, client: Client, releases: Releases
) -> None:
    """With what it takes now, and the question is open with the new schema."""
    name = f"{before}_short" if is_short else before
    runs = await asked_again(name, after, client, releases, 3)
    for run, ask in zip(runs, [runs[0].resume, runs[1].proceed, None], strict=True):
        if ask is not None:
            with pytest.raises(AnswerRefusedError) as refused:
                await ask(old)
            assert refused.value.reason == "invalid"
            assert problem in str(refused.value)
        else:
            await client.get_workflow_handle(run.id).signal("resume", {"value": old})

            async def is_rejected(run: GraphRun[Any, Any] = run) -> bool:
                return bool((await run.get_state()).rejected)

            await until(is_rejected)
            assert problem in (await run.get_state()).rejected[-1].message
        state = await run.get_state()
        assert (state.status, [item.interrupt_id for item in state.interrupts]) == ("waiting", ["ask:1.0"])
        assert not state.answered
        assert state.interrupts[0].response_schema != (graph_of(before) and None)
        with pytest.raises(AnswerRefusedError):
            await run.resume(old)
        await run.resume(new)
        assert (await run.result()).output == f"paid: {new} (0)"
        await replay_all(client, run, before, after)


@pytest.mark.parametrize("before", ["text", "text_short"])
async def test_an_answer_that_fits_both_is_taken(before: str, client: Client, releases: Releases) -> None:
    """Nobody notices."""
    runs = await asked_again(before, "other_choice", client, releases, 2)
    await runs[0].resume("approve")
    stop = await runs[1].proceed("approve")
    assert stop.output == "paid: approve (0)"
    for run in runs:
        assert (await run.result()).output == "paid: approve (0)"
        assert [entry.kind for entry in await run.audit()].count("asked") == 1
        await replay_all(client, run, "text", "other_choice")
