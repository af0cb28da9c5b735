"""`GraphPlugin`: all that a Temporal client, worker or replayer needs in order to know some graphs."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, cast

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    Interceptor,
    Replayer,
    ReplayerConfig,
    Worker,
    WorkerConfig,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowReplayResult,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from ..deps import Deps
from ..registry import RegisteredGraph, Registry
from .activities import activities
from .names import FIND_GRAPH
from .payloads import limit_of
from .workflow import GraphWorkflow

GRACE = timedelta(seconds=10)
"""How long running nodes get when a worker stops; Temporal's default, none at all, costs each an attempt."""

PASSED_THROUGH = ("temporal_graph", "pydantic_graph", "anyio", "sniffio", "logfire_api", "typing_inspection")


class Plugin(SimplePlugin):
    """Gives workers the workflow and the activities of some graphs; several of them can be on one client."""

    def __init__(self, registry: Registry, deps: Any) -> None:
        self._registry = registry
        self._deps = Deps(deps)
        initialize: Any = cast("Any", super()).__init__  # its own types are incomplete
        initialize(
            "temporal_graph.GraphPlugin",
            workflows=_add_workflow,
            activities=activities(registry, self._deps),
            interceptors=[_FindGraph(registry)],
            workflow_runner=self._runner,
        )

    @property
    def names(self) -> list[str]:
        """The names of the graphs."""
        return self._registry.names

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """See base class."""
        config = super().configure_worker(config)
        client = cast("dict[str, Any]", config).get("client")
        if client is not None:
            self._registry.limit_payloads(limit_of(client.data_converter))
        if not cast("dict[str, Any]", config).get("graceful_shutdown_timeout"):
            config["graceful_shutdown_timeout"] = GRACE
        return config

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """See base class."""
        self._registry.limit_payloads(
            limit_of(cast("dict[str, Any]", config).get("data_converter", DataConverter.default))
        )
        return super().configure_replayer(config)

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """Have the deps while the worker runs."""
        async with self._deps.running(self._registry):
            await next(worker)

    def run_replayer(  # pyright: ignore[reportIncompatibleMethodOverride] - the base class names a private type
        self,
        replayer: Replayer,
        histories: AsyncIterator[WorkflowHistory],
        next: Callable[
            [Replayer, AsyncIterator[WorkflowHistory]],
            AbstractAsyncContextManager[AsyncIterator[WorkflowReplayResult]],
        ],
    ) -> AbstractAsyncContextManager[AsyncIterator[WorkflowReplayResult]]:
        """Replay without deps: no node runs."""
        return next(replayer, histories)

    def _runner(self, existing: WorkflowRunner | None) -> WorkflowRunner:
        runner = existing or SandboxedWorkflowRunner()
        if not isinstance(runner, SandboxedWorkflowRunner):
            return runner
        own = {
            step.step.call.__module__.partition(".")[0]
            for graph in self._registry
            for step in graph.compiled.nodes.values()
        }
        passed = runner.restrictions.with_passthrough_modules(*PASSED_THROUGH, *sorted(own - {"__main__"}))
        return dataclasses.replace(runner, restrictions=passed)


def _add_workflow(existing: Sequence[type] | None) -> Sequence[type]:
    found = list(existing or ())
    return found if GraphWorkflow in found else [*found, GraphWorkflow]


class _FindGraph(Interceptor):
    """Lets workflows find the worker's graphs, from inside the sandbox."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """See base class."""
        functions = cast("dict[str, Callable[[str], RegisteredGraph | str]]", input.unsafe_extern_functions)
        others = functions.get(FIND_GRAPH)
        known: list[str] = [*getattr(others, "names", []), *self._registry.names]

        def find(name: str) -> RegisteredGraph | str:
            graph = self._registry.get(name)
            if graph is not None:
                return graph
            if others is not None and name in getattr(others, "names", ()):
                return others(name)
            return (
                f"No graph is named {name!r} here. This worker runs: {', '.join(repr(n) for n in known)}. "
                "Add it to this worker's GraphPlugin, or start the run under one of these names."
            )

        find.names = known  # pyright: ignore[reportFunctionMemberAccess]
        functions[FIND_GRAPH] = find
        return None
