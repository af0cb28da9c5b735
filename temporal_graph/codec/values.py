"""Values of declared types as JSON, written and read by pydantic, and back as what they were."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import logging
import math
import re
import typing
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

from pydantic_core import PydanticSerializationError, SchemaValidator, ValidationError

from ..engine.events import listed
from ..engine.raised import clipped, is_the_runtimes, message_of, type_of
from . import dynamic
from .answers import answer_schema, answer_schema_as_before
from .bare import Writing, writing
from .differing import Difference, differences
from .errors import DecodeError, EncodeError, UnsupportedTypeError
from .exact import is_marked, quick
from .fields import FieldWriters
from .forms import json_schema
from .late import with_late_fields
from .locating import located
from .names import name_of, unique_name
from .schema import Rewriter, readable, reveal_secrets, subclasses_of, tags_of, tools
from .text import compact
from .trusting import Refusal, Trust, has_rules, may_change, may_convert, trust, trusting
from .written import is_written, lost

if TYPE_CHECKING:
    from pydantic import TypeAdapter

logger = logging.getLogger(__name__)
_DRAINED = (Iterable, Iterator, Generator, AsyncIterable, AsyncIterator, AsyncGenerator)
"""What can be read only once crosses as a list."""


def adapter_of(type_: Any) -> TypeAdapter[Any]:
    """What pydantic knows of a type; that is made now, also of a model with `defer_build`."""
    from pydantic import TypeAdapter  # here, because importing pydantic's insides takes a while

    adapter: TypeAdapter[Any] = TypeAdapter(type_)
    if not adapter.pydantic_complete:
        adapter.rebuild(force=True)
    return adapter


LOST = "lost"
"""The kind of error of what does not come back."""


class ValueCodec:
    """Writes and reads the values of one type.

    Validators of the type run when a value is written, and again when it is read, and so does `__post_init__`; private
    attributes of models do not cross.

    Attributes:
        type: The type.
        name: Its name, unique in its `Codec`, and the same in every process.
        schema: The schema by which values are written and read.
    """

    def __init__(self, type_: Any, name: str, codec: Codec) -> None:
        self.type = type_
        self.name = name
        self._codec = codec
        self._has_warned = False
        self._is_drained = get_origin(type_) in _DRAINED and bool(get_args(type_))
        actual = list[get_args(type_)[0]] if self._is_drained else type_
        try:
            self._adapter = adapter_of(actual)
            self._core_schema = with_late_fields(
                self._adapter.core_schema, lambda inside: adapter_of(inside).core_schema
            )
            rewriter = Rewriter(codec)
            self.schema: dict[str, Any] = rewriter.rewrite(reveal_secrets(self._core_schema))
            self._validator, self._serializer = tools(self.schema)
            self._quick_validator = tools(quick(self.schema))[0] if rewriter.has_quick else None
            self._has_writers, self._is_open = rewriter.has_writers, rewriter.is_open
            codec.has_writers |= self._has_writers
            codec.has_code |= self._has_writers or self._may_change
        except UnsupportedTypeError as error:
            raise UnsupportedTypeError(f"{name}: {error}") from error
        except Exception as error:
            # What pydantic says of arbitrary types is no cure here.
            reason = str(error).partition("\n")[0].partition(" Set `arbitrary_types_allowed=True`")[0]
            if "`typing_extensions.TypedDict`" in reason:
                names = ", ".join(dict.fromkeys(_typings_dicts(actual, []))) or "a TypedDict in it"
                raise UnsupportedTypeError(
                    f"{name}: {names} is made with typing.TypedDict, which does not say enough below Python 3.12. "
                    "Make it with that of typing_extensions: from typing_extensions import TypedDict."
                ) from error
            raise UnsupportedTypeError(
                f"{name}: {reason} Use types that pydantic knows: make classes dataclasses or BaseModels (@dataclass "
                "above the class), and define them at the top level of their module."
            ) from error

    def dump(self, value: Any) -> bytes:
        """As compact JSON.

        Raises:
            EncodeError: The value is not of the type.
        """
        if self._is_drained and not isinstance(value, list):
            value = list(value)
        if (inside := writing.get()) is not None:
            if self._has_writers:
                inside.met.add(id(cast("Any", value)))
            return self._dump(value, inside)
        how = Writing()
        data = self._dump(value, how)
        return self._least_lost(value, data, how.met) if how.met else data

    def _least_lost(self, value: Any, data: bytes, met: set[int]) -> bytes:
        """A value as JSON of which the least is lost: as serializers of the user's write it, or some of it without."""
        found = self._differences(value, data, met)
        if not found or self.wrong(data):  # its rules are heard
            return data
        inmost = {next(part for part in reversed(each.within) if part in met) for each in found}
        for bare in (inmost, {part for each in found for part in each.within}):
            with contextlib.suppress(EncodeError):
                other = self._dump(value, Writing(bare))
                left = self._differences(value, other, met)
                if left is not None and len(left) < len(found):
                    data, found = other, left
        return data

    def _differences(self, value: Any, data: bytes, met: set[int]) -> list[Difference] | None:
        """What is lost by serializers of the user's; None where it cannot be read."""
        try:
            read = self.load_kept(data)
        except DecodeError:
            return None
        return [each for each in differences(value, read, is_strict=True) if not met.isdisjoint(each.within)]

    def _dump(self, value: Any, how: Writing) -> bytes:
        is_inside = writing.get() is not None
        token = writing.set(how)
        try:
            return self._serializer.to_json(value, warnings="error", by_alias=False)
        except BaseException as error:  # of a class's own code, too
            if is_the_runtimes(error):
                raise
            reason = _reason(error)
            # The whole value tells where; one that holds itself has no such place.
            if not is_inside and not any(word in reason for word in _ENDLESS):
                is_own = type(value) in (self.type, get_origin(self.type))
                found = located(value, self if is_own else None, self._codec.codec_of)
                reason = reason if found is None else f"{found[0]}: {_reason(found[1])}"
            raise EncodeError(f"{shown(value)} is not what is declared, {self.name}: {reason}") from error
        finally:
            writing.reset(token)

    def lost(self, value: Any, data: bytes | str) -> list[dict[str, Any]]:
        """What of a value does not come back from what was written of it, as errors: code of its own takes it away."""
        if not self.may_lose:
            return []
        try:
            read = self.load_kept(data)
        except DecodeError:
            return []
        how = Writing()
        with contextlib.suppress(EncodeError):
            written, sent = self._dump(read, how), data if isinstance(data, bytes) else data.encode()
            if not how.met and (written == sent or not lost(json.loads(sent), json.loads(written))):
                return []  # all that there is stands there
            self._dump(value, how)
        all_ = list(differences(value, read))
        found = next((each for each in all_ if not how.met.isdisjoint(each.within)), None)
        if found is None:
            self._warn(all_)
            return []
        text = (
            f"{shown(found.was)} comes back as {shown(found.read)}: its serializer and its validators do not fit. What "
            "the one writes the others must read as the same value"
        )
        return [{"loc": [_step(step) for step in found.place], "msg": text, "type": LOST}]

    def _warn(self, changes: list[Difference]) -> None:
        """Tell the log once of validators that make another value of what they get."""
        if changes and not self._has_warned:
            self._has_warned = True
            place = ".".join(map(str, changes[0].place)) or "it"
            logger.warning(
                "A validator of %s makes another value of %s each time that it is read: what a node leaves there, "
                "others do not get. What the validator has made of a value it must leave as it is.",
                *(self.name, place),
            )

    def check(self, value: Any) -> Exception | None:
        """See `locating.Codec`."""
        try:
            self._serializer.to_json(value, warnings="error", by_alias=False)
        except Exception as error:  # of a class's own code, too
            return error
        return None

    def check_field(self, name: str, value: Any) -> Exception | None:
        """See `locating.Codec`."""
        return self._fields.check(name, value)

    def dump_field(self, name: str, value: Any) -> Any:
        """The value of one field as JSON: as it stands in what `dump` writes.

        Raises:
            LookupError: There is no such field, or the value is not of its type.
        """
        return self._fields.write(name, value)

    @property
    def field_names(self) -> list[str] | None:
        """The names of its fields, and of those of its subclasses; None where there may be any."""
        return self._fields.names

    @functools.cached_property
    def _fields(self) -> FieldWriters:
        return FieldWriters(self.schema, self._codec)

    def write(self, value: Any) -> str:
        """As compact JSON that comes back: what its validators, too, have nothing against.

        Raises:
            EncodeError: The value is not of the type, or something of it does not come back.
        """
        data = self.dump(value).decode()
        wrong = self.wrong(data) or self.lost(value, data)
        if wrong:
            raise EncodeError(f"{shown(value)} is not what is declared, {self.name}: {listed(wrong)}")
        return data

    def wrong(self, data: bytes | str, known: Callable[[], Iterable[Refusal]] = tuple) -> list[dict[str, Any]]:
        """What is wrong with JSON, by field.

        Args:
            data: It.
            known: What its rules have against it already; looked at only where something is wrong.
        """
        try:
            self.load(data)
        except DecodeError as error:
            refusals = frozenset(known())
            if not refusals:
                return error.errors
            try:
                self._load_trusting(data, Trust(refusals))
            except DecodeError as new:
                return new.errors
        return []

    def load(self, data: bytes | str) -> Any:
        """From JSON that somebody gives.

        Raises:
            DecodeError: It does not fit the type.
        """
        trusted = trust.get()
        validator = self._validator if trusted is None else self._trusting
        try:
            quick = self._quick_validator if trusted is None else None
            if quick is not None and not is_marked(data):
                validator = quick
            value = validator.validate_json(data, by_alias=True, by_name=True)
            if trusted is not None and trusted.is_kept and self._may_convert:
                self._check_written(value, data)
            return self._as_written(value, data) if is_written.get() and self._may_change else value
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            errors = readable([{"loc": list(e["loc"]), "msg": e["msg"], "type": e["type"]} for e in found])
            raise DecodeError(f"this is no {self.name}: {listed(errors)}", errors) from error
        except RecursionError as error:
            text = "it is nested too deeply (RecursionError)"
            wrong: list[dict[str, Any]] = [{"loc": [], "msg": text, "type": "recursion"}]
            raise DecodeError(f"this is no {self.name}: {text}", wrong) from error
        except BaseException as error:  # of a validator of the user's
            if is_the_runtimes(error):
                raise
            text = error_text(error)
            wrong = [{"loc": [], "msg": text, "type": "error"}]
            raise DecodeError(f"this is no {self.name}: {text}", wrong) from error

    def load_kept(self, data: bytes | str) -> Any:
        """From JSON that was valid when it was written: a rule that refuses it by now is not heard.

        Such rules look at the clock, or at something else outside; what a value is made of must still fit.

        Raises:
            DecodeError: It does not fit the type.
        """
        token = is_written.set(True)
        try:
            return self.load(data)
        except DecodeError as error:
            try:
                return self._load_trusting(data, Trust(is_kept=True))
            except DecodeError:
                raise error from None
        finally:
            is_written.reset(token)

    def _as_written(self, value: Any, data: bytes | str) -> Any:
        """A value that was read of JSON; where its own code has made another one of it, what had been written."""
        if trust.get() is not None:
            return value  # it is already
        missing = self._lost(value, data)
        if not missing:
            return value
        token = trust.set(Trust())
        try:
            kept = self._trusting.validate_json(data, by_alias=True, by_name=True)
            return kept if self._lost(kept, data) < missing else value
        except Exception:  # older than the type: its code may be what reads it
            return value
        finally:
            trust.reset(token)

    def _lost(self, value: Any, data: bytes | str) -> float:
        try:
            written = self._dump(value, Writing())
            return (
                0
                if written == (data if isinstance(data, bytes) else data.encode())
                else lost(json.loads(data), json.loads(written))
            )
        except (EncodeError, RecursionError):
            return math.inf

    @property
    def may_hide(self) -> bool:
        """Whether a serializer of its own may write different values as the same."""
        return self._has_writers or (self._is_open and self._codec.has_writers)

    @property
    def may_lose(self) -> bool:
        """Whether there may be code of its own in a value, by which something of it does not come back."""
        return self._has_writers or self._may_change or (self._is_open and self._codec.has_code)

    def refusals(self, data: bytes | str) -> frozenset[Refusal]:
        """What its rules have by now against JSON that was valid when it was written."""
        trusted = Trust()
        if self.wrong(data):
            with contextlib.suppress(DecodeError):
                self._load_trusting(data, trusted)
        return frozenset(trusted.found)

    def _load_trusting(self, data: bytes | str, trusted: Trust) -> Any:
        token = trust.set(trusted)
        try:
            return self.load(data)
        finally:
            trust.reset(token)

    def load_changed(self, data: str, before: str) -> Any:
        """From JSON in which somebody has changed something: what was wrong before is not theirs.

        Raises:
            DecodeError: What they have changed does not fit the type.
        """
        try:
            return self.load(data)
        except DecodeError:
            known = self.refusals(before)
            if not known:
                raise
        return self._load_trusting(data, Trust(known))

    def _check_written(self, value: Any, data: bytes | str) -> None:
        """Look whether what was read without hearing its validators is what had been written.

        Raises:
            ValueError: It is not: they make what is read.
        """
        if self._lost(value, data):
            raise ValueError("its validators make what is read of it, and refuse to")

    @functools.cached_property
    def _may_convert(self) -> bool:
        return may_convert(self._core_schema)

    @functools.cached_property
    def _may_change(self) -> bool:
        return may_change(self._core_schema)

    @functools.cached_property
    def has_rules(self) -> bool:
        """Whether what is read may be another value later, or none: by validators, clocks, defaults that are made."""
        return has_rules(self._core_schema)

    def steady(self, value: Any) -> str | None:
        """A value as JSON that comes back as the same one; None where its own code makes another one of it."""
        try:
            data = self.dump(value).decode()
            return data if self.dump(self.load_kept(data)).decode() == data and not self.lost(value, data) else None
        except (EncodeError, DecodeError):
            return None

    @functools.cached_property
    def _trusting(self) -> SchemaValidator:
        schema = trusting(reveal_secrets(self._core_schema))
        return tools(Rewriter(self._codec).rewrite(schema))[0]

    def load_python(self, value: Any) -> Any:
        """From a JSON tree.

        Raises:
            DecodeError: It does not fit the type.
        """
        return self.load(compact(value))

    @property
    def core_schema(self) -> Any:
        """How pydantic itself reads the type."""
        return self._adapter.core_schema

    def answer_schema(self) -> dict[str, Any]:
        """What people may answer, as a JSON schema; see `answers.answer_schema`."""
        return self._answer_schema

    @functools.cached_property
    def _answer_schema(self) -> dict[str, Any]:
        return answer_schema(self._adapter, tags_of(self.schema))

    @functools.cached_property
    def _earlier_schema(self) -> dict[str, Any]:
        return answer_schema_as_before(self._adapter)

    def answer_schema_as_before(self) -> dict[str, Any]:
        """By which a question is known to be one that an earlier release has asked; see `answers`."""
        return self._earlier_schema

    def json_schema(self) -> dict[str, Any]:
        """What others may send, as a JSON schema."""
        return json_schema(self._adapter)


class Codec:
    """The types that one graph declares.

    Attributes:
        has_writers: Whether one of them has a serializer of its own.
        has_code: Whether one has that, or a validator of its own.
    """

    def __init__(self) -> None:
        self._codecs: dict[str, ValueCodec] = {}
        self._by_type: list[tuple[Any, ValueCodec]] = []
        self._classes: dict[str, type] = {}
        self._names: dict[type, str] = {}
        self._subclasses: dict[str, type] = {}
        self._is_complete = False
        self.has_code = self.has_writers = False

    def of(self, type_: Any) -> ValueCodec:
        """The codec of a type, which is declared by this.

        Raises:
            UnsupportedTypeError: It cannot cross between processes.
        """
        for known, codec in self._by_type:
            if known is type_ or (type(known) is type(type_) and known == type_):
                return codec
        codec = ValueCodec(type_, unique_name(type_, self._codecs), self)
        self._codecs[codec.name] = codec
        self._by_type.append((type_, codec))
        return codec

    def codec_of(self, cls: type) -> ValueCodec:
        """The codec of a class that was met in a value, which is not declared by this."""
        return next((codec for known, codec in self._by_type if known is cls), None) or ValueCodec(
            cls, cls.__name__, self
        )

    def named(self, name: str) -> ValueCodec:
        """The codec of a type that was declared before.

        Raises:
            KeyError: It was not.
        """
        return self._codecs[name]

    def declare(self, *classes: type) -> None:
        """Note classes that a value may be of where nothing is declared (`Any`)."""
        for cls in () if self._is_complete else classes:
            if cls not in self._names:
                name = unique_name(cls, self._classes)
                self._names[cls] = name
                self._classes[name] = cls

    def complete(self) -> None:
        """Take no more such classes, but for their subclasses: those that nodes meet, other processes have not met."""
        self._is_complete = True
        found = {each: None for cls in self._names for each in subclasses_of(cls) if each not in self._names}
        names = Counter(map(name_of, found))
        for cls in found:
            name = name_of(cls)
            is_clear = names[name] == 1 and name not in self._classes
            self._subclasses.setdefault(name if is_clear else name_of(cls, qualified=True), cls)

    # -- For `Any` and subclasses -----------------------------------------------------------------------------------

    def schema_of(self, type_: Any) -> dict[str, Any]:
        """See `plan.Schemas`."""
        return self.of(type_).schema

    def class_of(self, name: str) -> type | None:
        """See `plan.Schemas`."""
        return self._classes.get(name) or self._subclasses.get(name)

    def dump_any(self, value: Any) -> Any:
        """A value of which nothing is declared, as JSON."""
        return dynamic.dump(value, self)

    def load_any(self, data: Any) -> Any:
        """A value of which nothing is declared."""
        return dynamic.load(data, self)

    def dump_as(self, type_: type, value: Any) -> Any:
        """A value of a class, as JSON."""
        return json.loads(self.of(type_).dump(value))

    def load_as(self, type_: type, data: Any) -> Any:
        """A value of a class."""
        return self.of(type_).load_python(data)

    def dump_class(self, value: Any) -> tuple[str, Any] | None:
        """See `dynamic.Types`."""
        cls = cast("type[Any]", type(value))
        name = self._names.get(cls) or next((name for name, each in self._subclasses.items() if each is cls), None)
        return None if name is None else (name, self.dump_as(cls, value))

    def load_class(self, name: str, data: Any) -> Any:
        """See `dynamic.Types`."""
        cls = self.class_of(name)
        if cls is None:
            raise KeyError(name)
        return self.load_as(cls, data)

    dump_builtin = dump_as
    load_builtin = load_as

    @property
    def class_names(self) -> list[str]:
        """See `dynamic.Types`."""
        return list(self._classes)


def _reason(error: BaseException) -> str:
    is_pydantics = isinstance(error, PydanticSerializationError | ValueError | RecursionError | TypeError)
    return _plain(message_of(error)) if is_pydantics else error_text(error)


def _plain(reason: str) -> str:
    """What pydantic says of a value that it cannot write, without its words for how it came there."""
    expected = dict.fromkeys(_INSIDE.sub("", name) for name in _EXPECTED.findall(reason))
    if expected:
        given = _GIVEN.search(reason)
        return "expected " + " or ".join(expected) + (f" (it is {given[1]})" if given else "")
    unexpected = _UNEXPECTED.search(reason)
    return _CALLS.sub("", reason) if unexpected is None else unexpected[1]


_EXPECTED = re.compile(r"Expected `([^`]+)` - serialized value may not be as expected")
_INSIDE = re.compile(r"\[[^`]*(_function|definition-ref)[^`]*\]")
"""What is in a type whose name says nothing to its author."""
_UNEXPECTED = re.compile(r"PydanticSerializationUnexpectedValue\(Unexpected (.*)\)")
_GIVEN = re.compile(r"input_value=(.*?), input_type=", re.DOTALL)
_CALLS = re.compile(
    r"(PydanticSerializationError: )?(Error serializing to JSON: |Error calling function `\w+`: (\w+: )?)"
)


_ENDLESS = ("recursion", "Recursion", "Circular")


def _step(step: Any) -> Any:
    return step if isinstance(step, int | str) else shown(step)


def error_text(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type_of(error)}: {clipped(message_of(error), 1_000)}"


def shown(value: Any) -> str:
    """A value for a message, whatever it does when it is asked."""
    try:
        return clipped(repr(value), 200)
    except BaseException as error:
        if is_the_runtimes(error):
            raise
        return f"<{type(value).__name__}>"


def _typings_dicts(type_: Any, seen: list[Any]) -> Iterator[str]:
    """The names of the classes in a type that are made with `typing.TypedDict`."""
    if any(type_ is known for known in seen):
        return
    seen.append(type_)
    if typing.is_typeddict(type_):
        yield type_.__name__
    inside = list(get_args(type_))
    if isinstance(type_, type):
        try:
            inside.extend(typing.get_type_hints(type_, include_extras=True).values())
        except Exception:
            inside.extend(inspect.get_annotations(type_).values())  # which may be texts
    for member in inside:
        yield from _typings_dicts(member, seen)
