"""A graph that waits for a person, and what a later release may make of it: the rows of "Changing a graph"."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext, reduce_list_append
from temporalio.common import RetryPolicy

from temporal_graph import (
    Command,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    TemporalGraph,
    interrupt,
)

NAME = "claim"


@dataclass
class State:
    """What the first release knows of a claim."""

    amount: int = 0
    notes: list[str] = field(default_factory=list[str])


@dataclass
class WithDefault(State):
    """... and a later one besides, with a default."""

    owner: str = "nobody"


@dataclass
class WithRequired:
    """... without a default."""

    owner: str
    amount: int = 0
    notes: list[str] = field(default_factory=list[str])


@dataclass
class OtherType:
    """... and with another type of what was there."""

    amount: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


@dataclass
class WithoutNotes:
    """... and without what was there."""

    amount: int = 0


class Strict(BaseModel):
    """... and with no patience for what it does not know."""

    model_config = ConfigDict(extra="forbid")
    amount: int = 0


def claim(
    *,
    state: Any = State,
    prepare: str = "prepare",
    ask: str = "ask",
    pay: str = "pay",
    before: str | None = None,
    after: str | None = None,
    label: str | None = None,
    answer: Any = bool,
    question: str = "pay {}?",
    beside: str | None = None,
    policy: InterruptPolicy | None = None,
    texts: Mapping[str, tuple[str]] | None = None,
    inputs: Any = int,
    max_history_events: int | None = None,
    **given: Any,
) -> TemporalGraph[Any, Any, Any, Any]:
    """The graph, with some change."""
    builder: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(state_type=state, input_type=inputs, output_type=str)

    async def do_prepare(ctx: Any) -> Any:
        return ctx.inputs

    async def do_ask(ctx: Any) -> str:
        said = await interrupt(question.format(ctx.inputs), response_type=answer, policy=policy)
        return f"{said}"

    async def do_ask_of_many(ctx: Any) -> str:
        said = await interrupt((texts or {})["ask"][0].format(ctx.inputs), response_type=answer)
        return f"{said}"

    async def do_ask_twice(ctx: Any) -> str:
        await interrupt(beside, response_type=bool)
        said = await interrupt(question.format(ctx.inputs), response_type=answer)
        return f"{said}"

    async def do_pay(ctx: Any) -> str:
        return f"paid: {ctx.inputs} ({ctx.state.amount})"

    async def do_more(ctx: Any) -> Any:
        return ctx.inputs

    def step(node_id: str, function: Any, takes: Any, gives: Any) -> Any:
        async def call(ctx: Any) -> Any:
            return await function(ctx)

        call.__annotations__ = {"ctx": StepContext[state, Any, takes], "return": gives}
        made: Any = cast("Any", builder).step(node_id=node_id)(call)
        return made

    nodes = [step(prepare, do_prepare, inputs, inputs)]
    if before is not None:
        nodes.append(step(before, do_more, inputs, inputs))
    do = do_ask_of_many if texts is not None else do_ask if beside is None else do_ask_twice
    nodes.append(step(ask, do, inputs, str))
    if after is not None:
        nodes.append(step(after, do_more, str, str))
    nodes.append(step(pay, do_pay, str, str))
    places: list[Any] = [builder.start_node, *nodes, builder.end_node]
    for source, target in itertools.pairwise(places):
        path = builder.edge_from(source)
        builder.add((path.label(label) if label is not None else path).to(target))
    return TemporalGraph(builder.build(), name=NAME, max_history_events=max_history_events, **given)


first = claim()
short = claim(max_history_events=10)
"""The first release, whose runs soon continue as new."""

# What a run that waits does not notice, wherever in its history it is.
other_code = claim(question="shall we pay {}?")
label_added = claim(label="to")
field_with_default = claim(state=WithDefault)
field_gone = claim(state=WithoutNotes)
options_changed = claim(
    options=NodeOptions(
        summary="something",
        start_to_close_timeout=timedelta(minutes=1),
        heartbeat_timeout=timedelta(minutes=2),
        retry_policy=RetryPolicy(maximum_attempts=2),
    )
)
node_after = claim(after="check")
renamed_after = claim(pay="settle")
# What it cannot be carried on with from its history.
renamed_before = claim(prepare="look")
renamed_waiting = claim(ask="decide")
node_before = claim(before="check")
node_before_short = claim(before="check", max_history_events=10)
made_local = claim(node_options={"prepare": NodeOptions(execution="local")})
# What it holds and cannot be read any more.
field_required = claim(state=WithRequired)
type_changed = claim(state=OtherType)
field_forbidden = claim(state=Strict)
inputs_changed = claim(inputs=dict[str, int])
# What people may say.
answer_changed = claim(answer=Literal["yes", "no"])
text = claim(answer=str)
text_short = claim(answer=str, max_history_events=10)
number = claim(answer=int)
few = claim(answer=StrEnum("Choice", {"YES": "yes", "NO": "no"}, module=__name__))
other_few = claim(answer=StrEnum("Choice", {"YES": "approve", "NO": "reject"}, module=__name__))
other_amount = claim(answer=str, question="pay 1{}?")
only_ann = claim(answer=str, policy=InterruptPolicy(assignees="ann", only_assignees=True))
text_of_many = claim(answer=str, texts={"ask": ("pay {}?",)})
other_text_of_many = claim(answer=str, texts={"ask": ("refund {}?",)})
beside_another = claim(answer=str, question="shall we pay {}?", beside="sure?")
choice = claim(answer=Literal["yes", "no"])
choice_short = claim(answer=Literal["yes", "no"], max_history_events=10)
other_choice = claim(answer=Literal["approve", "reject"])
text_here = claim(answer=str, node_options={"ask": NodeOptions(execution="workflow")})
text_here_short = claim(answer=str, max_history_events=10, node_options={"ask": NodeOptions(execution="workflow")})
number_here = claim(answer=int, node_options={"ask": NodeOptions(execution="workflow")})


def loop(answer: Any, **given: Any) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that asks twice in one place, the second time with the type of its release."""
    builder: GraphBuilder[State, None, int, str] = GraphBuilder(state_type=State, input_type=int, output_type=str)

    @builder.step
    async def ask(ctx: StepContext[State, None, int]) -> str:
        types = [str, *[answer] * (ctx.inputs - 1)]
        return ", ".join([f"{await interrupt(f'number {n}?', response_type=one)}" for n, one in enumerate(types)])

    builder.add(builder.edge_from(builder.start_node).to(ask), builder.edge_from(ask).to(builder.end_node))
    return TemporalGraph(builder.build(), name=NAME, **given)


def many(answer: Any) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that asks several people at once."""
    builder: GraphBuilder[State, None, list[int], str] = GraphBuilder(
        state_type=State, input_type=list[int], output_type=str
    )

    @builder.step
    async def ask(ctx: StepContext[State, None, int]) -> str:
        return f"{await interrupt(f'number {ctx.inputs}?', response_type=answer)}"

    @builder.step
    async def say(ctx: StepContext[State, None, list[str]]) -> str:
        return ", ".join(sorted(ctx.inputs))

    join = builder.join(reduce_list_append, initial_factory=list[str])
    builder.add(
        builder.edge_from(builder.start_node).map().to(ask),
        builder.edge_from(ask).to(join),
        builder.edge_from(join).to(say),
        builder.edge_from(say).to(builder.end_node),
    )
    return TemporalGraph(builder.build(), name=NAME)


loop_text = loop(str)
loop_number = loop(int)
many_text = many(str)
many_number = many(int)


@dataclass
class Enter(BaseNode[State, None, str]):
    """Where the graph of classes begins."""

    async def run(self, ctx: GraphRunContext[State, None]) -> Confirm:
        return Confirm(ctx.state.amount)


@dataclass
class Confirm(InterruptNode[State, None, str]):
    """Asks."""

    amount: int
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[State, None]) -> End[str]:
        return End(f"{self.amount}: {self.approved}")


@dataclass
class EnterNow(BaseNode[State, None, str]):
    """The same in a later release, where the class that asks has another name."""

    async def run(self, ctx: GraphRunContext[State, None]) -> ConfirmNow:
        return ConfirmNow(ctx.state.amount)

    @classmethod
    def get_node_id(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "Enter"


@dataclass
class ConfirmNow(InterruptNode[State, None, str]):
    """Asks."""

    amount: int
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[State, None]) -> End[str]:
        return End(f"{self.amount}: {self.approved}")


@dataclass
class ReplyText(InterruptNode[State, None, str]):
    """Asks for a text."""

    said: Annotated[str | None, Required] = None

    async def run(self, ctx: GraphRunContext[State, None]) -> End[str]:
        return End(f"{self.said}")

    @classmethod
    def get_node_id(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "Reply"


@dataclass
class ReplyNumber(InterruptNode[State, None, str]):
    """... and in a later release for a number."""

    said: Annotated[int | None, Required] = None

    async def run(self, ctx: GraphRunContext[State, None]) -> End[str]:
        return End(f"{self.said}")

    @classmethod
    def get_node_id(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "Reply"


@dataclass
class HurriedText(ReplyText):
    """Does not wait for long."""

    policy = InterruptPolicy(timeout=timedelta(seconds=8), on_timeout=Command(resume={"said": "nothing"}))


@dataclass
class HurriedNumber(ReplyNumber):
    """Does not wait for long."""

    policy = InterruptPolicy(timeout=timedelta(seconds=8), on_timeout=Command(resume={"said": 0}))


hurried_text = InterruptibleGraph(nodes=[HurriedText], name="reply")
hurried_number = InterruptibleGraph(nodes=[HurriedNumber], name="reply")
reply_text = InterruptibleGraph(nodes=[ReplyText], name="reply")
reply_text_short = InterruptibleGraph(nodes=[ReplyText], name="reply", max_history_events=10)
reply_number = InterruptibleGraph(nodes=[ReplyNumber], name="reply")
classes = InterruptibleGraph(nodes=[Enter, Confirm], name="classes")
class_renamed = InterruptibleGraph(nodes=[EnterNow, ConfirmNow], name="classes")


def survey(state: Any, takes: Any, nobody: Any) -> tuple[InterruptibleGraph[Any, Any, Any], Any, Any]:
    """A graph that asks twice, and the nodes that ask; what it takes and what it holds are those of its release."""

    class Reply(InterruptNode[Any, None, str]):
        said = None
        policy = InterruptPolicy(timeout=timedelta(hours=1), on_timeout=Command(resume={"said": nobody}))

        async def run(self, ctx: GraphRunContext[Any, None]) -> Any:
            confirm: Any = Confirm
            return confirm(self.said)

    class Confirm(InterruptNode[Any, None, str]):
        said = None
        sure = None

        async def run(self, ctx: GraphRunContext[Any, None]) -> Any:
            return Close()

    class Close(BaseNode[Any, None, str]):
        async def run(self, ctx: GraphRunContext[Any, None]) -> End[str]:
            return End(f"{ctx.state.amount}")

    Reply.__annotations__ = {"said": Annotated[takes | None, Required]}
    Reply.run.__annotations__ = {"ctx": GraphRunContext[state, None], "return": Confirm}
    Confirm.__annotations__ = {"said": takes | None, "sure": Annotated[bool | None, Required]}
    Confirm.run.__annotations__ = {"ctx": GraphRunContext[state, None], "return": Close}
    nodes: list[Any] = [dataclass(node) for node in (Reply, Confirm, Close)]
    return InterruptibleGraph(nodes=nodes, name="survey", state_type=state), Reply, Confirm


survey_text, *survey_text_nodes = survey(State, str, "nothing")
survey_number, *survey_number_nodes = survey(OtherType, int, 0)


@dataclass
class Appointment:
    """When something is due."""

    at: datetime | None = None


@dataclass
class AwareAppointment:
    """When something is due."""

    at: AwareDatetime | None = None


@dataclass
class Due:
    """Something that is due."""

    at: datetime


@dataclass
class DueAware:
    """Something that is due."""

    at: AwareDatetime


AwareAppointment.__name__ = AwareAppointment.__qualname__ = "Appointment"
DueAware.__name__ = DueAware.__qualname__ = "Due"


def keeping_time(state: Any, due: Any, *, is_ahead: bool = False, **given: Any) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that keeps a time; JSON schema does not tell one with a zone from one without."""
    builder: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(
        name="moments", state_type=state, input_type=str, output_type=str
    )

    async def look(ctx: Any) -> Any:
        at = datetime.fromisoformat(ctx.inputs)
        if ctx.state is not None:
            ctx.state.at = at
        return None if due is type(None) else due(at)

    async def ask(ctx: Any) -> Any:
        await interrupt("sure?", response_type=bool)
        return ctx.inputs

    async def pay(ctx: Any) -> str:
        return f"due {(ctx.state or ctx.inputs).at:%H:%M}"

    def keep(ctx: Any) -> Any:
        return ctx.inputs

    def step(function: Any, takes: Any, gives: Any) -> Any:
        function.__annotations__ = {"ctx": StepContext[state, Any, takes], "return": gives}
        return builder.step(node_id=function.__name__)(function)

    keep.__annotations__ = {"ctx": StepContext[state, Any, due], "return": due}
    first, second, third = step(look, str, due), step(ask, due, due), step(pay, due, str)
    path = builder.edge_from(first)
    builder.add(
        builder.edge_from(builder.start_node).to(first),
        (path.transform(keep) if is_ahead else path).to(second),
        builder.edge_from(second).transform(keep).to(third),
        builder.edge_from(third).to(builder.end_node),
    )
    return TemporalGraph(builder.build(), **given)


HERE: dict[str, Any] = {"node_options": {"ask": NodeOptions(execution="workflow")}}
HELD: dict[str, Any] = {"interrupt_after": ["ask"]}
moments = keeping_time(type(None), Due, is_ahead=True)
moments_zoned = keeping_time(type(None), DueAware, is_ahead=True)
moments_here = keeping_time(Appointment, type(None), **HERE)
moments_here_zoned = keeping_time(AwareAppointment, type(None), **HERE)
moments_held = keeping_time(type(None), Due, **HELD)
moments_held_zoned = keeping_time(type(None), DueAware, **HELD)


@dataclass
class Quote:
    """What something costs."""

    cents: int


@dataclass
class QuoteIn:
    """... and in which currency."""

    cents: int
    currency: str


QuoteIn.__name__ = QuoteIn.__qualname__ = "Quote"


def pricing(quote: Any, *currency: str) -> TemporalGraph[Any, Any, Any, Any]:
    """A graph that collects what several nodes say, of which all but one ask."""
    builder: GraphBuilder[Any, Any, Any, Any] = GraphBuilder(input_type=list[int], output_type=int)

    async def price(ctx: Any) -> Any:
        if ctx.inputs > 1:
            await asyncio.sleep(0.2)  # so that the first is collected before
            await interrupt(f"price of {ctx.inputs}?", response_type=bool)
        return quote(ctx.inputs, *currency)

    async def add(ctx: Any) -> int:
        return sum(each.cents for each in ctx.inputs)

    def step(function: Any, takes: Any, gives: Any) -> Any:
        function.__annotations__ = {"ctx": StepContext[None, None, takes], "return": gives}
        return builder.step(node_id=function.__name__)(function)

    first, last = step(price, int, quote), step(add, list[quote], int)
    join = builder.join(reduce_list_append, initial_factory=list[quote], node_id="collect")
    builder.add(
        builder.edge_from(builder.start_node).map(fork_id="each").to(first),
        builder.edge_from(first).to(join),
        builder.edge_from(join).to(last),
        builder.edge_from(last).to(builder.end_node),
    )
    return TemporalGraph(builder.build(), name="pricing")


prices = pricing(Quote)
prices_in_euros = pricing(QuoteIn, "EUR")
