"""A run as JSON for people: the answers to `get_state` and `proceed` of the wire contract."""

from __future__ import annotations

import json
from typing import Any

from .engine import Engine
from .state import Json


def interrupts(engine: Engine) -> list[dict[str, Json]]:
    """The questions that are open, oldest first."""
    problem = engine.problem
    opened = (interrupt.public() for interrupt in engine.questions.open.values())
    return [{**question, "problem": question["problem"] or problem} for question in opened]


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
        "interrupts": interrupts(engine),
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
        "interrupts": interrupts(engine),
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
