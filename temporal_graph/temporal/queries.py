"""Queries that come with a workflow task in which local nodes run are answered after it, by a task of their own.

The SDK's core ends a task with the answers to its queries. A local activity's result that came meanwhile is written
down with that task, and reaches the run with the next one, which is longer and later; a replay hands it over with the
task that it stands in (temporalio 1.35). So marks, the length of the history and the time would be others than they
were, and the run could not be replayed. A query that is left without an answer is sent once more by the server, by
itself, when the task has ended: in any case it is not answered before the local nodes have ended.
"""

from __future__ import annotations

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

BY_ITSELF = "legacy_query"
"""The id, to the SDK's core, of a query that no task has come with."""


class Queries:
    """The queries of one run."""

    def __init__(self) -> None:
        self._local: set[int] = set()

    def put_off(self, activation: WorkflowActivation, completion: WorkflowActivationCompletion) -> None:
        """Take the answers out of what a run has made of an activation, where local nodes run."""
        for job in activation.jobs:
            if job.HasField("resolve_activity"):
                self._local.discard(job.resolve_activity.seq)
        made = completion.successful.commands
        for command in made:
            if command.HasField("schedule_local_activity"):
                self._local.add(command.schedule_local_activity.seq)
        if self._local and any(
            job.HasField("query_workflow") and job.query_workflow.query_id != BY_ITSELF for job in activation.jobs
        ):
            kept = [command for command in made if not command.HasField("respond_to_query")]
            del made[:]
            made.extend(kept)
