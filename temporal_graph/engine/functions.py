"""What the engine asks of user code and of types; the shell gives it an implementation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .events import Encoded
from .spec import Path
from .state import Json

Value = Any
"""A value on its way: `Encoded`, or whatever the implementation makes of it. The engine only hands it on."""


class Functions(Protocol):
    """The user's functions that run in the driver, and the types of what crosses it.

    What a person has sent may have been taken by another release (`is_taken`): then it is as it was sent, if it does
    not fit this one.

    Each is synchronous and deterministic. A function that gets the state returns it too: the same object where the
    user's code did not change it. Whatever one of them raises fails the run with a clear error.
    """

    def walk(self, path: Path, value: Value, state: Json) -> tuple[Value, Json]:
        """Run the transforms of a path."""
        ...

    def choose(self, decision_id: str, value: Value) -> int:
        """The index of the path that a decision takes."""
        ...

    def items(self, fork_id: str, value: Value) -> Sequence[Value]:
        """The items of a value that is mapped, in order."""
        ...

    def rest(self, node_id: str, value: Value) -> Encoded:
        """Make a value ready to wait at a step, or to leave at the end."""
        ...

    def initial(self, join_id: str) -> Any:
        """A fresh first value of a join, shared with nobody."""
        ...

    def reduce(self, join_id: str, current: Any, value: Value, state: Json) -> tuple[Any, bool, Json]:
        """Take a value into a join: the new current value, whether siblings are cancelled, the state."""
        ...

    def joined(self, join_id: str, current: Any) -> Value:
        """What leaves a join."""
        ...

    def dump_join(self, join_id: str, current: Any) -> Json:
        """The current value of a join, for a snapshot."""
        ...

    def load_join(self, join_id: str, data: Json) -> Any:
        """The current value of a join, from a snapshot."""
        ...

    def ask(self, node_id: str, value: Encoded) -> tuple[Json, dict[str, Any] | None]:
        """What an interrupt node shows to people, and the JSON schema of an answer that fits."""
        ...

    def check(self, node_id: str, schema: dict[str, Any] | None, answer: Json) -> list[dict[str, Any]]:
        """What is wrong with an answer, by field; for an interrupt node (`schema` None) or for a call's schema."""
        ...

    def validate(self, node_id: str, filled: Encoded, state: Json) -> list[dict[str, Any]]:
        """What an interrupt node itself finds wrong with an answer that has been set in it."""
        ...

    def policy(self, node_id: str, kind: str, value: Encoded, state: Json) -> dict[str, Json] | None:
        """How a question is asked at a node that does not say so itself: `Policy.dump`; None for nothing special."""
        ...

    def most_ahead(self, node_id: str) -> int | None:
        """How many answers to an interrupt node's own question count; None where some people's do not."""
        ...

    def after(self, calendar: Json, since: str, seconds: float) -> str:
        """When so many seconds have passed since a moment: in a calendar's working time, or (None) at all times."""
        ...

    def failure_schema(self, node_id: str) -> dict[str, Any]:
        """JSON schema of what a person may say to the failure of a node."""
        ...

    def take_output(
        self, node_id: str, data: Json, *, is_taken: bool = False
    ) -> tuple[Encoded | None, list[dict[str, Any]]]:
        """What a person gives as the output of a step that is skipped; or what is wrong with it."""
        ...

    def arrive(
        self, node_id: str, data: Json, *, is_taken: bool = False
    ) -> tuple[Encoded | None, list[dict[str, Any]]]:
        """What a person gives to a node (or to the end) that the run is sent to; or what is wrong with it."""
        ...

    def is_answered(self, node_id: str, value: Encoded) -> bool:
        """Whether a value for an interrupt node holds what people have to say to it."""
        ...

    def edit(self, state: Json, update: Json, *, is_taken: bool = False) -> tuple[Json, list[dict[str, Any]]]:
        """The state with some fields changed by a person; or what is wrong with the change."""
        ...

    def unreadable(self, node_id: str | None, value: Encoded | None, state: Json) -> str | None:
        """What of a state, and of a value for a node, cannot be read, and why; None where all can."""
        ...

    def fill(self, node_id: str, value: Encoded, answer: Json, *, is_taken: bool = False) -> Encoded:
        """An interrupt node with the answer's fields set."""
        ...
