"""Where the scripts run that record histories: a server, and workers when a script wants them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_graph import (
    GraphPlugin,
    GraphRun,
    GraphRunError,
    RunCancelledError,
    TemporalGraph,
    register_search_attributes,
)
from temporal_graph.notify import Notifier
from tests.replay.recording import IDENTITY, QUEUE, Write
from tests.replay.serving import chain, until
from tests.support.server import DYNAMIC_CONFIG, DevServer, program

Graph = TemporalGraph[Any, Any, Any, Any]
Run = GraphRun[Any, Any]


@dataclass
class Stage:
    """Where a script runs.

    Attributes:
        address: The server.
        graphs: What workers have that are not told which.
        state: Makes the state that runs begin with where the script does not say.
        environment: The server whose time can be skipped; None for another one.
        ids: The runs that are to be recorded, with the names of their files.
    """

    address: str
    graphs: Sequence[Graph]
    state: Callable[[], Any]
    environment: WorkflowEnvironment | None = None
    ids: dict[str, str] = field(default_factory=dict[str, str])

    async def client(
        self,
        *graphs: Graph,
        notify: Notifier | None = None,
        shows: bool | None = None,
        converter: DataConverter = DataConverter.default,
    ) -> Client:
        plugin = GraphPlugin(*(graphs or self.graphs), notify=notify, search_attributes=shows)
        return await Client.connect(self.address, plugins=[plugin], identity=IDENTITY, data_converter=converter)

    @contextlib.asynccontextmanager
    async def working(
        self, *graphs: Graph, cached: int = 1_000, queue: str = QUEUE, **options: Any
    ) -> AsyncGenerator[Client]:
        """A worker that has seen no run before, with some graphs or all."""
        client = await self.client(*graphs, **options)
        async with Worker(client, task_queue=queue, identity=IDENTITY, max_cached_workflows=cached):
            yield client

    async def sleep(self, time: timedelta) -> None:
        assert self.environment is not None
        await self.environment.sleep(time)

    async def start(self, client: Client, graph: Graph, name: str, *args: Any, **options: Any) -> Run:
        self.ids[name] = name
        if "state" not in options:
            options["state"] = self.state()
        return await graph.start(client, *args, id=name, task_queue=QUEUE, **options)

    async def start_raw(self, client: Client, graph: Graph, name: str, message: Any) -> Run:
        """A run that is started without what the client's release of the graph says."""
        self.ids[name] = name
        await client.start_workflow(graph.name, message, id=name, task_queue=QUEUE)
        return graph.get_run(client, name)


def sdk(client: Client, run: Run) -> WorkflowHandle[Any, Any]:
    return client.get_workflow_handle(run.id)


async def continues(client: Client, run: Run) -> None:
    """Send what leads to nothing, until the run has continued as new."""
    began = (await sdk(client, run).describe()).run_id
    for number in range(200):
        await sdk(client, run).signal("resume", {"interrupt_id": "Nobody:1", "value": number})
        await run.get_state()
        if number % 3 == 0 and (await sdk(client, run).describe()).run_id != began:
            return
    raise AssertionError(f"{run.id} did not continue as new")


async def open_in(run: Run, interrupt_id: str) -> None:
    """Wait until a question is open."""

    async def look() -> bool:
        return interrupt_id in [pending.interrupt_id for pending in await run.pending_interrupts()]

    await until(look)


async def fails(run: Run) -> str:
    try:
        await run.result()
    except GraphRunError as error:
        return str(error)
    raise AssertionError(f"{run.id} did not fail")


async def has_noted(run: Run, kind: str) -> bool:
    return kind in {entry.kind for entry in await run.audit()}


async def is_cancelled(run: Run) -> None:
    await run.cancel()
    try:
        await run.result()
    except RunCancelledError:
        return
    raise AssertionError(f"{run.id} was not cancelled")


# -- Recording ------------------------------------------------------------------------------------------------------

Script = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Scripts:
    """The scripts of a release.

    Attributes:
        graphs: Its graphs.
        state: See `Stage`.
        skipped: Those on a server whose time is skipped.
        plain: Those on one on which time passes.
        shown: Those on such a one with the search attributes.
    """

    graphs: Sequence[Graph]
    state: Callable[[], Any]
    skipped: Sequence[Script]
    plain: Sequence[Script]
    shown: Sequence[Script]

    async def record(self, write: Write) -> None:
        """Run every script on a server of its own; or only those whose names are arguments of the program."""
        places: list[tuple[Script, Callable[[], contextlib.AbstractAsyncContextManager[Stage]]]] = [
            *((script, self._skipping) for script in self.skipped),
            *((script, lambda: self._passing(registered=False)) for script in self.plain),
            *((script, lambda: self._passing(registered=True)) for script in self.shown),
        ]
        only = sys.argv[2:]
        for script, place in places:
            if only and script.__name__ not in only:
                continue
            began = time.monotonic()
            async with place() as stage:
                await asyncio.wait_for(script(stage), 300)
                client = await stage.client()
                for name, run_id in stage.ids.items():
                    write(name, await chain(client, run_id))
            print(script.__name__, f"{time.monotonic() - began:.1f} s", flush=True)

    @contextlib.asynccontextmanager
    async def _skipping(self) -> AsyncGenerator[Stage]:
        path = str(program("temporal-test-server"))
        async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path) as environment:
            address = environment.client.service_client.config.target_host
            yield Stage(address, self.graphs, self.state, environment)

    @contextlib.asynccontextmanager
    async def _passing(self, *, registered: bool) -> AsyncGenerator[Stage]:
        config: Mapping[str, Any] = {**DYNAMIC_CONFIG, "frontend.WorkflowPauseEnabled": True}
        with tempfile.TemporaryDirectory() as data:
            async with DevServer(Path(data), dynamic_config=config) as server:
                if registered:
                    await register_search_attributes(await server.connect())
                yield Stage(server.address, self.graphs, self.state)
