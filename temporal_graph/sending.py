"""What callers send to a run, as JSON: answers, commands, changes of the state; and what they ask it for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from .commands import NOTHING, Command
from .compile import CompiledGraph
from .compile.targets import answer_json, dump_command, shown
from .engine.state import Json
from .errors import GraphInputError


def answer(
    graph: CompiledGraph,
    value: Any,
    interrupt_id: str | None,
    actor: str | None,
    answer_id: str,
    comment: str | None,
) -> dict[str, Json]:
    """An answer, which may be a `Command`, or `NOTHING` for what takes none.

    Raises:
        GraphInputError: The command leads to no node of the graph, or gives it what it does not take; or something in
            it cannot be written as JSON.
    """
    sent: dict[str, Json] = {
        "interrupt_id": text_of("interrupt_id", interrupt_id),
        "actor": text_of("actor", actor),
        "answer_id": text_of("answer_id", answer_id),
        **said(comment),
    }
    if isinstance(value, Command):
        command: Command[Any] = value  # pyright: ignore[reportUnknownVariableType]
        sent.update(dump_command(graph.name, graph.targets, graph.state, command))
    elif value is not NOTHING:
        sent["value"] = answer_json(value)
    return sent


def answerless(graph: CompiledGraph, waiting: Sequence[tuple[str, str, str]]) -> str | None:
    """The question that an answer without a value answers: the only one that is open, if it takes nothing.

    Args:
        graph: The graph.
        waiting: The questions that are open: their ids, kinds and nodes.
    """
    if len(waiting) != 1:
        return None
    [(interrupt_id, kind, node_id)] = waiting
    is_answerless = kind in ("before", "after") or (kind == "node" and not graph.functions.answer_fields(node_id))
    return interrupt_id if is_answerless else None


def said(comment: Any) -> dict[str, Json]:
    """What is said with an answer; only if there is something to say: workers of earlier releases do not take it.

    Raises:
        GraphInputError: It is no text.
    """
    return {} if text_of("comment", comment) is None else {"comment": comment}


def answers(
    graph: CompiledGraph, values: Any, actor: str | None, new_id: Callable[[], str], comment: str | None
) -> list[dict[str, Json]]:
    """Several answers, by the ids of their questions.

    Raises:
        GraphInputError: There are none; or one of them cannot be written as JSON.
    """
    if not isinstance(values, Mapping) or not values:
        raise GraphInputError(f"resume_all() takes answers by the ids of their questions, and not {shown(values)}.")
    given = cast("Mapping[Any, Any]", values)
    return [answer(graph, value, str(name), actor, new_id(), comment) for name, value in given.items()]


def conditions(expected_version: Any, actor: Any) -> dict[str, Json]:
    """The version of the state that a change is for, and who makes it.

    Raises:
        GraphInputError: They are none.
    """
    if not isinstance(expected_version, int | None) or isinstance(expected_version, bool):
        raise GraphInputError(f"expected_version is {shown(expected_version)}; it takes the `version` of a state.")
    return {"expected_version": expected_version, "actor": text_of("actor", actor)}


def reassignment(to: Any, interrupt_id: Any, actor: Any) -> dict[str, Json]:
    """Who is to be asked instead.

    Raises:
        GraphInputError: These are no names.
    """
    listed: list[Any] = [to] if isinstance(to, str) else list(cast("Iterable[Any]", to)) if _is_list(to) else []
    if (not listed and not _is_list(to)) or not all(isinstance(name, str) and name for name in listed):
        raise GraphInputError(f"reassign() got {shown(to)}; it takes names: reassign(['ann', 'bob']).")
    if len(set(listed)) < len(listed):
        raise GraphInputError(f"reassign() got {shown(to)}, which names somebody twice.")
    return {"to": listed, "interrupt_id": text_of("interrupt_id", interrupt_id), "actor": text_of("actor", actor)}


def extension(by: Any, until: Any, interrupt_id: Any, actor: Any) -> dict[str, Json]:
    """How much longer a question is to wait.

    Raises:
        GraphInputError: It is no duration, and no moment; or both.
    """
    if (by is None) == (until is None):
        raise GraphInputError("extend() takes one of by=timedelta(...) and until=datetime(...).")
    if by is not None and (not isinstance(by, timedelta) or by <= timedelta(0)):
        raise GraphInputError(f"extend(by=...) got {shown(by)}; it takes a timedelta that is longer than nothing.")
    if until is not None and (not isinstance(until, datetime) or until.utcoffset() is None):
        raise GraphInputError(f"extend(until=...) got {shown(until)}; it takes a datetime with a time zone.")
    return {
        "by": None if by is None else by.total_seconds(),
        "until": None if until is None else until.astimezone(UTC).isoformat(),
        "interrupt_id": text_of("interrupt_id", interrupt_id),
        "actor": text_of("actor", actor),
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def checkpoint_id(given: Any) -> str:
    """The id of the checkpoint from which a caller wants a fork.

    Raises:
        GraphInputError: It is none.
    """
    if not isinstance(given, str):
        raise GraphInputError(
            f"fork() got {shown(given)}; it takes the checkpoint_id of what history() gives, a text such as '5'."
        )
    return given


def event_number(given: Any) -> int | None:
    """The number of the event after which a caller wants to listen; -1, or None, for all that there are.

    Raises:
        GraphInputError: It is none.
    """
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and given >= -1):
        return given
    raise GraphInputError(
        f"stream(after=...) got {shown(given)}; it takes the number of an event, after=event.number; the first is "
        "0. Leave it out for all events that there are."
    )


def id_of_run(given: Any, name: str = "id") -> str:
    """The id of a run.

    Raises:
        GraphInputError: It is none.
    """
    return _named(name, given, "a run's id, such as 'order-17'")


def queue_of_workers(given: Any) -> str:
    """The task queue on which a run is started.

    Raises:
        GraphInputError: It is none.
    """
    return _named("task_queue", given, "the name of the task queue of the workers that run it")


def _named(name: str, given: Any, what: str) -> str:
    if not isinstance(given, str) or not given:
        raise GraphInputError(f"{name} is {shown(given)}; it must be {what}, a text.")
    return given


def text_of(name: str, value: Any) -> str | None:
    """A text, or nothing.

    Raises:
        GraphInputError: It is something else.
    """
    if not isinstance(value, str | None):
        raise GraphInputError(f"{name} is {shown(value)}; it must be a text.")
    return value
