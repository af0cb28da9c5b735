"""How a state merges, read from its type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ..engine.state import AUTO, Json, Plan
from ..merge import Merge

Converters = Callable[[Any], tuple[Callable[[Json], Any], Callable[[Any], Json]]]


def state_plan(state_type: Any, converters: Converters) -> Plan:
    """How a state of this type merges.

    Args:
        state_type: The type of the state.
        converters: Gives, for a type, how its values are read from JSON and written as JSON.
    """
    return _plan(state_type, converters, ())


def _plan(type_: Any, converters: Converters, above: tuple[Any, ...]) -> Plan:
    if type_ in above:
        return AUTO  # a type inside itself
    inside = (*above, type_)
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        for note in arguments[1:]:
            if isinstance(note, Merge):
                return _custom(note, arguments[0], converters)
        return _plan(arguments[0], converters, above)
    if origin in (set, frozenset):
        return Plan("set")
    if origin is dict and len(arguments) == 2:
        return Plan(each=_plan(arguments[1], converters, inside))
    if origin is list and arguments:
        return Plan(each=_plan(arguments[0], converters, inside))
    members = [member for member in arguments if member is not type(None)]
    if len(members) == 1 and len(arguments) == 2:
        return _plan(members[0], converters, above)
    if dataclasses.is_dataclass(type_) or hasattr(type_, "model_fields") or hasattr(type_, "__required_keys__"):
        hints = get_type_hints(type_, include_extras=True)
        return Plan(fields={name: _plan(hint, converters, inside) for name, hint in hints.items()})
    return AUTO


def _custom(note: Merge, type_: Any, converters: Converters) -> Plan:
    load, dump = converters(type_)

    def merge(base: Json, current: Json, mine: Json) -> Json:
        return dump(note.function(None if base is None else load(base), load(current), load(mine)))

    return Plan("custom", merge=merge, name=repr(note))
