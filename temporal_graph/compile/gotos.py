"""What a step's annotation says of the `Command`s that it returns: where they lead, and what it returns besides."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic_graph import BaseNode, End

from ..commands import Command
from ..engine.spec import END
from ..errors import GraphDefinitionError
from .hints import union


def without_commands(type_: Any) -> Any:
    """What a step returns besides commands; None where it returns nothing else."""
    members = _members(type_)
    rest = [member for member in members if not _is_command(member)]
    if len(rest) == len(members):
        return type_
    return union(rest) if rest else NoneType


def gives_only_commands(type_: Any) -> bool:
    """Whether a step returns nothing else, so that no edge needs to leave it."""
    return all(_is_command(member) for member in _members(type_))


def command_targets(type_: Any) -> tuple[str, ...]:
    """The ids of the nodes to which the commands of a step lead: `Command[Literal["a", "b"]]`, `Command[Node]`."""
    found: dict[str, None] = {}
    for member in _members(type_):
        if _is_command(member):
            for target in get_args(member):
                found.update(dict.fromkeys(_named(target)))
    return tuple(found)


def _members(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)


def _is_command(type_: Any) -> bool:
    return type_ is Command or get_origin(type_) is Command


def _named(target: Any) -> list[str]:
    if len(_members(target)) > 1:
        return [name for member in _members(target) for name in _named(member)]
    if get_origin(target) is Literal:
        return [str(name) for name in get_args(target)]
    origin = get_origin(target) or target
    if origin is Any:
        return []
    if origin is End:
        return [END]
    if isinstance(origin, type) and issubclass(origin, BaseNode):
        return [origin.get_node_id()]
    raise GraphDefinitionError(
        f"Command[{target!r}] does not say where it leads; write the ids of nodes, Command[Literal['a', 'b']], or "
        "classes of nodes."
    )
