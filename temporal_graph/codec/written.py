"""What was written is what is read, whatever a class does when it is made."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, cast

from .exact import UNSET, tag_of

BARE = "bare"
"""The tag of what is written without its serializer; see `bare`."""
is_written: ContextVar[bool] = ContextVar("temporal_graph_is_written", default=False)
"""Whether what is read was written by the codec, and not given by somebody."""


class Written:
    """A value as it was written, before code of its class, or a validator, gets it.

    Args:
        value: The value.
        names: The fields of it that count; None for all of them.
    """

    def __init__(self, value: Any, names: frozenset[str] | None = None) -> None:
        self._type = cast("type[Any]", type(value))
        self._fields = fields_of(value)
        if self._fields is not None and names is not None:
            self._fields = {name: item for name, item in self._fields.items() if name in names}
        self._value = value if self._fields is None else None
        self._copy = _copied(value if self._fields is None else self._fields)
        self._were_set = set(getattr(value, "__pydantic_fields_set__", ()))

    def kept_in(self, found: Any) -> Any:
        """What such code has made of it, with what was written in its place.

        What is the same still is the same object, so that what else refers to it does.
        """
        if type(found) is not self._type:
            return found
        if self._fields is None:
            return self._value if _is_same(self._value, self._copy) else self._copy
        values: Any = getattr(found, "__dict__", None) if hasattr(found, "__pydantic_fields_set__") else None
        for name, written in self._fields.items():
            item = written if _is_same(written, self._copy[name]) else self._copy[name]
            if values is not None:
                values[name] = item
            else:
                object.__setattr__(found, name, item)
        if values is not None:
            found.__pydantic_fields_set__.intersection_update(self._were_set)
            found.__pydantic_fields_set__.update(self._were_set)
        return found


def lost(written: Any, read: Any) -> int:
    """How many places of a JSON tree are others in one that was made of it; what is new there does not count."""
    return sum(_lost(written, read))


def _lost(written: Any, read: Any) -> Iterator[int]:
    if tag_of(written) == BARE:
        return  # nothing makes another one of it
    if isinstance(written, dict) and isinstance(read, dict):
        found = cast("dict[str, Any]", read)
        for key, item in cast("dict[str, Any]", written).items():
            if key not in found:
                yield int(key != UNSET)
            elif key != UNSET:
                yield from _lost(item, found[key])
            else:
                yield len(set(cast("list[str]", item or [])) - set(cast("list[str]", found[key] or [])))
    elif isinstance(written, list) and isinstance(read, list):
        items, others = cast("list[Any]", written), cast("list[Any]", read)
        yield abs(len(items) - len(others))
        for item, other in zip(items, others, strict=False):
            yield from _lost(item, other)
    else:
        yield int(not (type(cast("Any", written)) is type(read) and written == read))


def fields_of(value: Any) -> dict[str, Any] | None:
    """What the fields of a model or a dataclass are, of those that it has; None for a value without fields."""
    cls = cast("type[Any]", type(value))
    if hasattr(cls, "model_fields"):
        known: Any = cls.model_fields
        return {name: item for name, item in cast("dict[str, Any]", vars(value)).items() if name in known}
    if dataclasses.is_dataclass(cls):
        names = (field.name for field in dataclasses.fields(cls))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return None


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # what cannot be copied is nothing that such code changes
        return value


def _is_same(value: Any, before: Any) -> bool:
    try:
        return bool(value == before)
    except Exception:  # of a class's own code
        return False
