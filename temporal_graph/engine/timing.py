"""What an open question does by itself when its time has come, and how people change what it will do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from .answering import Answering
from .events import CloseInterrupt, Command, Failure, RunFailedError, SetTimer
from .policies import Due, in_order, moment, next_reminder, too_few
from .questions import TIMEOUT, Interrupt, Refused, invalid, to_answer
from .sizes import json_size
from .state import Json

NOT_ANSWERED = "InterruptTimeoutError"
"""Type of the failure of a run whose question nobody has answered in time."""

SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=15)
"""After how long what a release cannot do is tried again: first, and at most; each time it is twice as long."""


def later(since: str, now: str) -> str:
    """When to try again what could not be done since a moment."""
    passed = moment(now) - moment(since)
    return (moment(now) + min(max(passed, SOONEST), LATEST)).isoformat()


def unanswered(interrupt: Interrupt, refused: Refused | None = None) -> Failure:
    """Why a run fails whose question nobody has answered in time.

    Args:
        interrupt: The question.
        refused: Why what stands in for an answer was not taken; None where nothing does.
    """
    message = f"Nobody answered {interrupt.interrupt_id!r} by {interrupt.deadline}."
    if refused is not None:
        message += f" What its policy says for this case cannot be done: {refused.message}"
    return Failure(interrupt.node_id, NOT_ANSWERED, message)


class Timing(Answering):
    """A walker whose questions look after themselves."""

    def find_due(self, interrupt_id: str, now: str, fired: Due | None = None) -> int:
        """What a question does now besides, or instead of, the one thing that it waits for; see `come_due`.

        Returns:
            A number that says so to an engine which would find something else, since it counts time by another
            calendar, or with other data of time zones; 0 as a rule.
        """
        interrupt = self.questions.open.get(interrupt_id)
        if interrupt is None or not interrupt.due:
            return 0
        first, missed = interrupt.due[0], 0
        done: list[Due] = []
        if fired in (None, first) or moment(first.at) <= moment(now):
            done = [first, *(item for item in interrupt.due[1:] if moment(item.at) <= moment(now))]
            ends = [index for index, item in enumerate(done) if item.what == "expire"]
            done = done[: ends[0] + 1] if ends else done
        for item in done:
            if item.number:
                again = next_reminder(interrupt.rules, interrupt.created_at, item, now, self.functions.after)
                missed = again.number - item.number - 1
        choices = _choices(interrupt)
        return (_choice(done) - self._usual(interrupt, fired)) % choices + choices * missed

    def _usual(self, interrupt: Interrupt, fired: Due | None) -> int:
        """The choice of doing just the one thing that it waits for; or nothing, where it does not any more."""
        first = interrupt.due[0]
        if fired not in (None, first):
            return _choice([])
        others, _ = _in_turn(interrupt)
        return _choice(others[:1] if others and self._may_swap(interrupt) else [first])

    def _may_swap(self, interrupt: Interrupt) -> bool:
        """Whether the calendar decides what comes first: the end, at a moment somebody has named, or the rest."""
        rules, since = interrupt.rules, interrupt.created_at
        if rules.calendar is None:
            return False
        if rules.timeout is None or isinstance(rules.timeout, str):
            return True
        return self.functions.after(rules.calendar, since, rules.timeout) != interrupt.deadline

    def come_due(
        self, interrupt_id: str, now: str, fired: Due | None = None, found: int | None = None
    ) -> list[Command]:
        """Let a question do what is due: the first thing that it waits for, and all that should have been done by now.

        Of reminders only the last is sent, if one is still of use. It changes nothing where the question is not open.

        Args:
            interrupt_id: The question.
            now: The time, ISO 8601 with time zone. That the first thing is due need not follow from it.
            fired: What the timer that fired was for: if the question does something else first by now (it was extended
                meanwhile), only the time counts.
            found: What `find_due` has found; None to find it here.

        Returns:
            What is to be done.
        """
        self.taken = ()
        interrupt = self.questions.open.get(interrupt_id)
        if interrupt is None or not interrupt.due:
            return []
        try:
            if found is None:
                found = self._guard(interrupt.node_id, self.find_due, interrupt_id, now, fired)
            missed, choice = divmod(found, _choices(interrupt))
            choice = (choice + self._guard(interrupt.node_id, self._usual, interrupt, fired)) % _choices(interrupt)
            done = _chosen(interrupt, choice)
            if not done:
                return []
            self._now = now
            for item in done:
                interrupt.due.remove(item)
                self._do_due(interrupt, item, now, is_last=item is done[-1], missed=missed)
            self._commands.append(SetTimer(interrupt_id))
            self._settle_answers()
        except RunFailedError as error:
            self._now = now
            self._fail(error.failure)
        return self._take_commands()

    def _do_due(self, interrupt: Interrupt, item: Due, now: str, *, is_last: bool, missed: int) -> None:
        audit = self.questions.audit
        if item.what == "expire":
            self._expire(interrupt, item)
        elif item.what == "retry":
            self._try_again(interrupt)
        elif item.what == "escalate":
            interrupt.assignees = [name for name in item.to if name not in interrupt.rules.not_by]
            interrupt.escalation_level += 1
            told: dict[str, Any] = {"to": list(interrupt.assignees), "level": interrupt.escalation_level}
            if interrupt.problem is not None:
                told["problem"] = interrupt.problem
            audit.add("escalated", now, interrupt.interrupt_id, question=interrupt.told(), **told)
        else:
            if is_last:
                to: Json = list(interrupt.assignees)
                audit.add("reminded", now, interrupt.interrupt_id, question=interrupt.told(), to=to)
            if item.number:
                rules, number = interrupt.rules, item.number + 1 + missed
                seconds = number * cast("float", rules.every)
                at = self._guard(interrupt.node_id, self.functions.after, rules.calendar, interrupt.created_at, seconds)
                interrupt.due = in_order([*interrupt.due, Due(at, "remind", number=number)])

    def _expire(self, interrupt: Interrupt, item: Due) -> None:
        """Go on without an answer, in the way that the question's policy says."""
        self.checkpoint += 1
        fields = interrupt.rules.on_timeout
        if fields is None:
            if self._postpone(interrupt, is_releases=self.problem is not None):
                return
            self._note_timeout(interrupt)
            raise RunFailedError(unanswered(interrupt))
        answer = to_answer({**fields, "interrupt_id": interrupt.interrupt_id})
        try:
            planned = self._plan(answer, TIMEOUT)
        except Refused as refused:
            is_first = item.at == interrupt.deadline
            is_releases = refused.reason == "blocked" or self.is_anothers or not is_first
            if self._postpone(interrupt, is_releases=is_releases):
                if is_first:
                    self.questions.reject(answer.value, refused, self._now, TIMEOUT, interrupt.interrupt_id, None)
                return
            self._note_timeout(interrupt)
            raise RunFailedError(unanswered(interrupt, refused)) from refused
        self.taken = (self._accept_planned(planned, answer, TIMEOUT),)

    def _postpone(self, interrupt: Interrupt, *, is_releases: bool) -> bool:
        """Let a question wait on whose time is up, where another release of the graph cannot do what it would do then.

        No release ends a run that another one has begun. It is tried again, and people may still answer.

        Returns:
            Whether it waits on: as it did when this happened first.
        """
        if self._judge(TIMEOUT, not is_releases):
            return False
        interrupt.due = in_order([*interrupt.due, Due(later(interrupt.deadline or self._now, self._now), "expire")])
        return True

    def _note_timeout(self, interrupt: Interrupt) -> None:
        """Close a question that fails the run; it is not one of those that are given up with the run."""
        name = interrupt.interrupt_id
        self.questions.audit.add("timed_out", self._now, name, via=TIMEOUT, question=interrupt.told())
        del self.questions.open[name]
        self._commands.append(CloseInterrupt(name))

    # -- What people change -----------------------------------------------------------------------------------------

    def check_reassign(self, interrupt_id: str | None, to: Sequence[str]) -> Interrupt:
        """Look whether a question can be asked of others; changes nothing.

        Returns:
            The question.

        Raises:
            Refused: There is no such question; or those who are to be asked could never answer it.
        """
        interrupt = self._open_question(interrupt_id)
        rules, name = interrupt.rules, interrupt.interrupt_id
        if not to and rules.only_assignees:
            raise invalid("to", f"Only who is asked may answer {name!r}; say who that is to be.")
        barred = [person for person in to if person in rules.not_by]
        if barred:
            raise invalid("to", f"{', '.join(map(repr, barred))} may not answer {name!r}; ask others.")
        reason = too_few(name, rules, to, interrupt.voters)
        if reason is not None:
            raise invalid("to", f"{reason} then: ask others.")
        return interrupt

    def reassign(self, interrupt_id: str | None, to: Sequence[str], actor: str | None, now: str, via: str) -> str:
        """Ask others from now on; what is due stays due.

        Returns:
            The question's id.

        Raises:
            Refused: See `check_reassign`.
        """
        interrupt = self.check_reassign(interrupt_id, to)
        before, interrupt.assignees = interrupt.assignees, list(to)
        self.questions.open.count(interrupt, json_size(list(to)) - json_size(before))
        self.questions.audit.add(
            "reassigned", now, interrupt.interrupt_id, actor=actor, via=via, to=list(to), before=before
        )
        return interrupt.interrupt_id

    def check_extend(self, interrupt_id: str | None, by: float | None, until: str | None, now: str) -> Due:
        """Look whether a question can wait longer; changes nothing.

        Args:
            interrupt_id: The question; None for the only one.
            by: How many seconds longer, by the calendar of its policy.
            until: Or until when, ISO 8601 with time zone; earlier than before is possible, but not before now.
            now: The time.

        Returns:
            When it will stop waiting.

        Raises:
            Refused: There is no such question, it waits for ever anyway, or this is no such time.
        """
        interrupt = self._open_question(interrupt_id)
        name, deadline = interrupt.interrupt_id, interrupt.deadline
        if deadline is None:
            raise invalid("deadline", f"{name!r} waits for ever; only what has a time-out can be extended.")
        if by is not None:
            try:
                until = self.functions.after(interrupt.rules.calendar, deadline, by)
            except (ValueError, OverflowError) as error:
                raise invalid("by", f"{name!r} cannot wait {by} seconds longer: {error}") from error
        if until is None or moment(until) <= moment(now):
            raise invalid("until", f"{name!r} cannot wait until {until}: it is {now}.")
        return Due(until, "expire")

    def extend(
        self, interrupt_id: str | None, by: float | None, until: str | None, actor: str | None, now: str, via: str
    ) -> tuple[str, list[Command]]:
        """Let a question wait longer; reminders and escalations stay where they are.

        Returns:
            The question's id, and what is to be done.

        Raises:
            Refused: See `check_extend`.
        """
        expires = self.check_extend(interrupt_id, by, until, now)
        interrupt = self._open_question(interrupt_id)
        before = interrupt.deadline
        interrupt.deadline = expires.at
        others = [item for item in interrupt.due if item.what != "expire"]
        interrupt.due = in_order([*others, expires])
        told: dict[str, Any] = {"deadline": expires.at, "before": before}
        self.questions.audit.add("extended", now, interrupt.interrupt_id, actor=actor, via=via, **told)
        self._commands.append(SetTimer(interrupt.interrupt_id))
        return interrupt.interrupt_id, self._take_commands()

    def _open_question(self, interrupt_id: str | None) -> Interrupt:
        if self.status != "running":
            raise Refused("closed", f"The run is {self.status}; it asks nothing any more.")
        return self.questions.named(interrupt_id)


# What a question does at once is a number of things that it does while it waits, in order, and perhaps the end of that.
# Which of them it is goes into one number, that stands for the same where moments are others: their order is not.


def _in_turn(interrupt: Interrupt) -> tuple[list[Due], list[Due]]:
    """What a question does while it waits, in order, and the end of that, if there is one."""
    others = [item for item in interrupt.due if item.what != "expire"]
    return others, [item for item in interrupt.due if item.what == "expire"]


def _choices(interrupt: Interrupt) -> int:
    return 2 * len(_in_turn(interrupt)[0]) + 2


def _choice(done: list[Due]) -> int:
    is_end = any(item.what == "expire" for item in done)
    return 2 * (len(done) - is_end) + is_end


def _chosen(interrupt: Interrupt, choice: int) -> list[Due]:
    others, end = _in_turn(interrupt)
    return others[: choice // 2] + end[: choice % 2]
