"""JSON text taken apart without looking into it: the pieces stay the bytes that they were."""

from __future__ import annotations

import re
from typing import Any

from ..engine.text import compact, read, scan

_skip = re.compile(r"[ \t\n\r]*").match


__all__ = ["compact", "elements", "members", "read"]


def members(text: str) -> dict[str, str]:
    """The members of a JSON object, each value as it stands in the text.

    Raises:
        ValueError: The text is no JSON object.
    """
    index = _open(text, "{", "an object")
    found: dict[str, str] = {}
    if text[index : index + 1] == "}":
        return _closed(text, index, found)
    while True:
        key, index = _value(text, index)
        if not isinstance(key, str) or text[index : index + 1] != ":":
            raise ValueError(f"No JSON object: a key and a colon were expected at {index}")
        start = _after(text, index + 1)
        _, end = _scanned(text, start)
        found[key] = text[start:end]
        index = _after(text, end)
        if text[index : index + 1] != ",":
            break
        index = _after(text, index + 1)
    if text[index : index + 1] != "}":
        raise ValueError(f"No JSON object: its end was expected at {index}")
    return _closed(text, index, found)


def elements(text: str) -> list[str] | None:
    """The elements of a JSON array, each as it stands in the text; None where the text is something else.

    Raises:
        ValueError: The text is no JSON.
    """
    index = _after(text, 0)
    if text[index : index + 1] != "[":
        return None
    index = _after(text, index + 1)
    found: list[str] = []
    if text[index : index + 1] == "]":
        return found
    while True:
        _, end = _scanned(text, index)
        found.append(text[index:end])
        index = _after(text, end)
        if text[index : index + 1] != ",":
            break
        index = _after(text, index + 1)
    if text[index : index + 1] != "]":
        raise ValueError(f"No JSON array: its end was expected at {index}")
    return found


def _open(text: str, bracket: str, what: str) -> int:
    index = _after(text, 0)
    if text[index : index + 1] != bracket:
        raise ValueError(f"Not {what} in JSON: {text[:40]!r}")
    return _after(text, index + 1)


def _closed(text: str, index: int, found: dict[str, str]) -> dict[str, str]:
    if _after(text, index + 1) != len(text):
        raise ValueError(f"No JSON: something follows the object at {index + 1}")
    return found


def _after(text: str, index: int) -> int:
    match = _skip(text, index)
    assert match is not None
    return match.end()


def _value(text: str, index: int) -> tuple[Any, int]:
    value, end = _scanned(text, index)
    return value, _after(text, end)


def _scanned(text: str, index: int) -> tuple[Any, int]:
    try:
        return scan(text, index)
    except StopIteration as stop:
        raise ValueError(f"No JSON: a value was expected at {stop.value}") from None
