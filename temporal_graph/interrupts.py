"""The words with which a graph asks a person: a node that waits, a call that waits, and what is not done twice."""

from __future__ import annotations

from abc import ABC
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Never, ParamSpec, Protocol, overload

from pydantic_graph import BaseNode
from typing_extensions import TypeVar

from .errors import GraphDefinitionError, InterruptError
from .policies import InterruptPolicy

__all__ = ["Answered", "InterruptNode", "Required", "answers", "interrupt", "once", "step"]

LONGEST_KEY = 200
"""Characters of a question's key, which is a part of its id."""

P = ParamSpec("P")
T = TypeVar("T")
StateT = TypeVar("StateT", default=object)
DepsT = TypeVar("DepsT", default=object, contravariant=True)
NodeRunEndT = TypeVar("NodeRunEndT", covariant=True, default=Never)


class Required:
    """Marks what a person's answer must bring: `user_name: Annotated[str | None, Required] = None`.

    Only fields of an `InterruptNode` can be marked. While the run waits they are None; when the node runs they are set.
    """

    def __class_getitem__(cls, type_: Any) -> Never:
        shown = getattr(type_, "__name__", type_)
        raise GraphDefinitionError(
            f"Required[{shown}] is how typing's Required is written. temporal_graph's is a mark beside the type: "
            f"name: Annotated[{shown} | None, Required] = None."
        )


class InterruptNode(BaseNode[StateT, DepsT, NodeRunEndT], ABC, Generic[StateT, DepsT, NodeRunEndT]):
    """A node before which the run waits for a person.

    When the run reaches it, its fields are shown as the interrupt's value, and the run waits, for minutes or months.
    The answer sets the fields marked `Required`; then `run` executes like that of any other node.

    Make subclasses a `@dataclass` or a `BaseModel`, like other nodes. A subclass may have besides:

    - `async def prompt(self, ctx)`: composes what is shown instead of the fields, anything that pydantic can write as
      JSON. It runs where `run` does, with deps, and may call a model; once, however long the question then waits. It
      only looks at the state, and asks nobody.
    - `def validate_answer(self, ctx)`: looks at an answer that fits the types, with the fields set in the node and the
      state as `ctx.state`, and raises `ValueError` to refuse it. It runs in the driver, has no deps, and is pure.

    Attributes:
        policy: How it asks; None for as the graph's options say.
    """

    policy: ClassVar[InterruptPolicy | None]


@dataclass(frozen=True)
class Answered:
    """An answer that a node has got.

    Attributes:
        actor: Who gave it, as they said; None for somebody who did not say, or nobody.
        value: What they said, as JSON.
        at: When it was taken, with time zone.
        via: Which way it came: `signal`, `update`, or `timeout` for what stands in for an answer that nobody gave.
        answer_id: The answer's own id.
    """

    actor: str | None
    value: Any
    at: datetime
    via: str
    answer_id: str | None = None


class Asker(Protocol):
    """Who takes a node's questions while it runs."""

    async def ask(self, value: Any, response_type: Any, policy: InterruptPolicy | None, key: str | None) -> Any:
        """Wait for the answer, or end the node and have it run again with the answer."""
        ...

    async def once(self, key: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do something that is not done again when the node runs again."""
        ...

    async def step(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same in a node that runs in the driver: as an activity of its own."""
        ...

    def expect(self, called: str, work: Coroutine[Any, Any, Any]) -> None:
        """Note a call that the node is to await."""
        ...

    def answered(self) -> list[Answered]:
        """The answers to the question that was answered last."""
        ...


current_asker: ContextVar[Asker | None] = ContextVar("temporal_graph_asker", default=None)
"""Set while a node runs."""


@overload
def interrupt(
    value: Any = None, *, policy: InterruptPolicy | None = None, key: str | None = None
) -> Coroutine[Any, Any, Any]: ...
@overload
def interrupt(
    value: Any = None, *, response_type: type[T], policy: InterruptPolicy | None = None, key: str | None = None
) -> Coroutine[Any, Any, T]: ...
@overload
def interrupt(
    value: Any = None, *, response_type: Any, policy: InterruptPolicy | None = None, key: str | None = None
) -> Coroutine[Any, Any, Any]: ...
def interrupt(
    value: Any = None, *, response_type: Any = Any, policy: InterruptPolicy | None = None, key: str | None = None
) -> Coroutine[Any, Any, Any]:
    """Ask a person, from inside a node, and wait for the answer.

    The node ends here and is run again from its top once there is an answer; this time the call returns it. So what
    comes before the call is done again, changes to the state included. In a node with `execution="workflow"` the call
    waits, and goes on from its own line.

    An answer is only ever returned by the call that asked the question: the one with the same key; without keys the one
    that shows the same, wherever it is, or, where a node comes by only once, the one in the same place of its code that
    shows the same but for a clock that has gone on, or for words that another release has written there. Where that
    cannot be told, the call raises.

    Args:
        value: What to show: anything that pydantic can write as JSON.
        response_type: The type of the answer; one that does not fit is refused, and the question stays open.
        policy: How it is asked: of whom, until when, and so on. Default: as the options of the node say.
        key: What stands for this question, within this node, and stays the same when the node runs again; in a loop it
            has the item in it. What is shown may then change. Needed only where a question reads differently each time.

    Returns:
        The answer, as an instance of `response_type`.

    Raises:
        InterruptError: There is no node around the call, the value cannot be written as JSON, or the policy answers
            with what does not fit `response_type`; or it cannot be told whether the question has been answered.
    """
    if policy is not None and not isinstance(policy, InterruptPolicy):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InterruptError(f"interrupt(policy=...) got {policy!r}; it takes an InterruptPolicy(...).")
    if key is not None and not _is_key(key):
        raise InterruptError(
            f"interrupt() got {key!r:.300} as its key; it takes a text of 1 to {LONGEST_KEY} "
            "characters that can be printed: await interrupt(..., key=f'delete {file}')."
        )
    asker = _asker("interrupt()")
    return _expected(asker, "interrupt", asker.ask(value, response_type, policy, key))


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isprintable()


@overload
def once(
    key: str, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, T]: ...
@overload
def once(key: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...
def once(key: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
    """Do something in a node that must not be done again when the node runs again: after an answer, or as a retry.

    What the function returns is kept with the run until this visit of the node has ended; another call with the same
    key returns it. Calls at the same time with the same key do it once. A key stands for one call: while a node runs
    once, another function or other arguments under it are an error; when the node runs again they are not. What raises,
    or is cancelled, is not kept, and is done again. A question that comes up meanwhile waits until it is done. If it is
    done, and what it returned cannot be kept (it is not what is declared, or too large), the call raises, now and every
    other time, and it is not done again.

    The one gap: if the worker dies or stops, the node's time is up, or its heartbeat is missed (as by a function that
    blocks) while the function does its work, or after it and before the server has been told (one request, right after
    it, for which the call waits), it is done again. Give the function an id of its own for that case, such as the
    idempotency key of a payment. Of nodes with `execution="local"` the server is told when they
    ask or fail for good; until then their worker alone knows.

    Args:
        key: What stands for it, within this node; in a loop it has the item in it.
        function: A function, async or not.
        args: What it gets.
        kwargs: Likewise.

    Returns:
        What it returned, this time or the first: read back from JSON as the type that it declares.

    Raises:
        InterruptError: There is no node around the call; or the node has `execution="workflow"`, where `step()` is
            what does work once; or the key stands for another call; or what the function returned is lost.
        Exception: Whatever the function raises.
    """
    if not isinstance(key, str) or not key:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InterruptError(f"once() got {key!r} as its key; it takes a text: await once('charge', charge, order).")
    if not callable(function):
        raise InterruptError(f"once() got {function!r}; give it the function, not what it returns: once(key, f, arg).")
    asker = _asker("once()")
    return _expected(asker, "once", asker.once(key, function, args, kwargs))


@overload
def step(function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...
@overload
def step(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...
def step(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
    """Call a function from a node with `execution="workflow"`, as an activity of its own: retried, and done once.

    The function is one of those that the graph was given as `TemporalGraph(..., steps=[function])`; `node_options` has
    its options, by its name. The node goes on from its line with what it returned, also on another worker. In a node
    that is an activity itself it is called right there, as by `once()`.

    Args:
        function: A function at the top level of a module, async or not, whose parameters and result are annotated.
        args: What it gets.
        kwargs: Likewise.

    Returns:
        What it returned: read back from JSON as the type that it declares.

    Raises:
        InterruptError: There is no node around the call, or the graph was not given the function; or it did its work,
            and what it returned is lost: it is not what is declared, or too large.
        Exception: In a node in the workflow a `temporalio.exceptions.ActivityError`, else what the function raises.
    """
    asker = _asker("step()")
    return _expected(asker, "step", asker.step(function, args, kwargs))


def answers() -> list[Answered]:
    """Who gave the answer that the node has got: one, or as many as the policy's quorum asks for, in order.

    Call it in an interrupt node, or after an `interrupt()` in any node, which it is then about. It is empty before.

    Raises:
        InterruptError: There is no node around the call.
    """
    return _asker("answers()").answered()


def _expected(asker: Asker, called: str, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    asker.expect(called, work)
    return work


def _asker(called: str) -> Asker:
    asker = current_asker.get()
    if asker is None:
        raise InterruptError(
            f"{called} was called outside of a node that a temporal_graph run is running. Call it in a step or in "
            "BaseNode.run, and run the graph with TemporalGraph.start() or .local(), not with Graph.run()."
        )
    return asker
