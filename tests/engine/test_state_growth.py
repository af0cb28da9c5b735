"""What it takes to find and to merge changes of large states grows with them, not with their square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_graph.engine import state, trees
from temporal_graph.engine.state import Plan, Writes, apply, diff, over_edit, same, text_of
from tests.engine.growing import MOST, growth

SET, PAIRS = Plan("set"), Plan("pairs")
PLAN = Plan(
    fields={"set": SET, "pairs": PAIRS, "sets": Plan(each=SET), "nested": Plan("pairs", each=PAIRS)},
)


def _set(count: int, offset: int = 0) -> list[Any]:
    return sorted(f"item {number:06}" for number in range(offset, count + offset))


def _pairs(count: int, value: Any = 0) -> list[Any]:
    return [[["key", number], value] for number in range(count)]


def _dict(count: int, value: Any = 0) -> dict[str, Any]:
    return {f"key {number}": value for number in range(count)}


CHANGES: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "a set": lambda count: ({"set": _set(count)}, {"set": _set(count, count // 2)}),
    "sets": lambda count: ({"sets": [_set(10) for _ in range(count)]}, {"sets": [_set(10, 5) for _ in range(count)]}),
    "new pairs": lambda count: ({"pairs": []}, {"pairs": _pairs(count)}),
    "other pairs": lambda count: ({"pairs": _pairs(count)}, {"pairs": _pairs(count, 1)}),
    "fewer pairs": lambda count: ({"pairs": _pairs(count)}, {"pairs": _pairs(count)[::2]}),
    "pairs of lists": lambda count: ({"pairs": _pairs(count, [1])}, {"pairs": _pairs(count, [1, 2])}),
    "pairs of pairs": lambda count: (
        {"nested": [[["outer", number], _pairs(3)] for number in range(count)]},
        {"nested": [[["outer", number], _pairs(3, 1)] for number in range(count)]},
    ),
    "a new dict": lambda count: ({"all": {}}, {"all": _dict(count)}),
    "another dict": lambda count: ({"all": _dict(count)}, {"all": _dict(count, 1)}),
    "a smaller dict": lambda count: ({"all": _dict(count)}, {"all": dict(list(_dict(count).items())[::2])}),
    "a dict of dicts": lambda count: ({"all": _dict(count, {"a": 1})}, {"all": _dict(count, {"a": 1, "b": 2})}),
    "a list": lambda count: ({"list": [0] * count}, {"list": [1] * count}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_found(name: str) -> None:
    def make(count: int) -> Callable[[], object]:
        base, new = CHANGES[name](count)
        return lambda: diff(base, new, PLAN)

    assert growth(make, 300) < MOST


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_merged(name: str) -> None:
    def make(count: int) -> Callable[[], object]:
        base, new = CHANGES[name](count)
        ops = diff(base, new, PLAN)
        return lambda: apply(base, ops, PLAN, writes=Writes())

    base, new = CHANGES[name](20)
    assert same(apply(base, diff(base, new, PLAN), PLAN, writes=Writes()), new)
    assert growth(make, 300) < MOST


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_merged_beside_as_many_others(name: str) -> None:
    def make(count: int) -> Callable[[], object]:
        base, new = CHANGES[name](count)
        empty: dict[str, Any] = {}
        base, new = {"mine": empty, **base}, {"mine": empty, **new}
        ops = diff(base, new, PLAN)
        writes = Writes()
        others = diff(base, {**base, "mine": _dict(count)}, PLAN)
        current = apply(base, others, PLAN, writes=writes)
        writes.note("other", others)
        more = [*ops, ["set", ["mine2"], 1], *(["set", [f"own {number}"], 1] for number in range(count))]
        return lambda: apply(current, more, PLAN, base=base, since=0, writes=writes)

    assert growth(make, 300) < MOST


@pytest.mark.parametrize("kind", ["set", "pairs", "all"])
def test_one_more_entry_costs_what_a_copy_costs(kind: str) -> None:
    """A hundred nodes that each add one."""

    def make(count: int) -> Callable[[], object]:
        start: dict[str, Any] = {"set": _set(count), "pairs": _pairs(count), "all": _dict(count)}
        one: dict[str, list[Any]] = {
            "set": ["add", ["set"], ["one more"]],
            "pairs": ["create", ["pairs", '["key", -1]'], 1],
            "all": ["create", ["all", "one more"], 1],
        }

        def run() -> None:
            for _ in range(10):
                apply(start, [one[kind]], PLAN, writes=Writes())

        return run

    assert growth(make, 300) < MOST


@pytest.mark.parametrize("name", CHANGES)
def test_changes_of_what_a_person_has_edited_are_merged(name: str) -> None:
    def make(count: int) -> Callable[[], object]:
        base, new = CHANGES[name](count)
        edited = {field: value[::-1] if isinstance(value, list) else value for field, value in new.items()}
        return lambda: over_edit(base, edited, new, PLAN)

    assert growth(make, 300) < MOST


def test_nodes_at_the_same_state_read_its_keys_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of many nodes that add one entry to tens of thousands would else take as long as all of them."""
    read = 0

    def counted(value: Any) -> str:
        nonlocal read
        read += 1
        return text_of(value)

    for module in (state, trees):
        monkeypatch.setattr(module, "text_of", counted)
    base: dict[str, Any] = {"pairs": _pairs(1_000)}
    current, writes = base, Writes()
    for number in range(20):
        ops = [["create", ["pairs", f'["new", {number}]'], 1]]
        current = apply(current, ops, PLAN, base=base, writes=writes)
        writes.note("n", ops)
    assert len(current["pairs"]) == 1_020
    assert read < 2_000
