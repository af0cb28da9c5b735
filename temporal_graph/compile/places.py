"""Where in a node's code a call stands, if the node comes by there no more than once."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
from types import CodeType
from typing import Any, cast

_AWAITING = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE | inspect.CO_GENERATOR
_OURS = ("temporal_graph", "pydantic_graph")
_LAST = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD"})
"""What nothing follows but the place to which it jumps."""
_AWAITS_ON = "JUMP_BACKWARD_NO_INTERRUPT"
"""The jump with which an `await` waits on: it is no loop of the author's."""


def place(runner: CodeType) -> str | None:
    """Where the call stands that asks: the functions that await each other, and which of its awaits each is at.

    Neither comments nor lines of another kind change it, so that most releases leave it as it is.

    Args:
        runner: What runs the node's own code.

    Returns:
        A name for the place; None where it may be passed again, as in a loop, or where nobody can tell.
    """
    spots: list[str] = []
    frame = inspect.currentframe()
    frame = frame and frame.f_back
    while frame is not None and frame.f_code is not runner:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _OURS:
            spot = _spot(frame.f_code, frame.f_lasti) if frame.f_code.co_flags & _AWAITING else None
            if spot is None:
                return None
            spots.append(f"{frame.f_code.co_qualname} {spot}")
        frame = frame.f_back
    if frame is None:
        return None
    return hashlib.sha256("\n".join(spots).encode()).hexdigest()[:16]


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
        if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
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
