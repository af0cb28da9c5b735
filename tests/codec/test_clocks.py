"""What was valid when it was written is read whatever its rules say by then, also beside serializers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    FutureDate,
    PlainSerializer,
    PlainValidator,
    WrapValidator,
    field_serializer,
    field_validator,
    model_serializer,
)

from temporal_graph.codec import Codec, DecodeError
from temporal_graph.codec.trusting import has_rules

LATE = [False]


def in_time(value: Any) -> Any:
    if LATE[0]:
        raise ValueError("late")
    return value


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    LATE[0] = False
    yield
    LATE[0] = False


def euros(text: Any) -> Any:
    return int(text.removesuffix(" EUR")) if isinstance(text, str) else text


def euros_in_time(text: Any) -> Any:
    return in_time(euros(text))


class Beside(BaseModel):
    at: Annotated[datetime, AfterValidator(in_time), PlainSerializer(datetime.isoformat)]


class ByMethods(BaseModel):
    at: datetime

    @field_validator("at")
    @classmethod
    def checked(cls, at: datetime) -> datetime:
        return in_time(at)

    @field_serializer("at")
    def written(self, at: datetime) -> str:
        return at.isoformat()


class Priced(BaseModel):
    price: Annotated[int, AfterValidator(in_time), PlainSerializer(lambda n: f"{n} EUR"), BeforeValidator(euros)]


class Plain(BaseModel):
    what: Annotated[str, PlainValidator(in_time)]


class Whole(BaseModel):
    what: Annotated[str, WrapValidator(lambda value, handler: in_time(handler(value)))]

    @model_serializer(mode="wrap")
    def written(self, handler: Callable[[Any], Any]) -> Any:
        return handler(self)


class Converted(BaseModel):
    """Without its validator nobody knows what is meant."""

    price: Annotated[Any, BeforeValidator(euros_in_time), PlainSerializer(lambda n: f"{n} EUR")]


@dataclass
class Inside:
    all: list[Priced | Plain]
    some: Any


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        Beside(at=NOW),
        ByMethods(at=NOW),
        Priced(price=3),
        Plain(what="a"),
        Whole(what="a"),
        Inside([Priced(price=3), Plain(what="a")], Whole(what="a")),
    ],
)
def test_what_is_kept_is_read_when_it_is_late(value: Any) -> None:
    codec = Codec()
    codec.of(Whole)
    values = codec.of(type(value))
    data = values.dump(value).decode()
    LATE[0] = True
    assert values.wrong(data)
    read = values.load_kept(data)
    assert (type(read), read) == (type(value), value)
    assert values.dump(read).decode() == data


def test_what_only_its_validator_can_make_is_no_other_value() -> None:
    values = Codec().of(Converted)
    data = values.dump(Converted(price=3)).decode()
    assert values.load_kept(data) == Converted(price=3)
    LATE[0] = True
    with pytest.raises(DecodeError, match="late"):
        values.load_kept(data)


@pytest.mark.parametrize(("type_", "it_has"), [(str, False), (list[int], False), (FutureDate, True), (Whole, True)])
def test_which_types_have_rules(type_: Any, it_has: bool) -> None:
    from pydantic import TypeAdapter

    assert has_rules(TypeAdapter(type_).core_schema) is it_has
