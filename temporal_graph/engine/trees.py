"""JSON trees, and how each place of one merges: a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from operator import is_
from typing import Any, Literal, TypeAlias, cast

from .text import compact, ordered

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

LONG = 1_000
"""Items of a list that is compared as text."""


@dataclass(eq=False)
class Plan:
    """How one place of the state merges.

    Attributes:
        kind: `auto` by its JSON type; `set`, a list without order; `pairs`, a list of keys with their values; `atomic`,
            one value; `number`, one that counts, however it is written; `text`, one that is written as JSON in a text,
            under the key ""; `custom`, by a function.
        fields: The plans of known keys, and of known indices; the order of known keys says nothing.
        each: The plan of every other key, and of every item of a list.
        tags: The plans of what is in a tagged value, `{"$type": tag, "value": ...}`, by its tag.
        merge: `(base, current, mine) -> merged`; for `number` and `auto`, of two numbers.
        choose: Finds the plan of a value by what is in it, where it is not this one.
        optional: Keys of sets that are left out while they are empty.
        is_optional: It is such a set.
        takes_none: Whether the function of `custom` takes None.
        defaults: What tells the defaults of known keys, and of known indices.
    """

    kind: Literal["auto", "set", "pairs", "atomic", "number", "text", "custom"] = "auto"
    fields: Mapping[Key, Plan] = field(default_factory=dict[Key, "Plan"])
    each: Plan | None = None
    tags: Mapping[str, Plan] = field(default_factory=dict[str, "Plan"])
    merge: Callable[[Json, Json, Json], Json] | None = None
    choose: Callable[[Json], Plan | None] | None = None
    optional: tuple[str, ...] = ()
    is_optional: bool = False
    takes_none: bool = True
    defaults: Mapping[Key, Callable[[], Json]] = field(default_factory=dict[Key, Callable[[], "Json"]])

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

    def default(self, key: Key, inside: Json) -> Json:
        """What is under a key or index of a value as it is made; MISSING where nobody can tell."""
        if tag_of(inside) is not None:
            return MISSING
        default = self.of(inside).defaults.get(key)
        return MISSING if default is None else default()

    def of(self, value: Json) -> Plan:
        """The plan that a value has, of those that this one chooses from."""
        chosen = None if self.choose is None else self.choose(value)
        return self if chosen is None else chosen.of(value)

    def counts(self, value: Json) -> bool:
        """Whether a value is a number: two branches that make the same of it have both changed it."""
        if self.kind == "number":
            return value is not None and value is not MISSING
        return self.kind == "auto" and type(value) in (int, float)

    @property
    def is_fixed(self) -> bool:
        """Whether it is a list in which each place means something of its own, as in a tuple of two."""
        return self.each is None and 0 in self.fields

    def has_numbers(self) -> bool:
        """Whether a number is declared somewhere in it."""
        seen: list[Plan] = [self]
        for plan in seen:  # which grows
            if plan.kind == "number":
                return True
            inside = (*plan.fields.values(), *(() if plan.each is None else (plan.each,)))
            seen += [found for found in inside if found not in seen]
        return False

    def rule(self, one: Json, other: Json) -> Callable[[Json, Json, Json], Json] | None:
        """How two values of this place merge, if anything says so."""
        if self.kind == "custom":
            return None if (one is None or other is None) and not self.takes_none else self.merge
        return self.merge if self.counts(one) and self.counts(other) else None


AUTO = Plan()
MISSING: Any = object()


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
            return bool(one == other) and compact(one) == compact(other)
        return all(map(same, one, other))
    return bool(one == other) and (kind is not float or one != 0 or repr(one) == repr(other))


def tag_of(value: Json) -> str | None:
    """The tag of a tagged value."""
    if value.__class__ is not dict:  # in the sandbox of a workflow isinstance takes ten times as long
        return None
    members: Any = value  # `cast` would be a call for each of thousands
    if len(members) == 2 and "$type" in members and "value" in members:
        tag = members["$type"]
        return tag if isinstance(tag, str) else None
    return None


def is_alike(one: Json, other: Json) -> bool:
    """Whether two values are of one JSON type, and of one class."""
    return type(one) is type(other) and tag_of(one) == tag_of(other)


# -- Places -----------------------------------------------------------------------------------------------------------


def child_of(value: Json, plan: Plan, key: Key) -> Json:
    """What is under a key or index; MISSING where there is nothing."""
    found: Any = value
    if value.__class__ is dict:
        return found.get(key, MISSING)
    if value.__class__ is list:
        if isinstance(key, str):
            return by_key(found).get(key, MISSING) if plan.kind == "pairs" and is_pairs(found) else MISSING
        return found[key] if 0 <= key < len(found) else MISSING
    return MISSING


def is_pairs(items: Any) -> bool:
    """Whether the items of a list are pairs."""
    # Without a look at each by itself: there may be tens of thousands, and this is asked for each change of them.
    return set(map(type, items)) <= {list} and set(map(len, items)) <= {2}


def by_key(pairs: Any) -> dict[str, Json]:
    """The values of pairs, by the texts of their keys."""
    return {text_of(key): value for key, value in pairs}


def text_of(value: Json) -> str:
    """A value as JSON text, by which the items of a set and the keys of a dict are ordered and known."""
    kind = cast("type[Any]", type(value))
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int:
        return repr(value)
    return ordered(value)
