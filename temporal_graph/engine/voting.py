"""Who may answer a question, and when enough people have."""

from __future__ import annotations

from typing import cast

from .policies import matches
from .questions import VOTES_SIZE, Accepted, Answer, Interrupt, Refused, invalid
from .sizes import json_size
from .state import Json


def check_actor(interrupt: Interrupt, answer: Answer) -> None:
    """Look whether somebody may answer a question.

    Raises:
        Refused: They may not, as its policy says; or they have answered already, and others must.
    """
    rules, actor, name = interrupt.rules, answer.actor, interrupt.interrupt_id
    if actor is None:
        if rules.only_assignees or rules.not_by or interrupt.quorum > 1:
            raise Refused("not_authorized", f"{name!r} is not answered by just anybody: say who you are, with actor.")
        return
    if actor in rules.not_by:
        raise Refused("not_authorized", f"{actor!r} may not answer {name!r}; somebody else must.")
    if rules.only_assignees and actor not in interrupt.assignees:
        asked = ", ".join(repr(assignee) for assignee in interrupt.assignees) or "nobody; reassign it"
        raise Refused("not_authorized", f"{actor!r} is not asked by {name!r}; it asks {asked}.")
    vote = interrupt.voters.get(actor)
    if vote is not None:
        missing = interrupt.quorum - len(interrupt.answers)
        message = f"{actor!r} answered {name!r} at {vote['answered_at']}; {missing} more must, who are others."
        raise Refused("already_answered", message)


def is_one_of_several(interrupt: Interrupt, answer: Answer) -> bool:
    """Whether a question needs more answers than this one.

    Raises:
        Refused: The answer does what only one that is enough by itself can do.
    """
    if interrupt.quorum == 1:
        return False
    if answer.goto is not None or answer.state_update is not None:
        message = (
            f"{interrupt.quorum} people must answer {interrupt.interrupt_id!r}; no one of them can send the run "
            "elsewhere, or change its state."
        )
        raise invalid("goto" if answer.goto is not None else "state_update", message)
    is_last = len(interrupt.answers) + 1 >= interrupt.quorum
    return not is_last and not any(matches(pattern, answer.value) for pattern in interrupt.rules.reject_ends)


def is_full(interrupt: Interrupt, answer: Answer) -> bool:
    """Whether there is no room for an answer beside those of others; one that ends the question needs none.

    Raises:
        Refused: See `is_one_of_several`.
    """
    return is_one_of_several(interrupt, answer) and interrupt.size + json_size(answer.value) > VOTES_SIZE


def no_room(interrupt: Interrupt) -> Refused:
    """Why an answer is refused for which there is no room."""
    return invalid(
        "value",
        f"There is no room for this answer: {len(interrupt.answers):,} people have said {interrupt.size:,} bytes to "
        f"{interrupt.interrupt_id!r}. No more than {VOTES_SIZE:,} are kept; what ends the question is taken.",
    )


def votes_for(interrupt: Interrupt, accepted: Accepted) -> list[Json]:
    """Who gave the answer to a question; what they said too, where there are several."""
    last: dict[str, Json] = {
        "actor": accepted.actor,
        "answered_at": accepted.answered_at,
        "answer_id": accepted.answer_id,
        "via": accepted.via,
    }
    if interrupt.answers:
        return [*interrupt.answers, {**last, "value": accepted.value}]
    if interrupt.kind == "node":  # the node has the values as its fields
        last["fields"] = list(cast("dict[str, Json]", accepted.value)) if isinstance(accepted.value, dict) else []
    return [last]
