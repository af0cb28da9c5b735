"""Typed values <-> JSON bytes."""

from __future__ import annotations

from .errors import DecodeError, EncodeError, UnsupportedTypeError
from .trusting import Refusal, of_any_rule
from .values import Codec, ValueCodec, shown

__all__ = [
    "Codec",
    "DecodeError",
    "EncodeError",
    "Refusal",
    "UnsupportedTypeError",
    "ValueCodec",
    "of_any_rule",
    "shown",
]
