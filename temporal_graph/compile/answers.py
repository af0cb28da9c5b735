"""What a person must say to an interrupt node: the fields marked `Required`, as a model of their own."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typing_extensions
from pydantic_core import PydanticUndefined

from ..codec import Codec, DecodeError
from ..engine.state import Json
from ..errors import GraphDefinitionError
from ..interrupts import InterruptNode, Required
from .hints import Namespace, of_fields, union


def required_fields(node_type: type[Any], namespace: Namespace) -> dict[str, Any]:
    """The fields that an answer must bring, with their types, which leave out the None of a node that still waits."""
    try:
        hints = of_fields(node_type, namespace)
    except NameError as error:
        raise GraphDefinitionError(
            f"The fields of node {node_type.__name__!r} name {error.name!r}, which cannot be found from where the "
            "class is defined. Define it at the top level of the module."
        ) from error
    found: dict[str, Any] = {}
    for name, hint in hints.items():
        _check_mark(node_type, name, hint)
        if get_origin(hint) is not Annotated:
            continue
        inner, *notes = get_args(hint)
        inner = getattr(inner, "__value__", inner)  # of a type alias
        if not any(_is_mark(note) for note in notes):
            continue
        _check_waiting(node_type, name, inner)
        kept = [note for note in notes if not _is_mark(note)]
        members = [member for member in (get_args(inner) or (inner,)) if member is not NoneType]
        bare = union(members) if NoneType in get_args(inner) else inner
        found[name] = Annotated[(bare, *kept)] if kept else bare
    return found


def _check_mark(node_type: type[Any], name: str, hint: Any) -> None:
    """What looks like a field that an answer brings, and would be none without a word."""
    is_typings = any(map(_is_typings, (hint, *(get_args(hint)[1:] if get_origin(hint) is Annotated else ()))))
    inside = hint if get_origin(hint) is not Annotated else get_args(hint)[0]
    if is_typings:
        what = "typing's Required, which is for the keys of a TypedDict; import temporal_graph's"
    elif _is_mark(hint):
        what = "Required for its type; it is a mark beside the type"
    elif _is_mark(_defaults(node_type).get(name)):
        what = "Required for its default; it is a mark beside the type"
    elif any(_is_mark(note) or _is_typings(note) for note in _notes_inside(inside)):
        what = "Required inside its type; it belongs around it"
    else:
        return
    raise GraphDefinitionError(
        f"Field {name!r} of {node_type.__name__} has {what}: from temporal_graph import Required, and {name}: "
        "Annotated[T | None, Required] = None."
    )


_TYPINGS: tuple[Any, ...] = (typing.Required, typing_extensions.Required)


def _is_mark(note: Any) -> bool:
    return note is Required or isinstance(note, Required)


def _is_typings(note: Any) -> bool:
    return any(note is each or get_origin(note) is each for each in _TYPINGS)


def _notes_inside(type_: Any) -> Iterator[Any]:
    """What stands within a type: its members and items, and what is noted beside these."""
    type_ = getattr(type_, "__value__", type_)  # of a type alias
    if get_origin(type_) is Literal:
        return
    for member in get_args(type_):
        yield member
        yield from _notes_inside(member)


def _check_waiting(node_type: type[Any], name: str, type_: Any) -> None:
    """A field that an answer brings is None while the run waits: that is how the run knows that it does."""
    if not issubclass(node_type, InterruptNode):
        raise GraphDefinitionError(
            f"Field {name!r} of {node_type.__name__} is Required, which only an InterruptNode can have: "
            f"class {node_type.__name__}(InterruptNode[...])."
        )
    default = _defaults(node_type).get(name)
    members = get_args(type_)
    cannot_be_none = (bool(members) and NoneType not in members) or (
        isinstance(type_, type) and type_ not in (object, Any)
    )
    if cannot_be_none or default is not None:
        shown = getattr(type_, "__name__", str(type_)) if cannot_be_none else "T"
        raise GraphDefinitionError(
            f"Field {name!r} of {node_type.__name__} is Required, so it must be None while the run waits for it: "
            f"{name}: Annotated[{shown} | None, Required] = None."
        )


def _defaults(node_type: Any) -> dict[str, Any]:
    """The defaults of a node's fields, where they have one."""
    own: Mapping[str, Any] = getattr(node_type, "model_fields", None) or getattr(node_type, "__dataclass_fields__", {})
    return {name: field.default for name, field in own.items() if field.default not in (MISSING, PydanticUndefined)}


class AnswerForm:
    """The answer to an interrupt node: checked, and put into the node."""

    def __init__(self, node_type: type[Any], codec: Codec, namespace: Namespace) -> None:
        from pydantic import ConfigDict, create_model  # here, because importing pydantic's insides takes a while

        self.fields = required_fields(node_type, namespace)
        make: Any = create_model  # its overloads do not know of fields that are made here
        model = make(
            f"{node_type.__name__}Answer",
            __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True),
            **{name: (type_, ...) for name, type_ in self.fields.items()},
        )
        self._codec = codec.of(model)
        self.schema = self._codec.json_schema()

    def load(self, answer: Json) -> Mapping[str, Json]:
        """The answer's fields as the node's own JSON has them.

        Raises:
            DecodeError: It does not fit.
        """
        data: Json = {} if answer is None and not self.fields else answer
        return json.loads(self._codec.dump(self._codec.load_python(data)))

    def errors(self, answer: Json) -> list[dict[str, Any]]:
        """What is wrong with an answer, by field; nothing where it fits."""
        try:
            self.load(answer)
        except DecodeError as error:
            return error.errors
        return []
