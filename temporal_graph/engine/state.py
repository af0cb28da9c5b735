"""The state of a graph as a JSON tree: what a node changed in it, and how the changes of parallel branches merge.

A node's changes are a list of ops. Whether two parallel ops get along depends on the two alone, not on which came
first: a conflict does not depend on who was quicker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from json.encoder import encode_basestring_ascii
from operator import is_
from typing import Any, cast

from .agreeing import agree, began, default_at, from_nothing, is_by_place, met
from .trees import (
    AUTO,
    MISSING,
    Json,
    Key,
    Op,
    Path,
    Plan,
    by_key,
    child_of,
    is_alike,
    is_pairs,
    same,
    tag_of,
    text_of,
)

FEW = 4
"""Lists of pairs whose keys are kept: those that were read last."""
KINDS = ("create", "set", "delete", "append", "add", "remove", "order")


class Conflict(Exception):
    """Two parallel branches changed one place differently.

    Attributes:
        path: The place.
        writer: Who else changed it.
        base: What it was when the later one began.
        current: What the other made of it.
        mine: What the later one made of it.
        is_number: It is a number, or has one in it, and both made the same of it.
        is_whole: It is no number itself.
    """

    def __init__(
        self,
        path: Path,
        writer: str,
        base: Json,
        current: Json,
        mine: Json,
        *,
        is_number: bool = False,
        is_whole: bool = False,
    ) -> None:
        super().__init__(path)
        self.path = path
        self.writer = writer
        self.base = base
        self.current = current
        self.mine = mine
        self.is_number = is_number
        self.is_whole = is_whole


# -- What has changed -------------------------------------------------------------------------------------------------


def diff(base: Json, new: Json, plan: Plan = AUTO) -> list[Op]:
    """What has changed between two states; nothing where they are the same."""
    ops: list[Op] = []
    _diff(base, new, plan, [], ops)
    return ops


def _diff(base: Json, new: Json, plan: Plan, path: list[Key], ops: list[Op]) -> None:
    if same(base, new):
        return
    if plan.kind in ("atomic", "number", "custom") or not is_alike(base, new):
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
    elif plan.kind == "pairs" and is_pairs(base) and is_pairs(new):
        old, members = cast("list[Json]", base), cast("list[Json]", new)
        if len(members) > len(old) and all(map(is_, old, members)):  # seen at once, and their keys need not be read
            ops.extend(["create", [*path, text_of(key)], value] for key, value in members[len(old) :])
            return
        _diff_members(by_key(base), by_key(new), base, plan, path, ops)
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
        are_as_told: Whether the changes that were merged last have become those of the state, just as they are.
    """

    def __init__(self, tells_numbers: Callable[[], bool] = lambda: True) -> None:
        self.number = 0
        self.tells_numbers = tells_numbers
        self.are_as_told = True
        self._root = _Place()
        self._read: list[tuple[Json, dict[str, list[Json]]]] = []

    def pairs(self, items: Any) -> dict[str, list[Json]] | None:
        """The pairs of a list by their keys, which nobody changes; None where it is no list of pairs."""
        for known, found in self._read:
            if known is items:
                self.keep(items, found)  # it is the last that was read
                return found
        if not isinstance(items, list) or not is_pairs(items):
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
            for key in op[1]:
                inside = place.inside.get(key)
                if inside is None:
                    inside = place.inside[key] = _Place()
                place = inside
                place.latest = self.number
            place.written[op[0]] = _Written(self.number, writer, op)

    def forget(self) -> None:
        """Nobody works on an older state any more."""
        self._root = _Place()

    def rival(self, op: Op, since: int, plan: Plan, base: Callable[[], Json]) -> tuple[_Written | None, bool]:
        """Look for a write that an op does not get along with.

        Args:
            op: The op.
            since: How much was written when its writer began; only what came after is parallel to it.
            plan: The plan of its place.
            base: Tells what was there when its writer began.

        Returns:
            The write, if there is one; and whether there were any at the place itself.
        """
        place = self._root
        for key in op[1]:
            if place.latest <= since:
                return None, False
            above = place.since(("set", "delete"), since) if place.written else ()
            if above:
                return above[0], False
            inside = place.inside.get(key)
            if inside is None:
                return None, False
            place = inside
        there = place.since(KINDS, since)
        for found in there:
            # What a rule of its own merges gets along; but where it does not take None, that is as anywhere else.
            is_ruled = plan.kind == "custom" and (
                op[0] != "set" or found.op[0] != "set" or plan.rule(op[2], found.op[2]) is not None
            )
            if not is_ruled and not _get_along(op, found.op, plan, base, self.tells_numbers):
                return found, True
        return place.below(since) if op[0] in ("set", "delete") else None, bool(there)


def _get_along(one: Op, other: Op, plan: Plan, base: Callable[[], Json], tells_numbers: Callable[[], bool]) -> bool:
    """Whether two ops of parallel branches at one place can both be; it does not matter which is which."""
    kinds = {one[0], other[0]}
    if kinds <= {"set", "create"} and plan.rule(one[2], other[2]) is not None:
        return True
    if kinds == {"set"}:
        return agree(base(), one[2], other[2], plan, tells_numbers)
    return kinds <= {"add", "remove"} or kinds in ({"create"}, {"delete"}, {"append"})


def apply(
    current: Json, ops: list[Op], plan: Plan = AUTO, *, base: Json = MISSING, since: int = 0, writes: Writes
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
    before = current if base is MISSING else base
    root = _Opened([current], [before], (None, None), Plan(each=plan), writes)
    are_as_told = True
    places = _Places(current, before, ops, plan, writes)
    for op in ops:
        if op[0] not in KINDS or op[1].__class__ is not list:
            raise ValueError(f"{op!r} is no change of a state.")
        path: list[Key] = [0, *op[1]]
        if op[0] == "order" and not root.has(path):
            are_as_told = False
            continue
        place = root.plan_at(path)
        rival, is_contested = None, False
        if op[0] != "order":
            rival, is_contested = writes.rival(op, since, place, partial(root.was_at, path, op[-1]))
        if rival is not None:
            root.write()
            mine = None if op[0] == "delete" else op[2]
            was, now = _shown(_find([before], root.plan, path)), _shown(_find(root.container, root.plan, path))
            equal = op[0] == rival.op[0] == "set" and rival.op[1] == op[1] and same(rival.op[2], mine)
            raise _conflict(path[1:], rival.writer, was, now, mine, place, equal=equal)
        around, key = root.around(path), path[-1]
        around.close(key)
        there, was = around.there(key), around.was(key)
        are_as_told &= op[0] == "append" or (op[0] != "order" and not is_contested and was is there)
        made = _changed(there, op, place, was, writes.tells_numbers if is_contested else None)
        if is_contested and op[0] == "set":
            places.check(path, is_merged=not (same(there, made) and same(op[2], made)))
        around.put(key, made)
    root.write()
    writes.are_as_told = are_as_told
    return root.container[0]


class _Places:
    """Tells whether the items of lists that two branches changed are the same ones."""

    def __init__(self, current: Json, base: Json, ops: list[Op], plan: Plan, writes: Writes) -> None:
        self._current = current
        self._base = base
        self._ops = ops
        self._plan = plan
        self._writes = writes
        self._checked: set[tuple[Path, bool]] = set()
        self._mine: Json = MISSING

    def check(self, path: list[Key], *, is_merged: bool) -> None:
        """Look at what is around a place that both changed.

        Args:
            path: The place.
            is_merged: Whether something else has become of it than both have made.

        Raises:
            Conflict: Items of a list around it are others than they were.
        """
        if not any(isinstance(key, int) for key in path[1:]):
            return
        if self._mine is MISSING:
            self._mine = apply(self._base, self._ops, self._plan, writes=Writes())
        plan, base, current, mine = self._plan, self._base, self._current, self._mine
        for depth, key in enumerate(path[1:], 1):
            known = (tuple(path[1:depth]), is_merged)
            is_good = known in self._checked or is_by_place(base, mine, current, plan, is_merged=is_merged)
            self._checked.add(known)
            if not is_good and self._writes.tells_numbers():
                raise _conflict(path[1:depth], "", base, current, mine, plan, equal=same(current, mine))
            base, current = child_of(base, plan, key), child_of(current, plan, key)
            plan, mine = plan.at(key, mine), child_of(mine, plan, key)


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

    __slots__ = ("_base", "_base_pairs", "_inside", "_is_unwritten", "_last", "_pairs", "_writes", "container", "plan")

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
        self._last: tuple[list[Key], _Opened] = ([], self)  # what was around the last place: often of the next, too

    def plan_at(self, path: list[Key]) -> Plan:
        """The plan of a place, which may not be there."""
        key = path[-1]
        if self._last[0] == path[:-1]:
            return self._last[1].plan.at(key, self._last[1].container)
        opened, depth = self, 0
        while depth < len(path) - 1 and path[depth] in opened._inside:
            opened = opened._inside[path[depth]]
            depth += 1
        plan, value = opened.plan.at(path[depth], opened.container), opened.there(path[depth])
        for place, key in enumerate(path[depth + 1 :], depth + 2):
            child = MISSING if place == len(path) else child_of(value, plan, key)  # to read all keys takes long
            plan, value = plan.at(key, value), child
        return plan

    def around(self, path: list[Key]) -> _Opened:
        """What is around a place.

        Raises:
            ValueError: There is no such place, or what is around it is of another class than it was.
        """
        known, opened = self._last
        if known != path[:-1]:
            opened = self
            for key in path[:-1]:
                inside = opened._inside.get(key)
                opened = opened._open(key) if inside is None else inside
                if opened is None:
                    raise ValueError(f"The state has no place {path[1:]!r}.")
                if tag_of(opened._base) != tag_of(opened.container):
                    raise ValueError(f"The state has no place {path[1:]!r} any more.")
            self._last = (path[:-1], opened)
        key = path[-1]
        if opened._pairs is None and opened.container.__class__ is not dict and not _has_index(opened.container, key):
            raise ValueError(f"The state has no place {path[1:]!r}.")
        return opened

    def has(self, path: list[Key]) -> bool:
        """Whether there is such a place."""
        try:
            return self.around(path).there(path[-1]) is not MISSING
        except ValueError:
            return False

    def was_at(self, path: list[Key], mine: Json) -> Json:
        """What was at a place when the node began; `mine`, as if it were no change, where a person has removed it."""
        try:
            return self.around(path).was(path[-1])
        except ValueError:
            return mine

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
            _put(self._pairs, str(key), MISSING if value is MISSING else [name, value])
            self._is_unwritten = True
        elif self.container.__class__ is dict:
            _put(self.container, key, value)
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
        return child_of(container, AUTO, key)
    pair = pairs.get(key) if type(key) is str else None
    return MISSING if pair is None else pair[1]


def _has_index(container: Any, key: Key) -> bool:
    return isinstance(container, list) and isinstance(key, int) and 0 <= key < len(cast("list[Json]", container))


def _pairs(items: Any) -> dict[str, list[Json]]:
    return {text_of(pair[0]): pair for pair in items}


def _pairs_of(value: Json) -> dict[str, list[Json]]:
    """The pairs of what may be none."""
    return _pairs(value) if isinstance(value, list) and is_pairs(value) else {}


def _put(members: dict[Any, Json], key: Key, value: Json) -> None:
    if value is MISSING:
        members.pop(key, None)
    else:
        members[key] = value


def _changed(current: Json, op: Op, plan: Plan, base: Json, tells_numbers: Callable[[], bool] | None) -> Json:
    """What becomes of a place by a change; parallel branches have changed it, too, where `tells_numbers` is given."""
    kind = op[0]
    if kind == "delete":
        return MISSING
    mine: Json = op[2]
    if kind in ("set", "create"):
        if tells_numbers is None:
            return over_edit(base, current, mine, plan)
        if current is MISSING:
            return mine
        rule = plan.rule(current, mine)
        if rule is not None:
            return rule(began(base, plan), current, mine)
        if kind == "create":
            return _unite(MISSING, current, mine, plan, op[1], tells_numbers)
        return met(base, current, mine, plan, tells_numbers)
    if kind == "order":
        return _ordered(current, plan, mine)
    if current is MISSING and plan.is_optional:
        current = []
    if not isinstance(current, list):
        raise ValueError(f"The state has no list at {op[1]!r}.")
    items = cast("list[Json]", current)
    if kind == "append":
        return [*items, *mine]
    known = _keys(items)
    if kind == "add":
        return _sorted({**known, **_keys(mine)})
    gone = _keys(mine)
    left = [item for key, item in known.items() if key not in gone]
    return left if left or not plan.is_optional else MISSING


def _ordered(current: Json, plan: Plan, last: list[str]) -> Json:
    """A dict in which some keys come last."""
    if isinstance(current, dict):
        return _last(cast("dict[str, Json]", current), last)
    if plan.kind == "pairs" and isinstance(current, list) and is_pairs(current):
        return [[json.loads(name), value] for name, value in _last(by_key(current), last).items()]
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
    if current is MISSING or same(base, current):
        return mine
    rule = plan.rule(current, mine)
    if rule is not None:
        if same(base, mine):
            return current
        try:
            return rule(began(base, plan), current, mine)
        except Exception:  # it cannot take what the person has set: the node does not fail for that
            return mine
    if plan.kind == "atomic" or not is_alike(current, mine):
        return mine
    if not is_alike(base, mine):
        base = MISSING
    has_keys = isinstance(mine, list) and plan.kind == "pairs" and is_pairs(mine)
    # Read once: for each of their keys anew it would take the square of their number.
    was, now = (_pairs_of(base), _pairs_of(current)) if has_keys else (None, None)

    def inside(key: Key, item: Json) -> Json:
        return over_edit(_of(base, was, key), _of(current, now, key), item, plan.at(key, mine))

    if isinstance(mine, dict):
        return {key: inside(key, item) for key, item in cast("dict[str, Json]", mine).items()}
    if isinstance(mine, list) and plan.kind != "set":
        items = cast("list[Json]", mine)
        if has_keys:
            return [[key, inside(text_of(key), item)] for key, item in items]
        if base is not MISSING and len(base) == len(items):  # else nobody can tell which item is which
            return [inside(index, item) for index, item in enumerate(items)]
    return cast("Json", mine)


def _unite(
    default: Json, current: Json, mine: Json, plan: Plan, path: list[Key], tells_numbers: Callable[[], bool]
) -> Json:
    """Merge what two branches have created at one place, where the default is what both began with, if there is one."""
    rule = plan.rule(current, mine)
    if rule is not None:
        return from_nothing(rule, default, current, mine, tells_numbers)
    if plan.kind not in ("atomic", "number") and is_alike(current, mine):
        tag = tag_of(current)
        if tag is not None:
            within = default_at(default, "value", mine, plan)
            inside = _unite(
                within, current["value"], mine["value"], plan.at("value", mine), [*path, "value"], tells_numbers
            )
            return {**current, "value": inside}
        if isinstance(current, dict):
            members, others = cast("dict[str, Json]", current), cast("dict[str, Json]", mine)
            return _unite_members(default, members, others, current, plan, path, tells_numbers)
        if isinstance(current, list):
            items, more = cast("list[Json]", current), cast("list[Json]", mine)
            if plan.kind == "set":
                return _sorted({**_keys(items), **_keys(more)})
            if plan.kind == "pairs" and is_pairs(items) and is_pairs(more):
                united = _unite_members(MISSING, by_key(items), by_key(more), current, plan, path, tells_numbers)
                return [[json.loads(name), value] for name, value in united.items()]
            if not (plan.is_fixed and tells_numbers()):  # earlier releases made a tuple longer than it may be
                known = cast("list[Json]", default) if isinstance(default, list) else []
                size = len(known)
                is_known = size and same(items[:size], known) and same(more[:size], known) and tells_numbers()
                return [*items, *more[size if is_known else 0 :]]
    if agree(default, current, mine, plan, tells_numbers):
        return met(MISSING, current, mine, plan, tells_numbers, default=default)
    raise _conflict(path, "", None, current, mine, plan, equal=same(current, mine))


def _conflict(
    path: list[Key], writer: str, base: Json, current: Json, mine: Json, plan: Plan, *, equal: bool
) -> Conflict:
    is_whole = not plan.counts(mine)
    return Conflict(tuple(path), writer, base, current, mine, is_number=equal, is_whole=is_whole)


def _unite_members(
    default: Json,
    current: Mapping[str, Json],
    mine: Mapping[str, Json],
    whole: Json,
    plan: Plan,
    path: list[Key],
    tells_numbers: Callable[[], bool],
) -> dict[str, Json]:
    united = dict(current)
    for key, value in mine.items():
        there = united.get(key, MISSING)
        if there is not MISSING:
            began_with = default_at(default, key, whole, plan)
            value = _unite(began_with, there, value, plan.at(key, whole), [*path, key], tells_numbers)
        united[key] = value
    return united


# -- Places -----------------------------------------------------------------------------------------------------------


def _find(value: Json, plan: Plan, path: list[Key]) -> Json:
    for key in path:
        plan, value = plan.at(key, value), child_of(value, plan, key)
    return value


def _keys(items: list[Json]) -> dict[str, Json]:
    if set(map(type, items)) == {str}:
        return dict(zip(map(encode_basestring_ascii, items), items, strict=True))
    return {text_of(item): item for item in items}


def _sorted(items: Mapping[str, Json]) -> list[Json]:
    return [items[key] for key in sorted(items)]


def _shown(value: Json) -> Json:
    return None if value is MISSING else value
