"""Whether two calls of `once()` that have one key are the same call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

Given = tuple[Any, tuple[Any, ...], dict[str, Any]]
"""Whose method it is, if it is one; and the arguments, whether they were given by position or by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A function and what it is called with.

    Attributes:
        name: Its name.
        code: What tells it from others: a function that is defined in a node is a new one each time.
        given: What it gets; None where nobody knows.
        then: The same as JSON, as it was before the call; None for what is none, which is not compared.
    """

    name: str
    code: Any
    given: Given | None
    then: Any

    @classmethod
    def of(cls, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """Look at a call that is about to be made."""
        while isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        given = _given(function, args, kwargs)
        return cls(name_of(function), _code_of(function), given, _as_json(given))

    def misfit(self, other: Call) -> str | None:
        """What the two are, if they certainly are not the same."""
        if self.code != other.code:
            return f"one of {self.name}(), and one of {'another ' * (self.name == other.name)}{other.name}()"
        if self.then is None or other.then is None or self.then == other.then or _are_equal(self.given, other.given):
            return None
        return f"both of {self.name}(), with other arguments"


def name_of(function: Any) -> str:
    """What people call a function."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _is_plain(function: Any) -> bool:
    return inspect.isroutine(function) or inspect.isclass(function)


def _code_of(function: Any) -> Any:
    called = inspect.unwrap(function if _is_plain(function) else type(function).__call__)
    code: Any = getattr(called, "__code__", None)
    return code or (getattr(called, "__module__", None), getattr(called, "__qualname__", None))


def _given(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given | None:
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return None
    bound.apply_defaults()
    return getattr(function, "__self__", None) if _is_plain(function) else function, bound.args, bound.kwargs


def _as_json(given: Given | None) -> Any:
    try:
        return None if given is None else from_json(to_json(given, bytes_mode="base64", inf_nan_mode="null"))
    except Exception:  # of a class's own code, too
        return None


def _are_equal(one: Any, other: Any) -> bool:
    """Whether they are, although their JSON is not: sets in another order, one time in two time zones."""
    try:
        return bool(one == other)
    except Exception:  # of a class's own code, too
        return False
