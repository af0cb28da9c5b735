"""Every name that stands on the wire, in one place: other languages and old histories rely on them."""

from __future__ import annotations

RESUME = "resume"
RESUME_ALL = "resume_all"
PROCEED = "proceed"
UPDATE_STATE = "update_state"
SET_BREAKPOINTS = "set_breakpoints"
PAUSE = "pause"
UNPAUSE = "unpause"
PENDING_INTERRUPTS = "pending_interrupts"
GET_STATE = "get_state"
HISTORY = "history"
IS_HEARD = "is_heard"
SNAPSHOT = "snapshot"

GRAPH_RUN_ERROR = "GraphRunError"
"""Type of the application error with which a run fails; its first detail is the failure."""
GRAPH_INPUT_ERROR = "GraphInputError"
"""Type of the application error with which a run fails that was started with what it cannot take."""
ANSWER_REFUSED = "AnswerRefused"
"""Type of the application error with which an answer is refused; its first detail is the refusal."""
CONTINUED = "ContinuedAsNew"
"""Type of the application error of an update that was waiting when its run continued as new: send it again."""
RUN_CANCELLED = "RunCancelled"
"""Type of the application error of an update that was waiting when its run was cancelled."""
STARTED = "started"
"""Reason of a refusal: inputs were sent to a run that was started with other ones."""
PAYLOAD_TOO_LARGE = "PayloadTooLargeError"
"""Type of the error of a node whose result is larger than Temporal takes."""

FIND_GRAPH = "temporal_graph.find_graph"
"""The function through which the workflow, inside its sandbox, reaches the worker's graphs."""


def activity_name(graph: str, node_id: str) -> str:
    """The activity type of a node."""
    return f"{graph}.{node_id}"
