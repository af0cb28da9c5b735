"""Calendars: what they count, what they refuse, and how they travel."""

from __future__ import annotations

import copy
import json
import pickle
import struct
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from temporal_graph import GraphDefinitionError
from temporal_graph.calendars import Calendar

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BERLIN = Calendar("Europe/Berlin")
LUNCH = Calendar("Europe/Berlin", hours=[("09:00", "12:00"), ("13:00", "17:00")])
ALWAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def at(zone: str, written: str, fold: int = 0) -> datetime:
    # In UTC, because moments which a clock shows twice equal none of another zone (PEP 495).
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def berlin(written: str, fold: int = 0) -> datetime:
    return at("Europe/Berlin", written, fold)


def length(calendar: Calendar, day: str) -> timedelta:
    """How much working time there is from a midnight to the next one."""
    next_day = date.fromisoformat(day) + timedelta(days=1)
    return calendar.between(at(calendar.zone, day), at(calendar.zone, next_day.isoformat()))


# -- How time passes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-04 09:00", 3, "2026-03-04 12:00"),
        ("2026-03-04 16:00", 1, "2026-03-04 17:00"),  # when it closes, not the next morning
        ("2026-03-04 16:00", 2, "2026-03-05 10:00"),
        ("2026-03-04 17:00", 1, "2026-03-05 10:00"),
        ("2026-03-04 03:00", 1, "2026-03-04 10:00"),
        ("2026-03-04 09:00", 8, "2026-03-04 17:00"),
        ("2026-03-06 16:00", 2, "2026-03-09 10:00"),  # over a weekend
        ("2026-03-07 12:00", 40, "2026-03-13 17:00"),  # a whole week, from a Saturday on
        ("2026-03-27 16:00", 2, "2026-03-30 10:00"),  # over a weekend in which clocks are changed
        ("2026-03-04 21:00", 0, "2026-03-04 21:00"),  # no time after a moment is that moment
    ],
)
def test_after(start: str, hours: int, end: str) -> None:
    over = BERLIN.after(berlin(start), hours * HOUR)
    assert over == berlin(end)
    assert over.tzinfo is UTC


def test_between() -> None:
    assert BERLIN.between(berlin("2026-03-04 08:00"), berlin("2026-03-04 10:30")) == 1.5 * HOUR
    assert BERLIN.between(berlin("2026-03-06 16:00"), berlin("2026-03-09 10:00")) == 2 * HOUR
    assert BERLIN.between(berlin("2026-03-09 10:00"), berlin("2026-03-06 16:00")) == -2 * HOUR
    assert BERLIN.between(berlin("2026-01-01"), berlin("2027-01-01")) == 261 * 8 * HOUR


def test_is_open() -> None:
    assert not BERLIN.is_open(berlin("2026-03-04 08:59:59.999999"))
    assert BERLIN.is_open(berlin("2026-03-04 09:00"))
    assert BERLIN.is_open(berlin("2026-03-04 16:59:59.999999"))
    assert not BERLIN.is_open(berlin("2026-03-04 17:00"))
    assert not BERLIN.is_open(berlin("2026-03-07 12:00"))
    assert BERLIN.is_open(datetime(2026, 3, 4, 8, tzinfo=UTC))
    assert not BERLIN.is_open(datetime(2026, 3, 4, 9, tzinfo=timezone(2 * HOUR)))


def test_several_spans_a_day() -> None:
    assert LUNCH.after(berlin("2026-03-04 11:00"), HOUR) == berlin("2026-03-04 12:00")
    assert LUNCH.after(berlin("2026-03-04 11:00"), HOUR + MINUTE) == berlin("2026-03-04 13:01")
    assert LUNCH.after(berlin("2026-03-04 12:30"), HOUR) == berlin("2026-03-04 14:00")
    assert length(LUNCH, "2026-03-04") == 7 * HOUR
    assert not LUNCH.is_open(berlin("2026-03-04 12:00"))


def test_holidays() -> None:
    calendar = Calendar("Europe/Berlin", holidays=["2026-12-25", date(2026, 12, 24)])
    assert calendar.after(berlin("2026-12-23 16:00"), 2 * HOUR) == berlin("2026-12-28 10:00")
    assert not calendar.is_open(berlin("2026-12-24 12:00"))


def test_the_clock_around() -> None:
    night = Calendar("Europe/Berlin", hours=[("22:00", "24:00"), ("00:00", "06:00")])
    # Each part belongs to its own day: Saturday's early hours are no part of Friday.
    assert night.between(berlin("2026-03-06 12:00"), berlin("2026-03-09 12:00")) == 2 * HOUR + 6 * HOUR
    assert night.after(berlin("2026-03-04 23:00"), 2 * HOUR) == berlin("2026-03-05 01:00")
    whole = Calendar("Europe/Berlin", hours=None)
    assert whole.after(berlin("2026-03-06 23:00"), 2 * HOUR) == berlin("2026-03-09 01:00")
    assert Calendar("Europe/Berlin", hours=None, weekdays=ALWAYS).after(
        berlin("2026-03-04 12:34:56.789"), timedelta(days=1000)
    ) == berlin("2026-03-04 12:34:56.789") + timedelta(days=1000)


def test_microseconds() -> None:
    tick = timedelta(microseconds=1)
    calendar = Calendar("UTC", hours=(time(9, 0, 0, 1), "09:00:00.000002"))
    assert calendar.after(datetime(2026, 3, 4, tzinfo=UTC), 2 * tick) == datetime(2026, 3, 5, 9, 0, 0, 2, tzinfo=UTC)


# -- Where clocks are changed -----------------------------------------------------------------------------------------


def every_day(zone: str, *hours: tuple[str, str]) -> Calendar:
    return Calendar(zone, weekdays=ALWAYS, hours=hours or None)


def test_a_day_of_spring_is_an_hour_shorter_and_one_of_autumn_longer() -> None:
    whole = every_day("Europe/Berlin")
    assert [length(whole, day) for day in ("2026-03-29", "2026-10-25")] == [23 * HOUR, 25 * HOUR]
    office = every_day("Europe/Berlin", ("09:00", "17:00"))
    assert [length(office, day) for day in ("2026-03-29", "2026-10-25")] == [8 * HOUR, 8 * HOUR]
    night = every_day("Europe/Berlin", ("00:00", "06:00"))
    assert [length(night, day) for day in ("2026-03-29", "2026-10-25")] == [5 * HOUR, 7 * HOUR]
    assert night.after(berlin("2026-03-29 01:00"), 2 * HOUR) == berlin("2026-03-29 04:00")
    assert night.after(berlin("2026-10-25 01:00"), 2 * HOUR) == berlin("2026-10-25 02:00", fold=1)


def test_spans_with_an_end_in_what_spring_leaves_out() -> None:
    # At 02:00 it is 03:00.
    begins, ends, within = (
        every_day("Europe/Berlin", hours) for hours in (("02:30", "04:00"), ("01:00", "02:30"), ("02:10", "02:50"))
    )
    assert length(begins, "2026-03-29") == HOUR
    assert begins.is_open(berlin("2026-03-29 03:00"))
    assert length(ends, "2026-03-29") == HOUR
    assert ends.after(berlin("2026-03-29 00:00"), HOUR) == berlin("2026-03-29 03:00")
    assert length(within, "2026-03-29") == timedelta(0)
    assert within.after(berlin("2026-03-29 00:00"), 10 * MINUTE) == berlin("2026-03-30 02:20")
    change, tick = datetime(2026, 3, 29, 1, tzinfo=UTC), timedelta(microseconds=1)
    assert every_day("Europe/Berlin", ("02:00", "03:00")).between(change - tick, change + HOUR) == timedelta(0)


def test_spans_with_an_end_in_what_autumn_shows_twice() -> None:
    # At 03:00 it is 02:00 again.
    begins, ends, within = (
        every_day("Europe/Berlin", hours) for hours in (("02:30", "04:00"), ("01:00", "02:30"), ("02:10", "02:50"))
    )
    assert length(begins, "2026-10-25") == 2 * HOUR
    assert length(ends, "2026-10-25") == 2 * HOUR
    assert length(within, "2026-10-25") == 80 * MINUTE
    assert ends.after(berlin("2026-10-25 01:00"), 1.5 * HOUR) == berlin("2026-10-25 02:30", fold=0)
    assert ends.after(berlin("2026-10-25 01:00"), 1.5 * HOUR + MINUTE) == berlin("2026-10-25 02:01", fold=1)
    assert [ends.is_open(berlin("2026-10-25 02:15", fold)) for fold in (0, 1)] == [True, True]
    assert [ends.is_open(berlin("2026-10-25 02:45", fold)) for fold in (0, 1)] == [False, False]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Australia/Lord_Howe", "2024-10-06", 23.5),
        ("Australia/Lord_Howe", "2024-04-07", 24.5),
        ("America/Sao_Paulo", "2018-11-04", 23),  # began at 01:00
        ("America/Sao_Paulo", "2018-02-17", 25),  # 23:00 came twice
        ("Asia/Beirut", "2021-03-28", 23),
        ("Pacific/Apia", "2011-12-29", 24),
        ("Pacific/Apia", "2011-12-30", 0),  # there was none
        ("Pacific/Apia", "2011-12-31", 24),
        ("Pacific/Kwajalein", "1969-09-30", 47),  # there was another one
        ("Asia/Kathmandu", "1986-01-01", 23.75),
        ("Africa/Monrovia", "1972-01-07", 24 - (44 * 60 + 30) / 3600),
    ],
)
def test_odd_days(zone: str, day: str, hours: float) -> None:
    only = Calendar(zone, weekdays=[date.fromisoformat(day).weekday()], hours=None)
    around = datetime.fromisoformat(day).replace(tzinfo=UTC)
    assert only.between(around - timedelta(days=3), around + timedelta(days=3)) == hours * HOUR


def test_a_day_that_was_left_out_is_no_day() -> None:
    apia = Calendar("Pacific/Apia", weekdays=ALWAYS)
    assert apia.after(at("Pacific/Apia", "2011-12-29 16:00"), 2 * HOUR) == at("Pacific/Apia", "2011-12-31 10:00")
    same = replace(apia, holidays=[date(2011, 12, 30)])
    assert same.after(at("Pacific/Apia", "2011-12-29 16:00"), 2 * HOUR) == at("Pacific/Apia", "2011-12-31 10:00")


def test_moments_that_are_written_as_no_clock_shows_them() -> None:
    # PEP 495: 02:30 by a clock that was not changed is 03:30 by one that was.
    calendar, zone = every_day("Europe/Berlin"), ZoneInfo("Europe/Berlin")
    assert calendar.after(datetime(2026, 3, 29, 2, 30, tzinfo=zone), HOUR) == berlin("2026-03-29 04:30")
    # Not by the difference of what the clocks show, which Python takes within one zone.
    one, other = datetime(2026, 3, 29, 1, 30, tzinfo=zone), datetime(2026, 3, 29, 3, 30, tzinfo=zone)
    assert other - one == 2 * HOUR
    assert calendar.between(one, other) == HOUR
    one, other = datetime(2026, 10, 25, 2, 30, tzinfo=zone), datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=1)
    assert calendar.between(one, other) == HOUR


def zone_files() -> Iterator[Path]:
    roots = [Path(root) for root in zoneinfo.TZPATH]
    package = find_spec("tzdata")
    if package is not None:
        roots += [Path(root) / "zoneinfo" for root in package.submodule_search_locations or ()]
    for zone in sorted(zoneinfo.available_timezones()):
        yield next(file for root in roots if (file := root / zone).is_file())


def changes(file: Path) -> list[int]:
    """When a zone changes what it is ahead of UTC, in seconds since 1970: RFC 8536."""
    data = file.read_bytes()

    def header(start: int) -> tuple[int, int, int, int, int, int]:
        return struct.unpack(">6l", data[start + 20 : start + 44])

    utc, standard, leaps, times, types, letters = header(0)
    start = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + utc
    *_, times, types, _ = header(start)
    start += 44
    moments = struct.unpack(f">{times}q", data[start : start + times * 8])
    chosen = data[start + times * 8 : start + times * 9]
    start += times * 9
    ahead = [struct.unpack(">lbB", data[start + 6 * index : start + 6 * index + 6])[0] for index in range(types)]
    shown = [ahead[0], *(ahead[index] for index in chosen)]
    return [moment for moment, (before, after) in zip(moments, pairwise(shown), strict=True) if before != after]


def test_no_zone_changes_more_often_than_it_is_asked() -> None:
    """What `_stretches` relies on."""
    gaps = [later - sooner for file in zone_files() for sooner, later in pairwise(changes(file))]
    assert len(gaps) > 10_000
    assert min(gaps) > 3 * 86400


# -- The ends of time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_first_and_the_last_year(zone: str) -> None:
    calendar = every_day(zone, ("09:00", "17:00"))
    for year, days in ((1, 364), (9999, 363)):
        start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC)
        assert days * 8 * HOUR <= calendar.between(start, end) <= (days + 1) * 8 * HOUR
        assert calendar.after(start, days * 8 * HOUR) <= end
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert calendar.is_open(last) is (zone != "Asia/Tokyo")  # on Kiritimati in the year 10000
    assert calendar.between(last - timedelta(days=1), last) > 7 * HOUR
    assert first < calendar.after(first, MINUTE) < first + timedelta(days=1)


def test_what_is_over_after_the_last_year() -> None:
    start = datetime(9999, 12, 30, 12, tzinfo=UTC)
    for duration in (14 * HOUR, timedelta(days=9), timedelta.max):
        with pytest.raises(ValueError) as caught:
            Calendar("UTC").after(start, duration)
        assert str(caught.value) == (
            f"{duration} of working time after 9999-12-30 12:00:00+00:00 is over after the year 9999; make it shorter."
        )
    before = datetime(1, 1, 1, tzinfo=timezone(5 * HOUR))
    with pytest.raises(ValueError) as caught:
        BERLIN.after(before, timedelta(0))
    assert str(caught.value) == "0001-01-01 00:00:00+05:00 in UTC is not within the years 1 to 9999."


def test_a_calendar_that_is_never_open_again() -> None:
    free = [date(2027, 1, 1) + timedelta(days=day) for day in range(11 * 366)]
    calendar = Calendar("Europe/Berlin", holidays=free)
    start = berlin("2026-12-31 16:00")
    assert calendar.after(start, HOUR) == berlin("2026-12-31 17:00")
    with pytest.raises(ValueError) as caught:
        calendar.after(start, HOUR + MINUTE)
    message = str(caught.value)
    assert message.startswith("1:01:00 of working time after 2026-12-31 15:00:00+00:00 is never over: in the ten ")
    assert message.endswith(" the calendar is not open once. It has 4026 holidays; give it fewer.")
    nine = Calendar("Europe/Berlin", holidays=free[: 9 * 365])
    assert nine.after(start, HOUR + MINUTE) > berlin("2035-12-28 09:00")
    # Not ten years in all, but ten years on end.
    twice = Calendar("Europe/Berlin", holidays=[*free[: 6 * 365], *free[7 * 365 : 11 * 366]])
    assert twice.after(start, timedelta(days=85)) > berlin("2033-12-01")
    assert twice.after(start, timedelta(days=90)) > berlin("2038-01-01")


# -- What is refused --------------------------------------------------------------------------------------------------


def refused(make: Callable[[], Any]) -> str:
    with pytest.raises(GraphDefinitionError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    ("zone", "close"),
    [
        ("Berlin", "'Europe/Berlin'?"),
        ("europe/berlin", "'Europe/Berlin'?"),
        ("Europe/Berlin ", "'Europe/Berlin'?"),
        ("New York", "'America/New_York'?"),
        ("America/New-York", "'America/New_York' or '"),
        ("right/Europe/Berlin", "'Europe/Berlin' or '"),
        ("Europe", "'Europe/"),  # a folder
    ],
)
def test_zones_that_are_none(zone: str, close: str) -> None:
    message = refused(lambda: Calendar(zone))
    problem = f"zone is {zone!r}; it must be the IANA name of a time zone, such as 'Europe/Berlin'. Did you mean "
    assert message.startswith(problem + close)
    assert message.count(" or ") <= 2


def test_the_zones_that_etc_has_are_no_advice() -> None:
    assert "Etc/" not in refused(lambda: Calendar("GMT+2"))


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "posix/UTC", "right/UTC"])
def test_zones_of_the_machine_are_none(zone: str) -> None:
    message = refused(lambda: Calendar(zone))
    assert message.startswith(f"zone is {zone!r}; it must be the IANA name of a time zone")
    assert zone not in message.partition(";")[2]


@pytest.mark.parametrize("zone", ["", "/etc/passwd", "../x", "zone.tab", "x" * 300, "x\0y", None, 5, ZoneInfo("UTC")])
def test_zones_that_are_nothing_like_it(zone: Any) -> None:
    assert refused(lambda: Calendar(zone)).startswith(
        f"zone is {zone!r}; it must be the IANA name of a time zone, such as 'Europe/Berlin'."
    )


def test_a_machine_without_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()
    try:
        message = refused(lambda: Calendar("Europe/Berlin"))
        assert message == "zone is 'Europe/Berlin', but this machine has no time zones at all: pip install tzdata"
        # A calendar that was made has read what it needs.
        assert BERLIN.after(berlin_utc := datetime(2040, 7, 4, 10, tzinfo=UTC), HOUR) == berlin_utc + HOUR
    finally:
        zoneinfo.reset_tzpath()


DAYS = (
    "a day is one of Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, its first three letters, or a "
    "number from 0 (Monday) to 6 (Sunday)."
)


@pytest.mark.parametrize("day", ["Montag", "M", "", 7, -1, 1.0, True, None, date(2026, 1, 1)])
def test_weekdays_that_are_none(day: Any) -> None:
    assert refused(lambda: Calendar("UTC", weekdays=["Monday", day])) == f"weekdays has {day!r}; {DAYS}"


@pytest.mark.parametrize("days", ["Monday", "Mon-Fri", 5, None])
def test_weekdays_are_a_list(days: Any) -> None:
    message = f"weekdays is {days!r}; it must be a list of days, such as ['Monday', 'Friday']."
    assert refused(lambda: Calendar("UTC", weekdays=days)) == message


def test_a_week_has_a_day() -> None:
    message = "weekdays is empty, so that it would never be open; give at least one day."
    assert refused(lambda: Calendar("UTC", weekdays=[])) == message


HOURS = (
    "it must be a pair such as ('09:00', '17:00'), a list of pairs such as [('09:00', '12:00'), ('13:00', '17:00')], "
    "or None for whole days."
)


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ("9-17", f"hours is '9-17'; {HOURS}"),
        (8, f"hours is 8; {HOURS}"),
        ([], f"hours is empty, so that it would never be open; {HOURS}"),
        ((9, 17), f"hours has 9; {HOURS}"),
        ([None], f"hours has None; {HOURS}"),
        ([("09:00",)], f"hours has ('09:00',); {HOURS}"),
        (("09:00", "12:00", "17:00"), f"hours has ('09:00', '12:00', '17:00'); {HOURS}"),
        (("09:00", "09:00"), "hours ('09:00', '09:00') are empty; for a whole day write ('00:00', '24:00')."),
        (
            ("22:00", "06:00"),
            "hours ('22:00', '06:00') end before they begin. Hours over midnight are two spans, of which each belongs "
            "to its own day: [('00:00', '06:00'), ('22:00', '24:00')].",
        ),
        (
            [("18:00", "00:00")],
            "hours ('18:00', '00:00') end before they begin; midnight at the end of a day is '24:00'.",
        ),
        (
            (time(18), time(0)),
            "hours (datetime.time(18, 0), datetime.time(0, 0)) end before they begin; midnight at the end of a day is "
            "'24:00'.",
        ),
        (
            [("12:00", "17:00"), ("09:00", "12:30")],
            "hours ('09:00', '12:30') and ('12:00', '17:00') overlap; make one span of them.",
        ),
        (
            (time(9, tzinfo=UTC), "17:00"),
            "hours has datetime.time(9, 0, tzinfo=datetime.timezone.utc); leave out its tzinfo, since the calendar has "
            "a zone.",
        ),
    ],
)
def test_hours_that_are_none(hours: Any, message: str) -> None:
    assert refused(lambda: Calendar("UTC", hours=hours)) == message


@pytest.mark.parametrize("end", ["17", "17:60", "24:01", "25:00", "5pm", "9:00:60", "17:00+01:00", "１７:00", 17, None])
def test_times_that_are_none(end: Any) -> None:
    message = f"hours has {end!r}; a time is one from '00:00' to '24:00', or a datetime.time."
    assert refused(lambda: Calendar("UTC", hours=("09:00", end))) == message


@pytest.mark.parametrize("day", ["25.12.2026", "2026-02-30", "", 5, None, time(9)])
def test_holidays_that_are_none(day: Any) -> None:
    message = f"holidays has {day!r}; a holiday is a datetime.date, or a date such as '2026-12-25'."
    assert refused(lambda: Calendar("UTC", holidays=[day])) == message


def test_holidays_are_whole_days() -> None:
    message = "holidays has datetime.datetime(2026, 12, 25, 0, 0); a holiday is a whole day: give its date()."
    assert refused(lambda: Calendar("UTC", holidays=[datetime(2026, 12, 25)])) == message


@pytest.mark.parametrize("days", ["2026-12-25", 5, None])
def test_holidays_are_a_list(days: Any) -> None:
    message = f"holidays is {days!r}; it must be a list of dates, such as ['2026-12-25']."
    assert refused(lambda: Calendar("UTC", holidays=days)) == message


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), date(2026, 1, 1), "2026-01-01T00:00:00Z", 0, None])
def test_moments_that_are_none(moment: Any) -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    calls: dict[str, list[Callable[[], Any]]] = {
        "moment": [lambda: BERLIN.after(moment, HOUR), lambda: BERLIN.is_open(moment)],
        "start": [lambda: BERLIN.between(moment, now)],
        "end": [lambda: BERLIN.between(now, moment)],
    }
    for name, each in calls.items():
        for call in each:
            with pytest.raises(ValueError) as caught:
                call()
            assert str(caught.value) == (
                f"{name} is {moment!r}; it must be a datetime that knows its time zone, such as "
                "datetime(2026, 1, 31, 9, tzinfo=UTC)."
            )


def test_durations_that_are_none() -> None:
    now: Any = datetime(2026, 3, 4, tzinfo=UTC)
    for duration, problem in (
        (5, "5; it must be a timedelta, such as timedelta(hours=4)."),
        (-HOUR, "datetime.timedelta(days=-1, seconds=82800); it must not be negative."),
    ):
        with pytest.raises(ValueError) as caught:
            BERLIN.after(now, duration)
        assert str(caught.value) == f"duration is {problem}"


# -- As a value -------------------------------------------------------------------------------------------------------


def test_the_same_calendar_in_other_words() -> None:
    one = Calendar(
        "Europe/Berlin",
        weekdays=["fri", "Monday", 0, " tuesday"],
        hours=[(time(13), "17:00"), ("9:00", "12:00"), ("12:00", "13:00:00")],
        holidays=["2026-12-25", date(2026, 1, 1), date(2026, 12, 25)],
    )
    other = Calendar(
        "Europe/Berlin",
        weekdays=iter([4, 1, 0]),
        hours=("09:00", "17:00"),
        holidays={date(2026, 12, 25): "Christmas", date(2026, 1, 1): "New Year"},
    )
    assert one == other
    assert len({one: 1, other: 2}) == 1
    assert one.weekdays == ("Monday", "Tuesday", "Friday")
    assert one.hours == (("09:00", "17:00"),)
    assert one.holidays == (date(2026, 1, 1), date(2026, 12, 25))
    assert one != replace(one, zone="Europe/Vienna")
    assert Calendar("UTC", hours=None) == Calendar("UTC", hours=("00:00", "24:00"))
    assert Calendar("UTC", hours=[["09:00", "17:00"]]) == Calendar("UTC")  # type: ignore[list-item]


def test_it_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        BERLIN.zone = "UTC"  # type: ignore[misc]
    assert repr(BERLIN) == (
        "Calendar(zone='Europe/Berlin', weekdays=('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'), "
        "hours=(('09:00', '17:00'),), holidays=())"
    )


def test_it_travels() -> None:
    calendar = Calendar("Asia/Kathmandu", weekdays=[6], hours=("09:00:30", time(17, 0, 0, 50)), holidays=["2026-12-25"])
    written = calendar.dump()
    assert written == {
        "zone": "Asia/Kathmandu",
        "weekdays": ["Sunday"],
        "hours": [["09:00:30", "17:00:00.000050"]],
        "holidays": ["2026-12-25"],
    }
    copies = [
        Calendar.load(json.loads(json.dumps(written))),
        pickle.loads(pickle.dumps(calendar)),
        copy.copy(calendar),
        copy.deepcopy(calendar),
        replace(calendar),
    ]
    now = datetime(2026, 3, 4, tzinfo=UTC)
    for each in copies:
        assert each == calendar
        assert each.dump() == written
        assert each.after(now, 20 * HOUR) == calendar.after(now, 20 * HOUR)


@pytest.mark.parametrize("change", [{"zone": ...}, {"colour": "red"}])
def test_what_no_calendar_wrote_down(change: dict[str, Any]) -> None:
    written = {key: value for key, value in (BERLIN.dump() | change).items() if value is not ...}
    message = f"{written!r} is no calendar; one is written down with zone, weekdays, hours, holidays."
    assert refused(lambda: Calendar.load(written)) == message
    assert refused(lambda: Calendar.load([written])).endswith(message.partition("}")[2])  # type: ignore[arg-type]
