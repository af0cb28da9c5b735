"""The scripts of the histories of release 0.2: each run does something that the driver has a path of its own for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporal_graph import Abort, AnswerRefusedError, Command, GraphInputError, Retry, Send, Skip
from temporal_graph.notify import Notification, NotifyError
from temporal_graph.temporal.names import SHOW
from tests.replay import release_0_2 as release
from tests.replay.recording import QUEUE
from tests.replay.release_0_2 import HOUR, Ask, Claim, File, Job, Prepare
from tests.replay.serving import chain, until
from tests.replay.stage import Graph, Run, Script, Scripts, Stage, fails, has_noted, is_cancelled, open_in, sdk


async def refusal(run: Run, answer: Any, actor: str | None) -> str:
    try:
        await run.resume(answer, actor=actor)
    except AnswerRefusedError as error:
        return error.reason
    raise AssertionError(f"{run.id} took {answer}")


BOTH = ((release.deadlines, ""), (release.deadlines_here, "-here"))

# -- Time is skipped ------------------------------------------------------------------------------------------------


async def nobody_decides(stage: Stage) -> None:
    """Reminders, escalations, and the answer that stands in; which one question does not take."""
    async with stage.working() as client:
        late = await stage.start(client, release.claims, "claim-late", Claim(100))
        unfit = await stage.start(client, release.claims, "claim-unfit", Claim(13))
        await stage.sleep(73 * HOUR)
        assert (await late.result()).output == "late, False via timeout by None"
        assert "nobody decides about 13" in await fails(unfit)


async def much_is_changed(stage: Stage) -> None:
    """Others are asked, for longer; wrong answers, by signal too; the same answer twice; a failure; a new try."""
    async with stage.working() as client:
        run = await stage.start(client, release.claims, "claim-changed", Claim(7), state=File(log=["abe"]))
        await run.wait()
        await run.reassign(["joe", "moe"], actor="boss")
        await run.extend(10 * HOUR, actor="boss")
        await stage.sleep(20 * HOUR)
        handle = sdk(client, run)
        await handle.signal("reassign", {"to": ["zed"], "actor": "boss"})
        await handle.signal("reassign", {"to": ["eve"]})
        await handle.signal("extend", {"by": 3600.0})
        await handle.signal("extend", {"until": "2001-01-01T00:00:00+00:00"})
        await stage.sleep(30 * HOUR)
        assert stage.environment is not None
        await run.extend(until=await stage.environment.get_current_time() + 90 * HOUR)
        await stage.sleep(40 * HOUR)
        for answer in ({"value": {"approved": True}, "actor": "eve"}, {"value": {"approved": 3}, "actor": "zed"}, {}):
            await handle.signal("resume", answer)
        for _ in range(2):
            await run.resume({"approved": True}, interrupt_id="Claim:1", actor="zed", answer_id="one")
        await handle.signal(
            "resume", {"interrupt_id": "Claim:1", "value": {"approved": True}, "actor": "zed", "answer_id": "one"}
        )
        await run.wait()
        await run.resume("sure")
        [failure] = (await run.wait()).interrupts
        assert failure.kind == "failure"
        await run.update_state({"is_open": True}, actor="ann")
        await run.resume(Retry())
        assert (await run.result()).output == "sure 9 10"


async def answered_before_it_asks(stage: Stage) -> None:
    """Answers that come first, of which one is not taken; nodes that run on the worker of the run."""
    client = await stage.client()
    run = await stage.start(client, release.short_claims, "claim-early", Claim(7))
    for actor in ("ann", "eve"):
        await sdk(client, run).signal(
            "resume", {"interrupt_id": "Claim:1", "value": {"approved": True}, "actor": actor, "answer_id": actor}
        )
    async with stage.working() as client:
        await run.wait()
        await run.resume("sure")
        await run.wait()
        await run.resume(Command(resume=Retry(), update={"is_open": True}))
        assert (await run.result()).output == "sure 9 10"


async def time_is_up(stage: Stage) -> None:
    """Every way in which it can be, in activities and in the workflow."""
    names = {"": ["answer", "goto", "fail", "office", "moment", "never"], "-here": ["answer", "goto", "fail", "never"]}
    async with stage.working() as client:
        runs = {
            name + end: await stage.start(client, graph, f"deadline-{name}{end}", inputs=name)
            for graph, end in BOTH
            for name in names[end]
        }
        for end in ("", "-here"):
            for name in names[end]:
                await runs[name + end].wait()
        await runs["office"].extend(2 * HOUR)
        assert stage.environment is not None
        await runs["moment"].extend(until=await stage.environment.get_current_time() + 8 * HOUR)
        await stage.sleep(3 * HOUR)
        for end in ("", "-here"):
            await runs[f"answer{end}"].resume("rude", actor="ann")
            await sdk(client, runs[f"never{end}"]).signal("resume", {"value": "I", "actor": "ann"})
        await stage.sleep(6 * HOUR)
        for end in ("", "-here"):
            await runs[f"never{end}"].resume("bob", actor="bob")
            assert (await runs[f"answer{end}"].result()).output == "nobody via timeout"
            assert (await runs[f"goto{end}"].result()).output == "instead: sent ['went']"
            assert "Nobody answered" in await fails(runs[f"fail{end}"])
            assert (await runs[f"never{end}"].result()).output == "bob via update"
        assert (await runs["moment"].result()).output == "the moment via timeout"
        await stage.sleep(24 * 12 * HOUR)
        assert (await runs["office"].result()).output == "nobody in the office via timeout"


async def votes(stage: Stage) -> None:
    """Early ones, a second one of the same person, one that ends it; an escalation, and a time-out."""
    client = await stage.client()
    run = await stage.start(client, release.votes, "vote", Prepare(1))
    for actor in ("cid", "eve", "cid"):
        await sdk(client, run).signal(
            "resume", {"interrupt_id": "Ballot:1", "value": {"approved": True}, "actor": actor, "answer_id": actor}
        )
    async with stage.working() as client:
        await run.wait()
        for actor, reason in (("cid", "already_answered"), ("eve", "not_authorized"), (None, "not_authorized")):
            assert await refusal(run, {"approved": True}, actor) == reason
        await sdk(client, run).signal("resume", {"value": {"approved": True}, "actor": "zed"})
        await run.resume({"approved": True}, actor="ann")
        await run.wait()
        await run.resume({"approved": False}, actor="bob")
        assert (await run.result()).output == ["True: cid True ann True", "False: bob False"]

        late = await stage.start(client, release.votes, "vote-late", Prepare(0))
        await stage.sleep(7 * HOUR)
        await sdk(client, late).signal("resume", {"value": {"approved": True}, "actor": "ann"})
        await late.resume({"approved": True}, actor="dan")
        await stage.sleep(14 * HOUR)
        assert "Nobody answered" in await fails(late)

        short = await stage.start(client, release.short_votes, "vote-short", Prepare(2))
        await sdk(client, short).signal(
            "resume", {"interrupt_id": "Ballot:3", "value": {"approved": True}, "actor": "cid", "answer_id": "ahead"}
        )
        for actors in (["ann", "bob"], ["bob", "cid"], ["bob"]):
            await short.wait()
            for actor in actors:
                if len(actors) == 1:
                    await stage.sleep(5 * HOUR)
                await short.resume({"approved": True}, actor=actor)
        assert len((await short.result()).output) == 3


async def a_run_keeps_its_policies(stage: Stage) -> None:
    """Its timers go along when it continues as new, and to a worker with another release of the graph."""
    async with stage.working(release.errands, cached=0) as client:
        run = await stage.start(client, release.errands, "errands", inputs="kept")
        await run.wait()
        await stage.sleep(8 * HOUR)
        await run.resume("one", interrupt_id="lap:4.0")
        await run.wait()
    async with stage.working(cached=0) as client:
        run = release.others_errands.get_run(client, run.id)
        await stage.sleep(3 * HOUR)
        assert {each.node_id for each in (await run.wait()).interrupts} == {"slow", "quick", "lap"}

        past = [checkpoint async for checkpoint in run.history()]
        stage.ids["errands-fork"] = "errands-fork"
        fork = await run.fork(past[-1].checkpoint_id, id="errands-fork", task_queue=QUEUE, update={"log": ["forked"]})
        assert len((await fork.wait()).interrupts) == 3
        await sdk(client, fork).signal("resume", {"value": "which?"})
        await fork.resume_all({"quick": "quick", "lap:8.0": "two"}, actor="ann")
        snapshot = await sdk(client, run).query("snapshot", int(past[-1].checkpoint_id))
        refused = await stage.start_raw(
            client, release.errands, "errands-refused", {"snapshot": snapshot, "fork": {"update": {"no": "field"}}}
        )
        unread = await stage.start_raw(client, release.errands, "errands-unread", {"snapshot": {"version": 99}})
        for broken in (refused, unread):
            try:
                await broken.result()
            except GraphInputError:
                continue
            raise AssertionError(broken.id)

        await stage.sleep(20 * HOUR)
        assert {each.node_id for each in (await run.wait()).interrupts} == {"slow", "lap"}
        await run.resume("two", interrupt_id="lap:8.0")
        await stage.sleep(9 * HOUR)
        await is_cancelled(fork)
        await stage.sleep(20 * HOUR)
        assert sorted((await run.result()).output) == ["8 laps", "quick is late", "slow is late"]


async def talks(stage: Stage) -> None:
    """Nodes in the workflow, and what they call; a question that is withdrawn; answers in every way."""
    async with stage.working() as client:
        for graph, name in ((release.talks, "talk"), (release.short_talks, "talk-short")):
            run = await stage.start(client, graph, name, inputs="it")
            await run.wait()
            await sdk(client, run).signal("resume", {"value": "by signal", "actor": "ann"})
            await run.wait()
            await run.resume("by update")
            await run.wait()
            await stage.sleep(10 * HOUR)
            await run.wait()
            assert (await run.proceed("by proceed")).interrupts[0].value == "within an hour"
            if graph is release.talks:
                await stage.sleep(2 * HOUR)
            else:
                await run.resume("in time")
            await open_in(run, "talk:1.5")
            await run.resume("over")
            assert (await run.wait()).interrupts[0].kind == "failure"
            if graph is release.talks:
                await run.resume(Skip("skipped"))
                assert (await run.result()).output == "skipped"
                continue
            await sdk(client, run).signal("update_state", {"values": {"is_open": True}})
            await sdk(client, run).signal("resume", {"value": {"action": "retry"}})
            said = (await run.result()).output
            assert said.startswith("0 by signal, 2 by update, 4 late, 6 by proceed, TimeoutError, lost, in time"), said
        nap = await stage.start(client, release.naps, "nap", inputs="well?", state=None)
        await stage.sleep(2 * HOUR)
        await nap.resume("well")
        assert (await nap.result()).output == "well"


async def failures(stage: Stage) -> None:
    """What people say to them, and what is done where nobody says anything."""
    async with stage.working() as client:

        async def failed(graph: Graph, name: str, **options: Any) -> Run:
            run = await stage.start(client, graph, name, inputs=Job(), **options)
            [failure] = (await run.wait()).interrupts
            assert failure.kind == "failure"
            return run

        for graph, name in ((release.failures, "failure"), (release.local_failures, "failure-local")):
            run = await failed(graph, f"{name}-retried")
            await run.resume(Retry())
            await run.wait()
            await run.update_state({"is_open": True})
            await run.resume(Retry())
            assert (await run.result()).output == "did bad"
        run = await failed(release.failures, "failure-edited")
        await sdk(client, run).signal("resume", {"value": {"action": "skip", "output": 3}})
        await sdk(client, run).signal("resume", {"value": {"action": "sleep"}})
        await run.resume(Retry(Job("worse")), actor="ann")
        await run.wait()
        await sdk(client, run).signal("resume", {"value": {"action": "retry", "inputs": {"text": "good"}}})
        assert (await run.result()).output == "did good"
        for graph, name in ((release.failures, "failure"), (release.failures_here, "failure-here")):
            run = await failed(graph, f"{name}-skipped")
            await run.resume(Skip("nothing"))
            assert (await run.result()).output == "nothing"
        run = await failed(release.failures, "failure-aborted")
        await run.resume(Abort())
        assert "closed for bad" in await fails(run)
        run = await failed(release.failures_here, "failure-here-gone")
        await run.resume(Command(goto=Send("elsewhere", "away"), update={"log": ["gone"]}))
        assert (await run.result()).output == "elsewhere: away"

        opening = await failed(release.opening_failures, "failure-opening")
        skipping = await failed(release.skipping_failures, "failure-skipping")
        aborting = await failed(release.aborting_failures, "failure-aborting")
        await stage.sleep(2 * HOUR)
        assert (await skipping.result()).output == "skipped"
        await fails(aborting)
        await sdk(client, opening).signal("resume", {"value": {"action": "abort"}, "actor": "ann"})
        await stage.sleep(2 * HOUR)
        assert (await opening.result()).output == "did bad"


async def breakpoints(stage: Stage) -> None:
    """They have the policy of their node, and can be moved."""
    async with stage.working() as client:
        run = await stage.start(client, release.stops, "stops", inputs="on")
        await run.wait()
        await stage.sleep(5 * HOUR)
        assert (await run.wait()).interrupts[0].kind == "after"
        await stage.sleep(2 * HOUR)
        await run.resume()
        assert (await run.result()).output == "on ['checked']"

        raw = await stage.start_raw(
            client, release.stops, "stops-raw", {"inputs": "raw", "interrupt_before": ["check"]}
        )
        await raw.wait()
        await stage.sleep(5 * HOUR)
        assert (await raw.result()).output == "raw ['checked']"

        run = await stage.start(client, release.stops, "stops-moved", inputs="on")
        await run.wait()
        await run.set_breakpoints(before=["finish"], after=[])
        await sdk(client, run).signal("set_breakpoints", {"before": ["nowhere"]})
        await run.resume(actor="ann")
        await run.wait()
        await sdk(client, run).signal("set_breakpoints", {"before": []})
        await run.resume()
        assert (await run.result()).output == "on ['checked']"


@dataclass
class Told:
    """A notifier: it hangs until it is open, then fails while it is not well.

    Attributes:
        refuses: Of what it says that no other try is of use.
    """

    is_well: bool = True
    refuses: str = ""
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    began: int = 0
    got: list[Notification] = field(default_factory=list[Notification])

    async def __call__(self, notification: Notification) -> None:
        self.began += 1
        await self.is_open.wait()
        if notification.event == self.refuses:
            raise NotifyError("gone for good", retry=False)
        if not self.is_well:
            raise NotifyError("not well")
        self.got.append(notification)

    async def hears(self, count: int) -> None:
        async def look() -> bool:
            return len({each.id for each in self.got}) >= count

        await until(look)


def opened(told: Told) -> Told:
    told.is_open.set()
    return told


async def nobody_can_be_told(stage: Stage) -> None:
    """For as long as it is tried."""
    async with stage.working(notify=opened(Told(is_well=False))) as client:
        never = await stage.start(client, release.deadlines, "told-never", inputs="never")
        await never.wait()
        await stage.sleep(10 * 24 * HOUR)
        assert any(e.kind == "notification_failed" and e.data["is_final"] for e in await never.audit())
        await is_cancelled(never)


# -- As time passes -------------------------------------------------------------------------------------------------


async def no_worker_is_there(stage: Stage) -> None:
    """Much is due when one comes, or all; and somebody was in time to extend, or answer, what had passed."""
    async with stage.working() as client:
        some = [await stage.start(client, graph, f"away{end}", inputs="seconds") for graph, end in BOTH]
        answered = await stage.start(client, release.deadlines, "away-answered", inputs="seconds")
        extended = await stage.start(client, release.deadlines, "away-extended", inputs="seconds")
        for run in (*some, answered, extended):
            await run.wait()
    await asyncio.sleep(4.2)
    await sdk(client, extended).signal("extend", {"by": 4.0, "actor": "boss"})
    await sdk(client, answered).signal("resume", {"value": "in time", "actor": "cid"})
    async with stage.working() as client:
        assert (await release.deadlines.get_run(client, answered.id).result()).output == "in time via signal"
        await asyncio.sleep(0.3)
    await asyncio.sleep(4)
    await sdk(client, extended).signal("reassign", {"to": ["dan"]})
    async with stage.working() as client:
        for run in (*some, extended):
            run = release.deadlines.get_run(client, run.id)
            assert (await run.result()).output == "nobody in 8 seconds via timeout"


async def people_are_told(stage: Stage) -> None:
    """All of it; all but the answers; what a worker with a notifier sees; and after the end of the run."""
    told, deaf, hanging = opened(Told()), opened(Told(refuses="answered")), Told()
    async with stage.working(notify=told) as client:
        run = await stage.start(client, release.asking, "told", Ask())
        for answer in ("on", "fail"):
            await run.wait()
            await run.resume(answer, actor="ann")
        await fails(run)
        await told.hears(4)
    async with stage.working(notify=deaf) as client:
        run = await stage.start(client, release.asking, "told-half", Ask())
        for answer in ("on", "end"):
            await run.wait()
            await run.resume(answer, answer_id=f"id {answer}")
        await run.result()
        assert await has_noted(run, "notification_failed")

    failing = opened(Told(is_well=False))
    async with stage.working(notify=failing) as client:
        run = await stage.start(client, release.short_asking, "told-later", Ask())
        await until(lambda: has_noted(run, "notification_failed"))
        failing.is_well = True
        for answer in ("on", "end"):
            await run.wait()
            await run.resume(answer)
        await run.result()
        assert await has_noted(run, "notification_sent")

    some = opened(Told())
    client = await stage.client()
    run = await stage.start(client, release.asking, "told-sometimes", Ask())
    for lap in range(3):
        async with stage.working(notify=some if lap % 2 else None) as client:
            run = release.asking.get_run(client, run.id)
            await run.wait()
            await run.resume("on")
            await run.wait()
            if lap % 2:
                await some.hears(lap + 1)
    async with stage.working() as client:
        await release.asking.get_run(client, run.id).resume("end")
        await release.asking.get_run(client, run.id).result()

    async with stage.working(notify=hanging) as client:
        ended = await stage.start(client, release.asking, "told-after", Ask())
        cancelled = await stage.start(client, release.deadlines, "told-cancelled", inputs="answer")
        short = await stage.start(client, release.short_asking, "told-along", Ask())
        await ended.wait()
        await ended.resume("end", actor="ann")
        await ended.result()
        await cancelled.wait()
        await is_cancelled(cancelled)
        for number in range(1, 4):
            await open_in(short, f"Ask:{number}.0")
            if number < 3:
                await short.resume("on")
        hanging.is_open.set()
        await hanging.hears(3 + 5)
        await short.resume("end")
        await short.result()
        for run in (ended, cancelled):
            for entry in await run.audit():
                if entry.kind == "notification_left":
                    stage.ids[f"{run.id}.left"] = entry.data["workflow_id"]
                    await client.get_workflow_handle(entry.data["workflow_id"]).result()
        assert {"told-after.left", "told-cancelled.left"} <= set(stage.ids)


async def it_is_noisy(stage: Stage) -> None:
    """Signals that lead to nothing, and all that can be asked for by signal; results that lead to nothing yet."""
    async with stage.working() as client:
        run = await stage.start(client, release.asking, "noise", Ask())
        await run.wait()
        handle = sdk(client, run)
        noise: list[tuple[str, list[Any]]] = [
            ("unknown", [1]),
            ("resume", []),
            ("resume", [1, 2]),
            ("pause", []),
            ("unpause", []),
            ("unpause", [3]),
            ("update_state", [{"values": {"log": ["by hand"]}, "expected_version": 17}]),
            ("update_state", [{"values": {"log": ["by hand"]}, "actor": "ann"}]),
            ("resume_all", ["all"]),
            ("resume", [{"interrupt_id": "Ask:9.0", "value": "ahead"}]),
            ("set_breakpoints", [{"after": ["Ask"]}]),
            ("reassign", [{"to": "ann"}]),
            ("__temporal_workflow_stream_publish", ["no events"]),
            (SHOW, []),
        ]
        for name, args in noise:
            await handle.signal(name, args=args)
            await run.get_state()
        await handle.signal("resume_all", [{"interrupt_id": "Ask:1.0", "value": "end"}])
        await run.wait()
        await run.resume()
        assert (await run.result()).output == ["by hand", "end"]

        for how in ("leaves", "cancels"):
            odd = await stage.start(client, release.odd, f"odd-{how}", inputs=how, state=None)
            await odd.wait()
            await odd.resume(Skip("so be it"))
            assert (await odd.result()).output == "so be it"
        busy = await stage.start(client, release.together, "cancelled", inputs=[20.0, 20.0])
        await asyncio.sleep(0.5)
        await is_cancelled(busy)

        sends = await stage.start(client, release.sends, "sends", inputs=["one"])
        assert (await sends.result()).output == ["wrote wrote one", "wrote more", "closed"]
        together = await stage.start(client, release.together, "together", inputs=[0.2, 0.9, 1.6, 2.3])
        await asyncio.sleep(1.3)
        await together.update_state({"log": ["by hand"]})
        await together.result()


async def much_is_said(stage: Stage) -> None:
    """What a node gets, what is told, what goes along, and what comes of it can be too large."""
    much = "x" * 1_050_000
    async with stage.working() as client:
        stop = await stage.start(client, release.stops, "much-given", inputs=much)
        await stop.wait()
        await stop.update_state({"log": [much]})
        await stop.resume()
        assert "PayloadTooLargeError" in await fails(stop)
        errands = await stage.start(client, release.errands, "much-said", inputs=much)
        await errands.wait()
        for lap in ("lap:4.0", "lap:8.0"):
            await errands.resume("on", interrupt_id=lap)
            await errands.wait()
        for question in ("slow", "quick"):
            await errands.resume("on", interrupt_id=question)
        await errands.result()
        assert len(await chain(client, errands.id)) == 1
        answered = await stage.start(client, release.errands, "much-returned", inputs="little")
        await answered.wait()
        for question in ("slow", "quick"):
            await answered.resume(much, interrupt_id=question)
        for lap in ("lap:4.0", "lap:8.0"):
            await answered.wait()
            await answered.resume("on", interrupt_id=lap)
        assert "PayloadTooLargeError" in await fails(answered)
    hanging = Told()
    async with stage.working(notify=hanging) as client:
        run = await stage.start(client, release.short_asking, "much-told", Ask())
        for number in range(1, 8):
            await open_in(run, f"Ask:{number}.0")
            await run.resume("end" if number == 7 else "\N{DUCK}" * 19_000)
        await run.result()
        left = {e.data["workflow_id"]: None for e in await run.audit() if e.kind == "notification_left"}
        assert len(left) > 1
        hanging.is_open.set()
        for number, workflow_id in enumerate(left):
            stage.ids[f"{run.id}.left-{number}"] = workflow_id
            await client.get_workflow_handle(workflow_id).result()


async def somebody_listens(stage: Stage) -> None:
    """To nodes that tell something, over the end of a history, and until the very end."""

    async def listen(run: Run) -> list[str]:
        return [event.kind async for event in run.stream()]

    async with stage.working() as client:
        claim = await stage.start(client, release.claims, "heard-claim", Claim(7), state=File(is_open=True))
        talk = await stage.start(client, release.talks, "heard-talk", inputs="it")
        short = await stage.start(client, release.short_asking, "heard-short", Ask())
        listening = [asyncio.create_task(listen(run)) for run in (claim, talk, short)]
        await claim.wait()
        await asyncio.sleep(1)
        await claim.resume({"approved": True}, actor="ann")
        await claim.wait()
        await claim.resume("sure")
        for _ in range(4):
            await talk.wait()
            await talk.resume("so")
        await talk.wait()
        await is_cancelled(talk)
        for answer in ("on", "on", "end"):
            await short.wait()
            await short.resume(answer)
        kinds = [await each for each in listening]
        assert [each[-1] for each in kinds] == ["run_finished", "run_cancelled", "run_finished"]
        assert all("emitted" in each for each in kinds[:2])


# -- On a server with the search attributes -------------------------------------------------------------------------


async def runs_are_shown(stage: Stage) -> None:
    """And cleared; on the first task; over the end of a history; no longer, and again."""
    async with stage.working(shows=True) as client:
        here = await stage.start(client, release.deadlines_here, "shown-here", inputs="never")
        run = await stage.start(client, release.short_asking, "shown", Ask())
        two = await stage.start(client, release.errands, "shown-two", inputs="two")
        gone = await stage.start(client, release.stops, "shown-cancelled", inputs="on")
        names = [f"{number:150}" for number in range(25)]
        crowd = await stage.start(client, release.crowd, "shown-crowd", inputs=names, state=None)
        await crowd.wait()
        await crowd.resume_all({each.interrupt_id: "yes" for each in await crowd.pending_interrupts()})
        assert (await crowd.result()).output == 25
        for answer in ("on", "end"):
            await run.wait()
            await run.resume(answer)
        await run.result()
        await two.wait()
        await gone.wait()
        await is_cancelled(gone)
        await here.wait()
        await here.reassign(["bob", "ann"])
        await here.resume("yes", actor="ann")
        await here.result()
        turns = await stage.start(client, release.asking, "shown-at-times", Ask())
        await turns.wait()
    for shows in (False, True, None):
        async with stage.working(shows=shows) as client:
            turns = release.asking.get_run(client, turns.id)
            await turns.resume("on")
            await turns.wait()
            await sdk(client, turns).signal(SHOW)
            await turns.get_state()
    async with stage.working(shows=False) as client:
        await release.asking.get_run(client, turns.id).resume("end")
        await release.asking.get_run(client, turns.id).result()
        hidden = await stage.start(client, release.naps, "hidden-nap", inputs="well?", state=None)
        await hidden.get_state()
        await is_cancelled(hidden)
    async with stage.working(shows=True) as client:
        await is_cancelled(release.others_errands.get_run(client, two.id))


# -- Recording ------------------------------------------------------------------------------------------------------

SKIPPED: Sequence[Script] = (
    nobody_decides,
    much_is_changed,
    answered_before_it_asks,
    time_is_up,
    votes,
    a_run_keeps_its_policies,
    talks,
    failures,
    breakpoints,
    nobody_can_be_told,
)
PLAIN: Sequence[Script] = (no_worker_is_there, people_are_told, it_is_noisy, much_is_said, somebody_listens)
SHOWN: Sequence[Script] = (runs_are_shown,)


record = Scripts(release.GRAPHS, File, SKIPPED, PLAIN, SHOWN).record
