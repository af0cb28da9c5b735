"""Whether the author's functions are of the kind that is called: a node is awaited, and nothing else."""

from __future__ import annotations

import functools
import inspect
from typing import Any, cast, get_origin

from pydantic_graph.step import NodeStep, Step

from ..errors import GraphDefinitionError
from . import hints
from .memory import Driven


def check_async(graph: str, step: Step[Any, Any, Any, Any]) -> None:
    """Look whether what a node's code returns can be awaited, as far as its function says.

    Raises:
        GraphDefinitionError: It cannot.
    """
    what, written = f"Step {step.id!r}", f"async def {step.id}(ctx: StepContext[...]) -> ..."
    function: Any = step.call
    if isinstance(step, NodeStep):
        what, written = f"{step.node_type.__name__}.run", "async def run(self, ctx: GraphRunContext[...]) -> ..."
        function = step.node_type.run
    stream = hints.streamed(function)
    _check_takes(graph, what, stream or function, 2 if isinstance(step, NodeStep) else 1, written)
    if stream is not None:
        if _is_any(stream, inspect.isgeneratorfunction) and not _is_any(stream, inspect.isasyncgenfunction):
            raise GraphDefinitionError(
                f"{what} of graph {graph!r} is a stream that yields, and is not async: {written}."
            )
        return
    if _is_any(function, inspect.iscoroutinefunction):
        return
    if _is_any(function, inspect.isasyncgenfunction):
        raise GraphDefinitionError(
            f"{what} of graph {graph!r} yields, so that it cannot be awaited. Make a step that yields with @g.stream."
        )
    if _says_what_it_returns(function):
        raise GraphDefinitionError(f"{what} of graph {graph!r} is not async, and a node is awaited: {written}.")


def check_plain(graph: str, driven: Driven) -> None:
    """Look whether a function that runs in the driver takes so many arguments, and gives what it returns at once.

    Raises:
        GraphDefinitionError: It does not.
    """
    _check_takes(graph, driven.what, driven.function, driven.gets, driven.written)
    function = driven.function
    while isinstance(function, functools.partial):
        function = function.func
    called = function if inspect.isroutine(function) else vars(cast("type[Any]", type(function))).get("__call__")
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise GraphDefinitionError(
            f"{driven.what} of graph {graph!r} is async, and nothing there is awaited: it runs in the driver, so it "
            "must be a plain function, and pure. What needs I/O goes into a node."
        )


def _check_takes(graph: str, what: str, function: Any, count: int, written: str) -> None:
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # of what is not Python's
        return
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        raise GraphDefinitionError(
            f"{what} of graph {graph!r} takes {signature}, and gets {count} argument{'' if count == 1 else 's'} "
            f"({error}): {written}."
        ) from None


def not_awaitable(node_id: str, returned: object) -> TypeError:
    """The error of a node whose code returned what cannot be awaited."""
    return TypeError(
        f"Node {node_id!r} returned {type(returned).__name__} when it was called, and nothing to await: its function "
        f"must be async, async def {node_id}(ctx: StepContext[...]) -> ..."
    )


def _is_any(function: Any, is_kind: Any) -> bool:
    """Whether a function, or one that it is a wrapper of, is of a kind."""
    seen: list[Any] = []
    while function is not None and not any(function is known for known in seen):
        seen.append(function)
        if isinstance(function, functools.partial):
            function = function.func
        elif is_kind(function) or is_kind(vars(cast("type[Any]", type(function))).get("__call__")):
            return True
        else:
            function = getattr(function, "__wrapped__", None)
    return False


def _says_what_it_returns(function: Any) -> bool:
    """Whether a function of Python's says that it returns something else than what can be awaited.

    One that says nothing may return what another one has made.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    written: Any = inspect.unwrap(function)
    if not inspect.isfunction(written) or "return" not in written.__annotations__:
        return False
    said: Any = written.__annotations__["return"]
    name = said if isinstance(said, str) else getattr(get_origin(said) or said, "__name__", "")
    return name.partition("[")[0].rpartition(".")[2] not in {"Awaitable", "Coroutine", "Any", "object"}
