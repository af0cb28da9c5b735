"""Policies, and what else says how a question is asked: what is refused where it is written, or meets a graph."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext, StepContext

from temporal_graph import (
    Abort,
    Calendar,
    Command,
    Escalate,
    Every,
    GraphDefinitionError,
    GraphRunError,
    InterruptibleGraph,
    InterruptNode,
    InterruptPolicy,
    NodeOptions,
    Required,
    Retry,
    Send,
    Skip,
    TemporalGraph,
    interrupt,
)
from temporal_graph.compile.policies import KeptPolicies

HOUR = timedelta(hours=1)
FOREVER = timedelta(days=36_501)


def refused(make: Callable[[], Any]) -> str:
    with pytest.raises(GraphDefinitionError) as caught:
        make()
    return str(caught.value)


# -- Where it is written ----------------------------------------------------------------------------------------------

NO_TIMEDELTA = "{} has {!r}; it takes a timedelta, such as timedelta(hours=2)."
NO_TIME = "{} has {!r}; it must be longer than nothing."
TOO_LONG = "{} has {!r}; it must be no longer than 36,500 days."
WRONG_DURATIONS: list[Any] = [
    (2, NO_TIMEDELTA),
    ("2h", NO_TIMEDELTA),
    (timedelta(0), NO_TIME),
    (-HOUR, NO_TIME),
    (FOREVER, TOO_LONG),
    (timedelta.max, TOO_LONG),
]


@pytest.mark.parametrize(("value", "says"), WRONG_DURATIONS)
def test_durations(value: Any, says: str) -> None:
    assert refused(lambda: Every(value)) == says.format("Every(...)", value)
    assert refused(lambda: Escalate(value, "bob")) == says.format("Escalate(after=...)", value)
    assert refused(lambda: InterruptPolicy(timeout=value)) == says.format("timeout", value)
    assert refused(lambda: InterruptPolicy(reminders=[HOUR, value])) == says.format("reminders", value)


def test_the_longest_duration_has_a_date() -> None:
    rules = InterruptPolicy(timeout=FOREVER - timedelta(days=1), calendar=Calendar("Europe/Berlin"))
    assert rules.timeout == timedelta(days=36_500)


WRONG_NAMES: list[Any] = [
    (5, "is 5; it must be a list."),
    (b"ann", "is b'ann'; it must be a list."),
    ([5], "has 5; it takes names, such as 'ann'."),
    ([""], "has ''; it takes names, such as 'ann'."),
    ([None], "has None; it takes names, such as 'ann'."),
    (["ann", "bob", "ann"], "is ['ann', 'bob', 'ann'], which names somebody twice."),
]


@pytest.mark.parametrize(("value", "says"), WRONG_NAMES)
def test_names(value: Any, says: str) -> None:
    assert refused(lambda: Escalate(HOUR, value)) == f"Escalate(to=...) {says}"
    for name in ("assignees", "not_by"):
        assert refused(lambda name=name: InterruptPolicy(**{name: value})) == f"{name} {says}"


def test_one_name_needs_no_list() -> None:
    assert InterruptPolicy(assignees="ann", not_by="eve") == InterruptPolicy(assignees=["ann"], not_by=("eve",))
    assert Escalate(HOUR, "bob") == Escalate(HOUR, ["bob"])
    assert InterruptPolicy(assignees=(name for name in ["ann", "bob"])).assignees == ("ann", "bob")  # type: ignore[arg-type]


NAIVE = datetime(2030, 1, 1)
ANN = {"assignees": "ann"}


class Office(Calendar):
    """A calendar of the user's that is only made in another way."""

    def __init__(self) -> None:
        super().__init__("Europe/Berlin", holidays=["2026-12-24"])


class Lazy(Calendar):
    """One that counts in a way of its own."""

    def after(self, moment: datetime, duration: timedelta) -> datetime:
        raise KeyboardInterrupt


def _named_like_ours() -> Any:
    return type("Calendar", (), {"after": lambda *args: None, "__repr__": lambda self: 1 / 0})()


def test_a_calendar_of_ones_own() -> None:
    """A run takes it along as what it is made of; so what else it does would be forgotten."""
    made = InterruptPolicy(timeout=HOUR, calendar=Office()).calendar
    assert made is not None
    assert made.dump() == Calendar("Europe/Berlin", holidays=["2026-12-24"]).dump()
    with pytest.raises(GraphDefinitionError, match=r"^calendar is a Lazy, which has after\(\) of its own"):
        InterruptPolicy(timeout=HOUR, calendar=Lazy("UTC"))
    with pytest.raises(GraphDefinitionError, match=r"^calendar is a Calendar; it must be a Calendar"):
        InterruptPolicy(timeout=HOUR, calendar=_named_like_ours())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"only_assignees": 1, **ANN}, "only_assignees is 1; it must be True or False."),
        ({"calendar": "Europe/Berlin"}, "calendar is 'Europe/Berlin'; it must be a Calendar(...)."),
        ({"timeout": HOUR, "on_timeout": None}, "on_timeout is None; it must be a Command(...), or 'fail'."),
        ({"timeout": HOUR, "on_timeout": "stop"}, "on_timeout is 'stop'; it must be a Command(...), or 'fail'."),
        ({"timeout": HOUR, "on_timeout": False}, "on_timeout is False; it must be a Command(...), or 'fail'."),
        ({"quorum": 0}, "quorum is 0; it must be a number of people, 1 or more."),
        ({"quorum": True}, "quorum is True; it must be a number of people, 1 or more."),
        ({"quorum": "2"}, "quorum is '2'; it must be a number of people, 1 or more."),
        ({"escalations": Escalate(HOUR, "bob")}, "escalations is Escalate(after=datetime.timedelta(seconds=3600), to="),
        ({"escalations": ["bob"]}, "escalations has 'bob'; it takes Escalate(after=..., to=...)."),
        ({"reminders": HOUR}, f"reminders is {HOUR!r}; it must be Every(...), or a list: "),
        (
            {"escalations": HOUR},
            f"escalations is {HOUR!r}; it must be a list: escalations=[Escalate(after=..., to=...)].",
        ),
        ({"timeout": NAIVE}, f"timeout is {NAIVE!r}, which has no time zone; give it one: datetime(..., tzinfo=UTC)."),
        ({"timeout": date(2030, 1, 1)}, NO_TIMEDELTA.format("timeout", date(2030, 1, 1))),
        (
            {"on_timeout": Command(resume=1)},
            "on_timeout is Command(resume=1, update=None, goto=None), but there is no ",
        ),
        (
            {"escalations": [Escalate(2 * HOUR, "bob"), Escalate(HOUR, "cid")]},
            "escalations come after 2:00:00, 1:00:00; give the earlier ones first.",
        ),
        (
            {"escalations": [Escalate(HOUR, "bob"), Escalate(HOUR, "cid")]},
            "escalations come after 1:00:00, 1:00:00; give the earlier ones first.",
        ),
        (
            {"timeout": HOUR, "escalations": [Escalate(HOUR, "bob")]},
            "Escalate(after=1:00:00) would never come: after 1:00:00 the question has timed out. Make that come later, "
            "or leave the timeout out.",
        ),
        ({"timeout": HOUR, "reminders": Every(HOUR)}, "Every(...) would never come: after 1:00:00"),
        (
            {"timeout": HOUR, "reminders": [HOUR / 2, 2 * HOUR]},
            "the reminder after 2:00:00 would never come: after 1:00:00",
        ),
        ({"quorum": 2, **ANN}, "quorum is 2, but assignees names 1; so many can never answer."),
        (
            {"quorum": 2, "assignees": ["ann", "bob"], "only_assignees": True, "escalations": [Escalate(HOUR, "cid")]},
            "quorum is 2, but Escalate(to=['cid']) names 1; so many can never answer.",
        ),
        ({"only_assignees": True}, "only_assignees=True needs assignees; without them nobody could answer."),
        ({"reject_ends": False}, "reject_ends is of use with a quorum of 2 or more; else one answer is the end."),
        (
            {"assignees": ["ann", "eve"], "not_by": ["eve", "ann"]},
            "assignees and not_by both name 'ann', 'eve'; who is asked must be somebody who may answer.",
        ),
        (
            {"escalations": [Escalate(HOUR, ["bob", "eve"])], "not_by": "eve"},
            "Escalate(to=['bob', 'eve']) and not_by both name 'eve'; who is asked must be somebody who may answer.",
        ),
    ],
)
def test_what_a_policy_cannot_be(words: Any, says: str) -> None:
    message = refused(lambda: InterruptPolicy(**words))
    assert message.startswith(says)
    assert message.endswith(".")


def test_whom_it_escalates_to() -> None:
    assert refused(lambda: Escalate(HOUR, [])) == "Escalate(to=...) names nobody; say who is asked then."


SELDOM = Calendar("UTC", weekdays=["Monday"], hours=("09:00", "09:01"))


@pytest.mark.parametrize(
    "words",
    [
        {"timeout": timedelta(days=30)},
        {"escalations": [Escalate(timedelta(days=30), "bob")]},
        {"reminders": [timedelta(days=30)]},
        {"reminders": Every(timedelta(days=30))},
    ],
)
def test_working_time_that_is_never_over(words: Any) -> None:
    never = dataclasses.replace(InterruptPolicy(), **words)
    assert never.calendar is None
    closed = Calendar("UTC", weekdays=["Monday"], holidays=every_monday(20))
    assert refused(lambda: dataclasses.replace(never, calendar=closed)).startswith("In the calendar of the policy, ")
    assert dataclasses.replace(never, calendar=Calendar("UTC")).calendar is not None


def every_monday(years: int) -> list[date]:
    return [date(2026, 1, 5) + timedelta(weeks=week) for week in range(53 * years)]


@pytest.mark.parametrize(
    "policy",
    [
        InterruptPolicy(),
        InterruptPolicy(quorum=2, reject_ends=None),
        InterruptPolicy(quorum=2, assignees=["ann", "bob", "cid"], escalations=[Escalate(HOUR, "boss")]),
        InterruptPolicy(assignees=lambda ctx: ctx.state, only_assignees=True, quorum=3),
        InterruptPolicy(timeout=datetime(2020, 1, 1, tzinfo=UTC), reminders=[timedelta(days=900)]),
        InterruptPolicy(calendar=SELDOM),
    ],
)
def test_what_a_policy_may_be(policy: InterruptPolicy) -> None:
    assert dataclasses.replace(policy) == policy


def test_it_says_what_was_given() -> None:
    policy = InterruptPolicy(assignees="ann", timeout=HOUR, reminders=Every(HOUR / 2))
    assert repr(policy) == (
        "InterruptPolicy(assignees=('ann',), timeout=datetime.timedelta(seconds=3600), "
        "reminders=Every(interval=datetime.timedelta(seconds=1800)))"
    )
    assert repr(InterruptPolicy()) == "InterruptPolicy()"


# -- Options ----------------------------------------------------------------------------------------------------------


def test_policies_in_options() -> None:
    assert refused(lambda: NodeOptions(policy=HOUR)) == f"policy is {HOUR!r}; it must be an InterruptPolicy(...)."  # type: ignore[arg-type]
    assert refused(lambda: NodeOptions(on_failure="retry")) == (  # type: ignore[arg-type]
        "on_failure is 'retry'; it must be one of fail, interrupt."
    )


def test_a_node_has_its_options_before_the_graph() -> None:
    own, all_of_them = InterruptPolicy(assignees="ann"), InterruptPolicy(assignees="bob")
    below = NodeOptions(policy=all_of_them, on_failure="interrupt")
    assert NodeOptions(execution="workflow").over(below).policy is all_of_them
    assert NodeOptions(execution="workflow").over(below).on_failure == "interrupt"
    found = NodeOptions(policy=own, on_failure="fail").over(below)
    assert (found.policy, found.on_failure) == (own, "fail")


# -- On interrupt nodes -----------------------------------------------------------------------------------------------


@dataclass
class Claim:
    amount: int = 100
    by: str = "eve"


@dataclass
class Done(BaseNode[Claim, None, str]):
    text: str = ""

    async def run(self, ctx: GraphRunContext[Claim]) -> End[str]:
        return End(self.text)


def node(**namespace: Any) -> Any:
    """An interrupt node with something in its class."""

    async def run(self: Any, ctx: GraphRunContext[Claim]) -> Done:
        return Done(str(self.approved))

    fields = {"approved": Annotated[bool | None, Required], **namespace.pop("fields", {})}
    body = {
        "__annotations__": fields,
        "__module__": __name__,
        "approved": None,
        "run": run,
        **namespace,
    }
    return dataclass(
        types.new_class("Review", (InterruptNode[Claim, None, str],), exec_body=lambda own: own.update(body))
    )


def wrap(*nodes: Any, **words: Any) -> InterruptibleGraph[Any, Any, Any]:
    return InterruptibleGraph([*nodes, Done], name="claims", **words)


@pytest.mark.parametrize("policy", [HOUR, "ann", InterruptPolicy, {"timeout": HOUR}])
def test_a_policy_that_is_none(policy: Any) -> None:
    message = f"The policy of node 'Review' is {policy!r}; it must be an InterruptPolicy(...)."
    assert refused(lambda: wrap(node(policy=policy))) == message


async def test_no_policy() -> None:
    review = node(policy=None)
    run = wrap(review).local()
    await run.proceed(from_node=review(), state=Claim())
    assert run.pending_interrupts()[0].deadline is None


SOON = InterruptPolicy(assignees="ann", timeout=HOUR)
HOW = {
    True: "Write policy = InterruptPolicy(...), without an annotation, or policy: ClassVar[InterruptPolicy] = ",
    False: "Write policy: ClassVar[InterruptPolicy] = ",
}


@dataclass
class Annotated_(InterruptNode[Claim, None, str]):
    policy: InterruptPolicy = SOON  # type: ignore[misc]

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done()


@dataclass
class Given(InterruptNode[Claim, None, str]):
    policy: InterruptPolicy | None  # type: ignore[misc]

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done()


@dataclass
class Inherits(Annotated_): ...


class AnnotatedModel(BaseModel, InterruptNode[Claim, None, str]):
    policy: InterruptPolicy = SOON  # type: ignore[misc]

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done()


@pytest.mark.parametrize("cls", [Annotated_, Given, Inherits, AnnotatedModel])
def test_a_policy_that_has_become_a_field(cls: Any) -> None:
    assert refused(lambda: wrap(cls)) == (
        f"The policy of node {cls.__name__!r} is annotated, which makes it a field of the node. "
        f"{HOW[dataclasses.is_dataclass(cls)]}InterruptPolicy(...)."
    )


@dataclass
class Shared(InterruptNode[Claim, None, str]):
    policy: ClassVar[InterruptPolicy] = SOON

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done()


class SharedModel(BaseModel, InterruptNode[Claim, None, str]):
    policy: ClassVar[InterruptPolicy] = SOON

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done()


@pytest.mark.parametrize("cls", [Shared, SharedModel])
async def test_a_policy_that_is_annotated_as_the_class_s(cls: Any) -> None:
    stop = await wrap(cls).local().proceed(from_node=cls(), state=Claim())
    assert stop.interrupts[0].assignees == ["ann"]
    assert stop.interrupts[0].deadline is not None


@dataclass
class Named(InterruptNode[Claim, None, str]):
    """Its fields have the names of what would say how it asks."""

    policy: str = "none"  # type: ignore[assignment]
    prompt: str = "Well?"
    validate_answer: int = 3
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done(f"{self.policy} {self.prompt} {self.validate_answer} {self.approved}")


class NamedModel(BaseModel, InterruptNode[Claim, None, str]):
    """The same as a model."""

    policy: str = "none"  # type: ignore[assignment]
    prompt: str = "Well?"
    validate_answer: int = 3
    approved: Annotated[bool | None, Required] = None

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done(f"{self.policy} {self.prompt} {self.validate_answer} {self.approved}")


@pytest.mark.parametrize("cls", [Named, NamedModel])
async def test_a_field_of_such_a_name_is_just_a_field(cls: Any) -> None:
    run = wrap(cls).local()
    stop = await run.proceed(from_node=cls(), state=Claim())
    assert stop.interrupts[0].value == {"policy": "none", "prompt": "Well?", "validate_answer": 3}
    assert (await run.proceed({"approved": True})).output == "none Well? 3 True"


@dataclass
class NoInterrupt(BaseNode[Claim, None, str]):
    """No interrupt node: what its class has is its own affair."""

    policy = "whatever"

    def prompt(self) -> str:
        return "Well?"

    async def validate_answer(self) -> None: ...

    async def run(self, ctx: GraphRunContext[Claim]) -> Done:
        return Done(self.prompt())


async def test_other_nodes_may_have_such_methods() -> None:
    assert (await wrap(NoInterrupt).local().proceed(from_node=NoInterrupt(), state=Claim())).output == "Well?"


def plain(self: Any, ctx: Any) -> Any: ...


async def waiting(self: Any, ctx: Any) -> Any: ...


async def too_few(self: Any) -> Any: ...


def too_many(self: Any, ctx: Any, more: Any) -> Any: ...


def with_a_default(self: Any, ctx: Any, more: Any = None) -> Any: ...


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ({"prompt": plain}, "Review.prompt must be an async function: async def prompt(self, ctx)."),
        (
            {"validate_answer": waiting},
            "Review.validate_answer must be a plain function: def validate_answer(self, ctx). It runs in the driver, "
            "and must be pure; what needs I/O goes into run().",
        ),
        ({"prompt": too_few}, "Review.prompt must take (self, ctx): too many positional arguments."),
        (
            {"validate_answer": too_many},
            "Review.validate_answer must take (self, ctx): missing a required argument: 'more'.",
        ),
    ],
)
def test_methods_that_cannot_be_called(methods: Any, says: str) -> None:
    assert refused(lambda: wrap(node(**methods))) == says


def test_methods_that_can() -> None:
    wrap(node(prompt=waiting, validate_answer=with_a_default))


# -- What is done after the time-out ----------------------------------------------------------------------------------


def ending(on_timeout: Any, **namespace: Any) -> Any:
    return node(policy=InterruptPolicy(timeout=HOUR, on_timeout=on_timeout), **namespace)


START = "The policy of node 'Review', on_timeout: "
CURE = " An answer is Command(resume={'approved': ...}); Command(goto=...) leads elsewhere."


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (Command(goto="nowhere"), "Graph 'claims' has no node 'nowhere' to go to. Its nodes: 'Review', 'Done'."),
        (Command(goto=Send("Done", Claim())), "Claim(amount=100, by='eve') does not fit node 'Done': "),
        (Command(goto=End(5)), "5 does not fit node '__end__': "),
        (Command(goto=5), "goto is 5; it must be a node's id, a node instance, Send(id, input) or End(output)."),
        (
            Command(),
            "Command(resume=NOTHING, update=None, goto=None) answers nothing, changes nothing and leads nowhere.",
        ),
        (Command(resume=object()), "The answer, <object object at"),
        (Command(update=5, goto="Done"), "A change of the state is a mapping from fields to new values, and not 5."),
        (
            Command(update={"amont": 1, "amount": 2}, goto="Done"),
            "The state of graph 'claims' has no field 'amont'; its fields: 'amount', 'by'.",
        ),
        (
            Command(update={"amount": "much", "by": "ann"}, goto="Done"),
            "The state of graph 'claims' cannot take update={'amount': 'much', 'by': 'ann'}: amount: Input should be a "
            "valid integer",
        ),
    ],
)
def test_what_cannot_be_done(end: Any, says: str) -> None:
    assert refused(lambda: wrap(ending(end))).startswith(START + says)
    options = NodeOptions(policy=InterruptPolicy(timeout=HOUR, on_timeout=end))
    assert refused(lambda: wrap(node(), options=options)).startswith(START + says)
    assert refused(lambda: wrap(node(), node_options={"Review": options})).startswith(START + says)


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (Command(resume=False), "does not answer the node: value: Input should be"),
        (Command(resume=None), "does not answer the node: value: Input should be"),
        (Command(resume={}), "does not answer the node: approved: Field required."),
        (Command(resume={"approved": "maybe"}), "does not answer the node: approved: Input should be a valid boolean"),
        (Command(resume={"aproved": False}), "does not answer the node: approved: Field required; aproved: Extra"),
        (Command(update={"amount": 0}), "does not answer the node: value: Input should be"),
        (Command(resume={"approved": 5}, goto="Done"), "does not answer the node: approved: Input should be"),
    ],
)
def test_what_does_not_answer_the_node(end: Any, says: str) -> None:
    options = NodeOptions(policy=InterruptPolicy(timeout=HOUR, on_timeout=end))
    for make in (
        lambda: wrap(ending(end)),
        lambda: wrap(node(), options=options),
        lambda: wrap(node(), node_options={"Review": options}),
    ):
        message = refused(make)
        assert message.startswith(f"{START}{end!r} {says}")
        assert message.endswith(CURE)


def test_a_validator_of_its_own() -> None:
    def must_be_no(value: bool) -> bool:
        if value:
            raise ValueError("it must be no")
        return value

    fields = {"approved": Annotated[bool | None, Required, AfterValidator(must_be_no)]}
    assert "it must be no" in refused(lambda: wrap(ending(Command(resume={"approved": True}), fields=fields)))
    wrap(ending(Command(resume={"approved": False}), fields=fields))


@pytest.mark.parametrize(
    "end",
    [
        Command(resume={"approved": False}),
        Command(resume={"approved": False}, update={"amount": 0}),
        Command(goto="Done"),
        Command(goto=Done("late"), update={"by": "nobody"}),
        Command(goto=End("late")),
        "fail",
    ],
)
async def test_what_can_be_done(end: Any) -> None:
    review = ending(end)
    run = wrap(review).local()
    await run.proceed(from_node=review(), state=Claim())
    if end == "fail":
        with pytest.raises(GraphRunError, match="InterruptTimeoutError: Nobody answered 'Review:1' by "):
            await run.pass_time(2 * HOUR)
    else:
        assert (await run.pass_time(2 * HOUR)).is_end


def test_the_policy_of_the_options_is_not_for_the_node_that_has_its_own() -> None:
    """There it is for breakpoints and failures, which take other answers."""
    options = NodeOptions(policy=InterruptPolicy(timeout=HOUR, on_timeout=Command(resume={"action": "abort"})))
    wrap(node(policy=InterruptPolicy()), options=options)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    amount: int = 1


class Aliased(BaseModel):
    amount: int = Field(default=1, alias="theAmount")


def stateful(state_type: Any, update: dict[str, Any]) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="calls", state_type=state_type, output_type=str, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[Any, None, None]) -> str:
        return str(await interrupt("Well?"))

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    policy = InterruptPolicy(timeout=HOUR, on_timeout=Command(resume=1, update=update))
    return TemporalGraph(g.build(), options=NodeOptions(policy=policy))


def test_a_state_that_may_have_any_field() -> None:
    for state_type in (Loose, dict[str, int]):
        stateful(state_type, {"more": 1})


def test_fields_by_the_names_that_the_state_has() -> None:
    stateful(Aliased, {"amount": 2})
    with pytest.raises(GraphDefinitionError, match="its fields: 'amount'"):
        stateful(Aliased, {"theAmount": 2})


class Checked(BaseModel):
    low: int = 0
    high: int = 9

    @field_validator("high")
    @classmethod
    def is_higher(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("low", 10):
            raise ValueError("it is not higher")
        return value


def test_what_a_validator_says_of_a_part_of_the_state_counts_for_nothing() -> None:
    stateful(Checked, {"high": 5})


@dataclass
class Bill(BaseNode[None, None, str]):
    amount: int

    async def run(self, ctx: GraphRunContext[None]) -> End[str]:
        return End(str(self.amount))


def leading(goto: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="calls", output_type=str, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> int:
        return await interrupt("Well?", response_type=int)

    @g.step
    async def write(ctx: StepContext[None, None, int]) -> str:
        return str(ctx.inputs)

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(write), g.edge_from(write).to(g.end_node))
    g.add(g.node(Bill))
    policy = InterruptPolicy(timeout=HOUR, on_timeout=Command(goto=goto))
    return TemporalGraph(g.build(validate_graph_structure=False), node_options={"ask": NodeOptions(policy=policy)})


@pytest.mark.parametrize(
    ("goto", "says"),
    [
        ("write", "'write', which takes int, and brings nothing: value: Input should be a valid integer"),
        ("Bill", "'Bill', which takes Bill, and brings nothing: amount: Field required"),
        (Bill, "'Bill', which takes Bill, and brings nothing: amount: Field required"),
    ],
)
def test_a_node_that_gets_no_input(goto: Any, says: str) -> None:
    message = refused(lambda: leading(goto))
    assert message.startswith(f"The policy of node 'ask', on_timeout: goto leads to node {says}")
    assert message.endswith("Give it something: goto=" + ("Send('write', ...)." if goto == "write" else "Bill(...)."))


@pytest.mark.parametrize("goto", ["ask", Send("write", 1), Bill(5), End("no")])
def test_a_node_that_gets_its_input(goto: Any) -> None:
    leading(goto)


def test_no_state_to_change() -> None:
    message = "The policy of node 'ask', on_timeout: Graph 'calls' has no state_type, so there is no state to update."
    assert refused(lambda: stateful(type(None), {"amount": 1})) == message


@pytest.mark.parametrize("ends", [object(), {"approved": object()}])
def test_what_ends_a_vote_is_json(ends: Any) -> None:
    policy = InterruptPolicy(quorum=2, reject_ends=ends)
    message = refused(lambda: wrap(node(policy=policy)))
    assert message.startswith("The policy of node 'Review': reject_ends, ")
    assert "cannot be written as JSON" in message


# -- What ends a vote -------------------------------------------------------------------------------------------------


def voting(reject_ends: Any) -> InterruptPolicy:
    return InterruptPolicy(quorum=2, reject_ends=reject_ends)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ({"aproved": False}, "aproved: Extra inputs are not permitted."),
        ({"approved": False, "why": "no"}, "why: Extra inputs are not permitted."),
        ({"approved": "never"}, "approved: Input should be a valid boolean"),
        ({"approved": None}, "approved: Input should be a valid boolean."),
        (False, "value: Input should be "),
        (None, "value: Input should be "),
        ([{"approved": False}], "value: Input should be "),
    ],
)
def test_what_ends_a_vote_and_no_answer_can_be(ends: Any, says: str) -> None:
    policy = voting(ends)
    for make in (
        lambda: wrap(node(policy=policy)),
        lambda: wrap(node(), node_options={"Review": NodeOptions(policy=policy)}),
    ):
        message = refused(make)
        assert message.startswith(f"The policy of node 'Review': reject_ends={ends!r} can match no answer: {says}")
        assert message.endswith(". An answer to the node is {'approved': ...}.")


def dividing(value: str) -> str:
    return str(1 // len(value))


def explaining(value: str, info: ValidationInfo) -> str:
    """Only with the rest of an answer one knows whether it fits."""
    if "approved" not in info.data:
        raise ValueError("what is this about?")
    return value


@pytest.mark.parametrize(
    ("ends", "fields"),
    [
        ({"approved": False}, {}),
        ({}, {}),
        ({"approved": "no"}, {}),  # which a bool takes, too
        ({"approved": {"any": "thing"}}, {"approved": Annotated[Any, Required]}),
        ({"why": {"aproved": False}}, {"why": Annotated[dict[str, Any] | None, Required]}),
        ({"theWhy": "no"}, {"why": Annotated[str | None, Required, Field(alias="theWhy")]}),
        ({"why": ""}, {"why": Annotated[str | None, Required, AfterValidator(dividing)]}),
        ({"why": "no"}, {"why": Annotated[str | None, Required, AfterValidator(explaining)]}),
    ],
)
def test_what_may_end_a_vote(ends: Any, fields: Any) -> None:
    wrap(node(policy=voting(ends), fields=fields, **dict.fromkeys(fields)))


def test_an_answer_to_a_node_without_fields_is_none() -> None:
    @dataclass
    class Seen(InterruptNode[Claim, None, str]):
        policy = voting(None)

        async def run(self, ctx: GraphRunContext[Claim]) -> Done:
            return Done()

    wrap(Seen)


def test_what_ends_a_vote_at_some_nodes_need_not_do_so_at_all_of_them() -> None:
    """At others it may be an answer: to another node, to a call, to a failure, at a breakpoint."""

    @dataclass
    class Count(InterruptNode[Claim, None, str]):
        amount: Annotated[int | None, Required] = None

        async def run(self, ctx: GraphRunContext[Claim]) -> Done:
            return Done()

    options = NodeOptions(policy=voting({"amount": 0}))
    wrap(node(), Count, options=options)
    wrap(node(), Count, node_options={"Review": options, "Count": options})
    ends = NodeOptions(policy=voting({"action": "abort"}), on_failure="interrupt")
    wrap(node(), node_options={"Review": ends})
    wrap(node(policy=InterruptPolicy()), node_options={"Review": NodeOptions(policy=voting("no"))})


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    approved: bool
    why: str = ""


class Odd(BaseModel):
    """With a field whose name is that of a type."""

    word: str = Field(alias="bool")
    more: int


class LooseVerdict(BaseModel):
    approved: bool


def deciding(response_type: Any, ends: Any) -> Any:
    g = GraphBuilder(name="decides", output_type=str, auto_instrument=False)

    @g.step
    async def ask(ctx: StepContext[None, None, None]) -> str:
        return str(await interrupt("Well?", response_type=response_type, policy=voting(ends)))

    g.add(g.edge_from(g.start_node).to(ask), g.edge_from(ask).to(g.end_node))
    return TemporalGraph(g.build()).local()


@pytest.mark.parametrize(
    ("response_type", "ends", "says"),
    [
        (Verdict, {"aproved": False}, "aproved: Extra inputs are not permitted"),
        (Verdict | None, {"approved": False}, None),
        (Verdict, {"approved": False}, None),
        (Verdict, False, "value: Input should be an object"),
        (LooseVerdict, {"aproved": False}, None),
        (bool, {"approved": False}, "value: Input should be a valid boolean"),
        (bool, False, None),
        (bool | Verdict, {"aproved": False}, None),
        (bool | Odd, {"bool": "no"}, None),
        (Annotated[bool, BeforeValidator(bool)], {"aproved": False}, None),
        (Any, {"aproved": False}, None),
        (int, 1.0, None),
    ],
)
async def test_what_ends_the_vote_of_a_call(response_type: Any, ends: Any, says: str | None) -> None:
    run = deciding(response_type, ends)
    if says is None:
        assert [asked.quorum for asked in (await run.proceed()).interrupts] == [2]
        return
    with pytest.raises(GraphRunError) as caught:
        await run.proceed()
    assert f"interrupt(policy=...): reject_ends={ends!r} can match no answer: {says}" in str(caught.value)


# -- What answers a failure -------------------------------------------------------------------------------------------


def paying(end: Any, **options: Any) -> TemporalGraph[Any, Any, Any, Any]:
    g = GraphBuilder(name="pays", state_type=Claim, input_type=int, output_type=str, auto_instrument=False)

    @g.step
    async def pay(ctx: StepContext[Claim, None, int]) -> str:
        raise ConnectionError("no network")

    g.add(g.edge_from(g.start_node).to(pay), g.edge_from(pay).to(g.end_node))
    policy = InterruptPolicy(timeout=HOUR, on_timeout=end)
    return TemporalGraph(g.build(), options=NodeOptions(on_failure="interrupt", policy=policy, **options))


FAILURE_CURE = (
    " Such an answer is Command(resume=Retry()), Command(resume=Skip(output)), Command(resume=Abort()) or "
    "Command(goto=...). What answers the node's other questions goes into policies of their own: "
    "interrupt(..., policy=InterruptPolicy(...)), or policy = InterruptPolicy(...) in an interrupt node."
)
NO_ACTION = "it says neither Retry nor Skip nor Abort."


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (Command(resume=Skip(5)), "output: Input should be a valid string."),
        (Command(resume=Skip()), "output: Input should be a valid string."),
        (Command(resume=Retry(inputs="many")), "inputs: Input should be a valid integer"),
        (Command(resume="retry"), NO_ACTION),
        (Command(resume={"action": "again"}), NO_ACTION),
        (Command(resume={"action": "retry", "output": "x"}), NO_ACTION),
        (Command(resume=None), NO_ACTION),
        (Command(update={"amount": 1}), NO_ACTION),
    ],
)
def test_what_does_not_answer_a_failure(end: Any, says: str) -> None:
    message = refused(lambda: paying(end))
    start = f"The policy of node 'pay', on_timeout: {end!r} does not answer the failure of the node, which "
    assert message.startswith(f"{start}on_failure='interrupt' makes a question: {says}")
    assert message.endswith(FAILURE_CURE)


@pytest.mark.parametrize(
    "end",
    [
        Command(resume=Skip("given up")),
        Command(resume=Retry()),
        Command(resume=Retry(inputs=5)),
        Command(resume={"action": "retry", "inputs": 5}),
        Command(resume=Abort(), update={"amount": 1}),
        Command(goto=End("late")),
        "fail",
    ],
)
def test_what_answers_a_failure(end: Any) -> None:
    paying(end)


def test_a_node_that_names_the_next_one_cannot_be_skipped() -> None:
    end = InterruptPolicy(timeout=HOUR, on_timeout=Command(resume=Skip("done")))
    message = refused(lambda: wrap(node(), node_options={"Done": NodeOptions(on_failure="interrupt", policy=end)}))
    assert "output: node 'Done' says itself which node comes next; send the run there with goto." in message
    assert "Such an answer is Command(resume=Retry()), Command(resume=Abort()) or Command(goto=...)." in message


def test_the_policy_of_an_interrupt_node_is_none_for_its_failure() -> None:
    options = NodeOptions(on_failure="interrupt")
    wrap(ending(Command(resume={"approved": False})), options=options)
    answers_itself = InterruptPolicy(timeout=HOUR, on_timeout=Command(resume={"approved": False}))
    message = refused(lambda: wrap(node(), node_options={"Review": replace(options, policy=answers_itself)}))
    assert "does not answer the failure of the node" in message


def test_where_failures_are_no_questions_any_answer_will_do() -> None:
    policy = InterruptPolicy(timeout=HOUR, on_timeout=Command(resume=5))
    wrap(node(policy=InterruptPolicy()), options=NodeOptions(policy=policy))


# -- People whom functions find ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"assignees": lambda ctx: 5}, "assignees is 5; it must be a list."),
        ({"assignees": lambda ctx: ["ann", "ann"]}, "assignees is ['ann', 'ann'], which names somebody twice."),
        ({"not_by": lambda ctx: [None]}, "not_by has None; it takes names, such as 'ann'."),
        ({"assignees": lambda ctx: ctx.state.nobody}, "'Claim' object has no attribute 'nobody'"),
    ],
)
async def test_people_who_cannot_be_asked_fail_the_run(words: Any, says: str) -> None:
    review = node(policy=InterruptPolicy(**words))
    with pytest.raises(GraphRunError) as caught:
        await wrap(review).local().proceed(from_node=review(), state=Claim())
    assert says in str(caught.value)
    assert "'Review'" in str(caught.value)


async def test_people_are_found_by_state_and_node() -> None:
    policy = InterruptPolicy(assignees=lambda ctx: [ctx.state.by, ctx.inputs.reviewer], not_by=lambda ctx: None)
    review = node(policy=policy, fields={"reviewer": str}, reviewer="ann")
    run = wrap(review).local()
    await run.proceed(from_node=review(reviewer="bob"), state=Claim())
    assert run.pending_interrupts()[0].assignees == ["eve", "bob"]


# -- As a run has kept them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        {"quorum": "2"},
        {"quorum": 0},
        {"only_assignees": "yes"},
        {"assignees": [5]},
        {"not_by": [None]},
        {"escalations": [[1, [5]]]},
        {"on_timeout": []},
        {"on_timeout": {"answer": 1}},
        {"on_timeout": {"goto": "Done"}},
        {"on_timeout": {"value": 1, "state_update": None}},
        {"finds": ["quorum"]},
    ],
    ids=str,
)
def test_what_no_run_can_have_kept(item: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(item)) if item.keys() & {"quorum", "finds"} else "in policies"):
        KeptPolicies({"list": [item], "own": {"Review": 0}})


# -- Functions for step() ---------------------------------------------------------------------------------------------


async def charge(amount: int) -> str:
    return f"receipt for {amount}"


def untyped(amount) -> str:  # type: ignore[no-untyped-def]
    return ""


def gives_nothing_known(amount: int):  # type: ignore[no-untyped-def]
    return ""


def many(*amounts: int) -> str:
    return ""


def positional(amount: int, /) -> str:
    return ""


def named(**amounts: int) -> str:
    return ""


def unknown(amount: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
    return ""


def takes_a_function(call: Callable[[], int]) -> str:
    return ""


def gives_a_function(amount: int) -> Callable[[], int]:
    return lambda: amount


def Done_(amount: int) -> str:
    return ""


Done_.__name__ = "Done"


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (charge, f"steps is {charge!r}; it must be a list of functions: steps=[charge, refund]."),
        (5, "steps is 5; it must be a list of functions: steps=[charge, refund]."),
        ([5], "steps has 5; it takes functions that are defined with def."),
        ([Done], f"steps has {Done!r}; it takes functions that are defined with def."),
        ([Claim().__init__], "steps has <bound method"),
        ([lambda amount: ""], "steps has <function <lambda>"),
        (
            [charge, charge],
            "steps has a function named 'charge', and graph 'claims' has another one, or a node, of that",
        ),
        ([Done_], "steps has a function named 'Done', and graph 'claims' has another one, or a node, of that name."),
        ([untyped], "Nothing says what type 'amount' of function 'untyped' in steps is: def untyped(amount: ...)"),
        ([gives_nothing_known], "Nothing says what function 'gives_nothing_known' in steps returns: def gives_"),
        ([many], "Function 'many' in steps takes '*amounts', which has no name in a call; "),
        ([named], "Function 'named' in steps takes '**amounts', which has no name in a call; "),
        ([positional], "Function 'positional' in steps takes 'amount', which has no name in a call; "),
        ([unknown], "Function 'unknown' in steps names 'Nowhere' in its annotations, which cannot be found from where"),
        ([takes_a_function], "In steps, 'call' of function 'takes_a_function' cannot cross between processes: "),
        ([gives_a_function], "In steps, what function 'gives_a_function' returns cannot cross between processes: "),
    ],
)
def test_functions_that_cannot_be_called(steps: Any, says: str) -> None:
    assert refused(lambda: wrap(node(), steps=steps)).startswith(says)


def test_functions_that_can() -> None:
    graph = wrap(node(), steps=[charge], node_options={"charge": NodeOptions(start_to_close_timeout=HOUR)})
    assert list(graph.registered.compiled.steps) == ["charge"]


def test_the_options_of_a_function() -> None:
    options = {"charge": NodeOptions(execution="workflow")}
    message = refused(lambda: wrap(node(), steps=[charge], node_options=options))
    assert message.startswith("The options of function 'charge': execution is 'workflow'; what step() calls is an ")
    assert refused(lambda: wrap(node(), node_options={"charge": NodeOptions()})) == (
        "node_options names 'charge', which graph 'claims' has not. Its nodes: 'Review', 'Done'."
    )
