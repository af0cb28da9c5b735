"""Which of a node's questions is which, when it runs again: an answer is for the question that people were shown."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MemberDescriptorType
from typing import Any, cast

from ..codec.answers import without_types
from ..codec.text import compact
from ..engine.events import Position
from ..engine.state import Json
from ..errors import InterruptError
from .clocks import Span, have_moved_on, without_times
from .places import WORD
from .targets import shown

MOST_UNMET = 10
"""Answered questions that a node may leave out, in a place where it asks many, and ask another one."""
MOST_KEYS = 100
"""The same of questions with keys, none of which it has ever come by again."""
MOST_REWORDED = 2
"""The same in a place where it asks one."""
MOST_AGAIN = 3
"""How often a question with a key is asked once more, because its policy has come to say that others may answer it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a question is known again.

    Attributes:
        shown: What is shown.
        schema: What an answer must be.
        untimed: What is shown, but for the times in it.
        place: Where in the node's code it is asked; None where many may be asked.
        met: Whether the node has come by it again.
        code: The code that asks; see `code_of`.
        edited: Whether its answer, or who made a fork of the run, has changed the state, which it may show.
        filled: What is shown, but for the times, and for the words of the code; None where another question may be
            asked in the place.
        who: Who may answer it, and how many must; None where an earlier release has asked it, and nobody knows.
        asked: Who is asked, where others may answer as well.
        again: How often one with its key has been answered by those whom another policy had let answer.
        times: The times in it, which a clock may have shown.
        when: When the node had begun and when it asked; None where nothing is said about its times: an earlier release
            has asked it, or a node whose clock is another one in a replay.
        written: What is shown, with its times and but for these, where it stands in another order: earlier releases
            knew questions by that.
    """

    shown: str
    schema: str
    untimed: str
    place: str | None = None
    met: bool = False
    edited: bool = False
    code: str | None = None
    filled: str | None = None
    who: str | None = None
    asked: str | None = None
    again: int = 0
    times: tuple[str, ...] = ()
    when: Span | None = None
    written: tuple[str, str, tuple[str, ...]] | None = None

    def forms(self) -> tuple[Mark, ...]:
        """This one, and as earlier releases would have made it."""
        if self.written is None:
            return (self,)
        shown, untimed, times = self.written
        return self, replace(self, shown=shown, untimed=untimed, times=times, written=None)

    def may_be(self, other: Mark) -> bool:
        """Whether the same people may answer both: an answer counts for nothing that others are to answer."""
        return None in (self.who, other.who) or self.who == other.who

    def is_same(self, other: Mark) -> bool:
        """Whether one of them is the other, as far as people can tell."""
        if (self.shown, self.schema) != (other.shown, other.schema) or not self.may_be(other):
            return False
        return self.asked == other.asked or self.who is None or other.who is None or self._is_beside(other)

    def is_another_time_of(self, other: Mark) -> bool:
        """Whether they differ in times alone."""
        if self.schema != other.schema or not self.is_reading_of(other):
            return False
        return self.shown != other.shown and self.may_be(other)

    def is_reading_of(self, other: Mark) -> bool:
        """Whether what is shown is what the other showed, but for a clock that has gone on."""
        return self.untimed == other.untimed and self.has_moved_on_from(other)

    def has_moved_on_from(self, other: Mark) -> bool:
        """Whether the times in what is shown have changed as much as time has passed, as far as can be told.

        A date or a number that has not is another one: that of another invoice.
        """
        if self.when is None or other.when is None:
            return True
        [(was, before), (now, after)] = sorted([(self.when, self.times), (other.when, other.times)], key=_asked_at)
        return have_moved_on(before, after, was, now)

    def _is_beside(self, other: Mark) -> bool:
        return self.place is not None and self.place == other.place

    @staticmethod
    def of(
        value: Json,
        schema: Json,
        place: str | None,
        words: Collection[str] | None = None,
        when: Span | None = None,
    ) -> Mark:
        """The mark of a question that is asked now; in these words, where it is the only one in the place."""
        text, as_written = compact(_in_order(value)), compact(value)
        untimed, times = without_times(text, with_lengths=when is not None)
        filled = None
        if place is not None and words is not None:
            filled = _digest(" ".join(sorted(word for word in WORD.findall(untimed) if word not in words)))
        made = Mark(_digest(text), _digest(compact(without_types(schema))), _digest(untimed), place, filled=filled)
        if as_written != text:
            other, moments = without_times(as_written, with_lengths=when is not None)
            made = replace(made, written=(_digest(as_written), _digest(other), () if when is None else moments))
        return made if when is None or not times else replace(made, times=times, when=when)

    @staticmethod
    def load(data: Mapping[str, Any]) -> Mark | None:
        """From JSON; None for a question of an earlier release, which is known by its number alone."""
        known = {name: value for name, value in data.items() if name in _MARK_FIELDS}
        known.update((name, tuple(known[name])) for name in ("times", "when") if name in known)
        return Mark(**{"untimed": data["shown"], **known}) if "shown" in data else None

    def dump(self) -> dict[str, Json]:
        """As JSON, without what there is nothing to say about."""
        data = {name: value for name, value in asdict(replace(self, written=None)).items() if value}
        if self.untimed == self.shown:
            del data["untimed"]
        return data


_MARK_FIELDS = [field.name for field in fields(Mark) if field.name != "written"]


def who_answers(rules: Mapping[str, Json] | None) -> tuple[str, str | None]:
    """What stands for who may answer a question, and for who is asked where that is not the same.

    Args:
        rules: Its policy as plain data; None for none.
    """
    given = rules or {}
    people = [sorted(given.get("assignees", ())), [sorted(to) for _, to in given.get("escalations", ())]]
    is_for_them = bool(given.get("only_assignees"))
    who = [
        people if is_for_them else None,
        sorted(given.get("not_by", ())),
        given.get("quorum", 1),
        list(given.get("reject_ends", ())),
    ]
    return _digest(compact(who)), None if is_for_them or not any(people) else _digest(compact(people))


class Matching:
    """The answered questions of a node, and those that it has come by since it began.

    A question with a key is known by it. Any other is the one that showed the same, wherever the node asks it; or the
    one that was asked in the same place in its code, if it comes by there once, and no more than times have changed; or
    the one that showed the same, and that another release of the node has asked with another type; or the one that
    another release has asked with the same type in the same place, where no other can be asked, in other words. None of
    them is a question that others may answer than the one at hand.

    Args:
        answered: The positions of those that have answers.
        marks: By what they are known.
        is_deterministic: The node asks in the same order each time, so that of two readings the number tells.

    Attributes:
        met: The questions which it has come by again for the first time.
        outdated: The keys of those that were answered by whom another policy had let answer, which does not count.
    """

    def __init__(
        self, answered: Collection[Position], marks: Mapping[Position, Json], *, is_deterministic: bool = False
    ) -> None:
        self._is_deterministic = is_deterministic
        self._left = {number: Mark.load(marks.get(number) or {}) for number in answered if isinstance(number, int)}
        gone = (n for n, mark in marks.items() if isinstance(n, int) and mark.get("gone"))
        self._numbers = {*self._left, *gone}
        self._keys: dict[str, Mark] = {}
        self._keyed_before = {key: Mark.load(mark) for key, mark in marks.items() if isinstance(key, str) and mark}
        self._answered = {key for key in answered if isinstance(key, str)}
        self.outdated: set[Position] = set()
        self._again: dict[Position, int] = {}
        self._readings: list[Mark] = []
        self._calls = 0
        self.met: list[Position] = []

    def find(self, key: str | None, mark: Mark, value: Any) -> Position:
        """The position of a question that the node asks: of one that has been answered, or a new one.

        Args:
            key: Its key.
            mark: By what it is known without one.
            value: What it shows, for messages.

        Raises:
            InterruptError: It cannot be told whether it has been answered; or another one has the same key.
        """
        return self._numbered(mark, value) if key is None else self._keyed(key, mark, value)

    def _keyed(self, key: str, mark: Mark, value: Any) -> str:
        if key not in self._keys:
            self._keys[key] = mark
            self._look_before(key, mark, value)
        known = self._keys[key]
        if (known.shown, known.schema, known.who) != (mark.shown, mark.schema, mark.who):
            raise InterruptError(
                f"interrupt({shown(value)}, key={key!r}): in the same run of the node another question has this key, "
                "and the answer to one of them is none to the other. Give each a key of its own, such as "
                f"key=f'{key}-{{item}}' in a loop."
            )
        return key

    def _look_before(self, key: str, mark: Mark, value: Any) -> None:
        """Look whether others may answer a question by now than those who have."""
        before = self._keyed_before.get(key)
        if before is None:
            self._check_key(key, mark, value)
            return
        if not before.met and key in self._answered:
            self.met.append(key)
        self._again[key] = before.again
        if key in self._answered and not before.may_be(mark):
            self._again[key] += 1
            self.outdated.add(key)
        if self._again[key] > MOST_AGAIN:
            raise InterruptError(
                f"interrupt({shown(value)}, key={key!r}): each time the node runs again, its policy lets others answer "
                "it, so that no answer ever counts. Find out once who they are: await once('people', find)."
            )

    def _check_key(self, key: str, mark: Mark, value: Any) -> None:
        """Refuse a key that is another one each time."""
        before = [self._keyed_before.get(other) for other in self._answered - self._keys.keys()]
        others = [known for known in before if known is not None and known.place == mark.place]
        if mark.place is None:  # in a loop, or in tasks, which pass each other
            others = [known for known in others if not known.met]
        if len(others) >= (MOST_KEYS if mark.place is None else MOST_UNMET):
            raise InterruptError(
                f"interrupt({shown(value)}, key={key!r}): its key is another one each time that the node runs: "
                f"{len(others)} were answered, and have not come back. Give it a key that stays the same."
            )

    def again(self, position: Position) -> int:
        """How often a question has been asked once more, because others may answer it by now."""
        return self._again.get(position, 0)

    def _numbered(self, mark: Mark, value: Any) -> int:
        call, self._calls = self._calls, self._calls + 1
        found = _first(self._same, mark)
        if found is None:
            self._check_readings(mark, value)
        if found is None and call in self._left and self._left[call] is None:
            found = call
        if found is None:
            found = _first(lambda form: self._in_place(form, call), mark)
        if found is None:
            found = _first(self._retyped, mark)
        if found is None:
            found = self._reworded(mark)
        if found is None:
            self._check_doubt(mark, value)
            found = call if call not in self._numbers else max(self._numbers) + 1
        self._left.pop(found, None)
        self._numbers.add(found)
        return found

    def _same(self, mark: Mark) -> int | None:
        """The question that showed the same: the one in the same place, if there are several, or the first."""
        same = [
            (known.asked != mark.asked, known.place != mark.place, number, known.met)
            for number, known in self._left.items()
            if known is not None and known.is_same(mark)
        ]
        if not same:
            return None
        *_, number, has_met = min(same)
        if not has_met:
            self.met.append(number)
        return number

    def _retyped(self, mark: Mark) -> int | None:
        """The question that showed the same, with another type of answer, when the node had other code."""
        others = ((n, known) for n, known in self._left.items() if known is not None and known.may_be(mark))
        return min((n for n, known in others if known.shown == mark.shown and known.code != mark.code), default=None)

    def _reworded(self, mark: Mark) -> int | None:
        """The question that the node's code has put into other words since; what it fills in has not changed."""
        if mark.place is None or mark.filled is None:
            return None
        others = self._asked_at(mark.place)
        if len(others) != 1:
            return None
        [(number, other)] = others.items()
        is_same = other.code != mark.code and (other.schema, other.filled) == (mark.schema, mark.filled)
        return number if is_same and other.may_be(mark) and mark.has_moved_on_from(other) else None

    def _in_place(self, mark: Mark, call: int) -> int | None:
        """The question of which it can only be another reading."""
        others = {} if mark.place is None else self._asked_at(mark.place)
        known = self._left.get(call)
        if self._is_deterministic and known is not None:
            others[call] = known
        readings = (n for n, other in others.items() if mark.is_reading_of(other) or other.edited)
        found = max((n for n in readings if others[n].may_be(mark)), default=None)
        if found is not None and mark.when is not None and mark.is_another_time_of(others[found]):
            self._readings.append(others[found])
        return found

    def _check_readings(self, mark: Mark, value: Any) -> None:
        """Refuse to go on where what another one was taken for is asked as well: no clock told them apart."""
        if any(known.is_same(form) for known in self._readings for form in mark.forms()):
            raise InterruptError(
                f"interrupt({shown(value)}): it was answered, and its answer was taken for that of another question, "
                "which reads the same but for a time, and was asked before it this time. Give both keys that stay the "
                "same, interrupt(..., key='...')."
            )

    def _asked_at(self, place: str | None) -> dict[int, Mark]:
        return {number: known for number, known in self._left.items() if known is not None and known.place == place}

    def _check_doubt(self, mark: Mark, value: Any) -> None:
        others = self._asked_at(mark.place).values()
        is_retimed = any(known.is_another_time_of(mark) for known in others)
        unmet = sum(not known.met for known in others)
        if mark.place is None and is_retimed:
            why = (
                "one that reads the same but for the time has been answered, and the node may ask many there: in a "
                "loop, or in tasks of its own"
            )
        elif unmet >= (MOST_UNMET if mark.place is None else MOST_REWORDED):
            what = "asks others" if any(not known.may_be(mark) for known in others) else "reads differently"
            why = f"it {what} each time: {unmet} that were asked there have been answered, and not come back"
        else:
            return
        raise InterruptError(
            f"interrupt({shown(value)}): it cannot be told whether this question has been answered. When the node runs "
            f"again, questions are known by what they show, and {why}. Give it a key that stays the same, "
            "interrupt(..., key='...'), with the item in it in a loop; or show what stays the same."
        )


def _first(look: Callable[[Mark], int | None], mark: Mark) -> int | None:
    """What is found by one of the forms of a mark."""
    return next((found for form in mark.forms() if (found := look(form)) is not None), None)


def settled(value: object, tree: Json) -> Json:
    """What stands for a value as JSON, with its sets in an order that is the same in every process."""
    if isinstance(tree, list):
        parts = cast("list[Json]", tree)
        if isinstance(value, set | frozenset):
            return sorted(parts, key=compact)
        items = cast("list[object]", value) if isinstance(value, list | tuple) else []
        return [settled(item, part) for item, part in zip(items, parts, strict=False)] or parts
    if isinstance(tree, dict):
        parts = cast("dict[str, Json]", tree)
        shown: Any = value
        if isinstance(value, dict) and len(shown) == len(parts):
            inside = list(shown.values())  # whose keys need not be texts
        else:
            inside = [_field(shown, name) for name in parts]
        return {name: settled(item, part) for (name, part), item in zip(parts.items(), inside, strict=True)}
    return tree


def _field(value: Any, name: str) -> object:
    """What an object has by a name, if it can be had without running code."""
    slot = inspect.getattr_static(cast("type[Any]", type(value)), name, None)
    if isinstance(slot, MemberDescriptorType):
        return slot.__get__(value)
    return getattr(value, "__dict__", {}).get(name)


def _in_order(tree: Json) -> Json:
    """JSON with the entries of its objects in one order: it shows the same."""
    if isinstance(tree, dict):
        return {name: _in_order(part) for name, part in sorted(cast("dict[str, Json]", tree).items())}
    return [_in_order(part) for part in cast("list[Json]", tree)] if isinstance(tree, list) else tree


def _asked_at(asked: tuple[Span, tuple[str, ...]]) -> float:
    return asked[0][1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
