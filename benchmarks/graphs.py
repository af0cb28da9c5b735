"""The same work twice: as a graph, and as a workflow written by hand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic_graph import (
    BaseNode,
    End,
    Graph,
    GraphBuilder,
    GraphRunContext,
    StepContext,
    reduce_list_append,
    reduce_sum,
)
from temporalio import activity, workflow

from temporal_graph import InterruptibleGraph, InterruptNode, NodeOptions, Required, TemporalGraph, emit, interrupt

LENGTH = 20


def _chain(name: str) -> Graph[None, None, int, int]:
    g = GraphBuilder(name=name, input_type=int, output_type=int)

    async def add_one(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs + 1

    steps = [g.step(add_one, node_id=f"step_{index:02}") for index in range(LENGTH)]
    for source, target in zip([g.start_node, *steps], [*steps, g.end_node], strict=True):
        g.add(g.edge_from(source).to(target))  # pyright: ignore[reportArgumentType]
    return g.build()


def _fan() -> Graph[None, None, int, int]:
    g = GraphBuilder(name="fan", input_type=int, output_type=int)

    @g.step
    async def numbers(ctx: StepContext[None, None, int]) -> list[int]:
        return list(range(ctx.inputs))

    @g.step
    async def double(ctx: StepContext[None, None, int]) -> int:
        return ctx.inputs * 2

    total = g.join(reduce_sum, initial=0)
    g.add(
        g.edge_from(g.start_node).to(numbers),
        g.edge_from(numbers).map().to(double),
        g.edge_from(double).to(total),
        g.edge_from(total).to(g.end_node),
    )
    return g.build()


chain = TemporalGraph(_chain("chain"))
local_chain = TemporalGraph(_chain("local_chain"), options=NodeOptions(execution="local"))
fan = TemporalGraph(_fan())


@activity.defn
async def add_one_by_hand(value: int) -> int:
    return value + 1


@workflow.defn
class ChainByHand:
    """Awaits the same activities."""

    @workflow.run
    async def run(self, value: int) -> int:
        for _ in range(LENGTH):
            value = await workflow.execute_activity(
                add_one_by_hand, value, start_to_close_timeout=timedelta(minutes=10)
            )
        return value


@workflow.defn
class LocalChainByHand:
    """Awaits the same local activities."""

    @workflow.run
    async def run(self, value: int) -> int:
        for _ in range(LENGTH):
            value = await workflow.execute_local_activity(
                add_one_by_hand, value, start_to_close_timeout=timedelta(minutes=10)
            )
        return value


# -- Answers ---------------------------------------------------------------------------------------------------------


@dataclass
class Act(BaseNode[None, None, list[float]]):
    """What follows an answer; it notes when it began to run."""

    left: int
    began: list[float] = field(default_factory=list[float])

    async def run(self, ctx: GraphRunContext[None, None]) -> Wait | End[list[float]]:
        began = [*self.began, time.time()]
        return Wait(self.left - 1, began) if self.left else End(began)


@dataclass
class Wait(InterruptNode[None, None, list[float]]):
    """Waits for a person; it runs in the workflow, so that the next activity is `Act`."""

    left: int
    began: list[float]
    value: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[None, None]) -> Act:
        return Act(self.left, self.began)


answers = InterruptibleGraph([Act, Wait], name="answers", node_options={"Wait": NodeOptions(execution="workflow")})


@activity.defn
async def act_by_hand(began: list[float]) -> list[float]:
    return [*began, time.time()]


@workflow.defn
class AnswersByHand:
    """A signal, and `wait_condition`; or an update that also waits for the next question."""

    def __init__(self) -> None:
        self._answers: list[bool] = []
        self._asked = 0

    @workflow.run
    async def run(self, count: int) -> list[float]:
        began: list[float] = []
        for number in range(count + 1):
            began = await workflow.execute_activity(act_by_hand, began, start_to_close_timeout=timedelta(minutes=10))
            if number < count:
                self._asked = number + 1
                await workflow.wait_condition(lambda asked=number + 1: len(self._answers) >= asked)
        return began

    @workflow.signal
    def answer(self, value: bool) -> None:
        self._answers.append(value)

    @workflow.update
    async def proceed(self, value: bool | None) -> int:
        if value is not None:
            self._answers.append(value)
        await workflow.wait_condition(lambda: self._asked > len(self._answers))
        return self._asked

    @workflow.query
    def asked(self) -> int:
        return self._asked


# -- Events ----------------------------------------------------------------------------------------------------------


@dataclass
class Tell(BaseNode[None, None, float]):
    """Tells its listeners the time, again and again, and notes when it has ended."""

    words: int
    pause: float
    rounds: int = 1

    async def run(self, ctx: GraphRunContext[None, None]) -> Listen | End[float]:
        for _ in range(self.words):
            await emit(time.time())
            await asyncio.sleep(self.pause)
        return Listen(self.rounds - 1, time.time()) if self.rounds > 1 else End(time.time())


@dataclass
class Listen(InterruptNode[None, None, float]):
    """Waits until somebody listens; then few words are told, or a flow of them."""

    rounds: int
    ended: float = 0
    value: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[None, None]) -> Tell:
        return Tell(50, 0.02, self.rounds) if self.rounds % 2 else Tell(3, 0.25, self.rounds)


telling = InterruptibleGraph([Listen, Tell], name="telling")


# -- Crowds ----------------------------------------------------------------------------------------------------------


def _crowd() -> Graph[None, None, list[int], list[bool]]:
    g = GraphBuilder(name="crowd", input_type=list[int], output_type=list[bool])

    @g.step
    async def ask(ctx: StepContext[None, None, int]) -> bool:
        return await interrupt(ctx.inputs, response_type=bool)

    every = g.join(reduce_list_append, initial_factory=list[bool], node_id="every")
    g.add(
        g.edge_from(g.start_node).map(fork_id="each").to(ask),
        g.edge_from(ask).to(every),
        g.edge_from(every).to(g.end_node),
    )
    return g.build()


crowd = TemporalGraph(_crowd())
