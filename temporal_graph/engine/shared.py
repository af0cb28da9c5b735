"""The state that all nodes of a run share: what it is now, and how changes made to an older one come into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from .events import Failure, RunFailedError, failure_of, is_the_runtimes, message_of
from .state import AUTO, Conflict, Json, Key, Op, Plan, Writes, apply, diff, over_edit


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
    """

    def __init__(self, plan: Plan = AUTO) -> None:
        self.tells_numbers: Callable[[], bool] = lambda: True
        self.value: Json = None
        self.version = 0
        self._plan = plan
        self._writes = Writes(lambda: self.tells_numbers())
        self._bases = 0
        self._edited: dict[str, int] = {}

    def load(self, value: Json, version: int) -> None:
        """Begin with a state that there was before."""
        self.value = value
        self.version = version

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
        self._note(node_id, delta)
        self._replace(merged)

    def _merged(self, value: Json, delta: list[Op], base: Base) -> Json:
        try:
            return apply(value, delta, self._plan, base=base.value, since=base.since, writes=self._writes)
        except BaseException as error:
            if isinstance(error, Conflict) or is_the_runtimes(error) or not self._is_edited(delta, base):
                raise
        # A person has edited the state meanwhile, and what the node changed in one of the fields is not there any more.
        fields: dict[Key | None, list[Op]] = {}
        for op in delta:
            fields.setdefault(op[1][0] if op[1] else None, []).append(op)
        if len(fields) == 1 or not isinstance(value, dict):
            return self._over(value, delta, base)
        for ops in fields.values():
            value = self._merged(value, ops, base)
        return cast("Json", value)

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
        message = (
            f"Parallel branches changed the number {place}: {other} and {node_id!r} both made it "
            f"{_short(conflict.mine)}, it was {_short(conflict.base)}, and nothing says whether both changes count. "
            "Say it on the field: Annotated[int, Merge.sum] adds them up, Merge.last takes one for both; or for all "
            "numbers of the graph: TemporalGraph(..., numbers=Merge.sum)."
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
