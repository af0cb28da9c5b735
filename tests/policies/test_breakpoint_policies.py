"""Breakpoints with policies of their own: other ones before a node than after it, or than for its failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_graph import (
    Abort,
    AnswerRefusedError,
    AuditEntry,
    Command,
    Escalate,
    Every,
    GraphDefinitionError,
    GraphInputError,
    GraphPlugin,
    GraphRunError,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    LocalRun,
    NodeOptions,
    Required,
    Retry,
    Send,
    Skip,
    TemporalGraph,
    answers,
)
from temporal_graph.compile.policies import KeptPolicies
from temporal_graph.engine.events import Encoded
from tests.policies.conftest import Serve
from tests.policies.test_releases import live_through
from tests.policies.test_time import connected
from tests.replay.serving import chain, replay, worker_options

HOUR = timedelta(hours=1)


@dataclass
class Desk:
    editor: str = "ann"
    lines: list[str] = field(default_factory=list)


_g = GraphBuilder(name="press", state_type=Desk, input_type=str, output_type=str, auto_instrument=False)


@_g.step
async def write(ctx: StepContext[Desk, None, str]) -> str:
    ctx.state.lines.append("write")
    return ctx.inputs


@_g.step
async def publish(ctx: StepContext[Desk, None, str]) -> str:
    if ctx.inputs == "worse":
        raise ValueError("nobody reads that")
    ctx.state.lines.append("publish")
    return f"{ctx.inputs}, published"


_g.add(_g.edge_from(_g.start_node).to(write), _g.edge_from(write).to(publish), _g.edge_from(publish).to(_g.end_node))
PRESS = _g.build()


def press(**words: Any) -> TemporalGraph[Desk, None, str, str]:
    return TemporalGraph(PRESS, **words)


def asks(*people: str, **words: Any) -> InterruptPolicy:
    return InterruptPolicy(assignees=people, **words)


LATE = asks(
    "ann",
    reminders=Every(12 * HOUR),
    escalations=[Escalate(30 * HOUR, "bob")],
    timeout=40 * HOUR,
    on_timeout=Command(goto=End("too late")),
)
KEPT = [("asked", 0), ("reminded", 12), ("reminded", 24), ("escalated", 30), ("reminded", 36), ("timed_out", 40)]


def told(entries: list[AuditEntry]) -> list[tuple[str, int]]:
    """What happened, and after how many hours."""
    return [(entry.kind, round((entry.at - entries[0].at) / HOUR)) for entry in entries]


def told_of(entries: list[AuditEntry]) -> list[tuple[str, str, int]]:
    """Of which question, too."""
    return [(entry.interrupt_id or "", kind, at) for entry, (kind, at) in zip(entries, told(entries), strict=True)]


async def asked(graph: Any, words: Any = (), **given: Any) -> tuple[LocalRun[Any, Any], list[tuple[str, list[str]]]]:
    """A run to its end from breakpoint to breakpoint, and who was asked at each."""
    run = graph.local(**given)
    stop = await run.proceed(inputs="news", state=Desk(*words))
    found: list[tuple[str, list[str]]] = []
    while not stop.is_end:
        [question] = stop.interrupts
        found.append((question.interrupt_id, question.assignees))
        stop = await run.proceed(actor=question.assignees[0] if question.assignees else None)
    return run, found


# -- On a server whose time is skipped --------------------------------------------------------------------------------


async def test_a_breakpoint_that_nobody_looks_at(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    graph = press(interrupt_before={"publish": LATE})
    client = connected(time_skipping, GraphPlugin(graph))
    async with Worker(client, task_queue=task_queue, **worker_options()):
        run = await graph.start(client, inputs="news", state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        [question] = await run.pending_interrupts()
        assert (question.interrupt_id, question.assignees) == ("publish:1.before", ["ann"])
        assert question.deadline is not None
        assert question.deadline - question.created_at == 40 * HOUR
        await time_skipping.sleep(31 * HOUR)
        [question] = await run.pending_interrupts()
        assert (question.assignees, question.escalation_level) == (["bob"], 1)
        await time_skipping.sleep(10 * HOUR)
        result = await run.result()
        assert (result.output, result.state.lines) == ("too late", ["write"])
        assert told(await run.audit()) == KEPT
    await replay(await chain(client, run.id), graph)


async def test_each_side_of_a_node_and_its_failure_are_asked_about_in_their_own_way(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    graph = press(
        interrupt_before={"publish": asks("ann", timeout=2 * HOUR, on_timeout=Command(resume=None))},
        interrupt_after={"publish": asks("bob", timeout=3 * HOUR, on_timeout=Command(update={"editor": "nobody"}))},
        node_options={
            "publish": NodeOptions(
                on_failure="interrupt",
                policy=asks("cid", timeout=5 * HOUR, on_timeout=Command(resume=Retry(inputs="better"))),
            )
        },
    )
    client = connected(time_skipping, GraphPlugin(graph))
    async with Worker(client, task_queue=task_queue, **worker_options()):
        run = await graph.start(client, inputs="worse", state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await time_skipping.sleep(15 * HOUR)
        result = await run.result()
        audit = await run.audit()
    assert (result.output, result.state) == ("better, published", Desk("nobody", ["write", "publish"]))
    assert told_of(audit) == [
        ("publish:1.before", "asked", 0),
        ("publish:1.before", "timed_out", 2),
        ("publish:1.failure", "asked", 2),
        ("publish:1.failure", "timed_out", 7),
        ("publish:1.after", "asked", 7),
        ("publish:1.after", "timed_out", 10),
    ]
    assert [entry.data["assignees"] for entry in audit if entry.kind == "asked"] == [["ann"], ["cid"], ["bob"]]
    await replay(await chain(client, run.id), graph)


@pytest.mark.parametrize("change", [asks("cid", timeout=HOUR), asks("cid", only_assignees=True), None])
@pytest.mark.parametrize("hours", [1, 31])
async def test_a_run_keeps_the_policy_of_its_breakpoint(
    time_skipping: WorkflowEnvironment, task_queue: str, change: InterruptPolicy | None, hours: float
) -> None:
    first, second = release({"Review": LATE}), release({"Review": change})
    audit, played = await live_through(time_skipping, task_queue, first, second, hours)
    assert told(audit) == KEPT
    await played()


@pytest.mark.parametrize("before", [{"Review": asks("cid", timeout=HOUR)}, {"*": asks("cid", timeout=HOUR)}])
async def test_a_run_that_began_without_one_stays_so(
    time_skipping: WorkflowEnvironment, task_queue: str, before: Any
) -> None:
    first, second = release("Review"), release(before)
    audit, played = await live_through(time_skipping, task_queue, first, second, 5)
    assert told(audit) == [("asked", 0)]
    await played()


def release(before: Any) -> InterruptibleGraph[Any, Any, Any]:
    @dataclass
    class Review(InterruptNode[None, None, str]):
        approved: Annotated[bool | None, Required] = None

        async def run(self, ctx: GraphRunContext[None]) -> End[str]:
            return End(f"approved: {self.approved}")

    return InterruptibleGraph([Review], name="releases", interrupt_before=before)


async def test_a_question_that_opens_under_a_later_release_is_asked_as_the_first_one_says(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    first = press(
        interrupt_before={"*": InterruptPolicy(assignees=lambda ctx: ctx.state.editor, timeout=9 * HOUR)},
        interrupt_after={"publish": asks("ann", "bob", quorum=2)},
    )
    second = press(
        interrupt_before={"*": InterruptPolicy(assignees=lambda ctx: f"{ctx.state.editor} of {ctx.inputs}")},
        interrupt_after={"publish": asks("dan")},
        options=NodeOptions(policy=asks("eve")),
    )
    async with Worker(connected(time_skipping, GraphPlugin(first)), task_queue=task_queue, max_cached_workflows=0):
        client = connected(time_skipping, GraphPlugin(first))
        run = await first.start(client, inputs="news", state=Desk(), id=task_queue, task_queue=task_queue)
        [question] = (await run.wait()).interrupts
        assert (question.interrupt_id, question.assignees) == ("write:1.before", ["ann"])
    later = connected(time_skipping, GraphPlugin(second))
    async with Worker(later, task_queue=task_queue, max_cached_workflows=0):
        run = second.get_run(later, run.id)
        [question] = (await run.proceed()).interrupts
        assert (question.interrupt_id, question.assignees) == ("publish:1.before", ["ann of news"])
        assert question.deadline is not None
        assert question.deadline - question.created_at == 9 * HOUR
        [question] = (await run.proceed()).interrupts
        assert (question.interrupt_id, question.assignees, question.quorum) == ("publish:1.after", ["ann", "bob"], 2)
        for actor in ("ann", "bob"):
            await run.resume(None, actor=actor)
        assert (await run.result()).output == "news, published"
    await replay(await chain(later, run.id), second)


# -- On a server ------------------------------------------------------------------------------------------------------


async def test_several_must_let_it_go_on(serve: Serve, task_queue: str) -> None:
    graph = press(interrupt_before={"publish": asks("ann", "bob", only_assignees=True, quorum=2)})
    async with serve(graph) as client:
        run = await graph.start(client, inputs="news", state=Desk(), id=task_queue, task_queue=task_queue)
        [question] = (await run.wait()).interrupts
        assert (question.assignees, question.quorum) == (["ann", "bob"], 2)
        with pytest.raises(AnswerRefusedError, match=r"'cid' is not asked by 'publish:1\.before'"):
            await run.resume(True, actor="cid")
        await run.resume(True, actor="ann")
        with pytest.raises(AnswerRefusedError, match=r"'ann' answered 'publish:1\.before'"):
            await run.resume(True, actor="ann")
        assert (await run.get_state()).status == "waiting"
        await run.resume(False, actor="bob")
        assert (await run.result()).output == "news, published"


@pytest.mark.parametrize("how", ["start", "set_breakpoints", "a start by the SDK"])
async def test_however_the_breakpoint_came_to_be_set(serve: Serve, client: Client, task_queue: str, how: str) -> None:
    graph = press(interrupt_before={"write": asks("ann")}, interrupt_after={"*": asks("bob")})
    async with serve(graph) as connected_client:
        given: dict[str, Any] = {"interrupt_before": ["write", "publish"]} if how == "start" else {}
        if how == "a start by the SDK":
            await client.start_workflow("press", {"inputs": "news"}, id=task_queue, task_queue=task_queue)
            run = graph.get_run(connected_client, task_queue)
        else:
            run = await graph.start(
                connected_client, inputs="news", state=Desk(), id=task_queue, task_queue=task_queue, **given
            )
        [question] = (await run.wait()).interrupts
        found = [(question.interrupt_id, question.assignees)]
        if how == "set_breakpoints":
            await run.set_breakpoints(before=["publish"], after=["publish"])
        while not (stop := await run.proceed()).is_end:
            [question] = stop.interrupts
            found.append((question.interrupt_id, question.assignees))
    assert (
        found
        == {
            "start": [("write:1.before", ["ann"]), ("publish:1.before", [])],
            "set_breakpoints": [("write:1.before", ["ann"]), ("publish:1.before", []), ("publish:1.after", ["bob"])],
            "a start by the SDK": [
                ("write:1.before", ["ann"]),
                ("write:1.after", ["bob"]),
                ("publish:1.after", ["bob"]),
            ],
        }[how]
    )


async def test_it_goes_along_when_a_run_continues_as_new(serve: Serve, task_queue: str) -> None:
    first = press(interrupt_before={"publish": asks("ann")}, interrupt_after={"*": asks("bob")}, max_history_events=10)
    second = press(interrupt_before={"publish": asks("cid")}, interrupt_after={"*": None}, max_history_events=10)
    async with serve(first) as client:
        run = await first.start(client, inputs="news", state=Desk(), id=task_queue, task_queue=task_queue)
        [question] = (await run.wait()).interrupts
        assert (question.interrupt_id, question.assignees) == ("write:1.after", ["bob"])
        before = len(await chain(client, run.id))
    async with serve(second) as client:
        run = second.get_run(client, task_queue)
        for time in (1, 2, 3):
            found = [(await run.proceed()).interrupts[0] for _ in range(2)]
            assert [(question.interrupt_id, question.assignees) for question in found] == [
                (f"publish:{time}.before", ["ann"]),
                (f"publish:{time}.after", ["bob"]),
            ]
            [question] = (await run.proceed(Command(goto=Send("write", "more")))).interrupts
            assert (question.interrupt_id, question.assignees) == (f"write:{time + 1}.after", ["bob"])
        assert (await run.proceed(Command(goto=End("enough")))).is_end
        histories = await chain(client, run.id)
    assert len(histories) > before + 2
    await replay(histories, second)


async def test_a_fork_asks_as_the_graph_says_by_then(serve: Serve, task_queue: str) -> None:
    first, second = press(interrupt_before={"*": asks("ann")}), press(interrupt_before={"*": asks("cid")})
    async with serve(first) as client:
        run = await first.start(client, inputs="news", state=Desk(), id=task_queue, task_queue=task_queue)
        await run.wait()
        await run.proceed()
        answered = [point.checkpoint_id async for point in run.history() if point.kind == "answered"]
    async with serve(second) as client:
        other = await second.get_run(client, run.id).fork(answered[0], id=f"{task_queue}-2", task_queue=task_queue)
        [question] = (await other.wait()).interrupts
        assert (question.interrupt_id, question.assignees) == ("publish:1.before", ["cid"])
        await other.proceed()


# -- Which policy it is -----------------------------------------------------------------------------------------------


SIDES = ["before", "after"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("policies", "people"),
    [
        ({"publish": asks("ann")}, ["ann"]),
        ({"publish": asks("ann"), "*": asks("bob")}, ["ann"]),
        ({"*": asks("bob")}, ["bob"]),
        ({"publish": None, "*": asks("bob")}, ["bob"]),
        ({"publish": None}, ["cid"]),
        ({"*": None, "write": asks("ann")}, ["cid"]),
        (["publish"], ["cid"]),
    ],
    ids=str,
)
async def test_the_nearest_one_counts(side: str, policies: Any, people: list[str]) -> None:
    graph = press(
        **{f"interrupt_{side}": policies},
        node_options={"publish": NodeOptions(policy=asks("cid"))},
        options=NodeOptions(policy=asks("dan")),
    )
    _, found = await asked(graph)
    assert dict(found)[f"publish:1.{side}"] == people


async def test_without_any_other_it_is_that_of_the_graph() -> None:
    graph = press(interrupt_before={"*": None}, options=NodeOptions(policy=asks("dan")))
    assert (await asked(graph))[1] == [("write:1.before", ["dan"]), ("publish:1.before", ["dan"])]


@pytest.mark.parametrize("side", SIDES)
async def test_it_is_not_for_the_other_side(side: str) -> None:
    graph = press(**{f"interrupt_{side}": {"*": asks("ann")}})
    _, found = await asked(graph, interrupt_before=["publish"], interrupt_after=["publish"])
    people = {"before": ([["ann"], []]), "after": ([[], ["ann"]])}[side]
    assert found == list(zip(["publish:1.before", "publish:1.after"], people, strict=True))


async def test_it_is_not_for_the_questions_of_the_node() -> None:
    @dataclass
    class Review(InterruptNode[None, None, str]):
        approved: Annotated[bool | None, Required] = None

        async def run(self, ctx: GraphRunContext[None]) -> End[str]:
            return End(f"{self.approved} by {[answer.actor for answer in answers()]}")

    graph = InterruptibleGraph(
        [Review],
        name="reviews",
        interrupt_before={Review: asks("ann", "bob", quorum=2)},
        node_options={"Review": NodeOptions(policy=asks("bob"))},
    )
    run = graph.local()
    [question] = (await run.proceed(from_node=Review())).interrupts
    assert (question.interrupt_id, question.assignees) == ("Review:1.before", ["ann", "bob"])
    # Ahead of its question, by its id: one answer is enough for that.
    await run.resume({"approved": True}, interrupt_id="Review:1", actor="cid")
    for actor in ("ann", "cid"):
        await run.resume(None, interrupt_id="Review:1.before", actor=actor)
    assert (await run.result()).output == "True by ['cid']"
    run = graph.local(interrupt_before=[])
    [question] = (await run.proceed(from_node=Review())).interrupts
    assert (question.interrupt_id, question.assignees, question.quorum) == ("Review:1", ["bob"], 1)


async def test_a_mapping_sets_the_breakpoints_too() -> None:
    graph = press(interrupt_before={"publish": asks("ann")}, interrupt_after={"write": None})
    run, found = await asked(graph)
    assert found == [("write:1.after", []), ("publish:1.before", ["ann"])]
    assert (run.get_state().interrupt_before, run.get_state().interrupt_after) == (["publish"], ["write"])


async def test_functions_find_people_by_state_and_input() -> None:
    graph = press(
        interrupt_before={"publish": InterruptPolicy(assignees=lambda ctx: [ctx.state.editor, f"of {ctx.inputs}"])},
        interrupt_after={"publish": InterruptPolicy(not_by=lambda ctx: ctx.state.editor)},
    )
    run = graph.local()
    [question] = (await run.proceed(inputs="news", state=Desk("eve"))).interrupts
    assert question.assignees == ["eve", "of news"]
    await run.update_state({"editor": "bob"})
    await run.proceed()
    with pytest.raises(AnswerRefusedError, match=r"'bob' may not answer 'publish:1\.after'"):
        await run.proceed(actor="bob")
    assert (await run.proceed(actor="eve")).is_end


# -- In this process --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("end", "output"),
    [
        (Command(resume=None), "news, published"),
        (Command(resume=False), "news, published"),
        (Command(resume={"any": ["thing"]}, update={"editor": "nobody"}), "news, published"),
        (Command(update={"editor": "nobody"}), "news, published"),
        (Command(goto=End("late")), "late"),
        (Command(goto=Send("publish", "olds"), update={"editor": "nobody"}), "olds, published"),
        ("fail", None),
    ],
    ids=str,
)
async def test_what_is_done_when_its_time_is_up(side: str, end: Any, output: str | None) -> None:
    graph = press(**{f"interrupt_{side}": {"publish": asks("ann", timeout=2 * HOUR, on_timeout=end)}})
    run = graph.local()
    await run.proceed(inputs="news", state=Desk())
    await run.set_breakpoints(before=[], after=[])
    assert not (await run.pass_time(HOUR)).is_end
    if output is None:
        with pytest.raises(GraphRunError, match=f"InterruptTimeoutError: Nobody answered 'publish:1.{side}' by "):
            await run.pass_time(HOUR)
    else:
        assert (await run.pass_time(HOUR)).output == output
        changed = isinstance(end, Command) and end.update is not None
        assert run.get_state().values.editor == ("nobody" if changed else "ann")


async def test_it_reminds_and_is_handed_on_in_this_process() -> None:
    run = press(interrupt_after={"*": LATE}).local(interrupt_before=[], interrupt_after=["publish"])
    await run.proceed(inputs="news", state=Desk())
    assert (await run.pass_time(50 * HOUR)).output == "too late"
    assert told(run.audit()) == KEPT


async def test_a_restored_run_asks_so_too() -> None:
    graph = press(interrupt_before={"*": asks("ann")})
    run, other = graph.local(), graph.local()
    await run.proceed(inputs="news", state=Desk())
    other.restore(run.snapshot())
    assert (await other.proceed()).interrupts[0].assignees == ["ann"]


# -- What a run keeps -------------------------------------------------------------------------------------------------


def kept(**words: Any) -> dict[str, Any]:
    return press(**words)._compiled.policies.kept()


def test_a_run_keeps_what_it_did_where_breakpoints_have_no_policies() -> None:
    for words in ({}, {"interrupt_before": ["*"]}, {"interrupt_before": {"publish": None}}):
        assert kept(**words) == {}
        assert kept(**words, node_options={"publish": NodeOptions(policy=asks("ann"))}) == {
            "list": [{"assignees": ["ann"]}],
            "own": {},
            "others": {"publish": 0},
        }


def test_a_run_keeps_the_policies_of_breakpoints_beside_the_others() -> None:
    shared = asks("ann")
    found = InterruptPolicy(not_by=lambda ctx: ctx.state.editor, timeout=HOUR)
    assert kept(interrupt_before={"*": found, "write": shared}, options=NodeOptions(policy=shared)) == {
        "list": [{"assignees": ["ann"]}, {"timeout": 3600.0, "finds": ["not_by"]}],
        "own": {},
        "others": {"*": 0},
        "before": {"*": 1, "write": 0},
    }
    assert kept(interrupt_after={publish.id: shared}).keys() == {"list", "own", "others", "after"}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("numbers", [{"*": 1}, {"*": "0"}, ["*"], 5])
def test_what_no_run_can_have_kept(side: str, numbers: Any) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        KeptPolicies({"list": [{}], "own": {}, "others": {}, side: numbers})


FOUND = InterruptPolicy(not_by=lambda ctx: ctx.state.editor)
OTHER = InterruptPolicy(not_by=lambda ctx: f"not {ctx.state.editor}")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"options": NodeOptions(policy=FOUND)}, {"options": NodeOptions(policy=FOUND)}),
        (
            {"options": NodeOptions(policy=FOUND)},
            {"options": NodeOptions(policy=FOUND), "interrupt_before": {"publish": asks("bob"), "*": OTHER}},
        ),
        (
            {"interrupt_before": {"*": FOUND}},
            {"interrupt_before": {"publish": OTHER, "*": FOUND}, "options": NodeOptions(policy=OTHER)},
        ),
        ({"interrupt_before": {"publish": FOUND, "*": OTHER}}, {"interrupt_before": {"*": FOUND}}),
        ({"interrupt_before": {"publish": FOUND}}, {"options": NodeOptions(policy=FOUND)}),
    ],
    ids=["the same", "a nearer one now", "one of the node now", "one of all now", "that of the graph now"],
)
def test_functions_find_people_for_the_policy_that_a_run_has_kept(first: Any, second: Any) -> None:
    """Those of the later release that stand where the policy stood; if there are none, those that go for it now."""
    later = press(**second)._compiled.functions
    functions = later.keeping(KeptPolicies(press(**first)._compiled.policies.kept()))
    policy = functions.policy("publish", "before", Encoded('"news"'), {"editor": "eve", "lines": []})
    assert policy == {"not_by": ["eve"]}


# -- What is refused --------------------------------------------------------------------------------------------------


def refused(make: Callable[[], Any]) -> str:
    with pytest.raises(GraphDefinitionError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("policies", "says"),
    [
        (
            {"publsh": asks("ann")},
            "Graph 'press' has no node 'publsh' to stop at. Its nodes: 'write', 'publish'; or '*' for all of them.",
        ),
        ({5: asks("ann")}, "interrupt_{} has 5; it must be a list of node ids, or '*' for all nodes."),
        (
            {"publish": "ann"},
            "interrupt_{}['publish'] is 'ann'; it must be an InterruptPolicy(...), or None for a breakpoint without a "
            "policy of its own.",
        ),
        ({"*": NodeOptions(policy=asks("ann"))}, "interrupt_{}['*'] is NodeOptions("),
        ({"publish": InterruptPolicy}, "interrupt_{}['publish'] is <class 'temporal_graph.policies.InterruptPolicy'>"),
    ],
)
def test_what_cannot_be_a_policy_of_a_breakpoint(side: str, policies: Any, says: str) -> None:
    assert refused(lambda: press(**{f"interrupt_{side}": policies})).startswith(says.format(side))


def test_a_node_that_is_named_twice() -> None:
    @dataclass
    class Draft(BaseNode[None, None, str]):
        async def run(self, ctx: GraphRunContext[None]) -> End[str]:
            return End("")

    twice = {Draft: asks("ann"), "Draft": asks("bob")}
    assert (
        refused(lambda: InterruptibleGraph([Draft], name="drafts", interrupt_after=twice))
        == "interrupt_after names 'Draft' twice, by its class and by its id; leave one of them out."
    )


WORDS = "The policy of interrupt_{}['publish']"
GOES_ON = "At a breakpoint any answer lets the run go on"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            {"on_timeout": Command(goto="nowhere")},
            ", on_timeout: Graph 'press' has no node 'nowhere' to go to. Its nodes: 'write', 'publish'.",
        ),
        ({"on_timeout": Command(goto=Send("publish", 5))}, ", on_timeout: 5 does not fit node 'publish': "),
        (
            {"on_timeout": Command(resume=True, update={"edtor": "eve"})},
            ", on_timeout: The state of graph 'press' has no field 'edtor'; its fields: 'editor', 'lines'.",
        ),
        ({"on_timeout": Command()}, ", on_timeout: Command(resume=NOTHING, update=None, goto=None) answers nothing"),
        ({"on_timeout": Command(resume=object())}, ", on_timeout: The answer, <object object at"),
        (
            {"on_timeout": Command(resume=Abort())},
            f", on_timeout: Command(resume=Abort(action='abort'), update=None, goto=None) answers the failure of a "
            f"node. {GOES_ON}; write Command(resume=None) for that, Command(goto=...) to lead elsewhere, or 'fail'.",
        ),
        ({"on_timeout": Command(resume=Retry())}, ", on_timeout: Command(resume=Retry("),
        ({"on_timeout": Command(resume=Skip("olds"))}, ", on_timeout: Command(resume=Skip("),
        (
            {"quorum": 2, "reject_ends": False},
            f": reject_ends=False ends the vote, but not the run. {GOES_ON}, this one even before the others have "
            "answered. Leave it out, or ask with an interrupt node or interrupt(), where an answer can be a no.",
        ),
    ],
)
def test_what_cannot_be_done_at_a_breakpoint(side: str, words: Any, says: str) -> None:
    policy = InterruptPolicy(timeout=HOUR, **words)
    message = refused(lambda: press(**{f"interrupt_{side}": {"publish": policy}}))
    assert message.startswith(WORDS.format(side) + says)


@pytest.mark.parametrize("side", SIDES)
async def test_policies_are_not_given_to_a_run(serve: Serve, task_queue: str, side: str) -> None:
    graph = press()
    policies: Any = {"publish": asks("ann")}
    given = {f"interrupt_{side}": policies}
    cure = (
        "; here it takes node ids, such as ['publish'], or '*' for all nodes. The policies of breakpoints are given to "
        f"the graph: TemporalGraph(..., interrupt_{side}={{'publish': InterruptPolicy(...)}})."
    )
    start: Any = {"inputs": "news", "state": Desk(), "id": task_queue, "task_queue": task_queue}

    async def refuses(name: str, call: Callable[[], Any]) -> None:
        with pytest.raises(GraphInputError) as caught:
            await call()
        assert str(caught.value) == f"{name} is {policies!r}{cure}"

    async def local() -> None:
        graph.local(**given)

    async with serve(graph) as client:
        for call in (graph.start, graph.run, graph.proceed):
            await refuses(f"interrupt_{side}", lambda call=call: call(client, **start, **given))
        await refuses(f"interrupt_{side}", local)
        run = await graph.start(client, **start, interrupt_before=["write"])
        await run.wait()
        await refuses(side, lambda: run.set_breakpoints(**{side: policies}))
        state = await run.get_state()
        assert (state.interrupt_before, state.interrupt_after) == (["write"], [])
        await run.proceed()
    here = graph.local(interrupt_before=["write"])
    await here.proceed(inputs="news", state=Desk())
    await refuses(side, lambda: here.set_breakpoints(**{side: policies}))
    assert (here.get_state().interrupt_before, here.get_state().interrupt_after) == (["write"], [])
