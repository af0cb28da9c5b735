"""The state that all nodes of a run share: what it is now, and how changes made to an older one come into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import cast

from .events import Failure, RunFailedError, failure_of, is_the_runtimes, message_of
from .raised import is_a
from .sizes import json_size
from .state import AUTO, Conflict, Json, Key, Op, Plan, Writes, apply, diff, over_edit

TOO_LARGE = "PayloadTooLargeError"
"""Type of the error of a node that makes the state larger than it may be."""


@dataclass(slots=True, eq=False)
class Base:
    """The state that somebody works on.

    Attributes:
        value: What it was when they began.
        since: How much had been written by then.
    """

    value: Json
    since: int


class SharedState:
    """The state of a run.

    Attributes:
        value: The state as of now, a JSON tree that is never changed in place.
        version: How often it has changed.
        tells_numbers: See `Writes`.
        most: Bytes of JSON that it may have, so that it can be sent; None for any number.
        refuses_large: Whether a node that makes it larger fails. It is only asked when one does.
    """

    def __init__(self, plan: Plan = AUTO) -> None:
        self.tells_numbers: Callable[[], bool] = lambda: True
        self.most: int | None = None
        self.refuses_large: Callable[[], bool] = lambda: True
        self._at_most: float = inf
        self.value: Json = None
        self.version = 0
        self._plan = plan
        self._writes = Writes(lambda: self.tells_numbers())
        self._bases = 0
        self._edited: dict[str, int] = {}
        self._told: tuple[Json, Json, list[Op]] | None = None

    def load(self, value: Json, version: int) -> None:
        """Begin with a state that there was before."""
        self.value = value
        self.version = version
        self._at_most = inf

    def take(self) -> Base:
        """Give the state to somebody who will change it; `give_back` when they are done."""
        self._bases += 1
        return Base(self.value, self._writes.number)

    def give_back(self) -> None:
        """Note that somebody does not work on an older state any more."""
        self._bases -= 1
        if not self._bases:
            self._writes.forget()
            self._edited.clear()

    def merge(self, node_id: str, delta: list[Op], base: Base) -> None:
        """Bring in what a node changed.

        Raises:
            RunFailedError: A parallel branch changed the same place differently, or a merge function raised.
        """
        if not delta:
            return
        try:
            merged = self._merged(self.value, delta, base)
        except Conflict as conflict:
            raise RunFailedError(_describe(node_id, conflict)) from conflict
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            # A merge function of the user's, or a delta that is none.
            message = f"Merging the state: {message_of(error)}"
            raise RunFailedError(replace(failure_of(node_id, error), message=message)) from error
        self._check_size(node_id, merged, delta)
        self._note(node_id, delta)
        self._told = (self.value, merged, delta) if self._writes.are_as_told else None
        self._replace(merged)

    def changes(self, before: Json) -> list[Op]:
        """What has changed since the state was another one.

        What a node has told of that need not be found once more, which takes long for a large state.
        """
        if self._told is not None and self._told[0] is before and self._told[1] is self.value:
            return self._told[2]
        return diff(before, self.value, self._plan)

    def _merged(self, value: Json, delta: list[Op], base: Base) -> Json:
        try:
            return apply(value, delta, self._plan, base=base.value, since=base.since, writes=self._writes)
        except BaseException as error:
            if is_a(error, Conflict) or is_the_runtimes(error) or not self._is_edited(delta, base):
                raise
        # A person has edited the state meanwhile, and what the node changed in one of the fields is not there any more.
        fields: dict[Key | None, list[Op]] = {}
        for op in delta:
            fields.setdefault(op[1][0] if op[1] else None, []).append(op)
        if len(fields) == 1 or not isinstance(value, dict):
            merged = self._over(value, delta, base)
        else:
            merged = cast("Json", value)
            for ops in fields.values():
                merged = self._merged(merged, ops, base)
        self._writes.are_as_told = False
        return merged

    def too_large(self, value: Json) -> str | None:
        """Why a state cannot be sent; None where it can."""
        size = 0 if self.most is None else json_size(value)
        if self.most is None or size <= self.most:
            return None
        return (
            f"The state would be {size:,} bytes of JSON. It is sent in one piece, and {self.most:,} are the most that "
            "can be. Keep large things in a store of your own and their address in the state, or give the client a "
            "data converter with external storage."
        )

    def _check_size(self, node_id: str, merged: Json, delta: list[Op]) -> None:
        """Let a node fail that makes the state too large, rather than the next one, which would not get it.

        A large state is not measured anew for each of many small changes: what it has at most is counted.
        """
        if self.most is None:
            return
        self._at_most += json_size(cast("Json", delta))
        if self._at_most <= self.most:
            return
        self._at_most = json_size(merged)
        message = None if self._at_most <= self.most else self.too_large(merged)
        if message is not None and self.too_large(self.value) is None and self.refuses_large():
            raise RunFailedError(Failure(node_id, TOO_LARGE, message))

    def _is_edited(self, delta: list[Op], base: Base) -> bool:
        """Whether a person has edited something of what a node changed, since it began."""
        edited = [name for name, number in self._edited.items() if number > base.since]
        touched = [str(op[1][0]) if op[1] else "" for op in delta]
        return bool(edited) and ("" in edited or any(name in edited for name in touched))

    def _over(self, value: Json, delta: list[Op], base: Base) -> Json:
        """The state with the node's own value of the field that it changed."""
        own = apply(base.value, delta, self._plan, writes=Writes())
        merged = over_edit(base.value, value, own, self._plan)
        if not isinstance(merged, dict) or not isinstance(value, dict) or not delta[0][1]:
            return cast("Json", merged)
        name = delta[0][1][0]
        return {**cast("dict[str, Json]", value), name: cast("dict[str, Json]", merged)[name]}

    def commit(self, writer: str, value: Json) -> None:
        """Take over a state that a function in the driver may have changed; nobody changes it meanwhile."""
        if value is not self.value:
            if self._bases:
                self._note(writer, diff(self.value, value, self._plan))
            self._at_most = inf
            self._replace(value)

    def edit(self, value: Json) -> None:
        """Take over a state that a person has changed.

        A node that runs meanwhile keeps what it changes. It does not conflict with the person: its changes are made to
        the edited state, by the rules of the fields that have one; where that cannot be, its own values of the fields
        stand.
        """
        ops = diff(self.value, value, self._plan)
        if not ops:
            return
        if self._bases:
            self._writes.note("", ())
            for op in ops:
                self._edited[str(op[1][0]) if op[1] else ""] = self._writes.number
        self._at_most = inf
        self._replace(value)

    def _note(self, writer: str, delta: list[Op]) -> None:
        if self._bases:
            self._writes.note(writer, delta)

    def _replace(self, value: Json) -> None:
        if value is not self.value:
            self.value = value
            self.version += 1


def _describe(node_id: str, conflict: Conflict) -> Failure:
    path = conflict.path
    other = repr(conflict.writer) if conflict.writer else "another branch"
    place = "state" + "".join(f"[{key!r}]" if isinstance(key, int) else f".{key}" for key in path)
    if conflict.is_number:
        what = "the number"
        cure = (
            "Say it on the field: Annotated[int, Merge.sum] adds them up, Merge.last takes one for both; or for all "
            "numbers of the graph: TemporalGraph(..., numbers=Merge.sum)."
        )
        if conflict.is_whole:
            what = "numbers in"
            cure = (
                "TemporalGraph(..., numbers=Merge.sum) adds up the numbers of what keeps its type, length and order; "
                "Annotated[..., Merge.last] on the field takes one for both, Merge(function) makes one of both."
            )
        message = (
            f"Parallel branches changed {what} {place}: {other} and {node_id!r} both made it "
            f"{_short(conflict.mine)}, it was {_short(conflict.base)}, and nothing says whether both changes count. "
            f"{cure}"
        )
        return Failure(node_id, "StateConflictError", message, path)
    message = (
        f"Parallel branches changed {place} differently: {other} made it {_short(conflict.current)}, "
        f"{node_id!r} made it {_short(conflict.mine)}; it was {_short(conflict.base)}. Say how they merge, with "
        "Annotated[..., Merge.sum], Merge.last, Merge.max or Merge(function) on the field, or let each branch "
        "write to a place of its own."
    )
    return Failure(node_id, "StateConflictError", message, path)


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
