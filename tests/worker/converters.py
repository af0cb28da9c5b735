"""Data converters, and things that are none, for the worker command."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

NO_CONVERTER = 42


class Backwards(PayloadCodec):
    """A payload codec."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": b"binary/backwards"}, data=payload.SerializeToString()[::-1])
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(payload.data[::-1])
            if payload.metadata.get("encoding") == b"binary/backwards"
            else payload
            for payload in payloads
        ]


converter = dataclasses.replace(DataConverter.default, payload_codec=Backwards())


def make_converter() -> DataConverter:
    return converter


def no_keys() -> DataConverter:
    raise OSError("no keys here")
