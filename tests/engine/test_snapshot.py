"""A run written down at any moment goes on as it would have gone."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from temporal_graph import TemporalGraph
from temporal_graph.compile import CompiledGraph
from temporal_graph.engine.breakpoints import ANY, Breakpoints
from temporal_graph.engine.events import Encoded, NodeAsked, NodeFinished, SetTimer, Work
from temporal_graph.engine.policies import Policy, in_order, moment
from temporal_graph.engine.questions import Accepted, Answer, Refused
from temporal_graph.engine.recording import RecordingEngine
from temporal_graph.engine.snapshot import SnapshotError, dump, load
from temporal_graph.engine.spec import END, START, GraphSpec, StepSpec
from temporal_graph.messages import NodeInput, dump_input, dump_result, load_input, load_result
from temporal_graph.starting import dump_start, load_start
from tests.conformance.random_graphs import Outcome, State, build, oracle, outcome, programs
from tests.engine.machine import (
    LATER,
    NOW,
    Run,
    Toy,
    asking,
    breaks,
    fork,
    graph,
    join,
    mapping,
    read,
    start,
    step,
    told,
)

# -- By hand ----------------------------------------------------------------------------------------------------------

NESTED = graph(
    start("m"),
    mapping("m", "f"),
    fork("f", "a", "b", "q"),
    step("a", "i"),
    step("b", "i"),
    asking("q"),
    join("i", "f", "a", "b", "q", to="j"),
    join("j", "m", "f", "a", "b", "q", "i", to="z"),
    step("z", None),
)


def new_run() -> Run:
    return Run(NESTED)


def waiting() -> Run:
    run = new_run()
    run.start(["x"], state={"n": 1, "text": "ü\u2028"})
    run.finish("a:1")
    run.finish("b:1")
    return run


def half_filled() -> Run:
    run = new_run()
    run.start([1, 2, 3])
    run.finish("b:2", {"half": [1, 2.5, None]})
    run.answer({}, "q:2")
    run.finish("q:2", to="i")
    return run


def running() -> Run:
    run = new_run()
    run.start([1, 2])
    for task_id in ("a:2", "b:1"):
        run.engine.begin(task_id)
    run.finish("a:1", "a")
    return run


def asked() -> Run:
    run = running()
    run.ask("b:1", 0, {"type": "string"})
    run.answer("so", "b:1.0", actor="ann", answer_id="click")
    run.ask("b:1", 1)
    return run


def answered() -> Run:
    run = asked()
    run.answer({"deep": [1]}, "b:1.1")
    return run


def doubted() -> Run:
    run = answered()
    run.ask("b:1", 0, errors=[{"loc": ["x"], "msg": "no", "type": "value_error"}])
    return run


def early() -> Run:
    run = half_filled()
    run.answer({"n": 9}, "q:4", answer_id="early")
    run.answer("not an object", "q:5")
    return run


def at_the_end() -> Run:
    run = Run(graph(start("q"), asking("q"), name="toy"))
    run.start(1)
    run.answer({}, answer_id="x")
    run.finish("q:1", {"out": 1}, to=END)
    return run


def failed() -> Run:
    run = running()
    run.engine.release("b:1")
    run.fail("b:1", "with a reason")
    return run


def in_conflict() -> Run:
    run = new_run()
    run.start([1], state={"n": [0]})
    run.engine.begin("a:1")
    run.engine.begin("b:1")
    run.finish("a:1", delta=[["set", ["n", 0], 1]])
    run.finish("b:1", delta=[["set", ["n", 0], 2]])
    return run


# At breakpoints, steered by people

OUTSIDE = graph(*NESTED.nodes.values(), step("out", None))


def stopping(*before: str, after: Sequence[str] = (), value: Any = (1, 2), **words: Any) -> Run:
    run = Run(OUTSIDE)
    run.start(list(value), state={"n": 1, "items": [1, 2]}, **breaks(before, after), **words)
    return run


def at_breakpoints() -> Run:
    run = stopping("a", "q", "z")
    run.answer(interrupt_id="a:2.before")
    run.answer(interrupt_id="q:1.before")
    return run


def at_every_breakpoint() -> Run:
    run = stopping("*", after=["*"])
    run.answer(interrupt_id="b:1.before")
    run.finish("b:1", "b", delta=[["set", ["n"], 2]])
    return run


def with_outcomes_held() -> Run:
    """One of each kind: along its path, to another node, to a join, to the end."""
    run = stopping(after=["a", "q", "z"], value=[1, 2, 3])
    run.finish("a:1", {"held": 1})
    for number, to in enumerate(("out", "i", END), start=1):
        run.answer({}, f"q:{number}")
        run.finish(f"q:{number}", [number], to=to)
    return run


def breakpoints_changed() -> Run:
    run = stopping("a", "b")
    run.answer(interrupt_id="a:1.before")
    run.stop(["a", "q", "z"], ["b"])
    return run


def started_with_an_answer_at_a_breakpoint() -> Run:
    run = Run(OUTSIDE)
    run.start(3, node_id="q", is_answer=True, **breaks(["q"]))
    return run


def sent_around() -> Run:
    """To another branch of the same fork run, out of every fork, into the same node; from each kind of task."""
    run = stopping()
    run.engine.begin("a:1")
    run.goto("b", "sent", "a:1")
    run.ask("a:2")
    run.goto("out", "sent out", "a:2.0")
    run.goto("q", "again", "q:1", value={})
    run.goto("q", "and again", "q:3")
    return run


def sent_to_the_end() -> Run:
    run = sent_around()
    run.goto(END, "sent", "out:1")
    return run


def paused() -> Run:
    run = at_breakpoints()
    run.engine.begin("b:1")
    run.engine.pause(True)
    return run


def cancelled() -> Run:
    run = paused()
    run.answer({}, "q:7", answer_id="early")
    run.engine.cancel(LATER)
    return run


def edited() -> Run:
    run = stopping()
    run.engine.begin("a:1")
    run.update(items=[], n=3)
    run.finish("a:1", "a", delta=[["set", ["items", 0], 9]])
    run.answer({}, "q:2", state_update={"n": 4})
    run.finish("q:2", "q", to="i")
    return run


def kept_ahead_of_a_breakpoint() -> Run:
    run = Run(OUTSIDE)
    run.answer({"n": 9}, "q:1", answer_id="early")
    run.start([1], **breaks(["q"]))
    return run


MOMENTS: list[Callable[[], Run]] = [
    new_run,
    waiting,
    half_filled,
    running,
    asked,
    answered,
    doubted,
    early,
    at_the_end,
    failed,
    in_conflict,
    at_breakpoints,
    at_every_breakpoint,
    with_outcomes_held,
    breakpoints_changed,
    started_with_an_answer_at_a_breakpoint,
    sent_around,
    sent_to_the_end,
    paused,
    cancelled,
    edited,
    kept_ahead_of_a_breakpoint,
]


def go_on(run: Run) -> list[Any]:
    """Bring a run to its end, always in the same way; everything that is seen on the way."""
    seen: list[Any] = []
    if run.engine.status == "new":
        seen.append(run.start([1, 2]))
    while run.engine.status == "running":
        for task in run.engine.tasks.values():
            if task.status == "running":  # what ran when a snapshot was taken begins again
                run.engine.release(task.id)
        if run.engine.ready:
            task_id = run.engine.ready[-1]
            seen.append(run.engine.begin(task_id))
            to = {"z": END, "out": END, "q": "i"}.get(run.engine.tasks[task_id].node_id)
            seen.append(run.finish(task_id, task_id, to=to))
        else:
            interrupt_id = run.open[0]
            seen.append(
                run.answer({"n": 1}, interrupt_id) if interrupt_id != "b:1.0" else run.answer("x", interrupt_id)
            )
    for answer_id in ("click", "early", "x"):
        try:
            seen.append(run.answer(None, answer_id=answer_id))
        except Refused as refused:
            seen.append((refused.reason, refused.message))
    output = None if run.engine.output is None else read(run.engine.output)
    numbers = (run.engine.shared.version, run.engine.checkpoint, run.engine.standing)
    return [*seen, output, run.engine.failure, run.engine.state, run.engine.visits, numbers]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_goes_on_from_its_snapshot(moment: Callable[[], Run]) -> None:
    original, other = moment(), moment()
    other.reload()
    assert other.engine.status == original.engine.status
    assert other.engine.next_nodes == original.engine.next_nodes
    assert other.engine.breakpoints == original.engine.breakpoints
    assert other.engine.paused == original.engine.paused
    assert other.engine.shared.version == original.engine.shared.version
    assert other.engine.questions.rejected == original.engine.questions.rejected
    assert [i.public() for i in other.engine.questions.open.values()] == [
        i.public() for i in original.engine.questions.open.values()
    ]
    assert go_on(other) == go_on(original)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_snapshot_of_a_snapshot_is_the_same(moment: Callable[[], Run]) -> None:
    run = moment()
    written = dump(run.engine)
    assert json.loads(json.dumps(written)) == written, "it is JSON"
    again = dump(load(written, run.engine.spec, run.functions))
    assert json.dumps(again) == json.dumps(written)


def test_writing_it_down_changes_nothing() -> None:
    run = running()
    before = dump(run.engine)
    assert dump(run.engine) == before
    assert (run.engine.running, run.engine.tasks["b:1"].status) == (2, "running")
    assert run.finish("b:1", "b") == []


def test_what_ran_is_ready_and_gets_the_state_of_now() -> None:
    run = Run(graph(start("f"), fork("f", "a", "b"), step("a", "c"), step("b", "c"), step("c")))
    run.start(state={"n": 0})
    run.engine.begin("b:1")
    run.finish("a:1", delta=[["set", ["n"], 1]])
    run.reload()
    assert (run.engine.ready, run.engine.running) == (["b:1", "c:1"], 0)
    assert run.engine.begin("b:1").state == {"n": 1}
    run.finish("b:1", delta=[["set", ["n"], 2]])
    assert run.engine.state == {"n": 2}, "it was not parallel to a any more"


def test_values_keep_the_name_of_the_type_that_wrote_them() -> None:
    run = Run(graph(start("a"), step("a")))
    run.start(1)
    run.engine.tasks["a:1"].value = Encoded('{"z":1,"a":[1,2],"u":"ü"}', "Order")
    run.reload()
    assert run.engine.tasks["a:1"].value == Encoded('{"z":1,"a":[1,2],"u":"ü"}', "Order")


def test_a_state_that_is_no_object_goes_along() -> None:
    for state in (None, 0, "", [], [1], "ü"):
        run = Run(graph(start("a"), step("a")))
        run.start(state=state)
        run.reload()
        assert run.engine.begin("a:1").state == state


def test_nodes_that_are_new_have_no_visits() -> None:
    run = waiting()
    spec = GraphSpec("toy", {**NESTED.nodes, "new": step("new")})
    engine = load(dump(run.engine), spec, run.functions)
    assert engine.visits["new"] == 0
    assert engine.visits["a"] == 1


# -- Snapshots that a graph cannot go on from -------------------------------------------------------------------------


def without(*node_ids: str) -> GraphSpec:
    return GraphSpec("toy", {node_id: node for node_id, node in NESTED.nodes.items() if node_id not in node_ids})


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_another_version(version: Any) -> None:
    data = {**dump(waiting().engine), "version": version}
    with pytest.raises(SnapshotError) as caught:
        load(data, NESTED, Toy())
    assert str(caught.value) == f"The snapshot has version {version!r}; this release reads version 1."
    del data["version"]
    with pytest.raises(SnapshotError, match="has version None"):
        load(data, NESTED, Toy())


def test_another_graph() -> None:
    with pytest.raises(SnapshotError) as caught:
        load(dump(waiting().engine), GraphSpec("other", NESTED.nodes), Toy())
    assert str(caught.value) == "The snapshot is of graph 'toy', not of 'other'."


def missing_in(spec: GraphSpec) -> str:
    """What a half-filled run misses in another graph."""
    with pytest.raises(SnapshotError) as caught:
        load(dump(half_filled().engine), spec, Toy())
    message = str(caught.value)
    nodes = ", ".join(repr(node_id) for node_id in spec.nodes)
    end = f", which graph 'toy' has not, or not as the same kind of node. It has: {nodes}."
    assert message.startswith("The snapshot needs ")
    assert message.endswith(end)
    return message.removeprefix("The snapshot needs ").removesuffix(end)


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        (("a",), {"'a'"}),
        (("q", "b"), {"'b'", "'q'"}),
        (("i",), {"'i'", "'f'"}),  # no join waits for the fork any more
        (("i", "j"), {"'i'", "'f'", "'m'"}),
    ],
)
def test_a_graph_that_lacks_what_is_needed(gone: tuple[str, ...], missing: set[str]) -> None:
    assert set(missing_in(without(*gone)).split(", ")) == missing


def test_a_node_that_has_become_another_kind() -> None:
    spec = GraphSpec("toy", {**NESTED.nodes, "a": fork("a", "i")})
    assert set(missing_in(spec).split(", ")) == {"'a'"}


def test_each_node_is_named_once() -> None:
    assert missing_in(without("a")) == "'a'"


def test_a_join_that_has_another_parent_fork() -> None:
    other = join("i", "m", "f", "a", "b", "q", to="j", final=False)
    spec = GraphSpec("toy", {**NESTED.nodes, "i": other, "k": join("k", "f", "a", "b", "q", to="j")})
    with pytest.raises(SnapshotError, match="'i'"):
        load(dump(half_filled().engine), spec, Toy())


def test_a_node_that_waits_and_has_become_one_that_does_not() -> None:
    assert missing_in(GraphSpec("toy", {**NESTED.nodes, "q": step("q", None)})) == "'q'"


def test_a_node_that_is_gone_and_not_needed() -> None:
    run = at_the_end()
    engine = load(dump(run.engine), graph(start("other"), step("other")), Toy())
    assert (engine.status, engine.output) == ("finished", Encoded('{"out":1}'))
    assert engine.is_stopped


# -- At random --------------------------------------------------------------------------------------------------------

FINE = {"approved": True}
ALMOST_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
)


POLICY = Policy(
    assignees=("ann",),
    every=3_600.0,
    escalations=((5_000.0, ("bob",)), (20_000.0, ("boss", "cfo"))),
    timeout=30_000.0,
    on_timeout={"value": FINE},
)


class Asking:
    """The functions of a compiled graph, some of whose steps ask before they run; answers change nothing."""

    def __init__(self, compiled: CompiledGraph, policy: Policy | None) -> None:
        self._functions = compiled.functions
        self._policy = policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)

    def policy(self, node_id: str, kind: str, value: Encoded, state: Any) -> Any:
        return None if self._policy is None else self._policy.dump()

    def ask(self, node_id: str, value: Encoded) -> tuple[Any, dict[str, Any] | None]:
        return {"value": value.data}, {"type": "object"}

    def check(self, node_id: str, schema: dict[str, Any] | None, answer: Any) -> list[dict[str, Any]]:
        return [] if answer == FINE else [{"loc": ["approved"], "msg": "must be true", "type": "unfit"}]

    def fill(self, node_id: str, value: Encoded, answer: Any, *, is_taken: bool = False) -> Encoded:
        return value


class AnyRun(RuleBasedStateMachine):
    """A random graph run by a random shell: nodes end in any order, are given up, ask, and are answered well and badly.

    People stop it and let it go on, send nodes back to where they are, and edit the state, all in the middle. Whatever
    it does, the run comes to what the oracle says, and what it tells of its past comes to where it is.
    """

    @initialize(
        case=st.sampled_from(["explicit", "closest", "farthest"]).flatmap(programs),
        asks=st.sets(st.integers(0, 30)),
        stops=st.just([]) | st.just([ANY]),
        policy=st.sampled_from([None, POLICY]),
    )
    def begin_a_run(self, case: Any, asks: set[int], stops: list[str], policy: Policy | None) -> None:
        program, value = case
        self.expected: Outcome = oracle(program, value)
        self.compiled = TemporalGraph(build(program), name="random").registered.compiled
        nodes = {
            node_id: dataclasses.replace(node, waits=True) if number in asks and isinstance(node, StepSpec) else node
            for number, (node_id, node) in enumerate(self.compiled.spec.nodes.items())
        }
        self.spec = GraphSpec("random", nodes)
        self.functions: Any = Asking(self.compiled, policy)
        self.engine = RecordingEngine(self.spec, self.functions, self.compiled.plan)
        message = dump_start(self.compiled, None, value, State())
        breakpoints = Breakpoints(tuple(stops))
        self.engine.apply(load_start(self.compiled, message["inputs"], message["state"], None, breakpoints), NOW)
        self.results: dict[str, NodeFinished] = {}
        """What the tasks that run will have given."""
        self.over: list[NodeFinished] = []
        """Results that have been applied."""
        self.taken: dict[str, Accepted] = {}
        self.asked: dict[str, int] = {}

    # -- What a shell does --------------------------------------------------------------------------------------------

    def is_any(self, status: str) -> bool:
        return any(task.status == status for task in self.engine.tasks.values())

    def one(self, data: st.DataObject, status: str) -> str:
        return data.draw(st.sampled_from([task.id for task in self.engine.tasks.values() if task.status == status]))

    def run_node(self, work: Work) -> None:
        message = NodeInput(work.task_id, work.value, json.dumps(work.state), work.answers)
        sent = load_input(dump_input(message))
        text = dump_result(asyncio.run(self.compiled.runner.run(work.node_id, sent, None)))
        result = load_result(work.task_id, text, self.compiled.runner.types(work.node_id))
        assert isinstance(result, NodeFinished)
        self.results[work.task_id] = result

    @precondition(lambda self: self.is_any("ready") and not self.engine.paused)
    @rule(data=st.data(), goes_on=st.booleans())
    def begin(self, data: st.DataObject, goes_on: bool) -> None:
        task_id = self.one(data, "ready")
        if goes_on and self.engine.tasks[task_id].base is not None:
            self.engine.resume(task_id)  # with the result that it had in mind when it asked
        else:
            self.run_node(self.engine.begin(task_id))

    @precondition(lambda self: self.is_any("running"))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        result = self.results.pop(self.one(data, "running"))
        self.over.append(result)
        self.engine.apply(result, NOW)

    def gone(self) -> list[NodeFinished]:
        """Results of tasks that are no more: others stand at a breakpoint after them."""
        return [result for result in self.over if result.task_id not in self.engine.tasks]

    @precondition(lambda self: self.gone())
    @rule(data=st.data())
    def end_again(self, data: st.DataObject) -> None:
        state = self.engine.state
        assert self.engine.apply(data.draw(st.sampled_from(self.gone())), NOW) == []
        assert self.engine.state is state

    @precondition(lambda self: self.is_any("running"))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.engine.release(self.one(data, "running"))

    @precondition(lambda self: self.is_any("running"))
    @rule(data=st.data(), doubts=st.booleans())
    def ask(self, data: st.DataObject, doubts: bool) -> None:
        task_id = self.one(data, "running")
        position = self.asked.get(task_id, 0)
        last = self.engine.questions.accepted.get(f"{task_id}.{position - 1}")
        if doubts and position and (last is None or last.via != "timeout"):
            position -= 1
            self.taken.pop(f"{task_id}.{position}", None)
            errors: tuple[dict[str, Any], ...] = ({"loc": [], "msg": "doubtful", "type": "doubt"},)
        else:
            errors = ()
        self.engine.apply(NodeAsked(task_id, position, None, {"type": "object"}, errors), NOW)
        self.asked[task_id] = position + 1

    @rule()
    def write_down_and_go_on(self) -> None:
        written = json.dumps(dump(self.engine))
        number = self.engine.checkpoint
        self.engine = RecordingEngine(self.spec, self.functions, self.compiled.plan, json.loads(written))
        assert self.engine.origin == (number, json.loads(written)["state"])
        assert json.dumps(dump(self.engine)) == written

    # -- What people do -----------------------------------------------------------------------------------------------

    def questions(self, *kinds: str) -> list[str]:
        """The open questions that are of some kinds."""
        return [i.interrupt_id for i in self.engine.questions.open.values() if i.kind in kinds]

    @precondition(lambda self: self.engine.questions.open)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        interrupt_id = data.draw(st.sampled_from(list(self.engine.questions.open)))
        is_held = interrupt_id in self.questions("after")
        self.taken[interrupt_id], commands = self.engine.answer(
            Answer(interrupt_id, FINE, answer_id=interrupt_id), LATER
        )
        assert is_held or len([command for command in commands if not isinstance(command, SetTimer)]) == 1

    @precondition(lambda self: len(self.engine.questions.open) > 1)
    @rule(data=st.data())
    def answer_some_together(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(list(self.engine.questions.open)), unique=True, min_size=2))
        answers = [Answer(interrupt_id, FINE, answer_id=interrupt_id) for interrupt_id in ids]
        wrong = data.draw(
            st.sampled_from([Answer("nobody:1", FINE), Answer(ids[0], FINE, goto={"node_id": "__end__"})])
        )
        before = dump(self.engine)
        with pytest.raises(Refused):
            self.engine.answer_all([*answers, wrong], LATER)
        assert dump(self.engine) == before
        accepted, _ = self.engine.answer_all(answers, LATER)
        assert [item.interrupt_id for item in accepted] == ids
        self.taken.update(zip(ids, accepted, strict=True))

    @precondition(lambda self: self.questions("node", "call"))
    @rule(data=st.data(), value=ALMOST_ANYTHING)
    def answer_badly(self, data: st.DataObject, value: Any) -> None:
        interrupt_id = data.draw(st.sampled_from(self.questions("node", "call")))
        before = dump(self.engine)
        with pytest.raises(Refused) as caught:
            self.engine.answer(Answer(interrupt_id, value), LATER)
        assert caught.value.reason == "invalid"
        assert dump(self.engine) == before

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def answer_again(self, data: st.DataObject) -> None:
        interrupt_id = data.draw(st.sampled_from(list(self.taken)))
        before = dump(self.engine)
        accepted, commands = self.engine.answer(Answer(interrupt_id, None, answer_id=interrupt_id), LATER)
        assert (accepted.interrupt_id, commands) == (interrupt_id, [])
        with pytest.raises(Refused) as caught:
            self.engine.answer(Answer(interrupt_id, FINE), LATER)
        assert caught.value.reason in ("already_answered", "closed")
        assert dump(self.engine) == before

    @rule(data=st.data(), visit=st.integers(1, 4), is_good=st.booleans(), is_call=st.booleans())
    def answer_ahead(self, data: st.DataObject, visit: int, is_good: bool, is_call: bool) -> None:
        node_id = data.draw(
            st.sampled_from([node.id for node in self.spec.nodes.values() if isinstance(node, StepSpec)])
        )
        interrupt_id = f"{node_id}:{visit}" + (".0" if is_call else "")
        was_open = interrupt_id in self.engine.questions.open
        try:
            self.engine.answer(Answer(interrupt_id, FINE if is_good else "no"), LATER)
        except Refused as error:
            refused = error
        else:
            refused = None
        if refused is not None:
            assert refused.reason in ("already_answered", "closed", "invalid")
        else:
            assert is_good or not was_open

    @rule(interrupt_id=st.none() | st.text(max_size=6), value=ALMOST_ANYTHING)
    def answer_nonsense(self, interrupt_id: str | None, value: Any) -> None:
        if interrupt_id is None and len(self.engine.questions.open) == 1 and self.questions("before", "after"):
            return  # that stops for any answer
        with pytest.raises(Refused):
            self.engine.answer(Answer(interrupt_id, value), LATER)

    @precondition(lambda self: any(task.held is None for task in self.engine.tasks.values()))
    @rule(data=st.data(), is_named=st.booleans())
    def send_back_to_where_it_is(self, data: st.DataObject, is_named: bool) -> None:
        task = data.draw(st.sampled_from([task for task in self.engine.tasks.values() if task.held is None]))
        asked = [i.interrupt_id for i in self.engine.questions.open.values() if i.task_id == task.id]
        where: dict[str, Any] = {"node_id": task.node_id, "data": json.loads(task.value.data)}
        self.engine.answer(Answer(asked[0] if asked and is_named else task.id, goto=where), LATER)
        assert task.id not in self.engine.tasks

    @precondition(lambda self: self.engine.status == "running")
    @rule(data=st.data())
    def stop_elsewhere(self, data: st.DataObject) -> None:
        nodes = st.lists(st.sampled_from([ANY, *self.spec.step_ids]), max_size=2).map(tuple)
        self.engine.set_breakpoints(Breakpoints(data.draw(nodes), data.draw(nodes)), LATER)

    def timed(self) -> list[str]:
        """The open questions that do something by themselves."""
        return [i.interrupt_id for i in self.engine.questions.open.values() if i.due]

    @precondition(lambda self: self.timed())
    @rule(data=st.data(), late=st.integers(0, 40_000))
    def come_due(self, data: st.DataObject, late: int) -> None:
        interrupt_id = data.draw(st.sampled_from(self.timed()))
        question = self.engine.questions.open[interrupt_id]
        now = moment(question.due[0].at) + timedelta(seconds=late)
        before, number = self.engine.questions.audit.latest, self.engine.checkpoint
        is_over = question.deadline is not None and moment(question.deadline) <= now
        self.engine.come_due(interrupt_id, now.isoformat())
        assert self.engine.questions.audit.latest > before
        assert (
            (self.engine.checkpoint > number)
            is is_over
            is (self.engine.questions.open.get(interrupt_id) is not question)
        )
        if is_over:
            assert self.engine.questions.accepted[interrupt_id].via == "timeout"
        else:
            assert all(moment(item.at) > now for item in question.due)

    @precondition(lambda self: self.timed())
    @rule(data=st.data(), by=st.integers(1, 10_000))
    def extend_and_reassign(self, data: st.DataObject, by: int) -> None:
        interrupt_id = data.draw(st.sampled_from(self.timed()))
        question = self.engine.questions.open[interrupt_id]
        deadline = question.deadline
        assert deadline is not None
        self.engine.extend(interrupt_id, float(by), None, None, NOW, "update")
        self.engine.reassign(interrupt_id, ["cid"], None, NOW, "update")
        assert moment(question.deadline or "") - moment(deadline) == timedelta(seconds=by)
        assert question.assignees == ["cid"]

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.engine.pause(paused)

    @precondition(lambda self: self.engine.status == "running")
    @rule(data=st.data(), sees=st.booleans())
    def edit(self, data: st.DataObject, sees: bool) -> None:
        """Put the visits in another order, in which nobody is interested."""
        visits = data.draw(st.permutations(self.engine.state["visits"]))
        version = self.engine.shared.version
        with pytest.raises(Refused):
            self.engine.update({"visits": visits}, version + 1, LATER)
        self.engine.update({"visits": visits}, version if sees else None, LATER)
        assert self.engine.state["visits"] == visits

    @invariant()
    def its_past_comes_to_where_it_is(self) -> None:
        if hasattr(self, "engine"):
            told(self.engine, self.compiled.plan)

    @invariant()
    def what_is_due_is_in_order(self) -> None:
        if hasattr(self, "engine"):
            for question in self.engine.questions.open.values():
                assert question.due == in_order(question.due)
                assert [item.at for item in question.due if item.what == "expire"] == (
                    [] if question.deadline is None else [question.deadline]
                )

    # -- The end ------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        self.engine.pause(False)
        while self.engine.status == "running":
            assert not self.engine.is_stopped or self.engine.questions.open
            for interrupt_id in list(self.engine.questions.open):
                self.engine.answer(Answer(interrupt_id, FINE), LATER)
            for task_id in self.engine.ready:
                self.run_node(self.engine.begin(task_id))
            for task_id in reversed([task.id for task in self.engine.tasks.values() if task.status == "running"]):
                self.engine.apply(self.results[task_id], NOW)
        assert self.engine.failure is None, self.engine.failure
        assert self.engine.output is not None
        assert self.compiled.state is not None
        visits = self.compiled.state.load_python(self.engine.state).visits
        assert outcome(self.compiled.output.load(self.engine.output.data), visits) == self.expected
        assert (self.engine.tasks, self.engine.questions.open, self.engine.running) == ({}, {}, 0)
        assert [fork_id for _, fork_id, _ in self.engine.forks.all() if fork_id != START] == []


TestAnyRun = AnyRun.TestCase
TestAnyRun.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
