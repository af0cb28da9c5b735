"""Times in what a question shows: whether they have moved as a clock's do, while the node waited."""

from __future__ import annotations

import functools
import itertools
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

MOST_TIMES = 30
"""Times of one question that may move; what comes after them is text like any other."""
_READ_BEFORE = 60.0
"""Seconds: how long before it asks a node may have read the clock."""
_OFF = 1.0
"""Seconds by which clocks of two workers may differ, and a time be rounded."""
_DAY = 86_400.0

Span = tuple[float, float]
"""When the node that asks had begun, and when it asked, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a time may mean.

    Attributes:
        kind: Only times of the same kind are compared.
        seconds: Since whenever.
        unit: Seconds to which it is exact.
        turns: Seconds after which it may begin again.
        is_aligned: Whether it changes when the clock comes to a full unit.
        is_both_ways: Whether it may run backwards: what is left.
    """

    kind: str
    seconds: float
    unit: float
    turns: tuple[float, ...] = ()
    is_aligned: bool = True
    is_both_ways: bool = False


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {
    0.001: "ms milliseconds? Millisekunden?",
    1.0: "s secs? seconds? Sek Sekunden?",
    60.0: "m mins? minutes? Minuten?",
    3_600.0: "h hrs? hours? Std Stunden?",
    _DAY: "d days? Tage? Tagen",
    7 * _DAY: "w weeks? Wochen?",
}
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[AaPp]\.?[Mm]\b)?"
_ISO_CLOCK = r"[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|\s?[+-]\d\d:?\d\d)?"
_GAP = r",?\s(?:at\s|um\s)?(?=\d\d?:)"
_ISO_DATE = r"\d{4}-\d\d?-\d\d?"
_DATE = (
    rf"(?<![\d.])\d{{1,4}}[./]\d\d?[./]\d{{2,4}}(?!\.?\d)|\b(?:{_MONTH}\s+\d\d?|\d\d?\.?\s+{_MONTH})(?:,?\s+\d{{4}})?\b"
)
_AMOUNT = rf"\d+(?:[.,]\d+)?\s?(?:{'|'.join('|'.join(names.split()) for names in _UNITS.values())})(?![A-Za-z])"

_KINDS: dict[str, str] = {
    "iso": rf"{_ISO_DATE}{_ISO_CLOCK}",  # 2026-11-28T21:49:15+01:00
    "moment": rf"(?:{_ISO_DATE}|{_DATE})(?P<gap>{_GAP}){_CLOCK}",  # 28.11.2026 21:49, Nov 28, 2026 at 9:49 PM
    # 20261128T214915Z, 20261128-214915, 20261128214915
    "compact": r"(?<!\d)\d{8}(?:T\d{4}(?:\d\d(?:[.,]\d+)?)?|[-_]?\d{6})(?:Z|[+-]\d\d:?\d\d)?(?!\d)",
    "date": rf"{_ISO_DATE}|{_DATE}",
    "clock": _CLOCK,  # 21:49:15.123, 9:49 PM
    "weekday": r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:[a-z]*day)?\b",
    "epoch": r"\b1\d{9}(?:\d{3}){0,3}(?:\.\d+)?\b",  # since 1970
    "machine": r"\b\d{3,}\.\d{6,}\b",  # since the machine began
}
_LENGTHS: dict[str, str] = {
    "amount": rf"(?<![\w.,]){_AMOUNT}(?:(?:,|,?\s(?:and|und))?\s?{_AMOUNT})*(?:,\s\d\d?:\d\d:\d\d(?:\.\d+)?)?",
    "length": r"(?<!\w)-?P(?:\d+W|(?=T?\d)(?:\d+Y)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:[.,]\d+)?S)?)?)\b",  # PT5M
}


@functools.cache  # which takes longer than to import the rest
def _times(*, with_lengths: bool) -> re.Pattern[str]:
    kinds = _LENGTHS | _KINDS if with_lengths else _KINDS
    return re.compile("|".join(f"(?P<{kind}>{text})" for kind, text in kinds.items()))


_ONE_AMOUNT = re.compile(r"(\d+(?:[.,]\d+)?)\s?([a-zA-Z]+)")


def without_times(text: str, *, with_lengths: bool) -> tuple[str, tuple[str, ...]]:
    """A text but for the times in it, and these.

    Args:
        text: The text.
        with_lengths: Whether "5 minutes" is a time.
    """
    found: list[str] = []

    def note(match: re.Match[str]) -> str:
        found.append(match[0])
        return f"#{match['gap']}#" if match.lastgroup == "moment" else "#"

    rest = _times(with_lengths=with_lengths).sub(note, text, count=MOST_TIMES)
    return rest, tuple(found)


def have_moved_on(before: Sequence[str], after: Sequence[str], asked: Span, asks: Span) -> bool:
    """Whether each of the times in a question has changed by what has passed since, or not at all.

    Args:
        before: The times of the earlier question.
        after: Those of the later one.
        asked: When the earlier one was asked.
        asks: The same of the later one.
    """
    if len(before) != len(after):
        return False
    return all(
        first == second or _has_moved_on(first, second, asked, asks)
        for first, second in zip(before, after, strict=True)
    )


def _has_moved_on(first: str, second: str, asked: Span, asks: Span) -> bool:
    pairs = itertools.product(_readings(first, asked[1]), _readings(second, asks[1]))
    return any(one.kind == other.kind and _fits(one, other, asked, asks) for one, other in pairs)


def _fits(first: _Reading, second: _Reading, asked: Span, asks: Span) -> bool:
    """Whether the clock was read twice, when it can have been."""
    early, late = ((max(begun, at - _READ_BEFORE) - _OFF, at + _OFF) for begun, at in (asked, asks))
    least, most = late[0] - early[1], late[1] - early[0]
    unit = max(first.unit, second.unit)
    # In less than half a unit a change by one is more likely to be another question's, unless the clock shows why.
    slack = unit if asks[1] - asked[1] >= unit / 2 else 0.0
    for moved in _ways(first, second, (least + most) / 2):
        if least - slack <= moved <= most + slack:
            return True
        for offset in _offsets(asks[1], unit) if first.is_aligned else ():
            [(low, high), (low_after, high_after)] = (
                [math.floor((moment + offset) / unit) for moment in span] for span in (early, late)
            )
            if low_after - high <= round(moved / unit) <= high_after - low:
                return True
    return False


def _ways(first: _Reading, second: _Reading, passed: float) -> Iterator[float]:
    """By how many seconds a time may have moved on."""
    moved = second.seconds - first.seconds
    for way in (moved, -moved) if first.is_both_ways else (moved,):
        yield way
        for turn in first.turns:
            yield way + turn * round((passed - way) / turn)


def _offsets(at: float, unit: float) -> list[float]:
    """Seconds between UTC and the zones in which a unit may begin."""
    return [0.0] if unit < _DAY else [0.0, float(time.localtime(at).tm_gmtoff)]


# -- What a time may mean ---------------------------------------------------------------------------------------------


def _readings(text: str, at: float) -> list[_Reading]:
    """What a time may mean.

    Args:
        text: The time.
        at: About when it was shown.
    """
    match = _times(with_lengths=True).fullmatch(text)
    if match is None or match.lastgroup is None:
        return []
    try:
        return list(_READERS[match.lastgroup](text, at))
    except (ValueError, OverflowError):  # there is no such day
        return []


def _read_compact(text: str, at: float) -> Iterator[_Reading]:
    yield from _read_iso(f"{text[:8]}T{text[8:].lstrip('T-_')}", at)


def _read_iso(text: str, at: float) -> Iterator[_Reading]:
    day, clock = re.split("[T ]", text, maxsplit=1)
    read = datetime.fromisoformat(f"1970-01-01T{clock}".replace(" ", "").replace(",", "."))
    seconds = read.replace(tzinfo=read.tzinfo or UTC).timestamp()
    for one in _read_date(day, at):
        yield replace(one, kind="moment", seconds=one.seconds + seconds, unit=_exact(clock))


def _exact(clock: str) -> float:
    """Seconds to which a time of day is exact."""
    parts = re.match(r"\d\d?:?\d\d(?::?(\d\d)(?:[.,](\d+))?)?", clock)
    return 60.0 if parts is None or parts[1] is None else 10.0 ** -len(parts[2] or "")


def _read_moment(text: str, at: float) -> Iterator[_Reading]:
    day, clock = re.split(_GAP, text, maxsplit=1)
    for one, other in itertools.product(_read_clock(clock, at), _read_date(day, at)):
        yield replace(other, kind=f"moment of {other.kind}", seconds=other.seconds + one.seconds, unit=one.unit)


def _read_date(text: str, at: float) -> Iterator[_Reading]:
    turns: tuple[float, ...] = ()
    numbers = [int(number) for number in re.findall(r"^\d{4}(?=\d{4}$)|(?<=^\d{4})\d\d(?=\d\d$)|\d+", text)]
    month = re.search("[A-Za-z]+", text)
    if month is not None:
        number = _MONTHS.index(month[0][:3].lower()) + 1
        if len(numbers) == 1:
            numbers.append(datetime.fromtimestamp(at, UTC).year)
            turns = (365 * _DAY, 366 * _DAY)
        orders = [(numbers[1], number, numbers[0])]
    elif re.match(r"\d{3}", text):
        orders = [(numbers[0], numbers[1], numbers[2])]
    else:
        year = numbers[2] + 2000 * (numbers[2] < 100)
        orders = [(year, numbers[1], numbers[0]), (year, numbers[0], numbers[1])]
    for number, order in enumerate(orders):
        try:
            days = date(*order).toordinal() - date(1970, 1, 1).toordinal()
        except ValueError:
            continue
        yield _Reading(f"date {number}", days * _DAY, _DAY, turns)


def _read_clock(text: str, at: float) -> Iterator[_Reading]:
    match = re.match(r"(\d+):(\d+)(?::(\d+)(?:[.,](\d+))?)?", text)
    assert match is not None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    half = re.search("[AaPp]", text)
    if half is not None:
        hours = hours % 12 + 12 * (half[0] in "Pp")
    fraction = float(f"0.{match[4]}") if match[4] else 0.0
    yield _Reading(
        "clock", hours * 3_600 + minutes * 60 + seconds + fraction, _exact(text), (_DAY,), is_both_ways=bool(match[3])
    )
    if match[3] is None and half is None:  # minutes and seconds that are left
        yield _Reading("countdown", -(hours * 60.0 + minutes), 1.0, is_aligned=False)


def _read_weekday(text: str, at: float) -> Iterator[_Reading]:
    yield _Reading("weekday", _WEEKDAYS.index(text[:3].lower()) * _DAY, _DAY, (7 * _DAY,))


def _read_epoch(text: str, at: float) -> Iterator[_Reading]:
    """A number that is the time by now: others, of orders, are as long."""
    whole, _, fraction = text.partition(".")
    scale = 10.0 ** (len(whole) - 10)
    seconds = float(text) / scale
    if abs(seconds - at) < _DAY:
        yield _Reading("epoch", seconds, 10.0 ** -len(fraction) / scale)


def _read_machine(text: str, at: float) -> Iterator[_Reading]:
    yield _Reading("machine", float(text), 1e-6)


def _read_length(text: str, at: float) -> Iterator[_Reading]:
    names = {"Y": 365 * _DAY, "W": 7 * _DAY, "D": _DAY, "H": 3_600.0, "M": 60.0, "S": 1.0}
    parts = re.findall(r"(\d+(?:[.,]\d+)?)([YWDHMS])", text)
    yield _length([(number, names[name]) for number, name in parts], -1 if text.startswith("-") else 1)


def _read_amount(text: str, at: float) -> Iterator[_Reading]:
    parts = [(number, _unit(name)) for number, name in _ONE_AMOUNT.findall(text)]
    clock = re.search(r"(\d\d?):(\d\d):(\d\d(?:\.\d+)?)$", text)
    if clock is not None:  # 1 day, 0:05:00
        parts += [(clock[1], 3_600.0), (clock[2], 60.0), (clock[3], 1.0)]
    yield _length(parts)


def _unit(name: str) -> float:
    return next(unit for unit, names in _UNITS.items() if re.fullmatch("|".join(names.split()), name))


def _length(parts: Sequence[tuple[str, float]], sign: int = 1) -> _Reading:
    seconds = sum(float(number.replace(",", ".")) * unit for number, unit in parts)
    number, unit = parts[-1]
    exact = unit * 10.0 ** -len(re.sub(r"^\d+[.,]?", "", number))
    return _Reading("length", sign * seconds, exact, is_aligned=False, is_both_ways=True)


_READERS: dict[str, Callable[[str, float], Iterator[_Reading]]] = {
    "iso": _read_iso,
    "moment": _read_moment,
    "compact": _read_compact,
    "date": _read_date,
    "clock": _read_clock,
    "weekday": _read_weekday,
    "epoch": _read_epoch,
    "machine": _read_machine,
    "length": _read_length,
    "amount": _read_amount,
}
