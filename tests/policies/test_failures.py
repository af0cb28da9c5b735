"""A node that has failed for good is a question: run it again, skip it, go elsewhere, or let the run fail."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from temporal_graph import (
    Abort,
    AnswerRefusedError,
    Command,
    GraphRun,
    GraphRunError,
    Retry,
    Send,
    Skip,
    TemporalGraph,
)
from tests.policies import failure_graphs as graphs
from tests.policies.conftest import Serve
from tests.policies.failure_graphs import Desk, Divide, Job, Sign
from tests.replay.serving import serving, until
from tests.server.looking import is_unharmed
from tests.support.process import Process

Graph = TemporalGraph[Any, Any, Any, Any]
EVERYWHERE = pytest.mark.parametrize(
    "graph", [graphs.activity, graphs.local, graphs.workflow], ids=["activity", "local", "workflow"]
)


async def start(client: Client, graph: Graph, job: Job, task_queue: str, name: str = "") -> GraphRun[Any, Any]:
    return await graph.start(client, inputs=job, state=Desk(), id=f"{task_queue}{name}", task_queue=task_queue)


# -- What is asked ----------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_the_question(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert (asked.interrupt_id, asked.node_id, asked.kind) == ("work:1.failure", "work", "failure")
        assert asked.value == {
            "error": {"type": "ConnectionError", "message": "closed for bad"},
            "attempts": 1 if graph is graphs.workflow else 3,
            "inputs": {"scenario": "says", "text": "bad"},
        }
        assert asked.response_schema is not None
        actions = [option["properties"]["action"]["const"] for option in asked.response_schema["oneOf"]]
        assert actions == ["retry", "skip", "abort"]
        assert (await run.get_state()).status == "waiting"
        await run.cancel()
        assert await is_unharmed(client, run.id)


@EVERYWHERE
@pytest.mark.parametrize(
    ("scenario", "type_", "message", "attempts"),
    [
        ("is_mistaken", "TypeError", "a mistake", None),
        ("says_nothing", "Odd", "(it has no message: its __str__ raised RuntimeError)", 3),
        ("leaves", "SystemExit", "7", 1),
        ("is_no_text", "EncodeError", "3 is not what is declared", 1),
    ],
)
async def test_what_went_wrong(
    serve: Serve, task_queue: str, graph: Graph, scenario: str, type_: str, message: str, attempts: int | None
) -> None:
    """An error of programming is tried again only where the options have a retry policy of their own, as these do."""
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job(scenario), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["type"] == type_
        assert message in asked.value["error"]["message"]
        assert asked.value["attempts"] == (1 if graph is graphs.workflow else attempts or 3)
        assert (await run.proceed(Skip("skipped"))).output == "skipped"
        assert await is_unharmed(client, run.id)


@EVERYWHERE
async def test_an_error_that_nobody_can_send(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("is_odd"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["message"].startswith("\\ud800 and xxx")
        assert asked.value["error"]["message"].endswith("... (3,000,006 characters)")
        with pytest.raises(GraphRunError, match=r"'work' failed with ValueError: .ud800 and xxx"):
            await run.proceed(Abort())
        assert await is_unharmed(client, run.id)


async def test_a_mistake_is_not_tried_again_by_default(serve: Serve, task_queue: str) -> None:
    tried: list[str] = []
    async with serve(graphs.default, deps=tried) as client:
        run = await start(client, graphs.default, Job("is_mistaken"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["attempts"] == 1
        assert tried == ["bad"]


@pytest.mark.parametrize("graph", [graphs.activity, graphs.local], ids=["activity", "local"])
async def test_a_result_that_is_too_large(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("is_large"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["type"] == "PayloadTooLargeError"
        assert asked.value["attempts"] == 1
        assert (await run.proceed(Skip("skipped"))).output == "skipped"
        assert await is_unharmed(client, run.id)


async def test_long_inputs_are_shown_by_their_beginning(serve: Serve, task_queue: str) -> None:
    graph = graphs.activity
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says", "x" * 1_000_000), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["inputs"]["cut"].startswith('{"scenario":"says","text":"xxx')
        assert len(asked.value["inputs"]["cut"]) < 25_000
        await run.update_state({"is_open": True})
        assert (await run.proceed(Retry())).output == "said " + "x" * 1_000_000


async def test_its_time_was_up(serve: Serve, task_queue: str) -> None:
    graph = graphs.timed
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("hangs"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert (asked.value["error"]["type"], asked.value["attempts"]) == ("TimeoutError", 3)
        assert (await run.proceed(Command(resume=Retry(), update={"is_open": True}))).output == "in time"


async def test_the_time_of_all_its_attempts_was_up(serve: Serve, task_queue: str) -> None:
    tried: list[str] = []
    graph = graphs.limited
    async with serve(graph, deps=tried) as client:
        run = await start(client, graph, Job("hangs_then_fails"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["attempts"] in (len(tried), len(tried) - 1)
        assert len(tried) >= 2
        assert asked.value["error"]["type"] in ("ConnectionError", "TimeoutError")


async def test_its_workers_die(server_address: str, task_queue: str, tmp_path: Path) -> None:
    """Every attempt takes a whole process with it."""
    graph = graphs.lost
    code = (
        "import asyncio, sys\n"
        "from tests.replay.serving import serving\n"
        "from tests.policies import failure_graphs\n"
        "async def main():\n"
        "    async with serving(sys.argv[1], sys.argv[2], failure_graphs.lost, deps=[]):\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    client = await Client.connect(server_address)
    run = await start(client, graph, Job("dies"), task_queue)
    for number in range(2):
        worker = Process([sys.executable, "-c", code, server_address, task_queue], log=tmp_path / f"{number}.log")
        async with worker:
            assert await worker.wait(timeout=60) == 1
    async with serving(server_address, task_queue, graph, deps=[]):
        [asked] = (await run.wait()).interrupts
        assert (asked.value["error"]["type"], asked.value["attempts"]) == ("TimeoutError", 2)
        assert (await run.proceed(Command(resume=Retry(), update={"is_open": True}))).output == "alive"


# -- What is answered -------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_retry(serve: Serve, task_queue: str, graph: Graph) -> None:
    """All of its attempts once more; each failure is a question of its own."""
    tried: list[str] = []
    async with serve(graph, deps=tried) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        stop = await run.proceed(Retry(), actor="ann")
        [asked] = stop.interrupts
        assert (asked.interrupt_id, asked.value["attempts"]) == (
            "work:1.failure-2",
            1 if graph is graphs.workflow else 3,
        )
        assert len(tried) == (0 if graph is graphs.workflow else 6)
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume(Retry(), interrupt_id="work:1.failure")
        assert refused.value.reason == "already_answered"
        assert (await run.proceed(Retry(inputs=Job("says", "good")))).output == "said good"
        assert (await run.get_state()).values.log == ["good"]


@EVERYWHERE
async def test_retry_with_another_state(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        stop = await run.proceed(Command(resume=Retry(), update={"is_open": True, "log": ["edited"]}))
        assert (stop.output, stop.state.log) == ("said bad", ["edited", "bad"])
        run = await start(client, graph, Job("says"), task_queue, "-2")
        await run.wait()
        command = Command[Any](resume=Retry(inputs=Job("says", "other")), update={"is_open": True})
        assert (await run.proceed(command)).output == "said other"


@EVERYWHERE
async def test_skip(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume(Skip(["no text"]))
        assert (refused.value.reason, refused.value.errors[0]["loc"]) == ("invalid", ["output"])
        assert (await run.proceed(Skip("instead"))).output == "instead"
        assert await is_unharmed(client, run.id)


@EVERYWHERE
async def test_go_elsewhere(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError, match="This cannot be given to node 'other'"):
            await run.resume(Command(goto=Send("other", None)))
        assert (await run.proceed(Command(goto=Send("other", "way")))).output == "other way"


@EVERYWHERE
async def test_abort(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        with pytest.raises(GraphRunError, match="'work' failed with ConnectionError: closed for bad") as failed:
            await run.proceed(Abort())
        assert failed.value.node_id == "work"
        assert (await run.get_state()).status == "failed"
        assert await is_unharmed(client, run.id)


REFUSED: list[tuple[Any, str]] = [
    (True, "is about a node that failed. It takes {'action': 'retry'}"),
    ({"action": "again"}, "is about a node that failed"),
    ({"action": ["retry"]}, "is about a node that failed"),
    ({"action": "retry", "output": "x"}, "is about a node that failed"),
    ({"action": "skip", "inputs": "x"}, "is about a node that failed"),
    ({"action": "abort", "output": None}, "is about a node that failed"),
    ({"action": "skip"}, "output: Input should be a valid string"),
    ({"action": "skip", "output": 3}, "output: Input should be a valid string"),
    ({"action": "retry", "inputs": {"text": "x"}}, "inputs.scenario"),
    ({"action": "retry", "inputs": "says"}, "inputs"),
]


@pytest.mark.parametrize(("answer", "message"), REFUSED, ids=range(len(REFUSED)))
async def test_what_is_refused(serve: Serve, task_queue: str, answer: Any, message: str) -> None:
    """By update nothing is written; by signal it is kept where people see it; and the question stays open."""
    graph = graphs.activity
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        before = (await handle.describe()).history_length
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume(answer)
        assert refused.value.reason == "invalid"
        assert message in str(refused.value)
        assert (await handle.describe()).history_length == before
        await handle.signal("resume", {"value": answer})

        async def rejected() -> Any:
            return (await run.get_state()).rejected

        [kept] = await until(rejected)
        assert (kept["reason"], message in kept["message"]) == ("invalid", True)
        assert [asked.interrupt_id for asked in await run.pending_interrupts()] == ["work:1.failure"]
        await handle.signal("resume", {"value": {"action": "skip", "output": "instead"}})
        assert (await run.result()).output == "instead"
        assert await is_unharmed(client, run.id)


async def test_an_update_that_does_not_fit_changes_nothing(serve: Serve, task_queue: str) -> None:
    graph = graphs.activity
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError, match="The state cannot take this"):
            await run.resume(Command(resume=Retry(), update={"is_open": "perhaps"}))
        with pytest.raises(AnswerRefusedError, match="The answer does not fit"):
            await run.resume(Command(resume=Skip(3), update={"is_open": True}))
        assert (await run.get_state()).values == Desk()


async def test_an_answer_before_its_question_is_kept(serve: Serve, task_queue: str) -> None:
    """`asks_first` has yet to fail when a person says what is to become of it."""
    graph = graphs.activity
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("asks_first"), task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume(Skip("early"), interrupt_id="work:1.failure")
        assert refused.value.reason == "unknown_interrupt"
        await run.proceed("Ana")
        await run.update_state({"is_open": True})
        assert (await run.proceed(Retry())).output == "said bad for Ana"  # it is not asked again


# -- Policies ---------------------------------------------------------------------------------------------------------


async def test_nobody_answers_in_time(serve: Serve, task_queue: str) -> None:
    all_of_them = (graphs.opens_itself, graphs.skips_itself, graphs.gives_up)
    async with serve(*all_of_them, deps=[]) as client:
        runs = [await start(client, graph, Job("says"), task_queue, f"-{graph.name}") for graph in all_of_them]
        assert (await runs[0].result()).output == "said bad"
        assert (await runs[1].result()).output == "nobody was there"
        with pytest.raises(GraphRunError, match="'work' failed with ConnectionError: closed for bad"):
            await runs[2].result()
        for run in runs:
            assert [entry.kind for entry in await run.audit()][:2] == ["asked", "timed_out"]
            assert await is_unharmed(client, run.id)


async def test_others_are_asked(serve: Serve, task_queue: str) -> None:
    graph = graphs.escalates
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.assignees == ["ann"]
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume(Skip("no"), actor="bob")
        assert refused.value.reason == "not_authorized"

        async def escalated() -> bool:
            return (await run.pending_interrupts())[0].assignees == ["bob"]

        await until(escalated)
        assert (await run.proceed(Skip("yes"), actor="bob")).output == "yes"


# -- Other graphs -----------------------------------------------------------------------------------------------------


async def test_one_item_of_a_map_fails(serve: Serve, task_queue: str) -> None:
    """The others go on; the join waits for what becomes of it."""
    graph = graphs.branches
    async with serve(graph) as client:
        run = await graph.start(client, inputs=[2, 3, 4, 5, 7], state=Desk(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        asked = sorted(question.interrupt_id for question in stop.interrupts)
        assert asked == ["halve:2.failure", "halve:4.failure", "halve:5.failure"]
        assert sorted(stop.state.log) == ["halved 2", "halved 4"]
        await run.resume(Skip(-1), interrupt_id="halve:2.failure")
        await run.resume(Retry(inputs=8), interrupt_id="halve:4.failure")
        assert (await run.get_state()).status != "finished"
        with pytest.raises(AnswerRefusedError, match="output: Input should be a valid integer"):
            await run.resume(Skip("seven"), interrupt_id="halve:5.failure")
        await run.resume(Skip(-2), interrupt_id="halve:5.failure")
        result = await run.result()
        assert sorted(result.output) == [-2, -1, 1, 2, 4]
        assert sorted(result.state.log) == ["halved 2", "halved 4", "halved 8"]


async def test_one_item_of_a_map_aborts_all(serve: Serve, task_queue: str) -> None:
    graph = graphs.branches
    async with serve(graph) as client:
        run = await graph.start(client, inputs=[2, 3, 5], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(GraphRunError, match="'halve' failed with ValueError: 5 is odd"):
            await run.proceed(Abort(), interrupt_id="halve:3.failure")
        assert await run.pending_interrupts() == []


async def test_branches_that_disagree(serve: Serve, task_queue: str) -> None:
    """The conflict says where in the state it is."""
    graph = graphs.conflicts
    async with serve(graph) as client:
        run = await graph.start(client, inputs=[1, 2], state=Desk(log=["a"]), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        [asked] = stop.interrupts
        assert asked.value["error"]["type"] == "StateConflictError"
        assert asked.value["error"]["path"] in (["log"], ["log", 0])
        result = await run.proceed(Retry(), interrupt_id=asked.interrupt_id)
        assert sorted(result.output) == [1, 2]


async def test_nodes_of_classes(serve: Serve, task_queue: str) -> None:
    """They name the next node themselves, so they cannot be skipped; an interrupt node keeps its answer."""
    graph = graphs.nodes
    async with serve(graph) as client:
        run = await graph.start(client, Divide(0), state=Desk(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["type"] == "ZeroDivisionError"
        assert asked.response_schema is not None
        actions = [option["properties"]["action"]["const"] for option in asked.response_schema["oneOf"]]
        assert actions == ["retry", "abort"]
        with pytest.raises(AnswerRefusedError, match="says itself which node comes next; send the run there with goto"):
            await run.resume(Skip("x"))
        with pytest.raises(AnswerRefusedError, match=r"inputs\.by"):
            await run.resume({"action": "retry", "inputs": {"by": "none"}})
        stop = await run.proceed(Retry(inputs=Divide(4)))
        assert [asked.interrupt_id for asked in stop.interrupts] == ["Sign:1"]
        stop = await run.proceed({"name": "Ana"})
        [asked] = stop.interrupts
        assert (asked.interrupt_id, asked.value["inputs"]) == ("Sign:1.failure", {"amount": 3, "name": "Ana"})
        stop = await run.proceed(Retry())
        assert stop.interrupts[0].interrupt_id == "Sign:1.failure-2"
        stop = await run.proceed(Command(resume=Retry(inputs=Sign(4, "Bob")), update={"is_open": True}))
        assert stop.output == "4 signed by Bob"
        assert await is_unharmed(client, run.id)


async def test_a_node_of_a_class_is_left_by_goto(serve: Serve, task_queue: str) -> None:
    graph = graphs.nodes
    async with serve(graph) as client:
        run = await graph.start(client, Divide(0), state=Desk(is_open=True), id=task_queue, task_queue=task_queue)
        await run.wait()
        stop = await run.proceed(Command(goto=Sign(1)))
        assert [asked.interrupt_id for asked in stop.interrupts] == ["Sign:1"]
        assert (await run.proceed({"name": "Ana"})).output == "1 signed by Ana"


async def test_a_cancelled_run_asks_no_more(serve: Serve, task_queue: str) -> None:
    graph = graphs.activity
    async with serve(graph, deps=[]) as client:
        run = await start(client, graph, Job("says"), task_queue)
        await run.wait()
        await run.cancel()

        async def cancelled() -> bool:
            return (await run.get_state()).status == "cancelled"

        await asyncio.wait_for(until(cancelled), 20)
        with pytest.raises(AnswerRefusedError) as refused:
            await run.resume(Retry())
        assert refused.value.reason == "closed"


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (Retry(inputs=Job("says", "good")), "said good"),
        (Command(resume=Retry(), update={"is_open": True}), "said bad"),
        (Skip("instead"), "instead"),
        (Command(goto=Send("other", "way")), "other way"),
        (Abort(), None),
    ],
    ids=["inputs", "state", "skip", "goto", "abort"],
)
async def test_in_this_process(answer: Any, output: str | None) -> None:
    run = graphs.activity.local(deps=[])
    stop = await run.proceed(inputs=Job("says"), state=Desk())
    [asked] = stop.interrupts
    assert (asked.interrupt_id, asked.value["attempts"]) == ("work:1.failure", 1)  # nothing is tried again here
    if output is None:
        with pytest.raises(GraphRunError, match="'work' failed with ConnectionError: closed for bad"):
            await run.proceed(answer)
    else:
        assert (await run.proceed(answer)).output == output
