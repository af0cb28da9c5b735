"""Notifications: as JSON and back, and as words."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_graph import Abort, Retry, Skip
from temporal_graph.notify import Notification, NotifyError
from temporal_graph.notify.notification import EVENTS
from tests.notify.receiving import accepted, moment, notification, question
from tests.support.process import ROOT

DEADLINE = moment("2026-11-24 09:00")

TEXTS = st.text(st.characters(), max_size=200)
MOMENTS = st.datetimes(
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)
INTERRUPTS = st.builds(
    question,
    interrupt_id=TEXTS,
    node_id=TEXTS,
    kind=st.sampled_from(["node", "call", "before", "after", "failure"]),
    value=VALUES,
    response_schema=st.none() | st.dictionaries(TEXTS, VALUES, max_size=2),
    created_at=MOMENTS,
    deadline=st.none() | MOMENTS,
    assignees=st.lists(TEXTS, max_size=8),
    escalation_level=st.integers(0, 3),
    answers=st.lists(VALUES, max_size=2),
    problem=st.none() | TEXTS,
)
ANSWERS = st.builds(
    accepted,
    interrupt_id=TEXTS,
    answered_at=MOMENTS,
    actor=st.none() | TEXTS,
    answer_id=st.none() | TEXTS,
    value=VALUES,
    is_early=st.booleans(),
)
NOTIFICATIONS = st.builds(
    notification,
    id=TEXTS,
    event=st.sampled_from([*EVENTS, "of_a_later_release"]),
    at=MOMENTS,
    graph=TEXTS,
    run_id=TEXTS,
    interrupt=INTERRUPTS,
    answer=st.none() | ANSWERS,
)

# -- As JSON ----------------------------------------------------------------------------------------------------------


def test_what_it_is_as_json() -> None:
    told = notification(event="answered", interrupt=question(deadline=DEADLINE), answer=accepted(value=True, actor="a"))
    assert told.to_json() == {
        "id": "order-17/Review:1/opened",
        "event": "answered",
        "at": "2026-11-20T09:00:00+00:00",
        "graph": "refund",
        "run_id": "order-17",
        "interrupt": {
            "interrupt_id": "Review:1",
            "node_id": "Review",
            "kind": "node",
            "value": {"amount": 30, "log": []},
            "response_schema": {"type": "object"},
            "created_at": "2026-11-20T09:00:00+00:00",
            "deadline": "2026-11-24T09:00:00+00:00",
            "assignees": [],
            "escalation_level": 0,
            "answers": [],
        }
        | {name: told.to_json()["interrupt"][name] for name in told.to_json()["interrupt"].keys() - KNOWN},
        "answer": {
            "interrupt_id": "Review:1",
            "answered_at": "2026-11-21T10:00:00+00:00",
            "actor": "a",
            "answer_id": None,
            "value": True,
            "is_early": False,
        }
        | {name: told.to_json()["answer"][name] for name in told.to_json()["answer"].keys() - KNOWN},
    }


KNOWN = {
    *("interrupt_id", "node_id", "kind", "value", "response_schema", "created_at", "deadline", "assignees"),
    *("escalation_level", "answers", "answered_at", "actor", "answer_id", "is_early"),
}
"""Fields of an interrupt and of an answer; later ones are none of this test's business."""


@given(NOTIFICATIONS)
def test_it_comes_back(told: Notification) -> None:
    assert Notification.from_json(json.loads(json.dumps(told.to_json()))) == told


@given(NOTIFICATIONS, TEXTS.map(lambda name: f"new {name}"), VALUES)
def test_what_a_later_release_adds_is_ignored(told: Notification, name: str, value: Any) -> None:
    data = told.to_json()
    data[name] = value
    data["interrupt"][name] = value
    if data["answer"]:
        data["answer"][name] = value
    assert Notification.from_json(data) == told


def test_what_an_earlier_release_had_not_is_as_usual() -> None:
    data = notification().to_json()
    del data["answer"]
    for name in ("deadline", "assignees", "escalation_level", "answers"):
        del data["interrupt"][name]
    assert Notification.from_json(data) == notification()


def test_an_event_of_a_later_release() -> None:
    read = Notification.from_json({**notification().to_json(), "event": "withdrawn"})
    assert read.event == "withdrawn"
    assert read.title == "refund order-17: Review: withdrawn"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": 5}, "an id or a name is no text"),
        ({"event": None}, "an id or a name is no text"),
        ({"at": "yesterday"}, "yesterday"),
        ({"at": 5}, "fromisoformat"),
        ({"at": "2026-11-20T09:00:00"}, "time zone"),
        ({"interrupt": None}, "NoneType"),
        ({"interrupt": []}, "list"),
        ({"interrupt": {"interrupt_id": "Review:1", "created_at": None}}, "fromisoformat"),
        ({"interrupt": {"interrupt_id": "Review:1"}}, "node_id"),
        ({"answer": {"actor": "ann"}}, "interrupt_id"),
        ({"answer": "yes"}, "answered_at"),
    ],
)
def test_what_is_no_notification(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"This is no notification: .*{said}"):
        Notification.from_json({**notification().to_json(), **changed})


@pytest.mark.parametrize("name", ["id", "event", "at", "graph", "run_id", "interrupt"])
def test_what_misses_a_field(name: str) -> None:
    data = notification().to_json()
    del data[name]
    with pytest.raises(ValueError, match=rf"This is no notification: .*'{name}'"):
        Notification.from_json(data)


def test_its_moment_has_a_time_zone() -> None:
    with pytest.raises(ValueError, match=r"at is .*time zone"):
        notification(at=datetime(2026, 1, 1))


# -- As words ---------------------------------------------------------------------------------------------------------

ANN_AND_BOB = question(assignees=["ann", "bob"], deadline=DEADLINE)


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({}, "Review asks anybody"),
        ({"interrupt": ANN_AND_BOB}, "Review asks ann, bob (until 2026-11-24 09:00 UTC)"),
        (
            {"interrupt": question(deadline=datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))))},
            "Review asks anybody (until 2025-12-31 23:00 UTC)",
        ),
        ({"event": "reminded"}, "Review still waits for an answer"),
        (
            {"event": "reminded", "interrupt": ANN_AND_BOB},
            "Review still waits for ann, bob (until 2026-11-24 09:00 UTC)",
        ),
        (
            {"event": "escalated", "interrupt": question(assignees=["cleo"])},
            "Review was not answered, and now asks cleo",
        ),
        ({"event": "answered", "answer": accepted(actor="ann")}, "Review was answered by ann"),
        ({"event": "answered", "answer": accepted()}, "Review was answered"),
        ({"event": "answered"}, "Review was answered"),
        ({"event": "timed_out", "interrupt": ANN_AND_BOB}, "Review was not answered in time"),
        (
            {"event": "timed_out", "answer": accepted(value=False)},
            "Review was not answered in time, and goes on with its default",
        ),
        ({"interrupt": question(kind="call")}, "Review asks anybody"),
        ({"interrupt": question(kind="before")}, "the breakpoint before Review asks anybody"),
        ({"interrupt": question(kind="after")}, "the breakpoint after Review asks anybody"),
        ({"interrupt": question(kind="failure")}, "Review, which failed, asks anybody"),
        (
            {"interrupt": question(assignees=[f"p{number}" for number in range(8)])},
            "Review asks p0, p1, p2, p3, p4 and 3 more",
        ),
        ({"interrupt": question(node_id="Re\nview\r\n\u2028 \u202eX")}, "Re view X asks anybody"),
    ],
)
def test_its_title(changed: dict[str, Any], title: str) -> None:
    assert notification(**changed).title == f"refund order-17: {title}"


def test_its_text() -> None:
    asked = question(
        value={
            "pay": 30.5,
            "to": {"name": "Éva", "since": None, "tags": [], "title": " "},
            "from": {"name": None},
            "items": [{"what": "shoes", "n": 2}, "a note\nin two lines", None],
            "urgent": True,
        },
        assignees=["ann", "bob"],
        deadline=DEADLINE,
        escalation_level=2,
        answers=[{"actor": "cleo"}],
    )
    assert notification(interrupt=asked).text == (
        "pay: 30.5\n"
        "to:\n"
        "  name: Éva\n"
        "items:\n"
        "  - what: shoes\n"
        "    n: 2\n"
        "  - a note\n"
        "    in two lines\n"
        "  - none\n"
        "urgent: yes\n"
        "\n"
        "Asked: ann, bob\n"
        "Since: 2026-11-20 09:00 UTC\n"
        "Until: 2026-11-24 09:00 UTC\n"
        "Handed on: 2 times\n"
        "Answers so far: 1\n"
        "Question: Review:1 of refund order-17"
    )


def test_the_text_of_an_answer() -> None:
    told = notification(
        event="answered",
        interrupt=question(value="Pay?"),
        answer=accepted(actor="ann", value={"ok": True, "why": "x"}, comment="at last"),
    )
    assert told.text == (
        "Pay?\n"
        "\n"
        "Answer:\n"
        "  ok: yes\n"
        "  why: x\n"
        "Comment: at last\n"
        "Answered by: ann\n"
        "Answered: 2026-11-21 10:00 UTC\n"
        "Asked: anybody\n"
        "Since: 2026-11-20 09:00 UTC\n"
        "Question: Review:1 of refund order-17"
    )


@pytest.mark.parametrize("value", [None, "", {}, [], {"note": None}])
def test_nothing_is_not_shown(value: Any) -> None:
    told = notification(event="answered", interrupt=question(value=value), answer=accepted(actor="ann", value=value))
    assert told.text.startswith("Answered by: ann\n")
    assert "none" not in told.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            {
                "error": {"type": "ConnectionError", "message": "no such\naccount"},
                "attempts": 3,
                "inputs": {"to": "ann"},
            },
            "error: ConnectionError: no such\n  account\nattempts: 3\ninputs:\n  to: ann",
        ),
        (
            {"error": {"type": "TimeoutError", "message": ""}, "attempts": 1, "inputs": None},
            "error: TimeoutError\nattempts: 1",
        ),
        ({"cut": "of a later release"}, "cut: of a later release"),
    ],
)
def test_the_text_of_a_failure(value: Any, shown: str) -> None:
    assert notification(interrupt=question(kind="failure", value=value)).text.startswith(f"{shown}\n\nAsked: anybody\n")


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (Retry(), "Answer: Retry"),
        (Retry(inputs=["a"]), "Answer:\n  Retry\n  inputs:\n    - a"),
        (Skip(), "Answer: Skip"),
        (Skip("not shipped"), "Answer:\n  Skip\n  output: not shipped"),
        (Abort(), "Answer: Abort"),
    ],
)
def test_the_text_of_an_answer_to_a_failure(answer: Any, shown: str) -> None:
    told = notification(
        event="answered", interrupt=question(kind="failure", value=None), answer=accepted(value=asdict(answer))
    )
    assert told.text.startswith(f"{shown}\nAnswered: 2026-11-21 10:00 UTC\n")


def test_an_action_is_a_word_like_others_where_nothing_failed() -> None:
    told = notification(event="answered", answer=accepted(value={"action": "retry", "inputs": None}))
    assert "Answer: action: retry\n" in told.text


def test_the_text_of_a_default() -> None:
    told = notification(event="timed_out", interrupt=question(value=None), answer=accepted(value=False))
    assert told.text.startswith("Default: no\nTaken: 2026-11-21 10:00 UTC\nAsked: anybody\n")


@given(NOTIFICATIONS)
@settings(max_examples=300)
def test_words_can_be_shown_anywhere(told: Notification) -> None:
    for line in (told.title, *told.text.split("\n")):
        assert all(char.isprintable() or char in "\u200c\u200d" for char in line)
    assert len(told.title) < 1_000
    assert len(told.text) <= 2_000
    assert told.text.endswith(tuple(told.text.splitlines()[-1:]))
    assert "\nQuestion: " in f"\n{told.text}"
    (told.title + told.text).encode()


@pytest.mark.parametrize(
    "value",
    ["x" * 5_000_000, "x\n" * 1_000_000, ["x"] * 1_000_000, {"x" * 1_000_000: "y" * 1_000_000}, [[["x" * 10_000]]]],
    ids=["a long line", "many lines", "a long list", "a long key", "deep"],
)
def test_a_large_value_is_cut(value: Any) -> None:
    told = notification(event="answered", interrupt=question(value=value), answer=accepted(value=value, actor="ann"))
    assert 1_000 < len(told.text) <= 2_000 or isinstance(value, dict)
    assert "…" in told.text
    assert told.text.endswith("Question: Review:1 of refund order-17")


def test_a_deep_value_is_cut() -> None:
    value: Any = "bottom"
    for _ in range(5_000):
        value = [value]
    text = notification(interrupt=question(value=value)).text
    assert text.startswith("- - - - - - - - …\n")


def test_what_is_cut_is_the_end() -> None:
    value = "\n".join(f"line {number}" for number in range(1_000))
    text = notification(interrupt=question(value=value)).text
    shown = text.partition("…")[0].splitlines()
    assert shown[:-1] == value.splitlines()[: len(shown) - 1]
    assert len(text) > 1_900


# -- The package ------------------------------------------------------------------------------------------------------


def test_importing_it_imports_neither_httpx_nor_apprise() -> None:
    code = "import temporal_graph.notify, sys; print([name for name in ('httpx', 'apprise') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_an_error_is_worth_another_try_unless_it_says_so() -> None:
    assert NotifyError("x").retry
    assert not NotifyError("x", retry=False).retry


def test_a_moment_near_the_end_of_time() -> None:
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    assert notification(interrupt=question(deadline=last)).title.endswith("(until 9999-12-31T23:59:59.999999-01:00)")
    assert notification(interrupt=question(deadline=datetime.max.replace(tzinfo=UTC))).title.endswith("23:59 UTC)")
