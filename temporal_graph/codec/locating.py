"""Where in a value is what cannot be written: pydantic says what was expected, and not where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from ..engine.raised import clipped, is_the_runtimes
from .written import fields_of

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
            if fields_of(value) is not None:
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
    for name, item in (fields_of(value) or {}).items():
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
        if fields_of(item) is not None:
            why = codec_of(cast("type[Any]", type(item))).check(item)
            if why is not None:
                return str(name), item, why
    return None
