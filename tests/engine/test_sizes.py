"""What a run remembers is bounded in bytes, and the newest of it survives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from temporal_graph.engine import snapshot
from temporal_graph.engine.audit import CARRIED_SIZE, SHORT, Audit
from temporal_graph.engine.events import RunFailedError
from temporal_graph.engine.questions import SAID_SIZE, Answer, Refused, check_names
from temporal_graph.engine.shared import SharedState
from temporal_graph.engine.sizes import cut, json_size, size_of
from tests.engine.machine import NOW, Toy, asking, graph, mapping, start
from tests.engine.test_engine_growth import begun

ASKING = graph(start("m"), mapping("m", "q"), asking("q"))


def test_bytes_are_counted_as_they_are_sent() -> None:
    assert (size_of("a"), size_of("é"), size_of("書"), size_of("\ud800")) == (1, 2, 3, 6)
    assert json_size({"書": ["a"]}) == len('{"":["a"]}') + 3
    assert cut("書" * 10, 30) == "書" * 10
    assert cut("書" * 10, 10) == "書書書... (30 bytes)"


def test_the_newest_entries_survive_a_huge_one() -> None:
    audit = Audit()
    for number in range(20):
        audit.add("answered", NOW, f"q:{number}", actor="ann")
    long: dict[str, Any] = {f"field {number}": "y" * 19_000 for number in range(40)}
    audit.add("reassigned", NOW, "q:1", actor="x" * 3_000_000, **long)
    audit.add("answered", NOW, "q:20", actor="bob")
    carried = audit.dump(1)["entries"]
    assert [entry["number"] for entry in carried] == list(range(1, 23))
    assert json_size(carried) < 300_000


@pytest.mark.parametrize("share", [1, 1 / 4, 0])
def test_what_is_remembered_has_a_room(share: float) -> None:
    engine = begun(ASKING, [{} for _ in range(500)])
    for number in range(500):
        answer = Answer(f"q:{number + 1}", {"text": "書" * 600}, actor="名" * 333, answer_id=f"{number}" + "é" * 480)
        engine.answer(answer, NOW)
        engine.reject({"value": "書" * 9_000}, Refused("invalid", "no" * 2_000), NOW)
    questions = snapshot.sharing(snapshot.dump(engine), engine, share)["questions"]
    assert json_size(questions["accepted"]) <= 100_000 * share + 2
    assert json_size(questions["rejected"]) <= 100_000 * share + 2
    assert json_size(questions["audit"]) <= 300_000 * share + 1_100
    if share:
        assert questions["accepted"][-1]["interrupt_id"] == "q:500"
        assert questions["rejected"]
    json.dumps(questions)
    snapshot.load(snapshot.sharing(snapshot.dump(engine), engine, share), ASKING, Toy())


def test_names_have_a_limit() -> None:
    check_names(actor="x" * 1_000, to=["a", "b"])
    with pytest.raises(Refused, match="answer_id is a name of 1,002 bytes; a name has 1,000 at most"):
        check_names(answer_id="書" * 334)
    with pytest.raises(Refused, match="together they have 20,000"):
        check_names(to=["x" * 1_000] * 21)


def test_what_is_added_to_open_questions_has_a_room() -> None:
    """It is counted as it comes and goes, and again when it was written down."""
    engine = begun(ASKING, [{} for _ in range(80)])
    people = [f"{number:0>900}" for number in range(20)]
    most = SAID_SIZE // json_size(people)
    for number in range(1, most + 1):
        assert engine.questions.no_room(people) is None
        engine.reassign(f"q:{number}", people, "ann", NOW, "update")
    refused = engine.questions.no_room(people)
    assert refused is not None
    assert refused.message.endswith("bytes. No more than 1,250,000 are kept; what ends a question is taken.")
    assert engine.questions.open.said == most * (json_size(people) - json_size([]))
    again = snapshot.load(snapshot.dump(engine), ASKING, Toy())
    assert again.questions.open.said == most * json_size([[], people])
    engine.answer(Answer("q:1", {"text": "yes"}), NOW)
    assert engine.questions.no_room(people) is None
    for number in range(2, most + 1):
        engine.answer(Answer(f"q:{number}", {"text": "yes"}), NOW)
    assert engine.questions.open.said == 0


def test_what_is_said_with_votes_has_a_room() -> None:
    """In bytes: of letters a third as many would be counted."""
    engine = begun(ASKING, [{}, {}])
    engine.questions.open["q:1"].quorum = 1_000
    said = Answer("q:1", {"text": "yes"}, comment="書" * 20_000)
    count = SAID_SIZE // 60_000
    assert engine.no_room([replace(said, actor=f"{n}") for n in range(count)]) is None
    refused = engine.no_room([replace(said, actor=f"{n}") for n in range(count + 1)])
    assert refused is not None
    assert "No more than 1,250,000 are kept" in refused.message


def test_what_is_said_goes_along_cut() -> None:
    """An entry with it leaves room for others, also where a letter is three bytes."""
    audit = Audit()
    for number in range(1_000):
        audit.add("answered", NOW, f"q:{number}", comment="書" * 19_000)
    [*_, last] = entries = audit.dump(1.0)["entries"]
    assert json_size(last) < SHORT + 500
    assert last["comment"].endswith("(57,000 bytes)")
    assert len(entries) > 100
    assert sum(map(json_size, entries)) <= CARRIED_SIZE


def test_a_state_that_grows_has_a_room() -> None:
    """A change is measured with the state only where the state could have become too large."""
    shared = SharedState()
    shared.most = 1_000
    shared.load({"text": "x" * 500}, 0)
    base = shared.take()
    shared.merge("q", [["create", ["other"], "y" * 400]], base)
    for _ in range(5):
        shared.merge("q", [["set", ["other"], "y" * 400]], shared.take())
    with pytest.raises(RunFailedError, match="The state would be 1,1") as caught:
        shared.merge("q", [["create", ["third"], "z" * 200]], base)
    assert (caught.value.failure.type, caught.value.failure.node_id) == ("PayloadTooLargeError", "q")
    assert shared.value == {"text": "x" * 500, "other": "y" * 400}
    shared.refuses_large = lambda: False
    shared.merge("q", [["create", ["third"], "z" * 200]], base)
    shared.refuses_large = lambda: True
    shared.merge("q", [["create", ["fourth"], "z"]], base)
