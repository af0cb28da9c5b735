"""What a person can say to the failure of a node: run it again, skip it, or let the run fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .events import Encoded, is_the_runtimes, message_of, type_of
from .functions import Functions
from .state import Json

Errors = list[dict[str, Any]]

TAKES: dict[str, str | None] = {"retry": "inputs", "skip": "output", "abort": None}
"""What can be done, and what can come with it."""


def action_of(answer: Json) -> str | None:
    """What an answer says is to be done; None for one that says nothing of the kind."""
    sent = cast("dict[str, Json]", answer) if isinstance(answer, dict) else {}
    action: Json = sent.get("action")
    if not isinstance(action, str) or action not in TAKES:
        return None
    return action if all(name in ("action", TAKES[action]) for name in sent) else None


def read_action(
    functions: Functions, node_id: str, action: str, answer: Json, is_taken: bool = False
) -> tuple[Encoded | None, Errors]:
    """What comes with an answer: other inputs, or an output; None for nothing.

    Args:
        functions: The graph's functions.
        node_id: The node that failed.
        action: What is to be done.
        answer: The answer.
        is_taken: It has been taken, whatever this release says to it.

    Returns:
        It, and what is wrong with it.
    """
    place = TAKES[action]
    if place is None or (action == "retry" and answer.get(place) is None):
        return None, []
    read_value = functions.arrive if action == "retry" else functions.take_output
    value, errors = read(read_value, node_id, answer.get(place), is_taken)
    return value, [{**error, "loc": [place, *error["loc"]]} for error in errors]


def read(
    function: Callable[..., tuple[Encoded | None, Errors]], node_id: str, data: Json, is_taken: bool = False
) -> tuple[Encoded | None, Errors]:
    """Read what a person gives to a node; no answer may fail a run, whatever a validator of the user's does."""
    try:
        return function(node_id, data, is_taken=is_taken)
    except BaseException as error:
        if is_the_runtimes(error):
            raise
        return None, [error_of(error)]


def error_of(error: BaseException) -> dict[str, Any]:
    """What is wrong with an answer, where that was found out by an exception."""
    return {"loc": [], "msg": f"{type_of(error)}: {message_of(error)}", "type": "error"}
