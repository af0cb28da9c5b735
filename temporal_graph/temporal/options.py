"""What Temporal takes of a node's options: what it would refuse in the middle of a run is refused before."""

from __future__ import annotations

from ..errors import GraphDefinitionError
from ..options import NodeOptions

LONGEST_QUEUE = 1_000
"""Characters of a task queue's name (limit.maxIDLength)."""


def check_options(node_id: str, options: NodeOptions) -> None:
    """Look whether Temporal would take them.

    Raises:
        GraphDefinitionError: It would not; in workflow code that would be tried again for ever.
    """
    try:
        if options.retry_policy is not None:
            from temporalio.api.common.v1 import RetryPolicy as RetryPolicyMessage  # it takes long to import

            options.retry_policy.apply_to_proto(RetryPolicyMessage())
        if options.priority is not None:
            from temporalio.api.common.v1 import Priority as PriorityMessage

            PriorityMessage().CopyFrom(options.priority._to_proto())  # pyright: ignore[reportPrivateUsage]
    except (ValueError, TypeError, OverflowError) as error:
        raise GraphDefinitionError(f"The options of node {node_id!r}: {error}.") from error
    queue = options.task_queue
    if queue is not None and (len(queue) > LONGEST_QUEUE or queue.startswith("/_sys/")):
        raise GraphDefinitionError(
            f"The options of node {node_id!r}: task_queue is {queue[:80]!r}; it must have at most {LONGEST_QUEUE:,} "
            "characters, and not begin with '/_sys/', which is the server's own."
        )
