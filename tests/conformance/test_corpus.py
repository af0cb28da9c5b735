"""The corpus: the same graphs by upstream, in this process, and on a server, whole and cut into many runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from temporal_graph import GraphInputError, GraphRunError, TemporalGraph
from tests.conformance.case import Case, check
from tests.conformance.corpus import CASES, MODULES, features
from tests.conformance.graphs import values
from tests.conformance.running import run_on_server, save, wrapped
from tests.conformance.upstream import by_upstream
from tests.support.process import ROOT

USED = """
    add_edge add_mapping_edge alias any broadcast bytes cancel cancel_sibling_tasks chained_join custom_reducer
    dataclass datetime decimal decision deps dict downstream_join_id edge_label empty_map end enum error
    first_end fork_id generator generic get_node_id initial initial_factory join join_node join_of_nothing
    join_of_start label lambda literal loop map map_from_join match match_node matches merge_dict merge_list
    merge_max merge_set merge_sum model nested_decision nested_fork nested_join node node_id note optional
    parent_fork_id preferred_parent_fork recursive reduce_dict_update reduce_first_value reduce_list_append
    reduce_list_extend reduce_null reduce_sum reducer_context same_shape several_ends several_joins
    several_sources state step step_node stream subclass transform tuple type_expression typed_dict undeclared
    union uuid
"""
"""What pydantic-graph can do, as the cases name it."""

by_id = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
by_module = pytest.mark.parametrize("module", MODULES, ids=[module.__name__.rpartition(".")[2] for module in MODULES])


def test_the_corpus_uses_every_feature() -> None:
    assert not set(USED.split()) - features(CASES)
    assert len({id(case.graph) for case in CASES}) >= 60
    assert len({case.id for case in CASES}) == len(CASES)


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module in a process that orders its sets by another hash seed."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )


@by_id
async def test_upstream(case: Case) -> None:
    if case.error is not None:
        with pytest.raises(Exception, match=re.escape(case.error)):
            await by_upstream(case)
    elif case.upstream_differs is not None:
        # Should this fail, upstream does what we do, and the case is to say so.
        process = run("tests.conformance.upstream", case.id)
        assert process.returncode == 1
        assert re.search(r"^(AssertionError|TimeoutError)", process.stderr, re.MULTILINE), process.stderr
    else:
        await by_upstream(case)


@by_id
async def test_local(case: Case) -> None:
    for _ in range(2):  # nothing of one run is left in the next
        run = wrapped()[case.id].local(deps=case.deps)
        going = run.proceed(inputs=case.inputs, state=case.state() if case.state else None)
        if case.error is not None:
            with pytest.raises(GraphRunError) as caught:
                await going
            assert case.error in str(caught.value)
        else:
            stop = await going
            check(case, stop.output, stop.state)


@by_module
@pytest.mark.parametrize("max_history_events", [None, pytest.param(20, marks=pytest.mark.slow)], ids=["whole", "cut"])
async def test_server(
    module: Any, max_history_events: int | None, server_address: str, task_queue: str, tmp_path: Path
) -> None:
    """Also: each history is replayed by a process that orders its sets and dicts by another hash seed."""
    histories = await run_on_server(server_address, task_queue, module.CASES, max_history_events)
    if max_history_events is None:
        assert len(histories) == len(module.CASES)
    else:
        assert len(histories) > len(module.CASES)
    save(histories, tmp_path / "histories")
    process = run("tests.conformance.replay", str(tmp_path / "histories"), str(max_history_events or 0))
    assert process.returncode == 0, process.stderr[-3_000:]


@pytest.mark.parametrize("case", values.LIMITS, ids=[case.id for case in values.LIMITS])
async def test_values_that_do_not_come_back_as_what_they_were(case: Case) -> None:
    """As the page on values says. Should one of these fail, it comes back now, and is to become a case."""
    await by_upstream(case)
    with pytest.raises((GraphRunError, GraphInputError)):
        await TemporalGraph(case.graph, name=case.id).local().proceed(inputs=case.inputs)
