"""`GraphResult` as what a workflow or a client of the user's own gets: `result_type=GraphResult[Output, State]`."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, get_args

from temporalio.common import RawValue
from temporalio.converter import TransferTypeConverter, transfer_type_convertible

from ..codec import Codec, ValueCodec
from ..codec.text import members
from ..views import GraphResult
from .payloads import from_raw

__all__ = ["GraphResult"]


class _Results(TransferTypeConverter[GraphResult[Any, Any], Any]):
    """Reads the result of a run past the data converter, as `GraphRun.result` does."""

    transfer_type = RawValue

    def to_transfer_type(self, value: GraphResult[Any, Any]) -> dict[str, Any]:
        """What the data converter makes of it, for its types are not known here."""
        return {"output": value.output, "state": value.state}

    def from_transfer_type(self, value: RawValue, type_hint: Any) -> GraphResult[Any, Any]:
        """See base class.

        Raises:
            ValueError: It is not the result of a run, or not of these types.
        """
        fields = members(from_raw(value))
        output, state = _codecs(type_hint)
        return GraphResult(_load(output, fields["output"]), _load(state, fields["state"]))


@lru_cache
def _codecs(type_hint: Any) -> tuple[ValueCodec | None, ValueCodec | None]:
    output, state = (*get_args(type_hint), Any, Any)[:2]
    codec = Codec()
    return None if output is Any else codec.of(output), None if state is Any else codec.of(state)


def _load(codec: ValueCodec | None, text: str) -> Any:
    return json.loads(text) if codec is None else codec.load_kept(text)


transfer_type_convertible(_Results)(GraphResult)
