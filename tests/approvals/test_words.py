"""What goes into the attributes and the memo is of a size and of letters that every server takes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.common import SearchAttributeKey
from temporalio.converter import encode_typed_search_attribute_value

from temporal_graph.engine.questions import Interrupt
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
    assert verdict(asked, False, None) is False
