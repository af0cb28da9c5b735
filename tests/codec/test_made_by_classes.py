"""What classes and validators do to their values when they are made: what was written is what is read."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import TemporalGraph
from temporal_graph.codec import Codec
from temporal_graph.codec.errors import DecodeError, UnsupportedTypeError
from tests.codec.strictly import exactly


class Part(BaseModel):
    name: str
    parts: list[Part] = []


@dataclass
class Line:
    qty: int
    total: Decimal = field(init=False)
    id: str = field(init=False)
    parts: list[Part] = field(init=False)

    def __post_init__(self) -> None:
        self.total = Decimal(self.qty) * 2
        self.id = uuid.uuid4().hex
        self.parts = [Part(name="a", parts=[Part(name="b")])]


@dataclass(frozen=True, slots=True)
class Fixed:
    qty: int
    id: str = field(init=False)
    known: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", uuid.uuid4().hex)


@pydantic_dataclass
class Checked:
    qty: int
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = self.qty * 2


@dataclass
class More(Line):
    more: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        super().__post_init__()
        self.more.append(7)


@dataclass
class Bare:
    qty: int
    later: Line = field(init=False)


class Summed(BaseModel):
    items: list[int] = []
    total: int = 0
    _seen: int = PrivateAttr(default=0)

    def model_post_init(self, context: Any, /) -> None:
        self.total = sum(self.items)
        self._seen = len(self.items)


class Counted(BaseModel):
    n: int = 0
    trail: list[int] = []

    @model_validator(mode="after")
    def _count(self) -> Counted:
        self.n += 1
        self.trail.append(self.n)
        return self

    @field_validator("n", mode="after")
    @classmethod
    def _more(cls, value: int) -> int:
        return value + 10


class Tidy(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_to_lower=True)
    text: str = ""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    qty: int
    id: str = ""

    def model_post_init(self, context: Any, /) -> None:
        self.__dict__["id"] = uuid.uuid4().hex


def with_total(value: Any, total: Any) -> Any:
    value.total = total
    return value


def bare() -> Bare:
    value = Bare(1)
    value.later = with_total(Line(2), Decimal(9))
    return value


def untidy() -> Tidy:
    value = Tidy()
    value.text = " A "
    return value


class Opened(BaseModel):
    """With an `__init__` that changes what it gets, and makes what is no field."""

    at: datetime
    log: list[str] = []
    parts: list[Line | Part] = []
    raw: bytes = b""
    _seen: int = PrivateAttr()

    def __init__(self, **fields: Any) -> None:
        if fields.get("raw") == b"bad":
            raise ValueError("it is bad")
        super().__init__(**fields)
        self.log.append("opened")
        self._seen = len(self.parts)


class Other(BaseModel):
    """With an `__init__` that takes something else than the fields."""

    size: int = 0
    name: Annotated[str, Field(alias="Name")] = ""

    def __init__(self, of: str) -> None:
        super().__init__(size=len(of), Name=of)


def opened() -> Opened:
    zone = ZoneInfo("Europe/Berlin")
    return Opened(at=datetime(2026, 3, 28, 12, tzinfo=zone), parts=[Line(1), Part(name="a")], raw=b"\xff")


Twice = Annotated[int, AfterValidator(lambda value: value * 2)]
ALL: list[tuple[Any, Any]] = [
    (Line, with_total(Line(1), Decimal(5))),
    (list[Line], [with_total(Line(1), Decimal(5)), Line(2)]),
    (list[Line] | str, [with_total(Line(1), Decimal(5))]),
    (Line | Checked, with_total(Line(1), Decimal(5))),
    (Line, More(1, more=[1])),
    (More, More(1)),
    (Any, with_total(Line(1), Decimal(5))),
    (dict[str, Any], {"a": [More(1)]}),
    (Fixed, Fixed(1)),
    (list[Fixed] | None, [Fixed(1)]),
    (Checked, with_total(Checked(1), 5)),
    (Bare, bare()),
    (Summed, with_total(Summed(items=[1]), 100)),
    (Summed | Line, with_total(Summed(items=[1]), 100)),
    (list[Counted], [Counted(n=1), Counted()]),
    (Tidy, untidy()),
    (Frozen, Frozen(qty=1)),
    (Twice, 3),
    (dict[str, Twice], {"a": 3}),
    (Annotated[list[int], AfterValidator(lambda value: [*value, 1])], [1]),
    (Annotated[int, WrapValidator(lambda value, handler: handler(value) + 1)], 3),
    (Annotated[int, BeforeValidator(lambda value: value + 1)], 3),
    (Opened, opened()),
    (list[Opened | Other], [opened(), Other("abc")]),
    (Other, Other("abc")),
    (Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True)], " a "),
]


@pytest.mark.parametrize(("type_", "value"), ALL, ids=lambda item: getattr(item, "__name__", ""))
def test_what_was_written_is_read(type_: Any, value: Any) -> None:
    codecs = Codec()
    codecs.declare(Line, More)
    codec = codecs.of(type_)
    written = codec.dump(value)
    for _ in range(3):
        read = codec.load_kept(written)
        assert exactly(read) == exactly(value)
        assert codec.dump(read) == written


def test_what_others_send_is_made_by_its_class() -> None:
    line = Codec().of(Line).load('{"qty": 3}')
    assert (line.total, line.parts[0].name) == (6, "a")
    assert Codec().of(Line).load('{"qty": 3, "total": "1"}').total == 1
    assert Codec().of(Tidy).load('{"text": " A "}').text == "a"
    assert Codec().of(Summed).load('{"items": [1, 2]}').total == 3


def test_what_a_class_keeps_of_its_fields_stays_theirs() -> None:
    @dataclass
    class Book:
        lines: list[Part]
        total: int = field(init=False)

        def __post_init__(self) -> None:
            self.total = 0
            self.first = self.lines[0]

    Book.__annotations__.update(lines=list[Part], total=int)
    codec = Codec().of(Book)
    book = codec.load_kept(codec.dump(with_total(Book([Part(name="a")]), 4)))
    assert book.total == 4
    assert book.first is book.lines[0]


def test_private_attributes_are_made_anew() -> None:
    codec = Codec().of(Summed)
    value = codec.load_kept(codec.dump(with_total(Summed(items=[1]), 100)))
    assert value._seen == 1  # pyright: ignore[reportPrivateUsage]


def test_an_init_of_its_own() -> None:
    codec = Codec().of(Opened)
    assert codec.load_kept(codec.dump(opened()))._seen == 2  # pyright: ignore[reportPrivateUsage]
    given = codec.load('{"at": "2026-03-28T12:00:00Z", "log": ["a"]}')
    assert (given.log, given._seen) == (["a", "opened"], 0)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(DecodeError, match="it is bad"):
        codec.load('{"at": "2026-03-28T12:00:00Z", "raw": "YmFk"}')
    assert codec.load_kept('{"at": "2026-03-28T12:00:00Z", "raw": "YmFk"}').raw == b"bad"
    assert Codec().of(Other).load('{"size": 1, "Name": "a"}').size == 1


def test_what_was_not_set_stays_so() -> None:
    codec = Codec().of(Summed)
    value = with_total(Summed(items=[1]), 100)
    value.model_fields_set.discard("total")
    value.__pydantic_fields_set__.discard("total")
    assert codec.load_kept(codec.dump(value)).model_fields_set == {"items"}


@dataclass
class Tree:
    name: str
    parent: Tree | None = field(init=False)


def test_a_class_in_such_a_field_of_its_own_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"'parent' of Tree .* give it a default"):
        Codec().of(Tree)


def test_what_a_release_of_before_has_written() -> None:
    """A field that is new has its default, and one that is gone is left out."""
    value = Codec().of(Summed).load_kept('{"total": 7, "gone": 1}')
    assert (value.items, value.total) == ([], 7)
    assert Codec().of(Line).load_kept('{"qty": 3}').total == 6


numbers = itertools.count(100)


@dataclass
class Sum:
    items: list[int] = field(default_factory=list[int])
    total: int = field(init=False)
    id: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = 0
        self.id = next(numbers)


def test_a_node_sees_what_the_one_before_left() -> None:
    g = GraphBuilder(name="totals", state_type=Sum, input_type=int, output_type=int)

    @g.step
    async def add(ctx: StepContext[Sum, None, int]) -> int:
        ctx.state.items.append(5)
        ctx.state.total += 5
        return ctx.state.id

    @g.step
    async def look(ctx: StepContext[Sum, None, int]) -> int:
        assert ctx.inputs == ctx.state.id
        return ctx.state.total

    g.add(g.edge_from(g.start_node).to(add), g.edge_from(add).to(look), g.edge_from(look).to(g.end_node))
    state = Sum()
    stop = asyncio.run(TemporalGraph(g.build()).local().proceed(inputs=1, state=state))
    assert stop.output == 5
    assert stop.state is not None
    assert (stop.state.items, stop.state.total, stop.state.id) == ([5], 5, state.id)


class Named(BaseModel):
    """Its fields have names that stand in pydantic's schemas, too."""

    config: Line
    default: SecretStr
    metadata: Annotated[int, AfterValidator(lambda number: number * 2)]


def test_fields_may_have_any_names() -> None:
    line = Line(1)
    line.total = Decimal(7)
    codec = Codec().of(Named)
    data = codec.dump(Named.model_construct(config=line, default=SecretStr("x"), metadata=3))
    found = codec.load_kept(data)
    assert (found.config, found.default.get_secret_value(), found.metadata) == (line, "x", 3)
