"""`make bench` says what it does, measures what it is asked for, and ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import crowds
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


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_small_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reader, here and in the other processes, looks whether it is told of everything."""
    monkeypatch.setattr(crowds, "ANSWERS", 30)
    monkeypatch.setattr(crowds, "READERS", 40)
    monkeypatch.setattr(crowds, "PROCESSES", 4)
    monkeypatch.setattr(crowds, "ROUNDS", 1)
    times, late = await crowds.crowds()
    assert "30 answers at once" in times.what
    assert late.figure > 0
