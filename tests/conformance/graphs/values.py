"""Values on their way through a graph: each must come back as what it was, in type too, however deep inside."""

import math
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, RootModel, SecretStr, SerializeAsAny, computed_field
from pydantic_graph import Graph, GraphBuilder, StepContext, TypeExpression, reduce_list_append
from typing_extensions import TypeAliasType, TypedDict

from tests.conformance.case import Case, case

T = TypeVar("T")


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseModel):
        return same(dict(one), dict(other))
    if is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)
    if isinstance(one, float):
        return repr(one) == repr(other)  # -0.0 is not 0.0, and nan is nan
    return one == other


def relay(name: str, type_: Any, value: Any) -> Graph[Any, Any, Any, Any]:
    """Inputs, an edge, a transform that is lazy, a map with a join, the output: all of one type."""
    g = GraphBuilder(
        name=name, input_type=TypeExpression[type_], output_type=TypeExpression[type_], auto_instrument=False
    )

    @g.step(node_id="take")
    async def take(ctx: StepContext[None, None, type_]) -> list[type_]:
        assert same(ctx.inputs, value), ctx.inputs
        return [ctx.inputs, ctx.inputs]

    @g.step(node_id="look")
    async def look(ctx: StepContext[None, None, type_]) -> type_:
        assert same(ctx.inputs, value), ctx.inputs
        return ctx.inputs

    @g.step(node_id="give")
    async def give(ctx: StepContext[None, None, list[type_]]) -> type_:
        assert same(ctx.inputs, [value, value]), ctx.inputs
        return ctx.inputs[1]

    both = g.join(reduce_list_append, initial_factory=list[type_], node_id="both")
    g.add(
        g.edge_from(g.start_node).to(take),
        g.edge_from(take).map(fork_id="each", downstream_join_id=both.id).to(look),
        g.edge_from(look).transform(lambda ctx: ctx.inputs).to(both),
        g.edge_from(both).to(give),
        g.edge_from(give).to(g.end_node),
    )
    return g.build()


def relayed(id: str, type_: Any, value: Any, features: str = "") -> Case:
    """A case whose inputs come out unchanged."""

    def normalize(output: Any) -> Any:
        assert same(output, value), output
        return value  # it is equal, and `nan` would not be

    return case(id, relay(id, type_, value), f"values map join {features}", value, inputs=value, normalize=normalize)


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Unit(StrEnum):
    METRE = "m"


class Rights(Flag):
    READ = 1
    WRITE = 2


class Tupled(Enum):
    ORIGIN = (0, 0)
    ONE = (1, 1)


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass
class Approve:
    by: str
    note: str | None = None


@dataclass
class Reject:
    by: str
    note: str | None = None


class Cat(BaseModel):
    name: str


class Dog(BaseModel):
    name: str


@dataclass
class Animal:
    name: str


@dataclass
class Bird(Animal):
    wings: int = 2


class Shape(BaseModel):
    area: float


class Square(Shape):
    side: float = 1.0


class Created(BaseModel):
    kind: Literal["created"] = "created"
    at: datetime


class Deleted(BaseModel):
    kind: Literal["deleted"] = "deleted"
    why: str = ""


Event = Annotated[Created | Deleted, Field(discriminator="kind")]


@dataclass
class Box(Generic[T]):
    content: T


class Crate(BaseModel, Generic[T]):
    content: T
    spare: list[T] = []


class Movie(TypedDict):
    title: str
    year: NotRequired[int]
    premiere: NotRequired[date]


@dataclass
class Tree:
    value: int
    children: list["Tree"] = field(default_factory=list["Tree"])
    parent_name: Optional["Name"] = None


@dataclass(frozen=True, order=True)
class Name:
    first: str
    last: str = ""


Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | float | bool | None")


class Aliased(BaseModel):
    model_config = {"populate_by_name": True}

    full_name: str = Field(alias="fullName")
    secret: SecretStr = SecretStr("")
    hidden: int = Field(default=0, exclude=True)


@dataclass(slots=True, kw_only=True)
class Slotted:
    name: str
    length: int = field(init=False)

    def __post_init__(self) -> None:
        self.length = len(self.name)


class Numbers(RootModel[list[int]]):
    pass


class Strict(BaseModel):
    model_config = {"strict": True, "frozen": True}

    at: datetime
    pair: tuple[int, Decimal]
    tags: set[Colour]
    raw: bytes


class Holder(BaseModel):
    pet: Cat | Dog = Cat(name="Tom")
    anything: Any = None

    @computed_field
    @property
    def loud(self) -> str:
        return self.pet.name.upper()


@dataclass
class Number:
    value: int


@dataclass
class Plus:
    left: "Formula"
    right: "Formula"


@dataclass
class Times:
    left: "Formula"
    right: "Formula"


Formula = Number | Plus | Times


@dataclass
class Priced(ABC):
    name: str

    @abstractmethod
    def price(self) -> int: ...


@dataclass
class Tea(Priced):
    def price(self) -> int:
        return 2


@dataclass
class IntBox(Box[int]):
    label: str = ""


class Book(TypedDict):
    title: str
    pages: NotRequired[int]


class Priority(Enum):
    HIGH = Decimal("1.5")


class Open(BaseModel):
    model_config = {"extra": "allow"}

    known: int = 0


class Container(BaseModel):
    shape: SerializeAsAny[Shape]


NOON = datetime(2024, 2, 29, 12, 30, 1, 123456, tzinfo=UTC)
BERLIN = datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def nested_tree(depth: int) -> Tree:
    return Tree(depth, [nested_tree(depth - 1)] if depth else [])


TREE = Tree(1, [Tree(2, [Tree(3)]), Tree(4)], Name("Ada"))

CASES = [
    relayed("datetime_utc", datetime, NOON),
    relayed("datetime_offset", datetime, BERLIN),
    relayed("datetime_naive", datetime, datetime(1, 1, 1, 0, 0, 0, 1)),
    relayed("date_or_datetime", date | datetime, NOON, "union"),
    relayed("datetime_or_date", datetime | date, date(2024, 2, 29), "union"),
    relayed("date", date, date(2024, 2, 29)),
    relayed("time", time, time(23, 59, 59, 999999)),
    relayed("timedelta", timedelta, timedelta(days=400, microseconds=1)),
    relayed("timedelta_negative", timedelta, -timedelta(days=1, microseconds=7)),
    relayed("decimal", Decimal, Decimal("1.10")),
    relayed("decimal_long", Decimal, Decimal("123456789012345678901234567890.123456789012345678901234567890")),
    relayed("fraction", Fraction, Fraction(1, 3)),
    relayed("enum", Colour, Colour.GREEN),
    relayed("int_enum", Level, Level.HIGH),
    relayed("str_enum", Unit, Unit.METRE),
    relayed("flag", Rights, Rights.READ),
    relayed("enum_or_its_value", Colour | str, Colour.RED, "union"),
    relayed("value_or_its_enum", Colour | str, "red", "union"),
    relayed("int_or_int_enum", int | Level, 1, "union"),
    relayed("tuple", tuple[int, str, tuple[bool, ...]], (1, "a", (True, False))),
    relayed("empty_tuple", tuple[int, ...], ()),
    relayed("named_tuple", Point, Point(3)),
    relayed("list_of_named_tuples", list[Point], [Point(3, 4), Point(5)]),
    relayed("set", set[int], {3, 1, 2}),
    relayed("frozenset", frozenset[str], frozenset({"b", "a"})),
    relayed("set_of_tuples", set[tuple[int, str]], {(1, "a"), (2, "b")}),
    relayed("set_of_frozen", set[Name], {Name("Ada"), Name("Alan", "T")}),
    relayed("list_or_tuple_or_set", list[int] | tuple[int, ...] | set[int], (1, 2), "union"),
    relayed("set_in_union", list[int] | tuple[int, ...] | set[int], {1, 2}, "union"),
    relayed("bytes", bytes, b"\x00\xff\xfe text"),
    relayed("bytes_or_str", bytes | str, b"text", "union"),
    relayed("str_or_bytes", bytes | str, "text", "union"),
    relayed("uuid", UUID, UUID(int=7)),
    relayed("uuid_or_str", UUID | str, str(UUID(int=7)), "union"),
    relayed("path", Path, Path("a b") / "ü.txt"),
    relayed("ip_address", IPv4Address, IPv4Address("127.0.0.1")),
    relayed("same_shape_first", Approve | Reject, Approve("ana"), "union same_shape"),
    relayed("same_shape_second", Approve | Reject, Reject("bob", "no"), "union same_shape"),
    relayed("same_shape_models", Cat | Dog, Dog(name="Rex"), "union same_shape"),
    relayed(
        "same_shape_nested",
        list[Approve | Reject | list[Reject | None]],
        [Reject("b"), Approve("a"), [None, Reject("c")]],
        "union same_shape nested",
    ),
    relayed("same_shape_in_dict", dict[str, tuple[Cat | Dog, ...]], {"a": (Dog(name="x"), Cat(name="y"))}, "union"),
    relayed("optional_none", Approve | None, None, "union optional"),
    relayed("optional_some", Optional[Approve], Approve("ana"), "union optional"),  # noqa: UP045 - it is meant
    relayed("literal", Literal["a", 1, True, None], True, "literal"),
    relayed("literal_one", Literal["a", 1], 1, "literal"),
    relayed("subclass_of_dataclass", Animal, Bird("owl"), "subclass"),
    relayed("subclass_of_model", Shape, Square(area=4, side=2), "subclass"),
    relayed("subclasses_in_list", list[Animal], [Animal("cow"), Bird("owl", 3)], "subclass nested"),
    relayed("discriminated", Event, Deleted(why="old"), "union discriminated"),
    relayed("discriminated_in_list", list[Event], [Deleted(), Created(at=NOON)], "union discriminated"),
    relayed("generic_dataclass", Box[int], Box(1), "generic"),
    relayed("generic_model", Crate[int], Crate[int](content=1, spare=[2]), "generic"),
    relayed("generics_in_union", Crate[int] | Crate[str], Crate[str](content="1"), "generic union"),
    relayed(
        "generic_of_generic",
        Crate[Crate[Dog]],
        Crate[Crate[Dog]](content=Crate[Dog](content=Dog(name="x"))),
        "generic nested",
    ),
    relayed("dataclass_of_union", Box[Cat | Dog], Box(Dog(name="x")), "generic union"),
    relayed("typed_dict", Movie, {"title": "M", "premiere": date(1931, 5, 11)}, "typed_dict"),
    relayed("recursive_dataclass", Tree, TREE, "recursive"),
    relayed("recursive_alias", Json, {"a": [1, 1.0, True, None, {"b": "x"}], "": {}}, "recursive union"),
    relayed("int_or_float", int | float, 1.0, "union"),
    relayed("float_or_int", float | int, 1, "union"),
    relayed("bool_or_int", int | bool | float, True, "union"),
    relayed("numbers", list[int | float | bool | str], [1, 1.0, True, "1", 0, 0.0, False, ""], "union"),
    relayed("floats", list[float], [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, 0.1 + 0.2]),
    relayed("big_ints", list[int], [2**63, -(2**64), 10**60]),
    relayed("strings", list[str], ["", "\x00", "ünï", "👩‍👩‍👧", "\u2028", '"\\', "null", "\n"]),
    relayed("int_keys", dict[int, str], {2: "b", -1: "a"}, "keys"),
    relayed("tuple_keys", dict[tuple[int, str], int], {(1, "a"): 1, (2, "b"): 2}, "keys"),
    relayed("enum_keys", dict[Colour, int], {Colour.GREEN: 1, Colour.RED: 2}, "keys"),
    relayed("int_enum_keys", dict[Level, int], {Level.HIGH: 1, Level.LOW: 2}, "keys"),
    relayed("date_keys", dict[date, list[int]], {date(2024, 1, 1): [1]}, "keys"),
    relayed("bool_keys", dict[bool, int], {True: 1, False: 2}, "keys"),
    relayed("mixed_keys", dict[int | str | None, int], {1: 1, "1": 2, None: 3}, "keys union"),
    relayed("frozen_keys", dict[Name, Name], {Name("a"): Name("b")}, "keys"),
    relayed("dollar_keys", dict[str, Any], {"$type": "int", "value": 1}, "keys any"),
    relayed("dollar_str_keys", dict[str, str], {"$type": "int", "value": "x"}, "keys"),
    relayed("any_json", Any, {"a": [1, 1.5, None, True, "x", {}], "$type": {"value": 1}}, "any"),
    relayed("any_builtins", Any, [NOON, date(2024, 1, 1), (1, {2}), b"\xff", UUID(int=1), Decimal("1.0")], "any"),
    relayed("any_keys", dict[Any, Any], {1: "a", (1, 2): "b", None: "c"}, "any keys"),
    relayed("any_declared", Any | Approve, {"a": Approve("ana")}, "any"),
    relayed("counter", Counter[str], Counter("abca")),
    relayed("default_dict", defaultdict[str, list[int]], defaultdict(list, {"a": [1]})),
    relayed("ordered_dict", OrderedDict[str, int], OrderedDict(b=1, a=2)),
    relayed("deque", deque[int], deque([1, 2])),
    relayed("alias", Aliased, Aliased(fullName="Ada", secret=SecretStr("x"), hidden=3), "alias secret exclude"),
    relayed("slots", Slotted, Slotted(name="abc"), "init_false slots"),
    relayed("none", None, None, "none"),
    relayed("root_model", Numbers | None, Numbers([1, 2]), "root_model"),
    relayed(
        "strict_model", Strict, Strict(at=NOON, pair=(1, Decimal("1.0")), tags={Colour.RED}, raw=b"\xff"), "strict"
    ),
    relayed("model_of_any", Holder, Holder(pet=Dog(name="x"), anything=[Cat(name="y"), (NOON,)]), "computed any union"),
    relayed("formula", Formula, Plus(Number(1), Times(Number(2), Number(3))), "union recursive same_shape"),
    relayed("formulas", list[Formula], [Times(Number(2), Number(3))], "union recursive same_shape nested"),
    relayed("abstract_class", list[Priced], [Tea("green")], "subclass abstract"),
    relayed("subclass_of_generic", Box[int], IntBox(1, "x"), "subclass generic"),
    relayed("model_without_its_type", Crate, Crate[int](content=1), "subclass generic any"),
    relayed("deep", Tree, nested_tree(60), "recursive"),
    relayed("bare_collections", tuple, (1, [(2,)], {3: {4}}, frozenset("a")), "any"),
    relayed("int_enum_or_int", int | Level, Level.LOW, "union"),
    relayed("str_or_str_enum", str | Unit | None, Unit.METRE, "union"),
    relayed("tuple_or_named_tuple", tuple[int, int] | Point, Point(1, 2), "union"),
    relayed("generic_dataclasses_in_union", Box[int] | Box[str], Box("1"), "generic union"),
    relayed("generics_of_classes_in_union", Box[Cat] | Box[Dog], Box(Dog(name="x")), "generic union"),
    relayed("typed_dict_union", Movie | Book, {"title": "x", "pages": 3}, "typed_dict union"),
    relayed("dict_or_model", Cat | dict[str, str], {"name": "x"}, "union"),
    relayed("list_or_root_model", Numbers | list[int], [1, 2], "union root_model"),
    relayed("object", object, {"a": (1, None)}, "any"),
    relayed("list_of_models", list[Shape | None], [Square(area=1), None, Shape(area=0)], "subclass union"),
    relayed("enum_of_tuples", Tupled, Tupled.ONE),
    relayed("enum_of_decimals", Priority, Priority.HIGH),
    relayed("literal_bytes", Literal[b"x"], b"x", "literal"),
    relayed("enum_literal_or_str", Literal[Colour.RED, "red"], Colour.RED, "literal"),
    relayed("float_or_str", list[float | str], [math.nan, "NaN", math.inf, "Infinity"], "union"),
    relayed("any_float", Any, [math.nan, math.inf, "NaN"], "any"),
    relayed("decimal_special", list[Decimal], [Decimal("Infinity"), Decimal("-0")]),
    relayed("serialize_as_any", Container, Container(shape=Square(area=1, side=2)), "subclass"),
    relayed("extra_fields", Open, Open(known=1, other=NOON), "extra any"),
]

LIMITS: list[Case] = [
    relayed("sequence", Sequence[int], (1, 2)),
    relayed("mapping", Mapping[str, int], OrderedDict(a=1)),
    relayed("abstract_set", AbstractSet[int], {1, 2}),
    relayed("date_that_is_a_datetime", date, NOON, "subclass"),
    relayed("str_that_is_an_enum", str, Unit.METRE, "subclass"),
    relayed("int_that_is_a_bool", int, True, "subclass"),
]
"""Values that do not come back as what they were, or are refused: JSON and the declared type cannot tell."""
