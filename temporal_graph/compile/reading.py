"""Reading what a run holds, which another release of its graph may have written."""

from __future__ import annotations

from typing import Any

from ..codec import DecodeError
from ..engine.events import OutdatedError
from ..engine.raised import is_a


class reading:
    """Tells what could not be read.

    Not a generator: that would write to an exception that passes through, which one of the user's may not let it.

    Raises:
        OutdatedError: It does not fit the type that is declared by now, or its type is not known any more.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None and is_a(error, DecodeError):
            raise OutdatedError(self._what, error) from error
        if error is not None and is_a(error, KeyError):  # `Codec.named`
            raise OutdatedError(self._what, LookupError(f"no type is named {error} any more")) from error
