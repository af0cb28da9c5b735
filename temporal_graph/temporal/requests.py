"""What people may ask of a run, by signal and by update: each is read, checked, and done, and none can wedge a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.common import RawValue

from ..engine.breakpoints import Breakpoints
from ..engine.questions import Accepted, Answer, Refused, shortened
from ..engine.sizes import json_size
from ..engine.state import Json
from .driver import Driver
from .messages import (
    Reassignment,
    StateUpdate,
    read_answer,
    read_answers,
    read_breakpoints,
    read_extend,
    read_nothing,
    read_reassign,
    read_update,
)
from .names import EXTEND, PAUSE, REASSIGN, RESUME, RESUME_ALL, SET_BREAKPOINTS, UNPAUSE, UPDATE_STATE
from .payloads import PLAIN

AROUND = 200
"""Bytes of what is said of an accepted answer, besides its own words."""


@dataclass(frozen=True)
class Request:
    """One thing that can be asked for.

    Attributes:
        read: Makes something of the arguments; raises `Refused`.
        check: Looks whether it can be done, and changes nothing; raises `Refused`.
        do: Does it, and notes which way it came (`signal`, `update`); raises `Refused`, and then nothing has changed.
            Returns JSON for whoever sent an update.
    """

    read: Callable[[Sequence[RawValue]], Any]
    check: Callable[[Driver, Any], object]
    do: Callable[[Driver, Any, str], Json]


def request(name: str) -> Request:
    """What a signal or an update asks for.

    Raises:
        Refused: There is nothing of this name.
    """
    found = _REQUESTS.get(name)
    if found is None:
        known = ", ".join(repr(known) for known in _REQUESTS)
        raise Refused("invalid", f"There is no {name!r}; a run takes: {known}.")
    return found


def _read_answer(args: Sequence[RawValue]) -> Answer:
    answer = read_answer(args)
    if answer is None:
        raise Refused("invalid", f"{RESUME!r} takes an answer, and came without one.")
    return answer


def _check_answer(driver: Driver, answer: Answer) -> None:
    driver.engine.check(answer)
    driver.check_room([answer])
    driver.trials.check([answer])


def _check_answers(driver: Driver, answers: Sequence[Answer]) -> None:
    check_reply(answers)
    driver.engine.check_all(answers)
    driver.check_room(answers)
    driver.trials.check(answers)


def check_reply(answers: Sequence[Answer]) -> None:
    """Look whether what is said of answers when they are taken fits into one payload.

    Raises:
        Refused: It does not.
    """
    said = ((each.interrupt_id, each.actor, each.answer_id, shortened(each.value)) for each in answers)
    size = sum(json_size(one) + AROUND for one in said)
    if size > PLAIN:
        raise Refused(
            "invalid",
            f"What would be said of these {len(answers):,} answers is up to {size:,} bytes, and Temporal takes "
            f"{PLAIN:,} in one reply. Send them in several.",
        )


def _answer(driver: Driver, answer: Answer, via: str) -> Json:
    return _shown(driver.answer([answer], via)[0])


def _answers(driver: Driver, answers: Sequence[Answer], via: str) -> Json:
    return [_shown(accepted) for accepted in driver.answer(answers, via)]


def _shown(accepted: Accepted) -> dict[str, Json]:
    return {**accepted.public(), "value": shortened(accepted.value)}


def _check_update(driver: Driver, update: StateUpdate) -> None:
    driver.engine.check_size(driver.engine.check_update(update.values, update.expected_version))


def _update(driver: Driver, update: StateUpdate, via: str) -> Json:
    driver.update(update, via)
    return {"values": driver.engine.state, "version": driver.engine.shared.version}


def _check_reassign(driver: Driver, change: Reassignment) -> None:
    driver.engine.check_reassign(change.interrupt_id, change.to)
    refused = driver.engine.questions.no_room(change.to)
    if refused is not None:
        raise refused


def _check_breakpoints(driver: Driver, change: Mapping[str, Sequence[str] | None]) -> None:
    driver.engine.check_breakpoints(_breakpoints(driver, change))


def _set_breakpoints(driver: Driver, change: Mapping[str, Sequence[str] | None], via: str) -> Json:
    driver.set_breakpoints(_breakpoints(driver, change), via)
    return {"before": list(driver.engine.breakpoints.before), "after": list(driver.engine.breakpoints.after)}


def _breakpoints(driver: Driver, change: Mapping[str, Sequence[str] | None]) -> Breakpoints:
    before, after = change.get("before"), change.get("after")
    now = driver.engine.breakpoints
    return Breakpoints(
        now.before if before is None else tuple(before),
        now.after if after is None else tuple(after),
    )


def _check_open(driver: Driver, _: None) -> None:
    if driver.engine.status != "running":
        raise Refused("closed", f"The run is {driver.engine.status}; it can neither pause nor go on.")


def _pause(driver: Driver, _: None, _via: str) -> Json:
    _check_open(driver, _)
    driver.pause(True)
    return None


def _unpause(driver: Driver, _: None, _via: str) -> Json:
    _check_open(driver, _)
    driver.pause(False)
    return None


_REQUESTS: dict[str, Request] = {
    RESUME: Request(_read_answer, _check_answer, _answer),
    RESUME_ALL: Request(read_answers, _check_answers, _answers),
    REASSIGN: Request(
        read_reassign,
        _check_reassign,
        lambda driver, change, via: driver.reassign(change, via).public(),
    ),
    EXTEND: Request(
        read_extend,
        lambda driver, change: driver.check_extend(change),
        lambda driver, change, via: driver.extend(change, via).public(),
    ),
    UPDATE_STATE: Request(read_update, _check_update, _update),
    SET_BREAKPOINTS: Request(read_breakpoints, _check_breakpoints, _set_breakpoints),
    PAUSE: Request(read_nothing, _check_open, _pause),
    UNPAUSE: Request(read_nothing, _check_open, _unpause),
}
