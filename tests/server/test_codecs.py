"""Payload codecs that one side has and the other has not, or with other keys: nothing fails for good."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from temporalio.worker import Worker

from temporal_graph import ApprovalQueue, GraphError, GraphPlugin, NodeOptions, RefusedError, TemporalGraph, step
from tests.replay.serving import new_name, until, worker_options
from tests.server.looking import TASK_FAILED, events, failures
from tests.server.payload_graphs import Open, Vault, vault

PLAIN = DataConverter.default


class Keyed(PayloadCodec):
    """Encrypts with a key; with another one it raises, as such codecs do."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": b"binary/keyed", "key": self._key}, data=p.SerializeToString()[::-1])
            for p in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decoded(payload) for payload in payloads]

    def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != b"binary/keyed":
            return payload
        if payload.metadata["key"] != self._key:
            raise RuntimeError("no such key")
        return Payload.FromString(payload.data[::-1])


def keyed(key: str = "right") -> DataConverter:
    return dataclasses.replace(
        PLAIN, payload_codec=Keyed(key), failure_converter_class=DefaultFailureConverterWithEncodedAttributes
    )


OTHERS = pytest.mark.parametrize("other", [PLAIN, keyed("wrong")], ids=["none", "wrong_key"])


@contextlib.asynccontextmanager
async def working(
    address: str, task_queue: str, converter: DataConverter, *graphs: TemporalGraph, **options: Any
) -> AsyncGenerator[Client]:
    client = await Client.connect(address, plugins=[GraphPlugin(*graphs)], data_converter=converter)
    options = {"sticky_queue_schedule_to_start_timeout": timedelta(milliseconds=500), **worker_options(), **options}
    async with Worker(client, task_queue=task_queue, **options):
        yield client


async def has_failed_task(client: Client, run_id: str) -> bool:
    return bool(await events(client, run_id, TASK_FAILED))


async def runs(client: Client, run_id: str) -> bool:
    return (await client.get_workflow_handle(run_id).describe()).status == WorkflowExecutionStatus.RUNNING


async def finish(client: Client, run_id: str) -> str:
    run = vault.get_run(client, run_id)
    stop = await run.wait()
    while stop.is_interrupt:
        stop = await run.proceed({"code": "1"} if stop.next_node else "end")
    return (await run.result()).output


@OTHERS
async def test_a_worker_that_cannot_read_how_a_run_begins(
    server_address: str, task_queue: str, other: DataConverter, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(server_address, task_queue, other, vault):
        client = await Client.connect(server_address, data_converter=keyed())
        await vault.start(client, Open("x"), state=Vault(), id=task_queue, task_queue=task_queue)
        await until(lambda: has_failed_task(client, task_queue))
        assert await runs(client, task_queue)
    why = failures(await events(await Client.connect(server_address), task_queue))
    assert why
    if other is PLAIN:  # the other one encodes that, too
        assert all("binary/keyed" in message and "payload codec" in message for message in why), why
    assert "binary/keyed" in caplog.text
    assert ("no such key" in caplog.text) == (other is not PLAIN)
    async with working(server_address, task_queue, keyed(), vault) as client:
        assert "1 end" in await finish(client, task_queue)


@OTHERS
async def test_a_worker_that_cannot_read_what_happened_before(
    server_address: str, task_queue: str, other: DataConverter
) -> None:
    """The run was started in plain text; what its nodes return, and what people say, is encrypted."""
    plain = await Client.connect(server_address)
    await vault.start(plain, Open("x"), state=Vault(), id=task_queue, task_queue=task_queue)
    async with working(server_address, task_queue, keyed(), vault) as client:
        run = vault.get_run(client, task_queue)
        await run.wait()
        await client.get_workflow_handle(task_queue).signal("resume", {"value": {"code": "1"}})
        await until(lambda: asks(run, "Close"))
    async with working(server_address, task_queue, other, vault):
        await client.get_workflow_handle(task_queue).signal("pause")
        await until(lambda: has_failed_task(client, task_queue))
        assert await runs(client, task_queue)
    async with working(server_address, task_queue, keyed(), vault) as client:
        await client.get_workflow_handle(task_queue).signal("unpause")
        assert "1 end" in await finish(client, task_queue)


async def asks(run: Any, node_id: str) -> bool:
    return [question.node_id for question in await run.pending_interrupts()] == [node_id]


@OTHERS
async def test_a_node_whose_worker_cannot_read_what_it_gets(
    server_address: str, task_queue: str, other: DataConverter
) -> None:
    """However often it takes it, the node does not fail; another worker does it."""
    elsewhere = f"{task_queue}-elsewhere"
    graph = nodes_elsewhere(elsewhere)
    async with working(server_address, task_queue, keyed(), graph) as client:
        run = await graph.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        failed = EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED
        async with working(server_address, elsewhere, other, graph, no_remote_activities=False):

            async def has_failed_twice() -> bool:
                return len(await events(client, task_queue, failed)) >= 2

            await until(has_failed_twice, timeout=120)
        assert await runs(client, task_queue)
        async with working(server_address, elsewhere, keyed(), graph):
            assert (await run.result()).output == "xxx"
        assert not await events(client, task_queue, TASK_FAILED)


def nodes_elsewhere(task_queue: str) -> TemporalGraph:
    """A node, and one that runs in the workflow and calls a function, on another task queue."""
    g = GraphBuilder(name="elsewhere", input_type=str, output_type=str, auto_instrument=False)

    @g.step
    async def there(ctx: StepContext[None, None, str]) -> str:
        return ctx.inputs + "x"

    @g.step
    async def here(ctx: StepContext[None, None, str]) -> str:
        try:
            return await step(add_x, ctx.inputs)
        except Exception:
            return "caught"

    g.add(g.edge_from(g.start_node).to(there), g.edge_from(there).to(here), g.edge_from(here).to(g.end_node))
    there_options = NodeOptions(task_queue=task_queue)
    return TemporalGraph(
        g.build(),
        node_options={"there": there_options, "here": NodeOptions(execution="workflow"), "add_x": there_options},
        steps=[add_x],
    )


async def add_x(text: str) -> str:
    return text + "x"


async def test_a_function_whose_result_a_worker_cannot_read(server_address: str, task_queue: str) -> None:
    """A node in the workflow that catches every error is not told: its worker's task fails."""
    elsewhere = f"{task_queue}-elsewhere"
    graph = nodes_elsewhere(elsewhere)
    plain = await Client.connect(server_address)
    run = await graph.start(plain, inputs="x", id=task_queue, task_queue=task_queue)
    async with working(server_address, elsewhere, keyed(), graph):
        async with working(server_address, task_queue, PLAIN, graph):
            await until(lambda: has_failed_task(plain, task_queue))
            assert await runs(plain, task_queue)
        async with working(server_address, task_queue, keyed(), graph) as client:
            assert (await graph.get_run(client, run.id).result()).output == "xxx"


@pytest.mark.parametrize(
    ("theirs", "ours"), [(keyed(), PLAIN), (keyed("wrong"), keyed())], ids=["no_codec", "wrong_key"]
)
async def test_what_people_send_that_the_worker_cannot_read(
    server_address: str, task_queue: str, theirs: DataConverter, ours: DataConverter
) -> None:
    """Kept where it can be seen, or refused; and every worker that comes later turns it away too."""
    sender = await Client.connect(server_address, data_converter=theirs)
    async with working(server_address, task_queue, ours, vault) as client:
        run = await vault.start(client, Open("x"), state=Vault(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await sender.get_workflow_handle(task_queue).signal("resume", {"value": {"code": "lost"}})

        async def is_rejected() -> bool:
            return bool((await run.get_state()).rejected)

        await until(is_rejected)
        assert "payload codec" in str((await run.get_state()).rejected[0])
        with pytest.raises((RefusedError, GraphError), match=r"payload codec"):
            await vault.get_run(sender, task_queue).resume({"code": "refused"})
        if ours is not PLAIN:
            with pytest.raises(GraphError, match="payload codec"):
                await vault.get_run(sender, task_queue).get_state()
        assert [question.node_id for question in await run.pending_interrupts()] == ["Check"]
    if ours is PLAIN:  # a worker comes that could have read it
        ours = keyed()
    async with working(server_address, task_queue, ours, vault) as client:
        state = await vault.get_run(client, task_queue).get_state()
        assert len(state.rejected) == 1
        assert "1 end" in await finish(client, task_queue)
        assert not await events(client, task_queue, TASK_FAILED)


Look = Callable[[Any, Client], Awaitable[Any]]


async def _all(found: Any) -> list[Any]:
    return [item async for item in found]


@pytest.mark.parametrize(
    "look",
    [
        lambda run, client: run.pending_interrupts(),
        lambda run, client: run.get_state(),
        lambda run, client: run.wait(),
        lambda run, client: run.proceed("?"),
        lambda run, client: run.resume("?"),
        lambda run, client: run.resume({"code": 5}),
        lambda run, client: run.audit(),
        lambda run, client: _all(run.history()),
        lambda run, client: _all(run.stream()),
        lambda run, client: run.fork("1", id="no", task_queue="no"),
        lambda run, client: run.update_state({"lines": ["by hand"]}),
    ],
    ids=["pending", "state", "wait", "proceed", "resume", "refused", "audit", "history", "stream", "fork", "update"],
)
@OTHERS
async def test_a_client_that_cannot_read_what_comes_back(
    encrypted: tuple[Client, str], server_address: str, other: DataConverter, look: Look
) -> None:
    _, run_id = encrypted
    client = await Client.connect(server_address, data_converter=other)
    with pytest.raises(GraphError, match="payload codec"):
        await look(vault.get_run(client, run_id), client)


@pytest.fixture
async def encrypted(server_address: str) -> AsyncGenerator[tuple[Client, str]]:
    """A run that waits, of which all is encrypted."""
    name = new_name("encrypted")
    async with working(server_address, name, keyed(), vault) as client:
        run = await vault.start(client, Open("x"), state=Vault(), id=name, task_queue=name)
        await run.wait()
        yield client, name
        if await runs(client, name):
            await client.get_workflow_handle(name).terminate()


@OTHERS
async def test_ends_that_cannot_be_read(server_address: str, task_queue: str, other: DataConverter) -> None:
    stranger = await Client.connect(server_address, data_converter=other)
    async with working(server_address, task_queue, keyed(), vault) as client:
        for number, word in enumerate(("end", "fail")):
            run = await vault.start(
                client, Open("x"), state=Vault(), id=f"{task_queue}-{number}", task_queue=task_queue
            )
            await run.wait()
            await run.proceed({"code": "1"})
            await run.resume(word)
            theirs = vault.get_run(stranger, run.id)
            with pytest.raises(GraphError, match="payload codec"):
                await theirs.result()


async def test_a_run_that_cannot_be_read_spoils_no_listing(server_address: str, task_queue: str) -> None:
    plain = await Client.connect(server_address)
    plain_queue = f"{task_queue}-plain"
    async with (
        working(server_address, task_queue, keyed(), vault) as client,
        working(server_address, plain_queue, PLAIN, vault),
    ):
        secret = await vault.start(client, Open("x"), state=Vault(), id=task_queue, task_queue=task_queue)
        readable = await vault.start(plain, Open("x"), state=Vault(), id=plain_queue, task_queue=plain_queue)
        await secret.wait()
        await readable.wait()

        async def is_listed() -> bool:
            return plain_queue in {item.run_id async for item in ApprovalQueue(plain).pending(graph="vault")}

        await until(is_listed)
        for run in (secret, readable):
            await run.cancel()
