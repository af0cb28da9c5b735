"""`make bench`: prints a table; ends with 1 if a limit is broken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from benchmarks import graphs
from temporal_graph import GraphPlugin, GraphRun
from tests.replay.serving import until
from tests.support.server import DevServer

ROUNDS = 7
AT_ONCE = 50
ITEMS = 1_000
ANSWERS, WARM = 45, 5
STARTS = 45
TOLD, READERS = 12, 6
PROMISED = 300
"""Milliseconds within which an event reaches a reader, at most."""
QUEUE = "bench"


@dataclass(frozen=True)
class Row:
    """One figure, and what it must not be above."""

    what: str
    ours: str
    by_hand: str
    figure: float
    limit: float

    @property
    def is_within(self) -> bool:
        """Whether it is."""
        return self.figure <= self.limit


Runner = Callable[[str], Awaitable[Any]]


async def main() -> int:
    """Measure everything, one thing after the other.

    Returns:
        The exit code.
    """
    rows = _import_time()
    with tempfile.TemporaryDirectory() as folder:
        async with DevServer(Path(folder)) as server, _worker(server.address) as pid:
            client = await Client.connect(server.address, plugins=[GraphPlugin(graphs.chain)])
            for name, graph, by_hand in (
                ("activities", graphs.chain, graphs.ChainByHand),
                ("local activities", graphs.local_chain, graphs.LocalChainByHand),
            ):
                rows += await _compare(client, pid, name, _graph_runner(client, graph), _hand_runner(client, by_hand))
        async with DevServer(Path(folder)) as server, _worker(server.address):
            client = await Client.connect(server.address, plugins=[GraphPlugin(graphs.answers, graphs.telling)])
            rows += [await _answers(client), *await _proceed(client), *await _events(client)]
        async with DevServer(Path(folder)) as server, _worker(server.address) as pid:
            client = await Client.connect(server.address, plugins=[GraphPlugin(graphs.fan)])
            rows += await _fan(client, pid)
    return _print(rows)


def _graph_runner(client: Client, graph: Any) -> Runner:
    async def run(run_id: str) -> Any:
        handle = await graph.start(client, inputs=0, id=run_id, task_queue=QUEUE)
        return (await handle.result()).output

    return run


def _hand_runner(client: Client, workflow: Any) -> Runner:
    async def run(run_id: str) -> Any:
        return await client.execute_workflow(workflow.run, 0, id=run_id, task_queue=QUEUE)

    return run


async def _compare(client: Client, pid: int, name: str, ours: Runner, by_hand: Runner) -> list[Row]:
    for run in (ours, by_hand):
        await _timed(run, 3)  # warm
    rows = [_ratio(f"{name}: one run, ms", *await _paired(ours, by_hand, 1), scale=1_000, limit=1.15)]
    rows.append(
        _ratio(f"{name}: {AT_ONCE} runs at once, s", *await _paired(ours, by_hand, AT_ONCE), scale=1, limit=1.15)
    )
    events, size = await _history(client, ours)
    events_by_hand, size_by_hand = await _history(client, by_hand)
    rows.append(Row(f"{name}: events", str(events), str(events_by_hand), events / events_by_hand, 1.0))
    rows.append(Row(f"{name}: history, bytes", f"{size:,}", f"{size_by_hand:,}", size / size_by_hand, 1.2))
    rows.append(await _cpu(pid, name, ours, by_hand))
    return rows


async def _paired(ours: Runner, by_hand: Runner, count: int) -> tuple[list[float], list[float]]:
    """Times of both, taken in turn, so that whatever else the machine does falls on both."""
    times: tuple[list[float], list[float]] = ([], [])
    rounds = ROUNDS * 3 if count == 1 else ROUNDS
    for index in range(rounds):
        order = (0, 1) if index % 2 else (1, 0)
        for which in order:
            times[which].append(await _timed((ours, by_hand)[which], count))
    return times


async def _timed(run: Runner, count: int) -> float:
    begin = time.perf_counter()
    results = await asyncio.gather(*(run(f"bench-{uuid.uuid4().hex}") for _ in range(count)))
    took = time.perf_counter() - begin
    assert results == [graphs.LENGTH] * count, results
    return took


async def _history(client: Client, run: Runner) -> tuple[int, int]:
    run_id = f"bench-{uuid.uuid4().hex}"
    await run(run_id)
    history = await client.get_workflow_handle(run_id).fetch_history()
    return len(history.events), sum(event.ByteSize() for event in history.events)


async def _cpu(pid: int, name: str, ours: Runner, by_hand: Runner) -> Row:
    """What the worker spends on a node more than it spends on an activity awaited by hand."""
    spent: list[float] = []
    for run in (ours, by_hand):
        before = _cpu_seconds(pid)
        for _ in range(3):
            await _timed(run, AT_ONCE)
        spent.append((_cpu_seconds(pid) - before) / (3 * AT_ONCE * graphs.LENGTH) * 1_000)
    figure = spent[0] - spent[1]
    return Row(
        f"{name}: worker CPU a node, ms (limit: what is ours)", f"{spent[0]:.2f}", f"{spent[1]:.2f}", figure, 1.0
    )


async def _answers(client: Client) -> Row:
    """From an answer that is sent to the start of the node that follows it: a run of each, answered in turn."""
    ours = await graphs.answers.start(client, graphs.Act(ANSWERS), id=f"bench-{uuid.uuid4().hex}", task_queue=QUEUE)
    by_hand = await client.start_workflow(
        graphs.AnswersByHand.run, ANSWERS, id=f"bench-{uuid.uuid4().hex}", task_queue=QUEUE
    )
    sent: tuple[list[float], list[float]] = ([], [])
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
    return _ratio("from an answer to the start of the next node, ms", times[0], times[1], scale=1_000, limit=1.2)


async def _is_asked(run: GraphRun[Any, Any], interrupt_id: str) -> bool:
    return [question.interrupt_id for question in await run.pending_interrupts()] == [interrupt_id]


async def _has_asked(handle: WorkflowHandle[Any, Any], number: int) -> bool:
    return await handle.query(graphs.AnswersByHand.asked) == number


async def _proceed(client: Client) -> list[Row]:
    """An answer, or the start of a run, and what the run asks next: how many requests, and how long they take."""
    ours: list[GraphRun[Any, Any]] = []
    by_hand: list[Any] = []
    sender: Any = client  # its types are incomplete

    async def start() -> None:
        run_id = f"bench-{uuid.uuid4().hex}"
        await graphs.answers.proceed(client, from_node=graphs.Act(ANSWERS), id=run_id, task_queue=QUEUE)
        ours.append(graphs.answers.get_run(client, run_id))

    async def start_by_hand() -> None:
        run_id = f"bench-{uuid.uuid4().hex}"
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
        rows.append(_ratio(f"{what}, ms", times[0][WARM:], times[1][WARM:], scale=1_000, limit=1.25))
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


async def _events(client: Client) -> list[Row]:
    """From what happens in a run to a reader of its stream: the slowest of each kind.

    The time is taken where it happens: by the node that emits something or ends, by the caller who answers. A question
    opens when the node before it ends, and so does the run. Only a start has no time but that of the event: when the
    run's task began that let the node start.
    """
    times: dict[str, list[float]] = defaultdict(list)
    run = await graphs.telling.start(client, graphs.Listen(TOLD), id=f"bench-{uuid.uuid4().hex}", task_queue=QUEUE)
    await run.wait()
    await _listen(run, times)
    for number in range(READERS):  # while a node speaks to nobody
        run = await graphs.telling.start(
            client, graphs.Tell(70, 0.02), id=f"bench-{uuid.uuid4().hex}", task_queue=QUEUE
        )
        await asyncio.sleep(0.6 + 0.03 * number)
        came: dict[str, list[float]] = defaultdict(list)
        await _listen(run, came)
        times["emit() to a reader that has just come"] += came.pop("emit() to a reader")[:10]
        for what, found in came.items():
            times[what] += found
    rows: list[Row] = []
    for what, found in sorted(times.items()):
        slowest, median = max(found) * 1_000, statistics.median(found) * 1_000
        name = f"from {what}, ms, slowest of {len(found)} (median: {median:.0f})"
        rows.append(Row(name, f"{slowest:.0f}", "", slowest, PROMISED))
    return rows


async def _listen(run: GraphRun[Any, Any], times: dict[str, list[float]]) -> None:
    """Read to the end of the run, answer what it asks, and note how long each event took from when it happened."""
    began, ended, answered = time.time(), 0.0, 0.0
    answers: list[asyncio.Task[Any]] = []
    async for event in run.stream():
        now = time.time()
        if event.kind == "emitted":
            what, happened = "emit() to a reader", event.data["data"]
        elif event.kind == "node_started":
            what, happened = "the start of a node to a reader", event.at.timestamp()
        elif event.kind == "node_finished" and event.node_id == "Tell":
            output: Any = event.data["output"]
            ended = output if isinstance(output, float) else output["ended"]
            what, happened = "the end of a node to a reader", ended
        elif event.kind == "interrupt_opened":
            what, happened = "a question to a reader", ended
            answered = time.time()
            answers.append(asyncio.create_task(run.resume({"value": True})))
        elif event.kind == "interrupt_answered":
            what, happened = "an answer to a reader", answered
        elif event.kind == "run_finished":
            what, happened = "the end of a run to a reader", ended
        else:
            continue
        if happened >= began:  # not what there was before
            times[what].append(now - happened)
    await asyncio.gather(*answers)


async def _fan(client: Client, pid: int) -> list[Row]:
    begin = time.perf_counter()
    run = await graphs.fan.start(client, inputs=ITEMS, id=f"bench-{uuid.uuid4().hex}", task_queue=QUEUE)
    output = (await run.result()).output
    took = time.perf_counter() - begin
    assert output == sum(range(ITEMS)) * 2, output
    peak = _peak_megabytes(pid)
    return [Row(f"map of {ITEMS:,} into a join: worker's peak memory, MB ({took:.1f} s)", f"{peak:.0f}", "", peak, 400)]


def _import_time() -> list[Row]:
    code = "import time, temporalio, pydantic, pydantic_graph; t = time.perf_counter()\n"
    code += "import temporal_graph; print((time.perf_counter() - t) * 1000)"
    with tempfile.TemporaryDirectory() as folder:
        # With compiled modules, as pip leaves them, whatever this environment says.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        times = [float(subprocess.check_output([sys.executable, "-c", code], env=env, text=True)) for _ in range(6)]
    best = min(times)
    return [Row("import temporal_graph, ms more than what it stands on", f"{best:.0f}", "", best, 50)]


def _ratio(what: str, ours: list[float], by_hand: list[float], *, scale: int, limit: float) -> Row:
    mine, theirs = statistics.median(ours), statistics.median(by_hand)
    return Row(what, f"{mine * scale:.1f}", f"{theirs * scale:.1f}", mine / theirs, limit)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("This system does not say how much memory a process had at most.")


@contextlib.asynccontextmanager
async def _worker(address: str) -> AsyncGenerator[int]:
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs meanwhile
        [sys.executable, "-m", "benchmarks.worker", address, QUEUE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith("ready"), line
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _print(rows: list[Row]) -> int:
    width = max(len(row.what) for row in rows)
    print(f"{'':{width}}  {'ours':>9}  {'by hand':>9}  {'figure':>7}  {'limit':>6}")
    for row in rows:
        mark = "" if row.is_within else "  <-- above the limit"
        print(f"{row.what:{width}}  {row.ours:>9}  {row.by_hand:>9}  {row.figure:>7.2f}  {row.limit:>6.2f}{mark}")
    return 0 if all(row.is_within for row in rows) else 1


if __name__ == "__main__":
    code = asyncio.run(main())
    sys.stdout.flush()
    # temporalio can crash while the interpreter shuts down, after all its work is done.
    os._exit(code)
