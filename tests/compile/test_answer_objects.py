"""An object as an answer arrives as what it was, whatever its class shows to others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NamedTuple, cast

import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    SecretBytes,
    SecretStr,
    computed_field,
    field_serializer,
    model_serializer,
)
from pydantic_core import core_schema
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import TemporalGraph, interrupt


class Corner(Enum):
    LEFT = (0, 1)
    RIGHT = (1, 0)


class Secrets(BaseModel):
    key: SecretStr = SecretStr("")
    raw: SecretBytes = SecretBytes(b"")


@dataclass
class Login:
    name: str
    secrets: Secrets


class Pair(NamedTuple):
    key: SecretStr
    raw: bytes


class Hidden(BaseModel):
    note: str = Field("", exclude=True)
    count: int = Field(0, exclude_if=lambda count: count == 7)


class Named(BaseModel):
    seen: int = Field(0, serialization_alias="shown")
    read: int = Field(0, validation_alias="given", serialization_alias="told")
    both: int = Field(0, alias="twofold")
    any_of: int = Field(0, validation_alias=AliasChoices("one", "other"))


class Shown(BaseModel):
    at: datetime = datetime(2020, 1, 1)
    price: Annotated[Decimal, PlainSerializer(lambda price: f"{price} EUR")] = Decimal(0)

    @field_serializer("at")
    def day(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%d")


class Short(BaseModel):
    count: int = 1

    @model_serializer
    def nothing(self) -> dict[str, Any]:
        return {}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int = 1

    @computed_field
    @property
    def double(self) -> int:
        return 2 * self.count


class Values(BaseModel):
    raw: bytes = b""
    corner: Corner = Corner.LEFT
    cells: dict[tuple[int, int], Corner] = {}
    rows: Json[list[int]] = []
    anything: Any = None


class Holder(BaseModel):
    shown: list[Shown] = []
    named: Named | None = None
    hidden: dict[str, Hidden] = {}


class Money:
    """Says itself how it is read and written."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return hash(self.cents)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.json_or_python_schema(
            core_schema.no_info_after_validator_function(cls, core_schema.int_schema()),
            core_schema.is_instance_schema(cls),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda money: money.cents),
        )


HIDDEN = {"a": Hidden.model_validate({"note": "n"})}
ANSWERS: list[tuple[Any, Any]] = [
    (SecretStr, SecretStr("open sesame")),
    (SecretBytes, SecretBytes(b"\xff")),
    (bytes, b"abcd"),
    (bytes, b"\xff\x00"),
    (dict[str, bytes], {"a": b"abcd"}),
    (Secrets, Secrets(key=SecretStr("k"), raw=SecretBytes(b"\xff"))),
    (Login, Login("ann", Secrets(key=SecretStr("k")))),
    (Pair, Pair(SecretStr("k"), b"\xff")),
    (list[Login], [Login("ann", Secrets(key=SecretStr("k")))]),
    (Money, Money(3)),
    (list[Money | None], [Money(3), None]),
    (Hidden, Hidden.model_validate({"note": "for us", "count": 7})),
    (Named, Named.model_validate({"seen": 1, "given": 2, "twofold": 3, "one": 4})),
    (Shown, Shown(at=datetime(2026, 3, 4, 5, 6), price=Decimal("1.10"))),
    (Short, Short(count=3)),
    (Strict, Strict(count=4)),
    (Values, Values(raw=b"\xff", corner=Corner.RIGHT, cells={(1, 2): Corner.RIGHT}, rows=cast("Any", "[1, 2]"))),
    (
        Holder,
        Holder(shown=[Shown(at=datetime(2026, 3, 4, 5, 6))], named=Named.model_validate({"seen": 5}), hidden=HIDDEN),
    ),
]


def asking(type_: Any, got: list[Any]) -> Any:
    g = GraphBuilder(name="asking", output_type=bool)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> bool:
        got.append(await interrupt("What?", response_type=type_))
        return True

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    return TemporalGraph(g.build()).local()


@pytest.mark.parametrize(
    ("type_", "value"), ANSWERS, ids=[f"{index}-{type_}" for index, (type_, _) in enumerate(ANSWERS)]
)
def test_it_arrives(type_: Any, value: Any) -> None:
    got: list[Any] = []

    async def go() -> bool:
        run = asking(type_, got)
        await run.proceed()
        return (await run.proceed(value)).is_end

    assert asyncio.run(go())
    assert got == [value]
    assert type(got[0]) is type(value)


def test_the_schema_of_bytes_says_how_they_are_written() -> None:
    got: list[Any] = []

    async def go() -> Any:
        run = asking(bytes, got)
        [question] = (await run.proceed()).interrupts
        await run.proceed("_wA=")
        return question.response_schema

    assert asyncio.run(go()) == {"type": "string", "format": "base64url"}
    assert got == [b"\xff\x00"]
