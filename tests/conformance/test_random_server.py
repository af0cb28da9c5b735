"""Generated graphs on a server: what they mean, in one run and cut into many."""

from __future__ import annotations

import asyncio

import pytest

from temporal_graph import TemporalGraph
from tests.conformance.random_graphs import Mode, State, build, oracle, outcome, sample
from tests.replay.serving import chain, replay, serving

SEEDS = range(12)


@pytest.mark.parametrize("mode", ["explicit", "closest", "farthest"])
async def test_our_driver_means_what_the_oracle_says(mode: Mode, server_address: str, task_queue: str) -> None:
    samples = [sample(seed, mode=mode) for seed in SEEDS]
    graphs = [
        TemporalGraph(build(program), name=f"random_{seed}", max_history_events=[None, 15][seed % 2])
        for seed, (program, _) in zip(SEEDS, samples, strict=True)
    ]
    async with serving(server_address, task_queue, *graphs) as client:

        async def check(number: int) -> None:
            program, value = samples[number]
            run_id = f"{task_queue}-{number}"
            run = await graphs[number].start(client, inputs=value, state=State(), id=run_id, task_queue=task_queue)
            result = await run.result()
            assert outcome(result.output, result.state.visits) == oracle(program, value)
            await replay(await chain(client, run_id), *graphs)

        await asyncio.gather(*(check(number) for number in range(len(samples))))
