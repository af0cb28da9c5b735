"""What a question does by itself while it waits: it reminds, is handed on to others, and stops waiting."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, cast

from .events import clipped
from .state import Json

LONGEST_REASON = 500
"""Characters of what is said of a question that cannot get its answer."""
After = Callable[[Json, str, float], str]
"""When so many seconds have passed since a moment, by a calendar: see `Functions.after`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a question is asked, as plain data.

    Attributes:
        assignees: Who is asked; empty for anybody.
        only_assignees: Whether nobody else may answer.
        timeout: For how many seconds it waits, by the calendar; or until when, ISO 8601 with time zone; None for ever.
        on_timeout: What is done then: the fields of an answer (`value`, `state_update`, `goto`); None fails the run.
        every: Seconds between two reminders; None for no such.
        reminders: Seconds after which it reminds.
        escalations: Seconds after which it is handed on, and to whom.
        calendar: The working time in which seconds count, as JSON; None where they always do.
        quorum: How many people must answer.
        reject_ends: An answer that by itself is enough, in a list; empty for none.
        not_by: Who may not answer.
    """

    assignees: tuple[str, ...] = ()
    only_assignees: bool = False
    timeout: float | str | None = None
    on_timeout: dict[str, Json] | None = None
    every: float | None = None
    reminders: tuple[float, ...] = ()
    escalations: tuple[tuple[float, tuple[str, ...]], ...] = ()
    calendar: Json = None
    quorum: int = 1
    reject_ends: tuple[Json, ...] = ()
    not_by: tuple[str, ...] = ()

    def dump(self) -> dict[str, Json]:
        """As JSON: what is not as usual."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {field.name: data[field.name] for field in fields(self) if data[field.name] != field.default}
        return {name: _plain(value) for name, value in given.items()}

    @staticmethod
    def load(data: Mapping[str, Any]) -> Policy:
        """From JSON."""
        found: dict[str, Any] = dict(data)
        for name in ("assignees", "not_by", "reject_ends", "reminders"):
            found[name] = tuple(found.get(name, ()))
        found["escalations"] = tuple((after, tuple(to)) for after, to in found.get("escalations", ()))
        return Policy(**found)


What = Literal["remind", "escalate", "expire", "retry"]
_ORDER: dict[What, int] = {"remind": 0, "escalate": 1, "expire": 2, "retry": 3}


@dataclass(frozen=True, slots=True)
class Due:
    """What a question does at a moment.

    Attributes:
        at: The moment, ISO 8601 with time zone.
        what: What it does.
        to: Whom it is handed on to.
        number: How many-th reminder of those that come again and again it is; 0 for another one.
    """

    at: str
    what: What
    to: tuple[str, ...] = ()
    number: int = 0

    def dump(self) -> dict[str, Json]:
        """As JSON."""
        return {"at": self.at, "what": self.what, "to": list(self.to), "number": self.number}

    @staticmethod
    def load(data: Mapping[str, Any]) -> Due:
        """From JSON."""
        return Due(data["at"], data["what"], tuple(data["to"]), data["number"])


def schedule(policy: Policy, since: str, after: After) -> list[Due]:
    """What a question will do, in order, if nobody answers; of the reminders that come again and again the first."""
    due = [Due(after(policy.calendar, since, seconds), "escalate", to) for seconds, to in policy.escalations]
    due.extend(Due(after(policy.calendar, since, seconds), "remind") for seconds in policy.reminders)
    if policy.every is not None:
        due.append(Due(after(policy.calendar, since, policy.every), "remind", number=1))
    if isinstance(policy.timeout, str):
        due.append(Due(policy.timeout, "expire"))
    elif policy.timeout is not None:
        due.append(Due(after(policy.calendar, since, policy.timeout), "expire"))
    return in_order(due)


def in_order(due: list[Due]) -> list[Due]:
    """The earliest first."""
    return sorted(due, key=lambda item: (moment(item.at), _ORDER[item.what]))


def next_reminder(policy: Policy, since: str, last: Due, now: str, after: After) -> Due:
    """The next of the reminders that come again and again: the first one after now, however many were missed."""
    every = cast("float", policy.every)

    def at(number: int) -> datetime:
        return moment(after(policy.calendar, since, number * every))

    number, step = last.number + 1, 1
    while at(number + step) <= moment(now):
        step *= 2
    found = range(number, number + step + 1)
    number = found[bisect_left(found, True, key=lambda each: at(each) > moment(now))]
    return Due(after(policy.calendar, since, number * every), "remind", number=number)


def too_few(name: str, rules: Policy, assignees: Sequence[str], voted: Collection[str]) -> str | None:
    """Why a question cannot get its answer, if only those may give it who are asked; None where it can.

    Args:
        name: The question.
        rules: How it is asked.
        assignees: Who is asked.
        voted: Who has answered it already, where several must.
    """
    if not rules.only_assignees:
        return None
    missing = rules.quorum - len(voted)
    others = {*rules.not_by, *voted}
    left = [repr(person) for person in dict.fromkeys(assignees) if person not in others]
    if len(left) >= missing:
        return None
    if missing == rules.quorum == 1:
        return f"Nobody may answer {name!r}"
    who = f"only {', '.join(left)}" if left else "nobody else" if voted else "nobody"
    people = f"{missing}{' more' if voted else ''} {'person' if missing == 1 else 'people'}"
    return clipped(f"{people} must answer {name!r}, but {who} may", LONGEST_REASON)


def _plain(value: Any) -> Json:
    return [_plain(item) for item in cast("tuple[Any, ...]", value)] if isinstance(value, tuple) else value


def moment(text: str) -> datetime:
    """The moment that a text names."""
    return datetime.fromisoformat(text)


def matches(pattern: Json, value: Json) -> bool:
    """Whether an answer is of a kind: equal; of an object only the fields that the pattern has need to be."""
    if isinstance(pattern, dict) and isinstance(value, dict):
        wanted, given = cast("dict[str, Json]", pattern), cast("dict[str, Json]", value)
        return all(name in given and matches(part, given[name]) for name, part in wanted.items())
    if isinstance(pattern, list) and isinstance(value, list):
        parts, items = cast("list[Json]", pattern), cast("list[Json]", value)
        return len(parts) == len(items) and all(map(matches, parts, items))
    return pattern == value and isinstance(pattern, bool) == isinstance(value, bool)
