"""Fields of dataclasses that `__init__` does not take, and that have no default: `__post_init__` makes them, or a node.

pydantic leaves them out of a schema, and so they would not be written.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Container
from contextvars import ContextVar
from typing import Any, cast

from pydantic_core import ValidationError, core_schema

from .errors import UnsupportedTypeError
from .exact import Schema, mapped, parts
from .written import Written, fields_of, is_written

UNMADE: Any = object()
"""Stands for a field that was not given."""
LATE = "temporal_graph.late"
"""In the metadata of a field: `__init__` does not take it."""
CLASS = "temporal_graph.class"
"""In the metadata of what reads a class: which one it is."""

looking: ContextVar[bool] = ContextVar("temporal_graph_looking", default=False)
"""Whether values are only looked at, and not made."""


def with_late_fields(schema: Any, schema_of: Callable[[Any], Any]) -> Any:
    """A copy of a core schema that has such fields.

    Args:
        schema: The schema.
        schema_of: Gives the core schema of a type.

    Raises:
        UnsupportedTypeError: One of them has its own class in it.
    """
    return _Completer(schema_of).completed(schema) if _has_some(schema) else schema


class _Completer:
    def __init__(self, schema_of: Callable[[Any], Any]) -> None:
        self._schema_of = schema_of
        self._under_way: list[type] = []
        self._definitions: dict[str, Any] = {}

    def completed(self, schema: Any) -> Any:
        new = self._alone(self.complete(schema))
        definitions = list(self._definitions.values())
        if not definitions:
            return new
        defined: list[Any] = [{**_unnamed(item, self._definitions), "ref": item["ref"]} for item in definitions]
        return core_schema.definitions_schema(_unnamed(new, self._definitions), defined)

    def complete(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self.complete(item) for item in cast("list[Any]", schema)]
        if isinstance(schema, tuple):
            return tuple(self.complete(item) for item in cast("tuple[Any, ...]", schema))
        if not isinstance(schema, dict):
            return schema
        new = mapped(cast("Schema", schema), self.complete)
        names = _late_names(new)
        if names:
            cls: type = new["cls"]
            added = [self._field(cls, name) for name in names]
            new["schema"] = {**new["schema"], "fields": [*new["schema"]["fields"], *added]}
        return new

    def _field(self, cls: type, name: str) -> Any:
        if cls in self._under_way:
            raise UnsupportedTypeError(
                f"field {name!r} of {cls.__qualname__} is left to __post_init__, and holds the class itself; give it a "
                "default: field(init=False, default=None)"
            )
        self._under_way.append(cls)
        try:
            made = self._alone(self.complete(self._schema_of(_hint(cls, name))))
        finally:
            self._under_way.pop()
        schema = core_schema.with_default_schema(made, default=UNMADE)
        return core_schema.dataclass_field(name, schema, init=False)

    def _alone(self, schema: Any) -> Any:
        """A schema without its definitions, which are those of the whole: no two may have one name."""
        if schema["type"] != "definitions":
            return schema
        for item in schema["definitions"]:
            self._definitions.setdefault(item["ref"], item)
        return schema["schema"]


def late_in(fields: Schema) -> frozenset[str]:
    """The fields of a (rewritten) dataclass that its `__init__` does not take."""
    if fields.get("type") != "dataclass-args":
        return frozenset()
    return frozenset(field["name"] for field in fields["fields"] if LATE in (field.get("metadata") or {}))


def late_reader(schema: Schema, late: frozenset[str]) -> Any:
    """A dataclass's schema that lets such fields be what was given, once `__post_init__` has run."""
    runs = bool(schema.get("post_init"))

    def finish(value: Any) -> Any:
        if looking.get():
            return value
        given = frozenset(name for name in late if getattr(value, name, UNMADE) is not UNMADE)
        for name in late - given:
            object.__delattr__(value, name)
        written = Written(value, given)
        if runs:
            value.__post_init__()
        return written.kept_in(value)

    inside: Any = {key: item for key, item in schema.items() if key not in ("post_init", "ref", "serialization")}
    return core_schema.no_info_after_validator_function(finish, inside, metadata=dict(schema.get("metadata") or {}))


def init_reader(schema: Schema, model: Schema) -> Any:
    """A schema of a model with an `__init__` of its own, which is called with the fields once these are read.

    Such a call makes what is no field. What was written stays what it was; and where it takes other arguments than the
    fields, these have been read without it.

    Args:
        schema: What reads the fields.
        model: The schema of the model itself.
    """
    cls: Any = model["cls"]
    names = _names_given(model["schema"])

    def init(value: Any) -> Any:
        if looking.get():
            return value
        written = Written(value)
        try:
            found = cls(**{names.get(name, name): item for name, item in (fields_of(value) or {}).items()})
        except (TypeError, ValidationError):
            return value
        except Exception:
            if is_written.get():
                return value
            raise
        return written.kept_in(found) if is_written.get() else found

    return core_schema.no_info_after_validator_function(init, cast("Any", schema), metadata={CLASS: cls})


def _names_given(fields: Schema) -> dict[str, str]:
    """The aliases of the fields of a model that are its names for `__init__`."""
    while fields.get("type") != "model-fields" and isinstance(fields.get("schema"), dict):
        fields = fields["schema"]
    named: dict[str, Schema] = fields["fields"] if fields.get("type") == "model-fields" else {}
    aliases = {name: field.get("validation_alias") for name, field in named.items()}
    return {name: alias for name, alias in aliases.items() if isinstance(alias, str)}


def _late_names(schema: Schema) -> list[str]:
    cls: Any = schema.get("cls")
    if schema.get("type") != "dataclass" or not dataclasses.is_dataclass(cls):
        return []
    fields: Schema = schema["schema"]
    if fields.get("type") != "dataclass-args":
        return []
    known = {field["name"] for field in fields["fields"]}
    return [field.name for field in dataclasses.fields(cls) if field.name not in known and not field.init]


def _has_some(schema: Any) -> bool:
    if isinstance(schema, list | tuple):
        return any(map(_has_some, cast("list[Any]", schema)))
    if not isinstance(schema, dict):
        return False
    known = cast("Schema", schema)
    if isinstance(known.get("type"), str) and _late_names(known):
        return True
    return any(map(_has_some, parts(known)))


def _hint(cls: type, name: str) -> Any:
    try:
        return typing.get_type_hints(cls, include_extras=True)[name]
    except Exception:  # of names that only pydantic finds
        return Any


def _unnamed(schema: Any, names: Container[str]) -> Any:
    """A copy of a schema in which nothing has one of these names; such schemas stand there by themselves."""
    if isinstance(schema, list):
        return [_unnamed(item, names) for item in cast("list[Any]", schema)]
    if isinstance(schema, tuple):
        return tuple(_unnamed(item, names) for item in cast("tuple[Any, ...]", schema))
    if not isinstance(schema, dict):
        return schema
    new = mapped(cast("Schema", schema), lambda item: _unnamed(item, names))
    return {key: value for key, value in new.items() if key != "ref" or value not in names}
