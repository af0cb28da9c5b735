"""Reading what a run holds, which another release of its graph may have written."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from ..codec import DecodeError
from ..engine.events import OutdatedError


@contextlib.contextmanager
def reading(what: str) -> Generator[None]:
    """Tell what could not be read.

    Raises:
        OutdatedError: It does not fit the type that is declared by now, or its type is not known any more.
    """
    try:
        yield
    except DecodeError as error:
        raise OutdatedError(what, error) from error
    except KeyError as error:  # `Codec.named`
        raise OutdatedError(what, LookupError(f"no type is named {error} any more")) from error
