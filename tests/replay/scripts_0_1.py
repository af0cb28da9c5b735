"""The scripts of the histories of release 0.1: each run does something that the driver has a path of its own for."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from temporal_graph import AnswerRefusedError, GraphPlugin, GraphRunError, TemporalGraph
from tests.replay import release_0_1 as release
from tests.replay.recording import IDENTITY, QUEUE, Write
from tests.replay.release_0_1 import Case, Report, Turn
from tests.replay.serving import chain, until
from tests.support.server import DevServer

Graph = TemporalGraph[Any, Any, Any, Any]


async def pipeline(client: Client, graph: Graph) -> None:
    run = await graph.start(client, inputs=[[1, 25], [], [12, 3, 40]], state=Report(), id=graph.name, task_queue=QUEUE)
    assert (await run.result()).output == {"sum": 21, "groups": 3, "count": 5}


async def people(client: Client, graph: Graph) -> None:
    """Every way to answer, and to answer wrongly."""
    sdk: WorkflowHandle[Any, Any] = client.get_workflow_handle(graph.name)
    run = await graph.start(client, inputs=["a", "b"], state=Case(), id=graph.name, task_queue=QUEUE)
    await run.wait()
    early = {"interrupt_id": "judge:2.1", "value": "blue", "answer_id": "early"}
    await sdk.signal("resume", early)
    await sdk.signal("resume", args=[])
    await sdk.signal("resume", args=[1, 2])
    await sdk.signal("resume", {"interrupt_id": "judge:1.0", "value": {"approved": "maybe"}})
    await sdk.signal("unknown", 1)
    try:
        await run.resume({"approved": []}, interrupt_id="judge:1.0")
    except AnswerRefusedError:
        await run.resume({"approved": True}, interrupt_id="judge:1.0", actor="ana", answer_id="one")
    await run.resume({"approved": True}, interrupt_id="judge:1.0", actor="ana", answer_id="one")
    await sdk.signal("resume", {"interrupt_id": "judge:2.0", "value": {"approved": False, "note": "n"}})
    await run.resume({"name": "Bob"}, interrupt_id="Sign")
    await run.proceed("first", interrupt_id="talk:1.0")
    await until(lambda: _asks(run, "judge:1.1"))
    await run.proceed("red", interrupt_id="judge:1.1")
    await until(lambda: _asks(run, "talk:1.1"))
    await sdk.signal("resume", {"value": "second"})
    output = (await run.result()).output
    assert sorted(output) == ["a: True red", "b: False blue", "first second", "signed by Bob"]


async def _asks(run: Any, interrupt_id: str) -> bool:
    return interrupt_id in [pending.interrupt_id for pending in await run.pending_interrupts()]


async def turns(client: Client, graph: Graph) -> None:
    stop = await graph.proceed(client, id=graph.name, from_node=Turn(20), state=Case(), task_queue=QUEUE)
    while not stop.is_end:
        stop = await graph.get_run(client, graph.name).proceed({"answer": str(stop.next_node)})
    assert len(stop.output) == 6


async def first(client: Client, graph: Graph) -> None:
    result = await graph.run(client, inputs=[600.0, 0.2, 700.0], id=graph.name, task_queue=QUEUE)
    assert result.output == [0.2]


async def errors(client: Client, graph: Graph) -> None:
    for how in ("twice", "always", "edge"):
        run = await graph.start(client, inputs=how, state=Case(), id=f"{graph.name}-{how}", task_queue=QUEUE)
        try:
            assert (await run.result()).output == "twice"
        except GraphRunError:
            assert how != "twice"


async def patient(client: Client, graph: Graph) -> None:
    result = await graph.run(client, inputs=0, id=graph.name, task_queue=QUEUE)
    assert sorted(result.output) == ["12 laps", "long"]


async def no_nodes(client: Client, graph: Graph) -> None:
    assert (await graph.run(client, inputs=[1, 2, 3], id=graph.name, task_queue=QUEUE)).output == 6
    await client.start_workflow(graph.name, {"inputs": "no list"}, id=f"{graph.name}-wrong", task_queue=QUEUE)


SCRIPTS = {
    release.pipeline: pipeline,
    release.short_pipeline: pipeline,
    release.first: first,
    release.people: people,
    release.short_people: people,
    release.turns: turns,
    release.local_turns: turns,
    release.errors: errors,
    release.patient: patient,
    release.no_nodes: no_nodes,
}


async def record(write: Write) -> None:
    """Run every script on one server."""
    with tempfile.TemporaryDirectory() as data:
        async with DevServer(Path(data)) as server:
            plugin = GraphPlugin(*SCRIPTS)
            client = await Client.connect(server.address, plugins=[plugin], identity=IDENTITY)
            async with Worker(client, task_queue=QUEUE, identity=IDENTITY):
                await asyncio.gather(*(script(client, graph) for graph, script in SCRIPTS.items()))
                ids = {execution.id async for execution in client.list_workflows()}
                for run_id in sorted(ids):
                    write(run_id, await chain(client, run_id))
