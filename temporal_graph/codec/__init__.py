"""Typed values <-> JSON bytes."""

from __future__ import annotations

from .errors import DecodeError, EncodeError, UnsupportedTypeError
from .trusting import Refusal, of_any_rule
from .values import LOST, Codec, ValueCodec, shown

__all__ = [
    "LOST",
    "Codec",
    "DecodeError",
    "EncodeError",
    "Refusal",
    "UnsupportedTypeError",
    "ValueCodec",
    "of_any_rule",
    "shown",
]
