"""Changing fields of the state from outside of a node: by a person, or by a `Command`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, cast

from ..codec import LOST, DecodeError, EncodeError, Refusal, ValueCodec, shown
from ..codec.exact import UNSET, is_tagged, setting, untagged
from ..codec.text import compact
from ..engine.events import listed
from ..engine.state import Json, same


def edited(codec: ValueCodec | None, state: Json, update: Json) -> tuple[Json, list[dict[str, Any]]]:
    """The state with some fields changed.

    A state that another release of the graph has left, and that cannot be read, takes what makes it better: fields that
    fit, whatever else is still wrong with it.

    Args:
        codec: The type of the state; None for a graph without one.
        state: The state as JSON.
        update: An object: fields with their new values.

    Returns:
        The new state, in which what has not changed is the same object; and what is wrong with the update, as `loc`,
        `msg`, `type`, in which case there is no state.
    """
    if codec is None:
        return None, [_wrong([], "the graph has no state_type, so there is no state to change")]
    if not isinstance(state, dict) or not isinstance(update, dict):
        return None, [_wrong([], "an update is an object with fields of the state")]
    before, fields = cast("dict[str, Json]", state), cast("dict[str, Json]", update)
    merged = setting(before, fields)
    try:
        after = json.loads(codec.dump(codec.load_changed(compact(merged), compact(before))))
    except DecodeError as error:
        return _mended(codec, before, fields, error)
    except EncodeError as error:
        return None, [_wrong([], str(error))]
    inside = untagged(after)
    unknown = _no_fields([name for name in fields if name not in inside], inside, "the state")
    return (None, unknown) if unknown else (_keeping(before, after), [])


def slips(codec: ValueCodec, sent: Json, made: Json, what: str) -> list[dict[str, Any]]:
    """What in an object that somebody sends makes no difference: names of fields that are wrong.

    Args:
        codec: The type that reads it.
        sent: It.
        made: What has come of it.
        what: What it is, for the errors.
    """
    inside: Json = untagged(made)
    if is_tagged(sent) or not isinstance(sent, dict) or not isinstance(inside, dict):
        return []
    given, known = cast("dict[str, Json]", sent), cast("dict[str, Json]", inside)
    unknown = [name for name in given if name not in known and name != UNSET]
    if not unknown:
        return []
    rest = compact({name: value for name, value in given.items() if name not in unknown})
    try:
        without, again = (untagged(json.loads(codec.write(codec.load(rest)))) for _ in range(2))
    except (DecodeError, EncodeError):
        return []  # it lacks what stands in one of them, which is an alias
    # What is another one each time, such as the time, says nothing.
    fixed = (name for name in without if compact(without[name]) == compact(again.get(name)))
    makes_no_difference = all(name in known and compact(known[name]) == compact(without[name]) for name in fixed)
    return _no_fields(unknown, known, what) if makes_no_difference else []


def _no_fields(unknown: Iterable[str], known: Iterable[str], what: str) -> list[dict[str, Any]]:
    names = ", ".join(repr(name) for name in known if name != UNSET)
    return [_wrong([name], f"{what} has no such field; its fields: {names}") for name in unknown]


def _keeping(before: dict[str, Json], after: dict[str, Json]) -> dict[str, Json]:
    """What has come of a state, with the same objects where nothing has changed."""
    if is_tagged(before) and is_tagged(after) and before["$type"] == after["$type"]:
        return {**after, "value": _keeping(before["value"], after["value"])}
    kept = {name: before[name] for name, item in after.items() if name in before and same(before[name], item)}
    return {name: kept.get(name, item) for name, item in after.items()}


IsRight = Callable[[str, str, bool], bool]
"""Says of what user code has made, by its type's name, as JSON, and by whether it fits, whether it is right."""


def still_wrong(
    codec: ValueCodec, data: str, wrong: list[dict[str, Any]], is_right: IsRight | None
) -> list[dict[str, Any]]:
    """What is wrong with what user code has made, where that may have been judged before.

    Args:
        codec: The type of it.
        data: It as JSON.
        wrong: What is wrong with it by now.
        is_right: Knows what it was then; None where it is made only once.
    """
    if is_right is None or not (codec.has_rules or codec.may_lose):
        return wrong
    if is_right(codec.name, data, not wrong):
        return []
    return wrong or [_wrong([], "it was wrong when it was made")]


def check_state(
    codec: ValueCodec,
    value: Any,
    data: str,
    before: str,
    known: Callable[[], Iterable[Refusal]] = tuple,
    is_right: IsRight | None = None,
) -> None:
    """Look whether a state that code of the graph has changed can be read.

    Args:
        codec: The type of the state.
        value: The state.
        data: It as JSON.
        before: The one that the code has got.
        known: What rules have by now against what else it has got.
        is_right: See `still_wrong`.

    Raises:
        EncodeError: It breaks a rule that it did not break before, or something of it does not come back.
    """
    wrong = codec.wrong(data, lambda: (*codec.refusals(before), *known())) or codec.lost(value, data)
    wrong = still_wrong(codec, data, wrong, is_right)
    if wrong:
        said = "; ".join(
            f"{listed([error])}{'' if error['type'] == LOST else _it_is(data, error['loc'])}" for error in wrong
        )
        raise EncodeError(f"The state that was left is not what is declared, {codec.name}: {said}.")


def _it_is(data: str, place: list[Any]) -> str:
    try:
        value: Any = json.loads(data)
        for depth, key in enumerate(place):
            if not isinstance(value, dict | list) or (isinstance(value, list) and not isinstance(key, int)):
                return f" (it is {shown(value)})" if depth else ""  # the rest names members of a union
            value = cast("Any", value)[key]
    except (LookupError, TypeError, ValueError):  # Python reads no number of so many digits
        return ""
    return f" (it is {shown(value)})" if place else ""


def _mended(
    codec: ValueCodec, before: dict[str, Json], fields: dict[str, Json], error: DecodeError
) -> tuple[Json, list[dict[str, Any]]]:
    """A state that cannot be read with some of its fields changed."""
    try:
        codec.load_kept(compact(before))
    except DecodeError:
        # What the type does not have any more, and forbids, goes with the first change.
        extra = [item["loc"][0] for item in error.errors if item["type"] == "extra_forbidden" and len(item["loc"]) == 1]
        left = [name for name in extra if name not in fields]
        if left:
            return edited(codec, {name: item for name, item in before.items() if name not in left}, fields)
        wrong = [item for item in error.errors if not item["loc"] or item["loc"][0] in fields]
        known = codec.field_names
        if not wrong and known is not None:
            wrong = _no_fields([name for name in fields if name not in known], known, "the state")
        return (None, wrong) if wrong else (setting(before, fields), [])
    return None, error.errors


def _wrong(place: list[str], message: str) -> dict[str, Any]:
    return {"loc": place, "msg": message, "type": "state"}
