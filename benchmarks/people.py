"""Answers, and what a run asks next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from benchmarks import graphs
from benchmarks.rows import Row, ratio
from benchmarks.running import QUEUE, new_id, say, serving
from temporal_graph import GraphRun
from tests.replay.serving import until

ANSWERS, WARM = 45, 5
STARTS = 45


async def answers() -> list[Row]:
    """From an answer that is sent to the start of the node that follows it: a run of each, answered in turn."""
    async with serving(graphs.answers) as (client, _):
        return [await _answers(client)]


async def _answers(client: Client) -> Row:
    ours = await graphs.answers.start(client, graphs.Act(ANSWERS), id=new_id(), task_queue=QUEUE)
    by_hand = await client.start_workflow(graphs.AnswersByHand.run, ANSWERS, id=new_id(), task_queue=QUEUE)
    sent: tuple[list[float], list[float]] = ([], [])
    say(f"answers: {ANSWERS} to each")
    await ours.wait()
    for number in range(1, ANSWERS + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            if which == 0:
                await until(lambda number=number: _is_asked(ours, f"Wait:{number}"))
                sent[0].append(time.time())
                await ours.resume({"value": True}, interrupt_id=f"Wait:{number}")
            else:
                await until(lambda number=number: _has_asked(by_hand, number))
                sent[1].append(time.time())
                await by_hand.signal(graphs.AnswersByHand.answer, True)
    began = ((await ours.result()).output, await by_hand.result())
    times = [[at - before for before, at in zip(sent[which], began[which][1:], strict=True)][WARM:] for which in (0, 1)]
    return ratio("from an answer to the start of the next node, ms", times[0], times[1], scale=1_000, limit=1.2)


async def _is_asked(run: GraphRun[Any, Any], interrupt_id: str) -> bool:
    return [question.interrupt_id for question in await run.pending_interrupts()] == [interrupt_id]


async def _has_asked(handle: WorkflowHandle[Any, Any], number: int) -> bool:
    return await handle.query(graphs.AnswersByHand.asked) == number


async def proceed() -> list[Row]:
    """An answer, or the start of a run, and what the run asks next: how many requests, and how long they take."""
    async with serving(graphs.answers) as (client, _):
        return await _proceed(client)


async def _proceed(client: Client) -> list[Row]:
    ours: list[GraphRun[Any, Any]] = []
    by_hand: list[Any] = []
    sender: Any = client  # its types are incomplete

    async def start() -> None:
        run_id = new_id()
        await graphs.answers.proceed(client, from_node=graphs.Act(ANSWERS), id=run_id, task_queue=QUEUE)
        ours.append(graphs.answers.get_run(client, run_id))

    async def start_by_hand() -> None:
        run_id = new_id()
        operation = WithStartWorkflowOperation(
            graphs.AnswersByHand.run,
            ANSWERS,
            id=run_id,
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        await sender.execute_update_with_start_workflow(
            graphs.AnswersByHand.proceed, None, start_workflow_operation=operation
        )
        by_hand.append(sender.get_workflow_handle(run_id))

    async def answer() -> None:
        await ours[-1].proceed({"value": True})

    async def answer_by_hand() -> None:
        await by_hand[-1].execute_update(graphs.AnswersByHand.proceed, True)

    rows: list[Row] = []
    requests: list[list[int]] = []
    for what, count, both in (
        ("proceed, to start", STARTS, (start, start_by_hand)),
        ("proceed, to answer", ANSWERS - 1, (answer, answer_by_hand)),
    ):
        say(f"{what}: {count} of each")
        times: tuple[list[float], list[float]] = ([], [])
        most = [0, 0]
        for number in range(count):
            for which in (0, 1) if number % 2 else (1, 0):
                with _counted(client) as calls:
                    begin = time.perf_counter()
                    await both[which]()
                    times[which].append(time.perf_counter() - begin)
                most[which] = max(most[which], len(calls))
        requests.append(most)
        rows.append(ratio(f"{what}, ms", times[0][WARM:], times[1][WARM:], scale=1_000, limit=1.25))
    for handle in [*by_hand, *(client.get_workflow_handle(run.id) for run in ours)]:
        await handle.terminate()
    shown = [", ".join(str(most[which]) for most in requests) for which in (0, 1)]
    figure = max(most[0] for most in requests)
    return [Row("proceed, to start, and to answer: requests", shown[0], shown[1], figure, 1), *rows]


@contextlib.contextmanager
def _counted(client: Client) -> Generator[list[str]]:
    """The requests that a client sends meanwhile."""
    calls: list[str] = []
    service: Any = client.service_client
    call = service._rpc_call

    async def counted(rpc: str, *args: Any, **options: Any) -> Any:
        calls.append(rpc)
        return await call(rpc, *args, **options)

    service._rpc_call = counted
    try:
        yield calls
    finally:
        service._rpc_call = call
