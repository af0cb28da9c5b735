"""Values that are easily lost, on their way through a real server: in inputs, outputs and the state."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, Json
from pydantic_graph import GraphBuilder, StepContext

from temporal_graph import TemporalGraph
from tests.codec.strictly import exactly
from tests.server.conftest import Serve

BERLIN = ZoneInfo("Europe/Berlin")
BEFORE_THE_CHANGE = datetime(2026, 3, 28, 12, tzinfo=BERLIN)


class Patch(BaseModel):
    name: str = ""
    email: str | None = None
    discount: int = Field(5, exclude_if=lambda value: value == 0)


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Puppy(Dog):
    months: int = 0


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


@dataclass
class Order:
    due: datetime
    patch: Patch = field(default_factory=Patch)
    pets: list[Annotated[Dog | Cat, Field(discriminator="kind")]] = field(default_factory=list)
    parts: Json[list[int]] = field(default_factory=list)
    latest: collections.deque[int] = field(default_factory=lambda: collections.deque(maxlen=2))
    keys: collections.OrderedDict[str, int] = field(default_factory=collections.OrderedDict)
    zero: float = 0.0


g = GraphBuilder(name="easily_lost", state_type=Order, input_type=Order, output_type=Order, auto_instrument=False)


@g.step
async def change(ctx: StepContext[Order, None, Order]) -> Order:
    assert exactly(ctx.state) == exactly(ctx.inputs)
    ctx.state.due += timedelta(days=1)
    ctx.state.patch.email = None
    ctx.state.patch.discount = 0
    ctx.state.pets.append(Puppy(months=3))
    ctx.state.parts.append(3)
    ctx.state.latest.extend([1, 2, 3])
    ctx.state.keys.move_to_end("a")
    ctx.state.zero = -0.0
    return ctx.state


@g.step
async def look(ctx: StepContext[Order, None, Order]) -> Order:
    assert exactly(ctx.state) == exactly(ctx.inputs)
    return ctx.state


g.add(g.edge_from(g.start_node).to(change), g.edge_from(change).to(look), g.edge_from(look).to(g.end_node))
easily_lost = TemporalGraph(g.build())


def order() -> Order:
    return Order(BEFORE_THE_CHANGE, Patch(name="x"), [Cat(), Puppy()], [1], keys=collections.OrderedDict(a=1, b=2))


def changed() -> Order:
    patch = Patch(name="x", email=None, discount=0)
    keys, latest = collections.OrderedDict(b=2, a=1), collections.deque([2, 3], maxlen=2)
    pets: list[Dog | Cat] = [Cat(), Puppy(), Puppy(months=3)]
    return Order(datetime(2026, 3, 29, 12, tzinfo=BERLIN), patch, pets, [1, 3], latest, keys, -0.0)


async def test_what_is_easily_lost(serve: Serve, task_queue: str) -> None:
    async with serve(easily_lost) as client:
        result = await easily_lost.run(client, inputs=order(), state=order(), id=task_queue, task_queue=task_queue)
    assert exactly(result.output) == exactly(changed())
    assert exactly(result.state) == exactly(changed())
    local = await easily_lost.local().proceed(inputs=order(), state=order())
    assert exactly((local.output, local.state)) == exactly((changed(), changed()))


async def test_a_person_sets_a_field_that_was_not_set() -> None:
    g = GraphBuilder(name="unset_field", state_type=Patch, output_type=list[str], auto_instrument=False)

    @g.step(node_id="look")
    async def look(ctx: StepContext[Patch, None, None]) -> list[str]:
        return sorted(ctx.state.model_fields_set)

    g.add(g.edge_from(g.start_node).to(look), g.edge_from(look).to(g.end_node))
    run = TemporalGraph(g.build(), interrupt_before="*").local()
    await run.proceed(state=Patch(name="x"))
    await run.update_state({"email": None})
    assert (await run.proceed()).output == ["email", "name"]
