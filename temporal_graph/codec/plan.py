"""How a state merges, read from the schema that its values are written by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, cast

from ..engine.state import AUTO, Json, Plan
from ..merge import MERGE, Merge
from .schema import ANY, CLASS, PAIRS, SUBCLASSES, TAGS, tools
from .text import compact

Schema: TypeAlias = dict[str, Any]

_SET, _PAIRS = Plan("set"), Plan("pairs")
_ANYTHING = Plan(tags={"set": _SET, "frozenset": _SET, "dict": _PAIRS, "tuple": Plan("atomic")})
_PAIRS.each = _ANYTHING.each = _ANYTHING


class Schemas(Protocol):
    """What the plans need of the codec."""

    def schema_of(self, type_: Any) -> Schema:
        """The schema that the values of a type are written by."""
        ...


def plan_of(type_: Any, schemas: Schemas) -> Plan:
    """How the values of a type merge.

    Args:
        type_: The type.
        schemas: Where its schema is, and those of subclasses.
    """
    return _Planner(schemas, {}).plan(schemas.schema_of(type_))


class _Planner:
    """Reads one schema; what is under a reference, and each class, is read once, so that types may be in themselves."""

    def __init__(self, schemas: Schemas, classes: dict[type, Plan]) -> None:
        self._schemas = schemas
        self._classes = classes
        self._definitions: list[Schema] = []
        self._plans: dict[str, Plan] = {}

    def plan(self, schema: Any) -> Plan:
        metadata: Mapping[str, Any] = schema.get("metadata") or {}
        if MERGE in metadata:
            return self._custom(metadata[MERGE], schema)
        if ANY in metadata:
            return _ANYTHING
        if PAIRS in metadata:
            values = metadata[PAIRS]
            return Plan("pairs", each=self.plan(values))
        if TAGS in metadata:
            return Plan(tags={name: self.plan(choice) for name, choice in metadata[TAGS].items()})
        if CLASS in metadata:
            plain = schema["choices"][-1][0]
            tags = {name: self._class(subclass) for name, subclass in metadata[SUBCLASSES].items()}
            own = self.plan(plain)
            return Plan(own.kind, own.fields, own.each, tags, own.merge)
        return self._by_type(schema)

    def _by_type(self, schema: Schema) -> Plan:
        kind = schema.get("type")
        if kind == "definitions":
            self._definitions.extend(schema["definitions"])
            return self.plan(schema["schema"])
        if kind == "definition-ref":
            return self._reference(schema["schema_ref"])
        if kind in ("set", "frozenset"):
            return _SET
        if kind == "list":
            return Plan(each=self.plan(schema["items_schema"]))
        if kind == "dict":
            return Plan(each=self.plan(schema["values_schema"]))
        if kind in ("model-fields", "typed-dict", "dataclass-args"):
            return Plan(fields=self._fields(schema["fields"]))
        inner = schema.get("schema") or schema.get("json_schema") or schema.get("lax_schema")
        return self.plan(inner) if isinstance(inner, dict) else AUTO

    def _fields(self, fields: Any) -> dict[str, Plan]:
        # Those of a dataclass are a list.
        named: list[tuple[str, Any]] = (
            list(cast("dict[str, Any]", fields).items())
            if isinstance(fields, dict)
            else [(item["name"], item) for item in fields]
        )
        return {name: self.plan(item["schema"]) for name, item in named}

    def _reference(self, ref: str) -> Plan:
        if ref not in self._plans:
            found = [item for item in self._definitions if item.get("ref") == ref]
            self._plans[ref] = made = Plan()
            _fill(made, self.plan(found[0]) if found else AUTO)
        return self._plans[ref]

    def _class(self, cls: type) -> Plan:
        if cls not in self._classes:
            self._classes[cls] = made = Plan()
            _fill(made, _Planner(self._schemas, self._classes).plan(self._schemas.schema_of(cls)))
        return self._classes[cls]

    def _custom(self, rule: Merge, schema: Schema) -> Plan:
        validator, serializer = tools({"type": "definitions", "schema": schema, "definitions": self._definitions})

        def load(data: Json) -> Any:
            return validator.validate_json(compact(data), by_alias=True, by_name=True)

        def merge(base: Json, current: Json, mine: Json) -> Json:
            began = None if base is None else load(base)
            merged = rule.function(began, load(current), load(mine))
            return json.loads(serializer.to_json(merged, warnings="error", by_alias=False))

        return Plan("custom", merge=merge)


def _fill(plan: Plan, other: Plan) -> None:
    plan.kind, plan.fields, plan.each = other.kind, other.fields, other.each
    plan.tags, plan.merge = other.tags, other.merge
