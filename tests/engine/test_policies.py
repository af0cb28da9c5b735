"""What a policy makes a question do, and when: the order of it, reminders that were missed, kinds of answers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_graph.engine.policies import Due, Policy, in_order, matches, moment, next_reminder, schedule
from tests.engine.machine import NOW, Toy, hours

HOUR = 3_600.0
after = Toy().after


def planned(policy: Policy) -> list[tuple[str, str]]:
    return [(item.at, item.what) for item in schedule(policy, NOW, after)]


# -- What is done when ------------------------------------------------------------------------------------------------


def test_nothing_special_is_nothing_to_do() -> None:
    assert schedule(Policy(), NOW, after) == []


def test_everything_in_the_order_of_its_time() -> None:
    policy = Policy(
        timeout=72 * HOUR,
        reminders=(60 * HOUR, 12 * HOUR),
        escalations=((24 * HOUR, ("bob",)), (48 * HOUR, ("boss", "cfo"))),
        every=30 * HOUR,
    )
    assert schedule(policy, NOW, after) == [
        Due(hours(12), "remind"),
        Due(hours(24), "escalate", ("bob",)),
        Due(hours(30), "remind", number=1),
        Due(hours(48), "escalate", ("boss", "cfo")),
        Due(hours(60), "remind"),
        Due(hours(72), "expire"),
    ]


def test_at_one_time_it_reminds_then_escalates_then_expires() -> None:
    policy = Policy(timeout=HOUR, reminders=(HOUR,), escalations=((HOUR, ("bob",)),))
    assert planned(policy) == [(hours(1), "remind"), (hours(1), "escalate"), (hours(1), "expire")]


def test_a_moment_stays_as_it_was_given() -> None:
    until = "2030-01-01T14:30:00+02:00"
    policy = Policy(timeout=until, reminders=(HOUR, 0.25 * HOUR))
    assert planned(policy) == [(hours(0.25), "remind"), (until, "expire"), (hours(1), "remind")], "by time, not by text"


def test_durations_are_counted_in_the_calendar_and_moments_are_not() -> None:
    asked: list[Any] = []

    def counted(calendar: Any, since: str, seconds: float) -> str:
        asked.append((calendar, since, seconds))
        return after(None, since, 2 * seconds)

    policy = Policy(timeout=hours(9), every=HOUR, escalations=((2 * HOUR, ("bob",)),), calendar={"zone": "UTC"})
    found = schedule(policy, NOW, counted)
    assert [(item.at, item.what) for item in found] == [
        (hours(2), "remind"),
        (hours(4), "escalate"),
        (hours(9), "expire"),
    ]
    assert sorted(seconds for _, _, seconds in asked) == [HOUR, 2 * HOUR]
    assert {(str(calendar), since) for calendar, since, _ in asked} == {("{'zone': 'UTC'}", NOW)}


def test_order_does_not_change_what_is_in_it() -> None:
    late, early = Due(hours(2), "remind"), Due(hours(1), "expire")
    assert in_order([late, early]) == [early, late]


# -- Reminders that come again and again ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "now", "then"),
    [
        (1, 12, 2),  # in time
        (1, 11, 2),  # the clock is behind: it goes on all the same
        (1, 23.9, 2),
        (1, 24, 3),  # at the very moment of the next one that one has been missed
        (1, 25, 3),
        (3, 1_000, 84),
        (1, 12 * 1_000_000 + 1, 1_000_001),
    ],
)
def test_the_next_reminder_is_the_first_after_now(number: int, now: float, then: int) -> None:
    policy = Policy(every=12 * HOUR)
    found = next_reminder(policy, NOW, Due(hours(12 * number), "remind", number=number), hours(now), after)
    assert found == Due(hours(12 * then), "remind", number=then)


@given(every=st.floats(0.5, 1e6), number=st.integers(1, 1_000), late=st.floats(0, 1e8))
def test_the_next_reminder_follows_from_its_number_alone(every: float, number: int, late: float) -> None:
    """It never drifts, whenever the ones before it came; and none that is still to come is left out."""
    last = Due(after(None, NOW, number * every), "remind", number=number)
    now = (moment(last.at) + timedelta(seconds=late)).isoformat()
    found = next_reminder(Policy(every=every), NOW, last, now, after)
    assert found.at == after(None, NOW, found.number * every)
    assert found.number > number
    assert moment(found.at) > moment(now) or late == 0
    if found.number > number + 1:
        assert moment(after(None, NOW, (found.number - 1) * every)) <= moment(now)


# -- As plain data ----------------------------------------------------------------------------------------------------

EVERYTHING = Policy(
    assignees=("ann", "bob"),
    only_assignees=True,
    timeout=7.5,
    on_timeout={"value": [1], "goto": {"node_id": "a", "data": None}},
    every=2.0,
    reminders=(1.0, 3.0),
    escalations=((4.0, ("cid",)), (5.0, ("boss", "cfo"))),
    calendar={"zone": "Europe/Berlin"},
    quorum=2,
    reject_ends=({"approved": False},),
    not_by=("eve",),
)


@pytest.mark.parametrize("policy", [Policy(), EVERYTHING, Policy(timeout=NOW), Policy(reject_ends=(None,))])
def test_a_policy_as_json_and_back(policy: Policy) -> None:
    written = policy.dump()
    assert json.loads(json.dumps(written)) == written, "it is JSON"
    assert Policy.load(written) == policy


def test_only_what_is_not_as_usual_is_written() -> None:
    assert Policy().dump() == {}
    assert Policy(quorum=2).dump() == {"quorum": 2}
    assert set(EVERYTHING.dump()) == set(Policy.__dataclass_fields__)


@pytest.mark.parametrize("due", [Due(NOW, "expire"), Due(NOW, "escalate", ("a", "b")), Due(NOW, "remind", number=3)])
def test_what_is_due_as_json_and_back(due: Due) -> None:
    assert Due.load(json.loads(json.dumps(due.dump()))) == due
    assert json.loads(json.dumps(due.dump())) == due.dump()


def test_moments_are_compared_across_time_zones() -> None:
    assert moment("2030-01-01T13:00:00+01:00") == moment(NOW) == datetime.fromisoformat(NOW)


# -- Kinds of answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        (False, False, True),
        (False, True, False),
        (False, 0, False),
        (0, False, False),
        (0, 0.0, True),
        (1, True, False),
        (None, None, True),
        (None, False, False),
        (None, {}, False),
        ("no", "no", True),
        ("no", "No", False),
        ({"approved": False}, {"approved": False, "why": "too much"}, True),
        ({"approved": False}, {"approved": 0, "why": "too much"}, False),
        ({"approved": False}, {"why": "too much"}, False),
        ({"approved": False}, None, False),
        ({"approved": False}, False, False),
        ({"approved": False}, [False], False),
        ({"approved": None}, {}, False),
        ({}, {"approved": False}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, True),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, False),
        ([False], [False], True),
        ([False], [0], False),
        ([0], [False], False),
        ([1, 2], [1, 2, 3], False),
        ([1, 2, 3], [1, 2], False),
        ([{"a": 1}], [{"a": True}], False),
        ({"a": [False]}, {"a": [0]}, False),
    ],
)
def test_whether_an_answer_is_of_a_kind(pattern: Any, value: Any, fits: bool) -> None:
    assert matches(pattern, value) is fits
