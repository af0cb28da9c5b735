"""A server killed with SIGKILL and started again on its SQLite file: nothing that it has taken is lost.

Clients, workers and the handles of runs are those from before.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.conftest import SOON, Fleet, Witness, connect
from tests.faults.graphs import Case, Path, Prepare, Walk, case, walk
from tests.faults.journal import Journal
from tests.support.server import DevServer


@pytest.fixture
def own_fleet(own_server: DevServer, task_queue: str, journal: Journal) -> Iterator[Fleet]:
    """Workers on a server that this test may kill."""
    fleet = Fleet(own_server.address, task_queue, journal)
    yield fleet
    for worker in fleet.workers:
        worker.kill()


ENDING = {"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1}


async def test_killed_while_the_run_waits_and_after_each_answer(
    own_server: DevServer, own_fleet: Fleet, journal: Journal, task_queue: str
) -> None:
    client = await connect(own_server.address)
    await own_fleet.start()
    run = await case.start(client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(client, run.id, journal)
    [before] = (await run.wait()).interrupts

    own_server.kill()
    await own_server.start()
    assert await run.pending_interrupts() == [before]
    journal.hold("Sign")
    accepted = await run.resume({"name": "Ana"}, answer_id="click", actor="ana")

    own_server.kill()
    await own_server.start()
    assert await run.resume({"name": "Ana"}, answer_id="click", actor="ana") == accepted
    journal.release("Sign")
    await run.wait()
    assert (await run.proceed(True)).output == "prepared x; signed by Ana; confirmed: True"
    await witness.check(ENDING)


async def test_killed_while_a_node_runs(
    own_server: DevServer, own_fleet: Fleet, journal: Journal, task_queue: str
) -> None:
    """The node goes on meanwhile, and the worker tells the server when it is back."""
    client = await connect(own_server.address)
    await own_fleet.start()
    journal.hold("Walk", 2)
    run = await walk.start(client, Walk(1, 4), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    await own_fleet.started("Walk", 2)
    own_server.kill()
    journal.release("Walk", 2)
    await own_fleet.finished("Walk", 2)
    await own_server.start()
    result = await run.result()
    assert (result.output, result.state) == (10, Path([1, 2, 3, 4], 10))
    await Witness(client, run.id, journal).check({"Walk": 4})


async def test_killed_right_after_a_signal_that_no_worker_has_seen(
    own_server: DevServer, own_fleet: Fleet, journal: Journal, task_queue: str
) -> None:
    client = await connect(own_server.address)
    worker = await own_fleet.start()
    run = await case.start(client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    await run.wait()
    worker.kill()
    handle = client.get_workflow_handle(run.id)
    await handle.signal("resume", {"interrupt_id": "Sign:1", "value": {"name": "Ana"}})
    await handle.signal("resume", {"interrupt_id": "Confirm:1.0", "value": False})
    own_server.kill()
    await own_server.start()
    await own_fleet.start()
    result = await run.result()
    assert result.output == "prepared x; signed by Ana; confirmed: False"
    # The second answer was there before its question, so the node that asks got it at its first run, or at its second.
    ran = len(journal.lines("start", "Confirm"))
    await Witness(client, run.id, journal).check({**ENDING, "Confirm": ran})


async def test_server_and_worker_killed_together(
    own_server: DevServer, own_fleet: Fleet, journal: Journal, task_queue: str
) -> None:
    client = await connect(own_server.address)
    worker = await own_fleet.start()
    journal.hold("Walk", 3)
    run = await walk.start(client, Walk(1, 5), state=Path(), id=task_queue, task_queue=task_queue, **SOON)
    other = await case.start(client, Prepare("x"), state=Case(), id=f"{task_queue}-2", task_queue=task_queue, **SOON)
    await own_fleet.started("Walk", 3)
    await other.wait()
    own_server.kill()
    worker.kill()
    journal.release("Walk", 3)
    await own_server.start()
    witness = Witness(client, run.id, journal)
    await witness.look()
    assert await witness.recorded() == 2
    await own_fleet.start()
    result = await run.result()
    assert (result.output, result.state) == (15, Path([1, 2, 3, 4, 5], 15))
    await witness.check({"Walk": 5})
    await other.proceed({"name": "Ana"})
    assert (await other.proceed(True)).output == "prepared x; signed by Ana; confirmed: True"
