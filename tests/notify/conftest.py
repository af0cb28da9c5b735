"""A real HTTP server for notifiers to send to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notify.receiving import Receiver


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
