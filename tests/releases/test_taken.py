"""What one release has taken of people, or refused, stays so in the replay of another one that would say otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import AnswerRefusedError, Command, GraphRun, RefusedError, TemporalGraph
from tests.releases import changes
from tests.releases.conftest import Releases
from tests.replay.serving import chain, replay, serving, until

Run = GraphRun[Any, Any]
Signal = Callable[..., Awaitable[None]]
Graph = TemporalGraph[Any, Any, Any, Any]


class Side:
    """What a release takes of people, and the other one does not."""

    def __init__(self, graph: Graph, nodes: Sequence[Any], state: Any, said: Any, amount: Any) -> None:
        self.graph = graph
        first, second = nodes
        self.second = second(said)
        self.start: dict[str, Any] = {"from_node": first(), "state": state()}
        self.said = said
        self.amount = amount
        self.answer = {"said": said}
        self.update = {"amount": amount}


TEXT = Side(changes.survey_text, changes.survey_text_nodes, changes.State, "ten", 3)
NUMBER = Side(changes.survey_number, changes.survey_number_nodes, changes.OtherType, 10, ["1"])


async def with_the_answer(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.resume(Command(update=mine.update, resume=mine.answer))


async def with_the_answer_by_proceed(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.proceed(Command(update=mine.update, resume=mine.answer))


async def with_the_answer_by_signal(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await signal("resume", {"value": mine.answer, "state_update": mine.update})


async def one_after_the_other(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.update_state(mine.update)
    await run.resume(mine.answer)


async def one_after_the_other_by_signal(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await signal("update_state", {"values": mine.update})
    await signal("resume", {"value": mine.answer})


async def behind_what_was_refused(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await signal("update_state", {"values": other.update})
    await signal("resume", {"value": other.answer})
    await signal("resume", {"value": mine.answer, "state_update": other.update})
    for ask in (lambda: run.update_state(other.update), lambda: run.resume(other.answer)):
        with pytest.raises(RefusedError):
            await ask()
    await signal("resume", {"value": mine.answer})


async def in_good_time(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.resume(mine.answer, interrupt_id="Reply:1")
    await run.resume(None, interrupt_id="Reply:1.before")


async def in_good_time_and_wrongly(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.resume(other.answer, interrupt_id="Reply:1")
    await run.resume(None, interrupt_id="Reply:1.before")
    assert len((await run.get_state()).rejected) == 1
    await run.resume(mine.answer)


async def by_nobody(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.extend(until=datetime.now(UTC) + timedelta(seconds=0.3))


async def elsewhere(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await run.resume(Command(goto=mine.second))


async def elsewhere_by_signal(run: Run, signal: Signal, mine: Side, other: Side) -> None:
    await signal("resume", {"goto": {"node_id": "Confirm", "data": {"said": mine.said}}})


WAYS = [
    with_the_answer,
    with_the_answer_by_proceed,
    with_the_answer_by_signal,
    one_after_the_other,
    one_after_the_other_by_signal,
    behind_what_was_refused,
    in_good_time,
    in_good_time_and_wrongly,
    by_nobody,
    elsewhere,
    elsewhere_by_signal,
]


@pytest.mark.parametrize(("mine", "other"), [(TEXT, NUMBER), (NUMBER, TEXT)], ids=["text", "number"])
async def test_it_replays_with_a_release_that_would_say_otherwise(
    mine: Side, other: Side, server_address: str, task_queue: str
) -> None:
    async with serving(server_address, task_queue, mine.graph) as client:

        async def goes(way: Any) -> tuple[str, str]:
            stops = ["Reply"] if "in_good_time" in way.__name__ else []
            run = await mine.graph.start(
                client,
                id=f"{task_queue}-{way.__name__}",
                task_queue=task_queue,
                interrupt_before=stops,
                **mine.start,
            )
            await run.wait()
            await way(run, client.get_workflow_handle(run.id).signal, mine, other)

            async def is_there() -> bool:
                return [item.node_id for item in await run.pending_interrupts()] == ["Confirm"]

            await until(is_there)
            return run.id, way.__name__

        failed: dict[str, str] = {}
        for run_id, name in await asyncio.gather(*map(goes, WAYS)):
            for side in (mine, other):
                try:
                    await replay(await chain(client, run_id), side.graph)
                except Exception as error:
                    failed[name] = str(error)
        assert not list(failed), failed


async def test_such_a_run_is_carried_on_from_release_to_release(client: Client, releases: Releases) -> None:
    """What it holds that a release cannot read is said, until that is edited; nothing is lost."""
    await releases.deploy("survey_text")
    start: dict[str, Any] = {"task_queue": releases.task_queue, **TEXT.start}
    ways = [with_the_answer, with_the_answer_by_signal, one_after_the_other_by_signal, behind_what_was_refused]
    ids = [(await TEXT.graph.start(client, id=f"{releases.task_queue}-{way.__name__}", **start)).id for way in ways]

    async def has(side: Side, way: Any, run_id: str) -> Run:
        """Have a run get what the release at hand takes, which then waits for the last answer."""
        run = side.graph.get_run(client, run_id)
        await way(run, client.get_workflow_handle(run_id).signal, side, NUMBER if side is TEXT else TEXT)

        async def is_there() -> bool:
            return [item.node_id for item in await run.pending_interrupts()] == ["Confirm"]

        await until(is_there)
        return run

    await asyncio.gather(*(has(TEXT, way, run_id) for way, run_id in zip(ways, ids, strict=True)))
    await releases.deploy("survey_number")
    for run_id in ids:
        run = NUMBER.graph.get_run(client, run_id)
        state = await run.get_state()
        assert (state.status, [item.interrupt_id for item in state.interrupts]) == ("blocked", ["Confirm:1"])
        assert "cannot read the state: this is no OtherType: amount: " in (state.problem or "")
        with pytest.raises(AnswerRefusedError, match="amount: Input should be a valid array") as refused:
            await run.resume({"sure": True})
        assert refused.value.reason == "blocked"
        # By update and by signal: to what else it holds.
        if run_id in ids[:2]:
            await run.update_state(NUMBER.update)
        else:
            await client.get_workflow_handle(run_id).signal("update_state", {"values": NUMBER.update})
        assert "cannot read the input of node 'Confirm'" in ((await run.get_state()).problem or "")
        await run.resume(Command(goto=NUMBER.second))
        assert (await run.wait()).status == "waiting"
    await releases.deploy("survey_text")
    for run_id in ids:
        state = await TEXT.graph.get_run(client, run_id).get_state()
        assert (state.status, "amount: Input should be a valid integer" in (state.problem or "")) == ("blocked", True)
    await releases.deploy("survey_number")
    for run_id in ids:
        run = NUMBER.graph.get_run(client, run_id)
        await run.resume({"sure": True})
        assert (await run.result()).output == "['1']"
        assert [entry.kind for entry in await run.audit()].count("answered") == 3
        assert [entry.kind async for entry in run.history()].count("answered") == 3
        for side in (TEXT, NUMBER):
            await replay(await chain(client, run_id), side.graph)
