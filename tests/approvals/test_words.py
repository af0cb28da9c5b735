"""What goes into the attributes and the memo fits every server; what is a yes or a no follows from the schema."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, create_model
from temporalio.common import SearchAttributeKey
from temporalio.converter import encode_typed_search_attribute_value

from temporal_graph.commands import NOTHING as NO_ANSWER
from temporal_graph.engine.questions import Interrupt
from temporal_graph.errors import GraphInputError
from temporal_graph.temporal.visibility import MEMO_SIZE, MORE, MOST, NOTHING, shown_of, word_of, words
from temporal_graph.verdicts import verdict

names = st.text(st.characters() | st.sampled_from("\"'\\\0\n%…🙂"), max_size=400)
LIMIT = 2048
"""Bytes of one attribute; a server ends the run that has more."""


def question(number: int, assignees: list[str], value: object) -> Interrupt:
    created = f"2026-01-01T00:00:{number % 60:02}+00:00"
    return Interrupt(f"n:{number}", f"n{number}", "call", value, None, created, f"n:{number}", assignees=assignees)


@given(names)
def test_a_word_has_no_letter_that_means_something(name: str) -> None:
    word = word_of(name)
    assert 1 <= len(word) <= 200
    assert not any(mark in word for mark in "\"'\\`")
    assert word != MORE
    assert all(mark >= " " and not "\x7f" <= mark < "\xa0" for mark in word)
    word.encode()


@given(names, names)
def test_two_short_names_are_two_words(one: str, two: str) -> None:
    whole = len(word_of(one)) < 200 and len(word_of(two)) < 200
    assert (word_of(one) == word_of(two)) <= (one == two or not whole)


@pytest.mark.parametrize("name", ["ann", "o-neil", "ann@example.org", "Łukasz Świąt", "林", "a_b.c/d", "🙂"])
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert word_of(name) == name


@given(st.lists(names, max_size=60))
def test_a_list_fits(given: list[str]) -> None:
    found = words(given)
    payload = encode_typed_search_attribute_value(SearchAttributeKey.for_keyword_list("x"), found)
    assert len(payload.data) <= LIMIT
    assert len({*found}) == len(found)
    assert MORE in found or {*found} == {word_of(name) for name in given}


@given(st.lists(st.tuples(st.lists(names, max_size=3), names), max_size=30))
def test_a_memo_fits(given: list[tuple[list[str], str]]) -> None:
    asked = [question(number, assignees, value) for number, (assignees, value) in enumerate(given)]
    memo = shown_of(asked).memo
    if memo is None:
        assert not asked
        return
    read = json.loads(memo)
    assert len(memo.encode()) <= MEMO_SIZE + 100
    assert len(read["questions"]) <= MOST
    assert len(read["questions"]) + read["more"] == len(asked)
    assert [item["interrupt_id"] for item in read["questions"]] == [f"n:{n}" for n in range(len(read["questions"]))]


def test_the_earliest_deadline_is_shown() -> None:
    asked = [question(number, [], None) for number in range(3)]
    asked[0].deadline, asked[2].deadline = "2026-01-01T12:00:00+00:00", "2026-01-01T12:30:00+02:00"
    deadline = shown_of(asked).deadline
    assert deadline is not None
    assert deadline.isoformat() == "2026-01-01T10:30:00+00:00"
    assert shown_of([]) == NOTHING


def test_a_schema_that_contains_itself_says_neither() -> None:
    loop = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b~1c"}]}}, "$ref": "#/$defs/a"}
    asked = {"interrupt_id": "n:1", "kind": "call", "response_schema": loop}
    with pytest.raises(ValueError, match="cannot be derived"):
        verdict(asked, True, None)
    loop["$defs"]["b/c"] = {"type": "boolean"}  # type: ignore[index]
    with pytest.raises(ValueError, match="cannot be derived"):
        verdict(asked, True, None)  # found again and again: not one kind of answer, but many
    loop["$ref"] = "#/$defs/b~1c"
    assert verdict(asked, False, None) == (False, None)


# -- Yes and no -------------------------------------------------------------------------------------------------------


def asked(type: Any, kind: str = "call") -> dict[str, Any]:
    return {"interrupt_id": "n:1", "kind": kind, "response_schema": TypeAdapter(type).json_schema()}


def answer(*optional: str, **fields: Any) -> type[BaseModel]:
    """An answer with `approved` and these fields, some of which need not be given."""
    given: dict[str, Any] = {name: (type, None if name in optional else ...) for name, type in fields.items()}
    return create_model("Answer", approved=(bool, ...), **given)


Long = Annotated[str, Field(min_length=3)]
Code = Annotated[str, Field(pattern="^[A-Z]+$")]
Choice = Literal["dear", "late"]


@pytest.mark.parametrize("text", [None, "", "so"])
@pytest.mark.parametrize("is_yes", [True, False])
@pytest.mark.parametrize(
    "type", [bool, bool | None, answer(), answer("reason", reason=Choice), answer("notes", notes=int)], ids=range(5)
)
def test_a_text_that_the_answer_has_no_field_for_is_said_besides(type: Any, is_yes: bool, text: str | None) -> None:
    value = is_yes if type in (bool, bool | None) else {"approved": is_yes}
    assert verdict(asked(type), is_yes, text) == (value, text)


@pytest.mark.parametrize("text", [None, "so"])
@pytest.mark.parametrize("kind", ["before", "after", "node"])
def test_what_only_goes_on_takes_a_text_besides(kind: str, text: str | None) -> None:
    nothing = create_model("Nothing")
    assert verdict(asked(nothing, kind), True, text) == (NO_ANSWER, text)
    with pytest.raises(GraphInputError, match="cannot be rejected"):
        verdict(asked(nothing, kind), False, text)


@pytest.mark.parametrize(
    ("type", "is_yes", "field"),
    [
        (answer(reason=str), True, "reason"),
        (answer(reason=str), False, "reason"),
        (answer("comment", "reason", comment=str | None, reason=str), True, "comment"),
        (answer("comment", "reason", comment=str | None, reason=str), False, "reason"),
        (answer(notes=Long), False, "notes"),
    ],
    ids=range(5),
)
def test_a_text_goes_into_a_field_of_the_answer(type: Any, is_yes: bool, field: str) -> None:
    assert verdict(asked(type), is_yes, "because") == ({"approved": is_yes, field: "because"}, None)


@pytest.mark.parametrize("type", [Any, dict[str, Any]])
def test_a_text_goes_into_an_answer_that_may_be_anything(type: Any) -> None:
    assert verdict(asked(type), True, "so") == ({"approved": True, "comment": "so"}, None)
    assert verdict(asked(type), False, "so") == ({"approved": False, "reason": "so"}, None)


@pytest.mark.parametrize("type", [str, str | None, Annotated[str, Field(max_length=5)]])
@pytest.mark.parametrize("name", ["comment", "notes", "reason"])
def test_a_yes_needs_no_words(type: Any, name: str) -> None:
    assert verdict(asked(answer(**{name: type})), True, None) == ({"approved": True, name: ""}, None)


def test_where_there_is_room_for_more_than_was_said_it_stays_empty() -> None:
    several = asked(answer("notes", comment=str, notes=str, reason=str))
    assert verdict(several, True, None) == ({"approved": True, "comment": "", "reason": ""}, None)
    assert verdict(several, True, "so") == ({"approved": True, "comment": "so", "reason": ""}, None)
    assert verdict(several, False, "so") == ({"approved": False, "comment": "", "reason": "so"}, None)


@pytest.mark.parametrize(
    ("type", "is_yes", "says"),
    [
        (answer(reason=str), False, r"A no to 'n:1' needs a text for 'reason': give reason=\.\.\."),
        (answer(notes=str), False, r"A no to 'n:1' needs a text for 'notes': give reason=\.\.\."),
        (answer(reason=str, notes=str), False, r"needs a text for 'reason', 'notes': give reason=\.\.\."),
        (answer(reason=Long), True, r"A yes to 'n:1' needs a text for 'reason': give comment=\.\.\."),
        (answer(reason=Code), True, r"A yes to 'n:1' needs a text for 'reason': give comment=\.\.\."),
        (answer(comment=str, reason=Long), True, "cannot be derived: it also wants 'reason'"),
        (answer(reason=str, amount=int), False, "cannot be derived: it also wants 'reason', 'amount'"),
        (answer(reason=Choice), True, "cannot be derived: it also wants 'reason'"),
        (answer(signature=str), True, "cannot be derived: it also wants 'signature'"),
    ],
    ids=range(9),
)
def test_what_is_not_made_up(type: Any, is_yes: bool, says: str) -> None:
    with pytest.raises(GraphInputError, match=says) as caught:
        verdict(asked(type), is_yes, None)
    assert "answer(run_id, ...)" in str(caught.value)
