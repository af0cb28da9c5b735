"""pydantic's core schemas, rewritten so that what is written comes back as what it was.

The members of a union, and subclasses where their base is declared, are written as `{"$type": name, "value": ...}`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic_core import SchemaSerializer, SchemaValidator, core_schema

from .errors import EncodeError

Schema = dict[str, Any]

EXACT = frozenset({"int", "float", "bool", "str", "none"})
"""Types that JSON tells apart by itself."""
CLASSES = frozenset({"model", "dataclass"})
_NOT_SCHEMAS = frozenset({"metadata", "default", "expected", "members", "cls", "config", "ref"})
SETTINGS: Mapping[str, Any] = {"ser_json_bytes": "base64", "val_json_bytes": "base64", "ser_json_inf_nan": "strings"}
"""Under these, bytes that are no text and floats that are no numbers come back."""


def rewrite(schema: Any) -> Any:
    """A copy of a schema in which every union, set and class writes what it needs in order to come back."""
    definitions: list[Any] = []
    new = _rewrite(schema, definitions)
    if new.get("type") == "definitions":
        definitions.extend(new["definitions"])
    return new


def _rewrite(schema: Any, definitions: list[Any]) -> Any:
    if isinstance(schema, list):
        return [_rewrite(item, definitions) for item in cast("list[Any]", schema)]
    if isinstance(schema, tuple):
        return tuple(_rewrite(item, definitions) for item in cast("tuple[Any, ...]", schema))
    if not isinstance(schema, dict):
        return schema
    old = cast("Schema", schema)
    new: Schema = {key: value if key in _NOT_SCHEMAS else _rewrite(value, definitions) for key, value in old.items()}
    if isinstance(new.get("config"), dict):
        new["config"] = {**new["config"], **SETTINGS}
    kind = new.get("type")
    if kind == "union" and "choices" in new:
        return _union(new, definitions)
    if kind in ("set", "frozenset") and "items_schema" in new and "serialization" not in new:
        new["serialization"] = core_schema.wrap_serializer_function_ser_schema(_sorted, schema=_plain(new))
    return new


def _plain(schema: Schema) -> Any:
    return {key: value for key, value in schema.items() if key != "ref"}


def _sorted(value: Any, handler: Callable[[Any], Any]) -> Any:
    # Sets have another order in each process; what is written must not.
    return sorted(handler(value), key=lambda item: json.dumps(item, sort_keys=True, default=str))


def _union(schema: Schema, definitions: list[Any]) -> Any:
    choices: list[Schema] = [
        cast("Schema", choice[0] if isinstance(choice, tuple) else choice) for choice in schema["choices"]
    ]
    if all(choice.get("type") in EXACT for choice in choices):
        return schema
    members = _Members(choices, definitions)
    tagged = [
        core_schema.no_info_after_validator_function(
            _value_of,
            core_schema.typed_dict_schema(
                {
                    "$type": core_schema.typed_dict_field(core_schema.literal_schema([name])),
                    "value": core_schema.typed_dict_field(cast("Any", choice)),
                },
                extra_behavior="forbid",
            ),
        )
        for name, choice in zip(members.names, choices, strict=True)
    ]
    union = core_schema.union_schema([*tagged, cast("Any", schema)], mode="left_to_right")
    union["serialization"] = core_schema.plain_serializer_function_ser_schema(members.dump, info_arg=True)
    return union


def _value_of(tagged: dict[str, Any]) -> Any:
    return tagged["value"]


class _Members:
    """The members of one union: which of them a value is, and how it is written."""

    def __init__(self, choices: list[Schema], definitions: list[Any]) -> None:
        self.choices = choices
        self._definitions = definitions
        self.names = _unique([_name(choice) for choice in choices])
        self._tools: list[tuple[SchemaValidator, SchemaSerializer] | None] = [None] * len(choices)

    def dump(self, value: Any, info: Any) -> Any:
        index = self._find(value)
        data = self._tool(index)[1].to_python(value, mode="json", warnings="error")
        return data if value is None else {"$type": self.names[index], "value": data}

    def _find(self, value: Any) -> int:
        for index, choice in enumerate(self.choices):
            if self._class_of(choice) is type(value):
                return index
        for index in range(len(self.choices)):
            if self._tool(index)[0].isinstance_python(value, strict=True):
                return index
        raise EncodeError(f"{value!r} is none of {', '.join(self.names)}")

    def _class_of(self, choice: Schema) -> Any:
        if choice.get("type") == "definition-ref":
            found = [d for d in self._definitions if d.get("ref") == choice["schema_ref"]]
            choice = found[0] if found else choice
        return choice.get("cls") if choice.get("type") in CLASSES else None

    def _tool(self, index: int) -> tuple[SchemaValidator, SchemaSerializer]:
        tool = self._tools[index]
        if tool is None:
            schema = core_schema.definitions_schema(cast("Any", self.choices[index]), self._definitions)
            tool = (
                SchemaValidator(schema, None, _use_prebuilt=False),  # pyright: ignore[reportCallIssue]
                SchemaSerializer(schema, None, _use_prebuilt=False),  # pyright: ignore[reportCallIssue]
            )
            self._tools[index] = tool
        return tool


def _name(schema: Schema) -> str:
    cls: Any = schema.get("cls")
    if schema.get("type") == "definition-ref":
        # Its own ref ends with an address, which another process does not know.
        return str(schema["schema_ref"]).rpartition(":")[0].rpartition(".")[2]
    if isinstance(cls, type):
        return cls.__name__
    kind = str(schema.get("type"))
    inner = schema.get("items_schema") or schema.get("schema")
    if isinstance(inner, dict):
        return f"{kind}[{_name(cast('Schema', inner))}]"
    if kind == "enum" and isinstance(cls, enum.EnumMeta):
        return cls.__name__
    return kind


def _unique(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name}#{index}" for index, name in enumerate(names)]
