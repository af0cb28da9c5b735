"""The state of a graph as a JSON tree: what a node changed in it, and how the changes of parallel branches merge."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

Json: TypeAlias = Any
"""A JSON tree, never changed in place."""
Op: TypeAlias = list[Any]
"""One change: `["set", path, value]`, `["delete", path]`, `["append", path, items]`, `["add", path, items]` or
`["remove", path, items]`."""
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Plan:
    """How one place of the state merges.

    Attributes:
        kind: `auto` by its JSON type, `set` as a set, `atomic` as one value, `custom` by a function.
        fields: The plans of known keys.
        each: The plan of every other key, and of every item of a list.
        merge: For `custom`: `(base, current, mine) -> merged`.
        name: Of the custom rule, for messages.
    """

    kind: Literal["auto", "set", "atomic", "custom"] = "auto"
    fields: Mapping[str, Plan] = field(default_factory=dict[str, "Plan"])
    each: Plan | None = None
    merge: Callable[[Json, Json, Json], Json] | None = None
    name: str = ""

    def at(self, key: str | int) -> Plan:
        """The plan of what is under a key or index."""
        if isinstance(key, str) and key in self.fields:
            return self.fields[key]
        return self.each or AUTO


AUTO = Plan()


class Conflict(Exception):
    """Two parallel branches changed one place differently.

    Attributes:
        path: The place.
        base: What it was when the later one began.
        current: What the other made of it.
        mine: What the later one made of it.
    """

    def __init__(self, path: Path, base: Json, current: Json, mine: Json) -> None:
        super().__init__(path)
        self.path = path
        self.base = base
        self.current = current
        self.mine = mine


def same(one: Json, other: Json) -> bool:
    """Whether two JSON trees are equal, and `1`, `1.0` and `true` are not."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        theirs = cast("dict[str, Json]", other)
        mine = cast("dict[str, Json]", one)
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(one, list):
        items, others = cast("list[Json]", one), cast("list[Json]", other)
        return len(items) == len(others) and all(map(same, items, others))
    return bool(one == other)


def diff(base: Json, new: Json, plan: Plan = AUTO) -> list[Op]:
    """What has changed between two states; nothing where they are the same."""
    ops: list[Op] = []
    _diff(base, new, plan, [], ops)
    return ops


def _diff(base: Json, new: Json, plan: Plan, path: list[str | int], ops: list[Op]) -> None:
    if base is new or same(base, new):
        return
    if plan.kind in ("atomic", "custom"):
        ops.append(["set", path, new])
    elif isinstance(base, dict) and isinstance(new, dict) and not _is_tagged(base, new):
        _diff_objects(base, new, plan, path, ops)
    elif isinstance(base, list) and isinstance(new, list):
        _diff_lists(base, new, plan, path, ops)
    else:
        ops.append(["set", path, new])


def _diff_objects(base: Any, new: Any, plan: Plan, path: list[str | int], ops: list[Op]) -> None:
    for key in base:
        if key not in new:
            ops += [["delete", [*path, key]]]
    for key, value in new.items():
        if key in base:
            _diff(base[key], value, plan.at(key), [*path, key], ops)
        else:
            ops.append(["set", [*path, key], value])


def _diff_lists(base: Any, new: Any, plan: Plan, path: list[str | int], ops: list[Op]) -> None:
    if plan.kind == "set":
        added = [item for item in new if not _in(item, base)]
        removed = [item for item in base if not _in(item, new)]
        if removed:
            ops.append(["remove", path, removed])
        if added:
            ops.append(["add", path, added])
    elif len(new) > len(base) and same(base, new[: len(base)]):
        ops.append(["append", path, new[len(base) :]])
    elif len(new) == len(base):
        for index, (old, item) in enumerate(zip(base, new, strict=True)):
            _diff(old, item, plan.at(index), [*path, index], ops)
    else:
        ops.append(["set", path, new])


_MISSING: Any = object()


def apply(current: Json, ops: list[Op], *, base: Json, plan: Plan = AUTO) -> Json:
    """Merge what a node changed into the state as of now.

    Args:
        current: The state as of now.
        ops: What the node changed.
        base: The state that it began with.
        plan: How the state merges.

    Returns:
        The merged state; what has not changed is shared with `current`.

    Raises:
        Conflict: A parallel branch changed the same place differently.
        ValueError: The ops are none.
    """
    for op in ops:
        if op[0] not in ("set", "delete", "append", "add", "remove") or not isinstance(op[1], list):
            raise ValueError(f"{op!r} is no change of a state.")
        path = cast("list[str | int]", op[1])
        current = _change(current, base, plan, path, 0, op)
    return current


def _change(current: Json, base: Json, plan: Plan, path: list[str | int], depth: int, op: Op) -> Json:
    if depth == len(path):
        return _merge(current, base, plan, tuple(path), op)
    key = path[depth]
    here, there = _child(current, key), _child(base, key)
    if here is _MISSING and depth < len(path) - 1:
        raise Conflict(tuple(path), there, None, op[-1])
    merged = _change(here, there, plan.at(key), path, depth + 1, op)
    if isinstance(current, dict):
        copied = dict(cast("dict[str | int, Json]", current))
        if merged is _MISSING:
            copied.pop(key, None)
        else:
            copied[key] = merged
        return copied
    if not isinstance(current, list) or here is _MISSING or not isinstance(key, int):
        raise Conflict(tuple(path), base, None if current is _MISSING else current, op[-1])
    items = list(cast("list[Json]", current))
    items[key] = merged
    return items


def _child(value: Json, key: str | int) -> Json:
    if isinstance(value, dict):
        return cast("dict[str | int, Json]", value).get(key, _MISSING)
    if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(cast("list[Json]", value)):
        return cast("list[Json]", value)[key]
    return _MISSING


def _merge(current: Json, base: Json, plan: Plan, path: Path, op: Op) -> Json:
    unchanged = current is base or (current is not _MISSING and base is not _MISSING and same(current, base))
    kind = op[0]
    if kind == "delete":
        if unchanged or current is _MISSING:
            return _MISSING
        raise Conflict(path, _shown(base), _shown(current), None)
    mine = op[2]
    if kind == "set":
        return mine if unchanged else _merge_values(current, base, plan, path, mine)
    if not isinstance(current, list):
        raise Conflict(path, _shown(base), _shown(current), mine)
    items = cast("list[Json]", current)
    if kind == "append":
        began = cast("list[Json]", base) if isinstance(base, list) else []
        if not unchanged and not same(items[: len(began)], began):
            raise Conflict(path, _shown(base), current, [*began, *mine])
        return [*items, *mine]
    if kind == "add":
        united = [*items, *(item for item in mine if not _in(item, items))]
        return sorted(united, key=lambda item: json.dumps(item, sort_keys=True))
    return [item for item in items if not _in(item, mine)]


def _merge_values(current: Json, base: Json, plan: Plan, path: Path, mine: Json) -> Json:
    if current is not _MISSING and same(current, mine):
        return current
    if plan.merge is not None:
        return plan.merge(_shown(base), _shown(current), mine)
    if base is _MISSING and isinstance(current, dict) and isinstance(mine, dict) and not _is_tagged(current, mine):
        return apply(current, diff({}, mine, plan), base={}, plan=plan)
    if base is _MISSING and isinstance(current, list) and isinstance(mine, list):
        return apply(current, diff([], mine, plan), base=[], plan=plan)
    raise Conflict(path, _shown(base), _shown(current), mine)


def _shown(value: Json) -> Json:
    return None if value is _MISSING else value


def _in(item: Json, items: Any) -> bool:
    return any(same(item, other) for other in items)


def _is_tagged(*values: Any) -> bool:
    return any("$type" in value for value in values)


def paths(ops: list[Op]) -> list[Path]:
    """The places that some changes touch."""
    return [tuple(op[1]) for op in ops]
