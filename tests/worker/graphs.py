"""Graphs, and things that are none, for the worker command. Files tell the tests what happened in its process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import time
import warnings
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic_graph import BaseNode, End, Graph, GraphBuilder, GraphRunContext, StepContext
from temporalio import activity
from temporalio.common import RetryPolicy

from temporal_graph import InterruptibleGraph, NodeOptions, TemporalGraph, interrupt
from temporal_graph.notify import Notification, Notifier, Webhook, each

NO_GRAPH = 42


@dataclass
class Wait(BaseNode[None, None, str]):
    """Says in a file that it runs, and waits for another file."""

    folder: str

    async def run(self, ctx: GraphRunContext[None, None]) -> Then:
        with Path(self.folder, "attempts").open("a") as attempts:
            attempts.write("x")
        while not Path(self.folder, "go").exists():
            await asyncio.sleep(0.01)
        return Then(self.folder)


@dataclass
class Then(BaseNode[None, None, str]):
    """Tells how often the one before was tried."""

    folder: str

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        return End(Path(self.folder, "attempts").read_text())


@dataclass
class Block(BaseNode[None, None, str]):
    """Blocks the worker's event loop, as a node should not."""

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        time.sleep(600)
        return End("")


@dataclass
class Fork(BaseNode[None, None, str]):
    """Forks a process, and ends it with SIGTERM."""

    async def run(self, ctx: GraphRunContext[None, None]) -> End[str]:
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        child.start()
        child.terminate()
        child.join()
        return End(str(child.exitcode))


waiting = InterruptibleGraph([Wait, Then, Block, Fork], name="waiting")

_f = GraphBuilder(name="failing", input_type=str, output_type=str)


@_f.step
async def fail_once(ctx: StepContext[None, None, str]) -> str:
    """Logs in every way there is, and fails the first time with an error of two lines."""
    logging.getLogger("a.library").info("from a library,\nin two lines")
    activity.logger.info("from the node")
    warnings.warn("take care", stacklevel=1)
    if activity.info().attempt == 1:
        raise OSError("first line\nsecond = 'line'")
    return ctx.inputs


_f.add(_f.edge_from(_f.start_node).to(fail_once), _f.edge_from(fail_once).to(_f.end_node))
failing_plain: Graph[None, None, str, str] = _f.build()
failing = TemporalGraph(
    failing_plain,
    options=NodeOptions(retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=2)),
)
same_name = TemporalGraph(failing_plain, name="waiting")


class Namespace:
    """Where a dotted attribute leads."""

    inner = waiting


@dataclass
class Tools:
    """Deps."""

    word: str


_d = GraphBuilder(name="tooled", deps_type=Tools, output_type=str)


@_d.step
async def use(ctx: StepContext[None, Tools, None]) -> str:
    """Uses them."""
    return ctx.deps.word


_d.add(_d.edge_from(_d.start_node).to(use), _d.edge_from(use).to(_d.end_node))
tooled = TemporalGraph(_d.build())


@contextlib.asynccontextmanager
async def tools() -> AsyncGenerator[Tools]:
    """Says on the log when they come and go."""
    logging.getLogger("tools").info("tools open")
    yield Tools("hammer")
    logging.getLogger("tools").info("tools closed")


_a = GraphBuilder(name="asking", input_type=str, output_type=str)


@_a.step
async def ask(ctx: StepContext[None, None, str]) -> str:
    """Asks somebody."""
    return await interrupt(ctx.inputs, response_type=str)


_a.add(_a.edge_from(_a.start_node).to(ask), _a.edge_from(ask).to(_a.end_node))
asking = TemporalGraph(_a.build())


async def to_file(notification: Notification) -> None:
    """Writes into the file whose name the question is."""
    with Path(notification.interrupt.value).open("a") as told:
        told.write(f"{notification.event} {notification.run_id}\n")


def to_nobody(notification: Notification) -> None:
    """Is not async."""


webhook = Webhook("https://example.com/hook", secret="a secret for tests, and long enough")
several: Notifier = each(to_file, webhook)
no_notifier = None


def broken_tools() -> Tools:
    """Cannot be had."""
    raise ConnectionError("the database\nis away")


_v = GraphBuilder(name="talking", input_type=str, output_type=list[str])


@_v.step
async def talk(ctx: StepContext[None, None, str]) -> list[str]:
    """Asks three times."""
    return [await interrupt(f"{ctx.inputs} {number}", response_type=str, key=str(number)) for number in range(3)]


_v.add(_v.edge_from(_v.start_node).to(talk), _v.edge_from(talk).to(_v.end_node))
talking = TemporalGraph(_v.build(), max_history_events=12)
talking_long = TemporalGraph(_v.build(), name="talking_long")
talking_local = TemporalGraph(_v.build(), name="talking_local", options=NodeOptions(execution="local"))
