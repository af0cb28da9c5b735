"""The past of a run, for whoever asks: made again from what the driver remembers, so that it costs no history."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue

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


def asked_after(question: RawValue) -> tuple[Any] | None:
    """What comes after `{"after": ...}`, null too; None where nothing is asked like this."""
    try:
        asked = json.loads(from_raw(question))
    except ValueError:
        return None
    return (cast("dict[str, Any]", asked)["after"],) if isinstance(asked, dict) and "after" in asked else None


def _number(question: RawValue) -> int:
    try:
        number = json.loads(from_raw(question))
    except ValueError:
        return 0
    return number if isinstance(number, int) else 0
