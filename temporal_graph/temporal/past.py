"""The past of a run, for whoever asks: made again from what the driver remembers, so that it costs no history."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue

from ..codec import shown
from ..codec.text import compact
from ..engine import snapshot
from ..engine.recording import RecordingEngine
from ..engine.sizes import size_of
from .collecting import without_collecting
from .payloads import from_raw

PAGE = 1_000_000
"""Bytes of JSON after which a page of checkpoints ends."""
LONGEST = 0.3
"""Seconds of a processor after which it ends: the SDK gives a query up that takes two."""


@without_collecting
def page(engine: RecordingEngine, question: RawValue) -> dict[str, Any]:
    """Checkpoints after the number asked for, as many as go into one answer.

    Returns:
        `origin`, the checkpoint that this history began after, and `latest`, the newest one; `state`, the state after
        the checkpoint asked for; `checkpoints`; `more`, whether there are more; `run_id`, this history, and
        `previous_run_id`, the one before it, if there is one.
    """
    began = time.thread_time()
    past = engine.past(_number(question))
    state = past.state
    found: list[dict[str, Any]] = []
    size, more = 0, False
    while (checkpoint := past.next()) is not None:
        item = {field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}
        size += size_of(compact(item))
        if found and (size > PAGE or time.thread_time() - began > LONGEST):
            more = True
            past.put_back(checkpoint)
            engine.leave(past)
            break
        found.append(item)
    return {
        "origin": engine.origin[0],
        "latest": engine.checkpoint,
        "state": state,
        "checkpoints": found,
        "more": more,
        "run_id": workflow.info().run_id,
        "previous_run_id": workflow.info().continued_run_id,
    }


def audit(engine: RecordingEngine, question: RawValue) -> dict[str, Any]:
    """The entries of the audit after the number asked for, as many as go into one answer.

    Returns:
        `entries`; `more`, whether there are more here; `previous_run_id`, the history before this one, if there is one.
    """
    after = _number(question)
    found: list[dict[str, Any]] = []
    size, more = 0, False
    for entry in engine.questions.audit.entries:
        if entry.number <= after:
            continue
        item = entry.public()
        size += size_of(compact(item))
        if found and size > PAGE:
            more = True
            break
        found.append(item)
    return {"entries": found, "more": more, "previous_run_id": workflow.info().continued_run_id}


def snapshot_at(engine: RecordingEngine, question: RawValue) -> dict[str, Any] | None:
    """The whole run after a checkpoint; None where this history does not have it."""
    number = _number(question)
    past = engine.past(number - 1)
    checkpoint = past.next()
    return snapshot.dump(past.engine) if checkpoint is not None and checkpoint.number == number else None


def asked_after(question: RawValue) -> tuple[list[Any] | None] | None:
    """What comes after `{"after": ...}`, null too; None where nothing is asked like this.

    Raises:
        ValueError: Something else is asked.
    """
    asked: Any = json.loads(from_raw(question))
    if asked is None:
        return None
    after: Any = cast("dict[str, Any]", asked).get("after") if isinstance(asked, dict) else asked
    if not isinstance(asked, dict) or cast("Any", asked).keys() != {"after"} or not isinstance(after, list | None):
        raise ValueError(
            f"It takes {{'after': ...}}, with the 'next' of a page, or null for the first one; it got {shown(asked)}."
        )
    return (cast("list[Any] | None", after),)


def _number(question: RawValue) -> int:
    number: Any = json.loads(from_raw(question))
    if number is None:
        return 0
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"It takes the number after which it begins, such as 17, or nothing; it got {shown(number)}.")
    return number
