"""A snapshot whose tasks and open questions are compressed, where there would be no room for so many of them else."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from .text import compact, read

LEVEL = 3
"""Of compression: with it thousands of tasks take a tenth of a second."""
MOST = 100_000_000
"""Bytes that they may have; what came by the wire could make more of a few."""


def shorten(data: dict[str, Any]) -> dict[str, Any]:
    """A snapshot in fewer bytes."""
    questions = data["questions"]
    asked: dict[str, list[Any]] = {}
    for place, question in enumerate(questions["open"]):
        asked.setdefault(question["task_id"], []).append([place, question])
    # A question shows much of what its task has got, and what is the same is only found where it is near.
    pairs = [*([task, asked.pop(task["id"], ())] for task in data["tasks"]), [None, *asked.values()]]
    text = compact(pairs)
    packed = base64.b64encode(zlib.compress(text.encode(errors="surrogatepass"), LEVEL)).decode()
    return {**data, "tasks": {"deflated": packed}, "questions": {**questions, "open": []}}


def whole(data: dict[str, Any]) -> dict[str, Any]:
    """A snapshot as it was before it was shortened; any other one as it is.

    Raises:
        ValueError: It cannot be read.
    """
    if not isinstance(data.get("tasks"), dict):
        return data
    packed = zlib.decompressobj()
    text = packed.decompress(base64.b64decode(data["tasks"]["deflated"]), MOST).decode(errors="surrogatepass")
    if not packed.eof:
        raise ValueError(f"The tasks of the snapshot have more than {MOST:,} bytes, or no end.")
    *pairs, (_, *others) = read(text)
    asked = [item for _, items in pairs for item in items] + [item for items in others for item in items]
    questions = {**data["questions"], "open": [question for _, question in sorted(asked, key=lambda item: item[0])]}
    return {**data, "tasks": [task for task, _ in pairs], "questions": questions}
