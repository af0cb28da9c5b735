"""Errors that are hard to look at: with causes in a ring, or too many, or groups in groups."""

from __future__ import annotations

from typing import Any


def of_itself() -> None:
    """Raises an error that is its own cause."""
    try:
        raise ValueError("no such order")
    except ValueError as error:
        raise error from error


def in_a_ring() -> None:
    """Raises one of two errors that are each other's cause."""
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    raise one


def deep() -> None:
    """Raises an error with a hundred thousand causes."""
    error: ValueError | None = None
    for number in range(100_000):
        later, error = error, ValueError(number)
        error.__cause__ = later
    assert error is not None
    raise error


def grouped() -> None:
    """Raises a group in a group in a group, three hundred of them, each with more; more are too many for Python."""
    group: Any = ExceptionGroup("inner", [ValueError(number) for number in range(1_000)])
    for number in range(300):
        group = ExceptionGroup("outer", [group, KeyError(number)])
    raise group


def without_end(number: int = 0) -> None:
    """Calls itself."""
    without_end(number + 1)
