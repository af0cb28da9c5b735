"""The questions of all runs in one queue: who is asked what, since when and until when; and answers to them."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .commands import NOTHING, Command
from .compile.targets import answer_json, dump_command, shown
from .errors import AnswerRefusedError, GraphError, GraphInputError, RunPausedError
from .sending import id_of_run, said, text_of
from .verdicts import verdict
from .views import Accepted, Interrupt, read_accepted, read_interrupts

if TYPE_CHECKING:
    from temporalio.client import Client

    from .temporal.visibility_client import Asking, Found, Waiting

__all__ = ["ApprovalQueue", "Pending", "PendingPage", "register_search_attributes"]

logger = logging.getLogger(__name__)

Order: TypeAlias = Literal["deadline", "created"]

MOST_SORTED = 20_000
"""How many questions are put in order: a Temporal server does not do it, so all of them must come here first."""
FETCHED = 200
"""How many runs are fetched at once where the caller does not say."""
LARGEST_PAGE = 1_000
"""As servers are set up, they give no more at once."""
NAMED = 10
"""How many of the runs that are missing the log names."""


@dataclass(frozen=True)
class Pending:
    """A question in the queue.

    Attributes:
        run_id: The run that asks.
        graph: The graph's name.
        interrupt_id: The question, for `ApprovalQueue.answer`.
        node_id: The node that asks.
        kind: What kind of question it is; see `Interrupt`.
        value: What is shown to the person, as JSON; if that has more than 400 characters, `{"cut": beginning}`.
            `ApprovalQueue.questions` has all of it.
        assignees: Who is asked; empty for anybody.
        deadline: Until when it can be answered; None for ever.
        created_at: When it was asked, with time zone.
        escalation_level: How often it was handed on for want of an answer.
        status: `waiting`; `blocked`, where no worker that is there can go on with the run; or `paused`, where Temporal
            itself has paused it: it takes no answer until `temporal workflow unpause`.
        problem: Why it is blocked.
    """

    run_id: str
    graph: str
    interrupt_id: str
    node_id: str
    kind: Literal["node", "call", "before", "after", "failure", "blocked"]
    value: Any
    assignees: list[str]
    deadline: datetime | None
    created_at: datetime
    escalation_level: int
    status: str = "waiting"
    problem: str | None = None


@dataclass(frozen=True)
class PendingPage:
    """A page of the queue.

    Attributes:
        items: The questions.
        token: For `ApprovalQueue.page(token=...)`, to get the next page; None on the last one.
    """

    items: list[Pending]
    token: str | None


class ApprovalQueue:
    """What the runs on a Temporal server wait for, whatever their graphs: needs a client, but no graph.

    It is found by search attributes, which the workers' runs set as soon as they are registered:
    `python worker/main.py --register-search-attributes`, or `await register_search_attributes(client)`, and then start
    the workers anew. A page of the queue is then one call to the server, and no run is asked anything, except one that
    waits for more than 20 things, or for very long ones. What has just happened is in the list within a second or so.
    Without the attributes every run on the server is asked, which is slow, needs a worker, and is said in the log. So
    is each run whose worker does not set them, because it started before, or may not look whether they are there.

    Args:
        client: A Temporal client, with the payload codec of the workers if they have one.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._warned: set[str] = set()
        # Not before there is a client: it brings most of the SDK.
        from .temporal import client as calls
        from .temporal import looking as looks
        from .temporal import visibility_client as visibility

        self._calls = calls
        self._looks = looks
        self._visibility = visibility

    # -- Looking ----------------------------------------------------------------------------------------------------

    async def pending(
        self,
        *,
        graph: str | Sequence[str] | None = None,
        assignee: str | None = None,
        overdue: bool | None = None,
        order: Order | None = None,
    ) -> AsyncIterator[Pending]:
        """The questions that are open, page by page as they are asked for.

        Args:
            graph: Only those of runs of this graph, or of these; by name.
            assignee: Only those that this person is asked; those that anybody may answer are not among them.
            overdue: Only those whose deadline has passed, or with False only the others. A question with a deadline is
                closed when a worker sees that it has passed, so what is overdue waits for a worker.
            order: `deadline`, the earliest first and at the end those without; or `created`, the oldest first. Temporal
                servers do not sort, so all that there is comes first, up to 20,000 questions. Left out, it is the order
                of the server: the run that was started last comes first.

        Raises:
            GraphInputError: The order is none, or there are too many questions to sort.
            GraphError: The server does not answer, or the list cannot be read.
        """
        look = _Look.of(graph, assignee, overdue)
        if _order(order) is not None:
            for item in await self._sorted(look, cast("Order", order)):
                yield item
            return
        async with contextlib.aclosing(self._pages(look)) as pages:
            async for page in pages:
                for item in page:
                    yield item

    async def page(
        self,
        *,
        size: int = 50,
        token: str | None = None,
        graph: str | Sequence[str] | None = None,
        assignee: str | None = None,
        overdue: bool | None = None,
        order: Order | None = None,
    ) -> PendingPage:
        """One page of the queue, for a web page with a button for the next one.

        In the server's order, a page has the questions of so many runs, which may be a few more, or fewer; in one of
        the other orders, it has so many questions, and all of the queue is fetched anew for each page.

        Args:
            size: How many, from 1 to 1,000.
            token: The `token` of the page before; asked for with the same arguments.
            graph: See `pending`.
            assignee: See `pending`.
            overdue: See `pending`.
            order: See `pending`.

        Raises:
            GraphInputError: The size, the token or the order is none, or there are too many questions to sort.
            GraphError: The server does not answer, or the list cannot be read.
        """
        if not isinstance(cast("Any", size), int) or isinstance(size, bool) or not 1 <= size <= LARGEST_PAGE:
            raise GraphInputError(f"size is {shown(size)}; a page has from 1 to {LARGEST_PAGE:,}.")
        look, order = _Look.of(graph, assignee, overdue), _order(order)
        after = _read_token(token, order)
        if order is None:
            with self._asking() as asking:
                items, rest = await self._fetch(asking, look, size, cast("bytes", after))
                while rest and not items:
                    items, rest = await self._fetch(asking, look, size, rest)
            return PendingPage(items, _token("page", base64.b64encode(rest).decode()) if rest else None)
        items = await self._sorted(look, order)
        if after:
            items = [item for item in items if _place(item, order) > cast("list[str]", after)]
        return PendingPage(items[:size], _token(order, _place(items[size - 1], order)) if len(items) > size else None)

    async def count(
        self,
        *,
        graph: str | Sequence[str] | None = None,
        assignee: str | None = None,
        overdue: bool | None = None,
    ) -> int:
        """How many runs have such a question open, as the server counts them.

        It counts runs, not questions. With more than one condition, a run counts that has a question for each, not only
        one for all of them.

        Args:
            graph: See `pending`.
            assignee: See `pending`; some servers take upper and lower case for the same here, and a run that asks more
                people than go into 2 KB is counted for the first of them.
            overdue: Only runs with a question whose deadline has passed, or with False only the others.

        Raises:
            GraphError: The server does not answer.
        """
        look = _Look.of(graph, assignee, overdue)
        waiting = self._waiting(look, is_exact=True)
        if all(waiting.is_found(name) for name in waiting.graphs):
            try:
                if await self._visibility.count(self._client, waiting.unshown()) == 0:
                    total = await self._visibility.count(self._client, waiting.shown())
                    if overdue is False:
                        late = self._waiting(_Look.of(graph, assignee, True), is_exact=True)
                        total -= await self._visibility.count(self._client, late.shown())
                    return total
            except self._visibility.NotRegisteredError:
                pass  # `pending` says so
        runs: dict[str, bool] = {}
        async for item in self.pending(graph=graph, assignee=assignee):
            runs[item.run_id] = runs.get(item.run_id, False) or look.is_overdue(item)
        return len(runs) if overdue is None else sum(is_late is overdue for is_late in runs.values())

    async def questions(self, run_id: str) -> list[Interrupt]:
        """All that one run asks, with the schemas of answers that fit, oldest first.

        Args:
            run_id: The run.

        Raises:
            RunNotFoundError: There is no such run.
            NoWorkerError: No worker answers.
        """
        return read_interrupts(await self._looks.questions(self._client, id_of_run(run_id, "run_id")))

    async def refresh(self, graph: str | Sequence[str]) -> int:
        """Have runs set the attributes that were waiting when these were registered.

        They do it by themselves when something happens to them, and are asked until then, which is slow. This makes
        it happen, by a signal to each run of the graph that does not set the attributes. The workers must have been
        started anew by then.

        Args:
            graph: The name of their graph, or several.

        Returns:
            How many runs have got the signal.

        Raises:
            GraphInputError: No graph is named.
            GraphError: The attributes are not registered, or the server does not answer.
        """
        look = _Look.of(graph, None, None)
        if not look.graphs:
            raise GraphInputError("refresh() takes the name of a graph: refresh('refund').")
        try:
            return await self._visibility.refresh(self._client, self._waiting(look))
        except self._visibility.NotRegisteredError as error:
            raise GraphError(_CURE) from error

    # -- Answering --------------------------------------------------------------------------------------------------

    async def answer(
        self,
        run_id: str,
        value: Any = NOTHING,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
        comment: str | None = None,
    ) -> Accepted:
        """Answer a question; returns as soon as the answer is taken.

        Args:
            run_id: The run that asks.
            value: The answer; see `GraphRun.resume`. A `Command` may change the state, but leads nowhere: where to is
                checked by the graph, which has `get_run(client, run_id).resume(Command(goto=...))`.
            interrupt_id: The question; may be left out while the run has only one.
            actor: Who answers.
            answer_id: An id of your own for the answer: sent again with the same id, it is the same answer.
            comment: What there is to say besides; `GraphRun.audit` has it, with the answer.

        Returns:
            The answer as it was taken.

        Raises:
            AnswerRefusedError: It was not; `reason` says why, and the run is as it was.
            GraphInputError: It cannot be sent.
            RunNotFoundError: There is no such run.
        """
        sent: dict[str, Any] = {}
        id_of_run(run_id, "run_id")
        if isinstance(value, Command):
            command: Command[Any] = value  # pyright: ignore[reportUnknownVariableType]
            if command.goto is not None:
                raise GraphInputError(
                    "An ApprovalQueue knows no graph, and cannot check where a Command leads. Send it with "
                    "graph.get_run(client, run_id).resume(Command(goto=...))."
                )
            sent.update(dump_command("", {}, None, command))
        elif value is not NOTHING:
            sent["value"] = answer_json(value)
        sent.update(
            interrupt_id=text_of("interrupt_id", interrupt_id),
            actor=text_of("actor", actor),
            answer_id=text_of("answer_id", answer_id) or self._calls.new_id(),
            **said(comment),
        )
        return read_accepted(await self._calls.resume(self._client, run_id, sent))

    async def approve(
        self,
        run_id: str,
        *,
        interrupt_id: str | None = None,
        comment: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
    ) -> Accepted:
        """Say yes to a question; what is sent follows from what it asks for.

        1. A breakpoint, or a node that asks for no field: the run goes on.
        2. A yes or no (`response_type=bool`): true.
        3. An object with a field `approved` that may be true: `{"approved": true}`; of several kinds of objects the one
           for which that is so. A comment goes into its first text field of these: `comment`, `notes`, `reason`; such a
           field that must be there, and gets none, gets an empty text.
        4. Whatever you like (no `response_type`): `{"approved": true}`, and `"comment"`.

        A comment that the answer has no field for goes with it as the `comment` of `answer`: the audit has it. Anything
        else cannot be derived, or wants more fields than these: it takes `answer`.

        Args:
            run_id: The run that asks.
            interrupt_id: The question; may be left out while the run has only one.
            comment: What there is to say.
            actor: Who approves.
            answer_id: An id of your own: sent again with the same id, it is the same answer.

        Returns:
            The answer as it was taken.

        Raises:
            AnswerRefusedError: It was not taken; `reason` says why, and the run is as it was.
            GraphInputError: What would be a yes cannot be derived from the question, or it wants a comment.
            RunNotFoundError: There is no such run.
        """
        return await self._decide(run_id, True, comment, interrupt_id, actor, answer_id)

    async def reject(
        self,
        run_id: str,
        *,
        reason: str | None = None,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
    ) -> Accepted:
        """Say no to a question; what is sent follows from what it asks for, see `approve`.

        It is `false`, or `{"approved": false}`; the reason goes into the first text field of these that there is:
        `reason`, `comment`, `notes`, or into the audit only. A breakpoint cannot be rejected, nor a node that asks for
        no field: cancel the run, or send it elsewhere with a `Command`.

        Args:
            run_id: The run that asks.
            reason: Why; needed where such a field must be there.
            interrupt_id: See `approve`.
            actor: Who rejects.
            answer_id: See `approve`.

        Returns:
            The answer as it was taken.

        Raises:
            AnswerRefusedError: It was not taken; `reason` says why, and the run is as it was.
            GraphInputError: What would be a no cannot be derived from the question, or it wants a reason.
            RunNotFoundError: There is no such run.
        """
        return await self._decide(run_id, False, reason, interrupt_id, actor, answer_id)

    async def _decide(
        self,
        run_id: str,
        is_yes: bool,
        text: str | None,
        interrupt_id: str | None,
        actor: str | None,
        answer_id: str | None,
    ) -> Accepted:
        text_of("comment" if is_yes else "reason", text)
        try:
            state: Mapping[str, Any] = await self._looks.whole(self._client, id_of_run(run_id, "run_id"))
        except RunPausedError as error:
            raise AnswerRefusedError("paused", str(error)) from error
        for accepted in [*state["answered"], *(vote for item in state["interrupts"] for vote in _votes(item))]:
            if answer_id is not None and accepted["answer_id"] == answer_id:
                return read_accepted(accepted)
        question = _question(run_id, state, text_of("interrupt_id", interrupt_id))
        value, comment = verdict(question, is_yes, text)
        name = question["interrupt_id"]
        return await self.answer(run_id, value, interrupt_id=name, actor=actor, answer_id=answer_id, comment=comment)

    # -- Fetching ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _asking(self) -> Generator[Asking]:
        """For one listing, of however many pages; says at its end what it lacks."""
        asking = self._visibility.Asking(self._client)
        try:
            yield asking
        finally:
            if asking.silent:
                names = sorted(asking.silent)
                rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                logger.warning(
                    "%d of the runs that were asked are missing in the queue, or some of their questions, because no "
                    "worker said what they wait for: %s%s",
                    len(names),
                    ", ".join(map(repr, names[:NAMED])),
                    rest,
                )

    async def _fetch(self, asking: Asking, look: _Look, size: int, token: bytes) -> tuple[list[Pending], bytes]:
        waiting = self._waiting(look)
        try:
            found, token = await self._visibility.page(self._client, waiting.query(), size, token)
            is_registered = True
        except self._visibility.NotRegisteredError:
            is_registered = False
            self._warn(f"{_CURE} Until then every run is asked what it waits for, which is slow.")
            found, token = await self._visibility.page(self._client, waiting.running(), size, token)
        known = [run for run in found if waiting.has(run.graph)]
        runs = await asking.of(known)
        if is_registered and any(run.questions and not run.is_shown for run in runs):
            self._warn(_UNSHOWN)
        return [item for run in runs for item in _items(run) if look.has(item)], token

    async def _pages(self, look: _Look) -> AsyncGenerator[list[Pending]]:
        token = b""
        with self._asking() as asking:
            while True:
                items, token = await self._fetch(asking, look, FETCHED, token)
                yield items
                if not token:
                    return

    async def _sorted(self, look: _Look, order: Order) -> list[Pending]:
        items: list[Pending] = []
        async with contextlib.aclosing(self._pages(look)) as pages:
            async for page in pages:
                items += page
                if len(items) > MOST_SORTED:
                    raise GraphInputError(
                        f"More than {MOST_SORTED:,} questions are open, too many to sort. Look for some of them, with "
                        "graph=, assignee= or overdue=True, or leave order= out."
                    )
        return sorted(items, key=lambda item: _place(item, order))

    def _waiting(self, look: _Look, *, is_exact: bool = False) -> Waiting:
        return self._visibility.Waiting(
            look.graphs, look.assignee, look.now if look.overdue is True else None, is_exact=is_exact
        )

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            logger.warning("%s", message)


_CURE = (
    "The search attributes of the approval queue are not registered on this Temporal server. Register them with "
    "`python worker/main.py --register-search-attributes`, or `await register_search_attributes(client)`, and start "
    "the workers anew."
)
"""What helps where the attributes are missing."""
_UNSHOWN = (
    "Some runs do not show in search attributes what they wait for, and are asked, which is slow: their workers "
    "started before the attributes were registered, or may not list those of the server. Start the workers anew, or "
    "give their GraphPlugin search_attributes=True; then `await queue.refresh(graph)`."
)
"""What is said of runs that are found all the same; and what helps."""


async def register_search_attributes(client: Client) -> list[str]:
    """Register the search attributes by which `ApprovalQueue` finds what waits; those that are there stay.

    Workers look for them when they start, so start them anew afterwards. A server whose lists are kept in SQL has room
    for three lists of keywords in a namespace, of which these are two.

    Args:
        client: A Temporal client, for the namespace of the runs.

    Returns:
        The names of those that are new.

    Raises:
        GraphError: One of them exists with another type, or the server does not let this client register any.
    """
    from .temporal.visibility_client import register

    return await register(client)


@dataclass(frozen=True)
class _Look:
    """What a caller looks for."""

    graphs: tuple[str, ...]
    assignee: str | None
    overdue: bool | None
    now: datetime

    @staticmethod
    def of(graph: Any, assignee: Any, overdue: Any) -> _Look:
        given: Any = () if graph is None else [graph] if isinstance(graph, str) else graph
        if not isinstance(given, Sequence) or not all(isinstance(name, str) for name in cast("Sequence[Any]", given)):
            raise GraphInputError(f"graph is {shown(graph)}; it takes the name of a graph, or several.")
        if not isinstance(overdue, bool | None):
            raise GraphInputError(f"overdue is {shown(overdue)}; it takes True, False or None.")
        graphs = tuple(dict.fromkeys(cast("Sequence[str]", given)))
        return _Look(graphs, text_of("assignee", assignee), overdue, datetime.now(UTC))

    def has(self, item: Pending) -> bool:
        """Whether a question is looked for."""
        is_theirs = self.assignee is None or self.assignee in item.assignees
        return is_theirs and (self.overdue is None or self.is_overdue(item) is self.overdue)

    def is_overdue(self, item: Pending) -> bool:
        return item.deadline is not None and item.deadline < self.now


def _items(run: Found) -> list[Pending]:
    if run.problem is not None and not run.questions and run.since is not None:
        # Nobody can say what it waits for.
        return [Pending(run.run_id, run.graph, "", "", "blocked", None, [], None, run.since, 0, "blocked", run.problem)]
    return [
        Pending(
            run.run_id,
            run.graph,
            item["interrupt_id"],
            item["node_id"],
            item["kind"],
            item["value"],
            list(item["assignees"]),
            None if item["deadline"] is None else datetime.fromisoformat(item["deadline"]),
            datetime.fromisoformat(item["created_at"]),
            item["escalation_level"],
            "paused" if run.is_paused else "waiting" if _problem(run, item) is None else "blocked",
            _problem(run, item),
        )
        for item in run.questions
    ]


def _problem(run: Found, item: Mapping[str, Any]) -> str | None:
    """Why a run cannot go on that asks a question; what that shows may be cut."""
    if item["kind"] != "blocked" or run.problem is not None:
        return run.problem
    shown = cast("dict[str, Any]", item["value"])
    return str(shown["cut"] if "cut" in shown else shown["error"]["message"])


def _order(order: Any) -> Order | None:
    if order not in (None, "deadline", "created"):
        raise GraphInputError(f"order is {shown(order)}; it takes 'deadline', 'created' or None.")
    return order


def _place(item: Pending, order: Order) -> list[str]:
    """Where a question stands in an order."""
    created = item.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    deadline = "~" if item.deadline is None else item.deadline.astimezone(UTC).isoformat(timespec="microseconds")
    first = [deadline, created] if order == "deadline" else [created]
    return [*first, item.run_id, item.interrupt_id]


def _token(kind: str, place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, place]).encode()).decode().rstrip("=")


def _read_token(token: Any, order: Order | None) -> bytes | list[str]:
    """Where a page begins: the server's own token, or the place of the last question before it."""
    if token is None:
        return b""
    try:
        kind, place = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if kind == (order or "page"):
            return base64.b64decode(place) if order is None else [str(part) for part in place]
    except (ValueError, TypeError):
        pass
    raise GraphInputError(f"{shown(token)} is no token of a page in this order; begin without one.")


def _question(run_id: str, state: Mapping[str, Any], interrupt_id: str | None) -> dict[str, Any]:
    """The open question that is meant."""
    opened: list[dict[str, Any]] = state["interrupts"]
    found = [item for item in opened if interrupt_id is None or item["interrupt_id"] == interrupt_id]
    found = found or [item for item in opened if item["node_id"] == interrupt_id]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(repr(item["interrupt_id"]) for item in found or opened)
    if found:
        raise AnswerRefusedError("ambiguous", f"{len(found)} questions are open. Say which with interrupt_id: {ids}.")
    raise _gone(run_id, state, interrupt_id, ids)


def _gone(run_id: str, state: Mapping[str, Any], interrupt_id: str | None, ids: str) -> AnswerRefusedError:
    """Why a question is not open."""
    for accepted in state["answered"]:
        if accepted["interrupt_id"] == interrupt_id:
            if accepted.get("via") == "timeout":
                at = accepted["answered_at"]
                message = f"Nobody had answered {interrupt_id!r} in time; it stopped waiting at {at}."
                return AnswerRefusedError("expired", message)
            by = f" by {accepted['actor']}" if accepted["actor"] else ""
            message = f"{interrupt_id!r} was answered{by} at {accepted['answered_at']}."
            return AnswerRefusedError("already_answered", message)
    if state["status"] in ("finished", "failed", "cancelled"):
        return AnswerRefusedError("closed", f"Run {run_id!r} has ended ({state['status']}); it asks nothing any more.")
    message = f"No such question is open. Open: {ids}." if ids else "No question is open."
    return AnswerRefusedError("unknown_interrupt", message)


def _votes(question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What people have said so far to a question that several must answer, as it was taken."""
    said: list[dict[str, Any]] = question.get("answers") or []
    missing: int = question.get("quorum", 1)
    return [
        {"interrupt_id": question["interrupt_id"], **vote, "missing": missing - number}
        for number, vote in enumerate(said, 1)
    ]
