"""Python's search for garbage, put off while a run makes very many objects that all stay.

It begins anew after so many new objects, and goes through those that are there already: with 10,000 open questions it
takes as long as all the rest, and a workflow task has two seconds.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def without_collecting(function: Callable[P, T]) -> Callable[P, T]:
    """A function during which there is no such search; whoever turned it off turns it on again."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if not gc.isenabled():
            return function(*args, **kwargs)
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            gc.enable()

    return call
