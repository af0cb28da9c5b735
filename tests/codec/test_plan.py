"""Plans: how a state of a declared type merges, and that merging works on what the codec writes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Annotated, Any, Generic, NotRequired, Optional, TypeVar

import pytest
from pydantic import BaseModel, Field, RootModel, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType, TypedDict

from temporal_graph import Merge
from temporal_graph.codec import Codec
from temporal_graph.codec.exact import UNSET
from temporal_graph.codec.plan import plan_of
from temporal_graph.engine.state import Conflict, Plan, Writes, apply, diff

T = TypeVar("T")


def merged(type_: Any, base: Any, first: Any, second: Any) -> Any:
    """What becomes of a state that two branches changed side by side, both written by its type, and read again."""
    made = Codec()
    codec = made.of(type_)
    plan = plan_of(type_, made)
    texts = [json.loads(codec.dump(value)) for value in (base, first, second)]
    writes = Writes()
    since = writes.number
    ops = diff(texts[0], texts[1], plan)
    state = apply(texts[0], ops, plan, base=texts[0], since=since, writes=writes)
    writes.note("first", ops)
    state = apply(state, diff(texts[0], texts[2], plan), plan, base=texts[0], since=since, writes=writes)
    return codec.load_python(state)


def kinds(plan: Plan) -> dict[str, str]:
    """The kind of each field's plan."""
    return {str(name): inner.kind for name, inner in plan.fields.items() if name != UNSET}


def plan(type_: Any) -> Plan:
    return plan_of(type_, Codec())


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


# -- Which plan -------------------------------------------------------------------------------------------------------


@dataclass
class Fields:
    tags: set[str] = field(default_factory=set[str])
    frozen: frozenset[int] = frozenset()
    items: list[set[int]] = field(default_factory=list[set[int]])
    by_name: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    by_number: dict[int, int] = field(default_factory=dict[int, int])
    by_pair: dict[tuple[int, int], set[int]] = field(default_factory=dict[tuple[int, int], set[int]])
    count: Annotated[int, Merge.sum] = 0
    plain: int = 0


def test_the_fields_of_a_dataclass() -> None:
    made = plan(Fields)
    assert kinds(made) == {
        "tags": "set",
        "frozen": "set",
        "items": "auto",
        "by_name": "auto",
        "by_number": "auto",
        "by_pair": "pairs",
        "count": "custom",
        "plain": "number",
    }
    for name in ("items", "by_name", "by_pair"):
        each = made.fields[name].each
        assert each is not None
        assert each.kind == "set"


class Modelled(BaseModel):
    tags: Annotated[set[str], Field(max_length=9)] = set()
    maybe: set[str] | None = None
    count: Annotated[int, Field(ge=0), Merge.sum] = 0
    optional: Optional[Annotated[int, Merge.max]] = None  # noqa: UP045 - the older way to write it
    aliased: Annotated[int, Merge.sum] = Field(0, alias="theAlias")


class Typed(TypedDict):
    tags: NotRequired[set[str]]
    count: NotRequired[Annotated[int, Merge.sum]]
    plain: int


@dataclass
class Box(Generic[T]):
    content: T
    count: Annotated[int, Merge.sum] = 0


class ModelBox(BaseModel, Generic[T]):
    content: T


Tags = TypeAliasType("Tags", set[str])


@dataclass
class Aliased:
    tags: Tags


class Rooted(RootModel[set[int]]):
    pass


@dataclass
class HasRoot:
    root: Rooted


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (
            Modelled,
            {"tags": "set", "maybe": "set", "count": "custom", "optional": "custom", "aliased": "custom"},
        ),
        (Typed, {"tags": "set", "count": "custom", "plain": "number"}),
        (Box[set[int]], {"content": "set", "count": "custom"}),
        (ModelBox[set[int]], {"content": "set"}),
        (Aliased, {"tags": "set"}),
        (HasRoot, {"root": "set"}),
    ],
)
def test_the_fields_of_others(type_: Any, expected: dict[str, str]) -> None:
    assert kinds(plan(type_)) == expected


def test_a_state_that_is_no_object() -> None:
    assert plan(set[int]).kind == "set"
    assert plan(Rooted).kind == "set"
    assert plan(dict[Colour, int]).kind == "pairs"
    assert plan(int).kind == "number"
    assert plan(dict[str, Any]).at("x", {}).tags["set"].kind == "set"


class Tree(BaseModel):
    tags: set[str] = set()
    count: Annotated[int, Merge.sum] = 0
    left: Tree | None = None
    children: list[Tree] = []
    by_name: dict[str, Tree] = {}


def test_a_type_that_is_in_itself() -> None:
    made = plan(Tree)
    for _ in range(4):
        assert kinds(made) | {"left": "auto"} == {
            "tags": "set",
            "count": "custom",
            "left": "auto",
            "children": "auto",
            "by_name": "auto",
        }
        each = made.fields["children"].each
        assert each is not None
        made = each
    base = Tree(left=Tree(count=1), children=[Tree(count=1)], by_name={"k": Tree(tags={"a"})})
    one, two = base.model_copy(deep=True), base.model_copy(deep=True)
    for tree, n in ((one, 1), (two, 10)):
        assert tree.left is not None
        tree.left.count += n
        tree.children[0].count += n
        tree.by_name["k"].tags.add(str(n))
    assert merged(Tree, base, one, two) == Tree(
        left=Tree(count=12), children=[Tree(count=12)], by_name={"k": Tree(tags={"a", "1", "10"})}
    )


# -- Merging what the codec writes ------------------------------------------------------------------------------------


def test_sets_and_dicts_with_keys_of_any_type() -> None:
    assert merged(
        Fields,
        Fields(tags={"a", "b"}, by_number={1: 1}, by_pair={(1, 1): {1}}, count=5),
        Fields(tags={"b", "c"}, by_number={1: 1, 2: 2}, by_pair={(1, 1): {1, 2}}, count=6),
        Fields(tags={"a", "b", "d"}, by_number={3: 3}, by_pair={(1, 1): {3}, (2, 2): set()}, count=9),
    ) == Fields(
        tags={"b", "c", "d"},
        by_number={2: 2, 3: 3},
        by_pair={(1, 1): {2, 3}, (2, 2): set()},
        count=10,
    )


def test_dicts_with_enums_as_keys() -> None:
    type_ = dict[Colour, list[int]]
    base = {Colour.RED: [1]}
    assert merged(type_, base, {Colour.RED: [1, 2]}, {Colour.RED: [1], Colour.BLUE: [3]}) == {
        Colour.RED: [1, 2],
        Colour.BLUE: [3],
    }


@dataclass
class Shape:
    name: str = ""
    tags: set[str] = field(default_factory=set[str])


@dataclass
class Circle(Shape):
    radius: Annotated[int, Merge.sum] = 1


@dataclass
class Square:
    tags: set[str] = field(default_factory=set[str])
    side: Annotated[int, Merge.sum] = 1


@dataclass
class Shapes:
    one: Shape = field(default_factory=Shape)
    either: Circle | Square = field(default_factory=Square)
    anything: Any = None


def test_what_is_inside_of_subclasses_and_unions() -> None:
    assert merged(
        Shapes,
        Shapes(Circle("c", {"a"}, 1), Square({"a"}, 1)),
        Shapes(Circle("c", {"b"}, 2), Square({"a", "b"}, 3)),
        Shapes(Circle("d", {"a", "c"}, 5), Square(set(), 10)),
    ) == Shapes(Circle("d", {"b", "c"}, 6), Square({"b"}, 12))


def test_another_class_and_a_change_inside_are_a_conflict() -> None:
    base = Shapes(either=Square(side=1))
    with pytest.raises(Conflict) as caught:
        merged(Shapes, base, Shapes(either=Circle()), Shapes(either=Square(side=2)))
    assert caught.value.path[0] == "either"


def test_what_is_inside_of_anything() -> None:
    base: dict[str, Any] = {"tags": {1}, "pairs": {(1, 2): "a"}, "deep": [{"tags": {1}}], "fixed": (1, 2)}
    first: dict[str, Any] = {"tags": {1, 2}, "pairs": {(1, 2): "b"}, "deep": [{"tags": {2}}], "fixed": (1, 2)}
    second: dict[str, Any] = {"tags": {3}, "pairs": {(1, 2): "a", 3: 4}, "deep": [{"tags": {1, 3}}], "fixed": (3, 4)}
    assert merged(Shapes, Shapes(anything=base), Shapes(anything=first), Shapes(anything=second)) == Shapes(
        anything={"tags": {2, 3}, "pairs": {(1, 2): "b", 3: 4}, "deep": [{"tags": {2, 3}}], "fixed": (3, 4)}
    )


def test_a_tuple_in_anything_is_one_value() -> None:
    with pytest.raises(Conflict):
        merged(Shapes, Shapes(anything=(1, 2)), Shapes(anything=(9, 2)), Shapes(anything=(1, 8)))


# -- Merge ------------------------------------------------------------------------------------------------------------


@dataclass
class Ruled:
    total: Annotated[Decimal, Merge.sum] = Decimal(0)
    first: Annotated[datetime | None, Merge(lambda base, current, mine: min(current, mine))] = None
    last: Annotated[str, Merge.last] = ""
    most: Annotated[int, Merge.max] = 0
    least: Annotated[int, Merge.min] = 0
    both: Annotated[list[set[int]], Merge(lambda base, current, mine: [current[0] | mine[0]])] = field(
        default_factory=list[set[int]]
    )
    spent: Annotated[timedelta, Merge.sum] = timedelta()


def test_rules_get_and_give_typed_values() -> None:
    days = [datetime(2030, 1, day) for day in (1, 2, 3)]
    result = merged(
        Ruled,
        Ruled(Decimal("1.10"), days[2], "", 5, 5, [set()], timedelta(hours=1)),
        Ruled(Decimal("1.30"), days[1], "one", 7, 4, [{1}], timedelta(hours=2)),
        Ruled(Decimal("2.10"), days[0], "two", 6, 3, [{2}], timedelta(hours=1, minutes=5)),
    )
    assert result == Ruled(Decimal("2.30"), days[0], "two", 7, 3, [{1, 2}], timedelta(hours=2, minutes=5))


@dataclass
class Inner:
    count: Annotated[int, Merge.sum] = 0


@dataclass
class Nested:
    maybe: Annotated[Decimal, Merge.sum] | None = None
    inner: Inner = field(default_factory=Inner)
    maybe_inner: Inner | None = None
    many: list[Inner] = field(default_factory=list[Inner])
    by_name: dict[str, Annotated[int, Merge.sum]] = field(default_factory=dict)


def test_a_counter_that_counts_down() -> None:
    """Its own + and - leave out what is not above zero."""
    base, first, second = Counter(a=5, b=1), Counter(a=4, b=-2), Counter(a=4, b=1, c=-1)
    assert merged(Annotated[Counter[str], Merge.sum], base, first, second) == Counter(a=3, b=-2, c=-1)
    assert merged(Annotated[Counter[str], Merge.sum], Counter(), first, second) == Counter(a=8, b=-1, c=-1)


@pytest.mark.parametrize(
    ("type_", "says"),
    [
        (Annotated[list[int], Merge.sum], r"Annotated\[list\[int\], Merge.sum\] cannot merge"),
        (Annotated[str, Merge.sum], r"Annotated\[str, Merge.sum\]"),
        (Annotated[bool, Merge.sum], "Merge.sum"),
        (Annotated[dict[str, int], Merge.sum], "different keys of dicts"),
        (Annotated[set[str], Merge.max], "Merge.max"),
        (Annotated[Counter[str], Merge.min], "Merge.min"),
    ],
)
def test_a_rule_for_numbers_on_what_is_none(type_: Any, says: str) -> None:
    @dataclass
    class State:
        value: type_ = None

    with pytest.raises(TypeError, match=says):
        TypeAdapter(State)


def test_rules_deep_inside() -> None:
    assert merged(
        Nested,
        Nested(Decimal(1), Inner(1), Inner(1), [Inner(1)], {"a": 1}),
        Nested(Decimal(2), Inner(2), Inner(3), [Inner(4)], {"a": 2, "b": 1}),
        Nested(Decimal(5), Inner(11), Inner(11), [Inner(11)], {"a": 11, "b": 10}),
    ) == Nested(Decimal(6), Inner(12), Inner(13), [Inner(14)], {"a": 12, "b": 11})


def test_a_rule_inside_of_what_may_be_none() -> None:
    type_ = dict[str, Annotated[int, Merge.sum] | None]
    base: dict[str, int | None] = {"a": 1}
    assert merged(type_, base, {"a": 2}, {"a": 4}) == {"a": 5}
    assert merged(type_, {"a": None}, {"a": 2}, {"a": 4}) == {"a": 6}
    assert merged(type_, base, {"a": None}, {"a": None}) == {"a": None}
    for one, other in ((None, 2), (2, None)):
        with pytest.raises(Conflict):
            merged(type_, base, {"a": one}, {"a": other})
    longest = Merge(lambda base, current, mine: current if mine is None else mine)
    assert merged(dict[str, Annotated[int | None, longest]], base, {"a": 2}, {"a": None}) == {"a": 2}


def test_a_rule_for_what_was_not_there() -> None:
    seen: list[Any] = []

    def rule(base: Any, current: Any, mine: Any) -> Any:
        seen.append((base, current, mine))
        return current + mine

    by_name = dict[str, Annotated[Decimal, Merge(rule)]]
    result = merged(by_name, {}, {"a": Decimal("0.5")}, {"a": Decimal("0.25")})
    assert result == {"a": Decimal("0.75")}
    assert seen == [(None, Decimal("0.5"), Decimal("0.25"))]


def test_a_rule_is_asked_only_where_both_have_changed() -> None:
    def refuse(base: Any, current: Any, mine: Any) -> Any:
        raise AssertionError("nothing to settle")

    by_name = dict[str, Annotated[int, Merge(refuse)]]
    assert merged(by_name, {"a": 0, "b": 0}, {"a": 1, "b": 0}, {"a": 0, "b": 1}) == {"a": 1, "b": 1}


def test_a_rule_for_the_whole_state() -> None:
    type_ = Annotated[int, Merge.sum]
    assert merged(type_, 1, 2, 5) == 6


def test_a_rule_whose_result_is_not_what_is_declared() -> None:
    type_ = dict[str, Annotated[int, Merge(lambda base, current, mine: "text")]]
    with pytest.raises(ValueError, match="int"):
        merged(type_, {"a": 0}, {"a": 1}, {"a": 2})


def test_pydantic_sees_nothing_of_a_rule() -> None:
    assert Modelled.model_validate({"count": 3, "theAlias": 4}).model_dump() == {
        "tags": set(),
        "maybe": None,
        "count": 3,
        "optional": None,
        "aliased": 4,
    }
    assert Modelled.model_json_schema()["properties"]["count"] == {
        "default": 0,
        "minimum": 0,
        "title": "Count",
        "type": "integer",
    }


def test_it_does_not_matter_whether_the_rule_comes_first() -> None:
    adapter = TypeAdapter(Annotated[int, Merge.sum, Field(ge=0)])
    assert adapter.validate_json("3") == 3
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        adapter.validate_json("-1")


def test_the_json_schema_of_a_field_whose_rule_comes_first() -> None:
    assert TypeAdapter(Annotated[int, Merge.sum, Field(ge=0)]).json_schema() == {"minimum": 0, "type": "integer"}


@pytest.mark.parametrize(
    "function",
    [None, 5, "sum", sum, len, lambda: 1, lambda a: a, lambda a, b: a, lambda a, b, c, d: a, lambda a, b, *, c: a],
)
def test_what_is_no_rule(function: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Merge(function)
    assert str(caught.value) == f"Merge takes a plain function of (base, current, mine), and got {function!r}."


class Callable3:
    def __call__(self, base: Any, current: Any, mine: Any) -> Any:
        return mine


@pytest.mark.parametrize(
    "function", [max, Callable3(), partial(lambda x, a, b, c: a, 1), lambda *args: 1, lambda a, b, c, d=1: a]
)
def test_what_is_a_rule(function: Any) -> None:
    assert Merge(function).function is function


def test_rules_say_what_they_are() -> None:
    def longest(base: str, current: str, mine: str) -> str:
        return max(current, mine, key=len)

    assert repr(Merge(longest)) == "Merge(longest)"
    assert repr(Merge(Callable3())).startswith("Merge(<tests.codec.test_plan.Callable3 object")
    assert (Merge.sum.function(None, 1, 2), Merge.sum.function(1, 2, 3)) == (3, 4)
