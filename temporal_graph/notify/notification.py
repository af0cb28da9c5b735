"""What is told about a question: as data, and as words for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeAlias, TypeVar, cast, get_args

from ..views import Accepted, Interrupt

__all__ = ["EVENTS", "Event", "Notification", "Notifier"]

T = TypeVar("T")

Event: TypeAlias = Literal["opened", "reminded", "escalated", "answered", "timed_out"]
"""What can happen to a question."""

EVENTS: tuple[Event, ...] = get_args(Event)

LONGEST_TEXT = 2_000
"""Characters that the text of a notification has at most: some services refuse what is longer."""
_LONGEST_ANSWER = 500
_LONGEST_NAME = 80
_MOST_PEOPLE = 5
_DEEPEST = 8

_SUBJECTS = {
    "before": "the breakpoint before {}",
    "after": "the breakpoint after {}",
    "failure": "{}, which failed,",
    "blocked": "{}, which is blocked,",
}
"""Who asks, by the kind of the question; else just the node."""


@dataclass(frozen=True, kw_only=True)
class Notification:
    """Something that happened to a question of a run.

    Attributes:
        id: The same for the same event, however often it is told: for de-duplication.
        event: `opened`; `reminded`, while it goes on waiting; `escalated`, when it was handed on to others; `answered`,
            by a person; `timed_out`, when nobody had answered by the deadline. From a later release it may be another
            one.
        at: When it happened, with time zone.
        graph: The name of the graph.
        run_id: The id of the run, which is Temporal's workflow id.
        interrupt: The question, as it was then.
        answer: The answer, if it is `answered`; if it is `timed_out`, the default that was taken, if there is one.

    Raises:
        ValueError: `at` has no time zone.
    """

    id: str
    event: Event
    at: datetime
    graph: str
    run_id: str
    interrupt: Interrupt
    answer: Accepted | None = None

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError(f"at is {self.at!r}; it must know its time zone, such as datetime.now(UTC).")

    def to_json(self) -> dict[str, Any]:
        """This notification as JSON: its attributes by name, moments in ISO 8601 with time zone."""
        return {**_dump(self), "interrupt": _dump(self.interrupt), "answer": self.answer and _dump(self.answer)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The notification that `to_json()` wrote down, be it that of another release.

        Fields that are not known here are ignored, and an `event` or a `kind` that is not known is taken as it is, so
        that whoever is told need not be released together with whoever tells.

        Raises:
            ValueError: No notification was written down like this.
        """
        try:
            asked = data["interrupt"]
            deadline = ["deadline"] if asked.get("deadline") is not None else []
            interrupt = _load(Interrupt, asked, "created_at", *deadline)
            given = data.get("answer")
            answer = None if given is None else _load(Accepted, given, "answered_at")
            read = _load(cls, {**data, "interrupt": interrupt, "answer": answer}, "at")
            texts = (read.id, read.event, read.graph, read.run_id, interrupt.interrupt_id, interrupt.node_id)
            if not all(isinstance(text, str) for text in texts):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError("an id or a name is no text")
        except KeyError as error:
            raise ValueError(f"This is no notification: it has no {error}.") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"This is no notification: {error}") from error
        return read

    @property
    def title(self) -> str:
        """One line that says it, such as `refund order-17: Review asks ann, bob (until 2026-11-24 09:00 UTC)`."""
        return f"{_line(self.graph)} {_line(self.run_id)}: {self._happened()}"

    @property
    def text(self) -> str:
        """A few lines more for people: what the question shows, who is asked and until when, what was answered.

        It does not repeat the title, and has 2,000 characters at most; of what is longer, the beginning is shown.
        """
        facts = "\n".join(self._facts())
        shown = _shown(_asked(self.interrupt), LONGEST_TEXT - len(facts) - 2)
        return f"{shown}\n\n{facts}" if shown else facts

    def _happened(self) -> str:
        asked = self.interrupt
        subject = _SUBJECTS.get(asked.kind, "{}").format(_line(asked.node_id))
        people = _people(asked.assignees)
        anybody = "nobody" if asked.problem else "anybody"
        until = f" (until {_minute(asked.deadline)})" if asked.deadline else ""
        match cast(str, self.event):  # which may be one of a later release
            case "opened":
                return f"{subject} asks {people or anybody}{until}"
            case "reminded":
                return f"{subject} still waits for {people or 'an answer'}{until}"
            case "escalated":
                return f"{subject} was not answered, and now asks {people or anybody}{until}"
            case "answered":
                actor = self.answer.actor if self.answer else None
                return f"{subject} was answered{f' by {_line(actor)}' if actor else ''}"
            case "timed_out":
                return f"{subject} was not answered in time{', and goes on with its default' if self.answer else ''}"
            case _:
                return f"{subject}: {_line(self.event)}"

    def _facts(self) -> Iterator[str]:
        asked, answer = self.interrupt, self.answer
        if answer is not None:
            by_default = self.event == "timed_out"
            said = _said(asked, answer.value)
            if said:
                yield _fact("Default" if by_default else "Answer", said)
            if answer.comment:
                yield _fact("Comment", _shown(answer.comment, _LONGEST_ANSWER))
            if answer.actor:
                yield _fact("Answered by", _line(answer.actor))
            yield _fact("Taken" if by_default else "Answered", _minute(answer.answered_at))
        yield _fact("Asked", _people(asked.assignees) or ("nobody" if asked.problem else "anybody"))
        if asked.problem:
            yield _fact("Problem", _line(asked.problem, _LONGEST_ANSWER))
        yield _fact("Since", _minute(asked.created_at))
        if asked.deadline:
            yield _fact("Until", _minute(asked.deadline))
        if asked.escalation_level:
            yield _fact("Handed on", f"{asked.escalation_level} times" if asked.escalation_level > 1 else "once")
        if asked.answers and answer is None:
            yield _fact("Answers so far", str(len(asked.answers)))
        yield _fact("Question", f"{_line(asked.interrupt_id)} of {_line(self.graph)} {_line(self.run_id)}")


Notifier: TypeAlias = Callable[[Notification], Awaitable[None]]
"""What `GraphPlugin(notify=...)` takes. What it raises is worth another try, but for `NotifyError(retry=False)`."""


# -- As JSON ----------------------------------------------------------------------------------------------------------


def _dump(item: Any) -> dict[str, Any]:
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _load(cls: type[T], data: Mapping[str, Any], *times: str) -> T:
    known = {field.name: data[field.name] for field in fields(cast("Any", cls)) if field.name in data}
    moments = {name: datetime.fromisoformat(known[name]) for name in times if name in known}
    return cls(**{**known, **moments})


# -- As words ---------------------------------------------------------------------------------------------------------


def _line(text: Any, limit: int = _LONGEST_NAME) -> str:
    """A text that came from anywhere as one line that can be shown: nothing in it breaks lines or turns them round."""
    start = str(text)[: limit * 4]
    kept = "".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in start)
    return _cut(" ".join(kept.split()), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _people(names: Sequence[Any]) -> str:
    first = ", ".join(_line(name) for name in names[:_MOST_PEOPLE])
    return f"{first} and {len(names) - _MOST_PEOPLE} more" if len(names) > _MOST_PEOPLE else first


def _minute(moment: datetime) -> str:
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # within hours of the first year or the last
        return moment.isoformat()


def _fact(name: str, shown: str) -> str:
    return f"{name}:\n  {shown.replace(chr(10), chr(10) + '  ')}" if "\n" in shown else f"{name}: {shown}"


def _asked(interrupt: Interrupt) -> Any:
    """What a question shows; of a failure, the error in one line."""
    value = interrupt.value
    error: Any = _mapping(value).get("error") if interrupt.kind in ("failure", "blocked") else None
    if not isinstance(error, Mapping):
        return value
    parts = (_mapping(error).get(name) for name in ("type", "message"))
    return {**value, "error": ": ".join(str(part) for part in parts if part)}


def _said(interrupt: Interrupt, answer: Any) -> str:
    """What was answered; to a failure, first of all what is to be done."""
    action = _mapping(answer).get("action") if interrupt.kind in ("failure", "blocked") else None
    if not isinstance(action, str):
        return _shown(answer, _LONGEST_ANSWER)
    rest = _shown({name: part for name, part in answer.items() if name != "action"}, _LONGEST_ANSWER)
    return "\n".join(filter(None, [_line(action).capitalize(), rest]))


def _mapping(value: Any) -> Mapping[Any, Any]:
    return cast("Mapping[Any, Any]", value) if isinstance(value, Mapping) else {}


def _shown(value: Any, limit: int) -> str:
    """A value for people, with so many characters at most; of a large one, little more than those is looked at."""
    lines: list[str] = []
    length = 0
    for line in _lines(value, limit, 0):
        lines.append(line)
        length += len(line) + 1
        if length > limit + 1:
            break
    return _cut("\n".join(lines).strip("\n"), limit)


def _lines(value: Any, limit: int, depth: int) -> Iterator[str]:
    """The lines that show a value; none where there is nothing."""
    if isinstance(value, str):
        for line in value[: limit + 1].splitlines() if value.strip() else ():
            indent = line[: len(line) - len(line.lstrip(" "))]
            yield indent + _line(line, limit + 1)
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif value is None:
        return
    elif not isinstance(value, Mapping | list | tuple):
        yield _line(value, limit + 1)
    elif value and depth == _DEEPEST:
        yield "…"
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            yield from _entry(f"{_line(key)}:", item, limit, depth)
    else:
        for item in cast("Sequence[Any]", value):
            yield from _entry("-", item, limit, depth)


def _entry(head: str, item: Any, limit: int, depth: int) -> Iterator[str]:
    lines = _lines(item, limit, depth + 1)
    first = next(lines, None)
    if first is None:
        if head == "-":
            yield "- none"  # one of several things is told from none of them
        return
    if head != "-" and isinstance(item, Mapping | list | tuple):
        yield head
        yield f"  {first}"
    else:
        yield f"{head} {first}"
    for line in lines:
        yield f"  {line}"
