"""What an attempt at a node leaves to those after it, and to the run: with its signs of life, and with its error."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from temporalio import workflow
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

from ..engine.state import Json

TOLD_BY_NODE = "temporal_graph"
"""Marks what a node tells."""
DEEPEST = 10
"""Causes of an error that are looked at."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a node that has been tried.

    Attributes:
        attempt: How often.
        once: What it has done once and for all; None for nothing.
    """

    attempt: int
    once: dict[str, Json] | None


def told(attempt: int, once: Mapping[str, Json]) -> dict[str, Json]:
    """As JSON."""
    return {"from": TOLD_BY_NODE, "attempt": attempt, "once": dict(once) or None}


def told_in(details: Iterable[Any]) -> Told | None:
    """What a node has told; None where it has not."""
    for detail in details:
        if isinstance(detail, dict):
            found = cast("dict[str, Any]", detail)
            attempt, once = found.get("attempt"), found.get("once")
            if found.get("from") == TOLD_BY_NODE and isinstance(attempt, int) and isinstance(once, dict | None):
                return Told(attempt, cast("dict[str, Json] | None", once))
    return None


def told_by(error: BaseException | None) -> Told | None:
    """What a node has told with its error; or, where it had no time for one, with its last sign of life."""
    for _ in range(DEEPEST):
        if error is None:
            return None
        details = getattr(error, "details", None) or getattr(error, "last_heartbeat_details", None) or ()
        found = told_in(details)
        if found is not None:
            return found
        error = error.__cause__
    return None


def dump_error(error: BaseException) -> Json:
    """The error of an activity, so that it can be raised again in another history; None for another error."""
    if type(error) is not ActivityError or is_cancelled_exception(error):
        return None
    failure = Failure()
    DefaultFailureConverter().to_failure(error, workflow.payload_converter(), failure)
    return base64.b64encode(failure.SerializeToString(deterministic=True)).decode()


def load_error(data: Json) -> FailureError:
    """The error again."""
    failure = Failure.FromString(base64.b64decode(data))
    error = DefaultFailureConverter().from_failure(failure, workflow.payload_converter())
    assert isinstance(error, FailureError)
    return error
