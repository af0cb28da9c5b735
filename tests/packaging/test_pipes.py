"""No process of ours is started with a pipe that nobody reads to its end: whoever writes to it would wait for ever."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.process import ROOT

FOLDERS = ("benchmarks", "examples", "temporal_graph", "tests", "worker")
READ = {"tests/replay/other_seed.py"}
"""Files that ask for a pipe, and read it: one line for each that they send; all else that is written goes to a file."""


def asking(file: Path) -> Iterator[int]:
    """The lines that ask for a pipe themselves; `run` and `check_output` read theirs to the end."""
    for node in ast.walk(ast.parse(file.read_text())):
        if (isinstance(node, ast.Attribute) and node.attr == "PIPE") or (
            isinstance(node, ast.Name) and node.id == "PIPE"
        ):
            yield node.lineno


def test_no_pipe_is_left_unread() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    found = {str(file.relative_to(ROOT)) for file in files if any(asking(file))}
    assert found == READ
