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

    Seen is what they, and functions in their closures, assign themselves (`global`, `nonlocal`), what they count in an
    object around them (`seen[0] += 1`), and an iterator that they use up; not what else they do to an object, nor what
    other functions do that they call.

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
    yield from _counts(code, free)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _writes(const, free.intersection(const.co_freevars))


def _counts(code: CodeType, free: frozenset[str]) -> Iterator[str]:
    """What code counts in an object that is not its own: `seen[0] += 1`, `Box.count += 1`.

    The stack is followed by name from one jump's target to the next; where it is not known, nothing is said. What is
    only assigned may be a cache, which changes no answer.
    """
    stack: list[str | None] = []
    before: dis.Instruction | None = None
    for each in dis.get_instructions(code):
        if each.is_jump_target:
            stack = [None] * len(stack)
        is_in_place = before is not None and before.opname == "BINARY_OP" and before.argrepr.endswith("=")
        at = {"STORE_ATTR": -1, "STORE_SUBSCR": -2}.get(each.opname, 0)
        if at and is_in_place and len(stack) >= -at and stack[at] is not None:
            yield f"counts in {stack[at]!r}, an object around it"
        if each.opname == "COPY" and each.arg is not None:
            stack.append(stack[-each.arg] if len(stack) >= each.arg else None)
        elif each.opname == "SWAP" and each.arg is not None:
            stack = [*[None] * (each.arg - len(stack)), *stack]
            stack[-1], stack[-each.arg] = stack[-each.arg], stack[-1]
        else:
            effect = dis.stack_effect(each.opcode, each.arg, jump=False)
            is_named = each.opname == "LOAD_GLOBAL" or (each.opname == "LOAD_DEREF" and each.argval in free)
            name = each.argval if is_named and effect == 1 else None
            inside = each.opname in ("LOAD_ATTR", "BINARY_SUBSCR") and effect == -(each.opname == "BINARY_SUBSCR")
            if inside and len(stack) >= 1 - effect:
                name = stack[-1 + effect]
            if effect > 0:
                stack.extend([None] * effect)
            else:
                del stack[len(stack) + effect if len(stack) + effect > 0 else 0 :]
            if stack:
                stack[-1] = name
        if each.opname not in ("SWAP", "CACHE"):
            before = each


def _in(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing yet
        return []
