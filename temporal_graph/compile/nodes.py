"""Running one node: JSON in, the author's code, JSON out. The same for an activity, the driver and a local run."""

from __future__ import annotations

import contextlib
import json
from collections import ChainMap
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_origin

from pydantic_core import to_jsonable_python
from pydantic_graph import BaseNode, End, JoinNode, StepContext, StepNode
from pydantic_graph.step import NodeStep, Step

from ..codec import Codec, DecodeError, ValueCodec
from ..codec.text import compact
from ..engine.spec import END
from ..engine.state import Json, Plan, diff
from ..errors import InterruptError
from ..interrupts import current_asker
from ..messages import NodeDone, NodeInput, NodeResult, Question


class Interrupted(BaseException):
    """A node called `interrupt()` and ends here; no `except Exception` of the node's may swallow it."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.position)
        self.question = question


class DrainedStream(list[Any]):
    """What a stream gave, for a step that declares that it takes one: a list that can be read with `async for` too."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self:
            yield item


@dataclass(frozen=True)
class NodeCode:
    """A step and the types around it.

    Attributes:
        id: Its id.
        step: The author's step; for a `BaseNode` the `NodeStep` around it.
        inputs: The type that it takes.
        output: The type that it gives; None for a `BaseNode`, which names the next node itself.
    """

    id: str
    step: Step[Any, Any, Any, Any]
    inputs: ValueCodec
    output: ValueCodec | None

    @property
    def takes_stream(self) -> bool:
        """Whether it declares an async iterable as its input."""
        return get_origin(self.inputs.type) in (AsyncIterable, AsyncIterator)


Ask = Callable[[Question], Awaitable[Json]]
"""Waits for the answer to a question where the node runs; raises to end the node."""


class NodeRunner:
    """Runs the nodes of one graph."""

    def __init__(
        self,
        codec: Codec,
        nodes: Mapping[str, NodeCode],
        targets: Mapping[str, ValueCodec],
        state: ValueCodec | None,
        plan: Plan,
    ) -> None:
        self._codec = codec
        self._nodes = nodes
        self._targets = targets
        self._state = state
        self._plan = plan
        names: dict[str | None, str | None] = {node_id: target.name for node_id, target in targets.items()}
        self._types = {
            code.id: ChainMap[str | None, str | None]({None: code.output.name if code.output else None}, names)
            for code in nodes.values()
        }

    def types(self, node_id: str) -> Mapping[str | None, str | None]:
        """The name of the type that writes a node's output, by where it goes."""
        return self._types[node_id]

    async def run(self, node_id: str, message: NodeInput, deps: Any, ask: Ask | None = None) -> NodeResult:
        """Run a node once.

        Args:
            node_id: The node.
            message: What it gets.
            deps: What it sees as `ctx.deps`.
            ask: Waits for an answer; None to end the node instead, and have it run again.

        Returns:
            Its result, or the question that it asked.

        Raises:
            Exception: Whatever the node raises.
            EncodeError: What it returned, or made of the state, is not what it declares.
        """
        code = self._nodes[node_id]
        reader = code.inputs if message.inputs.type is None else self._codec.named(message.inputs.type)
        inputs = reader.load(message.inputs.data)
        if code.takes_stream:
            inputs = DrainedStream(inputs)
        state = None if self._state is None or message.state is None else self._state.load(message.state)
        asker = _NodeAsker(self._codec, message.answers, ask)
        token = current_asker.set(asker)
        try:
            output = await code.step.call(StepContext(state=state, deps=deps, inputs=inputs))
            if isinstance(output, AsyncIterable):
                output = [item async for item in output]  # pyright: ignore[reportUnknownVariableType]
        except Interrupted as interrupted:
            return interrupted.question
        finally:
            with contextlib.suppress(ValueError):  # a node in the workflow is closed in another context than its own
                current_asker.reset(token)
        to, data = self._outcome(code, output)
        return NodeDone(data, to, tuple(self._delta(message.state, state)))

    def _outcome(self, code: NodeCode, output: Any) -> tuple[str | None, str]:
        to: str
        value: Any
        if code.output is not None:
            return None, code.output.dump(output).decode()
        returned: Any = output
        if isinstance(output, StepNode):
            to, value = returned.step.id, returned.inputs
        elif isinstance(output, JoinNode):
            to, value = returned.join.id, returned.inputs
        elif isinstance(output, End):
            to, value = END, returned.data
        elif isinstance(output, BaseNode):
            to, value = NodeStep(cast("type[Any]", type(returned))).id, returned
        else:
            raise TypeError(f"Node {code.id!r} returned {output!r}; a node must return a BaseNode or an End.")
        target = self._targets.get(to)
        if target is None:
            raise TypeError(
                f"Node {code.id!r} returned {output!r}, which is no node of this graph: {list(self._targets)}."
            )
        return to, target.dump(value).decode()

    def _delta(self, before: str | None, state: Any) -> list[Any]:
        if self._state is None or before is None:
            return []
        after = self._state.dump(state).decode()
        return [] if after == before else diff(json.loads(before), json.loads(after), self._plan)


class _NodeAsker:
    """Matches the `interrupt()` calls of one node, by position, with the answers there are."""

    def __init__(self, codec: Codec, answers: Mapping[int, Json], ask: Ask | None) -> None:
        self._codec = codec
        self._answers = answers
        self._ask = ask
        self._position = 0
        self._is_asking = False

    async def ask(self, value: Any, response_type: Any) -> Any:
        """See `temporal_graph.interrupts.Asker`."""
        position = self._position
        self._position += 1
        codec = self._codec.of(response_type)
        try:
            shown = to_jsonable_python(value)
        except ValueError as error:
            raise InterruptError(f"interrupt() cannot show {value!r}: {error}") from error
        schema = None if response_type is Any else codec.answer_schema()
        errors: tuple[dict[str, Any], ...] = ()
        while True:
            if not errors and position in self._answers:
                answer = self._answers[position]
            elif self._ask is not None:
                answer = await self._wait(self._ask, Question(position, shown, schema, errors))
            else:
                raise Interrupted(Question(position, shown, schema, errors))
            try:
                return codec.load(compact(answer))
            except DecodeError as error:
                errors = tuple(error.errors)

    async def _wait(self, ask: Ask, question: Question) -> Json:
        if self._is_asking:
            raise InterruptError(
                "A node with execution='workflow' asks two questions at once; ask one after the other, or in two nodes."
            )
        self._is_asking = True
        try:
            return await ask(question)
        finally:
            self._is_asking = False
