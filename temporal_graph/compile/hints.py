"""What the author's annotations say: inputs, outputs and state of steps, nodes, transforms and reducers."""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
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

_STREAMS = (AsyncIterator, AsyncIterable, AsyncGenerator)


@dataclass(frozen=True)
class Namespace:
    """The local names around the call that wraps a graph, which annotations may name that are written there.

    Attributes:
        names: Those names; none where the call stands at the top of a module.
        module: What its module has at its top.
        scope: Qualified name of the function that it stands in.
    """

    names: Mapping[str, Any] = field(default_factory=dict[str, Any])
    module: Mapping[str, Any] = field(default_factory=dict[str, Any])
    scope: str = ""

    def around(self, own: Mapping[str, Any], qualname: str) -> dict[str, Any]:
        """What annotations may name, beside what the module has in which they are written.

        Args:
            own: What that module has. Its names mean what they mean there, whoever wraps the graph.
            qualname: Qualified name of the function or class that the annotations belong to.
        """
        if own is self.module and qualname.startswith(f"{self.scope}.<locals>."):
            return dict(self.names)  # it is defined there too, where local names go before the module's
        return {name: value for name, value in self.names.items() if name not in own and not hasattr(builtins, name)}


@dataclass(frozen=True)
class Signature:
    """What a function declares; UNKNOWN where it declares nothing."""

    inputs: Any = UNKNOWN
    output: Any = UNKNOWN
    state: Any = UNKNOWN


def of_step(node_id: str, call: Callable[..., Any], namespace: Namespace) -> Signature:
    """What a step's function declares: `StepContext[State, Deps, Inputs]` and its return type."""
    function = streamed(call) or call
    hints = _resolve(f"step {node_id!r}", function, namespace)
    context = _context(function, hints)
    output = _drained(_known(hints.get("return", UNKNOWN)))
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
    hints = _resolve(f"node {node_type.__name__!r}", node_type.run, namespace, node_type)
    state = _argument(_context(node_type.run, hints), GraphRunContext, 0)
    ends = [hint for hint in _union(hints.get("return", UNKNOWN)) if (get_origin(hint) or hint) is End]
    declared = [_known(get_args(end)[0]) if get_args(end) else Any for end in ends]
    return Signature(inputs=node_type, output=union(declared), state=state)


def of_fields(cls: type[Any], namespace: Namespace) -> dict[str, Any]:
    """The annotations of a class and its bases, as types; each class's own mean what they mean in its module.

    Raises:
        NameError: One of them names something that cannot be found.
    """
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        annotations = inspect.get_annotations(base)
        if not annotations:
            continue
        module = getattr(sys.modules.get(base.__module__), "__dict__", {})
        names = {**namespace.around(module, base.__qualname__), **_type_params(base)}
        # A class of its own for each: with other names around them, bases in other modules would be misread.
        alone = type(base.__name__, (), {"__annotations__": annotations, "__module__": base.__module__})
        found.update(typing.get_type_hints(alone, localns=names, include_extras=True))
    return found


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
    if origin in _STREAMS and args:
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
    if UNKNOWN in arguments:
        return UNKNOWN
    origin: Any = get_origin(type_)
    return (typing.Union if origin is UnionType else origin)[arguments]


def _resolve(
    what: str, function: Callable[..., Any], namespace: Namespace, owner: type[Any] | None = None
) -> dict[str, Any]:
    """The annotations of a function, as types.

    Args:
        what: What the function is, for the error.
        function: A function, a partial of one, or an object that can be called.
        namespace: The names around the call that wraps the graph.
        owner: The class that the function is a method of.

    Raises:
        GraphDefinitionError: One of them names something that cannot be found.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        owner = type(function)
        function = owner.__call__  # an object that can be called
    written: Any = inspect.unwrap(function)  # where get_type_hints looks, too
    closed_over: Mapping[str, Any] = inspect.getclosurevars(written).nonlocals if inspect.isfunction(written) else {}
    around = namespace.around(getattr(written, "__globals__", {}), getattr(written, "__qualname__", ""))
    try:
        names = {**around, **_type_params(owner), **closed_over}
        return typing.get_type_hints(function, localns=names, include_extras=True)
    except NameError as error:
        raise GraphDefinitionError(
            f"The annotations of {what} name {error.name!r}, which cannot be found from where it is defined. Define it "
            "at the top level of the module, or leave out 'from __future__ import annotations' there."
        ) from error
    except TypeError:
        return {}  # a builtin, such as operator.add, has none


def _type_params(cls: type[Any] | None) -> dict[str, Any]:
    """The type variables of `class C[T]`, by name."""
    return {parameter.__name__: parameter for parameter in getattr(cls, "__type_params__", ())}


def _drained(type_: Any) -> Any:
    """A stream is drained where it runs; what leaves the step is a list."""
    members = [
        list[get_args(member)[0]] if get_origin(member) in _STREAMS and get_args(member) else member
        for member in _union(type_)
    ]
    return type_ if tuple(members) == _union(type_) else typing.Union[tuple(members)]  # noqa: UP007 - made from a list


def streamed(call: Callable[..., Any]) -> Callable[..., Any] | None:
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
