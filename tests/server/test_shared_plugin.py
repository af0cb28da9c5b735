"""One plugin, and so the same graphs, for workers that differ: in server, namespace, data converter, event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
import temporalio.api.workflowservice.v1 as api
from google.protobuf.duration_pb2 import Duration
from pydantic_graph import GraphBuilder, StepContext
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from temporal_graph import DepsError, GraphPlugin, GraphRunError, TemporalGraph, interrupt, register_search_attributes
from tests.replay.serving import new_name, replay, until, worker_options
from tests.server.bad_graphs import Heap, Pile, heap
from tests.server.looking import unless_stuck
from tests.server.test_payloads import encrypting
from tests.support.server import DevServer

_a = GraphBuilder(name="asks", input_type=str, output_type=str, auto_instrument=False)


@_a.step
async def ask(ctx: StepContext[None, None, str]) -> str:
    return await interrupt(ctx.inputs, response_type=str)


_a.add(_a.edge_from(_a.start_node).to(ask), _a.edge_from(ask).to(_a.end_node))
asks = TemporalGraph(_a.build())


async def namespace(server: DevServer, name: str) -> None:
    """Have a namespace."""
    client = await server.connect()
    await client.workflow_service.register_namespace(
        api.RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )

    async def is_there() -> bool:
        there = await Client.connect(server.address, namespace=name)
        try:
            await there.count_workflows("")
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    await until(is_there)


@pytest.mark.parametrize("last", ["shown", "hidden"])
async def test_two_namespaces_of_which_one_has_the_search_attributes(own_server: DevServer, last: str) -> None:
    await namespace(own_server, "other")
    queue = new_name("shared")
    plugin = GraphPlugin(asks, heap)
    shown = await Client.connect(own_server.address, plugins=[plugin])
    hidden = await Client.connect(own_server.address, plugins=[plugin], namespace="other")
    await register_search_attributes(shown)
    order = [hidden, shown] if last == "shown" else [shown, hidden]
    async with (
        Worker(order[0], task_queue=queue, **worker_options()),
        Worker(order[1], task_queue=queue, **worker_options()),
    ):
        for client in order:
            run = await asks.start(client, inputs="?", id=queue, task_queue=queue)
            async with asyncio.timeout(60):
                await run.wait()
            attributes = (await client.get_workflow_handle(queue).describe()).typed_search_attributes
            assert ("GraphStatus" in {pair.key.name for pair in attributes}) == (client is shown)
        for client in order:
            run = asks.get_run(client, queue)
            await run.resume(f"of {client.namespace}")
            assert (await run.result()).output == f"of {client.namespace}"
    for client in order:
        await replay([await client.get_workflow_handle(queue).fetch_history()], asks)


@pytest.mark.parametrize("last", ["plain", "coded"])
async def test_two_converters_of_which_one_makes_payloads_larger(server_address: str, last: str) -> None:
    plugin = GraphPlugin(heap)
    plain = await Client.connect(server_address, plugins=[plugin])
    coded = await Client.connect(server_address, plugins=[plugin], data_converter=encrypting(grows=True))
    queues = {plain: new_name("plain"), coded: new_name("coded")}
    order = [coded, plain] if last == "plain" else [plain, coded]
    async with (
        Worker(order[0], task_queue=queues[order[0]], **worker_options()),
        Worker(order[1], task_queue=queues[order[1]], **worker_options()),
    ):
        node = Heap("output", 1_800_000)
        run = await heap.start(coded, node, state=Pile(), id=queues[coded], task_queue=queues[coded])
        with pytest.raises(GraphRunError, match="TooLarge"):
            await unless_stuck(coded, run.id, run.result())
        run = await heap.start(plain, node, state=Pile(), id=queues[plain], task_queue=queues[plain])
        assert len((await unless_stuck(plain, run.id, run.result())).output) == 1_800_000


class Bound:
    """Deps that belong to an event loop, as connections do."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()


left: list[asyncio.AbstractEventLoop] = []


@contextlib.asynccontextmanager
async def bound() -> AsyncGenerator[Bound]:
    deps = Bound()
    yield deps
    assert asyncio.get_running_loop() is deps.loop
    left.append(deps.loop)


_l = GraphBuilder(name="loops", deps_type=Bound, output_type=bool, auto_instrument=False)


@_l.step
async def is_here(ctx: StepContext[None, Bound, None]) -> bool:
    """Whether the deps are of the loop that this runs in."""
    return ctx.deps.loop is asyncio.get_running_loop()


_l.add(_l.edge_from(_l.start_node).to(is_here), _l.edge_from(is_here).to(_l.end_node))
loops = TemporalGraph(_l.build())


async def work(address: str, plugin: GraphPlugin, task_queue: str, until_told: threading.Event, runs: int) -> list[Any]:
    """A worker, and runs on it, until all others have theirs too."""
    client = await Client.connect(address, plugins=[plugin])
    async with Worker(client, task_queue=task_queue, **worker_options()):
        found = [
            (await loops.run(client, id=f"{task_queue}-{number}", task_queue=task_queue)).output
            for number in range(runs)
        ]
        await asyncio.to_thread(until_told.wait, 60)
        return found


async def test_two_event_loops(server_address: str, task_queue: str) -> None:
    """Workers in threads of their own: each loop has deps of its own."""
    plugin = GraphPlugin(loops, deps=bound)
    told = threading.Event()
    left.clear()
    here = asyncio.create_task(work(server_address, plugin, f"{task_queue}-here", told, 3))
    there = asyncio.create_task(
        asyncio.to_thread(asyncio.run, work(server_address, plugin, f"{task_queue}-there", told, 3))
    )
    await asyncio.sleep(3)
    told.set()
    assert await asyncio.gather(here, there) == [[True] * 3] * 2
    assert len(set(left)) == 2


async def test_two_task_queues_share_the_deps_of_their_loop(server_address: str, task_queue: str) -> None:
    left.clear()
    client = await Client.connect(server_address, plugins=[GraphPlugin(loops, deps=bound)])
    async with Worker(client, task_queue=f"{task_queue}-1", **worker_options()):
        async with Worker(client, task_queue=f"{task_queue}-2", **worker_options()):
            assert (await loops.run(client, id=f"{task_queue}-1", task_queue=f"{task_queue}-2")).output
        assert not left  # the other one needs them
        assert (await loops.run(client, id=f"{task_queue}-2", task_queue=f"{task_queue}-1")).output
    assert left == [asyncio.get_running_loop()]


class Door:
    """An async context manager that can be open once."""

    async def __aenter__(self) -> Bound:
        return Bound()

    async def __aexit__(self, *error: object) -> None:
        pass


async def test_one_object_cannot_be_entered_for_two_loops(server_address: str, task_queue: str) -> None:
    plugin = GraphPlugin(loops, deps=Door())
    told = threading.Event()
    there = asyncio.create_task(
        asyncio.to_thread(asyncio.run, work(server_address, plugin, f"{task_queue}-there", told, 1))
    )
    await asyncio.sleep(2)
    with pytest.raises(
        DepsError, match=r"Door.*of another event loop has entered.*Give the function or class that makes it"
    ):
        await work(server_address, plugin, f"{task_queue}-here", told, 1)
    told.set()
    assert await there == [True]


async def test_one_run_id_on_two_servers(server_address: str, own_server: DevServer, task_queue: str) -> None:
    """Who looks at one run sees nothing of the other."""
    plugin = GraphPlugin(asks)
    clients = [await Client.connect(address, plugins=[plugin]) for address in (server_address, own_server.address)]

    async def talk(client: Client, word: str) -> list[Any]:
        run = await asks.start(client, inputs=word, id=task_queue, task_queue=task_queue)
        seen: list[Any] = []
        async for event in run.stream():
            if event.kind == "interrupt_opened":
                seen.append((await run.pending_interrupts())[0].value)
                await run.resume(word)
            if event.kind == "run_finished":
                seen.append(event.data["output"])
        return seen

    async with (
        Worker(clients[0], task_queue=task_queue, **worker_options()),
        Worker(clients[1], task_queue=task_queue, **worker_options()),
    ):
        async with asyncio.timeout(timedelta(seconds=60).total_seconds()):
            found = await asyncio.gather(*(talk(client, word) for client, word in zip(clients, "ab", strict=True)))
    assert found == [["a", "a"], ["b", "b"]]
