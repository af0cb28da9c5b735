"""Serializers and validators that do not fit each other: the value comes back nevertheless, or its writer is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    RootModel,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import core_schema
from pydantic_graph import End, GraphBuilder, GraphRunContext, StepContext, reduce_null
from typing_extensions import TypedDict

from temporal_graph import (
    GraphInputError,
    GraphRunError,
    InterruptibleGraph,
    InterruptNode,
    Merge,
    Required,
    TemporalGraph,
    interrupt,
)
from temporal_graph.codec import Codec, EncodeError
from tests.codec.strictly import exactly


def looked_at(value: Any) -> Any:
    return value


Looked = AfterValidator(looked_at)
Tenth = Annotated[float, Looked, PlainSerializer(lambda number: round(number, 1))]
Marked = Annotated[
    Decimal,
    BeforeValidator(lambda text: Decimal(text.removeprefix("x"))),
    PlainSerializer(lambda number: f"x{number:.1f}"),
]
Euros = Annotated[
    Decimal, PlainSerializer(lambda number: float(round(number, 2))), BeforeValidator(lambda value: Decimal(str(value)))
]
Hundreds = Annotated[int, AfterValidator(lambda n: n * 100), PlainSerializer(lambda n: n // 100)]
Day = Annotated[datetime, Looked, PlainSerializer(lambda at: at.date().isoformat())]
Moment = Annotated[datetime, Looked, PlainSerializer(datetime.isoformat)]


class Shown(BaseModel):
    """What others see of it is rounded, and says nothing of its cache."""

    price: float = 0
    seen: dict[str, int] = {}
    _known: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _count(self) -> Shown:
        self._known = len(self.seen)
        return self

    @computed_field
    @property
    def double(self) -> float:
        return self.price * 2

    @model_serializer
    def shown(self) -> dict[str, Any]:
        return {"price": round(self.price, 1)}


class Renamed(BaseModel):
    one: int = 1

    @model_validator(mode="before")
    @classmethod
    def _looked(cls, data: Any) -> Any:
        return data

    @model_serializer
    def shown(self) -> dict[str, Any]:
        return {"ONE": self.one}


class Joined(BaseModel):
    tags: list[str]

    @field_validator("tags", mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @field_serializer("tags")
    def joined(self, value: list[str]) -> str:
        return ",".join(value)


class Base(BaseModel):
    a: int = 1
    b: str = "x"

    @model_validator(mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        return dict(zip("ab", value.split(":"), strict=True)) if isinstance(value, str) else value

    @model_serializer
    def joined(self) -> str:
        return f"{self.a}:{self.b}"


class Sub(Base):
    c: int = 0


class Numbers(RootModel[list[int]]):
    @model_validator(mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    @model_serializer
    def joined(self) -> str:
        return " ".join(map(str, self.root[:2]))


class Span(BaseModel):
    start: int
    end: float

    @field_validator("end")
    @classmethod
    def after_start(cls, value: float, info: Any) -> float:
        assert value > info.data["start"]
        return value

    @field_serializer("end")
    def shown(self, value: float) -> int:
        return int(value)


class Pair(NamedTuple):
    left: Tenth
    right: Tenth


class Row(TypedDict):
    cell: Tenth


class Left(BaseModel):
    kind: Literal["left"] = "left"
    at: Tenth = 0


class Leftmost(Left):
    n: int = 0


class Right(BaseModel):
    kind: Literal["right"] = "right"


class Tree(BaseModel):
    at: Tenth
    parts: list[Tree] = []


class Total(BaseModel):
    """With validators alone, that make another value of what they get."""

    items: Annotated[list[int], BeforeValidator(lambda items: sorted(set(items)))] = []
    names: Annotated[dict[str, int], BeforeValidator(lambda d: {k.strip(): v for k, v in d.items()})] = {}
    total: int = 0

    @model_validator(mode="before")
    @classmethod
    def add(cls, data: Any) -> Any:
        return {**data, "total": sum(data.get("items", []))}


def total(**fields: Any) -> Total:
    made = Total()
    for name, item in fields.items():
        setattr(made, name, item)
    return made


BERLIN = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))
ALL: list[tuple[Any, Any]] = [
    (Tenth, 1.25),
    (Tenth, 1.5),
    (list[Tenth], [1.25, 1.5]),
    (dict[tuple[int, int], Tenth], {(1, 2): 1.25}),
    (dict[str, Tenth | None], {"a": 1.25, "b": None}),
    (list[Tenth | str], [1.25, "x"]),
    (Euros, Decimal("1.234")),
    (Euros, Decimal("1.20")),
    (list[Marked], [Decimal("1.5"), Decimal("1.25")]),
    (Hundreds, 300),
    (Hundreds, 301),
    (Day, datetime(2026, 3, 28, 12)),
    (Moment, BERLIN),
    (Shown, Shown(price=1.25, seen={"a": 1})),
    (Shown, Shown(price=1.5)),
    (dict[str, Shown | None], {"a": Shown(price=1.25), "b": None}),
    (Any, [Shown(price=1.25, seen={"a": 1})]),
    (Renamed, Renamed(one=2)),
    (Joined, Joined(tags=["a", "b"])),
    (Joined, Joined(tags=[])),
    (Joined, Joined(tags=["a,b"])),
    (Base, Sub(c=5)),
    (Base | str, Sub(c=5)),
    (Base | str, "1:x"),
    (Any, Sub(c=5)),
    (Numbers, Numbers([1, 2, 3])),
    (Span, Span(start=1, end=2.5)),
    (Pair, Pair(1.25, 1.5)),
    (Row, {"cell": 1.25}),
    (Annotated[Left | Right, Field(discriminator="kind")], Left(at=1.25)),
    (Annotated[Left | Right, Field(discriminator="kind")], Leftmost(at=1.25, n=2)),
    (Tree, Tree(at=1.25, parts=[Tree(at=1.5, parts=[Tree(at=0.25)])])),
]


def codec_of(type_: Any) -> Any:
    codecs = Codec()
    for cls in (Shown, Base):
        codecs.of(cls)
    found = codecs.of(type_)
    codecs.complete()
    return found


@pytest.mark.parametrize(("type_", "value"), ALL)
def test_what_was_written_is_read(type_: Any, value: Any) -> None:
    codec = codec_of(type_)
    written = codec.write(value)
    for _ in range(2):
        read = codec.load_kept(written)
        assert exactly(read) == exactly(value)
        written = codec.write(read)


@pytest.mark.parametrize(
    ("type_", "value", "place"),
    [
        (Total, total(items=[1], total=5), "total"),
        (Total, total(items=[2, 1, 1]), "items"),
        (list[Total], [total(names={" a ": 1})], r"0\.names\. a "),
        (Annotated[Any, AfterValidator(lambda value: [value])], 3, "it"),
        (Annotated[int | str, AfterValidator(str)], 3, "it"),
    ],
)
def test_validators_that_make_another_value_each_time_are_told_once(
    type_: Any, value: Any, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    codec = codec_of(type_)
    codec.write(value)
    codec.write(value)
    (said,) = [record.getMessage() for record in caplog.records]
    assert re.search(f"A validator of .* makes another value of {place} each time that it is read", said)


def test_what_a_validator_leaves_as_it_is_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    codec_of(Total).write(Total.model_validate({"items": [2, 1], "names": {" a ": 1}}))
    codec_of(list[Span]).write([Span(start=1, end=2)])
    assert not caplog.records


class Migrated(BaseModel):
    """Reads what an earlier release has written."""

    model_config = ConfigDict(extra="allow")
    version: int = 2
    now: int = 0
    data: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def migrate(cls, data: Any) -> Any:
        if data.get("version", 1) == 1:
            return {"version": 2, "now": data.get("old", 0), "data": {"was": data.get("data")}}
        return data


@pytest.mark.parametrize("data", ['{"version": 1, "old": 3, "data": {"a": 1}}', '{"old": 3, "data": {"a": 1}}'])
def test_validators_may_migrate(data: str) -> None:
    assert codec_of(Migrated).load_kept(data) == Migrated(version=2, now=3, data={"was": {"a": 1}})


def test_what_fits_is_written_as_its_class_says() -> None:
    assert codec_of(Shown).write(Shown(price=1.5)) == '{"price":1.5}'
    assert codec_of(Joined).write(Joined(tags=["a", "b"])) == '{"tags":"a,b"}'
    assert codec_of(list[Marked]).write([Decimal("1.5"), Decimal("1.25")]) == (
        '["x1.5",{"$type":"bare","value":"1.25"}]'  # only what needs it
    )


def test_private_attributes_are_made_of_what_was_read() -> None:
    codec = codec_of(Shown)
    read = codec.load_kept(codec.write(Shown(price=1.25, seen={"a": 1})))
    assert read._known == 1  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("data", ["-3", '{"$type":"bare","value":-3}', '{"$type":"bare","value":"a"}'])
def test_rules_are_heard_however_it_is_written(data: str) -> None:
    codec = codec_of(Annotated[float, AfterValidator(positive), PlainSerializer(lambda number: round(number, 1))])
    assert codec.wrong(data)
    with pytest.raises(EncodeError, match="too small"):
        codec.write(-1.25)


def positive(value: Any) -> Any:
    assert value > 0, "too small"
    return value


class Ruled(BaseModel):
    n: Annotated[float, BeforeValidator(positive), PlainSerializer(lambda number: round(number, 1))] = 1


def test_an_edit_hears_the_rules() -> None:
    codec = codec_of(Ruled)
    assert codec.dump_field("n", 1.5) == 1.5
    assert codec.dump_field("n", 1.25) == {"$type": "bare", "value": 1.25}
    assert codec.wrong(f'{{"n": {codec.dump_field("n", -1.25)}}}')


class Handle:
    """Neither a dataclass nor a BaseModel: only its own functions write and read it."""

    def __init__(self, id: int, note: str = "") -> None:
        self.id = id
        self.note = note

    def __repr__(self) -> str:
        return f"Handle({self.id}, {self.note!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        writer = core_schema.plain_serializer_function_ser_schema(lambda value: value.id)
        return core_schema.no_info_plain_validator_function(cls._read, serialization=writer)

    @classmethod
    def _read(cls, value: Any) -> Any:
        return value if isinstance(value, cls) else cls(value)


class Equal(Handle):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and (self.id, self.note) == (other.id, other.note)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


@dataclass(eq=False)
class Own:
    """Equal to itself only."""

    n: int
    parts: list[Own] = field(default_factory=list["Own"])


class Strange(BaseModel):
    """What a class says of being equal may say nothing."""

    owns: list[Own] = []
    handle: Handle = Field(default_factory=lambda: Handle(1))
    number: float = 0
    wild: float = 0
    numbers: frozenset[float] = frozenset()
    by_number: dict[float, int] = {}
    left_out: int = Field(0, exclude=True)
    names: set[str] = set()

    @field_validator("number", "owns")
    @classmethod
    def looked(cls, value: Any) -> Any:
        return value

    @field_serializer("number", "names")
    def shown(self, value: Any) -> Any:
        return sorted(cast("set[str]", value)) if isinstance(value, set) else value

    @model_serializer(mode="wrap")
    def whole(self, handler: Callable[[Any], Any]) -> Any:
        return handler(self)


def test_there_are_no_false_alarms() -> None:
    nan = float("nan")
    value = Strange(
        owns=[Own(1, [Own(2)])],
        number=1.5,
        wild=nan,
        numbers=frozenset([nan, 1.0]),
        by_number={nan: 1},
        left_out=3,
        names={"b", "a"},
    )
    codec = codec_of(Strange)
    read = codec.load_kept(codec.write(value))
    assert (read.left_out, read.owns[0].parts[0].n, read.handle.id) == (3, 2, 1)


@dataclass
class Holder:
    handle: Equal
    n: int = 0


SAID = r"handle: Handle\(1, 'x'\) comes back as Handle\(1, ''\): its serializer and its validators do not fit"


def test_what_does_not_come_back_is_told() -> None:
    assert codec_of(Holder).write(Holder(Equal(1))) == '{"handle":1,"n":0}'
    with pytest.raises(EncodeError, match=SAID):
        codec_of(list[Holder]).write([Holder(Equal(1, "x"))])


@dataclass
class Desk:
    handle: Equal = field(default_factory=lambda: Equal(1))
    price: Tenth = 0
    other: Tenth = 0
    summed: Annotated[Tenth, Merge.sum] = 0
    marked: Annotated[Marked, Merge.sum] = Decimal(0)


def graph(*changes: Callable[[Desk], Any], numbers: Merge | None = None) -> TemporalGraph[Desk, None, None, Desk]:
    g = GraphBuilder(name="desk", state_type=Desk, output_type=Desk)

    @g.step
    async def look(ctx: StepContext[Desk, None, None]) -> Desk:
        return ctx.state

    done = g.join(reduce_null, initial=None, node_id="done")
    for number, change in enumerate(changes):

        async def step(ctx: StepContext[Desk, None, None], change: Callable[[Desk], Any] = change) -> None:
            change(ctx.state)

        made = g.step(step, node_id=f"step{number}")
        g.add(g.edge_from(g.start_node).to(made), g.edge_from(made).to(done))
    g.add(g.edge_from(done).to(look), g.edge_from(look).to(g.end_node))
    return TemporalGraph(g.build(), numbers=numbers)


def with_fields(**fields: Any) -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        for name, item in fields.items():
            setattr(desk, name, getattr(desk, name) + item)

    return change


def test_the_node_that_wrote_it_fails() -> None:
    with pytest.raises(GraphRunError, match=f"'step0' failed with EncodeError: .* Desk: {SAID}"):
        asyncio.run(graph(lambda desk: setattr(desk.handle, "note", "x")).local().proceed(state=Desk()))
    with pytest.raises(GraphInputError, match=f"the state of graph 'desk': {SAID}"):
        asyncio.run(graph(with_fields(price=1)).local().proceed(state=Desk(Equal(1, "x"))))


@pytest.mark.parametrize("numbers", [None, Merge.sum])
def test_branches_merge_what_is_written_either_way(numbers: Merge | None) -> None:
    left = with_fields(price=1.25, summed=1.25, marked=Decimal("1.25"))
    right = with_fields(other=1.5, summed=1.5, marked=Decimal("1.5"))
    stop = asyncio.run(graph(left, right, numbers=numbers).local().proceed(state=Desk(marked=Decimal("0.125"))))
    assert stop.output == Desk(Equal(1), 1.25, 1.5, 2.75, Decimal("2.875"))


def test_one_rule_for_all_numbers() -> None:
    change = with_fields(price=1.25)
    stop = asyncio.run(graph(change, change, numbers=Merge.sum).local().proceed(state=Desk(price=0.5)))
    assert stop.state is not None
    assert stop.state.price == 3.0


@dataclass
class Priced(InterruptNode[None, None, float]):
    price: Tenth = 0
    prices: list[Tenth] = field(default_factory=list[float])
    ok: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[None]) -> End[float]:
        return End(self.price + sum(self.prices))


def test_people_see_what_it_is() -> None:
    run = InterruptibleGraph([Priced], name="priced").local()

    async def work() -> Any:
        stop = await run.proceed(from_node=Priced(1.25, [1.5, 1.75]))
        assert stop.interrupts[0].value == {"price": 1.25, "prices": [1.5, 1.75]}
        return await run.proceed({"ok": True})

    assert asyncio.run(work()).output == 4.5


def test_a_person_edits_what_is_written_so() -> None:
    g = GraphBuilder(name="shown", state_type=Shown, output_type=Shown)

    @g.step
    async def ask(ctx: StepContext[Shown, None, None]) -> Shown:
        ctx.state.price += await interrupt("how much?", response_type=float)
        return ctx.state

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    run = TemporalGraph(g.build()).local()

    async def work() -> Any:
        await run.proceed(state=Shown(price=1.25, seen={"a": 1}))
        await run.update_state({"seen": {"b": 2}})
        await run.update_state({"price": 2.25})
        return await run.proceed(0.5)

    stop = asyncio.run(work())
    assert stop.output == Shown(price=2.75, seen={"b": 2})
