"""A rule that what was valid breaks by now, because it looks at the clock, does not switch off the other rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, FutureDatetime, field_validator, model_validator
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import GraphRunError, LocalRun, RefusedError, TemporalGraph, interrupt

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATE = [False]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    LATE[0] = False
    yield
    LATE[0] = False


def in_time(value: Any) -> Any:
    if LATE[0]:
        raise RuntimeError("late")
    return value


def _address(mail: str) -> str:
    return mail if "@" in mail else mail[1_000]


class Visit(BaseModel):
    due: FutureDatetime = Field(default_factory=lambda: datetime.now(UTC) + timedelta(seconds=0.3))


@dataclass
class Room:
    number: int = 1

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("no such room")
        in_time(self)


class Late(BaseModel):
    """A model of whose rules some do not hold any more when it is late: of fields, and of members."""

    n: Annotated[int, Field(ge=0)] = 0
    name: str = "x"
    mail: Annotated[str, AfterValidator(_address)] = "a@b"
    room: Room = Field(default_factory=Room)
    visits: list[Visit] = Field(default_factory=lambda: [Visit()])
    said: Annotated[str, AfterValidator(in_time)] = "x"

    @field_validator("n")
    @classmethod
    def even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("odd")
        return n

    @model_validator(mode="after")
    def checked(self) -> Late:
        if self.name == "boom":
            raise ValueError("no boom")
        return self


def writing(write: Callable[[Late], None]) -> LocalRun[int, Late]:
    g = GraphBuilder(name="late", state_type=Late, input_type=int, output_type=int)

    @g.step
    async def ask(ctx: StepContext[Late, None, int]) -> int:
        await interrupt("ok?", response_type=bool)
        write(ctx.state)
        return 1

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    return TemporalGraph(g.build()).local()


async def late(write: Callable[[Late], None] = lambda _: None) -> LocalRun[int, Late]:
    run, state = writing(write), Late()
    await run.proceed(inputs=1, state=state)
    LATE[0] = True
    while datetime.now(UTC) <= state.visits[0].due:
        pass
    return run


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a rule of the model": ({"name": "boom"}, "no boom"),
    "a constraint": ({"n": -2}, "n: Input should be greater than or equal to 0"),
    "a rule of a field": ({"n": 1}, "odd"),
    "a rule that raises anything": ({"mail": "q"}, "IndexError"),
    "what is stale, anew": ({"visits": [{"due": LONG_AGO.isoformat()}]}, "visits.0.due: Input should be in the future"),
    "another one": ({"said": "y"}, "RuntimeError: late"),
    "a type": ({"name": []}, "name: Input should be a valid string"),
    "a rule of a member": ({"room": {"number": 13}}, "no such room"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_an_edit_is_judged_by_the_other_rules(kind: str) -> None:
    update, said = BAD[kind]
    run = await late()
    with pytest.raises(RefusedError, match=said):
        await run.update_state(update)
    assert (await run.proceed(True)).output == 1


def _set(**fields: Any) -> Callable[[Late], None]:
    def write(state: Late) -> None:
        for name, value in fields.items():
            setattr(state, name, value)

    return write


def _adds_a_visit(state: Late) -> None:
    state.visits.append(Visit.model_construct(due=LONG_AGO))


def _puts_a_visit_back(state: Late) -> None:
    state.visits[0].due = LONG_AGO


def _moves(state: Late) -> None:
    state.room.number = 13


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (_set(name="boom"), "no boom"),
        (_set(n=-2), "n: Input should be greater than or equal to 0"),
        (_set(n=1), "odd"),
        (_set(mail="q"), "IndexError"),
        (_adds_a_visit, "visits.1.due: Input should be in the future"),
        (_puts_a_visit_back, "visits.0.due: Input should be in the future"),
        (_set(said="y"), "RuntimeError: late"),
        (_moves, "no such room"),
    ],
)
async def test_what_a_node_writes_is_judged_by_the_other_rules(write: Callable[[Late], None], said: str) -> None:
    run = await late(write)
    with pytest.raises(GraphRunError, match=said):
        await run.proceed(True)


async def test_what_was_right_stays() -> None:
    def write(state: Late) -> None:
        assert state.name == "fine"
        state.n = 4
        state.visits.insert(0, Visit(due=datetime.now(UTC) + timedelta(days=1)))
        state.visits.append(state.visits[1])

    run = await late(write)
    await run.update_state({"name": "fine", "n": 2})
    stop = await run.proceed(True)
    assert (stop.output, stop.state.n, len(stop.state.visits)) == (1, 4, 3)
