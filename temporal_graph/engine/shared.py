"""The state that all nodes of a run share: what it is now, and how changes made to an older one come into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from .events import Failure, RunFailedError, is_the_runtimes, message_of
from .state import AUTO, Conflict, Json, Op, Plan, Writes, apply, diff


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
    """

    def __init__(self, plan: Plan = AUTO) -> None:
        self.value: Json = None
        self.version = 0
        self._plan = plan
        self._writes = Writes()
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
            merged = apply(self.value, delta, self._plan, base=base.value, since=base.since, writes=self._writes)
        except Conflict as conflict:
            raise RunFailedError(_describe(node_id, conflict)) from conflict
        except BaseException as error:
            if is_the_runtimes(error):
                raise
            if not self._is_edited(delta, base):
                # A merge function of the user's, or a delta that is none.
                raise _cannot_merge(node_id, error) from error
            # A person has edited the state meanwhile, and what the node changed is not there any more.
            try:
                merged = self._over(delta, base)
            except Exception as another:
                raise _cannot_merge(node_id, another) from another
        self._note(node_id, delta)
        self._replace(merged)

    def _is_edited(self, delta: list[Op], base: Base) -> bool:
        """Whether a person has edited something of what a node changed, since it began."""
        edited = [name for name, number in self._edited.items() if number > base.since]
        touched = [str(op[1][0]) if op[1] else "" for op in delta]
        return bool(edited) and ("" in edited or any(name in edited for name in touched))

    def _over(self, delta: list[Op], base: Base) -> Json:
        """The state as of now, with the node's own values of the fields that it changed."""
        own = apply(base.value, delta, self._plan, writes=Writes())
        touched = {op[1][0] for op in delta if op[1]}
        if not isinstance(own, dict) or not isinstance(self.value, dict) or len(touched) == 0:
            return cast("Json", own)
        members, now = cast("dict[str, Json]", own), cast("dict[str, Json]", self.value)
        kept = {name: item for name, item in now.items() if name not in touched}
        return {**kept, **{name: item for name, item in members.items() if name in touched}}

    def commit(self, writer: str, value: Json) -> None:
        """Take over a state that a function in the driver may have changed; nobody changes it meanwhile."""
        if value is not self.value:
            if self._bases:
                self._note(writer, diff(self.value, value, self._plan))
            self._replace(value)

    def edit(self, value: Json) -> None:
        """Take over a state that a person has changed.

        A node that runs meanwhile keeps what it changes. It does not conflict with the person: its changes are made to
        the edited state; where that cannot be, its own values of the fields stand.
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


def _cannot_merge(node_id: str, error: BaseException) -> RunFailedError:
    return RunFailedError(Failure(node_id, type(error).__name__, f"Merging the state: {message_of(error)}"))


def _describe(node_id: str, conflict: Conflict) -> Failure:
    path = conflict.path
    other = repr(conflict.writer) if conflict.writer else "another branch"
    place = "state" + "".join(f"[{key!r}]" if isinstance(key, int) else f".{key}" for key in path)
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
