"""What stands for the code of a node: the same for the same, so that a run can tell that another release has it now."""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from types import CodeType, FunctionType, MappingProxyType, MethodType
from typing import Any, cast, get_args

from ..policies import InterruptPolicy
from .places import codes

MOST = 500
"""Functions and types of one node that are looked at."""
DEEPEST = 5
"""How deep constants are looked into."""
_NOT_READ = ("metadata", "ref", "schema_ref")
_REFERENCES = ("ref", "schema_ref")
_REFERENCE = re.compile(r":\d+")
"""The address of a class, by which pydantic tells it from others."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)


def code_of(function: Any) -> str:
    """What stands for a function or class, and for the functions, types and constants of its own package that it names.

    Another version of Python, or of what the package builds on, may give another one for the same code.
    """
    found, _ = _look_around(function)
    return hashlib.sha256("\n".join(found).encode(errors="backslashreplace")).hexdigest()[:16]


def closures_of(function: Any) -> dict[CodeType, dict[str, str]]:
    """The texts that are in the closures of the functions which `code_of` looks at, by name; where two differ, none."""
    texts: dict[CodeType, dict[str, str]] = {}
    for item in _look_around(function)[1]:
        for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
            text: Any = cell.cell_contents if _is_set(cell) else None
            if type(text) is str:  # others may be proxies of what is not there yet
                own = texts.setdefault(item.__code__, {})
                own[name] = text if own.get(name, text) == text else ""
    return texts


def outline(schema: Any) -> Any:
    """What stands for a core schema: JSON that is another one where pydantic reads or writes a type in another way."""
    if isinstance(schema, Mapping):
        members = cast("Mapping[Any, Any]", schema)
        found = {str(key): outline(value) for key, value in members.items() if key not in _NOT_READ}
        found.update({name: _REFERENCE.sub("", str(members[name])) for name in _REFERENCES if name in members})
        after = members.get("post_init")
        if after:
            name = after if isinstance(after, str) else "__post_init__"
            found["post_init"] = outline(getattr(members.get("cls"), name, None))
        return found
    if type(schema) in (list, tuple):
        return [outline(item) for item in schema]
    if isinstance(schema, type):
        return f"{schema.__module__}.{schema.__qualname__}"
    if callable(schema):
        is_theirs = _package(schema).startswith("pydantic")
        name = str(getattr(schema, "__qualname__", type(schema).__qualname__))
        return [_package(schema), name, "" if is_theirs else code_of(schema)]
    return _value(schema)


def _look_around(function: Any) -> tuple[list[str], list[FunctionType]]:
    """What a function or class is, with what it names; and the functions among it."""
    found: list[str] = []
    package = _package(function)
    seen: dict[int, Any] = {}
    waiting: list[Any] = [function]
    while waiting and len(seen) < MOST:
        item = waiting.pop(0)
        if id(item) not in seen:
            seen[id(item)] = item  # which keeps its id its own
            try:
                waiting.extend(_look(item, package, found))
            except Exception:  # of a class's own code, or of a proxy of what is not there yet
                found.append(type(item).__qualname__)
    return found, [item for item in seen.values() if type(item) is FunctionType and _package(item) == package]


def _look(item: Any, package: str, found: list[str]) -> Iterable[Any]:
    """Note what an object is, and say what else there is to look at."""
    if isinstance(item, functools.partial):
        made: functools.partial[Any] = item  # pyright: ignore[reportUnknownVariableType]
        return [made.func, *made.args, *made.keywords.values()]
    if isinstance(item, MethodType):
        return [item.__func__]
    if isinstance(item, FunctionType) and _package(item) == package:
        return _look_at_function(item, found)
    if isinstance(item, type) and not get_args(item) and _package(item) == package:
        hints: dict[str, Any] = inspect.get_annotations(item)
        found.append(f"class {item.__qualname__} {[(name, _text(hint)) for name, hint in hints.items()]}")
        members: dict[str, Any] = getattr(item, "__members__", {}) if issubclass(item, Enum) else {}
        known: dict[str, Any] = item.__dict__.get("__pydantic_fields__", {})
        found.append(f"{[(name, _value(member.value)) for name, member in members.items()]}")
        # Defaults and bounds, which are no annotations.
        found.extend(
            f"{name} {_value(field.default)} {list(map(_text, field.metadata))}" for name, field in known.items()
        )
        others = {name: part for name, part in item.__dict__.items() if not name.startswith("__")}
        found.append(f"{[(name, _plain(part)) for name, part in others.items() if not callable(part)]}")
        own = [part for part in item.__dict__.values() if type(part) is FunctionType]
        return [*(part for part in own if part.__module__ == item.__module__), *item.__mro__[1:], *hints.values()]
    if isinstance(item, FunctionType | type) or get_args(item) or isinstance(item, str | int | float | bytes | None):
        found.append(_text(item))
    elif isinstance(item, InterruptPolicy):
        found.append(_plain(item))
        return [*vars(item).values()]
    else:
        found.append(_plain(item))
    # Of AfterValidator and its like, the function.
    inside = getattr(item, "func", None) if _package(type(item)) == "pydantic" else None
    return [*get_args(item), inside]


def _look_at_function(function: FunctionType, found: list[str]) -> Iterable[Any]:
    own = list(codes(function.__code__))
    found.extend(f"{code.co_code.hex()} {code.co_names} {_constants(code.co_consts)}" for code in own)
    names = dict.fromkeys(name for code in own for name in code.co_names)
    named = [function.__globals__[name] for name in names if name in function.__globals__]
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_set(cell)]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    wrapped: Any = getattr(function, "__wrapped__", None)
    return [*named, *cells, *defaults, wrapped]


def _constants(constants: Iterable[Any]) -> list[str]:
    """The constants of a function as text; those of a set in one order, whatever the process."""
    found: list[str] = []
    for constant in constants:
        if isinstance(constant, tuple | frozenset):
            parts = _constants(cast("Iterable[Any]", constant))
            found.append(str(sorted(parts) if isinstance(constant, frozenset) else parts))
        elif not isinstance(constant, CodeType):
            found.append(repr(constant))
    return found


def _text(item: Any) -> str:
    """A type, a function, or what stands beside a type, as text."""
    try:
        name = f"{item.__module__}.{item.__qualname__}" if isinstance(item, FunctionType) else repr(item)
    except Exception:
        name = type(item).__qualname__
    return _ADDRESS.sub("", name)


def _value(item: Any) -> str:
    """A value as text, the same in each process and soon made; of one that has no such text, its type."""
    if isinstance(item, Enum):
        return f"{type(item).__qualname__}.{item.name}"
    if item is None or type(item) in (bool, int, float, str, bytes):
        return repr(item)
    if type(item) in (tuple, list, set, frozenset) and len(item) <= MOST:
        parts = [_value(part) for part in item] if _is_flat(item) else []
        return f"{type(item).__name__}{sorted(parts) if isinstance(item, set | frozenset) else parts}"
    return type(item).__qualname__


def _plain(item: Any, depth: int = DEEPEST) -> str:
    """A constant as text, with what is in it; of anything else, its type."""
    try:
        return _plainly(item, depth)
    except Exception:  # of a class's own code, or of a proxy of what is not there yet
        return type(item).__qualname__


def _plainly(item: Any, depth: int) -> str:
    name = type(item).__qualname__
    if isinstance(item, Enum):
        return f"{name}.{item.name} {_plain(item.value, depth - 1)}"
    if item is None or isinstance(item, bool | int | float | str | bytes | Decimal | date | time | timedelta):
        return repr(item)
    if isinstance(item, FunctionType | type):
        return _text(item)
    inside: Any = {each.name: getattr(item, each.name, None) for each in fields(item)} if is_dataclass(item) else item
    # Another mapping may look elsewhere for what it has, as os.environ does, which no two processes have alike.
    has_keys = isinstance(inside, dict | MappingProxyType)
    has_parts = has_keys or isinstance(inside, tuple | list | set | frozenset)
    if depth > 0 and has_parts and len(cast("Any", inside)) <= MOST:
        given: Iterable[Any] = cast("Any", inside).items() if has_keys else cast("Any", inside)
        parts = [_plain(part, depth - 1) for part in given]
        return f"{name}{sorted(parts) if isinstance(item, set | frozenset) else parts}"
    return name


def _is_flat(items: Iterable[Any]) -> bool:
    return not any(isinstance(item, tuple | list | set | frozenset) for item in items)


def _package(item: Any) -> str:
    return str(getattr(item, "__module__", "")).partition(".")[0]


def _is_set(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
