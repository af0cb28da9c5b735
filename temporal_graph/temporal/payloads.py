"""JSON text <-> Temporal payloads, past every data converter but not past its codec, and within Temporal's limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from ..codec.text import compact

LIMIT = 2 * 1024 * 1024
"""Bytes that Temporal takes in one payload, as its servers are set up (limit.blobSize.error)."""
PLAIN = LIMIT - 16 * 1024
"""Bytes of JSON in one payload, without its metadata."""
CODED = PLAIN * 3 // 4
"""Bytes of JSON in one payload that a codec turns into something else: base64 adds a third."""

NOTHING = RawValue(Payload(metadata={"encoding": b"binary/null"}))
"""No argument."""


class StartArgument(dict[str, Any], RawValue):
    """What a run is started with: a dict of JSON, which Temporal's Python SDK sends as it stands.

    Of a plain dict the SDK sorts the keys, also those of what is in it, so that a state would begin in another order.
    """

    @property
    def payload(self) -> Payload:  # pyright: ignore[reportIncompatibleVariableOverride] - made anew from what is in it
        """What is sent."""
        return to_raw(compact(self), "", None).payload

    def __reduce__(self) -> tuple[Any, ...]:
        return StartArgument, (dict(self),)


class PayloadTooLargeError(ValueError):
    """Something is larger than Temporal takes."""


def limit_of(converter: DataConverter) -> int | None:
    """Bytes of JSON that go into one payload; None for any number, where external storage keeps the large ones."""
    if converter.external_storage is not None:
        return None
    return PLAIN if converter.payload_codec is None else CODED


def start_text(message: Mapping[str, str | None]) -> str:
    """The argument of a run, as JSON text: JSON texts by field."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in message.items() if value is not None) + "}"


def start_argument(message: Mapping[str, str | None]) -> StartArgument:
    """The argument of a run, for whoever starts it: JSON texts by field."""
    return StartArgument(json.loads(start_text(message)))


def to_raw(text: str, what: str, limit: int | None) -> RawValue:
    """JSON text as a payload.

    Args:
        text: The text.
        what: What it is, for the error.
        limit: Bytes of JSON that can be sent; see `limit_of`.

    Raises:
        PayloadTooLargeError: It is larger than Temporal takes.
    """
    # Half of a surrogate pair, which UTF-8 cannot carry, becomes the escape that JSON has for it.
    data = text.encode(errors="backslashreplace")
    if limit is not None and len(data) > limit:
        codec = ", and the payload codec may make them a third larger" if limit == CODED else ""
        raise PayloadTooLargeError(
            f"{what} is {len(data):,} bytes of JSON; Temporal takes {LIMIT:,} in one payload{codec}. Keep large things "
            "in a store of your own and pass their address, or give the client a data converter with external storage."
        )
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=data))


def from_raw(value: RawValue) -> str:
    """The JSON text of a payload.

    Raises:
        ValueError: The payload is not JSON.
    """
    encoding = value.payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding == "binary/null":
        return "null"
    if encoding not in ("json/plain", "json/protobuf"):
        raise ValueError(f"The payload is {encoding!r}; it must be 'json/plain'.")
    return value.payload.data.decode()
