"""Commands: sent to a run that waits or runs, and returned by steps."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_graph import End
from temporalio.client import WorkflowUpdateFailedError

from temporal_graph import (
    AnswerRefusedError,
    Command,
    GraphInputError,
    GraphRun,
    GraphRunError,
    Send,
    TemporalGraph,
)
from tests.server.conftest import Serve
from tests.server.looking import is_unharmed, unless_stuck
from tests.server.steering_graphs import (
    Desk,
    Draft,
    Gate,
    Piece,
    Publish,
    Review,
    board,
    desk,
    held,
    judged,
    judged_here,
    line,
    plans,
    priced,
    priced_local,
    routes,
    routes_here,
    routes_local,
    short_desk,
    short_judged,
    short_plans,
)


async def at_review(client: Any, graph: TemporalGraph[Any, Any, Any, Any], task_queue: str) -> GraphRun[Any, Any]:
    """A run that waits at `Review:1`."""
    run = await graph.start(client, Draft("a"), state=Desk(), id=task_queue, task_queue=task_queue)
    stop = await run.wait()
    assert [question.interrupt_id for question in stop.interrupts] == ["Review:1"]
    return run


# -- Sent to a run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [desk, short_desk], ids=lambda graph: graph.name)
async def test_answer_update_and_goto_in_one_step(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    async with serve(graph) as client:
        run = await at_review(client, graph, task_queue)
        command = Command[Any](resume={"verdict": "no"}, update={"amount": 5}, goto=Publish("b"))
        stop = await run.proceed(command, actor="ana")
        assert [(asked.interrupt_id, asked.value) for asked in stop.interrupts] == [("Publish:1.0", {"publish": "b"})]
        assert stop.state == Desk(["draft a"], 5)  # `Review` did not run
        [accepted] = (await run.get_state()).answered
        assert (accepted.interrupt_id, accepted.actor) == ("Review:1", "ana")
        assert (await run.proceed("web")).output == "b in web"


@pytest.mark.parametrize(
    ("command", "stops", "lines"),
    [
        (Command(resume={"verdict": "yes"}), ["Publish:1.0"], ["draft a", "review yes"]),
        (Command(resume={"verdict": "no"}, update={"lines": ["new"]}), ["Review:2"], ["new", "review no", "draft a'"]),
        (Command(goto=Draft("b")), ["Review:2"], ["draft a", "draft b"]),
        (Command(goto=Send("Draft", Draft("c"))), ["Review:2"], ["draft a", "draft c"]),
        (Command(goto=Review("d")), ["Review:2"], ["draft a"]),
        (Command(update={"lines": []}, goto=Publish("e")), ["Publish:1.0"], []),
    ],
    ids=["resume", "resume_update", "goto", "send", "itself", "update_goto"],
)
async def test_each_part_by_itself(
    serve: Serve, task_queue: str, command: Command[Any], stops: list[str], lines: list[str]
) -> None:
    async with serve(desk) as client:
        run = await at_review(client, desk, task_queue)
        stop = await run.proceed(command)
        assert [question.interrupt_id for question in stop.interrupts] == stops
        assert stop.state.lines == lines
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize("by", ["resume", "proceed"])
async def test_to_the_end(serve: Serve, task_queue: str, by: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, desk, task_queue)
        await getattr(run, by)(Command(goto=End("given up"), update={"amount": 3}))
        result = await run.result()
        assert (result.output, result.state.amount) == ("given up", 3)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "answer": ({"value": {"verdict": "maybe"}, "state_update": {"amount": 5}}, "verdict"),
    "answer of a goto": ({"value": 5, "goto": {"node_id": "Draft", "data": {"text": "b"}}}, "The answer does not fit"),
    "field": ({"value": {"verdict": "yes"}, "state_update": {"amuont": 5}}, "amuont"),
    "value of a field": ({"value": {"verdict": "yes"}, "state_update": {"amount": "x"}}, "amount"),
    "update of a goto": ({"goto": {"node_id": "Draft", "data": {"text": "b"}}, "state_update": {"amount": []}}, "amo"),
    "target": ({"goto": {"node_id": "Nobody"}, "state_update": {"amount": 5}}, "'Draft', 'Review', 'Publish'"),
    "no target": ({"goto": {}, "state_update": {"amount": 5}}, "There is no node None"),
    "target of another type": ({"goto": {"node_id": ["Draft"], "data": {}}}, "There is no node"),
    "fork": ({"goto": {"node_id": "__start__", "data": {}}}, "There is no node"),
    "data": ({"goto": {"node_id": "Draft", "data": {"text": 5}}, "state_update": {"amount": 5}}, "text"),
    "no data": ({"goto": {"node_id": "Draft"}}, "text"),
    "data of an end": ({"goto": {"node_id": "__end__", "data": 5}}, "__end__"),
    "not open": ({"interrupt_id": "Publish:1.0", "value": "web", "state_update": {"amount": 5}}, "cannot wait"),
    "unknown": ({"interrupt_id": "Nobody:1", "goto": {"node_id": "Draft", "data": {"text": "b"}}}, "no question"),
    "goto as text": ({"goto": "Draft"}, "goto is 'Draft'"),
    "update as list": ({"value": {"verdict": "yes"}, "state_update": ["amount"]}, "state_update is"),
}


@pytest.mark.parametrize("by", ["signal", "resume", "proceed"])
async def test_all_of_it_or_nothing(serve: Serve, task_queue: str, by: str) -> None:
    """Whatever part does not fit: nothing of the command is done."""
    async with serve(desk) as client:
        run = await at_review(client, desk, task_queue)
        handle = client.get_workflow_handle(run.id)
        before = await run.get_state()
        for name, (sent, says) in REFUSED.items():
            if by == "signal":
                await handle.signal("resume", sent)
                rejected = (await unless_stuck(client, run.id, run.get_state())).rejected[-1]
                assert rejected["answer"] == sent, name
                assert rejected["reason"] in ("invalid", "unknown_interrupt"), name
                assert says in rejected["message"], name
            else:
                with pytest.raises(WorkflowUpdateFailedError) as refused:
                    await handle.execute_update(by, sent)
                assert says in str(refused.value.cause), name
        state = await run.get_state()
        assert (state.version, state.values, state.interrupts) == (before.version, before.values, before.interrupts)
        assert len(state.rejected) == (len(REFUSED) if by == "signal" else 0)
        stop = await run.proceed({"verdict": "yes"})
        assert [question.interrupt_id for question in stop.interrupts] == ["Publish:1.0"]
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Command(goto="Nobody"), "'desk' has no node 'Nobody' to go to. Its nodes: 'Draft', 'Review', 'Publish'"),
        (Command(goto=Send("Nobody", 1)), "no node 'Nobody'"),
        (Command(goto=5), "goto is 5; it must be a node's id, a node instance"),
        (Command(goto=End(5)), "5 does not fit"),
        (Command(goto=Send("Draft", "text")), "does not fit node 'Draft'"),
        (Command(goto=Draft(5)), "does not fit node 'Draft'"),  # type: ignore[arg-type]
        (Command(update=5), "A change of the state is a mapping"),  # type: ignore[arg-type]
    ],
    ids=[str(number) for number in range(7)],
)
async def test_what_the_graph_has_not_is_not_even_sent(
    serve: Serve, task_queue: str, command: Command[Any], says: str
) -> None:
    async with serve(desk) as client:
        run = await at_review(client, desk, task_queue)
        for call in (run.resume, run.proceed):
            with pytest.raises(GraphInputError, match=says):
                await call(command)


async def test_the_same_command_again_is_the_same_command(serve: Serve, task_queue: str) -> None:
    async with serve(desk) as client:
        run = await at_review(client, desk, task_queue)
        command = Command[Any](goto=Draft("b"), update={"amount": 1})
        taken = await run.resume(command, answer_id="click")
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Review:2"]
        assert await run.resume(command, answer_id="click") == taken
        stop = await run.wait()
        assert [question.interrupt_id for question in stop.interrupts] == ["Review:2"]
        with pytest.raises(AnswerRefusedError, match="already_answered"):
            await run.resume(command, interrupt_id="Review:1")


async def test_a_node_that_runs_is_sent_elsewhere(serve: Serve, task_queue: str) -> None:
    """Without a question: from where the run stands. What the node did is lost."""
    gate = Gate()
    async with serve(held, deps=gate) as client:
        run = await held.start(client, inputs="x", id=task_queue, task_queue=task_queue)
        await gate.begun.wait()
        stop = await run.proceed(Command(goto=Send("after", "y"), update={"amount": 2}))
        assert (stop.output, stop.state) == ("y!", Desk(["after"], 2))
        assert await is_unharmed(client, run.id)


async def test_one_branch_of_several_is_sent_elsewhere(serve: Serve, task_queue: str) -> None:
    """The join does not wait for what has left its region, and takes the rest."""
    async with serve(board) as client:
        run = await board.start(client, inputs=["a", "b"], state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        with pytest.raises(AnswerRefusedError, match="ambiguous"):
            await run.resume(Command(goto=Send("item", "quick c")))
        stop = await run.proceed(Command(goto=Send("item", "quick c")), interrupt_id="item:1.0")
        assert [question.interrupt_id for question in stop.interrupts] == ["item:2.0"]
        assert (await run.proceed("B")).output == ["b=B", "quick c="]


async def test_an_answer_to_a_question_that_takes_anything_may_be_none(serve: Serve, task_queue: str) -> None:
    async with serve(line) as client:
        run = await line.start(client, inputs="x", id=task_queue, task_queue=task_queue, interrupt_before=["first"])
        await run.wait()
        accepted = await run.resume(Command(resume=None, update={"amount": 9}))
        assert accepted.value is None
        assert (await run.result()).output == "x123 of 10"


# -- Returned by a step ---------------------------------------------------------------------------------------------

ROUTES = pytest.mark.parametrize("graph", [routes, routes_here, routes_local], ids=lambda graph: graph.name)


@ROUTES
@pytest.mark.parametrize(
    ("inputs", "output", "amount"), [("big", "big 7 of 7", 7), ("end", "ended", 0), ("else", "plain", 0)]
)
async def test_a_step_says_where_it_goes_on(
    serve: Serve,
    task_queue: str,
    graph: TemporalGraph[Any, Any, Any, Any],
    inputs: str,
    output: str,
    amount: int,
) -> None:
    async with serve(graph) as client:
        run = await graph.start(client, inputs=inputs, state=Desk(), id=task_queue, task_queue=task_queue)
        result = await unless_stuck(client, run.id, run.result())
        assert (result.output, result.state) == (output, Desk(["route"], amount))


@ROUTES
@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("nowhere", "'nowhere'.*'route', 'big', 'small', 'other'"),
        ("no data", "big"),
        ("no field", "amuont"),
        ("no int", "amount"),
        ("wrong", "big"),
        ("answer", "an answer comes from a person"),
        ("undeclared", "goes to 'other'; .* leads to: 'big', 'small', '__end__'"),
    ],
    ids=["nowhere", "no_data", "no_field", "no_int", "wrong", "answer", "undeclared"],
)
async def test_a_step_that_says_what_cannot_be(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any], inputs: str, says: str
) -> None:
    async with serve(graph) as client:
        run = await graph.start(client, inputs=inputs, state=Desk(), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match=says) as failed:
            await unless_stuck(client, run.id, run.result())
        assert failed.value.node_id == "route"
        assert await is_unharmed(client, run.id)


@pytest.mark.parametrize("graph", [judged, judged_here, short_judged], ids=lambda graph: graph.name)
async def test_a_join_gets_values_from_who_may_also_return_commands(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any]
) -> None:
    """They come out as what they were, also after the run was written down in between."""
    async with serve(graph) as client:
        run = await graph.start(client, inputs=[2, 3, 4], state=Desk(), id=task_queue, task_queue=task_queue)
        result = await unless_stuck(client, run.id, run.result())
        assert sorted(result.output, key=lambda piece: piece.number) == [Piece(-3), Piece(2), Piece(4)]
        assert result.state == Desk(["mend"], 3)


@pytest.mark.parametrize("graph", [priced, priced_local], ids=lambda graph: graph.name)
@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ("number", 5),
        ("piece", [Piece(5), Piece(6)]),
        ("haggle", [Piece(4), Piece(5)]),
        ("none", ("none", 0)),
    ],
)
async def test_a_decision_gets_values_from_who_may_also_return_commands(
    serve: Serve, task_queue: str, graph: TemporalGraph[Any, Any, Any, Any], inputs: str, output: Any
) -> None:
    """What ends the run, along an edge or by a command, has its type, although the graph declares none."""
    async with serve(graph) as client:
        run = await graph.start(client, inputs=inputs, state=Desk(), id=task_queue, task_queue=task_queue)
        assert (await unless_stuck(client, run.id, run.result())).output == output


# -- Back before a join -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", [plans, short_plans], ids=["whole", "cut"])
async def test_rejected_and_planned_again(serve: Serve, task_queue: str, graph: TemporalGraph) -> None:
    """Behind a join that waited for the whole run, a person may send it back to its beginning, or into the middle."""
    async with serve(graph) as client:
        run = await graph.start(client, inputs=2, state=Desk(), id=task_queue, task_queue=task_queue)
        local = graph.local()
        for stop in (await run.wait(), await local.proceed(inputs=2, state=Desk())):
            assert stop.interrupts[0].value == [0, 10]
        targets = {Send("plan_it", 3): [0, 10, 20], Send("do_it", 7): [70], Send("plan_it", 1): [0]}
        for target, expected in targets.items():
            for stop in (await run.proceed(Command(goto=target)), await local.proceed(Command(goto=target))):
                assert [question.value for question in stop.interrupts] == [expected]
        for stop in (await run.proceed("enough"), await local.proceed("enough")):
            assert stop.output == "[0] enough"
        assert await is_unharmed(client, run.id)
