"""Snapshots in fewer bytes come back as what they were."""

from __future__ import annotations

import json
from typing import Any

from temporal_graph.engine.shortened import shorten, whole


def _snapshot(count: int) -> dict[str, Any]:
    tasks = [
        {"id": f"Letter:{n}", "node": "Letter", "value": {"data": n}, "runs": [1], "held": None} for n in range(count)
    ]
    asked = [
        {
            "interrupt_id": f"Letter:{n}",
            "node_id": "Letter",
            "policy": {"quorum": 1},
            "assignees": ["ann"],
            "answers": [],
        }
        for n in range(count)
    ]
    tasks.append({"id": "Other:1", "node": "Other", "value": {"data": 1}, "runs": [], "held": None, "once": {"a": 1.0}})
    tasks.append({"id": "Letter:x", "node": "Letter", "value": {"data": 0.0}, "runs": [], "held": None, "once": {}})
    return {"version": 1, "tasks": tasks, "questions": {"open": asked, "early": []}}


def test_it_comes_back() -> None:
    data = _snapshot(100)
    short = json.loads(json.dumps(shorten(data)))
    assert len(json.dumps(short)) < len(json.dumps(data)) * 0.6
    assert json.dumps(whole(short)) == json.dumps(data)
    assert whole(data) == data
    one, other = whole(short)["questions"]["open"][:2]
    one["assignees"].append("bob")
    assert other["assignees"] == ["ann"]


def test_nothing_is_open() -> None:
    data = {"version": 1, "tasks": [], "questions": {"open": []}}
    assert whole(json.loads(json.dumps(shorten(data)))) == data
