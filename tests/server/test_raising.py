"""Whatever a node raises: its type, its message and whether it is tried again reach the caller, at once."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from temporal_graph import Abort, GraphRunError, NodeError, TemporalGraph
from temporal_graph.engine.raised import trace_of
from tests.server import raising_graphs as graphs
from tests.server.conftest import Serve
from tests.server.tries import TRIES

ONE_TRY = 20
"""Seconds; who waits for a heartbeat that is missed, or for the third try, takes longer."""


async def error_of(graph: TemporalGraph, client: Any, task_queue: str, kind: str) -> GraphRunError:
    """What a run that fails says, which is the same to everybody who asks."""
    name = f"{task_queue}-{graph.name}-{kind}"
    run = await graph.start(client, inputs=f"{kind}:{name}", id=name, task_queue=task_queue)
    async with asyncio.timeout(ONE_TRY):
        with pytest.raises(GraphRunError) as failed:
            await run.result()
    with pytest.raises(GraphRunError) as stopped:
        await run.wait()
    assert str(stopped.value) == str(failed.value)
    assert told(stopped.value) == told(failed.value)
    return failed.value


def told(error: BaseException) -> list[str]:
    """What is said of what led to an error."""
    found: list[str] = []
    while error.__cause__ is not None:
        error = error.__cause__
        assert isinstance(error, NodeError)
        found.append(str(error))
    return found


@pytest.mark.parametrize("graph", [graphs.raising, graphs.raising_local, graphs.raising_here], ids=lambda g: g.name)
async def test_whatever_a_node_raises(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    async with serve(graph) as client:
        errors = {kind: await error_of(graph, client, task_queue, kind) for kind in graphs.RAISES}
    for kind, (_, type_, message, is_tried_again) in graphs.RAISES.items():
        error = errors[kind]
        assert (error.node_id, error.error_type[: len(type_)]) == ("act", type_), kind
        assert error.error_message.startswith(message), kind
        assert message or str(error) == f"'act' failed with {type_}"
        if graph is not graphs.raising_here:
            tries = TRIES[f"{task_queue}-{graph.name}-{kind}"]
            assert tries == (2 if is_tried_again else 1), kind


@pytest.mark.parametrize("graph", [graphs.raising, graphs.raising_local, graphs.raising_here], ids=lambda g: g.name)
async def test_the_cause_is_told(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    async with serve(graph) as client:
        own = await error_of(graph, client, task_queue, "of_itself")
        chained = await error_of(graph, client, task_queue, "chained")
    cause = own.__cause__
    assert isinstance(cause, NodeError)
    assert (cause.type, cause.message, cause.__cause__) == ("ValueError", "no such order", None)
    assert 'raise ValueError("no such order")' in cause.stack_trace
    assert "raising_graphs.py" in str(cause)
    assert 'raise ValueError("no such order")' in "".join(traceback.format_exception(own))
    assert [line.partition("\n")[0] for line in told(chained)] == [
        "RuntimeError: the child has failed",
        "NoSeats: sold out",
        "TerminatedError: terminated",
    ]


async def test_a_failure_that_is_a_question(serve: Serve, task_queue: str) -> None:
    kinds = ["of_itself", "details", "terminated", "cancelled", "keyboard", "frozen", "touchy"]
    async with serve(graphs.asking) as client:
        for kind in kinds:
            name = f"{task_queue}-{kind}"
            run = await graphs.asking.start(client, inputs=f"{kind}:{name}", id=name, task_queue=task_queue)
            async with asyncio.timeout(ONE_TRY):
                [asked] = (await run.wait()).interrupts
            assert asked.value["error"]["type"] == graphs.RAISES[kind][1]
            assert asked.value["attempts"] == TRIES[name] == (2 if graphs.RAISES[kind][3] else 1)
            with pytest.raises(GraphRunError) as failed:
                await run.proceed(Abort())
            assert isinstance(failed.value.__cause__, NodeError)
            assert "raising_graphs.py" in failed.value.__cause__.stack_trace


@pytest.mark.parametrize("graph", [graphs.raising, graphs.raising_local], ids=lambda g: g.name)
async def test_who_would_complete_later_is_told_that_nobody_can(
    serve: Serve, task_queue: str, graph: TemporalGraph
) -> None:
    async with serve(graph) as client:
        error = await error_of(graph, client, task_queue, "complete_async")
    assert "raise_complete_async()" in error.error_message
    assert "interrupt()" in error.error_message


async def test_who_would_leave_the_workflow_fails(serve: Serve, task_queue: str) -> None:
    async with serve(graphs.stopping) as client:
        error = await error_of(graphs.stopping, client, task_queue, "stop")
    assert "ContinueAsNewError" in error.error_type


@pytest.mark.parametrize("kind", [kind for kind in graphs.RAISES if kind not in ("keyboard", "generator")])
async def test_in_this_process_it_is_the_exception_itself(kind: str) -> None:
    with pytest.raises(GraphRunError) as failed:
        await graphs.raising.local().proceed(inputs=f"{kind}:")
    _, type_, message, _ = graphs.RAISES[kind]
    assert failed.value.error_type.startswith(type_)
    assert failed.value.error_message.startswith(message)
    assert message or not failed.value.error_message
    cause = failed.value.__cause__
    assert type(cause).__name__ == type_ or kind in (
        "long_name",
        "details",
        "details_again",
        "many_details",
        "no_text",
        "later",
    )
    assert cause is not None
    assert ", line " in trace_of(cause)
