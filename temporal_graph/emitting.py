"""The word with which a node tells how far it is: progress, tokens, whatever its listeners show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from pydantic_core import to_jsonable_python

__all__ = ["emit"]

Emit = Callable[[Any], Awaitable[None]]
"""Takes JSON on its way to whoever listens."""

current_emit: ContextVar[Emit | None] = ContextVar("temporal_graph_emit", default=None)
"""Set while a node runs."""


async def emit(data: Any) -> None:
    """Tell those who listen to the run something, from inside a node.

    It comes out of `GraphRun.stream()` as an event of kind `emitted`. While nobody listens it is lost, and leaves
    nothing in history; so it is in a node with `execution="local"`, in a run in this process and with pydantic-graph's
    own `Graph.run`. A node that is tried again tells it again.

    Args:
        data: Anything that pydantic can write as JSON.

    Raises:
        ValueError: It cannot be written as JSON.
    """
    send = current_emit.get()
    if send is not None:
        await send(to_jsonable_python(data))
