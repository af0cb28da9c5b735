"""Deltas of the state: what they say, how they merge, and that it does not matter who comes first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_graph.engine.state import AUTO, Conflict, Plan, Writes, apply, diff, same, tag_of

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.5, 1.0, 0.0, -0.0])
    | st.sampled_from(["", "a", "b"])
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["x", "y", "z"]), trees, max_size=3)
TAGGED = Plan(tags={"A": Plan(fields={"s": Plan("set")})})
SUM = Plan("custom", merge=lambda base, now, mine: now + mine - (base or 0))
PLAN = Plan(
    fields={
        "tags": Plan("set"),
        "pairs": Plan(
            "pairs", each=Plan(fields={"n": Plan("custom", merge=lambda base, now, mine: now + mine - base)})
        ),
        "one": Plan("atomic"),
        "sum": Plan("custom", merge=lambda base, now, mine: now + mine - (base or 0)),
        "shape": TAGGED,
        "all": Plan(each=TAGGED),
    }
)


def unique(values: Any) -> Any:
    return values.map(lambda items: [json.loads(text) for text in sorted({json.dumps(item) for item in items})])


shapes = st.fixed_dictionaries(
    {"$type": st.sampled_from(["A", "B"]), "value": st.fixed_dictionaries({"s": unique(st.lists(scalars, max_size=3))})}
)
states = st.fixed_dictionaries(
    {"items": st.lists(trees, max_size=3), "free": objects},
    optional={
        "tags": unique(st.lists(scalars, max_size=4)),
        "pairs": st.dictionaries(
            st.sampled_from(["a", "b"]), st.fixed_dictionaries({"n": st.integers(0, 9)}), max_size=2
        ).map(lambda found: [[[key, 1], value] for key, value in found.items()]),
        "one": trees,
        "sum": st.integers(0, 5),
        "shape": shapes,
        "all": st.lists(shapes, max_size=2),
    },
)


def normal(state: Any) -> Any:
    """A state with its known fields in an order of their own: they are fields of an object, or of a typed dict."""
    known = {key: state[key] for key in PLAN.fields if key in state}
    return {**known, **{key: value for key, value in state.items() if key not in known}}


@given(states, states)
@settings(max_examples=300, deadline=None)
def test_a_delta_makes_the_new_state_of_the_old(old: Any, new: Any) -> None:
    before = json.dumps(old)
    ops = diff(old, new, PLAN)
    assert same(normal(apply(old, ops, PLAN, base=old, writes=Writes())), normal(new))
    assert json.dumps(old) == before, "what was is never changed in place"
    assert json.loads(json.dumps(ops)) == ops, "a delta is JSON"
    assert diff(new, new, PLAN) == []


@given(trees, trees)
def test_without_a_plan_too(old: Any, new: Any) -> None:
    assert same(apply(old, diff(old, new), writes=Writes()), new)


def merged(base: Any, first: Any, second: Any, plan: Plan = PLAN) -> Any:
    """What becomes of two branches that both began at `base`."""
    writes = Writes()
    since = writes.number
    ops = diff(base, first, plan)
    state = apply(base, ops, plan, base=base, since=since, writes=writes)
    writes.note("first", ops)
    return apply(state, diff(base, second, plan), plan, base=base, since=since, writes=writes)


def shuffled(state: Any) -> Any:
    """A state in which order does not count: two branches append, and order dicts, in the order in which they end."""
    if isinstance(state, dict):
        return {key: shuffled(value) for key, value in sorted(state.items())}
    if isinstance(state, list):
        return sorted((shuffled(item) for item in state), key=lambda item: json.dumps(item, sort_keys=True))
    return state


@given(states, st.data())
@settings(max_examples=300, deadline=None)
def test_it_does_not_matter_which_of_two_branches_ends_first(base: Any, data: st.DataObject) -> None:
    one, other = data.draw(edited(base)), data.draw(edited(base))
    outcomes = []
    for first, second in ((one, other), (other, one)):
        try:
            outcomes.append(shuffled(merged(base, first, second)))
        except Conflict:
            outcomes.append("conflict")
    assert same(outcomes[0], outcomes[1])


@st.composite
def edited(draw: Any, value: Any) -> Any:
    """A value with a change somewhere in it, of a kind that programs make."""
    tag = tag_of(value)
    if tag is not None:
        return {"$type": tag, "value": draw(edited(value["value"]))} if draw(st.booleans()) else draw(shapes)
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from([*value, "new"]))
        how = draw(st.sampled_from(["edit", "edit", "delete"]))
        others = {name: item for name, item in value.items() if name != key}
        if key not in value:
            return {**value, "new": draw(trees)}
        if key == "tags":
            return {**others, key: draw(unique(st.lists(scalars, max_size=4)))}
        if key == "sum":
            return {**others, key: value[key] + draw(st.integers(1, 2))}
        if key == "pairs" and value[key]:
            return {**others, key: [[name, {"n": draw(st.integers(0, 9))}] for name, _ in value[key]]}
        return others if how == "delete" else {**others, key: draw(edited(value[key]))}
    if isinstance(value, list) and value:
        how = draw(st.sampled_from(["append", "edit", "pop", "insert"]))
        index = draw(st.integers(0, len(value) - 1))
        if how == "append":
            return [*value, draw(trees)]
        if how == "pop":
            return value[:index] + value[index + 1 :]
        return [*value[:index], draw(edited(value[index])), *value[index + (how == "edit") :]]
    return draw(trees)


@pytest.mark.parametrize(
    ("base", "first", "second", "expected"),
    [
        pytest.param({"n": 1}, {"n": 2}, {"n": 1}, {"n": 2}, id="one of them changes it"),
        pytest.param({"s": "a"}, {"s": "b"}, {"s": "b"}, {"s": "b"}, id="equal changes are one change"),
        pytest.param({"f": False}, {"f": True}, {"f": True}, {"f": True}, id="equal flags too"),
        pytest.param({"l": [1]}, {"l": [1, 2]}, {"l": [1, 2]}, {"l": [1, 2, 2]}, id="lists that grew are appended"),
        pytest.param({}, {"l": [1]}, {"l": [1]}, {"l": [1, 1]}, id="new lists too"),
        pytest.param({}, {"d": {"a": 1}}, {"d": {"b": [2]}}, {"d": {"a": 1, "b": [2]}}, id="new dicts unite"),
        pytest.param({"d": {"a": 1}}, {"d": {}}, {"d": {"a": 1, "b": 2}}, {"d": {"b": 2}}, id="one deletes, one adds"),
        pytest.param({"l": [1, 2]}, {"l": [9, 2]}, {"l": [1, 2, 3]}, {"l": [9, 2, 3]}, id="one edits, one appends"),
        pytest.param({"l": [1, 2]}, {"l": [9, 2]}, {"l": [1, 8]}, {"l": [9, 8]}, id="items edited side by side"),
        pytest.param({"tags": [1, 2]}, {"tags": [1]}, {"tags": [1, 2, 3]}, {"tags": [1, 3]}, id="sets"),
        pytest.param({"tags": []}, {"tags": ["b"]}, {"tags": ["a"]}, {"tags": ["a", "b"]}, id="sets stay sorted"),
        pytest.param({"sum": 1}, {"sum": 2}, {"sum": 2}, {"sum": 3}, id="a rule counts equal changes too"),
        pytest.param(
            {"pairs": [[[1], {"n": 0}]]},
            {"pairs": [[[1], {"n": 4}]]},
            {"pairs": [[[1], {"n": 3}], [[2], {"n": 1}]]},
            {"pairs": [[[1], {"n": 7}], [[2], {"n": 1}]]},
            id="pairs by key",
        ),
        pytest.param(
            {"shape": {"$type": "A", "value": {"s": [1]}}},
            {"shape": {"$type": "A", "value": {"s": [1, 2]}}},
            {"shape": {"$type": "A", "value": {"s": []}}},
            {"shape": {"$type": "A", "value": {"s": [2]}}},
            id="inside a tagged value",
        ),
    ],
)
def test_what_merges(base: Any, first: Any, second: Any, expected: Any) -> None:
    assert same(merged(base, first, second), expected)


@pytest.mark.parametrize(
    ("base", "first", "second", "path"),
    [
        pytest.param({"n": 1}, {"n": 2}, {"n": 3}, ("n",), id="two values"),
        pytest.param({"n": 1}, {"n": 2}, {}, ("n",), id="changed and deleted"),
        pytest.param({"n": 1}, {}, {"n": 2}, ("n",), id="deleted and changed"),
        pytest.param({"d": {"a": {"b": 1}}}, {"d": {}}, {"d": {"a": {"b": 2}}}, ("d", "a", "b"), id="deleted above"),
        pytest.param({"d": {"a": {"b": 1}}}, {"d": {"a": {"b": 2}}}, {"d": {}}, ("d", "a"), id="changed below"),
        pytest.param({"l": [1, 2]}, {"l": [1]}, {"l": [9, 2]}, ("l", 0), id="popped and edited"),
        pytest.param({"l": [1, 2]}, {"l": [9, 2]}, {"l": [1]}, ("l",), id="edited and popped"),
        pytest.param({"l": [1]}, {"l": []}, {"l": [1, 2]}, ("l",), id="cleared and appended"),
        pytest.param({}, {"k": 1}, {"k": 2}, ("k",), id="created twice"),
        pytest.param({}, {"k": {"a": 1}}, {"k": [1]}, ("k",), id="created as different things"),
        pytest.param({"one": [1]}, {"one": [1, 2]}, {"one": [1, 3]}, ("one",), id="atomic"),
        pytest.param(
            {"shape": {"$type": "A", "value": {}}},
            {"shape": {"$type": "B", "value": {}}},
            {"shape": {"$type": "A", "value": {"s": [1]}}},
            ("shape", "value", "s"),
            id="made another class, and changed",
        ),
    ],
)
def test_what_conflicts(base: Any, first: Any, second: Any, path: tuple[str | int, ...]) -> None:
    with pytest.raises(Conflict) as caught:
        merged(base, first, second)
    assert caught.value.path == path
    with pytest.raises(Conflict):
        merged(base, second, first)


def test_only_what_is_parallel_conflicts() -> None:
    writes = Writes()
    state = {"n": 0}
    for value in (1, 2):  # one after the other
        since = writes.number
        state = apply(state, [["set", ["n"], value]], base=state, since=since, writes=writes)
        writes.note("a", [["set", ["n"], value]])
    assert state == {"n": 2}
    with pytest.raises(Conflict, match="n") as caught:
        apply(state, [["set", ["n"], 3]], base={"n": 1}, since=1, writes=writes)
    assert (caught.value.writer, caught.value.base, caught.value.current, caught.value.mine) == ("a", 1, 2, 3)
    writes.forget()
    assert apply(state, [["set", ["n"], 3]], base={"n": 1}, since=1, writes=writes) == {"n": 3}


@pytest.mark.parametrize(
    "op", [["rename", ["n"], 1], ["set", "n", 1], ["append", ["n"], [1]], ["add", ["n"], [1]], ["set", ["l", 5], 1]]
)
def test_what_is_no_delta(op: Any) -> None:
    with pytest.raises(ValueError, match="state"):
        apply({"n": 0, "l": []}, [op], writes=Writes())


def test_what_is_a_tagged_value() -> None:
    assert tag_of({"$type": "A", "value": 1}) == "A"
    for value in ({"$type": "A"}, {"$type": 1, "value": 1}, {"$type": "A", "other": 1}, [], None, "A"):
        assert tag_of(value) is None
    assert AUTO.at("x", {}) is AUTO


def test_without_a_base_nobody_else_has_changed_anything() -> None:
    """As when the past is told: what is written down has been merged already."""
    assert apply({"sum": 1}, [["set", ["sum"], 5]], PLAN, writes=Writes()) == {"sum": 5}
    assert apply({"sum": 1}, [["set", ["sum"], 5]], PLAN, base={"sum": 0}, writes=Writes()) == {"sum": 6}


# -- Order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "ops"),
    [
        ("abc", "acb", [["order", ["d"], ["b"]]]),
        ("abc", "bca", [["order", ["d"], ["a"]]]),
        ("abc", "cab", [["order", ["d"], ["a", "b"]]]),
        ("abc", "abcd", [["create", ["d", "d"], "d"]]),
        ("abc", "abdc", [["create", ["d", "d"], "d"], ["order", ["d"], ["c"]]]),
        ("abc", "cb", [["delete", ["d", "a"]], ["order", ["d"], ["b"]]]),
        ("abc", "abc", []),
    ],
)
def test_the_order_of_a_dict_is_a_change(old: str, new: str, ops: Any) -> None:
    before, after = ({"d": {key: key for key in keys}} for keys in (old, new))
    assert diff(before, after) == ops
    assert same(apply(before, ops, writes=Writes()), after)


def test_the_order_of_pairs_is_a_change() -> None:
    before = {"pairs": [[[1], {"n": 1}], [[2], {"n": 2}]]}
    after = {"pairs": before["pairs"][::-1]}
    assert same(apply(before, diff(before, after, PLAN), PLAN, writes=Writes()), after)


def test_the_order_of_known_fields_says_nothing() -> None:
    assert diff({"tags": [], "one": 1}, {"one": 1, "tags": []}, PLAN) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param({"b": 2, "a": 1}, {"a": 1, "b": 3}, {"b": 3, "a": 1}, id="one orders, one changes"),
        pytest.param({"b": 2, "a": 1}, {"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 3, "a": 1}, id="one orders, one adds"),
        pytest.param({"b": 2, "a": 1}, {"b": 2}, {"b": 2}, id="one orders, one deletes"),
        pytest.param({"b": 2, "a": 1}, {"b": 2, "a": 1}, {"b": 2, "a": 1}, id="both order the same"),
    ],
)
def test_order_gets_along_with_everything(first: Any, second: Any, expected: Any) -> None:
    base = {"d": {"a": 1, "b": 2}}
    assert merged(base, {"d": first}, {"d": second}) == {"d": expected}
    assert list(merged(base, {"d": second}, {"d": first})["d"]) in (list(expected), ["b", "c", "a"][: len(expected)])


def test_an_order_of_what_has_gone_or_become_something_else() -> None:
    base = {"d": {"a": 1, "b": 2}}
    assert merged(base, {}, {"d": {"b": 2, "a": 1}}) == {}
    assert merged(base, {"d": 5}, {"d": {"b": 2, "a": 1}}) == {"d": 5}
    assert apply({"n": 0}, [["order", ["n"], ["a"]], ["order", ["x", "y"], ["a"]]], writes=Writes()) == {"n": 0}


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (1, True), (1, 1.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})])
def test_what_is_equal_and_not_the_same(one: Any, other: Any) -> None:
    assert one == other
    assert not same(one, other)
    assert diff({"x": one}, {"x": other})


# -- Numbers ----------------------------------------------------------------------------------------------------------

COUNTING = Plan(merge=lambda base, now, mine: now + mine - (base or 0))
COUNTING.each = COUNTING
NUMBER = Plan("number")


@pytest.mark.parametrize(
    ("base", "mine", "path", "expected"),
    [
        pytest.param({"n": 1}, {"n": 2}, ("n",), {"n": 3}, id="set"),
        pytest.param({"n": 0.5}, {"n": 1.5}, ("n",), {"n": 2.5}, id="float"),
        pytest.param({"n": None}, {"n": 2}, ("n",), {"n": 4}, id="there was None"),
        pytest.param({}, {"n": 2}, ("n",), {"n": 4}, id="there was nothing"),
        pytest.param({"d": {"a": 1}}, {"d": {"a": 2}}, ("d", "a"), {"d": {"a": 3}}, id="in a dict"),
        pytest.param({"l": [0, 1]}, {"l": [0, 2]}, ("l", 1), {"l": [0, 3]}, id="in a list"),
        pytest.param({}, {"d": {"a": {"b": 1}}}, ("d", "a", "b"), {"d": {"a": {"b": 2}}}, id="created around it"),
        pytest.param({"d": None}, {"d": {"a": 1}}, ("d",), {"d": {"a": 2}}, id="set around it"),
    ],
)
def test_two_branches_that_make_the_same_of_a_number(base: Any, mine: Any, path: Any, expected: Any) -> None:
    with pytest.raises(Conflict) as caught:
        merged(base, mine, mine)
    assert (caught.value.path, caught.value.is_number) == (path, True)
    assert merged(base, mine, mine, COUNTING) == expected


@pytest.mark.parametrize(
    ("base", "mine"),
    [
        pytest.param({"n": True}, {"n": False}, id="a flag"),
        pytest.param({"n": 1}, {"n": None}, id="nothing"),
        pytest.param({"n": 1}, {}, id="deleted"),
        pytest.param({"n": "1"}, {"n": "2"}, id="a text"),
        pytest.param({"l": [1, 2]}, {"l": [1]}, id="a list with fewer items"),
        pytest.param({"l": ["a", "b"]}, {"l": ["b"]}, id="a list with other items"),
        pytest.param({"l": [1, "a"]}, {"l": [1, "b", "c"]}, id="a longer list with the same numbers"),
        pytest.param({"tags": [1]}, {"tags": [2]}, id="a set"),
        pytest.param({"l": None}, {"l": ["a", True]}, id="a new list without numbers"),
        pytest.param({"d": None}, {"d": {"a": "b", "c": True}}, id="an object without numbers"),
        pytest.param({"one": 1}, {"one": 2}, id="one value"),
    ],
)
def test_equal_changes_that_are_one_change(base: Any, mine: Any) -> None:
    assert merged(base, mine, mine) == mine
    assert merged(base, mine, mine, Plan(fields=PLAN.fields, merge=COUNTING.merge, each=COUNTING)) == mine


TUPLE = Plan("atomic")  # of which nothing is declared
PAIR = Plan(fields={0: Plan(), 1: Plan("atomic")})
FREE = Plan(tags={"tuple": TUPLE, "price": Plan("number")})
WHOLES = Plan(fields={"pair": PAIR, "text": Plan("text", each=FREE), "price": Plan("number")}, tags=FREE.tags)
WHOLES.each = WHOLES


def counting(plan: Plan, seen: dict[int, Plan] | None = None) -> Plan:
    """A plan under which numbers are added up."""
    seen = {} if seen is None else seen
    if id(plan) not in seen:
        seen[id(plan)] = made = Plan(plan.kind, merge=lambda base, now, mine: now + mine - (base or 0))
        made.fields = {key: counting(inner, seen) for key, inner in plan.fields.items()}
        made.tags = {tag: counting(inner, seen) for tag, inner in plan.tags.items()}
        made.each = plan.each and counting(plan.each, seen)
    return seen[id(plan)]


TUPLE.each = FREE.each = FREE


def tagged(tag: str, value: Any) -> Any:
    return {"$type": tag, "value": value}


@pytest.mark.parametrize(
    ("base", "mine", "expected"),
    [
        pytest.param(tagged("tuple", [0, "a"]), tagged("tuple", [1, "a"]), tagged("tuple", [2, "a"]), id="a tuple"),
        pytest.param(
            tagged("tuple", [tagged("tuple", [0])]),
            tagged("tuple", [tagged("tuple", [1])]),
            tagged("tuple", [tagged("tuple", [2])]),
            id="a tuple in a tuple",
        ),
        pytest.param(None, tagged("price", 2), tagged("price", 4), id="a tagged number"),
        pytest.param("", [0], None, id="a list where there was a text"),
        pytest.param(None, [1], None, id="a list where there was None"),
        pytest.param([0], [1, 7], None, id="a list that grew, and changed"),
        pytest.param([0, 1], [1], None, id="a list that shrank, and changed"),
        pytest.param([[0], [1]], [[1]], None, id="lists in a list"),
        pytest.param(tagged("tuple", [0]), tagged("tuple", [0, 1]), None, id="a tuple that grew"),
        pytest.param([0], tagged("tuple", [1]), None, id="a tuple where there was a list"),
        pytest.param([{"a": 0}, {"a": 0}], [{"a": 1}], None, id="objects in a list"),
    ],
)
def test_two_branches_that_make_the_same_of_a_whole_with_a_number(base: Any, mine: Any, expected: Any) -> None:
    for plan in (WHOLES, counting(WHOLES)):
        if plan is WHOLES or expected is None:
            with pytest.raises(Conflict) as caught:
                merged({"x": base}, {"x": mine}, {"x": mine}, plan)
            assert caught.value.is_number
            assert caught.value.path[0] == "x"
        else:
            assert merged({"x": base}, {"x": mine}, {"x": mine}, plan) == {"x": expected}


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        pytest.param({"pair": [1, "a"]}, {"pair": [2, "a"]}, id="a tuple"),
        pytest.param({"price": {"cents": 1}}, None, id="a number that is written as an object"),
        pytest.param({"x": tagged("price", 1)}, {"x": tagged("price", 2)}, id="a tagged number"),
        pytest.param({"x": tagged("tuple", [1])}, None, id="a tuple of which nothing is declared"),
        pytest.param({"text": '{"a":1,"b":"é"}'}, {"text": '{"a":2,"b":"é"}'}, id="JSON in a text"),
    ],
)
def test_two_branches_that_create_the_same_whole_with_a_number(mine: Any, expected: Any) -> None:
    with pytest.raises(Conflict):
        merged({}, mine, mine, WHOLES)
    if expected is not None:
        assert merged({}, mine, mine, counting(WHOLES)) == expected


def test_what_two_branches_made_with_a_default() -> None:
    item = Plan(fields={"n": counting(Plan()), "s": Plan("custom", merge=SUM.merge)}, defaults={})
    item.defaults = {"n": lambda: 5, "s": lambda: 5}
    plan, base = Plan(each=item), {"x": {"n": 5, "s": 5}}
    one, other = {"x": {"n": 6, "s": 7}}, {"x": {"n": 5, "s": 8}}
    for began in ({}, {"x": None}, base):
        assert merged(began, one, other, plan) == {"x": {"n": 6, "s": 10}}
        assert merged(began, base, base, plan) == base
    earlier = Writes(lambda: False)  # as in runs that began with an earlier release
    ops = diff({}, one, plan)
    earlier.note("first", ops)
    assert apply(one, ops, plan, base={}, writes=earlier) == {"x": {"n": 12, "s": 14}}


@pytest.mark.parametrize(
    ("base", "one", "other"),
    [
        pytest.param([3, 1, 2], [1, 2, 3], [1, 2, 3], id="sorted"),
        pytest.param([3, 1, 2, 9], [1, 2, 3, 9], [4, 1, 2, 9], id="sorted, and counted"),
        pytest.param([1, 5, 9], [5, 9, 1], [9, 1, 5], id="turned round"),
        pytest.param([1, 2, 3, 4], [2, 3, 4, 7], [2, 3, 4, 9], id="the first has made place for a last"),
        pytest.param([1, 2, 3, 4], [9, 1, 2, 3], [9, 1, 2, 3], id="the last has made place for a first"),
        pytest.param([1, 2, 3, 4], [1, 3, 4, 9], [1, 3, 4, 9], id="one in the middle has gone"),
        pytest.param([{"n": 1}, {"n": 2}], [{"n": 2}, {"n": 1}], [{"n": 2}, {"n": 1}], id="objects"),
        pytest.param(tagged("tuple", [3, 1]), tagged("tuple", [1, 3]), tagged("tuple", [1, 3]), id="a tuple"),
    ],
)
def test_numbers_that_have_moved_are_not_counted(base: Any, one: Any, other: Any) -> None:
    base, one, other = {"x": base}, {"x": one}, {"x": other}
    for first, second in ((one, other), (other, one)):
        with pytest.raises(Conflict) as caught:
            merged(base, first, second, counting(WHOLES))
        assert (caught.value.path[0], caught.value.is_number) == ("x", same(one, other))
        earlier = Writes(lambda: False)  # as in runs that began with an earlier release
        ops = diff(base, first, counting(WHOLES))
        earlier.note("first", ops)
        apply(first, diff(base, second, counting(WHOLES)), counting(WHOLES), base=base, writes=earlier)


@pytest.mark.parametrize(
    ("base", "one", "other", "expected"),
    [
        ([0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [0, 1, 2, 1]),
        ([4, 2, 7], [5, 3, 8], [5, 3, 8], [6, 4, 9]),
        ([1, 2, 3], [1, 2, 4], [2, 2, 3], [2, 2, 4]),
        (["b", "a"], ["a", "b"], ["a", "b"], ["a", "b"]),
    ],
)
def test_numbers_in_a_list_that_stay_where_they_are(base: Any, one: Any, other: Any, expected: Any) -> None:
    assert merged({"x": base}, {"x": one}, {"x": other}, COUNTING) == {"x": expected}


def test_two_branches_that_append_to_a_deque_that_is_full() -> None:
    def full(items: Any, most: int = 3) -> Any:
        return {"x": tagged("deque", {"maxlen": most, "items": list(items)})}

    for base, one, other in (("aab", "abb", "aba"), ("abc", "bcd", "bce"), ("aaa", "aab", "aac")):
        for first, second in ((one, other), (other, one)):
            with pytest.raises(Conflict) as caught:
                merged(full(base), full(first), full(second))
            assert caught.value.path[0] == "x"
        assert merged(full(base), full(one), full(one)) == full(one)
    plan = Plan(tags={"deque": Plan(each=WHOLES)})
    for summing in (plan, counting(plan)):
        for one, other in (([2, 3, 9], [2, 3, 7]), ([1, 2, 4], [1, 2, 4])):
            with pytest.raises(Conflict):
                merged(full([1, 2, 3]), full(one), full(other), Plan(each=summing))
    summed = merged(full([1, 2], 3), full([2, 2], 3), full([2, 2], 3), Plan(each=counting(plan)))
    assert summed == full([3, 2], 3), "it is not full"
    for base in ({"n": [1]}, [[1]], {"items": {"n": 1}, "maxlen": 1}):  # another class of that name
        assert merged(*({"x": tagged("deque", value)} for value in (base, base, base))) == {"x": tagged("deque", base)}
    one, other = ({"x": tagged("deque", {"n": ["a", *more]})} for more in ("b", "c"))
    assert merged({"x": tagged("deque", {"n": ["0", "0"]})}, one, one) == one
    with pytest.raises(Conflict):
        merged({"x": tagged("deque", {"n": ["0", "0"]})}, one, other)


def test_two_branches_that_create_a_tuple_without_numbers() -> None:
    assert merged({}, {"pair": ["a", "b"]}, {"pair": ["a", "b"]}, WHOLES) == {"pair": ["a", "b"]}
    with pytest.raises(Conflict):
        merged({}, {"pair": ["a", "b"]}, {"pair": ["a", "c"]}, WHOLES)


def test_wholes_that_differ_in_their_numbers_alone() -> None:
    base, one, other = (tagged("tuple", [n, 5, "a"]) for n in (0, 1, 3))
    assert merged({"x": base}, {"x": one}, {"x": other}, counting(WHOLES)) == {"x": tagged("tuple", [4, 5, "a"])}
    with pytest.raises(Conflict) as caught:
        merged({"x": base}, {"x": one}, {"x": other}, WHOLES)
    assert not caught.value.is_number
    with pytest.raises(Conflict):
        merged({"x": base}, {"x": one}, {"x": tagged("tuple", [1, 5, "b"])}, counting(WHOLES))


def test_json_in_a_text() -> None:
    base, one, other = ({"text": json.dumps(value)} for value in ([0, "a"], [1, "a"], [2, "a"]))
    assert merged(base, one, other, counting(WHOLES)) == {"text": '[3,"a"]'}
    with pytest.raises(Conflict):
        merged(base, one, one, WHOLES)
    assert merged(base, {"text": '[0,"b"]'}, {"text": '[0,"b"]'}, WHOLES) == {"text": '[0,"b"]'}


def test_what_has_numbers_in_it_and_is_written_as_a_text() -> None:
    plan = Plan(
        fields={"money": Plan(fields={"amount": Plan("number"), "currency": Plan()}), "name": Plan(each=Plan())}
    )
    with pytest.raises(Conflict) as caught:
        merged({"money": "0 EUR"}, {"money": "1 EUR"}, {"money": "1 EUR"}, plan)
    assert (caught.value.is_number, caught.value.is_whole) == (True, True)
    assert merged({"name": "a"}, {"name": "b"}, {"name": "b"}, plan) == {"name": "b"}


def test_a_person_who_has_edited_what_two_branches_agree_on() -> None:
    base, mine, edited = ({"x": tagged("tuple", [n])} for n in (0, 1, 100))
    writes = Writes()
    ops = diff(base, mine, WHOLES)
    writes.note("first", ops)
    summing = counting(WHOLES)
    assert apply(edited, ops, summing, base=base, writes=writes) == {"x": tagged("tuple", [101])}
    with pytest.raises(ValueError, match="no place"):  # and then the node's own value of the field stands
        apply({"x": "theirs"}, ops, summing, base=base, writes=writes)


def test_a_number_that_is_written_as_text() -> None:
    plan = Plan(fields={"n": NUMBER})
    with pytest.raises(Conflict):
        merged({"n": "1.50"}, {"n": "2.50"}, {"n": "2.50"}, plan)
    assert merged({"n": "1.50"}, {"n": None}, {"n": None}, plan) == {"n": None}


@pytest.mark.parametrize(("first", "second"), [({"n": "a"}, {"n": 5}), ({"n": None}, {"n": 5}), ({}, {"n": 5})])
def test_a_rule_for_numbers_says_nothing_of_anything_else(first: Any, second: Any) -> None:
    for one, other in ((first, second), (second, first)):
        with pytest.raises(Conflict):
            merged({"n": 1}, one, other, COUNTING)


@pytest.mark.parametrize(
    ("base", "mine"),
    [
        ({"n": 1}, {"n": 2}),
        ({}, {"n": 2}),
        ({"d": None}, {"d": {"a": 1}}),
        ({"l": [0]}, {"l": [1, 2]}),
        ({"x": tagged("tuple", [0])}, {"x": tagged("tuple", [1])}),
        ({}, {"x": tagged("tuple", [1])}),
    ],
)
def test_where_equal_numbers_were_one_change(base: Any, mine: Any) -> None:
    """As in runs that began with an earlier release."""
    asked: list[bool] = []
    writes = Writes(lambda: bool(asked.append(True)))
    ops = diff(base, mine, WHOLES)
    state = apply(base, ops, WHOLES, base=base, writes=writes)
    writes.note("first", ops)
    assert not asked
    assert apply(state, ops, WHOLES, base=base, writes=writes) == mine
    assert asked == [True]


# -- Sets that are left out while they are empty, and plans that are chosen -----------------------------------------

RECORD = Plan(fields={"$unset": Plan("set", is_optional=True)}, optional=("$unset",))


@pytest.mark.parametrize(
    ("base", "first", "second", "expected"),
    [
        (["a", "b"], ["a"], ["b"], []),
        (["a", "b"], [], ["b"], []),
        (["a"], [], [], []),
        ([], ["a"], [], ["a"]),
        (["a"], [], ["a", "b"], ["b"]),
    ],
)
def test_a_set_that_is_left_out(base: Any, first: Any, second: Any, expected: Any) -> None:
    written = [{"x": 0, "$unset": names} if names else {"x": 0} for names in (base, first, second, expected)]
    assert merged(*written[:3], RECORD) == written[3]
    assert merged(written[0], written[2], written[1], RECORD) == written[3]
    assert apply(written[0], diff(written[0], written[1], RECORD), RECORD, writes=Writes()) == written[1]


CHOSEN = {"a": Plan(fields={"s": Plan("set")}), "b": Plan(fields={"s": Plan("atomic")})}
CHOOSING = Plan(choose=lambda value: CHOSEN.get(value.get("kind")) if isinstance(value, dict) else None)


def test_a_plan_that_is_chosen_by_what_is_in_a_value() -> None:
    def of(kind: str, *items: int) -> Any:
        return {"kind": kind, "s": list(items)}

    assert merged(of("a", 1), of("a", 1, 2), of("a", 3), CHOOSING) == of("a", 2, 3)
    with pytest.raises(Conflict):
        merged(of("b", 1), of("b", 1, 2), of("b", 3), CHOOSING)
    assert diff(of("a", 1), of("b", 1), CHOOSING) == [["set", [], of("b", 1)]]
    assert merged({"s": [1]}, {"s": [1, 2]}, {"s": [1]}, CHOOSING) == {"s": [1, 2]}
