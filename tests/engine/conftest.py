from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engine.machine import RecordedReloadingRun, RecordedRun, ReloadingRun, Run


@pytest.fixture(params=[Run, RecordedRun, ReloadingRun, RecordedReloadingRun])
def new_run(request: pytest.FixtureRequest) -> Iterator[Callable[..., Run]]:
    """Makes runs: plain ones, such as can tell their past, and such as are written down and loaded after every step."""
    made: list[Run] = []

    def make(*args: Any) -> Run:
        made.append(request.param(*args))
        return made[-1]

    yield make
    for run in made:
        if isinstance(run, RecordedRun):
            assert run.past is not None, "it comes to where the run is"
