"""What a step's annotation says of the `Command`s that it returns: where they lead, and what it returns besides."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_graph import BaseNode, End

from ..commands import Command
from ..engine.spec import END
from ..errors import GraphDefinitionError
from .hints import UNKNOWN, substitute


def without_commands(type_: Any) -> Any:
    """What a step returns besides commands; None where it returns nothing else."""
    commands, rest = _split(type_)
    if not commands:
        return type_
    return Union[tuple(rest)] if rest else NoneType  # noqa: UP007 - made from a list


def with_commands(type_: Any, returned: Any) -> Any:
    """A type for what a step returns besides commands, and the commands in what it says that it returns."""
    commands, _ = _split(returned)
    return Union[(*commands, type_)] if commands and type_ is not UNKNOWN else type_


def taken(type_: Any) -> Any:
    """What comes to a node, of what it says that it takes: type checkers want commands there, but none ever comes."""
    return type_ if gives_only_commands(type_) else without_commands(type_)


def gives_only_commands(type_: Any) -> bool:
    """Whether a step returns nothing else, so that no edge needs to leave it."""
    return not _split(type_)[1]


def command_targets(type_: Any) -> tuple[str, ...]:
    """The ids of the nodes to which the commands of a step lead: `Command[Literal["a", "b"]]`, `Command[Node]`."""
    found: dict[str, None] = {}
    for target in _targets(type_):
        found.update(dict.fromkeys(_named(target)))
    return tuple(found)


def command_ends(type_: Any) -> list[Any]:
    """What the commands of a step may end the run with, as far as it says: `Command[End[str]]`."""
    return [get_args(target)[0] for target in _targets(type_) if get_origin(target) is End]


def members(type_: Any) -> list[Any]:
    """What a union consists of, without notes and names; any other type alone."""
    bare = _bare(type_)
    if get_origin(bare) not in (Union, UnionType):
        return [bare]
    return [inner for member in get_args(bare) for inner in members(member)]


def _split(type_: Any) -> tuple[list[Any], list[Any]]:
    """The commands in a type, and the rest of it."""
    if not any(map(_is_command, members(type_))):
        return [], [type_]
    bare = _bare(type_)
    if _is_command(bare):
        return [bare], []
    parts = [_split(member) for member in get_args(bare)]
    return [command for commands, _ in parts for command in commands], [type_ for _, rest in parts for type_ in rest]


def _targets(type_: Any) -> list[Any]:
    commands, _ = _split(type_)
    return [target for command in commands for argument in get_args(command) for target in members(argument)]


def _bare(type_: Any) -> Any:
    """A type without its notes, `Annotated[...]`, and without the name that it was given, `type Routed = ...`."""
    origin = get_origin(type_) or type_
    if origin is Annotated:
        return _bare(get_args(type_)[0])
    try:
        meant: Any = getattr(origin, "__value__", UNKNOWN)
    except NameError:
        return type_  # where it is put to use, it is told that this cannot be found
    if meant is UNKNOWN:
        return type_
    return _bare(substitute(meant, dict(zip(origin.__type_params__, get_args(type_), strict=False))))


def _is_command(type_: Any) -> bool:
    return type_ is Command or get_origin(type_) is Command


def _named(target: Any) -> list[str]:
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
