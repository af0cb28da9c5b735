"""The deps of a worker: made once when it starts, let go when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator
from types import NoneType
from typing import Any, cast

from .errors import DepsError
from .registry import Registry


class Deps:
    """What nodes see as `ctx.deps`.

    Args:
        source: A value; or a function or class that makes it, awaited if need be; or an async context manager, or a
            function that makes one, which is entered when the worker starts and left when it stops.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._workers = 0
        self._turn = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self.value: Any = None

    @contextlib.asynccontextmanager
    async def running(self, registry: Registry) -> AsyncGenerator[None]:
        """Have the deps while a worker runs; several workers share them.

        Raises:
            DepsError: They are not what a graph declares.
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
        made = self._source
        if inspect.isroutine(made) or inspect.isclass(made) or isinstance(made, functools.partial):
            made = cast(Any, made)()
            if inspect.isawaitable(made):
                made = await made
        if isinstance(made, contextlib.AbstractAsyncContextManager):
            return await self._stack.enter_async_context(cast("contextlib.AbstractAsyncContextManager[Any]", made))
        return made


def _check(graph: str, deps_type: Any, value: Any) -> None:
    if not inspect.isclass(deps_type) or deps_type in (NoneType, object) or getattr(deps_type, "_is_protocol", False):
        return
    if not isinstance(value, deps_type):
        raise DepsError(
            f"Graph {graph!r} declares deps of type {deps_type.__name__}, and this worker has {value!r}. Give them "
            f"with GraphPlugin(..., deps=...), or --deps at the command line: a {deps_type.__name__}, or a function or "
            "async context manager that makes one."
        )
