"""What an open question does by itself when its time has come, and how people change what it will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .answering import Answering
from .events import Command, Failure, RunFailedError, SetTimer
from .policies import Due, in_order, moment, next_reminder
from .questions import TIMEOUT, Interrupt, Refused, invalid, to_answer
from .state import Json

NOT_ANSWERED = "InterruptTimeoutError"
"""Type of the failure of a run whose question nobody has answered in time."""


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

    def come_due(self, interrupt_id: str, now: str, fired: Due | None = None) -> list[Command]:
        """Let a question do what is due: the first thing that it waits for, and all that should have been done by now.

        Of reminders only the last is sent, if one is still of use. It changes nothing where the question is not open.

        Args:
            interrupt_id: The question.
            now: The time, ISO 8601 with time zone. That the first thing is due need not follow from it.
            fired: What the timer that fired was for: if the question does something else first by now (it was extended
                meanwhile), only the time counts.

        Returns:
            What is to be done.
        """
        self.taken = ()
        interrupt = self.questions.open.get(interrupt_id)
        if interrupt is None or not interrupt.due:
            return []
        first = interrupt.due[0]
        if fired not in (None, first) and moment(first.at) > moment(now):
            return []
        self._now = now
        try:
            more = True
            while more and interrupt_id in self.questions.open:
                item = interrupt.due.pop(0)
                more = bool(interrupt.due) and moment(interrupt.due[0].at) <= moment(now)
                self._do_due(interrupt, item, now, is_last=not more)
            self._commands.append(SetTimer(interrupt_id))
            self._settle_answers()
        except RunFailedError as error:
            self._fail(error.failure)
        return self._take_commands()

    def _do_due(self, interrupt: Interrupt, item: Due, now: str, *, is_last: bool) -> None:
        audit = self.questions.audit
        if item.what == "expire":
            self._expire(interrupt)
        elif item.what == "escalate":
            interrupt.assignees = [name for name in item.to if name not in interrupt.rules.not_by]
            interrupt.escalation_level += 1
            told: dict[str, Any] = {"to": list(interrupt.assignees), "level": interrupt.escalation_level}
            audit.add("escalated", now, interrupt.interrupt_id, question=interrupt.public(), **told)
        else:
            if is_last:
                to: Json = list(interrupt.assignees)
                audit.add("reminded", now, interrupt.interrupt_id, question=interrupt.public(), to=to)
            if item.number:
                again = self._guard(
                    interrupt.node_id,
                    next_reminder,
                    interrupt.rules,
                    interrupt.created_at,
                    item,
                    now,
                    self.functions.after,
                )
                interrupt.due = in_order([*interrupt.due, again])

    def _expire(self, interrupt: Interrupt) -> None:
        """Go on without an answer, in the way that the question's policy says."""
        self.checkpoint += 1
        fields = interrupt.rules.on_timeout
        if fields is None:
            self._note_timeout(interrupt)
            raise RunFailedError(unanswered(interrupt))
        answer = to_answer({**fields, "interrupt_id": interrupt.interrupt_id})
        try:
            planned = self._plan(answer, is_due=True)
        except Refused as refused:
            self._note_timeout(interrupt)
            raise RunFailedError(unanswered(interrupt, refused)) from refused
        self.taken = (self._accept_planned(planned, answer, TIMEOUT),)

    def _note_timeout(self, interrupt: Interrupt) -> None:
        self.questions.audit.add(
            "timed_out", self._now, interrupt.interrupt_id, via=TIMEOUT, question=interrupt.public()
        )

    # -- What people change -----------------------------------------------------------------------------------------

    def check_reassign(self, interrupt_id: str | None, to: Sequence[str]) -> Interrupt:
        """Look whether a question can be asked of others; changes nothing.

        Returns:
            The question.

        Raises:
            Refused: There is no such question; or too few are to be asked.
        """
        interrupt = self._open_question(interrupt_id)
        missing = interrupt.quorum - len(interrupt.answers)
        others = {name for name in to if all(name != vote["actor"] for vote in interrupt.answers)}
        if to and len(others) < missing:
            raise invalid(
                "to", f"{missing} more people must answer {interrupt.interrupt_id!r}; {list(to)!r} are fewer."
            )
        if not to and interrupt.rules.only_assignees:
            raise invalid("to", f"Only who is asked may answer {interrupt.interrupt_id!r}; say who that is to be.")
        barred = [name for name in to if name in interrupt.rules.not_by]
        if barred:
            names = ", ".join(repr(name) for name in barred)
            raise invalid("to", f"{names} may not answer {interrupt.interrupt_id!r}; ask others.")
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
