"""The replay in another process, with another order of sets, which each test on a server ends with, can fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

from temporal_graph import TemporalGraph
from tests.replay.other_seed import OtherSeed, place_of, replay_runs
from tests.replay.serving import serving

NAMES = {f"name_{number}" for number in range(12)}


async def same(ctx: StepContext[None, None, str]) -> str:
    return ctx.inputs


def in_the_order_of_the_set(ctx: StepContext[None, None, None]) -> list[str]:
    return list(NAMES)


def in_order(ctx: StepContext[None, None, None]) -> list[str]:
    return sorted(NAMES)


def one_node_for_each(name: str, order: object) -> TemporalGraph:
    """A graph in which the driver starts a node for each name, in some order: activities of different types."""
    g = GraphBuilder(name=name, output_type=list[str], auto_instrument=False)
    decision = g.decision(node_id="which")
    steps = [g.step(same, node_id=each) for each in sorted(NAMES)]
    for step in steps:
        decision = decision.branch(g.match(str, matches=lambda value, only=step.id: value == only).to(step))
    done = g.join(reduce_list_append, initial_factory=list[str], node_id="done")
    g.add(
        g.edge_from(g.start_node).transform(order).map(fork_id="each").to(decision),
        g.edge_from(*steps).to(done),
        g.edge_from(done).to(g.end_node),
    )
    return TemporalGraph(g.build())


unsorted = one_node_for_each("unsorted", in_the_order_of_the_set)
ordered = one_node_for_each("ordered", in_order)


async def test_an_order_of_a_set_in_the_driver_is_noticed(
    server_address: str, task_queue: str, other_seed: OtherSeed
) -> None:
    async with serving(server_address, task_queue, unsorted, ordered) as client:
        for graph in (unsorted, ordered):
            result = await graph.run(client, id=f"{graph.name}-{task_queue}", task_queue=task_queue)
            assert set(result.output) == NAMES
    await replay_runs(client, task_queue, [ordered], other_seed)
    # A replay in this process would raise an error of the SDK's own.
    with pytest.raises(AssertionError, match=rf"(?s)PYTHONHASHSEED={other_seed.seed}.*(Nondeterminism|TMPRL1100)"):
        await replay_runs(client, task_queue, [ordered, unsorted], other_seed)
    await replay_runs(client, task_queue, [ordered], other_seed)


def test_graphs_are_found_by_name() -> None:
    assert place_of(ordered) == (__name__, "ordered")
    assert place_of(TemporalGraph(ordered.graph)) is None


def test_a_process_that_does_not_answer(tmp_path: Path) -> None:
    never_written = tmp_path / "never_written"
    os.mkfifo(never_written)
    other_seed = OtherSeed(tmp_path, timeout=0.5)
    answer = other_seed.ask({"files": [str(never_written)], "graphs": [(__name__, "ordered")]})
    assert str(answer).endswith("it ended with -9")
    other_seed.close()
    other_seed = OtherSeed(tmp_path)
    assert "_replay() missing" in str(other_seed.ask({}))
    with pytest.raises(AssertionError, match="no_such_module"):
        other_seed.replay([], [("no_such_module", "graph")])
    other_seed.replay([], [(__name__, "ordered")])
    other_seed.close()
