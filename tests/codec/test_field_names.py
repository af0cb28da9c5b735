"""Fields whose names are words of pydantic's core schemas: they are the user's, and mean nothing."""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model
from typing_extensions import TypedDict

from temporal_graph.codec import Codec
from temporal_graph.codec.answers import schema_validator
from temporal_graph.codec.plan import plan_of

WORDS = ["type", "metadata", "serialization", "ref", "fields", "choices", "cls", "config", "default", "expected"]


class Cat(BaseModel):
    type: Literal["cat"] = "cat"
    metadata: dict[str, int] = {}


class Dog(BaseModel):
    type: Literal["dog"] = "dog"


def kinds(name: str) -> list[Any]:
    field: Any = set[int] | None
    return [
        create_model("Model", **{name: (field, None)}),
        make_dataclass("Data", [(name, field)]),
        TypedDict("Dict", {name: field}),  # pyright: ignore[reportArgumentType]
    ]


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("kind", range(3), ids=["model", "dataclass", "typed_dict"])
def test_a_field_may_have_any_name(name: str, kind: int) -> None:
    type_ = kinds(name)[kind]
    codec = Codec().of(list[type_])
    for value in (type_(**{name: {1, 2}}), type_(**{name: None})):
        assert codec.load(codec.dump([value])) == [value]


@pytest.mark.parametrize("name", WORDS)
def test_a_field_of_any_name_merges_as_its_type_does(name: str) -> None:
    type_ = create_model("Model", **{name: (set[int], ...)})  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert plan_of(type_, Codec()).fields[name].kind == "set"


@pytest.mark.parametrize(
    "type_", [Cat | Dog, Annotated[Cat | Dog, Field(discriminator="type")]], ids=["plain", "tagged"]
)
def test_a_discriminator_is_named_type(type_: Any) -> None:
    codec = Codec().of(list[type_])
    values = [Cat(metadata={"a": 1}), Dog()]
    assert codec.load(codec.dump(values)) == values


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("kind", range(3), ids=["model", "dataclass", "typed_dict"])
def test_an_answer_has_a_schema_whatever_its_fields_are_named(name: str, kind: int) -> None:
    schema = Codec().of(kinds(name)[kind]).answer_schema()
    assert list(schema["properties"]) == [name]
    assert schema_validator(schema)({name: [1]}) == []
    assert schema_validator(schema)({name: ["one"]}) != []
