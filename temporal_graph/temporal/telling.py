"""What the driver tells those who listen: what has happened in the run, as events of its stream."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

from ..engine.audit import Entry
from ..engine.engine import Engine
from ..engine.events import CloseInterrupt, Command, Event, NodeFailed, NodeFinished, OpenInterrupt, Start
from ..engine.questions import Accepted, parts_of
from ..engine.sizes import size_of
from ..engine.state import Json, Op
from ..engine.walker import Task
from .streaming import LONGEST, NOTHING, Data, Events, changes


class Teller:
    """Tells what happens to an engine."""

    def __init__(self, engine: Engine, events: Events) -> None:
        self._engine = engine
        self._events = events
        self._audited = engine.questions.audit.latest

    def began(self) -> None:
        """The run has begun."""
        self._events.add("run_started", None, NOTHING)

    def node_began(self, task_id: str, node_id: str) -> None:
        """A node has been started."""
        self._events.add("node_started", node_id, {"task_id": task_id})

    def emitted(self, task_id: str, node_id: str, data: Json) -> None:
        """A node in the workflow has emitted something."""
        self._events.add("emitted", node_id, {"task_id": task_id, "data": data})

    def happened(self, event: Event, task: Task | None) -> None:
        """The engine has taken an event, which was of this task."""
        if isinstance(event, Start):
            self.began()
        elif task is not None and isinstance(event, NodeFinished):
            output = functools.partial(_finished, task.id, event.outcome.value.data)
            self._events.add("node_finished", task.node_id, output)
        elif task is not None and isinstance(event, NodeFailed):
            self._events.add("node_failed", task.node_id, {"task_id": task.id, **event.failure.public()})

    def followed(self, before: Json, commands: Sequence[Command], node_id: str | None = None) -> None:
        """Something has led to another state than the one before, and to commands."""
        engine = self._engine
        events: list[tuple[str, str | None, Data]] = []
        if engine.state is not before:
            told = functools.partial(_changed, engine.shared.changes(before), engine.shared.version)
            events.append(("state_changed", node_id, told))
        for command in commands:
            if type(command) is OpenInterrupt:
                interrupt = engine.questions.open.get(command.interrupt_id)
                if interrupt is not None:
                    events.append(("interrupt_opened", interrupt.node_id, interrupt.public()))
            elif type(command) is CloseInterrupt:
                closed = command.interrupt_id
                events.append(("interrupt_cancelled", _node_of(closed), {"interrupt_id": closed}))
        self._events.add_all(events)

    def audited(self) -> list[Entry]:
        """What questions have done by themselves, and what people have done with them besides answers.

        Returns:
            What is new in the audit.
        """
        audit = self._engine.questions.audit
        new, self._audited = audit.since(self._audited), audit.latest
        for entry in new:
            if entry.kind in _TOLD:
                told = {"interrupt_id": entry.interrupt_id, "actor": entry.actor, **entry.data}
                self._events.add(f"interrupt_{entry.kind}", _node_of(entry.interrupt_id or ""), told)
        return new

    def answered(self, accepted: Sequence[Accepted]) -> None:
        """Answers have been taken."""
        self._events.add_all([("interrupt_answered", _node_of(item.interrupt_id), item.public()) for item in accepted])

    def paused(self, paused: bool) -> None:
        """The run was paused, or goes on."""
        self._events.add("run_paused" if paused else "run_unpaused", None, NOTHING)

    def ended(self) -> None:
        """The run has ended, one way or another."""
        engine = self._engine
        if engine.output is not None:
            self._events.add("run_finished", None, functools.partial(_output, engine.output.data))
        elif engine.failure is not None:
            self._events.add("run_failed", engine.failure.node_id, engine.failure.public())
        else:
            self._events.add("run_cancelled", None, NOTHING)


_TOLD = ("reminded", "escalated", "timed_out", "reassigned", "extended")


def _node_of(interrupt_id: str) -> str:
    return parts_of(interrupt_id)[0]


def _changed(ops: Sequence[Op], version: int) -> dict[str, Json]:
    return {"changes": changes(ops), "version": version}


def _finished(task_id: str, output: str) -> dict[str, Json]:
    return {"task_id": task_id, **_output(output)}


def _output(text: str) -> dict[str, Json]:
    return {"output": json.loads(text)} if size_of(text) < LONGEST else {"omitted": True}
