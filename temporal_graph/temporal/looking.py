"""What a client can see of a run: its answers to queries, its end, its events, and its past."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowQueryFailedError
from temporalio.common import RawValue
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.service import RPCError, RPCStatusCode

from ..codec.text import members
from ..errors import GraphError, GraphInputError, RunBlockedError, RunNotFoundError
from ..starting import no_checkpoint
from .blocked import unless_blocked, why_blocked
from .failures import TASK_LOST, TOO_LATE, raise_failure, raise_rpc, reading
from .names import AUDIT, HISTORY, SNAPSHOT
from .payloads import from_raw
from .streaming import TOPIC

ENCODED = "Encoded failure"
"""The message of a failure that the failure converter has encoded."""
WAIT = 20
"""Seconds for which a question or an answer waits for a worker."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; the values as JSON text."""

    output: str
    state: str


def handle_of(client: Client, run_id: str) -> WorkflowHandle[Any, Any]:
    """The handle of a run; follows it when it continues as new."""
    return client.get_workflow_handle(run_id, result_type=RawValue)


async def result(handle: WorkflowHandle[Any, Any]) -> Outcome:
    """Wait for the end of a run.

    Raises:
        GraphRunError: It failed.
        RunCancelledError: It was cancelled, terminated or timed out.
        RunNotFoundError: There is no such run.
    """
    try:
        with reading(handle.id):
            fields = members(from_raw(await handle.result()))
    except WorkflowFailureError as error:
        raise_failure(handle.id, error)
    except RPCError as error:
        raise_rpc(handle.id, error)
    return Outcome(fields["output"], fields["state"])


async def query(handle: WorkflowHandle[Any, Any], name: str, *args: Any) -> Any:
    """Ask a run something.

    Raises:
        RunNotFoundError: There is no such run.
        RunBlockedError: The workers that are there cannot go on with the run.
        NoWorkerError: No worker answers.
    """
    try:
        with reading(handle.id):
            return await unless_blocked(handle, handle.query(name, *args, rpc_timeout=timedelta(seconds=WAIT)))
    except WorkflowQueryFailedError as error:
        why = await why_blocked(handle, str(error))
        if why is not None:
            raise RunBlockedError(why) from error
        raise GraphError(f"Run {handle.id!r} could not answer {name!r}: {error}{_hint(error)}") from error
    except RPCError as error:
        why = await why_blocked(handle)
        if why is not None:
            raise RunBlockedError(why) from error
        raise_rpc(handle.id, error)


def _hint(error: WorkflowQueryFailedError) -> str:
    # Whatever converter a client has, the SDK does not decode why a query failed.
    return "; its log says what. Has this client the payload codec of its workers?" if str(error) == ENCODED else ""


async def events(client: Client, id: str, first: int) -> AsyncIterator[tuple[int, Mapping[str, Any]]]:
    """The events of a run from a number on, until it has ended.

    Raises:
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    stream = WorkflowStreamClient.create(client, id)
    failures = 0
    while True:
        try:
            with reading(id):
                async for item in stream.subscribe([TOPIC], first, result_type=RawValue):
                    first, failures = item.offset + 1, 0
                    event = _event(item.data)
                    if event is not None:
                        yield item.offset, event
                        if event["kind"] in _LAST:
                            return  # who asked for more would be answered by a replay of the whole history
            return
        except WorkflowQueryFailedError as error:
            raise GraphError(f"Run {id!r} could not tell its last events: {error}{_hint(error)}") from error
        except RPCError as error:
            # A query may be lost when a worker lets go of a run.
            failures += 1
            if failures > 3 or not (error.status in TOO_LATE or TASK_LOST in error.message):
                raise_rpc(id, error)


_LAST = ("run_finished", "run_failed", "run_cancelled")


def _event(data: RawValue) -> Mapping[str, Any] | None:
    """An event; None for what others have published that is none."""
    try:
        event: Any = json.loads(from_raw(data))
        datetime.fromisoformat(event["at"])
        is_event = isinstance(event["kind"], str) and isinstance(event["data"], dict)
        return event if is_event and isinstance(event["node_id"], str | None) else None
    except (ValueError, TypeError, KeyError):
        return None


async def checkpoints(client: Client, id: str, run_id: str | None, after: int) -> Mapping[str, Any]:
    """A page of the past of one history; see `past.page`.

    Raises:
        RunNotFoundError: There is no such run, or the server has forgotten it.
        NoWorkerError: No worker answers.
    """
    return await query(client.get_workflow_handle(id, run_id=run_id), HISTORY, after)


async def past(client: Client, id: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The first page of each history of a run that continued as new, oldest first, as far as the server has them.

    Raises:
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    pages: list[tuple[str, Mapping[str, Any]]] = []
    run_id: str | None = None
    while True:
        try:
            page = await checkpoints(client, id, run_id, 0)
        except RunNotFoundError:
            if not pages:
                raise
            break  # forgotten
        pages.append((page["run_id"], page))  # by now there may be a newer one
        run_id = page["previous_run_id"]
        if run_id is None:
            break
    return pages[::-1]


async def audit(client: Client, id: str) -> list[Mapping[str, Any]]:
    """The entries of the audit of a run, in order, as far back as the run has taken them along or the server has them.

    Raises:
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    entries: list[Mapping[str, Any]] = []
    run_id: str | None = None
    is_first = True
    while True:
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(id, run_id=run_id)
        found: list[Mapping[str, Any]] = []
        more, previous = True, None
        while more:
            try:
                page: Mapping[str, Any] = await query(handle, AUDIT, found[-1]["number"] if found else 0)
            except RunNotFoundError:
                if is_first:
                    raise
                return entries  # forgotten
            if not page:
                return entries  # it could not begin
            found.extend(page["entries"])
            more, previous = page["more"], page["previous_run_id"]
        is_first = False
        known = entries[0]["number"] if entries else None
        entries = [item for item in found if known is None or item["number"] < known] + entries
        # A run takes its entries along when it continues as new, unless there are a great many.
        if previous is None or not entries or entries[0]["number"] == 1:
            return entries
        run_id = previous


async def snapshot_at(client: Client, id: str, checkpoint_id: str) -> dict[str, Any]:
    """The whole run as it was after a checkpoint.

    Raises:
        GraphInputError: There is no such checkpoint.
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    is_number = checkpoint_id.isdecimal() and checkpoint_id.isascii() and len(checkpoint_id) < 16
    number = int(checkpoint_id) if is_number else 0
    run_id: str | None = None
    latest = 0
    while True:
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(id, run_id=run_id)
        found = await query(handle, SNAPSHOT, number)
        if found is not None:
            return found
        page = await checkpoints(client, id, run_id, max(0, number - 1))
        latest = latest or page["latest"]
        run_id = page["previous_run_id"]
        is_oldest = run_id is None or not await _is_kept(client, id, run_id)
        if is_oldest or number > page["origin"]:
            first = page["origin"] + 1 if is_oldest else None
            raise GraphInputError(f"Run {id!r} {no_checkpoint(checkpoint_id, first, latest)}")


async def _is_kept(client: Client, id: str, run_id: str) -> bool:
    """Whether the server still has a history."""
    try:
        await client.get_workflow_handle(id, run_id=run_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise_rpc(id, error)
    return True
