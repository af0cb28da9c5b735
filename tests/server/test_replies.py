"""What a run says of many answers at once fits into one payload, or is refused before anything is taken."""

from __future__ import annotations

import json
from bisect import bisect

import pytest

from temporal_graph.engine.questions import Accepted, Answer, Refused
from temporal_graph.temporal.payloads import LIMIT
from temporal_graph.temporal.requests import _shown, check_reply  # pyright: ignore[reportPrivateUsage]

MOMENT = "2026-11-28T23:59:59.999999+00:00"


def answers(count: int, value: object, actor: str | None) -> list[Answer]:
    return [Answer(f"ask_them:{number}.0", value, actor=actor, answer_id="0" * 32) for number in range(count)]


def said_of(sent: list[Answer]) -> int:
    """Bytes of the largest reply to such answers."""
    said = [
        _shown(Accepted(each.interrupt_id or "", MOMENT, each.actor, each.answer_id, each.value, False, "timeout", 999))
        for each in sent
    ]
    return len(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())


def is_let_through(sent: list[Answer]) -> bool:
    try:
        check_reply(sent)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("value", "actor"), [("yes", None), ("好" * 600, "安娜" * 100), ({"a": ["x" * 5_000]}, "ana")])
def test_what_is_let_through_fits(value: object, actor: str | None) -> None:
    most = bisect(range(12_000), False, key=lambda count: not is_let_through(answers(count, value, actor))) - 1
    assert 100 < most < 11_000
    assert said_of(answers(most, value, actor)) < LIMIT
    with pytest.raises(Refused, match=f"these {most + 1:,} answers .* in several") as refused:
        check_reply(answers(most + 1, value, actor))
    assert refused.value.reason == "invalid"


def test_thousands_of_short_answers_are_let_through() -> None:
    check_reply(answers(7_000, True, None))
