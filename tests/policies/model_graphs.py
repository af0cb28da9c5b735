"""The graph of the model-based test, in four kinds: how it times out, by which calendar, how long a history is."""

import itertools
import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic_graph import (
    End,
    GraphBuilder,
    GraphRunContext,
    JoinNode,
    StepContext,
    StepNode,
    reduce_list_append,
)
from temporalio.common import RetryPolicy

from temporal_graph import (
    Calendar,
    Command,
    Escalate,
    Every,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    Skip,
    TemporalGraph,
    answers,
    interrupt,
    once,
)
from tests.policies.model import FINAL, INTAKE, OFFICE, RISKY, TALK, VOTE, Kind, Rules


@dataclass
class Case:
    amount: int = 0
    trouble: bool = False
    note: str = ""
    log: list[str] = field(default_factory=list[str])


_numbers = itertools.count(1)


def draw() -> str:
    """Something else each time that it is called, in whatever process."""
    return f"{os.getpid()}-{next(_numbers)}"


def policy(rules: Rules, on_timeout: Any, *, office: bool = False, **other: Any) -> InterruptPolicy:
    """A policy that says what the model's rules say."""
    reminders: Any = [timedelta(minutes=each) for each in rules.reminders]
    return InterruptPolicy(
        assignees=list(rules.assignees),
        only_assignees=rules.only_assignees,
        timeout=timedelta(minutes=rules.timeout),
        on_timeout=on_timeout,
        reminders=reminders if rules.every is None else Every(timedelta(minutes=rules.every)),
        escalations=[Escalate(timedelta(minutes=after), list(to)) for after, to in rules.escalations],
        calendar=Calendar(OFFICE.zone, hours=(f"{OFFICE.opens:02}:00", f"{OFFICE.closes:02}:00")) if office else None,
        quorum=rules.quorum,
        **other,
    )


def opener(ctx: StepContext[Any, Any, Any]) -> list[str]:
    """Who may not say how much it is."""
    return list(INTAKE.not_by)


def said() -> str:
    """Who gave the answer that a node has, and what they said."""
    return "; ".join(f"{answer.actor} {answer.via} {answer.value}" for answer in answers())


def make(kind: Kind) -> TemporalGraph[Case, None, None, list[str]]:
    """The graph of one kind.

    It asks for an amount; then at the same time for votes, for a number and a word, and what is to become of a node
    that fails; and in the end whether all of it is to be done again.
    """
    g = GraphBuilder(name=kind.name, state_type=Case, output_type=list[str])
    at_the_end: dict[str, Command[Any] | Literal["fail"]] = {
        "default": Command(resume={"again": False}),
        "goto": Command(goto="Intake", update={"note": "nobody"}),
        "fail": "fail",
    }

    @g.step
    async def begin(ctx: StepContext[Case, None, int]) -> int:
        return ctx.inputs

    @dataclass
    class Intake(InterruptNode[Case, None]):
        amount: Annotated[int | None, Required] = None

        policy = policy(
            INTAKE,
            Command(resume={"amount": 1}, update={"note": "late"}),
            not_by=opener,
        )

        async def run(self, ctx: GraphRunContext[Case, None]) -> Annotated[StepNode[Case, None], begin]:
            assert self.amount is not None
            ctx.state.amount = self.amount
            ctx.state.log.append(f"intake {self.amount}: {said()}")
            return begin.as_node(self.amount)

    results = g.join(reduce_list_append, initial_factory=list[str], node_id="results")

    @dataclass
    class Vote(InterruptNode[Case, None]):
        approved: Annotated[bool | None, Required] = None

        policy = policy(
            VOTE,
            Command(resume={"approved": False}),
            not_by=list(VOTE.not_by),
            reject_ends={"approved": False},
        )

        async def run(self, ctx: GraphRunContext[Case, None]) -> Annotated[JoinNode[Case, None], results]:
            ctx.state.log.append(f"vote {self.approved}: {said()}")
            return results.as_node(f"vote {self.approved}")

    @g.step
    async def talk(ctx: StepContext[Case, None, int]) -> str:
        drawn = await once("draw", draw)
        number = await interrupt(
            {"drawn": drawn}, response_type=int, policy=policy(TALK, Command(resume=7), office=kind.office)
        )
        first = said()
        word = await interrupt({"drawn": drawn, "number": number}, response_type=str)
        ctx.state.log.append(f"talk {drawn} {number} {word}: {first}; {said()}")
        return f"talk {number} {word}"

    @g.step
    async def risky(ctx: StepContext[Case, None, int]) -> str:
        if ctx.state.trouble:
            raise ValueError("trouble")
        ctx.state.log.append("risky")
        return "risky"

    @dataclass
    class Final(InterruptNode[Case, None, list[str]]):
        items: list[str] = field(default_factory=list[str])
        again: Annotated[bool | None, Required] = None

        policy = policy(FINAL, at_the_end[kind.at_the_end], office=kind.office)

        async def run(self, ctx: GraphRunContext[Case, None]) -> Intake | End[list[str]]:
            ctx.state.log.append(f"final {self.again}: {said()}")
            return Intake() if self.again else End(sorted(self.items))

    def intake(ctx: StepContext[Case, None, None]) -> Intake:
        return Intake()

    def vote(ctx: StepContext[Case, None, int]) -> Vote:
        return Vote()

    def final(ctx: StepContext[Case, None, list[str]]) -> Final:
        return Final(ctx.inputs)

    g.add(
        g.node(Intake),
        g.node(Vote),
        g.node(Final),
        g.edge_from(g.start_node).transform(intake).to(Intake),
        g.edge_from(begin).broadcast(lambda e: [e.transform(vote).to(Vote), e.to(talk), e.to(risky)], fork_id="parts"),
        g.edge_from(talk, risky).to(results),
        g.edge_from(results).transform(final).to(Final),
    )
    once_only = RetryPolicy(non_retryable_error_types=["ValueError"])
    options = NodeOptions(
        on_failure="interrupt", policy=policy(RISKY, Command(resume=Skip("skipped"))), retry_policy=once_only
    )
    return TemporalGraph(
        g.build(),
        options=NodeOptions(heartbeat_timeout=timedelta(seconds=3)),  # so that the node of a dead worker is tried again
        node_options={"risky": options},
        max_history_events=kind.max_history_events,
    )


KINDS = (
    Kind("model_default", "default", office=False, max_history_events=None),
    Kind("model_goto", "goto", office=True, max_history_events=30),
    Kind("model_fail", "fail", office=True, max_history_events=None),
    Kind("model_short", "goto", office=False, max_history_events=12),
)
GRAPHS = {kind.name: make(kind) for kind in KINDS}
