"""Calendars against a count of every single minute, in zones that make it hard."""

from __future__ import annotations

import pickle
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_graph.calendars import Calendar

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

PERIODS = [
    ("Africa/Casablanca", date(2024, 2, 15), 90),  # an hour less for Ramadan
    ("Africa/Freetown", date(1939, 8, 20), 30),  # by 20 minutes, and back again four days later
    ("America/Caracas", date(2007, 11, 20), 40),  # by half an hour, for good
    ("America/Sao_Paulo", date(2018, 1, 1), 365),  # at midnight, in both directions
    ("America/St_Johns", date(2008, 2, 15), 280),  # a minute past midnight: a day comes twice, but for a minute between
    ("Antarctica/Casey", date(2009, 10, 1), 180),  # by three hours
    ("Antarctica/Troll", date(2025, 3, 1), 260),  # by two hours
    ("Asia/Beirut", date(2021, 3, 1), 260),  # at midnight
    ("Asia/Hebron", date(2011, 3, 15), 220),  # four times, because of Ramadan
    ("Asia/Kathmandu", date(1985, 12, 20), 20),  # by a quarter of an hour
    ("Asia/Pyongyang", date(2015, 8, 1), 30),  # by half an hour at midnight
    ("Australia/Lord_Howe", date(2024, 7, 1), 365),  # by half an hour
    ("Europe/Berlin", date(2025, 1, 1), 365),
    ("Pacific/Apia", date(2011, 3, 15), 320),  # 30 December was left out
    ("Pacific/Kwajalein", date(1969, 9, 10), 40),  # 23 hours came twice
    ("Pacific/Kwajalein", date(1993, 8, 1), 40),  # 21 August was left out
    ("UTC", date(2026, 1, 1), 30),
]


@dataclass(frozen=True)
class Period:
    """Some months in a zone, minute by minute."""

    zone: str
    first: date
    days: int

    @property
    def begin(self) -> datetime:
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    @property
    def walls(self) -> array[int]:
        return walls(self.zone, self.begin, self.days)

    @property
    def changes(self) -> list[int]:
        return changes(self.zone, self.begin, self.days)

    def moment(self, minute: int) -> datetime:
        return self.begin + minute * MINUTE


@cache
def walls(zone: str, begin: datetime, days: int) -> array[int]:
    """What the clock on the wall shows in every minute: minutes since the year 0."""
    info, seconds = ZoneInfo(zone), int(begin.timestamp())
    shown = (datetime.fromtimestamp(at, info) for at in range(seconds, seconds + days * 86400, 60))
    return array("l", [wall.toordinal() * 1440 + wall.hour * 60 + wall.minute for wall in shown])


@cache
def changes(zone: str, begin: datetime, days: int) -> list[int]:
    """Minutes in which clocks are changed."""
    return [index for index, (one, next) in enumerate(pairwise(walls(zone, begin, days)), 1) if next - one != 1]


@dataclass(frozen=True)
class Drawn:
    """A calendar, and what it was made of."""

    calendar: Calendar
    weekdays: frozenset[int]
    spans: tuple[tuple[int, int], ...]
    holidays: frozenset[date]

    @property
    def week(self) -> timedelta:
        """How much working time a week has."""
        return len(self.weekdays) * sum(end - start for start, end in self.spans) * MINUTE

    def worked(self, period: Period) -> list[int]:
        """How many minutes of a period counted, until each of its minutes."""
        first = period.walls[0] // 1440 - 3
        base = first * 1440
        counts = bytearray((period.days + 8) * 1440)
        for day in range(first, first + period.days + 8):
            on = date.fromordinal(day)
            if on.weekday() in self.weekdays and on not in self.holidays:
                for start, end in self.spans:
                    midnight = day * 1440 - base
                    counts[midnight + start : midnight + end] = b"\1" * (end - start)
        return list(accumulate((counts[wall - base] for wall in period.walls), initial=0))


def clock_times() -> st.SearchStrategy[int]:
    """Minutes of a day, often those at which clocks are changed."""
    return st.one_of(
        st.sampled_from([0, 1, 30, 60, 90, 120, 150, 180, 9 * 60, 12 * 60, 17 * 60, 23 * 60, 23 * 60 + 30, 1440]),
        st.integers(0, 1440),
    )


@st.composite
def calendars(draw: st.DrawFn, zone: str, first: date, days: int) -> Drawn:
    weekdays = draw(st.one_of(st.just(frozenset(range(7))), st.frozensets(st.integers(0, 6), min_size=1)))
    times = sorted(draw(st.lists(clock_times(), min_size=2, max_size=6, unique=True)))
    spans = [*zip(times[::2], times[1::2], strict=False)]
    holidays = draw(st.frozensets(st.integers(-2, days + 2), max_size=15))
    free = [first + timedelta(day) for day in sorted(holidays)]
    written = [(f"{start // 60}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}") for start, end in spans]
    calendar = Calendar(
        zone,
        weekdays=draw(st.permutations([day if day % 2 else NAMES[day] for day in sorted(weekdays)])),
        hours=None if spans == [(0, 1440)] else draw(st.permutations(written)),
        holidays=draw(st.permutations([day if day.day % 2 else day.isoformat() for day in free])),
    )
    return Drawn(calendar, weekdays, tuple(spans), frozenset(free))


@st.composite
def minutes(draw: st.DrawFn, period: Period) -> int:
    """A minute of a period, often one near a change of the clocks."""
    last = period.days * 1440 - 1
    anywhere = st.integers(0, last)
    if not period.changes:
        return draw(anywhere)
    near = st.builds(int.__add__, st.sampled_from(period.changes), st.integers(-1500, 1500))
    return draw(st.one_of(anywhere, near.map(lambda at: min(max(at, 0), last))))


@pytest.mark.parametrize("of", PERIODS, ids=lambda of: f"{of[0]}-{of[1].year}")
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_every_minute_is_counted(of: tuple[str, date, int], data: st.DataObject) -> None:
    period = Period(*of)
    drawn = data.draw(calendars(*of))
    calendar, worked = drawn.calendar, drawn.worked(period)
    for _ in range(15):
        start, end = data.draw(minutes(period)), data.draw(minutes(period))
        one, other = period.moment(start), period.moment(end)
        assert calendar.between(one, other) == (worked[end] - worked[start]) * MINUTE

        is_open = worked[start] < worked[start + 1]
        assert calendar.is_open(one) is calendar.is_open(one + MINUTE - MICROSECOND) is is_open

        duration = data.draw(st.integers(0, worked[-1] - worked[start]))
        over = start if not duration else bisect_left(worked, worked[start] + duration)
        assert calendar.after(one, duration * MINUTE) == period.moment(over)


def test_the_periods_have_what_they_are_here_for() -> None:
    found = {(zone, first.year): len(Period(zone, first, days).changes) for zone, first, days in PERIODS}
    assert found.pop(("UTC", 2026)) == 0
    assert {key for key, count in found.items() if count == 1} == {
        ("America/Caracas", 2007),
        ("Asia/Kathmandu", 1985),
        ("Asia/Pyongyang", 2015),
        ("Pacific/Kwajalein", 1969),
        ("Pacific/Kwajalein", 1993),
    }
    assert found[("Asia/Hebron", 2011)] == 4
    assert 0 not in found.values()


# -- What holds at any time, to the microsecond -----------------------------------------------------------------------


@st.composite
def asked(draw: st.DrawFn) -> tuple[Drawn, list[datetime], list[timedelta]]:
    """A calendar, three moments in order, and two durations."""
    zone, first, days = draw(st.sampled_from(PERIODS))
    drawn = draw(calendars(zone, first, days))
    near = st.timedeltas(timedelta(days=-1), timedelta(days=days + 1))
    far = st.timedeltas(timedelta(days=-7000), timedelta(days=7000))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    moments = sorted(begin + draw(st.one_of(near, far)) for _ in range(3))
    durations = [draw(st.timedeltas(timedelta(0), 30 * drawn.week)) for _ in range(2)]
    return drawn, moments, durations


def always(check: Callable[..., None]) -> Any:
    return settings(max_examples=100, deadline=None)(given(asked())(check))


@always
def test_between_undoes_after(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    drawn, (moment, *_), (duration, _) = given
    over = drawn.calendar.after(moment, duration)
    assert over.tzinfo is UTC
    assert drawn.calendar.between(moment, over) == duration
    if duration:  # it is the earliest such moment
        assert drawn.calendar.between(moment, over - MICROSECOND) == duration - MICROSECOND


@always
def test_durations_add_up(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    drawn, (moment, *_), (one, other) = given
    calendar = drawn.calendar
    assert calendar.after(calendar.after(moment, one), other) == calendar.after(moment, one + other)


@always
def test_times_add_up(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    calendar, (one, two, three) = given[0].calendar, given[1]
    assert calendar.between(one, two) + calendar.between(two, three) == calendar.between(one, three)
    assert calendar.between(three, one) == -calendar.between(one, three)
    assert timedelta(0) <= calendar.between(one, two) <= two - one


@always
def test_what_begins_later_or_takes_longer_is_over_later(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    calendar, (one, two, _), (shorter, longer) = given[0].calendar, given[1], sorted(given[2])
    assert calendar.after(one, shorter) <= calendar.after(two, shorter)
    assert calendar.after(one, shorter) <= calendar.after(one, longer)
    assert shorter == longer or calendar.after(one, shorter) < calendar.after(one, longer)


@always
def test_it_is_open_while_its_time_passes(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    calendar, moments = given[0].calendar, given[1]
    for moment in moments:
        assert calendar.is_open(moment) is (calendar.between(moment, moment + MICROSECOND) == MICROSECOND)


@always
def test_a_moment_is_the_same_in_every_zone(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    drawn, (one, two, _), (duration, _) = given
    calendar = drawn.calendar
    there, elsewhere = one.astimezone(ZoneInfo(calendar.zone)), two.astimezone(ZoneInfo("Asia/Tokyo"))
    assert calendar.after(there, duration) == calendar.after(one, duration)
    assert calendar.between(there, elsewhere) == calendar.between(one, two)
    assert calendar.is_open(there) is calendar.is_open(one)


@always
def test_it_travels(given: tuple[Drawn, list[datetime], list[timedelta]]) -> None:
    calendar, (moment, *_), (duration, _) = given[0].calendar, given[1], given[2]
    for copy in (Calendar.load(calendar.dump()), pickle.loads(pickle.dumps(calendar))):
        assert copy == calendar
        assert hash(copy) == hash(calendar)
        assert copy.after(moment, duration) == calendar.after(moment, duration)
