"""What goes wrong between typed values and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import GraphError


class EncodeError(GraphError, ValueError):
    """A value is not of its declared type, or cannot be written as JSON."""


class DecodeError(GraphError, ValueError):
    """JSON does not fit its declared type.

    Attributes:
        errors: What is wrong by field: `loc`, `msg`, `type`, as pydantic has them.
    """

    def __init__(self, message: str, errors: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class UnsupportedTypeError(TypeError):
    """A type cannot cross between processes."""
