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
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_graph import ApprovalQueue, GraphDefinitionError, GraphError, GraphPlugin, register_search_attributes
from temporal_graph.temporal import visibility_client
from tests.approvals.graphs import Ask, lanes, plain, series, single
from tests.approvals.test_queue import listed, waiting
from tests.replay.other_seed import OtherSeed, replay_runs
from tests.replay.serving import chain, new_name, replay, until
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
async def working(server: DevServer, task_queue: str, search_attributes: bool | None = None) -> AsyncGenerator[Client]:
    """A worker that keeps no run in memory: each of its tasks is a replay."""
    client = await server.connect(GraphPlugin(*GRAPHS, search_attributes=search_attributes))
    async with Worker(client, task_queue=task_queue, max_cached_workflows=0):
        yield client


def carried(history: WorkflowHistory) -> Mapping[str, Any]:
    return history.events[0].workflow_execution_started_event_attributes.search_attributes.indexed_fields


def said(caplog: pytest.LogCaptureFixture, text: str) -> int:
    """How often the queue's log has this."""
    return sum(text in record.getMessage() for record in caplog.records if record.name == "temporal_graph.approvals")


async def refuse(client: Client) -> Any:
    """Stands for the answer of a server to which a worker may not put the question."""
    raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")


async def shows(queue: ApprovalQueue, *values: Any) -> bool:
    return [item.value for item in await listed(queue, order="created")] == [*values]


async def are_shown(client: Client, *run_ids: str) -> bool:
    """Whether it is these runs that show in search attributes that they wait."""
    found = client.list_workflows("ExecutionStatus = 'Running' AND GraphStatus = 'waiting'")
    return {execution.id async for execution in found} == {*run_ids}


async def in_memo(client: Client, run_id: str, *values: Any) -> bool:
    """Whether this is what the server's list has of a run, which nobody asks."""
    [found], _ = await visibility_client.page(client, f"WorkflowId = '{run_id}'", 1, b"")
    return found.is_shown and [question["value"] for question in found.questions] == [*values]


async def remove(client: Client, *names: str) -> None:
    request = api.RemoveSearchAttributesRequest(namespace="default", search_attributes=names)
    await client.operator_service.remove_search_attributes(request)


async def test_without_attributes_each_run_is_asked(
    bare: DevServer, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(bare, task_queue) as client:
        queue = ApprovalQueue(client)
        # A workflow that is no graph's: no worker has it, and nobody answers. It is listed before the others wait.
        await client.start_workflow("foreign", id="foreign", task_queue="nobody")
        for number, names in enumerate((["ann"], ["bob", "ann"], [])):
            asked = Ask(number, names, seconds=None if number else 3600)
            run = await single.start(client, inputs=asked, id=f"run-{number}", task_queue=task_queue)
            await run.wait()
        await plain.run(client, inputs="x", id="plain", task_queue=task_queue)

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
    assert said(caplog, "worker/main.py --register-search-attributes") == said(caplog, "every run is asked") == 1
    assert said(caplog, "1 of the runs that were asked are missing")
    assert said(caplog, "no worker said what they wait for: 'foreign'")
    history = await client.get_workflow_handle("run-1").fetch_history()
    assert "GraphStatus" not in history.to_json()
    await client.get_workflow_handle("foreign").terminate()


async def test_a_run_whose_worker_started_before_is_in_the_queue(
    bare: DevServer, task_queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(bare, task_queue) as client:
        queue = ApprovalQueue(client)
        for number in range(2):
            run = await series.start(client, inputs=[Ask(), Ask()], id=f"run-{number}", task_queue=task_queue)
            await run.wait()
        assert sorted(await register_search_attributes(client)) == sorted(NAMES)
        # Not its runs only that waited then, but those also that come.
        await single.start(client, inputs=Ask("new", ["ann"], 3600), id="new", task_queue=task_queue)
        await plain.start(client, inputs="x", id="plain", task_queue=task_queue)
        assert [item.run_id for item in await waiting(queue, 3, order="created")] == ["run-0", "run-1", "new"]
        assert [item.value for item in await listed(queue, graph="single", assignee="ann", overdue=False)] == ["new"]
        assert await listed(queue, assignee="bob") == await listed(queue, overdue=True) == []
        first = await queue.page(size=2, graph=["single", "series"])
        rest = await queue.page(size=2, graph=["single", "series"], token=first.token)
        assert [item.run_id for item in [*first.items, *rest.items]] == ["new", "run-1", "run-0"]
        assert (await queue.count(), await queue.count(assignee="ann"), await queue.count(overdue=True)) == (3, 1, 0)
    assert said(caplog, "their workers started before the attributes were registered") == 1
    assert said(caplog, "give their GraphPlugin search_attributes=True") == 1
    async with working(bare, task_queue) as client:
        await queue.answer("new", {"approved": True})
        queue = ApprovalQueue(client)
        await queue.approve("run-0")  # it shows what it waits for by itself, with what happens next
        caplog.clear()
        assert await until(lambda: are_shown(client, "run-0"))
        assert await queue.refresh("series") == 1
        assert await until(lambda: are_shown(client, "run-0", "run-1"))
        assert {item.interrupt_id for item in await waiting(queue, 2)} == {"each:1.0", "each:1.1"}
        assert said(caplog, "do not show") == 0
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
            # What it showed before, it waits for no more.
            assert await until(lambda value=number + 1: shows(queue, value))
            assert await register_search_attributes(client) == ["GraphStatus"]
            assert await until(lambda value=number + 1: shows(queue, value))
            assert await queue.count() == 1
        async with working(bare, task_queue) as client:
            await run.proceed({"approved": True})
            assert await until(lambda value=number + 2: shows(queue, value))
    async with working(bare, task_queue) as client:
        await run.proceed({"approved": True})
        assert (await run.proceed({"approved": True})).output == 6


async def test_a_worker_that_cannot_find_out_goes_on_as_before(
    bare: DevServer, task_queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
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
        # Until the server's list has it, the queue found it by the mark of the first worker, asked it, and said so.
        assert await until(lambda: in_memo(client, "run", 1))
    queue = ApprovalQueue(client)
    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr(visibility_client, "_found", refuse)
        async with working(bare, task_queue):
            await run.proceed({"approved": True})
            # Between two questions it shows none, and the queue asks it, because of the mark, and may say so.
            assert await until(lambda: in_memo(client, "run", 2))
            assert await shows(queue, 2)
            assert said(caplog, "do not show") == 0
            assert "the search attributes are there, but this worker may not list them" in caplog.text
            # A run that it begins shows nothing, and is asked.
            await single.start(client, inputs=Ask(3), id="new", task_queue=task_queue)
            assert await until(lambda: shows(queue, 2, 3))
            assert said(caplog, "give their GraphPlugin search_attributes=True") == 1
            assert await are_shown(client, "run")
        async with working(bare, task_queue, search_attributes=True):
            assert await queue.refresh("single") == 1
            assert await until(lambda: are_shown(client, "new", "run"))
        # That there are none any more it hears, and a run that set them would hang.
        await remove(client, "GraphStatus")
        async with working(bare, task_queue):
            await queue.answer("new", {"approved": True})
            assert (await run.proceed({"approved": True})).output == 3


async def test_a_worker_whose_runs_must_show_does_not_start_where_they_cannot(
    bare: DevServer, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await bare.connect(GraphPlugin(*GRAPHS, search_attributes=True))

    async def start() -> None:
        await Worker(client, task_queue=new_name(task_queue)).run()

    with pytest.raises(GraphError, match=r"missing: GraphStatus, GraphPendingNodes.*Register them with `python worker"):
        await start()
    with monkeypatch.context() as patch:
        patch.setattr(visibility_client, "_found", refuse)
        with pytest.raises(GraphError, match=r"GraphStatus.*Register them with `python worker"):
            await start()
    request = api.AddSearchAttributesRequest(namespace="default")
    request.search_attributes["GraphStatus"] = IndexedValueType.INDEXED_VALUE_TYPE_TEXT
    await client.operator_service.add_search_attributes(request)
    with pytest.raises(GraphError, match="'GraphStatus' is registered as Text, and must be Keyword"):
        await start()
    await remove(client, "GraphStatus")
    await register_search_attributes(client)
    async with working(bare, task_queue, search_attributes=True):
        await plain.run(client, inputs="x", id="plain", task_queue=task_queue)
    await remove(client, "GraphDeadline")
    with pytest.raises(GraphError, match="missing: GraphDeadline"):
        await start()


def test_what_is_neither_yes_nor_no() -> None:
    with pytest.raises(GraphDefinitionError, match="search_attributes is 'yes'; it takes True, False or None"):
        GraphPlugin(single, search_attributes="yes")  # type: ignore[arg-type]


async def test_a_server_that_tells_nothing_is_taken_at_its_users_word(time_skipping: WorkflowEnvironment) -> None:
    # It lists no search attributes, and counts no runs.
    assert await visibility_client.are_registered(time_skipping.client, wanted=None) is None
    assert await visibility_client.are_registered(time_skipping.client, wanted=True) is True
    assert await visibility_client.are_registered(time_skipping.client, wanted=False) is False


async def test_a_worker_whose_runs_must_not_show(bare: DevServer, task_queue: str) -> None:
    await register_search_attributes(await bare.connect())
    async with working(bare, task_queue) as client:
        queue = ApprovalQueue(client)
        run = await series.start(client, inputs=[Ask(0), Ask(1), Ask(2)], id="run", task_queue=task_queue)
        await run.wait()
    async with working(bare, task_queue, search_attributes=False) as client:
        await single.start(client, inputs=Ask("other"), id="other", task_queue=task_queue)
        await run.proceed({"approved": True})
        assert await until(lambda: shows(queue, "other", 1))
        await run.proceed({"approved": True})
        assert await until(lambda: shows(queue, "other", 2))
        await queue.answer("other", {"approved": True})
        assert await until(lambda: shows(queue, 2))
        assert (await run.proceed({"approved": True})).output == 3
    history = await client.get_workflow_handle("other").fetch_history()
    assert "GraphStatus" not in history.to_json()
    # Each run leaves one mark, however often it asks.
    marks = [
        event for event in history.events if "temporal_graph.unshown" in str(event.marker_recorded_event_attributes)
    ]
    assert len(marks) == 1


async def test_a_run_that_does_not_show_is_found_after_it_has_continued_as_new(
    bare: DevServer, task_queue: str
) -> None:
    async with working(bare, task_queue) as client:
        run = await lanes.start(
            client, inputs=[[Ask("stays")], [Ask(number) for number in range(10)]], id="run", task_queue=task_queue
        )
        await run.wait()
        for number in range(9):
            await run.proceed({"approved": True}, interrupt_id=f"lane:2.{number}")
        assert len(await chain(client, "run")) > 1
        await register_search_attributes(client)
        assert await until(lambda: shows(ApprovalQueue(client), "stays", 9))
        await run.cancel()


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
            assert await until(lambda value=number + 1: shows(queue, "stays", value))
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
