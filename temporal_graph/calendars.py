"""Working time: how long the office was open between two moments, and when it will have been open for so long."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self, TypeAlias, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .errors import GraphDefinitionError

__all__ = ["Calendar"]

Time: TypeAlias = str | time
Span: TypeAlias = tuple[Time, Time]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BY_NAME = {written: number for number, day in enumerate(_DAYS) for written in (day.lower(), day[:3].lower())}
_KEYS = ("zone", "weekdays", "hours", "holidays")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?", re.ASCII)
_OWN_ZONE = re.compile(r"localtime|posixrules|(posix|right)/.*", re.DOTALL)
"""Zones that some machines have besides those of IANA; the first is another one on each machine."""

# Moments are counted in microseconds since the year 1 began, on a Monday: in UTC, or by a clock on the wall.
_BEGIN = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MONTH = 31 * _DAY
_LAST = (datetime.max.replace(tzinfo=UTC) - _BEGIN) // _MICROSECOND
_NEVER = 3653 * _DAY


@dataclass(frozen=True, init=False)
class Calendar:
    """When people work, and so how their working time passes.

    A moment counts if a clock on the wall in `zone` then shows one of the `hours`, of one of the `weekdays`, which is
    no holiday. What counts is the time that really passes. So where clocks change, a span with the hour that spring
    leaves out is an hour shorter, and a time that autumn shows twice counts twice. A span that begins or ends within
    what is left out does so where the clocks jump; one that begins or ends within what comes twice is open each time.

    Args:
        zone: The IANA name of the time zone, such as `Europe/Berlin`.
        weekdays: Days in English, as `Monday` or `mon`, or as numbers from 0 (Monday), like `date.weekday()`.
        hours: From when, and until when (not included): `("09:00", "17:00")`, or a list of such pairs. A span ends at
            `"24:00"` at the latest, and belongs to its own day. None means whole days.
        holidays: Days that do not count, as a `date` or as `"2026-12-25"`.

    Attributes:
        zone: As it was given.
        weekdays: In English, from Monday on.
        hours: In order; spans that touch are one. Whole days are `(("00:00", "24:00"),)`.
        holidays: In order.

    Raises:
        GraphDefinitionError: There is no such zone, weekday, time or date; or nothing that counts.
    """

    zone: str
    weekdays: tuple[str, ...]
    hours: tuple[tuple[str, str], ...]
    holidays: tuple[date, ...]
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _clock: _Clock = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        zone: str,
        *,
        weekdays: Iterable[str | int] = _DAYS[:5],
        hours: Span | Iterable[Span] | None = ("09:00", "17:00"),
        holidays: Iterable[date | str] = (),
    ) -> None:
        days = _read_weekdays(weekdays)
        spans = _read_hours(hours)
        free = _read_holidays(holidays)
        made = {
            "zone": zone,
            "weekdays": tuple(_DAYS[day] for day in days),
            "hours": tuple((_write_time(start), _write_time(end)) for start, end in spans),
            "holidays": tuple(free),
            "_zone": _find_zone(zone),  # read from the disk here; nothing is read when time is counted
            "_clock": _Clock(days, spans, [day.toordinal() - 1 for day in free]),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)  # past the guard of a frozen class

    def after(self, moment: datetime, duration: timedelta) -> datetime:
        """When so much working time has passed.

        Args:
            moment: Since when; aware of its time zone, whichever that is.
            duration: How much working time.

        Returns:
            The earliest such moment, in UTC. An hour after 16:00 is 17:00, when the office closes, and not the next
            morning. No time after a moment is that moment, be it open or not.

        Raises:
            ValueError: The moment is naive, the duration is negative, or it is never over: ten years pass without any
                working time, or the year 9999 does.
        """
        at = _read_moment("moment", moment)
        left = _read_duration(duration)
        if not left:
            return _write_moment(at, f"{moment} in UTC")
        idle = at
        # Working time takes as long as it is, at least: what is far too long is refused without counting centuries.
        for start, stop, offset in self._stretches(at, _LAST) if at + left <= _LAST else ():
            before = self._clock.worked(start + offset)
            here = self._clock.worked(stop + offset) - before
            if here >= left:
                return _write_moment(
                    self._clock.reached(before + left) - offset, f"{duration} of working time after {moment}"
                )
            left -= here
            if here:
                idle = stop
            elif stop - idle > _NEVER:
                since = _BEGIN + idle * _MICROSECOND
                raise ValueError(
                    f"{duration} of working time after {moment} is never over: in the ten years after "
                    f"{since:%Y-%m-%d} the calendar is not open once. It has {len(self.holidays)} holidays; give it "
                    "fewer."
                )
        raise ValueError(f"{duration} of working time after {moment} is over after the year 9999; make it shorter.")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much working time passes between two moments.

        Args:
            start: The one; aware of its time zone.
            end: The other; aware of its time zone, which may be a different one.

        Returns:
            The working time; negative if the end comes before the start, like `end - start`.

        Raises:
            ValueError: A moment is naive.
        """
        one, other = _read_moment("start", start), _read_moment("end", end)
        worked = sum(
            self._clock.worked(stop + offset) - self._clock.worked(begin + offset)
            for begin, stop, offset in self._stretches(min(one, other), max(one, other))
        )
        return timedelta(microseconds=worked if one <= other else -worked)

    def is_open(self, moment: datetime) -> bool:
        """Whether a moment counts; when a span begins it does, when a span ends it does not.

        Raises:
            ValueError: The moment is naive.
        """
        at = _read_moment("moment", moment)
        return self._clock.is_open(at + self._offset(at))

    def dump(self) -> dict[str, Any]:
        """This calendar as JSON."""
        return {
            "zone": self.zone,
            "weekdays": list(self.weekdays),
            "hours": [list(span) for span in self.hours],
            "holidays": [day.isoformat() for day in self.holidays],
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Self:
        """The calendar that `dump()` wrote down.

        Raises:
            GraphDefinitionError: No calendar was written down like this.
        """
        if not isinstance(data, Mapping) or set(data) != set(_KEYS):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise GraphDefinitionError(f"{data!r} is no calendar; one is written down with {', '.join(_KEYS)}.")
        return cls(**data)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).load, (self.dump(),)

    def _offset(self, at: int) -> int:
        # In the first and the last day of all, what the wall clock shows may be no datetime.
        moment = _BEGIN + timedelta(microseconds=min(max(at, _DAY), _LAST - _DAY))
        return cast(timedelta, moment.astimezone(self._zone).utcoffset()) // _MICROSECOND

    def _stretches(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The time from start to end in parts, of a month at most, during which the clocks are left alone.

        A zone does not tell when it changes, so it is asked about every third day. Between two changes there always was
        more than that: four days in Freetown in 1939, a week ever since.

        Yields:
            Where a part begins and ends, in UTC, and what the clocks on the wall are ahead of it.
        """
        while start < end:
            offset, stop, limit = self._offset(start), start, min(start + _MONTH, end)
            while stop < limit:
                seen, stop = stop, min(stop + 3 * _DAY, limit)
                if self._offset(stop) != offset:
                    unseen = range(seen + 1, stop + 1)
                    stop = unseen[bisect_left(unseen, True, key=lambda at: self._offset(at) != offset)]
                    break
            yield start, stop, offset
            start = stop


class _Clock:
    """Working time by a clock on the wall that nobody ever changes: the calendar without its zone."""

    def __init__(self, weekdays: list[int], spans: list[tuple[int, int]], holidays: list[int]) -> None:
        self.weekdays = weekdays
        self.spans = spans
        self.day = sum(end - start for start, end in spans)
        self.before = [bisect_left(weekdays, weekday) for weekday in range(7)]
        self.holidays = [day for day in holidays if day % 7 in weekdays]

    def is_open(self, wall: int) -> bool:
        """Whether this time counts."""
        day, rest = divmod(wall, _DAY)
        return self._counts(day) and any(start <= rest < end for start, end in self.spans)

    def worked(self, wall: int) -> int:
        """How much working time there is until then: from some moment on, which is always the same."""
        day, rest = divmod(wall, _DAY)
        worked = self._worked(day)
        if self._counts(day):
            for start, end in self.spans:
                worked += min(max(rest - start, 0), end - start)
        return worked

    def reached(self, worked: int) -> int:
        """The earliest time until which there is so much."""
        days = range(-1, _LAST // _DAY + 2)  # a zone is ahead of UTC or behind it by less than a day
        day = days[bisect_left(days, worked, key=lambda day: self._worked(day + 1))]
        left = worked - self._worked(day)
        for start, end in self.spans:
            if left <= end - start:
                return day * _DAY + start + left
            left -= end - start
        raise AssertionError  # pragma: no cover - the spans of a day are as much as the day

    def _counts(self, day: int) -> bool:
        if day % 7 not in self.weekdays:
            return False
        index = bisect_left(self.holidays, day)
        return index == len(self.holidays) or self.holidays[index] != day

    def _worked(self, day: int) -> int:
        weeks, weekday = divmod(day, 7)
        days = weeks * len(self.weekdays) + self.before[weekday] - bisect_left(self.holidays, day)
        return days * self.day


# -- What is given when a calendar is made ----------------------------------------------------------------------------


def _find_zone(name: Any) -> ZoneInfo:
    problem = f"zone is {name!r}; it must be the IANA name of a time zone, such as 'Europe/Berlin'."
    if not isinstance(name, str):
        raise GraphDefinitionError(problem)
    if not _OWN_ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # a folder, or a file that is no zone, is refused in other ways
    try:
        ZoneInfo("UTC")
    except ZoneInfoNotFoundError:
        raise GraphDefinitionError(
            f"zone is {name!r}, but this machine has no time zones at all: pip install tzdata"
        ) from None
    close = _close_zones(name)
    raise GraphDefinitionError(f"{problem} Did you mean {' or '.join(map(repr, close))}?" if close else problem)


def _close_zones(name: str) -> list[str]:
    from difflib import get_close_matches  # here, because only mistakes need it

    named: dict[str, str] = {}  # by the whole name, and by the city
    for zone in sorted(available_timezones()):
        if not zone.startswith("Etc/") and not _OWN_ZONE.fullmatch(zone):  # the GMT+2 of Etc is two hours behind
            named[zone.lower()] = zone
            named.setdefault(zone.rpartition("/")[2].lower(), zone)
    meant = name.strip().lower().replace(" ", "_")
    found = [meant] if meant in named else get_close_matches(meant, named, n=6)
    return list(dict.fromkeys(named[match] for match in found))[:3]


def _read_weekdays(given: Any) -> list[int]:
    """The weekdays in order, from 0 for Monday."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise GraphDefinitionError(f"weekdays is {given!r}; it must be a list of days, such as ['Monday', 'Friday'].")
    found: set[int] = set()
    for day in cast("Iterable[Any]", given):
        number = _BY_NAME.get(day.strip().lower(), day) if isinstance(day, str) else day
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 6:
            raise GraphDefinitionError(
                f"weekdays has {day!r}; a day is one of {', '.join(_DAYS)}, its first three letters, or a number from "
                "0 (Monday) to 6 (Sunday)."
            )
        found.add(int(number))
    if not found:
        raise GraphDefinitionError("weekdays is empty, so that it would never be open; give at least one day.")
    return sorted(found)


def _read_hours(given: Any) -> list[tuple[int, int]]:
    """The spans of a day in order, in microseconds; those that touch are one."""
    if given is None:
        return [(0, _DAY)]
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise GraphDefinitionError(f"hours is {given!r}; {_HOURS}")
    listed = list(cast("Iterable[Any]", given))
    if not listed:
        raise GraphDefinitionError(f"hours is empty, so that it would never be open; {_HOURS}")
    pairs: list[Any] = [given] if any(isinstance(part, str | time) for part in listed) else listed
    read: list[tuple[int, int, str]] = sorted(_read_span(pair) for pair in pairs)
    spans: list[tuple[int, int]] = []
    last = ""
    for start, end, written in read:
        if spans and start < spans[-1][1]:
            raise GraphDefinitionError(f"hours {last} and {written} overlap; make one span of them.")
        if spans and start == spans[-1][1]:
            start, _ = spans.pop()
        spans.append((start, end))
        last = written
    return spans


_HOURS = (
    "it must be a pair such as ('09:00', '17:00'), a list of pairs such as [('09:00', '12:00'), ('13:00', '17:00')], "
    "or None for whole days."
)


def _read_span(given: Any) -> tuple[int, int, str]:
    if not isinstance(given, tuple | list) or len(cast("list[Any]", given)) != 2:
        raise GraphDefinitionError(f"hours has {given!r}; {_HOURS}")
    pair = cast("tuple[Any, Any]", tuple(cast("list[Any]", given)))
    start, end = map(_read_time, pair)
    written = repr(pair)
    if start == end:
        raise GraphDefinitionError(f"hours {written} are empty; for a whole day write ('00:00', '24:00').")
    if start > end == 0:
        raise GraphDefinitionError(f"hours {written} end before they begin; midnight at the end of a day is '24:00'.")
    if start > end:
        parts = f"[('00:00', {_write_time(end)!r}), ({_write_time(start)!r}, '24:00')]"
        raise GraphDefinitionError(
            f"hours {written} end before they begin. Hours over midnight are two spans, of which each belongs to its "
            f"own day: {parts}."
        )
    return start, end, written


def _read_time(given: Any) -> int:
    if isinstance(given, time):
        if given.tzinfo is not None:
            raise GraphDefinitionError(f"hours has {given!r}; leave out its tzinfo, since the calendar has a zone.")
        return given.hour * _HOUR + given.minute * _MINUTE + given.second * _SECOND + given.microsecond
    match = _TIME.fullmatch(given) if isinstance(given, str) else None
    if match:
        hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3))
        read = hour * _HOUR + minute * _MINUTE + second * _SECOND + int((match[4] or "").ljust(6, "0"))
        if minute < 60 and second < 60 and read <= _DAY:
            return read
    raise GraphDefinitionError(f"hours has {given!r}; a time is one from '00:00' to '24:00', or a datetime.time.")


def _write_time(read: int) -> str:
    hour, rest = divmod(read, _HOUR)
    minute, rest = divmod(rest, _MINUTE)
    second, fraction = divmod(rest, _SECOND)
    written = f"{hour:02}:{minute:02}"
    if rest:
        written += f":{second:02}"
    return f"{written}.{fraction:06}" if fraction else written


def _read_holidays(given: Any) -> list[date]:
    """The holidays in order."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise GraphDefinitionError(f"holidays is {given!r}; it must be a list of dates, such as ['2026-12-25'].")
    return sorted({_read_date(day) for day in cast("Iterable[Any]", given)})


def _read_date(given: Any) -> date:
    if isinstance(given, datetime):
        raise GraphDefinitionError(f"holidays has {given!r}; a holiday is a whole day: give its date().")
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise GraphDefinitionError(
            f"holidays has {given!r}; a holiday is a datetime.date, or a date such as '2026-12-25'."
        ) from None


# -- What is asked of it ----------------------------------------------------------------------------------------------


def _read_moment(name: str, given: Any) -> int:
    offset = given.utcoffset() if isinstance(given, datetime) else None
    if offset is None:
        raise ValueError(
            f"{name} is {given!r}; it must be a datetime that knows its time zone, such as datetime(2026, 1, 31, 9, "
            "tzinfo=UTC)."
        )
    return (given.replace(tzinfo=UTC) - _BEGIN - offset) // _MICROSECOND


def _read_duration(given: Any) -> int:
    if not isinstance(given, timedelta):
        raise ValueError(f"duration is {given!r}; it must be a timedelta, such as timedelta(hours=4).")
    if given < timedelta(0):
        raise ValueError(f"duration is {given!r}; it must not be negative.")
    return given // _MICROSECOND


def _write_moment(at: int, what: str) -> datetime:
    if not 0 <= at <= _LAST:
        raise ValueError(f"{what} is not within the years 1 to 9999.")
    return _BEGIN + timedelta(microseconds=at)
