"""What people see of a run, as text."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from temporal_graph import AuditEntry

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("text", [*LINE_ENDS, f"a{LINE_ENDS}b", "\\u2028", "Łukasz 🙂", "\ud800"])
def test_an_entry_of_the_audit_is_one_line_for_whoever_reads_it(text: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    entry = AuditEntry(1, at, "answered", "Review:1", text, "update", {"value": {text: [text]}}, text, text)
    line = entry.to_json()
    assert line.splitlines() == io.StringIO(line, newline=None).readlines() == [line]
    line.encode()
    read = json.loads(line)
    assert (read["actor"], read["data"]["value"], read["shown"]) == (text, {text: [text]}, text)
    assert read["comment"] == text
    assert read["at"] == "2026-01-02T03:04:05+00:00"


def test_other_letters_of_an_entry_stay_as_they_are() -> None:
    entry = AuditEntry(1, datetime.now(UTC), "asked", None, "Łukasz 🙂", None, {})
    assert "Łukasz 🙂" in entry.to_json()
    assert json.loads(entry.to_json())["comment"] is None
