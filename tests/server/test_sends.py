"""Steps that return a list of `Send`: different nodes in parallel, one join, and errors that name the nodes."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph import Command, GraphRunError, Send, TemporalGraph
from tests.server.conftest import Serve
from tests.server.looking import is_unharmed, scheduled, unless_stuck
from tests.server.steering_graphs import Desk, Piece, sends, short_sends


def expected(count: int) -> list[str]:
    """What comes of so many parts."""
    return [f"check {number}" if number % 2 else f"write ({number}, 'even')" for number in range(count)]


@pytest.mark.parametrize("graph", [sends, short_sends], ids=lambda graph: graph.name)
@pytest.mark.parametrize("count", [0, 1, 2, 9])
async def test_all_parts_arrive_at_one_join(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any], count: int
) -> None:
    async with serve(graph) as client:
        run = await graph.start(client, inputs=count, state=Desk(), id=task_queue, task_queue=task_queue)
        result = await unless_stuck(client, run.id, run.result())
        assert sorted(result.output) == sorted(expected(count))
        assert sorted(result.state.lines) == ["check"] * (count // 2) + ["write"] * (count - count // 2)


async def test_each_kind_is_an_activity_of_its_own(serve: Serve, task_queue: str) -> None:
    async with serve(sends) as client:
        run = await sends.start(client, inputs=2, state=Desk(), id=task_queue, task_queue=task_queue)
        await run.result()
        assert set(await scheduled(client, run.id)) == {"divide", "check", "write"}


@pytest.mark.parametrize(("inputs", "says"), [(13, "nobody"), (14, "'check' failed")], ids=["nobody", "no_piece"])
async def test_what_is_sent_to_nobody_or_does_not_fit(serve: Serve, task_queue: str, inputs: int, says: str) -> None:
    async with serve(sends) as client:
        run = await sends.start(client, inputs=inputs, state=Desk(), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match=says):
            await unless_stuck(client, run.id, run.result())
        assert await is_unharmed(client, run.id)


async def test_with_breakpoints_before_each_part(serve: Serve, task_queue: str) -> None:
    async with serve(sends) as client:
        run = await sends.start(
            client, inputs=4, state=Desk(), id=task_queue, task_queue=task_queue, interrupt_before=["check"]
        )
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["check:1.before", "check:2.before"]
        assert (await run.get_state()).values.lines == ["write", "write"]
        await run.resume(interrupt_id="check:2.before")
        await run.resume(Command(goto=Send("check", Piece(7))), interrupt_id="check:1.before")
        stop = await run.wait()  # where it was sent it stops too
        [question] = stop.interrupts
        stop = await run.proceed(interrupt_id=question.interrupt_id)
        assert sorted(stop.output or []) == ["check 3", "check 7", "write (0, 'even')", "write (2, 'even')"]
