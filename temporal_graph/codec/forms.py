"""The JSON schema of a type, where JSON can say it: what people and other programs send must be read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_NO_NAMES = frozenset(
    {
        "tuple",
        "list",
        "set",
        "frozenset",
        "dict",
        "typed-dict",
        "dataclass",
        "model",
        "call",
        "none",
        "complex",
        "deque",
    }
)
"""Types of keys that cannot be the names in a JSON object."""


BYTES, DECIMAL = "base64url", "decimal"
"""Formats of texts that are bytes, and numbers."""
ZONE, STRICT = "x-timezone", "x-strict"
"""Stand in a schema: whether a moment must have a zone (`aware`) or none (`naive`); that a text is no number."""


Core = Mapping[str, Any]
IsOpen = Callable[[Core, Mapping[str, Core]], bool]
"""Whether a core schema, beside those that it may refer to by name, takes what its JSON schema does not show."""

ACCEPTS_MORE = "x-accepts-more"
"""Stands in a schema that does not say all that its type accepts; the node alone knows."""


def json_schema(adapter: TypeAdapter[Any], is_open: IsOpen | None = None) -> dict[str, Any]:
    """The JSON schema of a type.

    A dict whose keys cannot be names in JSON is an array of pairs, and a member of an enum whose value is no JSON, or
    looks like another one, is its name: see `schema.Rewriter`.

    Args:
        adapter: The type.
        is_open: Tells which parts are to be marked with `ACCEPTS_MORE`; None for no marks.
    """
    base: Any = _generators()[1]

    class Generator(base):
        def generate_inner(self, schema: Any) -> Any:
            made: Any = base.generate_inner(self, schema)
            if is_open is None or not is_open(schema, self.known):
                return made
            named = self.get_schema_from_definitions(made["$ref"]) if "$ref" in made else None
            if named is None:
                return {**made, ACCEPTS_MORE: True}
            named[ACCEPTS_MORE] = True
            return made

    return adapter.json_schema(schema_generator=cast("Any", Generator))


def json_schema_as_before(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The same as earlier releases have written it, which say less of texts."""
    return adapter.json_schema(schema_generator=_generators()[0])


def is_named(cls: Any) -> bool:
    """Whether the members of an enum are written by their names, since their values do not tell them apart in JSON."""
    return not all(type(member.value) in (int, str) or isinstance(member, int | str) for member in cls)


@functools.cache
def _generators() -> tuple[Any, Any]:
    from pydantic.json_schema import GenerateJsonSchema  # here, because importing pydantic's insides takes a while

    class Earlier(GenerateJsonSchema):
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **given)
            self.known: dict[str, Core] = {}

        def definitions_schema(self, schema: Any) -> Any:
            self.known.update({item["ref"]: item for item in schema["definitions"] if "ref" in item})
            return super().definitions_schema(schema)

        def dict_schema(self, schema: Any) -> Any:
            keys = schema.get("keys_schema")
            if keys is None or are_names(keys, self.known):
                return super().dict_schema(schema)
            values = schema.get("values_schema")
            pair = [self.generate_inner(keys), {} if values is None else self.generate_inner(values)]
            return {
                "type": "array",
                "items": {"type": "array", "prefixItems": pair, "minItems": 2, "maxItems": 2},
            }

        def enum_schema(self, schema: Any) -> Any:
            cls = schema["cls"]
            if not is_named(cls):
                return super().enum_schema(schema)
            return {"title": cls.__name__, "type": "string", "enum": [member.name for member in cls]}

    class Generator(Earlier):
        def bytes_schema(self, schema: Any) -> Any:
            made = super().bytes_schema(schema)
            return {**made, "format": BYTES} if made.get("format") == "binary" else made

        def datetime_schema(self, schema: Any) -> Any:
            zone = schema.get("tz_constraint")
            return {**super().datetime_schema(schema), **({ZONE: zone} if isinstance(zone, str) else {})}

        def int_schema(self, schema: Any) -> Any:
            return {**super().int_schema(schema), **({STRICT: True} if schema.get("strict") else {})}

        def float_schema(self, schema: Any) -> Any:
            return {**super().float_schema(schema), **({STRICT: True} if schema.get("strict") else {})}

        def bool_schema(self, schema: Any) -> Any:
            return {**super().bool_schema(schema), **({STRICT: True} if schema.get("strict") else {})}

        def decimal_schema(self, schema: Any) -> Any:
            made = super().decimal_schema(schema)
            forms: Any = made.get("anyOf", ())
            bounds = {name: bound for form in forms for name, bound in form.items() if "imum" in name}
            texts = [{**bounds, **form, "format": DECIMAL} if form.get("type") == "string" else form for form in forms]
            return {**made, "anyOf": texts} if texts else made

    return Earlier, Generator


def _alone(choice: Any) -> Mapping[str, Any]:
    """A choice without its label."""
    return cast("tuple[Any, str]", choice)[0] if isinstance(choice, tuple) else choice


def are_names(schema: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the values of a schema can be read from the names in a JSON object."""
    kind = schema.get("type")
    if kind == "definition-ref":
        found = known.get(schema["schema_ref"])
        return found is None or are_names(found, known)
    if kind == "enum":
        return is_named(schema["cls"]) or all(isinstance(cast("Enum", member).value, str) for member in schema["cls"])
    if kind == "literal":
        return all(isinstance(value, str) for value in schema["expected"])
    if kind == "union":
        choices: list[Any] = schema["choices"]
        return all(are_names(_alone(choice), known) for choice in choices)
    if kind in _NO_NAMES:
        return False
    inner = schema.get("schema") or schema.get("json_schema") or schema.get("lax_schema")
    return kind != "nullable" and (not isinstance(inner, dict) or are_names(cast("dict[str, Any]", inner), known))
