"""JSON as text: written and read many thousand times in one workflow task.

`json.dumps` and `json.loads` make anew with each call what writes or reads, and ask of what type things are, which in
the sandbox of a workflow takes ten times as long as elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, cast


def _writer(
    encode: Callable[[str], str], separators: tuple[str, str], *, ascii_only: bool, sort_keys: bool
) -> Callable[[Any], str]:
    """What writes a JSON tree."""
    encoder = json.JSONEncoder(ensure_ascii=ascii_only, separators=separators, sort_keys=sort_keys)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    pieces = make(None, encoder.default, encode, None, separators[1], separators[0], sort_keys, False, True)

    def write(value: Any) -> str:
        try:
            return "".join(pieces(value, 0))
        except RecursionError:
            return encoder.encode(value)  # which says what is wrong with it

    return write


compact = _writer(encode_basestring, (",", ":"), ascii_only=False, sort_keys=False)
"""A JSON tree as text, without spaces."""
ordered = _writer(encode_basestring_ascii, (", ", ": "), ascii_only=True, sort_keys=True)
"""The same with keys in order, in ASCII, and with spaces."""
scan: Callable[[str, int], tuple[Any, int]] = cast("Any", json.JSONDecoder()).scan_once
"""Reads the JSON that begins at a place of a text; says where it ends."""


def read(text: str) -> Any:
    """The JSON tree that a text is.

    Raises:
        ValueError: It is none.
    """
    try:
        value, end = scan(text, 0)
    except StopIteration:
        return json.loads(text)  # there are spaces before it, or it is no JSON
    return value if end == len(text) else json.loads(text)
