"""People are told what happens to the questions of runs, whatever becomes of workers, runs and notifiers meanwhile."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial, wraps
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from temporal_graph import (
    AuditEntry,
    GraphDefinitionError,
    GraphPlugin,
    GraphRun,
    GraphRunError,
    InterruptibleGraph,
    RunCancelledError,
    TemporalGraph,
)
from temporal_graph.notify import Notification, Notifier, NotifyError, Webhook, each, verify
from temporal_graph.temporal.names import DELIVER
from temporal_graph.temporal.notifying import AT_ONCE
from tests.notify import graphs
from tests.notify.graphs import Ask, Claim, Log, Patience
from tests.notify.receiving import SECRET, Receiver
from tests.replay.serving import chain, until
from tests.server.conftest import Serve
from tests.server.conftest import serve as serve  # a fixture
from tests.server.looking import UPDATED, is_unharmed


@dataclass
class Told:
    """A notifier that remembers what it was told, once it is open; before that, it hangs."""

    got: list[Notification] = field(default_factory=list[Notification])
    began: list[Notification] = field(default_factory=list[Notification])
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, notification: Notification) -> None:
        self.began.append(notification)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.is_open.wait()
        finally:
            self.at_once -= 1
        self.got.append(notification)

    @property
    def by_id(self) -> dict[str, Notification]:
        return {notification.id: notification for notification in self.got}

    @property
    def said(self) -> list[str]:
        """What was told, without what was told again."""
        return [f"{told.event} {told.interrupt.interrupt_id}" for told in self.by_id.values()]

    async def hears(self, count: int) -> None:
        async def look() -> bool:
            return len(self.by_id) >= count

        await until(look)


@pytest.fixture
def told() -> Told:
    opened = Told()
    opened.is_open.set()
    return opened


@pytest.fixture
def hanging() -> Told:
    return Told()


def of_notifications(audit: list[AuditEntry]) -> list[tuple[str, str]]:
    return [(entry.kind, entry.data["event"]) for entry in audit if entry.kind.startswith("notification")]


async def delivering(client: Client, run_id: str) -> list[str]:
    """The workflows that were left something by a run, as its audit has them."""
    audit = await graphs.asking.get_run(client, run_id).audit()
    return list(dict.fromkeys(entry.data["workflow_id"] for entry in audit if entry.kind == "notification_left"))


async def delivered(client: Client, run_id: str) -> None:
    """Wait for what a run has left, and replay it."""
    names = await delivering(client, run_id)
    assert names
    for name in names:
        handle = client.get_workflow_handle(name)
        await handle.result()
        description = await handle.describe()
        assert (description.workflow_type, description.parent_id) == (DELIVER, run_id)
        assert await description.static_summary()
        await Replayer(workflows=[], plugins=[GraphPlugin()]).replay_workflow(await handle.fetch_history())


# -- What is told -----------------------------------------------------------------------------------------------------


async def test_what_a_question_is_and_what_was_answered(serve: Serve, task_queue: str, told: Told) -> None:
    async with serve(graphs.asking, notify=told) as client:
        run = await graphs.asking.start(client, Ask({"a": 1}), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [asked] = await run.pending_interrupts()
        await run.resume("end", actor="ann", comment="at last")
        await run.result()
        await told.hears(2)
        audit = await run.audit()
    opened, answered = told.got
    assert (opened.event, opened.graph, opened.run_id, opened.answer) == ("opened", "asking", task_queue, None)
    assert opened.interrupt == asked
    assert opened.at == asked.created_at
    assert answered.event == "answered"
    assert answered.answer is not None
    assert (answered.answer.value, answered.answer.actor, answered.answer.via) == ("end", "ann", "update")
    assert answered.answer.answered_at == answered.at
    assert answered.answer.comment == "at last"
    assert [entry.kind for entry in audit] == ["asked", "answered"]


async def test_each_plugin_of_a_worker_has_its_own_notifier(server_address: str, task_queue: str, told: Told) -> None:
    others = Told()
    others.is_open.set()
    plugins = [GraphPlugin(graphs.asking, notify=told), GraphPlugin(graphs.claim, notify=others)]
    client = await Client.connect(server_address, plugins=plugins)
    async with Worker(client, task_queue=task_queue):
        asking = await graphs.asking.start(client, Ask(), state=Log(), id=f"{task_queue}-1", task_queue=task_queue)
        claim = await graphs.claim.start(client, Claim(), id=f"{task_queue}-2", task_queue=task_queue)
        await asyncio.gather(told.hears(1), others.hears(1))
        await asking.cancel()
        await claim.cancel()
    assert [notification.graph for notification in (*told.got, *others.got)] == ["asking", "claim"]


async def test_a_fork_tells_of_the_questions_that_it_begins_with(serve: Serve, task_queue: str, told: Told) -> None:
    async with serve(graphs.asking, notify=told) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [*_, last] = [checkpoint async for checkpoint in run.history()]
        fork = await run.fork(last.checkpoint_id, id=f"{task_queue}-fork", task_queue=task_queue)
        await told.hears(2)
        for one in (run, fork):
            await one.resume("end")
            await one.result()
        await told.hears(4)
    assert sorted((each.event, each.run_id) for each in told.got) == [
        *[("answered", run.id), ("answered", fork.id)],
        *[("opened", run.id), ("opened", fork.id)],
    ]


async def test_what_is_long_is_cut(serve: Serve, task_queue: str, told: Told) -> None:
    async with serve(graphs.asking, notify=told) as client:
        run = await graphs.asking.start(client, Ask("x" * 900_000), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("y" * 200_000, actor="a" * 1_000, answer_id="i" * 1_000)
        await run.wait()
        await run.resume("end")
        await told.hears(4)
        await run.result()
    opened, answered, *_ = told.got
    assert len(opened.interrupt.value["cut"]) < 21_000
    assert answered.answer is not None
    assert len(answered.answer.value["cut"]) < 21_000
    assert len(answered.answer.actor or "") < 300
    assert len(answered.answer.answer_id or "") < 300


async def test_300_questions(serve: Serve, task_queue: str, hanging: Told) -> None:
    """A notifier that hangs does not get all the slots of a worker."""
    told = hanging
    names = [f"p{number}" for number in range(300)]
    async with serve(graphs.everybody, notify=told) as client:
        run = await graphs.everybody.start(client, inputs=names, id=task_queue, task_queue=task_queue)
        await run.wait()
        await until(_has_begun(told, AT_ONCE))
        assert len(await run.pending_interrupts()) == 300
        told.is_open.set()
        await told.hears(300)
        assert told.most_at_once == AT_ONCE
        await run.resume_all({asked.interrupt_id: "yes" for asked in await run.pending_interrupts()})
        assert (await run.result()).output == ["yes"] * 300
        if await delivering(client, run.id):  # the run may end before all is told
            await delivered(client, run.id)
        await told.hears(600)
    assert Counter(each.event for each in told.by_id.values()) == {"opened": 300, "answered": 300}
    assert {each.interrupt.value for each in told.by_id.values()} == set(names)


# -- Workers with a notifier, and without -----------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False], ids=["with", "without"])
async def test_workers_are_given_a_notifier_and_lose_it_while_a_run_waits(
    serve: Serve, task_queue: str, told: Told, first: bool
) -> None:
    """What happens while a worker has one is told; and each replays what the others did."""
    expected: list[str] = []
    async with serve(graphs.asking, max_cached_workflows=0) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        if not first:
            await run.wait()
    for lap in range(1, 6):
        is_told = (lap % 2 == 1) == first
        async with serve(graphs.asking, notify=told if is_told else None, max_cached_workflows=0) as client:
            run = graphs.asking.get_run(client, task_queue)
            if lap == 1 and first:
                await run.wait()
                expected.append("opened Ask:1.0")
            await run.resume("on")
            await run.wait()
            if is_told:
                expected += [f"answered Ask:{lap}.0", f"opened Ask:{lap + 1}.0"]
                await told.hears(len(expected))
    async with serve(graphs.asking) as client:
        await graphs.asking.get_run(client, task_queue).cancel()
        with pytest.raises(RunCancelledError):
            await graphs.asking.get_run(client, task_queue).result()
        assert await is_unharmed(client, task_queue)
    assert sorted(told.said) == sorted(expected)


async def test_what_is_on_its_way_waits_for_a_worker_that_has_a_notifier(
    serve: Serve, task_queue: str, told: Told, hanging: Told
) -> None:
    async with serve(graphs.asking, notify=hanging) as client:
        await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await until(_has_begun(hanging))
    async with serve(graphs.asking, max_cached_workflows=0) as client:
        await until(lambda: _has_come_to_nobody(client, task_queue))
    async with serve(graphs.asking, notify=told, max_cached_workflows=0) as client:
        await told.hears(1)
        await graphs.asking.get_run(client, task_queue).cancel()
        with pytest.raises(RunCancelledError):
            await graphs.asking.get_run(client, task_queue).result()
    assert {each.id for each in hanging.began} == {each.id for each in told.got}


async def _has_come_to_nobody(client: Client, run_id: str) -> bool:
    described = await client.get_workflow_handle(run_id).describe()
    return any("has no notifier" in each.last_failure.message for each in described.raw_description.pending_activities)


async def _hang(notifier: Told, most: int) -> bool:
    return notifier.at_once <= most


async def _has_heard(run: GraphRun[Any, Any], answer: str) -> bool:
    return answer in (await run.get_state()).values.lines


def _has_begun(notifier: Told, count: int = 1) -> Callable[[], Any]:
    async def look() -> bool:
        return len(notifier.began) >= count

    return look


# -- The end of a history ---------------------------------------------------------------------------------------------


async def test_what_is_on_its_way_goes_along_when_a_run_continues_as_new(
    serve: Serve, task_queue: str, hanging: Told
) -> None:
    async with serve(graphs.short, notify=hanging) as client:
        run = await graphs.short.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        for _ in range(9):
            await run.wait()
            await run.resume("on")
        await run.wait()
        assert len(await chain(client, run.id)) > 2
        # What a history has left behind hangs for a few seconds more, and not for the two minutes that it may.
        await until(lambda: _hang(hanging, 19), timeout=30)
        hanging.is_open.set()
        await hanging.hears(19)
        await run.wait()
        await run.resume("end")
        await run.result()
        await hanging.hears(20)
        # Who waits while the run lingers waits on, and does not ask again and again: 20 calls, and once more each time
        # that the run continued as new.
        histories = await chain(client, run.id)
        updates = [event for history in histories for event in history.events if event.event_type == UPDATED]
        assert len(updates) < 20 + len(histories)
    expected = [f"{event} Ask:{number}.0" for number in range(1, 11) for event in ("opened", "answered")]
    assert sorted(hanging.said) == sorted(expected)
    assert len(hanging.by_id) == 20


async def test_what_is_too_much_to_go_along_is_left_to_another_workflow(
    serve: Serve, task_queue: str, hanging: Told
) -> None:
    async with serve(graphs.short, notify=hanging) as client:
        run = await graphs.short.start(client, Ask("x" * 19_000), state=Log(), id=task_queue, task_queue=task_queue)
        for _ in range(9):
            await run.wait()
            await run.resume("y" * 19_000)
        await run.wait()
        audit = await run.audit()
        assert "notification_left" in {entry.kind for entry in audit}
        hanging.is_open.set()
        await delivered(client, run.id)
        await hanging.hears(19)
        await run.cancel()
        with pytest.raises(RunCancelledError):
            await run.result()
    expected = [f"{event} Ask:{number}.0" for number in range(1, 10) for event in ("opened", "answered")]
    assert sorted(hanging.said) == sorted([*expected, "opened Ask:10.0"])


@pytest.mark.parametrize("end", ["end", "fail", "cancel"])
async def test_a_run_that_ends_leaves_the_rest_to_another_workflow(
    serve: Serve, task_queue: str, hanging: Told, end: str
) -> None:
    async with serve(graphs.asking, notify=hanging) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        if end == "end":
            await run.resume("end")
            assert (await run.result()).output == ["end"]
        elif end == "fail":
            await run.resume("fail")
            with pytest.raises(GraphRunError):
                await run.result()
        else:
            await run.cancel()
            with pytest.raises(RunCancelledError):
                await run.result()
        assert not hanging.got
        events_left = [entry.data["event"] for entry in await run.audit() if entry.kind == "notification_left"]
        hanging.is_open.set()
        await delivered(client, run.id)
    expected = ["opened"] if end == "cancel" else ["opened", "answered"]
    assert events_left == expected
    assert [each.event for each in hanging.by_id.values()] == expected
    assert len(hanging.began) == 2 * len(expected)  # by the run, and after it


async def test_a_run_that_is_cancelled_while_it_waits_for_what_is_on_its_way(
    serve: Serve, task_queue: str, hanging: Told
) -> None:
    """It has ended before, and what is left is told."""
    async with serve(graphs.asking, notify=hanging) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("end")
        await until(_has_begun(hanging, 2))
        await until(lambda: _has_heard(run, "end"))
        await run.cancel()
        assert (await run.result()).output == ["end"]
        hanging.is_open.set()
        await delivered(client, run.id)
    assert [each.event for each in hanging.by_id.values()] == ["opened", "answered"]


async def test_a_run_whose_id_takes_all_the_room_there_is(serve: Serve, task_queue: str, hanging: Told) -> None:
    async with serve(graphs.asking, notify=hanging) as client:
        name = task_queue + "x" * (1_000 - len(task_queue))
        run = await graphs.asking.start(client, Ask(), state=Log(), id=name, task_queue=task_queue)
        await run.wait()
        await run.resume("end")
        await run.result()
        hanging.is_open.set()
        await delivered(client, run.id)


async def test_a_graph_whose_name_takes_all_the_room_there_is(serve: Serve, task_queue: str, told: Told) -> None:
    graph = InterruptibleGraph([Ask], name="g" * 996)
    async with serve(graph, notify=told) as client:
        run = await graph.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("end")
        await run.result()
        await told.hears(2)
    assert [each.graph for each in told.got] == [graph.name] * 2


def test_names_of_graphs_that_are_taken() -> None:
    with pytest.raises(GraphDefinitionError, match=r"begin with 'temporal_graph\.' are this package's own"):
        InterruptibleGraph([Ask], name=DELIVER)


# -- Notifiers that fail ----------------------------------------------------------------------------------------------


async def test_what_a_notifier_may_raise(serve: Serve, task_queue: str) -> None:
    """None of it ends the worker, and each is tried again."""
    raised: list[BaseException] = [SystemExit("no"), asyncio.CancelledError(), ValueError("\ud800" * 3_000_000)]
    told: list[Notification] = []

    async def notify(notification: Notification) -> None:
        told.append(notification)
        if raised:
            raise raised.pop()

    async with serve(graphs.asking, notify=notify) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)

        async def went_through() -> Any:
            found = of_notifications(await run.audit())
            return found if len(found) > 1 else None

        assert await until(went_through) == [("notification_failed", "opened"), ("notification_sent", "opened")]
        [entry] = [entry for entry in await run.audit() if entry.kind == "notification_failed"]
        assert (entry.data["error"], entry.data["is_final"]) == ("no", False)
        await run.wait()
        await run.resume("end")
        await run.result()
    assert [each.event for each in told[:3]] == ["opened"] * 3
    assert len({each.id for each in told[:3]}) == 1


async def test_what_is_not_worth_another_try_is_final(serve: Serve, task_queue: str) -> None:
    told: list[str] = []

    async def notify(notification: Notification) -> None:
        told.append(notification.event)
        raise NotifyError("gone for good", retry=False)

    async with serve(graphs.asking, notify=notify) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("end")
        await run.result()
        audit = await run.audit()
    failed = [entry.data for entry in audit if entry.kind == "notification_failed"]
    assert [(data["event"], data["error"], data["is_final"]) for data in failed] == [
        ("opened", "gone for good", True),
        ("answered", "gone for good", True),
    ]
    assert told == ["opened", "answered"]


async def test_a_notifier_that_is_not_async(serve: Serve, task_queue: str) -> None:
    def notify(notification: Notification) -> Any:  # which is not known before it is called
        return "told"

    async with serve(graphs.asking, notify=notify) as client:
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("end")
        await run.result()
        audit = await run.audit()
    said = {(entry.data["error"], entry.data["is_final"]) for entry in audit if entry.kind == "notification_failed"}
    assert said == {("The notifier returned something of type str; it must be an async function: async def.", True)}


def _plain(notification: Notification) -> None: ...


def _says_nothing(notification, **more):
    pass


class _Plain:
    def __call__(self, notification: Notification) -> None: ...


async def _generates(notification: Notification) -> Any:
    yield


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ann", "it must be an async function of a Notification"),
        (_plain, "notify is <function _plain .*, which is no async function. Define it with `async def`; it must be"),
        (_says_nothing, "which is no async function"),
        (print, "notify is <built-in function print>, which is no async function. Define it with `async def`"),
        (lambda notification: None, "which is no async function"),
        (partial(_says_nothing, more=1), "which is no async function"),
        (_Plain(), "which is no async function"),
        (_Plain().__call__, "which is no async function"),
        (_generates, "which is no async function"),
        (Webhook, "is the class 'Webhook' itself"),
        ([Webhook], "notify=each"),
    ],
)
def test_what_is_no_notifier(given: Any, says: str) -> None:
    with pytest.raises(GraphDefinitionError, match=says):
        GraphPlugin(graphs.asking, notify=given)


async def _tells(notification: Notification, to: str = "ann") -> None: ...


@wraps(_tells)
def _wrapped(*args: Any, **kwargs: Any) -> Any:
    return _tells(*args, **kwargs)


def _promises(notification: Notification) -> Awaitable[None]:
    return _tells(notification)


class _Tells:
    async def __call__(self, notification: Notification) -> None: ...

    async def tell(self, notification: Notification) -> None: ...


@pytest.mark.parametrize(
    "given",
    [
        _tells,
        partial(_tells, to="bob"),
        partial(partial(_tells), to="bob"),
        _wrapped,
        _promises,
        _Tells(),
        partial(_Tells()),
        _Tells().tell,
        AsyncMock(),
        each(_tells, _Tells()),
        Webhook("http://localhost:1/", secret=SECRET),
    ],
)
def test_what_is_a_notifier(given: Any) -> None:
    GraphPlugin(graphs.asking, notify=given)


# -- Time is skipped --------------------------------------------------------------------------------------------------


@dataclass
class Failing:
    """A notifier that fails until it is well."""

    is_well: bool = False
    got: list[Notification] = field(default_factory=list[Notification])
    tries: int = 0

    async def __call__(self, notification: Notification) -> None:
        self.tries += 1
        if not self.is_well:
            raise ConnectionError("nobody there")
        self.got.append(notification)


def connected(environment: WorkflowEnvironment, graph: TemporalGraph[Any, Any, Any, Any], notify: Notifier) -> Client:
    config = environment.client.config()
    config["plugins"] = [GraphPlugin(graph, notify=notify)]
    return Client(**config)


async def while_time_passes(environment: WorkflowEnvironment, awaited: Awaitable[Any]) -> None:
    """Wait for something for days; this server's clock stops for good when a workflow ends whose parent has ended."""
    sleeping = asyncio.ensure_future(environment.sleep(timedelta(days=8)))
    try:
        await awaited
    finally:
        sleeping.cancel()
        await asyncio.wait([sleeping])


async def test_a_webhook_that_fails_at_random_and_is_down_for_an_hour(
    time_skipping: WorkflowEnvironment, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event arrives, signed, with an id of its own that is the same in each try; the run waits for none of it."""
    monkeypatch.setattr(logging.getLogger("temporalio.activity"), "disabled", True)  # each try that fails is logged
    dice = random.Random(7)
    receiver = Receiver(statuses=dice.choices([204, 500, 503, 429], [4, 1, 1, 1], k=200))
    webhook = Webhook("http://127.0.0.1:1/", secret=SECRET)
    with receiver:
        webhook = Webhook(f"http://{receiver.address}/hook", secret=SECRET)
        port = receiver.port
    client = connected(time_skipping, graphs.patience, webhook)
    async with Worker(client, task_queue=task_queue):
        run = await graphs.patience.start(client, Patience(), id=task_queue, task_queue=task_queue)
        began = await time_skipping.get_current_time()
        await time_skipping.sleep(timedelta(hours=1))  # in which it is down
        audit = await run.audit()
        assert (await time_skipping.get_current_time()) - began >= timedelta(hours=1)
        with Receiver(statuses=receiver.statuses, port=port) as again:
            await time_skipping.sleep(timedelta(hours=12))
            await run.resume({"text": "hello"}, actor="ann")
            assert (await run.result()).output == "it was said: hello"
            for name in await delivering(client, run.id):
                await while_time_passes(time_skipping, client.get_workflow_handle(name).result())
            later = await run.audit()
    # While nobody was there, all went its way.
    assert not receiver.requests
    assert [entry.kind for entry in audit if not entry.kind.startswith("notification")] == [
        *["asked", "reminded", "reminded", "escalated", "reminded", "reminded", "timed_out", "asked"],
    ]
    # Two that are sent in the same moment fail in any order.
    assert Counter(of_notifications(audit)) == Counter(
        ("notification_failed", event)
        for event in ("opened", "reminded", "reminded", "escalated", "reminded", "reminded", "timed_out", "opened")
    )
    assert all("could not be reached" in entry.data["error"] for entry in audit if "notification" in entry.kind)
    # Then it came through.
    signed = [verify(request.headers, request.body, SECRET) for request in again.requests]
    arrived = {told.id: told for told, status in zip(signed, again.answered, strict=True) if status == 204}
    assert Counter((told.event, told.interrupt.interrupt_id) for told in arrived.values()) == {
        ("opened", "Patience:1"): 1,
        ("reminded", "Patience:1"): 4,
        ("escalated", "Patience:1"): 1,
        ("timed_out", "Patience:1"): 1,
        ("opened", "Second:1"): 1,
        ("answered", "Second:1"): 1,
    }
    assert {told.id for told in signed} == set(arrived)
    assert {200 <= status < 300 for status in again.answered} == {True, False}
    assert [request.headers["Idempotency-Key"] for request in again.requests] == [told.id for told in signed]
    sent = [entry.data["id"] for entry in later if entry.kind == "notification_sent"]
    assert sorted(sent) == sorted(entry.data["id"] for entry in audit if entry.kind == "notification_failed")


async def test_a_run_is_answered_and_ends_while_the_webhook_is_down_and_the_rest_is_told_later(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    with Receiver() as receiver:
        webhook = Webhook(f"http://{receiver.address}/hook", secret=SECRET)
    client = connected(time_skipping, graphs.claim, webhook)
    async with Worker(client, task_queue=task_queue):
        run = await graphs.claim.start(client, Claim(), id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(timedelta(hours=25))
        await run.resume({"approved": True}, actor="bob")
        assert (await run.result()).output == "approved"
        audit = await run.audit()
        events_left = [entry.data["event"] for entry in audit if entry.kind == "notification_left"]
        assert events_left == ["opened", "reminded", "escalated", "answered"]
        [name] = await delivering(client, run.id)
        await time_skipping.sleep(timedelta(hours=24))
        with Receiver(statuses=random.Random(3).choices([204, 500], k=100), port=receiver.port) as again:
            await while_time_passes(time_skipping, client.get_workflow_handle(name).result())
    assert not receiver.requests
    signed = [verify(request.headers, request.body, SECRET) for request in again.requests]
    arrived = [told for told, status in zip(signed, again.answered, strict=True) if status == 204]
    assert sorted(told.event for told in arrived) == sorted(events_left)
    assert len({told.id for told in arrived}) == len({told.id for told in signed}) == 4
    [answered] = [told for told in arrived if told.event == "answered"]
    assert answered.answer is not None
    assert (answered.answer.value, answered.answer.actor) == ({"approved": True}, "bob")


async def test_after_a_week_a_notification_is_given_up(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    failing = Failing()
    client = connected(time_skipping, graphs.asking, failing)
    async with Worker(client, task_queue=task_queue):
        run = await graphs.asking.start(client, Ask(), state=Log(), id=task_queue, task_queue=task_queue)
        await time_skipping.sleep(timedelta(days=8))
        tries = failing.tries
        audit = await run.audit()
        assert [entry.data["is_final"] for entry in audit if entry.kind == "notification_failed"] == [False, True]
        assert 24 * 7 < tries < 24 * 7 + 20
        await run.resume("end")
        assert (await run.result()).output == ["end"]
        [name] = await delivering(client, run.id)
        with pytest.raises(WorkflowFailureError) as caught:
            await while_time_passes(time_skipping, client.get_workflow_handle(name).result())
    assert "1 of 1 notifications could not be sent" in str(cast("Any", caught.value.cause).message)
    assert (await client.get_workflow_handle(name).describe()).status == WorkflowExecutionStatus.FAILED
