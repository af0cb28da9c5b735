"""Runs the examples as users do."""

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.support.process import ROOT


def run_example(
    *arguments: object, answers: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m ...` to its end.

    Args:
        arguments: What follows `-m`.
        answers: What is typed.
        env: Variables to set.
    """
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        input=answers,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
        timeout=150,
        check=False,
    )
