"""An answer is only ever given to the question that was answered, and a question that was answered is asked once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer

from temporal_graph import Command, GraphPlugin, GraphRunError, Interrupt, Retry, TemporalGraph
from temporal_graph.compile.asking import NodeAsker
from tests.server import question_graphs
from tests.server.conftest import Serve
from tests.server.question_graphs import Payment, Runs

FILES = ["a", "b", "c", "d"]


def graph_of(name: str) -> TemporalGraph[Any, Any, Any, Any]:
    found: TemporalGraph[Any, Any, Any, Any] = getattr(question_graphs, f"{name}_graph")
    return found


@pytest.fixture(params=["local", "server"])
async def play(request: pytest.FixtureRequest, serve: Serve, task_queue: str) -> Any:
    """Runs a graph, answers each question with what it shows, and returns what was asked, and the output."""

    async def run_it(name: str, inputs: list[str] | None = None, answer: Any = None) -> tuple[list[Interrupt], Any]:
        graph, deps = graph_of(name), Runs()
        if request.param == "local":
            return await _answered(graph.local(deps=deps), graph, inputs or FILES, answer)
        async with serve(graph, deps=deps) as client:
            run = await graph.start(
                client, inputs=inputs or FILES, state=Payment(), id=task_queue, task_queue=task_queue
            )
            return await _answered(run, graph, None, answer)

    return run_it


async def _answered(run: Any, graph: Any, inputs: Any, answer: Any) -> tuple[list[Interrupt], Any]:
    asked: list[Interrupt] = []
    stop = await (run.wait() if inputs is None else run.proceed(inputs=inputs, state=Payment()))
    while not stop.is_end:
        assert len(asked) < 30, f"it asks without end: {[question.value for question in asked]}"
        [question] = stop.interrupts
        asked.append(question)
        value = f"answer to {question.value}" if answer is None else answer(question)
        stop = await run.proceed(value, interrupt_id=question.interrupt_id)
    return asked, stop.output


@pytest.mark.parametrize("name", ["side_by_side", "in_a_loop"])
async def test_the_order_changes_each_time(play: Any, name: str) -> None:
    asked, output = await play(name)
    assert output == {what: f"answer to delete {what}?" for what in FILES}
    assert sorted(question.value for question in asked) == [f"delete {what}?" for what in FILES]
    assert [question.interrupt_id for question in asked] == [f"{name}:1.{number}" for number in range(4)]


async def test_a_question_is_not_asked_any_more(play: Any) -> None:
    asked, output = await play("on_condition")
    assert [question.value for question in asked] == ["delete the draft?", "delete the database?"]
    assert output == {"database": "answer to delete the database?"}


async def test_the_second_answer_is_needed_first(play: Any) -> None:
    asked, output = await play("needed_first")
    assert [(q.interrupt_id, q.value) for q in asked] == [("needed_first:1.1", "B"), ("needed_first:1.0", "A")]
    assert output == {"A": "answer to A", "B": "answer to B"}


async def test_questions_that_show_the_time(play: Any) -> None:
    def answer(question: Interrupt) -> Any:
        about = next((word for word in ("hour", "day", "kind") if word in str(question.value)), "ann")
        return 9 if about == "hour" else about

    asked, output = await play("reads_the_clock", answer=answer)
    assert [question.interrupt_id for question in asked] == [f"reads_the_clock:1.{number}" for number in range(4)]
    assert output == {"day": "day", "kind": "kind", "hour": 9, "who": "ann", "by": ["ann"]}


async def test_questions_that_show_the_time_where_there_may_be_many(play: Any) -> None:
    with pytest.raises(
        GraphRunError, match=r"interrupt\('[\d.]+: delete a\?'\).*but for the time.*key='\.\.\.'"
    ) as told:
        await play("clock_in_a_loop")
    assert told.value.error_type == "InterruptError"


async def test_questions_that_show_the_time_in_a_node_of_the_workflow() -> None:
    """In this process it begins at its top each time, as it does where its run continues as new."""
    said = iter(FILES)
    graph = graph_of("clock_here")
    asked, output = await _answered(graph.local(deps=Runs()), graph, FILES, lambda _: next(said))
    assert output == {what: what for what in FILES}
    assert len(asked) == len(FILES)


@pytest.mark.parametrize("name", ["forgets_await", "forgets_await_here", "forgets_a_task", "forgets_a_task_here"])
async def test_a_question_that_nobody_awaits(play: Any, name: str) -> None:
    with pytest.raises(GraphRunError, match=r"interrupt\(...\) was called without await"):
        await play(name)


@pytest.mark.parametrize("name", ["forgets_await_here", "forgets_a_task_here"])
async def test_a_run_from_before_that_was_looked_at(
    name: str, serve: Serve, client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of(name)
    with monkeypatch.context() as before:
        before.setattr(NodeAsker, "check_awaited", NodeAsker._left)  # pyright: ignore[reportPrivateUsage]
        async with serve(graph, deps=Runs()) as connected:
            run = await graph.start(connected, inputs=FILES, state=Payment(), id=task_queue, task_queue=task_queue)
            assert (await run.result()).output == {"said": True}
    history = await client.get_workflow_handle(task_queue).fetch_history()
    await Replayer(workflows=[], plugins=[GraphPlugin(graph)]).replay_workflow(history)


async def test_keys(play: Any) -> None:
    asked, output = await play("clock_with_keys", answer=lambda question: question.interrupt_id)
    assert output == {what: f"clock_with_keys:1:delete: {what}." for what in FILES}
    assert len(asked) == len(FILES)


async def test_two_questions_with_one_key(play: Any) -> None:
    with pytest.raises(GraphRunError, match=r"key='delete'.*another question.*key=f'delete-\{item\}'"):
        await play("one_key_for_all")


async def test_one_question_is_about_something_else(play: Any) -> None:
    asked, output = await play("other_words", ["the draft", "the database", "the database"])
    assert [question.value for question in asked] == ["delete the draft?", "delete the database?"]
    assert output == {"the database": "answer to delete the database?"}


async def test_one_question_is_about_another_date(play: Any) -> None:
    """It is no clock: it has moved by more than the time that has passed."""
    asked, output = await play("other_words", ["that of 2026-03-01", "that of 2026-04-01", "that of 2026-04-01"])
    assert [question.value for question in asked] == ["delete that of 2026-03-01?", "delete that of 2026-04-01?"]
    assert output == {"that of 2026-04-01": "answer to delete that of 2026-04-01?"}


async def test_one_question_is_about_something_else_each_time(play: Any) -> None:
    with pytest.raises(GraphRunError, match=r"reads differently each time.*key='\.\.\.'"):
        await play("other_words")


async def test_the_same_words_twice(play: Any) -> None:
    said = iter(["one", "two"])
    asked, output = await play("same_words", answer=lambda question: next(said))
    assert [question.interrupt_id for question in asked] == ["same_words:1.0", "same_words:1.1"]
    assert output == {"first": "one", "second": "two", "count": 1}


async def test_the_same_words_and_other_answers(play: Any) -> None:
    asked, output = await play("other_answers", answer=lambda q: q.response_schema == {"type": "boolean"} or "no")
    assert len(asked) == 2
    assert output == {"bool": True, "text": "no"}


async def test_the_answer_changes_what_the_question_shows(play: Any) -> None:
    asked, output = await play("about_the_state", answer=lambda _: Command(resume="yes", update={"payee": "bob"}))
    assert [question.value for question in asked] == [{"pay": "ann"}]
    assert output == {"said": "yes", "payee": "bob"}


async def test_somebody_else_changes_what_the_question_shows() -> None:
    """What was approved is what is asked."""
    run = graph_of("about_the_state").local(deps=Runs())
    await run.proceed(inputs=[], state=Payment())
    await run.update_state({"payee": "eve"})
    stop = await run.proceed("yes")
    assert [(q.interrupt_id, q.value) for q in stop.interrupts] == [("about_the_state:1.1", {"pay": "eve"})]
    assert (await run.proceed("no")).output == {"said": "no", "payee": "eve"}


async def test_nobody_answers_one_of_them() -> None:
    run = graph_of("out_of_time").local(deps=Runs())
    [first] = (await run.proceed(inputs=[], state=Payment())).interrupts
    stop = await run.pass_time(timedelta(hours=2))
    assert [first.value, *(q.value for q in stop.interrupts)] == ["A", "B"]
    assert (await run.proceed("answer to B")).output == {"said": ["answer to B", "nobody was there"]}


async def test_two_people_answer_each() -> None:
    run = graph_of("of_two_people").local(deps=Runs())
    stop = await run.proceed(inputs=["x", "y"], state=Payment())
    for _ in range(2):
        [question] = stop.interrupts
        for actor in ("ann", "bob"):
            stop = await run.proceed(f"{actor} on {question.value}", actor=actor)
    assert stop.output == {what: [f"bob on delete {what}?", "ann", "bob"] for what in "xy"}


async def test_it_fails_and_is_tried_again(play: Any) -> None:
    asked, output = await play("fails_between", ["x", "y"], lambda q: Retry() if q.kind == "failure" else q.value)
    assert output == {what: f"delete {what}?" for what in "xy"}
    assert len([question for question in asked if question.kind == "call"]) == 2


async def test_a_set_has_one_order(play: Any) -> None:
    asked, output = await play("with_a_set", answer=lambda _: "yes")
    assert [question.value for question in asked] == [{"files": FILES, "nested": [["a", "b"]]}]
    assert output == {"said": "yes"}


async def test_a_fork_knows_its_questions() -> None:
    run = graph_of("side_by_side").local(deps=Runs())
    await run.proceed(inputs=["x", "y"], state=Payment())
    stop = await run.proceed("about x", interrupt_id="side_by_side:1.0")
    [question] = stop.interrupts
    assert question.value == "delete y?"
    points = [point async for point in run.history()]
    fork = run.fork(points[-1].checkpoint_id)
    assert (await fork.proceed("about y")).output == {"x": "about x", "y": "about y"}


async def test_answers_that_come_early(serve: Serve, task_queue: str) -> None:
    """One with a key finds its question, whichever is asked first; one with a number is for what has that number."""
    graph = graph_of("clock_with_keys")
    async with serve(graph, deps=Runs()) as client:
        run = await graph.start(client, inputs=FILES[:3], state=Payment(), id=task_queue, task_queue=task_queue)
        await run.wait()
        assert (await run.resume("C", interrupt_id="clock_with_keys:1:delete: c.")).is_early
        assert (await run.resume("B", interrupt_id="clock_with_keys:1:delete: b.")).is_early
        stop = await run.proceed("A", interrupt_id="clock_with_keys:1:delete: a.")
        assert stop.output == {"a": "A", "b": "B", "c": "C"}
