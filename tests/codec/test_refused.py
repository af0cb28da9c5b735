"""What cannot cross is refused: types where the graph is wrapped, values where they are written or read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from temporal_graph.codec import Codec, DecodeError, EncodeError, UnsupportedTypeError
from tests.codec.types import Approve, Money, Point, Reject, RejectForGood, Tree


class Plain:
    pass


class HasPlain(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    plain: Plain


@dataclass
class Forgets:
    kept: int
    gone: InitVar[int]


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (Plain, "make classes dataclasses or BaseModels"),
        (HasPlain, "Plain is neither a dataclass nor a BaseModel; make it one"),
        (list[Plain], "make classes dataclasses or BaseModels"),
        (Forgets, "field 'gone' is an InitVar"),
        (Callable[[int], int], "a function cannot be written as JSON"),
        ("Nowhere", "Nowhere"),
        (list["Nowhere"], "Nowhere"),  # type: ignore[name-defined]  # noqa: F821
    ],
)
def test_a_type_that_cannot_cross(type_: Any, message: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=message):
        Codec().of(type_)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (Approve, Reject("x"), "is no Approve, which is declared"),
        (Approve | Reject, 5, "5 is none of Approve, Reject, which are declared"),
        (int, "5", "int"),
        (list[int], (1, 2), "list"),
        (set[int], [1], "set"),
        (float, "x", "float"),
        (str, "\ud800", "surrogates"),
        (Any, Plain(), "where nothing is declared"),
        (dict[str, Any], {"deep": [Plain()]}, "where nothing is declared"),
    ],
)
def test_a_value_that_is_not_what_is_declared(type_: Any, value: Any, message: str) -> None:
    with pytest.raises(EncodeError) as caught:
        Codec().of(type_).dump(value)
    assert message in str(caught.value)


def test_a_value_inside_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError):
        Codec().of(list[Any]).dump(loop)


def test_a_subclass_that_came_too_late() -> None:
    codec = Codec().of(Point)

    @dataclass(frozen=True)
    class Late(Point):
        z: int = 0

    with pytest.raises(EncodeError, match="defined after the graph was wrapped; define it before"):
        codec.dump(Late(1, 2, 3))


@pytest.mark.parametrize(
    ("type_", "data", "loc"),
    [
        (Money, '{"amount": "x"}', ["amount"]),
        (Money, '{"amount": 1, "currency": "GBP"}', ["currency"]),
        (Tree, '{"children": [{"children": 3}]}', ["children", 0, "children"]),
        (int, "null", []),
        (int, "{", []),
        (list[int], '[1, "x"]', [1]),
        (Money, '{"$type": "Gift", "value": {"amount": "x"}}', ["amount"]),
        (list[Approve | Reject], '[{"$type": "Reject", "value": {"note": 1}}]', [0, "note"]),
        (list[Approve | Reject], '[{"note": 1}]', [0, "Approve", "note"]),
    ],
)
def test_data_that_does_not_fit(type_: Any, data: str, loc: list[str | int]) -> None:
    with pytest.raises(DecodeError, match="this is no") as caught:
        Codec().of(type_).load(data)
    places = [error["loc"] for error in caught.value.errors]
    assert loc in places
    assert not any("$" in str(part) or "(" in str(part) for place in places for part in place)


def test_no_name_in_a_payload_is_imported() -> None:
    codec = Codec()
    codec.declare(Approve)
    with pytest.raises(DecodeError, match=r"'os\.system' is no type of this graph"):
        codec.of(Any).load('{"$type": "os.system", "value": "true"}')
    assert codec.of(Any).load('{"$type": "Approve", "value": {"note": "n"}}') == Approve("n")


def test_people_may_write_plain_json() -> None:
    """Without tags, pydantic's own rules say which member of a union it is; a tag says it for sure."""
    codec = Codec().of(Approve | Reject)
    assert codec.load('{"note": "n"}') == Approve("n")
    assert codec.load('{"$type": "Reject", "value": {"note": "n"}}') == Reject("n")
    assert Codec().of(Reject).load('{"$type": "RejectForGood", "value": {"note": "n"}}') == RejectForGood("n")


def test_what_can_be_read_only_once_crosses_as_a_list() -> None:
    codec = Codec().of(Iterable[int])
    assert codec.load(codec.dump(number for number in range(3))) == [0, 1, 2]


def test_names_are_the_same_in_every_codec() -> None:
    types = [int, list[Approve | Reject], dict[str, Point | None], Tree, tuple[int, ...]]
    one, other = Codec(), Codec()
    assert [one.of(type_).name for type_ in types] == [other.of(type_).name for type_ in types]
    assert [one.named(one.of(type_).name).type for type_ in types] == types
