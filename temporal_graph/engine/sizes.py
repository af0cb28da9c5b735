"""How large things are: in bytes, as they are sent. A letter of most of the world's scripts is two or three."""

from __future__ import annotations

import json

from .state import Json


def size_of(text: str) -> int:
    """How many bytes a text is."""
    return len(text) if text.isascii() else len(text.encode(errors="backslashreplace"))


def json_size(value: Json) -> int:
    """How many bytes a value is as JSON."""
    return size_of(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def cut(text: str, most: int) -> str:
    """A text of no more bytes than these, and a word on how many there were."""
    data = text.encode(errors="backslashreplace")
    return data.decode() if len(data) <= most else f"{data[:most].decode(errors='ignore')}... ({len(data):,} bytes)"
