"""Answers that come while no worker is up."""

from __future__ import annotations

import asyncio
import functools

import pytest
from temporalio.client import Client

from temporal_graph import GraphError, RunNotFoundError
from tests.faults.conftest import SOON, Fleet, Witness
from tests.faults.graphs import Case, Prepare, case
from tests.faults.journal import Journal

ENDING = {"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1}


async def test_signals_are_kept(fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str) -> None:
    """Also those that come before any worker has ever seen the run: to its first question, and too early."""
    run = await case.start(graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    handle = graphs_client.get_workflow_handle(run.id)
    await handle.signal("resume", {"interrupt_id": "Sign:1", "value": {"name": "Ana"}, "actor": "ana"})
    await handle.signal("resume", {"interrupt_id": "Sign:1", "value": {"name": "Bob"}, "actor": "bob"})
    worker = await fleet.start()
    [pending] = (await run.wait()).interrupts
    assert pending.interrupt_id == "Confirm:1.0"
    [rejected] = (await run.get_state()).rejected
    assert rejected["reason"] == "already_answered"
    worker.kill()
    await handle.signal("resume", {"interrupt_id": "Confirm:1.0", "value": True})
    await fleet.start()
    assert (await run.result()).output == "prepared x; signed by Ana; confirmed: True"
    await Witness(graphs_client, run.id, journal).check(ENDING)


async def test_queries_say_that_there_is_no_worker(fleet: Fleet, graphs_client: Client, task_queue: str) -> None:
    run = await case.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    with pytest.raises(
        GraphError, match=f"No worker answered for run '{task_queue}'. Is one running on its task queue"
    ):
        await run.get_state()
    with pytest.raises(RunNotFoundError, match="nobody"):
        await case.get_run(graphs_client, "nobody").get_state()


async def test_an_update_that_was_given_up_is_the_same_answer_when_sent_again(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    worker = await fleet.start()
    run = await case.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    await run.wait()
    worker.kill()
    answering = asyncio.create_task(run.resume({"name": "Ana"}, answer_id="click"))
    done, _ = await asyncio.wait([answering], timeout=2)
    assert not done
    answering.cancel()
    await asyncio.wait([answering])
    await fleet.start()
    # The server may have given the first one to the worker that has just come; then this is the same answer.
    assert (await run.resume({"name": "Ana"}, answer_id="click")).answer_id == "click"
    [pending] = (await run.wait()).interrupts
    assert pending.interrupt_id == "Confirm:1.0"
    assert (await run.proceed(True)).is_end
    await Witness(graphs_client, run.id, journal).check(ENDING)


async def test_an_update_waits_for_a_worker(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    worker = await fleet.start()
    run = await case.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    await run.wait()
    worker.kill()
    answering = asyncio.create_task(run.resume({"name": "Ana"}))
    await fleet.start()
    assert (await answering).interrupt_id == "Sign:1"
    assert (await run.proceed(True, interrupt_id="Confirm:1.0")).is_end
    await Witness(graphs_client, run.id, journal).check(ENDING)


async def test_whoever_waits_for_an_update_can_be_cancelled(
    fleet: Fleet, graphs_client: Client, task_queue: str
) -> None:
    run = await case.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    for wait in (run.wait, functools.partial(run.resume, {"name": "Ana"})):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await wait()
