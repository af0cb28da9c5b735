"""The past of a run, for whoever asks: made again from what the driver remembers, so that it costs no history."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from ..codec.text import compact
from ..engine import snapshot
from ..engine.recording import RecordingEngine
from .payloads import from_raw

PAGE = 1_000_000
"""Characters of JSON after which a page of checkpoints ends."""


def page(engine: RecordingEngine, question: RawValue) -> dict[str, Any]:
    """Checkpoints after the number asked for, as many as go into one answer.

    Returns:
        `origin`, the checkpoint that this history began after, and `latest`, the newest one; `state`, the state after
        the checkpoint asked for; `checkpoints`; `more`, whether there are more; `run_id`, this history, and
        `previous_run_id`, the one before it, if there is one.
    """
    after = _number(question)
    first, state = engine.origin
    found: list[dict[str, Any]] = []
    size, more = 0, False
    for checkpoint, then in engine.checkpoints():
        if checkpoint.number <= after:
            state = then.state
            continue
        item = asdict(checkpoint)
        size += len(compact(item))
        if found and size > PAGE:
            more = True
            break
        found.append(item)
    return {
        "origin": first,
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
        size += len(compact(item))
        if found and size > PAGE:
            more = True
            break
        found.append(item)
    return {"entries": found, "more": more, "previous_run_id": workflow.info().continued_run_id}


def snapshot_at(engine: RecordingEngine, question: RawValue) -> dict[str, Any] | None:
    """The whole run after a checkpoint; None where this history does not have it."""
    number = _number(question)
    for checkpoint, then in engine.checkpoints():
        if checkpoint.number == number:
            return snapshot.dump(then)
    return None


def _number(question: RawValue) -> int:
    try:
        number = json.loads(from_raw(question))
    except ValueError:
        return 0
    return number if isinstance(number, int) else 0
