"""A snapshot in which what its tasks and questions have in common is written once: those of a node differ little."""

from __future__ import annotations

from typing import Any, cast

from .state import Json, same

Record = dict[str, Json]


def shorten(data: dict[str, Any]) -> dict[str, Any]:
    """A snapshot in fewer bytes."""
    questions = {**data["questions"], "open": _short(data["questions"]["open"], "node_id")}
    return {**data, "tasks": _short(data["tasks"], "node"), "questions": questions}


def whole(data: dict[str, Any]) -> dict[str, Any]:
    """A snapshot as it was before it was shortened; any other one as it is."""
    if not isinstance(data.get("tasks"), dict):
        return data
    questions = {**data["questions"], "open": _long(data["questions"]["open"])}
    return {**data, "tasks": _long(data["tasks"]), "questions": questions}


def _short(records: list[Record], by: str) -> Json:
    """The first of those of a node, and of each the fields in which it differs from that."""
    like: dict[tuple[Json, ...], Record] = {}
    places: dict[tuple[Json, ...], int] = {}
    items: list[Json] = []
    for record in records:
        kind = (record[by], *record)
        first = like.setdefault(kind, record)
        place = places.setdefault(kind, len(places))
        own = record if first is record else {n: v for n, v in record.items() if not same(v, first[n])}
        items.append([place, own])
    return {"items": items}


def _long(found: Json) -> list[Record]:
    if not isinstance(found, dict):
        return found
    like: dict[int, Record] = {}
    records: list[Record] = []
    for place, own in cast("list[tuple[int, Record]]", found["items"]):
        first = like.setdefault(place, own)
        # Lists are copied, for some of those of a question are changed in place.
        records.append({name: _copied(own.get(name, value)) for name, value in first.items()})
    return records


def _copied(value: Json) -> Json:
    return cast("list[Json]", value).copy() if isinstance(value, list) else value
