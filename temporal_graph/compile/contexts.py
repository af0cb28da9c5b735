"""The contexts that user code gets in the driver: the state on demand, and no deps."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from pydantic_graph import StepContext
from pydantic_graph.join import JoinState, ReducerContext

from ..codec import ValueCodec
from ..codec.text import compact
from ..engine.state import Json, Plan, diff
from ..errors import DepsError
from .editing import IsRight, check_state
from .reading import reading


def refuse_deps(where: str) -> NoReturn:
    """Say where deps live."""
    raise DepsError(
        f"{where} touched ctx.deps. Deps live on the workers that run nodes; transforms, decisions, reducers and nodes "
        "with execution='workflow' run in the driver, which must do the same on every replay and has none. Use the "
        "deps in a step, and put what you need of them into its output or into the state."
    )


class NoDeps:
    """Stands for the deps of a node that runs in the driver; any use of it says where deps live."""

    def __init__(self, where: str) -> None:
        object.__setattr__(self, "_where", where)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse_deps(object.__getattribute__(self, "_where"))

    __getattr__ = __setattr__ = __getitem__ = __setitem__ = __call__ = __iter__ = __len__ = __bool__ = _refuse
    __aenter__ = __aexit__ = __enter__ = __exit__ = __await__ = __contains__ = _refuse


class StateCell:
    """The state for user code in the driver: read when it is asked for, written back when it was changed."""

    def __init__(self, data: Json, codec: ValueCodec | None, plan: Plan, is_right: IsRight | None = None) -> None:
        self._is_right = is_right
        self._data = data
        self._codec = codec
        self._plan = plan
        self._value: Any = None
        self._is_read = False

    @property
    def value(self) -> Any:
        """The typed state."""
        if not self._is_read:
            with reading("the state"):
                self._value = None if self._codec is None else self._codec.load_kept(compact(self._data))
            self._is_read = True
        return self._value

    def result(self) -> Json:
        """The state as JSON: the same object if it is as it was."""
        if not self._is_read or self._codec is None:
            return self._data
        text = self._codec.dump(self._value).decode()
        data = json.loads(text)
        if not (self._codec.may_hide or diff(self._data, data, self._plan)):
            return self._data
        check_state(self._codec, self._value, text, compact(self._data), is_right=self._is_right)
        return data if diff(self._data, data, self._plan) else self._data


class DriverStepContext(StepContext[Any, Any, Any]):
    """What a transform gets."""

    def __init__(self, where: str, cell: StateCell, inputs: Any) -> None:
        self._where = where
        self._cell = cell
        self._inputs = inputs

    @property
    def state(self) -> Any:
        """The state of the run."""
        return self._cell.value

    @property
    def deps(self) -> Any:
        """There are none in the driver."""
        refuse_deps(self._where)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(inputs={self._inputs!r})"


class DriverReducerContext(ReducerContext[Any, Any]):
    """What a reducer gets."""

    def __init__(self, where: str, cell: StateCell, current: Any) -> None:
        self._where = where
        self._cell = cell
        self._join_state = JoinState(current, ())

    @property
    def state(self) -> Any:
        """The state of the run."""
        return self._cell.value

    @property
    def deps(self) -> Any:
        """There are none in the driver."""
        refuse_deps(self._where)

    @property
    def cancels(self) -> bool:
        """Whether the reducer has called `cancel_sibling_tasks`."""
        return self._join_state.cancelled_sibling_tasks

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
