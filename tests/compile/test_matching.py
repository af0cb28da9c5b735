"""Questions of a node that runs again: which is which, where each stands, and what can never be mixed up."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import Escalate, GraphRunError, InterruptError, InterruptPolicy, TemporalGraph, interrupt
from temporal_graph.compile.matching import MOST_KEYS, MOST_REWORDED, MOST_UNMET, Mark, Matching, settled, who_answers
from temporal_graph.compile.places import place

# -- Places -----------------------------------------------------------------------------------------------------------


async def here() -> str | None:
    return place(_from.__code__)


async def _from(code: Callable[[], Awaitable[list[str | None]]]) -> list[str | None]:
    return await code()


async def helper() -> str | None:
    return await here()


async def one() -> list[str | None]:
    return [await here()]


async def two() -> list[str | None]:
    return [await here(), await here()]


async def by_a_helper() -> list[str | None]:
    return [await helper(), await helper()]


async def one_of_two(is_first: bool = True) -> list[str | None]:
    if is_first:
        return [await here()]
    return [await here()]


async def behind_a_loop() -> list[str | None]:
    for number in range(3):
        try:
            if number:
                break
            raise ConnectionError
        except ConnectionError:
            continue
    try:
        async with contextlib.AsyncExitStack(), asyncio.timeout(60):
            return [await here()]
    finally:
        assert number


async def both_in(context: Callable[[], contextlib.AbstractAsyncContextManager[str | None]]) -> list[str | None]:
    async with context() as first:
        pass
    async with context() as second:
        return [first, second]


@contextlib.asynccontextmanager
async def asking() -> AsyncIterator[str | None]:
    yield await here()


async def in_contexts() -> list[str | None]:
    return await both_in(asking)


async def items() -> AsyncIterator[str | None]:
    yield await here()
    yield await here()


async def by_hand() -> list[str | None]:
    asks = items()
    return [await anext(asks), await anext(asks)]


async def in_a_loop() -> list[str | None]:
    found: list[str | None] = []
    for _ in range(2):
        asked = await here()
        found += [asked]
    return found


async def in_a_comprehension() -> list[str | None]:
    return [await helper() for _ in range(2)]


async def in_a_while() -> list[str | None]:
    found: list[str | None] = []
    while True:
        found.append(await here())
        if len(found) == 2:
            return found


async def in_a_handler() -> list[str | None]:
    found: list[str | None] = []
    while len(found) < 2:
        try:
            raise ConnectionError
        except ConnectionError:
            found.append(await here())
    return found


async def in_an_async_for() -> list[str | None]:
    return [item async for item in items()]


def by_other_means() -> Any:
    """Whoever drives a coroutine by hand may do it again and again."""

    async def driven() -> list[str | None]:
        asked = here()
        try:
            asked.send(None)
        except StopIteration as ended:
            return [ended.value]
        raise AssertionError

    return driven()


@pytest.mark.parametrize("code", [one, two, by_a_helper, one_of_two, behind_a_loop, in_contexts, by_hand])
def test_a_place_that_is_passed_once(code: Any) -> None:
    found = asyncio.run(_from(code))
    assert None not in found
    assert len(set(found)) == len(found)
    assert asyncio.run(_from(code)) == found


def test_places_in_one_function() -> None:
    first, second = asyncio.run(_from(two))
    assert first != second
    assert asyncio.run(_from(lambda: one_of_two(True))) != asyncio.run(_from(lambda: one_of_two(False)))


@pytest.mark.parametrize("code", [in_a_loop, in_a_comprehension, in_a_while, in_a_handler, in_an_async_for])
def test_a_place_that_may_be_passed_again(code: Any) -> None:
    assert asyncio.run(_from(code)) == [None, None]


def test_a_place_in_a_task() -> None:
    async def side_by_side() -> list[str | None]:
        return await asyncio.gather(here(), helper())

    assert asyncio.run(_from(side_by_side)) == [None, None]


def test_a_function_of_which_another_line_has_changed() -> None:
    def made(*lines: str) -> Any:
        names: dict[str, Any] = {"here": here, "__name__": "somewhere"}
        exec("async def code():\n" + "\n".join(f"    {line}" for line in lines), names)
        return asyncio.run(_from(names["code"]))

    assert made("return [await here()]") == made("# Says more.", "number = 1 + 2", "return [await  here()]")
    assert made("return [await here()]") != made("await here()", "return [await here()]")


# -- Marks ------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 28, 21, 49, 15, 123456, UTC)


ASKED = NOW.timestamp()
CLOCKS: list[Callable[[datetime], Any]] = [
    str,
    datetime.isoformat,
    datetime.timestamp,
    lambda now: int(now.timestamp()),
    lambda now: int(now.timestamp() * 1_000_000_000),
    lambda now: now.timestamp() - 1_790_000_000,
    *[
        lambda now, layout=layout: now.strftime(layout)
        for layout in (
            "%H:%M",
            "%H:%M:%S.%f",
            "%I:%M %p",
            "%d.%m.%Y %H:%M",
            "%m/%d/%Y, %I:%M%p",
            "%c",
            "%A, %d. %B %Y",
            "%b %d, %Y",
            "%b %d at %H:%M",
            "%Y-%m-%d %H:%M:%S%z",
            "%Y%m%dT%H%M%SZ",
            "%Y%m%d%H%M%S",
            "%Y%m%d-%H%M%S",
            "report_%Y%m%d_%H%M%S.pdf",
            "%Y-%m-%d",
        )
    ],
]
LENGTHS: list[Callable[[timedelta], Any]] = [
    lambda left: left,
    str,
    lambda left: f"{left // timedelta(minutes=1)} minutes left",
    lambda left: f"in {left // timedelta(hours=1)} h {left % timedelta(hours=1) // timedelta(minutes=1)} min",
    lambda left: f"still {left // timedelta(seconds=1)} seconds",
    lambda left: f"noch {left // timedelta(days=1)} Tage",
    lambda left: f"{left // timedelta(hours=1)}h{left // timedelta(minutes=1) % 60}m{left.seconds % 60}s",
]


def asked(shown: Any, seconds: float, place: str | None = "here", took: float = 0.5) -> Mark:
    at = ASKED + seconds
    return Mark.of(to_jsonable_python(shown), None, place, when=(at - took, at))


def is_asked_again(first: Mark, second: Mark) -> bool:
    return Matching([0], {0: json.loads(json.dumps(first.dump()))}).find(None, second, "") != 0


@pytest.mark.parametrize("seconds", [0.2, 3, 61, 3_000, 5 * 3_600, 60 * 3_600, 400 * 86_400])
@pytest.mark.parametrize("read", CLOCKS)
def test_the_time_is_no_other_question(read: Callable[[datetime], Any], seconds: float) -> None:
    if read(NOW) == NOW.strftime("%c") and seconds > 300 * 86_400:
        return  # the year stands by itself there
    for face in (lambda now: f"It is {read(now)}. Go on?", lambda now: {"at": read(now), "ask": "Go on?"}):
        first, second = (asked(face(NOW + timedelta(seconds=later)), later) for later in (0, seconds))
        assert not is_asked_again(first, second)
        slow = asked(face(NOW + timedelta(seconds=seconds - 40)), seconds, took=41)
        assert not is_asked_again(first, slow)


@pytest.mark.parametrize("seconds", [1.5, 45, 200, 5_000, 100_000])
@pytest.mark.parametrize("read", LENGTHS)
def test_a_time_that_is_left_or_has_gone_by_is_no_other_question(
    read: Callable[[timedelta], Any], seconds: float
) -> None:
    for way in (1, -1):
        first, second = (
            asked({"ask": "Go on?", "left": read(timedelta(days=400, hours=12, seconds=30 + way * later))}, later)
            for later in (0, seconds)
        )
        assert not is_asked_again(first, second)


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        *[(["due 2026-03-01", "due 2026-04-01"], after) for after in (0.1, 3_600, 86_400, 20 * 86_400)],
        (["due 2026-03-01", "due 2026-03-02"], 60),
        (["due 12.5.2020", "due 12.6.2020"], 60),
        (["due March 1, 2026", "due April 1, 2026"], 86_400),
        (["order 1700000000", "order 1700000001"], 1),
        (["order 1700000000", "order 1700003600"], 3_600),
        (["meet at 10:00", "meet at 10:30"], 60),
        (["meet at 10:00", "meet at 11:00"], 7_200),
        (["on Monday", "on Friday"], 86_400),
        (["2026-12-01T10:00:00Z", "2026-12-01T10:30:00Z"], 900),
        (["20261201T100000Z", "20261202T100000Z"], 900),
        (["order 20261201100000", "order 20261201100001"], 900),
        (["order 12345678901234", "order 12345678901235"], 1),
        (["cook it for 5 minutes", "cook it for 4 minutes"], 10),
        (["cook it for 5 minutes", "cook it for 9 minutes"], 3_600),
        ([timedelta(minutes=5), timedelta(minutes=6)], 10),
        (["in 30 days", "in 60 days"], 86_400),
        (["seen at 21:49:15, due 2026-03-01", "seen at 21:50:15, due 2026-04-01"], 60),
        (["host 10.0.12.20", "host 10.0.13.20"], 86_400),
        (["host 10.13.12.20", "host 10.14.12.20"], 86_400),
    ],
)
def test_a_date_or_a_number_that_is_no_clock(texts: list[str], seconds: float) -> None:
    """That of another invoice: its answer is no answer to this one."""
    first, second = (asked(text, later) for text, later in zip(texts, (0, seconds), strict=True))
    assert is_asked_again(first, second)
    assert is_asked_again(asked(texts[0], 0, None), asked(texts[1], seconds, None))


def test_minutes_and_seconds_that_are_left() -> None:
    assert not is_asked_again(asked("14:59 left", 0), asked("13:09 left", 110))
    assert is_asked_again(asked("14:59 left", 0), asked("13:09 left", 10))


def test_a_clock_beside_a_date_that_stays() -> None:
    def face(later: float) -> str:
        return f"It is {NOW + timedelta(seconds=later):%H:%M:%S}. Pay the invoice of 2026-03-01?"

    assert not is_asked_again(asked(face(0), 0), asked(face(90), 90))


def test_two_questions_that_differ_by_as_much_as_has_passed_are_told_apart_when_both_are_asked() -> None:
    first = asked("wait 1 second?", 0, "there")
    matching = Matching([0], {0: json.loads(json.dumps(first.dump()))})
    assert matching.find(None, asked("wait 2 seconds?", 1.1, "there"), "") == 0
    with pytest.raises(InterruptError, match="taken for that of another question"):
        matching.find(None, asked("wait 1 second?", 1.1, "here"), "wait 1 second?")


def test_in_a_loop_a_clock_is_in_doubt_and_another_date_is_not() -> None:
    first, later = asked("21:49:15 pay?", 0, None), asked("21:50:15 pay?", 60, None)
    with pytest.raises(InterruptError, match="but for the time"):
        is_asked_again(first, later)
    assert is_asked_again(asked("pay 2026-03-01?", 0, None), asked("pay 2026-04-01?", 60, None))


def test_other_words_with_another_date_are_another_question() -> None:
    def reworded(verb: str, day: str) -> Mark:
        words = verb.split()
        made = Mark.of(f"{verb} the one of {day}", None, "here", [*words, "the", "one", "of"], (ASKED, ASKED))
        return replace(made, code=verb)

    assert not is_asked_again(reworded("pay", "2026-03-01"), reworded("settle", "2026-03-01"))
    assert is_asked_again(reworded("pay", "2026-03-01"), reworded("settle", "2026-04-01"))


def test_marks_of_an_earlier_release_do_not_say_when_they_were_asked() -> None:
    for read in CLOCKS[:6]:
        first = Mark.of(f"It is {read(NOW)}. Go on?", None, "here")
        now = f"It is {read(NOW + timedelta(days=3))}. Go on?"
        assert set(first.dump()) == {"shown", "schema", "untimed", "place"}
        assert not is_asked_again(first, asked(now, 5))
        assert not is_asked_again(first, Mark.of(now, None, "here"))


def test_a_question_with_many_times() -> None:
    """It keeps no more than some of them, and the rest is text like any other."""
    marks = [
        asked([f"{NOW + timedelta(days=n, seconds=later):%d.%m.%Y %H:%M:%S}" for n in range(500)], later)
        for later in (0, 90)
    ]
    assert len(json.dumps(marks[0].dump())) < 2_000
    assert is_asked_again(*marks)


@pytest.mark.parametrize(
    "others",
    [
        ["delete the draft?", "delete the database?"],
        ["order 17", "order 18"],
        ["pay 1.50", "pay 1000.50"],
        ["at 1.0835", "at 1.0912"],
        [{"to": "DE02120300000000202051"}, {"to": "DE02500105170137075030"}],
        ["may Ann?", "may Bob?"],
        ["version 1.2", "version 1.3"],
        [None, ""],
    ],
)
def test_what_is_another_question(others: list[Any]) -> None:
    marks = [asked(shown, later) for shown, later in zip(others, (0, 1), strict=True)]
    assert Matching([0], {0: marks[0].dump()}).find(None, marks[1], "") == 1


def test_a_mark_as_json() -> None:
    plain, timed = Mark.of("Well?", None, None), Mark.of(NOW.isoformat(), {"type": "string"}, "here", when=(1.5, 2.5))
    assert set(plain.dump()) == {"shown", "schema"}
    assert [Mark.load(mark.dump()) for mark in (plain, timed)] == [plain, timed]
    assert Mark.load({}) is None


@dataclass(slots=True)
class Slotted:
    names: set[str]


def test_what_is_shown_in_another_order() -> None:
    first, second, third = (
        Mark.of(shown, None, None)
        for shown in (
            {"files": {"a": 1, "b": {"x": 1, "y": 2}}},
            {"files": {"b": {"y": 2, "x": 1}, "a": 1}},
            {"files": {"b": {"y": 1, "x": 2}, "a": 1}},
        )
    )
    assert first.is_same(second)
    assert not first.is_same(third)
    assert not Mark.of(["a", "b"], None, None).is_same(Mark.of(["b", "a"], None, None))


def test_a_set_in_what_is_shown() -> None:
    class Shown(BaseModel):
        names: set[str]
        rest: tuple[frozenset[int], str] = (frozenset({3, 1}), "x")

    shown = {"shown": Shown(names={"b", "a"}), "keys": {1: {"z", "y"}}}
    tree = {"shown": {"names": ["b", "a"], "rest": [[3, 1], "x"]}, "keys": {"1": ["z", "y"]}}
    assert settled(shown, tree) == {
        "shown": {"names": ["a", "b"], "rest": [[1, 3], "x"]},
        "keys": {"1": ["y", "z"]},
    }
    assert settled(Slotted({"z", "y"}), {"names": ["z", "y"]}) == {"names": ["y", "z"]}
    assert settled(["b", "a"], ["b", "a"]) == ["b", "a"]
    assert settled({"z"}, {"other": "shape"}) == {"other": "shape"}


# -- Matching ---------------------------------------------------------------------------------------------------------


def mark(text: str, where: str | None = None, **words: Any) -> Mark:
    made = Mark.of(text, None, where)
    return Mark(made.shown, made.schema, made.untimed, where, **words)


def matching(*marks: Mark | None) -> Matching:
    return Matching(range(len(marks)), {n: m.dump() for n, m in enumerate(marks) if m is not None})


def test_of_two_that_show_the_same_it_is_the_one_in_the_same_place() -> None:
    known = matching(mark("Sure?", "here"), mark("Sure?", "there"))
    assert [known.find(None, mark("Sure?", where), "") for where in ("there", "here", "here")] == [1, 0, 2]
    assert known.met == [1, 0]
    assert matching(mark("Sure?", "here"), mark("Sure?", "there")).find(None, mark("Sure?", "elsewhere"), "") == 0


@pytest.mark.parametrize(
    ("later", "before"),
    [
        ({"z": 1, "a": 2}, {"shown": "c5c2b1fdd0d4a83c"}),
        (
            {"until": "2026-11-29T12:00:05+00:00", "of": {"z": 1, "a": 2}},
            {
                "shown": "597c811b5f352d96",
                "untimed": "10a06c4c17a32263",
                "place": "here",
                "times": ["2026-11-29T12:00:00+00:00"],
                "when": [0.0, 1.0],
            },
        ),
    ],
    ids=["a dict", "with a time"],
)
def test_what_earlier_releases_knew_in_the_order_in_which_it_stood(later: Any, before: Any) -> None:
    """An answer that was given before an update of this package is not asked for again."""
    where, when = before.get("place"), (5.0, 6.0) if "when" in before else None
    asked = Mark.of(later, None, where, None, when)
    known = Matching([0], {0: {**before, "schema": asked.schema}})
    assert known.find(None, asked, later) == 0
    assert "written" not in asked.dump()
    other = {**later, "more": 1}
    known = Matching([0], {0: {**before, "schema": asked.schema}})
    assert known.find(None, Mark.of(other, None, where, None, when), other) == 1


def test_questions_of_an_earlier_release_are_known_by_their_number() -> None:
    known = matching(None, None, mark("c"))
    assert [known.find(None, mark(text), "") for text in ("c", "b", "a", "d")] == [2, 1, 3, 4]


def test_a_node_that_asks_in_the_same_order_each_time() -> None:
    """One in the workflow, which begins again when its run continues as new: a loop that shows the time goes on."""
    marks = {number: mark(f"12:0{number} again?").dump() for number in range(3)}
    known = Matching(marks, marks, is_deterministic=True)
    assert [known.find(None, mark(f"13:0{number} again?"), "") for number in range(4)] == [0, 1, 2, 3]
    with pytest.raises(InterruptError, match="but for the time"):
        Matching(marks, marks).find(None, mark("13:00 again?"), "")
    assert Matching([0], {0: mark("pay Ann?").dump()}, is_deterministic=True).find(None, mark("pay Bob?"), "") == 1


def test_those_with_a_key_have_no_number() -> None:
    known = Matching(["x", 0], {"x": mark("a").dump(), 0: mark("b").dump()})
    assert [known.find(key, mark(text), "") for key, text in (("x", "z"), (None, "a"), (None, "b"), ("x", "z"))] == [
        "x",
        1,
        0,
        "x",
    ]
    with pytest.raises(InterruptError, match="another question has this key"):
        known.find("x", mark("y"), "")


def test_how_often_a_question_may_be_another_one() -> None:
    for where, most in ((None, MOST_UNMET), ("here", MOST_REWORDED)):
        marks = [mark(f"question {number}", where) for number in range(most)]
        assert matching(*marks[:-1]).find(None, mark("new", where), "") == most - 1
        assert matching(mark("question 0", where, met=True), *marks[1:]).find(None, mark("new", where), "") == most
        with pytest.raises(InterruptError, match="reads differently each time"):
            matching(*marks).find(None, mark("new", where), "")


# -- Who may answer ---------------------------------------------------------------------------------------------------

ANN = InterruptPolicy(assignees=["ann"], only_assignees=True)
OTHERS = {
    "another person": InterruptPolicy(assignees=["bob"], only_assignees=True),
    "one more": InterruptPolicy(assignees=["ann", "bob"], only_assignees=True),
    "somebody later": InterruptPolicy(
        assignees=["ann"], only_assignees=True, escalations=[Escalate(after=timedelta(hours=1), to="bob")]
    ),
    "anybody": None,
    "anybody else": InterruptPolicy(not_by=["ann"]),
    "two": InterruptPolicy(quorum=2),
    "one who says no": InterruptPolicy(quorum=2, reject_ends="no"),
}


def asking_twice(name: str, policies: Callable[[int], list[InterruptPolicy | None]], **given: Any) -> Any:
    """A node that asks the same of several people, and in each run of others, or in another order."""
    g = GraphBuilder(name=name, input_type=int, output_type=str)
    runs = itertools.count()

    @g.step
    async def ask(ctx: StepContext[None, None, int]) -> str:
        said = [await interrupt("Pay?", response_type=str, policy=policy, **given) for policy in policies(next(runs))]
        return " and ".join(said)

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    return TemporalGraph(g.build()).local()


async def answered(run: Any, first: str, *others: str) -> Any:
    stop = await run.proceed(inputs=0)
    for actor in (first, *others):
        stop = await run.proceed(f"{actor} says so", actor=actor)
    return stop


@pytest.mark.parametrize("other", [*OTHERS])
def test_an_answer_counts_for_nothing_that_others_are_to_answer(other: str) -> None:
    run = asking_twice("condition", lambda number: [OTHERS[other] if number else ANN])
    stop = asyncio.run(answered(run, "ann"))
    assert [(item.interrupt_id, item.quorum) for item in stop.interrupts] == [
        ("ask:1.1", 2 if "two" in other or "says" in other else 1)
    ]
    run = asking_twice("turn", lambda number: [OTHERS[other], ANN] if number else [ANN])
    stop = asyncio.run(answered(run, "ann"))
    assert [item.interrupt_id for item in stop.interrupts] == ["ask:1.1"]


def test_what_else_a_policy_says_makes_no_other_question() -> None:
    def policies(number: int) -> list[InterruptPolicy | None]:
        hours = timedelta(hours=1 + number)
        return [InterruptPolicy(assignees=["ann"], only_assignees=True, timeout=9 * hours, reminders=[hours])]

    assert asyncio.run(answered(asking_twice("later", policies), "ann")).output == "ann says so"


def test_whom_a_question_only_suggests_may_be_another_one_in_one_place_but_tells_two_questions_apart() -> None:
    on_call = [InterruptPolicy(assignees=[name]) for name in ("ann", "bob")]
    g = GraphBuilder(name="on_call", input_type=int, output_type=str)
    runs = itertools.count()

    @g.step
    async def ask(ctx: StepContext[None, None, int]) -> str:
        return await interrupt("Pay?", response_type=str, policy=on_call[next(runs)])

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    assert asyncio.run(answered(TemporalGraph(g.build()).local(), "ann")).output == "ann says so"
    run = asking_twice("both", lambda number: list(reversed(on_call)) if number else [*on_call])
    assert asyncio.run(answered(run, "ann", "bob")).output == "bob says so and ann says so"


def test_a_question_with_a_key_is_asked_once_more_if_others_are_to_answer_it() -> None:
    run = asking_twice("keyed", lambda number: [OTHERS["another person"] if number else ANN], key="pay")
    stop = asyncio.run(answered(run, "ann"))
    assert [(item.interrupt_id, item.assignees) for item in stop.interrupts] == [("ask:1:pay", ["bob"])]
    state = run.get_state()
    assert not state.answered
    assert [item["reason"] for item in state.rejected] == ["conflict"]
    assert asyncio.run(run.proceed("bob says so", actor="bob")).output == "bob says so"
    with pytest.raises(InterruptError, match="another question has this key"):
        asyncio.run(raising(answered(asking_twice("same", lambda _: [ANN, OTHERS["anybody"]], key="pay"), "ann")))


async def raising(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except GraphRunError as error:
        raise error.__cause__ or error from None


@pytest.mark.parametrize("given", [{}, {"key": "pay"}])
def test_asking_others_each_time_ends(given: Any) -> None:
    def policies(number: int) -> list[InterruptPolicy | None]:
        return [InterruptPolicy(not_by=[f"n{number}"])]

    async def go_on() -> None:
        run = asking_twice("endless", policies, **given)
        await run.proceed(inputs=0)
        for _ in range(2 * MOST_UNMET):
            await run.proceed("yes", actor="ann")

    with pytest.raises(InterruptError, match="policy lets others" if given else "asks others each time"):
        asyncio.run(raising(go_on()))


def test_a_key_that_changes_each_time() -> None:
    marks = {f"k{number}": mark("Pay?", "here").dump() for number in range(MOST_UNMET)}
    with pytest.raises(InterruptError, match="its key is another one each time"):
        Matching(list(marks), dict(marks)).find("new", mark("Pay?", "here"), "")
    assert Matching(list(marks), dict(marks)).find("new", mark("Pay?", "there"), "") == "new"
    assert Matching(list(marks), dict(marks)).find("new", mark("Pay?"), "") == "new"
    known = Matching(list(marks), dict(marks))
    assert known.find("k0", mark("Pay?", "here"), "") == "k0"
    assert known.find("new", mark("Pay?", "here"), "") == "new"


def test_a_key_that_changes_each_time_in_a_loop() -> None:
    marks = {f"k{number}": mark("Pay?").dump() for number in range(MOST_KEYS)}
    with pytest.raises(InterruptError, match="its key is another one each time"):
        Matching(list(marks), dict(marks)).find("new", mark("Pay?"), "")
    known = Matching(list(marks), dict(marks))
    assert [known.find(key, mark("Pay?"), "") for key in ("k0", "new")] == ["k0", "new"]
    assert known.met == ["k0"]
    marks["k1"]["met"] = True
    assert Matching(list(marks), dict(marks)).find("new", mark("Pay?"), "") == "new"


def test_keys_of_tasks_that_pass_each_other() -> None:
    run = asking_many(lambda number: [f"k{(7 * number + n) % 30}" for n in range(30)])
    assert len(asyncio.run(answered(run, "ann", *["ann"] * 29)).output) == 30
    with pytest.raises(InterruptError, match="its key is another one each time"):
        asyncio.run(raising(answered(asking_many(lambda number: [f"k{number}"]), *["ann"] * (MOST_KEYS + 2))))


def asking_many(keys: Callable[[int], list[str]]) -> Any:
    g = GraphBuilder(name="many", input_type=int, output_type=list[str])
    runs = itertools.count()

    @g.step
    async def ask(ctx: StepContext[None, None, int]) -> list[str]:
        return await asyncio.gather(*(interrupt("Pay?", response_type=str, key=key) for key in keys(next(runs))))

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    return TemporalGraph(g.build()).local()


def test_marks_of_an_earlier_release_do_not_say_who_may_answer() -> None:
    now = replace(mark("Pay?", "here"), who=who_answers({"not_by": ["ann"]})[0])
    assert matching(mark("Pay?", "here")).find(None, now, "") == 0
    assert Matching(["pay"], {"pay": mark("Pay?").dump()}).find("pay", now, "") == "pay"


# -- Any order --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """A question of a node: what it shows, in words of which others may have the same, and how."""

    words: str
    key: str | None
    is_timed: bool
    who: str | None

    @property
    def face(self) -> str:
        """What a person knows it by."""
        return f"key {self.key}" if self.key else f"{self.words} {self.who}"

    @property
    def policy(self) -> InterruptPolicy | None:
        """Nobody else may answer it."""
        return None if self.who is None else InterruptPolicy(assignees=[self.who], only_assignees=True)


Run = list[list[int]]
"""In which order a node asks its questions: groups one after the other, those in a group side by side."""


@st.composite
def programs(draw: st.DrawFn, *, is_timed: bool) -> tuple[list[Ask], list[Run]]:
    """Questions, and in which order they are asked each time; from the last time on it stays."""
    count = draw(st.integers(1, 6))
    words, keyed, timed, who = (
        draw(st.lists(element, min_size=count, max_size=count))
        for element in (
            st.sampled_from("abcdef"),
            st.booleans(),
            st.booleans() if is_timed else st.just(False),
            st.sampled_from(["ann", "bob", None]),
        )
    )
    asks = [
        Ask(f"{word}?", f"k{n}" if has_key else None, is_now, person)
        for n, (word, has_key, is_now, person) in enumerate(zip(words, keyed, timed, who, strict=True))
    ]
    runs: list[Run] = []
    for _ in range(draw(st.integers(1, 5))):
        order = draw(st.permutations(range(count)))
        left = draw(st.integers(0, count - 1))
        cuts = sorted({0, count - left, *draw(st.lists(st.integers(0, count - left), max_size=3))})
        runs.append([list(order[start:end]) for start, end in itertools.pairwise(cuts)])
    return asks, runs


_program: tuple[list[Ask], list[Run]] = ([], [])
_runs = itertools.count()
g = GraphBuilder(name="program", input_type=int, output_type=dict[int, str])


@g.step
async def ask_all(ctx: StepContext[None, None, int]) -> dict[int, str]:
    asks, runs = _program
    order = runs[min(next(_runs), len(runs) - 1)]

    async def one(number: int, turn: int) -> tuple[int, str]:
        for _ in range(turn):
            await asyncio.sleep(0)
        ask = asks[number]
        text = f"{datetime.now(UTC).isoformat()} {ask.words}" if ask.is_timed else ask.words
        return number, await interrupt(text, response_type=str, key=ask.key, policy=ask.policy)

    found: list[tuple[int, str]] = []
    for group in order:
        if len(group) == 1:
            found.append(await one(group[0], 0))
        else:
            found.extend(await asyncio.gather(*(one(number, turn) for turn, number in enumerate(group))))
    return dict(found)


g.add(g.edge_from(g.start_node).to(ask_all), g.edge_from(ask_all).to(g.end_node))
program = TemporalGraph(g.build())


async def played() -> tuple[Counter[str], dict[int, str]]:
    """Every answer says what it answers."""
    asked: Counter[str] = Counter()
    run = program.local()
    stop = await run.proceed(inputs=0)
    while not stop.is_end:
        [question] = stop.interrupts
        key = question.interrupt_id.removeprefix("ask_all:1:")
        who = question.assignees[0] if question.assignees else None
        face = f"key {key}" if key != question.interrupt_id else f"{str(question.value).rpartition(' ')[2]} {who}"
        asked[face] += 1
        assert sum(asked.values()) < 50
        stop = await run.proceed(face, actor=who)
    return asked, stop.output or {}


def check(made: tuple[list[Ask], list[Run]], *, may_fail: bool) -> None:
    global _program, _runs
    _program, _runs = made, itertools.count()
    asks, _ = made
    try:
        asked, output = asyncio.run(played())
    except GraphRunError as error:
        if not may_fail or error.error_type != "InterruptError" or "key=" not in error.error_message:
            raise
        return
    faces = Counter(ask.face for ask in asks)
    assert {number: asks[number].face for number in output} == output
    assert all(count <= faces[face] for face, count in asked.items()), (asked, faces)


@settings(max_examples=150, deadline=None)
@given(programs(is_timed=False))
def test_every_answer_reaches_its_question_in_any_order(made: tuple[list[Ask], list[Run]]) -> None:
    check(made, may_fail=False)


@settings(max_examples=100, deadline=None)
@given(programs(is_timed=True))
def test_or_the_node_says_that_it_needs_a_key(made: tuple[list[Ask], list[Run]]) -> None:
    check(made, may_fail=True)
