"""`make bench` says what it does, measures what it is asked for, and ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.process import ROOT


def bench(*names: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "benchmarks", *names]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.timeout(400)
def test_it_measures_what_it_is_asked_for() -> None:
    done = bench("map")
    assert done.returncode == 0, done.stderr
    assert "== map (1 of 1)" in done.stderr
    assert "map of 1,000 into a join" in done.stdout


def test_what_it_does_not_know() -> None:
    done = bench("speed")
    assert done.returncode == 2
    assert "'speed' is not among import, activities" in done.stderr
