"""Validates an answer against a JSON schema that travelled with its question.

The schema is one that pydantic wrote; from it a validator of pydantic's own is made, so errors read like pydantic's.
What is not known here is anything: the node looks again, with the real type.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from .exact import BY_NAME, HOLDERS, has_clashing, tag_of, with_fields
from .forms import ACCEPTS_MORE, BYTES, DECIMAL, STRICT, ZONE, Core, json_schema, json_schema_as_before

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Errors = list[dict[str, Any]]
Schema = Mapping[str, Any]

_FORMATS: dict[str, Callable[[], Any]] = {
    "date-time": core_schema.datetime_schema,
    "date": core_schema.date_schema,
    "time": core_schema.time_schema,
    "duration": core_schema.timedelta_schema,
    "uuid": core_schema.uuid_schema,
    **{f"uuid{version}": partial(core_schema.uuid_schema, version=version) for version in (1, 3, 4, 5, 6, 7, 8)},
    BYTES: core_schema.bytes_schema,
}
_SETTINGS: Any = {"val_json_bytes": "base64"}
_BOUNDS = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}


TYPES = "x-types"
"""Stands in a schema of an answer that may be tagged, `{"$type": ..., "value": ...}`: the names that it may have."""

_ACCEPTING = frozenset(
    {"function-before", "function-wrap", "function-plain", "complex", "named-tuple", "call", "custom-error"}
)
_ITSELF = {
    **dict.fromkeys(("nullable", "default", "function-after", "definitions", "model", "dataclass"), ("schema",)),
    "lax-or-strict": ("lax_schema", "strict_schema"),
    "json-or-python": ("json_schema", "python_schema"),
}
"""What is in a schema and reads the same value."""
_CHANGING = ("strip_whitespace", "to_lower", "to_upper")


def answer_schema(adapter: TypeAdapter[Any], tags: Collection[str] | None = None) -> dict[str, Any]:
    """The JSON schema of an answer, marked where it does not say all that its type accepts.

    Args:
        adapter: Its type.
        tags: The names that it may be tagged with; None for any.
    """
    schema = json_schema(adapter, _is_open)
    return {**schema, TYPES: sorted(tags)} if tags and not schema.get(ACCEPTS_MORE) else schema


def answer_schema_as_before(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """What earlier releases have written of an answer, but for its types: by that, questions are the same ones."""
    schema = json_schema_as_before(adapter)
    return {**schema, ACCEPTS_MORE: True} if _accepts_more(adapter.core_schema) else schema


def without_types(schema: Any) -> Any:
    """The schema of an answer as earlier releases have it, which do not name its types."""
    if not isinstance(schema, dict):
        return schema
    return {name: part for name, part in cast("dict[str, Any]", schema).items() if name != TYPES}


def _is_open(schema: Core, known: Mapping[str, Core], seen: tuple[str, ...] = ()) -> bool:
    """Whether a part of a type, by itself, accepts what the JSON schema that pydantic writes for it does not show."""
    kind = str(schema.get("type"))
    if kind == "definition-ref":
        ref: str = schema["schema_ref"]
        return ref in known and ref not in seen and _is_open(known[ref], known, (*seen, ref))
    config: Core = schema.get("config") or {}
    if (
        kind in _ACCEPTING
        or any(map(schema.get, _CHANGING))
        or config.get("populate_by_name")
        or config.get("validate_by_name")
    ):
        return True
    if kind in HOLDERS:
        fields: list[Any] = []
        with_fields(dict(schema), lambda _, field: fields.append(field) or field)
        return has_clashing(dict(schema)) or any(isinstance(field.get("validation_alias"), list) for field in fields)
    inside = [schema[name] for name in _ITSELF.get(kind, ()) if isinstance(schema.get(name), dict)]
    return any(_is_open(part, known, seen) for part in (*inside, *schema.get("steps", ())))


def _accepts_more(schema: Any) -> bool:
    """Whether a type accepts what the JSON schema that pydantic writes for it does not show.

    Args:
        schema: Its core schema.
    """
    if isinstance(schema, list | tuple):
        return any(_accepts_more(item) for item in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return False
    known = cast("dict[str, Any]", schema)
    if known.get("type") in _ACCEPTING or any(known.get(name) for name in _CHANGING):
        return True
    config: Any = known.get("config") or {}
    if config.get("populate_by_name") or config.get("validate_by_name"):
        return True
    if isinstance(known.get("validation_alias"), list) or has_clashing(known):
        return True
    for key, value in known.items():
        if key in BY_NAME and isinstance(value, dict):
            parts: list[Any] = list(cast("dict[Any, Any]", value).values())  # their names are the user's
        else:
            parts = [value] if key not in ("metadata", "serialization") else []
        if any(map(_accepts_more, parts)):
            return True
    return False


def answer_errors(schema: dict[str, Any], answer: Any) -> Errors:
    """What is wrong with an answer; thousands of questions that are answered together have the same few schemas."""
    return _validator(json.dumps(schema))(answer)


@functools.lru_cache(maxsize=64)
def _validator(schema: str) -> Callable[[Any], Errors]:
    return schema_validator(json.loads(schema))


def schema_validator(schema: dict[str, Any]) -> Callable[[Any], Errors]:
    """Make a function that says what is wrong with a value, by field; nothing where it fits.

    Args:
        schema: A JSON schema as pydantic writes it. One that cannot be understood accepts anything.
    """
    if schema.get(ACCEPTS_MORE):
        return lambda value: []
    try:
        converter = _Converter(schema)
        validator = SchemaValidator(converter.convert(), _SETTINGS)
        members = {name: SchemaValidator(made, _SETTINGS) for name, made in converter.members().items()}
    except (SchemaError, RecursionError, ValueError, TypeError, AttributeError):
        return lambda value: []
    types: Any = schema.get(TYPES)
    names = cast("list[Any]", types) if isinstance(types, list) else []

    def errors(value: Any) -> Errors:
        tag = tag_of(value) if names else None
        if tag is not None and tag not in names:
            message = f"{tag!r} is none of its types: {', '.join(map(str, names))}"
            return [{"loc": [], "msg": message, "type": "unknown_type"}]
        if tag is not None and (tag not in members or tag_of(value["value"]) in names):
            return []  # a subclass, of which the schema says nothing
        reader = validator if tag is None else members[tag]
        try:
            reader.validate_json(json.dumps(value if tag is None else value["value"]))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            return [{"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]} for item in found]
        except (ValueError, RecursionError) as error:
            return [{"loc": [], "msg": str(error), "type": "json"}]
        return []

    return errors


class _Converter:
    def __init__(self, root: Schema) -> None:
        self._root = root
        definitions = root.get("$defs")
        self._definitions: Schema = cast("Schema", definitions) if isinstance(definitions, dict) else {}

    def convert(self) -> Any:
        definitions: list[Any] = []
        for name, schema in self._definitions.items():
            made = core_schema.any_schema() if self._is_itself(name) else self._of(schema)
            # A definition that is itself only a reference cannot carry a ref of its own.
            wrapped = core_schema.nullable_schema(made) if made.get("type") == "definition-ref" else dict(made)
            definitions.append({**wrapped, "ref": f"#/$defs/{name}"})
        return core_schema.definitions_schema(self._of(self._root), definitions)

    def members(self) -> dict[str, Any]:
        """The definitions that an answer may be named to be, by name."""
        made: Any = self.convert()
        choices: Any = self._root.get("anyOf")
        labels = map(_label, cast("list[Any]", choices) if isinstance(choices, list) else ())
        found = {name: f"#/$defs/{name}" for name in labels if name in self._definitions}
        return {
            name: core_schema.definitions_schema(core_schema.definition_reference_schema(ref), made["definitions"])
            for name, ref in found.items()
        }

    def _is_itself(self, name: str) -> bool:
        """Whether a definition leads to itself through nothing that reads anything: it would never end."""
        seen: set[str] = set()
        ahead = [name]
        while ahead:
            for reached in _direct(self._definitions.get(ahead.pop())):
                if reached == name:
                    return True
                if reached not in seen:
                    seen.add(reached)
                    ahead.append(reached)
        return False

    def _of(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return core_schema.any_schema()
        known = cast("dict[str, Any]", schema)
        if known.get(ACCEPTS_MORE):
            return core_schema.any_schema()
        reference = known.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix("#/$defs/")
            return (
                core_schema.definition_reference_schema(reference)
                if name in self._definitions
                else core_schema.any_schema()
            )
        if "const" in known:
            return self._literal([known["const"]])
        if isinstance(known.get("enum"), list):
            values = cast("list[Any]", known["enum"])
            # Numbers may come as text, as they may for any number.
            is_number = known.get("type") == "integer"
            return self._literal([*values, *(str(value) for value in values)] if is_number else values)
        tagged = self._tagged(known)
        if tagged is not None:
            return tagged
        for several in ("anyOf", "oneOf"):
            if isinstance(known.get(several), list) and known[several]:
                return self._union(known[several])
        if isinstance(known.get("allOf"), list) and len(known["allOf"]) == 1:
            return self._of(known["allOf"][0])
        convert = getattr(self, f"_{known.get('type')}", None) if isinstance(known.get("type"), str) else None
        return convert(known) if convert is not None else core_schema.any_schema()

    def _tagged(self, schema: dict[str, Any]) -> Any:
        """A union that a field of its members tells apart."""
        discriminator: Any = schema.get("discriminator")
        if not isinstance(discriminator, dict) or not isinstance(schema.get("oneOf"), list):
            return None
        name, mapping = cast("Any", discriminator).get("propertyName"), cast("Any", discriminator).get("mapping")
        if not isinstance(name, str) or not isinstance(mapping, dict):
            return None
        choices: dict[Any, Any] = {tag: self._of({"$ref": ref}) for tag, ref in cast("dict[str, Any]", mapping).items()}
        # The names in a JSON object are texts, also of tags that are numbers.
        numbers = {int(tag): choice for tag, choice in choices.items() if _NUMBER.fullmatch(tag)}
        return core_schema.tagged_union_schema({**choices, **numbers}, discriminator=name)

    def _union(self, choices: list[Any]) -> Any:
        is_null = [isinstance(choice, dict) and cast("Any", choice).get("type") == "null" for choice in choices]
        others = [choice for choice, null in zip(choices, is_null, strict=True) if not null]
        if any(isinstance(choice, dict) and cast("Any", choice).get("format") == DECIMAL for choice in others):
            others = [choice for choice in others if choice.get("type") != "number"]  # which it reads, too
        if not others:
            return core_schema.none_schema()
        made = self._of(others[0]) if len(others) == 1 else self._several(others)
        return core_schema.nullable_schema(made) if any(is_null) else made

    def _several(self, choices: list[Any]) -> Any:
        return core_schema.union_schema([(self._of(choice), _label(choice)) for choice in choices])

    def _literal(self, values: list[Any]) -> Any:
        if not values or not all(isinstance(value, str | int | bool) for value in values):
            return core_schema.any_schema()
        return core_schema.literal_schema(values)

    def _object(self, schema: dict[str, Any]) -> Any:
        properties = schema.get("properties")
        extra = schema.get("additionalProperties", True)
        if not isinstance(properties, dict):
            values = self._of(extra) if isinstance(extra, dict) else core_schema.any_schema()
            return core_schema.dict_schema(core_schema.str_schema(), values)
        required: Any = schema.get("required", ())
        fields = {
            name: core_schema.typed_dict_field(self._of(value), required=name in required)
            for name, value in cast("dict[str, Any]", properties).items()
        }
        return core_schema.typed_dict_schema(fields, extra_behavior="forbid" if extra is False else "allow")

    def _array(self, schema: dict[str, Any]) -> Any:
        prefix = schema.get("prefixItems")
        count = len(cast("list[Any]", prefix)) if isinstance(prefix, list) else 0
        if isinstance(prefix, list) and count and schema.get("maxItems") == schema.get("minItems") == count:
            return core_schema.tuple_schema([self._of(item) for item in cast("list[Any]", prefix)])
        items = self._of(schema.get("items"))
        if schema.get("uniqueItems") is True:
            return core_schema.list_schema(items)
        return core_schema.list_schema(items, min_length=schema.get("minItems"), max_length=schema.get("maxItems"))

    def _string(self, schema: dict[str, Any]) -> Any:
        if schema.get("format") == DECIMAL:
            bounds: Any = {name: Decimal(str(bound)) for name, bound in self._bounds(schema).items()}
            return core_schema.decimal_schema(allow_inf_nan=True, **bounds)
        if schema.get("format") == "date-time" and schema.get(ZONE) in ("aware", "naive"):
            return core_schema.datetime_schema(tz_constraint=schema[ZONE])
        made = _FORMATS.get(str(schema.get("format")))
        if made is not None:
            return made()
        return core_schema.str_schema(
            min_length=schema.get("minLength"), max_length=schema.get("maxLength"), pattern=schema.get("pattern")
        )

    def _integer(self, schema: dict[str, Any]) -> Any:
        return core_schema.int_schema(strict=_is_strict(schema), **self._bounds(schema))

    def _number(self, schema: dict[str, Any]) -> Any:
        return core_schema.float_schema(strict=_is_strict(schema), **self._bounds(schema))

    @staticmethod
    def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
        return {ours: schema[name] for name, ours in _BOUNDS.items() if isinstance(schema.get(name), int | float)}

    def _boolean(self, schema: dict[str, Any]) -> Any:
        return core_schema.bool_schema(strict=_is_strict(schema))

    def _null(self, schema: dict[str, Any]) -> Any:
        return core_schema.none_schema()


def _is_strict(schema: Schema) -> bool | None:
    return True if schema.get(STRICT) is True else None


_NUMBER = re.compile(r"-?\d{1,15}")
_LABELS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict"}


def _label(schema: Any) -> str:
    """What stands in the place of an error for a member of a union, as pydantic calls it."""
    if not isinstance(schema, dict):
        return "any"
    known = cast("dict[str, Any]", schema)
    reference = known.get("$ref")
    if isinstance(reference, str):
        return reference.rpartition("/")[2]
    return str(known.get("title") or _LABELS.get(str(known.get("type")), "any"))


def _direct(schema: Any) -> list[str]:
    """The definitions that a schema leads to through nothing that reads anything."""
    if not isinstance(schema, dict):
        return []
    known = cast("dict[str, Any]", schema)
    reference = known.get("$ref")
    found = [reference.removeprefix("#/$defs/")] if isinstance(reference, str) else []
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(known.get(several), list):
            found += [name for choice in known[several] for name in _direct(choice)]
    return found
