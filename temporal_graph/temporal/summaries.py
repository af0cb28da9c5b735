"""What the Temporal UI says of a run's activities and timers, and of the run as it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC

from ..engine.engine import Engine
from ..engine.events import Work, clipped
from ..engine.policies import Due, moment
from ..engine.questions import Interrupt
from ..engine.spec import NodeSpec, StepSpec

LONGEST = 200
"""Bytes of a summary as JSON, and letters of a name. The limit is 400, and a payload codec may make more of them."""
MOST = 20
"""Questions that are shown one by one."""


def summary(text: str) -> str:
    """A summary that a server takes: short, and of characters that UTF-8 has."""
    text = clipped(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    while len(json.dumps(text)) > LONGEST:
        text = text[: len(text) * 3 // 4] + "…"
    return text


def node_summary(work: Work, node: NodeSpec) -> str | None:
    """What an activity is for, where its type, the node, does not say it: a worker spends time on each summary."""
    if work.composes:
        return f"compose {work.task_id}"
    is_interrupt = isinstance(node, StepSpec) and node.waits
    return work.task_id if is_interrupt or not work.task_id.endswith(":1") else None


def due_summary(questions: Mapping[str, Due]) -> str:
    """What a timer is for, which is for these questions, and what each of them does."""
    interrupt_id, due = next(iter(questions.items()))
    name = interrupt_id if len(questions) == 1 else f"{interrupt_id} and {len(questions) - 1:,} more"
    if due.what == "escalate":
        return summary(f"escalate {name} to {', '.join(due.to)}")
    if due.what == "retry":
        return summary(f"try {name} again")
    return summary(f"{'remind' if due.what == 'remind' else 'time out'} {name}")


def details(engine: Engine) -> str:
    """What a run waits for, and for whom, as Markdown."""
    waiting = list(engine.questions.open.values())
    if engine.status != "running" or not waiting:
        return ""
    lines = ["| waits for | asked of | since | until |", "|---|---|---|---|"]
    lines.extend(_row(interrupt) for interrupt in waiting[:MOST])
    if len(waiting) > MOST:
        lines.append(f"\n... and {len(waiting) - MOST:,} more.")
    return "\n".join(lines)


def _row(interrupt: Interrupt) -> str:
    problem = interrupt.problem
    asked = _shown(", ".join(interrupt.assignees)) or ("anybody" if problem is None else "nobody")
    if interrupt.escalation_level:
        asked += f" (level {interrupt.escalation_level})"
    if interrupt.quorum > 1:
        asked += f", {len(interrupt.answers)} of {interrupt.quorum} answers"
    if problem is not None:
        asked += f". {_shown(problem)}"
    until = "" if interrupt.deadline is None else _minute(interrupt.deadline)
    return f"| {_shown(interrupt.interrupt_id)} | {asked} | {_minute(interrupt.created_at)} | {until} |"


def _shown(text: str) -> str:
    """A text of the user's, which must not break out of its cell, or format anything."""
    text = clipped(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    line = "".join(char if char.isprintable() or char in _JOINERS else " " for char in text)
    return " ".join(line.translate(_ESCAPES).split())


_JOINERS = "\u200c\u200d"
"""Of which some letters and emoji are made."""
_ESCAPES = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_{}[]<>()#+!|~&"})


def _minute(at: str) -> str:
    try:
        return f"{moment(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # within hours of the first year or the last
        return at
