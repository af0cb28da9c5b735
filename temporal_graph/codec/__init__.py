"""Typed values <-> JSON bytes."""

from __future__ import annotations

from .errors import DecodeError, EncodeError, UnsupportedTypeError
from .values import Codec, ValueCodec, new_errors, shown

__all__ = ["Codec", "DecodeError", "EncodeError", "UnsupportedTypeError", "ValueCodec", "new_errors", "shown"]
