"""A run as JSON for people: the answers to `get_state` and `proceed` of the wire contract."""

from __future__ import annotations

import json
from typing import Any, cast

from .engine import Engine
from .questions import Interrupt
from .sizes import json_size
from .state import Json

PAGE = 1_000_000
"""Bytes of JSON of the questions in one answer: a server takes 2 MiB."""
LAST = 10
"""How many of a page's last questions say where the next page begins, for some may be answered meanwhile."""


def page(engine: Engine, after: Json = None) -> dict[str, Json]:
    """Questions that are open, oldest first, as many as go into one answer.

    Args:
        engine: The run.
        after: `next` of the page before this one; None for the first.

    Returns:
        `interrupts`; `next`, what to ask for the next page with, or None.
    """
    found: list[dict[str, Json]] = []
    size = 0
    problem = engine.problem
    for interrupt in _opened_after(engine, after):
        question = interrupt.public()
        question["problem"] = question["problem"] or problem
        size += json_size(question)
        if found and size > PAGE:
            last = [known["interrupt_id"] for known in found[: -LAST - 1 : -1]]
            return {"interrupts": found, "next": [*last, found[-1]["created_at"]]}
        found.append(question)
    return {"interrupts": found, "next": None}


def _opened_after(engine: Engine, after: Json) -> list[Interrupt]:
    by_id = engine.questions.open
    opened = list(by_id.values())
    if not isinstance(after, list) or not after:
        return opened
    *names, at = map(str, cast("list[Json]", after))
    for name in names:
        if name in by_id and by_id[name].created_at <= at:  # one that was asked again since stands behind others
            return opened[list(by_id).index(name) + 1 :]
    return [interrupt for interrupt in opened if interrupt.created_at >= at]  # they were answered since


def _first(engine: Engine) -> dict[str, Json]:
    """The first page of questions, in what tells of more than these."""
    found = page(engine)
    more = {} if found["next"] is None else {"next_interrupts": found["next"]}
    return {"interrupts": found["interrupts"], **more}


def standing(engine: Engine) -> dict[str, Any]:
    """Where a run stands; of one that has ended, also which votes it knows, for it refuses all updates."""
    problem = engine.problem
    votes = {"votes": [vote.public() for vote in engine.questions.votes.values()]} if engine.questions.closed else {}
    return {
        **votes,
        "status": "blocked" if problem is not None and engine.standing == "waiting" else engine.standing,
        "problem": problem,
        "values": engine.state,
        "version": engine.shared.version,
        "next": engine.next_nodes,
        **_first(engine),
        "breakpoints": {"before": list(engine.breakpoints.before), "after": list(engine.breakpoints.after)},
        "early": [kept.public() for kept in engine.questions.ahead],
        "answered": [accepted.public() for accepted in engine.questions.accepted.values()],
        "rejected": list(engine.questions.rejected),
    }


def nothing() -> dict[str, Any]:
    """Where a run stands that could not begin."""
    lists: dict[str, Any] = {name: [] for name in ("next", "interrupts", "answered", "early", "rejected")}
    breakpoints: dict[str, Any] = {"before": [], "after": []}
    return {"status": "failed", "problem": None, "values": None, "version": 0, "breakpoints": breakpoints, **lists}


def stopped(engine: Engine) -> dict[str, Any]:
    """What a run has stopped at."""
    problem = engine.problem
    return {
        "status": "blocked" if problem is not None and engine.standing == "waiting" else engine.standing,
        "problem": problem,
        **_first(engine),
        "output": json.loads(engine.output.data) if engine.output is not None else None,
        "state": engine.state,
        "failure": engine.failure.dump() if engine.failure is not None else None,
        **_composed(engine),
    }


def _composed(engine: Engine) -> dict[str, Any]:
    """The interrupt node that waits, where its question does not show its fields, but what it has composed."""
    waiting = [interrupt for interrupt in engine.questions.open.values() if interrupt.kind == "node"]
    task = engine.tasks[waiting[0].task_id] if waiting else None
    if task is None or task.shown is None:
        return {}
    return {"next_node": {"node_id": task.node_id, "data": json.loads(task.value.data)}}
