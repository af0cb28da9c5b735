"""What a node asks and does once while it runs, matched with what has been answered and done before."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

from pydantic_core import to_jsonable_python

from ..codec import Codec, DecodeError, ValueCodec
from ..codec.text import compact
from ..engine.events import OWN
from ..engine.state import Json
from ..errors import GraphDefinitionError, GraphInputError, InterruptError
from ..interrupts import Answered
from ..messages import NodeInput, Question
from ..policies import InterruptPolicy
from .step_functions import StepFunction

Ask = Callable[[Question], Awaitable[tuple[Json, list[Json]]]]
"""Waits for the answer to a question where the node runs, and for who gave it; raises to end the node."""
Remember = Callable[[str, Json, Mapping[str, Json]], Awaitable[None]]
"""Makes sure that what was done once is known, should the node run again: its key, what came of it, and all so far."""
Do = Callable[[StepFunction, str], Awaitable[str]]
"""Runs a function as an activity: JSON text in, JSON text out."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a node can do where it runs.

    Attributes:
        ask: Waits for an answer; None to end the node instead, and have it run again.
        remember: Keeps what was done once; None to keep it with the question only.
        do: Runs a function as an activity; None to run it right here.
    """

    ask: Ask | None = None
    remember: Remember | None = None
    do: Do | None = None


NO_HOOKS = Hooks()


class Interrupted(BaseException):
    """A node called `interrupt()` and ends here; no `except Exception` of the node's may swallow it."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.position)
        self.question = question


class NodeAsker:
    """See `temporal_graph.interrupts.Asker`.

    Attributes:
        is_swallowed: Whether it has raised what ends the node, for a node that goes on nevertheless.
    """

    def __init__(
        self,
        codec: Codec,
        steps: Mapping[str, StepFunction],
        message: NodeInput,
        dump_policy: Callable[[InterruptPolicy], dict[str, Json]],
        hooks: Hooks,
    ) -> None:
        self._codec = codec
        self._steps = steps
        self._message = message
        self._answers = message.answers
        self._votes = message.votes
        self._once: dict[str, Json] = dict(message.once)
        self._dump_policy = dump_policy
        self._hooks = hooks
        self._position = 0
        self._answered = OWN
        self._steps_done = 0
        self._is_asking = False
        self._turns: dict[str, asyncio.Lock] = {}
        self.is_swallowed = False

    # -- Questions --------------------------------------------------------------------------------------------------

    async def ask(self, value: Any, response_type: Any, policy: InterruptPolicy | None) -> Any:
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
            else:
                rules = None if policy is None else self._rules(policy, codec)
                question = Question(position, shown, schema, errors, rules, self._once)
                if self._hooks.ask is None:
                    self.is_swallowed = True  # unless it ends the node
                    raise Interrupted(question)
                answer, votes = await self._wait(self._hooks.ask, question)
                self._answers = {**self._answers, position: answer}
                self._votes = {**self._votes, position: votes}
            try:
                read = codec.load(compact(answer))
            except DecodeError as error:
                errors = tuple(error.errors)
                continue
            self._answered = position
            return read

    def _rules(self, policy: InterruptPolicy, codec: ValueCodec) -> dict[str, Json]:
        try:
            rules = self._dump_policy(policy)
            default: dict[str, Json] = rules.get("on_timeout") or {}
            if "value" in default:
                codec.load(compact(default["value"]))
        except DecodeError as error:
            raise InterruptError(f"interrupt(policy=...): the answer of on_timeout does not fit: {error}") from error
        except (GraphInputError, GraphDefinitionError) as error:
            raise InterruptError(f"interrupt(policy=...): {error}") from error
        return rules

    async def _wait(self, ask: Ask, question: Question) -> tuple[Json, list[Json]]:
        if self._is_asking:
            raise InterruptError(
                "A node with execution='workflow' asks two questions at once; ask one after the other, or in two nodes."
            )
        self._is_asking = True
        try:
            return await ask(question)
        finally:
            self._is_asking = False

    def answered(self) -> list[Answered]:
        """See `temporal_graph.interrupts.Asker`."""
        votes = self._votes.get(self._answered, [])
        return [
            Answered(
                vote["actor"],
                vote["value"] if "value" in vote else self._value_of(vote),
                datetime.fromisoformat(vote["answered_at"]),
                vote["via"],
                vote["answer_id"],
            )
            for vote in votes
        ]

    def _value_of(self, vote: Mapping[str, Json]) -> Json:
        """What the only one who answered has said: the node has it anyway, and it is not sent twice."""
        if self._answered != OWN:
            return self._answers[self._answered]
        own: dict[str, Json] = json.loads(self._message.inputs.data)
        return {name: own.get(name) for name in vote.get("fields", ())}

    # -- What is not done twice -------------------------------------------------------------------------------------

    async def once(self, key: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `temporal_graph.interrupts.Asker`."""
        if self._hooks.do is not None:
            raise InterruptError(
                f"once({key!r}, ...) was called in a node with execution='workflow', which goes on from its own "
                f"line. There `await step({getattr(function, '__name__', 'function')}, ...)` does work, as an activity."
            )
        return await self._once_only(key, function, args, kwargs, self._returned_by(function))

    async def step(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `temporal_graph.interrupts.Asker`."""
        found = next((known for known in self._steps.values() if known.function is function), None)
        if found is None:
            name = getattr(function, "__name__", "function")
            known = ", ".join(self._steps) or "none"
            raise InterruptError(
                f"step() got {function!r}, which the graph does not know; it knows: {known}. Give it to the graph, "
                f"TemporalGraph(..., steps=[{name}]), so that workers have it as an activity."
            )
        key = f"step:{self._steps_done}"
        self._steps_done += 1
        if self._hooks.do is None:
            return await self._once_only(key, function, args, kwargs, found.returns)
        if key not in self._once:
            text = await self._hooks.do(found, found.dump_call(args, kwargs))
            await self._keep(key, json.loads(text))
        return found.returns.load(compact(self._once[key]))

    async def _once_only(
        self,
        key: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        codec: ValueCodec,
    ) -> Any:
        async with self._turns.setdefault(key, asyncio.Lock()):
            if key not in self._once:
                value = function(*args, **kwargs)
                if inspect.isawaitable(value):
                    value = await value
                await self._keep(key, json.loads(codec.dump(value)))
        return codec.load(compact(self._once[key]))

    async def _keep(self, key: str, value: Json) -> None:
        self._once[key] = value
        if self._hooks.remember is not None:
            await self._hooks.remember(key, value, self._once)

    def _returned_by(self, function: Callable[..., Any]) -> ValueCodec:
        try:
            hints = get_type_hints(function, include_extras=True)
        except (NameError, TypeError):
            hints = {}
        return self._codec.of(hints.get("return", Any))
