"""Time-outs, reminders and escalations on a server whose time is skipped."""

from __future__ import annotations

import time
from datetime import timedelta

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_graph import GraphPlugin
from tests.policies import graphs
from tests.policies.graphs import Claim, Review


def connected(environment: WorkflowEnvironment, plugin: GraphPlugin) -> Client:
    config = environment.client.config()
    config["plugins"] = [plugin]
    return Client(**config)


async def test_a_chain_of_72_hours(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    client = connected(time_skipping, GraphPlugin(graphs.review))
    async with Worker(client, task_queue=task_queue):
        began_at = time.monotonic()
        run = await graphs.review.start(client, Review(), state=Claim(), id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(timedelta(hours=73))
        result = await run.result()
        took = time.monotonic() - began_at
        audit = await run.audit()
    assert result.output == "declined via timeout by None"
    began = audit[0].at
    assert [(e.kind, round((e.at - began) / timedelta(hours=1), 2), e.data.get("to")) for e in audit] == [
        ("asked", 0, None),
        ("reminded", 12, ["ann"]),
        ("escalated", 24, ["bob"]),
        ("reminded", 36, ["bob"]),
        ("escalated", 48, ["boss", "cfo"]),
        ("reminded", 60, ["boss", "cfo"]),
        ("timed_out", 72, None),
    ]
    # The only test that says how long something takes: it is promised that nobody waits for such a chain to be tested.
    assert took < 5
