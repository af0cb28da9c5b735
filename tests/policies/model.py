"""What a run of the graph in `model_graphs` does, in simple words: nothing here knows how the engine does it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

Json = Any
HOUR = 60
"""Minutes."""


@dataclass(frozen=True)
class Office:
    """When people work: from Monday to Friday."""

    zone: str
    opens: int
    closes: int

    def after(self, since: datetime, duration: timedelta) -> datetime:
        """When so much working time has passed."""
        day = since.astimezone(ZoneInfo(self.zone)).date()
        while True:
            if day.weekday() < 5:
                opens, closes = (
                    datetime.combine(day, time(hour), ZoneInfo(self.zone)).astimezone(UTC)
                    for hour in (self.opens, self.closes)
                )
                begins = max(opens, since)
                if begins < closes:
                    if begins + duration <= closes:
                        return begins + duration
                    duration -= closes - begins
            day += timedelta(days=1)


OFFICE = Office("Europe/Berlin", 9, 17)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a question is asked; times in minutes.

    The times of questions that are open together differ in their last digits, so that no two come at once.
    """

    assignees: tuple[str, ...]
    only_assignees: bool = False
    not_by: tuple[str, ...] = ()
    quorum: int = 1
    every: int | None = None
    reminders: tuple[int, ...] = ()
    escalations: tuple[tuple[int, tuple[str, ...]], ...] = ()
    timeout: int


INTAKE = Rules(
    assignees=("ann",),
    not_by=("eve",),
    every=11 * HOUR + 1,
    escalations=((25 * HOUR + 1, ("bob",)), (49 * HOUR + 1, ("boss", "cid"))),
    timeout=73 * HOUR + 1,
)
VOTE = Rules(
    assignees=("ann", "bob", "cid"),
    only_assignees=True,
    not_by=("eve",),
    quorum=2,
    reminders=(5 * HOUR + 3, 9 * HOUR + 3),
    escalations=((22 * HOUR + 3, ("bob", "cid", "mia")),),
    timeout=40 * HOUR + 3,
)
TALK = Rules(assignees=("cid",), every=4 * HOUR + 7, escalations=((10 * HOUR + 7, ("mia",)),), timeout=15 * HOUR + 7)
RISKY = Rules(assignees=("ops",), reminders=(6 * HOUR + 9, 13 * HOUR + 9), timeout=30 * HOUR + 9)
FINAL = Rules(assignees=("boss",), escalations=((12 * HOUR + 5, ("cfo",)),), timeout=20 * HOUR + 5)

NODES: tuple[str, ...] = ("Intake", "begin", "Vote", "talk", "risky", "Final")
ASKING: Mapping[str, Rules] = {"Intake": INTAKE, "Vote": VOTE, "Final": FINAL}
FIELDS: Mapping[str, tuple[str, type]] = {
    "Intake": ("amount", int),
    "Vote": ("approved", bool),
    "Final": ("again", bool),
}


@dataclass(frozen=True)
class Kind:
    """One of the graphs."""

    name: str
    at_the_end: Literal["default", "goto", "fail"]
    office: bool
    max_history_events: int | None


# -- Questions --------------------------------------------------------------------------------------------------------


class Moment:
    """A moment of which the run itself says when exactly it was; copies of the model share it."""

    def __init__(self, about: datetime) -> None:
        self.at = about
        self.is_known = False

    def __deepcopy__(self, memo: Any) -> Moment:
        return self


Due = tuple[Literal["remind", "escalate", "expire"], timedelta, tuple[str, ...]]


@dataclass(eq=False)
class Question:
    """An open question, or one that was."""

    id: str
    task_id: str
    kind: str
    rules: Rules | None
    office: bool
    created: Moment
    assignees: tuple[str, ...] = ()
    level: int = 0
    votes: list[dict[str, Json]] = field(default_factory=list[dict[str, Json]])
    dues: list[Due] = field(default_factory=list[Due])
    extensions: list[timedelta | datetime] = field(default_factory=list["timedelta | datetime"])

    def __post_init__(self) -> None:
        self.ask()

    def ask(self) -> None:
        """Begin to wait."""
        if self.rules is None:
            return
        self.assignees, self.dues, self.extensions = self.rules.assignees, [], []
        if self.rules.every is not None:
            self.dues.append(("remind", timedelta(minutes=self.rules.every), ()))
        self.dues.extend(("remind", timedelta(minutes=each), ()) for each in self.rules.reminders)
        self.dues.extend(("escalate", timedelta(minutes=after), to) for after, to in self.rules.escalations)
        self.dues.append(("expire", timedelta(minutes=self.rules.timeout), ()))

    @property
    def quorum(self) -> int:
        return 1 if self.rules is None else self.rules.quorum

    def later(self, since: datetime, duration: timedelta) -> datetime:
        return OFFICE.after(since, duration) if self.office else since + duration

    @property
    def deadline(self) -> datetime | None:
        if self.rules is None:
            return None
        at = self.later(self.created.at, timedelta(minutes=self.rules.timeout))
        for each in self.extensions:
            at = each if isinstance(each, datetime) else self.later(at, each)
        return at

    def at(self, due: Due) -> datetime:
        if due[0] == "expire":
            assert self.deadline is not None
            return self.deadline
        return self.later(self.created.at, due[1])

    def first(self) -> Due | None:
        order = ("remind", "escalate", "expire")
        return min(self.dues, key=lambda due: (self.at(due), order.index(due[0])), default=None)

    def take(self, due: Due, now: datetime) -> None:
        """Note that it has done what was due."""
        self.dues.remove(due)
        if due[0] == "remind" and self.rules is not None and self.rules.every is not None:
            each, after = timedelta(minutes=self.rules.every), due[1]
            while self.later(self.created.at, after) <= now:
                after += each
            self.dues.append(("remind", after, ()))


@dataclass(eq=False)
class Task:
    """A visit of a node."""

    id: str
    node: str
    number: int
    ready: bool = False
    has_run: bool = False
    is_answered: bool = False
    value: Json = None
    said: list[str] = field(default_factory=list[str])
    answers: list[Json] = field(default_factory=list[Json])
    drawn: str | None = None
    failures: int = 0
    held: Any = None


@dataclass(eq=False)
class Entry:
    """What the audit must have, and when: at the time that something was due, or while something was done."""

    kind: str
    interrupt_id: str | None = None
    actor: str | None = None
    via: str | None = None
    data: dict[str, Json] = field(default_factory=dict[str, Json])
    since: datetime | None = None
    until: datetime | None = None
    due: Callable[[], datetime] | None = None
    opened: Moment | None = None
    slack: timedelta = timedelta(seconds=1)


@dataclass(frozen=True)
class Sent:
    """An answer."""

    interrupt_id: str
    value: Json
    actor: str | None
    answer_id: str


@dataclass(frozen=True)
class Taken:
    """An answer that was taken."""

    interrupt_id: str
    actor: str | None
    answer_id: str | None
    via: str


# -- A run ------------------------------------------------------------------------------------------------------------


class Model:
    """A run, and how it must be."""

    def __init__(self, kind: Kind, now: datetime) -> None:
        self.kind = kind
        self.now = now
        self.is_up = True
        self.status = "running"
        self.paused = False
        self.before: tuple[str, ...] = ()
        self.after: tuple[str, ...] = ()
        self.state: dict[str, Json] = {"amount": 0, "trouble": False, "note": "", "log": []}
        self.tasks: dict[str, Task] = {}
        self.visits: dict[str, int] = dict.fromkeys(NODES, 0)
        self.tasks_made = 0
        self.collected: list[str] = []
        self.open: dict[str, Question] = {}
        self.taken: dict[str, Taken] = {}
        self.early: dict[str, list[tuple[Sent, str]]] = {}
        self.by_answer_id: dict[str, Taken] = {}
        self.rejected: list[str] = []
        self.audit: list[Entry] = []
        self.output: list[str] | None = None
        self.items: list[str] = []
        self.checkpoint = 0
        self.checkpoints: list[tuple[str, str | None]] = []
        self.snapshots: dict[int, Model] = {}
        self.inbox: list[Callable[[], None]] = []
        self.is_late = False
        self.trigger: Callable[[], datetime] | None = None
        self._event("started", None)
        self._rest("Intake")
        self.settle()

    def __deepcopy__(self, memo: Any) -> Model:
        other = Model.__new__(Model)
        memo[id(self)] = other
        for name, value in vars(self).items():
            setattr(other, name, {} if name == "snapshots" else [] if name == "inbox" else copy.deepcopy(value, memo))
        return other

    @property
    def is_over(self) -> bool:
        return self.status in ("finished", "failed")

    @property
    def standing(self) -> str:
        if self.is_over:
            return self.status
        return "paused" if self.paused else "waiting"

    # -- What happens by itself -------------------------------------------------------------------------------------

    def next_due(self) -> tuple[datetime, Question] | None:
        found = [(q.at(due), q) for q in self.open.values() if (due := q.first()) is not None]
        return min(found, key=lambda item: item[0], default=None)

    def advance(self, to: datetime) -> None:
        """Let time pass; without a worker nothing comes of it."""
        while self.is_up and (found := self.next_due()) is not None and found[0] <= to:
            self.now = max(self.now, found[0])
            self._come_due(found[1])
            self.settle()
        self.now = max(self.now, to)

    def come_back(self, now: datetime) -> None:
        """A worker is there again: it takes what was sent meanwhile, then does what is due."""
        self.now, self.is_up = now, True
        inbox, self.inbox = self.inbox, []
        self.is_late = True
        for done in inbox:
            done()
        self._catch_up()
        self.settle()

    def _catch_up(self) -> None:
        self.is_late = True
        due = [
            (self.tasks[q.task_id].number, q) for q in self.open.values() if (d := q.first()) and q.at(d) <= self.now
        ]
        for _, question in sorted(due, key=lambda item: item[0]):
            if self.open.get(question.id) is question:
                self._come_due(question)
        self.is_late = False

    def _come_due(self, question: Question) -> None:
        while question.id in self.open and (due := question.first()) and question.at(due) <= self.now:
            at = question.at(due)
            question.take(due, self.now)
            after = question.first()
            is_last = after is None or question.at(after) > self.now
            when = None if self.is_late else _fixed(question, due)
            self.trigger = when
            if due[0] == "remind" and is_last:
                self._note("reminded", question.id, due=when, to=list(question.assignees))
            elif due[0] == "escalate":
                question.assignees = due[2]
                question.level += 1
                self._note("escalated", question.id, due=when, to=list(due[2]), level=question.level)
            elif due[0] == "expire":
                assert at <= self.now
                self._expire(question, when)
            self.trigger = None

    def _expire(self, question: Question, when: Callable[[], datetime] | None) -> None:
        self._bump("timed_out", question.id.rpartition(":")[0])
        task = self.tasks[question.task_id]
        if task.node == "Final" and question.kind == "node" and self.kind.at_the_end == "fail":
            self._note("timed_out", question.id, via="timeout", due=when)
            del self.open[question.id]
            self._end("failed")
            self._keep_snapshot()
            return
        del self.open[question.id]
        self.taken[question.id] = Taken(question.id, None, None, "timeout")
        defaults: dict[str, Json] = {
            "Intake": {"amount": 1},
            "Vote": {"approved": False},
            "talk": 7,
            "risky": {"action": "skip", "output": "skipped"},
            "Final": {"again": False},
        }
        if task.node == "Final" and question.kind == "node" and self.kind.at_the_end == "goto":
            self._note("timed_out", question.id, via="timeout", due=when)
            self.state["note"] = "nobody"
            del self.tasks[task.id]
            self._rest("Intake")
        else:
            value = defaults[task.node]
            self._note("timed_out", question.id, via="timeout", due=when, value=value)
            if task.node == "Intake":
                self.state["note"] = "late"
            votes = [f"{vote['actor']} {vote['via']} {vote['value']}" for vote in question.votes]
            self._go_on(question, task, value, "; ".join([*votes, f"None timeout {value}"]))
        self._take_early()
        self._keep_snapshot()

    # -- Nodes ------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let all nodes run that can."""
        while self.is_up and not self.is_late and not self.paused and not self.is_over:
            wave = [task for task in self.tasks.values() if task.ready]
            if not wave:
                return
            seen = copy.deepcopy(self.state)
            for task in wave:
                task.ready, task.has_run = False, True
            for left, task in zip(range(len(wave), 0, -1), wave, strict=True):
                self._run(task, seen)
                self._take_early()
                if left == 1:  # which of several nodes that run ends first, nobody knows
                    self._keep_snapshot()

    def _run(self, task: Task, seen: Mapping[str, Json]) -> None:
        log: list[str] = self.state["log"]
        if task.node == "talk" and len(task.answers) < 2:
            self._bump("interrupt_opened", "talk")
            position = len(task.answers)
            self._ask(task, f"{task.id}.{position}", "call", TALK if position == 0 else None)
            return
        if task.node == "risky" and seen["trouble"]:
            self._bump("node_failed", "risky")
            task.failures += 1
            name = f"{task.id}.failure" if task.failures == 1 else f"{task.id}.failure-{task.failures}"
            self._ask(task, name, "failure", RISKY)
            return
        self._bump("node_finished", task.node)
        if task.node == "Intake":
            self.state["amount"] = task.value["amount"]
            log.append(f"intake {task.value['amount']}: {task.said[-1]}")
            outcome: Json = None
        elif task.node == "begin":
            outcome = None
        elif task.node == "Vote":
            log.append(f"vote {task.value['approved']}: {task.said[-1]}")
            outcome = f"vote {task.value['approved']}"
        elif task.node == "talk":
            number, word = task.answers
            log.append(f"talk {DRAWN} {number} {word}: {task.said[0]}; {task.said[1]}")
            outcome = f"talk {number} {word}"
        elif task.node == "risky":
            log.append("risky")
            outcome = "risky"
        else:
            log.append(f"final {task.value['again']}: {task.said[-1]}")
            outcome = task.value["again"]
        self._end_node(task, outcome)

    def _end_node(self, task: Task, outcome: Json) -> None:
        if task.node in self.after:
            task.held = outcome
            self._ask(task, f"{task.id}.after", "after", RISKY if task.node == "risky" else None)
        else:
            self._end_task(task, outcome)

    def _end_task(self, task: Task, outcome: Json) -> None:
        del self.tasks[task.id]
        if task.node == "Intake":
            self._rest("begin")
        elif task.node == "begin":
            for node in ("Vote", "talk", "risky"):
                self._rest(node)
        elif task.node == "Final":
            if outcome:
                self._rest("Intake")
            else:
                self.output = sorted(self.items)
                self._end("finished")
        else:
            self.collected.append(outcome)
            if len(self.collected) == 3:
                self.items, self.collected = self.collected, []
                self._rest("Final")

    def _rest(self, node: str) -> None:
        self.visits[node] += 1
        task = Task(f"{node}:{self.visits[node]}", node, self.tasks_made)
        self.tasks_made += 1
        self.tasks[task.id] = task
        if node in self.before:
            self._ask(task, f"{task.id}.before", "before", RISKY if node == "risky" else None)
        else:
            self._be_ready(task)

    def _be_ready(self, task: Task) -> None:
        if task.node in ASKING and not task.is_answered:
            self._ask(task, task.id, "node", ASKING[task.node])
        else:
            task.ready = True

    def _end(self, status: str) -> None:
        for task in list(self.tasks.values()):
            for question in [q for q in self.open.values() if q.task_id == task.id]:
                del self.open[question.id]
                self._note("cancelled", question.id)
        self.tasks = {}
        self.status = status

    def _event(self, kind: str, node: str | None) -> None:
        self.checkpoint += 1
        self.checkpoints.append((kind, node))

    _bump = _event

    def _keep_snapshot(self) -> None:
        if self.checkpoint not in self.snapshots:
            self.snapshots[self.checkpoint] = copy.deepcopy(self)

    # -- Questions --------------------------------------------------------------------------------------------------

    def _ask(self, task: Task, interrupt_id: str, kind: str, rules: Rules | None) -> None:
        office = self.kind.office and rules in (TALK, FINAL)
        question = Question(interrupt_id, task.id, kind, rules, office, Moment(self.now))
        self.open[interrupt_id] = question
        entry = self._note("asked", interrupt_id)
        entry.opened = question.created

    def _note(self, kind: str, interrupt_id: str | None, **about: Any) -> Entry:
        own = {name: about.pop(name, None) for name in ("actor", "via", "due")}
        entry = Entry(kind, interrupt_id, own["actor"], own["via"], about, self.now, due=own["due"])
        if kind in ("asked", "cancelled") and self.trigger is not None:
            entry.since = None  # at the same moment as what was due
        self.audit.append(entry)
        return entry

    def stamp(self, until: datetime, took: timedelta) -> None:
        """Note when what has just been done was over, and how long that took."""
        for entry in reversed(self.audit):
            if entry.until is not None:
                break
            entry.until = until
            entry.slack = max(entry.slack, took)

    def _go_on(self, question: Question, task: Task, value: Json, said: str) -> None:
        if question.kind == "after":
            held, task.held = task.held, None
            self._end_task(task, held)
        elif question.kind == "before":
            self._be_ready(task)
        elif question.kind == "failure":
            action = value["action"]
            if action == "abort":
                self._end("failed")
            elif action == "skip":
                self._end_node(task, value["output"])
            else:
                self._be_ready(task)
        else:
            task.said.append(said)
            if question.kind == "node":
                task.value, task.is_answered = value, True
            else:
                task.answers.append(value)
            task.ready = True

    def _take_early(self) -> None:
        for interrupt_id in [name for name in self.early if name in self.open]:
            kept = self.early.pop(interrupt_id)
            for sent, _ in kept:
                del self.by_answer_id[sent.answer_id]
            for sent, via in kept:
                if self.judge(sent):
                    self._reject(sent.interrupt_id, sent.actor, via)
                else:
                    self._accept(sent, via)

    # -- Answers ----------------------------------------------------------------------------------------------------

    def judge(self, sent: Sent) -> set[str]:
        """Why an answer must be refused; nothing for one that must be taken, `again` for one that was taken before."""
        if sent.answer_id in self.by_answer_id:
            return {"again"}
        if self.is_over:
            return {"closed"}
        question = self.open.get(sent.interrupt_id)
        if question is None:
            if sent.interrupt_id in self.taken:
                return {"expired" if self.taken[sent.interrupt_id].via == "timeout" else "already_answered"}
            if self.is_to_come(sent.interrupt_id):
                return set() if self._is_room(sent) else {"already_answered"}
            return {"closed", "unknown_interrupt"}
        reasons: set[str] = set()
        rules = question.rules
        if rules is not None:
            if sent.actor is None and (rules.only_assignees or rules.not_by or rules.quorum > 1):
                reasons.add("not_authorized")
            if sent.actor is not None and sent.actor in rules.not_by:
                reasons.add("not_authorized")
            if rules.only_assignees and sent.actor not in question.assignees:
                reasons.add("not_authorized")
            if any(vote["actor"] == sent.actor for vote in question.votes):
                reasons.add("already_answered")
        if not self.fits(question, sent.value):
            reasons.add("invalid")
        return reasons

    def _is_room(self, sent: Sent) -> bool:
        """Whether an early answer is kept besides those that are."""
        kept = [each.actor for each, _ in self.early.get(sent.interrupt_id, [])]
        if not kept:
            return True
        if sent.actor is None or sent.actor in kept:
            return False
        if "." in sent.interrupt_id:
            return True  # how many people will be asked is not known before it asks
        rules = ASKING[sent.interrupt_id.partition(":")[0]]
        if rules.only_assignees or rules.not_by:
            return True  # nor who may answer then
        return rules.quorum > 1 and len([actor for actor in kept if actor is not None]) < rules.quorum

    def is_to_come(self, interrupt_id: str) -> bool:
        """Whether it is a question that is not open yet, and will be."""
        node_id, _, visit = interrupt_id.partition(":")
        number, dot, position = visit.partition(".")
        if dot:
            task = self.tasks.get(f"talk:{number}")
            asked = len(task.answers) + (f"{task.id}.{len(task.answers)}" in self.open) if task else 0
            if node_id == "talk" and position.isdigit():
                return int(position) >= asked if task else int(number) > self.visits["talk"]
            return False
        task = self.tasks.get(interrupt_id)
        will_ask = task is not None and node_id in ASKING and not task.is_answered and f"{task.id}.before" in self.open
        return int(number) > self.visits[node_id] or will_ask

    def fits(self, question: Question, value: Json) -> bool:
        node = question.task_id.partition(":")[0]
        parts = cast("dict[str, Json]", value) if isinstance(value, dict) else None
        if question.kind in ("before", "after"):
            return True
        if question.kind == "node":
            name, type_ = FIELDS[node]
            return parts is not None and list(parts) == [name] and type(parts[name]) is type_
        if question.kind == "call":
            return type(cast("Json", value)) is (int if question.id.endswith(".0") else str)
        if parts is None:
            return False
        if parts.get("action") == "skip":
            return set(parts) == {"action", "output"} and isinstance(parts["output"], str)
        return parts in ({"action": "retry"}, {"action": "abort"})

    def answer(self, answers: Sequence[Sent], via: str) -> list[set[str]]:
        """Take answers, all or none.

        Returns:
            Why each of them is refused.
        """
        reasons = [self.judge(sent) for sent in answers]
        if any(each - {"again"} for each in reasons):
            return reasons
        new = [sent for sent, each in zip(answers, reasons, strict=True) if not each]
        closing = [sent for sent in new if sent.interrupt_id in self.open and not self._is_vote(sent)]
        if closing:
            first = self.open.get(answers[0].interrupt_id)
            self._bump("answered", None if first is None else self.tasks[first.task_id].node)
        # All of them are taken before any of it is done.
        done = [(self._accept_only(sent, via), sent) for sent in new]
        for follow, _ in done:
            if follow is not None and not self.is_over:
                follow()
        if not self.is_over:
            self._take_early()
        if closing:
            self._keep_snapshot()
        self.settle()
        return reasons

    def _is_vote(self, sent: Sent) -> bool:
        question = self.open[sent.interrupt_id]
        return question.quorum > len(question.votes) + 1 and sent.value != {"approved": False}

    def _accept(self, sent: Sent, via: str) -> None:
        follow = self._accept_only(sent, via)
        if follow is not None:
            follow()

    def _accept_only(self, sent: Sent, via: str) -> Callable[[], None] | None:
        taken = Taken(sent.interrupt_id, sent.actor, sent.answer_id, via)
        self.by_answer_id[sent.answer_id] = taken
        question = self.open.get(sent.interrupt_id)
        if question is None:
            self.early.setdefault(sent.interrupt_id, []).append((sent, via))
            return None
        vote = {"actor": sent.actor, "value": sent.value, "via": via, "answer_id": sent.answer_id}
        about: dict[str, Json] = {"actor": sent.actor, "via": via, "value": sent.value}
        if self._is_vote(sent):
            question.votes.append(vote)
            self._note("answered", question.id, **about, missing=question.quorum - len(question.votes))
            return None
        self._note("answered", question.id, **about)
        del self.open[question.id]
        self.taken[question.id] = taken
        said = "; ".join(f"{each['actor']} {each['via']} {each['value']}" for each in [*question.votes, vote])
        task = self.tasks[question.task_id]
        return lambda: self._go_on(question, task, sent.value, said)

    def send(self, do: Callable[[], None]) -> None:
        """Take something that came as a signal: now, or when a worker is there."""
        if self.is_up:
            do()
            self.settle()
        else:
            self.inbox.append(do)

    def signal_answer(self, sent: Sent) -> None:
        """An answer that came as a signal."""

        def do() -> None:
            reasons = self.answer([sent], "signal")[0]
            if reasons - {"again"}:
                self._reject(sent.interrupt_id, sent.actor, "signal")

        self.send(do)

    def _reject(self, interrupt_id: str | None, actor: str | None, via: str) -> None:
        self.rejected.append(interrupt_id or "")
        self._note("rejected", interrupt_id, actor=actor, via=via)

    # -- What else people do ----------------------------------------------------------------------------------------

    def update(self, values: Mapping[str, Json], actor: str | None, via: str) -> bool:
        """Change the state.

        Returns:
            Whether it can be changed so.
        """
        types = {"trouble": bool, "note": str, "amount": int}
        if self.is_over or any(type(value) is not types.get(name) for name, value in values.items()):
            return False
        self._bump("state_updated", None)
        self.state.update(values)
        self._note("state_updated", None, actor=actor, via=via, update=dict(values))
        self._keep_snapshot()
        return True

    def pause(self, paused: bool) -> None:
        if not self.is_over:
            self.paused = paused
            self.settle()

    def reassign(self, interrupt_id: str, to: Sequence[str], actor: str | None, via: str) -> bool:
        """Ask others.

        Returns:
            Whether that can be.
        """
        question = self.open.get(interrupt_id)
        if question is None:
            return False
        rules = question.rules
        voted = [vote["actor"] for vote in question.votes]
        too_few = bool(to) and len([name for name in to if name not in voted]) < question.quorum - len(voted)
        nobody = not to and rules is not None and rules.only_assignees
        if too_few or nobody or (rules is not None and set(to) & set(rules.not_by)):
            return False
        before, question.assignees = list(question.assignees), tuple(to)
        self._note("reassigned", interrupt_id, actor=actor, via=via, to=list(to), before=before)
        return True

    def extend(self, interrupt_id: str, by: timedelta | datetime, actor: str | None, via: str) -> bool:
        """Let a question wait longer, or until a moment.

        Returns:
            Whether that can be.
        """
        question = self.open.get(interrupt_id)
        if question is None or question.deadline is None:
            return False
        if (by if isinstance(by, datetime) else question.later(question.deadline, by)) <= self.now:
            return False
        question.extensions.append(by)
        self._note("extended", interrupt_id, actor=actor, via=via)
        return True

    def set_breakpoints(self, before: Sequence[str], after: Sequence[str]) -> bool:
        """Say where the run stops.

        Returns:
            Whether that can be.
        """
        if self.is_over:
            return False
        self.before, self.after = tuple(before), tuple(after)
        for task in self.tasks.values():
            is_fresh = task.ready and not task.has_run and not task.answers and not task.failures
            if is_fresh and f"{task.id}.before" not in self.taken and task.node in self.before:
                task.ready = False
                self._ask(task, f"{task.id}.before", "before", RISKY if task.node == "risky" else None)
        return True

    def fork(self, now: datetime, update: Mapping[str, Json] | None) -> None:
        """Begin as a copy; what has a time begins anew."""
        self.now = now
        for question in self.open.values():
            if question.rules is not None:
                question.created, question.level = Moment(now), 0
                question.ask()
        self.is_up, self.is_late, self.trigger = True, False, None
        self.paused = False
        self.checkpoints = []
        self._bump("forked", None)
        self.state.update(update or {})
        self._note("forked", None)
        for task in self.tasks.values():
            if not task.ready and not any(question.task_id == task.id for question in self.open.values()):
                task.ready = True  # it ran at that point
        self._keep_snapshot()
        self.settle()


DRAWN = "<drawn>"
"""Stands in the log for what the run has drawn."""


def _fixed(question: Question, due: Due) -> Callable[[], datetime]:
    """When something is due; as of now, for what is extended later is not due earlier."""
    extensions = list(question.extensions)
    about = copy.copy(question)
    about.extensions = extensions
    return lambda: about.at(due)
