"""What stands for the code of a node: another one for what may ask otherwise, the same for the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, create_model

from temporal_graph import InterruptPolicy
from temporal_graph.compile.code import closures_of, code_of, outline


def _small(value: int) -> int:
    return value


def _smaller(value: int) -> int:
    return value + 1


class First(BaseModel):
    amount: int


class Second(BaseModel):
    amount: str


def asking(type_: Any) -> Any:
    async def ask(ctx: Any) -> Any:
        return ctx, type_

    return ask


def of_global(type_: Any) -> Any:
    namespace: dict[str, Any] = {"TYPE": type_, "__name__": __name__}
    exec("def ask():\n    return lambda: TYPE", namespace)
    return namespace["ask"]


def of_source(expression: str) -> Any:
    namespace: dict[str, Any] = {"Literal": Literal, "__name__": __name__}
    exec(f"async def ask():\n    return {expression}", namespace)
    return namespace["ask"]


def choices(**members: str) -> Any:
    return Enum("Choices", members, module=__name__)


def model(**fields: Any) -> Any:
    made: Any = create_model
    return made("Made", __module__=__name__, **fields)


TYPES: list[Any] = [
    str,
    int,
    int | None,
    Literal["yes", "no"],
    Literal["yes", "never"],
    Annotated[int, Field(gt=1)],
    Annotated[int, Field(gt=2)],
    Annotated[int, AfterValidator(_small)],
    Annotated[int, AfterValidator(_smaller)],
    First,
    Second,
    list[First],
    list[Second],
    choices(A="a", B="b"),
    choices(A="a", C="c"),
    choices(A="a", B="c"),
    model(amount=(int, 1)),
    model(amount=(int, 2)),
    model(amount=(int, Field(1, gt=0))),
]


@pytest.mark.parametrize("make", [asking, of_global])
def test_each_type_gives_another_one(make: Any) -> None:
    """Whether the function has it in a closure or in its module."""
    assert len({code_of(make(type_)) for type_ in TYPES}) == len(TYPES)
    assert [code_of(make(type_)) for type_ in TYPES] == [code_of(make(type_)) for type_ in TYPES]


@dataclass(slots=True)
class Wording:
    """What a node may take its words from."""

    ask: str


class Words:
    """The same, as a class."""

    ask = "pay?"


class OtherWords:
    """With other words; they have the same name, as those of another release do."""

    ask = "refund?"


OtherWords.__qualname__, OtherWords.__doc__ = Words.__qualname__, Words.__doc__
CONSTANTS: list[tuple[Any, Any]] = [
    ({"ask": "pay?"}, {"ask": "refund?"}),
    ({"ask": {"de": ["pay?"]}}, {"ask": {"de": ["refund?"]}}),
    (("pay?",), ("refund?",)),
    (["a", "b", "a"], ["a", "b", "b"]),
    ({"a", "b"}, {"a", "c"}),
    (Wording("pay?"), Wording("refund?")),
    (Words, OtherWords),
    (choices(ASK="pay?").ASK, choices(ASK="refund?").ASK),
    (Decimal("1.5"), Decimal("2.5")),
    (timedelta(1), timedelta(2)),
    ({"type": str}, {"type": int}),
    (InterruptPolicy(assignees="ann"), InterruptPolicy(assignees="bob")),
    (InterruptPolicy(assignees=lambda ctx: "ann"), InterruptPolicy(assignees=lambda ctx: "bob")),
]


@pytest.mark.parametrize("make", [asking, of_global])
@pytest.mark.parametrize(("before", "after"), CONSTANTS)
def test_so_does_each_constant(before: Any, after: Any, make: Any) -> None:
    """Whatever it is a part of."""
    assert code_of(make(before)) != code_of(make(after))
    assert code_of(make(before)) == code_of(make(before))


@pytest.mark.parametrize("make", [asking, of_global])
def test_what_is_too_deep_or_holds_itself_is_told_by_its_type(make: Any) -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert code_of(make(ring)) == code_of(make(ring)) != code_of(make([]))


@pytest.mark.parametrize("make", [asking, of_global])
def test_the_environment_of_a_process_is_no_constant(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_of(make(os.environ))
    monkeypatch.setenv("WORKER", "another")
    assert code_of(make(os.environ)) == before
    assert code_of(make(MappingProxyType({"ask": "a"}))) != code_of(make(MappingProxyType({"ask": "b"})))


def test_so_does_each_text() -> None:
    texts = ["str", "int", "Literal['a', 'b']", "Literal['a', 'c']", "{'a', 'b'}", "{'a', 'c'}", "1", "True", "1.0"]
    texts += ["'a' in {'a', 'b'}", "'a' in {'a', 'c'}", "[lambda: 1]", "[lambda: 2]"]
    assert len({code_of(of_source(text)) for text in texts}) == len(texts)


def test_it_is_the_same_in_each_process() -> None:
    """Wherever objects lie in memory, and in whatever order sets come."""
    script = (
        "from tests.compile.test_code import CONSTANTS, TYPES, asking, code_of, of_source;"
        "constants = [each for both in CONSTANTS for each in both];"
        "print([code_of(asking(each)) for each in [*TYPES, *constants]],"
        "code_of(of_source(\"1 in {'a', 'b', 'c', 'd'}\")))"
    )
    told = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert told[0] == told[1] != ""


class Odd:
    """Something that does not say what it is."""

    def __repr__(self) -> str:
        raise ValueError("no words")


class WithDefaults(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    tags: set[str] = {"a", "b", "c", "d"}
    odd: Odd = Odd()
    many: list[int] = list(range(2_000_000))


class Sets(Enum):
    ONE = frozenset({"a", "b", "c", "d"})


def test_a_default_that_has_no_text_of_its_own() -> None:
    script = (
        "from tests.compile.test_code import Sets, WithDefaults, asking, code_of;"
        "print(code_of(asking(WithDefaults)), code_of(asking(Sets)))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "123"
    }
    assert len(told) == 1


def test_what_goes_round_and_what_is_not_set() -> None:
    def ask() -> Any:
        return ask, later

    assert code_of(ask) == code_of(ask)
    later = 1
    assert code_of(ask) != ""
    assert code_of(3) == code_of(3)


class Aware(BaseModel):
    at: AwareDatetime


class Naive(BaseModel):
    at: datetime


class Checked(BaseModel):
    at: datetime

    def model_post_init(self, context: Any, /) -> None:
        assert self.at


Checked.__name__ = Checked.__qualname__ = Aware.__name__ = Aware.__qualname__ = "Naive"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Naive, Aware),
        (Naive, Checked),
        (datetime, AwareDatetime),
        (Annotated[int, AfterValidator(_small)], Annotated[int, AfterValidator(_smaller)]),
        (Annotated[int, AfterValidator(lambda v: v)], Annotated[int, AfterValidator(lambda v: v + 1)]),
        (int, Annotated[int, AfterValidator(_small)]),
        (int, Annotated[int, Field(strict=True)]),
        (Annotated[int, Field(gt=1)], Annotated[int, Field(gt=2)]),
        (list[Naive], list[Aware]),
    ],
)
def test_types_that_are_read_in_another_way(before: Any, now: Any) -> None:
    """JSON schema shows no difference in most of them."""
    assert outlined(before) == outlined(before)
    assert outlined(before) != outlined(now)


def test_what_does_not_change_how_a_type_is_read() -> None:
    """What is only said of it."""
    assert outlined(Annotated[int, Field(description="one")]) == outlined(Annotated[int, Field(description="two")])
    assert not re.search(r" at 0x|:\d{6}", str(outlined(list[Naive] | Annotated[int, AfterValidator(_small)])))


def outlined(type_: Any) -> Any:
    return outline(TypeAdapter(type_).core_schema)


class Strange(type):
    """Whose classes do not even say where they are."""

    @property
    def __module__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError("nowhere")


class Nowhere(metaclass=Strange):
    pass


def test_proxies_of_what_is_not_there_yet() -> None:
    from tests.compile.test_memory import with_a_proxy, with_a_proxy_around

    for function in (with_a_proxy, with_a_proxy_around(), lambda: Nowhere):
        assert code_of(function) == code_of(function)
        closures_of(function)
