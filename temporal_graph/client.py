"""A run as its callers see it: its questions, its answers, its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, cast

from pydantic_core import to_jsonable_python
from pydantic_graph import BaseNode
from typing_extensions import TypeVar

from .compile import CompiledGraph
from .temporal import client as calls
from .temporal.names import GET_STATE, PENDING_INTERRUPTS

if TYPE_CHECKING:
    from temporalio.client import Client

__all__ = ["Accepted", "GraphResult", "GraphRun", "Interrupt", "RunState", "Stop"]

StateT = TypeVar("StateT", default=Any)
OutputT = TypeVar("OutputT", default=Any)


@dataclass(frozen=True)
class Interrupt:
    """A question that waits for a person.

    Attributes:
        interrupt_id: `Review:1` (node, how many-th visit), or `Review:1.0` for the first `interrupt()` of that visit.
        node_id: The node that asks.
        kind: `node` for an interrupt node, `call` for `interrupt()`.
        value: What is shown to the person, as JSON.
        response_schema: JSON schema of an answer that fits; None where anything does.
        created_at: When it was asked, with time zone.
        deadline: Until when it can be answered; None for ever.
        assignees: Who is asked; empty for anybody.
        escalation_level: How often it was handed on for want of an answer.
        answers: What several people have answered so far, where several must.
    """

    interrupt_id: str
    node_id: str
    kind: Literal["node", "call", "before", "after", "failure"]
    value: Any
    response_schema: dict[str, Any] | None
    created_at: datetime
    deadline: datetime | None = None
    assignees: list[str] = field(default_factory=list[str])
    escalation_level: int = 0
    answers: list[Any] = field(default_factory=list[Any])


@dataclass(frozen=True)
class Accepted:
    """An answer that a run has taken.

    Attributes:
        interrupt_id: The question that it answers.
        answered_at: When it was taken, with time zone. An answer that was sent before keeps the first time.
        actor: Who answered, as the answer said.
        answer_id: The answer's own id.
        value: The answer; None in a list of answers.
    """

    interrupt_id: str
    answered_at: datetime
    actor: str | None = None
    answer_id: str | None = None
    value: Any = None


@dataclass(frozen=True)
class RunState(Generic[StateT]):
    """Where a run stands.

    Attributes:
        status: `running`, `waiting` (nothing happens before a person answers), `finished` or `failed`.
        values: The state as of now; None for a run that could not start.
        next: Ids of the nodes that run, wait or are about to run.
        interrupts: The questions that are open, oldest first.
        answered: Who answered what when, the latest 500, without the answers.
        rejected: Answers that came as signals and were not taken, with `reason`, `message` and `errors`; the latest.
    """

    status: str
    values: StateT
    next: list[str]
    interrupts: list[Interrupt]
    answered: list[Accepted]
    rejected: list[dict[str, Any]]


@dataclass(frozen=True)
class GraphResult(Generic[OutputT, StateT]):
    """What a run ended with.

    Attributes:
        output: What reached the end node, as the graph declares it.
        state: The state at the end; None for a graph without one.
    """

    output: OutputT
    state: StateT


@dataclass(frozen=True)
class Stop(Generic[OutputT, StateT]):
    """Where a run stopped: at questions, or at its end.

    Attributes:
        interrupts: The questions that are open, oldest first; empty at the end.
        state: The state as of now.
        next_node: The interrupt node that waits (the first, if there are several); None at a call or at the end.
        output: The output, at the end.
    """

    interrupts: list[Interrupt]
    state: StateT
    next_node: BaseNode[Any, Any, Any] | None
    output: OutputT | None

    @property
    def is_interrupt(self) -> bool:
        """Whether the run waits for people."""
        return bool(self.interrupts)

    @property
    def is_end(self) -> bool:
        """Whether the run has ended."""
        return not self.interrupts


def read_interrupts(data: Sequence[Mapping[str, Any]]) -> list[Interrupt]:
    """Interrupts from the JSON of the wire."""
    return [Interrupt(**{**item, **_times(item, "created_at", "deadline")}) for item in data]


def read_accepted(data: Mapping[str, Any]) -> Accepted:
    """An acceptance from the JSON of the wire."""
    return Accepted(**{**data, **_times(data, "answered_at")})


def _times(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: None if item[name] is None else datetime.fromisoformat(item[name]) for name in names}


def read_stop(graph: CompiledGraph, data: Mapping[str, Any]) -> Stop[Any, Any]:
    """A stop from the JSON of the wire.

    Raises:
        GraphRunError: The run has failed.
    """
    if data["failure"] is not None:
        calls.raise_run_error(data["failure"])
    interrupts = read_interrupts(data["interrupts"])
    output = graph.output.load_python(data["output"]) if data["status"] == "finished" else None
    return Stop(interrupts, read_state(graph, data["state"]), _next_node(graph, interrupts), output)


def read_state(graph: CompiledGraph, data: Any) -> Any:
    """The state from the JSON of the wire."""
    return None if graph.state is None else graph.state.load_python(data)


def _next_node(graph: CompiledGraph, interrupts: Sequence[Interrupt]) -> BaseNode[Any, Any, Any] | None:
    for interrupt in interrupts:
        if interrupt.kind == "node":
            asked = dict.fromkeys(graph.functions.answer_fields(interrupt.node_id))
            return graph.nodes[interrupt.node_id].inputs.load_python({**asked, **interrupt.value})
    return None


def answer(value: Any, interrupt_id: str | None, actor: str | None, answer_id: str | None) -> dict[str, Any]:
    """An answer as it goes over the wire."""
    return {
        "interrupt_id": interrupt_id,
        "value": to_jsonable_python(value),
        "actor": actor,
        "answer_id": answer_id or calls.new_id(),
    }


class GraphRun(Generic[OutputT, StateT]):
    """A run of a graph, wherever it runs: what `TemporalGraph.start` and `get_run` give.

    Attributes:
        id: The run's id, which is Temporal's workflow id.
    """

    def __init__(self, graph: CompiledGraph, client: Client, id: str) -> None:
        self.id = id
        self._graph = graph
        self._client = client
        self._handle = calls.handle_of(client, id)

    async def pending_interrupts(self) -> list[Interrupt]:
        """The questions that are open, oldest first.

        Raises:
            RunNotFoundError: There is no such run.
            GraphError: No worker answers.
        """
        return read_interrupts(await calls.query(self._handle, PENDING_INTERRUPTS))

    async def get_state(self) -> RunState[StateT]:
        """Where the run stands.

        Raises:
            RunNotFoundError: There is no such run.
            GraphError: No worker answers.
        """
        data = await calls.query(self._handle, GET_STATE)
        interrupts = read_interrupts(data["interrupts"])
        never_began = data["status"] == "failed" and data["values"] is None
        state: Any = None if never_began else read_state(self._graph, data["values"])
        answered = [read_accepted(item) for item in data["answered"]]
        return RunState(data["status"], state, data["next"], interrupts, answered, data["rejected"])

    async def resume(
        self,
        value: Any = None,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
    ) -> Accepted:
        """Answer a question; returns as soon as the answer is taken.

        Args:
            value: The answer: for an interrupt node an object with its `Required` fields, for `interrupt()` whatever
                its `response_type` takes.
            interrupt_id: The question; may be left out while exactly one is open. The id of a node stands for the one
                question that it has open.
            actor: Who answers.
            answer_id: An id of your own for the answer: sent again with the same id, it is the same answer.

        Returns:
            The answer as it was taken.

        Raises:
            AnswerRefusedError: It was not; `reason` says why, and the run is as it was.
            RunNotFoundError: There is no such run.
        """
        return read_accepted(await calls.resume(self._client, self.id, answer(value, interrupt_id, actor, answer_id)))

    async def proceed(
        self,
        value: Any = None,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
    ) -> Stop[OutputT, StateT]:
        """Answer a question, and wait for where the run stops next.

        Raises:
            AnswerRefusedError: The answer was not taken; the run is as it was.
            GraphRunError: The run failed.
        """
        sent = answer(value, interrupt_id, actor, answer_id)
        return read_stop(self._graph, await calls.proceed(self._client, self.id, sent))

    async def wait(self) -> Stop[OutputT, StateT]:
        """Wait, without an answer, for where the run stops next: at questions, or at its end.

        Raises:
            GraphRunError: The run failed.
        """
        return read_stop(self._graph, await calls.proceed(self._client, self.id, None))

    async def result(self) -> GraphResult[OutputT, StateT]:
        """Wait for the end of the run.

        Raises:
            GraphRunError: The run failed.
            RunCancelledError: It was cancelled, terminated or timed out.
            RunNotFoundError: There is no such run.
        """
        outcome = await calls.result(self._handle)
        state = None if self._graph.state is None else self._graph.state.load(outcome.state)
        return GraphResult(self._graph.output.load(outcome.output), cast("StateT", state))
