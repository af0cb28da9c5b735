"""What a run gives back for a query: nothing but the answer, and that not while its local nodes run.

A run whose task has failed is asked all the same, and its asyncio tasks then do what they were at, such as to cancel
nodes. The SDK's core takes that for an error, and never goes on with the run (temporalio 1.35).

Queries that come with a task in which local nodes run are answered after it, by a task of their own. The core ends a
task with the answers to its queries. A local activity's result that came meanwhile is written down with that task, and
reaches the run with the next one, which is longer and later; a replay hands it over with the task that it stands in
(temporalio 1.35). So marks, the length of the history and the time would be others than they were, and the run could
not be replayed. A query that is left without an answer is sent once more by the server, by itself, when the task has
ended: in any case it is not answered before the local nodes have ended.
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

    def tidy(self, activation: WorkflowActivation, completion: WorkflowActivationCompletion) -> None:
        """Take out of what a run has made of an activation what does not belong there."""
        for job in activation.jobs:
            if job.HasField("resolve_activity"):
                self._local.discard(job.resolve_activity.seq)
        made = completion.successful.commands
        queries = [job.query_workflow for job in activation.jobs if job.HasField("query_workflow")]
        if not queries:
            for command in made:
                if command.HasField("schedule_local_activity"):
                    self._local.add(command.schedule_local_activity.seq)
            return
        kept = [command for command in made if command.HasField("respond_to_query")]
        if self._local and any(query.query_id != BY_ITSELF for query in queries):
            kept = []
        if len(kept) < len(made):
            del made[:]
            made.extend(kept)
