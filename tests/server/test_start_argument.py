"""`start_argument` and `result_type=GraphResult[...]`: runs as children of workflows, from schedules, from anywhere."""

from __future__ import annotations

import copy
import json
import pickle
from collections import OrderedDict
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from temporal_graph import GraphInputError, GraphResult
from tests.replay.serving import until, worker_options
from tests.server.child_graphs import MONDAY, ORDERED, Book, Claim, Handed, Month, Paid, Refused, claim
from tests.server.conftest import Serve
from tests.server.graphs import Chat, Greet, WaitForName, greet

CONVERTERS = {"json": DataConverter.default, "pydantic": pydantic_data_converter}


@pytest.fixture(params=CONVERTERS)
async def parents(request: pytest.FixtureRequest, server_address: str) -> Client:
    """A client without a plugin, of a program that knows the graph and does not run it."""
    return await Client.connect(server_address, data_converter=CONVERTERS[request.param])


def test_it_is_json_and_stays_what_it_is() -> None:
    argument = claim.start_argument(inputs=Claim(5, ORDERED), state=Book(steps=("a",)), interrupt_before=["decide"])
    assert argument["inputs"] == {"amount": 5, "tags": ORDERED}
    assert argument["state"]["steps"] == ["a"]
    assert argument["interrupt_before"] == ["decide"]
    for same in (json.loads(json.dumps(argument)), copy.deepcopy(argument), pickle.loads(pickle.dumps(argument))):
        assert same == argument
    assert greet.start_argument(Greet())["start_node"] == {"node_id": "Greet", "data": {}}


def test_what_does_not_fit_is_no_argument() -> None:
    with pytest.raises(GraphInputError, match="takes inputs, Claim, and got none"):
        claim.start_argument()
    with pytest.raises(GraphInputError, match="does not fit the inputs"):
        claim.start_argument(inputs="x")  # pyright: ignore[reportArgumentType] - the mistake
    with pytest.raises(GraphInputError, match="no node 'decode' to stop at"):
        claim.start_argument(inputs=Claim(1), interrupt_after=["decode"])


@pytest.mark.parametrize(
    ("amount", "answer", "end"),
    [(250, "ann", Paid("ann")), (250, "eve", Refused("eve")), (5, None, Paid("nobody"))],
)
async def test_a_child_gives_back_what_it_was(
    serve: Serve, parents: Client, task_queue: str, amount: int, answer: str | None, end: object
) -> None:
    """The parents' worker has no plugin, and so imports the graph's module inside its sandbox."""
    async with (
        serve(claim),
        Worker(parents, task_queue=f"{task_queue}-2", workflows=[Month], **worker_options()),
    ):
        [output, is_same, votes] = await parents.execute_workflow(
            "Month", args=[amount, answer, task_queue], id=f"{task_queue}-1", task_queue=f"{task_queue}-2"
        )
        # In this order: none of it has been sorted on its way.
        assert votes == ["mia", "zoe", "ann"]
        assert output == repr(end)
        assert is_same


async def test_the_failure_of_a_child_is_the_runs(serve: Serve, parents: Client, task_queue: str) -> None:
    async with (
        serve(claim),
        Worker(parents, task_queue=f"{task_queue}-2", workflows=[Month], **worker_options()),
    ):
        said = await parents.execute_workflow(
            "Month", args=[-1, None, task_queue], id=f"{task_queue}-1", task_queue=f"{task_queue}-2"
        )
        assert said == ["GraphRunError", "decide", "-1 is no amount"]


async def test_parent_and_child_have_one_worker(serve: Serve, task_queue: str) -> None:
    async with serve(claim, workflows=[Month, Handed]) as client:
        args = [250, "ann", task_queue]
        [output, *_] = await client.execute_workflow("Month", args=args, id=f"{task_queue}-1", task_queue=task_queue)
        assert output == repr(Paid("ann"))
        # What nobody has named a type for is the JSON that it is.
        given = await client.execute_workflow(
            "Handed", args=[5, task_queue], id=f"{task_queue}-2", task_queue=task_queue
        )
        assert given["output"] == {"$type": "Paid", "value": {"by": "nobody"}}
        assert given["state"]["steps"] == ["asked"]


async def test_any_handle_takes_the_result_type(serve: Serve, parents: Client, task_queue: str) -> None:
    async with serve(claim):
        argument = claim.start_argument(inputs=Claim(5, ORDERED))
        typed: Any = GraphResult[Paid | Refused, Book]
        handle = await parents.start_workflow(
            "claim", argument, id=f"{task_queue}-1", task_queue=task_queue, result_type=typed
        )
        result: Any = await handle.result()
        assert result == GraphResult(Paid("nobody"), Book(MONDAY, ("asked",), ORDERED))
        half: Any = parents.get_workflow_handle(handle.id, result_type=GraphResult[Paid | Refused])
        assert (await half.result()).output == Paid("nobody")
        wrong: Any = parents.get_workflow_handle(handle.id, result_type=GraphResult[int, Book])
        with pytest.raises(ValueError, match="this is no int"):
            await wrong.result()


async def test_the_same_start_by_both_ways_is_the_same(serve: Serve, parents: Client, task_queue: str) -> None:
    async with serve(claim) as client:
        inputs, state = Claim(250, OrderedDict(ORDERED)), Book(votes={"mia": 3, "bob": 1})
        argument = claim.start_argument(inputs=inputs, state=state)
        await parents.start_workflow("claim", argument, id=f"{task_queue}-1", task_queue=task_queue)
        stop = await claim.proceed(client, id=f"{task_queue}-1", inputs=inputs, state=state, task_queue=task_queue)
        assert [question.value for question in stop.interrupts] == ["Pay 250?"]
        with pytest.raises(GraphInputError, match="with other inputs"):
            await claim.proceed(client, id=f"{task_queue}-1", inputs=Claim(251), task_queue=task_queue)


async def test_breakpoints_and_first_nodes_go_along(serve: Serve, client: Client, task_queue: str) -> None:
    async with serve(greet):
        argument = greet.start_argument(Greet(), state=Chat("Bob"), interrupt_before=[Greet])
        await client.start_workflow("greet", argument, id=f"{task_queue}-1", task_queue=task_queue)
        stop = await greet.get_run(client, f"{task_queue}-1").wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Greet:1.before"]
        stop = await greet.get_run(client, f"{task_queue}-1").proceed()
        assert stop.next_node == WaitForName()


async def test_a_schedule_starts_runs(serve: Serve, parents: Client, task_queue: str) -> None:
    async with serve(claim):
        action = ScheduleActionStartWorkflow(
            "claim", claim.start_argument(inputs=Claim(250, ORDERED)), id=f"{task_queue}-1", task_queue=task_queue
        )
        spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=365))])
        schedule = await parents.create_schedule(f"{task_queue}-s", Schedule(action, spec))
        try:
            await schedule.trigger()

            async def started() -> list[Any]:
                return (await schedule.describe()).info.recent_actions

            [done] = await until(started)
            run = claim.get_run(parents, done.action.workflow_id)
            await run.wait()
            stop = await run.proceed("ann")
            assert stop.output == Paid("ann")
            assert list(stop.state.votes) == ["zoe", "ann"]
        finally:
            await schedule.delete()
