"""What a client does with the list of all runs: it sees to the search attributes, and reads the list by page."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import temporalio.api.operatorservice.v1 as api
import temporalio.api.workflowservice.v1 as requests
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import RawValue
from temporalio.converter import WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

from ..engine.events import CANNOT_READ
from ..errors import GraphError, GraphInputError, UnavailableError
from .blocked import why_blocked
from .failures import TOO_LATE, raise_rpc, reading
from .glancing import PAUSED
from .looking import handle_of
from .names import (
    GRAPH_ASSIGNEES,
    GRAPH_DEADLINE,
    GRAPH_PENDING,
    GRAPH_PENDING_NODES,
    GRAPH_STATUS,
    PENDING_INTERRUPTS,
    SHOW,
    UNSHOWN,
)
from .payloads import from_raw
from .visibility import MORE, listed, word_of

logger = logging.getLogger(__name__)

TYPES: Mapping[str, Any] = {
    GRAPH_STATUS: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    GRAPH_PENDING_NODES: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    GRAPH_ASSIGNEES: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    GRAPH_DEADLINE: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}
RUNNING, OPEN = "ExecutionStatus = 'Running'", "ExecutionStatus IN ('Running', 'Paused')"
"""Runs that have not ended: as servers take it that cannot pause a run themselves, and as the others do."""
ALL_OF_THEM = (
    f"{GRAPH_STATUS} = 'x' AND {GRAPH_PENDING_NODES} = 'x' AND {GRAPH_ASSIGNEES} = 'x' AND {GRAPH_DEADLINE} IS NULL"
)
"""A query that a server takes which has all of them."""
SET_THEM = "GraphPlugin(search_attributes=True) has them set without that."
REPORTED = "TemporalReportedProblems"
"""The search attribute that a server sets for runs whose tasks fail again and again."""
WAIT = timedelta(seconds=10)
"""How long a server may take to say which attributes it has."""
PATIENCE = timedelta(seconds=12)
"""How long a run may take to say what it waits for, where each has to be asked: for up to 10 s after a worker was
killed, a server keeps for it what is asked of its runs, whatever other workers there are."""
AT_ONCE = 20
"""How many runs are asked at once."""
WAITED_FOR = 60
"""For how many runs that do not answer a listing waits that long: for these, little more than half a minute."""
HASTE = timedelta(seconds=2)
"""How long the others may take then: no worker can have been killed so recently."""
TAKEN = 60
"""Seconds until all of a server has heard of a new attribute: it looks for them now and then."""
FINER = timedelta(seconds=1)
"""Servers keep moments more or less finely: some more runs are fetched, and looked at here."""


class NotRegisteredError(Exception):
    """The server does not know the search attributes."""


# -- The attributes ---------------------------------------------------------------------------------------------------


async def are_registered(client: Client, *, wanted: bool | None) -> bool | None:
    """Whether the runs of a worker are to set the search attributes.

    Args:
        client: The worker's.
        wanted: Whether they are to, as its user says; None where that depends on the server.

    Returns:
        None if the server does not say whether it has all of them, and of the right types.

    Raises:
        GraphError: They are wanted, and missing: a server takes no workflow task that sets others than it has.
    """
    if wanted is False:
        return False
    try:
        found = await _found(client)
    except RPCError as error:
        # Temporal Cloud, and a server to which this client may not put the question.
        logger.info("The server does not tell its search attributes: %s", error)
        return await _known(client, wanted)
    missing = ", ".join(name for name in TYPES if name not in found)
    why = _wrong(found) or (f"these search attributes are missing: {missing}" if missing else "")
    if wanted and why:
        raise _not_there(why)
    if found and why:
        logger.warning("Runs do not show what they wait for: %s", why)
    return not why


async def _known(client: Client, wanted: bool | None) -> bool | None:
    """The same where they are not listed: whether they are there can be found out, but not of which types they are."""
    try:
        await client.count_workflows(ALL_OF_THEM, rpc_timeout=WAIT)
    except RPCError as error:
        if not isinstance(_error(error, False), NotRegisteredError):
            return wanted
        if wanted:
            raise _not_there(error.message) from error
        return False
    if not wanted:
        logger.warning(
            "Runs do not begin to show what they wait for: the search attributes are there, but this worker may not "
            "list them, to see of which types they are. %s",
            SET_THEM,
        )
    return wanted


def _not_there(why: str) -> GraphError:
    return GraphError(
        "search_attributes=True, but the Temporal server does not have those of the approval queue, and would take no "
        f"task that sets them: {why.rstrip('.')}. Register them with `python worker/main.py "
        "--register-search-attributes`, or `await register_search_attributes(client)`."
    )


async def register(client: Client) -> list[str]:
    """Register the search attributes that a server does not have yet.

    Returns:
        Their names.

    Raises:
        GraphError: One of them exists with another type, or the server does not let us.
    """
    try:
        found = await _found(client)
        wrong = _wrong(found)
        if wrong:
            raise GraphError(wrong)
        new = [name for name in TYPES if name not in found]
        if new:
            request = api.AddSearchAttributesRequest(namespace=client.namespace)
            for name in new:
                request.search_attributes[name] = TYPES[name]
            await client.operator_service.add_search_attributes(request, timeout=WAIT)
            await _taken(client)
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:
            return await register(client)  # somebody else was quicker
        raise GraphError(
            f"The Temporal server does not register search attributes for namespace {client.namespace!r}: "
            f"{error.message.rstrip('.')}. Who runs the server can: {_by_hand()}"
        ) from error
    return new


async def _found(client: Client) -> dict[str, Any]:
    request = api.ListSearchAttributesRequest(namespace=client.namespace)
    response = await client.operator_service.list_search_attributes(request, timeout=WAIT)
    return {name: kind for name, kind in response.custom_attributes.items() if name in TYPES}


def _wrong(found: Mapping[str, Any]) -> str:
    for name, kind in found.items():
        if kind != TYPES[name]:
            return (
                f"The search attribute {name!r} is registered as {_name(kind)}, and must be {_name(TYPES[name])}. If "
                f"nobody needs that one, remove it (temporal operator search-attribute remove --name {name}), and "
                "register it again."
            )
    return ""


def _name(kind: Any) -> str:
    """`KeywordList` for `INDEXED_VALUE_TYPE_KEYWORD_LIST`."""
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").title().replace("_", "")


def _by_hand() -> str:
    given = " ".join(f"--name {name} --type {_name(kind)}" for name, kind in TYPES.items())
    return f"temporal operator search-attribute create {given}"


async def _taken(client: Client) -> None:
    """Wait until the attributes can be asked for."""
    async with asyncio.timeout(TAKEN):
        while True:
            try:
                await client.count_workflows(ALL_OF_THEM)
                return
            except RPCError as error:
                if error.status != RPCStatusCode.INVALID_ARGUMENT:
                    raise
            await asyncio.sleep(0.2)


# -- The list ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """What is looked for.

    Attributes:
        graphs: The graphs; empty for all.
        assignee: Who is asked; None for whoever it is.
        overdue_at: When the deadline must have passed; None for whenever it is.
        is_exact: Rather find some runs less than some more.
    """

    graphs: Sequence[str] = ()
    assignee: str | None = None
    overdue_at: datetime | None = None
    is_exact: bool = False

    def query(self) -> str:
        """As a server takes it that has the search attributes: what shows that it waits, and what does not show it."""
        return f"{self.running()} AND (({self._shown()}) OR {_UNSHOWN})"

    def shown(self) -> str:
        """The first part of it."""
        return f"{self.running()} AND {self._shown()}"

    def unshown(self) -> str:
        """The second part of it: runs that have asked something while their worker set no attributes."""
        return f"{self.running()} AND {_UNSHOWN}"

    def _shown(self) -> str:
        parts = [f"{GRAPH_PENDING_NODES} IS NOT NULL"]
        if self.assignee is not None:
            wanted = [word_of(self.assignee), *([] if self.is_exact else [MORE])]
            parts.append(f"{GRAPH_ASSIGNEES} IN ({', '.join(map(quoted, wanted))})")
        if self.overdue_at is not None:
            until = self.overdue_at if self.is_exact else self.overdue_at + FINER
            parts.append(f"{GRAPH_DEADLINE} < {quoted(until.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ'))}")
        return " AND ".join(parts)

    def running(self) -> str:
        """As any server takes it: all that run, of these graphs."""
        query = OPEN
        if self.graphs and all(self.is_found(name) for name in self.graphs):
            query += f" AND WorkflowType IN ({', '.join(map(quoted, self.graphs))})"
        return query

    def has(self, graph: str) -> bool:
        """Whether runs of this graph are looked for."""
        return not self.graphs or graph in self.graphs

    @staticmethod
    def is_found(name: str) -> bool:
        """Whether every server finds a graph by its name; SQLite's does not if there is something to escape in it."""
        return name.isprintable() and not any(mark in name for mark in '"\\')


def quoted(text: str) -> str:
    """A text in a query."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_UNSHOWN = f"TemporalChangeVersion = {quoted(UNSHOWN)}"


@dataclass(frozen=True)
class Found:
    """A run in the list.

    Attributes:
        run_id: Its id.
        graph: Its graph.
        questions: What it waits for, as far as the list says.
        is_whole: Whether that is all; if not, the run has to be asked.
        is_shown: Whether the list says anything.
        task_queue: Where its workers look for work.
        problem: Why it is blocked; None where it is not, as far as the list says.
        since: When this history of it began.
        is_paused: Whether Temporal itself has paused it.
    """

    run_id: str
    graph: str
    questions: Sequence[Mapping[str, Any]] = ()
    is_whole: bool = False
    is_shown: bool = False
    task_queue: str = ""
    problem: str | None = None
    since: datetime | None = None
    is_paused: bool = False


async def page(client: Client, query: str, size: int, token: bytes) -> tuple[list[Found], bytes]:
    """A page of the list, and where the next one begins; nothing after the last.

    Raises:
        NotRegisteredError: The server does not know the attributes in the query.
        GraphInputError: It does not know the token.
        GraphError: It does not answer, or the list cannot be read.
    """
    request = requests.ListWorkflowExecutionsRequest(
        namespace=client.namespace, page_size=size, next_page_token=token, query=query
    )
    try:
        # The SDK's own listing cannot read all statuses, and none of a page in which such a run is.
        listing = await client.workflow_service.list_workflow_executions(request, retry=True)
    except RPCError as error:
        if _knows_no_pause(error) and not token:
            return await page(client, query.replace(OPEN, RUNNING), size, token)
        raise _error(error, bool(token)) from error
    found = [await _read(client, info) for info in listing.executions]
    return list(await asyncio.gather(*(_explained(client, run) for run in found))), listing.next_page_token


async def _explained(client: Client, run: Found) -> Found:
    """The same run, and why it stands still, where the list says only that it does."""
    return replace(run, problem=await why_blocked(handle_of(client, run.run_id))) if run.problem == "" else run


async def count(client: Client, query: str) -> int:
    """How many runs a query finds.

    Raises:
        NotRegisteredError: The server does not know the attributes in the query.
        GraphError: It does not answer.
    """
    try:
        return (await client.count_workflows(query)).count
    except RPCError as error:
        if _knows_no_pause(error):
            return await count(client, query.replace(OPEN, RUNNING))
        raise _error(error, False) from error


def _knows_no_pause(error: RPCError) -> bool:
    """Whether a server is so old that it has no runs that it has paused itself."""
    return error.status == RPCStatusCode.INVALID_ARGUMENT and "Paused" in error.message


def _error(error: RPCError, has_token: bool) -> Exception:
    if error.status == RPCStatusCode.INVALID_ARGUMENT and any(name in error.message for name in TYPES):
        return NotRegisteredError()
    if has_token and error.status in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.UNKNOWN, RPCStatusCode.INTERNAL):
        return GraphInputError(f"The Temporal server does not know this token of a page: {error.message}")
    if error.status == RPCStatusCode.UNAVAILABLE:
        return UnavailableError(f"The Temporal server cannot be reached: {error.message}")
    return GraphError(f"The Temporal server does not list its runs: {error.message}")


async def _read(client: Client, info: WorkflowExecutionInfo) -> Found:
    run_id = info.execution.workflow_id
    # A server says so after some attempts at a task that failed.
    is_stuck = REPORTED in info.search_attributes.indexed_fields
    found = Found(
        run_id,
        info.type.name,
        task_queue=info.task_queue,
        problem="" if is_stuck else None,
        since=info.start_time.ToDatetime(UTC),
        is_paused=info.status == PAUSED,
    )
    if GRAPH_PENDING not in info.memo.fields:
        return found
    try:
        context = WorkflowSerializationContext(namespace=client.namespace, workflow_id=run_id)
        converter = client.data_converter.with_context(context)
        [memo] = await converter.decode([info.memo.fields[GRAPH_PENDING]], [RawValue])
        read: Any = json.loads(from_raw(memo))
        problem = "" if is_stuck else read.get("problem")
        return replace(
            found,
            questions=read["questions"],
            is_whole=not read["more"],
            is_shown=True,
            problem=problem or found.problem,
        )
    except Exception as error:  # of a codec, too
        raise GraphError(
            f"What run {run_id!r} waits for cannot be read ({type(error).__name__}: {error}). Does this client "
            "have the payload codec of the workers?"
        ) from error


class Asking:
    """Asks runs what they wait for of which the list does not say it all; for all the pages of one listing.

    Some are asked at once. Where one has not answered in time, and no other has on its task queue meanwhile, nobody
    works there: those that are still to be asked there are not.

    Attributes:
        silent: The ids of the runs for which nobody answered, of whose questions some may lack.
    """

    def __init__(self, client: Client) -> None:
        self.silent: set[str] = set()
        self._client = client
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._answers: Counter[str] = Counter()
        self._deserted: set[str] = set()
        self._waited_for = 0

    async def of(self, runs: Sequence[Found]) -> list[Found]:
        """The same runs with all that they wait for, without those that are of no graph."""
        found = await asyncio.gather(*(self._ask(run) for run in runs))
        return [run for run in found if run is not None]

    async def _ask(self, run: Found) -> Found | None:
        if run.is_whole or run.problem is not None:
            return run
        async with self._at_once:
            if run.is_paused or run.task_queue in self._deserted:
                return self._lost(run)  # nobody can look at what Temporal has paused
            handle = handle_of(self._client, run.run_id)
            before = self._answers[run.task_queue]
            patience = PATIENCE if self._waited_for < WAITED_FOR else HASTE
            try:
                # The client would try again when its own time is over.
                async with asyncio.timeout(patience.total_seconds()):
                    with reading(run.run_id):
                        questions: Any = await handle.query(PENDING_INTERRUPTS, rpc_timeout=PATIENCE)
            except GraphError as error:
                self._heard(run)
                logger.warning("%s", error)
                return self._lost(run)
            except WorkflowQueryFailedError as error:
                self._heard(run)
                problem = await why_blocked(handle, str(error))
                if problem is not None:
                    return replace(run, problem=problem)
                # Every SDK names the query that a workflow does not have. Else the run is one that got stuck, say.
                return None if PENDING_INTERRUPTS in str(error) else self._lost(run)
            except (RPCError, TimeoutError) as error:
                if isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND:
                    return None  # it is over, and forgotten
                problem = await why_blocked(handle)
                if problem is not None:
                    return replace(run, problem=problem)
                if isinstance(error, TimeoutError) or error.status in TOO_LATE:
                    self._waited_for += 1
                    if self._answers[run.task_queue] == before:
                        self._deserted.add(run.task_queue)
                return self._lost(run)
        self._heard(run)
        problems = (question.get("problem") or "" for question in questions)
        problem = next((problem for problem in problems if problem.startswith(CANNOT_READ)), None)
        return replace(run, questions=[listed(question) for question in questions], is_whole=True, problem=problem)

    def _heard(self, run: Found) -> None:
        self._answers[run.task_queue] += 1
        self._deserted.discard(run.task_queue)

    def _lost(self, run: Found) -> Found:
        self.silent.add(run.run_id)
        return run


async def refresh(client: Client, waiting: Waiting) -> int:
    """Have the runs show what they wait for that do not yet.

    Returns:
        How many runs have been told to.

    Raises:
        NotRegisteredError: The server does not know the attributes.
        GraphError: It does not answer.
    """
    at_once = asyncio.Semaphore(AT_ONCE)

    async def tell(run_id: str) -> bool:
        async with at_once:
            try:
                await handle_of(client, run_id).signal(SHOW)
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return False  # it has ended
                raise_rpc(run_id, error)
        return True

    query = f"{waiting.running()} AND ({GRAPH_STATUS} IS NULL OR {_UNSHOWN})"
    told, token = 0, b""
    while True:
        found, token = await page(client, query, 1_000, token)
        mute = [run.run_id for run in found if waiting.has(run.graph) and not run.is_shown]
        told += sum(await asyncio.gather(*map(tell, mute)))
        if not token:
            return told
