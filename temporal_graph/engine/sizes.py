"""How large things are: in bytes, as they are sent. A letter of most of the world's scripts is two or three."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, cast

from .state import Json
from .text import compact

HUGE = 10**20
LONGEST_LETTER, LONGEST_NUMBER = 12, 25
"""Bytes of JSON in ASCII: of a letter that is a pair of surrogates, and of a number that is not huge."""


def size_of(text: str) -> int:
    """How many bytes a text is."""
    return len(text) if text.isascii() else len(text.encode(errors="backslashreplace"))


def json_size(value: Json) -> int:
    """How many bytes a value is as JSON."""
    return size_of(compact(value))


def cut(text: str, most: int) -> str:
    """A text of no more bytes than these, and a word on how many there were."""
    data = text.encode(errors="backslashreplace")
    return data.decode() if len(data) <= most else f"{data[:most].decode(errors='ignore')}... ({len(data):,} bytes)"


def too_long(value: Json, most: int) -> str | None:
    """A value as JSON, where that is longer than so many bytes; None where it is not.

    It is asked several times for each of thousands of questions; of most it can be seen without writing them down.
    """
    if _at_most(value) <= most:
        return None
    text = json.dumps(value)  # in ASCII, of which no letter is more than a byte
    return text if len(text) > most else None


def _at_most(value: Json) -> float:
    """No fewer bytes than a value has as JSON in ASCII; infinite where that cannot be seen at once."""
    if type(value) is not dict:
        return _plain_at_most(value)
    size: float = 2
    for name, item in cast("dict[str, Json]", value).items():
        # As below, which would take longer than all the rest: it is done for each field.
        size += (
            LONGEST_LETTER * len(name)
            + 6
            + (LONGEST_LETTER * len(item) + 2 if type(item) is str else _plain_at_most(item))
        )
    return size


def _plain_at_most(value: Json) -> float:
    kind = cast("type[Any]", type(value))  # in the sandbox of a workflow isinstance would take longer than all of this
    if kind is str:
        return LONGEST_LETTER * len(value) + 2
    is_small = value is None or kind is bool or kind is float or (kind is int and -HUGE < value < HUGE)
    return LONGEST_NUMBER if is_small else inf


@dataclass(frozen=True, slots=True)
class Coding:
    """How long a payload becomes.

    Attributes:
        factor: By how much.
        each: How many bytes come to it, however long it is.
    """

    factor: float = 1.0
    each: int = 0

    def size(self, size: int) -> int:
        """How long a payload of so many bytes becomes, at most."""
        return ceil(size * self.factor) + self.each


PLAIN = Coding()
"""No codec."""
USUAL = Coding(4 / 3, 300)
"""A codec of which nothing is known: base64 adds a third."""
