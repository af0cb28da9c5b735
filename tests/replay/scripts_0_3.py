"""The scripts of the histories of release 0.3: each run does something that the driver has a path of its own for."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import temporalio.api.workflowservice.v1 as api
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.workflow_streams._types import PollInput
from temporalio.converter import DataConverter, PayloadCodec

from temporal_graph import (
    Abort,
    AnswerRefusedError,
    Command,
    GraphInputError,
    RefusedError,
    Retry,
    StateConflictError,
)
from temporal_graph.notify import Notification
from temporal_graph.temporal import turns
from temporal_graph.temporal.names import SHOW
from temporal_graph.temporal.streaming import POLL
from tests.replay import release_0_3 as release
from tests.replay import (
    release_0_3_bounds,
    release_0_3_crowds,
    release_0_3_people,
    release_0_3_rounds,
    scripts_0_3_bounds,
    scripts_0_3_crowds,
    scripts_0_3_people,
    scripts_0_3_rounds,
)
from tests.replay.recording import IDENTITY, QUEUE
from tests.replay.release_0_3 import ELSEWHERE, STEPS, Ballot, Book, Essay, Raise
from tests.replay.serving import chain, until
from tests.replay.stage import Run, Script, Scripts, Stage, continues, fails, is_cancelled, open_in, sdk

LEAST = 2_074_500
"""Letters of a state beside which there is room for little else."""


class Garbling(PayloadCodec):
    """Makes of all that it gets, or of all that it sends, what nobody else can read; or reads that."""

    def __init__(self, *, gets: bool, reads: bool) -> None:
        self._gets = gets
        self._reads = reads

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads) if self._gets else [self._garbled(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self._gets:
            return [self._garbled(payload) for payload in payloads]
        return [self._read(payload) for payload in payloads] if self._reads else list(payloads)

    def _garbled(self, payload: Payload) -> Payload:
        return Payload(metadata={"encoding": b"binary/garbled"}, data=payload.data[::-1])

    def _read(self, payload: Payload) -> Payload:
        if payload.metadata["encoding"] != b"binary/garbled":
            return payload
        return Payload(metadata={"encoding": b"json/plain"}, data=payload.data[::-1])


def garbling(*, gets: bool, reads: bool = False) -> DataConverter:
    return dataclasses.replace(DataConverter.default, payload_codec=Garbling(gets=gets, reads=reads))


async def refusals(calls: Sequence[Awaitable[Any]], held: int) -> list[asyncio.Future[Any]]:
    """Send updates at once, of which only so many are let in; these go on.

    Returns:
        Those that are let in.
    """
    sent = [asyncio.ensure_future(call) for call in calls]

    async def look() -> bool:
        return sum(each.done() for each in sent) >= len(sent) - held

    await until(look)
    for each in sent:
        if each.done():
            assert isinstance(each.exception(), WorkflowUpdateFailedError), each
    return [each for each in sent if not each.done()]


async def is_refused(run: Run) -> None:
    """Answer a run that is blocked."""
    try:
        await run.resume("yes")
    except AnswerRefusedError as error:
        if error.reason == "blocked":
            return
        raise
    raise AssertionError(f"{run.id} took an answer")


# -- As time passes -------------------------------------------------------------------------------------------------


async def nodes_are_blocked(stage: Stage) -> None:
    """Tried again by timer; by an edit; by hand; their question goes along when the run continues as new."""
    async with stage.working() as client:
        ends = ("timer", "edit", "show", "hand")
        runs = {end: await stage.start(client, release.claims, f"blocked-{end}", inputs=3) for end in ends}
        short = await stage.start(client, release.short_claims, "blocked-short", inputs=4)
        for run in (*runs.values(), short):
            await run.wait()
    async with stage.working(release.later_claims, release.later_short_claims) as client:
        later = {end: release.later_claims.get_run(client, run.id) for end, run in runs.items()}
        await is_refused(later["show"])
        await sdk(client, later["show"]).signal(SHOW)
        await later["show"].get_state()
        await sdk(client, later["show"]).signal(SHOW)
        await later["show"].get_state()
        await later["show"].update_state({"owner": "ann"})
        await later["show"].resume("yes")
        assert (await later["show"].result()).output == "paid: yes (0)"
        for end in ("timer", "edit", "hand"):
            await sdk(client, later[end]).signal("resume", {"value": end})
            await open_in(later[end], "ask:1.blocked")
        there = release.later_short_claims.get_run(client, short.id)
        await sdk(client, there).signal("resume", {"value": "kept"})
        await open_in(there, "ask:1.blocked")
        await continues(client, there)
        await asyncio.sleep(5.5)
        await later["edit"].update_state({"owner": "ann"})
        assert (await later["edit"].result()).output == "paid: edit (0)"
        await continues(client, there)
        await there.update_state({"owner": "ann"})
        await sdk(client, later["hand"]).signal("update_state", {"values": {"edits": 2}})
        await open_in(later["hand"], "ask:1.blocked")
        assert (await there.result()).output == "paid: kept (0)"
    async with stage.working() as client:
        hand = release.claims.get_run(client, runs["hand"].id)
        await hand.resume(Retry())
        assert (await hand.result()).output == "paid: hand (2)"
        assert (await release.claims.get_run(client, runs["timer"].id).result()).output == "paid: timer (0)"


async def failures(stage: Stage) -> None:
    """With causes; Temporal's own; what would end more than the node; in a snapshot, and without one."""
    async with stage.working() as client:
        for graph, end in ((release.raising, ""), (release.raising_local, "-local"), (release.raising_here, "-here")):
            for kind in ("caused", "temporals", "final", "grouped", "cancelled", "leaves"):
                run = await stage.start(client, graph, f"raises-{kind}{end}", Raise(kind))
                await fails(run)
        for kind in ("caused", "temporals", "final"):
            run = await stage.start(client, release.asking_raising, f"raises-{kind}-asked", Raise(kind))
            assert (await run.wait()).interrupts[0].kind == "failure"
            await run.resume(Retry())
            await open_in(run, "Raise:1.failure-2")
            await continues(client, run)
            if kind == "final":
                await run.resume(Abort())
                assert "closed" in await fails(run)
                continue
            await run.update_state({"is_open": True})
            await run.resume(Retry())
            assert (await run.result()).output == f"did not raise {kind}"
        run = await stage.start(client, release.collecting, "collects", inputs=[0, 0, 0, 1], state=None)
        assert "is not what is declared" in await fails(run)


async def runs_only_wait(stage: Stage) -> None:
    """And continue as new, whatever is sent."""
    async with stage.working() as client:
        run = await stage.start(client, release.ballots, "waits", Ballot())
        await run.wait()
        for number in range(6):
            handle = sdk(client, run)
            await run.update_state({"edits": number + 1})
            await run.resume({"approved": True}, actor=f"voter {number}")
            await handle.signal("resume", {"value": {"approved": True}, "actor": f"other {number}"})
            await handle.signal("resume", {"value": {"approved": False}, "actor": "x" * 1_001})
            await handle.signal("reassign", {"to": ["y" * 950 + f"{n:0>50}" for n in range(21)]})
            await run.extend(timedelta(days=1))
            await run.reassign([f"person {number}"])
            await run.set_breakpoints(before="*" if number % 2 else [])
            await (run.unpause() if number % 2 else run.pause())
            assert (await run.wait()).is_interrupt
        await run.resume({"approved": False}, actor="the last")
        assert (await run.result()).output == "12 for, 6 edits"
        assert len(await chain(client, run.id)) > 3


async def a_run_is_too_large(stage: Stage) -> None:
    """At first, and then no more."""
    async with stage.working() as client:
        large = await stage.start(client, release.ballots, "waits-large", Ballot(ballast="b" * 450_000))
        await large.update_state({"note": "n" * 1_600_000})
        for number in range(14):
            await sdk(client, large).signal("resume", {"interrupt_id": "Nobody:1", "value": number})
            await large.get_state()
        assert len(await chain(client, large.id)) == 1
        await large.update_state({"note": "short"})
        await continues(client, large)
        await large.resume({"approved": False}, actor="the last")
        await large.result()


async def a_run_forgets(stage: Stage) -> None:
    """What it need not know, for there is no room for it where it continues as new."""
    async with stage.working() as client:
        full = await stage.start(client, release.ballots, "waits-full", Ballot())
        for number in range(40):
            answer = {"interrupt_id": "Nobody:1", "value": "w" * 60_000, "actor": f"a {number}"}
            await sdk(client, full).signal("resume", answer)
            if number % 10 == 0:
                await full.get_state()
        await full.update_state({"note": "n" * 1_900_000})
        await continues(client, full)
        await full.update_state({"note": "short"})
        await full.resume({"approved": False}, actor="the last")
        await full.result()


async def signals_take_turns(stage: Stage) -> None:
    """One in each task, with an update behind them; until the run continues as new, has ended, or is cancelled."""
    async with stage.working() as client:
        runs = [
            await stage.start(client, release.ballots, f"turns-{end}", Ballot()) for end in ("go-on", "end", "stop")
        ]
        for run in runs:
            await run.wait()
    client = await stage.client()
    going, ending, stopping = (release.ballots.get_run(client, run.id) for run in runs)
    for run in (going, ending, stopping):
        handle = sdk(client, run)
        for number in range(3):
            await handle.signal("resume", {"value": {"approved": True}, "actor": f"voter {number}"})
            await handle.signal("resume", {"interrupt_id": "Nobody:1", "value": number})
            await handle.signal("update_state", {"values": {"edits": number + 1}})
    await sdk(client, ending).signal("resume", {"value": {"approved": False}, "actor": "the last"})
    await sdk(client, ending).signal("extend", {"by": 60})
    await stopping.cancel()
    late = asyncio.gather(going.update_state({"note": "late"}), going.proceed({"approved": True}, actor="late"))
    await asyncio.sleep(0.5)
    enough, turns.ENOUGH = turns.ENOUGH, 0.0
    try:
        async with stage.working():
            await late
            assert (await ending.result()).output == "3 for, 3 edits"
            await until(lambda: has_ended(stopping))
            assert (await stopping.get_state()).values.edits == 3
            await going.resume({"approved": False}, actor="the last")
            assert (await going.result()).output == "4 for, 3 edits"
            assert len(await chain(client, going.id)) > 1
    finally:
        turns.ENOUGH = enough


async def late_updates_are_judged(stage: Stage) -> None:
    """They wait for signals, so nobody has looked at them before they were taken."""
    async with stage.working() as client:
        run = await stage.start(client, release.ballots, "turns-judged", Ballot())
        await run.wait()
    client = await stage.client()
    run = release.ballots.get_run(client, run.id)
    for number in range(2):
        approved = (True, "perhaps")[number]
        await sdk(client, run).signal("resume", {"value": {"approved": approved}, "actor": f"voter {number}"})
    late = asyncio.gather(
        run.update_state({"edits": "many"}),
        run.update_state({"edits": 1}),
        run.resume({"approved": "perhaps"}, actor="late"),
        run.resume({"approved": True}, actor="later"),
        return_exceptions=True,
    )
    await asyncio.sleep(0.5)
    enough, turns.ENOUGH = turns.ENOUGH, 0.0
    try:
        async with stage.working():
            outcomes = await late
            assert [isinstance(outcome, RefusedError) for outcome in outcomes] == [True, False] * 2
            await run.resume({"approved": False}, actor="the last")
            assert (await run.result()).output == "2 for, 1 edits"
    finally:
        turns.ENOUGH = enough


async def has_ended(run: Run) -> bool:
    return (await run.get_state()).status == "cancelled"


async def numbers_meet(stage: Stage) -> None:
    """A conflict of two branches, which is told; a rule for them; the order of a dict; a fork that edits."""
    async with stage.working() as client:
        conflict = await stage.start(client, release.careless, "numbers-conflict", inputs=[1, 2, 3])
        try:
            await conflict.result()
        except StateConflictError:
            pass
        else:
            raise AssertionError("there was no conflict")
        state = Book(names={"a": 1, "b": 2})
        run = await stage.start(client, release.summing, "numbers-summed", inputs=[1, 2, 3], state=state)
        await run.wait()
        past = [checkpoint async for checkpoint in run.history()]
        stage.ids["numbers-fork"] = "numbers-fork"
        changed = {"note": "forked"}
        fork = await run.fork(past[-1].checkpoint_id, id="numbers-fork", task_queue=QUEUE, update=changed)
        for each in (run, fork):
            stop = await each.wait()
            while stop.is_interrupt:
                stop = await each.proceed("so")
            assert list(stop.state.names) == ["b", "a"]
            assert stop.state.edits == 3


async def answers_find_their_questions(stage: Stage) -> None:
    """By key, by what was shown, by place; early and late ones; and over the end of a history."""

    async def asks(run: Run, words: str) -> Any:
        async def look() -> Any:
            return next((each for each in await run.pending_interrupts() if words in str(each.value)), None)

        return await until(look)

    async def says(client: Client, run: Run, words: str, *, by_signal: bool) -> None:
        question = await asks(run, words)
        if by_signal:
            answer = {"interrupt_id": question.interrupt_id, "value": words, "answer_id": words}
            await sdk(client, run).signal("resume", answer)
        else:
            await run.resume(words, interrupt_id=question.interrupt_id)

    for graph, name in ((release.tools, "answers"), (release.short_tools, "answers-short")):
        async with stage.working(cached=0 if graph is release.tools else 1_000) as client:
            run = await stage.start(client, graph, name, inputs=["a", "b"])
            handle = sdk(client, run)
            early = {"interrupt_id": "with_keys:1:delete b", "value": "early", "answer_id": "early"}
            await handle.signal("resume", early)
            await handle.signal("resume", {**early, "interrupt_id": "in_a_loop:1.1", "answer_id": "early too"})
            await says(client, run, "delete a", by_signal=False)
            if graph is release.short_tools:
                await continues(client, run)
            for number in range(9):
                stop = await run.wait()
                if stop.interrupts[0].node_id == "here":
                    break
                name = stop.interrupts[0].interrupt_id
                await handle.signal("resume", {"interrupt_id": name, "value": 3})
                await handle.signal("resume", early)
                if number % 2:
                    await handle.signal("resume", {"interrupt_id": name, "value": "by signal"})
                else:
                    await run.resume("by update")
                if graph is release.short_tools:
                    await continues(client, run)
            await says(client, run, "keep a", by_signal=True)
            if graph is release.short_tools:
                await continues(client, run)
            await says(client, run, "keep b", by_signal=False)
            await says(client, run, "the last?", by_signal=True)
            found = (await run.result()).output
            assert found[-4:] == ["keep a", "keep b", "the last?", "6"], found


async def what_cannot_be_read(stage: Stage) -> None:
    """A signal that the worker cannot read; a node, and a step, that go to workers which cannot read what they get."""
    async with stage.working() as client:
        run = await stage.start(client, release.claims, "unread-signal", inputs=5)
        await run.wait()
        theirs = await stage.client(converter=garbling(gets=False))
        for number in range(2):
            await sdk(theirs, run).signal("resume", {"value": number})
            await run.get_state()
        assert len((await run.get_state()).rejected) == 2
        await run.resume("yes")
        await run.result()

        node = await stage.start(client, release.elsewhere, "unread-node", inputs="x", state=None)
        # Meanwhile somebody waits, and others who want to are sent away.
        held = await refusals([sdk(client, node).execute_update("proceed") for _ in range(5)], 3)

        async def has_failed(activity: str, count: int) -> bool:
            [history] = await chain(client, node.id)
            names = {e.event_id: e.activity_task_scheduled_event_attributes.activity_type.name for e in history.events}
            failed = [e.activity_task_failed_event_attributes.scheduled_event_id for e in history.events]
            return sum(names.get(each, "").endswith(activity) for each in failed if each) >= count

        async with stage.working(queue=ELSEWHERE, converter=garbling(gets=True)):
            await until(lambda: has_failed(".there", 2))
        async with stage.working(queue=ELSEWHERE):
            async with stage.working(queue=STEPS, converter=garbling(gets=True)):
                await until(lambda: has_failed(".add", 1))
            async with stage.working(queue=STEPS):
                assert (await node.result()).output == "there x and more"
        await asyncio.wait(held)


async def runs_begin(stage: Stage) -> None:
    """With what is refused, or what is taken and would be refused in a replay; with what says its graph."""
    async with stage.working() as client:
        for name, message in (
            ("type", {"inputs": "never"}),
            ("field", {"inputs": "2001-01-01T00:00:00Z", "what": 3}),
            ("late", {"inputs": "2001-01-01T00:00:00Z"}),
        ):
            refused = await stage.start_raw(client, release.offers, f"begins-{name}", message)
            try:
                await refused.result()
            except GraphInputError:
                continue
            raise AssertionError(name)
        until_ = datetime.now(UTC) + timedelta(seconds=3)
        run = await stage.start(client, release.offers, "begins-in-time", inputs=until_, state=None)
        await run.wait()
        await asyncio.sleep(3)
        bare = await stage.start_raw(client, release.claims, "begins-bare", {"inputs": 1, "state": {"edits": 2}})
        await bare.wait()
        await bare.resume("yes")
        await bare.result()
    async with stage.working() as client:
        run = release.offers.get_run(client, run.id)
        await run.resume("yes")
        await run.result()


async def many_read(stage: Stage) -> None:
    """More than the run lets wait for events; by turns, over the end of a history, and at the end of the run."""
    async with stage.working() as client:
        run = await stage.start(client, release.ballots, "readers", Ballot())
        await run.wait()
        handle: Any = sdk(client, run)

        async def offset() -> int:
            return (await handle.query(POLL, PollInput(["events"], 0)))["next_offset"]

        end = await offset()
        held = await refusals([handle.execute_update(POLL, PollInput(["events"], end)) for _ in range(5)], 3)
        await run.update_state({"edits": 1})
        await asyncio.wait(held)
        end = await offset()
        held = await refusals([handle.execute_update(POLL, PollInput(["events"], end)) for _ in range(4)], 3)
        await continues(client, run)
        await asyncio.wait(held)
        reader = asyncio.create_task(last_of(run))
        waiter = asyncio.create_task(run.wait())
        await asyncio.sleep(0.5)
        await run.resume({"approved": False}, actor="the last")
        assert await reader == "run_finished"
        await waiter


async def last_of(run: Run) -> str:
    return [event.kind async for event in run.stream()][-1]


async def much_is_sent(stage: Stage) -> None:
    """Nodes and notifications of which two or three fill a message, as bytes are counted and not letters."""

    async def notify(notification: Notification) -> None:
        pass

    async with stage.working(notify=notify) as client:
        state = Book(note="書" * 600_000)
        run = await stage.start(client, release.readers, "sent-bytes", inputs=[0, 1, 2], state=state)
        await run.wait()
        await run.resume("so")
        assert len((await run.result()).output) == 4


async def temporal_pauses(stage: Stage) -> None:
    """Temporal itself, and then goes on."""
    async with stage.working() as client:
        run = await stage.start(client, release.claims, "paused", inputs=6)
        await run.wait()
        service = client.workflow_service
        common = {"namespace": client.namespace, "workflow_id": run.id, "identity": IDENTITY}
        await service.pause_workflow_execution(
            api.PauseWorkflowExecutionRequest(**common, reason="stop!", request_id=uuid.uuid4().hex)
        )
        assert (await run.wait()).is_paused
        await sdk(client, run).signal("update_state", {"values": {"note": "kept"}})
        await sdk(client, run).signal("resume", {"value": "yes"})
        await asyncio.sleep(0.5)
        await service.unpause_workflow_execution(
            api.UnpauseWorkflowExecutionRequest(**common, request_id=uuid.uuid4().hex)
        )
        assert (await run.result()).state.note == "kept"


async def answers_are_judged(stage: Stage) -> None:
    """What does not fit is refused in the run itself: what comes by signal, and what came before its question."""
    async with stage.working() as client:
        run = await stage.start(client, release.claims, "judged", inputs=8)
        await run.wait()
        handle = sdk(client, run)
        await handle.signal("update_state", {"values": {"edits": "many"}})
        await handle.signal("resume", {"value": 3})
        await handle.signal("resume", {"value": "no", "state_update": {"edits": "many"}})
        await handle.signal("set_breakpoints", {"before": ["nobody"]})
        await until(lambda: has_refused(run, 4))
        await handle.signal("update_state", {"values": {"edits": 1}})
        await handle.signal("resume", {"value": "yes", "state_update": {"edits": 2}})
        assert (await run.result()).output == "paid: yes (2)"
        early = await stage.start(client, release.claims, "judged-early", inputs=9, interrupt_before=["ask"])
        await early.wait()
        await early.resume(3, interrupt_id="ask:1.0")
        await early.resume(None, interrupt_id="ask:1.before")
        await until(lambda: has_refused(early, 1))
        await sdk(client, early).signal("resume", {"value": "yes"})
        assert (await early.result()).output == "paid: yes (0)"


async def another_release_judges(stage: Stage) -> None:
    """It takes what this one would refuse, and refuses what this one would take."""
    async with stage.working() as client:
        runs = [await stage.start(client, release.claims, f"judged-{way}", inputs=10) for way in ("words", "signals")]
        for run in runs:
            await run.wait()
    async with stage.working(release.claims_in_words) as client:
        words, signals = (release.claims_in_words.get_run(client, run.id) for run in runs)
        await words.update_state({"edits": "three"})
        await words.resume(Command(update={"edits": "four"}, resume="yes"))
        assert (await words.result()).output == "paid: yes (four)"
        handle = sdk(client, signals)
        await handle.signal("update_state", {"values": {"edits": 5}})
        await handle.signal("update_state", {"values": {"edits": "six"}})
        await handle.signal("resume", {"value": "no", "state_update": {"edits": 7}})
        await until(lambda: has_refused(signals, 2))
        await handle.signal("resume", {"value": "yes", "state_update": {"edits": "eight"}})
        assert (await signals.result()).output == "paid: yes (eight)"


async def has_refused(run: Run, count: int) -> bool:
    return len((await run.get_state()).rejected) == count


async def questions_are_edited(stage: Stage) -> None:
    """Somebody edits what they show: who answers by update is told; by signal they are asked anew."""

    async def is_told(answer: Awaitable[Any]) -> None:
        try:
            await answer
        except AnswerRefusedError as error:
            if error.reason == "conflict":
                return
            raise
        raise AssertionError("an answer to another question was taken")

    async with stage.working() as client:
        for graph, name in ((release.summing, "conflict"), (release.short_summing, "conflict-short")):
            run = await stage.start(client, graph, name, inputs=[1, 2])
            await run.wait()
            await run.update_state({"note": "first"})
            if graph is release.short_summing:
                await continues(client, run)
            await is_told(run.resume("one"))
            await sdk(client, run).signal("update_state", {"values": {"note": "second"}})
            await run.update_state({"edits": 5})
            if graph is release.short_summing:
                await continues(client, run)
            await is_told(run.proceed("two"))
            await run.update_state({"note": "third"})
            await sdk(client, run).signal("resume", {"value": "three"})
            await open_in(run, "turn:1.3")
            await run.update_state({"edits": 6})
            if graph is release.short_summing:
                await continues(client, run)
            await run.resume("four")
            assert (await run.result()).state == Book(edits=6, note="third")


async def replies_are_large(stage: Stage) -> None:
    """Each tells all of the state, to those who edit it at once, and where the run ends."""
    client = await stage.client()
    run = await stage.start(client, release.ballots, "replies", Ballot(), state=Book(note="書" * 350_000))
    handle: Any = sdk(client, run)
    sent = [{"values": {"edits": number}} for number in range(1, 4)]
    edits = asyncio.gather(*(handle.execute_update("update_state", edit) for edit in sent))
    await asyncio.sleep(2)
    async with stage.working():
        assert sorted(reply["values"]["edits"] for reply in await edits) == [1, 2, 3]
        assert (await run.proceed({"approved": False}, actor="the last")).is_end
        await run.result()


async def states_become_too_large(stage: Stage) -> None:
    """By a node, in the workflow and elsewhere; by an edit that comes by signal, alone and with an answer."""
    async with stage.working() as client:
        state, much = Book(note="n" * 1_200_000), {"names": {"m" * 1_000_000: 1}}
        failing = await stage.start(client, release.growing, "large-fails", inputs=[1, 1_000_000], state=state)
        assert "The state would be" in await fails(failing)
        asking = await stage.start(client, release.growing, "large-asked", inputs=[1_000_000, 1], state=state)
        await open_in(asking, "grow:1.failure")
        await asking.update_state({"note": "short"})
        await asking.resume(Retry())
        assert (await asking.result()).output == 2

        edited = await stage.start(client, release.claims, "large-edits", inputs=11, state=state)
        await edited.wait()
        handle = sdk(client, edited)
        await handle.signal("update_state", {"values": much})
        await handle.signal("resume", {"value": "no", "state_update": much})
        await until(lambda: has_refused(edited, 2))
        await handle.signal("update_state", {"values": {"note": "short"}})
        await handle.signal("resume", {"value": "yes", "state_update": much})
        result = await edited.result()
        assert (result.output, len(result.state.names)) == ("paid: yes (0)", 1)


async def votes_have_a_bound(stage: Stage) -> None:
    """What people have said to one question, and to all of them, with who is asked."""
    async with stage.working() as client:
        run = await stage.start(client, release.essays, "votes", inputs=[Essay(), Essay()])
        await run.wait()
        handle: Any = sdk(client, run)

        def vote(interrupt_id: str, text: str, actor: str) -> dict[str, Any]:
            return {"interrupt_id": interrupt_id, "value": {"text": text}, "actor": actor}

        await handle.execute_update("resume", vote("Essay:1", "e" * 600_000, "first"))
        await handle.signal("resume", vote("Essay:1", "e" * 600_000, "second"))
        await handle.execute_update("resume", vote("Essay:2", "e" * 640_000, "first"))
        await handle.signal("resume", vote("Essay:2", "e" * 100_000, "second"))
        await handle.signal("reassign", {"interrupt_id": "Essay:1", "to": [f"{n:0>900}" for n in range(20)]})
        await until(lambda: has_refused(run, 3))
        await continues(client, run)
        await handle.signal("resume", vote("Essay:1", "short", "second"))
        await handle.signal("resume", vote("Essay:1", "the end", "the last"))
        assert (await run.result()).output == "600012 letters"


async def a_run_forgets_nearly_all(stage: Stage) -> None:
    """There is room for the least share of what it need not know."""
    async with stage.working() as client:
        run = await stage.start(client, release.ballots, "waits-least", Ballot())
        for number in range(30):
            answer = {"interrupt_id": "Nobody:1", "value": "w" * 600, "actor": f"a {number}"}
            await sdk(client, run).signal("resume", answer)
            if number % 10 == 0:
                await run.get_state()
        await run.update_state({"note": "n" * LEAST})
        began = (await sdk(client, run).describe()).run_id
        while (await sdk(client, run).describe()).run_id == began:
            await sdk(client, run).signal("resume", {"interrupt_id": "Nobody:1", "value": "w" * 600})
            await asyncio.sleep(0.1)  # there is no room for what a query would tell
        await run.update_state({"note": "short"})
        assert 0 < len((await run.get_state()).rejected) < 3
        await run.resume({"approved": False}, actor="the last")
        await run.result()


# -- On a server with the search attributes -------------------------------------------------------------------------


async def blocked_runs_are_shown(stage: Stage) -> None:
    """After an answer was refused, the client has the run show itself; an edit helps it."""
    async with stage.working(shows=True) as client:
        runs = [await stage.start(client, release.claims, f"blocked-{end}", inputs=7) for end in ("seen", "left")]
        for run in runs:
            await run.wait()
    async with stage.working(release.later_claims, shows=True) as client:
        seen, left = (release.later_claims.get_run(client, run.id) for run in runs)
        for run in (seen, left):
            await is_refused(run)
            await run.get_state()
        await seen.update_state({"owner": "ann"})
        await seen.resume("yes")
        await seen.result()
        await is_cancelled(left)


# -- Recording ------------------------------------------------------------------------------------------------------

PLAIN: Sequence[Script] = (
    nodes_are_blocked,
    failures,
    runs_only_wait,
    a_run_is_too_large,
    a_run_forgets,
    signals_take_turns,
    late_updates_are_judged,
    numbers_meet,
    answers_find_their_questions,
    what_cannot_be_read,
    runs_begin,
    many_read,
    much_is_sent,
    temporal_pauses,
    answers_are_judged,
    another_release_judges,
    questions_are_edited,
    replies_are_large,
    states_become_too_large,
    votes_have_a_bound,
    a_run_forgets_nearly_all,
    *scripts_0_3_bounds.PLAIN,
    *scripts_0_3_people.PLAIN,
    *scripts_0_3_rounds.PLAIN,
    *scripts_0_3_crowds.PLAIN,
)
SHOWN: Sequence[Script] = (blocked_runs_are_shown,)

GRAPHS = (
    *release.GRAPHS,
    *release_0_3_bounds.GRAPHS,
    *release_0_3_people.GRAPHS,
    *release_0_3_rounds.GRAPHS,
    *release_0_3_crowds.GRAPHS,
)

record = Scripts(GRAPHS, Book, [], PLAIN, SHOWN).record
