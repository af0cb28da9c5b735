"""How parallel branches merge a field of the state: `count: Annotated[int, Merge.sum] = 0`."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, cast, get_origin

__all__ = ["Merge"]

_OPEN = frozenset({"int", "float", "str", "bool", "date", "datetime", "time", "timedelta", "list"})
"""Schemas that can be marked themselves; what pydantic adds to them afterwards (`Field(ge=0)`) stays theirs."""
MERGE = "temporal_graph.merge"
"""Where a field's pydantic schema says how the field merges."""


class Merge:
    """Says how a field merges when parallel branches changed it; without it, different changes are a conflict.

    Args:
        function: `function(base, current, mine) -> merged`: the field when the branch began (None if there was none),
            as other branches have made it since, and as this branch made it.

    Raises:
        TypeError: It is no function of three arguments.
    """

    sum: ClassVar[Merge]
    last: ClassVar[Merge]
    max: ClassVar[Merge]
    min: ClassVar[Merge]

    def __init__(self, function: Callable[[Any, Any, Any], Any]) -> None:
        if not callable(function) or inspect.iscoroutinefunction(function) or not _takes_three(function):
            raise TypeError(f"Merge takes a plain function of (base, current, mine), and got {function!r}.")
        self.function = function

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any] | None = None) -> Any:
        """Marks the field's schema; what pydantic reads and writes stays as it is."""
        if handler is None:  # it is the class that stands there
            raise TypeError(
                "Annotated[..., Merge] does not say how branches merge. Give it a rule: Merge.sum, Merge.last, "
                "Merge.max, Merge.min, or Merge(lambda base, current, mine: ...)."
            )
        from pydantic_core import core_schema  # here, because only states that use this need it

        self._check(source)
        schema: Any = handler(source)
        if schema["type"] in _OPEN:
            metadata: dict[str, Any] = schema.get("metadata") or {}
            return {**schema, "metadata": {**metadata, MERGE: self}}
        return core_schema.no_info_after_validator_function(_unchanged, schema, metadata={MERGE: self})

    def _check(self, source: Any) -> None:
        """Refuse a rule for numbers on what is none.

        Raises:
            TypeError: It is none.
        """
        name, refused = _REFUSED.get(self, ("", ()))
        kind = get_origin(source) or source
        if (
            not isinstance(kind, type)
            or not issubclass(kind, refused)
            or (self is Merge.sum and issubclass(kind, Counter))
        ):
            return
        written: Any = getattr(kind, "__name__", kind) if kind is source else source
        raise TypeError(
            f"Annotated[{written}, {name}] cannot merge: {name} is for numbers. What branches append to lists, add to "
            "sets and change under different keys of dicts is merged without a rule. Another rule is Merge.last, or a "
            "function of yours, Merge(lambda base, current, mine: ...)."
        )

    def __repr__(self) -> str:
        return f"Merge({getattr(self.function, '__name__', self.function)!s})"


def _takes_three(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True


def _unchanged(value: Any) -> Any:
    return value


def _sum(base: Any, current: Any, mine: Any) -> Any:
    if isinstance(mine, Counter):  # whose own + and - leave out what is not above zero
        merged = Counter(cast("Counter[Any]", current))
        merged.update(cast("Counter[Any]", mine))
        merged.subtract(base or {})
        return merged
    return current + mine if base is None else current + (mine - base)


def _last(base: Any, current: Any, mine: Any) -> Any:
    return mine


def _max(base: Any, current: Any, mine: Any) -> Any:
    return max(current, mine)


def _min(base: Any, current: Any, mine: Any) -> Any:
    return min(current, mine)


Merge.sum = Merge(_sum)
Merge.last = Merge(_last)
Merge.max = Merge(_max)
Merge.min = Merge(_min)
_REFUSED: dict[Merge, tuple[str, tuple[type, ...]]] = {
    Merge.sum: ("Merge.sum", (list, tuple, str, bytes, dict, set, frozenset, bool)),
    Merge.max: ("Merge.max", (dict, set, frozenset)),
    Merge.min: ("Merge.min", (dict, set, frozenset)),
}
"""What a rule cannot merge, or only by leaving out what one branch has made."""
