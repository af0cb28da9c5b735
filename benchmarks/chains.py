"""Nodes one after the other, as activities and as local ones: time, history, and what the worker spends."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client

from benchmarks import graphs
from benchmarks.rows import Row, ratio
from benchmarks.running import QUEUE, ROUNDS, Runner, cpu_seconds, new_id, paired, say, serving, timed

AT_ONCE = 50


async def activities() -> list[Row]:
    """Nodes that are activities."""
    return await _compare("activities", graphs.chain, graphs.ChainByHand)


async def local() -> list[Row]:
    """Nodes that are local activities."""
    return await _compare("local activities", graphs.local_chain, graphs.LocalChainByHand)


async def _compare(name: str, graph: Any, workflow: Any) -> list[Row]:
    async with serving(graph) as (client, pid):

        async def ours(run_id: str) -> None:
            handle = await graph.start(client, inputs=0, id=run_id, task_queue=QUEUE)
            output = (await handle.result()).output
            assert output == graphs.LENGTH, output

        async def by_hand(run_id: str) -> None:
            output = await client.execute_workflow(workflow.run, 0, id=run_id, task_queue=QUEUE)
            assert output == graphs.LENGTH, output

        for run in (ours, by_hand):
            await timed(run, 3)  # warm
        one = await paired(f"{name}: one run", ours, by_hand, rounds=ROUNDS * 3)
        many = await paired(f"{name}: {AT_ONCE} runs at once", ours, by_hand, count=AT_ONCE)
        events, size = await _history(client, ours)
        events_by_hand, size_by_hand = await _history(client, by_hand)
        return [
            ratio(f"{name}: one run, ms", *one, scale=1_000, limit=1.15),
            ratio(f"{name}: {AT_ONCE} runs at once, s", *many, scale=1, limit=1.15),
            Row(f"{name}: events", str(events), str(events_by_hand), events / events_by_hand, 1.0),
            Row(f"{name}: history, bytes", f"{size:,}", f"{size_by_hand:,}", size / size_by_hand, 1.2),
            await _cpu(pid, name, ours, by_hand),
        ]


async def _history(client: Client, run: Runner) -> tuple[int, int]:
    run_id = new_id()
    await run(run_id)
    history = await client.get_workflow_handle(run_id).fetch_history()
    return len(history.events), sum(event.ByteSize() for event in history.events)


async def _cpu(pid: int, name: str, ours: Runner, by_hand: Runner) -> Row:
    """What the worker spends on a node more than it spends on an activity awaited by hand."""
    say(f"{name}: what the worker spends")
    spent: list[float] = []
    for run in (ours, by_hand):
        before = cpu_seconds(pid)
        for _ in range(3):
            await timed(run, AT_ONCE)
        spent.append((cpu_seconds(pid) - before) / (3 * AT_ONCE * graphs.LENGTH) * 1_000)
    figure = spent[0] - spent[1]
    return Row(
        f"{name}: worker CPU a node, ms (limit: what is ours)", f"{spent[0]:.2f}", f"{spent[1]:.2f}", figure, 1.0
    )
