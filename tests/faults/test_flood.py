"""A thousand signals to one run, a tenth of them malformed, while its worker is killed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue

from tests.faults.conftest import SOON, Fleet, Witness
from tests.faults.graphs import Case, Prepare, case, short_case
from tests.faults.journal import Journal
from tests.replay.serving import chain, until
from tests.server.looking import failures


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    """A payload as it is."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


MALFORMED: list[list[Any]] = [
    [],
    [{"value": {"name": "two"}}, {"value": {"name": "arguments"}}],
    ["a string"],
    [["a", "list"]],
    [5],
    [True],
    [None],
    [{}],
    [{"value": {"name": 5}}],
    [{"value": {}}],
    [{"value": [1]}],
    [{"valeu": {"name": "typo"}}],
    [{"value": {"name": "x"}, "interrupt_id": 7}],
    [{"value": {"name": "x"}, "interrupt_id": "Nobody:1"}],
    [{"value": {"name": "x"}, "interrupt_id": "Sign:" + "9" * 50}],
    [{"value": {"name": "x"}, "goto": "Close"}],
    [{"value": {"name": "x"}, "state_update": 1}],
    [{"value": {"name": "x"}, "actor": ["nobody"]}],
    [b"\xff\x00binary"],
    [raw(b"not json")],
    [raw(b"")],
    [raw(b'{"value": "\xff"}')],
    [raw(b'{"value": ' + b"[" * 50_000 + b"]" * 50_000 + b"}")],
    [raw(b'{"value": ' + b"9" * 5_000 + b"}")],
    [raw(b'{"value": NaN}')],
    [raw(b"x", b"binary/encrypted")],
    [raw(b"\x0a\x00", b"binary/protobuf")],
    [RawValue(Payload(data=b"no encoding"))],
]
REASONS = {"invalid", "already_answered", "unknown_interrupt"}


async def send(handle: Any, signals: Sequence[list[Any]]) -> None:
    """Send signals, some at a time."""
    for start in range(0, len(signals), 50):
        await asyncio.gather(*(handle.signal("resume", args=args) for args in signals[start : start + 50]))


def batch(count: int, make: Callable[[int], Any], offset: int) -> list[list[Any]]:
    """So many answers, a tenth of them malformed."""
    return [
        MALFORMED[(number + offset) // 10 % len(MALFORMED)] if number % 10 == 0 else [make(number)]
        for number in range(count)
    ]


async def test_a_flood_of_signals(fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str) -> None:
    worker = await fleet.start()
    run = await case.start(graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue, **SOON)
    witness = Witness(graphs_client, run.id, journal)
    await run.wait()
    handle = graphs_client.get_workflow_handle(run.id)

    def wrong(number: int) -> Any:
        return {"interrupt_id": "Sign:1", "value": {"name": number}, "actor": f"wrong-{number}"}

    def late(number: int) -> Any:
        return {"interrupt_id": "Sign:1", "value": {"name": f"late-{number}"}, "actor": f"late-{number}"}

    await send(handle, batch(300, wrong, 0))
    [pending] = await run.pending_interrupts()
    assert pending.interrupt_id == "Sign:1"
    worker.kill()
    await send(handle, batch(200, wrong, 300))
    await handle.signal("resume", {"interrupt_id": "Sign:1", "value": {"name": "Ana"}, "actor": "ana"})
    await send(handle, batch(499, late, 500))
    worker = await fleet.start()
    stop = await run.wait()
    assert [interrupt.interrupt_id for interrupt in stop.interrupts] == ["Confirm:1.0"]
    assert stop.state.notes == ["prepared x", "signed by Ana"]

    state = await run.get_state()
    reasons = Counter(item["reason"] for item in state.rejected)
    assert reasons.keys() <= REASONS
    assert reasons["already_answered"] > 80
    assert len(state.rejected) == 100  # of 1,000: the latest
    assert all(item["message"] for item in state.rejected)
    # Signals that are sent together come in any order, and the last one may be malformed.
    assert sum("answered by ana" in item["message"] for item in state.rejected) > 80

    worker.kill()
    await fleet.start()
    assert (await run.get_state()).rejected == state.rejected
    assert (await run.proceed(True)).output == "prepared x; signed by Ana; confirmed: True"
    await witness.check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})


async def test_each_malformed_signal_while_the_run_continues_as_new(
    fleet: Fleet, journal: Journal, graphs_client: Client, task_queue: str
) -> None:
    """What was rejected goes along in the snapshot."""
    await fleet.start()
    run = await short_case.start(graphs_client, Prepare("x"), state=Case(), id=task_queue, task_queue=task_queue)
    await run.wait()
    handle = graphs_client.get_workflow_handle(run.id)
    await send(handle, MALFORMED)
    await run.proceed({"name": "Ana"})
    rejected = (await run.get_state()).rejected
    assert len(rejected) == len(MALFORMED)
    assert (await run.proceed(True)).output == "prepared x; signed by Ana; confirmed: True"
    await Witness(graphs_client, run.id, journal).check({"Prepare": 1, "Sign": 1, "Confirm": 2, "Close": 1})


LONE = "\\ud800"
"""Half of a character, which JSON can write and UTF-8 cannot."""
HALVES = {
    "alone": f'"{LONE}"',
    "value": f'{{"value": {{"name": "{LONE}"}}}}',
    "key": f'{{"value": {{"{LONE}": 1}}}}',
    "actor": f'{{"value": {{"name": "x"}}, "actor": "{LONE}"}}',
    "answer_id": f'{{"value": {{"name": "x"}}, "answer_id": "{LONE}"}}',
    "comment": f'{{"value": {{"name": "x"}}, "comment": "{LONE}"}}',
    "interrupt_id": f'{{"value": {{"name": "x"}}, "interrupt_id": "{LONE}"}}',
    "early": f'{{"value": "{LONE}", "interrupt_id": "Confirm:1.0"}}',
}


async def outcome(handle: WorkflowHandle[Any, Any], client: Client) -> str:
    """`ended`, or why a task of the workflow failed, whichever comes first."""

    async def look() -> str:
        for history in await chain(client, handle.id):
            for why in failures(history.events):
                return why
        return "ended" if (await handle.describe()).close_time is not None else ""

    return await until(look)


async def test_half_a_character_does_no_harm(fleet: Fleet, graphs_client: Client, task_queue: str) -> None:
    handles: dict[str, WorkflowHandle[Any, Any]] = {}
    for name, answer in HALVES.items():
        run_id = f"{task_queue}-{name}"
        await short_case.start(graphs_client, Prepare("x"), id=run_id, task_queue=task_queue, **SOON)
        handles[name] = handle = graphs_client.get_workflow_handle(run_id)
        await handle.signal("resume", raw(answer.encode()))
        await handle.signal("resume", {"interrupt_id": "Sign:1", "value": {"name": "Ana"}})
        await handle.signal("resume", {"interrupt_id": "Confirm:1.0", "value": True})
    await fleet.start()
    outcomes = {name: await outcome(handle, graphs_client) for name, handle in handles.items()}
    assert outcomes == dict.fromkeys(HALVES, "ended")


async def test_large_rejected_answers_can_be_looked_at(fleet: Fleet, graphs_client: Client, task_queue: str) -> None:
    await fleet.start()
    run = await case.start(graphs_client, Prepare("x"), id=task_queue, task_queue=task_queue, **SOON)
    await run.wait()
    handle = graphs_client.get_workflow_handle(run.id)
    large = "x" * 500_000
    answers: list[Any] = [
        [large],
        {large: 1},
        {"actor": [large]},
        {"interrupt_id": large},
        {"value": {"name": [large]}},
    ]
    for answer in answers:
        await handle.signal("resume", answer)
    rejected = await asyncio.wait_for(handle.query("get_state"), 10)
    assert len(rejected["rejected"]) == len(answers)
    assert len(json.dumps(rejected)) < 100_000
