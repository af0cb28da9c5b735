"""Many at once: two who answer the same question, and a thousand signals to a run that waits."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import Accepted, AnswerRefusedError, GraphPlugin, GraphRun
from tests.replay.serving import until
from tests.server.conftest import Serve
from tests.server.looking import is_unharmed
from tests.server.steering_graphs import Desk, Draft, Round, board, desk, rounds

TURNS = 200


async def test_two_clients_answer_the_same_question(serve: Serve, server_address: str, task_queue: str) -> None:
    """200 times: one wins, and the other is told who it was, and when."""
    async with serve(rounds) as client:
        run = await rounds.start(client, Round(TURNS), state=Desk(), id=task_queue, task_queue=task_queue)
        others = [await Client.connect(server_address, plugins=[GraphPlugin(rounds)]) for _ in range(2)]
        runs = {name: rounds.get_run(other, run.id) for name, other in zip(("ana", "bob"), others, strict=True)}
        await run.wait()
        winners = [await race(runs, f"Ask:{turn}", turn) for turn in range(1, TURNS + 1)]
        result = await run.result()
        assert result.output == winners
        assert set(winners) <= {"ana", "bob"}
        state = await run.get_state()
        assert [(taken.interrupt_id, taken.actor) for taken in state.answered] == [
            (f"Ask:{turn}", winner) for turn, winner in enumerate(winners, 1)
        ]
        assert state.rejected == []
        assert await is_unharmed(client, run.id)


async def race(runs: dict[str, GraphRun[Any, Any]], question: str, turn: int) -> str:
    """Let both answer; who won."""
    order = list(runs) if turn % 2 else list(runs)[::-1]
    outcomes = await asyncio.gather(
        *(runs[name].resume({"who": name}, interrupt_id=question, actor=name) for name in order),
        return_exceptions=True,
    )
    by_name = dict(zip(order, outcomes, strict=True))
    [(winner, taken)] = [(name, outcome) for name, outcome in by_name.items() if isinstance(outcome, Accepted)]
    [refused] = [outcome for name, outcome in by_name.items() if name != winner]
    assert isinstance(taken, Accepted)
    assert (taken.actor, taken.interrupt_id) == (winner, question)
    assert isinstance(refused, AnswerRefusedError), refused
    if refused.reason == "closed":  # it was the last question, and the run has ended by now
        assert turn == TURNS
    else:
        assert refused.reason == "already_answered"
        who, when = re.findall(r"answered (?:ahead )?by (\w+) at (\S+?)\.?$", str(refused))[0]
        assert who == winner
        assert when == taken.answered_at.isoformat()
    return winner


async def test_two_processes_of_one_click(serve: Serve, task_queue: str) -> None:
    """The same answer, sent many times at once, is one answer; the next question stays open."""
    async with serve(rounds) as client:
        run = await rounds.start(client, Round(2), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        taken = await asyncio.gather(*(run.resume({"who": "ana"}, answer_id="click") for _ in range(20)))
        assert all(accepted == taken[0] for accepted in taken)
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Ask:2"]
        assert (await run.proceed({"who": "bob"})).output == ["ana", "bob"]


async def test_all_together_against_one_by_one(serve: Serve, task_queue: str) -> None:
    """Whoever answers all of them, and whoever answers one: the former is taken as a whole or not at all."""
    async with serve(board) as client:
        for number in range(10):
            run = await board.start(
                client, inputs=["a", "b"], state=Desk(), id=f"{task_queue}-{number}", task_queue=task_queue
            )
            await run.wait()
            both, one = await asyncio.gather(
                run.resume_all({"item:1.0": "both", "item:2.0": "both"}),
                run.resume("one", interrupt_id="item:2.0"),
                return_exceptions=True,
            )
            if isinstance(both, BaseException):
                assert isinstance(both, AnswerRefusedError)
                assert both.reason == "already_answered"
                assert isinstance(one, Accepted)
                stop = await run.proceed("late", interrupt_id="item:1.0")
                assert stop.output == ["a=late", "b=one"]
            else:
                assert isinstance(one, AnswerRefusedError)
                assert (await run.result()).output == ["a=both", "b=both"]


MALFORMED: list[tuple[str, list[Any]]] = [
    ("resume", []),
    ("resume", ["text"]),
    ("resume", [{"value": {"verdict": "maybe"}}]),
    ("resume", [{"value": {"verdict": "yes"}, "interrupt_id": "Nobody:1"}]),
    ("resume_all", [[{"value": 1}, 5]]),
    ("update_state", [{"values": {"amuont": 1}}]),
    ("update_state", [{"values": {"amount": 1}, "expected_version": -1}]),
    ("set_breakpoints", [{"before": ["Nobody"]}]),
    ("__temporal_workflow_stream_publish", [5]),
    ("no_such_signal", [b"\xff"]),
]


async def test_a_thousand_signals_to_a_run_that_waits(serve: Serve, task_queue: str) -> None:
    """Each tenth is malformed: 100 of 1,000, as many as are listed."""
    async with serve(desk) as client:
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        good: list[tuple[str, list[Any]]] = [
            ("update_state", [{"values": {"amount": 7}}]),
            ("pause", []),
            ("set_breakpoints", [{"before": ["Publish"]}]),
            ("unpause", []),
            ("update_state", [{"values": {"extra": [1]}}]),
        ]
        signals = [
            MALFORMED[number // 10 % len(MALFORMED)] if number % 10 == 0 else good[number % len(good)]
            for number in range(1_000)
        ]
        for start in range(0, len(signals), 20):
            await asyncio.gather(*(handle.signal(name, args=args) for name, args in signals[start : start + 20]))

        async def all_taken() -> bool:
            """They are taken a few at a time, in as many workflow tasks as that takes."""
            return len((await run.get_state()).rejected) == 100

        await until(all_taken)
        state = await run.get_state()
        reasons = Counter(item["reason"] for item in state.rejected)
        assert reasons == {"invalid": 80, "unknown_interrupt": 10, "conflict": 10}
        assert (state.values.amount, state.values.extra) == (7, [1])
        assert [question.interrupt_id for question in state.interrupts] == ["Review:1"]
        # The 101st: the oldest makes room.
        await handle.signal("resume", "one more")

        async def is_listed() -> bool:
            state = await run.get_state()
            return (len(state.rejected), state.rejected[-1]["answer"]) == (100, "one more")

        await until(is_listed)
        await run.unpause()
        stop = await run.proceed({"verdict": "yes"})
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.before"]
        await run.proceed()
        assert (await run.proceed("web")).output == "a in web"
        assert await is_unharmed(client, run.id)


# -- One round trip -------------------------------------------------------------------------------------------------


async def test_proceed_is_one_round_trip(
    serve: Serve, server_address: str, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer, the node that follows, and the next question: one request, and one response."""
    async with serve(desk):
        client = await Client.connect(server_address, plugins=[GraphPlugin(desk)])
        run = await desk.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        calls: list[str] = []
        call = client.service_client._rpc_call  # pyright: ignore[reportPrivateUsage]

        async def counted(rpc: str, *args: Any, **options: Any) -> Any:
            if rpc != "describe_workflow_execution":  # what takes more than a second is looked at: is the run blocked?
                calls.append(rpc)
            return await call(rpc, *args, **options)

        monkeypatch.setattr(client.service_client, "_rpc_call", counted)
        stop = await run.proceed({"verdict": "yes"})
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]
        assert calls == ["update_workflow_execution"]
        calls.clear()
        stop = await desk.proceed(client, id=run.id, task_queue=task_queue, from_node=Draft("a"))
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]
        assert calls == ["execute_multi_operation"]
        calls.clear()
        stop = await desk.proceed(client, id=f"{run.id}-2", task_queue=task_queue, from_node=Draft("b"))
        assert [question.interrupt_id for question in stop.interrupts] == ["Review:1"]
        assert calls == ["execute_multi_operation"]
