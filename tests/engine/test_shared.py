"""The shared state: who works on which version of it, and people who edit it while nodes run."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temporal_graph.engine.events import RunFailedError
from temporal_graph.engine.shared import Base, SharedState
from temporal_graph.engine.state import AUTO, Json, Op, Plan, Writes, apply, diff, same
from tests.engine import test_state as trees
from tests.engine.machine import RecordedRun, Run, TheRuntimes, fork, graph, raising, start, step

PLAN = Plan(
    fields={
        "tags": Plan("set"),
        "pairs": Plan("pairs"),
        "whole": Plan("atomic"),
        "sum": Plan("custom", merge=lambda base, current, mine: current + mine - (base or 0)),
    }
)


ORDER = Plan(
    fields={
        "total": Plan("custom", merge=lambda base, current, mine: current + mine - (base or 0)),
        "best": Plan("custom", merge=lambda base, current, mine: max(current, mine)),
        "last": Plan("custom", merge=lambda base, current, mine: mine),
        "texts": Plan("custom", merge=lambda base, current, mine: f"{base}|{current}|{mine}"),
    }
)
RULED = Plan(
    fields={
        **ORDER.fields,
        "order": ORDER,
        "orders": Plan(each=ORDER),
        "named": Plan(each=ORDER),
        "keyed": Plan("pairs", each=ORDER),
        "all": Plan(each=Plan("pairs", each=ORDER)),
        "counts": Plan(each=ORDER.fields["total"]),
        "shape": Plan(tags={"A": ORDER, "B": ORDER}),
        "whole": Plan("atomic"),
    }
)
"""Rules at the top, and at places inside."""


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


@pytest.mark.parametrize(
    ("before", "edited", "node", "after"),
    [
        pytest.param({"total": 0}, {"total": 100}, {"total": 1}, {"total": 101}, id="sum"),
        pytest.param({"total": 7}, {"total": 2}, {"total": 6}, {"total": 1}, id="sum, less"),
        pytest.param({"total": 0}, {"total": 1}, {"total": 1}, {"total": 2}, id="sum, to the same"),
        pytest.param({"best": 0}, {"best": 50}, {"best": 4}, {"best": 50}, id="max, the person's"),
        pytest.param({"best": 0}, {"best": 3}, {"best": 4}, {"best": 4}, id="max, the node's"),
        pytest.param({"best": 9}, {"best": 9}, {"best": 4}, {"best": 4}, id="nobody else"),
        pytest.param({"last": 0}, {"last": 50}, {"last": 4}, {"last": 4}, id="last"),
        pytest.param({"texts": "a"}, {"texts": "b"}, {"texts": "c"}, {"texts": "a|b|c"}, id="a function"),
        pytest.param(
            {"total": 0, "n": 0}, {"total": 100, "n": 5}, {"total": 1, "n": 1}, {"total": 101, "n": 1}, id="a plain one"
        ),
        # Inside.
        pytest.param(
            {"order": {"total": 1, "n": 0}},
            {"order": {"total": 100, "n": 5}},
            {"order": {"total": 2, "n": 1}},
            {"order": {"total": 101, "n": 1}},
            id="in a model",
        ),
        pytest.param(
            {"orders": [{"total": 1}, {"total": 2}]},
            {"orders": [{"total": 1}, {"total": 100}, {"total": 5}]},
            {"orders": [{"total": 2}, {"total": 3}]},
            {"orders": [{"total": 2}, {"total": 101}, {"total": 5}]},
            id="in a list",
        ),
        pytest.param({"counts": {"x": 1}}, {"counts": {"x": 9}}, {"counts": {"x": 3}}, {"counts": {"x": 11}}, id="key"),
        pytest.param(
            {"keyed": [[1, {"total": 1}]]},
            {"keyed": [[2, {"total": 5}], [1, {"total": 100}]]},
            {"keyed": [[1, {"total": 2}]]},
            {"keyed": [[2, {"total": 5}], [1, {"total": 101}]]},
            id="in a dict with keys of any type",
        ),
        pytest.param(
            {"shape": {"$type": "A", "value": {"total": 1}}},
            {"shape": {"$type": "A", "value": {"total": 100}}},
            {"shape": {"$type": "A", "value": {"total": 2}}},
            {"shape": {"$type": "A", "value": {"total": 101}}},
            id="in a tagged value",
        ),
        # Both have created it.
        pytest.param({"counts": {}}, {"counts": {"x": 9}}, {"counts": {"x": 1}}, {"counts": {"x": 10}}, id="new key"),
        pytest.param(
            {"named": {}},
            {"named": {"x": {"total": 9, "n": 5, "p": 1}}},
            {"named": {"x": {"total": 1, "n": 1, "q": 2}}},
            {"named": {"x": {"total": 10, "n": 1, "q": 2}}},
            id="new model",
        ),
        pytest.param(
            {"all": {}},
            {"all": {"x": [[1, {"total": 9}]]}},
            {"all": {"x": [[2, {"total": 5}], [1, {"total": 1}]]}},
            {"all": {"x": [[2, {"total": 5}], [1, {"total": 10}]]}},
            id="new dict with keys of any type",
        ),
        pytest.param(
            {"order": None}, {"order": {"total": 9}}, {"order": {"total": 1}}, {"order": {"total": 10}}, id="from None"
        ),
        pytest.param(
            {"shape": None},
            {"shape": {"$type": "A", "value": {"total": 9}}},
            {"shape": {"$type": "B", "value": {"total": 1}}},
            {"shape": {"$type": "B", "value": {"total": 1}}},
            id="two classes",
        ),
        pytest.param(
            {"shape": {"$type": "A", "value": {"total": 7}}},
            {"shape": {"$type": "B", "value": {"total": 9}}},
            {"shape": {"$type": "B", "value": {"total": 1}}},
            {"shape": {"$type": "B", "value": {"total": 10}}},
            id="another class",
        ),
        # The person has removed it, or what is around it, or made it something else: the node's own value.
        pytest.param({"counts": {"x": 1}}, {"counts": {}}, {"counts": {"x": 2}}, {"counts": {"x": 2}}, id="no key"),
        pytest.param(
            {"order": {"total": 1}}, {"order": None}, {"order": {"total": 2}}, {"order": {"total": 2}}, id="no model"
        ),
        pytest.param(
            {"orders": [{"total": 1}]},
            {"orders": []},
            {"orders": [{"total": 2}]},
            {"orders": [{"total": 2}]},
            id="no item",
        ),
        pytest.param(
            {"shape": {"$type": "A", "value": {"total": 1}}},
            {"shape": {"$type": "B", "value": {"total": 100}}},
            {"shape": {"$type": "A", "value": {"total": 2}}},
            {"shape": {"$type": "A", "value": {"total": 2}}},
            id="another class for the person",
        ),
        pytest.param(
            {"shape": {"total": 1}},
            {"shape": {"$type": "A", "value": {"total": 100}}},
            {"shape": {"total": 2}},
            {"shape": {"total": 2}},
            id="a subclass for the person",
        ),
        # The node has removed it, or made it something else.
        pytest.param({"counts": {"x": 1}}, {"counts": {"x": 9}}, {"counts": {}}, {"counts": {}}, id="removed"),
        pytest.param(
            {"order": {"total": 1}}, {"order": {"total": 9}}, {"order": None}, {"order": None}, id="set to None"
        ),
        pytest.param(
            {"orders": [{"total": 1}, {"total": 2}]},
            {"orders": [{"total": 9}, {"total": 2}]},
            {"orders": [{"total": 2}]},
            {"orders": [{"total": 2}]},
            id="popped",
        ),
        # The person has replaced what is around it.
        pytest.param(
            {"orders": [{"total": 1}, {"total": 2}]},
            {"orders": [{"total": 50}]},
            {"orders": [{"total": 2}, {"total": 2}]},
            {"orders": [{"total": 51}]},
            id="a shorter list",
        ),
        # One place of a field is not there any more, and others are.
        pytest.param(
            {"order": {"total": 1, "best": 1, "last": 0, "items": [{"n": 0}]}},
            {"order": {"total": 100, "best": 50, "last": 7, "items": []}},
            {"order": {"total": 2, "best": 4, "last": 0, "items": [{"n": 1}]}},
            {"order": {"total": 101, "best": 50, "last": 7, "items": [{"n": 1}]}},
            id="beside a place that is gone",
        ),
        pytest.param(
            {"orders": [{"total": 1}, {"total": 2, "n": 0}]},
            {"orders": [{"total": 50}]},
            {"orders": [{"total": 2}, {"total": 3, "n": 1}]},
            {"orders": [{"total": 51}, {"total": 3, "n": 1}]},
            id="beside an item that is gone",
        ),
        pytest.param(
            {"keyed": [[1, {"total": 1}], [2, {"total": 0}]]},
            {"keyed": [[1, {"total": 50}]]},
            {"keyed": [[1, {"total": 2}], [2, {"total": 1}]]},
            {"keyed": [[1, {"total": 51}], [2, {"total": 1}]]},
            id="beside a key that is gone",
        ),
        pytest.param(
            {"total": 1, "l": [1, 2], "n": 0},
            {"total": 100, "l": [], "n": 5},
            {"total": 2, "l": [1, 3], "n": 1},
            {"total": 101, "l": [1, 3], "n": 1},
            id="beside a field that cannot be merged",
        ),
        pytest.param(
            {"whole": {"total": 1}},
            {"whole": {"total": 9}},
            {"whole": {"total": 2}},
            {"whole": {"total": 2}},
            id="atomic",
        ),
    ],
)
def test_a_person_and_a_node_change_a_field_with_a_rule(before: Json, edited: Json, node: Json, after: Json) -> None:
    kept = copy.deepcopy((before, edited))
    assert same(merged(before, edited, node, RULED), after)
    assert (before, edited) == kept, "nothing is changed in place"


def test_the_rule_of_a_whole_state() -> None:
    assert merged(1, 100, 2, ORDER.fields["total"]) == 101


def test_a_node_that_is_alone_with_a_field_needs_no_rule() -> None:
    broken = Plan(fields={"n": Plan("custom", merge=lambda base, current, mine: current / 0)})
    state = shared({"n": 0, "text": ""}, broken)
    base = state.take()
    state.edit({"n": 5, "text": ""})
    state.edit({"n": 0, "text": "edited"})
    state.merge("a", [["set", ["n"], 1]], base)
    assert state.value == {"n": 1, "text": "edited"}


def test_the_edits_that_count_are_those_since_the_node_began() -> None:
    state = shared({"total": 0}, RULED)
    first = state.take()
    state.edit({"total": 10})
    second = state.take()
    state.edit({"total": 20})
    state.merge("b", [["set", ["total"], 11]], second)
    assert state.value == {"total": 21}
    state.edit({"total": 100})
    state.edit({"total": 200})
    state.merge("a", [["set", ["total"], 2]], first)
    assert state.value == {"total": 202}


@pytest.mark.parametrize("when", [0, 1, 2, 3])
def test_branches_and_a_person_change_a_field_with_a_rule(when: int) -> None:
    """Whenever the person comes in between."""
    run = Run(graph(start("f"), fork("f", *"abc"), *(step(name, "d") for name in "abc"), step("d")), plan=RULED)
    run.start(state={"total": 0, "best": 0})
    for name in "abc":
        run.engine.begin(f"{name}:1")
    added = {"a": 1, "b": 2, "c": 4}
    for index, (name, n) in enumerate(added.items()):
        if index == when:
            run.update(total=100, best=50)
        run.finish(f"{name}:1", delta=[["set", ["total"], n], ["set", ["best"], n]])
    if when == 3:
        run.update(total=100, best=50)
    left = sum(list(added.values())[when:])
    assert run.engine.state == {"total": 100 + left, "best": 50}


def test_a_person_edits_while_a_node_runs_that_a_snapshot_begins_again() -> None:
    run = Run(graph(start("a"), step("a")), plan=RULED)
    run.start(state={"total": 0})
    run.engine.begin("a:1")
    run.update(total=100)
    run.reload()
    assert run.engine.begin("a:1").state == {"total": 100}
    run.update(total=200)
    run.finish("a:1", delta=[["set", ["total"], 101]])
    assert run.engine.state == {"total": 201}


def test_the_past_of_a_run_knows_how_an_edit_was_merged() -> None:
    run = RecordedRun(graph(start("a"), step("a", "b"), step("b")), plan=RULED)
    run.start(state={"total": 0, "counts": {}})
    run.engine.begin("a:1")
    run.update(total=100, counts={"x": 5})
    run.finish("a:1", delta=[["set", ["total"], 1], ["create", ["counts", "x"], 1]])
    assert run.engine.state == {"total": 101, "counts": {"x": 6}}
    assert run.past[-1].changes == [["set", ["total"], 101], ["set", ["counts", "x"], 6]]


def test_a_rule_that_cannot_take_what_a_person_has_set() -> None:
    """A rule for numbers, and a person who sets None: the node's own value."""
    assert merged({"best": 1, "total": 0}, {"best": None, "total": 9}, {"best": 4, "total": 1}, RULED) == {
        "best": 4,
        "total": 10,
    }
    deep = merged(
        {"order": {"best": 1, "n": 0, "items": [0]}},
        {"order": {"best": None, "n": 5, "items": []}},
        {"order": {"best": 4, "n": 1, "items": [1]}},
        RULED,
    )
    assert deep == {"order": {"best": 4, "n": 1, "items": [1]}}


def test_a_rule_that_cannot_take_what_a_person_has_set_after_another_branch() -> None:
    state = shared({"best": 1, "total": 0, "order": {"best": 1, "total": 0}}, RULED)
    first, second = state.take(), state.take()
    state.merge("a", diff(first.value, {"best": 3, "total": 1, "order": {"best": 3, "total": 1}}, RULED), first)
    state.edit({"best": None, "total": 1, "order": {"best": None, "total": 9}})
    state.merge("b", diff(second.value, {"best": 4, "total": 2, "order": {"best": 4, "total": 2}}, RULED), second)
    assert state.value == {"best": 4, "total": 3, "order": {"best": 4, "total": 11}}


def test_where_an_edit_cannot_be_merged_only_the_fields_concerned_are_the_nodes() -> None:
    state = shared({"items": [1, 2], "log": [], "total": 0}, RULED)
    first, second = state.take(), state.take()
    state.merge("a", [["append", ["log"], ["a"]], ["set", ["total"], 1]], first)
    state.edit({**state.value, "items": []})
    state.merge("b", [["set", ["items", 1], 3], ["append", ["log"], ["b"]], ["set", ["total"], 2]], second)
    assert state.value == {"items": [1, 3], "log": ["a", "b"], "total": 3}


def test_where_an_edit_cannot_be_merged_a_conflict_of_two_nodes_is_still_one() -> None:
    state = shared({"items": [1, 2], "n": 0})
    first, second = state.take(), state.take()
    state.merge("a", [["set", ["n"], 1]], first)
    state.edit({"items": [], "n": 1})
    with pytest.raises(RunFailedError) as caught:
        state.merge("b", [["set", ["items", 1], 3], ["set", ["n"], 2]], second)
    assert caught.value.failure.type == "StateConflictError"


@pytest.mark.parametrize("error", [TheRuntimes()])
def test_what_ends_the_process_is_not_taken_for_a_rule_that_an_edit_has_broken(error: BaseException) -> None:
    state = shared({"n": 0}, Plan(fields={"n": Plan("custom", merge=raising(error))}))
    base = state.take()
    state.edit({"n": 5})
    with pytest.raises(type(error)):
        state.merge("a", [["set", ["n"], 1]], base)


def test_a_state_that_is_no_object() -> None:
    assert merged([1, 2], [], [["set", [1], 3]]) == [1, 3]
    assert merged([1, 2], [9], [["set", [0], 5], ["set", [1], 3]]) == [5, 3]
    assert merged({"l": [0], "n": 0}, [], [["set", ["l", 0], 3], ["set", ["n"], 1]]) == {"l": [3], "n": 1}
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


@pytest.mark.parametrize("error", [TheRuntimes()])
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


def put(state: Json, place: list[str | int], n: int) -> Json:
    """A state with another number at a place."""
    if not place:
        return n
    if isinstance(state, list):
        return [put(item, place[1:], n) if index == place[0] else item for index, item in enumerate(state)]
    return {**state, place[0]: put(state[place[0]], place[1:], n)}


def at(state: Json, place: list[str | int]) -> int:
    for key in place:
        state = state[key]
    return state


SUMS: list[list[str | int]] = [
    ["total"],
    ["order", "total"],
    ["orders", 0, "total"],
    ["orders", 1, "total"],
    ["counts", "x"],
]


@QUICK
@given(st.data())
def test_a_sum_is_what_it_began_with_and_all_that_was_added(data: st.DataObject) -> None:
    """Branches begin, and end, and a person sets the sum, in any order: what is set counts, and what is added after.

    The orders have ids: without any, nobody can tell an order that was added to from one that took another's place.
    """
    orders: list[Json] = [{"id": "a", "total": 0}, {"id": "b", "total": 0}]
    zero: Json = {"total": 0, "order": {"total": 0}, "orders": orders, "counts": {"x": 0}, "n": 0}
    for place in SUMS:
        zero = put(zero, place, data.draw(st.integers(0, 3)))
    state = shared(zero, RULED)
    wanted = {tuple(place): at(zero, place) for place in SUMS}
    running: list[Base] = []
    for what in data.draw(st.lists(st.sampled_from(["begin", "begin", "end", "end", "edit"]), max_size=12)):
        places = data.draw(st.lists(st.sampled_from(SUMS), max_size=3, unique_by=tuple))
        if what == "begin":
            running.append(state.take())
        elif what == "edit":
            edited: Json = {**state.value, "n": data.draw(st.integers(0, 3))}
            for place in places:
                wanted[tuple(place)] = n = data.draw(st.integers(-3, 3))
                edited = put(edited, place, n)
            if data.draw(st.booleans()):
                edited["orders"] = [*edited["orders"], {"id": "c", "total": 0}]  # what was appended stays
            state.edit(edited)
        elif running:
            base = running.pop(data.draw(st.integers(0, len(running) - 1)))
            node = base.value
            for place in places:
                n = data.draw(st.integers(-2, 2))
                wanted[tuple(place)] += n
                node = put(node, place, at(node, place) + n)
            state.merge("node", diff(base.value, node, RULED), base)
            state.give_back()
        assert {tuple(place): at(state.value, place) for place in SUMS} == wanted


def test_a_sum_of_an_item_that_may_be_another_one_is_a_conflict() -> None:
    """The first may have gone and another come, or each been added to: nothing is counted that may not be meant."""
    base: Json = {"orders": [{"total": 0}, {"total": 1}]}
    one, other = ({"orders": [{"total": total} for total in totals]} for totals in ([1, 2], [1, 1]))
    for first, second in ((one, other), (other, one)):
        state = shared(base, RULED)
        bases = [state.take(), state.take()]
        state.merge("first", diff(base, first, RULED), bases[0])
        with pytest.raises(RunFailedError, match=r"state\.orders differently"):
            state.merge("second", diff(base, second, RULED), bases[1])
        assert state.value == first


# -- What has changed -------------------------------------------------------------------------------------------------


@given(trees.states, st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_told_of_a_change_makes_it(base: Json, data: st.DataObject) -> None:
    state = shared(base, trees.PLAN)
    bases = [state.take() for _ in range(3)]
    for one in bases:
        if data.draw(st.booleans()):
            state.edit(data.draw(trees.edited(base)))
        before = state.value
        try:
            state.merge("n", diff(base, data.draw(trees.edited(base)), trees.PLAN), one)
        except RunFailedError:
            continue
        told = apply(before, state.changes(before), trees.PLAN, writes=Writes())
        assert same(trees.normal(told), trees.normal(state.value))


def test_what_a_node_tells_is_not_looked_for_again() -> None:
    """That takes long for a large state, and there are thousands of nodes."""
    state = shared({"pairs": [[[1], 1]], "log": []}, PLAN)
    bases = [state.take(), state.take()]
    for number, base in enumerate(bases, 2):
        before = state.value
        delta: list[Op] = [["create", ["pairs", f"[{number}]"], 1], ["append", ["log"], [number]]]
        state.merge("n", delta, base)
        assert state.changes(before) is delta
    assert state.changes(bases[0].value) is not delta
    assert state.changes(bases[0].value) == [
        ["create", ["pairs", "[2]"], 1],
        ["create", ["pairs", "[3]"], 1],
        ["append", ["log"], [2, 3]],
    ]
