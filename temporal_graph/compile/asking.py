"""What a node asks and does once while it runs, matched with what has been answered and done before."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import inspect
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import CodeType
from typing import Any, get_args, get_origin, get_type_hints

from ..codec import Codec, DecodeError, Refusal, ValueCodec, of_any_rule
from ..codec.answers import schema_validator
from ..codec.text import compact
from ..engine.events import OWN, Position, is_the_runtimes
from ..engine.state import Json
from ..errors import GraphDefinitionError, GraphInputError, InterruptError
from ..interrupts import Answered
from ..messages import NodeInput, Question
from ..policies import InterruptPolicy
from .calls import Call, name_of
from .editing import IsRight
from .matching import Mark, Matching, settled, who_answers
from .places import place, wording
from .policies import never
from .reading import reading
from .step_functions import LostError, StepFunction, dump_returned
from .targets import shown, to_json

Ask = Callable[[Question], Awaitable[tuple[Json, list[Json]]]]
"""Waits for the answer to a question where the node runs, and for who gave it; raises to end the node."""
Remember = Callable[[str, Json, Mapping[str, Json]], Awaitable[None]]
"""Makes sure that what was done once is known, should the node run again: its key, what came of it, and all so far.

Raises `LostError` where it is too much.
"""
Do = Callable[[StepFunction, str], Awaitable[str]]
"""Runs a function as an activity: JSON text in, JSON text out. Raises `LostError` if it did its work for nothing."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a node can do where it runs.

    Attributes:
        ask: Waits for an answer; None to end the node instead, and have it run again.
        remember: Keeps what was done once; None to keep it with the question only.
        do: Runs a function as an activity; None to run it right here.
        dump_error: What `do` raised, to be raised again when the node comes by once more; None for what is not kept.
        load_error: Makes it again.
        is_in_workflow: Whether the node is one that goes on from its own line; a local run checks only that it could.
        judge: Says of an answer, by whether it fits, whether it is taken, where that may have been judged before.
        is_right: The same of what the node has made.
    """

    ask: Ask | None = None
    remember: Remember | None = None
    do: Do | None = None
    dump_error: Callable[[BaseException], Json] | None = None
    load_error: Callable[[Json], Exception] | None = None
    is_in_workflow: bool = False
    judge: Callable[[bool], bool] | None = None
    is_right: IsRight | None = None


NO_HOOKS = Hooks()


@dataclass(frozen=True, slots=True)
class OwnCode:
    """A node's own code.

    Attributes:
        runner: What runs it.
        id: What stands for it; see `code_of`.
        closures: The texts in closures of its functions; see `closures_of`.
    """

    runner: CodeType
    id: str
    closures: Mapping[CodeType, Mapping[str, str]]


class Interrupted(BaseException):
    """A node called `interrupt()` and ends here; no `except Exception` of the node's may swallow it.

    Attributes:
        question: What it asks.
        call: How many-th call this is since it began.
    """

    def __init__(self, question: Question, call: int) -> None:
        super().__init__(question.position)
        self.question = question
        self.call = call


@dataclass(slots=True, eq=False)
class _Lane:
    """A thread of a node's code: the node's own, or that of a task which it has started.

    How many-th call something is, is counted in each by itself: tasks that run side by side pass each other, and when
    the node runs again they do so in another order.

    Attributes:
        owner: The task.
        name: Which one it is: how many-th of those that its parent has started, and that call steps.
        children: How many such tasks it has started.
        calls: How often each function has been called.
    """

    owner: asyncio.Task[Any] | None
    name: str = ""
    children: int = 0
    calls: Counter[str] = field(default_factory=Counter[str])


_lane: ContextVar[_Lane | None] = ContextVar("temporal_graph_lane", default=None)
_inside: ContextVar[tuple[str, ...]] = ContextVar("temporal_graph_inside", default=())
"""The keys of what is being done once around a call."""


class NodeAsker:
    """See `temporal_graph.interrupts.Asker`.

    Attributes:
        is_swallowed: Whether it has raised what ends the node, for a node that goes on nevertheless.
        is_right: Says whether what the node has made is right.
    """

    def __init__(
        self,
        codec: Codec,
        steps: Mapping[str, StepFunction],
        message: NodeInput,
        dump_policy: Callable[[InterruptPolicy], dict[str, Json]],
        hooks: Hooks,
        code: OwnCode,
    ) -> None:
        self._codec = codec
        self._steps = steps
        self._message = message
        self._answers: Mapping[Position, Json] = message.answers
        self._votes = message.votes
        can_raise = hooks.load_error is not None
        self._once: dict[str, Json] = {
            key: kept for key, kept in message.once.items() if kept is not None and (can_raise or not _has_failed(kept))
        }
        self._dump_policy = dump_policy
        self._hooks = hooks
        self.is_right = hooks.is_right
        self._code = code
        self._task = asyncio.current_task()
        self._matching = Matching(message.answers, message.marks, is_deterministic=hooks.is_in_workflow)
        self._begun = None if hooks.is_in_workflow else round(time.time(), 3)
        self._asked = 0
        self._was_right: list[tuple[ValueCodec, str]] = []
        self._answered: Position = OWN
        self._is_asking = False
        self._calls: dict[str, Call] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._doing: dict[asyncio.Task[BaseException | None], None] = {}
        self._expected: list[tuple[str, Coroutine[Any, Any, Any]]] = []
        self._is_over = False
        self.is_swallowed = False
        _lane.set(_Lane(self._task))

    @property
    def kept(self) -> Mapping[str, Json]:
        """What the node has done once."""
        return self._once

    def expect(self, called: str, work: Coroutine[Any, Any, Any]) -> None:
        """See `temporal_graph.interrupts.Asker`."""
        if len(self._expected) >= 100:
            self._expected = [each for each in self._expected if _is_new(each[1])]
        self._expected.append((called, work))

    def check_awaited(self) -> None:
        """Look whether the node, which has ended, has awaited what it has called.

        Raises:
            InterruptError: It has not.
        """
        left = self._left()
        waiting = [work for _, work in self._expected if _is_new(work)]
        held = [task for task in asyncio.all_tasks() if _has_any(task, waiting)] if waiting else []
        left += [called for called, work in self._expected if any(task.get_coro() is work for task in held)]
        # In the workflow it may have ended so before that was looked at.
        if left and not (self.is_right and self.is_right(f"await {left[0]}", self._message.task_id, False)):
            for task in held:
                task.cancel()
            raise InterruptError(
                f"{left[0]}(...) was called without await, so that nothing has come of it: it is "
                f"`await {left[0]}(...)`, or a task that the node waits for."
            )

    async def let_begin(self) -> None:
        """Let tasks that the node has just started come as far as their question, which nobody would see later."""
        if self._hooks.ask is None:
            await asyncio.sleep(0)

    def _left(self) -> list[str]:
        """What nobody has awaited, nor will: it is closed, or Python would warn of it."""
        new = [(called, work) for called, work in self._expected if _is_new(work)]
        held = [task.get_coro() for task in asyncio.all_tasks()] if new else []
        left = [(called, work) for called, work in new if all(work is not each for each in held)]
        for _, work in left:
            work.close()
        return [called for called, _ in left]

    # -- Questions --------------------------------------------------------------------------------------------------

    async def ask(self, value: Any, response_type: Any, policy: InterruptPolicy | None, key: str | None) -> Any:
        """See `temporal_graph.interrupts.Asker`."""
        if self._message.composes:
            raise InterruptError(
                "interrupt() was called in prompt(), which composes what the node itself shows. Ask in run()."
            )
        if _inside.get():
            raise InterruptError(
                "interrupt() was called in what is done once, which would have to begin again with the answer. Ask "
                "before it or after it."
            )
        call, self._asked = self._asked, self._asked + 1
        codec = self._codec.of(response_type)
        try:
            shown = settled(value, to_json("What interrupt() shows", value))
        except GraphInputError as error:
            raise InterruptError(str(error)) from error
        schema = None if response_type is Any else codec.answer_schema()
        # A task of the node's own may be one of several that run the same code.
        is_own = asyncio.current_task() is self._task
        where = place(self._code.runner) if is_own else None
        words = None if where is None else wording(self._code.runner, self._code.closures)
        rules = None if policy is None else self._dumped(policy)
        who, asked = who_answers(rules)
        when = None if self._begun is None else (self._begun, round(time.time(), 3))
        takes = None if response_type is Any else codec.answer_schema_as_before()
        mark = replace(Mark.of(shown, takes, where, words, when), code=self._code.id, who=who, asked=asked)
        position = self._matching.find(key, mark, value)
        mark = replace(mark, again=self._matching.again(position))
        errors: tuple[dict[str, Any], ...] = ()
        while True:
            if not errors and position in self._answers and position not in self._matching.outdated:
                answer = self._answers[position]
            else:
                if policy is not None and rules is not None:
                    self._check_rules(policy, rules, codec)
                met = tuple(self._matching.met)
                question = Question(position, shown, schema, errors, rules, self._once, mark.dump(), met)
                if self._hooks.ask is None:
                    self.is_swallowed = True  # unless it ends the node
                    _expect_to_end()
                    raise Interrupted(question, call)
                answer, votes = await self._wait(self._hooks.ask, question)
                self._answers = {**self._answers, position: answer}
                self._votes = {**self._votes, position: votes}
                self._matching.outdated.discard(position)
            try:
                read = await self._read(codec, position, answer)
            except DecodeError as error:
                errors = tuple(error.errors)
                continue
            self._answered = position
            return read

    async def _read(self, codec: ValueCodec, position: Position, answer: Json) -> Any:
        """An answer, which is judged once: however often the node runs again, and whenever, it stays what it was.

        Kept is which answer was taken; and what was read, where that can be kept as it is: it may have defaults that
        are made anew each time.

        Raises:
            DecodeError: It does not fit.
        """
        text = compact(answer)
        if not codec.has_rules:
            return codec.load(text)
        key, digest = f"answer:{json.dumps(position)}", hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        kept = self._once.get(key)
        if isinstance(kept, list) and kept[0] == digest:
            with contextlib.suppress(DecodeError):  # another release may read the answer nevertheless
                return self._kept_value(codec, compact(kept[1]))
        if isinstance(kept, list | str) and (kept if isinstance(kept, str) else kept[0]) == digest:
            return self._kept_value(codec, text)
        read = self._judged(codec, text)
        self._was_right.append((codec, text))
        data = codec.steady(read)
        try:
            await self._keep(key, digest if data is None else [digest, json.loads(data)])
        except LostError:
            await self._keep(key, digest)
        return read

    def _kept_value(self, codec: ValueCodec, text: str) -> Any:
        value = codec.load_kept(text)
        self._was_right.append((codec, text))
        return value

    def wrong_by_now(self) -> frozenset[Refusal]:
        """What rules have by now against the answers that it was given before, and what it has done before."""
        return of_any_rule(refusal for codec, text in self._was_right for refusal in codec.refusals(text))

    def _judged(self, codec: ValueCodec, text: str) -> Any:
        judge, refused = self._hooks.judge, None
        try:
            read = codec.load(text)
        except DecodeError as error:
            read, refused = None, error
        if judge is None or judge(refused is None) == (refused is None):
            if refused is not None:
                raise refused
            return read
        if refused is not None:
            return codec.load_kept(text)  # it was taken, as the history says
        said = "It was refused when it came."
        raise DecodeError(said, [{"loc": [], "msg": said, "type": "value_error"}])

    def _dumped(self, policy: InterruptPolicy) -> dict[str, Json]:
        try:
            return self._dump_policy(policy)
        except (GraphInputError, GraphDefinitionError) as error:
            raise InterruptError(f"interrupt(policy=...): {error}") from error

    @staticmethod
    def _check_rules(policy: InterruptPolicy, rules: Mapping[str, Json], codec: ValueCodec) -> None:
        try:
            default: dict[str, Json] = rules.get("on_timeout") or {}
            if "value" in default:
                codec.load(compact(default["value"]))
            schema = codec.answer_schema() or {}
            for pattern in rules.get("reject_ends", ()):
                # Of a union nobody knows which of its types the pattern is meant for.
                reason = never(pattern, schema_validator(schema)(pattern)) if "type" in schema else None
                if reason is not None:
                    raise GraphDefinitionError(f"reject_ends={shown(policy.reject_ends)} can match no answer: {reason}")
        except DecodeError as error:
            raise InterruptError(f"interrupt(policy=...): the answer of on_timeout does not fit: {error}") from error
        except GraphDefinitionError as error:
            raise InterruptError(f"interrupt(policy=...): {error}") from error

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
    #
    # Kept is what came of it, in a list of one; or why that is lost, as a text; or the error of a step, if the node is
    # in the workflow: in a history that continues another one it must come by the same places. When the node itself
    # fails, errors are forgotten, for another try.

    async def once(self, key: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `temporal_graph.interrupts.Asker`."""
        if self._hooks.is_in_workflow:
            raise InterruptError(
                f"once({key!r}, ...) was called in a node with execution='workflow', which goes on from its own "
                f"line. There `await step({name_of(function)}, ...)` does work, as an activity."
            )
        codec = self._returned_by(function)
        work = self._called(function, args, kwargs, codec)
        return await self._once_only(f"once:{key}", codec, work, Call.of(function, args, kwargs))

    async def step(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `temporal_graph.interrupts.Asker`."""
        found = next((known for known in self._steps.values() if known.function is function), None)
        if found is None:
            # Without the function itself: where in memory it is, another process would tell otherwise.
            name, known = name_of(function), ", ".join(self._steps) or "none"
            if isinstance(function, functools.partial):
                raise InterruptError(
                    f"step() got a functools.partial of {name}(). Call step({name}, ...) with its arguments."
                )
            raise InterruptError(
                f"step() got {name}(), which the graph does not know; it knows: {known}. Give it to the graph, "
                f"TemporalGraph(..., steps=[{name}]), so that workers have it as an activity."
            )
        if self._hooks.do is None:
            work = self._called(function, args, kwargs, found.returns)
        else:
            work = functools.partial(self._hooks.do, found, found.dump_call(args, kwargs))
        return await self._once_only(self._next_step(found.name), found.returns, work)

    def _next_step(self, name: str) -> str:
        task, lane = asyncio.current_task(), _lane.get()
        assert lane is not None
        if lane.owner is not task:
            lane.children += 1
            lane = _Lane(task, f"{lane.name}{lane.children}.")
            _lane.set(lane)
        lane.calls[name] += 1
        return f"step:{lane.name}{name}:{lane.calls[name]}"

    async def _once_only(
        self, key: str, codec: ValueCodec, work: Callable[[], Awaitable[str]], call: Call | None = None
    ) -> Any:
        if key in _inside.get():
            raise InterruptError(f"{key.partition(':')[2]!r} is done once, and is begun again by what it calls.")
        async with self._turns.setdefault(key, asyncio.Lock()):
            if self._is_over:
                raise asyncio.CancelledError  # of a task that the node has left behind
            if key not in self._once:
                if call is not None:
                    self._calls[key] = call
                await self._let_do(key, work)
            elif call is not None:
                self._compare(key, call)
        kept = self._once[key]
        if isinstance(kept, str):
            raise InterruptError(kept)
        if _has_failed(kept):
            assert self._hooks.load_error is not None
            raise self._hooks.load_error(kept["error"])
        with reading(f"what {key.partition(':')[2]!r} has given"):
            return self._kept_value(codec, compact(kept[0]))

    def _compare(self, key: str, call: Call) -> None:
        """Look whether a key stands for one call, as far as the node has made calls since it began."""
        misfit = self._calls.setdefault(key, call).misfit(call)
        if misfit is not None:
            name = key.partition(":")[2]
            own = f"{name}-{{i}}"
            raise InterruptError(
                f"Two calls of once() in one run of a node have the key {name!r}: {misfit}. The second would get what "
                f"the first returned; give each a key of its own, such as f{own!r} in a loop."
            )

    async def _let_do(self, key: str, work: Callable[[], Awaitable[str]]) -> None:
        """Do something in a task of its own: what ends the node, a question, must not end it half-way."""
        task = asyncio.create_task(self._do(key, work))
        self._doing[task] = None
        task.add_done_callback(lambda done: self._doing.pop(done, None))
        try:
            error = await asyncio.shield(task)
        except asyncio.CancelledError:
            if not self.is_swallowed and key not in self._once:
                task.cancel()
            if not task.done():
                await asyncio.wait([task])
            raise
        if error is not None:
            raise error

    async def _do(self, key: str, work: Callable[[], Awaitable[str]]) -> BaseException | None:
        """What it raised: some exceptions would end the event loop if a task let them out."""
        _inside.set((*_inside.get(), key))
        try:
            value: Json = [json.loads(await work())]
        except LostError as error:
            await self._lose(key, error)
            return None
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            if self._hooks.dump_error is not None:
                failed = self._hooks.dump_error(error)
                if failed is not None:
                    await self._keep(key, {"error": failed})
            return error
        try:
            await self._keep(key, value)
        except LostError as error:
            await self._lose(key, error)
        return None

    async def _lose(self, key: str, error: LostError) -> None:
        what = key.partition(":")[2]
        await self._keep(key, f"{what!r} was done, and is not done again, but what it returned is lost: {error}")

    async def _keep(self, key: str, value: Json) -> None:
        self._once[key] = value
        if self._hooks.remember is not None:
            await self._hooks.remember(key, value, self._once)

    async def finish(self, *, failed: bool = False) -> None:
        """Wait for what is being done once, where the node has ended without waiting for it; and let nothing begin."""
        self._is_over = True
        self._left()
        await self._wait_for_the_rest()
        for key in [key for key, kept in self._once.items() if failed and _has_failed(kept)]:
            del self._once[key]
            if self._hooks.remember is not None:
                await self._hooks.remember(key, None, self._once)

    async def _wait_for_the_rest(self) -> None:
        try:
            while self._doing:
                await asyncio.wait([next(iter(self._doing))])
        except asyncio.CancelledError:
            for task in self._doing:
                task.cancel()
            raise

    @staticmethod
    def _called(
        function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], codec: ValueCodec
    ) -> Callable[[], Coroutine[Any, Any, str]]:
        async def call() -> str:
            value = function(*args, **kwargs)
            if inspect.isawaitable(value):
                value = await value
            return dump_returned(codec, value, name_of(function))

        return call

    def _returned_by(self, function: Callable[..., Any]) -> ValueCodec:
        while isinstance(function, functools.partial):
            function = function.func
        if not inspect.isroutine(function) and not inspect.isclass(function):
            function = type(function).__call__
        try:
            hints = get_type_hints(function, include_extras=True)
        except (NameError, TypeError):
            hints = {}
        type_ = hints.get("return", function if inspect.isclass(function) else Any)
        if get_origin(type_) in (Awaitable, Coroutine):
            type_ = get_args(type_)[-1]
        return self._codec.of(type_)


def _expect_to_end() -> None:
    """Let asyncio not log how the task at hand ends, where another one ends the node first: it is no fault."""
    task = asyncio.current_task()
    if task is not None:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _is_new(work: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(work) == inspect.CORO_CREATED


def _has_any(task: asyncio.Task[Any], works: list[Coroutine[Any, Any, Any]]) -> bool:
    return not task.cancelling() and any(task.get_coro() is work for work in works)


def _has_failed(kept: Json) -> bool:
    return isinstance(kept, dict)
