"""Where two parallel branches have both written a whole value: whether that is one change, and what becomes of it.

Equal values are one change, unless a number in them is another one than before: who made it so may have counted, and
then each counts. Where a rule says how numbers merge, those that keep their place in the value are merged by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from .trees import MISSING, Json, Key, Plan, by_key, child_of, is_alike, is_pairs, same, tag_of, text_of

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

MOST = 100
"""Places that items are taken to have moved by, at the most."""


def agree(base: Json, one: Json, other: Json, plan: Plan, tells_numbers: Callable[[], bool]) -> bool:
    """Whether what two branches have written at one place can both be.

    Args:
        base: What was there.
        one: What one has written.
        other: What the other has.
        plan: The plan of the place.
        tells_numbers: Whether numbers in it count; it is asked only where that makes a difference.
    """
    they_do, are_equal = _agree(base, one, other, plan), same(one, other)
    return they_do if they_do == are_equal or tells_numbers() else are_equal


def _agree(base: Json, one: Json, other: Json, plan: Plan) -> bool:
    if plan.rule(one, other) is not None:
        return True
    mine, others = _parts(one, plan), _parts(other, plan)
    if mine is None or others is None or not _is_by_part(base, one, other, plan):
        return same(one, other) and not _has_counted(base, one, plan)
    was = _parts_before(base, one, plan)
    return list(mine) == list(others) and all(
        _agree(_was(was, key, one, plan), item, others[key], plan.at(key, one)) for key, item in mine.items()
    )


def met(
    base: Json,
    current: Json,
    mine: Json,
    plan: Plan,
    tells_numbers: Callable[[], bool],
    *,
    default: Json = MISSING,
) -> Json:
    """What becomes of a place where two branches agree.

    Args:
        base: What it was when the later one began.
        current: What it is now.
        mine: What the later one made of it, which stands where a person has made something else of it.
        plan: The plan of the place.
        tells_numbers: Whether defaults count; it is asked only where that makes a difference.
        default: What both began with where it was nothing, if anything says so.
    """
    rule = plan.rule(current, mine)
    if rule is not None:
        if base is MISSING:
            return from_nothing(rule, default, current, mine, tells_numbers)
        if same(base, mine):
            return current
        return mine if same(base, current) else rule(began(base, plan), current, mine)
    parts, there = _parts(mine, plan), _parts(current, plan)
    if parts is None or there is None or not _is_by_part(base, mine, current, plan):
        return mine
    was = _parts_before(base, mine, plan)
    return _whole(
        mine,
        plan,
        {
            key: met(
                was.get(key, MISSING),
                there[key],
                item,
                plan.at(key, mine),
                tells_numbers,
                default=default_at(default, key, mine, plan),
            )
            if key in there
            else item
            for key, item in parts.items()
        },
    )


def from_nothing(
    rule: Callable[[Json, Json, Json], Json],
    default: Json,
    current: Json,
    mine: Json,
    tells_numbers: Callable[[], bool],
) -> Json:
    """Merge by a rule what two branches have made where there was nothing: each began with the default, if any.

    Args:
        rule: The rule.
        default: The default; MISSING where there is none.
        current: What one has made.
        mine: What the other has.
        tells_numbers: Whether the default counts; it is asked only where that makes a difference.
    """
    if default is MISSING:
        return rule(None, current, mine)
    merged = current if same(default, mine) else mine if same(default, current) else rule(default, current, mine)
    try:
        if same(rule(None, current, mine), merged):
            return merged
    except Exception:  # a rule may not know None, and then only the default will do
        pass
    return merged if tells_numbers() else rule(None, current, mine)


def default_at(default: Json, key: Any, value: Json, plan: Plan) -> Json:
    """The default of a part of a value: what the whole has there that is its default, else that of its field."""
    return _was(_parts_before(default, value, plan), key, value, plan)


def began(base: Json, plan: Plan) -> Json:
    """What a rule is told that a place was."""
    if base is MISSING:
        return None
    return base if plan.kind == "custom" or plan.counts(base) else None


def _has_counted(base: Json, value: Json, plan: Plan) -> bool:
    """Whether a number in a value is not what it was at its place, or is new; one that is gone does not count."""
    if plan.counts(value):
        return not same(base, value)
    parts = _parts(value, plan)
    if parts is None:
        # What has numbers in it, and is written as a text by a function of the user's.
        return isinstance(value, str) and plan.has_numbers() and not same(base, value)
    was = _parts_before(base, value, plan)
    return any(_has_counted(_was(was, key, value, plan), item, plan.at(key, value)) for key, item in parts.items())


def _is_by_part(base: Json, one: Json, other: Json, plan: Plan) -> bool:
    """Whether what is at the same place of two values, and of what was there, is the same part of it."""
    if not is_alike(one, other) or plan.of(one) is not plan.of(other):
        return False
    if not isinstance(one, list) or plan.is_fixed or (plan.kind == "pairs" and is_pairs(one)):
        return True
    is_as_long = isinstance(base, list) and len(cast("list[Json]", base)) == len(cast("list[Json]", one)) == len(other)
    return is_as_long and not has_moved(base, one) and not has_moved(base, other)


def is_by_place(base: Json, one: Json, other: Json, plan: Plan, *, is_merged: bool) -> bool:
    """Whether two changes of items of a list, or of what is in them, are those of the same items.

    They are not where items have moved, nor in a deque that is full: who appends to it moves all of them.

    Args:
        base: What is around the items, before.
        one: What one has made of it.
        other: What the other has.
        plan: Its plan.
        is_merged: Whether anything else has become of them than one has made.
    """
    if tag_of(base) == "deque" and is_alike(base, one) and is_alike(base, other):
        was, mine, others = (value["value"] for value in (base, one, other))
        items, most = (child_of(was, plan, key) for key in ("items", "maxlen"))
        if not isinstance(items, list) or len(cast("list[Json]", items)) != most:
            return True
        return same(mine, others) and not _has_counted(was, mine, plan.at("value", one))
    if not is_merged or not isinstance(base, list) or plan.is_fixed or plan.kind == "pairs":
        return True
    return not has_moved(base, one) and not has_moved(base, other)


def has_moved(base: Json, new: Json) -> bool:
    """Whether items of a list have moved: in another order, or most of those that changed have made place for others.

    A number that counts stays at its place.
    """
    if not isinstance(base, list) or not isinstance(new, list) or base is new:
        return False
    before, after = cast("list[Json]", base), cast("list[Json]", new)
    changed = [index for index, (old, item) in enumerate(zip(before, after, strict=False)) if not same(old, item)]
    if len(before) != len(after) or not changed:
        return False
    old, now = ([text_of(items[index]) for index in changed] for items in (before, after))
    if sorted(old) == sorted(now):
        return True
    start, end = changed[0], changed[-1] + 1
    old, now = ([text_of(item) for item in items[start:end]] for items in (before, after))
    size = len(old)
    return any(
        old[by:] == now[: size - by] or old[: size - by] == now[by:] for by in range(1, min(size // 2, MOST) + 1)
    )


def _parts(value: Json, plan: Plan) -> Mapping[Any, Json] | None:
    """What is inside of a value that is merged by its parts; None of one that is not."""
    if plan.kind in ("set", "number", "custom"):
        return None
    if isinstance(value, dict):
        members = cast("dict[str, Json]", value)
        return members if tag_of(value) is None else {"value": members["value"]}
    if isinstance(value, list):
        items = cast("list[Json]", value)
        return by_key(items) if plan.kind == "pairs" and is_pairs(items) else dict(enumerate(items))
    if plan.kind == "text" and isinstance(value, str):
        return {"": json.loads(value)}
    return None


def _parts_before(base: Json, value: Json, plan: Plan) -> Mapping[Any, Json]:
    return (_parts(base, plan) if is_alike(base, value) else None) or {}


def _was(parts: Mapping[Any, Json], key: Any, value: Json, plan: Plan) -> Json:
    return parts[key] if key in parts else plan.default(key, value)


def _whole(value: Json, plan: Plan, parts: Mapping[Any, Json]) -> Json:
    """A value with other parts."""
    if isinstance(value, dict):
        return {**cast("dict[Key, Json]", value), **parts}
    if isinstance(value, str):
        return _write(parts[""])
    if plan.kind == "pairs":
        return [[json.loads(key), item] for key, item in parts.items()]
    return list(parts.values())
