"""What scripts write that record histories: all that a replay needs, and nothing that tells of the machine."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from temporalio.client import WorkflowHistory

QUEUE = "recorded"
IDENTITY = "recorder"
"""Of clients and workers; else it would have the name of the machine, in places that a replay reads."""
NOT_OURS = {"stackTrace", "identity", "requestId", "binaryChecksum", "workerVersion", "taskId", "meteringMetadata"}
"""What tells of the machine or the server, and means nothing in a replay."""

Write = Callable[[str, Sequence[WorkflowHistory]], None]
"""Writes the histories of a run: its name, and one history for each time that it continued as new."""


def writer(folder: Path) -> Write:
    """Writes into a folder; what was recorded stays as it is."""

    def write(name: str, histories: Sequence[WorkflowHistory]) -> None:
        for number, history in enumerate(histories, start=1):
            text = json.dumps(_clean(json.loads(history.to_json())), separators=(",", ":"))
            with (folder / f"{name}.{number}.json.gz").open("xb") as file:
                file.write(gzip.compress(text.encode(), mtime=0))

    return write


def read(file: Path) -> str:
    """What was written, as JSON; that of the first release is no archive."""
    return gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if "metadata" in members and isinstance(members.get("data"), str):
            return {**members, "data": _without_paths(members["data"])}
        return {key: _clean(item) for key, item in members.items() if key not in NOT_OURS}
    return [_clean(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _without_paths(data: str) -> str:
    """A payload in which a stack trace, if there is one, has no folders."""
    text = base64.b64decode(data)
    short = re.sub(rb'(File \\")[^"\\]*/', rb"\1", text)
    return data if short == text else base64.b64encode(short).decode()
