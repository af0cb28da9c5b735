"""What a client does with a run: it starts it, and asks things of it by signal and update."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import RawValue, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from ..engine.state import Json
from ..errors import GraphInputError, NoWorkerError, RunBusyError, RunExistsError
from .crowd import Crowd, crowd_of
from .failures import is_busy, is_continued, raise_rpc
from .glancing import WAIT, check_worker, is_open
from .looking import handle_of
from .names import RESUME
from .payloads import PayloadTooLargeError, limit_of, start_text, to_raw
from .updating import ATTEMPTS, argument_of, is_crowded, may_retry, raise_closed, raise_refused, send, taken_before

LATER = 0.5
"""Seconds after which an answer is sent again to a run that has to try others first."""
PATIENCE = 60
"""Seconds for which an update is sent again and again to a run of which too much is asked."""


def start_argument(client: Client, message: Mapping[str, str | None]) -> RawValue:
    """The argument of a run: JSON texts by field.

    Raises:
        GraphInputError: It is larger than Temporal takes.
    """
    what = "What the run is started with (inputs and state)"
    try:
        return to_raw(start_text(message), what, limit_of(client.data_converter))
    except PayloadTooLargeError as error:
        raise GraphInputError(str(error)) from error


async def start(client: Client, graph: str, argument: RawValue, *, id: str, task_queue: str, **options: Any) -> None:
    """Start a run.

    Raises:
        RunExistsError: A run of this id is there already.
        GraphError: The server does not take it.
    """
    options.setdefault("id_reuse_policy", WorkflowIDReusePolicy.REJECT_DUPLICATE)  # or the old one could not be seen
    try:
        await client.start_workflow(graph, argument, id=id, task_queue=task_queue, **options)
    except WorkflowAlreadyStartedError as error:
        raise RunExistsError(
            f"A run with id {id!r} exists already, open or ended. Give the new one an id of its own; to go on with the "
            f"other, use get_run(client, {id!r}), and its resume() or proceed() to answer it."
        ) from error
    except RPCError as error:
        raise_rpc(id, error)


async def ask(client: Client, run_id: str, name: str, sent: Json) -> Any:
    """Send an update to a run, and have it done.

    Raises:
        RefusedError: The run does not take it.
        RunNotFoundError: There is no such run.
    """
    return await _ask(client, run_id, name, sent, None)


async def resume(client: Client, run_id: str, answer: Mapping[str, Json]) -> Mapping[str, Any]:
    """Answer a question of a run.

    Raises:
        AnswerRefusedError: The answer is not taken.
        RunNotFoundError: There is no such run.
    """
    accepted = await _ask(client, run_id, RESUME, answer, answer)
    return {**accepted, "value": answer.get("value")}


async def _ask(client: Client, run_id: str, name: str, sent: Json, answer: Mapping[str, Json] | None) -> Any:
    argument = argument_of(client, name, sent)
    crowd = crowd_of(client, run_id)
    try:
        async with crowd.turn():
            return await _send(client, crowd, run_id, name, argument, answer)
    except NoWorkerError as error:
        again = "" if answer is None else f"; sent again with answer_id={answer['answer_id']!r}, it is the same answer"
        raise NoWorkerError(f"{error} One that comes later may still take what was sent{again}.") from error


async def _send(
    client: Client, crowd: Crowd, run_id: str, name: str, argument: RawValue, answer: Mapping[str, Json] | None
) -> Any:
    handle = handle_of(client, run_id)
    update_id = new_id()  # sent again, it is the same update
    attempts = 0
    until = crowd.now() + PATIENCE
    while True:
        try:
            async with asyncio.timeout(WAIT):
                accepted = await send(handle, name, argument, update_id)
            crowd.hear()
            return accepted
        except TimeoutError as error:
            # The SDK may have tried all the while to get in, where too many are.
            await check_worker(client, run_id)
            if crowd.now() > until:
                raise RunBusyError(f"Run {run_id!r} has not taken what was sent in {PATIENCE} seconds.") from error
        except WorkflowUpdateFailedError as error:
            crowd.hear()
            if is_busy(error) and crowd.now() > until:
                raise RunBusyError(f"Run {run_id!r} has not tried what was sent in {PATIENCE} seconds.") from error
            if is_busy(error):
                await asyncio.sleep(LATER)
                continue
            if not is_continued(error) or attempts == ATTEMPTS:
                await raise_refused(handle, error, name)
            attempts += 1
        except RPCError as error:
            if is_crowded(error) and crowd.now() < until:
                await check_worker(client, run_id)
                continue
            attempts += 1
            if attempts == ATTEMPTS or not await may_retry(client, run_id, error):
                taken = await taken_before(client, run_id, error, answer)
                if taken is not None:
                    return taken
                await raise_closed(client, run_id, error, name)


async def signal(client: Client, run_id: str, name: str) -> None:
    """Send a signal without an argument.

    Raises:
        RefusedError: The run has ended.
        RunNotFoundError: There is no such run.
    """
    try:
        await handle_of(client, run_id).signal(name)
    except RPCError as error:
        await raise_closed(client, run_id, error, name)


async def cancel(client: Client, run_id: str) -> None:
    """Ask for a run to be cancelled.

    Raises:
        RefusedError: The run has ended.
        RunNotFoundError: There is no such run.
    """
    handle = handle_of(client, run_id)
    try:
        # The server takes it without a word if the run has ended.
        if await is_open(client, run_id):
            await handle.cancel()
            return
    except RPCError as error:
        await raise_closed(client, run_id, error, "cancel")
    await raise_closed(client, run_id, None, "cancel")


def new_id() -> str:
    """An id for an answer."""
    return uuid.uuid4().hex
