"""A tag decides alone: what is tagged is read by what the tag names, and by nothing that would ignore the tag."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, FutureDatetime, RootModel, model_validator

from temporal_graph.codec import Codec
from temporal_graph.codec.answers import schema_validator
from temporal_graph.codec.errors import DecodeError, EncodeError
from temporal_graph.compile.matching import Mark


class Approve(BaseModel):
    note: str = ""


class Reject(BaseModel):
    reason: Annotated[str, Field(min_length=3)]


@dataclass
class Yes:
    note: str = ""


@dataclass
class No:
    reason: Annotated[str, Field(min_length=3)]


class Base(BaseModel):
    pass


class Sub(Base):
    n: Annotated[int, Field(ge=0)] = 0


@dataclass
class Tree:
    leaves: list[Tree | Sub] = field(default_factory=list["Tree | Sub"])


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Lynx(Cat):
    ears: Annotated[int, Field(le=2)] = 2


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Vote(RootModel[Approve | Reject]):
    pass


BAD = {"$type": "Reject", "value": {"reason": "x"}}
BAD_SUB = {"$type": "Sub", "value": {"n": -1}}
SHORT = "String should have at least 3 characters"
NEGATIVE = "Input should be greater than or equal to 0"


@pytest.mark.parametrize(
    ("type_", "data", "place", "message"),
    [
        (Approve | Reject, BAD, ["reason"], SHORT),
        (Reject | Approve, BAD, ["reason"], SHORT),
        (Approve | Reject | None, BAD, ["reason"], SHORT),
        (Yes | No, {"$type": "No", "value": {"reason": "x"}}, ["reason"], SHORT),
        (Approve | Reject, {"$type": "Reject", "value": {"raeson": "too dear"}}, ["reason"], "Field required"),
        (Approve | Reject, {"$type": "Reject", "value": None}, [], "Input should be"),
        (dict[str, Any] | Reject, BAD, ["reason"], SHORT),
        (list[Approve | Reject], [{}, BAD], [1, "reason"], SHORT),
        (dict[str, Approve | Reject], {"a": BAD}, ["a", "reason"], SHORT),
        (Annotated[Approve | Reject, AfterValidator(lambda x: x)] | int, BAD, ["reason"], SHORT),
        (Vote | Base, {"$type": "Vote", "value": BAD}, ["reason"], SHORT),
        (Base, BAD_SUB, ["n"], NEGATIVE),
        (list[Base], [BAD_SUB], [0, "n"], NEGATIVE),
        (Base | None, BAD_SUB, ["n"], NEGATIVE),
        (Approve | Base, BAD_SUB, ["n"], NEGATIVE),
        (Approve | Base, {"$type": "Base", "value": BAD_SUB}, ["n"], NEGATIVE),
        (Tree, {"leaves": [{"$type": "Tree", "value": {"leaves": [BAD_SUB]}}]}, ["leaves", 0] * 2 + ["n"], NEGATIVE),
        (
            Annotated[Cat | Dog, Field(discriminator="kind")],
            {"$type": "Lynx", "value": {"ears": 3}},
            ["ears"],
            "less than or equal to 2",
        ),
    ],
)  # fmt: skip
def test_what_is_tagged_is_refused_by_what_the_tag_names(type_: Any, data: Any, place: list[Any], message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        Codec().of(type_).load(json.dumps(data))
    assert [error["loc"] for error in caught.value.errors] == [place]
    assert message in caught.value.errors[0]["msg"]


@pytest.mark.parametrize(
    ("type_", "around"),
    [
        (Approve | Reject, "%s"),
        (Approve | Reject | None, "%s"),
        (Base, "%s"),
        (Approve | Base, "%s"),
        (list[Yes | No], "[%s]"),
        (Tree, '{"leaves": [%s]}'),
    ],
)
def test_an_unknown_tag_is_refused(type_: Any, around: str) -> None:
    for tag in ("Nope", "{braces}", ""):
        with pytest.raises(DecodeError, match="is none of its types") as caught:
            Codec().of(type_).load(around % json.dumps({"$type": tag, "value": {}}))
        assert [error["type"] for error in caught.value.errors] == ["unknown_type"]
        assert caught.value.errors[0]["msg"].startswith(repr(tag))


def test_tags_of_members_inside_are_read_by_those_members() -> None:
    codec = Codec().of(Approve | Base)
    assert codec.load('{"$type":"Sub","value":{"n":3}}') == Sub(n=3)
    assert codec.load('{"$type":"Base","value":{"$type":"Sub","value":{"n":3}}}') == Sub(n=3)
    inside: Any = Annotated[Approve | Reject, AfterValidator(lambda x: x)] | int
    assert Codec().of(inside).load('{"$type":"Reject","value":{"reason":"too dear"}}') == Reject(reason="too dear")
    assert Codec().of(Tree).load('{"leaves":[{"$type":"Sub","value":{"n":1}},{"leaves":[]}]}') == Tree(
        [Sub(n=1), Tree()]
    )


def test_an_object_that_is_not_tagged_is_read_as_pydantic_reads_it() -> None:
    codec = Codec().of(Approve | Reject)
    assert codec.load('{"reason":"too dear"}') == Reject(reason="too dear")
    # pydantic's own rules: Reject refuses it, and Approve ignores what it does not know.
    assert codec.load('{"reason":"x"}') == Approve()
    for data in ('{"$type":"Reject"}', '{"$type":"Reject","value":{},"more":1}', '{"$type":3,"value":{}}'):
        assert codec.load(data) == Approve()


def test_what_a_node_leaves_invalid_is_refused_where_it_is_written() -> None:
    wrong = Sub(n=3)
    wrong.n = -3
    for type_, value in ((Base, wrong), (list[Base], [wrong]), (Approve | Base, wrong)):
        with pytest.raises(EncodeError, match=NEGATIVE):
            Codec().of(type_).write(value)
    short = Reject(reason="too dear")
    short.reason = "x"
    with pytest.raises(EncodeError, match=SHORT):
        Codec().of(Approve | Reject).write(short)


# -- Rules that no longer hold ----------------------------------------------------------------------------------------

_is_over = False


def _look() -> None:
    if _is_over:
        raise ValueError("it is over")


class After(BaseModel):
    n: int

    @model_validator(mode="after")
    def look(self) -> After:
        _look()
        return self


class Wrapped(BaseModel):
    n: int

    @model_validator(mode="wrap")
    @classmethod
    def look(cls, value: Any, handler: Any) -> Any:
        _look()
        return handler(value)


@dataclass
class PostInit:
    n: int

    def __post_init__(self) -> None:
        _look()


def _checked(value: int) -> int:
    _look()
    return value


class Checked(BaseModel):
    n: Annotated[int, AfterValidator(_checked)]


Number = Annotated[int, AfterValidator(_checked)]


@pytest.mark.parametrize(
    "value", [After(n=1), Wrapped(n=1), PostInit(1), Checked(n=1)], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("other", [Approve, Yes, dict[str, Any], str])
def test_what_was_valid_stays_what_it_was(value: Any, other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for type_ in (other | type(value), type(value) | other | None):
        monkeypatch.undo()
        codec = Codec().of(type_)
        data = codec.write(value)
        monkeypatch.setattr(f"{__name__}._is_over", True)
        with pytest.raises(DecodeError, match="it is over"):
            codec.load(data)
        kept = codec.load_kept(data)
        assert kept == value
        assert type(kept) is type(value)
        assert codec.dump(kept).decode() == data
        with pytest.raises(EncodeError, match="it is over"):  # but nobody may make it anew
            codec.write(kept)


def test_what_is_no_class_stays_what_it_was_too(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec().of(Number | Approve)
    data = codec.write(3)
    monkeypatch.setattr(f"{__name__}._is_over", True)
    assert codec.load_kept(data) == 3
    assert codec.dump(3).decode() == data


def test_a_moment_that_has_passed_stays_what_it_was() -> None:
    codec = Codec().of(Approve | FutureDatetime)
    at = datetime.now(UTC) - timedelta(hours=1)
    data = codec.dump(at).decode()
    with pytest.raises(DecodeError, match="future"):
        codec.load(data)
    assert codec.load_kept(data) == at


# -- Answers ----------------------------------------------------------------------------------------------------------


NOPE: dict[str, Any] = {"$type": "Nope", "value": {}}
ANSWERS: list[tuple[Any, list[str] | None, Any, list[Any]]] = [
    (Approve | Reject, ["Approve", "Reject"], BAD, [(["reason"], SHORT)]),
    (Approve | Reject | None, ["Approve", "Reject"], BAD, [(["reason"], SHORT)]),
    (Approve | Reject, ["Approve", "Reject"], {"$type": "Reject", "value": {"reason": "too dear"}}, []),
    (Approve | Reject, ["Approve", "Reject"], {"reason": "too dear"}, []),
    (Approve | Base, ["Approve", "Base", "Sub"], BAD_SUB, []),  # of which the node says what is wrong with it
    (Approve | Base, ["Approve", "Base", "Sub"], {"$type": "Base", "value": {"$type": "Sub", "value": {}}}, []),
    (Base, ["Sub"], NOPE, [([], "'Nope' is none of its types: Sub")]),
    (Reject, None, {"reason": "too dear"}, []),
    (int | str, None, 3, []),
    (dict[str, Any], None, NOPE, []),
    (Approve | Any, None, NOPE, []),
]


@pytest.mark.parametrize(("type_", "types", "answer", "errors"), ANSWERS)
def test_an_answer_that_is_tagged(type_: Any, types: Any, answer: Any, errors: list[Any]) -> None:
    schema = Codec().of(type_).answer_schema()
    assert schema.get("x-types") == types
    found = schema_validator(json.loads(json.dumps(schema)))(answer)
    assert [(error["loc"], error["msg"]) for error in found] == errors


def test_a_question_is_the_same_one_whether_its_schema_names_the_types() -> None:
    schema = Codec().of(Approve | Reject).answer_schema()
    earlier = {name: part for name, part in schema.items() if name != "x-types"}
    assert earlier != schema
    assert Mark.of("ok?", schema, None) == Mark.of("ok?", earlier, None)
