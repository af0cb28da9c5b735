"""Reading what was valid when it was written: rules of the user's that refuse it by now are not heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pydantic_core import core_schema

from ..engine.raised import is_the_runtimes
from .schema import BY_NAME, NOT_SCHEMAS, Schema

_FUNCTIONS = ("function-after", "function-before", "function-wrap")
_CLOCKS = ("now_op", "now_utc_offset")


def trusting(schema: Any, *, converts: bool = False) -> Any:
    """A copy of a core schema whose validators may not refuse, and whose dates may have passed.

    Args:
        schema: The schema, or a part of one.
        converts: It is in something that is written by a function of its own, so that its validators make what is
            read, and do not only look at it.
    """
    if isinstance(schema, list | tuple):
        items = [trusting(item, converts=converts) for item in cast("list[Any]", schema)]
        return items if isinstance(schema, list) else tuple(items)
    if not isinstance(schema, dict):
        return schema
    old = cast("Schema", schema)
    converts = converts or "serialization" in old
    kind = old.get("type")
    new: Schema = {key: _member(key, value, converts) for key, value in old.items()}
    if kind in ("date", "datetime"):
        new = {key: value for key, value in new.items() if key not in _CLOCKS}
    if kind in _FUNCTIONS and not converts:
        function = cast("Schema", new["function"])
        new["function"] = {**function, "function": _heard[kind](function["function"])}
    if kind in ("model", "dataclass") and new.get("post_init"):
        return _after_init(new, str(kind))
    return new


def _member(key: str, value: Any, converts: bool) -> Any:
    if key in NOT_SCHEMAS:
        return value
    if key in BY_NAME and isinstance(value, dict):
        return {name: trusting(item, converts=converts) for name, item in cast("dict[Any, Any]", value).items()}
    return trusting(value, converts=converts)


def _after_init(schema: Schema, kind: str) -> Any:
    """A class whose `__post_init__`, or `model_post_init`, may not refuse either."""
    inside = {key: value for key, value in schema.items() if key not in ("post_init", "ref", "serialization")}

    def finish(value: Any) -> Any:
        _unheard(value.__post_init__) if kind == "dataclass" else _unheard(value.model_post_init, None)
        return value

    new: Any = core_schema.no_info_after_validator_function(finish, cast("Any", inside))
    return {**new, **{key: schema[key] for key in ("ref", "serialization") if key in schema}}


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    def check(value: Any, *info: Any) -> Any:
        found = _unheard(function, value, *info)
        return value if found is None else found[0]

    return check


def _around(function: Callable[..., Any]) -> Callable[..., Any]:
    def check(value: Any, handler: Callable[[Any], Any], *info: Any) -> Any:
        found = _unheard(function, value, handler, *info)
        return handler(value) if found is None else found[0]

    return check


_heard: dict[Any, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "function-after": _after,
    "function-before": _after,
    "function-wrap": _around,
}


def _unheard(function: Callable[..., Any], *args: Any) -> tuple[Any] | None:
    """What a function makes, in a tuple; None where it raises."""
    try:
        return (function(*args),)
    except BaseException as error:
        if is_the_runtimes(error):
            raise
        return None
