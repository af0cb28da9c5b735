"""Reading what was valid when it was written: rules of the user's that refuse it by now are not heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, cast

from pydantic_core import PydanticOmit, PydanticUseDefault, SchemaValidator, ValidationError, core_schema

from ..engine.raised import is_the_runtimes, message_of, type_of
from .exact import mapped, parts
from .schema import CLASS, NAME, Schema
from .written import Written

Refusal = tuple[int | None, str, str, Any]
"""What a rule has against a value: which rule, None for any; the kind of error, its text, and the value.

Of a value that has others in it, such as a model, only that it is one is known: None.
"""


def of_any_rule(refusals: Iterable[Refusal]) -> frozenset[Refusal]:
    """Refusals, to be compared with those that another type's rules have."""
    return frozenset((None, *refusal[1:]) for refusal in refusals)


@dataclass(slots=True)
class Trust:
    """How a value is read whose rules may refuse it by now.

    Attributes:
        known: The refusals that are not heard; None for all.
        found: Those that were not heard.
        is_kept: Whether it is as it was when it was written.
    """

    known: frozenset[Refusal] | None = None
    found: set[Refusal] = field(default_factory=set[Refusal])
    is_kept: bool = False

    def is_heard(self, refusal: Refusal) -> bool:
        """Whether a refusal counts."""
        if self.known is not None and refusal not in self.known and (None, *refusal[1:]) not in self.known:
            return True
        self.found.add(refusal)
        return False


trust: ContextVar[Trust | None] = ContextVar("temporal_graph_trust", default=None)
"""How what is read now is read; it goes for the values inside of others, too."""

_FUNCTIONS = ("function-after", "function-before", "function-wrap")
_CLASSES = ("model", "dataclass")
_CLOCKS = ("now_op", "now_utc_offset")
_WRITERS = ("serialization",)


def trusting(schema: Any, *, is_written: bool = False) -> Any:
    """A copy of a core schema whose validators, also those of dates, neither refuse nor change; see `Trust`.

    What has validators and a writer of its own may need them to be read: see `may_convert`.

    Args:
        schema: The schema, or a part of one.
        is_written: It is in something that is written by a function.
    """
    if isinstance(schema, list | tuple):
        items = [trusting(item, is_written=is_written) for item in cast("list[Any]", schema)]
        return items if isinstance(schema, list) else tuple(items)
    if not isinstance(schema, dict):
        return schema
    old = cast("Schema", schema)
    kind = old.get("type")
    is_written = is_written or "serialization" in old
    new = mapped(old, lambda item: trusting(item, is_written=is_written), but=_WRITERS)
    if isinstance(old.get("config"), dict):
        new["config"] = {name: item for name, item in old["config"].items() if name not in _CONFIGURED}
    if kind in ("date", "datetime") and "now_op" in new:
        return _by_clock(new)
    if kind == "str":
        new = {key: value for key, value in new.items() if key not in _TRANSFORMS}
    function: Any = new.get("function")
    if not isinstance(function, dict):  # that of a writer stands there by itself
        return _after_init(new, str(kind)) if kind in _CLASSES and new.get("post_init") else new
    function = cast("Schema", function)
    if kind in _FUNCTIONS:
        made = _heard[kind](function["function"])
        new["function"] = {**function, "function": made if is_written else _kept(kind, function["function"], made)}
    if kind == "function-plain":
        return _or_as_written(new)
    return new


def has_rules(schema: Any) -> bool:
    """Whether a core schema has code of its own, by which what is read may be another value later, or none."""
    return any(
        str(known.get("type")) in _CODED or any(known.get(name) for name in _MAKING) for known in _schemas_in(schema)
    )


_CODED = frozenset({*_FUNCTIONS, "function-plain", "call"})
_MAKING = ("default_factory", "post_init", *_CLOCKS)
_TRANSFORMS = frozenset({"strip_whitespace", "to_lower", "to_upper"})
_CONFIGURED = frozenset(f"str_{name}" for name in _TRANSFORMS)


def may_change(schema: Any) -> bool:
    """Whether what is read may be another value than what was written: by functions, or what is done to texts."""
    return any(map(_may_change, _schemas_in(schema)))


def _may_change(known: Schema) -> bool:
    kind, config = str(known.get("type")), cast("Schema", known.get("config") or {})
    if kind in _CODED and not _is_pydantics(known.get("function")):
        return True
    if (
        kind in _CLASSES
        and known.get("post_init")
        and not _is_pydantics(getattr(known["cls"], "model_post_init", None))
    ):
        return True
    return (kind == "str" and any(map(known.get, _TRANSFORMS))) or any(map(config.get, _CONFIGURED))


def _schemas_in(schema: Any) -> Iterator[Schema]:
    """A core schema, and those in it by which it reads."""
    if isinstance(schema, list | tuple):
        for item in cast("list[Any]", schema):
            yield from _schemas_in(item)
    elif isinstance(schema, dict):
        known = cast("Schema", schema)
        yield known
        for part in parts(known, but=_WRITERS):
            yield from _schemas_in(part)


def _is_pydantics(function: Any) -> bool:
    """Whether a function is one of pydantic's own, that changes no value; what calls one of the user's is not."""
    if isinstance(function, dict):
        function = cast("Schema", function)["function"]
    return str(getattr(function, "__module__", "")).startswith("pydantic.") and not hasattr(function, "__wrapped__")


def may_convert(schema: Any, *, is_written: bool = False) -> bool:
    """Whether validators may make what is read, and not only look at it, since there is a writer of its own.

    Args:
        schema: The schema, or a part of one.
        is_written: It is in something that is written by a function.
    """
    if isinstance(schema, list | tuple):
        return any(may_convert(item, is_written=is_written) for item in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return False
    known = cast("Schema", schema)
    is_written = is_written or "serialization" in known
    if is_written and known.get("type") in _CODED:
        return True
    return any(may_convert(part, is_written=is_written) for part in parts(known, but=_WRITERS))


def _or_as_written(schema: Schema) -> Any:
    """A function that reads by itself; where it refuses, what pydantic would read of the type around it."""
    writer: Schema = schema.get("serialization") or {}
    if writer.get("type") != "function-wrap" or "schema" not in writer:
        return schema
    function = cast("Schema", schema["function"])
    around = {**function, "function": _instead(function["function"])}
    marks: Schema = {**(schema.get("metadata") or {}), NAME: schema["type"]}
    return {**schema, "type": "function-wrap", "function": around, "schema": writer["schema"], "metadata": marks}


def _by_clock(schema: Schema) -> Schema:
    """A date that must be in the past, or in the future."""
    inside = {key: value for key, value in schema.items() if key not in (*_CLOCKS, "ref", "serialization")}
    rule: Any = {key: schema[key] for key in ("type", *_CLOCKS) if key in schema}
    check = _after(SchemaValidator(rule).validate_python)
    new: Any = core_schema.no_info_after_validator_function(check, cast("Any", inside), metadata={NAME: None})
    return {**new, **{key: schema[key] for key in ("ref", "serialization") if key in schema}}


def _after_init(schema: Schema, kind: str) -> Any:
    """A class whose `__post_init__`, or `model_post_init`, may not refuse either."""
    inside = {key: value for key, value in schema.items() if key not in ("post_init", "ref", "serialization")}

    def init(value: Any) -> None:
        value.__post_init__() if kind == "dataclass" else value.model_post_init(None)

    def finish(value: Any) -> Any:
        written = Written(value)
        _unheard(init, value)
        return value if _is_judged() else written.kept_in(value)

    marks: Schema = {**(schema.get("metadata") or {}), CLASS: schema["cls"]}  # it is known by the same name as before
    new: Any = core_schema.no_info_after_validator_function(finish, cast("Any", inside), metadata=marks)
    return {**new, **{key: schema[key] for key in ("ref", "serialization") if key in schema}}


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    def check(value: Any, *info: Any) -> Any:
        found = _unheard(function, value, *info)
        return value if found is None else found[0]

    return check


def _around(function: Callable[..., Any]) -> Callable[..., Any]:
    def check(value: Any, handler: Callable[[Any], Any], *info: Any) -> Any:
        found = _unheard(function, value, handler, *info)
        return handler(value) if found is None else found[0]

    return check


def _instead(function: Callable[..., Any]) -> Callable[..., Any]:
    def read(value: Any, handler: Callable[[Any], Any], *info: Any) -> Any:
        found = _unheard(function, value, *info)
        return handler(value) if found is None else found[0]

    return read


def _after_kept(function: Callable[..., Any]) -> Callable[..., Any]:
    def check(value: Any, *info: Any) -> Any:
        written = Written(value)
        found = _unheard(function, value, *info)
        return written.kept_in(value if found is None else found[0])

    return check


def _before_kept(function: Callable[..., Any]) -> Callable[..., Any]:
    heard = _after(function)

    def check(value: Any, *info: Any) -> Any:
        found = heard(value, *info)
        return value if type(value) in _SCALARS and type(found) is type(value) else found

    return check


def _around_kept(function: Callable[..., Any]) -> Callable[..., Any]:
    heard = _around(function)

    def check(value: Any, handler: Callable[[Any], Any], *info: Any) -> Any:
        written: list[Written] = []

        def read(given: Any, *rest: Any) -> Any:
            made = handler(given, *rest)
            if given is value:
                written[:] = [Written(made)]
            return made

        found = heard(value, read, *info)
        return written[0].kept_in(found) if written else found

    return check


_SCALARS = frozenset({int, float, str, bool})
_keeping: dict[Any, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "function-after": _after_kept,
    "function-before": _before_kept,
    "function-wrap": _around_kept,
}
_heard: dict[Any, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "function-after": _after,
    "function-before": _after,
    "function-wrap": _around,
}


def _kept(kind: Any, function: Callable[..., Any], heard: Callable[..., Any]) -> Callable[..., Any]:
    keeping = _keeping[kind](function)

    def check(*args: Any) -> Any:
        return heard(*args) if _is_judged() else keeping(*args)

    return check


def _is_judged() -> bool:
    """Whether what is read has something new in it."""
    trusted = trust.get()
    return trusted is not None and trusted.known is not None


def _unheard(function: Callable[..., Any], value: Any, *args: Any) -> tuple[Any] | None:
    """What a function makes of a value, in a tuple; None where it refuses it, and is not heard."""
    try:
        return (function(value, *args),)
    except (PydanticOmit, PydanticUseDefault):
        raise
    except BaseException as error:
        trusted = trust.get()
        if is_the_runtimes(error) or (trusted is not None and trusted.is_heard(_refusal(function, value, error))):
            raise
        return None


def _refusal(function: Callable[..., Any], value: Any, error: BaseException) -> Refusal:
    said = message_of(error)
    if isinstance(error, ValidationError):
        said = "; ".join(found["msg"] for found in error.errors(include_url=False, include_input=False))
    return id(function), type_of(error), said, value if isinstance(value, _ATOMS) else None


_ATOMS = (str, bytes, int, float, Decimal, date, time, timedelta)
