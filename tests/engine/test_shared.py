"""The shared state: who works on which version of it, and people who edit it while nodes run."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temporal_graph.engine.events import RunFailedError
from temporal_graph.engine.shared import SharedState
from temporal_graph.engine.state import AUTO, Json, Op, Plan, diff, same
from tests.engine.machine import Run, TheRuntimes, fork, graph, raising, start, step

PLAN = Plan(
    fields={
        "tags": Plan("set"),
        "pairs": Plan("pairs"),
        "whole": Plan("atomic"),
        "sum": Plan("custom", merge=lambda base, current, mine: current + mine - (base or 0)),
    }
)


def shared(value: Json, plan: Plan = AUTO) -> SharedState:
    state = SharedState(plan)
    state.load(value, 0)
    return state


def merged(before: Json, edited: Json, node: Json | list[Op], plan: Plan = AUTO) -> Json:
    """The state after a node that began before a person edited it, and ended after."""
    state = shared(before, plan)
    base = state.take()
    state.edit(edited)
    state.merge("a", node if isinstance(node, list) else diff(before, node, plan), base)
    return state.value


# -- Versions ---------------------------------------------------------------------------------------------------------


def test_a_version_for_each_change() -> None:
    state = shared({"n": 0})
    base = state.take()
    assert (base.value, state.version) == ({"n": 0}, 0)
    state.merge("a", [], base)
    state.edit({"n": 0})
    state.commit("path", state.value)
    assert state.version == 0
    state.merge("a", [["set", ["n"], 1]], base)
    state.edit({"n": 2})
    state.commit("path", {"n": 3})
    assert (state.value, state.version) == ({"n": 3}, 3)
    assert base.value == {"n": 0}, "what somebody works on stays what it was"


def test_a_change_to_what_it_is_already_is_none() -> None:
    state = shared({"n": 0})
    state.merge("a", [["set", [], state.value]], state.take())
    assert state.version == 0


def test_what_is_written_while_nobody_works_is_not_remembered() -> None:
    state = shared({"n": 0})
    base = state.take()
    state.give_back()
    state.merge("a", [["set", ["n"], 1]], base)
    state.merge("b", [["set", ["n"], 2]], base)
    assert state.value == {"n": 2}


def test_an_edit_that_changes_nothing_leaves_the_same_object() -> None:
    state = shared({"deep": {"n": 0}})
    value = state.value
    state.edit({"deep": {"n": 0}})
    assert state.value is value


def test_numbers_that_are_equal_and_not_the_same_are_a_change() -> None:
    state = shared({"n": 1})
    state.edit({"n": True})
    assert (state.value["n"] is True, state.version) == (True, 1)


def test_nobody_remembers_an_edit_when_nobody_works_on_an_older_state() -> None:
    state = shared({"items": [1, 2]})
    first = state.take()
    state.edit({"items": []})
    state.give_back()
    assert state._edited == {}  # pyright: ignore[reportPrivateUsage]
    state.edit({"items": [1]})
    assert state._edited == {}  # pyright: ignore[reportPrivateUsage]
    del first
    base = state.take()
    with pytest.raises(RunFailedError, match="Merging the state: The state has no place"):
        state.merge("a", [["set", ["items", 5], 0]], base)


def test_an_edit_is_remembered_until_the_last_one_is_done() -> None:
    state = shared({"items": [1, 2]})
    first, second = state.take(), state.take()
    state.edit({"items": []})
    state.give_back()
    state.merge("b", [["set", ["items", 1], 3]], second)
    assert state.value == {"items": [1, 3]}
    del first


# -- A person and a node ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "edited", "node", "after"),
    [
        # Other places: both are there.
        ({"n": 0, "m": 0}, {"n": 1, "m": 0}, {"n": 0, "m": 2}, {"n": 1, "m": 2}),
        ({"d": {"x": 0, "y": 0}}, {"d": {"x": 1, "y": 0}}, {"d": {"x": 0, "y": 2}}, {"d": {"x": 1, "y": 2}}),
        ({"d": {}}, {"d": {"x": 1}}, {"d": {"y": 2}}, {"d": {"x": 1, "y": 2}}),
        ({"l": [1]}, {"l": [0]}, {"l": [1, 2]}, {"l": [0, 2]}),
        ({"l": [1]}, {"l": []}, {"l": [1, 2]}, {"l": [2]}),
        # The same place: the node is later.
        ({"n": 0}, {"n": 1}, {"n": 2}, {"n": 2}),
        ({"d": {"x": 0}}, {"d": {"x": 1}}, {"d": {}}, {"d": {}}),
        ({"d": {"x": 0}}, {"d": {}}, {"d": {"x": 2}}, {"d": {"x": 2}}),
        ({"l": [1, 2]}, {"l": [1]}, {"l": [2]}, {"l": [2]}),
        # The place is not there any more: the node's own values of the fields that it changed.
        ({"l": [{"x": 0}], "n": 0}, {"l": [], "n": 1}, {"l": [{"x": 2}], "n": 0}, {"l": [{"x": 2}], "n": 1}),
        (
            {"d": {"x": {"y": 0}}, "n": 0},
            {"d": {}, "n": 1},
            {"d": {"x": {"y": 1}}, "n": 0},
            {"d": {"x": {"y": 1}}, "n": 1},
        ),
        ({"d": {"l": [1]}}, {"d": {"l": None}}, {"d": {"l": [1, 2]}}, {"d": {"l": [1, 2]}}),
        ({"d": {"l": [1]}}, {"d": {}}, {"d": {"l": [1, 2]}}, {"d": {"l": [1, 2]}}),
        # Both have created it.
        ({"d": {}}, {"d": {"x": 1}}, {"d": {"x": 1}}, {"d": {"x": 1}}),
        ({"d": {}}, {"d": {"x": 1}}, {"d": {"x": 2}}, {"d": {"x": 2}}),
        ({"d": {}, "n": 0}, {"d": {"x": {"y": 1}}, "n": 5}, {"d": {"x": 2}, "n": 0}, {"d": {"x": 2}, "n": 5}),
    ],
)
def test_a_person_and_a_node_change_the_state(before: Json, edited: Json, node: Json, after: Json) -> None:
    assert merged(before, edited, node) == after


def test_a_state_that_is_no_object() -> None:
    assert merged([1, 2], [], [["set", [1], 3]]) == [1, 3]
    assert merged(1, 2, [["set", [], 3]]) == 3
    assert merged({"l": [0]}, [], [["set", ["l", 0], 3]]) == {"l": [3]}


def test_a_person_does_not_settle_a_conflict_of_two_nodes() -> None:
    state = shared({"n": 0, "m": 0})
    first, second = state.take(), state.take()
    state.merge("a", [["set", ["n"], 1]], first)
    state.edit({"n": 1, "m": 9})
    with pytest.raises(RunFailedError) as caught:
        state.merge("b", [["set", ["n"], 2]], second)
    assert caught.value.failure.type == "StateConflictError"


def test_a_rule_that_raises_is_not_hidden_by_an_edit_of_another_field() -> None:
    broken = Plan(fields={"n": Plan("custom", merge=lambda base, current, mine: current / 0)})
    state = shared({"n": 1, "text": ""}, broken)
    first, second = state.take(), state.take()
    state.merge("a", [["set", ["n"], 2]], first)
    state.edit({"n": 2, "text": "edited"})
    with pytest.raises(RunFailedError) as caught:
        state.merge("b", [["set", ["n"], 3]], second)
    assert caught.value.failure.type == "ZeroDivisionError"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TheRuntimes()])
def test_what_ends_the_process_is_not_taken_for_a_failure(error: BaseException) -> None:
    state = shared({"n": 0}, Plan(fields={"n": Plan("custom", merge=raising(error))}))
    bases = state.take(), state.take()
    state.merge("a", [["set", ["n"], 1]], bases[0])
    with pytest.raises(type(error)):
        state.merge("b", [["set", ["n"], 2]], bases[1])


def test_changes_that_are_none_fail_the_run_also_after_an_edit() -> None:
    state = shared({"n": 1})
    base = state.take()
    state.edit({"n": 2})
    with pytest.raises(RunFailedError, match="is no change of a state"):
        state.merge("a", [["rename", ["n"], 2]], base)


def test_an_edit_before_a_node_began_has_no_part_in_its_merge() -> None:
    state = shared({"items": [1, 2]})
    state.take()
    state.edit({"items": [1]})
    base = state.take()
    with pytest.raises(RunFailedError, match="has no place"):
        state.merge("a", [["set", ["items", 1], 3]], base)


def test_an_edit_while_nodes_run_in_a_run() -> None:
    run = Run(graph(start("f"), fork("f", "a", "b"), step("a", "c"), step("b", "c"), step("c")))
    run.start(state={"n": 0, "items": [{"done": False}]})
    run.engine.begin("a:1")
    run.update(items=[], n=1)
    assert run.engine.begin("b:1").state == {"n": 1, "items": []}
    run.finish("a:1", delta=[["set", ["items", 0, "done"], True]])
    assert run.engine.state == {"n": 1, "items": [{"done": True}]}
    run.finish("b:1", delta=[["append", ["items"], [{"done": False}]]])
    assert run.engine.state["items"] == [{"done": True}, {"done": False}]
    assert run.engine.status == "running"


def test_a_question_that_waits_at_its_line_keeps_an_edit_in_mind() -> None:
    run = Run(graph(start("a"), step("a", None)))
    run.start(state={"items": [1, 2]})
    run.ask("a:1")
    run.update(items=[])
    run.answer("so")
    assert run.engine.resume("a:1").state == {"items": [1, 2]}
    run.finish("a:1", delta=[["set", ["items", 0], 5]], to="a")
    assert run.engine.state == {"items": [5, 2]}


# -- At random --------------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["x", "y"])
ATOMS = st.sampled_from([None, 0, 1, True])
INNER = ATOMS | st.lists(ATOMS, max_size=2) | st.dictionaries(KEYS, ATOMS, max_size=2)
FIELDS: dict[str, st.SearchStrategy[Json]] = {
    "n": st.integers(0, 2),
    "sum": st.integers(0, 2),
    "members": st.dictionaries(KEYS, INNER, max_size=2),
    "items": st.lists(INNER, max_size=2),
    "whole": INNER,
    "tags": st.sets(KEYS).map(sorted),
    "pairs": st.dictionaries(st.integers(0, 1), INNER, max_size=2).map(lambda d: [[k, v] for k, v in d.items()]),
}
STATES = st.fixed_dictionaries(FIELDS)
NAMES = st.sets(st.sampled_from(sorted(FIELDS)), max_size=2)
QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))


def changed(data: st.DataObject, state: Json, names: Iterable[str]) -> Json:
    """A state of the same type, where some fields are other ones."""
    return {**state, **{name: data.draw(FIELDS[name]) for name in sorted(names)}}


@QUICK
@given(st.data())
def test_a_node_never_conflicts_with_a_person(data: st.DataObject) -> None:
    before = data.draw(STATES)
    kept = copy.deepcopy(before)
    state = shared(before, PLAN)
    base = state.take()
    contested = data.draw(NAMES)
    wanted = before
    for _ in range(data.draw(st.integers(1, 3))):
        wanted = changed(data, wanted, contested or data.draw(NAMES))
        state.edit(wanted)
        assert same(state.value, wanted)
    node = changed(data, before, contested | data.draw(NAMES))
    state.merge("a", diff(before, node, PLAN), base)
    for name in before:
        if same(node[name], before[name]):
            assert same(state.value[name], wanted[name]), "what the node left alone is as the person made it"
        elif same(wanted[name], before[name]):
            assert diff(state.value[name], node[name], PLAN.fields.get(name, AUTO)) == []
    assert same(base.value, kept), "nothing is changed in place"


@QUICK
@given(st.data())
def test_nodes_that_do_not_conflict_do_not_when_a_person_edits_meanwhile(data: st.DataObject) -> None:
    """Whenever the person comes in between, and wherever."""
    before = data.draw(STATES)
    fields = data.draw(st.permutations(sorted(before)))
    split = data.draw(st.integers(1, len(fields) - 1))
    state = shared(before, PLAN)
    bases = [state.take(), state.take()]
    parts = (fields[:split], fields[split:])
    deltas = [diff(before, changed(data, before, names), PLAN) for names in parts]
    for base, delta in zip(bases, deltas, strict=True):
        state.edit(changed(data, state.value, data.draw(NAMES)))
        state.merge("node", delta, base)
        state.give_back()
    assert state.value.keys() == before.keys()
