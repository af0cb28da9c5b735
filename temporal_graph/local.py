"""The same engine in this process: no server, nothing durable; for unit tests and scripts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Generic, cast

from pydantic_graph import BaseNode
from typing_extensions import TypeVar

from .client import Accepted, GraphResult, Interrupt, Stop, answer, read_accepted, read_interrupts, read_stop
from .codec.text import compact
from .deps import Deps
from .engine import snapshot
from .engine.engine import Engine
from .engine.events import Cancel, Command, Event, NodeFailed, failure_of
from .engine.questions import Answer, Refused
from .errors import AnswerRefusedError, GraphError, GraphInputError
from .messages import NodeInput, dump_input, dump_result, load_input, load_result
from .registry import RegisteredGraph, Registry
from .starting import answer_in, dump_start, load_start

__all__ = ["LocalRun"]

StateT = TypeVar("StateT", default=Any)
OutputT = TypeVar("OutputT", default=Any)


class LocalRun(Generic[OutputT, StateT]):
    """A run in this process.

    Values and state cross to the nodes as JSON, exactly as they do on Temporal. Nodes are not retried and have no
    time-outs, and every node runs again from its top after an `interrupt()`.
    """

    def __init__(self, graph: RegisteredGraph, deps: Any) -> None:
        self._graph = graph.compiled
        self._registry = Registry([graph])
        self._deps = Deps(deps)
        self._engine: Engine | None = None
        self._tasks: dict[str, asyncio.Task[str]] = {}
        self._cancelled: list[asyncio.Task[str]] = []

    async def proceed(
        self,
        value: Any = None,
        *,
        from_node: BaseNode[Any, Any, Any] | None = None,
        inputs: Any = None,
        state: StateT | None = None,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
    ) -> Stop[OutputT, StateT]:
        """Start the run, or answer it, and run until it stops.

        Args:
            value: The answer, for a run that waits.
            from_node: The node to start at; or the interrupt node that waits, with the answer in it.
            inputs: The graph's inputs, for a run that is to be started.
            state: Its first state.
            interrupt_id: The question that is answered; may be left out while exactly one is open.
            actor: Who answers.
            answer_id: An id for the answer.

        Returns:
            Where the run stopped.

        Raises:
            AnswerRefusedError: The answer is not taken; the run is as it was.
            GraphInputError: The run cannot be started with this.
            GraphRunError: The run failed.
        """
        if self._engine is None:
            if value is not None:
                raise GraphInputError(
                    f"This run has not been started, so it asks nothing that {value!r} could answer. Start it with "
                    "proceed(inputs=..., state=...) or proceed(from_node=..., state=...)."
                )
            self._start(from_node, inputs, state)
        elif inputs is not None or state is not None:
            raise GraphInputError(
                "This run has been started; inputs and state are for a new one. Make one with local()."
            )
        elif from_node is not None:
            found = answer_in(self._graph, from_node)
            if found is not None:
                self._answer({**found, "answer_id": answer_id, "actor": actor})
        elif value is not None or interrupt_id is not None or self._takes_nothing():
            self._answer(answer(value, interrupt_id, actor, answer_id))
        async with self._deps.running(self._registry):
            await self._run()
        return self._stop()

    async def resume(
        self,
        value: Any = None,
        *,
        interrupt_id: str | None = None,
        actor: str | None = None,
        answer_id: str | None = None,
    ) -> Accepted:
        """Answer a question; the run goes on with the next `proceed()` or `result()`.

        Raises:
            AnswerRefusedError: The answer is not taken; the run is as it was.
        """
        return self._answer(answer(value, interrupt_id, actor, answer_id))

    async def result(self) -> GraphResult[OutputT, StateT]:
        """Run to the end.

        Raises:
            GraphError: The run waits for people, or has not been started.
            GraphRunError: The run failed.
        """
        self._started()
        async with self._deps.running(self._registry):
            await self._run()
        stop = self._stop()
        if stop.is_interrupt:
            ids = ", ".join(repr(interrupt.interrupt_id) for interrupt in stop.interrupts)
            raise GraphError(f"The run waits for people: {ids}. Answer with resume() first.")
        return GraphResult(cast("OutputT", stop.output), stop.state)

    def pending_interrupts(self) -> list[Interrupt]:
        """The questions that are open, oldest first."""
        return read_interrupts([interrupt.public() for interrupt in self._started().questions.open.values()])

    def snapshot(self) -> dict[str, Any]:
        """The whole run as JSON, between two calls of `proceed`."""
        return snapshot.dump(self._started(), self._graph.functions)

    def restore(self, data: Mapping[str, Any]) -> None:
        """Go on from a snapshot.

        Raises:
            SnapshotError: The graph cannot.
        """
        self._engine = snapshot.load(dict(data), self._graph.spec, self._graph.functions, self._graph.plan)

    # -- Inside -----------------------------------------------------------------------------------------------------

    def _started(self) -> Engine:
        if self._engine is None:
            raise GraphError("This run has not been started; call proceed(inputs=..., state=...) first.")
        return self._engine

    def _takes_nothing(self) -> bool:
        """Whether what waits is one question that an empty answer answers."""
        waiting = list(self._started().questions.open.values())
        return (
            len(waiting) == 1
            and waiting[0].kind == "node"
            and not self._graph.functions.answer_fields(waiting[0].node_id)
        )

    def _start(self, from_node: Any, inputs: Any, state: Any) -> None:
        message = dump_start(self._graph, from_node, inputs, state)
        node = json.loads(message["start_node"]) if message["start_node"] is not None else None
        start_node = None if node is None else (node["node_id"], compact(node["data"]))
        event = load_start(self._graph, message["inputs"], message["state"], start_node)
        self._engine = Engine(self._graph.spec, self._graph.functions, self._graph.plan)
        self._do(self._engine.apply(event, _now()))

    def _answer(self, message: Mapping[str, Any]) -> Accepted:
        try:
            accepted, commands = self._started().answer(Answer(**message), _now())
        except Refused as refused:
            raise AnswerRefusedError(refused.reason, refused.message, refused.errors) from refused
        self._do(commands)
        return read_accepted(asdict(accepted))

    async def _run(self) -> None:
        engine = self._started()
        try:
            while engine.status == "running":
                for task_id in engine.ready:
                    work = engine.begin(task_id)
                    state = None if self._graph.state is None else compact(work.state)
                    message = dump_input(NodeInput(work.task_id, work.value, state, work.answers))
                    self._tasks[task_id] = asyncio.create_task(self._run_node(work.node_id, message))
                if not self._tasks:
                    return
                await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                for task_id in [task_id for task_id, task in self._tasks.items() if task.done()]:
                    task = self._tasks.pop(task_id, None)
                    if task is not None:
                        self._do(engine.apply(self._event(task_id, task), _now()))
        finally:
            await self._let_go(engine)

    async def _run_node(self, node_id: str, message: str) -> str:
        return dump_result(await self._graph.runner.run(node_id, load_input(message), self._deps.value))

    def _event(self, task_id: str, task: asyncio.Task[str]) -> Event:
        node_id = self._started().tasks[task_id].node_id
        try:
            return load_result(task_id, task.result(), self._graph.runner.types(node_id))
        except Exception as error:
            return NodeFailed(task_id, failure_of(node_id, error))

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Cancel):
                task = self._tasks.pop(command.task_id, None)
                if task is not None:
                    task.cancel()
                    self._cancelled.append(task)

    async def _let_go(self, engine: Engine) -> None:
        """Let what was cancelled end, and give up what still runs when the caller is: it is ready to begin again."""
        for task_id, task in self._tasks.items():
            task.cancel()
            if task_id in engine.tasks:
                engine.release(task_id)
        await asyncio.gather(*self._tasks.values(), *self._cancelled, return_exceptions=True)
        self._tasks.clear()
        self._cancelled.clear()

    def _stop(self) -> Stop[Any, Any]:
        engine = self._started()
        return read_stop(
            self._graph,
            {
                "status": engine.status,
                "interrupts": [interrupt.public() for interrupt in engine.questions.open.values()],
                "output": json.loads(engine.output.data) if engine.output is not None else None,
                "state": engine.state,
                "failure": asdict(engine.failure) if engine.failure is not None else None,
            },
        )


def _now() -> str:
    return datetime.now(UTC).isoformat()
