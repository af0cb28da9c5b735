"""What people do in the moment in which a question's time is up, which no worker was there to see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pydantic_graph import BaseNode, End, GraphRunContext
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_graph import GraphPlugin, InterruptibleGraph, InterruptNode, InterruptPolicy
from tests.server.looking import events


@dataclass
class Ask(InterruptNode[None, None, str]):
    policy = InterruptPolicy(timeout=timedelta(seconds=2))

    async def run(self, ctx: GraphRunContext) -> End[str]:
        return End("answered")


@dataclass
class Begin(BaseNode[None, None, str]):
    async def run(self, ctx: GraphRunContext) -> Ask:
        return Ask()


graph = InterruptibleGraph([Begin, Ask], name="deadline")


async def test_who_extends_it_is_heard(server_address: str, task_queue: str) -> None:
    """The worker learns at once that the time is up, and that the question was to wait longer."""
    client = await Client.connect(server_address, plugins=[GraphPlugin(graph)])
    async with Worker(client, task_queue=task_queue):
        run = await graph.start(client, Begin(), id=task_queue, task_queue=task_queue)
        await run.wait()
    async with asyncio.timeout(30):
        while not await events(client, run.id, EventType.EVENT_TYPE_TIMER_FIRED):
            await asyncio.sleep(0.1)
    await client.get_workflow_handle(run.id).signal("extend", {"by": 3_600.0, "actor": "boss"})
    async with Worker(client, task_queue=task_queue):
        [question] = await run.pending_interrupts()
        assert question.deadline is not None
        assert question.deadline - question.created_at == timedelta(seconds=3_602)
        await run.resume()
        assert (await run.result()).output == "answered"
        assert [entry.kind for entry in await run.audit()] == ["asked", "extended", "answered"]
