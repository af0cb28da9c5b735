"""What a client can see of a run: its answers to queries, its end, its events, and its past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import RawValue
from temporalio.service import RPCError

from ..codec.text import members
from ..engine.looking import nothing
from ..errors import GraphError, GraphInputError, RunBlockedError, RunNotFoundError, RunPausedError
from ..starting import no_checkpoint
from ..views import RunEvent
from .blocked import unless_blocked, why_blocked
from .crowd import crowd_of
from .failures import paused, raise_failure, raise_rpc, reading, unanswered
from .glancing import PAUSED, WAIT, describe, is_open, raise_unanswered
from .names import AUDIT, GET_STATE, HISTORY, PENDING_INTERRUPTS, SNAPSHOT
from .payloads import from_raw


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
    was_open = True
    while True:
        try:
            with reading(handle.id):
                fields = members(from_raw(await handle.result()))
            return Outcome(fields["output"], fields["state"])
        except WorkflowFailureError as error:
            raise_failure(handle.id, error)
        except RPCError as error:
            raise_rpc(handle.id, error)
        except GraphError as error:
            # So the SDK says that there is no end yet, of a run that Temporal has paused: it goes on one day.
            if not (isinstance(error.__cause__, RuntimeError) and was_open):
                raise
            was_open = await is_open(cast("Any", handle)._client, handle.id)
            await asyncio.sleep(1 if was_open else 0)


async def query(client: Client, id: str, name: str, *args: Any, run_id: str | None = None) -> Any:
    """Ask a run something; with a run id, one history of it.

    Raises:
        RunNotFoundError: There is no such run.
        RunBlockedError: The workers that are there cannot go on with the run.
        NoWorkerError: No worker answers.
        RunBusyError: The run has too much to do to answer.
        RunPausedError: Temporal has paused it.
    """
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(id, run_id=run_id)
    try:
        with reading(handle.id):
            return await unless_blocked(handle, handle.query(name, *args, rpc_timeout=timedelta(seconds=WAIT)))
    except WorkflowQueryFailedError as error:
        why = await why_blocked(handle, str(error))
        if why is not None:
            raise RunBlockedError(why) from error
        raise unanswered(id, name, str(error)) from error
    except (WorkflowQueryRejectedError, GraphError) as error:
        # The SDK cannot read the status.
        if (await describe(client, id)).workflow_execution_info.status != PAUSED:
            raise
        raise paused(id) from error
    except RPCError as error:
        await raise_unanswered(client, id, error)


async def questions(client: Client, id: str, after: Any = None) -> list[Mapping[str, Any]]:
    """The questions of a run that are open, oldest first, all of them.

    Raises:
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    found: dict[str, Mapping[str, Any]] = {}
    while True:
        page: Any = await query(client, id, PENDING_INTERRUPTS, {"after": after})
        if isinstance(page, list):  # of a worker of an earlier release
            return cast("list[Mapping[str, Any]]", page)
        found |= {item["interrupt_id"]: item for item in page["interrupts"]}
        after = page["next"]
        if after is None:
            return list(found.values())


async def with_all(client: Client, id: str, found: Any) -> Any:
    """What a run has told of itself, with all questions that are open, where they are more than went along."""
    told = cast("dict[str, Any]", found)
    if not isinstance(found, dict) or "next_interrupts" not in told:
        return told
    more = await questions(client, id, told.pop("next_interrupts"))
    known = {item["interrupt_id"]: item for item in (*told["interrupts"], *more)}
    return {**told, "interrupts": list(known.values())}


async def whole(client: Client, id: str) -> Mapping[str, Any]:
    """Where a run stands, with all its questions.

    Raises:
        RunNotFoundError: There is no such run.
        RunPausedError: Temporal itself has paused it.
        NoWorkerError: No worker answers.
    """
    return await with_all(client, id, await query(client, id, GET_STATE))


async def standing(client: Client, id: str) -> Mapping[str, Any]:
    """Where a run stands: what it says, or of one that Temporal itself has paused, just that.

    Raises:
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    try:
        return await whole(client, id)
    except RunPausedError:
        return {**nothing(), "status": "paused", "is_known": False}


async def events(client: Client, id: str, first: int) -> AsyncIterator[RunEvent]:
    """The events of a run from a number on, until it has ended.

    Raises:
        RunNotFoundError: There is no such run.
        NoWorkerError: No worker answers.
    """
    crowd = crowd_of(client, id)
    while True:
        try:
            with reading(id):
                found, first = await crowd.feed.read(first)
        except RunPausedError:
            await asyncio.sleep(1)  # it goes on one day, as it does where a person is waited for
            continue
        if not found:
            return
        for told in found:
            yield told.event()


async def checkpoints(client: Client, id: str, run_id: str | None, after: int) -> Mapping[str, Any]:
    """A page of the past of one history; see `past.page`.

    Raises:
        RunNotFoundError: There is no such run, or the server has forgotten it.
        NoWorkerError: No worker answers.
    """
    return await query(client, id, HISTORY, after, run_id=run_id)


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
        found: list[Mapping[str, Any]] = []
        more, previous = True, None
        while more:
            try:
                after = found[-1]["number"] if found else 0
                page: Mapping[str, Any] = await query(client, id, AUDIT, after, run_id=run_id)
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
        found = await query(client, id, SNAPSHOT, number, run_id=run_id)
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
        await describe(client, id, run_id)
    except RunNotFoundError:
        return False
    return True
