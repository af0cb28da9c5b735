"""The state of a graph as a JSON tree: what a node changed in it, and how the changes of parallel branches merge.

A node's changes are a list of ops. Whether two parallel ops get along depends on the two alone, not on which came
first: a conflict does not depend on who was quicker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

Json: TypeAlias = Any
"""A JSON tree, never changed in place."""
Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]
Op: TypeAlias = list[Any]
"""One change, at a path:

- `["create", path, value]`: there was nothing, and now there is this,
- `["set", path, value]`: there was something else,
- `["delete", path]`,
- `["append", path, items]`: a list has grown at its end,
- `["add", path, items]` and `["remove", path, items]`, of a set.
"""

KINDS = ("create", "set", "delete", "append", "add", "remove")


@dataclass(eq=False)
class Plan:
    """How one place of the state merges.

    Attributes:
        kind: `auto` by its JSON type; `set`, a list without order; `pairs`, a list of keys with their values; `atomic`,
            one value; `custom`, by a function.
        fields: The plans of known keys.
        each: The plan of every other key, and of every item of a list.
        tags: The plans of what is in a tagged value, `{"$type": tag, "value": ...}`, by its tag.
        merge: For `custom`: `(base, current, mine) -> merged`.
    """

    kind: Literal["auto", "set", "pairs", "atomic", "custom"] = "auto"
    fields: Mapping[str, Plan] = field(default_factory=dict[str, "Plan"])
    each: Plan | None = None
    tags: Mapping[str, Plan] = field(default_factory=dict[str, "Plan"])
    merge: Callable[[Json, Json, Json], Json] | None = None

    def at(self, key: Key, inside: Json) -> Plan:
        """The plan of what is under a key or index of a value that has this plan."""
        tag = tag_of(inside)
        if tag is not None:
            return self.tags.get(tag, AUTO)
        if isinstance(key, str) and key in self.fields:
            return self.fields[key]
        return self.each or AUTO


AUTO = Plan()


class Conflict(Exception):
    """Two parallel branches changed one place differently.

    Attributes:
        path: The place.
        writer: Who else changed it.
        base: What it was when the later one began.
        current: What the other made of it.
        mine: What the later one made of it.
    """

    def __init__(self, path: Path, writer: str, base: Json, current: Json, mine: Json) -> None:
        super().__init__(path)
        self.path = path
        self.writer = writer
        self.base = base
        self.current = current
        self.mine = mine


def same(one: Json, other: Json) -> bool:
    """Whether two JSON trees are equal, and `1`, `1.0` and `true` are not."""
    if one is other:
        return True
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


def tag_of(value: Json) -> str | None:
    """The tag of a tagged value."""
    if isinstance(value, dict) and len(cast("dict[str, Json]", value)) == 2:
        tag = cast("dict[str, Json]", value).get("$type")
        if isinstance(tag, str) and "value" in value:
            return tag
    return None


def _is_alike(one: Json, other: Json) -> bool:
    """Whether two values are of one JSON type, and of one class."""
    return type(one) is type(other) and tag_of(one) == tag_of(other)


# -- What has changed -------------------------------------------------------------------------------------------------


def diff(base: Json, new: Json, plan: Plan = AUTO) -> list[Op]:
    """What has changed between two states; nothing where they are the same."""
    ops: list[Op] = []
    _diff(base, new, plan, [], ops)
    return ops


def _diff(base: Json, new: Json, plan: Plan, path: list[Key], ops: list[Op]) -> None:
    if same(base, new):
        return
    if plan.kind in ("atomic", "custom") or not _is_alike(base, new):
        ops.append(["set", path, new])
    elif isinstance(base, dict):
        _diff_members(cast("dict[str, Json]", base), cast("dict[str, Json]", new), base, plan, path, ops)
    elif not isinstance(base, list):
        ops.append(["set", path, new])
    elif plan.kind == "set":
        _diff_sets(cast("list[Json]", base), cast("list[Json]", new), path, ops)
    elif plan.kind == "pairs" and _is_pairs(base) and _is_pairs(new):
        _diff_members(_by_key(base), _by_key(new), base, plan, path, ops)
    else:
        _diff_lists(cast("list[Json]", base), cast("list[Json]", new), plan, path, ops)


def _diff_members(
    base: Mapping[str, Json], new: Mapping[str, Json], whole: Json, plan: Plan, path: list[Key], ops: list[Op]
) -> None:
    ops.extend(["delete", [*path, key]] for key in base if key not in new)
    for key, value in new.items():
        if key in base:
            _diff(base[key], value, plan.at(key, whole), [*path, key], ops)
        else:
            ops.append(["create", [*path, key], value])


def _diff_sets(base: list[Json], new: list[Json], path: list[Key], ops: list[Op]) -> None:
    before, after = _keys(base), _keys(new)
    removed = [item for key, item in before.items() if key not in after]
    added = [item for key, item in after.items() if key not in before]
    if removed:
        ops.append(["remove", path, removed])
    if added:
        ops.append(["add", path, added])


def _diff_lists(base: list[Json], new: list[Json], plan: Plan, path: list[Key], ops: list[Op]) -> None:
    if len(new) == len(base):
        for index, (old, item) in enumerate(zip(base, new, strict=True)):
            _diff(old, item, plan.at(index, base), [*path, index], ops)
    elif len(new) > len(base) and same(base, new[: len(base)]):
        ops.append(["append", path, new[len(base) :]])
    else:
        ops.append(["set", path, new])


# -- Merging ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Written:
    """The last op of its kind at a place, and whose it is."""

    number: int
    writer: str
    op: Op


class Writes:
    """What was written to the state, for as long as somebody works on an older one."""

    def __init__(self) -> None:
        self.number = 0
        self._at: dict[Path, dict[str, _Written]] = {}

    def note(self, writer: str, ops: Iterable[Op]) -> None:
        """Note what was written."""
        self.number += 1
        for op in ops:
            self._at.setdefault(tuple(op[1]), {})[op[0]] = _Written(self.number, writer, op)

    def forget(self) -> None:
        """Nobody works on an older state any more."""
        self._at.clear()

    def rival(self, op: Op, since: int, plan: Plan) -> tuple[_Written | None, bool]:
        """Look for a write that an op does not get along with.

        Args:
            op: The op.
            since: How much was written when its writer began; only what came after is parallel to it.
            plan: The plan of its place.

        Returns:
            The write, if there is one; and whether there were any at the place itself.
        """
        path: Path = tuple(op[1])
        for length in range(len(path)):
            for kind in ("set", "delete"):
                above = self._since(path[:length], kind, since)
                if above is not None:
                    return above, False
        there = [found for kind in KINDS if (found := self._since(path, kind, since)) is not None]
        if plan.kind != "custom":
            for found in there:
                if not _get_along(op, found.op):
                    return found, True
        if op[0] in ("set", "delete") and self._at:
            for place, writes in self._at.items():
                if len(place) > len(path) and place[: len(path)] == path:
                    below = [found for found in writes.values() if found.number > since]
                    if below:
                        return below[0], bool(there)
        return None, bool(there)

    def _since(self, path: Path, kind: str, since: int) -> _Written | None:
        found = self._at.get(path, {}).get(kind)
        return found if found is not None and found.number > since else None


def _get_along(one: Op, other: Op) -> bool:
    """Whether two ops of parallel branches at one place can both be; it does not matter which is which."""
    kinds = {one[0], other[0]}
    if kinds == {"set"}:
        return same(one[2], other[2])
    return kinds <= {"add", "remove"} or kinds in ({"create"}, {"delete"}, {"append"})


_MISSING: Any = object()


def apply(
    current: Json, ops: list[Op], plan: Plan = AUTO, *, base: Json = _MISSING, since: int = 0, writes: Writes
) -> Json:
    """Merge what a node changed into the state as of now.

    Args:
        current: The state as of now.
        ops: What the node changed.
        plan: How the state merges.
        base: The state that it began with; without one, `current`. What has become another since then, and is not in
            `writes`, a person has edited.
        since: `writes.number` when it began.
        writes: What other nodes have written.

    Returns:
        The merged state; what has not changed is shared with `current`.

    Raises:
        Conflict: A parallel branch changed the same place differently.
        ValueError: The ops are none, or a person has removed the places that they change.
    """
    if base is _MISSING:
        base = current
    for op in ops:
        if op[0] not in KINDS or not isinstance(op[1], list):
            raise ValueError(f"{op!r} is no change of a state.")
        path = cast("list[Key]", op[1])
        place = _plan_at(current, plan, path)
        rival, is_contested = writes.rival(op, since, place)
        if rival is not None:
            mine = None if op[0] == "delete" else op[2]
            raise Conflict(
                tuple(path), rival.writer, _shown(_find(base, plan, path)), _shown(_find(current, plan, path)), mine
            )
        if not _is_still_there(base, current, plan, path):
            raise ValueError(f"The state has no place {path!r} any more.")
        change = _Change(op, place, _find(base, plan, path), is_contested)
        current = _change(current, plan, path, 0, change)
    return current


@dataclass(frozen=True, slots=True)
class _Change:
    op: Op
    plan: Plan
    base: Json
    is_contested: bool


def _change(current: Json, plan: Plan, path: list[Key], depth: int, change: _Change) -> Json:
    if depth == len(path):
        return _changed(current, change)
    key = path[depth]
    here = _child(current, plan, key)
    merged = _change(here, plan.at(key, current), path, depth + 1, change)
    if isinstance(current, dict):
        members = dict(cast("dict[Key, Json]", current))
        _put(members, key, merged)
        return members
    if isinstance(current, list) and isinstance(key, str) and plan.kind == "pairs":
        pairs = _by_key(cast("list[Json]", current))
        _put(pairs, key, merged)
        return [[json.loads(name), value] for name, value in pairs.items()]
    if not isinstance(current, list) or not isinstance(key, int) or here is _MISSING:
        raise ValueError(f"The state has no place {path!r}.")
    items = list(cast("list[Json]", current))
    items[key] = merged
    return items


def _put(members: dict[Any, Json], key: Key, value: Json) -> None:
    if value is _MISSING:
        members.pop(key, None)
    else:
        members[key] = value


def _changed(current: Json, change: _Change) -> Json:
    kind = change.op[0]
    if kind == "delete":
        return _MISSING
    mine: Json = change.op[2]
    if kind in ("set", "create"):
        if not change.is_contested:
            return over_edit(change.base, current, mine, change.plan)
        if current is _MISSING:
            return mine
        if change.plan.merge is not None:
            return change.plan.merge(_shown(change.base), current, mine)
        return mine if kind == "set" else _unite(current, mine, change.plan, change.op[1])
    if not isinstance(current, list):
        raise ValueError(f"The state has no list at {change.op[1]!r}.")
    items = cast("list[Json]", current)
    if kind == "append":
        return [*items, *mine]
    known = _keys(items)
    if kind == "add":
        return _sorted({**known, **_keys(mine)})
    gone = _keys(mine)
    return [item for key, item in known.items() if key not in gone]


def over_edit(base: Json, current: Json, mine: Json, plan: Plan) -> Json:
    """Merge what a node made of a place with what a person made of it: the node's value, but what has a rule merges.

    Args:
        base: What was there when the node began.
        current: What is there now.
        mine: What the node made of it.
        plan: How the place merges.
    """
    if current is _MISSING or same(base, current):
        return mine
    if plan.merge is not None:
        if same(base, mine):
            return current
        try:
            return plan.merge(_shown(base), current, mine)
        except Exception:  # it cannot take what the person has set: the node does not fail for that
            return mine
    if plan.kind == "atomic" or not _is_alike(current, mine):
        return mine
    if not _is_alike(base, mine):
        base = _MISSING

    def inside(key: Key, item: Json) -> Json:
        return over_edit(_child(base, plan, key), _child(current, plan, key), item, plan.at(key, mine))

    if isinstance(mine, dict):
        return {key: inside(key, item) for key, item in cast("dict[str, Json]", mine).items()}
    if isinstance(mine, list) and plan.kind != "set":
        items = cast("list[Json]", mine)
        if plan.kind == "pairs" and _is_pairs(items):
            return [[key, inside(_text(key), item)] for key, item in items]
        if base is not _MISSING and len(base) == len(items):  # else nobody can tell which item is which
            return [inside(index, item) for index, item in enumerate(items)]
    return cast("Json", mine)


def _unite(current: Json, mine: Json, plan: Plan, path: list[Key]) -> Json:
    """Merge what two branches have created at one place."""
    if plan.merge is not None:
        return plan.merge(None, current, mine)
    if plan.kind != "atomic" and _is_alike(current, mine):
        if isinstance(current, dict):
            members, others = cast("dict[str, Json]", current), cast("dict[str, Json]", mine)
            return _unite_members(members, others, current, plan, path)
        if isinstance(current, list):
            items, more = cast("list[Json]", current), cast("list[Json]", mine)
            if plan.kind == "set":
                return _sorted({**_keys(items), **_keys(more)})
            if plan.kind == "pairs" and _is_pairs(items) and _is_pairs(more):
                united = _unite_members(_by_key(items), _by_key(more), current, plan, path)
                return [[json.loads(name), value] for name, value in united.items()]
            return [*items, *more]
    if same(current, mine):
        return current
    raise Conflict(tuple(path), "", None, current, mine)


def _unite_members(
    current: Mapping[str, Json], mine: Mapping[str, Json], whole: Json, plan: Plan, path: list[Key]
) -> dict[str, Json]:
    united = dict(current)
    for key, value in mine.items():
        there = united.get(key, _MISSING)
        united[key] = value if there is _MISSING else _unite(there, value, plan.at(key, whole), [*path, key])
    return united


# -- Places -----------------------------------------------------------------------------------------------------------


def _plan_at(value: Json, plan: Plan, path: list[Key]) -> Plan:
    for key in path:
        plan, value = plan.at(key, value), _child(value, plan, key)
    return plan


def _find(value: Json, plan: Plan, path: list[Key]) -> Json:
    for key in path:
        plan, value = plan.at(key, value), _child(value, plan, key)
    return value


def _is_still_there(base: Json, current: Json, plan: Plan, path: list[Key]) -> bool:
    """Whether what is around a place is of the classes that it was of."""
    for key in path:
        if tag_of(base) != tag_of(current):
            return False
        base, current, plan = _child(base, plan, key), _child(current, plan, key), plan.at(key, current)
    return True


def _child(value: Json, plan: Plan, key: Key) -> Json:
    if isinstance(value, dict):
        return cast("dict[Key, Json]", value).get(key, _MISSING)
    if isinstance(value, list):
        items = cast("list[Json]", value)
        if isinstance(key, str):
            return _by_key(items).get(key, _MISSING) if plan.kind == "pairs" and _is_pairs(items) else _MISSING
        return items[key] if 0 <= key < len(items) else _MISSING
    return _MISSING


def _is_pairs(items: Any) -> bool:
    return all(isinstance(item, list) and len(cast("list[Json]", item)) == 2 for item in items)


def _by_key(pairs: Any) -> dict[str, Json]:
    return {_text(key): value for key, value in pairs}


def _keys(items: list[Json]) -> dict[str, Json]:
    return {_text(item): item for item in items}


def _sorted(items: Mapping[str, Json]) -> list[Json]:
    return [items[key] for key in sorted(items)]


def _text(value: Json) -> str:
    # As the codec orders the items of a set.
    return json.dumps(value, sort_keys=True)


def _shown(value: Json) -> Json:
    return None if value is _MISSING else value
