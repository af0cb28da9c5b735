"""Bad input: a clear error, and the run unharmed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from temporal_graph import (
    AnswerRefusedError,
    Command,
    GraphError,
    GraphInputError,
    GraphRunError,
    NoWorkerError,
    RefusedError,
    RunCancelledError,
    RunNotFoundError,
    StateConflictError,
    TemporalGraph,
)
from temporal_graph.temporal.failures import raise_rpc
from tests.replay.serving import new_name
from tests.server import bad_graphs
from tests.server.bad_graphs import LARGE, Board, Heap, Lost, Pile, Sign, Stranger
from tests.server.conftest import Serve
from tests.server.graphs import Chat, Goodbye, Greet, Order, WaitForName, greet, questions
from tests.server.looking import is_unharmed, unless_stuck


async def does_not_exist(client: Client, run_id: str) -> bool:
    """Whether no run of this id was ever started."""
    try:
        await client.get_workflow_handle(run_id).describe()
    except RPCError as error:
        return "not found" in error.message
    return False


# -- Starting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "given", "says"),
    [
        (questions, {"inputs": {"amount": "x"}}, "does not fit the inputs of graph 'questions'"),
        (questions, {"inputs": None}, "Graph 'questions' takes inputs, Order, and got none. Give it inputs=..."),
        (questions, {"inputs": Order(amount=1), "state": Chat()}, "'questions' has no state_type"),
        (questions, {"from_node": Greet()}, "'questions' has no node 'Greet' to start at. Its nodes: 'ask_thrice'"),
        (greet, {"from_node": Greet(), "state": {"user_name": "Bob"}}, "does not fit the state of graph 'greet'"),
        (greet, {"from_node": Greet(), "state": Chat(messages=[1])}, "does not fit the state of graph 'greet'"),  # type: ignore[list-item]
        (greet, {"from_node": Stranger()}, "'greet' has no node 'Stranger'.*'Greet', 'WaitForName', 'Goodbye'"),
        (greet, {"from_node": Greet}, r"is the class Greet; give an instance: Greet\(...\)"),
        (greet, {"from_node": "Greet"}, "from_node is 'Greet'; it must be an instance of a node class"),
        (greet, {"from_node": Goodbye(user_name=5)}, "does not fit node 'Goodbye' of graph 'greet'"),  # type: ignore[arg-type]
        (greet, {"from_node": Greet(), "inputs": Greet()}, "got both from_node and inputs"),
        (greet, {}, "or from_node=..., to start at one of 'Greet'"),
        (bad_graphs.failing, {"inputs": "x" * LARGE}, r"started with \(inputs and state\).*2,097,152"),
        (bad_graphs.heap, {"from_node": Heap(""), "state": Pile("x" * LARGE)}, r"inputs and state.*2,097,152"),
    ],
    ids=[str(number) for number in range(14)],
)
async def test_a_start_that_does_not_fit_starts_nothing(
    client: Client, task_queue: str, graph: TemporalGraph, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(GraphInputError, match=says):
        await graph.start(client, id=task_queue[-8:], task_queue=task_queue, **given)
    with pytest.raises(GraphInputError, match=says):
        await graph.proceed(client, id=task_queue[-8:], task_queue=task_queue, **given)
    assert await does_not_exist(client, task_queue[-8:])


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    """A payload as it is."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


GARBAGE: dict[str, tuple[list[Any], str]] = {
    "nothing": ([], "does not fit the inputs of graph 'greet'"),
    "null": ([None], "does not fit the inputs of graph 'greet'"),
    "text": (["Greet"], "A run takes an object with 'inputs', 'state', 'start_node'"),
    "list": ([["Greet"]], "A run takes an object with 'inputs', 'state', 'start_node'"),
    "two": ([{}, {}], "one argument.*it got 2"),
    "binary": ([b"\xff\x00"], "'binary/plain'; it must be 'json/plain'"),
    "not json": ([raw(b"{")], "A run takes an object"),
    "not utf-8": ([raw(b'{"inputs": "\xff"}')], "A run takes an object"),
    "too deep": ([raw(b'{"inputs": ' + b"[" * 50_000 + b"]" * 50_000 + b"}")], "."),
    "field": ([{"input": 1}], "'input' is not among 'inputs', 'state', 'start_node'"),
    "node as text": ([{"start_node": "Greet"}], "."),
    "node as list": ([{"start_node": []}], "."),
    "node without id": ([{"start_node": {}}], "start_node must be"),
    "unknown node": ([{"start_node": {"node_id": "Nobody"}}], "no node 'Nobody'.*'Greet', 'WaitForName', 'Goodbye'"),
    "data of a node": ([{"start_node": {"node_id": "Goodbye", "data": {"user_name": 5}}}], "user_name"),
    "data missing": ([{"start_node": {"node_id": "Goodbye"}}], "user_name"),
    "data as text": ([{"start_node": {"node_id": "Goodbye", "data": "Bob"}}], "does not fit node 'Goodbye'"),
    "state": ([{"start_node": {"node_id": "Greet"}, "state": 5}], "cannot take this state"),
    "field of the state": ([{"start_node": {"node_id": "Greet"}, "state": {"messages": 5}}], "messages"),
    "misspelt state": (
        [{"start_node": {"node_id": "Greet"}, "state": {"messagse": ["hi"]}}],
        "messagse: the state has no such field; its fields: 'user_name', 'messages'",
    ),
    "misspelt data": (
        [{"start_node": {"node_id": "WaitForName", "data": {"usr_name": "Bob"}}}],
        "usr_name: node 'WaitForName' has no such field; its fields: 'user_name'",
    ),
    "misspelt node": ([{"start_node": {"node_id": "Greet", "date": {}}}], "'date' is not among 'node_id', 'data'"),
    "tag": ([{"inputs": {"$type": "os.system", "value": "ls"}}], "does not fit the inputs"),
    "half a character": ([raw(b'{"state": {"user_name": "\\ud800"}, "start_node": {"node_id": "Greet"}}')], "."),
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_a_start_by_the_sdk_that_does_not_fit_fails(
    serve: Serve, client: Client, task_queue: str, what: str
) -> None:
    args, says = GARBAGE[what]
    run_id = task_queue[-8:]
    async with serve(greet):
        handle = await client.start_workflow("greet", args=args, id=run_id, task_queue=task_queue)
        with pytest.raises(GraphInputError, match=says):
            await unless_stuck(client, run_id, greet.get_run(client, run_id).result())
        with pytest.raises(GraphInputError, match=says):
            await greet.get_run(client, run_id).wait()
        assert (await greet.get_run(client, run_id).get_state()).status == "failed"
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.type == "GraphInputError"
        assert await is_unharmed(client, run_id)


@pytest.mark.parametrize("snapshot", ["x", {}, [], 5, {"version": 999}, {"version": 1}])
async def test_a_start_with_a_snapshot_that_is_none_fails(
    serve: Serve, client: Client, task_queue: str, snapshot: Any
) -> None:
    async with serve(greet):
        await client.start_workflow("greet", {"snapshot": snapshot}, id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphInputError, match="snapshot"):
            await unless_stuck(client, task_queue, greet.get_run(client, task_queue).result())


async def test_an_id_that_is_taken(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(
            GraphInputError, match=rf"id {task_queue!r} exists already.*get_run\(client, {task_queue!r}\)"
        ):
            await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        assert (await run.proceed({"user_name": "Bob"})).output == "bye Bob"


async def test_an_id_that_there_is_not(client: Client, task_queue: str) -> None:
    run = greet.get_run(client, task_queue)
    for call in (run.result, run.wait, run.resume, run.proceed, run.pending_interrupts, run.get_state):
        with pytest.raises(RunNotFoundError, match=f"no run with id {task_queue!r}"):
            await call()
    with pytest.raises(RunNotFoundError, match=f"no run with id {task_queue!r}"):
        await greet.proceed(client, id=task_queue, from_node=WaitForName(user_name="Bob"))


# -- Nodes that fail ------------------------------------------------------------------------------------------------

NODE_ERRORS = {
    "custom": ("OutOfPaperError", "tray 2 has no A4"),
    "group": ("ExceptionGroup", "both failed (2 sub-exceptions)"),
    "chained": ("ValueError", "outer"),
    "key": ("KeyError", "'absent'"),
    "assertion": ("AssertionError", "must not be"),
    "timeout": ("TimeoutError", "too slow"),
    "recursion": ("RecursionError", "too deep"),
}


async def error_of(graph: TemporalGraph, client: Client, task_queue: str, **given: Any) -> GraphRunError:
    """What a run that fails says, which is the same to everybody who asks."""
    run = await graph.start(client, id=new_name(task_queue), task_queue=task_queue, **given)
    with pytest.raises(GraphRunError) as failed:
        await unless_stuck(client, run.id, run.result())
    with pytest.raises(type(failed.value)) as stopped:
        await run.wait()
    assert str(stopped.value) == str(failed.value)
    state = await run.get_state()
    assert (state.status, state.next, state.interrupts) == ("failed", [], [])
    assert await is_unharmed(client, run.id)
    return failed.value


@pytest.mark.parametrize("graph", [bad_graphs.failing, bad_graphs.failing_local, bad_graphs.failing_here])
async def test_a_node_that_raises(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    async with serve(graph) as client:
        errors = {kind: await error_of(graph, client, f"{task_queue}", inputs=kind) for kind in NODE_ERRORS}
    said = {kind: (error.node_id, error.error_type, error.error_message) for kind, error in errors.items()}
    assert said == {kind: ("act", *expected) for kind, expected in NODE_ERRORS.items()}
    assert str(errors["custom"]) == "'act' failed with OutOfPaperError: tray 2 has no A4"


ANYWHERE = [bad_graphs.failing, bad_graphs.failing_local, bad_graphs.failing_here]
BETWEEN = {bad_graphs.bad_reducer: "gather", bad_graphs.bad_transform: "echo", bad_graphs.bad_decision: "which"}
"""Graphs whose code between the nodes raises, and the id of what it belongs to."""


@pytest.mark.parametrize(
    ("graph", "kind"),
    [
        *((graph, "stop") for graph in (*ANYWHERE, *BETWEEN)),
        (bad_graphs.failing, "unprintable"),
        (bad_graphs.failing_local, "unprintable"),
        (bad_graphs.failing_here, "unprintable"),
        (bad_graphs.bad_reducer, "unprintable"),
        (bad_graphs.bad_transform, "unprintable"),
        (bad_graphs.bad_decision, "unprintable"),
        *((graph, kind) for kind in ("exit", "odd") for graph in (*ANYWHERE, *BETWEEN)),
        (bad_graphs.failing, "cancelled"),
        (bad_graphs.failing_local, "cancelled"),
        (bad_graphs.failing_here, "cancelled"),
        (bad_graphs.bad_reducer, "cancelled"),
        (bad_graphs.bad_transform, "cancelled"),
        (bad_graphs.bad_decision, "cancelled"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
async def test_strange_errors(serve: Serve, task_queue: str, graph: TemporalGraph, kind: str) -> None:
    async with serve(graph) as client:
        error = await error_of(graph, client, task_queue, inputs=kind)
    assert error.node_id == BETWEEN.get(graph, "act")


@pytest.mark.parametrize("graph", BETWEEN, ids=lambda graph: graph.name)
async def test_code_between_nodes_that_raises(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    async with serve(graph) as client:
        error = await error_of(graph, client, task_queue, inputs="custom")
    assert (error.node_id, error.error_type, error.error_message) == (BETWEEN[graph], *NODE_ERRORS["custom"])


async def test_a_merge_function_that_raises(serve: Serve, task_queue: str) -> None:
    async with serve(bad_graphs.bad_merge) as client:
        error = await error_of(bad_graphs.bad_merge, client, task_queue, inputs="custom", state=Board())
    assert error.node_id in ("left", "right")
    assert error.error_type == "OutOfPaperError"
    assert "Merging the state" in error.error_message


async def test_a_merge_function_that_makes_nothing_of_use(serve: Serve, task_queue: str) -> None:
    async with serve(bad_graphs.bad_merge) as client:
        error = await error_of(bad_graphs.bad_merge, client, task_queue, inputs="object", state=Board())
    assert error.node_id in ("left", "right")


@pytest.mark.parametrize(
    ("graph", "node_id", "error_type", "says"),
    [
        (bad_graphs.bad_initial, "gather", "OutOfPaperError", "tray 2 has no A4"),
        (bad_graphs.no_match, "which", "RuntimeError", "No branch of decision 'which' matches 'custom'"),
        (bad_graphs.not_iterable, "each", "TypeError", "Cannot map non-iterable value: 5"),
        (bad_graphs.undeclared, "act", "EncodeError", "int"),
        (bad_graphs.large_transform, "measure", "PayloadTooLargeError", "What node 'measure' gets.*2,097,152"),
    ],
    ids=["initial", "no_match", "not_iterable", "undeclared", "large"],
)
async def test_graphs_that_cannot_go_on(
    serve: Serve, task_queue: str, graph: TemporalGraph, node_id: str, error_type: str, says: str
) -> None:
    async with serve(graph) as client:
        error = await error_of(graph, client, task_queue, inputs="custom")
    assert (error.node_id, error.error_type) == (node_id, error_type)
    with pytest.raises(GraphRunError, match=says):
        raise error


async def test_branches_that_are_at_odds(serve: Serve, task_queue: str) -> None:
    async with serve(bad_graphs.conflicting) as client:
        error = await error_of(bad_graphs.conflicting, client, task_queue, inputs="title", state=Board())
    assert isinstance(error, StateConflictError)
    assert error.path == ("title",)
    assert error.error_type == "StateConflictError"
    for word in ("state.title", "'left'", "'right'", "'title of left'", "'title of right'", "Merge"):
        assert word in error.error_message


@pytest.mark.parametrize(
    ("what", "error_type", "says"),
    [
        ("stranger", "TypeError", r"'Lost' returned Stranger\(\), which is no node of this graph: \['Lost'"),
        ("class", "TypeError", "'Lost' returned <class .*must return a BaseNode or an End"),
        ("text", "TypeError", "'Lost' returned 'Lost'; a node must return a BaseNode or an End"),
        ("nothing", "TypeError", "'Lost' returned None"),
        ("end", "EncodeError", "str"),
        ("field", "EncodeError", "what"),
    ],
    ids=["stranger", "class", "text", "nothing", "end", "field"],
)
async def test_a_node_that_returns_what_it_may_not(
    serve: Serve, task_queue: str, what: str, error_type: str, says: str
) -> None:
    async with serve(bad_graphs.lost) as client:
        error = await error_of(bad_graphs.lost, client, task_queue, from_node=Lost(what))
    assert (error.node_id, error.error_type) == ("Lost", error_type)
    with pytest.raises(GraphRunError, match=says):
        raise error


# -- Large things ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "node_id", "says"),
    [
        (Heap("output"), "Heap", "The result of node 'Heap' (its output and changes to the state) is 3,000,0"),
        (Heap("next"), "Heap", "The result of node 'Heap' (its output and changes to the state) is 3,000,0"),
        (Heap("state"), "Heap", "The result of node 'Heap' (its output and changes to the state) is 3,000,0"),
        (Heap("question"), "Heap", "The result of node 'Heap' (its output and changes to the state) is 3,000,2"),
        (Heap("both", 1_200_000), "Heap", "The result of node 'Heap' (its output and changes to the state) is 2,400,0"),
        (Heap("output", 1_200_000), "__end__", "The output with the final state is 2,400,0"),
    ],
    ids=["output", "next", "state", "question", "both", "end"],
)
async def test_what_is_larger_than_temporal_takes(
    serve: Serve, task_queue: str, node: Heap, node_id: str, says: str
) -> None:
    state = Pile("x" * 1_200_000 if node_id == "__end__" else "")
    async with serve(bad_graphs.heap) as client:
        error = await error_of(bad_graphs.heap, client, task_queue, from_node=node, state=state)
    assert (error.node_id, error.error_type) == (node_id, "PayloadTooLargeError")
    for word in (says, "2,097,152", "external storage"):
        assert word in error.error_message


async def test_a_stop_that_is_too_large_does_no_harm(serve: Serve, task_queue: str) -> None:
    """Question and state fit each for itself; together they are more than an update can return."""
    async with serve(bad_graphs.heap) as client:
        node = Heap("call", 1_200_000)
        run = await bad_graphs.heap.start(client, node, state=Pile(), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphError, match=r"What the run stopped at .* is 2,4"):
            await run.wait()
        [pending] = await run.pending_interrupts()
        assert pending.value == "x" * 1_200_000
        await run.resume("short")
        assert (await run.result()).output == "short"
        assert await is_unharmed(client, run.id)


# -- Answers --------------------------------------------------------------------------------------------------------


async def test_an_answer_that_is_too_large(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        for call in (run.resume, run.proceed):
            with pytest.raises(AnswerRefusedError, match=r"The answer is 3,000,.* bytes.*2,097,152"):
                await call({"user_name": "x" * LARGE})
        with pytest.raises(AnswerRefusedError, match="The answer is"):
            await greet.proceed(client, id=task_queue, from_node=WaitForName("x" * LARGE))
        assert (await run.proceed({"user_name": "Bob"})).is_end


async def test_an_answer_that_grows_when_it_is_escaped(serve: Serve, task_queue: str) -> None:
    """1.8 MB of UTF-8; twice as much where JSON writes only ASCII."""
    large = "語" * 600_000
    async with serve(bad_graphs.anything) as client:
        run = await bad_graphs.anything.start(client, inputs="?", id=task_queue, task_queue=task_queue)
        await run.wait()
        assert (await run.resume(large)).value == large
        assert (await run.result()).output == 600_000
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize(
    ("value", "interrupt_id", "says"),
    [({"answer": 1}, "x" * 1_500_000, "unknown_interrupt"), ({"k" * 1_500_000: 1}, None, "invalid")],
    ids=["id", "key"],
)
async def test_large_refusals_do_no_harm(
    serve: Serve, task_queue: str, value: Any, interrupt_id: str | None, says: str
) -> None:
    async with serve(bad_graphs.heap) as client:
        run = await bad_graphs.heap.start(client, Sign(), state=Pile(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError, match=says) as refused:
            await unless_stuck(client, run.id, run.resume(value, interrupt_id=interrupt_id))
        assert len(str(refused.value)) < 10_000


@pytest.mark.parametrize("depth", [100, 400, 900])
async def test_deep_answers(serve: Serve, task_queue: str, depth: int) -> None:
    """They are taken or refused; both is well."""
    deep = raw(b'{"value": ' + b"[" * depth + b"]" * depth + b"}")
    async with serve(bad_graphs.anything) as client:
        run = await bad_graphs.anything.start(client, inputs="?", id=task_queue, task_queue=task_queue)
        await run.wait()
        update = client.get_workflow_handle(run.id).execute_update("resume", deep)
        try:
            await unless_stuck(client, run.id, update)
        except WorkflowUpdateFailedError as refused:
            if getattr(refused.cause, "type", None) != "AnswerRefused":
                raise
            await run.resume(5)
        await unless_stuck(client, run.id, run.result())


async def test_a_deep_answer_is_refused(serve: Serve, task_queue: str) -> None:
    deep = raw(b'{"value": ' + b"[" * 50_000 + b"]" * 50_000 + b"}")
    async with serve(bad_graphs.anything) as client:
        run = await bad_graphs.anything.start(client, inputs="?", id=task_queue, task_queue=task_queue)
        await run.wait()
        for update in ("resume", "proceed"):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await client.get_workflow_handle(run.id).execute_update(update, deep)
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "AnswerRefused"
        assert (await run.proceed(5)).is_end
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"goto": {"node_id": "Nowhere"}}, "Nowhere"),
        ({"goto": {"node_id": "Goodbye", "data": {"user_name": []}}}, "goto.data.user_name"),
        ({"goto": {}}, "None"),
        ({"goto": {"node_id": "Greet", "date": {}}}, "'date'"),
        ({"goto": {"node_id": "WaitForName", "data": {"usr_name": "Bob"}}}, "goto.data.usr_name: node 'WaitForName'"),
        ({"state_update": {"nobody": "Bob"}}, "nobody"),
        ({"state_update": {"log": 5}}, "log"),
    ],
    ids=["node", "data", "empty", "misspelt", "misspelt data", "field", "value"],
)
async def test_an_answer_that_leads_where_it_cannot(
    serve: Serve, task_queue: str, more: dict[str, Any], place: str
) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        answer = {"value": {"user_name": "Eve"}, **more}
        handle = client.get_workflow_handle(run.id)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resume", answer)
        assert place in str(refused.value.cause)
        await handle.signal("resume", answer)
        await handle.signal("resume", {**answer, "interrupt_id": "WaitForName:2"})  # not open yet
        rejected = (await run.get_state()).rejected
        assert [item["reason"] for item in rejected] == ["invalid", "unknown_interrupt"]
        assert place in rejected[0]["message"]
        assert (await run.proceed({"user_name": "Bob"})).output == "bye Bob"


async def test_early_answers_that_do_not_fit(serve: Serve, task_queue: str) -> None:
    """They are kept until the question opens; then it stays open, and one sees why."""
    async with serve(questions) as client:
        run = await questions.start(client, inputs=Order(amount=5), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.resume("green", interrupt_id="ask_thrice:1.1", actor="eve")
        await run.resume(4, interrupt_id="ask_thrice:1.2", actor="ana")
        with pytest.raises(AnswerRefusedError, match=r"already_answered.*thrice:1.1' is not open yet, and was"):
            await run.resume("red", interrupt_id="ask_thrice:1.1", actor="eve")
        stop = await run.proceed({"approved": True}, interrupt_id="ask_thrice:1.0")
        assert [question.value for question in stop.interrupts] == ["colour?"]
        [rejected] = (await run.get_state()).rejected
        assert (rejected["answer"], rejected["reason"]) == ("green", "invalid")
        assert (await run.proceed("blue")).output == ["True", "blue", "4"]


# -- Names that there are not ---------------------------------------------------------------------------------------


async def test_where_a_worker_was_that_does_not_answer(
    serve: Serve, client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal_graph.temporal.looking.WAIT", 1)
    async with serve(greet) as plugged:
        run = await greet.start(plugged, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
    with pytest.raises(NoWorkerError, match=r"though one looked at its task queue \d+ seconds ago: it has too much"):
        await run.get_state()
    other = await greet.start(client, Greet(), id=f"{task_queue}-other", task_queue=f"{task_queue}-other")
    with pytest.raises(NoWorkerError, match="Is one running on its task queue"):
        await other.get_state()
    assert repr(other) == f"GraphRun(id='{task_queue}-other', graph='greet')"


async def test_a_worker_says_what_it_serves(serve: Serve, task_queue: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "temporal_graph"):
        async with serve(greet, questions):
            pass
    assert f"This worker serves 'greet', 'questions' on task queue '{task_queue}' of namespace 'default'" in caplog.text


async def test_unknown_queries_and_updates(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        with pytest.raises(WorkflowQueryFailedError, match="pending_interrupts"):
            await handle.query("no_such_query")
        with pytest.raises(WorkflowUpdateFailedError) as unknown:
            await handle.execute_update("no_such_update", 1)
        assert "no_such_update" in str(unknown.value.cause)
        for update in ("resume", "proceed"):
            for args in ([1, 2, 3], [b"\xff\x00"], ["x"], [{"surprise": 1}]):
                with pytest.raises(WorkflowUpdateFailedError):
                    await handle.execute_update(update, args=args)
        with pytest.raises(WorkflowUpdateFailedError) as nothing:
            await handle.execute_update("resume")
        assert "takes an answer" in str(nothing.value.cause)
        assert (await run.proceed({"user_name": "Bob"})).output == "bye Bob"
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize("name", ["actor", "answer_id"])
async def test_a_name_that_is_empty(serve: Serve, task_queue: str, name: str) -> None:
    """The empty id of an answer would be that of every answer whose sender has forgotten to give one."""
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        answer = {"value": {"user_name": "Eve"}, name: ""}
        for update, sent in (("resume", answer), ("proceed", answer), ("resume_all", [answer])):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await client.get_workflow_handle(run.id).execute_update(update, sent)
            assert f"{name} is an empty text" in str(refused.value.cause)
        await client.get_workflow_handle(run.id).signal("resume", answer)
        [rejected] = (await run.get_state()).rejected
        assert f"{name} is an empty text" in rejected["message"]
        assert (await run.proceed({"user_name": "Bob"})).output == "bye Bob"


async def test_a_question_with_a_slip(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        for query in ("history", "audit", "snapshot"):
            for wrong in ("2", {"after": 2}, True, -1, 1.5, [1]):
                with pytest.raises(WorkflowQueryFailedError, match="takes the number after which"):
                    await handle.query(query, wrong)
            await handle.query(query, None)
        for wrong in (1, "x", {"aftre": None}, {"after": "WaitForName:1"}, {"after": None, "first": 5}):
            with pytest.raises(WorkflowQueryFailedError, match=r"takes {'after': \.\.\.}"):
                await handle.query("pending_interrupts", wrong)
        assert len(await handle.query("pending_interrupts", None)) == 1
        assert (await run.proceed({"user_name": "Bob"})).output == "bye Bob"
        assert await is_unharmed(client, run.id)


# -- Runs that were ended by others ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "reason"),
    [("cancel", "Workflow cancelled"), ("terminate", "terminated by user"), ("timeout", "Workflow timed out")],
)
async def test_a_run_that_others_ended(serve: Serve, task_queue: str, how: str, reason: str) -> None:
    async with serve(greet) as client:
        limit = {"execution_timeout": timedelta(seconds=1)} if how == "timeout" else {}
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue, **limit)
        await run.wait()
        handle = client.get_workflow_handle(run.id)
        if how == "cancel":
            await handle.cancel()
        elif how == "terminate":
            await handle.terminate("not wanted")
        says = re.escape(f"Run {run.id!r} has no output: ") + reason
        for call in (run.result, run.wait):
            with pytest.raises(RunCancelledError, match=says):
                await call()
        for call in (
            lambda: run.resume({"user_name": "Bob"}),
            lambda: run.proceed({"user_name": "Bob"}),
            lambda: greet.proceed(client, id=run.id, from_node=WaitForName("Bob"), task_queue=task_queue),
        ):
            with pytest.raises(AnswerRefusedError, match="closed: " + says):
                await call()


async def test_a_run_that_ended_before_a_worker_had_begun_with_it(
    serve: Serve, client: Client, task_queue: str
) -> None:
    run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
    await client.get_workflow_handle(run.id).terminate("not wanted")
    says = re.escape(f"Run {run.id!r} has no output: terminated by user")

    async def past() -> list[Any]:
        return [point async for point in run.history()]

    async def heard() -> list[Any]:
        return [event async for event in run.stream()]

    async def forked() -> Any:
        return await run.fork("1", id=f"{run.id}-fork", task_queue=task_queue)

    async with serve(greet):
        for look in (run.get_state, run.pending_interrupts, past, heard, forked):
            with pytest.raises(GraphError) as nothing:
                await look()
            assert str(nothing.value) == (
                f"Run {run.id!r} ended before a worker had begun with it, so there is nothing to see of it. How it "
                "ended, result() says."
            )
        for call in (
            lambda: run.resume({"user_name": "Bob"}),
            lambda: run.resume_all({"WaitForName:1": {"user_name": "Bob"}}),
            lambda: run.proceed({"user_name": "Bob"}),
            lambda: greet.proceed(client, id=run.id, from_node=WaitForName("Bob"), task_queue=task_queue),
        ):
            with pytest.raises(AnswerRefusedError, match="closed: " + says):
                await call()
        for send in (lambda: run.update_state({"user_name": "Bob"}), run.pause, run.cancel):
            with pytest.raises(RefusedError, match="closed: " + says):
                await send()
        for wait in (
            run.result,
            run.wait,
            lambda: greet.proceed(client, from_node=Greet(), id=run.id, task_queue=task_queue),
        ):
            with pytest.raises(RunCancelledError, match=says):
                await wait()


def test_what_a_server_refuses() -> None:
    with pytest.raises(GraphError, match="The Temporal server refused what was asked of run 'x': no admission"):
        raise_rpc("x", RPCError("no admission", RPCStatusCode.PERMISSION_DENIED, b""))


def test_a_server_that_has_seen_no_worker_for_some_time() -> None:
    """In its own words, which it has half a minute after the last worker was there."""
    said = "no poller seen for task queue recently, worker may be down"
    with pytest.raises(GraphError) as nobody:
        raise_rpc("x", RPCError(said, RPCStatusCode.FAILED_PRECONDITION, b""))
    assert str(nobody.value) == "No worker answered for run 'x'. Is one running on its task queue, with this graph?"


# -- What callers cannot send ---------------------------------------------------------------------------------------


async def test_what_is_no_json_is_not_sent(serve: Serve, task_queue: str) -> None:
    nothing: Any = object()
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        version = (await run.get_state()).version
        calls: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            ("The answer, <object", lambda: run.resume(nothing)),
            ("The answer, <object", lambda: run.proceed(nothing)),
            ("The answer, <object", lambda: run.resume(Command(resume=nothing))),
            ("The answer, {'user_name': <object", lambda: run.resume_all({"WaitForName:1": {"user_name": nothing}})),
            ("The new value of 'user_name', <object", lambda: run.update_state({"user_name": nothing})),
            ("The new value of 'user_name', <object", lambda: run.resume(Command(update={"user_name": nothing}))),
        ]
        for says, call in calls:
            with pytest.raises(GraphInputError, match=f"^{says} .*cannot be written as JSON: Unable to serialize"):
                await call()
        assert (await run.get_state()).version == version
        assert (await run.proceed({"user_name": "Bob"})).output == "bye Bob"


@pytest.mark.parametrize("given", [1, True, None, 1.5])
async def test_a_fork_from_what_is_no_checkpoint(serve: Serve, task_queue: str, given: Any) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(GraphInputError) as wrong:
            await run.fork(given, id=f"{run.id}-fork", task_queue=task_queue)
        assert str(wrong.value) == (
            f"fork() got {given!r}; it takes the checkpoint_id of what history() gives, a text such as '5'."
        )
        assert await does_not_exist(client, f"{run.id}-fork")


@pytest.mark.parametrize("after", ["x", True, -2, 1.0, [1]], ids=str)
async def test_listening_after_what_is_no_number(serve: Serve, task_queue: str, after: Any) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), id=task_queue, task_queue=task_queue)
        await run.proceed({"user_name": "Bob"}, interrupt_id="WaitForName:1")
        with pytest.raises(GraphInputError) as wrong:
            async for _ in run.stream(after=after):
                pass
        assert str(wrong.value) == (
            f"stream(after=...) got {after!r}; it takes the number of an event, after=event.number; the first is "
            "0. Leave it out for all events that there are."
        )
        numbers = [event.number async for event in run.stream()]
        assert [event.number async for event in run.stream(after=0)] == numbers[1:]
        assert [event.number async for event in run.stream(after=-1)] == numbers


async def test_an_id_that_the_server_does_not_take(serve: Serve, task_queue: str) -> None:
    async with serve(greet) as client:
        with pytest.raises(GraphError, match=r"The Temporal server refused what was asked of run 'xxx.*length"):
            await greet.start(client, Greet(), id="x" * 2_000, task_queue=task_queue)


@pytest.mark.parametrize(
    "given", [{"expected_version": "1"}, {"expected_version": True}, {"actor": 5}], ids=list("abc")
)
async def test_a_change_by_nobody_to_nothing(serve: Serve, task_queue: str, given: dict[str, Any]) -> None:
    async with serve(greet) as client:
        run = await greet.start(client, Greet(), state=Chat(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [(name, value)] = given.items()
        with pytest.raises(GraphInputError, match=f"{name} is {value!r}"):
            await run.update_state({"messages": []}, **given)
        assert (await run.get_state()).version == 1
