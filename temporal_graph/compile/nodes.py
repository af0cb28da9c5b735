"""Running one node: JSON in, the author's code, JSON out. The same for an activity, the driver and a local run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
from collections import ChainMap
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any, cast, get_origin

from pydantic_graph import BaseNode, End, JoinNode, StepContext, StepNode
from pydantic_graph.step import NodeStep, Step

from ..codec import Codec, DecodeError, EncodeError, Refusal, ValueCodec, of_any_rule, shown
from ..commands import Command, Send
from ..emitting import Emit, current_emit
from ..engine.events import listed
from ..engine.raised import in_group, is_a
from ..engine.spec import END
from ..engine.state import Plan, diff
from ..errors import GraphInputError, InterruptError
from ..interrupts import current_asker
from ..messages import NodeDone, NodeInput, NodeResult, Question
from .asking import NO_HOOKS, Hooks, Interrupted, NodeAsker, OwnCode
from .checks import not_awaitable
from .code import closures_of, code_of
from .editing import check_state, edited, still_wrong
from .policies import Policies
from .reading import reading
from .step_functions import StepFunction
from .targets import dump_fields, to_json


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
        targets: Where a `Command` that it returns may lead, as far as it says; empty for anywhere.
        has_edge: Whether an edge leaves it; else it returns commands only.
    """

    id: str
    step: Step[Any, Any, Any, Any]
    inputs: ValueCodec
    output: ValueCodec | None
    targets: tuple[str, ...] = ()
    has_edge: bool = True

    @property
    def takes_stream(self) -> bool:
        """Whether it declares an async iterable as its input."""
        return get_origin(self.inputs.type) in (AsyncIterable, AsyncIterator)


class NodeRunner:
    """Runs the nodes of one graph."""

    def __init__(
        self,
        codec: Codec,
        nodes: Mapping[str, NodeCode],
        targets: Mapping[str, ValueCodec],
        state: ValueCodec | None,
        plan: Plan,
        steps: Mapping[str, StepFunction],
        policies: Policies,
    ) -> None:
        self._codec = codec
        self._steps = steps
        self._policies = policies
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

    @functools.cached_property
    def codes(self) -> Mapping[str, str]:
        """What stands for the code of each node; see `code_of`."""
        return {code.id: code_of(_author_of(code)) for code in self._nodes.values()}

    @functools.cached_property
    def _closures(self) -> Mapping[str, Mapping[CodeType, Mapping[str, str]]]:
        return {code.id: closures_of(_author_of(code)) for code in self._nodes.values()}

    async def run(
        self, node_id: str, message: NodeInput, deps: Any, hooks: Hooks = NO_HOOKS, emit: Emit | None = None
    ) -> NodeResult:
        """Run a node once.

        Args:
            node_id: The node.
            message: What it gets.
            deps: What it sees as `ctx.deps`.
            hooks: What it can do where it runs.
            emit: Takes what it tells its listeners; None for nobody.

        Returns:
            Its result, or the question that it asked.

        Raises:
            Exception: Whatever the node raises.
            EncodeError: What it returned, or made of the state, is not what is declared, or breaks a rule of that.
        """
        code = self._nodes[node_id]
        with reading(f"the input of node {node_id!r}"):
            reader = code.inputs if message.inputs.type is None else self._codec.named(message.inputs.type)
            inputs = reader.load_kept(message.inputs.data)
        if code.takes_stream:
            inputs = DrainedStream(inputs)
        with reading("the state"):
            state = None if self._state is None or message.state is None else self._state.load_kept(message.state)
        context: StepContext[Any, Any, Any] = StepContext(state=state, deps=deps, inputs=inputs)
        dump_policy = functools.partial(self._policies.dump, context=context)
        own = OwnCode(NodeRunner.run.__code__, self.codes[node_id], self._closures[node_id])
        asker = NodeAsker(self._codec, self._steps, message, dump_policy, hooks, own)
        token, emitting = current_asker.set(asker), current_emit.set(emit)
        try:
            if message.composes:
                return await self._compose(node_id, message, context, asker)
            called: Any = code.step.call(context)
            if not inspect.isawaitable(called):
                raise not_awaitable(node_id, called)
            output = await called
            if isinstance(output, AsyncIterable):
                output = [item async for item in output]  # pyright: ignore[reportUnknownVariableType]
            asker.check_awaited()
            await asker.let_begin()
        except Interrupted as interrupted:
            await asker.finish()
            return interrupted.question
        except BaseExceptionGroup as group:
            asked = _asked_in(group)
            await asker.finish(failed=asked is None)
            if asked is not None:
                return asked
            failure = _failure_in(group)
            if failure is group:
                raise
            raise failure from None
        except Exception:
            await asker.finish(failed=True)
            raise
        finally:
            with contextlib.suppress(ValueError):  # a node in the workflow is closed in another context than its own
                current_asker.reset(token)
                current_emit.reset(emitting)
        if asker.is_swallowed:
            raise InterruptError(
                f"Node {node_id!r} went on although it had asked a question with interrupt(): something around the "
                "call swallowed what ends the node. Use `except Exception:` there instead of a bare `except:` or "
                "`except BaseException:`, and no gather(return_exceptions=True), and await the task that asks."
            )
        update: Mapping[str, Any] | None = None
        if isinstance(output, Command):
            command: Command[Any] = output  # pyright: ignore[reportUnknownVariableType]
            update = command.update
            to, data, value = self._commanded(code, command)
        else:
            to, data, value = self._outcome(code, output)
        made = NodeDone(data, to, tuple(self._delta(message.state, state, update, asker)))
        self._check(code, message, value, made, asker)
        return made

    def _check(self, code: NodeCode, message: NodeInput, value: Any, made: NodeDone, asker: NodeAsker) -> None:
        """Look whether what a node has written can be read.

        What was wrong already with what the node got is not the node's: a rule may look at the clock.
        """
        writer = self._targets[made.to] if made.to is not None else code.output
        assert writer is not None
        wrong = writer.wrong(made.data, lambda: (*self._wrong_before(code, message), *asker.wrong_by_now()))
        wrong = still_wrong(writer, made.data, wrong or writer.lost(value, made.data), asker.is_right)
        if wrong:
            cure = " Is a return missing?" if value is None else ""
            raise EncodeError(
                f"Node {code.id!r} returned {shown(value)}, which is not what is declared, {writer.name}: "
                f"{listed(wrong)}.{cure}"
            )

    def _wrong_before(self, code: NodeCode, message: NodeInput) -> frozenset[Refusal]:
        """What rules have by now against what a node gets."""
        reader = code.inputs if message.inputs.type is None else self._codec.named(message.inputs.type)
        wrong = reader.refusals(message.inputs.data)
        if self._state is not None and message.state is not None:
            wrong |= self._state.refusals(message.state)
        return of_any_rule(wrong)

    async def _compose(
        self, node_id: str, message: NodeInput, context: StepContext[Any, Any, Any], asker: NodeAsker
    ) -> Question:
        """What an interrupt node shows, as it has composed it."""
        composed = await context.inputs.prompt(context)
        if self._delta(message.state, context.state, None, asker):
            raise InterruptError(
                f"prompt() of node {node_id!r} changed the state; it only looks at it. Change the state in run(), or "
                "in a node before this one."
            )
        try:
            value = to_json(f"What prompt() of node {node_id!r} returned", composed)
        except GraphInputError as error:
            raise InterruptError(str(error)) from error
        return Question(None, value, None, once=asker.kept)

    def _commanded(self, code: NodeCode, command: Command[Any]) -> tuple[str, str, Any]:
        """Where a command leads, and what is given to that node: as JSON, and itself."""
        if command.is_answer:
            raise TypeError(f"Node {code.id!r} returned {command!r}; an answer comes from a person, not from a node.")
        goto: Any = command.goto
        if goto is None:
            raise TypeError(
                f"Node {code.id!r} returned {command!r}, which leads nowhere. Give it goto=...; only to change the "
                "state, set fields of ctx.state and return a value."
            )
        value: Any
        if isinstance(goto, Send):
            to, value = goto.node, goto.arg
        elif isinstance(goto, str):
            to, value = goto, None
        elif isinstance(goto, End | BaseNode | StepNode | JoinNode):
            named, data, value = self._outcome(NodeCode(code.id, code.step, code.inputs, None), goto)
            assert named is not None
            return self._allowed(code, named), data, value
        else:
            raise TypeError(
                f"Node {code.id!r} returned {command!r}; goto must be a node's id, a node instance, Send(id, input) or "
                "End(output)."
            )
        target = self._targets.get(to)
        if target is None:
            known = ", ".join(repr(node_id) for node_id in self._targets)
            raise TypeError(f"Node {code.id!r} goes to {to!r}, which is no node of this graph. Its nodes: {known}.")
        try:
            data = target.dump(value).decode()
            if isinstance(goto, str):
                value = target.load(data)  # nothing was given, and many a type would be written as that
            return self._allowed(code, to), data, value
        except (EncodeError, DecodeError) as error:
            cure = f"; give it its input with goto=Send({to!r}, ...)" if isinstance(goto, str) else ""
            raise EncodeError(f"Node {code.id!r} goes to {to!r} with {value!r}: {error}{cure}") from error

    @staticmethod
    def _allowed(code: NodeCode, to: str) -> str:
        if code.targets and to not in code.targets:
            declared = ", ".join(repr(node_id) for node_id in code.targets)
            raise TypeError(
                f"Node {code.id!r} goes to {to!r}; the Command that it is annotated to return leads to: {declared}."
            )
        return to

    def _outcome(self, code: NodeCode, output: Any) -> tuple[str | None, str, Any]:
        """Where what a node has returned goes, and it: as JSON, and itself."""
        to: str
        value: Any
        if code.output is not None and not code.has_edge:
            raise TypeError(
                f"Node {code.id!r} returned {shown(output)}, and no edge leaves it; it must return a Command(goto=...)."
            )
        if code.output is not None:
            try:
                return None, code.output.dump(output).decode(), output
            except EncodeError as error:
                slip = "a return" if output is None else "an await" if inspect.isawaitable(output) else None
                if slip is None:
                    raise
                if inspect.iscoroutine(output):
                    output.close()  # or Python would complain, much later, that nobody has awaited it
                raise EncodeError(f"{error}. Is {slip} missing?") from error
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
            raise TypeError(f"Node {code.id!r} returned {shown(output)}; a node must return a BaseNode or an End.")
        target = self._targets.get(to)
        if target is None:
            raise TypeError(
                f"Node {code.id!r} returned {shown(output)}, which is no node of this graph: {list(self._targets)}."
            )
        return to, target.dump(value).decode(), value

    def _delta(self, before: str | None, state: Any, update: Mapping[str, Any] | None, asker: NodeAsker) -> list[Any]:
        if update is not None:
            written = "null" if self._state is None else self._state.dump(state).decode()
            if self._state is not None and before is not None:
                check_state(self._state, state, written, before, asker.wrong_by_now, asker.is_right)
            now = json.loads(written)
            after, errors = edited(self._state, now, dump_fields(self._state, update))
            if errors:
                listed = "; ".join(
                    f"{'.'.join(map(str, error['loc'])) or 'update'}: {error['msg']}" for error in errors
                )
                raise EncodeError(f"The state cannot take the command's update {update!r}: {listed}.")
            return diff(json.loads(before or "null"), after, self._plan)
        if self._state is None or before is None:
            return []
        text = self._state.dump(state).decode()
        if text == before and not self._state.may_hide:
            return []
        check_state(self._state, state, text, before, asker.wrong_by_now, asker.is_right)
        return diff(json.loads(before), json.loads(text), self._plan)


def _author_of(code: NodeCode) -> Any:
    """What the author has written of a node: its class, or its function."""
    return getattr(code.step, "node_type", code.step.call)


def _asked_in(group: BaseExceptionGroup[BaseException]) -> Question | None:
    """The first question in an exception group, as task groups make them, where nothing else went wrong."""
    found: list[Interrupted] = []
    waiting: list[BaseException] = [group]
    while waiting:
        for error in in_group(waiting.pop()):
            if is_a(error, BaseExceptionGroup):
                waiting.append(error)
            elif is_a(error, Interrupted):
                found.append(error)
            elif not is_a(error, asyncio.CancelledError):
                return None
    return min(found, key=lambda asked: asked.call).question if found else None


def _failure_in(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """With what a node has failed in which tasks have asked as well: questions are no errors, and are not told as such.

    It is what a question of its own was refused for, if one was: that says what to do.
    """
    found, waiting = list[BaseException](), list[BaseException]([group])
    while waiting:
        each = waiting.pop(0)
        found.append(each)
        waiting.extend(in_group(each))
    refused = next((each for each in found if is_a(each, InterruptError)), None)
    if refused is not None or not any(is_a(each, Interrupted) for each in found):
        return refused or group
    try:
        return BaseExceptionGroup.split(group, Interrupted)[1] or group
    except Exception:  # of a class of the author's
        return group
