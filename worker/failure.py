"""The error that ends the worker with one line."""

from __future__ import annotations

import traceback
from pathlib import Path

from temporalio.exceptions import ApplicationError

import temporal_graph

# Where the line that is to blame is not looked for: installed packages, the standard library, and this project's own.
_NOT_THE_USERS = (
    str(Path(traceback.__file__).parent),
    str(Path(temporal_graph.__file__).parent),
    str(Path(__file__).parent),
)


class WorkerError(Exception):
    """Something outside this program must be put right before a worker can run; the message is one line."""


def one_line(error: object) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())


def named(error: BaseException) -> str:
    """An error's type and message, on one line; of one of Temporal's that stands for another, its."""
    type_, message = type(error).__name__, one_line(error)
    if isinstance(error, ApplicationError) and error.type:
        type_, message = error.type, one_line(error.message)
    return f"{type_}: {message}" if message else type_


def describe(error: BaseException) -> str:
    """An error's type and message on one line, and where in the user's own code it was raised."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (at {_short(error.filename or '?')}:{error.lineno})"
    what = named(error)
    where = blame(error)
    return f"{what} (at {where})" if where else what


def blame(error: BaseException) -> str | None:
    """`file:line` of the deepest frame that an error went through in the user's own code."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("<") or "site-packages" in frame.filename:
            continue
        if not frame.filename.startswith(_NOT_THE_USERS):
            return f"{_short(frame.filename)}:{frame.lineno}"
    return None


def _short(filename: str) -> str:
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except ValueError:
        return filename
