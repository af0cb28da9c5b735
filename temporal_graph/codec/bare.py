"""What a serializer of the user's writes as less than it is: it is written once more, without it.

Beside validators such a serializer is used, since they may be meant for what it writes. Where something is lost by
that, the value stands there as `{"$type": "bare", "value": ...}`, as pydantic itself writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

from .exact import tag_of
from .written import BARE, Written

Schema = dict[str, Any]

AROUND = frozenset({"function-before", "function-after", "function-wrap"})
"""Schemas that are a validator around another one."""


class Everything(Container[int]):
    """All that there is."""

    def __contains__(self, item: object) -> bool:
        return True


@dataclass(slots=True)
class Writing:
    """How a value is written.

    Attributes:
        bare: What in it is written without its serializers, by `id`.
        met: What in it has some.
    """

    bare: Container[int] = ()
    met: set[int] = field(default_factory=set[int])


writing: ContextVar[Writing | None] = ContextVar("temporal_graph_writing", default=None)
"""How the value is written that is written now."""


def dump_part(value: Any, handler: Callable[[Any], Any], bare: Callable[[Any], Any]) -> Any:
    """Something that has a serializer of the user's as JSON.

    Args:
        value: It.
        handler: Writes it with the serializer.
        bare: Writes it without.
    """
    now = writing.get()
    if now is None:
        return handler(value)
    now.met.add(id(value))
    return {"$type": BARE, "value": bare(value)} if id(value) in now.bare else handler(value)


def note_part(value: Any, handler: Callable[[Any], Any]) -> Any:
    """The same of something that nothing else can write."""
    now = writing.get()
    if now is not None:
        now.met.add(id(value))
    return handler(value)


def without_tags(data: Any) -> Any:
    """JSON as people see it: without the tags of what is written bare."""
    if isinstance(data, list):
        return [without_tags(item) for item in cast("list[Any]", data)]
    if not isinstance(data, dict):
        return data
    found = cast("dict[str, Any]", data)
    return without_tags(found["value"]) if tag_of(found) == BARE else {k: without_tags(v) for k, v in found.items()}


def bare_of(schema: Schema) -> Schema | None:
    """A core schema without its serializer, and without the validators that may be meant for what that writes.

    What only looks at a value, or completes it, once it is made is heard, and changes nothing.

    Returns:
        The schema; None where there may be none: there is a default in it.
    """
    new = {key: item for key, item in schema.items() if key not in ("serialization", "ref")}
    kind = new.get("type")
    if kind == "default":
        return None
    if kind in ("model", "dataclass"):
        fields: Schema = new["schema"]
        while fields.get("type") in AROUND and "schema" in fields:
            fields = fields["schema"]
        return {**new, "schema": fields}
    if kind not in AROUND:
        return new
    inner = bare_of(new["schema"])
    if inner is None or kind != "function-after":
        return inner
    function = cast("Schema", new["function"])
    return {**new, "schema": inner, "function": {**function, "function": _kept(function["function"])}}


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    def check(value: Any, *info: Any) -> Any:
        written = Written(value)
        try:
            found = function(value, *info)
        except Exception:
            if not info:
                raise
            found = value  # it may have looked for the fields around it, which it does not see here
        return written.kept_in(found if type(found) is type(value) else value)

    return check
