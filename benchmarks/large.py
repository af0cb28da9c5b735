"""What one workflow task may have to do in a large run, in time of the processor: the SDK gives a task two seconds."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from benchmarks.rows import Row
from benchmarks.running import QUEUE, new_id, say
from temporal_graph.engine.state import AUTO, Json, Plan, Writes, apply, diff
from tests.engine.growing import seconds
from tests.engine.test_engine_growth import WORK
from tests.replay.serving import chain, serving, until
from tests.server.many_graphs import REGISTERS, Letter, inquiry_here, letters, register, short_letters, words
from tests.support.server import DevServer

QUESTIONS, ENTRIES, ANSWERS = 10_000, 50_000, 2_500
TASKS = (
    *("begin with questions", "cancel", "fail", "check all", "answer all", "time out", "look"),
    *("write down and read", "compress and read"),
)
"""Of what is tested to grow with what waits: what is done at once."""
MOST = 500
"""Milliseconds."""


async def tasks() -> list[Row]:
    """Each with so many questions open, or with so many entries in the state."""
    rows = [await _row(f"{QUESTIONS:,} open questions: {name}, ms", WORK[name]) for name in TASKS]
    for kind, (plan, base, new) in _states().items():
        rows.append(await _row(f"{kind} of {ENTRIES:,} in the state, half of it new, ms", _merged(base, new, plan)))
    return rows


def _states() -> dict[str, tuple[Plan, Json, Json]]:
    half = ENTRIES // 2
    pairs: list[Json] = [[[n, 0], n] for n in range(ENTRIES)]
    return {
        "a dict with keys that are pairs": (Plan("pairs"), pairs, [*pairs[half:], *([[n, 1], n] for n in range(half))]),
        "a set": (Plan("set"), list(range(ENTRIES)), list(range(half, ENTRIES + half))),
        "a dict": (AUTO, {str(n): n for n in range(ENTRIES)}, {str(n): n for n in range(half, ENTRIES + half)}),
        "a list": (AUTO, list(range(ENTRIES)), list(range(half, ENTRIES + half))),
    }


def _merged(base: Json, new: Json, plan: Plan) -> Callable[[int], Callable[[], object]]:
    return lambda _: lambda: apply(base, diff(base, new, plan), plan, writes=Writes())


async def _row(what: str, make: Callable[[int], Callable[[], object]]) -> Row:
    say(what)
    took = seconds(make, QUESTIONS) * 1_000
    await asyncio.sleep(0)  # for whoever waits for the end of all this
    return Row(what, f"{took:.0f}", "", took, MOST)


# -- On a server ------------------------------------------------------------------------------------------------------


class _Timed(SandboxedWorkflowRunner):
    """Notes what each activation of a run takes of a processor; a busy machine does not make it more by much."""

    times: list[float] = []  # noqa: RUF012 - of all: the plugin makes others of it

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def activate_timed(act: WorkflowActivation) -> WorkflowActivationCompletion:
            began = time.thread_time()
            try:
                return activate(act)
            finally:
                self.times.append(time.thread_time() - began)

        instance.activate = activate_timed  # type: ignore[method-assign]
        return instance


async def on_a_server() -> list[Row]:
    """The longest task of whole runs."""
    rows: list[Row] = []
    graphs = (letters, short_letters, inquiry_here, register)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            DevServer(Path(folder)) as server,
            serving(server.address, QUEUE, *graphs, workflow_runner=_Timed(), debug_mode=True) as client,
        ):
            for what, run in _runs().items():
                say(what)
                _Timed.times.clear()
                await run(client)
                took = max(_Timed.times) * 1_000
                rows.append(Row(f"{what}: the longest task, ms", f"{took:.0f}", "", took, MOST))
    return rows


def _runs() -> dict[str, Callable[[Client], Any]]:
    runs: dict[str, Callable[[Client], Any]] = {
        f"{QUESTIONS:,} questions, cancelled": _cancelled,
        f"{QUESTIONS:,} questions of 160 letters each, continued as new": _continued,
        f"{ANSWERS:,} answers at once": _answered,
    }
    for kind in ("pairs", "moments"):
        runs[f"a state with {ENTRIES:,} {kind}, four branches"] = lambda client, kind=kind: _changed(client, kind)
    return runs


async def _cancelled(client: Client) -> None:
    run = await letters.start(client, inputs=[Letter(n) for n in range(QUESTIONS)], id=new_id(), task_queue=QUEUE)
    await run.pending_interrupts()
    await run.cancel()


async def _continued(client: Client) -> None:
    inputs = [Letter(number, words(number)) for number in range(QUESTIONS)]
    run = await short_letters.start(client, inputs=inputs, id=new_id(), task_queue=QUEUE)
    await run.pending_interrupts()
    for number in range(20):
        await client.get_workflow_handle(run.id).signal("resume", {"interrupt_id": "Nobody:1", "value": number})

    async def has_continued() -> bool:
        return len(await chain(client, run.id)) > 1

    await until(has_continued)
    await run.resume({"approved": True}, interrupt_id="Letter:9999")
    await run.result()


async def _answered(client: Client) -> None:
    run = await inquiry_here.start(client, inputs=list(range(ANSWERS)), id=new_id(), task_queue=QUEUE)

    async def are_open() -> bool:
        return len(await run.pending_interrupts()) == ANSWERS

    await until(are_open)
    await run.resume_all({f"inquire:{number}.0": "yes" for number in range(1, ANSWERS + 1)})
    await run.result()


async def _changed(client: Client, kind: str) -> None:
    state = REGISTERS[kind]()
    run = await register.start(client, inputs=list(range(4)), state=state, id=new_id(), task_queue=QUEUE)
    await run.wait()
    await run.proceed(True)
