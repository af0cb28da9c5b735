"""Where in a node's code a call stands, if the node comes by there no more than once; and in which words it asks."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any, cast

from ..interrupts import interrupt

_AWAITING = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE | inspect.CO_GENERATOR
_OURS = ("temporal_graph", "pydantic_graph")
_JUMPS = frozenset({*dis.hasjrel, *dis.hasjabs})
_LAST = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD"})
"""What nothing follows but the place to which it jumps."""
_AWAITS_ON = "JUMP_BACKWARD_NO_INTERRUPT"
"""The jump with which an `await` waits on: it is no loop of the author's."""
WORD = re.compile(r"[+-]?\w+(?:[.,:/@'-]\w+)*")
"""A word, a number, or what else is written in one."""


def place(runner: CodeType) -> str | None:
    """Where the call stands that asks: the functions that await each other, and which of its awaits each is at.

    Neither comments nor lines of another kind change it, so that most releases leave it as it is.

    Args:
        runner: What runs the node's own code.

    Returns:
        A name for the place; None where it may be passed again, as in a loop, or where nobody can tell.
    """
    frames = _frames(runner)
    if frames is None:
        return None
    spots: list[str] = []
    for frame in frames:
        spot = _spot(frame.f_code, frame.f_lasti) if frame.f_code.co_flags & _AWAITING else None
        if spot is None:
            return None
        spots.append(f"{frame.f_code.co_qualname} {spot}")
    return hashlib.sha256("\n".join(spots).encode()).hexdigest()[:16]


def wording(runner: CodeType, fixed: Mapping[CodeType, Mapping[str, str]]) -> frozenset[str] | None:
    """The words that stand in the call which asks: what is shown consists of them, and of what the code fills in.

    Args:
        runner: What runs the node's own code.
        fixed: The texts in closures of the node's functions; see `closures_of`.

    Returns:
        Them; None where another question may be asked there, or nobody can tell: of the functions that await each other
        the first one has more than this one call, or chooses within it what to show, or another one awaits more.
    """
    frames = _frames(runner)
    if not frames or any(_awaits(frame.f_code) != 1 for frame in frames[1:]):
        return None
    code, known = frames[0].f_code, {**frames[0].f_globals, **frames[0].f_locals}
    names = frozenset(name for name, item in known.items() if item is interrupt)
    call = _call(code, names, frames[0].f_lasti)
    if call is None:
        return None
    texts, variables = call
    own = fixed.get(code, {})
    found: list[Any] = [own[name] if name in own else frames[0].f_globals.get(name) for name in variables]
    return frozenset(word for text in _texts([*texts, *found]) for word in WORD.findall(text))


def _texts(items: Iterable[Any]) -> Iterator[str]:
    """The texts among constants: those of a tuple may be the names in what is shown."""
    for item in items:
        if isinstance(item, str):
            yield item
        elif isinstance(item, tuple):
            yield from _texts(cast("tuple[Any, ...]", item))


def _frames(runner: CodeType) -> list[FrameType] | None:
    """The author's functions that have come to the call, the innermost first; None where the runner is not among it."""
    found: list[FrameType] = []
    frame = inspect.currentframe()
    frame = frame and frame.f_back and frame.f_back.f_back
    while frame is not None and frame.f_code is not runner:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _OURS:
            found.append(frame)
        frame = frame.f_back
    return None if frame is None else found


def codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and of those that are written in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@functools.lru_cache(maxsize=1_000)
def _call(code: CodeType, names: frozenset[str], at: int) -> tuple[list[Any], list[str]] | None:
    """The constants of the only call of `interrupt` in a function, and the variables that are not the function's own.

    Args:
        code: The function.
        names: The names of `interrupt` there.
        at: The instruction that awaits it.

    Returns:
        None where it is not the only one, or what it shows is chosen within it.
    """
    loads = [(part, i) for part in codes(code) for i in dis.get_instructions(part) if _is_loaded(i, names)]
    if len(loads) != 1 or loads[0][0] is not code:
        return None
    inside = [i for i in dis.get_instructions(code) if loads[0][1].offset < i.offset < at]
    if any(i.opcode in _JUMPS and i.opname not in ("SEND", _AWAITS_ON) for i in inside):
        return None
    constants = [i.argval for i in inside if i.opname == "LOAD_CONST"]
    return constants, [i.argval for i in inside if i.opname in ("LOAD_GLOBAL", "LOAD_DEREF")]


def _is_loaded(instruction: dis.Instruction, names: frozenset[str]) -> bool:
    if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):  # of a module, whatever it is called
        return instruction.argval == interrupt.__name__
    return instruction.opname.startswith("LOAD_") and instruction.argval in names


@functools.lru_cache(maxsize=1_000)
def _awaits(code: CodeType) -> int:
    """How often a function awaits something."""
    found = [i.opname for part in codes(code) for i in dis.get_instructions(part)]
    return sum(name in ("GET_AWAITABLE", "GET_ANEXT", "BEFORE_ASYNC_WITH") for name in found)


@functools.lru_cache(maxsize=1_000)
def _spot(code: CodeType, at: int) -> int | None:
    """How many-th await of a function an instruction belongs to; None if the function can come by it again."""
    found = dis.Bytecode(code)
    instructions = list(found)
    ways: dict[int, list[int]] = {}
    for instruction, following in zip(instructions, [*instructions[1:], None], strict=True):
        name, ways[instruction.offset] = instruction.opname, []
        if name == _AWAITS_ON:
            continue
        if instruction.opcode in _JUMPS:
            ways[instruction.offset].append(instruction.argval)
        if following is not None and name not in _LAST:
            ways[instruction.offset].append(following.offset)
    for entry in cast("Any", found).exception_entries:
        for offset in ways:
            if entry.start <= offset < entry.end:
                ways[offset].append(entry.target)
    at = max(offset for offset in ways if offset <= at)  # else it is in what belongs to a call
    reached: set[int] = set()
    waiting = list(ways[at])
    while waiting:
        offset = waiting.pop()
        if offset not in reached:
            reached.add(offset)
            waiting.extend(ways[offset])
    if at in reached:
        return None
    return sum(i.opname in ("GET_AWAITABLE", "GET_ANEXT") and i.offset < at for i in instructions)
