"""Each node as an activity of its own, so that time-outs, retries, metrics and task queues are its own too."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Any, cast

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from ..codec import DecodeError, EncodeError
from ..codec.text import compact
from ..compile.asking import Hooks
from ..compile.step_functions import StepFunction
from ..deps import Deps
from ..engine.events import clipped, is_the_runtimes, message_of
from ..engine.state import Json
from ..errors import GraphError
from ..messages import dump_result, load_input
from ..options import NodeOptions
from ..registry import Registry
from .emitter import Emitter
from .names import PAYLOAD_TOO_LARGE, TOLD_BY_NODE, activity_name
from .notifying import notify_activity
from .payloads import PayloadTooLargeError, from_raw, to_raw

Activity = Callable[[RawValue], Awaitable[RawValue]]

BEAT = 3
"""Seconds between two signs of life, at most: a node hears that it is cancelled with the answer to one."""
MOST_KEPT = 200_000
"""Characters of JSON that a node may have done once: they go with every sign of life."""
MISTAKES = (TypeError, NameError, AttributeError, ImportError, NotImplementedError, AssertionError, SyntaxError)
"""Errors of programming, which another attempt would only repeat."""


def activities(registry: Registry, deps: Deps) -> list[Activity]:
    """The activities of some graphs: one for each node, for each function of `steps`, and for the notifier."""
    found: list[Activity] = []
    for graph in registry:
        found.extend(_activity(registry, graph.name, node_id, deps) for node_id in graph.compiled.nodes)
        found.extend(_step(registry, graph.name, function) for function in graph.compiled.steps.values())
        found.append(notify_activity(registry, graph.name))
    return found


def _step(registry: Registry, name: str, function: StepFunction) -> Activity:
    @activity.defn(name=activity_name(name, function.name))
    async def run_step(message: RawValue) -> RawValue:
        graph = registry[name]
        with _errors(graph.options[function.name]):
            async with _heartbeats():
                result = await function.call(from_raw(message))
            return to_raw(result, f"What function {function.name!r} returned", graph.payload_limit)

    return run_step


def _activity(registry: Registry, name: str, node_id: str, deps: Deps) -> Activity:
    @activity.defn(name=activity_name(name, node_id))
    async def run_node(message: RawValue) -> RawValue:
        graph = registry[name]
        options = graph.options[node_id]
        kept = Kept()
        with _errors(options, kept if options.on_failure == "interrupt" else None):
            given = load_input(from_raw(message))
            given = dataclasses.replace(given, once={**given.once, **kept.so_far})
            async with _heartbeats(kept), Emitter(node_id, given.task_id) as emitter:
                hooks = Hooks(remember=kept.remember)
                result = await graph.compiled.runner.run(node_id, given, deps.value, hooks, emitter.emit)
            what = f"The result of node {node_id!r} (its output and changes to the state)"
            return to_raw(dump_result(result), what, graph.payload_limit)

    return run_node


@contextlib.contextmanager
def _errors(options: NodeOptions, kept: Kept | None = None) -> Generator[None]:
    """Let what is raised be an error that the SDK can send, which is tried again only where that can help."""
    try:
        yield
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if is_the_runtimes(error):
            raise
        made = _as_sent(error, options)
        if kept is not None and not isinstance(error, ApplicationError):
            kind = made.type if isinstance(made, ApplicationError) else type(error).__name__
            is_final = isinstance(made, ApplicationError) and made.non_retryable
            made = ApplicationError(clipped(message_of(error)), kept.told(), type=kind, non_retryable=is_final)
        if made is error:
            raise
        raise made from (error if _can_be_sent(error) and isinstance(error, Exception) else None)


def _as_sent(error: BaseException, options: NodeOptions) -> BaseException:
    if isinstance(error, PayloadTooLargeError):
        return _final(error, PAYLOAD_TOO_LARGE)
    if isinstance(error, EncodeError | DecodeError | GraphError):
        return _final(error)
    if isinstance(error, MISTAKES):
        return error if options.retry_policy is not None else _final(error)
    if isinstance(error, Exception):
        if _can_be_sent(error):
            return error
        # The SDK would tell neither its type nor its message, or nothing at all.
        return ApplicationError(clipped(message_of(error)), type=type(error).__name__)
    # It would leave the event loop, and end the worker: sys.exit(), or an exception of the user's own.
    return _final(error)


class Kept:
    """What a node has done once and for all, as far as its next attempt is to know: it goes with the signs of life.

    Attributes:
        so_far: By key; at first what the attempts before this one have left.
    """

    def __init__(self) -> None:
        details = activity.info().heartbeat_details
        found: Any = details[0] if details else None
        self.so_far: dict[str, Json] = dict(cast("dict[str, Json]", found)) if isinstance(found, dict) else {}

    async def remember(self, key: str, value: Json, so_far: Mapping[str, Json]) -> None:
        """See `temporal_graph.compile.asking.Remember`."""
        self.so_far = dict(so_far)
        info = activity.info()
        if info.is_local:
            return
        if len(compact(self.so_far)) > MOST_KEPT:
            raise EncodeError(
                f"once({key!r}, ...): what this node has done once comes to more than {MOST_KEPT:,} characters of "
                "JSON. Let the function return less: an id, not a document."
            )
        # Not by activity.heartbeat: the SDK holds that back for seconds, and a worker may die meanwhile.
        handle = activity.client().get_async_activity_handle(task_token=info.task_token)
        with contextlib.suppress(AsyncActivityCancelledError, RPCError):
            await handle.heartbeat(self.so_far)

    def told(self) -> dict[str, Json]:
        """What an error says besides: how often the node was tried, and what it has done."""
        return {"from": TOLD_BY_NODE, "attempt": activity.info().attempt, "once": self.so_far or None}


def _can_be_sent(error: BaseException | None) -> bool:
    """Whether the SDK can make a failure of an exception and of those that led to it."""
    while error is not None:
        try:
            said = str(error)
        except Exception:
            return False
        if clipped(said) != said:
            return False
        error = error.__cause__ or error.__context__
    return True


def _final(error: BaseException, type_: str | None = None) -> ApplicationError:
    """An error that another attempt would only repeat."""
    return ApplicationError(clipped(message_of(error)), type=type_ or type(error).__name__, non_retryable=True)


@contextlib.asynccontextmanager
async def _heartbeats(kept: Kept | None = None) -> AsyncGenerator[None]:
    """Give signs of life while a node runs, so that a lost worker is noticed, and a cancellation arrives."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return

    async def beat() -> None:
        while True:
            await asyncio.sleep(min(timeout.total_seconds() / 3, BEAT))
            if kept is not None and kept.so_far:
                activity.heartbeat(kept.so_far)  # one without it would let the server forget
            else:
                activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
