"""An engine that can tell its past: it remembers what was done to it, and does it again as far as is asked for."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import snapshot
from .breakpoints import Breakpoints
from .engine import Engine
from .events import Command, Event, Failure, NodeAsked, NodeBlocked, NodeFailed, NodeFinished, NodeWithdrew, Start, Work
from .functions import Functions
from .policies import Due
from .questions import Accepted, Answer, Refused, parts_of
from .spec import GraphSpec
from .state import AUTO, Json, Op, Plan


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A point in the past of a run.

    Attributes:
        number: How many-th of the run it is, from 1.
        kind: What happened: `started`, `forked`, `node_finished`, `node_failed`, `interrupt_opened`,
            `interrupt_cancelled`, `answered`, `timed_out`, `state_updated`, `failed` or `cancelled`.
        node_id: The node that it happened to, if any.
        at: When, ISO 8601 with time zone; None for a failure of the shell's, which has no time of its own.
        changes: What it changed in the state.
        next: Ids of the nodes that run, wait or come next after it, each once.
        interrupts: Ids of the questions that are open after it.
        status: The status of the run after it.
    """

    number: int
    kind: str
    node_id: str | None
    at: str | None
    changes: list[Op]
    next: list[str]
    interrupts: list[str]
    status: str


class RecordingEngine(Engine):
    """An engine that remembers what was done to it since it began, or since the snapshot that it began with."""

    def __init__(
        self, spec: GraphSpec, functions: Functions, plan: Plan = AUTO, origin: dict[str, Any] | None = None
    ) -> None:
        super().__init__(spec, functions, plan)
        self._origin = origin
        self._merges = plan
        self._done: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._verdicts: list[bool] = []
        self._past: Past | None = None
        if origin is not None:
            snapshot.restore(self, origin)

    # -- What is remembered -----------------------------------------------------------------------------------------

    def apply(self, event: Event, now: str) -> list[Command]:
        """See base class."""
        done = super().apply(event, now)
        self._done.append((Engine.apply, (event, now)))
        return done

    def begin(self, task_id: str) -> Work:
        """See base class."""
        done = super().begin(task_id)
        self._done.append((Engine.begin, (task_id,)))
        return done

    def resume(self, task_id: str) -> Work:
        """See base class."""
        done = super().resume(task_id)
        self._done.append((Engine.resume, (task_id,)))
        return done

    def release(self, task_id: str) -> None:
        """See base class."""
        self._done.append((Engine.release, (task_id,)))
        super().release(task_id)

    def pause(self, paused: bool) -> None:
        """See base class."""
        self._done.append((Engine.pause, (paused,)))
        super().pause(paused)

    def cancel(self, now: str) -> list[Command]:
        """See base class."""
        self._done.append((Engine.cancel, (now,)))
        return super().cancel(now)

    def fail(self, failure: Failure) -> None:
        """See base class."""
        self._done.append((Engine.fail, (failure,)))
        super().fail(failure)

    def answer_all(
        self, answers: Sequence[Answer], now: str, via: str = "update"
    ) -> tuple[list[Accepted], list[Command]]:
        """See base class."""
        with self._all_or_nothing():
            taken = super().answer_all(answers, now, via)
        self._done.append((Engine.answer_all, (answers, now, via)))
        return taken

    def reject(self, answer: Json, refused: Refused, now: str, via: str = "signal") -> None:
        """See base class."""
        self._done.append((Engine.reject, (answer, refused, now, via)))
        super().reject(answer, refused, now, via)

    def come_due(
        self, interrupt_id: str, now: str, fired: Due | None = None, found: int | None = None
    ) -> list[Command]:
        """See base class."""
        commands = super().come_due(interrupt_id, now, fired, found)
        self._done.append((Engine.come_due, (interrupt_id, now, fired, found)))
        return commands

    def reassign(self, interrupt_id: str | None, to: Sequence[str], actor: str | None, now: str, via: str) -> str:
        """See base class."""
        done = super().reassign(interrupt_id, to, actor, now, via)
        self._done.append((Engine.reassign, (interrupt_id, to, actor, now, via)))
        return done

    def extend(
        self, interrupt_id: str | None, by: float | None, until: str | None, actor: str | None, now: str, via: str
    ) -> tuple[str, list[Command]]:
        """See base class."""
        done = super().extend(interrupt_id, by, until, actor, now, via)
        self._done.append((Engine.extend, (interrupt_id, by, until, actor, now, via)))
        return done

    def note(self, kind: str, interrupt_id: str, data: dict[str, Json], now: str) -> None:
        """See base class."""
        self._done.append((Engine.note, (kind, interrupt_id, data, now)))
        super().note(kind, interrupt_id, data, now)

    def update(
        self,
        update: Json,
        expected_version: int | None,
        now: str,
        actor: str | None = None,
        via: str = "update",
    ) -> list[Command]:
        """See base class."""
        with self._all_or_nothing():
            commands = super().update(update, expected_version, now, actor, via)
        self._done.append((Engine.update, (update, None, now, actor, via)))
        return commands

    def fork(self, update: Json, now: str) -> None:
        """See base class."""
        super().fork(update, now)
        self._done.append((Engine.fork, (update, now)))

    def set_breakpoints(self, breakpoints: Breakpoints, now: str, via: str = "update") -> list[Command]:
        """See base class."""
        with self._all_or_nothing():
            commands = super().set_breakpoints(breakpoints, now, via)
        self._done.append((Engine.set_breakpoints, (breakpoints, now, via)))
        return commands

    def _judge(self, via: str, fits: bool) -> bool:
        """See base class."""
        verdict = super()._judge(via, fits)
        self._verdicts.append(verdict)
        return verdict

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Generator[None]:
        """Remember what is judged only if it is done."""
        count = len(self._verdicts)
        try:
            yield
        except Refused:
            del self._verdicts[count:]
            raise

    # -- The past ---------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> tuple[int, Json]:
        """The checkpoint that it began after, and the state at that point."""
        return (0, None) if self._origin is None else (self._origin.get("checkpoint", 0), self._origin["state"])

    def checkpoints(self) -> Iterator[tuple[Checkpoint, Engine]]:
        """The points of its past, oldest first, each with an engine as it was then; look at it before the next one."""
        past = self.past(0)
        while (checkpoint := past.next()) is not None:
            yield checkpoint, past.engine

    def past(self, after: int) -> Past:
        """Its past after a checkpoint; told on from where it was left, where `leave` was called at that."""
        past, self._past = self._past, None
        if past is None or past.number != after:
            past = Past(self._first(), self._done, self._verdicts, self._merges)
            past.go_to(after)
        return past

    def leave(self, past: Past) -> None:
        """Keep a past for whoever asks next: one that is long is told in many parts."""
        self._past = past

    def _first(self) -> Engine:
        engine = Engine(self.spec, self.functions, self._merges)
        engine.shared.tells_numbers = self.shared.tells_numbers
        engine.shared.most, engine.shared.refuses_large = self.shared.most, self.shared.refuses_large
        if self._origin is not None:
            snapshot.restore(engine, self._origin)
        return engine


class Past:
    """The past of a run, told from one checkpoint to the next: what was done to it is done again to an engine.

    Attributes:
        engine: As it was after the last checkpoint.
        number: The number of that.
        state: The state after it.
    """

    def __init__(
        self,
        engine: Engine,
        done: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]],
        verdicts: Sequence[bool],
        merges: Plan,
    ) -> None:
        self.engine = engine
        self.engine.judge = lambda _via, _fits: verdicts[next(turns)]
        turns = itertools.count()
        self.number = engine.checkpoint
        self.state: Json = engine.state
        self._done = done
        self._at = 0
        self._merges = merges
        self._put_back: Checkpoint | None = None
        self._before: tuple[int, Json] = (self.number, self.state)

    def go_to(self, number: int) -> None:
        """Pass by what was before a checkpoint, and that itself."""
        while self.number < number and self._go_on() is not None:
            self.number, self.state = self.engine.checkpoint, self.engine.state

    def next(self) -> Checkpoint | None:
        """The next checkpoint; None where there is none yet."""
        if self._put_back is None:
            found = self._go_on()
            if found is None:
                return None
            function, args, node_id = found
            checkpoint = Checkpoint(
                self.engine.checkpoint,
                _KINDS[function] if function is not Engine.apply else _EVENTS[type(args[0])],
                node_id,
                None if function is Engine.fail else self.engine.now or None,
                self.engine.shared.changes(self.state),
                self.engine.next_nodes,
                list(self.engine.questions.open),
                self.engine.standing,
            )
        else:
            checkpoint, self._put_back = self._put_back, None
        self._before = self.number, self.state
        self.number, self.state = self.engine.checkpoint, self.engine.state
        return checkpoint

    def put_back(self, checkpoint: Checkpoint) -> None:
        """Let the checkpoint that was told last be told again."""
        self._put_back = checkpoint
        self.number, self.state = self._before

    def _go_on(self) -> tuple[Callable[..., Any], tuple[Any, ...], str | None] | None:
        """Do what was done up to the next checkpoint; tell what led to it, and the node that it happened to."""
        while self._at < len(self._done):
            function, args = self._done[self._at]
            self._at += 1
            before = self.engine.checkpoint
            node_id = _node_of(self.engine, function, args)
            function(self.engine, *args)
            if self.engine.checkpoint > before:
                return function, args, node_id
        return None


_EVENTS: dict[type, str] = {
    Start: "started",
    NodeFinished: "node_finished",
    NodeFailed: "node_failed",
    NodeBlocked: "node_blocked",
    NodeAsked: "interrupt_opened",
    NodeWithdrew: "interrupt_cancelled",
}
_KINDS: dict[Callable[..., Any], str] = {
    Engine.answer_all: "answered",
    Engine.come_due: "timed_out",
    Engine.update: "state_updated",
    Engine.fork: "forked",
    Engine.cancel: "cancelled",
    Engine.fail: "failed",
}


def _node_of(engine: Engine, function: Callable[..., Any], args: tuple[Any, ...]) -> str | None:
    if function is Engine.answer_all:
        # The question's name may have been left out, or be that of its node.
        if not args[0]:
            return None
        [answer, *_] = args[0]
        name = answer.interrupt_id
        asked = engine.questions.open.get(next(iter(engine.questions.open), "") if name is None else name)
        if asked is not None:
            return asked.node_id
        if name is not None and engine.questions.open.of_node(name):
            return name
        task = engine.tasks.get(name or next(iter(engine.tasks), ""))
        return None if task is None else task.node_id
    if function is Engine.come_due:
        return parts_of(args[0])[0]
    if function is Engine.apply and not isinstance(args[0], Start):
        return engine.tasks[args[0].task_id].node_id if args[0].task_id in engine.tasks else None
    return None
