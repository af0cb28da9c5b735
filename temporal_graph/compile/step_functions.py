"""The functions that nodes in the workflow call with `step()`: each with the types of what it takes and returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_type_hints

from ..codec import Codec, EncodeError, UnsupportedTypeError, ValueCodec
from ..codec.dynamic import UNDECLARED
from ..codec.text import compact, members
from ..engine.events import clipped, listed, message_of
from ..errors import GraphDefinitionError


class LostError(EncodeError):
    """A function has done its work, and what it returned cannot be kept."""


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class StepFunction:
    """A function that a node in the workflow calls.

    Attributes:
        name: Its name, which together with the graph's is that of its activity.
        function: The function.
        parameters: The types of what it takes, by name.
        returns: The type of what it returns.
    """

    name: str
    function: Callable[..., Any]
    parameters: Mapping[str, ValueCodec]
    returns: ValueCodec

    def dump_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """What it is called with, as JSON text.

        Raises:
            TypeError: It does not take this.
        """
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        parts: list[str] = []
        for name, value in bound.arguments.items():
            codec = self.parameters[name]
            try:
                data = codec.dump(value).decode()
            except EncodeError as error:
                raise TypeError(f"step({self.name}, ...): {name} is {value!r}: {error}") from error
            if lost := codec.lost(value, data):
                raise TypeError(f"step({self.name}, ...): {name} is {value!r}: {listed(lost)}")
            parts.append(f"{compact(name)}:{data}")
        return "{" + ",".join(parts) + "}"

    async def call(self, text: str) -> str:
        """Call it.

        Args:
            text: What `dump_call` wrote.

        Returns:
            What it returned, as JSON text.

        Raises:
            Exception: Whatever it raises.
            LostError: It has done its work, and what it returned cannot be written.
        """
        found = {name: self.parameters[name].load_kept(data) for name, data in members(text).items()}
        value = self.function(**found)
        if inspect.isawaitable(value):
            value = await value
        return dump_returned(self.returns, value, self.name)


def dump_returned(codec: ValueCodec, value: Any, name: str) -> str:
    """What a function returned, as JSON text.

    Raises:
        LostError: It cannot be written.
    """
    try:
        return codec.write(value)
    except Exception as error:  # of a class's own code, too
        said = message_of(error)
        text = clipped(said.removesuffix(UNDECLARED), 1_000)
        if said.endswith(UNDECLARED):
            kind = cast("type[Any]", type(value))
            type_ = kind.__name__ if codec.type is Any and kind.__module__ != "builtins" else "..."
            text += f" Declare what {name}() returns: def {name if name.isidentifier() else 'f'}(...) -> {type_}"
        raise LostError(text) from error


def step_functions(functions: Any, codec: Codec, graph: str, taken: Iterable[str]) -> dict[str, StepFunction]:
    """Look at the functions that a graph was given.

    Args:
        functions: The functions.
        codec: The graph's types.
        graph: Its name.
        taken: Its nodes, whose names the functions cannot have.

    Raises:
        GraphDefinitionError: Something is no function, has no annotations, or has a name that is taken.
    """
    if callable(functions) or not isinstance(functions, Iterable):
        raise GraphDefinitionError(f"steps is {functions!r}; it must be a list of functions: steps=[charge, refund].")
    found: dict[str, StepFunction] = {}
    for function in cast("Iterable[Any]", functions):
        if not inspect.isfunction(function) or function.__name__ == "<lambda>":
            raise GraphDefinitionError(f"steps has {function!r}; it takes functions that are defined with def.")
        name = function.__name__
        if name in taken or name in found:
            raise GraphDefinitionError(
                f"steps has a function named {name!r}, and graph {graph!r} has another one, or a node, of that name. "
                "Their activities would have one name; rename the function."
            )
        found[name] = _of(name, function, codec)
    return found


def _of(name: str, function: Any, codec: Codec) -> StepFunction:
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise GraphDefinitionError(
            f"Function {name!r} in steps names {error.name!r} in its annotations, which cannot be found from where it "
            "is defined."
        ) from error
    parameters: dict[str, ValueCodec] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in _NAMED:
            written = str(parameter.replace(annotation=inspect.Parameter.empty))
            raise GraphDefinitionError(
                f"Function {name!r} in steps takes {written!r}, which has no name in a call; what is sent to an "
                "activity has names."
            )
        if parameter.name not in hints:
            raise GraphDefinitionError(
                f"Nothing says what type {parameter.name!r} of function {name!r} in steps is: "
                f"def {name}({parameter.name}: ...) -> ..."
            )
        parameters[parameter.name] = _codec(codec, hints[parameter.name], f"{parameter.name!r} of function {name!r}")
    if "return" not in hints:
        raise GraphDefinitionError(f"Nothing says what function {name!r} in steps returns: def {name}(...) -> ...")
    return StepFunction(name, function, parameters, _codec(codec, hints["return"], f"what function {name!r} returns"))


def _codec(codec: Codec, type_: Any, what: str) -> ValueCodec:
    try:
        return codec.of(type_)
    except UnsupportedTypeError as error:
        raise GraphDefinitionError(f"In steps, {what} cannot cross between processes: {error}") from error
