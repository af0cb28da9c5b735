"""Where a value that was read is another one than that which was written."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from .written import fields_of

_SEQUENCES = (list, tuple, deque)
_SETS = (set, frozenset)
_ATOMS = frozenset({str, int, bool, type(None), bytes})
MOST = 50
"""Members of a set that are compared one by one, where their class says of no two that they are equal."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place at which something is lost.

    Attributes:
        within: The objects on the way to it, by `id`; the last one is what was there.
        place: The way to it.
        was: What was there.
        read: What is there.
    """

    within: tuple[int, ...]
    place: tuple[Any, ...]
    was: Any
    read: Any


def differences(value: Any, read: Any, *, is_strict: bool = False) -> Iterator[Difference]:
    """The places at which something of a value is lost.

    Fields are looked at one by one, whatever the classes say of being equal; all else by `==`, where that says
    something: not of a class in which everything is equal to itself only.

    Args:
        value: The value.
        read: What was read in its place.
        is_strict: Whether it counts, too, where something equal is of another type, or looks otherwise.
    """
    return _Comparison(is_strict).compare(value, read, Difference((), (), value, read))


class _Comparison:
    def __init__(self, is_strict: bool) -> None:
        self._is_strict = is_strict

    def compare(self, value: Any, read: Any, around: Difference, *step: Any) -> Iterator[Difference]:
        if value is read or (type(value) in _ATOMS and type(value) is type(read) and value == read):
            return
        if id(value) in around.within or isinstance(value, Iterator):
            return
        here = Difference((*around.within, id(value)), (*around.place, *step), value, read)
        fields = fields_of(value)
        if fields is not None:
            yield from self._in_fields(fields, here)
        elif isinstance(value, Mapping) and isinstance(read, Mapping):
            yield from self._in_mapping(cast("Any", value), cast("Any", read), here)
        elif isinstance(value, _SEQUENCES) and isinstance(read, _SEQUENCES):
            yield from self._in_sequence(cast("Any", value), cast("Any", read), here)
        elif isinstance(value, _SETS) and isinstance(read, _SETS):
            if not self._is_same_set(cast("Any", value), cast("Any", read), here):
                yield here
        elif not self._is_same(value, read):
            yield here

    def _in_fields(self, fields: Mapping[str, Any], here: Difference) -> Iterator[Difference]:
        if type(here.was) is not type(here.read):
            yield here
            return
        found = fields_of(here.read) or {}
        for name, item in fields.items():
            if name not in found:
                yield _missing(item, here, name)
            elif item is not found[name]:
                yield from self.compare(item, found[name], here, name)
        extra: Any = getattr(here.was, "__pydantic_extra__", None)
        if extra:
            yield from self._in_mapping(extra, getattr(here.read, "__pydantic_extra__", None) or {}, here)

    def _in_mapping(self, value: Mapping[Any, Any], read: Mapping[Any, Any], here: Difference) -> Iterator[Difference]:
        if len(value) == len(read) and any(key not in read for key in value):
            pairs = list(zip(value, read, strict=True))
            if all(next(self.compare(key, other, here), None) is None for key, other in pairs):
                read = {key: read[other] for key, other in pairs}  # of keys that are equal to themselves only
        for key, item in value.items():
            if key in read:
                yield from self.compare(item, read[key], here, key)
            else:
                yield _missing(item, here, key)

    def _in_sequence(self, value: Any, read: Any, here: Difference) -> Iterator[Difference]:
        if len(value) != len(read) or (type(value) is not type(read) and type(value) not in _SEQUENCES):
            yield here
            return
        for index, (item, other) in enumerate(zip(value, read, strict=True)):
            yield from self.compare(item, other, here, index)

    def _is_same_set(self, value: Any, read: Any, here: Difference) -> bool:
        if len(value) != len(read):
            return False
        if value == read:
            return True
        if len(value) > MOST:
            return not all(map(_is_telling, value))
        left = list(read)
        for item in value:
            found = next(
                (n for n, other in enumerate(left) if next(self.compare(item, other, here), None) is None), None
            )
            if found is None:
                return False
            del left[found]
        return True

    def _is_same(self, value: Any, read: Any) -> bool:
        try:
            if self._is_strict and (type(value) is not type(read) or (_has_looks(value) and repr(value) != repr(read))):
                return False
            if value == read:
                return True
            if value != value:  # a number that is none
                return bool(read != read) or not isinstance(read, type(value))
        except Exception:  # of a class's own code, or as of arrays, which say it item by item
            return True
        return not _is_telling(value)


def _missing(item: Any, here: Difference, step: Any) -> Difference:
    return Difference((*here.within, id(item)), (*here.place, step), item, None)


def _has_looks(value: Any) -> bool:
    return type(value).__module__ in ("builtins", "decimal", "datetime")


def _is_telling(value: Any) -> bool:
    """Whether a class says of a value that another one is equal to it: else that says nothing."""
    try:
        return bool(value == copy.deepcopy(value))
    except Exception:  # of a class's own code
        return False
