"""What is a yes, or a no, to a question: derived from its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

from .commands import NOTHING
from .errors import GraphInputError

COMMENT = ("comment", "notes", "reason")
"""Where what is said with a yes goes."""
REASON = ("reason", "comment", "notes")
"""Where what is said with a no goes."""
DEEPEST = 20
"""Schemas within schemas that are looked into; one may contain itself."""


def verdict(question: Mapping[str, Any], is_yes: bool, text: str | None) -> tuple[Any, str | None]:
    """What is sent for a yes or a no; see `ApprovalQueue.approve`.

    Args:
        question: The question, as the run shows it.
        is_yes: Whether it is a yes.
        text: What is said with it.

    Returns:
        The answer, `NOTHING` for none; and the text, where the answer has no place for it.

    Raises:
        GraphInputError: It cannot be derived, or wants a text that was not given.
    """
    asks = _Asks(question["interrupt_id"], is_yes, text)
    schema = question["response_schema"]
    if question["kind"] in ("before", "after"):
        return asks.go_on("a breakpoint")
    if question["kind"] in ("failure", "blocked"):
        raise asks.unknown("a node has failed, and it takes Retry(), Skip(...) or Abort()")
    if schema is None or schema is True or schema == {}:
        return asks.anything()
    found = list(_kinds(schema, schema, DEEPEST))
    if _is_empty(found):
        return asks.go_on("a node that asks for no field")
    fits = [answer for kind in found if (answer := asks.of(kind)) is not None]
    if len(fits) != 1:
        raise asks.unknown("its answers are of another kind")
    [fit] = fits
    if isinstance(fit, GraphInputError):
        raise fit
    return fit


class _Asks:
    def __init__(self, interrupt_id: str, is_yes: bool, text: str | None) -> None:
        self.interrupt_id = interrupt_id
        self.is_yes = is_yes
        self.text = text
        self.places = COMMENT if is_yes else REASON

    def go_on(self, what: str) -> tuple[Any, str | None]:
        if not self.is_yes:
            raise GraphInputError(
                f"{self.interrupt_id!r} is {what}, which lets its run go on and cannot be rejected. Cancel the run, or "
                "send it elsewhere: graph.get_run(client, run_id).resume(Command(goto=...))."
            )
        return NOTHING, self.text

    def anything(self) -> tuple[Any, str | None]:
        return {"approved": self.is_yes, **({} if self.text is None else {self.places[0]: self.text})}, None

    def of(self, kind: Mapping[str, Any]) -> tuple[Any, str | None] | GraphInputError | None:
        """The answer of one kind, or why the right one cannot be made; None if it says neither yes nor no."""
        if kind == {} or _is_any_object(kind):
            return self.anything()
        if _takes(kind, self.is_yes):
            return self.is_yes, self.text
        fields = cast("Mapping[str, Any]", kind.get("properties") or {})
        if "approved" not in fields or not any(_takes(one, self.is_yes) for one in _resolved(fields["approved"], kind)):
            return None
        answer: dict[str, Any] = {"approved": self.is_yes}
        comment = self.text
        places = [name for name in self.places if name in fields and _takes_text(fields[name], kind)]
        if comment is not None and places:
            answer[places[0]], comment = comment, None
        missing = [name for name in kind.get("required", ()) if name not in answer]
        empty = [name for name in missing if name in places and _takes_text(fields[name], kind, is_empty=True)]
        if self.is_yes or self.text is not None:  # a no is not said without a reason where one is wanted
            answer.update(dict.fromkeys(empty, ""))
            missing = [name for name in missing if name not in empty]
        if missing and self.text is None and {*missing} <= {*places[:1], *empty}:
            return self.speechless(missing)
        if missing:
            return self.unknown(f"it also wants {', '.join(map(repr, missing))}")
        return answer, comment

    def unknown(self, why: str) -> GraphInputError:
        return GraphInputError(
            f"What is a {'yes' if self.is_yes else 'no'} to {self.interrupt_id!r} cannot be derived: {why}. Say it "
            "with answer(run_id, ...); questions(run_id) has the schema of what it takes."
        )

    def speechless(self, names: list[str]) -> GraphInputError:
        what, word = ("yes", "comment") if self.is_yes else ("no", "reason")
        return GraphInputError(
            f"A {what} to {self.interrupt_id!r} needs a text for {', '.join(map(repr, names))}: give {word}=..., or "
            "say it with answer(run_id, ...)."
        )


def _kinds(schema: Any, root: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """The schemas that a schema is one of, without the one of null; each with the definitions of the whole."""
    if not isinstance(schema, Mapping) or not depth:
        return
    given = cast("Mapping[str, Any]", schema)
    reference = given.get("$ref")
    if isinstance(reference, str):
        yield from _kinds(_at(reference, root), root, depth - 1)
        return
    for word in ("anyOf", "oneOf", "allOf"):
        parts = given.get(word)
        if isinstance(parts, list) and (word != "allOf" or len(cast("list[Any]", parts)) == 1):
            for part in cast("list[Any]", parts):
                yield from _kinds(part, root, depth - 1)
            return
    if given.get("type") != "null":
        yield {**given, "$defs": root["$defs"]} if "$defs" in root else given


def _resolved(schema: Any, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(_kinds(schema, root, DEEPEST))


def _at(reference: str, root: Mapping[str, Any]) -> Any:
    place: Any = root
    for part in reference.removeprefix("#/").split("/"):
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        place = cast("Mapping[str, Any]", place).get(name) if isinstance(place, Mapping) else None
    return place


def _takes(schema: Mapping[str, Any], value: bool) -> bool:
    """Whether a schema takes this of true and false, and says so."""
    if "const" in schema:
        return schema["const"] is value
    if "enum" in schema:
        return any(one is value for one in schema["enum"])
    return schema.get("type") == "boolean"


def _takes_text(schema: Any, root: Mapping[str, Any], *, is_empty: bool = False) -> bool:
    """Whether a schema takes any text; or, as far as can be seen, one without a letter."""
    others = {"enum", "const", "format", *(["pattern"] if is_empty else ())}
    return any(
        one.get("type") == "string" and not others & one.keys() and not (is_empty and one.get("minLength"))
        for one in _resolved(schema, root)
    )


def _is_any_object(kind: Mapping[str, Any]) -> bool:
    return kind.get("type") == "object" and not kind.get("properties") and kind.get("additionalProperties") is True


def _is_empty(kinds: list[Mapping[str, Any]]) -> bool:
    """Whether they are one object without a field."""
    return (
        len(kinds) == 1
        and kinds[0].get("type") == "object"
        and not kinds[0].get("properties")
        and not kinds[0].get("additionalProperties")
    )
