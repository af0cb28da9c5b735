"""Every kind of schema that pydantic has: what becomes of its values, looked at more strictly than by `==`."""

from __future__ import annotations

import collections
import enum
import re
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, get_args
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    Json,
    PlainSerializer,
    PlainValidator,
    PostgresDsn,
    RootModel,
    SecretBytes,
    SecretStr,
    SerializerFunctionWrapHandler,
    Tag,
    WrapSerializer,
    WrapValidator,
    computed_field,
    condecimal,
    field_serializer,
    model_serializer,
    model_validator,
)
from pydantic_core import MultiHostUrl, Url, core_schema
from typing_extensions import TypedDict

from temporal_graph.codec import Codec, EncodeError, UnsupportedTypeError
from temporal_graph.codec.dynamic import BUILTINS
from tests.codec.strictly import exactly

T = TypeVar("T")
BERLIN, UTC = ZoneInfo("Europe/Berlin"), UTC
NOON = datetime(2026, 3, 28, 12, 0, 0, 1)


class Colour(enum.Enum):
    RED = "red"
    ONE = 1
    ONE_TEXT = "1"
    HALF = 0.5


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Puppy(Dog):
    months: int = 0


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    friends: list[Pet] = []


class Robot(Dog):
    kind: Literal["robot"] = "robot"  # pyright: ignore[reportIncompatibleVariableOverride]


Pet = Annotated[Dog | Cat, Field(discriminator="kind")]
Cat.model_rebuild()
ByFunction = Annotated[
    Annotated[Dog, Tag("d")] | Annotated[Cat, Tag("c")],
    Discriminator(
        lambda value: "c" if isinstance(value, Cat) or (isinstance(value, dict) and "friends" in value) else "d"
    ),
]


class Patch(BaseModel):
    name: str = ""
    email: str | None = None
    tags: list[str] = Field(default_factory=list)


class Strict(Patch):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    at: datetime = NOON


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 0


class Sparse(BaseModel):
    discount: int = Field(5, exclude_if=lambda value: value == 0)
    hidden: int = Field(1, exclude=True)


@dataclass
class SparseData:
    discount: Annotated[int, Field(exclude_if=lambda value: value == 0)] = 5
    hidden: Annotated[int, Field(exclude=True)] = 1
    made: list[int] = field(init=False, default_factory=list)
    key: int = field(default=0, kw_only=True, repr=False, compare=False)


class OpenDict(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # pyright: ignore[reportGeneralTypeIssues]
    a: int


class ShutDict(TypedDict, total=False):
    a: int
    b: datetime


class Point(NamedTuple):
    x: int
    at: datetime


class Shown(BaseModel):
    """What others see of it is less than it is."""

    amount: Decimal = Decimal(0)
    at: datetime = NOON
    secret: str = ""
    parts: list[float] = []

    @field_serializer("amount")
    def _amount(self, value: Decimal) -> str:
        return f"{value:.1f}"

    @field_serializer("at")
    def _at(self, value: datetime) -> int:
        return int(value.timestamp())

    @field_serializer("parts", mode="wrap")
    def _parts(self, value: list[float], handler: SerializerFunctionWrapHandler) -> Any:
        return [round(item) for item in handler(value)]

    @field_serializer("secret")
    def _secret(self, value: str) -> str:
        return "***"

    @computed_field
    @property
    def double(self) -> Decimal:
        return self.amount * 2


class Told(BaseModel):
    name: str = ""
    hidden: int = 0

    @model_serializer
    def _tell(self) -> dict[str, Any]:
        return {"name": self.name}


class Unprecise(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float", ser_json_temporal="seconds", ser_json_inf_nan="null")
    wait: timedelta = timedelta(0)
    at: datetime = NOON
    number: float = 0.0


class Prepared(Patch):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, data: Any) -> Any:
        assert not isinstance(data, dict) or set(data) <= {"name", "email", "tags"}
        return data


class Aliased(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    one: int = Field(0, alias="eins")
    two: int = Field(0, validation_alias=AliasChoices("zwei", AliasPath("zahlen", 1)), serialization_alias="ZWEI")


class Crate(BaseModel, Generic[T]):
    content: T
    spare: T | None = None


class Numbers(RootModel[list[int]]):
    pass


class Money:
    """Of no kind that pydantic knows; its annotations say how it is read and written."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return hash(self.cents)


Priced = Annotated[
    Money,
    PlainValidator(lambda value: value if isinstance(value, Money) else Money(int(value.removesuffix(" ct")))),
    PlainSerializer(lambda value: f"{value.cents} ct"),
]

BACK: dict[str, list[tuple[Any, list[Any]]]] = {
    "any": [(Any, [1, 1.0, True, -0.0, (1, [2]), {"b": 1, "a": 2}, NOON.replace(tzinfo=BERLIN), {1: {2}}])],
    "none": [(None, [None])],
    "bool": [(bool, [True, False])],
    "int": [(int, [0, -1, 2**70])],
    "float": [(float, [0.0, -0.0, 1e300, 5e-324, float("inf"), float("nan"), 0.1 + 0.2, 1.0])],
    "decimal": [
        (Decimal, [Decimal(text) for text in ("1.10", "1E+2", "-0", "NaN", "Infinity", "0.1000000000000000000001")]),
        (Annotated[Decimal, Field(max_digits=8, decimal_places=2)], [Decimal("1.10"), Decimal("-0.00")]),
        (condecimal(max_digits=4), [Decimal("1.10")]),
    ],
    "fraction": [(Fraction, [Fraction(1, 3)])],
    "str": [(str, ["", "\x00", "ü", "null", "1"]), (Annotated[str, Field(max_length=3)], ["abc"])],
    "bytes": [(bytes, [b"", b"\xff\x00", b"text"]), (dict[str, bytes], [{"a": b"\xff"}])],
    "date": [
        (date, [date(1, 1, 1), date(9999, 12, 31)]),
        (dict[date, int], [{date(2026, 1, 2): 1, date(2026, 1, 1): 2}]),
    ],
    "time": [
        (time, [time(1, 2, 3, 4), time(1, tzinfo=UTC), time(1, tzinfo=BERLIN), time(1, fold=1)]),
        (dict[time, int], [{time(1, tzinfo=BERLIN): 1}]),
    ],
    "datetime": [
        (
            datetime,
            [
                NOON,
                NOON.replace(tzinfo=UTC),
                NOON.replace(tzinfo=BERLIN),
                NOON.replace(tzinfo=ZoneInfo("UTC")),
                NOON.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
                NOON.replace(tzinfo=timezone(timedelta(hours=1), "CET")),
                NOON.replace(tzinfo=timezone(timedelta(hours=1, seconds=1))),
                datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
                datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
                datetime(2026, 10, 25, 2, 30, fold=1),
                datetime(1800, 1, 1, tzinfo=BERLIN),
                datetime.min,
                datetime.max,
            ],
        ),
        (dict[datetime, int], [{NOON.replace(tzinfo=BERLIN): 1, NOON: 2}]),
        (datetime | str | None, [NOON.replace(tzinfo=BERLIN), "2026-01-01T00:00:00[Europe/Berlin]", None]),
        (Strict, [Strict(at=NOON.replace(tzinfo=BERLIN, fold=1))]),
    ],
    "timedelta": [
        (timedelta, [timedelta(microseconds=1), timedelta(days=-3, microseconds=-1), timedelta(days=400_000)])
    ],
    "literal": [(Literal["a", 1, True, None], ["a", 1, True, None]), (Literal[b"x", 0], [b"x", 0])],
    "enum": [
        (Colour, list(Colour)),
        (Level, list(Level)),
        (Rights, [Rights.READ, Rights.READ | Rights.WRITE, Rights(0)]),
    ],
    "list": [(list[int | float], [[1, 1.0, 2]]), (list, [[(1,), {2}]])],
    "deque": [
        (
            collections.deque[int],
            [collections.deque([1, 2]), collections.deque([1], maxlen=3), collections.deque(maxlen=0)],
        ),
        (collections.deque[Dog], [collections.deque([Puppy(months=1)], maxlen=1)]),
        (collections.deque[int] | None, [collections.deque([1], maxlen=3), None]),
        (collections.deque[int] | list[int], [collections.deque([1], maxlen=3), [1]]),
    ],
    "tuple": [(tuple[int, str], [(1, "a")]), (tuple[float, ...], [(1.0, -0.0), ()])],
    "set": [(set[int | str], [{1, "1"}]), (set[tuple[int, datetime]], [{(1, NOON.replace(tzinfo=BERLIN))}])],
    "frozenset": [(frozenset[Level], [frozenset(Level)])],
    "generator": [],
    "dict": [
        (dict[str, int], [{"b": 1, "a": 2}]),
        (dict[float, int], [{-0.0: 1, float("inf"): 2, 1.5: 3}]),
        (dict[tuple[int, str], Any], [{(2, "b"): (1,), (1, "a"): None}]),
        (dict[Colour, int], [{Colour.HALF: 1, Colour.RED: 2}]),
        (dict, [{1: {2: (3,)}, "$type": "x"}]),
    ],
    "frozendict": [],
    "ordered-dict": [
        (collections.OrderedDict[str, int], [collections.OrderedDict(b=1, a=2)]),
        (collections.OrderedDict[tuple[int, int], int], [collections.OrderedDict({(2, 2): 1, (1, 1): 2})]),
        (collections.OrderedDict, [collections.OrderedDict({(2, 2): {1}, "a": 2})]),
    ],
    "counter": [
        (collections.Counter[str], [collections.Counter("abca"), collections.Counter(a=-1, b=0)]),
        (collections.Counter[tuple[int, int]], [collections.Counter([(1, 2), (1, 2)])]),
        (collections.Counter[datetime], [collections.Counter([NOON.replace(tzinfo=BERLIN)])]),
    ],
    "function-after": [
        (Annotated[int, AfterValidator(abs)], [5]),
        (SecretStr, [SecretStr("x")]),
        (SecretBytes, [SecretBytes(b"\xff")]),
    ],
    "function-before": [
        (Annotated[int, BeforeValidator(lambda value: int(str(value).removesuffix(" ct")))], [5]),
        (
            Annotated[
                int,
                BeforeValidator(lambda value: int(str(value).removesuffix(" ct"))),
                PlainSerializer(lambda value: f"{value} ct"),
            ],
            [5],
        ),
    ],
    "function-wrap": [
        (Annotated[int, WrapValidator(lambda value, handler: handler(value))], [5]),
        (collections.defaultdict[str, list[int]], [collections.defaultdict(list, {"b": [1], "a": []})]),
    ],
    "function-plain": [
        (Priced, [Money(5)]),
        (re.Pattern[str], [re.compile("a.b"), re.compile("(?i)a"), re.compile("a", re.IGNORECASE | re.DOTALL)]),
        (re.Pattern[bytes], [re.compile(b"\xff", re.IGNORECASE), re.compile(b"a")]),
        (re.Pattern, [re.compile("a", re.VERBOSE), re.compile(b"a")]),
        (ZoneInfo, [BERLIN]),
        (ByteSize, [ByteSize(5)]),
    ],
    "default": [(Sparse, [Sparse(discount=0, hidden=7), Sparse()]), (SparseData, [SparseData(0, 7, key=3)])],
    "nullable": [(datetime | None, [None, NOON.replace(tzinfo=BERLIN)]), (list[int] | None, [[], None])],
    "union": [
        (int | float | str, [1, 1.0, "1"]),
        (list[int] | tuple[int, ...] | set[int], [[1], (1,), {1}]),
        (int | bool, [True, 1]),
    ],
    "tagged-union": [
        (list[Pet], [[Puppy(months=3), Dog(), Cat(friends=[Puppy(months=1), Cat()]), Robot()]]),
        (Pet | None, [Puppy(), None, Cat()]),
        (Pet | int, [Puppy(), 3]),
        (ByFunction, [Puppy(months=1), Cat()]),
    ],
    "chain": [(collections.defaultdict[str, int], [collections.defaultdict(int, {"a": 1})])],
    "lax-or-strict": [(PurePosixPath, [PurePosixPath("/a/b")]), (IPv4Address, [IPv4Address("127.0.0.1")])],
    "json-or-python": [
        (IPv6Address, [IPv6Address("::1"), IPv6Address("fe80::1%eth0")]),
        (IPv4Network, [IPv4Network("10.0.0.0/8")]),
    ],
    "typed-dict": [
        (ShutDict, [{"a": 1, "b": NOON.replace(tzinfo=BERLIN)}, {}]),
        (OpenDict, [{"a": 1, "z": (1, {2}), "b": NOON.replace(tzinfo=BERLIN)}]),
    ],
    "model-fields": [(Aliased, [Aliased.model_validate({"eins": 1, "zwei": 2})])],
    "model": [
        (Patch, [Patch(), Patch(name=""), Patch(name="x", email=None), Patch(name="", email="", tags=[])]),
        (list[Patch], [[Patch(name="x"), Strict(email="y")]]),
        (Strict, [Strict(name="x")]),
        (Patch, [Patch.model_construct(_fields_set={"email"}, name="a", email="b", tags=["c"])]),
        (list[Prepared], [[Prepared(name="x"), Prepared(email=None)]]),
        (Open, [Open(), Open(z=(1,), a=NOON.replace(tzinfo=BERLIN)), Open(known=1, other={2})]),
        (Shown, [Shown(amount=Decimal("1.2345"), at=NOON, secret="x", parts=[0.5])]),
        (Told, [Told(name="a", hidden=7)]),
        (Unprecise, [Unprecise(wait=timedelta(microseconds=1), at=NOON, number=float("nan"))]),
        (Crate[Patch], [Crate[Patch](content=Patch(email="x")), Crate[Patch](content=Patch(), spare=None)]),
        (Numbers, [Numbers([1, 2])]),
        (Patch | Sparse, [Sparse(discount=0), Patch(name="a")]),
        (Any, [Patch(name="a"), [Puppy()]]),
    ],
    "dataclass-args": [],
    "dataclass": [(SparseData, [SparseData(0, 0)])],
    "named-tuple": [(Point, [Point(1, NOON.replace(tzinfo=BERLIN))])],
    "call": [(list[Point], [[Point(1, NOON)]])],
    "arguments": [],
    "arguments-v3": [],
    "custom-error": [],
    "json": [
        (Json[list[int]], [[1, 2]]),
        (Json[str], ["5", "abc"]),
        (Json[Any], ["5", 5, {"b": 1, "a": [None]}]),
        (Json, [{"a": "1"}]),
        (Json[list[int]] | str, [[1], "[1]"]),
        (Json[Patch], [Patch(name="x")]),
        (dict[str, Json[datetime]], [{"a": NOON.replace(tzinfo=BERLIN)}]),
    ],
    "url": [(HttpUrl, [HttpUrl("https://example.org/a?b=c#d")]), (Url, [Url("https://example.org/")])],
    "multi-host-url": [
        (PostgresDsn, [PostgresDsn("postgres://u:p@a:1,b:2/db")]),
        (MultiHostUrl, [MultiHostUrl("https://a,b/")]),
    ],
    "definitions": [(Cat, [Cat(friends=[Cat(friends=[Puppy()])])])],
    "definition-ref": [(list[Cat], [[Cat(friends=[Dog()])]])],
    "uuid": [(uuid.UUID, [uuid.UUID(int=7)])],
    "complex": [(complex, [1 + 2j, complex("nan"), complex(-0.0, 1)])],
    "is-instance": [],
    "is-subclass": [],
    "callable": [],
    "invalid": [],
    "missing-sentinel": [],
    "ellipsis": [],
}
"""By kind of schema: types that have it, with values that come back as what they were."""


@dataclass
class HasIterable:
    items: Iterable[int]


@dataclass
class Forgets:
    gone: InitVar[int]


class Plain:
    pass


class HasPlain(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    plain: Plain


REFUSED: dict[str, list[Any]] = {
    "is-instance": [HasPlain, Annotated[HasPlain, Field()]],
    "is-subclass": [type[int], type[Dog], list[type[Dog]], type],
    "callable": [Callable[[int], int], Callable],
    "dataclass-args": [Forgets],
    "invalid": [Plain],
}
"""Types that are refused when a graph is wrapped."""

ELSEWHERE = {
    "generator": "read once, and a list from then on: see below",
    "frozendict": "a type of Python 3.15",
    "arguments": "of a function's parameters; no value has such a type",
    "arguments-v3": "of a function's parameters; no value has such a type",
    "call": "of named tuples, before pydantic 2.13",
    "custom-error": "another error for what a schema inside refuses",
    "missing-sentinel": "one value, which is left out: see below",
    "ellipsis": "one value: see below",
}


def codec_of(type_: Any) -> Any:
    made = Codec()
    made.of(list[Patch | Puppy | Dog])  # among the types of the graph
    return made.of(type_)


def test_every_kind_is_here() -> None:
    kinds = set(get_args(core_schema.CoreSchemaType))
    assert kinds <= set(BACK), "pydantic has a new kind of schema: say here what becomes of its values"
    for kind in kinds:
        assert BACK[kind] or kind in REFUSED or kind in ELSEWHERE, kind


CASES = [(kind, type_, value) for kind, types in BACK.items() for type_, values in types for value in values]


@pytest.mark.parametrize(
    ("kind", "type_", "value"), CASES, ids=[f"{kind}-{number}" for number, (kind, _, _) in enumerate(CASES)]
)
def test_a_value_comes_back_exactly(kind: str, type_: Any, value: Any) -> None:
    codec = codec_of(type_)
    written = codec.dump(value)
    assert exactly(codec.load(written)) == exactly(value), written
    assert codec.dump(codec.load(written)) == written


@pytest.mark.parametrize("type_", [type_ for types in REFUSED.values() for type_ in types])
def test_a_type_that_is_refused(type_: Any) -> None:
    with pytest.raises(UnsupportedTypeError):
        codec_of(type_)


@pytest.mark.parametrize("type_", [Iterable[int], Iterator[int], Generator[int, None, None]])
def test_what_is_read_once_is_a_list_from_then_on(type_: Any) -> None:
    codec = codec_of(type_)
    assert exactly(codec.load(codec.dump(number for number in range(3)))) == exactly([0, 1, 2])


def test_what_is_read_once_inside_of_something() -> None:
    codec = codec_of(HasIterable)
    for items in ([0, 1], (0, 1), iter([0, 1]), range(2)):
        read = codec.load(codec.dump(HasIterable(items)))
        assert exactly(read.items) == exactly([0, 1])
        assert codec.load(codec.dump(read)) == read


def test_an_extra_field_that_was_deleted_hides_no_other_that_was_not_set() -> None:
    value = Open(z=1)
    del value.z  # pydantic still has its name among those that were set
    codec = codec_of(Open)
    assert codec.load(codec.dump(value)).model_fields_set == set()


def test_a_key_that_a_typed_dict_does_not_declare() -> None:
    with pytest.raises(EncodeError, match="ShutDict has no key 'z', which would be lost; its keys: a, b"):
        codec_of(ShutDict).dump({"a": 1, "z": 2})


def test_what_the_builtins_of_nothing_declared_are_written_by() -> None:
    values: list[Any] = [
        *(b"\xff", NOON.replace(tzinfo=BERLIN, fold=1), date(1, 1, 1), time(1, tzinfo=BERLIN), timedelta(0, 0, 1)),
        *(complex(-0.0, 1), Fraction(1, 3), Path("a"), re.compile("a", re.IGNORECASE), re.compile(b"a")),
        *(
            IPv4Address("1.2.3.4"),
            IPv6Address("::1"),
            collections.deque([(1,), {2}], maxlen=2),
            collections.Counter("aab"),
        ),
        collections.OrderedDict({"b": (1,), "a": collections.Counter({(1, 2): 3})}),
    ]
    assert {type(value) for value in values} | {Decimal, uuid.UUID} == set(BUILTINS.values())
    codec = codec_of(Any)
    for value in values:
        assert exactly(codec.load(codec.dump(value))) == exactly(value)


# -- What others write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (datetime, '"2026-01-01T00:00:00+01:00"', datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        (datetime, '"2026-01-01T00:00:00Z[UTC][u-ca=iso8601]"', datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))),
        (datetime, "1767225600", datetime(2026, 1, 1, tzinfo=UTC)),
        (collections.deque[int], "[1,2]", collections.deque([1, 2])),
        (Json[list[int]], '"[1,2]"', [1, 2]),
        (Patch, '{"name":"x"}', Patch(name="x")),
        (Pet, '{"kind":"cat"}', Cat(kind="cat")),
        (Pet, '{"$type":"Puppy","value":{"months":2}}', Puppy(months=2)),
        (
            Unprecise,
            '{"wait":1.5,"at":1767225600}',
            Unprecise(wait=timedelta(seconds=1.5), at=datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        (re.Pattern, '"a"', re.compile("a")),
    ],
)
def test_plain_json_is_read_too(type_: Any, text: str, value: Any) -> None:
    assert exactly(codec_of(type_).load(text)) == exactly(value)


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        (datetime, '"2026-01-01T00:00:00Z[Middle/Earth]"', "no time zone 'Middle/Earth' here"),
        (datetime, '"soon[Europe/Berlin]"', "valid datetime"),
        (Pet, '{"$type":"Wolf","value":{}}', "'Wolf' is none of its types: Puppy, Robot"),
        (Pet, '{"kind":"wolf"}', "kind"),
        (Json[list[int]], '"[1"', "JSON"),
    ],
)
def test_what_cannot_be_read_says_why(type_: Any, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        codec_of(type_).load(text)


def test_partial_functions_and_plain_values_of_user_written_fields() -> None:
    """A function that writes, beside one that reads what it writes, is kept."""
    read = partial(lambda suffix, value: int(str(value).removesuffix(suffix)), " ct")
    type_ = Annotated[int, BeforeValidator(read), WrapSerializer(lambda value, handler: f"{handler(value)} ct")]
    codec = codec_of(type_)
    assert codec.dump(5) == b'"5 ct"'
    assert codec.load(b'"5 ct"') == 5
