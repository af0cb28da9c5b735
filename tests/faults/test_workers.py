"""A worker killed with SIGKILL, at every moment of a run: another one goes on, and what was finished stays finished."""

from __future__ import annotations

import random
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import TemporalGraph
from tests.faults.conftest import SOON, Fleet, Witness, visit_ids
from tests.faults.graphs import (
    Path,
    Prepare,
    Seen,
    Walk,
    case,
    fan,
    local_walk,
    mixed,
    short_case,
    short_fan,
    short_walk,
    walk,
)
from tests.faults.journal import Journal
from tests.replay.serving import until


async def test_in_the_middle_of_a_node(fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str) -> None:
    journal.hold("Walk", 2)
    first = await fleet.start()
    run = await walk.start(graphs_client, Walk(1, 4), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    await fleet.started("Walk", 2)
    first.kill()
    await witness.look()
    assert await witness.recorded() == 1
    journal.release("Walk", 2)
    await fleet.start()
    result = await run.result()
    assert (result.output, result.state) == (10, Path([1, 2, 3, 4], 10))
    await witness.check({"Walk": 4})
    assert [line.value for line in journal.lines("start")] == ["1", "2", "2", "3", "4"]
    assert [line.value for line in journal.lines("finish")] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "graph", [walk, pytest.param(short_walk, marks=pytest.mark.slow)], ids=["one_history", "continued_as_new"]
)
async def test_between_nodes(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    """Killed at once when a node has said that it is finished, whatever the server knows of that, several times."""
    worker = await fleet.start()
    run = await graph.start(graphs_client, Walk(1, 12), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    for number in (1, 4, 9):
        await fleet.finished("Walk", number)
        worker.kill()
        await witness.look()
        worker = await fleet.start()
    result = await run.result()
    assert (result.output, result.state) == (78, Path(list(range(1, 13)), 78))
    await witness.check({"Walk": 12})
    assert all(len(visits) == 1 for visits in visit_ids(journal, "Walk").values())


@pytest.mark.parametrize("graph", [case, short_case], ids=["one_history", "continued_as_new"])
async def test_while_it_waits_for_a_person(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    worker = await fleet.start()
    run = await graph.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    assert [interrupt.node_id for interrupt in (await run.wait()).interrupts] == ["Sign"]
    worker.kill()
    await witness.look()
    worker = await fleet.start()
    stop = await run.proceed({"name": "Ana"})
    assert [interrupt.interrupt_id for interrupt in stop.interrupts] == ["Confirm:1.0"]
    worker.kill()
    await witness.look()
    worker = await fleet.start()
    stop = await run.proceed(True)
    assert stop.output == "prepared x; signed by Ana; confirmed: True"
    assert (await run.result()).output == stop.output
    await witness.check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})  # a node that asks runs twice
    assert len(journal.lines("start")) == 5


async def test_right_after_an_answer_was_accepted(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    worker = await fleet.start()
    run = await case.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    await run.wait()
    journal.hold("Sign")
    accepted = await run.resume({"name": "Ana"}, actor="ana", answer_id="click")
    worker.kill()
    await witness.look()
    worker = await fleet.start()
    assert await run.resume({"name": "Ana"}, actor="ana", answer_id="click") == accepted
    journal.release("Sign")
    await run.wait()
    assert (await run.proceed(False)).output == "prepared x; signed by Ana; confirmed: False"
    await witness.check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})


ITEMS = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff"]
FANNED = Seen([], set(ITEMS), {item: len(item) for item in ITEMS})


@pytest.mark.parametrize("graph", [fan, short_fan], ids=["one_history", "continued_as_new"])
async def test_with_branches_running_and_the_join_half_filled(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    for item in ("bb", "ffffff"):
        journal.hold("work", item)
    journal.hold("polish", "ccc")
    worker = await fleet.start()
    run = await graph.start(graphs_client, inputs=ITEMS, state=Seen(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    for node, item in (("work", "bb"), ("work", "ffffff")):
        await fleet.started(node, item)
    # Where the run drains in order to continue as new, nothing more is started.
    await witness.at_least(7 if graph is fan else 4)
    worker.kill()
    await witness.look()
    for item in ("bb", "ffffff"):
        journal.release("work", item)
    worker = await fleet.start()
    await fleet.started("polish", "ccc")
    await witness.at_least(9 if graph is fan else 6)
    worker.kill()
    await witness.look()
    journal.release("polish", "ccc")
    await fleet.start()
    result = await run.result()
    assert result.output == sorted(item.upper() for item in ITEMS)
    assert (set(result.state.order), result.state.words, result.state.lengths) == (
        set(ITEMS),
        FANNED.words,
        FANNED.lengths,
    )
    assert len(result.state.order) == len(ITEMS)
    await witness.check({"work": 6, "polish": 6, "collect": 1})
    for node in ("work", "polish", "collect"):
        assert all(len(visits) == 1 for visits in visit_ids(journal, node).values())


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
async def test_again_and_again_while_a_loop_continues_as_new(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str, seed: int
) -> None:
    """Two workers, one of which is always being killed: in nodes, between them, and in the act of continuing as new."""
    rng = random.Random(seed)
    for _ in range(2):
        await fleet.start()
    run = await short_walk.start(graphs_client, Walk(1, 60), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    kills = 0
    seen = 0
    while seen < 50:
        goal = seen + rng.randint(4, 12)

        async def enough(goal: int = goal) -> bool:
            return len(journal.lines("start")) >= goal

        await until(enough)
        victim = rng.choice([worker for worker in fleet.workers if worker.running])
        victim.kill()
        kills += 1
        await witness.look()
        await fleet.start()
        seen = len(journal.lines("start"))
    result = await run.result()
    assert (result.output, result.state.steps) == (1830, list(range(1, 61)))
    await witness.check({"Walk": 60})
    assert all(len(visits) == 1 for visits in visit_ids(journal, "Walk").values())
    # One activity runs at a time, so a kill costs one attempt at most.
    assert len(journal.lines("start")) <= 60 + kills


async def test_local_nodes_end_right(fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str) -> None:
    """Local nodes are recorded only with the workflow's task: those of a task that died run again, once each."""
    journal.hold("Walk", 3)
    worker = await fleet.start()
    run = await local_walk.start(graphs_client, Walk(1, 5), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    await fleet.started("Walk", 3)
    worker.kill()
    journal.release("Walk", 3)
    await fleet.start()
    result = await run.result()
    assert (result.output, result.state) == (15, Path([1, 2, 3, 4, 5], 15))


@pytest.mark.parametrize("holds", [[("measure", "ccc")], [("count", ""), ("add_up", "")]], ids=["map", "joins"])
async def test_another_process_has_other_hashes(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str, holds: list[tuple[str, str]]
) -> None:
    """A process with another order of sets replays the run from its beginning, and goes on with it."""
    for hold in holds:
        journal.hold(*hold)
    worker = await fleet.start(PYTHONHASHSEED="1")
    run = await mixed.start(graphs_client, inputs=ITEMS, state=Seen(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    for seed, hold in enumerate(holds, 2):
        for waiting in holds[seed - 2 :]:
            await fleet.started(*waiting)
        worker.kill()
        await witness.look()
        journal.release(*hold)
        worker = await fleet.start(PYTHONHASHSEED=str(seed))
    result = await run.result()
    assert result.output == [6, 21]
    assert result.state.lengths == FANNED.lengths
    assert result.state.words == {*ITEMS, *(item.upper() for item in ITEMS)}
    await witness.check({"scatter": 1, "measure": 6, "count": 1, "add_up": 1, "conclude": 1})
