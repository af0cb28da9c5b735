"""What a node wrote is checked when it wrote it; what was valid then stays valid; looking always works."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_graph import (
    Command,
    GraphError,
    GraphPlugin,
    GraphRunError,
    RefusedError,
    Retry,
    RunBlockedError,
    TemporalGraph,
)
from tests.server import checked_graphs as graphs
from tests.server.checked_graphs import CLOCK, Careless, Deal, Offer, Old, Order, Sign, Stock
from tests.server.conftest import Serve

SAYS = {
    "nothing": "Node 'first' returned None, which is not what is declared, str: value: Input should be a valid string. "
    "Is a return missing?",
    "number": "The state that was left is not what is declared, Stock: number: Input should be greater than or equal "
    "to 0 (it is -1).",
    "region": "The state that was left is not what is declared, Stock: value: KeyError: 'mars'.",
    "name": "The state that was left is not what is declared, Stock: name: Value error, a name is in lower case (it is "
    "'B').",
    "both": "The state that was left is not what is declared, Stock: value: Assertion failed, too many for the eu.",
    "type": "is not what is declared, Stock",
}


async def error_of(graph: TemporalGraph, client: Client, task_queue: str, **given: Any) -> GraphRunError:
    """What a run fails with."""
    run = await graph.start(client, id=f"{task_queue}-{uuid.uuid4().hex}", task_queue=task_queue, **given)
    async with asyncio.timeout(20):
        with pytest.raises(GraphRunError) as failed:
            await run.result()
    assert (await run.get_state()).status == "failed"
    return failed.value


async def test_the_node_that_wrote_it_fails(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.writing) as client:
        for kind, message in SAYS.items():
            error = await error_of(graphs.writing, client, task_queue, inputs=kind, state=Stock())
            assert (error.node_id, error.error_type) == ("first", "EncodeError"), kind
            assert message in error.error_message


async def test_by_a_command_by_a_transform_by_the_next_node_and_at_the_end(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.commanding, graphs.transforming, graphs.picking, graphs.ending) as client:
        for kind in ("number", "region", "name"):
            error = await error_of(graphs.commanding, client, task_queue, inputs=kind, state=Stock())
            assert (error.node_id, error.error_type) == ("first", "EncodeError"), kind
        for kind in ("number", "region", "nothing"):
            error = await error_of(graphs.transforming, client, task_queue, inputs=kind, state=Stock())
            assert (error.node_id, error.error_type) == ("__start__", "EncodeError"), kind
        for kind in ("", "end"):
            error = await error_of(graphs.picking, client, task_queue, from_node=graphs.Pick(kind))
            assert (error.node_id, error.error_type) == ("Pick", "EncodeError"), kind
        error = await error_of(graphs.ending, client, task_queue, inputs=-1)
        assert "greater than or equal to 0" in error.error_message


async def test_a_question_is_about_the_node_that_wrote_it(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.asking) as client:
        run = await graphs.asking.start(client, inputs="name", state=Stock(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.interrupt_id == "first:1.failure"
        assert asked.value["error"]["message"] == SAYS["name"]
        assert (await run.get_state()).values == Stock()


@pytest.mark.parametrize("kind", graphs.RAISES)
async def test_a_bad_start_ends_whatever_a_validator_raises(serve: Serve, task_queue: str, kind: str) -> None:
    async with serve(graphs.starting) as client:
        for start in ({"inputs": {"what": "a"}, "state": {"what": kind}}, {"inputs": {"what": kind}}):
            handle = await client.start_workflow(
                "starting", start, id=f"{task_queue}-{len(start)}", task_queue=task_queue
            )
            async with asyncio.timeout(20):
                with pytest.raises(WorkflowFailureError) as failed:
                    await handle.result()
            cause = failed.value.cause
            assert isinstance(cause, ApplicationError)
            assert cause.type == "GraphInputError"
            assert type(graphs.RAISES[kind]()).__name__ in cause.message
            assert (await graphs.starting.get_run(client, handle.id).get_state()).status == "failed"


@pytest.mark.parametrize("kind", graphs.RAISES)
async def test_a_message_is_refused_whatever_a_validator_raises(serve: Serve, task_queue: str, kind: str) -> None:
    async with serve(graphs.starting) as client:
        given = {"inputs": Order("a"), "state": Careless(what="a")}
        run = await graphs.starting.start(client, id=task_queue, task_queue=task_queue, **given)
        await run.wait()
        async with asyncio.timeout(20):
            with pytest.raises(RefusedError) as refused:
                await run.update_state({"what": kind})
            assert refused.value.reason == "invalid"
            await client.get_workflow_handle(run.id).signal("update_state", {"values": {"what": kind}})
            await run.proceed({"what": kind})  # the type knows more than the schema: it is asked again
            assert (await run.get_state()).values == Careless(what="a")
            assert (await run.proceed({"what": "b"})).output == "b"


# -- Clocks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def offer() -> Iterator[Offer]:
    """Something that is valid for some seconds."""
    CLOCK.is_late = False
    yield Offer(datetime.now(UTC) + timedelta(seconds=4), "a car")
    CLOCK.is_late = False


@pytest.mark.parametrize("cached", [0, 100])
async def test_what_was_valid_stays_valid(serve: Serve, task_queue: str, offer: Offer, cached: int) -> None:
    async with serve(graphs.signing, graphs.offering, max_cached_workflows=cached) as client:
        signed = await graphs.signing.start(
            client, from_node=Sign(offer), state=Deal(offer=offer), id=f"{task_queue}-1", task_queue=task_queue
        )
        offered = await graphs.offering.start(
            client, inputs=offer, state=Deal(offer=offer), id=f"{task_queue}-2", task_queue=task_queue
        )
        assert len((await offered.wait()).interrupts) == 2
        CLOCK.is_late = True
        await asyncio.sleep((offer.until - datetime.now(UTC)).total_seconds() + 0.1)  # until the offer is in the past
        stop = await signed.wait()
        assert (stop.unreadable, type(stop.next_node), stop.state.offer) == (None, Sign, offer)
        assert not any([each.unreadable async for each in signed.history()])
        with pytest.raises(RefusedError, match="text: Value error, too late"):  # a text is new
            await signed.update_state({"text": "b"})
        await signed.update_state({"seen": ["edited"]})
        assert (await signed.get_state()).unreadable is None
        await signed.resume({"by": "ana"})
        found = await signed.result()
        assert (found.output, found.state.text) == (["edited", "signed by ana", "a car"], "a")
        await offered.resume_all({"wait:1.0": "yes", "wait:2.0": "yes"})
        result = await offered.result()
        assert [each.what for each in result.output] == ["a car", "a car"]
        assert result.state.seen == ["looked", "looked"]
    # The runs are replayed now, when it is late.


@pytest.mark.parametrize("execution", ["activity", pytest.param("local", marks=pytest.mark.needs_cache), "workflow"])
async def test_an_accepted_answer_is_judged_once(serve: Serve, task_queue: str, offer: Offer, execution: str) -> None:
    graph = graphs.being_offered_graphs[execution]
    async with serve(graph) as client:
        runs = [
            await graph.start(
                client, id=f"{task_queue}-{fails}", task_queue=task_queue, inputs=fails, state=graphs.Signed()
            )
            for fails in (False, True)
        ]
        offer = Offer(datetime.now(UTC) + timedelta(seconds=6), "a car")
        for run in runs:
            await run.wait()
            # It is heard the first time.
            await run.proceed({"until": "2020-01-01T00:00:00Z", "what": "a bike"})
            assert [item["reason"] for item in (await run.get_state()).rejected] == ["invalid"]
            await run.proceed({"until": offer.until.isoformat(), "what": "a car"})
        CLOCK.is_late = True
        await asyncio.sleep((offer.until - datetime.now(UTC)).total_seconds() + 0.1)  # until the offer is in the past
        assert [(await run.wait()).interrupts[0].kind for run in runs] == ["call", "failure"]
        await runs[1].proceed(Command(resume=Retry(), update={"is_open": True}))
        for run in runs:
            stop = await run.proceed("yes")
            assert (stop.is_end, stop.output, stop.interrupts) == (True, offer, [])
            assert len((await run.get_state()).rejected) == 1
    # The runs are replayed now, when it is late.


@pytest.mark.parametrize("who", graphs.making_graphs)
async def test_what_the_workflow_has_made_is_judged_once(serve: Serve, task_queue: str, who: str) -> None:
    """A worker that keeps nothing makes it again with each answer, and later."""
    graph = graphs.making_graphs[who]
    async with serve(graph, max_cached_workflows=0) as client:
        given = {"state": graphs.Latest(), "task_queue": task_queue}
        until = datetime.now(UTC) + timedelta(seconds=6)
        run = await graph.start(client, inputs=until.isoformat(), id=task_queue, **given)
        await run.wait()
        late = await graph.start(client, inputs="2020-01-01T00:00:00Z", id=f"{task_queue}-late", **given)
        with pytest.raises(GraphRunError, match="Input should be in the future"):
            await late.result()
        await asyncio.sleep((until - datetime.now(UTC)).total_seconds() + 0.1)
        assert (await run.proceed("yes")).output == "yes"
        assert [each.next async for each in run.history()][-1] == []
    # The runs are replayed now, when it is late.


# -- Looking ----------------------------------------------------------------------------------------------------------


async def test_looking_works_whatever_the_state_is(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.old) as client:
        run = await graphs.old.start(client, inputs="a", state=Old("ana"), id=task_queue, task_queue=task_queue)
        await run.wait()
        newer: Any = graphs.new.get_run(client, run.id)
        raw = {"owner": "ana", "numbers": []}
        state = await newer.get_state()
        assert state.values == raw
        assert "owner: Input should be a valid integer" in state.unreadable
        stop = await newer.wait()
        assert (stop.status, stop.state, len(stop.interrupts)) == ("waiting", raw, 1)
        assert "more: Field required" in stop.unreadable
        past = [each async for each in newer.history()]
        assert {each.values["owner"] for each in past} == {"ana"}
        assert all(each.unreadable for each in past)
        await run.resume("yes")
        assert (await run.result()).unreadable is None
        stop = await newer.wait()
        assert (stop.status, stop.output) == ("finished", "so")
        assert "the output cannot be read" in stop.unreadable
        with pytest.raises(GraphError, match="this is no int"):
            await newer.result()


async def test_what_a_join_has_collected_and_cannot_be_written_fails_the_run_when_it_continues(
    serve: Serve, task_queue: str
) -> None:
    async with serve(graphs.collecting) as client:
        error = await error_of(graphs.collecting, client, task_queue, inputs=[0, 0, 0, 1])
    assert error.node_id == "all"
    assert "is not what is declared" in error.error_message


async def test_a_decision_with_a_memory_of_its_own_is_told_as_what_it_is(server_address: str, task_queue: str) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.remembering)])
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        run = await graphs.remembering.start(client, inputs="a", id=task_queue, task_queue=task_queue)
        async with asyncio.timeout(60):
            with pytest.raises(RunBlockedError, match="a transform, decision or reducer has given another answer"):
                await run.wait()
        await client.get_workflow_handle(run.id).terminate()


@pytest.mark.drifts
async def test_a_transform_that_changes_a_value_in_a_replay_is_told(
    server_address: str, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graphs.drifting)])
    async with Worker(client, task_queue=task_queue):
        run = await graphs.drifting.start(client, inputs="a", id=task_queue, task_queue=task_queue)
        await run.wait()
        assert "would give node" not in caplog.text
    async with Worker(client, task_queue=task_queue):
        await run.resume("yes")
        assert (await run.result()).output == "yes"
    told = [record.getMessage() for record in caplog.records if "would give node" in record.getMessage()]
    assert len(told) == 1
    assert f"Run {task_queue!r} of graph 'drifting' was replayed, and would give node 'first' something else" in told[0]
