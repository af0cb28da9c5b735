"""The fields of a type by name, each with what writes its values as they stand in a whole one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from pydantic_core import SchemaError, SchemaSerializer, SchemaValidator

from ..engine.state import Json
from .bare import Everything, Writing, writing
from .differing import differences
from .exact import HOLDERS
from .schema import PAIRS, PLAIN, SUBCLASSES, TAGS, Schema, tools

Tools = tuple[SchemaValidator, SchemaSerializer]


class Schemas(Protocol):
    """What is needed of the codec."""

    def schema_of(self, type_: Any) -> Schema:
        """The schema that the values of a type are written by."""
        ...


class FieldWriters:
    """What writes the fields of a type, of its subclasses, and of the members of a union.

    Args:
        schema: The (rewritten) schema of the type.
        schemas: Where those of its subclasses are.
    """

    def __init__(self, schema: Schema, schemas: Schemas) -> None:
        self._schemas = schemas
        self._named: dict[str, list[tuple[Schema, list[Any]]]] = {}
        self._others: list[tuple[Schema, list[Any]]] = []
        self._made: dict[str, list[Tools]] = {}
        self._collect(schema, [], set())

    def write(self, name: str, value: Any) -> Json:
        """A value of a field as JSON.

        Raises:
            LookupError: There is no such field, or it is not of its type, so that it says by itself what it is.
        """
        for reader, writer in self._tools(name):
            with contextlib.suppress(Exception):  # of a class's own code, too: as plain JSON it may be what is meant
                return json.loads(_written(value, reader, writer))
        raise LookupError(name)

    @property
    def names(self) -> list[str] | None:
        """The names of the fields; None where there may be any."""
        return None if self._others or not self._named else list(self._named)

    def check(self, name: str, value: Any) -> Exception | None:
        """Why a value of a field cannot be written; None where it can, or where nobody knows the field."""
        found: Exception | None = None
        for _, writer in self._tools(name):
            try:
                writer.to_json(value, warnings="error", by_alias=False)
                return None
            except Exception as error:  # of a class's own code, too
                found = found or error
        return found

    def _tools(self, name: str) -> list[Tools]:
        if name not in self._made:
            self._made[name] = list(_made(self._named.get(name) or self._others))
        return self._made[name]

    def _collect(self, schema: Any, definitions: list[Any], seen: set[int]) -> None:
        """Find the fields in a schema, which may be in itself."""
        if not isinstance(schema, dict) or id(cast("Any", schema)) in seen:
            return
        known = cast("Schema", schema)
        seen.add(id(known))
        metadata: Mapping[str, Any] = known.get("metadata") or {}
        kind = known.get("type")
        if TAGS in metadata:
            self._collect_all(metadata[TAGS].values(), definitions, seen)
        elif PLAIN in metadata:
            self._collect(metadata[PLAIN], definitions, seen)
            for subclass in metadata.get(SUBCLASSES, {}).values():
                self._collect(self._schemas.schema_of(subclass), [], seen)
        elif PAIRS in metadata:
            self._others.append((metadata[PAIRS], definitions))
        elif kind == "definitions":
            self._collect(known["schema"], [*definitions, *known["definitions"]], seen)
        elif kind == "definition-ref":
            found = (item for item in definitions if item.get("ref") == known["schema_ref"])
            self._collect(next(found, None), definitions, seen)
        elif kind in ("union", "tagged-union"):
            choices: Any = known["choices"]
            self._collect_all(choices.values() if isinstance(choices, dict) else choices, definitions, seen)
        elif kind in HOLDERS:
            fields: Any = known["fields"]
            # Those of a dataclass are a list.
            named: list[tuple[str, Any]] = (
                list(cast("dict[str, Any]", fields).items())
                if isinstance(fields, dict)
                else [(each["name"], each) for each in fields]
            )
            for name, item in named:
                self._named.setdefault(name, []).append((item["schema"], definitions))
            if known.get("extras_schema"):
                self._others.append((known["extras_schema"], definitions))
        elif known.get("values_schema"):
            self._others.append((known["values_schema"], definitions))
        else:
            self._collect(known.get("schema") or known.get("json_schema"), definitions, seen)

    def _collect_all(self, choices: Any, definitions: list[Any], seen: set[int]) -> None:
        for choice in choices:
            self._collect(choice[0] if isinstance(choice, tuple) else choice, definitions, seen)


def _written(value: Any, reader: SchemaValidator, writer: SchemaSerializer) -> bytes:
    """A value as a serializer of the user's writes it; without that, where something would be lost."""
    data = _written_so(value, writer, how := Writing())
    if how.met:
        try:
            read = reader.validate_json(data, by_alias=True, by_name=True)
        except Exception:  # who reads it says so, in place
            return data
        if next(differences(value, read, is_strict=True), None) is not None:
            return _written_so(value, writer, Writing(Everything()))
    return data


def _written_so(value: Any, writer: SchemaSerializer, how: Writing) -> bytes:
    token = writing.set(how)
    try:
        return writer.to_json(value, warnings="error", by_alias=False)
    finally:
        writing.reset(token)


def _made(found: list[tuple[Schema, list[Any]]]) -> Iterator[Tools]:
    for schema, definitions in found:
        try:
            yield tools({"type": "definitions", "schema": schema, "definitions": definitions})
        except SchemaError:
            continue
