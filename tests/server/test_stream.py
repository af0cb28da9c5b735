"""What happens in a run, as it happens: numbered events, for any number of readers, and nothing for nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic_graph import End, GraphBuilder, StepContext
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from temporal_graph import Command, GraphRunError, RunCancelledError, RunEvent, TemporalGraph, emit
from tests.replay.serving import chain, until
from tests.server.conftest import Serve
from tests.server.looking import (
    SCHEDULED,
    SIGNALED,
    UPDATED,
    attributes,
    events,
    failures,
    heard,
    is_unharmed,
    unless_stuck,
)
from tests.server.steering_graphs import (
    Desk,
    Draft,
    Fails,
    Gate,
    Lap,
    Round,
    Script,
    choir,
    desk,
    failing,
    first_of_two,
    held,
    laps,
    large,
    line,
    long_laps,
    rounds,
    short_desk,
    speech,
    talk,
)

PUBLISH = "__temporal_workflow_stream_publish"
POLL = "__temporal_workflow_stream_poll"


g = GraphBuilder(name="told_then", deps_type=Gate, output_type=str)


@g.step
async def speak(ctx: StepContext[None, Gate, None]) -> str:
    await ctx.deps.go.wait()
    await emit("a word")
    return "said"


g.add(g.edge_from(g.start_node).to(speak), g.edge_from(speak).to(g.end_node))
told_then = TemporalGraph(g.build())


async def rest(stream: AsyncIterator[RunEvent]) -> list[RunEvent]:
    """All events up to the end of the run; a reader that is never told of the end fails the test."""
    async with asyncio.timeout(60):
        return [event async for event in stream]


def named(found: list[RunEvent]) -> list[tuple[str, str | None]]:
    """What happened, and where."""
    return [(event.kind, event.node_id) for event in found]


# -- Order and numbers ----------------------------------------------------------------------------------------------


async def test_everything_in_order_and_numbered(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        reading = asyncio.create_task(rest(run.stream()))
        await run.wait()
        await run.update_state({"amount": 5})
        await run.pause()
        await run.resume({"verdict": "yes"}, actor="ana", answer_id="click")
        await run.unpause()
        await run.wait()
        await run.resume("web")
        found = await reading
        assert [event.number for event in found] == list(range(len(found)))
        assert [event.at for event in found] == sorted(event.at for event in found)
        assert named(found) == [
            ("run_started", None),
            ("state_changed", None),
            ("node_started", "Draft"),
            ("node_finished", "Draft"),
            ("state_changed", "Draft"),
            ("interrupt_opened", "Review"),
            ("state_changed", None),
            ("run_paused", None),
            ("interrupt_answered", "Review"),
            ("run_unpaused", None),
            ("node_started", "Review"),
            ("node_finished", "Review"),
            ("state_changed", "Review"),
            ("node_started", "Publish"),
            ("interrupt_opened", "Publish"),
            ("interrupt_answered", "Publish"),
            ("node_started", "Publish"),
            ("node_finished", "Publish"),
            ("state_changed", "Publish"),
            ("run_finished", None),
        ]
        data = {(event.kind, event.node_id): event.data for event in found[:13]}
        assert data["node_started", "Draft"] == {"task_id": "Draft:1"}
        assert data["node_finished", "Review"]["task_id"] == "Review:1"
        assert data["node_finished", "Review"]["output"] == {"text": "a"}
        opened = data["interrupt_opened", "Review"]
        assert (opened["interrupt_id"], opened["kind"]) == ("Review:1", "node")
        answered = data["interrupt_answered", "Review"]
        assert (answered["interrupt_id"], answered["actor"], answered["answer_id"]) == ("Review:1", "ana", "click")
        assert found[6].data == {"changes": [{"op": "set", "path": ["amount"], "value": 5}], "version": 2}
        assert found[-1].data == {"output": "a in web"}


async def test_after_the_end_the_same_is_told_again(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        reading = asyncio.create_task(rest(run.stream()))
        await run.result()
        found = await reading
        assert await rest(run.stream()) == found
        assert await rest(run.stream(after=3)) == found[4:]
        assert await rest(run.stream(after=found[-1].number)) == []
        assert await rest(run.stream(after=10_000)) == []


@pytest.mark.parametrize("graph", [desk, short_desk], ids=lambda graph: graph.name)
async def test_a_reader_that_lost_its_connection_goes_on(serve: Serve, task_queue: str, graph: Any) -> None:
    """After each event it begins anew, with the number of the last one."""
    async with serve(graph) as client:
        run = await graph.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        found: list[RunEvent] = []
        async with asyncio.timeout(60):
            while not found or found[-1].kind != "run_finished":
                stream = run.stream(after=found[-1].number if found else None)
                found.append(await anext(stream))
                await stream.aclose()  # type: ignore[attr-defined]
                if found[-1].kind == "interrupt_opened":
                    await run.resume({"verdict": "yes"} if found[-1].node_id == "Review" else "web")
        assert [event.number for event in found] == list(range(len(found)))
        assert await rest(run.stream(after=-1)) == found


async def test_two_readers_are_told_the_same(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        readings = [asyncio.create_task(rest(run.stream())) for _ in range(2)]
        await run.wait()
        late = asyncio.create_task(rest(desk.get_run(client, run.id).stream(after=2)))
        await run.proceed({"verdict": "yes"})
        await run.resume("web")
        first, second = [await reading for reading in readings]
        assert first == second
        assert await late == first[3:]


# -- Continue-as-new ------------------------------------------------------------------------------------------------


async def test_across_histories_none_is_lost_and_none_is_told_twice(serve: Serve, task_queue: str) -> None:
    async with serve(laps) as client:
        run = await laps.start(client, Lap(40), state=Desk(), id=task_queue, task_queue=task_queue)
        found = await rest(run.stream())
        assert [event.number for event in found] == list(range(len(found)))
        told = [event for event in found if event.kind != "emitted"]
        assert named(told) == [
            ("run_started", None),
            ("state_changed", None),
            *[("node_started", "Lap"), ("node_finished", "Lap"), ("state_changed", "Lap")] * 40,
            ("run_finished", None),
        ]
        assert len(await chain(client, run.id)) > 5


async def test_what_is_emitted_right_after_a_run_has_continued_as_new_is_heard(serve: Serve, task_queue: str) -> None:
    async with serve(laps) as client:
        run = await laps.start(
            client, Lap(40), state=Desk(), id=task_queue, task_queue=task_queue, start_signal="pause"
        )
        reading = asyncio.create_task(rest(run.stream()))
        await heard(client, run)
        await run.unpause()
        found = await reading
        assert [event.data["data"] for event in found if event.kind == "emitted"] == list(range(40, 0, -1))


@pytest.mark.needs_cache
async def test_a_reader_that_is_behind_gets_the_latest(serve: Serve, task_queue: str) -> None:
    """Of 2,403 events the run keeps at least the latest 1,000; what is forgotten is left out."""
    async with serve(long_laps) as client:
        run = await long_laps.start(client, Lap(600), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.result()
        found = await rest(run.stream())
        numbers = [event.number for event in found]
        assert numbers == list(range(2_403 - len(found), 2_403))
        assert 1_000 <= len(found) <= 2_000
        assert await rest(run.stream(after=5)) == found
        assert found[-1].kind == "run_finished"


async def test_when_it_continues_as_new_a_run_takes_the_latest_along(serve: Serve, task_queue: str) -> None:
    async with serve(laps) as client:
        run = await laps.start(client, Lap(90), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.result()
        found = await rest(run.stream())
        assert found[-1].number == 272  # two at the start and one at the end, and three of each lap
        assert len(found) >= 200
        assert [event.number for event in found] == list(range(273 - len(found), 273))


# -- Nobody listens -------------------------------------------------------------------------------------------------


async def test_nobody_pays_for_what_nobody_reads(serve: Serve, task_queue: str) -> None:
    """The events of a run whose nodes emit, and of the same run with the words taken out of its nodes, are the same."""
    async with serve(talk, deps=Gate()) as client:
        kinds: list[list[int]] = []
        for count in (0, 50):
            run_id = f"{task_queue}-{count}"
            run = await talk.start(
                client,
                inputs=count,
                state=Desk(),
                id=run_id,
                task_queue=task_queue,
                start_signal="resume",
                start_signal_args=[{"interrupt_id": "ask_first:1.0", "value": None}],
            )
            await run.result()
            kinds.append([event.event_type for event in await events(client, run_id)])
        assert kinds[0] == kinds[1]
        # Afterwards everything is there but what was emitted in activities; reading it costs nothing either.
        found = await rest(run.stream())
        assert [(event.node_id, event.data["data"]) for event in found if event.kind == "emitted"] == [
            ("tell_here", {"here": True})
        ]
        assert [event.event_type for event in await events(client, run.id)] == kinds[1]


# -- emit() ---------------------------------------------------------------------------------------------------------


async def test_what_nodes_emit(serve: Serve, task_queue: str) -> None:
    async with serve(talk, deps=Gate()) as client:
        run = await talk.start(client, inputs=30, state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        reading = asyncio.create_task(rest(run.stream()))
        await heard(client, run)
        await run.resume(None)
        await run.result()
        found = await reading
        emitted = [event for event in found if event.kind == "emitted"]
        assert [event.data for event in emitted if event.node_id == "tell"] == [
            {"task_id": "tell:1", "data": {"token": number}} for number in range(30)
        ]
        assert [event.data for event in emitted if event.node_id == "tell_here"] == [
            {"task_id": "tell_here:1", "data": {"here": True}}
        ]
        assert {event.node_id for event in emitted} == {"tell", "tell_here"}  # a local node is not heard
        # In order, between the start and the end of the node.
        kinds = [event.kind for event in found if event.node_id == "tell"]
        assert kinds == ["node_started", *["emitted"] * 30, "node_finished"]
        assert [event.number for event in found] == list(range(len(found)))
        assert await is_unharmed(client, run.id)


async def test_outside_of_a_node_it_does_nothing() -> None:
    await emit({"nobody": "hears"})
    assert (await talk.local(deps=Gate()).proceed(inputs=2, state=Desk())).is_interrupt


async def test_with_upstreams_own_run() -> None:
    assert await long_laps.graph.run(state=Desk(), inputs=Lap(3)) == 3


# -- emit(), and when somebody comes --------------------------------------------------------------------------------


async def said(script: Script, count: int) -> None:
    """Wait until a node has said so many words."""

    async def look() -> bool:
        return len(script.said) >= count

    await until(look)


@pytest.mark.needs_cache
async def test_who_comes_while_a_node_speaks_misses_nothing_from_then_on(serve: Serve, task_queue: str) -> None:
    script = Script()
    async with serve(speech, deps=script) as client:
        run = await speech.start(client, id=task_queue, task_queue=task_queue)

        async def dictate() -> None:
            for number in range(60):
                script.words.put_nowait(number)
                await asyncio.sleep(0.05)
            script.words.put_nowait(None)

        dictating = asyncio.create_task(dictate())
        await said(script, 10)
        reading = asyncio.create_task(rest(run.stream()))
        await heard(client, run)
        before = len(script.said)
        await dictating
        told = [event.data["data"] for event in await reading if event.kind == "emitted"]
        assert told == list(range(told[0], 60))
        assert told[0] <= before


async def test_what_follows_from_the_first_event_is_heard(serve: Serve, task_queue: str) -> None:
    """Whoever is told of something is one who listens, although they have only asked so far; the node ends at once."""
    gate = Gate()
    async with serve(told_then, deps=gate) as client:
        for number in range(5):
            gate.go.clear()
            run = await told_then.start(client, id=f"{task_queue}-{number}", task_queue=task_queue)
            async with asyncio.timeout(60):
                found: list[RunEvent] = []
                async for event in run.stream():
                    gate.go.set()
                    found.append(event)
            assert [event.data["data"] for event in found if event.kind == "emitted"] == ["a word"]


async def test_what_one_reader_does_to_an_event_is_not_seen_by_the_others(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        other = asyncio.create_task(rest(run.stream()))
        spoilt: list[RunEvent] = []

        async def spoil() -> None:
            async for event in run.stream():
                spoilt.append(replace(event, data=json.loads(json.dumps(event.data))))
                for value in event.data.values():
                    if isinstance(value, dict | list):
                        value.clear()
                event.data.clear()

        spoiling = asyncio.create_task(spoil())
        await run.wait()
        await run.resume({"verdict": "yes"})
        await run.wait()
        await run.resume("web")
        await spoiling
        assert spoilt == await other


@pytest.mark.parametrize("end", ["silence", "end", "failure"])
@pytest.mark.parametrize("first", ["reader", "word"])
async def test_a_single_word(serve: Serve, task_queue: str, first: str, end: str) -> None:
    """It arrives while the node says nothing more, when it has ended, and when it has failed."""
    script = Script()
    async with serve(speech, deps=script) as client:
        run = await speech.start(client, id=task_queue, task_queue=task_queue)
        if first == "word":  # so that it is known already that nobody listens
            for number in range(5):
                script.words.put_nowait("nobody hears")
                await said(script, number + 1)
                await asyncio.sleep(0.1)
        arrived = asyncio.Event()
        found: list[RunEvent] = []

        async def read() -> None:
            async for event in run.stream():
                found.append(event)
                if event.kind == "emitted" and event.data["data"] != "nobody hears":
                    arrived.set()

        reading = asyncio.create_task(read())
        await heard(client, run)
        if end == "silence":
            script.words.put_nowait("a word")
            async with asyncio.timeout(60):
                await arrived.wait()
            script.words.put_nowait(None)
        elif end == "end":
            script.words.put_nowait("a word")
            script.words.put_nowait(None)
        else:
            script.words.put_nowait("nonsense")
        async with asyncio.timeout(60):
            await reading
        told = [event for event in found if event.kind in ("emitted", "node_finished", "node_failed")]
        ended = "node_failed" if end == "failure" else "node_finished"
        assert [event.kind for event in told][-2:] == ["emitted", ended]
        assert told[-2].data["data"] == script.said[-1]
        assert script.said[-1] != "nobody hears"
        assert await is_unharmed(client, run.id)


async def test_words_for_nobody_leave_no_trace(serve: Serve, task_queue: str) -> None:
    script = Script()
    async with serve(speech, deps=script) as client:
        run = await speech.start(client, id=task_queue, task_queue=task_queue)
        for number in range(20):
            script.words.put_nowait(number)
            await asyncio.sleep(0.05)
        script.words.put_nowait(None)
        assert (await run.result()).output == 20
        assert [
            event.event_type for event in await events(client, run.id) if event.event_type in (SIGNALED, UPDATED)
        ] == []
        assert "emitted" not in [event.kind for event in await rest(run.stream())]


async def test_words_of_which_there_are_too_many(serve: Serve, task_queue: str) -> None:
    """More, and larger ones, than are kept, and than go in one signal; in one breath."""
    script = Script()
    async with serve(speech, deps=script) as client:
        run = await speech.start(client, id=task_queue, task_queue=task_queue)
        for word in range(5_000):
            script.words.put_nowait(word)
        await said(script, 5_000)  # for nobody
        reading = asyncio.create_task(rest(run.stream()))
        await heard(client, run)
        words = [*range(1_200), *("x" * 15_000 + str(number) for number in range(100))]
        for word in [*words, None]:
            script.words.put_nowait(word)
        found = await reading
        assert [event.data["data"] for event in found if event.kind == "emitted"][-len(words) :] == words
        assert await is_unharmed(client, run.id)


async def test_many_nodes_at_once(serve: Serve, task_queue: str) -> None:
    """What each has to say comes between its start and its end, and in order."""
    gate = Gate()
    async with serve(choir, deps=gate) as client:
        run = await choir.start(client, inputs=20, id=task_queue, task_queue=task_queue)
        reading = asyncio.create_task(rest(run.stream()))
        await heard(client, run)
        gate.go.set()
        told: dict[str, list[Any]] = {}
        for event in await reading:
            if event.node_id == "sing" and event.kind != "state_changed":
                told.setdefault(event.data["task_id"], []).append(event.data.get("data", event.kind))
        assert list(told.values()) == [["node_started", 0, 1, 2, "node_finished"]] * 20


# -- Large things ---------------------------------------------------------------------------------------------------


async def test_what_is_too_long_is_left_out(serve: Serve, task_queue: str) -> None:
    async with serve(large) as client:
        run = await large.start(client, inputs=50_000, state=Desk(), id=task_queue, task_queue=task_queue)
        reading = asyncio.create_task(rest(run.stream()))
        stop = await run.wait()
        assert stop.interrupts[0].value == "q" * 50_000
        await run.resume(None)
        assert (await run.result()).output == "o" * 50_000
        found = await reading
        by_kind = {(event.kind, event.node_id): event.data for event in found}
        for name in (("emitted", "grow"), ("state_changed", "grow"), ("interrupt_opened", "ask_large")):
            assert by_kind[name]["omitted"] is True, name
        for name in (("node_finished", "grow"), ("node_finished", "ask_large"), ("run_finished", None)):
            assert "output" not in by_kind[name], name
        assert max(len(json.dumps(event.data)) for event in found) < 20_000


async def test_an_output_that_is_left_out_says_so(serve: Serve, task_queue: str) -> None:
    async with serve(large) as client:
        run = await large.start(client, inputs=50_000, state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume(None)
        await run.result()
        ends = [event for event in await rest(run.stream()) if event.kind in ("node_finished", "run_finished")]
        assert [event.data.get("omitted") for event in ends] == [True] * 3


# -- Ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "terminate", "fail", "finish"])
async def test_every_end_ends_the_stream(serve: Serve, task_queue: str, how: str) -> None:
    async with serve(failing) as client:
        run = await failing.start(client, Fails(), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        reading = asyncio.create_task(rest(run.stream()))
        await heard(client, run)
        if how == "cancel":
            await run.cancel()
        elif how == "terminate":
            await client.get_workflow_handle(run.id).terminate()
        elif how == "fail":
            await run.resume(None)
        else:
            await run.resume(Command(goto=End("ended")))
        found = await reading
        expected = {"cancel": "run_cancelled", "fail": "run_failed", "finish": "run_finished"}
        assert found[-1].kind == expected.get(how, "interrupt_opened")
        if how == "fail":
            assert found[-1].node_id == "Fails"
            assert found[-1].data["message"] == "as it was told"
            assert found[-2].kind == "node_failed"
            with pytest.raises(GraphRunError):
                await run.result()
        elif how != "finish":
            with pytest.raises(RunCancelledError):
                await run.result()
        assert await rest(run.stream()) == found


async def test_a_reader_that_is_cancelled(serve: Serve, task_queue: str) -> None:
    """It stops at once; the run and the other readers do not notice."""
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        other = asyncio.create_task(rest(run.stream()))
        reading = asyncio.create_task(rest(run.stream(after=1_000)))
        await heard(client, run)
        reading.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await reading
        stop = await run.proceed({"verdict": "yes"})
        assert stop.is_interrupt
        assert (await run.proceed("web")).is_end
        assert (await other)[-1].kind == "run_finished"
        assert await is_unharmed(client, run.id)


async def test_a_run_ends_although_somebody_listens(serve: Serve, task_queue: str) -> None:
    """Readers wait in updates; a run that waited for them would never end."""
    gate = Gate()
    async with serve(held, deps=gate) as client:
        run = await held.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        readings = [asyncio.create_task(rest(run.stream())) for _ in range(3)]
        await gate.begun.wait()
        await heard(client, run)
        gate.go.set()
        async with asyncio.timeout(20):
            assert (await run.result()).output == "x!"
        assert [(await reading)[-1].kind for reading in readings] == ["run_finished"] * 3


# -- Nonsense -------------------------------------------------------------------------------------------------------


def wire(data: bytes, encoding: bytes = b"json/plain") -> str:
    """An item as it crosses."""
    payload = Payload(metadata={"encoding": encoding}, data=data)
    return base64.b64encode(payload.SerializeToString()).decode()


def published(*items: Any, publisher_id: Any = "", sequence: Any = 1) -> dict[str, Any]:
    """A batch of items."""
    return {"items": list(items), "publisher_id": publisher_id, "sequence": sequence}


GOOD = {
    "topic": "events",
    "data": wire(b'{"kind": "emitted", "node_id": null, "at": "2026-01-01T00:00:00Z", "data": {"data": 1}}'),
}
UNREADABLE: dict[str, list[Any]] = {
    "nothing": [],
    "null": [None],
    "text": ["text"],
    "list": [[]],
    "two": [1, 2],
    "object": [{}],
    "items": [{"items": 5, "publisher_id": "", "sequence": 1}],
    "no topic": [published({"data": ""})],
    "no item": [published(5)],
    "no base64": [published({"topic": "events", "data": "%%%"})],
    "no payload": [published({"topic": "events", "data": "aGFsbG8="})],
    "sequence": [published(GOOD, sequence="x")],
    "infinite sequence": [
        RawValue(
            Payload(
                metadata={"encoding": b"json/plain"}, data=b'{"items": [], "sequence": Infinity, "publisher_id": ""}'
            )
        )
    ],
    "half": [published(GOOD, {"topic": "events", "data": 5})],
    "binary": [b"\xff"],
    "deep": [RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 50_000 + b"]" * 50_000))],
}
NOT_OURS: dict[str, Any] = {
    "topic": published({"topic": "other", "data": wire(b"{}")}),
    "no json": published({"topic": "events", "data": wire(b"{")}),
    "no object": published({"topic": "events", "data": wire(b"[1]")}),
    "no event": published({"topic": "events", "data": wire(b'{"kind": "x"}')}),
    "encrypted": published({"topic": "events", "data": wire(b"x", b"binary/encrypted")}),
    "empty": published({"topic": "events", "data": ""}),
    "negative": published(publisher_id="x", sequence=-5),
}


async def test_events_that_are_none_do_no_harm(serve: Serve, task_queue: str) -> None:
    async with serve(short_desk) as client:
        run = await short_desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        reading = asyncio.create_task(rest(run.stream()))
        for args in UNREADABLE.values():
            await handle.signal(PUBLISH, args=args)
        for sent in NOT_OURS.values():
            await handle.signal(PUBLISH, sent)
        state = await unless_stuck(client, run.id, run.get_state())
        listed = dict(zip(UNREADABLE, state.rejected, strict=True))
        assert {item["reason"] for item in listed.values()} == {"invalid"}
        assert all("These are no events" in item["message"] for item in listed.values())
        await handle.signal(PUBLISH, published(GOOD))
        await run.proceed({"verdict": "yes"})
        assert (await unless_stuck(client, run.id, run.proceed("web"))).is_end
        found = await reading
        assert found[-1].kind == "run_finished"
        assert [event.data for event in found if event.kind == "emitted"] == [{"data": 1}]
        for history in await chain(client, run.id):
            assert not failures(history.events)


STRANGE: list[dict[str, Any]] = [
    {"kind": "emitted", "node_id": None, "at": "yesterday", "data": {}},
    {"kind": "emitted", "node_id": None, "at": 5, "data": {}},
    {"kind": "emitted", "node_id": None, "at": None, "data": {}},
]


@pytest.mark.parametrize("event", STRANGE, ids=["text", "number", "null"])
async def test_a_strange_event_does_not_end_a_reader(serve: Serve, task_queue: str, event: dict[str, Any]) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        item = {"topic": "events", "data": wire(json.dumps(event).encode())}
        await handle.signal(PUBLISH, published(item))
        await run.cancel()
        assert (await rest(run.stream()))[-1].kind == "run_cancelled"


POLLS: dict[str, list[Any]] = {
    "nothing": [],
    "null": [None],
    "text": ["x"],
    "list": [[]],
    "two": [{}, {}],
    "topics": [{"topics": 5, "from_offset": 0}],
    "objects as topics": [{"topics": [{}], "from_offset": 0}],
    "lists as topics": [{"topics": [[]], "from_offset": 0}],
    "null as topic": [{"topics": [None], "from_offset": 0}],
    "text as offset": [{"topics": [], "from_offset": "x"}],
    "float as offset": [{"topics": [], "from_offset": 1.5}],
    "whole float as offset": [{"topics": [], "from_offset": 1.0}],
    "null as offset": [{"topics": [], "from_offset": None}],
    "bool as offset": [{"topics": [], "from_offset": True}],
    "negative offset": [{"topics": [], "from_offset": -5}],
    "large offset of another topic": [{"topics": ["other"], "from_offset": 0}],
    "binary": [b"\xff"],
    "not json": [RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{"))],
    "encrypted": [RawValue(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"{"))],
    "deep": [RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 50_000 + b"]" * 50_000))],
}


@pytest.mark.parametrize("what", list(POLLS))
async def test_polls_that_are_none_do_no_harm(serve: Serve, task_queue: str, what: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        update = asyncio.create_task(handle.execute_update(POLL, args=POLLS[what]))

        # Refused, or answered; or else it waits for events that are yet to come, like every other.
        await asyncio.wait([update], timeout=1)
        try:
            stop = await unless_stuck(client, run.id, run.proceed({"verdict": "yes"}))
            assert stop.is_interrupt
            assert (await unless_stuck(client, run.id, run.proceed("web"))).is_end
        except BaseException:
            await handle.terminate()
            raise
        outcome = (await asyncio.gather(update, return_exceptions=True))[0]
        assert isinstance(outcome, dict | WorkflowUpdateFailedError), outcome
        assert await is_unharmed(client, run.id)


async def test_a_reader_from_far_ahead_holds_nobody(serve: Serve, task_queue: str) -> None:
    """It waits for an event that never comes; the run continues as new, and ends, nevertheless."""
    async with serve(short_desk) as client:
        run = await short_desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        reading = asyncio.create_task(rest(run.stream(after=10**6)))
        for _ in range(3):
            await run.wait()
            await run.proceed({"verdict": "no"})
        await run.proceed({"verdict": "yes"})
        assert (await unless_stuck(client, run.id, run.proceed("web"))).is_end
        assert await reading == []


# -- Branches -------------------------------------------------------------------------------------------------------


async def test_a_run_is_started_once(serve: Serve, task_queue: str) -> None:
    """One of two nodes in the workflow wins in the very task in which the other one asks."""
    async with serve(first_of_two) as client:
        run = await first_of_two.start(client, id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert [question.value for question in stop.interrupts] == ["end?"]
        await run.resume(None)
        assert (await run.result()).output == "at once"
        found = await rest(run.stream())
        assert [event.kind for event in found].count("run_started") == 1


async def test_an_early_answer_is_told_when_it_is_taken(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("web", interrupt_id="Publish:1.0", actor="ana")
        await run.resume({"verdict": "yes"})
        await run.result()
        found = await rest(run.stream())
        answered = [event.data["interrupt_id"] for event in found if event.kind == "interrupt_answered"]
        assert sorted(answered) == ["Publish:1.0", "Review:1"]


async def test_many_answers(serve: Serve, task_queue: str) -> None:
    async with serve(rounds) as client:
        run = await rounds.start(client, Round(5), state=Desk(), id=task_queue, task_queue=task_queue)
        reading = asyncio.create_task(rest(run.stream()))
        for number in range(5):
            await run.wait()
            await run.proceed({"who": str(number)})
        found = await reading
        told = [e.data["interrupt_id"] for e in found if e.kind in ("interrupt_opened", "interrupt_answered")]
        assert told == [f"Ask:{number}" for number in range(1, 6) for _ in range(2)]
        assert not [attributes(event) for event in await events(client, run.id, SCHEDULED)]
