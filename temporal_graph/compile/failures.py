"""What a person may say to the failure of a node, as a JSON schema."""

from __future__ import annotations

from typing import Any

from ..codec import ValueCodec
from ..codec.answers import without_types


def failure_schema(inputs: ValueCodec, output: ValueCodec | None) -> dict[str, Any]:
    """A schema for `Retry`, `Skip` and `Abort`.

    Args:
        inputs: What the node takes.
        output: What it gives; None for one that names the next node itself, which cannot be skipped.
    """
    definitions: dict[str, Any] = {}

    def action(name: str, *required: str, **parts: dict[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = {"action": {"const": name}, **parts}
        needed = ["action", *required]
        return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}

    given = _schema(inputs, definitions)
    actions = [action("retry", inputs={"anyOf": [given, {"type": "null"}]})]
    if output is not None:
        required = () if _takes_none(output) else ("output",)
        actions.append(action("skip", *required, output=_schema(output, definitions)))
    actions.append(action("abort"))
    schema: dict[str, Any] = {"oneOf": actions}
    if definitions:
        schema["$defs"] = definitions
    return schema


def _takes_none(codec: ValueCodec) -> bool:
    """Whether None, which stands for an output that is not given, is one."""
    try:
        codec.load("null")
    except Exception:  # also of a validator of the user's
        return False
    return True


def _schema(codec: ValueCodec, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type, what it refers to put with the other definitions; anything, where it has none."""
    try:
        schema = dict(without_types(codec.answer_schema()))
    except Exception:
        return {}  # a type without a schema: what a person gives is checked by the type itself
    own: dict[str, Any] = schema.pop("$defs", {})
    if any(definitions.get(name, part) != part for name, part in own.items()):
        return {}  # two types of one name
    definitions.update(own)
    return schema
