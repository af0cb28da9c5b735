"""JSON text <-> Temporal payloads, past every data converter but not past its codec, and within Temporal's limits."""

from __future__ import annotations

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

LIMIT = 2 * 1024 * 1024
"""Bytes that Temporal takes in one payload, as its servers are set up (limit.blobSize.error)."""
MARGIN = 16 * 1024
"""What metadata, and an encrypting codec, may add to a payload."""

NOTHING = RawValue(Payload(metadata={"encoding": b"binary/null"}))
"""No argument."""


class PayloadTooLargeError(ValueError):
    """Something is larger than Temporal takes."""


def to_raw(text: str, what: str, *, is_limited: bool = True) -> RawValue:
    """JSON text as a payload.

    Args:
        text: The text.
        what: What it is, for the error.
        is_limited: Whether there is a limit: with external storage, large payloads are kept elsewhere.

    Raises:
        PayloadTooLargeError: It is larger than Temporal takes.
    """
    # Half of a surrogate pair, which UTF-8 cannot carry, becomes the escape that JSON has for it.
    data = text.encode(errors="backslashreplace")
    if is_limited and len(data) > LIMIT - MARGIN:
        raise PayloadTooLargeError(
            f"{what} is {len(data):,} bytes of JSON; Temporal takes {LIMIT:,} in one payload. Keep large things in a "
            "store of your own and pass their address, or give the client a data converter with external storage."
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
