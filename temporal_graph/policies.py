"""The words for how a question is asked: who answers it, until when, and what happens if nobody does."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from pydantic_graph import StepContext

from .commands import NOTHING, Command
from .errors import GraphDefinitionError

if TYPE_CHECKING:
    from .calendars import Calendar

__all__ = ["Escalate", "Every", "InterruptPolicy", "People"]

LONGEST: Final = timedelta(days=36_500)
"""The longest duration; what comes after longer ones has no date any more."""

People: TypeAlias = str | Sequence[str] | Callable[[StepContext[Any, Any, Any]], str | Sequence[str] | None]
"""A name, several, or a function that finds them when the question opens."""


@dataclass(frozen=True)
class Every:
    """Reminders that come again and again, until the question is answered.

    Attributes:
        interval: The time from one to the next, and to the first.
    """

    interval: timedelta

    def __post_init__(self) -> None:
        _check_duration("Every(...)", self.interval)


@dataclass(frozen=True)
class Escalate:
    """Others who are asked instead, for want of an answer.

    Attributes:
        after: How long after the question was asked.
        to: Who is asked then.
    """

    after: timedelta
    to: str | Sequence[str]

    def __post_init__(self) -> None:
        _check_duration("Escalate(after=...)", self.after)
        object.__setattr__(self, "to", _names("Escalate(to=...)", self.to))
        if not self.to:
            raise GraphDefinitionError("Escalate(to=...) names nobody; say who is asked then.")


@dataclass(frozen=True, kw_only=True)
class InterruptPolicy:
    """How a question is asked.

    It is given to an interrupt node as its class variable `policy`, to a call as `interrupt(..., policy=...)`, to a
    breakpoint as `TemporalGraph(..., interrupt_before={"publish": InterruptPolicy(...)})`, and to all else that is
    asked at some node, or in the graph, as `NodeOptions(policy=...)`: failures too. All of its times are kept by the
    run's own timers, which outlive workers and releases.

    Attributes:
        assignees: Who is asked: names of people or groups. A function of the context (`ctx.state`, and `ctx.inputs`:
            what the node gets, for an interrupt node the node itself) finds them when the question opens. It is pure.
        only_assignees: Whether an answer counts only if its `actor` is one of those who are asked at that time.
        not_by: Who may not answer, likewise: whoever asked, so that four eyes look at it. An answer must then name its
            `actor`. Names are what callers say; whether they are who they say, the caller must have made sure of.
        timeout: How long the question waits, or until which moment (aware of its time zone). Default: for ever.
        on_timeout: What is done then: `Command(resume=...)` answers it, `Command(goto=...)` sends the run elsewhere,
            both can have `update=...`; `"fail"` lets the run fail.
        reminders: `Every(...)`, or after how long, each time.
        escalations: Who is asked instead, after how long; the earliest first.
        calendar: The working time in which durations count. Default: they count day and night.
        quorum: How many people, who are different actors, must answer. The node gets the last answer, and all of them
            with `answers()`.
        reject_ends: An answer that ends a question with a quorum by itself, such as `False` or
            `{"approved": False}`: of an object, the fields that are named here decide. Not for breakpoints, which go on
            with any answer.

    Raises:
        GraphDefinitionError: It cannot work, and why.
    """

    assignees: People = ()
    only_assignees: bool = False
    not_by: People = ()
    timeout: timedelta | datetime | None = None
    on_timeout: Command[Any] | Literal["fail"] = "fail"
    reminders: Every | Sequence[timedelta] = ()
    escalations: Sequence[Escalate] = ()
    calendar: Calendar | None = None
    quorum: int = 1
    reject_ends: Any = field(default=NOTHING)

    def __post_init__(self) -> None:
        for name in ("assignees", "not_by"):
            people = getattr(self, name)
            if callable(people):
                _check_function(name, people)
            else:
                object.__setattr__(self, name, _names(name, people))
        self._check_kinds()
        self._check_times()
        self._check_people()

    def _check_kinds(self) -> None:
        kinds: dict[str, tuple[Any, str]] = {
            "only_assignees": (bool, "True or False"),
            "on_timeout": (Command | str, "a Command(...), or 'fail'"),
        }
        for name, (kind, right) in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise GraphDefinitionError(f"{name} is {getattr(self, name)!r}; it must be {right}.")
        if self.calendar is not None:
            _check_calendar(self.calendar)
        if isinstance(self.on_timeout, str) and self.on_timeout != "fail":
            raise GraphDefinitionError(f"on_timeout is {self.on_timeout!r}; it must be a Command(...), or 'fail'.")
        if not isinstance(self.quorum, int) or isinstance(self.quorum, bool) or self.quorum < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise GraphDefinitionError(f"quorum is {self.quorum!r}; it must be a number of people, 1 or more.")
        object.__setattr__(self, "escalations", tuple(_listed("escalations", self.escalations)))
        for item in self.escalations:
            if not isinstance(item, Escalate):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise GraphDefinitionError(f"escalations has {item!r}; it takes Escalate(after=..., to=...).")
        if not isinstance(self.reminders, Every):
            object.__setattr__(self, "reminders", tuple(_listed("reminders", self.reminders)))
            for each in cast("tuple[Any, ...]", self.reminders):
                _check_duration("reminders", each)

    def _check_times(self) -> None:
        limit = self.timeout
        if isinstance(limit, datetime):
            if limit.utcoffset() is None:
                raise GraphDefinitionError(
                    f"timeout is {limit!r}, which has no time zone; give it one: datetime(..., tzinfo=UTC)."
                )
        elif limit is not None:
            _check_duration("timeout", limit)
        elif self.on_timeout != "fail":
            raise GraphDefinitionError(f"on_timeout is {self.on_timeout!r}, but there is no timeout.")
        afters = [escalation.after for escalation in self.escalations]
        if sorted(set(afters)) != afters:
            raise GraphDefinitionError(f"escalations come after {_shown(afters)}; give the earlier ones first.")
        if isinstance(limit, timedelta):
            named = {f"Escalate(after={_shown([after])})": after for after in afters}
            if isinstance(self.reminders, Every):
                named["Every(...)"] = self.reminders.interval
            else:
                named.update({f"the reminder after {_shown([after])}": after for after in self.reminders})
            for name, after in named.items():
                if after >= limit:
                    raise GraphDefinitionError(
                        f"{name} would never come: after {_shown([limit])} the question has timed out. Make that come "
                        "later, or leave the timeout out."
                    )
        if self.calendar is not None:
            self._check_longest(self.calendar)

    def _check_longest(self, calendar: Calendar) -> None:
        reminders = [self.reminders.interval] if isinstance(self.reminders, Every) else self.reminders
        longest = max([*(item.after for item in self.escalations), *reminders], default=timedelta(0))
        if isinstance(self.timeout, timedelta):
            longest = max(longest, self.timeout)
        try:
            calendar.after(datetime.fromisoformat("2026-01-01T00:00:00+00:00"), longest)
        except ValueError as error:
            raise GraphDefinitionError(f"In the calendar of the policy, {error}") from error

    def _check_people(self) -> None:
        asked: list[tuple[str, Any]] = [("assignees", self.assignees)]
        asked.extend((f"Escalate(to={list(item.to)!r})", item.to) for item in self.escalations)
        for name, people in asked if self.only_assignees else asked[:1]:
            if not callable(people) and people and len(people) < self.quorum:
                raise GraphDefinitionError(
                    f"quorum is {self.quorum}, but {name} names {len(people)}; so many can never answer."
                )
        if self.only_assignees and not callable(self.assignees) and not self.assignees:
            raise GraphDefinitionError("only_assignees=True needs assignees; without them nobody could answer.")
        if self.reject_ends is not NOTHING and self.quorum == 1:
            raise GraphDefinitionError("reject_ends is of use with a quorum of 2 or more; else one answer is the end.")
        if not callable(self.not_by):
            for name, people in asked:
                self._check_barred(name, () if callable(people) else people, self.not_by)

    @staticmethod
    def _check_barred(what: str, people: Sequence[str], not_by: Sequence[str]) -> None:
        barred = [name for name in people if name in not_by]
        if barred:
            raise GraphDefinitionError(
                f"{what} and not_by both name {', '.join(repr(name) for name in barred)}; who is asked must be "
                "somebody who may answer."
            )

    @property
    def is_found_out(self) -> bool:
        """Whether people are found by a function, when a question opens."""
        return callable(self.assignees) or callable(self.not_by)

    def __repr__(self) -> str:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        given = [f"{item.name}={values[item.name]!r}" for item in fields(self) if values[item.name] != item.default]
        return f"InterruptPolicy({', '.join(given)})"


def names_of(what: str, people: People, context: StepContext[Any, Any, Any]) -> tuple[str, ...]:
    """Who is meant, when a question opens.

    Raises:
        GraphDefinitionError: What the function found are no names.
    """
    found = people(context) if callable(people) else people
    return _names(what, () if found is None else found)


def _names(what: str, given: Any) -> tuple[str, ...]:
    listed: list[Any] = [given] if isinstance(given, str) else _listed(what, given)
    for name in listed:
        if not isinstance(name, str) or not name:
            raise GraphDefinitionError(f"{what} has {name!r}; it takes names, such as 'ann'.")
    if len(set(listed)) < len(listed):
        raise GraphDefinitionError(f"{what} is {listed!r}, which names somebody twice.")
    return tuple(listed)


def _check_calendar(given: Any) -> None:
    """Refuse what is no calendar, and one that counts in its own way: a run only takes along what it is made of."""
    # Who has one has its module, which most graphs do without: time zones take a while to load.
    module = sys.modules.get(f"{__package__}.calendars")
    base = None if module is None else module.Calendar
    if base is None or not issubclass(type(given), base):
        raise GraphDefinitionError(f"calendar is {_described(given)}; it must be a Calendar(...).")
    kind = cast("type[Any]", type(given))
    counting = ("after", "between", "is_open", "dump", "load")
    own = [f"{name}()" for name in counting if inspect.getattr_static(kind, name) is not vars(base)[name]]
    if own:
        raise GraphDefinitionError(
            f"calendar is a {kind.__qualname__}, which has {' and '.join(own)} of its own, and nobody would call that: "
            "a run takes a calendar along as its zone, weekdays, hours and holidays, and counts by them. Say with "
            "these what is different, such as the days off with holidays=[...]; or give a timeout that is a datetime."
        )


def _described(given: Any) -> str:
    try:
        return repr(given)
    except Exception:  # of a class of the user's
        return f"a {type(given).__qualname__}"


def _check_function(what: str, function: Any) -> None:
    if inspect.iscoroutinefunction(function):
        raise GraphDefinitionError(
            f"{what} is {function!r}, which is async; it runs in the driver, so it must be a plain function, and pure."
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise GraphDefinitionError(f"{what} is {function!r}; it must take the context, (ctx): {error}.") from error
    except ValueError:
        return  # something built in, which does not say what it takes


def _listed(what: str, given: Any) -> list[Any]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        right = {
            "reminders": "Every(...), or a list: reminders=Every(timedelta(hours=2)), [timedelta(hours=2)]",
            "escalations": "a list: escalations=[Escalate(after=..., to=...)]",
        }
        raise GraphDefinitionError(f"{what} is {given!r}; it must be {right.get(what, 'a list')}.")
    return list(cast("Iterable[Any]", given))


def _check_duration(what: str, value: Any) -> None:
    if not isinstance(value, timedelta):
        raise GraphDefinitionError(f"{what} has {value!r}; it takes a timedelta, such as timedelta(hours=2).")
    if value <= timedelta(0):
        raise GraphDefinitionError(f"{what} has {value!r}; it must be longer than nothing.")
    if value > LONGEST:
        raise GraphDefinitionError(f"{what} has {value!r}; it must be no longer than {LONGEST.days:,} days.")


def _shown(durations: Iterable[timedelta]) -> str:
    return ", ".join(str(duration) for duration in durations)
