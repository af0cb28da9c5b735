"""More scripts of the histories of release 0.3: what people answer and edit, and nodes count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from temporal_graph import AnswerRefusedError, Command, GraphRunError, StateConflictError
from tests.replay import release_0_3_people as release
from tests.replay.recording import QUEUE
from tests.replay.release_0_3_people import Aquarium, Cat, Dog, Lent, Places
from tests.replay.serving import until
from tests.replay.stage import Run, Script, Stage, continues, sdk

BERLIN = ZoneInfo("Europe/Berlin")


async def others_may_answer(stage: Stage) -> None:
    """A question with a key, since somebody has edited the state: by update one is told; by signal it is asked anew."""

    async def is_refused(run: Run, actor: str, reason: str) -> None:
        try:
            await run.resume(True, actor=actor)
        except AnswerRefusedError as error:
            if error.reason == reason:
                return
        raise AssertionError(f"{actor} could answer {run.id}")

    async def asks(run: Run, who: str) -> bool:
        return [question.assignees for question in await run.pending_interrupts()] == [[who]]

    async with stage.working() as client:
        for graph, name in ((release.signing, "again"), (release.short_signing, "again-short")):
            run = await stage.start(client, graph, name)
            await run.wait()
            await run.update_state({"edits": 1_000})
            if graph is release.short_signing:
                await continues(client, run)
            await is_refused(run, "ann", "conflict")
            await is_refused(run, "ann", "not_authorized")
            await run.update_state({"edits": 2_000})
            if graph is release.short_signing:
                await continues(client, run)
            await sdk(client, run).signal("resume", {"value": True, "actor": "boss 1000"})
            await until(lambda run=run: asks(run, "boss 2000"))
            await run.resume(True, actor="boss 2000")
            assert (await run.result()).output == "True by ['boss 2000']"


async def answers_come_in_time(stage: Stage) -> None:
    """Each is judged once, though it is too late, or early enough, where the node or its replay reads it again."""

    def at(seconds: float) -> str:
        return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()

    async def answered(run: Run, send: Awaitable[Any], words: str) -> None:
        """Answer, and wait for what is asked then."""
        [before] = await run.pending_interrupts()
        await send

        async def look() -> bool:
            found = await run.pending_interrupts()
            return [str(each.value) for each in found] == [words] and found[0].created_at != before.created_at

        await until(look)

    async with stage.working() as client:
        for graph, name in ((release.choosing, "in-time"), (release.short_choosing, "in-time-short")):
            run = await stage.start(client, graph, name)
            await run.wait()
            for where, then in (("there", "here"), ("here", "")):
                begins, ended, how = (f"{where}: {what}?" for what in ("until when", "since when", "how"))
                await answered(run, sdk(client, run).signal("resume", {"value": at(-100)}), begins)
                await answered(run, sdk(client, run).signal("resume", {"value": at(3)}), ended)
                if graph is release.short_choosing:
                    await continues(client, run)
                await answered(run, run.resume(at(2)), ended)
                await answered(run, run.resume(at(-1)), how)
                await answered(run, run.resume("no"), how)
                if graph is release.short_choosing:
                    await continues(client, run)
                await asyncio.sleep(3)
                if then:
                    await answered(run, run.resume("well"), f"{then}: until when?")
            await run.resume("well")
            assert (await run.result()).output == ["well, True", "well, True"]


async def edits_are_of_types(stage: Stage) -> None:
    """Of values with tags, of a subclass, of a union: by update, by signal, with an answer, and of a fork."""
    async with stage.working() as client:
        handle: Any
        zoo = Aquarium(datetime(2026, 3, 28, 12, tzinfo=BERLIN), Dog("Rex"), {("a", 1): 2}, {"new"}, b"\xff\x00")
        first = await stage.start(client, release.keeping_zoo, "edits-zoo", state=zoo)
        lent = await stage.start(client, release.keeping_union, "edits-union", state=Lent("lent", 3, Dog("Rex")))
        for run in (first, lent):
            await run.wait()
        await first.update_state({"pet": Cat("Tom"), "tags": {"old", "large"}})
        await lent.update_state({"to": Cat("Tom")})
        past = [checkpoint async for checkpoint in first.history()]
        stage.ids["edits-fork"] = "edits-fork"
        forked = {"opens": datetime(2026, 3, 30, 12, tzinfo=BERLIN), "data": b"\xfe"}
        fork = await first.fork(past[-1].checkpoint_id, id="edits-fork", task_queue=QUEUE, update=forked)
        await fork.wait()
        await continues(client, first)
        for run in (first, fork):
            handle = sdk(client, run)
            await handle.signal("update_state", {"values": {"cages": [[["b", 2], 3]], "water": 2.5}})
            await run.resume(Command(update={"data": b"\x00\xff", "pet": Dog("Hasso", bites=True)}, resume=True))
            await run.wait()
        handle = sdk(client, lent)
        await handle.signal("update_state", {"values": {"days": 4}})
        await handle.signal("update_state", {"values": {"price": 4}})
        for run in (first, fork, lent):
            await run.resume(True)
        state = (await first.result()).state
        assert state == Aquarium(zoo.opens, Dog("Hasso", bites=True), {("b", 2): 3}, {"old", "large"}, b"\x00\xff", 2.5)
        assert state.opens.tzinfo is BERLIN
        assert (await fork.result()).state.opens == forked["opens"]
        stop = await lent.wait()
        while stop.is_interrupt:
            stop = await lent.proceed(True)
        assert stop.state == Lent("lent", 4, Cat("Tom"))


async def numbers_are_anywhere(stage: Stage) -> None:
    """In a value that is set as a whole, in a list that has grown, in JSON in a text: a conflict, or added up."""
    async with stage.working() as client:
        for place in ("pair", "items", "text"):
            careless = await stage.start(
                client, release.careless_places, f"places-{place}", inputs=[place] * 3, state=Places()
            )
            try:
                await careless.result()
            except StateConflictError:
                pass
            else:
                raise AssertionError(f"there was no conflict in {place}")
        summed = await stage.start(
            client, release.summed_places, "places-summed", inputs=["pair", "text"] * 2, state=Places()
        )
        result = await summed.result()
        assert (result.output, result.state) == (4, Places(pair=(2, "b"), text={"a": 2}))


async def made_in_the_workflow(stage: Stage) -> None:
    """What was right then is too late by each replay; what was wrong has a mark."""
    async with stage.working() as client:
        for graph, name in ((release.until_by_node, "made-node"), (release.until_by_transform, "made-transform")):
            for when, end in (
                (datetime.now(UTC) + timedelta(seconds=3), ""),
                (datetime(2020, 1, 1, tzinfo=UTC), "-late"),
            ):
                run = await stage.start(client, graph, f"{name}{end}", inputs=when.isoformat())
                if end:
                    await fails(run, "Input should be in the future")
                else:
                    await run.wait()
                    assert (await run.proceed("yes")).output == "yes"


async def awaits_are_forgotten(stage: Stage) -> None:
    """A node in the workflow that asks without await fails, and its history says so."""
    async with stage.working() as client:
        await fails(await stage.start(client, release.forgetful, "forgetful"), "was called without await")


async def fails(run: Run, words: str) -> None:
    with pytest.raises(GraphRunError, match=words):
        await run.result()


PLAIN: Sequence[Script] = (
    made_in_the_workflow,
    awaits_are_forgotten,
    others_may_answer,
    answers_come_in_time,
    edits_are_of_types,
    numbers_are_anywhere,
)
