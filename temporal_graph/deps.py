"""The deps of workers: made once for each event loop when its first worker starts, let go when its last one stops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import threading
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
        self._made: dict[asyncio.AbstractEventLoop, _Made] = {}
        self._lock = threading.Lock()

    @property
    def value(self) -> Any:
        """The deps of the event loop that this is asked in."""
        return self._made[asyncio.get_running_loop()].value

    @contextlib.asynccontextmanager
    async def running(self, registry: Registry) -> AsyncGenerator[None]:
        """Have the deps while a worker runs; several workers of one event loop share them.

        Raises:
            DepsError: They are not what a graph declares, or a context manager that was used up.
        """
        async with self._shared() as made:
            for graph in registry:
                _check(graph.name, graph.compiled.graph.deps_type, made.value)
            yield

    @contextlib.asynccontextmanager
    async def _shared(self) -> AsyncGenerator[_Made]:
        # What belongs to an event loop, as connections do, is of no use in another one, so each has its own.
        loop = asyncio.get_running_loop()
        with self._lock:
            made = self._made.setdefault(loop, _Made())
            made.workers += 1
        try:
            async with made.turn:
                if not made.is_there:
                    made.value = await self._make(made.stack)
                    made.is_there = True
            yield made
        finally:
            async with made.turn:
                made.workers -= 1
                if not made.workers:
                    made.is_there, made.value = False, None
                    try:
                        await made.stack.aclose()
                    finally:
                        with self._lock:
                            if not made.workers:  # none has come meanwhile
                                del self._made[loop]

    async def _make(self, stack: contextlib.AsyncExitStack) -> Any:
        source = self._source
        made = source() if _makes(source) else source
        if made is not source and inspect.isawaitable(made):
            made = await made
        _check_unused(made)
        if made is source and isinstance(source, _OF_FUNCTION):
            # It can be entered once, and workers come and go: they get another one each time, made by the same call.
            made = type(source)(source.func, source.args, source.kwds)
        if isinstance(made, contextlib.AbstractAsyncContextManager):
            if made is source:
                self._check_alone()
            return await stack.enter_async_context(cast("contextlib.AbstractAsyncContextManager[Any]", made))
        return made

    def _check_alone(self) -> None:
        with self._lock:
            if len(self._made) > 1:
                raise DepsError(
                    f"The deps are {self._source!r}, which the worker of another event loop has entered and not left "
                    "yet. Give the function or class that makes it: each event loop gets one of its own."
                )


class _Made:
    """What was made for the workers of one event loop."""

    def __init__(self) -> None:
        self.workers = 0
        self.turn = asyncio.Lock()
        self.stack = contextlib.AsyncExitStack()
        self.is_there = False
        self.value: Any = None


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
