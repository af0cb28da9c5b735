"""Validates an answer against a JSON schema that travelled with its question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float, str),
    "number": (int, float, str),
    "boolean": (bool, int, str),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def schema_validator(schema: dict[str, Any]) -> Callable[[Any], list[dict[str, Any]]]:
    """Make a function that says what is wrong with a value, by field; nothing where it fits.

    It knows the basic types and required fields; the node looks again with the real type.
    """

    def validate(value: Any) -> list[dict[str, Any]]:
        expected = schema.get("type")
        if isinstance(expected, str) and expected in _TYPES and not isinstance(value, _TYPES[expected]):
            return [{"loc": [], "msg": f"Input should be a valid {expected}", "type": f"{expected}_type"}]
        if isinstance(value, dict):
            missing = [name for name in schema.get("required", ()) if name not in value]
            return [{"loc": [name], "msg": "Field required", "type": "missing"} for name in missing]
        return []

    return validate
