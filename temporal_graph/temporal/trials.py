"""Answers to what may be asked differently by now: the node says whether they fit, before anybody is told so.

An answer is checked by the schema with which its question was asked. If the node has other code by now, it may take
another type of answer, or ask something else; and so it may where somebody has edited the state. An update waits until
the node has run with its answer, and is refused with what the node says; the question is open again, as it is asked
now. What nobody can be told any more is not undone: the node is blocked, or asks anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from ..compile import CompiledGraph
from ..engine.engine import Engine
from ..engine.events import Event, Failure, NodeAsked, NodeBlocked, NodeDidOnce, Position, listed
from ..engine.questions import Accepted, Answer, Refused, describe, name_of, other_reading, parts_of
from .names import CONTINUED, KEPT, TOO_MANY_WAIT, TRIED
from .waiting import wait_until

LONGEST_WAIT = timedelta(seconds=10)
"""For how long an update waits for a node; the client waits somewhat longer for the update."""
MOST_TRIALS = 2
"""How many updates wait so: a server lets ten be under way."""


Trial = dict[str, Refused | None]
"""Questions that one update has answered, and what their nodes have against that."""


class Trials:
    """The answers that nodes have to say something to."""

    def __init__(self, engine: Engine, graph: CompiledGraph) -> None:
        self._engine = engine
        self._graph = graph
        self._count = 0
        self._begun: Trial = {}
        self._trials: list[Trial] = []

    def check(self, answers: Sequence[Answer]) -> None:
        """Refuse answers for now that nodes would have to say something to, where enough others wait for theirs.

        Raises:
            ApplicationError: `TooManyWait`: the same update is to be sent again a little later.
        """
        if len(self._trials) < MOST_TRIALS:
            return
        for answer in answers:
            with contextlib.suppress(Refused):
                asked = self._engine.questions.named(answer.interrupt_id)
                if asked.kind == "call" and self._is_anothers(asked.task_id, asked.position):
                    message = "Nodes of another release have to say whether they take earlier answers; send this later."
                    raise ApplicationError(message, type=TOO_MANY_WAIT, non_retryable=True)

    def begin(self, accepted: Sequence[Accepted]) -> bool:
        """Note what an update has answered.

        Returns:
            Whether the task at hand has a command for it.
        """
        self._count += 1
        self._begun = {}
        is_doubted = any(self._is_doubted(item) for item in accepted)
        # Whether the code is another one is a matter of the release, so it is in the history where it is.
        is_tried = (is_doubted and len(self._trials) < MOST_TRIALS) or workflow.unsafe.is_replaying()
        if not is_tried or not workflow.patched(f"{TRIED}-{self._count}"):
            return False
        self._begun = dict.fromkeys(item.interrupt_id for item in accepted)
        self._trials.append(self._begun)
        return True

    def take(self) -> Trial:
        """What the update at hand has begun, which is to be heard: nothing, where no node has anything to say."""
        begun, self._begun = self._begun, {}
        return begun

    async def hear(self, trial: Trial, is_leaving: Callable[[], bool]) -> None:
        """Wait until the nodes that have just been given answers have said whether these fit.

        Args:
            trial: What `take` has returned.
            is_leaving: Whether the run is about to continue as new, so that who waits must go and come again.

        Raises:
            Refused: They do not.
            ApplicationError: `ContinuedAsNew`: the same update is to be sent again.
        """
        if not trial:
            return
        try:
            await wait_until(lambda: is_leaving() or not any(map(self._is_on_its_way, trial)), timeout=LONGEST_WAIT)
        except TimeoutError:
            pass  # it stays taken, whatever the node says
        finally:
            self._trials = [other for other in self._trials if other is not trial]
        refused = [found for found in trial.values() if found is not None]
        if refused:
            others = "" if len(trial) == len(refused) else " The other answers that came with it were taken."
            errors = [error for each in refused for error in each.errors]
            reason = refused[0].reason if len({each.reason for each in refused}) == 1 else "invalid"
            raise Refused(reason, " ".join(each.message for each in refused) + others, errors)
        if is_leaving():
            message = "The run continues as new, and has yet to try the answer; send the update again."
            raise ApplicationError(message, type=CONTINUED, non_retryable=True)

    def look_at(self, event: Event) -> Event:
        """What has become of a node: it is blocked where it does not take an answer that was promised to be taken."""
        if not isinstance(event, NodeAsked) or event.position is None:
            return event
        if not event.errors:
            return self._look_at_other(event, event.position)
        name, errors = name_of(event.task_id, event.position), list(event.errors)
        trials = [trial for trial in self._trials if name in trial]
        for trial in trials:
            trial[name] = Refused("invalid", f"{describe(name, errors)} {_OTHER}", errors)
        task = self._engine.tasks.get(event.task_id)
        accepted = self._engine.questions.accepted.get(name)
        before: dict[str, Any] = (task.marks.get(event.position) if task is not None else None) or {}
        is_promised = accepted is None or accepted.via == "update"
        is_changed = bool(before) and before.get("schema") != (event.mark or {}).get("schema")
        if trials or task is None or not is_promised or not is_changed:
            return event
        if not workflow.patched(f"{KEPT}-{self._engine.checkpoint}"):
            return event
        for key, value in (event.once or {}).items():
            self._engine.apply(NodeDidOnce(task.id, key, value), self._engine.now)
        by = f" of {accepted.actor}" if accepted is not None and accepted.actor else ""
        message = (
            f"the answer{by} to {name!r} was taken as the release before asked for it, and does not fit what this one "
            f"asks for: {listed(errors)}. The other release would carry it on; or send the run elsewhere, with a goto, "
            f"to {task.node_id!r} again for instance."
        )
        return NodeBlocked(event.task_id, Failure(task.node_id, "AnswerOutdated", message))

    def _look_at_other(self, event: NodeAsked, position: Position) -> NodeAsked:
        """A question that a node asks where it has asked one to which an answer is tried just now."""
        task = self._engine.tasks.get(event.task_id)
        mark = event.mark or {}
        if task is not None and mark.get("again") and position in task.answers:
            name = name_of(task.id, position)
            for trial in [trial for trial in self._trials if name in trial]:
                trial[name] = other_reading(name, name)
            return event
        place = mark.get("place")
        if task is None or place is None:
            return event
        for known in task.answers:
            name = name_of(task.id, known)
            trials = [trial for trial in self._trials if name in trial]
            if trials and known != position and task.marks.get(known, {}).get("place") == place:
                for trial in trials:
                    trial[name] = other_reading(name, name_of(task.id, position))
                return replace(event, instead=known)
        return event

    def _is_doubted(self, accepted: Accepted) -> bool:
        """Whether other code has asked than that which gets the answer, or what it shows may be another by now."""
        node_id, visit, position = parts_of(accepted.interrupt_id)
        task = self._engine.tasks.get(f"{node_id}:{visit}")
        if task is None or position is None or position not in task.answers or accepted.missing:
            return False
        is_edited = task.marks.get(position, {}).get("edits", 0) != self._engine.edits
        return is_edited or self._is_anothers(task.id, position)

    def _is_anothers(self, task_id: str, position: Position | None) -> bool:
        """Whether other code has asked a question than its node has now; or nobody knows which."""
        task = self._engine.tasks[task_id]
        mark = (task.marks.get(position) if position is not None else None) or {}
        return mark.get("code") != self._graph.runner.codes[task.node_id]

    def _is_on_its_way(self, interrupt_id: str) -> bool:
        node_id, visit, _ = parts_of(interrupt_id)
        task = self._engine.tasks.get(f"{node_id}:{visit}")
        return task is not None and task.status in ("ready", "running") and not self._engine.paused


_OTHER = "Another release had asked the question; it is open again, as it is asked now."
