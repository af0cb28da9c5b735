"""The engine's `Functions` for a compiled graph: user code in the driver, and the types around it."""

from __future__ import annotations

import copy
import functools
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin

from pydantic_core import ValidationError
from pydantic_graph.decision import Decision, DecisionBranch
from pydantic_graph.join import Join
from pydantic_graph.util import unpack_type_expression

from ..codec import Codec, DecodeError, EncodeError, Refusal, ValueCodec, of_any_rule, shown
from ..codec.answers import answer_errors
from ..codec.bare import without_tags
from ..codec.exact import UNSET, setting, untagged
from ..codec.text import compact, elements, read
from ..commands import Send, SendsTo
from ..engine.events import BlamedError, Encoded, OutdatedError, clipped, listed, message_of, type_of
from ..engine.functions import Value
from ..engine.raised import is_a
from ..engine.spec import END, Path
from ..engine.state import Json, Plan
from .answers import AnswerForm
from .contexts import DriverReducerContext, DriverStepContext, StateCell
from .editing import IsRight, edited, slips, still_wrong
from .failures import failure_schema
from .policies import KeptPolicies, Policies, after, own_method
from .reading import reading
from .targets import arriving


@dataclass(frozen=True, slots=True)
class Live:
    """A value that user code in the driver has made.

    Attributes:
        value: The value.
        codec: The type that the code declared, if any.
        where: The join or path of the code.
        maker: The code, in words.
    """

    value: Any
    codec: ValueCodec | None
    where: str = ""
    maker: str = ""


@dataclass(frozen=True)
class JoinCode:
    """A join's functions and types.

    Attributes:
        reducer: The author's reducer.
        takes_context: Whether it takes a `ReducerContext` first.
        initial: Makes the first value.
        inputs: What a `JoinNode` carries.
        joined: What leaves the join.
    """

    reducer: Callable[..., Any]
    takes_context: bool
    initial: Callable[[], Any]
    inputs: ValueCodec
    joined: ValueCodec

    @staticmethod
    def of(join: Join[Any, Any, Any, Any], inputs: ValueCodec, joined: ValueCodec) -> JoinCode:
        """Look at a reducer once, so that it need not be looked at for every value."""
        takes_context = len(inspect.signature(join.reducer).parameters) != 2
        return JoinCode(join.reducer, takes_context, join.initial_factory, inputs, joined)


class CompiledFunctions:
    """See `temporal_graph.engine.functions.Functions`."""

    def __init__(
        self,
        codec: Codec,
        *,
        inputs: Mapping[str, ValueCodec],
        nodes: frozenset[str],
        items: Mapping[str, ValueCodec | None],
        transforms: Mapping[str, tuple[TransformChain, ValueCodec | None]],
        decisions: Mapping[str, Decision[Any, Any, Any]],
        joins: Mapping[str, JoinCode],
        forms: Mapping[str, AnswerForm],
        outputs: Mapping[str, ValueCodec | None],
        state: ValueCodec | None,
        plan: Plan,
        policies: Policies,
    ) -> None:
        self._codec = codec
        self._inputs = inputs
        self._nodes = nodes
        self._items = items
        self._transforms = transforms
        self._decisions = decisions
        self._joins = joins
        self._forms = forms
        self._outputs = outputs
        self._policies = policies
        self._kept: KeptPolicies | None = None
        self._is_right: IsRight | None = None
        self._read: tuple[Json] | None = None
        self._state = state
        self._plan = plan

    # -- Values -----------------------------------------------------------------------------------------------------

    def _load(self, value: Value, to: str) -> Any:
        if isinstance(value, Live):
            return value.value
        assert isinstance(value, Encoded)
        assert value.type is not None
        with reading(f"a value on its way to {to}"):
            return self._codec.named(value.type).load_kept(value.data)

    def rest(self, node_id: str, value: Value) -> Encoded:
        """See `Functions.rest`."""
        if type(value) is Encoded and value.type in (None, self._inputs[node_id].name):
            return value if value.type is None else Encoded(value.data)
        with _blaming(value):
            try:
                return self._rest(node_id, value)
            except EncodeError as error:
                if not isinstance(value, Live) or value.value is None or not value.maker:
                    raise
                raise EncodeError(f"what {value.maker} returned: {message_of(error)}") from error

    def _rest(self, node_id: str, value: Value) -> Encoded:
        reader = self._inputs[node_id]
        if isinstance(value, Encoded):
            if node_id != END and node_id not in self._nodes:
                return value
        elif node_id != END and value.codec is not None and not self._fits(reader, value):
            return Encoded(self._readable(value.codec, value.value), value.codec.name)
        return Encoded(self._readable(reader, self._load(value, f"node {node_id!r}")))

    def _readable(self, codec: ValueCodec, value: Any) -> str:
        """A value as JSON that can be read.

        Raises:
            EncodeError: It is not of the type, or something of it does not come back.
        """
        data = codec.dump(value).decode()
        try:
            codec.load_kept(data)
            wrong = still_wrong(codec, data, codec.lost(value, data), self._is_right) if codec.may_lose else []
        except DecodeError as error:
            wrong = error.errors
        if wrong:
            raise EncodeError(f"{shown(value)} is not what is declared, {codec.name}: {listed(wrong)}")
        return data

    @staticmethod
    def _fits(reader: ValueCodec, live: Live) -> bool:
        """Whether the reader's type can hold the value; if it cannot, the value crosses as what it declared to be."""
        if reader.type in (Any, object):
            return False
        try:
            reader.dump(live.value)
        except EncodeError:
            return False
        return True

    # -- Paths and decisions ----------------------------------------------------------------------------------------

    def walk(self, path: Path, value: Value, state: Json) -> tuple[Value, Json]:
        """See `Functions.walk`."""
        transform, codec = self._transforms[path.id]
        cell = StateCell(state, self._state, self._plan, self._is_right)
        with _blaming(value):
            result, maker = transform(
                f"The transform on {path.id!r}", cell, self._load(value, f"the transform on {path.id!r}")
            )
        if codec is not None and isinstance(result, Iterator):  # which can be read but once
            items = list(cast("Iterator[Any]", result))
            self._check(codec, items, value)
            result = iter(items)
        elif codec is not None:
            with _blaming(Live(result, codec, path.id, maker)):
                self._check(codec, result, value)
        return Live(result, codec, path.id, maker), cell.result()

    def _check(self, codec: ValueCodec, made: Any, source: Value) -> None:
        """Look whether something that was made of a value is what is declared; what was wrong before is not its fault.

        Raises:
            EncodeError: It is not.
        """
        data = codec.dump(made).decode()
        is_unknown = isinstance(source, Live) and source.codec is None
        wrong = [] if is_unknown else codec.wrong(data, lambda: self._refusals(source))
        wrong = wrong or codec.lost(made, data)
        wrong = still_wrong(codec, data, wrong, self._is_right)
        if wrong:
            raise EncodeError(f"{shown(made)} is not what is declared, {codec.name}: {listed(wrong)}")

    def _refusals(self, source: Value) -> frozenset[Refusal]:
        """What rules have by now against a value."""
        if isinstance(source, Encoded):
            return of_any_rule(self._codec.named(source.type or "").refusals(source.data))
        assert source.codec is not None
        return of_any_rule(source.codec.refusals(source.codec.dump(source.value)))

    def choose(self, decision_id: str, value: Value) -> int:
        """See `Functions.choose`."""
        decision = self._decisions[decision_id]
        loaded = self._load(value, f"decision {decision_id!r}")
        with _blaming(value):
            return self._choose(decision_id, decision, loaded)

    @staticmethod
    def _choose(decision_id: str, decision: Decision[Any, Any, Any], loaded: Any) -> int:
        for index, branch in enumerate(decision.branches):
            if _matches(branch, loaded):
                return index
        branches = ", ".join(map(_describe, decision.branches))
        cure = f" Give send_to() node {loaded.node!r}, too, if there is one." if isinstance(loaded, Send) else ""
        raise RuntimeError(
            f"No branch of decision {decision_id!r} matches {shown(loaded)}. Its branches match: {branches}.{cure}"
        )

    def items(self, fork_id: str, value: Value) -> Sequence[Value]:
        """See `Functions.items`."""
        codec = self._items[fork_id]
        if isinstance(value, Encoded) and codec is not None and _is_plain_array(self._codec.named(value.type or "")):
            pieces = elements(value.data)
            if pieces is not None:
                return [Encoded(piece, codec.name) for piece in pieces]
        loaded = self._load(value, f"the map {fork_id!r}")
        with _blaming(value):
            try:
                iterator = iter(loaded)
            except TypeError:
                raise TypeError(f"Cannot map non-iterable value: {shown(loaded)}") from None
        return [Live(item, codec) for item in iterator]

    # -- Joins ------------------------------------------------------------------------------------------------------

    def initial(self, join_id: str) -> Any:
        """See `Functions.initial`."""
        # `join(initial=[])` gives the same list to every run in the process.
        return copy.deepcopy(self._joins[join_id].initial())

    def reduce(self, join_id: str, current: Any, value: Value, state: Json) -> tuple[Any, bool, Json]:
        """See `Functions.reduce`."""
        join = self._joins[join_id]
        loaded = self._load(value, f"join {join_id!r}")
        with _blaming(self._collected(join_id, current), unless=lambda: self.initial(join_id) is None):
            return self._reduce(join_id, join, current, loaded, state)

    def _reduce(self, join_id: str, join: JoinCode, current: Any, loaded: Any, state: Json) -> tuple[Any, bool, Json]:
        if not join.takes_context:
            return join.reducer(current, loaded), False, state
        cell = StateCell(state, self._state, self._plan, self._is_right)
        context = DriverReducerContext(f"The reducer of join {join_id!r}", cell, current)
        reduced = join.reducer(context, current, loaded)
        return reduced, context.cancels, cell.result()

    def joined(self, join_id: str, current: Any) -> Value:
        """See `Functions.joined`."""
        return self._collected(join_id, current)

    def _collected(self, join_id: str, current: Any) -> Live:
        join = self._joins[join_id]
        return Live(current, join.joined, join_id, f"the reducer {_name(join.reducer)!r}")

    def dump_join(self, join_id: str, current: Any) -> Json:
        """See `Functions.dump_join`."""
        return json.loads(self._joins[join_id].joined.dump(current))

    def load_join(self, join_id: str, data: Json) -> Any:
        """See `Functions.load_join`."""
        with reading(f"what join {join_id!r} has collected"):
            return self._joins[join_id].joined.load_kept(compact(data))

    # -- Questions --------------------------------------------------------------------------------------------------

    def ask(self, node_id: str, value: Encoded) -> tuple[Json, dict[str, Any] | None]:
        """See `Functions.ask`."""
        form = self._forms[node_id]
        fields: dict[str, Json] = read(value.data)
        if self._inputs[node_id].may_hide:
            fields = without_tags(fields)
        fields.pop(UNSET, None)
        shown = {name: field for name, field in fields.items() if name not in form.fields or field is not None}
        return shown, form.schema

    def check(self, node_id: str, schema: dict[str, Any] | None, answer: Json) -> list[dict[str, Any]]:
        """See `Functions.check`."""
        return self._forms[node_id].errors(answer) if schema is None else answer_errors(schema, answer)

    def validate(self, node_id: str, filled: Encoded, state: Json) -> list[dict[str, Any]]:
        """See `Functions.validate`."""
        reader = self._inputs[node_id]
        node = reader.load_kept(filled.data)
        if own_method(cast("type[Any]", type(node)), "validate_answer") is None:
            return []
        context = DriverStepContext(
            f"validate_answer of node {node_id!r}", StateCell(state, self._state, self._plan), node
        )
        try:
            found = node.validate_answer(context)
        except ValidationError as error:
            errors: Any = error.errors(include_url=False, include_context=False, include_input=False)
            return [{"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]} for item in errors]
        except (ValueError, AssertionError) as error:
            return [{"loc": [], "msg": message_of(error), "type": "validate_answer"}]
        if found is not None:
            message = f"validate_answer returned {clipped(repr(found), 200)}; to refuse an answer it raises ValueError"
            return [{"loc": [], "msg": message, "type": "validate_answer"}]
        return []

    def policy(self, node_id: str, kind: str, value: Encoded, state: Json) -> dict[str, Json] | None:
        """See `Functions.policy`."""

        def context() -> DriverStepContext:
            cell = StateCell(state, self._state, self._plan)
            reader = self._inputs[node_id] if value.type is None else self._codec.named(value.type)
            with reading(f"the input of node {node_id!r}"):
                return DriverStepContext(f"The policy of node {node_id!r}", cell, reader.load_kept(value.data))

        if self._kept is not None:
            return self._policies.complete(self._kept, node_id, kind, context)
        policy = self._policies.of(node_id, kind)
        return None if policy is None else self._policies.dump(policy, context())

    def most_ahead(self, node_id: str) -> int | None:
        """See `Functions.most_ahead`."""
        if self._kept is None:
            kept = self._policies.fixed(node_id, "node") or {}
        else:
            kept = self._kept.find(node_id, "node")[1] or {}
        is_for_some = kept.get("only_assignees") or kept.get("not_by") or "not_by" in kept.get("finds", ())
        return None if is_for_some else kept.get("quorum", 1)

    def keeping(self, kept: KeptPolicies | None, is_right: IsRight | None = None) -> CompiledFunctions:
        """The same functions for a run.

        Args:
            kept: The policies with which it began; None for one that has not kept them.
            is_right: Says whether what it has made is right, which it may have said before.
        """
        functions = copy.copy(self)
        functions._kept, functions._is_right = kept, is_right
        return functions

    def after(self, calendar: Json, since: str, seconds: float) -> str:
        """See `Functions.after`."""
        return after(calendar, since, seconds)

    def failure_schema(self, node_id: str) -> dict[str, Any]:
        """See `Functions.failure_schema`."""
        return failure_schema(self._inputs[node_id], self._outputs[node_id])

    def take_output(
        self, node_id: str, data: Json, *, is_taken: bool = False
    ) -> tuple[Encoded | None, list[dict[str, Any]]]:
        """See `Functions.take_output`."""
        codec = self._outputs[node_id]
        if codec is None:
            message = f"node {node_id!r} says itself which node comes next; send the run there with goto"
            return None, [{"loc": [], "msg": message, "type": "action"}]
        try:
            return Encoded(codec.dump(codec.load(compact(data))).decode(), codec.name), []
        except Exception as error:
            return _as_it_is(data, codec.name, error, is_taken)

    def arrive(
        self, node_id: str, data: Json, *, is_taken: bool = False
    ) -> tuple[Encoded | None, list[dict[str, Any]]]:
        """See `Functions.arrive`."""
        reader = self._inputs[node_id]
        try:
            is_node = node_id in self._nodes
            value = reader.dump(arriving(reader, data, is_node=is_node)).decode()
            errors = slips(reader, data, json.loads(value), f"node {node_id!r}") if is_node and not is_taken else []
            return (None, errors) if errors else (Encoded(value), [])
        except Exception as error:
            return _as_it_is(data, None, error, is_taken)

    def edit(self, state: Json, update: Json, *, is_taken: bool = False) -> tuple[Json, list[dict[str, Any]]]:
        """See `Functions.edit`."""
        try:
            after, errors = edited(self._state, state, update)
            if not errors or not is_taken:
                return after, errors
        except Exception:  # of a validator of the user's
            if not is_taken:
                raise
        return _with(state, update), []

    def unreadable(self, node_id: str | None, value: Encoded | None, state: Json) -> str | None:
        """See `Functions.unreadable`."""
        try:
            # Thousands of answers may come together, beside one state.
            if self._state is not None and (self._read is None or self._read[0] is not state):
                with reading("the state"):
                    self._state.load_kept(compact(state))
                self._read = (state,)
            if node_id is not None and value is not None:
                with reading(f"the input of node {node_id!r}"):
                    reader = self._inputs[node_id] if value.type is None else self._codec.named(value.type)
                    reader.load_kept(value.data)
        except OutdatedError as error:
            return str(error)
        except Exception as error:  # of a validator of the user's
            return f"this release cannot read what the run holds: {type(error).__name__}: {message_of(error)}"
        return None

    def fill(self, node_id: str, value: Encoded, answer: Json, *, is_taken: bool = False) -> Encoded:
        """See `Functions.fill`."""
        fields: dict[str, Json] = json.loads(value.data)
        reader = self._inputs[node_id]
        try:
            filled = compact(setting(fields, self._forms[node_id].load(answer)))
            return Encoded(reader.dump(reader.load_changed(filled, value.data)).decode())
        except Exception:
            if not is_taken:
                raise
            return Encoded(compact(_with(fields, answer)))

    def answer_fields(self, node_id: str) -> Sequence[str]:
        """The fields that an answer to an interrupt node must bring."""
        form = self._forms.get(node_id)
        return () if form is None else tuple(form.fields)

    def is_answered(self, node_id: str, value: Encoded) -> bool:
        """Whether all that a person must say to a node is set in it."""
        form = self._forms.get(node_id)
        if form is None or not form.fields:
            return False
        fields: Any = untagged(json.loads(value.data))
        return isinstance(fields, dict) and all(cast("Any", fields).get(name) is not None for name in form.fields)


class TransformChain:
    """The transforms of one path, as one function."""

    def __init__(self, path_id: str, functions: Sequence[Callable[..., Any]]) -> None:
        self._path_id = path_id
        self._functions = functions

    def __call__(self, where: str, cell: StateCell, value: Any) -> tuple[Any, str]:
        """What the last one makes of what the ones before have made; and whose it is, or since whom it is None."""
        made: Live | None = None
        for function in self._functions:
            with _blaming(made):
                value = function(DriverStepContext(where, cell, value))
            if made is None or made.value is not None or value is not None:
                made = Live(value, None, self._path_id, f"the transform {_name(function)!r}")
        return value, "" if made is None else made.maker


class _blaming:
    """Says of an error with what somebody has made that it is None, as of a function that has forgotten `return`.

    Not a generator: that would write to an exception that passes through, which one of the user's may not let it.
    """

    def __init__(self, value: Value | None, unless: Callable[[], bool] = lambda: False) -> None:
        self._value = value
        self._unless = unless

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        value = self._value
        if error is None or not is_a(error, Exception) or is_a(error, BlamedError, OutdatedError):
            return
        if not isinstance(value, Live) or value.value is not None or not value.maker or self._unless():
            return
        message = (
            f"{value.maker} returned None. Has it forgotten its return? What gets that cannot take it: "
            f"{type_of(error)}: {message_of(error)}"
        )
        raise BlamedError(value.where, message) from error


def _name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = cast("Any", function).func
    return str(getattr(function, "__name__", type(function).__name__))


def _as_it_is(
    data: Json, type_: str | None, error: Exception, is_taken: bool
) -> tuple[Encoded | None, list[dict[str, Any]]]:
    """What a person has given, and that does not fit: it is taken nevertheless, or not."""
    if is_taken:
        return Encoded(compact(data), type_), []
    if isinstance(error, DecodeError):
        return None, error.errors
    raise error


def _with(before: Json, fields: Json) -> Json:
    """JSON with some fields set, where it has fields."""
    if isinstance(before, dict) and isinstance(fields, dict):
        return setting(cast("dict[str, Json]", before), cast("dict[str, Json]", fields))
    return cast("Json", before)


def _is_plain_array(codec: ValueCodec) -> bool:
    """Whether the JSON of a type is an array of its items, each written by the item's own type."""
    origin, args = get_origin(codec.type), get_args(codec.type)
    return origin in (list, set, frozenset) or (origin is tuple and len(args) == 2 and args[1] is Ellipsis)


def _describe(branch: DecisionBranch[Any]) -> str:
    if isinstance(branch.matches, SendsTo):
        return repr(branch.matches)
    source = repr(unpack_type_expression(branch.source))
    return source if branch.matches is None else f"{source} if matches(value)"


def _matches(branch: DecisionBranch[Any], value: Any) -> bool:
    """Whether a branch takes a value: what `pydantic_graph.DecisionBranch.matches` documents."""
    if branch.matches is not None:
        found: Any = branch.matches(value)
        if inspect.isawaitable(found):
            said = shown(found)
            if inspect.iscoroutine(found):
                found.close()  # or Python would complain, much later, that nobody has awaited it
            raise TypeError(f"matches gave {said}, which nobody awaits; it must say at once whether it matches.")
        return bool(found)
    source: Any = unpack_type_expression(branch.source)
    if source in (Any, object):
        return True
    if get_origin(source) is Literal:
        # True == 1, but Literal[True] and Literal[1] are different choices.
        return any(
            value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in get_args(source)
        )
    try:
        return isinstance(value, source)
    except TypeError as error:
        raise TypeError(f"A decision cannot match the type {source!r}: isinstance does not take it.") from error
