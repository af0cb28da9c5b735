"""Questions to people: which are open, who answered which, and what was refused."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .audit import Audit
from .events import Position, clipped, listed
from .policies import Due, Policy, too_few
from .sizes import cut, json_size, size_of, too_long
from .state import Json

Kind = Literal["node", "call", "before", "after", "failure", "blocked"]
Reason = Literal[
    "invalid",
    "already_answered",
    "expired",
    "unknown_interrupt",
    "ambiguous",
    "not_authorized",
    "closed",
    "conflict",
    "started",
    "blocked",
]
"""Why something is not taken; `started`: it would start a run that has been started otherwise."""

TIMEOUT = "timeout"
"""How an answer came that nobody gave."""
MEMORY = 500
"""How many answers a run remembers, so that the same one, sent again, is known: a run may live for years."""
REFUSALS = 100
"""How many refused answers it keeps for people to see."""
EARLY = 100
"""How many answers it keeps for questions that are not open yet."""
EARLY_SIZE = 200_000
"""Characters of JSON that these have together."""
VOTES_SIZE = 1_000_000
"""Bytes of what people have said to a question that several must answer; all of it goes to the node."""
SAID_SIZE = 1_250_000
"""Bytes of what people have said to open questions, ahead of them too, and of who is asked: all of it goes along."""
TOLD = 20
"""How many answers of several people are told with a question."""
LISTED = 20
"""How many open questions the error lists that says there is no such one."""
NAME, NAMES = 1_000, 20_000
"""Bytes of a name that somebody sends (`actor`, `answer_id`, who is to be asked), and of all who are to be asked."""
ANSWERS_SIZE, REFUSALS_SIZE, ERRORS_SIZE = 200_000, 100_000, 4_000
"""Bytes of JSON of the answers that are remembered, and of those refused, that go along; of the errors of one."""
MOST_ERRORS = 20
"""How many things that are wrong with one answer are told."""
LONGEST = 2_000
"""Bytes of an answer, and of what is wrong with it, that are kept: it all must fit into a snapshot."""


_NO_RULES = Policy()


@dataclass(slots=True)
class Interrupt:
    """A question that waits for a person.

    Attributes:
        interrupt_id: `Review:1` (node, how many-th visit); `Review:1.0` for the first `interrupt()` of that visit, and
            `Review:1:price` for the one with the key `price`.
        node_id: The node that asks.
        kind: What kind of question it is.
        value: What is shown to the person.
        response_schema: JSON schema of an answer that fits; None where anything does.
        created_at: When it was asked, ISO 8601 with time zone.
        task_id: The task that waits.
        position: For a call, which question of its task it is.
        deadline: Until when it waits, likewise; None for ever.
        assignees: Who is asked now; empty for anybody.
        escalation_level: How often it was handed on for want of an answer.
        answers: What people have said so far, where several must: `actor`, `value`, `answered_at`, `answer_id`.
        quorum: How many people must answer.
        policy: How it is asked; None for nothing special.
        due: What it will do by itself, in order.
    """

    interrupt_id: str
    node_id: str
    kind: Kind
    value: Json
    response_schema: dict[str, Any] | None
    created_at: str
    task_id: str
    position: Position | None = None
    deadline: str | None = None
    assignees: list[str] = field(default_factory=list)
    escalation_level: int = 0
    answers: list[Json] = field(default_factory=list)
    quorum: int = 1
    policy: dict[str, Json] | None = None
    due: list[Due] = field(default_factory=list)
    _rules: tuple[Json, Policy] | None = field(default=None, repr=False, compare=False)
    _voters: dict[str, Json] = field(default_factory=dict, repr=False, compare=False)
    _size: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)
    _said: int = field(default=0, repr=False, compare=False)

    @property
    def said(self) -> int:
        """Bytes of JSON of what people have said to it so far, and of who is asked, as `OpenQuestions` has counted."""
        return self._said

    @property
    def rules(self) -> Policy:
        """How it is asked."""
        if self.policy is None:
            return _NO_RULES
        if self._rules is None or self._rules[0] is not self.policy:
            self._rules = self.policy, Policy.load(self.policy)
        return self._rules[1]

    @property
    def voters(self) -> Mapping[str, Json]:
        """What people have said so far, by who they are; each only once, for thousands may have to."""
        for vote in self.answers[len(self._voters) :]:
            self._voters[vote["actor"]] = vote
        return self._voters

    @property
    def size(self) -> int:
        """How many bytes there are of what people have said so far."""
        count, size = self._size
        self._size = len(self.answers), size + sum(map(json_size, self.answers[count:]))
        return self._size[1]

    @property
    def problem(self) -> str | None:
        """Why nobody can answer it, or too few can; None where all is well."""
        if self.policy is None:
            return None
        reason = too_few(self.interrupt_id, self.rules, self.assignees, self.voters)
        return None if reason is None else f"{reason}: reassign it."

    @staticmethod
    def load(data: Mapping[str, Any]) -> Interrupt:
        """From a snapshot."""
        found: dict[str, Any] = {**data, "due": [Due.load(item) for item in data.get("due", ())]}
        found["answers"] = list(data.get("answers", ()))  # of its own: a snapshot may be gone on from again
        return Interrupt(**found)

    def dump(self) -> dict[str, Any]:
        """As JSON, for a snapshot."""
        data = {**self._public(), **{name: getattr(self, name) for name in ("task_id", "position", "policy")}}
        return {**data, "due": [item.dump() for item in self.due]}

    def public(self) -> dict[str, Json]:
        """The interrupt as people see it: the wire contract's fields."""
        public = self._public()
        public["problem"] = self.problem
        return public

    def told(self) -> dict[str, Json]:
        """The interrupt as those see it who are told of it: with the latest answers."""
        told = self._public(TOLD)
        told["problem"] = self.problem
        return told

    def _public(self, most: int = 0) -> dict[str, Json]:
        # JSON is never changed in place, but these lists are.
        return {
            "interrupt_id": self.interrupt_id,
            "node_id": self.node_id,
            "kind": self.kind,
            "value": self.value,
            "response_schema": self.response_schema,
            "created_at": self.created_at,
            "deadline": self.deadline,
            "assignees": list(self.assignees),
            "escalation_level": self.escalation_level,
            "answers": self.answers[-most:],
            "quorum": self.quorum,
        }


class OpenQuestions(dict[str, Interrupt]):
    """Questions by id, in the order in which they were asked; found by what asks them, too.

    Attributes:
        said: Bytes of JSON of what people have said to them so far, and of who is asked.
    """

    def __init__(self, questions: Iterable[Interrupt] = ()) -> None:
        super().__init__()
        self.said = 0
        self._of: dict[tuple[str, str], dict[str, Interrupt]] = {}
        for interrupt in questions:
            self[interrupt.interrupt_id] = interrupt

    def of_task(self, task_id: str) -> list[Interrupt]:
        """The questions of a task."""
        return list(self._of.get(("task", task_id), {}).values())

    def of_node(self, node_id: str) -> list[Interrupt]:
        """The questions of a node."""
        return list(self._of.get(("node", node_id), {}).values())

    def count(self, interrupt: Interrupt, size: int) -> None:
        """Note that so many bytes have been added to a question."""
        interrupt._said += size  # pyright: ignore[reportPrivateUsage]
        self.said += size

    def __setitem__(self, interrupt_id: str, interrupt: Interrupt) -> None:
        super().__setitem__(interrupt_id, interrupt)
        if interrupt.answers or interrupt.assignees:
            self.count(interrupt, json_size([interrupt.answers, interrupt.assignees]) - interrupt.said)
        for place in (("task", interrupt.task_id), ("node", interrupt.node_id)):
            self._of.setdefault(place, {})[interrupt_id] = interrupt

    def __delitem__(self, interrupt_id: str) -> None:
        interrupt = self[interrupt_id]
        super().__delitem__(interrupt_id)
        self.count(interrupt, -interrupt.said)
        for place in (("task", interrupt.task_id), ("node", interrupt.node_id)):
            del self._of[place][interrupt_id]
            if not self._of[place]:
                del self._of[place]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says to an open question.

    Attributes:
        interrupt_id: The question; a bare node id stands for the one question which that node has open. It may be left
            out while exactly one question is open.
        value: The answer.
        state_update: Changes to the state that come with it.
        goto: Where the run is to go on instead.
        actor: Who answers.
        answer_id: The same id again is the same answer: a repeated click never answers the next question.
        has_value: Whether it has a value, which may be null; a breakpoint, a node that asks for no field, what changes
            the state and what goes elsewhere do without.
        comment: What is said with it, which is kept in the audit.
    """

    interrupt_id: str | None = None
    value: Json = None
    state_update: dict[str, Json] | None = None
    goto: dict[str, Json] | None = None
    actor: str | None = None
    answer_id: str | None = None
    has_value: bool = True
    comment: str | None = None


def to_answer(fields: Mapping[str, Json]) -> Answer:
    """An answer from its fields; one that only changes the state need not bring a value."""
    return Answer(**fields, has_value="value" in fields)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An answer that was taken.

    Attributes:
        interrupt_id: The question.
        answered_at: When it was taken.
        actor: Who answered.
        answer_id: The answer's own id.
        value: The answer.
        is_early: The question has yet to be asked.
        via: Which way it came: `signal`, `update`, or `timeout` if nobody had answered in time.
        missing: How many more people must answer the question.
        comment: What was said with an early answer, until the audit has it.
    """

    interrupt_id: str
    answered_at: str
    actor: str | None
    answer_id: str | None
    value: Json
    is_early: bool = False
    via: str | None = None
    missing: int = 0
    comment: str | None = None

    def public(self) -> dict[str, Json]:
        """Who answered what when, without the answer itself."""
        return {
            "interrupt_id": self.interrupt_id,
            "answered_at": self.answered_at,
            "actor": self.actor,
            "answer_id": self.answer_id,
            "is_early": self.is_early,
            "via": self.via,
            "missing": self.missing,
        }

    def dump(self) -> dict[str, Any]:
        """As JSON, for a snapshot; what earlier releases do not know is there only if there is something to say."""
        data = {name: getattr(self, name) for name in _DUMPED}
        return data if self.comment is None else {**data, "comment": self.comment}


_DUMPED = ("interrupt_id", "answered_at", "actor", "answer_id", "value", "is_early", "via", "missing")


def _clipped_error(error: dict[str, Any]) -> dict[str, Any]:
    place = [clipped(part, 100) if isinstance(part, str) else part for part in error["loc"]]
    return {**error, "loc": place[:20], "msg": clipped(error["msg"], 500)}


class Refused(Exception):
    """An answer that was not taken; the question is as it was.

    Attributes:
        reason: One of the reasons of the wire contract.
        message: What is wrong and what would be right.
        errors: For `invalid`, the errors by field: `loc`, `msg`, `type`.
    """

    def __init__(self, reason: Reason, message: str, errors: Iterable[dict[str, Any]] = ()) -> None:
        self.reason: Reason = reason
        self.message = clipped(message, LONGEST)
        super().__init__(self.message)
        self.errors = [_clipped_error(error) for error in errors][:MOST_ERRORS]


def invalid(place: str, message: str) -> Refused:
    """Why something is refused that is wrong in one place."""
    return Refused("invalid", message, [{"loc": [place], "msg": message, "type": place}])


class Questions:
    """The open questions of a run, and what became of the others."""

    def __init__(self) -> None:
        self.open = OpenQuestions()
        self.accepted: dict[str, Accepted] = {}
        self.votes: dict[str, Accepted] = {}
        self.early: dict[str, list[Accepted]] = {}
        self.rejected: list[dict[str, Any]] = []
        self.closed = False
        self.audit = Audit()
        self._by_answer_id: dict[str, Accepted] | None = None

    def find(
        self,
        answer: Answer,
        visits: Mapping[str, int],
        live: Callable[[str], Container[Position] | None],
        will_ask: Callable[[str], bool] = lambda _: False,
    ) -> Interrupt | Accepted | None:
        """Find what an answer belongs to.

        Args:
            answer: The answer.
            visits: The graph's steps, and how often each has been reached.
            live: Of a task that has not ended, the positions of the questions that it has asked; else None.
            will_ask: Whether a task is an interrupt node and has yet to ask.

        Returns:
            The open question; or the acceptance of the same answer, sent before; or None for the answer to a question
            that is not open yet.

        Raises:
            Refused: There is no such question; or somebody else's answer has the same `answer_id`.
        """
        known = self.known(answer)
        if known is not None:
            if None not in (known.actor, answer.actor) and known.actor != answer.actor:
                raise Refused(
                    "invalid",
                    f"answer_id {answer.answer_id!r} is that of the answer of {known.actor} to {known.interrupt_id!r}. "
                    "Give each answer an id of its own.",
                )
            return known
        if self.closed:
            raise Refused("closed", "The run has ended; it asks nothing any more.")
        if answer.interrupt_id is None:
            return self._only(self.open.values(), "Say which with interrupt_id")
        interrupt = self.open.get(answer.interrupt_id)
        if interrupt is not None:
            return interrupt
        if answer.interrupt_id in visits:
            return self._of_node(answer.interrupt_id)
        self._check_future(answer, answer.interrupt_id, visits, live, will_ask)
        return None

    def named(self, interrupt_id: str | None) -> Interrupt:
        """An open question by its id; by its node's, or without one, where only one is open.

        Raises:
            Refused: There is none, or there are several.
        """
        if interrupt_id is None:
            return self._only(self.open.values(), "Say which with interrupt_id")
        found = self.open.get(interrupt_id)
        return self._of_node(interrupt_id) if found is None else found

    def _of_node(self, node_id: str) -> Interrupt:
        return self._only(self.open.of_node(node_id), f"{node_id!r} is a node; say which of its questions you mean")

    def known(self, answer: Answer) -> Accepted | None:
        """The acceptance of the same answer, if it was sent before."""
        if answer.answer_id is None:
            return None
        if self._by_answer_id is None:
            known = [*self.accepted.values(), *self.ahead, *self.votes.values()]
            self._by_answer_id = {item.answer_id: item for item in reversed(known) if item.answer_id is not None}
        return self._by_answer_id.get(answer.answer_id)

    def forget(self, interrupt_id: str) -> Accepted | None:
        """Take an answer back that turned out not to fit."""
        self._by_answer_id = None
        return self.accepted.pop(interrupt_id, None)

    def take_early(self, interrupt_id: str) -> list[Accepted]:
        """The answers that were kept for a question, which are kept no longer."""
        self._by_answer_id = None
        return self.early.pop(interrupt_id, [])

    def _only(self, candidates: Iterable[Interrupt], hint: str) -> Interrupt:
        found = list(candidates)
        if len(found) == 1:
            return found[0]
        if found:
            ids = _some([interrupt.interrupt_id for interrupt in found])
            raise Refused("ambiguous", f"{len(found)} questions are open. {hint}: {ids}.")
        raise Refused("unknown_interrupt", f"No such question is open. {self._open_ids()}")

    def _check_future(
        self,
        answer: Answer,
        interrupt_id: str,
        visits: Mapping[str, int],
        live: Callable[[str], Container[Position] | None],
        will_ask: Callable[[str], bool],
    ) -> None:
        """Refuse an answer to a question that is not open, unless the question may still come."""
        accepted = self.accepted.get(interrupt_id)
        if accepted is not None and accepted.via == TIMEOUT:
            message = f"Nobody had answered {interrupt_id!r} in time; it stopped waiting at {accepted.answered_at}."
            raise Refused("expired", message)
        if accepted is not None:
            message = f"{interrupt_id!r} was answered{_by(accepted)} at {accepted.answered_at}."
            raise Refused("already_answered", message)
        node_id, visit, position = parts_of(interrupt_id)
        if node_id not in visits or visit is None:
            raise Refused("unknown_interrupt", f"There is no question {interrupt_id!r}. {self._open_ids()}")
        asked = None if position is None else live(f"{node_id}:{visit}")
        if visit <= visits[node_id] and asked is None and not will_ask(interrupt_id):
            was_open = self._may_have_asked(interrupt_id)
            gone = (
                f"The question {interrupt_id!r} is not open any more"
                if was_open
                else f"{interrupt_id!r} was never asked"
            )
            raise Refused("closed", f"{gone}. {self._open_ids()}")
        if asked is not None and position is not None and position in asked:
            raise Refused("closed", f"The question {interrupt_id!r} is not asked any more.")

    def _may_have_asked(self, interrupt_id: str) -> bool:
        """Whether a question has been open, as far as that is still known."""
        entries = self.audit.entries
        is_cut = len(entries) < self.audit.latest
        return is_cut or any(entry.interrupt_id == interrupt_id and entry.kind == "asked" for entry in entries)

    @property
    def ahead(self) -> list[Accepted]:
        """The answers that are kept for questions that are not open yet."""
        return [accepted for kept in self.early.values() for accepted in kept]

    def keep(self, answer: Answer, now: str, via: str) -> Accepted:
        """Keep an answer until its question opens."""
        assert answer.interrupt_id is not None
        accepted = Accepted(
            answer.interrupt_id,
            now,
            answer.actor,
            answer.answer_id,
            answer.value,
            is_early=True,
            via=via,
            comment=answer.comment,
        )
        self._by_answer_id = None
        self.early.setdefault(answer.interrupt_id, []).append(accepted)
        return accepted

    def check_ahead(self, answer: Answer, most: int | None) -> None:
        """Refuse an answer to a question that is not open, where enough are kept for it, or too many altogether.

        Args:
            answer: The answer.
            most: How many people must answer the question; None where that is not known.

        Raises:
            Refused: It is not kept.
        """
        kept = self.early.get(answer.interrupt_id or "", [])
        own = [item for item in kept if item.actor == answer.actor]
        named = [item for item in kept if item.actor is not None]
        is_enough = most is not None and (most == 1 or len(named) >= most)  # one of several must say who they are
        if kept and (answer.actor is None or own or is_enough):
            by = ", ".join(item.actor for item in own or kept if item.actor is not None)
            raise Refused(
                "already_answered",
                f"{answer.interrupt_id!r} is not open yet, and was answered ahead{f' by {by}' if by else ''} at "
                f"{kept[-1].answered_at}.",
            )
        self.check_room([answer])

    def check_room(self, answers: Sequence[Answer]) -> None:
        """Refuse answers to questions that are not open, where no more are kept.

        Raises:
            Refused: There are too many, or they are too large.
        """
        ahead = self.ahead
        size = sum(len(json.dumps(kept.value)) + size_of(kept.comment or "") for kept in (*ahead, *answers))
        if answers and (len(ahead) + len(answers) > EARLY or size > EARLY_SIZE):
            ids = ", ".join(repr(answer.interrupt_id) for answer in answers)
            raise Refused("unknown_interrupt", f"{ids} is not open, and no more answers are kept ahead.")

    def no_room(self, added: Sequence[Json]) -> Refused | None:
        """Why something is not kept beside what people have said to open questions; None where there is room."""
        size = self.open.said + sum(map(json_size, (*(kept.dump() for kept in self.ahead), *added)))
        if size <= SAID_SIZE:
            return None
        return invalid(
            "value",
            f"What people have said to open questions, with who is asked, would be {size:,} bytes. No more than "
            f"{SAID_SIZE:,} are kept; what ends a question is taken.",
        )

    def _open_ids(self) -> str:
        if not self.open:
            return "No question is open."
        return f"Open: {_some(list(itertools.islice(self.open, LISTED + 1)), len(self.open))}."

    def ask(self, interrupt: Interrupt) -> None:
        """Open a question."""
        self.open[interrupt.interrupt_id] = interrupt
        told: dict[str, Json] = {
            "node_id": interrupt.node_id,
            "interrupt_kind": interrupt.kind,
            "value": interrupt.value,
        }
        if interrupt.assignees:
            told["assignees"] = interrupt.assignees
        if interrupt.deadline is not None:
            told["deadline"] = interrupt.deadline
        if interrupt.quorum > 1:
            told["quorum"] = interrupt.quorum
        question = interrupt.told()
        if question["problem"] is not None:
            told["problem"] = question["problem"]
        self.audit.add("asked", interrupt.created_at, interrupt.interrupt_id, question=question, **told)

    def vote(self, interrupt: Interrupt, answer: Answer, now: str, via: str) -> Accepted:
        """Note what one of several people has said to a question, which stays open."""
        said = {"actor": answer.actor, "value": answer.value, "answered_at": now, "answer_id": answer.answer_id}
        interrupt.answers.append({**said, "via": via})
        self.open.count(interrupt, json_size(interrupt.answers[-1]))
        missing = interrupt.quorum - len(interrupt.answers)
        accepted = Accepted(
            interrupt.interrupt_id, now, answer.actor, answer.answer_id, answer.value, via=via, missing=missing
        )
        if answer.answer_id is not None:
            self._remember(self.votes, answer.answer_id, accepted)
        self._note_answer(accepted, answer, interrupt)
        return accepted

    def accept(self, interrupt_id: str, answer: Answer, now: str, via: str) -> Accepted:
        """Note that a question has its answer."""
        interrupt = self.open.get(interrupt_id)
        if interrupt is not None:
            del self.open[interrupt_id]
        accepted = Accepted(interrupt_id, now, answer.actor, answer.answer_id, answer.value, via=via)
        self._remember(self.accepted, interrupt_id, accepted)
        self._note_answer(accepted, answer, interrupt)
        return accepted

    def _remember(self, memory: dict[str, Accepted], name: str, accepted: Accepted) -> None:
        self._by_answer_id = None
        value = shortened(accepted.value)
        memory[name] = accepted if value is accepted.value else replace(accepted, value=value)
        while len(memory) > MEMORY:
            del memory[next(iter(memory))]

    def _note_answer(self, accepted: Accepted, answer: Answer, interrupt: Interrupt | None) -> None:
        told: dict[str, Json] = {"answer_id": answer.answer_id}
        if answer.has_value:
            told["value"] = answer.value
        if answer.state_update is not None:
            told["state_update"] = answer.state_update
        if answer.goto is not None:
            told["goto"] = answer.goto
        if accepted.missing:
            told["missing"] = accepted.missing
        kind = "timed_out" if accepted.via == TIMEOUT else "answered"
        self.audit.add(
            kind,
            accepted.answered_at,
            accepted.interrupt_id,
            actor=accepted.actor,
            via=accepted.via,
            comment=answer.comment,
            question=None if interrupt is None else interrupt.told(),
            **told,
        )

    def reject(
        self,
        answer: Json,
        refused: Refused,
        now: str,
        via: str,
        interrupt_id: Json = None,
        actor: Json = None,
        comment: Json = None,
    ) -> None:
        """Keep an answer that could not be taken, for whoever looks at the run."""
        asked = self.open.get(interrupt_id) if isinstance(interrupt_id, str) else None
        self.audit.add(
            "rejected",
            now,
            clipped(interrupt_id, 200) if isinstance(interrupt_id, str) else None,
            actor=clipped(actor, 200) if isinstance(actor, str) else None,
            via=via,
            comment=comment if isinstance(comment, str) else None,
            question=None if asked is None else asked.told(),
            answer=answer,
            reason=refused.reason,
            message=refused.message,
        )
        self.rejected.append(
            {
                "answer": shortened(answer),
                "reason": refused.reason,
                "message": refused.message,
                "errors": _latest(refused.errors[::-1], ERRORS_SIZE)[::-1],
                "rejected_at": now,
            }
        )
        del self.rejected[:-REFUSALS]

    def close(self, task_id: str, now: str) -> list[str]:
        """Close the questions of a task that is gone.

        Returns:
            Their ids.
        """
        closed = [interrupt.interrupt_id for interrupt in self.open.of_task(task_id)]
        for interrupt_id in closed:
            del self.open[interrupt_id]
            self.audit.add("cancelled", now, interrupt_id)
        return closed

    def dump(self) -> dict[str, Any]:
        """As JSON, for a snapshot."""
        return {
            "open": [interrupt.dump() for interrupt in self.open.values()],
            "early": [kept.dump() for kept in self.ahead],
            **self.remembered(),
        }

    def remembered(self, share: float | None = None) -> dict[str, Any]:
        """What is only remembered, of what `dump` gives.

        Args:
            share: How much of its room it gets: the oldest goes first. None for all of it.
        """
        accepted = [item.dump() for item in self.accepted.values()]
        votes = [item.dump() for item in self.votes.values()]
        rejected = list(self.rejected)
        if share is not None:
            accepted, votes = (_latest(items, ANSWERS_SIZE / 2 * share) for items in (accepted, votes))
            rejected = _latest(rejected, REFUSALS_SIZE * share)
        return {"accepted": accepted, "votes": votes, "rejected": rejected, "audit": self.audit.dump(share)}

    def load(self, data: Mapping[str, Any]) -> None:
        """From a snapshot."""
        self.open = OpenQuestions(Interrupt.load(item) for item in data["open"])
        self.accepted = {item["interrupt_id"]: Accepted(**item) for item in data["accepted"]}
        self.early = {}
        for item in data["early"]:
            self.early.setdefault(item["interrupt_id"], []).append(Accepted(**item))
        self.rejected = list(data["rejected"])
        self.votes = {item["answer_id"]: Accepted(**item) for item in data.get("votes", ())}
        if "audit" in data:  # earlier releases had neither
            self.audit.load(data["audit"])


def describe(interrupt_id: str, errors: list[dict[str, Any]]) -> str:
    """What is said of an answer that does not fit."""
    return f"The answer does not fit {interrupt_id!r}: {listed(errors)}."


def other_reading(name: str, by: str) -> Refused:
    """Why an answer is not taken whose question has changed meanwhile."""
    if name == by:
        message = (
            f"Others may answer {name!r} by now than when it was answered, as its policy says, so that the answer does "
            "not count. It is asked once more; they can answer it."
        )
        return Refused("conflict", message)
    message = (
        f"{name!r} is asked differently by now, as {by!r}: what it shows, or who may answer it, has changed since, or "
        "another release of the node asks. What was answered is not what is asked; look at it, and answer that."
    )
    return Refused("conflict", message)


def shortened(value: Json) -> Json:
    """A value as it is, or the beginning of its JSON text where that is long."""
    text = too_long(value, LONGEST)
    return value if text is None else cut(text, LONGEST)


def _latest(items: list[dict[str, Any]], room: float) -> list[dict[str, Any]]:
    """The last of some things, as many as go into so many bytes of JSON."""
    first = len(items)
    while first and (room := room - json_size(items[first - 1]) - 1) >= 0:
        first -= 1
    return items[first:]


def check_names(**sent: Json) -> None:
    """Look whether names that somebody sends are names, and short enough to be kept for as long as a run lives.

    Raises:
        Refused: One is not.
    """
    for place, names in sent.items():
        listed_names = [names] if isinstance(names, str) else names or []
        if not all(listed_names):
            raise invalid(place, f"{place} is an empty text, which names nobody and nothing; leave it out.")
        sizes = [size_of(name) for name in listed_names]
        if any(size > NAME for size in sizes):
            raise invalid(place, f"{place} is a name of {max(sizes):,} bytes; a name has {NAME:,} at most.")
        if sum(sizes) > NAMES:
            raise invalid(place, f"{place} has names of {sum(sizes):,} bytes; together they have {NAMES:,} at most.")


def _some(ids: Sequence[str], count: int | None = None) -> str:
    """Some ids, and how many more there are."""
    more = (len(ids) if count is None else count) - LISTED
    shown = ", ".join(repr(interrupt_id) for interrupt_id in ids[:LISTED])
    return shown if more <= 0 else f"{shown}, and {more:,} more"


def _by(accepted: Accepted) -> str:
    return f" by {accepted.actor}" if accepted.actor else ""


def name_of(task_id: str, position: Position) -> str:
    """The id of the question of a call."""
    return f"{task_id}.{position}" if isinstance(position, int) else f"{task_id}:{position}"


def parts_of(interrupt_id: str) -> tuple[str, int | None, Position | None]:
    """The node of a question, how many-th visit of it this is, and which call; None where it has none.

    The visit is None where nobody can know that there will be such a question: at a breakpoint, or of a failure.
    """
    found = _ID.fullmatch(interrupt_id)
    if found is None:
        return "", None, None
    node_id, visit, number, key, other = found.groups()
    return node_id, None if other else int(visit), key if number is None else int(number)


# Not \d, which is other alphabets' digits, too.
_ID = re.compile(r"(.+?):([0-9]{1,9})(?:\.([0-9]{1,9})|:(.+)|(\..*))?", re.DOTALL)
