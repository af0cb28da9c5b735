"""Who was asked what, who said what, and what happened to a question meanwhile: in order, for years."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .events import clipped
from .sizes import cut, json_size, size_of, too_long
from .state import Json

CARRIED, CARRIED_SIZE = 1_000, 300_000
"""How many entries, and bytes of JSON of them, go along in a snapshot."""
LONGEST = 20_000
"""Bytes of JSON of one value that are kept."""
LONGEST_ENTRY, SHORT = 30_000, 2_000
"""Bytes of JSON of one entry that goes along; of a longer one each value is cut to so many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        number: How many-th of the run it is, from 1.
        at: When, ISO 8601 with time zone.
        kind: What: `asked`, `answered`, `rejected`, `reminded`, `escalated`, `timed_out`, `reassigned`, `extended`,
            `cancelled`, `state_updated`, `forked`, `notification_failed`, `notification_sent` or
            `notification_left`: to another workflow, which goes on with it.
        interrupt_id: To which question, if to one.
        actor: Who did it, as they said; None for the run itself, and for somebody who did not say.
        via: Which way it came: `signal`, `update`, `timeout`, or None for what the run did.
        data: What else there is to know.
        question: The question as it was then; not kept.
        shown: What it showed, where somebody answered it: the entry in which it was asked may be gone by then.
        comment: What was said with an answer.
    """

    number: int
    at: str
    kind: str
    interrupt_id: str | None = None
    actor: str | None = None
    via: str | None = None
    data: dict[str, Json] = field(default_factory=dict)
    question: dict[str, Json] | None = field(default=None, compare=False)
    shown: Json = None
    comment: str | None = None

    def public(self) -> dict[str, Json]:
        """As people see it."""
        data: dict[str, Json] = {name: getattr(self, name) for name in _PUBLIC}
        rare = {name: getattr(self, name) for name in _RARE}
        return {**data, **{name: value for name, value in rare.items() if value is not None}}


_PUBLIC = ("number", "at", "kind", "interrupt_id", "actor", "via", "data")
_RARE = ("shown", "comment")
_ANSWERS = ("answered", "rejected", "timed_out")


class Audit:
    """The entries of a run; in memory all of this history, and what came along from the one before it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.latest = 0

    def add(
        self,
        kind: str,
        at: str,
        interrupt_id: str | None = None,
        *,
        actor: str | None = None,
        via: str | None = None,
        comment: str | None = None,
        question: dict[str, Json] | None = None,
        **data: Json,
    ) -> None:
        """Write down what happened; long values are cut."""
        self.latest += 1
        told = {name: value if _is_short(value) else kept(value) for name, value in data.items()}
        shown = kept(question["value"]) if question is not None and kind in _ANSWERS else None
        said = None if comment is None else clipped(comment, LONGEST)
        self.entries.append(Entry(self.latest, at, kind, interrupt_id, actor, via, told, question, shown, said))

    def since(self, number: int) -> list[Entry]:
        """The entries after one, as far as they are here."""
        new = self.latest - number
        return self.entries[-new:] if new > 0 else []

    def dump(self, share: float | None = None) -> dict[str, Any]:
        """As JSON, for a snapshot: the latest entries, and of one that is huge the beginning of what it says.

        Args:
            share: How much of their room they get; None for as much as earlier releases gave them.
        """
        carried: list[dict[str, Any]] = []
        size = 0
        for entry in reversed(self.entries[-CARRIED:]):
            item = entry.public()
            size += len(json.dumps(item)) if share is None else json_size(item := _bounded(item))
            if size > (CARRIED_SIZE if share is None else CARRIED_SIZE * share):
                break
            carried.append(item)
        return {"latest": self.latest, "entries": carried[::-1]}

    def load(self, data: Mapping[str, Any]) -> None:
        """From a snapshot."""
        self.latest = data["latest"]
        self.entries = [Entry(**item) for item in data["entries"]]


def _bounded(item: dict[str, Json]) -> dict[str, Json]:
    """An entry that leaves room for others."""
    if json_size(item) <= LONGEST_ENTRY:
        return item
    data = {
        name: _cut(json.dumps(value), SHORT) if json_size(value) > SHORT else value
        for name, value in item["data"].items()
    }
    texts = {name: cut(text, SHORT) for name, text in item.items() if isinstance(text, str)}
    shown = {"shown": _cut(json.dumps(item["shown"]), SHORT)} if "shown" in item else {}
    return {**item, **texts, **shown, "data": data}


def _is_short(value: Json) -> bool:
    """Whether it can be seen at once that a value is kept as it is, as most are."""
    return value is None or (type(value) is str and len(value) < SHORT)


def kept(value: Json) -> Json:
    """A value as it is, or the beginning of its JSON text where that is long."""
    text = too_long(value, LONGEST)
    return value if text is None else _cut(text)


def kept_text(text: str) -> Json:
    """The same for a value that is JSON text."""
    return json.loads(text) if size_of(text) <= LONGEST else _cut(text)


def _cut(text: str, most: int = LONGEST) -> Json:
    return {"cut": cut(text, most)}
