"""The name of a graph that was given none: that of the variable it is assigned to."""

from __future__ import annotations

import dis
from types import FrameType


def assigned_name(frame: FrameType) -> str | None:
    """The variable that the result of the call which a frame is in the middle of is assigned to.

    Args:
        frame: The caller's frame.

    Returns:
        Its name; None where the result goes elsewhere.
    """
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset > frame.f_lasti:
            is_assigned = instruction.opname in ("STORE_NAME", "STORE_GLOBAL", "STORE_FAST", "STORE_DEREF")
            return str(instruction.argval) if is_assigned else None
    return None
