"""Names of types: short, readable, and the same in every process."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin


def name_of(type_: Any, *, qualified: bool = False) -> str:
    """The name of a type: `int | str`, `list[Section]`.

    Args:
        type_: The type.
        qualified: Whether classes are named with their module.
    """
    origin, arguments = get_origin(type_), get_args(type_)
    if type_ is NoneType or type_ is None:
        return "None"
    if type_ is Ellipsis:
        return "..."
    if origin is Annotated:
        return name_of(arguments[0], qualified=qualified)
    if origin is Literal:
        return f"Literal[{', '.join(repr(argument) for argument in arguments)}]"
    if origin in (typing.Union, UnionType):
        return " | ".join(name_of(argument, qualified=qualified) for argument in arguments)
    if origin is not None:
        inner = ", ".join(name_of(argument, qualified=qualified) for argument in arguments)
        return f"{name_of(origin, qualified=qualified)}[{inner}]"
    if isinstance(type_, type):
        own = type_.__module__ in ("builtins", "typing", "collections.abc")
        return f"{type_.__module__}.{type_.__qualname__}" if qualified and not own else type_.__qualname__
    return getattr(type_, "__name__", None) or str(type_).removeprefix("typing.")


def unique_name(type_: Any, taken: Mapping[str, Any]) -> str:
    """A name that none of the names taken is."""
    for name in (name_of(type_), name_of(type_, qualified=True)):
        if name not in taken:
            return name
    number = 2
    while f"{name_of(type_, qualified=True)}#{number}" in taken:
        number += 1
    return f"{name_of(type_, qualified=True)}#{number}"
