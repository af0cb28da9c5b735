"""From a command line to a worker that runs, and to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConnectConfig
from temporalio.plugin import SimplePlugin
from temporalio.worker import Worker, WorkerDeploymentConfig

from temporal_graph import GraphDefinitionError, GraphError, GraphPlugin, register_search_attributes
from temporal_graph.notify import Notifier

from .arguments import Arguments
from .connection import connect, connection
from .dev_server import DevServer
from .failure import WorkerError, describe, one_line
from .loading import AnyGraph
from .logs import event, runtime
from .observe import LogNodes
from .stopping import Stop, StopRequestedError, say_stopping

LEAST_GRACE = timedelta(milliseconds=1)
"""`GraphPlugin` takes none at all for not given, and would put its own default in its place."""


async def serve(
    arguments: Arguments,
    graphs: list[AnyGraph],
    deps: Any,
    notify: Notifier | None,
    converter: DataConverter,
    stop: Stop,
) -> int:
    """Run a worker until it is asked to stop.

    Args:
        arguments: The command line.
        graphs: What it runs.
        deps: What nodes see as `ctx.deps`, in every form that `GraphPlugin` takes.
        notify: Who is told what happens to the questions of runs, if anybody is.
        converter: How values become payloads.
        stop: Says when to stop.

    Returns:
        The exit code.

    Raises:
        WorkerError: It could not start.
    """
    stop.attach()
    plugin = _plugin(arguments, graphs, deps, notify)
    try:
        async with _server(arguments, stop) as server:
            code = await _serve(arguments, plugin, converter, server, stop)
    except StopRequestedError:
        code = 0
    event(logging.INFO, "stopped", exit_code=code)
    return code


def _plugin(arguments: Arguments, graphs: list[AnyGraph], deps: Any, notify: Notifier | None) -> GraphPlugin:
    try:
        return GraphPlugin(*graphs, deps=deps, notify=notify, search_attributes=arguments.search_attributes)
    except GraphDefinitionError as error:
        raise WorkerError(one_line(error)) from error


@contextlib.asynccontextmanager
async def _server(arguments: Arguments, stop: Stop) -> AsyncGenerator[DevServer | None]:
    if not arguments.dev:
        yield None
        return
    namespace = arguments.namespace or "default"
    server = DevServer(arguments.dev_db, port=arguments.dev_port, ui_port=arguments.dev_ui_port, namespace=namespace)
    stop.at_once.append(server.kill)
    server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _serve(
    arguments: Arguments, plugin: GraphPlugin, converter: DataConverter, server: DevServer | None, stop: Stop
) -> int:
    client = await stop.unless_requested(_connected(arguments, plugin, converter, server))
    if arguments.register_search_attributes or server is not None:
        await stop.unless_requested(_register(client, is_asked_for=arguments.register_search_attributes))
        if not arguments.graph:
            return 0
    started = _Started(plugin.names, arguments, client, server)
    worker = _worker(client, arguments, started)
    running = asyncio.create_task(worker.run())
    asked = asyncio.create_task(stop.wait())
    watched = asyncio.create_task(_never() if server is None else server.ended())
    await asyncio.wait({running, asked, watched}, return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if watched.done():
        event(logging.ERROR, watched.result())
        code = 1
    elif asked.done():
        say_stopping(stop, arguments.graceful_shutdown)
    asked.cancel()
    watched.cancel()
    shutting_down = asyncio.create_task(worker.shutdown())
    try:
        await running
    except Exception as error:
        if not started.done:
            raise WorkerError(_why_not(error)) from error
        if code == 0:  # else it has been said why
            event(logging.ERROR, "worker failed", error=error)
        code = 1
    finally:
        shutting_down.cancel()
    return code


def _worker(client: Client, arguments: Arguments, started: _Started) -> Worker:
    try:
        return Worker(
            client,
            task_queue=arguments.task_queue,
            graceful_shutdown_timeout=max(LEAST_GRACE, timedelta(seconds=arguments.graceful_shutdown)),
            max_cached_workflows=arguments.max_cached_workflows,
            max_concurrent_activities=arguments.max_concurrent_activities,
            max_concurrent_workflow_tasks=arguments.max_concurrent_workflow_tasks,
            deployment_config=_deployment(arguments),
            interceptors=[LogNodes()],
            plugins=[started],
        )
    except (ValueError, RuntimeError, TypeError) as error:
        raise WorkerError(_why_not(error)) from error


def _deployment(arguments: Arguments) -> WorkerDeploymentConfig | None:
    if arguments.deployment is None or arguments.build_id is None:
        return None
    is_pinned = arguments.versioning == "pinned"
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=arguments.deployment, build_id=arguments.build_id),
        use_worker_versioning=True,
        # A workflow class that is dynamic cannot say it itself.
        default_versioning_behavior=VersioningBehavior.PINNED if is_pinned else VersioningBehavior.AUTO_UPGRADE,
    )


async def _register(client: Client, *, is_asked_for: bool) -> None:
    try:
        new = await register_search_attributes(client)
    except GraphError as error:
        what = f"the search attributes cannot be registered: {one_line(error)}"
        if is_asked_for:
            raise WorkerError(what) from error
        event(logging.WARNING, what)
    else:
        event(logging.INFO if is_asked_for else logging.DEBUG, "search attributes registered", new=",".join(new))


async def _connected(
    arguments: Arguments, plugin: GraphPlugin, converter: DataConverter, server: DevServer | None
) -> Client:
    if server is None:
        return await connect(connection(arguments), plugin, converter, runtime(), timeout=arguments.connect_timeout)
    # The environment's address, key and certificates are another server's.
    config = ClientConnectConfig(target_host=server.address, namespace=arguments.namespace or "default")
    connecting = asyncio.create_task(
        connect(
            config, plugin, converter, runtime(), timeout=max(60, arguments.connect_timeout), namespace_follows=True
        )
    )
    ended = asyncio.create_task(server.ended())
    try:
        await asyncio.wait({connecting, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise WorkerError(ended.result())
        return connecting.result()
    finally:
        connecting.cancel()
        ended.cancel()
        await asyncio.gather(connecting, ended, return_exceptions=True)


class _Started(SimplePlugin):
    """Says that the worker runs: the innermost plugin, so the others have the deps and all else by then."""

    def __init__(self, graphs: list[str], arguments: Arguments, client: Client, server: DevServer | None) -> None:
        initialize: Any = cast("Any", super()).__init__  # its own types are incomplete
        initialize("temporal_graph.worker")
        self._graphs = graphs
        self._arguments = arguments
        self._client = client
        self._server = server
        self.done = False

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """See base class."""
        self.done = True
        event(
            logging.INFO,
            "connected",
            address=self._client.service_client.config.target_host,
            namespace=self._client.namespace,
        )
        more: dict[str, Any] = {} if self._server is None else {"ui": self._server.ui}
        if self._arguments.deployment is not None:
            more |= {"deployment": self._arguments.deployment, "build_id": self._arguments.build_id}
        event(
            logging.INFO,
            "worker started",
            task_queue=self._arguments.task_queue,
            graphs=",".join(self._graphs),
            **more,
        )
        await next(worker)


def _why_not(error: Exception) -> str:
    return f"the worker cannot start: {describe(error)}"


async def _never() -> str:
    await asyncio.Event().wait()
    return ""
