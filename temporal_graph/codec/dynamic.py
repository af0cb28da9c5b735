"""Values of which nothing is declared (`Any`): JSON as it is, everything else with the name of its type.

Names are looked up among the types of one graph, never imported.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import ipaddress
import json
import math
import pathlib
import re
import uuid
from collections.abc import Callable
from typing import Any, Protocol, cast

from .errors import DecodeError, EncodeError

_SHORTLY = (
    bytes,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
)
BUILTINS: dict[str, type] = {
    **{kind.__name__: kind for kind in _SHORTLY},
    # Under names that no class of a graph's has.
    "builtins.complex": complex,
    "fractions.Fraction": fractions.Fraction,
    "collections.OrderedDict": collections.OrderedDict,
    "collections.Counter": collections.Counter,
    "collections.deque": collections.deque,
    "pathlib.Path": type(pathlib.Path()),
    "re.Pattern": re.Pattern,
    "ipaddress.IPv4Address": ipaddress.IPv4Address,
    "ipaddress.IPv6Address": ipaddress.IPv6Address,
}
UNDECLARED = " Declare the type, for instance in what the step returns."
"""How an error ends that says so."""
_NAMES = {kind: name for name, kind in BUILTINS.items()}
_COLLECTIONS: dict[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}
_MAKERS: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class Types(Protocol):
    """The types that a value may be of."""

    def dump_class(self, value: Any) -> tuple[str, Any] | None:
        """The name of a value's class, and the value as JSON; None where the class is not among them."""
        ...

    def load_class(self, name: str, data: Any) -> Any:
        """A value of the class of this name; KeyError where there is none."""
        ...

    def dump_builtin(self, type_: type, value: Any) -> Any:
        """A value of one of `BUILTINS` as JSON."""
        ...

    def load_builtin(self, type_: type, data: Any) -> Any:
        """A value of one of `BUILTINS`."""
        ...

    @property
    def class_names(self) -> list[str]:
        """The names of the classes."""
        ...


def dump(value: Any, types: Types) -> Any:
    """A value as JSON.

    Raises:
        EncodeError: It is of a class that the graph does not declare.
    """
    kind = cast("type[Any]", type(value))
    if value is None or kind in (bool, int, float, str):
        is_json = not isinstance(value, float) or math.isfinite(value)
        return value if is_json else _tagged("float", str(value))
    if kind is list:
        return [dump(item, types) for item in value]
    if kind is dict:
        return _dump_dict(cast("dict[Any, Any]", value), types)
    if kind in _COLLECTIONS:
        items = [dump(item, types) for item in value]
        if kind is not tuple:
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return _tagged(_COLLECTIONS[kind], items)
    if kind in _NAMES:
        return _tagged(_NAMES[kind], types.dump_builtin(kind, value))
    found = types.dump_class(value)
    if found is None:
        raise EncodeError(
            f"{value!r} is a {kind.__qualname__}, where nothing is declared (Any). Only plain JSON and the types "
            f"that the graph declares can cross there: {', '.join(types.class_names) or 'none'}.{UNDECLARED}"
        )
    return _tagged(*found)


def load(data: Any, types: Types) -> Any:
    """A value from JSON.

    Raises:
        DecodeError: It names a type that the graph does not declare.
    """
    if isinstance(data, list):
        return [load(item, types) for item in cast("list[Any]", data)]
    if not isinstance(data, dict):
        return data
    fields = cast("dict[str, Any]", data)
    if fields.keys() != {"$type", "value"} or not isinstance(fields["$type"], str):
        return {key: load(item, types) for key, item in fields.items()}
    name, value = fields["$type"], fields["value"]
    if name == "float":
        return float(value)
    if name == "dict":
        return {load(key, types): load(item, types) for key, item in value}
    if name in _MAKERS:
        return _MAKERS[name]([load(item, types) for item in value])
    if name in BUILTINS:
        return types.load_builtin(BUILTINS[name], value)
    try:
        return types.load_class(name, value)
    except KeyError:
        known = ", ".join([*_MAKERS, *BUILTINS, *types.class_names])
        raise DecodeError(f"{name!r} is no type of this graph. Its types: {known}.") from None


def _dump_dict(value: dict[Any, Any], types: Types) -> Any:
    if all(type(key) is str for key in value) and "$type" not in value:
        return {key: dump(item, types) for key, item in value.items()}
    return _tagged("dict", [[dump(key, types), dump(item, types)] for key, item in value.items()])


def _tagged(name: str, value: Any) -> dict[str, Any]:
    return {"$type": name, "value": value}
