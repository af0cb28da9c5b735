"""Servers without the attributes, that get them, lose them or have others; and workers that know it or do not."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import pytest
import temporalio.api.operatorservice.v1 as api
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from temporal_graph import ApprovalQueue, GraphError, GraphPlugin, register_search_attributes
from temporal_graph.temporal import visibility_client
from tests.approvals.graphs import Ask, lanes, plain, series, single
from tests.approvals.test_queue import listed, waiting
from tests.replay.other_seed import OtherSeed, replay_runs
from tests.replay.serving import chain, replay, until
from tests.server.test_payloads import Xor
from tests.support.server import DevServer

STAY = ("GraphPendingNodes", "GraphDeadline")
MEMO = "workflow_properties_modified_event_attributes"
GRAPHS = (single, series, lanes, plain)
NAMES = ["GraphStatus", "GraphPendingNodes", "GraphAssignees", "GraphDeadline"]


@pytest.fixture
async def bare(own_server: DevServer, task_queue: str, other_seed: OtherSeed) -> AsyncIterator[DevServer]:
    """A server without the attributes; at the end every run is replayed, also with another order of sets."""
    yield own_server
    await replay_runs(await own_server.connect(), task_queue, GRAPHS, other_seed)


@contextlib.asynccontextmanager
async def working(server: DevServer, task_queue: str) -> AsyncGenerator[Client]:
    """A worker that keeps no run in memory: each of its tasks is a replay."""
    client = await server.connect(GraphPlugin(*GRAPHS))
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        yield client


def carried(history: WorkflowHistory) -> Mapping[str, Any]:
    return history.events[0].workflow_execution_started_event_attributes.search_attributes.indexed_fields


async def remove(client: Client, *names: str) -> None:
    request = api.RemoveSearchAttributesRequest(namespace="default", search_attributes=names)
    await client.operator_service.remove_search_attributes(request)


async def test_without_attributes_each_run_is_asked(
    bare: DevServer, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(bare, task_queue) as client:
        queue = ApprovalQueue(client)
        for number, names in enumerate((["ann"], ["bob", "ann"], [])):
            asked = Ask(number, names, seconds=None if number else 3600)
            run = await single.start(client, inputs=asked, id=f"run-{number}", task_queue=task_queue)
            await run.wait()
        await plain.run(client, inputs="x", id="plain", task_queue=task_queue)
        # A workflow that is no graph's: no worker has it, and nobody answers.
        await client.start_workflow("foreign", id="foreign", task_queue="nobody")

        assert {item.run_id for item in await waiting(queue, 3)} == {"run-0", "run-1", "run-2"}
        assert [item.value for item in await listed(queue, graph="single", assignee="ann", order="created")] == [0, 1]
        assert [item.value for item in await listed(queue, order="deadline", graph="single")] == [0, 1, 2]
        assert await listed(queue, graph="series") == []
        page = await queue.page(size=1, graph="single")
        assert (len(page.items), page.token is None) == (1, False)
        assert await queue.count(graph="single") == 3
        assert await queue.count(graph="single", assignee="bob") == 1
        assert await queue.count(graph="single", overdue=True) == 0
        assert await queue.count(graph="single", overdue=False) == 3
        await queue.reject("run-1", reason="no")
        await waiting(queue, 2, graph="single")
        with pytest.raises(GraphError, match="--register-search-attributes"):
            await queue.refresh("single")
    said = [record.getMessage() for record in caplog.records if record.name == "temporal_graph.approvals"]
    cures = [message for message in said if "worker/main.py --register-search-attributes" in message]
    assert len(cures) == 1
    assert "every run is asked" in cures[0]
    assert any("No worker could say what these" in message and "'foreign'" in message for message in said)
    history = await client.get_workflow_handle("run-1").fetch_history()
    assert "GraphStatus" not in history.to_json()
    await client.get_workflow_handle("foreign").terminate()


async def test_a_run_that_began_before_comes_into_the_queue(bare: DevServer, task_queue: str) -> None:
    async with working(bare, task_queue) as client:
        for number in range(2):
            run = await series.start(client, inputs=[Ask(), Ask()], id=f"run-{number}", task_queue=task_queue)
            await run.wait()
    assert sorted(await register_search_attributes(client)) == sorted(NAMES)
    async with working(bare, task_queue) as client:
        queue = ApprovalQueue(client)
        await queue.approve("run-0")  # it comes by itself, with what happens next
        [item] = await waiting(queue, 1)
        assert (item.run_id, item.interrupt_id) == ("run-0", "each:1.1")
        assert await queue.refresh("series") == 1
        assert {item.interrupt_id for item in await waiting(queue, 2)} == {"each:1.0", "each:1.1"}
        assert await queue.refresh("series") == 0
        assert await queue.refresh(["nobody's"]) == 0
        await queue.approve("run-0")
        await queue.approve("run-1")
        assert [item.interrupt_id for item in await waiting(queue, 1)] == ["each:1.1"]
        await queue.approve("run-1", interrupt_id="each:1.1")
        await waiting(queue, 0)


async def test_attributes_come_and_go_and_come(
    bare: DevServer, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = await bare.connect()
    queue = ApprovalQueue(client)
    await register_search_attributes(client)
    async with working(bare, task_queue) as client:
        run = await series.start(client, inputs=[Ask(n) for n in range(6)], id="run", task_queue=task_queue)
        assert [item.value for item in await waiting(queue, 1)] == [0]
    for number in (0, 2):
        # A server that has lost one of them would take no task that sets it.
        await remove(client, "GraphStatus")
        async with working(bare, task_queue) as client:
            await run.proceed({"approved": True})
            [still] = await run.pending_interrupts()
            assert still.value == number + 1
            assert "missing: GraphStatus" in caplog.text
        assert await register_search_attributes(client) == ["GraphStatus"]
        async with working(bare, task_queue) as client:
            await run.proceed({"approved": True})

            async def shows(value: int = number + 2) -> bool:
                return [item.value for item in await listed(queue)] == [value]

            assert await until(shows)
    async with working(bare, task_queue) as client:
        await run.proceed({"approved": True})
        assert (await run.proceed({"approved": True})).output == 6


async def test_a_worker_that_cannot_find_out_goes_on_as_before(
    bare: DevServer, task_queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(client: Client) -> Any:
        raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    caplog.set_level(logging.INFO)
    client = await bare.connect()
    queue = ApprovalQueue(client)
    with monkeypatch.context() as patch:
        patch.setattr(visibility_client, "_found", refuse)
        async with working(bare, task_queue) as client:
            run = await series.start(client, inputs=[Ask(0), Ask(1), Ask(2)], id="run", task_queue=task_queue)
            await run.wait()
            with pytest.raises(GraphError, match=r"unauthorized\. Who runs the server can: temporal operator"):
                await register_search_attributes(client)
    assert "does not tell its search attributes: Request unauthorized" in caplog.text
    await register_search_attributes(client)
    async with working(bare, task_queue):
        await run.proceed({"approved": True})
        assert [item.value for item in await waiting(queue, 1)] == [1]
    with monkeypatch.context() as patch:
        patch.setattr(visibility_client, "_found", refuse)
        async with working(bare, task_queue):
            await run.proceed({"approved": True})

            async def shows() -> bool:
                return [item.value for item in await listed(queue)] == [2]

            assert await until(shows)
    async with working(bare, task_queue):
        assert (await run.proceed({"approved": True})).output == 3


async def test_an_attribute_of_another_type(bare: DevServer, task_queue: str, caplog: pytest.LogCaptureFixture) -> None:
    client = await bare.connect()
    request = api.AddSearchAttributesRequest(namespace="default")
    request.search_attributes["GraphAssignees"] = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    await client.operator_service.add_search_attributes(request)
    with pytest.raises(GraphError, match="'GraphAssignees' is registered as Keyword, and must be KeywordList"):
        await register_search_attributes(client)
    async with working(bare, task_queue) as client:
        run = await single.start(client, inputs=Ask(assignees=["ann"]), id="run", task_queue=task_queue)
        await run.wait()
        assert "'GraphAssignees' is registered as Keyword" in caplog.text
        assert [item.run_id for item in await waiting(ApprovalQueue(client), 1, assignee="ann")] == ["run"]
        await run.resume({"approved": True})
        await run.result()
    await remove(client, "GraphAssignees")
    assert sorted(await register_search_attributes(client)) == sorted(NAMES)


async def test_a_server_that_has_no_room(bare: DevServer) -> None:
    client = await bare.connect()
    request = api.AddSearchAttributesRequest(namespace="default")
    for number in range(2):
        request.search_attributes[f"Other{number}"] = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST
    await client.operator_service.add_search_attributes(request)
    with pytest.raises(GraphError, match="cannot have more than 3 search attribute of type KeywordList"):
        await register_search_attributes(client)


async def test_it_all_goes_along_when_a_run_continues_as_new(bare: DevServer, task_queue: str) -> None:
    client = await bare.connect()
    queue = ApprovalQueue(client)
    await register_search_attributes(client)
    async with working(bare, task_queue) as client:
        asks = [Ask(number, ["ann"], 3600) for number in range(12)]
        inputs = [[Ask("stays", ["bob"], 1800)], asks]
        run = await lanes.start(client, inputs=inputs, id="run", task_queue=task_queue, memo={"mine": 1})
        await run.wait()
        for number in range(11):
            await run.proceed({"approved": True}, interrupt_id=f"lane:2.{number}")

            async def shows(value: int = number + 1) -> bool:
                return [item.value for item in await listed(queue)] == ["stays", value]

            assert await until(shows)
        memo = await (await client.get_workflow_handle("run").describe()).memo()
        assert memo.keys() == {"mine", "GraphPending"}
        await run.proceed({"approved": True}, interrupt_id="lane:2.11")
        assert (await run.proceed({"approved": True})).output == 2
    histories = await chain(client, "run")
    going_on = [history for history in histories[1:] if "GraphPendingNodes" in carried(history)]
    assert len(going_on) > 1
    for history in going_on:
        started = history.events[0].workflow_execution_started_event_attributes
        assert started.memo.fields.keys() == {"mine", "GraphPending"}
        assert {*NAMES} <= carried(history).keys()
        # What came along is not written once more, but what has changed since.
        [first, *_] = (event for event in history.events if event.HasField(MEMO))
        assert first.workflow_properties_modified_event_attributes.upserted_memo != started.memo
        written = [
            event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
            for event in history.events
            if event.HasField("upsert_workflow_search_attributes_event_attributes")
        ]
        assert {fields[name].data for fields in written for name in STAY if name in fields} <= {b""}
    await replay(histories, lanes)


async def test_what_is_asked_is_as_secret_as_the_runs(own_server: DevServer, task_queue: str) -> None:
    await register_search_attributes(await own_server.connect())
    converter = dataclasses.replace(DataConverter.default, payload_codec=Xor())
    client = await Client.connect(own_server.address, data_converter=converter, plugins=[GraphPlugin(single)])
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        asked = Ask("covert", ["ann"])
        run = await single.start(client, inputs=asked, id="run", task_queue=task_queue)
        await run.wait()
        assert [item.value for item in await waiting(ApprovalQueue(client), 1)] == ["covert"]
        [execution] = [found async for found in client.list_workflows("GraphAssignees = 'ann'")]
        assert b"covert" not in execution.raw_info.SerializeToString()
        with pytest.raises(GraphError, match="Does this client have the payload codec of the workers"):
            await listed(ApprovalQueue(await own_server.connect()))
        await run.cancel()
