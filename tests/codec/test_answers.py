"""Answers checked against the JSON schema of their question: never stricter than pydantic with the type itself.

For plain types it is as strict, too, and says where the errors are in the same words; for the others the node looks
again.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypeAlias
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AfterValidator,
    AliasChoices,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    NaiveDatetime,
    RootModel,
    SecretStr,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
)
from typing_extensions import TypedDict

from temporal_graph.codec.answers import answer_schema, answer_schema_as_before, schema_validator
from tests.support.process import ROOT

Values: TypeAlias = st.SearchStrategy[Any]


class Colour(Enum):
    RED = "red"
    SEVEN = 7


class Word(StrEnum):
    YES = "yes"
    NO = "no"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Approve(BaseModel):
    kind: Literal["approve"] = "approve"
    note: str


class Reject(BaseModel):
    kind: Literal["reject"] = "reject"
    reason: str
    code: int = 0


@dataclass
class Item:
    name: str
    count: Annotated[int, Field(ge=0)] = 1
    tags: list[str] = field(default_factory=list[str])


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int


class Settings(TypedDict):
    depth: int
    name: NotRequired[str]


Verdict = Annotated[Approve | Reject, Field(discriminator="kind")]

# -- Types and values -------------------------------------------------------------------------------------------------

words = st.sampled_from(["", "a", "aa", "aaaa", "b", "1", "-3", "1.5", "true", "no", "on", " a", "red", "yes", "x"])
moments = st.sampled_from(
    [
        *("2030-01-02", "2030-01-02T03:04:05", "2030-01-02T03:04:05.5Z", "2030-01-02 03:04", "2030-13-01"),
        *("12:30", "25:00", "PT1H", "P3D", "-P1D", "3600", "1893553445", "00000000-0000-4000-8000-000000000000"),
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([10**30, -(10**30), 0.0, 0.5, 1.0, -2.0, 1e300, 1893553445])
    | words
    | moments
    | st.text(max_size=3)
)
keys = st.sampled_from(["a", "b", "1", "kind", "note", "reason", "code", "name", "count", "tags", "value", "children"])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | words, inner, max_size=3),
    max_leaves=8,
)
items: Values = st.fixed_dictionaries(
    {"name": words}, optional={"count": st.integers(-1, 3), "tags": st.lists(words, max_size=2), "more": scalars}
)
trees: Values = st.recursive(
    st.fixed_dictionaries({"value": st.integers() | words}),
    lambda inner: st.fixed_dictionaries({"value": st.integers(0, 3), "children": st.lists(inner, max_size=2)}),
    max_leaves=5,
)
verdicts: Values = st.fixed_dictionaries(
    {"kind": st.sampled_from(["approve", "reject", "perhaps"])},
    optional={"note": words, "reason": words, "code": scalars},
) | st.fixed_dictionaries({}, optional={"note": words, "reason": words})

PLAIN: list[tuple[Any, Values]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (bool, st.booleans()),
    (str, words),
    (type(None), st.none()),
    (Annotated[int, Field(ge=1, le=5)], st.integers(0, 6)),
    (Annotated[int, Field(gt=1, lt=5)], st.integers(0, 6)),
    (Annotated[int, Field(multiple_of=3)], st.integers(0, 9)),
    (Annotated[float, Field(ge=-0.5, lt=2)], st.floats(-1, 3)),
    (Annotated[str, Field(min_length=1, max_length=2)], words),
    (Annotated[str, Field(pattern=r"^a+$")], words),
    (Annotated[str, Field(pattern="a")], words),
    (Literal["a", 1], words),
    (Literal["a", "b"], words),
    (Colour, st.sampled_from(["red", 7, "seven", 1])),
    (Word, words),
    (date, moments),
    (datetime, moments),
    (time, moments),
    (timedelta, moments),
    (UUID, moments),
    (Item, items),
    (Tree, trees),
    (Approve, verdicts),
    (Strict, st.dictionaries(st.sampled_from(["n", "m"]), st.integers())),
    (Settings, st.fixed_dictionaries({}, optional={"depth": scalars, "name": words})),
]
"""Types of which the schema says all there is to say."""

TOLD_APART: list[tuple[Any, Values]] = [(Verdict, verdicts), (Approve | Reject, verdicts), (int | str, scalars)]
"""Unions: as strict, but the place of an error may name another member."""

LOOSE: list[tuple[Any, Values]] = [
    (Any, anything),
    (object, anything),
    (dict, anything),
    (list, anything),
    (Decimal, words),
    (Annotated[Decimal, Field(ge=1)], words | scalars),
    (Decimal | None, words | scalars),
    (Decimal | str, words),
    (UUID4, moments),
    (Annotated[Decimal, Field(max_digits=3, decimal_places=1)], words),
    (set[int], st.lists(st.integers(0, 2), max_size=3)),
    (frozenset[str], st.lists(words, max_size=3)),
    (Annotated[set[int], Field(min_length=2)], st.lists(st.integers(0, 2), max_size=3)),
    (Annotated[set[int], Field(max_length=1)], st.lists(st.integers(0, 2), max_size=3)),
    (dict[int, int], st.dictionaries(words, st.integers(), max_size=2)),
    (dict[date, int], st.dictionaries(moments, st.integers(), max_size=2)),
    (Annotated[dict[str, int], Field(min_length=1)], st.dictionaries(words, st.integers(), max_size=2)),
    (AnyUrl, st.sampled_from(["http://x.y", "x", "mailto:a@b.c"])),
    (SecretStr, words),
    (StrictInt, scalars),
    (StrictBool, scalars),
    (AwareDatetime, moments),
    (RootModel[list[int]], st.lists(st.integers(), max_size=2)),
    (Annotated[int, AfterValidator(lambda value: value)], scalars),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)], words),
    (Annotated[datetime, Field(gt=datetime(2020, 1, 1))], moments),
    (tuple[()], st.lists(scalars, max_size=1)),
]
"""Types that take, or refuse, what their schema does not say."""


def composed(inner: st.SearchStrategy[tuple[Any, Values]]) -> st.SearchStrategy[tuple[Any, Values]]:
    """Types made of others."""
    return st.one_of(
        inner.map(lambda one: (list[one[0]], st.lists(one[1], max_size=3))),
        inner.map(
            lambda one: (Annotated[list[one[0]], Field(min_length=1, max_length=2)], st.lists(one[1], max_size=3))
        ),
        inner.map(lambda one: (tuple[one[0], ...], st.lists(one[1], max_size=3))),
        inner.map(lambda one: (dict[str, one[0]], st.dictionaries(words, one[1], max_size=3))),
        st.tuples(inner, inner).map(
            lambda two: (
                tuple[two[0][0], two[1][0]],
                st.tuples(two[0][1], two[1][1]).map(list) | st.lists(two[0][1], max_size=3),
            )
        ),
        st.tuples(inner, inner, st.booleans()).map(lambda two: made_class(*two)),
    )


def made_class(one: tuple[Any, Values], two: tuple[Any, Values], is_model: bool) -> tuple[Any, Values]:
    """A model or dataclass with a field that must be there and one that need not."""
    values = st.fixed_dictionaries({"a": one[1]}, optional={"b": two[1]}) | st.fixed_dictionaries(
        {}, optional={"b": two[1]}
    )
    if is_model:
        return create_model("Made", a=(one[0], ...), b=(two[0], None)), values
    return make_dataclass("Made", [("a", one[0]), ("b", two[0], field(default=None))]), values


plain_types = st.recursive(st.sampled_from(PLAIN), composed, max_leaves=4)
strict_types = st.recursive(
    st.sampled_from([*PLAIN, *TOLD_APART]),
    lambda inner: composed(inner) | inner.map(lambda one: (one[0] | None, one[1] | st.none())),
    max_leaves=4,
)
any_types = st.recursive(
    st.sampled_from([*PLAIN, *TOLD_APART, *LOOSE]),
    lambda inner: composed(inner) | inner.map(lambda one: (one[0] | None, one[1] | st.none())),
    max_leaves=4,
)


def by_pydantic(adapter: TypeAdapter[Any], value: Any) -> list[dict[str, Any]]:
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        return [dict(item) for item in error.errors(include_url=False)]
    return []


def by_schema(adapter: TypeAdapter[Any], value: Any) -> list[dict[str, Any]]:
    schema = json.loads(json.dumps(answer_schema(adapter)))
    before = copy.deepcopy(schema)
    errors = schema_validator(schema)(value)
    assert schema == before
    assert json.loads(json.dumps(errors)) == errors, "errors are JSON"
    return errors


MANY = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


def places(errors: Iterable[dict[str, Any]]) -> list[tuple[tuple[Any, ...], str, str]]:
    return sorted([(tuple(error["loc"]), error["type"], error["msg"]) for error in errors], key=repr)


# -- Against pydantic -------------------------------------------------------------------------------------------------


@MANY
@given(any_types, st.data())
def test_what_pydantic_takes_is_never_refused(pair: tuple[Any, Values], data: st.DataObject) -> None:
    adapter = TypeAdapter(pair[0])
    for _ in range(3):
        value = data.draw(pair[1] | anything)
        if not by_pydantic(adapter, value):
            assert by_schema(adapter, value) == []


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Annotated[set[int], Field(max_length=1)], [1, 1]),
        (Annotated[frozenset[int], Field(max_length=1)], [1, 1]),
        (dict[int, int], {"1": 1}),
        (AwareDatetime, "2030-01-01T00:00:00Z"),
        (NaiveDatetime, "2030-01-01T00:00:00"),
        (StrictInt, 5),
        (Annotated[float, Field(strict=True)], 1),
        (Decimal, "1.5"),
        (Decimal, 1.5),
        (datetime, 1893553445),
        (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)], "  xx"),
        (Colour, 7),
        (Verdict, {"kind": "approve", "note": "x", "more": 1}),
        (Approve | Reject, {"note": "x"}),
        (tuple[int, ...], []),
        (Item | None, None),
    ],
)
def test_what_people_may_write(type_: Any, value: Any) -> None:
    adapter = TypeAdapter(type_)
    assert by_pydantic(adapter, value) == []
    assert by_schema(adapter, value) == []


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Decimal, "abc"),
        (Annotated[Decimal, Field(ge=1)], "0.5"),
        (list[Annotated[Decimal, Field(lt=1)] | None], ["1.5"]),
        (bytes, "é"),
        (UUID4, "00000000-0000-0000-0000-000000000000"),
        (AwareDatetime, "2030-01-01T00:00:00"),
        (list[NaiveDatetime | None], ["2030-01-01T00:00:00Z"]),
        (StrictInt, "5"),
        (StrictBool | None, "true"),
        (Annotated[float, Field(strict=True)], "1.5"),
    ],
)
def test_what_the_type_of_a_text_refuses_is_refused_at_once(type_: Any, value: Any) -> None:
    assert by_schema(TypeAdapter(type_), value)


class Loosely(BaseModel):
    """One of its fields takes more than its schema shows."""

    count: int
    note: str = ""
    url: AnyUrl | None = None
    many: Annotated[int | str, BeforeValidator(lambda value: value)] | None = None

    @field_validator("note", mode="before")
    @classmethod
    def tidied(cls, note: Any) -> Any:
        return "; ".join(note) if isinstance(note, list) else note


class First(BaseModel):
    number: Literal[1] = 1


class Second(BaseModel):
    number: Literal[2] = 2
    size: int


def test_tags_may_be_numbers() -> None:
    adapter = TypeAdapter[Any](Annotated[First | Second, Field(discriminator="number")])
    assert by_schema(adapter, {"number": 1}) == by_schema(adapter, {"number": 2, "size": 1}) == []
    assert by_schema(adapter, {"number": 2})
    assert by_schema(adapter, {"number": 3, "size": 1})


class Tidied(BaseModel):
    """Some of its fields take more than their schema shows."""

    count: int
    other: int = Field(0, validation_alias=AliasChoices("other", "another"))


class Holding(BaseModel):
    size: int
    tidied: Tidied | None = None


@pytest.mark.parametrize(
    ("type_", "value", "wrong"),
    [
        (Holding, {"size": "x"}, True),
        (Holding, {"size": 1, "tidied": {"count": "x"}}, False),  # it has aliases, and is left to the node
        (Holding, {"size": 1, "tidied": {"count": 1, "another": 3}}, False),
        (list[Holding | None], [None, {"size": "x"}], True),
        (Loosely, {"count": "x", "note": ["a"]}, True),
        (Loosely, {"count": 1, "note": ["a"], "url": 5}, False),
        (Annotated[Loosely, BeforeValidator(lambda value: {"count": 1})], "x", False),
        (Loosely | Approve, {"count": "x"}, True),
        (dict[str, Loosely], {"a": {"count": "x", "note": []}}, True),
    ],
)
def test_what_is_beside_a_field_that_takes_more_is_looked_at(type_: Any, value: Any, wrong: bool) -> None:
    assert bool(by_schema(TypeAdapter(type_), value)) is wrong


@pytest.mark.parametrize(
    "type_", [Decimal, list[bytes | None], Annotated[Decimal, Field(ge=1)], StrictInt, AwareDatetime, Loosely, Holding]
)
def test_an_earlier_release_has_asked_the_same(type_: Any) -> None:
    adapter = TypeAdapter[Any](type_)
    marks = {"x-accepts-more": True} if type_ in (Loosely, Holding) else {}
    assert json.dumps(answer_schema_as_before(adapter)) == json.dumps({**adapter.json_schema(), **marks})


@MANY
@given(strict_types, st.data())
def test_what_pydantic_refuses_of_a_plain_type_is_refused(pair: tuple[Any, Values], data: st.DataObject) -> None:
    adapter = TypeAdapter(pair[0])
    for _ in range(3):
        value = data.draw(pair[1] | anything)
        assert bool(by_schema(adapter, value)) == bool(by_pydantic(adapter, value))


@MANY
@given(plain_types, st.data())
def test_errors_are_where_pydantic_has_them_in_the_same_words(pair: tuple[Any, Values], data: st.DataObject) -> None:
    adapter = TypeAdapter(pair[0])
    for _ in range(3):
        value = data.draw(pair[1] | anything)
        wanted, found = places(by_pydantic(adapter, value)), places(by_schema(adapter, value))
        assert [place[0] for place in found] == [place[0] for place in wanted]
        for mine, theirs in zip(found, wanted, strict=True):
            if theirs[1] not in DIFFERENT:
                assert mine == theirs


DIFFERENT = {"enum", "tuple_type", "model_type", "dataclass_type", "dict_type", "unexpected_keyword_argument"}
"""Errors for which the schema's validator has words of its own: it knows objects, and none of their classes."""


@pytest.mark.parametrize(
    ("type_", "value", "loc", "kind"),
    [
        (Item, {}, ["name"], "missing"),
        (Item, {"name": "x", "count": -1}, ["count"], "greater_than_equal"),
        (Item, {"name": "x", "tags": ["a", 1]}, ["tags", 1], "string_type"),
        (list[Item], [{"name": "x"}, {}], [1, "name"], "missing"),
        (Tree, {"value": 1, "children": [{"value": 1}, {"children": []}]}, ["children", 1, "value"], "missing"),
        (dict[str, Item], {"k": {"name": 3}}, ["k", "name"], "string_type"),
        (tuple[int, str], [1], [1], "missing"),
        (tuple[int, str], [1, "a", 2], [], "too_long"),
        (Strict, {"n": 1, "m": 2}, ["m"], "extra_forbidden"),
        (Settings, {"name": 1, "depth": 1}, ["name"], "string_type"),
        (Verdict, {"kind": "reject"}, ["reject", "reason"], "missing"),
        (Verdict, {"kind": "perhaps"}, [], "union_tag_invalid"),
        (Verdict, {}, [], "union_tag_not_found"),
    ],
)
def test_where_the_errors_are(type_: Any, value: Any, loc: list[Any], kind: str) -> None:
    adapter = TypeAdapter(type_)
    (found,) = by_schema(adapter, value)
    (wanted,) = by_pydantic(adapter, value)
    assert (found["loc"], found["type"]) == (loc, kind)
    assert (found["loc"], found["type"], found["msg"]) == (list(wanted["loc"]), wanted["type"], wanted["msg"])


class Form(BaseModel):
    count: int | None = None
    item: Strict | None = None


@pytest.mark.parametrize("value", [{"count": "x"}, {"item": {}}, {"item": {"n": "x"}}])
def test_where_the_errors_are_in_a_field_that_may_be_none(value: Any) -> None:
    adapter = TypeAdapter(Form)
    assert places(by_schema(adapter, value)) == places(by_pydantic(adapter, value))


def test_where_the_errors_are_in_a_union_of_classes() -> None:
    adapter = TypeAdapter(Approve | Strict)
    assert places(by_schema(adapter, {})) == places(by_pydantic(adapter, {}))


class Named(NamedTuple):
    left: int
    right: str = "r"


class ByEitherName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    count: int = Field(alias="theCount")


class ByAnyAlias(BaseModel):
    count: int = Field(validation_alias=AliasChoices("one", "other"))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param(Named, [1], id="a NamedTuple with a default"),
        pytest.param(Named, {"left": 1}, id="a NamedTuple as an object"),
        pytest.param(ByEitherName, {"count": 1}, id="populate_by_name"),
        pytest.param(ByAnyAlias, {"other": 1}, id="one of several aliases"),
        pytest.param(Level, "1", id="an IntEnum as text"),
        pytest.param(Annotated[str, StringConstraints(strip_whitespace=True, max_length=1)], " a ", id="stripped"),
        pytest.param(Annotated[str, StringConstraints(to_lower=True, max_length=1)], "A", id="made lower"),
        pytest.param(Annotated[int, BeforeValidator(lambda value: round(float(value)))], 1.5, id="before"),
        pytest.param(IPvAnyAddress, 1, id="an address as a number"),
        pytest.param(complex, 1, id="a complex number"),
    ],
)
def test_what_the_schema_does_not_say(type_: Any, value: Any) -> None:
    adapter = TypeAdapter(type_)
    assert by_pydantic(adapter, value) == []
    assert by_schema(adapter, value) == []


def test_an_answer_that_is_nested_too_deeply() -> None:
    deep: Any = {"value": 1}
    for _ in range(5_000):
        deep = {"value": 1, "children": [deep]}
    validate = schema_validator(TypeAdapter(Tree).json_schema())
    assert [error["type"] for error in validate(deep)] == ["json"]
    assert validate({"value": 1}) == []


# -- Schemas from anywhere --------------------------------------------------------------------------------------------

schema_words = st.sampled_from(
    [
        *("type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "$defs"),
        *("format", "pattern", "minimum", "maxLength", "minItems", "maxItems", "prefixItems", "additionalProperties"),
        *("discriminator", "mapping", "propertyName", "uniqueItems", "multipleOf", "title"),
    ]
)
schema_values = st.sampled_from(
    [
        *("string", "integer", "number", "object", "array", "null", "boolean", "literal", "convert", "tagged"),
        *("#/$defs/a", "#", "#/$defs/", "date-time", "uuid", "bounds", "(", "a", ""),
    ]
)
garbage = st.recursive(
    schema_values | scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(schema_words | st.sampled_from("ab"), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(schema_words, garbage, max_size=5), anything)
@example({"type": "object", "properties": {"a": 5}, "required": 5}, {})
@example({"type": "object", "properties": {"a": {}}, "required": "a"}, {})
@example({"type": "array", "minItems": "3"}, [])
@example({"type": "string", "pattern": "("}, "x")
@example({"type": "string", "pattern": "(?=a)"}, "a")
@example({"type": "integer", "minimum": "x"}, 1)
@example({"type": "integer", "multipleOf": 0}, 1)
@example({"type": ["integer", "null"]}, "x")
@example({"type": "_of"}, 1)
@example({"enum": []}, 1)
@example({"enum": [[1], None]}, [1])
@example({"discriminator": {"propertyName": "k", "mapping": {"a": "#/$defs/none"}}, "oneOf": []}, {"k": "a"})
@example({"anyOf": []}, 1)
@example({"allOf": [{"type": "integer"}, {"type": "string"}]}, 1.5)
@example({"$defs": {"a": 5}, "$ref": "#/$defs/a"}, 1)
@example({"$defs": 5, "$ref": "#/$defs/a"}, 1)
def test_no_schema_and_no_answer_raises(schema: dict[str, Any], value: Any) -> None:
    assume("$ref" not in json.dumps(schema.get("$defs")))  # see below
    errors = schema_validator(schema)(value)
    assert isinstance(errors, list)
    assert all({"loc", "msg", "type"} == error.keys() for error in errors)


@pytest.mark.parametrize(
    "definitions",
    [
        {"a": {"$ref": "#/$defs/a"}},
        {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "integer"}]}},
    ],
)
def test_definitions_that_lead_to_themselves(definitions: dict[str, Any]) -> None:
    schema = {"$ref": "#/$defs/a", "$defs": definitions}
    code = f"from temporal_graph.codec.answers import schema_validator; print(schema_validator({schema!r})('x'))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "nonsense"},
        {"type": ["integer", "null"]},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "(?=lookahead)"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/$defs/missing"},
        {"anyOf": []},
        {"allOf": [{"type": "integer"}, {"minimum": 3}]},
        {"not": {"type": "integer"}},
        {"if": {"type": "integer"}, "then": {"minimum": 3}},
        {"enum": [[1], {"a": 1}]},
        {"const": None},
        {"const": [1]},
    ],
)
@pytest.mark.parametrize("value", [None, 1, "x", [1], {"a": 1}])
def test_a_schema_that_is_not_understood_takes_anything(schema: dict[str, Any], value: Any) -> None:
    assert schema_validator(schema)(value) == []


@pytest.mark.parametrize(
    ("schema", "fits", "fits_not"),
    [
        ({"type": "integer", "minimum": "low"}, -5, "x"),
        ({"type": "object", "properties": 5}, {"a": 1}, 5),
        ({"type": "object", "patternProperties": {"^a": {"type": "integer"}}}, {"a": "x"}, 5),
        ({"type": "object", "properties": {"a": {"type": "nonsense"}, "b": {"type": "null"}}}, {"a": 1}, {"b": 1}),
        ({"type": "array", "items": {"not": {}}}, [1], {}),
        ({"anyOf": [{"type": "string"}, {"const": 3}]}, 3, 4),
    ],
)
def test_what_is_not_understood_of_a_schema_is_left_out(schema: dict[str, Any], fits: Any, fits_not: Any) -> None:
    assert schema_validator(schema)(fits) == []
    assert schema_validator(schema)(fits_not) != []


def test_answers_that_json_cannot_carry() -> None:
    validate = schema_validator({"type": "string"})
    assert validate("\ud800")[0]["type"] in ("json", "json_invalid", "string_unicode")
    assert validate("fine") == []
