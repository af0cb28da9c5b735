"""The deps of a worker: made once when it starts, let go when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from .errors import DepsError
from .registry import Registry


class Deps:
    """What nodes see as `ctx.deps`.

    Args:
        source: A value; or a function or class that makes it, awaited if need be; or an async context manager, or a
            function that makes one, which is entered when the worker starts and left when it stops.

    Raises:
        DepsError: It is a context manager that can be entered only once, and was.
    """

    def __init__(self, source: Any) -> None:
        _check_unused(source)
        self._source = source
        self._workers = 0
        self._turn = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self.value: Any = None

    @contextlib.asynccontextmanager
    async def running(self, registry: Registry) -> AsyncGenerator[None]:
        """Have the deps while a worker runs; several workers share them.

        Raises:
            DepsError: They are not what a graph declares, or a context manager that was used up.
        """
        async with self._turn:
            if self._workers == 0:
                self.value = await self._make()
            self._workers += 1
        try:
            for graph in registry:
                _check(graph.name, graph.compiled.graph.deps_type, self.value)
            yield
        finally:
            async with self._turn:
                self._workers -= 1
                if self._workers == 0:
                    self.value = None
                    await self._stack.aclose()

    async def _make(self) -> Any:
        source = self._source
        made = source() if _makes(source) else source
        if made is not source and inspect.isawaitable(made):
            made = await made
        _check_unused(made)
        if made is source and isinstance(source, _OF_FUNCTION):
            # It can be entered once, and workers come and go: they get another one each time, made by the same call.
            made = type(source)(source.func, source.args, source.kwds)
        if isinstance(made, contextlib.AbstractAsyncContextManager):
            return await self._stack.enter_async_context(cast("contextlib.AbstractAsyncContextManager[Any]", made))
        return made


_OF_FUNCTION: Any = contextlib._AsyncGeneratorContextManager  # pyright: ignore[reportPrivateUsage]
"""The type of what a function with `@asynccontextmanager` makes."""


def _makes(source: Any) -> bool:
    return inspect.isroutine(source) or inspect.isclass(source) or isinstance(source, functools.partial)


def _check_unused(value: Any) -> None:
    """Refuse what a function with `@asynccontextmanager` made, once it was entered: it forgets then how it was made."""
    if isinstance(value, _OF_FUNCTION) and not hasattr(value, "args"):
        name = getattr(value.gen, "__name__", "make_deps")
        raise DepsError(
            f"The deps are {value!r}, an async context manager that was entered before and cannot be entered again. "
            f"Give the function that makes it: deps={name}, not deps={name}()."
        )


def _check(graph: str, deps_type: Any, value: Any) -> None:
    if deps_type in (None, NoneType) or _fits(value, deps_type):
        return
    shown = deps_type.__name__ if inspect.isclass(deps_type) else str(deps_type)
    hint = (
        " What it has is a context manager that is not async, which is not entered: make it an async one, with "
        "@contextlib.asynccontextmanager and async def."
        if isinstance(value, contextlib.AbstractContextManager)
        else ""
    )
    raise DepsError(
        f"Graph {graph!r} declares deps of type {shown}, and this worker has {value!r}. Give them "
        f"with GraphPlugin(..., deps=...), or --deps at the command line: a {shown}, or a function or "
        f"async context manager that makes one.{hint}"
    )


def _fits(value: Any, type_: Any) -> bool:
    """Whether a value is of a type, as far as `isinstance` can tell: anything is a TypedDict, or Any."""
    while get_origin(type_) is Annotated or hasattr(type_, "__supertype__"):  # a NewType is its supertype
        type_ = get_args(type_)[0] if get_origin(type_) is Annotated else type_.__supertype__
    if get_origin(type_) in (Union, UnionType):
        return any(_fits(value, member) for member in get_args(type_))
    origin = get_origin(type_) or type_  # of Box[int], Box
    if not inspect.isclass(origin):
        return True
    try:
        return isinstance(value, origin)
    except TypeError:
        return True  # a TypedDict, a Protocol that is not runtime_checkable, ...
