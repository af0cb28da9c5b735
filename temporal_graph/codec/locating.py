"""Where in a value is what cannot be written: pydantic says what was expected, and not where."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from ..engine.raised import clipped, is_the_runtimes

DEEPEST = 20
"""Steps into a value, which may hold itself."""


class Codec(Protocol):
    """What is needed of a `ValueCodec`."""

    def check(self, value: Any) -> BaseException | None:
        """What pydantic has against a value, written as the type."""
        ...

    def check_field(self, name: str, value: Any) -> BaseException | None:
        """The same of one field."""
        ...


def located(value: Any, codec: Codec | None, codec_of: Callable[[type], Codec]) -> tuple[str, BaseException] | None:
    """The innermost field of a value that cannot be written, and why; None where that is not known.

    Args:
        value: The value.
        codec: That of its type; None where it may be of another class than is declared.
        codec_of: That of a class.
    """
    path: list[str] = []
    found: BaseException | None = None
    try:
        while len(path) < DEEPEST:
            if _is_record(value):
                step = _field(value, codec or codec_of(cast("type[Any]", type(value))))
            else:
                step = _item(value, codec_of)
            if step is None:
                break
            name, value, found = step
            path.append(clipped(name, 100))
            codec = None
    except BaseException as error:  # of a class's own code, too
        if is_the_runtimes(error):
            raise
    return None if found is None else (".".join(path), found)


def _field(value: Any, codec: Codec) -> tuple[str, Any, BaseException] | None:
    """The first field that cannot be written."""
    for name, item in _fields(value):
        why = codec.check_field(name, item)
        if why is not None:
            return name, item, why
    return None


def _item(value: Any, codec_of: Callable[[type], Codec]) -> tuple[str, Any, BaseException] | None:
    """The first item that has fields, of which one cannot be written."""
    items: Any = ()
    if isinstance(value, list | tuple):
        items = enumerate(cast("Any", value))
    elif isinstance(value, dict):
        items = cast("Any", value).items()
    for name, item in items:
        if _is_record(item):
            why = codec_of(cast("type[Any]", type(item))).check(item)
            if why is not None:
                return str(name), item, why
    return None


def _is_record(value: Any) -> bool:
    cls = cast("Any", type(value))
    return dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields")


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    cls = cast("Any", type(value))
    names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else cls.model_fields
    for name in names:
        if hasattr(value, name):
            yield name, getattr(value, name)
