"""An update that is sent to a run, and why a run does not take one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.service import RPCError, RPCStatusCode

from ..codec.text import compact
from ..engine.events import clipped
from ..engine.state import Json
from ..errors import GraphError, GraphInputError, GraphRunError, RefusedError, RunBlockedError, RunCancelledError
from .blocked import show_blocked, unless_blocked, why_blocked
from .failures import (
    ANSWERS,
    TASK_FAILED,
    TOTAL_UPDATES,
    cancellable,
    is_paused,
    paused,
    raise_refusal,
    raise_rpc,
    reading,
    refusal,
)
from .glancing import describe, is_open
from .looking import handle_of, query, result
from .names import GET_STATE
from .payloads import PayloadTooLargeError, limit_of, to_raw

ATTEMPTS = 100
"""How often an update is sent to a run that continues as new just as it comes."""
CLOSING = "workflow is closing"
"""What a server says, after it has tried for some seconds, of a run that is just continuing as new."""
_LOST = (RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.UNAVAILABLE)
"""What a server may say to an update whose run is just continuing as new; the next run takes it."""


def argument_of(client: Client, name: str, sent: Json) -> RawValue:
    """What is sent with an update.

    Raises:
        RefusedError: It is larger than Temporal takes.
    """
    what = "The answer" if name in ANSWERS else f"What is sent with {name}"
    try:
        return to_raw(compact(sent), what, limit_of(client.data_converter))
    except PayloadTooLargeError as error:
        raise refusal(name, "invalid", str(error)) from error


async def send(
    handle: WorkflowHandle[Any, Any], name: str, argument: RawValue, update_id: str | None = None
) -> Mapping[str, Any]:
    """Send an update, and have it done; sent again with the same id, it is the same update."""
    with cancellable(), reading(handle.id):
        return await unless_blocked(handle, cast("Any", handle).execute_update(name, argument, id=update_id))


def is_crowded(error: RPCError) -> bool:
    """Whether a server does not take an update because there are too many."""
    is_exhausted = error.status == RPCStatusCode.RESOURCE_EXHAUSTED and CLOSING not in error.message
    return is_exhausted or TOTAL_UPDATES in error.message


async def may_retry(client: Client, run_id: str, error: RPCError) -> bool:
    """Whether an update found its run just as it continued as new, so that it may be sent again.

    Raises:
        RunBlockedError: Its workers cannot go on with it.
    """
    if TASK_FAILED in error.message:
        why = await why_blocked(handle_of(client, run_id))
        if why is not None:
            raise RunBlockedError(why) from error
    if error.status not in _LOST and not (
        error.status == RPCStatusCode.RESOURCE_EXHAUSTED and CLOSING in error.message
    ):
        return False
    try:
        if is_paused(error) or not await is_open(client, run_id):
            return False
    except GraphError:
        return False
    await asyncio.sleep(0.05)
    return True


async def taken_before(
    client: Client, run_id: str, error: RPCError, answer: Mapping[str, Json] | None
) -> Mapping[str, Any] | None:
    """The acceptance of the same answer by a run that has ended since; None where there is none."""
    if answer is None or error.status != RPCStatusCode.NOT_FOUND:
        return None
    state = await last_state(client, run_id)
    known = [*state.get("answered", ()), *state.get("votes", ())]
    same = (each for each in known if each["answer_id"] == answer["answer_id"])
    actor = answer.get("actor")
    return next((each for each in same if None in (actor, each["actor"]) or actor == each["actor"]), None)


async def last_state(client: Client, run_id: str) -> Mapping[str, Any]:
    """Where a run stood when it ended; nothing where nobody can tell."""
    try:
        return await query(client, run_id, GET_STATE)
    except GraphError:
        return {}


async def raise_refused(handle: WorkflowHandle[Any, Any], error: WorkflowUpdateFailedError, name: str) -> NoReturn:
    """Raise why a run did not take an update."""
    try:
        raise_refusal(error, name)
    except RefusedError as refused:
        if refused.reason == "blocked":
            await show_blocked(handle)
        raise


async def raise_closed(client: Client, run_id: str, error: BaseException | None, name: str) -> NoReturn:
    """Raise that a run has ended, and how; or that it does not take anything now."""
    if isinstance(error, RPCError) and is_paused(error):
        raise refusal(name, "paused", str(paused(run_id))) from error
    if isinstance(error, RPCError) and error.status != RPCStatusCode.NOT_FOUND:
        raise_rpc(run_id, error)
    await describe(client, run_id)
    try:
        outcome = await result(handle_of(client, run_id))
        ending = f"Run {run_id!r} has ended; its output is {clipped(outcome.output)}."
    except GraphRunError as failed:
        ending = f"Run {run_id!r} has failed: {failed}"
    except (RunCancelledError, GraphInputError) as ended:
        ending = str(ended)
    raise refusal(name, "closed", ending) from error
