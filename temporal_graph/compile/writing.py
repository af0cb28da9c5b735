"""What a function does to objects that outlive its call, as far as its code shows."""

from __future__ import annotations

import array
import asyncio
import contextvars
import dis
import functools
import inspect
import io
import queue
import random
import sys
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass, replace
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, cast

_UNKNOWN = object()
_CHANGES: dict[tuple[type, ...], list[str]] = {
    (MutableSequence, deque, array.array): [
        *("append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "remove", "clear", "sort"),
        *("reverse", "rotate", "__setitem__", "__delitem__", "__iadd__"),
    ],
    (MutableMapping,): [
        *("update", "setdefault", "pop", "popitem", "clear", "move_to_end", "subtract"),
        *("__setitem__", "__delitem__", "__ior__"),
    ],
    (MutableSet,): [
        *("add", "update", "discard", "remove", "pop", "clear"),
        *("difference_update", "intersection_update", "symmetric_difference_update"),
    ],
    (contextvars.ContextVar,): ["set", "reset"],
    (queue.Queue, queue.SimpleQueue, asyncio.Queue): ["put", "put_nowait", "get", "get_nowait"],
    (random.Random,): [name for name in dir(random.Random) if not name.startswith("_") and name != "getstate"],
}
"""The methods that change an object."""
_IN_PLACE = {
    "+=": "__iadd__",
    "-=": "__isub__",
    "*=": "__imul__",
    "/=": "__itruediv__",
    "//=": "__ifloordiv__",
    "%=": "__imod__",
    "**=": "__ipow__",
    "@=": "__imatmul__",
    "<<=": "__ilshift__",
    ">>=": "__irshift__",
    "&=": "__iand__",
    "|=": "__ior__",
    "^=": "__ixor__",
}
"""What an object has that changes by an assignment such as `+=`, and is no other one then."""
_FREELY = frozenset({"append", "appendleft", "extend", "insert", "pop", "popitem", "setdefault", "discard", "clear"})
"""Those that no object has which does not change by them."""
_SETTERS = frozenset(
    {
        *("setattr", "delattr", "heappush", "heappop", "heapreplace", "heappushpop", "heapify"),
        *("insort", "insort_left", "insort_right", "shuffle"),
        *("setitem", "delitem", "iadd", "iconcat", "ior", "iand", "isub", "ixor"),
    }
)
"""Functions that change the first thing that they get."""
_SET_IN = frozenset({"builtins", "heapq", "bisect", "random", "operator"})
"""The modules of these."""
_INSIDE = frozenset({"values", "items", "get"})
"""Methods of a dict that give what is in it."""
_PROPERTIES: Any = (property, functools.cached_property)
_CACHED: Any = type(functools.lru_cache(lambda: None))
"""What `functools.cache` makes of a function."""
_CALLS = "PRECALL" if "PRECALL" in dis.opmap else "CALL"
_NULL_FIRST = sys.version_info < (3, 13)


@dataclass(frozen=True, slots=True)
class Outer:
    """An object that outlives a call, or a part of it.

    Attributes:
        name: How the code comes by it.
        value: The object itself, where that is known.
        what: What it is to the function.
        gives_parts: Whether it is a method that gives what is in the object.
    """

    name: str
    value: Any = _UNKNOWN
    what: str = "an object around it"
    gives_parts: bool = False

    def __post_init__(self) -> None:
        if _is_asleep(self.value):
            object.__setattr__(self, "value", _UNKNOWN)


@dataclass(frozen=True, slots=True)
class Call:
    """A function that another one calls, or may call.

    Attributes:
        function: The function.
        given: Which of its parameters are objects that outlive the call.
        is_held: Whether it is in the closure of the other one.
    """

    function: Any
    given: Mapping[str, Outer]
    is_held: bool = False


def _is_asleep(value: Any) -> bool:
    """Whether it is a proxy of what is not there yet, which does not even say what it is."""
    try:
        isinstance(value, type)
    except Exception:
        return True
    return False


def called(function: Any, name: str = "") -> Call | None:
    """The function in a partial, a method, or an object that can be called, and what it holds for each call."""
    outer: list[Outer] = []
    named: dict[str, Outer] = {}
    for _ in range(20):
        if isinstance(function, functools.partial):
            made = cast("functools.partial[Any]", function)
            held = "an object that it is given each time"
            outer = [*(Outer("", item, held) for item in made.args), *outer]
            named = {**{key: Outer(key, item, held) for key, item in made.keywords.items()}, **named}
            function = made.func
        elif inspect.ismethod(function):
            method = cast("Any", function)
            outer = [Outer("", method.__self__, "the object that it is of"), *outer]
            function = method.__func__
        elif isinstance(function, _CACHED):
            function = function.__wrapped__
        elif isinstance(function, (FunctionType, type)):
            break
        else:
            outer = [Outer("", function, "the object that it is of"), *outer]
            function = inspect.getattr_static(cast("type[Any]", type(function)), "__call__", None)
    if not isinstance(function, FunctionType):
        return None
    return Call(function, _bound(function, outer, named))


def _bound(function: FunctionType, outer: list[Outer], named: Mapping[str, Outer]) -> dict[str, Outer]:
    code = function.__code__
    places = zip(code.co_varnames[: code.co_argcount], outer, strict=False)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = {name: replace(item, name=item.name or name) for name, item in places}
    return given | {name: item for name, item in named.items() if name in names}


def defaults(function: FunctionType, given: int) -> dict[str, Outer]:
    """The parameters that a call with so many arguments leaves as they are: they are the same in each call."""
    code, found = function.__code__, dict[str, Any]()
    names = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    found.update(
        (name, value)
        for number, (name, value) in enumerate(zip(names[len(names) - len(values) :], values, strict=True))
        if len(names) - len(values) + number >= given
    )
    found.update(function.__kwdefaults__ or {})
    return {name: Outer(name, value, "a default that all its calls share") for name, value in found.items()}


class Reader:
    """Reads what a function, and those that are written in it, do.

    The stack is followed by name from one jump's target to the next; where it is not known, nothing is said.

    Args:
        call: The function.

    Attributes:
        found: What it writes to, in the order of the code.
        calls: What it calls, or may call.
    """

    def __init__(self, call: Call) -> None:
        self.found: list[str] = []
        self.calls: list[Call] = []
        self._globals: Mapping[str, Any] = call.function.__globals__
        self._used: dict[str, Outer] = {}
        code = call.function.__code__
        cells = zip(code.co_freevars, call.function.__closure__ or (), strict=False)
        self._cells = {name: Outer(name, _content(cell)) for name, cell in cells}
        self._read(code, frozenset(code.co_freevars), call.given)
        for each in [*self._cells.values(), *self._used.values(), *call.given.values()]:
            if _is_used_up(each.value):
                self.found.append(f"uses up {each.name!r}, an iterator")

    def _read(self, code: CodeType, free: frozenset[str], given: Mapping[str, Outer]) -> None:
        first = _Flow(self, code, free, given)
        first.follow()
        kept = {name: item for name, item in given.items() if name not in first.stored}
        last = _Flow(self, code, free, {**kept, **first.parts()})
        last.follow()
        self.found.extend(last.found)
        self.calls.extend(last.calls)
        for const in code.co_consts:
            if isinstance(const, CodeType):
                self._read(const, free.intersection(const.co_freevars), {})

    def outer(self, name: str) -> Outer:
        """A global, or what the language has by that name."""
        if name not in self._used:
            builtin: Any = self._globals.get("__builtins__", {})
            known: Mapping[str, Any] = getattr(builtin, "__dict__", builtin)
            self._used[name] = Outer(name, self._globals.get(name, known.get(name, _UNKNOWN)))
        return self._used[name]

    def cell(self, name: str) -> Outer:
        """A variable around the function."""
        return self._cells.get(name, Outer(name))


@functools.lru_cache(maxsize=256)
def _instructions(code: CodeType) -> list[dis.Instruction]:
    return list(dis.get_instructions(code))


class _Flow:
    """One way through a function's code, from its beginning to its end.

    Args:
        reader: Knows what is around the function.
        code: The code.
        free: The variables around it.
        own: Its own variables that are outer objects.

    Attributes:
        found: What it writes to.
        calls: What it calls, or may call.
        stored: What it has put into its own variables.
    """

    def __init__(self, reader: Reader, code: CodeType, free: frozenset[str], own: Mapping[str, Outer]) -> None:
        self._reader = reader
        self._code = code
        self._free = free
        self._own = own
        self._stack: list[Outer | None] = []
        # Those of a class that is made in the function.
        self._names = {"__annotations__", *(each.argval for each in _instructions(code) if each.opname == "STORE_NAME")}
        self.found: list[str] = []
        self.calls: list[Call] = []
        self.stored: dict[str, list[Outer | None]] = {}
        self._result: Outer | None = None

    def parts(self) -> dict[str, Outer]:
        """The variables that are only ever a part of an outer object."""
        own = self._code.co_varnames[: _arguments(self._code)]
        only = {name: items[0] for name, items in self.stored.items() if None not in items and name not in own}
        return {name: item for name, item in only.items() if item is not None}

    def follow(self) -> None:
        """Go through the code."""
        before: dis.Instruction | None = None
        chosen: dict[int, Outer | None] = {}
        for each in _instructions(self._code):
            if each.is_jump_target:
                # Where a loop begins, it is known what it goes through; and after `a if ... else b`, if both are outer.
                is_known = chosen.get(each.offset) is not None or (before is not None and before.opname == "GET_ITER")
                through = self._at(1) if is_known else None
                self._stack = [None] * len(self._stack)
                if through is not None:
                    self._stack[-1] = through
            if each.opname == "JUMP_FORWARD":
                chosen[each.argval] = self._at(1)
            self._look(each, before, "counts in" if _is_in_place(before) else "writes to")
            self._step(each, before)
            if each.opname not in ("SWAP", "CACHE"):
                before = each

    # -- What it does -------------------------------------------------------------------------------------------------

    def _look(self, each: dis.Instruction, before: dis.Instruction | None, verb: str) -> None:
        name = each.opname
        if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.found.append(f"writes to the global {each.argval!r}")
        elif name in ("STORE_DEREF", "DELETE_DEREF") and each.argval in self._free:
            self.found.append(f"writes to {each.argval!r}, a variable around it (nonlocal)")
        at = _WRITES.get(name)
        target = None if at is None else self._at(at)
        if target is not None:
            self.found.append(f"{verb} {target.name!r}, {target.what}")
        elif _is_in_place(each):
            base = self._at(2)
            if base is not None and any(_IN_PLACE.get(each.argrepr) in vars(cls) for cls in type(base.value).__mro__):
                self.found.append(f"changes {base.name!r}, {base.what}, by {each.argrepr}")
        elif name in ("LOAD_ATTR", "LOAD_METHOD"):
            base = self._at(1)
            if base is not None and _is_change(base.value, each.argval):
                self.found.append(f"changes {base.name!r}, {base.what}, by .{each.argval}()")
        elif name == "CALL_KW" and before is not None:
            self._look_at_call(each.arg or 0, cast("tuple[str, ...]", before.argval), above=1)
        elif name == _CALLS and before is not None and before.opname == "KW_NAMES":
            self._look_at_call(each.arg or 0, self._code.co_consts[before.arg or 0])
        elif name == _CALLS:
            self._look_at_call(each.arg or 0, ())

    def _look_at_call(self, count: int, names: tuple[str, ...], above: int = 0) -> None:
        """Look at a call.

        Args:
            count: How many arguments it has.
            names: The names of the last of them.
            above: What is in the stack above them.
        """
        items = [self._at(count - number + above) for number in range(count)]
        given, named = items[: count - len(names)], dict(zip(names, items[count - len(names) :], strict=True))
        for function in (self._at(count + above + 1), self._at(count + above + 2)):
            value: Any = _UNKNOWN if function is None else function.value
            first = given[0] if given else None
            if function is not None and function.gives_parts:
                self._result = replace(function, gives_parts=False)
            elif value is vars and count == 1 and first is not None:
                self._result = replace(first, value=_UNKNOWN)
            elif value is type and count == 1 and first is not None:
                self._result = replace(first, value=_UNKNOWN if first.value is _UNKNOWN else type(first.value))
            elif function is not None and _is_bound_change(value):
                self.found.append(f"changes {function.name!r}, {function.what}, by .{value.__name__}()")
            elif first is not None and (_is_setter(value) or _is_own_setter(value, first.value)):
                self.found.append(f"changes {first.name!r}, {first.what}, by {value.__name__}()")
            elif isinstance(value, FunctionType):
                known = [*zip(value.__code__.co_varnames, given, strict=False), *named.items()]
                outer = {name: item for name, item in known if item is not None}
                kept = {name: item for name, item in defaults(value, len(given)).items() if name not in named}
                self.calls.append(Call(value, {**kept, **outer}))
            elif value is not _UNKNOWN and not isinstance(value, type):
                found = called(value)
                if found is not None:
                    self.calls.append(found)

    def _at(self, depth: int) -> Outer | None:
        return self._stack[-depth] if 0 < depth <= len(self._stack) else None

    # -- The stack ----------------------------------------------------------------------------------------------------

    def _step(self, each: dis.Instruction, before: dis.Instruction | None) -> None:
        name, stack = each.opname, self._stack
        if name == "COPY":
            stack.append(self._at(each.arg or 0))
        elif name == "SWAP" and each.arg is not None:
            self._stack = stack = [*[None] * (each.arg - len(stack)), *stack]
            stack[-1], stack[-each.arg] = stack[-each.arg], stack[-1]
        elif name == "LOAD_NAME" and each.argval in self._names:
            stack.append(None)
        elif name in ("LOAD_GLOBAL", "LOAD_NAME"):
            found = self._reader.outer(each.argval)
            self._note(found)
            both = dis.stack_effect(each.opcode, each.arg) == 2
            stack.extend([None, found] if both and _NULL_FIRST else [found, None] if both else [found])
        elif name in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF") and each.argval in self._free:
            self._drop(each)
            found = self._reader.cell(each.argval)
            self._note(found, is_held=True)
            stack[-1] = found
        elif name.startswith("LOAD_FAST") or name == "LOAD_DEREF":
            stack.extend(self._own.get(variable) for variable in _names(each))
        elif name in ("LOAD_ATTR", "LOAD_METHOD"):
            self._load_attribute(each)
        elif name == "GET_ITER":
            base = self._at(1)
            self._drop(each)
            stack[-1] = None if base is None else replace(base, value=_UNKNOWN)
        elif name == "FOR_ITER":
            stack.append(self._at(1))
        elif name == "BINARY_SUBSCR" or (name == "BINARY_OP" and each.argrepr == "[]"):
            base = self._at(2)
            self._drop(each)
            # A slice of a list is another list.
            stack[-1] = None if base is None or _makes_slice(before) else replace(base, value=_UNKNOWN)
        elif name in ("CALL", "CALL_KW"):
            self._drop(each)
            stack[-1], self._result = self._result, None
        elif name == "UNPACK_SEQUENCE":
            base = self._at(1)
            self._drop(each)
            parts = each.arg or 0
            stack[-parts:] = [None if base is None else replace(base, value=_UNKNOWN)] * parts
        elif name in ("STORE_FAST", "STORE_DEREF", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST"):
            self._store(each, is_same=_is_in_place(before))
        else:
            self._drop(each)
            if stack and name not in _KEEPS:
                stack[-1] = None

    def _drop(self, each: dis.Instruction) -> None:
        effect = dis.stack_effect(each.opcode, each.arg, jump=False)
        if effect > 0:
            self._stack.extend([None] * effect)
        else:
            del self._stack[max(0, len(self._stack) + effect) :]
        if not self._stack:
            self._stack.append(None)

    def _load_attribute(self, each: dis.Instruction) -> None:
        base, name = self._at(1), each.argval
        is_method = dis.stack_effect(each.opcode, each.arg) == 1
        self._stack[-1:] = [None]
        if base is not None:
            value, is_bound = _attribute(base.value, name)
            if isinstance(value, FunctionType) and is_bound:
                self.calls.append(Call(value, _bound(value, [base], {})))
            else:
                is_dict = isinstance(base.value, Mapping) or (base.value is _UNKNOWN and name != "get")
                self._stack[-1] = replace(base, value=value, gives_parts=is_dict and name in _INSIDE)
                self._note(self._stack[-1])
                if _is_used_up(value):
                    self.found.append(f"uses up {base.name!r}, by its iterator .{name}")
        if is_method:
            self._stack.append(None)

    def _store(self, each: dis.Instruction, *, is_same: bool) -> None:
        names = _names(each)
        is_loading = each.opname == "STORE_FAST_LOAD_FAST"
        for name in names[:1] if is_loading else names:
            item = self._stack.pop() if self._stack else None
            if not is_same:  # x += y: what can change is the object that it was
                self.stored.setdefault(name, []).append(item)
        if is_loading:
            self._stack.append(self._own.get(names[1]))

    def _note(self, item: Outer | None, *, is_held: bool = False) -> None:
        """Note what may be called."""
        value: Any = None if item is None else item.value
        found = called(value) if isinstance(value, FunctionType | MethodType | functools.partial | _CACHED) else None
        if found is not None:
            self.calls.append(replace(found, is_held=is_held))


_WRITES = {
    "STORE_ATTR": 1,
    "DELETE_ATTR": 1,
    "STORE_SUBSCR": 2,
    "DELETE_SUBSCR": 2,
    "STORE_SLICE": 3,
}
"""How deep in the stack that lies which an instruction writes to."""
_KEEPS = frozenset(
    {
        *("POP_TOP", "NOP", "CACHE", "RESUME", "KW_NAMES", "EXTENDED_ARG", "PUSH_NULL", "MAKE_CELL", "COPY_FREE_VARS"),
        *("STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "STORE_SLICE", "DELETE_ATTR", "DELETE_SUBSCR", "DELETE_FAST"),
        *("POP_JUMP_FORWARD_IF_TRUE", "POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE", "PRECALL"),
    }
)
"""Instructions that leave what is on top of the stack afterwards as it was."""


def _is_in_place(instruction: dis.Instruction | None) -> bool:
    return instruction is not None and instruction.opname == "BINARY_OP" and instruction.argrepr.endswith("=")


def _makes_slice(instruction: dis.Instruction | None) -> bool:
    return instruction is not None and (instruction.opname == "BUILD_SLICE" or isinstance(instruction.argval, slice))


def _names(instruction: dis.Instruction) -> tuple[str, ...]:
    """The variables that an instruction is about: from Python 3.13 on there may be two."""
    found: Any = instruction.argval
    return cast("tuple[str, ...]", found) if isinstance(found, tuple) else (found,)


def _arguments(code: CodeType) -> int:
    flags = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + flags


def _attribute(value: Any, name: str) -> tuple[Any, bool]:
    """An attribute, if it can be had without running code; and whether it is a function that gets the object first."""
    if value is _UNKNOWN or isinstance(value, ModuleType):
        return (_UNKNOWN if value is _UNKNOWN else value.__dict__.get(name, _UNKNOWN)), False
    found: Any = inspect.getattr_static(value, name, _UNKNOWN)
    if _is_asleep(found):
        return _UNKNOWN, False
    if isinstance(found, staticmethod | classmethod):
        return cast("Any", found).__func__, isinstance(found, classmethod)
    if isinstance(found, _PROPERTIES) and not isinstance(value, type):
        found = found.fget if isinstance(found, property) else found.func
    if isinstance(found, FunctionType):
        return found, not isinstance(value, type)
    is_own = isinstance(value, type) and isinstance(found, MethodDescriptorType | WrapperDescriptorType)
    return (found if is_own or not hasattr(cast("Any", type(found)), "__get__") else _UNKNOWN), False


def _is_used_up(value: Any) -> bool:
    return isinstance(value, Iterator) and not isinstance(value, type | io.IOBase)


def _is_change(value: Any, name: str) -> bool:
    """Whether an object changes by a method."""
    if value is _UNKNOWN:
        return name in _FREELY
    return any(isinstance(value, types) and name in names for types, names in _CHANGES.items())


def _is_bound_change(function: Any) -> bool:
    """Whether it is a method of an object, `seen.append` or `random.choice`, by which that changes."""
    is_method = isinstance(function, BuiltinMethodType | MethodType)
    return is_method and _is_change(function.__self__, function.__name__)


def _is_setter(function: Any) -> bool:
    """Whether a function changes the first thing that it gets."""
    module: Any = getattr(function, "__module__", None)
    return getattr(function, "__name__", None) in _SETTERS and str(module).strip("_") in _SET_IN


def _is_own_setter(function: Any, first: Any) -> bool:
    """Whether it is a method of a class, `list.append`, by which the first thing that it gets changes."""
    if not isinstance(function, MethodDescriptorType | WrapperDescriptorType):
        return False
    return function.__name__ in ("__setattr__", "__delattr__") or _is_change(first, function.__name__)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return _UNKNOWN
