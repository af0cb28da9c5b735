"""The state of a graph as a JSON tree: what a node changed in it, and how the changes of parallel branches merge.

A node's changes are a list of ops. Whether two parallel ops get along depends on the two alone, not on which came
first: a conflict does not depend on who was quicker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from operator import is_
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
- `["add", path, items]` and `["remove", path, items]`, of a set,
- `["order", path, keys]`: in a dict, these keys come last now, in this order.
"""

FEW = 4
"""Lists of pairs whose keys are kept: those that were read last."""
LONG, SHORT = 1_000, 4
"""Items of a list that is compared as text; of one that is written item by item."""
KINDS = ("create", "set", "delete", "append", "add", "remove", "order")


@dataclass(eq=False)
class Plan:
    """How one place of the state merges.

    Attributes:
        kind: `auto` by its JSON type; `set`, a list without order; `pairs`, a list of keys with their values; `atomic`,
            one value; `number`, one that counts, however it is written; `custom`, by a function.
        fields: The plans of known keys, and of known indices; the order of known keys says nothing.
        each: The plan of every other key, and of every item of a list.
        tags: The plans of what is in a tagged value, `{"$type": tag, "value": ...}`, by its tag.
        merge: `(base, current, mine) -> merged`; for `number` and `auto`, of two numbers.
        choose: Finds the plan of a value by what is in it, where it is not this one.
        optional: Keys of sets that are left out while they are empty.
        is_optional: It is such a set.
    """

    kind: Literal["auto", "set", "pairs", "atomic", "number", "custom"] = "auto"
    fields: Mapping[Key, Plan] = field(default_factory=dict[Key, "Plan"])
    each: Plan | None = None
    tags: Mapping[str, Plan] = field(default_factory=dict[str, "Plan"])
    merge: Callable[[Json, Json, Json], Json] | None = None
    choose: Callable[[Json], Plan | None] | None = None
    optional: tuple[str, ...] = ()
    is_optional: bool = False

    def at(self, key: Key, inside: Json) -> Plan:
        """The plan of what is under a key or index of a value that has this plan."""
        tag = tag_of(inside)
        if tag is not None:
            return self.tags.get(tag, AUTO)
        if self.choose is not None:
            chosen = self.choose(inside)
            if chosen is not None:
                return chosen.at(key, inside)
        if key in self.fields:
            return self.fields[key]
        return self.each or AUTO

    def of(self, value: Json) -> Plan:
        """The plan that a value has, of those that this one chooses from."""
        chosen = None if self.choose is None else self.choose(value)
        return self if chosen is None else chosen.of(value)

    def counts(self, value: Json) -> bool:
        """Whether a value is a number: two branches that make the same of it have both changed it."""
        if self.kind == "number":
            return value is not None and value is not _MISSING
        return self.kind == "auto" and type(value) in (int, float)

    def rule(self, one: Json, other: Json) -> Callable[[Json, Json, Json], Json] | None:
        """How two values of this place merge, if anything says so."""
        return self.merge if self.kind == "custom" or (self.counts(one) and self.counts(other)) else None


AUTO = Plan()
_MISSING: Any = object()


class Conflict(Exception):
    """Two parallel branches changed one place differently.

    Attributes:
        path: The place.
        writer: Who else changed it.
        base: What it was when the later one began.
        current: What the other made of it.
        mine: What the later one made of it.
        is_number: It is a number, and both made the same of it.
    """

    def __init__(
        self, path: Path, writer: str, base: Json, current: Json, mine: Json, *, is_number: bool = False
    ) -> None:
        super().__init__(path)
        self.path = path
        self.writer = writer
        self.base = base
        self.current = current
        self.mine = mine
        self.is_number = is_number


def same(one: Json, other: Json) -> bool:
    """Whether two JSON trees are the same: `1`, `1.0` and `true` are not, nor `0.0` and `-0.0`, nor other orders."""
    if one is other:
        return True
    kind = cast("type[Any]", type(one))
    if kind is not type(other):
        return False
    if kind is dict:
        if list(one) != list(other):
            return False
        for key, value in one.items():
            another = other[key]
            if value is not another and not same(value, another):
                return False
        return True
    if kind is list:
        # What is shared is compared first: a list that has grown is compared with itself for each item that came.
        if len(one) != len(other) or all(map(is_, one, other)):
            return len(one) == len(other)
        if len(one) > LONG:  # their texts differ wherever they do, and are made much faster than each item is looked at
            return bool(one == other) and _write(one) == _write(other)
        return all(map(same, one, other))
    return bool(one == other) and (kind is not float or one != 0 or repr(one) == repr(other))


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
        if plan.of(base) is not plan.of(new):
            ops.append(["set", path, new])
        else:
            members, others = cast("dict[str, Json]", base), cast("dict[str, Json]", new)
            _diff_members(members, others, base, plan.of(base), path, ops)
    elif not isinstance(base, list):
        ops.append(["set", path, new])
    elif plan.kind == "set":
        _diff_sets(cast("list[Json]", base), cast("list[Json]", new), path, ops)
    elif plan.kind == "pairs" and _is_pairs(base) and _is_pairs(new):
        old, members = cast("list[Json]", base), cast("list[Json]", new)
        if len(members) > len(old) and all(map(is_, old, members)):  # seen at once, and their keys need not be read
            ops.extend(["create", [*path, text_of(key)], value] for key, value in members[len(old) :])
            return
        _diff_members(_by_key(base), _by_key(new), base, plan, path, ops)
    else:
        _diff_lists(cast("list[Json]", base), cast("list[Json]", new), plan, path, ops)


def _diff_members(
    base: Mapping[str, Json], new: Mapping[str, Json], whole: Json, plan: Plan, path: list[Key], ops: list[Op]
) -> None:
    for key in plan.optional:
        if (key in base) != (key in new):
            base, new = {key: [], **base}, {key: [], **new}
    ops.extend(["delete", [*path, key]] for key in base if key not in new)
    for key, value in new.items():
        if key not in base:
            ops.append(["create", [*path, key], value])
        elif base[key] is not value:
            _diff(base[key], value, plan.at(key, whole), [*path, key], ops)
    moved = _moved(base, new, plan.fields)
    if moved:
        ops.append(["order", path, moved])


def _moved(base: Mapping[str, Json], new: Mapping[str, Json], known: Container[Key]) -> list[str]:
    """The keys that must come last for a dict to have its new order, once keys are deleted, and created at its end."""
    wanted = [key for key in new if key not in known]
    there = [key for key in base if key in new and key not in known]
    there += [key for key in wanted if key not in base]
    if wanted == there:
        return []
    places = {key: place for place, key in enumerate(there)}
    kept = 1
    while places[wanted[kept - 1]] < places[wanted[kept]]:
        kept += 1
    return wanted[kept:]


def _diff_sets(base: list[Json], new: list[Json], path: list[Key], ops: list[Op]) -> None:
    if set(map(type, base)) == set(map(type, new)) == {str}:
        before, after = {item: item for item in base}, {item: item for item in new}
    else:
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
            if old is not item:
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


class _Place:
    """A place of the state, with what was written there and inside of it."""

    __slots__ = ("inside", "latest", "written")

    def __init__(self) -> None:
        self.written: dict[str, _Written] = {}
        self.inside: dict[Key, _Place] = {}
        self.latest = 0

    def since(self, kinds: Iterable[str], number: int) -> list[_Written]:
        """What was written here after a number."""
        return [found for kind in kinds if (found := self.written.get(kind)) is not None and found.number > number]

    def below(self, number: int) -> _Written | None:
        """Something that was written inside after a number."""
        for place in self.inside.values():
            if place.latest > number:
                return next(iter(place.since(KINDS, number)), None) or place.below(number)
        return None


class Writes:
    """What was written to the state, for as long as somebody works on an older one.

    Attributes:
        number: How often something was written.
        tells_numbers: Whether two branches that make the same of a number are a conflict. It is asked only where there
            are two.
    """

    def __init__(self, tells_numbers: Callable[[], bool] = lambda: True) -> None:
        self.number = 0
        self.tells_numbers = tells_numbers
        self._root = _Place()
        self._read: list[tuple[Json, dict[str, list[Json]]]] = []

    def pairs(self, items: Any) -> dict[str, list[Json]] | None:
        """The pairs of a list by their keys, which nobody changes; None where it is no list of pairs."""
        for known, found in self._read:
            if known is items:
                return found
        if not isinstance(items, list) or not _is_pairs(items):
            return None
        found = _pairs(items)
        self.keep(items, found)
        return found

    def keep(self, items: Any, found: dict[str, list[Json]]) -> None:
        """Keep the pairs of a list: to read tens of thousands takes longer than what a node does to them."""
        self._read = [(items, found), *((known, it) for known, it in self._read if known is not items)][:FEW]

    def note(self, writer: str, ops: Iterable[Op]) -> None:
        """Note what was written."""
        self.number += 1
        for op in ops:
            if op[0] == "order":  # which gets along with everything
                continue
            place = self._root
            place.latest = self.number
            for key in cast("list[Key]", op[1]):
                place = place.inside.setdefault(key, _Place())
                place.latest = self.number
            place.written[op[0]] = _Written(self.number, writer, op)

    def forget(self) -> None:
        """Nobody works on an older state any more."""
        self._root = _Place()

    def rival(self, op: Op, since: int, plan: Plan) -> tuple[_Written | None, bool]:
        """Look for a write that an op does not get along with.

        Args:
            op: The op.
            since: How much was written when its writer began; only what came after is parallel to it.
            plan: The plan of its place.

        Returns:
            The write, if there is one; and whether there were any at the place itself.
        """
        place = self._root
        for key in op[1]:
            if place.latest <= since:
                return None, False
            above = place.since(("set", "delete"), since)
            if above:
                return above[0], False
            inside = place.inside.get(key)
            if inside is None:
                return None, False
            place = inside
        there = place.since(KINDS, since)
        if plan.kind != "custom":
            for found in there:
                if not _get_along(op, found.op, plan, self.tells_numbers):
                    return found, True
        return place.below(since) if op[0] in ("set", "delete") else None, bool(there)


def _get_along(one: Op, other: Op, plan: Plan, tells_numbers: Callable[[], bool]) -> bool:
    """Whether two ops of parallel branches at one place can both be; it does not matter which is which."""
    kinds = {one[0], other[0]}
    if kinds <= {"set", "create"} and plan.rule(one[2], other[2]) is not None:
        return True
    if kinds == {"set"}:
        return same(one[2], other[2]) and not (_has_number(one[2], plan) and tells_numbers())
    return kinds <= {"add", "remove"} or kinds in ({"create"}, {"delete"}, {"append"})


def _has_number(value: Json, plan: Plan) -> bool:
    """Whether there is a number in a value for which nothing says how it merges."""
    if isinstance(value, dict) and plan.kind not in ("atomic", "custom"):
        members = cast("dict[str, Json]", value)
        return any(_has_number(item, plan.at(key, value)) for key, item in members.items())
    return plan.counts(value) and plan.merge is None


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
    before = current if base is _MISSING else base
    root = _Opened([current], [before], (None, None), Plan(each=plan), writes)
    for op in ops:
        if op[0] not in KINDS or not isinstance(op[1], list):
            raise ValueError(f"{op!r} is no change of a state.")
        path: list[Key] = [0, *cast("list[Key]", op[1])]
        if op[0] == "order" and not root.has(path):
            continue
        place = root.plan_at(path)
        rival, is_contested = (None, False) if op[0] == "order" else writes.rival(op, since, place)
        if rival is not None:
            root.write()
            mine = None if op[0] == "delete" else op[2]
            was, now = _shown(_find([before], root.plan, path)), _shown(_find(root.container, root.plan, path))
            equal = op[0] == rival.op[0] == "set" and rival.op[1] == op[1] and same(rival.op[2], mine)
            raise Conflict(tuple(path[1:]), rival.writer, was, now, mine, is_number=equal)
        around, key = root.around(path), path[-1]
        around.close(key)
        change = _Change(op, place, around.was(key), is_contested, writes.tells_numbers)
        around.put(key, _changed(around.there(key), change))
    root.write()
    return root.container[0]


@dataclass(frozen=True, slots=True)
class _Change:
    op: Op
    plan: Plan
    base: Json
    is_contested: bool
    tells_numbers: Callable[[], bool]


class _Opened:
    """A container of a state that is changed: it is copied, and a list of pairs read, once for all changes of a node.

    A change of many entries would else cost the square of their number.

    Args:
        container: What it is now, which may be changed in place.
        base: What it was when the node began.
        pairs: The pairs of the two, if they are such; of the first, which may be changed.
        plan: How it merges.
        writes: What knows the pairs of what has been read before.
    """

    __slots__ = ("_base", "_base_pairs", "_inside", "_is_unwritten", "_pairs", "_writes", "container", "plan")

    def __init__(
        self,
        container: Any,
        base: Json,
        pairs: tuple[dict[str, list[Json]] | None, dict[str, list[Json]] | None],
        plan: Plan,
        writes: Writes,
    ) -> None:
        self.container = container
        self.plan = plan
        self._base = base
        self._inside: dict[Key, _Opened] = {}
        self._pairs, self._base_pairs = pairs
        self._writes = writes
        self._is_unwritten = False

    def plan_at(self, path: list[Key]) -> Plan:
        """The plan of a place, which may not be there."""
        opened, depth = self, 0
        while depth < len(path) - 1 and path[depth] in opened._inside:
            opened = opened._inside[path[depth]]
            depth += 1
        plan, value = opened.plan.at(path[depth], opened.container), opened.there(path[depth])
        for key in path[depth + 1 :]:
            plan, value = plan.at(key, value), _child(value, plan, key)
        return plan

    def around(self, path: list[Key]) -> _Opened:
        """What is around a place.

        Raises:
            ValueError: There is no such place, or what is around it is of another class than it was.
        """
        opened = self
        for key in path[:-1]:
            inside = opened._inside.get(key)
            opened = opened._open(key) if inside is None else inside
            if opened is None:
                raise ValueError(f"The state has no place {path[1:]!r}.")
            if tag_of(opened._base) != tag_of(opened.container):
                raise ValueError(f"The state has no place {path[1:]!r} any more.")
        key = path[-1]
        if opened._pairs is None and not isinstance(opened.container, dict) and not _has_index(opened.container, key):
            raise ValueError(f"The state has no place {path[1:]!r}.")
        return opened

    def has(self, path: list[Key]) -> bool:
        """Whether there is such a place."""
        try:
            return self.around(path).there(path[-1]) is not _MISSING
        except ValueError:
            return False

    def _open(self, key: Key) -> _Opened | None:
        here: Any = self.there(key)
        if not isinstance(here, dict | list):
            return None
        base = self.was(key)
        plan, writes = self.plan.at(key, self.container), self._writes
        now = writes.pairs(here) if plan.kind == "pairs" else None
        pairs = (None, None) if now is None else (now.copy(), writes.pairs(base))
        inside = _Opened(cast("Any", here).copy(), base, pairs, plan, writes)
        self._inside[key] = inside
        self.put(key, inside.container)
        return inside

    def there(self, key: Key) -> Json:
        """What is there now."""
        return _of(self.container, self._pairs, key)

    def was(self, key: Key) -> Json:
        """What was there when the node began."""
        return _of(self._base, self._base_pairs, key)

    def put(self, key: Key, value: Json) -> None:
        """Let something else be there."""
        if self._pairs is not None:
            known = self._pairs.get(str(key))
            name = known[0] if known else json.loads(str(key))
            _put(self._pairs, str(key), _MISSING if value is _MISSING else [name, value])
            self._is_unwritten = True
        elif isinstance(self.container, dict):
            _put(cast("dict[Key, Json]", self.container), key, value)
        else:
            self.container[key] = value

    def close(self, key: Key) -> None:
        """Let a place be changed as a whole."""
        inside = self._inside.pop(key, None)
        if inside is not None:
            inside.write()

    def write(self) -> None:
        """Let the lists of pairs be what they have become."""
        for inside in self._inside.values():
            inside.write()
        if self._is_unwritten and self._pairs is not None:
            self.container[:] = self._pairs.values()
            self._writes.keep(self.container, self._pairs)
            self._is_unwritten = False


def _of(container: Json, pairs: Mapping[str, Json] | None, key: Key) -> Json:
    if pairs is None:
        return _child(container, AUTO, key)
    pair = pairs.get(key) if isinstance(key, str) else None
    return _MISSING if pair is None else pair[1]


def _has_index(container: Any, key: Key) -> bool:
    return isinstance(container, list) and isinstance(key, int) and 0 <= key < len(cast("list[Json]", container))


def _pairs(items: Any) -> dict[str, list[Json]]:
    return {text_of(pair[0]): pair for pair in items}


def _pairs_of(value: Json) -> dict[str, list[Json]]:
    """The pairs of what may be none."""
    return _pairs(value) if isinstance(value, list) and _is_pairs(value) else {}


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
        rule = change.plan.rule(current, mine)
        if rule is not None:
            return rule(_began(change.base, change.plan), current, mine)
        if kind == "create":
            return _unite(current, mine, change.plan, change.op[1], change.tells_numbers)
        return _twice(current, mine, change.plan)
    if kind == "order":
        return _ordered(current, change.plan, mine)
    if current is _MISSING and change.plan.is_optional:
        current = []
    if not isinstance(current, list):
        raise ValueError(f"The state has no list at {change.op[1]!r}.")
    items = cast("list[Json]", current)
    if kind == "append":
        return [*items, *mine]
    known = _keys(items)
    if kind == "add":
        return _sorted({**known, **_keys(mine)})
    gone = _keys(mine)
    left = [item for key, item in known.items() if key not in gone]
    return left if left or not change.plan.is_optional else _MISSING


def _began(base: Json, plan: Plan) -> Json:
    """What a rule is told that a place was."""
    return _shown(base) if plan.kind == "custom" or plan.counts(base) else None


def _twice(current: Json, mine: Json, plan: Plan) -> Json:
    """What two branches have both set to the same: its numbers count twice, where a rule says so."""
    if isinstance(mine, dict) and isinstance(current, dict) and plan.kind not in ("atomic", "custom"):
        members, there = cast("dict[str, Json]", mine), cast("dict[str, Json]", current)
        return {key: _twice(there.get(key), item, plan.at(key, mine)) for key, item in members.items()}
    rule = plan.rule(current, mine)
    return cast("Json", mine) if rule is None else rule(None, current, mine)


def _ordered(current: Json, plan: Plan, last: list[str]) -> Json:
    """A dict in which some keys come last."""
    if isinstance(current, dict):
        return _last(cast("dict[str, Json]", current), last)
    if plan.kind == "pairs" and isinstance(current, list) and _is_pairs(current):
        return [[json.loads(name), value] for name, value in _last(_by_key(current), last).items()]
    return cast("Json", current)


def _last(members: dict[str, Json], last: list[str]) -> dict[str, Json]:
    moved = {key: members[key] for key in last if key in members}
    return {**{key: item for key, item in members.items() if key not in moved}, **moved}


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
    rule = plan.rule(current, mine)
    if rule is not None:
        if same(base, mine):
            return current
        try:
            return rule(_began(base, plan), current, mine)
        except Exception:  # it cannot take what the person has set: the node does not fail for that
            return mine
    if plan.kind == "atomic" or not _is_alike(current, mine):
        return mine
    if not _is_alike(base, mine):
        base = _MISSING
    is_pairs = isinstance(mine, list) and plan.kind == "pairs" and _is_pairs(mine)
    # Read once: for each of their keys anew it would take the square of their number.
    was, now = (_pairs_of(base), _pairs_of(current)) if is_pairs else (None, None)

    def inside(key: Key, item: Json) -> Json:
        return over_edit(_of(base, was, key), _of(current, now, key), item, plan.at(key, mine))

    if isinstance(mine, dict):
        return {key: inside(key, item) for key, item in cast("dict[str, Json]", mine).items()}
    if isinstance(mine, list) and plan.kind != "set":
        items = cast("list[Json]", mine)
        if is_pairs:
            return [[key, inside(text_of(key), item)] for key, item in items]
        if base is not _MISSING and len(base) == len(items):  # else nobody can tell which item is which
            return [inside(index, item) for index, item in enumerate(items)]
    return cast("Json", mine)


def _unite(current: Json, mine: Json, plan: Plan, path: list[Key], tells_numbers: Callable[[], bool]) -> Json:
    """Merge what two branches have created at one place."""
    rule = plan.rule(current, mine)
    if rule is not None:
        return rule(None, current, mine)
    if plan.kind != "atomic" and _is_alike(current, mine):
        if isinstance(current, dict):
            members, others = cast("dict[str, Json]", current), cast("dict[str, Json]", mine)
            return _unite_members(members, others, current, plan, path, tells_numbers)
        if isinstance(current, list):
            items, more = cast("list[Json]", current), cast("list[Json]", mine)
            if plan.kind == "set":
                return _sorted({**_keys(items), **_keys(more)})
            if plan.kind == "pairs" and _is_pairs(items) and _is_pairs(more):
                united = _unite_members(_by_key(items), _by_key(more), current, plan, path, tells_numbers)
                return [[json.loads(name), value] for name, value in united.items()]
            return [*items, *more]
    is_equal = same(current, mine)
    if is_equal and not (plan.counts(mine) and tells_numbers()):
        return current
    raise Conflict(tuple(path), "", None, current, mine, is_number=is_equal)


def _unite_members(
    current: Mapping[str, Json],
    mine: Mapping[str, Json],
    whole: Json,
    plan: Plan,
    path: list[Key],
    tells_numbers: Callable[[], bool],
) -> dict[str, Json]:
    united = dict(current)
    for key, value in mine.items():
        there = united.get(key, _MISSING)
        if there is not _MISSING:
            value = _unite(there, value, plan.at(key, whole), [*path, key], tells_numbers)
        united[key] = value
    return united


# -- Places -----------------------------------------------------------------------------------------------------------


def _find(value: Json, plan: Plan, path: list[Key]) -> Json:
    for key in path:
        plan, value = plan.at(key, value), _child(value, plan, key)
    return value


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
    # Without a look at each by itself: there may be tens of thousands, and this is asked for each change of them.
    return set(map(type, items)) <= {list} and set(map(len, items)) <= {2}


def _by_key(pairs: Any) -> dict[str, Json]:
    return {text_of(key): value for key, value in pairs}


def _keys(items: list[Json]) -> dict[str, Json]:
    if set(map(type, items)) == {str}:
        return dict(zip(map(encode_basestring_ascii, items), items, strict=True))
    return {text_of(item): item for item in items}


def _sorted(items: Mapping[str, Json]) -> list[Json]:
    return [items[key] for key in sorted(items)]


def text_of(value: Json) -> str:
    """A value as JSON text, by which the items of a set and the keys of a dict are ordered and known."""
    kind = cast("type[Any]", type(value))
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int:
        return repr(value)
    if kind is list and len(value) <= SHORT:  # thousands of short ones are written faster so
        return f"[{', '.join(map(text_of, value))}]"
    return _ENCODE(value)


_ENCODE = json.JSONEncoder(sort_keys=True).encode
_write = json.JSONEncoder().encode


def _shown(value: Json) -> Json:
    return None if value is _MISSING else value
