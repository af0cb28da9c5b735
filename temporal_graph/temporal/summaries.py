"""What the Temporal UI says of a run's activities and timers, and of the run as it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..engine.engine import Engine
from ..engine.events import clipped
from ..engine.policies import Due
from ..engine.questions import Interrupt

LONGEST = 200
"""Bytes of a summary as JSON. Temporal's limit is 400 as they are sent, and a payload codec may make more of them."""
MOST = 20
"""Questions that are shown one by one."""


def summary(text: str) -> str:
    """A summary that a server takes: short, and of characters that UTF-8 has."""
    text = clipped(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    while len(json.dumps(text)) > LONGEST:
        text = text[: len(text) * 3 // 4] + "…"
    return text


def due_summary(interrupt_id: str, due: Due) -> str:
    """What a timer is for."""
    if due.what == "escalate":
        return summary(f"escalate {interrupt_id} to {', '.join(due.to)}")
    return summary(f"{'remind' if due.what == 'remind' else 'time out'} {interrupt_id}")


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
    asked = ", ".join(interrupt.assignees) or "anybody"
    if interrupt.escalation_level:
        asked += f" (level {interrupt.escalation_level})"
    if interrupt.quorum > 1:
        asked += f", {len(interrupt.answers)} of {interrupt.quorum} answers"
    until = "" if interrupt.deadline is None else _minutes(interrupt.deadline)
    return "| " + " | ".join(_cells([interrupt.interrupt_id, asked, _minutes(interrupt.created_at), until])) + " |"


def _cells(texts: Iterable[str]) -> list[str]:
    """Texts of the user's, which must not break out of their cells, or format anything."""
    shown = [clipped(text if len(text) <= 200 else text[:199] + "…") for text in texts]
    lines = ["".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in text) for text in shown]
    return [" ".join(line.translate(_ESCAPES).split()) for line in lines]


_ESCAPES = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_{}[]<>()#+!|~&"})


def _minutes(at: str) -> str:
    return at[:16].replace("T", " ") + " UTC"
