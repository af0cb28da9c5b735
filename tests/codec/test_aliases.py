"""Fields that are read under other names, which may be those of other fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from temporal_graph.codec import Codec
from temporal_graph.codec.answers import schema_validator
from temporal_graph.compile.targets import answer_json
from tests.codec.strictly import exactly


class Swapped(BaseModel):
    first: int = Field(alias="second")
    second: int = Field(alias="first")


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int = Field(alias="ref")
    ref: str = Field(alias="reference")


class Path(BaseModel):
    head: int = Field(0, validation_alias=AliasPath("items", 0))
    last: int = Field(0, validation_alias=AliasChoices("tail", AliasPath("items", -1)))
    items: list[int] = []


@dataclass
class Data:
    first: Annotated[int, Field(alias="second")]
    second: Annotated[int, Field(alias="first")]


class Keys(TypedDict):
    first: Annotated[int, Field(alias="second")]
    second: Annotated[int, Field(alias="first")]


def path(head: int, last: int, items: list[int]) -> Path:
    made = Path.model_validate({"items": items})
    made.head, made.last = head, last
    return made


VALUES: list[tuple[Any, Any]] = [
    (Swapped, Swapped(second=1, first=2)),
    (Named, Named(ref=1, reference="a")),  # pyright: ignore[reportArgumentType, reportCallIssue]
    (Path, path(1, 2, [3, 4])),
    (Data, Data(1, 2)),
    (Keys, Keys(first=1, second=2)),
    (list[Named | Swapped], [Swapped(second=1, first=2)]),
]


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=[str(type_) for type_, _ in VALUES])
def test_what_is_written_has_the_names_of_the_fields(type_: Any, value: Any) -> None:
    codec = Codec().of(type_)
    assert exactly(codec.load_kept(codec.write(value))) == exactly(value)


@pytest.mark.parametrize(("type_", "value"), VALUES[:4], ids=[str(type_) for type_, _ in VALUES[:4]])
def test_so_has_an_answer(type_: Any, value: Any) -> None:
    codec, sent = Codec().of(type_), answer_json(value)
    assert schema_validator(codec.answer_schema())(sent) == []
    assert codec.load_python(sent) == value


def test_other_aliases_are_taken() -> None:
    assert Codec().of(Path).load_python({"tail": 5, "items": [1]}) == path(0, 5, [1])
