"""A worker killed with SIGKILL while people steer a run: at a breakpoint, at questions, while it is paused or read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import Command, RunCancelledError, RunEvent, TemporalGraph
from tests.faults.conftest import SOON, Fleet, Witness
from tests.faults.graphs import (
    Case,
    Close,
    Path,
    Prepare,
    Seen,
    Walk,
    case,
    hearing,
    short_case,
    short_hearing,
    short_walk,
    walk,
)
from tests.faults.journal import Journal

GRAPHS = pytest.mark.parametrize("graph", [case, short_case], ids=["one_history", "continued_as_new"])
QUESTIONS: list[tuple[str, Any]] = [
    ("Prepare:1.after", None),
    ("Sign:1.before", None),
    ("Sign:1", {"name": "Ana"}),
    ("Confirm:1.0", True),
    ("Confirm:1.after", None),
    ("Close:1.before", None),
]


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("at", "graph"),
    [
        ("Prepare:1.after", case),
        pytest.param("Prepare:1.after", short_case, marks=slow),
        pytest.param("Sign:1.before", case, marks=slow),
        ("Sign:1.before", short_case),
        ("Sign:1", case),
        pytest.param("Sign:1", short_case, marks=slow),
        pytest.param("Confirm:1.0", case, marks=slow),
        ("Confirm:1.0", short_case),
        pytest.param("Confirm:1.after", case, marks=slow),
        pytest.param("Confirm:1.after", short_case, marks=slow),
        pytest.param("Close:1.before", case, marks=slow),
        pytest.param("Close:1.before", short_case, marks=slow),
    ],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
async def test_between_question_and_answer(
    fleet: Fleet,
    journal: Journal,
    graphs_client: Client,
    task_queue: str,
    graph: TemporalGraph[Any, Any, Any, Any],
    at: str,
) -> None:
    """At a breakpoint before or after a node, at a node's question and at one of a call."""
    worker = await fleet.start()
    run = await graph.start(
        graphs_client,
        Prepare("x"),
        state=Case(),
        id=task_queue,
        task_queue=task_queue,
        interrupt_before=["Sign", "Close"],
        interrupt_after=["Prepare", "Confirm"],
        **SOON,
    )
    witness = Witness(graphs_client, run.id, journal)
    stop = await run.wait()
    for question, answer in QUESTIONS:
        assert [asked.interrupt_id for asked in stop.interrupts] == [question]
        if question == at:
            before = await run.get_state()
            worker.kill()
            await witness.look()
            worker = await fleet.start()
            assert await run.get_state() == before
            assert await run.pending_interrupts() == before.interrupts
        stop = await run.proceed(answer, interrupt_id=question)
    assert stop.output == "prepared x; signed by Ana; confirmed: True"
    await witness.check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})


async def test_what_is_sent_while_no_worker_runs(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    """Signals wait on the server; they are taken in the order in which they came."""
    worker = await fleet.start()
    run = await case.start(
        graphs_client,
        Prepare("x"),
        state=Case(),
        id=task_queue,
        task_queue=task_queue,
        interrupt_before=["Sign"],
        **SOON,
    )
    witness = Witness(graphs_client, run.id, journal)
    await run.wait()
    version = (await run.get_state()).version
    worker.kill()
    await witness.look()
    handle = graphs_client.get_workflow_handle(run.id)
    await handle.signal("update_state", {"values": {"notes": ["edited"]}, "expected_version": version})
    await handle.signal("update_state", {"values": {"notes": ["too late"]}, "expected_version": version})
    await handle.signal("set_breakpoints", {"before": ["Close"]})
    await handle.signal("pause")
    await handle.signal("resume", {"interrupt_id": "Sign:1.before"})
    await handle.signal("resume", {"interrupt_id": "Sign:1", "value": {"name": "Ana"}})
    await handle.signal("resume", {"interrupt_id": "Confirm:1.0", "value": True})
    await fleet.start()
    stop = await run.wait()
    assert (stop.is_paused, stop.state.notes) == (True, ["edited"])
    state = await run.get_state()
    assert [item["reason"] for item in state.rejected] == ["conflict"]
    await run.unpause()
    stop = await run.wait()
    assert [asked.interrupt_id for asked in stop.interrupts] == ["Close:1.before"]
    assert (await run.proceed()).output == "edited; signed by Ana; confirmed: True"
    await witness.check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})


@GRAPHS
async def test_while_it_is_paused(
    fleet: Fleet,
    journal: Journal,
    graphs_client: Client,
    task_queue: str,
    graph: TemporalGraph[Any, Any, Any, Any],
) -> None:
    """Paused with a node that is ready, and with one that runs: it comes to its end on another worker."""
    worker = await fleet.start()
    run = await graph.start(graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    await run.wait()
    await run.pause()
    await run.resume({"name": "Ana"}, actor="ana")
    worker.kill()
    await witness.look()
    worker = await fleet.start()
    state = await run.get_state()
    assert (state.status, state.next) == ("paused", ["Sign"])
    assert not journal.lines("start", "Sign")
    journal.hold("Sign")
    await run.unpause()
    await fleet.started("Sign")
    await run.pause()
    worker.kill()
    journal.release("Sign")
    await fleet.start()
    stop = await run.wait()
    assert (stop.is_paused, stop.state.notes[-1]) == (True, "signed by Ana")
    assert (await run.get_state()).next == ["Confirm"]
    assert not journal.lines("start", "Confirm")
    await run.unpause()
    await run.wait()
    assert (await run.proceed(True)).output == "prepared x; signed by Ana; confirmed: True"
    await witness.check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})


@pytest.mark.parametrize("graph", [walk, short_walk], ids=["one_history", "continued_as_new"])
async def test_while_a_stream_is_read(
    fleet: Fleet,
    journal: Journal,
    graphs_client: Client,
    task_queue: str,
    graph: TemporalGraph[Any, Any, Any, Any],
) -> None:
    """The reader does not notice: no event is lost, and none is told twice."""
    worker = await fleet.start()
    for number in (3, 8):
        journal.hold("Walk", number)
    run = await graph.start(graphs_client, Walk(1, 12), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    found: list[RunEvent] = []

    async def read() -> None:
        async for event in run.stream():
            found.append(event)  # noqa: PERF401 - it may be cut short

    reading = asyncio.create_task(read())
    witness = Witness(graphs_client, run.id, journal)
    for number in (3, 8):
        await fleet.started("Walk", number)
        worker.kill()
        await witness.look()
        journal.release("Walk", number)
        worker = await fleet.start()
    assert (await run.result()).output == 78
    async with asyncio.timeout(60):
        await reading
    assert [event.number for event in found] == list(range(len(found)))
    assert [event.kind for event in found] == [
        *("run_started", "state_changed"),
        *["node_started", "node_finished", "state_changed"] * 12,
        "run_finished",
    ]
    await witness.check({"Walk": 12})


async def test_the_past_after_a_kill_is_the_same(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    """It is made again from the history by each worker; so is a fork."""
    worker = await fleet.start()
    run = await short_case.start(
        graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON
    )
    await run.wait()
    await run.proceed({"name": "Ana"})
    before = [checkpoint async for checkpoint in run.history()]
    worker.kill()
    worker = await fleet.start(PYTHONHASHSEED="1")
    assert [checkpoint async for checkpoint in run.history()] == before
    [at] = [checkpoint.checkpoint_id for checkpoint in before if checkpoint.interrupts == ["Sign:1"]]
    fork = await run.fork(at, id=f"{task_queue}-fork", task_queue=task_queue, **SOON)
    worker.kill()
    await fleet.start(PYTHONHASHSEED="2")
    await fork.wait()
    await fork.proceed({"name": "Bob"})
    assert (await fork.proceed(True)).output == "prepared x; signed by Bob; confirmed: True"
    assert (await run.proceed(False)).output == "prepared x; signed by Ana; confirmed: False"


async def test_a_cancelled_run_whose_worker_is_gone(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    worker = await fleet.start()
    journal.hold("Prepare")
    run = await case.start(graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    await fleet.started("Prepare")
    worker.kill()
    await run.cancel()
    await fleet.start()
    with pytest.raises(RunCancelledError):
        await run.result()
    state = await run.get_state()
    assert (state.status, state.next, state.interrupts, state.values) == ("cancelled", [], [], Case())


async def test_a_run_is_sent_on_after_a_kill(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    """A command that was taken is taken, whatever becomes of the worker."""
    worker = await fleet.start()
    run = await case.start(graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    await run.wait()
    journal.hold("Close")
    command = Command[Any](goto=Close(), update={"notes": ["sent on"]})
    taken = await run.resume(command, answer_id="click")
    worker.kill()
    await witness.look()
    await fleet.start()
    assert (await run.resume(command, answer_id="click")).answered_at == taken.answered_at
    journal.release("Close")
    assert (await run.result()).output == "sent on"
    await witness.check({"Prepare": 1, "Close": 1})


@pytest.mark.parametrize("graph", [hearing, short_hearing], ids=["one_history", "continued_as_new"])
async def test_with_several_questions_that_were_sent_for(
    fleet: Fleet,
    journal: Journal,
    graphs_client: Client,
    task_queue: str,
    graph: TemporalGraph[Any, Any, Any, Any],
) -> None:
    """Parallel questions of branches that a step has sent: answered one by one, and together; and edits in between."""
    worker = await fleet.start()
    names = ["Ana", "robot", "Bob", "Cleo"]
    run = await graph.start(graphs_client, inputs=names, state=Seen(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    stop = await run.wait()
    assert sorted(asked.interrupt_id for asked in stop.interrupts) == ["hear:1.0", "hear:2.0", "hear:3.0"]
    worker.kill()
    await witness.look()
    worker = await fleet.start()
    stop = await run.proceed("yes", interrupt_id="hear:2.0")
    assert stop.state.order == ["Bob"]
    version = (await run.get_state()).version
    await run.update_state({"words": ["edited"]}, expected_version=version)
    worker.kill()
    await witness.look()
    await fleet.start()
    state = await run.get_state()
    assert (state.values.order, state.values.words, state.version) == (["Bob"], {"edited"}, version + 1)
    taken = await run.resume_all({"hear:1.0": "no", "hear:3.0": "maybe"}, actor="ana")
    assert [answer.interrupt_id for answer in taken] == ["hear:1.0", "hear:3.0"]
    result = await run.result()
    assert sorted(result.output) == ["Ana: no", "Bob: yes", "Cleo: maybe", "robot: noted"]
    assert (sorted(result.state.order), result.state.words) == (["Ana", "Bob", "Cleo"], {"edited"})
    await witness.check({"invite": 1, "hear": 6, "note": 1})
