"""pydantic's core schemas, rewritten so that what is written comes back as what it was.

A member of a union, an instance of a subclass where its base is declared, and what is declared as `Any` are written as
`{"$type": name, "value": ...}`; plain JSON is read too, by pydantic's own rules.
"""

from __future__ import annotations

import builtins
import collections
import enum
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Protocol, cast

from pydantic_core import (
    PydanticCustomError,
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    ValidationError,
    core_schema,
)

from ..engine.state import text_of
from ..merge import MERGE
from .bare import AROUND, bare_of, dump_part, note_part
from .errors import DecodeError, EncodeError, UnsupportedTypeError
from .exact import (
    PLAIN_CHOICE,
    UNKNOWN,
    UNSET,
    by_own_names,
    by_tag,
    deque_schema,
    fields_with_defaults,
    hex_bytes_schema,
    mapped,
    model_reader,
    moment_schema,
    pattern_schema,
    quick,
)
from .exact import (
    TAGGED as _TAG,
)
from .forms import is_named
from .late import CLASS, LATE, init_reader, late_in, late_reader, looking
from .text import compact
from .written import BARE

Schema = dict[str, Any]

SETTINGS: Mapping[str, Any] = {
    "ser_json_bytes": "base64",
    "val_json_bytes": "base64",
    "ser_json_inf_nan": "strings",
    "ser_json_timedelta": "iso8601",
    "ser_json_temporal": "iso8601",
}
"""Under these, bytes that are no text, floats that are no numbers, and microseconds come back."""

SUBCLASSES = "temporal_graph.subclasses"
TAGS = "temporal_graph.tags"
PAIRS = "temporal_graph.pairs"
ANY = "temporal_graph.any"
PLAIN, KEY, NAME = "temporal_graph.plain", "temporal_graph.key", "temporal_graph.name"
ENUM = "temporal_graph.enum"
"""What a rewritten schema says about itself in its metadata: its class and the subclasses, by name; the members of a
union by name; the schema of a dict's values; that nothing is declared; the schema of what is not tagged; that its
values come back from the names of a JSON object; its name in a union, if it had another form; None for
that of what is inside; the enum whose members are written by name."""

_KEYS = frozenset({"str", "int", "float", "uuid", "date", "datetime", "time", "timedelta", "decimal"})
"""Types of keys that come back from the names of a JSON object."""
_ANSWERING = frozenset({"json-or-python", "lax-or-strict", "chain", *AROUND})
"""Schemas that do something of their own with what the schema inside lets through."""
_SCALARS = frozenset({"int", "float", "bool", "str", "none"})
"""Types that JSON tells apart by itself."""
_CLASSES = frozenset({"model", "dataclass"})
_OWN = frozenset(
    {
        *_SCALARS,
        *_KEYS,
        *_CLASSES,
        *("bytes", "fraction", "complex", "literal", "enum", "url", "multi-host-url", "definition-ref"),
        *("list", "deque", "tuple", "set", "frozenset", "dict", "ordered-dict", "counter", "typed-dict"),
        *("default", "nullable", "union", "tagged-union", "definitions"),
    }
)
"""Schemas whose values come back without a function of the user's."""
_WRITABLE = frozenset({*_OWN, "any", "json-or-python", "lax-or-strict"}) - {"default"}
"""Those of what may be written without its serializer."""


class Types(Protocol):
    """What the rewriting needs of the codec that it works for."""

    def declare(self, *classes: type) -> None:
        """Note classes that the schema names."""
        ...

    def dump_any(self, value: Any) -> Any:
        """A value of which nothing is declared, as JSON."""
        ...

    def load_any(self, data: Any) -> Any:
        """A value of which nothing is declared."""
        ...

    def dump_as(self, type_: type, value: Any) -> Any:
        """A value of a class, as JSON."""
        ...

    def load_as(self, type_: type, data: Any) -> Any:
        """A value of a class."""
        ...


def tools(schema: Any) -> tuple[SchemaValidator, SchemaSerializer]:
    """What reads and writes the values of a schema.

    Classes have validators and serializers of their own, which know nothing of the rewriting; they are not used.
    """
    settings: Any = dict(SETTINGS)
    validator = SchemaValidator(schema, settings, _use_prebuilt=False)  # pyright: ignore[reportCallIssue]
    return validator, SchemaSerializer(schema, settings, _use_prebuilt=False)  # pyright: ignore[reportCallIssue]


class Rewriter:
    """Rewrites one schema.

    Attributes:
        has_quick: Whether there is something in it that most texts are read without; see `exact.quick`.
        has_writers: Whether there are serializers of the user's in it that are used; see `bare`.
        is_open: Whether there may be something in it of a class that it does not show.
    """

    def __init__(self, types: Types) -> None:
        self._types = types
        self._definitions: list[Any] = []
        self.has_quick = self.has_writers = self.is_open = False
        self._has_text = False
        self._rewriters: dict[str, Callable[[Schema], Any]] = {
            "union": self._union,
            "model": self._class,
            "dataclass": self._class,
            "dataclass-field": self._dataclass_field,
            "dataclass-args": self._fields,
            "model-field": self._field,
            "model-fields": self._fields,
            "typed-dict": self._typed_dict,
            "named-tuple": self._named_tuple,
            "call": self._named_tuple,
            "enum": self._enum,
            "literal": self._literal,
            "decimal": self._decimal,
            "any": self._any,
            "list": self._items,
            "deque": self._deque,
            "set": self._set,
            "frozenset": self._set,
            "dict": self._dict,
            "ordered-dict": self._dict,
            "frozendict": self._dict,
            "counter": self._dict,
            "tagged-union": self._tagged_union,
            "typed-dict-field": self._field,
            "datetime": self._moment,
            "time": self._moment,
            "json": self._json,
            "complex": self._complex,
            "generator": self._generator,
            "function-plain": self._function,
            "function-after": self._after,
            "callable": self._callable,
            "is-subclass": self._is_subclass,
        }

    def rewrite(self, schema: Any) -> Any:
        """A copy of a schema that writes what is needed to come back.

        Raises:
            UnsupportedTypeError: There is something in it that JSON cannot carry.
        """
        new = self._of(schema)
        if new.get("type") == "definitions":
            self._definitions.extend(new["definitions"])
        self.has_quick &= not self._has_text
        return new

    def _of(self, schema: Any, *, inside: bool = False) -> Any:
        """A copy of (a part of) a schema; `inside` a function's, which answers for what it lets through."""
        if isinstance(schema, list):
            return [self._of(item, inside=inside) for item in cast("list[Any]", schema)]
        if isinstance(schema, tuple):
            return tuple(self._of(item, inside=inside) for item in cast("tuple[Any, ...]", schema))
        if not isinstance(schema, dict):
            return schema
        old = cast("Schema", schema)
        kind = old.get("type")
        if kind == "is-instance":
            return self._is_instance(old, inside=inside)
        if "serialization" in old and (_is_as_any(old) or (not inside and _is_for_others(old))):
            old = _without(old, "serialization")
        if kind == "default" and "serialization" in old:  # which must be what a field has
            inner = {**old["schema"], "serialization": old["serialization"]}
            old = {**_without(old, "serialization"), "schema": inner}
        is_written = kind != "default" and _is_written(old)
        self.has_writers |= is_written
        new = self._rewritten(old, inside=inside)
        return self._with_bare(old, new) if is_written and not inside else new

    def _rewritten(self, old: Schema, *, inside: bool) -> Any:
        kind = old.get("type")
        is_mark = MERGE in (old.get("metadata") or {})  # a function that does nothing
        within = (
            (kind in _ANSWERING and not is_mark)
            or "serialization" in old
            or (inside and kind in (None, "nullable", "default"))
        )
        new = mapped(old, lambda item: self._of(item, inside=within))
        rewrite = self._rewriters.get(str(kind))
        return new if rewrite is None else rewrite(new)

    def _with_bare(self, schema: Schema, written: Schema) -> Any:
        """What a serializer of the user's writes, where validators may be meant for that; see `bare`."""
        bare = bare_of(schema)
        if bare is None or not (bare.get("type") in AROUND or bare.get("type") in _WRITABLE):
            return _noted(written)
        try:
            bare = self._of(bare)
        except UnsupportedTypeError:
            return _noted(written)
        plain: Any = _without_ref(written)
        readers = {_TAG + BARE: _tagged_schema([BARE], bare)}
        union: Schema = by_tag(readers, plain, lambda tag: _TAG + BARE if tag == BARE else PLAIN_CHOICE, lambda: [BARE])
        dump = _Bare(bare, self._definitions).dump
        union["serialization"] = core_schema.wrap_serializer_function_ser_schema(dump, schema=plain)
        known: Schema = written.get("metadata") or {}
        marks = {key: known[key] for key in (CLASS, SUBCLASSES, KEY) if key in known}
        cls = _class_in(written)
        marks = {CLASS: cls, **marks} if cls is not None else marks
        union["metadata"] = {**marks, PLAIN: plain, TAGS: {BARE: bare}, NAME: _name(written)}
        return _with_ref(union, written)

    # -- By type of schema ------------------------------------------------------------------------------------------

    def _union(self, schema: Schema) -> Any:
        choices: list[Schema] = [choice[0] if isinstance(choice, tuple) else choice for choice in schema["choices"]]
        kinds = {choice.get("type") for choice in choices}
        # Where the first one that can read a value does, a text may be read as a number.
        is_plain = kinds <= _SCALARS and not kinds >= {"float", "str"} and schema.get("mode") != "left_to_right"
        if "serialization" in schema or is_plain:
            return schema
        members = _Members(choices, self._definitions, is_first=schema.get("mode") == "left_to_right")
        named = [(choice, name) for name, choice in zip(members.names, choices, strict=True)]
        plain = cast("Any", {**_without_ref(schema), "choices": named})
        readers = {_TAG + name: _tagged_schema([name], choice) for choice, name in named}
        readers.update({_IN + str(index): choice for index, choice in enumerate(choices)})
        union: Schema = by_tag(readers, plain, members.route, members.known)
        union["serialization"] = core_schema.plain_serializer_function_ser_schema(members.dump)
        union["metadata"] = {TAGS: dict(zip(members.names, choices, strict=True))}
        return _with_ref(union, schema)

    def _class(self, schema: Schema) -> Any:
        cls: type = schema["cls"]
        self._types.declare(cls)
        config: Schema = schema.get("config") or {}
        schema["config"] = {**config, **SETTINGS}
        fields: Schema = schema["schema"]
        if config.get("extra_fields_behavior") == "allow" and fields.get("type") == "model-fields":
            schema["schema"] = {"extras_schema": self._of({"type": "any"}), **fields}
        custom = schema.pop("custom_init", False)
        plain = cast("Any", _without_ref(schema))
        kin = _Kin(cls, self._types)
        writer = core_schema.wrap_serializer_function_ser_schema(kin.dump, schema=plain)
        if schema["type"] == "model" and "serialization" not in schema:
            kin.fields = fields_with_defaults(schema)
        late = late_in(fields)
        if late:
            plain = late_reader(plain, late)
            plain["metadata"][CLASS] = cls
        if kin.fields:
            self.has_quick = True
            plain = model_reader(plain)
            plain["metadata"][CLASS] = cls
        if custom:
            plain = init_reader(plain, schema)
        if not kin.names:
            return _with_ref({**plain, "serialization": writer}, schema)
        self.is_open = True
        union = self._with_subclasses(kin, plain)
        union["serialization"] = writer
        union["metadata"] = {CLASS: cls, SUBCLASSES: kin.names, PLAIN: plain}
        return _with_ref(union, schema)

    def _dataclass_field(self, schema: Schema) -> Any:
        if schema.get("init_only"):
            raise UnsupportedTypeError(
                f"field {schema['name']!r} is an InitVar, which is gone once the object is made; store it in a field"
            )
        # Fields that __init__ does not take come back too.
        metadata: Schema = schema.get("metadata") or {}
        if not schema.get("init", True):
            metadata = {**metadata, LATE: True}
        return {**self._field(schema), "init": True, "metadata": metadata}

    def _fields(self, schema: Schema) -> Any:
        return {**by_own_names(schema), "computed_fields": []}

    def _field(self, schema: Schema) -> Any:
        # What is left out of what others see comes back, too.
        return _without(_without(schema, "serialization_exclude"), "serialization_exclude_if")

    def _typed_dict(self, schema: Schema) -> Any:
        # A typed dict does not take over the settings of what it is in.
        config: Schema = schema.get("config") or {}
        schema = {**by_own_names(schema), "computed_fields": [], "config": {**config, **SETTINGS}}
        if "allow" in (schema.get("extra_behavior"), config.get("extra_fields_behavior")):
            return {"extras_schema": self._of({"type": "any"}), **schema}
        if "serialization" in schema:
            return schema
        known, name = (
            frozenset(schema["fields"]),
            schema.get("cls_name") or getattr(schema.get("cls"), "__name__", "it"),
        )

        def dump(value: Any, handler: Callable[[Any], Any]) -> Any:
            if isinstance(value, dict) and not known.issuperset(cast("dict[str, Any]", value)):
                unknown = [key for key in cast("dict[str, Any]", value) if key not in known]
                raise EncodeError(
                    f"{name} has no key {unknown[0]!r}, which would be lost; its keys: {', '.join(schema['fields'])}. "
                    "Declare it, or let __pydantic_config__ = ConfigDict(extra='allow')"
                )
            return handler(value)

        plain = cast("Any", _without_ref(schema))
        return {**schema, "serialization": core_schema.wrap_serializer_function_ser_schema(dump, schema=plain)}

    def _named_tuple(self, schema: Schema) -> Any:
        cls: Any = schema.get("cls") or schema.get("function")
        if not (isinstance(cls, type) and issubclass(cls, tuple)):
            return schema
        named = cast("type[Any]", cls)
        self._types.declare(named)
        kin = _Kin(named, self._types)
        if "serialization" in schema or not kin.names:
            return schema
        self.is_open = True
        plain = cast("Any", _without_ref(schema))
        union = self._with_subclasses(kin, plain)
        union["serialization"] = core_schema.wrap_serializer_function_ser_schema(kin.dump_subclass, schema=plain)
        union["metadata"] = {CLASS: named, SUBCLASSES: kin.names, PLAIN: plain, NAME: named.__name__}
        return _with_ref(union, schema)

    def _with_subclasses(self, kin: _Kin, plain: Any) -> Schema:
        reader = core_schema.no_info_after_validator_function(
            kin.load, _tagged_dict(list(kin.names), core_schema.any_schema())
        )
        return by_tag({_TAG: reader}, plain, kin.route, lambda: kin.names)

    def _items(self, schema: Schema) -> Any:
        return schema if "items_schema" in schema else {**schema, "items_schema": self._of({"type": "any"})}

    def _deque(self, schema: Schema) -> Any:
        if "serialization" in schema:
            return schema
        plain = _without_ref(self._items(schema))
        made = deque_schema(plain)
        limited = core_schema.typed_dict_schema({"items": core_schema.typed_dict_field(cast("Any", plain))})
        made["metadata"] = {PLAIN: plain, TAGS: {"deque": limited}}
        return _with_ref(made, schema)

    def _moment(self, schema: Schema) -> Any:
        if "serialization" in schema:
            return schema
        self.has_quick = True
        made = moment_schema(schema)
        made["metadata"] = {**(schema.get("metadata") or {}), **made["metadata"], KEY: True}
        return _with_ref(made, schema)

    def _json(self, schema: Schema) -> Any:
        # It is read from text, so it is written as text. What is in that cannot be seen from outside.
        self._has_text = True
        inner: Any = schema.get("schema") or self._of({"type": "any"})
        made = core_schema.json_or_python_schema(cast("Any", {**_without_ref(schema), "schema": inner}), inner)
        made["serialization"] = core_schema.wrap_serializer_function_ser_schema(
            lambda value, handler: compact(handler(value)), schema=inner
        )
        return _with_ref(made, schema)

    def _complex(self, schema: Schema) -> Any:
        # pydantic leaves out a zero, and its sign.
        writer = core_schema.wrap_serializer_function_ser_schema(
            lambda value, handler: handler(value) and str(value).strip("()"), schema=cast("Any", _without_ref(schema))
        )
        return {"serialization": writer, **schema}

    def _generator(self, schema: Schema) -> Any:
        """What can be read only once crosses as a list."""
        kept = ("items_schema", "min_length", "max_length", "metadata")
        items = self._items({"type": "list", **{key: value for key, value in schema.items() if key in kept}})
        writer = core_schema.wrap_serializer_function_ser_schema(
            lambda value, handler: handler(value if isinstance(value, list) else list(value)), schema=items
        )
        return _with_ref({**items, "serialization": writer}, schema)

    def _function(self, schema: Schema) -> Any:
        function: Any = schema["function"]
        if isinstance(function, dict):  # that of a writer stands there by itself
            function = cast("Schema", function)["function"]
        name = getattr(function, "__name__", "")
        if name in ("pattern_either_validator", "pattern_str_validator", "pattern_bytes_validator"):
            return _with_ref(pattern_schema(_without_ref(schema), hex_bytes_schema()), schema)
        return schema

    def _tagged_union(self, schema: Schema) -> Any:
        if "serialization" in schema:
            return schema
        choices: dict[Any, Any] = schema["choices"]
        discriminator: Any = schema["discriminator"]
        kin = _ChoicesKin(choices, self._definitions, self._types, discriminator if callable(discriminator) else None)
        written = {name: choice for tag, choice in choices.items() for name in _tags_in_json(tag)}
        schema = {**schema, "choices": {**choices, **written}}
        if not kin.may_be:
            return schema
        fields = {
            "$type": core_schema.typed_dict_field(core_schema.str_schema(strict=True)),
            "value": core_schema.typed_dict_field(core_schema.any_schema()),
        }
        reader = core_schema.no_info_after_validator_function(
            kin.load, core_schema.typed_dict_schema(fields, extra_behavior="forbid")
        )
        plain = cast("Any", _without_ref(schema))
        readers = {_TAG: reader, **{_TAG + name: _tagged_schema([name], choice) for name, choice in kin.named.items()}}
        union: Schema = by_tag(readers, plain, kin.route, lambda: [*kin.named, *kin.known])
        union["serialization"] = core_schema.wrap_serializer_function_ser_schema(kin.dump, schema=plain)
        union["metadata"] = {PLAIN: plain, TAGS: kin.named} if kin.named else {PLAIN: plain}
        return _with_ref(union, schema)

    def _dict(self, schema: Schema) -> Any:
        keys, values = schema.get("keys_schema"), schema.get("values_schema")
        if "serialization" in schema:
            return schema
        kind = schema["type"]
        if kind == "dict" and keys is None and values is None:
            return self._any({"type": "any"})
        any_schema = self._of({"type": "any"})
        if kind == "counter":
            values = core_schema.int_schema()
        if keys is not None and (keys.get("type") in _KEYS or KEY in (keys.get("metadata") or {})):
            return schema if kind == "counter" else {**schema, "values_schema": values or any_schema}
        pair = core_schema.tuple_schema([keys or any_schema, values or any_schema])
        pairs = core_schema.list_schema(cast("Any", pair))
        reader = core_schema.no_info_after_validator_function(_DICTS[kind], pairs)
        writer = core_schema.wrap_serializer_function_ser_schema(pairs_of, schema=pairs)
        union = core_schema.union_schema([reader, cast("Any", _without_ref(schema))], serialization=writer)
        union["metadata"] = {PAIRS: values or any_schema}
        return _with_ref(union, schema)

    def _enum(self, schema: Schema) -> Any:
        cls: Any = schema["cls"]
        self._types.declare(cls)
        if not is_named(cls):
            return schema
        # Values that are no JSON, or look like others: by name.
        return {**_by_name({member.name: member for member in cls}, schema), "metadata": {ENUM: cls}}

    def _after(self, schema: Schema) -> Any:
        """The values of an enum in place of its members (`use_enum_values`); members are what defaults still are."""
        inner, serialization = cast("Schema", schema["schema"]), cast("Schema", schema.get("serialization") or {})
        named: Any = cast("Schema", inner.get("metadata") or {}).get(ENUM)
        cls: Any = named or (inner.get("cls") if inner.get("type") == "enum" else None)
        writer: Any = serialization.get("function")
        is_pydantics = writer is None or str(getattr(writer, "__module__", "")).startswith("pydantic")
        if cls is None or not is_pydantics or not isinstance(schema["function"]["function"], attrgetter):
            return schema
        names = _values_by_name(cls) if named else {}
        tag: str = cls.__name__

        def dump(value: Any) -> Any:
            if isinstance(value, cls):
                return {"$type": tag, "value": value.name if named else value.value}
            return names[_exact(value)] if named else value

        plain, reader = cast("Any", _without_ref(schema)), _tagged_schema([tag], inner)
        union: Schema = by_tag({_TAG: reader}, plain, lambda found: _TAG if found == tag else None, lambda: [tag])
        union["serialization"] = core_schema.plain_serializer_function_ser_schema(dump)
        union["metadata"] = {NAME: _name(schema)}
        return _with_ref(union, schema)

    def _literal(self, schema: Schema) -> Any:
        expected: list[Any] = schema["expected"]
        if not any(isinstance(value, enum.Enum | bytes) for value in expected):
            return schema
        return _by_name({repr(value): value for value in expected}, schema, _plain_values(expected))

    def _decimal(self, schema: Schema) -> Any:
        if schema.get("max_digits") is not None or schema.get("decimal_places") is not None:
            return schema  # which pydantic does not take beside infinities
        return {"allow_inf_nan": True, **schema}

    def _any(self, schema: Schema) -> Any:
        if "serialization" in schema:
            return schema
        self.is_open = True
        reader = core_schema.no_info_after_validator_function(
            self._types.load_any, core_schema.any_schema(), metadata={ANY: True}
        )
        reader["serialization"] = core_schema.plain_serializer_function_ser_schema(self._types.dump_any)
        return _with_ref(reader, schema)

    def _set(self, schema: Schema) -> Any:
        if "serialization" in schema:
            return schema
        schema = self._items(schema)
        plain = cast("Any", _without_ref(schema))
        # A `collections.abc.Set` may be either, and pydantic's schema of it is that of one of them.
        dump = _frozen if schema["type"] == "frozenset" else _sorted
        return {**schema, "serialization": core_schema.wrap_serializer_function_ser_schema(dump, schema=plain)}

    def _is_instance(self, schema: Schema, *, inside: bool) -> Any:
        if inside or "serialization" in schema:
            return schema
        name = getattr(schema["cls"], "__name__", schema["cls"])
        raise UnsupportedTypeError(f"{name} is neither a dataclass nor a BaseModel; make it one")

    def _callable(self, schema: Schema) -> Any:
        raise UnsupportedTypeError("a function cannot be written as JSON; use its name, or an enum")

    def _is_subclass(self, schema: Schema) -> Any:
        raise UnsupportedTypeError("a class cannot be written as JSON; use its name, or an enum")


def reveal_secrets(schema: Any) -> Any:
    """Let secrets be written as they are; pydantic would write asterisks, which do not come back."""
    if isinstance(schema, list):
        return [reveal_secrets(item) for item in cast("list[Any]", schema)]
    if isinstance(schema, tuple):
        return tuple(reveal_secrets(item) for item in cast("tuple[Any, ...]", schema))
    if not isinstance(schema, dict):
        return schema
    new = mapped(cast("Schema", schema), reveal_secrets)
    writer = new.get("serialization")
    if isinstance(writer, dict) and "secret" in getattr(cast("Schema", writer).get("function"), "__name__", ""):
        new["serialization"] = core_schema.plain_serializer_function_ser_schema(_secret_value)
    return new


def _secret_value(value: Any) -> Any:
    return value.get_secret_value()


def _is_as_any(schema: Schema) -> bool:
    """Whether a value is written as what it is, and not as what is declared (`SerializeAsAny`), as here anyway."""
    return schema["serialization"].get("type") == "any"


def _is_for_others(schema: Schema) -> bool:
    """Whether what writes a value is a function of the user's for what others see, without which it comes back.

    Where a function reads the value, it may be meant for what this one writes.
    """
    return _is_users(schema["serialization"]) and _is_own(schema)


def _is_written(schema: Schema) -> bool:
    """Whether a schema, or what is in the validators that it is, has a serializer of the user's."""
    if _is_users(schema.get("serialization") or {}):
        return True
    is_mark = MERGE in (schema.get("metadata") or {})
    is_validator = schema.get("type") in AROUND and isinstance(schema["function"], dict)
    return is_validator and not is_mark and _is_written(schema["schema"])


def _is_users(writer: Schema) -> bool:
    module = str(getattr(writer.get("function"), "__module__", ""))
    return str(writer.get("type")).startswith("function-") and not module.startswith("pydantic")


def _is_own(schema: Any) -> bool:
    if isinstance(schema, list):  # of the items of a tuple
        return all(map(_is_own, cast("list[Any]", schema)))
    if isinstance(schema, tuple):  # a choice and its label
        return _is_own(schema[0])
    kind = schema.get("type")
    if kind in ("model", "dataclass"):
        return schema["schema"].get("type") in ("model-fields", "dataclass-args")
    if kind not in _OWN:
        return False
    inner: list[Any] = [schema.get(name) for name in ("schema", "items_schema", "keys_schema", "values_schema")]
    choices: Any = schema.get("choices", ())
    inner.extend(cast("dict[Any, Any]", choices).values() if isinstance(choices, dict) else choices)
    return all(_is_own(part) for part in inner if part is not None)


class _Kin:
    """A class and its subclasses: which of them a value is, and how it is written."""

    def __init__(self, cls: type, types: Types) -> None:
        self._cls = cls
        self._types = types
        self.names: dict[str, type] = {}
        for subclass in subclasses_of(cls):
            name = subclass.__name__ if subclass.__name__ not in self.names else subclass.__qualname__
            self.names[name] = subclass
        self._by_class = {subclass: name for name, subclass in self.names.items()}
        self.fields: tuple[str, ...] = ()

    def dump(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        kind = cast("type[Any]", type(value))
        if kind is self._cls:
            if UNSET in (getattr(value, "__pydantic_extra__", None) or ()):
                raise EncodeError(
                    f"{value!r} has an extra field named {UNSET!r}, which has a meaning of its own in JSON"
                )
            written = handler(value)
            if self.fields and not value.__pydantic_fields_set__.issuperset(self.fields):
                written[UNSET] = [name for name in self.fields if name not in value.__pydantic_fields_set__]
            return written
        name = self._by_class.get(kind)
        if name is not None:
            return {"$type": name, "value": self._types.dump_as(kind, value)}
        if isinstance(value, self._cls):
            raise EncodeError(
                f"{value!r} is of {kind.__qualname__}, a subclass of {self._cls.__qualname__} that was defined after "
                "the graph was wrapped; define it before"
            )
        raise EncodeError(f"{value!r} is no {self._cls.__qualname__}, which is declared")

    def dump_subclass(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        return self.dump(value, handler) if isinstance(value, self._cls) else handler(value)

    def load(self, tagged: dict[str, Any]) -> Any:
        return _load_as(self._types, self.names[tagged["$type"]], tagged["value"])

    def route(self, tag: str) -> str | None:
        return _TAG if tag in self.names else None


def _load_as(types: Types, cls: type, data: Any) -> Any:
    try:
        return types.load_as(cls, data)
    except DecodeError as error:  # which pydantic would make one text of
        errors: list[Any] = [
            {"type": PydanticCustomError(each["type"], each["msg"]), "loc": tuple(each["loc"]), "input": data}
            for each in error.errors
        ]
        raise ValidationError.from_exception_data(cls.__name__, errors) from error


def subclasses_of(cls: type) -> Iterator[type]:
    """The subclasses of a class, and theirs."""
    for subclass in type.__subclasses__(cls):
        if _is_made_again_by_slots(subclass, cls):
            continue
        yield subclass
        yield from subclasses_of(subclass)


def _is_made_again_by_slots(subclass: type, cls: type) -> bool:
    """Whether one class is what a decorator (`@dataclass(slots=True)`) left behind when it made the other anew."""
    return subclass.__qualname__ == cls.__qualname__ and subclass.__module__ == cls.__module__


def _noted(schema: Schema) -> Schema:
    """A schema whose values are noted when they are written; see `bare.Writing.met`."""
    plain = cast("Any", _without_ref(schema))
    return {**schema, "serialization": core_schema.wrap_serializer_function_ser_schema(note_part, schema=plain)}


class _Bare:
    """Writes something without its serializer."""

    def __init__(self, schema: Any, definitions: list[Any]) -> None:
        self._schema = schema
        self._definitions = definitions

    def dump(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        return dump_part(value, handler, self._write)

    def _write(self, value: Any) -> Any:
        return self._serializer.to_python(value, mode="json", warnings="error", by_alias=False)

    @functools.cached_property
    def _serializer(self) -> SchemaSerializer:
        return tools(core_schema.definitions_schema(self._schema, self._definitions))[1]


class _ChoicesKin:
    """The subclasses of the members of a union that a field of theirs, or a function, tells apart.

    Args:
        choices: The members by tag.
        definitions: What they refer to.
        types: The codec.
        choose: The function; it may say something else of what is written of a value than of the value.

    Attributes:
        named: The members by name, where it is a function that tells them apart.
    """

    def __init__(
        self,
        choices: Mapping[Any, Schema],
        definitions: list[Any],
        types: Types,
        choose: Callable[[Any], Any] | None = None,
    ) -> None:
        self._choices = list(choices.values())
        self._definitions = definitions
        self._types = types
        self._choose = choose
        self.named = {tag: choice for tag, choice in choices.items() if type(tag) is str} if choose else {}

    @property
    def may_be(self) -> bool:
        """Whether there may be any; behind a reference nobody knows yet."""
        return bool(self.named) or any(
            "schema_ref" in choice or SUBCLASSES in (choice.get("metadata") or {}) for choice in self._choices
        )

    @functools.cached_property
    def known(self) -> dict[str, type]:
        """The subclasses by name."""
        found: dict[str, type] = {}
        for choice in self._choices:
            metadata: Schema = _resolved(choice, self._definitions).get("metadata") or {}
            found.update(metadata.get(SUBCLASSES, {}))
        return found

    @functools.cached_property
    def _names(self) -> dict[type, str]:
        own = [_class_in(_resolved(choice, self._definitions)) for choice in self._choices]
        return {cls: name for name, cls in self.known.items() if cls not in own}

    def dump(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        # What a subclass has in the field that tells its bases apart may be nothing that the union knows.
        kind = cast("type[Any]", type(value))
        name = self._names.get(kind)
        if name is not None:
            return {"$type": name, "value": self._types.dump_as(kind, value)}
        data = handler(value)
        member = self._chosen(value)
        if member not in self.named or member in self.known or member == self._chosen(data):
            return data
        return {"$type": member, "value": data}

    def _chosen(self, value: Any) -> Any:
        try:
            return None if self._choose is None else self._choose(value)
        except Exception:  # of the author's own code, which pydantic would hear
            return None

    def load(self, tagged: dict[str, Any]) -> Any:
        return _load_as(self._types, self.known[tagged["$type"]], tagged["value"])

    def route(self, tag: str) -> str | None:
        if tag in self.known:
            return _TAG
        if tag in self.named:
            return _TAG + tag
        return None if self.known else PLAIN_CHOICE


class _Members:
    """The members of one union: which of them a value is, and how it is written.

    Args:
        choices: Their schemas.
        definitions: Those that these refer to.
        is_first: Whether the first one reads plain JSON that can.
    """

    def __init__(self, choices: list[Schema], definitions: list[Any], *, is_first: bool = False) -> None:
        self._choices = choices
        self._definitions = definitions
        names = [_name(choice) for choice in choices]
        self.names = [n if names.count(n) == 1 else f"{n}#{index}" for index, n in enumerate(names)]
        self._tools: dict[int, tuple[SchemaValidator, SchemaSerializer]] = {}
        self._trusting: dict[int, SchemaValidator] = {}
        self._is_scalar = not is_first and all(choice.get("type") in _SCALARS for choice in choices)
        # What takes anything comes last.
        self._order = sorted(range(len(choices)), key=lambda index: ANY in (choices[index].get("metadata") or {}))

    def known(self) -> list[str]:
        """The tags that a value may have."""
        return list(dict.fromkeys([*self.names, *(tag for read in self._read for tag in read or ())]))

    def route(self, tag: str) -> str | None:
        """Which choice reads what has a tag: the member of this name, or one that has tags of its own."""
        if tag in self.names:
            return _TAG + tag
        found = [index for index in self._order if (read := self._read[index]) is None or tag in read]
        return _IN + str(found[0]) if found else None

    @functools.cached_property
    def _read(self) -> list[frozenset[str] | None]:
        """The tags that each member reads itself; None where it reads any."""
        return [_tags_of(choice, self._definitions, set()) for choice in self._choices]

    def dump(self, value: Any) -> Any:
        if self._is_scalar and not isinstance(value, float):
            return value  # JSON tells them apart; but a float that is no number is written as text
        index = self._find(value)
        data = self._tool(index)[1].to_python(value, mode="json", warnings="error", by_alias=False)
        return None if value is None else {"$type": self.names[index], "value": data}

    def _find(self, value: Any) -> int:
        classes = [self._class_of(choice) for choice in self._choices]
        own = [index for index, cls in enumerate(classes) if cls is type(value)]
        if own:
            return own[0] if len(own) == 1 else self._find_by_trying(value, own)
        fits = self._best(value, self._reader)
        if fits is None:  # a rule of its own refuses it by now, or always: who reads it says so
            fits = self._best(value, self._unruled)
        if fits is None:
            fits = self._find_by_writing(value)
        if fits is None:
            raise EncodeError(f"{value!r} is none of {', '.join(self.names)}, which are declared")
        return fits

    def _best(self, value: Any, reader: Callable[[int], SchemaValidator]) -> int | None:
        """The member that leaves a value as it is, or comes nearest to it."""
        best, fits = 0, None
        for index in self._order:
            token = looking.set(True)
            try:
                read = reader(index).validate_python(value, strict=True)
            except Exception:  # of a class's own code, too; a typed dict raises TypeError for keys that are no strings
                continue
            finally:
                looking.reset(token)
            # A typed dict takes any dict, and drops what it does not know; a named tuple takes plain ones.
            quality = 1 + (type(read) is type(value)) + (read == value)
            if quality > best:
                best, fits = quality, index
            if best == 3:
                break
        return fits

    def _find_by_writing(self, value: Any) -> int | None:
        """Find which member writes a value so that it comes back: there may be a class in it that is made of others."""
        found: int | None = None
        for index in self._order:
            reader, writer = self._tool(index)
            try:
                data = writer.to_json(value, warnings="error", by_alias=False)
                read = reader.validate_json(data, by_alias=True, by_name=True)
                if type(read) is not type(value):
                    continue
                if read == value:
                    return index
            except Exception:  # of a class's own code, too
                continue
            found = index if found is None else found
        return found

    def _find_by_trying(self, value: Any, candidates: list[int]) -> int:
        """Find which parameters a generic class was meant with: `Box[int] | Box[str]` are one class for a dataclass."""
        equal: list[int] = []
        for index in candidates:
            reader, writer = self._tool(index)
            try:
                data = writer.to_json(value, warnings="error", by_alias=False)
                read = reader.validate_json(data, by_alias=True, by_name=True)
            except (PydanticSerializationError, ValidationError):
                continue
            if read == value and repr(read) == repr(value):  # repr, because True == 1
                return index
            if read == value:  # a moment in it may be of another class of time zones
                equal.append(index)
        return [*equal, *candidates][0]

    def _class_of(self, choice: Schema) -> Any:
        return _class_in(self._resolved(choice))

    def _resolved(self, choice: Schema) -> Schema:
        return _resolved(choice, self._definitions)

    def _reader(self, index: int) -> SchemaValidator:
        return self._tool(index)[0]

    def _unruled(self, index: int) -> SchemaValidator:
        from .trusting import trusting  # which is made of what is here

        if index not in self._trusting:
            schema = core_schema.definitions_schema(cast("Any", self._choices[index]), self._definitions)
            self._trusting[index] = tools(trusting(quick(schema)))[0]
        return self._trusting[index]

    def _tool(self, index: int) -> tuple[SchemaValidator, SchemaSerializer]:
        if index not in self._tools:
            choice = cast("Any", self._choices[index])
            self._tools[index] = tools(core_schema.definitions_schema(choice, self._definitions))
        return self._tools[index]


_IN = "$in"
"""What stands, with the index of a member of a union behind it, in the place of an error of one that reads its tags."""


def readable(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Errors as their reader expects them: at the places that they know."""
    return [{**error, "loc": _without_labels(error["loc"])} for error in errors]


def _without_labels(place: list[Any]) -> list[Any]:
    found: list[Any] = []
    is_tagged = False
    for part in place:
        if is_tagged and part == "value":
            is_tagged = False
            continue
        is_tagged = str(part).startswith(_TAG)
        if not is_tagged and part not in (PLAIN_CHOICE, UNKNOWN) and not _MEMBER.fullmatch(str(part)):
            found.append(part)
    return found


_MEMBER = re.compile(r"\$in\d+")


def tags_of(schema: Schema) -> frozenset[str] | None:
    """The tags that the values of a (rewritten) schema may have; None for any."""
    return _tags_of(schema, schema["definitions"] if schema.get("type") == "definitions" else [], set())


def _tags_of(schema: Any, definitions: list[Any], seen: set[int]) -> frozenset[str] | None:
    """The tags that a (rewritten) schema reads; None where it reads any."""
    known = _resolved(cast("Any", schema[0] if isinstance(schema, tuple) else schema), definitions)
    if id(known) in seen:
        return frozenset()
    seen.add(id(known))
    if ANY in (known.get("metadata") or {}):
        return None
    if known.get("type") == "typed-dict":
        tag: Schema = known["fields"].get("$type", {}).get("schema", {})
        return frozenset(tag["expected"] if tag.get("type") == "literal" else ())
    choices: Any = known.get("choices", ())
    inside: list[Any] = [*(choices.values() if isinstance(choices, dict) else choices), *known.get("steps", ())[:1]]
    inside += [known[name] for name in ("schema", "json_schema", "lax_schema") if name in known]
    found = [_tags_of(part, definitions, seen) for part in inside if isinstance(part, dict | tuple)]
    return None if None in found else frozenset(tag for tags in found for tag in tags or ())


def _by_name(values: dict[str, Any], schema: Schema, plain: Mapping[Any, Any] = MappingProxyType({})) -> Any:
    """A schema whose values are written as one of some names, but for those that are told apart by plain JSON."""
    written = {_exact(value): name for name, value in values.items()}
    written.update({_exact(value): name for name, value in plain.items()})
    found = {**values, **plain}
    reader = core_schema.no_info_after_validator_function(found.__getitem__, core_schema.literal_schema(list(found)))
    union = core_schema.union_schema([cast("Any", _without_ref(schema)), reader], mode="left_to_right")
    union["serialization"] = core_schema.plain_serializer_function_ser_schema(lambda value: written[_exact(value)])
    return _with_ref(union, schema)


def _values_by_name(cls: Any) -> dict[Any, str]:
    """The names of an enum's members by their values."""
    try:
        return {_exact(member.value): member.name for member in cls}
    except TypeError:
        raise UnsupportedTypeError(
            f"the values of {cls.__name__} cannot be told apart, and use_enum_values=True lets them stand for its "
            "members; leave that out"
        ) from None


def _exact(value: Any) -> Any:
    """What tells apart what is equal: the member of a `StrEnum` and its text."""
    return type(value), value


def _plain_values(expected: list[Any]) -> dict[Any, Any]:
    """The values of a literal by their JSON, where that tells them apart."""
    found = [_plain_value(value) for value in expected]
    return {
        plain: value
        for plain, value in zip(found, expected, strict=True)
        if type(plain) in _LITERALS and found.count(plain) == 1
    }


_LITERALS = (int, str, bool, type(None))


def _plain_value(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _tags_in_json(tag: Any) -> Iterator[Any]:
    """What stands in JSON for a tag that tells the members of a union apart; pydantic looks for the tag alone."""
    if isinstance(tag, enum.Enum):
        yield repr(tag)
        if type(tag.value) in _LITERALS:
            yield tag.value


def _tagged_schema(names: list[str], schema: Any) -> Any:
    return core_schema.no_info_after_validator_function(_value_of, _tagged_dict(names, schema))


def _tagged_dict(names: list[str], schema: Any) -> Any:
    fields = {
        "$type": core_schema.typed_dict_field(core_schema.literal_schema(names)),
        "value": core_schema.typed_dict_field(schema),
    }
    settings: Any = dict(SETTINGS)
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid", config=settings)


def _value_of(tagged: dict[str, Any]) -> Any:
    return tagged["value"]


def _resolved(choice: Schema, definitions: list[Any]) -> Schema:
    if choice.get("type") == "definition-ref":
        found = [d for d in definitions if d.get("ref") == choice["schema_ref"]]
        return found[0] if found else choice
    return choice


def _dict_of(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return dict(pairs)


_DICTS: dict[str, Callable[[list[tuple[Any, Any]]], Any]] = {
    "dict": _dict_of,
    "ordered-dict": collections.OrderedDict,
    "frozendict": lambda pairs: getattr(builtins, "frozendict")(pairs),  # noqa: B009 - from Python 3.15
    "counter": lambda pairs: collections.Counter(dict(pairs)),
}


def pairs_of(value: Any, handler: Callable[[Any], Any]) -> Any:
    """A dict as a list of its pairs."""
    return handler(list(value.items()))


def _sorted(value: Any, handler: Callable[[Any], Any]) -> Any:
    # Sets have another order in each process; what is written must not.
    return sorted(handler(value), key=_order)


def _frozen(value: Any, handler: Callable[[Any], Any]) -> Any:
    return _sorted(frozenset(cast("set[Any]", value)) if type(value) is set else value, handler)


def _order(item: Any) -> str:
    try:
        return text_of(item)
    except TypeError:
        return json.dumps(item, sort_keys=True, default=str)


def _class_in(schema: Schema) -> Any:
    """The class that a (rewritten) schema is of, if it is of one."""
    if schema.get("type") in _CLASSES:
        return schema.get("cls")
    metadata: Schema = schema.get("metadata") or {}
    return metadata.get(CLASS)


def _name(schema: Schema) -> str:
    if schema.get("type") == "definition-ref":
        # Its own ref ends with an address, which another process does not know.
        return str(schema["schema_ref"]).rpartition(":")[0].rpartition(".")[2]
    metadata: Schema = schema.get("metadata") or {}
    if NAME in metadata:
        return metadata[NAME] or _name(schema["schema"])
    cls: Any = schema.get("cls") or _class_in(schema)
    if isinstance(cls, type):
        return cls.__name__
    inner = schema.get("items_schema") or schema.get("schema")
    if isinstance(inner, dict):
        return f"{schema.get('type')}[{_name(cast('Schema', inner))}]"
    return str(schema.get("type"))


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def _without_ref(schema: Schema) -> Schema:
    return _without(schema, "ref")


def _with_ref(schema: Any, old: Schema) -> Any:
    return {**schema, "ref": old["ref"]} if "ref" in old else schema
