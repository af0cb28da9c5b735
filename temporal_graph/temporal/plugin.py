"""`GraphPlugin`: all that a Temporal client, worker or replayer needs in order to know some graphs."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, cast

from temporalio.client import ClientConfig, WorkflowHistory
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

from .. import calendars as calendars  # before workflows run: in their sandbox nothing more should be loaded
from ..deps import Deps
from ..engine.sizes import PLAIN, USUAL
from ..errors import GraphDefinitionError
from ..registry import RegisteredGraph, Registry
from .activities import activities
from .coding import coding_of
from .comparing import Compare
from .heartbeats import BEAT
from .names import FIND_GRAPH
from .notifying import Deliver
from .payloads import limit_of, tolerant
from .runtime import wait_at_exit
from .visibility_client import are_registered
from .watching import watch
from .workflow import GraphWorkflow

logger = logging.getLogger(__name__)

GRACE = timedelta(seconds=10)
"""How long running nodes get when a worker stops; Temporal's default, none at all, costs each an attempt."""

THROTTLE = timedelta(seconds=BEAT)
"""For how long the signs of life of running nodes are held back."""
PASSED_THROUGH = ("temporal_graph", "pydantic_graph", "anyio", "sniffio", "logfire_api", "typing_inspection")


class Plugin(SimplePlugin):
    """Gives workers the workflow and the activities of some graphs; several of them can be on one client.

    One of them can be on several clients, and serve several workers: what differs between these is in the registry that
    each of them gets for itself, never here.
    """

    def __init__(self, registry: Registry, deps: Any, search_attributes: bool | None) -> None:
        self._registry = registry
        self._search_attributes = search_attributes
        self._deps = Deps(deps)
        initialize: Any = cast("Any", super()).__init__  # its own types are incomplete
        initialize(
            "temporal_graph.GraphPlugin",
            workflows=_add_workflow,
            workflow_runner=self._runner,
        )

    @property
    def names(self) -> list[str]:
        """The names of the graphs."""
        return self._registry.names

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """See base class."""
        config = super().configure_client(config)
        config["data_converter"] = tolerant(cast("dict[str, Any]", config)["data_converter"])
        return config

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """See base class.

        Raises:
            GraphDefinitionError: Another plugin of the worker has one of the graphs.
        """
        found = cast("dict[str, Any]", config)
        if self._is_in(found.get("interceptors") or ()):
            return config  # given to the worker, too, though those of its client come with it
        registry = self._for_worker(found["client"].data_converter)
        found = cast("dict[str, Any]", super().configure_worker(config))
        found["activities"] = [*(found.get("activities") or ()), *activities(registry, self._deps)]
        found["interceptors"] = [*(found.get("interceptors") or ()), _FindGraph(self, registry)]
        if found.get("max_cached_workflows") == 0:
            self._warn_of_local_nodes()
        if not found.get("graceful_shutdown_timeout"):
            found["graceful_shutdown_timeout"] = GRACE
        # The SDK holds signs of life back for up to 60 seconds; a node hears of its cancellation with them.
        found.setdefault("max_heartbeat_throttle_interval", THROTTLE)
        return cast("WorkerConfig", found)

    def _for_worker(self, converter: DataConverter) -> Registry:
        return self._registry.of_worker(limit_of(converter), PLAIN if converter.payload_codec is None else USUAL)

    def _warn_of_local_nodes(self) -> None:
        local = [
            f"{graph.name}.{node_id}"
            for graph in self._registry
            for node_id, options in graph.options.items()
            if options.execution == "local"
        ]
        if local:
            logger.warning(
                "This worker keeps no run in memory (max_cached_workflows=0), and has local nodes (%s): runs put each "
                "other out of it while these run, and begin them again, so that few at once take very long. Let it "
                'keep at least as many runs as it works on at once, or give the nodes execution="activity".',
                ", ".join(local[:3]) + (", ..." if len(local) > 3 else ""),
            )

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """See base class."""
        found = cast("dict[str, Any]", super().configure_replayer(config))
        registry = self._for_worker(found.get("data_converter", DataConverter.default))
        found["interceptors"] = [*(found.get("interceptors") or ()), _FindGraph(self, registry)]
        return cast("ReplayerConfig", found)

    def _is_in(self, interceptors: Sequence[Any]) -> bool:
        """Whether a worker has this very plugin already."""
        for other in interceptors:
            if isinstance(other, _FindGraph):
                if other.plugin is self:
                    return True
                for name in self.names:
                    if name in other.registry.names:
                        raise GraphDefinitionError(
                            f"Two GraphPlugins of one worker have the graph {name!r}. The plugins of its client are "
                            "the worker's, too; give each graph to one GraphPlugin, on the client or on the worker."
                        )
        return False

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """Have the deps while the worker runs, and know whether runs can show what they wait for.

        Raises:
            DepsError: They are not what a graph declares.
            GraphError: Runs are to set search attributes that the server does not have.
            Exception: Whatever was raised where they are made.
        """
        wait_at_exit()
        registry = self._registry_of(worker)
        try:
            async with self._deps.running(registry):
                converter = worker.client.data_converter
                coding = await coding_of(converter)
                registry.measure(limit_of(converter, coding), coding)
                registry.show(await are_registered(worker.client, wanted=self._search_attributes))
                logger.info(
                    "This worker serves %s on task queue %r of namespace %r",
                    ", ".join(map(repr, self.names)) or "no graph",
                    worker.task_queue,
                    worker.client.namespace,
                )
                await next(worker)
        except BaseException as error:
            if not worker.is_running and not worker.is_shutdown:
                await _never_started(worker, error)
            raise

    def _registry_of(self, worker: Worker) -> Registry:
        interceptors = cast("dict[str, Any]", worker.config(active_config=True)).get("interceptors") or ()
        mine = (found for found in interceptors if isinstance(found, _FindGraph) and found.plugin is self)
        return next(mine).registry

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
        # The whole package that a node is in, not its module alone: what a transform imports when it is called would be
        # another copy inside the sandbox, with classes that no value of the graph is an instance of. The price is that
        # workflows which somebody keeps in that package are not sandboxed either.
        own = {
            step.step.call.__module__.partition(".")[0]
            for graph in self._registry
            for step in graph.compiled.nodes.values()
        }
        passed = runner.restrictions.with_passthrough_modules(*PASSED_THROUGH, *sorted(own - {"__main__"}))
        watched = dataclasses.replace(runner, restrictions=passed)
        watch(watched)
        return watched


async def _never_started(worker: Worker, error: BaseException) -> None:
    """Let nobody wait for the shutdown of a worker that an error kept from starting.

    `async with Worker(...)` would, for ever: only the worker's own run, which was never reached, says that it is over.
    To go on into that run with a shutdown requested would say it too, but poll first, and take nodes that have no deps.
    """
    over = getattr(worker, "_shutdown_complete_event", None)
    if not isinstance(over, asyncio.Event):
        logger.error("The worker cannot start", exc_info=error)  # another SDK: at least say why it hangs
        return
    requested = getattr(worker, "_shutdown_event", None)
    if isinstance(requested, asyncio.Event) and requested.is_set() and isinstance(error, Exception):
        # The block under `async with` has ended already, and the SDK raises nothing from there any more.
        logger.error("The worker could not start before it was shut down", exc_info=error)
    over.set()
    # Who waits for it goes on before the error is raised: the SDK then does not cancel what comes after the block.
    await asyncio.sleep(0)


def _add_workflow(existing: Sequence[type] | None) -> Sequence[type]:
    found = list(existing or ())
    return [*found, *(workflow for workflow in (GraphWorkflow, Deliver, Compare) if workflow not in found)]


class _FindGraph(Interceptor):
    """Lets workflows find the graphs of one worker, from inside the sandbox."""

    def __init__(self, plugin: Plugin, registry: Registry) -> None:
        self.plugin = plugin
        self.registry = registry

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """See base class."""
        functions = cast("dict[str, Callable[[str], RegisteredGraph | str]]", input.unsafe_extern_functions)
        others = functions.get(FIND_GRAPH)
        known: list[str] = [*getattr(others, "names", []), *self.registry.names]

        def find(name: str) -> RegisteredGraph | str:
            graph = self.registry.get(name)
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
