"""Values that pydantic writes as less than they are, written so that they come back as what they were.

A moment has its zone behind it, as RFC 9557 has it: `2026-03-28T12:00:00+01:00[Europe/Berlin]`. What that format does
not have stands there likewise, with names that begin with `_`.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic_core import PydanticCustomError, TzInfo, core_schema

from .errors import EncodeError

Schema = dict[str, Any]
Handler = Callable[[Any], Any]

TYPE, VALUE = "$type", "value"
_SUFFIX = re.compile(r"\[([^\]]*)\]")


# -- Moments and times of day -----------------------------------------------------------------------------------------


QUICK = "temporal_graph.quick"
"""In the metadata of a schema: one that reads the same from a text that is not marked."""


def is_marked(data: bytes | str) -> bool:
    """Whether there may be something in a JSON text that only the whole schema reads: zones, or fields not set."""
    if isinstance(data, bytes):
        return b']"' in data or b'"$unset"' in data
    return ']"' in data or '"$unset"' in data


def quick(schema: Any) -> Any:
    """A schema that reads texts that are not marked, and calls no function of Python's for each moment and model."""
    if isinstance(schema, list):
        return [quick(item) for item in cast("list[Any]", schema)]
    if isinstance(schema, tuple):
        return tuple(quick(item) for item in cast("tuple[Any, ...]", schema))
    if not isinstance(schema, dict):
        return schema
    old = cast("Schema", schema)
    if not isinstance(old.get("type"), str):  # what holds schemas by the user's names
        return {name: quick(item) for name, item in old.items()}
    metadata: Schema = old.get("metadata") or {}
    if QUICK in metadata:
        return quick({**metadata[QUICK], **({"ref": old["ref"]} if "ref" in old else {})})
    return {key: value if key in _NO_SCHEMAS else quick(value) for key, value in old.items()}


# -- Core schemas -----------------------------------------------------------------------------------------------------

BY_NAME = ("fields", "choices")
"""What holds schemas by names, which are the user's: one may be a word that a schema has, as of a field `config`."""
_NOT_SCHEMAS = frozenset(
    {"metadata", "default", "expected", "members", "cls", "config", "ref", "computed_fields", "python_schema"}
)


def mapped(schema: Schema, change: Callable[[Any], Any], *, but: Collection[str] = ()) -> Schema:
    """A copy of a core schema in which those inside are changed.

    Args:
        schema: The schema.
        change: Gives one for each of those, or for a list or a tuple of them.
        but: Keys under which they stay as they are.
    """

    def member(key: str, value: Any) -> Any:
        if key in _NOT_SCHEMAS or key in but:
            return value
        if key in BY_NAME and isinstance(value, dict):
            return {name: change(item) for name, item in cast("dict[Any, Any]", value).items()}
        return change(value)

    return {key: member(key, value) for key, value in schema.items()}


def parts(schema: Schema, *, but: Collection[str] = ()) -> list[Any]:
    """What `mapped` would change."""
    found: list[Any] = []
    mapped(schema, found.append, but=but)
    return found


HOLDERS = frozenset({"model-fields", "typed-dict", "dataclass-args"})
"""Schemas that have fields."""


def with_fields(holder: Schema, change: Callable[[str, Schema], Schema]) -> Schema:
    """A schema whose fields are others; `change` gets the name of each, and it."""
    fields: Any = holder["fields"]
    if isinstance(fields, dict):
        named = cast("dict[str, Schema]", fields)
        return {**holder, "fields": {name: change(name, field) for name, field in named.items()}}
    return {**holder, "fields": [change(field["name"], field) for field in cast("list[Schema]", fields)]}


def by_own_names(holder: Schema) -> Schema:
    """A schema without those aliases of its fields that are names of other fields: what is written has the names."""
    names: list[str] = []
    with_fields(holder, lambda name, field: names.append(name) or field)
    return with_fields(holder, lambda name, field: _by_own_name(field, name, names))


def has_clashing(holder: Schema) -> bool:
    """Whether there are such aliases."""
    return holder.get("type") in HOLDERS and by_own_names(holder) != holder


def _by_own_name(field: Schema, name: str, names: Collection[str]) -> Schema:
    alias: Any = field.get("validation_alias")
    if alias is None:
        return field
    paths: list[Any] = [[alias]] if isinstance(alias, str) else alias if isinstance(alias[0], list) else [alias]
    kept = [path for path in paths if path[0] == name or path[0] not in names]
    if len(kept) == len(paths):
        return field
    return {key: item for key, item in {**field, "validation_alias": kept}.items() if kept or key != "validation_alias"}


_NO_SCHEMAS = frozenset(
    {"metadata", "default", "expected", "members", "cls", "config", "ref", "serialization", "computed_fields"}
)


def moment_schema(schema: Schema) -> Any:
    """A schema for a datetime or a time of day that keeps its zone and its fold."""
    plain: Any = {key: value for key, value in schema.items() if key not in ("ref", "serialization")}
    # The function is given a text even in JSON, which is all right there in a strict schema, too.
    lax: Any = {**plain, "strict": False}
    return core_schema.json_or_python_schema(
        core_schema.no_info_wrap_validator_function(_read_moment, lax),
        plain,
        serialization=core_schema.wrap_serializer_function_ser_schema(_write_moment, schema=plain),
        metadata={QUICK: plain},
    )


def _write_moment(value: Any, handler: Handler) -> Any:
    text, zone = handler(value), value.tzinfo
    if not value.fold:
        return text if zone is None or zone is UTC or type(zone) is TzInfo else text + _zone_suffix(zone)
    return f"{text}{'' if zone is None else _zone_suffix(zone)}[_fold=1]"


def _zone_suffix(zone: tzinfo) -> str:
    key = getattr(zone, "key", None)
    if key is not None:
        return f"[{key}]" if isinstance(zone, ZoneInfo) else ""
    if type(zone) is not timezone:
        return ""
    suffix, offset, name = "", zone.utcoffset(None), zone.tzname(None)
    if offset.total_seconds() % 60:
        suffix = f"[_seconds={offset.total_seconds()}]"  # pydantic writes whole minutes
    if name != timezone(offset).tzname(None) and not set(name) & set("[]"):
        suffix += f"[_name={name}]"
    return suffix


def _read_moment(value: Any, handler: Handler) -> Any:
    if not isinstance(value, str) or not value.endswith("]"):
        return handler(value)
    text, bracket, rest = value.partition("[")
    parts: list[str] = _SUFFIX.findall(bracket + rest)
    found = handler(text)
    for part in parts:
        name, sign, said = part.removeprefix("!").partition("=")
        if not sign:
            found = found.replace(tzinfo=_zone(name))
        elif name == "_fold":
            found = found.replace(fold=int(said == "1"))
        elif name == "_seconds":
            found = found.replace(tzinfo=timezone(timedelta(seconds=float(said))))
        elif name == "_name" and found.tzinfo is not None:
            found = found.replace(tzinfo=timezone(found.tzinfo.utcoffset(None), said))
        # What else others write there says nothing of when it is.
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r} here; the package tzdata has all of them") from None


# -- Tags -------------------------------------------------------------------------------------------------------------

TAGGED, PLAIN_CHOICE, UNKNOWN = "$tag", "$plain", "$unknown"
"""What stands in the place of an error for how a value was read: tagged, as plain JSON, or not at all."""


def tag_of(value: Any) -> str | None:
    """The tag of JSON; None where it has none."""
    if not isinstance(value, dict):
        return None
    tagged = cast("dict[str, Any]", value)
    tag = tagged.get(TYPE)
    return tag if len(tagged) == 2 and VALUE in tagged and isinstance(tag, str) else None


def by_tag(
    readers: dict[str, Any], plain: Any, route: Callable[[str], str | None], known: Callable[[], Iterable[str]]
) -> Any:
    """A schema whose values are read as their tag says, and by nothing else; as plain JSON where they have none.

    Args:
        readers: What reads tagged values, by labels.
        plain: What reads the others.
        route: The label of what reads the values of a tag; None where the tag is unknown.
        known: The known tags, for the error that names them.
    """

    def choose(value: Any) -> str:
        tag = tag_of(value)
        return PLAIN_CHOICE if tag is None else route(tag) or UNKNOWN

    def refuse(tagged: dict[str, Any]) -> Any:
        context = {"tag": repr(tagged[TYPE]), "known": ", ".join(known())}
        raise PydanticCustomError("unknown_type", "{tag} is none of its types: {known}", context)

    unknown: Any = core_schema.no_info_plain_validator_function(refuse)
    return core_schema.tagged_union_schema({**readers, PLAIN_CHOICE: plain, UNKNOWN: unknown}, discriminator=choose)


# -- What is tagged only where it must be -----------------------------------------------------------------------------


def tagged_where_needed(
    tag: str, plain: Any, fields: dict[str, Any], load: Callable[[Any], Any], dump: Callable[[Any, Handler], Any]
) -> Any:
    """A schema of values that are written as `{"$type": tag, "value": {...}}` where `plain` would lose something.

    Args:
        tag: The tag.
        plain: The schema of the others.
        fields: The schemas of what is in the value.
        load: Makes a value of these fields.
        dump: `(value, handler) -> JSON`, where the handler writes it plain.
    """
    inside = core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(field) for name, field in fields.items()}, extra_behavior="forbid"
    )
    reader = core_schema.no_info_after_validator_function(
        lambda tagged: load(tagged[VALUE]),
        core_schema.typed_dict_schema(
            {
                TYPE: core_schema.typed_dict_field(core_schema.literal_schema([tag])),
                VALUE: core_schema.typed_dict_field(inside),
            },
            extra_behavior="forbid",
        ),
    )
    union = by_tag({TAGGED: reader}, plain, lambda found: TAGGED if found == tag else None, lambda: [tag])
    union["serialization"] = core_schema.wrap_serializer_function_ser_schema(dump, schema=plain)
    return union


def deque_schema(plain: Schema) -> Any:
    """A schema of deques that keep their `maxlen`."""

    def dump(value: Any, handler: Handler) -> Any:
        items, most = handler(value), getattr(value, "maxlen", None)
        return items if most is None else {TYPE: "deque", VALUE: {"maxlen": most, "items": items}}

    def load(fields: dict[str, Any]) -> Any:
        return collections.deque(fields["items"], fields["maxlen"])

    return tagged_where_needed("deque", plain, {"maxlen": core_schema.int_schema(), "items": plain}, load, dump)


def pattern_schema(plain: Schema, of_bytes: Any) -> Any:
    """A schema of compiled patterns that keep their flags."""
    either = core_schema.union_schema([core_schema.str_schema(strict=True), of_bytes])

    def dump(value: Any, handler: Handler) -> Any:
        if not isinstance(value, re.Pattern):
            raise EncodeError(f"{value!r} is no compiled pattern, which is declared")
        pattern = cast("re.Pattern[Any]", value)
        if isinstance(pattern.pattern, str) and pattern.flags == re.compile(pattern.pattern).flags:
            return pattern.pattern
        written = pattern.pattern if isinstance(pattern.pattern, str) else {"bytes": pattern.pattern.hex()}
        return {TYPE: "Pattern", VALUE: {"pattern": written, "flags": pattern.flags}}

    def load(fields: dict[str, Any]) -> Any:
        return re.compile(fields["pattern"], fields["flags"])

    fields = {"pattern": either, "flags": core_schema.int_schema()}
    return tagged_where_needed("Pattern", plain, fields, load, dump)


def hex_bytes_schema() -> Any:
    """A schema of bytes written as `{"bytes": "00ff"}`."""
    field = core_schema.typed_dict_field(core_schema.str_schema())
    return core_schema.no_info_after_validator_function(
        lambda found: bytes.fromhex(found["bytes"]), core_schema.typed_dict_schema({"bytes": field})
    )


# -- Which fields of a model were set ---------------------------------------------------------------------------------

UNSET = "$unset"
"""Where a model names those of its fields that were not set, and have their default."""


def model_reader(model: Schema) -> Any:
    """A model's schema that reads which fields were not set."""
    inner: Schema = model["schema"]
    marks: dict[str, Any] = {QUICK: model}
    if inner["type"] != "model-fields":  # there is a validator before its fields, which must not see it
        return core_schema.no_info_wrap_validator_function(_read_unset, cast("Any", model), metadata=marks)
    names = core_schema.nullable_schema(core_schema.set_schema(core_schema.str_schema()))
    unset = core_schema.model_field(core_schema.with_default_schema(names, default=None))
    fields = {**inner["fields"], UNSET: unset}
    reading: Any = {**model, "schema": {**inner, "fields": fields}}
    return core_schema.no_info_after_validator_function(_note_unset, reading, metadata=marks)


def _note_unset(model: Any) -> Any:
    names = model.__dict__.pop(UNSET, None)
    if names is not None:
        names.add(UNSET)
        model.__pydantic_fields_set__.difference_update(names)
    return model


def _read_unset(value: Any, handler: Handler) -> Any:
    if not isinstance(value, dict) or UNSET not in value:
        return handler(value)
    fields = dict(cast("dict[str, Any]", value))
    names = fields.pop(UNSET)
    model = handler(fields)
    model.__pydantic_fields_set__.difference_update(names)
    return model


def fields_with_defaults(model: Schema) -> tuple[str, ...]:
    """The fields of a model, if some of them may be not set."""
    inner: Schema = model["schema"]
    while str(inner.get("type")).startswith("function-") and "schema" in inner:
        config: Schema = model.get("config") or {}
        if config.get("strict"):
            return ()  # what is given to a function is read as Python's, in which a strict schema takes no texts
        inner = inner["schema"]
    if inner.get("type") != "model-fields" or model.get("root_model"):
        return ()
    has_some = any(field["schema"].get("type") == "default" for field in inner["fields"].values())
    return tuple(inner["fields"]) if has_some else ()


def is_tagged(value: Any) -> bool:
    """Whether something in JSON is an object beside the name of its type."""
    found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return found.keys() == {"$type", "value"} and isinstance(found["$type"], str) and isinstance(found["value"], dict)


def untagged(value: Any) -> Any:
    """The object itself."""
    return untagged(value["value"]) if is_tagged(value) else value


def setting(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A model (or anything else) as JSON, with some fields set; it stays of the type that it says it is of."""
    if is_tagged(before):
        return {**before, "value": setting(before["value"], fields)}
    merged = {**before, **fields}
    if UNSET in before and UNSET not in fields:
        merged[UNSET] = [name for name in before[UNSET] if name not in fields]
    return merged
