"""Code that runs in the driver, and remembers something itself: in a replay it would give another answer."""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any, cast

from pydantic_graph import Graph
from pydantic_graph.decision import Decision
from pydantic_graph.join import Join

from ..errors import GraphDefinitionError

_MOST = 20
"""Functions that are looked at for one: itself, and those that it holds, as a decorator does."""


def refuse_memory(graph: Graph[Any, Any, Any, Any], name: str, transforms: Mapping[str, Sequence[Any]]) -> None:
    """Refuse transforms, decisions and reducers that write to a variable which outlives their call.

    Seen is what they, and functions in their closures, assign themselves (`global`, `nonlocal`), and an iterator that
    they use up; not what they do to a list, nor what other functions do that they call.

    Raises:
        GraphDefinitionError: One does.
    """
    for path_id, functions in transforms.items():
        for function in functions:
            _refuse(f"The transform on {path_id!r}", name, function)
    for node in graph.nodes.values():
        if isinstance(node, Join):
            _refuse(f"The reducer of join {node.id!r}", name, node.reducer)
            _refuse(f"The initial_factory of join {node.id!r}", name, node.initial_factory)
        elif isinstance(node, Decision):
            for branch in cast("list[Any]", node.branches):
                if branch.matches is not None:
                    _refuse(f"A branch of decision {node.id!r}", name, branch.matches)


def _refuse(what: str, graph: str, function: Any) -> None:
    found = _memory(function)
    if found is not None:
        raise GraphDefinitionError(
            f"{what} of graph {graph!r} {found}, which is another one the next time. It runs again in every replay of "
            "a run, and beside other runs, and would give another answer there. What is to be remembered goes into the "
            "state, ctx.state, or into the value of a join."
        )


def _memory(function: Any) -> str | None:
    waiting, seen = [function], list[Any]()
    while waiting and len(seen) < _MOST:
        plain = _plain(waiting.pop(0))
        if plain is None or any(plain is known for known in seen):
            continue
        seen.append(plain)
        code = plain.__code__
        written = next(_writes(code, frozenset(code.co_freevars)), None)
        if written is not None:
            return written
        cells = dict(zip(code.co_freevars, plain.__closure__ or (), strict=False))
        held = {name: value for name, cell in cells.items() for value in _in(cell)}
        named = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
        held.update({each: plain.__globals__[each] for each in named if each in plain.__globals__})
        for each, value in held.items():
            if isinstance(value, Iterator) and not isinstance(value, type):
                return f"uses up {each!r}, an iterator"
        waiting.extend(value for each, value in held.items() if each in cells and _plain(value) is not None)
    return None


def _plain(function: Any) -> FunctionType | None:
    """The function in a partial, a method, or an object that can be called."""
    for _ in range(_MOST):
        if isinstance(function, functools.partial):
            function = cast("Any", function).func
        elif inspect.ismethod(function):
            function = function.__func__
        else:
            break
    if not isinstance(function, FunctionType | type):
        function = inspect.getattr_static(cast("type[Any]", type(function)), "__call__", None)
    return function if isinstance(function, FunctionType) else None


def _writes(code: CodeType, free: frozenset[str]) -> Iterator[str]:
    """What code, or a function in it, writes to that is not its own."""
    for each in dis.get_instructions(code):
        if each.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield f"writes to the global {each.argval!r}"
        elif each.opname in ("STORE_DEREF", "DELETE_DEREF") and each.argval in free:
            yield f"writes to {each.argval!r}, a variable around it (nonlocal)"
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _writes(const, free.intersection(const.co_freevars))


def _in(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing yet
        return []
