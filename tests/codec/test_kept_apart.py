"""Values that look the same in JSON, or are written as another type by pydantic, and come back as what they were."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, NamedTuple, cast

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Json, SerializeAsAny, Tag

from temporal_graph.codec import Codec, DecodeError, EncodeError
from temporal_graph.engine.state import diff
from tests.codec.strictly import exactly


class Kind(enum.Enum):
    CAT = "cat"
    DOG = "dog"


class Corner(enum.Enum):
    LEFT = (0, 1)
    RIGHT = (1, 0)


class Level(enum.IntEnum):
    LOW = 1


class Pet(BaseModel):
    """Its defaults are members, which are not read, and what is given becomes their values."""

    model_config = ConfigDict(use_enum_values=True)
    kind: Kind = Kind.CAT
    corner: Corner = Corner.LEFT
    level: Level = Level.LOW
    other: Kind | None = Kind.DOG
    kinds: list[Kind] = []
    by_kind: dict[Kind, int] = {}


def pet() -> Pet:
    fields: dict[str, Any] = {"kind": Kind.DOG, "corner": (1, 0), "level": 1, "kinds": ["cat"], "by_kind": {"cat": 1}}
    made = Pet.model_validate(fields)
    made.kinds.append(Kind.DOG)
    made.by_kind[Kind.DOG] = 2
    return made


class Base(BaseModel):
    size: int = 0


class Large(Base):
    rooms: int = 5


class Holder(BaseModel):
    one: SerializeAsAny[Base] = Base()
    many: list[SerializeAsAny[Base]] = []
    anything: SerializeAsAny[Any] = None


First = Annotated[int | str | None, Field(union_mode="left_to_right")]


@dataclass
class Sets:
    abstract: AbstractSet[int]
    frozen: frozenset[int]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Pet, Pet()),
        (Pet, pet()),
        (list[Pet | str], [Pet(), pet()]),
        (Holder, Holder(one=Large(rooms=2), many=[Base(), Large()], anything=Large())),
        (First, "1"),
        (First, 1),
        (dict[str, First], {"a": "1", "b": 1, "c": None}),
        (list[Annotated[float | bool | int, Field(union_mode="left_to_right")]], [True, 1, 1.0]),
        (Sets, Sets(frozenset({1}), frozenset({2}))),
    ],
)
def test_they_come_back(type_: Any, value: Any) -> None:
    codec = Codec().of(type_)
    assert exactly(codec.load_kept(codec.write(value))) == exactly(value)


def test_a_set_where_either_kind_is_declared() -> None:
    codec = Codec().of(Sets)
    assert codec.load_kept(codec.write(Sets({1}, frozenset({2})))).abstract == {1}


def test_what_others_send_is_read_by_pydantics_rules() -> None:
    codecs = Codec()
    assert codecs.of(First).load('"1"') == 1
    read = codecs.of(Pet).load('{"kind": "dog", "corner": "RIGHT"}')
    assert (read.kind, read.corner, read.level) == ("dog", (1, 0), Level.LOW)
    with pytest.raises(DecodeError, match="kind: Input should be 'cat' or 'dog'"):
        codecs.of(Pet).load('{"kind": "cow"}')
    with pytest.raises(DecodeError, match="'Cow' is none of its types: Kind"):
        codecs.of(Pet).load('{"kind": {"$type": "Cow", "value": "dog"}}')


def test_a_class_of_the_graphs_may_have_the_name_of_one_of_pythons() -> None:
    made = type("Counter", (), {"__annotations__": {"n": int}, "__module__": __name__})
    own: Any = dataclass(made)
    codecs = Codec()
    codecs.declare(own)
    codec, values = codecs.of(Any), [own(1), Counter("ab")]
    assert exactly(codec.load(codec.dump(values))) == exactly(values)


class Cat(BaseModel):
    lives: int = 9


class Dog(BaseModel):
    lives: int = 1


class Puppy(Dog):
    months: int = 2


def of_pet(value: Any) -> str:
    """Says of the JSON of a dog that it is a cat."""
    if isinstance(value, dict):
        return str(cast("dict[str, Any]", value).get("kind", "cat"))
    return "cat" if isinstance(value, Cat) else "dog"


def of_kind(value: Any) -> str:
    return type(value).__name__


Chosen = Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(of_pet)]
Plain = Annotated[
    Annotated[date, Tag("date")] | Annotated[str, Tag("str")] | Annotated[frozenset[int], Tag("frozenset")],
    Discriminator(of_kind),
]


class Pets(BaseModel):
    one: Chosen = Cat()
    other: Chosen | None = None
    by_name: dict[str, Chosen] = {}


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (list[Chosen], [Cat(), Dog(), Puppy()]),
        (Pets, Pets(one=Dog(), other=Puppy(months=3), by_name={"a": Dog(lives=2), "b": Cat()})),
        (list[Plain], [date(2026, 1, 1), "2026-01-01", frozenset({1})]),
    ],
)
def test_what_a_function_tells_apart(type_: Any, value: Any) -> None:
    codec = Codec().of(type_)
    assert exactly(codec.load_kept(codec.write(value))) == exactly(value)


def test_json_that_a_function_tells_apart() -> None:
    codec = Codec().of(list[Chosen])
    assert (
        codec.write([Cat(), Dog()])
        == '[{"lives":9,"$unset":["lives"]},{"$type":"dog","value":{"lives":1,"$unset":["lives"]}}]'
    )
    assert codec.load('[{"kind": "dog", "lives": 2}, {}]') == [Dog(lives=2), Cat()]
    with pytest.raises(DecodeError, match="'cow' is none of its types: cat, dog, Puppy"):
        codec.load('[{"$type": "cow", "value": {}}]')


class Place(NamedTuple):
    x: int = 0


class NamedPlace(Place):
    pass


def test_a_subclass_of_a_named_tuple() -> None:
    codec, values = Codec().of(list[Place | None]), [Place(1), NamedPlace(2), None]
    assert exactly(codec.load(codec.write(values))) == exactly(values)


@pytest.mark.parametrize("value", [{"a": (1,)}, {"$type": "tuple", "value": [1]}, [1, "x"], None])
def test_json_of_which_nothing_is_declared(value: Any) -> None:
    codec = Codec().of(Json)
    assert exactly(codec.load(codec.write(value))) == exactly(value)


class Deferred(BaseModel):
    """Is built when it is first needed, with what comes after it."""

    model_config = ConfigDict(defer_build=True)
    later: Point | None = None


class Point(NamedTuple):
    x: int
    y: int = 0


def test_classes_where_nothing_is_declared() -> None:
    codecs = Codec()
    for type_ in (Base, Point):
        codecs.of(type_)
    codec, values = codecs.of(Any), [Base(), Large(rooms=2), Point(1, 2), (1, 2)]
    codecs.complete()
    assert exactly(codec.load(codec.dump(values))) == exactly(values)
    with pytest.raises(EncodeError, match=r"Sets.* is a Sets, where nothing is declared"):
        codec.dump(Sets(set(), frozenset()))


def test_a_model_that_is_built_later() -> None:
    codec = Codec().of(Deferred)
    assert codec.load(codec.dump(Deferred(later=Point(1)))) == Deferred(later=Point(1))


def test_a_member_in_place_of_its_value_is_a_change() -> None:
    codec, value = Codec().of(Pet), Pet.model_validate({"kind": "cat"})
    before = codec.write(value)
    value.kind = Kind.CAT
    assert diff(before, codec.write(value))
