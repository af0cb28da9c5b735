"""What goes to the server with one workflow task is less than the 4 MiB that it takes: of whatever it is made."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from pydantic_graph import GraphBuilder, StepContext, reduce_list_append
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, Worker

from temporal_graph import GraphPlugin, GraphRunError, NodeOptions, Retry, TemporalGraph, interrupt, once, step
from tests.replay.serving import chain, replay, serving, until, worker_options
from tests.server.looking import COMPLETED, failures
from tests.server.test_payloads import encrypting

_make: Any = GraphBuilder
LOCAL = NodeOptions(execution="local")
HERE = NodeOptions(execution="workflow")
RUNS: dict[str, int] = {}
"""How often nodes ran."""


def _mapped(name: str, call: Any, **options: Any) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that calls a node for each of its inputs, and counts the letters that these return."""
    g = _make(name=name, input_type=list[int], output_type=int)
    node = g.step(call, node_id="node")
    total = g.join(_letters, initial=0, node_id="total")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(node),
        g.edge_from(node).to(total),
        g.edge_from(total).to(g.end_node),
    )
    return TemporalGraph(g.build(), **options)


def _letters(so_far: int, text: str) -> int:
    return so_far + len(text)


async def letters(ctx: StepContext[None, None, int]) -> str:
    """As many letters."""
    return "x" * ctx.inputs


async def counted(ctx: StepContext[None, None, int]) -> str:
    """Notes that it has run."""
    RUNS[f"{ctx.inputs}"] = RUNS.get(f"{ctx.inputs}", 0) + 1
    return "x" * ctx.inputs


async def slow(ctx: StepContext[None, None, int]) -> str:
    """Takes longer than its workflow task may."""
    await asyncio.sleep(1.5)
    return "x" * ctx.inputs


async def of_step(ctx: StepContext[None, None, int]) -> str:
    """Gives many letters to a function."""
    return "x" * await step(length, "x" * ctx.inputs)


async def length(text: str) -> int:
    """How long it is."""
    return len(text)


local_letters = _mapped("local_letters", letters, node_options={"node": LOCAL})
local_counted = _mapped("local_counted", counted, node_options={"node": LOCAL})
local_slow = _mapped("local_slow", slow, node_options={"node": LOCAL})
of_steps = _mapped("of_steps", of_step, node_options={"node": HERE}, steps=[length])

_g = _make(name="local_loop", input_type=int, output_type=str)


@_g.step
async def again(ctx: StepContext[None, None, int]) -> tuple[int, str]:
    """One of those that come one after the other."""
    return ctx.inputs - 1, "x" * 600_000


@_g.step
async def first(ctx: StepContext[None, None, tuple[int, str]]) -> int:
    """Hands the number on."""
    return ctx.inputs[0]


@_g.step
async def last(ctx: StepContext[None, None, int]) -> str:
    """The end."""
    return f"{ctx.inputs} are left"


def _is_any(left: int) -> bool:
    return left > 0


_g.add(
    _g.edge_from(_g.start_node).to(again),
    _g.edge_from(again).to(first),
    _g.edge_from(first).to(
        _g.decision(node_id="over").branch(_g.match(int, matches=_is_any).to(again)).branch(_g.match(int).to(last))
    ),
    _g.edge_from(last).to(_g.end_node),
)
local_loop: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(_g.build(), options=LOCAL)

_h = _make(name="beside_person", input_type=list[int], output_type=list[int])


@_h.step
async def person(ctx: StepContext[None, None, list[int]]) -> str:
    """Waits in the workflow."""
    return await interrupt("?", response_type=str)


def _texts(ctx: StepContext[None, None, list[int]]) -> list[str]:
    return ["x" * number for number in ctx.inputs]


async def size(ctx: StepContext[None, None, str]) -> int:
    """Takes many letters."""
    return len(ctx.inputs)


_many = _h.step(size, node_id="size")


@_h.step
async def nothing(ctx: StepContext[None, None, str]) -> int:
    """After the person."""
    return 0


_all = _h.join(reduce_list_append, initial_factory=list[int], node_id="all")
_h.add(
    _h.edge_from(_h.start_node).to(person),
    _h.edge_from(_h.start_node).transform(_texts).map(fork_id="each").to(_many),
    _h.edge_from(person).to(nothing),
    _h.edge_from(_many, nothing).to(_all),
    _h.edge_from(_all).to(_h.end_node),
)
beside_person: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(_h.build(), node_options={"person": HERE})


async def _goes_through(
    address: str, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any], inputs: Any, output: Any, **options: Any
) -> None:
    async with serving(address, task_queue, graph) as client:
        run = await graph.start(client, inputs=inputs, id=task_queue, task_queue=task_queue, **options)
        assert (await run.result()).output == output
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, graph)


@pytest.mark.parametrize(
    "inputs",
    [[1_000_000] * 6, [9_900] * 400, [400_000, 10, 2_000_000, 9_000] * 2],
    ids=["six large", "many", "all kinds"],
)
async def test_results_of_local_nodes(server_address: str, task_queue: str, inputs: list[int]) -> None:
    await _goes_through(server_address, task_queue, local_letters, inputs, sum(inputs))


async def test_results_of_local_nodes_one_after_the_other(server_address: str, task_queue: str) -> None:
    await _goes_through(server_address, task_queue, local_loop, 9, "0 are left")


async def test_a_local_node_with_a_large_result_runs_once(server_address: str, task_queue: str) -> None:
    RUNS.clear()
    inputs = [1_000_001, 1_000_002, 1_000_003, 1_000_004, 1_000_005]
    await _goes_through(server_address, task_queue, local_counted, inputs, sum(inputs))
    assert dict.fromkeys(map(str, inputs), 1) == RUNS


async def test_results_of_local_nodes_that_take_longer_than_a_task(server_address: str, task_queue: str) -> None:
    inputs = [1_000_000, 5, 1_000_000, 1_500_000]
    short = timedelta(seconds=1)
    await _goes_through(server_address, task_queue, local_slow, inputs, sum(inputs), task_timeout=short)


async def test_what_nodes_in_the_workflow_give_to_step(server_address: str, task_queue: str) -> None:
    inputs = [1_000_000, 3, 2_000_000, 1_000_000, 1_500_000]
    # Each returns as many letters, but these do not leave the worker.
    await _goes_through(server_address, task_queue, of_steps, inputs, sum(inputs))


async def fails(ctx: StepContext[None, None, int]) -> str:
    """Does something once, and says much of why it has failed."""
    await once("noted", noted, ctx.inputs)
    try:
        raise ValueError("漢" * 20_000)
    except ValueError as error:
        raise ApplicationError(f"{ctx.inputs}: {'漢' * 150_000}", "d" * 90_000, type="Odd") from error


def noted(number: int) -> str:
    """Notes that it has run."""
    RUNS[f"{number}"] = RUNS.get(f"{number}", 0) + 1
    return "o" * 30_000


TWICE = RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=1))
failing = _mapped("failing_local", fails, node_options={"node": dataclasses.replace(LOCAL, retry_policy=TWICE)})
asking = _mapped(
    "failing_local_asks",
    fails,
    node_options={"node": dataclasses.replace(LOCAL, retry_policy=TWICE, on_failure="interrupt")},
)


async def test_errors_of_local_nodes(server_address: str, task_queue: str) -> None:
    """A hundred at once, each of some 200,000 bytes."""
    async with serving(server_address, task_queue, failing) as client:
        run = await failing.start(client, inputs=list(range(100)), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match=r"'node' failed with Odd: \d+: 漢{1000}") as caught:
            await run.result()
        causes = str(caught.value.__cause__)
        assert "raise ApplicationError" in causes
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, failing)


async def test_errors_of_local_nodes_that_are_questions(server_address: str, task_queue: str) -> None:
    RUNS.clear()
    async with serving(server_address, task_queue, asking) as client:
        run = await asking.start(client, inputs=list(range(46)), id=task_queue, task_queue=task_queue)

        async def all_ask() -> bool:
            return len(await run.pending_interrupts()) == 46

        await until(all_ask)
        one = (await run.pending_interrupts())[0]
        assert (one.value["error"]["type"], one.value["attempts"]) == ("Odd", 2)
        await run.resume(Retry(), interrupt_id=one.interrupt_id)

        async def asks_again() -> bool:
            return any(found.interrupt_id.endswith(".failure-2") for found in await run.pending_interrupts())

        await until(asks_again)
        assert dict.fromkeys(map(str, range(46)), 1) == RUNS
        histories = await chain(client, run.id)
        assert not any(failures(history.events) for history in histories)
        await run.cancel()
    await replay(histories, asking)


async def test_large_nodes_do_not_wait_for_a_person_beside_them(server_address: str, task_queue: str) -> None:
    async with serving(server_address, task_queue, beside_person) as client:
        run = await beside_person.start(client, inputs=[1_900_000] * 3, id=task_queue, task_queue=task_queue)

        async def have_ended() -> bool:
            found = await chain(client, run.id)  # so much of it continues as new
            return sum(event.event_type == COMPLETED for history in found for event in history.events) == 3

        await until(have_ended)
        await run.resume("yes")
        assert sorted((await run.result()).output) == [0, *[1_900_000] * 3]
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    await replay(histories, beside_person)


class Hex(PayloadCodec):
    """Makes everything more than twice as long."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See base class."""
        encoded = [payload.SerializeToString().hex().encode() for payload in payloads]
        return [Payload(metadata={"encoding": b"binary/hex", "key": b"k" * 200}, data=data) for data in encoded]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See base class."""
        return [
            Payload.FromString(bytes.fromhex(payload.data.decode()))
            if payload.metadata["encoding"] == b"binary/hex"
            else payload
            for payload in payloads
        ]


def _plus(one: int, other: int) -> int:
    return one + other


_s = _make(name="sizes", input_type=list[int], output_type=int)
_size = _s.step(size, node_id="size")
_sum = _s.join(_plus, initial=0, node_id="sum")
_s.add(
    _s.edge_from(_s.start_node).transform(_texts).map(fork_id="each").to(_size),
    _s.edge_from(_size).to(_sum),
    _s.edge_from(_sum).to(_s.end_node),
)
sizes: TemporalGraph[Any, Any, Any, Any] = TemporalGraph(_s.build())

DOUBLE = dataclasses.replace(DataConverter.default, payload_codec=Hex())


@pytest.mark.parametrize(
    ("converter", "graph", "inputs"),
    [
        (encrypting(grows=True), sizes, [499_000] * 4 + [1_540_000]),
        (DOUBLE, sizes, [499_000] * 4 + [1_000_000]),
        pytest.param(DOUBLE, sizes, [10] * 900 + [1_000_000], marks=pytest.mark.slow),
        (DOUBLE, local_letters, [600_000] * 6 + [9_000] * 100),
        (DOUBLE, of_steps, [600_000] * 6),
    ],
    ids=["base64", "hex", "many small ones", "local", "step"],
)
async def test_what_a_codec_makes_of_it_is_counted(
    server_address: str, task_queue: str, converter: DataConverter, graph: TemporalGraph, inputs: list[int]
) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(graph)], data_converter=converter)
    async with Worker(client, task_queue=task_queue, **worker_options()):
        run = await graph.start(client, inputs=inputs, id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == sum(inputs)
        histories = await chain(client, run.id)
    assert not any(failures(history.events) for history in histories)
    replayer = Replayer(workflows=[], plugins=[GraphPlugin(graph)], data_converter=converter)
    for history in histories:
        await replayer.replay_workflow(history)


async def test_what_one_payload_takes_is_known_when_the_worker_starts(server_address: str, task_queue: str) -> None:
    client = await Client.connect(server_address, plugins=[GraphPlugin(sizes)], data_converter=DOUBLE)
    async with Worker(client, task_queue=task_queue, **worker_options()):
        run = await sizes.start(client, inputs=[1_200_000], id=task_queue, task_queue=task_queue)
        with pytest.raises(
            GraphRunError, match=r"1,200,0\d\d bytes of JSON.*the payload codec may make them 100% larger"
        ):
            await run.result()
