"""What people give in Python, as the JSON that its own class reads: not the one that its class writes for others.

That one may have asterisks for a secret, leave out fields, and call others by names that are not read.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, cast

from pydantic_core import SchemaSerializer, core_schema, to_jsonable_python

from .exact import by_own_names, with_fields
from .forms import are_names, is_named
from .schema import SETTINGS, Rewriter, Schema, pairs_of, reveal_secrets, tools
from .values import adapter_of
from .written import fields_of


def to_form(value: Any) -> Any:
    """An answer, or a part of one, as JSON in the form that its JSON schema shows."""
    return to_jsonable_python(as_form(value), bytes_mode="base64")


def as_form(value: Any) -> Any:
    """The same, of which only what pydantic knows is no JSON yet."""
    kind = cast("type[Any]", type(value))
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [as_form(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return _dict_form(cast("dict[Any, Any]", value))
    if isinstance(value, Enum):
        return value.name if is_named(kind) else value
    if callable(getattr(kind, "get_secret_value", None)):
        return as_form(value.get_secret_value())
    is_known = fields_of(value) is not None or hasattr(kind, "__get_pydantic_core_schema__")
    return _object_form(value) if is_known else value


def _dict_form(value: dict[Any, Any]) -> Any:
    pairs = [(as_form(key), as_form(item)) for key, item in value.items()]
    is_object = not any(isinstance(key, tuple | frozenset) or fields_of(key) is not None for key in value)
    return dict(pairs) if is_object else [list(pair) for pair in pairs]


def _object_form(value: Any) -> Any:
    return _writer(cast("type[Any]", type(value))).to_python(
        value, mode="json", by_alias=True, round_trip=True, warnings=False
    )


@functools.lru_cache(maxsize=256)
def _writer(cls: type[Any]) -> SchemaSerializer:
    return tools(_Reading().rewrite(reveal_secrets(adapter_of(cls).core_schema)))[1]


class _Reading(Rewriter):
    """Makes of a schema one that writes what the schema reads."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None))
        self._known: Mapping[str, Schema] = {}
        self._rewriters: dict[str, Callable[[Schema], Any]] = {
            "model": _settled,
            "dataclass": _settled,
            "model-fields": _as_read,
            "dataclass-args": _as_read,
            "typed-dict": lambda schema: _settled(_as_read(schema)),
            "enum": _named,
            "any": _open,
            "dict": self._pairs,
        }

    def rewrite(self, schema: Any) -> Any:
        definitions: list[Any] = schema.get("definitions", [])
        self._known = {item["ref"]: item for item in definitions if "ref" in item}
        return super().rewrite(schema)

    def _pairs(self, schema: Schema) -> Any:
        keys, values = schema.get("keys_schema"), schema.get("values_schema") or core_schema.any_schema()
        if keys is None or "serialization" in schema or are_names(keys, self._known):
            return schema
        pairs: Any = core_schema.list_schema(core_schema.tuple_schema([keys, values]))
        return {**schema, "serialization": core_schema.wrap_serializer_function_ser_schema(pairs_of, schema=pairs)}

    def _is_instance(self, schema: Schema, *, inside: bool) -> Any:
        return schema


def _settled(schema: Schema) -> Any:
    config: Schema = schema.get("config") or {}
    return {**schema, "config": {**config, **SETTINGS}}


def _as_read(holder: Schema) -> Any:
    """A schema with its fields under the names by which they are read, whatever others see of them."""
    return with_fields(by_own_names(holder), lambda _, field: _field(field))


def _field(schema: Schema) -> Schema:
    left_out = ("serialization_exclude", "serialization_exclude_if", "serialization_alias")
    field = {key: item for key, item in schema.items() if key not in left_out}
    alias = field.get("validation_alias")
    return {**field, "serialization_alias": alias} if isinstance(alias, str) else field


def _open(schema: Schema) -> Any:
    if "serialization" in schema:
        return schema
    return {**schema, "serialization": core_schema.plain_serializer_function_ser_schema(to_form)}


def _named(schema: Schema) -> Any:
    if not is_named(schema["cls"]):
        return schema
    return {**schema, "serialization": core_schema.plain_serializer_function_ser_schema(lambda member: member.name)}
