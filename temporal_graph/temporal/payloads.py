"""JSON text <-> Temporal payloads, past every data converter but not past its codec, and within Temporal's limits."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter, PayloadCodec, SerializationContext, WithSerializationContext

from ..codec.text import compact
from ..engine.events import clipped
from ..engine.sizes import USUAL, Coding

logger = logging.getLogger(__name__)

LIMIT = 2 * 1024 * 1024
"""Bytes that Temporal takes in one payload, as its servers are set up (limit.blobSize.error)."""
PLAIN = LIMIT - 16 * 1024
"""Bytes of JSON in one payload, without its metadata."""
CODED = PLAIN * 3 // 4
"""Bytes of JSON in one payload that a codec turns into something else: base64 adds a third."""

KNOWN = ("json/plain", "json/protobuf", "binary/null", "binary/plain", "binary/protobuf")
"""The encodings of Temporal's own converter; any other one is a codec's."""

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


class UnreadableError(Exception):
    """A payload is what this process cannot read: it lacks the payload codec of who wrote it, or has other keys.

    No `ValueError`, which is the fault of who wrote it: this one is the reader's own.
    """


class TolerantCodec(PayloadCodec, WithSerializationContext):
    """A user's codec, which leaves a payload as it is that it cannot read.

    The SDK decodes all that a workflow task brings at once. If one of a run's signals, which anybody can send, were to
    raise there, the task could never be done.

    Args:
        codec: The codec.
    """

    def __init__(self, codec: PayloadCodec) -> None:
        self.codec = codec

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See base class."""
        return await self.codec.encode(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See base class."""
        try:
            return await self.codec.decode(payloads)
        except Exception as error:
            if len(payloads) > 1:
                return [read for payload in payloads for read in await self.decode([payload])]
            logger.warning("The payload codec could not read a payload: %s: %s", type(error).__name__, error)
            return list(payloads)

    def with_context(self, context: SerializationContext) -> TolerantCodec:
        """See base class."""
        if not isinstance(self.codec, WithSerializationContext):
            return self
        codec: Any = self.codec
        return TolerantCodec(codec.with_context(context))


def tolerant(converter: DataConverter) -> DataConverter:
    """A data converter whose codec is a tolerant one."""
    codec = converter.payload_codec
    if codec is None or isinstance(codec, TolerantCodec):
        return converter
    return dataclasses.replace(converter, payload_codec=TolerantCodec(codec))


def limit_of(converter: DataConverter, coding: Coding = USUAL) -> int | None:
    """Bytes of JSON that go into one payload; None for any number, where external storage keeps the large ones.

    Args:
        converter: What makes payloads.
        coding: What its codec was seen to make of them.
    """
    if converter.external_storage is not None:
        return None
    return PLAIN if converter.payload_codec is None else min(CODED, int(PLAIN / coding.factor))


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
        raise PayloadTooLargeError(f"{what} is {too_large(len(data), limit)}")
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=data))


def too_large(size: int, limit: int) -> str:
    """What is said of JSON of so many bytes, which are more than can be sent."""
    more = "a third" if limit == CODED else f"{PLAIN / limit - 1:.0%}"
    codec = f", and the payload codec may make them {more} larger" if limit < PLAIN else ""
    return (
        f"{size:,} bytes of JSON; Temporal takes {LIMIT:,} in one payload{codec}. Keep large things in a store of your "
        "own and pass their address, or give the client a data converter with external storage."
    )


def from_raw(value: RawValue) -> str:
    """The JSON text of a payload.

    Raises:
        ValueError: The payload is not JSON.
        UnreadableError: It is of no encoding that Temporal's own converter has.
    """
    encoding = value.payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding == "binary/null":
        return "null"
    if encoding in ("json/plain", "json/protobuf"):
        return value.payload.data.decode()
    check_readable(value.payload, "The payload")
    raise ValueError(f"The payload is {encoding!r}; it must be 'json/plain'.")


def check_readable(payload: Payload, what: str) -> None:
    """Look whether a payload came through the codec as something that Temporal's own converter knows.

    Raises:
        UnreadableError: It did not.
    """
    encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding and encoding not in KNOWN:
        raise UnreadableError(
            f"{what} is {clipped(encoding, 100)!r}, which cannot be read here: whoever wrote it has a payload codec. "
            "Give this client or worker the same data converter, with the same keys (worker/main.py: --data-converter)."
        )
