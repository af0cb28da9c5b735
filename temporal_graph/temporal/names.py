"""Every name that stands on the wire, in one place: other languages and old histories rely on them."""

from __future__ import annotations

import hashlib

from ..engine.shared import TOO_LARGE
from ..naming import MOST_BYTES

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
REASSIGN = "reassign"
EXTEND = "extend"
AUDIT = "audit"
IS_HEARD = "is_heard"
SNAPSHOT = "snapshot"
STOP = "stop"

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
REFUSED = "refused"
"""Marks a run that could not begin with what it was given."""
TOO_MANY_WAIT = "TooManyWait"
"""Type of the application error of an update `proceed` that was not let in, because too many wait; see `MOST_WAIT`."""
MOST_WAIT = 3
"""How many updates may wait in a run for its next stop, and how many for events: a server lets ten be under way."""
FIRST_TASK = "first_task"
"""The patch of histories that begin with nothing but waiting."""
MARK = "mark"
"""The patch, with a number, of tasks that would have no command, and must not be taken together with the next one."""
NUMBERS = "numbers"
"""The patch of runs in which two branches that made the same of a number were a conflict."""
DUE = "due"
"""How the patches begin that say what a question did by itself, where that was not one thing: see `Timers`."""
CONTINUES = "continues"
"""How the patches begin of a run that continues as new where earlier releases let it go on: see `Driver`."""
SHORT_NAMES = "short-names"
"""How the patches begin of signals that are refused for a name in them that is too long."""
TURNS = "turns"
"""How the patches begin of signals that are left to the next task: see `Turns`."""
VOTES = "votes"
"""How the patches begin of answers that are refused since others have said too much already."""
LARGE = "large-states"
"""The patch of runs in which a node failed that made the state too large to be sent; with a number, of such edits."""
BYTES = "bytes"
"""How the patches begin of tasks that send something else than in earlier releases, which counted less: see `Sent`."""
BOUNDED = "local-bounded"
"""The patch of runs that let only so many local nodes run at once: see `LocalNodes`."""
LEAVE = "take-leave"
"""The patch since which a run waits at its end for the readers that pause."""
NOTIFIES = "notify"
"""How the patches begin that stand where a run begins to tell of its questions, or ends to: see `Notifying`."""
SHOWS, HIDES = "shows", "hides"
"""The patches of tasks with which a run began, or ceased, to show in search attributes what it waits for."""
BLOCKED = "blocked"
"""How the patches begin of tasks with which a run, when it was told to show itself, showed that it is blocked."""
TRIED = "tried"
"""How the patches begin of answers that a node of another release was given before they were taken: see `Trials`."""
KEPT = "kept"
"""How the patches begin of answers that stay although a node of another release does not take them: see `Trials`."""
JUDGES, REFUSES = "judges", "refuses"
"""The patch since which a history says what was refused in the run itself, and how those of each begin: see `Judge`."""
NODES_JUDGE, NODES_REFUSE = "nodes-judge", "nodes-refuse"
"""The same for answers that nodes in the workflow have read."""
UNSHOWN = "temporal_graph.unshown"
"""The patch of runs that have asked without showing it: every server finds them by it, in `TemporalChangeVersion`."""
UNREAD = "unread"
"""The patches of what a worker could not read: of each such signal, and since which such a node is started again."""
UNREADABLE = "UnreadableError"
"""Type of the error of a node whose worker could not read what it gets: that is no failure of the node."""
STARTED = "started"
"""Reason of a refusal: inputs were sent to a run that was started with other ones."""
OUTDATED = "temporal_graph.Outdated"
"""Type of the error of a node that cannot read what another release of its graph has left for it."""
PAYLOAD_TOO_LARGE = TOO_LARGE
"""Type of the error of a node whose result is larger than Temporal takes."""

DELIVER = "temporal_graph.deliver"
"""The workflow that goes on with the notifications of a run that has ended."""

COMPARE = "temporal_graph.compare"
"""The workflow that tells a client how a worker's graph differs from the one that a run began with."""

SHOW = "temporal_graph.show"
"""The signal that makes a run show what it waits for, if it does not yet."""

GRAPH_STATUS = "GraphStatus"
GRAPH_PENDING_NODES = "GraphPendingNodes"
GRAPH_ASSIGNEES = "GraphAssignees"
GRAPH_DEADLINE = "GraphDeadline"
GRAPH_PENDING = "GraphPending"
"""The memo with the questions that are open."""

FIND_GRAPH = "temporal_graph.find_graph"
"""The function through which the workflow, inside its sandbox, reaches the worker's graphs."""


def notify_name(graph: str) -> str:
    """The activity type that calls a worker's notifier for the runs of a graph."""
    name = f"temporal_graph.notify.{graph}"
    if len(name.encode()) <= MOST_BYTES:
        return name
    return f"temporal_graph.notify.{hashlib.sha256(graph.encode()).hexdigest()}"


def activity_name(graph: str, node_id: str) -> str:
    """The activity type of a node, or of a function that nodes call with `step()`."""
    return f"{graph}.{node_id}"
