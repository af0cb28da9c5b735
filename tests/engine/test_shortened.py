"""Snapshots in fewer bytes come back as what they were."""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

import pytest

from temporal_graph.engine import shortened
from temporal_graph.engine.shortened import shorten, whole


def _snapshot(count: int) -> dict[str, Any]:
    """Tasks with their questions, which people have been asked in another order; and a question without a task."""
    tasks = [{"id": f"Letter:{n}", "node": "Letter", "value": {"data": f"書 \ud800 {n}"}} for n in range(count)]
    asked = [
        {"interrupt_id": f"Letter:{n}{end}", "task_id": f"Letter:{n}", "value": f"書 \ud800 {n}", "answers": []}
        for n in range(count)
        for end in ("", ".1")
    ]
    random.Random(0).shuffle(asked)
    asked.append({"interrupt_id": "Gone:1", "task_id": "Gone:1", "value": 0.0, "answers": []})
    tasks.append({"id": "Other:1", "node": "Other", "value": {"data": 1.0}})
    return {"version": 1, "state": {"a": 1}, "tasks": tasks, "questions": {"open": asked, "early": [1]}}


@pytest.mark.parametrize("count", [0, 1, 500])
def test_it_comes_back(count: int) -> None:
    data = _snapshot(count)
    before = json.dumps(data)
    short = json.loads(json.dumps(shorten(data)))
    assert json.dumps(data) == before
    assert json.dumps(whole(short)) == before
    assert whole(data) == data
    if count > 1:
        assert len(json.dumps(short)) < len(before) * 0.2


def test_nothing_is_open() -> None:
    data = {"version": 1, "tasks": [], "questions": {"open": []}}
    assert whole(json.loads(json.dumps(shorten(data)))) == data


def test_what_is_cut_or_has_no_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    short = shorten(_snapshot(10))
    packed = base64.b64decode(short["tasks"]["deflated"])
    for broken in (packed[:-5], zlib.compress(b"[[null]]")[:-1]):
        with pytest.raises(ValueError, match="or no end"):
            whole({**short, "tasks": {"deflated": base64.b64encode(broken).decode()}})
    monkeypatch.setattr(shortened, "MOST", 100)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        whole(short)
