"""The words with which a graph asks a person: a node that waits, and a call that waits."""

from __future__ import annotations

from abc import ABC
from contextvars import ContextVar
from typing import Any, Generic, Never, Protocol, overload

from pydantic_graph import BaseNode
from typing_extensions import TypeVar

from .errors import InterruptError

__all__ = ["InterruptNode", "Required", "interrupt"]

T = TypeVar("T")
StateT = TypeVar("StateT", default=object)
DepsT = TypeVar("DepsT", default=object, contravariant=True)
NodeRunEndT = TypeVar("NodeRunEndT", covariant=True, default=Never)


class Required:
    """Marks what a person's answer must bring: `user_name: Annotated[str | None, Required] = None`.

    Only fields of an `InterruptNode` can be marked. While the run waits they are None; when the node runs they are set.
    """


class InterruptNode(BaseNode[StateT, DepsT, NodeRunEndT], ABC, Generic[StateT, DepsT, NodeRunEndT]):
    """A node before which the run waits for a person.

    When the run reaches it, its fields are shown as the interrupt's value, and the run waits, for minutes or months.
    The answer sets the fields marked `Required`; then `run` executes like that of any other node.

    Make subclasses a `@dataclass` or a `BaseModel`, like other nodes.
    """


class Asker(Protocol):
    """Who takes a question while a node runs."""

    async def ask(self, value: Any, response_type: Any) -> Any:
        """Wait for the answer, or end the node and have it run again with the answer."""
        ...


current_asker: ContextVar[Asker | None] = ContextVar("temporal_graph_asker", default=None)
"""Set while a node runs."""


@overload
async def interrupt(value: Any = None) -> Any: ...
@overload
async def interrupt(value: Any = None, *, response_type: type[T]) -> T: ...
@overload
async def interrupt(value: Any = None, *, response_type: Any) -> Any: ...
async def interrupt(value: Any = None, *, response_type: Any = Any) -> Any:
    """Ask a person, from inside a node, and wait for the answer.

    The node ends here and is run again from its top once there is an answer; this time the call returns it. So what
    comes before the call is done again, changes to the state included; several calls in one node match their answers by
    position. In a node with `execution="workflow"` the call waits, and goes on from its own line.

    Args:
        value: What to show: anything that pydantic can write as JSON.
        response_type: The type of the answer; one that does not fit is refused, and the question stays open.

    Returns:
        The answer, as an instance of `response_type`.

    Raises:
        InterruptError: There is no node around the call, or the value cannot be written as JSON.
    """
    asker = current_asker.get()
    if asker is None:
        raise InterruptError(
            "interrupt() was called outside of a node that a temporal_graph run is running. Call it in a step or in "
            "BaseNode.run, and run the graph with TemporalGraph.start() or .local(), not with Graph.run()."
        )
    return await asker.ask(value, response_type)
