"""Each node as an activity of its own, so that time-outs, retries, metrics and task queues are its own too."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.common import RawValue
from temporalio.converter import ActivitySerializationContext
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from ..codec.text import compact
from ..compile.asking import Hooks
from ..compile.step_functions import LostError, StepFunction
from ..deps import Deps
from ..engine.sizes import size_of
from ..engine.state import Json
from ..messages import dump_result, load_input
from ..registry import Registry
from .drift import signed
from .emitter import Emitter
from .heartbeats import Heartbeats
from .kept import told, told_in
from .local_nodes import SMALL, LargeResults, Place
from .names import UNREADABLE, activity_name
from .notifying import notify_activity
from .payloads import PayloadTooLargeError, UnreadableError, from_raw, to_raw
from .raising import failure_size, final, is_last, sendable, shortened

Activity = Callable[[RawValue], Awaitable[RawValue]]

MOST_KEPT = 200_000
"""Bytes of JSON that a node may have done once: they go with every sign of life."""
MOST_LOCAL = 1_000
"""Local nodes of which a worker remembers what they have done once."""
AGAIN = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.CANCELLED,
)
"""Why a server did not hear what it was told, and may another time."""


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
        text = _read(message)

        async def run() -> RawValue:
            with Heartbeats():
                result = await function.call(text)
            try:
                return to_raw(result, f"What function {function.name!r} returned", graph.payload_limit)
            except PayloadTooLargeError as error:
                raise LostError(str(error)) from error

        return await sendable(run(), graph.options[function.name])

    return run_step


def _activity(registry: Registry, name: str, node_id: str, deps: Deps) -> Activity:
    local: LocalMemory = OrderedDict()
    large = LargeResults()

    @activity.defn(name=activity_name(name, node_id))
    async def run_node(message: RawValue) -> RawValue:
        graph = registry[name]
        options = graph.options[node_id]
        text = _read(message)
        kept = Kept(text, local)
        place = kept.place

        before = None if place is None else large.take(place)
        if isinstance(before, Exception):
            raise before
        if before is not None:
            return to_raw(before, "The result", None)

        async def run() -> RawValue:
            given = load_input(text)
            given = dataclasses.replace(given, once={**given.once, **kept.so_far})
            hooks = Hooks(remember=kept.remember)
            with Heartbeats(kept.told):
                async with Emitter(node_id, given.task_id) as emitter:
                    result = await graph.compiled.runner.run(node_id, given, deps.value, hooks, emitter.emit)
            what = f"The result of node {node_id!r} (its output and changes to the state)"
            raw = to_raw(signed(dump_result(result), text), what, graph.payload_limit)
            return raw if place is None else to_raw(large.put(place, from_raw(raw)), what, None)

        try:
            return await sendable(run(), options, kept.told if options.on_failure == "interrupt" else None)
        except ApplicationError as error:
            size = 0 if place is None else failure_size(error)
            if place is None or size <= SMALL:
                raise
            if is_last(error):
                return to_raw(large.keep(place, final(error), size), "Why it failed", None)
            made = shortened(error)
        raise made

    return run_node


def _read(message: RawValue) -> str:
    """What an activity gets, as JSON text.

    Raises:
        ApplicationError: This worker cannot read it; the run then has it done once more, perhaps by another one.
    """
    try:
        return from_raw(message)
    except UnreadableError as error:
        raise ApplicationError(str(error), type=UNREADABLE, non_retryable=True) from None


LocalMemory = OrderedDict[Place, dict[str, Json]]
"""What attempts at local nodes have left."""


class Kept:
    """What a node has done once and for all, as far as its next attempt is to know: it goes with the signs of life.

    A local node gives none. The next attempt at it is made by the same worker, if that lives, which remembers it.

    Attributes:
        so_far: By key; at first what the attempts before this one have left.
        place: Where a local node's is, and what it returns; None for another node.
    """

    def __init__(self, message: str, local: LocalMemory) -> None:
        info = activity.info()
        self.so_far: dict[str, Json] = {}
        self._is_told = True
        self._turn = asyncio.Lock()
        self._local = local
        self.place: Place | None = None
        if info.is_local:
            digest = hashlib.sha256(message.encode(errors="backslashreplace")).digest()
            self.place = (info.workflow_id, info.workflow_run_id, digest)
            self.so_far = local.get(self.place, {})
        elif (before := told_in(info.heartbeat_details)) is not None:
            self.so_far = dict(before.once or {})

    async def remember(self, key: str, value: Json, so_far: Mapping[str, Json]) -> None:
        """See `temporal_graph.compile.asking.Remember`."""
        # A text says only that something was done, and must be kept.
        if not isinstance(value, str) and size_of(compact(so_far)) > MOST_KEPT:
            raise LostError(
                f"what the node has done once comes to more than {MOST_KEPT:,} bytes of JSON. Let the function "
                "return less: an id, not a document."
            )
        self.so_far = dict(so_far)
        if self.place is not None:
            self._local[self.place] = self.so_far
            if len(self._local) > MOST_LOCAL:
                self._local.popitem(last=False)
            return
        self._is_told = False
        # What the SDK holds back, to send it later, is older: it must not come after what is said now.
        activity.heartbeat(self.told())
        await self.tell()

    async def tell(self) -> None:
        """Let the server know, at once: `activity.heartbeat` is held back for seconds, and a worker may die."""
        async with self._turn:  # what is sent later must come later
            while not self._is_told:
                self._is_told = True
                if not await self._send():
                    self._is_told = False
                    await asyncio.sleep(1)

    async def _send(self) -> bool:
        info = activity.info()
        context = ActivitySerializationContext(
            namespace=info.namespace,
            workflow_id=info.workflow_id,
            workflow_type=info.workflow_type,
            activity_type=info.activity_type,
            activity_id=info.activity_id,
            activity_task_queue=info.task_queue,
            is_local=False,
        )
        handle = activity.client().get_async_activity_handle(task_token=info.task_token).with_context(context)
        try:
            await handle.heartbeat(self.told())
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise asyncio.CancelledError from error  # nobody waits for this attempt any more
            return error.status not in AGAIN
        except AsyncActivityCancelledError:
            pass  # it has been told nevertheless
        return True

    def told(self) -> dict[str, Json]:
        """What a sign of life, or an error, says besides: how often the node was tried, and what it has done."""
        return told(activity.info().attempt, self.so_far)
