"""Generated graphs on our engine, in this process: every one of them means what the oracle says."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings

from temporal_graph import TemporalGraph
from temporal_graph.engine import snapshot
from temporal_graph.engine.engine import Engine
from temporal_graph.messages import NodeInput, dump_input, dump_result, load_input, load_result
from temporal_graph.starting import dump_start, load_start
from tests.conformance.random_graphs import Mode, Program, State, Value, build, oracle, outcome, programs
from tests.conformance.test_random_upstream import SMALLEST_BREAKAGE, SMALLEST_BY_RULE, SMALLEST_INPUT

MODES: tuple[Mode, ...] = ("explicit", "closest", "farthest")
COUNTS = pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.slow)])


def times(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


@COUNTS
@pytest.mark.parametrize("mode", MODES)
def test_our_engine_means_what_the_oracle_says(mode: Mode, count: int) -> None:
    @times(count)
    @given(programs(mode))
    def check(case: tuple[Program, Value]) -> None:
        program, value = case
        run = TemporalGraph(build(program), name="random").local()
        stop = asyncio.run(run.proceed(inputs=value, state=State()))
        assert outcome(stop.output, stop.state.visits) == oracle(program, value)

    check()


@COUNTS
@pytest.mark.parametrize("mode", MODES)
def test_a_snapshot_between_any_two_events_is_complete(mode: Mode, count: int) -> None:
    @times(count)
    @given(programs(mode))
    def check(case: tuple[Program, Value]) -> None:
        program, value = case
        got = asyncio.run(run_in_pieces(TemporalGraph(build(program), name="random"), value))
        assert got == oracle(program, value)

    check()


async def run_in_pieces(graph: TemporalGraph, value: Value) -> object:
    """Run a graph one node at a time, and go on from a snapshot as JSON after every single event."""
    compiled = graph.registered.compiled
    message = dump_start(compiled, None, value, State())
    engine = Engine(compiled.spec, compiled.functions, compiled.plan)
    engine.apply(load_start(compiled, message["inputs"], message["state"], None), "")
    while engine.status == "running":
        work = engine.begin(engine.ready[0])
        sent = load_input(dump_input(NodeInput(work.task_id, work.value, json.dumps(work.state), work.answers)))
        result = dump_result(await compiled.runner.run(work.node_id, sent, None))
        engine.apply(load_result(work.task_id, result, compiled.runner.types(work.node_id)), "")
        written = json.dumps(snapshot.dump(engine))
        engine = snapshot.load(json.loads(written), compiled.spec, compiled.functions, compiled.plan)
    assert engine.failure is None, engine.failure
    assert engine.output is not None
    assert compiled.state is not None
    return outcome(compiled.output.load(engine.output.data), compiled.state.load_python(engine.state).visits)


async def test_the_join_rule_holds_where_upstream_breaks_it() -> None:
    run = TemporalGraph(SMALLEST_BREAKAGE, name="smallest").local()
    stop = await run.proceed(inputs=SMALLEST_INPUT)
    assert sorted(stop.output) == SMALLEST_BY_RULE
