"""The past of a run: what happened, and what the run was then; and other futures, begun at any point of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import (
    Checkpoint,
    Command,
    GraphInputError,
    GraphResult,
    GraphRun,
    GraphRunError,
    RefusedError,
    RunExistsError,
    Stop,
    TemporalGraph,
)
from temporal_graph.temporal import past as pages
from tests.replay.serving import chain
from tests.server.conftest import Serve
from tests.server.looking import is_unharmed, unless_stuck
from tests.server.steering_graphs import (
    Desk,
    Draft,
    Fails,
    Lap,
    board,
    desk,
    failing,
    line,
    long_laps,
    short_board,
    short_desk,
    short_line,
)

ITEMS = ["a", "quick b", "c", "d"]
ANSWERS = {"a": "A", "c": "C", "d": "D"}


async def past(run: GraphRun[Any, Any]) -> list[Checkpoint[Any]]:
    """The whole of it, checked for what holds of every past."""
    found = [checkpoint async for checkpoint in run.history()]
    assert [checkpoint.checkpoint_id for checkpoint in found] == [str(number) for number in range(1, len(found) + 1)]
    times = [checkpoint.at for checkpoint in found if checkpoint.at is not None]
    assert times == sorted(times)
    values: dict[str, Any] = {}
    for checkpoint in found:
        values.update(checkpoint.changes)
        for name, value in values.items():
            assert getattr(checkpoint.values, name) == value
    state = await run.get_state()
    assert (found[-1].values, found[-1].status) == (state.values, state.status)
    assert found[-1].interrupts == [question.interrupt_id for question in state.interrupts]
    return found


def shown(checkpoint: Checkpoint[Any]) -> tuple[str, str | None]:
    """What happened, and where."""
    return checkpoint.kind, checkpoint.node_id


def events_of(checkpoints: list[Checkpoint[Any]]) -> list[tuple[str, str | None]]:
    """What happened, and where."""
    return [shown(checkpoint) for checkpoint in checkpoints]


async def answered(run: GraphRun[Any, Any], stop: Stop[Any, Any], answers: Mapping[str, Any]) -> Stop[Any, Any]:
    """Answer all questions, by their values, to the end."""
    while not stop.is_end:
        for question in stop.interrupts:
            await run.resume(answers[str(question.value)], interrupt_id=question.interrupt_id)
        stop = await run.wait()
    return stop


# -- History --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [desk, short_desk], ids=lambda graph: graph.name)
async def test_everything_that_happened(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    async with serve(graph) as client:
        run = await graph.start(
            client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue, interrupt_after=["Draft"]
        )
        await run.wait()
        await run.update_state({"amount": 2})
        await run.set_breakpoints(after=[])
        await run.proceed()
        await run.proceed({"verdict": "yes"})
        await run.proceed(Command(resume="web", update={"extra": "x"}))
        found = await past(run)
        assert events_of(found) == [
            ("started", None),
            ("node_finished", "Draft"),
            ("state_updated", None),
            ("answered", "Draft"),
            ("answered", "Review"),
            ("node_finished", "Review"),
            ("interrupt_opened", "Publish"),
            ("answered", "Publish"),
            ("node_finished", "Publish"),
        ]
        assert [checkpoint.changes for checkpoint in found] == [
            {"lines": [], "amount": 0, "extra": None},  # of nothing
            {"lines": ["draft a"]},
            {"amount": 2},
            {},
            {},
            {"lines": ["draft a", "review yes"]},
            {},
            {"extra": "x"},
            {"lines": ["draft a", "review yes", "publish web"]},
        ]
        assert [checkpoint.next for checkpoint in found[:5]] == [["Draft"], ["Review"], ["Review"], *[["Review"]] * 2]
        assert [checkpoint.interrupts for checkpoint in found[1:5]] == [
            ["Draft:1.after"],
            ["Draft:1.after"],
            ["Review:1"],
            [],
        ]
        assert [checkpoint.status for checkpoint in found] == [
            *("running", "waiting", "waiting", "waiting", "running"),
            *("running", "waiting", "running", "finished"),
        ]
        assert [checkpoint async for checkpoint in run.history()] == found  # and again
        assert (len(await chain(client, run.id)) > 1) == (graph is short_desk)


async def test_across_many_histories(serve: Serve, task_queue: str) -> None:
    """A run that continued as new again and again tells the same as one that did not."""
    told: list[list[Any]] = []
    for graph in (desk, short_desk):
        run_id = f"{task_queue}-{graph.name}"
        async with serve(desk, short_desk) as client:
            run = await graph.start(client, Draft("a"), state=Desk(), id=run_id, task_queue=task_queue)
            for number in range(6):
                await run.wait()
                stop = await run.proceed({"verdict": "no"})
                assert stop.interrupts[0].interrupt_id == f"Review:{number + 2}"
            found = await past(run)
            told.append([(shown(c), c.changes, c.values, c.next, c.interrupts, c.status) for c in found])
            histories = await chain(client, run.id)
            assert len(histories) == 1 if graph is desk else len(histories) > 3
            await run.cancel()
    assert told[0] == told[1]


async def test_of_runs_that_ended_otherwise(serve: Serve, task_queue: str) -> None:
    async with serve(desk, failing) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=f"{task_queue}-c", task_queue=task_queue)
        await run.wait()
        await run.cancel()
        with pytest.raises(Exception, match="has no output"):
            await run.result()
        assert events_of(await past(run)) == [("started", None), ("node_finished", "Draft"), ("cancelled", None)]

        run = await failing.start(client, Fails(), state=Desk(), id=f"{task_queue}-f", task_queue=task_queue)
        await run.wait()
        with pytest.raises(GraphRunError, match="as it was told"):
            await run.proceed(None)
        assert events_of(await past(run)) == [
            ("started", None),
            ("interrupt_opened", "Fails"),
            ("answered", "Fails"),
            ("node_failed", "Fails"),
        ]

        handle = client.get_workflow_handle(f"{task_queue}-t")
        run = await desk.start(client, Draft("a"), state=Desk(), id=handle.id, task_queue=task_queue)
        await run.wait()
        await handle.terminate()
        assert events_of([c async for c in run.history()]) == [("started", None), ("node_finished", "Draft")]


async def test_it_costs_no_events(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        length = len((await chain(client, run.id))[0].events)
        await past(run)
        assert len((await chain(client, run.id))[0].events) == length


async def test_a_long_past_comes_in_pages(serve: Serve, task_queue: str) -> None:
    """1,300,000 characters of changes are more than a page."""
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        for number in range(13):
            await run.update_state({"extra": f"{number}" + "x" * 100_000})
        page = await client.get_workflow_handle(run.id).query("history", 0)
        assert page["more"]
        found = await past(run)
        assert events_of(found) == [("started", None), ("node_finished", "Draft"), *[("state_updated", None)] * 13]
        assert [c.values.extra[:2] for c in found[2:]] == [f"{number}x"[:2] for number in range(13)]
        await run.cancel()


async def test_a_run_that_continues_as_new_between_two_pages(serve: Serve, task_queue: str) -> None:
    """Whoever reads does not miss what lies between."""
    async with serve(short_desk) as client:
        run = await short_desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        for number in range(13):
            await run.update_state({"extra": f"{number}" + "x" * 100_000})
        histories = len(await chain(client, run.id))
        reading = run.history()
        seen = [await anext(reading)]
        await run.proceed({"verdict": "no"})
        await run.proceed({"verdict": "no"})
        assert len(await chain(client, run.id)) > histories
        seen += [checkpoint async for checkpoint in reading]
        numbers = [int(checkpoint.checkpoint_id) for checkpoint in seen]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 15
        await run.cancel()


async def test_a_past_of_a_thousand_steps(serve: Serve, task_queue: str) -> None:
    async with serve(long_laps) as client:
        run = await long_laps.start(client, Lap(300), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.result()
        found = await past(run)
        assert len(found) == 301
        assert [checkpoint.values.amount for checkpoint in found] == list(range(301))


# -- Forks ----------------------------------------------------------------------------------------------------------


async def finished(run: GraphRun[Any, Any]) -> GraphResult[Any, Any]:
    """A board, with all of its questions answered."""
    await answered(run, await run.wait(), ANSWERS)
    return await run.result()


@pytest.mark.parametrize("graph", [board, pytest.param(short_board, marks=pytest.mark.slow)], ids=lambda g: g.name)
@pytest.mark.parametrize("has_ended", [False, True], ids=["open", "ended"])
async def test_from_any_checkpoint(
    serve: Serve,
    task_queue: str,
    graph: TemporalGraph[Any, Any, Any, Any],
    has_ended: bool,
) -> None:
    """With joins half filled and several questions open; each future comes to the same end."""
    async with serve(graph) as client:
        run = await graph.start(client, inputs=ITEMS, state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("A", interrupt_id="item:1.0")
        await run.wait()
        await run.resume_all({"item:3.0": "C"})
        await run.wait()
        if has_ended:
            await run.resume("D", interrupt_id="item:4.0")
            result = await run.result()
            assert result.output == ["a=A", "c=C", "d=D", "quick b="]
        found = await past(run)
        histories = await chain(client, run.id)
        for checkpoint in found:
            fork_id = f"{task_queue}-{checkpoint.checkpoint_id}"
            if checkpoint.status == "finished":
                with pytest.raises(GraphInputError, match="At this checkpoint the run was finished"):
                    await run.fork(checkpoint.checkpoint_id, id=fork_id, task_queue=task_queue)
                continue
            fork = await run.fork(checkpoint.checkpoint_id, id=fork_id, task_queue=task_queue)
            result = await unless_stuck(client, fork_id, finished(fork))
            assert result.output == ["a=A", "c=C", "d=D", "quick b="]
            assert sorted(result.state.lines) == ["item a", "item c", "item d", "item quick b", "total"]
            assert result.state.lines[: len(checkpoint.values.lines)] == checkpoint.values.lines
            # Its own past begins there.
            told = [c async for c in fork.history()]
            assert told[0].checkpoint_id == str(int(checkpoint.checkpoint_id) + 1)
            assert told[-1].status == "finished"
        # The old run is as it was.
        assert [h.events for h in await chain(client, run.id)] == [h.events for h in histories]
        assert await past(run) == found
        if not has_ended:
            await run.cancel()


async def test_a_page_of_the_past_ends_in_time(serve: Serve, task_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few bytes it has; and the next one goes on behind it."""
    monkeypatch.setattr(pages, "LONGEST", 0)
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await run.result()
        found = await client.get_workflow_handle(run.id).query("history", 0)
        assert (len(found["checkpoints"]), found["more"]) == (1, True)
        assert len(await past(run)) == found["latest"]


async def test_with_another_state(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        before = await run.result()
        found = await past(run)
        [at] = [c.checkpoint_id for c in found if shown(c) == ("node_finished", "first")]
        fork = await run.fork(at, id=f"{task_queue}-fork", task_queue=task_queue, update={"amount": 41})
        result = await fork.result()
        assert (result.output, result.state) == ("x123 of 42", Desk(["first", "second", "third"], 42))
        assert await run.result() == before
        assert fork.id == f"{task_queue}-fork"
        with pytest.raises(RefusedError, match="amuont"):
            await run.fork(at, id=f"{task_queue}-other", task_queue=task_queue, update={"amuont": 41})
        with pytest.raises(GraphInputError, match="A change of the state is a mapping"):
            await run.fork(at, id=f"{task_queue}-other", task_queue=task_queue, update=["amount"])  # type: ignore[arg-type]


async def test_the_id_of_a_run_that_is_open_is_taken(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(RunExistsError, match="exists already"):
            await run.fork("1", id=run.id, task_queue=task_queue)
        await run.cancel()


async def test_breakpoints_and_what_is_held_go_along(serve: Serve, task_queue: str) -> None:
    async with serve(short_line) as client:
        run = await short_line.start(
            client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before="*", interrupt_after="*"
        )
        stop = await run.wait()
        while not stop.is_end:
            stop = await run.proceed()
        found = [c for c in await past(run) if c.status == "waiting"]
        assert [c.interrupts for c in found] == [
            [f"{node}:1.{where}"] for node in ("first", "second", "third") for where in ("before", "after")
        ]
        for number, checkpoint in enumerate(found):
            fork_id = f"{task_queue}-{number}"
            fork = await run.fork(checkpoint.checkpoint_id, id=fork_id, task_queue=task_queue)
            stop = await fork.wait()
            assert [question.interrupt_id for question in stop.interrupts] == checkpoint.interrupts
            await fork.set_breakpoints(before=[], after=[])
            assert (await fork.proceed()).output == "x123 of 1"


async def test_a_fork_of_a_fork(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [*_, last] = await past(run)
        fork = await run.fork(last.checkpoint_id, id=f"{task_queue}-1", task_queue=task_queue, update={"amount": 1})
        await fork.wait()
        await fork.proceed({"verdict": "no"})
        [*_, last] = [c async for c in fork.history()]
        assert last.interrupts == ["Review:2"]
        again = await fork.fork(last.checkpoint_id, id=f"{task_queue}-2", task_queue=task_queue)
        stop = await again.wait()
        assert stop.state == Desk(["draft a", "review no", "draft a'"], 1)
        # What was before the fork belongs to the run that it was made of.
        with pytest.raises(GraphInputError, match="has no checkpoint '1'"):
            await fork.fork("1", id=f"{task_queue}-3", task_queue=task_queue)
        for each in (run, fork, again):
            assert [question.node_id for question in await each.pending_interrupts()] == ["Review"]
            await each.cancel()


async def test_of_a_paused_run_and_of_one_that_was_cancelled(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.pause()
        await run.update_state({"amount": 1})
        await run.cancel()
        with pytest.raises(Exception, match="has no output"):
            await run.result()
        found = await past(run)
        assert events_of(found)[-2:] == [("state_updated", None), ("cancelled", None)]
        assert found[-2].status == "paused"
        with pytest.raises(GraphInputError, match="the run was cancelled"):
            await run.fork(found[-1].checkpoint_id, id=f"{task_queue}-1", task_queue=task_queue)
        fork = await run.fork(found[-2].checkpoint_id, id=f"{task_queue}-2", task_queue=task_queue)
        stop = await fork.wait()  # a run that has just been started is not paused
        assert (stop.status, stop.state.amount) == ("waiting", 1)
        assert [question.node_id for question in (await fork.proceed({"verdict": "yes"})).interrupts] == ["Publish"]
        await fork.cancel()


@pytest.mark.parametrize(
    "checkpoint_id",
    [
        "",
        "0",
        "-1",
        "99",
        "x",
        "1.0",
        "²",
        " 1",
        pytest.param(
            "9" * 5_000,
            id="digits",
        ),
    ],
)
async def test_a_checkpoint_that_there_is_not(serve: Serve, task_queue: str, checkpoint_id: str) -> None:
    async with serve(short_desk) as client:
        run = await short_desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        for _ in range(3):
            await run.wait()
            await run.proceed({"verdict": "no"})
        with pytest.raises(GraphInputError, match=r"has no checkpoint .*newest by now is '\d+'(, its oldest '1')?\.$"):
            await run.fork(checkpoint_id, id=f"{task_queue}-fork", task_queue=task_queue)
        assert await is_unharmed(client, run.id)
        await run.cancel()


async def test_a_snapshot_that_another_graph_cannot_go_on_from(serve: Serve, task_queue: str) -> None:
    async with serve(desk, board) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        taken = board.get_run(client, run.id)
        with pytest.raises(Exception, match="The snapshot is of graph 'desk', not of 'board'") as refused:
            await taken.fork("1", id=f"{task_queue}-fork", task_queue=task_queue)
        assert type(refused.value).__module__.startswith("temporal_graph")
        await run.cancel()
