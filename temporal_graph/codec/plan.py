"""How a state merges, read from the schema that its values are written by."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias, cast

from pydantic_core import core_schema

from ..engine.state import AUTO, MISSING, Json, Key, Plan
from ..merge import MERGE, Merge
from .bare import Everything, Writing, writing
from .dynamic import BUILTINS
from .exact import UNSET, tag_of
from .schema import ANY, PAIRS, PLAIN, SUBCLASSES, TAGS, tools
from .text import compact
from .written import BARE

Schema: TypeAlias = dict[str, Any]

_SET, _ATOMIC, _NUMBER = Plan("set"), Plan("atomic"), Plan("number")
_UNSET = Plan("set", is_optional=True)
_NUMBERS = frozenset({"int", "float", "decimal", "fraction", "complex", "timedelta"})
_NAMES = frozenset({"enum", "literal", "bool"})
"""What may be written as a number, and counts nothing."""
_OWN = frozenset({"function-before", "function-wrap", "json-or-python", "lax-or-strict", "chain"})
"""What may read a value from another form than the schema inside."""
_AROUND = frozenset({"function-before", "function-wrap", "function-after"})
"""What may be around a default."""
_MAKERS = (int, float, complex, Decimal, Fraction, timedelta)
"""Functions that make the same number each time."""
_LISTS = frozenset({"list", "deque"})
_DICTS = frozenset({"dict", "ordered-dict", "frozendict"})


class Schemas(Protocol):
    """What the plans need of the codec."""

    def schema_of(self, type_: Any) -> Schema:
        """The schema that the values of a type are written by."""
        ...

    def class_of(self, name: str) -> type | None:
        """The class of a name, among those that a value may be of where nothing is declared."""
        ...

    def dump_any(self, value: Any) -> Any:
        """A value of which nothing is declared, as JSON."""
        ...


def plan_of(type_: Any, schemas: Schemas, numbers: Merge | None = None) -> Plan:
    """How the values of a type merge.

    Args:
        type_: The type.
        schemas: Where its schema is, and those of other classes.
        numbers: How the numbers merge that do not say so themselves; None for those that only one branch may change.
    """
    return _Planner(schemas, numbers, _Anything(schemas, numbers)).plan(schemas.schema_of(type_))


class _Anything(Mapping[str, Plan]):
    """The plans of what is tagged where nothing is declared, by tag; each is made when it is asked for.

    Attributes:
        plan: The plan of anything.
        classes: The plans of classes.
    """

    def __init__(self, schemas: Schemas, numbers: Merge | None) -> None:
        self._schemas = schemas
        self._numbers = numbers
        self.classes: dict[type, Plan] = {}
        self.plan = Plan(tags=self, merge=None if numbers is None else self._by_json(numbers))
        self.plan.each = self.plan
        pairs = Plan("pairs", each=self.plan)
        # A tuple is one value, in which each place may have numbers.
        items = Plan("atomic", each=self.plan, tags=self)
        self._plans: dict[str, Plan] = {"set": _SET, "frozenset": _SET, "dict": pairs, "tuple": items}

    def _by_json(self, rule: Merge) -> Callable[[Json, Json, Json], Json]:
        return lambda base, current, mine: self._schemas.dump_any(rule.function(base, current, mine))

    def __getitem__(self, tag: str) -> Plan:
        if tag not in self._plans:
            cls = BUILTINS.get(tag) or self._schemas.class_of(tag)
            planner = _Planner(self._schemas, self._numbers, self)
            self._plans[tag] = self.plan if cls is None else planner.of_class(cls)
        return self._plans[tag]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


class _Planner:
    """Reads one schema; what is under a reference, and each class, is read once, so that types may be in themselves."""

    def __init__(self, schemas: Schemas, numbers: Merge | None, anything: _Anything) -> None:
        self._schemas = schemas
        self._numbers = numbers
        self._anything = anything
        self._definitions: list[Schema] = []
        self._plans: dict[str, Plan] = {}

    def plan(self, schema: Any, around: Schema | None = None) -> Plan:
        """The plan of the values of a schema.

        Args:
            schema: The schema.
            around: One around it that writes or reads the same values in a way of its own.
        """
        metadata: Mapping[str, Any] = schema.get("metadata") or {}
        if MERGE in metadata:
            return self._ruled("custom", metadata[MERGE], around or schema)
        if ANY in metadata:
            return self._anything.plan
        if PAIRS in metadata:
            values = metadata[PAIRS]
            return Plan("pairs", each=self.plan(values))
        if BARE in metadata.get(TAGS, ()):
            return self._written_by_user(schema, around)
        if TAGS in metadata:
            tags = {name: self.plan(choice) for name, choice in metadata[TAGS].items()}
            plain = self.plan(metadata[PLAIN]) if PLAIN in metadata else Plan()
            return replace(plain, tags=_with(tags, plain))
        if SUBCLASSES in metadata:
            tags = {name: self.of_class(subclass) for name, subclass in metadata[SUBCLASSES].items()}
            return replace(self.plan(metadata[PLAIN]), tags=tags)
        if PLAIN in metadata:
            return self.plan(metadata[PLAIN])
        return self._by_type(schema, around)

    def _written_by_user(self, schema: Schema, around: Schema | None) -> Plan:
        """The plan of what a serializer of the user's writes, or is written without it; see `bare`."""
        plain = schema["metadata"][PLAIN]
        # What a field's serializer writes only a model can write; what merges is written without it.
        is_fields = _is_fields_own(plain)
        plan = self.plan(plain, around if is_fields else around or schema)
        merge = plan.merge
        if is_fields and merge is not None:

            def merge_bare(base: Json, current: Json, mine: Json) -> Json:
                return merge(_bare_value(base), _bare_value(current), _bare_value(mine))

            plan = replace(plan, merge=merge_bare)
        return replace(plan, tags=_with({BARE: self.plan(schema["metadata"][TAGS][BARE])}, plan))

    def _by_type(self, schema: Schema, around: Schema | None) -> Plan:
        kind = schema.get("type")
        if kind == "definitions":
            self._definitions.extend(schema["definitions"])
            return self.plan(schema["schema"], around)
        if kind == "definition-ref":
            return self._reference(schema["schema_ref"], around)
        if kind in _NUMBERS:
            return _NUMBER if self._numbers is None else self._ruled("number", self._numbers, around or schema)
        if kind in _NAMES:
            return _ATOMIC
        if kind in ("set", "frozenset"):
            return _SET
        if kind in _LISTS:
            return Plan(each=self._inner(schema.get("items_schema")))
        if kind in _DICTS:
            return Plan(each=self._inner(schema.get("values_schema")))
        if kind == "counter":
            return Plan(each=self.plan(core_schema.int_schema()))
        if kind == "tuple":
            return self._tuple(schema["items_schema"], schema.get("variadic_item_index"))
        if kind == "named-tuple":  # which is written as a list
            return self._places(schema["fields"])
        if kind in ("model-fields", "typed-dict", "dataclass-args"):
            extras, fields = schema.get("extras_schema"), self._fields(schema["fields"])
            each = None if extras is None else self.plan(extras)
            defaults = self._defaults(_named(schema["fields"]))
            if kind != "model-fields":
                return Plan(fields=fields, each=each, defaults=defaults)
            return Plan(fields={**fields, UNSET: _UNSET}, each=each, optional=(UNSET,), defaults=defaults)
        if kind == "call":
            arguments: list[Any] = schema["arguments_schema"].get("arguments_schema", [])
            return self._places(arguments)
        if kind == "tagged-union":
            return self._chosen(schema["choices"], schema["discriminator"])
        if kind in ("model", "dataclass"):
            return self.plan(schema["schema"])
        # What a field's serializer writes only a model can write.
        is_fields = schema.get("serialization", {}).get("is_field_serializer", False)
        if around is None and not is_fields and ("serialization" in schema or kind in _OWN):
            around = schema
        if kind == "json":
            plan = self._inner(schema.get("schema"), around)
            return plan if plan.kind in ("number", "custom") else Plan("text", each=plan)
        inner = schema.get("schema") or schema.get("json_schema") or schema.get("lax_schema")
        plan = self._inner(schema["steps"][-1] if kind == "chain" else inner, around)
        # A rule inside of what may be None does not know it.
        return replace(plan, takes_none=False) if kind == "nullable" and plan.kind == "custom" and not around else plan

    def _inner(self, schema: Any, around: Schema | None = None) -> Plan:
        return self.plan(schema, around) if isinstance(schema, dict) else self._anything.plan

    def _tuple(self, items: list[Any], variadic: int | None) -> Plan:
        plans = [self.plan(item) for item in items]
        each = None if variadic is None else plans[variadic]
        return Plan(fields=dict[Key, Plan](enumerate(plans if variadic is None else plans[:variadic])), each=each)

    def _chosen(self, choices: Mapping[Any, Any], discriminator: Any) -> Plan:
        """The plan of a union whose members a field of theirs tells apart."""
        plans = {key.value if isinstance(key, Enum) else key: self.plan(item) for key, item in choices.items()}
        tags = ChainMap(*(dict(plan.tags) for plan in plans.values()))
        if callable(discriminator):
            return Plan(tags=tags)
        paths: list[Any] = [[discriminator]] if isinstance(discriminator, str) else discriminator
        paths = paths if isinstance(paths[0], list) else [paths]

        def choose(value: Json) -> Plan | None:
            found = [_along(path, value) for path in paths]
            return next((plans[item] for item in found if isinstance(item, str | int) and item in plans), None)

        return Plan(tags=tags, choose=choose)

    def _places(self, items: Sequence[Schema]) -> Plan:
        """The plan of what is written as a list with a place for each."""
        fields: dict[Key, Plan] = {index: self.plan(item["schema"]) for index, item in enumerate(items)}
        return Plan(fields=fields, defaults=self._defaults(dict(enumerate(items))))

    def _fields(self, fields: Any) -> dict[Key, Plan]:
        return {name: self.plan(item["schema"]) for name, item in _named(fields).items()}

    def _defaults(self, fields: Mapping[Any, Schema]) -> dict[Key, Callable[[], Json]]:
        found = {name: _default_of(item["schema"]) for name, item in fields.items()}
        return {name: self._written(schema) for name, schema in found.items() if schema is not None}

    def _written(self, schema: Schema) -> Callable[[], Json]:
        """What writes a default, once it is asked for."""

        @cache
        def write() -> Json:
            try:
                value = schema["default"] if "default" in schema else schema["default_factory"]()
                _, serializer = tools({"type": "definitions", "schema": schema, "definitions": self._definitions})
                return json.loads(serializer.to_json(value, warnings=False, by_alias=False))
            except Exception:  # it is none that can be written: as if there were none
                return MISSING

        return write

    def _reference(self, ref: str, around: Schema | None) -> Plan:
        found = next((item for item in self._definitions if item.get("ref") == ref), None)
        if ref not in self._plans:
            self._plans[ref] = made = Plan()
            _fill(made, self.plan(found) if found else AUTO)
        plan = self._plans[ref]
        is_written_so = around is None or found is None or plan.kind not in ("number", "custom")
        return plan if is_written_so else self.plan(found, around)

    def of_class(self, cls: type) -> Plan:
        classes = self._anything.classes
        if cls not in classes:
            classes[cls] = made = Plan()
            planner = _Planner(self._schemas, self._numbers, self._anything)
            _fill(made, planner.plan(self._schemas.schema_of(cls)))
        return classes[cls]

    def _ruled(self, kind: Literal["custom", "number"], rule: Merge, schema: Schema) -> Plan:
        validator, serializer = tools({"type": "definitions", "schema": schema, "definitions": self._definitions})

        def write(value: Any, how: Writing | None = None) -> Json:
            token = writing.set(how)
            try:
                return json.loads(serializer.to_json(value, warnings="error", by_alias=False))
            finally:
                writing.reset(token)

        def load(data: Json) -> Any:
            return validator.validate_json(compact(data), by_alias=True, by_name=True)

        def merge(base: Json, current: Json, mine: Json) -> Json:
            began = None if base is None else load(base)
            merged = rule.function(began, load(current), load(mine))
            data = write(merged)
            try:
                is_same = load(data) == merged
            except Exception:  # of a rule, which its reader hears
                return data
            return data if is_same else write(merged, Writing(Everything()))

        return Plan(kind, merge=merge)


def _named(fields: Any) -> dict[str, Schema]:
    """Fields by their names; those of a dataclass are a list."""
    return cast("dict[str, Schema]", fields) if isinstance(fields, dict) else {item["name"]: item for item in fields}


def _default_of(schema: Schema) -> Schema | None:
    """The schema with the default of a field, where it always is the same."""
    while schema.get("type") != "default" and isinstance(schema.get("schema"), dict):
        if schema["type"] not in _AROUND:
            return None
        schema = schema["schema"]
    is_known = "default" in schema or schema.get("default_factory") in _MAKERS
    return schema if is_known else None


def _with(tags: dict[str, Plan], plan: Plan) -> Mapping[str, Plan]:
    return ChainMap(tags, cast("dict[str, Plan]", plan.tags)) if plan.tags else tags


def _is_fields_own(schema: Schema) -> bool:
    """Whether it is the serializer of a model's field that writes something."""
    if "serialization" in schema:
        return bool(schema["serialization"].get("is_field_serializer", False))
    return schema.get("type") in _AROUND and _is_fields_own(schema["schema"])


def _bare_value(data: Json) -> Json:
    return cast("dict[str, Json]", data)["value"] if tag_of(data) == BARE else data


def _along(path: list[Any], value: Json) -> Json:
    for key in path:
        if isinstance(value, dict):
            value = cast("dict[Any, Json]", value).get(key)
        else:
            return None
    return value


def _fill(plan: Plan, other: Plan) -> None:
    vars(plan).update(vars(other))
