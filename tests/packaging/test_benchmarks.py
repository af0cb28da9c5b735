"""`make bench` says what it does, measures what it is asked for, and ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.__main__ import MEASURES
from tests.support.process import ROOT


def bench(*names: str, timeout: int = 300) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "benchmarks", *names]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def test_it_measures_what_it_is_asked_for() -> None:
    done = bench("map")
    assert done.returncode == 0, done.stderr
    assert "== map (1 of 1)" in done.stderr
    assert "map of 1,000 into a join" in done.stdout


def test_what_it_does_not_know() -> None:
    done = bench("speed")
    assert done.returncode == 2
    assert "'speed' is not among import, activities" in done.stderr


@pytest.mark.slow
def test_it_ends() -> None:
    """Whether its limits hold depends on the machine, and on what else it does."""
    done = bench(timeout=1_500)
    assert done.returncode in (0, 1), done.stderr
    assert "not measured" not in done.stdout, done.stderr
    assert all(f"== {name} " in done.stderr for name in MEASURES)
