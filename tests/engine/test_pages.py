"""Pages of open questions, between which some are answered and others asked: none is left out, nor told without end."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph.engine import looking
from temporal_graph.engine.questions import Answer
from temporal_graph.engine.recording import RecordingEngine
from tests.engine.machine import NOW
from tests.engine.test_engine_growth import many

LATER = "2031-01-01T12:00:00+00:00"


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PAGE", 5_000)


def answer(engine: RecordingEngine, *names: str) -> None:
    for name in names:
        engine.answer(Answer(name, {"approved": True}, actor="ann"), LATER)


def names_of(page: dict[str, Any]) -> list[str]:
    return [question["interrupt_id"] for question in page["interrupts"]]


@pytest.mark.parametrize("count", [1, looking.LAST - 1])
def test_what_is_answered_since_does_not_begin_anew(count: int) -> None:
    """All were asked at the same moment; the last ones of each page are answered before the next one."""
    engine, seen, after = many(100), list[str](), None
    for _ in range(100):
        found: Any = looking.page(engine, after)
        seen += names_of(found)
        after = found["next"]
        if after is None:
            break
        assert len(names_of(found)) > count
        answer(engine, *names_of(found)[-count:])
    assert seen == [f"q:{number}" for number in range(1, 101)]


def test_where_all_are_answered_none_is_left_out() -> None:
    engine = many(100)
    first: Any = looking.page(engine)
    answer(engine, *names_of(first)[-looking.LAST - 1 :])
    second: Any = looking.page(engine, first["next"])
    assert names_of(second)[0] == "q:1"  # once more


def test_what_is_asked_again_stands_behind_the_others() -> None:
    engine = many(100)
    first: Any = looking.page(engine)
    last = names_of(first)[-1]
    question = engine.questions.open[last]
    del engine.questions.open[last]
    question.created_at = LATER
    engine.questions.open[last] = question
    second: Any = looking.page(engine, first["next"])
    assert names_of(second)[0] == f"q:{len(names_of(first)) + 1}"


@pytest.mark.parametrize("after", [None, 3, "q:1", [], {"a": 1}, ["nobody", NOW]])
def test_what_is_no_page_is_the_first(after: Any) -> None:
    engine = many(10)
    assert names_of(looking.page(engine, after))[0] == "q:1"  # type: ignore[arg-type]
