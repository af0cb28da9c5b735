"""What a run shows of its open questions in the list of all runs: search attributes to find it by, and a memo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey, SearchAttributeUpdate

from ..codec.text import compact
from ..engine.engine import Engine
from ..engine.events import clipped
from ..engine.policies import moment
from ..engine.questions import Interrupt
from ..engine.state import Json
from .names import (
    GRAPH_ASSIGNEES,
    GRAPH_DEADLINE,
    GRAPH_PENDING,
    GRAPH_PENDING_NODES,
    GRAPH_STATUS,
    HIDES,
    SHOWS,
    UNSHOWN,
)
from .payloads import to_raw

STATUS = SearchAttributeKey.for_keyword(GRAPH_STATUS)
PENDING_NODES = SearchAttributeKey.for_keyword_list(GRAPH_PENDING_NODES)
ASSIGNEES = SearchAttributeKey.for_keyword_list(GRAPH_ASSIGNEES)
DEADLINE = SearchAttributeKey.for_datetime(GRAPH_DEADLINE)
KEYS: tuple[SearchAttributeKey[Any], ...] = (STATUS, PENDING_NODES, ASSIGNEES, DEADLINE)

MORE = "%more"
"""Stands in a list for the names that did not go into it; no name becomes it."""
LONGEST_WORD = 200
"""Characters of a name in a list; a column of a database takes 255."""
LIST_SIZE = 1_900
"""Bytes of a list: a server takes 2,048, and ends the run that has more."""

MOST = 20
"""Questions in a memo."""
MEMO_SIZE = 8_000
"""Bytes of a memo: it is there twice, in the history and in the list, and a page of the list brings many of them."""
LONGEST_VALUE = 400
"""Characters of what a question shows, as JSON; what is longer is cut."""
MOST_TURNS = 10
"""How often one history begins to show its run: each time leaves a word in `TemporalChangeVersion`."""


@dataclass(frozen=True)
class Shown:
    """What is shown of a run's questions."""

    nodes: list[str]
    assignees: list[str]
    deadline: datetime | None
    memo: str | None


NOTHING = Shown([], [], None, None)


class Showing:
    """Shows what one run waits for, while the attributes are registered; else it leaves a mark, by which it is found.

    Whether it does is decided anew when a worker that knows better takes over, and each decision is a patch of its own:
    the id of the workflow task is part of the patch's, because the SDK remembers what it once said of a patch.

    Args:
        is_wanted: Whether this worker has its runs set them; None if it does not know whether they can.

    Attributes:
        is_marked: Whether this history has the mark.
    """

    def __init__(self, is_wanted: bool | None) -> None:
        self._is_wanted = is_wanted
        self._is_on = False
        self._turns = 0
        self.is_marked = False
        self._is_due = False
        self._known: tuple[tuple[int, bool], Shown] = ((-1, False), NOTHING)

    def again(self) -> None:
        """Show everything once more, whatever was shown before."""
        self._is_due = True

    def show(self, engine: Engine) -> None:
        """Show what has changed since it was last shown; nothing for a run that has never asked anything."""
        is_settled = self.is_marked and not self._is_wanted and not workflow.unsafe.is_replaying()
        if is_settled and not self._is_on:
            return
        shown = self._look_at(engine)
        told = workflow.info().typed_search_attributes
        if not shown.nodes and STATUS not in told:
            return
        updates: list[SearchAttributeUpdate[Any]] = []
        values: list[tuple[SearchAttributeKey[Any], Any]] = [
            (STATUS, engine.standing),
            (PENDING_NODES, shown.nodes or None),
            (ASSIGNEES, shown.assignees or None),
            (DEADLINE, shown.deadline),
        ]
        for key, value in values:
            if self._is_due or told.get(key) != value:
                updates.append(key.value_unset() if value is None else key.value_set(value))
        is_memo_new = self._is_due or _memo() != shown.memo
        if not (updates or is_memo_new):
            return
        if not self._may():
            self._mark()
            return
        self._is_due = False
        if updates:
            cast("Any", workflow).upsert_search_attributes(updates)  # its own types are incomplete
        if is_memo_new:
            workflow.upsert_memo({GRAPH_PENDING: None if shown.memo is None else to_raw(shown.memo, "", None)})

    def _may(self) -> bool:
        is_replaying = workflow.unsafe.is_replaying()
        task = workflow.info().get_current_history_length()
        if self._is_on:
            # A server that has forgotten an attribute takes no task that sets it.
            if (is_replaying or self._is_wanted is False) and workflow.patched(f"{HIDES}-{task}"):
                self._is_on = False
        elif self._turns < MOST_TURNS and (is_replaying or self._is_wanted):
            self._is_on = workflow.patched(f"{SHOWS}-{task}")
            self._turns += self._is_on
        return self._is_on

    def _mark(self) -> None:
        """Let it be known that this run has to be asked: what it has shown before, if anything, is no longer true."""
        if not self.is_marked:
            self.is_marked = workflow.patched(UNSHOWN)
        if self.is_marked and _memo() is not None:
            workflow.upsert_memo({GRAPH_PENDING: None})

    def _look_at(self, engine: Engine) -> Shown:
        """What is to be shown; whatever happens to a question is in the audit."""
        known = engine.questions.audit.latest, engine.is_found_blocked
        if self._known[0] != known:
            is_running = engine.status == "running"
            problem = (engine.problem or "") if engine.is_found_blocked else None
            self._known = known, shown_of(list(engine.questions.open.values()) if is_running else [], problem)
        return self._known[1]


def carried_memo() -> dict[str, RawValue] | None:
    """The memo of a run that continues as new, which would be left behind; None where the server sees to it."""
    memo = workflow.info().raw_memo
    return {name: RawValue(payload) for name, payload in memo.items()} if GRAPH_PENDING in memo else None


def _memo() -> str | None:
    payload = workflow.info().raw_memo.get(GRAPH_PENDING)
    return None if payload is None else payload.data.decode(errors="replace")


def shown_of(questions: list[Interrupt], problem: str | None = None) -> Shown:
    """What is shown of open questions.

    Args:
        questions: The questions.
        problem: Why their run is blocked; None where it is not.
    """
    if not questions:
        return NOTHING
    nodes = words(question.node_id for question in questions)
    assignees = words(name for question in questions for name in question.assignees)
    deadlines = [moment(question.deadline) for question in questions if question.deadline is not None]
    deadline = min(deadlines).astimezone(UTC) if deadlines else None
    return Shown(nodes, assignees, deadline, _pending(questions, problem))


def _pending(questions: list[Interrupt], problem: str | None) -> str:
    """The questions as they are listed, as many as go into a memo, and how many more there are."""
    texts: list[str] = []
    size = 0
    for question in questions[:MOST]:
        text = compact(listed(question.public()))
        size += len(text.encode(errors="backslashreplace"))
        if size > MEMO_SIZE:
            break
        texts.append(text)
    # As it will be when it comes back: half of a surrogate pair becomes an escape.
    told = "" if problem is None else f',"problem":{compact(clipped(problem, LONGEST_VALUE))}'
    memo = f'{{"questions":[{",".join(texts)}],"more":{len(questions) - len(texts)}{told}}}'
    return memo.encode(errors="backslashreplace").decode()


_LISTED = ("interrupt_id", "node_id", "kind", "assignees", "deadline", "created_at", "escalation_level")


def listed(question: Mapping[str, Json]) -> dict[str, Json]:
    """What is listed of a question; a long value is cut."""
    text = compact(question["value"])
    value = question["value"] if len(text) <= LONGEST_VALUE else {"cut": clipped(text[:LONGEST_VALUE])}
    return {"value": value, **{name: question[name] for name in _LISTED}}


def words(names: Iterable[str]) -> list[str]:
    """Names as the words of a list, each once, as many as go into it."""
    found: dict[str, None] = {}
    size = 0
    for name in dict.fromkeys(names):
        word = word_of(name)
        if word not in found:
            size += len(json.dumps(word)) + 1
            if size > LIST_SIZE:
                found[MORE] = None
                break
            found[word] = None
    return list(found)


def word_of(name: str) -> str:
    """A name as a word that every server can keep and find.

    Quotes, backslashes and control characters are escaped as in an address: SQLite's lists are searched by an
    expression into which the server writes the word as it is, and a PostgreSQL server keeps no NUL.
    """
    return "".join(_escaped(mark) for mark in name)[:LONGEST_WORD] or "%"


def _escaped(mark: str) -> str:
    code = ord(mark)
    is_plain = 0x20 <= code < 0x7F or (code >= 0xA0 and not 0xD800 <= code < 0xE000)
    return mark if is_plain and mark not in "\"'\\`%" else f"%{code:02X}"
