"""Each node as an activity of its own, so that time-outs, retries, metrics and task queues are its own too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from ..codec import DecodeError, EncodeError
from ..deps import Deps
from ..engine.events import clipped, is_the_runtimes, message_of
from ..errors import GraphError
from ..messages import dump_result, load_input
from ..registry import Registry
from .emitter import Emitter
from .names import PAYLOAD_TOO_LARGE, activity_name
from .payloads import PayloadTooLargeError, from_raw, to_raw

Activity = Callable[[RawValue], Awaitable[RawValue]]

BEAT = 3
"""Seconds between two signs of life, at most: a node hears that it is cancelled with the answer to one."""
MISTAKES = (TypeError, NameError, AttributeError, ImportError, NotImplementedError, AssertionError, SyntaxError)
"""Errors of programming, which another attempt would only repeat."""


def activities(registry: Registry, deps: Deps) -> list[Activity]:
    """The activities of some graphs, one for each node."""
    return [_activity(registry, graph.name, node_id, deps) for graph in registry for node_id in graph.compiled.nodes]


def _activity(registry: Registry, name: str, node_id: str, deps: Deps) -> Activity:
    @activity.defn(name=activity_name(name, node_id))
    async def run_node(message: RawValue) -> RawValue:
        graph = registry[name]
        try:
            given = load_input(from_raw(message))
            async with _heartbeats(), Emitter(node_id, given.task_id) as emitter:
                result = await graph.compiled.runner.run(node_id, given, deps.value, emit=emitter.emit)
            what = f"The result of node {node_id!r} (its output and changes to the state)"
            return to_raw(dump_result(result), what, graph.payload_limit)
        except PayloadTooLargeError as error:
            raise _final(error, PAYLOAD_TOO_LARGE) from error
        except (EncodeError, DecodeError, GraphError) as error:
            raise _final(error) from error
        except MISTAKES as error:
            if graph.options[node_id].retry_policy is not None:
                raise
            raise _final(error) from error
        except Exception as error:
            if _can_be_sent(error):
                raise
            # The SDK would tell neither its type nor its message, or nothing at all.
            raise ApplicationError(clipped(message_of(error)), type=type(error).__name__) from None
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            # It would leave the event loop, and end the worker: sys.exit(), or an exception of the user's own.
            raise _final(error) from None

    return run_node


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
async def _heartbeats() -> AsyncGenerator[None]:
    """Give signs of life while a node runs, so that a lost worker is noticed, and a cancellation arrives."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return

    async def beat() -> None:
        while True:
            await asyncio.sleep(min(timeout.total_seconds() / 3, BEAT))
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
