"""What a node does with `once` is not done again, whatever the reason why the node runs again."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_graph import Command, GraphRunError, Retry, Skip, TemporalGraph
from tests.policies import once_graphs as graphs
from tests.policies.conftest import Serve
from tests.policies.once_graphs import Charge, Tally
from tests.replay.serving import chain, replay, serving, until
from tests.server.looking import is_unharmed

Graph = TemporalGraph[Any, Any, Any, Any]
AS_ACTIVITIES = pytest.mark.parametrize("graph", [graphs.activity, graphs.local], ids=["activity", "local"])


@AS_ACTIVITIES
async def test_it_is_done_once_however_many_questions_follow(serve: Serve, task_queue: str, graph: Graph) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="asks", state=Tally(), id=task_queue, task_queue=task_queue)
        for answer in ("a", "b", "c"):
            await run.proceed(answer, interrupt_id=(await run.wait()).interrupts[0].interrupt_id)
        assert (await run.result()).output == "1 a 1 b 1 c None"
        assert await is_unharmed(client, run.id)
    assert done == ["first", "second", "third", "fourth"]


async def test_it_is_done_once_by_workers_that_remember_nothing(server_address: str, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.local
    async with serving(server_address, task_queue, graph, deps=done) as client:
        run = await graph.start(client, inputs="asks", state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
    for answer in ("a", "b", "c"):
        async with serving(server_address, task_queue, graph, deps=done):
            await run.proceed(answer)
    assert (await run.result()).output == "1 a 1 b 1 c None"
    assert done == ["first", "second", "third", "fourth"]


async def test_it_is_done_once_where_the_answers_came_first(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.activity
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="asks", state=Tally(), id=task_queue, task_queue=task_queue)
        for position, answer in reversed(list(enumerate(("a", "b", "c")))):
            await run.resume(answer, interrupt_id=f"work:1.{position}")
        assert (await run.result()).output == "1 a 1 b 1 c None"
    assert done == ["first", "second", "third", "fourth"]


@AS_ACTIVITIES
@pytest.mark.parametrize(
    ("scenario", "output", "doings"),
    [
        ("is_tried_again", "1 after 3", ["it", "try", "try", "try"]),
        ("fails_halfway", "1", ["try", "try", "it"]),
        ("beside_an_error", "1", ["it", "try", "try"]),
        ("is_nested", "1", ["inner", "outer", "try", "outer", "try"]),
    ],
)
async def test_an_attempt_knows_what_those_before_it_have_done(
    serve: Serve, task_queue: str, graph: Graph, scenario: str, output: str, doings: list[str]
) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs=scenario, state=Tally(), id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == output
        assert await is_unharmed(client, run.id)
    assert done == doings


@AS_ACTIVITIES
@pytest.mark.parametrize(
    ("scenario", "output", "doings"),
    [
        ("handles", "no 1 yes", ["refused", "instead", "refused"]),
        ("equal_keys", "[1, 1, 1, 1, 1] yes", ["it"]),
        ("different_keys", "[1, 1, 1, 1, 1] yes", ["it 0", "it 1", "it 2", "it 3", "it 4"]),
        ("side_by_side", "1 yes", ["it"]),
        ("gathered", "1 yes", ["it"]),
        ("left_behind", "yes", ["one", "two"]),
        ("gives_up", "gave up yes", ["begun", "cancelled", "begun", "cancelled"]),
        ("goes_on_without", "1 yes", ["it", "after"]),
    ],
)
async def test_a_question_finds_it_done(
    serve: Serve, task_queue: str, graph: Graph, scenario: str, output: str, doings: list[str]
) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs=scenario, state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        assert (await run.proceed("yes")).output == output
    assert done == doings


@pytest.mark.parametrize(
    ("scenario", "doings"),
    [("gathered", ["it"]), ("side_by_side", ["it"]), ("left_behind", ["one", "two"]), ("equal_keys", ["it"])],
)
async def test_a_question_finds_it_done_in_this_process(scenario: str, doings: list[str]) -> None:
    done: list[str] = []
    run = graphs.activity.local(deps=done)
    await run.proceed(inputs=scenario, state=Tally())
    assert (await run.proceed("yes")).is_end
    assert done == doings


@AS_ACTIVITIES
async def test_values_come_back_as_what_they_were(serve: Serve, task_queue: str, graph: Graph) -> None:
    async with serve(graph, deps=[]) as client:
        run = await graph.start(client, inputs="is_typed", state=Tally(), id=task_queue, task_queue=task_queue)
        stop = await run.wait()
        assert (await run.proceed(stop.interrupts[0].value)).output == (
            "True [Receipt(number=1, total=Decimal('9.90')), Parcel(size=(2, 3), tags={'a'}), Decimal('1.10'), "
            "(1, 'b'), None, Receipt(number=1, total=Decimal('9.90')), Parcel(size=(2, 3), tags={'a'}), "
            "Parcel(size=(2, 3), tags={'a'}), Tally(log=[])]"
        )


@AS_ACTIVITIES
@pytest.mark.parametrize("scenario", ["cannot_be_written", "is_odd", "is_too_large", "is_far_too_large"])
async def test_what_it_returned_is_lost(serve: Serve, task_queue: str, graph: Graph, scenario: str) -> None:
    """It was done all the same: not again with another attempt, nor when a person lets the node try again."""
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs=scenario, state=Tally(), id=task_queue, task_queue=task_queue)
        for name in ("work:1.failure", "work:1.failure-2"):
            [asked] = (await run.wait()).interrupts
            assert asked.interrupt_id == name
            assert asked.value["error"]["type"] == "InterruptError"
            assert (
                "'it' was done, and is not done again, but what it returned is lost" in asked.value["error"]["message"]
            )
            await run.resume(Retry())
        await run.wait()
        assert (await run.proceed(Skip("instead"))).output == "instead"
        assert await is_unharmed(client, run.id)
    assert done == ["it"]


@pytest.mark.parametrize(
    ("scenario", "error", "message", "attempts", "doings"),
    [
        ("in_a_circle", "InterruptError", "'it' is done once, and is begun again by what it calls", 1, []),
        ("leaves", "SystemExit", "3", 1, []),
        ("asks_inside", "InterruptError", "interrupt() was called in what is done once", 1, ["it"]),
        # What it returns is of no type that crosses, which is known before anything is done.
        ("has_no_such_type", "UnsupportedTypeError", "a function cannot be written as JSON", 3, []),
    ],
    ids=["in_a_circle", "leaves", "asks_inside", "has_no_such_type"],
)
async def test_a_function_that_cannot_work(
    serve: Serve, task_queue: str, scenario: str, error: str, message: str, attempts: int, doings: list[str]
) -> None:
    done: list[str] = []
    graph = graphs.activity
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs=scenario, state=Tally(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["type"] == error
        assert message in asked.value["error"]["message"]
        assert asked.value["attempts"] == attempts
    assert done == doings


SEVERAL = (
    "Two calls of once() in one run of a node have the key 'mail': both of do(), with other arguments. The second "
    "would get what the first returned; give each a key of its own, such as f'mail-{i}' in a loop."
)
TWO = SEVERAL.replace("mail", "it").replace(
    "both of do(), with other arguments", "one of do(), and one of do_at_once()"
)


@AS_ACTIVITIES
@pytest.mark.parametrize(
    ("scenario", "message", "doings"),
    [
        ("has_a_key_for_several", SEVERAL, ["mail ann"]),
        ("has_a_key_for_several_at_once", SEVERAL.replace("do()", "do_slowly()"), ["mail ann"]),
        ("has_a_key_for_two", TWO, ["it"]),
    ],
)
async def test_a_key_stands_for_one_call(
    serve: Serve, task_queue: str, graph: Graph, scenario: str, message: str, doings: list[str]
) -> None:
    """Another attempt would not help, and is not made."""
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs=scenario, state=Tally(), id=task_queue, task_queue=task_queue)
        if scenario == "has_a_key_for_two":
            await run.wait()
            await run.resume("yes")
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"] == {"type": "InterruptError", "message": message}
        assert asked.value["attempts"] == 1
        assert await is_unharmed(client, run.id)
    assert done == doings


async def test_a_key_stands_for_one_call_in_this_process() -> None:
    done: list[str] = []
    run = graphs.activity.local(deps=done)
    [asked] = (await run.proceed(inputs="has_a_key_for_several", state=Tally())).interrupts
    assert asked.value["error"]["message"] == SEVERAL
    assert done == ["mail ann"]


@AS_ACTIVITIES
async def test_a_node_that_runs_again_may_give_it_something_else(serve: Serve, task_queue: str, graph: Graph) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(
            client, inputs="sees_another_state", state=Tally(), id=task_queue, task_queue=task_queue
        )
        await run.wait()
        assert (await run.proceed(Command(resume="yes", update={"log": ["edited"]}))).output == "1 1 ['edited']"
        assert await is_unharmed(client, run.id)
    assert done == ["it with 0", "try", "try"]


@AS_ACTIVITIES
async def test_what_has_failed_may_be_done_in_another_way(serve: Serve, task_queue: str, graph: Graph) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="has_another_way", state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        assert (await run.proceed("yes")).output == "cash yes"
    assert done == ["card 10", "cash 9"]


async def test_a_function_that_does_not_say_what_it_returns() -> None:
    done: list[str] = []
    run = graphs.activity.local(deps=done)
    [asked] = (await run.proceed(inputs="is_not_declared", state=Tally())).interrupts
    message = asked.value["error"]["message"]
    assert message.startswith(
        "'charge' was done, and is not done again, but what it returned is lost: Slip(number=1) is"
    )
    assert message.endswith("Declare what charge() returns: def charge(...) -> Slip")
    assert "the step" not in message
    assert done == ["it"]


async def test_what_another_run_has_declared_in_this_process_goes_for_that_run_alone() -> None:
    """A process that takes over has met none of it, and could not read what was written."""
    declared = graphs.activity.local(deps=[])
    assert (await declared.proceed(inputs="is_declared", state=Tally())).output == "Slip(number=1)"
    run = graphs.activity.local(deps=[])
    [asked] = (await run.proceed(inputs="is_not_declared", state=Tally())).interrupts
    assert "what it returned is lost" in asked.value["error"]["message"]


async def test_a_node_in_the_workflow_has_steps_instead(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.workflow
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="asks_in_workflow", state=Tally(), id=task_queue, task_queue=task_queue)
        with pytest.raises(GraphRunError, match=r"await step\(do, ...\)` does work, as an activity"):
            await run.result()
    assert done == []


# -- Failures ---------------------------------------------------------------------------------------------------------


@AS_ACTIVITIES
async def test_it_is_not_done_again_when_a_person_says_retry(serve: Serve, task_queue: str, graph: Graph) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="fails_for_good", state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed(Retry())
        await run.update_state({"log": ["edited"]})
        assert (await run.proceed(Retry())).output == "1 ['edited']"
    assert done == ["it", "try", "try", "try", "try", "try", "try", "try"]


@AS_ACTIVITIES
async def test_an_error_that_the_node_has_made_for_temporal(serve: Serve, task_queue: str, graph: Graph) -> None:
    """It keeps its type and details, and is not tried again, as it says; what was done comes along."""
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(
            client, inputs="fails_by_its_own_rules", state=Tally(), id=task_queue, task_queue=task_queue
        )
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"] == {"type": "Own", "message": "own"}
        assert asked.value["attempts"] == 1
        assert (await run.proceed(Retry())).output == "1"
    assert done == ["it", "try", "try"]


@pytest.mark.parametrize(
    ("graph", "scenario", "error", "attempts", "doings"),
    [
        (graphs.activity, "cancels_itself", "CancelledError", 3, ["it"]),
        (graphs.local, "cancels_itself", "CancelledError", 3, ["it"]),
        # Nobody was there to say what it had done; its last sign of life did.
        (graphs.late, "hangs", "TimeoutError", 2, ["it", "try", "try", "try"]),
    ],
    ids=["cancelled-activity", "cancelled-local", "late"],
)
async def test_an_error_that_is_not_the_nodes_own(
    serve: Serve, task_queue: str, graph: Graph, scenario: str, error: str, attempts: int, doings: list[str]
) -> None:
    done: list[str] = []
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs=scenario, state=Tally(), id=task_queue, task_queue=task_queue)
        [asked] = (await run.wait()).interrupts
        assert asked.value["error"]["type"] == error
        assert asked.value["attempts"] == attempts
        await run.update_state({"log": ["edited"]})
        assert (await run.proceed(Retry())).output == "1"
    assert done == doings


async def test_signs_of_life_that_were_held_back_do_not_undo_it(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.late
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="is_late", state=Tally(), id=task_queue, task_queue=task_queue)
        assert (await run.result()).output == "1"
    assert done == ["it", "try", "try"]


async def test_its_worker_is_stopped(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.activity
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="lives_on", state=Tally(), id=task_queue, task_queue=task_queue)

        async def begun() -> bool:
            return done == ["it"]

        await until(begun)
    done.append("go")
    async with serve(graph, deps=done):
        assert (await run.result()).output == "1"
    assert done == ["it", "go"]


# -- Runs -------------------------------------------------------------------------------------------------------------


async def test_it_is_kept_while_the_run_continues_as_new(server_address: str, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.short
    async with serving(server_address, task_queue, graph, deps=done) as client:
        run = await graph.start(client, inputs="asks", state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        for answer in ("a", "b", "c"):
            await run.proceed(answer)
        assert (await run.result()).output == "1 a 1 b 1 c None"
        histories = await chain(client, run.id)
    assert len(histories) > 1
    await replay(histories, graph)
    assert done == ["first", "second", "third", "fourth"]


async def test_a_failure_is_kept_while_the_run_continues_as_new(server_address: str, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.short
    async with serving(server_address, task_queue, graph, deps=done) as client:
        run = await graph.start(client, inputs="fails_for_good", state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        for number in range(2, 5):
            stop = await run.proceed(Retry())
            assert stop.interrupts[0].interrupt_id == f"work:1.failure-{number}"
        await run.update_state({"log": ["edited"]})
        assert (await run.proceed(Retry())).output == "1 ['edited']"
        histories = await chain(client, run.id)
    assert len(histories) > 1
    await replay(histories, graph)
    assert done.count("it") == 1


async def test_a_fork_has_done_what_the_run_had_done_by_then(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.activity
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, inputs="asks", state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed("a")
        await run.proceed("b")
        await run.proceed("c")
        at = {c.interrupts[0]: c.checkpoint_id async for c in run.history() if c.interrupts}
        fork = await run.fork(at["work:1.1"], id=f"{task_queue}-fork", task_queue=task_queue)
        await fork.wait()
        await fork.proceed("B")
        assert (await fork.proceed("C")).output == "1 a 1 B 2 C None"  # the third came later, and is the fork's own
        begin = await anext(c.checkpoint_id async for c in run.history())
        fork = await run.fork(begin, id=f"{task_queue}-again", task_queue=task_queue)
        await fork.wait()
        assert done.count("first") == 2


async def test_each_visit_has_its_own(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    async with serve(graphs.sends, graphs.commands, deps=done) as client:
        run = await graphs.sends.start(client, inputs=["a", "b"], state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed("yes")
        await run.wait()
        await run.resume_all({"item:1.0": "1", "item:2.0": "2"})
        assert sorted((await run.result()).output) == ["a 1 yes 1 1", "b 1 yes 1 2"]
        assert sorted(done) == ["a 1 yes", "b 1 yes", "plan"]
        done.clear()
        run = await graphs.commands.start(client, inputs=2, state=Tally(), id=f"{task_queue}-2", task_queue=task_queue)
        await run.wait()
        for answer in ("x", "y", "z"):
            await run.proceed(answer)
        assert (await run.result()).output == "over: 1 x, 2 y, 3 z"
        assert done == ["it"] * 3


async def test_in_nodes_of_classes(serve: Serve, task_queue: str) -> None:
    done: list[str] = []
    graph = graphs.nodes
    async with serve(graph, deps=done) as client:
        run = await graph.start(client, Charge(5), state=Tally(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed(True)
        await run.proceed({"name": "Ana"})
        assert (await run.proceed("no")).output == "1 1 no"
    assert done == ["charge 5", "mail Ana"]
