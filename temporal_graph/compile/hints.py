"""What the author's annotations say: inputs, outputs and state of steps, nodes, transforms and reducers."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

from pydantic_graph import BaseNode, End, GraphRunContext, StepContext
from pydantic_graph.join import ReducerContext

from ..errors import GraphDefinitionError


class _Unknown:
    """Nothing was declared."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()
Namespace = Mapping[str, Any]


@dataclass(frozen=True)
class Signature:
    """What a function declares; UNKNOWN where it declares nothing."""

    inputs: Any = UNKNOWN
    output: Any = UNKNOWN
    state: Any = UNKNOWN


def of_step(node_id: str, call: Callable[..., Any], namespace: Namespace) -> Signature:
    """What a step's function declares: `StepContext[State, Deps, Inputs]` and its return type."""
    function = _streamed(call) or call
    hints = _resolve(f"step {node_id!r}", function, namespace)
    context = _context(function, hints)
    output = _known(hints.get("return", UNKNOWN))
    if get_origin(output) in (AsyncIterator, AsyncIterable, AsyncGenerator) and get_args(output):
        # A stream is drained where it runs; what leaves the step is a list.
        output = list[get_args(output)[0]]
    return Signature(inputs=_argument(context, StepContext, 2), output=output, state=_argument(context, StepContext, 0))


def of_transform(path_id: str, call: Callable[..., Any], namespace: Namespace) -> Signature:
    """What a transform declares."""
    hints = _resolve(f"the transform on {path_id!r}", call, namespace)
    context = _context(call, hints)
    return Signature(inputs=_argument(context, StepContext, 2), output=_known(hints.get("return", UNKNOWN)))


@dataclass(frozen=True)
class ReducerSignature:
    """What a reducer declares; its type variables are left in."""

    current: Any
    inputs: Any
    output: Any
    state: Any


def of_reducer(join_id: str, reducer: Callable[..., Any], namespace: Namespace) -> ReducerSignature:
    """What a reducer declares: `(current, inputs)` or `(ctx, current, inputs)`."""
    hints = _resolve(f"the reducer of join {join_id!r}", reducer, namespace)
    names = list(inspect.signature(reducer).parameters)
    values = [hints.get(name, UNKNOWN) for name in names]
    context = values.pop(0) if len(values) == 3 else UNKNOWN
    current, inputs = values if len(values) == 2 else (UNKNOWN, UNKNOWN)
    return ReducerSignature(current, inputs, hints.get("return", UNKNOWN), _argument(context, ReducerContext, 0))


def of_node(node_type: type[BaseNode[Any, Any, Any]], namespace: Namespace) -> Signature:
    """What a `BaseNode` declares: its state, and in `output` what it may end the run with."""
    hints = _resolve(f"node {node_type.__name__!r}", node_type.run, namespace)
    state = _argument(_context(node_type.run, hints), GraphRunContext, 0)
    ends = [hint for hint in _union(hints.get("return", UNKNOWN)) if (get_origin(hint) or hint) is End]
    declared = [_known(get_args(end)[0]) if get_args(end) else Any for end in ends]
    return Signature(inputs=node_type, output=union(declared), state=state)


def item_of(type_: Any) -> Any:
    """What iterating over a value of a type gives."""
    type_ = _bare(type_)
    origin, args = get_origin(type_), get_args(type_)
    if type_ is str:
        return str
    if type_ in (bytes, bytearray, range):
        return int
    if origin is tuple:
        return args[0] if len(args) == 2 and args[1] is Ellipsis else union(args)
    if inspect.isclass(origin) and args and hasattr(origin, "__iter__"):
        return args[0]
    if origin in (AsyncIterator, AsyncIterable, AsyncGenerator) and args:
        return args[0]
    if len(_union(type_)) > 1:
        return union([item_of(member) for member in _union(type_) if member is not NoneType])
    if inspect.isclass(type_) and hasattr(type_, "__iter__") and origin is None:
        try:
            returned = typing.get_type_hints(cast("Any", type_).__iter__).get("return", UNKNOWN)
        except (NameError, TypeError, AttributeError):
            return UNKNOWN
        return _known(get_args(returned)[0]) if get_args(returned) else UNKNOWN
    return UNKNOWN


def union(types: typing.Iterable[Any]) -> Any:
    """The union of some types: UNKNOWN if one is, or if there is none."""
    members: list[Any] = []
    for type_ in types:
        if type_ is UNKNOWN:
            return UNKNOWN
        members.extend(member for member in _union(type_) if member not in members)
    if not members:
        return UNKNOWN
    if Any in members or object in members:
        return Any
    return typing.Union[tuple(members)]  # noqa: UP007 - made from a list


def is_open(type_: Any) -> bool:
    """Whether a type says nothing: not declared, `Any`, or a type variable in it."""
    return type_ is UNKNOWN or type_ in (Any, object) or has_type_vars(type_)


def has_type_vars(type_: Any) -> bool:
    """Whether there is a type variable in a type."""
    return isinstance(type_, TypeVar) or any(has_type_vars(argument) for argument in get_args(type_))


def bind(pattern: Any, actual: Any) -> dict[Any, Any]:
    """What the type variables of a reducer's input stand for, given what arrives."""
    if isinstance(pattern, TypeVar):
        return {pattern: actual}
    if get_args(pattern) and inspect.isclass(get_origin(pattern)):
        if len(get_args(pattern)) == 1:
            return bind(get_args(pattern)[0], item_of(actual))
        if len(get_args(pattern)) == len(get_args(_bare(actual))):
            bound: dict[Any, Any] = {}
            for inner, found in zip(get_args(pattern), get_args(_bare(actual)), strict=True):
                bound.update(bind(inner, found))
            return bound
    return {}


def substitute(type_: Any, bound: Mapping[Any, Any]) -> Any:
    """A type with its type variables replaced; UNKNOWN where one is left."""
    if type_ is UNKNOWN:
        return UNKNOWN
    if isinstance(type_, TypeVar):
        return bound.get(type_, UNKNOWN)
    if not has_type_vars(type_):
        return type_
    arguments = tuple(substitute(argument, bound) for argument in get_args(type_))
    return UNKNOWN if UNKNOWN in arguments else get_origin(type_)[arguments]


def _resolve(what: str, function: Callable[..., Any], namespace: Namespace) -> dict[str, Any]:
    """The annotations of a function, as types.

    Raises:
        GraphDefinitionError: One of them names something that cannot be found.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__  # an object that can be called
    closed_over: Mapping[str, Any] = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    try:
        return typing.get_type_hints(function, localns={**namespace, **closed_over}, include_extras=True)
    except NameError as error:
        raise GraphDefinitionError(
            f"The annotations of {what} name {error.name!r}, which cannot be found from where it is defined. Define it "
            "at the top level of the module, or leave out 'from __future__ import annotations' there."
        ) from error
    except TypeError:
        return {}  # a builtin, such as operator.add, has none


def _streamed(call: Callable[..., Any]) -> Callable[..., Any] | None:
    """The author's async generator, where `GraphBuilder.stream` has wrapped one."""
    if not inspect.isfunction(call) or not call.__qualname__.endswith("GraphBuilder.stream.<locals>.wrapper"):
        return None
    return inspect.getclosurevars(call).nonlocals.get("call")


def _context(function: Callable[..., Any], hints: Mapping[str, Any]) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return hints.get(names[0], UNKNOWN) if names else UNKNOWN


def _argument(context: Any, context_type: type, index: int) -> Any:
    arguments = get_args(_bare(context))
    if context is UNKNOWN or get_origin(_bare(context)) is not context_type or len(arguments) <= index:
        return UNKNOWN
    return _known(arguments[index])


def _known(type_: Any) -> Any:
    """A type as the codec takes it: `None` as NoneType, a type variable as unknown."""
    if type_ is None:
        return NoneType
    return UNKNOWN if isinstance(type_, TypeVar) else type_


def _bare(type_: Any) -> Any:
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def _union(type_: Any) -> tuple[Any, ...]:
    bare = _bare(type_)
    return get_args(bare) if get_origin(bare) in (typing.Union, UnionType) else (type_,)
